//! What holds for the translation of any bytes at all. The fuzz target and the replay of its corpus both call [`check`].
//!
//! An input is two bytes of settings (rules; bytes missing from the capture), eight bytes that the new addresses and the
//! identification are made of, and a datagram.

#![allow(clippy::unwrap_used, reason = "what panics here is a failed test")]

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use vpcemu_packet::translate::{ToV4, ToV6, Untranslatable};
use vpcemu_packet::{FlowKey, Fragment, Headers, IpVersion, Offloads, Packet, Quote, Transport};

/// The bit of the first byte that asks for strict rules.
pub(crate) const STRICT: u8 = 0x80;

/// Panics if anything about this input is not as it should be.
pub(crate) fn check(input: &[u8]) {
    let Some((settings, datagram)) = input.split_at_checked(10) else { return };
    let rules = if settings[0] & STRICT != 0 { Offloads::Strict } else { Offloads::Tolerate };
    let cut = u32::from(settings[1]);
    let to = Addresses::new(u64::from_be_bytes(settings[2..].try_into().unwrap()));
    let mut bytes = datagram.to_vec();
    let Ok(mut packet) = Packet::parse(&mut bytes, datagram.len() as u32 + cut, rules) else { return };
    let before = *packet.headers();

    if let Err(why) = translate(&mut packet, &to) {
        assert!(!why.to_string().is_empty());
        assert_eq!((packet.is_replaced(), packet.headers()), (false, &before));
        // IPv4 does not look into these, so that in IPv6 they may be anything. And nobody knows what bytes that were not
        // captured have contributed to a checksum.
        let excused = cut > 0 || is_chained(before.protocol);
        assert!(excused || !matches!(why, Untranslatable::Malformed(_)), "{why}: {before:?}");
        return;
    }
    let there = *packet.headers();
    check_translated(&before, &there, &to);
    match translate_back(&mut packet, &before) {
        Ok(()) => check_restored(datagram, &before, packet.bytes(), packet.headers()),
        Err(why) => {
            // No tables that are each other's inverse; no checksum in IPv6 where there has to be one.
            let excused = matches!(before.transport, Transport::IcmpError { .. })
                || why == Untranslatable::NoUdpChecksum
                || is_chained(there.protocol)
                || is_chained(before.protocol);
            assert!(excused, "{why}: {before:?} became {there:?}");
        }
    }
}

/// An IPv6 extension header that is a payload to IPv4: authentication, mobility, HIP, Shim6.
fn is_chained(protocol: u8) -> bool {
    matches!(protocol, 51 | 135 | 139 | 140)
}

/// All that a translator has to know.
pub(crate) struct Addresses {
    v4: [Ipv4Addr; 4],
    v6: [Ipv6Addr; 4],
    id: u16,
}

impl Addresses {
    /// Of which some are equal and some are all zero, depending on the value.
    pub(crate) fn new(values: u64) -> Self {
        let word = |at: u32| u128::from(values.rotate_left(at));
        let v6 = |at: u32| Ipv6Addr::from_bits(word(at) << 64 | word(at + 32));
        let v4 = |at: u32| Ipv4Addr::from_bits(word(at) as u32);
        Self { v4: [v4(0), v4(16), v4(24), v4(40)], v6: [v6(0), v6(16), v6(24), v6(40)], id: values as u16 }
    }
}

/// To the other version, whichever it is.
pub(crate) fn translate(packet: &mut Packet<'_>, to: &Addresses) -> Result<(), Untranslatable> {
    match packet.headers().version {
        IpVersion::V4 => packet.translate_to_v6(&ToV6::new(to.v6[0], to.v6[1]).quoting(to.v6[2], to.v6[3])),
        IpVersion::V6 => packet.translate_to_v4(&ToV4::new(to.v4[0], to.v4[1], to.id).quoting(to.v4[2], to.v4[3])),
    }
}

/// To the addresses and the identification that it had before.
pub(crate) fn translate_back(packet: &mut Packet<'_>, before: &Headers) -> Result<(), Untranslatable> {
    let quoted = match before.transport {
        Transport::IcmpError { quote: Some(quote), .. } => (quote.src, quote.dst),
        _ => (before.src, before.dst),
    };
    match ((before.src, before.dst), quoted) {
        ((IpAddr::V4(src), IpAddr::V4(dst)), (IpAddr::V4(quoted_src), IpAddr::V4(quoted_dst))) => {
            packet.translate_to_v4(&ToV4::new(src, dst, before.ip_id).quoting(quoted_src, quoted_dst))
        }
        ((IpAddr::V6(src), IpAddr::V6(dst)), (IpAddr::V6(quoted_src), IpAddr::V6(quoted_dst))) => {
            packet.translate_to_v6(&ToV6::new(src, dst).quoting(quoted_src, quoted_dst))
        }
        mixed => unreachable!("{mixed:?}"),
    }
}

fn check_translated(before: &Headers, after: &Headers, to: &Addresses) {
    let (src, dst): (IpAddr, IpAddr) = match after.version {
        IpVersion::V4 => (to.v4[0].into(), to.v4[1].into()),
        IpVersion::V6 => (to.v6[0].into(), to.v6[1].into()),
    };
    assert_ne!(before.version, after.version);
    assert_eq!((after.src, after.dst, after.ttl), (src, dst, before.ttl));
    if is_chained(before.protocol) || is_chained(after.protocol) {
        return;
    }
    let pieces = [before, after].map(|headers| headers.fragment_range().map(|range| (range.start, range.more)));
    assert_eq!(pieces[0], pieces[1]);
    let ports = |key: FlowKey| (key.src_port, key.dst_port);
    assert_eq!(ports(before.key()), ports(after.key()));
    if let (Some(before), Some(after)) = (quote(before), quote(after))
        && !is_chained(before.protocol)
        && !is_chained(after.protocol)
    {
        assert_eq!(before.key().map(ports), after.key().map(ports));
    }
}

fn quote(headers: &Headers) -> Option<Quote> {
    match headers.transport {
        Transport::IcmpError { quote, .. } => quote,
        _ => None,
    }
}

/// Translation there and back restores the payload, but for what a translator adds: a UDP checksum.
fn check_restored(before: &[u8], was: &Headers, after: &[u8], is: &Headers) {
    assert_eq!((was.src, was.dst, was.ttl), (is.src, is.dst, is.ttl));
    if matches!(was.transport, Transport::IcmpError { .. }) {
        return;
    }
    // All other headers are gone, up to those that are a payload to IPv4.
    let header_len = match (is.version, is.fragment) {
        (IpVersion::V4, _) => 20,
        (IpVersion::V6, Fragment::None) => 40,
        (IpVersion::V6, _) => 48,
    };
    let payload = &after[header_len..];
    let before = &before[..before.len().min(was.total_len as usize)];
    let original = &before[before.len() - payload.len()..];
    for (at, (before, after)) in original.chunks(2).zip(payload.chunks(2)).enumerate() {
        let same_sum = [(before, after), (after, before)].contains(&(&[0xFF, 0xFF], &[0, 0]));
        let computed = was.protocol == 17 && at == 3 && before == [0, 0];
        assert!(before == after || same_sum || computed, "word {at}: {before:02x?} came back as {after:02x?}");
    }
}
