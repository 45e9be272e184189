//! What a NAT gateway remembers, for how long, and what it says when it has forgotten (section 4).

use std::net::IpAddr;

use vpcemu_dataplane::DropReason;
use vpcemu_dataplane::counters::NatCounters;
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

fn ip(text: &str) -> IpAddr {
    text.parse().unwrap()
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

#[test]
fn ports_are_from_1024_up_and_no_two_flows_share_one_towards_a_remote() {
    let mut lab = Lab::new(NETWORK);
    let mut ports = std::collections::BTreeSet::new();
    for port in 1..=1000 {
        let sent = lab.leave("one", udp(&format!("10.0.1.10:{port}"), "198.51.100.7:53")).delivered("internet");
        ports.insert(sent.key().src_port);
    }
    assert_eq!(ports.len(), 1000);
    assert!(ports.first() >= Some(&1024), "{:?}", ports.first()); // (4.11)
}

#[test]
fn a_mapping_has_one_port_for_as_long_as_it_lives() {
    let mut lab = Lab::new(NETWORK);
    let first = lab.leave("one", syn(FROM, TO)).delivered("internet");
    let again = lab.leave("one", syn(FROM, TO)).delivered("internet");
    assert_eq!(again.key(), first.key());
    // A SYN that is sent again is no second attempt (4.37).
    assert_eq!(lab.nat_counters("nat-nat").connection_attempt, 1);
}

#[test]
fn the_reset_after_idleness_has_the_numbers_of_rfc_9293() {
    let segment = |flags: TcpFlags, payload: &[u8]| {
        build::tcp(socket(FROM), socket(TO)).flags(flags).seq(5000).ack(7000).payload(payload).build()
    };
    let (rst, rst_ack) = (TcpFlags::RST, TcpFlags::RST | TcpFlags::ACK);
    // <SEQ=SEG.ACK><CTL=RST>, or <SEQ=0><ACK=SEG.SEQ+SEG.LEN><CTL=RST,ACK>, where FIN counts as an octet.
    let cases = [
        (segment(TcpFlags::ACK, b""), rst, 7000, 0),
        (segment(TcpFlags::ACK | TcpFlags::PSH, b"four"), rst, 7000, 0),
        (segment(TcpFlags::FIN | TcpFlags::ACK, b""), rst, 7000, 0),
        (segment(TcpFlags::FIN, b""), rst_ack, 0, 5001),
        (segment(TcpFlags::FIN, b"four"), rst_ack, 0, 5005),
        (segment(TcpFlags::PSH, b"four"), rst_ack, 0, 5004),
    ];
    for (late, flags, seq, ack) in cases {
        let mut lab = Lab::new(NETWORK);
        connected(&mut lab);
        lab.wait(350.0);
        let late = lab.leave("one", late);
        let (_, bytes, place) = late.generated.as_ref().expect("a RST is made");
        assert_eq!(place.as_deref(), Some("eni-one"));
        let reset = headers(bytes);
        assert_eq!(reset.key(), headers(&syn(FROM, TO)).key().reversed());
        let Transport::Tcp { flags: f, seq: s, ack: a, payload_len, .. } = reset.transport else { panic!("TCP") };
        assert_eq!((f, s, a, payload_len), (flags, seq, ack, 0));
        late.dropped(DropReason::NatIdleExpired, "nat-nat").steps(&[
            "sg eni-one egress",
            "nacl acl-main-default egress",
            "route rtb-priv",
            "nacl acl-main-default ingress",
            "nat nat-nat DENY",
        ]);
    }
    // A RST is not answered with a RST.
    let mut lab = Lab::new(NETWORK);
    connected(&mut lab);
    lab.wait(350.0);
    assert!(lab.leave("one", segment(TcpFlags::RST, b"")).generated.is_none());
}

#[test]
fn what_comes_from_outside_after_idleness_meets_silence() {
    let mut lab = Lab::new(NETWORK);
    let public = connected(&mut lab);
    lab.wait(350.0);
    for flags in [TcpFlags::ACK, TcpFlags::SYN, TcpFlags::FIN | TcpFlags::ACK, TcpFlags::RST] {
        let late = lab.arrive(from_remote(public, flags));
        assert!(late.generated.is_none()); // (4.27)
        late.dropped(DropReason::NatNoSession, "nat-nat");
    }
}

#[test]
fn udp_that_was_idle_gets_another_mapping_and_no_answer() {
    let mut lab = Lab::new(&unfiltered());
    let flow = || udp("10.0.1.10:5353", "198.51.100.7:53");
    let before = lab.leave("one", flow()).delivered("internet");
    lab.wait(349.999);
    lab.arrive(before.reply()).delivered("eni-one"); // (4.30)
    lab.wait(350.0);
    lab.arrive(before.reply()).dropped(DropReason::NatNoSession, "nat-nat");
    let after = lab.leave("one", flow()).delivered("internet");
    assert!(after.generated.is_none());
    assert_eq!(lab.nat_counters("nat-nat").idle_timeout, 0); // of TCP only (4.37)
    lab.arrive(after.reply()).delivered("eni-one");
}

#[test]
fn icmp_errors_renew_nothing() {
    let mut lab = Lab::new(&unfiltered());
    let sent = lab.leave("one", udp("10.0.1.10:5353", "198.51.100.7:53")).delivered("internet");
    lab.wait(349.0);
    let error = build::icmp_error(ip("198.51.100.7"), sent.key().src, 3, 3, 0, &sent.bytes);
    lab.arrive(error.clone()).delivered("eni-one");
    lab.wait(1.0);
    // (4.30)
    lab.arrive(error).dropped(DropReason::NatNoSession, "nat-nat");
    lab.arrive(sent.reply()).dropped(DropReason::NatNoSession, "nat-nat");
}

#[test]
fn a_handshake_has_60_seconds() {
    let mut lab = Lab::new(NETWORK);
    let half = lab.leave("one", syn(FROM, TO)).delivered("internet");
    lab.wait(59.999);
    lab.arrive(half.reply()).delivered("eni-one");
    // The answer renews it, and it is half open still (4.28, 4.30).
    lab.wait(60.0);
    lab.arrive(half.reply()).dropped(DropReason::NatNoSession, "nat-nat");
    let counters = lab.nat_counters("nat-nat");
    assert_eq!((counters.connection_attempt, counters.connection_established, counters.idle_timeout), (1, 0, 0));
}

#[test]
fn fin_from_one_side_is_no_end_and_from_both_ends_it_in_60_seconds() {
    let fin = TcpFlags::FIN | TcpFlags::ACK;
    let mut lab = Lab::new(NETWORK);
    let public = connected(&mut lab);
    lab.leave("one", build::tcp(socket(FROM), socket(TO)).flags(fin).build()).delivered("internet");
    lab.wait(349.999);
    lab.arrive(from_remote(public, TcpFlags::ACK)).delivered("eni-one");
    lab.arrive(from_remote(public, fin)).delivered("eni-one");
    lab.wait(59.999);
    // The last ACK is carried, and renews the linger.
    lab.leave("one", data(FROM, TO)).delivered("internet");
    lab.wait(60.0);
    lab.arrive(from_remote(public, TcpFlags::ACK)).dropped(DropReason::NatNoSession, "nat-nat");
    let late = lab.leave("one", data(FROM, TO));
    assert!(late.generated.is_some());
    late.dropped(DropReason::NatNoSession, "nat-nat");
    assert_eq!(lab.nat_counters("nat-nat").idle_timeout, 0); // closed in good order (4.37)
}

#[test]
fn reset_by_either_side_it_lingers_for_10_seconds() {
    for inside in [true, false] {
        for (wait, lives) in [(9.999, true), (10.0, false)] {
            let mut lab = Lab::new(NETWORK);
            let public = connected(&mut lab);
            if inside {
                let reset = build::tcp(socket(FROM), socket(TO)).flags(TcpFlags::RST).build();
                lab.leave("one", reset).delivered("internet");
            } else {
                lab.arrive(from_remote(public, TcpFlags::RST)).delivered("eni-one");
            }
            lab.wait(wait);
            let straggler = lab.arrive(from_remote(public, TcpFlags::ACK));
            let reason = (!lives).then_some(DropReason::NatNoSession);
            assert_eq!(straggler.reason(), reason, "reset from inside: {inside}, after {wait} s");
        }
    }
}

#[test]
fn a_syn_in_linger_begins_a_connection_that_is_whole_again() {
    let mut lab = Lab::new(NETWORK);
    let public = connected(&mut lab);
    lab.arrive(from_remote(public, TcpFlags::RST)).delivered("eni-one");
    lab.wait(9.0);
    assert_eq!(connected(&mut lab), public); // (4.29)
    lab.wait(349.0);
    lab.arrive(from_remote(public, TcpFlags::ACK)).delivered("eni-one");
    let counters = lab.nat_counters("nat-nat");
    assert_eq!((counters.connection_attempt, counters.connection_established), (2, 2));
}

#[test]
fn a_segment_of_an_idle_connection_is_reset_by_the_knob() {
    for (knob, resets) in [("always", true), ("tombstone_only", true), ("never", false)] {
        let mut lab = with_knobs(&format!("rst_on_unknown = \"{knob}\""));
        connected(&mut lab);
        lab.wait(350.0);
        let late = lab.leave("one", data(FROM, TO));
        assert_eq!(late.generated.is_some(), resets, "{knob}");
        late.dropped(DropReason::NatIdleExpired, "nat-nat");
    }
}

#[test]
fn the_rfc_preset_has_the_timers_of_the_rfcs() {
    let lab = || Lab::new(&format!("{}\n[behavior]\npreset = \"rfc\"\n", unfiltered()));
    for early in [true, false] {
        let expected = if early { None } else { Some(DropReason::NatNoSession) };
        let after = |lab: &mut Lab, timer: f64| lab.wait(if early { timer - 0.001 } else { timer });
        // RFC 4787 REQ-5: 5 minutes. RFC 5508 REQ-2: 60 seconds. RFC 5382 REQ-5: 4 minutes half open.
        for (flow, timer) in [
            (udp("10.0.1.10:5353", "198.51.100.7:53"), 300.0),
            (ping("10.0.1.10", "198.51.100.7", 7), 60.0),
            (syn(FROM, TO), 240.0),
        ] {
            let mut lab = lab();
            let sent = lab.leave("one", flow).delivered("internet");
            after(&mut lab, timer);
            assert_eq!(lab.arrive(sent.reply()).reason(), expected, "{timer} s");
        }
        // RFC 5382 REQ-5: 2 hours and 4 minutes established.
        let mut open = lab();
        let public = connected(&mut open);
        after(&mut open, 7440.0);
        assert_eq!(open.arrive(from_remote(public, TcpFlags::ACK)).reason(), expected);
        // RFC 7857 2.1 and 2.2: 4 minutes after FIN both ways and after RST.
        for end in [TcpFlags::FIN | TcpFlags::ACK, TcpFlags::RST] {
            let mut over = lab();
            let public = connected(&mut over);
            over.leave("one", build::tcp(socket(FROM), socket(TO)).flags(end).build()).delivered("internet");
            over.arrive(from_remote(public, end)).delivered("eni-one");
            after(&mut over, 240.0);
            assert_eq!(over.arrive(from_remote(public, TcpFlags::ACK)).reason(), expected, "{end:?}");
        }
    }
}

#[test]
fn an_echo_id_is_translated_and_a_request_is_no_reply() {
    let mut lab = Lab::new(NETWORK);
    let one = lab.leave("one", ping("10.0.1.10", "198.51.100.7", 77)).delivered("internet");
    let two = lab.leave("two", ping("10.0.1.11", "198.51.100.7", 77)).delivered("internet");
    assert_ne!(one.key().src_port, two.key().src_port);
    let id = one.key().src_port;
    // From outside with the same id: it asks, so it answers nothing (4.22, 4.27).
    lab.arrive(ping("198.51.100.7", "203.0.113.20", id)).dropped(DropReason::NatNoSession, "nat-nat");
    lab.arrive(ping("198.51.100.7", "203.0.113.20", 9)).dropped(DropReason::NatNoSession, "nat-nat");
    lab.arrive(one.reply()).delivered("eni-one").destination("10.0.1.10:77");
    lab.arrive(two.reply()).delivered("eni-two").destination("10.0.1.11:77");
    // A reply that nobody asked the client for goes nowhere either.
    let unasked = build::echo_reply(ip("10.0.1.10"), ip("198.51.100.9"), 5, 1).build();
    lab.leave("one", unasked).dropped(DropReason::NatNoSession, "nat-nat");
}

#[test]
fn errors_from_a_third_address_quote_the_packet_as_the_client_sent_it() {
    let flows = [
        (udp("10.0.1.10:5353", "198.51.100.7:53"), QuoteTransport::Ports { src: 5353, dst: 53 }),
        (syn("10.0.1.10:5353", "198.51.100.7:443"), QuoteTransport::Ports { src: 5353, dst: 443 }),
        (ping("10.0.1.10", "198.51.100.7", 77), QuoteTransport::Query { kind: 8, id: 77 }),
    ];
    for (original, ports) in flows {
        for (kind, code) in [(3, 3), (3, 4), (11, 0)] {
            for length in [28, original.len()] {
                let mut lab = Lab::new(NETWORK);
                let sent = lab.leave("one", original.clone()).delivered("internet");
                let error = build::icmp_error(ip("192.0.2.254"), sent.key().src, kind, code, 0, &sent.bytes[..length]);
                let error = lab.arrive(error).delivered("eni-one").source("192.0.2.254");
                assert_eq!(error.verdict.connection, Some(sent.n));
                let headers = error.headers();
                assert_eq!(headers.dst, ip("10.0.1.10"));
                let Transport::IcmpError { quote: Some(quote), .. } = headers.transport else { panic!("an error") };
                assert_eq!((quote.src, quote.dst, quote.transport), (ip("10.0.1.10"), ip("198.51.100.7"), ports));
                // But for the TTL and with it the header's checksum, to the byte.
                let (quoted, original) = (&error.bytes[QUOTE_AT..], &original[..length]);
                assert_eq!((&quoted[..8], &quoted[12..]), (&original[..8], &original[12..]));
                assert_eq!(quoted[8], original[8] - 1);
            }
        }
    }
}

#[test]
fn an_error_that_the_client_sends_goes_out_with_the_gateways_address_in_its_quote() {
    let mut lab = Lab::new(NETWORK);
    let sent = lab.leave("one", udp("10.0.1.10:5353", "198.51.100.7:53")).delivered("internet");
    let answer = sent.reply();
    let got = lab.arrive(answer.clone()).delivered("eni-one");
    let error = |about: &[u8]| build::icmp_error(ip("10.0.1.10"), ip("198.51.100.7"), 3, 3, 0, about);
    let told = lab.leave("one", error(&got.bytes)).delivered("internet").source("203.0.113.20");
    // (4.18; RFC 5508 REQ-5)
    let quoted = &told.bytes[QUOTE_AT..];
    assert_eq!((&quoted[..8], &quoted[12..]), (&answer[..8], &answer[12..]));
    // About a packet that never came through the gateway there is nothing to say.
    let stray = error(&udp("198.51.100.7:53", "10.0.1.10:6000"));
    lab.leave("one", stray).dropped(DropReason::NatNoSession, "nat-nat");
}

#[test]
fn time_exceeded_comes_from_the_private_address_and_to_the_inside_only() {
    let mut lab = Lab::new(NETWORK);
    let flows = [
        build::udp(socket("10.0.1.10:5353"), socket("198.51.100.7:53")).ttl(1).build(),
        build::tcp(socket(FROM), socket(TO)).flags(TcpFlags::SYN).ttl(1).build(),
        build::echo_request(ip("10.0.1.10"), ip("198.51.100.7"), 7, 1).ttl(1).build(),
    ];
    for original in flows {
        let dead = lab.leave("one", original.clone());
        let (_, bytes, place) = dead.generated.as_ref().expect("time exceeded");
        assert_eq!(place.as_deref(), Some("eni-one"));
        let error = headers(bytes);
        assert_eq!((error.src, error.dst), (ip("10.0.0.200"), ip("10.0.1.10")));
        assert!(matches!(error.transport, Transport::IcmpError { kind: 11, code: 0, .. }), "{error:?}");
        assert_eq!(bytes[QUOTE_AT..], original);
        dead.dropped(DropReason::Ttl, "nat-nat");
    }
    // The outside is not told (4.27).
    let sent = lab.leave("one", udp("10.0.1.10:5353", "198.51.100.7:53")).delivered("internet");
    let to = (sent.key().src, sent.key().src_port).into();
    let dead = lab.arrive(build::udp(socket("198.51.100.7:53"), to).ttl(1).build());
    assert!(dead.generated.is_none());
    dead.dropped(DropReason::Ttl, "nat-nat");
}

#[test]
fn of_fragments_only_those_of_udp_pass() {
    let mut lab = Lab::new(NETWORK);
    let tcp = build::tcp(socket(FROM), socket(TO)).flags(TcpFlags::ACK).dont_fragment(false).payload(&[7; 1000]);
    let echo = build::echo_request(ip("10.0.1.10"), ip("198.51.100.7"), 7, 1).dont_fragment(false);
    for whole in [tcp.build(), echo.payload(&[7; 1000]).build()] {
        let first = build::fragment(&whole, 600).swap_remove(0);
        lab.leave("one", first).dropped(DropReason::NatFragment, "nat-nat");
    }
    let whole = build::udp(socket("10.0.1.10:5353"), socket("198.51.100.7:53")).payload(&[7; 1000]).build();
    let first = build::fragment(&whole, 600).swap_remove(0);
    let whole = lab.leave("one", whole).delivered("internet");
    let first = lab.leave("one", first).delivered("internet");
    // The checksum is over the whole datagram, which the gateway does not have: it comes out the same all the same.
    assert_eq!(first.bytes[20..], whole.bytes[20..first.bytes.len()]);
}

#[test]
fn a_pool_is_of_one_protocol_and_remote_and_the_living_keep_their_ports() {
    let mut lab = with_knobs("max_per_destination = 3");
    let tcp = |port: u16| syn(&format!("10.0.1.10:{port}"), TO);
    let echo = |id: u16| ping("10.0.1.10", "198.51.100.7", id);
    let first = lab.leave("one", tcp(1)).delivered("internet");
    for n in 2..=3 {
        lab.leave("one", tcp(n)).delivered("internet");
    }
    // Other protocols, ports and addresses have pools of their own (4.12); echo counts without a port (4.17).
    for n in 1..=3 {
        lab.leave("one", echo(n)).delivered("internet");
        lab.leave("one", udp(&format!("10.0.1.10:{n}"), TO)).delivered("internet");
    }
    for full in [tcp(4), echo(4), udp("10.0.1.10:4", TO)] {
        let full = lab.leave("one", full);
        assert!(full.generated.is_none()); // (4.16)
        full.dropped(DropReason::NatPortExhausted, "nat-nat");
    }
    // The other client has no pool of its own.
    lab.leave("two", syn("10.0.1.11:1", TO)).dropped(DropReason::NatPortExhausted, "nat-nat");
    lab.leave("one", syn("10.0.1.10:4", "198.51.100.7:444")).delivered("internet");
    lab.leave("one", syn("10.0.1.10:4", "198.51.100.8:443")).delivered("internet");
    let counters = lab.nat_counters("nat-nat");
    assert_eq!((counters.error_port_allocation, counters.packets_drop, counters.connection_attempt), (4, 4, 5));
    // Nobody was evicted for them.
    lab.arrive(first.reply()).delivered("eni-one");
    // Half-open mappings are gone after 60 s; the one that was answered, too, as nobody went on with it.
    lab.wait(60.0);
    for n in 4..=6 {
        lab.leave("one", tcp(n)).delivered("internet");
    }
    lab.leave("one", tcp(7)).dropped(DropReason::NatPortExhausted, "nat-nat");
}

#[test]
fn a_port_in_linger_is_taken() {
    let mut lab = with_knobs("max_per_destination = 1");
    let public = connected(&mut lab);
    lab.arrive(from_remote(public, TcpFlags::RST)).delivered("eni-one");
    lab.wait(9.999);
    lab.leave("two", syn("10.0.1.11:4000", TO)).dropped(DropReason::NatPortExhausted, "nat-nat");
    lab.wait(0.001);
    lab.leave("two", syn("10.0.1.11:4000", TO)).delivered("internet");
}

#[test]
fn two_addresses_are_two_pools() {
    let two = NETWORK.replace(
        "public = \"203.0.113.20\" }]",
        "public = \"203.0.113.20\" }, { private = \"10.0.0.201\", public = \"203.0.113.21\" }]",
    );
    let mut lab = Lab::new(&format!("{two}\n[behavior.nat_gateway]\nmax_per_destination = 1\n"));
    let mut sources = Vec::new();
    for port in [4000, 4001] {
        let sent = lab.leave("one", udp(&format!("10.0.1.10:{port}"), "198.51.100.7:53")).delivered("internet");
        lab.arrive(sent.reply()).delivered("eni-one").destination(&format!("10.0.1.10:{port}"));
        sources.push(sent.key().src);
    }
    // The second flow falls to the address that the first left free (4.15).
    sources.sort();
    assert_eq!(sources, [ip("203.0.113.20"), ip("203.0.113.21")]);
    lab.leave("one", udp("10.0.1.10:4002", "198.51.100.7:53")).dropped(DropReason::NatPortExhausted, "nat-nat");
    // Failed once, though two addresses were asked.
    assert_eq!(lab.nat_counters("nat-nat").error_port_allocation, 1);

    let mut lab = Lab::new(&two);
    let flows = (0..64).map(|n| udp(&format!("10.0.1.10:{}", 4000 + n), "198.51.100.7:53"));
    let on_first = flows.filter(|flow| lab.leave("one", flow.clone()).key().src == ip("203.0.113.20")).count();
    assert!((8..=56).contains(&on_first), "{on_first} of 64");
}

#[test]
fn a_gateway_that_was_away_has_forgotten() {
    let away = NETWORK.replace("{ to = \"0.0.0.0/0\", via = \"nat\" }", "");
    let away = away.replace(
        "[nat_gateway.nat]\nsubnet = \"pub\"\naddresses = [{ private = \"10.0.0.200\", public = \"203.0.113.20\" }]\n",
        "",
    );
    let mut lab = Lab::then(&[NETWORK, &away, NETWORK]);
    let public = connected(&mut lab);
    lab.switch();
    lab.leave("one", data(FROM, TO)).dropped(DropReason::NoRoute, "rtb-priv");
    lab.arrive(from_remote(public, TcpFlags::ACK)).dropped(DropReason::NoSuchPublicAddress, "igw-igw");
    lab.switch();
    lab.arrive(from_remote(public, TcpFlags::ACK)).dropped(DropReason::NatNoSession, "nat-nat");
    // (4.31)
    let late = lab.leave("one", data(FROM, TO));
    assert!(late.generated.is_some());
    late.dropped(DropReason::NatNoSession, "nat-nat");
}

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
fn p18_to_the_public_address_of_an_instance_and_back() {
    let mut lab = Lab::new(&NETWORK.replace(
        "public = \"203.0.113.10\"\n",
        "public = \"203.0.113.10\"\nsecurity_groups = [\"open\"]\n[security_group.open]\ningress = [{ proto = \"all\", from = \"203.0.113.20/32\" }]\n",
    ));
    for flow in [syn(FROM, "203.0.113.10:443"), udp(FROM, "203.0.113.10:443"), ping("10.0.1.10", "203.0.113.10", 4000)]
    {
        let steps = [&OUT_AND_IN[..], &["sg eni-web ingress"]].concat();
        let sent = lab.leave("one", flow).delivered("eni-web").source("203.0.113.20").steps(&steps);
        let reply = lab.leave("web", sent.reply()).delivered("eni-one").source("203.0.113.10");
        assert_eq!(reply.verdict.connection, Some(sent.n));
        assert_eq!((reply.key().dst, reply.key().dst_port), (ip("10.0.1.10"), 4000));
        reply.steps(&[
            "sg eni-web egress",
            "nacl acl-main-default egress",
            "route rtb-pub",
            "igw igw-igw",
            "igw igw-igw",
            "nacl acl-main-default ingress",
            "nat nat-nat ingress",
            "nacl acl-main-default egress",
            "route rtb-pub",
            "nacl acl-main-default ingress",
            "sg eni-one ingress",
        ]);
    }
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
