//! The compiled rules against [`linear`], for packets at every bound of every field of the rules and next to it.

use std::collections::BTreeSet;
use std::net::IpAddr;
use std::sync::Arc;

use ipnet::IpNet;
use proptest::prelude::*;
use proptest::sample::select;
use smallvec::SmallVec;
use vpcemu_model::{AclAction, IcmpTypeCode, PortRange, Ports, Protocol};

use super::sets::MOST;
use super::{
    AclRule, AclRules, Entry, GroupRule, GroupRules, GroupTable, GroupVerdict, PeerMatch, RulePeer, Subject, linear,
};
use crate::index::{GroupIx, RuleIx};

/// Blocks of every kind of length, inside each other and next to each other, some written with host bits.
const NETS: [&str; 22] = [
    "0.0.0.0/0",
    "10.1.2.3/0",
    "0.0.0.0/1",
    "128.0.0.0/1",
    "10.0.0.0/8",
    "10.0.0.9/16",
    "10.0.0.0/24",
    "10.0.1.0/24",
    "10.0.0.128/25",
    "10.0.0.128/31",
    "10.0.0.129/32",
    "0.0.0.0/32",
    "255.255.255.255/32",
    "::/0",
    "8000::/1",
    "2001:db8::/32",
    "2001:db8::7/48",
    "2001:db8:0:1::/64",
    "2001:db8:0:1::/127",
    "2001:db8:0:1:ffff:ffff::/96",
    "::/128",
    "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff/128",
];

fn net() -> impl Strategy<Value = IpNet> {
    prop_oneof![
        5 => select(&NETS[..]).prop_map(|text| text.parse().unwrap()),
        // Anywhere near, of any length.
        1 => (any::<[u8; 2]>(), 0u8..=32).prop_map(|([c, d], length)| IpNet::new([10, 0, c & 1, d].into(), length).unwrap()),
        1 => (any::<[u16; 2]>(), 0u8..=128).prop_map(|([a, b], length)| {
            IpNet::new([0x2001, 0xdb8, a & 3, 1, b & 1, 0, a, b].into(), length).unwrap()
        }),
    ]
}

fn protocol() -> impl Strategy<Value = Protocol> {
    prop_oneof![
        1 => Just(Protocol::All),
        6 => select(vec![1, 6, 17, 58]).prop_map(Protocol::Number),
        1 => select(vec![0, 2, 47, 132, 255]).prop_map(Protocol::Number),
    ]
}

fn ports() -> impl Strategy<Value = Ports> {
    let port = || select(vec![0, 1, 79, 80, 81, 90, 1023, 1024, 40_000, 65_534, 65_535]);
    let octet = || proptest::option::of(select(vec![0u8, 3, 4, 8, 128, 255]));
    prop_oneof![
        1 => Just(Ports::Any),
        // The wrong way round too: such a range has no port.
        4 => (port(), port()).prop_map(|(from, to)| Ports::Range(PortRange { from, to })),
        1 => port().prop_map(|port| Ports::Range(PortRange { from: port, to: port })),
        3 => (octet(), octet()).prop_map(|(kind, code)| Ports::Icmp(IcmpTypeCode { kind, code })),
    ]
}

/// So few groups that they meet, and the last that there can be.
fn group() -> impl Strategy<Value = GroupIx> {
    select(vec![0, 1, 2, 3, 77, u32::MAX]).prop_map(GroupIx)
}

fn peer() -> impl Strategy<Value = RulePeer> {
    prop_oneof![
        4 => net().prop_map(RulePeer::Net),
        2 => proptest::collection::vec(net(), 0..6).prop_map(|nets| RulePeer::List(nets.into())),
        2 => group().prop_map(RulePeer::Group),
    ]
}

fn entry() -> impl Strategy<Value = Entry> {
    (protocol(), ports(), peer()).prop_map(|(protocol, ports, peer)| Entry { protocol, ports, peer })
}

