//! The corpus of the fuzz target `flowlog`, replayed: what was found once stays fixed.

mod invariants;

use std::path::Path;

/// Each file, how many records lenient reading gives, and how strict reading ends: its beginning.
const CORPUS: [(&str, u64, Option<&str>); 23] = [
    ("cloudwatch.csv", 2, None),
    ("cut.gz", 0, Some("fuzz: cut off or damaged after the beginning")),
    ("cut.json", 1, Some("fuzz: cut off or damaged after event 1")),
    ("damaged.log", 1, Some("fuzz: line 3, column 1")),
    ("deep.json", 0, Some("fuzz: cut off or damaged after the beginning")),
    ("empty", 0, None),
    ("events.json", 2, None),
    ("export.log", 2, None),
    ("header-again.log", 2, None),
    ("insights-running.json", 1, Some("fuzz: event 1: the status of the query is \"Running\", not Complete")),
    ("insights-sums.csv", 0, Some("fuzz: line 2: \"bin(5m)\" is no field of a record")),
    ("insights-sums.json", 0, Some("fuzz: event 1: \"sum(bytes)\" is no field of a record")),
    ("insights.csv", 1, None),
    ("insights.json", 2, None),
    ("lines.ndjson", 2, None),
    ("members.gz", 2, None),
    ("messages.json", 2, None),
    ("no-format.log", 0, Some("fuzz: line 1: ")),
    ("not-json.json", 0, Some("fuzz: line 1, column 12")),
    ("silent.log", 2, None),
    ("transit-gateway.log", 0, Some("fuzz: line 1: resource-type is a field of transit gateway flow logs")),
    ("typo.log", 0, Some("fuzz: line 1: flow logs have no field srcadr; did you mean srcaddr?")),
    ("utf-16.log", 0, Some("fuzz: line 1: ")),
];

/// The same of Parquet.
const PARQUET: [(&str, u64, Option<&str>); 5] = [
    ("all-fields.parquet", 1, None),
    ("cut.parquet", 0, Some("fuzz: cannot be read as Parquet: ")),
    ("damaged.parquet", 0, Some("fuzz: cut off or damaged after the beginning: ")),
    ("duckdb.parquet", 3, None),
    ("no-dictionary.parquet", 0, Some("fuzz: cut off or damaged after the beginning: a page needs a dictionary")),
];

#[test]
fn the_corpus_is_read_or_refused() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/fuzz/corpus/flowlog");
    let known: Vec<_> = CORPUS.iter().chain(&PARQUET).collect();
    let mut seen = 0;
    for entry in std::fs::read_dir(&folder).expect("the corpus") {
        let path = entry.expect("a file").path();
        let name = path.file_name().expect("a name").to_string_lossy().into_owned();
        let bytes = std::fs::read(&path).expect("readable");
        let (records, error) = invariants::check(&bytes);
        let Some((_, expected, ends)) = known.iter().find(|(known, _, _)| *known == name) else {
            panic!("{name} is not in the list: {records} records, {error:?}");
        };
        seen += 1;
        if name.ends_with(".parquet") && !cfg!(feature = "parquet") {
            assert!(error.is_some_and(|error| error.contains("without the feature `parquet`")));
            continue;
        }
        assert_eq!(records, *expected, "{name}: {error:?}");
        match ends {
            Some(start) => assert!(error.as_ref().is_some_and(|error| error.starts_with(start)), "{name}: {error:?}"),
            None => assert_eq!(error, None, "{name}"),
        }
    }
    assert_eq!(seen, known.len());
}
