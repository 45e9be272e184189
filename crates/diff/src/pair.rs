//! Two configurations of one network, and which resource of the one is which of the other.

use std::collections::{HashMap, HashSet};
use std::net::IpAddr;

use vpcemu_model::{Id, Network, NetworkInterface};

use crate::Error;

/// One of two configurations.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Which {
    /// The first.
    Old,
    /// The second.
    New,
}

/// Two configurations of one network.
///
/// A resource of the one is that of the other which has the same id. Where ids differ, as those of a Terraform plan do from a
/// dump's, addresses and blocks tell.
#[derive(Clone, Debug)]
pub struct Pair {
    /// The first.
    pub old: Network,
    /// The second.
    pub new: Network,
    /// By ids of the new one, ids of the old one.
    same: HashMap<Id, Id>,
}

impl Pair {
    /// Two configurations.
    ///
    /// # Errors
    /// If they are of different networks.
    pub fn new(old: Network, new: Network) -> Result<Self, Error> {
        let mut pair = Self { old, new, same: HashMap::new() };
        pair.identify();
        if !pair.has_common_vpc() && !pair.has_common_interface() {
            return Err(Error::DifferentNetworks { old: describe(&pair.old), new: describe(&pair.new) });
        }
        Ok(pair)
    }

    /// The id that something has in the old configuration, or its own if that does not have it.
    pub fn canonical<'a>(&'a self, which: Which, id: &'a str) -> &'a str {
        match which {
            Which::New if !self.same.is_empty() => self.same.get(&Id::new(id)).map_or(id, Id::as_str),
            Which::New | Which::Old => id,
        }
    }

    /// A configuration.
    pub fn network(&self, which: Which) -> &Network {
        match which {
            Which::Old => &self.old,
            Which::New => &self.new,
        }
    }

    /// Every interface of either, with what it is in each.
    pub fn interfaces(&self) -> Vec<[Option<&NetworkInterface>; 2]> {
        let mut found: Vec<[Option<&NetworkInterface>; 2]> =
            self.old.interfaces.iter().map(|interface| [Some(interface), None]).collect();
        let mut by_id: HashMap<&str, usize> = HashMap::new();
        for (at, interface) in self.old.interfaces.iter().enumerate() {
            by_id.insert(interface.id.as_str(), at);
        }
        for interface in &self.new.interfaces {
            match by_id.get(self.canonical(Which::New, interface.id.as_str())) {
                Some(&at) => found[at][1] = Some(interface),
                None => found.push([None, Some(interface)]),
            }
        }
        found
    }

    /// The interfaces that only one of them has.
    pub(crate) fn apart(&self) -> (Vec<String>, Vec<String>) {
        let (mut only_in_old, mut only_in_new) = (Vec::new(), Vec::new());
        for interface in self.interfaces() {
            match interface {
                [Some(old), None] => only_in_old.push(title(old)),
                [None, Some(new)] => only_in_new.push(title(new)),
                _ => {}
            }
        }
        (only_in_old, only_in_new)
    }

    /// A VPC is the same if it has a block in common too: `main` is in every second file.
    fn has_common_vpc(&self) -> bool {
        self.old.vpcs.iter().any(|old| {
            let same = |new: &&vpcemu_model::Vpc| self.canonical(Which::New, new.id.as_str()) == old.id.as_str();
            self.new.vpcs.iter().filter(same).any(|new| new.cidrs.iter().any(|net| old.cidrs.contains(net)))
        })
    }

    fn has_common_interface(&self) -> bool {
        let old: HashSet<IpAddr> = self.old.interfaces.iter().flat_map(NetworkInterface::addresses).collect();
        self.new.interfaces.iter().flat_map(NetworkInterface::addresses).any(|address| old.contains(&address))
    }

