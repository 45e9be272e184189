//! The worked example as a state has it, held against the dump of the same network.

use std::collections::BTreeSet;
use std::path::Path;

use serde_json::Value;
use vpcemu_model::finding::Finding;
use vpcemu_model::{Network, Origin, Peer, validate};

use super::testing::{codes, ignored, network};
use crate::terraform::resource::{Index, Mode, Resource};

fn data(name: &str) -> std::path::PathBuf {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data")).join(name)
}

/// The resources of the root module of a state.
fn state() -> Vec<Resource> {
    let text = std::fs::read(data("terraform/show-state.json")).unwrap();
    let document: Value = serde_json::from_slice(&text).unwrap();
    let resources = document["values"]["root_module"]["resources"].as_array().unwrap();
    let text = |resource: &Value, field: &str| resource[field].as_str().unwrap().into();
    let index = |resource: &Value| match &resource["index"] {
        Value::Number(number) => number.as_u64().map(Index::Number),
        Value::String(key) => Some(Index::Key(key.as_str().into())),
        _ => None,
    };
    let resource = |resource: &Value| Resource {
        address: text(resource, "address"),
        module: "".into(),
        mode: Mode::Managed,
        kind: text(resource, "type"),
        name: text(resource, "name"),
        index: index(resource),
        values: resource["values"].as_object().unwrap().clone(),
    };
    resources.iter().map(resource).collect()
}

fn described() -> Network {
    let (network, notes) = network(&state());
    assert_eq!((codes(&notes), ignored(&notes)), (vec![], vec![]));
    network
}

fn dumped() -> Network {
    crate::load(&data("worked-example"), &crate::Options::default()).unwrap().network
}

/// What a network has, a line each, without places and without the names that nobody gave.
fn lines(network: &Network) -> BTreeSet<String> {
    let mut lines = BTreeSet::new();
    for vpc in &network.vpcs {
        let made = (&vpc.main_route_table, &vpc.default_network_acl, &vpc.default_security_group);
        lines.insert(format!("{} {:?} {:?} {made:?}", vpc.id, vpc.name, vpc.cidrs));
    }
    for it in &network.subnets {
        let of = (&it.vpc, &it.route_table, &it.network_acl, &it.availability_zone);
        lines.insert(format!("{} {:?} {:?} {of:?}", it.id, it.name, it.cidrs));
    }
    for table in &network.route_tables {
        lines.insert(format!("{} {}", table.id, table.vpc));
        for it in &table.routes {
            let how = (&it.destination, &it.target, it.route_origin, it.active);
            lines.insert(format!("{} {how:?}", table.id));
        }
    }
    for acl in &network.network_acls {
        for (direction, entries) in [("in", &acl.ingress), ("out", &acl.egress)] {
            for it in entries {
                let what = (it.number, it.action, it.protocol, it.ports, it.cidr);
                lines.insert(format!("{} {} {direction} {what:?}", acl.vpc, acl.id));
            }
        }
    }
    for group in &network.security_groups {
        for (direction, rules) in [("in", &group.ingress), ("out", &group.egress)] {
            for it in rules {
                lines.insert(format!("{} {direction} {} {} {:?}", group.id, it.protocol, it.ports, it.peer));
            }
        }
    }
    for it in &network.interfaces {
        let what = (&it.ipv4, &it.ipv6, &it.prefixes, &it.security_groups, &it.instance, &it.connection_tracking);
        let how = (it.kind, it.source_dest_check, it.in_use);
        lines.insert(format!("{} {} {what:?} {how:?}", it.id, it.subnet));
    }
    for it in &network.instances {
        lines.insert(format!("{} {:?} {} {:?}", it.id, it.name, it.running, it.instance_type));
    }
    for it in &network.nat_gateways {
        let what = (&it.vpc, &it.placement, it.connectivity, &it.addresses, it.available);
        lines.insert(format!("{} {:?} {what:?}", it.id, it.name));
    }
    for it in &network.vpc_endpoints {
        lines.insert(format!("{} {:?} {} {} {:?}", it.id, it.name, it.vpc, it.service, it.kind));
    }
    lines.extend(network.internet_gateways.iter().map(|it| format!("{} {:?}", it.id, it.vpc)));
    lines.extend(network.egress_only_internet_gateways.iter().map(|it| format!("{} {}", it.id, it.vpc)));
    lines.extend(network.prefix_lists.iter().map(|it| format!("{} {:?} {:?}", it.id, it.name, it.entries)));
    lines
}

