//! What single addresses and interfaces are to a whole configuration, found without a walk over it.

use std::net::IpAddr;

use ipnet::IpNet;

use super::stretches::{AddressMap, Stretches};
use super::{EndpointKind, Fabric, FixedMap, address};
use crate::index::{EniIx, VpcIx};

/// Worked out when everything else of a fabric is there.
#[derive(Debug, Default)]
pub(super) struct Places {
    /// 1 within the blocks of VPCs.
    vpcs: AddressMap,
    /// One more than the position of the first public block around an address that leads into a VPC as it is (2.18).
    pools: AddressMap,
    /// What subnets keep for themselves (1.8), and whether it is the router's.
    reserved: FixedMap<(VpcIx, IpAddr), bool>,
    /// The interfaces of Gateway Load Balancers' endpoints.
    inspections: FixedMap<EniIx, ()>,
}

impl Places {
    pub(super) fn of(fabric: &Fabric) -> Self {
        let cidrs = fabric.vpcs().flat_map(|(_, vpc)| &vpc.cidrs).map(|net| (*net, ()));
        let vpcs = AddressMap::new(&Stretches::of_blocks(0, cidrs, |_, _| 1));
        let pools = (1..).zip(&fabric.pools).map(|(number, (net, ..))| (*net, number));
        // Positions come in order.
        let first =
            |around: u32, same: &[(u128, u128, u32)]| if around > 0 { around.min(same[0].2) } else { same[0].2 };
        let pools = AddressMap::new(&Stretches::of_blocks(0, pools, first));
        let mut reserved = FixedMap::default();
        for (_, subnet) in fabric.subnets() {
            let kept = subnet.cidrs.iter().flat_map(|net| reserved_in(*net).map(|kept| (kept, address::router(*net))));
            reserved.extend(kept.map(|(kept, router)| ((subnet.vpc, kept), kept == router)));
        }
        let inspection = |kind: &EndpointKind| match kind {
            // Somebody listens at an interface of another kind, whatever an endpoint says of it.
            EndpointKind::LoadBalancer { eni, .. } if fabric.eni(*eni).is_some_and(|of| !of.listens) => {
                Some((*eni, ()))
            }
            _ => None,
        };
        let inspections = fabric.endpoints().filter_map(|(_, endpoint)| inspection(&endpoint.kind)).collect();
        Self { vpcs, pools, reserved, inspections }
    }

    /// Whether an address lies in a block of any VPC.
    pub(super) fn in_vpc(&self, address: IpAddr) -> bool {
        self.vpcs.find(address) != 0
    }

    /// The position of the public block around an address.
    pub(super) fn pool(&self, address: IpAddr) -> Option<usize> {
        self.pools.find(address).checked_sub(1).map(|position| position as usize)
    }

    /// Whether a subnet of a VPC keeps an address for itself.
    pub(super) fn is_reserved(&self, vpc: VpcIx, address: IpAddr) -> bool {
        self.reserved.contains_key(&(vpc, address))
    }

    /// Whether an address is the router's in a subnet of a VPC.
    pub(super) fn is_router(&self, vpc: VpcIx, address: IpAddr) -> bool {
        self.reserved.get(&(vpc, address)).copied().unwrap_or(false)
    }

    /// Whether an interface is that of a Gateway Load Balancer's endpoint.
    pub(super) fn is_inspection(&self, eni: EniIx) -> bool {
        self.inspections.contains_key(&eni)
    }
}

/// The addresses of a subnet's block that [`address::is_reserved`] holds for reserved.
fn reserved_in(net: IpNet) -> impl Iterator<Item = IpAddr> {
    let first = (0..4).map(move |n| address::nth(net, n));
    first.chain([net.broadcast()]).filter(move |kept| address::is_reserved(net, *kept))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_subnet_reserves_is_listed_as_it_is_asked() {
        for net in ["10.0.0.0/28", "10.0.0.0/30", "10.0.0.4/32", "2001:db8::/124"] {
            let net: IpNet = net.parse().unwrap();
            let kept: Vec<_> = reserved_in(net).collect();
            let all = (0..18).map(|n| address::nth(net, n));
            all.for_each(|at| assert_eq!(kept.contains(&at), address::is_reserved(net, at), "{net} {at}"));
        }
    }
}
