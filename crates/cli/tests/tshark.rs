//! The packets that a replay writes, as tshark sees them.

#![allow(clippy::unwrap_used, reason = "helpers of tests")]

mod common;

use std::path::Path;
use std::process::Command;

use common::{have, repository, vpcemu};

/// Fields of the packets of a capture that match a filter, one line each.
fn tshark(capture: &Path, filter: &str, fields: &[&str]) -> Vec<String> {
    let checks = ["ip.check_checksum:TRUE", "tcp.check_checksum:TRUE", "udp.check_checksum:TRUE"];
    let mut command = Command::new("tshark");
    command.arg("-r").arg(capture).args(["-Y", filter, "-T", "fields"]);
    command.args(checks.iter().flat_map(|check| ["-o", check]));
    command.args(fields.iter().flat_map(|field| ["-e", field]));
    let output = command.output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap().lines().map(str::to_owned).collect()
}

/// A packet with any wrong checksum.
const BAD: &str = "ip.checksum.status==0 || tcp.checksum.status==0 || udp.checksum.status==0 || icmp.checksum.status==0 \
                   || icmpv6.checksum.status==0";

#[test]
fn annotated_packets_open_with_comments_and_interface_names() {
    if !have("tshark") {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("out.pcapng");
    let config = "pcaps/public-web-server/config.toml";
    let ran = vpcemu(["replay", "-c", config, "pcaps/public-web-server/outside.pcap", "-w", out.to_str().unwrap()]);
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    let denied = "frame.comment contains \"reason=ENI_SG_RULES_MISMATCH\" && frame.interface_name == \"dropped\"";
    let lines = tshark(&out, denied, &["frame.comment", "frame.interface_name"]);
    assert_eq!(lines.len(), 5, "{lines:?}");
    assert!(lines.iter().all(|line| line.contains("at=eni-web dir=ingress rule=*")), "{lines:?}");
    // Delivered to the instance with its private address, to the internet with the public one.
    let inside = tshark(&out, "frame.interface_name == \"eni-web\" && ip", &["ip.dst"]);
    assert!(!inside.is_empty() && inside.iter().all(|dst| dst.starts_with("10.0.0.10")), "{inside:?}");
    let outside = tshark(&out, "frame.interface_name == \"internet\" && ip && !icmp", &["ip.src"]);
    assert!(!outside.is_empty() && outside.iter().all(|src| src == "203.0.113.10"), "{outside:?}");
    assert_eq!(tshark(&out, "frame", &["frame.number"]).len(), 246);
}

#[test]
fn no_checksum_is_bad_that_was_good_in_the_input() {
    if !have("tshark") {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    for (scenario, capture) in [
        ("public-web-server", "outside.pcap"),
        ("public-web-server", "inside.pcapng"),
        ("private-clients-nat", "app-1.pcap"),
        ("private-clients-nat", "app-2.pcap"),
        ("ipv6-egress-only", "worker.pcap"),
        ("three-tier-nacl", "app.pcap"),
        ("bastion", "bastion.pcap"),
    ] {
        let out = folder.path().join("out.pcapng");
        let (config, input) = (format!("pcaps/{scenario}/config.toml"), format!("pcaps/{scenario}/{capture}"));
        let ran = vpcemu(["replay", "-q", "-c", &config, &input, "-w", out.to_str().unwrap()]);
        assert_eq!(ran.code, Some(0), "{}", ran.stderr);
        let number = |line: String| line.trim().parse::<u64>().unwrap();
        let bad_in: Vec<u64> =
            tshark(&repository().join(&input), BAD, &["frame.number"]).into_iter().map(number).collect();
        let comments = tshark(&out, BAD, &["frame.comment"]);
        for comment in comments {
            let n = comment.split_once("n=").unwrap().1.split_once(' ').unwrap().0;
            assert!(bad_in.contains(&n.parse().unwrap()), "{input}: packet {n} was good: {comment}");
        }
    }
}

#[test]
fn a_plain_pcap_has_what_was_delivered() {
    if !have("tshark") {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("out.pcap");
    let config = "pcaps/three-tier-nacl/config.toml";
    let ran = vpcemu([
        "replay",
        "-c",
        config,
        "pcaps/three-tier-nacl/app.pcap",
        "-w",
        out.to_str().unwrap(),
        "--format",
        "json",
    ]);
    let summary: serde_json::Value = serde_json::from_str(&ran.stdout).unwrap();
    let packets = &summary["packets"];
    let count = |key: &str| packets[key].as_u64().unwrap();
    let expected = count("delivered") - count("fragmented") + count("fragments_made") + count("generated");
    assert_eq!(tshark(&out, "frame", &["frame.number"]).len() as u64, expected);
}
