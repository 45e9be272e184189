//! What is written is what was read: any network comes back from its file, and the file is one that people would write.

use std::path::{Path, PathBuf};

use vpcemu_model::native::{self, Loaded};
use vpcemu_model::{InterfaceKind, LoggedResource, Network, Target};

const EXPLICIT: &str = include_str!("data/explicit.toml");
const WEB_SERVER: &str = include_str!("data/web-server.toml");

fn load(text: &str) -> Loaded {
    native::parse("lab.toml", text).unwrap_or_else(|error| panic!("{error}\n{text}"))
}

fn written(network: &Network) -> String {
    native::write(network, "lab").unwrap_or_else(|error| panic!("{error}"))
}

/// A file without its comments.
fn bare(text: &str) -> String {
    text.lines().filter(|line| !line.starts_with('#')).collect::<Vec<_>>().join("\n")
}

/// Every native file of the repository that describes a network.
fn files() -> Vec<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let folders = [root.join("tests/data"), root.join("../../pcaps")];
    let mut files = Vec::new();
    let mut rest: Vec<PathBuf> = folders.to_vec();
    while let Some(path) = rest.pop() {
        if path.is_dir() {
            rest.extend(path.read_dir().expect("a folder").map(|entry| entry.expect("readable").path()));
        } else if path.extension().is_some_and(|suffix| suffix == "toml") && !path.ends_with("suite.toml") {
            // A suite is about a network, and describes none.
            files.push(path);
        }
    }
    files.sort();
    files
}

#[test]
fn every_file_comes_back() {
    let files = files();
    assert!(files.len() >= 16, "only {files:?}");
    for file in files {
        let read = native::load(&file).unwrap_or_else(|error| panic!("{error}"));
        let text = written(&read.network);
        let again = load(&text);
        assert_eq!(read.network.difference(&again.network), None, "{}\n{text}", file.display());
        // What is written of the same network is the same, wherever it was read.
        assert_eq!(bare(&written(&again.network)), bare(&text), "{}", file.display());
    }
}

#[test]
fn what_is_there_by_itself_is_not_written() {
    let text = written(&load(WEB_SERVER).network);
    let expected = r#"# A native configuration of vpcemu, made by `vpcemu convert` from lab.

# lab.toml:2
[vpc.main]
cidrs = ["10.0.0.0/16"]

# lab.toml:5
[internet_gateway.igw]

# lab.toml:10
[subnet.pub]
cidrs = ["10.0.0.0/24"]
route_table = "public"

# lab.toml:7
[route_table.public]
routes = [{ to = "0.0.0.0/0", via = "igw" }]

# lab.toml:14
[security_group.web]
ingress = [{ proto = "tcp", ports = "443", from = "0.0.0.0/0" }]

# lab.toml:17
[instance.web]
# assumed of eni-web: no address is given: 10.0.0.4, the first free one, is taken [ADDRESS_CHOSEN]
subnet = "pub"
addresses = ["10.0.0.4"]
public = "203.0.113.10"
security_groups = ["web"]
"#;
    assert_eq!(text, expected);
}

