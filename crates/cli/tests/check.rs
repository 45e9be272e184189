//! `vpcemu check` lists what a VPC has at its edges.

#![allow(clippy::unwrap_used, reason = "helpers of tests")]

mod common;

use common::vpcemu;
use serde_json::{Value, json};

const NATIVE: &str = "crates/model/tests/data/edges.toml";
const DUMP: &str = "crates/import/tests/data/edges";

fn inventory(path: &str) -> Value {
    let ran = vpcemu(["check", path, "--format", "json"]);
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    let report: Value = serde_json::from_str(&ran.stdout).unwrap();
    report["inventory"].clone()
}

/// The fields of some rows.
fn fields(rows: &Value, fields: &[&str]) -> Vec<Value> {
    let row = |row: &Value| Value::Array(fields.iter().map(|field| row[*field].clone()).collect());
    rows.as_array().unwrap().iter().map(row).collect()
}

#[test]
fn json_has_regional_gateways_tables_and_exclusions() {
    let inventory = inventory(NATIVE);
    assert_eq!(
        fields(&inventory["gateways"], &["id", "kind", "place", "route_table"]),
        [
            json!(["igw-igw", "internet gateway", "vpc-main", null]),
            json!(["nat-nat", "regional NAT gateway", "vpc-main", "rtb-nat"])
        ]
    );
    assert_eq!(inventory["gateways"][1]["addresses"], json!(["203.0.113.20 in a", "203.0.113.21 in b"]));
    assert_eq!(
        fields(&inventory["gateway_route_tables"], &["id", "gateway"]),
        [json!(["rtb-edge", "igw-igw"]), json!(["rtb-vpn", "vgw-1"])]
    );
    assert_eq!(inventory["gateway_route_tables"][0]["routes"]["10.0.1.0/24"], "eni-fw");
    let exclusions = json!([{"scope": "subnet-web", "mode": "allow-bidirectional"}]);
    assert_eq!(inventory["block_public_access"], json!({"mode": "block-ingress", "exclusions": exclusions}));
    assert_eq!(
        fields(&inventory["enis"], &["id", "forward"]),
        [json!(["eni-fw", "appliance"]), json!(["eni-web", null]), json!(["eni-masquerade", "nat-instance"])]
    );
}

#[test]
fn dumps_have_the_same_rows() {
    let read = inventory(DUMP);
    assert_eq!(read["gateways"][1]["kind"], "regional NAT gateway");
    assert_eq!(read["gateway_route_tables"][0]["name"], "inspection");
    assert_eq!(read["block_public_access"]["mode"], "block-ingress");
}

#[test]
fn text_lists_them_too() {
    let ran = vpcemu(["check", NATIVE]);
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    let line = |words: &[&str]| {
        let found = ran.stdout.lines().any(|line| {
            let mut shown = line.split_whitespace();
            words.iter().all(|word| shown.any(|shown| shown == *word))
        });
        assert!(found, "{words:?} is not in\n{}", ran.stdout);
    };
    line(&["nat-nat", "regional", "NAT", "gateway", "vpc-main", "203.0.113.20", "in", "a"]);
    line(&["rtb-nat", "203.0.113.21", "in", "b"]);
    line(&["rtb-edge", "igw-igw", "10.0.0.0/16", "->", "local"]);
    line(&["10.0.1.0/24", "->", "eni-fw"]);
    line(&["interface", "subnet", "forwards", "as"]);
    line(&["eni-masquerade", "subnet-dmz", "nat-instance"]);
    line(&["Block", "Public", "Access:", "block-ingress,", "subnet-web", "allow-bidirectional"]);
    // What a configuration does not have is not listed.
    let plain = vpcemu(["check", common::CONFIG]).stdout;
    assert!(
        !plain.contains("forwards as") && !plain.contains("Block Public Access") && !plain.contains("of a gateway")
    );
}
