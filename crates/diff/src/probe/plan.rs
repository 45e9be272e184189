//! Which probes it takes: for each pair of ends, the boundaries of the rules that packets between them may meet.

use std::collections::{BTreeSet, HashSet};
use std::net::IpAddr;

use ipnet::IpNet;
use vpcemu_model::{IcmpTypeCode, Ports, Protocol};

use super::members::{Member, Middle, members, rest};
use super::ports::{Cuts, Interval};
use super::space::{AddressClass, Signature, Space};
use super::tables::{Bound, Tables, Way};
use super::{Beginning, What};
use crate::pair::title;
use crate::{Pair, Which};

/// The port of clients, and the identifier of pings: as those of the laboratory.
pub(super) const CLIENT_PORT: u16 = 40_000;
/// Types of ICMP and ICMPv6 that stand for all that no rule names: timestamps, traceroute and experiments; private ones.
const OTHER_ICMP: [u8; 4] = [13, 30, 253, 40];
const OTHER_ICMPV6: [u8; 3] = [200, 201, 100];
/// Protocols that stand for all that no rule names: for experiments (RFC 3692), and what nobody uses any more.
const OTHER_PROTOCOLS: [u8; 4] = [253, 254, 252, 251];
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

/// The classes of packets between two ends.
#[derive(Clone, Debug, Default)]
pub(super) struct Classes {
    pub(super) ported: Vec<Ported>,
    pub(super) others: Vec<What>,
}

/// The classes of a protocol with ports.
#[derive(Clone, Debug)]
pub(super) struct Ported {
    pub(super) protocol: u8,
    pub(super) to: Vec<Interval>,
    pub(super) from: Vec<Interval>,
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
    pub(super) other_protocol: u8,
    pub(super) other_icmp: [u8; 2],
    smtp: bool,
}

impl Plan {
    /// `edges` are what lies beyond the VPCs of either.
    pub(super) fn of(pair: &Pair, edges: Vec<String>) -> Self {
        let (old, new) = (Tables::of(pair, Which::Old), Tables::of(pair, Which::New));
        let tables = [&old, &new];
        let space = Space::of(pair);
        let members = members(pair, tables, &space);
        let named = Named::of(pair);
        let mut plan = Self {
            middle: Middle::of(pair, tables, &space),
            everything: rest(&pair.old) != rest(&pair.new),
            other_protocol: named.other(&OTHER_PROTOCOLS, &named.protocols),
            other_icmp: [named.other(&OTHER_ICMP, &named.icmp), named.other(&OTHER_ICMPV6, &named.icmpv6)],
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
            bounds.ports[0].0.add(vpcemu_model::PortRange { from: SMTP, to: SMTP });
        }
        if checked {
            let ported = Ported { protocol: 6, to: vec![ALL], from: vec![ALL] };
            return Some(Classes { ported: vec![ported], others: Vec::new() });
        }
        Some(bounds.classes(self, source.address.is_ipv6()))
    }
}

const ALL: Interval = Interval { from: 0, to: u16::MAX };

/// Boundaries of the rules between two ends.
struct Bounds {
    /// Of TCP and UDP, ports that are called, and ports that answers go to.
    ports: [(Cuts, Cuts); 2],
    icmp: BTreeSet<(u8, IcmpNamed)>,
    protocols: BTreeSet<u8>,
}

/// A type, and a code where it is named.
type IcmpNamed = (u8, Option<u8>);

impl Default for Bounds {
    fn default() -> Self {
        let cuts = || (Cuts::new(), Cuts::new());
        Self { ports: [cuts(), cuts()], icmp: BTreeSet::new(), protocols: BTreeSet::new() }
    }
}

impl Bounds {
    fn forward(&mut self, bounds: &[Bound], way: Way, peer: Option<IpAddr>) {
        for bound in bounds.iter().filter(|bound| bound.way == way && bound.is_about(peer)) {
            self.add(bound, true);
        }
    }

