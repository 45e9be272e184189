use std::collections::HashSet;
use std::fmt::Write;

use super::*;
use crate::probe::blocks;
use crate::shadow::{Budget, Shadow, Standing, group_standings};
use vpcemu_dataplane::Timeline;
use vpcemu_dataplane::fabric::{GroupVerdict, PeerMatch};
use vpcemu_model::{Id, Network, NetworkInterface, Origin, Peer, SecurityGroup, SecurityGroupRule, native};

/// Four interfaces, three groups: every combination of them that an interface can have is there for some seed.
fn network(sets: &[Vec<usize>], rules: Vec<(usize, bool, Protocol, Ports, Peer)>) -> Network {
    let mut text = String::from(
        "[vpc.main]\ncidrs = [\"10.0.0.0/16\"]\n[subnet.a]\ncidrs = [\"10.0.0.0/24\"]\n\
         [prefix_list.two]\nentries = [\"10.0.0.8/31\", \"2001:db8::/32\"]\n[prefix_list.none]\nentries = []\n",
    );
    for group in 0..3 {
        writeln!(text, "[security_group.g{group}]\negress = []").unwrap();
    }
    for (at, set) in sets.iter().enumerate() {
        let groups: Vec<_> = set.iter().map(|group| format!("\"g{group}\"")).collect();
        let groups = groups.join(", ");
        writeln!(
            text,
            "[instance.i{at}]\nsubnet = \"a\"\naddresses = [\"10.0.0.{}\"]\nsecurity_groups = [{groups}]",
            8 + at
        )
        .unwrap();
    }
    let mut network = native::parse("net.toml", &text).unwrap_or_else(|error| panic!("{error}")).network;
    for (at, (group, outbound, protocol, ports, peer)) in rules.into_iter().enumerate() {
        let id = Id::new(format!("sgr-{at}"));
        let group = network.security_groups.iter_mut().find(|it| it.id.as_str() == format!("sg-g{group}")).unwrap();
        let rules = if outbound { &mut group.egress } else { &mut group.ingress };
        rules.push(SecurityGroupRule { id, protocol, ports, peer, origin: Origin::implicit() });
    }
    network
}

fn peer() -> impl Strategy<Value = Peer> {
    let group = select(vec!["sg-g0", "sg-g1", "sg-g2", "sg-nobody"]).prop_map(|id| Peer::SecurityGroup(id.into()));
    let list = select(vec!["pl-two", "pl-none"]).prop_map(|id| Peer::PrefixList(id.into()));
    prop_oneof![5 => net().prop_map(Peer::Cidr), 4 => group, 1 => list]
}

fn networks() -> impl Strategy<Value = Network> {
    let sets = proptest::collection::vec(proptest::collection::btree_set(0usize..3, 1..4), 1..4);
    let rule = (0usize..3, prop::bool::weighted(0.2), protocol(), ports(), peer());
    (sets, proptest::collection::vec(rule, 1..9)).prop_map(|(sets, rules)| {
        let sets: Vec<Vec<usize>> = sets.into_iter().map(|set| set.into_iter().collect()).collect();
        network(&sets, rules)
    })
}

fn of(group: &SecurityGroup, outbound: bool) -> &[SecurityGroupRule] {
    if outbound { &group.egress } else { &group.ingress }
}

/// What the rules of a set of groups say, by the book: whether they admit a packet, and whether one for everyone does.
fn judge(network: &Network, set: &[Id], outbound: bool, without: &HashSet<&Id>, probe: &Probe) -> (bool, bool) {
    let groups = network.security_groups.iter().filter(|group| set.contains(&group.id));
    let rules = groups.flat_map(|group| of(group, outbound)).filter(|rule| !without.contains(&rule.id));
    let admits = |rule: &&SecurityGroupRule| probe.is_admitted_by(rule, |list| blocks(network, list).to_vec());
    let admitting: Vec<_> = rules.filter(admits).collect();
    let everyone = |rule: &&SecurityGroupRule| matches!(&rule.peer, Peer::Cidr(net) if net.prefix_len() == 0);
    (!admitting.is_empty(), admitting.iter().any(everyone))
}

