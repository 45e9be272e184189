//! The transport header: TCP, UDP and ICMP; of everything else only the number is known.

use crate::headers::{Fragment, IpVersion};
use crate::ip::Ip;
use crate::malformed::Malformed;
use crate::number::{ICMP, ICMPV6, TCP, TCP_HEADER, UDP, UDP_HEADER, double_word, word};
use crate::quote::Quote;
use crate::tcp_flags::TcpFlags;

/// What the transport header says.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Transport {
    /// TCP. What the capture or the fragment cut off behind the ports reads as 0.
    Tcp {
        /// The source port.
        src: u16,
        /// The destination port.
        dst: u16,
        /// The control bits.
        flags: TcpFlags,
        /// The sequence number.
        seq: u32,
        /// The acknowledgement number.
        ack: u32,
        /// The payload by the IP length, of a first fragment only what is in it.
        payload_len: u32,
        /// The window as it is on the wire, not scaled.
        window: u16,
    },
    /// UDP.
    Udp {
        /// The source port.
        src: u16,
        /// The destination port.
        dst: u16,
    },
    /// An ICMP message that asks or answers: echo, timestamp, information, address mask.
    Query {
        /// The ICMP or ICMPv6 type, as it is on the wire.
        kind: u8,
        /// The code: 0, but for scanners, which look at who answers another.
        code: u8,
        /// The identifier, which plays the part of a port.
        id: u16,
    },
    /// An ICMP message about another packet. In ICMPv6 that is every type below 128.
    IcmpError {
        /// The ICMP or ICMPv6 type.
        kind: u8,
        /// The code.
        code: u8,
        /// The packet that it is about, if it quotes enough of it.
        quote: Option<Quote>,
    },
    /// Any other ICMP message: router and neighbour discovery, multicast listeners, unassigned types.
    Icmp {
        /// The ICMP or ICMPv6 type.
        kind: u8,
        /// The code.
        code: u8,
    },
    /// A protocol without ports, or whose ports nobody here looks at.
    Other,
    /// The ports are not here: a later fragment, or the capture cut them off.
    Missing,
}

impl Transport {
    /// The control bits, of a TCP segment.
    #[inline]
    pub fn tcp_flags(self) -> Option<TcpFlags> {
        match self {
            Self::Tcp { flags, .. } => Some(flags),
            _ => None,
        }
    }

    #[inline]
    pub(crate) fn parse(datagram: &[u8], ip: &Ip) -> Result<Self, Malformed> {
        let segment = Segment::of(datagram, ip);
        if ip.cut || ip.is_later_fragment() {
            return Ok(Self::Missing);
        }
        match (ip.protocol, ip.version) {
            (TCP, _) => segment.tcp(),
            (UDP, _) => segment.udp(),
            (ICMP, IpVersion::V4) | (ICMPV6, IpVersion::V6) => segment.icmp(datagram, ip),
            _ => Ok(Self::Other),
        }
    }
}

/// True for the messages that carry an identifier, by the version that they are of.
pub(crate) fn is_query(version: IpVersion, kind: u8) -> bool {
    match version {
        IpVersion::V4 => matches!(kind, 0 | 8 | 13..=18),
        IpVersion::V6 => matches!(kind, 128 | 129),
    }
}

/// True for the messages that quote the packet they are about.
fn is_error(version: IpVersion, kind: u8) -> bool {
    match version {
        // Unreachable, source quench, redirect, time exceeded, parameter problem.
        IpVersion::V4 => matches!(kind, 3 | 4 | 5 | 11 | 12),
        // "error messages are identified as such by a zero in the high-order bit" (RFC 4443 2.1).
        IpVersion::V6 => kind < 128,
    }
}

/// The bytes behind the IP layer.
struct Segment<'a> {
    /// What was captured of it.
    captured: &'a [u8],
    /// What the IP header says it has.
    len: u32,
    /// Not the first of several fragments.
    whole: bool,
}

