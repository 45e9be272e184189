//! Route tables of internet and virtual private gateways (2.15-2.19).

use std::collections::HashMap;
use std::collections::hash_map::Entry;

use ipnet::{IpNet, Ipv4Net, Ipv6Net};

use super::Index;
use super::blocks::{is_v4, overlap};
use super::routing::{Named, blocks, is_load_balancer, tells_no_kind};
use crate::finding::{Finding, Severity};
use crate::{
    Destination, EndpointKind, GatewayRouteTable, Id, NetworkInterface, Origin, Route, RouteOrigin, Subnet, Target,
};

/// Ids of virtual private gateways, which a configuration need not describe.
const VIRTUAL_PRIVATE_GATEWAY: &str = "vgw-";
/// Ids of endpoints that a configuration does not describe.
const ENDPOINT: &str = "vpce-";
/// Ids of interfaces that a dump does not have.
const INTERFACE: &str = "eni-";

/// What no public pool is of: this network, private, shared, loopback, link-local, multicast and reserved addresses.
pub(super) const NOT_PUBLIC: [Ipv4Net; 8] = [
    v4([0, 0, 0, 0], 8),
    v4([10, 0, 0, 0], 8),
    v4([100, 64, 0, 0], 10),
    v4([127, 0, 0, 0], 8),
    v4([169, 254, 0, 0], 16),
    v4([172, 16, 0, 0], 12),
    v4([192, 168, 0, 0], 16),
    v4([224, 0, 0, 0], 3),
];
/// Global unicast addresses.
const PUBLIC_V6: Ipv6Net = Ipv6Net::new_assert(std::net::Ipv6Addr::new(0x2000, 0, 0, 0, 0, 0, 0, 0), 3);

const fn v4(address: [u8; 4], prefix: u8) -> Ipv4Net {
    Ipv4Net::new_assert(std::net::Ipv4Addr::from_octets(address), prefix)
}

pub(super) fn check(index: &Index<'_>, findings: &mut Vec<Finding>) {
    let mut first: HashMap<&Id, &GatewayRouteTable> = HashMap::new();
    for table in &index.network.gateway_route_tables {
        gateway(index, table, findings);
        match first.entry(&table.gateway) {
            Entry::Vacant(free) => {
                free.insert(table);
            }
            Entry::Occupied(taken) => {
                let other = taken.get();
                let text = format!("{} is a second route table of {}", table.id, table.gateway);
                let finding = Finding::error("two-edge-tables", &table.origin, text);
                findings.push(finding.related(&other.origin, format!("{} is here", other.id)));
            }
        }
        for route in &table.routes {
            check_route(index, table, route, findings);
        }
        if is_internet(index, table) {
            index.network.subnets.iter().for_each(|subnet| redirected(index, table, subnet, findings));
        }
    }
}

fn is_internet(index: &Index<'_>, table: &GatewayRouteTable) -> bool {
    index.internet_gateways.contains_key(&table.gateway)
}

fn gateway(index: &Index<'_>, table: &GatewayRouteTable, findings: &mut Vec<Finding>) {
    let GatewayRouteTable { id, vpc, gateway, origin, .. } = table;
    match index.internet_gateways.get(gateway) {
        Some(found) if found.vpc.as_ref() != Some(vpc) => {
            let where_to = found.vpc.as_ref().map_or_else(|| "no VPC".to_owned(), ToString::to_string);
            let text = format!("{id} of {vpc} is associated with {gateway}, which is attached to {where_to}");
            let finding = Finding::error("other-vpc", origin, text);
            findings.push(finding.related(&found.origin, format!("{gateway} is here")));
        }
        None if index.vpn_gateways.contains_key(gateway) => {}
        None if !gateway.as_str().starts_with(VIRTUAL_PRIVATE_GATEWAY) => {
            let text = format!("{id} names the gateway {gateway}, which does not exist");
            findings.push(Finding::error("unknown-reference", origin, text));
        }
        _ => {}
    }
}

/// What the destination of a route is, as far as the VPC knows it.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Covers {
    /// A whole block of the VPC or of one of its subnets.
    Inside,
    /// Public addresses outside of the VPC: a pool that its owner has brought along (2.18).
    Pool,
}

