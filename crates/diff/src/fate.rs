//! What became of a packet, in a form that two configurations can be compared by.

use vpcemu_dataplane::outcome::{Outcome, Step, StepKind};
use vpcemu_dataplane::{Component, Denial, DropReason, Place, Verdict};
use vpcemu_packet::FlowKey;
use vpcemu_replay::verdict::{Ends, Names};

use crate::{Kind, Pair, Which};

/// What became of a packet.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Fate<'a> {
    pub(crate) verdict: Option<&'a Verdict>,
    pub(crate) reason: Option<DropReason>,
    pub(crate) steps: &'a [Step],
}

/// How two fates differ.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Difference {
    /// Neither delivers it, and they do not say the same of why.
    Denied,
    /// One that matters.
    Change(Kind),
}

impl<'a> Fate<'a> {
    /// Where it ended, and as what; none if it was dropped or is held.
    pub(crate) fn delivered(&self) -> Option<(Place, FlowKey)> {
        let verdict = self.verdict?;
        match verdict.outcome {
            Outcome::Delivered { at } => Some((at, verdict.left_as)),
            Outcome::Dropped(_) | Outcome::Held => None,
        }
    }

    pub(crate) fn denial(&self) -> Option<Denial> {
        match self.verdict?.outcome {
            Outcome::Dropped(denial) => Some(denial),
            Outcome::Delivered { .. } | Outcome::Held => None,
        }
    }

    /// What passed it on, in order.
    pub(crate) fn via(&self) -> impl Iterator<Item = Component> + 'a {
        self.steps.iter().filter(|step| step.allowed && forwards(step.kind)).map(|step| step.at)
    }
}

fn forwards(kind: StepKind) -> bool {
    match kind {
        StepKind::Nat
        | StepKind::InternetGateway
        | StepKind::EgressOnly
        | StepKind::Endpoint
        | StepKind::Forward
        | StepKind::Peering
        | StepKind::TransitGateway
        | StepKind::VpnGateway => true,
        StepKind::Check | StepKind::SecurityGroup | StepKind::NetworkAcl | StepKind::Route | StepKind::Service => false,
    }
}

/// Compares fates under two configurations.
#[derive(Clone, Copy)]
pub(crate) struct Judge<'a> {
    pub(crate) pair: &'a Pair,
    pub(crate) old: Names<'a>,
    pub(crate) new: Names<'a>,
}

impl Judge<'_> {
    /// How they differ; none if they do not. Which rule let a packet pass makes no difference.
    pub(crate) fn difference(&self, old: Fate<'_>, new: Fate<'_>) -> Option<Difference> {
        let ((was_at, was), (is_at, is)) = match (old.delivered(), new.delivered()) {
            (Some(old), Some(new)) => (old, new),
            (Some(_), None) => return Some(Difference::Change(Kind::NewlyDenied)),
            (None, Some(_)) => return Some(Difference::Change(Kind::NewlyAllowed)),
            (None, None) => {
                let at = |fate: Fate<'_>| fate.denial().and_then(|denial| denial.at);
                let same = old.reason == new.reason && self.is_same(at(old), at(new));
                return (!same).then_some(Difference::Denied);
            }
        };
        if !self.is_same_place(was_at, is_at) || !self.is_same_way(old, new) {
            return Some(Difference::Change(Kind::Rerouted));
        }
        (Ends::of(&was) != Ends::of(&is)).then_some(Difference::Change(Kind::Retranslated))
    }

    fn is_same(&self, old: Option<Component>, new: Option<Component>) -> bool {
        match (old, new) {
            (Some(old), Some(new)) => self.is_same_component(old, new),
            (None, None) => true,
            _ => false,
        }
    }

    pub(crate) fn is_same_component(&self, old: Component, new: Component) -> bool {
        std::mem::discriminant(&old) == std::mem::discriminant(&new)
            && self.old.component(old) == self.pair.canonical(Which::New, self.new.component(new))
    }

    fn is_same_place(&self, old: Place, new: Place) -> bool {
        std::mem::discriminant(&old) == std::mem::discriminant(&new)
            && self.old.place(old) == self.pair.canonical(Which::New, self.new.place(new))
    }

    fn is_same_way(&self, old: Fate<'_>, new: Fate<'_>) -> bool {
        let (mut old, mut new) = (old.via(), new.via());
        loop {
            match (old.next(), new.next()) {
                (None, None) => return true,
                (Some(old), Some(new)) if self.is_same_component(old, new) => {}
                _ => return false,
            }
        }
    }
}
