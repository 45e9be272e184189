//! Peering connections (10.17-10.20, P12), and NAT gateways behind them (4.3, 4.8, P16).

use vpcemu_dataplane::DropReason;
use vpcemu_dataplane::output::GeneratedKind;
use vpcemu_packet::build;
use vpcemu_tests::path::{Path, acl, but};
use vpcemu_tests::{Lab, data, ping, reply_to, socket, syn, udp};

fn text() -> String {
    format!(
        r#"
[vpc.a]
cidrs = ["10.0.0.0/16", "2001:db8:1234:1a00::/56"]
[vpc.b]
cidrs = ["10.1.0.0/16", "2001:db8:1234:2a00::/56"]
[vpc_peering_connection.ab]
requester = "a"
accepter = "b"
[subnet.a]
vpc = "a"
cidrs = ["10.0.0.0/24", "2001:db8:1234:1a00::/64"]
route_table = "a"
nacl = "a"
[subnet.a-nat]
vpc = "a"
cidrs = ["10.0.9.0/24"]
route_table = "a-nat"
nacl = "a-nat"
[subnet.b]
vpc = "b"
cidrs = ["10.1.0.0/24", "2001:db8:1234:2a00::/64"]
route_table = "b"
nacl = "b"
[route_table.a]
vpc = "a"
routes = [{{ to = "10.1.0.0/16", via = "ab" }}, {{ to = "2001:db8:1234:2a00::/56", via = "ab" }}]
[route_table.a-nat]
vpc = "a"
routes = [{{ to = "10.1.0.0/16", via = "ab" }}]
[route_table.b]
vpc = "b"
routes = [{{ to = "10.0.0.0/16", via = "ab" }}, {{ to = "2001:db8:1234:1a00::/56", via = "ab" }}]
{}{}{}
[nat_gateway.private]
subnet = "a-nat"
connectivity = "private"
addresses = [{{ private = "10.0.9.200" }}]
[security_group.client]
vpc = "a"
[security_group.server]
vpc = "b"
ingress = [{{ proto = "all", from = "sg:client" }}, {{ proto = "all", from = "10.0.9.200/32" }}]
[instance.client]
subnet = "a"
addresses = ["10.0.0.10", "2001:db8:1234:1a00::10"]
security_groups = ["client"]
[instance.server]
subnet = "b"
addresses = ["10.1.0.20", "2001:db8:1234:2a00::20"]
security_groups = ["server"]
"#,
        acl("a", "a"),
        acl("a-nat", "a"),
        acl("b", "b")
    )
}

const THERE: [&str; 6] = [
    "sg eni-client egress",
    "nacl acl-a egress",
    "route rtb-a",
    "pcx pcx-ab",
    "nacl acl-b ingress",
    "sg eni-server ingress",
];
const BACK: [&str; 6] = [
    "sg eni-server egress",
    "nacl acl-b egress",
    "route rtb-b",
    "pcx pcx-ab",
    "nacl acl-a ingress",
    "sg eni-client ingress",
];

fn p12<'a>(text: &'a str) -> Path<'a> {
    let (from, to) = ("10.0.0.10", "10.1.0.20");
    Path { text, who: "client", from, to, place: "eni-server", there: &THERE, back: &BACK }
}

#[test]
fn p12_to_an_instance_of_a_peered_vpc() {
    let text = text();
    p12(&text).walk();
    Path { from: "2001:db8:1234:1a00::10", to: "2001:db8:1234:2a00::20", ..p12(&text) }.walk();
}

#[test]
fn p12_each_rule_that_is_taken_away_denies() {
    let text = text();
    let crossings = [
        ("a", "egress", "10.1.0.0/24", false),
        ("b", "ingress", "10.0.0.0/24", false),
        ("b", "egress", "10.0.0.0/24", true),
        ("a", "ingress", "10.1.0.0/24", true),
    ];
    p12(&text).denied(&crossings);
    p12(&text).errors();
    p12(&text).errors_denied(false, &crossings);
    let p12 = p12(&text);
    p12.dies("{ to = \"10.1.0.0/16\", via = \"ab\" }, ", "", DropReason::NoRoute, "rtb-a");
    // Nobody but a NAT gateway gets answers without a route (4.8).
    p12.reply_dies("{ to = \"10.0.0.0/16\", via = \"ab\" }, ", "", DropReason::NoRoute, "rtb-b");
    p12.dies("{ proto = \"all\", from = \"sg:client\" }, ", "", DropReason::SecurityGroup, "eni-server");
    p12.dies("accepter = \"b\"", "accepter = \"b\"\nactive = false", DropReason::BadState, "pcx-ab");
    p12.dies(
        "[security_group.client]\nvpc = \"a\"",
        "[security_group.client]\nvpc = \"a\"\negress = []",
        DropReason::SecurityGroupEmpty,
        "eni-client",
    );
}

