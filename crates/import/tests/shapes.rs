//! Dumps of other shapes: several VPCs, a folder for each region, black holes, and what an emulator of the API writes.

#![allow(clippy::unwrap_used, reason = "a test may panic, in its helpers too")]

use std::path::PathBuf;

use vpcemu_import::{Options, codes, load};
use vpcemu_model::*;

fn data(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/data").join(name)
}

fn ids<'a>(ids: impl IntoIterator<Item = &'a Id>) -> Vec<&'a str> {
    ids.into_iter().map(Id::as_str).collect()
}

#[test]
fn peered_vpcs_meet_at_their_connection() {
    let imported = load(&data("peering"), &Options::default()).unwrap();
    let network = &imported.network;
    assert_eq!(ids(network.vpcs.iter().map(|vpc| &vpc.id)), ["vpc-a", "vpc-b"]);
    let [one, other] = &network.route_tables[..] else { panic!() };
    let route = |route: &Route| (route.target.clone(), route.active);
    let peering = Target::VpcPeeringConnection("pcx-1".into());
    assert_eq!(
        one.routes.iter().map(route).collect::<Vec<_>>(),
        [(Target::Local, true), (peering.clone(), true), (Target::Missing("nat-gone".into()), false)]
    );
    assert_eq!(other.routes[1].target, peering);
    let [connection] = &network.vpc_peering_connections[..] else { panic!() };
    let sides = [&connection.requester, &connection.accepter].map(|side| (side.vpc.as_str(), side.cidrs.len()));
    assert_eq!((sides, connection.active, connection.inter_region), ([("vpc-a", 1), ("vpc-b", 1)], true, false));
    assert_eq!(network.assumptions, []);
    let ignored: Vec<_> = imported.ignored.iter().map(|it| it.what.as_str()).collect();
    assert_eq!(ignored, ["nat-gone"]);
    assert!(network.nat_gateways.is_empty());
    assert_eq!(network.security_groups[0].ingress[0].peer, Peer::SecurityGroup("sg-b".into()));
    assert!(network.interfaces.iter().all(|interface| interface.in_use));
}

#[test]
fn one_vpc_of_several() {
    let options = Options { vpc: Some("vpc-a".into()), ..Options::default() };
    let network = load(&data("peering"), &options).unwrap().network;
    assert_eq!(ids(network.vpcs.iter().map(|it| &it.id)), ["vpc-a"]);
    assert_eq!(ids(network.subnets.iter().map(|it| &it.id)), ["subnet-a"]);
    assert_eq!(ids(network.route_tables.iter().map(|it| &it.id)), ["rtb-a"]);
    assert_eq!(ids(network.network_acls.iter().map(|it| &it.id)), ["acl-a"]);
    assert_eq!(ids(network.security_groups.iter().map(|it| &it.id)), ["sg-a"]);
    assert_eq!(ids(network.interfaces.iter().map(|it| &it.id)), ["eni-a"]);
    // The group of the other VPC is known all the same: nothing had to be guessed about it.
    assert_eq!(network.assumptions, []);
    let outside = PeeredVpc { vpc: "vpc-b".into(), cidrs: vec!["10.60.0.0/16".parse().unwrap()] };
    assert_eq!(network.vpc_peering_connections[0].accepter, outside);
}

#[test]
fn interfaces_of_gateways_are_found_whatever_they_look_like() {
    let network = load(&data("egress"), &Options::default()).unwrap().network;
    assert_eq!(network.assumptions, []);
    let lines: Vec<_> = network
        .interfaces
        .iter()
        .map(|it| {
            let public = it.ipv4[0].public.map_or_else(|| "-".to_owned(), |it| it.to_string());
            format!("{} {:?} {} {public} {}", it.id, it.kind, it.ipv4[0].private, it.in_use)
        })
        .collect();
    assert_eq!(
        lines,
        [
            "eni-nat NatGateway 10.40.0.9 203.0.113.9 true",
            "eni-vpce VpcEndpoint 10.40.2.20 - true",
            "eni-lb Interface 10.40.0.10 203.0.113.10 false",
        ]
    );
    let nat = &network.nat_gateways[0];
    assert_eq!((nat.connectivity, nat.addresses.len(), nat.available), (Connectivity::Public, 1, true));
    assert_eq!(
        network.vpc_endpoints[0].kind,
        EndpointKind::Interface { interfaces: vec!["eni-vpce".into()], udp: false }
    );
    assert_eq!(network.network_acls[0].egress.iter().map(|entry| entry.number).collect::<Vec<_>>(), [90, 110]);
    assert_eq!(ids(network.subnets.iter().map(|it| &it.route_table)), ["rtb-pub", "rtb-app"]);
    assert_eq!(ids(network.subnets.iter().map(|it| &it.network_acl)), ["acl-1", "acl-1"]);
}

