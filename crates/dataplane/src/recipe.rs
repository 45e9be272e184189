//! What a walk found out that holds for the next packet of its flow as well: the flow cache keeps it.
//!
//! A stage whose decision depends on anything but the flow, the length, the hops left and what [leases](crate::conntrack)
//! cover has to say so, with [`Recipe::spoil`]. The walk spoils it for every hop that was never looked at with that in mind.

use smallvec::SmallVec;

use crate::conntrack::EntryIx;
use crate::counters::NatCounters;
use crate::index::{EniIx, NatIx};

/// Notes for the flow cache, taken by the stages of one walk.
#[derive(Clone, Debug)]
pub(crate) struct Recipe {
    spoilt: bool,
    /// The longest datagram for which every comparison with an MTU comes out the same.
    pub(crate) max_len: u32,
    /// The entries that the packet renewed.
    pub(crate) renewed: SmallVec<[EntryIx; 4]>,
    /// The entries that it made.
    pub(crate) made: SmallVec<[EntryIx; 4]>,
    /// Whether a decision depended on the source port.
    pub(crate) source_port_matters: bool,
    /// The largest segment size that nobody on the way lowers.
    pub(crate) max_mss: u16,
    /// Who sent the packet to the NAT gateway that made a mapping for it: in whose zone it is (4.4).
    pub(crate) client: Option<EniIx>,
    /// What it added to NAT gateways' counters.
    pub(crate) legs: SmallVec<[(NatIx, Leg); 2]>,
    /// Digests of the keys under which interfaces let it pass without an entry: it holds until there is one.
    pub(crate) untracked: SmallVec<[u16; 2]>,
}

impl Default for Recipe {
    fn default() -> Self {
        Self {
            spoilt: false,
            max_len: u32::MAX,
            renewed: SmallVec::new(),
            made: SmallVec::new(),
            source_port_matters: false,
            max_mss: u16::MAX,
            client: None,
            legs: SmallVec::new(),
            untracked: SmallVec::new(),
        }
    }
}

impl Recipe {
    /// The next packet has to walk itself.
    pub(crate) fn spoil(&mut self) {
        self.spoilt = true;
    }

    /// Whether it holds for the next packet of the flow.
    pub(crate) fn holds(&self) -> bool {
        !self.spoilt && self.made.is_empty()
    }

    /// Whether it holds for the first packet of another flow, from another port of the same host to the same port of the same
    /// remote.
    pub(crate) fn holds_for_openings(&self) -> bool {
        let fresh = !self.made.is_empty() && self.renewed.is_empty();
        !self.spoilt && fresh && self.untracked.is_empty() && !self.source_port_matters
    }

    /// The packet was found no longer than `limit`.
    pub(crate) fn fits(&mut self, limit: u32) {
        self.max_len = self.max_len.min(limit);
    }

    /// The packet renewed an entry.
    pub(crate) fn renews(&mut self, entry: EntryIx) {
        if !self.renewed.contains(&entry) {
            self.renewed.push(entry);
        }
    }
}

/// Which way packets go through a NAT gateway.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub(crate) enum Leg {
    /// From a client to its destination.
    Outward,
    /// Back.
    Inward,
}

impl Leg {
    /// Counts packets that went this way.
    pub(crate) fn count(self, counters: &mut NatCounters, packets: u64, bytes: u64) {
        let (came, went) = match self {
            Self::Outward => (&mut counters.in_from_source, &mut counters.out_to_destination),
            Self::Inward => (&mut counters.in_from_destination, &mut counters.out_to_source),
        };
        for traffic in [came, went] {
            traffic.packets += packets;
            traffic.bytes += bytes;
        }
    }
}
