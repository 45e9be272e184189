//! Up to 1,024 rules, compiled: what a packet's transport header has to do with each of them is one set, what the other side's
//! address or groups have to do with them another, and what is in both decides. Each set is found by one search, whose time
//! hardly grows with the number of rules and of entries of prefix lists.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::Arc;

use ipnet::IpNet;
use vpcemu_model::{IcmpTypeCode, Ports, Protocol};

use super::Subject;
use super::sets::{Builder, EMPTY, Sets, flip};
use crate::fabric::steps::{Axis, Steps, step};
use crate::fabric::stretches::{AddressAxis, Stretches};
use crate::index::GroupIx;

const TCP: u8 = 6;
const UDP: u8 = 17;
const ICMP: u8 = 1;
const ICMPV6: u8 = 58;

/// Protocols with ports, or types, that rules look at (6.4, 7.7).
const DETAILED: [u8; 4] = [TCP, UDP, ICMP, ICMPV6];

/// A rule, as far as it tells packets apart.
#[derive(Clone, Debug)]
pub(crate) struct Entry {
    pub(crate) protocol: Protocol,
    pub(crate) ports: Ports,
    pub(crate) peer: RulePeer,
}

/// The other side of a rule.
#[derive(Clone, Debug)]
pub(crate) enum RulePeer {
    Net(IpNet),
    /// The entries of a prefix list, which never counts as open even if it holds 0.0.0.0/0 (6.15).
    List(Arc<[IpNet]>),
    Group(GroupIx),
}

/// A set of the rules of one part.
#[derive(Clone, Copy, Debug)]
pub(super) struct Set(u32);

/// Rules that are asked in order, or all at once.
#[derive(Debug)]
pub(super) struct Part {
    steps: Steps,
    sets: Sets,
    /// The rules for a port, or a type and code as [`message`] has them, of each of [`DETAILED`].
    details: [Axis; DETAILED.len()],
    /// The rules for those whose port, or type, is not known.
    undetailed: [u32; DETAILED.len()],
    /// The rules for a protocol that is none of [`DETAILED`].
    others: Axis,
    /// The rules with a block around an address.
    peers: AddressAxis,
    /// The rules about a group, by [`GroupIx`].
    groups: Axis,
    /// The rules whose block is all of IPv4, or of IPv6; such an entry of a list does not count (6.15).
    everyone: [u32; 2],
}

impl Part {
    pub(super) fn new(entries: &[Entry]) -> Self {
        let (mut steps, mut sets) = (Steps::default(), Builder::new(entries.len()));
        let details = DETAILED.map(|protocol| {
            let asked = |entry: &Entry| details(entry, protocol);
            axis(&mut steps, &mut sets, entries, asked)
        });
        let undetailed = DETAILED.map(|protocol| {
            let asked = (0..).zip(entries).filter(|(_, entry)| takes_undetailed(entry, protocol));
            sets.of(asked.map(|(rule, _)| rule))
        });
        let others = axis(&mut steps, &mut sets, entries, |entry| match entry.protocol {
            Protocol::All => vec![(0, u8::MAX.into())],
            Protocol::Number(number) => vec![(number.into(), number.into())],
        });
        let blocks = (0..).zip(entries).flat_map(|(rule, entry)| {
            let nets = match &entry.peer {
                RulePeer::Net(net) => std::slice::from_ref(net),
                RulePeer::List(nets) => nets,
                RulePeer::Group(_) => &[],
            };
            nets.iter().map(move |net| (*net, rule))
        });
        let enter = |around, said: &[(u128, u128, usize)]| sets.with(around, said.iter().map(|(.., rule)| *rule));
        let peers = Stretches::of_blocks(EMPTY, blocks, enter).index(&mut steps);
        let mut about: BTreeMap<GroupIx, Vec<usize>> = BTreeMap::new();
        let mut everyone = [const { Vec::new() }; 2];
        for (rule, entry) in entries.iter().enumerate() {
            match &entry.peer {
                RulePeer::Group(group) => about.entry(*group).or_default().push(rule),
                RulePeer::Net(net) if net.prefix_len() == 0 => everyone[family(net.addr())].push(rule),
                RulePeer::Net(_) | RulePeer::List(_) => {}
            }
        }
        let mut of_groups = vec![(0, EMPTY)];
        for (group, rules) in about {
            step(&mut of_groups, group.0, sets.of(rules));
            if let Some(next) = group.0.checked_add(1) {
                step(&mut of_groups, next, EMPTY);
            }
        }
        let groups = steps.add(&of_groups);
        let everyone = everyone.map(|rules| sets.of(rules));
        Self { steps, sets: sets.build(), details, undetailed, others, peers, groups, everyone }
    }

