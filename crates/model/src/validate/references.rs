//! Ids: each is of one resource, refers to something, and mostly to something of the same VPC.

use std::collections::HashMap;
use std::collections::hash_map::Entry;

use super::Index;
use crate::finding::Finding;
use crate::{EndpointKind, Id, NetworkInterface, Origin, Peer, Placement, SecurityGroup, Subnet, Vpc};

pub(super) fn check(index: &Index<'_>, findings: &mut Vec<Finding>) {
    duplicate_ids(index, findings);
    let network = index.network;
    network.vpcs.iter().for_each(|vpc| of_vpc(index, vpc, findings));
    network.subnets.iter().for_each(|subnet| of_subnet(index, subnet, findings));
    network.interfaces.iter().for_each(|interface| of_interface(index, interface, findings));
    network.security_groups.iter().for_each(|group| of_rules(index, group, findings));
    network.security_groups.iter().for_each(|group| associations(index, group, findings));
    of_gateways(index, findings);
    let parts = network.route_tables.iter().map(|it| (&it.id, &it.vpc, &it.origin));
    let parts = parts.chain(network.network_acls.iter().map(|it| (&it.id, &it.vpc, &it.origin)));
    let parts = parts.chain(network.gateway_route_tables.iter().map(|it| (&it.id, &it.vpc, &it.origin)));
    let parts = parts.chain(network.security_groups.iter().map(|it| (&it.id, &it.vpc, &it.origin)));
    for (id, vpc, origin) in parts {
        known(index.vpcs.contains_key(vpc), id, "VPC", vpc, origin, findings);
    }
}

pub(super) fn known(known: bool, id: &Id, what: &str, named: &Id, origin: &Origin, findings: &mut Vec<Finding>) {
    if !known {
        let text = format!("{id} names the {what} {named}, which does not exist");
        findings.push(Finding::error("unknown-reference", origin, text));
    }
}

/// A reference to something that has a VPC: it exists, and is of the VPC `vpc`.
fn of_same_vpc(
    (id, origin, vpc): (&Id, &Origin, Option<&Id>),
    what: &str,
    named: &Id,
    found: Option<(&Id, &Origin)>,
    findings: &mut Vec<Finding>,
) {
    known(found.is_some(), id, what, named, origin, findings);
    if let (Some((other, place)), Some(vpc)) = (found, vpc)
        && other != vpc
    {
        let text = format!("{id} of {vpc} names the {what} {named}, which is of {other}");
        findings.push(Finding::error("other-vpc", origin, text).related(place, format!("{named} is here")));
    }
}

fn of_vpc(index: &Index<'_>, vpc: &Vpc, findings: &mut Vec<Finding>) {
    let from = (&vpc.id, &vpc.origin, Some(&vpc.id));
    let table = index.route_tables.get(&vpc.main_route_table).map(|it| (&it.vpc, &it.origin));
    of_same_vpc(from, "main route table", &vpc.main_route_table, table, findings);
    let acl = index.network_acls.get(&vpc.default_network_acl).map(|it| (&it.vpc, &it.origin));
    of_same_vpc(from, "default network ACL", &vpc.default_network_acl, acl, findings);
    let group = index.security_groups.get(&vpc.default_security_group).map(|it| (&it.vpc, &it.origin));
    of_same_vpc(from, "default security group", &vpc.default_security_group, group, findings);
}

fn of_subnet(index: &Index<'_>, subnet: &Subnet, findings: &mut Vec<Finding>) {
    known(index.vpcs.contains_key(&subnet.vpc), &subnet.id, "VPC", &subnet.vpc, &subnet.origin, findings);
    let from = (&subnet.id, &subnet.origin, Some(&subnet.vpc));
    let table = index.route_tables.get(&subnet.route_table).map(|it| (&it.vpc, &it.origin));
    of_same_vpc(from, "route table", &subnet.route_table, table, findings);
    let acl = index.network_acls.get(&subnet.network_acl).map(|it| (&it.vpc, &it.origin));
    of_same_vpc(from, "network ACL", &subnet.network_acl, acl, findings);
}

fn of_interface(index: &Index<'_>, interface: &NetworkInterface, findings: &mut Vec<Finding>) {
    let (id, origin) = (&interface.id, &interface.origin);
    known(index.subnets.contains_key(&interface.subnet), id, "subnet", &interface.subnet, origin, findings);
    if let Some(instance) = &interface.instance {
        known(index.instances.contains_key(instance), id, "instance", instance, origin, findings);
    }
    let from = (id, origin, index.vpc_of_interface(interface));
    for named in &interface.security_groups {
        let group = index.security_groups.get(named);
        // One that is associated with the interface's VPC is as good as its own (6.14).
        let shared = from.2.filter(|vpc| group.is_some_and(|group| group.serves(vpc)));
        let group = group.map(|it| (shared.unwrap_or(&it.vpc), &it.origin));
        of_same_vpc(from, "security group", named, group, findings);
    }
}

