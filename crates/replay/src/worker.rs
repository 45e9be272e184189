//! A worker owns the shards that are its own and walks their packets, in input order.

use std::num::NonZeroU64;
use std::ops::Range;
use std::sync::Arc;

use hashbrown::HashMap;
use vpcemu_dataplane::engine::{Hit, Path, Port, Staged};
use vpcemu_dataplane::index::Registry;
use vpcemu_dataplane::outcome::{Outcome as Fate, Stages};
use vpcemu_dataplane::shard::{Admission, Arrival, key_of};
use vpcemu_dataplane::{Denial, DropReason, Engine, Ingress, Output, Stamp, Timestamp, Verdict};
use vpcemu_packet::{FlowKey, Headers, Offloads, Packet, Transport};

use crate::ReplayOptions;
use crate::batch::{Batch, Content, Done, Extra, Forced, Handled, Item, Outcome, Passed, WorkerTotals};
use crate::clock::Clock;
use crate::observer::Observer;
use crate::progress::Progress;
use crate::translation::Rewrites;
use crate::vantage::{self, Vantage};

/// Packets that are staged together: enough to fetch the memory of each behind the work on the others.
const STAGED: usize = 32;

/// The shards of one worker.
pub(crate) struct Worker {
    engine: Engine,
    registry: Arc<Registry>,
    /// The rules that the reader judged packets by.
    offloads: Offloads,
    out: Output,
    held: HashMap<u64, HeldPacket, foldhash::fast::FixedState>,
    packets: u64,
    /// Whether more is told of a packet than its bytes.
    tells: bool,
    /// By path, for the window and the minute in hand; as many as the writer knows.
    passed: Vec<Passed>,
    clock: Clock,
    rewrites: Rewrites,
    observer: Observer,
    progress: Arc<Progress>,
}

/// A fragment that waits for the first of its datagram. Its batch goes on without it.
struct HeldPacket {
    shard: u8,
    stamp: Stamp,
    headers: Headers,
    captured: FlowKey,
    at: Option<Forced>,
    bytes: Vec<u8>,
    original_len: u32,
}

/// A packet as it comes out of a batch or out of a hold.
struct Ready<'a, 'p> {
    shard: u8,
    stamp: Stamp,
    /// What the flow cache may remember it by.
    staged: Option<Staged>,
    packet: &'a mut Packet<'p>,
    captured: FlowKey,
    transport: Transport,
    at: Option<Forced>,
}

impl Worker {
    /// The `number`-th of `workers`.
    pub(crate) fn new(number: usize, options: &ReplayOptions, progress: Arc<Progress>) -> Self {
        let timeline = &options.timeline;
        Self {
            engine: Engine::of_worker(timeline, options.engine, number, options.workers),
            registry: Arc::clone(timeline.registry()),
            offloads: options.offloads,
            out: Output::default(),
            held: HashMap::default(),
            packets: 0,
            tells: options.tells(),
            passed: Vec::new(),
            clock: Clock::default(),
            rewrites: Rewrites::default(),
            observer: Observer::new(Arc::clone(progress.directory()), options.sessions.is_some()),
            progress,
        }
    }

