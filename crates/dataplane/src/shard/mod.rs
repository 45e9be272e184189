//! Shards: 256 engines that share nothing but the compiled configuration. Everything that a flow touches is in one of
//! them, see [`ShardMap`].

mod cached;
pub mod datagram;
mod fragments;
pub mod hash;
mod map;
mod memory;
mod primary;
mod rates;
mod sessions;

use std::net::IpAddr;
use std::sync::Arc;

use vpcemu_packet::{FlowKey, Fragment, Headers, Packet, TcpFlags, Transport};

use crate::conntrack::{ConnectionCounters, Conntrack, Delta, Inside, Key, Outside, Pool, Translator};
use crate::counters::NatCounters;
use crate::fabric::Timeline;
use crate::flow::key_with;
use crate::index::{HostIx, NatIx};
use crate::outcome::{Component, Denial, Direction, Ingress, Outcome, Verdict};
use crate::output::{Generated, Output};
use crate::reason::DropReason;
use crate::stage::{mtu, nat_gateway, nat_instance};
use crate::time::{Stamp, Timestamp};
use crate::walk::{Hop, Originator, State, Walk, WalkOptions};

pub(crate) use cached::{Known, OpeningState, Prepared, Remembered};
pub use fragments::{Admission, Reassembly, Ticket};
pub use map::{SHARD_HASH_VERSION, SHARDS, ShardMap};
use memory::{DeniedOpenings, Seen};
pub(crate) use rates::SendRates;

/// How a run treats what captures leave open.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Options {
    /// Behind every choice that AWS makes at random.
    pub seed: u64,
    /// What to do with TCP that began before the capture.
    pub midstream: Midstream,
    /// Whether a TCP segment longer than the MTU was put together by the capturing host, and is not subject to it.
    pub coalesced_tcp: bool,
    /// Whether walks record their steps.
    pub record_steps: bool,
    /// The length of the windows that flow logs are counted in, in seconds, if an [`Engine`](crate::Engine) counts for them.
    pub flow_log_window: Option<u16>,
    /// Whether walks keep the packet as it leaves each component.
    pub record_taps: bool,
    /// Whether the wheel reclaims; off, state is only compared on lookup. Outputs are the same.
    pub reclaim: bool,
    /// Whether an [`Engine`](crate::Engine) remembers what flows' packets have in common; off, every packet walks. Outputs are
    /// the same.
    pub flow_cache: bool,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            seed: 1,
            midstream: Midstream::Adopt,
            coalesced_tcp: true,
            record_steps: false,
            flow_log_window: None,
            record_taps: false,
            reclaim: true,
            flow_cache: true,
        }
    }
}

/// What to do with TCP that began before the capture.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Midstream {
    /// A tuple never seen in this run that does not start with SYN is taken for established by every component whose
    /// rules allow it, in either direction.
    Adopt,
    /// It is treated as AWS would treat it (4.26, 6.23).
    Strict,
}

/// A packet at the entrance of the fabric.
#[derive(Clone, Copy, Debug)]
pub struct Arrival {
    /// Number, time and configuration.
    pub stamp: Stamp,
    /// Where it enters.
    pub ingress: Ingress,
    /// Its key as it was captured, before re-anchoring: by it the flow is recognised.
    pub captured: FlowKey,
    /// Its transport header; of a later fragment, that of the first.
    pub transport: Transport,
}

impl Arrival {
    /// A packet that enters as it was captured, whole.
    pub fn new(stamp: Stamp, ingress: Ingress, packet: &Packet<'_>) -> Self {
        Self { stamp, ingress, captured: packet.key(), transport: packet.headers().transport }
    }
}

/// One of the 256 engines: all state of the flows that the [`ShardMap`] gives it.
#[derive(Debug)]
pub struct Shard {
    timeline: Arc<Timeline>,
    options: Options,
    conntrack: Conntrack,
    nat_counters: Vec<NatCounters>,
    /// What of that has been asked for; empty where nobody asks.
    nat_told: Vec<NatCounters>,
    seen: Seen,
    denied: DeniedOpenings,
    /// Fragments that interfaces send, where they are policed (1.26).
    fragments_sent: SendRates,
    /// What interfaces send to the VPC's own services (1.12): all of it meets in one shard.
    service_packets: SendRates,
    /// Fragments that wait for the first of their datagram.
    pub reassembly: Reassembly,
}