#[test]
fn what_is_rarely_written_is_read() {
    let Loaded { network, .. } = load(EXPLICIT);
    let vpc = &network.vpcs[0];
    assert_eq!((vpc.id.as_str(), vpc.name.as_deref()), ("vpc-0a", Some("demo")));
    let defaults = [&vpc.main_route_table, &vpc.default_network_acl, &vpc.default_security_group];
    assert_eq!(defaults.map(|id| id.as_str()), ["rtb-0main", "acl-0default", "sg-0default"]);
    // An id is no name.
    assert_eq!(network.vpcs[1].id.as_str(), "module.peer[\"b.c\"].aws_vpc.this[0]");
    assert_eq!(network.vpcs[1].name, None);
    assert_eq!(network.subnets[3].id.as_str(), "legacy subnet");
    let unattached = network.internet_gateways.iter().find(|it| it.vpc.is_none()).expect("one that is not attached");
    assert_eq!(unattached.id.as_str(), "igw-spare");
    assert_eq!(network.vpn_gateways.iter().filter(|it| it.vpc.is_none()).count(), 1);

    let eni = |id: &str| network.interface(&id.into()).unwrap_or_else(|| panic!("no {id}"));
    assert_eq!(network.nat_gateways[0].interface().map(|id| id.as_str()), Some("eni-0nat"));
    assert_eq!((eni("eni-0nat").ipv4.len(), eni("eni-0nat").kind), (2, InterfaceKind::NatGateway));
    assert!(!eni("eni-0nat").source_dest_check && eni("eni-0nat").security_groups.is_empty());
    assert_eq!(eni("eni-0made").ipv4.len(), 1);
    let public: Vec<_> =
        eni("eni-0host").ipv4.iter().map(|pair| (pair.private.octets()[3], pair.public.is_some())).collect();
    assert_eq!(public, [(10, true), (11, false), (12, true), (13, false)]);
    assert_eq!(eni("eni-0second").instance.as_ref().map(|id| id.as_str()), Some("i-aws_instance"));
    assert!(!eni("eni-0second").in_use && !eni("eni-0balancer").in_use && eni("eni-0other").in_use);
    assert_eq!(eni("eni-0other").security_groups, []);
    assert_eq!(eni("eni-0kms").kind, InterfaceKind::VpcEndpoint);
    assert_eq!(eni("eni-0peer").kind, InterfaceKind::TransitGateway);

    let gateways: Vec<_> =
        network.gateway_route_tables.iter().map(|it| (it.id.as_str(), it.gateway.as_str())).collect();
    assert_eq!(gateways, [("rtb-public", "igw-0a"), ("rtb-edge", "vgw-vpn"), ("rtb-edge", "vgw-0outside")]);
    let table = network.route_tables.iter().find(|it| it.id.as_str() == "rtb-all").expect("it is there");
    let routes: Vec<_> = table.routes.iter().skip(1).map(|route| (&route.target, route.active)).collect();
    assert_eq!(routes[0], (&Target::NatGateway("nat-0a".into()), false));
    assert_eq!(routes[1], (&Target::Edge("arn:aws:networkmanager::1:core-network/1".into()), true));
    assert_eq!(routes[2], (&Target::Edge("lgw-1".into()), false));
    assert_eq!(routes[3], (&Target::Missing("nat-0gone".into()), false));
    assert_eq!(routes[5], (&Target::Local, true));
    let logged: Vec<_> = network.flow_logs.iter().map(|log| &log.resource).collect();
    assert_eq!(*logged[2], LoggedResource::NetworkInterface("eni-0made".into()));
    assert_eq!(*logged[4], LoggedResource::TransitGatewayAttachment("tgw-attach-0b".into()));
    assert_eq!(network.flow_logs[3].max_aggregation_interval, 60);
    assert!(network.transit_gateways[0].attachments[0].route_table.is_none());
}

#[test]
fn mistakes_in_what_is_rarely_written_have_their_codes() {
    const BASE: &str = "[vpc.main]\ncidr = \"10.0.0.0/16\"\n[subnet.a]\ncidr = \"10.0.0.0/24\"\n\
                        [eni.e]\nsubnet = \"a\"\naddresses = [\"10.0.0.10\"]\n";
    let nat =
        "[nat_gateway.n]\nsubnet = \"a\"\naddresses = [{ private = \"10.0.0.200\" }]\nconnectivity = \"private\"\n";
    let endpoint = "[vpc_endpoint.p]\ntype = \"interface\"\nservice = \"s\"\n";
    let tgw = "[transit_gateway.t.attachment.a]\ntype = \"vpn\"\n";
    for (text, code) in [
        (format!("{nat}eni = \"e\"\n"), "eni-type"),
        (format!("{nat}eni = \"f\"\n"), "unknown-reference"),
        (format!("{nat}mode = \"regional\"\neni = \"e\"\n"), "regional-nat"),
        (format!("{endpoint}enis = [\"e\"]\n"), "eni-type"),
        (format!("{endpoint}enis = [\"e\"]\naddresses = [\"10.0.0.11\"]\n"), "endpoint-addresses"),
        (format!("{endpoint}subnets = [\"a\"]\naddresses = [\"10.0.0.11\"]\nenis = []\n"), "eni-count"),
        (
            format!("{tgw}associated = false\nroute_table = \"r\"\n[transit_gateway.t.route_table.r]\n"),
            "not-associated",
        ),
        (
            format!(
                "{tgw}[transit_gateway.t.route_table.r]\nroutes = [{{ to = \"::/0\", via = \"a\", active = false }}]\n"
            ),
            "transit-route-active",
        ),
        ("[internet_gateway.i]\nattached = false\nvpc = \"main\"\n".to_owned(), "not-attached"),
        ("[instance.i]\neni = \"none\"\nsubnet = \"a\"\n".to_owned(), "instance-without-interface"),
        ("[gateway_route_table.g]\n".to_owned(), "no-gateway"),
        ("[flow_log.f]\nvpc = \"main\"\nsubnet = \"a\"\n".to_owned(), "flow-log-resource"),
        ("[flow_log.f]\neni = \"f\"\n".to_owned(), "unknown-reference"),
        ("[flow_log.f]\ntransit_gateway = \"f\"\n".to_owned(), "unknown-reference"),
        ("[flow_log.f]\ntraffic = \"some\"\n".to_owned(), "wrong-type"),
    ] {
        let error = native::parse("test.toml", &format!("{BASE}{text}")).expect_err(&text);
        let (native::Error::Invalid { findings, .. } | native::Error::Syntax { findings, .. }) = &error else {
            panic!("{error}")
        };
        assert!(findings.iter().any(|finding| finding.code == code), "{code} of\n{text}\n{error}");
    }
    let defaults = "[vpc.main]\ncidr = \"10.0.0.0/16\"\nmain_route_table = \"t\"\n";
    let error = native::parse("test.toml", defaults).expect_err("a short name is of something").to_string();
    assert!(error.contains("rtb-t, which does not exist"), "{error}");
    let error = native::parse("test.toml", &format!("{defaults}[route_table.t]\n[route_table.u]\nmain = true\n"));
    assert!(error.expect_err("two of them").to_string().contains("two-defaults"));
    assert_eq!(load(&format!("{defaults}[route_table.t]\n")).network.route_tables.len(), 1);
}

