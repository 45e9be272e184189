//! A laboratory: a VPC in a few lines, packets sent into it, time moved, verdicts read.
//!
//! Scenario tests are written with it so that they read like the scenario. It drives the engine as the replay does: the
//! shard map decides where a packet goes, all 256 shards are there, time is passed in.

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

pub mod booked;
mod dice;
mod fragments;
pub mod large;
mod packets;
pub mod path;
pub mod scenario;
pub mod told;
pub mod twin;

use vpcemu_dataplane::conntrack::{Delta, Gauge};
use vpcemu_dataplane::counters::NatCounters;
use vpcemu_dataplane::engine::CacheCounters;
use vpcemu_dataplane::flow_log::Logged;
use vpcemu_dataplane::index::{EniIx, NatIx};
use vpcemu_dataplane::outcome::{CtState, Outcome, Rule};
use vpcemu_dataplane::output::GeneratedKind;
use vpcemu_dataplane::shard::key_of;
use vpcemu_dataplane::{
    Arrival, Component, Denial, DropReason, Ingress, Options, Output, Place, SHARDS, Shard, ShardMap, Stamp, Timeline,
    Timestamp, Verdict,
};
use vpcemu_model::{Network, native};
use vpcemu_packet::{FlowKey, Headers, Malformed, Offloads, Packet, Transport};

pub use dice::Dice;
pub use packets::{data, headers, ip, ping, reply_to, socket, syn, udp};
use twin::{Fate, Twin};

/// A compiled configuration, or several, with its shards and its clock.
#[derive(Debug)]
pub struct Lab {
    timeline: Arc<Timeline>,
    map: ShardMap,
    shards: Vec<Shard>,
    /// Says of every packet what the shards say.
    twin: Twin,
    offloads: Offloads,
    /// Fragments that wait for the first of their datagram, by their numbers.
    held: BTreeMap<u64, fragments::Held>,
    later: Vec<Sent>,
    /// What passed interfaces, where flow logs are counted.
    booked: booked::Booked,
    /// Active TCP mappings of all NAT gateways.
    active: i64,
    n: u64,
    now: Timestamp,
    generation: u32,
}

/// What became of a packet.
#[derive(Debug)]
pub struct Sent {
    /// Its number.
    pub n: u64,
    /// The engine's verdict.
    pub verdict: Verdict,
    /// The packet as it ended.
    pub bytes: Vec<u8>,
    /// The IP length that it came in with.
    pub length: u32,
    /// The pieces that it left in, if it was taken apart.
    pub pieces: Vec<Vec<u8>>,
    /// What is wrong with it, if it is not a datagram that a network would forward.
    pub malformed: Option<Malformed>,
    /// Where it ended, by id; none if it was dropped.
    pub place: Option<String>,
    /// Who dropped it.
    pub at: Option<String>,
    /// The rule that dropped it: a number, an id, or `*`.
    pub rule: Option<String>,
    /// The steps it took, as `kind id direction`.
    pub steps: Vec<String>,
    /// The rule that decided each step, `-` where there is none to ask.
    pub rules: Vec<String>,
    /// What a gateway made because of it: the kind, the packet, and where that ended.
    pub generated: Option<(GeneratedKind, Vec<u8>, Option<String>)>,
    /// The way of that packet.
    pub made: Option<Made>,
}

/// The way of a packet that a gateway made.
#[derive(Debug)]
pub struct Made {
    /// Its steps, as `kind id direction`.
    pub steps: Vec<String>,
    /// Why it was dropped, and by whom.
    pub dropped: Option<(DropReason, String)>,
    /// What connection tracking thought of it last.
    pub state: Option<CtState>,
}

impl Lab {
    /// The VPC of a native file's text. Panics if it does not load: it is part of the test.
    pub fn new(text: &str) -> Self {
        Self::then(&[text])
    }

    /// Several configurations that follow each other; [`Lab::switch`] puts the next one into force.
    pub fn then(texts: &[&str]) -> Self {
        let networks: Vec<_> = texts
            .iter()
            .map(|text| native::parse("lab.toml", text).unwrap_or_else(|error| panic!("{error}")).network)
            .collect();
        Self::of(&networks, Options::default())
    }

