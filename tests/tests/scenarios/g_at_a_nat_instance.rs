//! Malformed and special packets at a NAT instance, whose Linux makes something else of some of them (11.3).

use vpcemu_dataplane::DropReason::{CtInvalid, Mtu, NatPortExhausted, Protocol, ReservedAddress, Ttl};
use vpcemu_tests::scenario::*;

const GRE: u8 = 47;
const ESP: u8 = 50;
const SCTP: u8 = 132;
const UDP_LITE: u8 = 136;
/// One of the numbers for experiments (RFC 3692 2.1).
const EXPERIMENT: u8 = 253;

#[test]
fn what_is_odd_and_lawful_is_translated_as_it_is() {
    let mut s = NAT_INSTANCE.start();
    for (packet, port) in [
        (udp("one:5000 > dns:53").unsummed(), 5000),
        (udp("one:5001 > dns:53").payload(b""), 5001),
        (udp("one:5002 > dns:53").trailer(&[7; 18]), 5002),
        (udp("one:5003 > dns:53").checksum_off_by(0x0101), 5003),
        (udp("one:5004 > dns:53").class(0xfe), 5004),
        // Class E is an address like any other (G8).
        (udp("one:5005 > 240.0.0.1:53"), 5005),
    ] {
        let outside = format!("nat:{port}");
        s.leave("one", packet).to("internet", |p| p.src(&outside).hop()).counts(OPENED);
    }
    s.leave("one", udp("one:5006 > 169.254.7.7:53")).dropped(ReservedAddress, "eni-one").counts(NOTHING);
}

#[test]
fn what_contradicts_itself_does_not_get_there() {
    let mut s = NAT_INSTANCE.start();
    let packet = || udp("one:5353 > dns:53");
    for damaged in [packet().header_off_by(0x0100), packet().byte(0, 0x44), packet().byte(25, 7), packet().cut(19)] {
        s.leave("one", damaged).dropped(REFUSED, "-").counts(NOTHING);
    }
    let mut s = NAT_INSTANCE.strict().start();
    s.leave("one", packet().checksum_off_by(0x0101)).dropped(REFUSED, "-").counts(NOTHING);
}

#[test]
fn a_source_route_is_not_followed_and_other_options_are() {
    for options in [&[7, 7, 4, 0, 0, 0, 0, 0][..], &[1, 1, 1, 0]] {
        let mut s = NAT_INSTANCE.start();
        let out = s.leave("one", udp("one:5353 > dns:53").options(options)).to("internet", |p| p.src("nat:5353").hop());
        let out = out.counts(OPENED);
        s.arrive(out.reply().options(options)).to("one", |p| p.dst("one:5353").hop()).counts(NOTHING);
    }
    // Loose and strict, one of them behind another option: Linux does not forward by them unless told to.
    for options in [&[0x83, 7, 4, 198, 51, 100, 8, 0][..], &[1, 0x89, 7, 4, 198, 51, 100, 8]] {
        let mut s = NAT_INSTANCE.start();
        let packet = udp("one:5353 > dns:53").options(options);
        s.leave("one", packet).dropped(CtInvalid, "eni-nat").counts(NOTHING);
    }
}

#[test]
fn a_protocol_without_ports_is_one_clients_at_a_time() {
    for number in [GRE, ESP, SCTP, EXPERIMENT] {
        let mut s = NAT_INSTANCE.start();
        let out = s.leave("one", protocol("one > server", number, &[7; 16])).to("internet", |p| p.src("nat").hop());
        let out = out.counts(OPENED);
        let second = s.leave("two", protocol("two > server", number, &[7; 16]));
        second.dropped(NatPortExhausted, "eni-nat").counts(NOTHING);
        s.arrive(out.reply()).of(&out).to("one", |p| p.dst("one").hop()).counts(NOTHING);
        // Towards another remote it is free.
        let other = s.leave("two", protocol("two > server2", number, &[7; 16]));
        other.to("internet", |p| p.src("nat").hop()).counts(OPENED);
    }
    let mut s = NAT_INSTANCE.start();
    s.leave("one", protocol("one > server", UDP_LITE, &[7; 16])).dropped(CtInvalid, "eni-nat").counts(NOTHING);
    // A NAT gateway carries none of them (4.10).
    let mut s = NAT.start();
    s.leave("one", protocol("one > server", UDP_LITE, &[7; 16])).dropped(Protocol, "nat-nat").counts(REFUSED_OUT);
}

