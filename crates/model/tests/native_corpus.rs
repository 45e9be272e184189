//! The inputs that fuzzing starts from, and those it has found: none of them may panic.

use std::path::Path;

use vpcemu_model::native::{self, render};

#[test]
fn the_corpus_is_read_or_refused() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/fuzz/corpus/native");
    let files: Vec<_> =
        std::fs::read_dir(&folder).expect("the corpus").map(|entry| entry.expect("a file").path()).collect();
    assert!(files.len() >= 8, "only {} files in {}", files.len(), folder.display());
    for file in files {
        let bytes = std::fs::read(&file).expect("readable");
        match native::parse("corpus.toml", &String::from_utf8_lossy(&bytes)) {
            Ok(loaded) => _ = render(&loaded.findings, Some(&loaded.source), true),
            Err(error) => assert!(!error.to_string().is_empty(), "{}", file.display()),
        }
    }
}

#[test]
fn deep_nesting_is_refused() {
    for text in [
        format!("x = {}", "[".repeat(100_000)),
        format!("x = {}", "{a=".repeat(100_000)),
        format!("[{}a]", "a.".repeat(100_000)),
    ] {
        assert!(native::parse("deep.toml", &text).is_err());
    }
}
