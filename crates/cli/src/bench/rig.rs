//! What one row of the table is measured on: engines, packets for them, and the reference.

use std::sync::Arc;

use vpcemu_dataplane::{Ingress, Options, ShardMap, Stamp, Timeline, Timestamp};
use vpcemu_packet::{FlowKey, Headers, Offloads};
use vpcemu_traffic::reference::{Reference, Span};

use super::engine::{Engine, Offer};
use super::feed::Feed;
use super::memory;
use super::packets::{Entrances, Packets};

/// Engines, one a worker, with flows in them.
pub(crate) struct Rig {
    pub(crate) map: Arc<ShardMap>,
    pub(crate) engines: Vec<Engine>,
    /// Bytes on the heap that flows have taken since the engines were made.
    pub(crate) heap: i64,
    /// The last stamp.
    pub(crate) n: u64,
    pub(crate) now: Timestamp,
}

impl Rig {
    pub(crate) fn new(timeline: &Arc<Timeline>, workers: usize, begin: Timestamp, options: Options) -> Self {
        let map = Arc::new(ShardMap::new(timeline));
        let engines = (0..workers).map(|number| Engine::new(timeline, &map, (number, workers), options)).collect();
        Self { map, engines, heap: 0, n: 0, now: begin }
    }

    /// Which worker has the packets of a datagram's flow.
    pub(crate) fn worker(&self, datagram: &[u8]) -> usize {
        worker(&self.map, self.engines.len(), datagram)
    }

    /// Walks one packet, `after` the one before, and says what it left as; none if it was dropped.
    pub(crate) fn walk(&mut self, entrances: &Entrances, datagram: &mut [u8], after: u64) -> Option<FlowKey> {
        let len = u32::try_from(datagram.len()).ok()?;
        let headers = Headers::parse(datagram, len, Offloads::Tolerate).ok()?;
        self.n += 1;
        self.now = Timestamp(self.now.0 + after);
        let stamp = Stamp { n: self.n, now: self.now, generation: 0 };
        let offer = Offer { ingress: Some(entrances.of(headers.src)), stamp, span: Span { start: 0, len } };
        let worker = self.worker(datagram);
        let engine = &mut self.engines[worker];
        memory::counted(&mut self.heap, || engine.walk(&offer, datagram))
    }

    /// Walks one packet of a capture, seen `at`, and says where it enters each time it comes; none if that has to be
    /// found each time.
    pub(crate) fn place(&mut self, datagram: &[u8], at: u64) -> Option<Ingress> {
        let len = u32::try_from(datagram.len()).ok()?;
        self.n += 1;
        self.now = self.now.max(Timestamp(at));
        let stamp = Stamp { n: self.n, now: self.now, generation: 0 };
        let offer = Offer { ingress: None, stamp, span: Span { start: 0, len } };
        let worker = self.worker(datagram);
        let engine = &mut self.engines[worker];
        let entrance = engine.entrance(&offer, &mut datagram.to_vec());
        let mut arena = datagram.to_vec();
        memory::counted(&mut self.heap, || engine.walk(&offer, &mut arena));
        entrance
    }

    /// Feeds of a loop, one a worker, that begin where the rig has come to.
    pub(crate) fn feeds(&self, packets: &Arc<Packets>) -> Vec<Feed> {
        let (map, workers) = (&self.map, self.engines.len());
        let dealt = packets.dealt(workers, |datagram| worker(map, workers, datagram));
        dealt.into_iter().map(|share| Feed::new(share, self.n, self.now)).collect()
    }

    /// Runs so many packets of each feed, in proportion to what they have in a loop, in front of everything measured.
    pub(crate) fn warm_up(&mut self, feeds: &mut [Feed], count: u64) {
        let total: usize = feeds.iter().map(Feed::len).sum();
        for (feed, engine) in feeds.iter_mut().zip(&mut self.engines) {
            let count = share(count, feed.len(), total);
            // Copies of packets are none of the engine's memory.
            feed.warm_up(engine, count, &mut self.heap);
        }
    }

    /// Connections that are alive.
    pub(crate) fn live(&self) -> u64 {
        self.engines.iter().map(Engine::live).sum()
    }
}

/// The part of `count` packets that a feed of `len` out of `total` packets has.
pub(crate) fn share(count: u64, len: usize, total: usize) -> u64 {
    let part = u128::from(count) * len as u128 / (total as u128).max(1);
    u64::try_from(part).unwrap_or(u64::MAX)
}

fn worker(map: &ShardMap, workers: usize, datagram: &[u8]) -> usize {
    let len = u32::try_from(datagram.len()).unwrap_or(u32::MAX);
    Headers::parse(datagram, len, Offloads::Tolerate).map_or(0, |headers| usize::from(map.shard(&headers)) % workers)
}

/// The reference with an entry for every direction that is in a loop, as long as there is room, and the packets that it
/// has entries for.
pub(crate) fn reference(packets: &Arc<Packets>, entries: usize) -> (Reference, Feed) {
    let mut reference = Reference::with_capacity(entries.min(packets.len()));
    let learnt = packets.datagrams().filter(|datagram| reference.learn(datagram)).count();
    let known = if learnt == packets.len() {
        Arc::clone(packets)
    } else {
        // Learning what is known costs a search and changes nothing.
        let reference = std::cell::RefCell::new(&mut reference);
        Arc::new(packets.only(|datagram| reference.borrow_mut().learn(datagram)))
    };
    (reference, Feed::new(known, 0, Timestamp::default()))
}
