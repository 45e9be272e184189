//! Transit gateways: what is attached to each, and its tables.

mod attachment;
mod interfaces;
mod routes;
mod table;

use ipnet::IpNet;
use vpcemu_model::{
    AttachmentKind, Destination, Id, Network, TransitGateway, TransitGatewayAttachment, TransitGatewayRouteTable,
};

use crate::Error;
use crate::codes;
use crate::dump::{Dump, Key};
use crate::node::Node;
use crate::notes::Notes;

use attachment::Head;
use interfaces::Interfaces;
use table::Tables;

/// Fills the gateways that the dump describes with their tables; the others stay at the edge of the model.
pub(super) fn read(dump: &Dump, network: &mut Network, notes: &mut Notes) -> Result<(), Error> {
    let mut heads = attachment::heads(dump, notes)?;
    let mut interfaces = Interfaces::read(dump, network)?;
    for node in dump.nodes(Key::TransitGateways) {
        let id = node.required_id("TransitGatewayId")?;
        if let Some(state) = node.state("State")?.filter(|state| matches!(state.as_str(), "deleted" | "deleting")) {
            heads.retain(|head| head.gateway != id);
            notes.gone(id, node.origin(), &state);
            continue;
        }
        let (own, others) = heads.into_iter().partition(|head| head.gateway == id);
        heads = others;
        let gateway = gateway(&node, id, own, &mut interfaces, dump, network, notes)?;
        network.transit_gateways.extend(gateway);
    }
    for head in heads {
        let text = format!("its transit gateway {} is not in TransitGateways", head.gateway);
        notes.ignore(head.id, head.origin, text);
    }
    table::note_strangers(dump, network, notes);
    Ok(())
}

fn gateway(
    node: &Node<'_>,
    id: Id,
    mut heads: Vec<Head>,
    interfaces: &mut Interfaces,
    dump: &Dump,
    network: &mut Network,
    notes: &mut Notes,
) -> Result<Option<TransitGateway>, Error> {
    let mut tables = Tables::read(node, &id, &heads, dump, notes)?;
    // What only tables name is attached too.
    attachment::named_by_tables(&tables, &id, &mut heads, dump, notes)?;
    if tables.is_empty() {
        if heads.len() < 2 {
            let text = format!("the tables of {id} were not read: packets routed to it end there");
            notes.assume(codes::TRANSIT_GATEWAY_ROUTE_TABLE, &id, text);
            return Ok(None);
        }
        let text = format!(
            "the tables of {id} were not read: it has one, as AWS makes it, with which everything is associated \
             and into which everything propagates"
        );
        notes.assume(codes::TRANSIT_GATEWAY_ROUTE_TABLE, &id, text);
        tables.make_default(&id, node.origin());
    }
    let mut attachments = Vec::new();
    for head in heads {
        let route_table = tables.associated_with(&head, notes);
        let kind = attachment::kind(&head, interfaces, dump, network, notes)?;
        let (available, id, origin) = (head.is_available(), head.id, head.origin);
        attachments.push(TransitGatewayAttachment { id, kind, route_table, available, origin });
    }
    let route_tables = routes::fill(tables, &attachments, network, notes)?;
    know_blocks(&mut attachments, &route_tables);
    let options = node.object("Options")?;
    let security_group_referencing = match options {
        Some(options) => is_enabled(&options, "SecurityGroupReferencingSupport")?,
        None => false,
    };
    let (name, origin) = (node.name()?, node.origin());
    Ok(Some(TransitGateway { id, name, security_group_referencing, attachments, route_tables, origin }))
}

/// An option that is `enable` or `disable`.
fn is_enabled(options: &Node<'_>, field: &str) -> Result<bool, Error> {
    Ok(options.state(field)?.as_deref() == Some("enable"))
}

/// What is outside is known by the routes that lead there; a default route says nothing of what is there.
fn know_blocks(attachments: &mut [TransitGatewayAttachment], tables: &[TransitGatewayRouteTable]) {
    for attachment in attachments {
        let AttachmentKind::Outside { prefixes, .. } = &mut attachment.kind else { continue };
        let routes = tables.iter().flat_map(|table| &table.routes);
        for route in routes.filter(|route| route.attachment.as_ref() == Some(&attachment.id)) {
            if let Destination::Cidr(block) = &route.destination
                && block.prefix_len() > 0
            {
                push_new(prefixes, *block);
            }
        }
    }
}

fn push_new(blocks: &mut Vec<IpNet>, block: IpNet) {
    if !blocks.contains(&block) {
        blocks.push(block);
    }
}

#[cfg(test)]
mod tests;
