//! NAT instances: Linux's masquerading behind security groups (section 11).

use vpcemu_dataplane::DropReason;
use vpcemu_packet::{QuoteTransport, TcpFlags, Transport, build};
use vpcemu_tests::{Lab, data, headers, ping, socket, syn, udp};

const NETWORK: &str = r#"
[vpc.main]
cidrs = ["10.0.0.0/16", "2001:db8:0:100::/56"]
[internet_gateway.igw]
[subnet.pub]
cidrs = ["10.0.0.0/24", "2001:db8:0:100::/64"]
route_table = "pub"
[subnet.priv]
cidrs = ["10.0.1.0/24", "2001:db8:0:101::/64"]
route_table = "priv"
[route_table.pub]
routes = [{ to = "0.0.0.0/0", via = "igw" }, { to = "::/0", via = "igw" }]
[route_table.priv]
routes = [{ to = "0.0.0.0/0", via = "nat" }, { to = "::/0", via = "nat" }]
[security_group.nat]
ingress = [{ proto = "all", from = "10.0.0.0/16" }, { proto = "all", from = "2001:db8:0:100::/56" }, { proto = "tcp", ports = "22", from = "0.0.0.0/0" }]
egress = [{ proto = "all", to = "0.0.0.0/0" }, { proto = "all", to = "::/0" }]
[security_group.priv]
egress = [{ proto = "all", to = "0.0.0.0/0" }, { proto = "all", to = "::/0" }]
[instance.nat]
subnet = "pub"
addresses = ["10.0.0.5", "2001:db8:0:100::5"]
public = "203.0.113.5"
security_groups = ["nat"]
source_dest_check = false
forward = "nat-instance"
[instance.one]
subnet = "priv"
addresses = ["10.0.1.10", "2001:db8:0:101::10"]
security_groups = ["priv"]
[instance.two]
subnet = "priv"
addresses = ["10.0.1.11"]
security_groups = ["priv"]
"#;

const SERVER: &str = "198.51.100.7:9000";

#[test]
fn both_legs_and_the_way_back() {
    let mut lab = Lab::new(NETWORK);
    let sent = lab.leave("one", udp("10.0.1.10:4000", SERVER)).delivered("internet").source("203.0.113.5").steps(&[
        "sg eni-one egress",
        "nacl acl-main-default egress",
        "route rtb-priv",
        "nacl acl-main-default ingress",
        "sg eni-nat ingress",
        "nat eni-nat",
        "sg eni-nat egress",
        "nacl acl-main-default egress",
        "route rtb-pub",
        "igw igw-igw",
    ]);
    assert_eq!((sent.key().src_port, sent.headers().ttl), (4000, 63));
    let back = lab.arrive(sent.reply()).delivered("eni-one").destination("10.0.1.10:4000").steps(&[
        "igw igw-igw",
        "nacl acl-main-default ingress",
        "sg eni-nat ingress",
        "nat eni-nat",
        "sg eni-nat egress",
        "nacl acl-main-default egress",
        "route rtb-pub",
        "nacl acl-main-default ingress",
        "sg eni-one ingress",
    ]);
    assert_eq!(back.headers().ttl, 63);
}

#[test]
fn the_group_of_the_instance_must_admit_clients_and_remotes() {
    let mut lab = Lab::new(&NETWORK.replace("{ proto = \"all\", from = \"10.0.0.0/16\" }, ", ""));
    lab.leave("one", udp("10.0.1.10:4000", SERVER)).dropped(DropReason::SecurityGroup, "eni-nat");
    let mut lab = Lab::new(&NETWORK.replacen(
        "egress = [{ proto = \"all\", to = \"0.0.0.0/0\" }",
        "egress = [{ proto = \"tcp\", to = \"0.0.0.0/0\" }",
        1,
    ));
    lab.leave("one", udp("10.0.1.10:4000", SERVER)).dropped(DropReason::SecurityGroup, "eni-nat");
    // Clients by reference: they send directly (11.2).
    let mut lab = Lab::new(&NETWORK.replace("from = \"10.0.0.0/16\"", "from = \"sg:priv\""));
    lab.leave("one", udp("10.0.1.10:4000", SERVER)).delivered("internet");
}

#[test]
fn ports_are_kept_until_they_collide_and_stay_in_their_class() {
    let mut lab = Lab::new(NETWORK);
    for port in [0u16, 80, 600, 4000, 65535] {
        let kept = lab.leave("one", udp(&format!("10.0.1.10:{port}"), SERVER)).delivered("internet");
        assert_eq!(kept.key().src_port, port);
        let other = lab.leave("two", udp(&format!("10.0.1.11:{port}"), SERVER)).delivered("internet").key().src_port;
        assert_ne!(other, port);
        let class = |port: u16| (port >= 512, port >= 1024);
        assert_eq!(class(other), class(port), "{port} -> {other}");
    }
    // Towards another remote nothing collides: the same port for everyone (an easy NAT).
    assert_eq!(lab.leave("two", udp("10.0.1.11:4000", "198.51.100.8:9000")).delivered("internet").key().src_port, 4000);
    lab.leave("one", ping("10.0.1.10", "198.51.100.7", 7)).delivered("internet");
    let other = lab.leave("two", ping("10.0.1.11", "198.51.100.7", 7)).delivered("internet");
    assert_ne!(other.key().src_port, 7);
    assert_eq!(lab.arrive(other.reply()).delivered("eni-two").key().src_port, 7);
}

