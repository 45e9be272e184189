//! One VPC out of several.

use std::collections::{HashMap, HashSet};

use ipnet::IpNet;

use crate::{AttachmentKind, AttachmentMedium, Id, Kind, LoggedResource, Network, PeeredVpc, TransitGatewayAttachment};

impl Network {
    /// Only one VPC, by id or name, with all that belongs to it. Prefix lists belong to none and stay; without a VPC of
    /// that name little else does.
    #[must_use]
    pub fn only_vpc(mut self, id_or_name: &str) -> Self {
        let id = Id::named(Kind::Vpc, id_or_name);
        let cidrs: HashMap<Id, Vec<IpNet>> = self.vpcs.iter().map(|vpc| (vpc.id.clone(), vpc.cidrs.clone())).collect();
        self.vpcs.retain(|vpc| vpc.id == id || vpc.name.as_deref() == Some(id_or_name));
        let kept: HashSet<Id> = self.vpcs.iter().map(|vpc| vpc.id.clone()).collect();
        self.subnets.retain(|subnet| kept.contains(&subnet.vpc));
        let subnets: HashSet<Id> = self.subnets.iter().map(|subnet| subnet.id.clone()).collect();
        self.route_tables.retain(|table| kept.contains(&table.vpc));
        self.gateway_route_tables.retain(|table| kept.contains(&table.vpc));
        self.block_public_access.exclusions.retain(|it| kept.contains(&it.scope) || subnets.contains(&it.scope));
        self.network_acls.retain(|acl| kept.contains(&acl.vpc));
        for group in &mut self.security_groups {
            let further = std::mem::take(&mut group.further_vpcs).into_iter().filter(|vpc| kept.contains(vpc));
            group.further_vpcs = further.collect();
            // A group that only is shared with the VPC is one of its own then (6.14).
            if !kept.contains(&group.vpc) && !group.further_vpcs.is_empty() {
                group.vpc = group.further_vpcs.remove(0);
            }
        }
        self.security_groups.retain(|group| kept.contains(&group.vpc));
        self.interfaces.retain(|interface| subnets.contains(&interface.subnet));
        let instances: HashSet<Id> =
            self.interfaces.iter().filter_map(|interface| interface.instance.clone()).collect();
        self.instances.retain(|instance| instances.contains(&instance.id));
        self.internet_gateways.retain(|gateway| gateway.vpc.as_ref().is_some_and(|vpc| kept.contains(vpc)));
        self.egress_only_internet_gateways.retain(|gateway| kept.contains(&gateway.vpc));
        self.nat_gateways.retain(|gateway| kept.contains(&gateway.vpc));
        self.vpc_endpoints.retain(|endpoint| kept.contains(&endpoint.vpc));
        self.vpc_peering_connections.retain(|it| [&it.requester, &it.accepter].iter().any(|of| kept.contains(&of.vpc)));
        for peering in &mut self.vpc_peering_connections {
            remember_blocks(&mut peering.requester, &cidrs);
            remember_blocks(&mut peering.accepter, &cidrs);
        }
        for gateway in &mut self.transit_gateways {
            gateway.attachments.iter_mut().for_each(|attachment| leave_out(attachment, &kept, &cidrs));
        }
        self.vpn_gateways.retain(|gateway| gateway.vpc.as_ref().is_some_and(|vpc| kept.contains(vpc)));
        let interfaces: HashSet<&Id> = self.interfaces.iter().map(|interface| &interface.id).collect();
        self.flow_logs.retain(|log| match &log.resource {
            LoggedResource::Vpc(vpc) => kept.contains(vpc),
            LoggedResource::Subnet(subnet) => subnets.contains(subnet),
            LoggedResource::NetworkInterface(interface) => interfaces.contains(interface),
            // Transit gateways stay, with all that is attached to them.
            LoggedResource::TransitGateway(_) | LoggedResource::TransitGatewayAttachment(_) => true,
        });
        self
    }
}

/// The other side of a peering connection is outside now, and known by its blocks.
fn remember_blocks(side: &mut PeeredVpc, cidrs: &HashMap<Id, Vec<IpNet>>) {
    if let Some(blocks) = cidrs.get(&side.vpc) {
        side.cidrs.clone_from(blocks);
    }
}

/// Another VPC at a transit gateway is outside now. Like one, a Connect attachment hears of packets that are too large.
fn leave_out(attachment: &mut TransitGatewayAttachment, kept: &HashSet<Id>, cidrs: &HashMap<Id, Vec<IpNet>>) {
    if let AttachmentKind::Vpc(of) = &attachment.kind
        && !kept.contains(&of.vpc)
    {
        let blocks = cidrs.get(&of.vpc).into_iter().flatten();
        let prefixes = blocks.filter(|net| of.ipv6 || net.addr().is_ipv4()).copied().collect();
        attachment.kind = AttachmentKind::Outside { medium: AttachmentMedium::Connect, prefixes };
    }
}
