use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use vpcemu_dataplane::conntrack::ConnectionCounters;
use vpcemu_dataplane::counters::NatCounters;
use vpcemu_dataplane::outcome::{CtState, Outcome, Step, StepKind};
use vpcemu_dataplane::shard::key_of;
use vpcemu_dataplane::{
    Arrival, Component, Denial, DropReason, Fabric, Ingress, Options, Output, SHARDS, Shard, ShardMap, Stamp, Timeline,
    Timestamp, Verdict,
};
use vpcemu_model::{Id, Network, native};
use vpcemu_packet::{FlowKey, Headers, Offloads, Packet, Transport};
use vpcemu_replay::verdict::Names;

use crate::held::Held;
use crate::sent::{PortUse, Sent};

/// A VPC in the hand: packets go in one by one, time passes when it is told to.
///
/// It is the engine that replays use, with all of its state: what a packet opens, the next one finds. Every packet walks; what
/// the flow cache of a replay remembers makes no difference to what comes out.
#[derive(Debug)]
pub struct Lab {
    networks: Vec<Network>,
    timeline: Arc<Timeline>,
    map: ShardMap,
    /// Made when the first packet comes to them.
    shards: Vec<Option<Box<Shard>>>,
    options: Options,
    offloads: Offloads,
    /// Fragments that wait for the first of their datagram, by their numbers.
    pub(crate) held: BTreeMap<u64, Held>,
    pub(crate) later: Vec<Sent>,
    n: u64,
    now: Timestamp,
    generation: u32,
}

/// When a laboratory opens: a moment without meaning, 2025-01-10 00:00:00 UTC.
const OPENED: Timestamp = Timestamp(1_736_467_200_000_000_000);

impl Lab {
    /// The network that the text of a native file describes.
    ///
    /// # Errors
    /// If it does not load: the findings, with their lines.
    pub fn parse(text: &str) -> Result<Self, native::Error> {
        Ok(Self::new(native::parse("network", text)?.network))
    }

    /// A network that was read elsewhere, as by [`vpcemu_import::open`].
    pub fn new(network: Network) -> Self {
        Self::of(vec![network], Options::default())
    }

    /// Networks that follow each other, of which there is at least one; [`Self::switch`] puts the next one into force.
    pub fn of(networks: Vec<Network>, options: Options) -> Self {
        let timeline = Arc::new(Timeline::compile(&networks));
        Self {
            map: ShardMap::new(&timeline),
            networks,
            shards: (0..SHARDS).map(|_| None).collect(),
            timeline,
            options: Options { record_steps: true, ..options },
            offloads: Offloads::Strict,
            held: BTreeMap::new(),
            later: Vec::new(),
            n: 0,
            now: OPENED,
            generation: 0,
        }
    }

    /// Lets time pass.
    pub fn wait(&mut self, time: Duration) {
        let nanoseconds = u64::try_from(time.as_nanos()).unwrap_or(u64::MAX);
        self.now = Timestamp(self.now.0.saturating_add(nanoseconds));
    }

    /// What time it is, in nanoseconds since the epoch.
    pub fn now(&self) -> Timestamp {
        self.now
    }

    /// Puts the next configuration into force; the last one stays.
    pub fn switch(&mut self) {
        let last = u32::try_from(self.networks.len()).unwrap_or(u32::MAX) - 1;
        self.generation = last.min(self.generation + 1);
    }

    /// Forgets every connection, mapping and counter, and numbers packets from 1 again; time stays.
    pub fn forget(&mut self) {
        self.n = 0;
        self.shards.iter_mut().for_each(|shard| *shard = None);
        self.held.clear();
        self.later.clear();
    }

    /// Judges checksums and lengths as a replay with these rules does; [`Offloads::Strict`] otherwise.
    pub fn set_offloads(&mut self, offloads: Offloads) {
        self.offloads = offloads;
    }

    /// The configuration in force.
    pub fn network(&self) -> &Network {
        &self.networks[self.generation as usize] // `switch` goes no further than the last
    }

    /// The same, compiled.
    pub fn fabric(&self) -> &Fabric {
        self.timeline.fabric(self.generation)
    }

    /// Every configuration, compiled, and the indices of everything in them.
    pub fn timeline(&self) -> &Arc<Timeline> {
        &self.timeline
    }

