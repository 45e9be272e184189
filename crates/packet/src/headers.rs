use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use crate::checksum;
use crate::key::FlowKey;

/// IP version.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum IpVersion {
    /// IPv4.
    V4,
    /// IPv6.
    V6,
}

/// How strictly headers are judged.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Offloads {
    /// What capturing hosts leave to their network cards is not judged: checksums, lengths of TCP.
    #[default]
    Tolerate,
    /// Everything is judged.
    Strict,
}

/// Where in its datagram a packet lies.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Fragment {
    /// It is the whole datagram.
    None,
    /// The first piece, which has the ports.
    First {
        /// Identification.
        id: u32,
    },
    /// Any other piece.
    Later {
        /// Identification.
        id: u32,
        /// Offset in bytes.
        offset: u16,
        /// Whether more pieces follow.
        more: bool,
    },
}

/// TCP flags as on the wire.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub struct TcpFlags(pub u8);

#[expect(missing_docs, reason = "RFC 9293 3.1 names them")]
impl TcpFlags {
    pub const FIN: Self = Self(0x01);
    pub const SYN: Self = Self(0x02);
    pub const RST: Self = Self(0x04);
    pub const PSH: Self = Self(0x08);
    pub const ACK: Self = Self(0x10);
    pub const URG: Self = Self(0x20);
    pub const ECE: Self = Self(0x40);
    pub const CWR: Self = Self(0x80);

    /// Whether all of `other` are set.
    pub fn contains(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }
}

impl std::ops::BitOr for TcpFlags {
    type Output = Self;

    fn bitor(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }
}

impl fmt::Display for TcpFlags {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0 == 0 {
            return f.write_str(".");
        }
        for (bit, letter) in (0..8).zip(['F', 'S', 'R', 'P', 'A', 'U', 'E', 'C']) {
            if self.0 & (1 << bit) != 0 {
                write!(f, "{letter}")?;
            }
        }
        Ok(())
    }
}

/// The upper-layer header.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[expect(missing_docs, reason = "fields are named as in the RFCs")]
pub enum Transport {
    /// TCP; the payload's length is what the IP header says.
    Tcp { src: u16, dst: u16, flags: TcpFlags, seq: u32, ack: u32, window: u16, payload_len: u32 },
    /// UDP.
    Udp { src: u16, dst: u16 },
    /// An ICMP query or its reply: echo, timestamp, information, mask; ICMPv6 echo.
    Query { kind: u8, id: u16 },
    /// An ICMP error, with the packet that it is about.
    IcmpError { kind: u8, code: u8, quote: Option<Quote> },
    /// Any other ICMP.
    Icmp { kind: u8, code: u8 },
    /// Any other protocol.
    Other,
    /// Not here: a later fragment, or the capture cut it off.
    Missing,
}

/// The packet quoted in an ICMP error. Offsets count from the start of the datagram that quotes it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Quote {
    /// Offset of the quoted IP header.
    pub at: u16,
    /// Its source.
    pub src: IpAddr,
    /// Its destination.
    pub dst: IpAddr,
    /// Its upper-layer protocol.
    pub protocol: u8,
    /// Offset of the quoted upper-layer header.
    pub l4: u16,
    /// Length of the quoted packet when it was whole.
    pub total_len: u32,
    /// Its ports.
    pub transport: QuoteTransport,
}

/// The ports of a quoted packet.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[expect(missing_docs, reason = "fields are named as in the RFCs")]
pub enum QuoteTransport {
    /// TCP or UDP.
    Ports { src: u16, dst: u16 },
    /// An ICMP query.
    Query { kind: u8, id: u16 },
    /// Another protocol, or too short.
    None,
}

impl Quote {
    /// The key of the quoted packet, in its own direction; none if its ports are needed and not there.
    pub fn key(&self) -> Option<FlowKey> {
        let Self { src, dst, protocol, .. } = *self;
        let (src_port, dst_port, icmp_type) = match self.transport {
            QuoteTransport::Ports { src, dst } => (src, dst, 0),
            QuoteTransport::Query { kind, id } => (id, id, kind),
            QuoteTransport::None if matches!(protocol, 1 | 6 | 17 | 58) => return None,
            QuoteTransport::None => (0, 0, 0),
        };
        Some(FlowKey { src, dst, src_port, dst_port, protocol, icmp_type })
    }
}

