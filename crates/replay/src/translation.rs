//! Addresses that packets had changed, counted.

use std::net::{IpAddr, Ipv4Addr};

use crate::counts::Counts;

/// An address that packets had changed.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub(crate) struct Translation {
    /// The source, or else the destination.
    pub(crate) source: bool,
    pub(crate) from: IpAddr,
    pub(crate) to: IpAddr,
}

/// Where the addresses of an IPv4 header are: source and destination, of four bytes each.
const ADDRESSES: std::ops::Range<usize> = 12..20;

/// What the flow cache rewrites, counted as it is done: source and destination of IPv4. Addresses of IPv6 it leaves alone.
#[derive(Debug, Default)]
pub(crate) struct Rewrites {
    /// Old and new address, as one number.
    sources: Counts<u64>,
    destinations: Counts<u64>,
}

impl Rewrites {
    /// Source and destination of an IPv4 datagram as one number; of anything else one that the flow cache does not change.
    #[inline]
    pub(crate) fn addresses(datagram: &[u8]) -> u64 {
        let addresses = datagram.get(ADDRESSES).and_then(|bytes| bytes.first_chunk::<8>());
        addresses.map_or(0, |bytes| u64::from_be_bytes(*bytes))
    }

    /// Counts a packet by its addresses before and after.
    #[inline]
    pub(crate) fn count(&mut self, before: u64, after: u64) {
        if before == after {
            return;
        }
        let (source, destination) = (before & SOURCE | after >> 32, before << 32 | after & !SOURCE);
        if (before ^ after) & SOURCE != 0 {
            self.sources.count(source);
        }
        if (before ^ after) & !SOURCE != 0 {
            self.destinations.count(destination);
        }
    }

    /// In no order.
    pub(crate) fn into_counts(self) -> Vec<(Translation, u64)> {
        let address = |bits: u64| IpAddr::V4(Ipv4Addr::from_bits(bits as u32));
        let sides = [(true, self.sources), (false, self.destinations)];
        let counts = sides.into_iter().flat_map(|(source, counts)| {
            let of =
                move |(key, packets)| (Translation { source, from: address(key >> 32), to: address(key) }, packets);
            counts.into_counts().into_iter().map(of)
        });
        counts.collect()
    }
}

/// The source's bits of two addresses.
const SOURCE: u64 = (u32::MAX as u64) << 32;

#[cfg(test)]
mod tests {
    use vpcemu_packet::build;

    use super::*;

    fn addresses(source: &str, destination: &str) -> u64 {
        Rewrites::addresses(&build::udp(source.parse().unwrap(), destination.parse().unwrap()).build())
    }

    #[test]
    fn either_end_counts_on_its_own() {
        let (there, moved) = (addresses("10.0.0.1:1", "192.0.2.1:2"), addresses("203.0.113.9:1", "192.0.2.1:2"));
        let both = addresses("203.0.113.9:1", "192.0.2.9:2");
        let mut rewrites = Rewrites::default();
        for (before, after) in [(there, there), (there, moved), (there, both), (moved, both)] {
            rewrites.count(before, after);
        }
        let mut counts = rewrites.into_counts();
        counts.sort_by_key(|(translation, _)| !translation.source);
        let of =
            |source, from: &str, to: &str| Translation { source, from: from.parse().unwrap(), to: to.parse().unwrap() };
        assert_eq!(counts, [(of(true, "10.0.0.1", "203.0.113.9"), 2), (of(false, "192.0.2.1", "192.0.2.9"), 2)]);
    }
}
