//! Ports of a NAT gateway against a model of its pools: who gets one, who does not, and nobody shares one (4.11-4.16, 4.28).

mod random;

use std::collections::HashMap;
use std::net::IpAddr;

use proptest::prelude::*;
use random::{Rig, Walked};
use vpcemu_dataplane::{DropReason, Ingress, Options};
use vpcemu_packet::{TcpFlags, build};
use vpcemu_tests::{headers, ping, socket, udp};

const SECOND: u64 = 1_000_000_000;

/// Two clients behind a gateway of so many addresses.
fn network(addresses: u8, knobs: &str) -> String {
    let pair = |one: u8| format!("{{ private = \"10.0.0.{}\", public = \"203.0.113.{}\" }}", 200 + one, 20 + one);
    let all: Vec<_> = (0..addresses).map(pair).collect();
    let text = random::PRIVATE
        .replace("{ private = \"10.0.0.200\", public = \"203.0.113.20\" }", &all.join(", "))
        .replace("ingress = []", "ingress = [{ proto = \"all\", from = \"0.0.0.0/0\" }]");
    format!(
        "{text}\n[instance.two]\nsubnet = \"private\"\naddresses = [\"10.0.1.11\"]\nsecurity_groups = [\"all\"]\n\
         [behavior.nat_gateway]\n{knobs}\n"
    )
}

#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
enum Protocol {
    Tcp,
    Udp,
    Echo,
}

/// An inside tuple: host, port or id, remote.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
struct Flow {
    protocol: Protocol,
    second: bool,
    port: u16,
    remote: u8,
}

#[derive(Clone, Copy, Debug)]
enum Move {
    /// The first packet of a flow, or the same again.
    Open(Flow),
    /// SYN-ACK and ACK of a flow, or the answer of a remote.
    Answer(Flow),
    /// FIN both ways.
    Close(Flow),
    /// RST of the inside, or of the remote.
    Reset(Flow, bool),
    /// Data out of the inside, whether or not there is a mapping.
    Data(Flow),
    /// Tenths of a second.
    Wait(u64),
}

fn flow() -> impl Strategy<Value = Flow> {
    let protocol = prop_oneof![3 => Just(Protocol::Tcp), 1 => Just(Protocol::Udp), 1 => Just(Protocol::Echo)];
    (protocol, any::<bool>(), 0..6u16, 0..2u8).prop_map(|(protocol, second, port, remote)| Flow {
        protocol,
        second,
        port: 4000 + port,
        remote,
    })
}

fn moves() -> impl Strategy<Value = Vec<Move>> {
    let one = prop_oneof![
        8 => flow().prop_map(Move::Open),
        4 => flow().prop_map(Move::Answer),
        2 => flow().prop_map(Move::Close),
        2 => (flow(), any::<bool>()).prop_map(|(flow, outside)| Move::Reset(flow, outside)),
        1 => flow().prop_map(Move::Data),
        2 => prop_oneof![Just(1), Just(99), Just(100), Just(500), Just(600), Just(3500), 0..700u64].prop_map(Move::Wait),
    ];
    proptest::collection::vec(one, 1..120)
}

/// How far a mapping has come.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Stage {
    HalfOpen,
    Open,
    Closed,
    Reset,
    Datagrams,
}

impl Stage {
    fn lease(self) -> u64 {
        SECOND
            * match self {
                Self::HalfOpen | Self::Closed => 60,
                Self::Open | Self::Datagrams => 350,
                Self::Reset => 10,
            }
    }
}

#[derive(Clone, Copy, Debug)]
struct Mapping {
    stage: Stage,
    until: u64,
    /// Address and port outside.
    outside: (IpAddr, u16),
}

/// What must happen, from the rules alone.
#[derive(Default)]
struct Model {
    mappings: HashMap<Flow, Mapping>,
    refused: u64,
    dropped: u64,
    attempts: u64,
}

impl Model {
    fn live(&self, flow: Flow, now: u64) -> Option<Mapping> {
        self.mappings.get(&flow).copied().filter(|mapping| now < mapping.until)
    }

    /// How many mappings the destination of a flow has, over all addresses.
    fn taken(&self, flow: Flow, now: u64) -> usize {
        let same = |(of, mapping): &(&Flow, &Mapping)| {
            of.protocol == flow.protocol && of.remote == flow.remote && now < mapping.until
        };
        self.mappings.iter().filter(same).count()
    }
}

fn opening(flow: Flow) -> Vec<u8> {
    let (from, to) = ends(flow);
    match flow.protocol {
        Protocol::Tcp => build::tcp(socket(&from), socket(&to)).flags(TcpFlags::SYN).build(),
        Protocol::Udp => udp(&from, &to),
        Protocol::Echo => ping(host(flow), &format!("198.51.100.{}", 7 + flow.remote), flow.port),
    }
}

fn host(flow: Flow) -> &'static str {
    if flow.second { "10.0.1.11" } else { "10.0.1.10" }
}

