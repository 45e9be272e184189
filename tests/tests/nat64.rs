//! NAT64 at a NAT gateway (4.32-4.34): an IPv6-only host talks to the IPv4 internet.

use std::net::IpAddr;

use vpcemu_dataplane::{DropReason, Options};
use vpcemu_model::native;
use vpcemu_packet::{QuoteTransport, TcpFlags, Transport, build};
use vpcemu_tests::{Lab, Sent, headers, ping, socket, syn, udp};

const NETWORK: &str = r#"
[vpc.main]
cidrs = ["10.0.0.0/16", "2001:db8:0:100::/56"]
[internet_gateway.igw]
[subnet.pub]
cidrs = ["10.0.0.0/24"]
route_table = "pub"
nacl = "gateway"
[subnet.six]
cidrs = ["2001:db8:0:101::/64"]
route_table = "six"
[subnet.db]
cidrs = ["10.0.2.0/24"]
route_table = "pub"
[route_table.pub]
routes = [{ to = "0.0.0.0/0", via = "igw" }]
[route_table.six]
routes = [{ to = "64:ff9b::/96", via = "nat" }]
[network_acl.gateway]
ingress = [{ rule = 100, action = "allow", proto = "all", from = "2001:db8:0:101::/64" }, { rule = 110, action = "allow", proto = "all", from = "0.0.0.0/0" }]
egress = [{ rule = 100, action = "allow", proto = "all", to = "0.0.0.0/0" }, { rule = 110, action = "allow", proto = "all", to = "2001:db8:0:101::/64" }]
[nat_gateway.nat]
subnet = "pub"
addresses = [{ private = "10.0.0.200", public = "203.0.113.20" }]
[security_group.open]
ingress = [{ proto = "all", from = "0.0.0.0/0" }]
egress = [{ proto = "all", to = "0.0.0.0/0" }, { proto = "all", to = "::/0" }]
[security_group.six]
egress = [{ proto = "all", to = "64:ff9b::/96" }]
[instance.six]
subnet = "six"
addresses = ["2001:db8:0:101::10"]
security_groups = ["six"]
[instance.db]
subnet = "db"
addresses = ["10.0.2.10"]
security_groups = ["open"]
"#;

const CLIENT: &str = "[2001:db8:0:101::10]:4000";
const SERVER: &str = "[64:ff9b::198.51.100.7]:443";

fn udp_of(payload: usize, from: &str, to: &str) -> Vec<u8> {
    build::udp(socket(from), socket(to)).payload(&vec![7; payload]).dont_fragment(false).build()
}

#[test]
fn tcp_there_and_back() {
    let mut lab = Lab::new(NETWORK);
    let sent = lab.leave("six", syn(CLIENT, SERVER)).delivered("internet").source("203.0.113.20").steps(&[
        "sg eni-six egress",
        "nacl acl-main-default egress",
        "route rtb-six",
        "nacl acl-gateway ingress",
        "nat nat-nat egress",
        "nacl acl-gateway egress",
        "route rtb-pub",
        "igw igw-igw",
    ]);
    assert_eq!((sent.key().dst.to_string(), sent.key().dst_port), ("198.51.100.7".to_owned(), 443));
    assert_eq!(sent.headers().ttl, 63);
    let back = lab.arrive(sent.reply()).delivered("eni-six").steps(&[
        "igw igw-igw",
        "nacl acl-gateway ingress",
        "nat nat-nat ingress",
        "nacl acl-gateway egress",
        "route rtb-pub",
        "nacl acl-main-default ingress",
        "sg eni-six ingress",
    ]);
    assert_eq!(back.key().to_string(), "tcp [64:ff9b::c633:6407]:443 > [2001:db8:0:101::10]:4000");
    let counters = lab.nat_counters("nat-nat");
    assert_eq!(counters.connection_attempt, 1);
    // Bytes are those of the packet on either side.
    assert_eq!((counters.in_from_source.bytes, counters.out_to_destination.bytes), (60, 40));
    assert_eq!((counters.in_from_destination.bytes, counters.out_to_source.bytes), (40, 60));
}

#[test]
fn udp_and_echo() {
    let mut lab = Lab::new(NETWORK);
    let sent = lab.leave("six", udp(CLIENT, "[64:ff9b::198.51.100.7]:53")).delivered("internet");
    let back = lab.arrive(sent.reply()).delivered("eni-six");
    assert_eq!(back.key().to_string(), "udp [64:ff9b::c633:6407]:53 > [2001:db8:0:101::10]:4000");
    let sent = lab.leave("six", ping("2001:db8:0:101::10", "64:ff9b::198.51.100.7", 77)).delivered("internet");
    assert!(matches!(sent.headers().transport, Transport::Query { kind: 8, .. }));
    let back = lab.arrive(sent.reply()).delivered("eni-six");
    assert!(matches!(back.headers().transport, Transport::Query { kind: 129, code: 0, id: 77 }));
}

