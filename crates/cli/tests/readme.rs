//! Every command of the README, run; what it is said to print is what it prints.

#![allow(clippy::unwrap_used, reason = "helpers of tests")]

mod common;

use common::{ran, repository};

/// Fenced blocks of a language, with what directly follows each if that is a block of text.
fn blocks(text: &str) -> Vec<(String, Option<String>)> {
    let mut found: Vec<(String, Option<String>)> = Vec::new();
    let mut parts = text.split("```").skip(1);
    let mut after_command = false;
    while let (Some(block), gap) = (parts.next(), parts.next()) {
        let (language, body) = block.split_once('\n').unwrap();
        match language {
            "sh" => found.push((body.to_owned(), None)),
            "text" if after_command => found.last_mut().unwrap().1 = Some(body.to_owned()),
            _ => {}
        }
        after_command = language == "sh" && gap.is_some_and(|gap| gap.trim().is_empty());
    }
    found
}

#[test]
fn every_command_of_the_readme_does_what_it_says() {
    let readme = std::fs::read_to_string(repository().join("README.md")).unwrap();
    let mut commands = 0;
    for (block, expected) in blocks(&readme) {
        for line in block.lines().filter(|line| !line.trim().is_empty()) {
            // This very test is what `cargo test` runs, and so is every single target of it.
            if let Some(rest) = line.strip_prefix("cargo test") {
                if let Some(target) = rest.strip_prefix(" -p vpcemu-tests --test ") {
                    let tests = repository().join("tests/tests");
                    let file = tests.join(format!("{target}.rs"));
                    assert!(file.exists() || tests.join(target).join("main.rs").exists(), "{line}");
                } else {
                    assert_eq!(rest, "");
                }
                continue;
            }
            let arguments = line.strip_prefix("cargo run --release -- ").unwrap_or_else(|| panic!("{line}"));
            commands += 1;
            // In a folder of its own, so that outputs leave no trace; inputs are the repository's.
            let folder = tempfile::tempdir().unwrap();
            for inputs in ["pcaps", "crates"] {
                std::os::unix::fs::symlink(repository().join(inputs), folder.path().join(inputs)).unwrap();
            }
            let output = std::process::Command::new(env!("CARGO_BIN_EXE_vpcemu"))
                .args(arguments.split_whitespace())
                .current_dir(folder.path())
                .output()
                .unwrap();
            let ran = ran(output);
            // Two configurations that differ.
            let code = if arguments.starts_with("diff ") { 1 } else { 0 };
            assert_eq!(ran.code, Some(code), "{line}\n{}", ran.stderr);
            if let Some(expected) = &expected {
                let mut printed = ran.stdout.trim_end();
                if arguments.starts_with("replay ") {
                    // The last line is the machine's: how long it took.
                    printed = printed.rsplit_once('\n').unwrap().0.trim_end();
                }
                assert_eq!(printed, expected.trim_end(), "{line}");
            }
        }
    }
    assert!(commands >= 3, "only {commands} commands");
}

#[test]
fn the_suite_of_the_readme_is_the_one_that_is_run() {
    let readme = std::fs::read_to_string(repository().join("README.md")).unwrap();
    let suite = std::fs::read_to_string(repository().join("pcaps/private-clients-nat/suite.toml")).unwrap();
    assert!(readme.contains(&format!("```toml\n{suite}```\n")));
}

#[test]
fn the_links_of_the_readme_lead_somewhere() {
    for page in ["README.md", "CONTRIBUTING.md", "pcaps/README.md"] {
        let path = repository().join(page);
        let text = std::fs::read_to_string(&path).unwrap();
        for link in text.split("](").skip(1).filter_map(|rest| rest.split_once(')')).map(|(link, _)| link) {
            if !link.starts_with("http") {
                assert!(path.parent().unwrap().join(link).exists(), "{page} links to {link}");
            }
        }
    }
}
