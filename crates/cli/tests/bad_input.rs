//! Bad input ends with exit code 2, one clear message with file and place, and everything before the damage in the outputs.

#![allow(clippy::unwrap_used, reason = "helpers of tests")]

mod common;

use std::path::{Path, PathBuf};

use common::{CAPTURE, CONFIG, Ran, repository, vpcemu};
use tempfile::TempDir;

struct Bench {
    folder: TempDir,
}

impl Bench {
    fn new() -> Self {
        Self { folder: tempfile::tempdir().unwrap() }
    }

    fn file(&self, name: &str, bytes: &[u8]) -> PathBuf {
        let path = self.folder.path().join(name);
        std::fs::write(&path, bytes).unwrap();
        path
    }

    fn replay(&self, capture: &Path) -> (Ran, String) {
        let verdicts = self.folder.path().join("verdicts.ndjson");
        let ran = vpcemu([
            "replay".as_ref(),
            "-c".as_ref(),
            CONFIG.as_ref(),
            capture.as_os_str(),
            "--format".as_ref(),
            "json".as_ref(),
            "--verdicts".as_ref(),
            verdicts.as_os_str(),
        ]);
        let lines = std::fs::read_to_string(verdicts).unwrap_or_default();
        (ran, lines)
    }
}

#[track_caller]
fn refused(ran: &Ran, words: &[&str]) {
    assert_eq!(ran.code, Some(2), "{}", ran.stderr);
    for word in words {
        assert!(ran.stderr.contains(word), "`{word}` is not in: {}", ran.stderr);
    }
    assert!(!ran.stderr.contains("panicked") && !ran.stderr.contains("RUST_BACKTRACE"), "{}", ran.stderr);
}

fn capture() -> Vec<u8> {
    std::fs::read(repository().join(CAPTURE)).unwrap()
}

#[test]
fn a_capture_that_does_not_exist() {
    let (ran, _) = Bench::new().replay(Path::new("nowhere.pcap"));
    refused(&ran, &["nowhere.pcap", "No such file"]);
}

#[test]
fn an_empty_capture_and_one_that_is_none() {
    let bench = Bench::new();
    refused(&bench.replay(&bench.file("empty.pcap", b"")).0, &["empty.pcap", "empty"]);
    refused(&bench.replay(&bench.file("notes.pcap", b"Dear diary,")).0, &["notes.pcap", "not a capture", "Dear"]);
    refused(&bench.replay(bench.folder.path()).0, &["is a directory"]);
}

#[test]
fn a_truncated_capture_keeps_what_is_before() {
    let bench = Bench::new();
    let whole = capture();
    let cut = bench.file("cut.pcap", &whole[..whole.len() / 2]);
    let (ran, verdicts) = bench.replay(&cut);
    refused(&ran, &["cut.pcap", "truncated at byte", "in packet"]);
    let summary: serde_json::Value = serde_json::from_str(&ran.stdout).unwrap();
    let kept = summary["packets"]["in"].as_u64().unwrap();
    assert!(kept > 10, "{summary}");
    assert_eq!(verdicts.lines().count() as u64, kept);
    assert!(ran.stderr.contains(&format!("the {kept} packets before the damage")), "{}", ran.stderr);
}

#[test]
fn a_record_that_claims_4_gib() {
    let bench = Bench::new();
    let mut bytes = capture();
    // Captured length of the first record, little endian.
    bytes[24 + 8..24 + 12].copy_from_slice(&u32::MAX.to_le_bytes());
    let (ran, _) = bench.replay(&bench.file("huge.pcap", &bytes));
    refused(&ran, &["huge.pcap", "damaged at byte 24", "packet 1", "4294967295"]);
}

#[test]
fn random_bytes_behind_a_good_header() {
    let bench = Bench::new();
    let mut bytes = capture();
    for (index, byte) in bytes.iter_mut().enumerate().skip(4000) {
        *byte = ((index * 7919) >> 3) as u8;
    }
    let (ran, verdicts) = bench.replay(&bench.file("random.pcap", &bytes));
    refused(&ran, &["random.pcap", "at byte"]);
    assert!(verdicts.lines().count() > 5);
}

#[test]
fn an_unknown_link_type_is_named_with_its_number() {
    let bench = Bench::new();
    let mut bytes = capture();
    bytes[20..24].copy_from_slice(&105u32.to_le_bytes());
    refused(&bench.replay(&bench.file("wifi.pcap", &bytes)).0, &["wifi.pcap", "IEEE802_11 (105)", "packet 1"]);
}

#[test]
fn time_stamps_that_go_backwards_are_no_damage() {
    let bench = Bench::new();
    let mut bytes = capture();
    // Seconds of the first record: an hour later than the rest.
    let seconds = u32::from_le_bytes(bytes[24..28].try_into().unwrap()) + 3600;
    bytes[24..28].copy_from_slice(&seconds.to_le_bytes());
    let (ran, verdicts) = bench.replay(&bench.file("backwards.pcap", &bytes));
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    assert_eq!(verdicts.lines().count(), 173);
}

