//! What NAT gateways and the VPC's routers say themselves (P22, 0.1): the former leaves the gateway's subnet like any
//! packet, the latter is handed to an interface of the router's subnet without a network ACL.

use vpcemu_dataplane::DropReason;
use vpcemu_dataplane::outcome::CtState;
use vpcemu_packet::build;
use vpcemu_tests::path::but;
use vpcemu_tests::told::{Told, nothing};
use vpcemu_tests::{Lab, Sent, data, socket, syn, udp};

use super::{appliance, errors, nat_instance, nat64, regional};

const APP: &str = "10.0.1.10:4000";
const SIX: &str = "[2001:db8:1234:1a01::10]:4000";
const SERVER: &str = "198.51.100.7:443";
const SIX_SERVER: &str = "[64:ff9b::198.51.100.7]:443";
const NO_RELATED: &str = "[behavior.security_group]\nicmp_related = false\n[vpc.main]";

/// More than a NAT gateway carries (1.22), or only more than the internet gateway does.
const MORE_THAN_8500: usize = 8501;
const MORE_THAN_1500: usize = 1501;

fn sized(from: &str, to: &str, length: usize) -> Vec<u8> {
    let header = if from.starts_with('[') { 48 } else { 28 };
    build::udp(socket(from), socket(to)).payload(&vec![7; length - header]).dont_fragment(true).build()
}

fn last_hop(from: &str, to: &str) -> Vec<u8> {
    build::udp(socket(from), socket(to)).ttl(1).build()
}

/// A connection that is then idle for as long as NAT gateways remember one (4.24).
fn idle(lab: &mut Lab, who: &str, from: &str, to: &str) {
    let sent = lab.leave(who, syn(from, to)).delivered("internet");
    lab.arrive(sent.reply());
    lab.leave(who, data(from, to)).delivered("internet");
    lab.wait(350.0);
}

fn reset(text: &str) -> Told<'_> {
    Told {
        text,
        before: |lab| idle(lab, "app", APP, SERVER),
        of: |lab| lab.leave("app", data(APP, SERVER)).dropped(DropReason::NatIdleExpired, "nat-nat"),
        kind: "tcp-rst",
        from: "198.51.100.7",
        place: "eni-app",
        steps: &[],
        state: Some(CtState::Established),
    }
}

fn too_old(text: &str) -> Told<'_> {
    let of: fn(&mut Lab) -> Sent = |lab| lab.leave("app", last_hop(APP, SERVER)).dropped(DropReason::Ttl, "nat-nat");
    Told { before: nothing, of, kind: "icmp-time-exceeded", state: Some(CtState::Related), ..reset(text) }
}

fn too_large(text: &str) -> Told<'_> {
    let of: fn(&mut Lab) -> Sent =
        |lab| lab.leave("app", sized(APP, SERVER, MORE_THAN_8500)).dropped(DropReason::Mtu, "nat-nat");
    Told { of, kind: "icmp-frag-needed", ..too_old(text) }
}

/// Too large for the internet gateway, which is behind the NAT gateway.
fn too_large_for_the_internet(text: &str) -> Told<'_> {
    let of: fn(&mut Lab) -> Sent =
        |lab| lab.leave("app", sized(APP, SERVER, MORE_THAN_1500)).dropped(DropReason::Mtu, "igw-igw");
    Told { of, ..too_large(text) }
}

const FROM_NAT: [&str; 4] = ["nacl acl-nat egress", "route rtb-out", "nacl acl-app ingress", "sg eni-app ingress"];

#[test]
fn p22_a_nat_gateway_tells_its_client_across_two_network_acls() {
    let text = errors::text();
    let exhausted = but(
        &text,
        "[vpc.main]",
        "[behavior.nat_gateway]\nexhaustion = \"icmp13\"\nmax_per_destination = 1\n[vpc.main]",
    );
    let full = Told {
        before: |lab| drop(lab.leave("app", udp(APP, SERVER)).delivered("internet")),
        of: |lab| lab.leave("app", udp("10.0.1.10:4001", SERVER)).dropped(DropReason::NatPortExhausted, "nat-nat"),
        kind: "icmp-unreachable",
        ..too_old(&exhausted)
    };
    let own = "10.0.2.200";
    for told in [
        reset(&text),
        Told { from: own, ..too_old(&text) },
        Told { from: own, ..too_large(&text) },
        Told { from: own, ..full },
    ] {
        let told = Told { steps: &FROM_NAT, ..told };
        told.walk();
        // A RST comes in the remote's name, and errors in the gateway's.
        let source = format!("{}/32", told.from);
        told.denied(&[("nat", "egress", "10.0.1.0/24"), ("app", "ingress", &source)]);
    }
    let related = Told { steps: &FROM_NAT, from: own, ..too_old(&text) };
    related.dies("[vpc.main]", NO_RELATED, DropReason::SecurityGroup, "eni-app");
}

#[test]
fn p22_a_nat_gateway_tells_the_outside_only_by_a_knob() {
    let text = but(&errors::text(), "[vpc.main]", "[behavior.nat_gateway]\nrst_to_outside = true\n[vpc.main]");
    let told = Told {
        before: nothing,
        of: |lab| lab.arrive(syn(SERVER, "203.0.113.20:4000")).dropped(DropReason::NatNoSession, "nat-nat"),
        from: "203.0.113.20",
        place: "internet",
        steps: &["nacl acl-nat egress", "route rtb-out", "igw igw-igw"],
        state: None,
        ..reset(&text)
    };
    told.walk();
    told.denied(&[("nat", "egress", "198.51.100.0/24")]);
}

