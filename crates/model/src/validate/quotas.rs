//! Quotas (section 13): a warning above the default, since it can be raised, an error above what it can be raised to.

mod neighbors;
mod regions;
mod usage;

use std::collections::HashMap;

use super::Index;
use super::blocks::is_v4;
use crate::finding::Finding;
use crate::{
    Destination, Id, Network, NetworkInterface, Origin, Peer, Placement, Route, RouteOrigin, SecurityGroup,
    SecurityGroupRule, Target,
};

/// A quota: what accounts start with, and what it can be raised to where AWS says.
struct Quota {
    of: &'static str,
    default: usize,
    maximum: Option<usize>,
}

/// Of either family: 5, adjustable to 50 (1.1, 1.5).
const VPC_BLOCKS: Quota = Quota { of: "blocks", default: 5, maximum: Some(50) };
/// Adjustable, without a documented maximum.
const SUBNETS: Quota = Quota { of: "subnets", default: 200, maximum: None };
/// Adjustable, without a documented maximum.
const ROUTE_TABLES: Quota = Quota { of: "route tables", default: 200, maximum: None };
/// Adjustable, without a documented maximum.
const NETWORK_ACLS: Quota = Quota { of: "network ACLs", default: 200, maximum: None };
/// Per table and family; prefix lists count with their entries (2.5).
const ROUTES: Quota = Quota { of: "static routes", default: 500, maximum: Some(1000) };
/// Per direction and family. Rules times groups per interface stay within 1000, so one group can have that many.
const GROUP_RULES: Quota = Quota { of: "rules", default: 60, maximum: Some(1000) };
/// 5, adjustable to 16 (6.2).
const GROUPS: Quota = Quota { of: "security groups", default: 5, maximum: Some(16) };
/// Rules of one group times groups of one interface, per direction and family, however the two quotas are raised.
const RULES_OF_INTERFACE: usize = 1000;
/// Per direction: 20, adjustable to 40 (7.15).
const ACL_ENTRIES: Quota = Quota { of: "entries", default: 20, maximum: Some(40) };
/// 1000 entries, without a documented maximum.
const LIST_ENTRIES: Quota = Quota { of: "entries", default: 1000, maximum: None };
/// To one list, of rules and of routes each; without a documented maximum.
const LIST_REFERENCES: [Quota; 2] = [
    Quota { of: "references in rules", default: 10_000, maximum: None },
    Quota { of: "references in routes", default: 10_000, maximum: None },
];
/// Elastic IPs of a public NAT gateway: 2, adjustable to the 8 addresses that it can have (4.2).
const PUBLIC_NAT_ADDRESSES: Quota = Quota { of: "public addresses", default: 2, maximum: Some(8) };
/// A primary and seven secondary addresses, fixed (4.2).
const NAT_ADDRESSES: Quota = Quota { of: "addresses", default: 8, maximum: Some(8) };

/// Of a regional one, fixed (4.4).
const ZONE_ADDRESSES: Quota = Quota { of: "addresses in one availability zone", default: 32, maximum: Some(32) };
/// 50, without a documented maximum (3.15).
const EXCLUSIONS: Quota = Quota { of: "exclusions", default: 50, maximum: None };

impl Quota {
    /// A finding when `count` is above; `which` narrows down what is counted: `inbound `, `IPv4 `.
    fn check(&self, id: &Id, which: &str, count: usize, origin: &Origin) -> Option<Finding> {
        let Self { of, default, maximum } = *self;
        match maximum {
            Some(maximum) if count > maximum => {
                let text = format!("{id} has {count} {which}{of}, and {maximum} is the most there can be");
                Some(Finding::error("quota", origin, text))
            }
            _ if count > default => {
                let text = format!("{id} has {count} {which}{of}, above the default quota of {default}");
                let help = "have the quota raised, or have fewer";
                Some(Finding::warning("quota", origin, text).help(help))
            }
            _ => None,
        }
    }
}

