//! What a NAT gateway remembers, for how long, and what it says when it has forgotten (section 4).

use std::net::IpAddr;

use vpcemu_dataplane::DropReason;
use vpcemu_packet::{QuoteTransport, TcpFlags, Transport, build};
use vpcemu_tests::{Lab, data, headers, ping, socket, syn, udp};

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
fn filtering_depends_on_remote_address_and_port() {
    let mut lab = Lab::new(NETWORK);
    let public = connected(&mut lab);
    lab.arrive(from_remote(public, TcpFlags::ACK)).delivered("eni-one").destination(FROM);
    for other in ["198.51.100.8:443", "198.51.100.7:444"] {
        let stranger = build::tcp(socket(other), public).build();
        lab.arrive(stranger).dropped(DropReason::NatNoSession, "nat-nat");
    }
}

#[test]
fn two_clients_on_one_port_get_two_ports_towards_one_remote() {
    let mut lab = Lab::new(NETWORK);
    let one = lab.leave("one", syn(FROM, TO)).delivered("internet").key();
    let two = lab.leave("two", syn("10.0.1.11:4000", TO)).delivered("internet").key();
    assert_eq!((one.src, one.dst), (two.src, two.dst));
    assert_ne!(one.src_port, two.src_port);
}

#[test]
fn after_350_idle_seconds_the_inside_gets_a_reset_and_the_outside_silence() {
    let mut lab = Lab::new(NETWORK);
    let public = connected(&mut lab);
    lab.wait(350.0);
    lab.arrive(from_remote(public, TcpFlags::ACK)).dropped(DropReason::NatNoSession, "nat-nat");
    let late = lab.leave("one", data(FROM, TO));
    let (kind, bytes, place) = late.generated.as_ref().expect("a RST is made");
    assert_eq!((kind.name(), place.as_deref()), ("tcp-rst", Some("eni-one")));
    let reset = headers(bytes);
    assert_eq!(reset.key(), headers(&data(FROM, TO)).key().reversed());
    // The segment had ACK: the RST has its acknowledgement number, and no ACK (RFC 9293 3.10.7.1).
    assert!(matches!(reset.transport, Transport::Tcp { flags: TcpFlags::RST, seq: 2000, .. }), "{reset:?}");
    late.dropped(DropReason::NatIdleExpired, "nat-nat");
    // A new connection of the same ports gets through, on another port.
    let again = lab.leave("one", syn(FROM, TO)).delivered("internet");
    assert_ne!(again.key().src_port, public.port());
    let counters = lab.nat_counters("nat-nat");
    assert_eq!((counters.idle_timeout, counters.connection_attempt, counters.connection_established), (1, 2, 1));
}

#[test]
fn either_direction_keeps_a_mapping_alive() {
    let mut lab = Lab::new(NETWORK);
    let public = connected(&mut lab);
    for _ in 0..3 {
        lab.wait(349.0);
        lab.arrive(from_remote(public, TcpFlags::ACK)).delivered("eni-one");
        lab.wait(349.0);
        lab.leave("one", data(FROM, TO)).delivered("internet");
    }
}

#[test]
fn half_open_closed_and_reset_mappings_linger_for_their_time() {
    let mut lab = Lab::new(NETWORK);
    let half = lab.leave("one", syn(FROM, TO)).delivered("internet");
    lab.wait(60.0);
    lab.arrive(half.reply()).dropped(DropReason::NatNoSession, "nat-nat");

    let fin = TcpFlags::FIN | TcpFlags::ACK;
    for (end, linger) in [(fin, 60.0), (TcpFlags::RST, 10.0)] {
        let mut lab = Lab::new(NETWORK);
        let public = connected(&mut lab);
        lab.leave("one", build::tcp(socket(FROM), socket(TO)).flags(end).build()).delivered("internet");
        if end == fin {
            lab.arrive(from_remote(public, fin)).delivered("eni-one");
        }
        lab.wait(linger - 1.0);
        // Within it a SYN of the same client starts the mapping again, on the same port (4.29).
        let mut lab_in_linger = lab;
        let again = lab_in_linger.leave("one", syn(FROM, TO)).delivered("internet");
        assert_eq!(again.key().src_port, public.port());
    }
}

#[test]
fn echo_ids_are_ports_and_come_back() {
    let mut lab = Lab::new(NETWORK);
    let sent = lab.leave("one", ping("10.0.1.10", "198.51.100.7", 77)).delivered("internet").source("203.0.113.20");
    let reply = lab.arrive(sent.reply()).delivered("eni-one");
    assert_eq!(reply.key().src_port, 77);
}

