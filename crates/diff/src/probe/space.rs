//! Classes of addresses: those that every rule and route of both configurations treats alike.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ipnet::{IpNet, Ipv4Net, Ipv6Net};
use vpcemu_dataplane::fabric::address;
use vpcemu_model::{AttachmentKind, Destination, Id, Network, Peer};

use crate::{Pair, Which};

/// Blocks that mean something whatever is configured: private (RFC 1918), shared (RFC 6598), link-local and unique local
/// addresses, and NAT64's (RFC 6052).
const FIXED: [&str; 9] = [
    "10.0.0.0/8",
    "172.16.0.0/12",
    "192.168.0.0/16",
    "100.64.0.0/10",
    "169.254.0.0/16",
    "fc00::/7",
    "fd00:ec2::/32",
    "fe80::/10",
    "64:ff9b::/96",
];
/// Addresses that examples are best told with (RFC 5737, RFC 3849), where a class has them.
const TELLING: [IpAddr; 5] = [
    IpAddr::V4(Ipv4Addr::new(198, 51, 100, 1)),
    IpAddr::V4(Ipv4Addr::new(203, 0, 113, 1)),
    IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1)),
    IpAddr::V6(Ipv6Addr::new(0x2001, 0xdb8, 0xffff, 0, 0, 0, 0, 1)),
    IpAddr::V6(Ipv6Addr::new(0x3fff, 0, 0, 0, 0, 0, 0, 1)),
];
/// Addresses of an interval that are tried for one that nobody has: more than a subnet keeps for itself.
const TRIED: u128 = 64;

/// What a block is of: prefix lists count as one block for each length, since routes go by that.
#[derive(Clone, PartialEq, Eq, Hash)]
enum Block {
    Net(IpNet),
    List(bool, Id, u8),
}

/// Every block of both configurations.
pub(super) struct Space {
    nets: Vec<(IpNet, u32)>,
    blocks: HashMap<Block, u32>,
    by_net: HashMap<IpNet, Vec<u32>>,
    named: HashSet<IpNet>,
    /// Those that mean something to everybody: all but the peers of rules and the destinations of subnets' routes.
    pub(super) common: Signature,
}

/// Blocks, in order: which an address is in, or which somebody's rules name.
pub(super) type Signature = Vec<u32>;

/// Addresses that nobody in the network has and that nothing tells apart.
#[derive(Clone, Debug)]
pub(super) struct AddressClass {
    pub(super) representative: IpAddr,
    signature: Signature,
    /// The blocks that a configuration names and the representative is in, the smallest first.
    named: Vec<(IpNet, u32)>,
}

impl AddressClass {
    /// Which of some blocks it is in: to those who know no others, classes for which that is the same are one.
    pub(super) fn within(&self, known: [&Signature; 3]) -> Signature {
        let knows = |block: &u32| known.iter().any(|known| known.binary_search(block).is_ok());
        self.signature.iter().copied().filter(knows).collect()
    }

    /// The smallest of some blocks that a configuration names; none of the rest of the world.
    pub(super) fn block(&self, within: &Signature) -> Option<IpNet> {
        self.named.iter().find(|(_, block)| within.binary_search(block).is_ok()).map(|(net, _)| *net)
    }
}

