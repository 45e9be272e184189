//! What the headers of a datagram say, found in one walk.

use std::net::IpAddr;

use crate::framing::{ETHER_TYPE_IPV4, ETHER_TYPE_IPV6};
use crate::ip::Ip;
use crate::key::FlowKey;
use crate::malformed::Malformed;
use crate::number::{ICMP, ICMPV6};
use crate::strict;
use crate::transport::Transport;

/// The headers of a datagram.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Headers {
    /// The IP version.
    pub version: IpVersion,
    /// The source address.
    pub src: IpAddr,
    /// The destination address.
    pub dst: IpAddr,
    /// The protocol of the payload, behind any IPv6 extension headers. In a later fragment it is what the fragment
    /// header names.
    pub protocol: u8,
    /// The time to live or hop limit.
    pub ttl: u8,
    /// The don't-fragment bit; always set in IPv6, which no router fragments.
    pub dont_fragment: bool,
    /// The IPv4 identification. IPv6 has none outside of fragments and reads as 0.
    pub ip_id: u16,
    /// The datagram's length by its own header.
    ///
    /// With [`Offloads::Tolerate`] a TCP datagram of length 0 is as long as its frame: that is how hosts hand segments
    /// of 64 KiB and more to their network card.
    pub total_len: u32,
    /// Where the upper-layer header starts.
    pub l4: u16,
    /// Which part of a fragmented datagram this is.
    pub fragment: Fragment,
    /// Where the part starts that fragment offsets count from; before [`Self::l4`] if IPv6 extension headers are in it.
    pub(crate) fragmentable: u16,
    /// True behind an IPv6 routing header with segments left: the transport checksum is over the final destination and
    /// not over [`Self::dst`] (RFC 8200 8.1).
    pub source_routed: bool,
    /// What the transport header says.
    pub transport: Transport,
}

/// The version of the Internet Protocol.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub enum IpVersion {
    /// IPv4.
    V4,
    /// IPv6.
    V6,
}

/// Which part of a fragmented datagram a packet is.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Fragment {
    /// Not fragmented. IPv6 atomic fragments (RFC 6946) count as this.
    None,
    /// The first fragment, with the ports.
    First {
        /// What the fragments of one datagram have in common.
        id: u32,
    },
    /// A fragment without ports.
    Later {
        /// What the fragments of one datagram have in common.
        id: u32,
        /// Where its payload belongs, in bytes.
        offset: u16,
        /// More fragments follow.
        more: bool,
    },
}

/// Which bytes of a datagram a fragment holds, counted from the first byte that was divided: the IPv4 payload, in IPv6
/// what follows the fragment header.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct FragmentRange {
    /// The first byte.
    pub start: u32,
    /// The byte behind the last, by the length in the IP header. More than 65,535 in a fragment that claims to go on
    /// behind the longest datagram.
    pub end: u32,
    /// More fragments follow. All of these have to hold a multiple of eight bytes (RFC 791 3.2, RFC 8200 4.5).
    pub more: bool,
}

/// How much a packet of a capture is excused because the capturing host left work to its network card.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub enum Offloads {
    /// Transport checksums are not judged, an IPv4 header checksum of 0 was to be filled in by the card, and a TCP
    /// datagram of length 0 is as long as its frame.
    #[default]
    Tolerate,
    /// All of it has to be right, inside ICMP errors as RFC 5508 REQ-3 wants it.
    Strict,
}

impl Headers {
    /// Walks the headers of a datagram. `datagram` starts at the IP header and may have been cut by the snap length of
    /// the capture; `original_len` is what it had on the wire.
    ///
    /// A cut is no damage as long as the IP header is whole: what was cut off reads as 0, without ports the transport is
    /// [`Transport::Missing`]. Bytes behind the datagram (an Ethernet trailer) are ignored.
    #[inline]
    pub fn parse(datagram: &[u8], original_len: u32, rules: Offloads) -> Result<Self, Malformed> {
        // Frames longer in the file than on the wire are common in the wild: what is there was there.
        let frame_len = original_len.max(u32::try_from(datagram.len()).unwrap_or(u32::MAX));
        let ip = Ip::parse(datagram, frame_len, rules)?;
        let transport = Transport::parse(datagram, &ip)?;
        let headers = Self {
            version: ip.version,
            src: ip.src,
            dst: ip.dst,
            protocol: ip.protocol,
            ttl: ip.ttl,
            dont_fragment: ip.dont_fragment,
            ip_id: ip.ip_id,
            total_len: ip.total_len,
            l4: ip.l4,
            fragment: ip.fragment,
            fragmentable: ip.fragmentable,
            source_routed: ip.source_routed,
            transport,
        };
        if rules == Offloads::Strict {
            strict::judge(datagram, &headers)?;
        }
        Ok(headers)
    }

    /// The flow that this packet is of. Without ports (later fragments, protocols that have none) they are 0.
    pub fn key(&self) -> FlowKey {
        let (src_port, dst_port) = match self.transport {
            Transport::Tcp { src, dst, .. } | Transport::Udp { src, dst } => (src, dst),
            Transport::Query { id, .. } => (id, id),
            _ => (0, 0),
        };
        FlowKey {
            src: self.src,
            dst: self.dst,
            src_port,
            dst_port,
            protocol: self.protocol,
            icmp_type: self.key_type(),
        }
    }

    /// Which bytes of its datagram this fragment holds; None if it is not one.
    pub fn fragment_range(&self) -> Option<FragmentRange> {
        let (start, more) = match self.fragment {
            Fragment::None => return None,
            Fragment::First { .. } => (0, true),
            Fragment::Later { offset, more, .. } => (u32::from(offset), more),
        };
        let len = self.total_len.saturating_sub(u32::from(self.fragmentable));
        Some(FragmentRange { start, end: start + len, more })
    }

    /// The ICMP or ICMPv6 type, as it is on the wire.
    pub fn icmp_type(&self) -> Option<u8> {
        match self.transport {
            Transport::Query { kind, .. } | Transport::IcmpError { kind, .. } | Transport::Icmp { kind, .. } => {
                Some(kind)
            }
            _ => None,
        }
    }

    /// The ICMP or ICMPv6 code.
    pub fn icmp_code(&self) -> Option<u8> {
        match self.transport {
            Transport::Query { code, .. } | Transport::IcmpError { code, .. } | Transport::Icmp { code, .. } => {
                Some(code)
            }
            _ => None,
        }
    }

    /// The bytes of the datagram that were captured: neither what was cut off nor an Ethernet trailer.
    pub(crate) fn within(&self, captured: usize) -> usize {
        captured.min(self.total_len as usize)
    }

    fn key_type(&self) -> u8 {
        match self.protocol {
            ICMP | ICMPV6 => self.icmp_type().unwrap_or(FlowKey::UNKNOWN_ICMP),
            _ => 0,
        }
    }
}

impl IpVersion {
    /// The version of an address.
    pub fn of(address: IpAddr) -> Self {
        if address.is_ipv4() { Self::V4 } else { Self::V6 }
    }

    /// The EtherType that announces it.
    pub fn ether_type(self) -> u16 {
        match self {
            Self::V4 => ETHER_TYPE_IPV4,
            Self::V6 => ETHER_TYPE_IPV6,
        }
    }

    /// The protocol number of its control messages.
    pub fn icmp(self) -> u8 {
        match self {
            Self::V4 => ICMP,
            Self::V6 => ICMPV6,
        }
    }
}

#[cfg(test)]
mod tests;
