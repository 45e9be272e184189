//! Counting: one process a case, under valgrind.

use std::path::Path;
use std::process::Command;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use crate::cases::{Case, LARGE, SMALL, Work};

/// The function in which callgrind counts, with whatever comes before and behind it in a name.
const WHERE: &str = "*instructions_are_counted*";

/// Runs what is to be counted. Once a process.
#[inline(never)]
pub(crate) fn instructions_are_counted<T>(work: impl FnOnce() -> T) -> T {
    let result = work();
    // A jump into the work, in place of a call, would leave the function before the work has begun.
    std::hint::black_box(());
    result
}

/// What a case takes.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Counted {
    pub(crate) name: String,
    /// For one packet, one connection, whatever the case does many of.
    pub(crate) instructions: f64,
    /// How far from the committed number is no difference, as a part of it.
    pub(crate) tolerance: f64,
}

/// Valgrind's version, if it is installed.
pub(crate) fn version() -> Option<String> {
    first_line("valgrind", "--version")
}

/// What a program says of itself.
pub(crate) fn first_line(program: &str, argument: &str) -> Option<String> {
    let output = Command::new(program).arg(argument).output().ok().filter(|output| output.status.success())?;
    String::from_utf8_lossy(&output.stdout).lines().next().map(str::to_owned)
}

/// Counts cases, as many at a time as there are processors.
pub(crate) fn count(cases: &[&Case]) -> Result<Vec<Counted>, String> {
    let next = AtomicUsize::new(0);
    let counted = Mutex::new(vec![None; cases.len()]);
    let parallel = std::thread::available_parallelism().map_or(1, usize::from);
    std::thread::scope(|scope| {
        for _ in 0..parallel {
            scope.spawn(|| {
                while let Some((at, case)) =
                    Some(next.fetch_add(1, Ordering::Relaxed)).and_then(|at| Some((at, cases.get(at)?)))
                {
                    let result = count_one(case);
                    counted.lock().unwrap_or_else(|poisoned| poisoned.into_inner())[at] = Some(result);
                }
            });
        }
    });
    let counted = counted.into_inner().unwrap_or_else(|poisoned| poisoned.into_inner());
    counted.into_iter().flatten().collect()
}

fn count_one(case: &Case) -> Result<Counted, String> {
    let (instructions, many) = match case.work {
        Work::Piece(_) => under_valgrind(case, SMALL)?,
        Work::Growth(_) => {
            let (small, large) = (under_valgrind(case, SMALL)?, under_valgrind(case, LARGE)?);
            (large.0.saturating_sub(small.0), large.1.saturating_sub(small.1))
        }
    };
    if instructions == 0 || many == 0 {
        return Err(format!("{}: valgrind counted {instructions} instructions for {many}", case.name));
    }
    let instructions = instructions as f64 / many as f64;
    Ok(Counted { name: case.name.clone(), instructions, tolerance: case.tolerance() })
}

/// Instructions, and for how many packets, say, they were.
fn under_valgrind(case: &Case, size: u32) -> Result<(u64, u64), String> {
    let failed = |what: String| format!("{}: {what}", case.name);
    let folder = tempfile::tempdir().map_err(|error| failed(format!("no temporary directory: {error}")))?;
    let profile = folder.path().join("callgrind.out");
    let own =
        std::env::current_exe().map_err(|error| failed(format!("where this bench is cannot be told: {error}")))?;
    let mut command = Command::new("valgrind");
    command.args(["--tool=callgrind", "--quiet"]).arg(format!("--callgrind-out-file={}", profile.display()));
    if matches!(case.work, Work::Piece(_)) {
        command.args(["--collect-atstart=no", &format!("--toggle-collect={WHERE}")]);
    }
    command.arg(own).args(["--case", &case.name, &size.to_string()]);
    let output = command.output().map_err(|error| failed(format!("valgrind cannot be run: {error}")))?;
    if !output.status.success() {
        return Err(failed(format!("{}\n{}", output.status, String::from_utf8_lossy(&output.stderr).trim_end())));
    }
    let said = String::from_utf8_lossy(&output.stdout);
    let many = said.trim().parse().map_err(|_| failed(format!("it was to print a number, and printed {said:?}")))?;
    Ok((total(&profile).map_err(failed)?, many))
}

/// The sum of a profile.
fn total(profile: &Path) -> Result<u64, String> {
    let text = std::fs::read_to_string(profile)
        .map_err(|error| format!("{}, which callgrind was to write: {error}", profile.display()))?;
    let line = text.lines().find_map(|line| line.strip_prefix("totals:").or_else(|| line.strip_prefix("summary:")));
    line.and_then(|sum| sum.trim().parse().ok())
        .ok_or_else(|| format!("{} has no sum: is this another callgrind?", profile.display()))
}
