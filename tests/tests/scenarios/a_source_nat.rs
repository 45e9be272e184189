//! Source NAT, endpoint-dependent: NAT gateways.

use std::collections::{BTreeMap, BTreeSet};

use vpcemu_dataplane::DropReason::{
    NatNoSession, NatPortExhausted, NoPublicAddress, NoRoute, NoSuchPublicAddress, SecurityGroupEmpty,
};
use vpcemu_dataplane::outcome::CtState;
use vpcemu_model::native;
use vpcemu_tests::scenario::*;

/// A client of its own for each port, all towards one remote.
fn clients(ports: std::ops::Range<u16>) -> impl Iterator<Item = Datagram> {
    ports.map(|port| udp(&format!("one:{port} > dns:53")))
}

#[test]
fn a1_tcp_udp_and_echo_leave_as_the_gateway() {
    let mut s = NAT.start();
    let packets = [tcp("one:4000 > server:443", "S"), udp("one:5353 > dns:53"), ping("one > server", 77)];
    for (packet, opens) in packets.iter().zip([ATTEMPT + OPENED, OPENED, OPENED]) {
        let first = s.leave("one", packet.clone()).to("internet", |p| p.src("nat:*").hop()).counts(OUT + opens);
        // The second round belongs to the first, port and all.
        s.leave("one", packet.clone()).to("internet", |p| p.src(&first.source()).hop()).of(&first).counts(OUT);
    }
}

#[test]
fn a2_the_reply_of_each_is_restored() {
    let mut s = NAT.start();
    for (packet, inside, opens) in [
        (tcp("one:4000 > server:443", "S"), "one:4000", ATTEMPT + OPENED),
        (udp("one:5353 > dns:53"), "one:5353", OPENED),
        (ping("one > server", 77), "one:77", OPENED),
    ] {
        let out = s.leave("one", packet).to("internet", |p| p.src("nat:*").hop()).counts(OUT + opens);
        for _ in 0..2 {
            s.arrive(out.reply()).to("one", |p| p.dst(inside).hop()).of(&out).counts(BACK);
        }
    }
}

#[test]
fn a3_two_hosts_with_one_port_get_two_ports_towards_one_remote() {
    let mut s = NAT.start();
    let one = s.leave("one", udp("one:4000 > server:9000")).to("internet", |p| p.src("nat:*").hop());
    let one = one.counts(OUT + OPENED);
    let two = s.leave("two", udp("two:4000 > server:9000")).to("internet", |p| p.src("nat:*").hop());
    let two = two.counts(OUT + OPENED);
    assert_ne!(one.source_port(), two.source_port());
    s.arrive(two.reply()).to("two", |p| p.dst("two:4000").hop()).counts(BACK);
    s.arrive(one.reply()).to("one", |p| p.dst("one:4000").hop()).counts(BACK);
}

#[test]
fn a4_towards_another_remote_a_port_is_free_again() {
    let mut s = NAT.start();
    let to = |host: &'static str| move |port: u16| udp(&format!("one:{port} > {host}:9000"));
    let first = s.leave_each("one", (1..=2000).map(to("server"))).counts((OUT + OPENED) * 2000);
    let second = s.leave_each("one", (1..=2000).map(to("server2"))).counts((OUT + OPENED) * 2000);
    let ports = |sent: &[vpcemu_tests::Sent]| sent.iter().map(|sent| sent.key().src_port).collect::<BTreeSet<_>>();
    let (first, second) = (ports(&first), ports(&second));
    assert_eq!((first.len(), second.len()), (2000, 2000), "towards one remote no two share a port (4.12)");
    // Of 64,512 ports two independent choices of 2,000 have some sixty in common.
    let shared = first.intersection(&second).count();
    assert!((30..120).contains(&shared), "{shared}");
}

#[test]
fn a5_the_edges_of_the_port_range() {
    let mut s = NAT.start();
    for port in [0, 1, 1023, 1024, 65534, 65535] {
        let inside = format!("one:{port}");
        let out = s.leave("one", udp(&format!("{inside} > dns:53"))).to("internet", |p| p.src("nat:*").hop());
        let out = out.counts(OUT + OPENED);
        assert!(out.source_port() >= 1024, "{} (4.11)", out.source_port());
        s.arrive(out.reply()).to("one", |p| p.dst(&inside).hop()).counts(BACK);
    }
    for nobody in ["nat:0", "nat:1023", "nat:1024", "nat:65535"] {
        s.arrive(udp(&format!("dns:53 > {nobody}"))).dropped(NatNoSession, "nat-nat").counts(REFUSED_BACK);
    }
}

