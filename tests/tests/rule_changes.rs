//! Rules that change under traffic: what was tracked goes on exactly when rule 6.18 says so.
//!
//! The oracle is written from the rule's text and from the model, not from what the engine makes of it. Every interface has
//! a list of what it tracks; a packet that belongs to none of it is judged by the rules in force; and what an interface tracks
//! is lost as soon as any configuration since would not have tracked it.

mod random;

use std::collections::HashMap;
use std::net::IpAddr;
use std::ops::AddAssign;
use std::sync::Arc;

use proptest::prelude::*;
use random::{Topology, Traffic, changed};
use vpcemu_dataplane::fabric::NextHop;
use vpcemu_dataplane::index::EniIx;
use vpcemu_dataplane::outcome::{CtState, Direction, Outcome, Rule, Step, StepKind};
use vpcemu_dataplane::{
    Arrival, Component, Ingress, Midstream, Options, Output, Place, SHARDS, Shard, Stamp, Timestamp,
};
use vpcemu_model::behavior::RstOnUnknown;
use vpcemu_model::{
    IcmpTypeCode, Id, Network, NetworkInterface, Peer, PortRange, Ports, Protocol, SecurityGroup, SecurityGroupRule,
    native,
};
use vpcemu_packet::{FlowKey, Offloads, Packet, TcpFlags, Transport, build};
use vpcemu_tests::{Dice, Lab, headers, reply_to};

/// Configurations of a run.
const GENERATIONS: usize = 12;
/// Packets of a run, and the time between two: no timer runs out (6.16).
const PACKETS: u64 = 300;
const PAUSE: u64 = 5_000_000;

proptest! {
    #![proptest_config(ProptestConfig { cases: 100, ..ProptestConfig::default() })]

    #[test]
    fn what_is_tracked_survives_exactly_when_every_configuration_since_would_track_it(seed: u64) {
        run(seed)?;
    }
}

/// That the property is about something: every way to go on and to end occurs, and often.
#[test]
fn every_way_to_go_on_and_to_end_occurs() {
    let mut met = Met::default();
    for seed in 0..240 {
        met += run(seed).unwrap_or_else(|error| panic!("seed {seed}: {error}"));
    }
    let Met { outlived, forced, ended, ended_in_between, died_untracked } = met;
    for count in [outlived, forced, ended, ended_in_between, died_untracked] {
        assert!(count > 50, "{met:?}");
    }
}

/// How often something was met.
#[derive(Clone, Copy, Debug, Default)]
struct Met {
    /// A tracked flow went on although no rule would have admitted it.
    outlived: u32,
    /// It went on although a configuration would not have tracked it, since its path forces that (6.20).
    forced: u32,
    /// It was lost, since a configuration would not have tracked it.
    ended: u32,
    /// Likewise, and that configuration was over already.
    ended_in_between: u32,
    /// A packet of a flow that had passed untracked was denied.
    died_untracked: u32,
}

impl AddAssign for Met {
    fn add_assign(&mut self, other: Self) {
        self.outlived += other.outlived;
        self.forced += other.forced;
        self.ended += other.ended;
        self.ended_in_between += other.ended_in_between;
        self.died_untracked += other.died_untracked;
    }
}

