//! What a file is when it is nothing that is read, and what to do instead.
//!
//! People try what they have: a CloudFormation template, a file of YAML, a directory without a dump. Each is known by its text,
//! never by its name alone, so that what is meant to be a configuration keeps the errors of its reader. What is Terraform's and
//! not read, `terraform` itself tells.

use std::ffi::OsStr;
use std::fs;
use std::path::Path;

use serde_json::Value;

use crate::{Error, files, text};

/// How a dump is made, for every sentence that says what to do instead.
const COLLECT: &str = "`vpcemu collect > collect.sh` prints a script that makes a dump of what is deployed: \
                       run it, and name the directory that it fills";

/// Refuses a path that is no configuration of any kind, with what it is and the next thing to try. A path that may be a
/// native file, or that cannot be opened, is left to its reader.
pub fn refuse(path: &Path) -> Result<(), Error> {
    if path.is_dir() {
        return Err(directory(path)?);
    }
    let Ok(bytes) = fs::read(path) else { return Ok(()) };
    let name = path.display().to_string();
    let text = match text::decode(&name, &bytes) {
        Ok(text) => text,
        Err(error @ Error::Foreign { .. }) => return Err(error),
        Err(_) => return Ok(()),
    };
    let is_json = has_extension(path, "json");
    if is_json && text.trim().is_empty() {
        let text = format!("{name}: it is empty: what should have written it has failed; make it again");
        return Err(Error::Foreign { text });
    }
    if is_json || text.trim_start().starts_with('{') || text::is_list(&text) {
        let documents = text::documents(&name, &bytes)?;
        return Err(match documents.iter().find_map(|document| of_document(&name, document)) {
            Some(error) => error,
            None => Error::NoDump { path: path.to_owned() },
        });
    }
    // What follows would be guesswork about a file that says what it is.
    if has_extension(path, "toml") {
        return Ok(());
    }
    of_text(&name, &text).or_else(|| text::behind_lines(&name, &bytes, &text)).map_or(Ok(()), Err)
}

/// The error for a JSON document that another tool's reader would want.
pub(crate) fn of_document(file: &str, document: &Value) -> Option<Error> {
    is_template(document).then(|| cloud_formation(file, "its resources are `AWS::...` types"))
}

/// Whether a JSON document is a CloudFormation template: it says so, or its resources have AWS's types.
pub(crate) fn is_template(document: &Value) -> bool {
    let typed = |resource: &Value| {
        let kind = resource.get("Type").and_then(Value::as_str);
        kind.is_some_and(|kind| kind.starts_with("AWS::"))
    };
    let resources = document.get("Resources").and_then(Value::as_object);
    document.get("AWSTemplateFormatVersion").is_some() || resources.is_some_and(|all| all.values().any(typed))
}

fn cloud_formation(file: &str, why: &str) -> Error {
    let text = format!("{file}: a CloudFormation template, for {why}; those are not read: {COLLECT}");
    Error::Foreign { text }
}

/// The error for a text in a language that is not read.
fn of_text(file: &str, text: &str) -> Option<Error> {
    let lines = || text.lines().enumerate().map(|(index, line)| (index + 1, line));
    let of_template = |line: &str| line.trim_start().starts_with("Type:") && line.contains("AWS::");
    if let Some((number, line)) = lines().find(|(_, line)| is_version(line) || of_template(line)) {
        return Some(cloud_formation(file, &format!("line {number} is `{}`", shown(line))));
    }
    let (number, first) = lines().find(|(_, line)| !line.trim().is_empty() && !line.starts_with('#'))?;
    is_yaml(first).then(|| {
        let line = shown(first);
        let text = format!(
            "{file}:{number}: `{line}` is YAML, which is not read: expected a native file (TOML) or JSON; {COLLECT}"
        );
        Error::Foreign { text }
    })
}

fn is_version(line: &str) -> bool {
    line.trim_start_matches(['"', '\'']).starts_with("AWSTemplateFormatVersion")
}

/// A line that no TOML file begins with: a document's mark, an item of a list, or a key with a colon.
fn is_yaml(line: &str) -> bool {
    let key = line.split_once(':').map(|(key, rest)| (key, rest.is_empty() || rest.starts_with(' ')));
    let plain = |key: &str| {
        !key.is_empty() && key.chars().all(|it| it.is_ascii_alphanumeric() || matches!(it, '_' | '-' | '.'))
    };
    line.starts_with("---") || line.starts_with("- ") || key.is_some_and(|(key, ends)| ends && plain(key))
}

