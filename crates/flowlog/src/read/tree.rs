//! The files of a folder and the folders in it, in the order of their names: as a bucket has them, that of time.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::vec;

/// What the export of CloudWatch leaves in a bucket to find out whether it may write there.
const TRIAL: &str = "aws-logs-write-test";

pub(crate) struct Tree {
    /// What is left of each folder on the way, the innermost last.
    open: Vec<vec::IntoIter<PathBuf>>,
}

impl Tree {
    pub(crate) fn new(folder: &Path) -> io::Result<Self> {
        Ok(Self { open: vec![sorted(folder)?] })
    }
}

impl Iterator for Tree {
    /// A file, or a folder that cannot be read and why.
    type Item = Result<PathBuf, (PathBuf, io::Error)>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            let Some(path) = self.open.last_mut()?.next() else {
                self.open.pop();
                continue;
            };
            // A link to a folder is not followed: it may lead back.
            match fs::symlink_metadata(&path) {
                Ok(about) if about.is_dir() => match sorted(&path) {
                    Ok(paths) => self.open.push(paths),
                    Err(error) => return Some(Err((path, error))),
                },
                Ok(_) if path.is_dir() => {}
                Ok(_) => return Some(Ok(path)),
                Err(error) => return Some(Err((path, error))),
            }
        }
    }
}

/// What a folder has. Names that begin with a dot or an underscore are those of programs' own files.
fn sorted(folder: &Path) -> io::Result<vec::IntoIter<PathBuf>> {
    let mut paths = Vec::new();
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let name = entry.file_name();
        let name = name.to_string_lossy();
        if !name.starts_with(['.', '_']) && name != TRIAL {
            paths.push(entry.path());
        }
    }
    paths.sort_unstable();
    Ok(paths.into_iter())
}
