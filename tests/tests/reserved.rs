//! Addresses that are not for hosts: the services of a VPC (1.10, 1.11, 6.29, 7.11), what subnets keep for themselves (1.8, 1.14),
//! broadcast and multicast (1.19), and sources that are somebody else's (1.16, 1.17).

use vpcemu_dataplane::outcome::Service;
use vpcemu_dataplane::{DropReason, Ingress, Options};
use vpcemu_model::native;
use vpcemu_tests::{Lab, data, headers, ping, reply_to, syn, udp};

/// Nothing is allowed, and there is no route: no group has a rule, no network ACL an entry, and the table is empty.
const SHUT: &str = r#"
[vpc.main]
cidrs = ["10.0.0.0/16", "10.7.0.0/16", "2001:db8:1234:1a00::/56"]
[subnet.a]
cidrs = ["10.0.1.0/24", "2001:db8:1234:1a01::/64"]
nacl = "shut"
[subnet.second]
cidrs = ["10.7.0.0/24"]
nacl = "shut"
[subnet.six]
cidrs = ["2001:db8:1234:1a02::/64"]
nacl = "shut"
[network_acl.shut]
[security_group.shut]
egress = []
[instance.host]
subnet = "a"
addresses = ["10.0.1.10", "2001:db8:1234:1a01::10"]
security_groups = ["shut"]
[instance.second]
subnet = "second"
addresses = ["10.7.0.10"]
security_groups = ["shut"]
[instance.six]
subnet = "six"
addresses = ["2001:db8:1234:1a02::10"]
security_groups = ["shut"]
"#;

/// The same with everything open, and a way out for both families.
fn open() -> String {
    let shut = SHUT.replace("nacl = \"shut\"\n", "route_table = \"out\"\n").replace(
        "egress = []",
        "ingress = [{ proto = \"all\", from = \"0.0.0.0/0\" }, { proto = \"all\", from = \"::/0\" }]",
    );
    shut + "[internet_gateway.igw]\n[route_table.out]\nroutes = [{ to = \"0.0.0.0/0\", via = \"igw\" }, { to = \"::/0\", via = \"igw\" }]\n"
}

const SERVICES: [(&str, Service); 12] = [
    ("169.254.169.253", Service::Dns),
    ("fd00:ec2::253", Service::Dns),
    ("10.0.0.2", Service::Dns),
    ("169.254.169.254", Service::Imds),
    ("fd00:ec2::254", Service::Imds),
    ("169.254.170.2", Service::Imds),
    ("169.254.170.23", Service::Imds),
    ("fd00:ec2::23", Service::Imds),
    ("169.254.169.123", Service::Ntp),
    ("fd00:ec2::123", Service::Ntp),
    ("169.254.169.250", Service::Kms),
    ("169.254.169.251", Service::Kms),
];

fn ends(service: &str) -> (&'static str, String) {
    match service.contains(':') {
        true => ("[2001:db8:1234:1a01::10]:4000", format!("[{service}]:53")),
        false => ("10.0.1.10:4000", format!("{service}:53")),
    }
}

#[test]
fn services_are_asked_and_answer_past_every_rule() {
    for (address, service) in SERVICES {
        let (from, to) = ends(address);
        for packet in [udp(from, &to), syn(from, &to)] {
            let mut lab = Lab::new(SHUT);
            let asked =
                lab.leave("host", packet).delivered(service.name()).steps(&[&format!("service {}", service.name())]);
            let host = lab.eni("host");
            lab.enter(Ingress::Service(service, host), asked.reply()).delivered("eni-host");
            // Nothing is remembered of it.
            assert_eq!(lab.connections(), (0, 0), "{address}");
        }
    }
}

#[test]
fn dhcp_needs_no_address_yet() {
    let mut lab = Lab::new(SHUT);
    lab.leave("host", udp("0.0.0.0:68", "255.255.255.255:67")).delivered("dhcp");
    // Other broadcasts are none of it.
    lab.leave("host", udp("10.0.1.10:68", "255.255.255.255:69")).dropped(DropReason::Multicast, "eni-host");
}

