//! Which probes it takes: for each pair of ends, the boundaries of the rules that packets between them may meet.

use std::collections::HashSet;
use std::net::IpAddr;

use ipnet::IpNet;

use super::Beginning;
use super::classes::{ALL, Bounds, Classes, Others, Ported};
use super::members::{Member, Middle, members, rest};
use super::space::{AddressClass, Signature, Space};
use super::tables::{Tables, Way};
use crate::pair::title;
use crate::{Pair, Which};

/// The port of clients, and the identifier of pings: as those of the laboratory.
pub(super) const CLIENT_PORT: u16 = 40_000;
/// Of those that the knob `block_smtp` looks at.
const SMTP: u16 = 25;
/// The services of a VPC, with their names.
const SERVICES: [(&str, &str); 7] = [
    ("dns", "169.254.169.253"),
    ("imds", "169.254.169.254"),
    ("ntp", "169.254.169.123"),
    ("kms", "169.254.169.250"),
    ("dns", "fd00:ec2::253"),
    ("imds", "fd00:ec2::254"),
    ("ntp", "fd00:ec2::123"),
];

/// Who sends.
#[derive(Clone, Debug)]
struct Source {
    from: Beginning,
    address: IpAddr,
    /// Its name, or that of where it sends from.
    label: String,
    /// The class of its address, if nobody in the network has it.
    class: Option<usize>,
}

/// Who is called.
#[derive(Clone, Debug)]
struct Goal {
    address: IpAddr,
    label: String,
    /// The class of the address, if nobody in the network has it.
    class: Option<usize>,
    /// Members who have it.
    owners: Vec<usize>,
    /// Whether it is translated on the way.
    public: bool,
}

/// Two ends, and what to try between them.
pub(super) struct Ends {
    pub(super) from: Beginning,
    pub(super) src: IpAddr,
    pub(super) dst: IpAddr,
    /// Who they are to people.
    pub(super) labels: (String, String),
    pub(super) classes: Classes,
}

/// Everything that probes are made from.
pub(super) struct Plan {
    pub(super) members: Vec<Member>,
    pub(super) edges: Vec<String>,
    sources: Vec<Source>,
    goals: Vec<Goal>,
    addresses: Vec<AddressClass>,
    /// Blocks that mean something wherever packets are.
    common: Signature,
    middle: Middle,
    /// Something has changed that may concern anybody.
    everything: bool,
    pub(super) others: Others,
    smtp: bool,
}

impl Plan {
    /// `edges` are what lies beyond the VPCs of either.
    pub(super) fn of(pair: &Pair, edges: Vec<String>) -> Self {
        let (old, new) = (Tables::of(pair, Which::Old), Tables::of(pair, Which::New));
        let tables = [&old, &new];
        let space = Space::of(pair);
        let members = members(pair, tables, &space);
        let mut plan = Self {
            middle: Middle::of(pair, tables, &space),
            everything: rest(&pair.old) != rest(&pair.new),
            others: Others::of(pair),
            smtp: [&pair.old, &pair.new].iter().any(|it| it.behavior.security_group.block_smtp),
            addresses: space.classes(&taken(pair)),
            common: space.common,
            members,
            edges,
            sources: Vec::new(),
            goals: Vec::new(),
        };
        plan.collect_goals(pair);
        plan.collect_sources();
        plan
    }

    /// Whether something has changed about ports that a NAT gateway chooses, which probes cannot.
    pub(super) fn leaves_ports_out(&self) -> bool {
        self.middle.changed && self.middle.splits_ports
    }

    fn collect_goals(&mut self, pair: &Pair) {
        let mut seen: HashSet<IpAddr> = HashSet::new();
        let mut goals: Vec<Goal> = Vec::new();
        for (number, member) in self.members.iter().enumerate() {
            let private = member.private.iter().map(|address| (*address, member.label.clone(), false));
            let public = member.public.iter().map(|address| (*address, format!("{} (public)", member.label), true));
            for (address, label, public) in private.chain(public) {
                if seen.insert(address) {
                    goals.push(Goal { address, label, class: None, owners: vec![number], public });
                } else if let Some(goal) = goals.iter_mut().find(|goal| goal.address == address) {
                    goal.owners.push(number);
                }
            }
        }
        for network in [&pair.old, &pair.new] {
            for nat in &network.nat_gateways {
                let name = nat.name.clone().unwrap_or_else(|| nat.id.to_string());
                for address in &nat.addresses {
                    for address in [Some(address.translated), address.public].into_iter().flatten().map(IpAddr::V4) {
                        if seen.insert(address) {
                            let label = name.clone();
                            goals.push(Goal { address, label, class: None, owners: Vec::new(), public: true });
                        }
                    }
                }
            }
        }
        for (name, address) in SERVICES {
            if let Ok(address) = address.parse() {
                let label = name.to_owned();
                goals.push(Goal { address, label, class: None, owners: Vec::new(), public: false });
            }
        }
        for (number, class) in self.addresses.iter().enumerate() {
            let (address, label) = (class.representative, String::new());
            goals.push(Goal { address, label, class: Some(number), owners: Vec::new(), public: false });
        }
        self.goals = goals;
    }

