//! What a replay did, in numbers.

use std::collections::BTreeMap;
use std::fmt;
use std::net::IpAddr;

use serde::{Serialize, Serializer};
use vpcemu_dataplane::counters::{NatCounters, Traffic};
use vpcemu_dataplane::engine::CacheCounters;
use vpcemu_flowlog::Written;
use vpcemu_model::Assumption;

use crate::Error;
use crate::series::Interval;

/// A replay that has ended.
#[derive(Debug)]
pub struct Finished {
    /// What it did.
    pub summary: Summary,
    /// Damage to inputs: everything before it is in the outputs.
    pub damage: Vec<Error>,
    /// What is odd about the captures, for people.
    pub warnings: Vec<String>,
    /// How many packets the flow cache knew. Nothing else depends on that.
    pub cache: CacheCounters,
    /// Files and records of flow logs; `None` if none were asked for.
    pub flow_logs: Option<Written>,
}

/// What a replay did: the same for any number of workers, except for [`Summary::run`].
#[derive(Debug, Clone, Serialize)]
pub struct Summary {
    /// Packets, by fate.
    pub packets: Packets,
    /// Bytes of IP total length.
    pub bytes: Bytes,
    /// Dropped packets, by reason.
    pub dropped_by_reason: BTreeMap<&'static str, u64>,
    /// Dropped packets, by the component that dropped them and the rule, most first.
    pub dropped_at: Vec<DroppedAt>,
    /// Delivered packets, by place.
    pub delivered_to: BTreeMap<String, u64>,
    /// Addresses that delivered packets had changed, most first.
    pub translated: Vec<Translated>,
    /// How packets were placed.
    pub vantage: Vantages,
    /// Connections.
    pub connections: Connections,
    /// NAT gateways, by id.
    pub nat: BTreeMap<String, NatSummary>,
    /// How often packets of the input passed each stage, or were refused there, by the stage's name in verdicts.
    pub stages: BTreeMap<&'static str, StageHits>,
    /// The same over capture time.
    pub minutes: Vec<Interval>,
    /// What was assumed.
    pub assumptions: Vec<Assumption>,
    /// The seed behind every choice.
    pub seed: u64,
    /// What depends on the machine.
    pub run: Run,
}

/// Packets, by fate.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Packets {
    /// Every record read.
    #[serde(rename = "in")]
    pub input: u64,
    /// Reached a place.
    pub delivered: u64,
    /// Dropped.
    pub dropped: u64,
    /// Fragments held when the input ended.
    pub held: u64,
    /// Of the dropped, those with damaged headers.
    pub malformed: u64,
    /// Of the delivered, those that left in pieces.
    pub fragmented: u64,
    /// Those pieces.
    pub fragments_made: u64,
    /// Made by the emulator and delivered.
    pub generated: u64,
    /// Made by the emulator and dropped on their way.
    pub generated_dropped: u64,
    /// Put back in front of a translation.
    pub reanchored: u64,
    /// Taken for part of a connection that began before the capture.
    pub adopted: u64,
    /// Second copies of packets captured at two places.
    pub duplicates: u64,
}

/// Bytes of IP total length.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Bytes {
    /// Read.
    #[serde(rename = "in")]
    pub input: u64,
    /// Delivered.
    pub delivered: u64,
}

/// Drops of one kind at one place.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct DroppedAt {
    /// Why.
    pub reason: &'static str,
    /// Who.
    pub at: Option<String>,
    /// In which direction.
    pub dir: Option<&'static str>,
    /// By which rule.
    pub rule: Option<String>,
    /// How many.
    pub packets: u64,
}

/// Delivered packets whose address was translated.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Translated {
    /// Which of the two: `source` or `destination`.
    pub field: &'static str,
    /// As injected.
    pub from: IpAddr,
    /// As delivered.
    pub to: IpAddr,
    /// How many.
    pub packets: u64,
}

/// How packets were placed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Vantages {
    /// Left an interface.
    pub leaves: u64,
    /// Arrived from outside.
    pub arrives: u64,
    /// Put back in front of a translation.
    pub reanchored: u64,
    /// To or from a service of the VPC.
    pub service: u64,
    /// Where the user said.
    pub forced: u64,
}

