//! The corpus of the fuzz target `terraform`, replayed, and documents damaged at every place.

#![allow(clippy::unwrap_used, reason = "a test may panic, in its helpers too")]

use std::path::Path;

use proptest::prelude::*;
use serde_json::{Value, json};
use vpcemu_import::{Options, Side, read_terraform};
use vpcemu_model::validate::validate;

/// What the fuzz target does.
fn read(bytes: &[u8]) {
    for side in [None, Some(Side::Prior)] {
        let options = Options { side, ..Options::default() };
        match read_terraform("fuzz.json", bytes.to_vec(), &options) {
            Ok(imported) => drop(validate(&imported.network)),
            Err(error) => assert!(!error.to_string().is_empty()),
        }
    }
}

fn manifest() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn example(name: &str) -> Vec<u8> {
    std::fs::read(manifest().join("tests/data/terraform").join(name)).unwrap()
}

#[test]
fn the_corpus_is_read_or_refused() {
    let folder = manifest().join("../../tests/fuzz/corpus/terraform");
    let files: Vec<_> = std::fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    assert!(files.len() >= 8, "only {} files in {}", files.len(), folder.display());
    for file in files {
        read(&std::fs::read(&file).unwrap());
    }
}

#[test]
fn deep_nesting_is_refused() {
    for text in [
        format!("{{\"planned_values\": {}", "[".repeat(100_000)),
        format!("{{\"planned_values\": {}", "{\"root_module\": ".repeat(100_000)),
    ] {
        assert!(read_terraform("deep.json", text.into_bytes(), &Options::default()).is_err());
    }
}

fn places(value: &Value, here: &str, places: &mut Vec<String>) {
    places.push(here.to_owned());
    match value {
        Value::Object(map) => map.iter().for_each(|(key, value)| {
            self::places(value, &format!("{here}/{}", key.replace('~', "~0").replace('/', "~1")), places);
        }),
        Value::Array(values) => values.iter().enumerate().for_each(|(index, value)| {
            self::places(value, &format!("{here}/{index}"), places);
        }),
        _ => {}
    }
}

fn replacement() -> impl Strategy<Value = Value> {
    prop_oneof![
        Just(Value::Null),
        Just(json!({})),
        Just(json!([])),
        Just(json!([null, {}, [], "x"])),
        Just(json!(true)),
        Just(json!("")),
        Just(json!("aws_subnet.public[0]")),
        Just(json!("aws_subnet.public")),
        Just(json!("data")),
        Just(json!("aws_route")),
        Just(json!("10.20.0.0/99")),
        Just(json!("0.0.0.0/0")),
        Just(
            json!({"references": ["local.x", "count.index", "var.y", "module.z.o", "aws_vpc.main.main_route_table_id"]})
        ),
        Just(
            json!({"references": ["aws_subnet.public[9].id", "each.value", "aws_instance.web.vpc_security_group_ids"]})
        ),
        any::<i64>().prop_map(|number| json!(number)),
        ".{0,12}".prop_map(|text| json!(text)),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_fields(
        plan in any::<bool>(),
        changes in proptest::collection::vec((any::<prop::sample::Index>(), replacement()), 1..8),
    ) {
        let bytes = example(if plan { "show-plan.json" } else { "show-state.json" });
        let mut document: Value = serde_json::from_slice(&bytes).unwrap();
        let mut all = Vec::new();
        places(&document, "", &mut all);
        for (at, value) in changes {
            if let Some(place) = document.pointer_mut(&all[at.index(all.len())]) {
                *place = value;
            }
        }
        read(document.to_string().as_bytes());
    }

    #[test]
    fn any_cut(at in any::<prop::sample::Index>()) {
        let bytes = example("show-plan.json");
        read(&bytes[..at.index(bytes.len())]);
    }
}
