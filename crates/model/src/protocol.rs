use std::fmt;

/// The protocol field of a security group rule or network ACL entry.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Protocol {
    /// `-1`, every protocol; ports are ignored (6.4, 7.7).
    All,
    /// An IANA protocol number.
    Number(u8),
}

impl Protocol {
    /// IANA numbers of the protocols that have ports or types in rules.
    pub const ICMP: Self = Self::Number(1);
    /// TCP.
    pub const TCP: Self = Self::Number(6);
    /// UDP.
    pub const UDP: Self = Self::Number(17);
    /// ICMPv6.
    pub const ICMPV6: Self = Self::Number(58);

    /// Reads `tcp`, `udp`, `icmp`, `icmpv6`, `all`, `-1` or a number, in any case.
    pub fn parse(text: &str) -> Option<Self> {
        match text.to_ascii_lowercase().as_str() {
            "all" | "-1" => Some(Self::All),
            "icmp" => Some(Self::ICMP),
            "tcp" => Some(Self::TCP),
            "udp" => Some(Self::UDP),
            "icmpv6" => Some(Self::ICMPV6),
            number => number.parse().ok().map(Self::Number),
        }
    }
}

impl fmt::Display for Protocol {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::All => f.write_str("all"),
            Self::ICMP => f.write_str("icmp"),
            Self::TCP => f.write_str("tcp"),
            Self::UDP => f.write_str("udp"),
            Self::ICMPV6 => f.write_str("icmpv6"),
            Self::Number(number) => write!(f, "{number}"),
        }
    }
}

/// An inclusive range of destination ports.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct PortRange {
    /// First port.
    pub from: u16,
    /// Last port.
    pub to: u16,
}

impl PortRange {
    /// Every port.
    pub const ALL: Self = Self { from: 0, to: u16::MAX };

    /// Whether `port` lies in the range.
    pub fn contains(self, port: u16) -> bool {
        self.from <= port && port <= self.to
    }
}

/// ICMP type and code of a rule; `None` is AWS's `-1`, any.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub struct IcmpTypeCode {
    /// Type, or any.
    pub kind: Option<u8>,
    /// Code, or any.
    pub code: Option<u8>,
}

/// What a rule says about the transport header.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Ports {
    /// Nothing: every port, type or protocol without ports.
    Any,
    /// TCP and UDP: the packet's destination port, in both directions (6.7, 7.6).
    Range(PortRange),
    /// ICMP and ICMPv6.
    Icmp(IcmpTypeCode),
}

impl fmt::Display for Ports {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::Any | Self::Icmp(IcmpTypeCode { kind: None, .. }) => f.write_str("all"),
            Self::Range(PortRange { from: 0, to: u16::MAX }) => f.write_str("0-65535"),
            Self::Range(range) if range.from == range.to => write!(f, "{}", range.from),
            Self::Range(range) => write!(f, "{}-{}", range.from, range.to),
            Self::Icmp(IcmpTypeCode { kind: Some(kind), code: None }) => write!(f, "type {kind}"),
            Self::Icmp(IcmpTypeCode { kind: Some(kind), code: Some(code) }) => write!(f, "type {kind} code {code}"),
        }
    }
}
