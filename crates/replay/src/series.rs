//! What happened when: counters by minute of capture time.

use std::collections::BTreeMap;

use serde::Serialize;
use vpcemu_dataplane::conntrack::Gauge;
use vpcemu_dataplane::counters::NatCounters;
use vpcemu_dataplane::index::NatIx;
use vpcemu_dataplane::outcome::{Stages, StepKind};
use vpcemu_dataplane::{DropReason, Registry};

use crate::summary::{NatSummary, StageHits};

/// The length of an interval, in seconds, until there are too many: CloudWatch's (4.37).
pub(crate) const MINUTE: u64 = 60;

/// Intervals that are kept apart: two weeks of minutes. A capture that spans more, or that jumps through time, gets longer ones.
const MOST: usize = 20_160;

const NANOSECONDS: u64 = 1_000_000_000;

/// The number of the minute that a moment is in.
pub(crate) fn minute_of(nanoseconds: u64) -> u64 {
    nanoseconds / (MINUTE * NANOSECONDS)
}

/// Counters by interval.
#[derive(Debug)]
pub(crate) struct Series {
    /// How many minutes an interval has.
    minutes: u64,
    intervals: BTreeMap<u64, Counted>,
}

impl Default for Series {
    fn default() -> Self {
        Self { minutes: 1, intervals: BTreeMap::new() }
    }
}

/// What is counted in one interval.
#[derive(Debug, Default)]
pub(crate) struct Counted {
    pub(crate) input: u64,
    pub(crate) delivered: u64,
    pub(crate) held: u64,
    pub(crate) generated: u64,
    pub(crate) bytes_in: u64,
    pub(crate) bytes_delivered: u64,
    pub(crate) dropped: BTreeMap<DropReason, u64>,
    pub(crate) stages: [StageHits; StepKind::ALL.len()],
    nat: BTreeMap<NatIx, NatCounters>,
}

impl Series {
    /// The interval of a minute.
    pub(crate) fn at(&mut self, minute: u64) -> &mut Counted {
        let full = self.intervals.len() >= MOST && !self.intervals.contains_key(&(minute / self.minutes));
        if full {
            self.coarsen();
        }
        self.intervals.entry(minute / self.minutes).or_default()
    }

    /// What a NAT gateway counted in a minute.
    pub(crate) fn nat(&mut self, minute: u64, nat: NatIx, counters: NatCounters) {
        *self.at(minute).nat.entry(nat).or_default() += counters;
    }

    /// Intervals twice as long.
    fn coarsen(&mut self) {
        self.minutes *= 2;
        for (number, counted) in std::mem::take(&mut self.intervals) {
            self.intervals.entry(number / 2).or_default().add(counted);
        }
    }

    /// With names, and with the levels of gauges. Mappings that went idle are in the interval in which they did.
    pub(crate) fn finish(self, registry: &Registry, gauges: &BTreeMap<Gauge, BTreeMap<u64, i64>>) -> Vec<Interval> {
        let Self { minutes, intervals } = self;
        let seconds = minutes * MINUTE;
        let mut connections = Level::new(gauges.get(&Gauge::Connections));
        let level = |gauge| Level::new(gauges.get(&gauge));
        let of_gateway = |(nat, _)| (nat, level(Gauge::NatActive(nat)), level(Gauge::NatIdle(nat)));
        let mut gateways: Vec<_> = registry.nats.iter().map(of_gateway).collect();
        let interval = |(number, counted): (u64, Counted)| {
            let (start, end) = (number * seconds, (number + 1) * seconds);
            connections.until(start);
            let (peak, live) = connections.until(end);
            let nat = gateways.iter_mut().map(|(nat, active, idle)| {
                let counters = counted.nat.get(nat).copied().unwrap_or_default();
                let before = idle.now;
                idle.until(end);
                let idle_timeout = u64::try_from(idle.now - before).unwrap_or(0);
                active.until(start);
                let (peak, _) = active.until(end);
                let summary = NatSummary::new(peak, &NatCounters { idle_timeout, ..counters });
                (registry.nats.id(*nat).to_string(), summary)
            });
            Interval {
                nat: nat.collect(),
                start,
                seconds,
                packets: IntervalPackets {
                    input: counted.input,
                    delivered: counted.delivered,
                    dropped: counted.dropped.values().sum(),
                    held: counted.held,
                    generated: counted.generated,
                },
                bytes: crate::summary::Bytes { input: counted.bytes_in, delivered: counted.bytes_delivered },
                dropped_by_reason: counted.dropped.iter().map(|(reason, count)| (reason.code(), *count)).collect(),
                stages: named(&counted.stages),
                connections: IntervalConnections { live, peak },
            }
        };
        intervals.into_iter().map(interval).collect()
    }
}

/// Counts so many packets that passed the same.
pub(crate) fn count_stages(hits: &mut [StageHits; StepKind::ALL.len()], stages: Stages, packets: u64) {
    for (hits, passed) in hits.iter_mut().zip(stages.passed) {
        hits.passed += packets * u64::from(passed);
    }
    if let Some(refused) = stages.refused {
        hits[refused as usize].refused += packets;
    }
}