    /// Walks every packet of a batch, then lets the shards know that the window is over.
    pub(crate) fn process(&mut self, mut batch: Batch) -> Done {
        let mut released = Vec::new();
        let mut held = Vec::new();
        self.packets += batch.items.len() as u64;
        let (window, end) = (batch.window, batch.end);
        let mut paths = Vec::new();
        batch.handled.reserve(batch.items.len());
        let mut staged = [None; STAGED];
        let mut rewritten = [None; STAGED];
        for first in (0..batch.items.len()).step_by(STAGED) {
            let last = batch.items.len().min(first + STAGED);
            self.stage(&batch, first..last, &mut staged);
            for index in first..last {
                let item = &batch.items[index];
                if self.clock.turns(item.stamp.now) {
                    self.turn_clock(item.stamp.now);
                }
                let frame = &mut batch.arena[item.start as usize..][..item.len as usize];
                let datagram = &mut frame[item.link_len.into()..];
                let staged = &staged[index - first];
                if let Some(staged) = staged {
                    let before = Rewrites::addresses(datagram);
                    let hit = self.engine.forward(staged, item.stamp, datagram);
                    if let Some(hit) = hit.or_else(|| self.engine.open(staged, item.stamp, datagram)) {
                        if self.engine.path(hit.path).note == Vantage::Reanchored as u8 {
                            // How it was put back is told, and counted, as it is of a packet that walks.
                            let (path, injected) = (self.engine.path(hit.path), self.engine.injected(&hit, staged));
                            let outcome = Outcome::of_hit(path, connection(&hit), injected, datagram);
                            batch.items[index].captured = batch.note_captured(staged.key());
                            batch.note_outcome(outcome);
                            continue;
                        }
                        rewritten[index - first] = Some(before);
                        batch.handled.push(self.hit(&hit, &mut paths));
                        if self.tells {
                            batch.items[index].captured = batch.note_captured(staged.key());
                        }
                        continue;
                    }
                }
                let captured = item.captured.and_then(|place| batch.captured.get(place.get() as usize - 1)).copied();
                let (outcome, key) = self.item(item, *staged, captured, datagram, window, &mut released);
                if outcome.is_held() {
                    held.push(item.stamp.n);
                }
                // What re-anchoring changed is told, where ports are there to be told.
                if key.is_some() && key != outcome.injected && !item.portless {
                    let key = if captured.is_none() { key.and_then(|key| batch.note_captured(key)) } else { None };
                    let item = &mut batch.items[index];
                    item.captured = item.captured.or(key);
                }
                batch.note_outcome(outcome);
            }
            // Reading what was just written in other pieces makes a processor wait: it is done when all are through.
            for (item, before) in batch.items[first..last].iter().zip(&mut rewritten) {
                if let Some(before) = before.take() {
                    let datagram = &batch.frame(item)[item.link_len.into()..];
                    self.rewrites.count(before, Rewrites::addresses(datagram));
                }
            }
        }
        let deltas = self.end_window(window, end, &mut released);
        self.observer.window(&self.engine, &batch, |n| self.held.contains_key(&n));
        self.clock.settle_passed(&mut self.passed);
        // No worker is heard of ten seconds again that were over at the end of a window.
        if self.clock.turns(end) {
            self.turn_clock(end);
        } else if self.progress.is_watched() {
            // Ten seconds may be told of in parts.
            self.settle_nat();
        }
        let (passed, nat) = (self.clock.take_passed(), self.clock.take_nat());
        let logged = self.engine.take_logged(end);
        Done { batch, held, released, deltas, paths, passed, nat, logged }
    }

    /// Other ten seconds of capture time begin.
    #[inline(never)]
    fn turn_clock(&mut self, now: Timestamp) {
        if self.clock.turns_minute(now) {
            self.clock.settle_passed(&mut self.passed);
        }
        self.settle_nat();
        self.clock.turn(now);
    }

    fn settle_nat(&mut self) {
        if !self.registry.nats.is_empty() {
            self.clock.settle_nat(self.engine.nat_counted());
        }
    }

    /// Reads the headers of the next packets, and lets the flow cache ask for what it will need of them.
    fn stage(&self, batch: &Batch, items: Range<usize>, staged: &mut [Option<Staged>; STAGED]) {
        for (staged, item) in staged.iter_mut().zip(&batch.items[items.clone()]) {
            let port = match item.at {
                None => Some(Port::ANY),
                Some(Forced::Internet) => Port::of(Ingress::Internet),
                Some(Forced::Interface(eni)) => Port::of(Ingress::Interface(eni)),
                Some(Forced::Edge(_)) => None,
            };
            // What was captured with another key is told with it.
            let plain = item.content == Content::Packet && item.captured.is_none() && self.judges_no_checksums();
            let datagram = &batch.frame(item)[item.link_len.into()..];
            *staged = port.filter(|_| plain).and_then(|port| self.engine.stage(port, datagram));
        }
        let staged = &mut staged[..items.len()];
        staged.iter_mut().flatten().for_each(|staged| self.engine.find(staged));
        staged.iter_mut().flatten().for_each(|staged| self.engine.fetch(staged));
    }

    /// Whether the reader took packets whose transport checksums are wrong: the short walk does not look at them either.
    fn judges_no_checksums(&self) -> bool {
        self.offloads == Offloads::Tolerate
    }

    /// Counts a packet that the flow cache knew. A path that is new to the writer is added to `paths`, after those that are older.
    #[inline]
    fn hit(&mut self, hit: &Hit, paths: &mut Vec<Path>) -> Handled {
        let Hit { path, length, .. } = *hit;
        while self.passed.len() <= path as usize {
            paths.push(self.engine.path(self.passed.len() as u32).clone());
            self.passed.push(Passed::default());
        }
        let passed = &mut self.passed[path as usize];
        passed.packets += 1;
        passed.bytes += u64::from(length);
        Handled::Hit { path, connection: connection(hit) }
    }

