//! Peering connections, transit gateways, virtual private gateways and endpoints of Gateway Load Balancers, as the file says
//! them.

use vpcemu_model::native::{self, Loaded};
use vpcemu_model::{
    AttachmentKind, AttachmentMedium, Destination, EndpointKind, Id, InterfaceKind, Network, PeeredVpc, Route,
    RouteOrigin, Target, TransitGateway, TransitGatewayAttachment, TransitGatewayRouteTable, VpcAttachment,
    VpcPeeringConnection,
};

const NEIGHBORS: &str = include_str!("data/neighbors.toml");

const BASE: &str = r#"
[vpc.main]
cidrs = ["10.0.0.0/16", "2001:db8::/56"]
[subnet.a]
cidrs = ["10.0.0.0/24", "2001:db8::/64"]
[subnet.b]
az = "b"
cidr = "10.0.1.0/24"
"#;

fn everything() -> Network {
    native::parse("neighbors.toml", NEIGHBORS).unwrap_or_else(|error| panic!("{error}")).network
}

fn load(more: &str) -> Loaded {
    native::parse("test.toml", &format!("{BASE}{more}")).unwrap_or_else(|error| panic!("{error}"))
}

fn network(more: &str) -> Network {
    load(more).network
}

fn nets(texts: &[&str]) -> Vec<ipnet::IpNet> {
    texts.iter().map(|text| text.parse().expect("a block")).collect()
}

fn peering<'n>(network: &'n Network, id: &str) -> &'n VpcPeeringConnection {
    network.vpc_peering_connections.iter().find(|it| it.id.as_str() == id).expect("the connection")
}

fn gateway(network: &Network) -> &TransitGateway {
    network.transit_gateways.first().expect("the gateway")
}

fn attachment<'n>(network: &'n Network, id: &str) -> &'n TransitGatewayAttachment {
    gateway(network).attachments.iter().find(|it| it.id.as_str() == id).expect("the attachment")
}

fn of_vpc<'n>(network: &'n Network, id: &str) -> &'n VpcAttachment {
    match &attachment(network, id).kind {
        AttachmentKind::Vpc(of) => of,
        AttachmentKind::Outside { .. } => panic!("{id} is outside"),
    }
}

/// Destinations with what they lead to, `*` before what is propagated.
fn transit_routes(table: &TransitGatewayRouteTable) -> Vec<String> {
    let text = |route: &vpcemu_model::TransitGatewayRoute| {
        let to = route.attachment.as_ref().map_or("blackhole", Id::as_str);
        format!("{}{} {to}", mark(route.route_origin), destination(&route.destination))
    };
    table.routes.iter().map(text).collect()
}

fn routes(routes: &[Route]) -> Vec<String> {
    let text = |route: &Route| {
        let to = route.target.id().map_or("local", Id::as_str);
        format!("{}{} {to}", mark(route.route_origin), destination(&route.destination))
    };
    routes.iter().map(text).collect()
}

fn mark(origin: RouteOrigin) -> &'static str {
    if origin == RouteOrigin::Propagated { "*" } else { "" }
}

fn destination(destination: &Destination) -> String {
    match destination {
        Destination::Cidr(block) => block.to_string(),
        Destination::PrefixList(list) => list.to_string(),
    }
}

/// The line of a text that begins so.
fn line(text: &str, start: &str) -> Option<u32> {
    let at = text.lines().position(|line| line.starts_with(start)).expect("the line");
    u32::try_from(at + 1).ok()
}

#[test]
fn a_file_with_all_neighbours_has_no_findings() {
    let loaded = native::parse("neighbors.toml", NEIGHBORS).unwrap_or_else(|error| panic!("{error}"));
    assert_eq!(loaded.findings, []);
    assert_eq!(loaded.network.assumptions, []);
}

#[test]
fn a_peering_connection_has_two_sides_one_of_which_may_be_outside() {
    let network = everything();
    let shared = peering(&network, "pcx-shared");
    let side = |vpc: &str, cidrs: &[&str]| PeeredVpc { vpc: vpc.into(), cidrs: nets(cidrs) };
    assert_eq!((&shared.requester, &shared.accepter), (&side("vpc-main", &[]), &side("vpc-shared", &[])));
    assert_eq!((shared.name.as_deref(), shared.inter_region, shared.active), (Some("shared"), false, true));
    assert_eq!(shared.origin.line, line(NEIGHBORS, "[vpc_peering_connection.shared]"));
    let partner = peering(&network, "pcx-partner");
    assert_eq!(partner.requester, side("vpc-main", &[]));
    assert_eq!(partner.accepter, side("vpc-0partner", &["10.8.0.0/16", "10.9.0.0/16"]));
    assert!(partner.inter_region && partner.active);
    // Whoever it is.
    let pending = peering(&network, "pcx-pending");
    assert_eq!(pending.accepter, side("vpc-pending-peer", &["10.7.0.0/16"]));
    assert!(!pending.active);
}

