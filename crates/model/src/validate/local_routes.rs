//! Static routes inside the VPC's own blocks (2.6): they lead traffic between subnets through a middlebox.

use super::Index;
use super::routing::{Named, is_load_balancer, tells_no_kind};
use crate::finding::Finding;
use crate::{Destination, RouteOrigin, RouteTable, Target, Vpc};

/// Ids of what a configuration need not describe and may take a route inside the VPC: Gateway Load Balancer endpoints, Outposts local
/// gateways (2.6), and middleboxes that a dump does not have.
const MIDDLEBOXES: [&str; 4] = ["vpce-", "lgw-", "nat-", "eni-"];

pub(super) fn check(index: &Index<'_>, findings: &mut Vec<Finding>) {
    for table in &index.network.route_tables {
        if let Some(vpc) = index.vpcs.get(&table.vpc) {
            check_table(index, table, vpc, findings);
        }
    }
}

fn check_table(index: &Index<'_>, table: &RouteTable, vpc: &Vpc, findings: &mut Vec<Finding>) {
    for route in &table.routes {
        let Destination::Cidr(block) = &route.destination else { continue };
        // Blackholes once were right; propagated routes lose to local instead of being refused (2.4); what leads to
        // local anyway changes nothing, and a gateway's table may say it of a subnet (2.15).
        let harmless = matches!(route.target, Target::Local | Target::Missing(_));
        if !route.active || route.route_origin == RouteOrigin::Propagated || harmless {
            continue;
        }
        let Some(around) = vpc.cidrs.iter().find(|around| around.contains(block)) else { continue };
        let named = Named(&table.id, route);
        let whole_vpc = block.trunc() == around.trunc();
        // `local` itself may be led elsewhere, so the whole VPC block is as good as a subnet's (2.6).
        if !whole_vpc && !index.is_of_subnet(&vpc.id, *block) {
            let text =
                format!("the route {named} is inside {around} of {}, but not the whole block of a subnet", vpc.id);
            findings.push(Finding::error("more-specific-than-local", &route.origin, text));
        }
        if !may_replace_local(index, &route.target) {
            let target = route.target.id().map_or("local", |id| id.as_str());
            let text = format!("the route {named} is inside {around} of {} and leads to {target}", vpc.id);
            let finding = Finding::error("more-specific-than-local", &route.origin, text);
            let help = "lead it to a NAT gateway, a network interface or a Gateway Load Balancer endpoint";
            findings.push(finding.help(help));
        }
    }
}

/// Whether a target is one for routes inside the VPC (2.6). Endpoints that are unknown are reported as such.
fn may_replace_local(index: &Index<'_>, target: &Target) -> bool {
    match target {
        Target::Local | Target::Missing(_) | Target::NatGateway(_) | Target::NetworkInterface(_) => true,
        Target::Edge(id) => tells_no_kind(id) || MIDDLEBOXES.iter().any(|prefix| id.as_str().starts_with(prefix)),
        Target::VpcEndpoint(id) => !index.vpc_endpoints.contains_key(id) || is_load_balancer(index, id),
        Target::InternetGateway(_)
        | Target::EgressOnlyInternetGateway(_)
        | Target::VpcPeeringConnection(_)
        | Target::TransitGateway(_)
        | Target::VpnGateway(_) => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::validate::sample::{network, route};
    use crate::{Id, Network, Route};

    fn codes(network: &Network) -> Vec<&'static str> {
        let mut findings = Vec::new();
        check(&Index::new(network), &mut findings);
        findings.iter().map(|finding| finding.code).collect()
    }

    fn with(route: Route) -> Vec<&'static str> {
        let mut network = network();
        network.interfaces[0].source_dest_check = false;
        network.route_tables[1].routes.push(route);
        codes(&network)
    }

    fn to(kind: fn(Id) -> Target, id: &str) -> Target {
        kind(id.into())
    }

    #[test]
    fn routes_inside_the_vpc_cover_whole_subnets() {
        assert_eq!(with(route("10.0.0.0/24", to(Target::NetworkInterface, "eni-web"))), [""; 0]);
        assert_eq!(with(route("10.0.0.0/24", to(Target::NatGateway, "nat-1"))), [""; 0]);
        let v6 = with(route("2001:db8:0:a::/64", to(Target::NetworkInterface, "eni-web")));
        assert_eq!(v6, [""; 0]);
        let half = with(route("10.0.0.0/25", to(Target::NetworkInterface, "eni-web")));
        assert_eq!(half, ["more-specific-than-local"]);
    }

    #[test]
    fn routes_inside_the_vpc_lead_to_middleboxes() {
        let refused = ["more-specific-than-local"];
        assert_eq!(with(route("10.0.0.0/24", to(Target::InternetGateway, "igw-1"))), refused);
        assert_eq!(with(route("10.0.0.0/24", to(Target::VpcEndpoint, "vpce-1"))), refused);
        assert_eq!(with(route("10.0.0.0/24", to(Target::Edge, "tgw-1"))), refused);
        assert_eq!(with(route("10.0.0.0/24", to(Target::Edge, "lgw-1"))), [""; 0]);
        assert_eq!(with(route("10.0.0.0/24", to(Target::Edge, "vpce-9"))), [""; 0]);
        assert_eq!(with(route("10.0.0.0/24", to(Target::Edge, "pcx-1"))), refused);
        assert_eq!(with(route("10.0.0.0/24", to(Target::Edge, "aws_networkfirewall_firewall.it"))), [""; 0]);
        let learned =
            Route { route_origin: RouteOrigin::Propagated, ..route("10.0.0.0/25", to(Target::Edge, "vgw-1")) };
        assert_eq!(with(learned), [""; 0]);
        assert_eq!(with(route("10.0.0.0/24", Target::Local)), [""; 0]);
    }

    #[test]
    fn local_itself_may_lead_elsewhere() {
        let mut network = network();
        network.interfaces[0].source_dest_check = false;
        network.route_tables[1].routes[0].target = to(Target::NetworkInterface, "eni-web");
        assert_eq!(codes(&network), [""; 0]);
        network.route_tables[1].routes[0].target = to(Target::NatGateway, "nat-1");
        assert_eq!(codes(&network), [""; 0]);
        network.route_tables[1].routes[0].target = to(Target::InternetGateway, "igw-1");
        assert_eq!(codes(&network), ["more-specific-than-local"]);
    }
}
