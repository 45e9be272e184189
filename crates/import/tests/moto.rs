//! Dumps that an emulator of the API wrote: everything in them is there, and nothing had to be guessed.

#![allow(clippy::unwrap_used, reason = "a test may panic, in its helpers too")]

use std::path::PathBuf;

use vpcemu_import::{Imported, Options, load};
use vpcemu_model::*;

fn imported(name: &str) -> Imported {
    load(&PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/data").join(name), &Options::default()).unwrap()
}

/// Ids behind names.
fn id_named<'a>(mut pairs: impl Iterator<Item = (&'a Id, Option<&'a str>)>, name: &str) -> &'a str {
    pairs.find(|(_, of)| *of == Some(name)).unwrap().0.as_str()
}

fn errors(network: &Network) -> Vec<finding::Finding> {
    let findings = validate::validate(network).into_iter();
    findings.filter(|finding| finding.severity == finding::Severity::Error).collect()
}

#[test]
fn three_tiers_are_complete() {
    let imported = imported("moto-three-tier");
    let network = &imported.network;
    assert_eq!(network.assumptions, []);
    assert_eq!(errors(network), []);
    let ignored: Vec<_> = imported.ignored.iter().map(|it| it.what.as_str()).filter(|it| *it != "FlowLogs").collect();
    assert_eq!(ignored, [""; 0]);
    // The default VPC of the account, and the one that was made.
    assert_eq!(network.vpcs.len(), 2);
    let [vpc] = network.vpcs.iter().filter(|vpc| vpc.cidrs[0].to_string() == "10.40.0.0/16").collect::<Vec<_>>()[..]
    else {
        panic!()
    };
    assert_eq!(vpc.cidrs.len(), 2);
    let subnets: Vec<_> = network.subnets.iter().filter(|subnet| subnet.vpc == vpc.id).collect();
    let names: Vec<_> = subnets.iter().map(|subnet| subnet.name.as_deref().unwrap()).collect();
    assert_eq!(names, ["pub-a", "app-a", "db-a", "pub-b", "app-b", "db-b"]);
    let counts = [
        network.route_tables.len(),
        network.network_acls.len(),
        network.security_groups.len(),
        network.interfaces.len(),
        network.internet_gateways.len(),
        network.egress_only_internet_gateways.len(),
        network.nat_gateways.len(),
        network.vpc_endpoints.len(),
        network.prefix_lists.len(),
    ];
    assert_eq!(counts, [6, 3, 6, 9, 1, 1, 2, 2, 7]);

    // Every tier has its table and its network ACL.
    let table = |name: &str| {
        let subnet = subnets.iter().find(|it| it.name.as_deref() == Some(name)).unwrap();
        network.route_tables.iter().find(|table| table.id == subnet.route_table).unwrap()
    };
    let targets = |name: &str| {
        let routes = table(name).routes.iter().filter(|route| route.target != Target::Local);
        let kind = |target: &Target| target.id().unwrap().as_str().split('-').next().unwrap().to_owned();
        routes.map(|route| kind(&route.target)).collect::<Vec<_>>()
    };
    assert_eq!(targets("pub-a"), ["igw", "igw"]);
    // The gateway endpoint's prefix list is among the routes, whether the emulator lists it or not.
    for name in ["app-a", "app-b"] {
        let mut kinds = targets(name);
        kinds.sort();
        assert_eq!(kinds, ["eigw", "nat", "vpce"], "{name}");
    }
    assert!(targets("db-a").iter().all(|kind| kind == "vpce"), "{:?}", targets("db-a"));
    assert_ne!(table("app-a").id, table("app-b").id);
    for acl in &network.network_acls {
        for entries in [&acl.ingress, &acl.egress] {
            assert!(!entries.is_empty() && entries.is_sorted_by_key(|entry| entry.number), "{}", acl.id);
            assert!(entries.iter().all(|entry| entry.number < 32767));
        }
    }

    // Interfaces are what they serve, though they look alike.
    let kinds = |kind| network.interfaces.iter().filter(|it| it.kind == kind).count();
    assert_eq!((kinds(InterfaceKind::NatGateway), kinds(InterfaceKind::VpcEndpoint)), (2, 2));
    for nat in &network.nat_gateways {
        assert!(nat.available && nat.addresses.len() == 1 && nat.addresses[0].public.is_some());
        let interface = network.interface(nat.interface().unwrap()).unwrap();
        assert!(interface.security_groups.is_empty() && !interface.source_dest_check);
    }
    let hosts = network.interfaces.iter().map(|it| (&it.id, it.name.as_deref()));
    let bastion = network.interface(&id_named(hosts, "bastion").into()).unwrap();
    assert_eq!((bastion.ipv4[0].private.to_string().as_str(), bastion.ipv4[0].public.is_some()), ("10.40.1.10", true));
    assert_eq!(bastion.security_groups.len(), 1);

    // Every flat rule is a rule of a group, once, under its own id.
    let rules: Vec<_> =
        network.security_groups.iter().flat_map(|group| group.ingress.iter().chain(&group.egress)).collect();
    assert_eq!(rules.len(), 16);
    assert!(rules.iter().all(|rule| rule.id.as_str().starts_with("sgr-")));
    let entries: Vec<_> = network.prefix_lists.iter().map(|list| list.entries.len()).collect();
    assert!(entries.iter().all(|number| *number > 0), "{entries:?}");
}

#[test]
fn peered_vpcs_are_complete() {
    let imported = imported("moto-peering");
    let network = &imported.network;
    assert_eq!(network.assumptions, []);
    assert_eq!(errors(network), []);
    let ignored: Vec<_> = imported.ignored.iter().map(|it| it.what.as_str()).filter(|it| *it != "FlowLogs").collect();
    assert_eq!(ignored, [""; 0]);
    let counts = [
        network.vpcs.len(),
        network.subnets.len(),
        network.route_tables.len(),
        network.network_acls.len(),
        network.security_groups.len(),
        network.interfaces.len(),
        network.prefix_lists.len(),
    ];
    assert_eq!(counts, [3, 5, 3, 3, 3, 2, 6]);
    let [peering] = &network.vpc_peering_connections[..] else { panic!() };
    assert!(peering.active && !peering.inter_region);
    // Both sides lead to each other.
    for (side, other) in [(&peering.requester, &peering.accepter), (&peering.accepter, &peering.requester)] {
        let table = network.route_tables.iter().find(|table| table.vpc == side.vpc).unwrap();
        let to_other = |route: &&Route| route.destination == Destination::Cidr(other.cidrs[0]);
        let route = table.routes.iter().find(to_other).unwrap();
        assert_eq!(route.target, Target::VpcPeeringConnection(peering.id.clone()));
        assert!(route.active);
    }
}
