//! The engine of one worker: its shards, and in front of them a cache of flows.
//!
//! The walk decides; the cache only remembers. The first packets of a flow walk, and leave a record for each direction: what
//! is rewritten, where it goes, and which connection's [lease](crate::conntrack) it renews. Every later packet that is
//! [`Plain`] costs one look-up and one patch. A flow that is opened as another one was, from another port of the same host,
//! gets entries like those without a walk ([`Engine::open`]). Whatever else comes walks: other openings, what ends a
//! connection, fragments, errors, packets too long or too old, another configuration, a connection whose state has changed
//! since.
//!
//! Memory is far away, so packets are best handed over a few dozen at a time, in four passes: [`Engine::stage`] reads the
//! headers, [`Engine::find`] the table, [`Engine::fetch`] the record, [`Engine::forward`] does the work; each asks for the
//! memory of the next. What that does not forward, `open` may, and [`Engine::walk`] does.

mod opening;
mod paths;
mod record;
mod table;

use std::sync::Arc;

use smallvec::SmallVec;
use vpcemu_packet::{FlowKey, Headers, Offloads, Packet, Patch, Plain, TcpFlags};

use crate::conntrack::{ConnectionCounters, Delta};
use crate::counters::NatCounters;
use crate::fabric::Timeline;
use crate::flow_log::{Ledger, Leg, Logged, Passage, legs};
use crate::index::NatIx;
use crate::outcome::{Ingress, Verdict};
use crate::output::Output;
use crate::shard::{Arrival, Options, Remembered, SHARDS, Shard, key_of};
use crate::time::{Stamp, Timestamp};

use opening::{Likeness, NO_OPENING, Opening, Openings};
pub use paths::Path;
use paths::Paths;
use record::Record;
use table::{FlowTable, NO_RECORD};

/// Shards with a flow cache.
#[derive(Debug)]
pub struct Engine {
    timeline: Arc<Timeline>,
    /// By shard number divided by the number of workers.
    shards: Vec<Shard>,
    /// Of each, whether a packet walked or opened a flow in it since [`Self::nat_counted`] was last asked.
    touched: [bool; SHARDS],
    workers: usize,
    table: FlowTable,
    paths: Paths,
    openings: Openings,
    caches: bool,
    /// Whether the caller wants the steps of walks.
    tells_steps: bool,
    ledger: Option<Box<Ledger>>,
    counters: CacheCounters,
}

/// How packets were handled.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct CacheCounters {
    /// By a record of the cache.
    pub hits: u64,
    /// By what was known of other flows that were opened like theirs.
    pub opened: u64,
    /// By a walk.
    pub misses: u64,
    /// Records that were made, those made anew included.
    pub recorded: u64,
}

/// By where a packet comes the cache tells flows apart that look alike.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Port(u32);

impl Port {
    /// Wherever the packet itself says: [`Ingress`] is found anew by whoever walks it.
    pub const ANY: Self = Self(u32::MAX);

    /// Set for what is no interface.
    const OUTSIDE: u32 = 1 << 31;

    /// The port of an ingress; none of those whose packets always walk.
    pub fn of(ingress: Ingress) -> Option<Self> {
        match ingress {
            Ingress::Interface(eni) if eni.0 < Self::OUTSIDE => Some(Self(eni.0)),
            Ingress::Internet => Some(Self(Self::OUTSIDE)),
            _ => None,
        }
    }
}

/// A packet that the cache may know.
#[derive(Clone, Copy, Debug)]
pub struct Staged {
    plain: Plain,
    port: Port,
    hash: u64,
    record: u32,
    /// Of a packet without a record, how its flow may be opened like others.
    opening: u32,
}

impl Staged {
    /// The flow of the packet as it came.
    pub fn key(&self) -> FlowKey {
        self.plain.key()
    }

    /// Its flags, of a TCP segment.
    pub fn tcp_flags(&self) -> Option<TcpFlags> {
        self.plain.tcp_flags()
    }
}

/// What the cache did with a packet.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Hit {
    /// Where it went: see [`Engine::path`].
    pub path: u32,
    /// The connection: n of the packet that created it.
    pub connection: Option<u64>,
    /// IP total length.
    pub length: u16,
    /// Its record, or none.
    record: u32,
}

impl Engine {
    /// All shards.
    pub fn new(timeline: &Arc<Timeline>, options: Options) -> Self {
        Self::of_worker(timeline, options, 0, 1)
    }

