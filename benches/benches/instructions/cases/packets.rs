//! Bytes: the header walk, keys, rewriting.

use std::hint::black_box;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use vpcemu_benches::udp;
use vpcemu_packet::{Framing, Headers, Offloads, Packet, Patch, Plain, TcpFlags, build};

use super::Case;
use crate::callgrind::instructions_are_counted;

const PACKETS: u16 = 64;

type Build = fn(u16) -> Vec<u8>;

pub(super) fn cases() -> Vec<Case> {
    let kinds: [(&str, Build); 3] = [("ipv4-udp", ipv4_udp), ("ipv4-tcp", ipv4_tcp), ("ipv6-udp", ipv6_udp)];
    let parses = kinds.into_iter().flat_map(|(kind, build)| {
        [
            Case::piece(format!("parse/plain/{kind}"), move || plain(build)),
            Case::piece(format!("parse/headers/{kind}"), move || headers(build)),
        ]
    });
    let others = [
        Case::piece("parse/ethernet", locate),
        Case::piece("key/headers", headers_key),
        Case::piece("key/plain", plain_key),
        Case::piece("rewrite/patch/ipv4-udp", || patch(ipv4_udp)),
        Case::piece("rewrite/patch/ipv4-tcp", || patch(ipv4_tcp)),
        Case::piece("rewrite/setters", setters),
    ];
    parses.chain(others).collect()
}

fn inside(port: u16) -> SocketAddr {
    SocketAddr::from(([10, 0, 1, 10], 4000 + port))
}

fn outside() -> SocketAddr {
    SocketAddr::from(([93, 184, 216, 34], 443))
}

fn ipv4_udp(port: u16) -> Vec<u8> {
    udp(inside(port), outside())
}

fn ipv4_tcp(port: u16) -> Vec<u8> {
    build::tcp(inside(port), outside()).flags(TcpFlags::ACK).payload(&[0; 24]).build()
}

fn ipv6_udp(port: u16) -> Vec<u8> {
    let (near, far): (IpAddr, IpAddr) =
        ([0x2001, 0xdb8, 0, 0, 0, 0, 0, 1].into(), [0x2001, 0xdb8, 1, 0, 0, 0, 0, 1].into());
    udp(SocketAddr::new(near, 4000 + port), SocketAddr::new(far, 443))
}

fn many<T>(make: impl Fn(u16) -> T) -> Vec<T> {
    (0..PACKETS).map(make).collect()
}

fn parsed(bytes: &[u8]) -> Headers {
    Headers::parse(bytes, bytes.len() as u32, Offloads::Strict).unwrap()
}

fn plain(build: Build) -> u64 {
    let datagrams = many(build);
    let sum = instructions_are_counted(|| {
        datagrams
            .iter()
            .fold(0, |sum, bytes| sum + Plain::parse(black_box(bytes)).map_or(0, |plain| u64::from(plain.ports)))
    });
    let ports: u64 =
        datagrams.iter().map(|bytes| parsed(bytes).key()).map(|key| u64::from(key.src_port) << 16 | 443).sum();
    assert_eq!(sum, ports, "every packet was to be plain");
    datagrams.len() as u64
}

fn headers(build: Build) -> u64 {
    let datagrams = many(build);
    let whole = instructions_are_counted(|| {
        let parse = |bytes: &Vec<u8>| Headers::parse(black_box(bytes), bytes.len() as u32, Offloads::Tolerate);
        datagrams.iter().filter(|bytes| black_box(parse(bytes)).is_ok()).count()
    });
    assert_eq!(whole, datagrams.len());
    datagrams.len() as u64
}

fn locate() -> u64 {
    let frames = many(|port| build::ethernet(&ipv4_udp(port), [2; 6], [4; 6]));
    let offsets: usize = instructions_are_counted(|| {
        frames.iter().map(|frame| Framing::Ethernet.locate(black_box(frame)).map_or(0, |link| link.offset)).sum()
    });
    assert_eq!(offsets, 14 * frames.len());
    frames.len() as u64
}

fn headers_key() -> u64 {
    let headers = many(|port| parsed(&ipv4_udp(port)));
    let ports: u64 = instructions_are_counted(|| {
        headers.iter().map(|headers| u64::from(black_box(black_box(headers).key()).src_port)).sum()
    });
    assert_eq!(ports, (0..PACKETS).map(|port| u64::from(4000 + port)).sum::<u64>());
    headers.len() as u64
}

fn plain_key() -> u64 {
    let plain = many(|port| Plain::parse(&ipv4_udp(port)).unwrap());
    let ports: u64 = instructions_are_counted(|| {
        plain.iter().map(|plain| u64::from(black_box(black_box(plain).key()).src_port)).sum()
    });
    assert_eq!(ports, (0..PACKETS).map(|port| u64::from(4000 + port)).sum::<u64>());
    plain.len() as u64
}

/// What a NAT gateway and an internet gateway have rewritten.
fn translate(packet: &mut Packet<'_>) {
    packet.set_src(Ipv4Addr::new(203, 0, 113, 20).into());
    packet.set_src_port(40_000);
    packet.decrement_ttl(1);
}

fn translated(bytes: &[u8]) -> bool {
    parsed(bytes).key().src_port == 40_000
}

fn patch(build: Build) -> u64 {
    let mut datagrams: Vec<_> = many(|port| {
        let mut after = build(port);
        let before = Plain::parse(&after).unwrap();
        let headers = parsed(&after);
        let mut packet = Packet::from_parts(&mut after, headers, headers.total_len);
        translate(&mut packet);
        (build(port), before, Patch::between(&before, packet.headers()).unwrap())
    });
    instructions_are_counted(|| {
        for (bytes, plain, patch) in &mut datagrams {
            if patch.suits(bytes, plain) {
                patch.apply(bytes, plain);
            }
        }
    });
    assert!(datagrams.iter().all(|(bytes, ..)| translated(bytes)));
    datagrams.len() as u64
}

fn setters() -> u64 {
    let mut datagrams = many(|port| (parsed(&ipv4_udp(port)), ipv4_udp(port)));
    instructions_are_counted(|| {
        for (headers, bytes) in &mut datagrams {
            translate(&mut Packet::from_parts(bytes, *headers, headers.total_len));
        }
    });
    assert!(datagrams.iter().all(|(_, bytes)| translated(bytes)));
    datagrams.len() as u64
}
