use ipnet::IpNet;

use crate::{Id, Origin};

/// A VPC (semantics 1.1-1.5).
#[derive(Clone, Debug, PartialEq)]
pub struct Vpc {
    /// `vpc-...`
    pub id: Id,
    /// Its name, for people.
    pub name: Option<String>,
    /// The account that owns it, where known: twelve digits.
    pub account: Option<String>,
    /// IPv4 and IPv6 blocks; the first IPv4 block is the primary one, whose base + 2 is the resolver (1.10).
    pub cidrs: Vec<IpNet>,
    /// The main route table (2.1).
    pub main_route_table: Id,
    /// The network ACL of subnets that name none (7.1).
    pub default_network_acl: Id,
    /// The group of interfaces that name none (6.1).
    pub default_security_group: Id,
    /// Where it was defined.
    pub origin: Origin,
}

impl Vpc {
    /// The primary IPv4 block (1.1).
    pub fn primary_cidr(&self) -> Option<IpNet> {
        self.cidrs.iter().copied().find(|net| matches!(net, IpNet::V4(_)))
    }
}

/// A subnet: one availability zone, one route table, one network ACL (semantics 1.7, 2.1, 7.1).
#[derive(Clone, Debug, PartialEq)]
pub struct Subnet {
    /// `subnet-...`
    pub id: Id,
    /// Its name, for people.
    pub name: Option<String>,
    /// The VPC that it divides.
    pub vpc: Id,
    /// Its availability zone, as the account names it.
    pub availability_zone: String,
    /// The same by the name that all accounts have for it, where known: `use1-az1`.
    pub availability_zone_id: Option<String>,
    /// At most one IPv4 block, and IPv6 blocks.
    pub cidrs: Vec<IpNet>,
    /// The associated route table, or the VPC's main one.
    pub route_table: Id,
    /// The associated network ACL, or the VPC's default one.
    pub network_acl: Id,
    /// Where it was defined.
    pub origin: Origin,
}

impl Subnet {
    /// The region that its zone is named after, up to its number: `us-gov-west-1` of `us-gov-west-1a`, `us-west-2` of
    /// `us-west-2-lax-1a`; none of `a`.
    pub fn region(&self) -> Option<&str> {
        let zone = self.availability_zone.as_str();
        let number = zone.find(|c: char| c.is_ascii_digit())?;
        let digits = zone[number..].find(|c: char| !c.is_ascii_digit()).unwrap_or(zone.len() - number);
        Some(&zone[..number + digits])
    }
}
