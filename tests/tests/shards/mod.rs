//! The shard function as the page about it puts it: every configuration, VPC and route of a run is walked for every packet.
//!
//! What the engine looks up is compared with this.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::sync::Arc;

use ipnet::IpNet;
use vpcemu_dataplane::fabric::{
    Attached, Attachment, EndpointKind, Fabric, NatSite, Neighbor, NextHop, RouteTable, address,
};
use vpcemu_dataplane::index::{EniIx, SubnetIx, TableIx, VpcIx};
use vpcemu_dataplane::shard::hash::Mix;
use vpcemu_dataplane::{SHARDS, Timeline};
use vpcemu_model::Forwarding;

/// The version of the hash. A change of it changes outputs.
const VERSION: u64 = 1;

pub(crate) struct Plain<'a> {
    timeline: &'a [Arc<Fabric>],
    serial: bool,
    public: BTreeMap<IpAddr, BTreeSet<IpAddr>>,
    moving: BTreeSet<IpAddr>,
    translators: BTreeSet<IpAddr>,
    primary: Vec<(IpNet, IpAddr)>,
}

impl<'a> Plain<'a> {
    pub(crate) fn of(timeline: &'a Timeline) -> Self {
        let serial = timeline.serial().is_some();
        let timeline = timeline.fabrics();
        let mut public: BTreeMap<_, BTreeSet<IpAddr>> = BTreeMap::new();
        let mut translators = BTreeSet::new();
        for fabric in timeline {
            for (address, owner) in fabric.public_addresses() {
                public.entry(IpAddr::V4(address)).or_default().insert(owner.private.into());
            }
            let gateways =
                fabric.nats().flat_map(|(_, nat)| nat.addresses.iter().map(|own| (nat.vpc, IpAddr::V4(*own))));
            let instances = fabric.enis().filter(|(_, eni)| eni.forward == Some(Forwarding::NatInstance));
            let instances = instances.flat_map(|(_, eni)| eni.addresses.iter().map(|own| (eni.vpc, *own)));
            for (vpc, own) in gateways.chain(instances) {
                translators.insert(own);
                translators.extend(public_of(fabric, vpc, own));
            }
        }
        let moving = moving(timeline, &public);
        Self { timeline, serial, public, moving, translators, primary: primaries(timeline) }
    }

    pub(crate) fn shard_of(&self, source: IpAddr, destination: IpAddr) -> u8 {
        if self.serial {
            return 0;
        }
        let [source, destination] =
            [source, destination].map(|end| address::nat64_embedded(end).map_or(end, IpAddr::V4));
        for (end, other) in [(source, destination), (destination, source)] {
            if self.is_service(end, other) {
                return hash(&[self.primary(other)]);
            }
        }
        match (self.is_rewritten(source), self.is_rewritten(destination)) {
            (true, false) => hash(&[destination]),
            (false, true) => hash(&[source]),
            (false, false) => hash(&[source, destination]),
            (true, true) if self.may_translate(source, destination) => 0,
            (true, true) => hash(&[self.canonical(source), self.canonical(destination)]),
        }
    }

    fn is_service(&self, end: IpAddr, other: IpAddr) -> bool {
        let vpcs = || self.timeline.iter().flat_map(|fabric| fabric.vpcs());
        address::link_local_service(end).is_some()
            || vpcs().any(|(_, vpc)| {
                vpc.resolver.map(IpAddr::V4) == Some(end) && vpc.cidrs.iter().any(|net| net.contains(&other))
            })
    }

    fn is_owned(&self, end: IpAddr) -> bool {
        let mut vpcs = self.timeline.iter().flat_map(|fabric| fabric.vpcs());
        self.public.contains_key(&end) || vpcs.any(|(_, vpc)| vpc.cidrs.iter().any(|net| net.contains(&end)))
    }

    fn is_rewritten(&self, end: IpAddr) -> bool {
        self.is_owned(end) || self.timeline.iter().any(|fabric| is_foreign_client(fabric, end))
    }

    fn canonical(&self, end: IpAddr) -> IpAddr {
        match self.public.get(&end) {
            Some(private) if private.len() == 1 => *private.first().unwrap(),
            _ => end,
        }
    }

    fn may_translate(&self, source: IpAddr, destination: IpAddr) -> bool {
        let special = |end: IpAddr| {
            let moves = self.moving.contains(&end) || self.moving.contains(&self.canonical(end));
            moves || self.translators.contains(&end) || !self.is_owned(end)
        };
        special(source)
            || special(destination)
            || self.leads_through(source, destination)
            || self.leads_through(destination, source)
    }

