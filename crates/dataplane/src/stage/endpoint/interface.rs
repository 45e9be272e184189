//! Interface endpoints: connections are made to them, never by them (10.7-10.12).
//!
//! Rules: 1.22, 1.23, 10.7-10.12. Knobs: `[behavior.vpc_endpoint]`.

use vpcemu_packet::{TcpFlags, Transport, build};

use super::{KIND, check_size, clamp_mss, flows};
use crate::conntrack::Way;
use crate::fabric::EndpointKind;
use crate::index::{EndpointIx, EniIx};
use crate::outcome::{Component, Denial, Place};
use crate::output::GeneratedKind;
use crate::reason::DropReason;
use crate::walk::{Hop, Origination, Originator, Walk};

/// The packet has passed the endpoint's security groups.
pub(crate) fn serve(walk: &mut Walk<'_, '_, '_>, endpoint: EndpointIx, eni: EniIx) -> Result<Hop, Denial> {
    let at = Component::Endpoint(endpoint);
    // Pings are not answered, nor is anything else but what the service listens on (10.10, 10.11).
    let udp = matches!(
        walk.fabric.endpoint(endpoint).map(|endpoint| &endpoint.kind),
        Some(EndpointKind::Interface { udp: true })
    );
    let listens = match walk.transport {
        Transport::Tcp { .. } => true,
        Transport::Udp { .. } => udp,
        _ => false,
    };
    // An error about what it has sent is for its own stack.
    if flows::is_related(walk, endpoint) {
        walk.pass(at, KIND, None, None);
        return Ok(Hop::Done(Place::Interface(eni)));
    }
    if !listens {
        return Err(walk.deny(DropReason::Protocol, at, KIND, None, None));
    }
    check_size(walk, endpoint)?;
    if flows::observe(walk, endpoint).is_none() {
        if !flows::may_open(walk) {
            let reason = flows::lost(walk, endpoint);
            say_reset(walk, eni);
            return Err(walk.deny(reason, at, KIND, None, None));
        }
        let key = walk.key();
        flows::open(walk, endpoint, key, false);
    }
    clamp_mss(walk);
    walk.pass(at, KIND, None, None);
    Ok(Hop::Done(Place::Interface(eni)))
}

/// The service answers: only what belongs to a flow from the inside, or is about one, comes out of the endpoint (10.9).
pub(crate) fn answer(walk: &mut Walk<'_, '_, '_>, endpoint: EndpointIx) -> Result<(), Denial> {
    let at = Component::Endpoint(endpoint);
    // An error about what it got begins nothing (P21).
    if flows::is_related(walk, endpoint) {
        walk.pass(at, KIND, None, None);
        return Ok(());
    }
    match flows::observe(walk, endpoint) {
        Some(Way::Reply) => {}
        None if walk.adoptable => {
            let key = walk.key();
            flows::open(walk, endpoint, key.reversed(), true);
        }
        known => {
            // To the VPC a connection that idled out and one that the service would begin look alike, but for the name.
            let expired = known.is_none() && flows::lost(walk, endpoint) == DropReason::EndpointIdleExpired;
            let reason = if expired { DropReason::EndpointIdleExpired } else { DropReason::EndpointInitiates };
            return Err(walk.deny(reason, at, KIND, None, None));
        }
    }
    clamp_mss(walk);
    walk.pass(at, KIND, None, None);
    Ok(())
}

/// Whoever speaks on a connection that the endpoint has forgotten hears of it (10.10).
fn say_reset(walk: &mut Walk<'_, '_, '_>, eni: EniIx) {
    let resets = walk.fabric.behavior.vpc_endpoint.rst_on_unknown;
    // A RST is never answered with a RST (RFC 9293 3.10.7.1).
    if resets && walk.tcp_flags().is_some_and(|flags| !flags.contains(TcpFlags::RST)) {
        let bytes = build::tcp_reset(walk.packet.headers());
        walk.generated = Some(Origination { kind: GeneratedKind::TcpReset, bytes, from: Originator::Interface(eni) });
    }
}
