//! `vpcemu replay`.

use std::io::IsTerminal;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};
use vpcemu_dataplane::{Component, Options, Timeline};
use vpcemu_model::{Assumption, Network};
use vpcemu_packet::Offloads;
use vpcemu_replay::directory::Watch;
use vpcemu_replay::progress::{Counter, Progress};
use vpcemu_replay::verdict::Names;
use vpcemu_replay::{At, Binding, CaptureInput, Finished, ReplayOptions, Start};

use crate::args::{Format, Midstream, OffloadRules, Replay};
use crate::error::{Error, print};
use crate::{Ending, config, report, select};

/// Between two looks at the counters.
const REFRESH: Duration = Duration::from_millis(200);

/// Looks at the counters for each that the sessions are asked for, and sessions beyond which they are not any more: listing some
/// ten thousand every two seconds costs a replay a hundredth of its time.
const LISTING: u32 = 10;
const LISTED: u64 = 100_000;

pub(crate) fn run(arguments: &Replay) -> Result<Ending, Error> {
    let options = options(arguments)?;
    let outputs: Vec<_> = options.packets.iter().chain(&options.verdicts).chain(&options.sessions).cloned().collect();
    let (finished, interrupted) = execute(options, arguments.quiet)?;
    if !arguments.quiet {
        let text = match arguments.format {
            Format::Text => report::text(&finished.summary, &outputs),
            Format::Json => format!("{}\n", serde_json::to_string(&finished.summary).map_err(Error::json)?),
        };
        print(&text)?;
    }
    for warning in &finished.warnings {
        eprintln!("vpcemu: warning: {warning}");
    }
    let Finished { summary, damage, .. } = finished;
    if interrupted {
        // An input that ends in the middle of a record is what an interrupted pipe looks like.
        return Ok(Ending::Interrupted);
    }
    if !damage.is_empty() {
        for error in &damage {
            eprintln!("vpcemu: error: {error}");
        }
        let kept = summary.packets.input;
        eprintln!("vpcemu: the {kept} packets before the damage were replayed; summary and outputs hold them");
        return Err(Error::Usage("the input is damaged, see above".to_owned()));
    }
    Ok(Ending::Done)
}

