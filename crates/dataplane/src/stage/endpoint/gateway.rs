//! Gateway endpoints: a route to a service's prefix list; the source stays private (10.1-10.6).
//!
//! Rules: 1.17, 6.20, 10.1-10.6. Knobs: `mtu`, `mss_clamp` of `[behavior.vpc_endpoint]`.

use vpcemu_packet::Transport;

use super::{KIND, check_size, clamp_mss};
use crate::fabric::{Endpoint, EndpointKind};
use crate::index::{EndpointIx, EniIx};
use crate::outcome::{Component, Denial, Place};
use crate::reason::DropReason;
use crate::walk::{Hop, Walk};

/// ICMP and ICMPv6 echo request, and the replies to them.
const ECHO_REQUEST: [u8; 2] = [8, 128];
const ECHO_REPLY: [u8; 2] = [0, 129];
/// As how many entries an interface tracks a connection to DynamoDB (6.20).
const TRACKED_ENTRIES: u8 = 2;

/// The packet leaves the VPC towards the service: TCP or ICMP echo only (10.4), from an interface of the VPC (10.6).
pub(super) fn outbound(
    walk: &mut Walk<'_, '_, '_>,
    endpoint_ix: EndpointIx,
    endpoint: &Endpoint,
) -> Result<Hop, Denial> {
    check_protocol(walk, endpoint_ix, ECHO_REQUEST)?;
    if walk.fabric.owner(endpoint.vpc, walk.source()).is_none() {
        return Err(walk.deny(DropReason::Spoofed, Component::Endpoint(endpoint_ix), KIND, None, None));
    }
    check_size(walk, endpoint_ix)?;
    clamp_mss(walk);
    walk.pass(Component::Endpoint(endpoint_ix), KIND, None, None);
    Ok(Hop::Done(Place::Endpoint(endpoint_ix)))
}

/// The service answers an interface: TCP or echo reply, from one of its own addresses (10.4).
pub(crate) fn inbound(walk: &mut Walk<'_, '_, '_>, endpoint_ix: EndpointIx, eni: EniIx) -> Result<Hop, Denial> {
    let at = Component::Endpoint(endpoint_ix);
    let kind = walk.fabric.endpoint(endpoint_ix).map(|endpoint| &endpoint.kind);
    let Some(EndpointKind::Gateway { prefixes, .. }) = kind else {
        return Err(walk.deny(DropReason::BadState, at, KIND, None, None));
    };
    check_protocol(walk, endpoint_ix, ECHO_REPLY)?;
    if !prefixes.iter().any(|net| net.contains(&walk.source())) {
        return Err(walk.deny(DropReason::EndpointSource, at, KIND, None, None));
    }
    check_size(walk, endpoint_ix)?;
    clamp_mss(walk);
    walk.pass(at, KIND, None, None);
    track(walk, endpoint_ix);
    Ok(Hop::Reach { eni, from: None })
}

/// Interfaces track connections to some services whatever their rules (6.20). They have to know before the packet gets here.
pub(crate) fn track(walk: &mut Walk<'_, '_, '_>, endpoint: EndpointIx) {
    let kind = walk.fabric.endpoint(endpoint).map(|endpoint| &endpoint.kind);
    if matches!(kind, Some(EndpointKind::Gateway { tracked: true, .. })) {
        walk.force_tracking = true;
        walk.entries = TRACKED_ENTRIES;
    }
}

fn check_protocol(walk: &mut Walk<'_, '_, '_>, endpoint: EndpointIx, echo: [u8; 2]) -> Result<(), Denial> {
    let carried = match walk.transport {
        Transport::Tcp { .. } => true,
        Transport::Query { kind, .. } => echo.contains(&kind),
        _ => false,
    };
    if carried {
        return Ok(());
    }
    Err(walk.deny(DropReason::EndpointProtocol, Component::Endpoint(endpoint), KIND, None, None))
}
