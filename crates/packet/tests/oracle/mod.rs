//! Full checksums as etherparse and pnet compute them.

use std::net::IpAddr;

use etherparse::{Ipv4Header, LaxNetSlice, LaxSlicedPacket, TransportSlice};
use pnet_packet::{icmp, icmpv6, ipv4, tcp, udp};

/// Panics unless both find every checksum of a whole datagram right.
pub(crate) fn assert_right(bytes: &[u8]) {
    if bytes[0] >> 4 == 4 {
        let header = Ipv4Header::from_slice(bytes).unwrap().0;
        assert_eq!(header.header_checksum, header.calc_header_checksum());
        assert_eq!(header.header_checksum, ipv4::checksum(&ipv4::Ipv4Packet::new(bytes).unwrap()));
    }
    let sliced = LaxSlicedPacket::from_ip(bytes).unwrap();
    let Some(transport) = &sliced.transport else { return };
    let (etherparse, field) = by_etherparse(&sliced, transport);
    if matches!(transport, TransportSlice::Udp(_)) && field == 0 {
        return;
    }
    assert_eq!(field, etherparse);
    // The one difference between the two: pnet does not write a UDP sum of 0 as 0xFFFF.
    let pnet = match (transport, by_pnet(&sliced, transport)) {
        (TransportSlice::Udp(_), 0) => 0xFFFF,
        (_, sum) => sum,
    };
    assert_eq!(field, pnet);
}

fn by_etherparse(sliced: &LaxSlicedPacket<'_>, transport: &TransportSlice<'_>) -> (u16, u16) {
    match (transport, addresses(sliced)) {
        (TransportSlice::Tcp(s), (IpAddr::V4(src), IpAddr::V4(dst))) => {
            (s.calc_checksum_ipv4(src.octets(), dst.octets()).unwrap(), s.checksum())
        }
        (TransportSlice::Tcp(s), (IpAddr::V6(src), IpAddr::V6(dst))) => {
            (s.calc_checksum_ipv6(src.octets(), dst.octets()).unwrap(), s.checksum())
        }
        (TransportSlice::Udp(s), (IpAddr::V4(src), IpAddr::V4(dst))) => {
            let sum = s.to_header().calc_checksum_ipv4_raw(src.octets(), dst.octets(), s.payload());
            (sum.unwrap(), s.checksum())
        }
        (TransportSlice::Udp(s), (IpAddr::V6(src), IpAddr::V6(dst))) => {
            let sum = s.to_header().calc_checksum_ipv6_raw(src.octets(), dst.octets(), s.payload());
            (sum.unwrap(), s.checksum())
        }
        (TransportSlice::Icmpv4(s), _) => (s.header().icmp_type.calc_checksum(s.payload()), s.checksum()),
        (TransportSlice::Icmpv6(s), (IpAddr::V6(src), IpAddr::V6(dst))) => {
            let sum = s.icmp_type().calc_checksum(src.octets(), dst.octets(), s.payload());
            (sum.unwrap(), s.checksum())
        }
        other => panic!("no checksum known for {other:?}"),
    }
}

fn by_pnet(sliced: &LaxSlicedPacket<'_>, transport: &TransportSlice<'_>) -> u16 {
    let segment = segment(transport);
    match (transport, addresses(sliced)) {
        (TransportSlice::Tcp(_), (IpAddr::V4(src), IpAddr::V4(dst))) => {
            tcp::ipv4_checksum(&tcp::TcpPacket::new(segment).unwrap(), &src, &dst)
        }
        (TransportSlice::Tcp(_), (IpAddr::V6(src), IpAddr::V6(dst))) => {
            tcp::ipv6_checksum(&tcp::TcpPacket::new(segment).unwrap(), &src, &dst)
        }
        (TransportSlice::Udp(_), (IpAddr::V4(src), IpAddr::V4(dst))) => {
            udp::ipv4_checksum(&udp::UdpPacket::new(segment).unwrap(), &src, &dst)
        }
        (TransportSlice::Udp(_), (IpAddr::V6(src), IpAddr::V6(dst))) => {
            udp::ipv6_checksum(&udp::UdpPacket::new(segment).unwrap(), &src, &dst)
        }
        (TransportSlice::Icmpv4(_), _) => icmp::checksum(&icmp::IcmpPacket::new(segment).unwrap()),
        (TransportSlice::Icmpv6(_), (IpAddr::V6(src), IpAddr::V6(dst))) => {
            icmpv6::checksum(&icmpv6::Icmpv6Packet::new(segment).unwrap(), &src, &dst)
        }
        other => panic!("no checksum known for {other:?}"),
    }
}

/// The transport header and all behind it.
pub(crate) fn segment<'a>(transport: &TransportSlice<'a>) -> &'a [u8] {
    match transport {
        TransportSlice::Tcp(s) => s.slice(),
        TransportSlice::Udp(s) => s.slice(),
        TransportSlice::Icmpv4(s) => s.slice(),
        TransportSlice::Icmpv6(s) => s.slice(),
        other => panic!("no segment known for {other:?}"),
    }
}

/// Where the transport checksum of a whole datagram without IPv6 extension headers is.
pub(crate) fn transport_checksum_at(bytes: &[u8]) -> Option<usize> {
    let (protocol, l4) = if bytes[0] >> 4 == 4 { (bytes[9], 20) } else { (bytes[6], 40) };
    match protocol {
        6 => Some(l4 + 16),
        17 => Some(l4 + 6),
        1 | 58 => Some(l4 + 2),
        _ => None,
    }
}

pub(crate) fn is_udp_without_checksum(bytes: &[u8]) -> bool {
    let sliced = LaxSlicedPacket::from_ip(bytes).unwrap();
    matches!(sliced.transport, Some(TransportSlice::Udp(udp)) if udp.checksum() == 0)
}

pub(crate) fn addresses(sliced: &LaxSlicedPacket<'_>) -> (IpAddr, IpAddr) {
    match sliced.net.as_ref().unwrap() {
        LaxNetSlice::Ipv4(ip) => (ip.header().source_addr().into(), ip.header().destination_addr().into()),
        LaxNetSlice::Ipv6(ip) => (ip.header().source_addr().into(), ip.header().destination_addr().into()),
        LaxNetSlice::Arp(_) => unreachable!("no sample is ARP"),
    }
}

/// Writes the header checksum of an IPv4 datagram right, as far as there is one.
pub(crate) fn fix_header_checksum(bytes: &mut [u8]) {
    if let Ok((header, _)) = Ipv4Header::from_slice(bytes) {
        bytes[10..12].copy_from_slice(&header.calc_header_checksum().to_be_bytes());
    }
}
