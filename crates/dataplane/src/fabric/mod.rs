//! The compiled configuration: immutable, index-based, nothing that needs a string on the packet path.

pub mod address;
mod compile;
mod delegated;
mod gateway;
mod interface;
mod neighbor;
mod places;
mod routes;
mod rules;
mod steps;
mod stretches;
mod vpc;

use std::collections::HashSet;
use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;

use hashbrown::HashMap;
use ipnet::IpNet;
use smallvec::SmallVec;
use vpcemu_model::Behavior;
use vpcemu_model::behavior::{Filtering, Mapping};

use crate::index::{AclIx, EdgeIx, EigwIx, EndpointIx, EniIx, IgwIx, NatIx, Registry, SubnetIx, TableIx, VpcIx};

use delegated::Delegated;
use places::Places;

pub use compile::Timeline;
pub use gateway::{Eigw, Endpoint, EndpointKind, Holder, Igw, Nat, NatSite, PublicAddress};
pub use interface::{Eni, EniTimers};
pub use neighbor::{
    Attached, AttachedVpc, Attachment, FarInterface, NatReturn, Neighbor, PeeredSide, Peering, TransitGateway,
    VpnGateway,
};
pub use routes::{NextHop, RouteHit, RouteTable};
pub use rules::{AclRules, AclVerdict, GroupRules, GroupVerdict, PeerMatch, Subject};
pub(crate) use stretches::{AddressMap, Stretches};
pub use vpc::{Acl, PublicAccess, Subnet, Vpc, Zone};

/// How much there is of the rules of security groups that interfaces have.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct RuleTables {
    /// Tables, each of a group in one direction.
    pub tables: usize,
    /// Rules in them.
    pub rules: usize,
    /// How many times an interface has one of the tables.
    pub uses: usize,
}

/// Maps of the fabric: never iterated where order could show, so that the hasher does not matter to outputs.
pub(crate) type FixedMap<K, V> = HashMap<K, V, foldhash::fast::FixedState>;

/// One configuration, compiled.
#[derive(Debug)]
pub struct Fabric {
    /// By [`VpcIx`]; `None` for what only other generations have. Likewise below.
    vpcs: Vec<Option<Vpc>>,
    subnets: Vec<Option<Subnet>>,
    tables: Vec<Option<RouteTable>>,
    acls: Vec<Option<Acl>>,
    enis: Vec<Option<Eni>>,
    igws: Vec<Option<Igw>>,
    eigws: Vec<Option<Eigw>>,
    nats: Vec<Option<Nat>>,
    endpoints: Vec<Option<Endpoint>>,
    edges: Vec<Option<Neighbor>>,
    /// Who has a private or IPv6 address, within a VPC.
    owners: FixedMap<(VpcIx, IpAddr), EniIx>,
    /// Delegated prefixes (1.15).
    delegated: Delegated,
    /// Who has an address in any VPC: several where VPCs overlap.
    by_address: FixedMap<IpAddr, SmallVec<[EniIx; 1]>>,
    /// The internet gateways' map from the outside (3.3).
    public: FixedMap<Ipv4Addr, PublicAddress>,
    /// The internet gateways' map from the inside (3.2).
    private: FixedMap<(VpcIx, Ipv4Addr), Ipv4Addr>,
    /// The tables of virtual private gateways (2.15).
    edge_tables: FixedMap<EdgeIx, TableIx>,
    /// How replies find NAT gateways of peered VPCs without a route (4.8).
    nat_returns: FixedMap<(VpcIx, IpAddr), NatReturn>,
    /// Public blocks that an internet gateway's table leads into the VPC untranslated (2.18).
    pools: Vec<(IpNet, VpcIx, IgwIx)>,
    /// What addresses are to all of this.
    places: Places,
    /// Knobs.
    pub behavior: Behavior,
}

fn at<I: Into<usize>, T>(slots: &[Option<T>], index: I) -> Option<&T> {
    slots.get(index.into()).and_then(Option::as_ref)
}

impl Fabric {
    /// The VPC, if this generation has it. Likewise below.
    pub fn vpc(&self, index: VpcIx) -> Option<&Vpc> {
        at(&self.vpcs, index)
    }

    /// A subnet.
    pub fn subnet(&self, index: SubnetIx) -> Option<&Subnet> {
        at(&self.subnets, index)
    }

    /// A route table.
    pub fn table(&self, index: TableIx) -> Option<&RouteTable> {
        at(&self.tables, index)
    }

    /// A network ACL.
    pub fn acl(&self, index: AclIx) -> Option<&Acl> {
        at(&self.acls, index)
    }

    /// An interface.
    pub fn eni(&self, index: EniIx) -> Option<&Eni> {
        at(&self.enis, index)
    }

    /// An internet gateway.
    pub fn igw(&self, index: IgwIx) -> Option<&Igw> {
        at(&self.igws, index)
    }

    /// An egress-only internet gateway.
    pub fn eigw(&self, index: EigwIx) -> Option<&Eigw> {
        at(&self.eigws, index)
    }

