//! What a file need not say.

use std::time::Duration;

use vpcemu_model::behavior::Preset;
use vpcemu_model::native::{self, Loaded};
use vpcemu_model::{IcmpTypeCode, Id, InterfaceKind, Network, Peer, Ports, Target};

/// One VPC with one subnet; its IPv6 block is there for the rules of both families.
const BASE: &str = "[vpc.main]\ncidrs = [\"10.0.0.0/16\", \"2001:db8::/56\"]\n\
                    [subnet.a]\ncidrs = [\"10.0.0.0/24\", \"2001:db8::/64\"]\n";

fn load(more: &str) -> Loaded {
    native::parse("test.toml", &format!("{BASE}{more}")).unwrap_or_else(|error| panic!("{error}"))
}

fn network(more: &str) -> Network {
    load(more).network
}

#[test]
fn a_group_lets_everything_out_unless_it_says_otherwise() {
    let network = network("[security_group.new]\n[security_group.shut]\negress = []\n");
    let group = |id: &str| network.security_groups.iter().find(|group| group.id.as_str() == id).expect("the group");
    let ids: Vec<_> = group("sg-new").egress.iter().map(|rule| rule.id.as_str()).collect();
    assert_eq!(ids, ["sgr-new-out-default", "sgr-new-out-default-v6"]);
    assert!(group("sg-new").ingress.is_empty());
    assert!(group("sg-shut").egress.is_empty());
    let default = group("sg-main-default");
    assert_eq!(default.ingress[0].peer, Peer::SecurityGroup("sg-main-default".into()));
    assert_eq!(default.ingress[0].id.as_str(), "sgr-main-default-in-1");
    assert_eq!(default.egress.len(), 2);
    assert!(default.origin.is_implicit());
}

#[test]
fn a_written_network_acl_denies_by_itself() {
    let network = network("[network_acl.own]\n");
    let acl = network.network_acls.iter().find(|acl| acl.id.as_str() == "acl-own").expect("the list");
    assert!(acl.ingress.is_empty() && acl.egress.is_empty());
    assert_eq!(network.subnets[0].network_acl.as_str(), "acl-main-default");
}

#[test]
fn written_defaults_replace_the_made_ones() {
    let network = network(
        "[route_table.t]\nmain = true\n[network_acl.n]\ndefault = true\n[security_group.g]\ndefault = true\n[instance.i]\nsubnet = \"a\"\n",
    );
    assert_eq!((network.route_tables.len(), network.network_acls.len(), network.security_groups.len()), (1, 1, 1));
    assert_eq!(network.subnets[0].route_table.as_str(), "rtb-t");
    assert_eq!(network.subnets[0].network_acl.as_str(), "acl-n");
    assert_eq!(network.interfaces[0].security_groups, ["sg-g".into()]);
    assert_eq!(network.vpcs[0].main_route_table.as_str(), "rtb-t");
}

#[test]
fn a_vpc_without_ipv6_has_one_default_entry() {
    let text = "[vpc.vpc-0a]\ncidr = \"10.0.0.0/16\"\n";
    let network = native::parse("test.toml", text).unwrap_or_else(|error| panic!("{error}")).network;
    assert_eq!(network.network_acls[0].id.as_str(), "acl-0a-default");
    assert_eq!(network.network_acls[0].ingress.len(), 1);
}

#[test]
fn a_written_local_route_is_not_added_again() {
    let network = network(
        "[instance.fw]\nsubnet = \"a\"\nsource_dest_check = false\n[route_table.t]\nroutes = [{ to = \"10.0.0.0/16\", via = \"fw\" }, { to = \"2001:db8::/56\", via = \"local\" }]\n",
    );
    let table = network.route_tables.iter().find(|table| table.id.as_str() == "rtb-t").expect("the table");
    assert_eq!(table.routes.len(), 2);
    assert_eq!(table.routes[0].target, Target::NetworkInterface("eni-fw".into()));
    assert!(!table.routes[1].origin.is_implicit());
}