#[test]
fn a_compressed_capture_by_any_name_and_one_that_is_cut() {
    let bench = Bench::new();
    let packed = bench.file("good.pcap", &capture());
    let gzip = std::process::Command::new("gzip").arg("-kf").arg(&packed).status();
    if !gzip.is_ok_and(|status| status.success()) {
        eprintln!("skipped: gzip is not installed");
        return;
    }
    let packed = std::fs::read(packed.with_extension("pcap.gz")).unwrap();
    let (ran, verdicts) = bench.replay(&bench.file("misnamed.pcap", &packed));
    assert_eq!((ran.code, verdicts.lines().count()), (Some(0), 173), "{}", ran.stderr);
    let (ran, verdicts) = bench.replay(&bench.file("cut.pcap.gz", &packed[..packed.len() * 2 / 3]));
    refused(&ran, &["cut.pcap.gz", "at byte"]);
    assert!(verdicts.lines().count() > 5, "{}", ran.stderr);
}

#[test]
fn a_broken_configuration_is_shown_with_all_its_faults() {
    let bench = Bench::new();
    let config = r#"
[vpc.main]
cidrs = ["10.0.0.1/8"]

[subnet.a]
cidrs = ["10.9.0.0/24"]
route_table = "nowhere"

[security_group.web]
ingress = [{ proto = "tcp", ports = "http", from = "0.0.0.0/0" }]

[route_table.public]
routes = [{ to = "0.0.0.0/0", via = "igw" }]
"#;
    let path = bench.file("broken.toml", config.as_bytes());
    let ran = vpcemu(["check".as_ref(), path.as_os_str()]);
    refused(&ran, &["broken.toml", "via = \"igw\"", "`http` is no port", "rtb-nowhere", "10.0.0.1/8", "/16"]);
    let syntax = bench.file("syntax.toml", b"[vpc.main\ncidrs = 1");
    refused(&vpcemu(["check".as_ref(), syntax.as_os_str()]), &["syntax.toml:1", "[vpc.main"]);
    let unknown = bench.file("unknown.toml", b"[vpc.main]\ncidrz = [\"10.0.0.0/16\"]\n");
    refused(&vpcemu(["check".as_ref(), unknown.as_os_str()]), &["unknown.toml:2", "cidrz", "did you mean"]);
    let log = bench.file("log.toml", b"[vpc.main]\ncidrs = [\"10.0.0.0/16\"]\n[flow_log.t]\nsubnet = \"a\"\n");
    refused(&vpcemu(["check".as_ref(), log.as_os_str()]), &["log.toml:4", "subnet-a, which does not exist"]);
}

#[test]
fn what_is_no_configuration_says_what_it_is_and_what_to_do() {
    let bench = Bench::new();
    let check = |name: &str, text: &str| {
        let path = bench.file(name, text.as_bytes());
        vpcemu(["check".as_ref(), path.as_os_str()])
    };
    let template = "AWSTemplateFormatVersion: '2010-09-09'\nResources:\n  Vpc:\n    Type: AWS::EC2::VPC\n";
    refused(&check("stack.yaml", template), &["stack.yaml", "CloudFormation", "line 1", "vpcemu collect"]);
    let template = r#"{"Resources": {"Vpc": {"Type": "AWS::EC2::VPC"}}}"#;
    refused(&check("stack.json", template), &["stack.json", "CloudFormation", "vpcemu collect"]);
    let language = "resource \"aws_vpc\" \"main\" {\n}\n";
    refused(&check("main.tf", language), &["main.tf", "Terraform source", "terraform show -json"]);
    refused(&check("net.yaml", "vpcs:\n  - id: a\n"), &["net.yaml:1", "YAML", "TOML", "vpcemu collect"]);
    refused(&check("log.json", "DEBUG calling\n{\"Vpcs\": []}"), &["log.json", "14 bytes", "DEBUG calling", "remove"]);
    refused(&check("cut.json", "{\"Vpcs\": [\n{\"VpcId\": "), &["cut.json:2:10 (byte 21)", "value", "make it again"]);
    refused(&check("other.json", "{\"a\": 1}"), &["other.json", "`Vpcs`", "vpcemu collect"]);
    refused(&check("empty.json", ""), &["empty.json", "empty", "make it again"]);
    let twice =
        r#"{"Vpcs": [{"VpcId": "vpc-1", "CidrBlock": "10.0.0.0/16"}, {"VpcId": "vpc-1", "CidrBlock": "10.1.0.0/16"}]}"#;
    refused(&check("twice.json", twice), &["twice.json: Vpcs[1]", "vpc-1 is also Vpcs[0]", "CidrBlock", "remove"]);
    let folder = tempfile::tempdir().unwrap();
    let directory = || vpcemu(["check".as_ref(), folder.path().as_os_str()]);
    refused(&directory(), &["the directory is empty", "describe-* JSON", "vpcemu collect"]);
    std::fs::write(folder.path().join("main.tf"), language).unwrap();
    refused(&directory(), &["main.tf", "terraform show -json"]);
}

#[test]
fn usage_errors_name_what_is_wrong() {
    let run = |arguments: &[&str]| vpcemu([&["replay", "-c", CONFIG, CAPTURE], arguments].concat());
    refused(&run(&["--bind", "192.168.1.10=nobody"]), &["nobody", "eni-app-1"]);
    refused(&run(&["--bind", "host=app-1"]), &["host=app-1", "not an IP address"]);
    refused(&run(&["--at", "moon"]), &["moon"]);
    refused(&run(&["--then", "later"]), &["TIME=PATH"]);
    refused(&run(&["-w", "out.txt"]), &["out.txt", ".pcapng"]);
    refused(&run(&["--workers", "0"]), &["--workers 0"]);
    refused(&vpcemu(["replay", "-c", "nowhere.toml", CAPTURE]), &["nowhere.toml"]);
}