impl<'a> Segment<'a> {
    fn of(datagram: &'a [u8], ip: &Ip) -> Self {
        let end = datagram.len().min(ip.total_len as usize);
        Self {
            captured: datagram.get(usize::from(ip.l4)..end).unwrap_or_default(),
            len: ip.total_len.saturating_sub(u32::from(ip.l4)),
            whole: ip.fragment == Fragment::None,
        }
    }

    #[inline]
    fn tcp(&self) -> Result<Transport, Malformed> {
        self.require(TCP, TCP_HEADER)?;
        let (Some(src), Some(dst)) = (word(self.captured, 0), word(self.captured, 2)) else {
            return Ok(Transport::Missing);
        };
        let Some(h) = self.captured.first_chunk::<TCP_HEADER>() else {
            return self.cut_tcp(src, dst);
        };
        let header_len = self.tcp_header_len(h[12])?;
        Ok(Transport::Tcp {
            src,
            dst,
            flags: TcpFlags(h[13]),
            seq: u32::from_be_bytes([h[4], h[5], h[6], h[7]]),
            ack: u32::from_be_bytes([h[8], h[9], h[10], h[11]]),
            payload_len: self.len.saturating_sub(header_len),
            window: u16::from_be_bytes([h[14], h[15]]),
        })
    }

    /// A TCP header of which at least the ports are there.
    fn cut_tcp(&self, src: u16, dst: u16) -> Result<Transport, Malformed> {
        let header_len = match self.captured.get(12) {
            Some(&offset) => self.tcp_header_len(offset)?,
            None => TCP_HEADER as u32,
        };
        Ok(Transport::Tcp {
            src,
            dst,
            flags: TcpFlags(self.captured.get(13).copied().unwrap_or_default()),
            seq: double_word(self.captured, 4).unwrap_or_default(),
            ack: double_word(self.captured, 8).unwrap_or_default(),
            payload_len: self.len.saturating_sub(header_len),
            window: word(self.captured, 14).unwrap_or_default(),
        })
    }

    fn tcp_header_len(&self, offset: u8) -> Result<u32, Malformed> {
        let words = offset >> 4;
        let len = u32::from(words) * 4;
        // The options of a first fragment may go on in the second.
        if words < 5 || (self.whole && len > self.len) {
            return Err(Malformed::TcpDataOffset(words));
        }
        Ok(len)
    }

    #[inline]
    fn udp(&self) -> Result<Transport, Malformed> {
        self.require(UDP, UDP_HEADER)?;
        let (Some(src), Some(dst)) = (word(self.captured, 0), word(self.captured, 2)) else {
            return Ok(Transport::Missing);
        };
        if let (Some(length), true) = (word(self.captured, 4), self.whole) {
            let length = u32::from(length);
            if length < UDP_HEADER as u32 || length > self.len {
                return Err(Malformed::UdpLength { length, available: self.len });
            }
        }
        Ok(Transport::Udp { src, dst })
    }

    fn icmp(&self, datagram: &[u8], ip: &Ip) -> Result<Transport, Malformed> {
        // Type, code and checksum are what all messages have.
        self.require(ip.protocol, 4)?;
        let Some(&[kind, code]) = self.captured.first_chunk::<2>() else {
            return Ok(Transport::Missing);
        };
        if is_query(ip.version, kind) {
            self.require(ip.protocol, 8)?;
            let query = word(self.captured, 4).map(|id| Transport::Query { kind, code, id });
            return Ok(query.unwrap_or(Transport::Missing));
        }
        if is_error(ip.version, kind) {
            let quote = Quote::parse(datagram, ip, kind);
            return Ok(Transport::IcmpError { kind, code, quote });
        }
        Ok(Transport::Icmp { kind, code })
    }

    /// A whole datagram has the whole header; a first fragment may be shorter.
    fn require(&self, protocol: u8, header: usize) -> Result<(), Malformed> {
        if self.whole && self.len < header as u32 {
            return Err(Malformed::TransportTruncated(protocol));
        }
        Ok(())
    }
}
