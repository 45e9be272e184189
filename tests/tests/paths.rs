//! The paths of section 8 of the semantics page, step by step, there and back, and what denies when a rule is taken away.

use vpcemu_dataplane::DropReason;
use vpcemu_tests::path::{self, each};
use vpcemu_tests::{Lab, ping, syn, udp};

const NETWORK: &str = r#"
[vpc.main]
cidrs = ["10.0.0.0/16", "2001:db8:1234:1a00::/56"]
[internet_gateway.igw]
[egress_only_internet_gateway.eigw]
[subnet.pub]
cidrs = ["10.0.0.0/24", "2001:db8:1234:1a00::/64"]
route_table = "pub"
nacl = "pub"
[subnet.priv]
cidrs = ["10.0.1.0/24", "2001:db8:1234:1a01::/64"]
route_table = "priv"
nacl = "priv"
[route_table.pub]
routes = [{ to = "0.0.0.0/0", via = "igw" }, { to = "::/0", via = "igw" }]
[route_table.priv]
routes = [{ to = "0.0.0.0/0", via = "nat" }, { to = "::/0", via = "eigw" }]
[nat_gateway.nat]
subnet = "pub"
addresses = [{ private = "10.0.0.200", public = "203.0.113.20" }]
[network_acl.pub]
ingress = [{ rule = 100, action = "allow", proto = "all", from = "0.0.0.0/0" }, { rule = 101, action = "allow", proto = "all", from = "::/0" }]
egress = [{ rule = 100, action = "allow", proto = "all", to = "0.0.0.0/0" }, { rule = 101, action = "allow", proto = "all", to = "::/0" }]
[network_acl.priv]
ingress = [{ rule = 100, action = "allow", proto = "all", from = "0.0.0.0/0" }, { rule = 101, action = "allow", proto = "all", from = "::/0" }]
egress = [{ rule = 100, action = "allow", proto = "all", to = "0.0.0.0/0" }, { rule = 101, action = "allow", proto = "all", to = "::/0" }]
[security_group.web]
ingress = [{ proto = "all", from = "0.0.0.0/0" }, { proto = "all", from = "::/0" }]
[security_group.app]
ingress = [{ proto = "all", from = "sg:web" }]
[instance.web]
subnet = "pub"
addresses = ["10.0.0.10", "2001:db8:1234:1a00::10"]
public = "203.0.113.10"
security_groups = ["web"]
[instance.other]
subnet = "pub"
addresses = ["10.0.0.11"]
public = "203.0.113.11"
security_groups = ["web"]
[instance.app]
subnet = "priv"
addresses = ["10.0.1.10", "2001:db8:1234:1a01::10"]
security_groups = ["app"]
"#;

const REMOTE: &str = "198.51.100.7";

/// Opens a flow from an interface, answers it from the internet, and compares the steps.
#[track_caller]
fn out_and_back(eni: &str, from: &str, public: &str, there: &[&str], back: &[&str]) {
    for packet in each(from, REMOTE) {
        let mut lab = Lab::new(NETWORK);
        let sent = lab.leave(eni, packet).delivered("internet").source(public).steps(there);
        let reply = lab.arrive(sent.reply()).delivered(&format!("eni-{eni}")).steps(back);
        assert_eq!(reply.key().dst, from.parse::<std::net::IpAddr>().unwrap());
    }
}

#[test]
fn p1_internet_to_a_public_instance() {
    for packet in each(REMOTE, "203.0.113.10") {
        let mut lab = Lab::new(NETWORK);
        let sent = lab.arrive(packet).delivered("eni-web").source(REMOTE);
        let sent = sent.steps(&["igw igw-igw", "nacl acl-pub ingress", "sg eni-web ingress"]);
        let reply = lab.leave("web", sent.reply()).delivered("internet").source("203.0.113.10");
        reply.steps(&["sg eni-web egress", "nacl acl-pub egress", "route rtb-pub", "igw igw-igw"]);
    }
    let mut lab = Lab::new(NETWORK);
    let sent = lab.arrive(syn("[2001:db8:ffff::1]:4000", "[2001:db8:1234:1a00::10]:443")).delivered("eni-web");
    lab.leave("web", sent.reply()).delivered("internet").source("2001:db8:1234:1a00::10");
}

