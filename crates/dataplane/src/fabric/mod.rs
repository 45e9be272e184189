//! The compiled configuration: immutable, index-based, nothing that needs a string on the packet path.

pub mod address;
mod compile;
mod routes;
mod rules;

use std::net::{IpAddr, Ipv4Addr};
use std::time::Duration;

use hashbrown::HashMap;
use ipnet::IpNet;
use smallvec::SmallVec;
use vpcemu_model::behavior::{Filtering, Mapping};
use vpcemu_model::{Behavior, Forwarding};

use crate::index::{
    AclIx, EdgeIx, EigwIx, EndpointIx, EniIx, GroupIx, IgwIx, NatIx, Registry, SubnetIx, TableIx, VpcIx,
};

pub use compile::Timeline;
pub use routes::{NextHop, RouteHit, RouteTable};
pub use rules::{AclRules, AclVerdict, GroupRules, GroupVerdict, PeerMatch, Subject};

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
    /// Who has a private or IPv6 address, within a VPC.
    owners: FixedMap<(VpcIx, IpAddr), EniIx>,
    /// Delegated prefixes (1.15).
    prefixes: Vec<(VpcIx, IpNet, EniIx)>,
    /// Who has an address in any VPC: several where VPCs overlap.
    by_address: FixedMap<IpAddr, SmallVec<[EniIx; 1]>>,
    /// The internet gateways' map from the outside (3.3).
    public: FixedMap<Ipv4Addr, PublicAddress>,
    /// The internet gateways' map from the inside (3.2).
    private: FixedMap<(VpcIx, Ipv4Addr), Ipv4Addr>,
    /// The tables of virtual private gateways (2.15).
    edge_tables: FixedMap<EdgeIx, TableIx>,
    /// Public blocks that an internet gateway's table leads into the VPC untranslated (2.18).
    pools: Vec<(IpNet, VpcIx, IgwIx)>,
    /// Knobs.
    pub behavior: Behavior,
}

/// A VPC.
#[derive(Debug)]
pub struct Vpc {
    /// Its blocks.
    pub cidrs: Vec<IpNet>,
    /// Base + 2 of the primary IPv4 block (1.10).
    pub resolver: Option<Ipv4Addr>,
    /// Its internet gateway.
    pub igw: Option<IgwIx>,
    /// What VPC Block Public Access lets addresses do that are in no subnet (3.15).
    pub public_access: PublicAccess,
}

/// An availability zone of the configuration.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Zone(pub u16);

/// A subnet.
#[derive(Debug)]
pub struct Subnet {
    /// The VPC it divides.
    pub vpc: VpcIx,
    /// Its blocks.
    pub cidrs: SmallVec<[IpNet; 2]>,
    /// Its route table.
    pub table: TableIx,
    /// Its network ACL.
    pub acl: AclIx,
    /// Its availability zone.
    pub zone: Zone,
    /// What VPC Block Public Access lets it do (3.15).
    pub public_access: PublicAccess,
}

impl Subnet {
    /// Whether `address` lies in one of its blocks.
    pub fn contains(&self, address: IpAddr) -> bool {
        self.cidrs.iter().any(|net| net.contains(&address))
    }

    /// Whether AWS keeps `address` for itself (1.8).
    pub fn reserves(&self, address: IpAddr) -> bool {
        self.cidrs.iter().any(|net| address::is_reserved(*net, address))
    }

    /// The `.1` of its IPv4 block, or `::1` of the IPv6 one: who sends the VPC router's ICMP errors (0.1).
    pub fn router(&self, like: IpAddr) -> Option<IpAddr> {
        self.cidrs.iter().find(|net| net.addr().is_ipv4() == like.is_ipv4()).map(|net| address::nth(*net, 1))
    }
}

/// What VPC Block Public Access leaves of the internet for the addresses of a subnet (3.15).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum PublicAccess {
    /// Everything.
    Open,
    /// What NAT gateways and egress-only gateways carry.
    EgressOnly,
    /// Nothing.
    Blocked,
}

