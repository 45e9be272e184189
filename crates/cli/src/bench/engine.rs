//! The engine under measurement, and all that the bench knows of how it is called.

use std::sync::Arc;

use vpcemu_dataplane::outcome::CtState;
use vpcemu_dataplane::{
    Arrival, Ingress, Options, Outcome, Output, SHARDS, Shard, ShardMap, Stamp, Timeline, Timestamp,
};
use vpcemu_packet::{FlowKey, Headers, Offloads, Packet};
use vpcemu_replay::vantage::{self, Vantage};
use vpcemu_traffic::reference::Span;

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

/// What the engine knew of packets when they came.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(crate) struct Counters {
    /// Packets of flows that were known.
    pub(crate) hits: u64,
    /// All others.
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

/// The shards of one worker, or all of them.
pub(crate) struct Engine {
    map: Arc<ShardMap>,
    shards: Vec<Shard>,
    out: Output,
    hits: u64,
    misses: u64,
}

impl Engine {
    pub(crate) fn new(timeline: &Arc<Timeline>, map: &Arc<ShardMap>) -> Self {
        let shards = (0..SHARDS).map(|_| Shard::new(Arc::clone(timeline), Options::default())).collect();
        Self { map: Arc::clone(map), shards, out: Output::default(), hits: 0, misses: 0 }
    }

    /// Pushes packets through, rewriting them in place.
    pub(crate) fn run(&mut self, offers: &[Offer], arena: &mut [u8]) -> Counts {
        let mut counts = Counts::default();
        for offer in offers {
            match self.process(offer, &mut arena[offer.span.range()]) {
                Some(left) => {
                    counts.delivered += 1;
                    let ports = u64::from(left.src_port) << 16 | u64::from(left.dst_port);
                    counts.digest = counts.digest.rotate_left(1) ^ ports;
                }
                None => counts.dropped += 1,
            }
        }
        counts
    }

    /// Pushes one packet through and says what it left as; none if it was dropped.
    pub(crate) fn walk(&mut self, offer: &Offer, arena: &mut [u8]) -> Option<FlowKey> {
        self.process(offer, &mut arena[offer.span.range()])
    }

    /// Where a packet enters by its addresses, when that is so each time it comes: when it was not captured behind a
    /// translation.
    pub(crate) fn entrance(&mut self, offer: &Offer, arena: &mut [u8]) -> Option<Ingress> {
        let datagram = &mut arena[offer.span.range()];
        let headers = Headers::parse(datagram, offer.span.len, Offloads::Tolerate).ok()?;
        let shard = &mut self.shards[usize::from(self.map.shard(&headers))];
        let mut packet = Packet::from_parts(datagram, headers, offer.span.len);
        let (captured, mut transport) = (packet.key(), headers.transport);
        match vantage::place(shard, offer.stamp, &mut packet, &mut transport, captured) {
            Ok((ingress, Vantage::Leaves | Vantage::Arrives | Vantage::Service)) => Some(ingress),
            _ => None,
        }
    }

    /// Time has come so far: what has expired is reclaimed.
    pub(crate) fn tick(&mut self, now: Timestamp) {
        for shard in &mut self.shards {
            shard.tick(now);
        }
    }

    pub(crate) fn counters(&self) -> Counters {
        let new_flows = self.shards.iter().map(|shard| shard.connections().created).sum();
        Counters { hits: self.hits, misses: self.misses, new_flows }
    }

    /// Connections that are alive, or not yet reclaimed.
    pub(crate) fn live(&self) -> u64 {
        let live = |shard: &Shard| shard.connections().created - shard.connections().expired;
        self.shards.iter().map(live).sum()
    }

    fn process(&mut self, offer: &Offer, datagram: &mut [u8]) -> Option<FlowKey> {
        let Ok(headers) = Headers::parse(datagram, offer.span.len, Offloads::Tolerate) else {
            self.misses += 1;
            return None;
        };
        let shard = &mut self.shards[usize::from(self.map.shard(&headers))];
        let mut packet = Packet::from_parts(datagram, headers, offer.span.len);
        let captured = packet.key();
        let mut transport = headers.transport;
        let ingress = match offer.ingress {
            Some(ingress) => ingress,
            None => match vantage::place(shard, offer.stamp, &mut packet, &mut transport, captured) {
                Ok((ingress, _)) => ingress,
                Err(_) => {
                    self.misses += 1;
                    return None;
                }
            },
        };
        let arrival = Arrival { stamp: offer.stamp, ingress, captured, transport };
        let verdict = shard.process(arrival, &mut packet, &mut self.out);
        // A flow without a connection is known when its components say that they need none.
        let known = match verdict.connection {
            Some(opened) => opened != offer.stamp.n,
            None => matches!(verdict.state, Some(CtState::Untracked | CtState::Established | CtState::Related)),
        };
        self.hits += u64::from(known);
        self.misses += u64::from(!known);
        matches!(verdict.outcome, Outcome::Delivered { .. }).then_some(verdict.left_as)
    }
}
