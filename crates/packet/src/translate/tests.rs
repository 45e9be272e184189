use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use crate::build;
use crate::headers::{Fragment, Headers, Offloads};
use crate::quote::QuoteTransport;
use crate::tcp_flags::TcpFlags;
use crate::transport::Transport;

use super::{Ends, Untranslatable};

const V4: Ends<Ipv4Addr> = Ends { src: Ipv4Addr::new(10, 0, 0, 200), dst: Ipv4Addr::new(198, 51, 100, 7) };

fn v6() -> Ends<Ipv6Addr> {
    Ends { src: "2001:db8::10".parse().unwrap(), dst: "64:ff9b::198.51.100.7".parse().unwrap() }
}

fn ends6(port: u16, to: u16) -> (SocketAddr, SocketAddr) {
    (SocketAddr::new(v6().src.into(), port), SocketAddr::new(v6().dst.into(), to))
}

fn ends4(port: u16, to: u16) -> (SocketAddr, SocketAddr) {
    (SocketAddr::new(V4.src.into(), port), SocketAddr::new(V4.dst.into(), to))
}

/// Of a datagram that was captured as a whole.
fn v6_to_v4(
    datagram: &[u8],
    ends: Ends<Ipv4Addr>,
    quoted: Option<Ends<Ipv4Addr>>,
    id: u16,
) -> Result<Vec<u8>, Untranslatable> {
    super::v6_to_v4(datagram, datagram.len() as u32, ends, quoted, id)
}

/// Likewise.
fn v4_to_v6(datagram: &[u8], ends: Ends<Ipv6Addr>, quoted: Option<Ends<Ipv6Addr>>) -> Result<Vec<u8>, Untranslatable> {
    super::v4_to_v6(datagram, datagram.len() as u32, ends, quoted)
}

/// The headers; every checksum is judged.
fn strict(datagram: &[u8]) -> Headers {
    Headers::parse(datagram, datagram.len() as u32, Offloads::Strict).unwrap_or_else(|error| panic!("{error}"))
}

#[test]
fn tcp_and_udp_become_what_ipv4_would_have_sent() {
    let (from, to) = ends6(4000, 443);
    let tcp = build::tcp(from, to).flags(TcpFlags::SYN).seq(7).mss(1440).ttl(33).build();
    let (from4, to4) = ends4(4000, 443);
    let expected = build::tcp(from4, to4).flags(TcpFlags::SYN).seq(7).mss(1440).ttl(33).dont_fragment(false).id(9);
    assert_eq!(v6_to_v4(&tcp, V4, None, 9).unwrap(), expected.build());
    let udp = build::udp(from, to).payload(b"question").build();
    let expected = build::udp(from4, to4).payload(b"question").dont_fragment(false).id(9).build();
    assert_eq!(v6_to_v4(&udp, V4, None, 9).unwrap(), expected);
    // And back.
    assert_eq!(v4_to_v6(&expected, v6(), None).unwrap(), udp);
}

#[test]
fn a_long_datagram_may_not_be_fragmented() {
    let (from, to) = ends6(4000, 53);
    let len = |payload: usize| {
        let udp = build::udp(from, to).payload(&vec![1; payload]).build();
        let headers = strict(&v6_to_v4(&udp, V4, None, 9).unwrap());
        (headers.total_len, headers.dont_fragment)
    };
    assert_eq!(len(1232), (1260, false));
    assert_eq!(len(1233), (1261, true));
}

#[test]
fn a_wrong_checksum_stays_exactly_as_wrong() {
    let (from, to) = ends6(4000, 443);
    let mut tcp = build::tcp(from, to).build();
    let right = v6_to_v4(&tcp, V4, None, 9).unwrap();
    tcp[40 + 16] ^= 0x10;
    let wrong = v6_to_v4(&tcp, V4, None, 9).unwrap();
    let sum = |bytes: &[u8]| u16::from_be_bytes([bytes[36], bytes[37]]);
    assert_eq!(sum(&wrong) ^ 0x1000, sum(&right));
}

