//! What the knobs of section 12 make of a NAT gateway: mapping, filtering, pooling, ports, hairpins, limits; regional and
//! private gateways.

use std::collections::HashSet;
use std::net::IpAddr;

use vpcemu_dataplane::DropReason;
use vpcemu_packet::{TcpFlags, Transport, build};
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
addresses = [
  { private = "10.0.0.200", public = "203.0.113.20" },
  { private = "10.0.0.201", public = "203.0.113.21" },
]
[security_group.open]
ingress = [{ proto = "all", from = "0.0.0.0/0" }]
[instance.one]
subnet = "priv"
addresses = ["10.0.1.10"]
security_groups = ["open"]
[instance.two]
subnet = "priv"
addresses = ["10.0.1.11"]
security_groups = ["open"]
"#;

fn with(knobs: &str) -> Lab {
    Lab::new(&format!("{NETWORK}\n[behavior.nat_gateway]\n{knobs}"))
}

const DNS: &str = "198.51.100.7:53";
const OTHER_PORT: &str = "198.51.100.7:5353";
const OTHER_HOST: &str = "198.51.100.8:53";

/// The external endpoint that a packet of the first host left with.
fn external(lab: &mut Lab, to: &str) -> (IpAddr, u16) {
    let sent = lab.leave("one", udp("10.0.1.10:4000", to)).delivered("internet");
    (sent.key().src, sent.key().src_port)
}

#[test]
fn mappings_are_shared_by_as_many_destinations_as_the_knob_says() {
    let shares = |knobs: &str| {
        let mut lab = with(knobs);
        let first = external(&mut lab, DNS);
        [external(&mut lab, OTHER_PORT) == first, external(&mut lab, OTHER_HOST) == first]
    };
    assert_eq!(shares("mapping = \"EIM\""), [true, true]);
    assert_eq!(shares("mapping = \"ADM\""), [true, false]);
    assert_eq!(shares("mapping = \"APDM\""), [false, false]);
}

#[test]
fn filtering_lets_in_whom_the_knob_says() {
    let lets_in = |filtering: &str| {
        let mut lab = with(&format!("mapping = \"EIM\"\nfiltering = \"{filtering}\""));
        let (address, port) = external(&mut lab, DNS);
        [DNS, OTHER_PORT, OTHER_HOST].map(|from| {
            let came = lab.arrive(udp(from, &format!("{address}:{port}")));
            assert!(came.place.is_some() || came.reason() == Some(DropReason::NatNoSession));
            came.place.is_some()
        })
    };
    assert_eq!(lets_in("EIF"), [true, true, true]);
    assert_eq!(lets_in("ADF"), [true, true, false]);
    assert_eq!(lets_in("APDF"), [true, false, false]);
}

#[test]
fn a_remote_that_was_let_in_has_a_mapping_of_its_own_and_keeps_the_port() {
    let mut lab = with("mapping = \"EIM\"\nfiltering = \"EIF\"");
    let (address, port) = external(&mut lab, DNS);
    let came = lab.arrive(syn_to(OTHER_HOST, address, port));
    came.dropped(DropReason::NatNoSession, "nat-nat"); // another protocol is another endpoint
    let came = lab.arrive(udp(OTHER_HOST, &format!("{address}:{port}"))).delivered("eni-one");
    assert_eq!(came.key().to_string(), "udp 198.51.100.8:53 > 10.0.1.10:4000");
    let answer = lab.leave("one", came.reply()).delivered("internet");
    assert_eq!((answer.key().src, answer.key().src_port), (address, port));
}

fn syn_to(from: &str, address: IpAddr, port: u16) -> Vec<u8> {
    syn(from, &format!("{address}:{port}"))
}

