//! The profile in `pcaps/wireshark`, as tshark loads it, and filters on verdicts.

#![allow(clippy::unwrap_used, reason = "helpers of tests")]

mod common;

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::Command;

use common::{have, ran, repository, vpcemu};
use serde_json::Value;
use vpcemu_dataplane::DropReason;

fn profile() -> PathBuf {
    repository().join("pcaps/wireshark/vpcemu")
}

/// A personal configuration as the README has one make it: nothing in it but our profile.
fn personal() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let installed = folder.path().join("profiles/vpcemu");
    std::fs::create_dir_all(&installed).unwrap();
    for file in std::fs::read_dir(profile()).unwrap().map(|entry| entry.unwrap().path()) {
        std::fs::copy(&file, installed.join(file.file_name().unwrap())).unwrap();
    }
    folder
}

/// Lines that tshark prints of a capture. It may complain of nothing but who runs it.
fn tshark(personal: &Path, capture: &Path, arguments: &[&str]) -> Vec<String> {
    let mut command = Command::new("tshark");
    command.env("WIRESHARK_CONFIG_DIR", personal).arg("-r").arg(capture).args(["-C", "vpcemu"]).args(arguments);
    let ran = ran(command.output().unwrap());
    let complaints: Vec<_> = ran.stderr.lines().filter(|line| !line.starts_with("Running as user")).collect();
    assert!(ran.code == Some(0) && complaints.is_empty(), "{arguments:?}: {complaints:?}");
    ran.stdout.lines().map(str::to_owned).collect()
}

/// Packets with their comments, and the verdicts of the same run.
fn replayed(folder: &Path, scenario: &str, capture: &str) -> (PathBuf, Vec<Value>) {
    let (packets, verdicts) = (folder.join("out.pcapng"), folder.join("out.ndjson"));
    let (config, input) = (format!("pcaps/{scenario}/config.toml"), format!("pcaps/{scenario}/{capture}"));
    let (w, ndjson) = (packets.to_str().unwrap(), verdicts.to_str().unwrap());
    let ran = vpcemu(["replay", "-q", "-v", "-c", &config, &input, "-w", w, "--verdicts", ndjson]);
    assert_eq!((ran.code, ran.stderr.as_str()), (Some(0), ""));
    let lines = std::fs::read_to_string(verdicts).unwrap();
    (packets, lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect())
}

/// The packet that a comment is of.
fn n(comment: &str) -> u64 {
    comment.strip_prefix("n=").and_then(|rest| rest.split(' ').next()).unwrap().parse().unwrap()
}

/// Captures whose packets are dropped for many reasons, in many places.
const REPLAYED: [(&str, &str); 4] = [
    ("three-tier-nacl", "db.pcap"),
    ("private-clients-nat", "clients.pcapng"),
    ("nat-instance", "client.pcap"),
    ("ipv6-egress-only", "worker.pcap"),
];

#[test]
fn a_filter_on_a_reason_finds_the_packets_that_have_it() {
    if !have("tshark") {
        return;
    }
    let (personal, folder) = (personal(), tempfile::tempdir().unwrap());
    let mut seen = BTreeSet::new();
    for (scenario, capture) in REPLAYED {
        let (packets, verdicts) = replayed(folder.path(), scenario, capture);
        let mut expected: BTreeMap<_, BTreeSet<u64>> = BTreeMap::new();
        for line in &verdicts {
            if let (Some(reason), Some(n)) = (line["reason"].as_str(), line["n"].as_u64()) {
                expected.entry(reason).or_default().insert(n);
            }
        }
        for (reason, expected) in expected {
            let filter = format!("frame.comment contains \"{reason}\"");
            let found = tshark(personal.path(), &packets, &["-Y", &filter, "-T", "fields", "-e", "frame.comment"]);
            assert_eq!(found.iter().map(|comment| n(comment)).collect::<BTreeSet<_>>(), expected, "{filter}");
            seen.insert(reason.to_owned());
        }
    }
    for reason in ["ENI_SG_RULES_MISMATCH", "SUBNET_ACL_RESTRICTION", "X_TTL", "X_NAT_FRAGMENT"] {
        assert!(seen.contains(reason), "{seen:?}");
    }
}

/// The columns that the preferences set up: number, time, place, source, destination, protocol, length, verdict, info.
#[test]
fn columns_of_the_profile_show_place_and_verdict() {
    if !have("tshark") {
        return;
    }
    let (personal, folder) = (personal(), tempfile::tempdir().unwrap());
    for (scenario, capture) in REPLAYED {
        let (packets, verdicts) = replayed(folder.path(), scenario, capture);
        let by_n: BTreeMap<u64, &Value> =
            verdicts.iter().filter_map(|line| Some((line["n"].as_u64()?, line))).collect();
        let shown = tshark(personal.path(), &packets, &[]);
        let fields = ["-T", "fields", "-e", "frame.interface_name", "-e", "frame.comment"];
        let fields = tshark(personal.path(), &packets, &fields);
        assert_eq!(shown.len(), fields.len());
        assert!(shown.len() >= verdicts.len().min(20), "{}", shown.len());
        for (shown, fields) in shown.iter().zip(fields) {
            let (place, comment) = fields.split_once('\t').unwrap();
            let columns: Vec<_> = shown.split_whitespace().collect();
            assert_eq!(columns[2], place, "{shown}");
            let verdict = shown.find(comment).unwrap_or_else(|| panic!("{comment} is not in: {shown}"));
            assert!(verdict > shown.find(place).unwrap(), "{shown}");
            if !comment.starts_with("n=") {
                continue;
            }
            let line = by_n[&n(comment)];
            match line["out"].as_str() {
                Some(out) => assert_eq!(out, place, "{line}"),
                // What is not IP keeps its link type, and each link type has an interface.
                None => assert!(place == "dropped" || place.starts_with("dropped-linktype-"), "{place}: {line}"),
            }
        }
    }
}

