//! Virtual private gateways: the VPC's side of Site-to-Site VPN and Direct Connect (10.28-10.30).
//!
//! Rules: 1.17, 1.22, 2.14, 2.15, 10.28-10.30. Knobs: `[behavior.vpn_gateway]`.

use crate::fabric::VpnGateway;
use crate::index::{EdgeIx, VpcIx};
use crate::outcome::{Component, Denial, Place, StepKind};
use crate::reason::DropReason;
use crate::stage::{edge, mtu};
use crate::walk::{Hop, Walk};

const KIND: StepKind = StepKind::VpnGateway;

/// The packet leaves the VPC for on-premises.
pub(super) fn outbound(
    walk: &mut Walk<'_, '_, '_>,
    edge: EdgeIx,
    gateway: &VpnGateway,
    vpc: VpcIx,
) -> Result<Hop, Denial> {
    let at = Component::Edge(edge);
    if walk.source().is_ipv6() {
        return Err(walk.deny(DropReason::Ipv6Unsupported, at, KIND, None, None));
    }
    if walk.fabric.owner(vpc, walk.source()).is_none() {
        return Err(walk.deny(DropReason::VpnSource, at, KIND, None, None));
    }
    let known = gateway.prefixes.as_ref();
    if known.is_some_and(|known| !known.iter().any(|net| net.contains(&walk.destination()))) {
        return Err(walk.deny(DropReason::NoRoute, at, KIND, None, None));
    }
    let knobs = &walk.fabric.behavior.vpn_gateway;
    if mtu::exceeds(walk, knobs.mtu) {
        // There is no path MTU discovery: nobody hears of it (10.30).
        if walk.packet.headers().dont_fragment || !knobs.fragment {
            return Err(walk.deny(DropReason::Mtu, at, KIND, None, None));
        }
        mtu::leave_in_pieces(walk, knobs.mtu);
    }
    walk.pass(at, KIND, None, None);
    walk.tap(at);
    Ok(Hop::Done(Place::Edge(edge)))
}

/// The packet comes into the VPC from on-premises: by the gateway's own table, or to the interface that has the address.
pub(super) fn inbound(walk: &mut Walk<'_, '_, '_>, edge_ix: EdgeIx, gateway: &VpnGateway) -> Result<Hop, Denial> {
    let at = Component::Edge(edge_ix);
    let Some(vpc) = gateway.vpc else {
        return Err(walk.deny(DropReason::BadState, at, KIND, None, None));
    };
    if walk.source().is_ipv6() {
        return Err(walk.deny(DropReason::Ipv6Unsupported, at, KIND, None, None));
    }
    // Its own addresses are not out there.
    if walk.fabric.owner(vpc, walk.source()).is_some() {
        return Err(walk.deny(DropReason::Spoofed, at, KIND, None, None));
    }
    let Some(receiver) = walk.fabric.owner(vpc, walk.destination()) else {
        return Err(walk.deny(DropReason::VpnDestination, at, KIND, None, None));
    };
    walk.pass(at, KIND, None, None);
    walk.tap(at);
    edge::by_table(walk, edge_ix, receiver)
}