#[test]
fn the_resolver_is_at_the_primary_block_plus_two_for_all_subnets_and_no_other_block() {
    let mut lab = Lab::new(SHUT);
    lab.leave("second", udp("10.7.0.10:4000", "10.0.0.2:53")).delivered("dns");
    lab.leave("second", udp("10.7.0.10:4000", "169.254.169.253:53")).delivered("dns");
    let mut lab = Lab::new(&open());
    lab.leave("second", udp("10.7.0.10:4000", "10.7.0.2:53")).dropped(DropReason::ReservedAddress, "eni-second");
    lab.leave("host", udp("10.0.1.10:4000", "10.7.0.2:53")).dropped(DropReason::ReservedAddress, "rtb-out");
    // A host without IPv4 asks over IPv6.
    lab.leave("six", udp("[2001:db8:1234:1a02::10]:4000", "[fd00:ec2::253]:53")).delivered("dns");
}

#[test]
fn a_source_that_is_not_the_hosts_own_is_not_served() {
    let mut lab = Lab::new(&open().replace("[instance.host]", "[instance.host]\nsource_dest_check = false"));
    let spoofed = lab.leave("host", udp("192.0.2.1:4000", "169.254.169.254:80"));
    spoofed.dropped(DropReason::ReservedAddress, "eni-host");
    let checked = Lab::new(&open()).leave("host", udp("192.0.2.1:4000", "169.254.169.254:80"));
    checked.dropped(DropReason::SourceDestCheck, "eni-host");
}

#[test]
fn a_subnet_keeps_its_first_four_addresses_and_the_last() {
    let mut lab = Lab::new(&open());
    for last in [0, 1, 2, 3, 255] {
        let from_beside = lab.leave("host", udp("10.0.1.10:4000", &format!("10.0.1.{last}:9")));
        from_beside.dropped(DropReason::ReservedAddress, "eni-host");
        let from_elsewhere = lab.leave("second", udp("10.7.0.10:4000", &format!("10.0.1.{last}:9")));
        // What is for a router goes nowhere.
        let at = if last == 1 { "eni-second" } else { "rtb-out" };
        from_elsewhere.dropped(DropReason::ReservedAddress, at);
    }
    lab.leave("host", udp("10.0.1.10:4000", "10.0.1.4:9")).dropped(DropReason::NeighborUnknown, "eni-host");
    lab.leave("host", udp("10.0.1.10:4000", "10.0.1.254:9")).dropped(DropReason::NeighborUnknown, "eni-host");
    for last in ["", "1", "2", "3", "ffff:ffff:ffff:ffff"] {
        let to = format!("[2001:db8:1234:1a01:{}{last}]:9", if last.len() > 1 { "" } else { ":" });
        let kept = lab.leave("host", udp("[2001:db8:1234:1a01::10]:4000", &to));
        kept.dropped(DropReason::ReservedAddress, "eni-host");
    }
}

#[test]
fn what_is_for_the_router_is_neither_filtered_nor_logged() {
    let network = native::parse("shut.toml", SHUT).unwrap().network;
    let mut lab = Lab::of(&[network], Options { flow_log_window: Some(60), ..Options::default() });
    for (host, from, router) in [
        ("host", "10.0.1.10:4000", "10.0.1.1:9"),
        ("host", "10.0.1.10:4000", "10.7.0.1:9"),
        ("six", "[2001:db8:1234:1a02::10]:4000", "[2001:db8:1234:1a02::1]:9"),
    ] {
        let at = format!("eni-{host}");
        let lost = lab.leave(host, udp(from, router)).dropped(DropReason::ReservedAddress, &at);
        lost.steps(&[&format!("check {at} egress DENY")]);
    }
    assert_eq!(lab.logged(), []);
    // Other reserved addresses are refused like any host's, and so logged.
    lab.leave("host", udp("10.0.1.10:4000", "10.0.1.3:9")).dropped(DropReason::SecurityGroupEmpty, "eni-host");
    assert_eq!(lab.logged().len(), 1);
}

#[test]
fn what_belongs_to_services_is_never_forwarded() {
    let mut lab = Lab::new(&open());
    // No service has these (1.14); the default routes would take them.
    for to in ["169.254.168.1", "169.254.169.1", "169.254.1.1"] {
        lab.leave("host", udp("10.0.1.10:4000", &format!("{to}:80"))).dropped(DropReason::ReservedAddress, "eni-host");
    }
    for to in ["fd00:ec2::1", "fd00:ec2:ffff::254"] {
        let lost = lab.leave("host", udp("[2001:db8:1234:1a01::10]:4000", &format!("[{to}]:80")));
        lost.dropped(DropReason::ReservedAddress, "eni-host");
    }
    // The block beside it is private, and nothing more.
    let beside = lab.leave("host", udp("[2001:db8:1234:1a01::10]:4000", "[fd00:ec3::1]:80"));
    beside.dropped(DropReason::PrivateIpv6, "igw-igw");
}