#[test]
fn p2_a_public_instance_to_the_internet() {
    let there = ["sg eni-web egress", "nacl acl-pub egress", "route rtb-pub", "igw igw-igw"];
    let back = ["igw igw-igw", "nacl acl-pub ingress", "sg eni-web ingress"];
    out_and_back("web", "10.0.0.10", "203.0.113.10", &there, &back);
}

#[test]
fn p3_a_private_instance_through_the_nat_gateway() {
    let there = [
        "sg eni-app egress",
        "nacl acl-priv egress",
        "route rtb-priv",
        "nacl acl-pub ingress",
        "nat nat-nat egress",
        "nacl acl-pub egress",
        "route rtb-pub",
        "igw igw-igw",
    ];
    let back = [
        "igw igw-igw",
        "nacl acl-pub ingress",
        "nat nat-nat ingress",
        "nacl acl-pub egress",
        "route rtb-pub",
        "nacl acl-priv ingress",
        "sg eni-app ingress",
    ];
    out_and_back("app", "10.0.1.10", "203.0.113.20", &there, &back);
}

#[test]
fn p3_each_of_the_six_network_acl_checks_can_deny() {
    // Which entry is taken away, whether the request or the reply dies of it, and where.
    let cases = [
        ("priv", "egress", "to", "198.51.100.0/24", false, "acl-priv"),
        ("pub", "ingress", "from", "10.0.1.0/24", false, "acl-pub"),
        ("pub", "egress", "to", "198.51.100.0/24", false, "acl-pub"),
        ("pub", "ingress", "from", "198.51.100.0/24", true, "acl-pub"),
        ("pub", "egress", "to", "10.0.1.0/24", true, "acl-pub"),
        ("priv", "ingress", "from", "198.51.100.0/24", true, "acl-priv"),
    ];
    for (acl, list, word, block, reply_dies, at) in cases {
        let head = format!("[network_acl.{acl}]\n");
        let deny = format!("{{ rule = 10, action = \"deny\", proto = \"all\", {word} = \"{block}\" }}");
        let (before, after) = NETWORK.split_once(&head).unwrap();
        let after = after.replacen(&format!("{list} = ["), &format!("{list} = [{deny}, "), 1);
        let mut lab = Lab::new(&format!("{before}{head}{after}"));
        let sent = lab.leave("app", syn("10.0.1.10:4000", "198.51.100.7:443"));
        let died = if reply_dies { lab.arrive(sent.delivered("internet").reply()) } else { sent };
        assert_eq!(died.rule.as_deref(), Some("10"), "{acl} {list}");
        died.dropped(DropReason::NetworkAcl, at);
    }
}

#[test]
fn p4_within_a_subnet_there_is_neither_network_acl_nor_route() {
    for packet in each("10.0.0.10", "10.0.0.11") {
        let mut lab = Lab::new(NETWORK);
        let sent =
            lab.leave("web", packet).delivered("eni-other").steps(&["sg eni-web egress", "sg eni-other ingress"]);
        lab.leave("other", sent.reply()).delivered("eni-web").steps(&["sg eni-other egress", "sg eni-web ingress"]);
    }
}

#[test]
fn p5_between_subnets() {
    for packet in each("10.0.0.10", "10.0.1.10") {
        let mut lab = Lab::new(NETWORK);
        let there = [
            "sg eni-web egress",
            "nacl acl-pub egress",
            "route rtb-pub",
            "nacl acl-priv ingress",
            "sg eni-app ingress",
        ];
        let sent = lab.leave("web", packet).delivered("eni-app").steps(&there);
        let back = [
            "sg eni-app egress",
            "nacl acl-priv egress",
            "route rtb-priv",
            "nacl acl-pub ingress",
            "sg eni-web ingress",
        ];
        lab.leave("app", sent.reply()).delivered("eni-web").steps(&back);
    }
}

