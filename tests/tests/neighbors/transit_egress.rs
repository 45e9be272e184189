//! A spoke that goes to the internet by the NAT gateway of another VPC (10.27, P17), with and without inspection on the way.

use vpcemu_dataplane::DropReason;
use vpcemu_dataplane::outcome::CtState;
use vpcemu_dataplane::output::GeneratedKind;
use vpcemu_packet::build;
use vpcemu_tests::path::{Path, acl, but};
use vpcemu_tests::told::{Told, nothing};
use vpcemu_tests::{Lab, Sent, data, headers, socket, syn};

const REMOTE: &str = "198.51.100.7";

fn text() -> String {
    let network = r#"
[vpc.spoke]
cidrs = ["10.1.0.0/16"]
[vpc.egress]
cidrs = ["10.0.0.0/16"]
[internet_gateway.igw]
vpc = "egress"
[transit_gateway.hub.attachment.spoke]
subnets = ["spoke-tgw"]
route_table = "spokes"
propagate_to = ["hub"]
[transit_gateway.hub.attachment.egress]
subnets = ["tgw"]
route_table = "hub"
propagate_to = []
[transit_gateway.hub.route_table.spokes]
routes = [{ to = "0.0.0.0/0", via = "egress" }]
[transit_gateway.hub.route_table.hub]
[subnet.spoke]
vpc = "spoke"
cidrs = ["10.1.0.0/24"]
route_table = "spoke"
nacl = "spoke"
[subnet.spoke-tgw]
vpc = "spoke"
cidrs = ["10.1.8.0/24"]
nacl = "spoke-tgw"
[subnet.tgw]
vpc = "egress"
cidrs = ["10.0.8.0/24"]
route_table = "tgw"
nacl = "tgw"
[subnet.pub]
vpc = "egress"
cidrs = ["10.0.0.0/24"]
route_table = "pub"
nacl = "pub"
[route_table.spoke]
vpc = "spoke"
routes = [{ to = "0.0.0.0/0", via = "hub" }]
[route_table.tgw]
vpc = "egress"
routes = [{ to = "0.0.0.0/0", via = "nat" }]
[route_table.pub]
vpc = "egress"
routes = [{ to = "0.0.0.0/0", via = "igw" }, { to = "10.1.0.0/16", via = "hub" }]
[nat_gateway.nat]
subnet = "pub"
addresses = [{ private = "10.0.0.200", public = "203.0.113.20" }]
[instance.app]
subnet = "spoke"
addresses = ["10.1.0.10"]
"#;
    let acls = [("spoke", "spoke"), ("spoke-tgw", "spoke"), ("tgw", "egress"), ("pub", "egress")];
    acls.iter().fold(network.to_owned(), |text, (name, vpc)| text + &acl(name, vpc))
}

const THERE: [&str; 13] = [
    "sg eni-app egress",
    "nacl acl-spoke egress",
    "route rtb-spoke",
    "nacl acl-spoke-tgw ingress",
    "route tgw-rtb-spokes",
    "tgw tgw-hub",
    "nacl acl-tgw egress",
    "route rtb-tgw",
    "nacl acl-pub ingress",
    "nat nat-nat egress",
    "nacl acl-pub egress",
    "route rtb-pub",
    "igw igw-igw",
];
const BACK: [&str; 12] = [
    "igw igw-igw",
    "nacl acl-pub ingress",
    "nat nat-nat ingress",
    "nacl acl-pub egress",
    "route rtb-pub",
    "nacl acl-tgw ingress",
    "route tgw-rtb-hub",
    "tgw tgw-hub",
    "nacl acl-spoke-tgw egress",
    "route rtb-spoke-main",
    "nacl acl-spoke ingress",
    "sg eni-app ingress",
];

fn p17(text: &str) -> Path<'_> {
    Path { text, who: "app", from: "10.1.0.10", to: REMOTE, place: "internet", there: &THERE, back: &BACK }
}

#[test]
fn p17_a_spoke_by_the_nat_gateway_of_the_egress_vpc() {
    let text = text();
    p17(&text).walk();
    let mut lab = Lab::new(&text);
    let sent = lab.leave("app", syn("10.1.0.10:4000", "198.51.100.7:443")).delivered("internet").source("203.0.113.20");
    // The transit gateway and the NAT gateway (1.25).
    assert_eq!(sent.headers().ttl, 62);
    let reply = lab.arrive(sent.reply()).delivered("eni-app").destination("10.1.0.10:4000");
    assert_eq!(reply.headers().ttl, 62);
    // Only answers come back.
    lab.arrive(syn("198.51.100.7:443", "203.0.113.20:5000")).dropped(DropReason::NatNoSession, "nat-nat");
}

