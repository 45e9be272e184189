//! The fast path, whole: headers, look-up, lease, rewrite, counters, in batches.

use std::time::Duration;

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use vpcemu_benches::cached::Load;
use vpcemu_benches::live;
use vpcemu_benches::way::Way;

/// Live flows.
const FLOWS: [u32; 3] = [1_000, 100_000, 1_000_000];

/// Packets a measurement, from a pool of as many packets as there are.
const CHUNK: usize = 1024;

fn established(c: &mut Criterion, way: Way) {
    let mut group = c.benchmark_group("flow-cache");
    for &flows in live(&FLOWS) {
        // Between two addresses there are not as many ports.
        if way == Way::Groups && flows > 64_000 {
            continue;
        }
        let mut load = Load::established(way, flows);
        let before = load.counters();
        let mut done = 0u64;
        let mut from = 0;
        let bytes = (way.opening(0).len() * CHUNK) as u64;
        group.throughput(Throughput::ElementsAndBytes { elements: CHUNK as u64, bytes });
        group.bench_function(BenchmarkId::new(way.name(), flows), |b| {
            b.iter_custom(|iterations| {
                let mut spent = Duration::ZERO;
                for _ in 0..iterations {
                    if from == 0 {
                        load.refill();
                    }
                    let begun = std::time::Instant::now();
                    let count = load.run(from, CHUNK);
                    let took = begun.elapsed();
                    // The last piece of a round is shorter than the others.
                    spent += took.mul_f64(CHUNK as f64 / count as f64);
                    done += count as u64;
                    from = if from + count == load.len() { 0 } else { from + count };
                }
                spent
            });
        });
        let after = load.counters();
        assert_eq!(
            (after.hits - before.hits, after.misses - before.misses),
            (done, 0),
            "{} was to be all hits",
            way.name()
        );
    }
    group.finish();
}

fn fast_path(c: &mut Criterion) {
    Way::ALL.into_iter().for_each(|way| established(c, way));
}

criterion_group! {
    name = benches;
    config = Criterion::default().sample_size(10).warm_up_time(Duration::from_millis(500)).measurement_time(Duration::from_secs(2));
    targets = fast_path
}
criterion_main!(benches);