fn ends(flow: Flow) -> (String, String) {
    (format!("{}:{}", host(flow), flow.port), format!("198.51.100.{}:443", 7 + flow.remote))
}

/// The gateway under test.
struct Gateway {
    rig: Rig,
}

impl Gateway {
    fn inside(&mut self, flow: Flow, packet: Vec<u8>) -> Walked {
        self.rig.leave(if flow.second { "two" } else { "app" }, packet)
    }

    fn segment(&mut self, flow: Flow, flags: TcpFlags, seq: u32) -> Walked {
        let (from, to) = ends(flow);
        self.inside(flow, build::tcp(socket(&from), socket(&to)).flags(flags).seq(seq).ack(1).build())
    }

    fn outside(&mut self, flow: Flow, outside: (IpAddr, u16), flags: TcpFlags) -> Walked {
        let remote = IpAddr::from([198, 51, 100, 7 + flow.remote]);
        let packet = match flow.protocol {
            Protocol::Tcp => build::tcp((remote, 443).into(), outside.into()).flags(flags).ack(1).build(),
            Protocol::Udp => build::udp((remote, 443).into(), outside.into()).payload(b"answer").build(),
            Protocol::Echo => build::echo_reply(remote, outside.0, outside.1, 1).build(),
        };
        self.rig.one(Ingress::Internet, packet)
    }
}

