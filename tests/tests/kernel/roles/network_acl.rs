//! A stateless filter: the network ACL of a subnet here, ordered rules without connection tracking there.

use super::{Host, Role, inside, outside, peer};
use crate::random::Traffic;
use crate::router::Setup;
use vpcemu_packet::Offloads;

/// The ACL under test is `listed`, of subnet a; security groups are open, which is not tracked either.
macro_rules! network {
    ($behavior:literal) => {
        concat!(
            r#"
[vpc.main]
cidrs = ["10.0.0.0/16", "2001:db8:1:1a00::/56"]
[internet_gateway.igw]
[subnet.a]
cidrs = ["10.0.1.0/24", "2001:db8:1:1a01::/64"]
route_table = "a"
nacl = "listed"
[subnet.b]
cidrs = ["10.0.2.0/24"]
[route_table.a]
routes = [{ to = "::/0", via = "igw" }]
[network_acl.listed]
ingress = [
  { rule = 90, action = "deny", proto = "tcp", ports = "85", from = "10.0.2.0/24" },
  { rule = 100, action = "allow", proto = "tcp", ports = "80-90", from = "10.0.2.0/24" },
  { rule = 110, action = "allow", proto = "udp", ports = "1024-65535", from = "10.0.2.10/32" },
  { rule = 120, action = "deny", proto = "all", from = "10.0.2.11/32" },
  { rule = 130, action = "allow", proto = "udp", ports = "53", from = "0.0.0.0/0" },
  { rule = 140, action = "allow", proto = "icmp", type = "echo-request", from = "0.0.0.0/0" },
  { rule = 150, action = "allow", proto = "icmp", type = "destination-unreachable", code = 4, from = "0.0.0.0/0" },
  { rule = 160, action = "allow", proto = "47", from = "0.0.0.0/0" },
  { rule = 200, action = "allow", proto = "tcp", ports = "80", from = "::/0" },
  { rule = 205, action = "deny", proto = "udp", ports = "53", from = "2001:db8:8::/48" },
  { rule = 210, action = "allow", proto = "udp", ports = "53", from = "::/0" },
  { rule = 220, action = "allow", proto = "icmpv6", type = "echo-request", from = "::/0" },
]
egress = [
  { rule = 100, action = "allow", proto = "tcp", ports = "1024-65535", to = "10.0.2.0/24" },
  { rule = 110, action = "deny", proto = "udp", ports = "123", to = "0.0.0.0/0" },
  { rule = 120, action = "allow", proto = "udp", ports = "0-65535", to = "0.0.0.0/0" },
  { rule = 130, action = "allow", proto = "icmp", type = "echo-reply", to = "0.0.0.0/0" },
  { rule = 140, action = "allow", proto = "50", to = "10.0.2.0/24" },
  { rule = 200, action = "allow", proto = "tcp", ports = "1024-65535", to = "::/0" },
  { rule = 220, action = "allow", proto = "icmpv6", type = "echo-reply", to = "::/0" },
]
[security_group.open]
ingress = [{ proto = "all", from = "0.0.0.0/0" }, { proto = "all", from = "::/0" }]
egress = [{ proto = "all", to = "0.0.0.0/0" }, { proto = "all", to = "::/0" }]
[instance.h1]
subnet = "a"
addresses = ["10.0.1.10", "2001:db8:1:1a01::10"]
security_groups = ["open"]
[instance.p1]
subnet = "b"
addresses = ["10.0.2.10"]
security_groups = ["open"]
[instance.p2]
subnet = "b"
addresses = ["10.0.2.11"]
security_groups = ["open"]
"#,
            $behavior
        )
    };
}

macro_rules! nft {
    ($notrack:literal) => {
        concat!(
            "
table inet listed {
  chain raw { type filter hook prerouting priority ",
            $notrack,
            "; policy accept; notrack; }
  chain ingress {
    ip saddr 10.0.2.0/24 tcp dport 85 drop
    ip saddr 10.0.2.0/24 tcp dport 80-90 accept
    ip saddr 10.0.2.10 udp dport 1024-65535 accept
    ip saddr 10.0.2.11 drop
    meta nfproto ipv4 udp dport 53 accept
    icmp type echo-request accept
    icmp type destination-unreachable icmp code 4 accept
    meta nfproto ipv4 meta l4proto 47 accept
    meta nfproto ipv6 tcp dport 80 accept
    ip6 saddr 2001:db8:8::/48 udp dport 53 drop
    meta nfproto ipv6 udp dport 53 accept
    icmpv6 type echo-request accept
    drop
  }
  chain egress {
    ip daddr 10.0.2.0/24 tcp dport 1024-65535 accept
    meta nfproto ipv4 udp dport 123 drop
    meta nfproto ipv4 udp dport 0-65535 accept
    icmp type echo-reply accept
    ip daddr 10.0.2.0/24 meta l4proto 50 accept
    meta nfproto ipv6 tcp dport 1024-65535 accept
    icmpv6 type echo-reply accept
    drop
  }
  chain forward {
    type filter hook forward priority 0; policy drop;
    meta mark 0xfe accept
    iifname out jump ingress
    iifname in jump egress
  }
"
        )
    };
}

const HOSTS: &[Host] = &[
    inside("h1", "10.0.1.10", "h1"),
    inside("h1v6", "2001:db8:1:1a01::10", "h1"),
    peer("p1", "10.0.2.10", "p1"),
    peer("p2", "10.0.2.11", "p2"),
    outside("s1", "2001:db8:9::10"),
    outside("s2", "2001:db8:8::10"),
];

/// A rule that mentions connection tracking turns reassembly on, so that all fragments of a datagram are judged by its
/// ports, as ours are (7.13).
pub(crate) const NETWORK_ACL: Role<'static> = Role {
    name: "nacl",
    network: network!(""),
    setup: Setup {
        nft: concat!(nft!("-300"), "  chain tracks { ct state established counter; }\n}\n"),
        mtu: [9001, 9001],
        ip: "route add 10.0.1.0/24 via 10.255.0.2 dev in\nroute add 2001:db8:1:1a01::/64 via fd00:255::2 dev in\n",
        parameters: &[],
    },
    hosts: HOSTS,
    ttl_gap: 1,
    itself: None,
    nat: None,
    offloads: Offloads::Tolerate,
    cases: include_str!("network_acl.cases"),
    traffic: Traffic {
        hosts: &["h1", "h1v6", "p1", "p2", "s1", "s2"],
        called: &["h1", "h1v6"],
        ports: &[53, 80, 53, 90, 1024, 53, 80, 5000, 85, 91, 123],
        others: &["gre", "esp", "proto", "sctp", "udplite"],
        fragments: &["udp", "ping"],
        errors: [&[(3, 0), (3, 3), (3, 4), (11, 0)], &[(1, 4), (2, 0), (3, 0)]],
    },
};

/// Without it later fragments have no ports (D14), and ours are told not to lend them any.
pub(crate) const NETWORK_ACL_WITHOUT_REASSEMBLY: Role<'static> = Role {
    name: "nacl-fragments",
    network: network!("[behavior.network_acl]\nnacl_fragments = \"portless_only\"\n"),
    setup: Setup { nft: concat!(nft!("-500"), "}\n"), ..NETWORK_ACL.setup },
    cases: include_str!("network_acl_fragments.cases"),
    ..NETWORK_ACL
};