#[test]
fn warnings_of_flow_logs_do_not_refuse_a_file() {
    let text =
        "[vpc.main]\ncidr = \"10.0.0.0/16\"\n[flow_log.f]\nmax_aggregation_interval = 61\nformat = \"${srcadr}\"\n";
    let loaded = load(text);
    let codes: Vec<_> = loaded.findings.iter().map(|finding| (finding.code, finding.help.as_deref())).collect();
    assert_eq!(codes[0].0, "flow-log-interval");
    assert_eq!(codes[1], ("flow-log-field", Some("did you mean ${srcaddr}?")));
}

#[test]
fn a_network_that_no_file_describes_is_refused() {
    let mut network = load(WEB_SERVER).network;
    network.subnets.push(network.subnets[0].clone());
    let error = native::write(&network, "lab").expect_err("two subnets of one id").to_string();
    assert!(error.starts_with("the native file cannot say all of this network: "), "{error}");
    assert!(error.contains("subnet.pub") || error.contains("subnet-pub"), "{error}");
    let mut network = load(WEB_SERVER).network;
    network.nat_gateways.clear();
    network.subnets[0].vpc = "vpc-gone".into();
    assert!(native::write(&network, "lab").is_err());
}

#[test]
fn resources_of_several_kinds_may_have_one_name() {
    let text = "[vpc.a]\ncidr = \"10.0.0.0/16\"\n[internet_gateway.a]\n[subnet.a]\ncidr = \"10.0.0.0/24\"\nroute_table = \"a\"\n\
                [route_table.a]\nroutes = [{ to = \"0.0.0.0/0\", via = \"igw-a\" }, { to = \"10.9.0.0/16\", via = \"i-a\" }]\n\
                [instance.a]\nsubnet = \"a\"\naddresses = [\"10.0.0.10\"]\nsource_dest_check = false\n\
                [nat_gateway.a]\nsubnet = \"a\"\naddresses = [{ private = \"10.0.0.200\", public = \"203.0.113.20\" }]\n";
    let network = load(text).network;
    let again = load(&written(&network)).network;
    assert_eq!(network.difference(&again), None);
    assert_eq!(again.nat_gateways[0].interface().map(|id| id.as_str()), Some("eni-nat-a"));
}

#[test]
fn whatever_was_assumed_stays_in_its_comment() {
    let mut network = load(WEB_SERVER).network;
    network.assumptions[0].place = "line\nbreak".to_owned();
    network.assumptions[0].text = "[vpc.other]\ncidr = 3".to_owned();
    network.vpcs[0].origin.file = "a\nb".into();
    let text = native::write(&network, "x\ny").unwrap_or_else(|error| panic!("{error}"));
    assert!(text.starts_with("# A native configuration of vpcemu, made by `vpcemu convert` from x y.\n"), "{text}");
    assert!(text.contains("#   line break: [vpc.other] cidr = 3 [ADDRESS_CHOSEN]"), "{text}");
}

#[test]
fn flow_logs_go_with_what_they_are_of() {
    let network = load(EXPLICIT).network;
    let of = |vpc: &str| {
        let kept = network.clone().only_vpc(vpc);
        kept.flow_logs.iter().map(|log| log.id.to_string()).collect::<Vec<_>>()
    };
    assert_eq!(of("vpc-0a"), ["fl-0a", "fl-subnet", "fl-eni", "fl-hub", "fl-attachment"]);
    assert_eq!(of("module.peer[\"b.c\"].aws_vpc.this[0]"), ["fl-hub", "fl-attachment"]);
}
