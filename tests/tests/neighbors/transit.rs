//! Transit gateways (10.21-10.27, P11).

use vpcemu_dataplane::DropReason;
use vpcemu_packet::build;
use vpcemu_tests::path::{Path, acl, but};
use vpcemu_tests::{Lab, ping, reply_to, syn, udp};

/// Two VPCs at a transit gateway, each with a subnet for the attachment in two zones, and on-premises behind a VPN.
pub fn text() -> String {
    let mut text = r#"
[transit_gateway.hub.attachment.a]
subnets = ["at1", "at2"]
addresses = ["10.0.8.5", "10.0.9.5"]
ipv6 = true
[transit_gateway.hub.attachment.b]
subnets = ["bt1", "bt2"]
addresses = ["10.1.8.5", "10.1.9.5"]
ipv6 = true
[transit_gateway.hub.attachment.onprem]
type = "vpn"
prefixes = ["192.168.0.0/16"]
[security_group.a]
vpc = "a"
[security_group.b]
vpc = "b"
ingress = [{ proto = "all", from = "0.0.0.0/0" }, { proto = "all", from = "::/0" }]
[instance.client]
subnet = "a1"
addresses = ["10.0.0.10", "2001:db8:1234:1a00::10"]
security_groups = ["a"]
[instance.server]
subnet = "b1"
addresses = ["10.1.0.20", "2001:db8:1234:2a00::20"]
security_groups = ["b"]
[instance.there]
subnet = "b2"
addresses = ["10.1.1.20"]
security_groups = ["b"]
"#
    .to_owned();
    for (vpc, n, others) in [("a", 0, 1), ("b", 1, 0)] {
        text.push_str(&format!(
            "[vpc.{vpc}]\ncidrs = [\"10.{n}.0.0/16\", \"2001:db8:1234:{}a00::/56\"]\n\
             [route_table.{vpc}]\nvpc = \"{vpc}\"\n\
             routes = [{{ to = \"10.{others}.0.0/16\", via = \"hub\" }}, {{ to = \"2001:db8:1234:{}a00::/56\", via = \"hub\" }}, {{ to = \"192.168.0.0/16\", via = \"hub\" }}]\n\
             [route_table.{vpc}t]\nvpc = \"{vpc}\"\nroutes = []\n",
            n + 1,
            others + 1,
        ));
        text.push_str(&acl(vpc, vpc));
        text.push_str(&acl(&format!("{vpc}t"), vpc));
        for (name, table, third, zone) in
            [("1", "", 0, "a"), ("2", "", 1, "b"), ("t1", "t", 8, "a"), ("t2", "t", 9, "b")]
        {
            text.push_str(&format!(
                "[subnet.{vpc}{name}]\nvpc = \"{vpc}\"\naz = \"{zone}\"\n\
                 cidrs = [\"10.{n}.{third}.0/24\", \"2001:db8:1234:{}a0{third}::/64\"]\n\
                 route_table = \"{vpc}{table}\"\nnacl = \"{vpc}{table}\"\n",
                n + 1
            ));
        }
    }
    text
}

const THERE: [&str; 10] = [
    "sg eni-client egress",
    "nacl acl-a egress",
    "route rtb-a",
    "nacl acl-at ingress",
    "route tgw-rtb-hub",
    "tgw tgw-hub",
    "nacl acl-bt egress",
    "route rtb-bt",
    "nacl acl-b ingress",
    "sg eni-server ingress",
];
const BACK: [&str; 10] = [
    "sg eni-server egress",
    "nacl acl-b egress",
    "route rtb-b",
    "nacl acl-bt ingress",
    "route tgw-rtb-hub",
    "tgw tgw-hub",
    "nacl acl-at egress",
    "route rtb-at",
    "nacl acl-a ingress",
    "sg eni-client ingress",
];

fn p11(text: &str) -> Path<'_> {
    let (from, to) = ("10.0.0.10", "10.1.0.20");
    Path { text, who: "client", from, to, place: "eni-server", there: &THERE, back: &BACK }
}

#[test]
fn p11_to_an_instance_of_another_vpc() {
    let text = text();
    p11(&text).walk();
    Path { from: "2001:db8:1234:1a00::10", to: "2001:db8:1234:2a00::20", ..p11(&text) }.walk();
}

