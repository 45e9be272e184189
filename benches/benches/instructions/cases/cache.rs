//! The flow cache: its passes one by one, a batch whole, flows that are new to it, and connections that expire.

use std::time::Duration;

use vpcemu_benches::cached::{BATCH, Batch, Load};
use vpcemu_benches::way::Way;
use vpcemu_benches::{NETWORK, timeline};
use vpcemu_dataplane::Ingress;

use super::Case;
use crate::callgrind::instructions_are_counted;

/// Live flows: the table has some depth, and making them under valgrind takes no more than a second.
const FLOWS: u32 = 1_000;

/// Connections that expire: a dozen a shard.
const EXPIRING: u32 = 3_000;

/// Longer than any of them lives without packets.
const HOUR: Duration = Duration::from_secs(3600);

pub(super) fn cases() -> Vec<Case> {
    let passes = Way::ALL.into_iter().flat_map(|way| {
        let name = way.name();
        [
            Case::piece(format!("hit/stage/{name}"), move || stage(way)),
            Case::piece(format!("hit/find-fetch/{name}"), move || find_fetch(way)),
            Case::piece(format!("hit/forward/{name}"), move || forward(way)),
            Case::piece(format!("hit/whole/{name}"), move || whole(way)),
        ]
    });
    let flows = [Way::VpcPath, Way::Igw, Way::Eigw].into_iter().flat_map(|way| {
        let name = way.name();
        [
            Case::piece(format!("new-flow/{name}"), move || new_flows(way)),
            Case::piece(format!("expiry/{name}"), move || expiry(way)),
        ]
    });
    let alike = [Way::VpcPath, Way::Igw]
        .into_iter()
        .map(|way| Case::piece(format!("new-flow-like-others/{}", way.name()), move || new_flows_like_others(way)));
    passes.chain(flows).chain(alike).collect()
}

/// As many packets as make whole batches.
fn batches(load: &Load) -> std::ops::Range<usize> {
    0..load.len() / BATCH
}

fn stage(way: Way) -> u64 {
    let mut load = Load::established(way, FLOWS);
    load.refill();
    let mut staged = 0;
    instructions_are_counted(|| {
        for number in batches(&load) {
            staged += std::hint::black_box(load.stage(number * BATCH, BATCH)).iter().flatten().count();
        }
    });
    assert_eq!(staged, batches(&load).len() * BATCH, "{} was to be all plain", way.name());
    staged as u64
}

fn find_fetch(way: Way) -> u64 {
    let mut load = Load::established(way, FLOWS);
    load.refill();
    let mut staged: Vec<_> = batches(&load).map(|number| load.stage(number * BATCH, BATCH)).collect();
    instructions_are_counted(|| {
        for batch in &mut staged {
            load.find(batch);
            load.fetch(batch);
        }
    });
    forward_all(&mut load, &staged)
}

fn forward(way: Way) -> u64 {
    let mut load = Load::established(way, FLOWS);
    load.refill();
    let mut staged: Vec<_> = batches(&load).map(|number| load.stage(number * BATCH, BATCH)).collect();
    for batch in &mut staged {
        load.find(batch);
        load.fetch(batch);
    }
    instructions_are_counted(|| forward_all(&mut load, &staged))
}

/// Forwards batches, of which every packet has to be a hit.
fn forward_all(load: &mut Load, staged: &[Batch]) -> u64 {
    let before = load.counters();
    for (number, batch) in staged.iter().enumerate() {
        load.forward(number * BATCH, BATCH, batch);
    }
    let after = load.counters();
    assert_eq!((after.hits - before.hits, after.misses), ((staged.len() * BATCH) as u64, before.misses));
    after.hits - before.hits
}

fn whole(way: Way) -> u64 {
    let mut load = Load::established(way, FLOWS);
    load.refill();
    let (before, count) = (load.counters(), load.len());
    instructions_are_counted(|| load.run(0, count));
    let after = load.counters();
    assert_eq!((after.hits - before.hits, after.misses), (count as u64, before.misses), "{} was to hit", way.name());
    count as u64
}

/// What two rounds of flows leave behind that are over: tables as large as a third one needs. How they grow is not counted, since
/// it depends on where the allocator puts them.
fn grown(way: Way, flows: u32) -> (Load, Ingress) {
    let timeline = timeline(NETWORK);
    let [near, _] = way.ends(&timeline);
    let mut load = Load::new(&timeline);
    for _ in 0..2 {
        open(&mut load, near, way, flows);
        load.pass(HOUR);
        assert_eq!(load.entries(), 0);
    }
    (load, near)
}

/// Sends the first packets of flows.
fn open(load: &mut Load, near: Ingress, way: Way, flows: u32) {
    for flow in 0..flows {
        load.send(near, way.opening(flow));
    }
    assert!(load.entries() >= flows as usize);
}

/// The first packets of flows, which walk and leave entries.
fn new_flows(way: Way) -> u64 {
    let (mut load, near) = grown(way, 2 * FLOWS);
    open(&mut load, near, way, FLOWS);
    let mut datagrams: Vec<_> = (FLOWS..2 * FLOWS).map(|flow| way.opening(flow)).collect();
    let entries = load.entries();
    instructions_are_counted(|| {
        for datagram in &mut datagrams {
            *datagram = load.send(near, std::mem::take(datagram));
        }
    });
    assert_eq!(
        (load.entries(), load.counters().hits),
        (2 * entries, 0),
        "each flow was to leave what the first ones did"
    );
    datagrams.len() as u64
}

/// Likewise, of flows like others before them.
fn new_flows_like_others(way: Way) -> u64 {
    let (mut load, near) = grown(way, 2 * FLOWS);
    open(&mut load, near, way, FLOWS);
    let mut datagrams: Vec<_> = (FLOWS..2 * FLOWS).map(|flow| way.opening(flow)).collect();
    let before = load.counters();
    instructions_are_counted(|| datagrams.iter_mut().for_each(|datagram| load.ask(near, datagram)));
    let after = load.counters();
    assert_eq!((after.opened - before.opened, after.misses), (datagrams.len() as u64, before.misses));
    datagrams.len() as u64
}

/// All connections at once. Every shard looks through its wheel whether it has many or few, so there are many.
fn expiry(way: Way) -> u64 {
    let (mut load, near) = grown(way, EXPIRING);
    open(&mut load, near, way, EXPIRING);
    instructions_are_counted(|| load.pass(HOUR));
    assert_eq!(load.entries(), 0);
    u64::from(EXPIRING)
}