    /// The rules whose protocol, ports, type and code a packet has.
    #[inline]
    pub(super) fn about(&self, subject: Subject) -> Set {
        let detail = |slot: usize, number: Option<u32>| match number {
            Some(number) => self.steps.find(self.details[slot], number),
            None => self.undetailed[slot],
        };
        let port = subject.port.map(u32::from);
        let icmp = subject.icmp.map(message);
        Set(match subject.protocol {
            TCP => detail(0, port),
            UDP => detail(1, port),
            ICMP => detail(2, icmp),
            ICMPV6 => detail(3, icmp),
            other => self.steps.find(self.others, other.into()),
        })
    }

    /// The rules with a block that `peer` is in.
    #[inline]
    pub(super) fn with(&self, peer: IpAddr) -> Set {
        Set(self.peers.find(&self.steps, peer))
    }

    /// The rules about a group.
    #[inline]
    pub(super) fn with_group(&self, group: GroupIx) -> Set {
        Set(self.steps.find(self.groups, group.0))
    }

    /// The rules that are about everyone of the family of `like`, and say so themselves.
    #[inline]
    pub(super) fn with_everyone(&self, like: IpAddr) -> Set {
        Set(self.everyone[family(like)])
    }

    /// The first rule that is in both.
    #[inline]
    pub(super) fn first(&self, one: Set, other: Set) -> Option<usize> {
        self.sets.first(one.0, other.0)
    }
}

pub(super) fn family(address: IpAddr) -> usize {
    usize::from(address.is_ipv6())
}

/// Type and code as one number, types in order.
#[inline]
fn message((kind, code): (u8, u8)) -> u32 {
    u32::from(kind) << 8 | u32::from(code)
}

/// The ports, or types and codes, of a protocol that a rule takes: ranges that are apart, from and to.
fn details(entry: &Entry, protocol: u8) -> Vec<(u32, u32)> {
    const ALL: (u32, u32) = (0, u16::MAX as u32);
    match entry.protocol {
        Protocol::Number(number) if number != protocol => return Vec::new(),
        Protocol::All => return vec![ALL],
        Protocol::Number(_) => {}
    }
    let to_message = |kind: u8, from, to| (message((kind, from)), message((kind, to)));
    match (protocol, entry.ports) {
        // What is empty is taken by nobody.
        (TCP | UDP, Ports::Range(range)) if range.from > range.to => Vec::new(),
        (TCP | UDP, Ports::Range(range)) => vec![(range.from.into(), range.to.into())],
        (ICMP | ICMPV6, Ports::Icmp(IcmpTypeCode { kind: Some(kind), code: None })) => {
            vec![to_message(kind, 0, u8::MAX)]
        }
        (ICMP | ICMPV6, Ports::Icmp(IcmpTypeCode { kind: Some(kind), code: Some(code) })) => {
            vec![to_message(kind, code, code)]
        }
        (ICMP | ICMPV6, Ports::Icmp(IcmpTypeCode { kind: None, code: Some(code) })) => {
            (0..=u8::MAX).map(|kind| to_message(kind, code, code)).collect()
        }
        // Of other protocols the ports are ignored (6.4, 7.7), and so is what is none of this one's.
        _ => vec![ALL],
    }
}

/// Whether a rule takes packets of a protocol whose port, or type and code, is not known: if it asks for none.
fn takes_undetailed(entry: &Entry, protocol: u8) -> bool {
    match (entry.protocol, entry.ports) {
        (Protocol::All, _) => true,
        (Protocol::Number(number), _) if number != protocol => false,
        (_, Ports::Range(_)) => !matches!(protocol, TCP | UDP),
        (_, Ports::Icmp(IcmpTypeCode { kind, code })) => {
            !matches!(protocol, ICMP | ICMPV6) || kind.is_none() && code.is_none()
        }
        (_, Ports::Any) => true,
    }
}

/// The rules for every number, from the ranges that each rule takes.
fn axis(steps: &mut Steps, sets: &mut Builder, entries: &[Entry], ranges: impl Fn(&Entry) -> Vec<(u32, u32)>) -> Axis {
    let taken = (0..).zip(entries).flat_map(|(rule, entry)| ranges(entry).into_iter().map(move |range| (range, rule)));
    let mut bounds: Vec<(u32, usize)> = taken.flat_map(|((from, to), rule)| [(from, rule), (to + 1, rule)]).collect();
    bounds.sort_unstable();
    let mut taking = sets.words(EMPTY);
    let mut found = vec![(0, EMPTY)];
    for same in bounds.chunk_by(|a, b| a.0 == b.0) {
        same.iter().for_each(|(_, rule)| flip(&mut taking, *rule));
        step(&mut found, same[0].0, sets.intern(taking.clone()));
    }
    steps.add(&found)
}