    /// The names behind indices.
    pub fn names(&self) -> Names<'_> {
        Names::new(&self.timeline)
    }

    /// Sends an IP packet, as out of a capture: what is malformed is refused, what follows the datagram is cut off, fragments
    /// without their first are held. What becomes of those is told by [`Self::take_later`].
    pub fn send(&mut self, ingress: Ingress, mut datagram: Vec<u8>) -> Sent {
        self.n += 1;
        let length = u32::try_from(datagram.len()).unwrap_or(u32::MAX);
        match Headers::parse(&datagram, length, self.offloads) {
            Ok(headers) => {
                datagram.truncate(headers.total_len as usize);
                self.admit(ingress, headers, datagram)
            }
            Err(_) => self.unwalked(self.n, ingress, dropped(DropReason::Malformed), None, datagram),
        }
    }

    /// What a NAT gateway has counted, by its id or name; none if there is no such gateway.
    pub fn nat_counters(&self, gateway: &str) -> Option<NatCounters> {
        let nat = self.nat(gateway)?;
        let mut sum = NatCounters::default();
        for shard in self.shards.iter().flatten() {
            sum += shard.nat_counters(nat);
        }
        Some(sum)
    }

    /// Connections created and expired, once everything that has expired by now is counted.
    pub fn connections(&mut self) -> ConnectionCounters {
        let mut sum = ConnectionCounters::default();
        for shard in self.shards.iter_mut().flatten() {
            shard.finish(self.now);
            let counters = shard.connections();
            sum.created += counters.created;
            sum.expired += counters.expired;
        }
        sum
    }

    fn nat(&self, gateway: &str) -> Option<vpcemu_dataplane::index::NatIx> {
        let gateways = &self.network().nat_gateways;
        let named = gateways.iter().find(|it| it.id.as_str() == gateway || it.name.as_deref() == Some(gateway));
        let id = named.map_or_else(|| Id::from(gateway), |it| it.id.clone());
        self.timeline.registry().nats.find(&id)
    }

    pub(crate) fn stamp(&self) -> Stamp {
        Stamp { n: self.n, now: self.now, generation: self.generation }
    }

    /// The shard that a packet's state is in.
    pub(crate) fn shard_of(&self, headers: &Headers) -> u8 {
        self.map.shard(headers)
    }

    pub(crate) fn shard(&mut self, number: u8) -> &mut Shard {
        let (timeline, options) = (&self.timeline, self.options);
        self.shards[usize::from(number)].get_or_insert_with(|| Box::new(Shard::new(Arc::clone(timeline), options)))
    }

    /// Walks a packet that has been admitted, with the transport header of its datagram.
    pub(crate) fn walk(
        &mut self,
        stamp: Stamp,
        ingress: Ingress,
        headers: Headers,
        transport: Transport,
        mut bytes: Vec<u8>,
    ) -> Sent {
        let shard = self.shard_of(&headers);
        let mut packet = Packet::from_parts(&mut bytes, headers, headers.total_len);
        let mut out = Output::default();
        let injected = key_of(&packet, transport);
        let arrival = Arrival { stamp, ingress, captured: injected, transport };
        let verdict = self.shard(shard).process(arrival, &mut packet, &mut out);
        let ports = self.ports(shard, &out.steps);
        Sent {
            ports,
            stamp,
            ingress,
            injected: Some(injected),
            flags: transport.tcp_flags(),
            length: headers.total_len,
            verdict,
            steps: out.steps,
            bytes,
            pieces: out.pieces,
            generated: out.generated,
        }
    }

    /// How many ports are taken towards the remote of a flow that a NAT gateway has just got to know.
    fn ports(&mut self, shard: u8, steps: &[Step]) -> Option<PortUse> {
        let opened = |step: &&Step| step.kind == StepKind::Nat && step.allowed && step.state == Some(CtState::New);
        let step = steps.iter().find(opened)?;
        let Component::NatGateway(nat) = step.at else { return None };
        let most = self.fabric().behavior.nat_gateway.max_per_destination;
        Some(PortUse { taken: self.shard(shard).ports_taken(nat, step.key), most })
    }

    /// The fate of a packet that did not walk.
    pub(crate) fn unwalked(
        &self,
        n: u64,
        ingress: Ingress,
        outcome: Outcome,
        key: Option<FlowKey>,
        bytes: Vec<u8>,
    ) -> Sent {
        Sent {
            stamp: Stamp { n, ..self.stamp() },
            ports: None,
            ingress,
            injected: key,
            flags: None,
            length: u32::try_from(bytes.len()).unwrap_or(u32::MAX),
            verdict: Verdict::stateless(outcome, key.unwrap_or(UNREADABLE)),
            steps: Vec::new(),
            bytes,
            pieces: Vec::new(),
            generated: None,
        }
    }
}

/// The key of a packet whose headers nobody can read.
const UNREADABLE: FlowKey = FlowKey {
    src: std::net::IpAddr::V4(std::net::Ipv4Addr::UNSPECIFIED),
    dst: std::net::IpAddr::V4(std::net::Ipv4Addr::UNSPECIFIED),
    src_port: 0,
    dst_port: 0,
    protocol: 0,
    icmp_type: 0,
};

/// A drop at no component.
pub(crate) fn dropped(reason: DropReason) -> Outcome {
    Outcome::Dropped(Denial { reason, at: None, direction: None, rule: None })
}