/// Stages that packets came to, by name.
pub(crate) fn named(stages: &[StageHits; StepKind::ALL.len()]) -> BTreeMap<&'static str, StageHits> {
    let met = StepKind::ALL.iter().zip(stages).filter(|(_, hits)| **hits != StageHits::default());
    met.map(|(kind, hits)| (kind.name(), *hits)).collect()
}

impl Counted {
    /// Counts so many packets that passed the same.
    pub(crate) fn count_stages(&mut self, stages: Stages, packets: u64) {
        count_stages(&mut self.stages, stages, packets);
    }

    fn add(&mut self, other: Self) {
        let Self { input, delivered, held, generated, bytes_in, bytes_delivered, dropped, stages, nat } = other;
        for (own, hits) in self.stages.iter_mut().zip(stages) {
            own.passed += hits.passed;
            own.refused += hits.refused;
        }
        self.input += input;
        self.delivered += delivered;
        self.held += held;
        self.generated += generated;
        self.bytes_in += bytes_in;
        self.bytes_delivered += bytes_delivered;
        for (reason, count) in dropped {
            *self.dropped.entry(reason).or_default() += count;
        }
        for (gateway, counters) in nat {
            *self.nat.entry(gateway).or_default() += counters;
        }
    }
}

/// A gauge, followed through time.
struct Level<'a> {
    rest: std::iter::Peekable<std::collections::btree_map::Iter<'a, u64, i64>>,
    now: i64,
}

impl<'a> Level<'a> {
    fn new(changes: Option<&'a BTreeMap<u64, i64>>) -> Self {
        const NONE: &BTreeMap<u64, i64> = &BTreeMap::new();
        Self { rest: changes.unwrap_or(NONE).iter().peekable(), now: 0 }
    }

    /// The most at the end of any second before `end`, since this was last asked, and what there is then.
    fn until(&mut self, end: u64) -> (u64, u64) {
        let mut most = self.now;
        while let Some((_, by)) = self.rest.next_if(|(second, _)| **second < end) {
            self.now += by;
            most = most.max(self.now);
        }
        (u64::try_from(most).unwrap_or(0), u64::try_from(self.now).unwrap_or(0))
    }
}

/// What happened in one interval of capture time. Intervals in which no packet came are left out.
#[derive(Debug, Clone, Serialize)]
pub struct Interval {
    /// When it begins, in seconds since the epoch.
    pub start: u64,
    /// How long it is, in seconds: a minute, or more where the captures span weeks.
    pub seconds: u64,
    /// Packets of the input, by fate; those held are counted where they came.
    pub packets: IntervalPackets,
    /// Bytes of IP total length.
    pub bytes: crate::summary::Bytes,
    /// Dropped packets, by reason.
    pub dropped_by_reason: BTreeMap<&'static str, u64>,
    /// How often packets of the input passed each stage, or were refused there.
    pub stages: BTreeMap<&'static str, StageHits>,
    /// Connections.
    pub connections: IntervalConnections,
    /// NAT gateways, by id.
    pub nat: BTreeMap<String, NatSummary>,
}

/// Packets of an interval, by fate.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct IntervalPackets {
    /// Every record read.
    #[serde(rename = "in")]
    pub input: u64,
    /// Reached a place.
    pub delivered: u64,
    /// Dropped.
    pub dropped: u64,
    /// Fragments held when the input ended.
    pub held: u64,
    /// Made by the emulator and delivered.
    pub generated: u64,
}

/// Connections of an interval.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct IntervalConnections {
    /// Alive at its end.
    pub live: u64,
    /// Most alive at the end of any of its seconds.
    pub peak: u64,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn intervals_grow_longer_rather_than_more() {
        let mut series = Series::default();
        for minute in 0..3 * MOST as u64 {
            series.at(minute * 7).input += 1;
        }
        assert!(series.intervals.len() <= MOST);
        assert_eq!(series.intervals.values().map(|counted| counted.input).sum::<u64>(), 3 * MOST as u64);
        let intervals = series.finish(&Registry::default(), &BTreeMap::new());
        assert!(intervals.windows(2).all(|pair| pair[0].start + pair[0].seconds <= pair[1].start));
    }

    #[test]
    fn gauges_have_a_level_at_the_end_and_a_peak() {
        let mut series = Series::default();
        series.at(1).input += 1;
        series.at(3).input += 1;
        let changes = BTreeMap::from([(61, 5), (62, -2), (130, 4), (170, -6)]);
        let gauges = BTreeMap::from([(Gauge::Connections, changes)]);
        let intervals = series.finish(&Registry::default(), &gauges);
        let levels: Vec<_> = intervals.iter().map(|it| (it.start, it.connections.peak, it.connections.live)).collect();
        // What happened in the minute between is over by then.
        assert_eq!(levels, [(60, 5, 3), (180, 1, 1)]);
    }
}