#[test]
fn a_connection_can_be_opened_from_outside_through_an_endpoint_independent_filter() {
    let mut lab = with("mapping = \"EIM\"\nfiltering = \"EIF\"");
    let out = lab.leave("one", syn("10.0.1.10:4000", "198.51.100.7:443")).delivered("internet");
    let (address, port) = (out.key().src, out.key().src_port);
    let called = lab.arrive(syn_to("198.51.100.9:1234", address, port)).delivered("eni-one");
    lab.leave("one", called.reply()).delivered("internet");
    let before = lab.nat_counters("nat-nat").connection_established;
    assert_eq!(before, 1, "SYN from outside, SYN-ACK from inside");
    // Data without a connection opens none.
    let stray = data("198.51.100.9:99", &format!("{address}:{port}"));
    lab.arrive(stray).dropped(DropReason::NatNoSession, "nat-nat");
}

#[test]
fn a_binding_lives_exactly_as_long_as_its_last_mapping() {
    for tick in [false, true] {
        let mut lab = with("mapping = \"EIM\"\nudp_idle = \"100s\"");
        let first = external(&mut lab, DNS);
        lab.wait(60.0);
        assert_eq!(external(&mut lab, OTHER_HOST), first);
        lab.wait(99.0);
        if tick {
            lab.tick();
        }
        // The mapping towards DNS is dead, the one towards the other host is not: the endpoint is still theirs.
        let sent = lab.leave("two", udp("10.0.1.11:4000", DNS)).delivered("internet");
        assert_ne!((sent.key().src, sent.key().src_port), first);
        lab.wait(0.5);
        assert_eq!(external(&mut lab, DNS), first);
        lab.wait(101.0);
        if tick {
            lab.tick();
        }
        let mut seen = HashSet::new();
        for port in 5000..5050 {
            let sent = lab.leave("two", udp(&format!("10.0.1.11:{port}"), DNS)).delivered("internet");
            assert!(seen.insert((sent.key().src, sent.key().src_port)));
        }
    }
}

#[test]
fn without_overloading_no_two_mappings_have_the_same_endpoint() {
    let mut lab = with("overload = false");
    let mut seen = HashSet::new();
    for remote in 1..=200 {
        for port in [4000, 4001] {
            let packet = udp(&format!("10.0.1.10:{port}"), &format!("198.51.100.{remote}:53"));
            let sent = lab.leave("one", packet).delivered("internet");
            assert!(seen.insert((sent.key().src, sent.key().src_port)), "{remote} {port}");
        }
    }
}

#[test]
fn paired_pooling_gives_a_host_one_address_and_arbitrary_pooling_several() {
    let addresses = |knobs: &str| {
        let mut lab = with(knobs);
        let sent = (1..=50).map(|remote| external(&mut lab, &format!("198.51.100.{remote}:53")).0);
        sent.collect::<HashSet<_>>().len()
    };
    assert_eq!(addresses("pooling = \"paired\""), 1);
    assert_eq!(addresses("pooling = \"arbitrary\""), 2);
}

#[test]
fn a_paired_host_has_no_other_address_when_its_own_is_full() {
    let mut lab = with("pooling = \"paired\"\nmax_per_destination = 2");
    for port in [4000, 4001] {
        lab.leave("one", udp(&format!("10.0.1.10:{port}"), DNS)).delivered("internet");
    }
    lab.leave("one", udp("10.0.1.10:4002", DNS)).dropped(DropReason::NatPortExhausted, "nat-nat");
}

#[test]
fn ports_one_after_the_other_or_kept() {
    let mut lab = with("port_alloc = \"sequential\"\npooling = \"paired\"");
    let ports: Vec<_> = (4000..4004)
        .map(|port| lab.leave("one", udp(&format!("10.0.1.10:{port}"), DNS)).delivered("internet").key().src_port)
        .collect();
    assert_eq!(ports, [1024, 1025, 1026, 1027]);
    let mut lab = with("port_alloc = \"preserve\"\npooling = \"paired\"");
    assert_eq!(external(&mut lab, DNS).1, 4000);
    let mut low = with("port_alloc = \"preserve\"\npreserve_class = true");
    let sent = low.leave("one", udp("10.0.1.10:123", "198.51.100.7:123")).delivered("internet");
    assert_eq!(sent.key().src_port, 123);
}

