//! Which shard a packet belongs to: a fixed, unseeded function of its addresses.
//!
//! Everything that a flow touches has to meet in one shard. An address that no VPC owns is never rewritten by any stage, so
//! that both directions of a flow, what ICMP errors quote and every re-anchored form carry it: it is the key. Between two
//! owned addresses without a translator only the internet gateway rewrites, which the canonical (private) form undoes; with
//! a translator between them everything meets on shard 0. Ports play no part, so fragments need nothing special.
//!
//! One exception: a transit gateway brings NAT gateways clients that no VPC owns (10.27), whose addresses are rewritten.
//! They count as owned; a NAT gateway's own table tells them from remotes, since answers have to find back to them.

use std::net::IpAddr;

use ipnet::{IpNet, Ipv4Net, Ipv6Net};
use prefix_trie::PrefixMap;
use smallvec::SmallVec;
use vpcemu_model::Forwarding;
use vpcemu_packet::{Fragment, Headers, Transport};

use super::hash::Mix;
use super::primary::Primaries;
use crate::fabric::{
    Attached, Attachment, EndpointKind, Fabric, FixedMap, NatSite, Neighbor, NextHop, RouteTable, Timeline, address,
};
use crate::index::{SubnetIx, TableIx, VpcIx};

/// How many shards there are, whatever the number of workers.
pub const SHARDS: usize = 256;

/// The version of the function; a change of it changes outputs that depend on the shard, such as table caps.
pub const SHARD_HASH_VERSION: u64 = 1;

/// Where everything meets that a translator may rewrite.
const HOME: u8 = 0;

/// The shard function of a run, built from the union of all configurations of its timeline.
#[derive(Debug)]
pub struct ShardMap {
    timeline: Vec<std::sync::Arc<Fabric>>,
    cidrs: Vec<IpNet>,
    /// Every public address, with its private one where that is the same throughout the run.
    public: FixedMap<IpAddr, Option<IpAddr>>,
    /// Private addresses whose public one changes during the run.
    moving: FixedMap<IpAddr, ()>,
    /// Addresses of NAT gateways, private and public.
    translators: FixedMap<IpAddr, ()>,
    /// The subnets that hold an address, over all VPCs and configurations: generation and route table.
    v4: PrefixMap<Ipv4Net, SmallVec<[(usize, TableIx); 1]>>,
    v6: PrefixMap<Ipv6Net, SmallVec<[(usize, TableIx); 1]>>,
    /// Base + 2 of each VPC's primary block, with the blocks from which it is the resolver.
    resolvers: Vec<(IpAddr, Vec<IpNet>)>,
    /// The interface that has an address, as one address for all that it has: it asks its services in one shard (1.12).
    primary: Primaries,
    /// What is known to lie beyond transit gateways, where there are NAT gateways that it could use (10.27).
    beyond: Vec<IpNet>,
    /// The tables of those NAT gateways, as far as they lead anywhere but to the internet.
    returns: Vec<(usize, TableIx, Option<SubnetIx>)>,
    /// Whether any route of the run leads to a translator at all.
    translates: bool,
    /// The knob that makes connections towards different remotes depend on each other, if there is one: then everything
    /// meets on shard 0.
    serial: Option<&'static str>,
}

impl ShardMap {
    /// Builds the function.
    pub fn new(timeline: &Timeline) -> Self {
        let mut map = Self {
            timeline: timeline.fabrics().to_vec(),
            cidrs: Vec::new(),
            public: FixedMap::default(),
            moving: FixedMap::default(),
            translators: FixedMap::default(),
            v4: PrefixMap::new(),
            v6: PrefixMap::new(),
            resolvers: Vec::new(),
            primary: Primaries::of(timeline.fabrics()),
            beyond: Vec::new(),
            returns: Vec::new(),
            translates: false,
            serial: timeline.serial(),
        };
        for (generation, fabric) in timeline.fabrics().iter().enumerate() {
            map.add(generation, fabric);
        }
        map.find_moving();
        map
    }

