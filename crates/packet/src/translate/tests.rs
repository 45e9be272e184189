//! One packet a rule, to the byte. That checksums stay right in general is a property, tested from outside.

use std::net::{IpAddr, SocketAddr};

use super::*;
use crate::build;
use crate::headers::Headers;
use crate::number::put_word;
use crate::tcp_flags::TcpFlags;

mod errors;

const CLIENT: &str = "2001:db8::5";
const HOST: &str = "192.0.2.1";
const GATEWAY: &str = "10.0.0.9";

fn client(port: u16) -> SocketAddr {
    SocketAddr::new(CLIENT.parse().unwrap(), port)
}

/// The host as the client knows it.
fn host_v6(port: u16) -> SocketAddr {
    SocketAddr::new(Embedding::WELL_KNOWN.embed(HOST.parse().unwrap()).into(), port)
}

fn gateway(port: u16) -> SocketAddr {
    SocketAddr::new(GATEWAY.parse().unwrap(), port)
}

fn host(port: u16) -> SocketAddr {
    SocketAddr::new(HOST.parse().unwrap(), port)
}

/// From the client to the host.
fn out(id: u16) -> ToV4 {
    ToV4::new(GATEWAY.parse().unwrap(), HOST.parse().unwrap(), id)
        .quoting(HOST.parse().unwrap(), GATEWAY.parse().unwrap())
}

/// From the host to the client.
fn back() -> ToV6 {
    let (client, host) = (CLIENT.parse().unwrap(), Embedding::WELL_KNOWN.embed(HOST.parse().unwrap()));
    ToV6::new(host, client).quoting(client, host)
}

fn to_v4(bytes: &[u8], to: ToV4) -> Result<Vec<u8>, Untranslatable> {
    let mut bytes = bytes.to_vec();
    let len = bytes.len() as u32;
    v6_to_v4(&Packet::parse(&mut bytes, len, Offloads::Strict).unwrap(), &to)
}

fn to_v6(bytes: &[u8], to: ToV6) -> Result<Vec<u8>, Untranslatable> {
    let mut bytes = bytes.to_vec();
    let len = bytes.len() as u32;
    v4_to_v6(&Packet::parse(&mut bytes, len, Offloads::Strict).unwrap(), &to)
}

fn strict(bytes: &[u8]) -> Headers {
    Headers::parse(bytes, bytes.len() as u32, Offloads::Strict).unwrap()
}

/// An IPv4 packet with other header words and the header checksum right again.
fn with(bytes: &[u8], words: &[(usize, u16)]) -> Vec<u8> {
    let mut bytes = bytes.to_vec();
    for &(at, word) in words {
        put_word(&mut bytes, at, word);
    }
    put_word(&mut bytes, 10, 0);
    let checksum = crate::Checksum::of(&bytes[..usize::from(bytes[0] & 15) * 4]);
    put_word(&mut bytes, 10, checksum.0);
    bytes
}

/// An IPv6 packet with extension headers before its transport.
fn chained(bytes: &[u8], first: u8, chain: &[&[u8]]) -> Vec<u8> {
    let mut bytes = bytes.to_vec();
    bytes[6] = first;
    bytes.splice(40..40, chain.concat());
    let len = (bytes.len() - 40) as u16;
    put_word(&mut bytes, 4, len);
    bytes
}

/// An IPv4 packet with options.
fn with_options(bytes: &[u8], options: &[u8]) -> Vec<u8> {
    let mut bytes = bytes.to_vec();
    bytes.splice(20..20, options.iter().copied());
    bytes[0] += options.len() as u8 / 4;
    let len = bytes.len() as u16;
    with(&bytes, &[(2, len)])
}

/// Bytes that were worked out by another program, from the RFCs alone.
fn hex(parts: &[&str]) -> Vec<u8> {
    let digits = parts.concat();
    (0..digits.len()).step_by(2).map(|at| u8::from_str_radix(&digits[at..at + 2], 16).unwrap()).collect()
}

