//! The corpus of the fuzz target `dump`, replayed.

#![allow(clippy::unwrap_used, reason = "a test may panic, in its helpers too")]

use std::path::Path;

use vpcemu_import::{Options, read_dump};
use vpcemu_model::validate::validate;

/// What the fuzz target does. True for what loads.
fn read(bytes: &[u8]) -> bool {
    match read_dump("fuzz.pl-0a1b.tgw-rtb-0a1b.json", bytes, &Options::default()) {
        Ok(imported) => {
            validate(&imported.network);
            true
        }
        Err(error) => {
            assert!(!error.to_string().is_empty());
            false
        }
    }
}

#[test]
fn the_corpus_is_read_or_refused() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/fuzz/corpus/dump");
    let mut refused = Vec::new();
    for file in std::fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().path()) {
        if !read(&std::fs::read(&file).unwrap()) {
            refused.push(file.file_name().unwrap().to_str().unwrap().to_owned());
        }
    }
    refused.sort();
    assert_eq!(refused, ["cut.json", "log-line.json", "template.json"]);
}

#[test]
fn what_is_in_memory_is_read_as_the_file_is() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/edges/dump.json");
    let options = Options::default();
    let loaded = vpcemu_import::load(&path, &options).unwrap();
    let read = read_dump(path.to_str().unwrap(), &std::fs::read(&path).unwrap(), &options).unwrap();
    assert_eq!(read, loaded);
}

#[test]
fn every_prefix_of_a_dump_is_read_or_refused() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/egress/dump.json");
    let bytes = std::fs::read(path).unwrap();
    let read: Vec<_> = (0..bytes.len()).filter(|end| read(&bytes[..*end])).collect();
    // All but what ends behind the last brace.
    assert!(read.iter().all(|end| bytes[*end..].iter().all(u8::is_ascii_whitespace)), "{read:?}");
}
