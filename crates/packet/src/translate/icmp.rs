//! ICMP messages (RFC 7915 4.2, 4.3, 5.2, 5.3): echo, and errors with the packet that they quote.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::{Ends, Untranslatable, added, removed, update_transport, v4_to_v6, v6_to_v4};
use crate::chain::is_extension;
use crate::checksum::{Checksum, Difference};
use crate::headers::{Fragment, IpVersion};
use crate::ip::Ip;
use crate::number::{
    ICMP, ICMP_CHECKSUM_AT, ICMP_HEADER, ICMPV6, IPV4_HEADER, IPV6_HEADER, double_word, put_word, word,
};

/// What headers of IPv6 are longer than those of IPv4.
const LONGER: u32 = (IPV6_HEADER - IPV4_HEADER) as u32;

/// The least MTU of IPv6 (RFC 8200 5).
const LEAST_V6_MTU: u32 = 1280;

/// Plateaus of RFC 1191 7.1: what routers that tell no MTU probably mean.
const PLATEAUS: [u32; 10] = [65_535, 32_000, 17_914, 8_166, 4_352, 2_002, 1_492, 1_006, 508, 296];

/// An ICMPv6 message as ICMP. `whole` is its length by the IP header, `ends` the addresses that its checksum covers.
pub(super) fn message_to_v4(
    message: &[u8],
    whole: u32,
    (src, dst): (IpAddr, IpAddr),
    quoted: Option<Ends<Ipv4Addr>>,
) -> Result<Vec<u8>, Untranslatable> {
    let Some((header, rest)) = message.split_first_chunk::<ICMP_HEADER>() else {
        return Err(Untranslatable::Malformed);
    };
    let unknown = Untranslatable::Icmp { kind: header[0], code: header[1] };
    let mut new = Vec::with_capacity(message.len());
    match echo(header[0], &[(128, 8), (129, 0)]) {
        Some(kind) => {
            new.extend_from_slice(&[kind, header[1]]);
            new.extend_from_slice(&header[2..]);
            new.extend_from_slice(rest);
        }
        None => {
            let value = double_word(header, 4).unwrap_or_default();
            let ([kind, code], value) = error_to_v4(header[0], header[1], value).ok_or(unknown)?;
            new.extend_from_slice(&[kind, code, header[2], header[3]]);
            new.extend_from_slice(&value.to_be_bytes());
            new.extend(quote_to_v4(rest, quoted.ok_or(unknown)?).ok_or(unknown)?);
        }
    }
    // ICMP has no pseudo-header, ICMPv6 has one.
    let pseudo = pseudo_header(src, dst, whole);
    resum(&mut new, message, removed(&pseudo));
    Ok(new)
}

/// An ICMP message as ICMPv6 between `ends`.
pub(super) fn message_to_v6(
    message: &[u8],
    whole: u32,
    ends: Ends<Ipv6Addr>,
    quoted: Option<Ends<Ipv6Addr>>,
) -> Result<Vec<u8>, Untranslatable> {
    let Some((header, rest)) = message.split_first_chunk::<ICMP_HEADER>() else {
        return Err(Untranslatable::Malformed);
    };
    let unknown = Untranslatable::Icmp { kind: header[0], code: header[1] };
    let mut new = Vec::with_capacity(message.len() + LONGER as usize);
    match echo(header[0], &[(8, 128), (0, 129)]) {
        Some(kind) => {
            new.extend_from_slice(&[kind, header[1]]);
            new.extend_from_slice(&header[2..]);
            new.extend_from_slice(rest);
        }
        None => {
            let mtu = word(header, 6).map_or(0, u32::from);
            let quoted_len = word(rest, 2).map_or(0, u32::from);
            let ([kind, code], value) =
                error_to_v6(header[0], header[1], (header[4], mtu, quoted_len)).ok_or(unknown)?;
            new.extend_from_slice(&[kind, code, header[2], header[3]]);
            new.extend_from_slice(&value.to_be_bytes());
            new.extend(quote_to_v6(rest, quoted.ok_or(unknown)?).ok_or(unknown)?);
            // An ICMPv6 error fits the least MTU (RFC 4443 2.4). What the capture cut off is nobody's to cut again.
            if message.len() == whole as usize {
                new.truncate(LEAST_V6_MTU as usize - IPV6_HEADER);
            }
        }
    }
    let grown = i64::from(whole) + new.len() as i64 - message.len() as i64;
    let grown = u32::try_from(grown).map_err(|_| Untranslatable::TooLarge)?;
    let pseudo = pseudo_header(IpAddr::V6(ends.src), IpAddr::V6(ends.dst), grown);
    resum(&mut new, message, added(&pseudo));
    Ok(new)
}

