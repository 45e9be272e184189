//! Ports of translators, counted where they are limited: per address, protocol and remote endpoint (4.12).

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use super::slab::Slab;
use super::{Conntrack, EntryIx, Pool};
use crate::fabric::FixedMap;
use crate::time::Timestamp;

/// The pools that mappings have ports of.
#[derive(Debug, Default)]
pub(super) struct Pools {
    numbers: FixedMap<Pool, u32>,
    used: Slab<Used>,
}

/// How much of a pool is taken.
#[derive(Debug)]
struct Used {
    pool: Pool,
    /// Mappings, those in linger and those expired but not yet reclaimed included.
    taken: u32,
    /// Before this moment a search for expired mappings is known to find none.
    next_expiry: Timestamp,
    /// Of a pool that has been full, its mappings, with a moment before which each does not expire: so that the next one finds a
    /// port without a search through all of them. Some may be there twice, and some that are gone.
    mappings: Option<Box<Mappings>>,
}

type Mappings = BinaryHeap<Reverse<(Timestamp, u32)>>;

impl Pools {
    /// The number of a pool. `guess` is one that it may have.
    #[inline]
    pub(super) fn number(&self, pool: &Pool, guess: Option<u32>) -> Option<u32> {
        let is_it = |number: &u32| self.used.slot(*number).is_some_and(|used| used.pool == *pool);
        guess.filter(is_it).or_else(|| self.numbers.get(pool).copied())
    }

    /// A mapping takes a port. Returns the number of the pool.
    #[inline]
    pub(super) fn take(&mut self, pool: Pool, guess: Option<u32>, entry: EntryIx, expires: Timestamp) -> u32 {
        let number = self.number(&pool, guess).unwrap_or_else(|| {
            let number = self.used.insert(Used { pool, taken: 0, next_expiry: expires, mappings: None });
            self.numbers.insert(pool, number);
            number
        });
        self.used[number].taken += 1;
        self.note_expiry(number, entry, expires);
        number
    }

    /// A mapping expires then, and no later.
    #[inline]
    pub(super) fn note_expiry(&mut self, number: u32, entry: EntryIx, expires: Timestamp) {
        let Some(used) = self.used.slot_mut(number) else { return };
        used.next_expiry = used.next_expiry.min(expires);
        if let Some(mappings) = &mut used.mappings {
            mappings.push(Reverse((expires, entry.0)));
        }
    }

    /// A port goes back.
    #[inline]
    pub(super) fn release(&mut self, number: u32) {
        let Some(used) = self.used.slot_mut(number) else { return };
        used.taken -= 1;
        if used.taken == 0 {
            self.numbers.remove(&used.pool);
            self.used.remove(number);
        }
    }
}

impl Conntrack {
    /// How many ports of a pool are taken. `guess` is the number that it had when somebody last asked.
    pub fn taken(&self, pool: &Pool, guess: Option<u32>) -> u32 {
        let used = self.pools.number(pool, guess).and_then(|number| self.pools.used.slot(number));
        used.map_or(0, |used| used.taken)
    }

    /// Reclaims the expired mappings of one pool, so that its count is exact.
    pub fn settle_pool(&mut self, pool: &Pool, now: Timestamp) {
        let Some(number) = self.pools.number(pool, None) else { return };
        let Some(used) = self.pools.used.slot_mut(number).filter(|used| now >= used.next_expiry) else { return };
        // Once most of what is noted is of no use any more, noting it all again is worth it.
        let most = 2 * used.taken as usize;
        let noted = used.mappings.take().filter(|mappings| mappings.len() <= most);
        let mut mappings = noted.unwrap_or_else(|| Box::new(self.mappings(number)));
        let mut over = Vec::new();
        while let Some(Reverse((_, entry))) = mappings.peek().filter(|of| of.0.0 <= now).copied() {
            mappings.pop();
            let Some(expires) = self.expiry_in(number, entry) else { continue };
            if now >= expires {
                over.push(entry);
            } else {
                mappings.push(Reverse((expires, entry)));
            }
        }
        if let Some(used) = self.pools.used.slot_mut(number) {
            used.next_expiry = mappings.peek().map_or(Timestamp::MAX, |of| of.0.0);
            used.mappings = Some(mappings);
        }
        for entry in over {
            // One that was noted twice is over once; and with the last of its mappings the pool is gone.
            if self.expiry_in(number, entry).is_some_and(|expires| now >= expires) {
                self.end(EntryIx(entry), now);
            }
        }
    }

    /// When a mapping of a pool expires; none if it is none.
    fn expiry_in(&self, number: u32, entry: u32) -> Option<Timestamp> {
        let slot = self.entries.slot(entry).filter(|slot| slot.takes_port_of(number))?;
        Some(self.expiry(entry, slot))
    }

    fn mappings(&self, number: u32) -> Mappings {
        let all = self.entries.iter().filter_map(|(entry, _)| Some(Reverse((self.expiry_in(number, entry)?, entry))));
        all.collect()
    }
}
