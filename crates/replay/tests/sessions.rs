//! Sessions: listed at the end the same for any number of workers, and shown to whoever watches while a replay runs.

#![allow(clippy::unwrap_used, reason = "helpers of tests")]

use std::io::Write;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;

use serde_json::Value;
use vpcemu_capture::{LinkType, PcapWriter};
use vpcemu_dataplane::{Component, Timeline};
use vpcemu_packet::{TcpFlags, build};
use vpcemu_replay::progress::Progress;
use vpcemu_replay::verdict::Names;
use vpcemu_replay::{At, CaptureInput, Finished, ReplayOptions, replay};

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
addresses = [{ private = "10.0.0.200", public = "203.0.113.20" }]
[security_group.client]
ingress = []
egress = [{ proto = "udp", ports = "53", to = "0.0.0.0/0" }, { proto = "tcp", ports = "443", to = "0.0.0.0/0" }]
[instance.app]
subnet = "private"
addresses = ["10.0.1.10"]
security_groups = ["client"]
"#;

/// More than two windows of them.
const PACKETS: u64 = 140_000;

/// Between two packets, in nanoseconds: flows that have had their packets expire while others begin.
const INTERVAL: u64 = 10_000_000;

/// One client, whose flows take turns, five at a time, to 250 remotes; every other one is TCP. Now and then one is denied.
fn write_capture(output: impl Write) {
    let mut writer = PcapWriter::new(output, LinkType::RAW).unwrap();
    for n in 0..PACKETS {
        let flow = n / 100 + n % 5;
        let client: SocketAddr = format!("10.0.1.10:{}", 4000 + flow).parse().unwrap();
        let remote = |port| format!("198.51.100.{}:{port}", flow % 250).parse().unwrap();
        let datagram = match (n % 1000, flow % 2) {
            (999, _) => build::udp(client, remote(99)).build(),
            (_, 0) => build::udp(client, remote(53)).build(),
            _ => build::tcp(client, remote(443)).flags(if n % 100 < 5 { TcpFlags::SYN } else { TcpFlags::ACK }).build(),
        };
        writer.write(INTERVAL * n, datagram.len() as u32, &datagram).unwrap();
    }
    writer.finish().unwrap();
}

fn options(capture: &Path) -> ReplayOptions {
    let network = vpcemu_model::native::parse("net.toml", NETWORK).unwrap().network;
    let mut options = ReplayOptions::new(Arc::new(Timeline::compile(&[network])));
    options.captures.push(CaptureInput { path: capture.to_owned(), at: At::Auto });
    options
}

/// What was replayed, and the lines of its sessions.
fn run(folder: &Path, adjust: impl FnOnce(&mut ReplayOptions)) -> (Finished, String) {
    let mut options = options(&folder.join("in.pcap"));
    let path = folder.join("sessions.ndjson");
    options.sessions = Some(path.clone());
    adjust(&mut options);
    let runtime = tokio::runtime::Builder::new_multi_thread().build().unwrap();
    let finished = runtime.block_on(replay(options, Arc::new(Progress::default()))).unwrap();
    (finished, std::fs::read_to_string(path).unwrap())
}

#[test]
fn what_is_left_is_listed_the_same_for_any_number_of_workers() {
    let folder = tempfile::tempdir().unwrap();
    write_capture(std::fs::File::create(folder.path().join("in.pcap")).unwrap());
    let (finished, sessions) = run(folder.path(), |_| {});
    let connections = finished.summary.connections;
    assert!(connections.live > 100 && connections.expired > 100, "{connections:?}");
    assert_eq!(sessions.lines().count() as u64, connections.live);
    let lines: Vec<Value> = sessions.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert!(lines.is_sorted_by_key(|line| line["conn"].as_u64()));
    for line in &lines {
        let number = |key: &str| line[key].as_str().and_then(|text| text.replace('.', "").parse::<u64>().ok()).unwrap();
        assert_eq!(number("first"), (line["conn"].as_u64().unwrap() - 1) * INTERVAL);
        assert!(number("first") <= number("last") && number("last") < number("expires"), "{line}");
        assert!(number("expires") > (PACKETS - 1) * INTERVAL, "{line}");
        assert!(line["src"].as_str().unwrap().starts_with("10.0.1.10:"), "{line}");
        assert!(line["xlate"]["src"].as_str().unwrap().starts_with("10.0.0.200:"), "{line}");
    }
    // The group forgets an idle flow before the gateway does.
    let of_both = lines.iter().filter(|line| line["components"] == serde_json::json!(["eni-app", "nat-nat"])).count();
    let of_gateway = lines.iter().filter(|line| line["components"] == serde_json::json!(["nat-nat"])).count();
    assert!(of_both > 0 && of_gateway > 0 && of_both + of_gateway == lines.len(), "{of_both} {of_gateway}");
    for (workers, flow_cache) in [(1, false), (2, true), (3, true)] {
        let (_, others) = run(folder.path(), |options| {
            (options.workers, options.engine.flow_cache) = (workers, flow_cache);
        });
        let differing = others.lines().zip(sessions.lines()).find(|(other, line)| other != line);
        assert_eq!(differing, None, "{workers} workers, cache {flow_cache}");
        assert_eq!(others.len(), sessions.len());
    }
}

/// The capture comes through a pipe, which stays open until its first window has been seen in the directory.
#[cfg(unix)]
#[test]
fn whoever_watches_sees_sessions_while_they_live() {
    let folder = tempfile::tempdir().unwrap();
    let (pipe, list) = (folder.path().join("pipe"), folder.path().join("sessions.ndjson"));
    assert!(std::process::Command::new("mkfifo").arg(&pipe).status().unwrap().success());
    let options = ReplayOptions { workers: 2, sessions: Some(list.clone()), ..options(&pipe) };
    let timeline = Arc::clone(&options.timeline);
    let progress = Arc::new(Progress::default());
    let watch = progress.watch_sessions();
    assert!(watch.is_empty());
    let replaying = std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_multi_thread().build().unwrap();
        runtime.block_on(replay(options, progress)).unwrap()
    });
    let mut capture = Vec::new();
    write_capture(&mut capture);
    // Enough for a window, and the rest later.
    let (first, rest) = capture.split_at(capture.len() * 2 / 3);
    let mut writer = std::fs::File::create(&pipe).unwrap();
    writer.write_all(first).unwrap();
    while watch.is_empty() {
        std::thread::yield_now();
    }
    let early = watch.sessions();
    assert!(early.iter().all(|session| session.live.n <= PACKETS && session.first_seen.is_some()));
    writer.write_all(rest).unwrap();
    drop(writer);
    let finished = replaying.join().unwrap();

    // At the end the directory has what the list has.
    let mut lines = Vec::new();
    for session in watch.sessions() {
        session.write_json(Names::new(&timeline), &mut lines).unwrap();
    }
    assert_eq!(String::from_utf8(lines).unwrap(), std::fs::read_to_string(list).unwrap());
    assert_eq!(watch.len() as u64, finished.summary.connections.live);
    let oldest = early[0].live.n;
    assert_eq!(watch.session(oldest), None, "{oldest} has expired");
    let counts = watch.by_component();
    let app = timeline.registry().enis.find(&"eni-app".into()).unwrap();
    let nat = timeline.registry().nats.find(&"nat-nat".into()).unwrap();
    let of = |component| counts.get(&component).copied().unwrap_or_default();
    assert!(of(Component::Interface(app)) > 0 && of(Component::NatGateway(nat)) > 0, "{counts:?}");
}