#[test]
fn class_and_parity_of_ports() {
    let mut lab = with("preserve_class = true\nparity = true");
    for port in [1, 80, 123, 1022, 1024, 4000, 4001, 65535] {
        let sent = lab.leave("one", udp(&format!("10.0.1.10:{port}"), DNS)).delivered("internet");
        let mapped = sent.key().src_port;
        assert_eq!((mapped < 1024, mapped % 2), (port < 1024, port % 2), "{port} -> {mapped}");
        assert_ne!(mapped, 0);
    }
}

#[test]
fn a_host_has_so_many_ports_and_no_more() {
    let mut lab = with("max_ports_per_host = 3\nudp_idle = \"100s\"");
    for port in 4000..4003 {
        lab.leave("one", udp(&format!("10.0.1.10:{port}"), &format!("198.51.100.{}:53", port - 3990)))
            .delivered("internet");
    }
    lab.leave("one", udp("10.0.1.10:4003", DNS)).dropped(DropReason::NatPortExhausted, "nat-nat");
    lab.leave("two", udp("10.0.1.11:4003", DNS)).delivered("internet");
    lab.wait(100.0);
    lab.leave("one", udp("10.0.1.10:4003", DNS)).delivered("internet");
}

#[test]
fn a_port_rests_before_it_is_used_again() {
    for tick in [false, true] {
        let knobs = "port_cooldown = \"120s\"\nudp_idle = \"10s\"\noverload = false\n\
                     port_alloc = \"preserve\"\npooling = \"paired\"";
        let mut lab = with(knobs);
        assert_eq!(external(&mut lab, DNS).1, 4000);
        lab.wait(10.0);
        if tick {
            lab.tick();
        }
        assert_ne!(external(&mut lab, OTHER_HOST).1, 4000, "it rests until 130 s");
        lab.wait(119.0);
        assert_ne!(external(&mut lab, "198.51.100.9:53").1, 4000);
        lab.wait(1.0);
        if tick {
            lab.tick();
        }
        assert_eq!(external(&mut lab, "198.51.100.10:53").1, 4000);
    }
}

#[test]
fn only_the_inside_keeps_a_mapping_alive_if_the_knob_says_so() {
    for (refresh, alive) in [("both", true), ("out", false)] {
        let mut lab = with(&format!("refresh = \"{refresh}\""));
        let sent = lab.leave("one", udp("10.0.1.10:4000", DNS)).delivered("internet");
        lab.wait(300.0);
        lab.arrive(sent.reply()).delivered("eni-one");
        lab.wait(100.0);
        let late = lab.arrive(sent.reply());
        assert_eq!(late.place.is_some(), alive, "{refresh}");
    }
}

#[test]
fn hosts_behind_one_gateway_reach_each_other_only_with_the_hairpin() {
    for (hairpin, passes) in [("none", false), ("ext_src", true)] {
        let mut lab = with(&format!("mapping = \"EIM\"\nfiltering = \"EIF\"\nhairpin = \"{hairpin}\""));
        let (address, port) = external(&mut lab, DNS);
        let called = lab.leave("two", udp("10.0.1.11:5000", &format!("{address}:{port}")));
        if !passes {
            called.dropped(DropReason::NatNoSession, "nat-nat");
            continue;
        }
        let called = called.delivered("eni-one");
        // The caller is seen by its external endpoint (RFC 4787 REQ-9a).
        assert!(["203.0.113.20", "203.0.113.21"].contains(&called.key().src.to_string().as_str()));
        let answer = lab.leave("one", called.reply()).delivered("eni-two");
        assert_eq!((answer.key().src, answer.key().src_port), (address, port));
        assert_eq!(answer.key().dst_port, 5000);
    }
}

#[test]
fn errors_from_anyone_or_from_the_remote_only() {
    for (check, passes) in [(false, true), (true, false)] {
        let mut lab = with(&format!("icmp_src_check = {check}"));
        let sent = lab.leave("one", udp("10.0.1.10:4000", DNS)).delivered("internet");
        let router = "192.0.2.1".parse().unwrap();
        let error = build::icmp_error(router, sent.key().src, 11, 0, 0, &sent.bytes);
        assert_eq!(lab.arrive(error).place.is_some(), passes);
        let error = build::icmp_error(sent.key().dst, sent.key().src, 3, 3, 0, &sent.bytes);
        lab.arrive(error).delivered("eni-one");
    }
}

