//! What the options of `replay` do.

#![allow(clippy::unwrap_used, reason = "helpers of tests")]

mod common;

use std::path::{Path, PathBuf};

use common::{CAPTURE, CONFIG, Ran, repository, vpcemu};
use serde_json::Value;
use tempfile::TempDir;

/// A replay with a JSON summary and verdicts.
struct Replay {
    folder: TempDir,
}

impl Replay {
    fn new() -> Self {
        Self { folder: tempfile::tempdir().unwrap() }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn run(&self, arguments: &[&str]) -> (Value, Vec<Value>) {
        let verdicts = self.path("verdicts.ndjson");
        let common = ["replay", "--format", "json", "--verdicts", verdicts.to_str().unwrap()];
        let ran: Ran = vpcemu([&common, arguments].concat());
        assert_eq!(ran.code, Some(0), "{}", ran.stderr);
        let lines = std::fs::read_to_string(verdicts).unwrap();
        let lines = lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        (serde_json::from_str(&ran.stdout).unwrap(), lines)
    }
}

fn count(lines: &[Value], key: &str, value: &str) -> usize {
    lines.iter().filter(|line| line[key] == value).count()
}

/// The summary without what depends on the machine.
fn comparable(mut summary: Value) -> Value {
    summary["run"] = Value::Null;
    summary
}

#[test]
fn a_verdict_line_has_the_documented_keys() {
    let (_, lines) = Replay::new().run(&["-c", CONFIG, CAPTURE]);
    let keys = [
        "n", "ts", "in", "vantage", "proto", "src", "dst", "flags", "len", "verdict", "reason", "at", "dir", "rule",
        "out", "xlate", "conn", "state",
    ];
    for line in &lines {
        let object = line.as_object().unwrap();
        assert!(keys.iter().all(|key| object.contains_key(*key)), "{line}");
    }
    let first = &lines[0];
    assert_eq!(
        (&first["n"], &first["in"], &first["state"], &first["conn"]),
        (&1.into(), &"eni-app-1".into(), &"new".into(), &1.into())
    );
    assert!(first["xlate"]["src"].as_str().unwrap().starts_with("203.0.113.20:"), "{first}");
    assert!(first["ts"].as_str().unwrap().split_once('.').unwrap().1.len() == 9, "{first}");
}

#[test]
fn a_summary_has_the_documented_keys_and_adds_up() {
    let (summary, lines) = Replay::new().run(&["-c", CONFIG, CAPTURE]);
    let packets = &summary["packets"];
    for key in [
        "in",
        "delivered",
        "dropped",
        "held",
        "malformed",
        "fragmented",
        "fragments_made",
        "generated",
        "generated_dropped",
        "reanchored",
        "adopted",
        "duplicates",
    ] {
        assert!(packets[key].is_u64(), "{key}");
    }
    assert_eq!(packets["in"], 173);
    assert_eq!(count(&lines, "verdict", "allow") as u64, packets["delivered"].as_u64().unwrap());
    for key in ["leaves", "arrives", "reanchored", "service", "forced"] {
        assert!(summary["vantage"][key].is_u64(), "{key}");
    }
    for key in ["created", "expired", "live", "peak"] {
        assert!(summary["connections"][key].is_u64(), "{key}");
    }
    for key in [
        "ActiveConnectionCount",
        "ConnectionAttemptCount",
        "ErrorPortAllocation",
        "PacketsDropCount",
        "BytesOutToSource",
    ] {
        assert!(summary["nat"]["nat-nat"][key].is_u64(), "{key}");
    }
}

#[test]
fn sessions_are_the_connections_that_are_left() {
    let replay = Replay::new();
    let path = replay.path("sessions.ndjson");
    let listed = |workers: &str| {
        let (summary, _) =
            replay.run(&["-c", CONFIG, CAPTURE, "--sessions", path.to_str().unwrap(), "--workers", workers]);
        (summary, std::fs::read_to_string(&path).unwrap())
    };
    let (summary, sessions) = listed("1");
    assert_eq!(summary["connections"]["live"], sessions.lines().count());
    let first: Value = serde_json::from_str(sessions.lines().next().unwrap()).unwrap();
    for key in ["conn", "proto", "src", "dst", "xlate", "state", "components", "first", "last", "expires"] {
        assert!(first.get(key).is_some_and(|value| !value.is_null()), "{key} of {first}");
    }
    assert!(first["components"].as_array().unwrap().contains(&"nat-nat".into()), "{first}");
    assert_eq!(listed("2").1, sessions);
}

#[test]
fn verbose_verdicts_hold_every_step() {
    let (_, lines) = Replay::new().run(&["-v", "-c", CONFIG, CAPTURE]);
    let hops: Vec<_> =
        lines[0]["steps"].as_array().unwrap().iter().map(|step| step["kind"].as_str().unwrap()).collect();
    assert_eq!(hops, ["sg", "nacl", "route", "nacl", "nat", "nacl", "route", "igw"]);
    assert_eq!(lines[0]["steps"][2]["rule"], "0.0.0.0/0 -> nat-nat");
}

#[test]
fn captures_are_merged_by_time_and_standard_input_is_one() {
    let other = "pcaps/private-clients-nat/app-2.pcap";
    let (summary, lines) = Replay::new().run(&["-c", CONFIG, CAPTURE, other]);
    assert_eq!(summary["packets"]["in"], 173 + 112);
    let times: Vec<&str> = lines.iter().map(|line| line["ts"].as_str().unwrap()).collect();
    assert!(times.is_sorted());
    let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_vpcemu"));
    let file = std::fs::File::open(repository().join(CAPTURE)).unwrap();
    let output =
        command.args(["replay", "-c", CONFIG, "-", "--format", "json"]).current_dir(repository()).stdin(file).output();
    let piped: Value = serde_json::from_slice(&output.unwrap().stdout).unwrap();
    let (direct, _) = Replay::new().run(&["-c", CONFIG, CAPTURE]);
    assert_eq!(comparable(piped), comparable(direct));
}

#[test]
fn the_seed_chooses_ports_and_nothing_else() {
    let run = |seed: &str| Replay::new().run(&["-c", CONFIG, CAPTURE, "--seed", seed]);
    let ((one, first), (_, same), (two, other)) = (run("1"), run("1"), run("2"));
    assert_eq!(first, same);
    assert_ne!(first[0]["xlate"], other[0]["xlate"]);
    assert_eq!(one["dropped_by_reason"], two["dropped_by_reason"]);
}

#[test]
fn a_configuration_swapped_in_half_way_decides_from_then_on() {
    let config = "pcaps/three-tier-nacl/config.toml";
    let capture = "pcaps/three-tier-nacl/db.pcap";
    let (before, _) = Replay::new().run(&["-c", config, capture]);
    let (after, _) = Replay::new().run(&["-c", config, "--then", "+0=pcaps/three-tier-nacl/fixed.toml", capture]);
    let (never, _) = Replay::new().run(&["-c", config, "--then", "+86400=pcaps/three-tier-nacl/fixed.toml", capture]);
    // In the middle of what was denied.
    let (_, lines) = Replay::new().run(&["-c", config, capture]);
    let denials: Vec<_> = lines.iter().filter(|line| line["reason"] == "SUBNET_ACL_RESTRICTION").collect();
    let middle = denials[denials.len() / 2]["ts"].as_str().unwrap().to_owned();
    let then = format!("{middle}=pcaps/three-tier-nacl/fixed.toml");
    let (half, lines) = Replay::new().run(&["-c", config, "--then", &then, capture]);
    let denied = |summary: &Value| summary["dropped_by_reason"]["SUBNET_ACL_RESTRICTION"].as_u64().unwrap_or(0);
    assert_eq!(denied(&before), 28);
    assert_eq!(denied(&after), 0);
    assert_eq!(denied(&never), 28);
    assert!(denied(&half) > 0 && denied(&half) < 28, "{half}");
    for line in lines.iter().filter(|line| line["reason"] == "SUBNET_ACL_RESTRICTION") {
        // All have the same number of digits.
        assert!(line["ts"].as_str().unwrap() < middle.as_str(), "{line}");
    }
}

#[test]
fn a_host_of_the_capture_can_stand_for_an_interface() {
    let folder = Replay::new();
    // The capture's client moves to another address, which the configuration does not know.
    let text = std::fs::read_to_string(repository().join(CONFIG)).unwrap().replace("10.0.10.11", "10.0.10.99");
    let config = folder.path("moved.toml");
    std::fs::write(&config, text).unwrap();
    let config = config.to_str().unwrap();
    let (lost, _) = folder.run(&["-c", config, CAPTURE]);
    assert_eq!(lost["dropped_by_reason"]["X_NO_VANTAGE"], 173);
    let (bound, lines) = folder.run(&["-c", config, CAPTURE, "--bind", "10.0.10.11=app-1"]);
    let (original, _) = Replay::new().run(&["-c", CONFIG, CAPTURE]);
    assert_eq!(bound["packets"]["delivered"], original["packets"]["delivered"]);
    assert!(lines[0]["captured"]["src"].as_str().unwrap().starts_with("10.0.10.11:"), "{}", lines[0]);
    assert!(lines[0]["src"].as_str().unwrap().starts_with("10.0.10.99:"), "{}", lines[0]);
}

#[test]
fn a_named_vantage_beats_addresses() {
    let (summary, _) = Replay::new().run(&["-c", CONFIG, &format!("{CAPTURE}@app-2")]);
    assert_eq!(
        summary["vantage"]["forced"].as_u64(),
        summary["packets"]["in"].as_u64().map(|all| all - diverged(&summary))
    );
    assert!(summary["dropped_by_reason"]["ENI_SOURCE_DEST_CHECK_RESTRICTION"].as_u64().unwrap() > 15, "{summary}");
}

fn diverged(summary: &Value) -> u64 {
    summary["dropped_by_reason"]["X_DIVERGED"].as_u64().unwrap_or(0)
}

#[test]
fn mid_stream_connections_are_adopted_or_not() {
    // The second half of a capture begins in the middle of connections.
    let replay = Replay::new();
    let web = "pcaps/public-web-server/config.toml";
    let (_, lines) = replay.run(&["-c", web, "pcaps/public-web-server/inside.pcapng"]);
    assert!(lines.iter().all(|line| line["assumed"].is_null()), "a capture from the beginning adopts nothing");
    let bytes = std::fs::read(repository().join(CAPTURE)).unwrap();
    let cut = replay.path("cut.pcap");
    std::fs::write(&cut, without_first_packets(&bytes, 80)).unwrap();
    let cut = cut.to_str().unwrap();
    let (adopt, lines) = replay.run(&["-c", CONFIG, cut]);
    let adopted = adopt["packets"]["adopted"].as_u64().unwrap();
    assert!(adopted > 0, "{adopt}");
    assert_eq!(lines.iter().filter(|line| line["assumed"][0] == "midstream").count() as u64, adopted);
    let (strict, _) = replay.run(&["-c", CONFIG, cut, "--midstream", "strict"]);
    assert_eq!(strict["packets"]["adopted"], 0);
    assert!(strict["packets"]["dropped"].as_u64() > adopt["packets"]["dropped"].as_u64());
}

/// A little-endian pcap without its first records.
fn without_first_packets(bytes: &[u8], count: usize) -> Vec<u8> {
    let mut at = 24;
    for _ in 0..count {
        let length = u32::from_le_bytes(bytes[at + 8..at + 12].try_into().unwrap());
        at += 16 + length as usize;
    }
    [&bytes[..24], &bytes[at..]].concat()
}

#[test]
fn the_second_copy_of_a_packet_can_be_dropped() {
    let both = [CAPTURE, CAPTURE];
    let (twice, _) = Replay::new().run(&[&["-c", CONFIG], &both[..]].concat());
    assert_eq!(twice["packets"]["duplicates"], 0);
    let (once, _) = Replay::new().run(&[&["-c", CONFIG, "--dedup"], &both[..]].concat());
    assert_eq!(once["packets"]["duplicates"], 173);
    let (single, _) = Replay::new().run(&["-c", CONFIG, CAPTURE]);
    assert_eq!(once["packets"]["delivered"], single["packets"]["delivered"]);
}

#[test]
fn taps_show_a_packet_at_every_place_it_passed() {
    let replay = Replay::new();
    let (plain, tapped) = (replay.path("plain.pcapng"), replay.path("tapped.pcapng"));
    replay.run(&["-c", CONFIG, CAPTURE, "-w", plain.to_str().unwrap()]);
    replay.run(&["-c", CONFIG, CAPTURE, "--taps", "-w", tapped.to_str().unwrap()]);
    let records = |path: &Path| {
        let mut reader = vpcemu_capture::Reader::open(path).unwrap();
        let mut places = Vec::new();
        while let Some(record) = reader.next().unwrap() {
            places.push(record.interface as usize);
        }
        let names: Vec<_> = reader.interfaces().iter().map(|interface| interface.name.clone().unwrap()).collect();
        places.into_iter().map(|place| names[place].clone()).collect::<Vec<_>>()
    };
    assert_eq!(records(&plain).len(), 173);
    let first: Vec<_> = records(&tapped).into_iter().take(4).collect();
    assert_eq!(first, ["eni-app-1", "nat-nat", "igw-igw", "internet"]);
}

#[test]
fn bytes_are_those_that_came_and_those_that_left() {
    let config = "pcaps/nat64/config.toml";
    for capture in ["pcaps/nat64/client.pcap", "pcaps/nat64/any.pcap"] {
        let replay = Replay::new();
        let left = replay.path("left.pcap");
        let (summary, _) = replay.run(&["-c", config, capture, "-w", left.to_str().unwrap()]);
        let lengths = |path: &Path| {
            let mut reader = vpcemu_capture::Reader::open(path).unwrap();
            let (mut bytes, mut packets) = (0, 0);
            while let Some(record) = reader.next().unwrap() {
                let framing = vpcemu_packet::Framing::from_link_type(record.link_type.0).unwrap();
                let Ok(link) = framing.locate(record.data) else { continue };
                let length = record.original_len - link.offset as u32;
                let headers = vpcemu_packet::Headers::parse(
                    &record.data[link.offset..],
                    length,
                    vpcemu_packet::Offloads::Tolerate,
                );
                (bytes, packets) = (bytes + u64::from(headers.unwrap().total_len), packets + 1);
            }
            (bytes, packets)
        };
        let ((came, _), (went, packets)) = (lengths(&repository().join(capture)), lengths(&left));
        assert_eq!(summary["bytes"]["in"], came, "{capture}");
        assert_eq!((&summary["packets"]["delivered"], &summary["packets"]["generated"]), (&packets.into(), &0.into()));
        assert_eq!(summary["bytes"]["delivered"], went, "{capture}");
        assert_ne!(came, went);
    }
}

#[test]
fn an_interrupt_finishes_what_was_read() {
    use std::io::Write;
    use std::process::{Command, Stdio};

    let bytes = std::fs::read(repository().join(CAPTURE)).unwrap();
    let mut child = Command::new(env!("CARGO_BIN_EXE_vpcemu"))
        .args(["replay", "-c", CONFIG, "-", "--format", "json"])
        .current_dir(repository())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut input = child.stdin.take().unwrap();
    // Some records, and then nothing for a while: the replay waits for more.
    input.write_all(&bytes[..bytes.len() / 2]).unwrap();
    std::thread::sleep(std::time::Duration::from_millis(500));
    assert!(Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap().success());
    std::thread::sleep(std::time::Duration::from_millis(500));
    // The program in front of the pipe got the signal too, and ends in the middle of a record. Whether that is heard does
    // not matter any more.
    drop(input.write_all(&bytes[bytes.len() / 2..bytes.len() / 2 + 100]));
    drop(input);
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(130));
    let summary: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert!(summary["packets"]["in"].as_u64().unwrap() > 10, "{summary}");
}
