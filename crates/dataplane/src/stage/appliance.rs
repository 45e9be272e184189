//! Interfaces that forward: an appliance sends on what it gets as it is, one hop older (2.13, 1.25). Its security groups
//! judge both legs, and whoever is behind sees a middlebox, not the sender (6.10).
//!
//! Rules: 1.24, 1.25, 2.13, 11.1, 11.2, 11.6. Knobs: none; that it forwards is said of the interface.

use vpcemu_packet::build;

use crate::index::EniIx;
use crate::outcome::{Component, Denial, Direction, Place, StepKind};
use crate::output::GeneratedKind;
use crate::reason::DropReason;
use crate::stage::{icmp, mtu, security_group};
use crate::walk::{Hop, Origination, Originator, Walk};

/// The packet has passed the security groups of an appliance.
pub(crate) fn forward(walk: &mut Walk<'_, '_, '_>, eni_ix: EniIx) -> Result<Hop, Denial> {
    let destination = walk.destination();
    if walk.fabric.eni(eni_ix).is_some_and(|eni| eni.owns(destination)) {
        return Ok(Hop::Done(Place::Interface(eni_ix)));
    }
    check_age(walk, eni_ix)?;
    walk.packet.decrement_ttl(1);
    send(walk, eni_ix, StepKind::Forward)
}

/// The stack sends the packet on, by the route table of its subnet.
pub(crate) fn send(walk: &mut Walk<'_, '_, '_>, eni_ix: EniIx, kind: StepKind) -> Result<Hop, Denial> {
    let at = Component::Interface(eni_ix);
    let Some(eni) = walk.fabric.eni(eni_ix) else {
        return Err(walk.deny(DropReason::NeighborUnknown, at, kind, None, None));
    };
    let subnet = eni.subnet;
    walk.pass(at, kind, None, None);
    walk.emitter = Some(eni_ix);
    walk.direct = false;
    walk.tap(at);
    security_group::judge(walk, eni_ix, Direction::Egress)?;
    Ok(Hop::LeaveSubnet(subnet))
}

/// A packet at its last hop dies here, and its sender hears of it.
pub(crate) fn check_age(walk: &mut Walk<'_, '_, '_>, eni_ix: EniIx) -> Result<(), Denial> {
    if walk.packet.headers().ttl > 1 {
        return Ok(());
    }
    let message = icmp::time_exceeded(walk.packet.headers().version);
    tell(walk, eni_ix, GeneratedKind::IcmpTimeExceeded, message, 0);
    Err(walk.deny(DropReason::Ttl, Component::Interface(eni_ix), StepKind::Forward, None, None))
}

/// A packet that is larger than the stack's interface sends leaves in pieces, or dies and its sender hears of it (1.22).
pub(crate) fn check_size(walk: &mut Walk<'_, '_, '_>, eni_ix: EniIx, limit: u32) -> Result<(), Denial> {
    if !mtu::exceeds(walk, limit) {
        return Ok(());
    }
    if !walk.packet.headers().dont_fragment {
        mtu::leave_in_pieces(walk, limit);
        return Ok(());
    }
    let (kind, message) = mtu::message(walk.packet.headers().version);
    tell(walk, eni_ix, kind, message, limit);
    Err(walk.deny(DropReason::Mtu, Component::Interface(eni_ix), StepKind::Forward, None, None))
}

/// An ICMP error in the stack's own name. Errors are never answered with errors (RFC 1122 3.2.2), nor are later fragments.
fn tell(walk: &mut Walk<'_, '_, '_>, eni_ix: EniIx, kind: GeneratedKind, (icmp, code): (u8, u8), rest: u32) {
    if !mtu::may_be_answered(walk) {
        return;
    }
    let sender = walk.source();
    let Some(own) = walk.fabric.eni(eni_ix).and_then(|eni| eni.primary(sender)) else { return };
    let bytes = build::icmp_error(own, sender, icmp, code, rest, walk.quoted());
    walk.generated = Some(Origination { kind, bytes, from: Originator::Interface(eni_ix) });
}
