//! What was measured, row by row, and how it is shown.

use clap::ValueEnum;
use comfy_table::{CellAlignment, Table, presets};
use hdrhistogram::Histogram;
use serde::Serialize;

use super::feed::BATCH;
use crate::args::{PacketSize, Scenario};

/// One row: a scenario with so many flows and workers.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Row {
    /// The scenario's name, or `capture`.
    pub(crate) scenario: String,
    /// Live flows; with `capture` those of the capture.
    pub(crate) flows: u64,
    pub(crate) workers: usize,
    pub(crate) size: Size,
    /// Packets of all measured runs.
    pub(crate) packets: u64,
    pub(crate) ns_per_packet: Spread,
    /// Million packets a second, by the median.
    pub(crate) mpps: f64,
    /// Gigabits of IP a second, by the median.
    pub(crate) gbps: f64,
    /// The bare loop over the same packets and as many flows, in between the measured runs; on one worker.
    pub(crate) reference_ns: Spread,
    /// The minimum over the reference's: noise only ever adds.
    pub(crate) ratio: f64,
    /// None where packets are handed over by windows and not by batches.
    pub(crate) latency_ns: Option<Latency>,
    pub(crate) cache_hits: u64,
    pub(crate) cache_misses: u64,
    pub(crate) new_flows: u64,
    /// What connections have taken from the heap, over their number. None where nobody could count.
    pub(crate) bytes_per_connection: Option<u64>,
    pub(crate) delivered: u64,
    pub(crate) dropped: u64,
    pub(crate) rules: Option<u16>,
    pub(crate) remotes: Option<u32>,
}

/// Nanoseconds a packet over repeated runs.
#[derive(Debug, Clone, Copy, Serialize)]
pub(crate) struct Spread {
    pub(crate) min: f64,
    pub(crate) median: f64,
}

impl Spread {
    /// Of at least one run.
    pub(crate) fn of(runs: &[f64]) -> Self {
        let mut runs = runs.to_vec();
        runs.sort_by(f64::total_cmp);
        let at = |place: usize| runs.get(place).copied().unwrap_or_default();
        Self { min: hundredths(at(0)), median: hundredths(at(runs.len() / 2)) }
    }
}

/// How long a packet waits until the batch that it is in is done, in nanoseconds.
#[derive(Debug, Clone, Copy, Serialize)]
pub(crate) struct Latency {
    pub(crate) p50: u64,
    pub(crate) p99: u64,
    pub(crate) p999: u64,
    pub(crate) max: u64,
    /// Packets of a batch.
    pub(crate) batch: usize,
}

impl Latency {
    pub(crate) fn of(batches: &Histogram<u64>) -> Self {
        let at = |quantile| batches.value_at_quantile(quantile);
        Self { p50: at(0.5), p99: at(0.99), p999: at(0.999), max: batches.max(), batch: BATCH }
    }
}

/// Length of packets: bytes of IP, or the mix.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(untagged)]
pub(crate) enum Size {
    Bytes(u64),
    Mix(&'static str),
}

impl From<PacketSize> for Size {
    fn from(size: PacketSize) -> Self {
        match size {
            PacketSize::Small => Self::Bytes(64),
            PacketSize::Imix => Self::Mix("imix"),
            PacketSize::Full => Self::Bytes(1500),
        }
    }
}

impl std::fmt::Display for Size {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Bytes(bytes) => write!(f, "{bytes}"),
            Self::Mix(name) => f.write_str(name),
        }
    }
}

/// A scenario as the command line has it.
pub(crate) fn name(scenario: Scenario) -> String {
    scenario.to_possible_value().map_or_else(String::new, |value| value.get_name().to_owned())
}

/// More digits would be noise.
pub(crate) fn hundredths(value: f64) -> f64 {
    (value * 100.0).round() / 100.0
}

const HEADER: [&str; 15] = [
    "scenario",
    "flows",
    "workers",
    "size",
    "ns min",
    "median",
    "Mpps",
    "Gbit/s",
    "reference",
    "ratio",
    "p50 us",
    "p99",
    "p99.9",
    "hits %",
    "B/conn",
];

/// The rows for people, with what the columns mean.
pub(crate) fn text(rows: &[Row]) -> String {
    let mut table = Table::new();
    table.load_style(presets::NOTHING).set_header(HEADER);
    for column in table.column_iter_mut().skip(1) {
        column.set_cell_alignment(CellAlignment::Right);
    }
    for row in rows {
        table.add_row(cells(row));
    }
    let lines: Vec<_> = table.lines().map(|line| line.trim_end().to_owned()).collect();
    let mut page = lines.join("\n");
    page.push_str(
        "\n\nns: nanoseconds a packet. reference: a loop that validates, finds, counts and rewrites, without any policy, \
         over\nthe same packets and flows, its minimum; ratio: ours over that. Mpps, Gbit/s: by the median. p50, p99, p99.9:\n\
         microseconds until a batch of 32 packets is done. hits: packets that the flow cache knew. B/conn: heap bytes a\n\
         connection, free room in tables included.\n",
    );
    page
}

/// One row as text, as the header of the table has it.
pub(crate) fn cells(row: &Row) -> Vec<String> {
    let micros = |ns: Option<u64>| ns.map_or_else(|| "-".to_owned(), |ns| format!("{:.2}", ns as f64 / 1000.0));
    let latency = row.latency_ns;
    vec![
        row.scenario.clone(),
        row.flows.to_string(),
        row.workers.to_string(),
        row.size.to_string(),
        format!("{:.1}", row.ns_per_packet.min),
        format!("{:.1}", row.ns_per_packet.median),
        format!("{:.2}", row.mpps),
        format!("{:.2}", row.gbps),
        format!("{:.1}", row.reference_ns.min),
        format!("{:.2}", row.ratio),
        micros(latency.map(|latency| latency.p50)),
        micros(latency.map(|latency| latency.p99)),
        micros(latency.map(|latency| latency.p999)),
        format!("{:.1}", 100.0 * row.cache_hits as f64 / row.packets.max(1) as f64),
        row.bytes_per_connection.map_or_else(|| "-".to_owned(), |bytes| bytes.to_string()),
    ]
}

/// The names of the cells.
pub(crate) fn header() -> &'static [&'static str] {
    &HEADER
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spreads_are_the_least_and_the_middle() {
        let spread = Spread::of(&[3.004, 1.0, 10.0, 2.0, 50.0]);
        assert_eq!((spread.min, spread.median), (1.0, 3.0));
    }

    #[test]
    fn scenarios_have_the_names_of_the_command_line() {
        assert_eq!(name(Scenario::NatEstablished), "nat-established");
        assert_eq!(name(Scenario::VpcPath), "vpc-path");
    }
}