#[test]
fn a6_with_another_address_what_found_no_port_passes() {
    let limit = "nat_gateway.max_per_destination = 1";
    let mut s = Scenario::through(&[NAT.knob(limit), TWO_NAT_IPS.knob(limit)]);
    s.leave("one", udp("one:1000 > dns:53")).to("internet", |p| p.src("nat:*").hop()).counts(OUT + OPENED);
    for _ in 0..3 {
        let step = s.leave("one", udp("one:1001 > dns:53")).dropped(NatPortExhausted, "nat-nat");
        step.counts(REFUSED_OUT + NO_PORT);
    }
    s.switch();
    s.leave("one", udp("one:1001 > dns:53")).to("internet", |p| p.src("nat2:*").hop()).counts(OUT + OPENED);
}

#[test]
fn a7_an_address_has_55_000_ports_towards_one_remote() {
    let mut s = NAT.start();
    let (limit, surplus) = (55_000, 256);
    let refused = (REFUSED_OUT + NO_PORT + drops(NatPortExhausted, 1)) * surplus;
    let sent = s.leave_each("one", clients(1..55_257)).counts((OUT + OPENED) * limit + refused);
    let ports: BTreeSet<_> =
        sent.iter().filter(|sent| sent.reason().is_none()).map(|sent| sent.key().src_port).collect();
    assert_eq!((ports.len(), ports.first() >= Some(&1024)), (55_000, true));
}

#[test]
fn a8_a_second_connection_for_the_only_port_never_completes() {
    let mut s = NAT.knob("nat_gateway.max_per_destination = 1").start();
    let first = s.connect();
    for _ in 0..3 {
        let step = s.leave("two", tcp("two:4000 > server:443", "S")).dropped(NatPortExhausted, "nat-nat");
        step.counts(REFUSED_OUT + NO_PORT);
    }
    s.leave("one", first.out("PA")).to("internet", |p| first.translated(p)).counts(OUT);
    s.arrive(first.back("PA")).to("one", |p| first.restored(p)).counts(BACK);
}

#[test]
fn a9_one_echo_id_of_three_hosts_becomes_three() {
    let mut s = NAT.start();
    let mut seen = BTreeMap::new();
    for host in ["one", "two", "three"] {
        let out = s.leave(host, ping(&format!("{host} > server"), 500)).to("internet", |p| p.src("nat:*").hop());
        let out = out.counts(OUT + OPENED);
        seen.insert(out.source_port(), (host, out));
    }
    assert_eq!(seen.len(), 3);
    for (host, out) in seen.values() {
        s.arrive(out.reply()).to(host, |p| p.dst(&format!("{host}:500")).hop()).counts(BACK);
    }
}

#[test]
fn a10_the_port_range_is_1024_to_65535() {
    let mut s = NAT.start();
    let sent = s.leave_each("one", clients(1..3001)).counts((OUT + OPENED) * 3000);
    let ports: BTreeSet<_> = sent.iter().map(|sent| sent.key().src_port).collect();
    assert!(ports.first() >= Some(&1024), "{:?} (4.11)", ports.first());
    // Both ends of the range are used: the lowest and the highest tenth.
    assert!(ports.range(..7475).count() > 200 && ports.range(59_085..).count() > 200);
}

#[test]
fn a11_paired_pooling_spreads_hosts_and_keeps_each_on_its_address() {
    let mut s = TWO_NAT_IPS.knob("nat_gateway.pooling = 'paired'").with(HUNDRED_HOSTS).start();
    let nets = ["203.0.113.20", "203.0.113.21"];
    let mut per_address = BTreeMap::new();
    for host in 100..200 {
        let flows = (1..=5).map(|port| udp(&format!("10.0.1.{host}:{port} > dns:53")));
        let sent = s.leave_each("many", flows).counts((OUT + OPENED) * 5);
        let addresses: BTreeSet<_> = sent.iter().map(|sent| sent.key().src.to_string()).collect();
        assert_eq!(addresses.len(), 1, "10.0.1.{host} has {addresses:?} (4787-2)");
        *per_address.entry(addresses.into_iter().next()).or_insert(0) += 1;
    }
    assert_eq!(per_address.len(), nets.len());
    assert!(per_address.values().all(|hosts| (35..=65).contains(hosts)), "{per_address:?}");
}

