//! What gateways send in their own name, and the corners of building.

use super::*;
use crate::headers::{Fragment, Headers, Offloads};
use crate::packet::Packet;
use crate::tcp_flags::TcpFlags;
use crate::transport::Transport;

fn strict(bytes: &[u8]) -> Headers {
    Headers::parse(bytes, bytes.len() as u32, Offloads::Strict).unwrap()
}

fn segment(flags: TcpFlags) -> Headers {
    let bytes = tcp("10.0.0.1:40000".parse().unwrap(), "192.0.2.1:443".parse().unwrap())
        .flags(flags)
        .seq(u32::MAX)
        .ack(500)
        .payload(b"hello")
        .build();
    strict(&bytes)
}

#[test]
fn a_reset_answers_as_rfc_9293_says() {
    let reset = |flags| strict(&tcp_reset(&segment(flags)));
    let answer = reset(TcpFlags::ACK);
    assert_eq!(answer.key().to_string(), "tcp 192.0.2.1:443 > 10.0.0.1:40000");
    assert!(matches!(answer.transport, Transport::Tcp { flags: TcpFlags::RST, seq: 500, ack: 0, .. }));
    // Five bytes, SYN and FIN, from the highest sequence number around to 6.
    let answer = reset(TcpFlags::SYN | TcpFlags::FIN);
    let Transport::Tcp { flags, seq, ack, .. } = answer.transport else { panic!("not TCP") };
    assert_eq!((flags, seq, ack), (TcpFlags::RST | TcpFlags::ACK, 0, 6));
}

#[test]
fn neither_a_reset_nor_udp_is_answered_with_a_reset() {
    assert!(tcp_reset(&segment(TcpFlags::RST)).is_empty());
    let udp = udp("10.0.0.1:1".parse().unwrap(), "10.0.0.2:2".parse().unwrap()).build();
    assert!(tcp_reset(&strict(&udp)).is_empty());
}

#[test]
fn errors_quote_as_much_as_every_host_can_receive() {
    let v4 = udp("10.0.0.1:1".parse().unwrap(), "192.0.2.1:2".parse().unwrap()).payload(&[1; 2000]).build();
    let error = icmp_error("10.0.0.254".parse().unwrap(), "10.0.0.1".parse().unwrap(), 3, 4, 1500, &v4);
    assert_eq!((error.len(), &error[24..28]), (576, &[0, 0, 0x05, 0xDC][..]));
    strict(&error);
    let v6 = udp("[2001:db8::1]:1".parse().unwrap(), "[2001:db8::2]:2".parse().unwrap()).payload(&[1; 2000]).build();
    let error = icmp_error("2001:db8::fe".parse().unwrap(), "2001:db8::1".parse().unwrap(), 2, 0, 1500, &v6);
    assert_eq!(error.len(), 1280);
    strict(&error);
}

#[test]
fn two_families_meet_in_ipv6() {
    let bytes = udp("10.0.0.1:1".parse().unwrap(), "[2001:db8::2]:2".parse().unwrap()).build();
    assert_eq!(strict(&bytes).key().to_string(), "udp [::ffff:10.0.0.1]:1 > [2001:db8::2]:2");
}

#[test]
fn a_payload_too_large_is_cut() {
    let huge = vec![0; 70_000];
    let (from, to) = ("10.0.0.1:1".parse().unwrap(), "10.0.0.2:2".parse().unwrap());
    for bytes in [
        tcp(from, to).payload(&huge).build(),
        udp(from, to).payload(&huge).build(),
        echo_request(from.ip(), to.ip(), 1, 1).payload(&huge).build(),
        protocol(from.ip(), to.ip(), 47, &huge).build(),
    ] {
        assert_eq!(strict(&bytes).total_len, 65_535);
    }
}

#[test]
fn fragments_can_be_taken_apart_further() {
    let whole = udp("10.0.0.1:1".parse().unwrap(), "10.0.0.2:2".parse().unwrap()).payload(&[3; 400]).id(5).build();
    let twice: Vec<_> = fragment(&whole, 220).iter().flat_map(|piece| fragment(piece, 100)).collect();
    let mut end = 0;
    for (number, piece) in twice.iter().enumerate() {
        let headers = strict(piece);
        let (offset, more) = match headers.fragment {
            Fragment::First { id: 5 } => (0, true),
            Fragment::Later { id: 5, offset, more } => (usize::from(offset), more),
            other => panic!("{other:?}"),
        };
        assert_eq!((offset, more), (end, number + 1 < twice.len()));
        end += piece.len() - 20;
    }
    assert_eq!(end, whole.len() - 20);
}

#[test]
fn later_fragments_keep_only_the_options_to_copy() {
    let mut bytes = udp("10.0.0.1:1".parse().unwrap(), "10.0.0.2:2".parse().unwrap()).payload(&[3; 100]).build();
    // Record route is not copied, router alert is.
    bytes.splice(20..20, [7, 3, 4, 1, 0x94, 4, 0, 0]);
    bytes[0] = 0x47;
    bytes[3] += 8;
    let pieces = fragment(&bytes, 76);
    assert_eq!(pieces[0][20..28], [7, 3, 4, 1, 0x94, 4, 0, 0]);
    assert_eq!((pieces[1][0], &pieces[1][20..24]), (0x46, &[0x94, 4, 0, 0][..]));
    assert_eq!(strict(&pieces[1]).l4, 24);
}

#[test]
fn what_fits_or_may_not_be_taken_apart_comes_back() {
    let v4 = udp("10.0.0.1:1".parse().unwrap(), "10.0.0.2:2".parse().unwrap()).build();
    assert_eq!(fragment(&v4, 1500), [v4]);
    let v6 = udp("[2001:db8::1]:1".parse().unwrap(), "[2001:db8::2]:2".parse().unwrap()).payload(&[0; 2000]).build();
    assert_eq!(fragment(&v6, 1280), [v6]);
    assert_eq!(fragment(&[1, 2, 3], 1), [[1, 2, 3]]);
}

#[test]
fn options_come_in_any_order_and_company() {
    let syn = || tcp("10.0.0.1:1".parse().unwrap(), "10.0.0.2:2".parse().unwrap()).flags(TcpFlags::SYN);
    let options = |builder: TcpBuilder| {
        let bytes = builder.build();
        strict(&bytes);
        bytes[40..].to_vec()
    };
    assert_eq!(options(syn()), []);
    assert_eq!(options(syn().mss(1460)), [2, 4, 5, 0xB4]);
    assert_eq!(options(syn().window_scale(7)), [3, 3, 7, 0]);
    let all = [2, 4, 5, 0xB4, 4, 2, 3, 3, 7, 0, 0, 0];
    assert_eq!(options(syn().mss(1460).sack_permitted().window_scale(7)), all);
    assert_eq!(options(syn().window_scale(7).sack_permitted().mss(1460)), all);
}

#[test]
fn replaced_packets_are_taken_apart_like_others() {
    let datagram = udp("10.0.0.1:1".parse().unwrap(), "10.0.0.2:2".parse().unwrap()).payload(&[3; 400]).id(5).build();
    let mut buffer = udp("[2001:db8::1]:1".parse().unwrap(), "[2001:db8::2]:2".parse().unwrap()).build();
    let len = buffer.len() as u32;
    let mut packet = Packet::parse(&mut buffer, len, Offloads::Strict).unwrap();
    packet.replace(datagram.clone()).unwrap();
    assert_eq!(fragment(packet.bytes(), 220), fragment(&datagram, 220));
}
