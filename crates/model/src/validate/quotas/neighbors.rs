//! Quotas of what a VPC is connected to: peering connections, transit gateways, endpoints, propagated routes.

use std::collections::HashSet;

use super::{Quota, count};
use crate::finding::Finding;
use crate::validate::Index;
use crate::{AttachmentKind, EndpointKind, Id, RouteOrigin, TransitGateway, VpcEndpoint};

/// Of one VPC: 50, adjustable to 125.
const PEERINGS: Quota = Quota { of: "active peering connections", default: 50, maximum: Some(125) };
/// Of one VPC, without a documented maximum.
const TRANSIT_GATEWAYS: Quota = Quota { of: "transit gateways", default: 5, maximum: None };
/// Of one gateway, without a documented maximum.
const ATTACHMENTS: Quota = Quota { of: "attachments", default: 5000, maximum: None };
/// Of one gateway, without a documented maximum.
const TABLES: Quota = Quota { of: "route tables", default: 20, maximum: None };
/// Of all tables of one gateway together, static and propagated ones, without a documented maximum.
const TRANSIT_ROUTES: Quota = Quota { of: "routes", default: 10_000, maximum: None };
/// Endpoints with interfaces of one VPC, those of Gateway Load Balancers among them, without a documented maximum.
const INTERFACE_ENDPOINTS: Quota =
    Quota { of: "interface and Gateway Load Balancer endpoints", default: 50, maximum: None };
/// 20 of a region and never more than 255 of a VPC. A network may be of several regions, and a VPC is of one.
const GATEWAY_ENDPOINTS: Quota = Quota { of: "gateway endpoints", default: 20, maximum: Some(255) };
/// Of one table, fixed.
const PROPAGATED: Quota = Quota { of: "propagated routes", default: 100, maximum: Some(100) };

pub(super) fn check(index: &Index<'_>, findings: &mut Vec<Finding>) {
    let network = index.network;
    let active = network.vpc_peering_connections.iter().filter(|it| it.active);
    let peerings = count(active.flat_map(|it| [&it.requester.vpc, &it.accepter.vpc]));
    let transit = count(network.transit_gateways.iter().flat_map(attached));
    let is_routed = |it: &&VpcEndpoint| matches!(it.kind, EndpointKind::Gateway { .. });
    let of_gateways = count(network.vpc_endpoints.iter().filter(is_routed).map(|it| &it.vpc));
    let of_interfaces = count(network.vpc_endpoints.iter().filter(|it| !is_routed(it)).map(|it| &it.vpc));
    let of_vpcs = [
        (&PEERINGS, peerings),
        (&TRANSIT_GATEWAYS, transit),
        (&GATEWAY_ENDPOINTS, of_gateways),
        (&INTERFACE_ENDPOINTS, of_interfaces),
    ];
    for vpc in &network.vpcs {
        for (quota, counts) in &of_vpcs {
            findings.extend(quota.check(&vpc.id, "", counts.get(&vpc.id).copied().unwrap_or_default(), &vpc.origin));
        }
    }
    for TransitGateway { id, attachments, route_tables, origin, .. } in &network.transit_gateways {
        findings.extend(ATTACHMENTS.check(id, "", attachments.len(), origin));
        findings.extend(TABLES.check(id, "", route_tables.len(), origin));
        let routes = route_tables.iter().map(|table| table.routes.len()).sum();
        findings.extend(TRANSIT_ROUTES.check(id, "", routes, origin));
    }
    for table in &network.route_tables {
        let propagated = table.routes.iter().filter(|it| it.route_origin == RouteOrigin::Propagated).count();
        findings.extend(PROPAGATED.check(&table.id, "", propagated, &table.origin));
    }
}

