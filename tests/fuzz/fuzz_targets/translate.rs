//! Any datagram is translated to the other IP version and back. `crates/packet/tests/translated` says what has to hold,
//! and how an input is read; an ordinary test replays the corpus.

#![no_main]

#[path = "../../../crates/packet/tests/translated/mod.rs"]
mod translated;

libfuzzer_sys::fuzz_target!(|input: &[u8]| translated::check(input));
