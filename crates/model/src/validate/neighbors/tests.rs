//! Every finding about neighbours, each from a network that is right but for one thing.

use super::*;
use crate::finding::Severity::{Error, Lint, Warning};
use crate::validate::sample::{
    add_second_vpc, attachment, interface, net, network, peering, propagated, route, transit_gateway, transit_route,
    vpc_attachment, vpn_gateway,
};
use crate::validate::validate;
use crate::{InterfaceKind, Network, PeeredVpc, Subnet, Target, TransitGatewayRoute};

/// What is found in a damaged network.
fn found(damage: impl FnOnce(&mut Network)) -> Vec<(&'static str, Severity)> {
    let mut network = network();
    damage(&mut network);
    validate(&network).iter().map(|finding| (finding.code, finding.severity)).collect()
}

/// What is found when the private table leads somewhere.
fn with_route(to: Route, damage: impl FnOnce(&mut Network)) -> Vec<(&'static str, Severity)> {
    found(|it| {
        it.route_tables[1].routes.push(to);
        damage(it);
    })
}

fn to_peering(block: &str) -> Route {
    route(block, Target::VpcPeeringConnection("pcx-1".into()))
}

fn to_transit_gateway() -> Route {
    route("10.9.0.0/16", Target::TransitGateway("tgw-1".into()))
}

/// The second VPC, with blocks that are its own.
fn add_other_vpc(it: &mut Network) {
    add_second_vpc(it);
    it.vpcs[1].cidrs = vec![net("10.9.0.0/16")];
    it.subnets[2].cidrs = vec![net("10.9.0.0/24")];
    it.route_tables[2].routes = vec![route("10.9.0.0/16", Target::Local)];
}

/// An interface of a transit gateway in a subnet.
fn add_attachment_interface(it: &mut Network, id: &str, subnet: &str, address: [u8; 4]) {
    let mut made = interface(id, subnet, address, None);
    made.kind = InterfaceKind::TransitGateway;
    made.security_groups.clear();
    made.source_dest_check = false;
    it.interfaces.push(made);
}

/// A transit gateway that the VPC and a VPN are attached to.
fn add_transit_gateway(it: &mut Network) {
    add_attachment_interface(it, "eni-tgw", "subnet-b", [10, 0, 1, 77]);
    let attachments = vec![vpc_attachment("tgw-attach-1", "vpc-1", &["eni-tgw"]), attachment("tgw-attach-2", &[])];
    let mut gateway = transit_gateway(attachments);
    gateway.route_tables[0].routes = vec![transit_route("10.0.0.0/16", Some("tgw-attach-1"))];
    it.transit_gateways.push(gateway);
}

#[test]
fn neighbours_that_are_right_have_no_findings() {
    assert_eq!(
        with_route(to_peering("10.9.0.0/16"), |it| it.vpc_peering_connections.push(peering("vpc-1", "vpc-9"))),
        []
    );
    assert_eq!(with_route(to_transit_gateway(), add_transit_gateway), []);
    let vgw = |it: &mut Network| it.vpn_gateways.push(vpn_gateway("vgw-1", Some("vpc-1")));
    assert_eq!(with_route(propagated("192.168.0.0/16", "vgw-1"), vgw), []);
    assert_eq!(found(|it| it.vpn_gateways.push(vpn_gateway("vgw-1", None))), []);
}

#[test]
fn a_peering_connection_joins_two_vpcs_one_of_which_is_described() {
    let with =
        |requester: &str, accepter: &str| found(|it| it.vpc_peering_connections.push(peering(requester, accepter)));
    assert_eq!(with("vpc-1", "vpc-1"), [("peering-with-itself", Error)]);
    assert_eq!(with("vpc-8", "vpc-9"), [("peering-of-nobody", Warning)]);
    assert_eq!(with("vpc-9", "vpc-1"), [], "the blocks at the connection are those of a VPC that is described");
}

#[test]
fn peered_blocks_do_not_overlap() {
    let described = |it: &mut Network| {
        add_second_vpc(it);
        it.vpc_peering_connections.push(peering("vpc-1", "vpc-2"));
    };
    assert_eq!(found(described), [("peering-overlap", Warning)]);
    let outside = |it: &mut Network| {
        let mut peering = peering("vpc-1", "vpc-9");
        peering.accepter.cidrs = vec![net("192.168.0.0/16"), net("10.0.128.0/20")];
        it.vpc_peering_connections.push(peering);
    };
    assert_eq!(found(outside), [("peering-overlap", Warning)]);
    let apart = |it: &mut Network| {
        add_other_vpc(it);
        it.vpc_peering_connections.push(peering("vpc-1", "vpc-2"));
    };
    assert_eq!(found(apart), []);
}

#[test]
fn two_vpcs_are_peered_once() {
    let twice = |active| {
        found(|it| {
            add_other_vpc(it);
            let mut second = peering("vpc-2", "vpc-1");
            (second.id, second.active) = ("pcx-2".into(), active);
            it.vpc_peering_connections = vec![peering("vpc-1", "vpc-2"), second];
        })
    };
    assert_eq!(twice(true), [("two-peerings", Warning)]);
    assert_eq!(twice(false), []);
}

#[test]
fn peers_whose_blocks_overlap_are_told_apart_by_routes() {
    let with = |block: &str| {
        found(|it| {
            let mut second = peering("vpc-1", "vpc-8");
            second.id = "pcx-2".into();
            second.accepter = PeeredVpc { vpc: "vpc-8".into(), cidrs: vec![net(block)] };
            it.vpc_peering_connections = vec![peering("vpc-1", "vpc-9"), second];
        })
    };
    assert_eq!(with("10.9.128.0/17"), [("peers-overlap", Warning)]);
    assert_eq!(with("10.8.0.0/16"), []);
}

