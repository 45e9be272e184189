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

/// A client's packets to remotes behind the NAT gateway, and the answers as the client saw them, so many nanoseconds apart.
fn write(path: &Path, packets: u64, interval: u64) {
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
        // Handshakes are over within a moment.
        let fast = n.min(6 * u64::from(FLOWS));
        let time = fast * INTERVAL + (n - fast) * interval;
        writer.write(1_750_000_000_000_000_000 + time, bytes.len() as u32, &bytes).unwrap();
    }
    writer.finish().unwrap();
}

/// Peak resident memory of a replay in KiB, and how many packets it delivered.
fn replay(capture: &Path, more: &[&str]) -> (u64, u64) {
    let fixed = ["replay", "-c", CONFIG, capture.to_str().unwrap(), "--format", "json"];
    let (peak, output) = peak_memory(&[&fixed, more].concat());
    let summary: serde_json::Value = serde_json::from_str(&output).unwrap();
    (peak, summary["packets"]["delivered"].as_u64().unwrap())
}

#[test]
fn a_million_packets_take_no_more_memory_than_a_third_of_them() {
    let folder = tempfile::tempdir().unwrap();
    let run = |packets| {
        let capture = folder.path().join("generated.pcap");
        write(&capture, packets, INTERVAL);
        let (peak, delivered) = replay(&capture, &[]);
        assert_eq!(delivered, packets);
        peak
    };
    let (some, many) = (run(350_000), run(1_000_000));
    // Windows in flight are full either way, and differ by what the allocator keeps. Were anything kept of every packet, the
    // other 650,000 would cost more than this from 100 bytes each.
    assert!(many < some + 64 * 1024, "{some} KiB for 350,000 packets, {many} KiB for 1,000,000");
}

/// Packets an hour, by which every connection is met within 350 s: nothing is forgotten.
const AN_HOUR: u64 = 48_000;

#[test]
fn flow_logs_of_a_day_take_no_more_memory_than_those_of_six_hours() {
    let folder = tempfile::tempdir().unwrap();
    let run = |hours: u64| {
        let (capture, logs) = (folder.path().join("generated.pcap"), folder.path().join(hours.to_string()));
        write(&capture, hours * AN_HOUR, 3_600_000_000_000 / AN_HOUR);
        let arguments = ["--flow-logs", logs.to_str().unwrap(), "--flow-log-interval", "60"];
        let (peak, delivered) = replay(&capture, &arguments);
        assert_eq!(delivered, hours * AN_HOUR);
        peak
    };
    let (some, many) = (run(6), run(24));
    // Some 2,400 records a minute; were they kept, another 18 hours of them would be more than this from 30 bytes each.
    assert!(many < some + 64 * 1024, "{some} KiB for 6 hours, {many} KiB for a day");
}
