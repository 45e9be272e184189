//! The networks of the built-in scenarios.

use std::net::{IpAddr, Ipv4Addr};

use ipnet::IpNet;
use vpcemu_model::{
    AclAction, AclEntry, Network, NetworkInterface, Origin, Peer, PortRange, Ports, Protocol, SecurityGroupRule, native,
};

use crate::args::Scenario;
use crate::error::Error;

/// Addresses of the instances of the built-in networks.
pub(crate) const PUBLIC: &str = "203.0.113.10";
pub(crate) const PRIVATE: &str = "10.0.1.10";
pub(crate) const PRIVATE_V6: &str = "2001:db8:1234:1a01::10";
/// The first of the servers inside the VPC; the four addresses in front of it are reserved (1.7).
pub(crate) const SERVERS: Ipv4Addr = Ipv4Addr::new(10, 0, 128, 4);

/// How many servers there may be: all of them fit into 10.0.128.0/17.
pub(crate) const MAX_SERVERS: u32 = 32_000;

/// A public instance whose group tracks: what it answers is let out because it was asked.
const IGW: &str = r#"
[vpc.main]
cidrs = ["10.0.0.0/16"]
[internet_gateway.igw]
[subnet.public]
cidrs = ["10.0.0.0/24"]
route_table = "public"
[route_table.public]
routes = [{ to = "0.0.0.0/0", via = "igw" }]
[security_group.server]
ingress = [{ proto = "udp", ports = "443", from = "0.0.0.0/0" }]
egress = [{ proto = "udp", ports = "53", to = "0.0.0.0/0" }]
[instance.web]
subnet = "public"
addresses = ["10.0.0.10"]
public = "203.0.113.10"
security_groups = ["server"]
"#;

/// A private instance behind a NAT gateway, and the default NACLs.
const NAT: &str = r#"
[vpc.main]
cidrs = ["10.0.0.0/16"]
[internet_gateway.igw]
[subnet.public]
cidrs = ["10.0.0.0/24"]
route_table = "public"
[subnet.private]
cidrs = ["10.0.1.0/24"]
route_table = "private"
[route_table.public]
routes = [{ to = "0.0.0.0/0", via = "igw" }]
[route_table.private]
routes = [{ to = "0.0.0.0/0", via = "nat" }]
[nat_gateway.nat]
subnet = "public"
addresses = [{ private = "10.0.0.200", public = "203.0.113.20" }]
[security_group.client]
ingress = []
[instance.app]
subnet = "private"
addresses = ["10.0.1.10"]
security_groups = ["client"]
"#;

/// The same with NACLs that have rules at both subnets, and a group with rules.
const PATH: &str = r#"
[vpc.main]
cidrs = ["10.0.0.0/16"]
[internet_gateway.igw]
[subnet.public]
cidrs = ["10.0.0.0/24"]
route_table = "public"
nacl = "edge"
[subnet.private]
cidrs = ["10.0.1.0/24"]
route_table = "private"
nacl = "inner"
[route_table.public]
routes = [{ to = "0.0.0.0/0", via = "igw" }]
[route_table.private]
routes = [{ to = "0.0.0.0/0", via = "nat" }]
[nat_gateway.nat]
subnet = "public"
addresses = [{ private = "10.0.0.200", public = "203.0.113.20" }]
[network_acl.edge]
ingress = [{ rule = 32000, action = "allow", proto = "udp", ports = "443-65535", from = "0.0.0.0/0" }]
egress = [{ rule = 32000, action = "allow", proto = "udp", ports = "443-65535", to = "0.0.0.0/0" }]
[network_acl.inner]
ingress = [{ rule = 32000, action = "allow", proto = "udp", ports = "1024-65535", from = "0.0.0.0/0" }]
egress = [{ rule = 32000, action = "allow", proto = "udp", ports = "443-65535", to = "0.0.0.0/0" }]
[security_group.client]
ingress = []
egress = [{ proto = "udp", ports = "443-8443", to = "0.0.0.0/0" }]
[instance.app]
subnet = "private"
addresses = ["10.0.1.10"]
security_groups = ["client"]
"#;

/// Mappings live for a minute: a flow that has ended is soon gone, and a loop over packets may be short.
const SHORT_LIVED: &str = r#"
[behavior.nat_gateway]
udp_idle = "60s"
"#;

/// A client and servers in one subnet, whose groups track.
const INSIDE: &str = r#"
[vpc.main]
cidrs = ["10.0.0.0/16"]
[subnet.all]
cidrs = ["10.0.0.0/16"]
[security_group.client]
ingress = []
egress = [{ proto = "udp", ports = "443", to = "10.0.0.0/16" }]
[security_group.server]
ingress = [{ proto = "udp", ports = "443", from = "10.0.0.0/16" }]
egress = [{ proto = "udp", ports = "53", to = "10.0.0.0/16" }]
[instance.app]
subnet = "all"
addresses = ["10.0.1.10"]
security_groups = ["client"]
[instance.server]
subnet = "all"
addresses = ["10.0.128.4"]
security_groups = ["server"]
"#;

