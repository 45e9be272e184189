use std::net::IpAddr;

use ipnet::IpNet;
use smallvec::SmallVec;
use vpcemu_model::{AclAction, Ports, Protocol};

use super::Subject;
use super::part::{Entry, Part, RulePeer};
use super::sets::MOST;

/// One direction of a network ACL, in the order of the rule numbers.
#[derive(Debug, Default)]
pub struct AclRules {
    /// What an entry that matches says, by its position.
    verdicts: Vec<AclVerdict>,
    parts: SmallVec<[Box<Part>; 1]>,
}

#[derive(Clone, Debug)]
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
        let verdict =
            |rule: &AclRule| AclVerdict { allowed: rule.action == AclAction::Allow, number: Some(rule.number) };
        let verdicts = rules.iter().map(verdict).collect();
        let entry = |rule: &AclRule| Entry {
            protocol: rule.protocol,
            ports: rule.effective_ports(),
            peer: RulePeer::Net(rule.net),
        };
        let entries: Vec<_> = rules.iter().map(entry).collect();
        Self { verdicts, parts: entries.chunks(MOST).map(|part| Box::new(Part::new(part))).collect() }
    }

    /// First match by number; nothing matching is a deny (7.3). `peer` is the source of what enters and the destination
    /// of what leaves (7.6).
    pub fn judge(&self, subject: Subject, peer: IpAddr) -> AclVerdict {
        for (verdicts, part) in self.verdicts.chunks(MOST).zip(&self.parts) {
            if let Some(first) = part.first(part.about(subject), part.with(peer)) {
                return verdicts[first];
            }
        }
        AclVerdict { allowed: false, number: None }
    }
}

impl AclRule {
    /// ICMPv6 with an IPv4 block matches all types (7.7).
    pub(super) fn effective_ports(&self) -> Ports {
        if self.protocol == Protocol::ICMPV6 && self.net.addr().is_ipv4() { Ports::Any } else { self.ports }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use vpcemu_model::PortRange;

    fn acl(number: u16, action: AclAction, ports: Ports, net: &str) -> AclRule {
        AclRule { number, action, protocol: Protocol::TCP, ports, net: net.parse().unwrap() }
    }

    #[test]
    fn entries_are_asked_by_number_and_the_first_match_decides() {
        let ephemeral = Ports::Range(PortRange { from: 1024, to: 65_535 });
        let rules = AclRules::new(vec![
            acl(110, AclAction::Allow, ephemeral, "0.0.0.0/0"),
            acl(90, AclAction::Deny, Ports::Any, "198.51.100.0/24"),
        ]);
        let judge = |port, peer: &str| {
            rules.judge(Subject { protocol: 6, port: Some(port), icmp: None }, peer.parse().unwrap())
        };
        assert_eq!(judge(40000, "198.51.100.7"), AclVerdict { allowed: false, number: Some(90) });
        assert_eq!(judge(40000, "93.184.216.34"), AclVerdict { allowed: true, number: Some(110) });
        assert_eq!(judge(1023, "93.184.216.34"), AclVerdict { allowed: false, number: None });
        assert_eq!(judge(40000, "2001:db8::1"), AclVerdict { allowed: false, number: None });
    }
}
