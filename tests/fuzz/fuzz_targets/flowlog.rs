//! Any bytes as a flow log: they are read to their end, and what was read is the same after writing.
//! `crates/flowlog/tests/invariants` says what has to hold; an ordinary test replays the corpus.

#![no_main]

#[path = "../../../crates/flowlog/tests/invariants/mod.rs"]
mod invariants;

libfuzzer_sys::fuzz_target!(|input: &[u8]| {
    invariants::check(input);
});
