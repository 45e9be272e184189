//! Whatever the bytes: an error or a network whose references hold, never a panic.

#![allow(clippy::unwrap_used, reason = "a test may panic, in its helpers too")]

use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use proptest::prelude::*;
use serde_json::{Value, json};
use vpcemu_import::{Error, Imported, Options, is_dump, load};
use vpcemu_model::{AttachmentKind, Destination, EndpointKind, Id, InterfaceKind, Network, Placement, Target};

/// The worked example, what VPCs have at their edges and what they are connected to as one document.
static DOCUMENT: LazyLock<Value> = LazyLock::new(|| {
    let data = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data");
    let files_of = |folder: &str| std::fs::read_dir(data.join(folder)).unwrap().map(|entry| entry.unwrap().path());
    let mut files: Vec<PathBuf> = files_of("worked-example").chain(files_of("neighbors")).collect();
    files.retain(|file| file.extension().is_some_and(|it| it == "json"));
    files.push(data.join("edges/dump.json"));
    files.sort();
    let mut whole = serde_json::Map::new();
    for file in files {
        let document: serde_json::Map<_, _> = serde_json::from_slice(&std::fs::read(&file).unwrap()).unwrap();
        // What a file's name tells, an enclosing key tells as well.
        let name = file.file_stem().unwrap().to_str().unwrap();
        if let Some((_, table)) = name.split_once(".tgw-rtb-") {
            let whole = whole.entry(format!("tgw-rtb-{table}")).or_insert_with(|| json!({}));
            whole.as_object_mut().unwrap().extend(document);
            continue;
        }
        for (key, value) in document {
            // Both calls for prefix lists have the same key.
            whole
                .entry(key)
                .and_modify(|known| {
                    known.as_array_mut().unwrap().extend(value.as_array().unwrap().clone());
                })
                .or_insert(value);
        }
    }
    let entries = whole.remove("Entries").unwrap();
    whole.insert("pl-05000000000000001".to_owned(), json!({ "Entries": entries }));
    Value::Object(whole)
});

fn read(bytes: &[u8]) -> Result<Imported, Error> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("dump.json");
    std::fs::write(&path, bytes).unwrap();
    is_dump(&path);
    load(&path, &Options::default())
}

