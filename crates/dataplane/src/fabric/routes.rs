use std::net::IpAddr;

use ipnet::{IpNet, Ipv4Net, Ipv6Net};
use prefix_trie::PrefixMap;

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
    v4: PrefixMap<Ipv4Net, u32>,
    v6: PrefixMap<Ipv6Net, u32>,
    routes: Vec<(IpNet, NextHop)>,
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
    /// Adds a route; of two for one block the first stays, so callers add in order of precedence (2.4).
    pub(crate) fn insert(&mut self, net: IpNet, next: NextHop) {
        let route = u32::try_from(self.routes.len()).unwrap_or(u32::MAX);
        let taken = match net {
            IpNet::V4(v4) => self.v4.get(&v4).is_some(),
            IpNet::V6(v6) => self.v6.get(&v6).is_some(),
        };
        if taken {
            return;
        }
        match net {
            IpNet::V4(v4) => self.v4.insert(v4, route),
            IpNet::V6(v6) => self.v6.insert(v6, route),
        };
        self.routes.push((net, next));
    }

    /// Longest prefix match; families never mix (2.2).
    pub fn lookup(&self, destination: IpAddr) -> Option<RouteHit> {
        let route = match destination {
            IpAddr::V4(v4) => self.v4.get_lpm(&Ipv4Net::from(v4)).map(|(_, route)| *route),
            IpAddr::V6(v6) => self.v6.get_lpm(&Ipv6Net::from(v6)).map(|(_, route)| *route),
        }?;
        self.routes.get(route as usize).map(|(_, next)| RouteHit { route, next: *next })
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

#[cfg(test)]
mod tests {
    use super::*;

    fn table() -> RouteTable {
        let mut table = RouteTable::default();
        table.insert("10.0.0.0/16".parse().unwrap(), NextHop::Local);
        table.insert("0.0.0.0/0".parse().unwrap(), NextHop::InternetGateway(IgwIx(0)));
        table.insert("198.51.100.0/24".parse().unwrap(), NextHop::Blackhole);
        table
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
        let mut table = table();
        table.insert("0.0.0.0/0".parse().unwrap(), NextHop::Blackhole);
        let hit = table.lookup("203.0.113.9".parse().unwrap()).unwrap();
        assert_eq!(hit.next, NextHop::InternetGateway(IgwIx(0)));
    }
}
