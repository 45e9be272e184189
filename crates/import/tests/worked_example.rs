//! The facts of the worked example, each as its dump states them.

#![allow(clippy::unwrap_used, reason = "a test may panic, in its helpers too")]

use std::path::Path;

use vpcemu_import::{FileReport, Imported, Options, is_dump, load};
use vpcemu_model::*;

fn folder() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/worked-example"))
}

fn imported() -> Imported {
    load(folder(), &Options::default()).unwrap()
}

fn network() -> Network {
    imported().network
}

fn net(text: &str) -> ipnet::IpNet {
    text.parse().unwrap()
}

fn shown(items: impl IntoIterator<Item = impl ToString>) -> Vec<String> {
    items.into_iter().map(|item| item.to_string()).collect()
}

const VPC: &str = "vpc-0a11d0c0ffee00001";

#[test]
fn nothing_is_guessed_and_little_ignored() {
    let imported = imported();
    assert_eq!(imported.network.assumptions, []);
    let ignored: Vec<&str> = imported.ignored.iter().map(|ignored| ignored.what.as_str()).collect();
    assert_eq!(ignored, ["flows", "topology"]);
    assert!(is_dump(folder()));
}

#[test]
fn every_file_is_accounted_for() {
    let imported = imported();
    let line = |file: &FileReport| {
        let name = Path::new(&file.name).file_name().unwrap().to_str().unwrap();
        let keys: Vec<String> = file.keys.iter().map(|it| format!("{} {}", it.key, it.count)).collect();
        format!("{name}: {}", keys.join(", "))
    };
    assert_eq!(
        imported.files.iter().map(line).collect::<Vec<_>>(),
        [
            "describe-addresses.json: Addresses 2",
            "describe-egress-only-internet-gateways.json: EgressOnlyInternetGateways 1",
            "describe-flow-logs.json: FlowLogs 1",
            "describe-instances.json: Reservations 3",
            "describe-internet-gateways.json: InternetGateways 1",
            "describe-managed-prefix-lists.json: PrefixLists 2",
            "describe-nat-gateways.json: NatGateways 1",
            "describe-network-acls.json: NetworkAcls 2",
            "describe-network-interfaces.json: NetworkInterfaces 4",
            "describe-prefix-lists.json: PrefixLists 1",
            "describe-route-tables.json: RouteTables 3",
            "describe-security-group-rules.json: SecurityGroupRules 14",
            "describe-security-groups.json: SecurityGroups 4",
            "describe-subnets.json: Subnets 4",
            "describe-vpc-endpoints.json: VpcEndpoints 1",
            "describe-vpc-peering-connections.json: VpcPeeringConnections 0",
            "describe-vpcs.json: Vpcs 1",
            "expected-flows.json: ",
            "get-managed-prefix-list-entries.pl-05000000000000001.json: Entries 2",
        ]
    );
}

#[test]
fn vpc_and_subnets() {
    let network = network();
    let [vpc] = &network.vpcs[..] else { panic!("{:?}", network.vpcs) };
    assert_eq!((vpc.id.as_str(), vpc.name.as_deref()), (VPC, Some("demo")));
    assert_eq!(vpc.cidrs, [net("10.20.0.0/16"), net("2001:db8:1234:1a00::/56")]);
    assert_eq!(vpc.main_route_table.as_str(), "rtb-0d000000000000000");
    assert_eq!(vpc.default_network_acl.as_str(), "acl-0e000000000000000");
    assert_eq!(vpc.default_security_group.as_str(), "sg-0f000000000000000");
    assert!(vpc.origin.file.ends_with("describe-vpcs.json"));
    assert_eq!(vpc.origin.path.as_deref(), Some("Vpcs[0]"));

    let subnets = network.subnets.iter().map(|subnet| {
        let name = subnet.name.as_deref().unwrap();
        let cidrs = shown(&subnet.cidrs).join(" ");
        let Subnet { id, availability_zone, route_table, network_acl, .. } = subnet;
        assert_eq!(subnet.vpc.as_str(), VPC);
        format!("{id} {name} {availability_zone} {cidrs} {route_table} {network_acl}")
    });
    let (public, private) =
        ("rtb-0d000000000000001 acl-0e000000000000000", "rtb-0d000000000000002 acl-0e000000000000001");
    assert_eq!(
        subnets.collect::<Vec<_>>(),
        [
            format!("subnet-0a00000000000000a pub-a us-east-1a 10.20.0.0/24 2001:db8:1234:1a00::/64 {public}"),
            format!("subnet-0a00000000000000b pub-b us-east-1b 10.20.1.0/24 2001:db8:1234:1a01::/64 {public}"),
            format!("subnet-0b00000000000000a priv-a us-east-1a 10.20.10.0/24 2001:db8:1234:1a10::/64 {private}"),
            format!("subnet-0b00000000000000b priv-b us-east-1b 10.20.11.0/24 2001:db8:1234:1a11::/64 {private}"),
        ]
    );
}

