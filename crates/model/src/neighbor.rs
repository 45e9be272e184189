//! What a VPC is connected to besides the internet: peered VPCs, transit gateways, virtual private gateways (semantics
//! 10.17-10.30).

use ipnet::IpNet;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{Destination, Id, Origin, RouteOrigin};

/// A peering connection of two VPCs (semantics 10.17-10.20).
#[derive(Clone, Debug, PartialEq)]
pub struct VpcPeeringConnection {
    /// `pcx-...`
    pub id: Id,
    /// Its name, for people.
    pub name: Option<String>,
    /// Who asked for it.
    pub requester: PeeredVpc,
    /// Who accepted it.
    pub accepter: PeeredVpc,
    /// Whether the two are in different regions: a smaller MTU, and no references to security groups (10.19).
    pub inter_region: bool,
    /// Whether its status is `active`; else nothing passes (10.18).
    pub active: bool,
    /// Where it was defined.
    pub origin: Origin,
}

impl VpcPeeringConnection {
    /// The other side, as one of the two sees it.
    pub fn peer_of(&self, vpc: &Id) -> Option<&PeeredVpc> {
        if self.requester.vpc == *vpc {
            Some(&self.accepter)
        } else if self.accepter.vpc == *vpc {
            Some(&self.requester)
        } else {
            None
        }
    }
}

/// One side of a peering connection; it need not be in the configuration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PeeredVpc {
    /// `vpc-...`
    pub vpc: Id,
    /// Its blocks as the connection knows them; a VPC of the configuration says itself what it has.
    pub cidrs: Vec<IpNet>,
}

/// A transit gateway (semantics 10.21-10.27).
#[derive(Clone, Debug, PartialEq)]
pub struct TransitGateway {
    /// `tgw-...`
    pub id: Id,
    /// Its name, for people.
    pub name: Option<String>,
    /// Whether references to security groups work through it, where the attachments on both sides say so too (6.11).
    pub security_group_referencing: bool,
    /// What is attached to it.
    pub attachments: Vec<TransitGatewayAttachment>,
    /// Its own route tables.
    pub route_tables: Vec<TransitGatewayRouteTable>,
    /// Where it was defined.
    pub origin: Origin,
}

/// Something attached to a transit gateway.
#[derive(Clone, Debug, PartialEq)]
pub struct TransitGatewayAttachment {
    /// `tgw-attach-...`
    pub id: Id,
    /// What it is.
    pub kind: AttachmentKind,
    /// The table that rules what comes in by it; without one nothing does (10.22).
    pub route_table: Option<Id>,
    /// Whether its state is `available`.
    pub available: bool,
    /// Where it was defined.
    pub origin: Origin,
}

/// What is attached to a transit gateway.
#[derive(Clone, Debug, PartialEq)]
pub enum AttachmentKind {
    /// A VPC, with one interface in a subnet of each availability zone that it is reached in (10.21).
    Vpc(VpcAttachment),
    /// Something outside of the model, in which packets end.
    Outside {
        /// How it is connected.
        medium: AttachmentMedium,
        /// The blocks that are known to be there.
        prefixes: Vec<IpNet>,
    },
}

/// A VPC's attachment to a transit gateway.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VpcAttachment {
    /// The VPC.
    pub vpc: Id,
    /// The attachment's interfaces, which are also in [`crate::Network::interfaces`]: at most one in an availability zone.
    pub interfaces: Vec<Id>,
    /// Whether both directions of a flow use one availability zone (10.24).
    pub appliance_mode: bool,
    /// Whether security groups of other attachments can be referenced (6.11).
    pub security_group_referencing: bool,
    /// Whether it carries IPv6 (10.25).
    pub ipv6: bool,
}

/// How something outside of the model is attached to a transit gateway.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum AttachmentMedium {
    /// A Direct Connect gateway.
    DirectConnect,
    /// A Connect attachment: GRE to an appliance.
    Connect,
    /// A Site-to-Site VPN.
    Vpn,
    /// Another transit gateway.
    Peering,
}

/// A route table of a transit gateway.
#[derive(Clone, Debug, PartialEq)]
pub struct TransitGatewayRouteTable {
    /// `tgw-rtb-...`
    pub id: Id,
    /// Its name, for people.
    pub name: Option<String>,
    /// Static routes, and those that attachments propagate.
    pub routes: Vec<TransitGatewayRoute>,
    /// Where it was defined.
    pub origin: Origin,
}

/// A route of a transit gateway.
#[derive(Clone, Debug, PartialEq)]
pub struct TransitGatewayRoute {
    /// Which destinations it covers.
    pub destination: Destination,
    /// The attachment that it leads to; `None` drops what it matches.
    pub attachment: Option<Id>,
    /// Static, or propagated by the attachment (10.22).
    pub route_origin: RouteOrigin,
    /// Where it was defined.
    pub origin: Origin,
}

/// A virtual private gateway: the VPC's side of Site-to-Site VPN and Direct Connect (semantics 10.28-10.30).
#[derive(Clone, Debug, PartialEq)]
pub struct VpnGateway {
    /// `vgw-...`
    pub id: Id,
    /// Its name, for people.
    pub name: Option<String>,
    /// The VPC it is attached to.
    pub vpc: Option<Id>,
    /// The blocks that it knows a way to; `None` where the configuration does not tell, so that it takes any (10.28).
    pub prefixes: Option<Vec<IpNet>>,
    /// Where it was defined.
    pub origin: Origin,
}
