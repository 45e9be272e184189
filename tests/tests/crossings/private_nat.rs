//! A NAT gateway towards on-premises (P16): the far side sees its private address (4.3), by a transit gateway or by a
//! virtual private gateway. That over a peering connection is among the tests of peering.

use vpcemu_dataplane::DropReason;
use vpcemu_tests::path::{Denying, Path, acl, but, each};
use vpcemu_tests::{Lab, syn};

/// A client, a private NAT gateway, and two VPCs at a transit gateway, which has a VPN too.
pub fn transit() -> String {
    let network = r#"
[vpc.a]
cidrs = ["10.0.0.0/16"]
[vpc.b]
cidrs = ["10.1.0.0/16"]
[transit_gateway.hub.attachment.a]
subnets = ["a-tgw"]
[transit_gateway.hub.attachment.b]
subnets = ["b-tgw"]
[transit_gateway.hub.attachment.onprem]
type = "vpn"
prefixes = ["192.168.0.0/16"]
[subnet.a]
vpc = "a"
cidrs = ["10.0.0.0/24"]
route_table = "a"
nacl = "a"
[subnet.a-nat]
vpc = "a"
cidrs = ["10.0.9.0/24"]
route_table = "a-nat"
nacl = "a-nat"
[subnet.a-tgw]
vpc = "a"
cidrs = ["10.0.8.0/24"]
route_table = "a-tgw"
nacl = "a-tgw"
[subnet.b]
vpc = "b"
cidrs = ["10.1.0.0/24"]
route_table = "b"
nacl = "b"
[subnet.b-tgw]
vpc = "b"
cidrs = ["10.1.8.0/24"]
route_table = "b-tgw"
nacl = "b-tgw"
[route_table.a]
vpc = "a"
routes = [{ to = "10.1.0.0/16", via = "nat" }, { to = "192.168.0.0/16", via = "nat" }]
[route_table.a-nat]
vpc = "a"
routes = [{ to = "10.1.0.0/16", via = "hub" }, { to = "192.168.0.0/16", via = "hub" }]
[route_table.a-tgw]
vpc = "a"
[route_table.b]
vpc = "b"
routes = [{ to = "10.0.9.0/24", via = "hub" }]
[route_table.b-tgw]
vpc = "b"
[nat_gateway.nat]
subnet = "a-nat"
connectivity = "private"
addresses = [{ private = "10.0.9.200" }]
[security_group.client]
vpc = "a"
egress = [{ proto = "all", to = "10.1.0.0/16" }, { proto = "all", to = "192.168.0.0/16" }]
[security_group.server]
vpc = "b"
ingress = [{ proto = "all", from = "10.0.9.200/32" }]
[instance.client]
subnet = "a"
addresses = ["10.0.0.10"]
security_groups = ["client"]
[instance.server]
subnet = "b"
addresses = ["10.1.0.20"]
security_groups = ["server"]
"#;
    let acls = [("a", "a"), ("a-nat", "a"), ("a-tgw", "a"), ("b", "b"), ("b-tgw", "b")];
    acls.iter().fold(network.to_owned(), |text, (name, vpc)| text + &acl(name, vpc))
}

/// The same client and NAT gateway, and a virtual private gateway.
fn vpn() -> String {
    let network = r#"
[vpc.a]
cidrs = ["10.0.0.0/16"]
[vpn_gateway.onprem]
prefixes = ["192.168.0.0/16"]
propagate_to = ["a-nat"]
[subnet.a]
cidrs = ["10.0.0.0/24"]
route_table = "a"
nacl = "a"
[subnet.a-nat]
cidrs = ["10.0.9.0/24"]
route_table = "a-nat"
nacl = "a-nat"
[route_table.a]
routes = [{ to = "192.168.0.0/16", via = "nat" }]
[route_table.a-nat]
routes = []
[nat_gateway.nat]
subnet = "a-nat"
connectivity = "private"
addresses = [{ private = "10.0.9.200" }]
[security_group.client]
egress = [{ proto = "all", to = "192.168.0.0/16" }]
[instance.client]
subnet = "a"
addresses = ["10.0.0.10"]
security_groups = ["client"]
"#;
    ["a", "a-nat"].iter().fold(network.to_owned(), |text, name| text + &acl(name, "a"))
}

