//! Verdicts of one replay against those of another.

use std::sync::Arc;

use vpcemu_dataplane::outcome::{Outcome, StepKind};
use vpcemu_dataplane::{Component, DropReason, Timeline};
use vpcemu_model::Network;
use vpcemu_replay::progress::Progress;
use vpcemu_replay::{Listener, Report};

use super::openings::Openings;
use super::{icmp, reason_class};
use crate::catalog::Catalog;
use crate::observer::{Observer, admitting};

/// The protocol number of TCP.
const TCP: u8 = 6;

/// What became of a packet, as far as it is compared: two bytes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Fate {
    Delivered,
    Held,
    Dropped(DropReason),
    /// Dropped, and no reason is known.
    Lost,
}

impl Fate {
    fn of(report: &Report<'_>) -> Self {
        match (report.verdict().map(|verdict| verdict.outcome), report.reason()) {
            (Some(Outcome::Delivered { .. }), _) => Self::Delivered,
            (Some(Outcome::Held), _) => Self::Held,
            (_, Some(reason)) => Self::Dropped(reason_class(reason)),
            (_, None) => Self::Lost,
        }
    }
}

impl std::fmt::Display for Fate {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Delivered => f.write_str("allow"),
            Self::Held => f.write_str("held"),
            Self::Dropped(reason) => write!(f, "deny {}", reason.code()),
            Self::Lost => f.write_str("deny"),
        }
    }
}

/// The first replay: what was admitted, and every fate.
pub(super) struct Baseline {
    observer: Observer,
    fates: Vec<Fate>,
}

impl Baseline {
    pub(super) fn new(observer: Observer) -> Self {
        Self { observer, fates: Vec::new() }
    }

    pub(super) fn into_parts(self) -> (Vec<Fate>, Observer) {
        (self.fates, self.observer)
    }
}

impl Listener for Baseline {
    fn packet(&mut self, report: &Report<'_>) {
        self.fates.push(Fate::of(report));
        self.observer.packet(report);
    }
}

/// A replay that looks for what rules are missing: what they deny and the original ones admit.
pub(super) struct Repair {
    fates: Arc<Vec<Fate>>,
    catalog: Catalog,
    original: Arc<Timeline>,
    seen: usize,
    pub(super) missing: Openings,
    pub(super) differing: u64,
    pub(super) difference: Option<(u64, String, String)>,
}

impl Repair {
    pub(super) fn new(fates: Arc<Vec<Fate>>, network: &Network, original: Arc<Timeline>) -> Self {
        let catalog = Catalog::of(network, &original);
        Self { fates, catalog, original, seen: 0, missing: Openings::default(), differing: 0, difference: None }
    }
}

impl Listener for Repair {
    fn packet(&mut self, report: &Report<'_>) {
        let before = self.fates.get(self.seen).copied().unwrap_or(Fate::Lost);
        self.seen += 1;
        let now = Fate::of(report);
        if before == now {
            return;
        }
        self.differing += 1;
        self.difference.get_or_insert_with(|| (report.stamp().n, before.to_string(), now.to_string()));
        // Interfaces have the same index in both: the networks differ by rules alone.
        let denied = report.steps().iter().find(|step| step.kind == StepKind::SecurityGroup && !step.allowed);
        let fabric = self.original.fabric(0);
        if let Some(step) = denied
            && let (Component::Interface(eni), Some(direction)) = (step.at, step.direction)
            && let (direct, answer) = ((direction, step.key), (direction.reversed(), step.key.reversed()))
            // A segment in the middle of nothing may have been taken for the answer to what rules admit.
            && let ways = [Some(direct), Some(answer).filter(|_| step.key.protocol == TCP)]
            && let Some(((direction, key), rule)) = ways
                .into_iter()
                .flatten()
                .find_map(|(way, key)| Some(((way, key), admitting(fabric, eni, way, &key)?)))
            && let Some(number) = self.catalog.of_group(rule)
        {
            let listed = &self.catalog.rules[number as usize];
            self.missing.note(listed, direction, &key, icmp(report.datagram(), report.length()));
        }
    }
}

/// A replay that stops at the first packet with another fate.
pub(super) struct Trial {
    fates: Arc<Vec<Fate>>,
    seen: usize,
    differs: bool,
    progress: Arc<Progress>,
}

impl Trial {
    pub(super) fn new(fates: Arc<Vec<Fate>>, progress: Arc<Progress>) -> Self {
        Self { fates, seen: 0, differs: false, progress }
    }

    /// How many packets it has seen.
    pub(super) fn seen(&self) -> u64 {
        self.seen as u64
    }

    pub(super) fn is_same(&self) -> bool {
        !self.differs && self.seen == self.fates.len()
    }
}

impl Listener for Trial {
    fn packet(&mut self, report: &Report<'_>) {
        if self.fates.get(self.seen).copied() != Some(Fate::of(report)) {
            self.differs = true;
            self.progress.cancel();
        }
        self.seen += 1;
    }
}
