//! The packet quoted in an ICMP error.

use std::net::IpAddr;

use crate::headers::{Fragment, IpVersion};
use crate::ip::Ip;
use crate::key::FlowKey;
use crate::number::{ICMP, ICMP_HEADER, ICMPV6, TCP, UDP, word};
use crate::transport::is_query;

/// The packet that an ICMP error is about, as far as the error quotes it. All offsets are from the start of the outer
/// datagram.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Quote {
    /// Where the quoted IP header starts.
    pub at: u16,
    /// Where the quote ends: at the end of the captured bytes, of the datagram, or at the extensions of RFC 4884.
    pub end: u16,
    /// The source of the quoted packet.
    pub src: IpAddr,
    /// The destination of the quoted packet.
    pub dst: IpAddr,
    /// The protocol of the quoted packet.
    pub protocol: u8,
    /// Where the quoted transport header starts, or would start.
    pub l4: u16,
    /// The length that the quoted packet had by its own header.
    pub total_len: u32,
    /// Which part of a fragmented datagram the quoted packet was.
    pub fragment: Fragment,
    /// True if the quoted transport checksum is over another destination than `dst`, as in
    /// [`Headers::source_routed`](crate::Headers::source_routed).
    pub source_routed: bool,
    /// The ports of the quoted packet.
    pub transport: QuoteTransport,
}

/// The ports of a quoted packet.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum QuoteTransport {
    /// TCP or UDP.
    Ports {
        /// The source port.
        src: u16,
        /// The destination port.
        dst: u16,
    },
    /// An ICMP query.
    Query {
        /// The ICMP or ICMPv6 type.
        kind: u8,
        /// The identifier.
        id: u16,
    },
    /// The quote is too short, is of a later fragment, or of a protocol without ports.
    None,
}

impl Quote {
    /// The flow of the quoted packet, in its own direction: the reverse of the one that the error travels in.
    ///
    /// None if the protocol has ports (TCP, UDP, ICMP queries) and the quote does not. Other protocols have ports 0.
    pub fn key(&self) -> Option<FlowKey> {
        let (src_port, dst_port, icmp_type) = match self.transport {
            QuoteTransport::Ports { src, dst } => (src, dst, 0),
            QuoteTransport::Query { kind, id } => (id, id, kind),
            QuoteTransport::None if matches!(self.protocol, TCP | UDP | ICMP | ICMPV6) => return None,
            QuoteTransport::None => (0, 0, 0),
        };
        Some(FlowKey { src: self.src, dst: self.dst, src_port, dst_port, protocol: self.protocol, icmp_type })
    }

    /// The quote of an error of type `kind` in `datagram`; None unless the quote reaches to the transport header.
    pub(crate) fn parse(datagram: &[u8], outer: &Ip, kind: u8) -> Option<Self> {
        let icmp = usize::from(outer.l4);
        let at = icmp + ICMP_HEADER;
        let end = datagram.len().min(outer.total_len as usize);
        let quoted_len = end.checked_sub(at)?;
        let end = at
            + original_datagram_len(outer.version, kind, &datagram[icmp..])
                .map_or(quoted_len, |len| len.min(quoted_len));
        let bytes = &datagram[at..end];
        let ip = Ip::quoted(bytes, outer.version)?;
        let l4 = usize::from(ip.l4);
        Some(Self {
            at: at as u16,
            // Only the headers at the front of a quote are ever looked at.
            end: u16::try_from(end).unwrap_or(u16::MAX),
            src: ip.src,
            dst: ip.dst,
            protocol: ip.protocol,
            l4: (at + l4) as u16,
            total_len: ip.total_len,
            fragment: ip.fragment,
            source_routed: ip.source_routed,
            transport: transport(&bytes[l4..], &ip),
        })
    }
}

