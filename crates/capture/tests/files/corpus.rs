//! The corpus of the fuzz target, replayed: what was found once stays fixed.

use std::path::PathBuf;

use crate::invariants::check;

#[test]
fn every_file() {
    let folder: PathBuf =
        [env!("CARGO_MANIFEST_DIR"), "..", "..", "tests", "fuzz", "corpus", "capture"].iter().collect();
    let mut files: Vec<_> = std::fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    assert!(files.len() >= 20, "the corpus is there");
    for file in files {
        eprintln!("{}", file.display());
        check(&std::fs::read(&file).unwrap());
    }
}