/// One random VPC or several, with rules that change under random traffic.
fn run(seed: u64) -> Result<Met, TestCaseError> {
    let topology = if seed.is_multiple_of(2) { Topology::wide(seed) } else { Topology::random(seed) };
    let mut dice = Dice::new(seed ^ 0x1618);
    let mut first = native::parse("random.toml", &topology.text()).unwrap_or_else(|error| panic!("{error}")).network;
    // A RST of a gateway would change what is tracked without a packet of the test's.
    first.behavior.nat_gateway.rst_on_unknown = RstOnUnknown::Never;
    let mut networks = vec![first];
    for generation in 1..GENERATIONS {
        let next = changed(&networks[generation - 1], generation, &mut dice);
        networks.push(next);
    }
    let options = Options { midstream: Midstream::Strict, record_steps: true, ..Options::default() };
    let lab = Lab::of(&networks, options);
    let mut shards: Vec<_> = (0..SHARDS).map(|_| Shard::new(Arc::clone(lab.timeline()), options)).collect();
    let mut oracle =
        Oracle { networks: &networks, lab: &lab, tracked: HashMap::new(), untracked: Vec::new(), met: Met::default() };
    let mut traffic = Traffic::new(&topology, seed);
    let mut answers: Vec<(Ingress, Vec<u8>)> = Vec::new();
    let mut generation = 0;
    for n in 1..=PACKETS {
        if dice.chance(8) && generation + 1 < GENERATIONS as u32 {
            let left = GENERATIONS as u64 - 1 - u64::from(generation);
            generation += 1 + dice.roll(left.min(3)) as u32;
        }
        let (ingress, mut bytes) = match answers.len() as u64 {
            known if known > 0 && dice.chance(65) => answers[dice.roll(known) as usize].clone(),
            _ => traffic.opening(&lab),
        };
        let sent = bytes.clone();
        let length = bytes.len() as u32;
        let mut packet = Packet::parse(&mut bytes, length, Offloads::Strict).unwrap_or_else(|error| panic!("{error}"));
        let shard = usize::from(lab.map().shard(packet.headers()));
        let stamp = Stamp { n, now: Timestamp(1_000_000_000_000_000_000 + n * PAUSE), generation };
        let mut out = Output::default();
        let arrival = Arrival::new(stamp, ingress, &packet);
        let verdict = shards[shard].process(arrival, &mut packet, &mut out);
        prop_assert!(out.generated.is_none(), "somebody answers, and changes what is tracked: {:?}", out.generated);
        oracle.judge(generation as usize, ingress, opens(arrival.transport), &out.steps)?;
        let back = match verdict.outcome {
            Outcome::Delivered { at: Place::Interface(eni) } => Some(Ingress::Interface(eni)),
            Outcome::Delivered { at: Place::Internet } => Some(Ingress::Internet),
            _ => None,
        };
        if let Some(back) = back {
            answers.push((ingress, continued(&sent)));
            answers.push((back, reply_to(&headers(&bytes))));
        }
    }
    Ok(oracle.met)
}

/// The next packet of a flow in the same direction: of TCP no SYN.
fn continued(sent: &[u8]) -> Vec<u8> {
    let of = headers(sent);
    let key = of.key();
    match of.transport {
        Transport::Tcp { .. } => {
            let [from, to] = [(key.src, key.src_port), (key.dst, key.dst_port)].map(Into::into);
            build::tcp(from, to).flags(TcpFlags::ACK | TcpFlags::PSH).seq(7).ack(9).payload(b"data").build()
        }
        _ => sent.to_vec(),
    }
}

fn opens(transport: Transport) -> bool {
    matches!(transport, Transport::Tcp { flags, .. } if flags.contains(TcpFlags::SYN) && !flags.contains(TcpFlags::ACK))
}

/// What an interface tracks.
#[derive(Clone, Copy, Debug)]
struct Tracked {
    original: FlowKey,
    opened: Direction,
    /// The configuration that it was made under.
    since: usize,
    /// Whether its path forces it to be tracked (6.20).
    forced: bool,
}

struct Oracle<'a> {
    networks: &'a [Network],
    lab: &'a Lab,
    tracked: HashMap<(EniIx, Direction, FlowKey), Tracked>,
    /// What passed untracked, there and back.
    untracked: Vec<(EniIx, Direction, FlowKey)>,
    met: Met,
}