fn transport(segment: &[u8], ip: &Ip) -> QuoteTransport {
    if ip.is_later_fragment() {
        return QuoteTransport::None;
    }
    match (ip.protocol, ip.version) {
        (TCP | UDP, _) => match (word(segment, 0), word(segment, 2)) {
            (Some(src), Some(dst)) => QuoteTransport::Ports { src, dst },
            _ => QuoteTransport::None,
        },
        (ICMP, IpVersion::V4) | (ICMPV6, IpVersion::V6) => match (segment.first(), word(segment, 4)) {
            (Some(&kind), Some(id)) if is_query(ip.version, kind) => QuoteTransport::Query { kind, id },
            _ => QuoteTransport::None,
        },
        _ => QuoteTransport::None,
    }
}

/// How long the quote is before the extensions of RFC 4884 start, if the message says so (RFC 4884 4).
pub(crate) fn original_datagram_len(version: IpVersion, kind: u8, icmp: &[u8]) -> Option<usize> {
    let len = match (version, kind) {
        // Unreachable, time exceeded, parameter problem: 32-bit words in the second byte of the rest.
        (IpVersion::V4, 3 | 11 | 12) => usize::from(*icmp.get(5)?) * 4,
        // Unreachable, time exceeded: 64-bit words in its first byte.
        (IpVersion::V6, 1 | 3) => usize::from(*icmp.get(4)?) * 8,
        _ => 0,
    };
    // "the "original datagram" field MUST be at least 128 octets" with extensions: anything less is not such a length.
    (len >= 128).then_some(len)
}

#[cfg(test)]
mod tests {
    use crate::checksum::Checksum;
    use crate::headers::{Headers, Offloads};
    use crate::malformed::Malformed;
    use crate::number::put_word;
    use crate::{build, transport::Transport};

    use super::*;

    fn tcp() -> Vec<u8> {
        build::tcp("10.0.0.5:40000".parse().unwrap(), "192.0.2.1:443".parse().unwrap()).payload(&[5; 200]).build()
    }

    fn error(rest: u32, quoted: &[u8]) -> Vec<u8> {
        build::icmp_error("198.51.100.1".parse().unwrap(), "10.0.0.5".parse().unwrap(), 3, 4, rest, quoted)
    }

    fn quote(bytes: &[u8]) -> Option<Quote> {
        match Headers::parse(bytes, bytes.len() as u32, Offloads::Tolerate).unwrap().transport {
            Transport::IcmpError { quote, .. } => quote,
            other => panic!("{other:?} is no error"),
        }
    }

    #[test]
    fn the_quote_names_the_flow_it_is_about() {
        let quote = quote(&error(1400, &tcp())).unwrap();
        assert_eq!((quote.at, quote.l4, quote.end, quote.total_len), (28, 48, 268, 240));
        assert_eq!(quote.key().unwrap().to_string(), "tcp 10.0.0.5:40000 > 192.0.2.1:443");
    }

    #[test]
    fn eight_bytes_are_enough_for_the_key() {
        assert!(quote(&error(0, &tcp()[..28])).unwrap().key().is_some());
        assert_eq!(quote(&error(0, &tcp()[..23])).unwrap().key(), None);
        assert_eq!(quote(&error(0, &tcp()[..19])), None);
        let later = build::fragment(&tcp(), 100).swap_remove(1);
        assert_eq!(quote(&error(0, &later)).unwrap().key(), None);
        let gre = build::protocol("10.0.0.5".parse().unwrap(), "192.0.2.1".parse().unwrap(), 47, &[0; 4]).build();
        assert_eq!(quote(&error(0, &gre)).unwrap().key().unwrap().src_port, 0);
    }

    #[test]
    fn a_quote_of_the_other_version_is_none() {
        let v6 = build::udp("[2001:db8::1]:1".parse().unwrap(), "[2001:db8::2]:2".parse().unwrap()).build();
        assert_eq!(quote(&error(0, &v6)), None);
    }