    /// Finds what is the same under another id.
    fn identify(&mut self) {
        let (old, new) = (&self.old, &self.new);
        let mut same = HashMap::new();
        let vpcs = (old.vpcs.as_slice(), new.vpcs.as_slice());
        match_up(&mut same, vpcs, |vpc| &vpc.id, |a, b, _| a.cidrs.iter().any(|net| b.cidrs.contains(net)));
        let interfaces = (old.interfaces.as_slice(), new.interfaces.as_slice());
        let vpc_of = |network: &Network, interface: &NetworkInterface| {
            network.subnet(&interface.subnet).map(|subnet| subnet.vpc.clone())
        };
        match_up(
            &mut same,
            interfaces,
            |it| &it.id,
            |a, b, same| {
                let vpc = vpc_of(new, b).map(|vpc| same.get(&vpc).cloned().unwrap_or(vpc));
                vpc_of(old, a) == vpc && a.addresses().any(|own| b.addresses().any(|other| own == other))
            },
        );
        let nats = (old.nat_gateways.as_slice(), new.nat_gateways.as_slice());
        match_up(
            &mut same,
            nats,
            |it| &it.id,
            |a, b, same| {
                let shared = a.addresses.iter().any(|own| b.addresses.iter().any(|it| it.translated == own.translated));
                same.get(&b.vpc).unwrap_or(&b.vpc) == &a.vpc && shared
            },
        );
        let in_vpc = |same: &HashMap<Id, Id>, a: Option<&Id>, b: Option<&Id>| {
            a.is_some() && a == b.map(|vpc| same.get(vpc).unwrap_or(vpc))
        };
        let igws = (old.internet_gateways.as_slice(), new.internet_gateways.as_slice());
        match_up(&mut same, igws, |it| &it.id, |a, b, same| in_vpc(same, a.vpc.as_ref(), b.vpc.as_ref()));
        let eigws = (old.egress_only_internet_gateways.as_slice(), new.egress_only_internet_gateways.as_slice());
        match_up(&mut same, eigws, |it| &it.id, |a, b, same| in_vpc(same, Some(&a.vpc), Some(&b.vpc)));
        let endpoints = (old.vpc_endpoints.as_slice(), new.vpc_endpoints.as_slice());
        match_up(
            &mut same,
            endpoints,
            |it| &it.id,
            |a, b, same| in_vpc(same, Some(&a.vpc), Some(&b.vpc)) && a.service == b.service,
        );
        let vgws = (old.vpn_gateways.as_slice(), new.vpn_gateways.as_slice());
        match_up(&mut same, vgws, |it| &it.id, |a, b, same| in_vpc(same, a.vpc.as_ref(), b.vpc.as_ref()));
        let peerings = (old.vpc_peering_connections.as_slice(), new.vpc_peering_connections.as_slice());
        match_up(
            &mut same,
            peerings,
            |it| &it.id,
            |a, b, _| a.requester.cidrs == b.requester.cidrs && a.accepter.cidrs == b.accepter.cidrs,
        );
        self.same = same;
    }
}

/// Pairs what has no namesake on the other side with the only one there that is like it.
fn match_up<T>(
    same: &mut HashMap<Id, Id>,
    (old, new): (&[T], &[T]),
    id: impl Fn(&T) -> &Id,
    alike: impl Fn(&T, &T, &HashMap<Id, Id>) -> bool,
) {
    let named = |side: &[T]| side.iter().map(|it| id(it).clone()).collect::<HashSet<_>>();
    let (in_old, in_new) = (named(old), named(new));
    let unmatched: Vec<_> = old.iter().filter(|it| !in_new.contains(id(it))).collect();
    for theirs in new.iter().filter(|it| !in_old.contains(id(it))) {
        let mut like = unmatched.iter().filter(|ours| alike(ours, theirs, same));
        if let (Some(one), None) = (like.next(), like.next()) {
            let (ours, theirs) = (id(one).clone(), id(theirs).clone());
            same.insert(theirs, ours);
        }
    }
}

/// An interface's name, or its id.
pub(crate) fn title(interface: &NetworkInterface) -> String {
    interface.name.clone().unwrap_or_else(|| interface.id.to_string())
}

fn describe(network: &Network) -> String {
    let vpcs = network.vpcs.iter().map(|vpc| {
        let blocks: Vec<_> = vpc.cidrs.iter().map(ToString::to_string).collect();
        format!("{} {}", vpc.id, blocks.join(" "))
    });
    let vpcs: Vec<_> = vpcs.collect();
    if vpcs.is_empty() { "no VPC".to_owned() } else { vpcs.join(", ") }
}
