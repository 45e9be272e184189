//! Entries made again for another flow, which differs in its source port only.
//!
//! What opens thousands of connections from one host to one service takes the same way each time, and leaves the same entries
//! behind but for a port. Their bytes are copied.

use std::net::{IpAddr, Ipv4Addr};

use super::entry::Connection;
use super::index::Side;
use super::lease::Lease;
use super::lifecycle::{Event, Stage};
use super::reclaim::RECLAIM_EACH;
use super::slot::Slot;
use super::{ConnectionIx, Conntrack, EntryIx, Gauge, Inside, Pool, Translator};
use crate::index::NatIx;
use crate::time::Timestamp;

/// An entry as it was made.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Template(Slot);

impl Template {
    /// The NAT gateway whose mapping it is.
    pub(crate) fn gateway(&self) -> Option<NatIx> {
        match self.0.translator() {
            Some(Translator::Gateway(nat)) => Some(nat),
            _ => None,
        }
    }

    /// Of a mapping, the gateway's own address.
    pub(crate) fn local(&self) -> Ipv4Addr {
        Ipv4Addr::from_bits(self.0.local())
    }

    /// Of a mapping, the inside tuple.
    pub(crate) fn inside(&self) -> Inside {
        Inside(self.0.original(None))
    }

    /// Of a mapping, the pool that its port is of, and its number when it was made.
    pub(crate) fn pool(&self) -> Option<(Pool, u32)> {
        Some((self.0.pool(self.0.translator()?), self.0.pool))
    }

    /// The ports of the flow, from another source port.
    fn ports(&self, source: u16) -> [u16; 2] {
        let [_, destination] = self.0.ports();
        [source, destination]
    }
}

impl Conntrack {
    /// An entry that the packet of now has made, to be made again. None if there is more to it than its bytes in the table.
    pub(crate) fn template(&self, entry: EntryIx) -> Option<Template> {
        let slot = self
            .entries
            .slot(entry.0)
            .filter(|slot| !slot.aside && slot.is_plain() && slot.has_ports() && slot.reuse == 0)?;
        Some(Template(*slot))
    }

    /// Whether anything at all, dead or alive, is known of the flow from the port `source` that a template is for.
    pub(crate) fn knows(&self, template: &Template, source: u16) -> bool {
        let ports = template.ports(source);
        let is_met = |entry: EntryIx, side: Side| {
            let slot = &self.entries[entry.0];
            let met = if slot.aside {
                let wanted = template.0.with_ports(source, 0);
                let [key, _] = super::entry::keys(wanted.owner(None), wanted.original(None));
                self.way_under(entry, side, &key).is_some()
            } else {
                side == Side::Own && slot.is_met_by(&template.0, ports)
            };
            met.then_some(())
        };
        self.index.find(template.0.hash_as(Side::Own, ports, 0), is_met).is_some()
    }

    /// Whether a mapping of a template can have the port `local` of the gateway's: whether none has it towards that remote
    /// endpoint.
    pub(crate) fn is_port_free(&mut self, template: &Template, local: u16, now: Timestamp) -> bool {
        let wanted = &template.0;
        let hash = wanted.hash_as(Side::Outside, wanted.ports(), local);
        let may_have_it = |entry: EntryIx, side: Side| {
            let slot = &self.entries[entry.0];
            let same = slot.local_port() == local && slot.local() == wanted.local();
            (side == Side::Outside && (slot.aside || same)).then_some(())
        };
        if self.index.find(hash, may_have_it).is_none() {
            return true;
        }
        let taken = wanted.with_ports(wanted.ports()[0], local);
        let (Some(nat), outside) = (taken.translator(), taken.outside(None)) else { return false };
        self.is_free(&super::Key::NatOutside(nat, outside), now)
    }

    /// Asks for what [`Self::knows`] and [`Self::open_like`] will touch for that flow.
    pub(crate) fn prefetch_opening(&self, template: &Template, (source, local): (u16, u16)) {
        let ports = template.ports(source);
        for side in template.0.sides() {
            self.index.prefetch(template.0.hash_as(*side, ports, local));
        }
    }

    /// Asks for the entries that will be reclaimed next.
    pub(crate) fn prefetch_upcoming(&self) {
        self.wheel.upcoming().for_each(|entry| self.entries.prefetch(entry));
    }

    /// Asks for what else of them will be touched. They should be at hand.
    pub(crate) fn prefetch_ending(&self) {
        for slot in self.wheel.upcoming().filter_map(|entry| self.entries.slot(entry)) {
            if !slot.aside {
                slot.sides().iter().for_each(|side| self.index.prefetch(slot.hash(*side, None)));
            }
            if let Some(connection) = slot.connection() {
                self.connections.prefetch(connection.0);
            }
        }
    }

    /// Makes a connection of templates for a flow from the port `source`, which [nothing](Self::knows) is known of, as
    /// [`Self::insert`], [`Self::join`] and [`Self::accept`] would. A mapping among them gets the gateway's port `local`.
    pub(crate) fn open_like(&mut self, templates: &[Template], (source, local): (u16, u16), n: u64, now: Timestamp) {
        self.reclaim(now, RECLAIM_EACH * templates.len());
        let Some(live) = u32::try_from(templates.len()).ok().filter(|live| *live > 0) else { return };
        let fresh = Connection { n, live, counted: true, ended: Timestamp::default(), lease: Lease::default() };
        let connection = ConnectionIx(self.connections.insert(fresh));
        self.counters.created += 1;
        self.delta(now, Gauge::Connections, 1);
        for template in templates {
            let mut slot = template.0.with_ports(source, local);
            slot.set_connection(Some(connection));
            self.insert_like(slot, now);
        }
    }

    fn insert_like(&mut self, mut slot: Slot, now: Timestamp) {
        let tracker = slot.tracker(None);
        let expires = now.after(tracker.timeout(self.timers.set(slot.timers)));
        slot.expires = expires;
        slot.leased = false;
        let nat = slot.translator();
        if nat.is_none() && !self.untracked.is_empty() {
            self.untracked.note_entry(&slot.original(None));
        }
        let entry = EntryIx(self.entries.insert(slot));
        self.put(slot.hash(Side::Own, None), (entry, Side::Own));
        if let Some(nat) = nat {
            self.put(slot.hash(Side::Outside, None), (entry, Side::Outside));
            // Whoever chose the port has the pool at hand.
            let pool = self.pools.take(slot.pool(nat), Some(slot.pool), entry, expires);
            self.entries[entry.0].pool = pool;
            self.count_active(nat, Stage::Free, Stage::Free.after(Event::opening(&tracker)), now);
        }
        self.schedule(entry, expires, now);
    }
}

impl Slot {
    /// Of a mapping of TCP or UDP without anything aside, the pool that its port is of.
    fn pool(&self, nat: Translator) -> Pool {
        let ([_, remote], [_, remote_port]) = (self.v4(), self.ports());
        Pool {
            nat,
            address: IpAddr::V4(Ipv4Addr::from_bits(self.local())),
            remote: IpAddr::V4(Ipv4Addr::from_bits(remote)),
            remote_port,
            protocol: self.protocol(),
        }
    }
}
