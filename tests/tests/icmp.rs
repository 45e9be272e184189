//! ICMP errors through the internet gateway, and those that the VPC router makes (1.22, 1.24, 3.5, 6.26).

use vpcemu_dataplane::outcome::{CtState, Outcome};
use vpcemu_dataplane::output::GeneratedKind;
use vpcemu_dataplane::{DropReason, Options};
use vpcemu_model::native;
use vpcemu_packet::{QuoteTransport, TcpFlags, Transport, build};
use vpcemu_tests::{Lab, Sent, headers, ip, ping, socket, syn, udp};

/// Groups without a single rule for ICMP to come in by: what comes in is related.
const NETWORK: &str = r#"
[vpc.main]
cidrs = ["10.0.0.0/16", "2001:db8:1234:1a00::/56"]
[internet_gateway.igw]
[subnet.pub]
cidrs = ["10.0.0.0/24", "2001:db8:1234:1a00::/64"]
route_table = "pub"
nacl = "pub"
[subnet.priv]
cidrs = ["10.0.1.0/24"]
route_table = "priv"
nacl = "pub"
[route_table.pub]
routes = [{ to = "0.0.0.0/0", via = "igw" }, { to = "::/0", via = "igw" }]
[route_table.priv]
routes = [{ to = "0.0.0.0/0", via = "nat" }]
[nat_gateway.nat]
subnet = "pub"
addresses = [{ private = "10.0.0.200", public = "203.0.113.20" }]
[network_acl.pub]
ingress = [{ rule = 100, action = "allow", proto = "all", from = "0.0.0.0/0" }, { rule = 101, action = "allow", proto = "all", from = "::/0" }]
egress = [{ rule = 100, action = "allow", proto = "all", to = "0.0.0.0/0" }, { rule = 101, action = "allow", proto = "all", to = "::/0" }]
[security_group.web]
ingress = [{ proto = "tcp", ports = "443", from = "198.51.100.0/24" }, { proto = "udp", ports = "53", from = "198.51.100.0/24" }]
egress = [
  { proto = "tcp", to = "198.51.100.0/24" },
  { proto = "udp", to = "198.51.100.0/24" },
  { proto = "icmp", type = "echo-request", to = "198.51.100.0/24" },
  { proto = "udp", to = "2001:db8:ffff::/48" },
]
[instance.web]
subnet = "pub"
addresses = ["10.0.0.10", "2001:db8:1234:1a00::10"]
public = "203.0.113.10"
security_groups = ["web"]
[instance.app]
subnet = "priv"
addresses = ["10.0.1.10"]
security_groups = ["web"]
"#;

const ROUTER: &str = "192.0.2.254";

/// An IPv4 header without options, and the eight bytes of an ICMP header: where a quote begins.
const QUOTE_AT: usize = 28;

/// A UDP datagram of this IP length.
fn sized(src: &str, dst: &str, length: usize, dont_fragment: bool) -> Vec<u8> {
    let overhead = if socket(src).is_ipv4() { 28 } else { 48 };
    let packet = build::udp(socket(src), socket(dst)).dont_fragment(dont_fragment).payload(&vec![7; length - overhead]);
    let packet = packet.build();
    assert_eq!(packet.len(), length);
    packet
}

#[track_caller]
fn made(sent: &Sent) -> (GeneratedKind, &[u8], Option<&str>) {
    let (kind, bytes, place) = sent.generated.as_ref().expect("the router speaks up");
    (*kind, bytes, place.as_deref())
}

#[test]
fn an_error_from_outside_quotes_the_packet_as_the_instance_sent_it() {
    let flows = [
        udp("10.0.0.10:4000", "198.51.100.7:53"),
        syn("10.0.0.10:4000", "198.51.100.7:443"),
        ping("10.0.0.10", "198.51.100.7", 4000),
    ];
    for original in flows {
        // Routers quote eight bytes of the transport header, or all there is (1.24).
        for length in [QUOTE_AT, original.len()] {
            let mut lab = Lab::new(NETWORK);
            let sent = lab.leave("web", original.clone()).delivered("internet").source("203.0.113.10");
            let error = build::icmp_error(ip(ROUTER), ip("203.0.113.10"), 11, 0, 0, &sent.bytes[..length]);
            let error = lab.arrive(error).delivered("eni-web").source(ROUTER);
            assert_eq!((error.verdict.state, error.verdict.connection), (Some(CtState::Related), Some(sent.n)));
            let error = error.steps(&["igw igw-igw", "nacl acl-pub ingress", "sg eni-web ingress"]);
            // Addresses and checksums, to the byte (3.5).
            assert_eq!(error.bytes[QUOTE_AT..], original[..length]);
        }
    }
}

