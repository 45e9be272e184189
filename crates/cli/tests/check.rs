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

const NEIGHBORS: &str = "crates/model/tests/data/neighbors.toml";
const NEIGHBORS_DUMP: &str = "crates/import/tests/data/neighbors";

#[test]
fn json_has_what_a_vpc_is_connected_to() {
    let inventory = inventory(NEIGHBORS);
    assert_eq!(
        fields(&inventory["gateways"], &["id", "kind", "place", "route_table"]),
        [
            json!(["vpce-inspect", "Gateway Load Balancer endpoint", "vpc-main", null]),
            json!(["pcx-shared", "peering connection", "vpc-main\nvpc-shared", null]),
            json!(["pcx-partner", "inter-region peering connection", "vpc-main\nvpc-0partner", null]),
            json!(["pcx-pending", "peering connection", "vpc-shared\nvpc-pending-peer", null]),
            json!(["tgw-hub", "transit gateway", null, null]),
            json!(["tgw-attach-main", "attachment", "vpc-main", "tgw-rtb-inside"]),
            json!(["tgw-attach-shared", "attachment", "vpc-shared", "tgw-rtb-inside"]),
            json!(["tgw-attach-office", "attachment", "vpn", "tgw-rtb-outside"]),
            json!(["tgw-attach-direct", "attachment", "direct-connect", "tgw-rtb-inside"]),
            json!(["tgw-attach-appliance", "attachment", "connect", "tgw-rtb-inside"]),
            json!(["tgw-attach-overseas", "attachment", "peering", "tgw-rtb-inside"]),
            json!(["vgw-vpn", "virtual private gateway", "vpc-main", null]),
        ]
    );
    assert_eq!(inventory["gateways"][3]["addresses"], json!(["10.7.0.0/16", "not active"]));
    assert_eq!(inventory["gateways"][7]["addresses"], json!(["192.168.0.0/16", "not available"]));
    let inside = &inventory["transit_gateway_route_tables"][0];
    assert_eq!(fields(&json!([inside]), &["id", "gateway"]), [json!(["tgw-rtb-inside", "tgw-hub"])]);
    assert_eq!(
        (&inside["routes"]["10.66.0.0/16"], &inside["routes"]["pl-corp"]),
        (&json!("blackhole"), &json!("tgw-attach-overseas"))
    );
}

#[test]
fn dumps_show_neighbours_with_their_names_and_what_is_left_out() {
    let ran = vpcemu(["check", NEIGHBORS_DUMP]);
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    // Columns are as wide as what is in them.
    let words = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ");
    let shown = words(&ran.stdout);
    for line in [
        "1 TransitGateways",
        "pcx-partner (to-partner) inter-region peering connection vpc-spoke",
        "tgw-attach-vpn attachment vpn 10.99.0.0/16",
        "tgw-rtb-spokes tgw-hub 0.0.0.0/0 -> tgw-attach-hub",
        "the rule is stale: pcx-old to the group that it names is deleted, so it matches nothing [sg-spoke]",
        "VpcPeeringConnections[1]: it is deleted [pcx-old]",
    ] {
        assert!(shown.contains(line), "{line}\n{}", ran.stdout);
    }
    assert!(!ran.stdout.contains("assumed"), "{}", ran.stdout);
}

#[test]
fn an_attachment_without_a_table_is_shown_as_one() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("two-tables.toml");
    let text = "[vpc.main]\ncidr = \"10.0.0.0/16\"\n[transit_gateway.hub.attachment.office]\ntype = \"vpn\"\n\
                [transit_gateway.hub.route_table.one]\n[transit_gateway.hub.route_table.two]\n";
    std::fs::write(&file, text).unwrap();
    let ran = vpcemu(["check", file.to_str().unwrap()]);
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    assert!(ran.stdout.contains("vpn") && ran.stdout.contains("no route table"), "{}", ran.stdout);
    assert!(ran.stdout.contains("[no-tgw-association]"), "{}", ran.stdout);
}