fn echo(kind: u8, pairs: &[(u8, u8)]) -> Option<u8> {
    pairs.iter().find(|(from, _)| *from == kind).map(|(_, to)| *to)
}

/// Type, code and the second word of an error (RFC 7915 5.2).
fn error_to_v4(kind: u8, code: u8, value: u32) -> Option<([u8; 2], u32)> {
    Some(match (kind, code) {
        // No route, beyond scope, address unreachable; administratively prohibited; port.
        (1, 0 | 2 | 3) => ([3, 1], 0),
        (1, 1) => ([3, 10], 0),
        (1, 4) => ([3, 3], 0),
        (2, _) => ([3, 4], value.saturating_sub(LONGER).min(0xFFFF)),
        (3, code @ 0..=1) => ([11, code], 0),
        // Erroneous header field, unless IPv4 has no such field.
        (4, 0) => ([12, 0], u32::from(pointer(value, &POINTERS_TO_V4)?) << 24),
        // Unrecognised next header: protocol unreachable.
        (4, 1) => ([3, 2], 0),
        _ => return None,
    })
}

/// Likewise (RFC 7915 4.2). `pointer` is the byte that a parameter problem points at; the MTU of 0 is one that was not told.
fn error_to_v6(kind: u8, code: u8, (at, mtu, quoted_len): (u8, u32, u32)) -> Option<([u8; 2], u32)> {
    Some(match (kind, code) {
        // Network, host, source route failed, unknown, isolated, for this TOS: no route.
        (3, 0 | 1 | 5 | 6 | 7 | 8 | 11 | 12) => ([1, 0], 0),
        // Protocol: parameter problem, at the next header field.
        (3, 2) => ([4, 1], 6),
        (3, 3) => ([1, 4], 0),
        (3, 4) => {
            let told = if mtu == 0 { PLATEAUS.into_iter().find(|plateau| *plateau < quoted_len)? } else { mtu };
            ([2, 0], (told + LONGER).max(LEAST_V6_MTU))
        }
        // Administratively prohibited, of network and host and by filter; precedence cut-off.
        (3, 9 | 10 | 13 | 15) => ([1, 1], 0),
        (11, code @ 0..=1) => ([3, code], 0),
        (12, 0 | 2) => ([4, 0], u32::from(pointer(u32::from(at), &POINTERS_TO_V6)?)),
        _ => return None,
    })
}

/// Where a field of the IPv6 header is in the IPv4 header (RFC 7915 figure 6): first and last byte, and the place.
const POINTERS_TO_V4: [(u32, u32, u8); 7] =
    [(0, 0, 0), (1, 1, 1), (4, 5, 2), (6, 6, 9), (7, 7, 8), (8, 23, 12), (24, 39, 16)];

/// The other way round (RFC 7915 figure 3).
const POINTERS_TO_V6: [(u32, u32, u8); 7] =
    [(0, 0, 0), (1, 1, 1), (2, 3, 4), (8, 8, 7), (9, 9, 6), (12, 15, 8), (16, 19, 24)];

fn pointer(at: u32, table: &[(u32, u32, u8)]) -> Option<u8> {
    table.iter().find(|(first, last, _)| (*first..=*last).contains(&at)).map(|(_, _, place)| *place)
}

