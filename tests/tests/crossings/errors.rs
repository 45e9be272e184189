//! Errors about the packets of the paths that no translator or appliance is on (P21 of P1-P5, P9, P13 and P14): they go
//! their flow's way in the other direction, and network ACLs judge them by their own header. Those of the other paths
//! are beside them.

use vpcemu_dataplane::DropReason;
use vpcemu_tests::path::{Denying, Path, acl, but, error_about};
use vpcemu_tests::{Lab, syn, udp};

/// No group lets ICMP errors in or out: what passes is related.
pub fn text() -> String {
    let network = r#"
[vpc.main]
cidrs = ["10.0.0.0/16", "2001:db8:1234:1a00::/56"]
[internet_gateway.igw]
[egress_only_internet_gateway.eigw]
[subnet.web]
cidrs = ["10.0.0.0/24", "2001:db8:1234:1a00::/64"]
route_table = "out"
nacl = "web"
[subnet.api]
cidrs = ["10.0.3.0/24"]
route_table = "out"
nacl = "api"
[subnet.nat]
cidrs = ["10.0.2.0/24"]
route_table = "out"
nacl = "nat"
[subnet.app]
cidrs = ["10.0.1.0/24", "2001:db8:1234:1a01::/64"]
route_table = "app"
nacl = "app"
[route_table.out]
routes = [{ to = "0.0.0.0/0", via = "igw" }, { to = "::/0", via = "igw" }]
[route_table.app]
routes = [{ to = "0.0.0.0/0", via = "nat" }, { to = "::/0", via = "eigw" }]
[nat_gateway.nat]
subnet = "nat"
addresses = [{ private = "10.0.2.200", public = "203.0.113.20" }]
[security_group.each]
ingress = [
  { proto = "tcp", ports = "443", from = "0.0.0.0/0" }, { proto = "tcp", ports = "443", from = "::/0" },
  { proto = "udp", ports = "443", from = "0.0.0.0/0" }, { proto = "udp", ports = "443", from = "::/0" },
  { proto = "icmp", type = "echo-request", from = "0.0.0.0/0" },
  { proto = "icmpv6", type = "echo-request", from = "::/0" },
]
egress = [
  { proto = "tcp", ports = "443", to = "0.0.0.0/0" }, { proto = "tcp", ports = "443", to = "::/0" },
  { proto = "udp", ports = "443", to = "0.0.0.0/0" }, { proto = "udp", ports = "443", to = "::/0" },
  { proto = "icmp", type = "echo-request", to = "0.0.0.0/0" },
  { proto = "icmpv6", type = "echo-request", to = "::/0" },
]
[instance.web]
subnet = "web"
addresses = ["10.0.0.10", "2001:db8:1234:1a00::10"]
public = "203.0.113.10"
security_groups = ["each"]
[instance.beside]
subnet = "web"
addresses = ["10.0.0.11", "2001:db8:1234:1a00::11"]
security_groups = ["each"]
[instance.api]
subnet = "api"
addresses = ["10.0.3.10"]
public = "203.0.113.30"
security_groups = ["each"]
[instance.app]
subnet = "app"
addresses = ["10.0.1.10", "2001:db8:1234:1a01::10"]
security_groups = ["each"]
"#;
    ["web", "api", "nat", "app"].iter().fold(network.to_owned(), |text, name| text + &acl(name, "main"))
}

const REMOTE: &str = "198.51.100.7";
const REMOTE_V6: &str = "2001:db8:ffff::7";
const WEB_V6: &str = "2001:db8:1234:1a00::10";
const APP_V6: &str = "2001:db8:1234:1a01::10";

const IN: [&str; 3] = ["igw igw-igw", "nacl acl-web ingress", "sg eni-web ingress"];
const OUT: [&str; 4] = ["sg eni-web egress", "nacl acl-web egress", "route rtb-out", "igw igw-igw"];

