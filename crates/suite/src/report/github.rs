//! Workflow commands of GitHub Actions, which show an error on its line of a pull request.

use std::fmt::Write;
use std::path::Path;

use vpcemu_model::native::Finding;

use super::{SuiteRan, Trouble};

/// A line for each failure: `::error file=suite.toml,line=12,title=app egress::the packet should ...`.
pub fn annotations(suites: &[SuiteRan<'_>]) -> String {
    let mut lines = String::new();
    for SuiteRan { suite, ran } in suites {
        for ran in ran {
            let Some(Trouble { line, message, trace }) = Trouble::of(ran) else { continue };
            let told = if trace.is_empty() { message } else { format!("{message}\n\n{}", trace.trim_end()) };
            annotate(&mut lines, &suite.path, line, &ran.case.name, &told);
        }
    }
    lines
}

/// A line for each finding about a suite.
pub fn finding_annotations(path: &Path, findings: &[Finding]) -> String {
    let mut lines = String::new();
    for finding in findings {
        let help = finding.help.as_ref().map_or_else(String::new, |help| format!("\n{help}"));
        annotate(&mut lines, path, finding.origin.line.unwrap_or(1), finding.code, &format!("{}{help}", finding.text));
    }
    lines
}

fn annotate(lines: &mut String, path: &Path, line: u32, title: &str, message: &str) {
    let (file, title) = (property(&path.display().to_string()), property(title));
    // Writing to a string cannot fail.
    let _ = writeln!(lines, "::error file={file},line={line},title={title}::{}", data(message));
}

/// What follows the `::` of a command ends with its line.
fn data(text: &str) -> String {
    text.replace('%', "%25").replace('\r', "%0D").replace('\n', "%0A")
}

/// A property ends with a comma or a colon too.
fn property(text: &str) -> String {
    data(text).replace(':', "%3A").replace(',', "%2C")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_in_a_message_ends_the_command() {
        let mut lines = String::new();
        annotate(&mut lines, Path::new("a,b.toml"), 3, "100%: it", "first\r\n::second: 1,2");
        assert_eq!(lines, "::error file=a%2Cb.toml,line=3,title=100%25%3A it::first%0D%0A::second: 1,2\n");
    }
}
