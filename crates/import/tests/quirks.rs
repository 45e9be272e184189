//! What real dumps do that the API's documentation does not say: each on its own, and all of it on a whole dump, which stays
//! the same network.

#![allow(clippy::unwrap_used, reason = "a test may panic, in its helpers too")]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use serde_json::{Map, Value, json};
use vpcemu_import::{Imported, Options, codes, load};
use vpcemu_model::*;

/// The files of the complete dump, by name.
fn complete() -> BTreeMap<String, Value> {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/data/worked-example");
    let files = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let dumps = files.filter(|path| {
        let name = path.file_name().unwrap().to_str().unwrap();
        name.ends_with(".json") && name != "expected-flows.json" && name != "describe-flow-logs.json"
    });
    let read = |path: PathBuf| {
        let name = path.file_name().unwrap().to_str().unwrap().to_owned();
        (name, serde_json::from_slice(&fs::read(path).unwrap()).unwrap())
    };
    dumps.map(read).collect()
}

/// What a folder with these files is read as.
fn import<P: AsRef<Path>, C: AsRef<[u8]>>(files: impl IntoIterator<Item = (P, C)>) -> Imported {
    let folder = tempfile::tempdir().unwrap();
    for (name, content) in files {
        let path = folder.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, content).unwrap();
    }
    load(folder.path(), &Options::default()).unwrap()
}

/// A network without the places that it comes from: those are of the files.
fn without_places(network: &Network) -> String {
    let text = format!("{network:#?}");
    let mut kept = String::new();
    let mut rest = text.as_str();
    while let Some((before, inside)) = rest.split_once("Origin {") {
        kept.push_str(before);
        rest = inside.split_once('}').unwrap().1;
    }
    kept + rest
}

/// That files are the complete dump in another form: the same network, with nothing guessed or ignored.
#[track_caller]
fn same<P: AsRef<Path>, C: AsRef<[u8]>>(files: impl IntoIterator<Item = (P, C)>) {
    let read = import(files);
    let plain = import(complete().into_iter().map(|(name, value)| (name, value.to_string())));
    assert_eq!(read.ignored, []);
    // Resources come in the order of the files: what is in a network counts here.
    let sorted = |network: &Network| {
        let mut network = network.clone();
        network.interfaces.sort_by(|one, other| one.id.as_str().cmp(other.id.as_str()));
        network.prefix_lists.sort_by(|one, other| one.id.as_str().cmp(other.id.as_str()));
        without_places(&network)
    };
    assert_eq!(sorted(&read.network), sorted(&plain.network));
}

/// Every object of a value, changed from the inside out.
fn each_object(value: &mut Value, change: &impl Fn(&mut Map<String, Value>)) {
    match value {
        Value::Array(values) => values.iter_mut().for_each(|value| each_object(value, change)),
        Value::Object(map) => {
            map.values_mut().for_each(|value| each_object(value, change));
            change(map);
        }
        _ => {}
    }
}

fn changed(change: impl Fn(&mut Map<String, Value>)) -> Vec<(String, String)> {
    let files = complete().into_iter().map(|(name, mut document)| {
        // The document itself is an object too, whose keys are the calls'.
        let Value::Object(keys) = &mut document else { panic!() };
        keys.values_mut().for_each(|value| each_object(value, &change));
        (name, document.to_string())
    });
    files.collect()
}

#[test]
fn files_may_have_any_name_and_be_in_any_folder() {
    let named = |name: &str| name.contains("pl-");
    let renamed = complete().into_iter().enumerate().map(|(at, (name, value))| {
        let name = if named(&name) { name } else { format!("{at}.JSON") };
        (name, value.to_string())
    });
    same(renamed);
    same(
        complete()
            .into_iter()
            .map(|(name, value)| (format!("accounts/123456789012/us-east-1/{name}"), value.to_string())),
    );
}

#[test]
fn documents_may_be_wrapped_paged_and_one_behind_the_other() {
    let mut whole = Map::new();
    for (name, value) in complete() {
        let Value::Object(keys) = value else { panic!() };
        for (key, value) in keys {
            match whole.get_mut(&key) {
                Some(Value::Array(values)) => values.extend(value.as_array().unwrap().iter().cloned()),
                _ if key == "Entries" => {
                    let list = name.split('.').nth(1).unwrap();
                    whole.insert(list.to_owned(), json!({"Entries": value}));
                }
                _ => drop(whole.insert(key, value)),
            }
        }
    }
    let whole = Value::Object(whole);
    same([("all.json", whole.to_string())]);
    same([("all.json", json!({"us-east-1": whole}).to_string())]);
    same([("all.json", json!({"123456789012": whole, "ResponseMetadata": {"RequestId": "x"}}).to_string())]);
    let pages: Vec<Value> =
        complete().into_iter().filter(|(name, _)| !name.contains("pl-")).map(|(_, it)| it).collect();
    let entries =
        || complete().into_iter().filter(|(name, _)| name.contains("pl-")).map(|(name, it)| (name, it.to_string()));
    same(entries().chain([("pages.json".to_owned(), json!(pages).to_string())]));
    let stream: String = pages.iter().map(|page| format!("{page}\n")).collect();
    same(entries().chain([("stream.json".to_owned(), stream)]));
}

