//! A router on this machine's kernel, with nftables, between two cables.

use std::process::{Command, Stdio};

use super::namespace::{Namespace, run, set};
use super::wire::{Side, Wire};

/// The router, and the hosts' ends of its cables.
pub(crate) struct Router {
    wire: Wire,
    // Dropped last: with it go the namespaces, and with them everything.
    _namespaces: [Namespace; 2],
}

/// What a router of a role is made of, besides its cables.
#[derive(Clone, Copy)]
pub(crate) struct Setup<'a> {
    /// For `nft -f`.
    pub(crate) nft: &'a str,
    /// MTU inside and outside.
    pub(crate) mtu: [u16; 2],
    /// More lines for `ip -batch`.
    pub(crate) ip: &'a str,
    /// More kernel parameters, as `path=value`.
    pub(crate) parameters: &'a [&'a str],
}

const ROUTERS: [[u8; 6]; 2] = [[2, 0, 0, 0, 1, 1], [2, 0, 0, 0, 2, 1]];

/// Addresses that the router uses when it speaks itself.
pub(crate) const OWN: [&str; 4] = ["10.255.0.1", "192.0.2.1", "fd00:255::1", "2001:db8:2::1"];

/// Everything inside the VPC is behind one neighbour, everything else behind another, so that no address ever has to be
/// resolved. Permanent neighbours never are.
const CABLES: &str = "\
link add in type veth peer name host-in netns HOSTS
link add out type veth peer name host-out netns HOSTS
link set in address 02:00:00:00:01:01 mtu MTU_IN addrgenmode none
link set out address 02:00:00:00:02:01 mtu MTU_OUT addrgenmode none
link set lo up
link set in up
link set out up
address add 10.255.0.1/30 dev in
address add 192.0.2.1/30 dev out
address add fd00:255::1/64 dev in nodad
address add 2001:db8:2::1/64 dev out nodad
neighbour add 10.255.0.2 lladdr 02:00:00:00:01:02 dev in nud permanent
neighbour add 192.0.2.2 lladdr 02:00:00:00:02:02 dev out nud permanent
neighbour add fd00:255::2 lladdr 02:00:00:00:01:02 dev in nud permanent
neighbour add 2001:db8:2::2 lladdr 02:00:00:00:02:02 dev out nud permanent
route add 198.18.0.0/16 via 10.255.0.2 dev in
route add default via 192.0.2.2 dev out
route add default via 2001:db8:2::2 dev out
";

const HOSTS: &str = "\
link set host-in address 02:00:00:00:01:02 mtu MTU_IN addrgenmode none up
link set host-out address 02:00:00:00:02:02 mtu MTU_OUT addrgenmode none up
";

/// What makes fences pass; the chains of a role let the mark through.
const FENCE: &str = "\
table inet fence {
  chain c {
    type filter hook prerouting priority -600; policy accept;
    ip saddr 198.18.0.0/15 ip daddr 198.18.0.0/15 notrack meta mark set 0xfe
  }
  chain closed { type filter hook input priority 0; policy drop; }
}
";

/// Kernel parameters of a quiet router. Conntrack keeps its defaults.
const PARAMETERS: [&str; 17] = [
    "ipv4/ip_forward=1",
    "ipv6/conf/all/forwarding=1",
    "ipv4/conf/all/rp_filter=0",
    "ipv4/conf/default/rp_filter=0",
    "ipv4/conf/all/send_redirects=0",
    "ipv4/conf/default/send_redirects=0",
    "ipv6/conf/all/accept_dad=0",
    "ipv6/conf/default/accept_dad=0",
    "ipv6/conf/default/accept_ra=0",
    "ipv6/conf/default/router_solicitations=0",
    "ipv4/icmp_ratelimit=0",
    "ipv4/icmp_msgs_per_sec=100000",
    "ipv4/icmp_msgs_burst=100000",
    "ipv6/icmp/ratelimit=0",
    "ipv4/conf/all/log_martians=0",
    "ipv6/conf/default/mldv2_unsolicited_report_interval=0",
    "ipv4/conf/all/accept_source_route=0",
];

/// Has the router compute what it sends. Where `ethtool` is missing that is so anyhow for all that is compared: frames from a
/// raw socket carry their checksums, and forwarding them changes nothing about that.
fn without_offloads() {
    for interface in ["in", "out"] {
        let arguments = ["-K", interface, "tx", "off", "gro", "off"];
        let _ = Command::new("ethtool").args(arguments).stdout(Stdio::null()).stderr(Stdio::null()).status();
    }
}

impl Router {
    /// Builds it. Takes some 20 ms.
    pub(crate) fn new(setup: &Setup<'_>) -> Self {
        let hosts = Namespace::new().unwrap();
        let router = Namespace::new().unwrap();
        let with_mtu = |text: &str| {
            text.replace("MTU_IN", &setup.mtu[0].to_string()).replace("MTU_OUT", &setup.mtu[1].to_string())
        };
        router.enter(|| {
            for parameter in PARAMETERS.iter().chain(setup.parameters) {
                let (path, value) = parameter.split_once('=').unwrap();
                set(path, value);
            }
            run("ip", &["-batch", "-"], &(with_mtu(CABLES).replace("HOSTS", &hosts.path()) + setup.ip));
            without_offloads();
            run("nft", &["-f", "-"], &format!("{FENCE}{}", setup.nft));
        });
        let wire = hosts.enter(|| {
            set("ipv6/conf/all/disable_ipv6", "1");
            run("ip", &["-batch", "-"], &with_mtu(HOSTS));
            Wire::open(ROUTERS)
        });
        Self { wire, _namespaces: [hosts, router] }
    }

    /// Everything that comes out because of a datagram.
    pub(crate) fn inject(&mut self, side: Side, datagram: &[u8]) -> Vec<(Side, Vec<u8>)> {
        self.wire.inject(side, datagram)
    }
}
