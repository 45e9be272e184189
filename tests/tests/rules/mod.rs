//! Rules as an administrator reads them: plain data, and a plain function that says what they match.
//!
//! Nothing here is the engine's: what it compiles its rules into is compared with this.

#![allow(dead_code, reason = "every test file uses a part of it")]

mod aim;
mod site;
mod universe;

use std::fmt::Write;
use std::net::IpAddr;

#[allow(unused_imports, reason = "every test file uses a part of it")]
pub(crate) use aim::{Header, can_carry, headers, probes};
#[allow(unused_imports, reason = "every test file uses a part of it")]
pub(crate) use site::{Filter, PORTLESS, Site, Told, Way, network, pieces, position};
#[allow(unused_imports, reason = "every test file uses a part of it")]
pub(crate) use universe::{acl_rules, blocks, group_rules, rule, transports};

/// A rule of a security group or an entry of a network ACL.
#[derive(Clone, PartialEq, Debug)]
pub(crate) struct Rule {
    /// Only entries of network ACLs have one.
    pub(crate) number: u16,
    /// Rules of security groups all do.
    pub(crate) allow: bool,
    pub(crate) transport: Wanted,
    pub(crate) peer: Peer,
}

/// What a rule wants of the transport header. None is "any".
#[derive(Clone, Copy, PartialEq, Debug)]
pub(crate) struct Wanted {
    pub(crate) protocol: Option<u8>,
    /// First and last, of TCP and UDP.
    pub(crate) ports: Option<(u16, u16)>,
    /// Of ICMP and ICMPv6.
    pub(crate) kind: Option<u8>,
    pub(crate) code: Option<u8>,
}

/// The other side.
#[derive(Clone, PartialEq, Debug)]
pub(crate) enum Peer {
    Block(Block),
    /// A prefix list.
    List(Vec<Block>),
    /// The name of a security group.
    Group(&'static str),
}

/// Addresses that begin with the same bits.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Block {
    pub(crate) first: IpAddr,
    pub(crate) length: u8,
}

/// A packet, as far as rules look at it.
#[derive(Clone, Copy, PartialEq, Debug)]
pub(crate) struct Probe {
    pub(crate) protocol: u8,
    /// Of TCP and UDP, where no rule looks.
    pub(crate) source_port: u16,
    /// Of TCP and UDP.
    pub(crate) port: u16,
    /// Type and code, of ICMP and ICMPv6.
    pub(crate) message: (u8, u8),
    pub(crate) peer: Host,
    /// A later fragment that nobody lends the ports of its first.
    pub(crate) portless: bool,
}

/// The other side of a packet.
#[derive(Clone, Copy, PartialEq, Debug)]
pub(crate) struct Host {
    pub(crate) address: IpAddr,
    /// The instance that it is, in another subnet of the VPC.
    pub(crate) instance: Option<Instance>,
}

/// An instance of the VPC. It is called like its group.
#[derive(Clone, Copy, PartialEq, Debug)]
pub(crate) struct Instance {
    pub(crate) name: &'static str,
    /// Talked to by public addresses.
    pub(crate) in_public: bool,
}

impl Wanted {
    pub(crate) const ANYTHING: Self = Self { protocol: None, ports: None, kind: None, code: None };
}

impl Rule {
    /// Whether it is about such a packet.
    pub(crate) fn matches(&self, probe: &Probe, filter: Filter) -> bool {
        self.matches_transport(probe, filter) && self.matches_peer(probe)
    }

    pub(crate) fn matches_transport(&self, probe: &Probe, filter: Filter) -> bool {
        let Wanted { protocol, ports, kind, code } = self.transport;
        let Some(protocol) = protocol else { return true };
        if protocol != probe.protocol {
            return false;
        }
        match protocol {
            6 | 17 => match ports {
                None => true,
                Some((first, last)) => !probe.portless && first <= probe.port && probe.port <= last,
            },
            // An entry for ICMPv6 with an IPv4 block has no types to compare (7.7).
            58 if filter == Filter::NetworkAcl && self.is_about_v4() => true,
            1 | 58 => match probe.message() {
                Some(message) => kind.is_none_or(|kind| kind == message.0) && code.is_none_or(|code| code == message.1),
                None => kind.is_none() && code.is_none(),
            },
            _ => true,
        }
    }

    fn matches_peer(&self, probe: &Probe) -> bool {
        match &self.peer {
            Peer::Block(block) => block.contains(probe.peer.address),
            Peer::List(blocks) => blocks.iter().any(|block| block.contains(probe.peer.address)),
            // By its private addresses only (6.10).
            Peer::Group(group) => {
                probe.peer.instance.is_some_and(|instance| instance.name == *group && !instance.in_public)
            }
        }
    }

    fn is_about_v4(&self) -> bool {
        matches!(&self.peer, Peer::Block(block) if block.first.is_ipv4())
    }

