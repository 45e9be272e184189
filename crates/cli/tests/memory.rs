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
        writer.write(1_750_000_000_000_000_000 + n * 1_000, bytes.len() as u32, &bytes).unwrap();
    }
    writer.finish().unwrap();
}

/// Peak resident memory of a replay in KiB, and how many packets it delivered.
fn replay(capture: &Path) -> (u64, u64) {
    let (peak, output) = peak_memory(&["replay", "-c", CONFIG, capture.to_str().unwrap(), "--format", "json"]);
    let summary: serde_json::Value = serde_json::from_str(&output).unwrap();
    (peak, summary["packets"]["delivered"].as_u64().unwrap())
}

#[test]
fn a_million_packets_take_no_more_memory_than_a_third_of_them() {
    let folder = tempfile::tempdir().unwrap();
    let run = |packets| {
        let capture = folder.path().join("generated.pcap");
        write(&capture, packets);
        let (peak, delivered) = replay(&capture);
        assert_eq!(delivered, packets);
        peak
    };
    let (some, many) = (run(350_000), run(1_000_000));
    // Windows in flight are full either way, and differ by what the allocator keeps. Were anything kept of every packet, the
    // other 650,000 would cost more than this from 100 bytes each.
    assert!(many < some + 64 * 1024, "{some} KiB for 350,000 packets, {many} KiB for 1,000,000");
}
