//! Every input that the fuzzers were started with or once stumbled over.

#![allow(clippy::unwrap_used, reason = "what panics here is a failed test")]

use std::fs;
use std::path::Path;

mod invariants;
mod translated;

#[test]
fn the_corpus_of_packets_holds() {
    replay("packet", 20, invariants::check);
}

#[test]
fn the_corpus_of_translations_holds() {
    replay("translate", 25, translated::check);
}

fn replay(target: &str, least: usize, check: fn(&[u8])) {
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/fuzz/corpus").join(target);
    let mut inputs = 0;
    for entry in fs::read_dir(&corpus).unwrap() {
        check(&fs::read(entry.unwrap().path()).unwrap());
        inputs += 1;
    }
    assert!(inputs >= least, "only {inputs} inputs in {}", corpus.display());
}