#[test]
fn a_state_is_the_same_network_as_its_dump() {
    let (mut described, dumped) = (lines(&described()), lines(&dumped()));
    // AWS adds the rule for IPv6 when a VPC gets its block after it was made; this one has had it from the beginning.
    let added = "sg-0f000000000000000 out all all Cidr(::/0)";
    assert!(described.remove(added), "{described:#?}");
    assert_eq!(described.difference(&dumped).collect::<Vec<_>>(), [] as [&String; 0]);
    assert_eq!(dumped.difference(&described).collect::<Vec<_>>(), [] as [&String; 0]);
}

#[test]
fn a_state_is_as_valid_as_its_dump() {
    let texts = |network: &Network| -> Vec<String> {
        let mut findings: Vec<Finding> = validate::validate(network);
        findings.sort_by(|one, other| one.text.cmp(&other.text));
        findings.into_iter().map(|finding| format!("{} {}", finding.code, finding.text)).collect()
    };
    assert_eq!(texts(&described()), texts(&dumped()));
}

#[test]
fn everything_has_the_address_that_defines_it() {
    let resources = state();
    let network = described();
    let mut origins: Vec<&Origin> = Vec::new();
    origins.extend(network.vpcs.iter().map(|it| &it.origin));
    origins.extend(network.subnets.iter().map(|it| &it.origin));
    origins.extend(network.route_tables.iter().map(|it| &it.origin));
    let routes = network.route_tables.iter().flat_map(|table| &table.routes);
    origins.extend(routes.map(|it| &it.origin).filter(|origin| !origin.is_implicit()));
    for acl in &network.network_acls {
        origins.push(&acl.origin);
        origins.extend(acl.ingress.iter().chain(&acl.egress).map(|it| &it.origin));
    }
    for group in &network.security_groups {
        origins.push(&group.origin);
        origins.extend(group.ingress.iter().chain(&group.egress).map(|it| &it.origin));
    }
    origins.extend(network.interfaces.iter().map(|it| &it.origin));
    origins.extend(network.instances.iter().map(|it| &it.origin));
    origins.extend(network.nat_gateways.iter().map(|it| &it.origin));
    origins.extend(network.vpc_endpoints.iter().map(|it| &it.origin));
    origins.extend(network.prefix_lists.iter().map(|it| &it.origin));
    assert!(origins.len() > 50);
    for origin in origins {
        let path = origin.path.as_deref().unwrap();
        assert_eq!(&*origin.file, "main.json");
        assert!(resources.iter().any(|it| path.starts_with(&*it.address)), "{path}");
    }
    // What a verdict cites.
    let web = network.security_groups.iter().find(|it| it.id.as_str() == "sg-0f000000000000001").unwrap();
    let cited: Vec<_> = web.ingress.iter().map(|it| it.origin.path.as_deref().unwrap()).collect();
    let it = "aws_security_group.web.ingress";
    let expected = [
        &*format!("{it}[0].cidr_blocks[0]"),
        &format!("{it}[0].ipv6_cidr_blocks[0]"),
        &format!("{it}[1]"),
        &format!("{it}[2]"),
    ];
    assert_eq!(cited, expected);
    let app = network.security_groups.iter().find(|it| it.id.as_str() == "sg-0f000000000000002").unwrap();
    assert_eq!(app.ingress[0].id.as_str(), "sgr-06000000000000009");
    assert_eq!(app.ingress[0].origin.path.as_deref(), Some("aws_vpc_security_group_ingress_rule.app_8080_sg"));
    assert!(matches!(app.ingress[0].peer, Peer::SecurityGroup(_)));
    let private = network.network_acls.iter().find(|it| it.id.as_str() == "acl-0e000000000000001").unwrap();
    assert_eq!(private.ingress[0].origin.path.as_deref(), Some("aws_network_acl_rule.private[\"in-90\"]"));
}
