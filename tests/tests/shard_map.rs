//! Whatever belongs to one flow meets in one shard, on any VPC, and the shards are all used.

mod random;
mod shards;

use std::collections::{HashMap, HashSet};
use std::net::{IpAddr, Ipv4Addr};

use proptest::prelude::*;
use random::{Rig, Topology, Wild};
use shards::Plain;
use vpcemu_dataplane::outcome::{Component, Outcome, Step};
use vpcemu_dataplane::{Options, Place};
use vpcemu_packet::{Transport, build};
use vpcemu_tests::{Dice, Lab, headers, reply_to, udp};

/// More than this many of the 256 shards have work.
const WELL_SPREAD: usize = 200;

/// Shards that 10,000 remotes of one client use.
fn spread(shard_of: impl Fn(IpAddr, IpAddr) -> u8) -> usize {
    let client = "10.0.1.10".parse().unwrap();
    let first = u32::from(Ipv4Addr::new(93, 0, 0, 0));
    let remotes = (0..10_000).map(|n| IpAddr::V4(Ipv4Addr::from(first + n * 7)));
    remotes.map(|remote| shard_of(client, remote)).collect::<HashSet<_>>().len()
}

#[test]
fn remotes_spread_over_the_shards_and_a_constant_would_not() {
    let rig = Rig::of(random::PRIVATE);
    let map = rig.lab.map();
    assert!(spread(|client, remote| map.shard_of(client, remote)) > WELL_SPREAD);
    assert!(spread(|client, remote| map.shard_of(remote, client)) > WELL_SPREAD);
    // What keeps flows together just as well, and is no use.
    assert!(spread(|_, _| 0) <= WELL_SPREAD);
    assert!(spread(|client, _| map.shard_of(client, client)) <= WELL_SPREAD);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 150, ..ProptestConfig::default() })]

    /// Every form of a flow: as it was sent, after every component, as it arrived, the answers and errors to all of them.
    #[test]
    fn every_form_of_a_flow_has_the_shard_of_its_opening(seed: u64) {
        let topology = Topology::any(seed);
        let mut rig = Rig::of(&topology.text());
        let mut wild = Wild::new(&topology, seed);
        for _ in 0..150 {
            let (ingress, packet) = wild.usual.opening(&rig.lab);
            let opened = headers(&packet);
            let walked = rig.one(ingress, packet.clone());
            let map = rig.lab.map();
            let home = map.shard(&opened);
            for step in &walked.steps {
                let key = step.key;
                prop_assert_eq!(map.shard_of(key.src, key.dst), home, "{} of {}", key, opened.key());
                prop_assert_eq!(map.shard_of(key.dst, key.src), home, "answer to {} of {}", key, opened.key());
            }
            for form in [&packet, &walked.bytes] {
                let of = headers(form);
                if matches!(of.transport, Transport::IcmpError { .. } | Transport::Icmp { .. }) {
                    continue;
                }
                let reply = reply_to(&of);
                prop_assert_eq!(map.shard(&headers(&reply)), home, "reply to {} of {}", of.key(), opened.key());
                let router = if of.src.is_ipv4() { "192.0.2.254" } else { "2001:db8:eeee::254" };
                let (kind, code) = if of.src.is_ipv4() { (3, 3) } else { (1, 4) };
                let short = &form[..(usize::from(of.l4) + 8).min(form.len())];
                for (from, to, quoted) in [
                    (of.dst, of.src, form.as_slice()),
                    (of.dst, of.src, short),
                    (router.parse().unwrap(), of.src, short),
                    (of.src, of.dst, reply.as_slice()),
                    (of.src, of.dst, &reply[..(usize::from(headers(&reply).l4) + 8).min(reply.len())]),
                ] {
                    let error = build::icmp_error(from, to, kind, code, 0, quoted);
                    prop_assert_eq!(map.shard(&headers(&error)), home, "error about {} of {}", of.key(), opened.key());
                }
            }
        }
    }

    /// What is looked up is what a walk over all configurations of the run finds, at every bound of it.
    #[test]
    fn the_map_says_what_the_plain_function_does(seed: u64, later: Option<u64>) {
        let texts: Vec<_> = [Some(seed), later].into_iter().flatten().map(|seed| Topology::any(seed).text()).collect();
        let texts: Vec<_> = texts.iter().map(String::as_str).collect();
        let lab = Lab::then(&texts);
        let (map, plain) = (lab.map(), Plain::of(lab.timeline()));
        let addresses = shards::addresses(lab.timeline());
        let mut dice = Dice::new(seed);
        for _ in 0..1000 {
            let (from, to) = (*dice.pick(&addresses), *dice.pick(&addresses));
            prop_assert_eq!(map.shard_of(from, to), plain.shard_of(from, to), "{} {}", from, to);
        }
    }

    /// A knob that makes remotes depend on each other puts everything on one shard; without one, 10,000 remotes of any host
    /// are spread.
    #[test]
    fn a_serial_knob_puts_everything_on_one_shard(seed in 0u64..10_000) {
        let topology = Topology::forwarding(seed);
        let rig = Rig::of(&topology.text());
        let host = topology.hosts[seed as usize % topology.hosts.len()].v4;
        let map = rig.lab.map();
        let first = u32::from(Ipv4Addr::new(93, 0, 0, 0));
        let remotes = (0..10_000).map(|n| IpAddr::V4(Ipv4Addr::from(first + n * 7)));
        let used: HashSet<_> = remotes.map(|remote| map.shard_of(host, remote)).collect();
        prop_assert_eq!(used.len() == 1, topology.serial);
        prop_assert!(topology.serial || used.len() > WELL_SPREAD);
    }

    /// What the answers really become: the whole conversation stays where it began, and so does what gateways make of it.
    #[test]
    fn a_conversation_never_leaves_its_shard(seed: u64) {
        let topology = Topology::any(seed);
        let mut rig = Rig::of(&topology.text());
        let mut wild = Wild::new(&topology, seed);
        for _ in 0..200 {
            rig.now += wild.pause();
            let (ingress, packet) = wild.next(&rig.lab);
            for walked in rig.enter(ingress, packet) {
                let map = rig.lab.map();
                // Of a packet that quotes another the flow is the quoted one, and keys of steps do not tell.
                let first = walked.steps.first().map(|step| map.shard_of(step.key.src, step.key.dst));
                let made = walked.generated.iter().map(|(bytes, _)| bytes).chain(&walked.pieces);
                for bytes in made.chain(walked.delivered().then_some(&walked.bytes)) {
                    let of = headers(bytes);
                    if matches!(of.transport, Transport::IcmpError { .. }) && bytes == &walked.bytes {
                        continue;
                    }
                    if let Some(first) = first {
                        prop_assert_eq!(map.shard(&of), first, "{} left by {:?}", of.key(), walked.steps);
                    }
                }
                wild.saw(&walked);
            }
        }
    }

    /// 256 shards and a single one say the same of every packet: nothing that a packet needs is anywhere else.
    #[test]
    fn sharding_cannot_be_observed(seed: u64) {
        let topology = Topology::any(seed);
        let text = topology.text();
        let mut many = Rig::of(&text);
        let mut single = Rig::new(&text, Options::default(), |_, _| 0);
        let mut wild = Wild::new(&topology, seed);
        for _ in 0..300 {
            let pause = wild.pause();
            many.now += pause;
            single.now += pause;
            let (ingress, packet) = wild.next(&many.lab);
            let (fates, expected) = (many.enter(ingress, packet.clone()), single.enter(ingress, packet));
            prop_assert_eq!(&fates, &expected);
            fates.iter().for_each(|walked| wild.saw(walked));
        }
        prop_assert_eq!(many.totals(), single.totals());
    }
}

