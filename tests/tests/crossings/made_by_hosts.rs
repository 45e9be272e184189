//! What instances that forward, interface endpoints and transit gateways say themselves (P22, 0.1): it leaves them like
//! any packet of theirs, and groups let it out as part of a connection, or as related to one.

use vpcemu_dataplane::DropReason;
use vpcemu_dataplane::outcome::CtState;
use vpcemu_packet::build;
use vpcemu_tests::path::but;
use vpcemu_tests::told::{Told, nothing};
use vpcemu_tests::{Lab, data, socket, syn, udp};

use super::{appliance, endpoint_errors, nat_instance, private_nat};

const APP: &str = "10.0.1.10:4000";
const SERVER: &str = "198.51.100.7:443";
const CLIENT: &str = "10.0.0.10:4000";
const SERVICE: &str = "10.0.1.50:443";
const NO_RELATED: &str = "[behavior.security_group]\nicmp_related = false\n[vpc.main]";

fn last_hop(from: &str, to: &str) -> Vec<u8> {
    build::udp(socket(from), socket(to)).ttl(1).build()
}

fn sized(from: &str, to: &str, length: usize) -> Vec<u8> {
    build::udp(socket(from), socket(to)).payload(&vec![7; length - 28]).dont_fragment(true).build()
}

const TO_CLIENT: [&str; 5] = [
    "sg eni-box egress",
    "nacl acl-public egress",
    "route rtb-public",
    "nacl acl-private ingress",
    "sg eni-app ingress",
];

#[test]
fn p22_a_nat_instance_tells_its_client() {
    let text = nat_instance::text();
    let small = but(&text, "[vpc.main]", "[behavior.nat_instance]\nmtu = 1400\n[vpc.main]");
    let old = Told {
        text: &text,
        before: nothing,
        of: |lab| lab.leave("app", last_hop(APP, SERVER)).dropped(DropReason::Ttl, "eni-box"),
        kind: "icmp-time-exceeded",
        from: "10.0.0.5",
        place: "eni-app",
        steps: &TO_CLIENT,
        state: Some(CtState::Related),
    };
    let large = Told {
        text: &small,
        of: |lab| lab.leave("app", sized(APP, SERVER, 1401)).dropped(DropReason::Mtu, "eni-box"),
        kind: "icmp-frag-needed",
        ..old
    };
    for told in [old, large] {
        told.walk();
        told.denied(&[("public", "egress", "10.0.1.0/24"), ("private", "ingress", "10.0.0.5/32")]);
        told.dies("[vpc.main]", NO_RELATED, DropReason::SecurityGroup, "eni-box");
    }
}

/// A connection of both directions, which is then idle for as long as the instance remembers one.
fn idle(lab: &mut Lab) {
    let opened = lab.leave("app", syn(APP, SERVER)).delivered("internet");
    lab.arrive(opened.reply()).delivered("eni-app");
    let segment = |from, to| build::tcp(socket(from), socket(to)).seq(1).ack(1);
    lab.leave("app", segment(APP, SERVER).build()).delivered("internet");
    lab.arrive(segment(SERVER, "203.0.113.5:4000").payload(b"data").build()).delivered("eni-app");
    lab.leave("app", build::tcp(socket(APP), socket(SERVER)).seq(1).ack(5).build()).delivered("internet");
    lab.wait(100.0);
}

#[test]
fn p22_a_nat_instance_ends_a_connection_by_a_knob() {
    for (knob, kind) in [("fin", "tcp-fin"), ("rst", "tcp-rst")] {
        let knobs = format!("[behavior.nat_instance]\ntimeout = \"{knob}\"\ntcp_established = \"100s\"\n[vpc.main]");
        let text = but(&nat_instance::text(), "[vpc.main]", &knobs);
        let told = Told {
            text: &text,
            before: idle,
            of: |lab| {
                let more = build::tcp(socket(APP), socket(SERVER)).seq(1).ack(5).payload(b"more").build();
                lab.leave("app", more).dropped(DropReason::NatIdleExpired, "eni-box")
            },
            kind,
            from: "198.51.100.7",
            place: "eni-app",
            steps: &TO_CLIENT,
            state: Some(CtState::Established),
        };
        told.walk();
        told.denied(&[("public", "egress", "10.0.1.0/24"), ("private", "ingress", "198.51.100.0/24")]);
    }
}