impl Space {
    pub(super) fn of(pair: &Pair) -> Self {
        let mut space = Self {
            nets: Vec::new(),
            blocks: HashMap::new(),
            by_net: HashMap::new(),
            named: HashSet::new(),
            common: Vec::new(),
        };
        for fixed in FIXED {
            if let Ok(net) = fixed.parse() {
                space.add(Block::Net(net), net);
            }
        }
        let mut common: Vec<IpNet> = space.nets.iter().map(|(net, _)| *net).collect();
        let mut translates = false;
        for which in [Which::Old, Which::New] {
            let network = pair.network(which);
            let mut nets = Vec::new();
            collect_common(network, &mut nets);
            common.extend(nets.iter().map(IpNet::trunc));
            collect_rules(network, &mut nets);
            for net in nets {
                space.name(net);
                translates |= net.prefix_len() > 0 && net.contains(&IpAddr::V6(NAT64));
            }
            for list in &network.prefix_lists {
                for entry in &list.entries {
                    let entry = entry.trunc();
                    space.named.insert(entry);
                    translates |= entry.prefix_len() > 0 && entry.contains(&IpAddr::V6(NAT64));
                    let block = Block::List(which == Which::Old, list.id.clone(), entry.prefix_len());
                    space.add(block, entry);
                }
            }
        }
        if translates {
            // IPv4 hosts are called by their NAT64 addresses too.
            for net in space.nets.iter().map(|(net, _)| *net).collect::<BTreeSet<_>>() {
                if let IpNet::V4(v4) = net
                    && let IpAddr::V6(base) = address::nat64(IpAddr::V4(v4.network()))
                    && let Ok(net) = Ipv6Net::new(base, 96 + v4.prefix_len())
                {
                    space.add(Block::Net(net.into()), net.into());
                    common.push(net.into());
                }
            }
        }
        space.common = space.known(common.into_iter());
        space
    }

    /// The blocks behind what somebody's rules name.
    pub(super) fn known(&self, nets: impl Iterator<Item = IpNet>) -> Signature {
        let mut blocks: Vec<_> = nets.filter_map(|net| self.by_net.get(&net.trunc())).flatten().copied().collect();
        blocks.sort_unstable();
        blocks.dedup();
        blocks
    }

    fn name(&mut self, net: IpNet) {
        let net = net.trunc();
        self.named.insert(net);
        self.add(Block::Net(net), net);
    }

    fn add(&mut self, block: Block, net: IpNet) {
        let next = u32::try_from(self.blocks.len()).unwrap_or(u32::MAX);
        let number = *self.blocks.entry(block).or_insert(next);
        self.nets.push((net, number));
        self.by_net.entry(net).or_default().push(number);
    }

    /// The blocks that an address is in.
    pub(super) fn signature(&self, address: IpAddr) -> Signature {
        let mut blocks: Vec<_> =
            self.nets.iter().filter(|(net, _)| net.contains(&address)).map(|(_, block)| *block).collect();
        blocks.sort_unstable();
        blocks.dedup();
        blocks
    }

    fn class(&self, representative: IpAddr) -> AddressClass {
        let named = self.nets.iter().filter(|(net, _)| self.named.contains(net) && net.contains(&representative));
        let mut named: Vec<_> = named.copied().collect();
        named.sort_unstable_by_key(|(net, _)| std::cmp::Reverse(net.prefix_len()));
        AddressClass { representative, signature: self.signature(representative), named }
    }

    /// One address for each class, of those that are nobody's.
    pub(super) fn classes(&self, taken: &HashSet<IpAddr>) -> Vec<AddressClass> {
        let mut found: BTreeMap<(bool, Signature), IpAddr> = BTreeMap::new();
        let telling = TELLING.iter().copied().filter(|address| !taken.contains(address));
        for address in telling {
            found.entry((address.is_ipv6(), self.signature(address))).or_insert(address);
        }
        for ipv6 in [false, true] {
            let nets = self.nets.iter().map(|(net, _)| *net).filter(|net| matches!(net, IpNet::V6(_)) == ipv6);
            let last = if ipv6 { u128::MAX } else { u128::from(u32::MAX) };
            let mut starts = BTreeSet::from([0]);
            for net in nets {
                let (first, end) = (number(net.network()), number(net.broadcast()));
                starts.insert(first);
                starts.extend(end.checked_add(1).filter(|next| *next <= last));
            }
            let starts: Vec<_> = starts.into_iter().collect();
            for (at, &start) in starts.iter().enumerate() {
                let end = starts.get(at + 1).map_or(last, |next| next - 1);
                let signature = (ipv6, self.signature(address_of(start, ipv6)));
                if found.contains_key(&signature) {
                    continue;
                }
                // Past what a subnet keeps for itself, and from the start for blocks that are smaller than that.
                let tried = (start.saturating_add(4)..=end).chain(start..=end.min(start.saturating_add(3)));
                let free = |address: &IpAddr| !taken.contains(address) && !is_never_routed(*address);
                if let Some(free) = tried.take(TRIED as usize).map(|n| address_of(n, ipv6)).find(free) {
                    found.insert(signature, free);
                }
            }
        }
        let mut classes: Vec<_> = found.into_values().map(|representative| self.class(representative)).collect();
        // Examples are taken from the first.
        classes.sort_by_key(|class| !TELLING.contains(&class.representative));
        classes
    }
}