/// A client and servers in two subnets with NACLs; the groups are open, so that nothing is tracked.
const NACL: &str = r#"
[vpc.main]
cidrs = ["10.0.0.0/16"]
[subnet.clients]
cidrs = ["10.0.1.0/24"]
nacl = "clients"
[subnet.servers]
cidrs = ["10.0.128.0/17"]
nacl = "servers"
[network_acl.clients]
ingress = [{ rule = 32000, action = "allow", proto = "udp", ports = "1024-65535", from = "10.0.0.0/16" }]
egress = [{ rule = 32000, action = "allow", proto = "udp", ports = "443", to = "10.0.0.0/16" }]
[network_acl.servers]
ingress = [{ rule = 32000, action = "allow", proto = "udp", ports = "443", from = "10.0.0.0/16" }]
egress = [{ rule = 32000, action = "allow", proto = "udp", ports = "1024-65535", to = "10.0.0.0/16" }]
[security_group.open]
ingress = [{ proto = "all", from = "0.0.0.0/0" }]
[instance.app]
subnet = "clients"
addresses = ["10.0.1.10"]
security_groups = ["open"]
[instance.server]
subnet = "servers"
addresses = ["10.0.128.4"]
security_groups = ["open"]
"#;

/// An IPv6 instance behind an egress-only internet gateway.
const EIGW: &str = r#"
[vpc.main]
cidrs = ["10.0.0.0/16", "2001:db8:1234:1a00::/56"]
[egress_only_internet_gateway.eigw]
[subnet.private]
cidrs = ["10.0.1.0/24", "2001:db8:1234:1a01::/64"]
route_table = "private"
[route_table.private]
routes = [{ to = "::/0", via = "eigw" }]
[security_group.client]
ingress = []
egress = [{ proto = "all", to = "::/0" }]
[instance.app]
subnet = "private"
addresses = ["10.0.1.10", "2001:db8:1234:1a01::10"]
security_groups = ["client"]
"#;

/// The network of a scenario, with so many rules wherever it has rules of its own, and so many servers where it has any.
pub(crate) fn of(scenario: Scenario, rules: u16, servers: u32) -> Result<Network, Error> {
    let text = match scenario {
        Scenario::Igw => IGW.to_owned(),
        Scenario::NatEstablished | Scenario::NatNew => NAT.to_owned(),
        Scenario::VpcPath | Scenario::FlowLogs | Scenario::Replay => PATH.to_owned(),
        Scenario::Churn => format!("{PATH}{SHORT_LIVED}"),
        Scenario::SgEstablished => INSIDE.to_owned(),
        Scenario::Nacl => NACL.to_owned(),
        Scenario::Eigw => EIGW.to_owned(),
    };
    let mut network = native::parse("the built-in network", &text)?.network;
    add_rules(&mut network, rules);
    add_servers(&mut network, servers);
    Ok(network)
}

/// Puts rules that match no packet of the bench in front of those that match, up to `rules` of them. Past quotas: it is
/// the cost that is asked for.
fn add_rules(network: &mut Network, rules: u16) {
    let fill = 1..rules;
    // Documentation addresses, and ports that no packet has.
    let elsewhere = |at: u16| IpNet::from(IpAddr::V4(Ipv4Addr::new(192, 0, 2, at as u8)));
    let port = |at: u16| Ports::Range(PortRange { from: 20_000 + at, to: 20_000 + at });
    let authored = |origin: &Origin| !origin.is_implicit();
    for acl in network.network_acls.iter_mut().filter(|acl| authored(&acl.origin)) {
        for entries in [&mut acl.ingress, &mut acl.egress] {
            let origin = acl.origin.clone();
            entries.extend(fill.clone().map(|at| AclEntry {
                number: at,
                action: AclAction::Deny,
                protocol: Protocol::UDP,
                ports: port(at),
                cidr: elsewhere(at),
                origin: origin.clone(),
            }));
        }
    }
    for group in &mut network.security_groups {
        let id = group.id.clone();
        for own in [&mut group.ingress, &mut group.egress] {
            let open = own.iter().any(|rule| rule.protocol == Protocol::All);
            if own.is_empty() || open {
                continue; // nothing to look for: rules in front would not be asked
            }
            let matching = std::mem::take(own);
            own.extend(fill.clone().map(|at| SecurityGroupRule {
                id: format!("sgr-{id}-{at}").as_str().into(),
                protocol: Protocol::UDP,
                ports: port(at),
                peer: Peer::Cidr(elsewhere(at)),
                origin: group.origin.clone(),
            }));
            own.extend(matching);
        }
    }
}

/// Gives the server, where there is one, as many twins behind it as are asked for.
fn add_servers(network: &mut Network, servers: u32) {
    let Some(first) = network.interfaces.iter().find(|eni| eni.name.as_deref() == Some("server")).cloned() else {
        return;
    };
    network.interfaces.retain(|eni| eni.id != first.id);
    network.interfaces.extend((0..servers).map(|at| {
        let mut server =
            NetworkInterface { id: format!("eni-server-{at}").as_str().into(), name: None, ..first.clone() };
        for pair in &mut server.ipv4 {
            pair.private = Ipv4Addr::from_bits(SERVERS.to_bits() + at);
        }
        server
    }));
}
