//! Subnets whose routes out are there, and serve what is in them badly or not at all.

use std::collections::{HashMap, HashSet};

use ipnet::IpNet;

use super::Index;
use super::blocks::is_v4;
use super::routing::{Named, blocks};
use crate::finding::{Finding, Severity};
use crate::{
    Destination, Forwarding, Id, InterfaceKind, NatGateway, NetworkInterface, Route, RouteTable, Subnet, Target,
};

pub(super) fn check(index: &Index<'_>, findings: &mut Vec<Finding>) {
    let mut interfaces: HashMap<&Id, Vec<&NetworkInterface>> = HashMap::new();
    for interface in &index.network.interfaces {
        interfaces.entry(&interface.subnet).or_default().push(interface);
    }
    let behind_edges = behind_edges(index);
    for subnet in &index.network.subnets {
        let here = interfaces.get(&subnet.id).map_or(&[][..], Vec::as_slice);
        findings.extend(without_public(index, subnet, here, &behind_edges));
    }
    findings.extend(index.network.nat_gateways.iter().filter_map(|gateway| across_zones(index, gateway)));
    findings.extend(index.network.route_tables.iter().filter_map(|table| both_gateways(index, table)));
}

/// The route to everything of a family.
fn default_route(table: &RouteTable, v4: bool) -> Option<&Route> {
    let is_default = |route: &&Route| match route.destination {
        Destination::Cidr(block) => block.prefix_len() == 0 && is_v4(block) == v4,
        Destination::PrefixList(_) => false,
    };
    table.routes.iter().find(is_default).filter(|route| route.active)
}

fn table_of<'a>(index: &Index<'a>, subnet: &Subnet) -> Option<&'a RouteTable> {
    index.route_tables.get(&subnet.route_table).copied()
}

/// Interfaces that tables of gateways lead public blocks to: they answer with those (2.18).
fn behind_edges<'a>(index: &Index<'a>) -> HashSet<&'a Id> {
    let routes = index.network.gateway_route_tables.iter().flat_map(|table| &table.routes);
    routes.filter_map(|route| route.target.id()).collect()
}

