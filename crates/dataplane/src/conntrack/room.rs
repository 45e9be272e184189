//! Room in the connection tables of instances, where a knob limits it (6.19). A table is shared by all interfaces of its
//! instance; an entry takes room from when it is made to when it expires, and nothing is evicted.

use super::slot::Slot;
use super::{Conntrack, EntryIx, Room};
use crate::index::HostIx;
use crate::time::Timestamp;

/// How much of an instance's table is taken.
#[derive(Clone, Copy, Debug)]
pub(super) struct RoomUse {
    /// Entries, those expired but not yet reclaimed included.
    taken: u32,
    /// Before this moment a search for expired entries is known to find none.
    next_expiry: Timestamp,
    /// Entries are of this configuration or later ones, or were looked at under it.
    generation: u32,
}

impl Conntrack {
    /// Whether a table of `limit` entries has the room.
    pub fn has_room(&mut self, room: Room, limit: u32, now: Timestamp) -> bool {
        let wanted = u32::from(room.entries);
        let fits = |taken: u32| taken.saturating_add(wanted) <= limit;
        let Some(used) = self.rooms.get(&room.host).copied() else { return fits(0) };
        // Of those that have expired, some may not have been reclaimed.
        fits(used.taken) || fits(self.entries_of(room.host, now))
    }

    /// How many entries the table of an instance holds, where they are limited.
    pub fn entries_of(&mut self, host: HostIx, now: Timestamp) -> u32 {
        if self.rooms.get(&host).is_some_and(|used| now >= used.next_expiry) {
            self.settle_room(host, now);
        }
        self.rooms.get(&host).map_or(0, |used| used.taken)
    }

    /// Reclaims the expired entries of one instance, so that its count is exact.
    fn settle_room(&mut self, host: HostIx, now: Timestamp) {
        let (expired, live): (Vec<_>, Vec<_>) = self
            .of_host(host)
            .map(|(entry, slot)| (entry, self.expiry(entry.0, slot)))
            .partition(|(_, expires)| now >= *expires);
        let next_expiry = live.into_iter().map(|(_, expires)| expires).min().unwrap_or(Timestamp::MAX);
        expired.into_iter().for_each(|(entry, _)| self.end(entry, now));
        if let Some(used) = self.rooms.get_mut(&host) {
            used.next_expiry = next_expiry;
        }
    }

    /// The entries of an instance that were last looked at before this configuration; none if that was asked already.
    pub fn entries_before(&mut self, host: HostIx, generation: u32) -> Vec<EntryIx> {
        let Some(used) = self.rooms.get_mut(&host).filter(|used| used.generation < generation) else {
            return Vec::new();
        };
        used.generation = generation;
        let older = self.of_host(host).filter(|(_, slot)| slot.generation < generation);
        older.map(|(entry, _)| entry).collect()
    }

    /// The entries of an instance.
    fn of_host(&self, host: HostIx) -> impl Iterator<Item = (EntryIx, &Slot)> {
        let entries = self.entries.iter().map(|(index, slot)| (EntryIx(index), slot));
        let room = |entry: EntryIx| self.aside(entry).and_then(|aside| aside.room);
        entries.filter(move |(entry, _)| room(*entry).is_some_and(|room| room.host == host))
    }

    /// An entry is made.
    pub(super) fn take_room(&mut self, room: Option<Room>, expires: Timestamp, generation: u32) {
        let Some(room) = room else { return };
        let used = self.rooms.entry(room.host).or_insert(RoomUse { taken: 0, next_expiry: expires, generation });
        used.taken += u32::from(room.entries);
        used.next_expiry = used.next_expiry.min(expires);
    }

    /// An entry will expire earlier than it would have.
    pub(super) fn note_expiry(&mut self, room: Option<Room>, expires: Timestamp) {
        if let Some(used) = room.and_then(|room| self.rooms.get_mut(&room.host)) {
            used.next_expiry = used.next_expiry.min(expires);
        }
    }

    /// An entry is gone.
    pub(super) fn leave_room(&mut self, room: Option<Room>) {
        let Some(room) = room else { return };
        let Some(used) = self.rooms.get_mut(&room.host) else { return };
        used.taken = used.taken.saturating_sub(u32::from(room.entries));
        if used.taken == 0 {
            self.rooms.remove(&room.host);
        }
    }
}
