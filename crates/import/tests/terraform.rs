//! Files of Terraform's: what is recognised, read and refused, and what the report says.

#![allow(clippy::unwrap_used, reason = "a test may panic, in its helpers too")]

use std::path::{Path, PathBuf};

use serde_json::{Value, json};
use vpcemu_import::{FileReport, Imported, Options, Side, is_dump, is_terraform, load, read_terraform};

fn data(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/terraform").join(name)
}

fn state() -> Value {
    serde_json::from_slice(&std::fs::read(data("show-state.json")).unwrap()).unwrap()
}

fn read(document: &Value) -> Result<Imported, String> {
    read_text(&document.to_string())
}

fn read_text(text: &str) -> Result<Imported, String> {
    read_terraform("x.json", text.as_bytes().to_vec(), &Options::default()).map_err(|error| error.to_string())
}

fn error(document: &Value) -> String {
    read(document).expect_err("it is not to be read")
}

/// A state with one VPC.
fn small() -> Value {
    let vpc = json!({"address": "aws_vpc.v", "mode": "managed", "type": "aws_vpc", "name": "v",
        "provider_name": "registry.opentofu.org/hashicorp/aws", "schema_version": 1,
        "values": {"id": "vpc-1", "cidr_block": "10.0.0.0/16"}, "sensitive_values": {}});
    json!({"format_version": "1.0", "terraform_version": "1.9.0", "values": {"root_module": {"resources": [vpc]}}})
}

fn raw() -> Value {
    let attributes = json!({"id": "vpc-1", "cidr_block": "10.0.0.0/16"});
    let provider = "provider[\"registry.terraform.io/hashicorp/aws\"]";
    json!({"version": 4, "terraform_version": "1.9.0", "serial": 3, "lineage": "0a0a", "outputs": {}, "resources": [
        {"mode": "managed", "type": "aws_vpc", "name": "v", "provider": provider,
            "instances": [{"schema_version": 1, "attributes": attributes, "sensitive_attributes": []}]}]})
}

fn plan() -> Value {
    let mut plan = small();
    plan["planned_values"] = plan["values"].take();
    plan.as_object_mut().unwrap().remove("values");
    plan
}

#[test]
fn states_plans_and_raw_states_of_a_network_are_alike() {
    let expected = read(&small()).unwrap().network;
    assert_eq!(expected.vpcs[0].id.as_str(), "vpc-1");
    assert_eq!(expected.vpcs[0].origin.to_string(), "x.json: aws_vpc.v");
    assert_eq!(read(&raw()).unwrap().network, expected);
    assert_eq!(read(&plan()).unwrap().network, expected);
    let mut checked = small();
    checked["checks"] = json!([{"address": {}, "status": "pass"}]);
    assert_eq!(read(&checked).unwrap().network, expected);
}

#[test]
fn encodings_are_those_of_dumps() {
    let expected = read(&small()).unwrap().network;
    let text = format!("\u{feff}{}", small());
    let little: Vec<u8> = text.encode_utf16().flat_map(u16::to_le_bytes).collect();
    let big: Vec<u8> = text.encode_utf16().flat_map(u16::to_be_bytes).collect();
    for bytes in [text.into_bytes(), little, big] {
        assert_eq!(read_terraform("x.json", bytes, &Options::default()).unwrap().network, expected);
    }
}

#[test]
fn raw_states_name_modules_and_keys() {
    let mut document = raw();
    document["resources"][0]["module"] = json!("module.net[\"eu.west \\\"1\\\"\"]");
    document["resources"][0]["instances"][0]["index_key"] = json!(0);
    let network = read(&document).unwrap().network;
    let place = network.vpcs[0].origin.path.clone();
    assert_eq!(place.as_deref(), Some("module.net[\"eu.west \\\"1\\\"\"].aws_vpc.v[0]"));
}

