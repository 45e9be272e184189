//! Networks changed at random: a little, or only in how they are written.

use ipnet::IpNet;
use vpcemu_model::{
    AclAction, AclEntry, Destination, IcmpTypeCode, InterfaceKind, Network, Peer, PortRange, Ports, Protocol,
    SecurityGroupRule, Target,
};
use vpcemu_tests::Dice;

/// Changes one thing, and says what. Tries until something is different.
pub(crate) fn one(network: &mut Network, dice: &mut Dice) -> String {
    let before = network.clone();
    for _ in 0..100 {
        let what = match dice.roll(10) {
            0..=3 => group_rule(network, dice),
            4..=6 => acl_entry(network, dice),
            7 | 8 => route(network, dice),
            _ => association(network, dice),
        };
        if *network != before {
            return what.unwrap_or_default();
        }
    }
    panic!("there is nothing to change")
}

fn group_rule(network: &mut Network, dice: &mut Dice) -> Option<String> {
    let groups: Vec<_> = network.security_groups.iter().map(|group| group.id.clone()).collect();
    let at = dice.roll(network.security_groups.len() as u64) as usize;
    let group = &mut network.security_groups[at];
    let rules = if dice.chance(60) { &mut group.ingress } else { &mut group.egress };
    if rules.is_empty() {
        return None;
    }
    let index = dice.roll(rules.len() as u64) as usize;
    let was = format!("{:?}", rules[index]);
    match dice.roll(5) {
        0 => drop(rules.remove(index)),
        1 => rules.swap(index, 0),
        2 => {
            let rule = &mut rules[index];
            (rule.protocol, rule.ports) = traffic(rule.protocol, rule.ports, dice);
        }
        _ => {
            let rule = &mut rules[index];
            rule.peer = match &rule.peer {
                Peer::Cidr(net) => Peer::Cidr(block(*net, dice)),
                _ => Peer::SecurityGroup(dice.pick(&groups).clone()),
            };
        }
    }
    Some(format!("of {}, {was}: now {:?}", group.id, rules.get(index)))
}

fn acl_entry(network: &mut Network, dice: &mut Dice) -> Option<String> {
    let at = dice.roll(network.network_acls.len() as u64) as usize;
    let acl = &mut network.network_acls[at];
    let entries = if dice.chance(50) { &mut acl.ingress } else { &mut acl.egress };
    if entries.is_empty() {
        return None;
    }
    let index = dice.roll(entries.len() as u64) as usize;
    let was = format!("{:?}", entries[index]);
    match dice.roll(5) {
        0 => drop(entries.remove(index)),
        1 => {
            let other = dice.roll(entries.len() as u64) as usize;
            let (ours, theirs) = (entries[index].number, entries[other].number);
            (entries[index].number, entries[other].number) = (theirs, ours);
        }
        2 => {
            let entry = &mut entries[index];
            entry.action = if entry.action == AclAction::Allow { AclAction::Deny } else { AclAction::Allow };
        }
        3 => {
            let entry = &mut entries[index];
            (entry.protocol, entry.ports) = traffic(entry.protocol, entry.ports, dice);
        }
        _ => entries[index].cidr = block(entries[index].cidr, dice),
    }
    Some(format!("of {}, {was}: now {:?}", acl.id, entries.get(index)))
}

fn route(network: &mut Network, dice: &mut Dice) -> Option<String> {
    let at = dice.roll(network.route_tables.len() as u64) as usize;
    let vpc = network.route_tables[at].vpc.clone();
    let targets: Vec<_> =
        network.route_tables.iter().filter(|table| table.vpc == vpc).flat_map(|it| &it.routes).collect();
    let targets: Vec<_> = targets.iter().map(|route| route.target.clone()).filter(|it| *it != Target::Local).collect();
    let table = &mut network.route_tables[at];
    let written: Vec<_> = (0..table.routes.len()).filter(|&at| table.routes[at].target != Target::Local).collect();
    if written.is_empty() {
        return None;
    }
    let index = *dice.pick(&written);
    let was = format!("{:?}", table.routes[index]);
    match dice.roll(4) {
        0 => drop(table.routes.remove(index)),
        1 => table.routes.swap(index, written[0]),
        2 => table.routes[index].target = dice.pick(&targets).clone(),
        _ => {
            if let Destination::Cidr(net) = table.routes[index].destination {
                let other = Destination::Cidr(block(net, dice));
                if table.routes.iter().all(|route| route.destination != other) {
                    table.routes[index].destination = other;
                }
            }
        }
    }
    Some(format!("of {}, {was}: now {:?}", table.id, table.routes.get(index)))
}

