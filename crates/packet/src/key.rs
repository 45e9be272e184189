use std::fmt;
use std::net::IpAddr;

/// What tells flows apart. Of ICMP queries both ports are the id, and the type is part of the key; without ports they are 0.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub struct FlowKey {
    /// Source address.
    pub src: IpAddr,
    /// Destination address.
    pub dst: IpAddr,
    /// Source port, or id of a query.
    pub src_port: u16,
    /// Destination port, or id of a query.
    pub dst_port: u16,
    /// Upper-layer protocol.
    pub protocol: u8,
    /// Type of an ICMP query as on the wire; 0 for everything else.
    pub icmp_type: u8,
}

impl FlowKey {
    /// The key of the other direction: requests become replies.
    #[must_use]
    pub fn reversed(&self) -> Self {
        let icmp_type = if self.is_query() { counterpart(self.protocol, self.icmp_type) } else { self.icmp_type };
        Self {
            src: self.dst,
            dst: self.src,
            src_port: self.dst_port,
            dst_port: self.src_port,
            protocol: self.protocol,
            icmp_type,
        }
    }

    /// Whether this is an ICMP query or its reply.
    pub fn is_query(&self) -> bool {
        match self.protocol {
            1 => matches!(self.icmp_type, 0 | 8 | 13..=18),
            58 => matches!(self.icmp_type, 128 | 129),
            _ => false,
        }
    }

    /// Whether this is an ICMP query that asks.
    pub fn is_query_request(&self) -> bool {
        matches!((self.protocol, self.icmp_type), (1, 8 | 13 | 15 | 17) | (58, 128))
    }
}

fn counterpart(protocol: u8, kind: u8) -> u8 {
    match (protocol, kind) {
        (1, 8) => 0,
        (1, 0) => 8,
        (1, 13 | 15 | 17) | (58, 128) => kind + 1,
        (1, 14 | 16 | 18) | (58, 129) => kind - 1,
        _ => kind,
    }
}

impl fmt::Display for FlowKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match protocol_name(self.protocol) {
            Some(name) => f.write_str(name)?,
            None => write!(f, "{}", self.protocol)?,
        }
        let ported = matches!(self.protocol, 6 | 17) || self.is_query();
        let port = |port| ported.then_some(port);
        write!(f, " {} > {}", endpoint(self.src, port(self.src_port)), endpoint(self.dst, port(self.dst_port)))
    }
}

/// An address with its port, as people write them: `1.2.3.4:80`, `[2001:db8::1]:80`, or the bare address.
pub fn endpoint(address: IpAddr, port: Option<u16>) -> impl fmt::Display {
    struct Endpoint(IpAddr, Option<u16>);
    impl fmt::Display for Endpoint {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            match (self.0, self.1) {
                (IpAddr::V6(v6), Some(port)) => write!(f, "[{v6}]:{port}"),
                (IpAddr::V4(v4), Some(port)) => write!(f, "{v4}:{port}"),
                (address, None) => write!(f, "{address}"),
            }
        }
    }
    Endpoint(address, port)
}

/// The usual name of an IANA protocol number.
pub fn protocol_name(number: u8) -> Option<&'static str> {
    Some(match number {
        1 => "icmp",
        2 => "igmp",
        4 => "ipip",
        6 => "tcp",
        17 => "udp",
        41 => "ipv6",
        47 => "gre",
        50 => "esp",
        51 => "ah",
        58 => "icmpv6",
        89 => "ospf",
        112 => "vrrp",
        132 => "sctp",
        136 => "udplite",
        _ => return None,
    })
}
