//! Route tables of subnets and gateways.

use ipnet::IpNet;
use vpcemu_model::{Destination, Id, Route, RouteOrigin, Target};

use super::{Compiler, is_edge};
use crate::fabric::{Endpoint, EndpointKind, Fabric, NextHop, RouteTable};
use crate::index::VpcIx;

impl Compiler<'_> {
    pub(super) fn tables(&self, fabric: &mut Fabric) {
        for table in &self.network.route_tables {
            let Some(index) = self.registry.tables.find(&table.id) else { continue };
            fabric.tables[usize::from(index)] = Some(self.routes(fabric, &table.vpc, &table.routes));
        }
    }

    /// The tables of gateways (2.15), and the public blocks that they lead into the VPC (2.18).
    pub(super) fn gateway_tables(&self, fabric: &mut Fabric) {
        for table in &self.network.gateway_route_tables {
            let Some(index) = self.registry.tables.find(&table.id) else { continue };
            fabric.tables[usize::from(index)] = Some(self.routes(fabric, &table.vpc, &table.routes));
            if is_edge(self.network, &table.gateway) {
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

    fn routes(&self, fabric: &Fabric, vpc: &Id, routes: &[Route]) -> RouteTable {
        let vpc = self.registry.vpcs.find(vpc);
        let own = vpc.and_then(|vpc| fabric.vpc(vpc)).map_or(&[][..], |vpc| &vpc.cidrs);
        let mut routes: Vec<_> = routes.iter().collect();
        routes.sort_by_cached_key(|route| precedence(&route.destination, route.route_origin));
        let mut compiled = Vec::new();
        for route in routes {
            let next = if route.active { self.next_hop(fabric, vpc, &route.target) } else { NextHop::Blackhole };
            for net in self.blocks(&route.destination) {
                // Propagated routes lose to the VPC's own blocks even when they are more specific, wherever those lead (2.4.2).
                let loses = route.route_origin == RouteOrigin::Propagated && own.iter().any(|own| own.contains(&net));
                if !loses {
                    compiled.push((net, next));
                }
            }
        }
        RouteTable::new(compiled)
    }

    /// What a route covers, without host bits, as AWS takes it (1.2).
    pub(super) fn blocks<'d>(&'d self, destination: &'d Destination) -> impl Iterator<Item = IpNet> + 'd {
        let nets = match destination {
            Destination::Cidr(net) => std::slice::from_ref(net),
            Destination::PrefixList(id) => self.prefix_list(id),
        };
        nets.iter().map(IpNet::trunc)
    }

    fn next_hop(&self, fabric: &Fabric, vpc: Option<VpcIx>, target: &Target) -> NextHop {
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
            // An interface endpoint is no target of routes.
            Target::VpcEndpoint(id) => {
                let routed = |of: &Endpoint| !matches!(of.kind, EndpointKind::Interface { .. });
                let found = registry.endpoints.find(id).filter(|index| fabric.endpoint(*index).is_some_and(routed));
                found.map(NextHop::Endpoint)
            }
            Target::VpcPeeringConnection(id)
            | Target::TransitGateway(id)
            | Target::VpnGateway(id)
            | Target::Edge(id) => self.neighbor(fabric, vpc, id).map(NextHop::Edge),
            Target::Missing(_) => None,
        };
        hop.unwrap_or(NextHop::Blackhole)
    }
}

/// What comes first of routes for one block: a static block, then a static prefix list, then what is propagated (2.4); of two
/// lists the one with the lower id (2.4.5).
pub(super) fn precedence(destination: &Destination, origin: RouteOrigin) -> (bool, Option<Id>) {
    let list = match destination {
        Destination::Cidr(_) => None,
        Destination::PrefixList(id) => Some(id.clone()),
    };
    (origin == RouteOrigin::Propagated, list)
}
