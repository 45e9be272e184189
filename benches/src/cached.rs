//! Traffic through an engine with its flow cache, in batches.

use vpcemu_dataplane::engine::{CacheCounters, Port, Staged};
use vpcemu_dataplane::{Arrival, Engine, Ingress, Options, Output, ShardMap, Stamp, Timeline, Timestamp};
use vpcemu_packet::{Headers, Offloads, Packet};

/// Packets that are staged together: enough to hide a line from memory behind the work on the others, few enough to stay in the
/// first cache.
const BATCH: usize = 32;

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

    /// One more packet for [`Self::round`]. At most 128 bytes.
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

    /// Puts the packets as they were pushed into the arena.
    pub fn refill(&mut self) {
        self.arena.resize(self.packets.len() * STRIDE, 0);
        for (slot, (_, datagram)) in self.arena.chunks_mut(STRIDE).zip(&self.packets) {
            slot[..datagram.len()].copy_from_slice(datagram);
        }
    }

    /// Forwards the packets of the arena from `from` on, at most `count`, in batches. Each has to have been put there afresh.
    pub fn run(&mut self, from: usize, count: usize) -> usize {
        let Self { engine, map, packets, arena, out, now, n } = self;
        let to = packets.len().min(from + count);
        let mut at = from;
        while at < to {
            let batch = &packets[at..to.min(at + BATCH)];
            let mut staged: [Option<Staged>; BATCH] = [None; BATCH];
            for (index, (ingress, datagram)) in batch.iter().enumerate() {
                let start = (at + index) * STRIDE;
                staged[index] =
                    Port::of(*ingress).and_then(|port| engine.stage(port, &arena[start..start + datagram.len()]));
            }
            staged.iter_mut().flatten().for_each(|staged| engine.find(staged));
            staged.iter_mut().flatten().for_each(|staged| engine.fetch(staged));
            for (index, (ingress, datagram)) in batch.iter().enumerate() {
                let start = (at + index) * STRIDE;
                let bytes = &mut arena[start..start + datagram.len()];
                let stamp = stamp(n, *now);
                if staged[index].as_ref().and_then(|staged| engine.forward(staged, stamp, bytes)).is_none() {
                    one(engine, map, out, (*ingress, bytes), stamp);
                }
            }
            at += batch.len();
        }
        to - from
    }

    /// How many packets a round has.
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
