//! Writing the other version's header.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::source::Source;
use crate::checksum::Checksum;
use crate::headers::IpVersion;
use crate::number::{
    FRAGMENT, FRAGMENT_HEADER, ICMP, ICMPV6, IPV4_CHECKSUM_AT, IPV4_HEADER, IPV4_ID_AT, IPV6_HEADER, put_word,
};

/// The addresses that a packet gets, and what else IPv4 wants.
#[derive(Clone, Copy)]
pub(super) enum Target {
    V4 { src: Ipv4Addr, dst: Ipv4Addr, id: u16 },
    V6 { src: Ipv6Addr, dst: Ipv6Addr },
}

impl Target {
    pub(super) fn version(self) -> IpVersion {
        match self {
            Self::V4 { .. } => IpVersion::V4,
            Self::V6 { .. } => IpVersion::V6,
        }
    }

    pub(super) fn src(self) -> IpAddr {
        match self {
            Self::V4 { src, .. } => src.into(),
            Self::V6 { src, .. } => src.into(),
        }
    }

    pub(super) fn dst(self) -> IpAddr {
        match self {
            Self::V4 { dst, .. } => dst.into(),
            Self::V6 { dst, .. } => dst.into(),
        }
    }

    /// With the fragment header, which only fragments get (RFC 7915 4).
    pub(super) fn header_len(self, source: &Source<'_>) -> usize {
        match (self, source.piece) {
            (Self::V4 { .. }, _) => IPV4_HEADER,
            (Self::V6 { .. }, None) => IPV6_HEADER,
            (Self::V6 { .. }, Some(_)) => IPV6_HEADER + FRAGMENT_HEADER,
        }
    }

    /// What the length field says: of IPv4 about the whole packet, of IPv6 about what follows the fixed header.
    pub(super) fn length(self, source: &Source<'_>, payload_len: u32) -> u32 {
        let counted = match self {
            Self::V4 { .. } => IPV4_HEADER,
            Self::V6 { .. } => self.header_len(source) - IPV6_HEADER,
        };
        payload_len.saturating_add(counted as u32)
    }

    /// Writes the header before a payload. `header` is all zero and [`Self::header_len`] long, `length` the length field.
    pub(super) fn write_header(self, source: &Source<'_>, payload_len: u32, length: u16, header: &mut [u8]) {
        match self {
            Self::V4 { src, dst, id } => {
                let total_len = payload_len.saturating_add(IPV4_HEADER as u32);
                let (id, flags) = match source.piece {
                    // Routers may fragment it further, so the don't-fragment flag is zero. Of the identification there
                    // is room for the lower half (RFC 7915 5.1.1).
                    Some(piece) => (piece.id as u16, piece.offset >> 3 | u16::from(piece.more) << 13),
                    None => (id, u16::from(total_len > MAX_WITHOUT_DF) << 14),
                };
                header[0] = 0x45;
                header[1] = source.traffic_class;
                put_word(header, 2, length);
                put_word(header, IPV4_ID_AT, id);
                put_word(header, 6, flags);
                header[8] = source.ttl;
                header[9] = translated_protocol(source.protocol);
                header[12..16].copy_from_slice(&src.octets());
                header[16..20].copy_from_slice(&dst.octets());
                let checksum = Checksum::of_words(header);
                put_word(header, IPV4_CHECKSUM_AT, checksum.0);
            }
            Self::V6 { src, dst } => {
                header[0] = 0x60 | source.traffic_class >> 4;
                header[1] = source.traffic_class << 4;
                put_word(header, 4, length);
                header[7] = source.ttl;
                header[8..24].copy_from_slice(&src.octets());
                header[24..40].copy_from_slice(&dst.octets());
                let protocol = translated_protocol(source.protocol);
                match source.piece {
                    Some(piece) => {
                        header[6] = FRAGMENT;
                        header[40] = protocol;
                        put_word(header, 42, piece.offset | u16::from(piece.more));
                        // The upper half is zero: IPv4 has no more.
                        header[44..48].copy_from_slice(&piece.id.to_be_bytes());
                    }
                    None => header[6] = protocol,
                }
            }
        }
    }
}

/// Only ICMP has a number of its own in each version.
fn translated_protocol(protocol: u8) -> u8 {
    match protocol {
        ICMP => ICMPV6,
        ICMPV6 => ICMP,
        other => other,
    }
}

/// Of the don't-fragment flag: "If the size of the translated IPv4 packet is less than or equal to 1260 bytes, it is set
/// to zero; otherwise, it is set to one" (RFC 7915 5.1). An IPv6 sender never goes below 1280 bytes, whatever the MTU.
const MAX_WITHOUT_DF: u32 = 1260;
