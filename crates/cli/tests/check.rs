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
    assert!(ran.stdout.contains("\n0 assumed, 2 ignored, nothing odd\n"), "{}", ran.stdout);
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

/// A dump of one VPC with so many subnets, two hosts in each, of which every other one is public.
fn wide(subnets: usize) -> Value {
    let subnet = |at: usize| {
        json!({"SubnetId": format!("subnet-{at:03}"), "VpcId": "vpc-1", "AvailabilityZone": format!("z{}", at % 3),
            "CidrBlock": format!("10.0.{at}.0/24")})
    };
    let host = |at: usize| {
        json!({"NetworkInterfaceId": format!("eni-{at}"), "SubnetId": format!("subnet-{:03}", at / 2), "Status": "in-use",
            "Groups": [{"GroupId": "sg-1"}], "PrivateIpAddresses": [{"PrivateIpAddress":
            format!("10.0.{}.{}", at / 2, 10 + at % 2), "Primary": true}]})
    };
    let public = (0..subnets).step_by(2).map(|at| json!({"SubnetId": format!("subnet-{at:03}")}));
    let local = json!({"DestinationCidrBlock": "10.0.0.0/16", "GatewayId": "local"});
    json!({
        "Vpcs": [{"VpcId": "vpc-1", "CidrBlock": "10.0.0.0/16"}],
        "Subnets": (0..subnets).map(subnet).collect::<Vec<_>>(),
        "NetworkInterfaces": (0..2 * subnets).map(host).collect::<Vec<_>>(),
        "Reservations": [], "NetworkAcls": [{"NetworkAclId": "acl-1", "VpcId": "vpc-1", "IsDefault": true}],
        "SecurityGroups": [{"GroupId": "sg-1", "GroupName": "default", "VpcId": "vpc-1"}],
        "InternetGateways": [{"InternetGatewayId": "igw-1", "Attachments": [{"VpcId": "vpc-1", "State": "available"}]}],
        "RouteTables": [
            {"RouteTableId": "rtb-main", "VpcId": "vpc-1", "Associations": [{"Main": true}], "Routes": [local]},
            {"RouteTableId": "rtb-public", "VpcId": "vpc-1", "Associations": public.collect::<Vec<_>>(),
             "Routes": [local, {"DestinationCidrBlock": "0.0.0.0/0", "GatewayId": "igw-1"}]},
        ],
    })
}

#[test]
fn many_of_a_kind_are_put_together_and_listed_when_asked() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("wide.json");
    std::fs::write(&file, wide(200).to_string()).unwrap();
    let path = file.to_str().unwrap();
    let short = vpcemu(["check", path]);
    assert_eq!(short.code, Some(0), "{}", short.stderr);
    let words = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ");
    for line in [
        "1 VPC, 200 subnets (100 public, 100 isolated), 2 route tables, 1 network ACL, 1 security group, 400 interfaces",
        "100 public 0.0.0.0/0 -> igw-1 z0 rtb-public acl-1 subnet-000 z2 z1",
        "400 interfaces: 400 host; 0 with a public address (-v lists them)",
        "and 96 more public-subnet-without-public (-v lists them)",
    ] {
        assert!(words(&short.stdout).contains(line), "{line}\n{}", short.stdout);
    }
    assert!(short.stdout.lines().count() < 60, "{}", short.stdout);
    let long = vpcemu(["check", "-v", path]);
    assert!(long.stdout.contains("eni-399") && long.stdout.contains("subnet-199"), "{}", long.stdout);
    assert_eq!(long.stdout.matches("[public-subnet-without-public]").count(), 100);
    // Programs get everything.
    let report: Value = serde_json::from_str(&vpcemu(["check", path, "--format", "json"]).stdout).unwrap();
    assert_eq!(report["inventory"]["subnets"].as_array().unwrap().len(), 200);
    assert_eq!(report["findings"].as_array().unwrap().len(), 100);
}