/// Packets from anywhere, and from each interface as itself.
fn all_probes(network: &Network) -> Vec<Probe> {
    let rules: Vec<_> =
        network.security_groups.iter().flat_map(|group| group.ingress.iter().chain(&group.egress)).collect();
    let nets = rules.iter().flat_map(|rule| match &rule.peer {
        Peer::Cidr(net) => vec![*net],
        Peer::PrefixList(list) => blocks(network, list).to_vec(),
        Peer::SecurityGroup(_) => Vec::new(),
    });
    let of_interfaces = network.interfaces.iter().flat_map(|it| it.addresses()).map(IpNet::from);
    let anybody = probes(rules.iter().map(|rule| rule.ports), nets.chain(of_interfaces));
    let as_itself = |probe: &Probe| {
        let owner = network.interfaces.iter().find(|it| it.addresses().any(|own| own == probe.peer))?;
        Some(Probe { groups: owner.security_groups.clone(), ..probe.clone() })
    };
    let themselves: Vec<_> = anybody.iter().filter_map(as_itself).collect();
    anybody.into_iter().chain(themselves).collect()
}

fn without(network: &Network, gone: &HashSet<&Id>) -> Network {
    let mut network = network.clone();
    for group in &mut network.security_groups {
        group.ingress.retain(|rule| !gone.contains(&rule.id));
        group.egress.retain(|rule| !gone.contains(&rule.id));
    }
    network
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn nothing_changes_without_the_redundant_rules_and_something_without_any_other(network in networks()) {
        let standings = group_standings(&network, &mut Budget::default());
        let gone: HashSet<&Id> =
            standings.iter().filter(|(_, it)| matches!(it, Standing::Shadowed(_))).map(|(id, _)| id).collect();
        let probes = all_probes(&network);
        let nobody = HashSet::new();
        // All of them at once, for every interface, by the book and by the engine.
        let smaller = without(&network, &gone);
        let (before, after) = (Timeline::compile([&network]), Timeline::compile([&smaller]));
        let mut sets: Vec<Vec<Id>> = network.security_groups.iter().map(|group| vec![group.id.clone()]).collect();
        sets.extend(network.interfaces.iter().map(|it: &NetworkInterface| it.security_groups.clone()));
        for interface in &network.interfaces {
            let set = &interface.security_groups;
            let eni = before.registry().enis.find(&interface.id).unwrap();
            let (old, new) = (before.fabric(0).eni(eni).unwrap(), after.fabric(0).eni(eni).unwrap());
            for (outbound, old, new) in [(false, &old.ingress, &new.ingress), (true, &old.egress, &new.egress)] {
                for probe in &probes {
                    let all = judge(&network, set, outbound, &nobody, probe);
                    prop_assert_eq!(judge(&network, set, outbound, &gone, probe), all, "{:?} {}", set, probe);
                    let groups = probe.groups.iter().filter_map(|id| before.registry().groups.find(id)).collect();
                    let identity = PeerMatch { groups, preserved: true };
                    let said = |rules: &vpcemu_dataplane::fabric::GroupRules| match rules.judge(subject(probe), probe.peer, &identity) {
                        GroupVerdict::Allowed { open, .. } => (true, open),
                        GroupVerdict::Denied { .. } => (false, false),
                    };
                    prop_assert_eq!(said(old), all, "{:?} {}", set, probe);
                    prop_assert_eq!(said(new), all, "{:?} {}", set, probe);
                }
                for (protocol, peer) in [(6, "10.0.0.1"), (17, "10.0.0.1"), (6, "2001:db8::1"), (17, "2001:db8::1")] {
                    let peer = peer.parse().unwrap();
                    prop_assert_eq!(old.is_open(protocol, peer), new.is_open(protocol, peer));
                }
            }
        }
        for group in &network.security_groups {
            for (outbound, rule) in [false, true].into_iter().flat_map(|way| of(group, way).iter().map(move |rule| (way, rule))) {
                let own = |probe: &Probe| probe.is_admitted_by(rule, |list| blocks(&network, list).to_vec());
                match &standings[&rule.id] {
                    Standing::Decides(witness) => {
                        prop_assert!(own(witness));
                        let mut others = gone.clone();
                        others.insert(&rule.id);
                        let needed = |set: &&Vec<Id>| set.contains(&group.id) && !judge(&network, set, outbound, &others, witness).0;
                        prop_assert!(sets.iter().any(|set| needed(&set)), "{} {witness}", rule.id);
                    }
                    Standing::Shadowed(Shadow { by, .. }) => {
                        prop_assert!(!by.is_empty());
                        prop_assert!(by.iter().all(|id| !gone.contains(&Id::new(id.to_string()))), "{by:?}");
                    }
                    Standing::MatchesNothing(_) => prop_assert!(!probes.iter().any(own)),
                    Standing::OnlyTracks(_) => {
                        let wide = matches!(&rule.peer, Peer::Cidr(net) if net.prefix_len() == 0);
                        prop_assert!(wide, "{}", rule.id);
                    }
                    Standing::Unproven => prop_assert!(false, "{} is not proved", rule.id),
                }
            }
        }
    }
}

