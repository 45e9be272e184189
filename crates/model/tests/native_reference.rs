//! The native file of the manual and a small one, fact by fact.

use std::path::Path;

use ipnet::IpNet;
use vpcemu_model::behavior::{Preset, RstOnUnknown};
use vpcemu_model::native::{self, Loaded};
use vpcemu_model::{
    AclAction, Destination, EndpointKind, IcmpTypeCode, Id, InterfaceKind, Network, Peer, PortRange, Ports, Protocol,
    RouteTable, Target,
};

fn load(name: &str) -> Loaded {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data").join(name);
    native::load(&path).unwrap_or_else(|error| panic!("{error}"))
}

fn net(text: &str) -> IpNet {
    text.parse().expect("a block")
}

fn table<'n>(network: &'n Network, id: &str) -> &'n RouteTable {
    network.route_tables.iter().find(|table| table.id.as_str() == id).expect("the table")
}

/// Destinations and targets of a table, as text.
fn routes(network: &Network, id: &str) -> Vec<(String, String)> {
    let text = |route: &vpcemu_model::Route| {
        let destination = match &route.destination {
            Destination::Cidr(net) => net.to_string(),
            Destination::PrefixList(id) => id.to_string(),
        };
        (destination, route.target.id().map_or_else(|| "local".to_owned(), Id::to_string))
    };
    table(network, id).routes.iter().map(text).collect()
}

fn pairs(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
    pairs.iter().map(|(a, b)| ((*a).to_owned(), (*b).to_owned())).collect()
}

#[test]
fn the_reference_has_one_warning() {
    let loaded = load("reference.toml");
    let codes: Vec<_> = loaded.findings.iter().map(|finding| (finding.code, finding.origin.line)).collect();
    assert_eq!(codes, [("stale-group", Some(48))]);
    let assumed: Vec<_> = loaded.network.assumptions.iter().map(|of| (of.code.as_str(), of.place.as_str())).collect();
    assert_eq!(assumed, [("EMPTY_PREFIX_LIST", "pl-s3")]);
}

#[test]
fn the_reference_has_its_vpc_and_subnets_in_order() {
    let network = load("reference.toml").network;
    let vpc = &network.vpcs[0];
    assert_eq!(vpc.id.as_str(), "vpc-main");
    assert_eq!(vpc.name.as_deref(), Some("main"));
    assert_eq!(vpc.cidrs, [net("10.20.0.0/16"), net("2001:db8:1234:1a00::/56")]);
    assert_eq!(vpc.main_route_table.as_str(), "rtb-main-main");
    assert_eq!(vpc.default_network_acl.as_str(), "acl-main-default");
    assert_eq!(vpc.default_security_group.as_str(), "sg-main-default");
    assert_eq!(vpc.origin.line, Some(1));
    let subnets: Vec<_> = network.subnets.iter().map(|subnet| subnet.id.as_str()).collect();
    // As the file has them, which is not the order of names.
    assert_eq!(subnets, ["subnet-pub-a", "subnet-priv-a"]);
    assert_eq!(network.subnets[0].availability_zone, "us-east-1a");
    assert_eq!(network.subnets[0].network_acl.as_str(), "acl-main-default");
    assert_eq!(network.subnets[1].network_acl.as_str(), "acl-private");
    assert_eq!(network.subnets[1].route_table.as_str(), "rtb-private");
}

#[test]
fn the_reference_routes_as_written_after_local_ones() {
    let network = load("reference.toml").network;
    let local = [("10.20.0.0/16", "local"), ("2001:db8:1234:1a00::/56", "local")];
    let public = [local[0], local[1], ("0.0.0.0/0", "igw-igw"), ("::/0", "igw-igw")];
    assert_eq!(routes(&network, "rtb-public"), pairs(&public));
    let private = [local[0], local[1], ("0.0.0.0/0", "nat-nat"), ("::/0", "eigw-eigw"), ("pl-s3", "vpce-s3")];
    assert_eq!(routes(&network, "rtb-private"), pairs(&private));
    assert_eq!(routes(&network, "rtb-main-main"), pairs(&local));
    let private = table(&network, "rtb-private");
    assert!(private.routes[0].origin.is_implicit());
    assert_eq!(private.routes[2].origin.line, Some(29));
    assert_eq!(private.routes[4].target, Target::VpcEndpoint("vpce-s3".into()));
}

#[test]
fn the_reference_has_a_nat_gateway_with_an_interface() {
    let network = load("reference.toml").network;
    let nat = &network.nat_gateways[0];
    assert_eq!((nat.id.as_str(), nat.interface().map(Id::as_str)), ("nat-nat", Some("eni-nat")));
    assert_eq!(nat.addresses[0].translated.to_string(), "10.20.0.200");
    let eni = nat.interface().and_then(|id| network.interface(id)).expect("its interface");
    assert_eq!(eni.kind, InterfaceKind::NatGateway);
    assert_eq!(eni.ipv4[0].public.map(|public| public.to_string()).as_deref(), Some("203.0.113.20"));
    assert!(eni.security_groups.is_empty() && !eni.source_dest_check && eni.in_use);
}

