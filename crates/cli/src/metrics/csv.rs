//! Intervals of capture time as a table: a row each, a column for every reason and gateway that the run knows.

use std::collections::BTreeSet;
use std::fmt::{Display, Write};

use vpcemu_replay::{Interval, NatSummary};

/// The table, with a line of names first. Times are seconds since the epoch. Peaks of gateways have one decimal, all else has none.
pub(super) fn table(intervals: &[Interval]) -> String {
    let reasons: BTreeSet<&str> = intervals.iter().flat_map(|it| it.dropped_by_reason.keys().copied()).collect();
    let gateways: BTreeSet<&str> = intervals.iter().flat_map(|it| it.nat.keys().map(String::as_str)).collect();
    let stages: BTreeSet<&str> = intervals.iter().flat_map(|it| it.stages.keys().copied()).collect();
    let mut names: Vec<String> = FIXED.iter().map(|(name, _)| (*name).to_owned()).collect();
    names.extend(reasons.iter().map(|reason| format!("dropped.{reason}")));
    names.extend(stages.iter().flat_map(|stage| [format!("passed.{stage}"), format!("refused.{stage}")]));
    for gateway in &gateways {
        let counters = NatSummary::COUNTERS.iter().map(|(name, _)| name);
        let metrics =
            ["ActiveConnectionCount"].iter().chain(counters).chain(NatSummary::PEAKS.iter().map(|(name, _)| name));
        names.extend(metrics.map(|name| quoted(&format!("{gateway}.{name}"))));
    }
    let mut text = names.join(",");
    text.push('\n');
    for interval in intervals {
        let mut row = Row { text: &mut text, first: true };
        FIXED.iter().for_each(|(_, of)| row.cell(of(interval)));
        for reason in &reasons {
            row.cell(interval.dropped_by_reason.get(reason).copied().unwrap_or(0));
        }
        for stage in &stages {
            let hits = interval.stages.get(stage).copied().unwrap_or_default();
            row.cell(hits.passed);
            row.cell(hits.refused);
        }
        for gateway in &gateways {
            let counted = interval.nat.get(*gateway).copied().unwrap_or_default();
            row.cell(counted.active_connection_count);
            NatSummary::COUNTERS.iter().for_each(|(_, of)| row.cell(of(&counted)));
            NatSummary::PEAKS.iter().for_each(|(_, of)| row.cell(of(&counted)));
        }
        text.push('\n');
    }
    text
}

/// A line of numbers in the making.
struct Row<'a> {
    text: &'a mut String,
    first: bool,
}

impl Row<'_> {
    fn cell(&mut self, number: impl Display) {
        let separator = if self.first { "" } else { "," };
        self.first = false;
        // Writing to a string cannot fail.
        let _ = write!(self.text, "{separator}{number}");
    }
}

type Column<T> = (&'static str, fn(&T) -> u64);

const FIXED: [Column<Interval>; 11] = [
    ("start", |it| it.start),
    ("seconds", |it| it.seconds),
    ("packets.in", |it| it.packets.input),
    ("packets.delivered", |it| it.packets.delivered),
    ("packets.dropped", |it| it.packets.dropped),
    ("packets.held", |it| it.packets.held),
    ("packets.generated", |it| it.packets.generated),
    ("bytes.in", |it| it.bytes.input),
    ("bytes.delivered", |it| it.bytes.delivered),
    ("connections.live", |it| it.connections.live),
    ("connections.peak", |it| it.connections.peak),
];

/// A name as RFC 4180 wants it: ids that come from Terraform may hold anything.
fn quoted(name: &str) -> String {
    if name.contains([',', '"', '\n', '\r']) { format!("\"{}\"", name.replace('"', "\"\"")) } else { name.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_with_commas_are_one_column() {
        assert_eq!(quoted("nat-1.IdleTimeoutCount"), "nat-1.IdleTimeoutCount");
        assert_eq!(quoted("aws_nat_gateway.a[\"x,y\"]"), "\"aws_nat_gateway.a[\"\"x,y\"\"]\"");
    }
}
