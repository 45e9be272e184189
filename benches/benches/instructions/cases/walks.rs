//! The walk through the stages, without the flow cache.

use std::net::SocketAddr;

use vpcemu_benches::way::Way;
use vpcemu_benches::{Engine, NETWORK, Prepared, REMOTES, delivered, remote, syn};

use super::Case;
use crate::callgrind::instructions_are_counted;

const FLOWS: u32 = 250;

pub(super) fn cases() -> Vec<Case> {
    let ways = Way::ALL.map(|way| Case::piece(format!("walk/established/{}", way.name()), move || established(way)));
    ways.into_iter().chain([Case::piece("walk/denied", denied)]).collect()
}

fn established(way: Way) -> u64 {
    let mut engine = Engine::new(NETWORK);
    let mut packets: Vec<_> = (0..FLOWS).flat_map(|flow| engine.open(way, flow)).collect();
    // Answers make flows into streams.
    assert!(packets.iter().all(|packet| delivered(&engine.walk(packet))));
    let entries = engine.entries();
    assert_eq!(walk(&mut engine, &mut packets), packets.len());
    assert_eq!(engine.entries(), entries, "{} was to be all established", way.name());
    packets.len() as u64
}

fn denied() -> u64 {
    let mut engine = Engine::new(NETWORK);
    let [outside, _] = Way::Igw.ends(engine.timeline());
    let closed = SocketAddr::from(([203, 0, 113, 10], 22));
    let opening = |flow| syn(SocketAddr::from(remote(flow)), closed);
    // The first denial of a shard makes room to remember denials in, once.
    for flow in 0..REMOTES {
        let first = engine.prepare(outside, opening(flow));
        assert!(!delivered(&engine.walk(&first)));
    }
    let flows = REMOTES..REMOTES + FLOWS;
    let mut packets: Vec<_> = flows.map(|flow| engine.prepare(outside, opening(flow))).collect();
    assert_eq!(walk(&mut engine, &mut packets), 0);
    assert_eq!(engine.entries(), 0);
    packets.len() as u64
}

/// Walks packets; returns how many were delivered.
fn walk(engine: &mut Engine, packets: &mut [Prepared]) -> usize {
    instructions_are_counted(|| {
        let walks = packets.iter_mut().map(|packet| engine.walk_in_place(packet));
        walks.filter(delivered).count()
    })
}
