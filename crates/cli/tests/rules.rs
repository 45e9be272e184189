//! `vpcemu rules`: hits against the verdicts of a replay, and what people read.

#![allow(clippy::unwrap_used, reason = "helpers of tests")]

mod common;

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use common::observed::{captures, rules, text, verdicts};
use common::{CAPTURE, CONFIG, repository, vpcemu};
use serde_json::{Value, json};
use vpcemu_capture::{LinkType, PcapWriter};
use vpcemu_packet::{TcpFlags, build};

/// Packets and bytes by kind, owner or hop, rule and direction.
type Counts = BTreeMap<(String, String, String, String), (u64, u64)>;

/// Counted by hand from the lines of a replay.
fn by_hand(lines: &[Value], rows: &[Value]) -> Counts {
    // Who has which route: a row of a prefix list stands for each of its blocks.
    let route = |table: &str, says: &str| {
        let of_table = || rows.iter().filter(|row| row["kind"] == "route" && row["owner"] == table);
        let target = says.rsplit(" -> ").next().unwrap();
        let exact = of_table().find(|row| row["text"] == says);
        let of_list = || {
            of_table().find(|row| {
                text(&row["text"]) == format!("{} -> {target}", text(&row["rule"]))
                    && text(&row["rule"]).starts_with("pl-")
            })
        };
        exact.or_else(of_list).map(|row| text(&row["rule"])).unwrap_or_else(|| panic!("{table}: {says}"))
    };
    let mut counts = Counts::new();
    // The rule by interface, direction, and what the packet belongs to; and who opened that.
    let mut admitted: HashMap<(String, String, String), String> = HashMap::new();
    let mut openers: HashMap<String, String> = HashMap::new();
    let mut passed: HashMap<(u64, String, String), String> = HashMap::new();
    for line in lines {
        // A rule that a packet met twice counts it once.
        let mut met = BTreeSet::new();
        for step in line["steps"].as_array().into_iter().flatten() {
            let (kind, hop, rule) = (text(&step["kind"]), text(&step["hop"]), text(&step["rule"]));
            // Its connection, or where it has none its ends whichever way it goes.
            let mut ends = [text(&line["src"]), text(&line["dst"])];
            ends.sort();
            let flows = [format!("conn {}", line["conn"]), ends.join(" ")];
            let flows = &flows[usize::from(line["conn"].is_null())..];
            let dir = text(&step["dir"]);
            let other = if dir == "ingress" { "egress" } else { "ingress" };
            let key = match kind.as_str() {
                "nacl" => (kind, hop, rule, dir),
                "route" if hop.starts_with("rtb-") || hop.starts_with("tgw-rtb-") => {
                    if rule.is_empty() {
                        // A local route without an interface there, or no route at all.
                        continue;
                    }
                    let rule = route(&hop, &rule);
                    (kind, hop, rule, String::new())
                }
                "sg" if step["verdict"] == "deny" => continue,
                "sg" => {
                    let named = !rule.is_empty();
                    let mut found = named.then(|| rule.clone());
                    for flow in flows {
                        let opener = openers.entry(flow.clone()).or_insert_with(|| text(&line["src"]));
                        let forward = *opener == text(&line["src"]);
                        if named {
                            admitted.entry((hop.clone(), dir.clone(), flow.clone())).or_insert_with(|| rule.clone());
                        }
                        let ways = if forward { [dir.as_str(), other] } else { [other, dir.as_str()] };
                        let known = || {
                            ways.iter().find_map(|way| admitted.get(&(hop.clone(), (*way).to_owned(), flow.clone())))
                        };
                        found = found.or_else(|| known().cloned());
                    }
                    // An error that the emulator made passes by the rule that its cause passed there.
                    let cause = |n| {
                        passed
                            .get(&(n, hop.clone(), other.to_owned()))
                            .or_else(|| passed.get(&(n, hop.clone(), dir.clone())))
                    };
                    found = found.or_else(|| cause(line["cause"].as_u64()?).cloned());
                    let Some(rule) = found else {
                        assert_eq!(line["state"], "related", "{line}");
                        continue;
                    };
                    passed.extend(line["n"].as_u64().map(|n| ((n, hop.clone(), dir.clone()), rule.clone())));
                    (kind, String::new(), rule, String::new())
                }
                _ => continue,
            };
            if !met.insert(key.clone()) {
                continue;
            }
            let count = counts.entry(key).or_default();
            count.0 += 1;
            count.1 += line["len"].as_u64().unwrap();
        }
    }
    counts
}

