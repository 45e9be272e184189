//! A NAT instance (P6): security groups on both of its legs, and a hop for the kernel.

use vpcemu_dataplane::DropReason;
use vpcemu_tests::path::{Path, acl, but, error_about};
use vpcemu_tests::{Lab, syn};

/// The groups let in and out what the path needs, and nothing else.
pub fn text() -> String {
    let network = r#"
[vpc.main]
cidrs = ["10.0.0.0/16", "2001:db8:1234:1a00::/56"]
[internet_gateway.igw]
[subnet.public]
cidrs = ["10.0.0.0/24", "2001:db8:1234:1a00::/64"]
route_table = "public"
nacl = "public"
[subnet.private]
cidrs = ["10.0.1.0/24", "2001:db8:1234:1a01::/64"]
route_table = "private"
nacl = "private"
[route_table.public]
routes = [{ to = "0.0.0.0/0", via = "igw" }, { to = "::/0", via = "igw" }]
[route_table.private]
routes = [{ to = "0.0.0.0/0", via = "box" }, { to = "::/0", via = "box" }]
[security_group.box]
ingress = [{ proto = "all", from = "sg:app" }]
egress = [{ proto = "all", to = "198.51.100.0/24" }, { proto = "all", to = "2001:db8:ffff::/48" }]
[security_group.app]
egress = [{ proto = "all", to = "198.51.100.0/24" }, { proto = "all", to = "2001:db8:ffff::/48" }]
[instance.box]
subnet = "public"
addresses = ["10.0.0.5", "2001:db8:1234:1a00::5"]
public = "203.0.113.5"
security_groups = ["box"]
source_dest_check = false
forward = "nat-instance"
[instance.app]
subnet = "private"
addresses = ["10.0.1.10", "2001:db8:1234:1a01::10"]
security_groups = ["app"]
"#;
    ["public", "private"].iter().fold(network.to_owned(), |text, name| text + &acl(name, "main"))
}

const THERE: [&str; 10] = [
    "sg eni-app egress",
    "nacl acl-private egress",
    "route rtb-private",
    "nacl acl-public ingress",
    "sg eni-box ingress",
    "nat eni-box",
    "sg eni-box egress",
    "nacl acl-public egress",
    "route rtb-public",
    "igw igw-igw",
];
const BACK: [&str; 9] = [
    "igw igw-igw",
    "nacl acl-public ingress",
    "sg eni-box ingress",
    "nat eni-box",
    "sg eni-box egress",
    "nacl acl-public egress",
    "route rtb-public",
    "nacl acl-private ingress",
    "sg eni-app ingress",
];

fn p6(text: &str) -> Path<'_> {
    Path { text, who: "app", from: "10.0.1.10", to: "198.51.100.7", place: "internet", there: &THERE, back: &BACK }
}

/// Every check there and back, by the blocks that it sees.
const CROSSINGS: [(&str, &str, &str, bool); 6] = [
    ("private", "egress", "198.51.100.0/24", false),
    ("public", "ingress", "10.0.1.0/24", false),
    ("public", "egress", "198.51.100.0/24", false),
    ("public", "ingress", "198.51.100.0/24", true),
    ("public", "egress", "10.0.1.0/24", true),
    ("private", "ingress", "198.51.100.0/24", true),
];

#[test]
fn p6_there_and_back() {
    let text = text();
    p6(&text).walk();
    let mut lab = Lab::new(&text);
    let sent = lab.leave("app", syn("10.0.1.10:4000", "198.51.100.7:443")).delivered("internet").source("203.0.113.5");
    assert_eq!(sent.headers().ttl, 63);
    let back = lab.arrive(sent.reply()).delivered("eni-app").destination("10.0.1.10:4000").source("198.51.100.7");
    assert_eq!(back.headers().ttl, 63);
}

#[test]
fn p6_each_network_acl_check_denies() {
    p6(&text()).denied(&CROSSINGS);
}