pub(super) fn check(index: &Index<'_>, findings: &mut Vec<Finding>) {
    let network = index.network;
    let subnets = count(network.subnets.iter().map(|it| &it.vpc));
    let of_gateways = network.gateway_route_tables.iter().map(|it| &it.vpc);
    let tables = count(network.route_tables.iter().map(|it| &it.vpc).chain(of_gateways));
    let acls = count(network.network_acls.iter().map(|it| &it.vpc));
    for vpc in &network.vpcs {
        let (id, origin) = (&vpc.id, &vpc.origin);
        let v4 = vpc.cidrs.iter().filter(|block| is_v4(**block)).count();
        findings.extend(VPC_BLOCKS.check(id, "IPv4 ", v4, origin));
        findings.extend(VPC_BLOCKS.check(id, "IPv6 ", vpc.cidrs.len() - v4, origin));
        findings.extend(SUBNETS.check(id, "", subnets.get(id).copied().unwrap_or_default(), origin));
        findings.extend(ROUTE_TABLES.check(id, "", tables.get(id).copied().unwrap_or_default(), origin));
        findings.extend(NETWORK_ACLS.check(id, "", acls.get(id).copied().unwrap_or_default(), origin));
    }
    let of_subnets = network.route_tables.iter().map(|it| (&it.id, &it.routes, &it.origin));
    let of_gateways = network.gateway_route_tables.iter().map(|it| (&it.id, &it.routes, &it.origin));
    for (id, routes, origin) in of_subnets.chain(of_gateways) {
        findings.extend(ROUTES.check(id, "IPv4 ", static_routes(index, routes, true), origin));
        findings.extend(ROUTES.check(id, "IPv6 ", static_routes(index, routes, false), origin));
    }
    for acl in &network.network_acls {
        findings.extend(ACL_ENTRIES.check(&acl.id, "inbound ", acl.ingress.len(), &acl.origin));
        findings.extend(ACL_ENTRIES.check(&acl.id, "outbound ", acl.egress.len(), &acl.origin));
    }
    let mut rules_of: HashMap<&Id, [usize; 4]> = HashMap::new();
    for SecurityGroup { id, ingress, egress, origin, .. } in &network.security_groups {
        let counts = [(ingress, true), (ingress, false), (egress, true), (egress, false)];
        let counts = counts.map(|(rules, v4)| group_rules(index, rules, v4));
        for (which, count) in KINDS_OF_RULES.into_iter().zip(counts) {
            findings.extend(GROUP_RULES.check(id, which, count, origin));
        }
        rules_of.entry(id).or_insert(counts);
    }
    let references = list_references(network);
    for list in &network.prefix_lists {
        findings.extend(LIST_ENTRIES.check(&list.id, "", list.entries.len(), &list.origin));
        for (quota, counts) in LIST_REFERENCES.iter().zip(&references) {
            findings.extend(quota.check(&list.id, "", counts.get(&list.id).copied().unwrap_or_default(), &list.origin));
        }
    }
    for interface in &network.interfaces {
        findings.extend(GROUPS.check(&interface.id, "", interface.security_groups.len(), &interface.origin));
        findings.extend(rules_of_interface(interface, &rules_of));
    }
    for gateway in &network.nat_gateways {
        if let Placement::Regional { .. } = gateway.placement {
            // What names no zone serves each of them.
            let mut zones: Vec<_> = gateway.addresses.iter().map(|it| it.zone.as_deref()).collect();
            zones.sort_unstable();
            let most = zones.chunk_by(|one, other| one == other).map(<[_]>::len).max().unwrap_or_default();
            findings.extend(ZONE_ADDRESSES.check(&gateway.id, "", most, &gateway.origin));
            continue;
        }
        let over = NAT_ADDRESSES.check(&gateway.id, "", gateway.addresses.len(), &gateway.origin);
        let public = gateway.addresses.iter().filter(|it| it.public.is_some()).count();
        findings.extend(over.or_else(|| PUBLIC_NAT_ADDRESSES.check(&gateway.id, "", public, &gateway.origin)));
    }
    let exclusions = &network.block_public_access.exclusions;
    if let Some(last) = exclusions.last() {
        findings.extend(EXCLUSIONS.check(&Id::new("Block Public Access"), "", exclusions.len(), &last.origin));
    }
    neighbors::check(index, findings);
    regions::check(index, findings);
    usage::check(index, findings);
}

