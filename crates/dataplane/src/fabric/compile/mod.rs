//! From the model to the fabric: ids become indices, rules and routes tables, addresses maps.

mod gateways;
mod groups;
mod names;
mod neighbors;
mod routes;

use std::sync::Arc;

use ipnet::IpNet;
use smallvec::SmallVec;
use vpcemu_model::{AclEntry, BlockMode, ExclusionMode, Id, InterfaceKind, Network, NetworkInterface, Target};

use super::delegated::Delegated;
use super::places::Places;
use super::rules::AclRule;
use super::{
    Acl, AclRules, Eni, EniTimers, Fabric, FixedMap, Holder, PublicAccess, PublicAddress, Subnet, Vpc, Zone, address,
};
use crate::index::{EniIx, Registry};
use groups::Groups;
use names::Names;

/// The configurations of a run in the order in which they come into force, compiled with one registry of names.
#[derive(Debug)]
pub struct Timeline {
    fabrics: Vec<Arc<Fabric>>,
    registry: Arc<Registry>,
    limits_connections: bool,
}

impl Timeline {
    /// Compiles one network, or several that follow each other. The networks have passed validation: what dangles all
    /// the same matches nothing.
    pub fn compile<'a>(networks: impl IntoIterator<Item = &'a Network> + Clone) -> Self {
        let mut registry = Registry::default();
        for network in networks.clone() {
            register(&mut registry, network);
        }
        let fabrics: Vec<_> = networks.into_iter().map(|network| Arc::new(compile(&registry, network))).collect();
        let limit = |fabric: &Arc<Fabric>| fabric.behavior.security_group.connections_per_instance;
        let limits_connections = fabrics.iter().any(|fabric| limit(fabric).is_some());
        Self { fabrics, registry: Arc::new(registry), limits_connections }
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

    /// Whether any configuration of the run limits how many connections an instance tracks (6.19): those of the ones before
    /// it count too.
    pub fn limits_connections(&self) -> bool {
        self.limits_connections
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
        if is_edge(network, &table.gateway) {
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
        if let Some(host) = host(interface) {
            registry.hosts.intern(host);
        }
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
        registry.endpoints.intern(&endpoint.id);
    }
    neighbors::register(registry, network);
}

/// What has the connection table of an interface (6.19): its instance, or an instance that the configuration does not name.
fn host(interface: &NetworkInterface) -> Option<&Id> {
    let runs = interface.kind == InterfaceKind::Interface;
    interface.instance.as_ref().or_else(|| runs.then_some(&interface.id))
}

/// Whether a gateway with a table is a way out of the model: a virtual private gateway, which need not be described.
fn is_edge(network: &Network, gateway: &Id) -> bool {
    network.internet_gateways.iter().all(|internet| internet.id != *gateway)
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
        edges: slots(registry.edges.len()),
        owners: FixedMap::default(),
        delegated: Delegated::default(),
        by_address: FixedMap::default(),
        public: FixedMap::default(),
        private: FixedMap::default(),
        edge_tables: FixedMap::default(),
        nat_returns: FixedMap::default(),
        pools: Vec::new(),
        places: Places::default(),
        behavior: network.behavior.clone(),
    };
    let names = Names::of(network);
    let groups = Groups::new(registry, network, &names);
    let compiler = Compiler { registry, network, names, groups };
    compiler.vpcs(&mut fabric);
    compiler.gateways(&mut fabric);
    compiler.interfaces(&mut fabric);
    compiler.nat_gateways(&mut fabric);
    compiler.endpoints(&mut fabric);
    compiler.neighbors(&mut fabric);
    compiler.nat_returns(&mut fabric);
    compiler.acls(&mut fabric);
    compiler.tables(&mut fabric);
    compiler.gateway_tables(&mut fabric);
    fabric.places = Places::of(&fabric);
    fabric
}

struct Compiler<'a> {
    registry: &'a Registry,
    network: &'a Network,
    names: Names<'a>,
    groups: Groups,
}

impl Compiler<'_> {
    fn prefix_list(&self, id: &Id) -> &Arc<[IpNet]> {
        self.names.prefix_list(id)
    }

    fn zone(&self, name: &str) -> Option<Zone> {
        self.names.zone(name)
    }

    /// The exclusion of a subnet goes before that of its VPC (3.15).
    fn public_access(&self, subnet: Option<&Id>, vpc: &Id) -> PublicAccess {
        let of = |scope: &Id| self.names.exclusion(scope);
        let exclusion = subnet.and_then(of).or_else(|| of(vpc));
        match (self.network.block_public_access.mode, exclusion) {
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
            let igw = self.names.internet_gateway(&vpc.id).and_then(|igw| self.registry.igws.find(igw));
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

    fn interfaces(&self, fabric: &mut Fabric) {
        let mut delegated = Vec::new();
        for interface in &self.network.interfaces {
            let Some(index) = self.registry.enis.find(&interface.id) else { continue };
            let Some(subnet_ix) = self.registry.subnets.find(&interface.subnet) else { continue };
            let Some(vpc) = fabric.subnet(subnet_ix).map(|subnet| subnet.vpc) else { continue };
            let groups = interface.security_groups.iter();
            let groups: SmallVec<[_; 2]> = groups.filter_map(|id| self.groups.find(self.registry, id)).collect();
            let (inbound, outbound) = self.groups.union(&groups);
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
            delegated.extend(interface.prefixes.iter().map(|prefix| (vpc, *prefix, index)));
            let set = interface.connection_tracking;
            let defaults = EniTimers::DEFAULT;
            // An interface of an instance always has a group; only requester-managed ones may have none (6.30).
            let routed =
                matches!(interface.kind, InterfaceKind::TransitGateway | InterfaceKind::GatewayLoadBalancerEndpoint);
            let filtered = interface.kind != InterfaceKind::NatGateway
                && !routed
                && !(matches!(interface.kind, InterfaceKind::Hyperplane | InterfaceKind::Other) && groups.is_empty());
            fabric.enis[usize::from(index)] = Some(Eni {
                subnet: subnet_ix,
                vpc,
                host: host(interface).and_then(|host| self.registry.hosts.find(host)),
                addresses: interface.addresses().collect(),
                prefixes: interface.prefixes.clone(),
                groups,
                ingress: inbound,
                egress: outbound,
                filtered,
                source_dest_check: interface.source_dest_check,
                forward: interface.forward.filter(|_| !interface.source_dest_check),
                in_use: interface.in_use,
                endpoint: None,
                hyperplane: interface.kind == InterfaceKind::Hyperplane,
                listens: !routed,
                nat: None,
                deny_all_igw_traffic: interface.deny_all_igw_traffic,
                timers: EniTimers {
                    tcp_established: set.tcp_established.unwrap_or(defaults.tcp_established),
                    udp: set.udp.unwrap_or(defaults.udp),
                    udp_stream: set.udp_stream.unwrap_or(defaults.udp_stream),
                },
            });
        }
        fabric.delegated = Delegated::new(delegated);
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
}
