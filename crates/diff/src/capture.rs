//! Captures through both configurations: two replays run side by side, and packets are compared as they come out.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};

use vpcemu_dataplane::outcome::Step;
use vpcemu_dataplane::{DropReason, Ingress, Timeline, Verdict};
use vpcemu_lab::{Explainer, Explanation, Facts};
use vpcemu_packet::{FlowKey, TcpFlags};
use vpcemu_replay::verdict::Names;
use vpcemu_replay::{Listener, Report};

use crate::cause::sides;
use crate::fate::{Difference, Fate, Judge};
use crate::{Basis, Change, Comparison, Ends, Kind, Pair};

/// Packets handed over at once: some hundred nanoseconds of handing over are nothing beside as many packets' replay.
const BATCH: usize = 512;
/// Batches that one replay may be ahead of the other.
const AHEAD: usize = 8;

/// What became of one packet of a replay, kept until the other replay has come as far.
#[derive(Debug)]
struct Heard {
    n: u64,
    captured: Option<FlowKey>,
    ingress: Option<Ingress>,
    injected: Option<FlowKey>,
    flags: Option<TcpFlags>,
    verdict: Option<Verdict>,
    reason: Option<DropReason>,
    steps: Vec<Step>,
}

/// Listens to the replay of one configuration. Steps have to be recorded.
#[derive(Debug)]
pub struct Recorder {
    batch: Vec<Heard>,
    out: SyncSender<Vec<Heard>>,
}

/// What two replays told.
#[derive(Debug)]
pub struct Captured {
    old: Receiver<Vec<Heard>>,
    new: Receiver<Vec<Heard>>,
}

/// Listeners for the replays of the old and the new configuration, and who compares what they hear. The three belong to
/// threads of their own: each replay waits for the other when it is some thousand packets ahead.
pub fn recorders() -> (Recorder, Recorder, Captured) {
    let ((to_old, old), (to_new, new)) = (sync_channel(AHEAD), sync_channel(AHEAD));
    let recorder = |out| Recorder { batch: Vec::with_capacity(BATCH), out };
    (recorder(to_old), recorder(to_new), Captured { old, new })
}

impl Listener for Recorder {
    fn packet(&mut self, report: &Report<'_>) {
        self.batch.push(Heard {
            n: report.stamp().n,
            captured: report.captured(),
            ingress: report.ingress(),
            injected: report.injected(),
            flags: report.flags(),
            verdict: report.verdict().copied(),
            reason: report.reason(),
            steps: report.steps().to_vec(),
        });
        if self.batch.len() == BATCH {
            self.hand_over();
        }
    }
}

impl Recorder {
    fn hand_over(&mut self) {
        let batch = std::mem::replace(&mut self.batch, Vec::with_capacity(BATCH));
        // Nobody listens any more when the other replay has failed: this one then runs to its end for nothing.
        let _ = self.out.send(batch);
    }
}

impl Drop for Recorder {
    fn drop(&mut self) {
        self.hand_over();
    }
}

/// A flow with packets that fare differently.
struct Flow {
    kind: Kind,
    first: u64,
    packets: u64,
    ends: Ends,
    old: Explanation,
    new: Explanation,
}

impl Captured {
    /// Compares until both replays have ended. The timelines are those of the replays.
    pub fn compare(self, pair: &Pair, old: &Arc<Timeline>, new: &Arc<Timeline>) -> Comparison {
        let judge = Judge { pair, old: Names::new(old), new: Names::new(new) };
        let explainers = (Explainer::new(&pair.old, old, 0), Explainer::new(&pair.new, new, 0));
        let (mut olds, mut news) = (self.old.into_iter().flatten(), self.new.into_iter().flatten());
        let mut flows: Vec<Flow> = Vec::new();
        let mut by_key: HashMap<FlowKey, usize> = HashMap::new();
        let mut by_opening: HashMap<u64, usize> = HashMap::new();
        let (mut packets, mut denied_otherwise) = (0, 0);
        while let (Some(was), Some(is)) = (olds.next(), news.next()) {
            packets += 1;
            let kind = match judge.difference(was.fate(), is.fate()) {
                None => continue,
                Some(Difference::Denied) => {
                    denied_otherwise += 1;
                    continue;
                }
                Some(Difference::Change(kind)) => kind,
            };
            let key = was.captured.or(is.captured).map(canonical);
            let known = key.and_then(|key| by_key.get(&key));
            // Behind a translation the key is another one. Then it is the packet that opened the connection in either, or whose
            // denial this one contradicts.
            let opened = || {
                let verdicts = [was.verdict.as_ref(), is.verdict.as_ref()].into_iter().flatten();
                verdicts.flat_map(|it| [it.after, it.connection]).flatten().find_map(|n| by_opening.get(&n))
            };
            let known = known.or_else(opened).copied();
            match known {
                Some(at) => {
                    let flow = &mut flows[at];
                    flow.packets += 1;
                    if kind > flow.kind {
                        flow.kind = kind;
                        (flow.old, flow.new) = (explainers.0.explain(was.facts()), explainers.1.explain(is.facts()));
                    }
                }
                None => {
                    let (old, new) = (explainers.0.explain(was.facts()), explainers.1.explain(is.facts()));
                    let ends = Ends { proto: old.proto.clone(), src: old.src.clone(), dst: old.dst.clone() };
                    by_opening.insert(was.n, flows.len());
                    if let Some(key) = key {
                        by_key.insert(key, flows.len());
                    }
                    flows.push(Flow { kind, first: was.n, packets: 1, ends, old, new });
                }
            }
        }
        // One of them may have heard more, if the other was stopped: it is let run to its end.
        olds.for_each(drop);
        news.for_each(drop);
        let count = flows.len() as u64;
        let mut changes: Vec<_> = flows.into_iter().map(Flow::change).collect();
        changes.sort_by_key(|change| (std::cmp::Reverse(change.kind), change.first));
        let (only_in_old, only_in_new) = pair.apart();
        Comparison {
            identical: changes.is_empty(),
            changes,
            basis: Basis::Captures { packets, flows: count },
            complete: true,
            denied_otherwise,
            only_in_old,
            only_in_new,
            notes: Vec::new(),
        }
    }
}

impl Heard {
    fn fate(&self) -> Fate<'_> {
        Fate { verdict: self.verdict.as_ref(), reason: self.reason, steps: &self.steps }
    }

    fn facts(&self) -> Facts<'_> {
        Facts {
            n: Some(self.n),
            ingress: self.ingress,
            injected: self.injected,
            flags: self.flags,
            verdict: self.verdict.as_ref(),
            reason: self.reason,
            steps: &self.steps,
            generated: None,
            ports: None,
        }
    }
}

impl Flow {
    fn change(self) -> Change {
        let (old, new) = sides(self.kind, &self.old, &self.new);
        Change {
            kind: self.kind,
            flow: self.ends,
            packets: self.packets,
            first: Some(self.first),
            packet: None,
            from: Vec::new(),
            to: Vec::new(),
            ipv6: None,
            traffic: None,
            source_ports: None,
            old,
            new,
        }
    }
}

/// The same for both directions.
fn canonical(key: FlowKey) -> FlowKey {
    key.min(key.reversed())
}
