//! Internet, egress-only and NAT gateways (3.1, 4.2).

use std::collections::HashMap;
use std::collections::hash_map::Entry;

use ipnet::IpNet;

use super::Index;
use super::edge_routes::NOT_PUBLIC;
use super::routing::{Named, blocks};
use crate::finding::{Finding, Severity};
use crate::{Connectivity, EndpointKind, Id, NatGateway, Origin, Placement, Route, RouteTable, Target};

/// Who routes as much as this means the internet, of which the largest networks have about as much each. Prefix lists of AWS's
/// services and partners' networks have longer prefixes.
const BROAD: u8 = 8;

pub(super) fn check(index: &Index<'_>, findings: &mut Vec<Finding>) {
    let network = index.network;
    let internet = network.internet_gateways.iter();
    one_each("two-igws", internet.filter_map(|it| Some((&it.id, it.vpc.as_ref()?, &it.origin))), findings);
    let egress_only = network.egress_only_internet_gateways.iter();
    one_each("two-eigws", egress_only.map(|it| (&it.id, &it.vpc, &it.origin)), findings);
    network.nat_gateways.iter().for_each(|gateway| nat(index, gateway, findings));
}

/// A VPC has one gateway of either kind (3.1).
fn one_each<'a>(
    code: &'static str,
    gateways: impl Iterator<Item = (&'a Id, &'a Id, &'a Origin)>,
    findings: &mut Vec<Finding>,
) {
    let mut first: HashMap<&Id, (&Id, &Origin)> = HashMap::new();
    for (id, vpc, origin) in gateways {
        match first.entry(vpc) {
            Entry::Vacant(free) => {
                free.insert((id, origin));
            }
            // The same gateway twice is a duplicate id, and reported as that.
            Entry::Occupied(taken) if taken.get().0 == id => {}
            Entry::Occupied(taken) => {
                let (other, place) = taken.get();
                let text = format!("{id} is attached to {vpc}, which already has {other}");
                findings.push(Finding::error(code, origin, text).related(place, format!("{other} is here")));
            }
        }
    }
}

fn nat(index: &Index<'_>, gateway: &NatGateway, findings: &mut Vec<Finding>) {
    let NatGateway { id, origin, .. } = gateway;
    // One that is pending or has failed drops everything and may lack what it would work with (4.9).
    if gateway.available && gateway.addresses.is_empty() {
        findings.push(Finding::error("no-address", origin, format!("{id} has no address to translate to")));
    }
    for address in &gateway.addresses {
        match (gateway.connectivity, address.public) {
            (Connectivity::Public, None) if gateway.available => {
                let text = format!("{id} is public, but its address {} has no public one", address.translated);
                let help = "give it an elastic IP, or make the gateway private";
                findings.push(Finding::error("nat-without-public", origin, text).help(help));
            }
            (Connectivity::Private, Some(public)) => {
                let text =
                    format!("{id} is private, but its address {} has the public one {public}", address.translated);
                findings.push(Finding::error("private-nat-with-public", origin, text));
            }
            _ => {}
        }
    }
    match &gateway.placement {
        Placement::Zonal { subnet, .. } => zonal(index, gateway, subnet, findings),
        Placement::Regional { route_table } => regional(index, gateway, route_table, findings),
    }
}

fn to_internet_gateway(route: &&Route) -> bool {
    route.active && matches!(route.target, Target::InternetGateway(_))
}

/// Whether a route takes the internet's addresses to what may pass them on: a middlebox, as where traffic is inspected, or
/// another network.
fn passes_on(index: &Index<'_>, route: &Route) -> bool {
    let may_pass_on = match &route.target {
        Target::VpcEndpoint(id) => {
            let endpoint = index.vpc_endpoints.get(id);
            endpoint.is_some_and(|it| matches!(it.kind, EndpointKind::GatewayLoadBalancer { .. }))
        }
        Target::NetworkInterface(_) | Target::TransitGateway(_) | Target::VpnGateway(_) | Target::Edge(_) => true,
        Target::Local
        | Target::InternetGateway(_)
        | Target::EgressOnlyInternetGateway(_)
        | Target::NatGateway(_)
        | Target::VpcPeeringConnection(_)
        | Target::Missing(_) => false,
    };
    // What a gateway translates to is IPv4.
    let is_broad = |block: &IpNet| match block {
        IpNet::V4(block) => block.prefix_len() <= BROAD && !NOT_PUBLIC.iter().any(|it| it.contains(block)),
        IpNet::V6(_) => false,
    };
    route.active && may_pass_on && blocks(index, &route.destination).iter().any(is_broad)
}

