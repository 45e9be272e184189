//! What a refusal says of the flow that it refuses: whether flow logs know of it at all, and whether it may be what has changed.

use std::net::IpAddr;

use vpcemu_dataplane::{Component, DropReason};
use vpcemu_flowlog::{Action, Decision, Judgement};

use crate::judge::Judge;
use crate::question::Question;

/// What security groups, network ACLs and Block Public Access say: what records are about (9.5).
const OF_RECORDS: [DropReason; 5] = [
    DropReason::SecurityGroup,
    DropReason::SecurityGroupEmpty,
    DropReason::SecurityGroupReferenceLost,
    DropReason::NetworkAcl,
    DropReason::BlockPublicAccess,
];

/// Of those, a group that has no rule for something.
const NO_RULE: [DropReason; 2] = [DropReason::SecurityGroup, DropReason::SecurityGroupEmpty];

impl Judge {
    /// Of two ways to be refused, if the packets of a record open their flow and if they answer, the one that tells more of why what
    /// was accepted would be refused.
    ///
    /// What is lost on its way, as from outside to an address that has no public one, cannot have opened anything; if both would be,
    /// whoever is inside has. And groups have no rule for what nobody asks of them, and had none before: where an answer was to be
    /// expected, whatever else stops what it would answer is to be looked at.
    pub(crate) fn likelier(&self, question: &Question, opening: Judgement, reply: Judgement) -> Judgement {
        let is_inside = |address: IpAddr| !self.lab.fabric().owners(address).is_empty();
        let (opens, opens_else) = (question.header.src, question.header.dst);
        let is_reply = if is_kept_away(&opening) {
            !(is_kept_away(&reply) && is_inside(opens))
        } else {
            let stopped = is_of_records(&reply) || is_kept_away(&reply) && is_inside(opens_else);
            self.is_unasked(question, &opening) && stopped && !is_without_rule(&reply)
        };
        if is_reply { reply } else { opening }
    }

    /// Whether it is the receiver's group that has no rule for what opens a flow.
    fn is_unasked(&self, question: &Question, opening: &Judgement) -> bool {
        let Judgement::Decided { by, .. } = opening else { return false };
        let names = self.lab.names();
        let mut senders = self.lab.fabric().owners(question.header.src).into_iter();
        let by_sender = senders.any(|eni| by.at.as_deref() == Some(names.component(Component::Interface(eni))));
        is_without_rule(opening) && !by_sender
    }
}

/// Whether a group refuses it for want of a rule.
fn is_without_rule(judgement: &Judgement) -> bool {
    let Judgement::Decided { by: Decision { reason: Some(reason), .. }, .. } = judgement else { return false };
    NO_RULE.iter().any(|known| known.code() == reason)
}

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