#[test]
fn an_error_from_an_instance_quotes_the_packet_as_the_remote_sent_it() {
    for original in [udp("198.51.100.7:4000", "203.0.113.10:53"), syn("198.51.100.7:4000", "203.0.113.10:443")] {
        for length in [QUOTE_AT, original.len()] {
            let mut lab = Lab::new(NETWORK);
            let got = lab.arrive(original.clone()).delivered("eni-web");
            let error = build::icmp_error(ip("10.0.0.10"), ip("198.51.100.7"), 3, 3, 0, &got.bytes[..length]);
            // No rule lets ICMP errors out; it is related (6.26).
            let error = lab.leave("web", error).delivered("internet").source("203.0.113.10");
            assert_eq!(error.verdict.state, Some(CtState::Related));
            let error = error.steps(&["sg eni-web egress", "nacl acl-pub egress", "route rtb-pub", "igw igw-igw"]);
            assert_eq!(error.bytes[QUOTE_AT..], original[..length]);
        }
    }
}

#[test]
fn an_error_about_nothing_known_is_judged_by_the_rules() {
    let stray = udp("203.0.113.10:9999", "198.51.100.7:53");
    let stray = build::icmp_error(ip(ROUTER), ip("203.0.113.10"), 3, 3, 0, &stray);
    Lab::new(NETWORK).arrive(stray).dropped(DropReason::SecurityGroup, "eni-web");
    let mut lab = Lab::new(&format!("{NETWORK}\n[behavior.security_group]\nicmp_related = false\n"));
    let sent = lab.leave("web", udp("10.0.0.10:4000", "198.51.100.7:53")).delivered("internet");
    let error = build::icmp_error(ip(ROUTER), ip("203.0.113.10"), 3, 3, 0, &sent.bytes);
    lab.arrive(error).dropped(DropReason::SecurityGroup, "eni-web");
}

#[test]
fn a_network_acl_judges_an_error_by_its_own_header() {
    // Related is a matter of security groups; network ACLs have no state (7.8).
    let deny = "ingress = [{ rule = 10, action = \"deny\", proto = \"icmp\", from = \"192.0.2.0/24\" }, ";
    let mut lab = Lab::new(&NETWORK.replacen("ingress = [", deny, 1));
    let sent = lab.leave("web", udp("10.0.0.10:4000", "198.51.100.7:53")).delivered("internet");
    let error = lab.arrive(build::icmp_error(ip(ROUTER), ip("203.0.113.10"), 3, 3, 0, &sent.bytes));
    assert_eq!(error.rule.as_deref(), Some("10"));
    error.dropped(DropReason::NetworkAcl, "acl-pub");
}

#[test]
fn more_than_1500_bytes_with_df_come_back_as_fragmentation_needed() {
    let mut lab = Lab::new(NETWORK);
    let fits = lab.leave("web", sized("10.0.0.10:4000", "198.51.100.7:53", 1500, true)).delivered("internet");
    assert_eq!((fits.verdict.pieces, fits.generated.is_some()), (0, false));
    let original = sized("10.0.0.10:4000", "198.51.100.7:53", 1501, true);
    let big = lab.leave("web", original.clone());
    let (kind, bytes, place) = made(&big);
    assert_eq!((kind.name(), place), ("icmp-frag-needed", Some("eni-web")));
    let error = headers(bytes);
    assert_eq!((error.src, error.dst), (ip("10.0.0.1"), ip("10.0.0.10")));
    assert!(matches!(error.transport, Transport::IcmpError { kind: 3, code: 4, .. }), "{error:?}");
    // The next hop's MTU is in the last two of the four bytes behind the checksum (RFC 1191 4).
    assert_eq!(bytes[24..28], [0, 0, 0x05, 0xDC]);
    // The quote is the packet as the instance sent it, as much as fits into 576 bytes (1.24).
    assert_eq!(bytes.len(), 576);
    assert_eq!(bytes[QUOTE_AT..], original[..576 - QUOTE_AT]);
    assert_eq!(big.verdict.pieces, 0);
    big.dropped(DropReason::Mtu, "igw-igw").steps(&[
        "sg eni-web egress",
        "nacl acl-pub egress",
        "route rtb-pub",
        "check igw-igw DENY",
    ]);
}

#[test]
fn the_routers_packet_crosses_no_network_acl() {
    // P22: from the subnet's `.1` straight to the interface.
    let deny = "ingress = [{ rule = 10, action = \"deny\", proto = \"icmp\", from = \"0.0.0.0/0\" }, ";
    let mut lab = Lab::new(&NETWORK.replacen("ingress = [", deny, 1));
    let big = lab.leave("web", sized("10.0.0.10:4000", "198.51.100.7:53", 1501, true));
    assert_eq!(made(&big).2, Some("eni-web"));
}

#[test]
fn more_than_1500_bytes_without_df_leave_in_pieces() {
    // 1480 bytes a piece behind a header of 20.
    for (length, pieces) in [(1500, 0), (1501, 2), (2980, 2), (2981, 3), (3000, 3), (9001, 7)] {
        let mut lab = Lab::new(NETWORK);
        let sent = lab.leave("web", sized("10.0.0.10:4000", "198.51.100.7:53", length, false)).delivered("internet");
        assert_eq!((sent.verdict.pieces, sent.generated.is_some()), (pieces, false), "{length} bytes");
    }
}

