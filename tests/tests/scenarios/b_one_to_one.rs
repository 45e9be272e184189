//! 1:1 NAT and hairpins: internet gateways and elastic IPs.

use vpcemu_dataplane::DropReason::{NatNoSession, NoPublicAddress, NoSuchPublicAddress, SecurityGroupEmpty};
use vpcemu_dataplane::outcome::CtState;
use vpcemu_tests::scenario::*;

use crate::a_source_nat::TWINS;

/// GRE, and ESP, whose payload starts with an SPI.
const GRE: u8 = 47;
const ESP: u8 = 50;

#[test]
fn b1_from_inside_first_only_the_address_changes() {
    let mut s = EIP_PAIR.start();
    // Open both ways is untracked; echo is tracked always (6.15).
    for (packet, opens) in [
        (tcp("web:4000 > server:443", "S"), NOTHING),
        (udp("web:5353 > dns:53"), NOTHING),
        (ping("web > server", 77), OPENED),
    ] {
        let out = s.leave("web", packet).to("internet", |p| p.src("web.pub")).counts(opens);
        s.arrive(out.reply()).to("web", |p| p.dst("web")).counts(NOTHING);
    }
}

#[test]
fn b2_from_outside_first_the_answer_leaves_as_the_elastic_ip() {
    let mut s = EIP_PAIR.start();
    for (packet, opens) in [
        (tcp("server:4000 > web.pub:443", "S"), NOTHING),
        (udp("dns:5353 > web.pub:53"), NOTHING),
        (ping("server > web.pub", 77), OPENED),
    ] {
        let asked = s.arrive(packet).to("web", |p| p.dst("web")).counts(opens);
        s.leave("web", asked.reply()).to("internet", |p| p.src("web.pub")).counts(NOTHING);
    }
}

#[test]
fn b4_a_host_without_elastic_ip_leaks_nothing() {
    let lead = EIP_PAIR
        .but("[route_table.priv]\nroutes = []", "[route_table.priv]\nroutes = [{ to = \"0.0.0.0/0\", via = \"igw\" }]");
    let mut s = lead.start();
    for packet in [tcp("one:4000 > server:443", "S"), udp("one:5353 > dns:53"), ping("one > server", 77)] {
        s.leave("one", packet).dropped(NoPublicAddress, "igw-igw").counts(NOTHING);
    }
}

#[test]
fn b5_an_address_that_nobody_has_is_dropped() {
    let mut s = EIP_PAIR.start();
    for packet in [
        tcp("server:4000 > 203.0.113.99:443", "S"),
        udp("server:5353 > 203.0.113.99:53"),
        ping("server > 203.0.113.99", 7),
    ] {
        s.arrive(packet).dropped(NoSuchPublicAddress, "igw-igw").counts(NOTHING);
    }
}

#[test]
fn b6_a_protocol_without_ports_is_translated_and_its_payload_left_alone() {
    let mut s = EIP_PAIR.start();
    for number in [GRE, ESP] {
        let out = s
            .leave("web", protocol("web > server", number, b"\x20\x01\x02\x03 sealed"))
            .to("internet", |p| p.src("web.pub"));
        let out = out.counts(OPENED);
        s.arrive(out.reply()).to("web", |p| p.dst("web")).of(&out).counts(NOTHING);
    }
}

#[test]
fn b7_two_hosts_meet_by_their_elastic_ips() {
    let mut s = EIP_PAIR.start();
    for (packet, opens) in [
        (tcp("web:4000 > api.pub:443", "S"), NOTHING),
        (udp("web:5353 > api.pub:53"), NOTHING),
        (ping("web > api.pub", 77), OPENED),
    ] {
        let asked = s.leave("web", packet).to("api", |p| p.src("web.pub").dst("api")).counts(opens);
        s.leave("api", asked.reply()).to("web", |p| p.src("api.pub").dst("web")).counts(NOTHING);
    }
}

#[test]
fn b8_a_host_reaches_itself_by_its_own_elastic_ip() {
    let mut s = EIP_PAIR.start();
    s.leave("web", udp("web:5353 > web.pub:53")).to("web", |p| p.src("web.pub").dst("web")).counts(NOTHING);
}

#[test]
fn b9_a_packet_for_the_gateway_by_its_own_address_does_not_go_in_circles() {
    let mut s = NAT.start();
    // Out to the internet gateway and back, and there is no mapping (4.21).
    for packet in [udp("one:5353 > nat:53"), ping("one > nat", 7)] {
        s.leave("one", packet).dropped(NatNoSession, "nat-nat").counts(OUT + REFUSED_BACK);
    }
    let step = s.leave("one", tcp("one:4000 > nat:443", "S")).dropped(NatNoSession, "nat-nat");
    step.counts(OUT + ATTEMPT + REFUSED_BACK);
    // Even where hairpins are allowed there is nobody behind an unused port (12, 4787-9).
    let mut s = NAT.knob("nat_gateway.hairpin = 'ext_src'").start();
    s.leave("one", udp("one:5353 > nat:53")).dropped(NatNoSession, "nat-nat").counts(OUT + REFUSED_BACK);
}