/// Further VPCs of a group are others, each once, and a default group has none (6.14).
fn associations(index: &Index<'_>, group: &SecurityGroup, findings: &mut Vec<Finding>) {
    let SecurityGroup { id, vpc, further_vpcs, origin, .. } = group;
    for (position, further) in further_vpcs.iter().enumerate() {
        known(index.vpcs.contains_key(further), id, "VPC", further, origin, findings);
        let twice = further_vpcs[..position].contains(further);
        if twice || further == vpc {
            let how = if twice { "twice" } else { "which is its own" };
            let text = format!("{id} is associated with {further}, {how}");
            findings.push(Finding::warning("redundant-association", origin, text).help("leave it out"));
        }
    }
    let owner = index.network.vpcs.iter().find(|vpc| vpc.default_security_group == *id);
    if let (Some(owner), Some(further)) = (owner, further_vpcs.first()) {
        let text = format!("{id} is associated with {further}, but it is the default group of {}", owner.id);
        findings.push(Finding::error("shared-default-group", origin, text).help("share a group of your own"));
    }
}

fn of_rules(index: &Index<'_>, group: &SecurityGroup, findings: &mut Vec<Finding>) {
    for rule in group.ingress.iter().chain(&group.egress) {
        match &rule.peer {
            // Stale rules stay listed and match nothing, in AWS too (6.13). A JSON document may leave out a group that
            // there is, of another account or VPC, and its reader says so.
            Peer::SecurityGroup(peer) if rule.origin.path.is_none() && !index.security_groups.contains_key(peer) => {
                let text = format!("{} of {} names the group {peer}, which does not exist", rule.id, group.id);
                let finding = Finding::warning("stale-group", &rule.origin, text);
                findings.push(finding.help("the rule matches nothing: remove it"));
            }
            Peer::PrefixList(list) => {
                let owner = format!("{} of {}", rule.id, group.id);
                prefix_list(index, &owner, list, &rule.origin, findings);
            }
            Peer::SecurityGroup(_) | Peer::Cidr(_) => {}
        }
    }
}

/// A reference to a prefix list, from a rule, route or endpoint.
pub(super) fn prefix_list(index: &Index<'_>, owner: &str, list: &Id, origin: &Origin, findings: &mut Vec<Finding>) {
    if !index.prefix_lists.contains_key(list) {
        let text = format!("{owner} names the prefix list {list}, which does not exist: it matches nothing");
        let finding = Finding::warning("stale-prefix-list", origin, text);
        findings.push(finding.help("remove what names it, or describe the list"));
    }
}

fn of_gateways(index: &Index<'_>, findings: &mut Vec<Finding>) {
    for gateway in &index.network.internet_gateways {
        if let Some(vpc) = &gateway.vpc {
            known(index.vpcs.contains_key(vpc), &gateway.id, "VPC", vpc, &gateway.origin, findings);
        }
    }
    for gateway in &index.network.egress_only_internet_gateways {
        known(index.vpcs.contains_key(&gateway.vpc), &gateway.id, "VPC", &gateway.vpc, &gateway.origin, findings);
    }
    for gateway in &index.network.nat_gateways {
        let (id, origin) = (&gateway.id, &gateway.origin);
        let (subnet, interface) = match &gateway.placement {
            Placement::Zonal { subnet, interface } => (subnet, interface),
            Placement::Regional { route_table } => {
                known(index.vpcs.contains_key(&gateway.vpc), id, "VPC", &gateway.vpc, origin, findings);
                let table = index.route_tables.get(route_table).map(|it| (&it.vpc, &it.origin));
                let from = (id, origin, Some(&gateway.vpc));
                of_same_vpc(from, "route table", route_table, table, findings);
                continue;
            }
        };
        known(index.subnets.contains_key(subnet), id, "subnet", subnet, origin, findings);
        let found = index.interfaces.get(interface).and_then(|it| Some((index.vpc_of_interface(it)?, &it.origin)));
        if index.interfaces.contains_key(interface) && found.is_none() {
            // The interface's subnet is the unknown one, and is reported with the interface.
            continue;
        }
        let from = (id, origin, index.vpc_of_subnet(subnet));
        of_same_vpc(from, "interface", interface, found, findings);
    }
    for endpoint in &index.network.vpc_endpoints {
        let (id, vpc, origin) = (&endpoint.id, &endpoint.vpc, &endpoint.origin);
        known(index.vpcs.contains_key(vpc), id, "VPC", vpc, origin, findings);
        match &endpoint.kind {
            EndpointKind::Gateway { prefix_list: Some(list) } => {
                prefix_list(index, id.as_str(), list, origin, findings);
            }
            EndpointKind::Gateway { prefix_list: None } => {}
            EndpointKind::GatewayLoadBalancer { interface } => {
                known(index.interfaces.contains_key(interface), id, "interface", interface, origin, findings);
            }
            EndpointKind::Interface { interfaces, .. } => {
                for named in interfaces {
                    known(index.interfaces.contains_key(named), id, "interface", named, origin, findings);
                }
            }
        }
    }
}

