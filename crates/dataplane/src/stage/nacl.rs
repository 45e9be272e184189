//! Network ACLs: stateless, first match by number, at the boundary of a subnet only (7.2, 7.3).
//!
//! Rules: 7.1-7.10, 7.13. Knobs: `[behavior.network_acl] nacl_fragments`.

use vpcemu_model::behavior::NaclFragments;
use vpcemu_packet::{Fragment, Transport};

use crate::fabric::Subject;
use crate::index::SubnetIx;
use crate::outcome::{Component, Denial, Direction, Rule, StepKind};
use crate::reason::DropReason;
use crate::walk::Walk;

/// Judges a packet that enters or leaves `subnet`. Direction is the subnet's view (7.9).
pub(crate) fn judge(walk: &mut Walk<'_, '_, '_>, subnet: SubnetIx, direction: Direction) -> Result<(), Denial> {
    let fabric = walk.fabric;
    let Some(acl_ix) = fabric.subnet(subnet).map(|subnet| subnet.acl) else { return Ok(()) };
    let Some(acl) = fabric.acl(acl_ix) else { return Ok(()) };
    // Addresses as they stand: private, after the internet gateway inbound and before it outbound (7.10).
    let (rules, peer) = match direction {
        Direction::Ingress => (&acl.ingress, walk.source()),
        Direction::Egress => (&acl.egress, walk.destination()),
    };
    let portless = fabric.behavior.network_acl.nacl_fragments == NaclFragments::PortlessOnly;
    let transport = match walk.packet.headers().fragment {
        Fragment::Later { .. } if portless => Transport::Missing,
        _ => walk.transport,
    };
    let verdict = rules.judge(Subject::new(walk.packet.headers(), transport), peer);
    let rule = Some(verdict.number.map_or(Rule::ImplicitDeny, Rule::NetworkAcl));
    let at = Component::NetworkAcl(acl_ix);
    walk.record(at, StepKind::NetworkAcl, Some(direction), Some(subnet), verdict.allowed, rule);
    if verdict.allowed {
        return Ok(());
    }
    Err(Denial { reason: DropReason::NetworkAcl, at: Some(at), direction: Some(direction), rule })
}
