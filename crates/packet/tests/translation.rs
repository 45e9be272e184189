//! Translation between the IP versions against two independent implementations of the checksums, and against itself.

#![allow(clippy::unwrap_used, reason = "what panics here is a failed test")]

use proptest::prelude::*;
use vpcemu_packet::{Fragment, IpVersion, Offloads, Packet, build};

mod oracle;
mod samples;
mod translated;

use samples::{any_datagram, any_error, any_sample};
use translated::{Addresses, translate, translate_back};

/// The translated packet, and what came back of it.
fn there_and_back(bytes: &[u8], rules: Offloads, to: &Addresses) -> (Vec<u8>, Vec<u8>) {
    let mut buffer = bytes.to_vec();
    let mut packet = Packet::parse(&mut buffer, bytes.len() as u32, rules).unwrap();
    let before = *packet.headers();
    translate(&mut packet, to).unwrap();
    let there = packet.bytes().to_vec();
    translate_back(&mut packet, &before).unwrap();
    (there, packet.into_owned_bytes().unwrap())
}

/// What RFC 7915 preserves of an IPv4 header: not the don't-fragment bit, which depends on the length on the way back.
fn without_choice(bytes: &mut [u8], id: Option<u16>) {
    let len = u16::from_be_bytes([bytes[2], bytes[3]]);
    bytes[6] = if len > 1260 { 0x40 } else { 0 };
    if let Some(id) = id {
        bytes[4..6].copy_from_slice(&id.to_be_bytes());
    }
    oracle::fix_header_checksum(bytes);
}

