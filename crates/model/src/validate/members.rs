//! Security groups that no interface has.

use std::collections::{HashMap, HashSet};

use super::Index;
use crate::finding::{Finding, Severity};
use crate::{Id, Network, Origin, Peer, SecurityGroup};

/// What the reader of dumps notes where no file describes interfaces: those of instances are then there, and many others, which
/// may have any group, are not.
const MISSING_NETWORK_INTERFACES: &str = "MISSING_NETWORK_INTERFACES";
/// Terraform's types of security groups.
const TERRAFORM_GROUPS: [&str; 2] = ["aws_security_group", "aws_default_security_group"];

pub(super) fn check(index: &Index<'_>, findings: &mut Vec<Finding>) {
    let network = index.network;
    if !tells_interfaces(network) {
        return;
    }
    let used: HashSet<&Id> = network.interfaces.iter().flat_map(|interface| &interface.security_groups).collect();
    // Where no interface is known, nothing is known of who has a group. Those of gateways, which have none, are made.
    let with_groups = network.interfaces.iter().filter(|interface| !interface.security_groups.is_empty());
    let populated: HashSet<&Id> = with_groups.filter_map(|interface| index.vpc_of_interface(interface)).collect();
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
        if used.contains(id) || defaults.contains(id) || !populated.contains(vpc) || is_terraform(origin) {
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

fn tells_interfaces(network: &Network) -> bool {
    !network.assumptions.iter().any(|assumption| assumption.code == MISSING_NETWORK_INTERFACES)
}

/// Whether a group is Terraform's, which does not tell who has it: load balancers, databases and functions name groups, and
/// AWS makes their interfaces.
fn is_terraform(origin: &Origin) -> bool {
    let mut segments = origin.path.as_deref().into_iter().flat_map(|path| path.split('.'));
    segments.any(|segment| TERRAFORM_GROUPS.contains(&segment))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Assumption;
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
    /// The sample with a group that no interface has.
    fn with_spare_group() -> Network {
        let mut network = network();
        let group = SecurityGroup { id: "sg-spare".into(), ..network.security_groups[0].clone() };
        network.security_groups.push(SecurityGroup { ingress: Vec::new(), egress: Vec::new(), ..group });
        network
    }

    #[test]
    fn who_has_a_group_is_not_known_without_interfaces() {
        let mut network = with_spare_group();
        network.assumptions.push(Assumption {
            code: MISSING_NETWORK_INTERFACES.to_owned(),
            place: "NetworkInterfaces".to_owned(),
            text: "no NetworkInterfaces".to_owned(),
        });
        assert_eq!(codes(&network), [""; 0]);
        // That of the NAT gateway has no group.
        let mut network = with_spare_group();
        network.interfaces.drain(..2);
        assert_eq!(codes(&network), [""; 0]);
    }

    #[test]
    fn terraform_does_not_tell_who_has_a_group() {
        let with = |path: &str| {
            let mut network = with_spare_group();
            let origin = Origin { file: "plan.json".into(), path: Some(path.into()), ..Origin::default() };
            network.security_groups[1].origin = origin;
            codes(&network)
        };
        assert_eq!(with("aws_security_group.alb"), [""; 0]);
        assert_eq!(with("module.web.data.aws_security_group.alb[\"a.b\"]"), [""; 0]);
        assert_eq!(with("SecurityGroups[1]"), ["group-without-members"]);
    }
}
