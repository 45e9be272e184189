//! What AWS makes with a VPC.

use std::net::Ipv4Addr;

use ipnet::{IpNet, Ipv4Net, Ipv6Net};

use crate::{
    AclAction, AclEntry, Destination, Id, NetworkAcl, Origin, Peer, Ports, Protocol, Route, RouteOrigin, RouteTable,
    SecurityGroup, SecurityGroupRule, Target, Vpc,
};

/// Every IPv4 address.
pub(crate) const EVERY_IPV4: IpNet = IpNet::V4(Ipv4Net::new_assert(Ipv4Addr::UNSPECIFIED, 0));

/// Everyone, by family.
fn everyone() -> [IpNet; 2] {
    [EVERY_IPV4, IpNet::V6(Ipv6Net::default())]
}

/// The route that every table has for each block of its VPC (2.3).
pub(crate) fn local_route(block: IpNet) -> Route {
    let (target, route_origin, origin) = (Target::Local, RouteOrigin::Static, Origin::implicit());
    Route { destination: Destination::Cidr(block), target, route_origin, active: true, origin }
}

/// The table of subnets that name none: local routes only (2.1).
pub(crate) fn main_route_table(vpc: &Vpc) -> RouteTable {
    let routes = vpc.cidrs.iter().copied().map(local_route).collect();
    let id = vpc.main_route_table.clone();
    RouteTable { id, name: None, vpc: vpc.id.clone(), routes, origin: Origin::implicit() }
}

/// 100 allows all IPv4, 101 all IPv6 if the VPC has any (7.5).
pub(crate) fn network_acl(vpc: &Vpc) -> NetworkAcl {
    let has_ipv6 = vpc.cidrs.iter().any(|block| matches!(block, IpNet::V6(_)));
    let families = if has_ipv6 { 2 } else { 1 };
    let allow_all = |(cidr, number)| AclEntry {
        number,
        action: AclAction::Allow,
        protocol: Protocol::All,
        ports: Ports::Any,
        cidr,
        origin: Origin::implicit(),
    };
    let entries: Vec<_> = everyone().into_iter().take(families).zip([100, 101]).map(allow_all).collect();
    NetworkAcl {
        id: vpc.default_network_acl.clone(),
        name: None,
        vpc: vpc.id.clone(),
        ingress: entries.clone(),
        egress: entries,
        origin: Origin::implicit(),
    }
}

/// All from itself, all to everyone (6.1).
pub(crate) fn security_group(vpc: &Vpc) -> SecurityGroup {
    let id = vpc.default_security_group.clone();
    let short = id.as_str().strip_prefix("sg-").unwrap_or(id.as_str());
    let rule = |suffix: &str, peer| allow_all(Id::new(format!("sgr-{short}-{suffix}")), peer);
    let [ipv4, ipv6] = everyone();
    SecurityGroup {
        ingress: vec![rule("in-1", Peer::SecurityGroup(id.clone()))],
        egress: vec![rule("out-1", Peer::Cidr(ipv4)), rule("out-2", Peer::Cidr(ipv6))],
        id,
        name: None,
        vpc: vpc.id.clone(),
        further_vpcs: Vec::new(),
        origin: Origin::implicit(),
    }
}

/// The outbound rules of a new group: all to everyone (6.1). `prefix` is that of the ids, `sgr-web-out`.
pub(crate) fn egress_rules(prefix: &str) -> Vec<SecurityGroupRule> {
    let rules = everyone().into_iter().zip(["default", "default-v6"]);
    rules.map(|(net, suffix)| allow_all(Id::new(format!("{prefix}-{suffix}")), Peer::Cidr(net))).collect()
}

fn allow_all(id: Id, peer: Peer) -> SecurityGroupRule {
    SecurityGroupRule { id, protocol: Protocol::All, ports: Ports::Any, peer, origin: Origin::implicit() }
}
