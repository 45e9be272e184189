//! Traffic through an engine with its flow cache, in batches.

use std::time::Duration;

use vpcemu_dataplane::engine::{CacheCounters, Port, Staged};
use vpcemu_dataplane::{Arrival, Engine, Ingress, Options, Output, Shard, ShardMap, Stamp, Timeline, Timestamp};
use vpcemu_packet::{Headers, Offloads, Packet};

use crate::way::{Way, answer};

/// Packets that are staged together: enough to hide a line from memory behind the work on the others, few enough to stay in the
/// first cache.
pub const BATCH: usize = 32;

/// The packets of a batch after the engine's first passes; none for those that have to walk.
pub type Batch = [Option<Staged>; BATCH];

/// Bytes of the arena between two packets' starts: whole cache lines, so that every size costs alike.
const STRIDE: usize = 128;

/// An engine, and packets that it gets again and again.
#[derive(Debug)]
pub struct Load {
    engine: Engine,
    map: ShardMap,
    packets: Vec<(Ingress, Vec<u8>)>,
    arena: Vec<u8>,
    out: Output,
    now: Timestamp,
    n: u64,
}

impl Load {
    /// An engine for a configuration.
    pub fn new(timeline: &std::sync::Arc<Timeline>) -> Self {
        Self {
            engine: Engine::new(timeline, Options::default()),
            map: ShardMap::new(timeline),
            packets: Vec::new(),
            arena: Vec::new(),
            out: Output::default(),
            now: Timestamp(1_750_000_000_000_000_000),
            n: 0,
        }
    }

    /// An engine for the [network](crate::NETWORK), that knows `flows` flows of a way as streams, with a packet of each direction.
    pub fn established(way: Way, flows: u32) -> Self {
        let timeline = crate::timeline(crate::NETWORK);
        let mut load = Self::new(&timeline);
        let [near, far] = way.ends(&timeline);
        for flow in 0..flows {
            let there = way.opening(flow);
            let back = answer(&load.send(near, there.clone()));
            // A flow is a stream when it was answered and goes on.
            for _ in 0..3 {
                load.send(far, back.clone());
                load.send(near, there.clone());
            }
            load.push(near, there);
            load.push(far, back);
        }
        load
    }

    /// One more packet for [`Self::run`]. At most 128 bytes.
    pub fn push(&mut self, ingress: Ingress, datagram: Vec<u8>) {
        assert!(datagram.len() <= STRIDE);
        self.packets.push((ingress, datagram));
    }

    /// Sends one packet by itself; returns it as it left.
    pub fn send(&mut self, ingress: Ingress, mut datagram: Vec<u8>) -> Vec<u8> {
        let length = datagram.len();
        let engine = &mut self.engine;
        one(engine, &self.map, &mut self.out, (ingress, &mut datagram[..length]), stamp(&mut self.n, self.now));
        datagram
    }

    /// Sends one packet by itself the way that an engine's packets go: by a record, like other openings, or by a walk.
    pub fn ask(&mut self, ingress: Ingress, datagram: &mut [u8]) {
        let stamp = stamp(&mut self.n, self.now);
        let known = Port::of(ingress).and_then(|port| self.engine.stage(port, datagram)).and_then(|mut staged| {
            self.engine.find(&mut staged);
            self.engine.fetch(&mut staged);
            let hit = self.engine.forward(&staged, stamp, datagram);
            hit.or_else(|| self.engine.open(&staged, stamp, datagram))
        });
        if known.is_none() {
            one(&mut self.engine, &self.map, &mut self.out, (ingress, datagram), stamp);
        }
    }

    /// Puts the packets as they were pushed into the arena.
    pub fn refill(&mut self) {
        self.arena.resize(self.packets.len() * STRIDE, 0);
        for (slot, (_, datagram)) in self.arena.chunks_mut(STRIDE).zip(&self.packets) {
            slot[..datagram.len()].copy_from_slice(datagram);
        }
    }