/// Which table, network ACL, group or public address somebody has.
fn association(network: &mut Network, dice: &mut Dice) -> Option<String> {
    let subnet = dice.roll(network.subnets.len() as u64) as usize;
    let vpc = network.subnets[subnet].vpc.clone();
    match dice.roll(4) {
        3 => {
            let addresses = network.interfaces.iter_mut().filter(|it| it.kind == InterfaceKind::Interface);
            let mut public: Vec<_> =
                addresses.flat_map(|it| &mut it.ipv4).map(|pair| &mut pair.public).filter(|it| it.is_some()).collect();
            if public.is_empty() {
                return None;
            }
            let index = dice.roll(public.len() as u64) as usize;
            *public[index] = dice.chance(50).then(|| std::net::Ipv4Addr::new(203, 0, 113, 250));
            return Some("a public address".to_owned());
        }
        0 => {
            let tables: Vec<_> =
                network.route_tables.iter().filter(|it| it.vpc == vpc).map(|it| it.id.clone()).collect();
            network.subnets[subnet].route_table = dice.pick(&tables).clone();
        }
        1 => {
            let acls: Vec<_> = network.network_acls.iter().filter(|it| it.vpc == vpc).map(|it| it.id.clone()).collect();
            network.subnets[subnet].network_acl = dice.pick(&acls).clone();
        }
        _ => {
            let groups: Vec<_> =
                network.security_groups.iter().filter(|it| it.vpc == vpc).map(|it| it.id.clone()).collect();
            let of_vpc = network.subnets.iter().filter(|it| it.vpc == vpc).map(|it| it.id.clone()).collect::<Vec<_>>();
            let mut own: Vec<_> = network.interfaces.iter_mut().filter(|it| of_vpc.contains(&it.subnet)).collect();
            own.retain(|it| !it.security_groups.is_empty());
            if own.is_empty() {
                return None;
            }
            let index = dice.roll(own.len() as u64) as usize;
            own[index].security_groups = vec![dice.pick(&groups).clone()];
        }
    }
    Some(format!("an association in {vpc}"))
}

/// Other traffic: a boundary moved by one or far, another protocol.
fn traffic(protocol: Protocol, ports: Ports, dice: &mut Dice) -> (Protocol, Ports) {
    let range = |from, to| Ports::Range(PortRange { from, to });
    let near = |port: u16, dice: &mut Dice| match dice.roll(4) {
        0 => port.saturating_add(1),
        1 => port.saturating_sub(1),
        2 => port / 2,
        _ => port.saturating_mul(2),
    };
    match (ports, dice.roll(4)) {
        (Ports::Range(PortRange { from, to }), 0) => (protocol, range(near(from, dice).min(to), to)),
        (Ports::Range(PortRange { from, to }), 1) => (protocol, range(from, near(to, dice).max(from))),
        (Ports::Range(_), 2) => (protocol, Ports::Any),
        _ => *dice.pick(&[
            (Protocol::All, Ports::Any),
            (Protocol::TCP, range(443, 443)),
            (Protocol::TCP, range(1024, 65535)),
            (Protocol::UDP, range(0, 1023)),
            (Protocol::UDP, Ports::Any),
            (Protocol::ICMP, Ports::Icmp(IcmpTypeCode { kind: Some(8), code: None })),
            (Protocol::ICMP, Ports::Icmp(IcmpTypeCode { kind: Some(3), code: Some(4) })),
            (Protocol::ICMPV6, Ports::Any),
            (Protocol::Number(47), Ports::Any),
        ]),
    }
}

/// A block that is twice or half as large, or far larger, or the one next to it.
fn block(net: IpNet, dice: &mut Dice) -> IpNet {
    let length = net.prefix_len();
    let resized =
        |length: u8| IpNet::new(net.network(), length.min(net.max_prefix_len())).map_or(net, |net| net.trunc());
    match dice.roll(5) {
        0 => resized(length.saturating_sub(1)),
        1 => resized(length + 1),
        2 => resized(length / 2),
        3 => resized(length + 4),
        _ if length > 0 => {
            let halves = net.supernet().and_then(|parent| parent.subnets(length).ok());
            halves.and_then(|mut halves| halves.find(|it| *it != net.trunc())).unwrap_or(net)
        }
        _ => net,
    }
}

/// Writes the same in another way: rules in another order and split, entries with other numbers.
pub(crate) fn rewrite(network: &mut Network, dice: &mut Dice) {
    for group in &mut network.security_groups {
        for rules in [&mut group.ingress, &mut group.egress] {
            *rules = rules.iter().rev().flat_map(|rule| halves(rule, dice)).collect();
        }
    }
    for acl in &mut network.network_acls {
        for entries in [&mut acl.ingress, &mut acl.egress] {
            entries.sort_by_key(|entry| entry.number);
            let split: Vec<_> = entries.iter().flat_map(split).collect();
            *entries = split;
            for (entry, number) in entries.iter_mut().zip((7..).step_by(3)) {
                entry.number = number;
            }
            entries.reverse();
        }
    }
    for table in &mut network.route_tables {
        table.routes.reverse();
    }
}

fn halves(rule: &SecurityGroupRule, dice: &mut Dice) -> Vec<SecurityGroupRule> {
    let Peer::Cidr(net) = rule.peer else { return vec![rule.clone()] };
    // A rule for everybody is more than its halves: what such rules let pass both ways is not tracked (6.15).
    match net.subnets(net.prefix_len() + 1) {
        Ok(parts) if net.prefix_len() > 0 && dice.chance(50) => {
            parts.map(|part| SecurityGroupRule { peer: Peer::Cidr(part), ..rule.clone() }).collect()
        }
        _ => vec![rule.clone()],
    }
}

fn split(entry: &AclEntry) -> Vec<AclEntry> {
    match entry.cidr.subnets(entry.cidr.prefix_len() + 1) {
        Ok(parts) => parts.map(|cidr| AclEntry { cidr, ..entry.clone() }).collect(),
        Err(_) => vec![entry.clone()],
    }
}
