//! Results, for people and for CI servers.

mod github;
mod json;
mod junit;
mod tap;
mod text;

pub use github::{annotations, finding_annotations};
pub use json::json;
pub use junit::{junit, junit_error};
pub use tap::tap;
pub use text::{failures, line, result, running};

use crate::{Outcome, Ran, Suite};

/// A suite that was run.
#[derive(Debug)]
pub struct SuiteRan<'s> {
    /// The suite.
    pub suite: &'s Suite,
    /// The cases that were run, in their order.
    pub ran: Vec<Ran<'s>>,
}

/// How many cases ended how.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Totals {
    /// As expected, goldens that were rewritten included.
    pub passed: usize,
    /// Not as expected.
    pub failed: usize,
    /// Could not be evaluated.
    pub broken: usize,
    /// Not run, since the filter left them out.
    pub filtered_out: usize,
}

impl Totals {
    /// Over all suites of a run.
    pub fn of(suites: &[SuiteRan<'_>]) -> Self {
        let mut totals = Self::default();
        for SuiteRan { suite, ran } in suites {
            totals.filtered_out += suite.cases.len() - ran.len();
            for ran in ran {
                match ran.outcome {
                    Outcome::Passed | Outcome::Blessed(_) => totals.passed += 1,
                    Outcome::Failed(_) => totals.failed += 1,
                    Outcome::Broken(_) => totals.broken += 1,
                }
            }
        }
        totals
    }

    /// Whether every case that was run ended as expected.
    pub fn is_ok(&self) -> bool {
        self.failed == 0 && self.broken == 0
    }
}

/// Where a case failed, what is wrong, and what happened instead.
struct Trouble<'r> {
    line: u32,
    message: String,
    trace: &'r str,
}

impl<'r> Trouble<'r> {
    fn of(ran: &'r Ran<'_>) -> Option<Self> {
        match &ran.outcome {
            Outcome::Passed | Outcome::Blessed(_) => None,
            Outcome::Failed(failure) => {
                Some(Self { line: failure.line, message: failure.messages.join("\n"), trace: &failure.trace })
            }
            Outcome::Broken(why) => Some(Self { line: ran.case.line, message: why.clone(), trace: "" }),
        }
    }
}
