//! A datagram taken apart, independently of the emulator's own parser, and its checksums computed anew.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

pub(crate) const ICMP: u8 = 1;
pub(crate) const TCP: u8 = 6;
pub(crate) const UDP: u8 = 17;
pub(crate) const ICMPV6: u8 = 58;
pub(crate) const SCTP: u8 = 132;
pub(crate) const UDP_LITE: u8 = 136;

/// Where the parts of a datagram are. The datagram may be a quote, cut short.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Datagram<'a> {
    /// As long as the header says, or shorter.
    pub(crate) bytes: &'a [u8],
    pub(crate) v6: bool,
    pub(crate) protocol: u8,
    /// Where the transport header is.
    pub(crate) l4: usize,
    /// Offset in bytes, and whether more follow.
    pub(crate) fragment: (u16, bool),
    /// Where the IPv6 fragment header is, if there is one.
    pub(crate) fragment_at: Option<usize>,
    /// What its own header says.
    pub(crate) length: usize,
}

impl<'a> Datagram<'a> {
    /// None if the bytes end before the transport header, or are no IP.
    pub(crate) fn parse(bytes: &'a [u8]) -> Option<Self> {
        match bytes.first()? >> 4 {
            4 => Self::v4(bytes),
            6 => Self::v6(bytes),
            _ => None,
        }
    }

    fn v4(bytes: &'a [u8]) -> Option<Self> {
        let l4 = usize::from(bytes[0] & 15) * 4;
        let flags = word(bytes, 6)?;
        let length = usize::from(word(bytes, 2)?);
        if l4 < 20 || bytes.len() < l4 || length < l4 {
            return None;
        }
        let fragment = ((flags & 0x1FFF) << 3, flags & 0x2000 != 0);
        let bytes = &bytes[..bytes.len().min(length)];
        Some(Self { bytes, v6: false, protocol: bytes[9], l4, fragment, fragment_at: None, length })
    }

    fn v6(bytes: &'a [u8]) -> Option<Self> {
        let length = usize::from(word(bytes, 4)?) + 40;
        let mut protocol = *bytes.get(6)?;
        let mut l4 = 40;
        let mut fragment = (0, false);
        let mut fragment_at = None;
        while matches!(protocol, 0 | 43 | 44 | 60) {
            let header = bytes.get(l4..l4 + 8)?;
            if protocol == 44 {
                let field = word(header, 2)?;
                fragment = (field & 0xFFF8, field & 1 != 0);
                fragment_at = Some(l4);
            }
            l4 += if protocol == 44 { 8 } else { 8 + usize::from(header[1]) * 8 };
            protocol = header[0];
            if fragment.0 > 0 {
                break;
            }
        }
        (bytes.len() >= l4).then_some(Self {
            bytes: &bytes[..bytes.len().min(length)],
            v6: true,
            protocol,
            l4,
            fragment,
            fragment_at,
            length,
        })
    }