#[test]
fn p17_each_rule_that_is_taken_away_denies() {
    let text = text();
    let path = p17(&text);
    let crossings = [
        ("spoke", "egress", "198.51.100.0/24", false),
        ("spoke-tgw", "ingress", "10.1.0.0/24", false),
        ("tgw", "egress", "198.51.100.0/24", false),
        ("pub", "ingress", "10.1.0.0/24", false),
        ("pub", "egress", "198.51.100.0/24", false),
        ("pub", "ingress", "198.51.100.0/24", true),
        ("pub", "egress", "10.1.0.0/24", true),
        ("tgw", "ingress", "198.51.100.0/24", true),
        ("spoke-tgw", "egress", "10.1.0.0/24", true),
        ("spoke", "ingress", "198.51.100.0/24", true),
    ];
    path.denied(&crossings);
    path.errors();
    path.errors_denied(false, &crossings);
    path.dies("{ to = \"0.0.0.0/0\", via = \"egress\" }", "", DropReason::TransitNoRoute, "tgw-rtb-spokes");
    path.dies("{ to = \"0.0.0.0/0\", via = \"nat\" }", "", DropReason::NoRoute, "rtb-tgw");
    // The NAT gateway's subnet has to know the way back to the spoke: else the answer would go out again.
    path.reply_dies(", { to = \"10.1.0.0/16\", via = \"hub\" }", "", DropReason::Spoofed, "igw-igw");
    path.reply_dies("propagate_to = [\"hub\"]", "propagate_to = []", DropReason::TransitNoRoute, "tgw-rtb-hub");
}

#[test]
fn p22_the_nat_gateway_tells_a_spoke_by_the_transit_gateway() {
    const SERVER: &str = "198.51.100.7:443";
    let text = text();
    let old = Told {
        text: &text,
        before: nothing,
        of: |lab| {
            // One hop is the transit gateway's.
            let last = build::udp(socket("10.1.0.10:4000"), socket(SERVER)).ttl(2).build();
            lab.leave("app", last).dropped(DropReason::Ttl, "nat-nat")
        },
        kind: "icmp-time-exceeded",
        from: "10.0.0.200",
        place: "eni-app",
        steps: &BACK[3..],
        state: Some(CtState::Related),
    };
    let reset = Told {
        before: |lab| {
            let sent = lab.leave("app", syn("10.1.0.10:4000", SERVER)).delivered("internet");
            lab.arrive(sent.reply()).delivered("eni-app");
            lab.leave("app", data("10.1.0.10:4000", SERVER)).delivered("internet");
            lab.wait(350.0);
        },
        of: |lab| lab.leave("app", data("10.1.0.10:4000", SERVER)).dropped(DropReason::NatIdleExpired, "nat-nat"),
        kind: "tcp-rst",
        from: "198.51.100.7",
        state: Some(CtState::Established),
        ..old
    };
    for told in [old, reset] {
        told.walk();
        let source = format!("{}/32", told.from);
        told.denied(&[
            ("pub", "egress", "10.1.0.0/24"),
            ("tgw", "ingress", &source),
            ("spoke-tgw", "egress", "10.1.0.0/24"),
            ("spoke", "ingress", &source),
        ]);
        told.dies("propagate_to = [\"hub\"]", "propagate_to = []", DropReason::TransitNoRoute, "tgw-rtb-hub");
    }
}

#[test]
fn a_spoke_does_not_leave_by_the_internet_gateway_itself() {
    let direct = but(&text(), "{ to = \"0.0.0.0/0\", via = \"nat\" }", "{ to = \"0.0.0.0/0\", via = \"igw\" }");
    let mut lab = Lab::new(&direct);
    lab.leave("app", syn("10.1.0.10:4000", "198.51.100.7:443")).dropped(DropReason::Spoofed, "igw-igw");
}