#[test]
fn ipv6_is_never_fragmented_and_the_sender_told() {
    let (from, to) = ("[2001:db8:1234:1a00::10]:4000", "[2001:db8:ffff::1]:53");
    let mut lab = Lab::new(NETWORK);
    lab.leave("web", sized(from, to, 1500, false)).delivered("internet");
    let original = sized(from, to, 1501, false);
    let big = lab.leave("web", original.clone());
    let (kind, bytes, place) = made(&big);
    assert_eq!((kind.name(), place), ("icmpv6-ptb", Some("eni-web")));
    let error = headers(bytes);
    assert_eq!((error.src, error.dst), (ip("2001:db8:1234:1a00::1"), ip("2001:db8:1234:1a00::10")));
    assert!(matches!(error.transport, Transport::IcmpError { kind: 2, code: 0, .. }), "{error:?}");
    assert_eq!(bytes[44..48], 1500_u32.to_be_bytes());
    assert_eq!(bytes.len(), 1280);
    assert_eq!(bytes[48..], original[..1280 - 48]);
    big.dropped(DropReason::Mtu, "igw-igw");
}

#[test]
fn what_is_too_large_from_outside_dies_in_silence() {
    for dont_fragment in [true, false] {
        let sent = Lab::new(NETWORK).arrive(sized("198.51.100.7:4000", "203.0.113.10:53", 1501, dont_fragment));
        assert!(sent.generated.is_none());
        sent.dropped(DropReason::Mtu, "igw-igw").steps(&["check igw-igw DENY"]);
    }
    Lab::new(NETWORK).arrive(sized("198.51.100.7:4000", "203.0.113.10:53", 1500, true)).delivered("eni-web");
}

#[test]
fn a_tcp_segment_that_offloads_put_together_is_not_subject_to_the_mtu() {
    let segment = || {
        let segment = build::tcp(socket("10.0.0.10:4000"), socket("198.51.100.7:443")).flags(TcpFlags::ACK);
        segment.payload(&[7; 9000]).build()
    };
    let sent = Lab::new(NETWORK).leave("web", segment()).delivered("internet");
    assert_eq!(sent.verdict.pieces, 0);
    let network = native::parse("lab.toml", NETWORK).unwrap().network;
    let mut strict = Lab::of(&[network], Options { coalesced_tcp: false, ..Options::default() });
    let sent = strict.leave("web", segment());
    assert_eq!(made(&sent).0, GeneratedKind::IcmpFragmentationNeeded);
    sent.dropped(DropReason::Mtu, "igw-igw");
}

#[test]
fn a_client_behind_the_nat_gateway_hears_of_the_mtu_through_it() {
    // The NAT gateway is the sender in the public subnet; it passes the router's error on, translated (1.22, 4.18).
    let mut lab = Lab::new(NETWORK);
    let big = lab.leave("app", sized("10.0.1.10:4000", "198.51.100.7:53", 1501, true));
    let (kind, bytes, place) = made(&big);
    assert_eq!((kind.name(), place), ("icmp-frag-needed", Some("eni-app")));
    let error = headers(bytes);
    assert_eq!((error.src, error.dst), (ip("10.0.0.1"), ip("10.0.1.10")));
    let Transport::IcmpError { quote: Some(quote), .. } = error.transport else { panic!("an error") };
    assert_eq!((quote.src, quote.dst), (ip("10.0.1.10"), ip("198.51.100.7")));
    assert_eq!(quote.transport, QuoteTransport::Ports { src: 4000, dst: 53 });
    big.dropped(DropReason::Mtu, "igw-igw");
    // Without DF it leaves in pieces, through both.
    let sent = lab.leave("app", sized("10.0.1.10:4000", "198.51.100.7:53", 1501, false)).delivered("internet");
    assert_eq!(sent.verdict.pieces, 2);
}

#[test]
fn every_fragment_of_an_error_is_about_what_the_first_quotes() {
    let asked = udp("10.0.0.10:4000", "198.51.100.7:53");
    for order in [[0, 1, 2], [1, 2, 0], [2, 0, 1]] {
        let mut lab = Lab::new(NETWORK);
        lab.leave("web", asked.clone()).delivered("internet");
        // As it got there: from the public address.
        let quoted = udp("203.0.113.10:4000", "198.51.100.7:53");
        let error = build::icmp_message(ip("198.51.100.7"), ip("203.0.113.10"), 3, 1, 0)
            .payload(&[&quoted[..], &[0; 500]].concat());
        let pieces = build::fragment(&error.dont_fragment(false).build(), 220);
        assert_eq!(pieces.len(), 3);
        let mut arrived = Vec::new();
        for at in order {
            arrived.push(lab.arrive(pieces[at].clone()));
            arrived.extend(lab.take_later());
        }
        arrived.retain(|sent| sent.verdict.outcome != Outcome::Held);
        assert_eq!(arrived.len(), 3);
        for piece in arrived {
            assert_eq!(piece.verdict.state, Some(CtState::Related));
            piece.delivered("eni-web");
        }
    }
}
