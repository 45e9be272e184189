//! Which shard a packet belongs to: a fixed, unseeded function of its addresses.
//!
//! Everything that a flow touches has to meet in one shard. An address that no VPC owns is never rewritten by any stage, so
//! that both directions of a flow, what ICMP errors quote and every re-anchored form carry it: it is the key. Between two
//! owned addresses without a translator only the internet gateway rewrites, which the canonical (private) form undoes; with
//! a translator between them everything meets on shard 0. Ports play no part, so fragments need nothing special.
//!
//! One exception: a transit gateway brings NAT gateways clients that no VPC owns (10.27), whose addresses are rewritten.
//! They count as owned; a NAT gateway's own table tells them from remotes, since answers have to find back to them.

mod leads;

use std::net::IpAddr;

use ipnet::IpNet;
use smallvec::SmallVec;
use vpcemu_model::Forwarding;
use vpcemu_packet::{Fragment, Headers, Transport};

use super::hash::Mix;
use super::primary::Primaries;
use crate::fabric::{
    AddressMap, Attached, Attachment, Fabric, FixedMap, NatSite, Neighbor, Stretches, Timeline, address,
};
use crate::index::{SubnetIx, TableIx, VpcIx};
use leads::{Inward, Leads};

/// How many shards there are, whatever the number of workers.
pub const SHARDS: usize = 256;

/// The version of the function; a change of it changes outputs that depend on the shard, such as table caps.
pub const SHARD_HASH_VERSION: u64 = 1;

/// Where everything meets that a translator may rewrite.
const HOME: u8 = 0;

/// In a block of a VPC, or a public address.
const OWNED: u32 = 1;
/// Of no VPC, and may all the same be a NAT gateway's client: it is known to be beyond a transit gateway, or the NAT gateway's
/// table leads answers to it inwards. A default route counts only if the transit gateway takes it out of the model; by any
/// other lies the internet (10.27).
const FOREIGN: u32 = 1 << 1;
/// In the blocks that hold the services of VPCs; few of their addresses are one.
const LOCAL: u32 = 1 << 2;
/// Base + 2 of a VPC's primary block.
const RESOLVER: u32 = 1 << 3;
/// A public address.
const PUBLIC: u32 = 1 << 4;
/// Its public address changes during the run, or it is such a public address.
const MOVES: u32 = 1 << 5;
/// An address of a NAT gateway or a NAT instance, private or public.
const TRANSLATES: u32 = 1 << 6;
/// Above these bits: where the tables of its subnets lead to a translator, as [`Leads`] numbers it.
const LEADS: u32 = 8;

/// What a translator may put another address in the place of.
const REWRITTEN: u32 = OWNED | FOREIGN;

/// The shard function of a run, built from the union of all configurations of its timeline.
#[derive(Debug)]
pub struct ShardMap {
    /// What every address is, in one number: the bits above.
    kinds: AddressMap,
    /// Every public address, with its private one where that is the same throughout the run.
    public: FixedMap<IpAddr, Option<IpAddr>>,
    /// The public addresses that a private one has, in any VPC and configuration.
    forms: FixedMap<IpAddr, SmallVec<[IpAddr; 1]>>,
    /// Base + 2 of each VPC's primary block; 1 in the blocks from which it is the resolver.
    resolvers: FixedMap<IpAddr, AddressMap>,
    /// The interface that has an address, as one address for all that it has: it asks its services in one shard (1.12).
    primary: Primaries,
    leads: Leads,
    /// The knob that makes connections towards different remotes depend on each other, if there is one: then everything
    /// meets on shard 0.
    serial: Option<&'static str>,
}

impl ShardMap {
    /// Builds the function.
    pub fn new(timeline: &Timeline) -> Self {
        let mut builder = Builder::default();
        timeline.fabrics().iter().for_each(|fabric| builder.add(fabric));
        builder.find_moving(timeline);
        let flags =
            Stretches::of_blocks(0, builder.flags, |around, same| same.iter().fold(around, |all, it| all | it.2));
        let (leads, leading) = Leads::of(timeline.fabrics());
        let leading = leading.map(|_, number| number << LEADS);
        let inward = Stretches::any(builder.inward).map(|_, leads| if leads > 0 { FOREIGN } else { 0 });
        let resolvers = builder.resolvers.into_iter().map(|(resolver, blocks)| {
            let blocks = blocks.into_iter().map(|net| (net, ()));
            (resolver, AddressMap::new(&Stretches::of_blocks(0, blocks, |_, _| 1)))
        });
        Self {
            kinds: AddressMap::new(&Stretches::any(vec![flags, leading, inward])),
            public: builder.public,
            forms: builder.forms,
            resolvers: resolvers.collect(),
            primary: Primaries::of(timeline.fabrics()),
            leads,
            serial: timeline.serial(),
        }
    }