impl Oracle<'_> {
    /// Compares a walk with what the rules say, interface by interface.
    fn judge(&mut self, now: usize, ingress: Ingress, opens: bool, steps: &[Step]) -> Result<(), TestCaseError> {
        for (at, step) in steps.iter().enumerate() {
            let (Component::Interface(eni), StepKind::SecurityGroup, Some(direction)) =
                (step.at, step.kind, step.direction)
            else {
                continue;
            };
            let place = (eni, direction, step.key);
            let peers = self.peers(now, ingress, &steps[..at], place);
            let rules = self.rules(now, place, &peers);
            if let Some(known) = self.known(now, place) {
                prop_assert!(step.allowed, "{known:?} is tracked, {step:?}");
                prop_assert_ne!(step.state, Some(CtState::Untracked));
                self.met.outlived += u32::from(!rules.admits);
                continue;
            }
            prop_assert_eq!(step.allowed, rules.admits, "{:?} is judged by the rules of {}", step, now);
            if !rules.admits {
                self.met.died_untracked += u32::from(self.untracked.contains(&place));
                continue;
            }
            // An answer is as untracked as what it answers (6.15).
            let reversed = (eni, direction.reversed(), step.key.reversed());
            let untracked = rules.open || (!opens && self.rules(now, reversed, &[]).open);
            prop_assert_eq!(step.state == Some(CtState::Untracked), untracked, "{:?}", step);
            let forced = self.forced(now, &steps[..at], &steps[at..]);
            if untracked && !forced {
                self.untracked.extend([place, reversed]);
            } else if committed(direction, steps.get(at + 1)) {
                let new = Tracked { original: step.key, opened: direction, since: now, forced };
                self.tracked.insert(place, new);
                self.tracked.insert(reversed, new);
            }
        }
        Ok(())
    }

    /// What the interface tracks of a flow: as long as every configuration since has tracked it (6.18).
    fn known(&mut self, now: usize, place: (EniIx, Direction, FlowKey)) -> Option<Tracked> {
        let known = *self.tracked.get(&place)?;
        let (eni, opening) = (place.0, (place.0, known.opened, known.original));
        let open: Vec<_> = (known.since + 1..=now).map(|then| self.rules(then, opening, &[]).open).collect();
        if !open.contains(&true) {
            return Some(known);
        }
        if known.forced {
            self.met.forced += 1;
            return Some(known);
        }
        self.met.ended += 1;
        self.met.ended_in_between += u32::from(open.last() == Some(&false));
        self.tracked.remove(&(eni, known.opened, known.original));
        self.tracked.remove(&(eni, known.opened.reversed(), known.original.reversed()));
        None
    }

    /// What the rules of a configuration say of a packet at an interface.
    fn rules(&self, generation: usize, (eni, direction, key): (EniIx, Direction, FlowKey), peers: &[Id]) -> Said {
        let interface = self.interface(generation, eni);
        let groups = self.groups(generation, interface);
        let there = admitted(&groups, direction, &key, peers);
        let back = everything(&groups, direction.reversed(), &key);
        // Only TCP and UDP may go untracked (6.15).
        Said { admits: there.admits, open: there.open && back && matches!(key.protocol, 6 | 17) }
    }

    /// The groups whose members the other side is one of, as far as the interface can tell (6.10, 6.12).
    fn peers(
        &self,
        now: usize,
        ingress: Ingress,
        before: &[Step],
        (eni, direction, key): (EniIx, Direction, FlowKey),
    ) -> Vec<Id> {
        let translated = before
            .iter()
            .any(|step| matches!(step.kind, StepKind::Nat | StepKind::InternetGateway | StepKind::EgressOnly));
        let other = match (direction, ingress) {
            (Direction::Ingress, Ingress::Interface(sender)) if !translated => Some(self.interface(now, sender)),
            (Direction::Ingress, _) => None,
            // These VPCs have no routes that are more specific than local.
            (Direction::Egress, _) => self.neighbour(now, eni, key.dst),
        };
        other.map(|other| other.security_groups.clone()).unwrap_or_default()
    }

    fn neighbour(&self, now: usize, eni: EniIx, address: IpAddr) -> Option<&NetworkInterface> {
        let network = &self.networks[now];
        let vpc = |interface: &NetworkInterface| network.subnet(&interface.subnet).map(|subnet| subnet.vpc.clone());
        let own = vpc(self.interface(now, eni));
        network.interfaces.iter().find(|other| vpc(other) == own && other.addresses().any(|its| its == address))
    }

    /// Whether the path leads, or led, through a gateway whose connections are always tracked (6.20).
    fn forced(&self, now: usize, before: &[Step], after: &[Step]) -> bool {
        let gateway = |step: &Step| matches!(step.kind, StepKind::Nat | StepKind::EgressOnly);
        let route = after.iter().take_while(|step| !gateway(step)).find_map(|step| match (step.at, step.rule) {
            (Component::RouteTable(table), Some(Rule::Route(route))) => Some((table, route)),
            _ => None,
        });
        let leads = |(table, route)| {
            let routes = self.lab.timeline().fabric(now as u32).table(table)?.routes();
            routes.map(|(_, next)| next).nth(route as usize)
        };
        let next = route.filter(|_| after[0].direction == Some(Direction::Egress)).and_then(leads);
        // What left another VPC by such a gateway comes from the internet like anything else.
        let last = before.iter().rfind(|step| gateway(step) || step.kind == StepKind::InternetGateway);
        let translated = before.iter().any(|step| step.kind == StepKind::Nat);
        translated || last.is_some_and(gateway) || matches!(next, Some(NextHop::NatGateway(_) | NextHop::EgressOnly(_)))
    }

    fn interface(&self, generation: usize, eni: EniIx) -> &NetworkInterface {
        let id = self.lab.timeline().registry().enis.id(eni);
        self.networks[generation].interface(id).unwrap_or_else(|| panic!("no {id}"))
    }

    fn groups(&self, generation: usize, interface: &NetworkInterface) -> Vec<&SecurityGroup> {
        let all = &self.networks[generation].security_groups;
        all.iter().filter(|group| interface.security_groups.contains(&group.id)).collect()
    }
}

