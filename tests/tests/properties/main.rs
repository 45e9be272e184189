//! What must hold for any VPC and any traffic.

#[path = "../random/mod.rs"]
mod random;
mod wild;

use std::collections::{HashMap, HashSet};
use std::net::IpAddr;

use proptest::prelude::*;
use random::{Rig, Topology, Traffic, Walked};
use vpcemu_dataplane::outcome::Outcome;
use vpcemu_dataplane::{DropReason, Ingress, Options};
use vpcemu_model::native;
use vpcemu_packet::{Headers, Offloads, TcpFlags, Transport, build};
use vpcemu_tests::{Dice, Lab, Sent, data, headers, ping, reply_to, syn, udp};

fn lab(topology: &Topology, options: Options) -> Lab {
    let network = native::parse("random.toml", &topology.text()).unwrap_or_else(|error| panic!("{error}")).network;
    Lab::of(&[network], options)
}

/// What can be compared of a verdict between two runs.
fn told(sent: &Sent) -> String {
    let reason = sent.reason().map(|reason| reason.code());
    format!("{:?} {reason:?} {:?} {:?} {:02x?}", sent.place, sent.at, sent.verdict.connection, sent.bytes)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, ..ProptestConfig::default() })]

    /// Every packet has one outcome; whatever leaves has right checksums if it had when it came; NAT gateways lose nothing
    /// uncounted.
    #[test]
    fn outcomes_checksums_and_counters(seed: u64) {
        let topology = Topology::random(seed);
        let mut lab = lab(&topology, Options::default());
        let mut traffic = Traffic::new(&topology, seed);
        let (mut delivered, mut dropped) = (0, 0);
        for _ in 0..400 {
            lab.wait(traffic.pause());
            let (ingress, packet) = traffic.next(&lab);
            let sent = lab.enter(ingress, packet);
            match sent.verdict.outcome {
                Outcome::Delivered { .. } => {
                    delivered += 1;
                    prop_assert!(sent.reason().is_none());
                    sent.headers(); // panics on a wrong checksum
                }
                Outcome::Dropped(_) => dropped += 1,
                Outcome::Held => prop_assert!(false, "nothing is held here"),
            }
            if let Some((_, bytes, _)) = &sent.generated {
                headers(bytes);
            }
            traffic.saw(&sent);
        }
        prop_assert_eq!(delivered + dropped, 400);
        let ids: Vec<_> = lab.timeline().registry().nats.iter().map(|(_, id)| id.to_string()).collect();
        for id in ids {
            let counters = lab.nat_counters(&id);
            let came = counters.in_from_source.packets + counters.in_from_destination.packets;
            let went = counters.out_to_destination.packets + counters.out_to_source.packets;
            // What the gateway refuses before it counts it as its own traffic is of its own subnet (4.6).
            prop_assert!(came <= went + counters.packets_drop, "{id}: {counters:?}");
            prop_assert!(went <= came, "{id}: {counters:?}");
        }
    }

    /// What answers a translated packet reaches its sender as if nothing had been translated, or a network ACL drops it.
    #[test]
    fn replies_restore_the_original(seed: u64) {
        let topology = Topology::random(seed);
        let mut lab = lab(&topology, Options::default());
        let mut traffic = Traffic::new(&topology, seed);
        for _ in 0..200 {
            let (ingress, packet) = traffic.opening(&lab);
            let before = headers(&packet).key();
            let sent = lab.enter(ingress, packet);
            let (Some("internet"), Ingress::Interface(sender)) = (sent.place.as_deref(), ingress) else { continue };
            let reply = lab.arrive(sent.reply());
            if reply.place.is_none() {
                let reason = reply.reason().unwrap().code();
                prop_assert_eq!(reason, "SUBNET_ACL_RESTRICTION", "{:?} then {:?}", before, reply.steps);
                continue;
            }
            prop_assert_eq!(lab.eni(reply.place.as_deref().unwrap()), sender);
            prop_assert_eq!(reply.key(), before.reversed());
        }
    }

    /// Whatever the walk emits or expects for a flow belongs to the shard of the packet that opened it.
    #[test]
    fn a_flow_stays_in_its_shard(seed: u64) {
        let topology = Topology::random(seed);
        let mut lab = lab(&topology, Options::default());
        let mut traffic = Traffic::new(&topology, seed);
        for _ in 0..200 {
            let (ingress, packet) = traffic.opening(&lab);
            let opened = headers(&packet);
            let shard = lab.map().shard(&opened);
            let sent = lab.enter(ingress, packet.clone());
            if sent.place.is_none() {
                continue;
            }
            let arrived = sent.headers();
            let mut forms = vec![("delivered", sent.bytes.clone()), ("reply", sent.reply()), ("unanswered", packet.clone())];
            // An error about the packet, wherever it is noticed, from the receiver and from a router on the way.
            let router = if arrived.src.is_ipv4() { "192.0.2.254" } else { "2001:db8:eeee::254" };
            for from in [arrived.dst, router.parse::<IpAddr>().unwrap()] {
                let (kind, code) = if from.is_ipv4() { (3, 3) } else { (1, 4) };
                forms.push(("error", build::icmp_error(from, arrived.src, kind, code, 0, &sent.bytes)));
                let cut = &sent.bytes[..(usize::from(arrived.l4) + 8).min(sent.bytes.len())];
                forms.push(("short error", build::icmp_error(from, arrived.src, kind, code, 0, cut)));
            }
            for (what, form) in forms {
                let form = headers(&form);
                prop_assert_eq!(lab.map().shard(&form), shard, "{}: {:?} of {:?}", what, form.key(), opened.key());
            }
        }
    }

    /// The wheel reclaims, and nobody can tell.
    #[test]
    fn the_wheel_cannot_be_observed(seed: u64) {
        let topology = Topology::random(seed);
        let run = |reclaim| {
            let mut lab = lab(&topology, Options { reclaim, ..Options::default() });
            let mut traffic = Traffic::new(&topology, seed);
            let mut told_all = Vec::new();
            for _ in 0..300 {
                lab.wait(traffic.pause());
                lab.tick();
                let (ingress, packet) = traffic.next(&lab);
                let sent = lab.enter(ingress, packet);
                told_all.push(told(&sent));
                traffic.saw(&sent);
            }
            (told_all, lab.connections())
        };
        prop_assert_eq!(run(true), run(false));
    }

    /// One more flow to another remote gives no other flow another port.
    #[test]
    fn an_unrelated_flow_renumbers_nothing(seed: u64, extra in 0u8..200) {
        let ports = |with_extra: bool| {
            let mut lab = Lab::new(random::PRIVATE);
            let mut ports = Vec::new();
            for flow in 0..60u16 {
                if with_extra && flow == 20 {
                    lab.leave("app", syn(&format!("10.0.1.10:{}", 50_000 + u16::from(extra)), "198.51.100.200:443"));
                }
                let remote = format!("198.51.100.{}:443", (seed as u16 ^ flow.wrapping_mul(31)) % 100);
                let sent = lab.leave("app", syn(&format!("10.0.1.10:{}", 10_000 + flow), &remote));
                ports.push(sent.delivered("internet").key().src_port);
            }
            ports
        };
        prop_assert_eq!(ports(false), ports(true));
    }

    /// No two live mappings share gateway address, protocol, remote and port; ports are those of a NAT gateway (4.11).
    #[test]
    fn live_mappings_are_unique(flows in proptest::collection::vec((1024u16.., 0u8..3, any::<bool>()), 1..300)) {
        let mut lab = Lab::new(&random::PRIVATE.replace("[behavior", "# [behavior"));
        let mut taken = HashSet::new();
        let mut known = HashSet::new();
        for (port, remote, tcp) in flows {
            if !known.insert((port, remote, tcp)) {
                continue;
            }
            let (from, to) = (format!("10.0.1.10:{port}"), format!("198.51.100.{remote}:53"));
            let packet = if tcp { syn(&from, &to) } else { udp(&from, &to) };
            let key = lab.leave("app", packet).delivered("internet").key();
            prop_assert!(key.src_port >= 1024);
            prop_assert!(taken.insert(key), "{key} twice");
        }
    }

    /// Any bytes that parse can be walked.
    #[test]
    fn any_bytes_are_survivable(mut bytes in proptest::collection::vec(any::<u8>(), 20..120), outside: bool, version in 4u8..7) {
        let mut lab = Lab::new(random::PRIVATE);
        bytes[0] = version << 4 | 5;
        bytes[10] = 0;
        bytes[11] = 0;
        if let Ok(parsed) = Headers::parse(&bytes, bytes.len() as u32, Offloads::Tolerate) {
            let ingress = if outside { Ingress::Internet } else { Ingress::Interface(lab.eni("app")) };
            let mut packet = vpcemu_packet::Packet::from_parts(&mut bytes, parsed, parsed.total_len);
            lab.walk(ingress, &mut packet);
        }
    }
}

