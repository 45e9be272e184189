//! What a replay counts, over capture time and for other programs.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod common;

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::process::{Command, Stdio};

use common::{CAPTURE, CONFIG, repository, vpcemu};
use serde_json::Value;

/// Captures of the repository, with their configurations.
const CAPTURES: [(&str, &str); 5] = [
    (CONFIG, CAPTURE),
    ("pcaps/three-tier-nacl/config.toml", "pcaps/three-tier-nacl/web.pcap"),
    ("pcaps/regional-nat/config.toml", "pcaps/regional-nat/clients.pcapng"),
    ("pcaps/nat64/config.toml", "pcaps/nat64/any.pcap"),
    ("pcaps/transit-hub/config.toml", "pcaps/transit-hub/vpcs.pcapng"),
];

fn summary(config: &str, capture: &str, workers: &str) -> Value {
    let ran = vpcemu(["replay", "-c", config, capture, "--format", "json", "--workers", workers]);
    serde_json::from_str(&ran.stdout).unwrap()
}

/// The sums of all numbers over the minutes, by their path; of peaks the most. What is neither is left out.
fn over_minutes(summary: &Value) -> BTreeMap<String, f64> {
    let mut sums = BTreeMap::new();
    for minute in summary["minutes"].as_array().unwrap() {
        for part in ["packets", "bytes", "dropped_by_reason", "stages", "nat"] {
            add(part, &minute[part], &mut sums);
        }
    }
    sums
}

fn add(path: &str, value: &Value, sums: &mut BTreeMap<String, f64>) {
    match value {
        Value::Object(fields) => fields.iter().for_each(|(key, value)| add(&format!("{path}/{key}"), value, sums)),
        Value::Number(number) => {
            let (sum, number) = (sums.entry(path.to_owned()).or_default(), number.as_f64().unwrap());
            *sum = if path.ends_with("PerSecond") { sum.max(number) } else { *sum + number };
        }
        other => panic!("{path}: {other}"),
    }
}

#[test]
fn minutes_add_up_to_the_totals() {
    for (config, capture) in CAPTURES {
        let total = summary(config, capture, "1");
        assert_eq!(summary(config, capture, "2")["minutes"], total["minutes"], "{capture}");
        let sums = over_minutes(&total);
        assert!(sums["packets/in"] > 0.0, "{capture}");
        for (path, sum) in sums {
            let counted = total.pointer(&format!("/{path}")).and_then(Value::as_f64).unwrap_or(0.0);
            // A gauge: the most of each minute.
            if path.ends_with("/ActiveConnectionCount") {
                assert!(sum >= counted, "{capture} {path}");
            } else {
                assert_eq!(sum, counted, "{capture} {path}");
            }
        }
        let minutes = total["minutes"].as_array().unwrap();
        let peak = minutes.iter().map(|minute| minute["connections"]["peak"].as_u64().unwrap()).max();
        assert_eq!(peak, total["connections"]["peak"].as_u64(), "{capture}");
    }
}

#[test]
fn stages_are_counted_as_the_steps_tell() {
    let folder = tempfile::tempdir().unwrap();
    for (config, capture) in CAPTURES {
        let verdicts = folder.path().join("verdicts.ndjson");
        vpcemu(["replay", "-q", "-v", "-c", config, capture, "--verdicts", verdicts.to_str().unwrap()]);
        let mut counted: BTreeMap<String, [u64; 2]> = BTreeMap::new();
        for line in std::fs::read_to_string(verdicts).unwrap().lines() {
            let line: Value = serde_json::from_str(line).unwrap();
            // What the VPC makes itself is no packet of the input.
            let steps = line["steps"].as_array().filter(|_| !line["n"].is_null());
            for step in steps.into_iter().flatten() {
                let of = counted.entry(step["kind"].as_str().unwrap().to_owned()).or_default();
                of[usize::from(step["verdict"] == "deny")] += 1;
            }
        }
        let told: BTreeMap<String, [u64; 2]> = summary(config, capture, "2")["stages"]
            .as_object()
            .unwrap()
            .iter()
            .map(|(stage, hits)| (stage.clone(), ["passed", "refused"].map(|key| hits[key].as_u64().unwrap())))
            .collect();
        assert_eq!(told, counted, "{capture}");
        assert!(told.len() >= 3, "{capture}");
    }
}