#[test]
fn hits_are_those_of_the_verdicts() {
    let folder = tempfile::tempdir().unwrap();
    let mut kinds = BTreeMap::new();
    for (config, capture) in captures() {
        let rows = rules(&["-c", &config, &capture]);
        let lines = verdicts(folder.path(), &config, &capture);
        let expected = by_hand(&lines, &rows);
        let mut found = Counts::new();
        for row in rows.iter().filter(|row| row["packets"] != 0) {
            let of_group = row["kind"] == "sg";
            let or_any = |key: &str| if of_group { String::new() } else { text(&row[key]) };
            let key = (text(&row["kind"]), or_any("owner"), text(&row["rule"]), or_any("direction"));
            found.insert(key, (row["packets"].as_u64().unwrap(), row["bytes"].as_u64().unwrap()));
            *kinds.entry(text(&row["kind"])).or_insert(0) += row["packets"].as_u64().unwrap();
            assert!(text(&row["first"]) <= text(&row["last"]) && row["flows"].as_u64().unwrap() > 0, "{row}");
            assert!(row["flows"].as_u64() <= row["packets"].as_u64(), "{row}");
        }
        assert_eq!(found, expected, "{capture}");
        let window = &rows[0]["window"];
        let input = lines.iter().filter(|line| !line["n"].is_null()).count();
        assert_eq!(window["packets"], input, "{capture}");
        let times = lines.iter().map(|line| text(&line["ts"]));
        assert_eq!(
            (text(&window["first"]), text(&window["last"])),
            (times.clone().min().unwrap(), times.max().unwrap())
        );
    }
    assert!(["sg", "nacl", "route"].iter().all(|kind| kinds[*kind] > 1000), "{kinds:?}");
}

#[test]
fn a_row_has_the_documented_keys() {
    let rows = rules(&["-c", CONFIG, CAPTURE]);
    let keys = "kind owner rule direction text origin packets bytes flows first last shadowed_by";
    for row in &rows {
        assert!(keys.split(' ').all(|key| row.as_object().unwrap().contains_key(key)), "{row}");
    }
    let of = |kind: &str, rule: &str| rows.iter().find(|row| row["kind"] == kind && row["rule"] == rule).unwrap();
    assert_eq!(of("nacl", "*")["fixed"], true);
    let default = of("route", "0.0.0.0/0");
    assert!(text(&default["origin"]).starts_with("pcaps/private-clients-nat/config.toml:"), "{default}");
    assert!(rows.iter().any(|row| row["kind"] == "nacl" && row["rule"] == 100));
    // The same for any number of workers.
    assert_eq!(rows, rules(&["-c", CONFIG, CAPTURE, "--workers", "1"]));
    assert_eq!(rows, rules(&["-c", CONFIG, CAPTURE, "--workers", "3"]));
}

const SHADOWS: &str = r#"
[vpc.main]
cidrs = ["10.0.0.0/16"]
[subnet.a]
cidrs = ["10.0.0.0/24"]
nacl = "edge"
[network_acl.edge]
ingress = [
  { rule = 90, action = "deny", proto = "tcp", ports = "0-1023", from = "0.0.0.0/0" },
  { rule = 95, action = "allow", proto = "tcp", ports = "1024-65535", from = "0.0.0.0/0" },
  { rule = 100, action = "allow", proto = "tcp", ports = "443", from = "10.0.0.0/8" },
  { rule = 110, action = "allow", proto = "udp", from = "10.0.0.0/8" },
]
[security_group.web]
ingress = [
  { id = "sgr-wide", proto = "tcp", ports = "1-1000", from = "10.0.0.0/8" },
  { id = "sgr-narrow", proto = "tcp", ports = "443", from = "10.0.7.0/24" },
]
[instance.web]
subnet = "a"
addresses = ["10.0.0.10"]
security_groups = ["web"]
[instance.other]
subnet = "a"
addresses = ["10.0.0.11"]
"#;