#[test]
fn a_simultaneous_open_passes_unless_the_knob_forbids_it() {
    for (allowed, passes) in [(true, true), (false, false)] {
        let mut lab = with(&format!("tcp_simopen = {allowed}"));
        let sent = lab.leave("one", syn("10.0.1.10:4000", "198.51.100.7:443")).delivered("internet");
        let crossing = syn_to("198.51.100.7:443", sent.key().src, sent.key().src_port);
        assert_eq!(lab.arrive(crossing).place.is_some(), passes);
    }
}

#[test]
fn an_exhausted_gateway_may_say_so() {
    for (knob, code) in [("drop", None), ("icmp1", Some(1)), ("icmp13", Some(13))] {
        let mut lab = with(&format!("max_per_destination = 1\npooling = \"paired\"\nexhaustion = \"{knob}\""));
        external(&mut lab, DNS);
        let refused = lab.leave("one", udp("10.0.1.10:4001", DNS));
        let said = refused.generated.as_ref().map(|(kind, bytes, place)| {
            assert_eq!((kind.name(), place.as_deref()), ("icmp-unreachable", Some("eni-one")));
            let Transport::IcmpError { kind: 3, code, quote: Some(quote) } = headers(bytes).transport else { panic!() };
            assert_eq!(quote.src.to_string(), "10.0.1.10");
            code
        });
        assert_eq!(said, code);
        refused.dropped(DropReason::NatPortExhausted, "nat-nat");
    }
}

#[test]
fn strangers_may_get_a_reset() {
    for (knob, answers) in [(false, false), (true, true)] {
        let mut lab = with(&format!("rst_to_outside = {knob}"));
        let knock = lab.arrive(data("198.51.100.7:443", "203.0.113.20:5000"));
        let made = knock.generated.as_ref().map(|(kind, bytes, place)| {
            assert_eq!((kind.name(), place.as_deref()), ("tcp-rst", Some("internet")));
            assert_eq!(headers(bytes).key().to_string(), "tcp 203.0.113.20:5000 > 198.51.100.7:443");
        });
        assert_eq!(made.is_some(), answers);
        knock.dropped(DropReason::NatNoSession, "nat-nat");
    }
}

#[test]
fn udp_towards_well_known_ports_may_have_a_time_of_its_own() {
    let mut lab = with("udp_idle_well_known = \"30s\"");
    let dns = lab.leave("one", udp("10.0.1.10:4000", DNS)).delivered("internet");
    let other = lab.leave("one", udp("10.0.1.10:4000", OTHER_PORT)).delivered("internet");
    lab.wait(30.0);
    lab.arrive(dns.reply()).dropped(DropReason::NatNoSession, "nat-nat");
    lab.arrive(other.reply()).delivered("eni-one");
}

#[test]
fn destinations_may_be_left_untranslated() {
    let mut lab = with("no_nat_prefixes = [\"198.51.100.8/32\"]");
    lab.leave("one", udp("10.0.1.10:4000", OTHER_HOST)).dropped(DropReason::NoPublicAddress, "igw-igw");
    assert_eq!(lab.nat_counters("nat-nat").out_to_destination.packets, 1);
    lab.leave("one", udp("10.0.1.10:4000", DNS)).delivered("internet");
}

