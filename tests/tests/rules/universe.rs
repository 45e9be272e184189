//! The rules that are tried: all of a small universe one by one, and random sets of them.

use proptest::prelude::*;

use super::{Block, Peer, Rule, Wanted};

/// A rule that allows.
pub(crate) fn rule(transport: Wanted, peer: Peer) -> Rule {
    Rule { number: 100, allow: true, transport, peer }
}

/// Every kind of transport.
pub(crate) fn transports() -> Vec<Wanted> {
    let any = Wanted::ANYTHING;
    let mut transports = vec![any];
    for protocol in [6, 17] {
        let ports = [(0, 0), (0, 1023), (0, 65_535), (1, 65_535), (0, 65_534), (80, 80), (80, 90), (65_535, 65_535)];
        let ports = ports.into_iter().map(Some).chain([None]);
        transports.extend(ports.map(|ports| Wanted { protocol: Some(protocol), ports, ..any }));
    }
    // Errors, queries, neither, and the ends of the numbers.
    for (protocol, kinds) in [(1, [0, 3, 8, 9, 255]), (58, [0, 2, 128, 200, 255])] {
        let of = Wanted { protocol: Some(protocol), ..any };
        transports.push(of);
        transports.push(Wanted { code: Some(4), ..of });
        for kind in kinds {
            transports.push(Wanted { kind: Some(kind), ..of });
            transports.extend([0, 4, 255].map(|code| Wanted { kind: Some(kind), code: Some(code), ..of }));
        }
    }
    // Without ports that anybody looks at.
    transports.extend([2, 47, 132, 255].map(|protocol| Wanted { protocol: Some(protocol), ..any }));
    transports
}

/// Blocks of every kind of length, some inside others.
pub(crate) fn blocks() -> Vec<Block> {
    [
        "0.0.0.0/0",
        "128.0.0.0/1",
        "198.51.0.0/17",
        "198.51.100.0/24",
        "198.51.100.128/25",
        "198.51.100.128/31",
        "198.51.100.128/32",
        "::/0",
        "2000::/3",
        "2001:db8:9::/48",
        "2001:db8:9::/64",
        "2001:db8:9::80/127",
        "2001:db8:9::80/128",
    ]
    .map(Block::new)
    .to_vec()
}

fn any_transport() -> impl Strategy<Value = Wanted> {
    proptest::sample::select(transports())
}

fn any_block() -> impl Strategy<Value = Block> {
    proptest::sample::select(blocks())
}

/// Up to eight entries, each number once, in any order.
pub(crate) fn acl_rules() -> impl Strategy<Value = Vec<Rule>> {
    // The first and the last number that an entry may have (7.3), and few enough others that order matters.
    let numbers = proptest::sample::subsequence(vec![1, 2, 3, 99, 100, 101, 32_765, 32_766], 0..=8).prop_shuffle();
    numbers.prop_flat_map(|numbers| {
        numbers
            .into_iter()
            .map(|number| {
                let entry = (any_transport(), any_block(), any::<bool>());
                entry.prop_map(move |(transport, block, allow)| Rule {
                    number,
                    allow,
                    ..rule(transport, Peer::Block(block))
                })
            })
            .collect::<Vec<_>>()
    })
}

/// Up to eight rules, with every kind of peer.
pub(crate) fn group_rules() -> impl Strategy<Value = Vec<Rule>> {
    let peer = prop_oneof![
        3 => any_block().prop_map(Peer::Block),
        1 => proptest::collection::vec(any_block(), 0..4).prop_map(Peer::List),
        // The last is of no interface, and no group either (6.13).
        2 => proptest::sample::select(vec!["friend", "stranger", "gone"]).prop_map(Peer::Group),
    ];
    proptest::collection::vec((any_transport(), peer), 0..=8)
        .prop_map(|rules| rules.into_iter().map(|(transport, peer)| rule(transport, peer)).collect())
}
