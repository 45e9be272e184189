//! Leases: while every packet of a connection renews the same entries and changes nothing else about them, one time stands for
//! all of them.
//!
//! The entries are the truth. A lease only defers writing down when each of them was last renewed: whoever looks at one as a
//! walk does gets it written first, and the lease ends. The flow cache renews leases, and is told when a connection changes so
//! that what it remembers of it no longer holds.

use super::entry::Connection;
use super::slot::Slot;
use super::{ConnectionIx, Conntrack, EntryIx};
use crate::time::Timestamp;

/// Entries that one lease can cover: the longest path without a detour has security groups at both ends, a NAT gateway, and a
/// hairpin through another.
const MEMBERS: usize = 4;

/// One record in the flow cache for each direction.
const RECORDS: usize = 2;

/// No entry, no record.
const NONE: u32 = u32::MAX;

/// What defers the renewal of a connection's entries.
#[derive(Clone, Copy, Debug)]
pub(super) struct Lease {
    /// When the entries were last renewed.
    last_seen: Timestamp,
    /// Nanoseconds that the first of them to expire lives without a packet; 0 while there is no lease.
    shortest: u64,
    /// In order of their indices.
    members: [u32; MEMBERS],
    /// What the flow cache has of the connection.
    records: [u32; RECORDS],
}

impl Default for Lease {
    fn default() -> Self {
        Self { last_seen: Timestamp::default(), shortest: 0, members: [NONE; MEMBERS], records: [NONE; RECORDS] }
    }
}

impl Lease {
    fn members(&self) -> impl Iterator<Item = u32> + use<> {
        self.members.into_iter().take_while(|member| *member != NONE)
    }
}

impl Conntrack {
    /// Renews the lease of a connection, if it has one that is not over. Returns n of the packet that created it.
    #[inline]
    pub(crate) fn renew(&mut self, connection: ConnectionIx, now: Timestamp) -> Option<u64> {
        let Connection { n, lease, .. } = self.connections.slot_mut(connection.0)?;
        if now.0 >= lease.last_seen.0.saturating_add(lease.shortest) {
            return None;
        }
        lease.last_seen = now;
        Some(*n)
    }

    /// What [`Self::renew`] will touch.
    #[inline]
    pub(crate) fn prefetch(&self, connection: ConnectionIx) {
        self.connections.prefetch(connection.0);
    }

    /// Lets `connection` on one lease from `now` on, if the packet of now renewed exactly these entries, all of them the
    /// connection's and of the kinds that nothing but packets renew.
    pub(crate) fn lease(&mut self, connection: ConnectionIx, renewed: &[EntryIx], now: Timestamp) -> bool {
        let mut members = [NONE; MEMBERS];
        if renewed.is_empty() || renewed.len() > MEMBERS {
            return false;
        }
        for (member, entry) in members.iter_mut().zip(renewed) {
            *member = entry.0;
        }
        members.sort_unstable();
        let mut shortest = u64::MAX;
        for entry in renewed {
            let Some(slot) = self.entries.slot(entry.0) else { return false };
            if slot.connection() != Some(connection) || !self.is_leasable(*entry, slot) {
                return false;
            }
            let timeout = self.timeout(entry.0, slot);
            if slot.expires != now.after(timeout) {
                return false;
            }
            shortest = shortest.min(u64::try_from(timeout.as_nanos()).unwrap_or(u64::MAX));
        }
        let Some(slot) = self.connections.slot_mut(connection.0) else { return false };
        if !slot.counted {
            return false;
        }
        // A lease on entries none of which this packet met is still running.
        let running = (slot.lease.shortest > 0).then(|| slot.lease.members().next()).flatten();
        if let Some(member) = running {
            self.end_lease(EntryIx(member));
        }
        let Some(slot) = self.connections.slot_mut(connection.0) else { return false };
        // What was recorded of other entries does not hold for these.
        let other = slot.lease.members != members;
        slot.lease.members = members;
        slot.lease.last_seen = now;
        slot.lease.shortest = shortest;
        for entry in renewed {
            self.entries[entry.0].leased = true;
        }
        if other {
            self.forget_records(connection);
        }
        true
    }

    /// Notes that the flow cache has a record of the connection. Of several the oldest is given up.
    pub(crate) fn note_record(&mut self, connection: ConnectionIx, record: u32) {
        let Some(slot) = self.connections.slot_mut(connection.0) else { return };
        let records = &mut slot.lease.records;
        if records.contains(&record) {
            return;
        }
        let place = records.iter().position(|of| *of == NONE);
        let given_up = match place {
            Some(free) => std::mem::replace(&mut records[free], record),
            None => {
                records.rotate_left(1);
                std::mem::replace(&mut records[RECORDS - 1], record)
            }
        };
        if given_up != NONE {
            self.outdated.push(given_up);
        }
    }

    /// The record is another connection's now.
    pub(crate) fn disown_record(&mut self, connection: ConnectionIx, record: u32) {
        if let Some(slot) = self.connections.slot_mut(connection.0) {
            for of in slot.lease.records.iter_mut().filter(|of| **of == record) {
                *of = NONE;
            }
        }
    }

    /// Whatever the flow cache remembers of the connection no longer holds.
    pub(super) fn forget_records(&mut self, connection: ConnectionIx) {
        let Some(slot) = self.connections.slot_mut(connection.0) else { return };
        let records = std::mem::replace(&mut slot.lease.records, [NONE; RECORDS]);
        self.outdated.extend(records.into_iter().filter(|record| *record != NONE));
    }

    /// Ends the lease that the entry is on: it and all others get their renewal written down.
    pub(super) fn end_lease(&mut self, entry: EntryIx) {
        let slot = &self.entries[entry.0];
        let (true, Some(connection)) = (slot.leased, slot.connection()) else { return };
        let lease = &mut self.connections[connection.0].lease;
        let ended = *lease;
        lease.shortest = 0;
        for member in ended.members() {
            let timeout = self.timeout(member, &self.entries[member]);
            let slot = &mut self.entries[member];
            slot.expires = ended.last_seen.after(timeout);
            slot.leased = false;
        }
    }

    /// When an entry expires, on a lease or not.
    pub(super) fn expiry(&self, entry: u32, slot: &Slot) -> Timestamp {
        match slot.connection() {
            Some(connection) if slot.leased => {
                self.connections[connection.0].lease.last_seen.after(self.timeout(entry, slot))
            }
            _ => slot.expires,
        }
    }

    /// How long an entry lives without a packet.
    fn timeout(&self, entry: u32, slot: &Slot) -> std::time::Duration {
        slot.tracker(self.aside(EntryIx(entry))).timeout(self.timers.set(slot.timers))
    }

    /// Whether nothing but a packet renews the entry, and nobody counts how long each lives.
    fn is_leasable(&self, entry: EntryIx, slot: &Slot) -> bool {
        let counted = self.aside(entry).is_some_and(|aside| aside.sharing.is_some() || aside.room.is_some());
        slot.is_plain() && !slot.tombstone && !counted
    }
}