#[test]
fn the_table_and_the_page_hold_the_summary() {
    let folder = tempfile::tempdir().unwrap();
    let (table, page) = (folder.path().join("metrics.csv"), folder.path().join("metrics.txt"));
    for file in [&table, &page] {
        let ran = vpcemu(["replay", "-c", CONFIG, CAPTURE, "--metrics", file.to_str().unwrap()]);
        assert_eq!(ran.code, Some(0), "{}", ran.stderr);
        assert!(ran.stdout.contains(file.to_str().unwrap()), "{}", ran.stdout);
    }
    let total = summary(CONFIG, CAPTURE, "1");
    let table = std::fs::read_to_string(table).unwrap();
    let mut lines = table.lines().map(|line| line.split(',').map(str::to_owned).collect::<Vec<_>>());
    let names = lines.next().unwrap();
    let rows: Vec<_> = lines.collect();
    assert_eq!(rows.len(), total["minutes"].as_array().unwrap().len());
    let sum = |name: &str| -> u64 {
        let column = names.iter().position(|of| of == name).unwrap_or_else(|| panic!("{name} in {names:?}"));
        rows.iter().map(|row| row[column].parse::<u64>().unwrap()).sum()
    };
    assert_eq!(Some(sum("packets.in")), total["packets"]["in"].as_u64());
    assert_eq!(Some(sum("dropped.X_DIVERGED")), total["dropped_by_reason"]["X_DIVERGED"].as_u64());
    assert_eq!(Some(sum("passed.nacl")), total["stages"]["nacl"]["passed"].as_u64());
    let gateway = &total["nat"]["nat-nat"];
    assert_eq!(Some(sum("nat-nat.BytesInFromSource")), gateway["BytesInFromSource"].as_u64());
    let column = names.iter().position(|of| of == "nat-nat.PeakBytesPerSecond").unwrap();
    let peak = rows.iter().map(|row| row[column].parse::<f64>().unwrap()).fold(0.0, f64::max);
    assert!(peak > 0.0 && Some(peak) == gateway["PeakBytesPerSecond"].as_f64(), "{peak}");

    let page = std::fs::read_to_string(page).unwrap();
    let value =
        |name: &str| page.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' ')?.parse::<u64>().ok());
    for (name, pointer) in [
        ("vpcemu_packets_total{fate=\"delivered\"}", "/packets/delivered"),
        ("vpcemu_dropped_packets_total{reason=\"ENI_SG_RULES_MISMATCH\"}", "/dropped_by_reason/ENI_SG_RULES_MISMATCH"),
        ("vpcemu_delivered_packets_total{place=\"eni-app-1\"}", "/delivered_to/eni-app-1"),
        ("vpcemu_connections_total{event=\"created\"}", "/connections/created"),
        ("vpcemu_connection_level{at=\"peak\"}", "/connections/peak"),
        ("vpcemu_stage_passed_total{stage=\"nat\"}", "/stages/nat/passed"),
        (
            "vpcemu_nat_gateway_active_connection_count{nat_gateway_id=\"nat-nat\"}",
            "/nat/nat-nat/ActiveConnectionCount",
        ),
        (
            "vpcemu_nat_gateway_packets_in_from_source_total{nat_gateway_id=\"nat-nat\"}",
            "/nat/nat-nat/PacketsInFromSource",
        ),
    ] {
        let counted = total.pointer(pointer).and_then(Value::as_u64);
        assert!(counted.is_some() && value(name) == counted, "{name}: {:?} {counted:?}", value(name));
    }
    assert!(page.ends_with("# EOF\n"));
}

#[test]
fn a_replay_under_way_can_be_scraped() {
    let mut child = Command::new(env!("CARGO_BIN_EXE_vpcemu"))
        .args(["replay", "-c", CONFIG, "-", "--metrics-listen", "127.0.0.1:0"])
        .current_dir(repository())
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut told = String::new();
    BufReader::new(child.stderr.take().unwrap()).read_line(&mut told).unwrap();
    let address = told.split("http://").nth(1).and_then(|rest| rest.split('/').next()).unwrap().to_owned();
    // The capture's header: the replay waits for packets.
    let capture = std::fs::read(repository().join(CAPTURE)).unwrap();
    let mut input = child.stdin.take().unwrap();
    input.write_all(&capture[..24]).unwrap();
    input.flush().unwrap();
    let ask = |path: &str| {
        let mut stream = TcpStream::connect(&address).unwrap();
        write!(stream, "GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n").unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        answer
    };
    let page = ask("/metrics");
    assert!(page.starts_with("HTTP/1.1 200 OK\r\n"), "{page}");
    assert!(
        page.contains("application/openmetrics-text") && page.contains("vpcemu_packets_total{fate=\"delivered\"} "),
        "{page}"
    );
    assert!(ask("/").starts_with("HTTP/1.1 404 "));
    input.write_all(&capture[24..]).unwrap();
    drop(input);
    assert!(child.wait().unwrap().success());
}

#[test]
fn metrics_are_for_the_machine_itself() {
    let ran = vpcemu(["replay", "-c", CONFIG, CAPTURE, "--metrics-listen", "0.0.0.0:0"]);
    assert_eq!(ran.code, Some(2));
    assert!(ran.stderr.contains("expected a loopback address"), "{}", ran.stderr);
}
