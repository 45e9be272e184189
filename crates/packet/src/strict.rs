//! The judgement of checksums for captures that hold what was on the wire.

use crate::checksum::Checksum;
use crate::headers::{Fragment, Headers, IpVersion};
use crate::malformed::Malformed;
use crate::number::{ICMP, ICMPV6, TCP, UDP, word};
use crate::transport::Transport;

/// Judges every checksum that the captured bytes allow to judge.
pub(crate) fn judge(datagram: &[u8], headers: &Headers) -> Result<(), Malformed> {
    if let Some(segment) = whole_segment(datagram, headers)
        && !is_right(segment, headers)
    {
        return Err(Malformed::TransportChecksum(headers.protocol));
    }
    // "a NAT device SHOULD silently drop the packet" whose embedded IP header is damaged (RFC 5508 REQ-3).
    if let Transport::IcmpError { quote: Some(quote), .. } = headers.transport
        && headers.version == IpVersion::V4
        && let Some(header) = datagram.get(usize::from(quote.at)..usize::from(quote.l4))
        && Checksum::of(header).0 != 0
    {
        return Err(Malformed::QuotedHeaderChecksum);
    }
    Ok(())
}

/// The segment, if all that its checksum covers is here.
fn whole_segment<'a>(datagram: &'a [u8], headers: &Headers) -> Option<&'a [u8]> {
    if headers.fragment != Fragment::None {
        return None;
    }
    datagram.get(usize::from(headers.l4)..headers.total_len as usize)
}

fn is_right(segment: &[u8], headers: &Headers) -> bool {
    let with_pseudo_header = |segment| {
        // The final destination would have to be dug out of the routing header.
        headers.source_routed || Checksum::of_segment(headers.src, headers.dst, headers.protocol, segment).0 == 0
    };
    match (headers.protocol, headers.version) {
        (TCP, _) | (ICMPV6, IpVersion::V6) => with_pseudo_header(segment),
        (UDP, version) => {
            // A checksum of 0 is none, which only IPv4 allows (RFC 8200 8.1).
            if word(segment, 6) == Some(0) {
                return version == IpVersion::V4;
            }
            let length = word(segment, 4).map_or(segment.len(), usize::from);
            with_pseudo_header(segment.get(..length).unwrap_or(segment))
        }
        (ICMP, IpVersion::V4) => Checksum::of(segment).0 == 0,
        _ => true,
    }
}