/// A public gateway whose packets find no way to an internet gateway in the table that they take.
fn without_internet(
    index: &Index<'_>,
    gateway: &NatGateway,
    table: &RouteTable,
    whose: &str,
    findings: &mut Vec<Finding>,
) {
    if gateway.available
        && gateway.connectivity == Connectivity::Public
        && !table.routes.iter().any(|it| to_internet_gateway(&it) || passes_on(index, it))
    {
        let text = format!("{} is public, but {} of {whose} has no route to an internet gateway", gateway.id, table.id);
        let finding = Finding::new(Severity::Lint, "nat-without-igw", &gateway.origin, text);
        let finding = finding.help(format!("add a route to 0.0.0.0/0 by an internet gateway to {}", table.id));
        findings.push(finding.related(&table.origin, format!("{} is here", table.id)));
    }
}

fn zonal(index: &Index<'_>, gateway: &NatGateway, subnet: &Id, findings: &mut Vec<Finding>) {
    let table = index.subnets.get(subnet).and_then(|subnet| index.route_tables.get(&subnet.route_table));
    let Some(table) = table else { return };
    without_internet(index, gateway, table, "its subnet", findings);
    if gateway.connectivity == Connectivity::Private
        && let Some(route) = table.routes.iter().find(to_internet_gateway)
    {
        let id = &gateway.id;
        let text = format!(
            "{id} is private, and the route {} leads its packets to an internet gateway, which drops them",
            Named(&table.id, route)
        );
        let finding = Finding::new(Severity::Lint, "private-nat-to-igw", &gateway.origin, text);
        let help =
            "lead its subnet to a transit gateway or virtual private gateway instead, or make the gateway public";
        findings.push(finding.help(help).related(&route.origin, "the route"));
    }
    let to_itself = |route: &&Route| route.active && route.target == Target::NatGateway(gateway.id.clone());
    if let Some(route) = table.routes.iter().find(to_itself) {
        let text = format!(
            "the route {} leads {subnet} to {}, which does not serve the subnet that it is in",
            Named(&table.id, route),
            gateway.id
        );
        let finding = Finding::new(Severity::Lint, "nat-own-subnet", &route.origin, text);
        let finding = finding.help("put the gateway, or those who use it, into a subnet with another table");
        findings.push(finding.related(&gateway.origin, format!("{} is here", gateway.id)));
    }
}

