//! Reader, workers and writer as tokio tasks, handing whole windows on.
//!
//! The reader sends every worker its share of each window, the workers send theirs on when it is done, and the writer takes
//! one from each and writes them in input order. Batches go back to the reader when they are written, and there are no more
//! of them than [`WINDOWS`] need: that bounds memory.

use std::sync::Arc;
use std::time::Instant;

use tokio::sync::mpsc;
use tokio::task::spawn_blocking;
use vpcemu_dataplane::ShardMap;

use crate::batch::{Batch, Done, WorkerTotals};
use crate::listen::Ears;
use crate::pin::{Plan, Role};
use crate::progress::Progress;
use crate::sink::Writer;
use crate::source::{ReaderReport, Source};
use crate::summary::Finished;
use crate::worker::Worker;
use crate::{Error, ReplayOptions};

/// Windows that are under way at once: one is read, one is walked, and one waits at the writer, where a window stays until
/// the next one has told what became of fragments held in it. With fewer nothing would move.
const WINDOWS: usize = 3;

/// Replays captures. Damage to an input, or a request to stop through `progress`, ends the reading; what was read until then
/// is in all outputs and in the summary.
///
/// # Errors
/// If nothing can be read, an output cannot be written, or a task dies. Damage found later is in [`Finished::damage`].
pub async fn replay(options: ReplayOptions, progress: Arc<Progress>) -> Result<Finished, Error> {
    run(options, progress, None).await
}

/// The same, with somebody who hears of every packet.
pub(crate) async fn run(
    options: ReplayOptions,
    progress: Arc<Progress>,
    listener: Option<Ears>,
) -> Result<Finished, Error> {
    let begun = Instant::now();
    let told = options.told || listener.is_some();
    let options = Arc::new(ReplayOptions { workers: options.workers.max(1), told, ..options });
    let plan = if options.pin { Plan::new(options.workers)? } else { Plan::default() };
    let map = Arc::new(ShardMap::new(&options.timeline));
    let opened = {
        let (options, progress) = (Arc::clone(&options), Arc::clone(&progress));
        spawn_blocking(move || Source::open(&options, map, progress)).await.map_err(died("reader"))?
    };
    let source = opened?;
    let writer = Writer::create(&options, source.is_all_ethernet(), Arc::clone(&progress), listener)?;

    let (recycle, recycled) = mpsc::unbounded_channel();
    let (mut to_workers, mut from_workers, mut workers) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..WINDOWS * options.workers {
        // The other end is here.
        let _ = recycle.send(Batch::default());
    }
    for number in 0..options.workers {
        let (batches, inbox) = mpsc::channel(WINDOWS);
        let (outbox, done) = mpsc::channel(WINDOWS);
        to_workers.push(batches);
        from_workers.push(done);
        let worker = Worker::new(number, &options, Arc::clone(&progress));
        let plan = plan.clone();
        workers.push(spawn_blocking(move || {
            let _pinned = plan.pin(Role::Worker(number));
            work(worker, inbox, &outbox)
        }));
    }
    let reading = plan.clone();
    let reader = spawn_blocking(move || {
        let _pinned = reading.pin(Role::Reader);
        read(source, &to_workers, recycled)
    });
    let writer = spawn_blocking(move || {
        let _pinned = plan.pin(Role::Writer);
        write(writer, from_workers, &recycle)
    });

    let report = reader.await.map_err(died("reader"))?;
    let mut totals = Vec::new();
    for worker in workers {
        totals.push(worker.await.map_err(died("worker"))?);
    }
    let writer = writer.await.map_err(died("writer"))??;
    let elapsed = begun.elapsed();
    writer.finish(report, totals, elapsed)
}

fn read(
    mut source: Source,
    workers: &[mpsc::Sender<Batch>],
    mut recycled: mpsc::UnboundedReceiver<Batch>,
) -> ReaderReport {
    loop {
        let mut batches = Vec::with_capacity(workers.len());
        for _ in workers {
            // The writer has failed: its own error is the one to report.
            let Some(batch) = recycled.blocking_recv() else { return source.finish() };
            batches.push(batch);
        }
        let more = source.fill(&mut batches);
        for (worker, batch) in workers.iter().zip(batches) {
            // A worker that is gone has panicked, or the writer has failed: its own error is the one to report.
            if worker.blocking_send(batch).is_err() {
                return source.finish();
            }
        }
        if !more {
            return source.finish();
        }
    }
}

fn work(mut worker: Worker, mut inbox: mpsc::Receiver<Batch>, outbox: &mpsc::Sender<Done>) -> WorkerTotals {
    let mut end = vpcemu_dataplane::Timestamp::default();
    while let Some(batch) = inbox.blocking_recv() {
        end = batch.end;
        if outbox.blocking_send(worker.process(batch)).is_err() {
            break;
        }
    }
    worker.finish(end)
}

fn write(
    mut writer: Writer,
    mut workers: Vec<mpsc::Receiver<Done>>,
    recycle: &mpsc::UnboundedSender<Batch>,
) -> Result<Writer, Error> {
    loop {
        let mut window = Vec::with_capacity(workers.len());
        for worker in &mut workers {
            match worker.blocking_recv() {
                Some(done) => window.push(done),
                None => break,
            }
        }
        if window.len() < workers.len() {
            writer.flush_windows()?;
            return Ok(writer);
        }
        for mut batch in writer.window(window)? {
            batch.clear();
            // The reader may be done already.
            let _ = recycle.send(batch);
        }
    }
}

fn died(task: &'static str) -> impl FnOnce(tokio::task::JoinError) -> Error {
    move |error| Error::Task { task, cause: error.to_string() }
}
