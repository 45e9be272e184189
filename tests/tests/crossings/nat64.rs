//! NAT64 at a NAT gateway (P15): IPv6 up to the gateway, IPv4 behind it, and network ACL entries of the family of each
//! leg (4.34).

use vpcemu_dataplane::DropReason;
use vpcemu_tests::Lab;
use vpcemu_tests::path::{Path, acl, denying, each};

pub fn text() -> String {
    let network = r#"
[vpc.main]
cidrs = ["10.0.0.0/16", "2001:db8:1234:1a00::/56"]
[internet_gateway.igw]
[subnet.public]
cidrs = ["10.0.0.0/24"]
route_table = "public"
nacl = "public"
[subnet.six]
cidrs = ["2001:db8:1234:1a01::/64"]
route_table = "six"
nacl = "six"
[route_table.public]
routes = [{ to = "0.0.0.0/0", via = "igw" }]
[route_table.six]
routes = [{ to = "64:ff9b::/96", via = "nat" }]
[nat_gateway.nat]
subnet = "public"
addresses = [{ private = "10.0.0.200", public = "203.0.113.20" }]
[security_group.six]
egress = [{ proto = "all", to = "64:ff9b::/96" }]
[instance.six]
subnet = "six"
addresses = ["2001:db8:1234:1a01::10"]
security_groups = ["six"]
"#;
    ["public", "six"].iter().fold(network.to_owned(), |text, name| text + &acl(name, "main"))
}

const THERE: [&str; 8] = [
    "sg eni-six egress",
    "nacl acl-six egress",
    "route rtb-six",
    "nacl acl-public ingress",
    "nat nat-nat egress",
    "nacl acl-public egress",
    "route rtb-public",
    "igw igw-igw",
];
const BACK: [&str; 7] = [
    "igw igw-igw",
    "nacl acl-public ingress",
    "nat nat-nat ingress",
    "nacl acl-public egress",
    "route rtb-public",
    "nacl acl-six ingress",
    "sg eni-six ingress",
];
const CLIENT: &str = "2001:db8:1234:1a01::10";
const SERVER: &str = "64:ff9b::198.51.100.7";

fn p15(text: &str) -> Path<'_> {
    Path { text, who: "six", from: CLIENT, to: SERVER, place: "internet", there: &THERE, back: &BACK }
}

const CROSSINGS: [(&str, &str, &str, bool); 6] = [
    ("six", "egress", "64:ff9b::/96", false),
    ("public", "ingress", "2001:db8:1234:1a01::/64", false),
    ("public", "egress", "198.51.100.0/24", false),
    ("public", "ingress", "198.51.100.0/24", true),
    ("public", "egress", "2001:db8:1234:1a01::/64", true),
    ("six", "ingress", "64:ff9b::/96", true),
];

#[test]
fn p15_there_and_back() {
    let text = text();
    p15(&text).walk();
    for packet in each(CLIENT, SERVER) {
        let mut lab = Lab::new(&text);
        let sent = lab.leave("six", packet).delivered("internet").source("203.0.113.20");
        assert_eq!(sent.headers().dst.to_string(), "198.51.100.7");
        let back = lab.arrive(sent.reply()).delivered("eni-six").source(SERVER);
        assert_eq!(back.headers().dst.to_string(), CLIENT);
    }
}

#[test]
fn p15_each_network_acl_check_denies() {
    p15(&text()).denied(&CROSSINGS);
}

#[test]
fn p15_entries_of_the_other_family_judge_nothing() {
    let text = text();
    let other = [
        ("six", "egress", "198.51.100.0/24"),
        ("public", "ingress", "64:ff9b::/96"),
        ("public", "egress", "64:ff9b::/96"),
        ("six", "ingress", "198.51.100.0/24"),
    ];
    for (acl, list, block) in other {
        let text = denying(&text, acl, list, "all", block);
        p15(&text).walk();
    }
}

#[test]
fn p15_each_other_rule_that_is_taken_away_denies() {
    let text = text();
    let path = p15(&text);
    path.dies("{ proto = \"all\", to = \"64:ff9b::/96\" }", "", DropReason::SecurityGroupEmpty, "eni-six");
    path.dies(
        "to = \"64:ff9b::/96\" }]\n[instance",
        "to = \"0.0.0.0/0\" }]\n[instance",
        DropReason::SecurityGroup,
        "eni-six",
    );
    path.dies("{ to = \"64:ff9b::/96\", via = \"nat\" }", "", DropReason::NoRoute, "rtb-six");
    path.dies("{ to = \"0.0.0.0/0\", via = \"igw\" }", "", DropReason::NoRoute, "rtb-public");
    let addresses = "addresses = [{ private = \"10.0.0.200\"";
    let private = format!("connectivity = \"private\"\n{addresses} }}]");
    let public = format!("{addresses}, public = \"203.0.113.20\" }}]");
    path.dies(&public, &private, DropReason::NoPublicAddress, "igw-igw");
    path.dies(
        "subnet = \"public\"\naddresses",
        "subnet = \"public\"\navailable = false\naddresses",
        DropReason::BadState,
        "nat-nat",
    );
}

#[test]
fn p15_errors_come_back_in_the_clients_family() {
    let text = text();
    let path = p15(&text);
    path.errors();
    path.errors_denied(false, &CROSSINGS);
    path.errors_denied(
        true,
        &[
            ("public", "ingress", "192.0.2.0/24", true),
            ("public", "egress", "2001:db8:1234:1a01::/64", true),
            ("six", "ingress", "64:ff9b::192.0.2.0/120", true),
        ],
    );
}
