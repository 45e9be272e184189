//! A regional NAT gateway (P3r): in no subnet, so that no network ACL stands at it, and by its own table (4.4, 2.14).

use vpcemu_dataplane::DropReason;
use vpcemu_tests::path::{Path, acl, but};
use vpcemu_tests::{Lab, syn};

pub fn text() -> String {
    let network = r#"
[vpc.main]
cidrs = ["10.0.0.0/16"]
[internet_gateway.igw]
[subnet.private]
cidrs = ["10.0.1.0/24"]
az = "a"
route_table = "private"
nacl = "private"
[subnet.beside]
cidrs = ["10.0.2.0/24"]
nacl = "beside"
[route_table.private]
routes = [{ to = "0.0.0.0/0", via = "nat" }]
[route_table.nat]
routes = [{ to = "0.0.0.0/0", via = "igw" }]
[nat_gateway.nat]
mode = "regional"
route_table = "nat"
addresses = [{ public = "203.0.113.20", az = "a" }]
[security_group.app]
egress = [{ proto = "all", to = "198.51.100.0/24" }]
[security_group.open]
ingress = [{ proto = "all", from = "0.0.0.0/0" }]
[instance.app]
subnet = "private"
addresses = ["10.0.1.10"]
security_groups = ["app"]
[instance.firewall]
subnet = "beside"
addresses = ["10.0.2.10"]
security_groups = ["open"]
source_dest_check = false
forward = "appliance"
"#;
    ["private", "beside"].iter().fold(network.to_owned(), |text, name| text + &acl(name, "main"))
}

const THERE: [&str; 6] = [
    "sg eni-app egress",
    "nacl acl-private egress",
    "route rtb-private",
    "nat nat-nat egress",
    "route rtb-nat",
    "igw igw-igw",
];
const BACK: [&str; 5] =
    ["igw igw-igw", "nat nat-nat ingress", "route rtb-nat", "nacl acl-private ingress", "sg eni-app ingress"];

fn p3r(text: &str) -> Path<'_> {
    Path { text, who: "app", from: "10.0.1.10", to: "198.51.100.7", place: "internet", there: &THERE, back: &BACK }
}

#[test]
fn p3r_there_and_back() {
    let text = text();
    p3r(&text).walk();
    let mut lab = Lab::new(&text);
    let sent = lab.leave("app", syn("10.0.1.10:4000", "198.51.100.7:443")).delivered("internet").source("203.0.113.20");
    assert_eq!(sent.headers().ttl, 63);
    let back = lab.arrive(sent.reply()).delivered("eni-app").destination("10.0.1.10:4000");
    assert_eq!(back.headers().ttl, 63);
}

#[test]
fn p3r_each_rule_that_is_taken_away_denies() {
    let text = text();
    let path = p3r(&text);
    path.denied(&[("private", "egress", "198.51.100.0/24", false), ("private", "ingress", "198.51.100.0/24", true)]);
    path.dies(
        "egress = [{ proto = \"all\", to = \"198.51.100.0/24\" }]",
        "egress = []",
        DropReason::SecurityGroupEmpty,
        "eni-app",
    );
    path.dies("to = \"198.51.100.0/24\" }]", "to = \"192.0.2.0/24\" }]", DropReason::SecurityGroup, "eni-app");
    path.dies("{ to = \"0.0.0.0/0\", via = \"nat\" }", "", DropReason::NoRoute, "rtb-private");
    path.dies("{ to = \"0.0.0.0/0\", via = \"igw\" }", "", DropReason::NoRoute, "rtb-nat");
    path.dies("mode = \"regional\"", "mode = \"regional\"\navailable = false", DropReason::BadState, "nat-nat");
    path.dies(
        "[vpc.main]",
        "[block_public_access]\nmode = \"block-bidirectional\"\n[vpc.main]",
        DropReason::BlockPublicAccess,
        "igw-igw",
    );
    path.passes("[vpc.main]", "[block_public_access]\nmode = \"block-ingress\"\n[vpc.main]");
    // It has no address in the client's zone: another zone's serves, but where a knob says otherwise.
    path.passes("az = \"a\" }]", "az = \"b\" }]");
    let strict = but(&text, "[vpc.main]", "[behavior.nat_gateway]\nstrict_az = true\n[vpc.main]");
    p3r(&strict).dies("az = \"a\" }]", "az = \"b\" }]", DropReason::RegionalZone, "nat-nat");
}

#[test]
fn p3r_errors_come_back() {
    let text = text();
    let path = p3r(&text);
    path.errors();
    path.errors_denied(
        false,
        &[("private", "egress", "198.51.100.0/24", false), ("private", "ingress", "198.51.100.0/24", true)],
    );
    path.errors_denied(true, &[("private", "ingress", "192.0.2.0/24", true)]);
}

#[test]
fn its_own_table_may_lead_back_through_an_appliance() {
    // More specific than local (2.6).
    let text = but(
        &text(),
        "[route_table.nat]\nroutes = [",
        "[route_table.nat]\nroutes = [{ to = \"10.0.1.0/24\", via = \"firewall\" }, ",
    );
    let mut lab = Lab::new(&text);
    let sent = lab.leave("app", syn("10.0.1.10:4000", "198.51.100.7:443")).delivered("internet");
    lab.arrive(sent.reply()).delivered("eni-app").steps(&[
        "igw igw-igw",
        "nat nat-nat ingress",
        "route rtb-nat",
        "nacl acl-beside ingress",
        "sg eni-firewall ingress",
        "forward eni-firewall",
        "sg eni-firewall egress",
        "nacl acl-beside egress",
        "route rtb-main-main",
        "nacl acl-private ingress",
        "sg eni-app ingress",
    ]);
}
