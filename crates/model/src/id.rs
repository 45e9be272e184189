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
    /// `fl-`
    FlowLog,
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
            Self::FlowLog => "fl-",
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

    /// The id that a name of the native file stands for: an id of the AWS form, a Terraform address or what follows `id:` is
    /// the id itself, a short name gets the prefix of its kind.
    pub fn named(kind: Kind, name: &str) -> Self {
        match name.strip_prefix(VERBATIM) {
            Some(id) => Self::new(id),
            None if is_terraform_address(name) => Self::new(name),
            None => Self::of(kind, name),
        }
    }

    /// Whether a name of the native file is an id itself, so that it says nothing to people.
    pub fn is_name_of_itself(kind: Kind, name: &str) -> bool {
        name.starts_with(VERBATIM) || is_terraform_address(name) || name.starts_with(kind.prefix())
    }

    /// The name that stands for the id in the native file; see [`Id::named`].
    pub fn as_name(&self, kind: Kind) -> String {
        if Self::named(kind, self.as_str()) == *self { self.to_string() } else { format!("{VERBATIM}{self}") }
    }

    /// The id as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// What stands before an id in the native file that has neither the prefix of its kind nor the form of an address.
const VERBATIM: &str = "id:";

/// Whether a name is the address of a resource in Terraform: `aws_vpc.main`, `module.net["a"].aws_subnet.public[0]`. What is
/// not created yet has no other id.
fn is_terraform_address(name: &str) -> bool {
    name.contains('.') && ["aws_", "module.", "data."].iter().any(|start| name.starts_with(start))
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

    #[test]
    fn every_id_has_a_name() {
        for (id, name) in [
            ("subnet-0a0a", "subnet-0a0a"),
            ("aws_subnet.public[0]", "aws_subnet.public[0]"),
            ("module.net[\"a.b\"].aws_subnet.public", "module.net[\"a.b\"].aws_subnet.public"),
            ("data.aws_subnet.old", "data.aws_subnet.old"),
            // These would get a prefix, or lose one.
            ("legacy", "id:legacy"),
            ("aws_subnet", "id:aws_subnet"),
            ("id:legacy", "id:id:legacy"),
            ("", "id:"),
        ] {
            assert_eq!(Id::new(id).as_name(Kind::Subnet), name);
            assert_eq!(Id::named(Kind::Subnet, name).as_str(), id);
            assert!(Id::is_name_of_itself(Kind::Subnet, name));
        }
        assert_eq!(Id::named(Kind::Subnet, "public").as_str(), "subnet-public");
        assert!(!Id::is_name_of_itself(Kind::Subnet, "public"));
    }
}
