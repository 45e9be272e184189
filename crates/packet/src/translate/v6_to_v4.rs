//! IPv6 to IPv4 (RFC 7915 5).

use std::net::{IpAddr, Ipv4Addr};

use super::{Ends, Untranslatable, icmp, update_transport};
use crate::checksum::{Checksum, Difference};
use crate::headers::{Fragment, IpVersion};
use crate::ip::Ip;
use crate::number::{ICMP, ICMPV6, IPV4_CHECKSUM_AT, IPV4_HEADER, put_word};

/// Up to this length a datagram may be fragmented on its way; a longer one is known to come from a path that carries it
/// (RFC 7915 5.1: 1280, the least MTU of IPv6, less the 20 bytes that IPv4 headers are shorter).
const FRAGMENTABLE: u32 = 1260;

/// What an IPv6 datagram, which had `original_len` bytes on the wire, becomes between IPv4 addresses. `quoted` is what the addresses of a quoted packet become, of an
/// ICMPv6 error. `id` is the identification of a datagram that had none and may be fragmented.
///
/// # Errors
/// What RFC 7915 5 gives no form.
pub fn v6_to_v4(
    datagram: &[u8],
    original_len: u32,
    ends: Ends<Ipv4Addr>,
    quoted: Option<Ends<Ipv4Addr>>,
    id: u16,
) -> Result<Vec<u8>, Untranslatable> {
    let ip = Ip::ipv6_whole(datagram, original_len).ok_or(Untranslatable::Malformed)?;
    if ip.source_routed {
        return Err(Untranslatable::SourceRouted);
    }
    let header = header(&ip, traffic_class(datagram), ends, id)?;
    let l4 = usize::from(ip.l4);
    let end = datagram.len().min(ip.total_len as usize);
    let segment = datagram.get(l4..end).ok_or(Untranslatable::Malformed)?;
    let mut bytes = header;
    if ip.protocol == ICMPV6 {
        if ip.fragment != Fragment::None {
            return Err(Untranslatable::IcmpFragment);
        }
        let whole = ip.total_len - u32::from(ip.l4);
        let message = icmp::message_to_v4(segment, whole, (ip.src, ip.dst), quoted)?;
        let grown = message.len() as i64 - segment.len() as i64;
        let total = i64::from(IPV4_HEADER as u32 + whole) + grown;
        set_total_len(&mut bytes, u16::try_from(total).map_err(|_| Untranslatable::TooLarge)?);
        bytes.extend_from_slice(&message);
        return Ok(bytes);
    }
    if ip.protocol == ICMP {
        return Err(Untranslatable::ForeignProtocol);
    }
    bytes.extend_from_slice(segment);
    if !ip.is_later_fragment() {
        let addresses = pseudo_header(&ip, ends);
        update_transport(ip.protocol, &mut bytes[IPV4_HEADER..], addresses);
    }
    Ok(bytes)
}

/// The IPv4 header in place of the IPv6 one and its extensions.
pub(super) fn header(ip: &Ip, tos: u8, ends: Ends<Ipv4Addr>, id: u16) -> Result<Vec<u8>, Untranslatable> {
    let segment = ip.total_len.checked_sub(u32::from(ip.l4)).ok_or(Untranslatable::Malformed)?;
    let total = segment + IPV4_HEADER as u32;
    let (id, flags) = match ip.fragment {
        Fragment::None if total <= FRAGMENTABLE => (id, 0),
        Fragment::None => (0, 0x4000),
        Fragment::First { id } => (id as u16, 0x2000),
        Fragment::Later { id, offset, more } => (id as u16, (offset / 8) | (u16::from(more) << 13)),
    };
    let mut bytes = vec![0; IPV4_HEADER];
    bytes[0] = 0x45;
    bytes[1] = tos;
    put_word(&mut bytes, 4, id);
    put_word(&mut bytes, 6, flags);
    bytes[8] = ip.ttl;
    bytes[9] = if ip.protocol == ICMPV6 { ICMP } else { ip.protocol };
    bytes[12..16].copy_from_slice(&ends.src.octets());
    bytes[16..20].copy_from_slice(&ends.dst.octets());
    set_total_len(&mut bytes, u16::try_from(total).map_err(|_| Untranslatable::TooLarge)?);
    Ok(bytes)
}

fn set_total_len(header: &mut [u8], total: u16) {
    put_word(header, 2, total);
    put_word(header, IPV4_CHECKSUM_AT, 0);
    let checksum = Checksum::of(&header[..IPV4_HEADER]);
    put_word(header, IPV4_CHECKSUM_AT, checksum.0);
}

/// The eight bits that IPv6 has between version and flow label.
pub(super) fn traffic_class(datagram: &[u8]) -> u8 {
    match datagram {
        [first, second, ..] => (first << 4) | (second >> 4),
        _ => 0,
    }
}

/// Length and protocol are in both pseudo-headers; only the addresses differ.
pub(super) fn pseudo_header(ip: &Ip, ends: Ends<Ipv4Addr>) -> Difference {
    debug_assert_eq!(ip.version, IpVersion::V6);
    let (IpAddr::V6(src), IpAddr::V6(dst)) = (ip.src, ip.dst) else { return Difference::NONE };
    let wide = |v4: Ipv4Addr| u128::from(v4.to_bits());
    Difference::of_u128(src.to_bits(), wide(ends.src)).and(Difference::of_u128(dst.to_bits(), wide(ends.dst)))
}