    /// Whether its peer is everyone of a family (6.15).
    pub(crate) fn is_for_everyone(&self, of: IpAddr) -> bool {
        matches!(&self.peer, Peer::Block(block) if block.length == 0 && block.first.is_ipv4() == of.is_ipv4())
    }

    /// Whether it asks neither for ports nor for another protocol (6.15).
    pub(crate) fn has_all_ports(&self, protocol: u8) -> bool {
        let Wanted { protocol: wanted, ports, .. } = self.transport;
        wanted.is_none_or(|wanted| wanted == protocol && ports.is_none_or(|ports| ports == (0, 65535)))
    }
}

impl Probe {
    /// What it would be the answer to, seen from the side that is judged.
    pub(crate) fn answered(&self) -> Self {
        Self { source_port: self.port, port: self.source_port, ..*self }
    }

    /// Type and code, if it is ICMP of its family and has them.
    fn message(&self) -> Option<(u8, u8)> {
        let icmp = if self.peer.address.is_ipv4() { 1 } else { 58 };
        (self.protocol == icmp && !self.portless).then_some(self.message)
    }
}

impl Block {
    pub(crate) fn new(text: &str) -> Self {
        let (first, length) = text.split_once('/').unwrap();
        Self { first: first.parse().unwrap(), length: length.parse().unwrap() }
    }

    /// The block of this length that an address is in.
    pub(crate) fn around(address: IpAddr, length: u8) -> Self {
        let first = match address {
            IpAddr::V4(v4) => IpAddr::V4((v4.to_bits() & !u32::MAX.checked_shr(length.into()).unwrap_or(0)).into()),
            IpAddr::V6(v6) => IpAddr::V6((v6.to_bits() & !u128::MAX.checked_shr(length.into()).unwrap_or(0)).into()),
        };
        Self { first, length }
    }

    /// Bit by bit.
    pub(crate) fn contains(&self, address: IpAddr) -> bool {
        let (ours, theirs) = (bits(self.first), bits(address));
        ours.len() == theirs.len() && (0..usize::from(self.length)).all(|at| ours[at] == theirs[at])
    }

    /// Its last address.
    pub(crate) fn last(&self) -> IpAddr {
        match self.first {
            IpAddr::V4(first) => {
                IpAddr::V4((first.to_bits() | u32::MAX.checked_shr(self.length.into()).unwrap_or(0)).into())
            }
            IpAddr::V6(first) => {
                IpAddr::V6((first.to_bits() | u128::MAX.checked_shr(self.length.into()).unwrap_or(0)).into())
            }
        }
    }
}

fn bits(address: IpAddr) -> Vec<bool> {
    let octets = match address {
        IpAddr::V4(v4) => v4.octets().to_vec(),
        IpAddr::V6(v6) => v6.octets().to_vec(),
    };
    octets.iter().flat_map(|octet| (0..8).rev().map(move |bit| octet >> bit & 1 == 1)).collect()
}

/// The rule that admits, of rules whose order means nothing: the first (6.2).
pub(crate) fn admitting(rules: &[Rule], probe: &Probe) -> Option<usize> {
    rules.iter().position(|rule| rule.matches(probe, Filter::SecurityGroup))
}

/// The entry with the lowest number of those that match (7.3).
pub(crate) fn deciding<'a>(rules: &'a [Rule], probe: &Probe) -> Option<&'a Rule> {
    rules.iter().filter(|rule| rule.matches(probe, Filter::NetworkAcl)).min_by_key(|rule| rule.number)
}

/// The rules as a native file has them. Prefix lists are called after the position of their rule.
pub(crate) fn text(rules: &[Rule], way: Way, filter: Filter, list: &str) -> String {
    let mut text = String::new();
    for (at, rule) in rules.iter().enumerate() {
        let Wanted { protocol, ports, kind, code } = rule.transport;
        text.push_str("  { ");
        if filter == Filter::NetworkAcl {
            let action = if rule.allow { "allow" } else { "deny" };
            write!(text, "rule = {}, action = \"{action}\", ", rule.number).unwrap();
        }
        match protocol {
            Some(number) => write!(text, "proto = \"{number}\""),
            None => write!(text, "proto = \"all\""),
        }
        .unwrap();
        if let Some((first, last)) = ports {
            write!(text, ", ports = \"{first}-{last}\"").unwrap();
        }
        if let Some(kind) = kind {
            write!(text, ", type = {kind}").unwrap();
        }
        if let Some(code) = code {
            write!(text, ", code = {code}").unwrap();
        }
        let other = if way == Way::In { "from" } else { "to" };
        match &rule.peer {
            Peer::Block(Block { first, length }) => write!(text, ", {other} = \"{first}/{length}\""),
            Peer::List(_) => write!(text, ", {other} = \"pl:{list}-{at}\""),
            Peer::Group(group) => write!(text, ", {other} = \"sg:{group}\""),
        }
        .unwrap();
        text.push_str(" },\n");
    }
    text
}
