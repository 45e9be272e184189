//! The rows of gateways and endpoints.

use std::borrow::Cow;

use serde::Serialize;
use vpcemu_model::{EndpointKind, Network, Placement};

use super::neighbors;

/// A gateway, endpoint, connection or attachment.
#[derive(Serialize)]
pub(super) struct GatewayRow<'a> {
    pub(super) id: &'a str,
    pub(super) name: Option<&'a str>,
    pub(super) kind: &'static str,
    pub(super) place: Option<Cow<'a, str>>,
    pub(super) addresses: Vec<String>,
    /// That of a regional NAT gateway, or the one that an attachment is associated with.
    pub(super) route_table: Option<&'a str>,
}

pub(super) fn rows(network: &Network) -> Vec<GatewayRow<'_>> {
    let igws = network.internet_gateways.iter().map(|igw| GatewayRow {
        id: igw.id.as_str(),
        name: None,
        kind: "internet gateway",
        place: igw.vpc.as_ref().map(|vpc| vpc.as_str().into()),
        addresses: Vec::new(),
        route_table: None,
    });
    let eigws = network.egress_only_internet_gateways.iter().map(|eigw| GatewayRow {
        id: eigw.id.as_str(),
        name: None,
        kind: "egress-only internet gateway",
        place: Some(eigw.vpc.as_str().into()),
        addresses: Vec::new(),
        route_table: None,
    });
    let nats = network.nat_gateways.iter().map(|nat| GatewayRow {
        id: nat.id.as_str(),
        name: nat.name.as_deref(),
        kind: if nat.subnet().is_some() { "NAT gateway" } else { "regional NAT gateway" },
        place: Some(nat.subnet().unwrap_or(&nat.vpc).as_str().into()),
        addresses: nat
            .addresses
            .iter()
            .map(|address| match (address.public, &address.zone, &nat.placement) {
                (Some(public), _, Placement::Zonal { .. }) => format!("{} = {public}", address.translated),
                (_, Some(zone), _) => format!("{} in {zone}", address.translated),
                _ => address.translated.to_string(),
            })
            .collect(),
        route_table: match &nat.placement {
            Placement::Zonal { .. } => None,
            Placement::Regional { route_table } => Some(route_table.as_str()),
        },
    });
    let endpoints = network.vpc_endpoints.iter().map(|endpoint| GatewayRow {
        id: endpoint.id.as_str(),
        name: endpoint.name.as_deref(),
        kind: match endpoint.kind {
            EndpointKind::Gateway { .. } => "gateway endpoint",
            EndpointKind::Interface { .. } => "interface endpoint",
            EndpointKind::GatewayLoadBalancer { .. } => "Gateway Load Balancer endpoint",
        },
        place: Some(endpoint.vpc.as_str().into()),
        addresses: vec![endpoint.service.clone()],
        route_table: None,
    });
    igws.chain(eigws).chain(nats).chain(endpoints).chain(neighbors::rows(network)).collect()
}
