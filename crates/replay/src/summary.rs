//! What a replay did, in numbers.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::time::Duration;

use serde::Serialize;
use vpcemu_dataplane::conntrack::{Delta, Gauge};
use vpcemu_dataplane::counters::NatCounters;
use vpcemu_dataplane::index::NatIx;
use vpcemu_dataplane::outcome::Outcome as Fate;
use vpcemu_dataplane::{DropReason, Place};
use vpcemu_model::Assumption;

use crate::batch::{Item, Outcome, WorkerTotals};
use crate::source::ReaderReport;
use crate::vantage::Vantage;
use crate::verdict::{Names, reason};
use crate::{Error, ReplayOptions};

/// A replay that has ended.
#[derive(Debug)]
pub struct Finished {
    /// What it did.
    pub summary: Summary,
    /// Damage to inputs: everything before it is in the outputs.
    pub damage: Vec<Error>,
    /// What is odd about the captures, for people.
    pub warnings: Vec<String>,
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

type DropKey = (DropReason, Option<String>, Option<&'static str>, Option<String>);

/// Running sums.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    pub(crate) packets: Packets,
    bytes: Bytes,
    pub(crate) dropped: BTreeMap<DropReason, u64>,
    dropped_at: BTreeMap<DropKey, u64>,
    delivered: BTreeMap<Place, u64>,
    translated: BTreeMap<(&'static str, IpAddr, IpAddr), u64>,
    vantage: Vantages,
    gauges: BTreeMap<Gauge, BTreeMap<u64, i64>>,
    connections_now: i64,
}

impl Tally {
    /// Counts one packet of the input.
    pub(crate) fn count(&mut self, names: Names<'_>, item: &Item, outcome: &Outcome) {
        self.packets.input += 1;
        let is_datagram = matches!(item.content, crate::batch::Content::Packet { .. });
        let length = if is_datagram { u64::from(outcome.length) } else { 0 };
        self.bytes.input += length;
        let verdict = outcome.verdict;
        match verdict.map(|verdict| verdict.outcome) {
            Some(Fate::Delivered { at }) => {
                self.packets.delivered += 1;
                self.bytes.delivered += length;
                *self.delivered.entry(at).or_default() += 1;
                if let (Some(injected), Some(verdict)) = (outcome.injected, verdict) {
                    let left_as = verdict.left_as;
                    let ends = [("source", injected.src, left_as.src), ("destination", injected.dst, left_as.dst)];
                    for (field, from, to) in ends.into_iter().filter(|(_, from, to)| from != to) {
                        *self.translated.entry((field, from, to)).or_default() += 1;
                    }
                }
            }
            Some(Fate::Held) => self.packets.held += 1,
            Some(Fate::Dropped(_)) | None => self.count_dropped(names, outcome),
        }
        let pieces = verdict.map_or(0, |verdict| verdict.pieces);
        if pieces > 0 {
            self.packets.fragmented += 1;
            self.packets.fragments_made += u64::from(pieces);
        }
        self.packets.adopted += u64::from(verdict.is_some_and(|verdict| verdict.adopted));
        match outcome.vantage {
            Some(Vantage::Leaves) => self.vantage.leaves += 1,
            Some(Vantage::Arrives) => self.vantage.arrives += 1,
            Some(Vantage::Reanchored) => {
                self.vantage.reanchored += 1;
                self.packets.reanchored += 1;
            }
            Some(Vantage::Service) => self.vantage.service += 1,
            Some(Vantage::Forced) => self.vantage.forced += 1,
            None => {}
        }
        if let Some(made) = outcome.extra.as_ref().and_then(|extra| extra.generated.as_ref()) {
            match made.verdict.outcome {
                Fate::Delivered { .. } => self.packets.generated += 1,
                _ => self.packets.generated_dropped += 1,
            }
        }
    }

    fn count_dropped(&mut self, names: Names<'_>, outcome: &Outcome) {
        self.packets.dropped += 1;
        let Some(reason) = reason(outcome) else { return };
        *self.dropped.entry(reason).or_default() += 1;
        match reason {
            DropReason::Malformed => self.packets.malformed += 1,
            DropReason::Duplicate => self.packets.duplicates += 1,
            _ => {}
        }
        let (at, dir, rule) = match outcome.verdict.map(|verdict| verdict.outcome) {
            Some(Fate::Dropped(denial)) => (
                denial.at.map(|at| names.component(at).to_owned()),
                denial.direction.map(|direction| direction.name()),
                denial.rule.and_then(|rule| names.rule_text(rule)),
            ),
            _ => (None, None, None),
        };
        *self.dropped_at.entry((reason, at, dir, rule)).or_default() += 1;
    }

    /// Takes changes of gauges in.
    pub(crate) fn gauges(&mut self, deltas: impl IntoIterator<Item = Delta>) {
        for Delta { second, gauge, by } in deltas {
            *self.gauges.entry(gauge).or_default().entry(second).or_default() += i64::from(by);
            if gauge == Gauge::Connections {
                self.connections_now += i64::from(by);
            }
        }
    }

    /// Connections alive, as far as is known.
    pub(crate) fn live_connections(&self) -> i64 {
        self.connections_now
    }

    /// Most at the end of any second.
    fn peak(&self, gauge: Gauge) -> u64 {
        let mut level = 0i64;
        let mut peak = 0i64;
        for by in self.gauges.get(&gauge).into_iter().flat_map(BTreeMap::values) {
            level += by;
            peak = peak.max(level);
        }
        u64::try_from(peak).unwrap_or(0)
    }

    /// Adds everything up.
    pub(crate) fn finish(
        mut self,
        options: &ReplayOptions,
        report: ReaderReport,
        totals: Vec<WorkerTotals>,
        elapsed: Duration,
    ) -> Result<Finished, Error> {
        let mut connections = Connections::default();
        let mut nats: BTreeMap<NatIx, NatCounters> = BTreeMap::new();
        let mut packets_per_worker = Vec::new();
        for worker in totals {
            connections.created += worker.created;
            connections.expired += worker.expired;
            packets_per_worker.push(worker.packets);
            self.gauges(worker.deltas);
            for (nat, counters) in worker.nat {
                *nats.entry(nat).or_default() += counters;
            }
        }
        connections.live = connections.created - connections.expired;
        connections.peak = self.peak(Gauge::Connections);
        let Packets { input, delivered, dropped, held, .. } = self.packets;
        if input != delivered + dropped + held {
            return Err(Error::Conservation { input, delivered, dropped, held });
        }
        let names = Names::new(&options.timeline);
        let registry = options.timeline.registry();
        let nat = nats.into_iter().map(|(nat, counters)| {
            let active = self.peak(Gauge::NatActive(nat));
            (registry.nats.id(nat).to_string(), NatSummary::new(active, &counters))
        });
        let nat = nat.collect();
        let mut dropped_at: Vec<DroppedAt> = self
            .dropped_at
            .into_iter()
            .map(|((reason, at, dir, rule), packets)| DroppedAt { reason: reason.code(), at, dir, rule, packets })
            .collect();
        dropped_at.sort_by_key(|row| std::cmp::Reverse(row.packets));
        let mut translated: Vec<Translated> = self
            .translated
            .into_iter()
            .map(|((field, from, to), packets)| Translated { field, from, to, packets })
            .collect();
        translated.sort_by_key(|row| std::cmp::Reverse(row.packets));
        let delivered_to = self.delivered.iter().map(|(place, count)| (names.place(*place).to_owned(), *count));
        let elapsed_ns = u64::try_from(elapsed.as_nanos()).unwrap_or(u64::MAX);
        let rate = u128::from(input) * 1_000_000_000 / u128::from(elapsed_ns.max(1));
        let mut warnings = report.warnings;
        if report.outliers > 0 {
            let count = report.outliers;
            warnings
                .push(format!("{count} packets have a time stamp far ahead of their neighbours; it was not believed"));
        }
        // Some twins are retransmissions or broadcast copies; a tenth of the capture is a pattern.
        if !options.dedup && report.twins > 0 && report.twins * 10 >= input {
            let twins = report.twins;
            warnings.push(format!(
                "{twins} of {input} packets look like second copies of one captured a moment before, as if the capture saw \
                 each at two places; --dedup drops them"
            ));
        }
        let summary = Summary {
            packets: self.packets,
            bytes: self.bytes,
            dropped_by_reason: self.dropped.iter().map(|(reason, count)| (reason.code(), *count)).collect(),
            dropped_at,
            delivered_to: delivered_to.collect(),
            translated,
            vantage: self.vantage,
            connections,
            nat,
            assumptions: options.assumptions.clone(),
            seed: options.engine.seed,
            run: Run {
                workers: options.workers,
                packets_per_worker,
                elapsed_ns,
                packets_per_second: u64::try_from(rate).unwrap_or(u64::MAX),
            },
        };
        Ok(Finished { summary, damage: report.errors, warnings })
    }
}

impl NatSummary {
    fn new(active: u64, counters: &NatCounters) -> Self {
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
        }
    }
}
