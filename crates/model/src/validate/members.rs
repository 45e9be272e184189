//! Security groups that no interface has.

use std::collections::{HashMap, HashSet};

use super::Index;
use crate::finding::{Finding, Severity};
use crate::{Id, Peer, SecurityGroup};

pub(super) fn check(index: &Index<'_>, findings: &mut Vec<Finding>) {
    let network = index.network;
    let used: HashSet<&Id> = network.interfaces.iter().flat_map(|interface| &interface.security_groups).collect();
    // Where no interface is known, nothing is known of who has a group.
    let populated: HashSet<&Id> =
        network.interfaces.iter().filter_map(|interface| index.vpc_of_interface(interface)).collect();
    // AWS makes one with every VPC, and does not let it be deleted.
    let defaults: HashSet<&Id> = network.vpcs.iter().map(|vpc| &vpc.default_security_group).collect();
    let mut references: HashMap<&Id, usize> = HashMap::new();
    for group in &network.security_groups {
        for rule in group.ingress.iter().chain(&group.egress) {
            if let Peer::SecurityGroup(peer) = &rule.peer
                && *peer != group.id
            {
                *references.entry(peer).or_default() += 1;
            }
        }
    }
    for SecurityGroup { id, vpc, origin, .. } in &network.security_groups {
        if used.contains(id) || defaults.contains(id) || !populated.contains(vpc) {
            continue;
        }
        let (text, help) = match references.get(id) {
            None => (format!("no interface has {id}"), "delete it, or give it to the interfaces that it is meant for"),
            Some(1) => (
                format!("no interface has {id}, so that the rule of another group that names it matches nothing"),
                "give it to the interfaces that it is meant for, or delete it with the rule",
            ),
            Some(rules) => (
                format!("no interface has {id}, so that the {rules} rules of other groups that name it match nothing"),
                "give it to the interfaces that it is meant for, or delete it with the rules",
            ),
        };
        findings.push(Finding::new(Severity::Lint, "group-without-members", origin, text).help(help));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::validate::sample::{add_second_vpc, codes, network, rule};
    use crate::validate::validate;

    #[test]
    fn groups_are_for_interfaces() {
        let mut network = network();
        let group = SecurityGroup { id: "sg-spare".into(), ..network.security_groups[0].clone() };
        network.security_groups.push(SecurityGroup { ingress: Vec::new(), egress: Vec::new(), ..group });
        assert_eq!(codes(&network), ["group-without-members"]);
        network.security_groups[0].ingress.push(rule("sgr-9", Peer::SecurityGroup("sg-spare".into())));
        let text = &validate(&network)[0].text;
        assert!(text.ends_with("the rule of another group that names it matches nothing"), "{text}");
        network.security_groups[0].egress.push(rule("sgr-10", Peer::SecurityGroup("sg-spare".into())));
        let text = &validate(&network)[0].text;
        assert!(text.ends_with("the 2 rules of other groups that name it match nothing"), "{text}");
        network.interfaces[0].security_groups.push("sg-spare".into());
        assert_eq!(codes(&network), [""; 0]);
    }

    #[test]
    fn default_groups_and_those_of_vpcs_without_interfaces_may_be_empty() {
        let mut network = network();
        add_second_vpc(&mut network);
        let group = SecurityGroup { id: "sg-spare".into(), ..network.security_groups[1].clone() };
        network.security_groups.push(group);
        assert_eq!(codes(&network), [""; 0]);
    }
}