fn is_v4(bytes: &[u8]) -> bool {
    bytes[0] >> 4 == 4
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1000))]

    #[test]
    fn checksums_are_right_afterwards(sample in any_sample(), values: u64) {
        let unsummed = is_v4(&sample.bytes) && oracle::is_udp_without_checksum(&sample.bytes);
        let (there, back) = there_and_back(&sample.bytes, Offloads::Strict, &Addresses::new(values));
        prop_assert_ne!(is_v4(&there), is_v4(&sample.bytes));
        oracle::assert_right(&there);
        oracle::assert_right(&back);
        if unsummed {
            // It is in the packet itself, and not in one that it quotes.
            prop_assert!(there[6] != 17 || !oracle::is_udp_without_checksum(&there));
        }
    }

    #[test]
    fn a_datagram_comes_back_as_it_was(sample in any_datagram(), values: u64, traffic_class: u8) {
        let mut bytes = sample.bytes;
        if is_v4(&bytes) {
            if oracle::is_udp_without_checksum(&bytes) {
                return Ok(());
            }
            bytes[1] = traffic_class;
            without_choice(&mut bytes, None);
        } else {
            bytes[0] = 0x60 | traffic_class >> 4;
            bytes[1] = traffic_class << 4;
        }
        let (there, back) = there_and_back(&bytes, Offloads::Strict, &Addresses::new(values));
        prop_assert_eq!(there.len() as i32 - bytes.len() as i32, if is_v4(&bytes) { 20 } else { -20 });
        prop_assert_eq!(back, bytes);
    }

    #[test]
    fn an_error_comes_back_as_it_was(error in any_error(), values: u64) {
        let mut error = error;
        let mut bytes = if is_v4(&error.quoted) {
            // Nobody remembers what the quoted packet was identified by.
            without_choice(&mut error.quoted, Some(0));
            let mut bytes = error.bytes();
            without_choice(&mut bytes, None);
            bytes
        } else {
            error.bytes()
        };
        // Both codes have a counterpart, which has them for its own.
        let (there, back) = there_and_back(&bytes, Offloads::Strict, &Addresses::new(values));
        let grown = if is_v4(&bytes) { 40 } else { -40 };
        prop_assert_eq!(there.len() as i32 - bytes.len() as i32, grown);
        if is_v4(&bytes) {
            without_choice(&mut bytes, None);
        }
        prop_assert_eq!(back, bytes);
    }

    #[test]
    fn a_wrong_checksum_stays_exactly_as_wrong(sample in any_datagram(), values: u64, wrong in 1..0xFFFFu16) {
        let Some(at) = oracle::transport_checksum_at(&sample.bytes) else { return Ok(()) };
        let field = |bytes: &[u8], at: usize| u16::from_be_bytes([bytes[at], bytes[at + 1]]);
        let right = field(&sample.bytes, at);
        let damaged = ((u32::from(right) + u32::from(wrong)) % 0xFFFF) as u16;
        // 0 of UDP is no checksum at all.
        if right == 0 || damaged == 0 {
            return Ok(());
        }
        let mut bytes = sample.bytes.clone();
        bytes[at..at + 2].copy_from_slice(&damaged.to_be_bytes());
        let to = Addresses::new(values);
        let (there, _) = there_and_back(&bytes, Offloads::Tolerate, &to);
        let (reference, _) = there_and_back(&sample.bytes, Offloads::Tolerate, &to);
        let at = oracle::transport_checksum_at(&there).unwrap();
        let error = u32::from(field(&there, at)) + 0xFFFF - u32::from(field(&reference, at)) % 0xFFFF;
        prop_assert_eq!(error % 0xFFFF, u32::from(wrong));
    }

    #[test]
    fn translating_the_fragments_is_translating_the_datagram(
        sample in any_datagram(),
        values: u64,
        mtu in 76..200usize,
    ) {
        let whole = sample.bytes;
        let protocol = if is_v4(&whole) { whole[9] } else { whole[6] };
        // Messages in pieces are not translated, nor is a datagram in pieces that lacks a checksum.
        if matches!(protocol, 1 | 58) || is_v4(&whole) && oracle::is_udp_without_checksum(&whole) {
            return Ok(());
        }
        let pieces = if is_v4(&whole) { build::fragment(&whole, mtu) } else { build::fragment_v6(&whole, mtu, 7) };
        let to = Addresses::new(values);
        let mut payload = Vec::new();
        for (number, piece) in pieces.iter().enumerate() {
            let mut piece = piece.clone();
            let len = piece.len() as u32;
            let mut packet = Packet::parse(&mut piece, len, Offloads::Strict).unwrap();
            let id = match packet.headers().fragment {
                Fragment::None => None,
                Fragment::First { id } | Fragment::Later { id, .. } => Some(id),
            };
            translate(&mut packet, &to).unwrap();
            let expected = match (packet.headers().fragment, id) {
                (Fragment::None, None) => pieces.len() == 1,
                (Fragment::First { id: there }, Some(id)) => number == 0 && there == id,
                (Fragment::Later { id: there, offset, more }, Some(id)) => {
                    there == id && usize::from(offset) == payload.len() && more == (number + 1 < pieces.len())
                }
                _ => false,
            };
            prop_assert!(expected, "{:?}", packet.headers());
            payload.extend_from_slice(&packet.bytes()[usize::from(packet.headers().l4)..]);
        }
        let (there, _) = there_and_back(&whole, Offloads::Strict, &to);
        prop_assert_eq!(&payload, &there[if is_v4(&there) { 20 } else { 40 }..]);
    }

    #[test]
    fn rewriting_commutes_with_translation(
        sample in any_sample(),
        rewrites in samples::any_rewrites(),
        values: u64,
    ) {
        let ports = |packet: &mut Packet<'_>| {
            for rewrite in &rewrites {
                if matches!(rewrite, samples::Rewrite::SrcPort(_) | samples::Rewrite::DstPort(_)) {
                    rewrite.apply(packet);
                    rewrite.apply_to_quote(packet);
                }
            }
        };
        let to = Addresses::new(values);
        let mut results = [true, false].map(|first| {
            let mut bytes = sample.bytes.clone();
            let len = bytes.len() as u32;
            let mut packet = Packet::parse(&mut bytes, len, Offloads::Strict).unwrap();
            if first {
                ports(&mut packet);
            }
            translate(&mut packet, &to).unwrap();
            if !first {
                ports(&mut packet);
            }
            packet.into_owned_bytes().unwrap()
        });
        oracle::assert_right(&results[1]);
        // Without a checksum in the beginning one is computed, which may come out as either of the two zeros.
        let [first, last] = &mut results;
        prop_assert_eq!(first, last);
    }

    #[test]
    fn any_sample_survives(sample in any_sample(), cut in 0..200usize, strict: bool, values: u64) {
        let kept = sample.bytes.len().saturating_sub(cut);
        let mut input = vec![if strict { translated::STRICT } else { 0 }, cut as u8];
        input.extend_from_slice(&values.to_be_bytes());
        input.extend_from_slice(&sample.bytes[..kept]);
        translated::check(&input);
    }

    #[test]
    fn any_damage_survives(
        sample in any_sample(),
        damage in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6),
        values: u64,
    ) {
        let mut input = vec![0, 0];
        input.extend_from_slice(&values.to_be_bytes());
        let mut bytes = sample.bytes;
        for (index, value) in damage {
            let at = index.index(bytes.len());
            bytes[at] = value;
        }
        oracle::fix_header_checksum(&mut bytes);
        input.extend_from_slice(&bytes);
        translated::check(&input);
    }

    #[test]
    fn any_chain_survives(
        sample in any_datagram(),
        numbers in prop::collection::vec(prop_oneof![
            Just(0u8), Just(43), Just(44), Just(50), Just(51), Just(60), Just(135), Just(139), Just(140), Just(58),
        ], 1..5),
        fields: u64,
        values: u64,
    ) {
        if is_v4(&sample.bytes) {
            return Ok(());
        }
        let mut bytes = sample.bytes;
        let mut next = bytes[6];
        for (at, number) in numbers.iter().enumerate() {
            let field = fields.rotate_left(at as u32 * 16).to_be_bytes();
            // Lengths are short, fragment offsets small.
            bytes.splice(40..40, [next, 0, 0, field[1] & 0x19, field[2], field[3], field[4], field[5]]);
            next = *number;
        }
        bytes[6] = next;
        let len = (bytes.len() - 40) as u16;
        bytes[4..6].copy_from_slice(&len.to_be_bytes());
        let mut input = vec![0, 0];
        input.extend_from_slice(&values.to_be_bytes());
        input.extend_from_slice(&bytes);
        translated::check(&input);
    }

    #[test]
    fn any_bytes_survive(bytes in prop::collection::vec(any::<u8>(), 0..120)) {
        translated::check(&bytes);
    }
}

#[test]
fn samples_are_of_both_versions() {
    use proptest::strategy::{Strategy, ValueTree};
    let mut runner = proptest::test_runner::TestRunner::deterministic();
    let mut seen = std::collections::BTreeSet::new();
    for _ in 0..100 {
        let bytes = any_sample().new_tree(&mut runner).unwrap().current().bytes;
        seen.insert(if is_v4(&bytes) { IpVersion::V4 } else { IpVersion::V6 });
    }
    assert_eq!(seen.len(), 2);
}