#[test]
fn fragments_of_every_protocol_pass_if_the_knobs_say_so() {
    let big = build::tcp(socket("10.0.1.10:4000"), socket("198.51.100.7:443")).flags(TcpFlags::SYN);
    let big = big.dont_fragment(false).payload(&[0; 1800]).build();
    let pieces = build::fragment(&big, 1500);
    let mut lab = with("");
    lab.leave("one", pieces[0].clone()).dropped(DropReason::NatFragment, "nat-nat");
    let mut lab = with("frag_tcp = \"forward\"");
    lab.leave("one", pieces[0].clone()).delivered("internet");
    let ip = |text: &str| text.parse::<IpAddr>().unwrap();
    let big = build::echo_request(ip("10.0.1.10"), ip("198.51.100.7"), 7, 1).dont_fragment(false).payload(&[0; 1800]);
    let pieces = build::fragment(&big.build(), 1500);
    with("frag_tcp = \"forward\"").leave("one", pieces[0].clone()).dropped(DropReason::NatFragment, "nat-nat");
    with("frag_icmp = \"forward\"").leave("one", pieces[0].clone()).delivered("internet");
}

#[test]
fn the_rfc_preset_is_an_easy_nat() {
    let mut lab = Lab::new(&format!("{NETWORK}\n[behavior]\npreset = \"rfc\"\n"));
    let first = external(&mut lab, DNS);
    assert_eq!(external(&mut lab, OTHER_HOST), first);
    assert_eq!(first.1 % 2, 0, "parity of 4000");
    lab.arrive(udp("192.0.2.99:1", &format!("{}:{}", first.0, first.1))).delivered("eni-one");
    lab.wait(300.0);
    lab.arrive(udp(DNS, &format!("{}:{}", first.0, first.1))).dropped(DropReason::NatNoSession, "nat-nat");
}

#[test]
fn a_private_gateway_translates_inside_the_vpc_and_never_reaches_the_internet() {
    let private = NETWORK
        .replace(
            "addresses = [\n  { private = \"10.0.0.200\", public = \"203.0.113.20\" },\n  { private = \"10.0.0.201\", public = \"203.0.113.21\" },\n]",
            "connectivity = \"private\"\naddresses = [{ private = \"10.0.0.200\" }]",
        )
        .replace("routes = [{ to = \"0.0.0.0/0\", via = \"nat\" }]", "routes = [{ to = \"0.0.0.0/0\", via = \"nat\" }, { to = \"10.0.2.0/24\", via = \"nat\" }]")
        + r#"
        [subnet.db]
        cidrs = ["10.0.2.0/24"]
        [instance.db]
        subnet = "db"
        addresses = ["10.0.2.10"]
        security_groups = ["open"]
    "#;
    let mut lab = Lab::new(&private);
    // Another subnet of the VPC sees the gateway's private address (4.23).
    let sent = lab.leave("one", syn("10.0.1.10:4000", "10.0.2.10:5432")).delivered("eni-db").source("10.0.0.200");
    let answer = lab.leave("db", sent.reply()).delivered("eni-one").destination("10.0.1.10:4000");
    assert_eq!(answer.key().src.to_string(), "10.0.2.10");
    lab.leave("one", syn("10.0.1.10:4000", "198.51.100.7:443")).dropped(DropReason::NoPublicAddress, "igw-igw");
}

const REGIONAL: &str = r#"
[vpc.main]
cidrs = ["10.0.0.0/16"]
[internet_gateway.igw]
[subnet.a]
az = "a"
cidrs = ["10.0.1.0/24"]
route_table = "priv"
nacl = "strict"
[subnet.b]
az = "b"
cidrs = ["10.0.2.0/24"]
route_table = "priv"
[subnet.c]
az = "c"
cidrs = ["10.0.3.0/24"]
route_table = "priv"
[route_table.priv]
routes = [{ to = "0.0.0.0/0", via = "nat" }]
[network_acl.strict]
ingress = [{ rule = 100, action = "allow", proto = "all", from = "198.51.100.0/24" }]
egress = [{ rule = 100, action = "allow", proto = "all", to = "198.51.100.0/24" }]
[nat_gateway.nat]
mode = "regional"
addresses = [{ public = "203.0.113.20", az = "a" }, { public = "203.0.113.21", az = "b" }]
[instance.a]
subnet = "a"
addresses = ["10.0.1.10"]
[instance.b]
subnet = "b"
addresses = ["10.0.2.10"]
[instance.c]
subnet = "c"
addresses = ["10.0.3.10"]
"#;

