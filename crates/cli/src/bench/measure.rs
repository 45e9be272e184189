//! Measures a rig: throughput and the reference in turns, then latency, then whether the counters are what was promised.

use std::sync::Barrier;

use hdrhistogram::Histogram;
use vpcemu_traffic::reference::Reference;

use super::engine::{Counters, Engine};
use super::feed::{Feed, Timed};
use super::rig::{Rig, share};
use super::row::{Latency, Row, Size, Spread, hundredths};
use crate::error::Error;

/// Runs of each kind. Many short ones: on a machine that others use, too, some of them are left alone. An odd number has
/// a middle one.
const RUNS: usize = 21;

/// Packets of a run at least, and of the run by which the others are sized: a chunk.
const LEAST: u64 = 4096;

/// Of the time that the measured runs take, the reference has so many parts in a hundred: it is many times as quick.
const REFERENCE_SHARE: f64 = 0.25;

/// The slowest batch that is told from others: a minute, in nanoseconds.
const SLOWEST: u64 = 60_000_000_000;

/// What a row says of itself.
pub(crate) struct About {
    pub(crate) scenario: String,
    pub(crate) flows: u64,
    pub(crate) size: Size,
    pub(crate) rules: Option<u16>,
    pub(crate) remotes: Option<u32>,
    pub(crate) promise: Promise,
    /// Over how many connections the heap is divided; none if their number is not known.
    pub(crate) connections: Option<u64>,
}

/// What has to be true of every packet of a row.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Promise {
    /// It is delivered, and known to the cache or opening a flow as the loop says.
    Exact,
    /// It is delivered, and no connection is made. What no connection keeps alive the cache may forget.
    Untracked,
    /// Nothing but that it is counted: these are somebody else's packets.
    Nothing,
}

/// What is measured: flows are open, and loops ready.
pub(crate) struct Subject {
    pub(crate) about: About,
    pub(crate) rig: Rig,
    pub(crate) feeds: Vec<Feed>,
    pub(crate) reference: (Reference, Feed),
}

/// Measures one row for about so many seconds.
pub(crate) fn row(subject: Subject, seconds: f64) -> Result<Row, Error> {
    let Subject { about, mut rig, mut feeds, reference: (mut reference, mut served) } = subject;
    let slowest = |runs: &[Timed]| runs.iter().map(|run| run.spent).max().unwrap_or_default();
    // How many packets are a run.
    let first = run(&mut rig.engines, &mut feeds, LEAST);
    let rate = slowest(&first).as_nanos() as f64 / LEAST as f64;
    let packets = ((seconds * 1e9 / RUNS as f64 / rate.max(1.0)) as u64).max(LEAST);
    let bare = served.run_reference(&mut reference, LEAST).0.ns_per_packet();
    let bare_packets = ((seconds * 1e9 * REFERENCE_SHARE / RUNS as f64 / bare.max(1.0)) as u64).max(LEAST);

    let before = counters(&rig.engines);
    let (mut figures, mut reference_figures, mut total) = (Vec::new(), Vec::new(), Timed::default());
    for _ in 0..RUNS {
        let runs = run(&mut rig.engines, &mut feeds, packets);
        let done: u64 = runs.iter().map(|run| run.packets).sum();
        // Workers run side by side: all of it has taken as long as the slowest.
        figures.push(slowest(&runs).as_nanos() as f64 / done.max(1) as f64);
        for run in &runs {
            total.add(run);
        }
        let (timed, hits) = served.run_reference(&mut reference, bare_packets);
        if hits != timed.packets {
            let (scenario, packets) = (&about.scenario, timed.packets);
            return Err(Error::Invalid(format!(
                "{scenario}: the reference loop knew {hits} of {packets} packets, and should have known all of them"
            )));
        }
        reference_figures.push(timed.ns_per_packet());
    }
    let counted = counters(&rig.engines).since(before);
    check(&about, &total, counted)?;

    let latency = latency(&mut rig, &mut feeds, packets)?;
    let (ns_per_packet, reference_ns) = (Spread::of(&figures), Spread::of(&reference_figures));
    let mean_bytes = total.bytes as f64 / total.packets.max(1) as f64;
    let connections = about.connections.filter(|connections| *connections > 0);
    Ok(Row {
        scenario: about.scenario,
        flows: about.flows,
        workers: rig.engines.len(),
        size: about.size,
        packets: total.packets,
        ns_per_packet,
        mpps: hundredths(1e3 / ns_per_packet.median),
        gbps: hundredths(8.0 * mean_bytes / ns_per_packet.median),
        reference_ns,
        ratio: hundredths(ns_per_packet.min / reference_ns.min),
        latency_ns: Some(latency),
        cache_hits: counted.hits,
        cache_misses: counted.misses,
        new_flows: counted.new_flows,
        bytes_per_connection: connections.map(|connections| u64::try_from(rig.heap).unwrap_or(0) / connections),
        delivered: total.counts.delivered,
        dropped: total.counts.dropped,
        rules: about.rules,
        remotes: about.remotes,
    })
}

