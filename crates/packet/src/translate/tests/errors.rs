//! ICMP: which messages go on, and what becomes of the packet that an error is about.

use super::*;
use crate::IpVersion;
use crate::transport::Transport;

/// A router of either side.
const ROUTER: &str = "198.51.100.1";

fn router_v6() -> IpAddr {
    Embedding::WELL_KNOWN.embed(ROUTER.parse().unwrap()).into()
}

/// From a router of the IPv4 side to the client.
fn from_router() -> ToV6 {
    let IpAddr::V6(router) = router_v6() else { unreachable!("an embedded address") };
    let client = CLIENT.parse().unwrap();
    ToV6::new(router, client).quoting(client, Embedding::WELL_KNOWN.embed(HOST.parse().unwrap()))
}

fn error_v4(kind: u8, code: u8, rest: u32, quoted: &[u8]) -> Vec<u8> {
    build::icmp_error(ROUTER.parse().unwrap(), gateway(0).ip(), kind, code, rest, quoted)
}

fn error_v6(kind: u8, code: u8, rest: u32, quoted: &[u8]) -> Vec<u8> {
    build::icmp_error(client(0).ip(), host_v6(0).ip(), kind, code, rest, quoted)
}

/// What the client sent, as the host gets it.
fn sent_v4(payload: usize) -> Vec<u8> {
    build::udp(gateway(40000), host(53)).payload(&vec![3; payload]).build()
}

/// What the host sent, as the client gets it.
fn sent_v6(payload: usize) -> Vec<u8> {
    build::udp(host_v6(53), client(40000)).payload(&vec![3; payload]).build()
}

/// An IPv4 error with extensions behind a quote of `len` bytes.
fn extended_v4(kind: u8, code: u8, quoted: &[u8], len: usize, extensions: &[u8]) -> Vec<u8> {
    let mut body = quoted[..quoted.len().min(len)].to_vec();
    body.resize(len, 0);
    body.extend_from_slice(extensions);
    let rest = (len as u32 / 4) << 16;
    build::icmp_message(ROUTER.parse().unwrap(), gateway(0).ip(), kind, code, rest).payload(&body).build()
}

fn extended_v6(kind: u8, code: u8, quoted: &[u8], len: usize, extensions: &[u8]) -> Vec<u8> {
    let mut body = quoted[..quoted.len().min(len)].to_vec();
    body.resize(len, 0);
    body.extend_from_slice(extensions);
    let rest = (len as u32 / 8) << 24;
    build::icmp_message(client(0).ip(), host_v6(0).ip(), kind, code, rest).payload(&body).build()
}

const EXTENSIONS: [u8; 12] = [0x20, 0, 0x12, 0x34, 0, 8, 1, 1, 9, 9, 9, 9];

#[test]
fn fragmentation_needed_to_the_byte() {
    let v4 = hex(&[
        "45ab003c010200003d0147d7c63364010a000009",
        "0304c3ab00000578",
        "45ab0020010200003c11b1160a000009c0000201",
        "9c400035000c0dcc68692121",
    ]);
    // An MTU of 1400 is one of 1420.
    let v6 = hex(&[
        "6ab00000003c3a3d0064ff9b0000000000000000c633640120010db8000000000000000000000005",
        "0200242f0000058c",
        "6ab00000000c113c20010db80000000000000000000000050064ff9b0000000000000000c0000201",
        "9c400035000cea1668692121",
    ]);
    assert_eq!(to_v6(&v4, from_router()), Ok(v6));
}

#[test]
fn port_unreachable_to_the_byte() {
    let v6 = hex(&[
        "6ab00000003c3a3d20010db80000000000000000000000050064ff9b0000000000000000c0000201",
        "010492ea00000000",
        "6ab00000000c113c0064ff9b0000000000000000c000020120010db8000000000000000000000005",
        "00359c40000cea1668692121",
    ]);
    let v4 = hex(&[
        "45ab003c010200003d01b00a0a000009c0000201",
        "0303c92400000000",
        "45ab0020000000003c11b218c00002010a000009",
        "00359c40000c0dcc68692121",
    ]);
    assert_eq!(to_v4(&v6, out(0x0102)), Ok(v4));
}

