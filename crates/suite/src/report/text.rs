//! As `cargo test` prints it.

use std::fmt::Write;

use super::{SuiteRan, Totals, Trouble};
use crate::{Outcome, Ran, Suite};

/// What is printed before the cases of a suite: `running 3 tests of suite.toml`.
pub fn running(suite: &Suite, count: usize) -> String {
    let tests = if count == 1 { "test" } else { "tests" };
    format!("running {count} {tests} of {}\n", suite.path.display())
}

/// The line of a case: `test app egress ... ok`.
pub fn line(ran: &Ran<'_>) -> String {
    let name = &ran.case.name;
    match &ran.outcome {
        Outcome::Passed => format!("test {name} ... ok\n"),
        Outcome::Blessed(what) => format!("test {name} ... ok, blessed {what}\n"),
        Outcome::Failed(_) => format!("test {name} ... FAILED\n"),
        Outcome::Broken(_) => format!("test {name} ... BROKEN\n"),
    }
}

/// Each failure with what happened instead, then their names; nothing, if there are none.
pub fn failures(suites: &[SuiteRan<'_>]) -> String {
    let mut told = String::new();
    let mut names = String::new();
    // Writing to a string cannot fail, here and below.
    for SuiteRan { suite, ran } in suites {
        for ran in ran {
            let Some(Trouble { line, message, trace }) = Trouble::of(ran) else { continue };
            let _ = writeln!(told, "---- {} ({}:{line}) ----\n{message}", ran.case.name, suite.path.display());
            if !trace.is_empty() {
                let _ = writeln!(told, "\n{}", trace.trim_end());
            }
            told.push('\n');
            let _ = writeln!(names, "    {}", ran.case.name);
        }
    }
    if names.is_empty() { String::new() } else { format!("\nfailures:\n\n{told}failures:\n{names}") }
}

/// The last line: `test result: ok. 3 passed; 0 failed; 0 filtered out`.
pub fn result(totals: Totals) -> String {
    let Totals { passed, failed, broken, filtered_out } = totals;
    let ok = if totals.is_ok() { "ok" } else { "FAILED" };
    let broken = if broken == 0 { String::new() } else { format!("{broken} broken; ") };
    format!("\ntest result: {ok}. {passed} passed; {failed} failed; {broken}{filtered_out} filtered out\n")
}