#[test]
fn chosen_addresses_are_free_ones() {
    // `first` comes before the interfaces that own .4 and .5.
    let network = network(
        "[instance.first]\nsubnet = \"a\"\n[instance.second]\nsubnet = \"a\"\naddresses = [\"10.0.0.4\"]\n[instance.third]\nsubnet = \"a\"\n\
         [eni.more]\nsubnet = \"a\"\ninstance = \"third\"\naddresses = [\"10.0.0.5\"]\nsecondary = [{ private = \"10.0.0.7\", public = \"203.0.113.7\" }]\n",
    );
    let address = |id: &str| network.interface(&id.into()).expect("the interface").ipv4[0].private.to_string();
    assert_eq!(
        [address("eni-first"), address("eni-second"), address("eni-third")],
        ["10.0.0.6", "10.0.0.4", "10.0.0.8"]
    );
    let more = network.interface(&"eni-more".into()).expect("the interface");
    assert_eq!(more.ipv4[1].public.map(|public| public.to_string()).as_deref(), Some("203.0.113.7"));
    assert_eq!(more.security_groups, ["sg-main-default".into()]);
}

#[test]
fn what_is_stopped_is_not_in_use_and_timers_are_read() {
    let network = network(
        "[instance.web]\nsubnet = \"a\"\nrunning = false\nname = \"Web\"\ninstance_type = \"m7i.large\"\ntcp_established_timeout = \"350s\"\nudp_stream_timeout = \"2m\"\n\
         [eni.more]\nsubnet = \"a\"\ninstance = \"i-web\"\naddresses = [\"10.0.0.9\"]\n[eni.free]\nsubnet = \"a\"\naddresses = [\"10.0.0.10\"]\nprefixes = [\"10.0.0.16/28\"]\n",
    );
    let used: Vec<_> = network.interfaces.iter().map(|eni| (eni.id.as_str(), eni.in_use)).collect();
    assert_eq!(used, [("eni-web", false), ("eni-more", false), ("eni-free", true)]);
    let timers = network.interfaces[0].connection_tracking;
    assert_eq!((timers.tcp_established, timers.udp), (Some(Duration::from_secs(350)), None));
    assert_eq!(timers.udp_stream, Some(Duration::from_secs(120)));
    assert_eq!(network.instances[0].name.as_deref(), Some("Web"));
    assert_eq!(network.instances[0].instance_type.as_deref(), Some("m7i.large"));
}

#[test]
fn an_id_of_an_instance_leads_to_its_primary_interface() {
    let network = network(
        "[instance.i-0fw]\nsubnet = \"a\"\nsource_dest_check = false\n[eni.eni-0b]\nsubnet = \"a\"\ninstance = \"i-0fw\"\naddresses = [\"10.0.0.9\"]\nsource_dest_check = false\n\
         [route_table.t]\nroutes = [{ to = \"192.0.2.0/24\", via = \"i-0fw\" }, { to = \"198.51.100.0/24\", via = \"eni-0b\" }]\n",
    );
    let table = network.route_tables.iter().find(|table| table.id.as_str() == "rtb-t").expect("the table");
    let targets: Vec<_> = table.routes.iter().filter_map(|route| route.target.id()).map(|id| id.as_str()).collect();
    assert_eq!(targets, ["eni-0fw", "eni-0b"]);
}

#[test]
fn a_nat_gateway_yields_its_interface_name() {
    let network = network(
        "[internet_gateway.igw]\n[route_table.t]\nmain = true\nroutes = [{ to = \"0.0.0.0/0\", via = \"igw\" }]\n\
         [nat_gateway.nat]\nsubnet = \"a\"\naddresses = [{ private = \"10.0.0.9\", public = \"203.0.113.9\" }]\n[instance.nat]\nsubnet = \"a\"\n",
    );
    assert_eq!(network.nat_gateways[0].interface().map(Id::as_str), Some("eni-nat-nat"));
    assert_eq!(network.interface(&"eni-nat".into()).expect("the instance's").kind, InterfaceKind::Interface);
}

#[test]
fn ways_out_of_the_model_are_edges() {
    let network = network(
        "[route_table.t]\nroutes = [{ to = \"10.9.0.0/16\", via = \"pcx-1\" }, { to = \"10.8.0.0/16\", via = \"vpce-9\" }, { to = \"10.7.0.0/16\", via = \"blackhole\" }]\n",
    );
    let table = network.route_tables.iter().find(|table| table.id.as_str() == "rtb-t").expect("the table");
    assert_eq!(table.routes[2].target, Target::Edge("pcx-1".into()));
    assert_eq!(table.routes[3].target, Target::Edge("vpce-9".into()));
    assert_eq!((table.routes[4].target.clone(), table.routes[4].active), (Target::Missing("blackhole".into()), false));
    let codes: Vec<_> = network.assumptions.iter().map(|of| of.code.as_str()).collect();
    assert_eq!(codes, ["EDGE_TARGET", "EDGE_TARGET"]);
}

