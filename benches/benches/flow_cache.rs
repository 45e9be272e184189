//! The fast path, whole: headers, look-up, lease, rewrite, counters, in batches.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use vpcemu_benches::cached::Load;
use vpcemu_benches::{NETWORK, remote, udp};
use vpcemu_dataplane::{Ingress, Timeline};
use vpcemu_model::native;
use vpcemu_packet::{Headers, Offloads};

/// Live flows.
const FLOWS: [u32; 3] = [1_000, 100_000, 1_000_000];

/// Packets a measurement, from a pool of as many packets as there are.
const CHUNK: usize = 1024;

fn answer(left: &[u8]) -> Vec<u8> {
    let key = Headers::parse(left, 64, Offloads::Strict).expect("what leaves is right").key();
    udp(SocketAddr::new(key.dst, key.dst_port), SocketAddr::new(key.src, key.src_port))
}

/// Makes a stream of each flow, and puts a packet of each direction into the load.
fn flow(load: &mut Load, ends: [Ingress; 2], there: Vec<u8>) {
    let [near, far] = ends;
    let back = answer(&load.send(near, there.clone()));
    for _ in 0..3 {
        load.send(far, back.clone());
        load.send(near, there.clone());
    }
    load.push(near, there);
    load.push(far, back);
}

fn established(c: &mut Criterion, name: &str, prepare: impl Fn(u32, &Timeline) -> ([Ingress; 2], Vec<u8>)) {
    let mut group = c.benchmark_group("flow-cache");
    for flows in FLOWS {
        let network = native::parse("bench.toml", NETWORK).unwrap_or_else(|error| panic!("{error}")).network;
        let timeline = Arc::new(Timeline::compile(&[network]));
        let mut load = Load::new(&timeline);
        for number in 0..flows {
            let (ends, there) = prepare(number, &timeline);
            flow(&mut load, ends, there);
        }
        let before = load.counters();
        let mut done = 0u64;
        let mut from = 0;
        group.throughput(Throughput::ElementsAndBytes { elements: CHUNK as u64, bytes: 64 * CHUNK as u64 });
        group.bench_function(BenchmarkId::new(name, flows), |b| {
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
        assert_eq!((after.hits - before.hits, after.misses - before.misses), (done, 0), "{name} was to be all hits");
    }
    group.finish();
}

fn fast_path(c: &mut Criterion) {
    let eni = |timeline: &Timeline, id: &str| {
        Ingress::Interface(timeline.registry().enis.find(&id.into()).unwrap_or_else(|| panic!("no {id}")))
    };
    established(c, "vpc-path", |number, timeline| {
        let (address, port) = remote(number);
        let app = SocketAddr::from(([10, 0, 1, 10], port));
        ([eni(timeline, "eni-app"), Ingress::Internet], udp(app, SocketAddr::new(address, 443)))
    });
    established(c, "igw", |number, timeline| {
        let (address, port) = remote(number);
        let web = SocketAddr::from(([203, 0, 113, 10], 443));
        ([Ingress::Internet, eni(timeline, "eni-web")], udp(SocketAddr::new(address, port), web))
    });
}

criterion_group! {
    name = benches;
    config = Criterion::default().sample_size(10).warm_up_time(Duration::from_millis(500)).measurement_time(Duration::from_secs(2));
    targets = fast_path
}
criterion_main!(benches);