#[test]
fn the_quoted_packet_is_translated_whatever_it_is() {
    let quoted = |bytes: &[u8]| to_v6(&error_v4(11, 0, 0, bytes), from_router()).map(|bytes| bytes[48..].to_vec());
    let (from, to) = (gateway(40000), host(443));
    let tcp = build::tcp(from, to).seq(9).payload(&[1; 40]).build();
    assert_eq!(quoted(&tcp), Ok(build::tcp(client(40000), host_v6(443)).seq(9).payload(&[1; 40]).build()));
    // Eight bytes of it: no checksum, but the length that it had.
    let short = build::tcp(client(40000), host_v6(443)).seq(9).payload(&[1; 40]).build();
    assert_eq!(quoted(&tcp[..28]), Ok(short[..48].to_vec()));
    let echo = build::echo_request(from.ip(), to.ip(), 7, 1).payload(b"ping").build();
    assert_eq!(quoted(&echo), Ok(build::echo_request(client(0).ip(), host_v6(0).ip(), 7, 1).payload(b"ping").build()));
    // A later fragment has a fragment header.
    let later = build::fragment(&build::udp(from, to).payload(&[2; 100]).id(9).build(), 68).swap_remove(1);
    let expected = build::fragment_v6(&build::udp(client(40000), host_v6(443)).payload(&[2; 100]).build(), 96, 9);
    assert_eq!(quoted(&later).as_ref(), Ok(&expected[1]));
    // In a quote UDP may well be without checksum.
    let without = build::udp(from, to).without_checksum().build();
    assert_eq!(quoted(&without).unwrap()[46..], [0, 0]);
    // What the quoted packet was is said by its own length, however little of it is there.
    assert_eq!(quoted(&sent_v4(1472)[..28]).unwrap()[4..6], 1480u16.to_be_bytes());
}

#[test]
fn errors_quote_a_packet_that_can_be_translated() {
    let v6 = |bytes: &[u8]| to_v6(&error_v4(3, 1, 0, bytes), from_router());
    assert_eq!(v6(&sent_v4(4)[..19]), Err(Untranslatable::NoQuote));
    assert_eq!(v6(&[]), Err(Untranslatable::NoQuote));
    assert_eq!(v6(&sent_v6(4)), Err(Untranslatable::NoQuote));
    let nested = error_v4(3, 1, 0, &sent_v4(4));
    assert_eq!(v6(&nested), Err(Untranslatable::Quoted));
    let ping = build::echo_request(gateway(0).ip(), host(0).ip(), 1, 1).payload(&[0; 100]).build();
    assert_eq!(v6(&build::fragment(&ping, 68)[0]), Err(Untranslatable::Quoted));
    assert_eq!(v6(&build::fragment(&ping, 68)[1]), Err(Untranslatable::Quoted));
    assert_eq!(v6(&with_options(&sent_v4(4), &[131, 7, 4, 10, 0, 0, 1, 0])), Err(Untranslatable::Quoted));
    let v4 = |bytes: &[u8]| to_v4(&error_v6(1, 0, 0, bytes), out(1));
    assert_eq!(v4(&sent_v6(4)[..39]), Err(Untranslatable::NoQuote));
    let routing: &[u8] = &[17, 0, 4, 1, 0, 0, 0, 0];
    assert_eq!(v4(&chained(&sent_v6(4), 43, &[routing])), Err(Untranslatable::Quoted));
    assert_eq!(v4(&error_v6(1, 0, 0, &sent_v6(4))), Err(Untranslatable::Quoted));
    // The caller did not say what it is.
    let to = ToV6::new(CLIENT.parse().unwrap(), CLIENT.parse().unwrap());
    assert_eq!(to_v6(&error_v4(3, 1, 0, &sent_v4(4)), to), Err(Untranslatable::NoQuote));
}

