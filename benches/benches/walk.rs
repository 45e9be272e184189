//! The whole walk, packet by packet, and the connection lookup in it.

use std::net::SocketAddr;
use std::time::Duration;

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use vpcemu_benches::{Engine, NETWORK, Prepared, delivered, remote, syn, udp};
use vpcemu_dataplane::conntrack::{Conntrack, Key, NewEntry, Owner, Timers, Tracker};
use vpcemu_dataplane::index::EniIx;
use vpcemu_dataplane::outcome::Direction;
use vpcemu_dataplane::{Ingress, Timestamp};
use vpcemu_packet::{Headers, Offloads};

/// Live flows.
const FLOWS: [u32; 2] = [1_000, 100_000];

/// Walks packets round and round, and checks that each was delivered and no state was added.
fn established(c: &mut Criterion, name: &str, prepare: impl Fn(&mut Engine, u32) -> Vec<Prepared>) {
    let mut group = c.benchmark_group("walk");
    for flows in FLOWS {
        let mut engine = Engine::new(NETWORK);
        let packets: Vec<_> = (0..flows).flat_map(|flow| prepare(&mut engine, flow)).collect();
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
    group.finish();
}

fn walks(c: &mut Criterion) {
    let app = |port| SocketAddr::from(([10, 0, 1, 10], port));
    // A private client and its remotes, both directions.
    established(c, "nat-established", |engine, flow| {
        let (address, port) = remote(flow);
        let eni = engine.eni("eni-app");
        let out = engine.prepare(Ingress::Interface(eni), udp(app(port), SocketAddr::new(address, 443)));
        assert!(delivered(&engine.walk(&out)));
        let left = Headers::parse(engine.left(), 64, Offloads::Strict).expect("the walk leaves packets right").key();
        let back = udp(SocketAddr::new(left.dst, left.dst_port), SocketAddr::new(left.src, left.src_port));
        vec![out, engine.prepare(Ingress::Internet, back)]
    });
    // A public server, both directions, tracked.
    established(c, "igw", |engine, flow| {
        let (address, port) = remote(flow);
        let (client, eni) = (SocketAddr::new(address, port), engine.eni("eni-web"));
        let there = udp(client, SocketAddr::from(([203, 0, 113, 10], 443)));
        let back = udp(SocketAddr::from(([10, 0, 0, 10], 443)), client);
        vec![engine.prepare(Ingress::Internet, there), engine.prepare(Ingress::Interface(eni), back)]
    });
    // IPv6 through the egress-only gateway.
    established(c, "eigw", |engine, flow| {
        let inside =
            SocketAddr::new("2001:db8:1234:1a01::10".parse().expect("it is an address"), 1024 + (flow / 1000) as u16);
        let outside = format!("[2001:db8:ffff::{:x}]:443", flow % 1000 + 1).parse().expect("it is an address");
        let eni = engine.eni("eni-app");
        let out = engine.prepare(Ingress::Interface(eni), udp(inside, outside));
        vec![out, engine.prepare(Ingress::Internet, udp(outside, inside))]
    });
}

/// Every packet opens a flow, and with it three entries: two interfaces' worth and a mapping.
fn new_flows(c: &mut Criterion) {
    let mut group = c.benchmark_group("walk");
    group.throughput(Throughput::Elements(1));
    let mut engine = Engine::new(NETWORK);
    let eni = engine.eni("eni-app");
    // More than any measurement takes; ports towards one remote do not run out.
    let packets: Vec<_> = (0..2_000_000u32)
        .map(|flow| {
            let (address, port) = (std::net::Ipv4Addr::from(0x5d00_0000 + flow / 40), 1024 + (flow % 40) as u16);
            let packet = syn(SocketAddr::from(([10, 0, 1, 10], port)), SocketAddr::from((address, 443)));
            engine.prepare(Ingress::Interface(eni), packet)
        })
        .collect();
    let (mut opened, mut lost) = (0usize, 0u64);
    group.bench_function("nat-new", |b| {
        b.iter(|| {
            let packet = &packets[opened % packets.len()];
            opened += 1;
            lost += u64::from(!delivered(&engine.walk(packet)));
        });
    });
    assert_eq!(lost, 0);
    // One entry at the interface and one at the gateway.
    assert_eq!(engine.entries(), 2 * opened.min(packets.len()));
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

/// The lookup alone, hit and miss.
fn lookup(c: &mut Criterion) {
    let mut group = c.benchmark_group("conntrack");
    group.throughput(Throughput::Elements(1));
    let now = Timestamp(1_750_000_000_000_000_000);
    let minute = Duration::from_secs(60);
    let timers = Timers {
        tcp_opening: minute,
        tcp_open: minute,
        tcp_closing: minute,
        tcp_reset: minute,
        udp: minute,
        udp_stream: minute,
        icmp: minute,
        other: minute,
    };
    for flows in FLOWS {
        let key = |flow: u32| {
            let (address, port) = remote(flow);
            let packet = udp(SocketAddr::from(([10, 0, 1, 10], port)), SocketAddr::new(address, 443));
            Headers::parse(&packet, 64, Offloads::Strict).expect("it was built right").key()
        };
        let mut conntrack = Conntrack::new(true);
        let keys: Vec<_> = (0..flows).map(key).collect();
        for original in keys.iter().copied() {
            let owner = Owner::Interface { eni: EniIx(0), opened: Direction::Egress };
            let tracker = Tracker::opening(&original, None);
            let new = NewEntry {
                owner,
                original,
                tracker,
                timers,
                replied: false,
                generation: 0,
                sharing: None,
                forced: false,
                room: None,
            };
            conntrack.insert(new, now);
        }
        assert_eq!(conntrack.len(), keys.len());
        let mut next = (0..keys.len()).cycle();
        let (mut hits, mut misses, mut looked) = (0u64, 0u64, 0u64);
        group.bench_function(BenchmarkId::new("hit", flows), |b| {
            b.iter(|| {
                let key = Key::Interface(EniIx(0), Direction::Ingress, keys[next.next().unwrap_or(0)].reversed());
                looked += 1;
                hits += u64::from(conntrack.find(&key, now).is_some());
            });
        });
        group.bench_function(BenchmarkId::new("miss", flows), |b| {
            b.iter(|| {
                let key = Key::Interface(EniIx(1), Direction::Egress, keys[next.next().unwrap_or(0)]);
                misses += u64::from(conntrack.find(&key, now).is_some());
            });
        });
        assert_eq!((hits, misses), (looked, 0));
    }
    group.finish();
}

criterion_group! {
    name = benches;
    config = Criterion::default().sample_size(20).warm_up_time(Duration::from_millis(300)).measurement_time(Duration::from_secs(1));
    targets = walks, new_flows, denied, lookup
}
criterion_main!(benches);