impl Shard {
    /// A shard that has seen nothing.
    pub fn new(timeline: Arc<Timeline>, options: Options) -> Self {
        let nats = timeline.registry().nats.len();
        let knobs = timeline.fabric(0).behavior.fragments.clone();
        Self {
            timeline,
            options,
            conntrack: Conntrack::new(options.reclaim),
            nat_counters: vec![NatCounters::default(); nats],
            nat_told: Vec::new(),
            seen: Seen::default(),
            denied: DeniedOpenings::default(),
            fragments_sent: SendRates::default(),
            service_packets: SendRates::default(),
            reassembly: Reassembly::new(knobs),
        }
    }

    /// Walks one packet through the fabric, rewriting it in place. `out` is emptied first.
    pub fn process(&mut self, arrival: Arrival, packet: &mut Packet<'_>, out: &mut Output) -> Verdict {
        self.walk(arrival, packet, out, false).0
    }

    /// Walks one packet, and says what of it holds for the next packet of its flow, if that is to be remembered.
    pub(crate) fn walk(
        &mut self,
        arrival: Arrival,
        packet: &mut Packet<'_>,
        out: &mut Output,
        remember: bool,
    ) -> (Verdict, Option<Remembered>) {
        out.clear();
        let Arrival { stamp, ingress, captured, transport } = arrival;
        if let Some(denial) = self.police_fragment(ingress, packet.headers(), stamp) {
            return (Verdict::stateless(Outcome::Dropped(denial), key_with(packet, transport)), None);
        }
        let flags = transport.tcp_flags();
        let opens = opens(transport);
        let flow = self.flow(captured, stamp.generation);
        let unseen = flags.is_some() && self.seen.first_time(&flow);
        let options = WalkOptions {
            seed: self.options.seed,
            record_steps: self.options.record_steps || self.options.flow_log_window.is_some(),
            record_taps: self.options.record_taps,
            coalesced_tcp: self.options.coalesced_tcp,
        };
        let timeline = Arc::clone(&self.timeline);
        let state = State {
            conntrack: &mut self.conntrack,
            nat_counters: &mut self.nat_counters,
            service_packets: &mut self.service_packets,
        };
        let mut walk = Walk::new(&timeline, state, packet, transport, out, stamp, options);
        walk.adoptable = unseen && !opens && self.options.midstream == Midstream::Adopt;
        let mut verdict = walk.run(Walk::entrance(ingress));
        if matches!(verdict.outcome, Outcome::Delivered { .. }) {
            verdict.pieces = mtu::take_apart(&mut walk);
            if walk.out.pieces.is_empty() && walk.packet.is_replaced() {
                walk.out.pieces.push(walk.packet.bytes().to_vec());
            }
        }
        let origination = walk.generated.take();
        let (recipe, connection) = (std::mem::take(&mut walk.recipe), walk.connection());
        match verdict.outcome {
            Outcome::Dropped(_) if opens => self.denied.note(&flow, stamp.n),
            Outcome::Delivered { .. } if opens => self.denied.forget(&flow),
            _ => {}
        }
        if let Some(made) = origination {
            self.originate(made, stamp, options, out);
            return (verdict, None);
        }
        let remembered = if remember { self.remember(&verdict, recipe, connection, &flow, stamp) } else { None };
        (verdict, remembered)
    }

    /// The connections of the shard, for the flow cache.
    #[inline]
    pub(crate) fn conntrack(&self) -> &Conntrack {
        &self.conntrack
    }

    /// Likewise, to change what they know of it.
    pub(crate) fn conntrack_mut(&mut self) -> &mut Conntrack {
        &mut self.conntrack
    }

    /// More fragments a second than an interface may send, where a knob polices them (1.26).
    fn police_fragment(&mut self, ingress: Ingress, headers: &Headers, stamp: Stamp) -> Option<Denial> {
        let limit = self.timeline.fabric(stamp.generation).behavior.underlay.egress_fragments_per_second?;
        let (Ingress::Interface(eni), true) = (ingress, headers.fragment != Fragment::None) else { return None };
        let exceeds = self.fragments_sent.exceeds(limit, eni, stamp.now);
        let at = Some(Component::Interface(eni));
        let direction = Some(Direction::Egress);
        exceeds.then_some(Denial { reason: DropReason::FragmentRate, at, direction, rule: None })
    }

