//! A replay under way, on a terminal.

use std::io::IsTerminal;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};
use vpcemu_dataplane::{Component, Timeline};
use vpcemu_replay::directory::Watch;
use vpcemu_replay::progress::{Counter, Progress};
use vpcemu_replay::verdict::Names;

use crate::error::Error;
use crate::metrics::Server;

/// Between two looks at the counters.
const REFRESH: Duration = Duration::from_millis(200);

/// Looks at the counters for each that the sessions are asked for, and sessions beyond which they are not any more: listing some
/// ten thousand every two seconds costs a replay a hundredth of its time.
const LISTING: u32 = 10;
const LISTED: u64 = 100_000;

/// Runs a replay on a runtime of its own, with a progress bar if anybody can see one. The second of what it gives is whether
/// SIGINT stopped it.
pub(crate) fn execute<T>(
    timeline: &Arc<Timeline>,
    quiet: bool,
    run: impl AsyncFnOnce(Arc<Progress>) -> Result<T, vpcemu_replay::Error>,
) -> Result<(T, bool), Error> {
    execute_watched(timeline, quiet, None, run)
}

/// Likewise, with its counters served to whoever asks.
pub(crate) fn execute_watched<T>(
    timeline: &Arc<Timeline>,
    quiet: bool,
    metrics: Option<Server>,
    run: impl AsyncFnOnce(Arc<Progress>) -> Result<T, vpcemu_replay::Error>,
) -> Result<(T, bool), Error> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(|source| Error::Runtime { name: "the tokio runtime", source })?;
    let progress = Arc::new(Progress::default());
    let interrupted = Arc::new(AtomicBool::new(false));
    let finished = runtime.block_on(async {
        let (watched, flag) = (Arc::clone(&progress), Arc::clone(&interrupted));
        tokio::spawn(async move {
            if tokio::signal::ctrl_c().await.is_ok() {
                flag.store(true, Ordering::Relaxed);
                watched.cancel();
            }
        });
        let served = metrics.map(|server| tokio::spawn(server.serve(Arc::clone(&progress), Arc::clone(timeline))));
        let seen = !quiet && std::io::stderr().is_terminal();
        let bar = seen.then(|| tokio::spawn(show(Arc::clone(&progress), Arc::clone(timeline))));
        let finished = run(Arc::clone(&progress)).await;
        if let Some(served) = served {
            served.abort();
        }
        if let Some(bar) = bar {
            bar.abort();
            // Aborted on purpose: its result says nothing.
            let _ = bar.await;
        }
        finished
    })?;
    Ok((finished, interrupted.load(Ordering::Relaxed)))
}

async fn show(progress: Arc<Progress>, timeline: Arc<Timeline>) {
    /// Clears the line when the task is aborted.
    struct Cleared(ProgressBar);
    impl Drop for Cleared {
        fn drop(&mut self) {
            self.0.finish_and_clear();
        }
    }
    progress.watch();
    let bar = Cleared(ProgressBar::new_spinner());
    if let Ok(style) = ProgressStyle::with_template("{spinner} {pos} packets read ({per_sec}) {msg}") {
        bar.0.set_style(style);
    }
    let mut sessions = Some(progress.watch_sessions());
    let mut busiest = String::new();
    for look in 0u32.. {
        bar.0.set_position(progress.count(Counter::Read));
        let (delivered, live) = (progress.count(Counter::Delivered), progress.count(Counter::Connections));
        sessions = sessions.filter(|_| live <= LISTED);
        match &sessions {
            None => busiest.clear(),
            Some(sessions) if look % LISTING == 1 => {
                // What was asked for last time is there by now.
                busiest = busiest_gateway(sessions, &timeline).unwrap_or_default();
                sessions.refresh();
            }
            Some(_) => {}
        }
        bar.0.set_message(format!("{delivered} delivered, {live} connections{busiest}"));
        tokio::time::sleep(REFRESH).await;
    }
}

/// The NAT gateway with most sessions, and how many it has.
fn busiest_gateway(sessions: &Watch, timeline: &Timeline) -> Option<String> {
    let counts = sessions.by_component();
    let gateways = counts.iter().filter(|(component, _)| matches!(component, Component::NatGateway(_)));
    let (gateway, count) = gateways.max_by_key(|(_, count)| **count)?;
    Some(format!(", {count} of them through {}", Names::new(timeline).component(*gateway)))
}