    /// The shards of the `number`-th of `workers`: those whose number modulo `workers` is that.
    pub fn of_worker(timeline: &Arc<Timeline>, options: Options, number: usize, workers: usize) -> Self {
        let own = (number..SHARDS).step_by(workers.max(1));
        Self {
            timeline: Arc::clone(timeline),
            shards: own.map(|_| Shard::new(Arc::clone(timeline), options)).collect(),
            touched: [false; SHARDS],
            workers: workers.max(1),
            table: FlowTable::default(),
            paths: Paths::default(),
            openings: Openings::default(),
            tells_steps: options.record_steps,
            ledger: options.flow_log_window.map(|seconds| Box::new(Ledger::new(seconds))),
            // Who wants to see every step wants to see the packet walk.
            caches: options.flow_cache && !options.record_steps && !options.record_taps,
            counters: CacheCounters::default(),
        }
    }

    /// Reads the headers of a packet. None if it has to walk.
    #[inline]
    pub fn stage(&self, port: Port, datagram: &[u8]) -> Option<Staged> {
        if !self.caches {
            return None;
        }
        let plain = Plain::parse(datagram)?;
        let hash = record::hash(&plain, port.0);
        self.table.prefetch(hash);
        Some(Staged { plain, port, hash, record: NO_RECORD, opening: NO_OPENING })
    }

    /// Looks for its record.
    #[inline]
    pub fn find(&self, staged: &mut Staged) {
        staged.record = self.table.candidate(staged.hash);
        if staged.record == NO_RECORD {
            self.expect_opening(staged);
        }
    }

    // Not inline, like all that concerns openings: in the loop over hits it would be in their way.
    #[inline(never)]
    fn expect_opening(&self, staged: &mut Staged) {
        let Some(likeness) = Likeness::of(&staged.plain, staged.port.0) else { return };
        staged.opening = self.openings.number(&likeness);
        if let Some(opening) = self.openings.numbered(staged.opening) {
            let source_port = (staged.plain.ports >> 16) as u16;
            self.shards[usize::from(opening.slot)].prefetch_opening(&opening.state, source_port);
        }
    }

    /// Looks into its record.
    #[inline]
    pub fn fetch(&self, staged: &mut Staged) {
        let Some(record) = self.table.record(staged.record) else {
            if let Some(opening) = self.openings.numbered(staged.opening) {
                self.shards[usize::from(opening.slot)].conntrack().prefetch_ending();
            }
            return;
        };
        if !record.is_of(&staged.plain, staged.port.0) {
            staged.record = self.table.find(staged.hash, &staged.plain, staged.port.0);
        }
        if let Some(record) = self.table.record(staged.record)
            && let Some(connection) = record.connection()
        {
            self.shards[usize::from(record.slot)].conntrack().prefetch(connection);
        }
        if let Some(ledger) = &self.ledger {
            ledger.prefetch(staged.record);
        }
    }

    /// Forwards a packet as its record says, rewriting it in place. None, and nothing happens, if it has to walk.
    #[inline]
    pub fn forward(&mut self, staged: &Staged, stamp: Stamp, datagram: &mut [u8]) -> Option<Hit> {
        let Staged { plain, port, hash, record, .. } = staged;
        let mut place = *record;
        if plain.is_syn() {
            return None;
        }
        if self.table.record(place).is_none_or(|record| !record.is_of(plain, port.0)) {
            // A packet before it in the batch may have left a record.
            place = self.table.find(*hash, plain, port.0);
        }
        let record = self.table.record(place)?;
        if u32::from(record.generation) != stamp.generation
            || plain.total_len > record.max_len
            || !record.suits(plain.ttl)
        {
            return None;
        }
        let patch = record.patch();
        if !patch.suits(datagram, plain) {
            return None;
        }
        let connection = self.shards[usize::from(record.slot)].pass(record.known(), stamp.now)?;
        patch.apply(datagram, plain);
        let path = record.path;
        self.paths.count(path, plain.total_len);
        self.counters.hits += 1;
        if let Some(ledger) = &mut self.ledger {
            ledger.count(place, stamp.now, plain.total_len);
        }
        Some(Hit { path, connection, length: plain.total_len, record: place })
    }

    /// Opens a flow like others before it, rewriting its packet in place. None, and nothing happens, if it has to walk.
    #[inline(never)]
    pub fn open(&mut self, staged: &Staged, stamp: Stamp, datagram: &mut [u8]) -> Option<Hit> {
        // What such a packet passes was told of another flow.
        if self.ledger.is_some() {
            return None;
        }
        let plain = &staged.plain;
        let opening = self.openings.find(staged.opening, &Likeness::of(plain, staged.port.0)?)?;
        if !opening.suits(plain, datagram, stamp.generation) {
            return None;
        }
        let (slot, path) = (usize::from(opening.slot), opening.path);
        let prepared = self.shards[slot].prepare(&opening.state, (plain.ports >> 16) as u16, stamp)?;
        let patch = opening.patch(plain, &prepared);
        if !patch.suits(datagram, plain) {
            return None;
        }
        let connection = self.shards[slot].open(&opening.state, &prepared, stamp);
        self.touched[slot] = true;
        self.drop_outdated_of(slot);
        patch.apply(datagram, plain);
        self.paths.count(path, plain.total_len);
        self.counters.opened += 1;
        Some(Hit { path, connection: Some(connection), length: plain.total_len, record: NO_RECORD })
    }

