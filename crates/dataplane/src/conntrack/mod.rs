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
mod index;
mod lease;
pub mod lifecycle;
pub mod linux;
mod lists;
mod live;
mod pools;
mod reclaim;
mod room;
mod slab;
mod slot;
pub mod tcp;
mod template;
mod tracker;
mod untracked;
pub mod wheel;

use hashbrown::HashMap;
use vpcemu_packet::{FlowKey, TcpFlags};

use crate::fabric::FixedMap;
use crate::index::{HostIx, NatIx};
use crate::time::Timestamp;
use bindings::Bindings;
use entry::Connection;
use index::{Index, Side, hash};
use lifecycle::{Event, Stage};
use pools::Pools;
use reclaim::RECLAIM_EACH;
use room::RoomUse;
use slab::Slab;
use slot::{Aside, Slot};
use wheel::Wheel;

pub use entry::{
    ConnectionCounters, ConnectionIx, Delta, Entry, EntryIx, Gauge, Inside, Key, NewEntry, Outside, Owner, Pool, Room,
    Translator, Way,
};
pub use live::LiveConnection;
pub(crate) use template::Template;
use tracker::TimerSets;
pub use tracker::{Timers, Tracker, UdpProgress};
pub(crate) use untracked::Untracked;

/// Changes of gauges that a new one is compared with: one that begins and one that ends, of two gauges.
const RECENT: usize = 4;

/// All connection state of a shard.
#[derive(Debug, Default)]
pub struct Conntrack {
    index: Index,
    entries: Slab<Slot>,
    /// What few entries have, by entry.
    aside: FixedMap<u32, Aside>,
    /// Sets of timers, by number.
    timers: TimerSets,
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
    pools: Pools,
    /// Entries per instance, where they are limited (6.19).
    rooms: FixedMap<HostIx, RoomUse>,
    /// Records of the flow cache that no longer hold, since they were last taken.
    pub(crate) outdated: Vec<u32>,
    /// Flows that the flow cache knows to pass interfaces without an entry.
    pub(crate) untracked: Untracked,
}

impl Conntrack {
    /// A table whose wheel reclaims, or one that only ever compares on lookup.
    pub fn new(reclaim: bool) -> Self {
        Self { wheel: Wheel::new(reclaim), ..Self::default() }
    }

    /// The live entry under `key`, and the packet's way relative to it.
    pub fn find(&mut self, key: &Key, now: Timestamp) -> Option<(EntryIx, Way)> {
        let (entry, way) = self.under(key)?;
        if self.entries[entry.0].tombstone {
            return None;
        }
        self.end_lease(entry);
        if now >= self.entries[entry.0].expires {
            self.end(entry, now);
            return None;
        }
        Some((entry, way))
    }

    /// Whether nothing lives under `key`. Unlike [`Self::find`] this is no packet's, and leaves leases as they are.
    pub fn is_free(&mut self, key: &Key, now: Timestamp) -> bool {
        let Some((entry, _)) = self.under(key) else { return true };
        let slot = &self.entries[entry.0];
        if !slot.tombstone && now < self.expiry(entry.0, slot) {
            return false;
        }
        self.find(key, now).is_none()
    }

    /// Whatever is under `key`.
    fn under(&self, key: &Key) -> Option<(EntryIx, Way)> {
        self.index.find(hash(key), |entry, side| Some((entry, self.way_under(entry, side, key)?)))
    }

    fn way_under(&self, entry: EntryIx, side: Side, key: &Key) -> Option<Way> {
        self.entries[entry.0].way_under(key, side, || self.aside.get(&entry.0).copied())
    }

    fn aside(&self, entry: EntryIx) -> Option<&Aside> {
        if self.entries[entry.0].aside { self.aside.get(&entry.0) } else { None }
    }

    /// What remains of a mapping that died of idleness: the outside tuple it had, and how many mappings the inside tuple
    /// has had before it.
    pub fn tombstone(&mut self, nat: Translator, inside: Inside, now: Timestamp) -> Option<(Outside, u32)> {
        let (entry, _) = self.under(&Key::NatInside(nat, inside))?;
        let slot = self.entries[entry.0];
        if !slot.tombstone {
            return None;
        }
        let outside = slot.outside(self.aside(entry));
        if now >= slot.expires {
            self.end(entry, now);
            return None;
        }
        Some((outside, u32::from(slot.reuse)))
    }

