//! What lies beyond a VPC: peered VPCs, transit gateways, virtual private gateways (10.17-10.30). What the configuration
//! names and does not describe is a place where packets end, and from which captures may bring some.
//!
//! Rules: 1.14, 1.17-1.19, 10.17-10.30. Knobs: none here.

mod peering;
mod transit_gateway;
mod vpn_gateway;

use std::net::IpAddr;

use crate::fabric::{Neighbor, address};
use crate::index::{EdgeIx, SubnetIx, VpcIx};
use crate::outcome::{Component, Denial, Place, StepKind};
use crate::reason::DropReason;
use crate::stage::{edge, route};
use crate::walk::{Hop, Walk};

/// The packet leaves `vpc`, by a route of `from` or of a gateway in no subnet.
pub(crate) fn outbound(
    walk: &mut Walk<'_, '_, '_>,
    edge_ix: EdgeIx,
    vpc: VpcIx,
    from: Option<SubnetIx>,
) -> Result<Hop, Denial> {
    match walk.fabric.edge(edge_ix) {
        Some(Neighbor::Peering(peering)) => peering::outbound(walk, edge_ix, peering, vpc),
        Some(Neighbor::TransitGateway(gateway)) => transit_gateway::from_vpc(walk, edge_ix, gateway, vpc, from),
        Some(Neighbor::VpnGateway(gateway)) => vpn_gateway::outbound(walk, edge_ix, gateway, vpc),
        Some(Neighbor::Unknown(_) | Neighbor::Attachment(_)) => Ok(Hop::Done(Place::Edge(edge_ix))),
        None => Err(walk.deny(DropReason::Blackhole, Component::Edge(edge_ix), StepKind::Check, None, None)),
    }
}

/// The packet comes from outside of the model.
pub(crate) fn inbound(walk: &mut Walk<'_, '_, '_>, edge_ix: EdgeIx) -> Result<Hop, Denial> {
    let at = Component::Edge(edge_ix);
    let (source, destination) = (walk.source(), walk.destination());
    let nowhere = |end| address::is_nowhere(end) || address::is_multicast(end);
    if nowhere(source) || nowhere(destination) {
        return Err(walk.deny(DropReason::Martian, at, StepKind::Check, None, None));
    }
    if address::is_link_scope_v6(source) || address::is_neighbour_discovery(walk.packet.headers()) {
        return Err(walk.deny(DropReason::LinkScope, at, StepKind::Check, None, None));
    }
    if address::stays_local(source) {
        return Err(walk.deny(DropReason::ReservedAddress, at, StepKind::Check, None, None));
    }
    match walk.fabric.edge(edge_ix) {
        Some(Neighbor::Peering(peering)) => peering::inbound(walk, edge_ix, peering),
        Some(Neighbor::Attachment(attachment)) => transit_gateway::from_outside(walk, edge_ix, attachment),
        Some(Neighbor::VpnGateway(gateway)) => vpn_gateway::inbound(walk, edge_ix, gateway),
        Some(Neighbor::Unknown(vpcs)) => {
            // By one that has routes to it, and the destination.
            let owner = vpcs.iter().find_map(|vpc| walk.fabric.owner(*vpc, destination));
            let Some(receiver) = owner else {
                return Err(walk.deny(DropReason::NeighborUnknown, at, StepKind::Check, None, None));
            };
            edge::by_table(walk, edge_ix, receiver)
        }
        // Packets come by an attachment, not by the gateway as such.
        Some(Neighbor::TransitGateway(_)) | None => {
            Err(walk.deny(DropReason::NeighborUnknown, at, StepKind::Check, None, None))
        }
    }
}

/// The interface of a VPC that a packet is for, which no table is asked about (2.14).
fn receiver(
    walk: &mut Walk<'_, '_, '_>,
    at: Component,
    kind: StepKind,
    vpc: VpcIx,
    end: IpAddr,
) -> Result<Hop, Denial> {
    if let Some(eni) = walk.fabric.owner(vpc, end) {
        return Ok(Hop::Reach { eni, from: None });
    }
    // Its resolver is for the VPC alone (10.20), and so is everything else that it reserves.
    let reason = route::absence(walk.fabric, vpc, None, end);
    Err(walk.deny(reason, at, kind, None, None))
}
