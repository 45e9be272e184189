//! `vpcemu test`.

mod watch;

use std::path::PathBuf;

use clap::{Args, ValueEnum, ValueHint};
use vpcemu_suite::report::{self, SuiteRan, Totals};
use vpcemu_suite::{Filter, Suite};

use crate::Ending;
use crate::error::{Error, print};

#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  vpcemu test suite.toml
  vpcemu test suite.toml more.yaml --filter nat --junit results.xml
  vpcemu test suite.toml --format github
  vpcemu test suite.toml --bless")]
pub(crate) struct Test {
    /// Suites, TOML or YAML.
    #[arg(required = true, value_name = "SUITE", value_hint = ValueHint::FilePath)]
    suites: Vec<PathBuf>,
    /// Run the cases whose names contain this. Repeatable: any of them is enough.
    #[arg(long, value_name = "NAME")]
    filter: Vec<String>,
    /// The names of --filter are whole names.
    #[arg(long, requires = "filter")]
    exact: bool,
    /// List the cases; run nothing.
    #[arg(long, conflicts_with_all = ["bless", "junit", "watch"])]
    list: bool,
    /// Rewrite the golden files of captures whose verdicts differ, and say which.
    #[arg(long)]
    bless: bool,
    /// Write results as JUnit XML, too; an error alone where no case could be run.
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    junit: Option<PathBuf>,
    /// How to print results.
    #[arg(long, value_enum, default_value_t)]
    format: TestFormat,
    /// Run again whenever a suite, a configuration, a capture or a golden file changes, until SIGINT.
    #[arg(long, conflicts_with = "bless")]
    watch: bool,
}

/// How results are printed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
enum TestFormat {
    /// For people.
    #[default]
    Text,
    /// One JSON object.
    Json,
    /// For people, and for GitHub, which shows what failed on its line of the suite.
    Github,
    /// The Test Anything Protocol, version 14.
    Tap,
}

pub(crate) fn run(arguments: &Test) -> Result<Ending, Error> {
    if arguments.watch { watch::run(arguments) } else { once(arguments) }
}

/// Runs everything once. Whatever stops it before there are results, no older ones stay in the JUnit file.
fn once(arguments: &Test) -> Result<Ending, Error> {
    let mut results = false;
    let ended = evaluate(arguments, &mut results);
    if let (Err(why), Some(path), false) = (&ended, &arguments.junit, results) {
        match report::junit_error(&why.to_string()).map(|xml| std::fs::write(path, xml)) {
            Ok(Ok(())) => eprintln!("vpcemu: {} holds no results, but the error that follows", path.display()),
            Ok(Err(error)) => eprintln!("vpcemu: error: {}: cannot be written: {error}", path.display()),
            Err(error) => eprintln!("vpcemu: error: JUnit XML: {error}"),
        }
    }
    ended
}