fn acl(most: usize) -> impl Strategy<Value = Vec<AclRule>> {
    // Numbers need not be in order, nor need there be only one of each.
    let rule = (0u16..300, any::<bool>(), protocol(), ports(), net());
    let rule = rule.prop_map(|(number, allow, protocol, ports, net)| {
        let action = if allow { AclAction::Allow } else { AclAction::Deny };
        AclRule { number, action, protocol, ports, net }
    });
    proptest::collection::vec(rule, 0..=most)
}

/// Groups whose rules have each their own name.
fn named(groups: Vec<Vec<Entry>>) -> Vec<Vec<GroupRule>> {
    let mut ids = (0..).map(RuleIx);
    let named = groups
        .into_iter()
        .map(|entries| entries.into_iter().zip(&mut ids).map(|(entry, id)| GroupRule { id, entry }).collect());
    named.collect()
}

/// A number, and what is next to it.
fn near<const N: usize>(numbers: [u16; N]) -> impl Iterator<Item = u16> {
    numbers.into_iter().flat_map(|at| [at.wrapping_sub(1), at, at.wrapping_add(1)])
}

/// A port, or a type and code.
type Detail = (Option<u16>, Option<(u8, u8)>);

/// Packets at the bounds of the transport fields of rules.
fn subjects(rules: impl Iterator<Item = (Protocol, Ports)>) -> Vec<Subject> {
    let mut fields = BTreeSet::new();
    for (protocol, ports) in rules {
        let numbers = match protocol {
            Protocol::All => vec![0, 1, 6, 17, 58, 255],
            Protocol::Number(number) => vec![number.wrapping_sub(1), number, number.wrapping_add(1)],
        };
        let details: Vec<Detail> = match ports {
            Ports::Any => vec![(None, None), (Some(0), None), (Some(65_535), None), (None, Some((8, 0)))],
            Ports::Range(PortRange { from, to }) => {
                near([from, to]).map(|port| (Some(port), None)).chain([(None, None)]).collect()
            }
            Ports::Icmp(IcmpTypeCode { kind, code }) => {
                let around = |at: Option<u8>| near([at.unwrap_or(9).into()]).map(|at| at as u8);
                let pairs = around(kind).flat_map(|kind| around(code).map(move |code| (None, Some((kind, code)))));
                pairs.chain([(None, None)]).collect()
            }
        };
        fields.extend(numbers.iter().flat_map(|number| details.iter().map(move |detail| (*number, *detail))));
    }
    fields.into_iter().map(|(protocol, (port, icmp))| Subject { protocol, port, icmp }).collect()
}

/// Addresses at both ends of blocks, and next to them.
fn peers<'a>(nets: impl Iterator<Item = &'a IpNet>) -> Vec<IpAddr> {
    let near = |address: IpAddr| -> [IpAddr; 3] {
        match address {
            IpAddr::V4(v4) => [u32::MAX, 0, 1].map(|by| IpAddr::V4(v4.to_bits().wrapping_add(by).into())),
            IpAddr::V6(v6) => [u128::MAX, 0, 1].map(|by| IpAddr::V6(v6.to_bits().wrapping_add(by).into())),
        }
    };
    let strangers = ["192.0.2.9", "2001:db8:ffff::9"].map(|text| text.parse().unwrap());
    let ends = nets.flat_map(|net| [net.network(), net.broadcast()]).flat_map(near);
    ends.chain(strangers).collect::<BTreeSet<_>>().into_iter().collect()
}

fn nets(peer: &RulePeer) -> &[IpNet] {
    match peer {
        RulePeer::Net(net) => std::slice::from_ref(net),
        RulePeer::List(nets) => nets,
        RulePeer::Group(_) => &[],
    }
}