/// Connections.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Connections {
    /// Accepted by both ends.
    pub created: u64,
    /// Over.
    pub expired: u64,
    /// Alive at the end.
    pub live: u64,
    /// Most alive at the end of any second of capture time.
    pub peak: u64,
}

/// A NAT gateway's counters, as CloudWatch names them.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "PascalCase")]
#[allow(missing_docs, reason = "the names are CloudWatch's, and its documentation explains them")]
pub struct NatSummary {
    pub active_connection_count: u64,
    pub connection_attempt_count: u64,
    pub connection_established_count: u64,
    pub error_port_allocation: u64,
    pub idle_timeout_count: u64,
    pub packets_drop_count: u64,
    pub packets_in_from_source: u64,
    pub bytes_in_from_source: u64,
    pub packets_out_to_destination: u64,
    pub bytes_out_to_destination: u64,
    pub packets_in_from_destination: u64,
    pub bytes_in_from_destination: u64,
    pub packets_out_to_source: u64,
    pub bytes_out_to_source: u64,
    pub peak_packets_per_second: PerSecond,
    pub peak_bytes_per_second: PerSecond,
}

/// An average over the ten seconds that CloudWatch's peaks are of. Written as a number with one decimal: a packet in ten seconds
/// is 0.1.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct PerSecond {
    in_ten: u64,
}

impl PerSecond {
    /// The average of so many in ten seconds.
    pub fn of_ten_seconds(in_ten: u64) -> Self {
        Self { in_ten }
    }

    /// How many in ten seconds.
    pub fn in_ten_seconds(self) -> u64 {
        self.in_ten
    }

    /// The average; exact up to 2⁵³ in ten seconds.
    pub fn value(self) -> f64 {
        self.in_ten as f64 / 10.0
    }
}

impl fmt::Display for PerSecond {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.in_ten / 10, self.in_ten % 10)
    }
}

impl Serialize for PerSecond {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_f64(self.value())
    }
}

/// What passed a stage, and what it refused.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct StageHits {
    /// How often packets passed it; one that crosses two network ACLs does so twice.
    pub passed: u64,
    /// How many packets it refused.
    pub refused: u64,
}

/// What depends on the machine.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Run {
    /// Worker tasks.
    pub workers: usize,
    /// Packets each of them walked.
    pub packets_per_worker: Vec<u64>,
    /// Wall clock, reading and writing included.
    pub elapsed_ns: u64,
    /// Packets a second of that.
    pub packets_per_second: u64,
}

/// A counter of NAT gateways: CloudWatch's name, and how many there are.
pub type NatCounter = (&'static str, fn(&NatSummary) -> u64);

/// A peak of NAT gateways: CloudWatch's name, and how high it was.
pub type NatPeak = (&'static str, fn(&NatSummary) -> PerSecond);

impl NatSummary {
    /// The most in any ten seconds, by CloudWatch's names.
    pub const PEAKS: [NatPeak; 2] = [
        ("PeakPacketsPerSecond", |it| it.peak_packets_per_second),
        ("PeakBytesPerSecond", |it| it.peak_bytes_per_second),
    ];

    /// All that adds up, by CloudWatch's names.
    pub const COUNTERS: [NatCounter; 13] = [
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

    /// `active` is the most mappings, `most` the most that came in ten seconds.
    pub(crate) fn new(active: u64, most: Traffic, counters: &NatCounters) -> Self {
        Self {
            active_connection_count: active,
            connection_attempt_count: counters.connection_attempt,
            connection_established_count: counters.connection_established,
            error_port_allocation: counters.error_port_allocation,
            idle_timeout_count: counters.idle_timeout,
            packets_drop_count: counters.packets_drop,
            packets_in_from_source: counters.in_from_source.packets,
            bytes_in_from_source: counters.in_from_source.bytes,
            packets_out_to_destination: counters.out_to_destination.packets,
            bytes_out_to_destination: counters.out_to_destination.bytes,
            packets_in_from_destination: counters.in_from_destination.packets,
            bytes_in_from_destination: counters.in_from_destination.bytes,
            packets_out_to_source: counters.out_to_source.packets,
            bytes_out_to_source: counters.out_to_source.bytes,
            peak_packets_per_second: PerSecond::of_ten_seconds(most.packets),
            peak_bytes_per_second: PerSecond::of_ten_seconds(most.bytes),
        }
    }
}
