//! Every input that the fuzzer was started with or once stumbled over.

use std::fs;
use std::path::Path;

mod invariants;

#[test]
fn the_fuzz_corpus_holds() {
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/fuzz/corpus/packet");
    let mut inputs = 0;
    for entry in fs::read_dir(&corpus).unwrap() {
        invariants::check(&fs::read(entry.unwrap().path()).unwrap());
        inputs += 1;
    }
    assert!(inputs >= 20, "only {inputs} inputs in {}", corpus.display());
}