    pub(crate) fn l4(&self) -> &'a [u8] {
        self.bytes.get(self.l4..).unwrap_or_default()
    }

    /// The bytes of the source address.
    pub(crate) fn src(&self) -> &'a [u8] {
        if self.v6 { &self.bytes[8..24] } else { &self.bytes[12..16] }
    }

    /// The bytes of the destination address.
    pub(crate) fn dst(&self) -> &'a [u8] {
        if self.v6 { &self.bytes[24..40] } else { &self.bytes[16..20] }
    }

    pub(crate) fn addresses(&self) -> (IpAddr, IpAddr) {
        (address(self.src()), address(self.dst()))
    }

    /// A later fragment has no transport header.
    pub(crate) fn has_l4(&self) -> bool {
        self.fragment.0 == 0
    }

    pub(crate) fn is_fragment(&self) -> bool {
        self.fragment != (0, false)
    }

    pub(crate) fn is_icmp(&self) -> bool {
        self.has_l4() && self.protocol == if self.v6 { ICMPV6 } else { ICMP }
    }

    /// Whether it is an ICMP error: a message with a quote.
    pub(crate) fn is_error(&self) -> bool {
        let kind = self.l4().first().copied().unwrap_or(255);
        self.is_icmp() && if self.v6 { kind < 128 } else { matches!(kind, 3 | 4 | 5 | 11 | 12) }
    }

    /// Source and destination port; an echo's id is both.
    pub(crate) fn ports(&self) -> Option<(u16, u16)> {
        let l4 = self.l4();
        match self.protocol {
            _ if !self.has_l4() => None,
            TCP | UDP | SCTP | UDP_LITE => Some((word(l4, 0)?, word(l4, 2)?)),
            _ if self.is_icmp() && !self.is_error() => word(l4, 4).map(|id| (id, id)),
            _ => None,
        }
    }

    /// Where the checksum of the transport header is, if it has one and is whole.
    pub(crate) fn checksum_at(&self) -> Option<usize> {
        let at = match self.protocol {
            TCP => 16,
            UDP | UDP_LITE => 6,
            _ if self.is_icmp() => 2,
            _ => return None,
        };
        (self.has_l4() && self.l4().len() >= at + 2).then_some(self.l4 + at)
    }

    /// Whether the IPv4 header's checksum is right.
    pub(crate) fn header_is_right(&self) -> bool {
        self.v6 || folded(sum(&self.bytes[..self.l4])) == 0xFFFF
    }

    /// Whether the transport checksum is right; none if there is none, or it cannot be known.
    pub(crate) fn transport_is_right(&self) -> Option<bool> {
        let at = self.checksum_at()?;
        if self.is_fragment() || self.bytes.len() < self.length {
            return None;
        }
        if self.protocol == UDP && word(self.bytes, at) == Some(0) {
            // None at all: allowed over IPv4 only.
            return (!self.v6).then_some(true);
        }
        let mut total = sum(self.l4());
        if self.protocol == UDP_LITE {
            // The checksum covers what the length field says, 0 being everything (RFC 3828 3.1).
            let covered = usize::from(word(self.l4(), 4)?);
            let covered = if covered == 0 { self.l4().len() } else { covered };
            total = sum(self.l4().get(..covered)?);
        }
        if self.protocol != ICMP {
            let length = (self.length - self.l4) as u32;
            total += sum(self.src()) + sum(self.dst()) + u32::from(self.protocol) + (length >> 16) + (length & 0xFFFF);
        }
        Some(folded(total) == 0xFFFF)
    }
}

pub(crate) fn address(bytes: &[u8]) -> IpAddr {
    match <[u8; 4]>::try_from(bytes) {
        Ok(v4) => IpAddr::V4(Ipv4Addr::from(v4)),
        Err(_) => IpAddr::V6(Ipv6Addr::from(<[u8; 16]>::try_from(bytes).unwrap())),
    }
}

/// Writes the checksum of an IPv4 header.
pub(crate) fn seal_header(bytes: &mut [u8]) {
    if bytes[0] >> 4 == 4 {
        let end = (usize::from(bytes[0] & 15) * 4).clamp(20, bytes.len());
        put(bytes, 10, 0);
        let checksum = !folded(sum(&bytes[..end]));
        put(bytes, 10, checksum);
    }
}

pub(crate) fn word(bytes: &[u8], at: usize) -> Option<u16> {
    Some(u16::from_be_bytes([*bytes.get(at)?, *bytes.get(at + 1)?]))
}

pub(crate) fn put(bytes: &mut [u8], at: usize, value: u16) {
    bytes[at..at + 2].copy_from_slice(&value.to_be_bytes());
}

/// The sum of 16-bit words of RFC 1071, not folded. Datagrams are short enough for 32 bits.
pub(crate) fn sum(bytes: &[u8]) -> u32 {
    bytes.chunks(2).map(|pair| u32::from(pair[0]) << 8 | u32::from(pair.get(1).copied().unwrap_or(0))).sum()
}

pub(crate) fn folded(mut sum: u32) -> u16 {
    while sum > 0xFFFF {
        sum = (sum & 0xFFFF) + (sum >> 16);
    }
    sum as u16
}

/// The checksum of SCTP (RFC 9260 appendix A): CRC32c, reflected, written low byte first.
pub(crate) fn crc32c(bytes: &[u8]) -> [u8; 4] {
    let mut crc = u32::MAX;
    for byte in bytes {
        crc ^= u32::from(*byte);
        for _ in 0..8 {
            crc = (crc >> 1) ^ if crc & 1 == 1 { 0x82F6_3B78 } else { 0 };
        }
    }
    (!crc).to_le_bytes()
}