#[test]
fn a_destination_outside_of_the_peers_blocks_is_refused() {
    let wide = but(&text(), "{ to = \"10.1.0.0/16\", via = \"ab\" }, ", "{ to = \"10.0.0.0/8\", via = \"ab\" }, ");
    let mut lab = Lab::new(&wide);
    lab.leave("client", syn("10.0.0.10:4000", "10.2.0.1:443")).dropped(DropReason::PeeringAddress, "pcx-ab");
    // In the block, but nobody's; and what the other VPC keeps for itself, its resolver too (10.20).
    lab.leave("client", syn("10.0.0.10:4000", "10.1.0.99:443")).dropped(DropReason::NeighborUnknown, "pcx-ab");
    lab.leave("client", udp("10.0.0.10:4000", "10.1.0.2:53")).dropped(DropReason::ReservedAddress, "pcx-ab");
}

#[test]
fn a_source_from_elsewhere_does_not_pass_through_a_vpc() {
    let mut lab = Lab::new(&but(
        &text(),
        "security_groups = [\"client\"]",
        "security_groups = [\"client\"]\nsource_dest_check = false",
    ));
    lab.leave("client", syn("192.0.2.1:4000", "10.1.0.20:443")).dropped(DropReason::Spoofed, "pcx-ab");
    // Not even one of the VPC's blocks, if nobody has it.
    lab.leave("client", syn("10.0.0.99:4000", "10.1.0.20:443")).dropped(DropReason::Spoofed, "pcx-ab");
}

#[test]
fn groups_are_referenced_both_ways_within_a_region() {
    let outbound = but(
        &text(),
        "[security_group.client]\nvpc = \"a\"",
        "[security_group.client]\nvpc = \"a\"\negress = [{ proto = \"tcp\", ports = \"443\", to = \"sg:server\" }]",
    );
    let mut lab = Lab::new(&outbound);
    lab.leave("client", syn("10.0.0.10:4000", "10.1.0.20:443")).delivered("eni-server");
    lab.leave("client", syn("10.0.0.10:4000", "10.1.0.20:80")).dropped(DropReason::SecurityGroup, "eni-client");
    let apart = but(&outbound, "accepter = \"b\"", "accepter = \"b\"\ninter_region = true");
    let mut lab = Lab::new(&apart);
    lab.leave("client", syn("10.0.0.10:4000", "10.1.0.20:443")).dropped(DropReason::SecurityGroup, "eni-client");
    // Inbound likewise.
    let apart = but(&text(), "accepter = \"b\"", "accepter = \"b\"\ninter_region = true");
    let mut lab = Lab::new(&apart);
    let lost = lab.leave("client", syn("10.0.0.10:4000", "10.1.0.20:443"));
    lost.dropped(DropReason::SecurityGroupReferenceLost, "eni-server");
}

#[test]
fn between_regions_packets_are_smaller() {
    let apart = but(&text(), "accepter = \"b\"", "accepter = \"b\"\ninter_region = true");
    let apart = but(&apart, "from = \"sg:client\"", "from = \"10.0.0.0/16\"");
    let large = |size: usize| {
        build::udp(socket("10.0.0.10:4000"), socket("10.1.0.20:53")).payload(&vec![7; size - 28]).dont_fragment(false)
    };
    let mut lab = Lab::new(&apart);
    lab.leave("client", large(8500).dont_fragment(true).build()).delivered("eni-server");
    let lost = lab.leave("client", large(8501).dont_fragment(true).build()).dropped(DropReason::Mtu, "pcx-ab");
    let (kind, bytes, place) = lost.generated.expect("the subnet's router says so");
    assert_eq!((kind, place.as_deref()), (GeneratedKind::IcmpFragmentationNeeded, Some("eni-client")));
    assert_eq!(vpcemu_tests::headers(&bytes).src.to_string(), "10.0.0.1");
    // It crosses no network ACL (P22).
    assert_eq!(lost.made.expect("its way").steps, ["sg eni-client ingress"]);
    let sent = lab.leave("client", large(8501).build()).delivered("eni-server");
    assert_eq!(sent.pieces.iter().map(Vec::len).collect::<Vec<_>>(), [8500, 21]);
    // Within a region everything passes that a VPC carries.
    Lab::new(&text()).leave("client", large(9001).dont_fragment(true).build()).delivered("eni-server");
    let silent = format!("{apart}\n[behavior.vpc_peering]\nfragmentation_needed = false\ninter_region_mtu = 1500\n");
    let lost = Lab::new(&silent).leave("client", large(1501).dont_fragment(true).build());
    assert!(lost.dropped(DropReason::Mtu, "pcx-ab").generated.is_none());
}

