//! The writer: windows put back into input order, and into every output that was asked for.

mod packets;

use std::collections::VecDeque;
use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use hashbrown::HashMap;
use vpcemu_dataplane::outcome::Outcome as Fate;

use crate::batch::{Batch, Done, Extra, Item, Outcome, WorkerTotals};
use crate::progress::{Counter, Progress};
use crate::source::ReaderReport;
use crate::summary::{Finished, Tally};
use crate::verdict::{Names, VerdictLine};
use crate::{Error, ReplayOptions};

use packets::PacketSink;

/// Bytes of verdict lines that are written at once.
const BUFFER: usize = 1 << 20;

/// Everything that a replay writes.
pub(crate) struct Writer {
    options: Arc<ReplayOptions>,
    tally: Tally,
    packets: Option<PacketSink>,
    verdicts: Option<(PathBuf, BufWriter<File>)>,
    /// Windows that wait for fragments held in them.
    waiting: VecDeque<Vec<Done>>,
    /// Fates of held fragments, by n.
    released: HashMap<u64, Outcome, foldhash::fast::FixedState>,
    progress: Arc<Progress>,
}

impl Writer {
    /// Opens the outputs.
    pub(crate) fn create(options: &Arc<ReplayOptions>, ethernet: bool, progress: Arc<Progress>) -> Result<Self, Error> {
        let packets = match &options.packets {
            Some(path) => Some(PacketSink::create(path, options, ethernet)?),
            None => None,
        };
        let verdicts = match &options.verdicts {
            Some(path) => {
                let file = File::create(path).map_err(Error::output(path))?;
                Some((path.clone(), BufWriter::with_capacity(BUFFER, file)))
            }
            None => None,
        };
        Ok(Self {
            options: Arc::clone(options),
            tally: Tally::default(),
            packets,
            verdicts,
            waiting: VecDeque::new(),
            released: HashMap::default(),
            progress,
        })
    }

    /// Takes a window, one batch of every worker, and writes what can be written. Returns batches that are done with.
    pub(crate) fn window(&mut self, mut window: Vec<Done>) -> Result<Vec<Batch>, Error> {
        for done in &mut window {
            self.released.extend(done.released.drain(..));
            self.tally.gauges(done.deltas.drain(..));
        }
        self.waiting.push_back(window);
        let mut written = Vec::new();
        // A hold ends at the latest with the window after its own, so at most one window waits.
        while let Some(first) = self.waiting.front() {
            if self.waiting.len() == 1 && self.is_waiting(first) {
                break;
            }
            if let Some(window) = self.waiting.pop_front() {
                written.extend(self.write(window)?);
            }
        }
        self.progress.publish(self.tally.counters());
        Ok(written)
    }

    /// Whether a packet of the window is held and nothing has been heard of it.
    fn is_waiting(&self, window: &[Done]) -> bool {
        window.iter().any(|done| {
            let mut pairs = done.batch.items.iter().zip(&done.outcomes);
            pairs.any(|(item, outcome)| is_held(outcome) && !self.released.contains_key(&item.stamp.n))
        })
    }

    /// The input has ended: what is still held stays so.
    pub(crate) fn flush_windows(&mut self) -> Result<(), Error> {
        while let Some(window) = self.waiting.pop_front() {
            self.write(window)?;
        }
        Ok(())
    }

    fn write(&mut self, window: Vec<Done>) -> Result<Vec<Batch>, Error> {
        let mut cursors = vec![0; window.len()];
        let n_at = |done: &Done, cursor: usize| done.batch.items.get(cursor).map(|item| item.stamp.n);
        loop {
            let next = window.iter().zip(&cursors).enumerate();
            let next = next.filter_map(|(which, (done, cursor))| Some((n_at(done, *cursor)?, which))).min();
            let Some((n, which)) = next else { break };
            let done = &window[which];
            let cursor = cursors[which];
            cursors[which] += 1;
            let item = &done.batch.items[cursor];
            let released = self.released.remove(&n);
            let outcome = released.as_ref().unwrap_or(&done.outcomes[cursor]);
            let frame = &done.batch.arena[item.start..item.start + item.len];
            self.packet(item, outcome, frame)?;
        }
        Ok(window.into_iter().map(|done| done.batch).collect())
    }

    fn packet(&mut self, item: &Item, outcome: &Outcome, frame: &[u8]) -> Result<(), Error> {
        let timeline = Arc::clone(&self.options.timeline);
        let names = Names::new(&timeline);
        let fabric = timeline.fabric(item.stamp.generation);
        self.tally.count(names, item, outcome);
        let annotated = self.packets.is_some() && self.options.annotate;
        let line = (self.verdicts.is_some() || annotated).then(|| VerdictLine::of(names, fabric, item, outcome));
        let extra = outcome.extra.as_deref();
        let made = extra.and_then(|extra| extra.generated.as_ref());
        let made_line = made
            .filter(|_| self.verdicts.is_some() || annotated)
            .map(|made| VerdictLine::of_generated(names, fabric, item, made));
        if let Some((path, file)) = &mut self.verdicts {
            for line in line.iter().chain(&made_line) {
                serde_json::to_writer(&mut *file, line).map_err(|error| Error::output(&*path)(error.into()))?;
                file.write_all(b"\n").map_err(Error::output(&*path))?;
            }
        }
        if let Some(packets) = &mut self.packets {
            let comment = line.as_ref().filter(|_| annotated).map(VerdictLine::comment);
            let whole = match extra {
                // A released fragment was rewritten outside its batch.
                Some(Extra { bytes: Some(bytes), .. }) => &[&frame[..item.link_len], bytes].concat(),
                _ => frame,
            };
            packets.packet(item, outcome, whole, comment.as_deref())?;
            if let Some(made) = made {
                let comment = made_line.as_ref().filter(|_| annotated).map(VerdictLine::comment);
                packets.generated(item, made, comment.as_deref())?;
            }
        }
        Ok(())
    }

    /// Closes the outputs and adds up.
    pub(crate) fn finish(
        mut self,
        report: ReaderReport,
        totals: Vec<WorkerTotals>,
        elapsed: Duration,
    ) -> Result<Finished, Error> {
        if let Some((path, mut file)) = self.verdicts.take() {
            file.flush().map_err(Error::output(path))?;
        }
        if let Some(packets) = self.packets.take() {
            packets.finish()?;
        }
        self.tally.finish(&self.options, report, totals, elapsed)
    }
}

fn is_held(outcome: &Outcome) -> bool {
    outcome.verdict.is_some_and(|verdict| verdict.outcome == Fate::Held)
}

/// Counters that observers see.
impl Tally {
    fn counters(&self) -> Vec<(Counter, u64)> {
        let mut counters = vec![
            (Counter::In, self.packets.input),
            (Counter::Delivered, self.packets.delivered),
            (Counter::Connections, u64::try_from(self.live_connections()).unwrap_or(0)),
        ];
        counters.extend(self.dropped.iter().map(|(reason, count)| (Counter::Dropped(*reason), *count)));
        counters
    }
}