    /// Walks a packet, as [`Shard::process`] does, and remembers what of that holds for the next one. `staged` is the packet as it
    /// came, if it may be remembered; `note` is the caller's own, to be read from the [`Path`].
    #[inline(never)]
    pub fn walk(
        &mut self,
        shard: u8,
        staged: Option<&Staged>,
        note: u8,
        arrival: Arrival,
        packet: &mut Packet<'_>,
        out: &mut Output,
    ) -> Verdict {
        self.counters.misses += 1;
        let slot = self.slot(shard);
        self.touched[slot] = true;
        let of = &mut self.shards[slot];
        let raised = staged.is_some_and(|staged| packet.headers().ttl > staged.plain.ttl);
        let injected = staged.and_then(|staged| (packet.key() != staged.key()).then(|| packet.key()));
        let sent = self.ledger.as_ref().map(|_| (key_of(packet, arrival.transport), packet.headers().total_len));
        let (verdict, remembered) = of.walk(arrival, packet, out, staged.is_some());
        self.drop_outdated(shard);
        let passed = sent.map(|(key, length)| self.log(&arrival, key, length, &verdict, out)).unwrap_or_default();
        if let (Some(staged), Some(remembered)) = (staged, remembered)
            && !packet.is_replaced()
            && let Some(patch) = Patch::between(&staged.plain, packet.headers())
        {
            let path = Path {
                ingress: arrival.ingress,
                at: remembered.at,
                state: remembered.state,
                note,
                stages: out.stages.passed,
                legs: remembered.legs.clone(),
            };
            let path = self.paths.intern(path);
            let place = self.remember(shard, (staged, raised, injected), path, &arrival, patch, remembered);
            if let (Some(ledger), Some(place)) = (&mut self.ledger, place) {
                ledger.open(place, &passed);
            }
        }
        verdict
    }

    /// Counts a packet that walked at the interfaces that it passed, and what was made because of it.
    fn log(
        &mut self,
        arrival: &Arrival,
        injected: FlowKey,
        length: u32,
        verdict: &Verdict,
        out: &mut Output,
    ) -> SmallVec<[Leg; 4]> {
        let fabric = self.timeline.fabric(arrival.stamp.generation);
        let Some(ledger) = &mut self.ledger else { return SmallVec::new() };
        let now = arrival.stamp.now;
        let passage = Passage { injected, length, made_by: None, steps: &out.steps, outcome: verdict.outcome };
        let passed = legs(fabric, passage);
        ledger.note(now, arrival.transport.tcp_flags(), &passed);
        if let Some(made) = &mut out.generated {
            let outcome = made.verdict.outcome;
            let length = u32::try_from(made.bytes.len()).unwrap_or(u32::MAX);
            let passage = Passage { injected: made.key, length, made_by: made.by, steps: &made.steps, outcome };
            let headers = Headers::parse(&made.bytes, length, Offloads::Tolerate).ok();
            let flags = headers.and_then(|headers| headers.transport.tcp_flags());
            ledger.note(now, flags, &legs(fabric, passage));
            if !self.tells_steps {
                made.steps.clear();
            }
        }
        if !self.tells_steps {
            out.steps.clear();
        }
        passed.iter().map(|passed| passed.leg).collect()
    }

    fn remember(
        &mut self,
        shard: u8,
        (staged, raised, injected): (&Staged, bool, Option<FlowKey>),
        path: u32,
        arrival: &Arrival,
        patch: Patch,
        remembered: Remembered,
    ) -> Option<u32> {
        let generation = u16::try_from(arrival.stamp.generation).ok()?;
        let connection = remembered.connection;
        let slot = self.slot(shard);
        if let Some(state) = remembered.opening {
            if !raised
                && injected.is_none()
                && let Some(likeness) = Likeness::of(&staged.plain, staged.port.0)
            {
                let place = (slot as u8, arrival.stamp.generation, path);
                self.openings.note(Opening::new(likeness, &patch, state, remembered.max_len, place));
            }
            return None;
        }
        // What opens a flow may be told from the rest of it.
        if staged.plain.is_syn() {
            return None;
        }
        let record =
            Record::new(&staged.plain, staged.port.0, &patch, (slot as u8, generation, raised), path, &remembered);
        let (place, replaced) = self.table.insert(staged.hash, record);
        self.table.set_injected(place, injected);
        for (place, old) in replaced {
            if let Some(ledger) = &mut self.ledger {
                ledger.close(place);
            }
            if let Some(connection) = old.connection() {
                self.shards[usize::from(old.slot)].conntrack_mut().disown_record(connection, place);
            }
        }
        self.counters.recorded += 1;
        if let Some(connection) = connection {
            self.shards[slot].conntrack_mut().note_record(connection, place);
            self.drop_outdated(shard);
        }
        Some(place)
    }