#[test]
fn p9_ipv6_through_the_egress_only_gateway() {
    for packet in [
        syn("[2001:db8:1234:1a01::10]:4000", "[2001:db8:ffff::1]:443"),
        udp("[2001:db8:1234:1a01::10]:4000", "[2001:db8:ffff::1]:53"),
        ping("2001:db8:1234:1a01::10", "2001:db8:ffff::1", 7),
    ] {
        let mut lab = Lab::new(NETWORK);
        let sent = lab.leave("app", packet).delivered("internet").source("2001:db8:1234:1a01::10");
        let sent = sent.steps(&["sg eni-app egress", "nacl acl-priv egress", "route rtb-priv", "eigw eigw-eigw"]);
        let reply = lab.arrive(sent.reply()).delivered("eni-app");
        reply.steps(&["eigw eigw-eigw", "nacl acl-priv ingress", "sg eni-app ingress"]);
    }
    let knock = Lab::new(NETWORK).arrive(syn("[2001:db8:ffff::1]:4000", "[2001:db8:1234:1a01::10]:443"));
    knock.dropped(DropReason::EgressOnlyNoSession, "eigw-eigw");
}

#[test]
fn p13_to_the_public_address_of_a_neighbour() {
    for packet in each("10.0.0.10", "203.0.113.11") {
        let mut lab = Lab::new(NETWORK);
        let there = [
            "sg eni-web egress",
            "nacl acl-pub egress",
            "route rtb-pub",
            "igw igw-igw",
            "igw igw-igw",
            "nacl acl-pub ingress",
            "sg eni-other ingress",
        ];
        let sent = lab.leave("web", packet).delivered("eni-other").source("203.0.113.10").steps(&there);
        let reply = lab.leave("other", sent.reply()).delivered("eni-web");
        assert_eq!(reply.key().src, "203.0.113.11".parse::<std::net::IpAddr>().unwrap());
    }
    // A private instance has no public address to be seen from, and its reference is lost on the way (3.10).
    let reference = NETWORK.replace("ingress = [{ proto = \"all\", from = \"0.0.0.0/0\" }, { proto = \"all\", from = \"::/0\" }]\n[security_group.app]",
        "ingress = [{ proto = \"all\", from = \"sg:web\" }]\n[security_group.app]");
    let lost = Lab::new(&reference).leave("web", syn("10.0.0.10:4000", "203.0.113.11:443"));
    lost.dropped(DropReason::SecurityGroupReferenceLost, "eni-other");
}

#[test]
fn p14_a_bastion_is_two_connections() {
    let mut lab = Lab::new(NETWORK);
    let outer = lab.arrive(syn("198.51.100.7:4000", "203.0.113.10:22")).delivered("eni-web");
    lab.leave("web", outer.reply()).delivered("internet");
    let inner = lab.leave("web", syn("10.0.0.10:5000", "10.0.1.10:22")).delivered("eni-app");
    lab.leave("app", inner.reply()).delivered("eni-web");
    // The outer one is open both ways and untracked; the inner one is tracked, by its reference.
    assert_eq!((outer.verdict.connection, inner.verdict.connection), (None, Some(inner.n)));
}

