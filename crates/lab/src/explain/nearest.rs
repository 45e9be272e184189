//! The rule that was nearest to matching, and in what it differs.

use std::net::IpAddr;

use ipnet::IpNet;
use vpcemu_dataplane::outcome::Direction;
use vpcemu_model::{AclAction, IcmpTypeCode, Id, NetworkInterface, Peer, Ports, Protocol, SecurityGroupRule};
use vpcemu_packet::FlowKey;

use super::denied::Nearest;
use super::rules::{describe_entry, group_name, place, with_name};
use super::{Explainer, protocol};

/// How far a field that differs puts a rule away: a rule for another port of the same protocol is nearer than one for another
/// peer, and that is nearer than one for another protocol.
const PORT: u32 = 1;
const PEER: u32 = 2;
const PROTOCOL: u32 = 4;
/// No block of the other IP version can be widened to hold an address.
const FAMILY: u32 = 8;

/// In what a rule differs from a packet.
#[derive(Default)]
struct Difference {
    distance: u32,
    /// Between the ports, of rules that are as near otherwise.
    gap: u16,
    fields: Vec<String>,
}

impl Difference {
    fn order(&self) -> (u32, u16) {
        (self.distance, self.gap)
    }

    /// The peer is in none of these blocks.
    fn note_outside(&mut self, direction: Direction, peer: IpAddr, blocks: &[IpNet]) {
        let family = blocks.iter().any(|net| net.addr().is_ipv4() == peer.is_ipv4());
        self.note(if family { PEER } else { PEER + FAMILY }, outside(direction, peer, blocks));
    }

    fn note(&mut self, distance: u32, field: String) {
        self.distance += distance;
        self.fields.push(field);
    }
}

impl Explainer<'_> {
    /// The nearest rule of the groups of an interface. `lost` is whether what denied was that a member could not be told.
    pub(super) fn nearest_group_rule(
        &self,
        interface: &NetworkInterface,
        direction: Direction,
        key: &FlowKey,
        lost: bool,
    ) -> Option<Nearest> {
        let groups = self.network.security_groups.iter().filter(|group| interface.security_groups.contains(&group.id));
        let rules = groups.flat_map(|group| {
            let rules = match direction {
                Direction::Ingress => &group.ingress,
                Direction::Egress => &group.egress,
            };
            rules.iter().map(move |rule| (group, rule))
        });
        let judged = rules.map(|(group, rule)| (self.group_difference(rule, direction, key, lost), group, rule));
        let (difference, group, rule) = judged.min_by_key(|(difference, ..)| difference.order())?;
        Some(Nearest {
            rule: rule.id.to_string(),
            text: self.describe_group_rule(direction, rule),
            group: Some(group_name(group)),
            differs: difference.fields,
            origin: place(&rule.origin),
        })
    }

    /// The nearest entry of a network ACL that lets something pass.
    pub(super) fn nearest_entry(&self, acl: &Id, direction: Direction, key: &FlowKey) -> Option<Nearest> {
        let entries = self.entries(acl, direction).filter(|entry| entry.action == AclAction::Allow);
        let judged = entries.map(|entry| {
            let mut difference = transport(entry.protocol, entry.ports, key);
            let peer = peer_of(direction, key);
            if !entry.cidr.contains(&peer) {
                difference.note_outside(direction, peer, &[entry.cidr]);
            }
            (difference, entry)
        });
        let (difference, entry) = judged.min_by_key(|(difference, _)| difference.order())?;
        Some(Nearest {
            rule: entry.number.to_string(),
            text: describe_entry(direction, entry),
            group: None,
            differs: difference.fields,
            origin: place(&entry.origin),
        })
    }

    fn group_difference(
        &self,
        rule: &SecurityGroupRule,
        direction: Direction,
        key: &FlowKey,
        lost: bool,
    ) -> Difference {
        let mut difference = transport(rule.protocol, rule.ports, key);
        let peer = peer_of(direction, key);
        match &rule.peer {
            Peer::Cidr(net) if !net.contains(&peer) => difference.note_outside(direction, peer, &[*net]),
            Peer::PrefixList(list) => {
                let blocks = self.blocks(list);
                if !blocks.iter().any(|net| net.contains(&peer)) {
                    difference.note_outside(direction, peer, blocks);
                }
            }
            Peer::SecurityGroup(id) => {
                let members: Vec<_> =
                    self.network.interfaces.iter().filter(|it| it.security_groups.contains(id)).collect();
                let is_member = members.iter().any(|member| member.addresses().any(|own| own == peer));
                let (end, group) = (end_of(direction), self.group_text(id));
                match (is_member, lost) {
                    (true, true) => difference.note(
                        PEER,
                        format!("{end} {peer} is a member of {group}, but its identity was lost on the way"),
                    ),
                    (true, false) => {}
                    (false, _) => difference
                        .note(PEER, format!("{end} {peer} is no member of {group}, which has {}", list_of(&members))),
                }
            }
            Peer::Cidr(_) => {}
        }
        difference
    }

    fn group_text(&self, id: &Id) -> String {
        let group = self.network.security_groups.iter().find(|group| group.id == *id);
        with_name(id, group.and_then(|group| group.name.as_deref()))
    }
}

