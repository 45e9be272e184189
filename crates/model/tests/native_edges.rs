//! Regional NAT gateways, forwarding interfaces, route tables of gateways and Block Public Access, as the file says them.

use vpcemu_model::native::{self, Loaded};
use vpcemu_model::{
    BlockMode, Connectivity, ExclusionMode, Forwarding, Id, NatAddress, NatGateway, Network, Placement, Route, Target,
};

const BASE: &str = r#"
[vpc.main]
cidrs = ["10.0.0.0/16", "2001:db8::/56"]
[internet_gateway.igw]
[subnet.a]
cidrs = ["10.0.0.0/24", "2001:db8::/64"]
[subnet.b]
az = "b"
cidr = "10.0.1.0/24"
[instance.fw]
subnet = "a"
addresses = ["10.0.0.9"]
public = "203.0.113.9"
source_dest_check = false
forward = "appliance"
"#;

const EDGES: &str = include_str!("data/edges.toml");

fn load(more: &str) -> Loaded {
    native::parse("test.toml", &format!("{BASE}{more}")).unwrap_or_else(|error| panic!("{error}"))
}

fn network(more: &str) -> Network {
    load(more).network
}

fn nat(network: &Network) -> &NatGateway {
    network.nat_gateways.first().expect("the gateway")
}

/// Destinations and targets, as text.
fn shown(routes: &[Route]) -> Vec<String> {
    let text = |route: &Route| match (&route.destination, &route.target) {
        (vpcemu_model::Destination::Cidr(block), Target::Local) => format!("{block} local"),
        (vpcemu_model::Destination::Cidr(block), other) => format!("{block} {}", other.id().expect("an id")),
        (vpcemu_model::Destination::PrefixList(list), other) => format!("{list} {other:?}"),
    };
    routes.iter().map(text).collect()
}

#[test]
fn a_file_with_everything_at_the_edges_has_no_findings() {
    let loaded = native::parse("edges.toml", EDGES).unwrap_or_else(|error| panic!("{error}"));
    assert_eq!(loaded.findings, []);
    let assumed = loaded.network.assumptions.iter().map(|of| (of.code.as_str(), of.place.as_str()));
    let assumed: Vec<_> = assumed.collect();
    assert_eq!(assumed, [("EDGE_TARGET", "vpce-0gwlb"), ("EDGE_GATEWAY", "vgw-1")]);
}

/// What is said when a line of that file is another one.
fn with(line: &str, other: &str) -> Vec<(&'static str, Option<u32>)> {
    assert!(EDGES.contains(line), "{line}");
    let text = EDGES.replacen(line, other, 1);
    let findings = match native::parse("edges.toml", &text) {
        Ok(loaded) => loaded.findings,
        Err(native::Error::Invalid { findings, .. }) => findings,
        Err(other) => panic!("{other}"),
    };
    findings.iter().map(|finding| (finding.code, finding.origin.line)).collect()
}

/// The line of `EDGES` that begins so.
fn line(start: &str) -> Option<u32> {
    let at = EDGES.lines().position(|line| line.starts_with(start)).expect("the line");
    u32::try_from(at + 1).ok()
}

