//! The suites again, whenever something that they depend on has changed.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use vpcemu_suite::Suite;

use super::Test;
use crate::error::{Error, print};
use crate::{Ending, error};

/// Between two looks at the files: short for a person, and some ten files cost nothing.
const LOOK: Duration = Duration::from_millis(300);
/// Files of a directory that are looked at: a dump has some dozens.
const FILES: usize = 10_000;

/// When each file was written, and how long it is. A file that is not there has neither.
type Stamps = BTreeMap<PathBuf, Option<(SystemTime, u64)>>;

pub(super) fn run(arguments: &Test) -> Result<Ending, Error> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|source| Error::Runtime { name: "the tokio runtime", source })?;
    // While the first run lasts SIGINT ends the process; from then on it ends the watching.
    let mut interrupted = std::pin::pin!(tokio::signal::ctrl_c());
    loop {
        let inputs = inputs(arguments);
        let stamps = stamps(&inputs);
        match super::once(arguments) {
            Ok(_) => {}
            // Nobody reads any more.
            Err(error @ Error::Stdout(_)) => return Err(error),
            Err(error) => error::complain(&error),
        }
        print("watching for changes; ^C ends\n\n")?;
        let ended = runtime.block_on(async {
            loop {
                tokio::select! {
                    _ = &mut interrupted => return true,
                    () = tokio::time::sleep(LOOK) => {
                        if self::stamps(&inputs) != stamps {
                            return false;
                        }
                    }
                }
            }
        });
        if ended {
            return Ok(Ending::Interrupted);
        }
    }
}

/// The files behind the suites; of one that cannot be loaded, the suite itself and what is beside it.
fn inputs(arguments: &Test) -> Vec<PathBuf> {
    let of = |path: &PathBuf| match Suite::load(path) {
        Ok(suite) => suite.inputs().to_vec(),
        Err(_) => {
            let beside =
                path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or_else(|| Path::new("."));
            vec![path.clone(), beside.to_owned()]
        }
    };
    arguments.suites.iter().flat_map(of).collect()
}

fn stamps(inputs: &[PathBuf]) -> Stamps {
    let mut stamps = Stamps::new();
    for path in inputs {
        // `plan.json#prior` is a side of plan.json.
        let text = path.to_string_lossy();
        let plain = text.rsplit_once('#').filter(|_| !path.exists()).map(|(plain, _)| PathBuf::from(plain));
        let path = plain.as_deref().unwrap_or(path);
        stamps.insert(path.to_owned(), stamp(path));
        for entry in std::fs::read_dir(path).into_iter().flatten().flatten().take(FILES) {
            stamps.insert(entry.path(), stamp(&entry.path()));
        }
    }
    stamps
}

fn stamp(path: &Path) -> Option<(SystemTime, u64)> {
    let metadata = std::fs::metadata(path).ok()?;
    Some((metadata.modified().ok()?, metadata.len()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_that_changes_comes_or_goes_is_noticed() {
        let folder = tempfile::tempdir().expect("a folder");
        let inputs = vec![folder.path().to_owned(), folder.path().join("suite.toml")];
        let before = stamps(&inputs);
        std::fs::write(&inputs[1], "a").expect("a file");
        let there = stamps(&inputs);
        assert_ne!(before, there);
        std::fs::write(&inputs[1], "ab").expect("a file");
        let longer = stamps(&inputs);
        assert_ne!(there, longer);
        assert_eq!(longer, stamps(&inputs));
        std::fs::remove_file(&inputs[1]).expect("a file");
        assert_ne!(longer, stamps(&inputs));
    }
}
