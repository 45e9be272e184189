//! Runs of `vpcemu rules`, and of replays that they are compared with.

use std::path::Path;

use serde_json::Value;

use super::{repository, vpcemu};

/// Every capture of the repository with its configuration.
pub(crate) fn captures() -> Vec<(String, String)> {
    let mut found = Vec::new();
    for folder in std::fs::read_dir(repository().join("pcaps")).unwrap() {
        let folder = folder.unwrap().path();
        if !folder.join("config.toml").exists() {
            continue;
        }
        let config = folder.join("config.toml").to_str().unwrap().to_owned();
        for file in std::fs::read_dir(&folder).unwrap() {
            let file = file.unwrap().path();
            if file.extension().is_some_and(|suffix| suffix == "pcap" || suffix == "pcapng") {
                found.push((config.clone(), file.to_str().unwrap().to_owned()));
            }
        }
    }
    assert!(found.len() > 15, "{found:?}");
    found.sort();
    found
}

/// The rows as JSON. The run has to succeed.
pub(crate) fn rules(arguments: &[&str]) -> Vec<Value> {
    let ran = vpcemu([&["rules", "--format", "json"], arguments].concat());
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    serde_json::from_str(&ran.stdout).unwrap()
}

/// The lines of a replay, with every step.
pub(crate) fn verdicts(folder: &Path, config: &str, capture: &str) -> Vec<Value> {
    let out = folder.join("verdicts.ndjson");
    let ran = vpcemu(["replay", "-q", "-v", "-c", config, capture, "--verdicts", out.to_str().unwrap()]);
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    std::fs::read_to_string(out).unwrap().lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// A value as text; nothing of null.
pub(crate) fn text(value: &Value) -> String {
    value.as_str().map_or_else(|| if value.is_null() { String::new() } else { value.to_string() }, str::to_owned)
}