#[test]
fn routes_public_addresses_and_protocols_that_are_missing() {
    let without = |route: &str| NETWORK.replace(route, "");
    let app = |text: &str| Lab::new(text).leave("app", syn("10.0.1.10:4000", "198.51.100.7:443"));
    app(&without("{ to = \"0.0.0.0/0\", via = \"nat\" }, ")).dropped(DropReason::NoRoute, "rtb-priv");
    let blackhole = NETWORK.replace("via = \"nat\"", "via = \"blackhole\"");
    app(&blackhole).dropped(DropReason::Blackhole, "rtb-priv");
    let direct = NETWORK.replace("{ to = \"0.0.0.0/0\", via = \"nat\" }", "{ to = \"0.0.0.0/0\", via = \"igw\" }");
    app(&direct).dropped(DropReason::NoPublicAddress, "igw-igw");
    let mut lab = Lab::new(NETWORK);
    lab.arrive(syn("198.51.100.7:4000", "203.0.113.99:443")).dropped(DropReason::NoSuchPublicAddress, "igw-igw");
    lab.leave("web", syn("10.0.0.10:4000", "192.168.1.1:443")).dropped(DropReason::EgressToRfc1918, "igw-igw");
    lab.leave("web", syn("10.0.0.10:4000", "10.0.1.77:443")).dropped(DropReason::NeighborUnknown, "rtb-pub");
    lab.leave("web", syn("10.0.0.10:4000", "10.0.1.255:443")).dropped(DropReason::ReservedAddress, "rtb-pub");
    lab.leave("web", udp("10.0.0.10:4000", "224.0.0.251:5353")).dropped(DropReason::Multicast, "eni-web");
    lab.leave("app", syn("10.0.1.10:4000", "203.0.113.20:443")).dropped(DropReason::NatNoSession, "nat-nat");
}

const REMOTE_V6: &str = "2001:db8:ffff::1";
const WEB_V6: &str = "2001:db8:1234:1a00::10";
const APP_V6: &str = "2001:db8:1234:1a01::10";

/// The network with something in it put differently.
#[track_caller]
fn but(what: &str, instead: &str) -> String {
    path::but(NETWORK, what, instead)
}

/// The network with a deny entry in front of those of a network ACL.
#[track_caller]
fn denying(acl: &str, list: &str, block: &str) -> String {
    path::denying(NETWORK, acl, list, "all", block)
}

#[test]
fn p1_and_p2_are_the_same_for_ipv6_without_translation() {
    let inward = ["igw igw-igw", "nacl acl-pub ingress", "sg eni-web ingress"];
    let outward = ["sg eni-web egress", "nacl acl-pub egress", "route rtb-pub", "igw igw-igw"];
    for packet in each(REMOTE_V6, WEB_V6) {
        let mut lab = Lab::new(NETWORK);
        let sent = lab.arrive(packet).delivered("eni-web").source(REMOTE_V6).steps(&inward);
        lab.leave("web", sent.reply()).delivered("internet").source(WEB_V6).steps(&outward);
    }
    for packet in each(WEB_V6, REMOTE_V6) {
        let mut lab = Lab::new(NETWORK);
        let sent = lab.leave("web", packet).delivered("internet").source(WEB_V6).steps(&outward);
        lab.arrive(sent.reply()).delivered("eni-web").source(REMOTE_V6).steps(&inward);
    }
}

#[test]
fn p4_and_p5_are_the_same_for_ipv6() {
    let both = but("addresses = [\"10.0.0.11\"]", "addresses = [\"10.0.0.11\", \"2001:db8:1234:1a00::11\"]");
    for packet in each(WEB_V6, "2001:db8:1234:1a00::11") {
        let mut lab = Lab::new(&both);
        let sent = lab.leave("web", packet).delivered("eni-other");
        let sent = sent.steps(&["sg eni-web egress", "sg eni-other ingress"]);
        lab.leave("other", sent.reply()).delivered("eni-web").steps(&["sg eni-other egress", "sg eni-web ingress"]);
    }
    for packet in each(WEB_V6, APP_V6) {
        let mut lab = Lab::new(NETWORK);
        let sent = lab.leave("web", packet).delivered("eni-app").steps(&[
            "sg eni-web egress",
            "nacl acl-pub egress",
            "route rtb-pub",
            "nacl acl-priv ingress",
            "sg eni-app ingress",
        ]);
        lab.leave("app", sent.reply()).delivered("eni-web").steps(&[
            "sg eni-app egress",
            "nacl acl-priv egress",
            "route rtb-priv",
            "nacl acl-pub ingress",
            "sg eni-web ingress",
        ]);
    }
}

