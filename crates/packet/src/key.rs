//! The name of a flow.

use std::fmt;
use std::net::IpAddr;

use crate::name::{endpoint, protocol_name};
use crate::number::{ICMP, ICMPV6, TCP, UDP};

/// What the packets of one direction of a flow have in common.
///
/// An ICMP query has its identifier for both ports. Without ports they are 0.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub struct FlowKey {
    /// The source address.
    pub src: IpAddr,
    /// The destination address.
    pub dst: IpAddr,
    /// The source port.
    pub src_port: u16,
    /// The destination port.
    pub dst_port: u16,
    /// The protocol number.
    pub protocol: u8,
    /// The ICMP or ICMPv6 type, as it is on the wire; 0 for other protocols, [`Self::UNKNOWN_ICMP`] where the message
    /// itself is not there.
    pub icmp_type: u8,
}

impl FlowKey {
    /// The type of an ICMP message in whose later fragments nobody can see it. Reserved in ICMPv6 (RFC 4443 2.1) and
    /// unassigned in ICMP, so that it is not taken for an echo reply, which is 0.
    pub const UNKNOWN_ICMP: u8 = 255;

    /// The other direction of the flow: a request becomes its reply.
    #[must_use]
    pub fn reversed(self) -> Self {
        Self {
            src: self.dst,
            dst: self.src,
            src_port: self.dst_port,
            dst_port: self.src_port,
            protocol: self.protocol,
            icmp_type: self.counterpart(),
        }
    }

    /// True for the ICMP messages that ask for an answer.
    pub fn is_query_request(&self) -> bool {
        matches!((self.protocol, self.icmp_type), (ICMP, 8 | 13 | 15 | 17) | (ICMPV6, 128))
    }

    /// True for an ICMP query or the answer to one: what has an identifier for its ports.
    pub fn is_query(&self) -> bool {
        self.counterpart() != self.icmp_type
    }

    fn counterpart(&self) -> u8 {
        match (self.protocol, self.icmp_type) {
            (ICMP, 8) => 0,
            (ICMP, 0) => 8,
            (ICMP, odd @ (13 | 15 | 17)) => odd + 1,
            (ICMP, even @ (14 | 16 | 18)) => even - 1,
            (ICMPV6, 128) => 129,
            (ICMPV6, 129) => 128,
            (_, other) => other,
        }
    }
}

/// `tcp 10.0.0.1:80 > [2001:db8::1]:443`, with the identifier of an ICMP query for the ports; without ports the bare
/// addresses.
impl fmt::Display for FlowKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match protocol_name(self.protocol) {
            Some(name) => f.write_str(name)?,
            None => write!(f, "{}", self.protocol)?,
        }
        let has_ports = matches!(self.protocol, TCP | UDP) || self.is_query();
        let port = |port| has_ports.then_some(port);
        write!(f, " {} > {}", endpoint(self.src, port(self.src_port)), endpoint(self.dst, port(self.dst_port)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(protocol: u8, icmp_type: u8) -> FlowKey {
        let (src, dst) = ("10.0.0.1".parse().unwrap(), "2001:db8::1".parse().unwrap());
        FlowKey { src, dst, src_port: 80, dst_port: 443, protocol, icmp_type }
    }

    #[test]
    fn every_key_is_the_reverse_of_its_reverse() {
        for protocol in [1, 6, 17, 47, 58] {
            for icmp_type in 0..=255 {
                let key = key(protocol, icmp_type);
                assert_eq!(key.reversed().reversed(), key);
                assert!(!(key.is_query_request() && key.reversed().is_query_request()));
            }
        }
    }

    #[test]
    fn requests_become_their_replies() {
        for (protocol, request, reply) in [(1, 8, 0), (1, 13, 14), (1, 15, 16), (1, 17, 18), (58, 128, 129)] {
            assert!(key(protocol, request).is_query_request());
            assert!(!key(protocol, reply).is_query_request());
            assert_eq!(key(protocol, request).reversed().icmp_type, reply);
        }
        assert_eq!(key(1, 3).reversed().icmp_type, 3);
        assert!(!key(1, FlowKey::UNKNOWN_ICMP).is_query());
    }

    #[test]
    fn keys_read_as_arrows() {
        assert_eq!(key(6, 0).to_string(), "tcp 10.0.0.1:80 > [2001:db8::1]:443");
        assert_eq!(key(1, 8).to_string(), "icmp 10.0.0.1:80 > [2001:db8::1]:443");
        assert_eq!(key(47, 0).to_string(), "gre 10.0.0.1 > 2001:db8::1");
        assert_eq!(key(253, 0).to_string(), "253 10.0.0.1 > 2001:db8::1");
    }
}
