//! Bytes: finding the datagram, the header walk, the key, rewriting.

use std::hint::black_box;
use std::time::Duration;

use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use vpcemu_packet::{Framing, Headers, Offloads, Packet, build};

fn parse(c: &mut Criterion) {
    let mut group = c.benchmark_group("parse");
    let v4 = |port| std::net::SocketAddr::from(([10, 0, 1, 10], port));
    let remote = std::net::SocketAddr::from(([93, 184, 216, 34], 443));
    let v6: std::net::SocketAddr = "[2001:db8::1]:4000".parse().unwrap();
    for (name, datagram) in [
        ("ipv4-udp", vpcemu_benches::udp(v4(4000), remote)),
        ("ipv4-tcp", build::tcp(v4(4000), remote).payload(&[0; 24]).build()),
        ("ipv6-tcp", build::tcp(v6, "[2001:db8:ffff::1]:443".parse().unwrap()).build()),
    ] {
        let frame = build::ethernet(&datagram, [2; 6], [4; 6]);
        group.throughput(Throughput::ElementsAndBytes { elements: 1, bytes: frame.len() as u64 });
        group.bench_function(name, |b| {
            b.iter(|| {
                let frame = black_box(&frame);
                let link = Framing::Ethernet.locate(frame).unwrap();
                let datagram = &frame[link.offset..];
                Headers::parse(datagram, datagram.len() as u32, Offloads::Tolerate).unwrap().key()
            });
        });
    }
    group.finish();
}

fn rewrite(c: &mut Criterion) {
    let mut group = c.benchmark_group("rewrite");
    let from = std::net::SocketAddr::from(([10, 0, 1, 10], 4000));
    let datagram = vpcemu_benches::udp(from, std::net::SocketAddr::from(([93, 184, 216, 34], 443)));
    let headers = Headers::parse(&datagram, datagram.len() as u32, Offloads::Strict).unwrap();
    let public: std::net::IpAddr = "203.0.113.20".parse().unwrap();
    group.throughput(Throughput::ElementsAndBytes { elements: 1, bytes: datagram.len() as u64 });
    group.bench_function("source-port-ttl", |b| {
        b.iter_batched_ref(
            || datagram.clone(),
            |bytes| {
                let mut packet = Packet::from_parts(bytes, headers, headers.total_len);
                packet.set_src(black_box(public));
                packet.set_src_port(black_box(40_000));
                packet.decrement_ttl(1);
            },
            BatchSize::SmallInput,
        );
    });
    // What was rewritten is still right.
    let mut bytes = datagram.clone();
    let mut packet = Packet::from_parts(&mut bytes, headers, headers.total_len);
    packet.set_src(public);
    packet.set_src_port(40_000);
    packet.decrement_ttl(1);
    assert!(Headers::parse(&bytes, bytes.len() as u32, Offloads::Strict).is_ok());
    group.finish();
}

criterion_group! {
    name = benches;
    config = Criterion::default().sample_size(20).warm_up_time(Duration::from_millis(500)).measurement_time(Duration::from_secs(2));
    targets = parse, rewrite
}
criterion_main!(benches);