/// A directory without a JSON file: what it has instead.
fn directory(path: &Path) -> Result<Error, Error> {
    let entries = fs::read_dir(path).map_err(|source| Error::Read { path: path.to_owned(), source })?;
    let mut names: Vec<String> = entries
        .filter_map(Result::ok)
        .filter(|entry| !files::is_hidden(&entry.path()))
        .map(|entry| entry.file_name().to_string_lossy().into_owned())
        .collect();
    names.sort();
    let name = path.display();
    let ends = |suffix: &str| names.iter().find(|name| name.ends_with(suffix));
    let text = if names.is_empty() {
        format!("{name}: the directory is empty: expected describe-* JSON in it; {COLLECT}")
    } else if let Some(file) = ends(".toml") {
        format!("{name}: no *.json in it; for the native file name it: {}", path.join(file).display())
    } else {
        /// Enough to recognise the directory, and one line.
        const SHOWN: usize = 3;
        let more = names.len().saturating_sub(SHOWN);
        let more = if more > 0 { format!(" and {more} more") } else { String::new() };
        names.truncate(SHOWN);
        format!("{name}: no *.json in it, but {}{more}: expected describe-* JSON; {COLLECT}", names.join(", "))
    };
    Ok(Error::Foreign { text })
}

fn has_extension(path: &Path, extension: &str) -> bool {
    path.extension().and_then(OsStr::to_str).is_some_and(|it| it.eq_ignore_ascii_case(extension))
}

/// A line of a file as a sentence shows it: long enough to recognise it, short enough to read on.
pub(crate) fn shown(line: &str) -> String {
    const SHOWN: usize = 60;
    let line = line.trim();
    let mut shown: String = line.chars().take(SHOWN).collect();
    if shown.len() < line.len() {
        shown.push_str("...");
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn refused(name: &str, content: &str) -> String {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(name);
        fs::write(&path, content).unwrap();
        let text = refuse(&path).unwrap_err().to_string();
        text.strip_prefix(&format!("{}/", folder.path().display())).unwrap_or(&text).to_owned()
    }

    #[test]
    fn templates_are_named_with_the_way_to_a_dump() {
        let json = r#"{"Resources": {"Net": {"Type": "AWS::EC2::VPC", "Properties": {"CidrBlock": "10.0.0.0/16"}}}}"#;
        let yaml = "AWSTemplateFormatVersion: '2010-09-09'\nResources:\n  Net:\n    Type: AWS::EC2::VPC\n";
        let bare = "# our network\nResources:\n  Net:\n    Type: \"AWS::EC2::VPC\"\n";
        let versioned = r#"{"AWSTemplateFormatVersion": "2010-09-09", "Parameters": {}}"#;
        for (name, content) in [("t.json", json), ("t", versioned), ("t.yaml", yaml), ("t.template", bare)] {
            let text = refused(name, content);
            assert!(text.starts_with(&format!("{name}: a CloudFormation template, for ")), "{text}");
            assert!(text.contains("vpcemu collect"), "{text}");
        }
        assert!(refused("t.yaml", bare).contains("line 4 is `Type: \"AWS::EC2::VPC\"`"));
    }

    #[test]
    fn other_languages_are_known_by_their_text() {
        let text = refused("net.yaml", "---\nvpcs: []\n");
        assert!(text.starts_with("net.yaml:1: `---` is YAML, which is not read"), "{text}");
        assert!(refused("x", "# a\nVpcs:\n- VpcId: vpc-1\n").contains("x:2: `Vpcs:` is YAML"));
    }

    #[test]
    fn json_that_is_nothing_of_ours_says_what_was_expected() {
        assert!(refused("x.json", "{\"a\": 1}").contains("no describe-* dump in it"));
        assert!(refused("x", "[{\"a\": 1}]").contains("no describe-* dump in it"));
        assert!(refused("x.json", " \n").contains("x.json: it is empty"));
        assert!(refused("x.json", "Unable to locate credentials").contains("x.json:1:1"));
    }

    #[test]
    fn directories_say_what_they_have_instead() {
        let folder = tempfile::tempdir().unwrap();
        let refused = || refuse(folder.path()).unwrap_err().to_string();
        assert!(refused().contains("the directory is empty"), "{}", refused());
        for name in ["a.yaml", "b.yaml", "c.yaml", "d.yaml", ".hidden"] {
            fs::write(folder.path().join(name), "").unwrap();
        }
        assert!(refused().contains("but a.yaml, b.yaml, c.yaml and 1 more"), "{}", refused());
        fs::write(folder.path().join("net.toml"), "").unwrap();
        assert!(refused().contains("name it: "), "{}", refused());
    }

    #[test]
    fn what_may_be_a_native_file_is_left_to_its_reader() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("net");
        assert!(refuse(&path).is_ok());
        for content in
            ["", "[vpc.main]\ncidrs = []\n", "# note\n[[x]]\n", "a = 1\n", "[ vpc ]\n", "vpc = {\n", "nonsense"]
        {
            fs::write(&path, content).unwrap();
            assert!(refuse(&path).is_ok(), "{content}");
        }
        fs::write(&path, b"\xff\xfe\xff").unwrap();
        assert!(refuse(&path).is_ok());
        let path = folder.path().join("net.toml");
        fs::write(&path, "vpc: main\n").unwrap();
        assert!(refuse(&path).is_ok());
    }
}
