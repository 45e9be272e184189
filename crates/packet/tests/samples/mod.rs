//! Random packets, all right, and random rewrites.

use std::net::{IpAddr, SocketAddr};

use proptest::prelude::*;
use vpcemu_packet::{Packet, TcpFlags, build};

/// A datagram whose checksums are right.
#[derive(Clone, Debug)]
pub(crate) struct Sample {
    pub(crate) bytes: Vec<u8>,
}

/// An ICMP error in the making.
#[derive(Clone, Debug)]
pub(crate) struct Error {
    pub(crate) from: IpAddr,
    pub(crate) to: IpAddr,
    /// 0 for unreachable, 1 for time exceeded.
    pub(crate) which: usize,
    pub(crate) quoted: Vec<u8>,
    /// How much of it is quoted.
    pub(crate) kept: usize,
}

impl Error {
    pub(crate) fn bytes(&self) -> Vec<u8> {
        let kinds = if self.from.is_ipv4() { [3, 11] } else { [1, 3] };
        let quote = &self.quoted[..self.kept.min(self.quoted.len())];
        build::icmp_error(self.from, self.to, kinds[self.which], 1, 0, quote)
    }
}

#[derive(Clone, Debug)]
pub(crate) enum Rewrite {
    Src(u128),
    Dst(u128),
    SrcPort(u16),
    DstPort(u16),
    Ttl(u8),
    Hops(u8),
}

impl Rewrite {
    pub(crate) fn apply(&self, packet: &mut Packet<'_>) {
        let v4 = packet.headers().src.is_ipv4();
        match *self {
            Self::Src(bits) => packet.set_src(address(v4, bits)),
            Self::Dst(bits) => packet.set_dst(address(v4, bits)),
            Self::SrcPort(port) => packet.set_src_port(port),
            Self::DstPort(port) => packet.set_dst_port(port),
            Self::Ttl(ttl) => packet.set_ttl(ttl),
            Self::Hops(hops) => packet.decrement_ttl(hops),
        }
        // Half of all rewrites also meet a quote, if there is one.
        if matches!(*self, Self::Src(bits) | Self::Dst(bits) if bits & 1 == 0) {
            self.apply_to_quote(packet);
        }
    }

    pub(crate) fn apply_to_quote(&self, packet: &mut Packet<'_>) {
        let v4 = packet.headers().src.is_ipv4();
        match *self {
            Self::Src(bits) => packet.set_quote_src(address(v4, bits)),
            Self::Dst(bits) => packet.set_quote_dst(address(v4, bits)),
            Self::SrcPort(port) => packet.set_quote_src_port(port),
            Self::DstPort(port) => packet.set_quote_dst_port(port),
            Self::Ttl(_) | Self::Hops(_) => {}
        }
    }
}

pub(crate) fn any_rewrites() -> impl Strategy<Value = Vec<Rewrite>> {
    // Words of all zeros and all ones are where one's complement has its corners.
    let port = || prop_oneof![any::<u16>(), Just(0), Just(0xFFFF)];
    let bits = || prop_oneof![any::<u128>(), Just(0), Just(u128::MAX)];
    let rewrite = prop_oneof![
        bits().prop_map(Rewrite::Src),
        bits().prop_map(Rewrite::Dst),
        port().prop_map(Rewrite::SrcPort),
        port().prop_map(Rewrite::DstPort),
        any::<u8>().prop_map(Rewrite::Ttl),
        any::<u8>().prop_map(Rewrite::Hops),
    ];
    prop::collection::vec(rewrite, 0..12)
}

pub(crate) fn any_sample() -> impl Strategy<Value = Sample> {
    prop_oneof![
        3 => any_datagram(),
        1 => any_datagram().prop_map(with_options),
        2 => any_error().prop_map(|error| Sample { bytes: error.bytes() }),
    ]
}

pub(crate) fn any_datagram() -> impl Strategy<Value = Sample> {
    let addresses = (any::<bool>(), any::<u128>(), any::<u128>());
    let ports = (any::<u16>(), any::<u16>());
    let rest = (any::<u32>(), any::<u8>(), prop::collection::vec(any::<u8>(), 0..300), 0..6u8);
    (addresses, ports, rest).prop_map(|((v4, src, dst), (sport, dport), (word, byte, payload, kind))| {
        let (src, dst) = (address(v4, src), address(v4, dst));
        let (from, to) = (SocketAddr::new(src, sport), SocketAddr::new(dst, dport));
        let bytes = match kind {
            0 => build::tcp(from, to)
                .flags(TcpFlags(byte))
                .seq(word)
                .ack(!word)
                .window(sport)
                .mss(dport)
                .payload(&payload)
                .ttl(byte)
                .build(),
            1 => build::udp(from, to).payload(&payload).ttl(byte).id(sport).build(),
            2 if v4 => build::udp(from, to).payload(&payload).without_checksum().build(),
            2 | 3 => build::echo_request(src, dst, sport, dport).payload(&payload).build(),
            4 => build::echo_reply(src, dst, sport, dport).payload(&payload).build(),
            _ => build::protocol(src, dst, 47, &payload).build(),
        };
        Sample { bytes }
    })
}

pub(crate) fn any_error() -> impl Strategy<Value = Error> {
    (any_datagram(), any::<u128>(), any::<u128>(), 0..2usize, prop_oneof![Just(8usize), 8..40usize, Just(2000)])
        .prop_map(|(quoted, from, to, which, kept)| {
            let v4 = quoted.bytes[0] >> 4 == 4;
            // Half a TCP checksum cannot be patched and stays as it is.
            let kept = if kept == 17 { 16 } else { kept };
            let header = if v4 { 20 } else { 40 };
            Error { from: address(v4, from), to: address(v4, to), which, quoted: quoted.bytes, kept: header + kept }
        })
}

/// Options before the transport: a router alert, and in IPv6 destination options behind it.
fn with_options(sample: Sample) -> Sample {
    let mut bytes = sample.bytes;
    if bytes[0] >> 4 == 4 {
        bytes.splice(20..20, [0x94, 4, 0, 0]);
        bytes[0] += 1;
        let len = bytes.len() as u16;
        bytes[2..4].copy_from_slice(&len.to_be_bytes());
        crate::oracle::fix_header_checksum(&mut bytes);
    } else {
        let protocol = bytes[6];
        bytes[6] = 0;
        bytes.splice(40..40, [60, 0, 5, 2, 0, 0, 1, 0, protocol, 0, 1, 4, 0, 0, 0, 0]);
        let len = (bytes.len() - 40) as u16;
        bytes[4..6].copy_from_slice(&len.to_be_bytes());
    }
    Sample { bytes }
}

fn address(v4: bool, bits: u128) -> IpAddr {
    if v4 { IpAddr::V4((bits as u32).into()) } else { IpAddr::V6(bits.into()) }
}
