//! Hits: which rule decided for which packet.
//!
//! A packet's steps name the rule of a security group only where rules were asked. What is tracked passes without: the packets
//! of a connection, replies included, and errors about it count for the rule that admitted the connection at that interface.

use std::collections::{HashMap, HashSet};
use std::hash::{DefaultHasher, Hash, Hasher};

use serde::Serialize;
use vpcemu_dataplane::fabric::{GroupVerdict, PeerMatch, Subject};
use vpcemu_dataplane::index::EniIx;
use vpcemu_dataplane::outcome::{CtState, Direction, Rule, Step, StepKind};
use vpcemu_dataplane::{Component, Fabric, Timeline};
use vpcemu_model::Network;
use vpcemu_packet::FlowKey;
use vpcemu_replay::{Listener, Report};

use crate::catalog::{Catalog, Listed, RuleNumber};
use crate::tighten::Openings;

/// What was looked at, without which "unused" means nothing.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize)]
pub struct Window {
    /// Packets of the input.
    pub packets: u64,
    /// Time stamp of the earliest: seconds since the epoch, with nine decimals.
    pub first: Option<String>,
    /// Of the latest.
    pub last: Option<String>,
}

/// What a rule decided.
#[derive(Clone, Copy, Default, Debug)]
pub(crate) struct Hits {
    pub(crate) packets: u64,
    pub(crate) bytes: u64,
    pub(crate) flows: u64,
    /// Time stamps of the earliest packet and the latest.
    pub(crate) window: Option<(u64, u64)>,
}

/// Counts, for every rule of a network, what it decided. It hears of packets by their steps:
/// [`record_steps`](vpcemu_dataplane::Options::record_steps) has to be on.
#[derive(Debug)]
pub struct Observer {
    catalog: Catalog,
    hits: Vec<Hits>,
    window: Window,
    span: Option<(u64, u64)>,
    /// Digests of the flows that each rule judged. Of a million flows two have the same with a chance of one in ten million.
    flows: HashSet<u64>,
    /// The rule that admitted a flow at an interface, by a digest of those.
    admitted: HashMap<u64, RuleNumber>,
    /// The rule that admitted a connection at an interface, in the direction of what opened it there.
    connections: HashMap<(u64, EniIx, Direction), RuleNumber>,
    /// The rules that the packet in hand met, each once, and whether one of those times it was judged.
    met: Vec<(RuleNumber, bool)>,
    /// What was admitted, if anybody asks.
    openings: Option<Openings>,
}

impl Observer {
    /// Of a network, and the timeline compiled from it alone.
    pub fn new(network: &Network, timeline: &Timeline) -> Self {
        let catalog = Catalog::of(network, timeline);
        Self {
            hits: vec![Hits::default(); catalog.rules.len()],
            catalog,
            window: Window::default(),
            span: None,
            flows: HashSet::new(),
            admitted: HashMap::new(),
            connections: HashMap::new(),
            met: Vec::new(),
            openings: None,
        }
    }

    /// Likewise, and what security groups admit is remembered.
    pub(crate) fn remembering(network: &Network, timeline: &Timeline) -> Self {
        Self { openings: Some(Openings::default()), ..Self::new(network, timeline) }
    }

    /// What was looked at so far.
    pub fn window(&self) -> &Window {
        &self.window
    }

    pub(crate) fn counted(&self) -> impl Iterator<Item = (&Listed, &Hits)> {
        self.catalog.rules.iter().zip(&self.hits)
    }

    pub(crate) fn openings(self) -> Openings {
        self.openings.unwrap_or_default()
    }

