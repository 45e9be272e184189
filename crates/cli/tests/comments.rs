//! The comments of packets: the verdict, and with `-v` the packet's way.

#![allow(clippy::unwrap_used, reason = "helpers of tests")]

mod common;

use std::collections::BTreeMap;
use std::path::Path;

use common::vpcemu;
use serde_json::Value;
use vpcemu_capture::Reader;

/// Comments by the `n` of their packet, and the verdicts of the same run. Packets that the emulator made have none.
fn replayed(scenario: &str, capture: &str, flags: &[&str]) -> (BTreeMap<u64, Vec<String>>, Vec<Value>) {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    let (packets, verdicts) = (path("out.pcapng"), path("out.ndjson"));
    let (config, capture) = (format!("pcaps/{scenario}/config.toml"), format!("pcaps/{scenario}/{capture}"));
    let fixed = ["replay", "-q", "-c", &config, &capture, "-w", &packets, "--verdicts", &verdicts];
    let ran = vpcemu(fixed.iter().chain(flags));
    assert_eq!((ran.code, ran.stderr.as_str()), (Some(0), ""));
    let mut comments: BTreeMap<_, Vec<_>> = BTreeMap::new();
    let mut reader = Reader::open(Path::new(&packets)).unwrap();
    while let Some(record) = reader.next().unwrap() {
        let comment = record.comment.unwrap();
        if let Some(n) = value(comment, "n") {
            comments.entry(n.parse().unwrap()).or_default().push(comment.to_owned());
        }
    }
    let lines = std::fs::read_to_string(verdicts).unwrap();
    let lines = lines.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    (comments, lines.filter(|line| !line["n"].is_null()).collect())
}

/// The value of a key of a comment.
fn value<'a>(comment: &'a str, key: &str) -> Option<&'a str> {
    comment.split(' ').find_map(|pair| pair.strip_prefix(key)?.strip_prefix('='))
}

#[test]
fn verbose_comments_have_the_steps_of_the_verdict() {
    let mut longest = 0;
    for (scenario, capture) in [
        ("private-clients-nat", "app-1.pcap"),
        ("public-web-server", "outside.pcap"),
        ("three-tier-nacl", "app.pcap"),
        ("transit-hub", "app.pcap"),
    ] {
        let (comments, verdicts) = replayed(scenario, capture, &["-v"]);
        assert_eq!(comments.len(), verdicts.len());
        for line in &verdicts {
            let text = |key: &str| line[key].as_str();
            let steps = line["steps"].as_array().map_or(&[][..], Vec::as_slice);
            let mut hops: Vec<_> = steps.iter().map(|step| step["hop"].as_str().unwrap()).collect();
            hops.dedup();
            longest = longest.max(hops.len());
            let rule = |rule: &Value| rule.as_str().map_or_else(|| rule.to_string(), str::to_owned);
            let rules = steps.iter().filter(|step| !step["rule"].is_null()).map(|step| {
                let dir = step["dir"].as_str().map_or_else(String::new, |dir| format!(":{dir}"));
                let rule = rule(&step["rule"]);
                let destination = rule.split_once(" -> ").map_or(&*rule, |(destination, _)| destination);
                format!("{}{dir}#{destination}", step["hop"].as_str().unwrap())
            });
            let rules = rules.collect::<Vec<_>>().join(",");
            let written = &comments[&line["n"].as_u64().unwrap()];
            for comment in written {
                assert_eq!(value(comment, "path").unwrap_or_default(), hops.join(">"), "{line}");
                assert_eq!(value(comment, "rules").unwrap_or_default(), rules, "{line}");
                for key in ["verdict", "reason", "at", "dir", "in", "vantage", "out", "state"] {
                    assert_eq!(value(comment, key), text(key), "{key}: {line}");
                }
                let decided = (!line["rule"].is_null()).then(|| rule(&line["rule"]));
                assert_eq!(value(comment, "rule"), decided.as_deref(), "{line}");
                let xlate = (!line["xlate"].is_null()).then(|| {
                    format!("{}>{}", line["xlate"]["src"].as_str().unwrap(), line["xlate"]["dst"].as_str().unwrap())
                });
                assert_eq!(value(comment, "xlate"), xlate.as_deref(), "{line}");
                let conn = line["conn"].as_u64().map(|conn| conn.to_string());
                assert_eq!(value(comment, "conn"), conn.as_deref(), "{line}");
            }
        }
    }
    assert!(longest >= 8, "only {longest} components on a way");
}

/// Steps are recorded only where they are asked for: packets then walk, and are not forwarded by the flow cache.
#[test]
fn comments_have_no_way_unless_asked() {
    let (plain, _) = replayed("private-clients-nat", "app-1.pcap", &[]);
    let (verbose, _) = replayed("private-clients-nat", "app-1.pcap", &["-v"]);
    assert_eq!(plain.len(), verbose.len());
    let mut cut = 0;
    for (plain, verbose) in plain.values().flatten().zip(verbose.values().flatten()) {
        assert_eq!(value(plain, "path"), None, "{plain}");
        let before = verbose.split_once(" path=").map_or(&**verbose, |(before, _)| before);
        assert_eq!(plain, before);
        cut += usize::from(before != verbose);
    }
    assert!(cut > 100, "{cut}");
}
