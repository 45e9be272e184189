//! The IP layer of a datagram: IPv4, or IPv6 with its extension headers.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use crate::chain::{self, Chain};
use crate::checksum::Checksum;
use crate::headers::{Fragment, IpVersion, Offloads};
use crate::malformed::Malformed;
use crate::number::{HOP_BY_HOP, IPV4_CHECKSUM_AT, IPV4_HEADER, IPV6_HEADER, TCP};

/// What the IP layer says, before anybody looked at the transport.
pub(crate) struct Ip {
    pub(crate) version: IpVersion,
    pub(crate) src: IpAddr,
    pub(crate) dst: IpAddr,
    pub(crate) protocol: u8,
    pub(crate) ttl: u8,
    pub(crate) dont_fragment: bool,
    pub(crate) ip_id: u16,
    pub(crate) total_len: u32,
    pub(crate) l4: u16,
    pub(crate) fragment: Fragment,
    pub(crate) fragmentable: u16,
    pub(crate) source_routed: bool,
    /// The captured bytes end inside the chain of extension headers: nobody knows the transport.
    pub(crate) cut: bool,
}

impl Ip {
    /// Reads and judges the IP layer of a datagram.
    #[inline]
    pub(crate) fn parse(datagram: &[u8], frame_len: u32, rules: Offloads) -> Result<Self, Malformed> {
        let ip = match datagram.first().ok_or(Malformed::HeaderTruncated)? >> 4 {
            4 => Self::ipv4(datagram, frame_len, rules)?,
            6 => Self::ipv6(datagram, frame_len, rules)?,
            version => return Err(Malformed::Version(version)),
        };
        if ip.total_len > frame_len {
            return Err(Malformed::LongerThanFrame { total: ip.total_len, frame: frame_len });
        }
        Ok(ip)
    }

    /// Reads the IP layer of a packet quoted in an ICMP error, which ends wherever the quote ends. None if the quote does
    /// not reach to the transport header.
    pub(crate) fn quoted(quote: &[u8], version: IpVersion) -> Option<Self> {
        let ip = match (quote.first()? >> 4, version) {
            (4, IpVersion::V4) => Self::ipv4_fields(quote).ok()?,
            (6, IpVersion::V6) => {
                let header = quote.first_chunk::<IPV6_HEADER>()?;
                let total_len = payload_len(header) + IPV6_HEADER as u32;
                Self::ipv6_fields(header, total_len, chain::walk(quote, header[6]).ok()?)
            }
            _ => return None,
        };
        (!ip.cut).then_some(ip)
    }

    /// True for fragments that do not have the transport header.
    pub(crate) fn is_later_fragment(&self) -> bool {
        matches!(self.fragment, Fragment::Later { .. })
    }

    #[inline]
    fn ipv4(datagram: &[u8], frame_len: u32, rules: Offloads) -> Result<Self, Malformed> {
        let mut ip = Self::ipv4_fields(datagram)?;
        let header_len = u32::from(ip.l4);
        if ip.total_len == 0 && ip.protocol == TCP && rules == Offloads::Tolerate {
            ip.total_len = frame_len;
        }
        if ip.total_len < header_len {
            return Err(Malformed::TotalLength { total: ip.total_len, header: header_len });
        }
        let header = datagram.get(..usize::from(ip.l4)).ok_or(Malformed::HeaderTruncated)?;
        let unfilled = header[IPV4_CHECKSUM_AT..IPV4_CHECKSUM_AT + 2] == [0, 0] && rules == Offloads::Tolerate;
        if !unfilled && Checksum::of_words(header).0 != 0 {
            return Err(Malformed::HeaderChecksum);
        }
        Ok(ip)
    }

    /// The fields of a header that is there as a whole, whatever they say.
    #[inline(always)]
    fn ipv4_fields(bytes: &[u8]) -> Result<Self, Malformed> {
        let h = bytes.first_chunk::<IPV4_HEADER>().ok_or(Malformed::HeaderTruncated)?;
        let words = h[0] & 0x0F;
        if words < 5 {
            return Err(Malformed::HeaderLength(words));
        }
        let l4 = u16::from(words) * 4;
        if bytes.len() < usize::from(l4) {
            return Err(Malformed::HeaderTruncated);
        }
        let flags = u16::from_be_bytes([h[6], h[7]]);
        let ip_id = u16::from_be_bytes([h[4], h[5]]);
        // The offset counts units of eight bytes in the low 13 bits.
        let fragment = fragment_of(u32::from(ip_id), (flags & 0x1FFF) << 3, flags & 0x2000 != 0);
        Ok(Self {
            version: IpVersion::V4,
            src: IpAddr::V4(Ipv4Addr::new(h[12], h[13], h[14], h[15])),
            dst: IpAddr::V4(Ipv4Addr::new(h[16], h[17], h[18], h[19])),
            protocol: h[9],
            ttl: h[8],
            dont_fragment: flags & 0x4000 != 0,
            ip_id,
            total_len: u32::from(u16::from_be_bytes([h[2], h[3]])),
            l4,
            fragment,
            fragmentable: l4,
            source_routed: false,
            cut: false,
        })
    }

    #[inline]
    fn ipv6(datagram: &[u8], frame_len: u32, rules: Offloads) -> Result<Self, Malformed> {
        let header = datagram.first_chunk::<IPV6_HEADER>().ok_or(Malformed::HeaderTruncated)?;
        let mut payload = payload_len(header);
        if payload == 0 && matches!(header[6], TCP | HOP_BY_HOP) && rules == Offloads::Tolerate {
            // The length of a segment too large for the field: in a jumbo payload option on the way to the network card.
            payload = frame_len.saturating_sub(IPV6_HEADER as u32);
        }
        let total_len = payload + IPV6_HEADER as u32;
        let end = datagram.len().min(total_len as usize);
        let chain = chain::walk(&datagram[..end], header[6])?;
        if chain.cut && end as u64 == u64::from(total_len) {
            return Err(Malformed::ChainTruncated);
        }
        Ok(Self::ipv6_fields(header, total_len, chain))
    }

    fn ipv6_fields(h: &[u8; IPV6_HEADER], total_len: u32, chain: Chain) -> Self {
        Self {
            version: IpVersion::V6,
            src: ipv6_address(h, 8),
            dst: ipv6_address(h, 24),
            protocol: chain.protocol,
            ttl: h[7],
            dont_fragment: true,
            ip_id: 0,
            total_len,
            l4: chain.l4,
            fragment: chain.fragment,
            fragmentable: chain.fragmentable,
            source_routed: chain.source_routed,
            cut: chain.cut,
        }
    }
}

/// What the fields of a fragment come to. Offset 0 without a successor is a whole datagram.
pub(crate) fn fragment_of(id: u32, offset: u16, more: bool) -> Fragment {
    match (offset, more) {
        (0, false) => Fragment::None,
        (0, true) => Fragment::First { id },
        _ => Fragment::Later { id, offset, more },
    }
}

fn payload_len(header: &[u8; IPV6_HEADER]) -> u32 {
    u32::from(u16::from_be_bytes([header[4], header[5]]))
}

fn ipv6_address(header: &[u8; IPV6_HEADER], at: usize) -> IpAddr {
    let mut octets = [0; 16];
    octets.copy_from_slice(&header[at..at + 16]);
    IpAddr::V6(Ipv6Addr::from(octets))
}