/// Packets that a rule is about or nearly, for each rule, and the fields of several rules mixed: all there are, or as many of
/// them as a test has time for.
fn pairs<'a>(rules: impl Iterator<Item = (Protocol, Ports, &'a [IpNet])> + Clone) -> Vec<(Subject, IpAddr)> {
    const MOST_PAIRS: usize = 4000;
    let product = |subjects: &[Subject], peers: &[IpAddr], most: usize| -> Vec<_> {
        let all = subjects.len() * peers.len();
        // By the golden ratio, which meets neither rows nor columns.
        let some = (1..=most as u64).map(|n| (n.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 32) as usize % all);
        let chosen: Vec<_> = if all > most { some.collect() } else { (0..all).collect() };
        chosen.into_iter().map(|at| (subjects[at / peers.len()], peers[at % peers.len()])).collect()
    };
    let each = MOST_PAIRS / rules.clone().count().max(1) + 7;
    let aimed = rules.clone().flat_map(|(protocol, ports, nets)| {
        product(&subjects([(protocol, ports)].into_iter()), &peers(nets.iter()), each)
    });
    let mixed = subjects(rules.clone().map(|(protocol, ports, _)| (protocol, ports)));
    let mixed = product(&mixed, &peers(rules.flat_map(|(.., nets)| nets)), MOST_PAIRS);
    aimed.chain(mixed).collect()
}

/// Compares, and counts how many were allowed.
fn compare_acl(rules: Vec<AclRule>) -> Result<(usize, usize), TestCaseError> {
    let compiled = AclRules::new(rules.clone());
    let (mut allowed, mut asked) = (0, 0);
    let fields = rules.iter().map(|rule| (rule.protocol, rule.ports, std::slice::from_ref(&rule.net)));
    for (subject, peer) in pairs(fields) {
        let expected = linear::acl(&rules, subject, peer);
        prop_assert_eq!(compiled.judge(subject, peer), expected, "{:?} {}", subject, peer);
        allowed += usize::from(expected.allowed);
        asked += 1;
    }
    Ok((allowed, asked))
}

fn compare_groups(groups: Vec<Vec<GroupRule>>, identity: &PeerMatch) -> Result<(usize, usize), TestCaseError> {
    let tables: Vec<_> = groups.iter().map(|rules| Arc::new(GroupTable::new(rules.clone()))).collect();
    let compiled = GroupRules::new(tables);
    let entries = groups.iter().flatten().map(|rule| &rule.entry);
    let (mut allowed, mut asked) = (0, 0);
    for (subject, peer) in pairs(entries.map(|entry| (entry.protocol, entry.ports, nets(&entry.peer)))) {
        let expected = linear::groups(&groups, subject, peer, identity);
        prop_assert_eq!(compiled.judge(subject, peer, identity), expected, "{:?} {}", subject, peer);
        allowed += usize::from(matches!(expected, GroupVerdict::Allowed { .. }));
        asked += 1;
    }
    Ok((allowed, asked))
}

fn identity() -> impl Strategy<Value = PeerMatch> {
    let groups = proptest::collection::vec(group(), 0..4).prop_map(SmallVec::from_vec);
    (groups, any::<bool>()).prop_map(|(groups, preserved)| PeerMatch { groups, preserved })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, ..ProptestConfig::default() })]

    #[test]
    fn small_network_acls(rules in acl(8)) {
        compare_acl(rules)?;
    }

    #[test]
    fn small_security_groups(groups in proptest::collection::vec(proptest::collection::vec(entry(), 0..7), 0..4), identity in identity()) {
        compare_groups(named(groups), &identity)?;
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 30, ..ProptestConfig::default() })]

    /// Of more than one word of bits.
    #[test]
    fn large_network_acls(rules in acl(300)) {
        compare_acl(rules)?;
    }

    /// Rare matches far behind in the table.
    #[test]
    fn large_security_groups(groups in proptest::collection::vec(proptest::collection::vec(entry(), 50..200), 1..3), identity in identity()) {
        let narrow = |entry: &Entry| nets(&entry.peer).iter().all(|net| net.prefix_len() > 8) && entry.protocol != Protocol::All;
        let groups = groups.into_iter().map(|entries| entries.into_iter().filter(narrow).collect()).collect();
        compare_groups(named(groups), &identity)?;
    }
}

