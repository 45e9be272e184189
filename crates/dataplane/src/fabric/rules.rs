use std::net::IpAddr;
use std::sync::Arc;

use ipnet::IpNet;
use smallvec::SmallVec;
use vpcemu_model::{AclAction, IcmpTypeCode, Ports, Protocol};
use vpcemu_packet::{FlowKey, Headers, Transport};

use crate::flow::protocol_of;
use crate::index::{GroupIx, RuleIx};

/// What rules look at: the packet as it stands at the component, fragments with the ports of their first.
#[derive(Clone, Copy, Debug)]
pub struct Subject {
    protocol: u8,
    /// Destination port, `None` where there is none (6.7).
    port: Option<u16>,
    /// ICMP type and code.
    icmp: Option<(u8, u8)>,
}

impl Subject {
    /// The subject of a packet whose transport header is `transport`.
    pub fn new(headers: &Headers, transport: Transport) -> Self {
        let (port, icmp) = match transport {
            Transport::Tcp { dst, .. } | Transport::Udp { dst, .. } => (Some(dst), None),
            Transport::Query { kind, code, .. }
            | Transport::IcmpError { kind, code, .. }
            | Transport::Icmp { kind, code } => (None, Some((kind, code))),
            Transport::Other | Transport::Missing => (None, None),
        };
        Self { protocol: protocol_of(headers, transport), port, icmp }
    }

    /// The subject of the packet that opened a flow, from its key.
    pub fn of_key(key: &FlowKey) -> Self {
        let port = matches!(key.protocol, 6 | 17).then_some(key.dst_port);
        let icmp = matches!(key.protocol, 1 | 58).then_some((key.icmp_type, 0));
        Self { protocol: key.protocol, port, icmp }
    }

    fn matches(self, protocol: Protocol, ports: Ports) -> bool {
        let Protocol::Number(number) = protocol else { return true };
        if number != self.protocol {
            return false;
        }
        match ports {
            Ports::Any => true,
            // Of other protocols the ports are ignored (6.4, 7.7).
            Ports::Range(range) if matches!(number, 6 | 17) => self.port.is_some_and(|port| range.contains(port)),
            Ports::Icmp(IcmpTypeCode { kind, code }) if matches!(number, 1 | 58) => {
                let Some((packet_kind, packet_code)) = self.icmp else { return kind.is_none() && code.is_none() };
                kind.is_none_or(|kind| kind == packet_kind) && code.is_none_or(|code| code == packet_code)
            }
            Ports::Range(_) | Ports::Icmp(_) => true,
        }
    }
}

/// One direction of a network ACL, in the order of the rule numbers.
#[derive(Debug, Default)]
pub struct AclRules {
    rules: Vec<AclRule>,
}

#[derive(Debug)]
pub(crate) struct AclRule {
    pub(crate) number: u16,
    pub(crate) action: AclAction,
    pub(crate) protocol: Protocol,
    pub(crate) ports: Ports,
    pub(crate) net: IpNet,
}

/// What a network ACL says.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct AclVerdict {
    /// Whether the packet passes.
    pub allowed: bool,
    /// The entry that matched; `None` is the implicit deny.
    pub number: Option<u16>,
}

impl AclRules {
    pub(crate) fn new(mut rules: Vec<AclRule>) -> Self {
        rules.sort_by_key(|rule| rule.number);
        Self { rules }
    }

    /// First match by number; nothing matching is a deny (7.3). `peer` is the source of what enters and the destination
    /// of what leaves (7.6).
    pub fn judge(&self, subject: Subject, peer: IpAddr) -> AclVerdict {
        let first = self
            .rules
            .iter()
            .find(|rule| rule.net.contains(&peer) && subject.matches(rule.protocol, Self::effective_ports(rule)));
        first.map_or(AclVerdict { allowed: false, number: None }, |rule| AclVerdict {
            allowed: rule.action == AclAction::Allow,
            number: Some(rule.number),
        })
    }

    /// ICMPv6 with an IPv4 block matches all types (7.7).
    fn effective_ports(rule: &AclRule) -> Ports {
        if rule.protocol == Protocol::ICMPV6 && rule.net.addr().is_ipv4() { Ports::Any } else { rule.ports }
    }
}

/// The union of the security groups of one interface, in one direction. The tables are those of the groups: what thousands
/// of interfaces have in common is there once.
#[derive(Debug, Default)]
pub struct GroupRules {
    tables: SmallVec<[Arc<GroupTable>; 2]>,
}

/// The rules of one security group in one direction.
#[derive(Debug, Default)]
pub(crate) struct GroupTable {
    rules: Vec<GroupRule>,
    /// Whether some rule admits every port of TCP, or UDP, from or to everyone: by [`family`] and [`OPEN_PROTOCOLS`].
    open: [[bool; 2]; 2],
}

#[derive(Debug)]
pub(crate) struct GroupRule {
    pub(crate) id: RuleIx,
    pub(crate) protocol: Protocol,
    pub(crate) ports: Ports,
    pub(crate) peer: GroupPeer,
}

#[derive(Debug)]
pub(crate) enum GroupPeer {
    Net(IpNet),
    /// The entries of a prefix list, which never counts as open even if it holds 0.0.0.0/0 (6.15).
    List(Arc<[IpNet]>),
    Group(GroupIx),
}