#[test]
fn protocols_without_ports_have_one_client_for_each_remote() {
    let mut lab = Lab::new(NETWORK);
    let ip = |text: &str| text.parse().unwrap();
    let gre = |from: &str| build::protocol(ip(from), ip("198.51.100.7"), 47, &[0; 8]).build();
    let sent = lab.leave("one", gre("10.0.1.10")).delivered("internet");
    lab.arrive(sent.reply()).delivered("eni-one");
    lab.leave("two", gre("10.0.1.11")).dropped(DropReason::NatPortExhausted, "eni-nat");
}

#[test]
fn what_nobody_asked_for_is_the_instances_own() {
    let mut lab = Lab::new(NETWORK);
    lab.arrive(syn("198.51.100.9:5000", "203.0.113.5:22")).delivered("eni-nat");
    lab.arrive(syn("198.51.100.9:5000", "203.0.113.5:4000")).dropped(DropReason::SecurityGroup, "eni-nat");
    // Another remote of a mapped port meets no mapping, and no rule.
    let sent = lab.leave("one", udp("10.0.1.10:4000", SERVER)).delivered("internet");
    let stranger = udp("198.51.100.9:9000", &format!("203.0.113.5:{}", sent.key().src_port));
    lab.arrive(stranger).dropped(DropReason::SecurityGroup, "eni-nat");
}

#[test]
fn errors_about_a_flow_find_their_way_and_redirects_do_not() {
    let mut lab = Lab::new(NETWORK);
    let sent = lab.leave("one", udp("10.0.1.10:4000", SERVER)).delivered("internet");
    let router = "192.0.2.1".parse().unwrap();
    let error = build::icmp_error(router, sent.key().src, 11, 0, 0, &sent.bytes[..28]);
    let error = lab.arrive(error).delivered("eni-one");
    let Transport::IcmpError { quote: Some(quote), .. } = error.headers().transport else { panic!("an error") };
    assert_eq!(quote.src.to_string(), "10.0.1.10");
    assert_eq!(quote.transport, QuoteTransport::Ports { src: 4000, dst: 9000 });
    let redirect = build::icmp_error(router, sent.key().src, 5, 1, 0, &sent.bytes[..28]);
    assert_ne!(lab.arrive(redirect).place.as_deref(), Some("eni-one"));
}

#[test]
fn an_error_from_the_inside_names_the_public_side() {
    let mut lab = Lab::new(NETWORK);
    let sent = lab.leave("one", udp("10.0.1.10:4000", SERVER)).delivered("internet");
    let reply = lab.arrive(sent.reply()).delivered("eni-one");
    let error = build::icmp_error(reply.key().dst, reply.key().src, 3, 3, 0, &reply.bytes);
    let error = lab.leave("one", error).delivered("internet").source("203.0.113.5");
    let Transport::IcmpError { quote: Some(quote), .. } = error.headers().transport else { panic!("an error") };
    assert_eq!(quote.dst.to_string(), "203.0.113.5");
}

#[test]
fn ttl_runs_out_on_either_side_and_the_private_address_is_not_told() {
    let mut lab = Lab::new(NETWORK);
    let out = build::udp(socket("10.0.1.10:4000"), socket(SERVER)).ttl(1).build();
    let dead = lab.leave("one", out);
    let (kind, bytes, place) = dead.generated.as_ref().expect("time exceeded");
    assert_eq!((kind.name(), place.as_deref()), ("icmp-time-exceeded", Some("eni-one")));
    assert_eq!(headers(bytes).src.to_string(), "10.0.0.5");
    dead.dropped(DropReason::Ttl, "eni-nat");

    let sent = lab.leave("one", udp("10.0.1.10:4000", SERVER)).delivered("internet");
    let to = format!("203.0.113.5:{}", sent.key().src_port);
    let dead = lab.arrive(build::udp(socket(SERVER), socket(&to)).ttl(1).build());
    let (_, bytes, place) = dead.generated.as_ref().expect("time exceeded");
    assert_eq!(place.as_deref(), Some("internet"));
    let Transport::IcmpError { quote: Some(quote), .. } = headers(bytes).transport else { panic!("an error") };
    assert_eq!(quote.dst.to_string(), "203.0.113.5", "the public address, and not the client's");
    dead.dropped(DropReason::Ttl, "eni-nat");
}

