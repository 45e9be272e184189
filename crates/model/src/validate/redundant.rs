//! Rules that add nothing: rules of a security group that others of it say too, and network ACL entries that no packet
//! reaches.

use std::collections::HashMap;
use std::collections::hash_map::Entry;

use super::Index;
use super::filtering::RULE_NUMBERS;
use crate::behavior::NaclFragments;
use crate::finding::{Finding, Severity};
use crate::{AclEntry, NetworkAcl, Peer, PortRange, Ports, Protocol, SecurityGroup, SecurityGroupRule};

/// What has more rules or entries is not searched for those that add nothing: each is compared with all others. The
/// quota is 40 entries (7.15) and 60 rules that most accounts have (6.26).
const SEARCHED: usize = 200;

pub(super) fn check(index: &Index<'_>, findings: &mut Vec<Finding>) {
    for group in &index.network.security_groups {
        repeated(group, "inbound", &group.ingress, findings);
        repeated(group, "outbound", &group.egress, findings);
        covered(group, "inbound", &group.ingress, findings);
        covered(group, "outbound", &group.egress, findings);
    }
    for acl in &index.network.network_acls {
        let fragments = index.network.behavior.network_acl.nacl_fragments;
        unreached(acl, "inbound", &acl.ingress, fragments, findings);
        unreached(acl, "outbound", &acl.egress, fragments, findings);
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
                let finding = Finding::warning("duplicate-rule", &rule.origin, text).help("remove one of the two");
                findings.push(finding.related(&other.origin, "the other rule"));
            }
        }
    }
}

/// A rule of the same group allows all that it does (6.2).
fn covered(group: &SecurityGroup, direction: &str, rules: &[SecurityGroupRule], findings: &mut Vec<Finding>) {
    if rules.len() > SEARCHED {
        return;
    }
    let says = |rule: &SecurityGroupRule| (rule.protocol, rule.ports);
    for rule in rules {
        let wider = |other: &&SecurityGroupRule| {
            // Two that say the same are a finding of their own.
            let more = says(other) != says(rule) || other.peer != rule.peer;
            more && allows(says(other), says(rule)) && peer_covers(&other.peer, &rule.peer)
        };
        let Some(other) = rules.iter().find(wider) else { continue };
        // Two ways to say one thing cover each other: the later one is too many.
        let earlier = |it: &SecurityGroupRule| rules.iter().position(|of| std::ptr::eq(of, it));
        let mutual = allows(says(rule), says(other)) && peer_covers(&rule.peer, &other.peer);
        if mutual && earlier(rule) < earlier(other) {
            continue;
        }
        let text =
            format!("the {direction} rule {} of {} allows nothing that {} does not", rule.id, group.id, other.id);
        let finding = Finding::new(Severity::Lint, "covered-rule", &rule.origin, text);
        let help = format!("remove it, or {} if that was to be less wide", other.id);
        findings.push(finding.help(help).related(&other.origin, "the wider rule"));
    }
}

fn peer_covers(wide: &Peer, narrow: &Peer) -> bool {
    match (wide, narrow) {
        (Peer::Cidr(wide), Peer::Cidr(narrow)) => wide.trunc().contains(&narrow.trunc()),
        (wide, narrow) => wide == narrow,
    }
}

/// An entry before it, by number, matches every packet that it would (7.3).
fn unreached(
    acl: &NetworkAcl,
    direction: &str,
    entries: &[AclEntry],
    fragments: NaclFragments,
    findings: &mut Vec<Finding>,
) {
    if entries.len() > SEARCHED {
        return;
    }
    for entry in entries {
        // A number that no entry can have is a finding of its own.
        let before = entries.iter().filter(|it| it.number < entry.number && RULE_NUMBERS.contains(&it.number));
        let Some(other) = before.filter(|other| covers(other, entry, fragments)).min_by_key(|other| other.number)
        else {
            continue;
        };
        let text = format!(
            "no packet reaches the {direction} entry {} of {}: entry {} matches all that it would",
            entry.number, acl.id, other.number
        );
        let finding = Finding::new(Severity::Lint, "unreached-entry", &entry.origin, text);
        let finding = finding.help(format!("remove it, or give it a number below {}", other.number));
        findings.push(finding.related(&other.origin, format!("entry {}", other.number)));
    }
}