#[test]
fn p13_back_is_the_mirror_image() {
    for packet in each("10.0.0.10", "203.0.113.11") {
        let mut lab = Lab::new(NETWORK);
        let sent = lab.leave("web", packet).delivered("eni-other");
        let reply = lab.leave("other", sent.reply()).delivered("eni-web").source("203.0.113.11");
        reply.steps(&[
            "sg eni-other egress",
            "nacl acl-pub egress",
            "route rtb-pub",
            "igw igw-igw",
            "igw igw-igw",
            "nacl acl-pub ingress",
            "sg eni-web ingress",
        ]);
    }
}

#[test]
fn p14_step_by_step() {
    let mut lab = Lab::new(NETWORK);
    let outer = lab.arrive(syn("198.51.100.7:4000", "203.0.113.10:22")).delivered("eni-web");
    let outer = outer.steps(&["igw igw-igw", "nacl acl-pub ingress", "sg eni-web ingress"]);
    let inner = lab.leave("web", syn("10.0.0.10:5000", "10.0.1.10:22")).delivered("eni-app").steps(&[
        "sg eni-web egress",
        "nacl acl-pub egress",
        "route rtb-pub",
        "nacl acl-priv ingress",
        "sg eni-app ingress",
    ]);
    lab.leave("app", inner.reply()).delivered("eni-web").source("10.0.1.10").steps(&[
        "sg eni-app egress",
        "nacl acl-priv egress",
        "route rtb-priv",
        "nacl acl-pub ingress",
        "sg eni-web ingress",
    ]);
    let back = ["sg eni-web egress", "nacl acl-pub egress", "route rtb-pub", "igw igw-igw"];
    lab.leave("web", outer.reply()).delivered("internet").source("203.0.113.10").steps(&back);
    // The administrator does not reach the server but through the bastion, and nobody else may be one.
    lab.leave("other", syn("10.0.0.11:5000", "10.0.1.10:22")).delivered("eni-app");
    let other = but(
        "public = \"203.0.113.11\"\nsecurity_groups = [\"web\"]",
        "public = \"203.0.113.11\"\nsecurity_groups = [\"app\"]",
    );
    let other = Lab::new(&other).leave("other", syn("10.0.0.11:5000", "10.0.1.10:22"));
    other.dropped(DropReason::SecurityGroup, "eni-app");
}