    fn leads_through(&self, from: IpAddr, to: IpAddr) -> bool {
        let (from, private) = (self.canonical(from), self.canonical(to));
        let mut forms = vec![to, private];
        for fabric in self.timeline {
            forms.extend(fabric.vpcs().filter_map(|(vpc, _)| public_of(fabric, vpc, private)));
        }
        if from.is_ipv6() {
            forms.iter_mut().for_each(|form| *form = address::nat64(*form));
        }
        self.timeline.iter().any(|fabric| {
            let subnets = fabric.subnets().filter(|(_, subnet)| subnet.contains(from));
            let mut tables = subnets.filter_map(|(_, subnet)| fabric.table(subnet.table));
            tables.any(|table| {
                forms.iter().any(|form| longest(table, *form).is_some_and(|(_, next)| is_translator(fabric, next)))
            })
        })
    }

    fn primary(&self, of: IpAddr) -> IpAddr {
        let around = self.primary.iter().filter(|(net, _)| net.contains(&of));
        around.max_by_key(|(net, _)| net.prefix_len()).map_or(of, |(_, primary)| *primary)
    }
}

fn public_of(fabric: &Fabric, vpc: VpcIx, private: IpAddr) -> Option<IpAddr> {
    match private {
        IpAddr::V4(v4) => fabric.public_of(vpc, v4).map(IpAddr::V4),
        IpAddr::V6(_) => None,
    }
}

/// Addresses whose other form is not the same throughout the run.
fn moving(timeline: &[Arc<Fabric>], public: &BTreeMap<IpAddr, BTreeSet<IpAddr>>) -> BTreeSet<IpAddr> {
    let mut moving: BTreeSet<_> = public.iter().filter(|(_, of)| of.len() > 1).map(|(public, _)| *public).collect();
    let first: BTreeMap<_, _> =
        timeline[0].public_addresses().map(|(public, owner)| ((owner.vpc, owner.private), public)).collect();
    for fabric in &timeline[1..] {
        let changed = fabric.public_addresses().filter(|(public, of)| first.get(&(of.vpc, of.private)) != Some(public));
        moving.extend(changed.map(|(_, of)| IpAddr::V4(of.private)));
        let gone = first.iter().filter(|((vpc, private), public)| fabric.public_of(*vpc, *private) != Some(**public));
        moving.extend(gone.map(|((_, private), _)| IpAddr::V4(*private)));
    }
    moving
}

/// One address for all that have an address or prefix in common with each other, directly or by others.
fn primaries(timeline: &[Arc<Fabric>]) -> Vec<(IpNet, IpAddr)> {
    let mut owned: Vec<(IpNet, EniIx)> = Vec::new();
    let mut first: BTreeMap<EniIx, IpAddr> = BTreeMap::new();
    for (eni, of) in timeline.iter().flat_map(|fabric| fabric.enis()) {
        let nets: Vec<_> = of.addresses.iter().map(|own| (*own).into()).chain(of.prefixes.iter().copied()).collect();
        if let Some(net) = nets.first() {
            first.entry(eni).or_insert(net.network());
        }
        owned.extend(nets.into_iter().map(|net| (net, eni)));
    }
    let mut same: BTreeMap<EniIx, EniIx> = first.keys().map(|eni| (*eni, *eni)).collect();
    loop {
        let before = same.clone();
        for (net, eni) in &owned {
            for (other, another) in &owned {
                if net.contains(other) {
                    let least = same[eni].min(same[another]);
                    same.extend([(*eni, least), (*another, least)]);
                }
            }
        }
        if before == same {
            break;
        }
    }
    owned.into_iter().map(|(net, eni)| (net, first[&same[&eni]])).collect()
}

/// By every route of a table.
fn longest(table: &RouteTable, to: IpAddr) -> Option<(u8, NextHop)> {
    let routes = table.routes().filter(|(net, _)| net.contains(&to)).map(|(net, next)| (net.prefix_len(), next));
    routes.max_by_key(|(length, _)| *length)
}