#[test]
fn a_transit_gateway_has_attachments_in_the_order_of_the_file() {
    let network = everything();
    let hub = gateway(&network);
    assert_eq!((hub.id.as_str(), hub.name.as_deref(), hub.security_group_referencing), ("tgw-hub", Some("hub"), true));
    let main = VpcAttachment {
        vpc: "vpc-main".into(),
        interfaces: vec!["eni-tgw-attach-main-1".into(), "eni-tgw-attach-main-2".into()],
        appliance_mode: true,
        security_group_referencing: true,
        ipv6: true,
    };
    assert_eq!(*of_vpc(&network, "tgw-attach-main"), main);
    let shared = VpcAttachment {
        vpc: "vpc-shared".into(),
        interfaces: vec!["eni-tgw-attach-shared-1".into()],
        appliance_mode: false,
        security_group_referencing: false,
        ipv6: false,
    };
    assert_eq!(*of_vpc(&network, "tgw-attach-shared"), shared);
    let outside = hub.attachments.iter().filter_map(|it| match &it.kind {
        AttachmentKind::Vpc(_) => None,
        AttachmentKind::Outside { medium, prefixes } => Some((it.id.as_str(), *medium, prefixes.clone())),
    });
    assert_eq!(
        outside.collect::<Vec<_>>(),
        [
            ("tgw-attach-office", AttachmentMedium::Vpn, nets(&["192.168.0.0/16"])),
            ("tgw-attach-direct", AttachmentMedium::DirectConnect, Vec::new()),
            ("tgw-attach-appliance", AttachmentMedium::Connect, Vec::new()),
            ("tgw-attach-overseas", AttachmentMedium::Peering, Vec::new()),
        ]
    );
    let tables: Vec<_> =
        hub.attachments.iter().map(|it| (it.route_table.as_ref().map(Id::as_str), it.available)).collect();
    let (inside, outside) = (Some("tgw-rtb-inside"), Some("tgw-rtb-outside"));
    let expected = [(inside, true), (inside, true), (outside, false), (inside, true), (inside, true), (inside, true)];
    assert_eq!(tables, expected);
}

#[test]
fn an_attachment_has_an_interface_in_each_subnet() {
    let network = everything();
    let shown = |id: &str| {
        let eni = network.interface(&id.into()).expect("the interface");
        assert_eq!(eni.kind, InterfaceKind::TransitGateway);
        assert!(!eni.source_dest_check && eni.security_groups.is_empty() && eni.in_use);
        (eni.subnet.to_string(), eni.ipv4[0].private.to_string())
    };
    assert_eq!(shown("eni-tgw-attach-main-1"), ("subnet-tgw-a".to_owned(), "10.0.255.9".to_owned()));
    assert_eq!(shown("eni-tgw-attach-main-2"), ("subnet-tgw-b".to_owned(), "10.0.255.25".to_owned()));
    // The first address after the four reserved ones (1.8).
    assert_eq!(shown("eni-tgw-attach-shared-1"), ("subnet-shared".to_owned(), "10.1.0.4".to_owned()));
}

#[test]
fn static_routes_come_before_those_that_attachments_propagate() {
    let network = everything();
    let [inside, outside] = &gateway(&network).route_tables[..] else { panic!("two tables") };
    assert_eq!((inside.id.as_str(), inside.name.as_deref()), ("tgw-rtb-inside", Some("inside")));
    assert_eq!(
        transit_routes(inside),
        [
            "0.0.0.0/0 tgw-attach-office",
            "10.66.0.0/16 blackhole",
            "pl-corp tgw-attach-overseas",
            "*10.0.0.0/16 tgw-attach-main",
            "*2001:db8:0:100::/56 tgw-attach-main",
            "*10.1.0.0/16 tgw-attach-shared",
        ]
    );
    assert_eq!(transit_routes(outside), ["*10.0.0.0/16 tgw-attach-main", "*2001:db8:0:100::/56 tgw-attach-main"]);
    assert_eq!(inside.routes[0].origin.line, line(NEIGHBORS, "routes = [{ to = \"0.0.0.0/0\", via = \"office\""));
}

