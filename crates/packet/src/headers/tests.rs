//! What is accepted, what is refused and why.

use super::*;
use crate::build;
use crate::checksum::Checksum;
use crate::number::put_word;
use crate::tcp_flags::TcpFlags;

fn parse(bytes: &[u8]) -> Result<Headers, Malformed> {
    Headers::parse(bytes, bytes.len() as u32, Offloads::Tolerate)
}

fn strict(bytes: &[u8]) -> Result<Headers, Malformed> {
    Headers::parse(bytes, bytes.len() as u32, Offloads::Strict)
}

fn tcp() -> Vec<u8> {
    build::tcp("10.0.0.1:40000".parse().unwrap(), "192.0.2.1:443".parse().unwrap())
        .flags(TcpFlags::SYN | TcpFlags::ECE)
        .seq(7)
        .ack(9)
        .window(100)
        .payload(b"hello")
        .build()
}

fn udp() -> Vec<u8> {
    build::udp("10.0.0.1:5353".parse().unwrap(), "192.0.2.1:53".parse().unwrap()).payload(&[1; 40]).build()
}

fn udp_v6() -> Vec<u8> {
    build::udp("[2001:db8::1]:5353".parse().unwrap(), "[2001:db8::2]:53".parse().unwrap()).payload(&[1; 40]).build()
}

/// The same with some words changed and the IPv4 header checksum right again.
fn with(bytes: &[u8], words: &[(usize, u16)]) -> Vec<u8> {
    let mut bytes = bytes.to_vec();
    for &(at, word) in words {
        put_word(&mut bytes, at, word);
    }
    if bytes[0] >> 4 == 4 {
        put_word(&mut bytes, 10, 0);
        let len = usize::from(bytes[0] & 15) * 4;
        let sum = Checksum::of(&bytes[..len.min(bytes.len())]);
        put_word(&mut bytes, 10, sum.0);
    }
    bytes
}

/// An IPv6 packet with extension headers put before its transport.
fn chained(first: u8, chain: &[&[u8]]) -> Vec<u8> {
    let mut bytes = udp_v6();
    bytes[6] = first;
    bytes.splice(40..40, chain.concat());
    let len = (bytes.len() - 40) as u16;
    put_word(&mut bytes, 4, len);
    bytes
}

#[test]
fn a_tcp_segment_tells_everything() {
    let headers = strict(&tcp()).unwrap();
    assert_eq!(headers.version, IpVersion::V4);
    assert_eq!((headers.ttl, headers.dont_fragment, headers.total_len, headers.l4), (64, true, 45, 20));
    assert_eq!(
        headers.transport,
        Transport::Tcp {
            src: 40000,
            dst: 443,
            flags: TcpFlags::SYN | TcpFlags::ECE,
            seq: 7,
            ack: 9,
            payload_len: 5,
            window: 100
        }
    );
}

#[test]
fn damage_to_the_ip_header_is_malformed() {
    assert_eq!(parse(&[]), Err(Malformed::HeaderTruncated));
    assert_eq!(parse(&[0x50; 40]), Err(Malformed::Version(5)));
    assert_eq!(parse(&tcp()[..19]), Err(Malformed::HeaderTruncated));
    assert_eq!(parse(&udp_v6()[..39]), Err(Malformed::HeaderTruncated));
    assert_eq!(parse(&with(&tcp(), &[(0, 0x4400)])), Err(Malformed::HeaderLength(4)));
    assert_eq!(parse(&with(&tcp(), &[(2, 19)])), Err(Malformed::TotalLength { total: 19, header: 20 }));
    assert_eq!(parse(&with(&tcp(), &[(2, 46)])), Err(Malformed::LongerThanFrame { total: 46, frame: 45 }));
    assert_eq!(parse(&with(&udp_v6(), &[(4, 49)])), Err(Malformed::LongerThanFrame { total: 89, frame: 88 }));
    let mut wrong = tcp();
    wrong[10] ^= 1;
    assert_eq!(parse(&wrong), Err(Malformed::HeaderChecksum));
}

#[test]
fn damage_to_the_transport_header_is_malformed() {
    assert_eq!(parse(&with(&tcp(), &[(32, 0x4002)])), Err(Malformed::TcpDataOffset(4)));
    assert_eq!(parse(&with(&tcp(), &[(32, 0x7002)])), Err(Malformed::TcpDataOffset(7)));
    assert_eq!(parse(&with(&tcp(), &[(2, 39)])), Err(Malformed::TransportTruncated(6)));
    assert_eq!(parse(&with(&udp(), &[(24, 7)])), Err(Malformed::UdpLength { length: 7, available: 48 }));
    assert_eq!(parse(&with(&udp(), &[(24, 49)])), Err(Malformed::UdpLength { length: 49, available: 48 }));
    assert_eq!(parse(&with(&udp(), &[(2, 27)])), Err(Malformed::TransportTruncated(17)));
}

