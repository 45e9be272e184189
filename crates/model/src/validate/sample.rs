//! A small network that is right in every respect, for tests to damage.

#![allow(clippy::unwrap_used, reason = "a test may panic, in its helpers too")]

use std::net::Ipv4Addr;

use ipnet::IpNet;

use crate::*;

/// A block.
pub(crate) fn net(text: &str) -> IpNet {
    text.parse().unwrap()
}

/// The codes of what validation finds.
pub(crate) fn codes(network: &Network) -> Vec<&'static str> {
    super::validate(network).iter().map(|finding| finding.code).collect()
}

/// An active static route to a block.
pub(crate) fn route(destination: &str, target: Target) -> Route {
    Route {
        destination: Destination::Cidr(net(destination)),
        target,
        route_origin: RouteOrigin::Static,
        active: true,
        origin: Origin::implicit(),
    }
}

/// An interface with one address.
pub(crate) fn interface(id: &str, subnet: &str, private: [u8; 4], public: Option<[u8; 4]>) -> NetworkInterface {
    NetworkInterface {
        id: id.into(),
        name: None,
        subnet: subnet.into(),
        kind: InterfaceKind::Interface,
        instance: None,
        ipv4: vec![PrivateIpv4 { private: private.into(), public: public.map(Ipv4Addr::from) }],
        ipv6: Vec::new(),
        prefixes: Vec::new(),
        security_groups: vec!["sg-1".into()],
        source_dest_check: true,
        forward: None,
        in_use: true,
        connection_tracking: ConnectionTracking::default(),
        deny_all_igw_traffic: false,
        origin: Origin::implicit(),
    }
}

/// A rule for TCP port 443.
pub(crate) fn rule(id: &str, peer: Peer) -> SecurityGroupRule {
    let ports = Ports::Range(PortRange { from: 443, to: 443 });
    SecurityGroupRule { id: id.into(), protocol: Protocol::TCP, ports, peer, origin: Origin::implicit() }
}

/// An entry that allows everything.
pub(crate) fn entry(number: u16, cidr: &str) -> AclEntry {
    let (action, protocol) = (AclAction::Allow, Protocol::All);
    AclEntry { number, action, protocol, ports: Ports::Any, cidr: net(cidr), origin: Origin::implicit() }
}

/// A second VPC with a subnet and their table, list and group, all named `...-2`.
pub(crate) fn add_second_vpc(network: &mut Network) {
    let origin = Origin::implicit();
    let vpc: Id = "vpc-2".into();
    network.vpcs.push(Vpc {
        id: vpc.clone(),
        cidrs: vec![net("10.0.0.0/16")],
        main_route_table: "rtb-2".into(),
        default_network_acl: "acl-2".into(),
        default_security_group: "sg-2".into(),
        ..network.vpcs[0].clone()
    });
    network.subnets.push(Subnet {
        id: "subnet-2".into(),
        vpc: vpc.clone(),
        cidrs: vec![net("10.0.0.0/24")],
        route_table: "rtb-2".into(),
        network_acl: "acl-2".into(),
        ..network.subnets[0].clone()
    });
    let routes = vec![route("10.0.0.0/16", Target::Local)];
    network.route_tables.push(RouteTable { id: "rtb-2".into(), name: None, vpc: vpc.clone(), routes, origin });
    network.network_acls.push(NetworkAcl { id: "acl-2".into(), vpc: vpc.clone(), ..network.network_acls[0].clone() });
    let (ingress, egress, origin) = (Vec::new(), Vec::new(), Origin::implicit());
    network.security_groups.push(SecurityGroup {
        id: "sg-2".into(),
        name: None,
        vpc,
        further_vpcs: Vec::new(),
        ingress,
        egress,
        origin,
    });
}