    fn collect_sources(&mut self) {
        let mut sources = Vec::new();
        for (number, member) in self.members.iter().enumerate().filter(|(_, member)| member.sends) {
            let (from, label) = (Beginning::Member(number), &member.label);
            for &address in &member.private {
                sources.push(Source { from, address, label: label.clone(), class: None });
            }
            // What is not its own: one of each version, and every class from whoever forwards.
            let mut versions = HashSet::new();
            for (class, of) in self.addresses.iter().enumerate() {
                let address = of.representative;
                if versions.insert(address.is_ipv6()) || member.forwards {
                    sources.push(Source { from, address, label: label.clone(), class: Some(class) });
                }
            }
        }
        let edges = self.edges.iter().cloned().enumerate().map(|(edge, name)| (Beginning::Edge(edge), name));
        for (from, label) in edges.chain([(Beginning::Internet, "internet".to_owned())]) {
            for (class, of) in self.addresses.iter().enumerate() {
                sources.push(Source { from, address: of.representative, label: label.clone(), class: Some(class) });
            }
        }
        self.sources = sources;
    }

    /// Calls `visit` with every two ends between which there is something to try, until it says no. Of those that are the same
    /// to all rules that packets between them may meet, it is called once. `turn` is which of how many equal shares of them.
    pub(super) fn visit(&self, (turn, turns): (u64, u64), mut visit: impl FnMut(&Ends) -> bool) {
        let mut pair = 0u64;
        let none = Signature::new();
        let mut groups = self.sources.chunk_by(|a, b| a.from == b.from && a.class.is_some() == b.class.is_some());
        groups.try_for_each(|sources| {
            let mut seen: HashSet<(Option<usize>, Signature, Option<usize>, Signature)> = HashSet::new();
            for (at, goal) in self.goals.iter().enumerate() {
                for (number, source) in sources.iter().enumerate() {
                    let Some(classes) = self.classes(source, goal) else { continue };
                    let sender = match source.from {
                        Beginning::Member(member) => &self.members[member].calls,
                        Beginning::Internet | Beginning::Edge(_) => &none,
                    };
                    let within = |class: Option<usize>| {
                        let mut within = Signature::new();
                        if let Some(class) = class.map(|class| &self.addresses[class]) {
                            let owners = goal.owners.iter().map(|&owner| &self.members[owner].called);
                            for owner in owners.chain(goal.owners.is_empty().then_some(&none)) {
                                within.extend(class.within([&self.common, sender, owner]));
                            }
                            within.extend(class.within([&self.middle.knows, &none, &none]));
                            within.sort_unstable();
                            within.dedup();
                        }
                        within
                    };
                    let (of_source, of_goal) = (within(source.class), within(goal.class));
                    let labels = (self.source_label(source, &of_source), self.goal_label(goal, &of_goal));
                    let source_key = source.class.is_none().then_some(number);
                    let goal_key = goal.class.is_none().then_some(at);
                    if !seen.insert((source_key, of_source, goal_key, of_goal)) {
                        continue;
                    }
                    pair += 1;
                    if pair % turns != turn {
                        continue;
                    }
                    let (from, src, dst) = (source.from, source.address, goal.address);
                    if !visit(&Ends { from, src, dst, labels, classes }) {
                        return None;
                    }
                }
            }
            Some(())
        });
    }

    fn source_label(&self, source: &Source, within: &Signature) -> String {
        let Some(class) = source.class.map(|class| &self.addresses[class]) else { return source.label.clone() };
        match (source.from, class.block(within)) {
            (Beginning::Member(_), block) => format!("{} as {}", source.label, rest_of(class, block)),
            (Beginning::Internet, Some(net)) if net.prefix_len() > 0 => format!("{} ({net})", source.label),
            (Beginning::Internet, _) => source.label.clone(),
            (Beginning::Edge(_), block) => format!("{} ({})", source.label, rest_of(class, block)),
        }
    }

    fn goal_label(&self, goal: &Goal, within: &Signature) -> String {
        match goal.class.map(|class| &self.addresses[class]) {
            Some(class) => rest_of(class, class.block(within)),
            None => goal.label.clone(),
        }
    }

