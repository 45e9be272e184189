//! Whether tshark reads what is written here as it was meant.

use std::process::Command;

use vpcemu_capture::{LinkType, PcapWriter, PcapngWriter};

/// Runs tshark, if it is there. `VPCEMU_TEST_REQUIRE=tshark` makes its absence a failure.
fn tshark(file: &[u8], fields: &[&str]) -> Option<Vec<String>> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("capture");
    std::fs::write(&path, file).unwrap();
    let mut command = Command::new("tshark");
    command.args(["-n", "-T", "fields", "-E", "separator=|", "-r"]).arg(&path);
    command.args(fields.iter().flat_map(|field| ["-e", field]));
    match command.output() {
        Ok(output) => {
            assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
            Some(String::from_utf8(output.stdout).unwrap().lines().map(str::to_owned).collect())
        }
        Err(error) => {
            let required = std::env::var("VPCEMU_TEST_REQUIRE").is_ok_and(|tools| tools.contains("tshark"));
            assert!(!required, "tshark is required: {error}");
            eprintln!("skipped, tshark cannot be run: {error}");
            None
        }
    }
}

/// A UDP datagram of eight bytes from port 1 to port 2.
const DATAGRAM: [u8; 28] =
    [0x45, 0, 0, 28, 0, 0, 0, 0, 64, 17, 0x66, 0xcf, 10, 0, 0, 1, 10, 0, 0, 2, 0, 1, 0, 2, 0, 8, 0, 0];

#[test]
fn pcapng_with_interfaces_comments_and_nanoseconds() {
    let mut writer = PcapngWriter::new(Vec::new()).unwrap();
    let first = writer.add_interface("eni-web", Some("a web server"), LinkType::RAW).unwrap();
    let second = writer.add_interface("dropped", None, LinkType::RAW).unwrap();
    writer.write(first, 1_700_000_000_123_456_789, 1_500, &DATAGRAM, None).unwrap();
    writer.write(second, 1_700_000_000_123_456_790, 28, &DATAGRAM, Some("verdict=deny rule=100")).unwrap();
    let fields = ["frame.time_epoch", "frame.interface_name", "frame.len", "frame.comment", "udp.dstport"];
    let Some(lines) = tshark(&writer.finish().unwrap(), &fields) else { return };
    let expected = ["1700000000.123456789|eni-web|1500||2", "1700000000.123456790|dropped|28|verdict=deny rule=100|2"];
    assert_eq!(lines, expected);
}

#[test]
fn pcap_with_nanoseconds() {
    let mut writer = PcapWriter::new(Vec::new(), LinkType::RAW).unwrap();
    writer.write(1_700_000_000_123_456_789, 28, &DATAGRAM).unwrap();
    let Some(lines) = tshark(&writer.finish().unwrap(), &["frame.time_epoch", "ip.dst"]) else { return };
    assert_eq!(lines, ["1700000000.123456789|10.0.0.2"]);
}