#[test]
fn offloads_are_tolerated_unless_strict() {
    let mut unsummed = tcp();
    put_word(&mut unsummed, 10, 0);
    assert!(parse(&unsummed).is_ok());
    assert_eq!(strict(&unsummed), Err(Malformed::HeaderChecksum));

    let coalesced = with(&tcp(), &[(2, 0)]);
    assert_eq!(parse(&coalesced).unwrap().total_len, 45);
    assert_eq!(strict(&coalesced), Err(Malformed::TotalLength { total: 0, header: 20 }));
    assert!(parse(&with(&udp(), &[(2, 0)])).is_err());

    for (bytes, at, protocol) in [(tcp(), 36, 6), (udp(), 26, 17), (udp_v6(), 46, 17)] {
        let mut wrong = bytes;
        wrong[at] ^= 1;
        assert!(parse(&wrong).is_ok());
        assert_eq!(strict(&wrong), Err(Malformed::TransportChecksum(protocol)));
        // Cut by the snap length, nobody can tell.
        assert!(Headers::parse(&wrong[..wrong.len() - 1], wrong.len() as u32, Offloads::Strict).is_ok());
    }
    assert!(strict(&with(&udp(), &[(26, 0)])).is_ok());
    assert_eq!(strict(&with(&udp_v6(), &[(46, 0)])), Err(Malformed::TransportChecksum(17)));
}

#[test]
fn a_cut_packet_has_ports_as_long_as_they_are_there() {
    for (bytes, l4) in [(tcp(), 20), (udp(), 20), (udp_v6(), 40)] {
        let cut = |len| Headers::parse(&bytes[..len], bytes.len() as u32, Offloads::Strict).unwrap();
        let whole = strict(&bytes).unwrap();
        for len in l4 + 4..bytes.len() {
            assert_eq!((cut(len).key(), cut(len).total_len), (whole.key(), whole.total_len));
        }
        assert_eq!(cut(l4 + 3).transport, Transport::Missing);
        assert_eq!((cut(l4).key().src_port, cut(l4).key().protocol), (0, whole.protocol));
    }
    let Transport::Tcp { flags, payload_len, .. } =
        Headers::parse(&tcp()[..28], 45, Offloads::Tolerate).unwrap().transport
    else {
        panic!("not TCP");
    };
    assert_eq!((flags, payload_len), (TcpFlags(0), 5));
}

#[test]
fn a_trailer_is_not_part_of_the_datagram() {
    let mut padded = udp();
    padded.resize(100, 0xEE);
    assert_eq!(strict(&padded), strict(&udp()));
    // The ports of this fragment would be in the trailer.
    let mut short = with(&udp(), &[(2, 22), (6, 0x2000)]);
    short.truncate(60);
    assert_eq!(parse(&short).unwrap().transport, Transport::Missing);
}

#[test]
fn fragments_of_ipv4() {
    let first = with(&udp(), &[(4, 77), (6, 0x2000), (2, 44)]);
    let headers = parse(&first[..44]).unwrap();
    assert_eq!(headers.fragment, Fragment::First { id: 77 });
    assert_eq!(headers.transport, Transport::Udp { src: 5353, dst: 53 });
    let later = with(&udp(), &[(4, 77), (6, 0x2003)]);
    let headers = parse(&later).unwrap();
    assert_eq!(headers.fragment, Fragment::Later { id: 77, offset: 24, more: true });
    assert_eq!(headers.transport, Transport::Missing);
    // The options of a first fragment's TCP header may go on in the second.
    let tiny = with(&tcp(), &[(6, 0x2000), (2, 28)]);
    assert!(matches!(parse(&tiny[..28]).unwrap().transport, Transport::Tcp { src: 40000, dst: 443, .. }));
}

