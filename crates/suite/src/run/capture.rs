use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde_json::Value;
use vpcemu_dataplane::Timeline;
use vpcemu_lab::{Explainer, Options};
use vpcemu_model::Network;
use vpcemu_packet::Offloads;
use vpcemu_replay::progress::Progress;
use vpcemu_replay::{CaptureInput, Finished, Listener, ReplayOptions, Report, Start, listen};

use super::golden::{Comparison, Difference, SHOWN};
use super::{Outcome, outcome};
use crate::Suite;
use crate::case::Capture;

/// A capture with the networks that it goes through.
struct Replay<'c> {
    capture: &'c Capture,
    networks: Arc<Vec<Network>>,
    options: ReplayOptions,
    runtime: tokio::runtime::Runtime,
}

/// What stops a case from being evaluated.
type Broken = String;

pub(super) fn run(suite: &Suite, capture: &Capture, line: u32, bless: bool) -> Outcome {
    Replay::new(suite, capture).and_then(|replay| replay.judge(line, bless)).unwrap_or_else(Outcome::Broken)
}

impl<'c> Replay<'c> {
    fn new(suite: &Suite, capture: &'c Capture) -> Result<Self, Broken> {
        let later = capture.later.iter().map(|(_, network)| network);
        let networks: Vec<_> = std::iter::once(&suite.network).chain(later).cloned().collect();
        let start = |time: &std::time::Duration| Start::AfterFirst(u64::try_from(time.as_nanos()).unwrap_or(u64::MAX));
        let options = ReplayOptions {
            starts: capture.later.iter().map(|(time, _)| start(time)).collect(),
            captures: vec![CaptureInput { path: capture.file.clone(), at: capture.at }],
            bindings: capture.bindings.clone(),
            engine: Options {
                midstream: capture.midstream,
                coalesced_tcp: capture.offloads == Offloads::Tolerate,
                ..suite.options
            },
            offloads: capture.offloads,
            dedup: capture.dedup,
            workers: std::thread::available_parallelism().map_or(1, usize::from),
            ..ReplayOptions::new(Arc::new(Timeline::compile(&networks)))
        };
        let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
        let runtime = runtime.map_err(|error| format!("the tokio runtime cannot be made: {error}"))?;
        Ok(Self { capture, networks: Arc::new(networks), options, runtime })
    }