/// Runs so many packets, by all workers at a time, each its share.
fn run(engines: &mut [Engine], feeds: &mut [Feed], packets: u64) -> Vec<Timed> {
    let total: usize = feeds.iter().map(Feed::len).sum();
    if let ([engine], [feed]) = (&mut *engines, &mut *feeds) {
        return vec![feed.run(engine, packets)];
    }
    let together = Barrier::new(engines.len());
    let mut runs = Vec::new();
    std::thread::scope(|scope| {
        let workers: Vec<_> = engines
            .iter_mut()
            .zip(feeds)
            .map(|(engine, feed)| {
                let (together, packets) = (&together, share(packets, feed.len(), total));
                scope.spawn(move || {
                    together.wait();
                    feed.run(engine, packets)
                })
            })
            .collect();
        for worker in workers {
            match worker.join() {
                Ok(timed) => runs.push(timed),
                Err(panic) => std::panic::resume_unwind(panic),
            }
        }
    });
    runs
}

fn counters(engines: &[Engine]) -> Counters {
    engines.iter().fold(Counters::default(), |sum, engine| sum.and(engine.counters()))
}

/// A run that did other work than its scenario promises is no measurement of it.
fn check(about: &About, total: &Timed, counted: Counters) -> Result<(), Error> {
    let (scenario, packets) = (&about.scenario, total.packets);
    let Counters { hits, misses, new_flows } = counted;
    let (delivered, dropped) = (total.counts.delivered, total.counts.dropped);
    if delivered + dropped != packets || hits + misses != packets {
        return Err(Error::Invalid(format!(
            "{scenario}: of {packets} packets {delivered} were delivered and {dropped} dropped, {hits} were hits and \
             {misses} misses: that does not add up"
        )));
    }
    let kept = match about.promise {
        Promise::Exact => dropped == 0 && misses == total.opening && new_flows == total.opening,
        Promise::Untracked => dropped == 0 && new_flows == 0,
        Promise::Nothing => true,
    };
    if !kept {
        let opening = total.opening;
        return Err(Error::Invalid(format!(
            "{scenario}: {packets} packets were to open {opening} flows and to belong to known ones else, but {dropped} \
             were dropped, {misses} were misses, and {new_flows} connections were made: no figure for other work"
        )));
    }
    Ok(())
}

/// The latency of batches, on the first worker that has packets.
fn latency(rig: &mut Rig, feeds: &mut [Feed], packets: u64) -> Result<Latency, Error> {
    let unusable = |error| Error::Invalid(format!("the latency histogram cannot be made: {error}"));
    let mut batches = Histogram::new_with_bounds(1, SLOWEST, 3).map_err(unusable)?;
    if let Some((engine, feed)) = rig.engines.iter_mut().zip(feeds).find(|(_, feed)| feed.len() > 0) {
        feed.run_batches(engine, packets, &mut batches);
    }
    Ok(Latency::of(&batches))
}

#[cfg(test)]
mod tests {
    use super::super::engine::Counts;
    use super::*;

    fn judged(promise: Promise, opening: u64, counts: (u64, u64), counters: (u64, u64, u64)) -> Result<(), Error> {
        let about = About {
            scenario: "test".to_owned(),
            flows: 1,
            size: Size::Bytes(64),
            rules: None,
            remotes: None,
            promise,
            connections: None,
        };
        let counts = Counts { delivered: counts.0, dropped: counts.1, digest: 0 };
        let total = Timed { packets: 10, opening, counts, ..Timed::default() };
        let (hits, misses, new_flows) = counters;
        check(&about, &total, Counters { hits, misses, new_flows })
    }

    #[test]
    fn only_what_was_promised_is_a_row() {
        let exact = |opening, counts, counters| judged(Promise::Exact, opening, counts, counters);
        assert!(exact(0, (10, 0), (10, 0, 0)).is_ok());
        assert!(exact(3, (10, 0), (7, 3, 3)).is_ok());
        // Sums that are none, a drop, a miss, and a flow too many.
        assert!(exact(0, (9, 0), (10, 0, 0)).is_err());
        assert!(exact(0, (10, 0), (9, 0, 0)).is_err());
        assert!(exact(0, (9, 1), (10, 0, 0)).is_err());
        assert!(exact(0, (10, 0), (9, 1, 0)).is_err());
        assert!(exact(3, (10, 0), (7, 3, 4)).is_err());
    }

    #[test]
    fn what_is_untracked_may_be_forgotten_but_not_lost() {
        let untracked = |counts, counters| judged(Promise::Untracked, 0, counts, counters);
        assert!(untracked((10, 0), (4, 6, 0)).is_ok());
        assert!(untracked((9, 1), (10, 0, 0)).is_err());
        assert!(untracked((10, 0), (9, 1, 1)).is_err());
        assert!(judged(Promise::Nothing, 0, (4, 6), (9, 1, 1)).is_ok());
        assert!(judged(Promise::Nothing, 0, (4, 5), (9, 1, 1)).is_err());
    }
}