#[test]
fn extension_headers_are_walked() {
    let options: &[u8] = &[44, 0, 1, 4, 0, 0, 0, 0];
    let atomic: &[u8] = &[51, 0, 0, 0, 0, 0, 0, 5];
    // Counts in units of four bytes, less two.
    let authentication: &[u8] = &[17, 1, 0, 0, 0, 0, 0, 1, 0, 0, 0, 2];
    let headers = strict(&chained(0, &[options, atomic, authentication])).unwrap();
    assert_eq!((headers.protocol, headers.l4, headers.fragment), (17, 68, Fragment::None));
    assert_eq!(headers.transport, Transport::Udp { src: 5353, dst: 53 });
    for number in [43, 60, 135, 139, 140] {
        let headers = strict(&chained(number, &[&[17, 0, 0, 0, 0, 0, 0, 0]])).unwrap();
        assert_eq!((headers.protocol, headers.l4), (17, 48));
    }
    // No next header.
    assert_eq!(parse(&chained(59, &[])).unwrap().transport, Transport::Other);
}

#[test]
fn fragments_of_ipv6() {
    let first = parse(&chained(44, &[&[17, 0, 0, 1, 0, 0, 1, 0]])).unwrap();
    assert_eq!(first.fragment, Fragment::First { id: 256 });
    assert_eq!(first.transport, Transport::Udp { src: 5353, dst: 53 });
    // Behind the fragment header of a later one there is payload, whatever it looks like.
    let later = parse(&chained(44, &[&[60, 0, 0, 0x18, 0, 0, 1, 0]])).unwrap();
    assert_eq!(later.fragment, Fragment::Later { id: 256, offset: 24, more: false });
    assert_eq!((later.protocol, later.l4, later.transport), (60, 48, Transport::Missing));
    let nested = chained(44, &[&[44, 0, 0, 1, 0, 0, 0, 1], &[17, 0, 0, 1, 0, 0, 0, 1]]);
    assert_eq!(parse(&nested), Err(Malformed::NestedFragment));
}

#[test]
fn damage_to_the_chain_is_malformed() {
    let header: &[u8] = &[60, 0, 1, 4, 0, 0, 0, 0];
    let last: &[u8] = &[17, 0, 1, 4, 0, 0, 0, 0];
    let chain = |headers: usize| chained(60, &[vec![header; headers - 1], vec![last]].concat());
    assert!(parse(&chain(8)).is_ok());
    assert_eq!(parse(&chain(9)), Err(Malformed::ChainTooLong(8)));
    assert_eq!(parse(&chained(60, &[&[60, 200, 0, 0, 0, 0, 0, 0]])), Err(Malformed::ChainTruncated));
    // Cut by the snap length, it only leaves the transport unknown.
    let bytes = chain(2);
    let cut = Headers::parse(&bytes[..50], bytes.len() as u32, Offloads::Tolerate).unwrap();
    assert_eq!((cut.transport, cut.protocol), (Transport::Missing, 60));
}

#[test]
fn a_routing_header_hides_the_final_destination() {
    let routing: &[u8] = &[17, 2, 4, 1, 0, 0, 0, 0, 0x20, 1, 0xD, 0xB8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 9];
    assert!(strict(&chained(43, &[routing])).unwrap().source_routed);
    let arrived: &[u8] = &[17, 0, 4, 0, 0, 0, 0, 0];
    assert!(!strict(&chained(43, &[arrived])).unwrap().source_routed);
}

#[test]
fn icmp_messages_are_queries_errors_or_neither() {
    let (a, b): (IpAddr, IpAddr) = ("10.0.0.1".parse().unwrap(), "10.0.0.2".parse().unwrap());
    let (c, d): (IpAddr, IpAddr) = ("2001:db8::1".parse().unwrap(), "2001:db8::2".parse().unwrap());
    for (src, dst, queries, errors) in
        [(a, b, vec![0, 8, 13, 14, 15, 16, 17, 18], vec![3, 4, 5, 11, 12]), (c, d, vec![128, 129], (0..128).collect())]
    {
        for kind in 0..=255 {
            let bytes = build::icmp_message(src, dst, kind, 3, 0x0102_0304).build();
            let headers = strict(&bytes).unwrap();
            let expected = if queries.contains(&kind) {
                Transport::Query { kind, code: 3, id: 0x0102 }
            } else if errors.contains(&kind) {
                Transport::IcmpError { kind, code: 3, quote: None }
            } else {
                Transport::Icmp { kind, code: 3 }
            };
            assert_eq!((headers.transport, headers.icmp_type(), headers.icmp_code()), (expected, Some(kind), Some(3)));
            assert_eq!(headers.key().icmp_type, kind);
        }
    }
    let later = build::fragment(&build::echo_request(a, b, 1, 1).payload(&[0; 40]).build(), 44).swap_remove(1);
    assert_eq!(parse(&later).unwrap().key().icmp_type, FlowKey::UNKNOWN_ICMP);
}