    /// The outcome of a packet, and the key that it came with, bound or not.
    fn item(
        &mut self,
        item: &Item,
        staged: Option<Staged>,
        captured: Option<FlowKey>,
        datagram: &mut [u8],
        window: u64,
        released: &mut Vec<(u64, Outcome)>,
    ) -> (Outcome, Option<FlowKey>) {
        let original_len = item.original_len.saturating_sub(item.link_len.into());
        let parsed = match item.content {
            Content::Refused(reason) => Err(reason),
            // The reader has parsed the same bytes.
            _ => Headers::parse(datagram, original_len, self.offloads).map_err(|_| DropReason::Malformed),
        };
        let headers = match parsed {
            Ok(headers) => headers,
            Err(reason) => return (Outcome::refused(reason, original_len), None),
        };
        let key = headers.key();
        let outcome = match item.content {
            Content::Copy => {
                let refused = Outcome::refused(DropReason::Duplicate, headers.total_len);
                Outcome { injected: Some(key), ..refused }
            }
            _ => self.datagram(item, staged, headers, captured, datagram, window, released),
        };
        (outcome, Some(key))
    }

    #[expect(clippy::too_many_arguments, reason = "a packet as the reader, the cache and the header walk left it")]
    fn datagram(
        &mut self,
        item: &Item,
        staged: Option<Staged>,
        headers: Headers,
        captured: Option<FlowKey>,
        datagram: &mut [u8],
        window: u64,
        released: &mut Vec<(u64, Outcome)>,
    ) -> Outcome {
        let original_len = item.original_len.saturating_sub(item.link_len.into());
        let at = item.at;
        let shard = item.shard;
        let (n, now) = (item.stamp.n, item.stamp.now);
        for (ticket, reason) in self.engine.shard(shard).reassembly.take_expired(now, None) {
            self.let_expire(ticket, reason, released);
        }
        match self.engine.shard(shard).reassembly.admit(&headers, n, now, window) {
            Admission::Ready(transport) => {
                let mut packet = Packet::from_parts(datagram, headers, original_len);
                let captured = captured.unwrap_or_else(|| key_of(&packet, transport));
                let stamp = item.stamp;
                let ready = Ready { shard, stamp, staged, packet: &mut packet, captured, transport, at };
                let outcome = self.walk(ready);
                self.release(shard, item.stamp, released);
                outcome
            }
            Admission::Hold => {
                let captured = captured.unwrap_or_else(|| headers.key());
                let bytes = datagram.to_vec();
                let held = HeldPacket { shard, stamp: item.stamp, headers, captured, at, bytes, original_len };
                self.held.insert(n, held);
                Outcome::held(&headers)
            }
            Admission::Refused(reason) => Outcome::dropped(&headers, reason),
            Admission::Full => Outcome::dropped(&headers, DropReason::TableFull),
        }
    }

    /// Fragments whose first has just come go in behind it, now; they keep their numbers.
    fn release(&mut self, shard: u8, now: Stamp, released: &mut Vec<(u64, Outcome)>) {
        for (ticket, transport) in self.engine.shard(shard).reassembly.take_ready() {
            let Some(held) = self.held.remove(&ticket) else { continue };
            let HeldPacket { shard, stamp, headers, mut captured, at, mut bytes, original_len } = held;
            let stamp = Stamp { n: stamp.n, ..now };
            let mut packet = Packet::from_parts(&mut bytes, headers, original_len);
            let ports = key_of(&packet, transport);
            (captured.src_port, captured.dst_port, captured.icmp_type) =
                (ports.src_port, ports.dst_port, ports.icmp_type);
            let ready = Ready { shard, stamp, staged: None, packet: &mut packet, captured, transport, at };
            let mut outcome = self.walk(ready);
            outcome.extra.get_or_insert_default().bytes = Some(bytes);
            released.push((ticket, outcome));
        }
    }

    fn let_expire(&mut self, ticket: u64, reason: DropReason, released: &mut Vec<(u64, Outcome)>) {
        if let Some(held) = self.held.remove(&ticket) {
            let mut outcome = Outcome::dropped(&held.headers, reason);
            outcome.extra.get_or_insert_default().bytes = Some(held.bytes);
            released.push((ticket, outcome));
        }
    }