#[test]
fn echo_changes_its_kind_and_its_pseudo_header() {
    let ping = build::echo_request(v6().src.into(), v6().dst.into(), 7, 1).payload(b"ping").build();
    let expected = build::echo_request(V4.src.into(), V4.dst.into(), 7, 1).payload(b"ping");
    let expected = expected.dont_fragment(false).id(9).build();
    assert_eq!(v6_to_v4(&ping, V4, None, 9).unwrap(), expected);
    let pong = build::echo_reply(V4.dst.into(), V4.src.into(), 7, 1).payload(b"ping").build();
    let back = Ends { src: v6().dst, dst: v6().src };
    let expected = build::echo_reply(v6().dst.into(), v6().src.into(), 7, 1).payload(b"ping").build();
    assert_eq!(v4_to_v6(&pong, back, None).unwrap(), expected);
}

#[test]
fn fragments_keep_their_places() {
    let (from, to) = ends6(4000, 53);
    let whole = build::udp(from, to).payload(&[7; 3000]).build();
    let pieces: Vec<_> = build::fragment_v6(&whole, 1280, 0x0001_BEEF)
        .iter()
        .map(|piece| v6_to_v4(piece, V4, None, 0).unwrap())
        .collect();
    let fragments: Vec<_> = pieces
        .iter()
        .map(|piece| {
            let headers = Headers::parse(piece, piece.len() as u32, Offloads::Tolerate).unwrap();
            assert!(!headers.dont_fragment);
            headers.fragment
        })
        .collect();
    assert_eq!(fragments[0], Fragment::First { id: 0xBEEF });
    assert_eq!(fragments[1], Fragment::Later { id: 0xBEEF, offset: 1232, more: true });
    assert_eq!(fragments[2], Fragment::Later { id: 0xBEEF, offset: 2464, more: false });
    // Put together they are the datagram that IPv4 would have sent.
    let payload: Vec<u8> = pieces.iter().flat_map(|piece| piece[20..].to_vec()).collect();
    let expected = build::udp(ends4(4000, 53).0, ends4(4000, 53).1).payload(&[7; 3000]).build();
    assert_eq!(payload, expected[20..]);

    let back: Vec<_> = pieces.iter().map(|piece| v4_to_v6(piece, v6(), None).unwrap()).collect();
    let headers = Headers::parse(&back[1], back[1].len() as u32, Offloads::Tolerate).unwrap();
    assert_eq!(headers.fragment, Fragment::Later { id: 0xBEEF, offset: 1232, more: true });
    let payload: Vec<u8> = back.iter().flat_map(|piece| piece[48..].to_vec()).collect();
    assert_eq!(payload, whole[40..]);
}

#[test]
fn udp_without_a_checksum_gets_one() {
    let (from, to) = ends4(4000, 53);
    let without = |mut udp: Vec<u8>| {
        udp[26..28].fill(0);
        udp
    };
    let udp = without(build::udp(from, to).payload(b"question").build());
    let expected = build::udp(ends6(4000, 53).0, ends6(4000, 53).1).payload(b"question").build();
    assert_eq!(v4_to_v6(&udp, v6(), None).unwrap(), expected);
    let big = without(build::udp(from, to).payload(&[1; 2000]).dont_fragment(false).build());
    let first = build::fragment(&big, 1500).swap_remove(0);
    assert_eq!(v4_to_v6(&first, v6(), None), Err(Untranslatable::NoUdpChecksum));
}

