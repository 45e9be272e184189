//! The flow cache says and does what the walk does. Every laboratory compares the two packet by packet; here they meet what the
//! cache is for, and everything that it must not be taken in by: flows that go on for long, among changes of configuration,
//! timeouts, fragments, errors, packets that are too long or too old.

#[path = "random/mod.rs"]
mod random;

use std::net::SocketAddr;

use random::{Topology, Traffic, changed};
use vpcemu_dataplane::engine::CacheCounters;
use vpcemu_dataplane::{Ingress, Options, Outcome, Place};
use vpcemu_model::behavior::{IpId, Refresh};
use vpcemu_model::{Network, native};
use vpcemu_packet::{TcpFlags, Transport, build};
use vpcemu_tests::{Dice, Lab, Sent, data, headers, reply_to, syn, udp};

/// Configurations that follow each other in a run.
const GENERATIONS: usize = 4;

/// Flows that are continued.
const FLOWS: usize = 30;

/// Names the seed of a run that fails.
struct Seed(u64);

impl Drop for Seed {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("with seed {}", self.0);
        }
    }
}

fn network(text: &str) -> Network {
    native::parse("random.toml", text).unwrap_or_else(|error| panic!("{error}\n{text}")).network
}

/// The next packet of a flow like `before`, of any form that its protocol allows.
fn continued(before: &[u8], dice: &mut Dice) -> Vec<u8> {
    let key = headers(before).key();
    let (from, to) = (SocketAddr::new(key.src, key.src_port), SocketAddr::new(key.dst, key.dst_port));
    let size = match dice.roll(12) {
        0 => 1400 + dice.roll(200),
        1 => 8400 + dice.roll(200),
        _ => dice.roll(60),
    };
    let payload = vec![size as u8; size as usize];
    let ttl = match dice.roll(15) {
        0 => dice.roll(4) as u8,
        1 => 255,
        _ => 64,
    };
    match key.protocol {
        6 => {
            let flags = match dice.roll(20) {
                0 => TcpFlags::RST,
                1 => TcpFlags::FIN | TcpFlags::ACK,
                2 => TcpFlags::SYN,
                3 => TcpFlags::SYN | TcpFlags::ACK,
                4 => TcpFlags::ACK | TcpFlags::PSH,
                _ => TcpFlags::ACK,
            };
            build::tcp(from, to).flags(flags).seq(dice.roll(1 << 31) as u32).ttl(ttl).payload(&payload).build()
        }
        17 => {
            let datagram = build::udp(from, to).ttl(ttl).id(dice.roll(60_000) as u16).dont_fragment(dice.chance(50));
            if dice.chance(10) { datagram.payload(&payload).without_checksum() } else { datagram.payload(&payload) }
                .build()
        }
        _ => before.to_vec(),
    }
}

/// The first packet of a flow like another one.
fn opened_like(flow: &[u8], dice: &mut Dice) -> Vec<u8> {
    let key = headers(flow).key();
    let (from, to) = (SocketAddr::new(key.src, 1000 + dice.roll(80) as u16), SocketAddr::new(key.dst, key.dst_port));
    match key.protocol {
        6 => build::tcp(from, to).flags(TcpFlags::SYN).mss(1000 + dice.roll(8000) as u16).build(),
        17 => build::udp(from, to).payload(&vec![0; dice.roll(60) as usize]).build(),
        _ => flow.to_vec(),
    }
}

/// What the network between says about a packet.
fn error_about(packet: &[u8], dice: &mut Dice) -> Option<Vec<u8>> {
    let of = headers(packet);
    if matches!(of.transport, Transport::IcmpError { .. } | Transport::Icmp { .. }) {
        return None;
    }
    let (kind, code) = if of.dst.is_ipv4() { (3, 3) } else { (1, 4) };
    let quoted = if dice.chance(50) { packet.len() } else { usize::from(of.l4) + 8 };
    Some(build::icmp_error(of.dst, of.src, kind, code, 0, &packet[..quoted.min(packet.len())]))
}

