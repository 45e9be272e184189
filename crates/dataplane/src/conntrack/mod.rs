//! Connection state: entries of single components, tied together into connections.
//!
//! A security group at an interface, a NAT gateway, an egress-only gateway: each remembers a flow in an entry of its own,
//! with its own key, progress and timer. Those entries are the truth. A connection is the set of entries that one packet
//! made, or that later packets joined; it is over when its last entry is.
//!
//! An entry is free exactly when `now >= expires`, and every lookup compares. The [wheel] only reclaims memory and
//! counts, so its timing cannot be observed.

pub mod bindings;
mod connections;
mod entry;
mod lease;
pub mod lifecycle;
pub mod linux;
mod room;
mod slab;
pub mod tcp;
mod tracker;
mod untracked;
pub mod wheel;

use hashbrown::HashMap;
use vpcemu_packet::TcpFlags;

use crate::fabric::FixedMap;
use crate::index::{HostIx, NatIx};
use crate::time::Timestamp;
use bindings::Bindings;
use entry::{Connection, keys};
use lifecycle::{Event, Stage};
use room::RoomUse;
use slab::Slab;
use wheel::Wheel;

pub use entry::{
    ConnectionCounters, ConnectionIx, Delta, Entry, EntryIx, Gauge, Inside, Key, NewEntry, Outside, Owner, Pool,
    PoolUse, Room, Translator, Way,
};
pub use tracker::{Timers, Tracker, UdpProgress};
pub(crate) use untracked::Untracked;

/// All connection state of a shard.
#[derive(Debug, Default)]
pub struct Conntrack {
    index: FixedMap<Key, (EntryIx, Way)>,
    entries: Slab<Entry>,
    connections: Slab<Connection>,
    wheel: Wheel,
    /// Totals.
    pub counters: ConnectionCounters,
    /// Changes of gauges since they were last taken.
    pub deltas: Vec<Delta>,
    /// NAT mappings that died of idleness since they were last taken, by gateway.
    pub idle_deaths: HashMap<NatIx, u64, foldhash::fast::FixedState>,
    /// What mappings share where knobs make them (section 12).
    pub bindings: Bindings,
    /// Mappings per port pool, those in linger included (4.12).
    pub pools: FixedMap<Pool, PoolUse>,
    /// Entries per instance, where they are limited (6.19).
    rooms: FixedMap<HostIx, RoomUse>,
    /// Records of the flow cache that no longer hold, since they were last taken.
    pub(crate) outdated: Vec<u32>,
    /// Flows that the flow cache knows to pass interfaces without an entry.
    pub(crate) untracked: Untracked,
}

/// How long an idle-expired TCP mapping is remembered: as long as a security group remembers the connection (6.16).
const TOMBSTONE: std::time::Duration = std::time::Duration::from_secs(432_000);

impl Conntrack {
    /// A table whose wheel reclaims, or one that only ever compares on lookup.
    pub fn new(reclaim: bool) -> Self {
        Self { wheel: Wheel::new(reclaim), ..Self::default() }
    }

    /// The live entry under `key`, and the packet's way relative to it.
    pub fn find(&mut self, key: &Key, now: Timestamp) -> Option<(EntryIx, Way)> {
        let (entry, way) = *self.index.get(key)?;
        if self.entries[entry.0].tombstone {
            return None;
        }
        self.end_lease(entry);
        if now >= self.entries[entry.0].expires {
            self.end(entry);
            return None;
        }
        Some((entry, way))
    }

    /// Whether nothing lives under `key`. Unlike [`Self::find`] this is no packet's, and leaves leases as they are.
    pub fn is_free(&mut self, key: &Key, now: Timestamp) -> bool {
        let Some((entry, _)) = self.index.get(key) else { return true };
        let slot = &self.entries[entry.0];
        if !slot.tombstone && now < self.expiry(slot) {
            return false;
        }
        self.find(key, now).is_none()
    }

    /// What remains of a mapping that died of idleness: the outside tuple it had, and how many mappings the inside tuple
    /// has had before it.
    pub fn tombstone(&mut self, nat: Translator, inside: Inside, now: Timestamp) -> Option<(Outside, u32)> {
        let (entry, _) = *self.index.get(&Key::NatInside(nat, inside))?;
        let slot = self.entries[entry.0];
        let Entry { owner: Owner::Nat { outside, .. }, expires, reuse, .. } = slot else { return None };
        if slot.stage() != Stage::Tombstone {
            return None;
        }
        if now >= expires {
            self.end(entry);
            return None;
        }
        Some((outside, reuse))
    }

    /// If what is found under `key` is what remains of a connection that died of idleness: under which configuration it was
    /// last found lawful.
    pub fn idled_out(&self, key: &Key, now: Timestamp) -> Option<u32> {
        let (entry, _) = self.index.get(key)?;
        let slot = &self.entries[entry.0];
        (slot.tombstone && now < slot.expires).then_some(slot.generation)
    }

    /// An entry.
    pub fn entry(&self, entry: EntryIx) -> &Entry {
        &self.entries[entry.0]
    }

