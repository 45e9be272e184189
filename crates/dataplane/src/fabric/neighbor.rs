//! What a VPC is connected to besides the internet, compiled (10.17-10.30).

use std::net::IpAddr;

use ipnet::IpNet;
use smallvec::SmallVec;
use vpcemu_model::AttachmentMedium;

use super::{Fabric, Zone};
use crate::index::{EdgeIx, EniIx, NatIx, SubnetIx, TableIx, VpcIx};

/// Something that routes lead to, beyond the VPC.
#[derive(Debug)]
pub enum Neighbor {
    /// The configuration has its name, and nothing else: packets end there. These VPCs have routes to it.
    Unknown(SmallVec<[VpcIx; 1]>),
    /// A peering connection.
    Peering(Peering),
    /// A transit gateway.
    TransitGateway(TransitGateway),
    /// What is attached to a transit gateway.
    Attachment(Attachment),
    /// A virtual private gateway.
    VpnGateway(VpnGateway),
}

/// A peering connection (10.17).
#[derive(Debug)]
pub struct Peering {
    /// Requester and accepter.
    pub sides: [PeeredSide; 2],
    /// Whether they are in different regions (10.19).
    pub inter_region: bool,
    /// Whether its status is `active`.
    pub active: bool,
}

/// One side of a peering connection.
#[derive(Debug)]
pub struct PeeredSide {
    /// The VPC, if the configuration has it.
    pub vpc: Option<VpcIx>,
    /// Its blocks.
    pub cidrs: Vec<IpNet>,
}

impl Peering {
    /// The side of a VPC, and the other one.
    pub fn seen_from(&self, vpc: VpcIx) -> Option<(&PeeredSide, &PeeredSide)> {
        let [one, other] = &self.sides;
        if one.vpc == Some(vpc) {
            Some((one, other))
        } else if other.vpc == Some(vpc) {
            Some((other, one))
        } else {
            None
        }
    }

    /// The side that the configuration has, seen from the one that it has not.
    pub fn seen_from_outside(&self) -> Option<(&PeeredSide, &PeeredSide)> {
        match &self.sides {
            [one @ PeeredSide { vpc: Some(_), .. }, other @ PeeredSide { vpc: None, .. }]
            | [other @ PeeredSide { vpc: None, .. }, one @ PeeredSide { vpc: Some(_), .. }] => Some((one, other)),
            _ => None,
        }
    }
}

impl PeeredSide {
    /// Whether `address` lies in one of its blocks.
    pub fn contains(&self, address: IpAddr) -> bool {
        self.cidrs.iter().any(|net| net.contains(&address))
    }
}

/// A transit gateway (10.21).
#[derive(Debug)]
pub struct TransitGateway {
    /// Whether references to security groups work through it (6.11).
    pub security_group_referencing: bool,
    /// The VPCs that are attached, each with its attachment, in the order of their indices.
    pub vpcs: SmallVec<[(VpcIx, EdgeIx); 4]>,
}

impl TransitGateway {
    /// The attachment of a VPC.
    pub fn attachment(&self, vpc: VpcIx) -> Option<EdgeIx> {
        let at = self.vpcs.partition_point(|(of, _)| *of < vpc);
        self.vpcs.get(at).filter(|(of, _)| *of == vpc).map(|(_, attachment)| *attachment)
    }
}

/// What is attached to a transit gateway.
#[derive(Debug)]
pub struct Attachment {
    /// The gateway.
    pub gateway: EdgeIx,
    /// The table that rules what comes in by it (10.22).
    pub table: Option<TableIx>,
    /// Whether its state is `available`.
    pub available: bool,
    /// What it is.
    pub to: Attached,
}

/// What an attachment attaches.
#[derive(Debug)]
pub enum Attached {
    /// A VPC.
    Vpc(AttachedVpc),
    /// Something outside of the model.
    Outside {
        /// How it is connected.
        medium: AttachmentMedium,
        /// The blocks that are known to be there.
        prefixes: Vec<IpNet>,
    },
}

/// A VPC at a transit gateway.
#[derive(Debug)]
pub struct AttachedVpc {
    /// The VPC.
    pub vpc: VpcIx,
    /// The attachment's interface in each availability zone that it has one in (10.21), in the order of the zones.
    pub zones: SmallVec<[(Zone, EniIx); 3]>,
    /// Whether both directions of a flow use one availability zone (10.24).
    pub appliance_mode: bool,
    /// Whether security groups of other attachments can be referenced (6.11).
    pub security_group_referencing: bool,
    /// Whether it carries IPv6 (10.25).
    pub ipv6: bool,
}

impl AttachedVpc {
    /// The attachment's interface in a zone.
    pub fn in_zone(&self, zone: Zone) -> Option<EniIx> {
        self.zones.iter().find(|(of, _)| *of == zone).map(|(_, eni)| *eni)
    }
}

/// A virtual private gateway (10.28).
#[derive(Debug)]
pub struct VpnGateway {
    /// The VPC that it is attached to.
    pub vpc: Option<VpcIx>,
    /// The blocks that it knows a way to, where the configuration tells.
    pub prefixes: Option<Vec<IpNet>>,
}

/// An interface of another VPC, as seen from one that has a route to it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct FarInterface {
    /// The interface.
    pub eni: EniIx,
    /// Whether rules about outbound packets can mean its groups (6.11).
    pub referenced_outbound: bool,
    /// Whether rules about inbound packets can.
    pub referenced_inbound: bool,
}

impl Fabric {
    /// The interface that has `address` beyond a route of `subnet` to `edge`, in the VPC that such packets come into.
    pub fn far_owner(&self, edge: EdgeIx, subnet: SubnetIx, address: IpAddr) -> Option<FarInterface> {
        let vpc = self.subnet(subnet)?.vpc;
        match self.edge(edge)? {
            Neighbor::Peering(peering) => {
                let eni = self.peer_owner(edge, vpc, address)?;
                let referenced = !peering.inter_region;
                Some(FarInterface { eni, referenced_outbound: referenced, referenced_inbound: referenced })
            }
            Neighbor::TransitGateway(gateway) => {
                let allows = |attachment| match self.edge(attachment) {
                    Some(Neighbor::Attachment(Attachment { to: Attached::Vpc(of), .. })) => {
                        Some((of.vpc, of.security_group_referencing))
                    }
                    _ => None,
                };
                let (_, near) = allows(gateway.attachment(vpc)?)?;
                let (vpc, far) = allows(self.transit(edge, subnet, address)?.0)?;
                let eni = self.owner(vpc, address)?;
                let referenced_inbound = gateway.security_group_referencing && near && far;
                Some(FarInterface { eni, referenced_outbound: false, referenced_inbound })
            }
            _ => None,
        }
    }
}

/// By which way packets return to a NAT gateway of a peered VPC without a route (4.8).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct NatReturn {
    /// The peering connection.
    pub peering: EdgeIx,
    /// The gateway.
    pub nat: NatIx,
}