#[test]
fn routes() {
    let network = network();
    let tables: Vec<_> = network.route_tables.iter().map(|table| (table.id.as_str(), table.name.as_deref())).collect();
    assert_eq!(
        tables,
        [
            ("rtb-0d000000000000000", None),
            ("rtb-0d000000000000001", Some("public")),
            ("rtb-0d000000000000002", Some("private"))
        ]
    );
    let local = [
        (Destination::Cidr(net("10.20.0.0/16")), Target::Local),
        (Destination::Cidr(net("2001:db8:1234:1a00::/56")), Target::Local),
    ];
    let v4 = || Destination::Cidr(net("0.0.0.0/0"));
    let v6 = || Destination::Cidr(net("::/0"));
    let igw = || Target::InternetGateway("igw-0c000000000000001".into());
    let expected = [
        vec![],
        vec![(v4(), igw()), (v6(), igw())],
        vec![
            (v4(), Target::NatGateway("nat-0c000000000000003".into())),
            (v6(), Target::EgressOnlyInternetGateway("eigw-0c000000000000002".into())),
            (Destination::PrefixList("pl-63a5400a".into()), Target::VpcEndpoint("vpce-04000000000000001".into())),
        ],
    ];
    for (table, expected) in network.route_tables.iter().zip(expected) {
        let routes: Vec<_> = table.routes.iter().map(|it| (it.destination.clone(), it.target.clone())).collect();
        assert_eq!(routes, [local.to_vec(), expected].concat());
        assert!(table.routes.iter().all(|route| route.active && route.route_origin == RouteOrigin::Static));
        assert_eq!(table.vpc.as_str(), VPC);
    }
    assert_eq!(network.route_tables[2].routes[4].origin.path.as_deref(), Some("RouteTables[2].Routes[4]"));
}

#[test]
fn network_acls() {
    let network = network();
    let [default, private] = &network.network_acls[..] else { panic!("{:?}", network.network_acls) };
    let lines = |entries: &[AclEntry]| {
        let line = |it: &AclEntry| format!("{} {:?} {} {} {}", it.number, it.action, it.protocol, it.ports, it.cidr);
        entries.iter().map(line).collect::<Vec<_>>()
    };
    let all = ["100 Allow all all 0.0.0.0/0", "101 Allow all all ::/0"];
    assert_eq!(lines(&default.ingress), all);
    assert_eq!(lines(&default.egress), all);
    assert_eq!((private.id.as_str(), private.name.as_deref()), ("acl-0e000000000000001", Some("private")));
    assert_eq!(
        lines(&private.ingress),
        [
            "90 Deny tcp 1024-65535 198.51.100.0/24",
            "100 Allow tcp 5432 10.20.0.0/16",
            "105 Allow tcp 8080 10.20.0.0/24",
            "110 Allow tcp 1024-65535 0.0.0.0/0",
            "111 Allow tcp 1024-65535 ::/0",
            "120 Allow udp 1024-65535 0.0.0.0/0",
            "130 Allow icmp all 0.0.0.0/0",
        ]
    );
    assert_eq!(
        lines(&private.egress),
        [
            "100 Allow tcp 443 0.0.0.0/0",
            "101 Allow tcp 443 ::/0",
            "110 Allow tcp 1024-65535 10.20.0.0/16",
            "120 Allow udp 53 0.0.0.0/0",
            "130 Allow icmp all 0.0.0.0/0",
        ]
    );
    assert_eq!(private.ingress[0].origin.path.as_deref(), Some("NetworkAcls[1].Entries[7]"));
}

