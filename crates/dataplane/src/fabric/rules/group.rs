use std::net::IpAddr;
use std::sync::Arc;

use smallvec::SmallVec;
use vpcemu_model::{PortRange, Ports, Protocol};

use super::Subject;
use super::part::{Entry, Part, RulePeer, family};
use super::sets::MOST;
use crate::index::{GroupIx, RuleIx};

/// The union of the security groups of one interface, in one direction. The tables are those of the groups: what thousands
/// of interfaces have in common is there once.
#[derive(Debug, Default)]
pub struct GroupRules {
    tables: SmallVec<[Arc<GroupTable>; 2]>,
}

/// The rules of one security group in one direction.
#[derive(Debug, Default)]
pub(crate) struct GroupTable {
    /// By position.
    ids: Vec<RuleIx>,
    parts: SmallVec<[Box<Part>; 1]>,
    /// Whether some rule is about a group.
    references: bool,
    /// Whether some rule admits every port of TCP, or UDP, from or to everyone: by [`family`] and [`OPEN_PROTOCOLS`].
    open: [[bool; 2]; 2],
}

/// A rule of a security group.
#[derive(Clone, Debug)]
pub(crate) struct GroupRule {
    pub(crate) id: RuleIx,
    pub(crate) entry: Entry,
}

/// Protocols whose flows may go untracked (6.15).
const OPEN_PROTOCOLS: [u8; 2] = [6, 17];

/// Who is on the other side, as far as group references can tell (6.10).
#[derive(Clone, Debug, Default)]
pub struct PeerMatch {
    /// The groups of the interface on the other side.
    pub groups: SmallVec<[GroupIx; 2]>,
    /// Whether a reference may match: the identity was not lost on the way.
    pub preserved: bool,
}

/// What the security groups of an interface say.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum GroupVerdict {
    /// A rule admits it.
    Allowed {
        /// The first that does.
        rule: RuleIx,
        /// Whether one of the rules that do has everyone as its peer (6.15).
        open: bool,
    },
    /// No rule does.
    Denied {
        /// There is no rule at all.
        empty: bool,
        /// A group reference would, had the sender's identity been preserved.
        reference_lost: bool,
    },
}

impl GroupTable {
    pub(crate) fn new(rules: Vec<GroupRule>) -> Self {
        let (ids, entries): (Vec<_>, Vec<_>) = rules.into_iter().map(|rule| (rule.id, rule.entry)).unzip();
        let mut open = [[false; 2]; 2];
        for rule in &entries {
            let RulePeer::Net(net) = rule.peer else { continue };
            if net.prefix_len() != 0 {
                continue;
            }
            for (slot, number) in OPEN_PROTOCOLS.into_iter().enumerate() {
                let all_ports = match (rule.protocol, rule.ports) {
                    (Protocol::All, _) => true,
                    (protocol, Ports::Any) => protocol == Protocol::Number(number),
                    (protocol, Ports::Range(range)) => protocol == Protocol::Number(number) && range == PortRange::ALL,
                    (_, Ports::Icmp(_)) => false,
                };
                open[family(net.addr())][slot] |= all_ports;
            }
        }
        let references = entries.iter().any(|rule| matches!(rule.peer, RulePeer::Group(_)));
        let parts = entries.chunks(MOST).map(|part| Box::new(Part::new(part))).collect();
        Self { ids, parts, references, open }
    }

    /// How many rules there are.
    pub(crate) fn len(&self) -> usize {
        self.ids.len()
    }
}

impl GroupRules {
    /// The union of groups, asked in this order.
    pub(crate) fn new(tables: impl IntoIterator<Item = Arc<GroupTable>>) -> Self {
        Self { tables: tables.into_iter().collect() }
    }

    /// The tables of its groups.
    pub(crate) fn tables(&self) -> &[Arc<GroupTable>] {
        &self.tables
    }