/// A network ACL.
#[derive(Debug)]
pub struct Acl {
    /// For what enters a subnet.
    pub ingress: AclRules,
    /// For what leaves it.
    pub egress: AclRules,
}

/// A network interface.
#[derive(Debug)]
pub struct Eni {
    /// Its subnet.
    pub subnet: SubnetIx,
    /// Its VPC.
    pub vpc: VpcIx,
    /// Every single address it has; the primary one first.
    pub addresses: SmallVec<[IpAddr; 2]>,
    /// Delegated prefixes.
    pub prefixes: Vec<IpNet>,
    /// Its security groups.
    pub groups: SmallVec<[GroupIx; 2]>,
    /// The union of its groups' inbound rules.
    pub ingress: GroupRules,
    /// The union of its groups' outbound rules.
    pub egress: GroupRules,
    /// Whether security groups apply to it (6.30).
    pub filtered: bool,
    /// Source/destination check (1.16).
    pub source_dest_check: bool,
    /// What it does with packets that are not for it (2.13, section 11).
    pub forward: Option<Forwarding>,
    /// Whether anything is there to receive (2.13).
    pub in_use: bool,
    /// Whether it belongs to an interface endpoint, whose connections are always tracked (6.20).
    pub is_endpoint: bool,
    /// Whether it is a NAT gateway's.
    pub nat: Option<NatIx>,
    /// Unreachable from and to the internet gateway over IPv6 (3.9).
    pub deny_all_igw_traffic: bool,
    /// Idle timers of its connection tracking.
    pub timers: EniTimers,
}

impl Eni {
    /// Whether `address` is the interface's own, delegated prefixes included (1.15).
    pub fn owns(&self, address: IpAddr) -> bool {
        self.addresses.contains(&address) || self.prefixes.iter().any(|net| net.contains(&address))
    }

    /// Its primary address of the family of `like`: the source of what its own stack sends.
    pub fn primary(&self, like: IpAddr) -> Option<IpAddr> {
        self.addresses.iter().copied().find(|owned| owned.is_ipv4() == like.is_ipv4())
    }
}

/// Idle timers of connection tracking at an interface (6.16).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EniTimers {
    /// Established TCP.
    pub tcp_established: Duration,
    /// UDP in one direction, or one request and response.
    pub udp: Duration,
    /// UDP with more than one transaction.
    pub udp_stream: Duration,
}

impl EniTimers {
    /// What AWS documents for an interface that sets nothing (6.16).
    pub const DEFAULT: Self = Self {
        tcp_established: Duration::from_secs(432_000),
        udp: Duration::from_secs(30),
        udp_stream: Duration::from_secs(180),
    };

    /// Protocols other than TCP, UDP and ICMP: 600 s, fixed (6.16).
    pub const OTHER: Duration = Duration::from_secs(600);
}

/// An internet gateway.
#[derive(Debug)]
pub struct Igw {
    /// The VPC it is attached to.
    pub vpc: Option<VpcIx>,
    /// Its own route table, which decides where in the VPC a packet goes that comes in (2.15).
    pub table: Option<TableIx>,
}

/// An egress-only internet gateway.
#[derive(Debug)]
pub struct Eigw {
    /// The VPC it is attached to.
    pub vpc: VpcIx,
}

/// A NAT gateway.
#[derive(Debug)]
pub struct Nat {
    /// Its VPC.
    pub vpc: VpcIx,
    /// Where it stands.
    pub site: NatSite,
    /// What it translates to, the primary address first (4.3, 4.4).
    pub addresses: SmallVec<[Ipv4Addr; 1]>,
    /// The availability zone in which a regional gateway uses each address; `None` for all (4.4).
    pub zones: SmallVec<[Option<Zone>; 1]>,
    /// Whether it works at all (4.9).
    pub available: bool,
}

impl Nat {
    /// The interface of a zonal gateway.
    pub fn eni(&self) -> Option<EniIx> {
        match self.site {
            NatSite::Zonal { eni, .. } => Some(eni),
            NatSite::Regional { .. } => None,
        }
    }

