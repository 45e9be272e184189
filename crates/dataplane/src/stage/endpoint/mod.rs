//! VPC endpoints: of gateways, by interfaces, and of Gateway Load Balancers (10.1-10.16).
//!
//! Rules: 1.22, 1.23, 10.1-10.16. Knobs: `[behavior.vpc_endpoint]`.

mod flows;
mod gateway;
pub(crate) mod interface;
mod load_balancer;

use crate::fabric::EndpointKind;
use crate::index::EndpointIx;
use crate::outcome::{Component, Denial, StepKind};
use crate::reason::DropReason;
use crate::stage::mtu;
use crate::walk::{Hop, Walk};

pub(crate) use gateway::{inbound, track};

const KIND: StepKind = StepKind::Endpoint;

/// A route leads to the endpoint.
pub(crate) fn outbound(walk: &mut Walk<'_, '_, '_>, endpoint_ix: EndpointIx) -> Result<Hop, Denial> {
    let fabric = walk.fabric;
    match fabric.endpoint(endpoint_ix).map(|endpoint| (endpoint, &endpoint.kind)) {
        Some((endpoint, EndpointKind::Gateway { .. })) => gateway::outbound(walk, endpoint_ix, endpoint),
        Some((_, EndpointKind::LoadBalancer { eni, subnet })) => {
            load_balancer::through(walk, endpoint_ix, *eni, *subnet)
        }
        Some((_, EndpointKind::Interface { .. })) | None => {
            Err(walk.deny(DropReason::Blackhole, Component::Endpoint(endpoint_ix), KIND, None, None))
        }
    }
}

/// What is too large dies in silence: endpoints do not take part in path MTU discovery (1.22).
fn check_size(walk: &mut Walk<'_, '_, '_>, endpoint: EndpointIx) -> Result<(), Denial> {
    if mtu::exceeds(walk, walk.fabric.behavior.vpc_endpoint.mtu) {
        return Err(walk.deny(DropReason::Mtu, Component::Endpoint(endpoint), KIND, None, None));
    }
    Ok(())
}

/// The largest segment that both ends learn of is one that the endpoint carries (1.23).
fn clamp_mss(walk: &mut Walk<'_, '_, '_>) {
    let knobs = &walk.fabric.behavior.vpc_endpoint;
    if knobs.mss_clamp {
        mtu::clamp_mss(walk, knobs.mtu);
    }
}