#[test]
fn p6_each_other_rule_that_is_taken_away_denies() {
    let text = text();
    let path = p6(&text);
    let app = "[security_group.app]\negress = [{ proto = \"all\", to = \"198.51.100.0/24\" }, ";
    path.dies(app, "[security_group.app]\negress = [", DropReason::SecurityGroup, "eni-app");
    path.dies("{ proto = \"all\", from = \"sg:app\" }", "", DropReason::SecurityGroupEmpty, "eni-box");
    // What the group judges has the remote's address already, and the client's (11.2).
    path.passes("from = \"sg:app\"", "from = \"10.0.1.0/24\"");
    path.dies("from = \"sg:app\"", "from = \"198.51.100.0/24\"", DropReason::SecurityGroup, "eni-box");
    let box_out = "egress = [{ proto = \"all\", to = \"198.51.100.0/24\" }, ";
    path.dies(box_out, "egress = [", DropReason::SecurityGroup, "eni-box");
    path.dies("source_dest_check = false\nforward = \"nat-instance\"\n", "", DropReason::SourceDestCheck, "eni-box");
    path.dies("public = \"203.0.113.5\"\n", "", DropReason::NoPublicAddress, "igw-igw");
    path.dies("{ to = \"0.0.0.0/0\", via = \"box\" }, ", "", DropReason::NoRoute, "rtb-private");
    path.dies("{ to = \"0.0.0.0/0\", via = \"igw\" }, ", "", DropReason::NoRoute, "rtb-public");
    // An instance that only routes gives away no address, and the internet gateway has none for the client's (11.6).
    path.dies("\"nat-instance\"", "\"appliance\"", DropReason::NoPublicAddress, "igw-igw");
    let blocked = |mode: &str| format!("[block_public_access]\nmode = \"{mode}\"\n[vpc.main]");
    for mode in ["block-bidirectional", "block-ingress"] {
        path.dies("[vpc.main]", &blocked(mode), DropReason::BlockPublicAccess, "igw-igw");
    }
}

#[test]
fn p6_ipv6_is_routed_on_the_same_way() {
    let text = text();
    let steps =
        |way: &[&str]| way.iter().map(|step| step.replace("nat eni-box", "forward eni-box")).collect::<Vec<_>>();
    let (there, back) = (steps(&THERE), steps(&BACK));
    let (there, back) =
        (there.iter().map(String::as_str).collect::<Vec<_>>(), back.iter().map(String::as_str).collect::<Vec<_>>());
    // Nothing leads an answer to the instance, but for an edge table.
    let edge = "[gateway_route_table.edge]\ngateway = \"igw\"\n\
                routes = [{ to = \"2001:db8:1234:1a01::/64\", via = \"box\" }]\n";
    let led = format!("{text}{edge}");
    let mut back = back;
    back.insert(1, "route rtb-edge");
    let path = Path { from: "2001:db8:1234:1a01::10", to: "2001:db8:ffff::7", there: &there, back: &back, ..p6(&led) };
    path.walk();
    path.errors();
    path.denied(&[
        ("private", "egress", "2001:db8:ffff::/48", false),
        ("public", "ingress", "2001:db8:1234:1a01::/64", false),
        ("public", "egress", "2001:db8:ffff::/48", false),
        ("public", "ingress", "2001:db8:ffff::/48", true),
        ("public", "egress", "2001:db8:1234:1a01::/64", true),
        ("private", "ingress", "2001:db8:ffff::/48", true),
    ]);
    // Without it the client's group gets what its own entry knows.
    let direct = ["igw igw-igw", "nacl acl-private ingress", "sg eni-app ingress"];
    Path { text: &text, back: &direct, ..path }.walk();
}

#[test]
fn p6_errors_come_back() {
    let text = text();
    let path = p6(&text);
    path.errors();
    path.errors_denied(false, &CROSSINGS);
    path.errors_denied(
        true,
        &[
            ("public", "ingress", "192.0.2.0/24", true),
            ("public", "egress", "10.0.1.0/24", true),
            ("private", "ingress", "192.0.2.0/24", true),
        ],
    );
    // Where groups have no state for errors, the box's is the first to deny.
    let strict = but(&text, "[vpc.main]", "[behavior.security_group]\nicmp_related = false\n[vpc.main]");
    let mut lab = Lab::new(&strict);
    let sent = lab.leave("app", syn("10.0.1.10:4000", "198.51.100.7:443")).delivered("internet");
    let error = error_about(&sent.bytes, None);
    lab.arrive(error).dropped(DropReason::SecurityGroup, "eni-box");
}
