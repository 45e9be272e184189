use serde::Serialize;

use super::{SuiteRan, Totals};
use crate::{Failure, Outcome};

#[derive(Serialize)]
struct Results<'r> {
    suites: Vec<OfSuite<'r>>,
    passed: usize,
    failed: usize,
    broken: usize,
    filtered_out: usize,
}

#[derive(Serialize)]
struct OfSuite<'r> {
    file: String,
    cases: Vec<OfCase<'r>>,
}

#[derive(Serialize)]
struct OfCase<'r> {
    name: &'r str,
    kind: &'static str,
    line: u32,
    result: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    blessed: Option<&'r str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    failure: Option<&'r Failure>,
    #[serde(skip_serializing_if = "Option::is_none")]
    broken: Option<&'r str>,
}

/// Results as one JSON object: `suites` with their `cases`, each with `result` of `ok`, `blessed`, `failed` or `broken`; and how
/// many there are of each.
///
/// # Errors
/// None that could be met: everything in it is JSON.
pub fn json(suites: &[SuiteRan<'_>]) -> serde_json::Result<String> {
    let Totals { passed, failed, broken, filtered_out } = Totals::of(suites);
    let suites = suites.iter().map(|SuiteRan { suite, ran }| OfSuite {
        file: suite.path.display().to_string(),
        cases: ran
            .iter()
            .map(|ran| {
                let mut case = OfCase {
                    name: &ran.case.name,
                    kind: ran.case.kind(),
                    line: ran.case.line,
                    result: "ok",
                    blessed: None,
                    failure: None,
                    broken: None,
                };
                match &ran.outcome {
                    Outcome::Passed => {}
                    Outcome::Blessed(what) => (case.result, case.blessed) = ("blessed", Some(what.as_str())),
                    Outcome::Failed(failure) => (case.result, case.failure) = ("failed", Some(failure)),
                    Outcome::Broken(why) => (case.result, case.broken) = ("broken", Some(why.as_str())),
                }
                case
            })
            .collect(),
    });
    serde_json::to_string(&Results { suites: suites.collect(), passed, failed, broken, filtered_out })
}
