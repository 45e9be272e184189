use std::collections::HashMap;

use serde::Serialize;

use crate::{
    Behavior, BlockPublicAccess, EgressOnlyInternetGateway, FlowLog, GatewayRouteTable, Id, Instance, InternetGateway,
    NatGateway, NetworkAcl, NetworkInterface, PrefixList, RouteTable, SecurityGroup, Subnet, TransitGateway, Vpc,
    VpcEndpoint, VpcPeeringConnection, VpnGateway,
};

/// Everything a configuration describes. Order is that of the source, so that outputs are stable.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Network {
    /// VPCs.
    pub vpcs: Vec<Vpc>,
    /// Subnets of all VPCs.
    pub subnets: Vec<Subnet>,
    /// Route tables, main ones included.
    pub route_tables: Vec<RouteTable>,
    /// Route tables of gateways.
    pub gateway_route_tables: Vec<GatewayRouteTable>,
    /// Network ACLs, default ones included.
    pub network_acls: Vec<NetworkAcl>,
    /// Security groups, default ones included.
    pub security_groups: Vec<SecurityGroup>,
    /// Prefix lists of customers and of AWS.
    pub prefix_lists: Vec<PrefixList>,
    /// Network interfaces, those of NAT gateways and endpoints included.
    pub interfaces: Vec<NetworkInterface>,
    /// Instances.
    pub instances: Vec<Instance>,
    /// Internet gateways.
    pub internet_gateways: Vec<InternetGateway>,
    /// Egress-only internet gateways.
    pub egress_only_internet_gateways: Vec<EgressOnlyInternetGateway>,
    /// NAT gateways.
    pub nat_gateways: Vec<NatGateway>,
    /// Endpoints of all kinds.
    pub vpc_endpoints: Vec<VpcEndpoint>,
    /// Peering connections.
    pub vpc_peering_connections: Vec<VpcPeeringConnection>,
    /// Transit gateways.
    pub transit_gateways: Vec<TransitGateway>,
    /// Virtual private gateways.
    pub vpn_gateways: Vec<VpnGateway>,
    /// Flow log definitions.
    pub flow_logs: Vec<FlowLog>,
    /// VPC Block Public Access.
    pub block_public_access: BlockPublicAccess,
    /// Knobs for what AWS does not document.
    pub behavior: Behavior,
    /// What was guessed while reading.
    pub assumptions: Vec<Assumption>,
}

/// Something guessed: a missing file, an unknown id, a behaviour that the model leaves out.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Assumption {
    /// A stable code in capitals.
    pub code: String,
    /// The resource or file it is about.
    pub place: String,
    /// One sentence.
    pub text: String,
}

impl Network {
    /// The VPC with this id.
    pub fn vpc(&self, id: &Id) -> Option<&Vpc> {
        self.vpcs.iter().find(|vpc| vpc.id == *id)
    }

    /// The subnet with this id.
    pub fn subnet(&self, id: &Id) -> Option<&Subnet> {
        self.subnets.iter().find(|subnet| subnet.id == *id)
    }

    /// The interface with this id.
    pub fn interface(&self, id: &Id) -> Option<&NetworkInterface> {
        self.interfaces.iter().find(|interface| interface.id == *id)
    }

    /// Members of each security group, by group.
    pub fn members(&self) -> HashMap<&Id, Vec<&NetworkInterface>> {
        let mut members: HashMap<&Id, Vec<&NetworkInterface>> = HashMap::new();
        for interface in &self.interfaces {
            for group in &interface.security_groups {
                members.entry(group).or_default().push(interface);
            }
        }
        members
    }
}
