//! The writer: windows put back into input order, and into every output that was asked for.

mod flow_logs;
mod packets;

use std::collections::VecDeque;
use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::PathBuf;
use std::sync::{Arc, PoisonError};
use std::time::Duration;

use hashbrown::HashMap;

use crate::batch::{Batch, Done, Extra, Handled, Item, Outcome, WorkerTotals};
use crate::listen::{Ears, Report};
use crate::progress::Progress;
use crate::source::ReaderReport;
use crate::summary::Finished;
use crate::tally::Tally;
use crate::verdict::{Names, VerdictLine};
use crate::{Error, ReplayOptions};
use vpcemu_dataplane::Timeline;
use vpcemu_dataplane::engine::Path;

use flow_logs::FlowLogs;
use packets::{Delivery, PacketSink};

/// Bytes of lines that are written at once.
const BUFFER: usize = 1 << 20;

/// A line as outputs have it: without the steps where only the listener wants them.
fn told(line: VerdictLine<'_>, untold: bool) -> VerdictLine<'_> {
    if untold { VerdictLine { steps: Vec::new(), ..line } } else { line }
}

/// Everything that a replay writes.
pub(crate) struct Writer {
    options: Arc<ReplayOptions>,
    tally: Tally,
    packets: Option<PacketSink>,
    verdicts: Option<(PathBuf, BufWriter<File>)>,
    sessions: Option<(PathBuf, BufWriter<File>)>,
    /// Windows that wait for fragments held in them.
    waiting: VecDeque<Vec<Done>>,
    /// Fates of held fragments, by n.
    released: HashMap<u64, Outcome, foldhash::fast::FixedState>,
    progress: Arc<Progress>,
    listener: Option<Ears>,
    flow_logs: Option<FlowLogs>,
    /// The paths of each worker.
    paths: Vec<Vec<Way>>,
    /// Whether packet outputs carry comments.
    annotated: bool,
    /// The texts of the packet in hand: its line, and its comment.
    line: Vec<u8>,
    comment: Vec<u8>,
}

/// A path of the flow cache, and how its packets are shown.
struct Way {
    path: Path,
    delivery: Option<Delivery>,
}

impl Writer {
    /// Opens the outputs.
    pub(crate) fn create(
        options: &Arc<ReplayOptions>,
        ethernet: bool,
        progress: Arc<Progress>,
        listener: Option<Ears>,
    ) -> Result<Self, Error> {
        let packets = match &options.packets {
            Some(path) => Some(PacketSink::create(path, options, ethernet)?),
            None => None,
        };
        let lines = |path: &Option<PathBuf>| match path {
            Some(path) => {
                let file = File::create(path).map_err(Error::output(path))?;
                Ok::<_, Error>(Some((path.clone(), BufWriter::with_capacity(BUFFER, file))))
            }
            None => Ok(None),
        };
        let (verdicts, sessions) = (lines(&options.verdicts)?, lines(&options.sessions)?);
        let flow_logs = match &options.flow_logs {
            Some(flow_logs) => Some(FlowLogs::create(flow_logs, options.timeline.registry())?),
            None => None,
        };
        let annotated = options.annotate && packets.as_ref().is_some_and(PacketSink::takes_comments);
        Ok(Self {
            options: Arc::clone(options),
            paths: (0..options.workers).map(|_| Vec::new()).collect(),
            annotated,
            tally: Tally::new(options.timeline.registry()),
            packets,
            verdicts,
            sessions,
            waiting: VecDeque::new(),
            released: HashMap::default(),
            progress,
            listener,
            flow_logs,
            line: Vec::new(),
            comment: Vec::new(),
        })
    }

    /// Takes a window, one batch of every worker, and writes what can be written. Returns batches that are done with.
    pub(crate) fn window(&mut self, mut window: Vec<Done>) -> Result<Vec<Batch>, Error> {
        for (done, paths) in window.iter_mut().zip(&mut self.paths) {
            self.released.extend(done.released.drain(..));
            self.tally.gauges(done.deltas.drain(..), done.batch.end);
            self.tally.nat(done.nat.drain(..));
            let packets = self.packets.as_ref();
            paths.extend(done.paths.drain(..).map(|path| {
                let delivery = packets.map(|packets| packets.delivery(path.at, Some(path.ingress)));
                Way { path, delivery }
            }));
        }
        // Every worker has told of what was over before the end of its batch, which is that of all others.
        let end = window.first().map(|done| done.batch.end).unwrap_or_default();
        self.tally.window(end);
        if let Some(flow_logs) = &mut self.flow_logs {
            flow_logs.add(window.iter_mut().flat_map(|done| done.logged.drain(..)));
            flow_logs.write_until(end)?;
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
        window.iter().flat_map(|done| &done.held).any(|n| !self.released.contains_key(n))
    }

    /// The input has ended: what is still held stays so.
    pub(crate) fn flush_windows(&mut self) -> Result<(), Error> {
        while let Some(window) = self.waiting.pop_front() {
            self.write(window)?;
        }
        Ok(())
    }

    fn write(&mut self, mut window: Vec<Done>) -> Result<Vec<Batch>, Error> {
        let timeline = Arc::clone(&self.options.timeline);
        for (done, paths) in window.iter().zip(&self.paths) {
            for (minute, path, passed) in &done.passed {
                self.tally.count_passed(*minute, &paths[*path as usize].path, *passed);
            }
        }
        match &mut window[..] {
            [done] => {
                for index in 0..done.batch.items.len() {
                    self.packet(&timeline, 0, &mut done.batch, index)?;
                }
            }
            several => {
                let mut cursors = vec![0; several.len()];
                let order = several.first_mut().map(|done| std::mem::take(&mut done.batch.order)).unwrap_or_default();
                for worker in &order {
                    let worker = usize::from(*worker);
                    self.packet(&timeline, worker, &mut several[worker].batch, cursors[worker])?;
                    cursors[worker] += 1;
                }
                // The buffer goes round with its batch.
                if let Some(first) = several.first_mut() {
                    first.batch.order = order;
                }
            }
        }
        Ok(window.into_iter().map(|done| done.batch).collect())
    }

    #[inline]
    fn packet(&mut self, timeline: &Timeline, worker: usize, batch: &mut Batch, index: usize) -> Result<(), Error> {
        match batch.handled[index] {
            Handled::Hit { path, connection } => {
                let Way { path, delivery } = &self.paths[worker][path as usize];
                let delivery = *delivery;
                if self.tells() {
                    let item = &batch.items[index];
                    let left = &batch.frame(item)[item.link_len.into()..];
                    // The worker notes it of every packet where it is to be told.
                    let captured = batch.captured(item).copied();
                    let outcome = captured.map(|captured| Outcome::of_hit(path, connection, captured, left));
                    outcome.map_or(Ok(()), |outcome| self.say(timeline, batch, item, &outcome))?;
                }
                if let Some(packets) = &mut self.packets
                    && let Some(delivery) = delivery
                {
                    let item = &batch.items[index];
                    let frame = &mut batch.arena[item.start as usize..][..item.len as usize];
                    packets.passed(delivery, item, frame, self.annotated.then(|| text(&self.comment)))?;
                }
                Ok(())
            }
            Handled::Walked { place } => self.walked(timeline, batch, index, place),
        }
    }

    fn walked(&mut self, timeline: &Timeline, batch: &Batch, index: usize, place: u32) -> Result<(), Error> {
        let (item, outcome) = (&batch.items[index], &batch.outcomes[place as usize]);
        let released = if outcome.is_held() { self.released.remove(&item.stamp.n) } else { None };
        let outcome = released.as_ref().unwrap_or(outcome);
        self.tally.count(item, outcome);
        let (annotated, untold) = (self.annotated, self.options.steps_untold);
        if self.tells() {
            self.say(timeline, batch, item, outcome)?;
        }
        let Some(packets) = &mut self.packets else { return Ok(()) };
        let frame = batch.frame(item);
        let extra = outcome.extra.as_deref();
        let comment = annotated.then(|| text(&self.comment));
        if let Some(Extra { bytes: Some(bytes), .. }) = extra {
            // A released fragment was rewritten outside its batch.
            packets.packet(item, outcome, &[&frame[..item.link_len.into()], bytes].concat(), comment)?;
        } else {
            packets.packet(item, outcome, frame, comment)?;
        }
        if let Some(made) = extra.and_then(|extra| extra.generated.as_ref()) {
            self.comment.clear();
            if annotated {
                let fabric = timeline.fabric(item.stamp.generation);
                let line = VerdictLine::of_generated(Names::new(timeline), fabric, item, made);
                told(line, untold).write_comment(&mut self.comment);
            }
            packets.generated(item, made, annotated.then(|| text(&self.comment)))?;
        }
        Ok(())
    }

    /// Whether anything is told of packets one by one.
    fn tells(&self) -> bool {
        self.verdicts.is_some() || self.annotated || self.listener.is_some()
    }

    /// Writes the verdict of a packet, and of what was made because of it, and leaves its comment behind.
    fn say(&mut self, timeline: &Timeline, batch: &Batch, item: &Item, outcome: &Outcome) -> Result<(), Error> {
        if let Some(listener) = &self.listener {
            let datagram = &batch.frame(item)[item.link_len.into()..];
            let released = outcome.extra.as_ref().and_then(|extra| extra.bytes.as_deref());
            let datagram = released.unwrap_or(datagram);
            let report = Report { timeline, item, captured: batch.captured(item), outcome, datagram };
            listener.lock().unwrap_or_else(PoisonError::into_inner).packet(&report);
        }
        if self.verdicts.is_none() && !self.annotated {
            return Ok(());
        }
        let (names, fabric) = (Names::new(timeline), timeline.fabric(item.stamp.generation));
        let untold = self.options.steps_untold;
        let line = told(VerdictLine::of(names, fabric, item, batch.captured(item), outcome), untold);
        if self.annotated {
            self.comment.clear();
            line.write_comment(&mut self.comment);
        }
        if let Some((path, file)) = &mut self.verdicts {
            self.line.clear();
            line.write_json(&mut self.line);
            if let Some(made) = outcome.extra.as_ref().and_then(|extra| extra.generated.as_ref()) {
                told(VerdictLine::of_generated(names, fabric, item, made), untold).write_json(&mut self.line);
            }
            file.write_all(&self.line).map_err(Error::output(&*path))?;
        }
        Ok(())
    }

    /// Writes the sessions that are left, in the order in which they were created.
    fn list_sessions(&mut self, totals: &mut [WorkerTotals]) -> Result<(), Error> {
        let Some((path, mut file)) = self.sessions.take() else { return Ok(()) };
        let mut sessions: Vec<_> = totals.iter_mut().flat_map(|worker| std::mem::take(&mut worker.sessions)).collect();
        // One packet creates two connections at most: its own, and that of a packet which the emulator made because of it.
        sessions.sort_unstable_by_key(|session| (session.live.n, session.live.opened));
        let names = Names::new(&self.options.timeline);
        let mut write = || {
            sessions.iter().try_for_each(|session| session.write_json(names, &mut file))?;
            file.flush()
        };
        write().map_err(Error::output(path))
    }

    /// Closes the outputs and adds up.
    pub(crate) fn finish(
        mut self,
        report: ReaderReport,
        mut totals: Vec<WorkerTotals>,
        elapsed: Duration,
    ) -> Result<Finished, Error> {
        self.list_sessions(&mut totals)?;
        if let Some((path, mut file)) = self.verdicts.take() {
            file.flush().map_err(Error::output(path))?;
        }
        if let Some(packets) = self.packets.take() {
            packets.finish()?;
        }
        let mut written = None;
        if let Some(mut flow_logs) = self.flow_logs.take() {
            flow_logs.add(totals.iter_mut().flat_map(|worker| std::mem::take(&mut worker.logged)));
            written = Some(flow_logs.finish()?);
        }
        let finished = self.tally.finish(&self.options, report, totals, elapsed)?;
        Ok(Finished { flow_logs: written, ..finished })
    }
}

/// A comment: names are text, and what is put between them is ASCII.
fn text(comment: &[u8]) -> &str {
    std::str::from_utf8(comment).unwrap_or_default()
}
