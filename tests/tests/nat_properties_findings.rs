//! The smallest cases of what properties found, each kept after it was mended.

mod random;

use std::net::IpAddr;

use random::{Rig, Walked};
use vpcemu_dataplane::outcome::Outcome;
use vpcemu_dataplane::{DropReason, Ingress, Options, Place};
use vpcemu_packet::{Headers, Offloads, build};
use vpcemu_tests::{Lab, headers, reply_to, socket, syn, udp};

/// A client subnet, and one of a middlebox that can reach the internet. `CLIENT` and `MIDDLE` are routes, `EDGE` those of
/// the internet gateway's own table.
const NETWORK: &str = r#"
[vpc.main]
cidrs = ["10.0.0.0/16", "2001:db8:0:100::/56"]
[internet_gateway.igw]
[subnet.public]
cidrs = ["10.0.0.0/24"]
route_table = "public"
[subnet.client]
cidrs = ["10.0.1.0/24", "2001:db8:0:101::/64"]
route_table = "client"
[subnet.middle]
cidrs = ["10.0.2.0/24"]
route_table = "middle"
[route_table.public]
routes = [{ to = "0.0.0.0/0", via = "igw" }]
[route_table.client]
routes = [CLIENT]
[route_table.middle]
routes = [MIDDLE{ to = "0.0.0.0/0", via = "igw" }]
[gateway_route_table.edge]
gateway = "igw"
routes = [EDGE]
[nat_gateway.nat]
subnet = "public"
addresses = [{ private = "10.0.0.200", public = "203.0.113.20" }]
[security_group.open]
ingress = [{ proto = "all", from = "0.0.0.0/0" }, { proto = "all", from = "::/0" }]
egress = [{ proto = "all", to = "0.0.0.0/0" }, { proto = "all", to = "::/0" }]
[instance.app]
subnet = "client"
addresses = ["10.0.1.10", "2001:db8:0:101::10"]
public = "203.0.113.10"
security_groups = ["open"]
[instance.free]
subnet = "client"
addresses = ["10.0.1.11"]
security_groups = ["open"]
source_dest_check = false
[instance.middle]
subnet = "middle"
addresses = ["10.0.2.10"]
public = "203.0.113.30"
security_groups = ["open"]
source_dest_check = false
forward = "FORWARD"
"#;

fn network(client: &str, middle: &str, edge: &str, forward: &str) -> String {
    NETWORK.replace("CLIENT", client).replace("MIDDLE", middle).replace("EDGE", edge).replace("FORWARD", forward)
}

const BY_GATEWAY: &str = "{ to = \"0.0.0.0/0\", via = \"nat\" }, { to = \"64:ff9b::/96\", via = \"nat\" }";
const BY_MIDDLE: &str = "{ to = \"0.0.0.0/0\", via = \"middle\" }";

const REMOTE: &str = "198.51.100.7:53";

/// 256 shards, and a single one that has all state.
fn rigs(text: &str) -> [Rig; 2] {
    let single = Rig::new(text, Options::default(), |_, _| 0);
    [Rig::of(text), single]
}

/// A packet and the answer to what became of it, in many shards and in one.
fn answered(text: &str, open: impl Fn(&mut Rig) -> Walked, answer: impl Fn(&mut Rig, Vec<u8>) -> Walked) {
    let [many, single] = rigs(text).map(|mut rig| {
        let opened = open(&mut rig);
        assert!(opened.delivered(), "{:?}", opened.reason());
        let answer = answer(&mut rig, reply_to(&headers(&opened.bytes)));
        let to = headers(&answer.bytes).key();
        (opened.bytes, answer.verdict.outcome, answer.reason(), to)
    });
    assert_eq!(many, single);
}

/// "One packet more in a capture renumbers nothing" (4.14; 4.33 for the identification).
#[test]
fn a_packet_before_it_changes_no_packet_of_nat64() {
    let left = |before: bool| {
        let mut lab = Lab::new(&network(BY_GATEWAY, "", "", "appliance"));
        if before {
            lab.leave("app", udp("10.0.1.10:9", "198.51.100.99:9")).delivered("internet");
        }
        lab.leave("app", udp("[2001:db8:0:101::10]:4000", "[64:ff9b::198.51.100.7]:53")).delivered("internet").bytes
    };
    assert_eq!(left(false), left(true));
}

/// An error that quotes all there is of a datagram quotes enough, however short it is (RFC 792; 11.3).
#[test]
fn an_error_about_a_short_datagram_reaches_the_client() {
    for payload in [&[0, 0, 8, 0, 1, 2, 3, 4][..], b"answer"] {
        let mut lab = Lab::new(&network(BY_MIDDLE, "", "", "nat-instance"));
        let ip = |text: &str| text.parse::<IpAddr>().unwrap();
        let gre = build::protocol(ip("10.0.1.10"), ip("198.51.100.7"), 47, payload).build();
        let sent = lab.leave("app", gre).delivered("internet");
        let error = build::icmp_error(ip("192.0.2.1"), sent.key().src, 3, 2, 0, &sent.bytes);
        lab.arrive(error).delivered("eni-app");
    }
}