/// What the rest of the program relies on.
fn references_hold(network: &Network) {
    for vpc in &network.vpcs {
        assert!(network.route_tables.iter().any(|it| it.id == vpc.main_route_table), "{vpc:?}");
        assert!(network.network_acls.iter().any(|it| it.id == vpc.default_network_acl), "{vpc:?}");
        assert!(network.security_groups.iter().any(|it| it.id == vpc.default_security_group), "{vpc:?}");
    }
    for subnet in &network.subnets {
        assert!(network.vpc(&subnet.vpc).is_some(), "{subnet:?}");
        assert!(network.route_tables.iter().any(|it| it.id == subnet.route_table), "{subnet:?}");
        assert!(network.network_acls.iter().any(|it| it.id == subnet.network_acl), "{subnet:?}");
    }
    for interface in &network.interfaces {
        assert!(network.subnet(&interface.subnet).is_some(), "{interface:?}");
        for group in &interface.security_groups {
            assert!(network.security_groups.iter().any(|it| it.id == *group), "{interface:?}");
        }
        if let Some(instance) = &interface.instance {
            assert!(network.instances.iter().any(|it| it.id == *instance), "{interface:?}");
        }
    }
    for gateway in &network.nat_gateways {
        assert!(gateway.interface().is_none_or(|it| network.interface(it).is_some()), "{gateway:?}");
        assert!(gateway.subnet().is_none_or(|it| network.subnet(it).is_some()), "{gateway:?}");
        if let Placement::Regional { route_table } = &gateway.placement {
            assert!(network.route_tables.iter().any(|it| it.id == *route_table), "{gateway:?}");
        }
    }
    for table in &network.gateway_route_tables {
        assert!(network.vpc(&table.vpc).is_some(), "{table:?}");
        let internet = network.internet_gateways.iter().any(|it| it.id == table.gateway);
        for gateway in network.vpn_gateways.iter().filter(|gateway| gateway.id == table.gateway) {
            assert_eq!(gateway.vpc.as_ref(), Some(&table.vpc), "{table:?}");
        }
        assert!(internet || table.gateway.as_str().starts_with("vgw-"), "{table:?}");
    }
    for exclusion in &network.block_public_access.exclusions {
        let scope = &exclusion.scope;
        assert!(network.vpc(scope).is_some() || network.subnet(scope).is_some(), "{exclusion:?}");
    }
    for endpoint in &network.vpc_endpoints {
        match &endpoint.kind {
            EndpointKind::Gateway { prefix_list: Some(list) } => {
                assert!(network.prefix_lists.iter().any(|it| it.id == *list), "{endpoint:?}");
            }
            EndpointKind::Gateway { prefix_list: None } => {}
            EndpointKind::GatewayLoadBalancer { interface } => {
                assert!(network.interface(interface).is_some(), "{endpoint:?}");
            }
            EndpointKind::Interface { interfaces, .. } => {
                assert!(interfaces.iter().all(|id| network.interface(id).is_some()), "{endpoint:?}");
            }
        }
    }
    neighbors_hold(network);
    let of_gateways = network.gateway_route_tables.iter().flat_map(|table| &table.routes);
    for route in network.route_tables.iter().flat_map(|table| &table.routes).chain(of_gateways) {
        let holds = match &route.target {
            Target::Local | Target::Edge(_) => true,
            Target::InternetGateway(id) => network.internet_gateways.iter().any(|it| it.id == *id),
            Target::EgressOnlyInternetGateway(id) => {
                network.egress_only_internet_gateways.iter().any(|it| it.id == *id)
            }
            Target::NatGateway(id) => network.nat_gateways.iter().any(|it| it.id == *id),
            Target::NetworkInterface(id) => network.interface(id).is_some(),
            Target::VpcEndpoint(id) => network.vpc_endpoints.iter().any(|it| it.id == *id),
            Target::VpcPeeringConnection(id) => network.vpc_peering_connections.iter().any(|it| it.id == *id),
            Target::TransitGateway(id) => network.transit_gateways.iter().any(|it| it.id == *id),
            Target::VpnGateway(id) => network.vpn_gateways.iter().any(|it| it.id == *id),
            Target::Missing(_) => !route.active,
        };
        assert!(holds, "{route:?}");
    }
}

fn neighbors_hold(network: &Network) {
    for peering in &network.vpc_peering_connections {
        let sides = [&peering.requester, &peering.accepter];
        assert!(sides.iter().any(|side| network.vpc(&side.vpc).is_some()), "{peering:?}");
    }
    for gateway in &network.transit_gateways {
        let tables: Vec<_> = gateway.route_tables.iter().map(|table| &table.id).collect();
        for attachment in &gateway.attachments {
            assert!(attachment.route_table.as_ref().is_none_or(|table| tables.contains(&table)), "{attachment:?}");
            let AttachmentKind::Vpc(of) = &attachment.kind else { continue };
            assert!(network.vpc(&of.vpc).is_some(), "{attachment:?}");
            for id in &of.interfaces {
                let interface = network.interface(id).unwrap();
                assert_eq!(network.subnet(&interface.subnet).unwrap().vpc, of.vpc, "{attachment:?}");
                assert_eq!(interface.kind, InterfaceKind::TransitGateway);
            }
        }
        for route in gateway.route_tables.iter().flat_map(|table| &table.routes) {
            let there = |id: &Id| gateway.attachments.iter().any(|it| it.id == *id);
            assert!(route.attachment.as_ref().is_none_or(there), "{route:?}");
            if let Destination::PrefixList(list) = &route.destination {
                assert!(network.prefix_lists.iter().any(|it| it.id == *list), "{route:?}");
            }
        }
    }
    for gateway in &network.vpn_gateways {
        assert!(gateway.vpc.as_ref().is_none_or(|vpc| network.vpc(vpc).is_some()), "{gateway:?}");
    }
}

