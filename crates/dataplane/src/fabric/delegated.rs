use std::net::IpAddr;

use ipnet::{IpNet, Ipv4Net, Ipv6Net};
use prefix_trie::PrefixMap;
use smallvec::SmallVec;

use super::FixedMap;
use super::stretches::{AddressMap, Stretches};
use crate::index::{EniIx, VpcIx};

/// Who has a block: several where VPCs overlap.
type Holders = SmallVec<[(VpcIx, EniIx); 1]>;

/// The prefixes that are delegated to interfaces (1.15), over all VPCs. A cluster has one or more on every node, and what
/// no interface has as an address is looked for here.
#[derive(Debug, Default)]
pub(super) struct Delegated {
    v4: PrefixMap<Ipv4Net, Holders>,
    v6: PrefixMap<Ipv6Net, Holders>,
    /// One more than the number of the holder within a VPC; of prefixes around each other that of the outermost.
    by_vpc: FixedMap<VpcIx, AddressMap>,
}

impl Delegated {
    /// All prefixes; of two interfaces with one in a VPC the first counts.
    pub(super) fn new(prefixes: impl IntoIterator<Item = (VpcIx, IpNet, EniIx)>) -> Self {
        let mut delegated = Self::default();
        let mut by_vpc: FixedMap<VpcIx, Vec<(IpNet, u32)>> = FixedMap::default();
        for (vpc, net, eni) in prefixes {
            let holders = match net.trunc() {
                IpNet::V4(net) => delegated.v4.entry(net).or_default(),
                IpNet::V6(net) => delegated.v6.entry(net).or_default(),
            };
            holders.push((vpc, eni));
            by_vpc.entry(vpc).or_default().push((net, eni.0 + 1));
        }
        let outermost = |around, same: &[(u128, u128, u32)]| if around > 0 { around } else { same[0].2 };
        let map = |nets| AddressMap::new(&Stretches::of_blocks(0, nets, outermost));
        delegated.by_vpc = by_vpc.into_iter().map(|(vpc, nets)| (vpc, map(nets))).collect();
        delegated
    }

    /// The interface of a VPC to which a prefix around `address` is delegated.
    pub(super) fn holder(&self, vpc: VpcIx, address: IpAddr) -> Option<EniIx> {
        // In most networks nothing is delegated.
        if self.by_vpc.is_empty() {
            return None;
        }
        self.by_vpc.get(&vpc)?.find(address).checked_sub(1).map(EniIx)
    }

    /// The interfaces to which a prefix around `address` is delegated, with their VPCs.
    pub(super) fn holders(&self, address: IpAddr) -> SmallVec<[(VpcIx, EniIx); 2]> {
        if self.by_vpc.is_empty() {
            return SmallVec::new();
        }
        match address {
            IpAddr::V4(v4) => {
                self.v4.cover(&Ipv4Net::from(v4)).flat_map(|(_, holders)| holders.iter().copied()).collect()
            }
            IpAddr::V6(v6) => {
                self.v6.cover(&Ipv6Net::from(v6)).flat_map(|(_, holders)| holders.iter().copied()).collect()
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_prefix_has_its_holder_in_each_vpc() {
        let prefixes =
            [(0, "10.0.1.16/28", 7), (1, "10.0.1.16/28", 8), (0, "2001:db8::/80", 9), (1, "10.0.1.0/24", 10)];
        let delegated = Delegated::new(prefixes.map(|(vpc, net, eni)| (VpcIx(vpc), net.parse().unwrap(), EniIx(eni))));
        let holders = |address: &str| delegated.holders(address.parse().unwrap()).to_vec();
        assert_eq!(holders("10.0.1.31"), [(VpcIx(1), EniIx(10)), (VpcIx(0), EniIx(7)), (VpcIx(1), EniIx(8))]);
        assert_eq!(holders("10.0.2.0"), []);
        assert_eq!(holders("2001:db8::9"), [(VpcIx(0), EniIx(9))]);
        let holder = |vpc, address: &str| delegated.holder(VpcIx(vpc), address.parse().unwrap());
        assert_eq!(holder(0, "10.0.1.31"), Some(EniIx(7)));
        assert_eq!(holder(0, "10.0.1.32"), None);
        assert_eq!(holder(1, "10.0.1.31"), Some(EniIx(10)));
        assert_eq!(holder(1, "2001:db8::9"), None);
        assert_eq!(holder(2, "10.0.1.31"), None);
    }
}