#[test]
fn p11_each_rule_that_is_taken_away_denies() {
    let text = text();
    let p11 = p11(&text);
    let crossings = [
        ("a", "egress", "10.1.0.0/24", false),
        ("at", "ingress", "10.0.0.0/24", false),
        ("bt", "egress", "10.1.0.0/24", false),
        ("b", "ingress", "10.0.0.0/24", false),
        ("b", "egress", "10.0.0.0/24", true),
        ("bt", "ingress", "10.1.0.0/24", true),
        ("at", "egress", "10.0.0.0/24", true),
        ("a", "ingress", "10.1.0.0/24", true),
    ];
    p11.denied(&crossings);
    p11.errors();
    p11.errors_denied(false, &crossings);
    p11.dies("{ to = \"10.1.0.0/16\", via = \"hub\" }, ", "", DropReason::NoRoute, "rtb-a");
    p11.reply_dies("{ to = \"10.0.0.0/16\", via = \"hub\" }, ", "", DropReason::NoRoute, "rtb-b");
    p11.dies(
        "ingress = [{ proto = \"all\", from = \"0.0.0.0/0\" }, ",
        "ingress = [",
        DropReason::SecurityGroup,
        "eni-server",
    );
    p11.dies(
        "addresses = [\"10.0.8.5\", \"10.0.9.5\"]",
        "available = false",
        DropReason::BadStateAttachment,
        "tgw-attach-a",
    );
    p11.dies(
        "addresses = [\"10.1.8.5\", \"10.1.9.5\"]",
        "available = false",
        DropReason::BadStateAttachment,
        "tgw-attach-b",
    );
    p11.dies(
        "addresses = [\"10.1.8.5\", \"10.1.9.5\"]",
        "propagate_to = []",
        DropReason::TransitNoRoute,
        "tgw-rtb-hub",
    );
    p11.reply_dies(
        "addresses = [\"10.0.8.5\", \"10.0.9.5\"]",
        "propagate_to = []",
        DropReason::TransitNoRoute,
        "tgw-rtb-hub",
    );
    let other = "\nroute_table = \"none\"\n[transit_gateway.hub.route_table.main]\ndefault = true\n[transit_gateway.hub.route_table.none]\n";
    let blackhole =
        "\n[transit_gateway.hub.route_table.main]\nroutes = [{ to = \"10.1.0.0/24\", via = \"blackhole\" }]\n";
    let ipv6 = "ipv6 = true\n[transit_gateway.hub.attachment.b]";
    p11.dies(ipv6, &format!("{other}[transit_gateway.hub.attachment.b]"), DropReason::TransitNoRoute, "tgw-rtb-none");
    p11.dies(
        ipv6,
        &format!("{blackhole}[transit_gateway.hub.attachment.b]"),
        DropReason::TransitBlackhole,
        "tgw-rtb-main",
    );
}

#[test]
fn an_attachment_without_a_table_takes_nothing() {
    let tables = "[transit_gateway.hub.route_table.one]\n[transit_gateway.hub.route_table.two]\n";
    let text = format!("{}{tables}", text());
    let mut lab = Lab::new(&text);
    lab.leave("client", syn("10.0.0.10:4000", "10.1.0.20:443")).dropped(DropReason::TransitUnassociated, "tgw-hub");
}