#[test]
fn the_reference_filters() {
    let network = load("reference.toml").network;
    let acl = network.network_acls.iter().find(|acl| acl.id.as_str() == "acl-private").expect("the list");
    assert_eq!((acl.ingress[0].number, acl.ingress[0].action), (90, AclAction::Deny));
    assert_eq!((acl.ingress[0].protocol, acl.ingress[0].ports), (Protocol::All, Ports::Any));
    assert_eq!(acl.ingress[1].ports, Ports::Range(PortRange { from: 1024, to: 65535 }));
    assert_eq!(acl.egress[0].cidr, net("0.0.0.0/0"));
    assert_eq!(acl.ingress[1].origin.line, Some(39));
    let default = &network.network_acls[0];
    assert_eq!(default.id.as_str(), "acl-main-default");
    let numbers: Vec<_> = default.ingress.iter().map(|entry| (entry.number, entry.cidr)).collect();
    assert_eq!(numbers, [(100, net("0.0.0.0/0")), (101, net("::/0"))]);
    assert_eq!(default.ingress, default.egress);

    let group = network.security_groups.iter().find(|group| group.id.as_str() == "sg-web").expect("the group");
    let ids: Vec<_> = group.ingress.iter().map(|rule| rule.id.as_str()).collect();
    assert_eq!(ids, ["sgr-web-in-1", "sgr-web-in-2", "sgr-web-in-3", "sgr-web-in-4"]);
    assert_eq!(group.ingress[1].peer, Peer::PrefixList("pl-corp".into()));
    assert_eq!(group.ingress[2].peer, Peer::SecurityGroup("sg-app".into()));
    assert_eq!(group.ingress[3].ports, Ports::Icmp(IcmpTypeCode { kind: Some(8), code: None }));
    assert_eq!(group.egress.len(), 1);
    assert_eq!(group.egress[0].id.as_str(), "sgr-web-out-1");
    assert_eq!(group.ingress[0].origin.line, Some(46));
}

#[test]
fn the_reference_has_an_instance_an_endpoint_and_knobs() {
    let network = load("reference.toml").network;
    let eni = network.interface(&"eni-web".into()).expect("the instance's interface");
    assert_eq!((eni.name.as_deref(), eni.instance.clone()), (Some("web"), Some("i-web".into())));
    let addresses: Vec<_> = eni.addresses().map(|address| address.to_string()).collect();
    assert_eq!(addresses, ["10.20.0.10", "2001:db8:1234:1a00::10"]);
    assert_eq!(eni.ipv4[0].public.map(|public| public.to_string()).as_deref(), Some("203.0.113.10"));
    assert_eq!(eni.security_groups, ["sg-web".into()]);
    assert!(eni.source_dest_check && eni.in_use);
    assert!(network.instances[0].running);
    let endpoint = &network.vpc_endpoints[0];
    assert_eq!((endpoint.id.as_str(), endpoint.service.as_str()), ("vpce-s3", "s3"));
    assert_eq!(endpoint.kind, EndpointKind::Gateway { prefix_list: Some("pl-s3".into()) });
    let lists: Vec<_> = network.prefix_lists.iter().map(|list| (list.id.as_str(), list.entries.len())).collect();
    assert_eq!(lists, [("pl-corp", 1), ("pl-s3", 0)]);
    assert_eq!(network.behavior.preset, Preset::Aws);
    assert_eq!(network.behavior.nat_gateway.udp_idle.as_secs(), 350);
    assert_eq!(network.behavior.nat_gateway.rst_on_unknown, RstOnUnknown::Always);
}

#[test]
fn a_public_web_server_needs_few_lines() {
    let loaded = load("web-server.toml");
    assert!(loaded.source.text.lines().count() < 25);
    let network = loaded.network;
    let eni = network.interface(&"eni-web".into()).expect("the interface");
    // The first address after the four reserved ones (1.8).
    assert_eq!(eni.ipv4[0].private.to_string(), "10.0.0.4");
    assert_eq!(eni.ipv4[0].public.map(|public| public.to_string()).as_deref(), Some("203.0.113.10"));
    let assumed: Vec<_> = network.assumptions.iter().map(|of| (of.code.as_str(), of.place.as_str())).collect();
    assert_eq!(assumed, [("ADDRESS_CHOSEN", "eni-web")]);
    assert_eq!(routes(&network, "rtb-public"), pairs(&[("10.0.0.0/16", "local"), ("0.0.0.0/0", "igw-igw")]));
    assert_eq!(network.internet_gateways[0].vpc, Some("vpc-main".into()));
    assert_eq!(network.subnets[0].availability_zone, "a");
}

#[test]
fn only_one_vpc_can_be_kept() {
    let text = "[vpc.one]\ncidr = \"10.1.0.0/16\"\n[vpc.two]\ncidr = \"10.2.0.0/16\"\nname = \"second\"\n\
                [subnet.a]\nvpc = \"one\"\ncidr = \"10.1.0.0/24\"\n[subnet.b]\nvpc = \"vpc-two\"\ncidr = \"10.2.0.0/24\"\n\
                [instance.a]\nsubnet = \"a\"\n[instance.b]\nsubnet = \"b\"\n";
    let network = native::parse("two.toml", text).unwrap_or_else(|error| panic!("{error}")).network;
    for name in ["two", "vpc-two", "second"] {
        let only = network.clone().only_vpc(name);
        assert_eq!(only.vpcs.len(), 1, "{name}");
        let ids: Vec<_> = only.subnets.iter().map(|subnet| subnet.id.as_str()).collect();
        assert_eq!(ids, ["subnet-b"]);
        let ids: Vec<_> = only.instances.iter().map(|instance| instance.id.as_str()).collect();
        assert_eq!(ids, ["i-b"]);
        assert!(only.route_tables.iter().all(|table| table.vpc.as_str() == "vpc-two"));
        assert_eq!(only.security_groups.len(), 1);
    }
    assert!(network.only_vpc("three").vpcs.is_empty());
}
