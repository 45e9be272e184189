//! Lookup by id: a configuration may hold thousands of interfaces, each with several references.

use std::collections::{HashMap, HashSet};

use ipnet::IpNet;

use crate::{
    AttachmentKind, EgressOnlyInternetGateway, Id, Instance, InternetGateway, NatGateway, Network, NetworkAcl,
    NetworkInterface, PrefixList, RouteTable, SecurityGroup, Subnet, TransitGateway, Vpc, VpcEndpoint,
    VpcPeeringConnection, VpnGateway,
};

/// A network with its resources by id; of duplicates the first counts, as in [`Network::vpc`] and its siblings.
pub(super) struct Index<'a> {
    pub(super) network: &'a Network,
    pub(super) vpcs: HashMap<&'a Id, &'a Vpc>,
    pub(super) subnets: HashMap<&'a Id, &'a Subnet>,
    /// The blocks of subnets, truncated, with their VPCs.
    subnet_blocks: HashSet<(&'a Id, IpNet)>,
    pub(super) route_tables: HashMap<&'a Id, &'a RouteTable>,
    pub(super) network_acls: HashMap<&'a Id, &'a NetworkAcl>,
    pub(super) security_groups: HashMap<&'a Id, &'a SecurityGroup>,
    pub(super) prefix_lists: HashMap<&'a Id, &'a PrefixList>,
    pub(super) interfaces: HashMap<&'a Id, &'a NetworkInterface>,
    pub(super) instances: HashMap<&'a Id, &'a Instance>,
    pub(super) internet_gateways: HashMap<&'a Id, &'a InternetGateway>,
    pub(super) egress_only_internet_gateways: HashMap<&'a Id, &'a EgressOnlyInternetGateway>,
    pub(super) nat_gateways: HashMap<&'a Id, &'a NatGateway>,
    pub(super) vpc_endpoints: HashMap<&'a Id, &'a VpcEndpoint>,
    pub(super) vpc_peering_connections: HashMap<&'a Id, &'a VpcPeeringConnection>,
    pub(super) transit_gateways: HashMap<&'a Id, &'a TransitGateway>,
    pub(super) vpn_gateways: HashMap<&'a Id, &'a VpnGateway>,
    /// Transit gateways with the VPCs that are attached to them.
    attached: HashSet<(&'a Id, &'a Id)>,
}

impl<'a> Index<'a> {
    pub(super) fn new(network: &'a Network) -> Self {
        Self {
            network,
            vpcs: by_id(&network.vpcs, |it| &it.id),
            subnets: by_id(&network.subnets, |it| &it.id),
            subnet_blocks: network.subnets.iter().flat_map(blocks).collect(),
            route_tables: by_id(&network.route_tables, |it| &it.id),
            network_acls: by_id(&network.network_acls, |it| &it.id),
            security_groups: by_id(&network.security_groups, |it| &it.id),
            prefix_lists: by_id(&network.prefix_lists, |it| &it.id),
            interfaces: by_id(&network.interfaces, |it| &it.id),
            instances: by_id(&network.instances, |it| &it.id),
            internet_gateways: by_id(&network.internet_gateways, |it| &it.id),
            egress_only_internet_gateways: by_id(&network.egress_only_internet_gateways, |it| &it.id),
            nat_gateways: by_id(&network.nat_gateways, |it| &it.id),
            vpc_endpoints: by_id(&network.vpc_endpoints, |it| &it.id),
            vpc_peering_connections: by_id(&network.vpc_peering_connections, |it| &it.id),
            transit_gateways: by_id(&network.transit_gateways, |it| &it.id),
            vpn_gateways: by_id(&network.vpn_gateways, |it| &it.id),
            attached: network.transit_gateways.iter().flat_map(attached).collect(),
        }
    }

    /// Whether a block is the whole one of a subnet of `vpc`.
    pub(super) fn is_of_subnet(&self, vpc: &Id, block: IpNet) -> bool {
        self.subnet_blocks.contains(&(vpc, block.trunc()))
    }

    /// Whether a VPC is attached to a transit gateway.
    pub(super) fn is_attached(&self, gateway: &Id, vpc: &Id) -> bool {
        self.attached.contains(&(gateway, vpc))
    }

    /// The VPC that an interface is in, by its subnet.
    pub(super) fn vpc_of_interface(&self, interface: &NetworkInterface) -> Option<&'a Id> {
        self.vpc_of_subnet(&interface.subnet)
    }

    /// The VPC that a subnet divides, whether that VPC is known or not.
    pub(super) fn vpc_of_subnet(&self, subnet: &Id) -> Option<&'a Id> {
        self.subnets.get(subnet).map(|subnet| &subnet.vpc)
    }
}

fn blocks(subnet: &Subnet) -> impl Iterator<Item = (&Id, IpNet)> {
    subnet.cidrs.iter().map(|block| (&subnet.vpc, block.trunc()))
}

fn attached(gateway: &TransitGateway) -> impl Iterator<Item = (&Id, &Id)> {
    gateway.attachments.iter().filter_map(|attachment| match &attachment.kind {
        AttachmentKind::Vpc(of) => Some((&gateway.id, &of.vpc)),
        AttachmentKind::Outside { .. } => None,
    })
}

fn by_id<'a, T>(items: &'a [T], id: impl Fn(&'a T) -> &'a Id) -> HashMap<&'a Id, &'a T> {
    let mut map = HashMap::with_capacity(items.len());
    for item in items {
        map.entry(id(item)).or_insert(item);
    }
    map
}
