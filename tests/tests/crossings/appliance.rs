//! An appliance that the internet gateway's own table leads to (P10), and that what it protects leaves by.

use vpcemu_dataplane::DropReason;
use vpcemu_tests::Lab;
use vpcemu_tests::path::{Path, acl, each};

pub fn text() -> String {
    let network = r#"
[vpc.main]
cidrs = ["10.0.0.0/16", "2001:db8:1234:1a00::/56"]
[internet_gateway.igw]
[subnet.fw]
cidrs = ["10.0.2.0/24", "2001:db8:1234:1a02::/64"]
route_table = "fw"
nacl = "fw"
[subnet.web]
cidrs = ["10.0.1.0/24", "2001:db8:1234:1a01::/64"]
route_table = "web"
nacl = "web"
[route_table.fw]
routes = [{ to = "0.0.0.0/0", via = "igw" }, { to = "::/0", via = "igw" }]
[route_table.web]
routes = [{ to = "0.0.0.0/0", via = "fw" }, { to = "::/0", via = "fw" }]
[gateway_route_table.edge]
gateway = "igw"
routes = [{ to = "10.0.1.0/24", via = "fw" }, { to = "2001:db8:1234:1a01::/64", via = "fw" }]
[security_group.fw]
ingress = [{ proto = "all", from = "198.51.100.0/24" }, { proto = "all", from = "2001:db8:ffff::/48" }]
egress = [{ proto = "all", to = "10.0.1.0/24" }, { proto = "all", to = "2001:db8:1234:1a01::/64" }]
[security_group.web]
ingress = [{ proto = "all", from = "198.51.100.0/24" }, { proto = "all", from = "2001:db8:ffff::/48" }]
egress = []
[instance.fw]
subnet = "fw"
addresses = ["10.0.2.10", "2001:db8:1234:1a02::10"]
public = "203.0.113.20"
security_groups = ["fw"]
source_dest_check = false
forward = "appliance"
[instance.web]
subnet = "web"
addresses = ["10.0.1.10", "2001:db8:1234:1a01::10"]
public = "203.0.113.10"
security_groups = ["web"]
"#;
    ["fw", "web"].iter().fold(network.to_owned(), |text, name| text + &acl(name, "main"))
}

const IN: [&str; 10] = [
    "igw igw-igw",
    "route rtb-edge",
    "nacl acl-fw ingress",
    "sg eni-fw ingress",
    "forward eni-fw",
    "sg eni-fw egress",
    "nacl acl-fw egress",
    "route rtb-fw",
    "nacl acl-web ingress",
    "sg eni-web ingress",
];
const OUT: [&str; 10] = [
    "sg eni-web egress",
    "nacl acl-web egress",
    "route rtb-web",
    "nacl acl-fw ingress",
    "sg eni-fw ingress",
    "forward eni-fw",
    "sg eni-fw egress",
    "nacl acl-fw egress",
    "route rtb-fw",
    "igw igw-igw",
];
const REMOTE: &str = "198.51.100.7";
const REMOTE_V6: &str = "2001:db8:ffff::7";
const WEB_V6: &str = "2001:db8:1234:1a01::10";

fn p10(text: &str) -> Path<'_> {
    Path { text, who: "internet", from: REMOTE, to: "203.0.113.10", place: "eni-web", there: &IN, back: &OUT }
}

fn p10_v6(text: &str) -> Path<'_> {
    Path { from: REMOTE_V6, to: WEB_V6, ..p10(text) }
}

/// Every check in and out, by the blocks that it sees: private addresses of the web server (7.10).
const CROSSINGS: [(&str, &str, &str, bool); 6] = [
    ("fw", "ingress", "198.51.100.0/24", false),
    ("fw", "egress", "10.0.1.0/24", false),
    ("web", "ingress", "198.51.100.0/24", false),
    ("web", "egress", "198.51.100.0/24", true),
    ("fw", "ingress", "10.0.1.0/24", true),
    ("fw", "egress", "198.51.100.0/24", true),
];
const CROSSINGS_V6: [(&str, &str, &str, bool); 6] = [
    ("fw", "ingress", "2001:db8:ffff::/48", false),
    ("fw", "egress", "2001:db8:1234:1a01::/64", false),
    ("web", "ingress", "2001:db8:ffff::/48", false),
    ("web", "egress", "2001:db8:ffff::/48", true),
    ("fw", "ingress", "2001:db8:1234:1a01::/64", true),
    ("fw", "egress", "2001:db8:ffff::/48", true),
];