    /// Lets a packet that a gateway made walk to its end (P22). It causes no other.
    fn originate(&mut self, made: crate::walk::Origination, stamp: Stamp, options: WalkOptions, out: &mut Output) {
        let crate::walk::Origination { kind, mut bytes, from } = made;
        let length = u32::try_from(bytes.len()).unwrap_or(u32::MAX);
        let Ok(mut packet) = Packet::parse(&mut bytes, length, vpcemu_packet::Offloads::Tolerate) else { return };
        let (key, transport) = (packet.key(), packet.headers().transport);
        let timeline = Arc::clone(&self.timeline);
        let mut side = Output::default();
        let state = State {
            conntrack: &mut self.conntrack,
            nat_counters: &mut self.nat_counters,
            service_packets: &mut self.service_packets,
        };
        let mut walk = Walk::new(&timeline, state, &mut packet, transport, &mut side, stamp, options);
        walk.force_tracking = true;
        walk.originated = true;
        let (hop, by) = match from {
            Originator::NatGateway(nat) => {
                let Some(gateway) = timeline.fabric(stamp.generation).nat(nat) else { return };
                walk.emitter = gateway.eni();
                (nat_gateway::onward(gateway), Some(Component::NatGateway(nat)))
            }
            Originator::Router(eni) => (Hop::Arrive(eni), None),
            Originator::RouterOf(subnet) => {
                let Some(at) = timeline.fabric(stamp.generation).subnet(subnet) else { return };
                (Hop::Lookup { table: at.table, vpc: at.vpc }, None)
            }
            Originator::BehindNat(nat) => (Hop::NatOutside(nat), None),
            Originator::Interface(eni) => (Hop::Leave(eni), Some(Component::Interface(eni))),
        };
        let verdict = walk.run(hop);
        out.generated = Some(Generated { kind, by, key, verdict, steps: side.steps, bytes });
    }

    /// The denied opening packet that a packet is inconsistent with: the captured network had let it through.
    pub fn divergence(&self, captured: FlowKey, transport: Transport, generation: u32) -> Option<u64> {
        if let Transport::IcmpError { quote, .. } = transport {
            let quoted = quote.and_then(|quote| quote.key())?;
            return self.denied.quoted(&self.flow(quoted, generation));
        }
        self.denied.contradicted_by(&self.flow(captured, generation), opens(transport))
    }

    /// A captured key by which its flow is recognised on either side of an internet gateway: with private addresses.
    fn flow(&self, mut captured: FlowKey, generation: u32) -> FlowKey {
        let fabric = self.timeline.fabric(generation);
        for end in [&mut captured.src, &mut captured.dst] {
            if let IpAddr::V4(v4) = *end
                && let Some(owner) = fabric.public(v4)
            {
                *end = IpAddr::V4(owner.private);
            }
        }
        captured
    }

    /// The outside tuple of a client's flow at a translator, in the direction of what arrives there: the live mapping, or
    /// what a dead one had, so that the gateway drops it as the real one would.
    pub fn nat_mapping(&mut self, nat: Translator, inside: Inside, now: Timestamp) -> Option<Outside> {
        if let Some((entry, _)) = self.conntrack.find(&Key::NatInside(nat, inside), now) {
            return self.conntrack.outside(entry);
        }
        self.conntrack.tombstone(nat, inside, now).map(|(outside, _)| outside)
    }

    /// The client's flow behind an outside tuple of a translator.
    pub fn nat_inside(&mut self, nat: Translator, outside: Outside, now: Timestamp) -> Option<Inside> {
        let (entry, _) = self.conntrack.find(&Key::NatOutside(nat, outside), now)?;
        Some(Inside(self.conntrack.original(entry)))
    }