/// Denials by an empty group set end the walk where the group is asked.
#[test]
fn without_a_security_group_rule_each_path_ends_at_the_interface() {
    let open = "ingress = [{ proto = \"all\", from = \"0.0.0.0/0\" }, { proto = \"all\", from = \"::/0\" }]";
    let no_way_in = but(open, "ingress = []");
    let no_way_out = but(open, &format!("{open}\negress = []"));
    let app_in = "ingress = [{ proto = \"all\", from = \"sg:web\" }]";
    let app_no_way_in = but(app_in, "ingress = []");
    let app_no_way_out = but(app_in, &format!("{app_in}\negress = []"));
    let empty = DropReason::SecurityGroupEmpty;
    for packet in each(REMOTE, "203.0.113.10").into_iter().chain(each(REMOTE_V6, WEB_V6)) {
        // P1; and what is let in is answered without a rule for it.
        let steps = ["igw igw-igw", "nacl acl-pub ingress", "sg eni-web ingress DENY"];
        Lab::new(&no_way_in).arrive(packet.clone()).dropped(empty, "eni-web").steps(&steps);
        let mut lab = Lab::new(&no_way_out);
        let sent = lab.arrive(packet).delivered("eni-web");
        lab.leave("web", sent.reply()).delivered("internet");
    }
    for packet in each("10.0.0.10", REMOTE).into_iter().chain(each(WEB_V6, REMOTE_V6)) {
        // P2, both ways round.
        Lab::new(&no_way_out).leave("web", packet.clone()).dropped(empty, "eni-web").steps(&["sg eni-web egress DENY"]);
        let mut lab = Lab::new(&no_way_in);
        let sent = lab.leave("web", packet).delivered("internet");
        lab.arrive(sent.reply()).delivered("eni-web");
    }
    for packet in each("10.0.1.10", REMOTE).into_iter().chain(each(APP_V6, REMOTE_V6)) {
        // P3 and P9.
        let denied = Lab::new(&app_no_way_out).leave("app", packet.clone());
        denied.dropped(empty, "eni-app").steps(&["sg eni-app egress DENY"]);
        let mut lab = Lab::new(&app_no_way_in);
        let sent = lab.leave("app", packet).delivered("internet");
        lab.arrive(sent.reply()).delivered("eni-app");
    }
    for packet in each("10.0.0.10", "10.0.0.11") {
        // P4: the one group is that of both.
        Lab::new(&no_way_out).leave("web", packet.clone()).dropped(empty, "eni-web").steps(&["sg eni-web egress DENY"]);
        let denied = Lab::new(&no_way_in).leave("web", packet).dropped(empty, "eni-other");
        denied.steps(&["sg eni-web egress", "sg eni-other ingress DENY"]);
    }
    for packet in each("10.0.0.10", "10.0.1.10").into_iter().chain(each(WEB_V6, APP_V6)) {
        // P5.
        let denied = Lab::new(&app_no_way_in).leave("web", packet.clone()).dropped(empty, "eni-app");
        assert_eq!(denied.steps.last().map(String::as_str), Some("sg eni-app ingress DENY"));
        let mut lab = Lab::new(&app_no_way_out);
        let sent = lab.leave("web", packet).delivered("eni-app");
        lab.leave("app", sent.reply()).delivered("eni-web");
    }
    for packet in each("10.0.0.10", "203.0.113.11") {
        // P13.
        Lab::new(&no_way_out).leave("web", packet.clone()).dropped(empty, "eni-web");
        Lab::new(&no_way_in).leave("web", packet).dropped(empty, "eni-other");
    }
}