    fn add(&mut self, generation: usize, fabric: &Fabric) {
        for (_, vpc) in fabric.vpcs() {
            let new: Vec<_> = vpc.cidrs.iter().filter(|net| !self.cidrs.contains(net)).copied().collect();
            self.cidrs.extend(new);
            self.resolvers.extend(vpc.resolver.map(|resolver| (IpAddr::V4(resolver), vpc.cidrs.clone())));
        }
        for (public, owner) in fabric.public_addresses() {
            let (public, private) = (IpAddr::V4(public), IpAddr::V4(owner.private));
            let known = self.public.entry(public).or_insert(Some(private));
            if *known != Some(private) {
                *known = None;
            }
        }
        for (_, nat) in fabric.nats() {
            for private in &nat.addresses {
                self.translators.insert(IpAddr::V4(*private), ());
                if let Some(public) = fabric.public_of(nat.vpc, *private) {
                    self.translators.insert(IpAddr::V4(public), ());
                }
            }
        }
        self.add_foreign_clients(generation, fabric);
        for (_, eni) in fabric.enis() {
            if eni.forward == Some(Forwarding::NatInstance) {
                for own in &eni.addresses {
                    self.translators.insert(*own, ());
                    if let IpAddr::V4(private) = own
                        && let Some(public) = fabric.public_of(eni.vpc, *private)
                    {
                        self.translators.insert(IpAddr::V4(public), ());
                    }
                }
            }
        }
        for (_, subnet) in fabric.subnets() {
            let leads = fabric.table(subnet.table).is_some_and(|table| leads_to_translator(fabric, table));
            self.translates |= leads;
            for net in &subnet.cidrs {
                let slot = (generation, subnet.table);
                match net {
                    IpNet::V4(v4) => self.v4.entry(*v4).or_default().push(slot),
                    IpNet::V6(v6) => self.v6.entry(*v6).or_default().push(slot),
                }
            }
        }
    }

    /// Who may use a NAT gateway without being of any VPC.
    fn add_foreign_clients(&mut self, generation: usize, fabric: &Fabric) {
        let mut transits = false;
        for (_, edge) in fabric.edges() {
            match edge {
                Neighbor::TransitGateway(_) => transits = true,
                Neighbor::Attachment(Attachment { to: Attached::Outside { prefixes, .. }, .. })
                    if fabric.nats().next().is_some() =>
                {
                    // By a default route lies the internet as well.
                    self.beyond.extend(prefixes.iter().filter(|net| net.prefix_len() > 0));
                }
                _ => {}
            }
        }
        for (_, nat) in fabric.nats().filter(|_| transits) {
            let table = match nat.site {
                NatSite::Zonal { subnet, .. } => fabric.subnet(subnet).map(|of| of.table),
                NatSite::Regional { table } => Some(table),
            };
            let Some((table, routes)) = table.and_then(|table| Some((table, fabric.table(table)?))) else { continue };
            if routes.routes().any(|(_, next)| is_inward(fabric, next)) {
                self.returns.push((generation, table, nat.subnet()));
            }
        }
    }

    fn find_moving(&mut self) {
        for (public, known) in &self.public {
            if known.is_none() {
                self.moving.insert(*public, ());
            }
        }
        let Some((first, rest)) = self.timeline.split_first() else { return };
        let mut publics: FixedMap<(VpcIx, IpAddr), IpAddr> = FixedMap::default();
        for (public, owner) in first.public_addresses() {
            publics.insert((owner.vpc, IpAddr::V4(owner.private)), IpAddr::V4(public));
        }
        for fabric in rest {
            for (public, owner) in fabric.public_addresses() {
                let private = IpAddr::V4(owner.private);
                if publics.get(&(owner.vpc, private)) != Some(&IpAddr::V4(public)) {
                    self.moving.insert(private, ());
                }
            }
            for ((vpc, private), public) in &publics {
                let IpAddr::V4(v4) = private else { continue };
                if fabric.public_of(*vpc, *v4).map(IpAddr::V4) != Some(*public) {
                    self.moving.insert(*private, ());
                }
            }
        }
    }

