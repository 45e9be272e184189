//! Why packets were dropped, by which rule, and the rules that decided something.

use std::cmp::Reverse;
use std::collections::HashMap;
use std::fmt::Write;

use vpcemu_dataplane::DropReason;
use vpcemu_replay::Summary;

use super::table::Table;
use super::text::{count, escaped, marked, number, share};
use crate::collect::{Collector, Decided};

/// Kinds of drop that are listed.
const KINDS: usize = 200;

/// Rules that are listed besides those that dropped something.
const RULES: usize = 300;

/// What names a rule in the summary: component, direction, rule.
type Name<'a> = (&'a str, Option<&'a str>, &'a str);

/// The sections of drops and of rules.
pub(crate) fn sections(collector: &Collector, summary: &Summary) -> (String, String) {
    let (rules, rows) = rules(collector);
    (drops(collector, summary, &rows), rules)
}

fn drops(collector: &Collector, summary: &Summary, rows: &HashMap<Name<'_>, usize>) -> String {
    if summary.dropped_at.is_empty() {
        return "<p>Nothing was dropped.</p>\n".to_owned();
    }
    let mut table = Table::new("Drops by reason");
    table.text("reason").text("in words").number("packets").number("share");
    let mut reasons: Vec<_> = summary.dropped_by_reason.iter().collect();
    reasons.sort_by_key(|(reason, packets)| (Reverse(**packets), **reason));
    for (reason, packets) in reasons {
        let words = DropReason::of_code(reason).map_or("", DropReason::in_words);
        let packets_cell = marked(&["dropped_by_reason", reason], *packets);
        table.row([
            format!("<code>{reason}</code>"),
            escaped(words),
            packets_cell,
            share(*packets, summary.packets.input),
        ]);
    }
    let mut html = table.finish();

    let mut table = Table::new("Drops by component and rule");
    table.text("reason").text("at").text("rule").number("packets").text("the first such packet");
    for (at, row) in summary.dropped_at.iter().take(KINDS).enumerate() {
        let (component, rule) = (row.at.as_deref(), row.rule.as_deref());
        let dir = row.dir.map_or_else(String::new, |dir| format!(" {dir}"));
        let known = component.zip(rule).and_then(|(component, rule)| rows.get(&(component, row.dir, rule)));
        let shown = match rule {
            Some("*") => "none matches".to_owned(),
            Some(rule) => escaped(rule),
            None => "<i>no rule decided</i>".to_owned(),
        };
        let rule = match known {
            Some(at) => format!("<a href=\"#rule-{at}\">{shown}</a>"),
            None => shown,
        };
        let example = collector.decisions.example(row.reason, component, row.dir, row.rule.as_deref());
        table.row([
            format!("<code>{}</code>", row.reason),
            component.map_or_else(|| "—".to_owned(), |component| format!("{}{dir}", escaped(component))),
            rule,
            marked(&["dropped_at", &at.to_string(), "packets"], row.packets),
            example.map_or_else(String::new, |example| {
                let mut text = format!("no. {}: {}", number(example.n), escaped(&example.packet));
                let denied = &example.denied;
                if let Some(because) = &denied.because {
                    let _ = write!(text, "<br>{}", escaped(because));
                }
                if let Some(nearest) = &denied.nearest {
                    let place = nearest.origin.as_ref().map_or_else(String::new, |origin| format!(" ({origin})"));
                    let differs = nearest.differs.join(", ");
                    let _ = write!(
                        text,
                        "<br><small>nearest: {} differs in {}</small>",
                        escaped(&format!("{}{place}", nearest.text)),
                        escaped(&differs)
                    );
                }
                if let Some(after) = denied.after {
                    let _ = write!(text, "<br><small>its flow was first denied at no. {}</small>", number(after));
                }
                text
            }),
        ]);
    }
    html.push_str(&table.finish());
    let rest = summary.dropped_at.iter().skip(KINDS);
    let (kinds, packets) = rest.fold((0, 0), |(kinds, packets), row| (kinds + 1, packets + row.packets));
    if kinds > 0 {
        let kinds = count(kinds, "more kind");
        let _ = writeln!(
            html,
            "<p class=\"note\">And {} in {kinds}; the summary has all of them.</p>",
            count(packets, "packet")
        );
    }
    html
}

/// The list, and the row of each rule.
fn rules(collector: &Collector) -> (String, HashMap<Name<'_>, usize>) {
    let all = collector.decisions.rules();
    let mut rules: Vec<&Decided> = all.iter().collect();
    // Sorting is stable: of those alike, the one that decided first is first.
    rules.sort_by_key(|rule| (Reverse(rule.denied), Reverse(rule.allowed)));
    let dropping = rules.iter().filter(|rule| rule.denied > 0).count();
    let shown = rules.len().min(dropping + RULES);
    let several = collector.networks.len() > 1;

    let mut rows = HashMap::new();
    let mut table = Table::new("Rules that decided something");
    table
        .text("at")
        .text("rule")
        .text("what it says")
        .text("defined at")
        .number("passed")
        .number("dropped")
        .number("bytes");
    for (at, rule) in rules.iter().take(shown).enumerate() {
        let hop = &rule.hop;
        let id = hop.rule.as_deref().unwrap_or("*");
        rows.entry((hop.hop.as_str(), hop.dir, id)).or_insert(at);
        // An id that was made of the name says both.
        let name = hop.name.as_ref().filter(|name| !hop.hop.ends_with(name.as_str()));
        let name = name.map_or_else(String::new, |name| format!(" <small>{}</small>", escaped(name)));
        let dir = hop.dir.map_or_else(String::new, |dir| format!(" {dir}"));
        let generation =
            if several { format!(" <small>configuration {}</small>", rule.generation + 1) } else { String::new() };
        let group = hop.group.as_ref().map(|group| match &group.name {
            Some(name) => format!("{} ({name})", group.id),
            None => group.id.clone(),
        });
        let shown = match (hop.kind, id) {
            (_, "*") => "*".to_owned(),
            ("route", _) => "route".to_owned(),
            (_, id) => id.to_owned(),
        };
        let says = match &hop.text {
            Some(text) => escaped(text),
            None if id == "*" => "the implicit deny: no rule matches".to_owned(),
            None => escaped(id),
        };
        let group = group.map_or_else(String::new, |group| format!(" <small>in {}</small>", escaped(&group)));
        table.row_at(
            &format!("rule-{at}"),
            [
                format!("{}{dir}{name}{generation}", escaped(&hop.hop)),
                escaped(&shown),
                format!("{says}{group}"),
                match (&hop.origin, id) {
                    (Some(origin), _) => escaped(origin),
                    (None, "*") => String::new(),
                    (None, _) => "<i>made with the VPC</i>".to_owned(),
                },
                number(rule.allowed),
                number(rule.denied),
                number(rule.bytes),
            ],
        );
    }
    if rules.is_empty() {
        return ("<p>No rule decided anything.</p>\n".to_owned(), rows);
    }
    let mut html = table.finish();
    html.push_str(
        "<p class=\"note\">Packets count at every rule that they met. A packet of a known connection meets no rule of a security \
         group.</p>\n",
    );
    if rules.len() > shown || collector.decisions.missed() > 0 {
        let more = count((rules.len() - shown) as u64, "more rule");
        let missed = collector.decisions.missed();
        let beyond = if missed > 0 {
            format!(", and {} by rules beyond the first 65,536", count(missed, "decision"))
        } else {
            String::new()
        };
        let _ = writeln!(html, "<p class=\"note\">And {more} that let packets pass{beyond}.</p>");
    }
    (html, rows)
}
