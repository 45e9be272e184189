//! Rewriting against two independent implementations of the checksums, and parsing against one of the headers.

#![allow(clippy::unwrap_used, reason = "what panics here is a failed test")]

use etherparse::{LaxNetSlice, LaxSlicedPacket, TransportSlice};
use proptest::prelude::*;
use vpcemu_packet::{Fragment, Headers, Offloads, Packet, Patch, Plain, QuoteTransport, Transport, build};

mod invariants;
mod oracle;
mod samples;

use samples::{Rewrite, Sample, any_datagram, any_error, any_rewrites, any_sample};

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1000))]

    #[test]
    fn checksums_stay_right(sample in any_sample(), rewrites in any_rewrites()) {
        let mut bytes = sample.bytes;
        let unsummed = oracle::is_udp_without_checksum(&bytes);
        let len = bytes.len() as u32;
        let mut packet = Packet::parse(&mut bytes, len, Offloads::Strict).unwrap();
        for rewrite in &rewrites {
            rewrite.apply(&mut packet);
        }
        let headers = *packet.headers();
        prop_assert_eq!(Headers::parse(&bytes, len, Offloads::Strict), Ok(headers));
        prop_assert_eq!(oracle::is_udp_without_checksum(&bytes), unsummed);
        oracle::assert_right(&bytes);
    }

    #[test]
    fn a_wrong_checksum_stays_exactly_as_wrong(
        sample in any_datagram(),
        rewrites in any_rewrites(),
        wrong in 1..0xFFFFu16,
    ) {
        let mut bytes = sample.bytes.clone();
        let Some(at) = oracle::transport_checksum_at(&bytes) else { return Ok(()) };
        let field = |bytes: &[u8]| u16::from_be_bytes([bytes[at], bytes[at + 1]]);
        let right = field(&bytes);
        let damaged = ((u32::from(right) + u32::from(wrong)) % 0xFFFF) as u16;
        // 0 of UDP is no checksum at all.
        if right == 0 || damaged == 0 {
            return Ok(());
        }
        bytes[at..at + 2].copy_from_slice(&damaged.to_be_bytes());

        let mut reference = sample.bytes;
        for bytes in [&mut bytes, &mut reference] {
            let len = bytes.len() as u32;
            let mut packet = Packet::parse(bytes, len, Offloads::Tolerate).unwrap();
            for rewrite in &rewrites {
                rewrite.apply(&mut packet);
            }
        }
        let error = (u32::from(field(&bytes)) + 0xFFFF - u32::from(field(&reference)) % 0xFFFF) % 0xFFFF;
        prop_assert_eq!(error, u32::from(wrong));
    }

    /// One patch for a flow does to its next packet, right or wrong, what the setters do one after the other.
    #[test]
    fn a_patch_is_what_the_setters_do(
        sample in any_datagram(),
        rewrites in any_rewrites(),
        payload in prop::collection::vec(any::<u8>(), 0..40),
        wrong: u16,
        ttl: u8,
    ) {
        let Some(first) = Plain::parse(&sample.bytes) else { return Ok(()) };
        let set = |bytes: &mut [u8], rewrites: &[Rewrite]| {
            let mut packet = Packet::parse(bytes, bytes.len() as u32, Offloads::Tolerate).unwrap();
            // What takes a TTL to a value, whatever it was, is nothing that flows do.
            rewrites.iter().filter(|rewrite| !matches!(rewrite, Rewrite::Ttl(_))).for_each(|rewrite| rewrite.apply(&mut packet));
            *packet.headers()
        };
        let mut bytes = sample.bytes.clone();
        let Some(patch) = Patch::between(&first, &set(&mut bytes, &rewrites)) else { return Ok(()) };
        if patch.hops >= first.ttl {
            return Ok(());
        }
        let mut bytes = sample.bytes.clone();
        prop_assert!(patch.suits(&bytes, &first) || first.key().protocol == 1);
        patch.apply(&mut bytes, &first);

        // Another packet of the flow, whose transport checksum may be wrong.
        let key = first.key();
        let (from, to) = ((key.src, key.src_port).into(), (key.dst, key.dst_port).into());
        let mut next = match key.protocol {
            6 => build::tcp(from, to).flags(vpcemu_packet::TcpFlags::ACK).payload(&payload).ttl(ttl).build(),
            17 => build::udp(from, to).payload(&payload).ttl(ttl).build(),
            _ => sample.bytes,
        };
        if let Some(at) = oracle::transport_checksum_at(&next) {
            next[at..at + 2].copy_from_slice(&wrong.to_be_bytes());
        }
        let Some(plain) = Plain::parse(&next).filter(|plain| plain.ttl > patch.hops) else { return Ok(()) };
        prop_assert_eq!((plain.addresses, plain.ports, plain.kind), (first.addresses, first.ports, first.kind));
        let mut reference = next.clone();
        let _ = set(&mut reference, &rewrites);
        if patch.suits(&next, &plain) {
            patch.apply(&mut next, &plain);
            prop_assert_eq!(next, reference);
        }
    }

    #[test]
    fn any_sample_survives(sample in any_sample(), cut in 0..200usize, strict: bool, values: u64) {
        let kept = sample.bytes.len().saturating_sub(cut);
        let settings = if strict { invariants::STRICT } else { 0 };
        let mut input = vec![settings, cut as u8];
        input.extend_from_slice(&values.to_be_bytes());
        input.extend_from_slice(&sample.bytes[..kept]);
        invariants::check(&input);
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
        invariants::check(&input);
    }

    #[test]
    fn any_bytes_survive(bytes in prop::collection::vec(any::<u8>(), 0..120)) {
        invariants::check(&bytes);
    }

    #[test]
    fn rewriting_a_quote_is_quoting_the_rewritten(error in any_error(), rewrites in any_rewrites()) {
        let mut quoted = error.quoted.clone();
        let len = quoted.len() as u32;
        let mut original = Packet::parse(&mut quoted, len, Offloads::Strict).unwrap();
        let mut bytes = error.bytes();
        let len = bytes.len() as u32;
        let mut packet = Packet::parse(&mut bytes, len, Offloads::Strict).unwrap();
        for rewrite in &rewrites {
            // The hop limit of a quoted packet is history.
            if !matches!(rewrite, Rewrite::Ttl(_) | Rewrite::Hops(_)) {
                rewrite.apply(&mut original);
                rewrite.apply_to_quote(&mut packet);
            }
        }
        let expected = samples::Error { quoted, ..error };
        prop_assert_eq!(bytes, expected.bytes());
    }

    #[test]
    fn rewriting_the_fragments_is_rewriting_the_datagram(
        sample in any_datagram(),
        rewrites in any_rewrites(),
        mtu in 76..200usize,
    ) {
        let pieces = match sample.bytes[0] >> 4 {
            4 => build::fragment(&sample.bytes, mtu),
            _ => build::fragment_v6(&sample.bytes, mtu, 7),
        };
        let mut reassembled = Vec::new();
        for (number, mut piece) in pieces.iter().cloned().enumerate() {
            prop_assert!(piece.len() <= mtu);
            let len = piece.len() as u32;
            let mut packet = Packet::parse(&mut piece, len, Offloads::Strict).unwrap();
            match packet.headers().fragment {
                Fragment::None => prop_assert_eq!(pieces.len(), 1),
                Fragment::First { .. } => prop_assert_eq!(number, 0),
                Fragment::Later { offset, more, .. } => {
                    prop_assert_eq!(usize::from(offset), reassembled.len());
                    prop_assert_eq!(more, number + 1 < pieces.len());
                }
            }
            for rewrite in &rewrites {
                rewrite.apply(&mut packet);
            }
            let l4 = usize::from(packet.headers().l4);
            reassembled.extend_from_slice(&piece[l4..]);
        }
        let mut whole = sample.bytes;
        let len = whole.len() as u32;
        let mut packet = Packet::parse(&mut whole, len, Offloads::Strict).unwrap();
        for rewrite in &rewrites {
            rewrite.apply(&mut packet);
        }
        let l4 = usize::from(packet.headers().l4);
        prop_assert_eq!(&reassembled, &whole[l4..]);
    }

    #[test]
    fn parsing_agrees_with_etherparse(sample in any_sample()) {
        let bytes = &sample.bytes;
        let headers = Headers::parse(bytes, bytes.len() as u32, Offloads::Strict).unwrap();
        let sliced = LaxSlicedPacket::from_ip(bytes).unwrap();
        let (src, dst, protocol) = match sliced.net.as_ref().unwrap() {
            LaxNetSlice::Ipv4(ip) => {
                (ip.header().source_addr().into(), ip.header().destination_addr().into(), ip.payload().ip_number)
            }
            LaxNetSlice::Ipv6(ip) => {
                (ip.header().source_addr().into(), ip.header().destination_addr().into(), ip.payload().ip_number)
            }
            LaxNetSlice::Arp(_) => unreachable!("no sample is ARP"),
        };
        prop_assert_eq!((headers.src, headers.dst, headers.protocol), (src, dst, protocol.0));
        match (&headers.transport, &sliced.transport) {
            (Transport::Tcp { src, dst, seq, ack, window, payload_len, .. }, Some(TransportSlice::Tcp(tcp))) => {
                prop_assert_eq!((*src, *dst), (tcp.source_port(), tcp.destination_port()));
                prop_assert_eq!((*seq, *ack), (tcp.sequence_number(), tcp.acknowledgment_number()));
                prop_assert_eq!((*window, *payload_len as usize), (tcp.window_size(), tcp.payload().len()));
            }
            (Transport::Udp { src, dst }, Some(TransportSlice::Udp(udp))) => {
                prop_assert_eq!((*src, *dst), (udp.source_port(), udp.destination_port()));
            }
            (Transport::IcmpError { kind, code, quote: Some(quote) }, Some(transport)) => {
                let (wire_kind, wire_code, payload) = icmp(transport);
                prop_assert_eq!((*kind, *code), (wire_kind, wire_code));
                let inner = LaxSlicedPacket::from_ip(payload).unwrap();
                let (src, dst) = oracle::addresses(&inner);
                prop_assert_eq!((quote.src, quote.dst), (src, dst));
                if let (QuoteTransport::Ports { src, dst }, Some(TransportSlice::Udp(udp))) =
                    (quote.transport, &inner.transport)
                {
                    prop_assert_eq!((src, dst), (udp.source_port(), udp.destination_port()));
                }
            }
            (Transport::Query { kind, code, .. }, Some(transport)) => {
                prop_assert_eq!((*kind, *code), (icmp(transport).0, icmp(transport).1));
            }
            (Transport::Other, None) => {}
            (ours, theirs) => prop_assert!(false, "{ours:?} against {theirs:?}"),
        }
    }
}

