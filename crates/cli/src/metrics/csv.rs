//! Intervals of capture time as a table: a row each, a column for every reason and gateway that the run knows.

use std::collections::BTreeSet;
use std::fmt::Write;

use vpcemu_replay::{Interval, NatSummary};

/// The table, with a line of names first. Times are seconds since the epoch.
pub(super) fn table(intervals: &[Interval]) -> String {
    let reasons: BTreeSet<&str> = intervals.iter().flat_map(|it| it.dropped_by_reason.keys().copied()).collect();
    let gateways: BTreeSet<&str> = intervals.iter().flat_map(|it| it.nat.keys().map(String::as_str)).collect();
    let mut names: Vec<String> = FIXED.iter().map(|(name, _)| (*name).to_owned()).collect();
    names.extend(reasons.iter().map(|reason| format!("dropped.{reason}")));
    for gateway in &gateways {
        names.extend(OF_GATEWAY.iter().map(|(name, _)| quoted(&format!("{gateway}.{name}"))));
    }
    let mut text = names.join(",");
    text.push('\n');
    for interval in intervals {
        let fixed = FIXED.iter().map(|(_, of)| of(interval));
        let dropped = reasons.iter().map(|reason| interval.dropped_by_reason.get(reason).copied().unwrap_or(0));
        let of_gateways = gateways.iter().flat_map(|gateway| {
            let counted = interval.nat.get(*gateway).copied().unwrap_or_default();
            OF_GATEWAY.iter().map(move |(_, of)| of(&counted))
        });
        for (column, number) in fixed.chain(dropped).chain(of_gateways).enumerate() {
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

/// A NAT gateway's, as CloudWatch names them.
pub(super) const OF_GATEWAY: [Column<NatSummary>; 14] = [
    ("ActiveConnectionCount", |it| it.active_connection_count),
    ("ConnectionAttemptCount", |it| it.connection_attempt_count),
    ("ConnectionEstablishedCount", |it| it.connection_established_count),
    ("ErrorPortAllocation", |it| it.error_port_allocation),
    ("IdleTimeoutCount", |it| it.idle_timeout_count),
    ("PacketsDropCount", |it| it.packets_drop_count),
    ("PacketsInFromSource", |it| it.packets_in_from_source),
    ("BytesInFromSource", |it| it.bytes_in_from_source),
    ("PacketsOutToDestination", |it| it.packets_out_to_destination),
    ("BytesOutToDestination", |it| it.bytes_out_to_destination),
    ("PacketsInFromDestination", |it| it.packets_in_from_destination),
    ("BytesInFromDestination", |it| it.bytes_in_from_destination),
    ("PacketsOutToSource", |it| it.packets_out_to_source),
    ("BytesOutToSource", |it| it.bytes_out_to_source),
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
