//! The rows of what a VPC is connected to besides the internet.

use std::borrow::Cow;
use std::collections::BTreeMap;

use serde::Serialize;
use vpcemu_model::{AttachmentKind, Destination, Network, TransitGatewayAttachment, VpcPeeringConnection};

use super::gateways::GatewayRow;
use super::word;

/// What the row of a transit gateway is called: it is in no one VPC.
pub(super) const TRANSIT_GATEWAY: &str = "transit gateway";
/// What the row of what is attached to one is called: it may be associated with no table.
pub(super) const ATTACHMENT: &str = "attachment";

/// A route table of a transit gateway.
#[derive(Serialize)]
pub(super) struct TransitTableRow<'a> {
    pub(super) id: &'a str,
    pub(super) name: Option<&'a str>,
    pub(super) gateway: &'a str,
    pub(super) routes: BTreeMap<String, String>,
}

pub(super) fn rows(network: &Network) -> impl Iterator<Item = GatewayRow<'_>> {
    let peerings = network.vpc_peering_connections.iter().map(peering);
    let transit = network.transit_gateways.iter().flat_map(|gateway| {
        let row = GatewayRow {
            id: gateway.id.as_str(),
            name: gateway.name.as_deref(),
            kind: TRANSIT_GATEWAY,
            place: None,
            addresses: Vec::new(),
            route_table: None,
        };
        std::iter::once(row).chain(gateway.attachments.iter().map(|it| attachment(network, it)))
    });
    let private = network.vpn_gateways.iter().map(|gateway| GatewayRow {
        id: gateway.id.as_str(),
        name: gateway.name.as_deref(),
        kind: "virtual private gateway",
        place: gateway.vpc.as_ref().map(|vpc| vpc.as_str().into()),
        addresses: gateway.prefixes.iter().flatten().map(ToString::to_string).collect(),
        route_table: None,
    });
    peerings.chain(transit).chain(private)
}

fn peering(peering: &VpcPeeringConnection) -> GatewayRow<'_> {
    let mut addresses: Vec<String> =
        [&peering.requester, &peering.accepter].iter().flat_map(|side| &side.cidrs).map(ToString::to_string).collect();
    addresses.extend((!peering.active).then(|| "not active".to_owned()));
    GatewayRow {
        id: peering.id.as_str(),
        name: peering.name.as_deref(),
        kind: if peering.inter_region { "inter-region peering connection" } else { "peering connection" },
        place: Some(Cow::Owned(format!("{}\n{}", peering.requester.vpc, peering.accepter.vpc))),
        addresses,
        route_table: None,
    }
}

fn attachment<'a>(network: &'a Network, attachment: &'a TransitGatewayAttachment) -> GatewayRow<'a> {
    let (place, mut addresses) = match &attachment.kind {
        AttachmentKind::Vpc(of) => {
            let interfaces = of.interfaces.iter().filter_map(|id| network.interface(id));
            let addresses = interfaces.flat_map(|it| it.addresses().map(|own| format!("{own} in {}", it.subnet)));
            (Cow::Borrowed(of.vpc.as_str()), addresses.collect::<Vec<_>>())
        }
        AttachmentKind::Outside { medium, prefixes } => {
            (Cow::Owned(word(medium)), prefixes.iter().map(ToString::to_string).collect())
        }
    };
    addresses.extend((!attachment.available).then(|| "not available".to_owned()));
    GatewayRow {
        id: attachment.id.as_str(),
        name: None,
        kind: ATTACHMENT,
        place: Some(place),
        addresses,
        route_table: attachment.route_table.as_ref().map(|table| table.as_str()),
    }
}

pub(super) fn tables(network: &Network) -> Vec<TransitTableRow<'_>> {
    let tables =
        network.transit_gateways.iter().flat_map(|gateway| gateway.route_tables.iter().map(move |it| (gateway, it)));
    tables
        .map(|(gateway, table)| TransitTableRow {
            id: table.id.as_str(),
            name: table.name.as_deref(),
            gateway: gateway.id.as_str(),
            // Static routes come first in a table, and win (10.22).
            routes: table
                .routes
                .iter()
                .rev()
                .map(|route| {
                    let destination = match &route.destination {
                        Destination::Cidr(net) => net.to_string(),
                        Destination::PrefixList(list) => list.to_string(),
                    };
                    let target = route.attachment.as_ref().map_or("blackhole", |id| id.as_str());
                    (destination, target.to_owned())
                })
                .collect(),
        })
        .collect()
}
