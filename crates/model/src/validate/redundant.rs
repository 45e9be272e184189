//! Rules that add nothing: the same rule again in a security group, and network ACL entries that no packet reaches.

use std::collections::HashMap;
use std::collections::hash_map::Entry;

use super::Index;
use super::filtering::RULE_NUMBERS;
use crate::finding::{Finding, Severity};
use crate::{AclEntry, NetworkAcl, Peer, Ports, Protocol, SecurityGroup, SecurityGroupRule};

/// A network ACL with more entries is not searched for ones that no packet reaches: each is compared with all before it, and the
/// largest quota is 40 (7.15).
const SEARCHED: usize = 200;

pub(super) fn check(index: &Index<'_>, findings: &mut Vec<Finding>) {
    for group in &index.network.security_groups {
        repeated(group, "inbound", &group.ingress, findings);
        repeated(group, "outbound", &group.egress, findings);
    }
    for acl in &index.network.network_acls {
        unreached(acl, "inbound", &acl.ingress, findings);
        unreached(acl, "outbound", &acl.egress, findings);
    }
}

/// AWS takes no rule twice; the union of both is one (6.2).
fn repeated(group: &SecurityGroup, direction: &str, rules: &[SecurityGroupRule], findings: &mut Vec<Finding>) {
    let mut first: HashMap<(Protocol, Ports, &Peer), &SecurityGroupRule> = HashMap::with_capacity(rules.len());
    for rule in rules {
        match first.entry((rule.protocol, rule.ports, &rule.peer)) {
            Entry::Vacant(free) => {
                free.insert(rule);
            }
            // The same rule twice is a duplicate id, and reported as that.
            Entry::Occupied(taken) if taken.get().id == rule.id => {}
            Entry::Occupied(taken) => {
                let other = taken.get();
                let text = format!("the {direction} rule {} of {} says the same as {}", rule.id, group.id, other.id);
                let finding = Finding::warning("duplicate-rule", &rule.origin, text);
                findings.push(finding.related(&other.origin, "the other rule"));
            }
        }
    }
}

/// An entry before it, by number, matches every packet that it would (7.3).
fn unreached(acl: &NetworkAcl, direction: &str, entries: &[AclEntry], findings: &mut Vec<Finding>) {
    if entries.len() > SEARCHED {
        return;
    }
    for entry in entries {
        // A number that no entry can have is a finding of its own.
        let before = entries.iter().filter(|it| it.number < entry.number && RULE_NUMBERS.contains(&it.number));
        let Some(other) = before.filter(|other| covers(other, entry)).min_by_key(|other| other.number) else {
            continue;
        };
        let text = format!(
            "no packet reaches the {direction} entry {} of {}: entry {} matches all that it would",
            entry.number, acl.id, other.number
        );
        let finding = Finding::new(Severity::Lint, "unreached-entry", &entry.origin, text);
        findings.push(finding.related(&other.origin, format!("entry {}", other.number)));
    }
}

fn covers(wide: &AclEntry, narrow: &AclEntry) -> bool {
    let protocol = wide.protocol == Protocol::All || wide.protocol == narrow.protocol;
    // Ports mean nothing beside all protocols (7.7).
    let ports = wide.protocol == Protocol::All || ports_cover(wide.ports, narrow.ports);
    protocol && ports && wide.cidr.trunc().contains(&narrow.cidr.trunc())
}

fn ports_cover(wide: Ports, narrow: Ports) -> bool {
    match (wide, narrow) {
        (Ports::Any, _) => true,
        (Ports::Range(wide), Ports::Range(narrow)) => wide.from <= narrow.from && narrow.to <= wide.to,
        (Ports::Icmp(wide), Ports::Icmp(narrow)) => {
            let kind = wide.kind.is_none() || wide.kind == narrow.kind;
            kind && (wide.code.is_none() || wide.code == narrow.code)
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::finding::Severity::{Lint, Warning};
    use crate::validate::sample::{net, network};
    use crate::validate::validate;
    use crate::{AclAction, IcmpTypeCode, Network, Origin, PortRange};

    fn found(network: &Network) -> Vec<(&'static str, Severity)> {
        validate(network).iter().map(|finding| (finding.code, finding.severity)).collect()
    }

    #[test]
    fn the_same_rule_again_is_one_too_many() {
        let mut network = network();
        let rule = network.security_groups[0].egress[0].clone();
        network.security_groups[0].egress.push(SecurityGroupRule { id: "sgr-again".into(), ..rule });
        assert_eq!(found(&network), [("duplicate-rule", Warning)]);
        // With anything else in it it is another one.
        network.security_groups[0].egress[1].peer = Peer::Cidr(net("198.51.100.0/24"));
        assert_eq!(found(&network), []);
    }

    fn entry(number: u16, protocol: Protocol, ports: Ports, block: &str) -> AclEntry {
        let (action, cidr, origin) = (AclAction::Deny, net(block), Origin::implicit());
        AclEntry { number, action, protocol, ports, cidr, origin }
    }

    fn entries(of: Vec<AclEntry>) -> Vec<(&'static str, Severity)> {
        let mut network = network();
        network.network_acls[0].ingress = of;
        found(&network)
    }

    #[test]
    fn an_entry_behind_one_that_matches_more_is_not_reached() {
        let ports = |from, to| Ports::Range(PortRange { from, to });
        let icmp = |kind, code| Ports::Icmp(IcmpTypeCode { kind, code });
        let (tcp, all) = (Protocol::TCP, Protocol::All);
        let unreached = [("unreached-entry", Lint)];
        let wide = || entry(100, tcp, ports(80, 443), "10.0.0.0/8");
        assert_eq!(entries(vec![wide(), entry(200, tcp, ports(443, 443), "10.1.0.0/16")]), unreached);
        assert_eq!(entries(vec![entry(200, tcp, ports(443, 443), "10.1.0.0/16"), wide()]), unreached);
        assert_eq!(
            entries(vec![entry(100, all, Ports::Any, "10.0.0.0/8"), entry(200, tcp, ports(1, 2), "10.1.0.0/16")]),
            unreached
        );
        let echo = entry(100, Protocol::ICMP, icmp(Some(8), None), "0.0.0.0/0");
        assert_eq!(
            entries(vec![echo.clone(), entry(200, Protocol::ICMP, icmp(Some(8), Some(0)), "10.0.0.0/8")]),
            unreached
        );
        // One port more, a larger block, another protocol or type, the other family, a lower number.
        assert_eq!(entries(vec![wide(), entry(200, tcp, ports(443, 444), "10.1.0.0/16")]), []);
        assert_eq!(entries(vec![wide(), entry(200, tcp, ports(443, 443), "10.0.0.0/7")]), []);
        assert_eq!(entries(vec![wide(), entry(200, Protocol::UDP, ports(443, 443), "10.1.0.0/16")]), []);
        assert_eq!(entries(vec![echo, entry(200, Protocol::ICMP, icmp(Some(3), None), "10.0.0.0/8")]), []);
        assert_eq!(entries(vec![entry(100, all, Ports::Any, "0.0.0.0/0"), entry(200, all, Ports::Any, "::/0")]), []);
        assert_eq!(entries(vec![wide(), entry(50, tcp, ports(443, 443), "10.1.0.0/16")]), []);
    }
}
