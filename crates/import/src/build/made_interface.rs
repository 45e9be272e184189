//! Interfaces that the dump does not list, of what cannot be without.

use std::collections::HashSet;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ipnet::IpNet;
use vpcemu_model::{ConnectionTracking, Id, InterfaceKind, Network, NetworkInterface, Origin, PrivateIpv4};

/// The first address of a block that an interface may have: AWS keeps those before it for itself (semantics 1.8).
const FIRST: u128 = 4;

/// An interface of a gateway without groups, at the first free address of its subnet.
pub(super) fn made(id: Id, subnet: &Id, kind: InterfaceKind, network: &Network, origin: Origin) -> NetworkInterface {
    let (mut ipv4, mut ipv6) = (Vec::new(), Vec::new());
    match free_address(subnet, network) {
        Some(IpAddr::V4(private)) => ipv4.push(PrivateIpv4 { private, public: None }),
        Some(IpAddr::V6(address)) => ipv6.push(address),
        None => {}
    }
    NetworkInterface {
        id,
        name: None,
        subnet: subnet.clone(),
        kind,
        instance: None,
        ipv4,
        ipv6,
        prefixes: Vec::new(),
        security_groups: Vec::new(),
        source_dest_check: false,
        forward: None,
        in_use: true,
        connection_tracking: ConnectionTracking::default(),
        deny_all_igw_traffic: false,
        origin,
    }
}

/// The lowest address of the subnet's first block that nothing has.
fn free_address(subnet: &Id, network: &Network) -> Option<IpAddr> {
    let blocks = &network.subnet(subnet)?.cidrs;
    let block = blocks.iter().find(|block| block.addr().is_ipv4()).or_else(|| blocks.first())?;
    let there: Vec<_> = network.interfaces.iter().filter(|it| it.subnet == *subnet).collect();
    let taken: HashSet<IpAddr> = there.iter().flat_map(|it| it.addresses()).collect();
    let delegated = |address: &IpAddr| there.iter().flat_map(|it| &it.prefixes).any(|prefix| prefix.contains(address));
    let size = 1_u128.checked_shl(u32::from(block.max_prefix_len() - block.prefix_len())).unwrap_or(u128::MAX);
    // The last one is AWS's too.
    let mut candidates = (FIRST..size.saturating_sub(1)).take(TRIES).filter_map(|offset| nth(block, offset));
    candidates.find(|address| !taken.contains(address) && !delegated(address))
}

/// How many addresses are tried: more than the largest subnet of IPv4 has, a /16.
const TRIES: usize = 1 << 16;

fn nth(block: &IpNet, offset: u128) -> Option<IpAddr> {
    match block.network() {
        IpAddr::V4(base) => {
            u32::from(base).checked_add(u32::try_from(offset).ok()?).map(|it| IpAddr::V4(Ipv4Addr::from(it)))
        }
        IpAddr::V6(base) => u128::from(base).checked_add(offset).map(|it| IpAddr::V6(Ipv6Addr::from(it))),
    }
}