fn duplicate_ids(index: &Index<'_>, findings: &mut Vec<Finding>) {
    let network = index.network;
    let mut ids: Vec<(&Id, &Origin)> = Vec::new();
    ids.extend(network.vpcs.iter().map(|it| (&it.id, &it.origin)));
    ids.extend(network.subnets.iter().map(|it| (&it.id, &it.origin)));
    // A table of AWS may be associated with several gateways, and with subnets too: it is then in both lists.
    ids.extend(network.route_tables.iter().map(|it| (&it.id, &it.origin)));
    ids.extend(network.network_acls.iter().map(|it| (&it.id, &it.origin)));
    ids.extend(network.security_groups.iter().map(|it| (&it.id, &it.origin)));
    let rules = network.security_groups.iter().flat_map(|it| it.ingress.iter().chain(&it.egress));
    ids.extend(rules.map(|it| (&it.id, &it.origin)));
    ids.extend(network.prefix_lists.iter().map(|it| (&it.id, &it.origin)));
    ids.extend(network.interfaces.iter().map(|it| (&it.id, &it.origin)));
    ids.extend(network.instances.iter().map(|it| (&it.id, &it.origin)));
    ids.extend(network.internet_gateways.iter().map(|it| (&it.id, &it.origin)));
    ids.extend(network.egress_only_internet_gateways.iter().map(|it| (&it.id, &it.origin)));
    ids.extend(network.nat_gateways.iter().map(|it| (&it.id, &it.origin)));
    ids.extend(network.vpc_endpoints.iter().map(|it| (&it.id, &it.origin)));
    ids.extend(network.vpc_peering_connections.iter().map(|it| (&it.id, &it.origin)));
    ids.extend(network.vpn_gateways.iter().map(|it| (&it.id, &it.origin)));
    ids.extend(network.flow_logs.iter().map(|it| (&it.id, &it.origin)));
    for gateway in &network.transit_gateways {
        ids.push((&gateway.id, &gateway.origin));
        ids.extend(gateway.attachments.iter().map(|it| (&it.id, &it.origin)));
        ids.extend(gateway.route_tables.iter().map(|it| (&it.id, &it.origin)));
    }
    let mut first = HashMap::with_capacity(ids.len());
    for (id, origin) in ids {
        match first.entry(id) {
            Entry::Vacant(free) => {
                free.insert(origin);
            }
            Entry::Occupied(taken) => {
                let finding = Finding::error("duplicate-id", origin, format!("the id {id} is given twice"));
                findings.push(finding.related(taken.get(), format!("{id} is here too")));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::finding::Severity::{self, Error, Warning};
    use crate::validate::sample::{add_second_vpc, codes, net, network};
    use crate::{Network, validate::validate};

    fn damaged(damage: impl FnOnce(&mut Network)) -> Vec<(&'static str, Severity)> {
        let mut network = network();
        damage(&mut network);
        validate(&network).iter().map(|finding| (finding.code, finding.severity)).collect()
    }

    #[test]
    fn every_reference_leads_somewhere() {
        type Damage = fn(&mut Network);
        let damages: [Damage; 14] = [
            |it| it.vpcs[0].main_route_table = "rtb-9".into(),
            |it| it.vpcs[0].default_network_acl = "acl-9".into(),
            |it| it.vpcs[0].default_security_group = "sg-9".into(),
            |it| it.subnets[1].route_table = "rtb-9".into(),
            |it| it.subnets[1].network_acl = "acl-9".into(),
            |it| it.interfaces[1].subnet = "subnet-9".into(),
            |it| it.interfaces[1].instance = Some("i-9".into()),
            |it| it.interfaces[1].security_groups = vec!["sg-9".into()],
            |it| {
                let (subnet, interface) = ("subnet-9".into(), "eni-nat".into());
                it.nat_gateways[0].placement = Placement::Zonal { subnet, interface };
            },
            |it| it.vpc_endpoints[0].vpc = "vpc-9".into(),
            |it| it.vpc_endpoints[0].kind = EndpointKind::Interface { interfaces: vec!["eni-9".into()], udp: false },
            |it| it.internet_gateways[0].vpc = Some("vpc-9".into()),
            |it| it.nat_gateways[0].placement = Placement::Regional { route_table: "rtb-9".into() },
            |it| {
                it.nat_gateways[0].placement = Placement::Regional { route_table: "rtb-a".into() };
                it.nat_gateways[0].vpc = "vpc-9".into();
            },
        ];
        for (at, damage) in damages.into_iter().enumerate() {
            assert!(damaged(damage).contains(&("unknown-reference", Error)), "{at}: {:?}", damaged(damage));
        }
        assert_eq!(damaged(|it| it.subnets[1].route_table = "rtb-9".into()), [("unknown-reference", Error)]);
    }

    #[test]
    fn an_empty_network_around_a_subnet_is_all_unknown() {
        let mut subnet = Network { subnets: vec![network().subnets.remove(0)], ..Network::default() };
        subnet.subnets[0].cidrs = vec![net("10.0.0.0/24")];
        assert_eq!(codes(&subnet), ["unknown-reference"; 3]);
    }

    #[test]
    fn tables_lists_and_groups_are_of_the_same_vpc() {
        let other = |damage: fn(&mut Network)| {
            damaged(|network| {
                add_second_vpc(network);
                damage(network);
            })
        };
        assert_eq!(other(|_| ()), []);
        assert_eq!(other(|it| it.subnets[1].route_table = "rtb-2".into()), [("other-vpc", Error)]);
        assert_eq!(other(|it| it.subnets[1].network_acl = "acl-2".into()), [("other-vpc", Error)]);
        assert_eq!(other(|it| it.vpcs[0].main_route_table = "rtb-2".into()), [("other-vpc", Error)]);
        assert_eq!(other(|it| it.interfaces[1].security_groups = vec!["sg-2".into()]), [("other-vpc", Error)]);
        let regional = |it: &mut Network| {
            it.interfaces.remove(2);
            it.nat_gateways[0].addresses[0].translated = [198, 51, 100, 20].into();
            it.nat_gateways[0].placement = Placement::Regional { route_table: "rtb-2".into() };
        };
        assert!(other(regional).contains(&("other-vpc", Error)));
    }

    #[test]
    fn a_group_serves_its_vpc_and_those_that_it_is_associated_with() {
        let shared = |further_vpcs: &[&str]| {
            let further_vpcs = further_vpcs.iter().map(|id| Id::from(*id)).collect();
            damaged(|it| {
                add_second_vpc(it);
                let group = SecurityGroup { id: "sg-3".into(), further_vpcs, ..it.security_groups[1].clone() };
                it.security_groups.push(group);
                it.interfaces[1].security_groups = vec!["sg-3".into()];
            })
        };
        assert_eq!(shared(&[]), [("other-vpc", Error)]);
        assert_eq!(shared(&["vpc-1"]), []);
        assert_eq!(shared(&["vpc-1", "vpc-1"]), [("redundant-association", Warning)]);
        assert_eq!(shared(&["vpc-2", "vpc-1"]), [("redundant-association", Warning)]);
        assert_eq!(shared(&["vpc-1", "vpc-9"]), [("unknown-reference", Error)]);
        let default = |it: &mut Network| {
            add_second_vpc(it);
            it.security_groups[1].further_vpcs = vec!["vpc-1".into()];
        };
        assert_eq!(damaged(default), [("shared-default-group", Error)]);
    }

    #[test]
    fn rules_may_be_stale() {
        let stale = |it: &mut Network| it.security_groups[0].ingress[0].peer = Peer::SecurityGroup("sg-9".into());
        assert_eq!(damaged(stale), [("stale-group", Warning)]);
        let listed = |it: &mut Network| it.security_groups[0].egress[0].peer = Peer::PrefixList("pl-9".into());
        assert_eq!(damaged(listed), [("stale-prefix-list", Warning)]);
    }

    #[test]
    fn groups_that_a_document_leaves_out_may_exist() {
        let left_out = |it: &mut Network| {
            let rule = &mut it.security_groups[0].ingress[0];
            rule.peer = Peer::SecurityGroup("sg-9".into());
            let path = "SecurityGroups[0].IpPermissions[0].UserIdGroupPairs[0]";
            rule.origin = Origin { file: "dump.json".into(), path: Some(path.into()), ..Origin::default() };
        };
        assert_eq!(damaged(left_out), []);
    }

    #[test]
    fn ids_are_given_once() {
        let twice = |it: &mut Network| it.security_groups[0].egress[0].id = "sgr-1".into();
        assert_eq!(damaged(twice), [("duplicate-id", Error)]);
        let table = |it: &mut Network| it.route_tables.push(it.route_tables[0].clone());
        assert_eq!(damaged(table), [("duplicate-id", Error)]);
    }
}
