use std::sync::Arc;

use ipnet::IpNet;
use smallvec::SmallVec;
use vpcemu_model::{
    AclEntry, BlockMode, Destination, EndpointKind, ExclusionMode, Id, InterfaceKind, Network, Peer, Placement, Route,
    RouteOrigin, SecurityGroupRule, Target,
};

use super::rules::{AclRule, GroupPeer, GroupRule};
use super::{
    Acl, AclRules, Eigw, Endpoint, Eni, EniTimers, Fabric, FixedMap, GroupRules, Holder, Igw, Nat, NatSite, NextHop,
    PublicAccess, PublicAddress, RouteTable, Subnet, Vpc, Zone, address,
};
use crate::index::{EniIx, Registry};

/// The configurations of a run in the order in which they come into force, compiled with one registry of names.
#[derive(Debug)]
pub struct Timeline {
    fabrics: Vec<Arc<Fabric>>,
    registry: Arc<Registry>,
}

impl Timeline {
    /// Compiles one network, or several that follow each other. The networks have passed validation: what dangles all
    /// the same matches nothing.
    pub fn compile<'a>(networks: impl IntoIterator<Item = &'a Network> + Clone) -> Self {
        let mut registry = Registry::default();
        for network in networks.clone() {
            register(&mut registry, network);
        }
        let fabrics = networks.into_iter().map(|network| Arc::new(compile(&registry, network))).collect();
        Self { fabrics, registry: Arc::new(registry) }
    }

    /// The fabric of a generation; the last one where there is none.
    pub fn fabric(&self, generation: u32) -> &Arc<Fabric> {
        let last = self.fabrics.len() - 1; // compiled from at least one network by every caller
        &self.fabrics[(generation as usize).min(last)]
    }

    /// Every fabric, by generation.
    pub fn fabrics(&self) -> &[Arc<Fabric>] {
        &self.fabrics
    }

    /// The knob because of which one shard has to hold all connections, if there is one.
    pub fn serial(&self) -> Option<&'static str> {
        self.fabrics.iter().find_map(|fabric| fabric.serial())
    }

    /// The names behind the indices.
    pub fn registry(&self) -> &Arc<Registry> {
        &self.registry
    }
}

fn register(registry: &mut Registry, network: &Network) {
    for vpc in &network.vpcs {
        registry.vpcs.intern(&vpc.id);
    }
    for subnet in &network.subnets {
        registry.subnets.intern(&subnet.id);
    }
    for table in &network.route_tables {
        registry.tables.intern(&table.id);
        for edge in table.routes.iter().filter_map(|route| match &route.target {
            Target::Edge(id) => Some(id),
            _ => None,
        }) {
            registry.edges.intern(edge);
        }
    }
    for table in &network.gateway_route_tables {
        registry.tables.intern(&table.id);
        if is_edge(&table.gateway) {
            registry.edges.intern(&table.gateway);
        }
    }
    for acl in &network.network_acls {
        registry.acls.intern(&acl.id);
    }
    for group in &network.security_groups {
        registry.groups.intern(&group.id);
        for rule in group.ingress.iter().chain(&group.egress) {
            registry.rules.intern(&rule.id);
        }
    }
    for interface in &network.interfaces {
        let index: EniIx = registry.enis.intern(&interface.id);
        if let Some(name) = &interface.name {
            registry.eni_names.insert(index, Arc::from(name.as_str()));
        }
    }
    for gateway in &network.internet_gateways {
        registry.igws.intern(&gateway.id);
    }
    for gateway in &network.egress_only_internet_gateways {
        registry.eigws.intern(&gateway.id);
    }
    for gateway in &network.nat_gateways {
        registry.nats.intern(&gateway.id);
    }
    for endpoint in &network.vpc_endpoints {
        if matches!(endpoint.kind, EndpointKind::Gateway { .. }) {
            registry.endpoints.intern(&endpoint.id);
        }
    }
}

