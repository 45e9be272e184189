//! Proofs against matching rule by rule: what is called shadowed never decides, for packets at every bound of every field and
//! next to it, and every other rule decides for its witness.

mod acls;
mod groups;
mod routes;

use std::collections::BTreeSet;
use std::net::IpAddr;

use ipnet::IpNet;
use proptest::prelude::*;
use proptest::sample::select;
use vpcemu_dataplane::fabric::Subject;
use vpcemu_model::{IcmpTypeCode, PortRange, Ports, Protocol};
use vpcemu_packet::{Headers, Offloads, Transport, build};

use crate::probe::{Detail, Probe};

/// Blocks inside each other, next to each other, and some that make up others.
const NETS: [&str; 16] = [
    "0.0.0.0/0",
    "0.0.0.0/1",
    "128.0.0.0/1",
    "10.0.0.0/8",
    "10.0.0.0/24",
    "10.0.0.0/25",
    "10.0.0.128/25",
    "10.0.0.8/31",
    "10.0.0.8/32",
    "10.0.0.9/32",
    "::/0",
    "::/1",
    "8000::/1",
    "2001:db8::/32",
    "2001:db8::8/127",
    "2001:db8::9/128",
];

fn net() -> impl Strategy<Value = IpNet> {
    select(&NETS[..]).prop_map(|text| text.parse().unwrap())
}

fn protocol() -> impl Strategy<Value = Protocol> {
    prop_oneof![2 => Just(Protocol::All), 6 => select(vec![1, 6, 17, 58, 47]).prop_map(Protocol::Number)]
}

/// Also what says nothing for the protocol it stands beside.
fn ports() -> impl Strategy<Value = Ports> {
    let bounds = select(vec![(0, 65535), (0, 1023), (1024, 65535), (80, 443), (80, 80), (443, 443), (81, 443)]);
    let code = || prop_oneof![2 => Just(None), 1 => select(vec![Some(0u8), Some(8), Some(255)])];
    prop_oneof![
        2 => Just(Ports::Any),
        4 => bounds.prop_map(|(from, to)| Ports::Range(PortRange { from, to })),
        2 => (code(), code()).prop_map(|(kind, code)| Ports::Icmp(IcmpTypeCode { kind, code })),
    ]
}

/// Packets at the bounds of these and next to them, and without ports.
fn probes(ports: impl Iterator<Item = Ports>, nets: impl Iterator<Item = IpNet>) -> Vec<Probe> {
    let mut details = BTreeSet::from([Detail::None, Detail::Port(7), Detail::Icmp(7, 7)]);
    for ports in ports {
        match ports {
            Ports::Any => {}
            Ports::Range(PortRange { from, to }) => {
                let near = [from.saturating_sub(1), from, to, to.saturating_add(1)];
                details.extend(near.map(Detail::Port));
            }
            Ports::Icmp(IcmpTypeCode { kind, code }) => {
                let (kind, code) = (kind.unwrap_or(3), code.unwrap_or(3));
                details.extend(
                    [(kind, code), (kind.wrapping_add(1), code), (kind, code.wrapping_add(1))]
                        .map(|it| Detail::Icmp(it.0, it.1)),
                );
            }
        }
    }
    let mut peers: BTreeSet<IpAddr> = BTreeSet::new();
    for net in nets {
        let (first, last) = (net.network(), net.broadcast());
        peers.extend([first, last, step(first, false), step(last, true)]);
    }
    let mut probes = Vec::new();
    for protocol in [1, 6, 17, 58, 47] {
        let fits = |detail: &&Detail| match detail {
            Detail::None => true,
            Detail::Port(_) => matches!(protocol, 6 | 17),
            Detail::Icmp(..) => matches!(protocol, 1 | 58),
        };
        for &detail in details.iter().filter(fits) {
            let probe = |&peer: &IpAddr| Probe { protocol, detail, peer, groups: Vec::new() };
            probes.extend(peers.iter().map(probe));
        }
    }
    probes
}

/// The address before another, or after it.
fn step(address: IpAddr, up: bool) -> IpAddr {
    match address {
        IpAddr::V4(it) => {
            let bits = it.to_bits();
            IpAddr::V4((if up { bits.wrapping_add(1) } else { bits.wrapping_sub(1) }).into())
        }
        IpAddr::V6(it) => {
            let bits = it.to_bits();
            IpAddr::V6((if up { bits.wrapping_add(1) } else { bits.wrapping_sub(1) }).into())
        }
    }
}

/// The packet as the engine's rules see it.
fn subject(probe: &Probe) -> Subject {
    // Any that says nothing of its own.
    let bytes = build::protocol(probe.peer, probe.peer, 253, &[]).build();
    let mut headers = Headers::parse(&bytes, bytes.len() as u32, Offloads::Tolerate).unwrap();
    headers.protocol = probe.protocol;
    let transport = match probe.detail {
        // The protocol is that of the header.
        Detail::Port(dst) => Transport::Udp { src: 1, dst },
        Detail::Icmp(kind, code) => Transport::Icmp { kind, code },
        Detail::None => Transport::Other,
    };
    Subject::new(&headers, transport)
}