/// Protocols whose flows may go untracked (6.15).
const OPEN_PROTOCOLS: [u8; 2] = [6, 17];

fn family(address: IpAddr) -> usize {
    usize::from(address.is_ipv6())
}

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
        let mut open = [[false; 2]; 2];
        for rule in &rules {
            let GroupPeer::Net(net) = rule.peer else { continue };
            if net.prefix_len() != 0 {
                continue;
            }
            for (slot, number) in OPEN_PROTOCOLS.into_iter().enumerate() {
                let all_ports = match (rule.protocol, rule.ports) {
                    (Protocol::All, _) => true,
                    (protocol, Ports::Any) => protocol == Protocol::Number(number),
                    (protocol, Ports::Range(range)) => {
                        protocol == Protocol::Number(number) && range == vpcemu_model::PortRange::ALL
                    }
                    (_, Ports::Icmp(_)) => false,
                };
                open[family(net.addr())][slot] |= all_ports;
            }
        }
        Self { rules, open }
    }

    /// How many rules there are.
    pub(crate) fn len(&self) -> usize {
        self.rules.len()
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
        let empty = self.tables.iter().all(|table| table.rules.is_empty());
        let mut verdict = GroupVerdict::Denied { empty, reference_lost: false };
        let rules = self.tables.iter().flat_map(|table| &table.rules);
        for rule in rules.filter(|rule| subject.matches(rule.protocol, rule.ports)) {
            let (matches, open) = match &rule.peer {
                GroupPeer::Net(net) => (net.contains(&peer), net.prefix_len() == 0),
                GroupPeer::List(nets) => (nets.iter().any(|net| net.contains(&peer)), false),
                GroupPeer::Group(group) => {
                    let member = identity.groups.contains(group);
                    if let (true, false, GroupVerdict::Denied { reference_lost, .. }) =
                        (member, identity.preserved, &mut verdict)
                    {
                        *reference_lost = true;
                    }
                    (member && identity.preserved, false)
                }
            };
            match (&mut verdict, matches) {
                (_, false) => {}
                (GroupVerdict::Allowed { open: already, .. }, true) => *already |= open,
                (GroupVerdict::Denied { .. }, true) => verdict = GroupVerdict::Allowed { rule: rule.id, open },
            }
        }
        verdict
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
    use vpcemu_model::PortRange;

    fn tcp(port: u16) -> Subject {
        Subject { protocol: 6, port: Some(port), icmp: None }
    }

    fn acl(number: u16, action: AclAction, ports: Ports, net: &str) -> AclRule {
        AclRule { number, action, protocol: Protocol::TCP, ports, net: net.parse().unwrap() }
    }

    fn ports(from: u16, to: u16) -> Ports {
        Ports::Range(PortRange { from, to })
    }

    /// The union of groups with these rules.
    fn union<const N: usize>(groups: [Vec<GroupRule>; N]) -> GroupRules {
        GroupRules::new(groups.map(|rules| Arc::new(GroupTable::new(rules))))
    }

    #[test]
    fn acl_entries_are_asked_by_number_and_the_first_match_decides() {
        let rules = AclRules::new(vec![
            acl(110, AclAction::Allow, ports(1024, 65535), "0.0.0.0/0"),
            acl(90, AclAction::Deny, Ports::Any, "198.51.100.0/24"),
        ]);
        let judge = |port, peer: &str| rules.judge(tcp(port), peer.parse().unwrap());
        assert_eq!(judge(40000, "198.51.100.7"), AclVerdict { allowed: false, number: Some(90) });
        assert_eq!(judge(40000, "93.184.216.34"), AclVerdict { allowed: true, number: Some(110) });
        assert_eq!(judge(1023, "93.184.216.34"), AclVerdict { allowed: false, number: None });
        assert_eq!(judge(40000, "2001:db8::1"), AclVerdict { allowed: false, number: None });
    }

    #[test]
    fn ports_of_other_protocols_are_ignored() {
        let sctp = Subject { protocol: 132, port: None, icmp: None };
        assert!(sctp.matches(Protocol::Number(132), ports(5000, 5000)));
        assert!(sctp.matches(Protocol::All, ports(5000, 5000)));
        assert!(!sctp.matches(Protocol::TCP, Ports::Any));
    }

    #[test]
    fn a_flow_is_open_only_on_all_ports_from_everyone() {
        let rule = |ports, net: &str| GroupRule {
            id: RuleIx(0),
            protocol: Protocol::TCP,
            ports,
            peer: GroupPeer::Net(net.parse().unwrap()),
        };
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
        let rules = union([vec![GroupRule {
            id: RuleIx(0),
            protocol: Protocol::All,
            ports: Ports::Any,
            peer: GroupPeer::Group(GroupIx(7)),
        }]]);
        let peer = "10.0.0.9".parse().unwrap();
        let mut identity = PeerMatch { groups: SmallVec::from_slice(&[GroupIx(7)]), preserved: false };
        let lost = GroupVerdict::Denied { empty: false, reference_lost: true };
        assert_eq!(rules.judge(tcp(80), peer, &identity), lost);
        identity.preserved = true;
        assert_eq!(rules.judge(tcp(80), peer, &identity), GroupVerdict::Allowed { rule: RuleIx(0), open: false });
    }
}