    /// Networks that were read elsewhere.
    pub fn of(networks: &[Network], options: Options) -> Self {
        let timeline = Arc::new(Timeline::compile(networks));
        let options = Options { record_steps: true, ..options };
        Self {
            map: ShardMap::new(&timeline),
            shards: (0..SHARDS).map(|_| Shard::new(Arc::clone(&timeline), options)).collect(),
            twin: Twin::new(&timeline, options),
            timeline,
            booked: booked::Booked::new(options.flow_log_window),
            offloads: Offloads::Strict,
            held: BTreeMap::new(),
            later: Vec::new(),
            active: 0,
            n: 0,
            now: Timestamp(1_000_000_000_000_000_000),
            generation: 0,
        }
    }

    /// Judges packets as a replay with these rules does, [`Offloads::Strict`] otherwise.
    pub fn offloads(&mut self, offloads: Offloads) {
        self.offloads = offloads;
    }

    /// Lets capture time pass.
    pub fn wait(&mut self, seconds: f64) {
        self.now = Timestamp(self.now.0 + (seconds * 1e9) as u64);
    }

    /// Puts the next configuration into force.
    pub fn switch(&mut self) {
        self.generation += 1;
    }

    /// The names behind the indices.
    pub fn timeline(&self) -> &Arc<Timeline> {
        &self.timeline
    }

    /// Every shard.
    pub fn shards(&self) -> &[Shard] {
        &self.shards
    }

    /// The shard function.
    pub fn map(&self) -> &ShardMap {
        &self.map
    }

    /// The interface with this id, or whose id ends in `-name`.
    pub fn eni(&self, name: &str) -> EniIx {
        let enis = &self.timeline.registry().enis;
        let names = &self.timeline.registry().eni_names;
        let found = enis.iter().find(|(eni, id)| {
            id.as_str() == name
                || id.as_str() == format!("eni-{name}")
                || names.get(eni).is_some_and(|of| &**of == name)
        });
        found.unwrap_or_else(|| panic!("no interface {name}")).0
    }

    /// A packet leaves an interface.
    pub fn leave(&mut self, eni: &str, datagram: Vec<u8>) -> Sent {
        let eni = self.eni(eni);
        self.enter(Ingress::Interface(eni), datagram)
    }

    /// A packet comes from the internet.
    pub fn arrive(&mut self, datagram: Vec<u8>) -> Sent {
        self.enter(Ingress::Internet, datagram)
    }

    /// A packet comes from beyond a VPC: over a peering connection, an attachment, a virtual private gateway, by id.
    pub fn come(&mut self, edge: &str, datagram: Vec<u8>) -> Sent {
        let ingress = self.beyond(edge);
        self.enter(ingress, datagram)
    }

    /// Where packets enter that come from beyond a VPC, by id.
    pub fn beyond(&self, edge: &str) -> Ingress {
        let found = self.timeline.registry().edges.find(&edge.into());
        Ingress::Edge(found.unwrap_or_else(|| panic!("nothing beyond: {edge}")))
    }

    /// A gateway endpoint answers an interface.
    pub fn answer(&mut self, endpoint: &str, eni: &str, datagram: Vec<u8>) -> Sent {
        let endpoints = &self.timeline.registry().endpoints;
        let endpoint = endpoints.find(&endpoint.into()).unwrap_or_else(|| panic!("no endpoint {endpoint}"));
        let eni = self.eni(eni);
        self.enter(Ingress::Endpoint(endpoint, eni), datagram)
    }

    /// A packet enters anywhere, as out of a capture: what is malformed is refused, what follows the datagram is cut off,
    /// fragments without their first are held. What becomes of those is told by [`Lab::take_later`].
    pub fn enter(&mut self, ingress: Ingress, mut datagram: Vec<u8>) -> Sent {
        self.n += 1;
        let length = u32::try_from(datagram.len()).unwrap_or(u32::MAX);
        match Headers::parse(&datagram, length, self.offloads) {
            Ok(headers) => {
                datagram.truncate(headers.total_len as usize);
                self.admit(ingress, headers, datagram)
            }
            Err(malformed) => {
                let key = FlowKey { src: UNKNOWN, dst: UNKNOWN, src_port: 0, dst_port: 0, protocol: 0, icmp_type: 0 };
                let refused = self.unwalked(self.n, dropped(DropReason::Malformed), key, datagram);
                Sent { malformed: Some(malformed), ..refused }
            }
        }
    }

