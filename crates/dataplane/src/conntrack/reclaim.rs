//! The end of entries: when their time is over they leave a tombstone or nothing, and their ports go back.

use super::lifecycle::{Event, Stage};
use super::slot::Slot;
use super::{Conntrack, EntryIx, Gauge, Inside, Side, Translator};
use crate::time::Timestamp;

/// How long an idle-expired TCP mapping is remembered: as long as a security group remembers the connection (6.16).
const TOMBSTONE: std::time::Duration = std::time::Duration::from_secs(432_000);

/// Entries that are looked at for each that is made, so that reclaiming keeps up, once for a new lease and once for the end of
/// each, and never comes all at once.
pub(super) const RECLAIM_EACH: usize = 2;

/// Entries of a shard that the end of a window looks at: where nothing is made any more this frees memory all the same, over 256
/// shards a thousand entries a window, and takes no longer than a few hundred packets do.
const RECLAIM_TICK: usize = 4;

impl Conntrack {
    /// Reclaims what has expired by `now`, or a good part of it.
    pub fn advance(&mut self, now: Timestamp) {
        self.bindings.advance(now);
        self.reclaim(now, RECLAIM_TICK);
    }

    /// Looks at no more than `most` entries whose second is over.
    pub(super) fn reclaim(&mut self, now: Timestamp, most: usize) {
        for _ in 0..most {
            let entries = &self.entries;
            let second_of = |entry: u32| entries.slot(entry).map(|slot| slot.scheduled);
            let Some((index, second)) = self.wheel.due(now.second(), second_of) else { return };
            let Some(slot) = self.entries.slot(index).filter(|slot| slot.scheduled == second as u32) else { continue };
            let expires = self.expiry(index, slot);
            if now >= expires {
                self.end(EntryIx(index), now);
            } else {
                self.schedule(EntryIx(index), expires, now);
            }
        }
    }

    /// Reclaims what has expired by `now`, wheel or not: the end of a run.
    pub fn finish(&mut self, now: Timestamp) {
        self.bindings.advance(now);
        let over = |(index, slot): &(u32, &Slot)| now >= self.expiry(*index, slot);
        let expired: Vec<_> = self.entries.iter().filter(over).map(|(index, _)| index).collect();
        for index in expired {
            self.end(EntryIx(index), now);
        }
    }

    /// The time of an entry is over. What the table of lifecycles gives a tombstone leaves one, everything else goes.
    pub(super) fn end(&mut self, entry: EntryIx, now: Timestamp) {
        self.end_lease(entry);
        let slot = self.entries[entry.0];
        if !slot.may_entomb() {
            return self.remove(entry);
        }
        let was = self.stage(entry);
        let is = was.after(Event::Timer);
        if let Some(nat) = slot.translator() {
            self.count_active(nat, was, is, slot.expires);
        }
        if is != Stage::Tombstone {
            return self.remove(entry);
        }
        if let Some(Translator::Gateway(gateway)) = slot.translator() {
            *self.idle_deaths.entry(gateway).or_default() += 1;
            self.delta(slot.expires, Gauge::NatIdle(gateway), 1);
        }
        self.release_port(entry);
        self.leave(entry);
        let slot = &mut self.entries[entry.0];
        slot.tombstone = true;
        slot.expires = slot.expires.after(TOMBSTONE);
        let expires = slot.expires;
        self.schedule(entry, expires, now);
    }

    pub(super) fn remove(&mut self, entry: EntryIx) {
        self.end_lease(entry);
        let slot = &self.entries[entry.0];
        let (tombstone, has_aside) = (slot.tombstone, slot.aside);
        self.index.remove(slot.hash(Side::Own, self.aside(entry)), (entry, Side::Own));
        if has_aside {
            let room = self.aside(entry).and_then(|aside| aside.room);
            self.leave_room(room);
        }
        if !tombstone {
            self.release_port(entry);
            self.leave(entry);
        }
        if has_aside {
            self.aside.remove(&entry.0);
        }
        self.entries.remove(entry.0);
    }

    /// The outside key and the port go back to the pool.
    fn release_port(&mut self, entry: EntryIx) {
        let slot = &self.entries[entry.0];
        let Some(nat) = slot.translator() else { return };
        let pool = slot.pool;
        self.index.remove(slot.hash(Side::Outside, self.aside(entry)), (entry, Side::Outside));
        if let Some(aside) = self.aside(entry).copied()
            && let Some(sharing) = aside.sharing
        {
            let slot = &self.entries[entry.0];
            let (inside, outside) = (Inside(slot.original(Some(&aside))), slot.outside(Some(&aside)));
            self.bindings.leave(nat, entry, (inside, outside), slot.expires, sharing);
        }
        self.pools.release(pool);
    }
}
