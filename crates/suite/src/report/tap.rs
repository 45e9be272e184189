//! The Test Anything Protocol, version 14.

use std::fmt::Write;

use super::{SuiteRan, Trouble};

/// Results as TAP: a line a case, and of what failed a block of YAML.
pub fn tap(suites: &[SuiteRan<'_>]) -> String {
    let count: usize = suites.iter().map(|suite| suite.ran.len()).sum();
    let mut lines = format!("TAP version 14\n1..{count}\n");
    let cases = suites.iter().flat_map(|SuiteRan { suite, ran }| ran.iter().map(move |ran| (suite, ran)));
    for (number, (suite, ran)) in (1..).zip(cases) {
        let name = escaped(&ran.case.name);
        // Writing to a string cannot fail, here and below.
        let Some(Trouble { line, message, trace }) = Trouble::of(ran) else {
            let _ = writeln!(lines, "ok {number} - {name}");
            continue;
        };
        let _ = writeln!(lines, "not ok {number} - {name}\n  ---\n  file: {:?}\n  line: {line}", suite.path);
        for (key, text) in [("message", message.as_str()), ("trace", trace)] {
            if text.is_empty() {
                continue;
            }
            let _ = writeln!(lines, "  {key}: |2");
            for line in text.lines() {
                let _ = writeln!(lines, "    {line}");
            }
        }
        lines.push_str("  ...\n");
    }
    lines
}

/// A `#` begins a directive, with which a name could call its failure expected.
fn escaped(name: &str) -> String {
    name.replace('\\', "\\\\").replace('#', "\\#")
}