/// A configuration, and a capture of one SYN from `other` to `web`.
fn one_packet(folder: &Path, text: &str, port: u16) -> (PathBuf, PathBuf) {
    let (config, capture) = (folder.join("net.toml"), folder.join("one.pcap"));
    std::fs::write(&config, text).unwrap();
    let mut writer = PcapWriter::new(std::fs::File::create(&capture).unwrap(), LinkType::RAW).unwrap();
    let (other, web) = (SocketAddr::from(([10, 0, 0, 11], 40_000)), SocketAddr::from(([10, 0, 0, 10], port)));
    let syn = build::tcp(other, web).flags(TcpFlags::SYN).build();
    writer.write(1_736_500_000_000_001_000, syn.len() as u32, &syn).unwrap();
    writer.finish().unwrap();
    (config, capture)
}

fn page(config: &Path, capture: &Path, more: &[&str]) -> String {
    let ran = vpcemu([&["rules", "-c", config.to_str().unwrap(), capture.to_str().unwrap()], more].concat());
    assert_eq!((ran.code, ran.stderr.as_str()), (Some(0), ""));
    ran.stdout
}

const REDUNDANT: &str = r#"
[vpc.main]
cidrs = ["10.0.0.0/16"]
[subnet.a]
cidrs = ["10.0.0.0/24"]
[security_group.web]
ingress = [
  { id = "sgr-used", proto = "tcp", ports = "80", from = "10.0.0.0/8" },
  { id = "sgr-idle", proto = "tcp", ports = "22", from = "10.0.0.0/8" },
  { id = "sgr-wide", proto = "tcp", ports = "80-81", from = "10.0.0.0/8" },
]
[instance.web]
subnet = "a"
addresses = ["10.0.0.10"]
security_groups = ["web"]
[instance.other]
subnet = "a"
addresses = ["10.0.0.11"]
"#;

#[test]
fn what_takes_the_place_of_a_redundant_rule_is_not_unused() {
    let folder = tempfile::tempdir().unwrap();
    let (config, capture) = one_packet(folder.path(), REDUNDANT, 80);
    let all = page(&config, &capture, &[]);
    let line = |page: &str, rule: &str| page.lines().find(|line| line.contains(rule)).map(str::to_owned);
    let wide = line(&all, "tcp 80-81").unwrap();
    assert!(wide.contains("needed if sgr-used goes") && !wide.contains("unused"), "{all}");
    assert!(line(&all, "tcp 22").unwrap().contains("unused"), "{all}");
    let unused = page(&config, &capture, &["--unused"]);
    assert!(line(&unused, "sgr-used").unwrap().contains("redundant: sgr-wide says the same"), "{unused}");
    assert!(line(&unused, "tcp 22").is_some() && line(&unused, "tcp 80-81").is_none(), "{unused}");
    let rows = rules(&["-c", config.to_str().unwrap(), capture.to_str().unwrap()]);
    let of = |rule: &str| rows.iter().find(|row| row["rule"] == rule).unwrap();
    assert_eq!(of("sgr-wide")["stands_in_for"], json!(["sgr-used"]));
    assert!(of("sgr-used")["stands_in_for"].is_null() && of("sgr-idle")["stands_in_for"].is_null());
    // Without all that is listed the packet still gets there.
    let left: String = REDUNDANT
        .lines()
        .filter(|line| !line.contains("used") && !line.contains("idle"))
        .map(|line| format!("{line}\n"))
        .collect();
    std::fs::write(&config, left).unwrap();
    let rows = rules(&["-c", config.to_str().unwrap(), capture.to_str().unwrap()]);
    assert_eq!(rows.iter().find(|row| row["rule"] == "sgr-wide").unwrap()["packets"], 1);
}

