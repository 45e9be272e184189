use std::net::IpAddr;

use ipnet::{IpNet, Ipv4Net, Ipv6Net};
use prefix_trie::PrefixMap;
use smallvec::SmallVec;

use crate::index::{EniIx, VpcIx};

/// Who has a block: several where VPCs overlap.
type Holders = SmallVec<[(VpcIx, EniIx); 1]>;

/// The prefixes that are delegated to interfaces (1.15), over all VPCs. A cluster has one or more on every node, and what
/// no interface has as an address is looked for here.
#[derive(Debug, Default)]
pub(super) struct Delegated {
    v4: PrefixMap<Ipv4Net, Holders>,
    v6: PrefixMap<Ipv6Net, Holders>,
}

impl Delegated {
    pub(super) fn insert(&mut self, vpc: VpcIx, net: IpNet, eni: EniIx) {
        let holders = match net.trunc() {
            IpNet::V4(net) => self.v4.entry(net).or_default(),
            IpNet::V6(net) => self.v6.entry(net).or_default(),
        };
        holders.push((vpc, eni));
    }

    /// The interfaces to which a prefix around `address` is delegated, with their VPCs.
    pub(super) fn holders(&self, address: IpAddr) -> SmallVec<[(VpcIx, EniIx); 1]> {
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
        let mut delegated = Delegated::default();
        delegated.insert(VpcIx(0), "10.0.1.16/28".parse().unwrap(), EniIx(7));
        delegated.insert(VpcIx(1), "10.0.1.16/28".parse().unwrap(), EniIx(8));
        delegated.insert(VpcIx(0), "2001:db8::/80".parse().unwrap(), EniIx(9));
        let holders = |address: &str| delegated.holders(address.parse().unwrap()).to_vec();
        assert_eq!(holders("10.0.1.31"), [(VpcIx(0), EniIx(7)), (VpcIx(1), EniIx(8))]);
        assert_eq!(holders("10.0.1.32"), []);
        assert_eq!(holders("2001:db8::9"), [(VpcIx(0), EniIx(9))]);
    }
}