fn is_foreign_client(fabric: &Fabric, end: IpAddr) -> bool {
    if fabric.nats().next().is_none() {
        return false;
    }
    let beyond = fabric.edges().any(|(_, edge)| match edge {
        Neighbor::Attachment(Attachment { to: Attached::Outside { prefixes, .. }, .. }) => {
            prefixes.iter().any(|net| net.prefix_len() > 0 && net.contains(&end))
        }
        _ => false,
    });
    let transits = fabric.edges().any(|(_, edge)| matches!(edge, Neighbor::TransitGateway(_)));
    let returns = |table: TableIx, subnet: Option<SubnetIx>| {
        let hit = fabric.table(table).and_then(|table| longest(table, end));
        let Some((length, next)) = hit.filter(|(_, next)| is_inward(fabric, *next)) else { return false };
        let (0, NextHop::Edge(edge), Some(subnet)) = (length, next, subnet) else { return length > 0 };
        matches!(fabric.transit(edge, subnet, end), Some((_, None)))
    };
    let mut nats = fabric.nats().filter(|_| transits);
    beyond
        || nats.any(|(_, nat)| match nat.site {
            NatSite::Zonal { subnet, .. } => fabric.subnet(subnet).is_some_and(|of| returns(of.table, Some(subnet))),
            NatSite::Regional { table } => returns(table, None),
        })
}

fn is_translator(fabric: &Fabric, next: NextHop) -> bool {
    let has_translator =
        || fabric.nats().next().is_some() || fabric.enis().any(|(_, eni)| eni.forward == Some(Forwarding::NatInstance));
    match next {
        NextHop::NatGateway(_) => true,
        NextHop::Interface(eni) => fabric.eni(eni).is_some_and(|eni| eni.forward.is_some()),
        NextHop::Edge(edge) => matches!(fabric.edge(edge), Some(Neighbor::TransitGateway(_))) && has_translator(),
        NextHop::Endpoint(endpoint) => {
            let kind = fabric.endpoint(endpoint).map(|endpoint| &endpoint.kind);
            matches!(kind, Some(EndpointKind::LoadBalancer { .. })) && has_translator()
        }
        _ => false,
    }
}

fn is_inward(fabric: &Fabric, next: NextHop) -> bool {
    !matches!(next, NextHop::NatGateway(_)) && is_translator(fabric, next)
}

fn hash(ends: &[IpAddr]) -> u8 {
    let mut ends = ends.to_vec();
    ends.sort();
    let mix = ends.into_iter().fold(Mix::new(VERSION), Mix::address).finish();
    (mix / (u64::MAX / SHARDS as u64 + 1)) as u8
}

/// Addresses at the bounds of all that a run names, next to them, and in every form.
pub(crate) fn addresses(timeline: &Timeline) -> Vec<IpAddr> {
    let mut nets: BTreeSet<IpNet> = ["169.254.0.0/16", "169.254.169.253/32", "fd00:ec2::/32", "fd00:ec2::253/128"]
        .map(|text| text.parse().unwrap())
        .into();
    let mut tables = BTreeSet::new();
    for fabric in timeline.fabrics() {
        nets.extend(fabric.vpcs().flat_map(|(_, vpc)| vpc.cidrs.iter().copied()));
        nets.extend(fabric.vpcs().filter_map(|(_, vpc)| vpc.resolver).map(|it| IpNet::from(IpAddr::V4(it))));
        nets.extend(fabric.subnets().flat_map(|(_, subnet)| subnet.cidrs.iter().copied()));
        nets.extend(fabric.enis().flat_map(|(_, eni)| eni.addresses.iter().map(|own| IpNet::from(*own))));
        nets.extend(fabric.enis().flat_map(|(_, eni)| eni.prefixes.iter().copied()));
        nets.extend(fabric.public_addresses().map(|(public, _)| IpNet::from(IpAddr::V4(public))));
        nets.extend(fabric.nats().flat_map(|(_, nat)| nat.addresses.iter().map(|own| IpNet::from(IpAddr::V4(*own)))));
        tables.extend(fabric.subnets().map(|(_, subnet)| subnet.table));
        for (_, edge) in fabric.edges() {
            if let Neighbor::Attachment(attachment) = edge {
                tables.extend(attachment.table);
                if let Attached::Outside { prefixes, .. } = &attachment.to {
                    nets.extend(prefixes);
                }
            }
        }
        for table in &tables {
            nets.extend(fabric.table(*table).into_iter().flat_map(|table| table.routes().map(|(net, _)| net)));
        }
    }
    let near = |end: IpAddr| -> [IpAddr; 3] {
        match end {
            IpAddr::V4(v4) => [u32::MAX, 0, 1].map(|by| IpAddr::V4(v4.to_bits().wrapping_add(by).into())),
            IpAddr::V6(v6) => [u128::MAX, 0, 1].map(|by| IpAddr::V6(v6.to_bits().wrapping_add(by).into())),
        }
    };
    let ends: BTreeSet<_> = nets.into_iter().flat_map(|net| [net.network(), net.broadcast()]).flat_map(near).collect();
    ends.iter()
        .copied()
        .chain(ends.iter().map(|end| address::nat64(*end)))
        .collect::<BTreeSet<_>>()
        .into_iter()
        .collect()
}
