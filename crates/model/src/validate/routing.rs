//! Routes: what they lead to, and which of them cannot work (2.4-2.13).

use std::collections::HashMap;
use std::collections::hash_map::Entry;

use ipnet::{IpNet, Ipv4Net, Ipv6Net};

use super::Index;
use super::blocks::{host_bits, is_v4};
use super::neighbors;
use super::references::prefix_list;
use crate::finding::{Finding, Severity};
use crate::{
    Destination, EndpointKind, Forwarding, GatewayRouteTable, Id, InterfaceKind, NetworkInterface, Origin, Route,
    RouteOrigin, RouteTable, Target, VpcEndpoint,
};

/// What a NAT gateway takes of IPv6 (4.32).
const NAT64: Ipv6Net = Ipv6Net::new_assert(std::net::Ipv6Addr::new(0x64, 0xff9b, 0, 0, 0, 0, 0, 0), 96);

/// What the services of every VPC have: AWS takes no routes to it, nor to a part of it (1.14).
const SERVICES: [IpNet; 2] = [
    IpNet::V4(Ipv4Net::new_assert(std::net::Ipv4Addr::new(169, 254, 168, 0), 22)),
    IpNet::V6(Ipv6Net::new_assert(std::net::Ipv6Addr::new(0xfd00, 0x0ec2, 0, 0, 0, 0, 0, 0), 32)),
];

/// A route table of either kind, as the checks that both have see it.
#[derive(Clone, Copy)]
pub(super) struct Table<'a> {
    pub(super) id: &'a Id,
    vpc: &'a Id,
    pub(super) routes: &'a [Route],
}

impl<'a> From<&'a RouteTable> for Table<'a> {
    fn from(table: &'a RouteTable) -> Self {
        Self { id: &table.id, vpc: &table.vpc, routes: &table.routes }
    }
}

impl<'a> From<&'a GatewayRouteTable> for Table<'a> {
    fn from(table: &'a GatewayRouteTable) -> Self {
        Self { id: &table.id, vpc: &table.vpc, routes: &table.routes }
    }
}

pub(super) fn check(index: &Index<'_>, findings: &mut Vec<Finding>) {
    let of_subnets = index.network.route_tables.iter().map(Table::from);
    for table in of_subnets.chain(index.network.gateway_route_tables.iter().map(Table::from)) {
        duplicates(table, findings);
        for route in table.routes {
            destination(index, table, route, findings);
            if route.active {
                target(index, table, route, findings);
            } else {
                let text = format!("the route {} is a blackhole: it drops what it matches", Named(table.id, route));
                let finding = Finding::new(Severity::Lint, "blackhole", &route.origin, text);
                findings.push(finding.help("lead it to something that exists, or delete it"));
            }
        }
    }
}

/// A route in a text: its destination and its table.
pub(super) struct Named<'a>(pub(super) &'a Id, pub(super) &'a Route);

impl std::fmt::Display for Named<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match &self.1.destination {
            Destination::Cidr(block) => write!(f, "{block} of {}", self.0),
            Destination::PrefixList(list) => write!(f, "{list} of {}", self.0),
        }
    }
}

fn destination(index: &Index<'_>, table: Table<'_>, route: &Route, findings: &mut Vec<Finding>) {
    let owner = format!("a route of {}", table.id);
    let of_services = |block: &&IpNet| SERVICES.iter().any(|services| services.contains(*block));
    if let Some(block) = blocks(index, &route.destination).iter().find(of_services) {
        let text = format!("the route {} is to {block}, which the VPC's own services have", Named(table.id, route));
        findings.push(Finding::error("reserved-destination", &route.origin, text));
    }
    match &route.destination {
        Destination::Cidr(block) => findings.extend(host_bits(Severity::Warning, &owner, *block, &route.origin)),
        Destination::PrefixList(list) => prefix_list(index, &owner, list, &route.origin, findings),
    }
}

/// The blocks that a route covers; none of an unknown prefix list.
pub(super) fn blocks<'a>(index: &Index<'a>, destination: &'a Destination) -> &'a [IpNet] {
    match destination {
        Destination::Cidr(block) => std::slice::from_ref(block),
        Destination::PrefixList(list) => index.prefix_lists.get(list).map_or(&[], |list| &list.entries),
    }
}