/// What rules say of a packet.
struct Said {
    admits: bool,
    /// One that admits it is about everyone, and everything may come back (6.15).
    open: bool,
}

fn rules<'a>(groups: &[&'a SecurityGroup], direction: Direction) -> Vec<&'a SecurityGroupRule> {
    let of = |group: &&'a SecurityGroup| match direction {
        Direction::Ingress => &group.ingress,
        Direction::Egress => &group.egress,
    };
    groups.iter().flat_map(of).collect()
}

/// The union of the groups (6.2): any rule that matches admits.
fn admitted(groups: &[&SecurityGroup], direction: Direction, key: &FlowKey, peers: &[Id]) -> Said {
    let address = match direction {
        Direction::Ingress => key.src,
        Direction::Egress => key.dst,
    };
    let mut said = Said { admits: false, open: false };
    for rule in rules(groups, direction) {
        let protocol = match rule.protocol {
            Protocol::All => true,
            Protocol::Number(number) => number == key.protocol,
        };
        let ports = match (rule.ports, rule.protocol) {
            (Ports::Range(range), Protocol::Number(6 | 17)) => range.from <= key.dst_port && key.dst_port <= range.to,
            (Ports::Icmp(IcmpTypeCode { kind, code }), Protocol::Number(1 | 58)) => {
                kind.is_none_or(|kind| kind == key.icmp_type) && code.is_none_or(|code| code == 0)
            }
            _ => true,
        };
        let peer = match &rule.peer {
            Peer::Cidr(net) => net.contains(&address),
            Peer::SecurityGroup(group) => peers.contains(group),
            Peer::PrefixList(_) => false, // these VPCs have none
        };
        if protocol && ports && peer {
            said.admits = true;
            said.open |= matches!(rule.peer, Peer::Cidr(net) if net.prefix_len() == 0);
        }
    }
    said
}

/// Whether everyone of the family is admitted on every port of the protocol.
fn everything(groups: &[&SecurityGroup], direction: Direction, key: &FlowKey) -> bool {
    rules(groups, direction).into_iter().any(|rule| {
        let everyone = matches!(rule.peer, Peer::Cidr(net) if net.prefix_len() == 0 && net.contains(&key.src));
        let every_port = match (rule.protocol, rule.ports) {
            (Protocol::All, _) => true,
            (Protocol::Number(number), Ports::Any) => number == key.protocol,
            (Protocol::Number(number), Ports::Range(range)) => {
                number == key.protocol && range == PortRange { from: 0, to: 65535 }
            }
            _ => false,
        };
        everyone && every_port
    })
}

/// Whether the packet passed the boundary behind the interface, so that it is remembered (6.22).
fn committed(direction: Direction, next: Option<&Step>) -> bool {
    match (direction, next) {
        (Direction::Egress, None) => false,
        (Direction::Egress, Some(next)) => next.allowed || !matches!(next.kind, StepKind::NetworkAcl | StepKind::Route),
        (Direction::Ingress, next) => next.is_none_or(|next| next.allowed || next.kind != StepKind::Check),
    }
}