#[test]
fn tables_of_the_vpc_lead_to_neighbours_by_name_and_learn_from_virtual_private_gateways() {
    let network = everything();
    let table = network.route_tables.iter().find(|table| table.id.as_str() == "rtb-private").expect("the table");
    assert_eq!(
        routes(&table.routes),
        [
            "10.0.0.0/16 local",
            "2001:db8:0:100::/56 local",
            "10.1.0.0/16 pcx-shared",
            "10.8.0.0/15 pcx-partner",
            "192.168.0.0/16 tgw-hub",
            "172.22.0.0/16 vgw-vpn",
            "0.0.0.0/0 vpce-inspect",
            "*172.20.0.0/16 vgw-vpn",
            "*172.21.0.0/16 vgw-vpn",
        ]
    );
    let targets: Vec<_> = table.routes[2..7].iter().map(|route| route.target.clone()).collect();
    assert_eq!(
        targets,
        [
            Target::VpcPeeringConnection("pcx-shared".into()),
            Target::VpcPeeringConnection("pcx-partner".into()),
            Target::TransitGateway("tgw-hub".into()),
            Target::VpnGateway("vgw-vpn".into()),
            Target::VpcEndpoint("vpce-inspect".into()),
        ]
    );
}

#[test]
fn a_virtual_private_gateway_has_blocks_and_a_table() {
    let network = everything();
    let [gateway] = &network.vpn_gateways[..] else { panic!("one gateway") };
    assert_eq!((gateway.id.as_str(), gateway.name.as_deref()), ("vgw-vpn", Some("vpn")));
    assert_eq!(gateway.vpc, Some("vpc-main".into()));
    assert_eq!(gateway.prefixes, Some(nets(&["172.20.0.0/16", "172.21.0.0/16"])));
    let [table] = &network.gateway_route_tables[..] else { panic!("one table") };
    assert_eq!((table.gateway.as_str(), table.vpc.as_str()), ("vgw-vpn", "vpc-main"));
}

#[test]
fn a_load_balancers_endpoint_has_one_interface() {
    let network = everything();
    let [endpoint] = &network.vpc_endpoints[..] else { panic!("one endpoint") };
    assert_eq!((endpoint.id.as_str(), endpoint.service.as_str()), ("vpce-inspect", "inspection"));
    assert_eq!(endpoint.kind, EndpointKind::GatewayLoadBalancer { interface: "eni-inspect-1".into() });
    let eni = network.interface(&"eni-inspect-1".into()).expect("the interface");
    assert_eq!((eni.kind, eni.subnet.as_str()), (InterfaceKind::GatewayLoadBalancerEndpoint, "subnet-endpoint"));
    assert_eq!(eni.ipv4[0].private.to_string(), "10.0.2.9");
    assert!(!eni.source_dest_check && eni.security_groups.is_empty());
}

#[test]
fn little_needs_to_be_said() {
    let network = network(
        "[vpc_peering_connection.partner]\npeer_cidrs = [\"10.9.0.0/16\"]\n[transit_gateway.hub.attachment.main]\n\
         subnets = [\"a\"]\n[vpn_gateway.vpn]\n[vpc_endpoint.fw]\ntype = \"gateway-load-balancer\"\nservice = \"fw\"\nsubnets = [\"b\"]\n",
    );
    let peering = peering(&network, "pcx-partner");
    assert_eq!((peering.requester.vpc.as_str(), peering.accepter.vpc.as_str()), ("vpc-main", "vpc-partner-peer"));
    assert!(peering.active && !peering.inter_region);
    let hub = gateway(&network);
    assert!(!hub.security_group_referencing);
    // The one table that AWS makes (10.22), which learns no IPv6 from a VPC that does not take any.
    let [table] = &hub.route_tables[..] else { panic!("one table") };
    assert_eq!((table.id.as_str(), table.name.as_deref()), ("tgw-rtb-hub", None));
    assert_eq!(transit_routes(table), ["*10.0.0.0/16 tgw-attach-main"]);
    let main = attachment(&network, "tgw-attach-main");
    assert_eq!((main.route_table.as_ref().map(Id::as_str), main.available), (Some("tgw-rtb-hub"), true));
    let of = of_vpc(&network, "tgw-attach-main");
    assert_eq!(of.vpc.as_str(), "vpc-main");
    assert!(!of.appliance_mode && !of.security_group_referencing && !of.ipv6);
    let [vgw] = &network.vpn_gateways[..] else { panic!("one gateway") };
    assert_eq!((vgw.vpc.clone(), vgw.prefixes.clone()), (Some("vpc-main".into()), None));
    let chosen = network.interface(&"eni-fw-1".into()).expect("the interface");
    assert_eq!(chosen.ipv4[0].private.to_string(), "10.0.1.4");
}