/// One interface with a hundred addresses.
const HUNDRED_HOSTS: &str = r#"
[eni.many]
subnet = "priv"
addresses = ["10.0.1.50"]
prefixes = ["10.0.1.96/28", "10.0.1.112/28", "10.0.1.128/28", "10.0.1.144/28", "10.0.1.160/28", "10.0.1.176/28", "10.0.1.192/28"]
security_groups = ["client"]
"#;

#[test]
fn a12_what_nobody_asked_for_does_not_come_in() {
    let mut s = NAT.start();
    s.leave("one", udp("one:5353 > dns:53")).to("internet", |p| p.src("nat:*").hop()).counts(OUT + OPENED);
    for knock in [tcp("server:4000 > nat:443", "S"), udp("server:4000 > nat:53"), ping("server > nat", 9)] {
        s.arrive(knock).dropped(NatNoSession, "nat-nat").counts(REFUSED_BACK);
    }
}

#[test]
fn a13_a_reply_from_another_remote_is_filtered() {
    let mut s = NAT.start();
    let out = s.leave("one", udp("one:5353 > server:9000")).to("internet", |p| p.src("nat:*").hop());
    let out = out.counts(OUT + OPENED);
    for stranger in ["server2:9000", "server:9001"] {
        s.arrive(out.reply().src(stranger)).dropped(NatNoSession, "nat-nat").counts(REFUSED_BACK);
    }
    s.arrive(out.reply()).to("one", |p| p.dst("one:5353").hop()).counts(BACK);
    // With other filtering (4.13) the gateway lets strangers pass, and the client's group has to judge them.
    for (filtering, passing) in [("ADF", &["server:9001"][..]), ("EIF", &["server:9001", "server2:9000"])] {
        let filtering = format!("nat_gateway.filtering = '{filtering}'");
        let mut s = NAT.knob("nat_gateway.mapping = 'EIM'").knob(&filtering).start();
        let out = s.leave("one", udp("one:5353 > server:9000")).to("internet", |p| p.src("nat:*").hop());
        let out = out.counts(OUT + OPENED);
        for stranger in ["server:9001", "server2:9000"] {
            let step = s.arrive(out.reply().src(stranger));
            if passing.contains(&stranger) {
                step.dropped(SecurityGroupEmpty, "eni-one").counts(BACK);
            } else {
                step.dropped(NatNoSession, "nat-nat").counts(REFUSED_BACK);
            }
        }
    }
}

#[test]
fn a14_a_host_with_a_limit_leaves_the_others_theirs() {
    let mut s = NAT.knob("nat_gateway.max_ports_per_host = 5").start();
    let refused = (REFUSED_OUT + NO_PORT + drops(NatPortExhausted, 1)) * 5;
    let flows = |host: &'static str| (1..=10).map(move |port| tcp(&format!("{host}:{port} > server:443"), "S"));
    for host in ["one", "two"] {
        s.leave_each(host, flows(host)).counts((OUT + ATTEMPT + OPENED) * 5 + refused);
    }
}

#[test]
fn a15_expired_mappings_make_room_and_live_ones_survive() {
    let mut s = NAT.knob("nat_gateway.max_per_destination = 3").knob("nat_gateway.udp_idle = '1s'").start();
    let tcp = s.connect();
    s.leave_each("one", clients(1..4)).counts((OUT + OPENED) * 3);
    let refused = drops(NatPortExhausted, 1) + REFUSED_OUT + NO_PORT;
    s.leave_each("one", clients(4..5)).counts(refused);
    // Idle mappings are free by time, never by need (4.16); the interface remembers the flow for 30 seconds (6.16).
    s.wait(1.5, NOTHING);
    s.leave_each("one", clients(4..7)).counts((OUT + OPENED) * 3);
    s.arrive(tcp.back("PA")).to("one", |p| tcp.restored(p)).counts(BACK);
}