    /// The subnet of a zonal gateway.
    pub fn subnet(&self) -> Option<SubnetIx> {
        match self.site {
            NatSite::Zonal { subnet, .. } => Some(subnet),
            NatSite::Regional { .. } => None,
        }
    }
}

/// Where a NAT gateway stands (4.1).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum NatSite {
    /// In a subnet, with an interface there.
    Zonal {
        /// Its subnet.
        subnet: SubnetIx,
        /// Its interface.
        eni: EniIx,
    },
    /// In no subnet: with a route table of its own, behind no network ACL (4.4).
    Regional {
        /// Its route table.
        table: TableIx,
    },
}

/// A gateway endpoint.
#[derive(Debug)]
pub struct Endpoint {
    /// The VPC it serves.
    pub vpc: VpcIx,
    /// The service's blocks.
    pub prefixes: Vec<IpNet>,
}

/// Whose a public address is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PublicAddress {
    /// The VPC.
    pub vpc: VpcIx,
    /// The private address that the internet gateway maps it to; of a regional NAT gateway the public one itself (4.4).
    pub private: Ipv4Addr,
    /// Who has that address.
    pub holder: Holder,
}

impl PublicAddress {
    /// The interface that has the private address.
    pub fn eni(&self) -> Option<EniIx> {
        match self.holder {
            Holder::Interface(eni) => Some(eni),
            Holder::Regional(_) => None,
        }
    }
}

/// Who has a public address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Holder {
    /// An interface, by a private address.
    Interface(EniIx),
    /// A regional NAT gateway, directly.
    Regional(NatIx),
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

    /// A gateway endpoint.
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

    /// Every gateway endpoint of this generation.
    pub fn endpoints(&self) -> impl Iterator<Item = (EndpointIx, &Endpoint)> {
        numbered(&self.endpoints)
    }

    /// Every public address, with whose it is.
    pub fn public_addresses(&self) -> impl Iterator<Item = (Ipv4Addr, PublicAddress)> {
        self.public.iter().map(|(public, owner)| (*public, *owner))
    }

    /// The interface that has a private or IPv6 address within a VPC.
    pub fn owner(&self, vpc: VpcIx, address: IpAddr) -> Option<EniIx> {
        self.owners.get(&(vpc, address)).copied().or_else(|| {
            let delegated = self.prefixes.iter().find(|(of, net, _)| *of == vpc && net.contains(&address));
            delegated.map(|(_, _, eni)| *eni)
        })
    }

    /// Every interface that has a private or IPv6 address, in any VPC.
    pub fn owners(&self, address: IpAddr) -> SmallVec<[EniIx; 1]> {
        let mut owners = self.by_address.get(&address).cloned().unwrap_or_default();
        owners.extend(self.prefixes.iter().filter(|(_, net, _)| net.contains(&address)).map(|(_, _, eni)| *eni));
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

    /// The route table of a virtual private gateway (2.15).
    pub fn edge_table(&self, edge: EdgeIx) -> Option<&RouteTable> {
        self.edge_tables.get(&edge).and_then(|table| self.table(*table))
    }

    /// The internet gateway whose table leads a public block into its VPC, as it is (2.18).
    pub fn pool(&self, address: IpAddr) -> Option<(VpcIx, IgwIx)> {
        self.pools.iter().find(|(net, ..)| net.contains(&address)).map(|(_, vpc, igw)| (*vpc, *igw))
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
        ];
        knob.into_iter().find(|(set, _)| *set).map(|(_, knob)| knob)
    }

    /// Whether `address` lies in a block of any VPC or is a public address of the model: such an address may be
    /// rewritten on the way, all others never are.
    pub fn is_owned(&self, address: IpAddr) -> bool {
        let public = matches!(address, IpAddr::V4(v4) if self.public.contains_key(&v4));
        public || self.vpcs().any(|(_, vpc)| vpc.cidrs.iter().any(|net| net.contains(&address)))
    }

    /// The route that an interface's subnet has for `destination`.
    pub fn route_from(&self, eni: EniIx, destination: IpAddr) -> Option<RouteHit> {
        let subnet = self.subnet(self.eni(eni)?.subnet)?;
        self.table(subnet.table)?.lookup(destination)
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
