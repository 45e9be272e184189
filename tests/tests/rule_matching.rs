//! What rules match, against a reference that compares fields one by one: security groups and network ACLs, in both
//! directions and families, on every bound of every field (6.2-6.10, 7.3-7.7, 7.13).

mod rules;

use std::ops::AddAssign;

use proptest::prelude::*;
use rules::{
    Block, Filter, Instance, PORTLESS, Peer, Probe, Rule, Site, Told, Wanted, Way, acl_rules, admitting, blocks,
    deciding, group_rules, network, pieces, position, probes, rule, transports,
};
use vpcemu_dataplane::DropReason;
use vpcemu_dataplane::outcome::CtState;
use vpcemu_model::{IcmpTypeCode, PortRange, Ports};
use vpcemu_tests::Dice;

/// How many packets were compared. A test whose packets all end alike would tell little.
#[derive(Clone, Copy, Default, PartialEq, Debug)]
struct Compared {
    dropped: u32,
    passed: u32,
}

impl AddAssign for Compared {
    fn add_assign(&mut self, other: Self) {
        self.dropped += other.dropped;
        self.passed += other.passed;
    }
}

/// What a security group says, by the book. `reverse` are the rules of the other direction.
fn group_says(rules: &[Rule], reverse: &[Rule], split: usize, way: Way, probe: &Probe) -> Told {
    if let Some(at) = admitting(rules, probe) {
        let (group, at) = position(at, split);
        let word = if way == Way::In { "in" } else { "out" };
        return Told::Passed(format!("sgr-{group}-{word}-{}", at + 1), remembered(rules, reverse, probe));
    }
    let would_match = |rule: &Rule| {
        let by_public = |instance: Instance| instance.in_public && rule.peer == Peer::Group(instance.name);
        probe.peer.instance.is_some_and(by_public) && rule.matches_transport(probe, Filter::SecurityGroup)
    };
    let reason = match rules {
        [] => DropReason::SecurityGroupEmpty,
        // Of what comes in there is a sender, who would have been let in straight (6.10).
        _ if way == Way::In && rules.iter().any(would_match) => DropReason::SecurityGroupReferenceLost,
        _ => DropReason::SecurityGroup,
    };
    Told::Dropped(reason, "*".to_owned())
}

/// What is remembered of a packet that no packet of its connection went before (6.15).
fn remembered(rules: &[Rule], reverse: &[Rule], probe: &Probe) -> Option<CtState> {
    match (probe.protocol, probe.peer.address.is_ipv4()) {
        (6 | 17, _) if is_open(rules, reverse, probe) => Some(CtState::Untracked),
        // A datagram may be the answer to one that was not tracked. A SYN answers nothing.
        (17, _) if is_open(reverse, rules, &probe.answered()) => Some(CtState::Untracked),
        // Echo, timestamp, information and address mask ask or answer; the rest opens nothing.
        (1, true) if !matches!(probe.message.0, 0 | 8 | 13..=18) => None,
        (58, false) if !matches!(probe.message.0, 128 | 129) => None,
        _ => Some(CtState::New),
    }
}

/// Whether everyone may send it, and be sent anything.
fn is_open(rules: &[Rule], reverse: &[Rule], probe: &Probe) -> bool {
    let everyone = |rule: &&Rule| rule.is_for_everyone(probe.peer.address);
    rules.iter().filter(everyone).any(|rule| rule.matches(probe, Filter::SecurityGroup))
        && reverse.iter().filter(everyone).any(|rule| rule.has_all_ports(probe.protocol))
}

/// What a network ACL says, by the book. Behind it everything is open.
fn acl_says(rules: &[Rule], probe: &Probe) -> Told {
    let everyone = ["0.0.0.0/0", "::/0"].map(|text| rule(Wanted::ANYTHING, Peer::Block(Block::new(text))));
    match deciding(rules, probe) {
        Some(entry) if entry.allow => Told::Passed(entry.number.to_string(), remembered(&everyone, &everyone, probe)),
        Some(entry) => Told::Dropped(DropReason::NetworkAcl, entry.number.to_string()),
        None => Told::Dropped(DropReason::NetworkAcl, "*".to_owned()),
    }
}

