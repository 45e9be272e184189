//! IPv6 out only: an egress-only internet gateway here, `ct state` there.

use super::{Host, Role, inside, outside};
use crate::random::Traffic;
use crate::router::Setup;
use vpcemu_packet::Offloads;

const NETWORK: &str = r#"
[vpc.main]
cidrs = ["10.0.0.0/16", "2001:db8:1:1a00::/56"]
[egress_only_internet_gateway.eigw]
[subnet.a]
cidrs = ["10.0.1.0/24", "2001:db8:1:1a01::/64"]
route_table = "a"
[route_table.a]
routes = [{ to = "::/0", via = "eigw" }]
[security_group.open]
ingress = [{ proto = "all", from = "::/0" }]
egress = [{ proto = "all", to = "::/0" }]
[instance.h1]
subnet = "a"
addresses = ["10.0.1.10", "2001:db8:1:1a01::10"]
security_groups = ["open"]
[instance.h2]
subnet = "a"
addresses = ["10.0.1.11", "2001:db8:1:1a01::11"]
security_groups = ["open"]
"#;

const NFT: &str = "
table ip6 egress {
  chain forward {
    type filter hook forward priority 0; policy drop;
    ct state established,related accept
    iifname in ct state new accept
  }
}
";

const HOSTS: &[Host] = &[
    inside("h1", "2001:db8:1:1a01::10", "h1"),
    inside("h2", "2001:db8:1:1a01::11", "h2"),
    outside("s1", "2001:db8:9::10"),
    outside("s2", "2001:db8:8::10"),
    outside("hop", "2001:db8:7::1"),
];

pub(crate) const EGRESS_ONLY: Role<'static> = Role {
    name: "eigw",
    network: NETWORK,
    setup: Setup {
        nft: NFT,
        mtu: [9001, 1500],
        ip: "route add 2001:db8:1:1a01::/64 via fd00:255::2 dev in\n",
        parameters: &[],
    },
    hosts: HOSTS,
    ttl_gap: 1,
    itself: None,
    nat: None,
    offloads: Offloads::Strict,
    cases: include_str!("egress_only.cases"),
    traffic: Traffic {
        hosts: &["h1", "h2", "s1", "s2"],
        called: &["h1", "h2"],
        ports: &[53, 80, 443],
        others: &["gre", "esp", "proto"],
        fragments: &["udp", "ping"],
        errors: [&[], &[(1, 0), (1, 1), (1, 4), (2, 0), (3, 0), (4, 1)]],
    },
};