#[test]
fn findings_have_a_code_a_place_and_what_to_do() {
    let ran = vpcemu(["check", "pcaps/three-tier-nacl/config.toml", "--format", "json"]);
    let report: Value = serde_json::from_str(&ran.stdout).unwrap();
    let keys: Vec<&String> = report.as_object().unwrap().keys().collect();
    assert_eq!(keys, ["assumptions", "findings", "ignored", "inventory"]);
    let expected = json!([{
        "code": "no-return-traffic", "severity": "lint", "place": "pcaps/three-tier-nacl/config.toml:66",
        "text": "entry 100 of acl-db lets tcp 5432 in from 10.0.10.0/24 at subnet-db, but no outbound entry allows the \
                 answers: they go to ports 32768-60999",
        "help": "allow outbound tcp 1024-65535 to 10.0.10.0/24",
    }]);
    assert_eq!(report["findings"], expected);
    let subnets = &report["inventory"]["subnets"];
    assert_eq!(
        fields(subnets, &["id", "vpc", "az", "kind", "routes_to"])[0],
        json!(["subnet-web", "vpc-main", "us-east-1a", "public", {"0.0.0.0/0": "igw-igw"}])
    );
    let hosts =
        fields(&report["inventory"]["enis"], &["id", "name", "subnet", "addresses", "public", "security_groups"]);
    assert_eq!(hosts[0], json!(["eni-web", "web", "subnet-web", ["10.0.0.10"], ["203.0.113.30"], ["sg-web"]]));
    // Put right, there is nothing odd.
    for (config, code) in [("config", Some(1)), ("fixed", Some(0))] {
        let ran = vpcemu(["check", "--strict", &format!("pcaps/three-tier-nacl/{config}.toml")]);
        assert_eq!(ran.code, code, "{}", ran.stdout);
    }
    // What was assumed counts as well.
    let ran = vpcemu(["check", "--strict", "crates/import/tests/data/edges"]);
    assert_eq!(ran.code, Some(1), "{}", ran.stdout);
    assert!(ran.stdout.contains("1 assumed, 1 ignored, nothing odd"), "{}", ran.stdout);
}

#[test]
fn subnets_are_what_their_routes_make_them() {
    let subnets = |path: &str| inventory(path)["subnets"].clone();
    let kinds = fields(&subnets("crates/import/tests/data/worked-example"), &["name", "kind"]);
    let expected = [["pub-a", "public"], ["pub-b", "public"], ["priv-a", "private"], ["priv-b", "private"]];
    assert_eq!(kinds, expected.map(|row| json!(row)));
    // A way to another VPC is a way out; a black hole is none.
    let kinds = fields(&subnets("crates/import/tests/data/peering"), &["id", "kind", "routes_to"]);
    assert_eq!(kinds[0], json!(["subnet-a", "private", {"0.0.0.0/0": "nat-gone (blackhole)"}]));
    assert_eq!(kinds[1][1], "private");
}

/// Nothing is found in what people are shown, but what is shown there.
#[test]
fn the_repositorys_configurations_have_the_findings_that_they_should() {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(common::repository().join("pcaps")).unwrap() {
        let folder = entry.unwrap().path();
        for file in ["config.toml", "fixed.toml"].map(|name| folder.join(name)).into_iter().filter(|it| it.exists()) {
            let ran = vpcemu(["check".as_ref(), file.as_os_str(), "--format".as_ref(), "json".as_ref()]);
            let report: Value = serde_json::from_str(&ran.stdout).unwrap();
            found.extend(fields(&report["findings"], &["place", "code"]));
        }
    }
    assert_eq!(found.len(), 1, "{found:?}");
    assert_eq!(found[0][1], "no-return-traffic");
}

/// What is read of a pipe can be read once.
#[cfg(unix)]
#[test]
fn a_pipe_is_read_as_the_file_is() {
    use std::io::Write;

    let piped = |text: &[u8]| {
        let mut child = std::process::Command::new(env!("CARGO_BIN_EXE_vpcemu"))
            .args(["check", "/dev/stdin"])
            .stdin(std::process::Stdio::piped())
            .stdout(std::process::Stdio::piped())
            .stderr(std::process::Stdio::piped())
            .spawn()
            .unwrap();
        let mut stdin = child.stdin.take().unwrap();
        stdin.write_all(text).unwrap();
        drop(stdin);
        let output = child.wait_with_output().unwrap();
        let [stdout, stderr] = [output.stdout, output.stderr].map(|bytes| String::from_utf8(bytes).unwrap());
        (output.status.code(), stdout, stderr)
    };
    for (text, has) in [
        (r#"{"Vpcs": [{"VpcId": "vpc-7", "CidrBlock": "10.0.0.0/16"}]}"#, "vpc-7: 10.0.0.0/16"),
        ("[vpc.main]\ncidrs = [\"10.0.0.0/16\"]\n", "vpc-main: 10.0.0.0/16"),
    ] {
        let (code, stdout, stderr) = piped(text.as_bytes());
        assert_eq!(code, Some(0), "{stderr}");
        assert!(stdout.contains(has), "{stdout}");
    }
    let (code, _, stderr) = piped(b"{\"Vpcs\": [");
    assert_eq!(code, Some(2));
    assert!(stderr.contains("/dev/stdin:1:"), "{stderr}");
}