#[test]
fn p22_a_nat_gateway_tells_an_ipv6_client_in_its_family() {
    let text = nat64::text();
    let told = Told {
        before: |lab| idle(lab, "six", SIX, SIX_SERVER),
        of: |lab| lab.leave("six", data(SIX, SIX_SERVER)).dropped(DropReason::NatIdleExpired, "nat-nat"),
        from: "64:ff9b::c633:6407",
        place: "eni-six",
        steps: &["nacl acl-public egress", "route rtb-public", "nacl acl-six ingress", "sg eni-six ingress"],
        ..reset(&text)
    };
    let error = Told { before: nothing, from: "64:ff9b::a00:c8", state: Some(CtState::Related), ..told };
    for told in [
        told,
        Told {
            of: |lab| lab.leave("six", last_hop(SIX, SIX_SERVER)).dropped(DropReason::Ttl, "nat-nat"),
            kind: "icmp-time-exceeded",
            ..error
        },
        Told {
            of: |lab| lab.leave("six", sized(SIX, SIX_SERVER, MORE_THAN_8500)).dropped(DropReason::Mtu, "nat-nat"),
            kind: "icmpv6-ptb",
            ..error
        },
    ] {
        told.walk();
        let source = format!("{}/128", told.from);
        told.denied(&[("public", "egress", "2001:db8:1234:1a01::/64"), ("six", "ingress", &source)]);
    }
}

#[test]
fn p22_a_regional_nat_gateway_tells_by_its_own_table() {
    let text = regional::text();
    let steps = ["route rtb-nat", "nacl acl-private ingress", "sg eni-app ingress"];
    let own = "203.0.113.20";
    for told in [reset(&text), Told { from: own, ..too_old(&text) }, Told { from: own, ..too_large(&text) }] {
        let told = Told { steps: &steps, ..told };
        told.walk();
        let source = format!("{}/32", told.from);
        told.denied(&[("private", "ingress", &source)]);
    }
    // What the internet gateway has to say comes back through it.
    let steps = ["nat nat-nat ingress", "route rtb-nat", "nacl acl-private ingress", "sg eni-app ingress"];
    let told = Told { steps: &steps, from: own, ..too_large_for_the_internet(&text) };
    told.walk();
    told.denied(&[("private", "ingress", "203.0.113.20/32")]);
}

#[test]
fn p22_a_router_tells_an_interface_of_its_subnet_across_no_network_acl() {
    let text = errors::text();
    let web = Told {
        of: |lab| lab.leave("web", sized("10.0.0.10:4000", SERVER, MORE_THAN_1500)).dropped(DropReason::Mtu, "igw-igw"),
        from: "10.0.0.1",
        place: "eni-web",
        steps: &["sg eni-web ingress"],
        ..too_large(&text)
    };
    let web_v6 = Told {
        of: |lab| {
            let packet = sized("[2001:db8:1234:1a00::10]:4000", "[2001:db8:ffff::7]:443", MORE_THAN_1500);
            lab.leave("web", packet).dropped(DropReason::Mtu, "igw-igw")
        },
        kind: "icmpv6-ptb",
        from: "2001:db8:1234:1a00::1",
        ..web
    };
    let app_v6 = Told {
        of: |lab| {
            lab.leave("app", sized(SIX, "[2001:db8:ffff::7]:443", MORE_THAN_1500)).dropped(DropReason::Mtu, "eigw-eigw")
        },
        from: "2001:db8:1234:1a01::1",
        place: "eni-app",
        steps: &["sg eni-app ingress"],
        ..web_v6
    };
    for told in [web, web_v6, app_v6] {
        told.walk();
        told.denied(&[]);
        told.dies("[vpc.main]", NO_RELATED, DropReason::SecurityGroup, told.place);
    }
}

#[test]
fn p22_a_router_tells_the_nat_gateway_which_passes_it_on() {
    let text = errors::text();
    let steps = [&["nat nat-nat ingress"][..], &FROM_NAT].concat();
    let told = Told { steps: &steps, from: "10.0.2.1", ..too_large_for_the_internet(&text) };
    told.walk();
    told.denied(&[("nat", "egress", "10.0.1.0/24"), ("app", "ingress", "10.0.2.1/32")]);
}

#[test]
fn p22_a_router_tells_who_is_behind_an_appliance_or_a_nat_instance() {
    // The appliance keeps the source: the router finds it by its subnet's table.
    let text = appliance::text();
    let told = Told {
        before: |lab| drop(lab.arrive(udp(SERVER, "203.0.113.10:4000")).delivered("eni-web")),
        of: |lab| lab.leave("web", sized(APP, SERVER, MORE_THAN_1500)).dropped(DropReason::Mtu, "igw-igw"),
        from: "10.0.2.1",
        place: "eni-web",
        steps: &["route rtb-fw", "nacl acl-web ingress", "sg eni-web ingress"],
        ..too_large(&text)
    };
    told.walk();
    told.denied(&[("web", "ingress", "10.0.2.1/32")]);
    // The NAT instance is who sent it.
    let text = nat_instance::text();
    let steps = [
        "sg eni-box ingress",
        "nat eni-box",
        "sg eni-box egress",
        "nacl acl-public egress",
        "route rtb-public",
        "nacl acl-private ingress",
        "sg eni-app ingress",
    ];
    let told = Told { steps: &steps, from: "10.0.0.1", ..too_large_for_the_internet(&text) };
    told.walk();
    told.denied(&[("public", "egress", "10.0.1.0/24"), ("private", "ingress", "10.0.0.1/32")]);
    told.dies("[vpc.main]", NO_RELATED, DropReason::SecurityGroup, "eni-box");
}