    /// Walks a packet that has been admitted, with the transport header of its datagram.
    fn process(
        &mut self,
        stamp: Stamp,
        ingress: Ingress,
        headers: Headers,
        transport: Transport,
        mut bytes: Vec<u8>,
    ) -> Sent {
        let shard = self.map.shard(&headers);
        let came = bytes.clone();
        let mut packet = Packet::from_parts(&mut bytes, headers, headers.total_len);
        let mut out = Output::default();
        let captured = key_of(&packet, transport);
        let arrival = Arrival { stamp, ingress, captured, transport };
        let verdict = self.shards[usize::from(shard)].process(arrival, &mut packet, &mut out);
        let bytes = packet.bytes().to_vec();
        let came_as = (captured, headers.total_len, transport);
        self.booked.note(self.timeline.fabric(stamp.generation), stamp, came_as, &verdict, &out);
        self.twin_agrees(shard, arrival, (headers, came), &verdict, &bytes, &out);
        let (at, rule) = match verdict.outcome {
            Outcome::Dropped(denial) => {
                (denial.at.map(|at| self.component(at)), denial.rule.map(|rule| self.rule(rule)))
            }
            _ => (None, None),
        };
        Sent {
            n: stamp.n,
            verdict,
            place: self.place(verdict.outcome),
            at,
            rule,
            steps: out.steps.iter().map(|step| self.step(step)).collect(),
            rules: out
                .steps
                .iter()
                .map(|step| step.rule.map_or_else(|| "-".to_owned(), |rule| self.rule(rule)))
                .collect(),
            made: out.generated.as_ref().map(|made| Made {
                steps: made.steps.iter().map(|step| self.step(step)).collect(),
                dropped: match made.verdict.outcome {
                    Outcome::Dropped(denial) => {
                        Some((denial.reason, denial.at.map_or_else(|| "-".to_owned(), |at| self.component(at))))
                    }
                    _ => None,
                },
                state: made.verdict.state,
            }),
            generated: out.generated.map(|made| {
                let place = self.place(made.verdict.outcome);
                (made.kind, made.bytes, place)
            }),
            bytes,
            length: headers.total_len,
            pieces: out.pieces,
            malformed: None,
        }
    }

    /// The fate of a packet that did not walk.
    fn unwalked(&self, n: u64, outcome: Outcome, key: FlowKey, bytes: Vec<u8>) -> Sent {
        Sent {
            n,
            verdict: Verdict::stateless(outcome, key),
            place: None,
            at: None,
            rule: None,
            steps: Vec::new(),
            rules: Vec::new(),
            generated: None,
            made: None,
            length: u32::try_from(bytes.len()).unwrap_or(u32::MAX),
            bytes,
            pieces: Vec::new(),
            malformed: None,
        }
    }

    /// Walks a packet that is not expected to be well-formed, for what the walk does to it.
    pub fn walk(&mut self, ingress: Ingress, packet: &mut Packet<'_>) -> Verdict {
        self.n += 1;
        let stamp = Stamp { n: self.n, now: self.now, generation: self.generation };
        let shard = self.map.shard(packet.headers());
        let (arrival, headers, came) =
            (Arrival::new(stamp, ingress, packet), *packet.headers(), packet.bytes().to_vec());
        let mut out = Output::default();
        let verdict = self.shards[usize::from(shard)].process(arrival, packet, &mut out);
        self.twin_agrees(shard, arrival, (headers, came), &verdict, packet.bytes(), &out);
        verdict
    }

    /// The flow cache says and does the same.
    fn twin_agrees(
        &mut self,
        shard: u8,
        arrival: Arrival,
        (headers, came): (Headers, Vec<u8>),
        verdict: &Verdict,
        bytes: &[u8],
        out: &Output,
    ) {
        let generated = out.generated.as_ref().map(|made| (made.bytes.clone(), made.verdict));
        let walked = Fate { verdict: *verdict, bytes: bytes.to_vec(), pieces: out.pieces.clone(), generated };
        let cached = self.twin.enter(shard, arrival, headers, came);
        assert_eq!(cached, walked, "the flow cache disagrees with the walk");
    }