/// An active peering connection within a region; the accepter's blocks are those of a VPC that is not described.
pub(crate) fn peering(requester: &str, accepter: &str) -> VpcPeeringConnection {
    VpcPeeringConnection {
        id: "pcx-1".into(),
        name: None,
        requester: PeeredVpc { vpc: requester.into(), cidrs: Vec::new() },
        accepter: PeeredVpc { vpc: accepter.into(), cidrs: vec![net("10.9.0.0/16")] },
        inter_region: false,
        active: true,
        origin: Origin::implicit(),
    }
}

/// An attachment of something outside.
pub(crate) fn attachment(id: &str, prefixes: &[&str]) -> TransitGatewayAttachment {
    let prefixes = prefixes.iter().map(|it| net(it)).collect();
    TransitGatewayAttachment {
        id: id.into(),
        kind: AttachmentKind::Outside { medium: AttachmentMedium::Vpn, prefixes },
        route_table: Some("tgw-rtb-1".into()),
        available: true,
        origin: Origin::implicit(),
    }
}

/// An attachment of a VPC, with security group referencing.
pub(crate) fn vpc_attachment(id: &str, vpc: &str, interfaces: &[&str]) -> TransitGatewayAttachment {
    let kind = AttachmentKind::Vpc(VpcAttachment {
        vpc: vpc.into(),
        interfaces: interfaces.iter().map(|it| (*it).into()).collect(),
        appliance_mode: false,
        security_group_referencing: true,
        ipv6: false,
    });
    TransitGatewayAttachment { kind, ..attachment(id, &[]) }
}

/// A transit gateway with security group referencing and one empty table.
pub(crate) fn transit_gateway(attachments: Vec<TransitGatewayAttachment>) -> TransitGateway {
    let (name, origin) = (None, Origin::implicit());
    let table =
        TransitGatewayRouteTable { id: "tgw-rtb-1".into(), name: None, routes: Vec::new(), origin: origin.clone() };
    let route_tables = vec![table];
    TransitGateway { id: "tgw-1".into(), name, security_group_referencing: true, attachments, route_tables, origin }
}

/// A static route of a transit gateway.
pub(crate) fn transit_route(destination: &str, attachment: Option<&str>) -> TransitGatewayRoute {
    TransitGatewayRoute {
        destination: Destination::Cidr(net(destination)),
        attachment: attachment.map(Id::from),
        route_origin: RouteOrigin::Static,
        origin: Origin::implicit(),
    }
}

/// A virtual private gateway.
pub(crate) fn vpn_gateway(id: &str, vpc: Option<&str>) -> VpnGateway {
    VpnGateway { id: id.into(), name: None, vpc: vpc.map(Id::from), prefixes: None, origin: Origin::implicit() }
}

/// A route that a virtual private gateway propagates.
pub(crate) fn propagated(destination: &str, gateway: &str) -> Route {
    Route { route_origin: RouteOrigin::Propagated, ..route(destination, Target::VpnGateway(gateway.into())) }
}

/// An endpoint of the first VPC.
pub(crate) fn endpoint(kind: EndpointKind) -> VpcEndpoint {
    VpcEndpoint { kind, ..network().vpc_endpoints.remove(0) }
}