/// The two properties above are worth something only if random VPCs do hairpin, translate and overlap.
#[test]
fn random_vpcs_have_what_the_map_is_about() {
    let (mut overlaps, mut hairpins, mut to_internet, mut replies) = (0, 0, 0, 0);
    for seed in 0..40 {
        let topology = Topology::wide(seed);
        let mut addresses = HashSet::new();
        overlaps += topology.hosts.iter().filter(|host| !addresses.insert(host.v4)).count();
        let mut rig = Rig::of(&topology.text());
        let mut wild = Wild::new(&topology, seed);
        for _ in 0..300 {
            let (ingress, packet) = wild.next(&rig.lab);
            for walked in rig.enter(ingress, packet) {
                let gateways = walked.steps.iter().filter(|step| step.kind.name() == "igw").count();
                match walked.verdict.outcome {
                    Outcome::Delivered { at: Place::Internet } => to_internet += 1,
                    Outcome::Delivered { at: Place::Interface(_) } if gateways > 1 => hairpins += 1,
                    Outcome::Delivered { at: Place::Interface(_) }
                        if walked.steps.iter().any(|step| step.kind.name() == "nat") =>
                    {
                        replies += 1;
                    }
                    _ => {}
                }
                wild.saw(&walked);
            }
        }
    }
    assert!(
        overlaps > 20 && hairpins > 50 && to_internet > 500 && replies > 50,
        "{overlaps} {hairpins} {to_internet} {replies}"
    );
}