#[test]
fn a16_a_full_table_drops_counts_and_evicts_nobody() {
    let mut s = NAT.knob("nat_gateway.max_per_destination = 3").start();
    let live = s.leave_each("one", clients(1..4)).counts((OUT + OPENED) * 3);
    let refused = REFUSED_OUT + NO_PORT + drops(NatPortExhausted, 1);
    s.leave_each("two", (1..=100).map(|port| udp(&format!("two:{port} > dns:53")))).counts(refused * 100);
    for (port, sent) in (1..).zip(&live) {
        let reply = udp(&format!("dns:53 > nat:{}", sent.key().src_port));
        s.arrive(reply).to("one", |p| p.dst(&format!("one:{port}")).hop()).counts(BACK);
    }
    // RFC 6888 REQ-11 and RFC 5508 REQ-8, by knob: the client is told.
    for (knob, code) in [("icmp1", 1), ("icmp13", 13)] {
        let knob = format!("nat_gateway.exhaustion = '{knob}'");
        let net = NAT.knob("nat_gateway.max_per_destination = 1").knob("nat_gateway.udp_idle = '1s'").knob(&knob);
        let mut s = net.start();
        let flow = || udp("two:1 > dns:53");
        let known = s.leave("two", flow()).to("internet", |p| p.src("nat:*").hop()).counts(OUT + OPENED);
        s.wait(1.0, NOTHING);
        s.leave_each("one", clients(1..2)).counts(OUT + OPENED);
        let step = s.leave("two", flow()).of(&known).dropped(NatPortExhausted, "nat-nat");
        let told = error("nat.priv > two", 3, code, &flow());
        step.answered("icmp-unreachable", "two", told).counts(REFUSED_OUT + NO_PORT);
    }
}

#[test]
fn a19_with_an_address_go_the_mappings_on_it() {
    let mut s = Scenario::through(&[TWO_NAT_IPS, NAT]);
    let mut on = BTreeMap::new();
    for port in 1..=20 {
        let flow = format!("one:{port} > dns:53");
        let sent = s.leave_each("one", [udp(&flow)]).counts(OUT + OPENED).remove(0);
        on.insert((sent.key().src.to_string(), port), sent.key().src_port);
    }
    s.switch();
    for ((address, port), outside) in on {
        let flow = udp(&format!("one:{port} > dns:53"));
        if address == "203.0.113.20" {
            // The other address keeps its mappings.
            s.leave("one", flow).to("internet", |p| p.src(&format!("nat:{outside}")).hop()).counts(OUT);
        } else {
            let back = udp(&format!("dns:53 > nat2:{outside}"));
            s.arrive(back).dropped(NoSuchPublicAddress, "igw-igw").counts(NOTHING);
            let again = s.leave("one", flow).to("internet", |p| p.src("nat:*").hop()).counts(OUT);
            s.arrive(again.reply()).to("one", |p| p.dst(&format!("one:{port}")).hop()).counts(BACK);
        }
    }
}

#[test]
fn a20_a_gateway_that_was_gone_has_forgotten_everything() {
    let gone = NAT.but("routes = [{ to = \"0.0.0.0/0\", via = \"nat\" }]", "routes = []").but(
        "[nat_gateway.nat]\nsubnet = \"pub\"\naddresses = [{ private = \"10.0.0.200\", public = \"203.0.113.20\" }]",
        "",
    );
    let mut s = Scenario::through(&[NAT, gone, NAT]);
    let it = s.connect();
    s.switch();
    s.leave("one", it.out("PA")).dropped(NoRoute, "rtb-priv").counts(NOTHING);
    s.switch();
    s.arrive(it.back("PA")).dropped(NatNoSession, "nat-nat").counts(REFUSED_BACK + INACTIVE);
    // (4.31)
    let reset = it.back("R").src("server:443").dst("one:4000").numbers(2000, 0).window(0);
    let step = s.leave("one", it.out("PA")).dropped(NatNoSession, "nat-nat");
    step.answered("tcp-rst", "one", reset).counts(REFUSED_OUT);
}

#[test]
fn a22_what_is_not_to_be_translated_is_forwarded_as_it_is() {
    let more = "[eni.far]\nsubnet = \"data\"\naddresses = [\"10.0.2.20\"]\nsecurity_groups = [\"open\"]";
    let route = (
        "{ to = \"0.0.0.0/0\", via = \"nat\" }",
        "{ to = \"0.0.0.0/0\", via = \"nat\" }, { to = \"10.0.2.0/24\", via = \"nat\" }",
    );
    let translated = NAT.but(route.0, route.1).with(more);
    let mut s = translated.clone().start();
    s.leave("one", udp("one:1 > 10.0.2.20:2")).to("far", |p| p.src("nat.priv:*").hop()).counts(OUT + OPENED);
    let mut s = translated.knob("nat_gateway.no_nat_prefixes = ['10.0.2.0/24']").start();
    s.leave("one", udp("one:1 > 10.0.2.20:2")).to("far", |p| p.hop()).counts(OUT + OPENED);
}

