//! What security groups admitted, each opening once.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use vpcemu_dataplane::outcome::Direction;
use vpcemu_model::{Id, Network, SecurityGroupRule};
use vpcemu_packet::{FlowKey, Headers, Offloads, Transport};

use super::cover::cover;
use crate::catalog::Listed;
use crate::probe::Detail;

/// Openings by the group whose rule admitted them, and by direction.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Openings(BTreeMap<(String, bool), BTreeSet<Opening>>);

/// What a rule was needed for.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Opening {
    pub(super) protocol: u8,
    pub(super) detail: Detail,
    pub(super) peer: Seen,
}

/// The other side of an opening.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Seen {
    /// A reference to this group admitted it.
    Group(Id),
    /// A block or a prefix list did.
    Address(IpAddr),
}

impl Openings {
    /// Notes what a rule admitted: a packet by its key at the interface. `icmp` is the type and code where it ended.
    pub(crate) fn note(&mut self, rule: &Listed, direction: Direction, key: &FlowKey, icmp: Option<(u8, u8)>) {
        let peer = match (&rule.reference, direction) {
            (Some(group), _) => Seen::Group(group.clone()),
            (None, Direction::Ingress) => Seen::Address(key.src),
            (None, Direction::Egress) => Seen::Address(key.dst),
        };
        let detail = match key.protocol {
            // Fragments without their first, and what was cut short.
            6 | 17 if (key.src_port, key.dst_port) == (0, 0) => Detail::None,
            6 | 17 => Detail::Port(key.dst_port),
            1 | 58 if key.icmp_type == FlowKey::UNKNOWN_ICMP => Detail::None,
            // A message that was translated to the other family has another code by then: 0 is that of all queries.
            1 | 58 => Detail::Icmp(key.icmp_type, icmp.filter(|(kind, _)| *kind == key.icmp_type).map_or(0, |it| it.1)),
            _ => Detail::None,
        };
        let opening = Opening { protocol: key.protocol, detail, peer };
        self.0.entry((rule.owner.clone(), direction == Direction::Egress)).or_default().insert(opening);
    }

    /// Adds what others have; false if that was nothing new.
    pub(super) fn add(&mut self, others: Self) -> bool {
        let mut more = false;
        for (place, openings) in others.0 {
            let own = self.0.entry(place).or_default();
            let before = own.len();
            own.extend(openings);
            more |= own.len() > before;
        }
        more
    }

    /// The network with rules for these openings, and no others.
    pub(super) fn applied_to(&self, network: &Network) -> Network {
        let mut network = network.clone();
        for group in &mut network.security_groups {
            let of = |outbound| self.0.get(&(group.id.to_string(), outbound)).map(cover).unwrap_or_default();
            (group.ingress, group.egress) = (of(false), of(true));
            for rule in group.ingress.iter_mut().chain(&mut group.egress) {
                rule.origin = group.origin.clone();
            }
        }
        number(&mut network);
        network
    }
}

/// Gives every rule the id that a native file would give it by its place.
pub(super) fn number(network: &mut Network) {
    for group in &mut network.security_groups {
        let short = group.id.as_str().strip_prefix("sg-").unwrap_or(group.id.as_str()).to_owned();
        let ids = |rules: &mut [SecurityGroupRule], way: &str| {
            for (rule, number) in rules.iter_mut().zip(1..) {
                rule.id = Id::new(format!("sgr-{short}-{way}-{number}"));
            }
        };
        ids(&mut group.ingress, "in");
        ids(&mut group.egress, "out");
    }
}

/// ICMP type and code of a datagram.
pub(crate) fn icmp(datagram: &[u8], length: u32) -> Option<(u8, u8)> {
    match Headers::parse(datagram, length, Offloads::Tolerate).ok()?.transport {
        Transport::Query { kind, code, .. }
        | Transport::IcmpError { kind, code, .. }
        | Transport::Icmp { kind, code } => Some((kind, code)),
        _ => None,
    }
}