#[test]
fn a_regional_gateway_has_no_subnet_and_translates_to_the_public_address_of_the_zone() {
    let mut lab = Lab::new(REGIONAL);
    let sent = lab.leave("a", syn("10.0.1.10:4000", "198.51.100.7:443")).delivered("internet").source("203.0.113.20");
    let out = [
        "sg eni-a egress",
        "nacl acl-strict egress",
        "route rtb-priv",
        "nat nat-nat egress",
        "route rtb-nat",
        "igw igw-igw",
    ];
    let sent = sent.steps(&out);
    let back = ["igw igw-igw", "nat nat-nat ingress", "route rtb-nat", "nacl acl-strict ingress", "sg eni-a ingress"];
    lab.arrive(sent.reply()).delivered("eni-a").destination("10.0.1.10:4000").steps(&back);
    lab.leave("b", ping("10.0.2.10", "198.51.100.7", 7)).delivered("internet").source("203.0.113.21");
    lab.arrive(syn("198.51.100.7:1", "203.0.113.20:2")).dropped(DropReason::NatNoSession, "nat-nat");
}

#[test]
fn a_zone_without_an_address_is_helped_out_unless_the_knob_is_strict() {
    let ping_out = || ping("10.0.3.10", "198.51.100.7", 7);
    Lab::new(REGIONAL).leave("c", ping_out()).delivered("internet");
    let mut strict = Lab::new(&format!("{REGIONAL}\n[behavior.nat_gateway]\nstrict_az = true\n"));
    strict.leave("c", ping_out()).dropped(DropReason::RegionalZone, "nat-nat");
}

#[test]
fn an_address_in_a_zone_without_subnets_serves_no_other_zone() {
    let far = REGIONAL.replace("\"203.0.113.21\", az = \"b\"", "\"203.0.113.21\", az = \"d\"");
    let mut lab = Lab::new(&far);
    // Of as many flows about half would have it.
    for port in 4000..4032 {
        let from = format!("10.0.1.10:{port}");
        lab.leave("a", syn(&from, "198.51.100.7:443")).delivered("internet").source("203.0.113.20");
    }
    let nowhere = far.replace("\"203.0.113.20\", az = \"a\"", "\"203.0.113.20\", az = \"d\"");
    let mut strict = Lab::new(&format!("{nowhere}\n[behavior.nat_gateway]\nstrict_az = true\n"));
    strict.leave("a", ping("10.0.1.10", "198.51.100.7", 7)).dropped(DropReason::RegionalZone, "nat-nat");
}

#[test]
fn a_gateway_that_becomes_regional_has_forgotten_its_connections() {
    let zonal = REGIONAL.replace("mode = \"regional\"\n", "subnet = \"c\"\n").replace(
        "{ public = \"203.0.113.20\", az = \"a\" }, { public = \"203.0.113.21\", az = \"b\" }",
        "{ private = \"10.0.3.200\", public = \"203.0.113.20\" }",
    ) + "[route_table.pub]\nroutes = [{ to = \"0.0.0.0/0\", via = \"igw\" }]\n";
    let zonal = zonal.replace(
        "cidrs = [\"10.0.3.0/24\"]\nroute_table = \"priv\"",
        "cidrs = [\"10.0.3.0/24\"]\nroute_table = \"pub\"",
    );
    let mut lab = Lab::then(&[&zonal, REGIONAL]);
    let sent = lab.leave("a", syn("10.0.1.10:4000", "198.51.100.7:443")).delivered("internet");
    lab.switch();
    lab.arrive(sent.reply()).dropped(DropReason::NatNoSession, "nat-nat");
    // The next segment of the inside gets a RST (4.31).
    let next = lab.leave("a", data("10.0.1.10:4000", "198.51.100.7:443"));
    assert_eq!(next.generated.as_ref().map(|(kind, ..)| kind.name()), Some("tcp-rst"));
    next.dropped(DropReason::NatNoSession, "nat-nat");
}
