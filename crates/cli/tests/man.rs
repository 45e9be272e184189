//! The manual pages, as groff sets them.

#![allow(clippy::unwrap_used, reason = "helpers of tests")]

mod common;

use std::io::Write;
use std::process::{Command, Stdio};

use common::{have, ran, verbs, vpcemu};

/// Pages as they look on a terminal, without a warning on the way.
fn set(pages: &str) -> String {
    let mut groff = Command::new("groff");
    groff.args(["-man", "-Tutf8", "-ww", "-rLL=100n", "-P-cbou"]);
    let mut child = groff.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(pages.as_bytes()).unwrap();
    let ran = ran(child.wait_with_output().unwrap());
    assert_eq!((ran.code, ran.stderr.as_str()), (Some(0), ""), "{pages}");
    ran.stdout
}

#[test]
fn each_verb_has_a_page_with_its_flags_and_examples() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("share/man1");
    let written = vpcemu(["man", "--out", out.to_str().unwrap()]);
    assert_eq!((written.code, written.stderr.as_str()), (Some(0), ""));
    let overview = std::fs::read_to_string(out.join("vpcemu.1")).unwrap();
    // `help` says what the pages say.
    let verbs: Vec<_> = verbs().into_iter().filter(|verb| verb != "help").collect();
    assert_eq!(std::fs::read_dir(&out).unwrap().count(), verbs.len() + 1);
    let mut all = overview.clone();
    for verb in &verbs {
        let page = std::fs::read_to_string(out.join(format!("vpcemu-{verb}.1"))).unwrap();
        assert!(overview.contains(&format!("vpcemu\\-{verb}(1)")), "{verb}");
        assert_eq!(vpcemu(["man", verb.as_str()]).stdout, page);
        all += &page;
    }
    assert_eq!(vpcemu(["man"]).stdout, all);
    assert_eq!(written.stdout.lines().count(), verbs.len() + 1);
    if !have("groff") {
        return;
    }
    for verb in verbs {
        let page = set(&vpcemu(["man", verb.as_str()]).stdout);
        // Every flag that help knows is explained, and examples are lines of their own.
        let help = vpcemu([verb.as_str(), "--help"]).stdout;
        for flag in help.split_whitespace().filter(|word| word.starts_with("--")).map(|flag| flag.trim_matches(',')) {
            assert!(page.contains(flag), "{verb}: {flag}\n{page}");
        }
        let (_, examples) = help.split_once("\nExamples:\n").unwrap();
        for example in examples.lines().map_while(|line| line.strip_prefix("  ")) {
            assert!(page.lines().any(|line| line.trim() == example), "{verb}: {example}\n{page}");
        }
    }
    let overview = set(&overview);
    assert!(overview.contains("EXIT STATUS") && overview.contains("vpcemu-replay(1)"), "{overview}");
}

#[test]
fn man_of_no_verb_says_which_there_are() {
    let ran = vpcemu(["man", "fly"]);
    assert_eq!(ran.code, Some(2));
    assert!(ran.stderr.contains("`fly` is no verb; there is check, convert, replay"), "{}", ran.stderr);
    let ran = vpcemu(["man", "--out", "README.md/pages"]);
    assert_eq!(ran.code, Some(2));
    assert!(ran.stderr.contains("README.md/pages: cannot be written"), "{}", ran.stderr);
}