    /// Ends the last window of flow logs: what the engine with the cache has counted, which is what the steps of the packets
    /// tell.
    pub fn logged(&mut self) -> &[Logged] {
        self.booked.hand(self.twin.take_all_logged());
        self.booked.agree()
    }

    /// How the flow cache handled the packets so far.
    pub fn cache_counters(&self) -> CacheCounters {
        self.twin.counters()
    }

    /// Lets every shard reclaim what has expired, as the end of a window does.
    pub fn tick(&mut self) {
        let mut all = Vec::new();
        for shard in &mut self.shards {
            all.append(&mut shard.tick(self.now));
        }
        assert_eq!(total(&self.twin.tick(self.now)), total(&all));
        self.booked.hand(self.twin.take_logged(self.now));
        self.count_active(&all);
    }

    fn count_active(&mut self, deltas: &[Delta]) {
        let active = deltas.iter().filter(|delta| matches!(delta.gauge, Gauge::NatActive(_)));
        self.active += active.map(|delta| i64::from(delta.by)).sum::<i64>();
    }

    fn step(&self, step: &vpcemu_dataplane::outcome::Step) -> String {
        let direction = step.direction.map_or_else(String::new, |direction| format!(" {}", direction.name()));
        let denied = if step.allowed { "" } else { " DENY" };
        format!("{} {}{direction}{denied}", step.kind.name(), self.component(step.at))
    }

    fn place(&self, outcome: Outcome) -> Option<String> {
        let registry = self.timeline.registry();
        match outcome {
            Outcome::Delivered { at } => Some(match at {
                Place::Internet => "internet".to_owned(),
                Place::Interface(eni) => registry.enis.id(eni).to_string(),
                Place::Service(service) => service.name().to_owned(),
                Place::Endpoint(endpoint) => registry.endpoints.id(endpoint).to_string(),
                Place::Edge(edge) => registry.edges.id(edge).to_string(),
            }),
            _ => None,
        }
    }

    /// The id of a component.
    pub fn component(&self, component: Component) -> String {
        let registry = self.timeline.registry();
        match component {
            Component::Interface(eni) => registry.enis.id(eni).to_string(),
            Component::NetworkAcl(acl) => registry.acls.id(acl).to_string(),
            Component::RouteTable(table) => registry.tables.id(table).to_string(),
            Component::InternetGateway(igw) => registry.igws.id(igw).to_string(),
            Component::EgressOnly(eigw) => registry.eigws.id(eigw).to_string(),
            Component::NatGateway(nat) => registry.nats.id(nat).to_string(),
            Component::Endpoint(endpoint) => registry.endpoints.id(endpoint).to_string(),
            Component::Edge(edge) => registry.edges.id(edge).to_string(),
            Component::Service(service) => service.name().to_owned(),
        }
    }

    fn rule(&self, rule: Rule) -> String {
        match rule {
            Rule::SecurityGroup(rule) => self.timeline.registry().rules.id(rule).to_string(),
            Rule::NetworkAcl(number) => number.to_string(),
            Rule::ImplicitDeny => "*".to_owned(),
            Rule::Route(route) => format!("route {route}"),
        }
    }

    /// Sum of a NAT gateway's counters over all shards.
    pub fn nat_counters(&self, id: &str) -> NatCounters {
        let nat = self.timeline.registry().nats.find(&id.into()).unwrap_or_else(|| panic!("no NAT gateway {id}"));
        self.sum_of_nat(nat)
    }

    /// Sum of all NAT gateways' counters.
    pub fn all_nat_counters(&self) -> NatCounters {
        let mut sum = NatCounters::default();
        for (nat, _) in self.timeline.registry().nats.iter() {
            sum += self.sum_of_nat(nat);
        }
        sum
    }

    fn sum_of_nat(&self, nat: NatIx) -> NatCounters {
        let mut sum = NatCounters::default();
        for shard in &self.shards {
            sum += shard.nat_counters(nat);
        }
        // What the shards count at death is counted there when they notice it.
        let comparable = |counters: NatCounters| NatCounters { idle_timeout: 0, ..counters };
        assert_eq!(comparable(self.twin.nat_counters(nat)), comparable(sum));
        sum
    }

