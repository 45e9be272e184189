//! What all printed forms have in common.

use std::collections::HashSet;

use vpcemu_model::{Id, Network, Peer, Ports, Protocol, SecurityGroup, SecurityGroupRule};

use super::Tightened;

/// What is true of the rules, as comments: the traffic that they are made from, and how far they were proved.
pub(super) fn heading(tightened: &Tightened) -> String {
    let Tightened { window, differing, difference, minimal, .. } = tightened;
    let (first, last) = (window.first.as_deref().unwrap_or("?"), window.last.as_deref().unwrap_or("?"));
    let mut lines = vec![
        format!("The tightest rules that admit what {} packets from {first} to {last} needed:", window.packets),
        "what was not seen in that time is not admitted.".to_owned(),
    ];
    match (differing, difference) {
        (0, _) => lines.push("Replayed through them, every packet has the verdict that it had.".to_owned()),
        (_, Some((n, before, now))) => lines.push(format!(
            "NOT THE SAME: {differing} packets have another verdict; packet {n} had \"{before}\", now \"{now}\"."
        )),
        (_, None) => lines.push(format!("NOT THE SAME: {differing} packets have another verdict.")),
    }
    match (differing, minimal) {
        (0, true) => lines.push("Without any one of them some verdict changes: each was tried.".to_owned()),
        (0, false) => lines.push("Not every rule was tried: some may be left out and no verdict changes.".to_owned()),
        _ => lines.push("Which of them could be left out was not tried.".to_owned()),
    }
    for Large { group, what, rules } in large(&tightened.network) {
        let least =
            if rules > MOST { format!("and {MOST} is the most") } else { format!("above the default of {USUAL}") };
        lines.push(format!("{group} has {rules} {what} rules, {least} that AWS's quota lets it have."));
    }
    lines.iter().map(|line| format!("# {line}\n")).collect()
}

/// Rules of a group per direction and family, by AWS's default quota and at most (section 13).
const USUAL: usize = 60;
const MOST: usize = 1000;

/// A group with more rules of a direction and family than the default quota.
struct Large<'a> {
    group: &'a Id,
    what: &'static str,
    rules: usize,
}

fn large(network: &Network) -> Vec<Large<'_>> {
    let mut found = Vec::new();
    for group in &network.security_groups {
        for (rules, v4, v6) in
            [(&group.ingress, "inbound IPv4", "inbound IPv6"), (&group.egress, "outbound IPv4", "outbound IPv6")]
        {
            // A reference counts for both.
            let of = |v6| {
                rules.iter().filter(|rule| !matches!(&rule.peer, Peer::Cidr(net) if net.addr().is_ipv6() != v6)).count()
            };
            let both = [(v4, of(false)), (v6, of(true))].map(|(what, rules)| Large { group: &group.id, what, rules });
            found.extend(both.into_iter().filter(|large| large.rules > USUAL));
        }
    }
    found
}

impl Tightened {
    /// Why no configuration can have these rules, if they are more than AWS lets a group have.
    pub fn too_many(&self) -> Option<String> {
        let large = large(&self.network).into_iter().find(|large| large.rules > MOST)?;
        let Large { group, what, rules } = large;
        Some(format!(
            "the tightest set has {rules} {what} rules in {group}, and {MOST} is the most that a group can have"
        ))
    }
}

/// One direction of a group: what it has now, and what it is to have.
pub(super) struct Change<'a> {
    pub(super) group: &'a SecurityGroup,
    pub(super) outbound: bool,
    /// The rules that go.
    pub(super) gone: Vec<&'a SecurityGroupRule>,
    /// The rules that are new.
    pub(super) new: Vec<&'a SecurityGroupRule>,
    /// All that it is to have.
    pub(super) all: &'a [SecurityGroupRule],
}

/// Every group and direction, as it was and as it is to be.
pub(super) fn changes<'a>(network: &'a Network, tight: &'a Network) -> Vec<Change<'a>> {
    let mut changes = Vec::new();
    for (group, tight) in network.security_groups.iter().zip(&tight.security_groups) {
        for (outbound, old, new) in [(false, &group.ingress, &tight.ingress), (true, &group.egress, &tight.egress)] {
            let has: HashSet<_> = old.iter().map(content).collect();
            let wants: HashSet<_> = new.iter().map(content).collect();
            changes.push(Change {
                group,
                outbound,
                gone: old.iter().filter(|rule| !wants.contains(&content(rule))).collect(),
                new: new.iter().filter(|rule| !has.contains(&content(rule))).collect(),
                all: new,
            });
        }
    }
    changes
}

fn content(rule: &SecurityGroupRule) -> (Protocol, Ports, &Peer) {
    (rule.protocol, rule.ports, &rule.peer)
}

/// `FromPort` and `ToPort` of AWS: ports, or ICMP type and code; -1 is any (6.5). None where the protocol has neither.
pub(super) fn bounds(rule: &SecurityGroupRule) -> Option<(i32, i32)> {
    match (rule.protocol, rule.ports) {
        (Protocol::TCP | Protocol::UDP, Ports::Range(range)) => Some((range.from.into(), range.to.into())),
        (Protocol::TCP | Protocol::UDP, _) => Some((0, 65535)),
        (Protocol::ICMP | Protocol::ICMPV6, Ports::Icmp(of)) => {
            Some((of.kind.map_or(-1, i32::from), of.code.map_or(-1, i32::from)))
        }
        (Protocol::ICMP | Protocol::ICMPV6, _) => Some((-1, -1)),
        _ => None,
    }
}

/// The protocol as AWS writes it.
pub(super) fn protocol(rule: &SecurityGroupRule) -> String {
    match rule.protocol {
        Protocol::All => "-1".to_owned(),
        other => other.to_string(),
    }
}

/// Whether an id is that of a resource in AWS, and not a name of a native file: `sgr-` or `sg-` and hexadecimal digits.
pub(super) fn is_real(id: &Id, prefix: &str) -> bool {
    let digits = id.as_str().strip_prefix(prefix);
    digits.is_some_and(|digits| matches!(digits.len(), 8 | 17) && digits.bytes().all(|byte| byte.is_ascii_hexdigit()))
}