    /// Remembers under which configuration the entry was last found lawful.
    pub fn set_generation(&mut self, entry: EntryIx, generation: u32) {
        self.entries[entry.0].generation = generation;
    }

    /// Takes note of a packet that passed: progress, and a new lease of life.
    pub fn observe(&mut self, entry: EntryIx, flags: Option<TcpFlags>, way: Way, now: Timestamp) {
        self.note(entry, flags, way, now, true);
    }

    /// Takes note of a packet that passed, but gives a new lease only where it changed what the entry waits for (4.30).
    pub fn note_progress(&mut self, entry: EntryIx, flags: Option<TcpFlags>, way: Way, now: Timestamp) {
        self.note(entry, flags, way, now, false);
    }

    fn note(&mut self, entry: EntryIx, flags: Option<TcpFlags>, way: Way, now: Timestamp, refreshes: bool) {
        let slot = &self.entries[entry.0];
        let mut tracker = slot.tracker;
        tracker.observe(flags, way == Way::Reply);
        let lease = tracker.timeout(&slot.timers);
        let kept = !refreshes && lease == slot.tracker.timeout(&slot.timers);
        let expires = if kept { slot.expires } else { now.after(lease) };
        self.progress(entry, tracker, way, expires, now);
    }

    /// Writes an entry's progress and lease down.
    pub fn progress(&mut self, entry: EntryIx, tracker: Tracker, way: Way, expires: Timestamp, now: Timestamp) {
        let slot = &mut self.entries[entry.0];
        let was = slot.stage();
        let is = was.after(Event::between(&slot.tracker, &tracker));
        let replied = slot.replied || way == Way::Reply;
        let changed = (slot.tracker, slot.replied) != (tracker, replied);
        (slot.tracker, slot.replied) = (tracker, replied);
        let before = std::mem::replace(&mut slot.expires, expires);
        let Entry { owner, scheduled, original, sharing, room, connection, .. } = *slot;
        if let (true, Some(connection)) = (changed, connection) {
            self.forget_records(connection);
        }
        if expires < before {
            self.note_expiry(room, expires);
        }
        if let Owner::Nat { nat, outside } = owner {
            self.count_active(nat, was, is, now);
            if expires < before
                && let Some(pool) = self.pools.get_mut(&Pool::of(nat, &outside))
            {
                pool.next_expiry = pool.next_expiry.min(expires);
            }
            if let Some(sharing) = sharing {
                self.bindings.renew(nat, entry, Inside(original), (before, expires), sharing);
            }
        }
        if expires.second() < scheduled {
            self.schedule(entry, expires);
        }
    }

    /// Makes an entry. Of an inside tuple it takes the place of a tombstone.
    pub fn insert(&mut self, new: NewEntry, now: Timestamp) -> EntryIx {
        let NewEntry { owner, original, tracker, timers, replied, generation, sharing, forced, room } = new;
        let mut reuse = 0;
        if let Owner::Nat { nat, .. } = owner
            && let Some((old, _)) = self.index.get(&Key::NatInside(nat, Inside(original))).copied()
        {
            reuse = self.entries[old.0].reuse + 1;
            self.remove(old);
        }
        if let Owner::Endpoint(_) = owner {
            for key in keys(owner, original) {
                if let Some((old, _)) = self.index.get(&key).copied() {
                    self.remove(old);
                }
            }
        }
        if let Owner::Interface { .. } = owner {
            self.untracked.note_entry(&original);
        }
        let expires = now.after(tracker.timeout(&timers));
        let entry = EntryIx(self.entries.insert(Entry {
            owner,
            original,
            tracker,
            timers,
            expires,
            replied,
            generation,
            reuse,
            sharing,
            forced,
            room,
            connection: None,
            scheduled: u64::MAX,
            tombstone: false,
            leased: false,
        }));
        let [there, back] = keys(owner, original);
        self.index.insert(there, (entry, Way::Original));
        self.index.insert(back, (entry, Way::Reply));
        if let Owner::Nat { nat, outside } = owner {
            let fresh = PoolUse { taken: 0, next_expiry: expires };
            let pool = self.pools.entry(Pool::of(nat, &outside)).or_insert(fresh);
            pool.taken += 1;
            pool.next_expiry = pool.next_expiry.min(expires);
            if let Some(sharing) = sharing {
                self.bindings.join(nat, entry, (Inside(original), outside), (now, expires), sharing);
            }
            self.count_active(nat, Stage::Free, Stage::Free.after(Event::opening(&tracker)), now);
        }
        self.take_room(room, expires, generation);
        self.schedule(entry, expires);
        entry
    }

    /// Ends an entry at once, as a change of configuration does (6.18, 4.31).
    pub fn kill(&mut self, entry: EntryIx, now: Timestamp) {
        self.end_lease(entry);
        let slot = &mut self.entries[entry.0];
        let before = std::mem::replace(&mut slot.expires, now);
        let was = slot.stage();
        let Entry { owner, original, sharing, .. } = *slot;
        if let Owner::Nat { nat, .. } = owner {
            if let Some(sharing) = sharing {
                self.bindings.renew(nat, entry, Inside(original), (before, now), sharing);
            }
            self.count_active(nat, was, was.after(Event::Reconfigure), now);
        }
        self.remove(entry);
    }