#[test]
fn the_subnet_of_an_attachment_has_its_own_rules() {
    // Client and server in the subnets of the attachments: out and in are judged here, nothing over there (7.2).
    let text = but(
        &text(),
        "subnet = \"a1\"\naddresses = [\"10.0.0.10\", \"2001:db8:1234:1a00::10\"]",
        "subnet = \"at1\"\naddresses = [\"10.0.8.10\"]",
    );
    let text = but(
        &text,
        "subnet = \"b1\"\naddresses = [\"10.1.0.20\", \"2001:db8:1234:2a00::20\"]",
        "subnet = \"bt1\"\naddresses = [\"10.1.8.20\"]",
    );
    let text = but(
        &text,
        "[route_table.at]\nvpc = \"a\"\nroutes = []",
        "[route_table.at]\nvpc = \"a\"\nroutes = [{ to = \"10.1.0.0/16\", via = \"hub\" }]",
    );
    let text = but(
        &text,
        "[route_table.bt]\nvpc = \"b\"\nroutes = []",
        "[route_table.bt]\nvpc = \"b\"\nroutes = [{ to = \"10.0.0.0/16\", via = \"hub\" }]",
    );
    let there = [
        "sg eni-client egress",
        "nacl acl-at egress",
        "route rtb-at",
        "nacl acl-at ingress",
        "route tgw-rtb-hub",
        "tgw tgw-hub",
        "sg eni-server ingress",
    ];
    let back = [
        "sg eni-server egress",
        "nacl acl-bt egress",
        "route rtb-bt",
        "nacl acl-bt ingress",
        "route tgw-rtb-hub",
        "tgw tgw-hub",
        "sg eni-client ingress",
    ];
    let path = Path { from: "10.0.8.10", to: "10.1.8.20", there: &there, back: &back, ..p11(&text) };
    path.walk();
    let crossings = [
        ("at", "egress", "10.1.8.0/24", false),
        ("at", "ingress", "10.0.8.0/24", false),
        ("bt", "egress", "10.0.8.0/24", true),
        ("bt", "ingress", "10.1.8.0/24", true),
    ];
    path.denied(&crossings);
    path.errors();
    path.errors_denied(false, &crossings);
}

#[test]
fn a_sender_needs_an_attachment_in_its_zone() {
    let one =
        but(&text(), "subnets = [\"at1\", \"at2\"]\naddresses = [\"10.0.8.5\", \"10.0.9.5\"]", "subnets = [\"at2\"]");
    let mut lab = Lab::new(&one);
    lab.leave("client", syn("10.0.0.10:4000", "10.1.0.20:443")).dropped(DropReason::TransitZone, "tgw-attach-a");
}

#[test]
fn the_other_side_is_reached_in_the_senders_zone_or_any() {
    // The subnet of the attachment whose network ACL lets nothing out is not the one that the packet takes.
    let shut = "[network_acl.shut]\nvpc = \"b\"\n";
    let text = text();
    for (zone, taken) in [("a", "bt1"), ("b", "bt2")] {
        let moved = but(&text, "subnet = \"a1\"", if zone == "a" { "subnet = \"a1\"" } else { "subnet = \"a2\"" });
        let moved = moved.replacen(
            "10.0.0.10\", \"2001:db8:1234:1a00::10",
            if zone == "a" { "10.0.0.10\", \"2001:db8:1234:1a00::10" } else { "10.0.1.10" },
            1,
        );
        let from = if zone == "a" { "10.0.0.10:4000" } else { "10.0.1.10:4000" };
        let closing = |subnet: &str| {
            let (before, after) = moved.split_once(&format!("[subnet.{subnet}]\n")).unwrap();
            format!("{before}[subnet.{subnet}]\n{}{shut}", after.replacen("nacl = \"bt\"", "nacl = \"shut\"", 1))
        };
        let lost = Lab::new(&closing(taken)).leave("client", syn(from, "10.1.0.20:443"));
        lost.dropped(DropReason::NetworkAcl, "acl-shut");
        let other = if taken == "bt1" { "bt2" } else { "bt1" };
        Lab::new(&closing(other)).leave("client", syn(from, "10.1.0.20:443")).delivered("eni-server");
    }
    // From a zone that the other VPC is not attached in, any does.
    let one =
        but(&text, "subnets = [\"bt1\", \"bt2\"]\naddresses = [\"10.1.8.5\", \"10.1.9.5\"]", "subnets = [\"bt2\"]");
    Lab::new(&one).leave("client", syn("10.0.0.10:4000", "10.1.0.20:443")).delivered("eni-server");
}