/// Instances that an internet gateway drops everything of, for want of a public address (3.2).
fn without_public(
    index: &Index<'_>,
    subnet: &Subnet,
    here: &[&NetworkInterface],
    behind_edges: &HashSet<&Id>,
) -> Option<Finding> {
    let table = table_of(index, subnet)?;
    let route = default_route(table, true)?;
    let Target::InternetGateway(gateway) = &route.target else { return None };
    let by_v6 = default_route(table, false).is_some_and(|it| matches!(it.target, Target::InternetGateway(_)));
    let stranded = |it: &&&NetworkInterface| {
        it.kind == InterfaceKind::Interface
            && it.in_use
            // An appliance sends what is of others, with their addresses.
            && (it.source_dest_check || it.forward == Some(Forwarding::NatInstance))
            && !it.ipv4.is_empty()
            && it.ipv4.iter().all(|address| address.public.is_none())
            // IPv6 needs none, and who saves public IPv4 addresses has it.
            && (!by_v6 || it.ipv6.is_empty())
            && !behind_edges.contains(&it.id)
    };
    let mut stranded = here.iter().filter(stranded);
    let first = stranded.next()?;
    let more = match stranded.count() {
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    let text = format!(
        "{} leads to {gateway}, which drops what {}{more} in it sends: there is no public address to send it with",
        subnet.id, first.id
    );
    let finding = Finding::new(Severity::Lint, "public-subnet-without-public", &subnet.origin, text);
    let finding = finding.help("give it one, or move it to a subnet that leads to a NAT gateway");
    Some(finding.related(&first.origin, format!("{} is here", first.id)))
}

/// A zonal gateway that serves other zones than its own.
fn across_zones(index: &Index<'_>, gateway: &NatGateway) -> Option<Finding> {
    let own = index.subnets.get(gateway.subnet()?)?;
    let uses = |subnet: &&Subnet| {
        let table = table_of(index, subnet);
        let route = table.and_then(|table| default_route(table, true));
        route.is_some_and(|route| route.target == Target::NatGateway(gateway.id.clone()))
    };
    let elsewhere = |subnet: &&Subnet| {
        let (zone, other) = (&own.availability_zone, &subnet.availability_zone);
        !zone.is_empty() && !other.is_empty() && zone != other
    };
    let mut subnets = index.network.subnets.iter().filter(|it| it.vpc == gateway.vpc).filter(elsewhere).filter(uses);
    let first = subnets.next()?;
    let more = match subnets.count() {
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    let text = format!(
        "{} is in zone {}, and {} in zone {}{more} leads to it: that traffic is charged for, and ends with the gateway's zone",
        gateway.id, own.availability_zone, first.id, first.availability_zone
    );
    let finding = Finding::new(Severity::Lint, "nat-across-zones", &gateway.origin, text);
    let finding = finding.help("give each zone a gateway and a route table of its own, or make it a regional one");
    Some(finding.related(&first.origin, format!("{} is here", first.id)))
}

/// IPv6 of one subnet by both gateways: AWS does not say which of them takes what comes in (5.6).
fn both_gateways(index: &Index<'_>, table: &RouteTable) -> Option<Finding> {
    let to = |is: fn(&Target) -> bool| {
        let v6 = |route: &&Route| blocks(index, &route.destination).iter().any(|block: &IpNet| !is_v4(*block));
        table.routes.iter().filter(|route| route.active && is(&route.target)).find(v6)
    };
    let internet = to(|target| matches!(target, Target::InternetGateway(_)))?;
    let egress_only = to(|target| matches!(target, Target::EgressOnlyInternetGateway(_)))?;
    let text = format!(
        "the route {} leads to {}, and IPv6 goes to {} too: whether connections may come in depends on where from",
        Named(&table.id, egress_only),
        egress_only.target.id()?,
        internet.target.id()?,
    );
    let finding = Finding::new(Severity::Lint, "igw-and-eigw", &egress_only.origin, text);
    let finding = finding.help("lead all IPv6 of a subnet to one of the two gateways");
    Some(finding.related(&internet.origin, "the other route"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Network;
    use crate::validate::sample::{codes, interface, network, route};

    fn public(table: &mut RouteTable) -> &mut Route {
        table.routes.iter_mut().find(|route| matches!(route.target, Target::InternetGateway(_))).unwrap()
    }

    #[test]
    fn an_internet_gateway_is_of_no_use_without_a_public_address() {
        let with = |change: fn(&mut Network)| {
            let mut network = network();
            network.interfaces.push(interface("eni-lost", "subnet-a", [10, 0, 0, 11], None));
            change(&mut network);
            codes(&network)
        };
        let code = ["public-subnet-without-public"];
        assert_eq!(with(|_| {}), code);
        // Only by the default route, from a running instance, of which no IPv6 gets out either.
        assert_eq!(
            with(
                |it| public(&mut it.route_tables[0]).destination = Destination::Cidr("203.0.113.0/24".parse().unwrap())
            ),
            [""; 0]
        );
        assert_eq!(with(|it| it.interfaces[3].in_use = false), [""; 0]);
        assert_eq!(with(|it| it.interfaces[3].kind = InterfaceKind::Other), [""; 0]);
        assert_eq!(with(|it| it.interfaces[3].source_dest_check = false), [""; 0]);
        let nat_instance = |it: &mut Network| {
            it.interfaces[3].source_dest_check = false;
            it.interfaces[3].forward = Some(Forwarding::NatInstance);
        };
        assert_eq!(with(nat_instance), code);
        assert_eq!(with(|it| it.interfaces[3].ipv6.push("2001:db8:0:a::11".parse().unwrap())), code);
        assert_eq!(
            with(|it| {
                it.interfaces[3].ipv6.push("2001:db8:0:a::11".parse().unwrap());
                it.route_tables[0].routes.push(route("::/0", Target::InternetGateway("igw-1".into())));
            }),
            [""; 0]
        );
        assert_eq!(with(|it| it.interfaces[3].ipv4[0].public = Some([198, 51, 100, 9].into())), [""; 0]);
        assert_eq!(with(|it| it.interfaces[3].subnet = "subnet-b".into())[..1], ["address-outside-subnet"]);
    }

    #[test]
    fn a_zonal_gateway_serves_its_zone() {
        let mut network = network();
        network.subnets[1].availability_zone = "b".to_owned();
        assert_eq!(codes(&network), ["nat-across-zones"]);
        let text = &crate::validate::validate(&network)[0].text;
        assert!(text.starts_with("nat-1 is in zone a, and subnet-b in zone b leads to it"), "{text}");
        // Without zones nothing is known.
        network.subnets[1].availability_zone.clear();
        assert_eq!(codes(&network), [""; 0]);
    }

    #[test]
    fn ipv6_of_a_table_has_one_gateway() {
        let mut network = network();
        network.route_tables[1].routes.push(route("2600::/12", Target::InternetGateway("igw-1".into())));
        assert_eq!(codes(&network), ["igw-and-eigw"]);
        network.route_tables[1].routes.last_mut().unwrap().active = false;
        assert_eq!(codes(&network), ["blackhole"]);
        // IPv4 by the one and IPv6 by the other is how it is meant.
        network.route_tables[1].routes.pop();
        network.route_tables[1].routes.push(route("203.0.113.0/24", Target::InternetGateway("igw-1".into())));
        assert_eq!(codes(&network), [""; 0]);
    }
}
