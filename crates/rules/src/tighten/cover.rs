//! Openings as rules: exactly those, in as few rules as blocks and ranges allow.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use ipnet::IpNet;
use vpcemu_model::{IcmpTypeCode, Id, Origin, Peer, PortRange, Ports, Protocol, SecurityGroupRule};

use super::openings::{Opening, Seen};
use crate::probe::Detail;

/// Rules that admit these openings and nothing else. A protocol without ports is admitted as such, and so is TCP or UDP where
/// the port of a packet could not be seen.
pub(super) fn cover(openings: &BTreeSet<Opening>) -> Vec<SecurityGroupRule> {
    let mut by_group: BTreeMap<(u8, &Id), BTreeSet<Detail>> = BTreeMap::new();
    let mut by_address: BTreeMap<(u8, bool), BTreeSet<(IpAddr, Detail)>> = BTreeMap::new();
    for opening in openings {
        match &opening.peer {
            Seen::Group(group) => by_group.entry((opening.protocol, group)).or_default().insert(opening.detail),
            Seen::Address(address) => {
                by_address.entry((opening.protocol, address.is_ipv6())).or_default().insert((*address, opening.detail))
            }
        };
    }
    let mut rules = Vec::new();
    for ((protocol, group), details) in by_group {
        let peer = Peer::SecurityGroup(group.clone());
        rules.extend(ranges(protocol, &details).into_iter().map(|ports| rule(protocol, ports, peer.clone())));
    }
    for ((protocol, _), pairs) in by_address {
        // Hosts with the same ports together, or ports with the same hosts: whichever takes fewer rules.
        let hosts = rectangles(protocol, together(pairs.iter().map(|(address, detail)| (*address, *detail))));
        let turned = together(pairs.iter().map(|(address, detail)| (*detail, *address)));
        let ports = rectangles(protocol, turned.into_iter().map(|(addresses, details)| (details, addresses)));
        let fewest = if hosts.len() <= ports.len() { hosts } else { ports };
        rules.extend(fewest.into_iter().map(|(ports, net)| rule(protocol, ports, Peer::Cidr(net))));
    }
    rules
}

fn rule(protocol: u8, ports: Ports, peer: Peer) -> SecurityGroupRule {
    // The id comes with the place in the group.
    SecurityGroupRule { id: Id::new(""), protocol: Protocol::Number(protocol), ports, peer, origin: Origin::implicit() }
}

/// What has the same set of others, together: `(set of others, what has it)`.
fn together<A: Ord, B: Ord + Clone>(pairs: impl Iterator<Item = (A, B)>) -> BTreeMap<BTreeSet<B>, BTreeSet<A>> {
    let mut others: BTreeMap<A, BTreeSet<B>> = BTreeMap::new();
    for (one, other) in pairs {
        others.entry(one).or_default().insert(other);
    }
    let mut sets: BTreeMap<BTreeSet<B>, BTreeSet<A>> = BTreeMap::new();
    for (one, set) in others {
        sets.entry(set).or_default().insert(one);
    }
    sets
}

fn rectangles(
    protocol: u8,
    sets: impl IntoIterator<Item = (BTreeSet<Detail>, BTreeSet<IpAddr>)>,
) -> Vec<(Ports, IpNet)> {
    let mut found = Vec::new();
    for (details, addresses) in sets {
        let hosts: Vec<IpNet> = addresses.into_iter().map(IpNet::from).collect();
        let nets = IpNet::aggregate(&hosts);
        for ports in ranges(protocol, &details) {
            found.extend(nets.iter().map(|net| (ports, *net)));
        }
    }
    found
}

/// Ports in ranges, ICMP types and codes one by one. If any port is not known no range is right: then it is all.
fn ranges(protocol: u8, details: &BTreeSet<Detail>) -> Vec<Ports> {
    if details.contains(&Detail::None) {
        return vec![match protocol {
            1 | 58 => Ports::Icmp(IcmpTypeCode::default()),
            _ => Ports::Any,
        }];
    }
    let mut ranges: Vec<Ports> = Vec::new();
    for detail in details {
        match (*detail, ranges.last_mut()) {
            (Detail::Port(port), Some(Ports::Range(range))) if range.to.checked_add(1) == Some(port) => range.to = port,
            (Detail::Port(port), _) => ranges.push(Ports::Range(PortRange { from: port, to: port })),
            (Detail::Icmp(kind, code), _) => {
                ranges.push(Ports::Icmp(IcmpTypeCode { kind: Some(kind), code: Some(code) }));
            }
            (Detail::None, _) => {}
        }
    }
    ranges
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalog::of_group_rule;
    use vpcemu_dataplane::outcome::Direction;

    fn texts(openings: &[(u8, Detail, &str)]) -> Vec<String> {
        let openings = openings.iter().map(|(protocol, detail, peer)| {
            let peer = match peer.parse() {
                Ok(address) => Seen::Address(address),
                Err(_) => Seen::Group(Id::new(*peer)),
            };
            Opening { protocol: *protocol, detail: *detail, peer }
        });
        cover(&openings.collect()).iter().map(|rule| of_group_rule(rule, Direction::Ingress)).collect()
    }

    #[test]
    fn neighbours_become_blocks_and_ranges_and_nothing_more() {
        let port = Detail::Port;
        assert_eq!(
            texts(&[
                (6, port(80), "192.0.2.2"),
                (6, port(81), "192.0.2.2"),
                (6, port(80), "192.0.2.3"),
                (6, port(81), "192.0.2.3"),
            ]),
            ["tcp 80-81 from 192.0.2.2/31"]
        );
        // Neither is 192.0.2.1 next to .2 a block, nor are 80 and 82 a range.
        assert_eq!(
            texts(&[(6, port(80), "192.0.2.1"), (6, port(80), "192.0.2.2"), (6, port(82), "192.0.2.2")]),
            ["tcp 80 from 192.0.2.1/32", "tcp 80 from 192.0.2.2/32", "tcp 82 from 192.0.2.2/32"]
        );
        assert_eq!(
            texts(&[(17, port(53), "sg-a"), (17, port(54), "sg-a"), (17, port(53), "2001:db8::1")]),
            ["udp 53-54 from sg-a", "udp 53 from 2001:db8::1/128"]
        );
    }

    #[test]
    fn the_way_round_that_takes_fewer_rules_is_taken() {
        // A host with two ports of its own: by ports it takes three rules, by hosts four.
        let port = Detail::Port;
        let seen = [
            (6, port(80), "10.0.0.0"),
            (6, port(80), "10.0.0.1"),
            (6, port(90), "10.0.0.1"),
            (6, port(99), "10.0.0.1"),
        ];
        assert_eq!(texts(&seen).len(), 3);
    }

    #[test]
    fn messages_have_their_code_and_other_protocols_nothing() {
        assert_eq!(
            texts(&[(1, Detail::Icmp(8, 0), "10.0.0.1"), (47, Detail::None, "10.0.0.1"), (6, Detail::None, "sg-a")]),
            ["tcp from sg-a", "icmp type 8 code 0 from 10.0.0.1/32", "47 from 10.0.0.1/32"]
        );
    }
}
