//! Peering connections: one VPC to another, and no further (10.17-10.20).
//!
//! Rules: 1.22, 2.14, 4.8, 10.17-10.20. Knobs: `[behavior.vpc_peering]`.

use crate::fabric::Peering;
use crate::index::{EdgeIx, VpcIx};
use crate::outcome::{Component, Denial, Place, StepKind};
use crate::reason::DropReason;
use crate::stage::mtu;
use crate::walk::{Hop, Walk};

const KIND: StepKind = StepKind::Peering;

/// The packet leaves one of the two VPCs.
pub(super) fn outbound(
    walk: &mut Walk<'_, '_, '_>,
    edge: EdgeIx,
    peering: &Peering,
    vpc: VpcIx,
) -> Result<Hop, Denial> {
    let at = Component::Edge(edge);
    let Some((_, far)) = peering.seen_from(vpc) else {
        return Err(walk.deny(DropReason::Blackhole, at, KIND, None, None));
    };
    if !peering.active {
        return Err(walk.deny(DropReason::BadState, at, KIND, None, None));
    }
    // What only passes through a VPC does not go on to its peers (10.17, 10.18).
    if walk.fabric.owner(vpc, walk.source()).is_none() {
        return Err(walk.deny(DropReason::Spoofed, at, KIND, None, None));
    }
    if !far.contains(walk.destination()) {
        return Err(walk.deny(DropReason::PeeringAddress, at, KIND, None, None));
    }
    if peering.inter_region {
        let knobs = &walk.fabric.behavior.vpc_peering;
        mtu::check(walk, at, knobs.inter_region_mtu, knobs.fragmentation_needed)?;
        walk.direct = false;
    }
    walk.pass(at, KIND, None, None);
    walk.tap(at);
    walk.crossed_transit = None;
    match far.vpc {
        Some(vpc) => super::receiver(walk, at, KIND, vpc, walk.destination()),
        None => Ok(Hop::Done(Place::Edge(edge))),
    }
}

/// The packet comes from a peer that the configuration does not have.
pub(super) fn inbound(walk: &mut Walk<'_, '_, '_>, edge: EdgeIx, peering: &Peering) -> Result<Hop, Denial> {
    let at = Component::Edge(edge);
    let Some((near, far)) = peering.seen_from_outside() else {
        return Err(walk.deny(DropReason::NeighborUnknown, at, KIND, None, None));
    };
    if !peering.active {
        return Err(walk.deny(DropReason::BadState, at, KIND, None, None));
    }
    if !far.cidrs.is_empty() && !far.contains(walk.source()) {
        return Err(walk.deny(DropReason::Spoofed, at, KIND, None, None));
    }
    let (Some(vpc), true) = (near.vpc, near.contains(walk.destination())) else {
        return Err(walk.deny(DropReason::PeeringAddress, at, KIND, None, None));
    };
    walk.pass(at, KIND, None, None);
    walk.tap(at);
    super::receiver(walk, at, KIND, vpc, walk.destination())
}