    /// The shard of a packet.
    pub fn shard(&self, headers: &Headers) -> u8 {
        match headers.transport {
            // The packet that an error is about decides: its source is who gets the error.
            // One in fragments has no quote to its later ones, and goes by its own addresses like them.
            // One to a service takes of the sender's budget, whatever it quotes.
            Transport::IcmpError { quote: Some(quote), .. }
                if headers.fragment == Fragment::None
                    && !self.is_service(headers.dst, self.kinds.find(headers.dst), headers.src) =>
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
        // One by one: addresses that go through arrays are written in parts and read as a whole, for which processors wait.
        let (source, destination) = (unembedded(source), unembedded(destination));
        let (of_source, of_destination) = (self.kinds.find(source), self.kinds.find(destination));
        if (of_source | of_destination) & (LOCAL | RESOLVER) != 0 {
            if self.is_service(source, of_source, destination) {
                return hash(self.primary.find(destination).unwrap_or(destination));
            }
            if self.is_service(destination, of_destination, source) {
                return hash(self.primary.find(source).unwrap_or(source));
            }
        }
        match (of_source & REWRITTEN != 0, of_destination & REWRITTEN != 0) {
            (true, false) => hash(destination),
            (false, true) => hash(source),
            (false, false) => hash_pair(source, destination),
            (true, true) => self.between(self.end(source, of_source), self.end(destination, of_destination)),
        }
    }

    /// The shard of what passes between two ends that may both be rewritten.
    fn between(&self, one: End, other: End) -> u8 {
        let translates = one.is_special() || other.is_special();
        if translates || self.leads_through(&one, &other) || self.leads_through(&other, &one) {
            return HOME;
        }
        hash_pair(one.private, other.private)
    }

    /// Whether `end` is a service to `other`: to anyone outside its VPC a resolver's address is an ordinary one.
    fn is_service(&self, end: IpAddr, kind: u32, other: IpAddr) -> bool {
        let resolves = || self.resolvers.get(&end).is_some_and(|vpc| vpc.find(other) != 0);
        kind & LOCAL != 0 && address::link_local_service(end).is_some() || kind & RESOLVER != 0 && resolves()
    }

    /// All about an end that translators may be near.
    fn end(&self, end: IpAddr, kind: u32) -> End {
        if kind & PUBLIC == 0 {
            return End { written: end, private: end, kind, of_private: kind };
        }
        // An elastic IP stands for its private address.
        let private = self.public.get(&end).copied().flatten().unwrap_or(end);
        End { written: end, private, kind, of_private: self.kinds.find(private) }
    }

    /// Whether the route table of `from`'s subnet leads `to`, in its private or public form, to a translator.
    fn leads_through(&self, from: &End, to: &End) -> bool {
        let leads = from.of_private >> LEADS;
        if leads == 0 {
            return false;
        }
        // A host that speaks IPv6 only names it by its NAT64 form.
        let form = |form: IpAddr| if from.private.is_ipv6() { address::nat64(form) } else { form };
        let through = |to: IpAddr| self.leads.lead(leads, form(to));
        through(to.written)
            || through(to.private)
            || self.forms.get(&to.private).is_some_and(|public| public.iter().any(|public| through(*public)))
    }
}

/// 64:ff9b::a.b.c.d counts as a.b.c.d.
#[inline]
fn unembedded(end: IpAddr) -> IpAddr {
    match end {
        IpAddr::V4(_) => end,
        IpAddr::V6(_) => address::nat64_embedded(end).map_or(end, IpAddr::V4),
    }
}

/// One of two addresses that may both be rewritten.
struct End {
    /// As the packet has it.
    written: IpAddr,
    /// What it is before any internet gateway.
    private: IpAddr,
    kind: u32,
    of_private: u32,
}

impl End {
    /// Whether translators may stand between it and anybody: a symmetric over-approximation.
    fn is_special(&self) -> bool {
        (self.kind | self.of_private) & MOVES != 0 || self.kind & TRANSLATES != 0 || self.kind & OWNED == 0
    }
}

/// Collects what addresses are.
#[derive(Default)]
struct Builder {
    flags: Vec<(IpNet, u32)>,
    public: FixedMap<IpAddr, Option<IpAddr>>,
    forms: FixedMap<IpAddr, SmallVec<[IpAddr; 1]>>,
    resolvers: FixedMap<IpAddr, Vec<IpNet>>,
    /// Where the tables of NAT gateways lead inwards, as far as they do at all.
    inward: Vec<Stretches>,
}

impl Builder {
    fn add(&mut self, fabric: &Fabric) {
        self.flags.extend(address::SERVICES.map(|net| (net, LOCAL)));
        for (_, vpc) in fabric.vpcs() {
            self.flags.extend(vpc.cidrs.iter().map(|net| (*net, OWNED)));
            if let Some(resolver) = vpc.resolver.map(IpAddr::V4) {
                self.flags.push((resolver.into(), RESOLVER));
                self.resolvers.entry(resolver).or_default().extend(&vpc.cidrs);
            }
        }
        for (public, owner) in fabric.public_addresses() {
            let (public, private) = (IpAddr::V4(public), IpAddr::V4(owner.private));
            self.flags.push((public.into(), OWNED | PUBLIC));
            let known = self.public.entry(public).or_insert(Some(private));
            if *known != Some(private) {
                *known = None;
            }
        }
        for (private, public) in fabric.public_forms() {
            let forms = self.forms.entry(private.into()).or_default();
            if !forms.contains(&public.into()) {
                forms.push(public.into());
            }
        }
        for (_, nat) in fabric.nats() {
            nat.addresses.iter().for_each(|private| self.translator(fabric, nat.vpc, (*private).into()));
        }
        for (_, eni) in fabric.enis().filter(|(_, eni)| eni.forward == Some(Forwarding::NatInstance)) {
            eni.addresses.iter().for_each(|own| self.translator(fabric, eni.vpc, *own));
        }
        self.add_foreign_clients(fabric);
    }

