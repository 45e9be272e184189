//! What a large configuration takes in memory.

#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, reason = "helpers of tests")]

mod common;

use std::path::Path;

use common::peak_memory;
use vpcemu_capture::{LinkType, PcapWriter};
use vpcemu_packet::{TcpFlags, build};
use vpcemu_tests::large;

/// A SYN from the first interface to the last.
fn write_capture(path: &Path) {
    let mut writer = PcapWriter::new(std::fs::File::create(path).unwrap(), LinkType::RAW).unwrap();
    let (from, to) = (large::address(0), large::address(large::INTERFACES - 1));
    let [from, to] = [format!("{from}:4000"), format!("{to}:{}", large::PORT)].map(|end| end.parse().unwrap());
    let packet = build::tcp(from, to).flags(TcpFlags::SYN).build();
    writer.write(1_750_000_000_000_000_000, packet.len() as u32, &packet).unwrap();
    writer.finish().unwrap();
}

/// Peak resident memory in KiB of a replay of that one packet.
fn replay(config: &Path) -> u64 {
    let folder = tempfile::tempdir().unwrap();
    let capture = folder.path().join("one.pcap");
    write_capture(&capture);
    let (peak, output) =
        peak_memory(&["replay", "-c", config.to_str().unwrap(), capture.to_str().unwrap(), "--format", "json"]);
    let summary: serde_json::Value = serde_json::from_str(&output).unwrap();
    assert_eq!(summary["packets"]["delivered"], 1);
    peak
}

/// KiB for a file of 1.8 MiB. The peak is in reading: the parse tree, the shape of the file and the network are there at the
/// same time, and take 77 MiB here. A third more is for other allocators; a copy of anything would be above it.
const NATIVE: u64 = 100 * 1024;

/// KiB for dumps of 9.5 MiB, of which JSON values with their keys are the most: 138 MiB here, and room as above.
const DUMPS: u64 = 180 * 1024;

#[test]
fn ten_thousand_interfaces_are_a_hundred_megabytes() {
    let folder = tempfile::tempdir().unwrap();
    let native = folder.path().join("large.toml");
    std::fs::write(&native, large::native()).unwrap();
    let dumps = folder.path().join("dumps");
    std::fs::create_dir(&dumps).unwrap();
    large::dumps(&dumps).unwrap();
    for (config, bound) in [(&native, NATIVE), (&dumps, DUMPS)] {
        let peak = replay(config);
        assert!(peak < bound, "{peak} KiB for {}", config.display());
    }
}