    /// Makes the mapping of a TCP connection that began before the capture, when the first packet of it that the capture
    /// holds is a reply. None if the tuple was seen before, or mid-stream adoption is off, or no port is free.
    pub fn adopt_mapping(&mut self, of: Translator, inside: Inside, reply: &Arrival) -> Option<Outside> {
        let flags = reply.transport.tcp_flags()?;
        if self.options.midstream != Midstream::Adopt || opens(reply.transport) {
            return None;
        }
        if !self.seen.is_new(&self.flow(reply.captured, reply.stamp.generation)) {
            return None;
        }
        let fabric = Arc::clone(self.timeline.fabric(reply.stamp.generation));
        let generation = reply.stamp.generation;
        let choice = (self.options.seed, reply.stamp.now);
        let conntrack = &mut self.conntrack;
        match of {
            Translator::Gateway(nat) => {
                nat_gateway::adopt(conntrack, (&fabric, generation), nat, inside, flags, choice)
            }
            Translator::Instance(eni) => {
                nat_instance::adopt(conntrack, (&fabric, generation), eni, inside, &reply.transport, choice)
            }
        }
    }

    /// The end of a window: reclaims what has expired by `now`, and hands out the changes of gauges.
    pub fn tick(&mut self, now: Timestamp) -> Vec<Delta> {
        self.conntrack.advance(now);
        std::mem::take(&mut self.conntrack.deltas)
    }

    /// The end of the run: everything that has expired by `now` is reclaimed and counted.
    pub fn finish(&mut self, now: Timestamp) -> Vec<Delta> {
        self.conntrack.finish(now);
        std::mem::take(&mut self.conntrack.deltas)
    }

    /// Totals of connections.
    pub fn connections(&self) -> ConnectionCounters {
        self.conntrack.counters
    }

    /// Totals of a NAT gateway.
    pub fn nat_counters(&self, nat: NatIx) -> NatCounters {
        let mut counters = self.nat_counters.get(usize::from(nat)).copied().unwrap_or_default();
        counters.idle_timeout += self.conntrack.idle_deaths.get(&nat).copied().unwrap_or_default();
        counters
    }

    /// Adds what packets that walked made NAT gateways count since this was last asked, by number.
    pub(crate) fn add_nat_counted(&mut self, sums: &mut [NatCounters]) {
        self.nat_told.resize(self.nat_counters.len(), NatCounters::default());
        for ((sum, counted), told) in sums.iter_mut().zip(&self.nat_counters).zip(&mut self.nat_told) {
            if counted != told {
                *sum += *counted - *told;
                *told = *counted;
            }
        }
    }

    /// How many ports of a NAT gateway are taken towards a remote, of the address and protocol that a packet has which left the
    /// gateway like `left` (4.12).
    pub fn ports_taken(&self, nat: NatIx, left: FlowKey) -> u32 {
        self.conntrack.taken(&Pool::of(Translator::Gateway(nat), &Outside(left.reversed())), None)
    }

    /// How many entries the table of an instance has, where a knob limits them (6.19): what the counter
    /// `conntrack_allowance_available` lacks.
    pub fn tracked(&mut self, host: HostIx, now: Timestamp) -> u32 {
        self.conntrack.entries_of(host, now)
    }

    /// How many conntrack entries the shard holds, expired but unreclaimed ones included.
    pub fn entries(&self) -> usize {
        self.conntrack.len()
    }

    /// The timeline that the shard runs on.
    pub fn timeline(&self) -> &Arc<Timeline> {
        &self.timeline
    }
}

/// Whether a packet can be the first of its flow: a SYN, or anything of a protocol without a handshake that is not an
/// answer by its very form.
fn opens(transport: Transport) -> bool {
    match transport {
        Transport::Tcp { flags, .. } => flags.contains(TcpFlags::SYN) && !flags.contains(TcpFlags::ACK),
        Transport::Query { kind, .. } => matches!(kind, 8 | 13 | 15 | 17 | 128),
        Transport::Udp { .. } | Transport::Other => true,
        Transport::IcmpError { .. } | Transport::Icmp { .. } | Transport::Missing => false,
    }
}

/// The key of a packet whose transport header may be that of its first fragment.
pub fn key_of(packet: &Packet<'_>, transport: Transport) -> FlowKey {
    key_with(packet, transport)
}