    /// The shard of a packet.
    pub fn shard(&self, headers: &Headers) -> u8 {
        match headers.transport {
            // The packet that an error is about decides: its source is who gets the error.
            // One in fragments has no quote to its later ones, and goes by its own addresses like them.
            // One to a service takes of the sender's budget, whatever it quotes.
            Transport::IcmpError { quote: Some(quote), .. }
                if headers.fragment == Fragment::None && !self.is_service(headers.dst, headers.src) =>
            {
                self.shard_of(quote.dst, quote.src)
            }
            _ => self.shard_of(headers.src, headers.dst),
        }
    }

    /// The shard of packets between two addresses, in either direction.
    pub fn shard_of(&self, source: IpAddr, destination: IpAddr) -> u8 {
        if self.serial.is_some() {
            return HOME;
        }
        let ends = [source, destination].map(|end| address::nat64_embedded(end).map_or(end, IpAddr::V4));
        let [source, destination] = ends;
        for (end, other) in [(source, destination), (destination, source)] {
            if self.is_service(end, other) {
                return hash(self.primary.find(other).unwrap_or(other));
            }
        }
        match (self.is_rewritten(source), self.is_rewritten(destination)) {
            (true, false) => hash(destination),
            (false, true) => hash(source),
            (false, false) => hash_pair(source, destination),
            (true, true) if self.may_translate(source, destination) => HOME,
            (true, true) => hash_pair(self.canonical(source), self.canonical(destination)),
        }
    }

    /// Whether `end` is a service to `other`: to anyone outside its VPC a resolver's address is an ordinary one.
    fn is_service(&self, end: IpAddr, other: IpAddr) -> bool {
        let resolves =
            |(resolver, vpc): &(IpAddr, Vec<IpNet>)| *resolver == end && vpc.iter().any(|net| net.contains(&other));
        address::link_local_service(end).is_some() || self.resolvers.iter().any(resolves)
    }

    fn is_owned(&self, end: IpAddr) -> bool {
        self.cidrs.iter().any(|net| net.contains(&end)) || self.public.contains_key(&end)
    }

    /// Whether a translator may put another address in its place.
    fn is_rewritten(&self, end: IpAddr) -> bool {
        self.is_owned(end) || self.is_foreign_client(end)
    }

    /// Whether `end` is of no VPC, and may all the same be a NAT gateway's client: it is known to be beyond a transit gateway,
    /// or the NAT gateway's table leads answers to it inwards. A default route counts only if the transit gateway takes it
    /// out of the model; by any other lies the internet.
    fn is_foreign_client(&self, end: IpAddr) -> bool {
        let returns = self.returns.iter().any(|(generation, table, subnet)| {
            let Some(fabric) = self.timeline.get(*generation) else { return false };
            let Some(routes) = fabric.table(*table) else { return false };
            let Some(hit) = routes.lookup(end).filter(|hit| is_inward(fabric, hit.next)) else { return false };
            if routes.net(hit.route).is_some_and(|net| net.prefix_len() > 0) {
                return true;
            }
            let (NextHop::Edge(edge), Some(subnet)) = (hit.next, *subnet) else { return false };
            matches!(fabric.transit(edge, subnet, end), Some((_, None)))
        });
        returns || self.beyond.iter().any(|net| net.contains(&end))
    }

    /// An elastic IP stands for its private address.
    fn canonical(&self, end: IpAddr) -> IpAddr {
        self.public.get(&end).copied().flatten().unwrap_or(end)
    }

    /// Whether a translator may stand between two owned addresses: a symmetric over-approximation.
    fn may_translate(&self, source: IpAddr, destination: IpAddr) -> bool {
        let ends = [source, destination];
        let special = |end: &IpAddr| {
            let private = self.canonical(*end);
            let moves = self.moving.contains_key(end) || self.moving.contains_key(&private);
            moves || self.translators.contains_key(end) || !self.is_owned(*end)
        };
        if ends.iter().any(special) {
            return true;
        }
        self.translates && (self.leads_through(source, destination) || self.leads_through(destination, source))
    }

