use ipnet::IpNet;

use crate::{Id, Origin, Ports, Protocol};

/// A network ACL: ordered, stateless, first match decides (semantics 7.x).
#[derive(Clone, Debug, PartialEq)]
pub struct NetworkAcl {
    /// `acl-...`
    pub id: Id,
    /// Its name, for people.
    pub name: Option<String>,
    /// The VPC it belongs to.
    pub vpc: Id,
    /// Entries for packets that enter a subnet, in any order; the implicit deny is not among them.
    pub ingress: Vec<AclEntry>,
    /// Entries for packets that leave a subnet.
    pub egress: Vec<AclEntry>,
    /// Where it was defined.
    pub origin: Origin,
}

/// One entry of a network ACL.
#[derive(Clone, Debug, PartialEq)]
pub struct AclEntry {
    /// 1-32766; lower numbers are asked first (7.3).
    pub number: u16,
    /// What a match does.
    pub action: AclAction,
    /// The protocol.
    pub protocol: Protocol,
    /// Destination ports, or ICMP type and code.
    pub ports: Ports,
    /// The other side: source of what enters, destination of what leaves (7.6).
    pub cidr: IpNet,
    /// Where it was defined.
    pub origin: Origin,
}

/// What a network ACL entry does with what it matches.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AclAction {
    /// Lets it pass.
    Allow,
    /// Drops it silently.
    Deny,
}
