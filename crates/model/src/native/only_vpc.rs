//! One VPC out of several.

use crate::{Id, Kind, Network};

impl Network {
    /// Only one VPC, by id or name, with all that belongs to it. Prefix lists belong to none and stay; without a VPC of
    /// that name little else does.
    #[must_use]
    pub fn only_vpc(mut self, id_or_name: &str) -> Self {
        let id = Id::of(Kind::Vpc, id_or_name);
        self.vpcs.retain(|vpc| vpc.id == id || vpc.name.as_deref() == Some(id_or_name));
        let kept: Vec<Id> = self.vpcs.iter().map(|vpc| vpc.id.clone()).collect();
        self.subnets.retain(|subnet| kept.contains(&subnet.vpc));
        let subnets: Vec<Id> = self.subnets.iter().map(|subnet| subnet.id.clone()).collect();
        self.route_tables.retain(|table| kept.contains(&table.vpc));
        self.gateway_route_tables.retain(|table| kept.contains(&table.vpc));
        self.block_public_access.exclusions.retain(|it| kept.contains(&it.scope) || subnets.contains(&it.scope));
        self.network_acls.retain(|acl| kept.contains(&acl.vpc));
        self.security_groups.retain(|group| kept.contains(&group.vpc));
        self.interfaces.retain(|interface| subnets.contains(&interface.subnet));
        let instances: Vec<Id> = self.interfaces.iter().filter_map(|interface| interface.instance.clone()).collect();
        self.instances.retain(|instance| instances.contains(&instance.id));
        self.internet_gateways.retain(|gateway| gateway.vpc.as_ref().is_some_and(|vpc| kept.contains(vpc)));
        self.egress_only_internet_gateways.retain(|gateway| kept.contains(&gateway.vpc));
        self.nat_gateways.retain(|gateway| kept.contains(&gateway.vpc));
        self.vpc_endpoints.retain(|endpoint| kept.contains(&endpoint.vpc));
        self
    }
}