/// Runs every case. `results` tells whether it came to writing the JUnit file.
fn evaluate(arguments: &Test, results: &mut bool) -> Result<Ending, Error> {
    let suites = load(arguments)?;
    let filter = Filter { names: arguments.filter.clone(), exact: arguments.exact };
    let kept = |suite: &Suite| suite.cases.iter().filter(|case| filter.keeps(&case.name)).count();
    if suites.iter().map(kept).sum::<usize>() == 0 {
        let count: usize = suites.iter().map(|suite| suite.cases.len()).sum();
        let wanted = arguments.filter.join(", ");
        return Err(Error::Usage(format!("--filter {wanted}: none of the {count} cases has such a name; see --list")));
    }
    if arguments.list {
        return list(&suites, &filter, arguments.format);
    }
    let spoken = matches!(arguments.format, TestFormat::Text | TestFormat::Github);
    let mut ran = Vec::new();
    for suite in &suites {
        let count = kept(suite);
        if count == 0 {
            ran.push(SuiteRan { suite, ran: Vec::new() });
            continue;
        }
        let mut printed = Ok(());
        let mut say = |text: String| {
            if spoken && printed.is_ok() {
                printed = print(&safe(&text, arguments.format));
            }
        };
        say(report::running(suite, count));
        let of_suite = suite.run(&filter, arguments.bless, |case| say(report::line(case)));
        printed?;
        ran.push(SuiteRan { suite, ran: of_suite });
    }
    let totals = Totals::of(&ran);
    match arguments.format {
        TestFormat::Text => print(&(report::failures(&ran) + &report::result(totals)))?,
        TestFormat::Github => {
            let told = report::failures(&ran) + &report::result(totals);
            print(&(safe(&told, arguments.format) + &report::annotations(&ran, checkout().as_deref())))?;
        }
        TestFormat::Json => print(&format!("{}\n", report::json(&ran).map_err(Error::json)?))?,
        TestFormat::Tap => print(&report::tap(&ran))?,
    }
    if let Some(path) = &arguments.junit {
        *results = true;
        let xml = report::junit(&ran).map_err(|error| Error::Usage(format!("JUnit XML: {error}")))?;
        std::fs::write(path, xml).map_err(|source| Error::Write { path: path.clone(), source })?;
    }
    match totals {
        Totals { broken: 0, failed: 0, .. } => Ok(Ending::Done),
        Totals { broken: 0, .. } => Ok(Ending::Failed),
        Totals { broken, .. } => {
            let cases = if broken == 1 { "1 case" } else { &format!("{broken} cases") };
            Err(Error::Usage(format!("{cases} could not be evaluated, see above")))
        }
    }
}

/// Where GitHub Actions has checked the repository out.
fn checkout() -> Option<PathBuf> {
    std::env::var_os("GITHUB_WORKSPACE").map(PathBuf::from)
}

/// Loads every suite. What is wrong with one is shown on its lines, where that is asked for.
fn load(arguments: &Test) -> Result<Vec<Suite>, Error> {
    let mut suites = Vec::new();
    for path in &arguments.suites {
        match Suite::load(path) {
            Ok(suite) => suites.push(suite),
            Err(error) => {
                if let (vpcemu_suite::Error::Invalid { findings, .. }, TestFormat::Github) = (&error, arguments.format)
                {
                    print(&report::finding_annotations(path, findings, checkout().as_deref()))?;
                }
                return Err(error.into());
            }
        }
    }
    Ok(suites)
}

fn list(suites: &[Suite], filter: &Filter, format: TestFormat) -> Result<Ending, Error> {
    let kept = suites.iter().flat_map(|suite| suite.cases.iter().map(move |case| (suite, case)));
    let kept: Vec<_> = kept.filter(|(_, case)| filter.keeps(&case.name)).collect();
    if format == TestFormat::Json {
        let object = |(suite, case): &(&Suite, &vpcemu_suite::Case)| {
            serde_json::json!({
                "file": suite.path.display().to_string(), "name": case.name, "kind": case.kind(), "line": case.line,
            })
        };
        let objects: Vec<_> = kept.iter().map(object).collect();
        print(&format!("{}\n", serde_json::to_string(&objects).map_err(Error::json)?))?;
        return Ok(Ending::Done);
    }
    let lines: String = kept.iter().map(|(_, case)| format!("{}: {}\n", case.name, case.kind())).collect();
    let tests = if kept.len() == 1 { "test" } else { "tests" };
    print(&format!("{lines}\n{} {tests}\n", kept.len()))?;
    Ok(Ending::Done)
}

/// Text that GitHub does not take for commands: those begin a line.
fn safe(text: &str, format: TestFormat) -> String {
    if format != TestFormat::Github {
        return text.to_owned();
    }
    text.split_inclusive('\n')
        .map(|line| if line.starts_with("::") { format!(" {line}") } else { line.to_owned() })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_a_network_are_no_commands_of_github() {
        assert_eq!(safe("a\n::error::b\n", TestFormat::Github), "a\n ::error::b\n");
        assert_eq!(safe("a\n::error::b\n", TestFormat::Text), "a\n::error::b\n");
    }
}