/// One VPC with a public subnet (a web host, a NAT gateway), a private one (an application), and every kind of gateway.
pub(crate) fn network() -> Network {
    let (origin, vpc) = (Origin::implicit(), Id::from("vpc-1"));
    let subnet = |id: &str, cidrs: &[&str], table: &str| Subnet {
        id: id.into(),
        name: None,
        vpc: vpc.clone(),
        availability_zone: "a".to_owned(),
        availability_zone_id: None,
        cidrs: cidrs.iter().map(|it| net(it)).collect(),
        route_table: table.into(),
        network_acl: "acl-1".into(),
        origin: origin.clone(),
    };
    let table =
        |id: &str, routes| RouteTable { id: id.into(), name: None, vpc: vpc.clone(), routes, origin: origin.clone() };
    let local = || vec![route("10.0.0.0/16", Target::Local), route("2001:db8::/56", Target::Local)];
    let mut public = local();
    public.insert(1, route("0.0.0.0/0", Target::InternetGateway("igw-1".into())));
    let mut private = local();
    private.push(route("0.0.0.0/0", Target::NatGateway("nat-1".into())));
    private.push(route("::/0", Target::EgressOnlyInternetGateway("eigw-1".into())));
    let listed = Destination::PrefixList("pl-1".into());
    private.push(Route { destination: listed, ..route("::/0", Target::VpcEndpoint("vpce-1".into())) });
    let nat = NetworkInterface {
        kind: InterfaceKind::NatGateway,
        security_groups: Vec::new(),
        source_dest_check: false,
        ..interface("eni-nat", "subnet-a", [10, 0, 0, 220], Some([198, 51, 100, 20]))
    };
    let (app, web) = ("subnet-b", "subnet-a");
    Network {
        vpcs: vec![Vpc {
            id: vpc.clone(),
            name: None,
            account: None,
            cidrs: vec![net("10.0.0.0/16"), net("2001:db8::/56")],
            main_route_table: "rtb-b".into(),
            default_network_acl: "acl-1".into(),
            default_security_group: "sg-1".into(),
            origin: origin.clone(),
        }],
        subnets: vec![
            subnet("subnet-a", &["10.0.0.0/24", "2001:db8:0:a::/64"], "rtb-a"),
            subnet("subnet-b", &["10.0.1.0/24"], "rtb-b"),
        ],
        route_tables: vec![table("rtb-a", public), table("rtb-b", private)],
        network_acls: vec![NetworkAcl {
            id: "acl-1".into(),
            name: None,
            vpc: vpc.clone(),
            ingress: vec![entry(100, "0.0.0.0/0"), entry(101, "::/0")],
            egress: vec![entry(100, "0.0.0.0/0"), entry(101, "::/0")],
            origin: origin.clone(),
        }],
        security_groups: vec![SecurityGroup {
            id: "sg-1".into(),
            name: None,
            vpc: vpc.clone(),
            further_vpcs: Vec::new(),
            ingress: vec![rule("sgr-1", Peer::SecurityGroup("sg-1".into())), rule("sgr-2", Peer::Cidr(net("::/0")))],
            egress: vec![rule("sgr-3", Peer::PrefixList("pl-1".into()))],
            origin: origin.clone(),
        }],
        prefix_lists: vec![PrefixList {
            id: "pl-1".into(),
            name: None,
            entries: vec![net("52.216.0.0/15")],
            origin: origin.clone(),
        }],
        interfaces: vec![
            interface("eni-web", web, [10, 0, 0, 10], Some([198, 51, 100, 7])),
            interface("eni-app", app, [10, 0, 1, 5], None),
            nat,
        ],
        internet_gateways: vec![InternetGateway { id: "igw-1".into(), vpc: Some(vpc.clone()), origin: origin.clone() }],
        egress_only_internet_gateways: vec![EgressOnlyInternetGateway {
            id: "eigw-1".into(),
            vpc: vpc.clone(),
            origin: origin.clone(),
        }],
        nat_gateways: vec![NatGateway {
            id: "nat-1".into(),
            name: None,
            vpc: vpc.clone(),
            placement: Placement::Zonal { subnet: "subnet-a".into(), interface: "eni-nat".into() },
            connectivity: Connectivity::Public,
            addresses: vec![NatAddress {
                translated: [10, 0, 0, 220].into(),
                public: Some([198, 51, 100, 20].into()),
                zone: None,
            }],
            available: true,
            origin: origin.clone(),
        }],
        vpc_endpoints: vec![VpcEndpoint {
            id: "vpce-1".into(),
            name: None,
            vpc,
            service: "s3".to_owned(),
            kind: EndpointKind::Gateway { prefix_list: Some("pl-1".into()) },
            origin,
        }],
        ..Network::default()
    }
}