/// Likewise of middleboxes: every kind of them translates or forwards, some behind each other, and knobs are turned.
#[test]
fn random_middleboxes_are_used() {
    let mut uses: HashMap<&str, usize> = HashMap::new();
    for seed in 0..60 {
        let topology = Topology::forwarding(seed);
        let text = topology.text();
        for (what, words) in [
            ("serial", topology.serial),
            ("edge table", text.contains("[gateway_route_table")),
            ("block", text.contains("[block_public_access]")),
        ] {
            *uses.entry(what).or_default() += usize::from(words);
        }
        let mut rig = Rig::of(&text);
        let mut wild = Wild::new(&topology, seed);
        for _ in 0..300 {
            let (ingress, packet) = wild.next(&rig.lab);
            for walked in rig.enter(ingress, packet) {
                if walked.delivered() {
                    let registry = rig.lab.timeline().registry();
                    let kind = |step: &Step| match step.at {
                        Component::NatGateway(nat) if registry.nats.id(nat).as_str().contains("regional") => "regional",
                        Component::NatGateway(nat) if registry.nats.id(nat).as_str().contains("private") => "private",
                        Component::NatGateway(_) => "zonal",
                        Component::Interface(_) if step.kind.name() == "nat" => "instance",
                        Component::Interface(_) if step.kind.name() == "forward" => "appliance",
                        _ => "",
                    };
                    let boxes: Vec<_> = walked.steps.iter().map(kind).filter(|kind| !kind.is_empty()).collect();
                    for kind in &boxes {
                        *uses.entry(kind).or_default() += 1;
                    }
                    let families: HashSet<_> = walked.steps.iter().map(|step| step.key.src.is_ipv4()).collect();
                    *uses.entry("chain").or_default() += usize::from(boxes.len() > 1);
                    *uses.entry("nat64").or_default() += usize::from(families.len() > 1);
                    let answered = families.len() > 1 && !walked.steps[walked.steps.len() - 1].key.src.is_ipv4();
                    *uses.entry("nat64 back").or_default() += usize::from(answered);
                }
                wild.saw(&walked);
            }
        }
    }
    for (what, least) in [("serial", 5), ("edge table", 15), ("block", 5)] {
        assert!(uses[what] >= least, "{what}: {uses:?}");
    }
    assert!(uses["private"] > 20, "{uses:?}");
    for what in ["regional", "zonal", "instance", "appliance", "chain", "nat64", "nat64 back"] {
        assert!(uses.get(what).is_some_and(|uses| *uses > 100), "{what}: {uses:?}");
    }
}