#[test]
fn errors_are_translated_with_what_they_quote() {
    // A router in the IPv4 network about a datagram that had been IPv6.
    let sent = build::udp(ends4(4000, 53).0, ends4(4000, 53).1).payload(b"question").build();
    let router: IpAddr = "192.0.2.1".parse().unwrap();
    let seen_as = Ends { src: "64:ff9b::192.0.2.1".parse().unwrap(), dst: v6().src };
    for (kind, code, rest, expected) in [
        (3, 3, 0, (1, 4, 0)),
        (3, 1, 0, (1, 0, 0)),
        (3, 2, 0, (4, 1, 6)),
        (3, 13, 0, (1, 1, 0)),
        (3, 4, 1400, (2, 0, 1420)),
        (3, 4, 600, (2, 0, 1280)),
        (11, 0, 0, (3, 0, 0)),
    ] {
        let error = build::icmp_error(router, V4.src.into(), kind, code, rest, &sent);
        let error = v4_to_v6(&error, seen_as, Some(v6())).unwrap();
        let Transport::IcmpError { kind, code, quote: Some(quote) } = strict(&error).transport else { panic!() };
        let value = u32::from_be_bytes([error[44], error[45], error[46], error[47]]);
        assert_eq!((kind, code, value), expected);
        assert_eq!((quote.src, quote.dst), (v6().src.into(), v6().dst.into()));
        assert_eq!(quote.transport, QuoteTransport::Ports { src: 4000, dst: 53 });
        // The quote is the packet that the client had sent.
        let original = build::udp(ends6(4000, 53).0, ends6(4000, 53).1).payload(b"question").build();
        assert_eq!(error[48..], original);
    }
}

#[test]
fn errors_of_the_client_are_translated_too() {
    let back = (ends6(4000, 53).1, ends6(4000, 53).0);
    let received = build::udp(back.0, back.1).payload(b"answer").build();
    let to = Ends { src: V4.dst, dst: V4.src };
    for (kind, code, rest, expected) in [
        (1, 4, 0, (3, 3, 0)),
        (1, 1, 0, (3, 10, 0)),
        (2, 0, 1400, (3, 4, 1380)),
        (3, 1, 0, (11, 1, 0)),
        (4, 1, 6, (3, 2, 0)),
        (4, 0, 7, (12, 0, 8 << 24)),
    ] {
        let error = build::icmp_error(v6().src.into(), v6().dst.into(), kind, code, rest, &received);
        let error = v6_to_v4(&error, V4, Some(to), 9).unwrap();
        let Transport::IcmpError { kind, code, quote: Some(quote) } = strict(&error).transport else { panic!() };
        let value = u32::from_be_bytes([error[24], error[25], error[26], error[27]]);
        assert_eq!((kind, code, value), expected);
        assert_eq!((quote.src, quote.dst), (V4.dst.into(), V4.src.into()));
        assert_eq!(quote.transport, QuoteTransport::Ports { src: 53, dst: 4000 });
    }
}

#[test]
fn a_quoted_echo_and_a_short_quote() {
    let sent = build::echo_request(V4.src.into(), V4.dst.into(), 7, 1).payload(b"ping").build();
    let seen_as = Ends { src: "64:ff9b::192.0.2.1".parse().unwrap(), dst: v6().src };
    for len in [sent.len(), 28] {
        let error = build::icmp_error("192.0.2.1".parse().unwrap(), V4.src.into(), 11, 0, 0, &sent[..len]);
        let error = v4_to_v6(&error, seen_as, Some(v6())).unwrap();
        let original = build::echo_request(v6().src.into(), v6().dst.into(), 7, 1).payload(b"ping").build();
        assert_eq!(error[48..], original[..len + 20]);
        strict(&error);
    }
}

