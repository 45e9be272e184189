//! The built-in scenarios: which packets, and what state they meet.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;

use vpcemu_dataplane::{Options, Timeline, Timestamp};
use vpcemu_model::Network;
use vpcemu_packet::FlowKey;
use vpcemu_traffic::{Direction, Load, Packet, Side, Sizes};

use super::network;
use super::packets::{Entrances, Packets};
use super::rig::Rig;
use crate::args::{PacketSize, Scenario};
use crate::error::Error;

/// What a row asks for.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Request {
    pub(crate) scenario: Scenario,
    pub(crate) flows: u32,
    pub(crate) workers: usize,
    pub(crate) size: PacketSize,
    pub(crate) rules: u16,
    pub(crate) remotes: u32,
}

/// A scenario whose flows are open.
pub(crate) struct Ready {
    pub(crate) network: Network,
    pub(crate) rig: Rig,
    /// What opened the flows, before any translation, with their answers: what a capture has to begin with.
    pub(crate) opening: Packets,
    /// What is measured.
    pub(crate) packets: Arc<Packets>,
    /// Packets that bring the engine into the state that is measured.
    pub(crate) warm_up: u64,
    /// Entries for the reference: two directions a flow.
    pub(crate) entries: usize,
}

/// Remotes outside: the block for benchmarks (RFC 2544), and one for documentation.
pub(crate) const REMOTES: Ipv4Addr = Ipv4Addr::new(198, 18, 0, 0);
pub(crate) const MAX_REMOTES: u32 = 1 << 17;
pub(crate) const REMOTES_V6: Ipv6Addr = Ipv6Addr::new(0x2001, 0xdb8, 0xffff, 0, 0, 0, 0, 0);

/// Flows to one remote: a NAT gateway has 55,000 ports for them (4.12), and needs some free ones to find one.
pub(crate) const FLOWS_A_REMOTE: u32 = 50_000;

/// What a UDP mapping of a NAT gateway lives for without packets (4.24), in nanoseconds.
const UDP_IDLE: u64 = 350_000_000_000;

/// From one packet of a known flow to the next, over all flows: short enough that a million flows meet again long
/// before the 180 s of a stream (6.16).
const INTERVAL: u64 = 1_000;

/// Packets in a loop at least: two thirds of a chunk would be left empty by fewer.
const LOOP: u32 = 4096;

/// With churn every flow that stays is met once in so many nanoseconds, and twice within the minute that a mapping lives
/// there; three rounds are longer than that minute, so that flows of the loop before are gone.
const CHURN_ROUND: u64 = 25_000_000_000;
const CHURN_ROUNDS: u32 = 3;

/// Packets of known flows for one of a new flow.
const KNOWN_FOR_NEW: usize = 9;

impl Request {
    /// Remotes or servers that there are, and are used.
    pub(crate) fn peers(&self) -> u32 {
        let most = if self.is_inside() { network::MAX_SERVERS } else { MAX_REMOTES };
        self.remotes.min(most)
    }

    fn is_inside(&self) -> bool {
        matches!(self.scenario, Scenario::SgEstablished | Scenario::Nacl)
    }

    /// Opens the flows, and makes the packets.
    pub(crate) fn prepare(&self) -> Result<Ready, Error> {
        let network = network::of(self.scenario, self.rules, self.peers().min(self.flows.max(1)))?;
        let timeline = Arc::new(Timeline::compile(std::slice::from_ref(&network)));
        let entrances = Entrances::new(&network, &timeline);
        // As AWS sums up at least (9.3): windows end often.
        let flow_log_window = (self.scenario == Scenario::FlowLogs).then_some(60);
        let options = Options { flow_log_window, ..Options::default() };
        let mut rig = Rig::new(&timeline, self.workers, Timestamp(START), options);
        let mut opening = Packets::default();
        let load = self.load();
        let (packets, warm_up, entries);
        if self.scenario == Scenario::NatNew {
            let distinct = self
                .flows
                .saturating_mul(2)
                .max(8 * LOOP)
                .min(u32::try_from(load.sides[0].capacity()).unwrap_or(u32::MAX));
            let interval = UDP_IDLE / u64::from(self.flows);
            let load = Load { flows: 1, new_flows: 1.0, interval_ns: interval, start_ns: 0, ..load };
            packets = self.all_new(&load, distinct, &entrances)?;
            // As many as will be alive, and one round of the wheel on top.
            warm_up = u64::from(self.flows) + u64::from(LOOP);
            entries = self.flows as usize;
        } else {
            let answers = self.open(&load, &mut rig, &entrances, &mut opening)?;
            packets = self.known(&load, &answers, &entrances)?;
            // Every direction of a flow walks once more and is remembered then; the second time all are known.
            warm_up = 2 * packets.len() as u64;
            entries = 2 * self.flows as usize + packets.items.iter().filter(|item| item.opens).count();
        }
        Ok(Ready { network, rig, opening, packets: Arc::new(packets), warm_up, entries })
    }

