//! No text makes the reader panic, however damaged: what cannot be used is an error that says where.

use std::path::Path;

use proptest::prelude::*;
use vpcemu_model::native;

const REFERENCE: &str = include_str!("data/reference.toml");

/// The files to damage: together they have every key.
const FILES: [&str; 5] = [
    REFERENCE,
    include_str!("data/edges.toml"),
    include_str!("data/every-knob.toml"),
    include_str!("data/neighbors.toml"),
    include_str!("data/explicit.toml"),
];

/// Reads a text and shows all there is to say about it; what can be read can be written.
fn read(text: &str) {
    match native::parse("lab.toml", text) {
        Ok(loaded) => {
            drop(native::render(&loaded.findings, Some(&loaded.source), true));
            if let Err(error) = native::write(&loaded.network, "lab.toml") {
                panic!("{error}\n{text}");
            }
        }
        Err(error) => assert!(!error.to_string().is_empty(), "an error says something"),
    }
}

/// What the text of a mistake is made of: the characters that mean something in TOML or in an address, and wide ones.
fn scrap() -> impl Strategy<Value = String> {
    proptest::string::string_regex("[-a-z0-9\\[\\]{}=.,:/\"'#\\\\\r\n\t _\u{e9}\u{65e5}\u{1f600}\u{0}]{0,12}")
        .expect("the expression is one")
}

/// The nearest character boundary at or before `at`.
fn boundary(text: &str, mut at: usize) -> usize {
    at = at.min(text.len());
    while !text.is_char_boundary(at) {
        at -= 1;
    }
    at
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn any_text_is_read_or_refused(text in any::<String>(), scraps in prop::collection::vec(scrap(), 0..20)) {
        read(&text);
        read(&scraps.concat());
    }

    /// Some pieces of a good file replaced by scraps, by each other, or by nothing.
    #[test]
    fn a_damaged_file_is_read_or_refused(
        file in prop::sample::select(&FILES[..]),
        edits in prop::collection::vec((any::<prop::sample::Index>(), 0_usize..30, scrap()), 1..6),
    ) {
        let mut text = file.to_owned();
        for (at, length, scrap) in edits {
            let from = boundary(&text, at.index(text.len() + 1));
            let to = boundary(&text, from + length);
            text.replace_range(from.min(to)..to.max(from), &scrap);
        }
        read(&text);
    }

    /// Whole lines moved and doubled: what stays TOML gets further than what does not.
    #[test]
    fn shuffled_lines_are_read_or_refused(
        file in prop::sample::select(&FILES[..]),
        picks in prop::collection::vec(any::<prop::sample::Index>(), 1..120),
    ) {
        let lines: Vec<_> = file.lines().collect();
        let picked: Vec<_> = picks.iter().map(|pick| *pick.get(&lines)).collect();
        read(&picked.join("\n"));
    }

    /// A value in place of another one of the file: the file stays TOML.
    #[test]
    fn exchanged_values_are_read_or_refused(
        file in prop::sample::select(&FILES[..]),
        swaps in prop::collection::vec((any::<prop::sample::Index>(), any::<prop::sample::Index>()), 1..8),
    ) {
        let mut pieces: Vec<_> = file.split('"').collect();
        // Between quotes is every second piece.
        let values: Vec<_> = (0..pieces.len()).filter(|piece| piece % 2 == 1).collect();
        for (to, from) in swaps {
            pieces[*to.get(&values)] = pieces[*from.get(&values)];
        }
        read(&pieces.join("\""));
    }
}

#[test]
fn every_prefix_of_a_file_is_read_or_refused() {
    for file in FILES {
        for end in (0..file.len()).filter(|end| file.is_char_boundary(*end)) {
            read(&file[..end]);
        }
    }
}

#[test]
fn the_corpus_of_the_fuzz_target_is_read_or_refused() {
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/fuzz/corpus/native");
    let files: Vec<_> = corpus.read_dir().expect("the corpus is there").collect::<Result<_, _>>().expect("readable");
    assert!(files.len() >= 10, "the corpus is there");
    for file in files {
        let bytes = std::fs::read(file.path()).expect("readable");
        if let Ok(text) = std::str::from_utf8(&bytes) {
            read(text);
        }
    }
}