#[test]
fn p10_in_and_back_out() {
    let text = text();
    p10(&text).walk();
    p10_v6(&text).walk();
    for (from, to, seen) in [(REMOTE, "203.0.113.10", "10.0.1.10"), (REMOTE_V6, WEB_V6, WEB_V6)] {
        for packet in each(from, to) {
            let mut lab = Lab::new(&text);
            let sent = lab.arrive(packet).delivered("eni-web").source(from);
            assert_eq!((sent.headers().dst.to_string(), sent.headers().ttl), (seen.to_owned(), 63));
            let back = lab.leave("web", sent.reply()).delivered("internet").source(to);
            assert_eq!(back.headers().ttl, 63);
        }
    }
}

#[test]
fn p10_each_network_acl_check_denies() {
    let text = text();
    p10(&text).denied(&CROSSINGS);
    p10_v6(&text).denied(&CROSSINGS_V6);
}

#[test]
fn p10_each_other_rule_that_is_taken_away_denies() {
    let text = text();
    let path = p10(&text);
    let from = "ingress = [{ proto = \"all\", from = \"198.51.100.0/24\" }, ";
    let group = |name: &str, rules: &str| format!("[security_group.{name}]\n{rules}");
    path.dies(&group("fw", from), &group("fw", "ingress = ["), DropReason::SecurityGroup, "eni-fw");
    path.dies(&group("web", from), &group("web", "ingress = ["), DropReason::SecurityGroup, "eni-web");
    path.dies(
        "egress = [{ proto = \"all\", to = \"10.0.1.0/24\" }, ",
        "egress = [",
        DropReason::SecurityGroup,
        "eni-fw",
    );
    path.dies("source_dest_check = false\nforward = \"appliance\"\n", "", DropReason::SourceDestCheck, "eni-fw");
    path.dies("public = \"203.0.113.20\"\n", "", DropReason::EdgeNoPublic, "rtb-edge");
    path.dies("public = \"203.0.113.10\"\n", "", DropReason::NoSuchPublicAddress, "igw-igw");
    path.dies(
        "{ to = \"10.0.1.0/24\", via = \"fw\" }",
        "{ to = \"10.0.1.0/24\", via = \"blackhole\" }",
        DropReason::Blackhole,
        "rtb-edge",
    );
    path.reply_dies("{ to = \"0.0.0.0/0\", via = \"fw\" }, ", "", DropReason::NoRoute, "rtb-web");
    path.reply_dies("{ to = \"0.0.0.0/0\", via = \"igw\" }, ", "", DropReason::NoRoute, "rtb-fw");
    // What comes in by the appliance does not leave without it (2.17).
    path.reply_dies(
        "{ to = \"0.0.0.0/0\", via = \"fw\" }",
        "{ to = \"0.0.0.0/0\", via = \"igw\" }",
        DropReason::EdgeRedirected,
        "rtb-edge",
    );
    let blocked = |mode: &str| format!("[block_public_access]\nmode = \"{mode}\"\n[vpc.main]");
    for mode in ["block-bidirectional", "block-ingress"] {
        path.dies("[vpc.main]", &blocked(mode), DropReason::BlockPublicAccess, "igw-igw");
    }
}

#[test]
fn p10_each_other_rule_that_is_taken_away_denies_ipv6() {
    let text = text();
    let path = p10_v6(&text);
    let group =
        |name: &str| format!("[security_group.{name}]\ningress = [{{ proto = \"all\", from = \"198.51.100.0/24\" }}, ");
    let rule = "{ proto = \"all\", from = \"2001:db8:ffff::/48\" }";
    for (name, at) in [("fw", "eni-fw"), ("web", "eni-web")] {
        path.dies(&format!("{}{rule}", group(name)), &group(name), DropReason::SecurityGroup, at);
    }
    path.dies(", { proto = \"all\", to = \"2001:db8:1234:1a01::/64\" }", "", DropReason::SecurityGroup, "eni-fw");
    path.dies("source_dest_check = false\nforward = \"appliance\"\n", "", DropReason::SourceDestCheck, "eni-fw");
    path.reply_dies(", { to = \"::/0\", via = \"fw\" }", "", DropReason::NoRoute, "rtb-web");
    path.reply_dies(", { to = \"::/0\", via = \"igw\" }", "", DropReason::NoRoute, "rtb-fw");
    path.reply_dies(
        "{ to = \"::/0\", via = \"fw\" }",
        "{ to = \"::/0\", via = \"igw\" }",
        DropReason::EdgeRedirected,
        "rtb-edge",
    );
    // The server needs no public address, its own is one.
    path.passes("public = \"203.0.113.10\"\n", "");
}

#[test]
fn p10_errors_come_back() {
    let text = text();
    p10(&text).errors();
    p10(&text).errors_denied(false, &CROSSINGS);
    p10(&text).errors_denied(
        true,
        &[
            ("fw", "ingress", "192.0.2.0/24", false),
            ("fw", "egress", "10.0.1.0/24", false),
            ("web", "ingress", "192.0.2.0/24", false),
        ],
    );
    p10_v6(&text).errors();
    p10_v6(&text).errors_denied(false, &CROSSINGS_V6);
}
