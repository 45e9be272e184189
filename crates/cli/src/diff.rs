//! `vpcemu diff`.

use std::path::PathBuf;
use std::sync::Arc;

use clap::{Args, ValueEnum, ValueHint};
use vpcemu_dataplane::Options;
use vpcemu_diff::{Comparison, Limit, Pair, Recorder, probe, recorders};
use vpcemu_model::Network;
use vpcemu_replay::{Finished, ReplayOptions, listen};

use crate::Ending;
use crate::args::{Midstream, OffloadRules, Traffic};
use crate::config;
use crate::error::{Error, print};
use crate::progress::execute;

#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  vpcemu diff -c before.toml -c after.toml
  vpcemu diff -c dump/ -c plan.json monday.pcap tuesday.pcap
  vpcemu diff -c plan.json#prior -c plan.json --format md > comment.md

What is compared:
  Whether a packet is delivered, where, by which gateways and with which addresses and ports. Which
  rule let it pass makes no difference. Without captures, conversations are made for the two
  configurations: between all ends that something has changed for, with addresses, ports, types and
  protocols on both sides of every boundary in their rules. The exit code is 0 if nothing differs,
  and 1 if something does or not everything could be compared.")]
pub(crate) struct Diff {
    /// The old configuration, and then the new one: native file; directory or file of `aws ec2 describe-*` JSON; Terraform
    /// plan or state as JSON (`PLAN#prior`: the state before it).
    #[arg(short, long, value_name = "PATH", required = true, value_hint = ValueHint::AnyPath)]
    config: Vec<PathBuf>,
    /// Captures whose packets are compared. Without any, probes are made that cover every boundary of both configurations.
    #[arg(value_name = "CAPTURE[@VANTAGE]", value_hint = ValueHint::FilePath)]
    captures: Vec<String>,
    /// Without captures: conversations to be held at most. Where more would be needed, nothing is said to be identical.
    #[arg(long, value_name = "N", default_value_t = Limit::PROBES, conflicts_with = "captures")]
    max_probes: u64,
    #[command(flatten)]
    traffic: Traffic,
    /// How to print.
    #[arg(long, value_enum, default_value_t)]
    format: Format,
    /// No progress.
    #[arg(short, long)]
    quiet: bool,
}

/// How a comparison is printed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
enum Format {
    /// For people.
    #[default]
    Text,
    /// For programs.
    Json,
    /// Markdown, for a pull request.
    Md,
}

pub(crate) fn run(arguments: &Diff) -> Result<Ending, Error> {
    let [old, new] = arguments.config.as_slice() else {
        let count = arguments.config.len();
        return Err(Error::Usage(format!("diff compares two configurations, -c OLD -c NEW; {count} given")));
    };
    refuse_what_is_of_captures(arguments)?;
    let networks = arguments.traffic.load(&[old, new])?;
    let Ok([old, new]) = <[Network; 2]>::try_from(networks) else {
        return Err(Error::Usage("two configurations are needed".to_owned()));
    };
    let pair = Pair::new(old, new)?;
    if arguments.captures.is_empty() {
        let limit = Limit { probes: arguments.max_probes, seed: arguments.traffic.seed };
        let comparison = probe(&pair, limit);
        show(arguments, &comparison)?;
        return Ok(ending(&comparison));
    }
    let (comparison, [(finished, interrupted), (_, interrupted_too)]) = replay(arguments, &pair)?;
    show(arguments, &comparison)?;
    for warning in &finished.warnings {
        eprintln!("vpcemu: warning: {warning}");
    }
    if interrupted || interrupted_too {
        return Ok(Ending::Interrupted);
    }
    if !finished.damage.is_empty() {
        for error in &finished.damage {
            eprintln!("vpcemu: error: {error}");
        }
        return Err(Error::Usage(
            "the input is damaged, see above; packets before the damage were compared".to_owned(),
        ));
    }
    Ok(ending(&comparison))
}

fn ending(comparison: &Comparison) -> Ending {
    if comparison.identical { Ending::Done } else { Ending::Failed }
}

/// A replay's end, and whether it was interrupted.
type Replayed = (Finished, bool);

/// Replays the captures through both, side by side.
fn replay(arguments: &Diff, pair: &Pair) -> Result<(Comparison, [Replayed; 2]), Error> {
    let options = |network: &Network| -> Result<ReplayOptions, Error> {
        let common = arguments.traffic.options(std::slice::from_ref(network), &arguments.captures)?;
        Ok(ReplayOptions { engine: Options { record_steps: true, ..common.engine }, ..common })
    };
    let (old, new) = (options(&pair.old)?, options(&pair.new)?);
    let timelines = [Arc::clone(&old.timeline), Arc::clone(&new.timeline)];
    let (to_old, to_new, captured) = recorders();
    let follow = |options: ReplayOptions, recorder: Recorder, quiet: bool| {
        let timeline = Arc::clone(&options.timeline);
        let replayed = execute(&timeline, quiet, async |progress| listen(options, progress, recorder).await);
        replayed.map(|((finished, _), interrupted)| (finished, interrupted))
    };
    let panicked = || Err(Error::Usage("a replay ended without a result".to_owned()));
    std::thread::scope(|scope| {
        let old = scope.spawn(|| follow(old, to_old, true));
        let new = scope.spawn(|| follow(new, to_new, arguments.quiet));
        let comparison = captured.compare(pair, &timelines[0], &timelines[1]);
        let old = old.join().unwrap_or_else(|_| panicked())?;
        let new = new.join().unwrap_or_else(|_| panicked())?;
        Ok((comparison, [old, new]))
    })
}

/// Options about captures say nothing where there are none, and standard input can be read once only.
fn refuse_what_is_of_captures(arguments: &Diff) -> Result<(), Error> {
    let Traffic { workers, at, bind, midstream, offloads, dedup, .. } = &arguments.traffic;
    if arguments.captures.is_empty() {
        let given = [
            ("--workers", workers.is_some()),
            ("--at", at != "auto"),
            ("--bind of hosts", bind.iter().any(|bind| config::binds_host(bind))),
            ("--midstream", *midstream != Midstream::default()),
            ("--offloads", *offloads != OffloadRules::default()),
            ("--dedup", *dedup),
        ];
        if let Some((option, _)) = given.iter().find(|(_, given)| *given) {
            return Err(Error::Usage(format!("{option} is about captures, and none is given")));
        }
    }
    let stdin = |capture: &String| capture == "-" || capture.starts_with("-@");
    if arguments.captures.iter().any(stdin) {
        let why = "standard input can be read once, and both configurations need it: save it to a file";
        return Err(Error::Usage(why.to_owned()));
    }
    Ok(())
}

fn show(arguments: &Diff, comparison: &Comparison) -> Result<(), Error> {
    match arguments.format {
        Format::Text => print(&comparison.to_string()),
        Format::Md => print(&comparison.markdown()),
        Format::Json => {
            let json = serde_json::to_string_pretty(comparison).map_err(Error::json)?;
            print(&format!("{json}\n"))
        }
    }
}
