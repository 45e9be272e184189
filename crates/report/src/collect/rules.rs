//! Rules that decided something, and why packets were dropped.

use foldhash::fast::FixedState;
use hashbrown::HashMap;
use vpcemu_dataplane::outcome::{Direction, Outcome, Rule, Step};
use vpcemu_dataplane::{Component, DropReason};
use vpcemu_lab::{Denied, Explainer, Facts, Hop};
use vpcemu_replay::Report;

/// Rules that are followed. More than that decide something in no configuration that AWS's quotas allow a VPC.
const MOST: usize = 1 << 16;

/// A rule where it decided: it is another in another configuration of the run.
type RuleKey = (u32, Component, Option<Direction>, Rule);

/// A kind of drop, as the summary tells them apart.
type DropKey = (DropReason, Option<Component>, Option<Direction>, Option<Rule>);

/// What a rule decided.
#[derive(Clone, Debug)]
pub(crate) struct Decided {
    /// What it says and where it was defined.
    pub(crate) hop: Hop,
    /// Which configuration of the run it is one of.
    pub(crate) generation: u32,
    pub(crate) allowed: u64,
    pub(crate) denied: u64,
    /// Bytes of the packets that it decided on.
    pub(crate) bytes: u64,
}

/// The first packet of a kind of drop, explained.
#[derive(Clone, Debug)]
pub(crate) struct Example {
    pub(crate) n: u64,
    /// `tcp 10.0.1.10:4000 → 192.0.2.1:443`.
    pub(crate) packet: String,
    pub(crate) denied: Denied,
}

/// Rules and drops.
#[derive(Debug)]
pub(crate) struct Decisions {
    /// Positions by key; rules in the order in which they first decided.
    at: HashMap<RuleKey, usize, FixedState>,
    rules: Vec<Decided>,
    /// Steps by rules that are not followed.
    missed: u64,
    known: HashMap<DropKey, usize, FixedState>,
    examples: Vec<Example>,
}

impl Decisions {
    pub(crate) fn new() -> Self {
        let state = || FixedState::with_seed(0);
        Self {
            at: HashMap::with_hasher(state()),
            rules: Vec::new(),
            missed: 0,
            known: HashMap::with_hasher(state()),
            examples: Vec::new(),
        }
    }

    /// Counts what decided about a packet. `explainer` is asked only about what is new.
    pub(crate) fn packet<'a>(&mut self, report: &Report<'_>, explainer: impl Fn() -> Explainer<'a>) {
        for step in report.steps() {
            let Some(rule) = step.rule else { continue };
            let generation = report.stamp().generation;
            let key = (generation, step.at, step.direction, rule);
            let position = match self.at.get(&key) {
                Some(position) => *position,
                None if self.rules.len() >= MOST => {
                    self.missed += 1;
                    continue;
                }
                None => {
                    let Some(hop) = hop(&explainer(), report, step) else { continue };
                    self.rules.push(Decided { hop, generation, allowed: 0, denied: 0, bytes: 0 });
                    self.at.insert(key, self.rules.len() - 1);
                    self.rules.len() - 1
                }
            };
            let decided = &mut self.rules[position];
            *(if step.allowed { &mut decided.allowed } else { &mut decided.denied }) += 1;
            decided.bytes += u64::from(report.length());
        }
        let Some(reason) = report.reason() else { return };
        let denial = match report.verdict().map(|verdict| verdict.outcome) {
            Some(Outcome::Dropped(denial)) => Some(denial),
            _ => None,
        };
        let key = match denial {
            Some(denial) => (reason, denial.at, denial.direction, denial.rule),
            None => (reason, None, None, None),
        };
        if self.known.contains_key(&key) || self.examples.len() >= MOST {
            return;
        }
        let explained = explainer().explain_report(report);
        if let Some(denied) = explained.denied {
            let packet = match report.injected() {
                Some(_) => format!("{} {} → {}", explained.proto, explained.src, explained.dst),
                None => "no address that could be read".to_owned(),
            };
            self.known.insert(key, self.examples.len());
            self.examples.push(Example { n: report.stamp().n, packet, denied });
        }
    }

    /// Rules in the order in which they first decided.
    pub(crate) fn rules(&self) -> &[Decided] {
        &self.rules
    }

    /// Steps by rules that are not followed.
    pub(crate) fn missed(&self) -> u64 {
        self.missed
    }

    /// The first packet of a kind of drop, by the names that the summary has.
    pub(crate) fn example(
        &self,
        reason: &str,
        at: Option<&str>,
        dir: Option<&str>,
        rule: Option<&str>,
    ) -> Option<&Example> {
        self.examples.iter().find(|Example { denied, .. }| {
            denied.reason == reason && denied.at.as_deref() == at && denied.dir == dir && denied.rule.as_deref() == rule
        })
    }
}

/// One step in names.
fn hop(explainer: &Explainer<'_>, report: &Report<'_>, step: &Step) -> Option<Hop> {
    let facts = Facts {
        n: None,
        ingress: None,
        injected: report.injected(),
        flags: None,
        verdict: None,
        reason: None,
        steps: std::slice::from_ref(step),
        generated: None,
        ports: None,
    };
    explainer.explain(facts).steps.into_iter().next()
}