    /// Where a shard is among those of the worker.
    fn slot(&self, shard: u8) -> usize {
        usize::from(shard) / self.workers
    }

    /// Records that no longer hold make room.
    fn drop_outdated(&mut self, shard: u8) {
        self.drop_outdated_of(self.slot(shard));
    }

    fn drop_outdated_of(&mut self, slot: usize) {
        let outdated = &mut self.shards[slot].conntrack_mut().outdated;
        for record in outdated.drain(..) {
            if let Some(ledger) = &mut self.ledger {
                ledger.close(record);
            }
            self.table.remove(record);
        }
    }

    /// A shard, to be asked what only a shard knows. Its number must be of this worker's.
    pub fn shard(&mut self, shard: u8) -> &mut Shard {
        let slot = self.slot(shard);
        &mut self.shards[slot]
    }

    /// Every shard of the worker.
    pub fn shards(&self) -> &[Shard] {
        &self.shards
    }

    /// Likewise, to let them do what a worker has them do.
    pub fn shards_mut(&mut self) -> &mut [Shard] {
        &mut self.shards
    }

    /// Where hits went.
    pub fn path(&self, path: u32) -> &Path {
        self.paths.path(path)
    }

    /// The flow of a packet that was a hit, as it came to the walk: whoever placed it may have put it in front of a translation.
    pub fn injected(&self, hit: &Hit, staged: &Staged) -> FlowKey {
        self.table.injected(hit.record).unwrap_or_else(|| staged.key())
    }

    /// A hit in the words of a walk. `left` is the packet as it left.
    pub fn verdict(&self, hit: &Hit, left: &[u8]) -> Option<Verdict> {
        Some(self.path(hit.path).verdict(hit.connection, Plain::parse(left)?.key()))
    }

    /// The end of a window: every shard reclaims what has expired by `now`, and hands out the changes of gauges.
    pub fn tick(&mut self, now: Timestamp) -> Vec<Delta> {
        self.reclaim(|shard| shard.tick(now))
    }

    /// The end of the run: everything that has expired by `now` is reclaimed and counted.
    pub fn finish(&mut self, now: Timestamp) -> Vec<Delta> {
        self.reclaim(|shard| shard.finish(now))
    }

    fn reclaim(&mut self, mut reclaim: impl FnMut(&mut Shard) -> Vec<Delta>) -> Vec<Delta> {
        let mut deltas = Vec::new();
        for slot in 0..self.shards.len() {
            deltas.append(&mut reclaim(&mut self.shards[slot]));
            self.drop_outdated_of(slot);
        }
        deltas
    }

    /// What passed interfaces in the windows of flow logs that are over at `now`, in order.
    pub fn take_logged(&mut self, now: Timestamp) -> Vec<Logged> {
        self.ledger.as_mut().map(|ledger| ledger.take_over(now)).unwrap_or_default()
    }

    /// What passed them that has not been handed out.
    pub fn take_all_logged(&mut self) -> Vec<Logged> {
        self.ledger.as_mut().map(|ledger| ledger.take_all()).unwrap_or_default()
    }

    /// Totals of connections.
    pub fn connections(&self) -> ConnectionCounters {
        let mut sum = ConnectionCounters::default();
        for counters in self.shards.iter().map(Shard::connections) {
            sum.created += counters.created;
            sum.expired += counters.expired;
        }
        sum
    }

    /// Totals of a NAT gateway.
    pub fn nat_counters(&self, nat: NatIx) -> NatCounters {
        let mut sum = self.paths.nat_counters(nat);
        self.shards.iter().for_each(|shard| sum += shard.nat_counters(nat));
        sum
    }

    /// What packets made NAT gateways count since this was last asked: all but idle timeouts, which time brings about. It looks only
    /// at the shards in which packets were since: it may be asked often.
    pub fn nat_counted(&mut self) -> impl Iterator<Item = (NatIx, NatCounters)> + use<> {
        let mut sums = vec![NatCounters::default(); self.timeline.registry().nats.len()];
        self.paths.add_nat_counted(&mut sums);
        for (shard, touched) in self.shards.iter_mut().zip(&mut self.touched) {
            if std::mem::take(touched) {
                shard.add_nat_counted(&mut sums);
            }
        }
        let sums = (0..).map(NatIx).zip(sums);
        sums.filter(|(_, counted)| *counted != NatCounters::default())
    }

    /// How packets were handled so far.
    pub fn counters(&self) -> CacheCounters {
        self.counters
    }
}