    /// If what is found under `key` is what remains of a connection that died of idleness: under which configuration it was
    /// last found lawful.
    pub fn idled_out(&self, key: &Key, now: Timestamp) -> Option<u32> {
        let (entry, _) = self.under(key)?;
        let slot = &self.entries[entry.0];
        (slot.tombstone && now < slot.expires).then_some(slot.generation)
    }

    /// An entry, with all that there is to say about it. What is asked of it packet by packet has methods of its own.
    pub fn entry(&self, entry: EntryIx) -> Entry {
        let (slot, aside) = (&self.entries[entry.0], self.aside(entry));
        Entry {
            owner: slot.owner(aside),
            original: slot.original(aside),
            tracker: slot.tracker(aside),
            expires: self.expiry(entry.0, slot),
            generation: slot.generation,
            forced: slot.forced,
        }
    }

    /// The flow in its original direction, as the component sees it: of a NAT mapping the inside tuple.
    pub fn original(&self, entry: EntryIx) -> FlowKey {
        self.entries[entry.0].original(self.aside(entry))
    }

    /// What replies look like when they arrive at the translator whose mapping it is.
    pub fn outside(&self, entry: EntryIx) -> Option<Outside> {
        let slot = &self.entries[entry.0];
        slot.translator().map(|_| slot.outside(self.aside(entry)))
    }

    /// Progress.
    pub fn tracker(&self, entry: EntryIx) -> Tracker {
        self.entries[entry.0].tracker(self.aside(entry))
    }

    /// Whether a packet of the reply direction was seen.
    pub fn is_replied(&self, entry: EntryIx) -> bool {
        self.entries[entry.0].replied
    }

    /// The configuration under which it was last found lawful (6.18).
    pub fn generation(&self, entry: EntryIx) -> u32 {
        self.entries[entry.0].generation
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
        let before = slot.tracker(self.aside(entry));
        let mut tracker = before;
        tracker.observe(flags, way == Way::Reply);
        let timers = self.timers.set(slot.timers);
        let timeout = tracker.timeout(timers);
        let kept = !refreshes && timeout == before.timeout(timers);
        let expires = if kept { slot.expires } else { now.after(timeout) };
        self.progress(entry, tracker, way, expires, now);
    }

    /// Writes an entry's progress and lease down.
    pub fn progress(&mut self, entry: EntryIx, tracker: Tracker, way: Way, expires: Timestamp, now: Timestamp) {
        let known = self.tracker(entry);
        let slot = &mut self.entries[entry.0];
        let replied = slot.replied || way == Way::Reply;
        let changed = (known, slot.replied) != (tracker, replied);
        slot.replied = replied;
        let before = std::mem::replace(&mut slot.expires, expires);
        let scheduled = slot.scheduled;
        if changed {
            slot.set_tracker(tracker);
            let (tombstone, connection, nat) = (slot.tombstone, slot.connection(), slot.translator());
            if let (Tracker::Linux(tracker), Some(aside)) = (tracker, self.aside.get_mut(&entry.0)) {
                aside.linux = Some(tracker);
            }
            if let Some(connection) = connection {
                self.forget_records(connection);
            }
            if let Some(nat) = nat {
                let was = if tombstone { Stage::Tombstone } else { Stage::of(&known) };
                self.count_active(nat, was, was.after(Event::between(&known, &tracker)), now);
            }
        }
        let slot = self.entries[entry.0];
        if expires < before {
            self.note_earlier_expiry(entry, &slot, expires);
        }
        if slot.aside
            && let Some((nat, sharing)) = slot.translator().zip(self.aside(entry).and_then(|aside| aside.sharing))
        {
            self.bindings.renew(nat, entry, Inside(self.original(entry)), (before, expires), sharing);
        }
        if wheel::is_before(expires.second(), scheduled) {
            self.schedule(entry, expires, now);
        }
    }

    /// Whoever knows the earliest expiry of many entries hears of an earlier one.
    fn note_earlier_expiry(&mut self, entry: EntryIx, slot: &Slot, expires: Timestamp) {
        let room = self.aside(entry).and_then(|aside| aside.room);
        self.note_expiry(room, expires);
        if slot.translator().is_some() && !slot.tombstone {
            self.pools.note_expiry(slot.pool, entry, expires);
        }
    }