/// Which of the two zones a packet took, by the subnet whose network ACL let it out.
fn zones(appliance_mode: bool) -> Vec<(u8, u8)> {
    let mut text = text();
    if appliance_mode {
        text = text.replace("ipv6 = true", "ipv6 = true\nappliance_mode = true");
    }
    // A network ACL of its own for each of the four.
    for (vpc, subnet) in [("a", "at1"), ("a", "at2"), ("b", "bt1"), ("b", "bt2")] {
        let (before, after) = text.split_once(&format!("[subnet.{subnet}]\n")).unwrap();
        let after = after.replacen(&format!("nacl = \"{vpc}t\""), &format!("nacl = \"{subnet}\""), 1);
        text = format!("{before}[subnet.{subnet}]\n{after}{}", acl(subnet, vpc));
    }
    let mut lab = Lab::new(&text);
    let mut taken = Vec::new();
    for port in 4000..4032 {
        let zone = |steps: &[String], vpc: &str| {
            let step =
                steps.iter().find(|step| step.starts_with(&format!("nacl acl-{vpc}t")) && step.ends_with("egress"));
            step.unwrap().as_bytes()[11]
        };
        let sent = lab.leave("client", syn(&format!("10.0.0.10:{port}"), "10.1.1.20:443")).delivered("eni-there");
        let there = zone(&sent.steps, "b");
        let back = lab.leave("there", sent.reply()).delivered("eni-client");
        taken.push((there, zone(&back.steps, "a")));
    }
    taken
}

#[test]
fn appliance_mode_keeps_both_directions_in_one_zone() {
    // Client in zone a, server in zone b: by default each direction is in its sender's zone.
    assert!(zones(false).iter().all(|taken| *taken == (b'1', b'2')));
    let pinned = zones(true);
    assert!(pinned.iter().all(|(there, back)| there == back), "{pinned:?}");
    // Both are used.
    assert!(pinned.contains(&(b'1', b'1')) && pinned.contains(&(b'2', b'2')), "{pinned:?}");
}

#[test]
fn references_to_groups_work_inbound_where_all_three_allow_it() {
    let referenced = but(&text(), "from = \"0.0.0.0/0\"", "from = \"sg:a\"");
    let on = "security_group_referencing = true\n";
    let gateway = format!("[transit_gateway.hub]\n{on}[transit_gateway.hub.attachment.a]");
    let all = but(&referenced, "[transit_gateway.hub.attachment.a]", &format!("{gateway}\n{on}"));
    let all = but(&all, "[transit_gateway.hub.attachment.b]", &format!("[transit_gateway.hub.attachment.b]\n{on}"));
    let opening = || syn("10.0.0.10:4000", "10.1.0.20:443");
    Lab::new(&all).leave("client", opening()).delivered("eni-server");
    for without in [
        format!("[transit_gateway.hub]\n{on}"),
        format!("[transit_gateway.hub.attachment.a]\n{on}"),
        format!("[transit_gateway.hub.attachment.b]\n{on}"),
    ] {
        let head = without.split_inclusive('\n').next().unwrap();
        let lost = Lab::new(&but(&all, &without, head)).leave("client", opening());
        lost.dropped(DropReason::SecurityGroupReferenceLost, "eni-server");
    }
    // Outbound they do not work at all.
    let outbound = but(
        &all,
        "[security_group.a]\nvpc = \"a\"",
        "[security_group.a]\nvpc = \"a\"\negress = [{ proto = \"all\", to = \"sg:b\" }]",
    );
    Lab::new(&outbound).leave("client", opening()).dropped(DropReason::SecurityGroup, "eni-client");
}

#[test]
fn ipv6_passes_where_both_attachments_carry_it() {
    for vpc in ["a", "b"] {
        let (before, after) = text()
            .split_once(&format!("[transit_gateway.hub.attachment.{vpc}]"))
            .map(|(b, a)| (b.to_owned(), a.to_owned()))
            .unwrap();
        let without =
            format!("{before}[transit_gateway.hub.attachment.{vpc}]{}", after.replacen("ipv6 = true\n", "", 1));
        // A static route, since the VPC does not announce its block then.
        let without = format!(
            "{without}[transit_gateway.hub.route_table.main]\nroutes = [{{ to = \"2001:db8:1234:2a00::/56\", via = \"b\" }}]\n"
        );
        let mut lab = Lab::new(&without);
        let lost = lab.leave("client", syn("[2001:db8:1234:1a00::10]:4000", "[2001:db8:1234:2a00::20]:443"));
        lost.dropped(DropReason::Ipv6Unsupported, &format!("tgw-attach-{vpc}"));
        lab.leave("client", syn("10.0.0.10:4000", "10.1.0.20:443")).delivered("eni-server");
    }
}

