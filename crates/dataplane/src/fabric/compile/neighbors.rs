//! Peering connections, transit gateways and virtual private gateways.

use std::collections::HashMap;
use std::net::IpAddr;

use smallvec::SmallVec;
use vpcemu_model::{
    AttachmentKind, Id, PeeredVpc, RouteOrigin, Target, TransitGateway as ModelTransitGateway, TransitGatewayRoute,
    TransitGatewayRouteTable, VpcAttachment,
};

use super::Compiler;
use super::routes::precedence;
use crate::fabric::{
    Attached, AttachedVpc, Attachment, Fabric, NatReturn, Neighbor, NextHop, PeeredSide, Peering, RouteTable,
    TransitGateway, VpnGateway,
};
use crate::index::{EdgeIx, Registry, VpcIx};

/// Gives every neighbour that a network describes its index, and the tables of transit gateways theirs.
pub(super) fn register(registry: &mut Registry, network: &vpcemu_model::Network) {
    for peering in &network.vpc_peering_connections {
        registry.edges.intern(&peering.id);
    }
    for gateway in &network.transit_gateways {
        registry.edges.intern(&gateway.id);
        for attachment in &gateway.attachments {
            registry.edges.intern(&attachment.id);
        }
        for table in &gateway.route_tables {
            registry.tables.intern(&table.id);
        }
    }
    for gateway in &network.vpn_gateways {
        registry.edges.intern(&gateway.id);
    }
}

