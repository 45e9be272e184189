//! `vpcemu convert`, and flow log definitions in `vpcemu check`.

#![allow(clippy::unwrap_used, reason = "helpers of tests")]

mod common;

use common::vpcemu;
use serde_json::{Value, json};

const DUMP: &str = "crates/import/tests/data/worked-example";

fn inventory(path: &str) -> Value {
    let ran = vpcemu(["check", path, "--format", "json"]);
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    let report: Value = serde_json::from_str(&ran.stdout).unwrap();
    report["inventory"].clone()
}

#[test]
fn a_dump_becomes_a_file_with_the_same_inventory() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("net.toml");
    let path = file.to_str().unwrap();
    std::fs::write(&file, "what was there before").unwrap();
    let ran = vpcemu(["convert", DUMP, "-o", path]);
    assert_eq!((ran.code, ran.stdout.as_str()), (Some(0), ""), "{}", ran.stderr);
    // Two keys of a file beside the dump are none of it.
    assert!(ran.stderr.contains("`vpcemu check crates/import/tests/data/worked-example`"), "{}", ran.stderr);
    let text = std::fs::read_to_string(&file).unwrap();
    assert!(text.starts_with(&format!("# A native configuration of vpcemu, made by `vpcemu convert` from {DUMP}.\n")));
    assert!(text.contains("describe-vpcs.json: Vpcs[0]\n[vpc.vpc-0a11d0c0ffee00001]\nname = \"demo\"\n"), "{text}");

    let (original, mut converted) = (inventory(DUMP), inventory(path));
    // Interfaces have another order there: those of gateways come first.
    let by_id = |value: &mut Value| {
        value["enis"].as_array_mut().unwrap().sort_by_key(|eni| eni["id"].as_str().unwrap().to_owned());
    };
    by_id(&mut converted);
    let mut sorted = original;
    by_id(&mut sorted);
    assert_eq!(sorted, converted);

    let printed = vpcemu(["convert", DUMP]);
    assert_eq!((printed.code, printed.stdout), (Some(0), text));
}

#[test]
fn one_vpc_is_enough() {
    let all = vpcemu(["convert", "crates/model/tests/data/neighbors.toml"]);
    let one = vpcemu(["convert", "crates/model/tests/data/neighbors.toml", "--vpc", "shared"]);
    assert_eq!((all.code, one.code), (Some(0), Some(0)), "{}{}", all.stderr, one.stderr);
    assert!(all.stdout.contains("[subnet.tgw-a]") && !one.stdout.contains("[subnet.tgw-a]"), "{}", one.stdout);
}

#[test]
fn what_cannot_be_converted_is_refused() {
    let refused = |arguments: &[&str], sentence: &str| {
        let ran = vpcemu(arguments);
        assert_eq!((ran.code, ran.stdout.as_str()), (Some(2), ""), "{arguments:?}");
        assert!(ran.stderr.contains(sentence), "{}", ran.stderr);
    };
    refused(&["convert", "no-such-file"], "no-such-file");
    refused(&["convert", DUMP, "--vpc", "vpc-9"], "no VPC vpc-9");
    refused(&["convert", DUMP, "-o", "no/such/folder/net.toml"], "no/such/folder/net.toml: cannot be written");
    refused(&["convert", "crates/model/tests/data/edges.toml", "--strict"], "things were assumed");
}

#[test]
fn flow_logs_are_listed() {
    let inventory = inventory(DUMP);
    let log = &inventory["flow_logs"][0];
    assert_eq!((&log["id"], &log["resource"]), (&json!("fl-08000000000000001"), &json!("vpc-0a11d0c0ffee00001")));
    assert_eq!((&log["traffic"], &log["max_aggregation_interval"]), (&json!("all"), &json!(60)));
    assert_eq!((&log["destination_type"], &log["destination"]), (&json!("cloud-watch-logs"), &json!("vpc-demo")));
    assert!(log["format"].as_str().unwrap().ends_with("${traffic-path}"));
    let text = vpcemu(["check", DUMP]).stdout;
    let line =
        "fl-08000000000000001: all traffic of vpc-0a11d0c0ffee00001, 19 fields, 60 s, to vpc-demo (cloud-watch-logs)";
    assert!(text.contains(line), "{text}");
    // A configuration without any says nothing of them.
    let plain = vpcemu(["check", common::CONFIG]).stdout;
    assert!(!plain.contains("flow logs"), "{plain}");
}