/// What AWS counts apart, in the order of the counts.
const KINDS_OF_RULES: [&str; 4] = ["inbound IPv4 ", "inbound IPv6 ", "outbound IPv4 ", "outbound IPv6 "];

/// The quota of groups times that of rules is limited, so that an interface that needs more of it cannot be.
fn rules_of_interface(interface: &NetworkInterface, rules_of: &HashMap<&Id, [usize; 4]>) -> Option<Finding> {
    let NetworkInterface { id, security_groups, origin, .. } = interface;
    let counts = || security_groups.iter().filter_map(|group| rules_of.get(group));
    let groups = security_groups.len();
    KINDS_OF_RULES.iter().enumerate().find_map(|(kind, which)| {
        let most = counts().map(|counts| counts[kind]).max()?;
        // One group alone has been counted as that.
        (groups > 1 && groups * most > RULES_OF_INTERFACE).then(|| {
            let text = format!(
                "{id} has {groups} security groups, one of which has {most} {which}rules: groups times rules are \
                 {RULES_OF_INTERFACE} at most"
            );
            Finding::error("quota", origin, text)
        })
    })
}

/// How often rules and routes name each prefix list.
fn list_references(network: &Network) -> [HashMap<&Id, usize>; 2] {
    let rules = network.security_groups.iter().flat_map(|group| group.ingress.iter().chain(&group.egress));
    let peers = rules.filter_map(|rule| match &rule.peer {
        Peer::PrefixList(list) => Some(list),
        Peer::Cidr(_) | Peer::SecurityGroup(_) => None,
    });
    let routes = network.route_tables.iter().flat_map(|table| &table.routes);
    let destinations = routes.filter_map(|route| match &route.destination {
        Destination::PrefixList(list) => Some(list),
        Destination::Cidr(_) => None,
    });
    [count(peers), count(destinations)]
}

fn count<'a>(ids: impl Iterator<Item = &'a Id>) -> HashMap<&'a Id, usize> {
    let mut counts = HashMap::new();
    for id in ids {
        *counts.entry(id).or_default() += 1;
    }
    counts
}

/// Local routes come with the table and do not count.
fn static_routes(index: &Index<'_>, routes: &[Route], v4: bool) -> usize {
    let counted = routes.iter().filter(|it| it.route_origin == RouteOrigin::Static && it.target != Target::Local);
    counted
        .map(|route| match &route.destination {
            Destination::Cidr(block) => usize::from(is_v4(*block) == v4),
            Destination::PrefixList(list) => entries(index, list, v4),
        })
        .sum()
}

/// A rule about a group counts for both families. A prefix list counts with the entries it has, the nearest that there
/// is to the maximum or weight that AWS counts.
fn group_rules(index: &Index<'_>, rules: &[SecurityGroupRule], v4: bool) -> usize {
    let cost = |rule: &SecurityGroupRule| match &rule.peer {
        Peer::Cidr(block) => usize::from(is_v4(*block) == v4),
        Peer::SecurityGroup(_) => 1,
        Peer::PrefixList(list) => entries(index, list, v4),
    };
    rules.iter().map(cost).sum()
}