#[test]
fn each_network_acl_check_of_the_other_paths_can_deny() {
    // Who opens, to whom, and the entry: of which ACL, in which direction, for which block; whether the reply dies.
    let cases = [
        // P1
        ("internet", REMOTE, "203.0.113.10", "pub", "ingress", "198.51.100.0/24", false),
        ("internet", REMOTE, "203.0.113.10", "pub", "egress", "198.51.100.0/24", true),
        ("internet", REMOTE_V6, WEB_V6, "pub", "ingress", "2001:db8:ffff::/48", false),
        ("internet", REMOTE_V6, WEB_V6, "pub", "egress", "2001:db8:ffff::/48", true),
        // P2
        ("web", "10.0.0.10", REMOTE, "pub", "egress", "198.51.100.0/24", false),
        ("web", "10.0.0.10", REMOTE, "pub", "ingress", "198.51.100.0/24", true),
        ("web", WEB_V6, REMOTE_V6, "pub", "egress", "2001:db8:ffff::/48", false),
        ("web", WEB_V6, REMOTE_V6, "pub", "ingress", "2001:db8:ffff::/48", true),
        // P5
        ("web", "10.0.0.10", "10.0.1.10", "pub", "egress", "10.0.1.0/24", false),
        ("web", "10.0.0.10", "10.0.1.10", "priv", "ingress", "10.0.0.0/24", false),
        ("web", "10.0.0.10", "10.0.1.10", "priv", "egress", "10.0.0.0/24", true),
        ("web", "10.0.0.10", "10.0.1.10", "pub", "ingress", "10.0.1.0/24", true),
        ("web", WEB_V6, APP_V6, "pub", "egress", "2001:db8:1234:1a01::/64", false),
        ("web", WEB_V6, APP_V6, "priv", "ingress", "2001:db8:1234:1a00::/64", false),
        ("web", WEB_V6, APP_V6, "priv", "egress", "2001:db8:1234:1a00::/64", true),
        ("web", WEB_V6, APP_V6, "pub", "ingress", "2001:db8:1234:1a01::/64", true),
        // P9
        ("app", APP_V6, REMOTE_V6, "priv", "egress", "2001:db8:ffff::/48", false),
        ("app", APP_V6, REMOTE_V6, "priv", "ingress", "2001:db8:ffff::/48", true),
        // P13: leaving with the private source for the public destination, coming in from the public source (7.10).
        ("web", "10.0.0.10", "203.0.113.11", "pub", "egress", "203.0.113.11/32", false),
        ("web", "10.0.0.10", "203.0.113.11", "pub", "ingress", "203.0.113.10/32", false),
        ("web", "10.0.0.10", "203.0.113.11", "pub", "egress", "203.0.113.10/32", true),
        ("web", "10.0.0.10", "203.0.113.11", "pub", "ingress", "203.0.113.11/32", true),
    ];
    for (who, from, to, acl, list, block, reply_dies) in cases {
        let text = denying(acl, list, block);
        for packet in each(from, to) {
            let mut lab = Lab::new(&text);
            let sent = if who == "internet" { lab.arrive(packet) } else { lab.leave(who, packet) };
            let died = if reply_dies {
                let place = sent.place.clone().unwrap_or_else(|| panic!("{who} {to} {acl} {list}: the request died"));
                let reply = sent.reply();
                if place == "internet" { lab.arrive(reply) } else { lab.leave(&place, reply) }
            } else {
                sent
            };
            assert_eq!(died.rule.as_deref(), Some("10"), "{who} to {to}: {acl} {list}");
            assert_eq!(died.steps.last(), Some(&format!("nacl acl-{acl} {list} DENY")));
            died.dropped(DropReason::NetworkAcl, &format!("acl-{acl}"));
        }
    }
}

#[test]
fn the_nat_gateways_subnet_sees_the_client_inside_and_the_gateway_outside() {
    // Of the four checks there the inner two are about the client, the outer two about the gateway's port range (7.10).
    let acl = r#"ingress = [
  { rule = 10, action = "allow", proto = "tcp", ports = "443", from = "10.0.1.0/24" },
  { rule = 20, action = "allow", proto = "tcp", ports = "1024-65535", from = "0.0.0.0/0" },
]
egress = [
  { rule = 10, action = "allow", proto = "tcp", ports = "443", to = "198.51.100.0/24" },
  { rule = 20, action = "allow", proto = "tcp", ports = "4000", to = "10.0.1.10/32" },
]
[network_acl.priv]"#;
    let (before, rest) = NETWORK.split_once("[network_acl.pub]\n").unwrap();
    let (_, after) = rest.split_once("[network_acl.priv]").unwrap();
    let mut lab = Lab::new(&format!("{before}[network_acl.pub]\n{acl}{after}"));
    let sent = lab.leave("app", syn("10.0.1.10:4000", "198.51.100.7:443")).delivered("internet");
    lab.arrive(sent.reply()).delivered("eni-app");
    // Nothing but those ports.
    let sent = lab.leave("app", syn("10.0.1.10:4001", "198.51.100.7:443")).delivered("internet");
    let reply = lab.arrive(sent.reply()).dropped(DropReason::NetworkAcl, "acl-pub");
    assert_eq!(reply.steps.last().map(String::as_str), Some("nacl acl-pub egress DENY"));
    assert_eq!(reply.rule.as_deref(), Some("*"));
}

