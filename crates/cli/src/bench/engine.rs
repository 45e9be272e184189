//! The engine under measurement, and all that the bench knows of how it is called.

use std::sync::Arc;

use vpcemu_dataplane::engine::{Port, Staged};
use vpcemu_dataplane::{Arrival, Ingress, Options, Outcome, Output, ShardMap, Stamp, Timeline, Timestamp};
use vpcemu_packet::{FlowKey, Headers, Offloads, Packet};
use vpcemu_replay::vantage::{self, Vantage};
use vpcemu_traffic::reference::Span;

use super::feed::BATCH;

/// One packet for the engine: a datagram in an arena, with its time.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Offer {
    /// Where it enters; none if that is to be found by its addresses each time, and the packet to be put in front of
    /// a translation, as for a capture taken behind one.
    pub(crate) ingress: Option<Ingress>,
    pub(crate) stamp: Stamp,
    pub(crate) span: Span,
}

/// What became of packets.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(crate) struct Counts {
    pub(crate) delivered: u64,
    pub(crate) dropped: u64,
    /// Depends on every verdict, so that none can be left out.
    pub(crate) digest: u64,
}

/// How packets were handled.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(crate) struct Counters {
    /// By the flow cache.
    pub(crate) hits: u64,
    /// By a walk.
    pub(crate) misses: u64,
    /// Connections made.
    pub(crate) new_flows: u64,
}

impl Counters {
    /// What was counted since an earlier state.
    pub(crate) fn since(self, before: Self) -> Self {
        Self {
            hits: self.hits - before.hits,
            misses: self.misses - before.misses,
            new_flows: self.new_flows - before.new_flows,
        }
    }

    pub(crate) fn and(self, other: Self) -> Self {
        Self {
            hits: self.hits + other.hits,
            misses: self.misses + other.misses,
            new_flows: self.new_flows + other.new_flows,
        }
    }
}

/// The shards of one worker.
pub(crate) struct Engine {
    map: Arc<ShardMap>,
    engine: vpcemu_dataplane::Engine,
    out: Output,
    /// Packets that could not be placed, and so never came to the engine.
    unplaced: u64,
}

impl Engine {
    /// The `number`-th of so many workers.
    pub(crate) fn new(
        timeline: &Arc<Timeline>,
        map: &Arc<ShardMap>,
        (number, workers): (usize, usize),
        options: Options,
    ) -> Self {
        let engine = vpcemu_dataplane::Engine::of_worker(timeline, options, number, workers);
        Self { map: Arc::clone(map), engine, out: Output::default(), unplaced: 0 }
    }

    /// Pushes packets through in batches, rewriting them in place.
    pub(crate) fn run(&mut self, offers: &[Offer], arena: &mut [u8]) -> Counts {
        let mut counts = Counts::default();
        let mut staged = [None; BATCH];
        for batch in offers.chunks(BATCH) {
            self.batch(batch, arena, &mut staged, &mut counts);
        }
        counts
    }

    /// Each pass asks for the memory of the next.
    fn batch(&mut self, batch: &[Offer], arena: &mut [u8], staged: &mut [Option<Staged>; BATCH], counts: &mut Counts) {
        let staged = &mut staged[..batch.len()];
        for (slot, offer) in staged.iter_mut().zip(batch) {
            *slot = self.stage(offer, &arena[offer.span.range()]);
        }
        staged.iter_mut().flatten().for_each(|staged| self.engine.find(staged));
        staged.iter_mut().flatten().for_each(|staged| self.engine.fetch(staged));
        for (staged, offer) in staged.iter().zip(batch) {
            let datagram = &mut arena[offer.span.range()];
            if let Some(staged) = staged {
                let hit = match self.engine.forward(staged, offer.stamp, datagram) {
                    None => self.engine.open(staged, offer.stamp, datagram),
                    hit => hit,
                };
                if let Some(hit) = hit {
                    counts.delivered += 1;
                    counts.digest = counts.digest.rotate_left(1) ^ u64::from(hit.path);
                    continue;
                }
            }
            match self.process(offer, staged.as_ref(), datagram) {
                Some(left) => {
                    counts.delivered += 1;
                    counts.digest = counts.digest.rotate_left(1) ^ u64::from(left.src_port);
                }
                None => counts.dropped += 1,
            }
        }
    }

    /// Pushes one packet through and says what it left as; none if it was dropped. It walks, whatever is known.
    pub(crate) fn walk(&mut self, offer: &Offer, arena: &mut [u8]) -> Option<FlowKey> {
        let datagram = &mut arena[offer.span.range()];
        let staged = self.stage(offer, datagram);
        self.process(offer, staged.as_ref(), datagram)
    }

    /// Where a packet enters by its addresses, when that is so each time it comes: when it was not captured behind a
    /// translation.
    pub(crate) fn entrance(&mut self, offer: &Offer, arena: &mut [u8]) -> Option<Ingress> {
        let datagram = &mut arena[offer.span.range()];
        let headers = Headers::parse(datagram, offer.span.len, Offloads::Tolerate).ok()?;
        let shard = self.engine.shard(self.map.shard(&headers));
        let mut packet = Packet::from_parts(datagram, headers, offer.span.len);
        let (captured, mut transport) = (packet.key(), headers.transport);
        match vantage::place(shard, offer.stamp, &mut packet, &mut transport, captured) {
            Ok((ingress, Vantage::Leaves | Vantage::Arrives | Vantage::Service)) => Some(ingress),
            _ => None,
        }
    }

    /// Time has come so far: what has expired is reclaimed.
    pub(crate) fn tick(&mut self, now: Timestamp) {
        self.engine.tick(now);
    }

    pub(crate) fn counters(&self) -> Counters {
        let (cache, connections) = (self.engine.counters(), self.engine.connections());
        // A flow that is opened like others is not in the cache either.
        let misses = cache.misses + cache.opened + self.unplaced;
        Counters { hits: cache.hits, misses, new_flows: connections.created }
    }

    /// Connections that are alive, or not yet reclaimed.
    pub(crate) fn live(&self) -> u64 {
        let connections = self.engine.connections();
        connections.created - connections.expired
    }

    fn stage(&self, offer: &Offer, datagram: &[u8]) -> Option<Staged> {
        let port = offer.ingress.map_or(Some(Port::ANY), Port::of)?;
        self.engine.stage(port, datagram)
    }

    /// Walks a packet. What cannot even be placed is dropped, and counts as a walk.
    fn process(&mut self, offer: &Offer, staged: Option<&Staged>, datagram: &mut [u8]) -> Option<FlowKey> {
        let headers = Headers::parse(datagram, offer.span.len, Offloads::Tolerate).ok()?;
        let shard = self.map.shard(&headers);
        let mut packet = Packet::from_parts(datagram, headers, offer.span.len);
        let captured = packet.key();
        let mut transport = headers.transport;
        let ingress = match offer.ingress {
            Some(ingress) => ingress,
            None => {
                let of = self.engine.shard(shard);
                let Ok((ingress, _)) = vantage::place(of, offer.stamp, &mut packet, &mut transport, captured) else {
                    self.unplaced += 1;
                    return None;
                };
                ingress
            }
        };
        let arrival = Arrival { stamp: offer.stamp, ingress, captured, transport };
        let verdict = self.engine.walk(shard, staged, 0, arrival, &mut packet, &mut self.out);
        matches!(verdict.outcome, Outcome::Delivered { .. }).then_some(verdict.left_as)
    }
}
