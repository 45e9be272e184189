//! Everything that a dump says has the file and the place in it where it says so.

use std::path::Path;

use vpcemu_import::{Options, codes, load};
use vpcemu_model::{Id, Network, Origin, Target};

/// The places of everything in a network, each with what it is, and whether AWS may have made it by itself.
fn places(network: &Network) -> Vec<(String, &Origin, bool)> {
    let mut places = Vec::new();
    macro_rules! all {
        ($($list:ident),*) => { $(places.extend(network.$list.iter().map(|it| (it.id.to_string(), &it.origin, false)));)* };
    }
    all!(
        vpcs,
        subnets,
        prefix_lists,
        interfaces,
        instances,
        internet_gateways,
        egress_only_internet_gateways,
        nat_gateways,
        vpc_endpoints,
        vpc_peering_connections,
        transit_gateways,
        vpn_gateways,
        gateway_route_tables,
        flow_logs
    );
    let is_default = |id: &Id| {
        let mut defaults = network
            .vpcs
            .iter()
            .flat_map(|vpc| [&vpc.main_route_table, &vpc.default_network_acl, &vpc.default_security_group]);
        defaults.any(|default| default == id)
    };
    let tables = network.route_tables.iter().map(|it| (&it.id, &it.origin, &it.routes, is_default(&it.id)));
    let edges = network.gateway_route_tables.iter().map(|it| (&it.id, &it.origin, &it.routes, false));
    for (id, origin, routes, default) in tables.chain(edges) {
        places.push((id.to_string(), origin, default));
        let routes = routes.iter();
        places
            .extend(routes.map(|it| (format!("{:?} of {id}", it.destination), &it.origin, it.target == Target::Local)));
    }
    for acl in &network.network_acls {
        let made = acl.origin.is_implicit() && is_default(&acl.id);
        places.push((acl.id.to_string(), &acl.origin, made));
        let entries = acl.ingress.iter().chain(&acl.egress);
        places.extend(entries.map(|entry| (format!("{} of {}", entry.number, acl.id), &entry.origin, made)));
    }
    for group in &network.security_groups {
        let made = group.origin.is_implicit() && is_default(&group.id);
        places.push((group.id.to_string(), &group.origin, made));
        let rules = group.ingress.iter().chain(&group.egress);
        // Where nothing tells of groups, one has the rules of a new one.
        let untold = network.assumptions.iter().any(|it| it.code == codes::MISSING_SECURITY_GROUPS);
        places.extend(rules.map(|rule| (rule.id.to_string(), &rule.origin, made || untold)));
    }
    for gateway in &network.transit_gateways {
        places.extend(gateway.attachments.iter().map(|it| (it.id.to_string(), &it.origin, false)));
        for table in &gateway.route_tables {
            places.push((table.id.to_string(), &table.origin, false));
            let routes = table.routes.iter();
            places.extend(routes.map(|it| (format!("{:?} of {}", it.destination, table.id), &it.origin, false)));
        }
    }
    let exclusions = network.block_public_access.exclusions.iter();
    places.extend(exclusions.map(|it| (format!("exclusion of {}", it.scope), &it.origin, false)));
    places
}

#[track_caller]
fn all_are_told(network: &Network, name: &str, path: &Path) -> usize {
    let mut told = 0;
    for (what, origin, by_itself) in places(network) {
        if origin.is_implicit() {
            assert!(by_itself, "{name}: {what} has no origin");
            continue;
        }
        told += 1;
        assert!(origin.file.starts_with(&*path.display().to_string()), "{name}: {what} is of {}", origin.file);
        assert!(origin.path.as_ref().is_some_and(|path| !path.is_empty()), "{name}: {what} has no path");
    }
    told
}

#[test]
fn nothing_but_what_aws_makes_is_without_a_place() {
    for name in ["worked-example", "moto-peering", "moto-three-tier", "edges", "egress", "neighbors", "peering"] {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data").join(name);
        let imported = load(&path, &Options::default()).unwrap_or_else(|error| panic!("{error}"));
        let told = all_are_told(&imported.network, name, &path);
        assert!(told > 20, "{name}: only {told} places");
    }
}

/// What is made because something names it is where it is named.
#[test]
fn what_is_only_named_is_where_it_is_named() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("dump.json");
    let text = r#"{
        "Vpcs": [{"VpcId": "vpc-1", "CidrBlock": "10.0.0.0/16"}],
        "Subnets": [{"SubnetId": "subnet-1", "VpcId": "vpc-1", "CidrBlock": "10.0.1.0/24"}],
        "RouteTables": [
            {"RouteTableId": "rtb-1", "VpcId": "vpc-1", "Associations": [{"Main": true}], "Routes": [
                {"DestinationCidrBlock": "0.0.0.0/0", "GatewayId": "igw-1"},
                {"DestinationIpv6CidrBlock": "::/0", "EgressOnlyInternetGatewayId": "eigw-1"},
                {"DestinationPrefixListId": "pl-1", "GatewayId": "vpce-1"},
                {"DestinationCidrBlock": "192.0.2.0/24", "NatGatewayId": "nat-1"}]},
            {"RouteTableId": "rtb-2", "VpcId": "vpc-1", "Associations": [{"GatewayId": "igw-1"}]}],
        "NetworkInterfaces": [{"NetworkInterfaceId": "eni-1", "SubnetId": "subnet-1", "PrivateIpAddress": "10.0.1.4",
            "Groups": [{"GroupId": "sg-9"}], "Attachment": {"InstanceId": "i-1"}}]
    }"#;
    std::fs::write(&path, text).expect("written");
    let network = load(&path, &Options::default()).unwrap_or_else(|error| panic!("{error}")).network;
    all_are_told(&network, "dump.json", &path);
    let told = |origin: &Origin| origin.path.as_deref().unwrap_or_default().to_owned();
    assert_eq!(told(&network.internet_gateways[0].origin), "RouteTables[0].Routes[0]");
    assert_eq!(told(&network.egress_only_internet_gateways[0].origin), "RouteTables[0].Routes[1]");
    assert_eq!(told(&network.vpc_endpoints[0].origin), "RouteTables[0].Routes[2]");
    assert_eq!(told(&network.prefix_lists[0].origin), "RouteTables[0].Routes[2]");
    assert_eq!(told(&network.instances[0].origin), "NetworkInterfaces[0]");
    let group = network.security_groups.iter().find(|group| group.id.as_str() == "sg-9").expect("it is made");
    assert_eq!(told(&group.origin), "NetworkInterfaces[0]");
}