#[test]
fn ipv6_is_routed_and_not_translated() {
    let mut lab = Lab::new(NETWORK);
    let sent = lab.leave("one", udp("[2001:db8:0:101::10]:4000", "[2001:db8:ffff::7]:53"));
    let sent = sent.delivered("internet").source("2001:db8:0:101::10");
    assert_eq!(sent.headers().ttl, 63);
}

#[test]
fn tcp_and_icmp_fragments_are_carried() {
    let mut lab = Lab::new(NETWORK);
    let big = build::tcp(socket("10.0.1.10:4000"), socket("198.51.100.7:443")).flags(TcpFlags::SYN);
    let big = big.dont_fragment(false).payload(&[0; 1800]).build();
    for piece in build::fragment(&big, 1500) {
        lab.leave("one", piece);
    }
    let first = build::fragment(&big, 1500).swap_remove(0);
    assert_eq!(headers(&first).key().src_port, 4000);
}

#[test]
fn tcp_through_the_instance() {
    let mut lab = Lab::new(NETWORK);
    let opened = lab.leave("one", syn("10.0.1.10:4000", "198.51.100.7:443")).delivered("internet");
    lab.arrive(opened.reply()).delivered("eni-one");
    let ack = build::tcp(socket("10.0.1.10:4000"), socket("198.51.100.7:443")).seq(1).ack(1).build();
    lab.leave("one", ack).delivered("internet");
    assert_eq!(opened.key().src_port, 4000);
    // A segment of nothing is the client's first word, and Linux picks it up.
    lab.leave("one", data("10.0.1.10:4001", "198.51.100.7:443")).delivered("internet");
}

#[test]
fn a_nat_instance_is_an_instance_too() {
    let mut lab = Lab::new(NETWORK);
    // A session on it: opened from outside, answered, and not taken for a client's.
    let called = lab.arrive(syn("198.51.100.9:5000", "203.0.113.5:22")).delivered("eni-nat");
    lab.leave("nat", called.reply()).delivered("internet").source("203.0.113.5").steps(&[
        "sg eni-nat egress",
        "nacl acl-main-default egress",
        "route rtb-pub",
        "igw igw-igw",
    ]);
    lab.arrive(data("198.51.100.9:5000", "203.0.113.5:22")).delivered("eni-nat");
    // Its own errand, at its last hop: it is no router of its own packets.
    let traced = build::udp(socket("10.0.0.5:40000"), socket("198.51.100.9:33434")).ttl(1).build();
    let traced = lab.leave("nat", traced).delivered("internet");
    assert_eq!(traced.headers().ttl, 1);
    assert!(traced.generated.is_none());
    let about = build::icmp_error("192.0.2.1".parse().unwrap(), traced.key().src, 11, 0, 0, &traced.bytes);
    lab.arrive(about).delivered("eni-nat");
}

#[test]
fn what_the_inside_hears_of_a_connection_that_timed_out() {
    for (knob, kind) in [("silent", None), ("fin", Some("tcp-fin")), ("rst", Some("tcp-rst"))] {
        let knobs = format!("{NETWORK}\n[behavior.nat_instance]\ntimeout = \"{knob}\"\ntcp_established = \"100s\"\n");
        let mut lab = Lab::new(&knobs);
        let ends = (socket("10.0.1.10:4000"), socket("198.51.100.7:443"));
        let opened = lab.leave("one", syn("10.0.1.10:4000", "198.51.100.7:443")).delivered("internet");
        lab.arrive(opened.reply()).delivered("eni-one");
        let ack = || build::tcp(ends.0, ends.1).seq(1).ack(1).build();
        lab.leave("one", ack()).delivered("internet");
        // Established both ways once the remote has said something too.
        let public = socket(&format!("203.0.113.5:{}", opened.key().src_port));
        lab.arrive(build::tcp(ends.1, public).seq(1).ack(1).payload(b"data").build()).delivered("eni-one");
        lab.leave("one", build::tcp(ends.0, ends.1).seq(1).ack(5).build()).delivered("internet");
        lab.wait(100.0);
        let late = lab.leave("one", build::tcp(ends.0, ends.1).seq(1).ack(5).payload(b"more").build());
        let made = late.generated.as_ref().map(|(kind, bytes, place)| {
            assert_eq!(place.as_deref(), Some("eni-one"));
            let Transport::Tcp { seq, ack, flags, .. } = headers(bytes).transport else { panic!("a segment") };
            assert_eq!(seq, 5, "what the client expects");
            assert!(!flags.contains(TcpFlags::FIN) || ack == 5, "all that it sent");
            kind.name()
        });
        assert_eq!(made, kind, "{knob}");
        match kind {
            None => assert!(late.place.is_some(), "Linux picks it up"),
            Some(_) => assert_eq!(late.reason(), Some(DropReason::NatIdleExpired)),
        }
    }
}