#[test]
fn p1_from_the_internet_to_a_public_instance() {
    let text = text();
    let v4 = Path {
        text: &text,
        who: "internet",
        from: REMOTE,
        to: "203.0.113.10",
        place: "eni-web",
        there: &IN,
        back: &OUT,
    };
    let v6 = Path { from: REMOTE_V6, to: WEB_V6, ..v4 };
    let cases = |block| [("web", "ingress", block, false), ("web", "egress", block, true)];
    for (path, remotes, routers) in
        [(v4, "198.51.100.0/24", "192.0.2.0/24"), (v6, "2001:db8:ffff::/48", "2001:db8:eeee::/48")]
    {
        path.walk();
        path.errors();
        path.errors_denied(false, &cases(remotes));
        path.errors_denied(true, &[("web", "ingress", routers, false)]);
    }
}

#[test]
fn p2_from_a_public_instance_to_the_internet() {
    let text = text();
    let v4 = Path { text: &text, who: "web", from: "10.0.0.10", to: REMOTE, place: "internet", there: &OUT, back: &IN };
    let v6 = Path { from: WEB_V6, to: REMOTE_V6, ..v4 };
    let cases = |block| [("web", "egress", block, false), ("web", "ingress", block, true)];
    for (path, remotes, routers) in
        [(v4, "198.51.100.0/24", "192.0.2.0/24"), (v6, "2001:db8:ffff::/48", "2001:db8:eeee::/48")]
    {
        path.walk();
        path.errors();
        path.errors_denied(false, &cases(remotes));
        path.errors_denied(true, &[("web", "ingress", routers, true)]);
    }
}

#[test]
fn p3_through_the_nat_gateway() {
    let text = text();
    let there = [
        "sg eni-app egress",
        "nacl acl-app egress",
        "route rtb-app",
        "nacl acl-nat ingress",
        "nat nat-nat egress",
        "nacl acl-nat egress",
        "route rtb-out",
        "igw igw-igw",
    ];
    let back = [
        "igw igw-igw",
        "nacl acl-nat ingress",
        "nat nat-nat ingress",
        "nacl acl-nat egress",
        "route rtb-out",
        "nacl acl-app ingress",
        "sg eni-app ingress",
    ];
    let path =
        Path { text: &text, who: "app", from: "10.0.1.10", to: REMOTE, place: "internet", there: &there, back: &back };
    path.walk();
    path.errors();
    path.errors_denied(
        false,
        &[
            ("app", "egress", "198.51.100.0/24", false),
            ("nat", "ingress", "10.0.1.0/24", false),
            ("nat", "egress", "198.51.100.0/24", false),
            ("nat", "ingress", "198.51.100.0/24", true),
            ("nat", "egress", "10.0.1.0/24", true),
            ("app", "ingress", "198.51.100.0/24", true),
        ],
    );
    path.errors_denied(
        true,
        &[
            ("nat", "ingress", "192.0.2.0/24", true),
            ("nat", "egress", "10.0.1.0/24", true),
            ("app", "ingress", "192.0.2.0/24", true),
        ],
    );
}

#[test]
fn p4_within_a_subnet() {
    let text = text();
    let there = ["sg eni-web egress", "sg eni-beside ingress"];
    let back = ["sg eni-beside egress", "sg eni-web ingress"];
    let v4 = Path {
        text: &text,
        who: "web",
        from: "10.0.0.10",
        to: "10.0.0.11",
        place: "eni-beside",
        there: &there,
        back: &back,
    };
    for path in [v4, Path { from: WEB_V6, to: "2001:db8:1234:1a00::11", ..v4 }] {
        path.walk();
        path.errors();
        path.errors_denied(false, &[]);
    }
}