/// What the filter says about a whole packet, by the book.
fn says(filter: Filter, (own, reverse): (&[Rule], &[Rule]), split: usize, way: Way, probe: &Probe) -> Told {
    match filter {
        Filter::SecurityGroup => group_says(own, reverse, split, way, probe),
        Filter::NetworkAcl => acl_says(own, probe),
    }
}

/// Sends every probe both ways through a filter with the rules `ingress` and `egress`, and compares.
fn compare(
    site: &mut Site,
    filter: Filter,
    (ingress, egress): (&[Rule], &[Rule]),
    split: usize,
    probes: impl IntoIterator<Item = Probe>,
) -> Result<Compared, TestCaseError> {
    let mut compared = Compared::default();
    for probe in probes {
        for (way, own, reverse) in [(Way::In, ingress, egress), (Way::Out, egress, ingress)] {
            let mut expected = says(filter, (own, reverse), split, way, &probe);
            let mut told = site.judge(way, &probe);
            if probe.peer.instance.is_some() {
                // The groups of another instance have the last word on what is remembered.
                (told, expected) = (forgotten(told), forgotten(expected));
            }
            compared += counted(&told);
            prop_assert_eq!(&told, &expected, "{:?} {:?}\nin {:?}\nout {:?}", way, probe, ingress, egress);
        }
    }
    Ok(compared)
}

/// The same, whatever is remembered.
fn forgotten(told: Told) -> Told {
    match told {
        Told::Passed(rule, _) => Told::Passed(rule, None),
        dropped @ Told::Dropped(..) => dropped,
    }
}

fn counted(told: &Told) -> Compared {
    let passed = matches!(told, Told::Passed(..));
    Compared { dropped: u32::from(!passed), passed: u32::from(passed) }
}

/// A few rules, the same in both directions, and every packet at their bounds.
fn at_all_bounds(filter: Filter, rules: &[Rule], split: usize) -> Compared {
    let mut site = Site::new(filter, rules, rules, split);
    compare(&mut site, filter, (rules, rules), split, probes(rules)).unwrap_or_else(|wrong| panic!("{wrong}"))
}

#[test]
fn every_security_group_rule_alone() {
    let mut compared = Compared::default();
    for transport in transports() {
        for block in blocks() {
            compared += at_all_bounds(Filter::SecurityGroup, &[rule(transport, Peer::Block(block))], 1);
        }
    }
    assert_eq!(compared, Compared { dropped: 166_088, passed: 6_148 });
}

#[test]
fn every_network_acl_entry_alone() {
    let mut compared = Compared::default();
    for transport in transports() {
        for block in blocks() {
            compared += at_all_bounds(Filter::NetworkAcl, &[rule(transport, Peer::Block(block))], 1);
        }
    }
    assert_eq!(compared, Compared { dropped: 162_098, passed: 10_138 });
}

/// Entries that overlap in all ways, written in either order, under numbers in either order, with every pair of actions.
#[test]
fn of_two_entries_the_lower_number_decides() {
    let udp = Wanted { protocol: Some(17), ..Wanted::ANYTHING };
    let ports = |first, last| Wanted { ports: Some((first, last)), ..udp };
    let choices = [
        (Wanted::ANYTHING, "0.0.0.0/0"),
        (udp, "198.51.100.0/24"),
        (ports(80, 90), "0.0.0.0/0"),
        (ports(85, 85), "198.51.100.128/25"),
        (ports(0, 84), "::/0"),
    ]
    .map(|(transport, block)| rule(transport, Peer::Block(Block::new(block))));
    let mut compared = Compared::default();
    for one in &choices {
        for other in &choices {
            for (allow, other_allows) in [(true, false), (false, true), (true, true), (false, false)] {
                for (number, other_number) in [(1, 2), (2, 1), (32_766, 1)] {
                    let entries = [
                        Rule { number, allow, ..one.clone() },
                        Rule { number: other_number, allow: other_allows, ..other.clone() },
                    ];
                    compared += at_all_bounds(Filter::NetworkAcl, &entries, 2);
                }
            }
        }
    }
    assert_eq!(compared, Compared { dropped: 56_508, passed: 10_644 });
}