#[test]
fn udp_to_the_byte() {
    // Traffic class ab, flow label 12345.
    let v6 = hex(&[
        "6ab12345000c113d20010db80000000000000000000000050064ff9b0000000000000000c0000201",
        "9c400035000cea1668692121",
    ]);
    let v4 = hex(&["45ab0020010200003d11b0160a000009c0000201", "9c400035000c0dcc68692121"]);
    assert_eq!(to_v4(&v6, out(0x0102)), Ok(v4));
    let v4 = hex(&["45ab0020010200003d11b016c00002010a000009", "00359c40000c0dcc68692121"]);
    let v6 = hex(&[
        "6ab00000000c113d0064ff9b0000000000000000c000020120010db8000000000000000000000005",
        "00359c40000cea1668692121",
    ]);
    assert_eq!(to_v6(&v4, back()), Ok(v6));
}

#[test]
fn echo_to_the_byte() {
    let v6 = hex(&[
        "6ab00000000c3a3d20010db80000000000000000000000050064ff9b0000000000000000c0000201",
        "8000b1200007000170696e67",
    ]);
    let v4 = hex(&["45ab0020010200003d01b0260a000009c0000201", "080019270007000170696e67"]);
    assert_eq!(to_v4(&v6, out(0x0102)), Ok(v4));
    let v4 = hex(&["45ab0020010200003d01b026c00002010a000009", "000021270007000170696e67"]);
    let v6 = hex(&[
        "6ab00000000c3a3d0064ff9b0000000000000000c000020120010db8000000000000000000000005",
        "8100b0200007000170696e67",
    ]);
    assert_eq!(to_v6(&v4, back()), Ok(v6));
}

#[test]
fn fragments_to_the_byte() {
    // Of the identification cafe0102 IPv4 has the lower half; the offset is 24.
    let fixed = "6ab0000000202c3d20010db80000000000000000000000050064ff9b0000000000000000c0000201";
    let first = ["9c4000350030f5c7", "000102030405060708090a0b0c0d0e0f"];
    let last = "101112131415161718191a1b1c1d1e1f2021222324252627";
    let v6 = [hex(&[fixed, "11000001cafe0102", first[0], first[1]]), hex(&[fixed, "11000018cafe0102", last])];
    let v4 = [
        hex(&["45ab002c010220003d11900a0a000009c0000201", "9c4000350030197d", first[1]]),
        hex(&["45ab002c010200033d11b0070a000009c0000201", last]),
    ];
    for (v6, v4) in v6.iter().zip(&v4) {
        assert_eq!(to_v4(v6, out(7)).as_ref(), Ok(v4));
        // The other way the upper half is zero.
        let mut v6 = v6.clone();
        v6[44..46].fill(0);
        let to = ToV6::new(CLIENT.parse().unwrap(), Embedding::WELL_KNOWN.embed(HOST.parse().unwrap()));
        assert_eq!(to_v6(v4, to), Ok(v6));
    }
}

#[test]
fn tcp_keeps_all_but_its_checksum() {
    let segment = |src, dst| {
        let builder = build::tcp(src, dst).flags(TcpFlags::SYN).seq(7).payload(b"hello").mss(1440).window_scale(7);
        builder.ttl(9).id(3).dont_fragment(false).build()
    };
    let (v6, v4) = (segment(client(40000), host_v6(443)), segment(gateway(40000), host(443)));
    assert_eq!(to_v4(&v6, out(3)), Ok(v4));
    let (v6, v4) = (segment(host_v6(443), client(40000)), segment(host(443), gateway(40000)));
    assert_eq!(to_v6(&v4, back()), Ok(v6));
}