    /// A packet's way. Gives the rules that it passed at interfaces.
    fn steps(&mut self, fabric: &Fabric, steps: &[Step], packet: &Seen, cause: &[Passed]) -> Vec<Passed> {
        let mut passed = Vec::new();
        self.met.clear();
        for step in steps {
            let (rule, judged) = match (step.at, step.kind, step.direction) {
                (Component::Interface(eni), StepKind::SecurityGroup, Some(direction)) => {
                    let (rule, judged) = self.security_group(fabric, eni, direction, step, packet);
                    let rule = rule.or_else(|| behind(cause, eni, direction).filter(|_| is_related(step)));
                    passed.extend(rule.map(|rule| (eni, direction, rule)));
                    (rule, judged)
                }
                (Component::NetworkAcl(acl), StepKind::NetworkAcl, Some(direction)) => {
                    let number = match step.rule {
                        Some(Rule::NetworkAcl(number)) => Some(number),
                        _ => None,
                    };
                    (self.catalog.of_acl(acl, direction, number), true)
                }
                (Component::RouteTable(table), StepKind::Route, _) => {
                    let compiled = fabric.table(table);
                    // A local route without an interface behind it is not named, and was still the one that matched.
                    let net = compiled.and_then(|table| match step.rule {
                        Some(Rule::Route(route)) => table.net(route),
                        _ => table.lookup(step.key.dst).and_then(|hit| table.net(hit.route)),
                    });
                    (net.and_then(|net| self.catalog.of_route(table, net)), true)
                }
                _ => continue,
            };
            if let Some(rule) = rule {
                self.hit(rule, step, packet, judged);
            }
        }
        passed
    }

    /// A packet may meet a rule several times: on both sides of a gateway, in two subnets of one network ACL. It counts once, and
    /// is of the flow that it was when the rule first judged it.
    fn hit(&mut self, rule: RuleNumber, step: &Step, packet: &Seen, judged: bool) {
        let hits = &mut self.hits[rule as usize];
        let known = self.met.iter_mut().find(|(met, _)| *met == rule);
        let was_judged = known.as_ref().is_some_and(|(_, judged)| *judged);
        match known {
            Some((_, known)) => *known |= judged,
            None => {
                self.met.push((rule, judged));
                hits.packets += 1;
                hits.bytes += u64::from(packet.length);
                hits.window = Some(within(hits.window, packet.timestamp));
            }
        }
        if judged && !was_judged {
            hits.flows += u64::from(self.flows.insert(digest((rule, step.key))));
        }
    }

    /// The rule behind a step of security groups, and whether it judged this very packet.
    fn security_group(
        &mut self,
        fabric: &Fabric,
        eni: EniIx,
        direction: Direction,
        step: &Step,
        packet: &Seen,
    ) -> (Option<RuleNumber>, bool) {
        let own = digest((eni, direction, step.key));
        let opposite = digest((eni, direction.reversed(), step.key.reversed()));
        match step.rule {
            Some(Rule::SecurityGroup(rule)) if step.allowed => {
                let Some(number) = self.catalog.of_group(rule) else { return (None, false) };
                let answers = step.state == Some(CtState::Untracked) && self.admitted.contains_key(&opposite);
                self.admit(number, eni, own, direction, step.key, packet, !answers);
                (Some(number), true)
            }
            None if step.allowed => {
                let known = self.admitted.get(&own).or_else(|| self.admitted.get(&opposite)).copied();
                if known.is_some() {
                    return (known, false);
                }
                if step.state != Some(CtState::Established) {
                    // An error is about what went the other way. Only what forwards has a rule for either.
                    let rule = |way| self.connections.get(&(packet.connection?, eni, way)).copied();
                    return (rule(direction.reversed()).or_else(|| rule(direction)), false);
                }
                // It was adopted as the reply of a flow that began before the capture: a rule of the other direction admits it.
                let (opener, way) = (step.key.reversed(), direction.reversed());
                let rule = admitting(fabric, eni, way, &opener).and_then(|rule| self.catalog.of_group(rule));
                if let Some(number) = rule {
                    self.admit(number, eni, opposite, way, opener, packet, true);
                }
                (rule, true)
            }
            // A rule that matched a segment in the middle of nothing (6.23) is named, and admitted nothing.
            _ => (None, false),
        }
    }