    fn walk(&mut self, ready: Ready<'_, '_>) -> Outcome {
        let Ready { shard: number, stamp, staged, packet, captured, mut transport, at } = ready;
        let shard = self.engine.shard(number);
        let headers = *packet.headers();
        if let Some(after) = shard.divergence(captured, transport, stamp.generation) {
            let mut outcome = Outcome::dropped(&headers, DropReason::Diverged);
            outcome.set_after(after);
            return outcome;
        }
        let placed = match at {
            Some(Forced::Internet) => Ok((Ingress::Internet, Vantage::Forced)),
            Some(Forced::Interface(eni)) => Ok((Ingress::Interface(eni), Vantage::Forced)),
            Some(Forced::Edge(edge)) => Ok((Ingress::Edge(edge), Vantage::Forced)),
            None => vantage::place(shard, stamp, packet, &mut transport, captured),
        };
        let (ingress, vantage) = match placed {
            Ok(placed) => placed,
            Err(DropReason::NoVantage) if vantage::is_link_scope(&headers) => {
                return Outcome::dropped(&headers, DropReason::LinkScope);
            }
            Err(reason) => return Outcome::dropped(&headers, reason),
        };
        let injected = key_of(packet, transport);
        let length = packet.headers().total_len;
        let arrival = Arrival { stamp, ingress, captured, transport };
        let verdict = self.engine.walk(number, staged.as_ref(), vantage as u8, arrival, packet, &mut self.out);
        let flags = transport.tcp_flags().map(|flags| flags.0);
        let out = &mut self.out;
        let plain = out.steps.is_empty() && out.pieces.is_empty() && out.generated.is_none() && out.taps.is_empty();
        let extra = (!plain).then(|| {
            Box::new(Extra {
                steps: std::mem::take(&mut out.steps),
                pieces: std::mem::take(&mut out.pieces),
                generated: out.generated.take(),
                taps: std::mem::take(&mut out.taps),
                bytes: None,
            })
        });
        Outcome {
            verdict: Some(verdict),
            refused: None,
            ingress: Some(ingress),
            vantage: Some(vantage),
            injected: Some(injected),
            captured_length: headers.total_len,
            length,
            left_length: packet.headers().total_len,
            flags,
            stages: out.stages,
            extra,
        }
    }

    fn end_window(
        &mut self,
        window: u64,
        end: Timestamp,
        released: &mut Vec<(u64, Outcome)>,
    ) -> Vec<vpcemu_dataplane::conntrack::Delta> {
        for index in 0..self.engine.shards().len() {
            for (ticket, reason) in self.engine.shards_mut()[index].reassembly.take_expired(end, Some(window)) {
                self.let_expire(ticket, reason, released);
            }
        }
        self.engine.tick(end)
    }

    /// The input has ended at `now`.
    pub(crate) fn finish(mut self, now: Timestamp) -> WorkerTotals {
        let mut totals = WorkerTotals { packets: self.packets, ..WorkerTotals::default() };
        totals.deltas = self.engine.finish(now);
        self.settle_nat();
        totals.logged = self.engine.take_all_logged();
        totals.nat_slots = self.clock.take_nat();
        let connections = self.engine.connections();
        (totals.created, totals.expired) = (connections.created, connections.expired);
        totals.nat = self.registry.nats.iter().map(|(nat, _)| (nat, self.engine.nat_counters(nat))).collect();
        totals.translated = self.rewrites.into_counts();
        totals.cache = self.engine.counters();
        totals.sessions = self.observer.finish(&self.engine, now);
        totals
    }
}

/// n of the packet that created the connection; packets count from 1.
fn connection(hit: &Hit) -> Option<NonZeroU64> {
    hit.connection.and_then(NonZeroU64::new)
}

impl Outcome {
    fn refused(reason: DropReason, length: u32) -> Self {
        Self {
            verdict: None,
            refused: Some(reason),
            ingress: None,
            vantage: None,
            injected: None,
            captured_length: length,
            length,
            left_length: length,
            flags: None,
            stages: Stages::default(),
            extra: None,
        }
    }

    fn held(headers: &Headers) -> Self {
        let verdict = Verdict::stateless(Fate::Held, headers.key());
        Self { refused: None, verdict: Some(verdict), ..Self::dropped(headers, DropReason::Fragment) }
    }

    /// Dropped before it could be placed, or instead of being walked.
    fn dropped(headers: &Headers, reason: DropReason) -> Self {
        let denial = Denial { reason, at: None, direction: None, rule: None };
        let flags = headers.transport.tcp_flags().map(|flags| flags.0);
        Self {
            verdict: Some(Verdict::stateless(Fate::Dropped(denial), headers.key())),
            injected: Some(headers.key()),
            flags,
            ..Self::refused(reason, headers.total_len)
        }
    }

    fn set_after(&mut self, after: u64) {
        if let Some(verdict) = &mut self.verdict {
            verdict.after = Some(after);
        }
    }
}