    /// Union of the rules: any match admits (6.2). `peer` is the source of what arrives and the destination of what
    /// leaves (6.8).
    pub fn judge(&self, subject: Subject, peer: IpAddr, identity: &PeerMatch) -> GroupVerdict {
        let (mut rule, mut open, mut reference_lost) = (None, false, false);
        for table in &self.tables {
            for (ids, part) in table.ids.chunks(MOST).zip(&table.parts) {
                let about = part.about(subject);
                open = open || part.first(about, part.with_everyone(peer)).is_some();
                if rule.is_some() {
                    continue;
                }
                let mut first = part.first(about, part.with(peer));
                if table.references {
                    for group in &identity.groups {
                        let referring = part.first(about, part.with_group(*group));
                        reference_lost |= referring.is_some();
                        first = if identity.preserved { first.into_iter().chain(referring).min() } else { first };
                    }
                }
                rule = first.map(|first| ids[first]);
            }
            if rule.is_some() && open {
                break;
            }
        }
        match rule {
            Some(rule) => GroupVerdict::Allowed { rule, open },
            None => {
                GroupVerdict::Denied { empty: self.tables.iter().all(|table| table.ids.is_empty()), reference_lost }
            }
        }
    }

    /// Whether there is no rule at all.
    pub fn is_empty(&self) -> bool {
        self.tables.iter().all(|table| table.len() == 0)
    }

    /// Whether everything of `protocol` is admitted from or to everyone, on all ports, in the family of `address`: the
    /// condition on the reverse direction of an untracked flow (6.15).
    pub fn is_open(&self, protocol: u8, address: IpAddr) -> bool {
        let slot = OPEN_PROTOCOLS.iter().position(|number| *number == protocol);
        slot.is_some_and(|slot| self.tables.iter().any(|table| table.open[family(address)][slot]))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rule(protocol: Protocol, ports: Ports, peer: RulePeer) -> GroupRule {
        GroupRule { id: RuleIx(0), entry: Entry { protocol, ports, peer } }
    }

    /// The union of groups with these rules.
    fn union<const N: usize>(groups: [Vec<GroupRule>; N]) -> GroupRules {
        GroupRules::new(groups.map(|rules| Arc::new(GroupTable::new(rules))))
    }

    #[test]
    fn a_flow_is_open_only_on_all_ports_from_everyone() {
        let rule = |ports, net: &str| rule(Protocol::TCP, ports, RulePeer::Net(net.parse().unwrap()));
        let ports = |from, to| Ports::Range(PortRange { from, to });
        let v4: IpAddr = "192.0.2.1".parse().unwrap();
        let v6: IpAddr = "2001:db8::1".parse().unwrap();
        let open = union([vec![rule(ports(0, 65535), "0.0.0.0/0")]]);
        assert!(open.is_open(6, v4) && !open.is_open(17, v4) && !open.is_open(6, v6));
        let halves = union([vec![rule(Ports::Any, "0.0.0.0/1"), rule(Ports::Any, "128.0.0.0/1")]]);
        assert!(!halves.is_open(6, v4));
        assert!(!union([vec![rule(ports(80, 80), "0.0.0.0/0")]]).is_open(6, v4));
        // It takes one of several groups.
        assert!(union([vec![rule(ports(80, 80), "0.0.0.0/0")], vec![rule(Ports::Any, "0.0.0.0/0")]]).is_open(6, v4));
    }

    #[test]
    fn a_lost_identity_is_told_apart_from_a_missing_rule() {
        let rules = union([vec![rule(Protocol::All, Ports::Any, RulePeer::Group(GroupIx(7)))]]);
        let peer = "10.0.0.9".parse().unwrap();
        let tcp = Subject { protocol: 6, port: Some(80), icmp: None };
        let mut identity = PeerMatch { groups: SmallVec::from_slice(&[GroupIx(7)]), preserved: false };
        let lost = GroupVerdict::Denied { empty: false, reference_lost: true };
        assert_eq!(rules.judge(tcp, peer, &identity), lost);
        identity.preserved = true;
        assert_eq!(rules.judge(tcp, peer, &identity), GroupVerdict::Allowed { rule: RuleIx(0), open: false });
    }
}