#[test]
fn errors_about_a_flow_come_back_with_the_quote_restored() {
    let mut lab = Lab::new(NETWORK);
    for (length, kind, from) in [(60, 3, "198.51.100.7"), (28, 11, "192.0.2.254")] {
        let sent = lab.leave("one", udp("10.0.1.10:5353", "198.51.100.7:53")).delivered("internet");
        let quoted = &sent.bytes[..sent.bytes.len().min(length)];
        let from: IpAddr = from.parse().unwrap();
        let error = build::icmp_error(from, sent.key().src, kind, 0, 0, quoted);
        let error = lab.arrive(error).delivered("eni-one");
        assert_eq!(error.key().src, from, "whoever reports it (4.18)");
        let Transport::IcmpError { quote: Some(quote), .. } = error.headers().transport else { panic!("an error") };
        assert_eq!(quote.src, "10.0.1.10".parse::<IpAddr>().unwrap());
        assert_eq!(quote.transport, QuoteTransport::Ports { src: 5353, dst: 53 });
    }
    let stray = udp("203.0.113.20:9999", "198.51.100.7:53");
    let stray = build::icmp_error("198.51.100.7".parse().unwrap(), "203.0.113.20".parse().unwrap(), 3, 3, 0, &stray);
    lab.arrive(stray).dropped(DropReason::NatNoSession, "nat-nat");
}

#[test]
fn ttl_goes_down_by_one_each_way_and_runs_out_at_the_gateway() {
    let mut lab = Lab::new(NETWORK);
    let packet = build::udp(socket("10.0.1.10:5353"), socket("198.51.100.7:53")).ttl(9).build();
    let sent = lab.leave("one", packet).delivered("internet");
    assert_eq!(sent.headers().ttl, 8);
    assert_eq!(lab.arrive(sent.reply()).delivered("eni-one").headers().ttl, 63);
    let packet = build::udp(socket("10.0.1.10:5353"), socket("198.51.100.7:53")).ttl(1).build();
    let dead = lab.leave("one", packet);
    let (kind, bytes, place) = dead.generated.as_ref().expect("the gateway shows up in a traceroute");
    assert_eq!((kind.name(), place.as_deref()), ("icmp-time-exceeded", Some("eni-one")));
    assert_eq!(headers(bytes).src, "10.0.0.200".parse::<IpAddr>().unwrap());
    dead.dropped(DropReason::Ttl, "nat-nat");
}

#[test]
fn what_it_does_not_carry_and_whom_it_does_not_serve() {
    let mut lab = Lab::new(NETWORK);
    let ip = |text: &str| text.parse::<IpAddr>().unwrap();
    let gre = build::protocol(ip("10.0.1.10"), ip("198.51.100.7"), 47, &[0; 8]).build();
    lab.leave("one", gre).dropped(DropReason::NatProtocol, "nat-nat");
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
fn a_full_pool_drops_and_counts_and_other_remotes_go_on() {
    let mut lab = Lab::new(&format!("{NETWORK}\n[behavior.nat_gateway]\nmax_per_destination = 3\n"));
    for port in 4000..4003 {
        lab.leave("one", udp(&format!("10.0.1.10:{port}"), "198.51.100.7:53")).delivered("internet");
    }
    lab.leave("one", udp("10.0.1.10:4003", "198.51.100.7:53")).dropped(DropReason::NatPortExhausted, "nat-nat");
    lab.leave("one", udp("10.0.1.10:4003", "198.51.100.8:53")).delivered("internet");
    let counters = lab.nat_counters("nat-nat");
    assert_eq!((counters.error_port_allocation, counters.packets_drop), (1, 1));
    assert_eq!((counters.in_from_source.packets, counters.out_to_destination.packets), (5, 4));
    lab.wait(350.0);
    lab.leave("one", udp("10.0.1.10:4003", "198.51.100.7:53")).delivered("internet");
}

#[test]
fn a_segment_without_a_mapping_is_reset_unless_a_knob_says_otherwise() {
    for (knob, resets) in [("always", true), ("tombstone_only", false), ("never", false)] {
        let mut lab = Lab::new(&format!("{NETWORK}\n[behavior.nat_gateway]\nrst_on_unknown = \"{knob}\"\n"));
        // A first packet of its tuple would be adopted; a second is not.
        let public = connected(&mut lab);
        lab.leave("one", build::tcp(socket(FROM), socket(TO)).flags(TcpFlags::RST).build()).delivered("internet");
        lab.wait(10.0);
        lab.arrive(from_remote(public, TcpFlags::ACK)).dropped(DropReason::NatNoSession, "nat-nat");
        let sent = lab.leave("one", data(FROM, TO));
        assert_eq!(sent.generated.is_some(), resets, "{knob}");
        sent.dropped(DropReason::NatNoSession, "nat-nat");
    }
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
