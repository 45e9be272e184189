//! What is kept of a replay while it runs: counts, and never packets.

mod party;
mod ports;
mod rules;
mod time;
mod top;

use std::collections::BTreeMap;
use std::hash::{BuildHasher, Hash};
use std::net::IpAddr;
use std::sync::Arc;

use foldhash::fast::FixedState;
use hashbrown::{HashMap, HashSet};
use smallvec::SmallVec;
use vpcemu_dataplane::outcome::{Outcome, StepKind};
use vpcemu_dataplane::{Component, DropReason, Timeline};
use vpcemu_lab::Explainer;
use vpcemu_model::Network;
use vpcemu_packet::FlowKey;
use vpcemu_replay::verdict::Names;
use vpcemu_replay::{Listener, Report};

pub(crate) use party::Party;
pub(crate) use ports::{InUse, Pool, Ports, REMOTES};
pub(crate) use rules::{Decided, Decisions};
pub(crate) use time::{OverTime, Stretch};
pub(crate) use top::{Count, Top};

/// Pairs of parties with a way between them, at most: some megabytes.
const PAIRS: usize = 1 << 14;

/// Addresses, at most: some megabytes.
const ADDRESSES: usize = 1 << 16;

/// Ways through gateways, at most. A packet passes few, and few of their orders make sense.
const WAYS: usize = 1 << 12;

/// Flows that are told apart, over all pairs: 8 MiB of their hashes.
const FLOWS: usize = 1 << 19;

/// What went from one party to another by one way. A packet that was dropped counts for whom it was meant.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub(crate) struct Talk {
    pub(crate) packets: u64,
    pub(crate) bytes: u64,
    /// Distinct protocol, addresses and ports.
    pub(crate) flows: u64,
    pub(crate) held: u64,
    pub(crate) dropped: BTreeMap<DropReason, u64>,
}

impl Talk {
    pub(crate) fn drops(&self) -> u64 {
        self.dropped.values().sum()
    }

    pub(crate) fn delivered(&self) -> u64 {
        self.packets - self.held - self.drops()
    }
}

impl Count for Talk {
    fn weight(&self) -> u64 {
        self.packets
    }

    fn absorb(&mut self, other: &Self) {
        self.packets += other.packets;
        self.bytes += other.bytes;
        self.flows += other.flows;
        self.held += other.held;
        for (reason, packets) in &other.dropped {
            *self.dropped.entry(*reason).or_default() += packets;
        }
    }
}

/// What one address sent, and what was sent to it.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub(crate) struct Talker {
    /// Whose it is, as the first packet showed: who sent from it, or else who has it.
    pub(crate) of: Option<(bool, Party)>,
    pub(crate) sent: u64,
    pub(crate) bytes: u64,
    /// Of the sent.
    pub(crate) dropped: u64,
    pub(crate) addressed: u64,
    pub(crate) addressed_bytes: u64,
}

impl Count for Talker {
    fn weight(&self) -> u64 {
        self.sent + self.addressed
    }

    fn absorb(&mut self, other: &Self) {
        self.sent += other.sent;
        self.bytes += other.bytes;
        self.dropped += other.dropped;
        self.addressed += other.addressed;
        self.addressed_bytes += other.addressed_bytes;
    }
}

/// Gateways on the way of a packet, in the order in which one meets them that leaves: both directions of a flow have the same
/// way. By position in [`Collector::ways`].
pub(crate) type WayIx = u32;

/// Hears of every packet of a replay, and keeps what a page is made of. Its memory is bounded, whatever it hears.
///
/// The replay has to record steps: without them no rule and no gateway is known.
#[derive(Debug)]
pub struct Collector {
    pub(crate) networks: Arc<[Network]>,
    pub(crate) timeline: Arc<Timeline>,
    pub(crate) talks: Top<(Party, WayIx, Party), Talk>,
    pub(crate) talkers: Top<IpAddr, Talker>,
    pub(crate) ways: Vec<SmallVec<[Component; 4]>>,
    way_at: HashMap<SmallVec<[Component; 4]>, WayIx, FixedState>,
    flows: HashSet<u64, FixedState>,
    pub(crate) flows_are_all: bool,
    pub(crate) decisions: Decisions,
    pub(crate) time: OverTime,
    pub(crate) ports: Ports,
    /// The first and the last moment, in nanoseconds since the epoch.
    pub(crate) span: Option<(u64, u64)>,
}

impl Collector {
    /// Of a run through these configurations, which `timeline` was compiled from.
    pub fn new(networks: Arc<[Network]>, timeline: Arc<Timeline>) -> Self {
        let state = || FixedState::with_seed(0);
        Self {
            networks,
            timeline,
            talks: Top::new(PAIRS),
            talkers: Top::new(ADDRESSES),
            ways: Vec::new(),
            way_at: HashMap::with_hasher(state()),
            flows: HashSet::with_hasher(state()),
            flows_are_all: true,
            decisions: Decisions::new(),
            time: OverTime::new(),
            ports: Ports::new(),
            span: None,
        }
    }