#[test]
fn udp_without_a_checksum_gets_one_on_the_way_in() {
    let mut lab = Lab::new(NETWORK);
    let sent = lab.leave("six", udp(CLIENT, "[64:ff9b::198.51.100.7]:53")).delivered("internet");
    let mut reply = sent.reply();
    reply[26..28].fill(0);
    let back = lab.arrive(reply).delivered("eni-six");
    assert_ne!(back.bytes[46..48], [0, 0]);
}

#[test]
fn errors_from_outside_reach_the_client_in_its_own_language() {
    let mut lab = Lab::new(NETWORK);
    let sent = lab.leave("six", udp(CLIENT, "[64:ff9b::198.51.100.7]:53")).delivered("internet");
    let router: IpAddr = "192.0.2.1".parse().unwrap();
    for (kind, code, rest, expected) in [(3, 3, 0, (1, 4)), (11, 0, 0, (3, 0)), (3, 4, 1400, (2, 0))] {
        let error = build::icmp_error(router, sent.key().src, kind, code, rest, &sent.bytes);
        let error = lab.arrive(error).delivered("eni-six").source("64:ff9b::192.0.2.1");
        let Transport::IcmpError { kind, code, quote: Some(quote) } = error.headers().transport else { panic!() };
        assert_eq!((kind, code), expected);
        assert_eq!(quote.src.to_string(), "2001:db8:0:101::10");
        assert_eq!(quote.dst, "64:ff9b::198.51.100.7".parse::<IpAddr>().unwrap());
        assert_eq!(quote.transport, QuoteTransport::Ports { src: 4000, dst: 53 });
    }
}

#[test]
fn errors_of_the_client_reach_the_outside() {
    let mut lab = Lab::new(NETWORK);
    let sent = lab.leave("six", udp(CLIENT, "[64:ff9b::198.51.100.7]:53")).delivered("internet");
    let back = lab.arrive(sent.reply()).delivered("eni-six");
    let error = build::icmp_error(back.key().dst, back.key().src, 1, 4, 0, &back.bytes);
    let error = lab.leave("six", error).delivered("internet").source("203.0.113.20");
    let Transport::IcmpError { kind: 3, code: 3, quote: Some(quote) } = error.headers().transport else { panic!() };
    assert_eq!(quote.src.to_string(), "198.51.100.7");
    assert_eq!(quote.dst.to_string(), "203.0.113.20");
    assert_eq!(quote.transport, QuoteTransport::Ports { src: 53, dst: sent.key().src_port });
}

#[test]
fn flow_logs_tell_the_length_that_an_error_has_at_each_interface() {
    let network = native::parse("nat64.toml", NETWORK).unwrap().network;
    let mut lab = Lab::of(&[network], Options { flow_log_window: Some(60), ..Options::default() });
    let sent = lab.leave("six", udp_of(8, CLIENT, SERVER)).delivered("internet");
    let router = "192.0.2.1".parse::<IpAddr>().unwrap();
    let error = build::icmp_error(router, sent.key().src, 11, 0, 0, &sent.bytes);
    assert_eq!(error.len(), 20 + 8 + 20 + 8 + 8);
    let error = lab.arrive(error).delivered("eni-six");
    assert_eq!(error.bytes.len(), 40 + 8 + 40 + 8 + 8, "both headers are 20 bytes longer in IPv6");
    let mut logged: Vec<_> = lab.logged().iter().map(|it| (it.leg.header.protocol, it.sum.bytes)).collect();
    logged.sort_unstable();
    // The error: in at the gateway, out of it, in at the client. The datagram: out of the client, in at the gateway, out of it.
    assert_eq!(logged, [(1, 64), (17, 36), (17, 56), (17, 56), (58, 104), (58, 104)]);
}

#[test]
fn hosts_of_the_vpc_are_reached_by_their_ipv4_addresses() {
    // 4.35: the same VPC, another subnet.
    let mut lab = Lab::new(NETWORK);
    let sent = lab.leave("six", syn(CLIENT, "[64:ff9b::10.0.2.10]:5432")).delivered("eni-db").source("10.0.0.200");
    lab.leave("db", sent.reply()).delivered("eni-six").source("64:ff9b::10.0.2.10");
}

#[test]
fn other_ipv6_has_no_form() {
    let leads = NETWORK.replace("{ to = \"64:ff9b::/96\", via = \"nat\" }", "{ to = \"::/0\", via = \"nat\" }");
    let leads = leads.replace("to = \"64:ff9b::/96\" }]", "to = \"::/0\" }]");
    let mut lab = Lab::new(&leads);
    lab.leave("six", syn(CLIENT, "[2001:db8:ffff::7]:443")).dropped(DropReason::Protocol, "nat-nat");
    lab.leave("six", syn(CLIENT, SERVER)).delivered("internet");
}