#[test]
fn every_kind_of_peer_of_a_security_group() {
    let list = |texts: &[&str]| Peer::List(texts.iter().map(|text| Block::new(text)).collect());
    let peers = [
        list(&[]),
        list(&["198.51.100.128/31"]),
        list(&["198.51.100.0/25", "2001:db8:9::80/128", "198.51.100.192/26"]),
        list(&["0.0.0.0/0", "::/0"]),
        Peer::Group("friend"),
        Peer::Group("stranger"),
        Peer::Group("gone"),
    ];
    let mut compared = Compared::default();
    for transport in transports() {
        for one in &peers {
            for split in [0, 1] {
                compared += at_all_bounds(Filter::SecurityGroup, &[rule(transport, one.clone())], split);
            }
        }
    }
    assert_eq!(compared, Compared { dropped: 236_020, passed: 6_360 });
}

/// What is open to everyone one way, and on all ports the other way, is not tracked (6.15). Two rules let it in, of which
/// either may be for everyone.
#[test]
fn only_what_is_for_everyone_is_open() {
    let of = |protocol, ports, block: &str| {
        let transport = Wanted { protocol, ports, ..Wanted::ANYTHING };
        rule(transport, Peer::Block(Block::new(block)))
    };
    let everyone = "0.0.0.0/0";
    let list = Rule { peer: Peer::List(vec![Block::new(everyone)]), ..of(None, None, everyone) };
    let (tcp, udp) = (Some(6), Some(17));
    let ingress = [
        of(None, None, everyone),
        of(tcp, Some((80, 90)), everyone),
        of(tcp, Some((80, 90)), "0.0.0.0/1"),
        of(tcp, None, "128.0.0.0/1"),
        of(udp, Some((53, 53)), everyone),
        of(udp, None, "::/0"),
        list.clone(),
    ];
    let egress = [
        of(None, None, everyone),
        of(tcp, None, everyone),
        of(tcp, Some((0, 65_535)), everyone),
        of(tcp, Some((0, 65_534)), everyone),
        of(tcp, Some((1, 65_535)), everyone),
        of(udp, None, everyone),
        of(None, None, "0.0.0.0/1"),
        of(None, None, "128.0.0.0/1"),
        of(None, None, "::/0"),
        of(tcp, None, "::/0"),
        list,
    ];
    let mut compared = Compared::default();
    for one in &ingress {
        for other in &ingress {
            for back in &egress {
                let (ingress, egress) = ([one.clone(), other.clone()], [back.clone()]);
                let mut site = Site::new(Filter::SecurityGroup, &ingress, &egress, 1);
                let probes = probes(&ingress).into_iter().filter(|probe| matches!(probe.protocol, 6 | 17));
                compared += compare(&mut site, Filter::SecurityGroup, (&ingress, &egress), 1, probes)
                    .unwrap_or_else(|wrong| panic!("{wrong}"));
            }
        }
    }
    assert_eq!(compared, Compared { dropped: 25_266, passed: 16_182 });
}

/// Dumps have ports and types on protocols that have none: they mean nothing (6.4, 7.7).
#[test]
fn ports_of_a_protocol_without_ports_mean_nothing() {
    let meaningless = [
        Ports::Range(PortRange { from: 5000, to: 5000 }),
        Ports::Range(PortRange { from: 0, to: 0 }),
        Ports::Icmp(IcmpTypeCode { kind: Some(8), code: Some(0) }),
    ];
    let mut compared = Compared::default();
    for transport in transports().into_iter().filter(|wanted| !matches!(wanted.protocol, Some(1 | 6 | 17 | 58))) {
        for block in blocks() {
            for (ports, filter) in
                meaningless.iter().flat_map(|ports| [(ports, Filter::SecurityGroup), (ports, Filter::NetworkAcl)])
            {
                let rules = [rule(transport, Peer::Block(block))];
                let mut network = network(filter, &rules, &rules, 1, "");
                for rule in network
                    .security_groups
                    .iter_mut()
                    .flat_map(|group| group.ingress.iter_mut().chain(&mut group.egress))
                {
                    rule.ports = *ports;
                }
                for entry in
                    network.network_acls.iter_mut().flat_map(|acl| acl.ingress.iter_mut().chain(&mut acl.egress))
                {
                    entry.ports = *ports;
                }
                let mut site = Site::of(filter, &network);
                compared += compare(&mut site, filter, (&rules, &rules), 1, probes(&rules))
                    .unwrap_or_else(|wrong| panic!("{wrong}"));
            }
        }
    }
    assert_eq!(compared, Compared { dropped: 53_724, passed: 5_916 });
}