#[test]
fn the_only_table_is_the_default_one_and_of_several_none_is() {
    let attached = "[transit_gateway.hub.attachment.main]\nsubnets = [\"a\"]\n";
    let one = network(&format!("{attached}[transit_gateway.hub.route_table.only]\n"));
    assert_eq!(attachment(&one, "tgw-attach-main").route_table, Some("tgw-rtb-only".into()));
    let loaded = load(&format!("{attached}[transit_gateway.hub.route_table.x]\n[transit_gateway.hub.route_table.y]\n"));
    assert_eq!(attachment(&loaded.network, "tgw-attach-main").route_table, None);
    assert!(gateway(&loaded.network).route_tables.iter().all(|table| table.routes.is_empty()));
    let codes: Vec<_> = loaded.findings.iter().map(|finding| finding.code).collect();
    assert_eq!(codes, ["no-tgw-association"]);
}

#[test]
fn ids_of_neighbours_that_are_not_described_stay_ways_out_of_the_model() {
    let network = network(
        "[route_table.t]\nroutes = [{ to = \"10.9.0.0/16\", via = \"pcx-1\" }, { to = \"10.8.0.0/16\", via = \"tgw-1\" }, { to = \"10.7.0.0/16\", via = \"vgw-1\" }]\n",
    );
    let table = network.route_tables.iter().find(|table| table.id.as_str() == "rtb-t").expect("the table");
    let edges = ["pcx-1", "tgw-1", "vgw-1"].map(|id| Target::Edge(id.into()));
    assert_eq!(table.routes[2..].iter().map(|route| route.target.clone()).collect::<Vec<_>>(), edges);
    assert!(network.assumptions.iter().all(|of| of.code == "EDGE_TARGET"));
    assert_eq!(network.assumptions.len(), 3);
}

#[test]
fn of_one_vpc_the_others_stay_as_blocks_outside() {
    let only = everything().only_vpc("main");
    let ids: Vec<_> = only.vpc_peering_connections.iter().map(|it| it.id.as_str()).collect();
    assert_eq!(ids, ["pcx-shared", "pcx-partner"]);
    let shared = PeeredVpc { vpc: "vpc-shared".into(), cidrs: nets(&["10.1.0.0/16"]) };
    assert_eq!(peering(&only, "pcx-shared").accepter, shared);
    assert_eq!(peering(&only, "pcx-partner").accepter.cidrs.len(), 2);
    let outside = AttachmentKind::Outside { medium: AttachmentMedium::Connect, prefixes: nets(&["10.1.0.0/16"]) };
    assert_eq!(attachment(&only, "tgw-attach-shared").kind, outside);
    assert_eq!(of_vpc(&only, "tgw-attach-main").interfaces.len(), 2);
    assert_eq!((only.vpn_gateways.len(), only.vpc_endpoints.len()), (1, 1));
    let stale: Vec<_> = vpcemu_model::validate::validate(&only).iter().map(|it| it.code).collect();
    assert_eq!(stale, ["stale-group"], "the other VPC's group is not there any more");

    let only = everything().only_vpc("shared");
    // What IPv6 the other one has goes with its attachment.
    let blocks = nets(&["10.0.0.0/16", "2001:db8:0:100::/56"]);
    let outside = AttachmentKind::Outside { medium: AttachmentMedium::Connect, prefixes: blocks };
    assert_eq!(attachment(&only, "tgw-attach-main").kind, outside);
    assert_eq!((only.vpn_gateways.len(), only.vpc_endpoints.len(), only.gateway_route_tables.len()), (0, 0, 0));
    assert_eq!(peering(&only, "pcx-shared").requester.cidrs.len(), 2);
}