#[test]
fn what_has_no_counterpart_says_so() {
    let timestamp = build::icmp_message(V4.src.into(), V4.dst.into(), 13, 0, 1).payload(&[0; 12]).build();
    assert_eq!(v4_to_v6(&timestamp, v6(), None), Err(Untranslatable::Icmp { kind: 13, code: 0 }));
    let redirect = build::icmp_error(V4.src.into(), V4.dst.into(), 5, 1, 0, &timestamp);
    assert_eq!(v4_to_v6(&redirect, v6(), Some(v6())), Err(Untranslatable::Icmp { kind: 5, code: 1 }));
    let big = build::echo_request(V4.src.into(), V4.dst.into(), 7, 1).payload(&[0; 2000]).dont_fragment(false).build();
    let piece = build::fragment(&big, 1500).swap_remove(0);
    assert_eq!(v4_to_v6(&piece, v6(), None), Err(Untranslatable::IcmpFragment));
    assert_eq!(v4_to_v6(&[0x60; 40], v6(), None), Err(Untranslatable::Malformed));
    assert_eq!(v6_to_v4(&[0x45; 20], V4, None, 0), Err(Untranslatable::Malformed));
}

#[test]
fn a_source_route_that_is_not_done_with() {
    let (from, to) = ends4(4000, 53);
    let mut udp = build::udp(from, to).build();
    for (pointer, expected) in [(4, Err(Untranslatable::SourceRouted)), (8, Ok(()))] {
        let mut routed = udp[..20].to_vec();
        routed[0] = 0x47;
        routed.extend([131, 7, pointer, 192, 0, 2, 9, 0]);
        routed.extend(&udp[20..]);
        let total = routed.len() as u16;
        routed[2..4].copy_from_slice(&total.to_be_bytes());
        assert_eq!(v4_to_v6(&routed, v6(), None).map(|_| ()), expected);
    }
    udp.truncate(25);
    assert!(v4_to_v6(&udp, v6(), None).is_ok(), "cut by the capture");
}

#[test]
fn an_error_fits_the_least_mtu_of_ipv6() {
    let sent = build::udp(ends4(4000, 53).0, ends4(4000, 53).1).payload(&[7; 1400]).build();
    let seen_as = Ends { src: "64:ff9b::192.0.2.1".parse().unwrap(), dst: v6().src };
    let mut error = build::icmp_message("192.0.2.1".parse().unwrap(), V4.src.into(), 3, 3, 0).payload(&sent).build();
    let error6 = v4_to_v6(&error, seen_as, Some(v6())).unwrap();
    assert_eq!(strict(&error6).total_len, 1280);
    // Cut by the capture it keeps its length.
    let total = error.len() as u32;
    error.truncate(200);
    let error6 = v4_to_v6(&error, seen_as, Some(v6())).unwrap();
    let headers = Headers::parse(&error6, 2000, Offloads::Tolerate).unwrap();
    assert_eq!(headers.total_len, total + 20 + 20);
}

#[test]
fn protocols_of_the_other_version_are_not_translated() {
    for number in [0, 43, 44, 51, 58, 60] {
        let datagram = build::protocol(V4.src.into(), V4.dst.into(), number, &[59, 0, 1, 4, 0, 0, 0, 0]).build();
        assert_eq!(v4_to_v6(&datagram, v6(), None), Err(Untranslatable::ForeignProtocol), "{number}");
    }
}

#[test]
fn a_udp_checksum_is_computed_over_what_udp_says_it_has() {
    let (from, to) = ends4(4000, 53);
    let mut udp = build::udp(from, to).payload(b"question").build();
    udp[26..28].fill(0);
    udp.extend([1, 2, 3, 4]);
    let total = udp.len() as u16;
    udp[2..4].copy_from_slice(&total.to_be_bytes());
    strict(&v4_to_v6(&udp, v6(), None).unwrap());
}

#[test]
fn a_length_that_the_card_was_to_fill_in_is_that_of_the_wire() {
    let (from, to) = ends6(4000, 443);
    let mut tcp = build::tcp(from, to).payload(&[1; 100]).build();
    let wire = tcp.len() as u32;
    tcp[4..6].fill(0);
    tcp.truncate(80);
    let cut = super::v6_to_v4(&tcp, wire, V4, None, 9).unwrap();
    assert_eq!(Headers::parse(&cut, wire, Offloads::Tolerate).unwrap().total_len, wire - 20);
}