/// The VPCs that a gateway is attached to, each once.
fn attached(gateway: &TransitGateway) -> HashSet<&Id> {
    let vpcs = gateway.attachments.iter().filter_map(|attachment| match &attachment.kind {
        AttachmentKind::Vpc(of) => Some(&of.vpc),
        AttachmentKind::Outside { .. } => None,
    });
    vpcs.collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::finding::Severity::{self, Error, Warning};
    use crate::validate::sample::{
        attachment, endpoint, network, peering, propagated, transit_gateway, transit_route, vpc_attachment,
    };
    use crate::{Network, TransitGatewayRouteTable};

    /// What the quotas say of a network, of which a count is as given.
    fn at(damage: impl FnOnce(&mut Network)) -> Vec<(Severity, String)> {
        let mut network = network();
        damage(&mut network);
        let mut findings = Vec::new();
        check(&Index::new(&network), &mut findings);
        assert!(findings.iter().all(|finding| finding.code == "quota"));
        findings.into_iter().map(|finding| (finding.severity, finding.text)).collect()
    }

    /// Asserts what is said at the default, above it, at the maximum and above it.
    fn assert_quota(quota: &Quota, owner: &str, damage: impl Fn(&mut Network, usize)) {
        let at = |count| at(|network| damage(network, count));
        let above = |count: usize| {
            let (of, default) = (quota.of, quota.default);
            (Warning, format!("{owner} has {count} {of}, above the default quota of {default}"))
        };
        assert_eq!(at(quota.default), []);
        if quota.maximum != Some(quota.default) {
            assert_eq!(at(quota.default + 1), [above(quota.default + 1)]);
        }
        if let Some(maximum) = quota.maximum {
            if maximum > quota.default {
                assert_eq!(at(maximum), [above(maximum)]);
            }
            let text = format!("{owner} has {} {}, and {maximum} is the most there can be", maximum + 1, quota.of);
            assert_eq!(at(maximum + 1), [(Error, text)]);
        }
    }

    #[test]
    fn quotas_of_peering_connections_count_active_ones_of_either_side() {
        assert_quota(&PEERINGS, "vpc-1", |it, count| {
            let all = (0..count).map(|at| match at % 2 {
                0 => peering("vpc-1", "vpc-9"),
                _ => peering("vpc-9", "vpc-1"),
            });
            it.vpc_peering_connections = all.collect();
            let mut pending = peering("vpc-1", "vpc-9");
            pending.active = false;
            it.vpc_peering_connections.push(pending);
        });
    }

    #[test]
    fn quotas_of_transit_gateways() {
        let outside = || attachment("tgw-attach-9", &[]);
        assert_quota(&TRANSIT_GATEWAYS, "vpc-1", |it, count| {
            it.transit_gateways = vec![transit_gateway(vec![vpc_attachment("tgw-attach-1", "vpc-1", &[])]); count];
            it.transit_gateways.push(transit_gateway(vec![outside()]));
        });
        assert_quota(&ATTACHMENTS, "tgw-1", |it, count| {
            it.transit_gateways = vec![transit_gateway(vec![outside(); count])];
        });
        let table = || transit_gateway(Vec::new()).route_tables.remove(0);
        assert_quota(&TABLES, "tgw-1", |it, count| {
            it.transit_gateways = vec![transit_gateway(Vec::new())];
            it.transit_gateways[0].route_tables = vec![table(); count];
        });
        assert_quota(&TRANSIT_ROUTES, "tgw-1", |it, count| {
            it.transit_gateways = vec![transit_gateway(Vec::new())];
            let route = transit_route("10.9.0.0/16", None);
            let part = |count| TransitGatewayRouteTable { routes: vec![route.clone(); count], ..table() };
            it.transit_gateways[0].route_tables = vec![part(count / 2), part(count - count / 2)];
        });
    }

    #[test]
    fn quotas_of_endpoints() {
        let gateway = || EndpointKind::Gateway { prefix_list: None };
        assert_quota(&GATEWAY_ENDPOINTS, "vpc-1", |it, count| it.vpc_endpoints = vec![endpoint(gateway()); count]);
        assert_quota(&INTERFACE_ENDPOINTS, "vpc-1", |it, count| {
            let interface = EndpointKind::Interface { interfaces: Vec::new(), udp: false };
            let load_balancer = EndpointKind::GatewayLoadBalancer { interface: "eni-1".into() };
            it.vpc_endpoints = vec![endpoint(interface); count - 1];
            it.vpc_endpoints.extend([endpoint(load_balancer), endpoint(gateway())]);
        });
    }

    #[test]
    fn quotas_of_propagated_routes_are_fixed() {
        assert_quota(&PROPAGATED, "rtb-b", |it, count| {
            let routes = &mut it.route_tables[1].routes;
            routes.extend(std::iter::repeat_with(|| propagated("192.168.0.0/16", "vgw-1")).take(count));
        });
    }
}