#[test]
fn ten_thousand_remotes_use_nearly_every_shard() {
    let lab = Lab::new(random::PRIVATE);
    let shards = |shard: &dyn Fn(IpAddr, IpAddr) -> u8| {
        let client: IpAddr = "10.0.1.10".parse().unwrap();
        let remotes =
            (0..10_000u32).map(|n| IpAddr::V4((u32::from(std::net::Ipv4Addr::new(93, 0, 0, 0)) + n * 7).into()));
        remotes.map(|remote| shard(client, remote)).collect::<HashSet<_>>().len()
    };
    assert!(shards(&|client, remote| lab.map().shard_of(client, remote)) > 200);
    // The test can fail: a constant key keeps flows together too.
    assert_eq!(shards(&|_, _| 0), 1);
}

#[test]
fn a_mapping_is_free_exactly_when_its_time_has_come() {
    for (idle, lives) in [(349.999_999_999, true), (350.0, false)] {
        let mut lab = Lab::new(random::PRIVATE);
        let sent = lab.leave("app", syn("10.0.1.10:4000", "198.51.100.7:443")).delivered("internet");
        lab.arrive(sent.reply()).delivered("eni-app");
        lab.leave("app", data("10.0.1.10:4000", "198.51.100.7:443")).delivered("internet");
        lab.wait(idle);
        let mut answer = headers(&sent.reply());
        if let Transport::Tcp { flags, .. } = &mut answer.transport {
            *flags = TcpFlags::ACK;
        }
        let back =
            build::tcp(vpcemu_tests::socket("198.51.100.7:443"), (answer.dst, answer.key().dst_port).into()).build();
        assert_eq!(lab.arrive(back).place.is_some(), lives, "after {idle} s");
    }
}

