//! What a NAT gateway remembers, for how long, and what it says when it has forgotten (section 4).

mod errors;
mod ports;
mod timers;

use std::net::IpAddr;

use vpcemu_dataplane::DropReason;
use vpcemu_dataplane::counters::NatCounters;
use vpcemu_packet::{TcpFlags, build};
use vpcemu_tests::{Lab, data, ip, ping, socket, syn, udp};

const NETWORK: &str = r#"
[vpc.main]
cidrs = ["10.0.0.0/16"]
[internet_gateway.igw]
[subnet.pub]
cidrs = ["10.0.0.0/24"]
route_table = "pub"
[subnet.priv]
cidrs = ["10.0.1.0/24"]
route_table = "priv"
[route_table.pub]
routes = [{ to = "0.0.0.0/0", via = "igw" }]
[route_table.priv]
routes = [{ to = "0.0.0.0/0", via = "nat" }]
[nat_gateway.nat]
subnet = "pub"
addresses = [{ private = "10.0.0.200", public = "203.0.113.20" }]
[security_group.client]
ingress = []
[instance.one]
subnet = "priv"
addresses = ["10.0.1.10"]
security_groups = ["client"]
[instance.two]
subnet = "priv"
addresses = ["10.0.1.11"]
security_groups = ["client"]
[instance.web]
subnet = "pub"
addresses = ["10.0.0.10"]
public = "203.0.113.10"
"#;

const FROM: &str = "10.0.1.10:4000";
const TO: &str = "198.51.100.7:443";

/// A connection with its handshake done; returns what replies are sent to.
fn connected(lab: &mut Lab) -> std::net::SocketAddr {
    let sent = lab.leave("one", syn(FROM, TO)).delivered("internet");
    lab.arrive(sent.reply()).delivered("eni-one");
    lab.leave("one", data(FROM, TO)).delivered("internet");
    (sent.key().src, sent.key().src_port).into()
}

fn from_remote(to: std::net::SocketAddr, flags: TcpFlags) -> Vec<u8> {
    build::tcp(socket(TO), to).flags(flags).build()
}

#[test]
fn what_it_does_not_carry_and_whom_it_does_not_serve() {
    let mut lab = Lab::new(NETWORK);
    let ip = |text: &str| text.parse::<IpAddr>().unwrap();
    let gre = build::protocol(ip("10.0.1.10"), ip("198.51.100.7"), 47, &[0; 8]).build();
    lab.leave("one", gre).dropped(DropReason::Protocol, "nat-nat");
    let big =
        build::echo_request(ip("10.0.1.10"), ip("198.51.100.7"), 7, 1).dont_fragment(false).payload(&[0; 1800]).build();
    let first = build::fragment(&big, 1500).swap_remove(0);
    lab.leave("one", first).dropped(DropReason::NatFragment, "nat-nat");
    let own = NETWORK.replace(
        "routes = [{ to = \"0.0.0.0/0\", via = \"igw\" }]",
        "routes = [{ to = \"0.0.0.0/0\", via = \"nat\" }]",
    );
    Lab::new(&own).leave("web", syn("10.0.0.10:4000", TO)).dropped(DropReason::NatOwnSubnet, "nat-nat");
}

#[test]
fn an_instance_of_the_vpc_is_reached_by_its_public_address_as_the_gateway() {
    let mut lab = Lab::new(&NETWORK.replace(
        "public = \"203.0.113.10\"\n",
        "public = \"203.0.113.10\"\nsecurity_groups = [\"open\"]\n[security_group.open]\ningress = [{ proto = \"tcp\", ports = \"443\", from = \"203.0.113.20/32\" }]\n",
    ));
    let sent = lab.leave("one", syn(FROM, "203.0.113.10:443")).delivered("eni-web").source("203.0.113.20");
    lab.leave("web", sent.reply()).delivered("eni-one").destination(FROM);
}

/// With groups that let everything in, so that what a client's interface has forgotten hides nothing of the gateway.
fn unfiltered() -> String {
    NETWORK.replace("ingress = []", "ingress = [{ proto = \"all\", from = \"0.0.0.0/0\" }]")
}

fn with_knobs(knobs: &str) -> Lab {
    Lab::new(&format!("{NETWORK}\n[behavior.nat_gateway]\n{knobs}\n"))
}

/// Where the quote of an ICMP error begins.
const QUOTE_AT: usize = 28;

