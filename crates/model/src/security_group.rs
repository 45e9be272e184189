use ipnet::IpNet;

use crate::{Id, Origin, Ports, Protocol};

/// A security group: allow-only, order-free, stateful (semantics 6.x).
#[derive(Clone, Debug, PartialEq)]
pub struct SecurityGroup {
    /// `sg-...`
    pub id: Id,
    /// Its name, for people.
    pub name: Option<String>,
    /// The VPC it belongs to.
    pub vpc: Id,
    /// Further VPCs whose interfaces may have it (6.14).
    pub further_vpcs: Vec<Id>,
    /// Rules for packets that reach an interface.
    pub ingress: Vec<SecurityGroupRule>,
    /// Rules for packets that leave an interface.
    pub egress: Vec<SecurityGroupRule>,
    /// Where it was defined.
    pub origin: Origin,
}

impl SecurityGroup {
    /// Whether interfaces of a VPC may have it.
    pub fn serves(&self, vpc: &Id) -> bool {
        self.vpc == *vpc || self.further_vpcs.contains(vpc)
    }
}

/// One rule of a security group, with one peer.
#[derive(Clone, Debug, PartialEq)]
pub struct SecurityGroupRule {
    /// `sgr-...`; made from the group, direction and position where the configuration has none.
    pub id: Id,
    /// The protocol.
    pub protocol: Protocol,
    /// Destination ports, or ICMP type and code.
    pub ports: Ports,
    /// The other side.
    pub peer: Peer,
    /// Where it was defined.
    pub origin: Origin,
}

/// The other side of a security group rule.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Peer {
    /// A block, IPv4 or IPv6.
    Cidr(IpNet),
    /// Every block of a prefix list.
    PrefixList(Id),
    /// The private addresses of interfaces that carry the group, when they are the direct sender (6.10). A group that
    /// does not exist matches nothing (6.13).
    SecurityGroup(Id),
}

/// A prefix list, of a customer or of AWS.
#[derive(Clone, Debug, PartialEq)]
pub struct PrefixList {
    /// `pl-...`
    pub id: Id,
    /// Its name: `com.amazonaws.us-east-1.s3`.
    pub name: Option<String>,
    /// Its blocks.
    pub entries: Vec<IpNet>,
    /// Where it was defined.
    pub origin: Origin,
}
