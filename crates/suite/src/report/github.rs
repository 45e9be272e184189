//! Workflow commands of GitHub Actions, which show an error on its line of a pull request.

use std::borrow::Cow;
use std::fmt::Write;
use std::path::Path;

use vpcemu_model::native::Finding;

use super::{SuiteRan, Trouble};

/// A line for each failure: `::error file=suite.toml,line=12,title=app egress::the packet should ...`. GitHub looks for files from
/// the `top` of the repository, wherever the suites were run.
pub fn annotations(suites: &[SuiteRan<'_>], top: Option<&Path>) -> String {
    let mut lines = String::new();
    for SuiteRan { suite, ran } in suites {
        for ran in ran {
            let Some(Trouble { line, message, trace }) = Trouble::of(ran) else { continue };
            let told = if trace.is_empty() { message } else { format!("{message}\n\n{}", trace.trim_end()) };
            annotate(&mut lines, &from(top, &suite.path), line, &ran.case.name, &told);
        }
    }
    lines
}

/// A line for each finding about a suite, likewise.
pub fn finding_annotations(path: &Path, findings: &[Finding], top: Option<&Path>) -> String {
    let mut lines = String::new();
    let path = &from(top, path);
    for finding in findings {
        let help = finding.help.as_ref().map_or_else(String::new, |help| format!("\n{help}"));
        annotate(&mut lines, path, finding.origin.line.unwrap_or(1), finding.code, &format!("{}{help}", finding.text));
    }
    lines
}

/// A path as it is from the top of the repository, if it is in there.
fn from<'a>(top: Option<&Path>, path: &'a Path) -> Cow<'a, Path> {
    let inside = || path.canonicalize().ok()?.strip_prefix(top?.canonicalize().ok()?).ok().map(Path::to_path_buf);
    inside().map_or(Cow::Borrowed(path), Cow::Owned)
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
    fn files_are_told_from_the_top_of_the_repository() {
        let top = tempfile::tempdir().unwrap();
        let path = top.path().join("net/suite.toml");
        std::fs::create_dir(top.path().join("net")).unwrap();
        std::fs::write(&path, "").unwrap();
        assert_eq!(from(Some(top.path()), &path), Path::new("net/suite.toml"));
        assert_eq!(from(None, &path), path);
        assert_eq!(from(Some(&top.path().join("other")), &path), path);
        assert_eq!(from(Some(&top.path().join("net")), Path::new("gone.toml")), Path::new("gone.toml"));
    }

    #[test]
    fn nothing_in_a_message_ends_the_command() {
        let mut lines = String::new();
        annotate(&mut lines, Path::new("a,b.toml"), 3, "100%: it", "first\r\n::second: 1,2");
        assert_eq!(lines, "::error file=a%2Cb.toml,line=3,title=100%25%3A it::first%0D%0A::second: 1,2\n");
    }
}
