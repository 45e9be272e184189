//! A NAT gateway to the public address of an instance of the same VPC (P18): out by the internet gateway, and in again.

use vpcemu_dataplane::DropReason;
use vpcemu_tests::path::{Path, acl, but, each};
use vpcemu_tests::{Lab, syn};

fn text() -> String {
    let network = r#"
[vpc.main]
cidrs = ["10.0.0.0/16"]
[internet_gateway.igw]
[subnet.nat]
cidrs = ["10.0.0.0/24"]
route_table = "nat"
nacl = "nat"
[subnet.private]
cidrs = ["10.0.1.0/24"]
route_table = "private"
nacl = "private"
[subnet.web]
cidrs = ["10.0.2.0/24"]
route_table = "web"
nacl = "web"
[route_table.nat]
routes = [{ to = "0.0.0.0/0", via = "igw" }]
[route_table.private]
routes = [{ to = "0.0.0.0/0", via = "nat" }]
[route_table.web]
routes = [{ to = "0.0.0.0/0", via = "igw" }]
[nat_gateway.nat]
subnet = "nat"
addresses = [{ private = "10.0.0.200", public = "203.0.113.20" }]
[security_group.web]
ingress = [{ proto = "all", from = "203.0.113.20/32" }]
egress = []
[security_group.app]
egress = [{ proto = "all", to = "203.0.113.10/32" }]
[instance.web]
subnet = "web"
addresses = ["10.0.2.10"]
public = "203.0.113.10"
security_groups = ["web"]
[instance.app]
subnet = "private"
addresses = ["10.0.1.10"]
security_groups = ["app"]
"#;
    ["nat", "private", "web"].iter().fold(network.to_owned(), |text, name| text + &acl(name, "main"))
}

const THERE: [&str; 11] = [
    "sg eni-app egress",
    "nacl acl-private egress",
    "route rtb-private",
    "nacl acl-nat ingress",
    "nat nat-nat egress",
    "nacl acl-nat egress",
    "route rtb-nat",
    "igw igw-igw",
    "igw igw-igw",
    "nacl acl-web ingress",
    "sg eni-web ingress",
];
const BACK: [&str; 11] = [
    "sg eni-web egress",
    "nacl acl-web egress",
    "route rtb-web",
    "igw igw-igw",
    "igw igw-igw",
    "nacl acl-nat ingress",
    "nat nat-nat ingress",
    "nacl acl-nat egress",
    "route rtb-nat",
    "nacl acl-private ingress",
    "sg eni-app ingress",
];

fn p18(text: &str) -> Path<'_> {
    Path { text, who: "app", from: "10.0.1.10", to: "203.0.113.10", place: "eni-web", there: &THERE, back: &BACK }
}

/// Public addresses of the other end everywhere, private ones of one's own (7.10).
const CROSSINGS: [(&str, &str, &str, bool); 8] = [
    ("private", "egress", "203.0.113.10/32", false),
    ("nat", "ingress", "10.0.1.0/24", false),
    ("nat", "egress", "203.0.113.10/32", false),
    ("web", "ingress", "203.0.113.20/32", false),
    ("web", "egress", "203.0.113.20/32", true),
    ("nat", "ingress", "203.0.113.10/32", true),
    ("nat", "egress", "10.0.1.0/24", true),
    ("private", "ingress", "203.0.113.10/32", true),
];

#[test]
fn p18_there_and_back() {
    let text = text();
    p18(&text).walk();
    for packet in each("10.0.1.10", "203.0.113.10") {
        let mut lab = Lab::new(&text);
        let sent = lab.leave("app", packet).delivered("eni-web").source("203.0.113.20");
        assert_eq!((sent.headers().dst.to_string().as_str(), sent.headers().ttl), ("10.0.2.10", 63));
        let back = lab.leave("web", sent.reply()).delivered("eni-app").source("203.0.113.10");
        assert_eq!(back.verdict.connection, Some(sent.n));
        assert_eq!((back.headers().dst.to_string().as_str(), back.headers().ttl), ("10.0.1.10", 63));
    }
}

#[test]
fn p18_each_network_acl_check_denies() {
    p18(&text()).denied(&CROSSINGS);
}

#[test]
fn p18_each_other_rule_that_is_taken_away_denies() {
    let text = text();
    let path = p18(&text);
    path.dies("{ proto = \"all\", to = \"203.0.113.10/32\" }", "", DropReason::SecurityGroupEmpty, "eni-app");
    // Neither private address is what a group sees.
    path.dies("to = \"203.0.113.10/32\"", "to = \"10.0.2.10/32\"", DropReason::SecurityGroup, "eni-app");
    path.dies("{ proto = \"all\", from = \"203.0.113.20/32\" }", "", DropReason::SecurityGroupEmpty, "eni-web");
    for seen in ["10.0.0.200/32", "10.0.1.10/32"] {
        path.dies("203.0.113.20/32", seen, DropReason::SecurityGroup, "eni-web");
    }
    path.dies("from = \"203.0.113.20/32\"", "from = \"sg:app\"", DropReason::SecurityGroupReferenceLost, "eni-web");
    path.dies("{ to = \"0.0.0.0/0\", via = \"nat\" }", "", DropReason::NoRoute, "rtb-private");
    let (nat, web) = ("[route_table.nat]\nroutes = [", "[route_table.web]\nroutes = [");
    let igw = "{ to = \"0.0.0.0/0\", via = \"igw\" }";
    path.dies(&format!("{nat}{igw}"), nat, DropReason::NoRoute, "rtb-nat");
    path.reply_dies(&format!("{web}{igw}"), web, DropReason::NoRoute, "rtb-web");
    let addresses = "addresses = [{ private = \"10.0.0.200\"";
    let private = format!("connectivity = \"private\"\n{addresses} }}]");
    let public = format!("{addresses}, public = \"203.0.113.20\" }}]");
    path.dies(&public, &private, DropReason::NoPublicAddress, "igw-igw");
    // Nobody's address is somewhere in the internet.
    let nobody = but(&text, "public = \"203.0.113.10\"\n", "");
    for packet in each("10.0.1.10", "203.0.113.10") {
        Lab::new(&nobody).leave("app", packet).delivered("internet").steps(&THERE[..8]);
    }
    path.dies(
        "subnet = \"nat\"\naddresses",
        "subnet = \"nat\"\navailable = false\naddresses",
        DropReason::BadState,
        "nat-nat",
    );
}

#[test]
fn p18_errors_come_back() {
    let text = text();
    p18(&text).errors();
    p18(&text).errors_denied(false, &CROSSINGS);
}

#[test]
fn p18_block_public_access_denies_on_the_way_out_or_in() {
    let text = text();
    let mode = |mode: &str| but(&text, "[vpc.main]", &format!("[block_public_access]\nmode = \"{mode}\"\n[vpc.main]"));
    let mut lab = Lab::new(&mode("block-bidirectional"));
    let out = lab.leave("app", syn("10.0.1.10:4000", "203.0.113.10:443"));
    out.dropped(DropReason::BlockPublicAccess, "igw-igw").steps(&[&THERE[..7], &["igw igw-igw DENY"]].concat());
    // The NAT gateway may go out; the instance is not to be reached from outside.
    let mut lab = Lab::new(&mode("block-ingress"));
    let into = lab.leave("app", syn("10.0.1.10:4000", "203.0.113.10:443"));
    into.dropped(DropReason::BlockPublicAccess, "igw-igw").steps(&[&THERE[..8], &["igw igw-igw DENY"]].concat());
}
