//! Everything that a file says has the line where it says so.

use vpcemu_model::native;
use vpcemu_model::{Network, Origin, Target};

/// The places of everything in a network, each with what it is, and whether AWS may have made it by itself.
fn places(network: &Network) -> Vec<(String, &Origin, bool)> {
    let mut places = Vec::new();
    for vpc in &network.vpcs {
        places.push((vpc.id.to_string(), &vpc.origin, false));
    }
    let is_default = |id: &vpcemu_model::Id| {
        let of = |vpc: &vpcemu_model::Vpc| {
            [&vpc.main_route_table, &vpc.default_network_acl, &vpc.default_security_group].contains(&id)
        };
        network.vpcs.iter().any(of)
    };
    macro_rules! all {
        ($($list:ident),*) => { $(places.extend(network.$list.iter().map(|it| (it.id.to_string(), &it.origin, false)));)* };
    }
    all!(
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
    let tables = network.route_tables.iter().map(|it| (&it.id, &it.origin, &it.routes, is_default(&it.id)));
    let edges = network.gateway_route_tables.iter().map(|it| (&it.id, &it.origin, &it.routes, false));
    for (id, origin, routes, default) in tables.chain(edges) {
        places.push((id.to_string(), origin, default));
        for route in routes {
            let what = format!("{:?} of {id}", route.destination);
            places.push((what, &route.origin, route.target == Target::Local));
        }
    }
    for acl in &network.network_acls {
        let default = is_default(&acl.id) && acl.origin.is_implicit();
        places.push((acl.id.to_string(), &acl.origin, default));
        let entries = acl.ingress.iter().chain(&acl.egress);
        places.extend(entries.map(|entry| (format!("{} of {}", entry.number, acl.id), &entry.origin, default)));
    }
    for group in &network.security_groups {
        let default = is_default(&group.id) && group.origin.is_implicit();
        places.push((group.id.to_string(), &group.origin, default));
        places.extend(group.ingress.iter().map(|rule| (rule.id.to_string(), &rule.origin, default)));
        // A group that says nothing of them has those that AWS gives to a new one.
        places.extend(
            group.egress.iter().map(|rule| (rule.id.to_string(), &rule.origin, rule.id.as_str().contains("-out-"))),
        );
    }
    for gateway in &network.transit_gateways {
        places.extend(gateway.attachments.iter().map(|it| (it.id.to_string(), &it.origin, false)));
        for table in &gateway.route_tables {
            places.push((table.id.to_string(), &table.origin, false));
            places.extend(
                table.routes.iter().map(|it| (format!("{:?} of {}", it.destination, table.id), &it.origin, false)),
            );
        }
    }
    let exclusions = network.block_public_access.exclusions.iter();
    places.extend(exclusions.map(|it| (format!("exclusion of {}", it.scope), &it.origin, false)));
    places
}

#[test]
fn nothing_but_what_aws_makes_is_without_a_line() {
    for (name, text) in [
        ("reference.toml", include_str!("data/reference.toml")),
        ("edges.toml", include_str!("data/edges.toml")),
        ("neighbors.toml", include_str!("data/neighbors.toml")),
        ("explicit.toml", include_str!("data/explicit.toml")),
        ("web-server.toml", include_str!("data/web-server.toml")),
    ] {
        let network = native::parse(name, text).unwrap_or_else(|error| panic!("{error}")).network;
        let places = places(&network);
        assert!(places.len() > 10, "{name}");
        for (what, origin, by_itself) in places {
            if origin.is_implicit() {
                assert!(by_itself, "{name}: {what} has no origin");
                continue;
            }
            let (start, end) = origin.span.unwrap_or_else(|| panic!("{name}: {what} has no span"));
            assert_eq!(&*origin.file, name, "{what}");
            let line = text[..start].matches('\n').count() + 1;
            assert_eq!(origin.line.map(|line| line as usize), Some(line), "{name}: {what}");
            assert!(start < end && end <= text.len(), "{name}: {what}");
        }
    }
}