#[test]
fn routes_to_peering_connections_lead_to_the_peers_blocks() {
    let with = |to: Route, change: fn(&mut VpcPeeringConnection)| {
        with_route(to, |it| {
            let mut peering = peering("vpc-1", "vpc-9");
            change(&mut peering);
            it.vpc_peering_connections.push(peering);
        })
    };
    assert_eq!(with(to_peering("10.0.0.0/8"), |_| ()), [], "a part of it is there");
    assert_eq!(with(to_peering("192.168.0.0/16"), |_| ()), [("peering-destination", Lint)]);
    assert_eq!(with(to_peering("192.168.0.0/16"), |it| it.accepter.cidrs.clear()), [], "nothing is known of the peer");
    assert_eq!(with(to_peering("10.9.0.0/16"), |it| it.active = false), [("peering-inactive", Lint)]);
    let elsewhere = |it: &mut VpcPeeringConnection| it.requester.vpc = "vpc-8".into();
    assert_eq!(with(to_peering("10.9.0.0/16"), elsewhere), [("not-attached", Warning), ("peering-of-nobody", Warning)]);
    assert_eq!(with_route(to_peering("10.9.0.0/16"), |_| ()), [("unknown-target", Error)]);
}

#[test]
fn routes_lead_to_gateways_that_are_attached() {
    assert_eq!(with_route(to_transit_gateway(), |_| ()), [("unknown-target", Error)]);
    let others = |it: &mut Network| it.transit_gateways.push(transit_gateway(vec![attachment("tgw-attach-2", &[])]));
    assert_eq!(with_route(to_transit_gateway(), others), [("not-attached", Warning)]);
    let to_vgw = || propagated("192.168.0.0/16", "vgw-1");
    assert_eq!(with_route(to_vgw(), |_| ()), [("unknown-target", Error)]);
    let detached = |it: &mut Network| it.vpn_gateways.push(vpn_gateway("vgw-1", None));
    assert_eq!(with_route(to_vgw(), detached), [("not-attached", Warning)]);
    let attached = |it: &mut Network| it.vpn_gateways.push(vpn_gateway("vgw-1", Some("vpc-1")));
    assert_eq!(with_route(propagated("2001:db9::/32", "vgw-1"), attached), [("vgw-ipv6", Warning)]);
}

#[test]
fn a_vpc_has_one_virtual_private_gateway() {
    let two = |it: &mut Network| {
        it.vpn_gateways = vec![vpn_gateway("vgw-1", Some("vpc-1")), vpn_gateway("vgw-2", Some("vpc-1"))];
    };
    assert_eq!(found(two), [("two-vgws", Error)]);
    let unknown = |it: &mut Network| it.vpn_gateways.push(vpn_gateway("vgw-1", Some("vpc-9")));
    assert_eq!(found(unknown), [("unknown-reference", Error)]);
}

/// What is found when the transit gateway is changed.
fn with_gateway(change: fn(&mut TransitGateway)) -> Vec<(&'static str, Severity)> {
    found(|it| {
        add_transit_gateway(it);
        change(&mut it.transit_gateways[0]);
    })
}

#[test]
fn attachments_name_what_is_there() {
    assert_eq!(
        with_gateway(|it| it.attachments[1].route_table = Some("tgw-rtb-9".into())),
        [("unknown-reference", Error)]
    );
    assert_eq!(with_gateway(|it| it.attachments[1].route_table = None), [("no-tgw-association", Lint)]);
    let interface = |it: &mut TransitGateway| {
        it.attachments.insert(1, vpc_attachment("tgw-attach-3", "vpc-9", &["eni-9"]));
    };
    assert_eq!(with_gateway(interface), [("unknown-reference", Error); 2]);
}

#[test]
fn a_vpc_is_attached_once_with_one_subnet_a_zone() {
    let twice = |it: &mut TransitGateway| it.attachments.push(vpc_attachment("tgw-attach-3", "vpc-1", &[]));
    assert_eq!(with_gateway(twice), [("two-attachments", Error)]);
    let zones = |zone: &str| {
        found(|it| {
            add_transit_gateway(it);
            add_attachment_interface(it, "eni-tgw-2", "subnet-a", [10, 0, 0, 77]);
            it.subnets[0] = Subnet { availability_zone: zone.to_owned(), ..it.subnets[0].clone() };
            // Which would be in another zone than those that it serves.
            it.route_tables[1].routes.retain(|route| !matches!(route.target, Target::NatGateway(_)));
            it.transit_gateways[0].attachments[0] = vpc_attachment("tgw-attach-1", "vpc-1", &["eni-tgw", "eni-tgw-2"]);
        })
    };
    assert_eq!(zones("a"), [("two-in-a-zone", Error)]);
    assert_eq!(zones("b"), []);
}

#[test]
fn routes_of_a_transit_gateway_lead_to_its_attachments() {
    let lead = |it: &mut TransitGateway| it.route_tables[0].routes[0].attachment = Some("tgw-attach-9".into());
    assert_eq!(with_gateway(lead), [("unknown-attachment", Warning)]);
    assert_eq!(with_gateway(|it| it.route_tables[0].routes[0].attachment = None), []);
    let list = |it: &mut TransitGateway| {
        let listed = Destination::PrefixList("pl-9".into());
        let route = TransitGatewayRoute { destination: listed, ..transit_route("10.0.0.0/8", None) };
        it.route_tables[0].routes.push(route);
    };
    assert_eq!(with_gateway(list), [("stale-prefix-list", Warning)]);
}