    /// Forwards the packets of the arena from `from` on, at most `count`, in batches. Each has to have been put there afresh.
    pub fn run(&mut self, from: usize, count: usize) -> usize {
        let to = self.packets.len().min(from + count);
        let mut at = from;
        while at < to {
            let many = BATCH.min(to - at);
            let mut batch = self.stage(at, many);
            self.find(&mut batch);
            self.fetch(&mut batch);
            self.forward(at, many, &batch);
            at += many;
        }
        to - from
    }

    /// The first pass: reads the headers of `many` packets, at most [`BATCH`], from `at` on.
    #[inline]
    pub fn stage(&self, at: usize, many: usize) -> Batch {
        let mut batch = [None; BATCH];
        for (index, (ingress, datagram)) in self.packets[at..at + many].iter().enumerate() {
            let start = (at + index) * STRIDE;
            let bytes = &self.arena[start..start + datagram.len()];
            batch[index] = Port::of(*ingress).and_then(|port| self.engine.stage(port, bytes));
        }
        batch
    }

    /// The second: looks for their records.
    #[inline]
    pub fn find(&self, batch: &mut Batch) {
        batch.iter_mut().flatten().for_each(|staged| self.engine.find(staged));
    }

    /// The third: looks into them.
    #[inline]
    pub fn fetch(&self, batch: &mut Batch) {
        batch.iter_mut().flatten().for_each(|staged| self.engine.fetch(staged));
    }

    /// The last: forwards those packets, or walks them.
    #[inline]
    pub fn forward(&mut self, at: usize, many: usize, batch: &Batch) {
        let Self { engine, map, packets, arena, out, now, n } = self;
        for (index, (ingress, datagram)) in packets[at..at + many].iter().enumerate() {
            let start = (at + index) * STRIDE;
            let bytes = &mut arena[start..start + datagram.len()];
            let stamp = stamp(n, *now);
            if let Some(staged) = &batch[index]
                && (engine.forward(staged, stamp, bytes).is_some() || engine.open(staged, stamp, bytes).is_some())
            {
                continue;
            }
            one(engine, map, out, (*ingress, bytes), stamp);
        }
    }

    /// Lets time pass, and the engine reclaim what has expired, some of it at the end of each window.
    pub fn pass(&mut self, time: Duration) {
        self.now = Timestamp(self.now.0 + u64::try_from(time.as_nanos()).unwrap_or(u64::MAX));
        let mut entries = usize::MAX;
        while self.entries() < entries {
            entries = self.entries();
            self.engine.tick(self.now);
        }
    }

    /// How many packets there are.
    pub fn len(&self) -> usize {
        self.packets.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.packets.is_empty()
    }

    /// Hits and misses.
    pub fn counters(&self) -> CacheCounters {
        self.engine.counters()
    }

    /// Conntrack entries over all shards.
    pub fn entries(&self) -> usize {
        self.engine.shards().iter().map(Shard::entries).sum()
    }
}

fn stamp(n: &mut u64, now: Timestamp) -> Stamp {
    *n += 1;
    Stamp { n: *n, now, generation: 0 }
}

/// One packet by itself, as if nobody had staged it.
fn one(engine: &mut Engine, map: &ShardMap, out: &mut Output, (ingress, bytes): (Ingress, &mut [u8]), stamp: Stamp) {
    let staged = Port::of(ingress).and_then(|port| engine.stage(port, bytes));
    let length = u32::try_from(bytes.len()).unwrap_or(u32::MAX);
    let Ok(headers) = Headers::parse(bytes, length, Offloads::Tolerate) else { return };
    let shard = map.shard(&headers);
    let mut packet = Packet::from_parts(bytes, headers, length);
    let arrival = Arrival::new(stamp, ingress, &packet);
    engine.walk(shard, staged.as_ref(), 0, arrival, &mut packet, out);
}
