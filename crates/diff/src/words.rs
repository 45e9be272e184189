//! Changes in words, as the reports for people have them in common.

use crate::{Basis, Change, Comparison, Kind, Side};

/// `3 changes (2 newly denied, 1 routed differently)`.
pub(crate) fn summary(comparison: &Comparison) -> String {
    let changes = &comparison.changes;
    if changes.is_empty() {
        return match comparison.complete {
            true => "no difference".to_owned(),
            false => "no difference found, but not everything was compared".to_owned(),
        };
    }
    let flows = matches!(comparison.basis, Basis::Captures { .. });
    let what = match (flows, changes.len()) {
        (true, 1) => "flow differs",
        (true, _) => "flows differ",
        (false, 1) => "change",
        (false, _) => "changes",
    };
    let of = |kind: Kind| changes.iter().filter(|change| change.kind == kind).count();
    let counts = Kind::ALL.into_iter().map(|kind| (of(kind), kind)).filter(|(count, _)| *count > 0);
    let counts: Vec<_> = counts.map(|(count, kind)| format!("{count} {}", kind.words())).collect();
    format!("{} {what} ({})", changes.len(), counts.join(", "))
}

/// With what was compared.
pub(crate) fn basis(comparison: &Comparison) -> String {
    match comparison.basis {
        Basis::Captures { packets: 1, .. } => "1 packet was compared".to_owned(),
        Basis::Captures { packets, .. } => format!("{packets} packets were compared"),
        Basis::Probes { sent, of } if sent < of => {
            format!("{sent} of up to {of} probes were sent: not every boundary was tried (--max-probes)")
        }
        Basis::Probes { sent: 0, .. } => "nothing that packets could meet has changed: no probe was needed".to_owned(),
        Basis::Probes { sent, .. } => format!("{sent} probes were sent, to both sides of every boundary"),
    }
}

/// What else there is to know, a line each.
pub(crate) fn remarks(comparison: &Comparison) -> Vec<String> {
    let mut lines = Vec::new();
    for (which, interfaces) in [("old", &comparison.only_in_old), ("new", &comparison.only_in_new)] {
        if !interfaces.is_empty() {
            lines.push(format!("only in the {which} configuration: {}", interfaces.join(", ")));
        }
    }
    if comparison.denied_otherwise > 0 {
        let what = match comparison.basis {
            Basis::Captures { .. } => "packets",
            Basis::Probes { .. } => "probes",
        };
        let count = comparison.denied_otherwise;
        lines.push(format!("denied by both, for another reason or at another place: {count} {what}"));
    }
    lines.extend(comparison.notes.iter().cloned());
    lines
}

/// Whose packets they are, and which: `app -> 0.0.0.0/0: tcp 443`.
pub(crate) fn packets(change: &Change) -> String {
    let Some(traffic) = &change.traffic else {
        return format!("{} {} > {}", change.flow.proto, change.flow.src, change.flow.dst);
    };
    let ports = change.source_ports.as_ref().map_or_else(String::new, |ports| format!(" from ports {ports}"));
    let answer = match change.packet {
        Some("answer") => ", the answer",
        Some("confirmation") => ", what confirms it",
        _ => "",
    };
    // Blocks say themselves which version they are of.
    let told = change.from.iter().chain(&change.to).any(|end| end.contains(':'));
    let version = if change.ipv6 == Some(true) && !told { " over IPv6" } else { "" };
    format!("{} -> {}: {traffic}{version}{ports}{answer}", few(&change.from), few(&change.to))
}

/// Names that are listed before the rest is counted.
const LISTED: usize = 5;

fn few(names: &[String]) -> String {
    if names.len() <= LISTED + 1 {
        return names.join(", ");
    }
    format!("{} and {} more", names[..LISTED].join(", "), names.len() - LISTED)
}

/// What a side does: `denied at eni-app, egress (ENI_SG_RULES_MISMATCH): ...`. `quote` is for what is code.
pub(crate) fn does(change: &Change, side: &Side, quote: impl Fn(&str) -> String) -> String {
    let at = side.at.as_ref().map(|at| match &side.name {
        Some(name) if name != at => format!("{} ({name})", quote(at)),
        _ => quote(at),
    });
    let dir = side.dir.map_or_else(String::new, |dir| format!(", {dir}"));
    let text = side.text.as_deref().unwrap_or_default();
    if side.verdict != "allow" {
        let reason = side.reason.map_or_else(String::new, |reason| format!(" ({reason})"));
        let at = at.map_or_else(String::new, |at| format!(" at {at}{dir}"));
        return format!("{}{at}{reason}: {text}", if side.verdict == "held" { "held" } else { "denied" });
    }
    let rule = side.rule.as_deref().unwrap_or_default();
    // An entry of a network ACL and a route have their number or block in their text.
    let numbered = text.starts_with("rule ") || text == rule || text.is_empty();
    let by = if numbered {
        quote(if text.is_empty() { rule } else { text })
    } else {
        format!("{} {}", quote(rule), quote(text))
    };
    let by = match (by.as_str() == quote(""), at) {
        (true, Some(at)) => format!(" at {at}"),
        (true, None) => String::new(),
        (false, Some(at)) => format!(" by {by} of {at}"),
        (false, None) => format!(" by {by}"),
    };
    match change.kind {
        Kind::NewlyDenied | Kind::NewlyAllowed => format!("allowed{by}"),
        Kind::Rerouted | Kind::Retranslated => {
            let via = if side.via.is_empty() { String::new() } else { format!(" via {}", quote(&side.via.join(", "))) };
            let out = side.out.as_ref().map_or_else(String::new, |out| format!(" to {}", quote(out)));
            let xlate = side
                .xlate
                .as_ref()
                .map_or_else(String::new, |it| format!(" as {}", quote(&format!("{} > {}", it.src, it.dst))));
            format!("delivered{out}{via}{xlate}{by}")
        }
    }
}

/// The rule nearest to letting a packet pass, with where it was defined.
pub(crate) fn nearest(side: &Side, quote: impl Fn(&str) -> String) -> Option<String> {
    let nearest = side.nearest.as_ref()?;
    let rule = if nearest.text.starts_with("rule ") { String::new() } else { format!("{} ", quote(&nearest.rule)) };
    let origin = nearest.origin.as_ref().map_or_else(String::new, |origin| format!(", defined at {origin}"));
    let differs = nearest.differs.join(", and ");
    Some(format!("nearest: {rule}{}, but {differs}{origin}", quote(&nearest.text)))
}