#[test]
fn every_encoding_that_shells_write_is_read() {
    let with =
        |encode: fn(&str) -> Vec<u8>| complete().into_iter().map(move |(name, it)| (name, encode(&it.to_string())));
    same(with(|text| format!("\u{feff}{text}\r\n").into_bytes()));
    same(with(|text| std::iter::once(0xfeff).chain(text.encode_utf16()).flat_map(u16::to_le_bytes).collect()));
    same(with(|text| std::iter::once(0xfeff).chain(text.encode_utf16()).flat_map(u16::to_be_bytes).collect()));
}

#[test]
fn the_same_object_in_several_files_is_one() {
    let again = complete()
        .into_iter()
        .flat_map(|(name, value)| [(name.clone(), value.to_string()), (format!("again/{name}"), value.to_string())]);
    same(again);
}

#[test]
fn states_and_other_words_are_read_in_any_case() {
    const WORDS: [&str; 8] =
        ["State", "Status", "RuleAction", "ConnectivityType", "VpcEndpointType", "InterfaceType", "IpProtocol", "Code"];
    for change in [str::to_ascii_uppercase as fn(&str) -> String, str::to_ascii_lowercase] {
        same(changed(|map| {
            for (key, value) in map {
                if let (true, Value::String(text)) = (WORDS.contains(&key.as_str()), &*value) {
                    *value = change(text).into();
                }
            }
        }));
    }
}

#[test]
fn nulls_empty_values_and_new_keys_change_nothing() {
    // What an SDK writes for fields that are not there.
    same(changed(|map| {
        for key in [
            "Description",
            "Attachment",
            "Association",
            "CarrierIp",
            "OutpostArn",
            "NetworkInterfaceId",
            "Ipv6CidrBlock",
        ] {
            map.entry(key).or_insert(Value::Null);
        }
    }));
    same(changed(|map| {
        for key in
            ["Ipv4Prefixes", "Ipv6Prefixes", "Ipv6Addresses", "PrefixListIds", "UserIdGroupPairs", "PropagatingVgws"]
        {
            map.entry(key).or_insert_with(|| json!([]));
        }
        map.insert("SomethingNew".to_owned(), json!({"State": "odd", "CidrBlock": [1, 2]}));
    }));
}

#[test]
fn rules_and_entries_come_in_any_order() {
    let mut files = complete();
    let acls = files.get_mut("describe-network-acls.json").unwrap();
    each_object(acls, &|map| {
        if let Some(Value::Array(entries)) = map.get_mut("Entries") {
            entries.reverse();
            // Some sources leave the implicit denies out.
            entries.retain(|entry| entry["RuleNumber"].as_u64().unwrap() < 32767);
        }
    });
    same(files.into_iter().map(|(name, value)| (name, value.to_string())));
}

#[test]
fn interfaces_are_known_by_their_description_where_their_type_is_missing() {
    let nat = |change: &dyn Fn(&mut Map<String, Value>)| {
        changed(|map| {
            if map.get("InterfaceType") == Some(&json!("nat_gateway")) {
                change(map);
            }
        })
    };
    assert!(nat(&|_| {}).iter().any(|(_, text)| text.contains("Interface for NAT Gateway nat-")));
    same(nat(&|map| drop(map.remove("InterfaceType"))));
    same(nat(&|map| drop(map.insert("InterfaceType".to_owned(), json!("interface")))));
    // As the API's model spells it.
    same(nat(&|map| drop(map.insert("InterfaceType".to_owned(), json!("natGateway")))));
}

#[test]
fn what_is_not_there_is_a_named_assumption() {
    let without = |gone: &str| {
        let files = complete().into_iter().filter(|(name, _)| !name.contains(gone));
        let network = import(files.map(|(name, value)| (name, value.to_string()))).network;
        let codes: BTreeSet<String> = network.assumptions.iter().map(|it| it.code.clone()).collect();
        codes.into_iter().collect::<Vec<_>>()
    };
    for (file, expected) in [
        ("describe-vpcs", &[codes::MISSING_VPCS][..]),
        ("describe-route-tables", &[codes::MISSING_ROUTE_TABLES]),
        ("describe-network-acls", &[codes::MISSING_NETWORK_ACLS]),
        ("describe-network-interfaces", &[codes::MISSING_NETWORK_INTERFACES]),
        ("describe-instances", &[codes::MISSING_INSTANCES]),
        ("describe-internet-gateways", &[codes::UNKNOWN_GATEWAY]),
        ("describe-egress-only", &[codes::UNKNOWN_GATEWAY]),
        ("describe-nat-gateways", &[codes::UNKNOWN_TARGET]),
        ("get-managed-prefix-list-entries", &[codes::PREFIX_LIST_WITHOUT_ENTRIES]),
        // The others know as much: both forms of rules, both calls for lists, addresses at their interfaces.
        ("describe-security-group-rules", &[]),
        ("describe-addresses", &[]),
        ("describe-managed-prefix-lists", &[]),
        ("describe-vpc-peering-connections", &[]),
    ] {
        assert_eq!(without(file), expected, "{file}");
    }
    assert!(without("describe-subnets").contains(&codes::MISSING_SUBNETS.to_owned()));
    assert!(without("describe-security-groups").contains(&codes::MISSING_SECURITY_GROUPS.to_owned()));
}

