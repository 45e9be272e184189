//! The fast path in pieces: the engine's passes over batches, flows that are new to it, and connections that expire.

use std::time::{Duration, Instant};

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use vpcemu_benches::cached::{BATCH, Batch, Load};
use vpcemu_benches::way::Way;
use vpcemu_benches::{NETWORK, REMOTES, live, timeline};

/// Live flows: those that fit into the second cache, and those that do not.
const FLOWS: [u32; 2] = [1_000, 100_000];

/// The passes of a hit that are measured: what goes before one is done, and not timed.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Pass {
    /// Header walk, hash, and asking for the bucket.
    Stage,
    /// The look-up: tag, record, comparison.
    FindFetch,
    /// Lease, rewrite, counters.
    Forward,
}

/// Times one pass over all packets of a load, batch by batch.
fn pass(load: &mut Load, pass: Pass) -> Duration {
    load.refill();
    let starts = (0..load.len() / BATCH).map(|number| number * BATCH);
    let mut begun = Instant::now();
    let mut staged: Vec<Batch> = starts.clone().map(|at| load.stage(at, BATCH)).collect();
    if pass == Pass::Stage {
        return begun.elapsed();
    }
    begun = Instant::now();
    for batch in &mut staged {
        load.find(batch);
        load.fetch(batch);
    }
    if pass == Pass::FindFetch {
        return begun.elapsed();
    }
    begun = Instant::now();
    for (at, batch) in starts.zip(&staged) {
        load.forward(at, BATCH, batch);
    }
    begun.elapsed()
}

fn hits(c: &mut Criterion) {
    let mut group = c.benchmark_group("hit");
    for way in [Way::VpcPath, Way::Igw, Way::Eigw] {
        for &flows in live(&FLOWS) {
            let mut load = Load::established(way, flows);
            let packets = load.len() / BATCH * BATCH;
            let bytes = (way.opening(0).len() * packets) as u64;
            group.throughput(Throughput::ElementsAndBytes { elements: packets as u64, bytes });
            for (name, of) in [("stage", Pass::Stage), ("find-fetch", Pass::FindFetch), ("forward", Pass::Forward)] {
                let before = load.counters();
                let mut rounds = 0;
                group.bench_function(BenchmarkId::new(format!("{name}/{}", way.name()), flows), |b| {
                    b.iter_custom(|iterations| {
                        rounds += iterations;
                        (0..iterations).map(|_| pass(&mut load, of)).sum()
                    });
                });
                let after = load.counters();
                let expected = if of == Pass::Forward { rounds * packets as u64 } else { 0 };
                assert_eq!((after.hits - before.hits, after.misses), (expected, before.misses), "{}", way.name());
            }
        }
    }
    group.finish();
}

/// Each iteration is the first packet of a flow: it is staged, found by nobody, walks, and leaves its entries.
fn new_flows(c: &mut Criterion) {
    let mut group = c.benchmark_group("new-flow");
    for way in [Way::VpcPath, Way::Igw, Way::Eigw] {
        let bytes = way.opening(0).len() as u64;
        group.throughput(Throughput::ElementsAndBytes { elements: 1, bytes });
        let timeline = timeline(NETWORK);
        let [near, _] = way.ends(&timeline);
        let mut load = Load::new(&timeline);
        let mut flow = 0u32;
        group.bench_function(way.name(), |b| {
            b.iter_custom(|iterations| {
                let packets: Vec<_> = (0..iterations).map(|n| way.opening(flow + n as u32)).collect();
                flow += iterations as u32;
                let begun = Instant::now();
                for packet in packets {
                    load.send(near, packet);
                }
                begun.elapsed()
            });
        });
        let counters = load.counters();
        assert_eq!((counters.hits, counters.misses), (0, u64::from(flow)), "every packet was to open a flow");
        assert!(load.entries() >= flow as usize, "every flow was to leave an entry");
    }
    group.finish();
}

/// Likewise, of flows like others before them: from another port of the client to a service that it has talked to.
fn new_flows_like_others(c: &mut Criterion) {
    let mut group = c.benchmark_group("new-flow-like-others");
    for way in [Way::VpcPath, Way::Igw] {
        let bytes = way.opening(0).len() as u64;
        group.throughput(Throughput::ElementsAndBytes { elements: 1, bytes });
        let timeline = timeline(NETWORK);
        let [near, _] = way.ends(&timeline);
        let mut load = Load::new(&timeline);
        (0..REMOTES).for_each(|flow| drop(load.send(near, way.opening(flow))));
        let mut flow = REMOTES;
        group.bench_function(way.name(), |b| {
            b.iter_custom(|iterations| {
                let mut packets: Vec<_> = (0..iterations).map(|n| way.opening(flow + n as u32)).collect();
                flow += iterations as u32;
                let begun = Instant::now();
                packets.iter_mut().for_each(|packet| load.ask(near, packet));
                begun.elapsed()
            });
        });
        let counters = load.counters();
        assert_eq!((counters.opened, counters.misses), (u64::from(flow - REMOTES), u64::from(REMOTES)));
    }
    group.finish();
}

/// Connections that are over, all at once: what a tick takes for each.
fn expiry(c: &mut Criterion) {
    let mut group = c.benchmark_group("expiry");
    let flows = FLOWS[0];
    let timeline = timeline(NETWORK);
    let [near, _] = Way::VpcPath.ends(&timeline);
    group.throughput(Throughput::Elements(u64::from(flows)));
    let mut load = Load::new(&timeline);
    group.bench_function(BenchmarkId::new("vpc-path", flows), |b| {
        b.iter_custom(|iterations| {
            let mut spent = Duration::ZERO;
            for _ in 0..iterations {
                (0..flows).for_each(|flow| {
                    load.send(near, Way::VpcPath.opening(flow));
                });
                assert!(load.entries() >= flows as usize);
                let begun = Instant::now();
                load.pass(Duration::from_secs(3600));
                spent += begun.elapsed();
                assert_eq!(load.entries(), 0);
            }
            spent
        });
    });
    group.finish();
}

criterion_group! {
    name = benches;
    config = Criterion::default().sample_size(10).warm_up_time(Duration::from_millis(300)).measurement_time(Duration::from_secs(1));
    targets = hits, new_flows, new_flows_like_others, expiry
}
criterion_main!(benches);
