//! Hands packets of a loop to an engine, or to the reference, and times what they do with them.
//!
//! Packets are rewritten in place, so they are copied into an arena in front of every run, and stamped with their time.
//! That is in nobody's figure, neither the engine's nor the reference's: a chunk is copied, then the clock is read, then
//! the chunk is worked on, then the clock is read again. What is worked on is in the second-level cache by then.

use std::sync::Arc;
use std::time::{Duration, Instant};

use hdrhistogram::Histogram;
use vpcemu_dataplane::{Stamp, Timestamp};
use vpcemu_traffic::reference::{Reference, Span};

use super::engine::{Counts, Engine, Offer};
use super::memory;
use super::packets::{Item, Packets};

/// Packets between two looks at the clock, which cost 25 ns each: next to nothing a packet.
const CHUNK: usize = 4096;

/// Bytes of a chunk at most: what fits into the second-level cache (1 MiB here) next to the hottest flows.
const CHUNK_BYTES: usize = 512 << 10;

/// Packets from one reclaiming of what has expired to the next: windows of a replay are 65,536 packets, and reclaiming
/// in smaller steps is what shows in latencies.
const TICK: u64 = 4096;

/// Packets of which the latency is taken together: those of a batch are done when its last is done, and each has waited
/// for as long.
pub(crate) const BATCH: usize = 32;

/// A place in an endless repetition of a loop.
pub(crate) struct Feed {
    packets: Arc<Packets>,
    at: usize,
    /// When the loop under way began.
    begun: Timestamp,
    /// Position in the input: the stamp of the packet before.
    n: u64,
    now: Timestamp,
    since_tick: u64,
    /// Packets in the arena that open a flow.
    opening: u64,
    arena: Vec<u8>,
    offers: Vec<Offer>,
    spans: Vec<Span>,
}

/// What a timed run came to.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Timed {
    pub(crate) packets: u64,
    pub(crate) bytes: u64,
    /// Those that open a flow.
    pub(crate) opening: u64,
    pub(crate) spent: Duration,
    pub(crate) counts: Counts,
}

impl Timed {
    pub(crate) fn add(&mut self, other: &Self) {
        self.packets += other.packets;
        self.bytes += other.bytes;
        self.opening += other.opening;
        self.spent += other.spent;
        self.counts.delivered += other.counts.delivered;
        self.counts.dropped += other.counts.dropped;
        self.counts.digest ^= other.counts.digest;
    }

    pub(crate) fn ns_per_packet(&self) -> f64 {
        self.spent.as_nanos() as f64 / self.packets.max(1) as f64
    }
}

impl Feed {
    pub(crate) fn new(packets: Arc<Packets>, n: u64, begun: Timestamp) -> Self {
        let (arena, offers, spans) = (Vec::new(), Vec::new(), Vec::new());
        Self { packets, at: 0, begun, n, now: begun, since_tick: 0, opening: 0, arena, offers, spans }
    }

    /// How many packets one loop has.
    pub(crate) fn len(&self) -> usize {
        self.packets.len()
    }

    /// Runs so many packets through the engine.
    pub(crate) fn run(&mut self, engine: &mut Engine, count: u64) -> Timed {
        let mut timed = Timed::default();
        while timed.packets < count && self.fill(count - timed.packets) {
            let started = Instant::now();
            let counts = engine.run(&self.offers, &mut self.arena);
            self.tick(engine, self.offers.len());
            timed.spent += started.elapsed();
            timed.packets += self.offers.len() as u64;
            timed.bytes += self.arena.len() as u64;
            timed.opening += self.opening;
            timed.counts.delivered += counts.delivered;
            timed.counts.dropped += counts.dropped;
            timed.counts.digest ^= counts.digest;
        }
        timed
    }

    /// Runs so many packets through the engine, and counts what they leave on the heap.
    pub(crate) fn warm_up(&mut self, engine: &mut Engine, count: u64, heap: &mut i64) {
        let mut done = 0;
        while done < count && self.fill(count - done) {
            done += self.offers.len() as u64;
            memory::counted(heap, || {
                engine.run(&self.offers, &mut self.arena);
                engine.tick(self.now);
            });
        }
    }

    /// Runs so many packets through the engine, batch by batch, and records how long each batch took, in nanoseconds.
    /// Reclaiming what has expired counts for the batch behind which it is done.
    pub(crate) fn run_batches(&mut self, engine: &mut Engine, count: u64, latency: &mut Histogram<u64>) -> Timed {
        let mut timed = Timed::default();
        while timed.packets < count && self.fill(count - timed.packets) {
            timed.opening += self.opening;
            timed.bytes += self.arena.len() as u64;
            for at in (0..self.offers.len()).step_by(BATCH) {
                let batch = at..self.offers.len().min(at + BATCH);
                let started = Instant::now();
                let counts = engine.run(&self.offers[batch.clone()], &mut self.arena);
                self.tick(engine, batch.len());
                let spent = started.elapsed();
                latency.saturating_record(u64::try_from(spent.as_nanos()).unwrap_or(u64::MAX));
                timed.spent += spent;
                timed.packets += batch.len() as u64;
                timed.counts.delivered += counts.delivered;
                timed.counts.dropped += counts.dropped;
                timed.counts.digest ^= counts.digest;
            }
        }
        timed
    }

    /// Runs so many packets through the reference loop, and says how many it knew.
    pub(crate) fn run_reference(&mut self, reference: &mut Reference, count: u64) -> (Timed, u64) {
        let (mut timed, mut hits) = (Timed::default(), 0);
        while timed.packets < count && self.fill(count - timed.packets) {
            let started = Instant::now();
            let tally = reference.run(&mut self.arena, &self.spans, self.n as u32);
            timed.spent += started.elapsed();
            timed.packets += self.spans.len() as u64;
            hits += tally.hits;
        }
        (timed, hits)
    }

    fn tick(&mut self, engine: &mut Engine, packets: usize) {
        self.since_tick += packets as u64;
        if self.since_tick >= TICK {
            self.since_tick = 0;
            engine.tick(self.now);
        }
    }

    /// Copies the next packets into the arena and stamps them. False if there are none.
    fn fill(&mut self, most: u64) -> bool {
        self.arena.clear();
        self.offers.clear();
        self.spans.clear();
        self.opening = 0;
        let most = usize::try_from(most).unwrap_or(CHUNK).min(CHUNK);
        while self.offers.len() < most && self.arena.len() < CHUNK_BYTES && self.packets.len() > 0 {
            if self.at == self.packets.len() {
                self.at = 0;
                self.begun = Timestamp(self.begun.0.saturating_add(self.packets.period));
            }
            let Item { span, ingress, after, opens } = self.packets.items[self.at];
            self.at += 1;
            let start = self.arena.len() as u32; // chunks are small
            self.arena.extend_from_slice(&self.packets.bytes[span.range()]);
            let span = Span { start, ..span };
            self.n += 1;
            self.now = self.now.max(Timestamp(self.begun.0.saturating_add(after)));
            self.opening += u64::from(opens);
            self.offers.push(Offer { ingress, stamp: Stamp { n: self.n, now: self.now, generation: 0 }, span });
            self.spans.push(span);
        }
        !self.offers.is_empty()
    }
}
