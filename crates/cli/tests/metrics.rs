//! What a replay counts, over capture time and for other programs.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod common;

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::process::{Child, ChildStderr, ChildStdin, Command, Stdio};
use std::time::Duration;

use common::{CAPTURE, CONFIG, repository, vpcemu};
use serde_json::Value;
use vpcemu_capture::{LinkType, PcapWriter};
use vpcemu_packet::{TcpFlags, build};

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
    for (name, pointer) in [
        ("vpcemu_packets_total{fate=\"delivered\"}", "/packets/delivered"),
        ("vpcemu_dropped_packets_total{reason=\"ENI_SG_RULES_MISMATCH\"}", "/dropped_by_reason/ENI_SG_RULES_MISMATCH"),
        ("vpcemu_input_bytes_total", "/bytes/in"),
        ("vpcemu_delivered_bytes_total", "/bytes/delivered"),
        ("vpcemu_delivered_packets_total{place=\"eni-app-1\"}", "/delivered_to/eni-app-1"),
        ("vpcemu_connection_events_total{event=\"created\"}", "/connections/created"),
        ("vpcemu_peak_connections", "/connections/peak"),
        ("vpcemu_stage_passed_total{stage=\"nat\"}", "/stages/nat/passed"),
        ("vpcemu_nat_gateway_peak_active_connection{nat_gateway_id=\"nat-nat\"}", "/nat/nat-nat/ActiveConnectionCount"),
        ("vpcemu_nat_gateway_peak_packets_per_second{nat_gateway_id=\"nat-nat\"}", "/nat/nat-nat/PeakPacketsPerSecond"),
        (
            "vpcemu_nat_gateway_packets_in_from_source_total{nat_gateway_id=\"nat-nat\"}",
            "/nat/nat-nat/PacketsInFromSource",
        ),
    ] {
        let (told, counted) = (value(&page, name), total.pointer(pointer).and_then(Value::as_f64));
        assert!(counted.is_some() && told == counted, "{name}: {told:?} {counted:?}");
    }
    assert!(page.ends_with("# EOF\n"));
    let again = folder.path().join("again.txt");
    vpcemu(["replay", "-c", CONFIG, CAPTURE, "--workers", "2", "--metrics", again.to_str().unwrap()]);
    assert_eq!(std::fs::read_to_string(again).unwrap(), page);
}

/// A number of a page of OpenMetrics text.
fn value(page: &str, name: &str) -> Option<f64> {
    page.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' ')?.parse().ok())
}

/// A replay of what is written to its input, and its page.
struct UnderWay {
    child: Child,
    input: ChildStdin,
    /// Kept open: what it has to say later must not end it.
    told: BufReader<ChildStderr>,
    address: String,
}

impl UnderWay {
    fn new(config: &str) -> Self {
        let mut child = Command::new(env!("CARGO_BIN_EXE_vpcemu"))
            .args(["replay", "-c", config, "-", "--workers", "2", "--metrics-listen", "127.0.0.1:0"])
            .current_dir(repository())
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut told = BufReader::new(child.stderr.take().unwrap());
        let mut line = String::new();
        told.read_line(&mut line).unwrap();
        let address = line.split("http://").nth(1).and_then(|rest| rest.split('/').next()).unwrap().to_owned();
        let input = child.stdin.take().unwrap();
        Self { child, input, told, address }
    }

    fn ask(&self, method: &str, path: &str) -> String {
        let mut stream = TcpStream::connect(&self.address).unwrap();
        write!(stream, "{method} {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n").unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        answer
    }

