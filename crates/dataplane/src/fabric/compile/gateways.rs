//! Gateways and endpoints.

use std::sync::Arc;

use vpcemu_model::{EndpointKind as Model, Placement};

use super::Compiler;
use crate::fabric::{Eigw, Endpoint, EndpointKind, Fabric, Holder, Igw, Nat, NatSite, PublicAddress};

impl Compiler<'_> {
    pub(super) fn gateways(&self, fabric: &mut Fabric) {
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
    }

    /// Endpoints. Interfaces are there already.
    pub(super) fn endpoints(&self, fabric: &mut Fabric) {
        let registry = self.registry;
        for endpoint in &self.network.vpc_endpoints {
            let index = registry.endpoints.find(&endpoint.id);
            let (Some(index), Some(vpc)) = (index, registry.vpcs.find(&endpoint.vpc)) else { continue };
            let kind = match &endpoint.kind {
                Model::Gateway { prefix_list } => {
                    let prefixes =
                        prefix_list.as_ref().map_or_else(Arc::default, |list| Arc::clone(self.prefix_list(list)));
                    Some(EndpointKind::Gateway { prefixes, tracked: is_dynamodb(&endpoint.service) })
                }
                Model::Interface { interfaces, udp } => {
                    for eni in interfaces.iter().filter_map(|id| registry.enis.find(id)) {
                        if let Some(Some(interface)) = fabric.enis.get_mut(usize::from(eni)) {
                            interface.endpoint = Some(index);
                        }
                    }
                    Some(EndpointKind::Interface { udp: *udp })
                }
                Model::GatewayLoadBalancer { interface } => registry.enis.find(interface).and_then(|eni| {
                    let subnet = fabric.eni(eni)?.subnet;
                    Some(EndpointKind::LoadBalancer { eni, subnet })
                }),
            };
            fabric.endpoints[usize::from(index)] = kind.map(|kind| Endpoint { vpc, kind });
        }
    }

    pub(super) fn nat_gateways(&self, fabric: &mut Fabric) {
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
}

/// `dynamodb`, or `com.amazonaws.us-east-1.dynamodb`.
fn is_dynamodb(service: &str) -> bool {
    service.rsplit('.').next() == Some("dynamodb")
}
