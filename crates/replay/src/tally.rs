//! Counts what the writer sees: packet by packet, those that the flow cache knew path by path.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::time::Duration;

use vpcemu_dataplane::conntrack::{Delta, Gauge};
use vpcemu_dataplane::counters::NatCounters;
use vpcemu_dataplane::engine::{CacheCounters, Path};
use vpcemu_dataplane::index::NatIx;
use vpcemu_dataplane::outcome::{Direction, Outcome as Fate, Rule, Stages, StepKind};
use vpcemu_dataplane::{Component, DropReason, Registry, Timestamp};

use crate::batch::{Content, Item, Outcome, Passed, WorkerTotals};
use crate::counts::Counts;
use crate::places::Places;
use crate::progress::Counter;
use crate::series::{Series, count_stages, minute_of, named, slot_of};
use crate::source::ReaderReport;
use crate::summary::{
    Bytes, Connections, DroppedAt, Finished, NatSummary, Packets, Run, StageHits, Summary, Translated, Vantages,
};
use crate::translation::Translation;
use crate::vantage::Vantage;
use crate::verdict::{Names, reason};
use crate::{Error, ReplayOptions};

/// Who dropped packets, and why.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
struct Denied {
    reason: DropReason,
    at: Option<Component>,
    direction: Option<Direction>,
    rule: Option<Rule>,
}