#[test]
fn too_big_is_fragmented_behind_it_or_its_client_is_told() {
    let mut s = NAT_INSTANCE.start();
    let big = udp("one:5353 > dns:53").id(5).sized(3028);
    let out = s.leave("one", big.clone()).to_in_pieces("internet", 1500, |p| p.src("nat:5353").hop());
    let out = out.counts(OPENED);
    // The router of the public subnet tells the instance, which tells its client.
    let whole = big.dont_fragment(true);
    let told = error("router > one", 3, 4, &whole.clone().hop()).rest(1500).hop();
    let step = s.leave("one", whole).of(&out).dropped(Mtu, "igw-igw").answered("icmp-frag-needed", "one", told);
    step.counts(NOTHING);
}

#[test]
fn ipv6_at_its_last_hop_dies_there_and_its_sender_is_told() {
    let through = "{ to = \"0.0.0.0/0\", via = \"eni-nat\" }, { to = \"::/0\", via = \"eni-nat\" }";
    let routed = NAT_INSTANCE.but("{ to = \"0.0.0.0/0\", via = \"eni-nat\" }", through);
    let routed = routed.but("addresses = [\"10.0.0.200\"]", "addresses = [\"10.0.0.200\", \"2001:db8:1::200\"]");
    let mut s = routed.start();
    let last = udp("one6:5353 > server6:53").ttl(1);
    let told = error("2001:db8:1::200 > one6", 3, 0, &last);
    let step = s.leave("one", last).dropped(Ttl, "eni-nat").answered("icmp-time-exceeded", "one", told);
    step.counts(NOTHING);
    s.leave("one", udp("one6:5353 > server6:53").ttl(2)).to("internet", |p| p.hop()).counts(OPENED);
}

#[test]
fn udp_is_a_stream_to_linux_two_seconds_after_it_began() {
    let question = || udp("one:5353 > dns:53");
    let late = || udp("dns:53 > nat:5353");
    // Questions and answers of the first two seconds leave 30 s, though the client's interface has its stream of 180 s.
    let mut s = NAT_INSTANCE.start();
    for counts in [OPENED, NOTHING] {
        s.leave("one", question()).to("internet", |p| p.src("nat:5353").hop()).counts(counts);
        s.wait(0.9, NOTHING);
        s.arrive(late()).to("one", |p| p.dst("one:5353").hop()).counts(NOTHING);
    }
    s.wait(30.0, NOTHING);
    // Nobody behind it asked for this: it is for the instance.
    s.arrive(late()).to("nat", |p| p.dst("nat.priv")).counts(OPENED);
    // What comes after them leaves 120 s.
    let mut s = NAT_INSTANCE.start();
    s.leave("one", question()).to("internet", |p| p.src("nat:5353").hop()).counts(OPENED);
    s.arrive(late()).to("one", |p| p.dst("one:5353").hop()).counts(NOTHING);
    s.wait(2.001, NOTHING);
    s.leave("one", question()).to("internet", |p| p.src("nat:5353").hop()).counts(NOTHING);
    s.wait(119.999, NOTHING);
    s.arrive(late()).to("one", |p| p.dst("one:5353").hop()).counts(NOTHING);
    s.wait(120.0, NOTHING);
    s.arrive(late()).to("nat", |p| p.dst("nat.priv")).counts(OPENED);
}