#[test]
fn long_packets_must_not_be_fragmented() {
    let flags = |payload: usize| {
        let v6 = build::udp(client(1), host_v6(2)).payload(&vec![1; payload]).build();
        let headers = strict(&to_v4(&v6, out(9)).unwrap());
        (headers.total_len, headers.dont_fragment, headers.ip_id)
    };
    assert_eq!(flags(1260 - 28), (1260, false, 9));
    assert_eq!(flags(1260 - 27), (1261, true, 9));
    // Whether a packet may be fragmented is nothing that an IPv6 header could say.
    let v4 = |dont_fragment| build::udp(host(2), gateway(1)).payload(&[1; 1400]).dont_fragment(dont_fragment).build();
    assert_eq!(to_v6(&v4(true), back()), to_v6(&v4(false), back()));
    assert_eq!(strict(&to_v6(&v4(false), back()).unwrap()).l4, 40);
}

#[test]
fn extension_headers_are_left_out() {
    let plain = build::udp(client(1), host_v6(2)).payload(b"x").build();
    let options: &[u8] = &[43, 0, 1, 4, 0, 0, 0, 0];
    let arrived: &[u8] = &[60, 2, 4, 0, 0, 0, 0, 0, 0x20, 1, 0xD, 0xB8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 9];
    let last: &[u8] = &[17, 1, 1, 12, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];
    assert_eq!(to_v4(&chained(&plain, 0, &[options, arrived, last]), out(4)), to_v4(&plain, out(4)));

    // An atomic fragment has an identification of its own, and may be fragmented whatever its length.
    let long = build::udp(client(1), host_v6(2)).payload(&[0; 1400]).build();
    let headers = strict(&to_v4(&chained(&long, 44, &[&[17, 0, 0, 0, 0, 0, 1, 0]]), out(4)).unwrap());
    assert_eq!((headers.ip_id, headers.dont_fragment), (256, false));

    // Authentication and what it protects is a payload like any other.
    let authentication: &[u8] = &[17, 1, 0, 0, 0, 0, 0, 1, 0, 0, 0, 2];
    let v4 = to_v4(&chained(&plain, 51, &[authentication]), out(4)).unwrap();
    assert_eq!((v4[9], &v4[20..32], &v4[32..]), (51, authentication, &plain[40..]));
}

#[test]
fn source_routes_are_not_followed() {
    let plain = build::udp(client(1), host_v6(2)).build();
    let (options, routing): (&[u8], &[u8]) = (
        &[43, 0, 1, 4, 0, 0, 0, 0],
        &[17, 2, 4, 1, 0, 0, 0, 0, 0x20, 1, 0xD, 0xB8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 9],
    );
    assert_eq!(
        to_v4(&chained(&plain, 0, &[options, routing]), out(1)),
        Err(Untranslatable::SourceRouted { at: 40 + 8 + 3 })
    );
    let plain = build::udp(host(2), gateway(1)).build();
    for kind in [131, 137] {
        // Behind padding, the first of two addresses to come, and the last.
        for pointer in [4, 8] {
            let options = [1, kind, 11, pointer, 10, 0, 0, 1, 10, 0, 0, 2];
            let found = to_v6(&with_options(&plain, &options), back());
            assert_eq!(found, Err(Untranslatable::SourceRouted { at: 21 }));
        }
        // At its end: an option like any other.
        let options = [1, kind, 11, 12, 10, 0, 0, 1, 10, 0, 0, 2];
        assert_eq!(to_v6(&with_options(&plain, &options), back()), to_v6(&plain, back()));
    }
    // Record route, router alert, and an option whose length runs past the header.
    for options in [&[7, 7, 4, 0, 0, 0, 0, 0][..], &[0x94, 4, 0, 0], &[131, 200, 4, 0]] {
        assert_eq!(to_v6(&with_options(&plain, options), back()), to_v6(&plain, back()));
    }
}

