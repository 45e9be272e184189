//! One-to-one translation: an internet gateway here; on the kernel rewritten in place, or by connection.

use super::{Host, Role, inside, outside};
use crate::random::Traffic;
use crate::router::Setup;
use vpcemu_packet::Offloads;

const NETWORK: &str = r#"
[vpc.main]
cidrs = ["10.0.0.0/16"]
[internet_gateway.igw]
[subnet.pub]
cidrs = ["10.0.1.0/24"]
route_table = "pub"
[route_table.pub]
routes = [{ to = "0.0.0.0/0", via = "igw" }]
[security_group.open]
ingress = [{ proto = "all", from = "0.0.0.0/0" }]
[instance.h1]
subnet = "pub"
addresses = ["10.0.1.10"]
public = "203.0.113.10"
security_groups = ["open"]
[instance.h2]
subnet = "pub"
addresses = ["10.0.1.11"]
public = "203.0.113.11"
security_groups = ["open"]
[instance.h3]
subnet = "pub"
addresses = ["10.0.1.12"]
security_groups = ["open"]
"#;

/// Before conntrack's reassembly, so that every fragment is rewritten for itself.
const STATELESS: &str = "
table ip gateway {
  map public { type ipv4_addr : ipv4_addr; elements = { 10.0.1.10 : 203.0.113.10, 10.0.1.11 : 203.0.113.11 } }
  map private { type ipv4_addr : ipv4_addr; elements = { 203.0.113.10 : 10.0.1.10, 203.0.113.11 : 10.0.1.11 } }
  chain pre {
    type filter hook prerouting priority -500; policy accept;
    notrack
    iifname in ip saddr set ip saddr map @public
    ip daddr set ip daddr map @private
  }
}
";

const STATEFUL: &str = "
table ip gateway {
  chain pre {
    type nat hook prerouting priority -100;
    dnat to ip daddr map { 203.0.113.10 : 10.0.1.10, 203.0.113.11 : 10.0.1.11 }
  }
  chain post {
    type nat hook postrouting priority 100;
    snat to ip saddr map { 10.0.1.10 : 203.0.113.10, 10.0.1.11 : 203.0.113.11 }
  }
  chain forward { type filter hook forward priority 0; meta mark != 0xfe ct state invalid drop; }
}
";

const HOSTS: &[Host] = &[
    inside("h1", "10.0.1.10", "h1"),
    inside("h2", "10.0.1.11", "h2"),
    inside("h3", "10.0.1.12", "h3"),
    outside("e1", "203.0.113.10"),
    outside("e2", "203.0.113.11"),
    outside("e9", "203.0.113.99"),
    outside("s1", "198.51.100.7"),
    outside("s2", "198.51.100.8"),
    outside("hop", "198.51.100.254"),
];

/// Every packet for itself.
pub(crate) const IGW_STATELESS: Role<'static> = Role {
    name: "igw",
    network: NETWORK,
    setup: Setup {
        nft: STATELESS,
        mtu: [9001, 1500],
        ip: "route add 10.0.0.0/16 via 10.255.0.2 dev in\n",
        parameters: &[],
    },
    hosts: HOSTS,
    ttl_gap: 1,
    itself: None,
    nat: None,
    offloads: Offloads::Tolerate,
    cases: include_str!("internet_gateway.cases"),
    traffic: Traffic {
        hosts: &["h1", "h2", "s1", "s2", "hop"],
        called: &["e1", "e2"],
        ports: &[53, 80, 443, 0, 65535],
        others: &["gre", "esp", "proto", "sctp", "udplite", "ah", "ipip"],
        fragments: &["udp", "ping", "gre", "esp"],
        errors: [&[], &[]],
    },
};

/// With connection tracking, which rewrites quotes too.
pub(crate) const IGW_STATEFUL: Role<'static> = Role {
    name: "igw-stateful",
    setup: Setup { nft: STATEFUL, ..IGW_STATELESS.setup },
    cases: include_str!("internet_gateway_stateful.cases"),
    traffic: Traffic {
        others: &["gre", "esp", "proto", "sctp"],
        errors: [&[(3, 0), (3, 1), (3, 3), (3, 4), (3, 13), (4, 0), (11, 0), (11, 1), (12, 0)], &[]],
        ..IGW_STATELESS.traffic
    },
    ..IGW_STATELESS
};