/// Of the text: the client goes by the private NAT gateway.
fn through_nat() -> String {
    but(&text(), "{ to = \"10.1.0.0/16\", via = \"ab\" }, ", "{ to = \"10.1.0.0/16\", via = \"private\" }, ")
}

/// There through the NAT gateway.
const THROUGH_NAT: [&str; 10] = [
    "sg eni-client egress",
    "nacl acl-a egress",
    "route rtb-a",
    "nacl acl-a-nat ingress",
    "nat nat-private egress",
    "nacl acl-a-nat egress",
    "route rtb-a-nat",
    "pcx pcx-ab",
    "nacl acl-b ingress",
    "sg eni-server ingress",
];

/// Every network ACL there and back, by the blocks that it sees.
const AROUND_NAT: [(&str, &str, &str, bool); 8] = [
    ("a", "egress", "10.1.0.0/24", false),
    ("a-nat", "ingress", "10.0.0.0/24", false),
    ("a-nat", "egress", "10.1.0.0/24", false),
    ("b", "ingress", "10.0.9.200/32", false),
    ("b", "egress", "10.0.9.200/32", true),
    ("a-nat", "ingress", "10.1.0.0/24", true),
    ("a-nat", "egress", "10.0.0.0/24", true),
    ("a", "ingress", "10.1.0.0/24", true),
];

#[test]
fn p16_a_private_nat_gateway_to_a_peered_vpc() {
    let back = [
        "sg eni-server egress",
        "nacl acl-b egress",
        "route rtb-b",
        "pcx pcx-ab",
        "nacl acl-a-nat ingress",
        "nat nat-private ingress",
        "nacl acl-a-nat egress",
        "route rtb-a-nat",
        "nacl acl-a ingress",
        "sg eni-client ingress",
    ];
    let text = through_nat();
    let path = Path { there: &THROUGH_NAT, back: &back, ..p12(&text) };
    path.walk();
    path.errors();
    path.errors_denied(false, &AROUND_NAT);
    path.denied(&AROUND_NAT);
    // The far side sees the gateway's own address (4.3).
    let mut lab = Lab::new(&text);
    lab.leave("client", syn("10.0.0.10:4000", "10.1.0.20:443")).delivered("eni-server").source("10.0.9.200");
}

#[test]
fn a_nat_gateway_gets_its_answers_without_a_route() {
    let without = but(&through_nat(), "{ to = \"10.0.0.0/16\", via = \"ab\" }, ", "");
    let back = [
        "sg eni-server egress",
        "nacl acl-b egress",
        "pcx pcx-ab",
        "nacl acl-a-nat ingress",
        "nat nat-private ingress",
        "nacl acl-a-nat egress",
        "route rtb-a-nat",
        "nacl acl-a ingress",
        "sg eni-client ingress",
    ];
    let mut lab = Lab::new(&without);
    for packet in [
        syn("10.0.0.10:4000", "10.1.0.20:443"),
        udp("10.0.0.10:4000", "10.1.0.20:53"),
        ping("10.0.0.10", "10.1.0.20", 9),
    ] {
        let sent = lab.leave("client", packet).delivered("eni-server");
        lab.leave("server", sent.reply()).delivered("eni-client").steps(&back);
        // An error about it, too.
        let error =
            build::icmp_error("10.1.0.20".parse().unwrap(), "10.0.9.200".parse().unwrap(), 3, 3, 0, &sent.bytes);
        lab.leave("server", error).delivered("eni-client");
    }
    // What belongs to no mapping does not.
    lab.leave("server", syn("10.1.0.20:4000", "10.0.9.200:443")).dropped(DropReason::NoRoute, "rtb-b");
    // Network ACLs can stop it.
    let path = Path { there: &THROUGH_NAT, back: &back, ..p12(&without) };
    path.denied(&AROUND_NAT);
    path.errors_denied(false, &AROUND_NAT);
}