#[test]
fn each_leg_is_judged_by_its_own_family() {
    let no_six =
        NETWORK.replace("{ rule = 100, action = \"allow\", proto = \"all\", from = \"2001:db8:0:101::/64\" }, ", "");
    Lab::new(&no_six).leave("six", syn(CLIENT, SERVER)).dropped(DropReason::NetworkAcl, "acl-gateway");
    let no_four = NETWORK
        .replace("egress = [{ rule = 100, action = \"allow\", proto = \"all\", to = \"0.0.0.0/0\" }, ", "egress = [");
    Lab::new(&no_four).leave("six", syn(CLIENT, SERVER)).dropped(DropReason::NetworkAcl, "acl-gateway");
    let group = NETWORK.replace(
        "egress = [{ proto = \"all\", to = \"64:ff9b::/96\" }]",
        "egress = [{ proto = \"all\", to = \"0.0.0.0/0\" }]",
    );
    Lab::new(&group).leave("six", syn(CLIENT, SERVER)).dropped(DropReason::SecurityGroup, "eni-six");
}

#[test]
fn hop_limit_and_reset_are_answered_in_ipv6() {
    let mut lab = Lab::new(NETWORK);
    let last = build::udp(socket(CLIENT), socket("[64:ff9b::198.51.100.7]:33434")).ttl(1).build();
    let dead = lab.leave("six", last);
    let (_, bytes, place) = dead.generated.as_ref().expect("hop limit exceeded");
    assert_eq!(place.as_deref(), Some("eni-six"));
    assert_eq!(headers(bytes).src, "64:ff9b::10.0.0.200".parse::<IpAddr>().unwrap());
    dead.dropped(DropReason::Ttl, "nat-nat");

    let sent = lab.leave("six", syn(CLIENT, SERVER)).delivered("internet");
    lab.arrive(sent.reply()).delivered("eni-six");
    let ack = || build::tcp(socket(CLIENT), socket(SERVER)).seq(5).ack(9).build();
    lab.leave("six", ack()).delivered("internet");
    lab.wait(350.0);
    let late = lab.leave("six", ack());
    let (kind, bytes, place) = late.generated.as_ref().expect("a RST in the remote's name");
    assert_eq!((kind.name(), place.as_deref()), ("tcp-rst", Some("eni-six")));
    let Transport::Tcp { flags, seq, .. } = headers(bytes).transport else { panic!() };
    assert_eq!((flags, seq), (TcpFlags::RST, 9));
    late.dropped(DropReason::NatIdleExpired, "nat-nat");
}

#[test]
fn what_grows_past_the_mtu_is_told_or_leaves_in_pieces() {
    let open = |lab: &mut Lab| -> Sent { lab.leave("six", udp(CLIENT, "[64:ff9b::10.0.2.10]:53")).delivered("eni-db") };
    let mut lab = Lab::new(NETWORK);
    let sent = open(&mut lab);
    let to = format!("10.0.0.200:{}", sent.key().src_port);
    // 8480 bytes fit after all: 8500 as IPv6.
    let fits = build::udp(socket("10.0.2.10:53"), socket(&to)).payload(&[1; 8452]).build();
    assert_eq!(lab.leave("db", fits).delivered("eni-six").headers().total_len, 8500);
    let large = build::udp(socket("10.0.2.10:53"), socket(&to)).payload(&[1; 8453]).dont_fragment(true).build();
    let refused = lab.leave("db", large);
    let (kind, bytes, place) = refused.generated.as_ref().expect("fragmentation needed");
    assert_eq!((kind.name(), place.as_deref()), ("icmp-frag-needed", Some("eni-db")));
    assert_eq!(bytes[26..28], 8480u16.to_be_bytes());
    refused.dropped(DropReason::Mtu, "nat-nat");
    let loose = lab.leave("db", udp_of(8453, "10.0.2.10:53", &to)).delivered("eni-six");
    assert_eq!(loose.verdict.pieces, 2);
}

#[test]
fn the_segment_size_fits_ipv6() {
    let mut lab = Lab::new(NETWORK);
    let large = build::tcp(socket(CLIENT), socket(SERVER)).flags(TcpFlags::SYN).mss(8941).build();
    let mut sent = lab.leave("six", large).delivered("internet");
    let length = sent.bytes.len() as u32;
    let packet = vpcemu_packet::Packet::parse(&mut sent.bytes, length, vpcemu_packet::Offloads::Strict).unwrap();
    assert!(packet.mss().is_some_and(|mss| mss <= 8460));
}
