//! The script of `vpcemu collect`, run with an AWS CLI that answers from files.

#![cfg(unix)]
#![allow(clippy::unwrap_used, reason = "helpers of tests")]

mod common;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;
use std::process::Command;

use common::{ran, repository, vpcemu};
use serde_json::{Value, json};

/// Writes down what it is asked, and answers from a file named by the call and by what it is asked about.
const FAKE: &str = r#"#!/bin/sh
echo "$*" >> "$FAKE/log"
about=
for word in "$@"; do
    case "$word" in
    pl-* | tgw-rtb-*) about=.$word ;;
    --query) about=.ids ;;
    esac
done
cat "$FAKE/$2$about" 2>/dev/null || echo '{}'
"#;

/// The answer of each call: what two dumps of the repository have under its key.
fn answers(folder: &Path) {
    let mut keys: BTreeMap<String, Vec<Value>> = BTreeMap::new();
    for dump in ["worked-example", "neighbors"] {
        for file in fs::read_dir(repository().join("crates/import/tests/data").join(dump)).unwrap() {
            let path = file.unwrap().path();
            let name = path.file_name().unwrap().to_str().unwrap().to_owned();
            if path.extension().is_none_or(|it| it != "json") || name == "expected-flows.json" {
                continue;
            }
            // What is about one thing is named by it already.
            if name.starts_with("get-") || name.starts_with("search-") {
                fs::copy(&path, folder.join(name.strip_suffix(".json").unwrap())).unwrap();
                continue;
            }
            let document: BTreeMap<String, Value> = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
            for (key, values) in document {
                let call = match (key.as_str(), name.as_str()) {
                    ("PrefixLists", "describe-prefix-lists.json") => "describe-prefix-lists".to_owned(),
                    ("PrefixLists", _) => "describe-managed-prefix-lists".to_owned(),
                    ("Reservations", _) => "describe-instances".to_owned(),
                    _ => format!("describe-{}", hyphens(&key)),
                };
                keys.entry(format!("{call} {key}")).or_default().extend(values.as_array().unwrap().iter().cloned());
            }
        }
    }
    for (call, values) in keys {
        let (call, key) = call.split_once(' ').unwrap();
        fs::write(folder.join(call), json!({ key: values }).to_string()).unwrap();
        let ids = |field: &str| values.iter().map(|it| it[field].as_str().unwrap()).collect::<Vec<_>>().join("\t");
        match call {
            "describe-managed-prefix-lists" => fs::write(folder.join(format!("{call}.ids")), ids("PrefixListId")),
            "describe-transit-gateway-route-tables" => {
                fs::write(folder.join(format!("{call}.ids")), ids("TransitGatewayRouteTableId"))
            }
            _ => Ok(()),
        }
        .unwrap();
    }
}

/// `NatGateways` as calls write it: `nat-gateways`.
fn hyphens(key: &str) -> String {
    let mut name = String::new();
    for character in key.chars() {
        if character.is_ascii_uppercase() && !name.is_empty() {
            name.push('-');
        }
        name.push(character.to_ascii_lowercase());
    }
    name
}

#[test]
fn the_script_makes_a_dump_that_loads() {
    let script = vpcemu(["collect"]);
    assert_eq!(script.code, Some(0), "{}", script.stderr);
    let folder = tempfile::tempdir().unwrap();
    let (fake, path) = (folder.path().join("fake"), folder.path().join("collect.sh"));
    fs::create_dir(&fake).unwrap();
    fs::write(&path, &script.stdout).unwrap();
    assert!(Command::new("sh").arg("-n").arg(&path).status().unwrap().success());
    answers(&fake);
    fs::write(fake.join("aws"), FAKE).unwrap();
    Command::new("chmod").arg("+x").arg(fake.join("aws")).status().unwrap();
    let run = |region: Option<&str>| {
        let mut command = Command::new("sh");
        let known = std::env::var("PATH").unwrap();
        command.arg(&path).env("PATH", format!("{}:{known}", fake.display())).env("FAKE", &fake);
        command.env_remove("AWS_REGION").env_remove("AWS_DEFAULT_REGION").env_remove("REGION");
        command.env("OUT", folder.path().join("my dump")).envs(region.map(|region| ("REGION", region)));
        ran(command.output().unwrap())
    };
    let without = run(None);
    assert_ne!(without.code, Some(0));
    assert!(without.stderr.contains("say which region"), "{}", without.stderr);
    assert!(!fake.join("log").exists());

    let collected = run(Some("eu-west-1"));
    assert_eq!(collected.code, Some(0), "{}", collected.stderr);
    let log = fs::read_to_string(fake.join("log")).unwrap();
    assert!(log.lines().all(|line| line.starts_with("ec2 ") && line.contains("--region eu-west-1")), "{log}");
    for call in ["describe-vpcs ", "describe-nat-gateways ", "describe-security-group-rules "] {
        assert_eq!(log.matches(call).count(), 1, "{call}\n{log}");
    }
    for asked in [
        "get-managed-prefix-list-entries --prefix-list-id pl-05000000000000001",
        "search-transit-gateway-routes --filters Name=state,Values=active,blackhole \
         --transit-gateway-route-table-id tgw-rtb-spokes",
        "get-transit-gateway-route-table-associations --transit-gateway-route-table-id tgw-rtb-inspected",
    ] {
        assert!(log.contains(asked), "{asked}\n{log}");
    }

    let dump = folder.path().join("my dump");
    let checked = vpcemu(["check".as_ref(), dump.as_os_str(), "--format".as_ref(), "json".as_ref()]);
    assert_eq!(checked.code, Some(0), "{}", checked.stderr);
    let report: Value = serde_json::from_str(&checked.stdout).unwrap();
    let ids = |rows: &Value| -> BTreeSet<String> {
        rows.as_array().unwrap().iter().map(|row| row["id"].as_str().unwrap().to_owned()).collect()
    };
    let vpcs = ids(&report["inventory"]["vpcs"]);
    assert!(vpcs.contains("vpc-0a11d0c0ffee00001") && vpcs.contains("vpc-spoke"), "{vpcs:?}");
    // Every part found what it is a part of: nothing had to be guessed, and no file is nameless.
    assert_eq!(report["assumptions"], json!([]));
    let place = |it: &Value| it["what"].as_str().unwrap().to_owned();
    let ignored: BTreeSet<String> = report["ignored"].as_array().unwrap().iter().map(place).collect();
    assert!(!ignored.iter().any(|what| ["Entries", "Routes", "Associations"].contains(&what.as_str())), "{ignored:?}");
    let tables = &report["inventory"]["transit_gateway_route_tables"];
    assert_eq!(ids(tables), BTreeSet::from(["tgw-rtb-inspected", "tgw-rtb-spokes"].map(str::to_owned)));
}
