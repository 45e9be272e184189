//! The routes of a transit gateway's tables: as a search gave them, or as attachments propagate them.

use ipnet::IpNet;
use vpcemu_model::{
    AttachmentKind, Destination, Id, Network, RouteOrigin, TransitGatewayAttachment, TransitGatewayRoute,
    TransitGatewayRouteTable,
};

use super::table::{Table, Tables};
use crate::Error;
use crate::codes;
use crate::node::Node;
use crate::notes::Notes;

/// The tables with their routes.
pub(super) fn fill(
    tables: Tables<'_>,
    attachments: &[TransitGatewayAttachment],
    network: &Network,
    notes: &mut Notes,
) -> Result<Vec<TransitGatewayRouteTable>, Error> {
    let mut filled = Vec::new();
    for table in tables.tables {
        let mut routes = Vec::new();
        for node in table.routes.iter().flatten() {
            let found = route(node, attachments, notes)?;
            // Searches with different filters find some of the same.
            routes.extend(found.filter(|found: &TransitGatewayRoute| !routes.iter().any(|it| is_same(it, found))));
        }
        if table.routes.is_none() {
            let text = format!(
                "the routes of {} were not read: it has what attachments propagate, and no static ones",
                table.id
            );
            notes.assume(codes::TRANSIT_GATEWAY_ROUTES, &table.id, text);
        }
        // A search that gave static routes only says nothing about the others.
        if !routes.iter().any(|it| it.route_origin == RouteOrigin::Propagated) {
            propagate(&table, attachments, network, &mut routes, notes)?;
        }
        let Table { id, name, origin, .. } = table;
        filled.push(TransitGatewayRouteTable { id, name, routes, origin });
    }
    Ok(filled)
}

fn is_same(one: &TransitGatewayRoute, other: &TransitGatewayRoute) -> bool {
    one.destination == other.destination && one.attachment == other.attachment && one.route_origin == other.route_origin
}

fn route(
    node: &Node<'_>,
    attachments: &[TransitGatewayAttachment],
    notes: &mut Notes,
) -> Result<Option<TransitGatewayRoute>, Error> {
    let destination = if let Some(block) = node.block("DestinationCidrBlock")? {
        Destination::Cidr(block)
    } else if let Some(list) = node.id("PrefixListId")? {
        Destination::PrefixList(list)
    } else {
        return Err(node.missing("DestinationCidrBlock"));
    };
    let blackhole = match node.state("State")?.as_deref() {
        None | Some("active") => false,
        Some("blackhole") => true,
        Some(state) => {
            notes.ignore("Routes", node.origin(), format!("the route's state is {state}"));
            return Ok(None);
        }
    };
    let mut known = Vec::new();
    for named in node.list("TransitGatewayAttachments")? {
        known.extend(named.id("TransitGatewayAttachmentId")?.filter(|id| attachments.iter().any(|it| it.id == *id)));
    }
    if known.len() > 1 && !blackhole {
        let text = format!("of several equal ways packets take one: {}", known[0]);
        notes.ignore("Routes", node.origin(), text);
    }
    let attachment = known.into_iter().next().filter(|_| !blackhole);
    if attachment.is_none() && !blackhole {
        let text = "the route names no attachment that is there: it drops what it matches";
        notes.assume(codes::UNKNOWN_TARGET, node.origin(), text);
    }
    let route_origin = match node.state("Type")?.as_deref() {
        Some("propagated") => RouteOrigin::Propagated,
        _ => RouteOrigin::Static,
    };
    Ok(Some(TransitGatewayRoute { destination, attachment, route_origin, origin: node.origin() }))
}

/// What attachments propagate: those that the table lists, or all of them into the default one.
fn propagate(
    table: &Table<'_>,
    attachments: &[TransitGatewayAttachment],
    network: &Network,
    routes: &mut Vec<TransitGatewayRoute>,
    notes: &mut Notes,
) -> Result<(), Error> {
    let mut listed = Vec::new();
    for node in table.propagations.iter().flatten() {
        if matches!(node.state("State")?.as_deref(), None | Some("enabled" | "enabling")) {
            listed.extend(node.id("TransitGatewayAttachmentId")?);
        }
    }
    let learns = |id: &Id| match &table.propagations {
        Some(_) => listed.contains(id),
        None => table.learns_by_default,
    };
    for attachment in attachments.iter().filter(|it| learns(&it.id)) {
        let blocks = announced(attachment, network);
        if blocks.is_empty() {
            let text = format!("what {} propagates into {} was not read", attachment.id, table.id);
            notes.assume(codes::TRANSIT_GATEWAY_ROUTES, &attachment.id, text);
        }
        routes.extend(blocks.into_iter().map(|block| TransitGatewayRoute {
            destination: Destination::Cidr(block),
            attachment: Some(attachment.id.clone()),
            route_origin: RouteOrigin::Propagated,
            origin: attachment.origin.clone(),
        }));
    }
    Ok(())
}

/// The blocks of a VPC; one that does not take IPv6 does not announce it either.
fn announced(attachment: &TransitGatewayAttachment, network: &Network) -> Vec<IpNet> {
    match &attachment.kind {
        AttachmentKind::Vpc(of) => {
            let blocks = network.vpc(&of.vpc).into_iter().flat_map(|vpc| &vpc.cidrs);
            blocks.filter(|block| of.ipv6 || block.addr().is_ipv4()).copied().collect()
        }
        AttachmentKind::Outside { prefixes, .. } => prefixes.clone(),
    }
}