#[test]
fn findings_show_the_value_that_is_wrong() {
    let forward = line("forward = \"appliance\"");
    assert_eq!(
        with("source_dest_check = false\nforward = \"appliance\"", "source_dest_check = true\nforward = \"appliance\"")
            .last(),
        Some(&("source-dest-check", line("routes = [{ to = \"0.0.0.0/0\", via = \"fw\" }"))),
    );
    let unchecked = with("source_dest_check = false\nforward = \"nat-instance\"", "forward = \"nat-instance\"");
    // One line less is in front of it.
    let nat_instance = line("forward = \"nat-instance\"").map(|line| line - 1);
    assert_eq!(unchecked[0], ("forward-with-check", nat_instance));
    assert!(forward < nat_instance);
    assert_eq!(
        with("addresses = [\"10.0.0.10\"]\npublic = \"203.0.113.10\"", "prefixes = [\"10.0.0.16/28\"]"),
        [("nat-instance-without-ipv4", line("forward = \"nat-instance\"").map(|line| line - 1))]
    );
    let edge = line("routes = [{ to = \"10.0.1.0/24\"");
    assert_eq!(with("to = \"10.0.1.0/24\"", "to = \"10.0.1.0/25\"")[0], ("edge-destination", edge));
    assert_eq!(
        with("to = \"10.0.1.0/24\", via = \"fw\"", "to = \"10.0.1.0/24\", via = \"nat\""),
        [("edge-target", edge)]
    );
    assert_eq!(with("public = \"203.0.113.9\"\n", "\n"), [("edge-target-without-public", edge)]);
    let web = line("routes = [{ to = \"0.0.0.0/0\", via = \"fw\" }");
    assert_eq!(
        with("{ to = \"0.0.0.0/0\", via = \"fw\" }", "{ to = \"0.0.0.0/0\", via = \"igw\" }"),
        [("edge-redirected", web)]
    );
    let exclusions = line("exclusions");
    assert_eq!(with("{ subnet = \"web\"", "{ subnet = \"wbe\""), [("unknown-reference", exclusions)]);
    assert_eq!(with("mode = \"allow-bidirectional\"", "mode = \"allow-egress\""), [("idle-exclusion", exclusions)]);
    let private = line("routes = [{ to = \"0.0.0.0/0\", via = \"nat\" }");
    assert_eq!(with("64:ff9b::/96", "::/0"), [("nat64-destination", private)]);
    let addresses = line("addresses = [{ public = \"203.0.113.20\"");
    assert_eq!(with("203.0.113.21", "203.0.113.9"), [("duplicate-public", addresses)]);
    assert_eq!(
        with("{ public = \"203.0.113.21\"", "{ private = \"10.0.0.21\", public = \"203.0.113.21\""),
        [("regional-nat", addresses)]
    );
}

#[test]
fn a_regional_gateway_translates_to_public_addresses() {
    let loaded = load(
        "[nat_gateway.nat]\nmode = \"regional\"\naddresses = [{ public = \"203.0.113.20\", az = \"a\" }, { public = \"203.0.113.21\" }]\n",
    );
    let network = loaded.network;
    let nat = nat(&network);
    assert_eq!((nat.id.as_str(), nat.vpc.as_str(), nat.available), ("nat-nat", "vpc-main", true));
    assert_eq!(nat.connectivity, Connectivity::Public);
    assert_eq!(nat.placement, Placement::Regional { route_table: "rtb-nat".into() });
    let address = |last, zone: Option<&str>| NatAddress {
        translated: [203, 0, 113, last].into(),
        public: Some([203, 0, 113, last].into()),
        zone: zone.map(str::to_owned),
    };
    assert_eq!(nat.addresses, [address(20, Some("a")), address(21, None)]);
    // It has no interface.
    assert_eq!(network.interfaces.len(), 1);
    let table = network.route_tables.iter().find(|table| table.id.as_str() == "rtb-nat").expect("its table");
    assert_eq!(shown(&table.routes), ["10.0.0.0/16 local", "2001:db8::/56 local", "0.0.0.0/0 igw-igw"]);
    let assumed: Vec<_> = network.assumptions.iter().map(|of| (of.code.as_str(), of.place.as_str())).collect();
    assert_eq!(assumed, [("NAT_ADDRESS_ZONE", "nat-nat")]);
    assert!(network.assumptions[0].text.contains("203.0.113.21"));
}

#[test]
fn a_regional_gateway_may_name_its_table() {
    let written = "[route_table.nat]\nroutes = [{ to = \"0.0.0.0/0\", via = \"igw\" }]\n";
    let regional = "[nat_gateway.nat]\nmode = \"regional\"\naddresses = [{ public = \"203.0.113.20\", az = \"a\" }]\n";
    let named = network(&format!("{written}{regional}route_table = \"nat\"\n"));
    assert_eq!(nat(&named).placement, Placement::Regional { route_table: "rtb-nat".into() });
    assert_eq!(named.route_tables.len(), 2);
    // A table of that name which the gateway does not name is another one.
    let other = network(&format!("{written}{regional}"));
    assert_eq!(nat(&other).placement, Placement::Regional { route_table: "rtb-nat-nat".into() });
    assert_eq!(other.route_tables.len(), 3);
}

#[test]
fn a_gateway_may_be_unavailable_and_is_in_the_vpc_it_names() {
    let zonal = "[nat_gateway.nat]\nsubnet = \"a\"\nvpc = \"main\"\nconnectivity = \"private\"\navailable = false\naddresses = [{ private = \"10.0.0.20\" }]\n";
    let network = network(zonal);
    assert!(!nat(&network).available);
    assert_eq!(nat(&network).subnet().map(Id::as_str), Some("subnet-a"));
    let elsewhere = format!("{BASE}[vpc.other]\ncidr = \"10.1.0.0/16\"\n{}", zonal.replace("main", "other"))
        .replace("[internet_gateway.igw]", "[internet_gateway.igw]\nvpc = \"main\"")
        .replace("[subnet.a]", "[subnet.a]\nvpc = \"main\"")
        .replace("[subnet.b]", "[subnet.b]\nvpc = \"main\"");
    let error = native::parse("test.toml", &elsewhere).expect_err("two VPCs").to_string();
    assert!(error.contains("error[other-vpc]: nat-nat names vpc-other"), "{error}");
}

