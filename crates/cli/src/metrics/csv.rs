//! Intervals of capture time as a table: a row each, a column for every reason and gateway that the run knows.

use std::collections::BTreeSet;
use std::fmt::Write;

use vpcemu_replay::{Interval, NatSummary};

/// The table, with a line of names first. Times are seconds since the epoch.
pub(super) fn table(intervals: &[Interval]) -> String {
    let reasons: BTreeSet<&str> = intervals.iter().flat_map(|it| it.dropped_by_reason.keys().copied()).collect();
    let gateways: BTreeSet<&str> = intervals.iter().flat_map(|it| it.nat.keys().map(String::as_str)).collect();
    let stages: BTreeSet<&str> = intervals.iter().flat_map(|it| it.stages.keys().copied()).collect();
    let mut names: Vec<String> = FIXED.iter().map(|(name, _)| (*name).to_owned()).collect();
    names.extend(reasons.iter().map(|reason| format!("dropped.{reason}")));
    names.extend(stages.iter().flat_map(|stage| [format!("passed.{stage}"), format!("refused.{stage}")]));
    for gateway in &gateways {
        names.push(quoted(&format!("{gateway}.ActiveConnectionCount")));
        names.extend(NatSummary::COUNTERS.iter().map(|(name, _)| quoted(&format!("{gateway}.{name}"))));
    }
    let mut text = names.join(",");
    text.push('\n');
    for interval in intervals {
        let fixed = FIXED.iter().map(|(_, of)| of(interval));
        let dropped = reasons.iter().map(|reason| interval.dropped_by_reason.get(reason).copied().unwrap_or(0));
        let of_gateways = gateways.iter().flat_map(|gateway| {
            let counted = interval.nat.get(*gateway).copied().unwrap_or_default();
            let counters = NatSummary::COUNTERS.iter().map(move |(_, of)| of(&counted));
            std::iter::once(counted.active_connection_count).chain(counters)
        });
        let met = stages.iter().flat_map(|stage| {
            let hits = interval.stages.get(stage).copied().unwrap_or_default();
            [hits.passed, hits.refused]
        });
        for (column, number) in fixed.chain(dropped).chain(met).chain(of_gateways).enumerate() {
            let separator = if column == 0 { "" } else { "," };
            // Writing to a string cannot fail.
            let _ = write!(text, "{separator}{number}");
        }
        text.push('\n');
    }
    text
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