    fn judge(&self, line: u32, bless: bool) -> Result<Outcome, Broken> {
        let (finished, comparison) = match &self.capture.golden {
            Some(golden) => match Comparison::open(golden, &self.networks) {
                Ok(comparison) => {
                    let (finished, mut comparison) = self.listen(self.options.clone(), comparison)?;
                    let broken = comparison.finish();
                    match broken {
                        // What is no golden of the capture becomes one.
                        Some(_) if bless => return self.bless(golden, &finished, line, "it was none of this capture"),
                        Some(broken) => return Err(broken + "; `vpcemu test --bless` makes it anew"),
                        None => {}
                    }
                    if bless && comparison.differing > 0 {
                        let told = format!("{} of {} packets differed", comparison.differing, comparison.packets);
                        return self.bless(golden, &finished, line, &told);
                    }
                    (finished, Some(comparison))
                }
                Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                    if bless {
                        let (finished, _) = self.listen(self.options.clone(), Silence)?;
                        return self.bless(golden, &finished, line, "it was not there");
                    }
                    let help = "`vpcemu test --bless` writes it";
                    return Err(format!("{}: there is no such golden; {help}", golden.display()));
                }
                Err(error) => return Err(format!("{}: cannot be read: {error}", golden.display())),
            },
            None => (self.listen(self.options.clone(), Silence)?.0, None),
        };
        let mut messages = self.summary(&finished);
        let mut trace = String::new();
        if let Some(comparison) = comparison.filter(|comparison| comparison.differing > 0) {
            messages.insert(0, self.headline(&comparison));
            trace = self.explain(&comparison.differences)?;
            let more = comparison.differing.saturating_sub(SHOWN as u64);
            if more > 0 {
                trace.push_str(&format!("and {more} more packets differ\n"));
            }
        }
        Ok(outcome(line, messages, || trace))
    }

    /// Replays, and refuses what is damaged: half a capture shows half of what it should.
    fn listen<L: Listener + 'static>(&self, options: ReplayOptions, listener: L) -> Result<(Finished, L), Broken> {
        let replayed = self.runtime.block_on(listen(options, Arc::new(Progress::default()), listener));
        let (finished, listener) = replayed.map_err(|error| error.to_string())?;
        match finished.damage.first() {
            Some(damage) => Err(damage.to_string()),
            None => Ok((finished, listener)),
        }
    }

    fn headline(&self, comparison: &Comparison) -> String {
        let Comparison { differing, packets, .. } = comparison;
        let golden = self.capture.golden.as_deref().map(Path::display).map(|path| path.to_string()).unwrap_or_default();
        let first = comparison.differences.first().map_or(0, |first| first.line);
        let told = format!("{differing} of {packets} packets differ from {golden}, the first in line {first}");
        if comparison.only_seeded {
            let seed = self.options.engine.seed;
            let what = if comparison.addresses { "ports and addresses" } else { "ports" };
            return format!(
                "{told}; only translated {what} differ: the golden was probably made with another seed than {seed}"
            );
        }
        told
    }

    /// Numbers of the summary that are not as expected.
    fn summary(&self, finished: &Finished) -> Vec<String> {
        let actual = serde_json::to_value(&finished.summary).unwrap_or_default();
        let number = |path: &[String]| {
            // What was never counted is not there.
            path.iter().try_fold(&actual, |value, key| value.get(key)).and_then(Value::as_u64).unwrap_or(0)
        };
        let wrong = self.capture.summary.iter().filter_map(|(path, expected)| {
            let actual = number(path);
            let path = path.join(".");
            (actual != *expected).then(|| format!("{path} should be {expected}, but is {actual}"))
        });
        wrong.collect()
    }

    /// Packets that differ, with what happened to each.
    fn explain(&self, differences: &[Difference]) -> Result<String, Broken> {
        let options =
            ReplayOptions { engine: Options { record_steps: true, ..self.options.engine }, ..self.options.clone() };
        let explained = Explained {
            networks: Arc::clone(&self.networks),
            timeline: Arc::clone(&self.options.timeline),
            wanted: differences.iter().map(|difference| (difference.n, String::new())).collect(),
        };
        let (_, explained) = self.listen(options, explained)?;
        let mut text = String::new();
        for Difference { n, keys, .. } in differences {
            text.push_str(&format!("packet {n}:\n"));
            for key in keys {
                text.push_str(&format!("    {key}\n"));
            }
            text.push_str(explained.wanted.get(n).map_or("", String::as_str));
        }
        Ok(text)
    }

    /// Writes the golden anew, beside it first, so that it is never half written. Numbers of the summary are judged still.
    fn bless(&self, golden: &Path, finished: &Finished, line: u32, why: &str) -> Result<Outcome, Broken> {
        let mut beside = golden.as_os_str().to_owned();
        beside.push(".blessing");
        let beside = PathBuf::from(beside);
        let options = ReplayOptions { verdicts: Some(beside.clone()), ..self.options.clone() };
        let written = self.listen(options, Silence).and_then(|_| {
            std::fs::rename(&beside, golden)
                .map_err(|error| format!("{}: cannot be written: {error}", golden.display()))
        });
        if let Err(error) = written {
            // What is left of it helps nobody, and if it cannot be removed that helps nobody to know.
            let _ = std::fs::remove_file(&beside);
            return Err(error);
        }
        let messages = self.summary(finished);
        if messages.is_empty() {
            return Ok(Outcome::Blessed(format!("{}: {why}", golden.display())));
        }
        Ok(outcome(line, messages, String::new))
    }
}

/// Hears nothing.
struct Silence;

impl Listener for Silence {
    fn packet(&mut self, _: &Report<'_>) {}
}

/// Explains some packets.
struct Explained {
    networks: Arc<Vec<Network>>,
    timeline: Arc<Timeline>,
    wanted: BTreeMap<u64, String>,
}

impl Listener for Explained {
    fn packet(&mut self, report: &Report<'_>) {
        let stamp = report.stamp();
        let Some(text) = self.wanted.get_mut(&stamp.n) else { return };
        let network = &self.networks[stamp.generation as usize]; // a generation is one of those compiled
        *text = Explainer::new(network, &self.timeline, stamp.generation).explain_report(report).to_string();
    }
}