/// Whether a gateway with a table is a way out of the model: a virtual private gateway.
fn is_edge(gateway: &Id) -> bool {
    gateway.as_str().starts_with("vgw-")
}

fn slots<T>(len: usize) -> Vec<Option<T>> {
    std::iter::repeat_with(|| None).take(len).collect()
}

fn compile(registry: &Registry, network: &Network) -> Fabric {
    let mut fabric = Fabric {
        vpcs: slots(registry.vpcs.len()),
        subnets: slots(registry.subnets.len()),
        tables: slots(registry.tables.len()),
        acls: slots(registry.acls.len()),
        enis: slots(registry.enis.len()),
        igws: slots(registry.igws.len()),
        eigws: slots(registry.eigws.len()),
        nats: slots(registry.nats.len()),
        endpoints: slots(registry.endpoints.len()),
        owners: FixedMap::default(),
        prefixes: Vec::new(),
        by_address: FixedMap::default(),
        public: FixedMap::default(),
        private: FixedMap::default(),
        edge_tables: FixedMap::default(),
        pools: Vec::new(),
        behavior: network.behavior.clone(),
    };
    let mut zones: Vec<&str> = Vec::new();
    for subnet in &network.subnets {
        if !zones.contains(&subnet.availability_zone.as_str()) {
            zones.push(&subnet.availability_zone);
        }
    }
    let compiler = Compiler { registry, network, zones };
    compiler.vpcs(&mut fabric);
    compiler.gateways(&mut fabric);
    compiler.interfaces(&mut fabric);
    compiler.nat_gateways(&mut fabric);
    compiler.acls(&mut fabric);
    compiler.tables(&mut fabric);
    compiler.gateway_tables(&mut fabric);
    fabric
}

struct Compiler<'a> {
    registry: &'a Registry,
    network: &'a Network,
    zones: Vec<&'a str>,
}