#[test]
fn a_fragment_header_is_the_last_extension_header() {
    let plain = build::udp(client(1), host_v6(2)).payload(&[0; 32]).build();
    for number in [0, 43, 51, 60, 135, 139, 140] {
        for field in [0, 1, 24] {
            let bytes = chained(&plain, 44, &[&[number, 0, 0, field, 0, 0, 0, 1], &[17, 0, 1, 4, 0, 0, 0, 0]]);
            assert_eq!(to_v4(&bytes, out(1)), Err(Untranslatable::ExtensionInFragment(number)), "{field}");
        }
    }
    // Encrypted, it may be in pieces.
    assert!(to_v4(&chained(&plain, 44, &[&[50, 0, 0, 1, 0, 0, 0, 1]]), out(1)).is_ok());
}

#[test]
fn udp_without_checksum_gets_one() {
    let without = build::udp(host(53), gateway(40000)).payload(b"answer").without_checksum().build();
    let expected = build::udp(host_v6(53), client(40000)).payload(b"answer").build();
    assert_eq!(to_v6(&without, back()).as_ref(), Ok(&expected));
    // Behind what UDP says is its end there may be more.
    let mut longer = [&without[..], b"tail"].concat();
    longer = with(&longer, &[(2, 38)]);
    let translated = to_v6(&longer, back()).unwrap();
    assert_eq!((&translated[40..54], &translated[54..]), (&expected[40..], &b"tail"[..]));

    let long = build::udp(host(53), gateway(40000)).payload(&[1; 100]).without_checksum().build();
    let pieces = build::fragment(&long, 100);
    assert_eq!(to_v6(&pieces[0], back()), Err(Untranslatable::NoUdpChecksum));
    assert!(to_v6(&pieces[1], back()).is_ok());

    // Nobody can compute what covers bytes that were not captured.
    let mut cut = long[..60].to_vec();
    let mut packet = Packet::parse(&mut cut, 128, Offloads::Strict).unwrap();
    packet.translate_to_v6(&back()).unwrap();
    assert_eq!((packet.len(), packet.bytes().len(), &packet.bytes()[46..48]), (148, 80, &[0, 0][..]));
}

#[test]
fn what_a_capture_lacks_is_lacking_afterwards() {
    let whole = build::tcp(client(40000), host_v6(443)).payload(&[7; 300]).build();
    let expected = to_v4(&whole, out(5)).unwrap();
    for len in 40..whole.len() {
        let mut cut = whole[..len].to_vec();
        let mut packet = Packet::parse(&mut cut, whole.len() as u32, Offloads::Strict).unwrap();
        packet.translate_to_v4(&out(5)).unwrap();
        // Half a checksum cannot be patched.
        if len != 57 {
            assert_eq!(packet.bytes(), &expected[..len - 20]);
        }
        assert_eq!((packet.len(), packet.original_len()), (340, 340));
    }
    // Inside the extension headers nobody knows what to copy.
    let chain = chained(&whole, 60, &[&[6, 0, 1, 4, 0, 0, 0, 0]]);
    for len in 40..48 {
        let mut cut = chain[..len].to_vec();
        let packet = Packet::parse(&mut cut, chain.len() as u32, Offloads::Strict).unwrap();
        assert_eq!(v6_to_v4(&packet, &out(5)), Err(Untranslatable::Cut));
    }
    // The trailer of an Ethernet frame is not part of the packet.
    let mut padded = [&whole[..], &[0xEE; 7]].concat();
    let len = padded.len() as u32;
    let mut packet = Packet::parse(&mut padded, len, Offloads::Strict).unwrap();
    packet.translate_to_v4(&out(5)).unwrap();
    assert_eq!(packet.bytes(), expected);
}