    /// A NAT gateway.
    pub fn nat(&self, index: NatIx) -> Option<&Nat> {
        at(&self.nats, index)
    }

    /// What lies beyond a VPC.
    pub fn edge(&self, index: EdgeIx) -> Option<&Neighbor> {
        at(&self.edges, index)
    }

    /// An endpoint.
    pub fn endpoint(&self, index: EndpointIx) -> Option<&Endpoint> {
        at(&self.endpoints, index)
    }

    /// Every VPC of this generation.
    pub fn vpcs(&self) -> impl Iterator<Item = (VpcIx, &Vpc)> {
        numbered(&self.vpcs)
    }

    /// Every subnet of this generation.
    pub fn subnets(&self) -> impl Iterator<Item = (SubnetIx, &Subnet)> {
        numbered(&self.subnets)
    }

    /// Every interface of this generation.
    pub fn enis(&self) -> impl Iterator<Item = (EniIx, &Eni)> {
        numbered(&self.enis)
    }

    /// Every NAT gateway of this generation.
    pub fn nats(&self) -> impl Iterator<Item = (NatIx, &Nat)> {
        numbered(&self.nats)
    }

    /// Every internet gateway of this generation.
    pub fn igws(&self) -> impl Iterator<Item = (IgwIx, &Igw)> {
        numbered(&self.igws)
    }

    /// Everything that lies beyond the VPCs of this generation.
    pub fn edges(&self) -> impl Iterator<Item = (EdgeIx, &Neighbor)> {
        numbered(&self.edges)
    }

    /// Every endpoint of this generation.
    pub fn endpoints(&self) -> impl Iterator<Item = (EndpointIx, &Endpoint)> {
        numbered(&self.endpoints)
    }

    /// Every public address, with whose it is.
    pub fn public_addresses(&self) -> impl Iterator<Item = (Ipv4Addr, PublicAddress)> {
        self.public.iter().map(|(public, owner)| (*public, *owner))
    }

    /// The interface that has a private or IPv6 address within a VPC.
    pub fn owner(&self, vpc: VpcIx, address: IpAddr) -> Option<EniIx> {
        self.owners.get(&(vpc, address)).copied().or_else(|| self.delegated.holder(vpc, address))
    }

    /// Every interface that has a private or IPv6 address, in any VPC.
    pub fn owners(&self, address: IpAddr) -> SmallVec<[EniIx; 4]> {
        let own = self.by_address.get(&address).map_or(&[][..], |owners| owners);
        let mut owners = SmallVec::from_slice(own);
        owners.extend(self.delegated.holders(address).iter().map(|(_, eni)| *eni));
        owners
    }

    /// Whose a public IPv4 address is (3.3).
    pub fn public(&self, address: Ipv4Addr) -> Option<PublicAddress> {
        self.public.get(&address).copied()
    }

    /// The public address of a private one (3.2).
    pub fn public_of(&self, vpc: VpcIx, private: Ipv4Addr) -> Option<Ipv4Addr> {
        self.private.get(&(vpc, private)).copied()
    }

    /// Every private address that has a public one, with that one.
    pub(crate) fn public_forms(&self) -> impl Iterator<Item = (Ipv4Addr, Ipv4Addr)> {
        let known = self.private.iter().filter(|((vpc, _), _)| self.vpc(*vpc).is_some());
        known.map(|((_, private), public)| (*private, *public))
    }

    /// The interface on the other side of a peering connection that has `address`.
    fn peer_owner(&self, edge: EdgeIx, vpc: VpcIx, address: IpAddr) -> Option<EniIx> {
        let Some(Neighbor::Peering(peering)) = self.edge(edge) else { return None };
        let (_, far) = peering.seen_from(vpc).filter(|_| peering.active)?;
        self.owner(far.vpc?, address)
    }

    /// The way from a VPC to the NAT gateway of a peered one that has `address` (4.8).
    pub fn nat_return(&self, vpc: VpcIx, address: IpAddr) -> Option<NatReturn> {
        self.nat_returns.get(&(vpc, address)).copied()
    }

    /// The route table of a virtual private gateway (2.15).
    pub fn edge_table(&self, edge: EdgeIx) -> Option<TableIx> {
        self.edge_tables.get(&edge).copied()
    }

    /// The internet gateway whose table leads a public block into its VPC, as it is (2.18).
    pub fn pool(&self, address: IpAddr) -> Option<(VpcIx, IgwIx)> {
        let (_, vpc, igw) = self.pools.get(self.places.pool(address)?)?;
        Some((*vpc, *igw))
    }

    /// What interfaces share of their groups' rules.
    pub fn rule_tables(&self) -> RuleTables {
        let mut found = RuleTables::default();
        let mut seen = HashSet::new();
        for table in self.enis().flat_map(|(_, eni)| [&eni.ingress, &eni.egress]).flat_map(GroupRules::tables) {
            found.uses += 1;
            if seen.insert(Arc::as_ptr(table)) {
                found.tables += 1;
                found.rules += table.len();
            }
        }
        found
    }