#[test]
fn samples_are_what_they_say() {
    // A generator that only made one kind would let every property above pass.
    use proptest::strategy::ValueTree;
    use proptest::test_runner::TestRunner;
    let mut runner = TestRunner::deterministic();
    let mut seen = std::collections::BTreeSet::new();
    for _ in 0..400 {
        let Sample { bytes } = any_sample().new_tree(&mut runner).unwrap().current();
        let headers = Headers::parse(&bytes, bytes.len() as u32, Offloads::Strict).unwrap();
        let kind = match headers.transport {
            Transport::Tcp { .. } => "tcp",
            Transport::Udp { .. } => "udp",
            Transport::Query { .. } => "query",
            Transport::IcmpError { quote, .. } => match quote.unwrap().transport {
                QuoteTransport::None => "error without ports",
                QuoteTransport::Ports { .. } => "error with ports",
                QuoteTransport::Query { .. } => "error about a query",
            },
            Transport::Icmp { .. } => "icmp",
            Transport::Other => "other",
            Transport::Missing => "missing",
        };
        seen.insert((headers.version, kind));
    }
    let kinds = ["tcp", "udp", "query", "error without ports", "error with ports", "error about a query", "other"];
    for version in [vpcemu_packet::IpVersion::V4, vpcemu_packet::IpVersion::V6] {
        for kind in kinds {
            assert!(seen.contains(&(version, kind)), "no {kind} of {version:?}");
        }
    }
}

/// Type, code and what an error quotes.
fn icmp<'a>(transport: &TransportSlice<'a>) -> (u8, u8, &'a [u8]) {
    let segment = oracle::segment(transport);
    (segment[0], segment[1], segment.get(8..).unwrap_or_default())
}