/// `PRIVATE` with a group that lets everything in, so that only the gateway's memory decides.
fn open_private() -> String {
    random::PRIVATE.replace("ingress = []", "ingress = [{ proto = \"all\", from = \"0.0.0.0/0\" }]")
}

/// Thousands of flows through one gateway to one remote, over time: a port is given again only when it is free again.
#[test]
fn no_two_live_mappings_share_a_port() {
    const UDP_IDLE: u64 = 350_000_000_000;
    let second = "\"203.0.113.20\" }, { private = \"10.0.0.201\", public = \"203.0.113.21\" }";
    let two = open_private().replace("\"203.0.113.20\" }", second);
    let mut again = 0;
    for seed in 0..2 {
        let mut rig = Rig::new(&two, Options { seed, ..Options::default() }, |map, headers| map.shard(headers));
        let mut dice = Dice::new(seed);
        let mut owners: HashMap<_, (u16, u64)> = HashMap::new();
        let mut addresses = HashSet::new();
        for _ in 0..12_000 {
            rig.now += dice.roll(300_000_000);
            let port = 1 + dice.roll(60_000) as u16;
            let walked = rig.leave("app", udp(&format!("10.0.1.10:{port}"), "198.51.100.7:53"));
            assert!(walked.delivered());
            let key = headers(&walked.bytes).key();
            assert!(key.src_port >= 1024, "seed {seed}: {key}");
            addresses.insert(key.src);
            if let Some((owner, last)) = owners.insert(key, (port, rig.now)).filter(|(owner, _)| *owner != port) {
                again += 1;
                assert!(
                    rig.now - last >= UDP_IDLE,
                    "seed {seed}: {key} of port {owner} given to {port} while it lives"
                );
            }
        }
        assert_eq!(addresses.len(), 2);
        // Whoever lives is who an answer reaches.
        let now = rig.now;
        for (key, (port, last)) in owners.iter().filter(|(_, (_, last))| now - last < UDP_IDLE) {
            let (from, to) = (format!("{}:{}", key.dst, key.dst_port), format!("{}:{}", key.src, key.src_port));
            let answer = rig.one(Ingress::Internet, udp(&from, &to));
            assert!(answer.delivered(), "seed {seed}: {key} {last}");
            assert_eq!(headers(&answer.bytes).key().dst_port, *port);
        }
    }
    assert!(again > 0, "no port was ever given again: the test is idle");
}

