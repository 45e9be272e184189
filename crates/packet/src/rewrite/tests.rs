//! What rewriting leaves alone. That checksums stay right is a property, tested from outside.

use super::*;
use crate::build;
use crate::headers::{Headers, Offloads};

fn tcp() -> Vec<u8> {
    build::tcp("10.0.0.1:40000".parse().unwrap(), "192.0.2.1:443".parse().unwrap()).payload(b"hello").build()
}

fn packet(bytes: &mut [u8], original_len: usize) -> Packet<'_> {
    Packet::parse(bytes, original_len as u32, Offloads::Tolerate).unwrap()
}

#[test]
fn nothing_behind_the_snap_length_or_the_datagram_is_written() {
    let whole = tcp();
    for len in 20..whole.len() {
        let mut bytes = whole[..len].to_vec();
        let mut packet = packet(&mut bytes, whole.len());
        packet.set_src("198.51.100.7".parse().unwrap());
        packet.set_src_port(1024);
        let mut expected = whole.clone();
        let mut reference = self::packet(&mut expected, whole.len());
        reference.set_src("198.51.100.7".parse().unwrap());
        reference.set_src_port(1024);
        // Bytes that are there come out as in the whole packet, but for half a checksum.
        if len != 37 && len >= 24 {
            assert_eq!(bytes, expected[..len], "cut to {len}");
        }
    }
}

#[test]
fn an_unfilled_header_checksum_is_filled_in() {
    let mut bytes = tcp();
    bytes[10..12].fill(0);
    let len = bytes.len();
    packet(&mut bytes, len).fix_ip_checksum();
    assert_eq!(bytes, tcp());
    bytes[10..12].fill(0);
    packet(&mut bytes, len).set_ttl(9);
    assert_eq!(Headers::parse(&bytes, len as u32, Offloads::Strict).unwrap().ttl, 9);
}

#[test]
fn hops_end_at_zero() {
    let mut bytes = tcp();
    let len = bytes.len();
    let mut packet = packet(&mut bytes, len);
    packet.decrement_ttl(1);
    assert_eq!(packet.headers().ttl, 63);
    packet.decrement_ttl(200);
    assert_eq!(packet.headers().ttl, 0);
}

#[test]
fn sctp_checksums_cover_no_address() {
    let payload = [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12];
    let mut bytes = build::protocol("10.0.0.1".parse().unwrap(), "10.0.0.2".parse().unwrap(), 132, &payload).build();
    let len = bytes.len();
    let mut packet = packet(&mut bytes, len);
    packet.set_src("192.0.2.9".parse().unwrap());
    packet.set_src_port(9);
    assert_eq!(packet.bytes()[20..], payload);
}

#[test]
fn checksums_of_udp_lite_and_dccp_cover_the_addresses() {
    for protocol in [UDP_LITE, DCCP] {
        let (src, dst): (IpAddr, IpAddr) = ("10.0.0.1".parse().unwrap(), "10.0.0.2".parse().unwrap());
        let mut segment = [0, 1, 0, 2, 0, 8, 0, 0];
        let sum = Checksum::of_segment(src, dst, protocol, &segment);
        put_word(&mut segment, 6, sum.0);
        let mut bytes = build::protocol(src, dst, protocol, &segment).build();
        let len = bytes.len();
        let new: IpAddr = "192.0.2.9".parse().unwrap();
        packet(&mut bytes, len).set_src(new);
        assert_eq!(Checksum::of_segment(new, dst, protocol, &bytes[20..]), Checksum(0));
    }
}

#[test]
fn a_source_routed_checksum_does_not_cover_the_next_hop() {
    let mut bytes =
        build::udp("[2001:db8::1]:1".parse().unwrap(), "[2001:db8::2]:2".parse().unwrap()).payload(b"x").build();
    bytes[6] = 43;
    bytes.splice(40..40, [17, 2, 4, 1, 0, 0, 0, 0, 0x20, 1, 0xD, 0xB8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 9]);
    let payload_len = (bytes.len() - 40) as u16;
    put_word(&mut bytes, 4, payload_len);
    let (len, segment) = (bytes.len(), bytes[64..].to_vec());
    let mut packet = packet(&mut bytes, len);
    packet.set_dst("2001:db8::77".parse().unwrap());
    assert_eq!(packet.bytes()[64..], segment);
    packet.set_src("2001:db8::78".parse().unwrap());
    assert_ne!(packet.bytes()[64..], segment);
}

#[test]
fn the_identification_is_the_one_thing_that_changes() {
    let mut bytes =
        build::udp("10.0.0.1:1".parse().unwrap(), "192.0.2.1:2".parse().unwrap()).payload(&[5; 100]).id(7).build();
    let before = bytes.clone();
    let len = bytes.len();
    let mut packet = packet(&mut bytes, len);
    assert_eq!(packet.headers().ip_id, 7);
    packet.set_ip_id(0xFFFF);
    let headers = *packet.headers();
    assert_eq!(Headers::parse(&bytes, len as u32, Offloads::Strict), Ok(headers));
    assert_eq!((&bytes[4..6], &bytes[6..10], &bytes[12..]), (&[0xFF, 0xFF][..], &before[6..10], &before[12..]));

    let mut piece = build::fragment(&bytes, 68).swap_remove(1);
    let len = piece.len();
    let mut packet = self::packet(&mut piece, len);
    packet.set_ip_id(9);
    assert_eq!(packet.headers().fragment, Fragment::Later { id: 9, offset: 48, more: true });

    let mut v6 = build::udp("[2001:db8::1]:1".parse().unwrap(), "[2001:db8::2]:2".parse().unwrap()).build();
    let before = v6.clone();
    self::packet(&mut v6, before.len()).set_ip_id(9);
    assert_eq!(v6, before);
}

#[test]
fn a_message_of_zeros_has_a_checksum_of_ones() {
    let (a, b) = ("10.0.0.1".parse().unwrap(), "10.0.0.2".parse().unwrap());
    let mut bytes = build::echo_reply(a, b, 7, 0).payload(&[0; 5]).build();
    let len = bytes.len();
    packet(&mut bytes, len).set_src_port(0);
    assert_eq!(bytes, build::echo_reply(a, b, 0, 0).payload(&[0; 5]).build());
    assert!(Headers::parse(&bytes, len as u32, Offloads::Strict).is_ok());
}
