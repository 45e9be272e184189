//! The whole walk, packet by packet, without the flow cache.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use vpcemu_benches::way::Way;
use vpcemu_benches::{Engine, NETWORK, delivered, live, remote, syn};
use vpcemu_dataplane::Ingress;

/// Live flows.
const FLOWS: [u32; 2] = [1_000, 100_000];

/// Walks packets round and round, both directions, and checks that each was delivered and no state was added.
fn established(c: &mut Criterion) {
    let mut group = c.benchmark_group("walk");
    for way in Way::ALL {
        let name = way.name();
        for &flows in live(&FLOWS) {
            // Between two addresses there are not as many ports.
            if way == Way::Groups && flows > 64_000 {
                continue;
            }
            let mut engine = Engine::new(NETWORK);
            let packets: Vec<_> = (0..flows).flat_map(|flow| engine.open(way, flow)).collect();
            for packet in &packets {
                assert!(delivered(&engine.walk(packet)));
            }
            let (entries, bytes) = (engine.entries(), packets[0].len() as u64);
            let mut next = (0..packets.len()).cycle();
            let mut lost = 0u64;
            group.throughput(Throughput::ElementsAndBytes { elements: 1, bytes });
            group.bench_function(BenchmarkId::new(name, flows), |b| {
                b.iter(|| {
                    let packet = &packets[next.next().unwrap_or(0)];
                    lost += u64::from(!delivered(&engine.walk(packet)));
                });
            });
            assert_eq!((lost, engine.entries()), (0, entries), "{name} was to be all established");
        }
    }
    group.finish();
}

/// Every packet opens a flow, and with it two entries: at the interface and at the gateway.
fn new_flows(c: &mut Criterion) {
    let mut group = c.benchmark_group("walk");
    group.throughput(Throughput::ElementsAndBytes { elements: 1, bytes: Way::VpcPath.opening(0).len() as u64 });
    let mut engine = Engine::new(NETWORK);
    let [near, _] = Way::VpcPath.ends(engine.timeline());
    let (mut opened, mut lost) = (0u32, 0u64);
    group.bench_function("nat-new", |b| {
        b.iter_custom(|iterations| {
            let from = opened;
            opened += iterations as u32;
            let openings = (from..opened).map(|flow| engine.prepare(near, Way::VpcPath.opening(flow)));
            let mut packets: Vec<_> = openings.collect();
            let begun = Instant::now();
            for packet in &mut packets {
                lost += u64::from(!delivered(&engine.walk_in_place(packet)));
            }
            begun.elapsed()
        });
    });
    assert_eq!((lost, engine.entries()), (0, 2 * opened as usize));
    group.finish();
}

/// A packet that the security group refuses leaves nothing behind.
fn denied(c: &mut Criterion) {
    let mut group = c.benchmark_group("walk");
    group.throughput(Throughput::Elements(1));
    let mut engine = Engine::new(NETWORK);
    let refused: Vec<_> = (0..1000)
        .map(|flow| {
            let (address, port) = remote(flow);
            engine.prepare(
                Ingress::Internet,
                syn(SocketAddr::new(address, port), SocketAddr::from(([203, 0, 113, 10], 22))),
            )
        })
        .collect();
    let mut next = (0..refused.len()).cycle();
    group
        .bench_function("denied", |b| b.iter(|| assert!(!delivered(&engine.walk(&refused[next.next().unwrap_or(0)])))));
    assert_eq!(engine.entries(), 0);
    group.finish();
}

criterion_group! {
    name = benches;
    config = Criterion::default().sample_size(20).warm_up_time(Duration::from_millis(300)).measurement_time(Duration::from_secs(1));
    targets = established, new_flows, denied
}
criterion_main!(benches);
