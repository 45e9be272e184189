//! The rules that the code names are those of the semantics page, and every knob is on it.

#![allow(clippy::unwrap_used, reason = "helpers of tests")]

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

fn sources(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            sources(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
}

fn stages() -> Vec<PathBuf> {
    let mut files = Vec::new();
    sources(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src/stage"), &mut files);
    files
}

/// Section and number of `4.25`; none of anything else.
fn rule(text: &str) -> Option<(u32, u32)> {
    let (section, number) = text.split_once('.')?;
    Some((section.parse().ok()?, number.parse().ok()?))
}

/// The rules that the page has, those of ranges such as `4.14–4.15` too.
fn page() -> BTreeSet<(u32, u32)> {
    let mut rules = BTreeSet::new();
    for line in include_str!("../SEMANTICS.md").lines() {
        for start in line.split_whitespace().map_while(|word| {
            let word = word.trim_end_matches(',');
            let (first, last) = word.split_once('–').unwrap_or((word, word));
            Some((rule(first)?, rule(last)?))
        }) {
            let (first, last) = start;
            rules.extend((first.1..=last.1).map(|number| (first.0, number)));
        }
    }
    rules
}

/// The rules that the stages say they implement.
fn named() -> Vec<(String, (u32, u32))> {
    let mut named = Vec::new();
    for file in stages() {
        let text = fs::read_to_string(&file).unwrap();
        let Some(line) = text.lines().find_map(|line| line.strip_prefix("//! Rules: ")) else { continue };
        let list = line.split_once(". Knobs").map_or(line, |(list, _)| list);
        for item in list.split(", ") {
            let (first, last) = item.split_once('-').unwrap_or((item, item));
            if let (Some(first), Some(last)) = (rule(first), rule(last)) {
                let name = file.file_name().unwrap().to_string_lossy().into_owned();
                named.extend([first, last].map(|rule| (name.clone(), rule)));
            }
        }
    }
    named
}

#[test]
fn every_rule_that_a_stage_names_is_on_the_page() {
    let (page, named) = (page(), named());
    assert!(named.len() > 60, "{} rules named", named.len());
    let missing: Vec<_> = named.iter().filter(|(_, rule)| !page.contains(rule)).collect();
    assert!(missing.is_empty(), "{missing:?}");
}

#[test]
fn every_stage_says_which_rules_it_implements() {
    for file in stages().iter().filter(|file| !file.ends_with("stage/mod.rs")) {
        let text = fs::read_to_string(file).unwrap();
        let says = |what: &str| text.lines().take_while(|line| line.starts_with("//!")).any(|line| line.contains(what));
        assert!(says("Rules: ") && says("Knobs: "), "{}", file.display());
    }
}

#[test]
fn every_knob_is_on_the_page() {
    let page = include_str!("../SEMANTICS.md");
    let knobs = include_str!("../../model/tests/data/every-knob.toml");
    // Timers of NAT instances are Linux's settings, and named there as a whole.
    let instance = knobs.split("[behavior.nat_instance]").nth(1).unwrap().split("[behavior.").next().unwrap();
    assert!(page.contains("its timers (`[behavior.nat_instance]`)"));
    let names = knobs.lines().filter_map(|line| line.split_once(" = ")).map(|(name, _)| name.trim());
    let names = names.filter(|name| *name != "cidr");
    let missing: Vec<_> = names.filter(|name| !page.contains(name) && !instance.contains(name)).collect();
    assert!(missing.is_empty(), "{missing:?}");
}
