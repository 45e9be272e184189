//! Connections: the entries that one packet made, or that later packets joined, counted as one.

use smallvec::SmallVec;

use super::entry::Connection;
use super::lease::Lease;
use super::{ConnectionIx, Conntrack, EntryIx, Gauge};
use crate::time::Timestamp;

impl Conntrack {
    /// The connection that an entry is tied to.
    pub fn connection(&self, entry: EntryIx) -> Option<ConnectionIx> {
        self.entries[entry.0].connection()
    }

    /// Ties entries that a packet made to the connection it belongs to, a new one if it belongs to none.
    pub fn join(&mut self, made: &[EntryIx], known: Option<ConnectionIx>, n: u64) -> Option<ConnectionIx> {
        // A packet that comes back to its own sender can end what it has just made, or the connection it belonged to.
        let known = known.filter(|connection| self.connections.slot(connection.0).is_some());
        if made.iter().all(|entry| self.entries.slot(entry.0).is_none()) {
            return known;
        }
        let connection = known.unwrap_or_else(|| {
            let fresh = Connection { n, live: 0, counted: false, ended: Timestamp::default(), lease: Lease::default() };
            ConnectionIx(self.connections.insert(fresh))
        });
        for entry in made
            .iter()
            .filter(|entry| self.entries.slot(entry.0).is_some())
            .copied()
            .collect::<SmallVec<[EntryIx; 4]>>()
        {
            let slot = &mut self.entries[entry.0];
            if slot.connection().is_none() {
                slot.set_connection(Some(connection));
                self.connections[connection.0].live += 1;
            }
        }
        Some(connection)
    }

    /// Counts a connection the first time that one of its packets is delivered (6.22). Returns its n.
    pub fn accept(&mut self, connection: ConnectionIx, now: Timestamp) -> u64 {
        let slot = &mut self.connections[connection.0];
        let n = slot.n;
        if !slot.counted {
            slot.counted = true;
            self.counters.created += 1;
            self.delta(now, Gauge::Connections, 1);
        }
        n
    }

    /// n of the packet that created a connection, once both ends have accepted it.
    pub fn connection_n(&self, connection: ConnectionIx) -> Option<u64> {
        let slot = &self.connections[connection.0];
        slot.counted.then_some(slot.n)
    }

    /// An entry leaves its connection, which is over with its last one.
    pub(super) fn leave(&mut self, entry: EntryIx) {
        let slot = &self.entries[entry.0];
        let (Some(connection), expires) = (slot.connection(), slot.expires) else { return };
        self.forget_records(connection);
        self.entries[entry.0].set_connection(None);
        let slot = &mut self.connections[connection.0];
        slot.live -= 1;
        slot.ended = slot.ended.max(expires);
        let Connection { live, counted, ended, .. } = *slot;
        if live > 0 {
            return;
        }
        self.connections.remove(connection.0);
        if counted {
            self.counters.expired += 1;
            self.delta(ended, Gauge::Connections, -1);
        }
    }
}