/// What is the same on all of these ways.
const TO_NAT: [&str; 7] = [
    "sg eni-client egress",
    "nacl acl-a egress",
    "route rtb-a",
    "nacl acl-a-nat ingress",
    "nat nat-nat egress",
    "nacl acl-a-nat egress",
    "route rtb-a-nat",
];
const FROM_NAT: [&str; 6] = [
    "nacl acl-a-nat ingress",
    "nat nat-nat ingress",
    "nacl acl-a-nat egress",
    "route rtb-a-nat",
    "nacl acl-a ingress",
    "sg eni-client ingress",
];

fn there(onward: &[&'static str]) -> Vec<&'static str> {
    [&TO_NAT[..], onward].concat()
}

fn back(until: &[&'static str]) -> Vec<&'static str> {
    [until, &FROM_NAT[..]].concat()
}

/// The six checks in front of the gateway and at it, for remotes in a block.
fn crossings(remotes: &str) -> [Denying<'_>; 6] {
    [
        ("a", "egress", remotes, false),
        ("a-nat", "ingress", "10.0.0.0/24", false),
        ("a-nat", "egress", remotes, false),
        ("a-nat", "ingress", remotes, true),
        ("a-nat", "egress", "10.0.0.0/24", true),
        ("a", "ingress", remotes, true),
    ]
}

const SERVER: &str = "10.1.0.20";
const ON_PREMISES: &str = "192.168.1.1";
const INTO_VPC: [&str; 7] = [
    "nacl acl-a-tgw ingress",
    "route tgw-rtb-hub",
    "tgw tgw-hub",
    "nacl acl-b-tgw egress",
    "route rtb-b-tgw",
    "nacl acl-b ingress",
    "sg eni-server ingress",
];
const OUT_OF_VPC: [&str; 8] = [
    "sg eni-server egress",
    "nacl acl-b egress",
    "route rtb-b",
    "nacl acl-b-tgw ingress",
    "route tgw-rtb-hub",
    "tgw tgw-hub",
    "nacl acl-a-tgw egress",
    "route rtb-a-tgw",
];
/// What the transit gateway's own crossings see: never the client, always the NAT gateway.
const AT_TRANSIT: [Denying<'_>; 8] = [
    ("a-tgw", "ingress", "10.0.9.200/32", false),
    ("b-tgw", "egress", "10.1.0.0/24", false),
    ("b", "ingress", "10.0.9.200/32", false),
    ("b", "egress", "10.0.9.200/32", true),
    ("b-tgw", "ingress", "10.1.0.0/24", true),
    ("a-tgw", "egress", "10.0.9.200/32", true),
    // The subnet's own list, once more, by the very address.
    ("a-nat", "ingress", "10.1.0.20/32", true),
    ("a-nat", "egress", "10.1.0.20/32", false),
];

#[test]
fn p16_by_a_transit_gateway_to_another_vpc() {
    let text = transit();
    let (there, back) = (there(&INTO_VPC), back(&OUT_OF_VPC));
    let path = Path {
        text: &text,
        who: "client",
        from: "10.0.0.10",
        to: SERVER,
        place: "eni-server",
        there: &there,
        back: &back,
    };
    path.walk();
    path.errors();
    let crossings = [&crossings("10.1.0.0/16")[..], &AT_TRANSIT].concat();
    path.denied(&crossings);
    path.errors_denied(false, &crossings);
    for packet in each("10.0.0.10", SERVER) {
        Lab::new(&text).leave("client", packet).delivered("eni-server").source("10.0.9.200");
    }
}

#[test]
fn p16_each_rule_of_the_transit_gateway_denies() {
    let text = transit();
    let (there, back) = (there(&INTO_VPC), back(&OUT_OF_VPC));
    let path = Path {
        text: &text,
        who: "client",
        from: "10.0.0.10",
        to: SERVER,
        place: "eni-server",
        there: &there,
        back: &back,
    };
    path.dies("{ proto = \"all\", to = \"10.1.0.0/16\" }, ", "", DropReason::SecurityGroup, "eni-client");
    path.dies("{ to = \"10.1.0.0/16\", via = \"nat\" }, ", "", DropReason::NoRoute, "rtb-a");
    path.dies("{ to = \"10.1.0.0/16\", via = \"hub\" }, ", "", DropReason::NoRoute, "rtb-a-nat");
    path.dies("from = \"10.0.9.200/32\"", "from = \"10.0.0.10/32\"", DropReason::SecurityGroup, "eni-server");
    path.dies("{ proto = \"all\", from = \"10.0.9.200/32\" }", "", DropReason::SecurityGroupEmpty, "eni-server");
    path.reply_dies("{ to = \"10.0.9.0/24\", via = \"hub\" }", "", DropReason::NoRoute, "rtb-b");
    let attached = |to: &str| format!("subnets = [\"{to}\"]\n");
    for (name, subnet) in [("a", "a-tgw"), ("b", "b-tgw")] {
        let unattached = format!("{}available = false\n", attached(subnet));
        path.dies(&attached(subnet), &unattached, DropReason::BadStateAttachment, &format!("tgw-attach-{name}"));
    }
    path.dies(
        "connectivity = \"private\"\n",
        "connectivity = \"private\"\navailable = false\n",
        DropReason::BadState,
        "nat-nat",
    );
}

#[test]
fn p16_by_a_transit_gateway_to_on_premises() {
    let text = transit();
    let (there, back) = (
        there(&["nacl acl-a-tgw ingress", "route tgw-rtb-hub", "tgw tgw-hub"]),
        back(&["route tgw-rtb-hub", "tgw tgw-hub", "nacl acl-a-tgw egress", "route rtb-a-tgw"]),
    );
    let place = "tgw-attach-onprem";
    let path =
        Path { text: &text, who: "client", from: "10.0.0.10", to: ON_PREMISES, place, there: &there, back: &back };
    path.walk();
    path.errors();
    let at_transit = [("a-tgw", "ingress", "10.0.9.200/32", false), ("a-tgw", "egress", "10.0.9.200/32", true)];
    let crossings = [&crossings("192.168.0.0/16")[..], &at_transit].concat();
    path.denied(&crossings);
    path.errors_denied(false, &crossings);
    path.dies(", { proto = \"all\", to = \"192.168.0.0/16\" }", "", DropReason::SecurityGroup, "eni-client");
    path.dies(", { to = \"192.168.0.0/16\", via = \"nat\" }", "", DropReason::NoRoute, "rtb-a");
    path.dies(", { to = \"192.168.0.0/16\", via = \"hub\" }", "", DropReason::NoRoute, "rtb-a-nat");
    path.dies("prefixes = [\"192.168.0.0/16\"]\n", "", DropReason::TransitNoRoute, "tgw-rtb-hub");
}

#[test]
fn p16_by_a_virtual_private_gateway() {
    let text = vpn();
    let (there, back) = (there(&["vgw vgw-onprem"]), back(&["vgw vgw-onprem"]));
    let place = "vgw-onprem";
    let path =
        Path { text: &text, who: "client", from: "10.0.0.10", to: ON_PREMISES, place, there: &there, back: &back };
    path.walk();
    path.errors();
    let crossings = crossings("192.168.0.0/16");
    path.denied(&crossings);
    path.errors_denied(false, &crossings);
    path.dies("{ proto = \"all\", to = \"192.168.0.0/16\" }", "", DropReason::SecurityGroupEmpty, "eni-client");
    path.dies("{ to = \"192.168.0.0/16\", via = \"nat\" }", "", DropReason::NoRoute, "rtb-a");
    path.dies("propagate_to = [\"a-nat\"]", "", DropReason::NoRoute, "rtb-a-nat");
    path.dies("prefixes = [\"192.168.0.0/16\"]", "prefixes = [\"172.16.0.0/16\"]", DropReason::NoRoute, "rtb-a-nat");
    for packet in each("10.0.0.10", ON_PREMISES) {
        Lab::new(&text).leave("client", packet).delivered("vgw-onprem").source("10.0.9.200");
    }
}

#[test]
fn p16_a_public_gateway_shows_its_private_address_too() {
    // 4.3
    for text in [transit(), vpn()] {
        let public = but(
            &text,
            "connectivity = \"private\"\naddresses = [{ private = \"10.0.9.200\" }]",
            "addresses = [{ private = \"10.0.9.200\", public = \"203.0.113.20\" }]",
        );
        let mut lab = Lab::new(&public);
        let sent = lab.leave("client", syn("10.0.0.10:4000", "192.168.1.1:443"));
        assert_eq!(sent.headers().src.to_string(), "10.0.9.200");
    }
}

#[test]
fn p16_nobody_from_outside_begins() {
    // What on-premises sends to the gateway is an answer, or nothing (4.27).
    for (text, edge) in [(transit(), "tgw-attach-onprem"), (vpn(), "vgw-onprem")] {
        let mut lab = Lab::new(&text);
        lab.come(edge, syn("192.168.1.1:4000", "10.0.9.200:443")).dropped(DropReason::NatNoSession, "nat-nat");
    }
}