#[test]
fn there_is_neither_broadcast_nor_multicast() {
    let mut lab = Lab::new(&open());
    for to in ["224.0.0.1:9", "239.255.255.250:1900", "255.255.255.255:9"] {
        lab.leave("host", udp("10.0.1.10:4000", to)).dropped(DropReason::Multicast, "eni-host");
    }
    lab.leave("host", udp("[2001:db8:1234:1a01::10]:4000", "[ff0e::1]:9")).dropped(DropReason::Multicast, "eni-host");
    lab.leave("host", udp("[2001:db8:1234:1a01::10]:4000", "[ff02::1]:9")).dropped(DropReason::LinkScope, "eni-host");
    lab.leave("host", udp("224.0.0.1:9", "10.0.1.20:9")).dropped(DropReason::SourceDestCheck, "eni-host");
    // The broadcast address of the subnet is kept like any other reserved one.
    lab.leave("host", udp("10.0.1.10:4000", "10.0.1.255:9")).dropped(DropReason::ReservedAddress, "eni-host");
}

#[test]
fn the_source_dest_check_looks_both_ways_and_at_both_families() {
    let mut lab = Lab::new(&open());
    lab.leave("host", syn("10.0.1.11:4000", "198.51.100.7:443")).dropped(DropReason::SourceDestCheck, "eni-host");
    let six = lab.leave("host", syn("[2001:db8:1234:1a01::11]:4000", "[2001:db8:ffff::1]:443"));
    six.dropped(DropReason::SourceDestCheck, "eni-host");
    // In: a route leads what is for others to an interface that checks.
    let led = open().replace(
        "routes = [",
        "routes = [{ to = \"203.0.113.0/24\", via = \"second\" }, { to = \"2001:db8:ffff::/48\", via = \"six\" }, ",
    );
    let mut lab = Lab::new(&led);
    lab.leave("host", syn("10.0.1.10:4000", "203.0.113.7:443")).dropped(DropReason::SourceDestCheck, "eni-second");
    let six = lab.leave("host", syn("[2001:db8:1234:1a01::10]:4000", "[2001:db8:ffff::1]:443"));
    six.dropped(DropReason::SourceDestCheck, "eni-six");
    // It leaves nothing behind (6.22).
    lab.leave("second", data("203.0.113.7:443", "10.0.1.10:4000")).dropped(DropReason::SourceDestCheck, "eni-second");
    let off = led.replace("[instance.second]", "[instance.second]\nsource_dest_check = false");
    let off = off.replace("[instance.six]", "[instance.six]\nsource_dest_check = false");
    let mut lab = Lab::new(&off);
    lab.leave("host", syn("10.0.1.10:4000", "203.0.113.7:443")).delivered("eni-second");
    lab.leave("host", syn("[2001:db8:1234:1a01::10]:4000", "[2001:db8:ffff::1]:443")).delivered("eni-six");
}

#[test]
fn delegated_prefixes_are_the_interfaces_own() {
    let delegated = open()
        + "[eni.pods]\nsubnet = \"a\"\naddresses = [\"10.0.1.20\"]\nprefixes = [\"10.0.1.64/28\", \"2001:db8:1234:1a01:1::/80\"]\nsecurity_groups = [\"shut\"]\n";
    let mut lab = Lab::new(&delegated);
    let sent = lab.leave("pods", ping("10.0.1.70", "10.0.1.10", 7)).delivered("eni-host");
    lab.leave("host", reply_to(&headers(&sent.bytes))).delivered("eni-pods");
    let sent = lab.leave("pods", ping("2001:db8:1234:1a01:1::5", "2001:db8:1234:1a01::10", 7)).delivered("eni-host");
    lab.leave("host", reply_to(&headers(&sent.bytes))).delivered("eni-pods");
    lab.leave("pods", ping("10.0.1.80", "10.0.1.10", 7)).dropped(DropReason::SourceDestCheck, "eni-pods");
}
