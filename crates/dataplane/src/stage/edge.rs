//! Gateway route tables: where in the VPC a packet goes that comes in by a gateway (2.15-2.19).
//!
//! Rules: 2.14-2.19. Knobs: none.

use std::net::IpAddr;

use crate::fabric::{NextHop, RouteTable};
use crate::index::{EdgeIx, EniIx, IgwIx, TableIx, VpcIx};
use crate::outcome::{Component, Denial, Rule, StepKind};
use crate::reason::DropReason;
use crate::walk::{Hop, Walk};

/// A packet that an internet gateway lets in, already with its private destination (2.19), for `receiver`.
pub(crate) fn from_internet(
    walk: &mut Walk<'_, '_, '_>,
    igw: IgwIx,
    vpc: VpcIx,
    receiver: Option<EniIx>,
) -> Result<Hop, Denial> {
    let fabric = walk.fabric;
    let table = fabric.igw(igw).and_then(|igw| igw.table);
    let found = table.and_then(|table| fabric.table(table).map(|routes| (table, routes)));
    let deliver = |walk: &mut Walk<'_, '_, '_>| match receiver {
        Some(eni) => Ok(Hop::Reach { eni, from: None }),
        None => Err(walk.deny(
            DropReason::NoSuchPublicAddress,
            Component::InternetGateway(igw),
            StepKind::InternetGateway,
            None,
            None,
        )),
    };
    let Some((table, routes)) = found else { return deliver(walk) };
    let Some((target, rule)) = redirection(routes, walk.destination()) else { return deliver(walk) };
    let at = Component::RouteTable(table);
    let target = match target {
        NextHop::Interface(target) => target,
        NextHop::Blackhole => return Err(walk.deny(DropReason::Blackhole, at, StepKind::Route, None, Some(rule))),
        _ => return deliver(walk),
    };
    // The target must have a public address itself (2.16).
    let public = fabric.eni(target).is_some_and(|eni| {
        let v4 = |own: &IpAddr| matches!(own, IpAddr::V4(v4) if fabric.public_of(vpc, *v4).is_some());
        match walk.destination() {
            IpAddr::V4(_) => eni.addresses.iter().any(v4),
            IpAddr::V6(_) => eni.addresses.iter().any(IpAddr::is_ipv6),
        }
    });
    // A public block is the target's own (2.18).
    if receiver.is_some() && !public {
        return Err(walk.deny(DropReason::EdgeNoPublic, at, StepKind::Route, None, Some(rule)));
    }
    walk.pass(at, StepKind::Route, None, Some(rule));
    Ok(Hop::Reach { eni: target, from: None })
}

/// A packet that comes in over a virtual private gateway, peering or transit gateway for `receiver` (2.14, 2.15).
pub(crate) fn from_model_edge(walk: &mut Walk<'_, '_, '_>, edge: EdgeIx, receiver: EniIx) -> Result<Hop, Denial> {
    let redirected = walk.fabric.edge_table(edge).and_then(|routes| redirection(routes, walk.destination()));
    match redirected {
        Some((NextHop::Interface(eni), _)) => Ok(Hop::Reach { eni, from: None }),
        Some((NextHop::Blackhole, rule)) => {
            Err(walk.deny(DropReason::Blackhole, Component::Edge(edge), StepKind::Route, None, Some(rule)))
        }
        _ => Ok(Hop::Reach { eni: receiver, from: None }),
    }
}

/// A subnet whose inbound traffic is redirected cannot use the gateway directly: what comes in by an appliance leaves by
/// the same one (2.17). `from` is the private source.
pub(crate) fn check_symmetry(walk: &mut Walk<'_, '_, '_>, igw: IgwIx, from: IpAddr) -> Result<(), Denial> {
    let fabric = walk.fabric;
    let table: Option<TableIx> = fabric.igw(igw).and_then(|igw| igw.table);
    let Some((table, routes)) = table.and_then(|table| Some((table, fabric.table(table)?))) else { return Ok(()) };
    match redirection(routes, from) {
        Some((NextHop::Interface(appliance), rule)) if walk.emitter != Some(appliance) => {
            let at = Component::RouteTable(table);
            Err(walk.deny(DropReason::EdgeRedirected, at, StepKind::Route, None, Some(rule)))
        }
        _ => Ok(()),
    }
}

/// The route of a gateway's table for `address`, unless it is the local one.
fn redirection(routes: &RouteTable, address: IpAddr) -> Option<(NextHop, Rule)> {
    let hit = routes.lookup(address)?;
    (hit.next != NextHop::Local).then_some((hit.next, Rule::Route(hit.route)))
}