/// Plays the moves, and says what became of every packet.
fn play(moves: &[Move], shape: (u8, u32, bool), reclaim: bool) -> Result<Vec<String>, TestCaseError> {
    let (addresses, limit, overload) = shape;
    let text = network(addresses, &format!("max_per_destination = {limit}\noverload = {overload}"));
    let options = Options { reclaim, ..Options::default() };
    let mut gateway = Gateway { rig: Rig::new(&text, options, |map, headers| map.shard(headers)) };
    let mut model = Model::default();
    let mut told = Vec::new();
    for step in moves {
        let now = gateway.rig.now;
        let ack = TcpFlags::ACK;
        match *step {
            Move::Wait(tenths) => gateway.rig.now += tenths * SECOND / 10,
            Move::Open(flow) => {
                let known = model.live(flow, now);
                let room = known.is_some() || model.taken(flow, now) < addresses as usize * limit as usize;
                let sent = gateway.inside(flow, opening(flow));
                told.push(format!("{:?} {:02x?}", sent.reason(), sent.bytes));
                prop_assert_eq!(sent.delivered(), room, "{:?}: {:?}", flow, sent.reason());
                if !room {
                    prop_assert_eq!(sent.reason(), Some(DropReason::NatPortExhausted));
                    model.refused += 1;
                    model.dropped += 1;
                    continue;
                }
                let key = headers(&sent.bytes).key();
                let outside = (key.src, key.src_port);
                prop_assert!(key.src_port >= 1024);
                let over = known.is_some_and(|known| matches!(known.stage, Stage::Closed | Stage::Reset));
                model.attempts += u64::from(flow.protocol == Protocol::Tcp && (known.is_none() || over));
                if let Some(known) = known {
                    prop_assert_eq!(known.outside, outside, "a live mapping keeps its port (4.29)");
                }
                for (other, mapping) in model.mappings.iter().filter(|(other, _)| **other != flow) {
                    let collides = now < mapping.until && mapping.outside == outside && other.protocol == flow.protocol;
                    let same = other.remote == flow.remote || !overload;
                    prop_assert!(!(collides && same), "{other:?} and {flow:?} have {outside:?}");
                }
                let stage = match (flow.protocol, known) {
                    (Protocol::Tcp, Some(Mapping { stage: Stage::Open, .. })) => Stage::Open,
                    (Protocol::Tcp, _) => Stage::HalfOpen,
                    _ => Stage::Datagrams,
                };
                model.mappings.insert(flow, Mapping { stage, until: now + stage.lease(), outside });
            }
            Move::Answer(flow) => {
                let Some(known) = model.live(flow, now) else { continue };
                if matches!(known.stage, Stage::Closed | Stage::Reset) {
                    continue;
                }
                let back = gateway.outside(flow, known.outside, TcpFlags::SYN | ack);
                prop_assert!(back.delivered(), "{:?}", back.reason());
                let of = headers(&back.bytes).key();
                prop_assert_eq!((of.dst.to_string(), of.dst_port), (host(flow).to_owned(), flow.port));
                let stage = if flow.protocol == Protocol::Tcp {
                    prop_assert!(gateway.segment(flow, ack, 1).delivered());
                    Stage::Open
                } else {
                    Stage::Datagrams
                };
                model.mappings.insert(flow, Mapping { stage, until: now + stage.lease(), ..known });
            }
            Move::Close(flow) => {
                let Some(known) = model.live(flow, now).filter(|known| known.stage == Stage::Open) else { continue };
                prop_assert!(gateway.segment(flow, TcpFlags::FIN | ack, 1).delivered());
                prop_assert!(gateway.outside(flow, known.outside, TcpFlags::FIN | ack).delivered());
                let until = now + Stage::Closed.lease();
                model.mappings.insert(flow, Mapping { stage: Stage::Closed, until, ..known });
            }
            Move::Reset(flow, outside) => {
                let Some(known) = model.live(flow, now).filter(|_| flow.protocol == Protocol::Tcp) else { continue };
                if known.stage == Stage::Closed {
                    continue;
                }
                let sent = match outside {
                    true => gateway.outside(flow, known.outside, TcpFlags::RST),
                    false => gateway.segment(flow, TcpFlags::RST, 1),
                };
                prop_assert!(sent.delivered(), "{:?}", sent.reason());
                let until = now + Stage::Reset.lease();
                model.mappings.insert(flow, Mapping { stage: Stage::Reset, until, ..known });
            }
            Move::Data(flow) => {
                // A tuple never seen would be adopted (R2).
                let Some(past) = model.mappings.get(&flow).copied() else { continue };
                if flow.protocol != Protocol::Tcp || (now < past.until && past.stage != Stage::Open) {
                    continue;
                }
                let sent = gateway.segment(flow, ack, 2);
                told.push(format!("{:?} {:02x?}", sent.reason(), sent.bytes));
                prop_assert_eq!(sent.delivered(), now < past.until);
                if now < past.until {
                    model.mappings.insert(flow, Mapping { until: now + past.stage.lease(), ..past });
                } else {
                    let idle = past.stage == Stage::Open;
                    let reason = if idle { DropReason::NatIdleExpired } else { DropReason::NatNoSession };
                    prop_assert_eq!(sent.reason(), Some(reason));
                    prop_assert!(sent.generated.is_some(), "a RST in the remote's name (4.25, 4.26)");
                    model.dropped += 1;
                }
            }
        }
        if reclaim {
            gateway.rig.tick();
        }
    }
    let (created, expired, counters) = gateway.rig.totals();
    let counted = &counters[0];
    prop_assert_eq!(counted.error_port_allocation, model.refused);
    prop_assert_eq!(counted.packets_drop, model.dropped);
    prop_assert_eq!(counted.connection_attempt, model.attempts);
    told.push(format!("{created} {expired} {counted:?}"));
    Ok(told)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, ..ProptestConfig::default() })]

    /// Openings succeed exactly while the model has room, counters are exact, ports are unique, and the wheel is not seen.
    #[test]
    fn pools_are_as_large_as_the_knob_says(
        moves in moves(),
        addresses in 1u8..=8,
        limit in 1u32..=5,
        overload: bool,
    ) {
        // So that pools of several addresses fill too: twelve flows of a protocol compete for a destination.
        let addresses = if limit > 2 { addresses.min(3) } else { addresses };
        let shape = (addresses, limit, overload);
        prop_assert_eq!(play(&moves, shape, true)?, play(&moves, shape, false)?);
    }

    /// By default nobody can tell the next port from the last ones, and what others do moves no port; with the knob ports
    /// come one after the other.
    #[test]
    fn ports_are_unguessable_by_default_and_sequential_by_knob(seed: u64, first in 1024u16..60_000, others in 0usize..20) {
        let run = |knobs: &str, others: usize| {
            let options = Options { seed, ..Options::default() };
            let mut rig = Rig::new(&network(1, knobs), options, |map, headers| map.shard(headers));
            let mut ports = Vec::new();
            for flow in 0..64u16 {
                for other in 0..others {
                    let packet = udp(&format!("10.0.1.11:{}", 3000 + flow), &format!("198.51.100.{}:443", 50 + other));
                    assert!(rig.leave("two", packet).delivered());
                }
                let sent = rig.leave("app", udp(&format!("10.0.1.10:{}", first + flow), "198.51.100.7:443"));
                assert!(sent.delivered());
                ports.push(headers(&sent.bytes).key().src_port);
            }
            ports
        };
        let ports = run("", 0);
        prop_assert_eq!(&ports, &run("", others), "unrelated flows move nothing (4.14)");
        let rises = ports.windows(2).filter(|pair| pair[0] < pair[1]).count();
        prop_assert!((12..=51).contains(&rises), "{} of 63 rise: {:?}", rises, ports);
        let steps: std::collections::HashSet<_> = ports.windows(2).map(|pair| pair[1].wrapping_sub(pair[0])).collect();
        prop_assert!(steps.len() > 55, "only {} different steps", steps.len());
        // Far from all in one corner.
        prop_assert!(ports.iter().any(|port| *port < 32_768) && ports.iter().any(|port| *port >= 32_768));
        let sequential = run("port_alloc = \"sequential\"", others);
        prop_assert!(sequential.windows(2).all(|pair| pair[1] == pair[0] + 1), "{:?}", sequential);
    }
}