/// One random VPC or several under random traffic.
fn run(seed: u64) -> (CacheCounters, usize) {
    let _seed = Seed(seed);
    let topology = match seed % 4 {
        0 => Topology::wide(seed),
        1 => Topology::forwarding(seed),
        2 => Topology::neighbors(seed),
        _ => Topology::random(seed),
    };
    let mut dice = Dice::new(seed ^ 0xcac4e);
    let mut first = network(&topology.text());
    let nat = &mut first.behavior.nat_gateway;
    if dice.chance(20) {
        nat.refresh = Refresh::Out;
    }
    if dice.chance(20) {
        nat.ipid = IpId::Rewrite;
    }
    let mut networks = vec![first];
    for generation in 1..GENERATIONS {
        let next = changed(&networks[generation - 1], generation, &mut dice);
        networks.push(next);
    }
    // Where flow logs are counted, nothing is opened without a walk.
    let flow_log_window = seed.is_multiple_of(8).then_some(60);
    let options = Options { reclaim: dice.chance(80), seed, flow_log_window, ..Options::default() };
    let mut lab = Lab::of(&networks, options);
    let mut traffic = Traffic::new(&topology, seed);
    let mut flows: Vec<(Ingress, Vec<u8>)> = Vec::new();
    let mut generation = 1;
    for _ in 0..400 {
        lab.wait(if dice.chance(2) { dice.roll(400) as f64 } else { dice.roll(1000) as f64 / 1000.0 });
        if dice.chance(10) {
            lab.tick();
        }
        if dice.chance(1) && generation < GENERATIONS {
            generation += 1;
            lab.switch();
        }
        let known = flows.len() as u64;
        let (ingress, packet) = if known > 0 && dice.chance(85) {
            let (mut ingress, flow) = flows[dice.roll(known) as usize].clone();
            // Where it does not belong.
            if dice.chance(3) {
                ingress = flows[dice.roll(known) as usize].0;
            }
            (ingress, continued(&flow, &mut dice))
        } else if known > 0 && dice.chance(60) {
            // Like a flow before, from another port.
            let (ingress, flow) = flows[dice.roll(known) as usize].clone();
            (ingress, opened_like(&flow, &mut dice))
        } else {
            traffic.opening(&lab)
        };
        if dice.chance(4) && packet.len() > 200 && packet[0] >> 4 == 4 {
            for piece in build::fragment(&packet, 100 + dice.roll(1000) as usize) {
                lab.enter(ingress, piece);
            }
            continue;
        }
        let sent = lab.enter(ingress, packet.clone());
        let back = match sent.verdict.outcome {
            Outcome::Delivered { at: Place::Interface(eni) } => Ingress::Interface(eni),
            Outcome::Delivered { at: Place::Internet } => Ingress::Internet,
            Outcome::Delivered { at: Place::Edge(edge) } => Ingress::Edge(edge),
            _ => continue,
        };
        if dice.chance(4)
            && let Some(error) = error_about(&sent.bytes, &mut dice)
        {
            lab.enter(back, error);
        }
        for flow in [(ingress, packet), (back, reply_to(&sent.headers()))] {
            if flows.len() >= FLOWS {
                let forgotten = dice.roll(FLOWS as u64) as usize;
                flows.swap_remove(forgotten);
            }
            flows.push(flow);
        }
    }
    lab.tick();
    lab.all_nat_counters();
    lab.connections();
    (lab.cache_counters(), lab.logged().len())
}

#[test]
fn the_cache_is_the_walk() {
    let (mut sum, mut records) = (CacheCounters::default(), 0);
    for seed in 0..500 {
        let (counters, logged) = run(seed);
        records += logged;
        sum.hits += counters.hits;
        sum.opened += counters.opened;
        sum.misses += counters.misses;
        sum.recorded += counters.recorded;
    }
    // Or there was nothing to compare.
    assert!(records > 10_000, "{records}");
    assert!(sum.hits > 20_000 && sum.opened > 500 && sum.misses > 20_000 && sum.recorded > 5_000, "{sum:?}");
}

/// A NAT gateway's client, and packets of one flow of it in both directions.
struct Flow {
    lab: Lab,
    there: Vec<u8>,
    back: Vec<u8>,
}

