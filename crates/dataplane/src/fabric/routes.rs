use std::collections::HashSet;
use std::net::IpAddr;

use ipnet::IpNet;

use super::stretches::{AddressMap, Stretches};
use crate::index::{EdgeIx, EigwIx, EndpointIx, EniIx, IgwIx, NatIx, Registry};

/// Where a route leads.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum NextHop {
    /// Inside the VPC.
    Local,
    /// An internet gateway.
    InternetGateway(IgwIx),
    /// An egress-only internet gateway.
    EgressOnly(EigwIx),
    /// A NAT gateway.
    NatGateway(NatIx),
    /// An interface: an appliance (2.13).
    Interface(EniIx),
    /// A gateway endpoint, or that of a Gateway Load Balancer.
    Endpoint(EndpointIx),
    /// What lies beyond the VPC; in the table of a transit gateway, an attachment.
    Edge(EdgeIx),
    /// The target is gone; the route still matches (2.8).
    Blackhole,
}

/// A route table, compiled for longest prefix match.
#[derive(Debug, Default)]
pub struct RouteTable {
    routes: Vec<(IpNet, NextHop)>,
    /// One more than the position of the route that wins; 0 where there is none.
    winners: AddressMap,
}

/// The route that won.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct RouteHit {
    /// Its position in the compiled table.
    pub route: u32,
    /// Where it leads.
    pub next: NextHop,
}

impl RouteTable {
    /// A table of these routes; of two for one block the first counts, so they come in order of precedence (2.4).
    pub(crate) fn new(routes: impl IntoIterator<Item = (IpNet, NextHop)>) -> Self {
        let mut taken = HashSet::new();
        let routes: Vec<_> = routes.into_iter().filter(|(net, _)| taken.insert(*net)).collect();
        let winners = AddressMap::new(&winners(&routes));
        Self { routes, winners }
    }

    /// Longest prefix match; families never mix (2.2).
    #[inline]
    pub fn lookup(&self, destination: IpAddr) -> Option<RouteHit> {
        let route = self.winners.find(destination).checked_sub(1)?;
        self.routes.get(route as usize).map(|(_, next)| RouteHit { route, next: *next })
    }

    /// Where which route wins: stretches with another value have another route, or none.
    pub(crate) fn stretches(&self) -> Stretches {
        winners(&self.routes)
    }

    /// The block that a route covers.
    pub fn net(&self, route: u32) -> Option<IpNet> {
        self.routes.get(route as usize).map(|(net, _)| *net)
    }

    /// Every route, by position.
    pub fn routes(&self) -> impl Iterator<Item = (IpNet, NextHop)> + '_ {
        self.routes.iter().copied()
    }

    /// A route as people write it: `0.0.0.0/0 -> nat-nat`.
    pub fn describe(&self, registry: &Registry, route: u32) -> String {
        let Some((net, next)) = self.routes.get(route as usize) else { return String::new() };
        let target = match *next {
            NextHop::Local => "local",
            NextHop::InternetGateway(index) => registry.igws.id(index).as_str(),
            NextHop::EgressOnly(index) => registry.eigws.id(index).as_str(),
            NextHop::NatGateway(index) => registry.nats.id(index).as_str(),
            NextHop::Interface(index) => registry.enis.id(index).as_str(),
            NextHop::Endpoint(index) => registry.endpoints.id(index).as_str(),
            NextHop::Edge(index) => registry.edges.id(index).as_str(),
            NextHop::Blackhole => "blackhole",
        };
        format!("{net} -> {target}")
    }
}

/// Where which route wins: of blocks inside blocks, that of the innermost. Values are as in [`RouteTable`].
fn winners(routes: &[(IpNet, NextHop)]) -> Stretches {
    let numbered = (1..).zip(routes).map(|(number, (net, _))| (*net, number));
    Stretches::of_blocks(0, numbered, |_, same| same[0].2)
}

#[cfg(test)]
mod tests {
    use super::*;
    use prefix_trie::PrefixMap;
    use proptest::prelude::*;
    use std::net::{Ipv4Addr, Ipv6Addr};

    fn table() -> RouteTable {
        let route = |net: &str, next| (net.parse().unwrap(), next);
        RouteTable::new([
            route("10.0.0.0/16", NextHop::Local),
            route("0.0.0.0/0", NextHop::InternetGateway(IgwIx(0))),
            route("198.51.100.0/24", NextHop::Blackhole),
            route("0.0.0.0/0", NextHop::Blackhole),
        ])
    }

    fn next(destination: &str) -> Option<NextHop> {
        table().lookup(destination.parse().unwrap()).map(|hit| hit.next)
    }

    #[test]
    fn the_longest_prefix_wins_and_blackholes_match() {
        assert_eq!(next("10.0.9.9"), Some(NextHop::Local));
        assert_eq!(next("198.51.100.9"), Some(NextHop::Blackhole));
        assert_eq!(next("203.0.113.9"), Some(NextHop::InternetGateway(IgwIx(0))));
    }

    #[test]
    fn an_ipv4_default_route_never_matches_ipv6() {
        assert_eq!(next("2001:db8::1"), None);
    }

    #[test]
    fn of_two_routes_for_one_block_the_first_stays() {
        assert_eq!(table().routes().count(), 3);
        assert_eq!(table().describe(&Registry::default(), 2), "198.51.100.0/24 -> blackhole");
    }

    fn block() -> impl Strategy<Value = IpNet> {
        let v4 = (any::<[u8; 3]>(), 0u8..=32).prop_map(|([a, b, c], length)| ([a & 3, b & 1, c, a].into(), length));
        let v6 = (any::<[u16; 4]>(), 0u8..=128)
            .prop_map(|([a, b, c, d], length)| (IpAddr::from([0x2001 + (a & 1), b & 3, 0, c & 1, d, 0, a, b]), length));
        prop_oneof![v4, v6].prop_map(|(address, length)| IpNet::new(address, length).unwrap().trunc())
    }

    proptest! {
        /// At both ends of every block, and next to it.
        #[test]
        fn the_longest_prefix_wins_as_in_a_trie(nets in proptest::collection::vec(block(), 0..60)) {
            let table = RouteTable::new(nets.iter().map(|net| (*net, NextHop::Local)));
            let (mut v4, mut v6) = (PrefixMap::new(), PrefixMap::new());
            for (net, _) in table.routes() {
                match net {
                    IpNet::V4(net) => { v4.insert(net, IpNet::V4(net)); }
                    IpNet::V6(net) => { v6.insert(net, IpNet::V6(net)); }
                }
            }
            for address in nets.iter().flat_map(|net| [net.network(), net.broadcast()]) {
                for by in [u32::MAX, 0, 1] {
                    let (address, longest) = match address {
                        IpAddr::V4(it) => {
                            let it = Ipv4Addr::from(it.to_bits().wrapping_add(by));
                            (IpAddr::V4(it), v4.get_lpm(&it.into()).map(|(_, net)| *net))
                        }
                        IpAddr::V6(it) => {
                            let it = Ipv6Addr::from(it.to_bits().wrapping_add_signed(i128::from(by as i32)));
                            (IpAddr::V6(it), v6.get_lpm(&it.into()).map(|(_, net)| *net))
                        }
                    };
                    let won = table.lookup(address).and_then(|hit| table.net(hit.route));
                    prop_assert_eq!(won, longest, "{}", address);
                }
            }
        }
    }
}