fn entries(index: &Index<'_>, list: &Id, v4: bool) -> usize {
    index.prefix_lists.get(list).map_or(0, |list| list.entries.iter().filter(|it| is_v4(**it) == v4).count())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::finding::Severity::{self, Error, Warning};
    use crate::validate::sample::{entry, net, network, route, rule};
    use crate::{BlockExclusion, Connectivity, ExclusionMode, NatAddress, NetworkAcl, RouteTable, Subnet};

    /// What the quotas say of a damaged network.
    fn damaged(damage: impl FnOnce(&mut Network)) -> Vec<Severity> {
        let mut network = network();
        damage(&mut network);
        let mut findings = Vec::new();
        check(&Index::new(&network), &mut findings);
        assert!(findings.iter().all(|finding| finding.code == "quota"));
        // What is of a region has tests of its own.
        findings.retain(|finding| !finding.text.starts_with("the "));
        findings.iter().map(|finding| finding.severity).collect()
    }

    /// Asserts the severities at the default, above it, at the maximum and above it.
    fn assert_quota(quota: &Quota, damage: impl Fn(&mut Network, usize)) {
        let at = |count| damaged(|network| damage(network, count));
        assert_eq!(at(quota.default), [], "{}", quota.of);
        if quota.maximum != Some(quota.default) {
            assert_eq!(at(quota.default + 1), [Warning], "{}", quota.of);
        }
        if let Some(maximum) = quota.maximum {
            assert_eq!(at(maximum + 1), [Error], "{}", quota.of);
        }
    }

    #[test]
    fn quotas_of_a_vpc() {
        assert_quota(&VPC_BLOCKS, |it, count| it.vpcs[0].cidrs = vec![net("10.0.0.0/16"); count]);
        assert_quota(&VPC_BLOCKS, |it, count| it.vpcs[0].cidrs = vec![net("2001:db8::/56"); count]);
        assert_quota(&SUBNETS, |it, count| {
            it.subnets = (0..count)
                .map(|at| Subnet { id: format!("subnet-{at}").as_str().into(), ..it.subnets[0].clone() })
                .collect();
        });
        assert_quota(&ROUTE_TABLES, |it, count| {
            it.route_tables = vec![RouteTable { routes: Vec::new(), ..it.route_tables[0].clone() }; count];
        });
        assert_quota(&NETWORK_ACLS, |it, count| {
            it.network_acls = vec![NetworkAcl { ingress: Vec::new(), ..it.network_acls[0].clone() }; count];
        });
        assert_quota(&LIST_ENTRIES, |it, count| {
            it.route_tables.clear();
            it.security_groups.clear();
            it.prefix_lists[0].entries = vec![net("1.0.0.0/24"); count];
        });
    }

    #[test]
    fn quotas_of_a_table_count_families_and_prefix_lists() {
        let to = |block| route(block, Target::Edge("tgw-1".into()));
        assert_quota(&ROUTES, |it, count| it.route_tables[0].routes = vec![to("1.0.0.0/8"); count]);
        assert_quota(&ROUTES, |it, count| {
            it.route_tables[0].routes = vec![to("2000::/8"); count];
            it.route_tables[0].routes.extend(vec![to("1.0.0.0/8"); ROUTES.default]);
            it.route_tables[0].routes.extend(vec![route("10.0.0.0/16", Target::Local); 9]);
        });
        assert_quota(&ROUTES, |it, count| {
            it.security_groups.clear();
            it.prefix_lists[0].entries = vec![net("1.0.0.0/24"); count.min(LIST_ENTRIES.default)];
            let listed = Destination::PrefixList("pl-1".into());
            it.route_tables[1].routes = vec![Route { destination: listed, ..to("::/0") }];
            let others = count.saturating_sub(LIST_ENTRIES.default);
            it.route_tables[1].routes.extend(vec![to("1.0.0.0/8"); others]);
        });
    }

    #[test]
    fn quotas_of_filters() {
        assert_quota(&GROUP_RULES, |it, count| {
            it.security_groups[0].ingress = vec![rule("sgr-1", Peer::Cidr(net("0.0.0.0/0"))); count];
        });
        assert_quota(&GROUP_RULES, |it, count| {
            it.security_groups[0].egress = vec![rule("sgr-1", Peer::Cidr(net("::/0"))); count];
        });
        let groups = |it: &mut Network| {
            it.security_groups[0].ingress = vec![rule("sgr-1", Peer::SecurityGroup("sg-1".into())); 61];
        };
        assert_eq!(damaged(groups), [Warning, Warning], "rules about groups count for both families");
        assert_quota(&ACL_ENTRIES, |it, count| it.network_acls[0].ingress = vec![entry(1, "::/0"); count]);
        assert_quota(&ACL_ENTRIES, |it, count| it.network_acls[0].egress = vec![entry(1, "::/0"); count]);
        assert_quota(&GROUPS, |it, count| it.interfaces[0].security_groups = vec!["sg-1".into(); count]);
    }

    #[test]
    fn quotas_of_references_count_rules_and_routes_apart() {
        let [of_rules, of_routes] = &LIST_REFERENCES;
        assert_quota(of_rules, |it, count| {
            it.route_tables.clear();
            it.prefix_lists[0].entries.clear();
            it.security_groups.iter_mut().for_each(|group| group.egress.clear());
            it.security_groups[0].ingress = vec![rule("sgr-1", Peer::PrefixList("pl-1".into())); count];
        });
        assert_quota(of_routes, |it, count| {
            it.security_groups.clear();
            it.prefix_lists[0].entries.clear();
            let listed = Destination::PrefixList("pl-1".into());
            let route = Route { destination: listed, ..route("::/0", Target::Edge("tgw-1".into())) };
            it.route_tables[1].routes = vec![route; count];
        });
    }

    #[test]
    fn groups_times_rules_of_an_interface_are_limited() {
        let with = |groups: usize, rules: usize| {
            let mut network = network();
            network.security_groups[0].ingress = vec![rule("sgr-1", Peer::Cidr(net("0.0.0.0/0"))); rules];
            network.interfaces[0].security_groups = vec![network.security_groups[0].id.clone(); groups];
            let mut findings = Vec::new();
            check(&Index::new(&network), &mut findings);
            findings.retain(|finding| finding.severity == Error);
            findings.into_iter().map(|finding| finding.text).collect::<Vec<_>>()
        };
        assert_eq!(with(16, 62), [""; 0]);
        let text = "eni-web has 16 security groups, one of which has 63 inbound IPv4 rules: groups times rules are 1000 at \
                    most";
        assert_eq!(with(16, 63), [text]);
        assert_eq!(with(1, 1000), [""; 0]);
        assert_eq!(with(2, 500), [""; 0]);
    }

    #[test]
    fn quotas_of_a_nat_gateway() {
        let address = |public: bool| NatAddress {
            translated: [10, 0, 0, 9].into(),
            public: public.then_some([1, 1, 1, 1].into()),
            zone: None,
        };
        assert_quota(&PUBLIC_NAT_ADDRESSES, |it, count| it.nat_gateways[0].addresses = vec![address(true); count]);
        assert_quota(&NAT_ADDRESSES, |it, count| {
            it.nat_gateways[0].connectivity = Connectivity::Private;
            it.nat_gateways[0].addresses = vec![address(false); count];
        });
    }

    #[test]
    fn quotas_of_a_regional_nat_gateway_are_of_each_zone() {
        let address = |zone: Option<&str>| NatAddress {
            translated: [1, 1, 1, 1].into(),
            public: Some([1, 1, 1, 1].into()),
            zone: zone.map(str::to_owned),
        };
        assert_quota(&ZONE_ADDRESSES, |it, count| {
            it.nat_gateways[0].placement = Placement::Regional { route_table: "rtb-a".into() };
            it.nat_gateways[0].addresses = vec![address(Some("a")); count];
            it.nat_gateways[0].addresses.extend(vec![address(Some("b")); 32]);
            it.nat_gateways[0].addresses.extend(vec![address(None); 32]);
        });
    }

    #[test]
    fn quota_of_exclusions() {
        let (scope, allows, origin) = ("vpc-1".into(), ExclusionMode::AllowEgress, Origin::implicit());
        let exclusion = BlockExclusion { scope, allows, origin };
        assert_quota(&EXCLUSIONS, |it, count| it.block_public_access.exclusions = vec![exclusion.clone(); count]);
    }
}
