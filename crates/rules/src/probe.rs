//! A packet as rules see it, and what one rule says of it.

use std::fmt;
use std::net::IpAddr;

use ipnet::IpNet;
use vpcemu_model::{AclEntry, IcmpTypeCode, Id, Network, Peer, Ports, Protocol, SecurityGroupRule};

/// A packet that a rule decides.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Probe {
    /// IANA protocol number.
    pub protocol: u8,
    /// What rules read of its transport header.
    pub detail: Detail,
    /// The other side: the source of what arrives, the destination of what leaves.
    pub peer: IpAddr,
    /// The groups of the interface on the other side, if it is one whose identity the packet kept (6.10).
    pub groups: Vec<Id>,
}

/// What rules read of a transport header.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Detail {
    /// Nothing: there are no ports, or they are not known.
    None,
    /// The destination port.
    Port(u16),
    /// ICMP type and code.
    Icmp(u8, u8),
}

impl Probe {
    /// Whether a rule's protocol and ports are those of the packet (6.4, 6.5, 7.7).
    pub(crate) fn is_of(&self, protocol: Protocol, ports: Ports) -> bool {
        let Protocol::Number(number) = protocol else { return true };
        number == self.protocol
            && match (number, ports) {
                (6 | 17, Ports::Range(range)) => matches!(self.detail, Detail::Port(port) if range.contains(port)),
                (1 | 58, Ports::Icmp(IcmpTypeCode { kind, code })) => match self.detail {
                    Detail::Icmp(own, with) => {
                        kind.is_none_or(|kind| kind == own) && code.is_none_or(|code| code == with)
                    }
                    _ => kind.is_none() && code.is_none(),
                },
                _ => true,
            }
    }

    /// Whether an entry of a network ACL matches it.
    pub fn matches_entry(&self, entry: &AclEntry) -> bool {
        entry.cidr.contains(&self.peer) && self.is_of(entry.protocol, entry_ports(entry))
    }

    /// Whether a rule of a security group admits it. `lists` has the blocks of prefix lists.
    pub fn is_admitted_by(&self, rule: &SecurityGroupRule, lists: impl Fn(&Id) -> Vec<IpNet>) -> bool {
        let peer = match &rule.peer {
            Peer::Cidr(net) => net.contains(&self.peer),
            Peer::PrefixList(list) => lists(list).iter().any(|net| net.contains(&self.peer)),
            Peer::SecurityGroup(group) => self.groups.contains(group),
        };
        peer && self.is_of(rule.protocol, rule.ports)
    }
}

/// What an entry says of ports: ICMPv6 with an IPv4 block matches all types (7.7).
pub(crate) fn entry_ports(entry: &AclEntry) -> Ports {
    match (entry.protocol, entry.cidr) {
        (Protocol::ICMPV6, IpNet::V4(_)) => Ports::Any,
        _ => entry.ports,
    }
}

/// The blocks of a prefix list; none of one that is not there. Of duplicates the first counts.
pub(crate) fn blocks<'a>(network: &'a Network, list: &Id) -> &'a [IpNet] {
    network.prefix_lists.iter().find(|it| it.id == *list).map_or(&[], |it| &it.entries)
}

/// `tcp 443, peer 10.0.0.1`.
impl fmt::Display for Probe {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", Protocol::Number(self.protocol))?;
        match self.detail {
            Detail::None => {}
            Detail::Port(port) => write!(f, " {port}")?,
            Detail::Icmp(kind, code) => write!(f, " type {kind} code {code}")?,
        }
        write!(f, ", peer {}", self.peer)
    }
}