    /// The gateways that a packet got to, one that dropped it included. Where there are too many ways the last stands for the rest: it is empty, like the
    /// first that a packet without gateways makes.
    fn way(&mut self, report: &Report<'_>) -> WayIx {
        let mut way: SmallVec<[Component; 4]> = SmallVec::new();
        for step in report.steps().iter().filter(|step| passes_on(step.kind)) {
            if !way.contains(&step.at) {
                way.push(step.at);
            }
        }
        if way.len() > 1 {
            let names = Names::new(&self.timeline);
            way.sort_by_key(|component| (rank(*component), names.component(*component)));
        }
        if self.ways.len() >= WAYS && !self.way_at.contains_key(&way) {
            way = SmallVec::new();
        }
        if let Some(known) = self.way_at.get(&way) {
            return *known;
        }
        let next = self.ways.len() as WayIx;
        self.ways.push(way.clone());
        self.way_at.insert(way, next);
        next
    }

    /// Whether a flow is new to a pair.
    fn is_new(&mut self, pair: (Party, WayIx, Party), key: &FlowKey) -> bool {
        let key = FlowKey { icmp_type: 0, ..*key };
        let mark = FixedState::with_seed(0).hash_one(HashedFlow(pair, key));
        if self.flows.len() >= FLOWS && !self.flows.contains(&mark) {
            self.flows_are_all = false;
            return false;
        }
        self.flows.insert(mark)
    }
}

#[derive(Hash)]
struct HashedFlow<A: Hash, B: Hash>(A, B);

/// Whether steps of a kind are at what passes packets on.
fn passes_on(kind: StepKind) -> bool {
    match kind {
        StepKind::Nat
        | StepKind::InternetGateway
        | StepKind::EgressOnly
        | StepKind::Endpoint
        | StepKind::Forward
        | StepKind::Peering
        | StepKind::TransitGateway
        | StepKind::VpnGateway => true,
        StepKind::Check | StepKind::SecurityGroup | StepKind::NetworkAcl | StepKind::Route | StepKind::Service => false,
    }
}

/// How far out a component stands.
fn rank(component: Component) -> u8 {
    match component {
        Component::Interface(_) | Component::NetworkAcl(_) | Component::RouteTable(_) | Component::Service(_) => 0,
        Component::Endpoint(_) => 1,
        Component::Edge(_) => 2,
        Component::NatGateway(_) => 3,
        Component::EgressOnly(_) => 4,
        Component::InternetGateway(_) => 5,
    }
}

impl Listener for Collector {
    fn packet(&mut self, report: &Report<'_>) {
        let stamp = report.stamp();
        let now = stamp.now.0;
        // What is no IP has no IP total length, and the summary counts no bytes of it.
        let length = report.injected().map_or(0, |_| u64::from(report.captured_length()));
        self.span = Some(self.span.map_or((now, now), |(first, last)| (first.min(now), last.max(now))));
        let (key, fabric, reason) = (report.injected(), report.fabric(), report.reason());
        let place = match report.verdict().map(|verdict| verdict.outcome) {
            Some(Outcome::Delivered { at }) => Some(at),
            _ => None,
        };
        let by_address = |address: fn(&FlowKey) -> IpAddr| {
            key.as_ref().map_or(Party::Unread, |key| Party::of_address(fabric, address(key)))
        };
        let from = report.ingress().map_or_else(|| by_address(|key| key.src), Party::of_ingress);
        let to = place.map_or_else(|| by_address(|key| key.dst), Party::of_place);
        let pair = (from, self.way(report), to);
        let is_new = key.is_some_and(|key| self.is_new(pair, &key));

        let talk = self.talks.of(pair);
        talk.packets += 1;
        talk.bytes += length;
        talk.flows += u64::from(is_new);
        let stretch = self.time.at(now);
        stretch.bytes += length;
        match reason {
            Some(reason) => {
                *talk.dropped.entry(reason).or_default() += 1;
                *stretch.dropped.entry(reason).or_default() += 1;
            }
            None if place.is_some() => stretch.delivered += 1,
            None => {
                talk.held += 1;
                stretch.held += 1;
            }
        }
        if let Some(key) = key {
            let sender = self.talkers.of(key.src);
            sender.of = sender.of.filter(|(sent, _)| *sent).or(Some((true, from)));
            sender.sent += 1;
            sender.bytes += length;
            sender.dropped += u64::from(reason.is_some());
            let receiver = self.talkers.of(key.dst);
            let whose = || match (Party::of_address(fabric, key.dst), to) {
                // What lies beyond a VPC is known by where packets end.
                (Party::Internet, Party::Edge(_)) => to,
                (whose, _) => whose,
            };
            receiver.of = receiver.of.or_else(|| Some((false, whose())));
            receiver.addressed += 1;
            receiver.addressed_bytes += length;
        }
        let network = &self.networks[stamp.generation as usize];
        let mut before = key;
        for step in report.steps() {
            if let (StepKind::Nat, Component::NatGateway(gateway), Some(before), true) =
                (step.kind, step.at, before, step.allowed)
            {
                let knobs = &network.behavior.nat_gateway;
                self.ports.translated(gateway, (&before, &step.key), report.flags(), now, knobs);
            }
            before = Some(step.key);
        }
        self.decisions.packet(report, || Explainer::new(network, &self.timeline, stamp.generation));
    }
}
