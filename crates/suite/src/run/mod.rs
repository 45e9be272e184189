//! Cases, run one after the other.

mod capture;
mod flow;
mod golden;
mod script;

use std::time::{Duration, Instant};

use serde::Serialize;
use vpcemu_lab::Lab;

use crate::case::{Case, What};
use crate::{Filter, Suite};

/// How a case ended.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Outcome {
    /// As expected.
    Passed,
    /// A golden was rewritten: which, and how much of it.
    Blessed(String),
    /// Not as expected.
    Failed(Failure),
    /// It could not be evaluated: its input is damaged, or its golden of something else. That is never a pass.
    Broken(String),
}

/// In what a case failed.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct Failure {
    /// The line of the suite that expects what did not happen.
    pub line: u32,
    /// Each expectation that was not met.
    pub messages: Vec<String>,
    /// What happened instead, hop by hop.
    pub trace: String,
}

/// A case that was run.
#[derive(Clone, Debug)]
pub struct Ran<'s> {
    /// The case.
    pub case: &'s Case,
    /// How it ended.
    pub outcome: Outcome,
    /// How long it took.
    pub elapsed: Duration,
}

impl Ran<'_> {
    /// Whether it ended as expected.
    pub fn is_ok(&self) -> bool {
        matches!(self.outcome, Outcome::Passed | Outcome::Blessed(_))
    }
}

impl Suite {
    /// Runs the cases that `filter` keeps, in their order, and tells of each as it has ended. With `bless` goldens are rewritten
    /// where they differ.
    pub fn run<'s>(&'s self, filter: &Filter, bless: bool, mut told: impl FnMut(&Ran<'s>)) -> Vec<Ran<'s>> {
        let mut lab = Lab::of(vec![self.network.clone()], self.options);
        let kept = self.cases.iter().filter(|case| filter.keeps(&case.name));
        let run = |case: &'s Case| {
            let began = Instant::now();
            let outcome = match &case.what {
                What::Flow(flow) => flow::run(&mut lab, flow, case.line),
                What::Script(script) => script::run(self, &mut lab, script, case.line),
                What::Capture(capture) => capture::run(self, capture, case.line, bless),
            };
            let ran = Ran { case, outcome, elapsed: began.elapsed() };
            told(&ran);
            ran
        };
        kept.map(run).collect()
    }
}

/// A pass, or a failure with these messages. What happened is only put into words where somebody will read it.
fn outcome(line: u32, messages: Vec<String>, trace: impl FnOnce() -> String) -> Outcome {
    if messages.is_empty() { Outcome::Passed } else { Outcome::Failed(Failure { line, messages, trace: trace() }) }
}