    fn backward(&mut self, bounds: &[Bound], way: Way, peer: Option<IpAddr>) {
        for bound in bounds.iter().filter(|bound| bound.way == way && bound.is_about(peer)) {
            self.add(bound, false);
        }
    }

    fn add(&mut self, bound: &Bound, forward: bool) {
        let Protocol::Number(protocol) = bound.protocol else { return };
        match (protocol, bound.ports) {
            (6 | 17, Ports::Range(range)) => {
                let (to, from) = &mut self.ports[usize::from(protocol == 17)];
                (if forward { to } else { from }).add(range);
            }
            (1 | 58, Ports::Icmp(IcmpTypeCode { kind: Some(kind), code })) => {
                self.icmp.insert((protocol, (kind, code)));
            }
            _ => {}
        }
        self.protocols.insert(protocol);
    }

    fn classes(&self, plan: &Plan, ipv6: bool) -> Classes {
        let ported = |(number, (to, from)): (usize, &(Cuts, Cuts))| Ported {
            protocol: if number == 0 { 6 } else { 17 },
            to: to.intervals(),
            from: from.intervals(),
        };
        let ported = self.ports.iter().enumerate().map(ported).collect();
        let mut others = vec![What::Echo, What::Icmp { kind: plan.other_icmp[usize::from(ipv6)], code: 0 }];
        let (own, echo) = if ipv6 { (58, 128) } else { (1, 8) };
        // With NAT64 a rule of the one ICMP is about the other's messages.
        for &(_, (kind, code)) in self.icmp.iter().filter(|(protocol, _)| *protocol == own) {
            let codes = match code {
                Some(code) => vec![code, if code == 0 { 1 } else { 0 }],
                None => vec![0],
            };
            for code in codes.into_iter().filter(|code| (kind, *code) != (echo, 0)) {
                others.push(What::Icmp { kind, code });
            }
        }
        let named = self.protocols.iter().copied().filter(|number| !matches!(number, 6 | 17) && *number != own);
        others.extend(named.chain([plan.other_protocol]).map(What::Protocol));
        others.dedup();
        Classes { ported, others }
    }
}

impl Classes {
    /// How many probes it takes, at most: source ports are tried with a port of each outcome.
    pub(super) fn count(&self) -> u64 {
        /// Delivered by both, by the old one only, by the new one only.
        const OUTCOMES: usize = 3;
        let ported = self.ported.iter().map(|it| it.to.len() + (it.from.len() - 1) * it.to.len().min(OUTCOMES));
        (ported.sum::<usize>() + self.others.len()) as u64
    }
}

/// What rules name.
struct Named {
    protocols: HashSet<u8>,
    icmp: HashSet<u8>,
    icmpv6: HashSet<u8>,
}

impl Named {
    fn of(pair: &Pair) -> Self {
        let mut named = Self { protocols: HashSet::new(), icmp: HashSet::new(), icmpv6: HashSet::new() };
        for network in [&pair.old, &pair.new] {
            let groups = network.security_groups.iter().flat_map(|it| it.ingress.iter().chain(&it.egress));
            let entries = network.network_acls.iter().flat_map(|it| it.ingress.iter().chain(&it.egress));
            let rules = groups.map(|it| (it.protocol, it.ports)).chain(entries.map(|it| (it.protocol, it.ports)));
            for (protocol, ports) in rules {
                let Protocol::Number(number) = protocol else { continue };
                named.protocols.insert(number);
                if let Ports::Icmp(IcmpTypeCode { kind: Some(kind), .. }) = ports {
                    (if number == 58 { &mut named.icmpv6 } else { &mut named.icmp }).insert(kind);
                }
            }
        }
        named
    }

    /// One that is not named; where all are, the first stands for itself only.
    fn other(&self, candidates: &[u8], named: &HashSet<u8>) -> u8 {
        candidates.iter().copied().find(|it| !named.contains(it)).unwrap_or(candidates[0])
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