#[test]
fn rules_have_ids_peers_and_types() {
    let network = network(
        "[prefix_list.corp]\nentries = [\"192.0.2.0/24\"]\n[security_group.g]\ningress = [\n\
         { proto = \"tcp\", from = [\"10.0.0.0/8\", \"pl:corp\", \"sg:g\"] },\n{ id = \"sgr-0a\", proto = 6, ports = \"all\", from = \"::/0\" },\n\
         { proto = \"icmpv6\", type = \"packet-too-big\", code = 0, from = \"::/0\" },\n{ proto = \"icmp\", from = \"0.0.0.0/0\" },\n{ proto = -1, from = \"0.0.0.0/0\" },\n]\n",
    );
    let group = network.security_groups.iter().find(|group| group.id.as_str() == "sg-g").expect("the group");
    let ids: Vec<_> = group.ingress.iter().map(|rule| rule.id.as_str()).collect();
    assert_eq!(
        ids,
        ["sgr-g-in-1.1", "sgr-g-in-1.2", "sgr-g-in-1.3", "sgr-0a", "sgr-g-in-3", "sgr-g-in-4", "sgr-g-in-5"]
    );
    assert_eq!(group.ingress[0].ports, Ports::Any);
    assert_eq!(group.ingress[4].ports, Ports::Icmp(IcmpTypeCode { kind: Some(2), code: Some(0) }));
    assert_eq!(group.ingress[5].ports, Ports::Icmp(IcmpTypeCode::default()));
    assert_eq!(group.ingress[6].ports, Ports::Any);
}

#[test]
fn endpoints_have_interfaces_or_routes() {
    let network = network(
        "[security_group.g]\n[vpc_endpoint.ec2]\ntype = \"interface\"\nservice = \"ec2\"\nsubnets = [\"a\"]\naddresses = [\"10.0.0.50\"]\nsecurity_groups = [\"g\"]\n\
         [vpc_endpoint.s3]\ntype = \"gateway\"\nservice = \"s3\"\nprefix_list = \"s3\"\nroute_tables = [\"main-main\"]\n",
    );
    let eni = network.interface(&"eni-ec2-1".into()).expect("the endpoint's interface");
    assert_eq!((eni.kind, eni.deny_all_igw_traffic), (InterfaceKind::VpcEndpoint, true));
    assert_eq!(
        network.route_tables[0].routes.last().map(|route| &route.target),
        Some(&Target::VpcEndpoint("vpce-s3".into()))
    );
}

#[test]
fn presets_and_knobs_are_read() {
    assert_eq!(network("").behavior, vpcemu_model::Behavior::default());
    let behavior = network(
        "[behavior]\npreset = \"rfc\"\n[behavior.nat_gateway]\nudp_idle = \"7s\"\n[behavior.security_group]\ntcp_loose = false\n[behavior.egress_only_internet_gateway]\nicmp_idle = \"1500ms\"\n",
    )
    .behavior;
    assert_eq!(behavior.preset, Preset::Rfc);
    assert_eq!(behavior.nat_gateway.tcp_idle, Duration::from_secs(7440));
    assert_eq!(behavior.nat_gateway.udp_idle, Duration::from_secs(7));
    assert!(!behavior.security_group.tcp_loose && behavior.security_group.icmp_related);
    assert_eq!(behavior.egress_only_internet_gateway.icmp_idle, Duration::from_millis(1500));
}

#[test]
fn the_type_of_an_instance_decides_the_timer_of_established_tcp() {
    // (6.16)
    let network = network(
        "[instance.old]\nsubnet = \"a\"\ninstance_type = \"m7i.large\"\n\
         [instance.new]\nsubnet = \"a\"\ninstance_type = \"m8i.large\"\n\
         [instance.set]\nsubnet = \"a\"\ninstance_type = \"m8i.large\"\ntcp_established_timeout = \"1h\"\n\
         [eni.second]\nsubnet = \"a\"\ninstance = \"new\"\naddresses = [\"10.0.0.77\"]\n\
         [eni.third]\nsubnet = \"a\"\ninstance = \"new\"\naddresses = [\"10.0.0.78\"]\ntcp_established_timeout = \"2h\"\n",
    );
    let timer = |name: &str| {
        let interface = network.interface(&name.into()).expect("an interface");
        interface.connection_tracking.tcp_established.map(|timer| timer.as_secs())
    };
    let timers = ["eni-old", "eni-new", "eni-set", "eni-second", "eni-third"].map(timer);
    assert_eq!(timers, [None, Some(350), Some(3600), Some(350), Some(7200)]);
}