#[test]
fn a23_one_tuple_in_two_vpcs_is_two_mappings() {
    let mut s = TWINS.start();
    let first = s.leave("a", udp("10.0.1.10:4000 > dns:53")).to("internet", |p| p.src("203.0.113.20:*").hop());
    let first = first.counts(OUT + OPENED);
    let second = s.leave("b", udp("10.0.1.10:4000 > dns:53")).to("internet", |p| p.src("203.0.113.30:*").hop());
    let second = second.counts(OUT + OPENED);
    s.arrive(first.reply()).to("a", |p| p.dst("10.0.1.10:4000").hop()).of(&first).counts(BACK);
    s.arrive(second.reply()).to("b", |p| p.dst("10.0.1.10:4000").hop()).of(&second).counts(BACK);
}

/// Two VPCs that are alike to the last private address.
pub(crate) const TWINS: Net = Net::new(
    r#"
[vpc.a]
cidrs = ["10.0.0.0/16"]
[vpc.b]
cidrs = ["10.0.0.0/16"]
[internet_gateway.a]
vpc = "a"
[internet_gateway.b]
vpc = "b"
[subnet.pub-a]
vpc = "a"
cidrs = ["10.0.0.0/24"]
route_table = "pub-a"
[subnet.pub-b]
vpc = "b"
cidrs = ["10.0.0.0/24"]
route_table = "pub-b"
[subnet.priv-a]
vpc = "a"
cidrs = ["10.0.1.0/24"]
route_table = "priv-a"
[subnet.priv-b]
vpc = "b"
cidrs = ["10.0.1.0/24"]
route_table = "priv-b"
[route_table.pub-a]
vpc = "a"
routes = [{ to = "0.0.0.0/0", via = "igw-a" }]
[route_table.pub-b]
vpc = "b"
routes = [{ to = "0.0.0.0/0", via = "igw-b" }]
[route_table.priv-a]
vpc = "a"
routes = [{ to = "0.0.0.0/0", via = "nat-a" }]
[route_table.priv-b]
vpc = "b"
routes = [{ to = "0.0.0.0/0", via = "nat-b" }]
[nat_gateway.a]
subnet = "pub-a"
addresses = [{ private = "10.0.0.200", public = "203.0.113.20" }]
[nat_gateway.b]
subnet = "pub-b"
addresses = [{ private = "10.0.0.200", public = "203.0.113.30" }]
[instance.a]
subnet = "priv-a"
addresses = ["10.0.1.10"]
[instance.b]
subnet = "priv-b"
addresses = ["10.0.1.10"]
[instance.web-a]
subnet = "pub-a"
addresses = ["10.0.0.10"]
public = "203.0.113.10"
[instance.web-b]
subnet = "pub-b"
addresses = ["10.0.0.10"]
"#,
);

#[test]
fn a27_replies_pass_the_client_only_while_its_interface_remembers() {
    let mut s = NAT.start();
    let out = s.leave("one", udp("one:5353 > dns:53")).to("internet", |p| p.src("nat:*").hop());
    let out = out.state(CtState::New).counts(OUT + OPENED);
    // The gateway translates first, and would for 350 seconds (4.24); the interface's group has 30 (6.16).
    s.wait(31.0, NOTHING);
    s.arrive(out.reply()).dropped(SecurityGroupEmpty, "eni-one").counts(BACK);
    s.leave("one", udp("one:5353 > dns:53")).to("internet", |p| p.src(&out.source()).hop()).counts(OUT);
    s.arrive(out.reply()).to("one", |p| p.dst("one:5353").hop()).counts(BACK);
}