/// A quoted IPv6 packet as IPv4, as far as it was quoted.
fn quote_to_v4(quote: &[u8], ends: Ends<Ipv4Addr>) -> Option<Vec<u8>> {
    let ip = Ip::quoted(quote, IpVersion::V6)?;
    let whole = ip.total_len.checked_sub(u32::from(ip.l4))?;
    // What was sent had an identification that nobody knows any more.
    let mut bytes = v6_to_v4::header(&ip, v6_to_v4::traffic_class(quote), ends, 0).ok()?;
    let mut segment = quote.get(usize::from(ip.l4)..)?.to_vec();
    if ip.protocol == ICMPV6 {
        segment = quoted_query(
            &segment,
            &[(128, 8), (129, 0)],
            ip.fragment,
            |length| removed(&pseudo_header(ip.src, ip.dst, length)),
            whole,
        )?;
    } else if !ip.is_later_fragment() {
        update_transport(ip.protocol, &mut segment, v6_to_v4::pseudo_header(&ip, ends));
    }
    bytes.extend(segment);
    Some(bytes)
}

/// A quoted IPv4 packet as IPv6, as far as it was quoted.
fn quote_to_v6(quote: &[u8], ends: Ends<Ipv6Addr>) -> Option<Vec<u8>> {
    let ip = Ip::quoted(quote, IpVersion::V4)?;
    let whole = ip.total_len.checked_sub(u32::from(ip.l4))?;
    let tos = quote.get(1).copied()?;
    let mut bytes = v4_to_v6::header(&ip, tos, ends, whole).ok()?;
    let mut segment = quote.get(usize::from(ip.l4)..)?.to_vec();
    if is_extension(ip.protocol) || ip.protocol == ICMPV6 {
        return None;
    }
    if ip.protocol == ICMP {
        segment = quoted_query(
            &segment,
            &[(8, 128), (0, 129)],
            ip.fragment,
            |length| added(&pseudo_header(IpAddr::V6(ends.src), IpAddr::V6(ends.dst), length)),
            whole,
        )?;
    } else if !ip.is_later_fragment() {
        update_transport(ip.protocol, &mut segment, v4_to_v6::pseudo_header(&ip, ends));
    }
    bytes.extend(segment);
    Some(bytes)
}

/// A quoted echo; an error that quotes an error is nobody's.
fn quoted_query(
    segment: &[u8],
    pairs: &[(u8, u8)],
    fragment: Fragment,
    pseudo: impl Fn(u32) -> Difference,
    whole: u32,
) -> Option<Vec<u8>> {
    if matches!(fragment, Fragment::Later { .. }) {
        return Some(segment.to_vec());
    }
    let kind = echo(*segment.first()?, pairs)?;
    let mut new = segment.to_vec();
    new[0] = kind;
    let old = word(segment, ICMP_CHECKSUM_AT)?;
    let change = Difference::of_u16(u16::from(segment[0]) << 8, u16::from(kind) << 8);
    put_word(&mut new, ICMP_CHECKSUM_AT, Checksum(old).updated(change.and(pseudo(whole))).0);
    Some(new)
}

/// The pseudo-header of ICMPv6 (RFC 8200 8.1).
fn pseudo_header(src: IpAddr, dst: IpAddr, length: u32) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(40);
    for end in [src, dst] {
        if let IpAddr::V6(v6) = end {
            bytes.extend_from_slice(&v6.octets());
        }
    }
    bytes.extend_from_slice(&length.to_be_bytes());
    bytes.extend_from_slice(&[0, 0, 0, ICMPV6]);
    bytes
}

/// Updates the checksum of `new`, which stands in the place of `old`, by what changed; `pseudo` is what becomes of the
/// pseudo-header.
fn resum(new: &mut [u8], old: &[u8], pseudo: Difference) {
    let Some(before) = word(old, ICMP_CHECKSUM_AT) else { return };
    let without = |bytes: &[u8]| {
        let mut bytes = bytes.to_vec();
        put_word(&mut bytes, ICMP_CHECKSUM_AT, 0);
        bytes
    };
    let change = removed(&without(old)).and(added(&without(new))).and(pseudo);
    put_word(new, ICMP_CHECKSUM_AT, Checksum(before).updated(change).0);
}
