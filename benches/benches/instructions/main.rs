//! How many instructions what is hot takes, held against the numbers in `benches/instructions.toml`.
//!
//! Times depend on what else a machine does, instructions do not: a few percent more are a few percent more, and somebody's
//! change. Valgrind's callgrind counts them, in a process of its own for each case, so that no case depends on another.
//!
//! ```text
//! cargo bench -p vpcemu-benches --bench instructions                 hold counts against the committed ones
//! cargo bench -p vpcemu-benches --bench instructions -- --bless      write them anew
//! cargo bench -p vpcemu-benches --bench instructions -- hit/         those whose name contains that
//! ```
//!
//! `cargo test --benches` runs every case once without valgrind: each asserts what came of its packets.

mod callgrind;
mod cases;
mod committed;
mod table;

use std::process::ExitCode;

use callgrind::Counted;
use committed::Committed;

/// What the command line asks for.
#[derive(Default)]
struct Request {
    bless: bool,
    /// Cargo gives it to benches that are to measure.
    measure: bool,
    /// The case to run in this process, and how large: under valgrind.
    case: Option<(String, u32)>,
    /// Which cases, by parts of their names; none for all.
    wanted: Vec<String>,
}

impl Request {
    fn read(mut arguments: impl Iterator<Item = String>) -> Result<Self, String> {
        let mut request = Self::default();
        while let Some(argument) = arguments.next() {
            match argument.as_str() {
                "--bless" => request.bless = true,
                "--bench" => request.measure = true,
                // What happens without it, too.
                "--check" => {}
                "--case" => {
                    let (name, size) = (arguments.next(), arguments.next().and_then(|size| size.parse().ok()));
                    request.case = name.zip(size);
                }
                flag if flag.starts_with('-') => {
                    return Err(format!("{flag} is no option of this bench: there are --check and --bless"));
                }
                _ => request.wanted.push(argument),
            }
        }
        Ok(request)
    }

    fn wants(&self, name: &str) -> bool {
        self.wanted.is_empty() || self.wanted.iter().any(|part| name.contains(part))
    }
}

fn main() -> ExitCode {
    match Request::read(std::env::args().skip(1)).and_then(|request| run(&request)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

fn run(request: &Request) -> Result<(), String> {
    let cases = cases::all();
    if let Some((name, size)) = &request.case {
        let case = cases.iter().find(|case| case.name == *name).ok_or_else(|| format!("there is no case {name}"))?;
        println!("{}", case.run(*size));
        return Ok(());
    }
    let wanted: Vec<_> = cases.iter().filter(|case| request.wants(&case.name)).collect();
    if wanted.is_empty() {
        return Err(format!("no case has {} in its name", request.wanted.join(" or ")));
    }
    if !request.measure {
        wanted.iter().for_each(|case| {
            case.run(cases::SMALL);
        });
        println!("{} cases were run once, and came out as they should", wanted.len());
        return Ok(());
    }
    let Some(valgrind) = callgrind::version() else {
        let required = std::env::var("VPCEMU_TEST_REQUIRE").unwrap_or_default();
        if required.split([',', ' ']).any(|name| name == "valgrind") {
            return Err("valgrind is required here, and not installed".into());
        }
        println!("skipped: valgrind is not installed, so no instructions are counted");
        return Ok(());
    };
    let rustc = callgrind::first_line("rustc", "--version").unwrap_or_else(|| "unknown".into());
    let counted: Vec<Counted> = callgrind::count(&wanted)?;
    let mut committed = Committed::read()?;
    let rows = table::rows(&counted, &committed);
    table::print(&rows);
    if request.bless {
        if request.wanted.is_empty() {
            committed.instructions.clear();
        }
        committed.instructions.extend(counted.into_iter().map(|counted| (counted.name, counted.instructions)));
        let names: Vec<_> = cases.iter().map(|case| case.name.as_str()).collect();
        return Committed { valgrind, rustc, ..committed }.write(&names);
    }
    let gone = committed.instructions.keys().filter(|name| !cases.iter().any(|case| case.name == **name));
    let gone: Vec<_> = gone.map(String::as_str).collect();
    table::judge(&rows, &gone, &committed.others(&valgrind, &rustc))
}