/// "The port is kept if it is free towards that destination" (11.3): it is not while the instance itself uses it.
#[test]
fn a_port_that_the_nat_instance_uses_itself_is_not_free() {
    let mut lab = Lab::new(&network(BY_MIDDLE, "", "", "nat-instance"));
    let own = lab.leave("middle", udp("10.0.2.10:4000", REMOTE)).delivered("internet");
    let client = lab.leave("app", udp("10.0.1.10:4000", REMOTE)).delivered("internet");
    assert_ne!(own.key(), client.key());
    lab.arrive(own.reply()).delivered("eni-middle");
}

/// A NAT gateway serves interfaces of its own VPC (4.7), and gateways refuse sources that no interface has (1.17).
#[test]
fn a_nat_gateway_refuses_foreign_sources() {
    let mut lab = Lab::new(&network(BY_GATEWAY, "", "", "appliance"));
    lab.leave("free", udp("192.0.2.55:4000", REMOTE)).dropped(DropReason::NatForeignSource, "nat-nat");
    lab.leave("free", udp("10.0.1.99:4000", REMOTE)).dropped(DropReason::Spoofed, "nat-nat");
}

/// A foreign source is not translated, so that it meets its end at the internet gateway (11.3, 1.17).
#[test]
fn a_nat_instance_only_routes_foreign_sources() {
    for mut rig in rigs(&network(BY_MIDDLE, "", "", "nat-instance")) {
        let sent = rig.leave("free", udp("192.0.2.55:4000", REMOTE));
        assert_eq!(sent.reason(), Some(DropReason::Spoofed));
    }
}

/// The internet gateway's table leads callers to a NAT instance, which routes them, and their answers (2.15, 11.3).
#[test]
fn a_caller_behind_a_nat_instance_of_an_edge_table_stays_in_its_shard() {
    let text = network(BY_MIDDLE, "", "{ to = \"10.0.1.0/24\", via = \"middle\" }", "nat-instance");
    let open = |rig: &mut Rig| rig.one(Ingress::Internet, syn("198.51.100.7:40000", "203.0.113.10:443"));
    answered(&text, open, |rig, answer| rig.leave("app", answer));
}

/// An appliance cannot lead callers through a NAT gateway: their source is not of the VPC (4.7).
#[test]
fn a_caller_does_not_pass_a_nat_gateway() {
    let more_specific = "{ to = \"10.0.1.0/24\", via = \"nat\" }, ";
    let text = network(BY_MIDDLE, more_specific, "{ to = \"10.0.1.0/24\", via = \"middle\" }", "appliance");
    for mut rig in rigs(&text) {
        let called = rig.one(Ingress::Internet, syn("198.51.100.7:40000", "203.0.113.10:443"));
        assert_eq!(called.reason(), Some(DropReason::NatForeignSource));
    }
}

/// That is about the shard only: in a single one the answer finds its way.
#[test]
fn in_one_shard_the_answer_to_a_caller_finds_its_way() {
    let edge = "{ to = \"10.0.1.0/24\", via = \"middle\" }";
    let [_, mut rig] = rigs(&network(BY_MIDDLE, "", edge, "nat-instance"));
    let opened = rig.one(Ingress::Internet, syn("198.51.100.7:40000", "203.0.113.10:443"));
    let answer = rig.leave("app", reply_to(&headers(&opened.bytes)));
    assert_eq!(answer.verdict.outcome, Outcome::Delivered { at: Place::Internet }, "{:?}", answer.reason());
    assert_eq!(headers(&answer.bytes).key().to_string(), "tcp 203.0.113.10:443 > 198.51.100.7:40000");
}

/// A header checksum that a capturing host left to its card is written right on output, in quotes too (RFC 5508 REQ-3).
#[test]
fn a_quote_has_the_checksum_that_was_on_the_wire() {
    let mut lab = Lab::new(&network(BY_GATEWAY, "", "", "appliance"));
    lab.offloads(Offloads::Tolerate);
    let mut packet = build::udp(socket("10.0.1.10:4000"), socket(REMOTE)).ttl(1).build();
    packet[10..12].fill(0);
    let (_, error, _) = lab.leave("app", packet).generated.expect("time exceeded");
    let judged = Headers::parse(&error, error.len() as u32, Offloads::Strict);
    assert!(judged.is_ok(), "{judged:?}");
}