    fn load(&self) -> Load {
        let v4 = |text: &str| text.parse().unwrap_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED)); // constants, which parse
        let outside = IpAddr::V4(REMOTES);
        let side = match self.scenario {
            Scenario::Igw => Side::new(v4(network::PUBLIC), outside).opened(Direction::Inbound),
            Scenario::SgEstablished | Scenario::Nacl => Side::new(v4(network::PRIVATE), IpAddr::V4(network::SERVERS)),
            Scenario::Eigw => Side::new(v4(network::PRIVATE_V6), IpAddr::V6(REMOTES_V6)),
            Scenario::NatEstablished
            | Scenario::NatNew
            | Scenario::VpcPath
            | Scenario::FlowLogs
            | Scenario::Churn
            | Scenario::Replay => Side::new(v4(network::PRIVATE), outside),
        };
        let sizes = match self.size {
            PacketSize::Small => Sizes::Fixed(64),
            PacketSize::Imix => Sizes::Imix,
            PacketSize::Full => Sizes::Fixed(1500),
        };
        let side = side.remotes(self.peers());
        Load { flows: self.flows, sizes, interval_ns: INTERVAL, start_ns: 0, ..Load::new(vec![side]) }
    }

    /// Opens every flow: a packet, its answer, and a packet again, by which UDP is a stream. Gives the addresses that
    /// answers to each flow have.
    fn open(
        &self,
        load: &Load,
        rig: &mut Rig,
        entrances: &Entrances,
        opening: &mut Packets,
    ) -> Result<Vec<(SocketAddr, SocketAddr)>, Error> {
        let mut answers = vec![(UNKNOWN, UNKNOWN); self.flows as usize];
        for packet in load.generate().take(self.flows as usize) {
            let bytes = packet.bytes();
            let left = rig.walk(entrances, &mut bytes.clone(), INTERVAL);
            let left = left.ok_or_else(|| self.refused("packet that opens", packet.flow))?;
            let answer = (SocketAddr::new(left.dst, left.dst_port), SocketAddr::new(left.src, left.src_port));
            let answering = packet.readdressed(answer.0, answer.1);
            let back = rig.walk(entrances, &mut answering.clone(), INTERVAL);
            back.ok_or_else(|| self.refused("first answer of", packet.flow))?;
            let again = rig.walk(entrances, &mut bytes.clone(), INTERVAL);
            again.ok_or_else(|| self.refused("second packet of", packet.flow))?;
            if self.scenario == Scenario::Replay {
                for datagram in [&bytes, &answering] {
                    self.push(opening, datagram, entrances, opening.len() as u64 * INTERVAL, false)?;
                }
            }
            answers[packet.flow as usize] = answer;
        }
        Ok(answers)
    }

    /// Packets of open flows, in either direction; with churn, packets that open others among them.
    fn known(
        &self,
        load: &Load,
        answers: &[(SocketAddr, SocketAddr)],
        entrances: &Entrances,
    ) -> Result<Packets, Error> {
        let churn = self.scenario == Scenario::Churn;
        let rounds = LOOP.div_ceil(self.flows).max(if churn { CHURN_ROUNDS } else { 2 });
        let count = rounds as usize * self.flows as usize;
        let total = if churn { count + count.div_ceil(KNOWN_FOR_NEW) } else { count };
        let period = if churn { u64::from(rounds) * CHURN_ROUND } else { total as u64 * INTERVAL };
        let service = load.sides[0].service(CHURN_PORT);
        let mut others = Load { flows: 1, new_flows: 1.0, sides: vec![service], seed: 2, ..load.clone() }.generate();
        let mut packets = Packets { period, ..Packets::default() };
        let time = |at: usize| (at as u128 * u128::from(period) / total as u128) as u64;
        // The generator's first round opened the flows.
        for (at, packet) in load.generate().skip(self.flows as usize).take(count).enumerate() {
            if churn
                && at % KNOWN_FOR_NEW == 0
                && let Some(new) = others.next()
            {
                let after = time(packets.len());
                self.push(&mut packets, &new.bytes(), entrances, after, true)?;
            }
            let after = time(packets.len());
            self.push(&mut packets, &on_the_wire(&packet, answers), entrances, after, false)?;
        }
        Ok(packets)
    }

    /// Packets each of which opens a flow.
    fn all_new(&self, load: &Load, count: u32, entrances: &Entrances) -> Result<Packets, Error> {
        let mut packets = Packets { period: u64::from(count) * load.interval_ns, ..Packets::default() };
        for packet in load.generate().take(count as usize) {
            self.push(&mut packets, &packet.bytes(), entrances, packet.time_ns, true)?;
        }
        Ok(packets)
    }

    fn push(
        &self,
        packets: &mut Packets,
        datagram: &[u8],
        entrances: &Entrances,
        after: u64,
        opens: bool,
    ) -> Result<(), Error> {
        let ingress = entrances.of(source(datagram));
        if packets.push(datagram, Some(ingress), after, opens) {
            return Ok(());
        }
        let (flows, most) = (self.flows, super::packets::MAX_BYTES >> 30);
        Err(Error::Usage(format!("--flows {flows}: the packets of one loop would take more than {most} GiB")))
    }

    fn refused(&self, which: &str, flow: u64) -> Error {
        let name = super::row::name(self.scenario);
        Error::Invalid(format!(
            "{name}: the {which} flow {flow} was dropped, which no packet of this scenario should be"
        ))
    }
}

/// The time at which every built-in load begins, in nanoseconds since the epoch: a morning in 2025.
const START: u64 = 1_750_000_000_000_000_000;

/// Where flows of the churn go, so that they are not those that stay.
const CHURN_PORT: u16 = 8443;

const UNKNOWN: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::UNSPECIFIED), 0);

/// A packet as it comes to the VPC: answers go to the addresses that the flow left with.
fn on_the_wire(packet: &Packet, answers: &[(SocketAddr, SocketAddr)]) -> Vec<u8> {
    match answers.get(packet.flow as usize) {
        Some((source, destination)) if !packet.by_opener() => packet.readdressed(*source, *destination),
        _ => packet.bytes(),
    }
}

/// The source of a datagram that was made right.
fn source(datagram: &[u8]) -> IpAddr {
    let len = u32::try_from(datagram.len()).unwrap_or(u32::MAX);
    let headers = vpcemu_packet::Headers::parse(datagram, len, vpcemu_packet::Offloads::Strict);
    let key = headers.map(|headers| headers.key());
    key.map_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED), |FlowKey { src, .. }| src)
}