/// Sends datagrams in pieces through every rule alone. `later` is what a later piece is to rules.
fn in_pieces(filter: Filter, behavior: &str, later: impl Fn(&Probe) -> Probe) -> Compared {
    let mut compared = Compared::default();
    let mut id = 0;
    let everyone = ["0.0.0.0/0", "::/0"].map(Block::new);
    for (transport, block) in transports().into_iter().flat_map(|transport| everyone.map(|block| (transport, block))) {
        let rules = [rule(transport, Peer::Block(block))];
        let mut site = Site::of(filter, &network(filter, &rules, &rules, 1, behavior));
        for probe in probes(&rules) {
            for (way, backwards) in [(Way::In, false), (Way::In, true), (Way::Out, false), (Way::Out, true)] {
                id += 1;
                let sent = site.send_pieces(way, &probe.peer, &pieces(way, &probe, id), backwards);
                let told: Vec<Told> = sent.iter().map(|sent| forgotten(site.told(way, sent))).collect();
                let first = says(filter, (&rules, &rules), 1, way, &probe);
                let remembered =
                    filter == Filter::SecurityGroup && matches!(first, Told::Passed(_, Some(CtState::New)));
                for (at, told) in told.iter().enumerate() {
                    let expected = match at {
                        0 => first.clone(),
                        // It is of the connection that the first has opened.
                        _ if remembered => Told::Passed("-".to_owned(), None),
                        _ => says(filter, (&rules, &rules), 1, way, &later(&probe)),
                    };
                    compared += counted(told);
                    let expected = forgotten(expected);
                    assert_eq!(*told, expected, "piece {at} backwards {backwards} {way:?} {probe:?}\n{rules:?}");
                }
            }
        }
    }
    compared
}

#[test]
fn later_fragments_are_judged_by_the_ports_of_the_first() {
    let compared = in_pieces(Filter::NetworkAcl, "", |probe| *probe);
    assert_eq!(compared, Compared { dropped: 48_208, passed: 3_520 });
}

#[test]
fn later_fragments_match_only_entries_without_ports_if_so_configured() {
    let compared = in_pieces(Filter::NetworkAcl, PORTLESS, |probe| Probe { portless: true, ..*probe });
    assert_eq!(compared, Compared { dropped: 49_440, passed: 2_288 });
}

/// That knob is none of the security group's (6.31).
#[test]
fn security_groups_judge_later_fragments_by_the_ports_of_the_first() {
    for behavior in ["", PORTLESS] {
        let compared = in_pieces(Filter::SecurityGroup, behavior, |probe| *probe);
        assert_eq!(compared, Compared { dropped: 49_272, passed: 2_456 });
    }
}

/// Packets at the bounds of all these rules, the fields of several rules mixed.
fn some(rules: &[Rule], dice: u64) -> Vec<Probe> {
    let probes = probes(rules);
    let mut dice = Dice::new(dice);
    // Enough to meet every field of most rules, few enough for many rule sets.
    (0..200).filter(|_| !probes.is_empty()).map(|_| *dice.pick(&probes)).collect()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, ..ProptestConfig::default() })]

    #[test]
    fn any_security_groups(ingress in group_rules(), egress in group_rules(), split in 0usize..4, dice: u64) {
        let probes = some(&[ingress.clone(), egress.clone()].concat(), dice);
        let mut site = Site::new(Filter::SecurityGroup, &ingress, &egress, split);
        compare(&mut site, Filter::SecurityGroup, (&ingress, &egress), split, probes)?;
    }

    #[test]
    fn any_network_acl(ingress in acl_rules(), egress in acl_rules(), dice: u64) {
        let probes = some(&[ingress.clone(), egress.clone()].concat(), dice);
        let mut site = Site::new(Filter::NetworkAcl, &ingress, &egress, 0);
        compare(&mut site, Filter::NetworkAcl, (&ingress, &egress), 0, probes)?;
    }
}
