//! What is behind the IP header: copied, with checksums over other addresses.

use std::net::IpAddr;

use super::source::Source;
use super::target::Target;
use super::untranslatable::Untranslatable;
use super::{Around, error, icmp};
use crate::checksum::{Checksum, Difference};
use crate::headers::{Fragment, IpVersion};
use crate::number::{
    DESTINATION_OPTIONS, FRAGMENT, HOP_BY_HOP, ICMP, ICMPV6, IGMP, MOBILITY, ROUTING, SHIM6, UDP, put_word, word,
};
use crate::rewrite::TransportSum;

/// Appends the translated payload and returns its length by the IP header.
pub(super) fn translate(
    source: &Source<'_>,
    target: Target,
    around: Option<&Around>,
    out: &mut Vec<u8>,
) -> Result<u32, Untranslatable> {
    if source.protocol == source.version().icmp() {
        return message(source, target, around, out);
    }
    if is_of_one_version(source.protocol, source.version()) {
        return Err(Untranslatable::Protocol(source.protocol));
    }
    let start = out.len();
    out.extend_from_slice(source.payload);
    transport(source, target, around.is_some(), &mut out[start..])?;
    Ok(source.payload_len)
}

/// Patches the checksum of a TCP or UDP segment, or of another one that covers the addresses.
fn transport(
    source: &Source<'_>,
    target: Target,
    is_whole_packet: bool,
    segment: &mut [u8],
) -> Result<(), Untranslatable> {
    let fragment = source.fragment();
    if let (UDP, IpVersion::V6) = (source.protocol, target.version())
        && word(segment, UDP_CHECKSUM_AT) == Some(0)
        && is_whole_packet
        && !matches!(fragment, Fragment::Later { .. })
    {
        if fragment != Fragment::None {
            return Err(Untranslatable::NoUdpChecksum);
        }
        if segment.len() as u64 == u64::from(source.payload_len) {
            compute_udp_checksum(target, segment);
        }
        return Ok(());
    }
    if let Some(sum) = TransportSum::find(source.protocol, target.version(), fragment, 0, segment.len()) {
        // The rest of the pseudo-header, length and protocol, is the same number in both versions.
        let src = Difference::of_address(source.src, target.src());
        sum.patch(segment, src.and(Difference::of_address(source.dst, target.dst())));
    }
    Ok(())
}

fn compute_udp_checksum(target: Target, segment: &mut [u8]) {
    let len = word(segment, 4).map_or(segment.len(), usize::from);
    let covered = segment.get(..len).unwrap_or(segment);
    let sum = Checksum::of_segment(target.src(), target.dst(), UDP, covered).never_zero();
    put_word(segment, UDP_CHECKSUM_AT, sum.0);
}

/// An ICMP message.
fn message(
    source: &Source<'_>,
    target: Target,
    around: Option<&Around>,
    out: &mut Vec<u8>,
) -> Result<u32, Untranslatable> {
    if source.fragment() != Fragment::None {
        return Err(Untranslatable::FragmentedIcmp);
    }
    let Some(&[kind, code]) = source.payload.first_chunk::<2>() else {
        if around.is_some() {
            return Err(Untranslatable::Cut);
        }
        // A quote may end anywhere.
        out.extend_from_slice(source.payload);
        return Ok(source.payload_len);
    };
    let Some(echo) = icmp::echo(source.version(), kind) else {
        // None of the errors about a quoted error: no error is ever about an error (RFC 1122 3.2.2, RFC 4443 2.4).
        let around = around.ok_or(Untranslatable::Quoted)?;
        return error::translate(source, target, around, out);
    };
    let start = out.len();
    out.extend_from_slice(source.payload);
    let echoed = &mut out[start..];
    echoed[0] = echo;
    let (old, new) = (u16::from_be_bytes([kind, code]), u16::from_be_bytes([echo, code]));
    let difference =
        Difference::of_u16(old, new).and(icmp_pseudo_header(source, target, source.payload_len, source.payload_len));
    let protocol = target.version().icmp();
    if let Some(sum) = TransportSum::find(protocol, target.version(), Fragment::None, 0, echoed.len()) {
        sum.patch(echoed, difference);
    }
    Ok(source.payload_len)
}

/// What appears or disappears under an ICMP checksum with the pseudo-header, which only ICMPv6 has (RFC 4443 2.3).
/// `old_len` and `new_len` are the lengths of the message.
pub(super) fn icmp_pseudo_header(source: &Source<'_>, target: Target, old_len: u32, new_len: u32) -> Difference {
    let header = |src, dst, len| match (src, dst) {
        (IpAddr::V6(src), IpAddr::V6(dst)) => Difference::of_u128(0, src.to_bits())
            .and(Difference::of_u128(0, dst.to_bits()))
            .and(Difference::of_u32(0, len))
            .and(Difference::of_u16(0, u16::from(ICMPV6))),
        _ => Difference::NONE,
    };
    let old = header(source.src, source.dst, old_len);
    header(target.src(), target.dst(), new_len).and(old.reversed())
}

/// True for protocols that the other version does not have, or has for something else.
fn is_of_one_version(protocol: u8, version: IpVersion) -> bool {
    match version {
        IpVersion::V4 => {
            // Extension headers in IPv6. So are authentication and HIP, but these IPv4 has too.
            matches!(protocol, HOP_BY_HOP | IGMP | ROUTING | FRAGMENT | ICMPV6 | DESTINATION_OPTIONS | MOBILITY | SHIM6)
        }
        IpVersion::V6 => matches!(protocol, ICMP | IGMP),
    }
}

/// RFC 768.
const UDP_CHECKSUM_AT: usize = 6;