fn check_route(index: &Index<'_>, table: &GatewayRouteTable, route: &Route, findings: &mut Vec<Finding>) {
    let (named, origin) = (Named(&table.id, route), &route.origin);
    if route.route_origin == RouteOrigin::Propagated {
        let text = format!("the route {named} is propagated, which AWS does not do to a gateway's table");
        findings.push(Finding::warning("edge-propagated", origin, text).help("write it as a static route"));
    }
    let Destination::Cidr(block) = &route.destination else {
        let text = format!("the route {named} is to a prefix list, and a gateway's table has none");
        findings.push(Finding::error("edge-prefix-list", origin, text).help("write a route to each of its blocks"));
        return;
    };
    let covers = covers(index, table, *block);
    if covers.is_none() && index.vpcs.contains_key(&table.vpc) {
        let text =
            format!("the route {named} is to no whole block of {} or of a subnet, nor to a public one", table.vpc);
        let finding = Finding::error("edge-destination", origin, text);
        findings.push(finding.help("write a whole block of the VPC or of a subnet, or a public block of your own"));
    }
    if covers == Some(Covers::Pool) && !is_internet(index, table) {
        let text = format!("the route {named} is to a public block, which only internet gateways take in");
        findings.push(Finding::error("edge-destination", origin, text));
    }
    if !route.active {
        return;
    }
    if !may_take(index, &route.target, covers) {
        let target = route.target.id().map_or("local", |id| id.as_str());
        let finding = Finding::error("edge-target", origin, format!("the route {named} leads to {target}"));
        let help = match covers {
            Some(Covers::Pool) => "lead it to an instance or interface",
            _ => "lead it to local, an instance, an interface or a Gateway Load Balancer endpoint",
        };
        findings.push(finding.help(help));
    }
    if let Target::NetworkInterface(id) = &route.target
        && let Some(interface) = index.interfaces.get(id).filter(|_| covers != Some(Covers::Pool))
        && is_internet(index, table)
        && is_v4(*block)
        && !has_public(interface)
    {
        let text = format!("the route {named} leads to {id}, which has no public address: what it matches is dropped");
        let finding = Finding::warning("edge-target-without-public", origin, text);
        findings.push(
            finding.help(format!("give {id} a public address")).related(&interface.origin, format!("{id} is here")),
        );
    }
}

fn covers(index: &Index<'_>, table: &GatewayRouteTable, block: IpNet) -> Option<Covers> {
    let mut of_vpc = index.vpcs.get(&table.vpc)?.cidrs.iter();
    let whole_vpc = of_vpc.clone().any(|it| it.trunc() == block.trunc());
    if whole_vpc || index.is_of_subnet(&table.vpc, block) {
        return Some(Covers::Inside);
    }
    let public = match block {
        IpNet::V4(_) => !NOT_PUBLIC.iter().any(|it| overlap(IpNet::V4(*it), block)),
        IpNet::V6(block) => PUBLIC_V6.contains(&block),
    };
    (public && !of_vpc.any(|it| overlap(*it, block))).then_some(Covers::Pool)
}

/// Whether a gateway's table may lead to a target (2.15, 2.18).
fn may_take(index: &Index<'_>, target: &Target, covers: Option<Covers>) -> bool {
    match target {
        Target::Local => covers != Some(Covers::Pool),
        Target::NetworkInterface(_) | Target::Missing(_) => true,
        Target::Edge(id) => {
            tells_no_kind(id) || [ENDPOINT, INTERFACE].iter().any(|prefix| id.as_str().starts_with(prefix))
        }
        Target::InternetGateway(_)
        | Target::EgressOnlyInternetGateway(_)
        | Target::NatGateway(_)
        | Target::VpcPeeringConnection(_)
        | Target::TransitGateway(_)
        | Target::VpnGateway(_) => false,
        Target::VpcEndpoint(id) => covers != Some(Covers::Pool) && is_load_balancer(index, id),
    }
}

fn has_public(interface: &NetworkInterface) -> bool {
    interface.ipv4.iter().any(|address| address.public.is_some())
}

