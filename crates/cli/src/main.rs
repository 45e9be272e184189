//! The `vpcemu` command line: arguments in, text or JSON out, exit codes as documented.

mod args;
mod bench;
mod check;
mod completions;
mod config;
mod convert;
mod error;
mod man;
mod progress;
mod replay;
mod report;
mod rules;
mod trace;
mod traffic;

use std::process::ExitCode;

use clap::Parser;

use args::{Arguments, Verb};
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
        Verb::Bench(bench) => bench::run(&bench),
        Verb::Collect => collect(),
        Verb::Schema => schema(),
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
            let text = error.to_string();
            let colon = if text.contains('\n') { "\n" } else { " " };
            eprintln!("vpcemu: error:{colon}{}", text.trim_end());
            ExitCode::from(BAD_INPUT)
        }
    }
}

fn collect() -> Result<Ending, Error> {
    error::print(&vpcemu_import::collect_script())?;
    Ok(Ending::Done)
}

fn schema() -> Result<Ending, Error> {
    let text = serde_json::to_string_pretty(&vpcemu_model::native::json_schema()).map_err(Error::json)?;
    error::print(&format!("{text}\n"))?;
    Ok(Ending::Done)
}
