//! The `vpcemu` command line: arguments in, text or JSON out, exit codes as documented.

mod args;
mod bench;
mod check;
mod completions;
mod config;
mod convert;
mod diff;
mod error;
mod flow_logs;
mod flowlogs;
mod man;
mod metrics;
mod outputs;
mod page;
mod progress;
mod replay;
mod report;
mod rules;
mod suite;
mod trace;
mod traffic;

use std::process::ExitCode;

use clap::Parser;

use args::{Arguments, Described, Schema, Verb};
use error::Error;

/// Exit codes: done; an expectation failed or a difference was found; bad configuration, input or usage.
const FAILED: u8 = 1;
const BAD_INPUT: u8 = 2;
/// Stopped by SIGINT, as shells report it.
const INTERRUPTED: u8 = 130;

/// How a verb ended, when it ended without an error.
enum Ending {
    Done,
    Failed,
    Interrupted,
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let ended = match arguments.verb {
        Verb::Check(check) => check::run(&check),
        Verb::Convert(convert) => convert::run(&convert),
        Verb::Replay(replay) => replay::run(&replay),
        Verb::Trace(trace) => trace::run(&trace),
        Verb::Rules(rules) => rules::run(&rules),
        Verb::Test(test) => suite::run(&test),
        Verb::Diff(diff) => diff::run(&diff),
        Verb::Flowlogs(flowlogs) => flowlogs::run(&flowlogs),
        Verb::Bench(bench) => bench::run(&bench),
        Verb::Collect => collect(),
        Verb::Schema(Schema { of }) => schema(of),
        Verb::Completions(completions) => completions::run(&completions),
        Verb::Man(man) => man::run(&man),
    };
    match ended {
        Ok(Ending::Done) => ExitCode::SUCCESS,
        Ok(Ending::Failed) => ExitCode::from(FAILED),
        Ok(Ending::Interrupted) => ExitCode::from(INTERRUPTED),
        // Whoever reads our output has had enough, as `head` does.
        Err(Error::Stdout(error)) if error.kind() == std::io::ErrorKind::BrokenPipe => ExitCode::SUCCESS,
        Err(error) => {
            error::complain(&error);
            ExitCode::from(BAD_INPUT)
        }
    }
}

fn collect() -> Result<Ending, Error> {
    error::print(&vpcemu_import::collect_script())?;
    Ok(Ending::Done)
}

fn schema(of: Described) -> Result<Ending, Error> {
    let schema = match of {
        Described::Config => vpcemu_model::native::json_schema(),
        Described::Suite => vpcemu_suite::json_schema(),
    };
    let text = serde_json::to_string_pretty(&schema).map_err(Error::json)?;
    error::print(&format!("{text}\n"))?;
    Ok(Ending::Done)
}
