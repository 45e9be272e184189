//! VPCs, subnets and network ACLs, compiled.

use std::net::{IpAddr, Ipv4Addr};

use ipnet::IpNet;
use smallvec::SmallVec;

use super::{AclRules, address};
use crate::index::{AclIx, IgwIx, TableIx, VpcIx};

/// A VPC.
#[derive(Debug)]
pub struct Vpc {
    /// Its blocks.
    pub cidrs: Vec<IpNet>,
    /// Base + 2 of the primary IPv4 block (1.10).
    pub resolver: Option<Ipv4Addr>,
    /// Its internet gateway.
    pub igw: Option<IgwIx>,
    /// What VPC Block Public Access lets addresses do that are in no subnet (3.15).
    pub public_access: PublicAccess,
}

/// An availability zone of the configuration.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Zone(pub u16);

/// A subnet.
#[derive(Debug)]
pub struct Subnet {
    /// The VPC it divides.
    pub vpc: VpcIx,
    /// Its blocks.
    pub cidrs: SmallVec<[IpNet; 2]>,
    /// Its route table.
    pub table: TableIx,
    /// Its network ACL.
    pub acl: AclIx,
    /// Its availability zone.
    pub zone: Zone,
    /// What VPC Block Public Access lets it do (3.15).
    pub public_access: PublicAccess,
}

impl Subnet {
    /// Whether `address` lies in one of its blocks.
    pub fn contains(&self, address: IpAddr) -> bool {
        self.cidrs.iter().any(|net| net.contains(&address))
    }

    /// Whether AWS keeps `address` for itself (1.8).
    pub fn reserves(&self, address: IpAddr) -> bool {
        self.cidrs.iter().any(|net| address::is_reserved(*net, address))
    }

    /// The `.1` of its IPv4 block, or `::1` of the IPv6 one: who sends the VPC router's ICMP errors (0.1).
    pub fn router(&self, like: IpAddr) -> Option<IpAddr> {
        self.cidrs.iter().find(|net| net.addr().is_ipv4() == like.is_ipv4()).map(|net| address::nth(*net, 1))
    }
}

/// What VPC Block Public Access leaves of the internet for the addresses of a subnet (3.15).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum PublicAccess {
    /// Everything.
    Open,
    /// What NAT gateways and egress-only gateways carry.
    EgressOnly,
    /// Nothing.
    Blocked,
}

/// A network ACL.
#[derive(Debug)]
pub struct Acl {
    /// For what enters a subnet.
    pub ingress: AclRules,
    /// For what leaves it.
    pub egress: AclRules,
}