    /// Whether the route table of `from`'s subnet leads `to`, in its private or public form, to a translator.
    fn leads_through(&self, from: IpAddr, to: IpAddr) -> bool {
        let from = self.canonical(from);
        let private = self.canonical(to);
        let public = self.timeline.iter().flat_map(|fabric| public_forms(fabric, private));
        let mut forms: SmallVec<[IpAddr; 8]> = [to, private].into_iter().chain(public).collect();
        // A host that speaks IPv6 only names it by its NAT64 form.
        if from.is_ipv6() {
            forms.iter_mut().for_each(|form| *form = address::nat64(*form));
        }
        let leads = |(generation, table): &(usize, TableIx)| {
            let fabric = self.timeline.get(*generation);
            let table = fabric.and_then(|fabric| Some((fabric, fabric.table(*table)?)));
            table.is_some_and(|(fabric, table)| {
                let leads = |form: &IpAddr| table.lookup(*form).is_some_and(|hit| is_translator(fabric, hit.next));
                forms.iter().any(leads)
            })
        };
        match from {
            IpAddr::V4(v4) => {
                let mut subnets = self.v4.cover(&Ipv4Net::from(v4));
                subnets.any(|(_, tables)| tables.iter().any(leads))
            }
            IpAddr::V6(v6) => {
                let mut subnets = self.v6.cover(&Ipv6Net::from(v6));
                subnets.any(|(_, tables)| tables.iter().any(leads))
            }
        }
    }
}

fn public_forms(fabric: &Fabric, private: IpAddr) -> impl Iterator<Item = IpAddr> + '_ {
    fabric.vpcs().filter_map(move |(vpc, _)| match private {
        IpAddr::V4(v4) => fabric.public_of(vpc, v4).map(IpAddr::V4),
        IpAddr::V6(_) => None,
    })
}

fn leads_to_translator(fabric: &Fabric, table: &RouteTable) -> bool {
    table.routes().any(|(_, next)| is_translator(fabric, next))
}

/// Whether a route leads to what may rewrite addresses: an appliance, an endpoint of a Gateway Load Balancer or a transit
/// gateway may stand in front of a translator.
fn is_translator(fabric: &Fabric, next: NextHop) -> bool {
    match next {
        NextHop::NatGateway(_) => true,
        NextHop::Interface(eni) => fabric.eni(eni).is_some_and(|eni| eni.forward.is_some()),
        NextHop::Edge(edge) => matches!(fabric.edge(edge), Some(Neighbor::TransitGateway(_))) && has_translator(fabric),
        NextHop::Endpoint(endpoint) => {
            let kind = fabric.endpoint(endpoint).map(|endpoint| &endpoint.kind);
            matches!(kind, Some(EndpointKind::LoadBalancer { .. })) && has_translator(fabric)
        }
        _ => false,
    }
}

/// Whether a NAT gateway's route may lead to clients beyond a transit gateway, by middleboxes or straight.
fn is_inward(fabric: &Fabric, next: NextHop) -> bool {
    !matches!(next, NextHop::NatGateway(_)) && is_translator(fabric, next)
}

fn has_translator(fabric: &Fabric) -> bool {
    fabric.nats().next().is_some() || fabric.enis().any(|(_, eni)| eni.forward == Some(Forwarding::NatInstance))
}

fn hash(address: IpAddr) -> u8 {
    fold(Mix::new(SHARD_HASH_VERSION).address(address))
}

fn hash_pair(a: IpAddr, b: IpAddr) -> u8 {
    let (low, high) = if a <= b { (a, b) } else { (b, a) };
    fold(Mix::new(SHARD_HASH_VERSION).address(low).address(high))
}

fn fold(mix: Mix) -> u8 {
    (mix.finish() >> 56) as u8
}