    /// The classes of packets from one end to the other; none where both configurations are the same to them.
    fn classes(&self, source: &Source, goal: &Goal) -> Option<Classes> {
        if source.address.is_ipv6() != goal.address.is_ipv6() {
            return None;
        }
        let sender = match source.from {
            Beginning::Member(member) => Some(&self.members[member]),
            Beginning::Internet | Beginning::Edge(_) => None,
        };
        let outside = matches!(source.from, Beginning::Internet);
        // What comes from the internet goes to an address that can be called from there.
        if outside && !goal.public && (goal.owners.is_empty() || goal.address.is_ipv4() && is_private(goal.address)) {
            return None;
        }
        // What a host sends to itself never leaves it.
        if let (Beginning::Member(sender), [owner], false) = (source.from, goal.owners.as_slice(), goal.public)
            && sender == *owner
        {
            return None;
        }
        let owners = || goal.owners.iter().map(|&owner| &self.members[owner]);
        let spoofed = sender.is_some_and(|sender| !sender.private.contains(&source.address));
        let gateway = goal.public && goal.owners.is_empty();
        let checked = spoofed && !sender.is_some_and(|sender| sender.forwards);
        // One call is enough to see whether the check is on.
        let first =
            || self.addresses.iter().position(|class| class.representative.is_ipv6() == source.address.is_ipv6());
        if checked && (goal.class.is_none() || goal.class != first()) {
            return None;
        }
        let detours = self.middle.ingress_routing
            || spoofed
            || gateway
            || (sender.is_none() && !outside)
            || (sender.is_some() && goal.public)
            || sender.is_some_and(|it| it.stands().any(|stand| stand.routes.detours(goal.address)))
            || owners().any(|it| it.stands().any(|stand| stand.routes.detours(source.address)));
        let concerned = self.everything
            || sender.is_some_and(|it| it.changed)
            || owners().any(|it| it.changed)
            || (detours && self.middle.changed);
        if !concerned {
            return None;
        }
        let mut bounds = Bounds::default();
        // Of whoever may be translated on the way every rule counts.
        let seen_as = (!detours).then_some(source.address);
        for stand in sender.into_iter().flat_map(Member::stands) {
            for table in &stand.groups {
                bounds.forward(&table.bounds, Way::Out, Some(goal.address));
            }
            bounds.forward(&stand.acl.bounds, Way::Out, Some(goal.address));
            bounds.backward(&stand.acl.bounds, Way::In, Some(goal.address));
        }
        for stand in owners().flat_map(Member::stands) {
            for table in &stand.groups {
                bounds.forward(&table.bounds, Way::In, seen_as);
            }
            bounds.forward(&stand.acl.bounds, Way::In, seen_as);
            bounds.backward(&stand.acl.bounds, Way::Out, seen_as);
        }
        if detours {
            for table in &self.middle.tables {
                for way in [Way::In, Way::Out] {
                    bounds.forward(&table.bounds, way, None);
                    bounds.backward(&table.bounds, way, None);
                }
            }
        }
        if self.smtp {
            bounds.note_port(SMTP);
        }
        if checked {
            let ported = Ported { protocol: 6, to: vec![ALL], from: vec![ALL] };
            return Some(Classes { ported: vec![ported], others: Vec::new() });
        }
        Some(bounds.classes(&self.others, source.address.is_ipv6()))
    }
}

/// A block, or the rest of the world.
fn rest_of(class: &AddressClass, block: Option<IpNet>) -> String {
    let rest = if class.representative.is_ipv6() { "::/0" } else { "0.0.0.0/0" };
    block.map_or_else(|| rest.to_owned(), |net| net.to_string())
}

fn is_private(address: IpAddr) -> bool {
    !vpcemu_dataplane::fabric::address::is_public(address)
}

/// Every address that somebody in either configuration has.
fn taken(pair: &Pair) -> HashSet<IpAddr> {
    let mut taken = HashSet::new();
    for network in [&pair.old, &pair.new] {
        for interface in &network.interfaces {
            taken.extend(interface.addresses());
            taken.extend(interface.ipv4.iter().filter_map(|pair| pair.public).map(IpAddr::V4));
        }
        for address in network.nat_gateways.iter().flat_map(|nat| &nat.addresses) {
            taken.insert(IpAddr::V4(address.translated));
            taken.extend(address.public.map(IpAddr::V4));
        }
    }
    taken
}

/// The interface of a beginning, for people.
pub(super) fn name_of(pair: &Pair, id: &vpcemu_model::Id) -> String {
    let found = pair.old.interface(id).or_else(|| pair.new.interface(id));
    found.map_or_else(|| id.to_string(), title)
}