/// A subnet whose inbound packets are led to a middlebox may not answer past it (2.17).
fn redirected(index: &Index<'_>, table: &GatewayRouteTable, subnet: &Subnet, findings: &mut Vec<Finding>) {
    if subnet.vpc != table.vpc {
        return;
    }
    let Some(own) = index.route_tables.get(&subnet.route_table) else { return };
    for block in &subnet.cidrs {
        let Some((around, middlebox)) = longest(table, *block) else { continue };
        let interface = match &middlebox.target {
            Target::NetworkInterface(id) => index.interfaces.get(id),
            Target::VpcEndpoint(id) => index.vpc_endpoints.get(id).and_then(|endpoint| match &endpoint.kind {
                EndpointKind::GatewayLoadBalancer { interface } => index.interfaces.get(interface),
                _ => None,
            }),
            Target::Edge(_) => None,
            _ => continue,
        };
        // The middlebox itself goes out by the gateway.
        if interface.is_some_and(|interface| interface.subnet == subnet.id) {
            continue;
        }
        let leads_out = |route: &&Route| {
            let family = |it: &IpNet| is_v4(*it) == is_v4(*block);
            let out = route.active && route.target == Target::InternetGateway(table.gateway.clone());
            out && blocks(index, &route.destination).iter().any(family)
        };
        let Some(direct) = own.routes.iter().find(leads_out) else { continue };
        let text = format!(
            "the route {} leads {} to {} directly, which drops it: {} leads its answers elsewhere, by {around}",
            Named(&own.id, direct),
            subnet.id,
            table.gateway,
            table.id,
        );
        let target = middlebox.target.id().map_or("local", |id| id.as_str());
        let finding = Finding::new(Severity::Lint, "edge-redirected", place(direct, &own.origin), text);
        let finding = finding.help(format!("lead it to {target} too"));
        findings
            .push(finding.related(&middlebox.origin, format!("what comes in for {} is led to {target}", subnet.id)));
    }
}

/// Where a route is, or its table, of which it is a part that nobody wrote.
fn place<'a>(route: &'a Route, table: &'a Origin) -> &'a Origin {
    if route.origin.is_implicit() { table } else { &route.origin }
}