/// Two to three parts of a table: what is in one of them only, and what is in several.
#[test]
fn tables_of_several_parts() {
    let block = |at: usize| format!("10.{}.{}.0/24", at / 256, at % 256).parse().unwrap();
    let tcp = |port: usize| (Protocol::TCP, Ports::Range(PortRange { from: port as u16, to: port as u16 + 1 }));
    for count in [MOST - 1, MOST, MOST + 1, 2 * MOST, 2 * MOST + 700] {
        let mut rules: Vec<_> = (0..count)
            .map(|at| {
                let (protocol, ports) = tcp(at % 1500);
                AclRule { number: at as u16, action: AclAction::Allow, protocol, ports, net: block(at % 1100) }
            })
            .collect();
        rules[0] = AclRule { action: AclAction::Deny, net: block(1099), ..rules[0].clone() };
        let (allowed, asked) = compare_acl(rules).unwrap_or_else(|wrong| panic!("{wrong}"));
        assert!(allowed > 0 && allowed < asked, "{count}: {allowed} of {asked}");
        let entries = (0..count).map(|at| {
            let (protocol, ports) = tcp(at % 1500);
            let peer = match at % 3 {
                0 => RulePeer::Net(if at % 1031 == 0 { "0.0.0.0/0".parse().unwrap() } else { block(at % 1100) }),
                1 => RulePeer::List([block(at), block(at + 7), block(5)].into()),
                _ => RulePeer::Group(GroupIx(at as u32 % 400)),
            };
            Entry { protocol, ports, peer }
        });
        let groups = named(vec![entries.collect()]);
        for preserved in [false, true] {
            let identity = PeerMatch { groups: SmallVec::from_slice(&[GroupIx(2), GroupIx(399)]), preserved };
            let (allowed, asked) = compare_groups(groups.clone(), &identity).unwrap_or_else(|wrong| panic!("{wrong}"));
            assert!(allowed > 0 && allowed < asked, "{count}: {allowed} of {asked}");
        }
    }
}

/// A prefix list with as many entries as it may have by default, next to rules of all kinds.
#[test]
fn a_prefix_list_of_a_thousand_entries() {
    let v4 = (0..1000u32).map(|at| IpNet::new(IpAddr::V4((0x1400_0000 + at * 512).into()), 24).unwrap());
    let v6 = (0..1000u128).map(|at| IpNet::new(IpAddr::V6((0x2001_0db8_u128 << 96 | at << 81).into()), 48).unwrap());
    let list: Arc<[IpNet]> = v4.chain(v6).collect();
    let range = |from, to| Ports::Range(PortRange { from, to });
    let of = |ports, peer| Entry { protocol: Protocol::TCP, ports, peer };
    let groups = named(vec![vec![
        of(range(80, 90), RulePeer::Net("20.0.0.0/16".parse().unwrap())),
        of(range(85, 443), RulePeer::List(Arc::clone(&list))),
        of(range(443, 443), RulePeer::Group(GroupIx(1))),
    ]]);
    let identity = PeerMatch { groups: SmallVec::from_slice(&[GroupIx(1)]), preserved: false };
    let tables: Vec<_> = groups.iter().map(|rules| Arc::new(GroupTable::new(rules.clone()))).collect();
    let compiled = GroupRules::new(tables);
    for port in near([80, 85, 90, 443]) {
        let subject = Subject { protocol: 6, port: Some(port), icmp: None };
        for peer in peers(list.iter()) {
            let expected = linear::groups(&groups, subject, peer, &identity);
            assert_eq!(compiled.judge(subject, peer, &identity), expected, "{port} {peer}");
        }
    }
}