#[test]
fn what_a_vpc_has_at_its_edges() {
    let imported = load(&data("edges"), &Options::default()).unwrap();
    let network = &imported.network;
    let nat = &network.nat_gateways[0];
    assert_eq!(nat.placement, Placement::Regional { route_table: "rtb-regional".into() });
    let addresses: Vec<_> = nat.addresses.iter().map(|it| (it.translated.to_string(), it.zone.as_deref())).collect();
    let expected = [("203.0.113.20".to_owned(), Some("us-east-1a")), ("203.0.113.21".to_owned(), Some("us-east-1b"))];
    assert_eq!(addresses, expected);
    let [edge] = &network.gateway_route_tables[..] else { panic!("{:?}", network.gateway_route_tables) };
    assert_eq!((edge.id.as_str(), edge.gateway.as_str()), ("rtb-edge", "igw-edges"));
    assert_eq!(edge.routes[1].target, Target::NetworkInterface("eni-fw".into()));
    let tables = ids(network.route_tables.iter().map(|it| &it.id));
    assert_eq!(tables, ["rtb-private", "rtb-public", "rtb-inspected", "rtb-regional"]);
    let access = &network.block_public_access;
    let exclusions: Vec<_> = access.exclusions.iter().map(|it| (it.scope.as_str(), it.allows)).collect();
    assert_eq!(access.mode, BlockMode::BlockIngress);
    assert_eq!(exclusions, [("subnet-web", ExclusionMode::AllowBidirectional)]);
    let ignored: Vec<_> = imported.ignored.iter().map(|it| it.what.as_str()).collect();
    assert_eq!(ignored, ["vpcbpa-exclude-2"]);
    let noted: Vec<_> = network.assumptions.iter().map(|it| (it.code.as_str(), it.place.as_str())).collect();
    assert_eq!(noted, [(codes::FORWARDING_UNKNOWN, "eni-fw")]);
    assert_eq!(validate::validate(network), []);
}

#[test]
fn what_a_vpc_is_connected_to() {
    let imported = load(&data("neighbors"), &Options::default()).unwrap();
    let network = &imported.network;
    let [peering] = &network.vpc_peering_connections[..] else { panic!("{:?}", network.vpc_peering_connections) };
    assert!(peering.active && peering.inter_region);
    assert_eq!((peering.accepter.vpc.as_str(), peering.accepter.cidrs.len()), ("vpc-partner", 2));
    let [gateway] = &network.transit_gateways[..] else { panic!("{:?}", network.transit_gateways) };
    assert_eq!((gateway.name.as_deref(), gateway.security_group_referencing), (Some("hub"), true));
    let attached = |it: &TransitGatewayAttachment| {
        let table = it.route_table.as_ref().map_or("none", |id| id.as_str());
        match &it.kind {
            AttachmentKind::Vpc(of) => format!("{} {} {} {table}", it.id, of.interfaces[0], of.appliance_mode),
            AttachmentKind::Outside { medium, prefixes } => format!("{} {medium:?} {} {table}", it.id, prefixes[0]),
        }
    };
    assert_eq!(
        gateway.attachments.iter().map(attached).collect::<Vec<_>>(),
        [
            "tgw-attach-spoke eni-tgw-spoke false tgw-rtb-spokes",
            "tgw-attach-hub eni-tgw-hub true tgw-rtb-inspected",
            "tgw-attach-vpn Vpn 10.99.0.0/16 tgw-rtb-inspected",
        ]
    );
    let route = |it: &TransitGatewayRoute| (it.route_origin, it.attachment.as_ref().map(ToString::to_string));
    let routes: Vec<Vec<_>> = gateway.route_tables.iter().map(|it| it.routes.iter().map(route).collect()).collect();
    let to = |id: &str| Some(id.to_owned());
    assert_eq!(routes[0], [(RouteOrigin::Static, to("tgw-attach-hub")), (RouteOrigin::Static, None)]);
    let propagated = RouteOrigin::Propagated;
    assert_eq!(routes[1], [(propagated, to("tgw-attach-spoke")), (propagated, to("tgw-attach-vpn"))]);
    let [vgw] = &network.vpn_gateways[..] else { panic!("{:?}", network.vpn_gateways) };
    assert_eq!((vgw.vpc.clone(), vgw.prefixes.clone()), (Some("vpc-spoke".into()), None));
    assert_eq!(network.gateway_route_tables[0].gateway.as_str(), "vgw-office");
    let load_balancer = EndpointKind::GatewayLoadBalancer { interface: "eni-gwlbe".into() };
    assert_eq!(network.vpc_endpoints[0].kind, load_balancer);
    let targets: Vec<_> = network.route_tables[0].routes.iter().map(|it| it.target.clone()).collect();
    let expected = [
        Target::Local,
        Target::TransitGateway("tgw-hub".into()),
        Target::VpcPeeringConnection("pcx-partner".into()),
        Target::VpnGateway("vgw-office".into()),
    ];
    assert_eq!(targets, expected);
    assert_eq!(network.route_tables[1].routes[1].target, Target::VpcEndpoint("vpce-inspect".into()));
    assert_eq!(network.assumptions, []);
    let ignored: Vec<_> = imported.ignored.iter().map(|it| it.what.as_str()).collect();
    assert_eq!(ignored, ["sg-spoke", "pcx-old"]);
    assert_eq!(validate::validate(network), []);
}