fn peer_of(text: &str) -> Peer {
    text.parse().map_or_else(|_| Peer::SecurityGroup(text.into()), Peer::Cidr)
}

/// The standings of inbound TCP rules `(group, peer)`, by their position.
fn standings(sets: &[&[usize]], rules: &[(usize, &str)]) -> Vec<Standing> {
    let sets: Vec<_> = sets.iter().map(|set| set.to_vec()).collect();
    let made = rules.iter().map(|(group, peer)| (*group, false, Protocol::TCP, Ports::Any, peer_of(peer)));
    let standings = group_standings(&network(&sets, made.collect()), &mut Budget::default());
    (0..rules.len()).map(|at| standings[&Id::new(format!("sgr-{at}"))].clone()).collect()
}

fn by(standing: &Standing) -> Vec<String> {
    match standing {
        Standing::Shadowed(Shadow { by, .. }) => by.iter().map(ToString::to_string).collect(),
        _ => Vec::new(),
    }
}

#[test]
fn of_two_that_say_the_same_the_later_one_is_too_many() {
    let found = standings(&[&[0]], &[(0, "10.0.0.0/8"), (0, "10.0.0.0/8")]);
    assert!(by(&found[0]).is_empty() && by(&found[1]) == ["sgr-0"]);
}

#[test]
fn a_reference_is_covered_by_a_block_around_all_members() {
    // The members of g1 are 10.0.0.9 and 10.0.0.10.
    let sets: &[&[usize]] = &[&[0], &[1], &[1]];
    assert_eq!(by(&standings(sets, &[(0, "10.0.0.0/24"), (0, "sg-g1")])[1]), ["sgr-0"]);
    assert!(by(&standings(sets, &[(0, "10.0.0.9/32"), (0, "sg-g1")])[1]).is_empty());
    // The other way round it proves nothing: a packet from there may have lost its sender's identity.
    assert!(by(&standings(sets, &[(0, "10.0.0.9/32"), (0, "sg-g1")])[0]).is_empty());
    // A reference to a group that all members have too.
    assert_eq!(by(&standings(&[&[0], &[1, 2], &[2]], &[(0, "sg-g2"), (0, "sg-g1")])[1]), ["sgr-0"]);
}

#[test]
fn what_every_interface_has_besides_covers_too() {
    let rules: &[(usize, &str)] = &[(0, "10.0.0.0/24"), (1, "10.0.0.0/8")];
    assert_eq!(by(&standings(&[&[0, 1], &[1]], rules)[0]), ["sgr-1"]);
    assert!(by(&standings(&[&[0, 1], &[0]], rules)[0]).is_empty());
}

#[test]
fn two_halves_do_not_make_everyone() {
    let found = standings(&[&[0]], &[(0, "0.0.0.0/0"), (0, "0.0.0.0/1"), (0, "128.0.0.0/1")]);
    // The halves are redundant; and beside halves alone, everyone would only be missed by tracking.
    assert_eq!((by(&found[1]), by(&found[2])), (vec!["sgr-0".to_owned()], vec!["sgr-0".to_owned()]));
    let found = standings(&[&[0, 1]], &[(0, "0.0.0.0/0"), (1, "0.0.0.0/0")]);
    assert_eq!(by(&found[1]), ["sgr-0"]);
}

#[test]
fn a_rule_about_nobody_matches_nothing() {
    let found = standings(&[&[0]], &[(0, "sg-nobody"), (0, "sg-g2")]);
    assert!(found.iter().all(|standing| matches!(standing, Standing::MatchesNothing(_))), "{found:?}");
}