#[test]
fn other_messages_end_here() {
    for kind in 0..=255u8 {
        let code = 0;
        let v4 = build::icmp_message(host(0).ip(), gateway(0).ip(), kind, code, 0).payload(&sent_v4(4)).build();
        let v6 = to_v6(&v4, back());
        match kind {
            0 | 3 | 8 | 11 | 12 => assert!(v6.is_ok(), "{kind}: {v6:?}"),
            _ => assert_eq!(v6, Err(Untranslatable::Icmp { kind, code })),
        }
        let v6 = build::icmp_message(client(0).ip(), host_v6(0).ip(), kind, code, 0).payload(&sent_v6(4)).build();
        let v4 = to_v4(&v6, out(1));
        match kind {
            1..=4 | 128 | 129 => assert!(v4.is_ok(), "{kind}: {v4:?}"),
            _ => assert_eq!(v4, Err(Untranslatable::Icmp { kind, code })),
        }
    }
}

#[test]
fn fragments_of_messages_end_here() {
    let ping = build::echo_request(gateway(0).ip(), host(0).ip(), 1, 1).payload(&[0; 100]).build();
    for piece in build::fragment(&ping, 68) {
        assert_eq!(to_v6(&piece, back()), Err(Untranslatable::FragmentedIcmp));
    }
    let ping = build::echo_request(client(0).ip(), host_v6(0).ip(), 1, 1).payload(&[0; 100]).build();
    for piece in build::fragment_v6(&ping, 100, 1) {
        assert_eq!(to_v4(&piece, out(1)), Err(Untranslatable::FragmentedIcmp));
    }
}

#[test]
fn a_cut_message_is_translated_as_far_as_it_goes() {
    let cut = |whole: &[u8], len: usize| {
        let mut cut = whole[..len].to_vec();
        let mut packet = Packet::parse(&mut cut, whole.len() as u32, Offloads::Strict).unwrap();
        packet.translate_to_v4(&out(1)).map(|()| (packet.len() as usize, packet.bytes().to_vec()))
    };
    let ping = build::echo_request(client(0).ip(), host_v6(0).ip(), 7, 1).payload(&[9; 40]).build();
    let expected = to_v4(&ping, out(1)).unwrap();
    assert_eq!([40, 41].map(|len| cut(&ping, len)), [Err(Untranslatable::Cut), Err(Untranslatable::Cut)]);
    for len in 44..ping.len() {
        assert_eq!(cut(&ping, len), Ok((expected.len(), expected[..len - 20].to_vec())), "cut to {len}");
    }

    let error = error_v6(1, 0, 0, &sent_v6(300));
    let expected = to_v4(&error, out(1)).unwrap();
    for len in 40..88 {
        let why = if len < 48 { Untranslatable::Cut } else { Untranslatable::NoQuote };
        assert_eq!(cut(&error, len), Err(why), "cut to {len}");
    }
    for len in 88..error.len() {
        let (whole_len, found) = cut(&error, len).unwrap();
        assert_eq!((whole_len, found.len()), (expected.len(), len - 40));
        // Up to the quoted checksum. If that was cut off, how it changes the error's own is not known.
        if len < 96 {
            assert_eq!((&found[..22], &found[24..48]), (&expected[..22], &expected[24..48]), "cut to {len}");
        } else {
            assert_eq!(found, expected[..len - 40], "cut to {len}");
        }
    }
}

#[test]
fn extensions_move_with_the_quote() {
    // 128 bytes of quote become 148, which has to be a multiple of eight.
    let sent = sent_v4(300);
    let v6 = to_v6(&extended_v4(11, 0, &sent, 128, &EXTENSIONS), from_router()).unwrap();
    assert_eq!((v6.len(), v6[44], &v6[45..48]), (40 + 8 + 152 + 12, 19, &[0; 3][..]));
    let quoted = build::udp(client(40000), host_v6(53)).payload(&[3; 300]).build();
    assert_eq!((&v6[48..48 + 148], &v6[196..200], &v6[200..]), (&quoted[..148], &[0; 4][..], &EXTENSIONS[..]));
    let Transport::IcmpError { quote: Some(quote), .. } = strict(&v6).transport else { panic!("no quote") };
    assert_eq!(quote.end, 200);

    // The other way 128 bytes become 108 and are padded to what is the least.
    let v4 = to_v4(&extended_v6(3, 0, &sent_v6(300), 128, &EXTENSIONS), out(1)).unwrap();
    assert_eq!((v4.len(), &v4[24..28]), (20 + 8 + 128 + 12, &[0, 32, 0, 0][..]));
    assert_eq!((&v4[28 + 108..28 + 128], &v4[28 + 128..]), (&[0; 20][..], &EXTENSIONS[..]));
    // What it counts in words of four bytes ends at 1020.
    let v4 = to_v4(&extended_v6(1, 0, &sent_v6(1300), 1200, &EXTENSIONS), out(1)).unwrap();
    assert_eq!((v4.len(), v4[25], &v4[28 + 1020..]), (20 + 8 + 1020 + 12, 255, &EXTENSIONS[..]));
    strict(&v4);
}