fn regional(index: &Index<'_>, gateway: &NatGateway, table: &Id, findings: &mut Vec<Finding>) {
    let NatGateway { id, origin, vpc, .. } = gateway;
    if let Some(table) = index.route_tables.get(table) {
        without_internet(index, gateway, table, "its own", findings);
    }
    let mut unused: Vec<&str> = gateway.addresses.iter().filter_map(|address| address.zone.as_deref()).collect();
    unused.sort_unstable();
    unused.dedup();
    let subnets = || index.network.subnets.iter().filter(|subnet| subnet.vpc == *vpc);
    unused.retain(|zone| !subnets().any(|subnet| subnet.availability_zone == *zone));
    for zone in unused {
        let mut zones: Vec<&str> = subnets().map(|subnet| subnet.availability_zone.as_str()).collect();
        zones.sort_unstable();
        zones.dedup();
        let text = format!("{id} has an address in the zone {zone}, in which {vpc} has no subnet");
        let finding = Finding::new(Severity::Lint, "nat-zone-without-subnet", origin, text);
        findings.push(
            finding
                .help(format!("take the address back, or add a subnet there; there are some in {}", zones.join(", "))),
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::finding::Severity::{Error, Lint};
    use crate::validate::sample::{endpoint, network, route};
    use crate::validate::validate;
    use crate::{EgressOnlyInternetGateway, InternetGateway, Network, VpcEndpoint};

    fn damaged(damage: impl FnOnce(&mut Network)) -> Vec<(&'static str, Severity)> {
        let mut network = network();
        damage(&mut network);
        validate(&network).iter().map(|finding| (finding.code, finding.severity)).collect()
    }

    #[test]
    fn a_vpc_has_one_gateway_of_a_kind() {
        let igw = |vpc: Option<Id>| {
            damaged(|it| {
                it.internet_gateways.push(InternetGateway { id: "igw-2".into(), vpc, origin: Origin::implicit() });
            })
        };
        assert_eq!(igw(Some("vpc-1".into())), [("two-igws", Error)]);
        assert_eq!(igw(None), []);
        let eigw = EgressOnlyInternetGateway { id: "eigw-2".into(), vpc: "vpc-1".into(), origin: Origin::implicit() };
        assert_eq!(damaged(|it| it.egress_only_internet_gateways.push(eigw)), [("two-eigws", Error)]);
    }

    #[test]
    fn public_nat_gateways_have_public_addresses_and_private_ones_none() {
        let without = |it: &mut Network| it.nat_gateways[0].addresses[0].public = None;
        assert_eq!(damaged(without), [("nat-without-public", Error)]);
        let private = |it: &mut Network| it.nat_gateways[0].connectivity = Connectivity::Private;
        assert_eq!(damaged(private), [("private-nat-with-public", Error), ("private-nat-to-igw", Lint)]);
        assert_eq!(damaged(|it| it.nat_gateways[0].addresses.clear()), [("no-address", Error)]);
        let failed = |it: &mut Network| {
            it.nat_gateways[0].available = false;
            it.nat_gateways[0].addresses.clear();
        };
        assert_eq!(damaged(failed), []);
    }

    #[test]
    fn public_nat_gateways_reach_the_internet() {
        let cut = |it: &mut Network| {
            it.route_tables[0].routes.remove(1);
        };
        assert_eq!(damaged(cut), [("nat-without-igw", Lint)]);
    }

    #[test]
    fn public_nat_gateways_may_reach_the_internet_by_something_else() {
        let reported = |block: &str, target: Target| {
            let mut network = network();
            let kind = EndpointKind::GatewayLoadBalancer { interface: "eni-fw".into() };
            network.vpc_endpoints.push(VpcEndpoint { id: "vpce-fw".into(), ..endpoint(kind) });
            network.route_tables[0].routes[1] = route(block, target);
            let codes: Vec<_> = validate(&network).iter().map(|finding| finding.code).collect();
            codes.contains(&"nat-without-igw")
        };
        // Inspection: the firewall's subnet is the one that is led to the internet gateway.
        assert!(!reported("0.0.0.0/0", Target::VpcEndpoint("vpce-fw".into())));
        assert!(!reported("0.0.0.0/0", Target::NetworkInterface("eni-app".into())));
        assert!(!reported("0.0.0.0/0", Target::TransitGateway("tgw-1".into())));
        assert!(!reported("128.0.0.0/1", Target::Edge("tgw-2".into())));
        assert!(!reported("0.0.0.0/0", Target::VpnGateway("vgw-1".into())));
        // A service, a private network, a part of the internet, the other family.
        assert!(reported("52.0.0.0/8", Target::VpcEndpoint("vpce-1".into())));
        assert!(reported("10.0.0.0/8", Target::TransitGateway("tgw-1".into())));
        assert!(reported("203.0.113.0/24", Target::Edge("tgw-2".into())));
        assert!(reported("::/0", Target::Edge("tgw-2".into())));
        assert!(reported("0.0.0.0/0", Target::Missing("eni-gone".into())));
        let mut network = network();
        network.route_tables[0].routes[1] = Route { active: false, ..route("0.0.0.0/0", Target::Edge("tgw-2".into())) };
        let codes: Vec<_> = validate(&network).iter().map(|finding| finding.code).collect();
        assert!(codes.contains(&"nat-without-igw"), "{codes:?}");
    }

    #[test]
    fn private_nat_gateways_do_not_go_out() {
        let private = |it: &mut Network| {
            it.nat_gateways[0].connectivity = Connectivity::Private;
            it.nat_gateways[0].addresses[0].public = None;
            it.interfaces[2].ipv4[0].public = None;
        };
        assert_eq!(damaged(private), [("private-nat-to-igw", Lint)]);
    }

    #[test]
    fn nat_gateways_do_not_serve_their_own_subnet() {
        let own = |it: &mut Network| {
            it.route_tables[0].routes.push(route("203.0.113.0/24", Target::NatGateway("nat-1".into())));
        };
        assert_eq!(damaged(own), [("nat-own-subnet", Lint)]);
    }

    /// The gateway of the network in no subnet, with an address in the zone of its subnets.
    fn regional(it: &mut Network) {
        it.interfaces.remove(2);
        let gateway = &mut it.nat_gateways[0];
        gateway.placement = Placement::Regional { route_table: "rtb-a".into() };
        gateway.addresses[0].translated = [198, 51, 100, 20].into();
        gateway.addresses[0].zone = Some("a".to_owned());
    }

    #[test]
    fn regional_nat_gateways_reach_the_internet_by_their_own_table() {
        assert_eq!(damaged(regional), []);
        let cut = |it: &mut Network| {
            regional(it);
            it.nat_gateways[0].placement = Placement::Regional { route_table: "rtb-b".into() };
        };
        assert_eq!(damaged(cut), [("nat-without-igw", Lint)]);
    }

    #[test]
    fn regional_nat_gateways_are_where_subnets_are() {
        let elsewhere = |it: &mut Network| {
            regional(it);
            it.nat_gateways[0].addresses[0].zone = Some("z".to_owned());
        };
        assert_eq!(damaged(elsewhere), [("nat-zone-without-subnet", Lint)]);
        let everywhere = |it: &mut Network| {
            regional(it);
            it.nat_gateways[0].addresses[0].zone = None;
        };
        assert_eq!(damaged(everywhere), []);
    }

    #[test]
    fn regional_addresses_are_public_ones_of_nobody_else() {
        let taken = |it: &mut Network| {
            regional(it);
            it.nat_gateways[0].addresses[0].translated = [198, 51, 100, 7].into();
            it.nat_gateways[0].addresses[0].public = Some([198, 51, 100, 7].into());
        };
        assert_eq!(damaged(taken), [("duplicate-public", Error)]);
        let private = |it: &mut Network| {
            regional(it);
            it.nat_gateways[0].addresses[0].public = Some([10, 0, 0, 7].into());
        };
        assert_eq!(damaged(private), [("public-is-private", Severity::Warning)]);
    }
}
