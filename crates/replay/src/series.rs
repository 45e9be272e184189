//! What happened when: counters by minute of capture time.

use std::collections::BTreeMap;

use serde::Serialize;
use vpcemu_dataplane::conntrack::Gauge;
use vpcemu_dataplane::counters::{NatCounters, Traffic};
use vpcemu_dataplane::index::NatIx;
use vpcemu_dataplane::outcome::{Stages, StepKind};
use vpcemu_dataplane::{DropReason, Registry};

use crate::summary::{NatSummary, StageHits};

/// The length of an interval, in seconds, until there are too many: CloudWatch's (4.37).
pub(crate) const MINUTE: u64 = 60;

/// Intervals that are kept apart: two weeks of minutes. A capture that spans more, or that jumps through time, gets longer ones.
const MOST: usize = 20_160;

/// The length of what CloudWatch's peaks are averages over, in seconds: six of them are a minute (4.37).
pub(crate) const SLOT: u64 = 10;

const NANOSECONDS: u64 = 1_000_000_000;

/// The number of the minute that a moment is in.
pub(crate) fn minute_of(nanoseconds: u64) -> u64 {
    nanoseconds / (MINUTE * NANOSECONDS)
}

/// The number of the ten seconds that a moment is in.
pub(crate) fn slot_of(nanoseconds: u64) -> u64 {
    nanoseconds / (SLOT * NANOSECONDS)
}

/// Counters by interval.
#[derive(Debug)]
pub(crate) struct Series {
    /// How many minutes an interval has.
    minutes: u64,
    intervals: BTreeMap<u64, Counted>,
    /// What came to NAT gateways in ten seconds that are not over for every worker: peaks are of what all of them saw.
    coming: BTreeMap<(u64, NatIx), Traffic>,
    /// The most that came to NAT gateways in ten seconds.
    most: BTreeMap<NatIx, Traffic>,
}

impl Default for Series {
    fn default() -> Self {
        Self { minutes: 1, intervals: BTreeMap::new(), coming: BTreeMap::new(), most: BTreeMap::new() }
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
    nat: BTreeMap<NatIx, NatCounted>,
}

/// What a NAT gateway counted in one interval.
#[derive(Clone, Copy, Debug, Default)]
struct NatCounted {
    counters: NatCounters,
    /// The most that came to it in ten seconds.
    most: Traffic,
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

    /// What a NAT gateway counted in ten seconds, or a worker's part of that.
    pub(crate) fn nat(&mut self, slot: u64, nat: NatIx, counters: NatCounters) {
        self.at(slot * SLOT / MINUTE).nat.entry(nat).or_default().counters += counters;
        // What is then dropped has come as well.
        let coming = self.coming.entry((slot, nat)).or_default();
        *coming += counters.in_from_source;
        *coming += counters.in_from_destination;
    }

    /// Nothing more is told of the ten seconds before `slot`.
    pub(crate) fn settle(&mut self, slot: u64) {
        let open = self.coming.split_off(&(slot, NatIx(0)));
        for ((slot, nat), came) in std::mem::replace(&mut self.coming, open) {
            let interval = &mut self.at(slot * SLOT / MINUTE).nat.entry(nat).or_default().most;
            *interval = most(*interval, came);
            let run = self.most.entry(nat).or_default();
            *run = most(*run, came);
        }
    }

    /// The most that came to a NAT gateway in any ten seconds that are over.
    pub(crate) fn most(&self, nat: NatIx) -> Traffic {
        self.most.get(&nat).copied().unwrap_or_default()
    }

    /// Intervals twice as long.
    fn coarsen(&mut self) {
        self.minutes *= 2;
        for (number, counted) in std::mem::take(&mut self.intervals) {
            self.intervals.entry(number / 2).or_default().add(counted);
        }
    }