fn target(index: &Index<'_>, table: Table<'_>, route: &Route, findings: &mut Vec<Finding>) {
    let (named, vpc) = (Named(table.id, route), table.vpc);
    let has = |v4: bool| blocks(index, &route.destination).iter().any(|block| is_v4(*block) == v4);
    match &route.target {
        Target::Local | Target::Edge(_) => {}
        Target::Missing(id) => findings.push(unknown(&named, id)),
        Target::InternetGateway(id) => match index.internet_gateways.get(id) {
            None => findings.push(unknown(&named, id)),
            Some(gateway) if gateway.vpc.as_ref() != Some(vpc) => {
                let where_to = gateway.vpc.as_ref().map_or_else(|| "no VPC".to_owned(), ToString::to_string);
                let text = format!("the route {named} leads to {id}, which is attached to {where_to}, not {vpc}");
                let finding = Finding::error("igw-of-other-vpc", &route.origin, text);
                findings.push(finding.related(&gateway.origin, format!("{id} is here")));
            }
            Some(_) => {}
        },
        Target::EgressOnlyInternetGateway(id) => {
            let gateway = index.egress_only_internet_gateways.get(id);
            of_vpc(&named, vpc, id, gateway.map(|it| (Some(&it.vpc), &it.origin)), findings);
            if has(true) {
                let text = format!("the route {named} leads IPv4 to {id}, which carries IPv6 only");
                findings.push(Finding::error("eigw-ipv4", &route.origin, text).help("lead IPv4 to a NAT gateway"));
            }
        }
        Target::NatGateway(id) => {
            let gateway = index.nat_gateways.get(id);
            of_vpc(&named, vpc, id, gateway.map(|it| (Some(&it.vpc), &it.origin)), findings);
            let is_nat64 = |block: &IpNet| is_v4(*block) || IpNet::V6(NAT64).contains(block);
            if !blocks(index, &route.destination).iter().all(is_nat64) {
                let text = format!("the route {named} leads IPv6 to {id}, which drops what is not for {NAT64}");
                let finding = Finding::warning("nat64-destination", &route.origin, text);
                findings.push(finding.help("lead IPv6 to an internet gateway or an egress-only one"));
            }
        }
        Target::NetworkInterface(id) => {
            let interface = index.interfaces.get(id);
            of_vpc(&named, vpc, id, interface.map(|it| (index.vpc_of_interface(it), &it.origin)), findings);
            if let Some(interface) = interface {
                forwarding(&named, interface, has(false), findings);
            }
        }
        Target::VpcEndpoint(id) => {
            let endpoint = index.vpc_endpoints.get(id);
            of_vpc(&named, vpc, id, endpoint.map(|it| (Some(&it.vpc), &it.origin)), findings);
            if let Some(endpoint) = endpoint {
                to_endpoint(&named, endpoint, findings);
            }
        }
        Target::VpcPeeringConnection(id) => match index.vpc_peering_connections.get(id) {
            Some(peering) => neighbors::route_to_peering(index, &named, vpc, peering, findings),
            None => findings.push(unknown(&named, id)),
        },
        Target::TransitGateway(id) => match index.transit_gateways.get(id) {
            Some(gateway) => neighbors::route_to_transit_gateway(index, &named, vpc, gateway, findings),
            None => findings.push(unknown(&named, id)),
        },
        Target::VpnGateway(id) => match index.vpn_gateways.get(id) {
            Some(gateway) => neighbors::route_to_vpn_gateway(index, &named, vpc, gateway, findings),
            None => findings.push(unknown(&named, id)),
        },
    }
}

/// An endpoint that a route leads to: it is one of a gateway or a Gateway Load Balancer, and the latter takes no prefix
/// list (10.14).
fn to_endpoint(named: &Named<'_>, endpoint: &VpcEndpoint, findings: &mut Vec<Finding>) {
    let (id, origin) = (&endpoint.id, &named.1.origin);
    match (&endpoint.kind, &named.1.destination) {
        (EndpointKind::Interface { .. }, _) => {
            let text = format!(
                "the route {named} leads to {id}, which is an interface endpoint: it is reached by its addresses"
            );
            findings.push(Finding::error("endpoint-target", origin, text));
        }
        (EndpointKind::GatewayLoadBalancer { .. }, Destination::PrefixList(_)) => {
            let text = format!("the route {named} leads a prefix list to {id}, which takes blocks only");
            findings.push(Finding::error("endpoint-target", origin, text).help("write a route to each of its blocks"));
        }
        _ => {}
    }
}

/// Whether an endpoint is one of a Gateway Load Balancer.
pub(super) fn is_load_balancer(index: &Index<'_>, endpoint: &Id) -> bool {
    let found = index.vpc_endpoints.get(endpoint);
    found.is_some_and(|endpoint| matches!(endpoint.kind, EndpointKind::GatewayLoadBalancer { .. }))
}

/// Whether an id says nothing of what it is of, as AWS's do by how they begin: the address of a Terraform resource, with
/// dots, which no id of AWS has.
pub(super) fn tells_no_kind(id: &Id) -> bool {
    id.as_str().contains('.')
}