#[test]
fn extensions_end_where_nothing_can_say_where_they_start() {
    // "Packet too big" and "parameter problem" cannot.
    for (kind, code, v6_kind) in [(3, 4, 2), (3, 2, 4), (12, 0, 4)] {
        let v6 = to_v6(&extended_v4(kind, code, &sent_v4(300), 128, &EXTENSIONS), from_router()).unwrap();
        assert_eq!((v6.len(), v6[40]), (40 + 8 + 148, v6_kind));
        strict(&v6);
    }
    // Nor can a length that is past the end, or too short for one.
    for words in [0, 1, 31, 80] {
        let error = error_v4(3, 1, words << 16, &sent_v4(100));
        let v6 = to_v6(&error, from_router()).unwrap();
        assert_eq!((v6.len(), &v6[44..48]), (error.len() + 40, &[0; 4][..]), "{words} words");
        strict(&v6);
    }
}

#[test]
fn an_icmpv6_error_has_no_more_than_1280_bytes() {
    let longest = |payload: usize| {
        let quote = &sent_v4(payload);
        let message = build::icmp_message(ROUTER.parse().unwrap(), gateway(0).ip(), 3, 1, 0);
        to_v6(&message.payload(quote).build(), from_router()).unwrap()
    };
    assert_eq!((longest(1184).len(), longest(1185).len(), longest(1400).len()), (1280, 1280, 1280));
    assert_eq!(strict(&longest(1400)).icmp_type(), Some(1));
    // Extensions are cut first.
    let v6 = |len| to_v6(&extended_v4(11, 0, &sent_v4(1400), len, &EXTENSIONS), from_router()).unwrap();
    let tail = |len: usize| (v6(len).len(), v6(len)[44]);
    assert_eq!(tail(1000), (40 + 8 + 1024 + 12, 128));
    let most = to_v6(&extended_v4(11, 0, &sent_v4(1400), 1016, &[7; 212]), from_router()).unwrap();
    assert_eq!((most.len(), most[44], &most[48 + 1040..]), (1280, 130, &[7; 192][..]));
    strict(&most);
}

#[test]
fn a_wrong_checksum_stays_exactly_as_wrong() {
    let right = error_v4(3, 1, 0, &sent_v4(40));
    for (at, damage) in [(22, 0x0101), (28 + 26, 0x0202)] {
        let damaged = |bytes: &[u8], at: usize| {
            let mut bytes = bytes.to_vec();
            let sum = u16::from_be_bytes([bytes[at], bytes[at + 1]]);
            put_word(&mut bytes, at, (u32::from(sum) + damage) as u16 % 0xFFFF);
            bytes
        };
        let tolerant = |bytes: &[u8]| {
            let mut bytes = bytes.to_vec();
            let len = bytes.len() as u32;
            let packet = Packet::parse(&mut bytes, len, Offloads::Tolerate).unwrap();
            v4_to_v6(&packet, &from_router()).unwrap()
        };
        let at_v6 = if at == 22 { 42 } else { 48 + 46 };
        assert_eq!(tolerant(&damaged(&right, at)), damaged(&tolerant(&right), at_v6));
    }
}

#[test]
fn queries_keep_their_identifier_for_the_setters() {
    let mut bytes = build::echo_request(client(0).ip(), host_v6(0).ip(), 7, 1).payload(b"ping").build();
    let len = bytes.len() as u32;
    let mut packet = Packet::parse(&mut bytes, len, Offloads::Strict).unwrap();
    packet.translate_to_v4(&out(0)).unwrap();
    packet.set_src_port(1024);
    packet.decrement_ttl(1);
    assert_eq!(packet.headers().version, IpVersion::V4);
    assert_eq!(strict(packet.bytes()).key().to_string(), "icmp 10.0.0.9:1024 > 192.0.2.1:1024");
}