impl Compiler<'_> {
    fn prefix_list(&self, id: &Id) -> Vec<IpNet> {
        let list = self.network.prefix_lists.iter().find(|list| list.id == *id);
        list.map_or_else(Vec::new, |list| list.entries.clone())
    }

    fn zone(&self, name: &str) -> Option<Zone> {
        let at = self.zones.iter().position(|zone| *zone == name)?;
        u16::try_from(at).ok().map(Zone)
    }

    /// The exclusion of a subnet goes before that of its VPC (3.15).
    fn public_access(&self, subnet: Option<&Id>, vpc: &Id) -> PublicAccess {
        let blocks = &self.network.block_public_access;
        let of = |scope: &Id| blocks.exclusions.iter().find(|exclusion| exclusion.scope == *scope);
        let exclusion = subnet.and_then(of).or_else(|| of(vpc)).map(|exclusion| exclusion.allows);
        match (blocks.mode, exclusion) {
            (BlockMode::Off, _) | (_, Some(ExclusionMode::AllowBidirectional)) => PublicAccess::Open,
            (BlockMode::BlockIngress, _) | (_, Some(ExclusionMode::AllowEgress)) => PublicAccess::EgressOnly,
            (BlockMode::BlockBidirectional, None) => PublicAccess::Blocked,
        }
    }

    fn vpcs(&self, fabric: &mut Fabric) {
        for vpc in &self.network.vpcs {
            let Some(index) = self.registry.vpcs.find(&vpc.id) else { continue };
            let resolver = match vpc.primary_cidr() {
                Some(IpNet::V4(primary)) => address::resolver(primary),
                _ => None,
            };
            let attached = self.network.internet_gateways.iter().find(|igw| igw.vpc.as_ref() == Some(&vpc.id));
            let igw = attached.and_then(|igw| self.registry.igws.find(&igw.id));
            fabric.vpcs[usize::from(index)] =
                Some(Vpc { cidrs: vpc.cidrs.clone(), resolver, igw, public_access: self.public_access(None, &vpc.id) });
        }
        for subnet in &self.network.subnets {
            let registry = self.registry;
            let (Some(index), Some(vpc), Some(table), Some(acl)) = (
                registry.subnets.find(&subnet.id),
                registry.vpcs.find(&subnet.vpc),
                registry.tables.find(&subnet.route_table),
                registry.acls.find(&subnet.network_acl),
            ) else {
                continue;
            };
            let cidrs = SmallVec::from_slice(&subnet.cidrs);
            fabric.subnets[usize::from(index)] = Some(Subnet {
                vpc,
                cidrs,
                table,
                acl,
                zone: self.zone(&subnet.availability_zone).unwrap_or(Zone(u16::MAX)),
                public_access: self.public_access(Some(&subnet.id), &subnet.vpc),
            });
        }
    }

    fn gateways(&self, fabric: &mut Fabric) {
        for gateway in &self.network.internet_gateways {
            let Some(index) = self.registry.igws.find(&gateway.id) else { continue };
            let vpc = gateway.vpc.as_ref().and_then(|vpc| self.registry.vpcs.find(vpc));
            fabric.igws[usize::from(index)] = Some(Igw { vpc, table: None });
        }
        for gateway in &self.network.egress_only_internet_gateways {
            let index = self.registry.eigws.find(&gateway.id);
            if let (Some(index), Some(vpc)) = (index, self.registry.vpcs.find(&gateway.vpc)) {
                fabric.eigws[usize::from(index)] = Some(Eigw { vpc });
            }
        }
        for endpoint in &self.network.vpc_endpoints {
            let EndpointKind::Gateway { prefix_list } = &endpoint.kind else { continue };
            let index = self.registry.endpoints.find(&endpoint.id);
            if let (Some(index), Some(vpc)) = (index, self.registry.vpcs.find(&endpoint.vpc)) {
                let prefixes = prefix_list.as_ref().map_or_else(Vec::new, |list| self.prefix_list(list));
                fabric.endpoints[usize::from(index)] = Some(Endpoint { vpc, prefixes });
            }
        }
    }

    fn interfaces(&self, fabric: &mut Fabric) {
        for interface in &self.network.interfaces {
            let Some(index) = self.registry.enis.find(&interface.id) else { continue };
            let Some(subnet_ix) = self.registry.subnets.find(&interface.subnet) else { continue };
            let Some(vpc) = fabric.subnet(subnet_ix).map(|subnet| subnet.vpc) else { continue };
            let groups: SmallVec<[_; 2]> =
                interface.security_groups.iter().filter_map(|id| self.registry.groups.find(id)).collect();
            let of_groups = |ingress: bool| {
                let groups = interface.security_groups.iter();
                let groups = groups.filter_map(|id| self.network.security_groups.iter().find(|group| group.id == *id));
                let rules = groups.flat_map(|group| if ingress { &group.ingress } else { &group.egress });
                GroupRules::new(rules.filter_map(|rule| self.group_rule(rule)).collect())
            };
            for pair in &interface.ipv4 {
                if let Some(public) = pair.public {
                    fabric.private.insert((vpc, pair.private), public);
                    // An address on a stopped instance is still its own, and leads nowhere (3.11).
                    fabric
                        .public
                        .insert(public, PublicAddress { vpc, private: pair.private, holder: Holder::Interface(index) });
                }
            }
            for owned in interface.addresses() {
                fabric.owners.insert((vpc, owned), index);
                fabric.by_address.entry(owned).or_default().push(index);
            }
            fabric.prefixes.extend(interface.prefixes.iter().map(|net| (vpc, *net, index)));
            let set = interface.connection_tracking;
            let defaults = EniTimers::DEFAULT;
            // An interface of an instance always has a group; only requester-managed ones may have none (6.30).
            let filtered = interface.kind != InterfaceKind::NatGateway
                && !(interface.kind == InterfaceKind::Other && groups.is_empty());
            fabric.enis[usize::from(index)] = Some(Eni {
                subnet: subnet_ix,
                vpc,
                addresses: interface.addresses().collect(),
                prefixes: interface.prefixes.clone(),
                groups,
                ingress: of_groups(true),
                egress: of_groups(false),
                filtered,
                source_dest_check: interface.source_dest_check,
                forward: interface.forward.filter(|_| !interface.source_dest_check),
                in_use: interface.in_use,
                is_endpoint: interface.kind == InterfaceKind::VpcEndpoint,
                nat: None,
                deny_all_igw_traffic: interface.deny_all_igw_traffic,
                timers: EniTimers {
                    tcp_established: set.tcp_established.unwrap_or(defaults.tcp_established),
                    udp: set.udp.unwrap_or(defaults.udp),
                    udp_stream: set.udp_stream.unwrap_or(defaults.udp_stream),
                },
            });
        }
    }

    fn group_rule(&self, rule: &SecurityGroupRule) -> Option<GroupRule> {
        let peer = match &rule.peer {
            Peer::Cidr(net) => GroupPeer::Net(*net),
            Peer::PrefixList(id) => GroupPeer::List(self.prefix_list(id)),
            // A rule about a group that does not exist is stale: it is there, and matches nothing (6.13).
            Peer::SecurityGroup(id) => {
                self.registry.groups.find(id).map_or_else(|| GroupPeer::List(Vec::new()), GroupPeer::Group)
            }
        };
        let id = self.registry.rules.find(&rule.id)?;
        Some(GroupRule { id, protocol: rule.protocol, ports: rule.ports, peer })
    }

    fn nat_gateways(&self, fabric: &mut Fabric) {
        for gateway in &self.network.nat_gateways {
            let registry = self.registry;
            let (Some(index), Some(vpc)) = (registry.nats.find(&gateway.id), registry.vpcs.find(&gateway.vpc)) else {
                continue;
            };
            let site = match &gateway.placement {
                Placement::Zonal { subnet, interface } => registry
                    .subnets
                    .find(subnet)
                    .zip(registry.enis.find(interface))
                    .map(|(subnet, eni)| NatSite::Zonal { subnet, eni }),
                Placement::Regional { route_table } => {
                    registry.tables.find(route_table).map(|table| NatSite::Regional { table })
                }
            };
            let Some(site) = site else { continue };
            match site {
                NatSite::Zonal { eni, .. } => {
                    if let Some(Some(interface)) = fabric.enis.get_mut(usize::from(eni)) {
                        interface.nat = Some(index);
                        interface.filtered = false;
                    }
                }
                NatSite::Regional { .. } => {
                    for address in &gateway.addresses {
                        let holder = Holder::Regional(index);
                        let owner = PublicAddress { vpc, private: address.translated, holder };
                        fabric.public.insert(address.translated, owner);
                    }
                }
            }
            fabric.nats[usize::from(index)] = Some(Nat {
                vpc,
                site,
                addresses: gateway.addresses.iter().map(|address| address.translated).collect(),
                zones: gateway.addresses.iter().map(|it| it.zone.as_deref().and_then(|zone| self.zone(zone))).collect(),
                available: gateway.available,
            });
        }
    }

    fn acls(&self, fabric: &mut Fabric) {
        for acl in &self.network.network_acls {
            let Some(index) = self.registry.acls.find(&acl.id) else { continue };
            let rules = |entries: &[AclEntry]| {
                let entries = entries.iter().map(|entry| AclRule {
                    number: entry.number,
                    action: entry.action,
                    protocol: entry.protocol,
                    ports: entry.ports,
                    net: entry.cidr,
                });
                AclRules::new(entries.collect())
            };
            fabric.acls[usize::from(index)] = Some(Acl { ingress: rules(&acl.ingress), egress: rules(&acl.egress) });
        }
    }

    fn tables(&self, fabric: &mut Fabric) {
        for table in &self.network.route_tables {
            let Some(index) = self.registry.tables.find(&table.id) else { continue };
            fabric.tables[usize::from(index)] = Some(self.routes(fabric, &table.routes));
        }
    }

    /// The tables of gateways (2.15), and the public blocks that they lead into the VPC (2.18).
    fn gateway_tables(&self, fabric: &mut Fabric) {
        for table in &self.network.gateway_route_tables {
            let Some(index) = self.registry.tables.find(&table.id) else { continue };
            fabric.tables[usize::from(index)] = Some(self.routes(fabric, &table.routes));
            if is_edge(&table.gateway) {
                if let Some(edge) = self.registry.edges.find(&table.gateway) {
                    fabric.edge_tables.insert(edge, index);
                }
                continue;
            }
            let Some(igw) = self.registry.igws.find(&table.gateway) else { continue };
            let Some(Some(gateway)) = fabric.igws.get_mut(usize::from(igw)) else { continue };
            gateway.table = Some(index);
            let Some(vpc) = gateway.vpc else { continue };
            let cidrs = fabric.vpc(vpc).map(|vpc| vpc.cidrs.clone()).unwrap_or_default();
            let outside = table.routes.iter().filter_map(|route| match route.destination {
                Destination::Cidr(net) if !cidrs.iter().any(|cidr| cidr.contains(&net)) => Some(net.trunc()),
                _ => None,
            });
            fabric.pools.extend(outside.map(|net| (net, vpc, igw)));
        }
    }

    fn routes(&self, fabric: &Fabric, routes: &[Route]) -> RouteTable {
        let local: Vec<IpNet> = routes
            .iter()
            .filter_map(|route| match (&route.target, &route.destination) {
                (Target::Local, Destination::Cidr(net)) => Some(*net),
                _ => None,
            })
            .collect();
        let mut routes: Vec<_> = routes.iter().collect();
        // Static block, then static prefix list, then propagated (2.4); of two lists the lower id (2.4.5).
        routes.sort_by_key(|route| {
            let propagated = route.route_origin == RouteOrigin::Propagated;
            let list = match &route.destination {
                Destination::Cidr(_) => None,
                Destination::PrefixList(id) => Some(id.clone()),
            };
            (propagated, list)
        });
        let mut compiled = RouteTable::default();
        for route in routes {
            let next = if route.active { self.next_hop(fabric, &route.target) } else { NextHop::Blackhole };
            let nets = match &route.destination {
                Destination::Cidr(net) => vec![*net],
                Destination::PrefixList(id) => self.prefix_list(id),
            };
            // As AWS does with host bits (1.2).
            for net in nets.into_iter().map(|net| net.trunc()) {
                // Propagated routes lose to local even when they are more specific (2.4.2).
                let loses =
                    route.route_origin == RouteOrigin::Propagated && local.iter().any(|local| local.contains(&net));
                if !loses {
                    compiled.insert(net, next);
                }
            }
        }
        compiled
    }

    fn next_hop(&self, fabric: &Fabric, target: &Target) -> NextHop {
        let registry = self.registry;
        let hop = match target {
            Target::Local => Some(NextHop::Local),
            Target::InternetGateway(id) => {
                let attached =
                    registry.igws.find(id).filter(|index| fabric.igw(*index).is_some_and(|igw| igw.vpc.is_some()));
                attached.map(NextHop::InternetGateway)
            }
            Target::EgressOnlyInternetGateway(id) => registry.eigws.find(id).map(NextHop::EgressOnly),
            Target::NatGateway(id) => registry.nats.find(id).map(NextHop::NatGateway),
            Target::NetworkInterface(id) => registry.enis.find(id).map(NextHop::Interface),
            Target::VpcEndpoint(id) => registry.endpoints.find(id).map(NextHop::Endpoint),
            Target::Edge(id) => registry.edges.find(id).map(NextHop::Edge),
            Target::Missing(_) => None,
        };
        hop.unwrap_or(NextHop::Blackhole)
    }
}