/// What the engine drops or keeps to itself, whatever is configured.
fn is_never_routed(address: IpAddr) -> bool {
    address::is_nowhere(address)
        || address::is_multicast(address)
        || address::stays_local(address)
        || address::is_link_scope_v6(address)
}

/// The first address of 64:ff9b::/96.
const NAT64: Ipv6Addr = Ipv6Addr::new(0x64, 0xff9b, 0, 0, 0, 0, 0, 0);

fn number(address: IpAddr) -> u128 {
    match address {
        IpAddr::V4(v4) => u128::from(u32::from(v4)),
        IpAddr::V6(v6) => u128::from(v6),
    }
}

fn address_of(number: u128, ipv6: bool) -> IpAddr {
    match u32::try_from(number) {
        Ok(v4) if !ipv6 => IpAddr::V4(Ipv4Addr::from(v4)),
        _ => IpAddr::V6(Ipv6Addr::from(number)),
    }
}

/// The blocks of security groups, network ACLs and subnets' route tables, without those of prefix lists.
fn collect_rules(network: &Network, nets: &mut Vec<IpNet>) {
    for route in network.route_tables.iter().flat_map(|table| &table.routes) {
        if let Destination::Cidr(net) = route.destination {
            nets.push(net);
        }
    }
    for group in &network.security_groups {
        nets.extend(group.ingress.iter().chain(&group.egress).filter_map(|rule| match &rule.peer {
            Peer::Cidr(net) => Some(*net),
            Peer::PrefixList(_) | Peer::SecurityGroup(_) => None,
        }));
    }
    for acl in &network.network_acls {
        nets.extend(acl.ingress.iter().chain(&acl.egress).map(|entry| entry.cidr));
    }
}

/// All others.
fn collect_common(network: &Network, nets: &mut Vec<IpNet>) {
    let mut destination = |destination: &Destination| match destination {
        Destination::Cidr(net) => nets.push(*net),
        Destination::PrefixList(list) => {
            nets.extend(network.prefix_lists.iter().filter(|it| it.id == *list).flat_map(|it| &it.entries));
        }
    };
    for route in network.gateway_route_tables.iter().flat_map(|table| &table.routes) {
        destination(&route.destination);
    }
    for gateway in &network.transit_gateways {
        for route in gateway.route_tables.iter().flat_map(|table| &table.routes) {
            destination(&route.destination);
        }
    }
    for gateway in &network.transit_gateways {
        for attachment in &gateway.attachments {
            if let AttachmentKind::Outside { prefixes, .. } = &attachment.kind {
                nets.extend(prefixes);
            }
        }
    }
    nets.extend(network.vpcs.iter().flat_map(|vpc| &vpc.cidrs));
    nets.extend(network.subnets.iter().flat_map(|subnet| &subnet.cidrs));
    nets.extend(network.interfaces.iter().flat_map(|interface| &interface.prefixes));
    for peering in &network.vpc_peering_connections {
        nets.extend(peering.requester.cidrs.iter().chain(&peering.accepter.cidrs));
    }
    nets.extend(network.vpn_gateways.iter().filter_map(|gateway| gateway.prefixes.as_ref()).flatten());
    for vpc in &network.vpcs {
        // The resolver, and with it the only address of the reserved ones that answers.
        if let Some(IpNet::V4(primary)) = vpc.primary_cidr()
            && let Some(resolver) = address::resolver(primary)
            && let Ok(net) = Ipv4Net::new(resolver, 32)
        {
            nets.push(net.into());
        }
    }
}