/// Base + 2 of one VPC's public block is that VPC's resolver, and a remote like any other to everybody else (1.4, 1.10).
#[test]
fn the_resolver_of_another_vpc_is_an_ordinary_remote() {
    let text = r#"
[vpc.a]
cidrs = ["10.0.0.0/16"]
[vpc.b]
cidrs = ["198.51.100.0/24"]
[internet_gateway.igw]
vpc = "a"
[subnet.pub]
vpc = "a"
cidrs = ["10.0.0.0/24"]
route_table = "pub"
[route_table.pub]
vpc = "a"
routes = [{ to = "0.0.0.0/0", via = "igw" }]
[security_group.out]
vpc = "a"
ingress = []
egress = [{ proto = "udp", to = "0.0.0.0/0" }]
[instance.app]
subnet = "pub"
addresses = ["10.0.0.10"]
public = "203.0.113.10"
security_groups = ["out"]
"#;
    for remote in ["198.51.100.3:53", "198.51.100.2:53"] {
        let mut lab = Lab::new(text);
        let asked = lab.leave("app", udp("10.0.0.10:4000", remote)).delivered("internet");
        let shard = |datagram: &[u8]| lab.map().shard(&headers(datagram));
        assert_eq!(shard(&asked.reply()), shard(&udp("10.0.0.10:4000", remote)), "{remote}");
        lab.arrive(asked.reply()).delivered("eni-app");
    }
}

/// What an interface asks the VPC's services is policed as a whole (1.12): all of its addresses meet in one shard, those of
/// delegated prefixes too, whoever else has one of them, before and after a change of configuration.
#[test]
fn all_that_an_interface_asks_services_is_in_one_shard() {
    let vpc = |name: &str, more: &str| {
        format!(
            "[vpc.{name}]\ncidrs = [\"10.0.0.0/16\", \"2001:db8:{name}00::/56\"]\n\
             [subnet.s{name}]\nvpc = \"{name}\"\ncidrs = [\"10.0.0.0/24\", \"2001:db8:{name}00::/64\"]\n{more}"
        )
    };
    let first = vpc(
        "a",
        "[eni.one]\nsubnet = \"sa\"\naddresses = [\"10.0.0.10\", \"10.0.0.11\", \"2001:db8:a00::10\"]\n\
         prefixes = [\"10.0.0.32/28\"]\n",
    );
    let second = vpc(
        "b",
        "[eni.two]\nsubnet = \"sb\"\naddresses = [\"10.0.0.12\", \"10.0.0.11\", \"2001:db8:b00::12\"]\n\
         [eni.three]\nsubnet = \"sb\"\naddresses = [\"10.0.0.40\", \"2001:db8:b00::40\"]\n\
         [eni.four]\nsubnet = \"sb\"\naddresses = [\"2001:db8:b00::50\"]\n",
    );
    let moved = first.replace("2001:db8:a00::10", "2001:db8:a00::99");
    let both = format!("{first}{second}");
    let lab = Lab::then(&[&both, &format!("{moved}{second}")]);
    let shard = |from: &str, service: &str| lab.map().shard_of(from.parse().unwrap(), service.parse().unwrap());
    let home = shard("10.0.0.10", "169.254.169.253");
    for own in ["10.0.0.10", "10.0.0.11", "10.0.0.12", "10.0.0.32", "10.0.0.40", "10.0.0.47"] {
        for service in ["169.254.169.253", "10.0.0.2", "169.254.169.254", "169.254.169.123", "169.254.169.250"] {
            assert_eq!(shard(own, service), home, "{own} {service}");
            assert_eq!(shard(service, own), home, "{service} {own}");
        }
    }
    let own = ["2001:db8:a00::10", "2001:db8:a00::99", "2001:db8:b00::12", "2001:db8:b00::40"];
    for (own, service) in own.into_iter().flat_map(|own| ["fd00:ec2::253", "fd00:ec2::254"].map(|it| (own, it))) {
        assert_eq!(shard(own, service), home, "{own} {service}");
    }
    assert_ne!(shard("2001:db8:b00::50", "fd00:ec2::253"), home);
}
