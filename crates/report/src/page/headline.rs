//! What the replay was of, and what came out, in a few numbers.

use std::fmt::Write;

use vpcemu_replay::Summary;

use super::About;
use super::text::{Utc, count, duration, escaped, marked, number, share};
use crate::collect::Collector;

/// The head of the page.
pub(crate) fn section(about: &About, collector: &Collector, summary: &Summary) -> String {
    let packets = &summary.packets;
    let mut html = String::from("<dl class=\"facts big\">\n");
    let of_input = |value: u64| format!("<small>{}</small>", share(value, packets.input));
    let connections = &summary.connections;
    for (name, key, value, more) in [
        ("packets in", &["packets", "in"], packets.input, bytes("in", summary.bytes.input)),
        ("delivered", &["packets", "delivered"], packets.delivered, of_input(packets.delivered)),
        ("dropped", &["packets", "dropped"], packets.dropped, of_input(packets.dropped)),
        ("held", &["packets", "held"], packets.held, "<small>fragments</small>".to_owned()),
        (
            "connections",
            &["connections", "created"],
            connections.created,
            format!(
                "<small>{} at once at the peak, {} expired, {} live at the end</small>",
                marked(&["connections", "peak"], connections.peak),
                marked(&["connections", "expired"], connections.expired),
                marked(&["connections", "live"], connections.live)
            ),
        ),
    ] {
        let class = if name == "dropped" && value > 0 { " class=\"bad\"" } else { "" };
        let _ = writeln!(html, "<div{class}><dt>{name}</dt><dd>{} {more}</dd></div>", marked(key, value));
    }
    html.push_str("</dl>\n<dl class=\"about\">\n");
    let list = |items: &[String]| items.iter().map(|item| escaped(item)).collect::<Vec<_>>().join("<br>");
    let mut row = |name: &str, html_text: String| {
        if !html_text.is_empty() {
            let _ = writeln!(html, "<div><dt>{name}</dt><dd>{html_text}</dd></div>");
        }
    };
    row(if about.captures.len() == 1 { "capture" } else { "captures" }, list(&about.captures));
    row(if about.configurations.len() == 1 { "configuration" } else { "configurations" }, list(&about.configurations));
    if let Some((first, last)) = collector.span {
        let (first, last) = (first / 1_000_000, last / 1_000_000);
        row("time span", format!("{} to {} UTC, {}", Utc(first), Utc(last), duration(last - first)));
    }
    row("bytes delivered", bytes("delivered", summary.bytes.delivered));
    for (name, key, value) in [
        ("made by the VPC and delivered", "generated", packets.generated),
        ("made by the VPC and dropped", "generated_dropped", packets.generated_dropped),
        ("left in pieces", "fragmented", packets.fragmented),
        ("put back in front of a translation", "reanchored", packets.reanchored),
        ("of connections from before the capture", "adopted", packets.adopted),
        ("second copies", "duplicates", packets.duplicates),
    ] {
        if value > 0 {
            row(name, marked(&["packets", key], value));
        }
    }
    let assumed = count(summary.assumptions.len() as u64, "thing");
    row(
        "assumed",
        match summary.assumptions.len() {
            0 => "nothing".to_owned(),
            _ => format!("<a href=\"#assumed\">{assumed}</a>"),
        },
    );
    row("seed", marked(&["seed"], summary.seed));
    row("remarks", list(&about.remarks));
    html.push_str("</dl>\n");
    html
}

fn bytes(key: &str, value: u64) -> String {
    let rounded = if value >= 10_000 { format!(" ({})", rounded(value)) } else { String::new() };
    format!("<small>{} bytes{rounded}</small>", marked(&["bytes", key], value))
}

/// `12.3 MB`, decimal.
fn rounded(value: u64) -> String {
    let (mut size, mut unit) = (value as f64 / 1000.0, "kB");
    for larger in ["MB", "GB", "TB", "PB", "EB"] {
        if size < 999.95 {
            break;
        }
        (size, unit) = (size / 1000.0, larger);
    }
    format!("{size:.1} {unit}")
}

/// What was assumed.
pub(crate) fn assumptions(summary: &Summary) -> String {
    /// Assumptions that are listed; the summary has all of them.
    const ROWS: usize = 50;
    if summary.assumptions.is_empty() {
        return "<p>Nothing was assumed.</p>\n".to_owned();
    }
    let mut html = String::from("<ul>\n");
    for assumption in summary.assumptions.iter().take(ROWS) {
        let (place, text, code) = (escaped(&assumption.place), escaped(&assumption.text), escaped(&assumption.code));
        let _ = writeln!(html, "<li>{place}: {text} <code>{code}</code></li>");
    }
    html.push_str("</ul>\n");
    let more = summary.assumptions.len().saturating_sub(ROWS) as u64;
    if more > 0 {
        let _ = writeln!(html, "<p class=\"note\">And {} more.</p>", number(more));
    }
    html
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_rounded() {
        let sizes = [12_345, 999_949, 999_950, 1_000_000_000, u64::MAX].map(rounded);
        assert_eq!(sizes, ["12.3 kB", "999.9 kB", "1.0 MB", "1.0 GB", "18.4 EB"]);
    }
}