#[test]
fn a28_one_armed_the_gateway_sends_on_from_the_subnet_it_receives_in() {
    let through = "{ to = \"0.0.0.0/0\", via = \"nat\" }, { to = \"10.0.2.0/24\", via = \"nat\" }";
    let mut s = NAT.but("{ to = \"0.0.0.0/0\", via = \"nat\" }", through).start();
    // Inside the VPC it is known by its private address (4.23).
    let out = s.leave("one", udp("one:5353 > db:53")).to("db", |p| p.src("nat.priv:*").hop());
    let out = out.steps(&[
        "sg eni-one egress",
        "nacl acl-main-default egress",
        "route rtb-priv",
        "nacl acl-main-default ingress",
        "nat nat-nat egress",
        "nacl acl-main-default egress",
        "route rtb-pub",
        "nacl acl-main-default ingress",
        "sg eni-db ingress",
    ]);
    let out = out.counts(OUT + OPENED);
    s.leave("db", out.reply()).to("one", |p| p.dst("one:5353").hop()).of(&out).counts(BACK);
}

#[test]
fn a29_a_host_that_gets_an_address_of_its_own_leaves_the_gateway() {
    let own = NAT.but("{ to = \"0.0.0.0/0\", via = \"nat\" }", "{ to = \"0.0.0.0/0\", via = \"igw\" }").but(
        "addresses = [\"10.0.1.10\", \"2001:db8:1:1::10\"]",
        "addresses = [\"10.0.1.10\"]\npublic = \"203.0.113.40\"",
    );
    let mut s = Scenario::through(&[NAT, own]);
    let it = s.connect();
    s.switch();
    s.leave("one", it.out("PA")).to("internet", |p| p.src("203.0.113.40")).counts(NOTHING);
    s.arrive(it.back("PA").dst("203.0.113.40:4000")).to("one", |p| p.dst("one:4000")).counts(NOTHING);
}

#[test]
fn a30_an_address_never_has_two_owners() {
    let twice = NAT.but("public = \"203.0.113.10\"", "public = \"203.0.113.20\"");
    let refused = native::parse("twice.toml", &twice.text()).map(|_| ()).expect_err("two owners");
    assert!(refused.to_string().contains("203.0.113.20"), "{refused}");
}

#[test]
fn a31_crossing_flows_without_translation_keep_their_ports() {
    let mut s = NAT.start();
    s.leave("web", udp("web:1000 > db:1000")).to("db", |p| p).counts(NOTHING);
    s.leave("db", udp("db:1000 > web:1000")).to("web", |p| p).counts(NOTHING);
}

#[test]
fn a32_one_new_tuple_twice_at_once_is_one_mapping() {
    let mut s = NAT.start();
    // The A and the AAAA question of a resolver.
    let first = s.leave("one", udp("one:5353 > dns:53").payload(b"A?")).to("internet", |p| p.src("nat:*").hop());
    let first = first.counts(OUT + OPENED);
    let second = s.leave("one", udp("one:5353 > dns:53").payload(b"AAAA?"));
    let second = second.to("internet", |p| p.src(&first.source()).hop()).of(&first).counts(OUT);
    for out in [first, second] {
        s.arrive(out.reply()).to("one", |p| p.dst("one:5353").hop()).counts(BACK);
    }
}

#[test]
fn a34_ports_are_not_sequential() {
    let mut s = NAT.start();
    let sent = s.leave_each("one", clients(4000..4100)).counts((OUT + OPENED) * 100);
    let ports: Vec<_> = sent.iter().map(|sent| sent.key().src_port).collect();
    let near = ports.windows(2).filter(|pair| pair[0].abs_diff(pair[1]) < 16).count();
    assert!(near < 3, "{ports:?} (4.14)");
    // Nor do they tell the inside port.
    assert!(ports.iter().zip(4000..).filter(|(port, inside)| *port == inside).count() < 3);
}

#[test]
fn a35_an_address_that_moves_takes_the_traffic_with_it() {
    let moved = NAT.but("public = \"203.0.113.10\"", "").but("public = \"203.0.113.11\"", "public = \"203.0.113.10\"");
    let mut s = Scenario::through(&[NAT, moved]);
    let knock = || udp("server:4000 > web.pub:53");
    s.arrive(knock()).to("web", |p| p.dst("web:53")).counts(NOTHING);
    s.switch();
    // Looked up for every packet (3.13).
    s.arrive(knock()).to("api", |p| p.dst("api:53")).counts(NOTHING);
    s.leave("web", udp("web:53 > server:4000")).dropped(NoPublicAddress, "igw-igw").counts(NOTHING);
    s.arrive(udp("server:4000 > api.pub:53")).dropped(NoSuchPublicAddress, "igw-igw").counts(NOTHING);
}