/// The route of a table that the packets for a block take.
fn longest(table: &GatewayRouteTable, block: IpNet) -> Option<(IpNet, &Route)> {
    let around = table.routes.iter().filter_map(|route| match &route.destination {
        Destination::Cidr(around) if around.contains(&block) => Some((*around, route)),
        _ => None,
    });
    around.max_by_key(|(around, _)| around.prefix_len())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Network;
    use crate::finding::Severity::{Error, Lint, Warning};
    use crate::validate::sample::{interface, network, route};
    use crate::validate::validate;

    /// A network whose internet gateway has a table with one route beside the local ones; `eni-fw` is a middlebox with a
    /// public address in the public subnet.
    fn edge(route_to: Route) -> Network {
        let mut network = network();
        let middlebox = interface("eni-fw", "subnet-a", [10, 0, 0, 30], Some([198, 51, 100, 30]));
        network.interfaces.push(NetworkInterface { source_dest_check: false, ..middlebox });
        network.gateway_route_tables.push(GatewayRouteTable {
            id: "rtb-edge".into(),
            name: None,
            vpc: "vpc-1".into(),
            gateway: "igw-1".into(),
            routes: vec![route("10.0.0.0/16", Target::Local), route_to],
            origin: Origin::implicit(),
        });
        network
    }

    fn found(network: &Network) -> Vec<(&'static str, Severity)> {
        validate(network).iter().map(|finding| (finding.code, finding.severity)).collect()
    }

    fn with(block: &str, target: Target) -> Vec<(&'static str, Severity)> {
        found(&edge(route(block, target)))
    }

    fn firewall() -> Target {
        Target::NetworkInterface("eni-fw".into())
    }

    #[test]
    fn routes_are_to_whole_blocks() {
        assert_eq!(with("10.0.1.0/24", firewall()), []);
        assert_eq!(with("2001:db8::/56", firewall()), []);
        assert_eq!(with("10.0.1.0/24", Target::Local), []);
        assert_eq!(with("10.0.1.0/25", firewall()), [("edge-destination", Error)]);
        assert_eq!(with("10.9.0.0/16", firewall()), [("edge-destination", Error)]);
        assert_eq!(with("0.0.0.0/0", firewall()), [("edge-destination", Error)]);
        assert_eq!(with("::/0", firewall()), [("edge-destination", Error)]);
        let list = Destination::PrefixList("pl-1".into());
        assert_eq!(
            found(&edge(Route { destination: list, ..route("::/0", firewall()) })),
            [("edge-prefix-list", Error)]
        );
        let learned = Route { route_origin: RouteOrigin::Propagated, ..route("10.0.1.0/24", firewall()) };
        assert_eq!(found(&edge(learned)), [("edge-propagated", Warning)]);
    }

    #[test]
    fn the_whole_vpc_may_be_led_elsewhere() {
        let mut network = edge(route("2001:db8::/56", Target::Local));
        network.gateway_route_tables[0].routes[0].target = firewall();
        assert_eq!(found(&network), []);
    }

    #[test]
    fn public_blocks_outside_go_to_interfaces() {
        assert_eq!(with("203.0.113.0/24", firewall()), []);
        assert_eq!(with("2001:db9::/48", firewall()), []);
        assert_eq!(with("203.0.113.0/24", Target::Local), [("edge-target", Error)]);
        assert_eq!(with("fd00:1::/48", firewall()), [("edge-destination", Error)]);
        let mut network = edge(route("203.0.113.0/24", firewall()));
        // No address of the block needs a public address of its own (2.18).
        network.interfaces[3].ipv4[0].public = None;
        assert_eq!(found(&network), []);
        network.gateway_route_tables[0].gateway = "vgw-1".into();
        assert_eq!(found(&network), [("edge-destination", Error)]);
    }

    #[test]
    fn routes_lead_to_local_interfaces_and_load_balancers() {
        assert_eq!(with("10.0.1.0/24", Target::Edge("vpce-9".into())), []);
        assert_eq!(with("10.0.1.0/24", Target::Edge("aws_networkfirewall_firewall.it".into())), []);
        for target in [
            Target::InternetGateway("igw-1".into()),
            Target::NatGateway("nat-1".into()),
            Target::VpcEndpoint("vpce-1".into()),
            Target::Edge("tgw-1".into()),
        ] {
            assert_eq!(with("10.0.1.0/24", target), [("edge-target", Error)]);
        }
    }

    #[test]
    fn middleboxes_behind_an_internet_gateway_have_public_addresses() {
        let mut network = edge(route("10.0.1.0/24", firewall()));
        network.interfaces[3].ipv4[0].public = None;
        assert_eq!(found(&network), [("edge-target-without-public", Warning)]);
        network.gateway_route_tables[0].gateway = "vgw-1".into();
        assert_eq!(found(&network), []);
    }

    #[test]
    fn redirected_subnets_do_not_leave_directly() {
        let mut network = edge(route("10.0.1.0/24", firewall()));
        network.route_tables[1].routes[2].target = Target::InternetGateway("igw-1".into());
        // The gateway has no public address for what is there either.
        assert_eq!(found(&network), [("edge-redirected", Lint), ("public-subnet-without-public", Lint)]);
        let said = &validate(&network)[0];
        assert_eq!(said.help.as_deref(), Some("lead it to eni-fw too"));
        network.route_tables[1].routes[2].target = firewall();
        assert_eq!(found(&network), []);
        // Its IPv6 block is not redirected, so its IPv6 route may stay.
        network.route_tables[1].routes[3].target = Target::InternetGateway("igw-1".into());
        assert_eq!(found(&network), []);
    }

    #[test]
    fn a_gateway_exists_and_has_one_table() {
        let mut network = edge(route("10.0.1.0/24", firewall()));
        network.gateway_route_tables[0].gateway = "igw-9".into();
        assert_eq!(found(&network), [("unknown-reference", Error)]);
        network = edge(route("10.0.1.0/24", firewall()));
        network.internet_gateways[0].vpc = None;
        assert!(found(&network).contains(&("other-vpc", Error)));
        network = edge(route("10.0.1.0/24", firewall()));
        network
            .gateway_route_tables
            .push(GatewayRouteTable { id: "rtb-second".into(), ..network.gateway_route_tables[0].clone() });
        assert_eq!(found(&network), [("two-edge-tables", Error)]);
        // A table of subnets and of another gateway.
        network.gateway_route_tables[1].gateway = "vgw-1".into();
        network.gateway_route_tables[1].id = "rtb-a".into();
        assert_eq!(found(&network), []);
        network.gateway_route_tables.pop();
        network.gateway_route_tables[0].vpc = "vpc-9".into();
        assert!(found(&network).contains(&("unknown-reference", Error)));
    }
}
