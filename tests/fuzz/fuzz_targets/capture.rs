//! Any file is read to its end, and what was read is the same after writing. `crates/capture/tests/files/invariants.rs`
//! says what has to hold; an ordinary test replays the corpus.

#![no_main]

#[path = "../../../crates/capture/tests/files/invariants.rs"]
mod invariants;

libfuzzer_sys::fuzz_target!(|input: &[u8]| invariants::check(input));