/// A small VPC with something in it.
fn small(over: Value) -> Imported {
    let mut document = json!({
        "Vpcs": [{"VpcId": "vpc-1", "CidrBlock": "10.0.0.0/16"}],
        "Subnets": [{"SubnetId": "subnet-1", "VpcId": "vpc-1", "CidrBlock": "10.0.1.0/24", "AvailabilityZone": "a"}],
        "RouteTables": [{"RouteTableId": "rtb-1", "VpcId": "vpc-1", "Associations": [{"Main": true}]}],
        "NetworkAcls": [{"NetworkAclId": "acl-1", "VpcId": "vpc-1", "IsDefault": true, "Entries": []}],
        "SecurityGroups": [{"GroupId": "sg-1", "GroupName": "default", "VpcId": "vpc-1"}],
        "NetworkInterfaces": [], "Reservations": [],
    });
    document.as_object_mut().unwrap().extend(over.as_object().unwrap().clone());
    import([("dump.json", document.to_string())])
}

#[test]
fn echo_requests_are_written_in_two_ways() {
    let permission = |code: i64| json!({"IpProtocol": "icmp", "FromPort": 8, "ToPort": code, "IpRanges": [{"CidrIp": "10.0.0.0/8"}]});
    let group = json!({"GroupId": "sg-1", "GroupName": "default", "VpcId": "vpc-1",
        "IpPermissions": [permission(-1), permission(0)]});
    let imported = small(json!({"SecurityGroups": [group]}));
    let ports: Vec<_> = imported.network.security_groups[0].ingress.iter().map(|rule| rule.ports).collect();
    let echo = |code| Ports::Icmp(IcmpTypeCode { kind: Some(8), code });
    assert_eq!(ports, [echo(None), echo(Some(0))]);
}

#[test]
fn private_nat_gateways_have_several_addresses_and_no_public_one() {
    let address = |last: u8, primary: bool| json!({"PrivateIp": format!("10.0.1.{last}"), "IsPrimary": primary, "Status": "SUCCEEDED", "NetworkInterfaceId": "eni-nat"});
    let imported = small(json!({"NatGateways": [{"NatGatewayId": "nat-1", "SubnetId": "subnet-1", "VpcId": "vpc-1",
        "State": "Available", "ConnectivityType": "Private",
        "NatGatewayAddresses": [address(9, false), address(8, true), address(7, false)]}]}));
    let [nat] = &imported.network.nat_gateways[..] else { panic!() };
    let addresses: Vec<_> = nat.addresses.iter().map(|it| (it.translated.to_string(), it.public)).collect();
    assert_eq!((nat.connectivity, nat.available), (Connectivity::Private, true));
    assert_eq!(addresses, ["10.0.1.8", "10.0.1.9", "10.0.1.7"].map(|it| (it.to_owned(), None)));
    assert_eq!(imported.network.interface(&"eni-nat".into()).unwrap().ipv4.len(), 3);
}

#[test]
fn stopped_instances_keep_interfaces_that_receive_nothing() {
    for (state, receives) in [("Running", true), ("Stopped", false), ("stopping", false)] {
        let imported = small(json!({
            "NetworkInterfaces": [{"NetworkInterfaceId": "eni-1", "SubnetId": "subnet-1", "Status": "in-use",
                "Groups": [{"GroupId": "sg-1"}], "PrivateIpAddress": "10.0.1.5",
                "Attachment": {"InstanceId": "i-1", "Status": "attached", "DeviceIndex": 0}}],
            "Reservations": [{"Instances": [{"InstanceId": "i-1", "InstanceType": "t3.nano", "State": {"Name": state}}]}],
        }));
        assert_eq!(imported.network.interfaces[0].in_use, receives, "{state}");
    }
}

#[test]
fn a_page_of_several_and_what_is_not_read_are_a_line_each() {
    let imported = small(json!({"NextToken": "abc", "CustomerGateways": [{"CustomerGatewayId": "cgw-1"}],
        "VpnConnections": [{}, {}], "KeyPairs": []}));
    let ignored: Vec<_> = imported.ignored.iter().map(|it| (it.what.as_str(), it.text.as_str())).collect();
    assert_eq!(
        ignored,
        [
            ("NextToken", "the file is one page of several: the others have to be read with it"),
            ("CustomerGateways", "this key is not read"),
            ("VpnConnections", "this key is not read"),
        ]
    );
}