/// Every place in a document, as pointers.
fn places(value: &Value, here: &str, places: &mut Vec<String>) {
    places.push(here.to_owned());
    match value {
        Value::Object(map) => {
            for (key, value) in map {
                self::places(value, &format!("{here}/{}", key.replace('~', "~0").replace('/', "~1")), places);
            }
        }
        Value::Array(values) => {
            for (index, value) in values.iter().enumerate() {
                self::places(value, &format!("{here}/{index}"), places);
            }
        }
        _ => {}
    }
}

static PLACES: LazyLock<Vec<String>> = LazyLock::new(|| {
    let mut all = Vec::new();
    places(&DOCUMENT, "", &mut all);
    all
});

/// What a field may hold that it should not.
fn replacement() -> impl Strategy<Value = Value> {
    prop_oneof![
        Just(Value::Null),
        Just(json!({})),
        Just(json!([])),
        Just(json!([null, {}, [], "x"])),
        Just(json!("")),
        Just(json!("-1")),
        Just(json!("sg-0f000000000000002")),
        Just(json!("deleted")),
        Just(json!("vpc-hub")),
        Just(json!("tgw-attach-hub")),
        Just(json!("tgw-rtb-spokes")),
        Just(json!("blackhole")),
        Just(json!("available")),
        Just(json!("10.20.0.0/99")),
        Just(json!("::/0")),
        Just(json!(true)),
        any::<i64>().prop_map(|number| json!(number)),
        any::<f64>().prop_map(|number| json!(number)),
        ".{0,12}".prop_map(|text| json!(text)),
    ]
}

#[test]
fn every_part_may_be_absent() {
    let fields = DOCUMENT.as_object().unwrap();
    for key in fields.keys() {
        let mut rest = fields.clone();
        rest.remove(key);
        let imported = read(Value::Object(rest).to_string().as_bytes()).unwrap();
        references_hold(&imported.network);
        let mut only = serde_json::Map::new();
        only.insert(key.clone(), fields[key].clone());
        if let Ok(imported) = read(Value::Object(only).to_string().as_bytes()) {
            references_hold(&imported.network);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 600, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_bytes(bytes in proptest::collection::vec(any::<u8>(), 0..200), mark in 0..4_usize) {
        let mark: &[u8] = [&b""[..], b"\xff\xfe", b"\xfe\xff", b"\xef\xbb\xbf"][mark];
        let _ = read(&[mark, &bytes[..]].concat());
    }

    #[test]
    fn any_cut(at in any::<prop::sample::Index>()) {
        let text = DOCUMENT.to_string();
        let cut = &text.as_bytes()[..at.index(text.len())];
        // The example has characters of several bytes, which can be cut too.
        let expected = matches!(read(cut), Err(Error::Json { .. } | Error::NoDump { .. } | Error::Encoding { .. }));
        prop_assert!(expected);
    }

    #[test]
    fn any_fields(changes in proptest::collection::vec((any::<prop::sample::Index>(), replacement()), 1..6)) {
        let mut document = DOCUMENT.clone();
        for (at, value) in changes {
            if let Some(place) = document.pointer_mut(&PLACES[at.index(PLACES.len())]) {
                *place = value;
            }
        }
        match read(document.to_string().as_bytes()) {
            Ok(imported) => references_hold(&imported.network),
            Err(error) => prop_assert!(error.to_string().contains("dump.json: ")),
        }
    }

    #[test]
    fn any_fields_left_out(gone in proptest::collection::vec(any::<prop::sample::Index>(), 1..20)) {
        let mut document = DOCUMENT.clone();
        for at in gone {
            let Some((parent, field)) = PLACES[at.index(PLACES.len())].rsplit_once('/') else { continue };
            match document.pointer_mut(parent) {
                Some(Value::Object(map)) => drop(map.remove(field)),
                Some(Value::Array(values)) => {
                    let index: usize = field.parse().unwrap();
                    if index < values.len() {
                        values.remove(index);
                    }
                }
                _ => {}
            }
        }
        if let Ok(imported) = read(document.to_string().as_bytes()) {
            references_hold(&imported.network);
        }
    }
}
