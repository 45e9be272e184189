use std::borrow::Borrow;
use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

/// The id of a resource: `subnet-0a0a`, `eni-web`. Cheap to clone.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Id(Arc<str>);

/// The kinds of resource that have ids, with the prefix that AWS gives each.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub enum Kind {
    /// `vpc-`
    Vpc,
    /// `subnet-`
    Subnet,
    /// `rtb-`
    RouteTable,
    /// `acl-`
    NetworkAcl,
    /// `sg-`
    SecurityGroup,
    /// `sgr-`
    SecurityGroupRule,
    /// `pl-`
    PrefixList,
    /// `eni-`
    NetworkInterface,
    /// `i-`
    Instance,
    /// `igw-`
    InternetGateway,
    /// `eigw-`
    EgressOnlyInternetGateway,
    /// `nat-`
    NatGateway,
    /// `vpce-`
    VpcEndpoint,
    /// `pcx-`
    VpcPeeringConnection,
    /// `tgw-`
    TransitGateway,
    /// `tgw-attach-`
    TransitGatewayAttachment,
    /// `tgw-rtb-`
    TransitGatewayRouteTable,
    /// `vgw-`
    VpnGateway,
}

impl Kind {
    /// The prefix of ids of this kind, with its hyphen.
    pub fn prefix(self) -> &'static str {
        match self {
            Self::Vpc => "vpc-",
            Self::Subnet => "subnet-",
            Self::RouteTable => "rtb-",
            Self::NetworkAcl => "acl-",
            Self::SecurityGroup => "sg-",
            Self::SecurityGroupRule => "sgr-",
            Self::PrefixList => "pl-",
            Self::NetworkInterface => "eni-",
            Self::Instance => "i-",
            Self::InternetGateway => "igw-",
            Self::EgressOnlyInternetGateway => "eigw-",
            Self::NatGateway => "nat-",
            Self::VpcEndpoint => "vpce-",
            Self::VpcPeeringConnection => "pcx-",
            Self::TransitGateway => "tgw-",
            Self::TransitGatewayAttachment => "tgw-attach-",
            Self::TransitGatewayRouteTable => "tgw-rtb-",
            Self::VpnGateway => "vgw-",
        }
    }
}

impl Id {
    /// The id as it is written.
    pub fn new(text: impl Into<Arc<str>>) -> Self {
        Self(text.into())
    }

    /// The id for a name of the native file: a name that already has the prefix of its kind is the id, a short name gets
    /// the prefix (`nat` of a NAT gateway becomes `nat-nat`).
    pub fn of(kind: Kind, name: &str) -> Self {
        if name.starts_with(kind.prefix()) { Self::new(name) } else { Self::new(format!("{}{name}", kind.prefix())) }
    }

    /// The id as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Id {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

impl fmt::Debug for Id {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Ids are found by their text: it compares and hashes as they do.
impl Borrow<str> for Id {
    fn borrow(&self) -> &str {
        &self.0
    }
}

impl From<&str> for Id {
    fn from(text: &str) -> Self {
        Self::new(text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn short_names_get_the_prefix_and_ids_are_kept() {
        assert_eq!(Id::of(Kind::NetworkInterface, "web").as_str(), "eni-web");
        assert_eq!(Id::of(Kind::NatGateway, "nat").as_str(), "nat-nat");
        assert_eq!(Id::of(Kind::Subnet, "subnet-0a0a").as_str(), "subnet-0a0a");
    }
}