#[test]
fn what_is_not_read_is_refused_with_the_next_thing_to_try() {
    let refused = |text: &str, words: &[&str]| {
        let error = read_text(text).unwrap_err();
        assert!(error.starts_with("x.json"), "{error}");
        for word in words {
            assert!(error.contains(word), "`{word}` is not in: {error}");
        }
    };
    let events = "{\"@level\":\"info\",\"@message\":\"Terraform 1.9.0\"}\n{\"@level\":\"info\",\"@message\":\"Plan: 3 to add\"}\n";
    refused(events, &["line 1", "`terraform plan -json`", "terraform show -json tfplan > plan.json"]);
    refused("PK\u{3}\u{4}\u{14}", &["byte 0", "zip archive", "terraform show -json FILE > plan.json"]);
    refused("terraform {\n}\nresource \"aws_vpc\" \"v\" {\n}\n", &["source", "terraform show -json"]);
    refused("{\"resource\": {\"aws_vpc\": {}}, \"terraform\": {}}", &["source in JSON", "terraform show -json"]);
    refused("{\"format_version\": \"1.0\", \"provider_schemas\": {}}", &["neither a plan nor a state"]);
    refused("{\"format_version\": \"2.0\", \"values\": {}}", &["expected 0.1 to 1.x, found 2.0"]);
    refused(
        "{\"version\": 3, \"serial\": 1, \"lineage\": \"\", \"resources\": []}",
        &["version: expected 4", "found 3"],
    );
    refused(
        "{\"version\": 3, \"terraform_version\": \"0.11.14\", \"modules\": [{\"path\": [\"root\"], \"resources\": {}}]}",
        &["version: expected 4 of a raw state, found 3"],
    );
    refused("{\"format_version\": \"1.0\"}", &["nothing of a VPC in it: no resources at all"]);
    let text = small().to_string();
    refused(&text[..text.len() - 2], &["x.json:1:", "EOF", "write it again with `terraform show -json`"]);
    refused(&format!("{text}\nINFO done"), &["x.json:2:1", "nothing before or after it"]);
    let azure =
        json!({"address": "azurerm_vnet.n", "mode": "managed", "type": "azurerm_vnet", "name": "n", "values": {}});
    let mut document = small();
    document["values"]["root_module"]["resources"] = json!([azure, azure, resource("aws_s3_bucket", "b")]);
    refused(&document.to_string(), &["nothing of a VPC in it: 1 aws_s3_bucket, 2 azurerm_vnet"]);
    let not = read_terraform("x.json", b"{\"Vpcs\": []}".to_vec(), &Options::default()).unwrap_err().to_string();
    assert!(not.starts_with("x.json: neither a plan nor a state"), "{not}");
}

fn resource(kind: &str, name: &str) -> Value {
    json!({"address": format!("{kind}.{name}"), "mode": "managed", "type": kind, "name": name, "values": {"secret": "hunter2"}})
}

#[test]
fn addresses_are_unique_in_a_document() {
    let mut document = small();
    let list = document["values"]["root_module"]["resources"].as_array_mut().unwrap();
    list.push(list[0].clone());
    let places = "at values.root_module.resources[0] and at values.root_module.resources[1]";
    assert!(error(&document).contains(&format!("aws_vpc.v is there twice: {places}")));
}

#[test]
fn the_report_counts_types_and_says_what_is_not_read() {
    let mut document = small();
    let list = document["values"]["root_module"]["resources"].as_array_mut().unwrap();
    list.extend([resource("aws_s3_bucket", "a"), resource("aws_s3_bucket", "b"), resource("random_id", "r")]);
    list.push(json!({"address": "data.aws_ami.a", "mode": "data", "type": "aws_ami", "name": "a", "values": {}}));
    let imported = read(&document).unwrap();
    let [FileReport { name, keys }] = &imported.files[..] else { panic!("{:?}", imported.files) };
    assert_eq!((name.as_str(), keys.len(), keys[0].key.as_str(), keys[0].count), ("x.json", 1, "aws_vpc", 1));
    let ignored: Vec<_> = imported.ignored.iter().map(|it| format!("{}: {}", it.what, it.text)).collect();
    assert_eq!(
        ignored,
        [
            "aws_s3_bucket: 2 resources of a type that is not read",
            "other providers: 1 resource of types that are not read: random_id",
            "data sources: 1 resource of types that are not read: aws_ami",
        ]
    );
    assert!(!format!("{imported:?}").contains("hunter2"));
}

