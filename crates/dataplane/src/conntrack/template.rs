//! Entries made again for another flow, which differs in its source port only.
//!
//! What opens thousands of connections from one host to one service takes the same way each time, and leaves the same entries
//! behind but for a port. Their bytes are copied.

use std::net::{IpAddr, Ipv4Addr};

use super::lifecycle::{Event, Stage};
use super::reclaim::RECLAIM_EACH;
use super::slot::Slot;
use super::{Conntrack, EntryIx, Inside, Pool, PoolUse, Translator, Way};
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

    /// For a flow from another port, of a mapping to another port of the gateway's.
    pub(crate) fn with_ports(&self, source: u16, local: u16) -> Self {
        Self(self.0.with_ports(source, local))
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

    /// Whether anything at all, dead or alive, is known of the flow that a template is for.
    pub(crate) fn knows(&self, template: &Template) -> bool {
        let [there, _] = template.0.hashes(None);
        let is_same = |entry: EntryIx, way| {
            let slot = &self.entries[entry.0];
            if slot.aside {
                self.is_under(entry, way, &template.0.keys(None)[0])
            } else {
                slot.shares_key_with(&template.0, way)
            }
        };
        self.index.find(there, is_same).is_some()
    }

    /// Makes an entry of a template for a flow that [nothing](Self::knows) is known of, as [`Self::insert`] does.
    pub(crate) fn insert_like(&mut self, template: &Template, now: Timestamp) -> EntryIx {
        self.reclaim(now, RECLAIM_EACH);
        let mut slot = template.0;
        let tracker = slot.tracker(None);
        let expires = now.after(tracker.timeout(self.timers.set(slot.timers)));
        slot.expires = expires;
        slot.set_connection(None);
        slot.leased = false;
        if slot.translator().is_none() {
            self.untracked.note_entry(&slot.original(None));
        }
        let hashes = slot.hashes(None);
        let entry = EntryIx(self.entries.insert(slot));
        for (hash, way) in hashes.into_iter().zip([Way::Original, Way::Reply]) {
            self.put(hash, (entry, way));
        }
        if let Some(nat) = slot.translator() {
            let fresh = PoolUse { taken: 0, next_expiry: expires };
            let pool = self.pools.entry(slot.pool(nat)).or_insert(fresh);
            pool.taken += 1;
            pool.next_expiry = pool.next_expiry.min(expires);
            self.count_active(nat, Stage::Free, Stage::Free.after(Event::opening(&tracker)), now);
        }
        self.schedule(entry, expires, now);
        entry
    }
}

impl Slot {
    /// Of a mapping of TCP or UDP without anything aside, the pool that its port is of.
    pub(super) fn pool(&self, nat: Translator) -> Pool {
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
