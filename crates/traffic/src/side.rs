//! Who talks to whom.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use crate::packet::Direction;

/// The first port that whoever opens a flow takes: those below are well known (RFC 6335).
const FIRST_PORT: u16 = 1024;

/// How many ports there are from there on.
const PORTS: u64 = (u16::MAX - FIRST_PORT) as u64 + 1;

/// A client and its remotes, all of one IP version.
///
/// Flows are numbered from 0. Flow `n` goes to remote `n % remotes`, from the port that `n / remotes` gives: neighbours
/// in number go to different remotes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Side {
    client: IpAddr,
    first_remote: IpAddr,
    remotes: u32,
    service: u16,
    opened: Direction,
    share: u32,
}

/// The two ends of a flow, as the client knows them.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Ends {
    /// The client.
    pub client: SocketAddr,
    /// The remote.
    pub remote: SocketAddr,
}

impl Side {
    /// A client that opens flows to port 443 of one remote. Where the two are of different IP versions, packets have
    /// IPv4-mapped addresses, as [`vpcemu_packet::build`] says.
    pub fn new(client: IpAddr, first_remote: IpAddr) -> Self {
        Self { client, first_remote, remotes: 1, service: 443, opened: Direction::Outbound, share: 1 }
    }

    /// So many remotes, with successive addresses; at least one.
    #[must_use]
    pub fn remotes(mut self, remotes: u32) -> Self {
        self.remotes = remotes.max(1);
        self
    }

    /// The port of whoever does not open flows.
    #[must_use]
    pub fn service(mut self, port: u16) -> Self {
        self.service = port;
        self
    }

    /// Who opens flows: the client with [`Direction::Outbound`], or the remotes.
    #[must_use]
    pub fn opened(mut self, direction: Direction) -> Self {
        self.opened = direction;
        self
    }

    /// The weight of this side among several: of so many flows in the sum of all shares. 0 is none.
    #[must_use]
    pub fn share(mut self, share: u32) -> Self {
        self.share = share;
        self
    }

    /// How many flows have different ends; more begin again with the first.
    pub fn capacity(&self) -> u64 {
        u64::from(self.remotes) * PORTS
    }

    /// The ends of a flow of this side.
    pub fn ends(&self, flow: u64) -> Ends {
        let flow = flow % self.capacity();
        let remote = later(self.first_remote, flow % u64::from(self.remotes));
        let port = FIRST_PORT + (flow / u64::from(self.remotes)) as u16; // below PORTS by the capacity
        let (client_port, remote_port) = match self.opened {
            Direction::Outbound => (port, self.service),
            Direction::Inbound => (self.service, port),
        };
        Ends { client: SocketAddr::new(self.client, client_port), remote: SocketAddr::new(remote, remote_port) }
    }

    pub(crate) fn opener(&self) -> Direction {
        self.opened
    }

    pub(crate) fn weight(&self) -> u32 {
        self.share
    }
}

/// The address that is so many behind another.
fn later(address: IpAddr, by: u64) -> IpAddr {
    match address {
        IpAddr::V4(v4) => IpAddr::V4(Ipv4Addr::from_bits(v4.to_bits().wrapping_add(by as u32))),
        IpAddr::V6(v6) => IpAddr::V6(Ipv6Addr::from_bits(v6.to_bits().wrapping_add(u128::from(by)))),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn flows_differ_up_to_the_capacity() {
        let side = Side::new("10.0.0.1".parse().unwrap(), "93.0.0.254".parse().unwrap()).remotes(3);
        let ends: HashSet<_> = (0..side.capacity()).map(|flow| side.ends(flow)).collect();
        assert_eq!(ends.len() as u64, side.capacity());
        assert_eq!(side.ends(0), side.ends(side.capacity()));
        assert_eq!(side.ends(5).remote.to_string(), "93.0.1.0:443");
        assert_eq!(side.ends(5).client.to_string(), "10.0.0.1:1025");
    }

    #[test]
    fn whoever_opens_has_the_port_of_the_flow() {
        let side = Side::new("2001:db8::1".parse().unwrap(), "2001:db8:1::ffff".parse().unwrap());
        let ends = side.remotes(2).service(53).opened(Direction::Inbound).ends(1);
        assert_eq!(ends.client.to_string(), "[2001:db8::1]:53");
        assert_eq!(ends.remote.to_string(), "[2001:db8:1::1:0]:1024");
    }
}
