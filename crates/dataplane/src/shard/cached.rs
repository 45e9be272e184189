//! What a shard tells the flow cache, and what it answers it: what of a walk holds for others, and whether it still does.

use smallvec::SmallVec;
use vpcemu_packet::FlowKey;

use super::Shard;
use crate::conntrack::{ConnectionIx, Template};
use crate::digest::Digests;
use crate::index::NatIx;
use crate::mixing::canonical;
use crate::outcome::{CtState, Outcome, Place, Verdict};
use crate::recipe::{Leg, Recipe};
use crate::stage::nat_gateway::Alike;
use crate::time::{Stamp, Timestamp};

/// What of a delivered packet's walk holds for the next packet of its flow.
#[derive(Clone, Debug)]
pub(crate) struct Remembered {
    /// The connection, on a lease from now on; none of a flow that nobody tracks.
    pub(crate) connection: Option<ConnectionIx>,
    /// If it opened its flow, how others are opened; then nothing of it holds for the next packet of its own.
    pub(crate) opening: Option<OpeningState>,
    pub(crate) at: Place,
    pub(crate) state: Option<CtState>,
    /// Of the flow, as denied openings know it.
    pub(crate) digest: u16,
    /// When it was found to pass some interface without an entry.
    pub(crate) untracked: Option<u32>,
    pub(crate) max_len: u32,
    pub(crate) legs: SmallVec<[(NatIx, Leg); 2]>,
}

/// What flows that are opened alike have in common.
#[derive(Clone, Debug)]
pub(crate) struct OpeningState {
    /// The entries that they get, that of a NAT gateway last.
    templates: SmallVec<[Template; 2]>,
    /// What there is to choose of a NAT gateway's.
    mapping: Option<Alike>,
    pub(crate) max_mss: u16,
    /// The flow as denied openings know it.
    flow: FlowKey,
}

/// A flow that can be opened.
#[derive(Debug)]
pub(crate) struct Prepared {
    source_port: u16,
    /// The port that a NAT gateway gives it.
    pub(crate) local_port: Option<u16>,
    canonical: u64,
}

/// What the flow cache has to ask the shard about before it lets a packet pass.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Known {
    pub(crate) connection: Option<ConnectionIx>,
    pub(crate) digest: u16,
    pub(crate) untracked: Option<u32>,
}

/// The protocol number of TCP (RFC 9293).
const TCP: u8 = 6;

impl Shard {
    /// Puts the connection of a delivered packet on a lease, and sums up what the flow cache has to know.
    pub(super) fn remember(
        &mut self,
        verdict: &Verdict,
        recipe: Recipe,
        connection: Option<ConnectionIx>,
        flow: &FlowKey,
        stamp: Stamp,
    ) -> Option<Remembered> {
        let Outcome::Delivered { at } = verdict.outcome else { return None };
        let digest = Digests::of(canonical(flow));
        if verdict.adopted || self.denied.suspects(digest) {
            return None;
        }
        let opening = if recipe.holds_for_openings() {
            let templates: Option<_> = recipe.made.iter().map(|entry| self.conntrack.template(*entry)).collect();
            let templates: SmallVec<[Template; 2]> = templates?;
            // Whoever looks at a packet behind the gateway looks at a port that is not its source port.
            if templates.iter().rev().skip(1).any(|template| template.gateway().is_some()) {
                return None;
            }
            let mapping = match templates.last().filter(|template| template.gateway().is_some()) {
                Some(last) => {
                    let fabric = self.timeline.fabric(stamp.generation);
                    Some(Alike::of(last, fabric, recipe.client, self.options.seed)?)
                }
                None => None,
            };
            Some(OpeningState { templates, mapping, max_mss: recipe.max_mss, flow: *flow })
        } else if recipe.holds() {
            None
        } else {
            return None;
        };
        let connection = match connection {
            _ if opening.is_some() => None,
            Some(connection) if self.conntrack.lease(connection, &recipe.renewed, stamp.now) => Some(connection),
            None if recipe.renewed.is_empty() => None,
            _ => return None,
        };
        let untracked = (!recipe.untracked.is_empty()).then(|| self.conntrack.untracked.remember(&recipe.untracked));
        let Recipe { max_len, legs, .. } = recipe;
        Some(Remembered { connection, opening, at, state: verdict.state, digest, untracked, max_len, legs })
    }

    /// What a flow that is opened like another one needs, if nothing is known of it: nothing has happened yet.
    pub(crate) fn prepare(&mut self, like: &OpeningState, source_port: u16, stamp: Stamp) -> Option<Prepared> {
        // To the host itself this may be its own answer: then it finds at the receiver what it has just made at the sender.
        if source_port == like.flow.dst_port {
            return None;
        }
        let flow = FlowKey { src_port: source_port, ..like.flow };
        let canonical = canonical(&flow);
        if self.denied.suspects(Digests::of(canonical)) {
            return None;
        }
        if like.templates.iter().any(|template| self.conntrack.knows(template, source_port)) {
            return None;
        }
        let local_port = match (&like.mapping, like.templates.last()) {
            (Some(mapping), Some(last)) => {
                Some(mapping.free_port(&mut self.conntrack, last, source_port, stamp.now)?)
            }
            _ => None,
        };
        Some(Prepared { source_port, local_port, canonical })
    }

    /// Opens it. Returns n of its connection.
    pub(crate) fn open(&mut self, like: &OpeningState, prepared: &Prepared, stamp: Stamp) -> u64 {
        if like.flow.protocol == TCP {
            self.seen.note(prepared.canonical);
            if let Some(nat) = like.templates.last().and_then(Template::gateway) {
                self.nat_counters[usize::from(nat)].connection_attempt += 1;
            }
        }
        let ports = (prepared.source_port, prepared.local_port.unwrap_or_default());
        self.conntrack.open_like(&like.templates, ports, stamp.n, stamp.now);
        stamp.n
    }

    /// Asks for what opening a flow will touch first: what is known of it, and what is to be reclaimed meanwhile.
    pub(crate) fn prefetch_opening(&self, like: &OpeningState, source_port: u16) {
        let local_port = like.mapping.as_ref().map_or(0, |mapping| mapping.likely_port(source_port));
        for template in &like.templates {
            self.conntrack.prefetch_opening(template, (source_port, local_port));
        }
        self.conntrack.prefetch_upcoming();
    }

    /// Whether a packet that was remembered to pass passes still. Returns n of its connection, if it has one.
    #[inline]
    pub(crate) fn pass(&mut self, known: Known, now: Timestamp) -> Option<Option<u64>> {
        if self.denied.suspects(known.digest)
            || known.untracked.is_some_and(|epoch| epoch != self.conntrack.untracked.epoch())
        {
            return None;
        }
        match known.connection {
            Some(connection) => self.conntrack.renew(connection, now).map(Some),
            None => Some(None),
        }
    }
}