#[test]
fn answers_to_a_nat_gateway_pass_a_default_route() {
    let default = but(
        &through_nat(),
        "{ to = \"10.0.0.0/16\", via = \"ab\" }, ",
        "{ to = \"0.0.0.0/0\", via = \"blackhole\" }, ",
    );
    let mut lab = Lab::new(&default);
    let sent = lab.leave("client", syn("10.0.0.10:4000", "10.1.0.20:443")).delivered("eni-server");
    lab.leave("server", sent.reply()).delivered("eni-client");
    let strict = format!("{default}\n[behavior.vpc_peering]\nnat_replies_past_default_route = false\n");
    let mut lab = Lab::new(&strict);
    let sent = lab.leave("client", syn("10.0.0.10:4000", "10.1.0.20:443")).delivered("eni-server");
    lab.leave("server", sent.reply()).dropped(DropReason::Blackhole, "rtb-b");
    // A longer route is one.
    let longer = but(
        &through_nat(),
        "{ to = \"10.0.0.0/16\", via = \"ab\" }, ",
        "{ to = \"10.0.0.0/8\", via = \"blackhole\" }, ",
    );
    let mut lab = Lab::new(&longer);
    let sent = lab.leave("client", syn("10.0.0.10:4000", "10.1.0.20:443")).delivered("eni-server");
    lab.leave("server", sent.reply()).dropped(DropReason::Blackhole, "rtb-b");
}

#[test]
fn a_peer_cannot_use_the_nat_gateway() {
    // Nobody asks a table about what comes over a connection (10.17): the destination has to be over here.
    let wide = but(&text(), "{ to = \"10.0.0.0/16\", via = \"ab\" }, ", "{ to = \"0.0.0.0/0\", via = \"ab\" }, ");
    let mut lab = Lab::new(&wide);
    lab.leave("server", syn("10.1.0.20:4000", "198.51.100.7:443")).dropped(DropReason::PeeringAddress, "pcx-ab");
    let to_nat = lab.leave("server", data("10.1.0.20:4000", "10.0.9.200:443"));
    to_nat.dropped(DropReason::NatNoSession, "nat-private");
}

/// The text of the first VPC alone, with the other one outside.
const OUTSIDE: &str = r#"
[vpc.a]
cidrs = ["10.0.0.0/16"]
[vpc_peering_connection.ab]
accepter = "vpc-0b0b"
peer_cidrs = ["10.1.0.0/16"]
[subnet.a]
cidrs = ["10.0.0.0/24"]
route_table = "a"
[route_table.a]
routes = [{ to = "10.0.0.0/8", via = "ab" }]
[security_group.open]
ingress = [{ proto = "all", from = "0.0.0.0/0" }]
[instance.client]
subnet = "a"
addresses = ["10.0.0.10"]
security_groups = ["open"]
"#;

#[test]
fn the_other_side_may_be_outside() {
    let mut lab = Lab::new(OUTSIDE);
    let sent = lab.leave("client", syn("10.0.0.10:4000", "10.1.0.20:443")).delivered("pcx-ab");
    let reply = lab.come("pcx-ab", sent.reply()).delivered("eni-client");
    reply.steps(&["pcx pcx-ab", "nacl acl-a-default ingress", "sg eni-client ingress"]);
    lab.leave("client", syn("10.0.0.10:4000", "10.2.0.20:443")).dropped(DropReason::PeeringAddress, "pcx-ab");
    lab.come("pcx-ab", syn("10.1.0.20:4000", "10.9.0.10:443")).dropped(DropReason::PeeringAddress, "pcx-ab");
    lab.come("pcx-ab", syn("10.2.0.20:4000", "10.0.0.10:443")).dropped(DropReason::Spoofed, "pcx-ab");
    lab.come("pcx-ab", syn("127.0.0.1:4000", "10.0.0.10:443")).dropped(DropReason::Martian, "pcx-ab");
    lab.come("pcx-ab", syn("10.1.0.20:4000", "10.0.0.99:443")).dropped(DropReason::NeighborUnknown, "pcx-ab");
    let broken = but(OUTSIDE, "accepter", "active = false\naccepter");
    Lab::new(&broken).come("pcx-ab", syn("10.1.0.20:4000", "10.0.0.10:443")).dropped(DropReason::BadState, "pcx-ab");
}

#[test]
fn what_is_only_named_is_a_place() {
    let named =
        but(OUTSIDE, "[vpc_peering_connection.ab]\naccepter = \"vpc-0b0b\"\npeer_cidrs = [\"10.1.0.0/16\"]\n", "");
    let named = but(&named, "via = \"ab\"", "via = \"pcx-0c0c\"");
    let mut lab = Lab::new(&named);
    let sent = lab.leave("client", syn("10.0.0.10:4000", "10.2.0.20:443")).delivered("pcx-0c0c");
    let headers = sent.headers();
    lab.come("pcx-0c0c", reply_to(&headers)).delivered("eni-client");
    lab.come("pcx-0c0c", syn("10.2.0.20:1", "10.9.0.1:2")).dropped(DropReason::NeighborUnknown, "pcx-0c0c");
}