#[test]
fn without_a_route_each_path_ends_at_the_table() {
    let v4_out = but("{ to = \"0.0.0.0/0\", via = \"igw\" }, ", "");
    let v6_out = but(", { to = \"::/0\", via = \"igw\" }", "");
    let eigw_out = but(", { to = \"::/0\", via = \"eigw\" }", "");
    for packet in each("10.0.0.10", REMOTE) {
        // P2
        let lost = Lab::new(&v4_out).leave("web", packet).dropped(DropReason::NoRoute, "rtb-pub");
        lost.steps(&["sg eni-web egress", "nacl acl-pub egress", "route rtb-pub DENY"]);
    }
    for packet in each(WEB_V6, REMOTE_V6) {
        Lab::new(&v6_out).leave("web", packet).dropped(DropReason::NoRoute, "rtb-pub");
    }
    for packet in each(APP_V6, REMOTE_V6) {
        // P9
        Lab::new(&eigw_out).leave("app", packet).dropped(DropReason::NoRoute, "rtb-priv");
    }
    for packet in each(REMOTE, "203.0.113.10") {
        // P1: it comes in, but the answer finds no way out.
        let mut lab = Lab::new(&v4_out);
        let sent = lab.arrive(packet).delivered("eni-web");
        lab.leave("web", sent.reply()).dropped(DropReason::NoRoute, "rtb-pub");
    }
    for packet in each("10.0.1.10", REMOTE) {
        // P3: the gateway's own subnet has to have one, too (2.14).
        let lost = Lab::new(&v4_out).leave("app", packet).dropped(DropReason::NoRoute, "rtb-pub");
        assert_eq!(lost.steps.last().map(String::as_str), Some("route rtb-pub DENY"));
    }
    // P13
    let lost = Lab::new(&v4_out).leave("web", syn("10.0.0.10:4000", "203.0.113.11:443"));
    lost.dropped(DropReason::NoRoute, "rtb-pub");
    // The families are apart (2.2).
    Lab::new(&v6_out).leave("web", syn("10.0.0.10:4000", "198.51.100.7:443")).delivered("internet");
}

#[test]
fn without_a_public_address_there_is_no_way_through_the_internet_gateway() {
    let private = but("public = \"203.0.113.10\"\n", "");
    for packet in each("10.0.0.10", REMOTE) {
        // P2
        let lost = Lab::new(&private).leave("web", packet).dropped(DropReason::NoPublicAddress, "igw-igw");
        assert_eq!(lost.steps.last().map(String::as_str), Some("igw igw-igw DENY"));
    }
    for packet in each(REMOTE, "203.0.113.10") {
        // P1
        Lab::new(&private).arrive(packet).dropped(DropReason::NoSuchPublicAddress, "igw-igw");
    }
    // P13, from who has none.
    let lost = Lab::new(&private).leave("web", syn("10.0.0.10:4000", "203.0.113.11:443"));
    lost.dropped(DropReason::NoPublicAddress, "igw-igw");
    // IPv6 needs none (2.12).
    for packet in each(WEB_V6, REMOTE_V6) {
        Lab::new(&private).leave("web", packet).delivered("internet");
    }
}

#[test]
fn an_egress_only_gateway_that_was_taken_away_has_forgotten_everything() {
    let gone = but("[egress_only_internet_gateway.eigw]\n", "").replace(", { to = \"::/0\", via = \"eigw\" }", "");
    for (middle, keeps) in [(NETWORK, true), (gone.as_str(), false)] {
        let mut lab = Lab::then(&[NETWORK, middle, NETWORK]);
        let sent =
            lab.leave("app", udp("[2001:db8:1234:1a01::10]:4000", "[2001:db8:ffff::1]:53")).delivered("internet");
        lab.switch();
        lab.switch();
        let reply = lab.arrive(sent.reply());
        if keeps {
            reply.delivered("eni-app");
        } else {
            reply.dropped(DropReason::EgressOnlyNoSession, "eigw-eigw");
        }
    }
}
