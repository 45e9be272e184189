//! Source NAT with ports: a NAT gateway here, `snat` to one address there.

use super::{Host, Role, inside, outside};
use crate::random::Traffic;
use crate::router::Setup;
use std::net::{IpAddr, Ipv4Addr};
use vpcemu_packet::Offloads;

macro_rules! network {
    ($behavior:literal) => {
        concat!(
            r#"
[vpc.main]
cidrs = ["10.0.0.0/16"]
[internet_gateway.igw]
[subnet.pub]
cidrs = ["10.0.0.0/24"]
route_table = "pub"
[subnet.priv]
cidrs = ["10.0.1.0/24"]
route_table = "priv"
[route_table.pub]
routes = [{ to = "0.0.0.0/0", via = "igw" }]
[route_table.priv]
routes = [{ to = "0.0.0.0/0", via = "nat" }]
[nat_gateway.nat]
subnet = "pub"
addresses = [{ private = "10.0.0.200", public = "203.0.113.20" }]
[security_group.open]
ingress = [{ proto = "all", from = "0.0.0.0/0" }]
[instance.h1]
subnet = "priv"
addresses = ["10.0.1.10"]
security_groups = ["open"]
[instance.h2]
subnet = "priv"
addresses = ["10.0.1.11"]
security_groups = ["open"]
[instance.h3]
subnet = "priv"
addresses = ["10.0.1.12"]
security_groups = ["open"]
"#,
            $behavior
        )
    };
}

/// The same hosts behind an instance with the same public address. Its MTU is that of the kernel's outside.
macro_rules! instance {
    ($behavior:literal) => {
        concat!(
            r#"
[vpc.main]
cidrs = ["10.0.0.0/16"]
[internet_gateway.igw]
[subnet.pub]
cidrs = ["10.0.0.0/24"]
route_table = "pub"
[subnet.priv]
cidrs = ["10.0.1.0/24"]
route_table = "priv"
[route_table.pub]
routes = [{ to = "0.0.0.0/0", via = "igw" }]
[route_table.priv]
routes = [{ to = "0.0.0.0/0", via = "nat" }]
[security_group.open]
ingress = [{ proto = "all", from = "0.0.0.0/0" }]
[instance.nat]
subnet = "pub"
addresses = ["10.0.0.200"]
public = "203.0.113.20"
security_groups = ["open"]
source_dest_check = false
forward = "nat-instance"
[instance.h1]
subnet = "priv"
addresses = ["10.0.1.10"]
security_groups = ["open"]
[instance.h2]
subnet = "priv"
addresses = ["10.0.1.11"]
security_groups = ["open"]
[instance.h3]
subnet = "priv"
addresses = ["10.0.1.12"]
security_groups = ["open"]
[behavior.nat_instance]
mtu = 1500
"#,
            $behavior
        )
    };
}

/// As an instance does it that drops what belongs to nothing.
macro_rules! nft {
    ($to:literal) => {
        concat!(
            "table ip nat {
  chain forward {
    type filter hook forward priority 0; policy drop;
    meta mark 0xfe accept
    ct state invalid drop
    ct state established,related accept
    iifname in oifname out ct state new accept
  }
  chain post {
    type nat hook postrouting priority 100;
    oifname out ip saddr 10.0.0.0/16 meta l4proto { tcp, udp } snat to ",
            $to,
            "
    oifname out ip saddr 10.0.0.0/16 snat to 203.0.113.20
  }
}
"
        )
    };
}

const IP: &str = "address add 203.0.113.20/32 dev out\nroute add 10.0.0.0/16 via 10.255.0.2 dev in\n";

const HOSTS: &[Host] = &[
    inside("h1", "10.0.1.10", "h1"),
    inside("h2", "10.0.1.11", "h2"),
    inside("h3", "10.0.1.12", "h3"),
    outside("nat", "203.0.113.20"),
    outside("s1", "198.51.100.7"),
    outside("s2", "198.51.100.8"),
    outside("hop", "198.51.100.254"),
];

/// A NAT gateway against a kernel as it comes.
pub(crate) const NAT_GATEWAY: Role<'static> = Role {
    name: "nat",
    network: network!(""),
    setup: Setup { nft: nft!("203.0.113.20"), mtu: [9001, 1500], ip: IP, parameters: &[] },
    hosts: HOSTS,
    ttl_gap: 0,
    itself: None,
    nat: Some(IpAddr::V4(Ipv4Addr::new(203, 0, 113, 20))),
    offloads: Offloads::Strict,
    cases: include_str!("nat.cases"),
    traffic: Traffic {
        hosts: &["h1", "h2", "h3", "s1", "s2"],
        called: &["nat"],
        ports: &[53, 80, 443],
        others: &[],
        fragments: &["udp"],
        errors: [&[(3, 0), (3, 1), (3, 3), (3, 4), (3, 13), (11, 0), (11, 1), (12, 0)], &[]],
    },
};

/// Three ports only (A7, A8).
pub(crate) const NAT_GATEWAY_SMALL_POOL: Role<'static> = Role {
    name: "nat-small-pool",
    network: network!("[behavior.nat_gateway]\nmax_per_destination = 3\n"),
    setup: Setup { nft: nft!("203.0.113.20:5000-5002"), ..NAT_GATEWAY.setup },
    cases: include_str!("nat_small_pool.cases"),
    ..NAT_GATEWAY
};

/// A kernel that picks up no connection in the middle (E13).
pub(crate) const NAT_GATEWAY_STRICT: Role<'static> = Role {
    name: "nat-strict",
    setup: Setup { parameters: &["netfilter/nf_conntrack_tcp_loose=0"], ..NAT_GATEWAY.setup },
    cases: include_str!("nat_strict.cases"),
    ..NAT_GATEWAY
};

/// A NAT instance, which is to be this very kernel (11.3).
pub(crate) const NAT_INSTANCE: Role<'static> = Role {
    name: "nat-instance",
    network: instance!(""),
    itself: Some("nat"),
    // Not SCTP, whose ports ours does not see: two hosts collide (G12b).
    traffic: Traffic { others: &["gre", "esp", "proto"], fragments: &["udp", "ping"], ..NAT_GATEWAY.traffic },
    ..NAT_GATEWAY
};

/// One that picks up no connection in the middle (E13).
pub(crate) const NAT_INSTANCE_STRICT: Role<'static> = Role {
    name: "nat-instance-strict",
    network: instance!("tcp_loose = false\n"),
    itself: Some("nat"),
    ..NAT_GATEWAY_STRICT
};
