//! Packets at the bounds of rules: on them, just inside and just outside.

use std::collections::BTreeSet;
use std::net::IpAddr;

use super::{Block, Host, Instance, Peer, Probe, Rule, Wanted};

/// What rules look at of a transport header: protocol, port, type and code.
pub(crate) type Header = (u8, u16, (u8, u8));

/// Every header at the bounds of these rules with every host at the bounds of these rules.
pub(crate) fn probes(rules: &[Rule]) -> Vec<Probe> {
    let headers = headers(rules);
    let hosts = hosts_near(rules);
    let mut probes = Vec::new();
    for peer in hosts {
        for &(protocol, port, message) in headers.iter().filter(|header| can_carry(peer.address, header.0)) {
            // A source port that some rule would take for the destination's, were it to look there.
            let inside = headers.iter().find(|header| header.0 == protocol && header.1 != port);
            let source_port = inside.map_or(40_000, |header| header.1);
            probes.push(Probe { protocol, source_port, port, message, peer, portless: false });
        }
    }
    probes
}

/// Every header at the bounds of these rules.
pub(crate) fn headers(rules: &[Rule]) -> BTreeSet<Header> {
    rules.iter().flat_map(|rule| headers_near(&rule.transport)).collect()
}

fn headers_near(wanted: &Wanted) -> Vec<Header> {
    let ports: BTreeSet<u16> = match wanted.ports {
        Some((first, last)) => {
            around(first.into(), 65_535).chain(around(last.into(), 65_535)).map(|n| n as u16).collect()
        }
        // Any: the ends of them all, and one between.
        None => BTreeSet::from([0, 443, 65_535]),
    };
    let messages = |otherwise: u8| -> Vec<(u8, u8)> {
        let kinds: Vec<u8> = wanted.kind.map_or_else(|| vec![otherwise], |kind| near(kind).collect());
        let codes: Vec<u8> = wanted.code.map_or_else(|| vec![0, 1, 255], |code| near(code).collect());
        kinds.iter().flat_map(|kind| codes.iter().map(|code| (*kind, *code))).collect()
    };
    let of = |protocol: u8| -> Vec<Header> {
        match protocol {
            6 | 17 => ports.iter().map(|port| (protocol, *port, (0, 0))).collect(),
            // What nobody asked for: an unassigned type.
            1 => messages(42).into_iter().map(|message| (protocol, 0, message)).collect(),
            58 => messages(200).into_iter().map(|message| (protocol, 0, message)).collect(),
            _ => vec![(protocol, 0, (0, 0))],
        }
    };
    match wanted.protocol {
        None => [1, 6, 17, 58, 132].into_iter().flat_map(of).collect(),
        Some(number) => {
            // The same ports and types of protocols that it is not about, and its neighbours.
            let others = near(number).chain([6, 17, 1, 58]).collect::<BTreeSet<u8>>();
            others.into_iter().flat_map(of).collect()
        }
    }
}

fn hosts_near(rules: &[Rule]) -> Vec<Host> {
    let blocks = rules.iter().flat_map(|rule| match &rule.peer {
        Peer::Block(block) => vec![*block],
        Peer::List(blocks) => blocks.clone(),
        Peer::Group(_) => Vec::new(),
    });
    let addresses: BTreeSet<IpAddr> = blocks.flat_map(|block| addresses_near(&block)).chain(strangers()).collect();
    let outside = addresses.into_iter().filter(is_routed).map(|address| Host { address, instance: None });
    let names_groups = rules.iter().any(|rule| matches!(rule.peer, Peer::Group(_)));
    outside.chain(instances().into_iter().filter(|_| names_groups)).collect()
}

/// Its ends and what is next to them.
fn addresses_near(block: &Block) -> Vec<IpAddr> {
    match (block.first, block.last()) {
        (IpAddr::V4(first), IpAddr::V4(last)) => {
            let (first, last) = (first.to_bits(), last.to_bits());
            let near = [first.wrapping_sub(1), first, first / 2 + last / 2, last, last.wrapping_add(1)];
            near.into_iter().map(|bits| IpAddr::V4(bits.into())).collect()
        }
        (IpAddr::V6(first), IpAddr::V6(last)) => {
            let (first, last) = (first.to_bits(), last.to_bits());
            let near = [first.wrapping_sub(1), first, first / 2 + last / 2, last, last.wrapping_add(1)];
            near.into_iter().map(|bits| IpAddr::V6(bits.into())).collect()
        }
        _ => unreachable!("the ends of a block are of one family"),
    }
}

/// One of each family, in no block but those of everyone.
fn strangers() -> [IpAddr; 2] {
    ["9.9.9.9", "2620:fe::9"].map(|text| text.parse().unwrap())
}

/// Instances of the VPC, by all their addresses.
fn instances() -> Vec<Host> {
    let of = |name, addresses: [&str; 3]| {
        [(0, false), (1, true), (2, false)].map(|(at, in_public)| Host {
            address: addresses[at].parse().unwrap(),
            instance: Some(Instance { name, in_public }),
        })
    };
    [
        of("friend", ["10.0.1.21", "203.0.113.21", "2001:db8:1:1a01::21"]),
        of("stranger", ["10.0.1.22", "203.0.113.22", "2001:db8:1:1a01::22"]),
    ]
    .concat()
}

/// Whether the internet can have that address, and the VPC does not.
fn is_routed(address: &IpAddr) -> bool {
    match address {
        IpAddr::V4(v4) => {
            let [a, b, ..] = v4.octets();
            // Global but for what is private, shared, loopback, link-local, multicast or reserved (RFC 6890).
            !(matches!(a, 0 | 10 | 127 | 224..)
                || matches!((a, b), (100, 64..128) | (169, 254) | (172, 16..32) | (192, 168)))
        }
        // Global unicast (RFC 4291 2.4).
        IpAddr::V6(v6) => v6.segments()[0] >> 13 == 1,
    }
}

/// Numbers that IPv6 takes for extension headers cannot be the transport's (IANA).
pub(crate) fn can_carry(address: IpAddr, protocol: u8) -> bool {
    address.is_ipv4() || !matches!(protocol, 0 | 43 | 44 | 51 | 59 | 60 | 135 | 139 | 140)
}

/// A number and its neighbours.
fn around(number: u32, last: u32) -> impl Iterator<Item = u32> {
    number.saturating_sub(1)..=(number + 1).min(last)
}

fn near(number: u8) -> impl Iterator<Item = u8> {
    around(number.into(), 255).map(|number| number as u8)
}