    /// Active TCP mappings of all NAT gateways (4.37), as of the last call of [`Lab::connections`] or [`Lab::tick`].
    pub fn active(&self) -> i64 {
        self.active
    }

    /// Entries in the connection table of an instance, or of an interface that belongs to none, where they are limited (6.19).
    pub fn tracked(&mut self, host: &str) -> u32 {
        let host = self.timeline.registry().hosts.find(&host.into()).unwrap_or_else(|| panic!("no instance {host}"));
        self.shards.iter_mut().map(|shard| shard.tracked(host, self.now)).sum()
    }

    /// Connections created and expired, over all shards, once everything that has expired by now is counted.
    pub fn connections(&mut self) -> (u64, u64) {
        let mut sum = (0, 0);
        let mut all = Vec::new();
        for shard in &mut self.shards {
            all.append(&mut shard.finish(self.now));
            let counters = shard.connections();
            sum = (sum.0 + counters.created, sum.1 + counters.expired);
        }
        let (deltas, counters) = self.twin.finish(self.now);
        assert_eq!((counters.created, counters.expired), sum);
        assert_eq!(total(&deltas), total(&all));
        self.count_active(&all);
        sum
    }
}

/// Changes of gauges, by gauge and second: those of one second may come in any order.
fn total(deltas: &[Delta]) -> BTreeMap<(Gauge, u64), i64> {
    let mut total = BTreeMap::new();
    for delta in deltas {
        *total.entry((delta.gauge, delta.second)).or_default() += i64::from(delta.by);
    }
    total.retain(|_, by| *by != 0);
    total
}

/// The address of a packet whose addresses nobody can read.
const UNKNOWN: IpAddr = IpAddr::V4(std::net::Ipv4Addr::UNSPECIFIED);

/// A drop at no component.
fn dropped(reason: DropReason) -> Outcome {
    Outcome::Dropped(Denial { reason, at: None, direction: None, rule: None })
}

impl Sent {
    /// Why it was dropped.
    pub fn reason(&self) -> Option<DropReason> {
        match self.verdict.outcome {
            Outcome::Dropped(denial) => Some(denial.reason),
            _ => None,
        }
    }

    /// The packet's key as it ended.
    pub fn key(&self) -> FlowKey {
        self.headers().key()
    }

    /// The packet's headers as it ended. Every checksum is judged.
    pub fn headers(&self) -> Headers {
        headers(&self.bytes)
    }

    /// Asserts that it was delivered to `place`.
    #[track_caller]
    pub fn delivered(self, place: &str) -> Self {
        assert_eq!(self.place.as_deref(), Some(place), "dropped: {:?} at {:?}", self.reason(), self.at);
        // What leaves the engine has right checksums, or it panics here.
        let _ = self.headers();
        self
    }

    /// Asserts that it was dropped, where, and why.
    #[track_caller]
    pub fn dropped(self, reason: DropReason, at: &str) -> Self {
        assert_eq!(self.reason(), Some(reason), "ended at {:?} {:?}", self.place, self.at);
        assert_eq!(self.at.as_deref().unwrap_or("-"), at);
        self
    }

    /// Asserts the source that it left with.
    #[track_caller]
    pub fn source(self, source: &str) -> Self {
        assert_eq!(self.headers().src, source.parse::<IpAddr>().unwrap_or_else(|_| panic!("{source}")));
        self
    }

    /// Asserts the destination that it left with.
    #[track_caller]
    pub fn destination(self, destination: &str) -> Self {
        let expected: SocketAddr = destination.parse().unwrap_or_else(|_| panic!("{destination}"));
        assert_eq!((self.key().dst, self.key().dst_port), (expected.ip(), expected.port()));
        self
    }

    /// Asserts the steps.
    #[track_caller]
    pub fn steps(self, expected: &[&str]) -> Self {
        assert_eq!(self.steps, expected);
        self
    }

    /// The answer to it: addresses and ports swapped, the same protocol; flags are those of a reply.
    pub fn reply(&self) -> Vec<u8> {
        let headers = self.headers();
        reply_to(&headers)
    }
}