#[test]
fn sensitive_values_are_in_no_error() {
    let mut document = small();
    let vpc = &mut document["values"]["root_module"]["resources"][0];
    vpc["values"]["cidr_block"] = json!("hunter2");
    assert!(error(&document).contains("found \"hunter2\""));
    let vpc = &mut document["values"]["root_module"]["resources"][0];
    vpc["sensitive_values"] = json!({"cidr_block": true});
    let shown = error(&document);
    assert!(shown.contains("aws_vpc.v") && shown.ends_with("found a value that is sensitive"), "{shown}");
    let mut document = raw();
    document["resources"][0]["instances"][0]["attributes"]["cidr_block"] = json!("hunter2");
    document["resources"][0]["instances"][0]["sensitive_attributes"] =
        json!([[{"type": "get_attr", "value": "cidr_block"}]]);
    assert!(error(&document).ends_with("found a value that is sensitive"));
}

#[test]
fn a_plan_has_two_sides() {
    let sided = |document: &Value, side| {
        let options = Options { side: Some(side), ..Options::default() };
        read_terraform("x.json", document.to_string().into_bytes(), &options)
    };
    let mut document = plan();
    let prior = sided(&document, Side::Prior).unwrap_err().to_string();
    assert!(prior.starts_with("x.json#prior: the plan has no prior state"), "{prior}");
    let mut before = small();
    before["values"]["root_module"]["resources"][0]["values"]["cidr_block"] = json!("10.9.0.0/16");
    document["prior_state"] = before;
    let block = |side| sided(&document, side).unwrap().network.vpcs[0].cidrs[0].to_string();
    assert_eq!((block(Side::Prior).as_str(), block(Side::Planned).as_str()), ("10.9.0.0/16", "10.0.0.0/16"));
    let origin = sided(&document, Side::Prior).unwrap().network.vpcs[0].origin.to_string();
    assert_eq!(origin, "x.json#prior: aws_vpc.v");
    let state = sided(&small(), Side::Prior).unwrap_err().to_string();
    assert!(state.starts_with("x.json#prior: only a plan has two sides"), "{state}");
}

#[test]
fn the_side_is_the_end_of_a_path_unless_a_file_is_called_so() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("plan.json#prior");
    assert_eq!(Side::split(&path), (folder.path().join("plan.json"), Some(Side::Prior)));
    assert_eq!(
        Side::split(&folder.path().join("a#b.json#planned")),
        (folder.path().join("a#b.json"), Some(Side::Planned))
    );
    std::fs::write(&path, small().to_string()).unwrap();
    assert_eq!(Side::split(&path), (path.clone(), None));
    assert_eq!(load(&path, &Options::default()).unwrap().network.vpcs.len(), 1);
}

#[test]
fn binds_are_of_states_too_and_of_nothing_else() {
    let bound = |bind: &str| {
        let options = Options { binds: vec![bind.to_owned()], ..Options::default() };
        read_terraform("x.json", small().to_string().into_bytes(), &options).map_err(|error| error.to_string())
    };
    let network = bound("aws_vpc.v.cidr_block=10.7.0.0/16").unwrap().network;
    assert_eq!(network.vpcs[0].cidrs[0].to_string(), "10.7.0.0/16");
    let error = bound("aws_vpc.w.cidr_block=10.7.0.0/16").unwrap_err();
    assert!(error.ends_with("there is no resource aws_vpc.w; near are aws_vpc.v"), "{error}");
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("vpcs.json"), "{\"Vpcs\": []}").unwrap();
    let options = Options { binds: vec!["aws_vpc.v.cidr_block=10.7.0.0/16".to_owned()], ..Options::default() };
    assert!(load(folder.path(), &options).unwrap_err().to_string().contains("neither a plan nor a state"));
}