#[test]
fn security_groups() {
    let network = network();
    let mut lines = Vec::new();
    for group in &network.security_groups {
        let name = group.name.as_deref().unwrap();
        for (direction, rules) in [("in", &group.ingress), ("out", &group.egress)] {
            for SecurityGroupRule { id, protocol, ports, peer, origin } in rules {
                let peer = match peer {
                    Peer::Cidr(block) => block.to_string(),
                    Peer::PrefixList(id) | Peer::SecurityGroup(id) => id.to_string(),
                };
                lines.push(format!("{name} {direction} {id} {protocol} {ports} {peer}"));
                assert!(origin.file.ends_with("describe-security-group-rules.json"), "{origin}");
                assert_eq!(origin.path.as_deref(), Some(id.as_str()));
            }
        }
    }
    assert_eq!(
        lines,
        [
            "default in sgr-06000000000000001 all all sg-0f000000000000000",
            "default out sgr-06000000000000002 all all 0.0.0.0/0",
            "web in sgr-06000000000000003 tcp 443 0.0.0.0/0",
            "web in sgr-06000000000000004 tcp 443 ::/0",
            "web in sgr-06000000000000005 tcp 22 pl-05000000000000001",
            "web in sgr-06000000000000006 icmp type 8 0.0.0.0/0",
            "web out sgr-06000000000000007 all all 0.0.0.0/0",
            "web out sgr-06000000000000008 all all ::/0",
            "app in sgr-06000000000000009 tcp 8080 sg-0f000000000000001",
            "app out sgr-0600000000000000a tcp 443 0.0.0.0/0",
            "app out sgr-0600000000000000b tcp 443 ::/0",
            "app out sgr-0600000000000000c tcp 5432 sg-0f000000000000003",
            "app out sgr-0600000000000000d udp 53 0.0.0.0/0",
            "db in sgr-0600000000000000e tcp 5432 sg-0f000000000000002",
        ]
    );
    let ids: Vec<_> = network.security_groups.iter().map(|group| group.id.as_str()).collect();
    assert_eq!(ids, ["sg-0f000000000000000", "sg-0f000000000000001", "sg-0f000000000000002", "sg-0f000000000000003"]);
}

#[test]
fn interfaces_and_instances() {
    let network = network();
    let lines = network.interfaces.iter().map(|it| {
        let addresses = it.ipv4.iter().map(|it| match it.public {
            Some(public) => format!("{}={public}", it.private),
            None => it.private.to_string(),
        });
        let name = it.name.as_deref().unwrap_or("-");
        let instance = it.instance.as_ref().map_or("-", Id::as_str);
        let groups = shown(&it.security_groups).join(",");
        let addresses = addresses.chain(shown(&it.ipv6)).collect::<Vec<_>>().join(" ");
        assert!(it.in_use && it.prefixes.is_empty() && !it.deny_all_igw_traffic);
        assert_eq!(it.connection_tracking, ConnectionTracking::default());
        format!(
            "{} {name} {:?} {} {instance} {addresses} [{groups}] {}",
            it.id, it.kind, it.subnet, it.source_dest_check
        )
    });
    assert_eq!(
        lines.collect::<Vec<_>>(),
        [
            "eni-01000000000000001 web Interface subnet-0a00000000000000a i-02000000000000001 \
             10.20.0.10=203.0.113.10 2001:db8:1234:1a00::10 [sg-0f000000000000001] true",
            "eni-01000000000000002 app Interface subnet-0b00000000000000a i-02000000000000002 \
             10.20.10.10 2001:db8:1234:1a10::10 [sg-0f000000000000002] true",
            "eni-01000000000000003 db Interface subnet-0b00000000000000b i-02000000000000003 \
             10.20.11.10 2001:db8:1234:1a11::10 [sg-0f000000000000003] true",
            "eni-01000000000000004 - NatGateway subnet-0a00000000000000a - 10.20.0.200=203.0.113.20 [] false",
        ]
    );
    let instances: Vec<_> =
        network.instances.iter().map(|it| (it.id.as_str(), it.name.as_deref(), it.running)).collect();
    assert_eq!(
        instances,
        [
            ("i-02000000000000001", Some("web"), true),
            ("i-02000000000000002", Some("app"), true),
            ("i-02000000000000003", Some("db"), true)
        ]
    );
    assert!(network.instances.iter().all(|it| it.instance_type.as_deref() == Some("t3.micro")));
    assert_eq!(network.instances[1].origin.path.as_deref(), Some("Reservations[1].Instances[0]"));
}

