use vpcemu_packet::{Headers, Offloads, build};

use super::*;
use crate::{Load, Mix, Side, Sizes};

/// Packets of every kind, both directions and versions.
fn packets(flows: u32, count: usize) -> Vec<Vec<u8>> {
    let v4 = Side::new("10.0.1.10".parse().unwrap(), "93.0.0.0".parse().unwrap()).remotes(50);
    let v6 = Side::new("2001:db8:1::10".parse().unwrap(), "2001:db8:2::".parse().unwrap()).remotes(50);
    let mix = Mix { udp: 1, tcp: 1, echo: 1 };
    let load = Load { flows, mix, sizes: Sizes::Imix, ..Load::new(vec![v4, v6]) };
    load.generate().take(count).map(|packet| packet.bytes()).collect()
}

fn arena(packets: &[Vec<u8>]) -> (Vec<u8>, Vec<Span>) {
    let (mut arena, mut spans) = (Vec::new(), Vec::new());
    for packet in packets {
        spans.push(Span { start: arena.len() as u32, len: packet.len() as u32 });
        arena.extend_from_slice(packet);
    }
    (arena, spans)
}

#[test]
fn every_known_packet_is_rewritten_and_stays_right() {
    let packets = packets(600, 3000);
    let mut reference = Reference::with_capacity(1200);
    assert!(packets.iter().all(|packet| reference.learn(packet)));
    assert!(reference.len() > 600 && reference.len() <= 1200, "{}", reference.len());
    let (mut bytes, spans) = arena(&packets);
    let tally = reference.run(&mut bytes, &spans, 9);
    assert_eq!((tally.hits, tally.misses, tally.bytes), (3000, 0, bytes.len() as u64));
    for (packet, span) in packets.iter().zip(&spans) {
        let before = Headers::parse(packet, span.len, Offloads::Strict).unwrap();
        let after = Headers::parse(&bytes[span.range()], span.len, Offloads::Strict).unwrap();
        assert_eq!(after.ttl, before.ttl - 1);
        let (was, is) = (before.key(), after.key());
        let ports = (was.src_port != is.src_port, was.dst_port != is.dst_port);
        let query = was.is_query();
        assert!(ports.0 != ports.1 || query && ports == (true, true), "{was} > {is}");
        if was.src.is_ipv4() {
            assert!((was.src != is.src) != (was.dst != is.dst), "one address is translated: {was} > {is}");
        } else {
            assert_eq!((was.src, was.dst), (is.src, is.dst));
        }
    }
}

#[test]
fn what_is_unknown_or_damaged_is_left_alone() {
    let known = packets(10, 10);
    let mut reference = Reference::with_capacity(10);
    assert!(known.iter().all(|packet| reference.learn(packet)));
    let mut others = packets(20, 20).split_off(10);
    let whole = known[0].clone();
    for at in [0, 2, 8, 10] {
        let mut damaged = whole.clone();
        damaged[at] ^= 0x21;
        others.push(damaged);
    }
    others.push(whole[..whole.len() - 1].to_vec());
    others.push(Vec::new());
    others.push(build::fragment(&packets(1, 1)[0], 16).remove(0));
    let (mut bytes, spans) = arena(&others);
    let before = bytes.clone();
    assert_eq!(reference.run(&mut bytes, &spans, 1), Tally { hits: 0, misses: 17, bytes: 0 });
    assert_eq!(bytes, before);
}

#[test]
fn a_full_table_says_so() {
    let packets = packets(40, 40);
    let mut reference = Reference::with_capacity(39);
    assert_eq!(packets.iter().filter(|packet| reference.learn(packet)).count(), 39);
    // What is known is learnt again at no cost.
    assert!(reference.learn(&packets[0]));
    assert_eq!(reference.len(), 39);
}

#[test]
fn flows_remember_their_packets() {
    let packets = packets(1, 1);
    let mut reference = Reference::with_capacity(1);
    assert!(reference.is_empty() && reference.learn(&packets[0]));
    let (bytes, spans) = arena(&packets);
    for now in 1..=3 {
        reference.run(&mut bytes.clone(), &spans, now);
    }
    let state = reference.table.state(0);
    assert_eq!(state, (3, 3, 3 * u32::from(spans[0].len as u16)));
}