/// What one walk over a datagram's headers tells.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Headers {
    /// IP version.
    pub version: IpVersion,
    /// Source.
    pub src: IpAddr,
    /// Destination.
    pub dst: IpAddr,
    /// Upper-layer protocol, behind the extension headers.
    pub protocol: u8,
    /// TTL or hop limit.
    pub ttl: u8,
    /// Whether routers may not fragment it: IPv4's DF, and all of IPv6.
    pub dont_fragment: bool,
    /// Length of the datagram by its own header.
    pub total_len: u32,
    /// Offset of the upper-layer header.
    pub l4: u16,
    /// Which piece of its datagram it is.
    pub fragment: Fragment,
    /// The upper-layer header.
    pub transport: Transport,
}

/// What is wrong with a datagram.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Malformed {
    /// Neither 4 nor 6.
    #[error("IP version {0}")]
    Version(u8),
    /// Ends within a header.
    #[error("the {0} ends before it is complete")]
    Truncated(&'static str),
    /// A length field that contradicts the packet.
    #[error("the length in the {0} contradicts the packet")]
    Length(&'static str),
    /// A checksum that is judged, and wrong.
    #[error("the {0} checksum is wrong")]
    Checksum(&'static str),
    /// More extension headers than anything real has.
    #[error("more than {MAX_EXTENSIONS} IPv6 extension headers")]
    Extensions,
}

/// Longest chain of IPv6 extension headers that is followed: each of the five kinds of RFC 8200 4.1 once, destination options
/// twice, and two to spare.
const MAX_EXTENSIONS: usize = 8;

fn be16(bytes: &[u8], at: usize) -> Option<u16> {
    Some(u16::from_be_bytes([*bytes.get(at)?, *bytes.get(at + 1)?]))
}

fn be32(bytes: &[u8], at: usize) -> Option<u32> {
    let word = bytes.get(at..at + 4)?;
    Some(u32::from_be_bytes([word[0], word[1], word[2], word[3]]))
}

fn v4_at(bytes: &[u8], at: usize) -> Option<IpAddr> {
    be32(bytes, at).map(|bits| IpAddr::V4(Ipv4Addr::from(bits)))
}

fn v6_at(bytes: &[u8], at: usize) -> Option<IpAddr> {
    let octets: [u8; 16] = bytes.get(at..at + 16)?.try_into().ok()?;
    Some(IpAddr::V6(Ipv6Addr::from(octets)))
}

fn len32(len: usize) -> u32 {
    u32::try_from(len).unwrap_or(u32::MAX)
}

impl Headers {
    /// Walks over the headers of a datagram that starts with its IP header. `original_len` is its length on the wire, which
    /// is more than `datagram` holds where the capture cut it.
    ///
    /// # Errors
    /// What contradicts itself; what the capture merely cut off is [`Transport::Missing`].
    pub fn parse(datagram: &[u8], original_len: u32, rules: Offloads) -> Result<Self, Malformed> {
        let original_len = original_len.max(len32(datagram.len()));
        match datagram.first().ok_or(Malformed::Truncated("IP header"))? >> 4 {
            4 => parse_v4(datagram, original_len, rules),
            6 => parse_v6(datagram, original_len, rules),
            other => Err(Malformed::Version(other)),
        }
    }

    /// What tells the packet's flow from others.
    pub fn key(&self) -> FlowKey {
        let (src_port, dst_port, icmp_type) = match self.transport {
            Transport::Tcp { src, dst, .. } | Transport::Udp { src, dst } => (src, dst, 0),
            Transport::Query { kind, id } => (id, id, kind),
            _ => (0, 0, 0),
        };
        FlowKey { src: self.src, dst: self.dst, src_port, dst_port, protocol: self.protocol, icmp_type }
    }
}

fn parse_v4(datagram: &[u8], original_len: u32, rules: Offloads) -> Result<Headers, Malformed> {
    let header = Malformed::Truncated("IPv4 header");
    let header_len = usize::from(datagram[0] & 0x0f) * 4;
    if header_len < 20 {
        return Err(Malformed::Length("IPv4 header"));
    }
    if datagram.len() < header_len {
        return Err(header);
    }
    let protocol = datagram[9];
    let stored = be16(datagram, 10).ok_or(header)?;
    if (stored != 0 || rules == Offloads::Strict) && checksum::finish(checksum::sum(0, &datagram[..header_len])) != 0 {
        return Err(Malformed::Checksum("IPv4 header"));
    }
    let mut total_len = u32::from(be16(datagram, 2).ok_or(header)?);
    if total_len == 0 && protocol == 6 && rules == Offloads::Tolerate {
        total_len = original_len;
    }
    if total_len < len32(header_len) || total_len > original_len {
        return Err(Malformed::Length("IPv4 header"));
    }
    let flags = be16(datagram, 6).ok_or(header)?;
    let (more, offset) = (flags & 0x2000 != 0, (flags & 0x1fff) * 8);
    let id = u32::from(be16(datagram, 4).ok_or(header)?);
    let fragment = match (offset, more) {
        (0, false) => Fragment::None,
        (0, true) => Fragment::First { id },
        (offset, more) => Fragment::Later { id, offset, more },
    };
    let mut headers = Headers {
        version: IpVersion::V4,
        src: v4_at(datagram, 12).ok_or(header)?,
        dst: v4_at(datagram, 16).ok_or(header)?,
        protocol,
        ttl: datagram[8],
        dont_fragment: flags & 0x4000 != 0,
        total_len,
        l4: header_len as u16, // at most 60
        fragment,
        transport: Transport::Missing,
    };
    headers.transport = parse_transport(datagram, &headers, rules)?;
    Ok(headers)
}

fn parse_v6(datagram: &[u8], original_len: u32, rules: Offloads) -> Result<Headers, Malformed> {
    let header = Malformed::Truncated("IPv6 header");
    if datagram.len() < 40 {
        return Err(header);
    }
    let payload = u32::from(be16(datagram, 4).ok_or(header)?);
    let mut total_len = payload + 40;
    if payload == 0 && rules == Offloads::Tolerate && datagram[6] == 6 {
        total_len = original_len;
    }
    if total_len > original_len {
        return Err(Malformed::Length("IPv6 header"));
    }
    let end = datagram.len().min(total_len as usize);
    let chain = walk_extensions(&datagram[..end], datagram[6], 40)?;
    if chain.at as u32 > total_len {
        return Err(Malformed::Length("IPv6 extension header"));
    }
    let mut headers = Headers {
        version: IpVersion::V6,
        src: v6_at(datagram, 8).ok_or(header)?,
        dst: v6_at(datagram, 24).ok_or(header)?,
        protocol: chain.protocol,
        ttl: datagram[7],
        dont_fragment: true,
        total_len,
        l4: u16::try_from(chain.at).map_err(|_| Malformed::Extensions)?,
        fragment: chain.fragment,
        transport: Transport::Missing,
    };
    if !chain.cut {
        headers.transport = parse_transport(datagram, &headers, rules)?;
    }
    Ok(headers)
}

struct Chain {
    protocol: u8,
    at: usize,
    fragment: Fragment,
    /// The capture cut the chain off.
    cut: bool,
}

/// Follows the extension headers (RFC 8200 4). What follows the fragment header of a later fragment is data.
fn walk_extensions(bytes: &[u8], mut protocol: u8, mut at: usize) -> Result<Chain, Malformed> {
    let mut fragment = Fragment::None;
    for _ in 0..=MAX_EXTENSIONS {
        let unit = match protocol {
            // Hop-by-hop, routing, destination options, mobility, HIP, shim6: length in units of 8 beyond the first.
            0 | 43 | 60 | 135 | 139 | 140 => 8,
            44 => 0,
            51 => 4,
            _ => return Ok(Chain { protocol, at, fragment, cut: false }),
        };
        let (Some(next), Some(length)) = (bytes.get(at), bytes.get(at + 1)) else {
            return Ok(Chain { protocol, at, fragment, cut: true });
        };
        match unit {
            0 => {
                let (Some(field), Some(id)) = (be16(bytes, at + 2), be32(bytes, at + 4)) else {
                    return Ok(Chain { protocol, at, fragment, cut: true });
                };
                let (offset, more) = (field & 0xfff8, field & 1 != 0);
                at += 8;
                fragment = match (offset, more) {
                    (0, false) => Fragment::None,
                    (0, true) => Fragment::First { id },
                    (offset, more) => Fragment::Later { id, offset, more },
                };
                if offset != 0 {
                    return Ok(Chain { protocol: *next, at, fragment, cut: false });
                }
            }
            4 => at += (usize::from(*length) + 2) * 4,
            unit => at += (usize::from(*length) + 1) * unit,
        }
        protocol = *next;
    }
    Err(Malformed::Extensions)
}

fn parse_transport(datagram: &[u8], headers: &Headers, rules: Offloads) -> Result<Transport, Malformed> {
    if matches!(headers.fragment, Fragment::Later { .. }) {
        return Ok(Transport::Missing);
    }
    let l4 = usize::from(headers.l4);
    let whole = (headers.total_len as usize).saturating_sub(l4);
    let end = datagram.len().min(headers.total_len as usize);
    let Some(bytes) = datagram.get(l4..end) else { return Ok(Transport::Missing) };
    // Cut off by the capture, or never there?
    let short = |need: usize, name| if whole < need { Err(Malformed::Truncated(name)) } else { Ok(Transport::Missing) };
    let unfragmented = headers.fragment == Fragment::None;
    if rules == Offloads::Strict && unfragmented && bytes.len() == whole {
        check_transport_checksum(headers, bytes)?;
    }
    match headers.protocol {
        6 => {
            if bytes.len() < 14 {
                return short(20, "TCP header");
            }
            let header_len = usize::from(bytes[12] >> 4) * 4;
            if header_len < 20 || (unfragmented && header_len > whole) {
                return Err(Malformed::Length("TCP header"));
            }
            Ok(Transport::Tcp {
                src: be16(bytes, 0).unwrap_or(0),
                dst: be16(bytes, 2).unwrap_or(0),
                seq: be32(bytes, 4).unwrap_or(0),
                ack: be32(bytes, 8).unwrap_or(0),
                flags: TcpFlags(bytes[13]),
                window: be16(bytes, 14).unwrap_or(0),
                payload_len: len32(whole.saturating_sub(header_len)),
            })
        }
        17 => {
            let (Some(src), Some(dst)) = (be16(bytes, 0), be16(bytes, 2)) else { return short(8, "UDP header") };
            if let Some(length) = be16(bytes, 4) {
                let length = usize::from(length);
                if length < 8 || (unfragmented && length > whole) {
                    return Err(Malformed::Length("UDP header"));
                }
            }
            Ok(Transport::Udp { src, dst })
        }
        1 if headers.version == IpVersion::V4 => parse_icmp(datagram, headers, bytes, whole, rules),
        58 if headers.version == IpVersion::V6 => parse_icmp(datagram, headers, bytes, whole, rules),
        _ => Ok(Transport::Other),
    }
}

fn parse_icmp(
    datagram: &[u8],
    headers: &Headers,
    bytes: &[u8],
    whole: usize,
    rules: Offloads,
) -> Result<Transport, Malformed> {
    let (Some(&kind), Some(&code)) = (bytes.first(), bytes.get(1)) else {
        return if whole < 4 { Err(Malformed::Truncated("ICMP header")) } else { Ok(Transport::Missing) };
    };
    let v4 = headers.version == IpVersion::V4;
    let query = if v4 { matches!(kind, 0 | 8 | 13..=18) } else { matches!(kind, 128 | 129) };
    let error = if v4 { matches!(kind, 3 | 4 | 5 | 11 | 12) } else { kind < 128 };
    if query {
        return match be16(bytes, 4) {
            Some(id) => Ok(Transport::Query { kind, id }),
            None if whole < 8 => Err(Malformed::Truncated("ICMP header")),
            None => Ok(Transport::Missing),
        };
    }
    if !error {
        return Ok(Transport::Icmp { kind, code });
    }
    let at = usize::from(headers.l4) + 8;
    let end = datagram.len().min(headers.total_len as usize);
    let quote = datagram.get(..end).and_then(|datagram| parse_quote(datagram, at));
    if rules == Offloads::Strict
        && let Some(Quote { src: IpAddr::V4(_), .. }) = quote
    {
        let header_len = usize::from(datagram[at] & 0x0f) * 4;
        if checksum::finish(checksum::sum(0, &datagram[at..at + header_len])) != 0 {
            return Err(Malformed::Checksum("quoted IPv4 header"));
        }
    }
    Ok(Transport::IcmpError { kind, code, quote })
}

/// The quoted packet is often cut to its first 8 bytes of payload, and its lengths are those of the whole.
fn parse_quote(datagram: &[u8], at: usize) -> Option<Quote> {
    let quoted = datagram.get(at..)?;
    let (src, dst, protocol, l4, total_len, later) = match quoted.first()? >> 4 {
        4 => {
            let header_len = usize::from(quoted[0] & 0x0f) * 4;
            if header_len < 20 || quoted.len() < header_len {
                return None;
            }
            let later = be16(quoted, 6)? & 0x1fff != 0;
            (v4_at(quoted, 12)?, v4_at(quoted, 16)?, quoted[9], header_len, u32::from(be16(quoted, 2)?), later)
        }
        6 => {
            if quoted.len() < 40 {
                return None;
            }
            let chain = walk_extensions(quoted, quoted[6], 40).ok()?;
            let later = chain.cut || matches!(chain.fragment, Fragment::Later { .. });
            let total_len = u32::from(be16(quoted, 4)?) + 40;
            (v6_at(quoted, 8)?, v6_at(quoted, 24)?, chain.protocol, chain.at, total_len, later)
        }
        _ => return None,
    };
    let transport = match (protocol, be16(quoted, l4), be16(quoted, l4 + 2)) {
        _ if later => QuoteTransport::None,
        (6 | 17, Some(src), Some(dst)) => QuoteTransport::Ports { src, dst },
        (1 | 58, Some(first), _) => {
            let kind = (first >> 8) as u8;
            let query = if protocol == 1 { matches!(kind, 0 | 8 | 13..=18) } else { matches!(kind, 128 | 129) };
            match be16(quoted, l4 + 4) {
                Some(id) if query => QuoteTransport::Query { kind, id },
                _ => QuoteTransport::None,
            }
        }
        _ => QuoteTransport::None,
    };
    let (at, l4) = (u16::try_from(at).ok()?, u16::try_from(at + l4).ok()?);
    Some(Quote { at, src, dst, protocol, l4, total_len, transport })
}

fn check_transport_checksum(headers: &Headers, bytes: &[u8]) -> Result<(), Malformed> {
    let (name, at) = match headers.protocol {
        6 => ("TCP", 16),
        17 => ("UDP", 6),
        1 => ("ICMP", 2),
        58 => ("ICMPv6", 2),
        _ => return Ok(()),
    };
    let Some(stored) = be16(bytes, at) else { return Ok(()) };
    if headers.protocol == 17 && stored == 0 && headers.version == IpVersion::V4 {
        return Ok(());
    }
    let start = if headers.protocol == 1 { 0 } else { pseudo_header(headers, bytes.len()) };
    if checksum::finish(checksum::sum(start, bytes)) != 0 {
        return Err(Malformed::Checksum(name));
    }
    Ok(())
}

/// The sum of the pseudo-header (RFC 9293 3.1, RFC 8200 8.1).
pub(crate) fn pseudo_header(headers: &Headers, length: usize) -> u32 {
    let start = u32::from(headers.protocol) + (len32(length) >> 16) + (len32(length) & 0xffff);
    let with = |start, address| match address {
        IpAddr::V4(v4) => checksum::sum(start, &v4.octets()),
        IpAddr::V6(v6) => checksum::sum(start, &v6.octets()),
    };
    with(with(start, headers.src), headers.dst)
}