    /// The page, as soon as it has this number.
    fn page_with(&self, name: &str, number: f64) -> String {
        for _ in 0..3000 {
            let page = self.ask("GET", "/metrics");
            if value(&page, name) == Some(number) {
                return page;
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        panic!("{name} never was {number}: {}", self.ask("GET", "/metrics"));
    }

    fn finish(self) {
        let Self { mut child, input, mut told, .. } = self;
        drop(input);
        let mut rest = String::new();
        told.read_to_string(&mut rest).unwrap();
        assert!(child.wait().unwrap().success(), "{rest}");
    }
}

#[test]
fn a_replay_that_waits_for_input_tells_how_far_it_is() {
    let mut replay = UnderWay::new(CONFIG);
    let capture = std::fs::read(repository().join(CAPTURE)).unwrap();
    // The header of the file, and ten records; each has its length in its own header.
    let mut end = 24;
    for _ in 0..10 {
        end += 16 + u32::from_le_bytes(capture[end + 8..end + 12].try_into().unwrap()) as usize;
    }
    replay.input.write_all(&capture[..end]).unwrap();
    replay.input.flush().unwrap();
    let page = replay.page_with("vpcemu_read_packets_total", 10.0);
    assert!(page.starts_with("HTTP/1.1 200 OK\r\n") && page.contains("application/openmetrics-text"), "{page}");
    // Their window is not over.
    assert_eq!(value(&page, "vpcemu_packets_total{fate=\"delivered\"}"), Some(0.0), "{page}");
    assert!(replay.ask("GET", "/").starts_with("HTTP/1.1 404 "));
    assert!(replay.ask("HEAD", "/metrics").ends_with("\r\n\r\n"));
    let refused = replay.ask("POST", "/metrics");
    assert!(refused.starts_with("HTTP/1.1 405 ") && refused.contains("allow: GET, HEAD\r\n"), "{refused}");
    replay.input.write_all(&capture[end..]).unwrap();
    replay.finish();
}

#[test]
fn a_replay_under_way_can_be_scraped() {
    const NETWORK: &str = r#"
[vpc.main]
cidrs = ["10.0.0.0/16"]
[internet_gateway.igw]
[subnet.public]
cidrs = ["10.0.0.0/24"]
route_table = "public"
[subnet.private]
cidrs = ["10.0.1.0/24"]
route_table = "private"
[route_table.public]
routes = [{ to = "0.0.0.0/0", via = "igw" }]
[route_table.private]
routes = [{ to = "0.0.0.0/0", via = "nat" }]
[nat_gateway.nat]
subnet = "public"
addresses = [{ private = "10.0.0.220", public = "203.0.113.20" }]
[instance.app]
subnet = "private"
addresses = ["10.0.1.5"]
"#;
    // Three windows are over when these are read, the fourth is not.
    const PACKETS: u32 = 200_000;
    const OVER: f64 = 3.0 * 65_536.0;
    let folder = tempfile::tempdir().unwrap();
    let config = folder.path().join("net.toml");
    std::fs::write(&config, NETWORK).unwrap();
    let (app, remote): (SocketAddr, SocketAddr) = ("10.0.1.5:4000".parse().unwrap(), "192.0.2.1:443".parse().unwrap());
    let mut writer = PcapWriter::new(Vec::new(), LinkType::RAW).unwrap();
    for n in 0..PACKETS {
        let datagram = match n {
            0 => build::tcp(app, remote).flags(TcpFlags::SYN).build(),
            1 => build::tcp(remote, app).flags(TcpFlags::SYN | TcpFlags::ACK).build(),
            2 => build::tcp(app, remote).flags(TcpFlags::ACK).build(),
            // Of 50 bytes each.
            n => build::udp(app, SocketAddr::new([198, 51, 100, (n % 250) as u8].into(), 53)).payload(&[0; 22]).build(),
        };
        // 5,000 a second, from the beginning of a minute on.
        writer.write(1_736_500_020_000_000_000 + u64::from(n) * 200_000, datagram.len() as u32, &datagram).unwrap();
    }
    let capture = writer.finish().unwrap();
    let mut replay = UnderWay::new(config.to_str().unwrap());
    // From the first look on, it tells.
    assert_eq!(value(&replay.ask("GET", "/metrics"), "vpcemu_read_packets_total"), Some(0.0));
    replay.input.write_all(&capture).unwrap();
    replay.input.flush().unwrap();
    let page = replay.page_with("vpcemu_packets_total{fate=\"delivered\"}", OVER);
    let gateway = |name: &str| value(&page, &format!("vpcemu_nat_gateway_{name}{{nat_gateway_id=\"nat-nat\"}}"));
    for (told, expected) in [
        (value(&page, "vpcemu_read_packets_total"), f64::from(PACKETS)),
        (value(&page, "vpcemu_delivered_packets_total{place=\"internet\"}"), OVER - 1.0),
        (value(&page, "vpcemu_delivered_packets_total{place=\"eni-app\"}"), 1.0),
        (value(&page, "vpcemu_input_bytes_total"), 3.0 * 40.0 + (OVER - 3.0) * 50.0),
        (value(&page, "vpcemu_delivered_bytes_total"), 3.0 * 40.0 + (OVER - 3.0) * 50.0),
        (value(&page, "vpcemu_generated_packets_total{fate=\"delivered\"}"), 0.0),
        (value(&page, "vpcemu_live_connections"), 251.0),
        (gateway("active_connection"), 1.0),
        (gateway("packets_in_from_source_total"), OVER - 1.0),
        (gateway("packets_in_from_destination_total"), 1.0),
        (gateway("connection_established_total"), 1.0),
        (gateway("peak_packets_per_second"), 5000.0),
        (gateway("peak_bytes_per_second"), 250_000.0),
    ] {
        assert_eq!(told, Some(expected), "{page}");
    }
    replay.finish();
}

#[test]
fn metrics_are_for_the_machine_itself() {
    let ran = vpcemu(["replay", "-c", CONFIG, CAPTURE, "--metrics-listen", "0.0.0.0:0"]);
    assert_eq!(ran.code, Some(2));
    assert!(ran.stderr.contains("expected a loopback address"), "{}", ran.stderr);
}
