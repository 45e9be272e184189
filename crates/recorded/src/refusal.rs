//! What a refusal says of the flow that it refuses: whether flow logs know of it at all.

use vpcemu_dataplane::DropReason;
use vpcemu_flowlog::{Action, Decision, Judgement};

/// What security groups, network ACLs and Block Public Access say: what records are about (9.5).
const OF_RECORDS: [DropReason; 5] = [
    DropReason::SecurityGroup,
    DropReason::SecurityGroupEmpty,
    DropReason::SecurityGroupReferenceLost,
    DropReason::NetworkAcl,
    DropReason::BlockPublicAccess,
];

/// Whether something is refused by what records are about, and by nothing that would have kept it away from them.
pub(crate) fn is_of_records(judgement: &Judgement) -> bool {
    matches!(judgement, Judgement::Decided { by: Decision { reason: Some(reason), .. }, .. } if is_recorded(reason))
}

/// Whether something is lost to what flow logs know nothing of (no route, no public address): where it would have been recorded
/// it never comes by.
pub(crate) fn is_kept_away(judgement: &Judgement) -> bool {
    let (Judgement::Decided { action, by } | Judgement::OfPings { action, by, .. }) = judgement else { return false };
    *action == Action::Reject && by.reason.as_ref().is_some_and(|reason| !is_recorded(reason))
}

/// By the code of a reason.
fn is_recorded(reason: &str) -> bool {
    OF_RECORDS.iter().any(|known| known.code() == reason)
}