    #[allow(clippy::too_many_arguments, reason = "all of it describes one admission")]
    fn admit(
        &mut self,
        rule: RuleNumber,
        eni: EniIx,
        digest: u64,
        direction: Direction,
        key: FlowKey,
        packet: &Seen,
        opens: bool,
    ) {
        self.admitted.insert(digest, rule);
        if let Some(connection) = packet.connection {
            self.connections.insert((connection, eni, direction), rule);
        }
        if let Some(openings) = &mut self.openings
            && opens
        {
            let listed = &self.catalog.rules[rule as usize];
            openings.note(listed, direction, &key, packet.icmp);
        }
    }
}

/// A packet as far as rows tell of it.
struct Seen {
    timestamp: u64,
    length: u32,
    connection: Option<u64>,
    /// Type and code, of an ICMP message that could be read where it ended.
    icmp: Option<(u8, u8)>,
}

impl Listener for Observer {
    fn packet(&mut self, report: &Report<'_>) {
        let timestamp = report.timestamp();
        self.window.packets += 1;
        let span = within(self.span, timestamp);
        if self.span != Some(span) {
            self.span = Some(span);
            (self.window.first, self.window.last) = (Some(time(span.0)), Some(time(span.1)));
        }
        let connection = report.verdict().and_then(|verdict| verdict.connection);
        let icmp = self.openings.as_ref().and_then(|_| crate::tighten::icmp(report.datagram(), report.length()));
        let packet = Seen { timestamp, length: report.length(), connection, icmp };
        let passed = self.steps(report.fabric(), report.steps(), &packet, &[]);
        if let Some(made) = report.generated() {
            let length = u32::try_from(made.bytes.len()).unwrap_or(u32::MAX);
            let icmp = crate::tighten::icmp(&made.bytes, length);
            let packet = Seen { timestamp, length, connection: made.verdict.connection, icmp };
            self.steps(report.fabric(), &made.steps, &packet, &passed);
        }
    }
}

/// A rule that a packet passed at an interface.
type Passed = (EniIx, Direction, RuleNumber);

/// The rule by which an error passes that the emulator made: the one that its cause passed there, on its way the other way.
fn behind(cause: &[Passed], eni: EniIx, direction: Direction) -> Option<RuleNumber> {
    let here = || cause.iter().filter(|(at, ..)| *at == eni);
    here().find(|(_, way, _)| *way != direction).or_else(|| here().next()).map(|(.., rule)| *rule)
}

fn is_related(step: &Step) -> bool {
    step.allowed && step.rule.is_none() && step.state == Some(CtState::Related)
}

fn within(window: Option<(u64, u64)>, timestamp: u64) -> (u64, u64) {
    window.map_or((timestamp, timestamp), |(first, last)| (first.min(timestamp), last.max(timestamp)))
}

/// The rule of an interface that admits a flow by its key. The engine has said that there is one.
pub(crate) fn admitting(
    fabric: &Fabric,
    eni: EniIx,
    direction: Direction,
    key: &FlowKey,
) -> Option<vpcemu_dataplane::index::RuleIx> {
    let interface = fabric.eni(eni)?;
    let (rules, peer) = match direction {
        Direction::Ingress => (&interface.ingress, key.src),
        Direction::Egress => (&interface.egress, key.dst),
    };
    let owners = fabric.owners(peer);
    let groups = owners.iter().filter_map(|owner| fabric.eni(*owner)).flat_map(|owner| owner.groups.iter().copied());
    let identity = PeerMatch { groups: groups.collect(), preserved: true };
    match rules.judge(Subject::of_key(key), peer, &identity) {
        GroupVerdict::Allowed { rule, .. } => Some(rule),
        GroupVerdict::Denied { .. } => None,
    }
}

/// The same in every run, so that counts are.
fn digest(of: impl Hash) -> u64 {
    let mut hasher = DefaultHasher::new();
    of.hash(&mut hasher);
    hasher.finish()
}

/// A time stamp as outputs have it: `1736500000.000001000`.
pub(crate) fn time(nanoseconds: u64) -> String {
    format!("{}.{:09}", nanoseconds / 1_000_000_000, nanoseconds % 1_000_000_000)
}