#[test]
fn b10_a_hairpin_carries_fragments_and_unknown_protocols() {
    let mut s = EIP_PAIR.start();
    s.leave("web", protocol("web > api.pub", GRE, b"payload"))
        .to("api", |p| p.src("web.pub").dst("api"))
        .counts(OPENED);
    for piece in udp("web:5353 > api.pub:53").id(7).sized(1200).pieces(500) {
        s.leave("web", piece).to("api", |p| p.src("web.pub").dst("api")).counts(NOTHING);
    }
}

#[test]
fn b11_translated_at_both_ends_and_undone_in_the_reverse_order() {
    let mut s = NAT.start();
    for (packet, inside, opens) in [
        (tcp("one:4000 > web.pub:443", "S"), "one:4000", ATTEMPT + OPENED),
        (udp("one:5353 > web.pub:53"), "one:5353", OPENED),
        (ping("one > web.pub", 77), "one:77", OPENED),
    ] {
        let asked = s.leave("one", packet).to("web", |p| p.src("nat:*").dst("web").hop()).counts(OUT + opens);
        let answer = s.leave("web", asked.reply()).to("one", |p| p.src("web.pub").dst(inside).hop());
        answer.of(&asked).counts(BACK);
    }
}

#[test]
fn b13_every_fragment_is_translated_without_state() {
    let mut s = EIP_PAIR.start();
    let question = udp("dns:53 > web.pub:5353").id(99).sized(4096);
    for piece in question.pieces(1500) {
        s.arrive(piece).to("web", |p| p.dst("web")).counts(NOTHING);
    }
    for piece in question.reply().src("web:5353").sized(4096).pieces(1500) {
        s.leave("web", piece).to("internet", |p| p.src("web.pub")).counts(NOTHING);
    }
}

#[test]
fn b14_one_client_port_to_the_public_and_to_the_private_address() {
    let mut s = NAT.start();
    let public = s.leave("one", udp("one:4000 > web.pub:53")).to("web", |p| p.src("nat:*").dst("web").hop());
    let public = public.counts(OUT + OPENED);
    let private = s.leave("one", udp("one:4000 > web:53")).to("web", |p| p).counts(OPENED);
    s.leave("web", private.reply()).to("one", |p| p).counts(NOTHING);
    s.leave("web", public.reply()).to("one", |p| p.src("web.pub:53").dst("one:4000").hop()).of(&public).counts(BACK);
}

#[test]
fn b15_the_same_private_address_in_another_vpc_is_not_translated() {
    let mut s = TWINS.start();
    s.leave("web-a", udp("10.0.0.10:5353 > dns:53")).to("internet", |p| p.src("203.0.113.10")).counts(OPENED);
    s.leave("web-b", udp("10.0.0.10:5353 > dns:53")).dropped(NoPublicAddress, "igw-b").counts(NOTHING);
    s.arrive(udp("dns:53 > 203.0.113.10:5353")).to("web-a", |p| p.dst("10.0.0.10")).counts(NOTHING);
}

#[test]
fn b16_an_error_about_a_flow_never_seen_is_translated_all_the_same() {
    // The gateway has no state (3.8); who lets it in is the instance's group (6.26).
    let stray = || error("hop > web.pub", 11, 0, &udp("web.pub:5353 > dns:53"));
    let mut s = EIP_PAIR.start();
    s.arrive(stray()).to("web", |p| p.dst("web").inner(|q| q.src("web"))).state(CtState::Related).counts(NOTHING);
    let closed = EIP_PAIR.but(
        "public = \"203.0.113.10\"\nsecurity_groups = [\"open\"]",
        "public = \"203.0.113.10\"\nsecurity_groups = [\"client\"]",
    );
    closed.start().arrive(stray()).dropped(SecurityGroupEmpty, "eni-web").counts(NOTHING);
}

#[test]
fn b17_a_handshake_goes_on_once_there_is_an_elastic_ip() {
    let none = EIP_PAIR.but("public = \"203.0.113.10\"\n", "");
    let mut s = Scenario::through(&[none, EIP_PAIR]);
    let syn = || tcp("web:4000 > server:443", "S");
    for _ in 0..3 {
        s.leave("web", syn()).dropped(NoPublicAddress, "igw-igw").counts(NOTHING);
        s.wait(1.0, NOTHING);
    }
    s.switch();
    let out = s.leave("web", syn()).to("internet", |p| p.src("web.pub")).counts(NOTHING);
    s.arrive(out.reply()).to("web", |p| p.dst("web")).counts(NOTHING);
}