    /// Reclaims what has expired by `now`.
    pub fn advance(&mut self, now: Timestamp) {
        self.bindings.advance(now);
        while let Some((second, due)) = self.wheel.due(now) {
            for index in due {
                let Some(slot) = self.entries.slot(index) else { continue };
                if slot.scheduled != second {
                    continue;
                }
                let expires = self.expiry(slot);
                if now >= expires {
                    self.end(EntryIx(index));
                } else {
                    self.schedule(EntryIx(index), expires);
                }
            }
        }
    }

    /// Reclaims what has expired by `now`, wheel or not: the end of a run.
    pub fn finish(&mut self, now: Timestamp) {
        self.advance(now);
        let over = |(_, entry): &(u32, &Entry)| now >= self.expiry(entry);
        let expired: Vec<_> = self.entries.iter().filter(over).map(|(index, _)| index).collect();
        for index in expired {
            self.end(EntryIx(index));
        }
    }

    /// How many entries there are, expired but unreclaimed ones included.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether there is no entry.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Reclaims the expired mappings of one pool, so that its count is exact.
    pub fn settle_pool(&mut self, pool: Pool, now: Timestamp) {
        if self.pools.get(&pool).is_none_or(|used| now < used.next_expiry) {
            return;
        }
        let mut next = Timestamp::MAX;
        let mut expired = Vec::new();
        for (index, entry) in self.entries.iter() {
            match entry.owner {
                Owner::Nat { nat, outside } if !entry.tombstone && Pool::of(nat, &outside) == pool => {
                    let expires = self.expiry(entry);
                    if now >= expires {
                        expired.push(index);
                    } else {
                        next = next.min(expires);
                    }
                }
                _ => {}
            }
        }
        for index in expired {
            self.end(EntryIx(index));
        }
        if let Some(used) = self.pools.get_mut(&pool) {
            used.next_expiry = next;
        }
    }

    /// The time of an entry is over. What the table of lifecycles gives a tombstone leaves one, everything else goes.
    fn end(&mut self, entry: EntryIx) {
        self.end_lease(entry);
        let slot = self.entries[entry.0];
        let was = slot.stage();
        let is = was.after(Event::Timer);
        match slot.owner {
            Owner::Nat { nat, .. } => self.count_active(nat, was, is, slot.expires),
            Owner::Endpoint(_) => {}
            Owner::Interface { .. } | Owner::EgressOnly(_) => return self.remove(entry),
        }
        if is != Stage::Tombstone {
            return self.remove(entry);
        }
        if let Owner::Nat { nat: Translator::Gateway(gateway), .. } = slot.owner {
            *self.idle_deaths.entry(gateway).or_default() += 1;
        }
        self.release_port(entry);
        self.leave(entry);
        let slot = &mut self.entries[entry.0];
        slot.tombstone = true;
        slot.expires = slot.expires.after(TOMBSTONE);
        let expires = slot.expires;
        self.schedule(entry, expires);
    }

    fn remove(&mut self, entry: EntryIx) {
        self.end_lease(entry);
        let slot = self.entries[entry.0];
        self.leave_room(slot.room);
        if !slot.tombstone {
            self.release_port(entry);
            self.leave(entry);
        }
        for key in keys(slot.owner, slot.original) {
            if self.index.get(&key).is_some_and(|(of, _)| *of == entry) {
                self.index.remove(&key);
            }
        }
        self.entries.remove(entry.0);
    }

    /// The outside key and the port go back to the pool.
    fn release_port(&mut self, entry: EntryIx) {
        let Entry { owner: Owner::Nat { nat, outside }, original, expires, sharing, .. } = self.entries[entry.0] else {
            return;
        };
        if let Some(sharing) = sharing {
            self.bindings.leave(nat, entry, (Inside(original), outside), expires, sharing);
        }
        let key = Key::NatOutside(nat, outside);
        if self.index.get(&key).is_some_and(|(of, _)| *of == entry) {
            self.index.remove(&key);
        }
        let pool = Pool::of(nat, &outside);
        if let Some(used) = self.pools.get_mut(&pool) {
            used.taken -= 1;
            if used.taken == 0 {
                self.pools.remove(&pool);
            }
        }
    }

    fn schedule(&mut self, entry: EntryIx, expires: Timestamp) {
        self.entries[entry.0].scheduled = self.wheel.schedule(entry.0, expires);
    }

    /// Keeps the gauge of a gateway's active mappings in step with a change of stage (4.37).
    fn count_active(&mut self, nat: Translator, was: Stage, is: Stage, at: Timestamp) {
        let Translator::Gateway(gateway) = nat else { return };
        if was.is_active() != is.is_active() {
            self.delta(at, Gauge::NatActive(gateway), if is.is_active() { 1 } else { -1 });
        }
    }

    fn delta(&mut self, at: Timestamp, gauge: Gauge, by: i32) {
        self.deltas.push(Delta { second: at.second(), gauge, by });
    }
}