#[test]
fn a_directory_with_one_document_is_that_document() {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| std::fs::write(folder.path().join(name), text).unwrap();
    let load = || load(folder.path(), &Options::default());
    write("main.tf", "resource \"aws_vpc\" \"v\" {\n}\n");
    let error = load().unwrap_err().to_string();
    assert!(error.contains("only Terraform source") && error.contains("terraform show -json"), "{error}");
    write("terraform.tfstate", &raw().to_string());
    write("package.json", "{\"name\": \"x\"}");
    assert!(is_terraform(folder.path()));
    assert_eq!(load().unwrap().network.vpcs[0].id.as_str(), "vpc-1");
    write("dump.json", "{\"Vpcs\": []}");
    let error = load().unwrap_err().to_string();
    assert!(error.contains("terraform.tfstate is Terraform's and ") && error.contains("a describe-* dump"), "{error}");
    std::fs::remove_file(folder.path().join("dump.json")).unwrap();
    write("plan.json", &plan().to_string());
    let error = load().unwrap_err().to_string();
    assert!(error.contains("several plans or states in it: ") && error.ends_with("name the one to read"), "{error}");
}

#[test]
fn dumps_stay_dumps() {
    let dump = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/worked-example");
    assert!(!is_terraform(&dump) && is_dump(&dump));
    assert!(is_terraform(&data("show-plan.json")) && !is_dump(&data("show-plan.json")));
}

#[test]
fn the_plan_of_the_example_needs_no_guess() {
    let imported = load(&data("show-plan.json"), &Options::default()).unwrap();
    let mut codes: Vec<_> = imported.network.assumptions.iter().map(|it| it.code.as_str()).collect();
    codes.dedup();
    assert_eq!(codes, ["PLAN_ADDRESS", "PLAN_UNKNOWN", "PREFIX_LIST_WITHOUT_ENTRIES"]);
    assert!(imported.ignored.is_empty(), "{:?}", imported.ignored);
    let state = read(&state()).unwrap();
    assert_eq!(state.files[0].keys, imported.files[0].keys);
}

#[test]
fn sensitive_names_and_notes_are_shown_to_nobody() {
    let group = json!({"address": "aws_security_group.g", "mode": "managed", "type": "aws_security_group", "name": "g",
        "values": {"id": "sg-1", "vpc_id": "vpc-1", "name": "S3CRET-name", "ingress": [], "egress": []},
        "sensitive_values": {"name": true}});
    let instance = json!({"address": "aws_instance.i", "mode": "managed", "type": "aws_instance", "name": "i",
        "values": {"id": "i-1", "subnet_id": "S3CRET-subnet", "private_ip": "10.0.1.9", "vpc_security_group_ids": ["sg-1"]},
        "sensitive_values": {"subnet_id": true}});
    for (marks, named) in [(json!({"Name": true}), "v"), (json!(true), "v"), (json!({"Team": true}), "S3CRET-tag")] {
        let mut document = small();
        let resources = document["values"]["root_module"]["resources"].as_array_mut().unwrap();
        resources[0]["values"]["tags"] = json!({"Name": "S3CRET-tag", "Team": "net"});
        resources[0]["sensitive_values"] = json!({"tags": marks});
        resources.extend([group.clone(), instance.clone()]);
        let read = read(&document).unwrap();
        let name = |name: &Option<String>| name.clone().unwrap_or_default();
        assert_eq!(name(&read.network.vpcs[0].name), named);
        let group = read.network.security_groups.iter().find(|it| it.id.as_str() == "sg-1").unwrap();
        assert_eq!(name(&group.name), "g");
        let notes: Vec<_> = read.ignored.iter().map(|it| format!("{} {} {}", it.what, it.place, it.text)).collect();
        assert!(notes.iter().any(|it| it.contains("a value that is sensitive")), "{notes:?}");
        assert!(!notes.concat().contains("S3CRET"), "{notes:?}");
        assert!(!format!("{:?}", read.network.assumptions).contains("S3CRET"));
    }
}
