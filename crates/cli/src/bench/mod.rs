//! `vpcemu bench`: throughput, latency and memory of the engine.
//!
//! In-memory scenarios hand the engine datagrams with a known ingress; everything else (header walk, shard, lookup,
//! rewrite, verdict, counters, and their share of reclaiming what has expired) is inside what is timed. Every row is
//! measured in repeated runs, with the reference loop of [`vpcemu_traffic::reference`] in turns, so that a ratio means
//! something on a noisy machine.

mod capture;
mod engine;
mod feed;
mod file;
mod html;
mod measure;
mod memory;
mod network;
mod packets;
mod plot;
mod rig;
mod row;
mod scenario;

use std::io::IsTerminal;

use clap::ValueEnum;
use indicatif::{ProgressBar, ProgressStyle};

use crate::Ending;
use crate::args::{Bench, Format, Scenario};
use crate::error::{Error, print};
use capture::Capture;
use measure::{About, Promise, Subject};
use row::Row;
use scenario::{FLOWS_A_REMOTE, MAX_REMOTES, Request};

/// Remotes unless told otherwise: enough that all 256 shards have some, as with real traffic.
const REMOTES: u32 = 1000;

/// Rules at most: network ACL entries are numbered, and the last one has a number of its own.
const MAX_RULES: u16 = 10_000;

/// Flows at most: two packets of each fit into a loop.
const MAX_FLOWS: u32 = 16_000_000;

/// Workers at most: there are as many shards.
const MAX_WORKERS: usize = vpcemu_dataplane::SHARDS;

pub(crate) fn run(arguments: &Bench) -> Result<Ending, Error> {
    check(arguments)?;
    let progress = Progress::new();
    let mut rows = Vec::new();
    match (&arguments.config, &arguments.capture) {
        (Some(config), Some(capture)) => {
            let read = Capture::read(config, &arguments.bind, capture)?;
            for workers in &arguments.workers {
                progress.say(&format!("{}, {workers} workers", capture.display()));
                let subject = read.prepare(arguments.remotes, *workers)?;
                rows.push(measure::row(subject, arguments.seconds)?);
            }
        }
        _ => {
            for request in requests(arguments)? {
                let Request { flows, workers, .. } = request;
                progress.say(&format!("{}, {flows} flows, {workers} workers", row::name(request.scenario)));
                rows.push(built_in(&request, arguments.seconds)?);
            }
        }
    }
    progress.clear();
    if let Some(path) = &arguments.html {
        let written = std::fs::write(path, html::page(&rows));
        written.map_err(|error| Error::Invalid(format!("{}: the page cannot be written: {error}", path.display())))?;
    }
    match arguments.format {
        Format::Text => print(&row::text(&rows))?,
        Format::Json => print(&format!("{}\n", serde_json::to_string(&rows).map_err(Error::json)?))?,
    }
    Ok(Ending::Done)
}

/// A row of a built-in scenario.
fn built_in(request: &Request, seconds: f64) -> Result<Row, Error> {
    if request.scenario == Scenario::Replay {
        return file::row(request, seconds);
    }
    let scenario::Ready { mut rig, packets, warm_up, entries, .. } = request.prepare()?;
    let mut feeds = rig.feeds(&packets);
    rig.warm_up(&mut feeds, warm_up);
    let new = matches!(request.scenario, Scenario::NatNew | Scenario::Churn);
    let about = About {
        scenario: row::name(request.scenario),
        flows: u64::from(request.flows),
        size: request.size.into(),
        rules: Some(request.rules),
        remotes: Some(request.peers()),
        promise: if request.scenario == Scenario::Nacl { Promise::Untracked } else { Promise::Exact },
        connections: Some(if new { rig.live() } else { u64::from(request.flows) }),
    };
    let reference = rig::reference(&packets, entries);
    measure::row(Subject { about, rig, feeds, reference }, seconds)
}

/// Every row that was asked for, in order.
fn requests(arguments: &Bench) -> Result<Vec<Request>, Error> {
    let remotes = arguments.remotes.unwrap_or(REMOTES);
    let scenarios = if arguments.scenarios.is_empty() { Scenario::value_variants() } else { &arguments.scenarios };
    let mut requests = Vec::new();
    for scenario in scenarios {
        for flows in &arguments.flows {
            for workers in &arguments.workers {
                let (size, rules) = (arguments.size, arguments.rules);
                let request = Request { scenario: *scenario, flows: *flows, workers: *workers, size, rules, remotes };
                let peers = request.peers();
                if *flows > peers.saturating_mul(FLOWS_A_REMOTE) {
                    return Err(Error::Usage(format!(
                        "--flows {flows} with {peers} remotes: at most {FLOWS_A_REMOTE} flows go to one remote"
                    )));
                }
                requests.push(request);
            }
        }
    }
    Ok(requests)
}

fn check(arguments: &Bench) -> Result<(), Error> {
    let usage = |text: String| Err(Error::Usage(text));
    if let Some(flows) = arguments.flows.iter().find(|flows| !(1..=MAX_FLOWS).contains(*flows)) {
        return usage(format!("--flows {flows}: expected 1 to {MAX_FLOWS}"));
    }
    if let Some(workers) = arguments.workers.iter().find(|workers| !(1..=MAX_WORKERS).contains(*workers)) {
        return usage(format!("--workers {workers}: expected 1 to {MAX_WORKERS}"));
    }
    if !(1..=MAX_RULES).contains(&arguments.rules) {
        return usage(format!("--rules {}: expected 1 to {MAX_RULES}", arguments.rules));
    }
    if let Some(remotes) = arguments.remotes
        && !(1..=MAX_REMOTES).contains(&remotes)
    {
        return usage(format!("--remotes {remotes}: expected 1 to {MAX_REMOTES}"));
    }
    if !(arguments.seconds > 0.0 && arguments.seconds <= MAX_SECONDS) {
        return usage(format!("--seconds {}: expected more than 0, and {MAX_SECONDS} at most", arguments.seconds));
    }
    Ok(())
}

/// A row that takes longer is a mistake.
const MAX_SECONDS: f64 = 3600.0;

/// One line about what is going on, if anybody can see it. It is not redrawn while something is measured.
struct Progress(Option<ProgressBar>);

impl Progress {
    fn new() -> Self {
        let bar = std::io::stderr().is_terminal().then(ProgressBar::new_spinner);
        if let (Some(bar), Ok(style)) = (&bar, ProgressStyle::with_template("measuring {msg}")) {
            bar.set_style(style);
        }
        Self(bar)
    }

    fn say(&self, text: &str) {
        if let Some(bar) = &self.0 {
            bar.set_message(text.to_owned());
            bar.tick();
        }
    }

    fn clear(&self) {
        if let Some(bar) = &self.0 {
            bar.finish_and_clear();
        }
    }
}