/// Runs the replay on a runtime of its own, with a progress bar if anybody can see one.
fn execute(options: ReplayOptions, quiet: bool) -> Result<(Finished, bool), Error> {
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
        let timeline = Arc::clone(&options.timeline);
        let seen = !quiet && std::io::stderr().is_terminal();
        let bar = seen.then(|| tokio::spawn(show(Arc::clone(&progress), timeline)));
        let finished = vpcemu_replay::replay(options, Arc::clone(&progress)).await;
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
    if let Ok(style) = ProgressStyle::with_template("{spinner} {pos} packets ({per_sec}) {msg}") {
        bar.0.set_style(style);
    }
    let mut sessions = Some(progress.watch_sessions());
    let mut busiest = String::new();
    for look in 0u32.. {
        bar.0.set_position(progress.count(Counter::In));
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

fn options(arguments: &Replay) -> Result<ReplayOptions, Error> {
    let (hosts, attributes): (Vec<_>, Vec<_>) =
        arguments.bind.iter().cloned().partition(|bind| config::binds_host(bind));
    let mut starts = Vec::new();
    for then in &arguments.then {
        let (time, path) = then.split_once('=').ok_or_else(|| bad_then(then))?;
        starts.push((parse_time(time).ok_or_else(|| bad_then(then))?, Path::new(path)));
    }
    let paths: Vec<_> = std::iter::once(&*arguments.config).chain(starts.iter().map(|(_, path)| *path)).collect();
    let choice = config::Choice { vpc: arguments.vpc.as_deref(), binds: &attributes };
    let networks: Vec<_> = config::load_all(&paths, choice)?.into_iter().map(|loaded| loaded.network).collect();
    let starts = in_order(starts.into_iter().map(|(start, _)| start).collect(), &arguments.then)?;
    let mut assumptions: Vec<Assumption> = Vec::new();
    for assumption in networks.iter().flat_map(|network| &network.assumptions) {
        if !assumptions.contains(assumption) {
            assumptions.push(assumption.clone());
        }
    }
    if arguments.strict {
        config::refuse_assumptions(&assumptions)?;
    }
    let timeline = Arc::new(Timeline::compile(&networks));
    if let Some(knob) = timeline.serial() {
        let text = "with this knob connections towards different remotes depend on each other: one worker does it all";
        let (code, place) = ("ONE_SHARD".to_owned(), format!("behavior.{knob}"));
        assumptions.push(Assumption { code, place, text: text.to_owned() });
    }
    let network = &networks[0]; // the one that `-c` names
    let default_at = select::vantage(network, &timeline, &arguments.at)?;
    let captures = arguments.captures.iter().map(|text| capture(network, &timeline, text, default_at));
    let captures = captures.collect::<Result<_, Error>>()?;
    let bindings = hosts.iter().map(|text| binding(network, text)).collect::<Result<Vec<_>, Error>>()?;
    let workers = arguments.workers.unwrap_or_else(|| std::thread::available_parallelism().map_or(1, usize::from));
    if workers == 0 {
        return Err(Error::Usage("--workers 0: at least one worker is needed".to_owned()));
    }
    Ok(ReplayOptions {
        starts,
        captures,
        bindings: bindings.into_iter().flatten().collect(),
        engine: Options {
            seed: arguments.seed,
            midstream: match arguments.midstream {
                Midstream::Adopt => vpcemu_dataplane::Midstream::Adopt,
                Midstream::Strict => vpcemu_dataplane::Midstream::Strict,
            },
            coalesced_tcp: arguments.offloads == OffloadRules::Tolerate,
            record_steps: arguments.verbose && arguments.verdicts.is_some(),
            record_taps: arguments.taps,
            ..Options::default()
        },
        offloads: match arguments.offloads {
            OffloadRules::Tolerate => Offloads::Tolerate,
            OffloadRules::Strict => Offloads::Strict,
        },
        dedup: arguments.dedup,
        workers,
        pin: arguments.pin,
        packets: arguments.packets.clone(),
        taps: arguments.taps,
        annotate: !arguments.no_annotate,
        verdicts: arguments.verdicts.clone(),
        sessions: arguments.sessions.clone(),
        assumptions,
        ..ReplayOptions::new(timeline)
    })
}

fn bad_then(text: &str) -> Error {
    Error::Usage(format!("--then {text}: expected TIME=PATH, as +60=after.toml or 1736500000.5=after.toml"))
}

/// Epoch seconds, or `+s` after the first packet; with up to nine decimals.
fn parse_time(text: &str) -> Option<Start> {
    let (text, relative) = match text.strip_prefix('+') {
        Some(rest) => (rest.strip_suffix('s').unwrap_or(rest), true),
        None => (text, false),
    };
    let (seconds, fraction) = text.split_once('.').unwrap_or((text, ""));
    if fraction.len() > 9 || !fraction.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let fraction: u64 = format!("{fraction:0<9}").parse().ok()?;
    let nanoseconds = seconds.parse::<u64>().ok()?.checked_mul(1_000_000_000)?.checked_add(fraction)?;
    Some(if relative { Start::AfterFirst(nanoseconds) } else { Start::At(nanoseconds) })
}

/// Configurations come into force in the order in which they are given.
fn in_order(starts: Vec<Start>, texts: &[String]) -> Result<Vec<Start>, Error> {
    for (pair, texts) in starts.windows(2).zip(texts.windows(2)) {
        let ordered = match (pair[0], pair[1]) {
            (Start::At(a), Start::At(b)) | (Start::AfterFirst(a), Start::AfterFirst(b)) => a <= b,
            _ => return Err(Error::Usage("--then: times are either all absolute or all relative".to_owned())),
        };
        if !ordered {
            return Err(Error::Usage(format!("--then {} comes after --then {} but is earlier", texts[1], texts[0])));
        }
    }
    Ok(starts)
}

fn capture(network: &Network, timeline: &Timeline, text: &str, default: At) -> Result<CaptureInput, Error> {
    // A file whose name holds an @ is still a file.
    if let Some((path, vantage)) = text.rsplit_once('@')
        && !Path::new(text).exists()
    {
        let at = select::vantage(network, timeline, vantage)?;
        return Ok(CaptureInput { path: PathBuf::from(path), at });
    }
    Ok(CaptureInput { path: PathBuf::from(text), at: default })
}

/// `IP=ENI`: the host gets the interface's first address of its family.
fn binding(network: &Network, text: &str) -> Result<Vec<Binding>, Error> {
    let bad = |why: &str| Error::Usage(format!("--bind {text}: {why}"));
    let (host, name) = text.split_once('=').ok_or_else(|| bad("expected IP=ENI, as 192.168.1.10=web"))?;
    let host: std::net::IpAddr = host.parse().map_err(|_| bad("the left side is not an IP address"))?;
    let interface = select::interface(network, name)?;
    let becomes = interface.addresses().find(|own| own.is_ipv4() == host.is_ipv4());
    let becomes = becomes.ok_or_else(|| bad(&format!("{} has no address of that family", interface.id)))?;
    Ok(vec![Binding { host, becomes }])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_absolute_or_relative() {
        assert_eq!(parse_time("+60"), Some(Start::AfterFirst(60_000_000_000)));
        assert_eq!(parse_time("+1.5s"), Some(Start::AfterFirst(1_500_000_000)));
        assert_eq!(parse_time("1736500000.000001"), Some(Start::At(1_736_500_000_000_001_000)));
        assert_eq!(parse_time("soon"), None);
        assert_eq!(parse_time("1.x"), None);
    }

    #[test]
    fn times_of_then_rise() {
        let texts = ["+2=a".to_owned(), "+1=b".to_owned()];
        assert!(in_order(vec![Start::AfterFirst(2), Start::AfterFirst(1)], &texts).is_err());
        assert!(in_order(vec![Start::AfterFirst(1), Start::At(2)], &texts).is_err());
    }
}