#[test]
fn people_read_what_is_unused_and_shadowed_in_words() {
    let folder = tempfile::tempdir().unwrap();
    let (config, capture) = one_packet(folder.path(), SHADOWS, 443);
    let run = |more: &[&str]| page(&config, &capture, more);
    let page = run(&[]);
    let line = |word: &str| page.lines().find(|line| line.contains(word)).unwrap_or_else(|| panic!("{word}: {page}"));
    assert!(page.starts_with("1 packet in 0.000 s, from 2025-01-10 09:06:40.000 to"), "{page}");
    assert!(line("allow tcp 443").contains("shadowed by 90, which says the opposite"), "{page}");
    assert!(line("sgr-narrow").contains("redundant: sgr-wide says the same"), "{page}");
    assert!(line("sgr-wide").contains("net.toml:16") && !line("sgr-wide").contains("unused"), "{page}");
    assert!(line("allow udp").contains("unused") && !line("allow udp").contains("shadowed"), "{page}");
    assert!(page.contains("security group sg-web\n") && page.contains("network ACL acl-edge\n"), "{page}");
    assert!(!line("deny everything else").contains("unused"), "{page}");
    // What shadows an entry is named as it is in its own row.
    let rows = rules(&["-c", config.to_str().unwrap(), capture.to_str().unwrap()]);
    let shadowed = |owner: &str, rule: Value| {
        &rows.iter().find(|row| row["owner"] == owner && row["rule"] == rule).unwrap()["shadowed_by"]
    };
    assert_eq!(*shadowed("acl-edge", json!(100)), json!([90]));
    assert_eq!(*shadowed("sg-web", json!("sgr-narrow")), json!(["sgr-wide"]));
    let unused = run(&["--unused"]);
    assert!(
        !unused.contains("sgr-wide  ") && !unused.contains("everything else") && unused.contains("allow udp"),
        "{unused}"
    );
}

#[test]
fn bad_input_is_an_error_that_says_so() {
    let folder = tempfile::tempdir().unwrap();
    let empty = folder.path().join("empty.pcap");
    PcapWriter::new(std::fs::File::create(&empty).unwrap(), LinkType::RAW).unwrap().finish().unwrap();
    let empty = empty.to_str().unwrap();
    for (arguments, said) in [
        (vec!["rules", "-c", CONFIG, empty], "hold no packet"),
        (vec!["rules", "-c", CONFIG, empty, "--tighten", "aws"], "hold no packet"),
        (vec!["rules", "-c", CONFIG], "CAPTURE"),
        (vec!["rules", CAPTURE], "--config"),
        (vec!["rules", "-c", "nowhere.toml", CAPTURE], "nowhere.toml"),
        (vec!["rules", "-c", CONFIG, "nowhere.pcap"], "nowhere.pcap"),
        (vec!["rules", "-c", CONFIG, "-", "--tighten", "toml"], "can be read only once"),
        (vec!["rules", "-c", CONFIG, CAPTURE, "--tighten", "toml", "--format", "json"], "cannot be used with"),
        (vec!["rules", "-c", CONFIG, CAPTURE, "--tighten", "yaml"], "yaml"),
    ] {
        let ran = vpcemu(&arguments);
        assert_eq!((ran.code, ran.stdout.as_str()), (Some(2), ""), "{arguments:?}");
        assert!(ran.stderr.contains(said), "{arguments:?}: {}", ran.stderr);
    }
    // Traffic of another network is no evidence, and it is said.
    let ran = vpcemu(["rules", "-c", "pcaps/regional-nat/config.toml", "pcaps/nat64/any.pcap"]);
    assert!(ran.code == Some(0) && ran.stderr.contains("no rule decided for any of the"), "{}", ran.stderr);
    let ran = vpcemu(["rules", "-c", "pcaps/regional-nat/config.toml", "pcaps/nat64/any.pcap", "--tighten", "aws"]);
    assert!(ran.code == Some(0) && ran.stderr.contains("so that no rule is left"), "{}", ran.stderr);
    // Damage before the first packet is why there is none.
    let bytes = std::fs::read(repository().join(CAPTURE)).unwrap();
    let cut = folder.path().join("cut.pcap");
    std::fs::write(&cut, &bytes[..30]).unwrap();
    let ran = vpcemu(["rules", "-c", CONFIG, cut.to_str().unwrap()]);
    assert!(ran.code == Some(2) && ran.stderr.contains("cut.pcap") && ran.stdout.is_empty(), "{}", ran.stderr);
    // What came before the damage is told.
    std::fs::write(&cut, &bytes[..bytes.len() - 3]).unwrap();
    let ran = vpcemu(["rules", "-c", CONFIG, cut.to_str().unwrap()]);
    assert_eq!(ran.code, Some(2));
    assert!(ran.stdout.contains("network ACL") && ran.stderr.contains("before the damage"), "{}", ran.stderr);
}
