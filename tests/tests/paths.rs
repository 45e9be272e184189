//! The paths of section 8 of the semantics page, step by step, there and back, and what denies when a rule is taken away.

use vpcemu_dataplane::DropReason;
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

/// A first packet of each protocol that every gateway carries.
fn each(from: &str, to: &str) -> [Vec<u8>; 3] {
    let with = |port: u16, host: &str| format!("{host}:{port}");
    [syn(&with(4000, from), &with(443, to)), udp(&with(4000, from), &with(443, to)), ping(from, to, 4000)]
}

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