#[test]
fn a_peered_vpc_does_not_use_the_nat_gateway() {
    let peered = but(
        &text(),
        "[internet_gateway.igw]",
        "[vpc_peering_connection.p]\nrequester = \"spoke\"\naccepter = \"egress\"\n[internet_gateway.igw]",
    );
    let peered = but(
        &peered,
        "[route_table.spoke]\nvpc = \"spoke\"\nroutes = [{ to = \"0.0.0.0/0\", via = \"hub\" }]",
        "[route_table.spoke]\nvpc = \"spoke\"\nroutes = [{ to = \"0.0.0.0/0\", via = \"p\" }]",
    );
    let mut lab = Lab::new(&peered);
    lab.leave("app", syn("10.1.0.10:4000", "198.51.100.7:443")).dropped(DropReason::PeeringAddress, "pcx-p");
}

#[test]
fn an_endpoint_of_a_gateway_load_balancer_may_stand_on_the_way() {
    let inspected = text()
        + "[subnet.fw]\nvpc = \"egress\"\ncidrs = [\"10.0.7.0/24\"]\nroute_table = \"fw\"\n\
           [route_table.fw]\nvpc = \"egress\"\nroutes = [{ to = \"0.0.0.0/0\", via = \"nat\" }, { to = \"10.1.0.0/16\", via = \"hub\" }]\n\
           [vpc_endpoint.fw]\nvpc = \"egress\"\ntype = \"gateway-load-balancer\"\nservice = \"inspection\"\nsubnets = [\"fw\"]\n";
    let inspected = but(
        &inspected,
        "routes = [{ to = \"0.0.0.0/0\", via = \"nat\" }]",
        "routes = [{ to = \"0.0.0.0/0\", via = \"fw\" }]",
    );
    let inspected = but(
        &inspected,
        ", { to = \"10.1.0.0/16\", via = \"hub\" }]\n[nat",
        ", { to = \"10.1.0.0/16\", via = \"fw\" }]\n[nat",
    );
    let mut lab = Lab::new(&inspected);
    let sent = lab.leave("app", syn("10.1.0.10:4000", "198.51.100.7:443")).delivered("internet").source("203.0.113.20");
    assert!(sent.steps.contains(&"endpoint vpce-fw".to_owned()), "{:?}", sent.steps);
    let reply = lab.arrive(sent.reply()).delivered("eni-app");
    assert!(reply.steps.contains(&"endpoint vpce-fw".to_owned()), "{:?}", reply.steps);
    lab.leave("app", data("10.1.0.10:4000", "198.51.100.7:443")).delivered("internet");
}

#[test]
fn what_the_nat_gateway_says_reaches_the_spoke() {
    let sized = |size: usize, ttl| {
        let packet = build::udp(socket("10.1.0.10:4000"), socket("198.51.100.7:53")).payload(&vec![7; size - 28]);
        packet.dont_fragment(true).ttl(ttl).build()
    };
    let said = |sent: Sent, reason, at: &str| {
        let (kind, bytes, place) = sent.dropped(reason, at).generated.expect("who sent it hears of it");
        assert_eq!(place.as_deref(), Some("eni-app"));
        (kind, headers(&bytes).src.to_string())
    };
    let mut lab = Lab::new(&text());
    // The router of the NAT gateway's subnet told the NAT gateway.
    let too_big = said(lab.leave("app", sized(1600, 64)), DropReason::Mtu, "igw-igw");
    assert_eq!(too_big, (GeneratedKind::IcmpFragmentationNeeded, "10.0.0.1".to_owned()));
    let old = said(lab.leave("app", sized(100, 2)), DropReason::Ttl, "nat-nat");
    assert_eq!(old, (GeneratedKind::IcmpTimeExceeded, "10.0.0.200".to_owned()));
    let sent = lab.leave("app", syn("10.1.0.10:4000", "198.51.100.7:443")).delivered("internet");
    lab.arrive(sent.reply()).delivered("eni-app");
    lab.leave("app", data("10.1.0.10:4000", "198.51.100.7:443")).delivered("internet");
    lab.wait(351.0);
    let idle = lab.leave("app", data("10.1.0.10:4000", "198.51.100.7:443"));
    let reset = said(idle, DropReason::NatIdleExpired, "nat-nat");
    assert_eq!(reset, (GeneratedKind::TcpReset, "198.51.100.7".to_owned()));
    let mut lab = Lab::new(&(text() + "[behavior.nat_gateway]\nmtu = 1400\n"));
    let too_big = said(lab.leave("app", sized(1401, 64)), DropReason::Mtu, "nat-nat");
    assert_eq!(too_big, (GeneratedKind::IcmpFragmentationNeeded, "10.0.0.200".to_owned()));
}