    /// Why connections towards different remotes depend on each other here, so that one shard has to hold them all.
    pub fn serial(&self) -> Option<&'static str> {
        let nat = &self.behavior.nat_gateway;
        let translates = self.nats.iter().any(Option::is_some);
        let knob = [
            (translates && nat.mapping != Mapping::AddressAndPortDependent, "nat_gateway.mapping"),
            (translates && nat.filtering != Filtering::AddressAndPortDependent, "nat_gateway.filtering"),
            (translates && !nat.overload, "nat_gateway.overload"),
            (translates && nat.max_ports_per_host.is_some(), "nat_gateway.max_ports_per_host"),
            (self.behavior.underlay.egress_fragments_per_second.is_some(), "underlay.egress_fragments_per_second"),
            (
                self.behavior.security_group.connections_per_instance.is_some(),
                "security_group.connections_per_instance",
            ),
        ];
        knob.into_iter().find(|(set, _)| *set).map(|(_, knob)| knob)
    }

    /// Whether `address` lies in a block of any VPC or is a public address of the model: such an address may be
    /// rewritten on the way, all others never are.
    pub fn is_owned(&self, address: IpAddr) -> bool {
        let public = matches!(address, IpAddr::V4(v4) if self.public.contains_key(&v4));
        public || self.places.in_vpc(address)
    }

    /// Whether a subnet of a VPC keeps `address` for itself (1.8).
    pub fn is_reserved(&self, vpc: VpcIx, address: IpAddr) -> bool {
        self.places.is_reserved(vpc, address)
    }

    /// Whether `address` is that of the VPC's router in one of its subnets (1.8).
    pub fn is_router(&self, vpc: VpcIx, address: IpAddr) -> bool {
        self.places.is_router(vpc, address)
    }

    /// Whether an interface is that of a Gateway Load Balancer's endpoint.
    pub fn is_inspection(&self, eni: EniIx) -> bool {
        self.places.is_inspection(eni)
    }

    /// The route that an interface's subnet has for `destination`.
    pub fn route_from(&self, eni: EniIx, destination: IpAddr) -> Option<RouteHit> {
        self.route_of(self.eni(eni)?.subnet, destination)
    }

    /// The route that a subnet has for `destination`.
    pub fn route_of(&self, subnet: SubnetIx, destination: IpAddr) -> Option<RouteHit> {
        self.table(self.subnet(subnet)?.table)?.lookup(destination)
    }

    /// The table by which a transit gateway leads what it gets from a subnet: that of the attachment of its VPC.
    pub(crate) fn transit_table(&self, gateway: EdgeIx, from: SubnetIx) -> Option<&RouteTable> {
        let Some(Neighbor::TransitGateway(transit)) = self.edge(gateway) else { return None };
        let Neighbor::Attachment(attachment) = self.edge(transit.attachment(self.subnet(from)?.vpc)?)? else {
            return None;
        };
        self.table(attachment.table?)
    }

    /// Where a transit gateway leads what it gets from a subnet for `destination`: the attachment, and the subnet of a VPC's
    /// attachment that it comes out in. Which one that is of several zones depends on the flow; this is the likeliest.
    pub fn transit(&self, gateway: EdgeIx, from: SubnetIx, destination: IpAddr) -> Option<(EdgeIx, Option<SubnetIx>)> {
        let subnet = self.subnet(from)?;
        let NextHop::Edge(to) = self.transit_table(gateway, from)?.lookup(destination)?.next else { return None };
        let Neighbor::Attachment(target) = self.edge(to)? else { return None };
        let eni = match &target.to {
            Attached::Vpc(of) => of.in_zone(subnet.zone).or_else(|| of.zones.first().map(|(_, eni)| *eni)),
            Attached::Outside { .. } => None,
        };
        Some((to, eni.and_then(|eni| self.eni(eni)).map(|eni| eni.subnet)))
    }

    /// The route from an interface's subnet to `destination` as text: `0.0.0.0/0 -> nat-nat`.
    pub fn describe_route(&self, registry: &Registry, table: TableIx, route: u32) -> String {
        self.table(table).map_or_else(String::new, |table| table.describe(registry, route))
    }

    /// The service, if `address` is one of a VPC's own services as an interface of `vpc` sees it (1.10, 1.11).
    pub fn service(&self, vpc: VpcIx, address: IpAddr) -> Option<crate::outcome::Service> {
        let resolver = self.vpc(vpc).and_then(|vpc| vpc.resolver);
        if resolver.is_some_and(|resolver| IpAddr::V4(resolver) == address) {
            return Some(crate::outcome::Service::Dns);
        }
        address::link_local_service(address)
    }
}

fn numbered<I: From<u32>, T>(slots: &[Option<T>]) -> impl Iterator<Item = (I, &T)> {
    let number = |index| I::from(u32::try_from(index).unwrap_or(u32::MAX));
    slots.iter().enumerate().filter_map(move |(index, slot)| slot.as_ref().map(|item| (number(index), item)))
}