#[test]
fn p5_and_the_inner_connection_of_p14_between_subnets() {
    let text = text();
    let there =
        ["sg eni-web egress", "nacl acl-web egress", "route rtb-out", "nacl acl-app ingress", "sg eni-app ingress"];
    let back =
        ["sg eni-app egress", "nacl acl-app egress", "route rtb-app", "nacl acl-web ingress", "sg eni-web ingress"];
    let v4 = Path {
        text: &text,
        who: "web",
        from: "10.0.0.10",
        to: "10.0.1.10",
        place: "eni-app",
        there: &there,
        back: &back,
    };
    let v6 = Path { from: WEB_V6, to: APP_V6, ..v4 };
    let cases = |web, app| -> [Denying<'_>; 4] {
        [
            ("web", "egress", app, false),
            ("app", "ingress", web, false),
            ("app", "egress", web, true),
            ("web", "ingress", app, true),
        ]
    };
    for (path, web, app) in
        [(v4, "10.0.0.0/24", "10.0.1.0/24"), (v6, "2001:db8:1234:1a00::/64", "2001:db8:1234:1a01::/64")]
    {
        path.walk();
        path.errors();
        path.errors_denied(false, &cases(web, app));
    }
}

#[test]
fn p9_through_the_egress_only_gateway() {
    let text = text();
    let there = ["sg eni-app egress", "nacl acl-app egress", "route rtb-app", "eigw eigw-eigw"];
    let back = ["eigw eigw-eigw", "nacl acl-app ingress", "sg eni-app ingress"];
    let path =
        Path { text: &text, who: "app", from: APP_V6, to: REMOTE_V6, place: "internet", there: &there, back: &back };
    path.walk();
    path.errors();
    let remotes = "2001:db8:ffff::/48";
    path.errors_denied(false, &[("app", "egress", remotes, false), ("app", "ingress", remotes, true)]);
    path.errors_denied(true, &[("app", "ingress", "2001:db8:eeee::/48", true)]);
}

#[test]
fn p13_to_a_public_address_of_the_vpc() {
    let text = text();
    let there = [&OUT[..], &["igw igw-igw", "nacl acl-api ingress", "sg eni-api ingress"]].concat();
    let back = [&["sg eni-api egress", "nacl acl-api egress", "route rtb-out", "igw igw-igw"][..], &IN].concat();
    let path = Path {
        text: &text,
        who: "web",
        from: "10.0.0.10",
        to: "203.0.113.30",
        place: "eni-api",
        there: &there,
        back: &back,
    };
    path.walk();
    path.errors();
    path.errors_denied(
        false,
        &[
            ("web", "egress", "203.0.113.30/32", false),
            ("api", "ingress", "203.0.113.10/32", false),
            ("api", "egress", "203.0.113.10/32", true),
            ("web", "ingress", "203.0.113.30/32", true),
        ],
    );
}

#[test]
fn groups_that_know_no_related_packets_deny_each_at_its_end() {
    let strict = but(&text(), "[vpc.main]", "[behavior.security_group]\nicmp_related = false\n[vpc.main]");
    let mut lab = Lab::new(&strict);
    let sent = lab.leave("web", udp("10.0.0.10:4000", "10.0.1.10:443")).delivered("eni-app");
    lab.leave("app", error_about(&sent.bytes, None)).dropped(DropReason::SecurityGroup, "eni-app");
    let sent = lab.leave("app", syn("10.0.1.10:4000", "198.51.100.7:443")).delivered("internet");
    lab.arrive(error_about(&sent.bytes, Some("192.0.2.254"))).dropped(DropReason::SecurityGroup, "eni-app");
}

#[test]
fn an_error_about_no_flow_goes_no_such_way() {
    let mut lab = Lab::new(&text());
    let (nobodys, other) = (udp("203.0.113.10:4000", "198.51.100.7:443"), udp("203.0.113.20:4000", "198.51.100.7:443"));
    lab.arrive(error_about(&nobodys, None)).dropped(DropReason::SecurityGroup, "eni-web");
    lab.arrive(error_about(&other, None)).dropped(DropReason::NatNoSession, "nat-nat");
    let six = udp(&format!("[{APP_V6}]:4000"), &format!("[{REMOTE_V6}]:443"));
    lab.arrive(error_about(&six, None)).dropped(DropReason::EgressOnlyNoSession, "eigw-eigw");
}