/// An interface that a route leads to: whether it takes what is not for itself (2.13), and what becomes of IPv6.
fn forwarding(named: &Named<'_>, interface: &NetworkInterface, has_v6: bool, findings: &mut Vec<Finding>) {
    let NetworkInterface { id, origin, .. } = interface;
    let mut push = |severity, code, what: &str, help: String| {
        let text = format!("the route {named} leads to {id}, which {what}");
        let finding = Finding::new(severity, code, &named.1.origin, text).related(origin, format!("{id} is here"));
        findings.push(finding.help(help));
    };
    if interface.source_dest_check && interface.kind == InterfaceKind::Interface {
        let help = format!("turn off the source/destination check of {id}");
        push(Severity::Warning, "source-dest-check", "drops what is not for itself", help);
    }
    if !interface.in_use {
        let what = "is detached or whose instance is stopped: it receives nothing";
        push(
            Severity::Lint,
            "route-to-unused",
            what,
            "attach it, start its instance, or lead the route elsewhere".to_owned(),
        );
    }
    if has_v6 && interface.forward == Some(Forwarding::NatInstance) {
        let what = "translates IPv4 only: it forwards IPv6 untranslated";
        let help = "lead IPv6 to an internet gateway or an egress-only one".to_owned();
        push(Severity::Lint, "nat-instance-ipv6", what, help);
    }
}

fn unknown(named: &Named<'_>, id: &Id) -> Finding {
    let text = format!("the route {named} leads to {id}, which does not exist");
    Finding::error("unknown-target", &named.1.origin, text)
}

/// A target that is there, and in the VPC of the table; a target whose VPC is unknown was reported by itself.
fn of_vpc(named: &Named<'_>, vpc: &Id, id: &Id, found: Option<(Option<&Id>, &Origin)>, findings: &mut Vec<Finding>) {
    match found {
        None => findings.push(unknown(named, id)),
        Some((Some(other), place)) if other != vpc => {
            let text = format!("the route {named} leads to {id}, which is of {other}, not {vpc}");
            let finding = Finding::error("other-vpc", &named.1.origin, text);
            findings.push(finding.related(place, format!("{id} is here")));
        }
        Some(_) => {}
    }
}