#[test]
fn fragments_say_which_bytes_they_hold() {
    let range = |bytes: &[u8]| parse(bytes).unwrap().fragment_range();
    assert_eq!(range(&udp()), None);
    let later = with(&udp(), &[(6, 0x2003)]);
    assert_eq!(range(&later), Some(FragmentRange { start: 24, end: 72, more: true }));
    // By the header, whatever was captured of it.
    let cut = Headers::parse(&later[..30], later.len() as u32, Offloads::Tolerate).unwrap();
    assert_eq!(cut.fragment_range(), Some(FragmentRange { start: 24, end: 72, more: true }));
    assert_eq!(range(&with(&udp(), &[(6, 0x2000)])), Some(FragmentRange { start: 0, end: 48, more: true }));
    // The longest offset there is.
    let beyond = with(&udp(), &[(6, 0x1FFF)]);
    assert_eq!(range(&beyond), Some(FragmentRange { start: 65_528, end: 65_576, more: false }));

    // What follows the fragment header was divided, extension headers and all; what precedes it was not.
    let options: &[u8] = &[44, 0, 1, 4, 0, 0, 0, 0];
    let first = chained(60, &[options, &[60, 0, 0, 1, 0, 0, 1, 0], &[17, 0, 1, 4, 0, 0, 0, 0]]);
    assert_eq!(parse(&first).unwrap().l4, 64);
    assert_eq!(range(&first), Some(FragmentRange { start: 0, end: 56, more: true }));
    let last = chained(60, &[options, &[17, 0, 0, 0x38, 0, 0, 1, 0]]);
    assert_eq!(range(&last), Some(FragmentRange { start: 56, end: 104, more: false }));
    // Atomic.
    assert_eq!(range(&chained(44, &[&[17, 0, 0, 0, 0, 0, 1, 0]])), None);
}

#[test]
fn lengths_that_lie_are_malformed_or_harmless() {
    // An IPv6 payload shorter than its transport, and none at all.
    assert_eq!(parse(&with(&udp_v6(), &[(4, 7)])), Err(Malformed::TransportTruncated(17)));
    assert_eq!(parse(&with(&udp_v6(), &[(4, 0)])), Err(Malformed::TransportTruncated(17)));
    // The chain goes on in the trailer.
    let options: &[u8] = &[17, 0, 1, 4, 0, 0, 0, 0];
    assert_eq!(parse(&with(&chained(60, &[options]), &[(4, 4)])), Err(Malformed::ChainTruncated));
    assert_eq!(parse(&with(&chained(60, &[options]), &[(4, 8)])), Err(Malformed::TransportTruncated(17)));
    assert_eq!(parse(&with(&chained(0, &[&[60, 6, 1, 4, 0, 0, 0, 0]]), &[])), Err(Malformed::ChainTruncated));
    // Authentication headers of the shortest and the longest kind.
    assert_eq!(parse(&chained(51, &[&[17, 0, 0, 0, 0, 0, 0, 1]])).unwrap().l4, 48);
    assert_eq!(parse(&chained(51, &[&[17, 255, 0, 0, 0, 0, 0, 1]])), Err(Malformed::ChainTruncated));
    // IPv4 options longer than the datagram, by its own length and by its bytes.
    let options = with(&udp(), &[(0, 0x4F00), (2, 59)]);
    assert_eq!(parse(&options), Err(Malformed::TotalLength { total: 59, header: 60 }));
    let short = with(&udp(), &[(0, 0x4F00)]);
    assert_eq!(parse(&short[..40]), Err(Malformed::HeaderTruncated));
    // A first fragment's UDP length is that of the whole datagram, whatever it is.
    assert!(parse(&with(&udp(), &[(6, 0x2000), (24, 0xFFFF)])).is_ok());
    assert!(parse(&with(&udp(), &[(6, 0x2000), (24, 0)])).is_ok());
    // The longest TCP header, all of it options, with and without room for it.
    let (from, to) = ("10.0.0.1:1".parse().unwrap(), "10.0.0.2:2".parse().unwrap());
    let segment = |payload| with(&build::tcp(from, to).payload(&vec![9; payload]).build(), &[(32, 0xF010)]);
    assert!(matches!(parse(&segment(40)).unwrap().transport, Transport::Tcp { payload_len: 0, .. }));
    assert_eq!(parse(&segment(39)), Err(Malformed::TcpDataOffset(15)));
}