/// Timers end at the very nanosecond: what comes one before lives, what comes then is too late.
#[test]
fn timers_end_at_the_nanosecond() {
    const SECOND: u64 = 1_000_000_000;
    const APP: &str = "10.0.1.10:4000";
    const REMOTE: &str = "198.51.100.7:443";
    let rules = "ingress = [{ proto = \"udp\", from = \"198.51.100.0/24\" }, \
                 { proto = \"tcp\", from = \"198.51.100.0/24\" }]\negress = []";
    let tracked = random::PRIVATE
        .replace("addresses = [\"10.0.1.10\"]", "addresses = [\"10.0.0.10\"]\npublic = \"203.0.113.10\"")
        .replace("subnet = \"private\"\naddresses", "subnet = \"public\"\naddresses")
        .replace("ingress = []", rules);
    // Lets time pass to a nanosecond before the end of the timer, or to the end of it.
    let edges = |seconds: u64| [(seconds * SECOND - 1, true), (seconds * SECOND, false)];
    let back = |walked: &Walked| reply_to(&headers(&walked.bytes));
    // Established TCP at the gateway, asked from inside and from outside.
    for (reclaim, outside) in [(true, true), (true, false), (false, true), (false, false)] {
        for (idle, lives) in edges(350) {
            let options = Options { reclaim, ..Options::default() };
            let mut rig = Rig::new(&open_private(), options, |map, headers| map.shard(headers));
            let opening = rig.leave("app", syn(APP, REMOTE));
            assert!(rig.one(Ingress::Internet, back(&opening)).delivered());
            let segment = rig.leave("app", data(APP, REMOTE));
            rig.now += idle;
            rig.tick();
            let late = match outside {
                true => rig.one(Ingress::Internet, back(&segment)),
                false => rig.leave("app", data(APP, REMOTE)),
            };
            assert_eq!(late.delivered(), lives, "TCP, {idle} ns, outside: {outside}");
            let expected = if outside { DropReason::NatNoSession } else { DropReason::NatIdleExpired };
            assert_eq!(late.reason(), (!lives).then_some(expected));
            assert_eq!(late.generated.is_some(), !lives && !outside);
        }
    }
    // Half-open TCP, UDP and echo at the gateway.
    let echo = ping("10.0.1.10", "198.51.100.7", 9);
    for (seconds, packet) in [(60, syn(APP, REMOTE)), (350, udp(APP, REMOTE)), (350, echo)] {
        for (idle, lives) in edges(seconds) {
            let mut rig = Rig::of(&open_private());
            let sent = rig.leave("app", packet.clone());
            rig.now += idle;
            let late = rig.one(Ingress::Internet, back(&sent));
            assert_eq!(late.delivered(), lives, "{} after {idle} ns", headers(&packet).key());
            assert_eq!(late.reason(), (!lives).then_some(DropReason::NatNoSession));
        }
    }
    // UDP at a security group, asked once and as a stream; nothing may leave but answers.
    let ask = udp(REMOTE, "203.0.113.10:53");
    for (stream, seconds) in [(false, 30), (true, 180)] {
        for (idle, lives) in edges(seconds) {
            let mut rig = Rig::of(&tracked);
            let mut asked = rig.one(Ingress::Internet, ask.clone());
            assert!(asked.delivered());
            if stream {
                assert!(rig.leave("app", back(&asked)).delivered());
                asked = rig.one(Ingress::Internet, ask.clone());
            }
            rig.now += idle;
            let late = rig.leave("app", back(&asked));
            assert_eq!(late.delivered(), lives, "UDP, stream: {stream}, {idle} ns");
            assert_eq!(late.reason(), (!lives).then_some(DropReason::SecurityGroupEmpty));
        }
    }
    // Established TCP at a security group.
    for (idle, lives) in edges(432_000) {
        let mut rig = Rig::of(&tracked);
        let opening = rig.one(Ingress::Internet, syn(REMOTE, "203.0.113.10:53"));
        assert!(rig.leave("app", back(&opening)).delivered());
        let segment = rig.one(Ingress::Internet, data(REMOTE, "203.0.113.10:53"));
        rig.now += idle;
        assert_eq!(rig.leave("app", back(&segment)).delivered(), lives, "TCP at a group after {idle} ns");
    }
}

/// A segment from an interface to itself, on one port (LAND): its flow is its own reverse. Whatever its flags, and whether
/// the way in is open or shut, it is walked.
#[test]
fn a_segment_to_its_own_sender_is_survivable() {
    let open = random::PRIVATE.replace("ingress = []", "ingress = [{ proto = \"tcp\", from = \"10.0.0.0/16\" }]");
    let from = vpcemu_tests::socket("10.0.1.10:80");
    let mut panicked = Vec::new();
    for (rules, text) in [("open", open.as_str()), ("shut", random::PRIVATE)] {
        // FIN, SYN and RST in every combination, with and without ACK.
        for flags in (0..8).chain(16..24) {
            let packet = build::tcp(from, from).flags(TcpFlags(flags)).build();
            let walk = || drop(Lab::new(text).leave("app", packet));
            if std::panic::catch_unwind(std::panic::AssertUnwindSafe(walk)).is_err() {
                panicked.push((rules, flags));
            }
        }
    }
    assert!(panicked.is_empty(), "panics with rules and flags {panicked:?}");
}
