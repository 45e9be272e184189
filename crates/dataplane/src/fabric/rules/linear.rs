//! What rules mean, one after the other: the reference that the compiled ones are compared with.

use std::net::IpAddr;

use ipnet::IpNet;
use vpcemu_model::{AclAction, IcmpTypeCode, Ports, Protocol};

use super::{AclRule, AclVerdict, Entry, GroupRule, GroupVerdict, PeerMatch, RulePeer, Subject};

impl Subject {
    pub(super) fn matches(self, protocol: Protocol, ports: Ports) -> bool {
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

/// The first entry by number that matches.
pub(super) fn acl(rules: &[AclRule], subject: Subject, peer: IpAddr) -> AclVerdict {
    let mut rules: Vec<_> = rules.iter().collect();
    rules.sort_by_key(|rule| rule.number);
    // ICMPv6 with an IPv4 block matches all types (7.7).
    let ports = |rule: &AclRule| match (rule.protocol, rule.net) {
        (Protocol::ICMPV6, IpNet::V4(_)) => Ports::Any,
        _ => rule.ports,
    };
    let first = rules.iter().find(|rule| rule.net.contains(&peer) && subject.matches(rule.protocol, ports(rule)));
    first.map_or(AclVerdict { allowed: false, number: None }, |rule| AclVerdict {
        allowed: rule.action == AclAction::Allow,
        number: Some(rule.number),
    })
}

/// The union of groups: every rule of every group, in order.
pub(super) fn groups(groups: &[Vec<GroupRule>], subject: Subject, peer: IpAddr, identity: &PeerMatch) -> GroupVerdict {
    let empty = groups.iter().all(Vec::is_empty);
    let mut verdict = GroupVerdict::Denied { empty, reference_lost: false };
    let rules = groups.iter().flatten();
    for GroupRule { id, entry: Entry { peer: of, .. } } in
        rules.filter(|rule| subject.matches(rule.entry.protocol, rule.entry.ports))
    {
        let (matches, open) = match of {
            RulePeer::Net(net) => (net.contains(&peer), net.prefix_len() == 0),
            RulePeer::List(nets) => (nets.iter().any(|net| net.contains(&peer)), false),
            RulePeer::Group(group) => {
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
            (GroupVerdict::Denied { .. }, true) => verdict = GroupVerdict::Allowed { rule: *id, open },
        }
    }
    verdict
}

#[cfg(test)]
mod tests {
    use super::*;
    use vpcemu_model::PortRange;

    #[test]
    fn ports_of_other_protocols_are_ignored() {
        let sctp = Subject { protocol: 132, port: None, icmp: None };
        let range = Ports::Range(PortRange { from: 5000, to: 5000 });
        assert!(sctp.matches(Protocol::Number(132), range));
        assert!(sctp.matches(Protocol::All, range));
        assert!(!sctp.matches(Protocol::TCP, Ports::Any));
    }
}