    /// Makes an entry. Of an inside tuple it takes the place of a tombstone.
    pub fn insert(&mut self, new: NewEntry, now: Timestamp) -> EntryIx {
        self.reclaim(now, RECLAIM_EACH);
        let NewEntry { owner, original, tracker, timers, replied, generation, sharing, forced, room } = new;
        let mut reuse = 0;
        let keys = entry::keys(owner, original);
        if let Owner::Nat { .. } = owner
            && let Some((old, _)) = self.under(&keys[0])
        {
            reuse = self.entries[old.0].reuse.saturating_add(1);
            self.remove(old);
        }
        if let Owner::Endpoint(_) = owner {
            for key in &keys {
                if let Some((old, _)) = self.under(key) {
                    self.remove(old);
                }
            }
        }
        if let Owner::Interface { .. } = owner {
            self.untracked.note_entry(&original);
        }
        let expires = now.after(tracker.timeout(&timers));
        let (mut slot, aside) = Slot::new(owner, &original, tracker, (sharing, room));
        slot.expires = expires;
        slot.timers = self.timers.number(&timers);
        (slot.replied, slot.generation, slot.forced, slot.reuse) = (replied, generation, forced, reuse);
        let entry = EntryIx(self.entries.insert(slot));
        if let Some(aside) = aside {
            self.aside.insert(entry.0, aside);
        }
        let sides = self.entries[entry.0].sides();
        for (key, side) in keys.iter().zip(sides) {
            self.put_under(key, (entry, *side));
        }
        if let Owner::Nat { nat, outside } = owner {
            let pool = self.pools.take(Pool::of(nat, &outside), None, entry, expires);
            self.entries[entry.0].pool = pool;
            if let Some(sharing) = sharing {
                self.bindings.join(nat, entry, (Inside(original), outside), (now, expires), sharing);
            }
            self.count_active(nat, Stage::Free, Stage::Free.after(Event::opening(&tracker)), now);
        }
        self.take_room(room, expires, generation);
        self.schedule(entry, expires, now);
        entry
    }

    /// Puts an entry under a key, in the place of whatever is there.
    fn put_under(&mut self, key: &Key, new: (EntryIx, Side)) {
        let hash = hash(key);
        let old = self.index.find(hash, |entry, side| self.way_under(entry, side, key).map(|_| (entry, side)));
        if let Some(old) = old {
            self.index.remove(hash, old);
        }
        self.put(hash, new);
    }

    /// Puts an entry where nothing is.
    fn put(&mut self, hash: u64, new: (EntryIx, Side)) {
        let Self { index, entries, aside, .. } = self;
        index.insert(hash, new, |entry, side| {
            let slot = &entries[entry.0];
            let aside = if slot.aside { aside.get(&entry.0) } else { None };
            slot.hash(side, aside)
        });
    }

    /// Ends an entry at once, as a change of configuration does (6.18, 4.31).
    pub fn kill(&mut self, entry: EntryIx, now: Timestamp) {
        self.end_lease(entry);
        let was = self.stage(entry);
        let before = std::mem::replace(&mut self.entries[entry.0].expires, now);
        let slot = self.entries[entry.0];
        if let Some(nat) = slot.translator() {
            if let Some(sharing) = self.aside(entry).and_then(|aside| aside.sharing) {
                self.bindings.renew(nat, entry, Inside(self.original(entry)), (before, now), sharing);
            }
            self.count_active(nat, was, was.after(Event::Reconfigure), now);
        }
        self.remove(entry);
    }

    /// Where in its life an entry is, taken as a mapping.
    fn stage(&self, entry: EntryIx) -> Stage {
        if self.entries[entry.0].tombstone { Stage::Tombstone } else { Stage::of(&self.tracker(entry)) }
    }

    /// How many entries there are, expired but unreclaimed ones included.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether there is no entry.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    fn schedule(&mut self, entry: EntryIx, expires: Timestamp, now: Timestamp) {
        self.entries[entry.0].scheduled = self.wheel.schedule(entry.0, expires.second(), now.second()) as u32;
    }

    /// Keeps the gauge of a gateway's active mappings in step with a change of stage (4.37).
    fn count_active(&mut self, nat: Translator, was: Stage, is: Stage, at: Timestamp) {
        let Translator::Gateway(gateway) = nat else { return };
        if was.is_active() != is.is_active() {
            self.delta(at, Gauge::NatActive(gateway), if is.is_active() { 1 } else { -1 });
        }
    }

    fn delta(&mut self, at: Timestamp, gauge: Gauge, by: i32) {
        let second = at.second();
        // Of one second only the sum matters, and where connections come and go most changes are of the last few.
        let recent = self.deltas.iter_mut().rev().take(RECENT);
        match recent.into_iter().find(|delta| (delta.second, delta.gauge) == (second, gauge)) {
            Some(delta) => delta.by += by,
            None => self.deltas.push(Delta { second, gauge, by }),
        }
    }
}