#[test]
fn interfaces_forward_where_the_file_says_so() {
    let network = network(
        "[eni.out]\nsubnet = \"b\"\naddresses = [\"10.0.1.9\"]\nsource_dest_check = false\nforward = \"nat-instance\"\n",
    );
    let forward: Vec<_> = network.interfaces.iter().map(|it| (it.id.as_str(), it.forward)).collect();
    assert_eq!(forward, [("eni-fw", Some(Forwarding::Appliance)), ("eni-out", Some(Forwarding::NatInstance))]);
}

#[test]
fn gateways_have_tables() {
    let network = network(
        "[gateway_route_table.edge]\ngateway = \"igw\"\nroutes = [{ to = \"10.0.1.0/24\", via = \"fw\" }, { to = \"2001:db8::/56\", via = \"local\" }, { to = \"198.51.100.0/24\", via = \"eni-fw\" }]\n\
         [gateway_route_table.vpn]\ngateway = \"vgw-1\"\nname = \"from the office\"\nroutes = [{ to = \"10.0.0.0/16\", via = \"vpce-9\" }]\n",
    );
    let [edge, vpn] = &network.gateway_route_tables[..] else { panic!("{:?}", network.gateway_route_tables) };
    assert_eq!((edge.id.as_str(), edge.vpc.as_str(), edge.gateway.as_str()), ("rtb-edge", "vpc-main", "igw-igw"));
    assert_eq!(edge.name.as_deref(), Some("edge"));
    assert_eq!(
        shown(&edge.routes),
        ["10.0.0.0/16 local", "10.0.1.0/24 eni-fw", "2001:db8::/56 local", "198.51.100.0/24 eni-fw"]
    );
    assert!(edge.routes[0].origin.is_implicit() && !edge.routes[2].origin.is_implicit());
    assert_eq!((vpn.gateway.as_str(), vpn.name.as_deref()), ("vgw-1", Some("from the office")));
    assert_eq!(shown(&vpn.routes), ["2001:db8::/56 local", "10.0.0.0/16 vpce-9"]);
    let assumed: Vec<_> = network.assumptions.iter().map(|of| (of.code.as_str(), of.place.as_str())).collect();
    assert_eq!(assumed, [("EDGE_TARGET", "vpce-9"), ("EDGE_GATEWAY", "vgw-1")]);
}

#[test]
fn a_gateway_table_is_no_table_of_subnets() {
    let text = format!("{BASE}[route_table.edge]\n[gateway_route_table.edge]\ngateway = \"igw\"\n");
    let error = native::parse("test.toml", &text).expect_err("two of one id").to_string();
    assert!(error.contains("error[duplicate-id]: the id rtb-edge is given twice"), "{error}");
    let text = BASE.replace("cidr = \"10.0.1.0/24\"", "cidr = \"10.0.1.0/24\"\nroute_table = \"edge\"");
    let text = format!("{text}[gateway_route_table.edge]\ngateway = \"igw\"\n");
    let error = native::parse("test.toml", &text).expect_err("not for subnets").to_string();
    assert!(error.contains("error[unknown-reference]: `b` names rtb-edge"), "{error}");
}

#[test]
fn block_public_access_is_off_unless_written() {
    assert_eq!(network("").block_public_access.mode, BlockMode::Off);
    let network = network(
        "[block_public_access]\nmode = \"block-ingress\"\nexclusions = [{ subnet = \"a\", mode = \"allow-bidirectional\" }, { vpc = \"main\", mode = \"allow-egress\" }]\n",
    );
    let access = network.block_public_access;
    assert_eq!(access.mode, BlockMode::BlockIngress);
    let exclusions: Vec<_> = access.exclusions.iter().map(|it| (it.scope.as_str(), it.allows)).collect();
    assert_eq!(exclusions, [("subnet-a", ExclusionMode::AllowBidirectional), ("vpc-main", ExclusionMode::AllowEgress)]);
    assert!(access.exclusions.iter().all(|it| it.origin.line.is_some()));
}
