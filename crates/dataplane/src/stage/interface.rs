//! Network interfaces: source/destination check, then security groups on the way out; the other way round on the way in
//! (section 8).
//!
//! Rules: 1.14-1.19, 2.13, 3.11, 6.33. Knobs: `security_group.block_smtp`; the source/destination check is an attribute of the
//! interface.

use std::net::IpAddr;

use vpcemu_model::Forwarding;
use vpcemu_packet::Transport;

use crate::fabric::address;
use crate::index::{EniIx, SubnetIx, VpcIx};
use crate::outcome::{Component, Denial, Direction, Place, StepKind};
use crate::reason::DropReason;
use crate::stage::{appliance, endpoint, link_local, nacl, nat_gateway, nat_instance, security_group};
use crate::walk::{Hop, Walk};

/// The port of mail between servers (RFC 5321 4.5.4.2).
const SMTP: u16 = 25;

/// The packet leaves an interface.
pub(crate) fn leave(walk: &mut Walk<'_, '_, '_>, eni_ix: EniIx) -> Result<Hop, Denial> {
    let at = Component::Interface(eni_ix);
    let egress = Some(Direction::Egress);
    let fabric = walk.fabric;
    let Some(eni) = fabric.eni(eni_ix) else {
        return Err(walk.deny(DropReason::NeighborUnknown, at, StepKind::Check, egress, None));
    };
    let (source, destination) = (walk.source(), walk.destination());
    walk.sender = Some(eni_ix);
    walk.emitter = Some(eni_ix);
    walk.direct = eni.owns(source);
    walk.force_tracking |= eni.forces_tracking();
    let link_scope = address::is_link_scope_v6(source) || address::is_link_scope_v6(destination);
    if link_scope || address::is_neighbour_discovery(walk.packet.headers()) {
        return match link_local::service(walk, eni.vpc, destination) {
            Some(service) => Ok(link_local::ask(walk, service)),
            None => Err(walk.deny(DropReason::LinkScope, at, StepKind::Check, egress, None)),
        };
    }
    // DHCP comes before the client has an address, so it is not checked (6.29).
    if let Some(service) = link_local::service(walk, eni.vpc, destination)
        && (walk.direct || service == crate::outcome::Service::Dhcp)
    {
        link_local::police(walk, service, eni_ix)?;
        return Ok(link_local::ask(walk, service));
    }
    if eni.source_dest_check && !walk.direct {
        return Err(walk.deny(DropReason::SourceDestCheck, at, StepKind::Check, egress, None));
    }
    // The router answers nobody, and what is for it is filtered and logged no more than what is for services (6.29, 9.12).
    if walk.direct && fabric.is_router(eni.vpc, destination) {
        return Err(walk.deny(DropReason::ReservedAddress, at, StepKind::Check, egress, None));
    }
    if address::is_nowhere(source) || address::is_nowhere(destination) || address::is_multicast(source) {
        return Err(walk.deny(DropReason::Martian, at, StepKind::Check, egress, None));
    }
    if address::is_multicast(destination) {
        return Err(walk.deny(DropReason::Multicast, at, StepKind::Check, egress, None));
    }
    if address::stays_local(source) || address::stays_local(destination) {
        return Err(walk.deny(DropReason::ReservedAddress, at, StepKind::Check, egress, None));
    }
    if walk.direct && source.is_ipv4() && eni.forward == Some(Forwarding::NatInstance) {
        walk.recipe.spoil();
        nat_instance::speak(walk, eni_ix);
    }
    if let Some(endpoint) = eni.endpoint.filter(|_| !walk.originated) {
        walk.recipe.spoil();
        endpoint::interface::answer(walk, endpoint)?;
    }
    walk.tap(at);
    security_group::judge(walk, eni_ix, Direction::Egress)?;
    if fabric.behavior.security_group.block_smtp && is_mail(walk, eni.vpc) {
        walk.pending = None;
        return Err(walk.deny(DropReason::SmtpBlocked, at, StepKind::Check, egress, None));
    }
    Ok(Hop::LeaveSubnet(eni.subnet))
}

/// TCP to port 25 of a public address; a block of the VPC is private whatever it looks like (1.4, 6.33). The block knows no
/// connections: a client that calls from port 25 hears nothing either.
fn is_mail(walk: &Walk<'_, '_, '_>, vpc: VpcIx) -> bool {
    let named = walk.destination();
    let to = address::nat64_embedded(named).map_or(named, IpAddr::V4);
    let private = || walk.fabric.vpc(vpc).is_some_and(|vpc| vpc.cidrs.iter().any(|net| net.contains(&to)));
    matches!(walk.transport, Transport::Tcp { dst: SMTP, .. }) && address::is_public(to) && !private()
}

/// The packet is on its way to an interface; from another subnet it crosses that of the interface first.
pub(crate) fn reach(walk: &mut Walk<'_, '_, '_>, eni_ix: EniIx, from: Option<SubnetIx>) -> Result<Hop, Denial> {
    let Some(eni) = walk.fabric.eni(eni_ix) else {
        let at = Component::Interface(eni_ix);
        return Err(walk.deny(DropReason::NeighborUnknown, at, StepKind::Check, Some(Direction::Ingress), None));
    };
    if from != Some(eni.subnet) {
        nacl::judge(walk, eni.subnet, Direction::Ingress)?;
    }
    Ok(Hop::Arrive(eni_ix))
}

/// The packet is next to the interface.
pub(crate) fn arrive(walk: &mut Walk<'_, '_, '_>, eni_ix: EniIx) -> Result<Hop, Denial> {
    let at = Component::Interface(eni_ix);
    let ingress = Some(Direction::Ingress);
    let fabric = walk.fabric;
    let Some(eni) = fabric.eni(eni_ix) else {
        return Err(walk.deny(DropReason::NeighborUnknown, at, StepKind::Check, ingress, None));
    };
    if let Some(nat) = eni.nat {
        return nat_gateway::from_outside(walk, nat);
    }
    // A stopped instance's interface exists, and receives nothing (3.11); nor does one that only routes lead to.
    if !eni.in_use || !eni.listens {
        return Err(walk.deny(DropReason::NeighborUnknown, at, StepKind::Check, ingress, None));
    }
    security_group::judge(walk, eni_ix, Direction::Ingress)?;
    if eni.source_dest_check && !eni.owns(walk.destination()) {
        walk.pending = None;
        return Err(walk.deny(DropReason::SourceDestCheck, at, StepKind::Check, ingress, None));
    }
    walk.commit(walk.force_tracking || eni.forces_tracking(), Direction::Ingress)?;
    if let Some(endpoint) = eni.endpoint {
        walk.recipe.spoil();
        return endpoint::interface::serve(walk, endpoint, eni_ix);
    }
    match eni.forward {
        Some(Forwarding::Appliance) => appliance::forward(walk, eni_ix),
        Some(Forwarding::NatInstance) => {
            walk.recipe.spoil();
            nat_instance::forward(walk, eni_ix)
        }
        None => Ok(Hop::Done(Place::Interface(eni_ix))),
    }
}