#[test]
fn p22_a_nat_instance_tells_the_outside() {
    let text = nat_instance::text();
    let told = Told {
        text: &text,
        before: |lab| drop(lab.leave("app", udp(APP, SERVER)).delivered("internet").source("203.0.113.5")),
        of: |lab| lab.arrive(last_hop(SERVER, "203.0.113.5:4000")).dropped(DropReason::Ttl, "eni-box"),
        kind: "icmp-time-exceeded",
        from: "203.0.113.5",
        place: "internet",
        steps: &["sg eni-box egress", "nacl acl-public egress", "route rtb-public", "igw igw-igw"],
        state: Some(CtState::Related),
    };
    told.walk();
    told.denied(&[("public", "egress", "198.51.100.0/24")]);
    told.dies("{ to = \"0.0.0.0/0\", via = \"igw\" }, ", "", DropReason::NoRoute, "rtb-public");
}

#[test]
fn p22_an_appliance_tells_both_sides() {
    let text = appliance::text();
    let outside = Told {
        text: &text,
        before: nothing,
        of: |lab| lab.arrive(last_hop(SERVER, "203.0.113.10:443")).dropped(DropReason::Ttl, "eni-fw"),
        kind: "icmp-time-exceeded",
        from: "203.0.113.20",
        place: "internet",
        steps: &["sg eni-fw egress", "nacl acl-fw egress", "route rtb-fw", "igw igw-igw"],
        state: Some(CtState::Related),
    };
    outside.walk();
    outside.denied(&[("fw", "egress", "198.51.100.0/24")]);
    outside.dies("[vpc.main]", NO_RELATED, DropReason::SecurityGroup, "eni-fw");
    let inside = Told {
        before: |lab| drop(lab.arrive(udp(SERVER, "203.0.113.10:4000")).delivered("eni-web")),
        of: |lab| lab.leave("web", last_hop(APP, SERVER)).dropped(DropReason::Ttl, "eni-fw"),
        from: "10.0.2.10",
        place: "eni-web",
        steps: &[
            "sg eni-fw egress",
            "nacl acl-fw egress",
            "route rtb-fw",
            "nacl acl-web ingress",
            "sg eni-web ingress",
        ],
        ..outside
    };
    inside.walk();
    inside.denied(&[("fw", "egress", "10.0.1.0/24"), ("web", "ingress", "10.0.2.10/32")]);
}

#[test]
fn p22_an_interface_endpoint_resets_what_was_idle() {
    let text = endpoint_errors::text();
    let told = Told {
        text: &text,
        before: |lab| {
            let opened = lab.leave("app", syn(CLIENT, SERVICE)).delivered("eni-queue-1");
            lab.leave("eni-queue-1", opened.reply()).delivered("eni-app");
            lab.leave("app", data(CLIENT, SERVICE)).delivered("eni-queue-1");
            lab.wait(350.0);
        },
        of: |lab| lab.leave("app", data(CLIENT, SERVICE)).dropped(DropReason::EndpointIdleExpired, "vpce-queue"),
        kind: "tcp-rst",
        from: "10.0.1.50",
        place: "eni-app",
        steps: &[
            "sg eni-queue-1 egress",
            "nacl acl-services egress",
            "route rtb-main-main",
            "nacl acl-app ingress",
            "sg eni-app ingress",
        ],
        state: Some(CtState::Established),
    };
    told.walk();
    told.denied(&[("services", "egress", "10.0.0.0/24"), ("app", "ingress", "10.0.1.50/32")]);
}

#[test]
fn p22_a_transit_gateway_tells_from_its_interface() {
    // Hosts, without a NAT gateway in between: the table of their subnet leads to the transit gateway itself.
    let routes = "routes = [{ to = \"10.1.0.0/16\", via = \"nat\" }, { to = \"192.168.0.0/16\", via = \"nat\" }]";
    let text = but(&private_nat::transit(), routes, &routes.replace("nat", "hub"));
    let text = but(&text, "subnets = [\"a-tgw\"]\n", "subnets = [\"a-tgw\"]\naddresses = [\"10.0.8.5\"]\n");
    let text = but(&text, "[vpc.a]", "[behavior.transit_gateway]\ntime_exceeded = true\n[vpc.a]");
    let large = Told {
        text: &text,
        before: nothing,
        of: |lab| lab.leave("client", sized(CLIENT, "10.1.0.20:443", 8501)).dropped(DropReason::Mtu, "tgw-hub"),
        kind: "icmp-frag-needed",
        from: "10.0.8.5",
        place: "eni-client",
        steps: &["nacl acl-a-tgw egress", "route rtb-a-tgw", "nacl acl-a ingress", "sg eni-client ingress"],
        state: Some(CtState::Related),
    };
    let old = Told {
        of: |lab| lab.leave("client", last_hop(CLIENT, "10.1.0.20:443")).dropped(DropReason::Ttl, "tgw-hub"),
        kind: "icmp-time-exceeded",
        ..large
    };
    for told in [large, old] {
        told.walk();
        told.denied(&[("a-tgw", "egress", "10.0.0.0/24"), ("a", "ingress", "10.0.8.5/32")]);
    }
}