    /// With names, and with the levels of gauges. Mappings that went idle are in the interval in which they did, whether or not a
    /// packet came then.
    pub(crate) fn finish(mut self, registry: &Registry, gauges: &BTreeMap<Gauge, BTreeMap<u64, i64>>) -> Vec<Interval> {
        self.settle(u64::MAX);
        for (second, _) in gauges.values().flatten().filter(|(_, by)| **by != 0) {
            self.at(second / MINUTE);
        }
        let Self { minutes, intervals, .. } = self;
        let seconds = minutes * MINUTE;
        let mut connections = Level::new(gauges.get(&Gauge::Connections));
        let level = |gauge| Level::new(gauges.get(&gauge));
        let of_gateway = |(nat, _)| (nat, level(Gauge::NatActive(nat)), level(Gauge::NatIdle(nat)));
        let mut gateways: Vec<_> = registry.nats.iter().map(of_gateway).collect();
        let interval = |(number, counted): (u64, Counted)| {
            let (start, end) = (number * seconds, (number + 1) * seconds);
            // What ends in its first second is not there at the end of that.
            connections.until(start + 1);
            let (peak, live) = connections.until(end);
            let nat = gateways.iter_mut().map(|(nat, active, idle)| {
                let NatCounted { counters, most } = counted.nat.get(nat).copied().unwrap_or_default();
                let before = idle.now;
                idle.until(end);
                let idle_timeout = u64::try_from(idle.now - before).unwrap_or(0);
                active.until(start + 1);
                let (peak, _) = active.until(end);
                let summary = NatSummary::new(peak, most, &NatCounters { idle_timeout, ..counters });
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

/// The most packets of either, and the most bytes: they need not be of the same ten seconds.
fn most(one: Traffic, other: Traffic) -> Traffic {
    Traffic { packets: one.packets.max(other.packets), bytes: one.bytes.max(other.bytes) }
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
            let own = self.nat.entry(gateway).or_default();
            own.counters += counters.counters;
            own.most = most(own.most, counters.most);
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

/// What happened in one interval of capture time. Intervals in which no packet came and no connection or mapping ended are left
/// out.
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
    fn what_ends_in_the_first_second_of_an_interval_is_not_of_it() {
        let mut series = Series::default();
        [0, 1, 2].into_iter().for_each(|minute| series.at(minute).input += 1);
        let gauges = BTreeMap::from([(Gauge::Connections, BTreeMap::from([(10, 2), (60, -1), (120, 3)]))]);
        let intervals = series.finish(&Registry::default(), &gauges);
        let levels: Vec<_> = intervals.iter().map(|it| (it.connections.peak, it.connections.live)).collect();
        assert_eq!(levels, [(2, 2), (1, 1), (4, 4)]);
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
        // No packet came in the minute between, but something happened.
        assert_eq!(levels, [(60, 5, 3), (120, 7, 1), (180, 1, 1)]);
    }

    #[test]
    fn silent_minutes_make_intervals_longer_rather_than_more() {
        let changes = |every: u64| (0..3 * MOST as u64).map(|n| (n * every, 1)).collect::<BTreeMap<_, _>>();
        let gauges = BTreeMap::from([(Gauge::Connections, changes(60)), (Gauge::NatIdle(NatIx(0)), changes(600))]);
        let mut series = Series::default();
        series.at(7).input += 1;
        let intervals = series.finish(&Registry::default(), &gauges);
        assert!(intervals.len() <= MOST, "{}", intervals.len());
        assert_eq!(intervals.iter().map(|it| it.packets.input).sum::<u64>(), 1);
        assert_eq!(intervals.last().map(|it| it.connections.live), Some(3 * MOST as u64));
        // Nothing happened, all in all.
        let gauges = BTreeMap::from([(Gauge::Connections, BTreeMap::from([(90, 0)]))]);
        assert!(Series::default().finish(&Registry::default(), &gauges).is_empty());
    }

    #[test]
    fn peaks_are_of_what_all_workers_saw() {
        let came = |source: u64, destination: u64| NatCounters {
            in_from_source: Traffic { packets: source, bytes: 100 * source },
            in_from_destination: Traffic { packets: destination, bytes: 1000 * destination },
            // What goes out has come in before.
            out_to_source: Traffic { packets: 1 << 20, bytes: 1 << 40 },
            ..NatCounters::default()
        };
        let (one, other) = (NatIx(0), NatIx(1));
        let mut series = Series::default();
        // A worker's, then another's: each has its own busiest ten seconds.
        for (slot, nat, counters) in [(6, one, came(5, 0)), (8, one, came(1, 1)), (8, other, came(9, 0))] {
            series.nat(slot, nat, counters);
        }
        series.settle(7);
        for (slot, nat, counters) in [(8, one, came(4, 2)), (11, one, came(7, 0)), (12, one, came(2, 0))] {
            series.nat(slot, nat, counters);
        }
        series.settle(12);
        assert_eq!(series.coming.len(), 1);
        assert_eq!(series.most(one), Traffic { packets: 8, bytes: 3500 });
        series.settle(u64::MAX);
        let of = |minute: u64, nat| series.intervals[&minute].nat[&nat].most;
        assert_eq!(of(1, one), Traffic { packets: 8, bytes: 3500 });
        assert_eq!(of(1, other), Traffic { packets: 9, bytes: 900 });
        assert_eq!(of(2, one), Traffic { packets: 2, bytes: 200 });
        series.coarsen();
        let of = |interval: u64, nat| series.intervals[&interval].nat[&nat].most;
        // Minutes 0 and 1, then 2 and 3.
        assert_eq!(of(0, one), Traffic { packets: 8, bytes: 3500 });
        assert_eq!(of(1, one), Traffic { packets: 2, bytes: 200 });
    }
}
