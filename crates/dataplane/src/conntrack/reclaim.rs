//! The end of entries: when their time is over they leave a tombstone or nothing, and their ports go back.

use super::lifecycle::{Event, Stage};
use super::slot::Slot;
use super::{Conntrack, EntryIx, Inside, Pool, Translator, Way};
use crate::time::Timestamp;

/// How long an idle-expired TCP mapping is remembered: as long as a security group remembers the connection (6.16).
const TOMBSTONE: std::time::Duration = std::time::Duration::from_secs(432_000);

/// Entries that are looked at for each that is made, so that reclaiming keeps up with two entries a connection, once for a new
/// lease and once for its end, and never comes all at once.
pub(super) const RECLAIM_EACH: usize = 4;

/// Entries of a shard that the end of a window looks at. Over 256 shards that is more than a window can have made.
const RECLAIM_TICK: usize = 1024;

impl Conntrack {
    /// Reclaims what has expired by `now`, or a good part of it.
    pub fn advance(&mut self, now: Timestamp) {
        self.bindings.advance(now);
        self.reclaim(now, RECLAIM_TICK);
    }

    /// Looks at no more than `most` entries whose second is over. Their memory was asked for last time.
    pub(super) fn reclaim(&mut self, now: Timestamp, most: usize) {
        for entry in self.wheel.upcoming().take(RECLAIM_EACH) {
            if let Some(connection) = self.entries.slot(entry).and_then(Slot::connection) {
                self.connections.prefetch(connection.0);
            }
        }
        self.reclaim_due(now, most);
        self.wheel.upcoming().take(RECLAIM_EACH).for_each(|entry| self.entries.prefetch(entry));
    }

    fn reclaim_due(&mut self, now: Timestamp, most: usize) {
        for _ in 0..most {
            let entries = &self.entries;
            let second_of = |entry: u32| entries.slot(entry).map(|slot| slot.scheduled);
            let Some((index, second)) = self.wheel.due(now.second(), second_of) else { return };
            let Some(slot) = self.entries.slot(index).filter(|slot| slot.scheduled == second) else { continue };
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

    /// Reclaims the expired mappings of one pool, so that its count is exact.
    pub fn settle_pool(&mut self, pool: Pool, now: Timestamp) {
        if self.pools.get(&pool).is_none_or(|used| now < used.next_expiry) {
            return;
        }
        let mut next = Timestamp::MAX;
        let mut expired = Vec::new();
        for (index, slot) in self.entries.iter() {
            let Some(nat) = slot.translator().filter(|_| !slot.tombstone) else { continue };
            if Pool::of(nat, &slot.outside(self.aside(EntryIx(index)))) != pool {
                continue;
            }
            let expires = self.expiry(index, slot);
            if now >= expires {
                expired.push(index);
            } else {
                next = next.min(expires);
            }
        }
        for index in expired {
            self.end(EntryIx(index), now);
        }
        if let Some(used) = self.pools.get_mut(&pool) {
            used.next_expiry = next;
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
        let slot = self.entries[entry.0];
        let aside = self.aside(entry).copied();
        self.leave_room(aside.and_then(|aside| aside.room));
        if !slot.tombstone {
            self.release_port(entry);
            self.leave(entry);
        }
        for (hash, way) in slot.hashes(aside.as_ref()).into_iter().zip([Way::Original, Way::Reply]) {
            self.index.remove(hash, (entry, way));
        }
        if slot.aside {
            self.aside.remove(&entry.0);
        }
        self.entries.remove(entry.0);
    }

    /// The outside key and the port go back to the pool.
    fn release_port(&mut self, entry: EntryIx) {
        let (slot, aside) = (self.entries[entry.0], self.aside(entry).copied());
        let Some(nat) = slot.translator() else { return };
        if aside.is_none() && slot.has_ports() {
            let [_, back] = slot.hashes(None);
            self.index.remove(back, (entry, Way::Reply));
            return self.release(slot.pool(nat));
        }
        let outside = slot.outside(aside.as_ref());
        if let Some(sharing) = aside.and_then(|aside| aside.sharing) {
            let inside = Inside(slot.original(aside.as_ref()));
            self.bindings.leave(nat, entry, (inside, outside), slot.expires, sharing);
        }
        let [_, back] = slot.hashes(aside.as_ref());
        self.index.remove(back, (entry, Way::Reply));
        self.release(Pool::of(nat, &outside));
    }

    fn release(&mut self, pool: Pool) {
        if let Some(used) = self.pools.get_mut(&pool) {
            used.taken -= 1;
            if used.taken == 0 {
                self.pools.remove(&pool);
            }
        }
    }
}