#[test]
fn coalesced_segments_stay_without_length() {
    let mut bytes = build::tcp(client(40000), host_v6(443)).payload(&[7; 65_000]).build();
    bytes.resize(70_000, 7);
    put_word(&mut bytes, 4, 0);
    let mut packet = Packet::parse(&mut bytes, 70_000, Offloads::Tolerate).unwrap();
    packet.translate_to_v4(&out(5)).unwrap();
    assert_eq!((packet.len(), &packet.bytes()[2..4]), (69_980, &[0, 0][..]));
    packet.translate_to_v6(&back()).unwrap();
    assert_eq!((packet.len(), &packet.bytes()[4..6]), (70_000, &[0, 0][..]));
    // One that fits gets its length.
    let mut bytes = build::tcp(client(40000), host_v6(443)).payload(&[7; 100]).build();
    put_word(&mut bytes, 4, 0);
    let len = bytes.len() as u32;
    let mut packet = Packet::parse(&mut bytes, len, Offloads::Tolerate).unwrap();
    packet.translate_to_v4(&out(5)).unwrap();
    assert_eq!(packet.bytes()[2..4], [0, 140]);
}

#[test]
fn what_is_too_long_for_ipv4() {
    // An IPv6 payload may be as long as an IPv4 packet with its header.
    let longest = |payload| build::protocol(client(0).ip(), host_v6(0).ip(), 47, &vec![0; payload]).build();
    assert_eq!(to_v4(&longest(65_515), out(1)).unwrap().len(), 65_535);
    assert_eq!(to_v4(&longest(65_516), out(1)), Err(Untranslatable::TooLong(65_536)));
    let tcp = build::tcp(client(1), host_v6(2)).payload(&vec![0; 65_500]).build();
    assert_eq!(to_v4(&tcp, out(1)), Err(Untranslatable::TooLong(65_540)));
}

#[test]
fn protocols_of_one_version_stay_there() {
    let v4 = |protocol| to_v6(&build::protocol(host(0).ip(), gateway(0).ip(), protocol, &[0; 24]).build(), back());
    for protocol in [0, 2, 43, 44, 58, 60, 135, 140] {
        assert_eq!(v4(protocol), Err(Untranslatable::Protocol(protocol)));
    }
    let v6 = |protocol| to_v4(&build::protocol(client(0).ip(), host_v6(0).ip(), protocol, &[0; 24]).build(), out(1));
    for protocol in [1, 2] {
        assert_eq!(v6(protocol), Err(Untranslatable::Protocol(protocol)));
    }
    // Header only: GRE, ESP, SCTP with its CRC over its own bytes, no next header.
    for protocol in [47, 50, 132, 59] {
        assert_eq!(v4(protocol).unwrap()[40..], [0; 24]);
        assert_eq!(v6(protocol).unwrap()[20..], [0; 24]);
    }
}

#[test]
fn a_packet_of_the_right_version_is_left_alone() {
    let v4 = build::udp(host(2), gateway(1)).build();
    assert_eq!(to_v4(&v4, out(1)), Err(Untranslatable::Version(crate::IpVersion::V4)));
    let mut bytes = build::udp(client(2), host_v6(1)).build();
    let before = bytes.clone();
    let len = bytes.len() as u32;
    let mut packet = Packet::parse(&mut bytes, len, Offloads::Strict).unwrap();
    assert_eq!(packet.translate_to_v6(&back()), Err(Untranslatable::Version(crate::IpVersion::V6)));
    assert_eq!((packet.is_replaced(), packet.bytes()), (false, &before[..]));
}

#[test]
fn a_reply_of_zeros_keeps_a_right_checksum() {
    let reply =
        |src: IpAddr, dst: IpAddr| build::echo_reply(src, dst, 0, 0).payload(&[0; 6]).dont_fragment(false).build();
    let (v6, v4) = (reply(client(0).ip(), host_v6(0).ip()), reply(gateway(0).ip(), host(0).ip()));
    assert_eq!(v4[22..24], [0xFF, 0xFF]);
    assert_eq!(to_v4(&v6, out(0)).as_ref(), Ok(&v4));
    let to = ToV6::new(CLIENT.parse().unwrap(), Embedding::WELL_KNOWN.embed(HOST.parse().unwrap()));
    assert_eq!(to_v6(&v4, to), Ok(v6));
}
