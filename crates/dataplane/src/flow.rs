//! Of which flow a packet is, where its own headers do not tell: a later fragment is of that of its first.

use std::net::IpAddr;

use vpcemu_packet::{FlowKey, Headers, Packet, Transport};

use crate::fabric::address;

/// A packet's key, of a later fragment with the ports of the first.
pub(crate) fn key_with(packet: &Packet<'_>, transport: Transport) -> FlowKey {
    let mut key = packet.key();
    if packet.headers().transport == Transport::Missing {
        key.protocol = protocol_of(packet.headers(), transport);
        match transport {
            Transport::Tcp { src, dst, .. } | Transport::Udp { src, dst } => (key.src_port, key.dst_port) = (src, dst),
            Transport::Query { kind, id, .. } => (key.src_port, key.dst_port, key.icmp_type) = (id, id, kind),
            _ => {}
        }
    }
    key
}

/// What a reply to the translated packet looks like when it arrives at the translator: IPv4, whatever the inside speaks.
pub(crate) fn arriving(key: &FlowKey, address: IpAddr, port: u16) -> FlowKey {
    let mut translated = match address::nat64_embedded(key.dst) {
        Some(remote) => FlowKey { dst: IpAddr::V4(remote), ..ipv4_form(key) },
        None => *key,
    };
    translated.src = address;
    translated.src_port = port;
    if translated.is_query() {
        translated.dst_port = port; // the id of a query is one field, whichever way it travels
    }
    translated.reversed()
}

/// ICMPv6 echo is ICMP echo on the other side (RFC 7915 5.2).
fn ipv4_form(key: &FlowKey) -> FlowKey {
    match (key.protocol, key.icmp_type) {
        (58, 128) => FlowKey { protocol: 1, icmp_type: 8, ..*key },
        (58, 129) => FlowKey { protocol: 1, icmp_type: 0, ..*key },
        _ => *key,
    }
}

/// A packet's protocol. A later fragment of IPv6 names the header that comes behind that of the fragment, which may be an
/// extension (RFC 8200 4.5): its first knows better.
pub(crate) fn protocol_of(headers: &Headers, transport: Transport) -> u8 {
    match (headers.transport, transport) {
        (Transport::Missing, Transport::Tcp { .. }) => TCP,
        (Transport::Missing, Transport::Udp { .. }) => UDP,
        (Transport::Missing, Transport::Query { .. } | Transport::IcmpError { .. } | Transport::Icmp { .. }) => {
            if headers.src.is_ipv4() {
                ICMP
            } else {
                ICMPV6
            }
        }
        _ => headers.protocol,
    }
}

/// Protocol numbers (IANA).
const TCP: u8 = 6;
const UDP: u8 = 17;
const ICMP: u8 = 1;
const ICMPV6: u8 = 58;
