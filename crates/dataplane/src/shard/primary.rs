//! Interfaces by their addresses: all addresses of one interface, of both families, lead to one of them.

use std::net::IpAddr;
use std::sync::Arc;

use ipnet::{IpNet, Ipv4Net, Ipv6Net};
use prefix_trie::PrefixMap;

use crate::fabric::{Fabric, FixedMap};
use crate::index::EniIx;

/// For every address that an interface has, one address that stands for the interface throughout the run. Interfaces that
/// share an address, in VPCs that overlap or one after the other, cannot be told apart by it: one address stands for them all.
#[derive(Debug, Default)]
pub(super) struct Primaries {
    single: FixedMap<IpAddr, IpAddr>,
    v4: PrefixMap<Ipv4Net, IpAddr>,
    v6: PrefixMap<Ipv6Net, IpAddr>,
}

impl Primaries {
    /// Of all configurations of a run.
    pub(super) fn of(timeline: &[Arc<Fabric>]) -> Self {
        let mut builder = Builder::default();
        let interfaces = || timeline.iter().flat_map(|fabric| fabric.enis());
        for (eni, interface) in interfaces() {
            let nets =
                || interface.addresses.iter().copied().map(IpNet::from).chain(interface.prefixes.iter().copied());
            if let Some(first) = nets().next() {
                builder.address.entry(eni).or_insert(first.network());
            }
            nets().for_each(|net| builder.add(eni, net));
        }
        // Prefixes around addresses, and around other prefixes.
        for (eni, interface) in interfaces() {
            for address in &interface.addresses {
                builder.join_around(eni, (*address).into());
            }
            for net in &interface.prefixes {
                builder.join_around(eni, *net);
            }
        }
        builder.build()
    }

    /// The address that stands for whoever has this one.
    pub(super) fn find(&self, address: IpAddr) -> Option<IpAddr> {
        let delegated = || match address {
            IpAddr::V4(v4) => self.v4.get_lpm(&v4.into()).map(|(_, primary)| *primary),
            IpAddr::V6(v6) => self.v6.get_lpm(&v6.into()).map(|(_, primary)| *primary),
        };
        self.single.get(&address).copied().or_else(delegated)
    }
}

/// Who has what, and who cannot be told from whom.
#[derive(Default)]
struct Builder {
    single: FixedMap<IpAddr, EniIx>,
    v4: PrefixMap<Ipv4Net, EniIx>,
    v6: PrefixMap<Ipv6Net, EniIx>,
    /// The way from an interface to the one that stands for it; those that stand for themselves are missing.
    same: FixedMap<EniIx, EniIx>,
    address: FixedMap<EniIx, IpAddr>,
}

impl Builder {
    fn add(&mut self, eni: EniIx, net: IpNet) {
        let other = match net {
            _ if net.prefix_len() == net.max_prefix_len() => *self.single.entry(net.addr()).or_insert(eni),
            IpNet::V4(v4) => *self.v4.entry(v4.trunc()).or_insert(eni),
            IpNet::V6(v6) => *self.v6.entry(v6.trunc()).or_insert(eni),
        };
        self.join(eni, other);
    }

    fn join_around(&mut self, eni: EniIx, net: IpNet) {
        let around: Vec<EniIx> = match net {
            IpNet::V4(v4) => self.v4.cover(&v4).map(|(_, other)| *other).collect(),
            IpNet::V6(v6) => self.v6.cover(&v6).map(|(_, other)| *other).collect(),
        };
        around.into_iter().for_each(|other| self.join(eni, other));
    }

    fn join(&mut self, one: EniIx, other: EniIx) {
        let (one, other) = (self.representative(one), self.representative(other));
        if one != other {
            self.same.insert(one.max(other), one.min(other));
        }
    }

    fn representative(&self, mut eni: EniIx) -> EniIx {
        // It ends: each step leads to a smaller index.
        while let Some(nearer) = self.same.get(&eni) {
            eni = *nearer;
        }
        eni
    }

    fn build(self) -> Primaries {
        let primary = |eni: EniIx| self.address.get(&self.representative(eni)).copied();
        let single = self.single.iter().filter_map(|(address, eni)| Some((*address, primary(*eni)?))).collect();
        let v4 = self.v4.iter().filter_map(|(net, eni)| Some((net, primary(*eni)?))).collect();
        let v6 = self.v6.iter().filter_map(|(net, eni)| Some((net, primary(*eni)?))).collect();
        Primaries { single, v4, v6 }
    }
}
