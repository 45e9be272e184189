use std::net::Ipv4Addr;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{Id, Origin};

/// An internet gateway, attached to at most one VPC (semantics 3.x).
#[derive(Clone, Debug, PartialEq)]
pub struct InternetGateway {
    /// `igw-...`
    pub id: Id,
    /// The VPC it is attached to.
    pub vpc: Option<Id>,
    /// Where it was defined.
    pub origin: Origin,
}

/// An egress-only internet gateway (semantics 5.x).
#[derive(Clone, Debug, PartialEq)]
pub struct EgressOnlyInternetGateway {
    /// `eigw-...`
    pub id: Id,
    /// The VPC it is attached to.
    pub vpc: Id,
    /// Where it was defined.
    pub origin: Origin,
}

/// A NAT gateway (semantics 4.x).
#[derive(Clone, Debug, PartialEq)]
pub struct NatGateway {
    /// `nat-...`
    pub id: Id,
    /// Its name, for people.
    pub name: Option<String>,
    /// The VPC it belongs to.
    pub vpc: Id,
    /// Where in the VPC it stands.
    pub placement: Placement,
    /// Public or private; regional ones are public (4.1).
    pub connectivity: Connectivity,
    /// The primary one first: 1 to 8 of a zonal gateway (4.2), 1 to 32 per availability zone of a regional one (4.4).
    pub addresses: Vec<NatAddress>,
    /// False when its state is not `available`: it drops everything (4.9).
    pub available: bool,
    /// Where it was defined.
    pub origin: Origin,
}

impl NatGateway {
    /// The subnet of a zonal gateway.
    pub fn subnet(&self) -> Option<&Id> {
        match &self.placement {
            Placement::Zonal { subnet, .. } => Some(subnet),
            Placement::Regional { .. } => None,
        }
    }

    /// The interface of a zonal gateway.
    pub fn interface(&self) -> Option<&Id> {
        match &self.placement {
            Placement::Zonal { interface, .. } => Some(interface),
            Placement::Regional { .. } => None,
        }
    }
}

/// Where a NAT gateway stands (4.1).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Placement {
    /// In one subnet.
    Zonal {
        /// The subnet its interface is in.
        subnet: Id,
        /// Its interface; made from the gateway's id (`eni-nat`) where the configuration has none. It is also in
        /// [`crate::Network::interfaces`].
        interface: Id,
    },
    /// In no subnet: no interface and no network ACL of its own (4.4).
    Regional {
        /// Its own route table.
        route_table: Id,
    },
}

/// Whether a NAT gateway has public addresses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Connectivity {
    /// With an elastic IP per private address; the internet gateway maps one to the other (4.3).
    Public,
    /// Private addresses only.
    Private,
}

/// One address of a NAT gateway.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NatAddress {
    /// The address that the gateway translates to: private of a zonal gateway (4.3), of a regional one the public address
    /// itself (4.4).
    pub translated: Ipv4Addr,
    /// The elastic IP that the internet gateway maps it to; of a regional gateway the same address once more.
    pub public: Option<Ipv4Addr>,
    /// The availability zone that a regional gateway uses it in (4.4).
    pub zone: Option<String>,
}

/// VPC Block Public Access, which holds for a whole account in a region (3.15).
#[derive(Clone, Debug, Default, PartialEq)]
pub struct BlockPublicAccess {
    /// What the internet and egress-only gateways refuse.
    pub mode: BlockMode,
    /// What is excepted.
    pub exclusions: Vec<BlockExclusion>,
}

/// The mode of [`BlockPublicAccess`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum BlockMode {
    /// Nothing.
    #[default]
    Off,
    /// Everything, both ways.
    BlockBidirectional,
    /// Everything but what NAT gateways and egress-only gateways carry.
    BlockIngress,
}

/// An exception from [`BlockPublicAccess`].
#[derive(Clone, Debug, PartialEq)]
pub struct BlockExclusion {
    /// A VPC or a subnet.
    pub scope: Id,
    /// What is allowed there.
    pub allows: ExclusionMode,
    /// Where it was defined.
    pub origin: Origin,
}

/// What an exception from [`BlockPublicAccess`] allows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum ExclusionMode {
    /// Everything, as if nothing were blocked.
    AllowBidirectional,
    /// What `block-ingress` would let pass.
    AllowEgress,
}

/// A VPC endpoint (semantics 10.1-10.16).
#[derive(Clone, Debug, PartialEq)]
pub struct VpcEndpoint {
    /// `vpce-...`
    pub id: Id,
    /// Its name, for people.
    pub name: Option<String>,
    /// The VPC it serves.
    pub vpc: Id,
    /// `s3`, or `com.amazonaws.us-east-1.s3`.
    pub service: String,
    /// How it is reached.
    pub kind: EndpointKind,
    /// Where it was defined.
    pub origin: Origin,
}

/// How an endpoint is reached.
#[derive(Clone, Debug, PartialEq)]
pub enum EndpointKind {
    /// By routes to the service's prefix list (10.1).
    Gateway {
        /// The service's prefix list; `None` when the configuration has no blocks for it.
        prefix_list: Option<Id>,
    },
    /// By network interfaces in subnets (10.7).
    Interface {
        /// The endpoint's interfaces, which are also in [`crate::Network::interfaces`].
        interfaces: Vec<Id>,
        /// Whether the service listens on UDP; TCP it always does (10.11).
        udp: bool,
    },
    /// By routes to a Gateway Load Balancer's appliances, which send packets back as they were (10.14).
    GatewayLoadBalancer {
        /// The endpoint's interface, which is also in [`crate::Network::interfaces`].
        interface: Id,
    },
}
