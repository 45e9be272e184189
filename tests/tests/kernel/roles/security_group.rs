//! A stateful filter: the security group of one host here, `ct state` and rules there.

use super::{Host, Role, inside, outside, peer};
use crate::random::Traffic;
use crate::router::Setup;
use vpcemu_packet::Offloads;

/// The group under test is `guarded`, of h1. Everybody else is open, so that only it decides. IPv4 peers are in another
/// subnet: an internet gateway would translate. IPv6 peers are anywhere.
const NETWORK: &str = r#"
[vpc.main]
cidrs = ["10.0.0.0/16", "2001:db8:1:1a00::/56"]
[internet_gateway.igw]
[subnet.a]
cidrs = ["10.0.1.0/24", "2001:db8:1:1a01::/64"]
route_table = "a"
[subnet.b]
cidrs = ["10.0.2.0/24"]
[route_table.a]
routes = [{ to = "::/0", via = "igw" }]
[security_group.guarded]
ingress = [
  { proto = "tcp", ports = "22", from = "10.0.2.10/32" },
  { proto = "tcp", ports = "80-90", from = "10.0.2.0/24" },
  { proto = "tcp", ports = "80-90", from = "2001:db8:9::/48" },
  { proto = "udp", ports = "53", from = "10.0.0.0/8" },
  { proto = "udp", ports = "53", from = "2001:db8:9::/48" },
  { proto = "icmp", type = "echo-request", from = "10.0.2.10/32" },
  { proto = "icmpv6", type = "echo-request", from = "2001:db8:9::/48" },
  { proto = "icmp", type = 42, from = "10.0.2.11/32" },
  { proto = "icmp", type = "echo-reply", from = "10.0.2.11/32" },
  { proto = "47", from = "10.0.2.0/24" },
]
egress = [
  { proto = "tcp", ports = "443", to = "10.0.0.0/8" },
  { proto = "tcp", ports = "443", to = "2001:db8::/32" },
  { proto = "udp", ports = "123", to = "10.0.2.10/32" },
  { proto = "udp", ports = "123", to = "2001:db8:9::10/128" },
  { proto = "icmp", type = "echo-request", to = "10.0.2.0/24" },
  { proto = "icmpv6", type = "echo-request", to = "2001:db8::/32" },
  { proto = "50", to = "10.0.2.0/24" },
]
[security_group.open]
ingress = [{ proto = "all", from = "0.0.0.0/0" }]
[instance.h1]
subnet = "a"
addresses = ["10.0.1.10", "2001:db8:1:1a01::10"]
security_groups = ["guarded"]
[instance.p1]
subnet = "b"
addresses = ["10.0.2.10"]
security_groups = ["open"]
[instance.p2]
subnet = "b"
addresses = ["10.0.2.11"]
security_groups = ["open"]
"#;

const NFT: &str = "
table inet guard {
  chain ingress {
    ip saddr 10.0.2.10 tcp dport 22 accept
    ip saddr 10.0.2.0/24 tcp dport 80-90 accept
    ip6 saddr 2001:db8:9::/48 tcp dport 80-90 accept
    ip saddr 10.0.0.0/8 udp dport 53 accept
    ip6 saddr 2001:db8:9::/48 udp dport 53 accept
    ip saddr 10.0.2.10 icmp type echo-request accept
    ip6 saddr 2001:db8:9::/48 icmpv6 type echo-request accept
    ip saddr 10.0.2.11 icmp type 42 accept
    ip saddr 10.0.2.11 icmp type echo-reply accept
    ip saddr 10.0.2.0/24 meta l4proto 47 accept
  }
  chain egress {
    ip daddr 10.0.0.0/8 tcp dport 443 accept
    ip6 daddr 2001:db8::/32 tcp dport 443 accept
    ip daddr 10.0.2.10 udp dport 123 accept
    ip6 daddr 2001:db8:9::10 udp dport 123 accept
    ip daddr 10.0.2.0/24 icmp type echo-request accept
    ip6 daddr 2001:db8::/32 icmpv6 type echo-request accept
    ip daddr 10.0.2.0/24 meta l4proto 50 accept
  }
  chain forward {
    type filter hook forward priority 0; policy drop;
    meta mark 0xfe accept
    ct state established,related accept
    ct state != new drop
    iifname out jump ingress
    iifname in jump egress
  }
}
";

const HOSTS: &[Host] = &[
    inside("h1", "10.0.1.10", "h1"),
    inside("h1v6", "2001:db8:1:1a01::10", "h1"),
    peer("p1", "10.0.2.10", "p1"),
    peer("p2", "10.0.2.11", "p2"),
    outside("s1", "2001:db8:9::10"),
    outside("s2", "2001:db8:8::10"),
    outside("hop", "2001:db8:7::1"),
];

pub(crate) const SECURITY_GROUP: Role<'static> = Role {
    name: "sg",
    network: NETWORK,
    setup: Setup {
        nft: NFT,
        mtu: [9001, 9001],
        ip: "route add 10.0.1.0/24 via 10.255.0.2 dev in\nroute add 2001:db8:1:1a01::/64 via fd00:255::2 dev in\n",
        parameters: &[],
    },
    hosts: HOSTS,
    ttl_gap: 1,
    itself: None,
    nat: None,
    offloads: Offloads::Strict,
    cases: include_str!("security_group.cases"),
    traffic: Traffic {
        hosts: &["h1", "h1v6", "p1", "p2", "s1", "s2"],
        called: &["h1", "h1v6"],
        ports: &[53, 80, 443, 123, 53, 85, 443, 123, 22, 91],
        others: &["gre", "esp", "proto"],
        fragments: &["udp", "ping"],
        errors: [
            &[(3, 0), (3, 1), (3, 3), (3, 4), (3, 13), (11, 0), (11, 1), (12, 0)],
            &[(1, 0), (1, 1), (1, 4), (2, 0), (3, 0), (4, 1)],
        ],
    },
};
