//! Gateway route tables: where in the VPC a packet goes that comes in by a gateway (2.15-2.19).
//!
//! Rules: 2.14-2.19, 3.15. Knobs: none.

use std::net::IpAddr;

use crate::fabric::{EndpointKind, Fabric, NextHop};
use crate::index::{EdgeIx, EndpointIx, EniIx, IgwIx, TableIx, VpcIx};
use crate::outcome::{Component, Denial, Place, Rule, StepKind};
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
    let Some(led) = redirection(fabric, table_of(fabric, igw), walk.destination()) else { return deliver(walk) };
    let Redirection { at, next: target, rule } = led;
    let target = match target {
        NextHop::Interface(target) => target,
        NextHop::Endpoint(endpoint) => {
            walk.pass(at, StepKind::Route, None, Some(rule));
            return Ok(Hop::Endpoint(endpoint));
        }
        // A middlebox that the configuration does not describe.
        NextHop::Edge(edge) => {
            walk.pass(at, StepKind::Route, None, Some(rule));
            return Ok(Hop::Neighbor { edge, vpc, from: None });
        }
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

/// A packet that a virtual private gateway brings for `receiver`: by the gateway's table, if it has one (2.14, 2.15).
pub(crate) fn by_table(walk: &mut Walk<'_, '_, '_>, edge: EdgeIx, receiver: EniIx) -> Result<Hop, Denial> {
    let deliver = Hop::Reach { eni: receiver, from: None };
    let fabric = walk.fabric;
    let led = redirection(fabric, fabric.edge_table(edge), walk.destination());
    let Some(Redirection { at, next, rule }) = led else { return Ok(deliver) };
    let hop = match next {
        NextHop::Interface(eni) => Hop::Reach { eni, from: None },
        NextHop::Endpoint(endpoint) => Hop::Endpoint(endpoint),
        NextHop::Edge(edge) => Hop::Done(Place::Edge(edge)),
        NextHop::Blackhole => return Err(walk.deny(DropReason::Blackhole, at, StepKind::Route, None, Some(rule))),
        _ => return Ok(deliver),
    };
    walk.pass(at, StepKind::Route, None, Some(rule));
    Ok(hop)
}

/// A subnet whose inbound traffic is redirected cannot use the gateway directly: what comes in by an appliance leaves by
/// the same one (2.17). `from` is the private source.
pub(crate) fn check_symmetry(walk: &mut Walk<'_, '_, '_>, igw: IgwIx, from: IpAddr) -> Result<(), Denial> {
    let fabric = walk.fabric;
    let led = redirection(fabric, table_of(fabric, igw), from);
    let Some(Redirection { at, next, rule }) = led else { return Ok(()) };
    let middlebox = match next {
        NextHop::Interface(appliance) => Some(appliance),
        NextHop::Endpoint(endpoint) => inspection(fabric, endpoint),
        _ => None,
    };
    if middlebox.is_none() || walk.emitter == middlebox {
        return Ok(());
    }
    Err(walk.deny(DropReason::EdgeRedirected, at, StepKind::Route, None, Some(rule)))
}

/// The interface of the Gateway Load Balancer's endpoint that an internet gateway's table leads `address` to.
pub(crate) fn inspected_by(fabric: &Fabric, igw: IgwIx, address: IpAddr) -> Option<EniIx> {
    match redirection(fabric, table_of(fabric, igw), address)?.next {
        NextHop::Endpoint(endpoint) => inspection(fabric, endpoint),
        _ => None,
    }
}

/// Whether an interface is that of a Gateway Load Balancer's endpoint.
pub(crate) fn is_inspection(fabric: &Fabric, eni: EniIx) -> bool {
    fabric.is_inspection(eni)
}

fn inspection(fabric: &Fabric, endpoint: EndpointIx) -> Option<EniIx> {
    match fabric.endpoint(endpoint)?.kind {
        EndpointKind::LoadBalancer { eni, .. } => Some(eni),
        _ => None,
    }
}

/// Where a gateway's own table leads instead of to the VPC.
struct Redirection {
    at: Component,
    next: NextHop,
    rule: Rule,
}

/// The route of a gateway's table for `address`, unless it is the local one.
fn redirection(fabric: &Fabric, table: Option<TableIx>, address: IpAddr) -> Option<Redirection> {
    let table = table?;
    let hit = fabric.table(table)?.lookup(address).filter(|hit| hit.next != NextHop::Local)?;
    Some(Redirection { at: Component::RouteTable(table), next: hit.next, rule: Rule::Route(hit.route) })
}

fn table_of(fabric: &Fabric, igw: IgwIx) -> Option<TableIx> {
    fabric.igw(igw)?.table
}