#[test]
fn gateways_endpoints_and_prefix_lists() {
    let network = network();
    let [igw] = &network.internet_gateways[..] else { panic!() };
    assert_eq!((igw.id.as_str(), igw.vpc.as_ref().unwrap().as_str()), ("igw-0c000000000000001", VPC));
    let [eigw] = &network.egress_only_internet_gateways[..] else { panic!() };
    assert_eq!((eigw.id.as_str(), eigw.vpc.as_str()), ("eigw-0c000000000000002", VPC));

    let [nat] = &network.nat_gateways[..] else { panic!() };
    assert_eq!((nat.id.as_str(), nat.name.as_deref()), ("nat-0c000000000000003", Some("demo-nat")));
    let (subnet, interface) = ("subnet-0a00000000000000a".into(), "eni-01000000000000004".into());
    assert_eq!(nat.placement, Placement::Zonal { subnet, interface });
    assert_eq!(nat.connectivity, Connectivity::Public);
    let address =
        NatAddress { translated: [10, 20, 0, 200].into(), public: Some([203, 0, 113, 20].into()), zone: None };
    assert_eq!(nat.addresses, [address]);
    assert!(nat.available);

    let [endpoint] = &network.vpc_endpoints[..] else { panic!() };
    assert_eq!((endpoint.id.as_str(), endpoint.name.as_deref()), ("vpce-04000000000000001", Some("s3")));
    assert_eq!(endpoint.service, "com.amazonaws.us-east-1.s3");
    assert_eq!(endpoint.kind, EndpointKind::Gateway { prefix_list: Some("pl-63a5400a".into()) });

    let [s3, corp] = &network.prefix_lists[..] else { panic!() };
    assert_eq!((s3.id.as_str(), s3.name.as_deref()), ("pl-63a5400a", Some("com.amazonaws.us-east-1.s3")));
    assert_eq!(s3.entries, [net("52.216.0.0/15"), net("54.231.0.0/16"), net("3.5.0.0/19")]);
    assert_eq!((corp.id.as_str(), corp.name.as_deref()), ("pl-05000000000000001", Some("corp-offices")));
    assert_eq!(corp.entries, [net("192.0.2.0/25"), net("192.0.2.128/27")]);
}

#[test]
fn choosing_the_only_vpc_changes_nothing() {
    let chosen = load(folder(), &Options { vpc: Some(VPC.into()), ..Options::default() }).unwrap();
    assert_eq!(chosen, imported());
    let error = load(folder(), &Options { vpc: Some("vpc-2".into()), ..Options::default() }).unwrap_err();
    assert!(error.to_string().ends_with("no VPC vpc-2 in it; it has vpc-0a11d0c0ffee00001"), "{error}");
}

#[test]
fn one_file_with_everything_is_the_same_network() {
    let mut files: Vec<_> = std::fs::read_dir(folder()).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    let mut whole = serde_json::Map::new();
    for file in files.iter().filter(|file| file.extension().is_some_and(|it| it == "json")) {
        let document: serde_json::Map<_, _> = serde_json::from_slice(&std::fs::read(file).unwrap()).unwrap();
        for (key, mut value) in document {
            if key == "Entries" {
                let list = serde_json::json!({ "Entries": value });
                whole.insert("pl-05000000000000001".to_owned(), list);
            } else if let Some(known) = whole.get_mut(&key).and_then(serde_json::Value::as_array_mut) {
                known.append(value.as_array_mut().unwrap());
            } else {
                whole.insert(key, value);
            }
        }
    }
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("all.json");
    std::fs::write(&path, serde_json::Value::Object(whole).to_string()).unwrap();
    assert!(is_dump(&path));
    let merged = load(&path, &Options::default()).unwrap().network;
    let original = network();
    assert_eq!(merged.assumptions, []);
    // Origins differ, so ids and routes stand for the rest.
    let ids = |network: &Network| {
        let mut ids: Vec<Id> = network.interfaces.iter().map(|it| it.id.clone()).collect();
        ids.extend(network.subnets.iter().map(|it| it.id.clone()));
        ids.extend(network.security_groups.iter().flat_map(|it| it.ingress.iter().map(|rule| rule.id.clone())));
        ids.extend(network.prefix_lists.iter().map(|it| it.id.clone()));
        ids
    };
    assert_eq!(ids(&merged), ids(&original));
    assert_eq!(merged.prefix_lists[1].entries, original.prefix_lists[1].entries);
    assert_eq!(merged.route_tables[2].routes[4].target, original.route_tables[2].routes[4].target);
}