    #[test]
    fn the_extensions_of_rfc_4884_are_not_part_of_the_quote() {
        // Length 32 words: extensions start behind 128 bytes.
        assert_eq!(quote(&error(32 << 16, &tcp())).unwrap().end, 28 + 128);
        // Too short for an extended message, so the byte means something else.
        assert_eq!(quote(&error(2 << 16, &tcp())).unwrap().end, 268);
    }

    #[test]
    fn a_quote_whose_lengths_lie_ends_where_its_bytes_do() {
        for total_len in [0, 19, 20, 0xFFFF] {
            let mut lying = tcp();
            put_word(&mut lying, 2, total_len);
            let quote = quote(&error(0, &lying)).unwrap();
            assert_eq!((quote.end, quote.total_len), (268, u32::from(total_len)));
            assert!(quote.key().is_some());
        }
        // A header of less than five words, and one of more than there is.
        for (first, kept) in [(0x44, 240), (0x40, 240), (0x4F, 59), (0x46, 20)] {
            let mut lying = tcp();
            lying[0] = first;
            assert_eq!(quote(&error(0, &lying[..kept])), None, "{first:#x}");
        }
        // Options that leave no room for ports.
        let mut lying = tcp();
        lying[0] = 0x4F;
        assert_eq!(quote(&error(0, &lying[..60])).unwrap().key(), None);
        // Extensions behind the end of the message.
        for words in [61, 255] {
            assert_eq!(quote(&error(words << 16, &tcp())).unwrap().end, 268);
        }
        // Not even the message is whole.
        for len in 4..8 {
            let mut bytes = error(0, &[]);
            bytes.truncate(20 + len);
            put_word(&mut bytes, 2, (20 + len) as u16);
            put_word(&mut bytes, 10, 0);
            assert_eq!(quote(&bytes), None);
        }
    }

    #[test]
    fn a_quoted_chain_is_walked_as_any_other() {
        let udp = build::udp("[2001:db8::1]:1".parse().unwrap(), "[2001:db8::2]:2".parse().unwrap()).build();
        let chained = |first: u8, chain: &[&[u8]]| {
            let mut quoted = udp.clone();
            quoted[6] = first;
            quoted.splice(40..40, chain.concat());
            let (from, to) = ("2001:db8::fe".parse().unwrap(), "2001:db8::1".parse().unwrap());
            quote(&build::icmp_error(from, to, 1, 0, 0, &quoted))
        };
        let options: &[u8] = &[60, 0, 1, 4, 0, 0, 0, 0];
        let last: &[u8] = &[17, 0, 1, 4, 0, 0, 0, 0];
        // The quoted payload length is that of before, and nobody minds.
        assert_eq!(chained(60, &[options, last]).unwrap().key().unwrap().dst_port, 2);
        assert_eq!(chained(60, &[&[options; 8][..], &[last]].concat()), None);
        assert_eq!(chained(60, &[&[17, 255, 1, 4, 0, 0, 0, 0]]), None);
        assert_eq!(chained(44, &[&[44, 0, 0, 1, 0, 0, 0, 1], &[17, 0, 0, 1, 0, 0, 0, 1]]), None);
        // The chain ends exactly where the quote does.
        assert_eq!(chained(60, &[&[17, 1, 1, 4, 0, 0, 0, 0]]).unwrap().key(), None);
    }

    #[test]
    fn damage_inside_is_only_judged_when_strict() {
        let mut damaged = tcp();
        damaged[10] ^= 1;
        let bytes = error(0, &damaged);
        let len = bytes.len() as u32;
        assert!(Headers::parse(&bytes, len, Offloads::Tolerate).is_ok());
        assert_eq!(Headers::parse(&bytes, len, Offloads::Strict), Err(Malformed::QuotedHeaderChecksum));
        let mut bytes = error(0, &tcp());
        put_word(&mut bytes, 22, 1);
        assert_eq!(Headers::parse(&bytes, len, Offloads::Strict), Err(Malformed::TransportChecksum(1)));
        assert_ne!(Checksum::of(&bytes[20..]), Checksum(0));
    }
}
