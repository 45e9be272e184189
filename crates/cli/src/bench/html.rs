//! The page: plots and the table, with nothing from outside of it.

use std::collections::BTreeMap;
use std::fmt::Write;

use super::plot::{Line, Range, escaped, lines, ranges};
use super::row::{self, Row};

const STYLE: &str = "\
body { font: 15px/1.5 system-ui, sans-serif; color: #222; max-width: 900px; margin: 2em auto; padding: 0 1em }
svg { width: 100%; height: auto } svg text { font-size: 12px; fill: #333 }
.end { text-anchor: end } .middle { text-anchor: middle } .grid { stroke: #e4e4e4 }
table { border-collapse: collapse; font-size: 13px } th, td { padding: 2px 8px; text-align: right }
th:first-child, td:first-child { text-align: left } tr:nth-child(even) { background: #f5f5f5 }
.scroll { overflow-x: auto }";

/// The whole page.
pub(crate) fn page(rows: &[Row]) -> String {
    let mut page = format!(
        "<!doctype html>\n<html lang=en>\n<head>\n<meta charset=utf-8>\n<title>vpcemu bench</title>\n\
         <style>\n{STYLE}\n</style>\n</head>\n<body>\n<h1>vpcemu bench</h1>\n"
    );
    // Writing to a string cannot fail.
    let _ = write!(
        page,
        "<h2>Nanoseconds a packet, by live flows</h2>\n{}\n<p>Medians of repeated runs. The reference is a loop that \
         validates, finds, counts and rewrites, without any policy, over the same packets and flows.</p>\n",
        lines("live flows", "ns a packet", &by_flows(rows))
    );
    let latencies = latencies(rows);
    if !latencies.is_empty() {
        let _ = write!(
            page,
            "<h2>Latency</h2>\n{}\n<p>Until a batch of packets is done, and with it each of them: p50, p99 and p99.9.</p>\n",
            ranges("ns a batch", &latencies)
        );
    }
    let _ = write!(page, "<h2>All figures</h2>\n<div class=scroll><table>\n<tr>");
    for name in row::header() {
        let _ = write!(page, "<th>{}", escaped(name));
    }
    page.push('\n');
    for row in rows {
        page.push_str("<tr>");
        for cell in row::cells(row) {
            let _ = write!(page, "<td>{}", escaped(&cell));
        }
        page.push('\n');
    }
    page.push_str("</table></div>\n</body>\n</html>\n");
    page
}

/// A line for each scenario, and one for the reference: of the scenario whose reference was quickest, so that it flatters
/// nobody.
fn by_flows(rows: &[Row]) -> Vec<Line> {
    let mut names: Vec<String> = Vec::new();
    let mut found: Vec<Line> = Vec::new();
    let mut reference: BTreeMap<u64, f64> = BTreeMap::new();
    for row in rows {
        let name = title(row);
        let point = (row.flows as f64, row.ns_per_packet.median);
        match names.iter().position(|known| *known == name) {
            Some(at) => found[at].points.push(point),
            None => {
                names.push(name.clone());
                found.push(Line { name, points: vec![point], reference: false });
            }
        }
        let least = reference.entry(row.flows).or_insert(f64::INFINITY);
        *least = least.min(row.reference_ns.median);
    }
    for line in &mut found {
        line.points.sort_by(|a, b| a.0.total_cmp(&b.0));
    }
    let points = reference.into_iter().map(|(flows, ns)| (flows as f64, ns)).collect();
    found.push(Line { name: "reference".to_owned(), points, reference: true });
    found
}

fn latencies(rows: &[Row]) -> Vec<Range> {
    let ranges = rows.iter().filter_map(|row| {
        let latency = row.latency_ns?;
        let marks = [latency.p50 as f64, latency.p99 as f64, latency.p999 as f64];
        Some(Range { name: format!("{}, {} flows", title(row), row.flows), marks })
    });
    ranges.collect()
}

/// The scenario, and what else tells its rows apart.
fn title(row: &Row) -> String {
    match row.workers {
        1 => row.scenario.clone(),
        workers => format!("{}, {workers} workers", row.scenario),
    }
}