impl Flow {
    fn udp() -> Self {
        let mut lab = Lab::new(random::PRIVATE);
        let there = udp("10.0.1.10:4000", "198.51.100.7:53");
        let back = lab.leave("app", there.clone()).delivered("internet").reply();
        let mut flow = Self { lab, there, back };
        // Out, in, out: a stream from now on, which both directions have to be seen in.
        for _ in 0..2 {
            flow.back();
            flow.there();
        }
        flow
    }

    fn there(&mut self) -> Sent {
        self.lab.leave("app", self.there.clone())
    }

    fn back(&mut self) -> Sent {
        self.lab.arrive(self.back.clone())
    }

    /// How many of the packets of an action were hits, and how many not.
    fn handled(&mut self, action: impl FnOnce(&mut Self)) -> (u64, u64) {
        let before = self.lab.cache_counters();
        action(self);
        let after = self.lab.cache_counters();
        (after.hits - before.hits, after.misses - before.misses)
    }
}

#[test]
fn a_stream_is_not_walked() {
    let mut flow = Flow::udp();
    flow.there();
    flow.back();
    let handled = flow.handled(|flow| {
        for _ in 0..10 {
            flow.there().delivered("internet");
            flow.back().delivered("eni-app");
        }
    });
    assert_eq!(handled, (20, 0));
}

#[test]
fn what_is_out_of_the_ordinary_is_walked() {
    let mut flow = Flow::udp();
    flow.there();
    flow.back();
    let there = flow.there.clone();
    let (from, to) = (vpcemu_tests::socket("10.0.1.10:4000"), vpcemu_tests::socket("198.51.100.7:53"));
    let old = build::udp(from, to).ttl(1).build();
    let large = build::udp(from, to).payload(&[0; 1500]).build();
    for packet in [old, large] {
        let handled = flow.handled(|flow| {
            flow.lab.leave("app", packet);
        });
        assert_eq!(handled, (0, 1));
    }
    // The walk that the old packet died on renewed some of the entries only: the next one walks, to renew them all.
    assert_eq!(flow.handled(|flow| drop(flow.lab.leave("app", there.clone()))), (0, 1));
    assert_eq!(flow.handled(|flow| drop(flow.lab.leave("app", there.clone()))), (1, 0));
}

#[test]
fn leases_are_as_long_as_the_shortest_timer() {
    // At the security group a stream lives for 180 s, at the gateway for 350 s.
    for (idle, hit) in [(179.9, true), (180.0, false), (349.9, false), (350.0, false)] {
        let mut flow = Flow::udp();
        flow.there();
        flow.back();
        flow.lab.wait(idle);
        let handled = flow.handled(|flow| drop(flow.there()));
        assert_eq!(handled, if hit { (1, 0) } else { (0, 1) }, "after {idle} s");
    }
}

#[test]
fn hits_keep_every_entry_alive() {
    let mut flow = Flow::udp();
    flow.there();
    // Only the remote speaks, for longer than any timer.
    for _ in 0..10 {
        flow.lab.wait(100.0);
        flow.lab.tick();
        flow.back().delivered("eni-app");
    }
    let handled = flow.handled(|flow| {
        flow.lab.wait(100.0);
        flow.back().delivered("eni-app");
    });
    assert_eq!(handled, (1, 0));
    assert_eq!(flow.lab.connections(), (1, 0));
    flow.lab.wait(351.0);
    assert_eq!(flow.lab.connections(), (1, 1));
}

#[test]
fn a_connection_that_ends_is_walked_to_its_end() {
    let mut lab = Lab::new(random::PRIVATE);
    let (client, server) = ("10.0.1.10:4000", "198.51.100.7:443");
    let opening = lab.leave("app", syn(client, server)).delivered("internet");
    lab.arrive(opening.reply()).delivered("eni-app");
    let segment = data(client, server);
    for _ in 0..3 {
        lab.leave("app", segment.clone()).delivered("internet");
    }
    let hits = lab.cache_counters().hits;
    assert!(hits > 0);
    let of = headers(&segment).key();
    let reset = build::tcp((of.src, of.src_port).into(), (of.dst, of.dst_port).into()).flags(TcpFlags::RST).build();
    lab.leave("app", reset).delivered("internet");
    // The mapping lingers; what comes now finds it in another state.
    lab.leave("app", segment);
    assert_eq!(lab.cache_counters().hits, hits);
}
