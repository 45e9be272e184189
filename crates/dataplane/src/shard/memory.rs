//! What a shard remembers of flows that it has no connection for: that they were seen, and that their opening was denied.
//! Both are bounded.

use std::collections::VecDeque;

use vpcemu_packet::FlowKey;

use crate::digest::Digests;
use crate::fabric::FixedMap;
use crate::mixing::canonical;

/// TCP tuples remembered as seen, and denied openings remembered, per shard: 256 shards of it are some 16 million tuples in
/// about 400 MB, which only a capture with that many distinct connections reaches.
const CAPACITY: usize = 65_536;

/// TCP tuples that this run has seen (design rule of mid-stream adoption: only a tuple never seen may be adopted).
#[derive(Debug, Default)]
pub(crate) struct Seen {
    tuples: FixedMap<u64, ()>,
}

impl Seen {
    /// Whether a tuple was never noted.
    pub(crate) fn is_new(&self, key: &FlowKey) -> bool {
        !self.tuples.contains_key(&canonical(key))
    }

    /// Notes a tuple, in either direction; true the first time. Beyond the capacity nothing new is noted, and a tuple may
    /// count as new again.
    pub(crate) fn first_time(&mut self, key: &FlowKey) -> bool {
        self.note(canonical(key))
    }

    /// The same of the number of a tuple.
    pub(crate) fn note(&mut self, tuple: u64) -> bool {
        if self.tuples.contains_key(&tuple) {
            return false;
        }
        if self.tuples.len() < CAPACITY {
            self.tuples.insert(tuple, ());
        }
        true
    }
}

/// Flows whose opening packet was denied.
#[derive(Debug, Default)]
pub(crate) struct DeniedOpenings {
    by_tuple: FixedMap<u64, (u64, FlowKey)>,
    order: VecDeque<u64>,
    /// A flow that is not among these was not denied: what the flow cache asks.
    suspects: Digests,
    /// Flows that made room for others since the digests were all of flows that are here.
    forgotten: usize,
}

impl DeniedOpenings {
    /// Notes that the packet `n`, which opens the flow `key`, was denied: the first time that it was. The oldest note makes
    /// room.
    pub(crate) fn note(&mut self, key: &FlowKey, n: u64) {
        let tuple = canonical(key);
        if self.by_tuple.contains_key(&tuple) {
            return;
        }
        self.by_tuple.insert(tuple, (n, *key));
        self.suspects.insert(Digests::of(tuple));
        self.order.push_back(tuple);
        if self.order.len() > CAPACITY
            && let Some(oldest) = self.order.pop_front()
        {
            self.by_tuple.remove(&oldest);
            self.forgotten += 1;
        }
        // Digests of flows that were forgotten stay, until as many are as there is room for.
        if self.forgotten >= CAPACITY {
            self.forgotten = 0;
            self.suspects.clear();
            self.by_tuple.keys().for_each(|tuple| self.suspects.insert(Digests::of(*tuple)));
        }
    }

    /// The opening was let through after all, by another configuration.
    pub(crate) fn forget(&mut self, key: &FlowKey) {
        if self.by_tuple.is_empty() {
            return;
        }
        let tuple = canonical(key);
        if self.by_tuple.remove(&tuple).is_some() {
            self.order.retain(|noted| *noted != tuple);
            if self.by_tuple.is_empty() {
                self.suspects.clear();
            }
        }
    }

    /// Whether a flow may be among them, by its digest.
    #[inline]
    pub(crate) fn suspects(&self, digest: u16) -> bool {
        self.suspects.contains(digest)
    }

    /// The denied opening of a flow that an ICMP error quotes a packet of: an error about what never got anywhere.
    pub(crate) fn quoted(&self, quoted: &FlowKey) -> Option<u64> {
        if self.by_tuple.is_empty() {
            return None;
        }
        self.by_tuple.get(&canonical(quoted)).map(|(n, _)| *n)
    }

    /// The denied opening that a packet of the same flow is inconsistent with: one that the other side sent, or one that
    /// only an opened flow can hold.
    pub(crate) fn contradicted_by(&self, key: &FlowKey, opens: bool) -> Option<u64> {
        if self.by_tuple.is_empty() {
            return None;
        }
        let (n, opener) = self.by_tuple.get(&canonical(key))?;
        let same_way = opener == key;
        (!same_way || !opens).then_some(*n)
    }
}
