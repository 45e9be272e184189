//! Gateway endpoints (10.1-10.6): a route to a service's prefix list; the source stays private.
//!
//! Rules: 10.1-10.4. Knobs: none.

use vpcemu_packet::Transport;

use crate::index::EndpointIx;
use crate::outcome::{Component, Denial, Place, StepKind};
use crate::reason::DropReason;
use crate::walk::{Hop, Walk};

/// ICMP and ICMPv6 echo request.
const ECHO_REQUEST: [u8; 2] = [8, 128];

/// The packet leaves the VPC towards the service: TCP or ICMP echo only.
pub(crate) fn outbound(walk: &mut Walk<'_, '_, '_>, endpoint: EndpointIx) -> Result<Hop, Denial> {
    let at = Component::Endpoint(endpoint);
    let carried = match walk.transport {
        Transport::Tcp { .. } => true,
        Transport::Query { kind, .. } => ECHO_REQUEST.contains(&kind),
        _ => false,
    };
    if !carried {
        return Err(walk.deny(DropReason::EndpointProtocol, at, StepKind::Endpoint, None, None));
    }
    walk.pass(at, StepKind::Endpoint, None, None);
    Ok(Hop::Done(Place::Endpoint(endpoint)))
}