/// Members of a group that are named; the rest is counted.
const MEMBERS: usize = 4;
/// Likewise the blocks of a prefix list.
const BLOCKS: usize = 4;

fn list_of(members: &[&NetworkInterface]) -> String {
    if members.is_empty() {
        return "no members".to_owned();
    }
    let text = |member: &&NetworkInterface| {
        let addresses: Vec<_> = member.addresses().map(|address| address.to_string()).collect();
        format!("{} {}", with_name(&member.id, member.name.as_deref()), addresses.join(" "))
    };
    let rest = members.len().saturating_sub(MEMBERS);
    let named: Vec<_> = members.iter().take(MEMBERS).map(text).collect();
    let more = if rest > 0 { format!(" and {rest} more") } else { String::new() };
    format!("{}{more}", named.join(", "))
}

fn peer_of(direction: Direction, key: &FlowKey) -> IpAddr {
    match direction {
        Direction::Ingress => key.src,
        Direction::Egress => key.dst,
    }
}

fn end_of(direction: Direction) -> &'static str {
    match direction {
        Direction::Ingress => "source",
        Direction::Egress => "destination",
    }
}

fn outside(direction: Direction, peer: IpAddr, blocks: &[IpNet]) -> String {
    let mut named: Vec<_> = blocks.iter().take(BLOCKS).map(ToString::to_string).collect();
    if blocks.len() > BLOCKS {
        named.push(format!("{} more", blocks.len() - BLOCKS));
    }
    let blocks = if named.is_empty() { "an empty list".to_owned() } else { named.join(", ") };
    format!("{} {peer} is not in {blocks}", end_of(direction))
}

/// In what protocol and ports of a rule differ.
fn transport(of: Protocol, ports: Ports, key: &FlowKey) -> Difference {
    let mut difference = Difference::default();
    let Protocol::Number(number) = of else { return difference };
    if number != key.protocol {
        difference.note(PROTOCOL, format!("protocol {} is not {of}", protocol(key.protocol)));
        return difference;
    }
    match ports {
        Ports::Range(range) if matches!(number, 6 | 17) && !range.contains(key.dst_port) => {
            let not = if range.from == range.to { "not" } else { "not in" };
            difference.gap = range.from.abs_diff(key.dst_port).min(range.to.abs_diff(key.dst_port));
            difference.note(PORT, format!("port {} is {not} {ports}", key.dst_port));
        }
        Ports::Icmp(IcmpTypeCode { kind: Some(kind), .. }) if kind != key.icmp_type => {
            difference.note(PORT, format!("type {} is not {kind}", key.icmp_type));
        }
        Ports::Icmp(IcmpTypeCode { kind: Some(_), code: Some(code) }) if key.is_query() && code != 0 => {
            // Queries and their answers have no other code (RFC 792, RFC 4443 4).
            difference.note(PORT, format!("code 0 is not {code}"));
        }
        Ports::Any | Ports::Range(_) | Ports::Icmp(_) => {}
    }
    difference
}
