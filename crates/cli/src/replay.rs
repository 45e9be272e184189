//! `vpcemu replay`.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use vpcemu_dataplane::Options;
use vpcemu_model::Network;
use vpcemu_replay::{Finished, FlowLogOptions, ReplayOptions, Start, replay};

use crate::args::{Format, Replay};
use crate::error::{Error, print};
use crate::metrics::{Metrics, Server};
use crate::page::Page;
use crate::progress::execute_watched;
use crate::{Ending, flow_logs, outputs, report};

pub(crate) fn run(arguments: &Replay) -> Result<Ending, Error> {
    let (options, networks) = options(arguments)?;
    let outputs = [&options.packets, &options.verdicts, &options.sessions, &arguments.metrics];
    let outputs = outputs.into_iter().chain([&arguments.flow_logs, &arguments.report]);
    let outputs: Vec<_> = outputs.flatten().cloned().collect();
    let later = arguments.then.iter().filter_map(|then| Some(Path::new(then.split_once('=')?.1)));
    let inputs = options.captures.iter().map(|capture| &*capture.path).chain([&*arguments.config]).chain(later);
    outputs::refuse_inputs(outputs.iter().map(PathBuf::as_path), inputs)?;
    let timeline = Arc::clone(&options.timeline);
    let metrics = arguments.metrics.as_deref().map(Metrics::create).transpose()?;
    let page = arguments.report.as_deref().map(|path| Page::create(path, networks, &timeline)).transpose()?;
    let server = arguments.metrics_listen.map(Server::bind).transpose()?;
    let replayed = execute_watched(&timeline, arguments.quiet, server, async |progress| match page {
        Some(page) => page.listen(options, progress).await,
        None => Ok((replay(options, progress).await?, None)),
    });
    let ((finished, page), interrupted) = replayed?;
    // A disk that is full does not cost the summary.
    let made = [
        metrics.map_or(Ok(()), |metrics| metrics.write(&finished.summary)),
        page.map_or(Ok(()), |page| page.write(arguments, &finished)),
    ];
    if !arguments.quiet {
        let text = match arguments.format {
            Format::Text => report::text(&finished.summary, &told_of(&outputs, arguments, &finished)),
            Format::Json => format!("{}\n", serde_json::to_string(&finished.summary).map_err(Error::json)?),
        };
        print(&text)?;
    }
    for warning in &finished.warnings {
        eprintln!("vpcemu: warning: {warning}");
    }
    if let (Some(directory), Some(others)) = (&arguments.flow_logs, finished.flow_logs.map(|written| written.others))
        && others > 0
    {
        let (directory, files) = (directory.display(), if others == 1 { "file" } else { "files" });
        eprintln!("vpcemu: warning: {directory} has {others} {files} of another run for the same minutes as well");
    }
    made.into_iter().collect::<Result<(), _>>()?;
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

/// What became of outputs, a line each. Flow logs without a record are no file at all.
fn told_of(outputs: &[PathBuf], arguments: &Replay, finished: &Finished) -> Vec<String> {
    let empty = finished.flow_logs.is_some_and(|written| written.records == 0);
    let empty = arguments.flow_logs.as_ref().filter(|_| empty);
    let told = |path: &PathBuf| match empty {
        Some(directory) if directory == path => {
            format!("no flow log records: nothing written to {}", path.display())
        }
        _ => format!("written: {}", path.display()),
    };
    outputs.iter().map(told).collect()
}

/// What to replay, and the configurations as they were read.
fn options(arguments: &Replay) -> Result<(ReplayOptions, Vec<Network>), Error> {
    let traffic = &arguments.traffic;
    let mut starts = Vec::new();
    for then in &arguments.then {
        let (time, path) = then.split_once('=').ok_or_else(|| bad_then(then))?;
        starts.push((parse_time(time).ok_or_else(|| bad_then(then))?, Path::new(path)));
    }
    let paths: Vec<_> = std::iter::once(&*arguments.config).chain(starts.iter().map(|(_, path)| *path)).collect();
    let networks = traffic.load(&paths)?;
    let starts = in_order(starts.into_iter().map(|(start, _)| start).collect(), &arguments.then)?;
    let common = traffic.options(&networks, &arguments.captures)?;
    let flow_logs = flow_logs::options(arguments, &networks)?;
    let steps_told = arguments.verbose && (arguments.verdicts.is_some() || commented(arguments));
    let options = ReplayOptions {
        starts,
        engine: Options {
            flow_log_window: flow_logs.as_ref().map(FlowLogOptions::window),
            record_steps: steps_told || arguments.report.is_some(),
            record_taps: arguments.taps,
            ..common.engine
        },
        pin: arguments.pin,
        packets: arguments.packets.clone(),
        taps: arguments.taps,
        annotate: !arguments.no_annotate,
        verdicts: arguments.verdicts.clone(),
        sessions: arguments.sessions.clone(),
        flow_logs,
        steps_untold: arguments.report.is_some() && !steps_told,
        ..common
    };
    Ok((options, networks))
}

/// Whether packets are written with comments: a pcap has no room for them.
fn commented(arguments: &Replay) -> bool {
    let packets = arguments.packets.as_ref().filter(|_| !arguments.no_annotate);
    packets.and_then(|path| path.extension()).is_some_and(|suffix| suffix == "pcapng")
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