    fn translator(&mut self, fabric: &Fabric, vpc: VpcIx, own: IpAddr) {
        self.flags.push((own.into(), TRANSLATES));
        if let IpAddr::V4(private) = own
            && let Some(public) = fabric.public_of(vpc, private)
        {
            self.flags.push((IpAddr::V4(public).into(), TRANSLATES));
        }
    }

    /// Who may use a NAT gateway without being of any VPC.
    fn add_foreign_clients(&mut self, fabric: &Fabric) {
        let mut transits = false;
        for (_, edge) in fabric.edges() {
            match edge {
                Neighbor::TransitGateway(_) => transits = true,
                Neighbor::Attachment(Attachment { to: Attached::Outside { prefixes, .. }, .. })
                    if fabric.nats().next().is_some() =>
                {
                    // By a default route lies the internet as well.
                    let known = prefixes.iter().filter(|net| net.prefix_len() > 0);
                    self.flags.extend(known.map(|net| (*net, FOREIGN)));
                }
                _ => {}
            }
        }
        let mut seen: FixedMap<(TableIx, Option<SubnetIx>), ()> = FixedMap::default();
        let inward = Inward::of(fabric);
        for (_, nat) in fabric.nats().filter(|_| transits) {
            let table = match nat.site {
                NatSite::Zonal { subnet, .. } => fabric.subnet(subnet).map(|of| of.table),
                NatSite::Regional { table } => Some(table),
            };
            // Gateways of one subnet have one table.
            let new = table.filter(|table| seen.insert((*table, nat.subnet()), ()).is_none());
            self.inward.extend(new.and_then(|table| inward.clients(table, nat.subnet())));
        }
    }

    fn find_moving(&mut self, timeline: &Timeline) {
        let mut moving = Vec::new();
        moving.extend(self.public.iter().filter(|(_, known)| known.is_none()).map(|(public, _)| *public));
        let Some((first, rest)) = timeline.fabrics().split_first() else { return };
        let mut publics: FixedMap<(VpcIx, IpAddr), IpAddr> = FixedMap::default();
        for (public, owner) in first.public_addresses() {
            publics.insert((owner.vpc, IpAddr::V4(owner.private)), IpAddr::V4(public));
        }
        for fabric in rest {
            for (public, owner) in fabric.public_addresses() {
                let private = IpAddr::V4(owner.private);
                if publics.get(&(owner.vpc, private)) != Some(&IpAddr::V4(public)) {
                    moving.push(private);
                }
            }
            for ((vpc, private), public) in &publics {
                let IpAddr::V4(v4) = private else { continue };
                if fabric.public_of(*vpc, *v4).map(IpAddr::V4) != Some(*public) {
                    moving.push(*private);
                }
            }
        }
        self.flags.extend(moving.into_iter().map(|end| (end.into(), MOVES)));
    }
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
