//! What made-up addresses are taken from: blocks that documentation has, and the subnets themselves.

use std::collections::HashSet;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ipnet::{Ipv4Net, Ipv6Net};

/// Where a resource begins to look for a free place: the same in every plan (FNV-1a, 64 bits).
pub(super) fn seed(address: &str) -> u64 {
    let hash = address
        .bytes()
        .fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3));
    // Its low bits alone tell neighbours such as `[0]` and `[1]` apart too regularly.
    hash ^ hash >> 29
}

/// Public IPv4 addresses.
#[derive(Debug)]
pub(super) struct Publics {
    used: HashSet<Ipv4Addr>,
}

/// Blocks that are nobody's: for documentation (RFC 5737), then for benchmarks (RFC 2544), which no plan exhausts.
const PUBLIC: [(Ipv4Addr, u8); 4] = [
    (Ipv4Addr::new(203, 0, 113, 0), 24),
    (Ipv4Addr::new(198, 51, 100, 0), 24),
    (Ipv4Addr::new(192, 0, 2, 0), 24),
    (Ipv4Addr::new(198, 18, 0, 0), 15),
];

impl Publics {
    /// All but those that are in use.
    pub(super) fn new(known: Vec<IpAddr>) -> Self {
        let used = known.into_iter().filter_map(|it| if let IpAddr::V4(it) = it { Some(it) } else { None });
        Self { used: used.collect() }
    }

    /// A free one; the next block is begun when one is full.
    pub(super) fn take(&mut self, seed: u64) -> Option<Ipv4Addr> {
        PUBLIC.iter().find_map(|(base, length)| {
            // Neither the first nor the last: in a capture they look like a network's own.
            let size = (1_u64 << (32 - length)) - 2;
            let places = (0..size).map(|step| (seed % size + step) % size + 1);
            let mut addresses = places.map(|place| Ipv4Addr::from(u32::from(*base) + place as u32));
            addresses.find(|address| self.used.insert(*address))
        })
    }
}

/// Addresses in subnets.
#[derive(Debug)]
pub(super) struct Hosts {
    used: HashSet<IpAddr>,
}

impl Hosts {
    /// All but those that are in use.
    pub(super) fn new(known: Vec<IpAddr>) -> Self {
        Self { used: known.into_iter().collect() }
    }

    /// A free one of a subnet: none of the first four, nor the last, which AWS keeps. None if the subnet is full.
    pub(super) fn take4(&mut self, subnet: Ipv4Net, seed: u64) -> Option<Ipv4Addr> {
        let size = (1_u64 << (32 - subnet.prefix_len())).checked_sub(5).filter(|size| *size > 0)?;
        let base = u32::from(subnet.network());
        // A full subnet of /8 would be searched for long; AWS allows none larger than /16.
        let steps = size.min(1 << 16);
        let places = (0..steps).map(|step| (seed % size + step) % size + 4);
        let mut addresses = places.map(|place| Ipv4Addr::from(base.wrapping_add(place as u32)));
        addresses.find(|address| self.used.insert(IpAddr::V4(*address)))
    }

    /// A free one of a subnet.
    pub(super) fn take6(&mut self, subnet: Ipv6Net, seed: u64) -> Ipv6Addr {
        /// Above what people number by hand, and short enough to read.
        const FIRST: u64 = 0x1000;
        const SIZE: u64 = 0xf000;
        let base = u128::from(subnet.network());
        // There are more addresses than resources: one of those further on is free.
        let places = (0..).map(|step: u64| FIRST + (seed % SIZE + step));
        let mut addresses = places.map(|place| Ipv6Addr::from(base | u128::from(place)));
        addresses.find(|address| self.used.insert(IpAddr::V6(*address))).unwrap_or_else(|| subnet.network())
    }
}

/// IPv6 blocks of VPCs.
#[derive(Debug)]
pub(super) struct Prefixes {
    used: HashSet<Ipv6Net>,
}

impl Prefixes {
    /// All but those that are in use.
    pub(super) fn new(known: Vec<Ipv6Net>) -> Self {
        Self { used: known.into_iter().collect() }
    }

