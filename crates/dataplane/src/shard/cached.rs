//! What a shard tells the flow cache, and what it answers it: what of a walk holds for others, and whether it still does.

use smallvec::SmallVec;
use vpcemu_packet::FlowKey;

use super::Shard;
use crate::conntrack::{ConnectionIx, Template};
use crate::digest::Digests;
use crate::flow::canonical;
use crate::index::{EniIx, NatIx};
use crate::outcome::{CtState, Outcome, Place, Verdict};
use crate::recipe::{Leg, Recipe};
use crate::stage::nat_gateway;
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
    client: Option<EniIx>,
    pub(crate) max_mss: u16,
    /// The flow as denied openings know it.
    flow: FlowKey,
}

/// A flow that can be opened.
#[derive(Debug)]
pub(crate) struct Prepared {
    templates: SmallVec<[Template; 2]>,
    /// The port that a NAT gateway gives it.
    pub(crate) local_port: Option<u16>,
    canonical: u64,
    tcp: bool,
}

/// What the flow cache has to ask the shard about before it lets a packet pass.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Known {
    pub(crate) connection: Option<ConnectionIx>,
    pub(crate) digest: u16,
    pub(crate) untracked: Option<u32>,
}

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
            let (client, max_mss) = (recipe.client, recipe.max_mss);
            Some(OpeningState { templates, client, max_mss, flow: *flow })
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
        let mut templates: SmallVec<[Template; 2]> =
            like.templates.iter().map(|template| template.with_ports(source_port, 0)).collect();
        if templates.iter().any(|template| self.conntrack.knows(template)) {
            return None;
        }
        let mut local_port = None;
        if let Some(mapping) = templates.last_mut()
            && let Some(nat) = mapping.gateway()
        {
            let fabric = self.timeline.fabric(stamp.generation);
            let who = (nat, like.client, mapping.local());
            let inside = mapping.inside();
            let port =
                nat_gateway::free_port(&mut self.conntrack, fabric, who, inside, (self.options.seed, stamp.now))?;
            *mapping = mapping.with_ports(source_port, port);
            local_port = Some(port);
        }
        Some(Prepared { templates, local_port, canonical, tcp: flow.protocol == 6 })
    }

    /// Opens it. Returns n of its connection.
    pub(crate) fn open(&mut self, prepared: &Prepared, stamp: Stamp) -> u64 {
        if prepared.tcp {
            self.seen.note(prepared.canonical);
        }
        let made: SmallVec<[_; 4]> =
            prepared.templates.iter().map(|template| self.conntrack.insert_like(template, stamp.now)).collect();
        if prepared.tcp
            && let Some(nat) = prepared.templates.last().and_then(Template::gateway)
        {
            self.nat_counters[usize::from(nat)].connection_attempt += 1;
        }
        match self.conntrack.join(&made, None, stamp.n) {
            Some(connection) => self.conntrack.accept(connection, stamp.now),
            None => stamp.n,
        }
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