/// One static route per destination; propagated ones lose to it, and have an order of their own (2.4).
fn duplicates(table: Table<'_>, findings: &mut Vec<Finding>) {
    #[derive(PartialEq, Eq, Hash)]
    enum Key<'a> {
        Block(IpNet),
        List(&'a Id),
    }
    let mut first = HashMap::new();
    for route in table.routes.iter().filter(|route| route.route_origin == RouteOrigin::Static) {
        let key = match &route.destination {
            Destination::Cidr(block) => Key::Block(block.trunc()),
            Destination::PrefixList(list) => Key::List(list),
        };
        match first.entry(key) {
            Entry::Vacant(free) => {
                free.insert(route);
            }
            Entry::Occupied(taken) => {
                let text = format!("the route {} has the destination of another one", Named(table.id, route));
                let finding = Finding::error("duplicate-route", &route.origin, text);
                findings.push(finding.related(&taken.get().origin, "the other route"));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::finding::Severity::{Error, Lint, Warning};
    use crate::validate::sample::{add_second_vpc, interface, network, route};
    use crate::validate::validate;

    /// What is found when a route is added to the private table.
    fn with(route: Route) -> Vec<(&'static str, Severity)> {
        let mut network = network();
        network.route_tables[1].routes.push(route);
        found(&network)
    }

    fn found(network: &crate::Network) -> Vec<(&'static str, Severity)> {
        validate(network).iter().map(|finding| (finding.code, finding.severity)).collect()
    }

    #[test]
    fn active_routes_have_targets() {
        let targets = [
            Target::Missing("x-9".into()),
            Target::InternetGateway("igw-9".into()),
            Target::NatGateway("nat-9".into()),
            Target::NetworkInterface("eni-9".into()),
            Target::VpcEndpoint("vpce-9".into()),
        ];
        for target in targets {
            let dead = Route { active: false, ..route("203.0.113.0/24", target.clone()) };
            assert_eq!(with(dead), [("blackhole", Lint)]);
            assert_eq!(with(route("203.0.113.0/24", target)), [("unknown-target", Error)]);
        }
        let eigw = Target::EgressOnlyInternetGateway("eigw-9".into());
        assert_eq!(with(route("2001:db9::/32", eigw)), [("unknown-target", Error)]);
        assert_eq!(with(route("203.0.113.0/24", Target::Edge("tgw-9".into()))), []);
    }

    #[test]
    fn prefix_lists_exist_and_blocks_are_truncated() {
        let list = Destination::PrefixList("pl-9".into());
        let listed = Route { destination: list, ..route("::/0", Target::Edge("tgw-9".into())) };
        assert_eq!(with(listed), [("stale-prefix-list", Warning)]);
        assert_eq!(with(route("203.0.113.1/24", Target::Edge("tgw-9".into()))), [("host-bits", Warning)]);
    }

    #[test]
    fn targets_are_of_the_vpc_of_the_table() {
        let mut network = network();
        add_second_vpc(&mut network);
        network.route_tables[2].routes.push(route("0.0.0.0/0", Target::InternetGateway("igw-1".into())));
        assert_eq!(found(&network), [("igw-of-other-vpc", Error)]);
        network.route_tables[2].routes[1] = route("0.0.0.0/0", Target::NatGateway("nat-1".into()));
        assert_eq!(found(&network), [("other-vpc", Error)]);
        network.route_tables[2].routes.pop();
        network.internet_gateways[0].vpc = None;
        assert_eq!(found(&network), [("igw-of-other-vpc", Error)]);
    }

    #[test]
    fn families_fit_their_gateways() {
        let eigw = Target::EgressOnlyInternetGateway("eigw-1".into());
        assert_eq!(with(route("203.0.113.0/24", eigw)), [("eigw-ipv4", Error)]);
        let nat = || Target::NatGateway("nat-1".into());
        assert_eq!(with(route("64:ff9b::/96", nat())), []);
        assert_eq!(with(route("64:ff9b::c633:6400/120", nat())), []);
        assert_eq!(with(route("2001:db9::/32", nat())), [("nat64-destination", Warning)]);
        assert_eq!(with(route("64:ff9b::/64", nat())), [("nat64-destination", Warning)]);
    }

    #[test]
    fn static_destinations_are_unique() {
        let again = route("0.0.0.0/0", Target::Edge("tgw-1".into()));
        assert_eq!(with(again.clone()), [("duplicate-route", Error)]);
        assert_eq!(with(Route { route_origin: RouteOrigin::Propagated, ..again }), []);
        let mut network = network();
        let listed = network.route_tables[1].routes[4].clone();
        network.route_tables[1].routes.push(listed);
        assert_eq!(found(&network), [("duplicate-route", Error)]);
    }

    #[test]
    fn services_have_no_routes() {
        let to = |block| {
            let mut network = network();
            network.route_tables[0].routes.push(route(block, Target::InternetGateway("igw-1".into())));
            found(&network)
        };
        assert_eq!(to("169.254.169.254/32"), [("reserved-destination", Error)]);
        assert_eq!(to("169.254.168.0/22"), [("reserved-destination", Error)]);
        assert_eq!(to("fd00:ec2::/32"), [("reserved-destination", Error)]);
        assert_eq!(to("fd00:ec2::254/128"), [("reserved-destination", Error)]);
        // A wider one is fine, and does not lead them anywhere.
        assert_eq!(to("169.254.0.0/16"), []);
    }

    #[test]
    fn forwarding_interfaces_do_not_check_destinations() {
        let mut network = network();
        network.interfaces.push(interface("eni-fw", "subnet-a", [10, 0, 0, 30], Some([198, 51, 100, 30])));
        let to = route("203.0.113.0/24", Target::NetworkInterface("eni-fw".into()));
        network.route_tables[1].routes.push(to);
        assert_eq!(found(&network), [("source-dest-check", Warning)]);
        network.interfaces[3].source_dest_check = false;
        assert_eq!(found(&network), []);
        network.interfaces[3].in_use = false;
        assert_eq!(found(&network), [("route-to-unused", Lint)]);
    }

    #[test]
    fn nat_instances_translate_ipv4_only() {
        let with = |forward, block| {
            let mut network = network();
            let eni = interface("eni-fw", "subnet-a", [10, 0, 0, 30], Some([198, 51, 100, 30]));
            network.interfaces.push(NetworkInterface { source_dest_check: false, forward: Some(forward), ..eni });
            network.route_tables[1].routes.push(route(block, Target::NetworkInterface("eni-fw".into())));
            found(&network)
        };
        assert_eq!(with(Forwarding::NatInstance, "203.0.113.0/24"), []);
        assert_eq!(with(Forwarding::NatInstance, "2001:db9::/32"), [("nat-instance-ipv6", Lint)]);
        assert_eq!(with(Forwarding::Appliance, "2001:db9::/32"), []);
    }

    #[test]
    fn tables_of_gateways_are_checked_too() {
        let mut network = network();
        let mut table = GatewayRouteTable {
            id: "rtb-edge".into(),
            name: None,
            vpc: "vpc-1".into(),
            gateway: "igw-1".into(),
            routes: network.route_tables[0].routes.clone(),
            origin: Origin::implicit(),
        };
        table.routes.truncate(1);
        table.routes.push(route("10.0.1.0/24", Target::NetworkInterface("eni-9".into())));
        network.gateway_route_tables.push(table);
        assert_eq!(found(&network), [("unknown-target", Error)]);
        network.gateway_route_tables[0].routes[1] = route("10.0.0.0/16", Target::Local);
        assert_eq!(found(&network), [("duplicate-route", Error)]);
    }
}
