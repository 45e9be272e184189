use ipnet::IpNet;

use crate::{Id, Origin};

/// A route table (semantics 2.x).
#[derive(Clone, Debug, PartialEq)]
pub struct RouteTable {
    /// `rtb-...`
    pub id: Id,
    /// Its name, for people.
    pub name: Option<String>,
    /// The VPC it belongs to.
    pub vpc: Id,
    /// Every route, local ones included, one per block of the VPC (2.3).
    pub routes: Vec<Route>,
    /// Where it was defined.
    pub origin: Origin,
}

/// The route table of an internet or virtual private gateway: it decides where inside the VPC a packet goes that comes in
/// by the gateway (2.15).
#[derive(Clone, Debug, PartialEq)]
pub struct GatewayRouteTable {
    /// `rtb-...`
    pub id: Id,
    /// Its name, for people.
    pub name: Option<String>,
    /// The VPC it belongs to.
    pub vpc: Id,
    /// The gateway it is associated with.
    pub gateway: Id,
    /// Every route, local ones included.
    pub routes: Vec<Route>,
    /// Where it was defined.
    pub origin: Origin,
}

/// One route.
#[derive(Clone, Debug, PartialEq)]
pub struct Route {
    /// Which destinations it covers.
    pub destination: Destination,
    /// Where it leads.
    pub target: Target,
    /// Static or propagated; decides between routes of one prefix (2.4).
    pub route_origin: RouteOrigin,
    /// False for `state = blackhole`: still matches, and drops (2.8).
    pub active: bool,
    /// Where it was defined.
    pub origin: Origin,
}

/// The destination of a route.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Destination {
    /// A block, IPv4 or IPv6.
    Cidr(IpNet),
    /// Every block of a prefix list (2.5).
    PrefixList(Id),
}

/// How a route came into its table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RouteOrigin {
    /// Made with the table or by the user.
    Static,
    /// Propagated by a virtual private gateway (2.4: loses to static ones, and to local even when more specific).
    Propagated,
}

/// The target of a route. Ids may dangle only where [`Route::active`] is false.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Target {
    /// Inside the VPC.
    Local,
    /// An internet gateway.
    InternetGateway(Id),
    /// An egress-only internet gateway.
    EgressOnlyInternetGateway(Id),
    /// A NAT gateway.
    NatGateway(Id),
    /// A network interface: an appliance or NAT instance (2.13).
    NetworkInterface(Id),
    /// A gateway endpoint, or that of a Gateway Load Balancer (10.14).
    VpcEndpoint(Id),
    /// A peering connection (10.18).
    VpcPeeringConnection(Id),
    /// A transit gateway (10.21).
    TransitGateway(Id),
    /// A virtual private gateway (10.28).
    VpnGateway(Id),
    /// Something that the configuration names and does not describe. Packets are delivered to a place of this name.
    Edge(Id),
    /// A target that no longer exists; the text says what the configuration named.
    Missing(Id),
}

impl Target {
    /// The id of the target, none for local.
    pub fn id(&self) -> Option<&Id> {
        match self {
            Self::Local => None,
            Self::InternetGateway(id)
            | Self::EgressOnlyInternetGateway(id)
            | Self::NatGateway(id)
            | Self::NetworkInterface(id)
            | Self::VpcEndpoint(id)
            | Self::VpcPeeringConnection(id)
            | Self::TransitGateway(id)
            | Self::VpnGateway(id)
            | Self::Edge(id)
            | Self::Missing(id) => Some(id),
        }
    }
}
