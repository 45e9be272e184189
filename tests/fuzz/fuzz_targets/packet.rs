//! Any frame is parsed, rewritten and restored. `crates/packet/tests/invariants` says what has to hold, and how an input
//! is read; an ordinary test replays the corpus.

#![no_main]

#[path = "../../../crates/packet/tests/invariants/mod.rs"]
mod invariants;

libfuzzer_sys::fuzz_target!(|input: &[u8]| invariants::check(input));
