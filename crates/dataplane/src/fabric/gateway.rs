//! Gateways, compiled, and who has which public address.

use std::net::Ipv4Addr;
use std::sync::Arc;

use ipnet::IpNet;
use smallvec::SmallVec;

use super::Zone;
use crate::index::{EniIx, NatIx, SubnetIx, TableIx, VpcIx};

/// An internet gateway.
#[derive(Debug)]
pub struct Igw {
    /// The VPC it is attached to.
    pub vpc: Option<VpcIx>,
    /// Its own route table, which decides where in the VPC a packet goes that comes in (2.15).
    pub table: Option<TableIx>,
}

/// An egress-only internet gateway.
#[derive(Debug)]
pub struct Eigw {
    /// The VPC it is attached to.
    pub vpc: VpcIx,
}

/// A NAT gateway.
#[derive(Debug)]
pub struct Nat {
    /// Its VPC.
    pub vpc: VpcIx,
    /// Where it stands.
    pub site: NatSite,
    /// What it translates to, the primary address first (4.3, 4.4).
    pub addresses: SmallVec<[Ipv4Addr; 1]>,
    /// The availability zone in which a regional gateway uses each address; `None` for all (4.4).
    pub zones: SmallVec<[Option<Zone>; 1]>,
    /// Whether it works at all (4.9).
    pub available: bool,
}

impl Nat {
    /// The interface of a zonal gateway.
    pub fn eni(&self) -> Option<EniIx> {
        match self.site {
            NatSite::Zonal { eni, .. } => Some(eni),
            NatSite::Regional { .. } => None,
        }
    }

    /// The subnet of a zonal gateway.
    pub fn subnet(&self) -> Option<SubnetIx> {
        match self.site {
            NatSite::Zonal { subnet, .. } => Some(subnet),
            NatSite::Regional { .. } => None,
        }
    }
}

/// Where a NAT gateway stands (4.1).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum NatSite {
    /// In a subnet, with an interface there.
    Zonal {
        /// Its subnet.
        subnet: SubnetIx,
        /// Its interface.
        eni: EniIx,
    },
    /// In no subnet: with a route table of its own, behind no network ACL (4.4).
    Regional {
        /// Its route table.
        table: TableIx,
    },
}

/// A VPC endpoint.
#[derive(Debug)]
pub struct Endpoint {
    /// The VPC it serves.
    pub vpc: VpcIx,
    /// How it is reached.
    pub kind: EndpointKind,
}

/// How an endpoint is reached.
#[derive(Debug)]
pub enum EndpointKind {
    /// By routes to a service (10.1).
    Gateway {
        /// The service's blocks.
        prefixes: Arc<[IpNet]>,
        /// Whether interfaces always track its connections, each with two entries, as those to DynamoDB (6.20).
        tracked: bool,
    },
    /// By its interfaces (10.7).
    Interface {
        /// Whether the service listens on UDP too (10.11).
        udp: bool,
    },
    /// By routes to one interface (10.14).
    LoadBalancer {
        /// The interface.
        eni: EniIx,
        /// Its subnet.
        subnet: SubnetIx,
    },
}

/// Whose a public address is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PublicAddress {
    /// The VPC.
    pub vpc: VpcIx,
    /// The private address that the internet gateway maps it to; of a regional NAT gateway the public one itself (4.4).
    pub private: Ipv4Addr,
    /// Who has that address.
    pub holder: Holder,
}

impl PublicAddress {
    /// The interface that has the private address.
    pub fn eni(&self) -> Option<EniIx> {
        match self.holder {
            Holder::Interface(eni) => Some(eni),
            Holder::Regional(_) => None,
        }
    }
}

/// Who has a public address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Holder {
    /// An interface, by a private address.
    Interface(EniIx),
    /// A regional NAT gateway, directly.
    Regional(NatIx),
}
