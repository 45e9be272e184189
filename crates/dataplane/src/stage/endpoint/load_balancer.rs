//! Gateway Load Balancer endpoints: a packet goes to the appliances and comes back as it was, then takes the route table of
//! the endpoint's subnet (10.14-10.16).
//!
//! Rules: 1.22, 1.25, 2.14, 6.10, 7.2, 10.14-10.16. Knobs: `mtu`, `tcp_idle`, `udp_idle` of `[behavior.vpc_endpoint]`.

use vpcemu_packet::Transport;

use super::{KIND, check_size, flows};
use crate::index::{EndpointIx, EniIx, SubnetIx};
use crate::outcome::{Component, Denial, Direction};
use crate::stage::nacl;
use crate::walk::{Hop, Walk};

/// The packet goes through.
pub(super) fn through(
    walk: &mut Walk<'_, '_, '_>,
    endpoint: EndpointIx,
    eni: EniIx,
    subnet: SubnetIx,
) -> Result<Hop, Denial> {
    let at = Component::Endpoint(endpoint);
    // Judged even within the sender's subnet (7.2).
    nacl::judge(walk, subnet, Direction::Ingress)?;
    check_size(walk, endpoint)?;
    if matches!(walk.transport, Transport::Tcp { .. } | Transport::Udp { .. })
        && flows::observe(walk, endpoint).is_none()
    {
        if !flows::may_open(walk) {
            let reason = flows::lost(walk, endpoint);
            return Err(walk.deny(reason, at, KIND, None, None));
        }
        let key = walk.key();
        flows::open(walk, endpoint, key, false);
    }
    // Whoever sees the packet next sees a middlebox (6.10).
    walk.emitter = Some(eni);
    walk.direct = false;
    walk.pass(at, KIND, None, None);
    walk.tap(at);
    Ok(Hop::LeaveSubnet(subnet))
}