#[test]
fn static_routes_come_before_propagated_ones_and_longer_ones_before_both() {
    let table = |routes: &str| format!("{}[transit_gateway.hub.route_table.main]\nroutes = [{routes}]\n", text());
    let to = |destination: &str| syn("10.0.0.10:4000", destination);
    let equal = table("{ to = \"10.1.0.0/16\", via = \"onprem\" }");
    Lab::new(&equal).leave("client", to("10.1.0.20:443")).delivered("tgw-attach-onprem");
    let longer = table("{ to = \"10.1.0.20/32\", via = \"onprem\" }");
    let mut lab = Lab::new(&longer);
    lab.leave("client", to("10.1.0.20:443")).delivered("tgw-attach-onprem");
    lab.leave("client", to("10.1.1.20:443")).delivered("eni-there");
    // Of equal propagated ones those of a VPC come first.
    let learned = but(&text(), "prefixes = [\"192.168.0.0/16\"]", "prefixes = [\"192.168.0.0/16\", \"10.1.0.0/16\"]");
    Lab::new(&learned).leave("client", to("10.1.0.20:443")).delivered("eni-server");
}

#[test]
fn packets_come_from_and_go_to_what_is_outside() {
    let mut lab = Lab::new(&text());
    let sent = lab.leave("client", syn("10.0.0.10:4000", "192.168.1.1:443")).delivered("tgw-attach-onprem");
    let sent = sent.steps(&[
        "sg eni-client egress",
        "nacl acl-a egress",
        "route rtb-a",
        "nacl acl-at ingress",
        "route tgw-rtb-hub",
        "tgw tgw-hub",
    ]);
    let reply = lab.come("tgw-attach-onprem", sent.reply()).delivered("eni-client");
    reply.steps(&[
        "route tgw-rtb-hub",
        "tgw tgw-hub",
        "nacl acl-at egress",
        "route rtb-at",
        "nacl acl-a ingress",
        "sg eni-client ingress",
    ]);
    lab.come("tgw-attach-onprem", syn("192.168.1.1:1", "10.9.0.1:2"))
        .dropped(DropReason::TransitNoRoute, "tgw-rtb-hub");
    lab.come("tgw-attach-onprem", syn("192.168.1.1:1", "10.1.0.99:2")).dropped(DropReason::NeighborUnknown, "rtb-bt");
    lab.come("tgw-attach-onprem", syn("192.168.1.1:1", "10.1.8.5:2"))
        .dropped(DropReason::NeighborUnknown, "eni-tgw-attach-b-1");
    lab.come("tgw-attach-onprem", syn("0.0.0.1:1", "10.1.0.20:2")).dropped(DropReason::Martian, "tgw-attach-onprem");
    lab.come("tgw-hub", syn("192.168.1.1:1", "10.1.0.20:2")).dropped(DropReason::NeighborUnknown, "tgw-hub");
    lab.come("tgw-attach-a", syn("10.0.0.10:1", "10.1.0.20:2")).dropped(DropReason::NeighborUnknown, "tgw-attach-a");
}

#[test]
fn a_route_to_a_gateway_that_the_vpc_is_not_attached_to_is_a_blackhole() {
    let detached = but(
        &text(),
        "[transit_gateway.hub.attachment.a]\nsubnets = [\"at1\", \"at2\"]\naddresses = [\"10.0.8.5\", \"10.0.9.5\"]\nipv6 = true\n",
        "",
    );
    let mut lab = Lab::new(&detached);
    lab.leave("client", syn("10.0.0.10:4000", "10.1.0.20:443")).dropped(DropReason::Blackhole, "rtb-a");
}

#[test]
fn errors_about_a_flow_come_back_by_it() {
    // P21: port unreachable about what came through the transit gateway.
    let mut lab = Lab::new(&text());
    let sent = lab.leave("client", udp("10.0.0.10:4000", "10.1.0.20:53")).delivered("eni-server");
    let (server, client) = (sent.headers().dst, sent.headers().src);
    let error = build::icmp_error(server, client, 3, 3, 0, &sent.bytes);
    lab.leave("server", error).delivered("eni-client").steps(&BACK);
    let answered = lab.leave("client", ping("10.0.0.10", "10.1.0.20", 7)).delivered("eni-server");
    lab.leave("server", reply_to(&answered.headers())).delivered("eni-client");
}