impl Compiler<'_> {
    /// Everything but what only routes name. Interfaces are there already.
    pub(super) fn neighbors(&self, fabric: &mut Fabric) {
        for peering in &self.network.vpc_peering_connections {
            let sides = [self.side(&peering.requester), self.side(&peering.accepter)];
            let (inter_region, active) = (peering.inter_region, peering.active);
            self.place(fabric, &peering.id, Neighbor::Peering(Peering { sides, inter_region, active }));
        }
        for gateway in &self.network.transit_gateways {
            self.transit_gateway(fabric, gateway);
        }
        for gateway in &self.network.vpn_gateways {
            let vpc = gateway.vpc.as_ref().and_then(|vpc| self.registry.vpcs.find(vpc));
            let prefixes = gateway.prefixes.clone();
            self.place(fabric, &gateway.id, Neighbor::VpnGateway(VpnGateway { vpc, prefixes }));
        }
        self.undescribed(fabric);
    }

    fn place(&self, fabric: &mut Fabric, id: &Id, neighbor: Neighbor) {
        if let Some(edge) = self.registry.edges.find(id) {
            fabric.edges[usize::from(edge)] = Some(neighbor);
        }
    }

    fn side(&self, side: &PeeredVpc) -> PeeredSide {
        let known = self.names.vpc(&side.vpc);
        let vpc = known.and_then(|vpc| self.registry.vpcs.find(&vpc.id));
        PeeredSide { vpc, cidrs: known.map_or(&side.cidrs, |vpc| &vpc.cidrs).clone() }
    }

    fn transit_gateway(&self, fabric: &mut Fabric, gateway: &ModelTransitGateway) {
        let registry = self.registry;
        let Some(index) = registry.edges.find(&gateway.id) else { return };
        let mut vpcs: SmallVec<[_; 4]> = SmallVec::new();
        for attachment in &gateway.attachments {
            let to = match &attachment.kind {
                AttachmentKind::Outside { medium, prefixes } => {
                    Some(Attached::Outside { medium: *medium, prefixes: prefixes.clone() })
                }
                AttachmentKind::Vpc(of) => self.attached_vpc(fabric, of).map(Attached::Vpc),
            };
            let (Some(to), Some(edge)) = (to, registry.edges.find(&attachment.id)) else { continue };
            if let Attached::Vpc(of) = &to {
                vpcs.push((of.vpc, edge));
            }
            let table = attachment.route_table.as_ref().and_then(|table| registry.tables.find(table));
            let attached = Attachment { gateway: index, table, available: attachment.available, to };
            self.place(fabric, &attachment.id, Neighbor::Attachment(attached));
        }
        // Of two attachments of one VPC, which validation refuses, the first counts: the sort is stable.
        vpcs.sort_by_key(|(vpc, _)| *vpc);
        let security_group_referencing = gateway.security_group_referencing;
        self.place(fabric, &gateway.id, Neighbor::TransitGateway(TransitGateway { security_group_referencing, vpcs }));
        for table in &gateway.route_tables {
            if let Some(index) = registry.tables.find(&table.id) {
                fabric.tables[usize::from(index)] = Some(self.transit_table(gateway, table));
            }
        }
    }

    fn attached_vpc(&self, fabric: &Fabric, of: &VpcAttachment) -> Option<AttachedVpc> {
        let vpc = self.registry.vpcs.find(&of.vpc)?;
        let enis = of.interfaces.iter().filter_map(|id| self.registry.enis.find(id));
        let zone = |eni| Some((fabric.subnet(fabric.eni(eni)?.subnet)?.zone, eni));
        let mut zones: SmallVec<[_; 3]> = enis.filter_map(zone).collect();
        zones.sort_by_key(|(zone, _)| zone.0);
        Some(AttachedVpc {
            vpc,
            zones,
            appliance_mode: of.appliance_mode,
            security_group_referencing: of.security_group_referencing,
            ipv6: of.ipv6,
        })
    }

    /// Static before prefix lists before what is propagated; of that, by what it was learned from (10.22).
    fn transit_table(&self, gateway: &ModelTransitGateway, table: &TransitGatewayRouteTable) -> RouteTable {
        let media: HashMap<&Id, _> = gateway
            .attachments
            .iter()
            .map(|attachment| match &attachment.kind {
                AttachmentKind::Vpc(_) => (&attachment.id, None),
                AttachmentKind::Outside { medium, .. } => (&attachment.id, Some(*medium)),
            })
            .collect();
        let learned_from = |route: &TransitGatewayRoute| media.get(route.attachment.as_ref()?).copied();
        let mut routes: Vec<_> = table.routes.iter().collect();
        routes.sort_by_cached_key(|route| {
            let propagated = route.route_origin == RouteOrigin::Propagated;
            let learned = if propagated { learned_from(route) } else { None };
            (precedence(&route.destination, route.route_origin), learned)
        });
        RouteTable::new(routes.into_iter().flat_map(|route| {
            let attachment = route.attachment.as_ref().and_then(|id| self.registry.edges.find(id));
            let next = attachment.map_or(NextHop::Blackhole, NextHop::Edge);
            self.blocks(&route.destination).map(move |net| (net, next))
        }))
    }

    /// What routes and gateway route tables name without more, with the VPCs whose tables those are.
    fn undescribed(&self, fabric: &mut Fabric) {
        let network = self.network;
        let of_subnets = network.route_tables.iter().map(|table| (&table.vpc, &table.routes));
        let of_gateways = network.gateway_route_tables.iter().map(|table| (&table.vpc, &table.routes));
        let targets = of_subnets.chain(of_gateways).flat_map(|(vpc, routes)| {
            routes.iter().filter_map(move |route| match &route.target {
                Target::Edge(id) => Some((vpc, id)),
                _ => None,
            })
        });
        let gateways = network.gateway_route_tables.iter().map(|table| (&table.vpc, &table.gateway));
        for (vpc, id) in targets.chain(gateways) {
            let (Some(edge), Some(vpc)) = (self.registry.edges.find(id), self.registry.vpcs.find(vpc)) else {
                continue;
            };
            match fabric.edges[usize::from(edge)].get_or_insert_with(|| Neighbor::Unknown(SmallVec::new())) {
                Neighbor::Unknown(vpcs) if !vpcs.contains(&vpc) => vpcs.push(vpc),
                _ => {}
            }
        }
    }

    /// The ways back to NAT gateways of peered VPCs. NAT gateways are there already.
    pub(super) fn nat_returns(&self, fabric: &mut Fabric) {
        let mut returns = Vec::new();
        for peering in &self.network.vpc_peering_connections {
            let Some(edge) = self.registry.edges.find(&peering.id) else { continue };
            let Some(Neighbor::Peering(compiled)) = fabric.edge(edge) else { continue };
            let [Some(one), Some(other)] = [compiled.sides[0].vpc, compiled.sides[1].vpc] else { continue };
            if compiled.active {
                returns.extend([(one, other, edge), (other, one, edge)]);
            }
        }
        for (from, to, peering) in returns {
            let gateways = fabric.nats().filter(|(_, nat)| nat.vpc == to && nat.eni().is_some());
            let ways: Vec<((VpcIx, IpAddr), NatReturn)> = gateways
                .flat_map(|(nat, gateway)| gateway.addresses.iter().map(move |own| (IpAddr::V4(*own), nat)))
                .map(|(own, nat)| ((from, own), NatReturn { peering, nat }))
                .collect();
            fabric.nat_returns.extend(ways);
        }
    }

    /// Where a route to a neighbour leads: nowhere if it is none of the VPC's.
    pub(super) fn neighbor(&self, fabric: &Fabric, vpc: Option<VpcIx>, id: &Id) -> Option<EdgeIx> {
        let edge = self.registry.edges.find(id)?;
        let vpc = vpc?;
        let attached = match fabric.edge(edge)? {
            Neighbor::Unknown(_) => true,
            Neighbor::Peering(peering) => peering.seen_from(vpc).is_some(),
            Neighbor::TransitGateway(gateway) => gateway.attachment(vpc).is_some(),
            Neighbor::VpnGateway(gateway) => gateway.vpc == Some(vpc),
            Neighbor::Attachment(_) => false,
        };
        attached.then_some(edge)
    }
}