/// Up to the internet gateway and in again.
const OUT_AND_IN: [&str; 10] = [
    "sg eni-one egress",
    "nacl acl-main-default egress",
    "route rtb-priv",
    "nacl acl-main-default ingress",
    "nat nat-nat egress",
    "nacl acl-main-default egress",
    "route rtb-pub",
    "igw igw-igw",
    "igw igw-igw",
    "nacl acl-main-default ingress",
];

#[test]
fn a_gateway_is_not_reached_through_itself() {
    let mut lab = Lab::new(NETWORK);
    let sent = lab.leave("one", syn(FROM, "203.0.113.20:443"));
    // Out by the gateway and the internet gateway, in again, and no mapping fits (4.21).
    let steps = [&OUT_AND_IN[..], &["nat nat-nat DENY"]].concat();
    sent.dropped(DropReason::NatNoSession, "nat-nat").steps(&steps);
    let counters = lab.nat_counters("nat-nat");
    assert_eq!((counters.in_from_source.packets, counters.out_to_destination.packets), (1, 1));
    assert_eq!((counters.in_from_destination.packets, counters.packets_drop), (1, 1));
}

#[test]
fn a_scripted_session_in_every_counter() {
    let mut lab = Lab::new(NETWORK);
    let mut expected = NatCounters::default();
    let length = |packet: &[u8]| u32::try_from(packet.len()).unwrap();
    let fin = TcpFlags::FIN | TcpFlags::ACK;

    // A connection from handshake to FIN, a question by UDP, an echo.
    let mut opened = Vec::new();
    for packet in [syn(FROM, TO), udp("10.0.1.10:5353", "198.51.100.7:53"), ping("10.0.1.10", "198.51.100.7", 7)] {
        expected.in_from_source.count(length(&packet));
        expected.out_to_destination.count(length(&packet));
        opened.push(lab.leave("one", packet).delivered("internet"));
    }
    for sent in &opened {
        let answer = sent.reply();
        expected.in_from_destination.count(length(&answer));
        expected.out_to_source.count(length(&answer));
        lab.arrive(answer).delivered("eni-one");
    }
    expected.connection_attempt = 1;
    let bye = build::tcp(socket(FROM), socket(TO)).flags(fin).build();
    for packet in [data(FROM, TO), data(FROM, TO), bye] {
        expected.in_from_source.count(length(&packet));
        expected.out_to_destination.count(length(&packet));
        lab.leave("one", packet).delivered("internet");
    }
    expected.connection_established = 1;
    let bye = from_remote((opened[0].key().src, opened[0].key().src_port).into(), fin);
    expected.in_from_destination.count(length(&bye));
    expected.out_to_source.count(length(&bye));
    lab.arrive(bye).delivered("eni-one");
    assert_eq!(lab.nat_counters("nat-nat"), expected);

    // An unsolicited SYN comes in, and no further; a protocol that it does not carry likewise, from the other side.
    let knock = syn("198.51.100.9:4000", "203.0.113.20:22");
    expected.in_from_destination.count(length(&knock));
    lab.arrive(knock).dropped(DropReason::NatNoSession, "nat-nat");
    let gre = build::protocol(ip("10.0.1.10"), ip("198.51.100.7"), 47, &[0; 8]).build();
    expected.in_from_source.count(length(&gre));
    lab.leave("one", gre).dropped(DropReason::Protocol, "nat-nat");
    expected.packets_drop = 2;
    assert_eq!(lab.nat_counters("nat-nat"), expected);

    // Another connection goes idle; the client finds out from the gateway, whose own RST is not counted.
    let other = "10.0.1.10:4001";
    let open = lab.leave("one", syn(other, TO)).delivered("internet");
    let answer = open.reply();
    for packet in [syn(other, TO), data(other, TO)] {
        expected.in_from_source.count(length(&packet));
        expected.out_to_destination.count(length(&packet));
    }
    expected.in_from_destination.count(length(&answer));
    expected.out_to_source.count(length(&answer));
    lab.arrive(answer).delivered("eni-one");
    lab.leave("one", data(other, TO)).delivered("internet");
    lab.wait(350.0);
    let late = data(other, TO);
    expected.in_from_source.count(length(&late));
    lab.leave("one", late).dropped(DropReason::NatIdleExpired, "nat-nat");
    (expected.connection_attempt, expected.connection_established) = (2, 2);
    (expected.packets_drop, expected.idle_timeout) = (3, 1);
    assert_eq!(lab.nat_counters("nat-nat"), expected);
}