    /// A free /56 of 2001:db8::/32, as AWS gives a VPC.
    pub(super) fn take(&mut self, seed: u64) -> Ipv6Net {
        /// Bits between the two.
        const PLACES: u64 = 1 << 24;
        let places = (0..PLACES).map(|step| (seed % PLACES + step) % PLACES);
        let block =
            |place: u64| Ipv6Net::new_assert(Ipv6Addr::from((0x2001_0db8_u128 << 96) | u128::from(place) << 72), 56);
        // No plan has 16 million VPCs.
        places.map(block).find(|block| self.used.insert(*block)).unwrap_or_else(|| block(0))
    }
}

/// The /64 of a block that is wanted, or the next one that is free. None if the block has none left.
pub(super) fn part_of(block: Ipv6Net, wanted: u64, taken: &[Ipv6Net]) -> Option<Ipv6Net> {
    let bits = 64_u8.checked_sub(block.prefix_len())?;
    // A VPC has at most 200 subnets by default; a thousand places are enough to look at.
    let places = 1_u64 << bits.min(10);
    (0..places).map(|step| (wanted % places + step) % places).find_map(|place| {
        let part = Ipv6Net::new_assert(Ipv6Addr::from(u128::from(block.network()) | u128::from(place) << 64), 64);
        (!taken.contains(&part)).then_some(part)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn public_addresses_are_documentations_until_they_are_used_up() {
        let known: IpAddr = "203.0.113.10".parse().unwrap();
        let mut publics = Publics::new(vec![known]);
        let taken: Vec<_> =
            (0..800).map(|number| publics.take(seed(&format!("aws_eip.a[{number}]"))).unwrap()).collect();
        assert_eq!(taken.iter().collect::<HashSet<_>>().len(), 800);
        assert!(!taken.contains(&Ipv4Addr::new(203, 0, 113, 10)));
        assert!(taken[..253].iter().all(|it| it.octets()[..3] == [203, 0, 113] && !matches!(it.octets()[3], 0 | 255)));
        assert!(taken[253..507].iter().all(|it| it.octets()[..3] == [198, 51, 100]));
        assert!(taken[507..761].iter().all(|it| it.octets()[..3] == [192, 0, 2]));
        assert!(taken[761..].iter().all(|it| it.octets()[..2] == [198, 18] || it.octets()[..2] == [198, 19]));
    }

    #[test]
    fn hosts_leave_what_aws_keeps() {
        let subnet = "10.0.0.0/28".parse().unwrap();
        let mut hosts = Hosts::new(vec!["10.0.0.5".parse().unwrap()]);
        let mut taken: Vec<_> = (0..10).map(|number| hosts.take4(subnet, number * 7).unwrap().octets()[3]).collect();
        taken.sort_unstable();
        assert_eq!(taken, [4, 6, 7, 8, 9, 10, 11, 12, 13, 14]);
        assert_eq!(hosts.take4(subnet, 0), None);
        assert_eq!(hosts.take4("10.0.0.0/30".parse().unwrap(), 0), None);
    }

    #[test]
    fn parts_of_a_block_are_those_that_are_wanted() {
        let block: Ipv6Net = "2001:db8:1:100::/56".parse().unwrap();
        let first = part_of(block, 0x10, &[]).unwrap();
        assert_eq!(first.to_string(), "2001:db8:1:110::/64");
        assert_eq!(part_of(block, 0x10, &[first]).unwrap().to_string(), "2001:db8:1:111::/64");
        assert_eq!(part_of("2001:db8::/65".parse().unwrap(), 0, &[]), None);
        let all: Vec<_> = (0..256).map(|place| part_of(block, place, &[]).unwrap()).collect();
        assert_eq!(part_of(block, 3, &all), None);
    }

    #[test]
    fn prefixes_differ() {
        let mut prefixes = Prefixes::new(Vec::new());
        let (one, other) = (prefixes.take(5), prefixes.take(5));
        assert_ne!(one, other);
        assert!(one.to_string().starts_with("2001:db8:") && one.prefix_len() == 56);
    }
}
