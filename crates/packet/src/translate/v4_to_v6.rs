//! IPv4 to IPv6 (RFC 7915 4).

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::{Ends, Untranslatable, icmp, update_transport};
use crate::chain::is_extension;
use crate::checksum::{Checksum, Difference};
use crate::headers::Fragment;
use crate::ip::Ip;
use crate::number::{FRAGMENT, ICMP, ICMPV6, IPV4_HEADER, IPV6_HEADER, UDP, put_word, word};

/// IPv6 fragment header (RFC 8200 4.5).
const FRAGMENT_HEADER: usize = 8;

/// Where UDP has its length and its checksum (RFC 768).
const UDP_LENGTH_AT: usize = 4;
const UDP_CHECKSUM_AT: usize = 6;

/// Loose and strict source route (RFC 791 3.1).
const SOURCE_ROUTES: [u8; 2] = [131, 137];

/// What an IPv4 datagram, which had `original_len` bytes on the wire, becomes between IPv6 addresses. `quoted` is what the addresses of a quoted packet become, of an ICMP
/// error. Options are dropped (RFC 7915 4.1).
///
/// # Errors
/// What RFC 7915 4 gives no form.
pub fn v4_to_v6(
    datagram: &[u8],
    original_len: u32,
    ends: Ends<Ipv6Addr>,
    quoted: Option<Ends<Ipv6Addr>>,
) -> Result<Vec<u8>, Untranslatable> {
    let ip = Ip::ipv4_whole(datagram, original_len).ok_or(Untranslatable::Malformed)?;
    if has_source_route(datagram, &ip) {
        return Err(Untranslatable::SourceRouted);
    }
    let l4 = usize::from(ip.l4);
    let end = datagram.len().min(ip.total_len as usize);
    let segment = datagram.get(l4..end).ok_or(Untranslatable::Malformed)?;
    let whole = ip.total_len - u32::from(ip.l4);
    let tos = datagram.get(1).copied().unwrap_or_default();
    if ip.protocol == ICMP {
        if ip.fragment != Fragment::None {
            return Err(Untranslatable::IcmpFragment);
        }
        let message = icmp::message_to_v6(segment, whole, ends, quoted)?;
        let grown = i64::from(whole) + message.len() as i64 - segment.len() as i64;
        let mut bytes = header(&ip, tos, ends, u32::try_from(grown).map_err(|_| Untranslatable::TooLarge)?)?;
        bytes.extend_from_slice(&message);
        return Ok(bytes);
    }
    if ip.protocol == ICMPV6 || is_extension(ip.protocol) {
        return Err(Untranslatable::ForeignProtocol);
    }
    let mut bytes = header(&ip, tos, ends, whole)?;
    let at = bytes.len();
    bytes.extend_from_slice(segment);
    if ip.is_later_fragment() {
        return Ok(bytes);
    }
    if ip.protocol == UDP && word(segment, UDP_CHECKSUM_AT) == Some(0) {
        // Only of a datagram that is there as a whole can one be computed.
        if ip.fragment != Fragment::None || segment.len() < whole as usize {
            return Err(Untranslatable::NoUdpChecksum);
        }
        // What follows the length that UDP itself names is not UDP's (RFC 768).
        let length = word(segment, UDP_LENGTH_AT).map_or(segment.len(), usize::from);
        let own = segment.get(..length).unwrap_or(segment);
        let sum = Checksum::of_segment(IpAddr::V6(ends.src), IpAddr::V6(ends.dst), UDP, own);
        put_word(&mut bytes, at + UDP_CHECKSUM_AT, sum.never_zero().0);
        return Ok(bytes);
    }
    let addresses = pseudo_header(&ip, ends);
    update_transport(ip.protocol, &mut bytes[at..], addresses);
    Ok(bytes)
}

/// The IPv6 header in place of the IPv4 one, with a fragment header if it is one.
pub(super) fn header(ip: &Ip, tos: u8, ends: Ends<Ipv6Addr>, segment: u32) -> Result<Vec<u8>, Untranslatable> {
    let protocol = if ip.protocol == ICMP { ICMPV6 } else { ip.protocol };
    let fragment = match ip.fragment {
        Fragment::None => None,
        Fragment::First { id } => Some((id, 0, true)),
        Fragment::Later { id, offset, more } => Some((id, offset, more)),
    };
    let extension = if fragment.is_some() { FRAGMENT_HEADER } else { 0 };
    let payload = u16::try_from(segment + extension as u32).map_err(|_| Untranslatable::TooLarge)?;
    let mut bytes = vec![0; IPV6_HEADER];
    bytes[0] = 0x60 | (tos >> 4);
    bytes[1] = tos << 4;
    put_word(&mut bytes, 4, payload);
    bytes[6] = if fragment.is_some() { FRAGMENT } else { protocol };
    bytes[7] = ip.ttl;
    bytes[8..24].copy_from_slice(&ends.src.octets());
    bytes[24..40].copy_from_slice(&ends.dst.octets());
    if let Some((id, offset, more)) = fragment {
        bytes.extend_from_slice(&[protocol, 0]);
        bytes.extend_from_slice(&(offset | u16::from(more)).to_be_bytes());
        bytes.extend_from_slice(&id.to_be_bytes());
    }
    Ok(bytes)
}

/// Whether a source route has addresses left (RFC 7915 4.1).
fn has_source_route(datagram: &[u8], ip: &Ip) -> bool {
    let mut rest = datagram.get(IPV4_HEADER..usize::from(ip.l4)).unwrap_or_default();
    while let [kind, tail @ ..] = rest {
        match (kind, tail) {
            (0, _) => return false,
            (1, _) => rest = tail,
            (kind, [len, pointer, ..]) if SOURCE_ROUTES.contains(kind) => return pointer <= len,
            (_, [len, ..]) if usize::from(*len) >= 2 => rest = rest.get(usize::from(*len)..).unwrap_or_default(),
            _ => return false,
        }
    }
    false
}

/// Length and protocol are in both pseudo-headers; only the addresses differ.
pub(super) fn pseudo_header(ip: &Ip, ends: Ends<Ipv6Addr>) -> Difference {
    let (IpAddr::V4(src), IpAddr::V4(dst)) = (ip.src, ip.dst) else { return Difference::NONE };
    let wide = |v4: Ipv4Addr| u128::from(v4.to_bits());
    let of = |old, new: Ipv6Addr| Difference::of_u128(wide(old), new.to_bits());
    of(src, ends.src).and(of(dst, ends.dst))
}
