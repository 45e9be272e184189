//! A replay's memory follows its flows, not its packets.

#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, reason = "helpers of tests")]

mod common;

use std::net::SocketAddr;
use std::path::Path;

use common::{CONFIG, peak_memory};
use vpcemu_capture::{LinkType, PcapWriter};
use vpcemu_packet::{TcpFlags, build};

/// Connections that all packets belong to.
const FLOWS: u16 = 2_000;

/// From one packet to the next, in nanoseconds.
const INTERVAL: u64 = 1_000;

/// A client's packets to remotes behind the NAT gateway, and the answers as the client saw them.
fn write(path: &Path, packets: u64) {
    let mut writer = PcapWriter::new(std::fs::File::create(path).unwrap(), LinkType::RAW).unwrap();
    let ends: Vec<(SocketAddr, SocketAddr)> = (0..FLOWS)
        .map(|flow| {
            let remote = [198, 51, 100, (flow % 250) as u8];
            (SocketAddr::from(([10, 0, 10, 11], 10_000 + flow)), SocketAddr::from((remote, 443)))
        })
        .collect();
    for n in 0..packets {
        let (inside, remote) = ends[(n / 2 % u64::from(FLOWS)) as usize];
        let round = n / (2 * u64::from(FLOWS));
        let packet = match (n % 2, round) {
            (0, 0) => build::tcp(inside, remote).flags(TcpFlags::SYN),
            (_, 0) => build::tcp(remote, inside).flags(TcpFlags::SYN | TcpFlags::ACK),
            (0, _) => build::tcp(inside, remote),
            (_, _) => build::tcp(remote, inside),
        };
        let bytes = packet.build();
        writer.write(1_750_000_000_000_000_000 + n * INTERVAL, bytes.len() as u32, &bytes).unwrap();
    }
    writer.finish().unwrap();
}

/// Peak resident memory of a replay in KiB, and its summary.
fn replay(config: &str, capture: &Path, more: &[&str]) -> (u64, serde_json::Value) {
    let fixed = ["replay", "-c", config, capture.to_str().unwrap(), "--format", "json"];
    let (peak, output) = peak_memory(&[&fixed, more].concat());
    (peak, serde_json::from_str(&output).unwrap())
}

#[test]
fn a_million_packets_take_no_more_memory_than_a_third_of_them() {
    let folder = tempfile::tempdir().unwrap();
    let run = |packets| {
        let capture = folder.path().join("generated.pcap");
        write(&capture, packets);
        let (peak, summary) = replay(CONFIG, &capture, &[]);
        assert_eq!(summary["packets"]["delivered"].as_u64().unwrap(), packets);
        peak
    };
    let (some, many) = (run(350_000), run(1_000_000));
    // Windows in flight are full either way, and differ by what the allocator keeps. Were anything kept of every packet, the
    // other 650,000 would cost more than this from 100 bytes each.
    assert!(many < some + 64 * 1024, "{some} KiB for 350,000 packets, {many} KiB for 1,000,000");
}

/// Who answers the internet at a public address; what comes in over TCP is remembered for five days.
const SERVER: &str = r#"
[vpc.main]
cidrs = ["10.0.0.0/16"]
[internet_gateway.igw]
vpc = "main"
[subnet.web]
vpc = "main"
cidrs = ["10.0.0.0/24"]
route_table = "public"
[route_table.public]
vpc = "main"
routes = [{ to = "0.0.0.0/0", via = "igw" }]
[security_group.web]
vpc = "main"
ingress = [{ proto = "tcp", ports = "443", from = "198.18.0.0/15" }]
egress = []
[instance.web]
subnet = "web"
addresses = ["10.0.0.10"]
public = "203.0.113.10"
security_groups = ["web"]
"#;

/// Connections that are all alive for as long as the capture goes on.
const CONCURRENT: u32 = 100_000;

/// Handshakes within a minute, and after that a segment of every connection each two hours.
fn write_concurrent(path: &Path, hours: u64) -> u64 {
    const SECOND: u64 = 1_000_000_000;
    let mut writer = PcapWriter::new(std::fs::File::create(path).unwrap(), LinkType::RAW).unwrap();
    let server = SocketAddr::from(([203, 0, 113, 10], 443));
    let mut packets = 0;
    for round in 0..2 + hours / 2 {
        let (start, length) = if round < 2 { (round * 60, 60) } else { (120 + (round - 2) * 7_200, 7_200) };
        for flow in 0..CONCURRENT {
            let [_, a, b, c] = flow.to_be_bytes();
            let client = SocketAddr::from(([198, 18 + a, b, c], 40_000));
            let time =
                1_750_000_000 * SECOND + start * SECOND + u64::from(flow) * (length * SECOND / u64::from(CONCURRENT));
            let opens = TcpFlags::SYN;
            let both =
                [build::tcp(client, server).flags(opens), build::tcp(server, client).flags(opens | TcpFlags::ACK)];
            let handshake = both.map(|packet| packet.build());
            let sent = if round == 0 { handshake.to_vec() } else { vec![build::tcp(client, server).build()] };
            for bytes in sent {
                writer.write(time, bytes.len() as u32, &bytes).unwrap();
                packets += 1;
            }
        }
    }
    writer.finish().unwrap();
    packets
}

#[test]
fn flow_logs_of_a_hundred_thousand_connections_take_no_more_memory_for_a_day_than_for_six_hours() {
    let folder = tempfile::tempdir().unwrap();
    let config = folder.path().join("server.toml");
    std::fs::write(&config, SERVER).unwrap();
    let run = |hours: u64| {
        let (capture, logs) = (folder.path().join("generated.pcap"), folder.path().join(hours.to_string()));
        let packets = write_concurrent(&capture, hours);
        let arguments = ["--flow-logs", logs.to_str().unwrap(), "--flow-log-interval", "60"];
        let (peak, summary) = replay(config.to_str().unwrap(), &capture, &arguments);
        assert_eq!(summary["packets"]["delivered"].as_u64().unwrap(), packets);
        assert_eq!(summary["connections"]["peak"].as_u64().unwrap(), u64::from(CONCURRENT));
        peak
    };
    let (some, many) = (run(6), run(24));
    // Of 900,000 records more, were they kept, each would have to be of less than 70 bytes.
    assert!(many < some + 64 * 1024, "{some} KiB for 6 hours, {many} KiB for a day");
}