fn covers(wide: &AclEntry, narrow: &AclEntry, fragments: NaclFragments) -> bool {
    let says = |entry: &AclEntry| (entry.protocol, entry.ports);
    // Later fragments have no ports then, not even one of 0-65535 (7.13).
    let portless = fragments == NaclFragments::PortlessOnly
        && wide.protocol != Protocol::All
        && matches!((wide.ports, narrow.ports), (Ports::Range(_), Ports::Any));
    !portless && allows(says(wide), says(narrow)) && wide.cidr.trunc().contains(&narrow.cidr.trunc())
}

/// Whether a protocol with its ports is all of another one.
fn allows((protocol, wide): (Protocol, Ports), (narrow_protocol, narrow): (Protocol, Ports)) -> bool {
    // Ports mean nothing beside all protocols (6.4, 7.7).
    protocol == Protocol::All || protocol == narrow_protocol && ports_cover(wide, narrow)
}

fn ports_cover(wide: Ports, narrow: Ports) -> bool {
    match (wide, narrow) {
        (Ports::Any | Ports::Range(PortRange::ALL), _) => true,
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
    use crate::validate::sample::{net, network, rule};
    use crate::validate::validate;
    use crate::{AclAction, IcmpTypeCode, Network, Origin};

    fn found(network: &Network) -> Vec<(&'static str, Severity)> {
        let mut findings = Vec::new();
        check(&Index::new(network), &mut findings);
        findings.iter().map(|finding| (finding.code, finding.severity)).collect()
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

    #[test]
    fn a_rule_inside_another_one_adds_nothing() {
        let with = |rules: &[(Protocol, Ports, &str)]| {
            let mut network = network();
            network.security_groups[0].ingress = rules
                .iter()
                .enumerate()
                .map(|(at, (protocol, ports, block))| {
                    let (protocol, ports, peer) = (*protocol, *ports, Peer::Cidr(net(block)));
                    SecurityGroupRule { protocol, ports, ..rule(&format!("sgr-in-{at}"), peer) }
                })
                .collect();
            validate(&network).into_iter().map(|finding| (finding.code, finding.text)).collect::<Vec<_>>()
        };
        let ports = |from, to| Ports::Range(PortRange { from, to });
        let (tcp, all) = (Protocol::TCP, Protocol::All);
        let inside = |narrow: u8, wide: u8| {
            let text = format!("the inbound rule sgr-in-{narrow} of sg-1 allows nothing that sgr-in-{wide} does not");
            vec![("covered-rule", text)]
        };
        assert_eq!(with(&[(tcp, ports(443, 443), "10.1.0.0/16"), (tcp, ports(80, 443), "10.0.0.0/8")]), inside(0, 1));
        assert_eq!(with(&[(all, Ports::Any, "10.0.0.0/8"), (tcp, ports(22, 22), "10.0.0.0/8")]), inside(1, 0));
        // Two words for one thing.
        assert_eq!(with(&[(tcp, Ports::Any, "10.0.0.0/8"), (tcp, ports(0, 65535), "10.0.0.0/8")]), inside(1, 0));
        // A port more, a block beside, another protocol, the other family.
        assert_eq!(with(&[(tcp, ports(443, 444), "10.1.0.0/16"), (tcp, ports(80, 443), "10.0.0.0/8")]), []);
        assert_eq!(with(&[(tcp, ports(443, 443), "11.1.0.0/16"), (tcp, ports(80, 443), "10.0.0.0/8")]), []);
        assert_eq!(with(&[(Protocol::UDP, ports(53, 53), "10.1.0.0/16"), (tcp, Ports::Any, "10.0.0.0/8")]), []);
        assert_eq!(with(&[(all, Ports::Any, "0.0.0.0/0"), (all, Ports::Any, "::/0")]), []);
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

    #[test]
    fn all_ports_are_not_everything_where_fragments_have_none() {
        let mut network = network();
        let every = |number, ports| entry(number, Protocol::TCP, ports, "0.0.0.0/0");
        network.network_acls[0].ingress = vec![every(100, Ports::Range(PortRange::ALL)), every(200, Ports::Any)];
        assert_eq!(found(&network), [("unreached-entry", Lint)]);
        network.behavior.network_acl.nacl_fragments = NaclFragments::PortlessOnly;
        assert_eq!(found(&network), []);
        network.network_acls[0].ingress = vec![every(100, Ports::Any), every(200, Ports::Range(PortRange::ALL))];
        assert_eq!(found(&network), [("unreached-entry", Lint)]);
    }
}