#[test]
fn colours_of_the_profile_tell_verdicts_apart() {
    if !have("tshark") {
        return;
    }
    let (personal, folder) = (personal(), tempfile::tempdir().unwrap());
    let mut used = BTreeSet::new();
    for (scenario, capture) in REPLAYED {
        let (packets, _) = replayed(folder.path(), scenario, capture);
        let fields = ["--color", "-T", "fields", "-e", "frame.coloring_rule.name", "-e", "frame.comment"];
        for line in tshark(personal.path(), &packets, &fields) {
            let (name, comment) = line.split_once('\t').unwrap();
            let value = |key: &str| comment.split(' ').find_map(|pair| pair.strip_prefix(key));
            let expected = match (value("verdict=").unwrap(), value("reason=")) {
                ("deny", Some("ENI_SG_RULES_MISMATCH")) => "denied by a security group",
                ("deny", Some("SUBNET_ACL_RESTRICTION")) => "denied by a network ACL",
                ("deny", Some("X_NAT_FRAGMENT")) => "refused by a NAT gateway",
                ("deny", Some("X_NON_IP" | "X_DIVERGED" | "X_NO_VANTAGE")) => "not judged",
                ("deny", _) => "dropped elsewhere",
                ("generated" | "generated_dropped", _) => "made by the emulator",
                ("allow", _) if value("xlate=").is_some() => "delivered, translated",
                ("allow", _) => "delivered",
                (other, _) => panic!("{other}: {comment}"),
            };
            assert_eq!(name.strip_prefix("vpcemu: "), Some(expected), "{comment}");
            used.insert(expected);
        }
    }
    assert_eq!(used.len(), 8, "{used:?}");
}

/// A colour rule or a preference that tshark cannot read is complained of: what the other tests rely on.
#[test]
fn what_is_wrong_with_a_profile_is_told() {
    if !have("tshark") {
        return;
    }
    let capture = repository().join("pcaps/private-clients-nat/app-1.pcap");
    for (file, line, said) in [
        ("colorfilters", "@bad@frame.comment contain \"x\"@[0,0,0][0,0,0]\n", "Could not compile"),
        ("preferences", "gui.column.formt: \"No.\", \"%m\"\n", "No such preference"),
    ] {
        let personal = personal();
        let path = personal.path().join("profiles/vpcemu").join(file);
        let text = std::fs::read_to_string(&path).unwrap();
        std::fs::write(&path, text + line).unwrap();
        let mut command = Command::new("tshark");
        command.env("WIRESHARK_CONFIG_DIR", personal.path()).args(["-C", "vpcemu", "--color", "-c", "1", "-r"]);
        let ran = ran(command.arg(&capture).output().unwrap());
        assert!(ran.stderr.contains(said), "{file}: {}", ran.stderr);
    }
}

/// The filters that the profile and its README offer.
fn offered() -> Vec<String> {
    let read = |path: PathBuf| std::fs::read_to_string(path).unwrap();
    let names = read(profile().join("dfilters"));
    let named = names.lines().map(|line| line.strip_prefix("\"vpcemu: ").unwrap().split_once("\" ").unwrap().1);
    let readme = read(repository().join("pcaps/wireshark/README.md"));
    // The first cell of a row. There a bar has to be escaped.
    let rows = readme.lines().filter_map(|line| line.strip_prefix("| `frame.")?.rsplit_once("` |"));
    let rows = rows.map(|(filter, _)| format!("frame.{}", filter.replace("\\|", "|")));
    named.map(str::to_owned).chain(rows).collect()
}

#[test]
fn the_filters_that_are_offered_work() {
    if !have("tshark") {
        return;
    }
    let (personal, folder) = (personal(), tempfile::tempdir().unwrap());
    let (packets, _) = replayed(folder.path(), "private-clients-nat", "clients.pcapng");
    let all = tshark(personal.path(), &packets, &[]).len();
    let offered = offered();
    assert!(offered.len() >= 20, "{offered:?}");
    let mut finding = 0;
    for filter in offered {
        // What tshark cannot read is an error.
        let found = tshark(personal.path(), &packets, &["-Y", &filter]).len();
        assert!(found < all, "{filter} finds everything");
        finding += usize::from(found > 0);
    }
    assert!(finding >= 14, "only {finding} find anything in a capture that has most of it");
}

#[test]
fn reasons_that_the_profile_names_are_those_of_the_engine() {
    let mut named = 0;
    for file in ["vpcemu/colorfilters", "vpcemu/dfilters", "README.md"] {
        let text = std::fs::read_to_string(repository().join("pcaps/wireshark").join(file)).unwrap();
        for rest in text.split("reason=").skip(1) {
            let end = rest.find(|letter: char| !letter.is_ascii_alphanumeric() && letter != '_').unwrap_or(rest.len());
            let code = &rest[..end];
            let known = DropReason::ALL.iter().any(|reason| reason.code().starts_with(code));
            assert!(!code.is_empty() && known, "{file}: {code} is no reason, and none begins with it");
            named += 1;
        }
    }
    assert!(named >= 15, "{named}");
}