/// The same in names: reason, component, direction, rule.
type DeniedBy = (DropReason, Option<String>, Option<&'static str>, Option<String>);

/// Running sums.
#[derive(Debug)]
pub(crate) struct Tally {
    packets: Packets,
    bytes: Bytes,
    /// By reason.
    dropped: [u64; DropReason::ALL.len()],
    dropped_at: Counts<Denied>,
    places: Places,
    /// By the number of the place.
    delivered: Vec<u64>,
    translated: Counts<Translation>,
    vantage: Vantages,
    gauges: BTreeMap<Gauge, BTreeMap<u64, i64>>,
    series: Series,
    stages: [StageHits; StepKind::ALL.len()],
    /// As far as workers have told.
    levels_now: BTreeMap<Gauge, i64>,
    nat_now: BTreeMap<NatIx, NatCounters>,
}

impl Tally {
    /// Nothing counted yet, of a run with these names.
    pub(crate) fn new(registry: &Registry) -> Self {
        let places = Places::new(registry);
        Self {
            packets: Packets::default(),
            bytes: Bytes::default(),
            dropped: [0; DropReason::ALL.len()],
            dropped_at: Counts::default(),
            places,
            delivered: vec![0; places.iter().count()],
            translated: Counts::default(),
            vantage: Vantages::default(),
            gauges: BTreeMap::new(),
            series: Series::default(),
            stages: Default::default(),
            levels_now: BTreeMap::new(),
            nat_now: BTreeMap::new(),
        }
    }

    /// Counts one packet of the input.
    pub(crate) fn count(&mut self, item: &Item, outcome: &Outcome) {
        self.packets.input += 1;
        let is_datagram = !matches!(item.content, Content::Refused(_));
        let length = |length: u32| if is_datagram { u64::from(length) } else { 0 };
        let bytes = Bytes { input: length(outcome.captured_length), delivered: length(outcome.left_length) };
        self.bytes.input += bytes.input;
        count_stages(&mut self.stages, outcome.stages, 1);
        self.count_minute(item, outcome, bytes);
        match &outcome.verdict {
            Some(verdict) => {
                match verdict.outcome {
                    Fate::Delivered { at } => {
                        self.packets.delivered += 1;
                        self.bytes.delivered += bytes.delivered;
                        self.delivered[self.places.number(at)] += 1;
                        if let Some(injected) = &outcome.injected {
                            self.translated(true, injected.src, verdict.left_as.src);
                            self.translated(false, injected.dst, verdict.left_as.dst);
                        }
                    }
                    Fate::Held => self.packets.held += 1,
                    Fate::Dropped(_) => self.count_dropped(outcome),
                }
                if verdict.pieces > 0 {
                    self.packets.fragmented += 1;
                    self.packets.fragments_made += u64::from(verdict.pieces);
                }
                self.packets.adopted += u64::from(verdict.adopted);
            }
            None => self.count_dropped(outcome),
        }
        self.count_placed(outcome.vantage, 1);
        if let Some(made) = outcome.extra.as_ref().and_then(|extra| extra.generated.as_ref()) {
            match made.verdict.outcome {
                Fate::Delivered { .. } => self.packets.generated += 1,
                _ => self.packets.generated_dropped += 1,
            }
        }
    }

    /// Likewise in the minute in which it came. `bytes` are delivered if it is.
    fn count_minute(&mut self, item: &Item, outcome: &Outcome, bytes: Bytes) {
        let counted = self.series.at(minute_of(item.stamp.now.0));
        counted.input += 1;
        counted.bytes_in += bytes.input;
        counted.count_stages(outcome.stages, 1);
        match outcome.verdict.as_ref().map(|verdict| verdict.outcome) {
            Some(Fate::Delivered { .. }) => {
                counted.delivered += 1;
                counted.bytes_delivered += bytes.delivered;
            }
            Some(Fate::Held) => counted.held += 1,
            Some(Fate::Dropped(_)) | None => {
                if let Some(reason) = reason(outcome) {
                    *counted.dropped.entry(reason).or_default() += 1;
                }
            }
        }
        let made = outcome.extra.as_ref().and_then(|extra| extra.generated.as_ref());
        if made.is_some_and(|made| matches!(made.verdict.outcome, Fate::Delivered { .. })) {
            counted.generated += 1;
        }
    }

    /// Counts packets that the flow cache knew. What was rewritten in them is counted by their worker.
    pub(crate) fn count_passed(&mut self, minute: u64, path: &Path, passed: Passed) {
        let Passed { packets, bytes } = passed;
        let stages = Stages { passed: path.stages, refused: None };
        count_stages(&mut self.stages, stages, packets);
        let counted = self.series.at(minute);
        counted.count_stages(stages, packets);
        counted.input += packets;
        counted.delivered += packets;
        counted.bytes_in += bytes;
        counted.bytes_delivered += bytes;
        self.packets.input += packets;
        self.packets.delivered += packets;
        self.bytes.input += bytes;
        self.bytes.delivered += bytes;
        self.delivered[self.places.number(path.at)] += packets;
        self.count_placed(Vantage::numbered(path.note), packets);
    }

    fn count_placed(&mut self, vantage: Option<Vantage>, packets: u64) {
        match vantage {
            Some(Vantage::Leaves) => self.vantage.leaves += packets,
            Some(Vantage::Arrives) => self.vantage.arrives += packets,
            Some(Vantage::Reanchored) => {
                self.vantage.reanchored += packets;
                self.packets.reanchored += packets;
            }
            Some(Vantage::Service) => self.vantage.service += packets,
            Some(Vantage::Forced) => self.vantage.forced += packets,
            None => {}
        }
    }

    fn translated(&mut self, source: bool, from: IpAddr, to: IpAddr) {
        if from != to {
            self.translated.count(Translation { source, from, to });
        }
    }

    fn count_dropped(&mut self, outcome: &Outcome) {
        self.packets.dropped += 1;
        let Some(reason) = reason(outcome) else { return };
        self.dropped[reason as usize] += 1;
        match reason {
            DropReason::Malformed => self.packets.malformed += 1,
            DropReason::Duplicate => self.packets.duplicates += 1,
            _ => {}
        }
        self.dropped_at.count(match outcome.verdict.map(|verdict| verdict.outcome) {
            Some(Fate::Dropped(denial)) => {
                Denied { reason, at: denial.at, direction: denial.direction, rule: denial.rule }
            }
            _ => Denied { reason, at: None, direction: None, rule: None },
        });
    }

    /// Takes in changes of gauges that were told of when it was `end`. A connection that came to an end before its time, since
    /// another took its place, has the time as its end: what has not come yet has happened by now.
    pub(crate) fn gauges(&mut self, deltas: impl IntoIterator<Item = Delta>, end: Timestamp) {
        for Delta { second, gauge, by } in deltas {
            let second = second.min(end.second());
            *self.gauges.entry(gauge).or_default().entry(second).or_default() += i64::from(by);
            *self.levels_now.entry(gauge).or_default() += i64::from(by);
        }
    }

    /// Takes in what NAT gateways counted, by ten seconds.
    pub(crate) fn nat(&mut self, counted: impl IntoIterator<Item = (u64, NatIx, NatCounters)>) {
        for (slot, nat, counters) in counted {
            *self.nat_now.entry(nat).or_default() += counters;
            self.series.nat(slot, nat, counters);
        }
    }

    /// Every worker has told of a window that ended at `end`.
    pub(crate) fn window(&mut self, end: Timestamp) {
        self.series.settle(slot_of(end.0));
    }

    /// What observers see.
    pub(crate) fn counters(&self) -> impl Iterator<Item = (Counter, u64)> + '_ {
        let level = |gauge| self.levels_now.get(&gauge).and_then(|level| u64::try_from(*level).ok()).unwrap_or(0);
        let counters = [
            (Counter::Delivered, self.packets.delivered),
            (Counter::Generated, self.packets.generated),
            (Counter::GeneratedDropped, self.packets.generated_dropped),
            (Counter::BytesIn, self.bytes.input),
            (Counter::BytesDelivered, self.bytes.delivered),
            (Counter::Connections, level(Gauge::Connections)),
        ];
        let dropped = DropReason::ALL.iter().zip(self.dropped);
        let dropped = dropped.map(|(reason, count)| (Counter::Dropped(*reason), count));
        let delivered = self.places.iter().zip(self.delivered.iter().copied());
        let delivered = delivered.map(|(place, count)| (Counter::DeliveredTo(place), count));
        let stages = StepKind::ALL.into_iter().zip(self.stages);
        let stages = stages.flat_map(|(kind, StageHits { passed, refused })| {
            [(Counter::Passed(kind), passed), (Counter::Refused(kind), refused)]
        });
        let gateways = self.nat_now.iter().flat_map(move |(nat, counters)| {
            let idle_timeout = level(Gauge::NatIdle(*nat));
            let summary = NatSummary::new(0, self.series.most(*nat), &NatCounters { idle_timeout, ..*counters });
            let counted = NatSummary::COUNTERS.map(|(name, of)| (Counter::Nat(*nat, name), of(&summary)));
            let most =
                NatSummary::PEAKS.map(|(name, of)| (Counter::NatMost(*nat, name), of(&summary).in_ten_seconds()));
            let active = (Counter::NatActive(*nat), level(Gauge::NatActive(*nat)));
            counted.into_iter().chain(most).chain([active])
        });
        let seldom = dropped.chain(delivered).chain(stages).filter(|(_, count)| *count > 0);
        counters.into_iter().chain(seldom).chain(gateways)
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
        let mut cache = CacheCounters::default();
        let mut translations = std::mem::take(&mut self.translated).into_counts();
        for worker in totals {
            connections.created += worker.created;
            connections.expired += worker.expired;
            packets_per_worker.push(worker.packets);
            self.gauges(worker.deltas, report.end);
            self.nat(worker.nat_slots);
            let CacheCounters { hits, opened, misses, recorded } = worker.cache;
            cache.hits += hits;
            cache.opened += opened;
            cache.misses += misses;
            cache.recorded += recorded;
            for (translation, packets) in worker.translated {
                *translations.entry(translation).or_default() += packets;
            }
            for (nat, counters) in worker.nat {
                *nats.entry(nat).or_default() += counters;
            }
        }
        self.series.settle(u64::MAX);
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
            (registry.nats.id(nat).to_string(), NatSummary::new(active, self.series.most(nat), &counters))
        });
        let nat = nat.collect();
        let mut by_name: BTreeMap<DeniedBy, u64> = BTreeMap::new();
        for (Denied { reason, at, direction, rule }, packets) in self.dropped_at.into_counts() {
            let at = at.map(|at| names.component(at).to_owned());
            let (direction, rule) = (direction.map(Direction::name), rule.and_then(|rule| names.rule_text(rule)));
            *by_name.entry((reason, at, direction, rule)).or_default() += packets;
        }
        let mut dropped_at: Vec<DroppedAt> = by_name
            .into_iter()
            .map(|((reason, at, dir, rule), packets)| DroppedAt { reason: reason.code(), at, dir, rule, packets })
            .collect();
        dropped_at.sort_by_key(|row| std::cmp::Reverse(row.packets));
        let mut translated: Vec<Translated> = translations
            .into_iter()
            .map(|(Translation { source, from, to }, packets)| {
                let field = if source { "source" } else { "destination" };
                Translated { field, from, to, packets }
            })
            .collect();
        translated.sort_by_key(|row| (std::cmp::Reverse(row.packets), row.field, row.from, row.to));
        let mut delivered_to: BTreeMap<String, u64> = BTreeMap::new();
        for (place, count) in self.places.iter().zip(self.delivered).filter(|(_, count)| *count > 0) {
            *delivered_to.entry(names.place(place).to_owned()).or_default() += count;
        }
        let dropped = DropReason::ALL.iter().zip(self.dropped).filter(|(_, count)| *count > 0);
        let elapsed_ns = u64::try_from(elapsed.as_nanos()).unwrap_or(u64::MAX);
        let rate = u128::from(input) * 1_000_000_000 / u128::from(elapsed_ns.max(1));
        let mut warnings = report.warnings;
        if report.outliers > 0 {
            let count = report.outliers;
            warnings
                .push(format!("{count} packets have a time stamp far ahead of their neighbours; it was not believed"));
        }
        if report.behind > 0 {
            let count = report.behind;
            warnings.push(format!(
                "{count} packets have a time stamp of more than 10 s before that of an earlier packet; they count as of its time"
            ));
        }
        // Some twins are retransmissions or broadcast copies; a tenth of the capture is a pattern.
        let (twins, looked_at) = (report.twins, report.looked_at);
        if !options.dedup && twins > 0 && twins * 10 >= looked_at {
            warnings.push(format!(
                "{twins} of {looked_at} packets that were compared look like second copies of one captured a moment before, \
                 as if the capture saw each at two places; --dedup drops them"
            ));
        }
        let series = std::mem::take(&mut self.series).finish(registry, &self.gauges);
        let summary = Summary {
            stages: named(&self.stages),
            minutes: series,
            packets: self.packets,
            bytes: self.bytes,
            dropped_by_reason: dropped.map(|(reason, count)| (reason.code(), count)).collect(),
            dropped_at,
            delivered_to,
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
        Ok(Finished { summary, damage: report.errors, warnings, cache, flow_logs: None })
    }
}
