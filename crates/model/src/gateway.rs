use std::net::Ipv4Addr;

use crate::{Id, Origin};

/// An internet gateway, attached to at most one VPC (semantics 3.x).
#[derive(Clone, Debug, PartialEq)]
pub struct InternetGateway {
    /// `igw-...`
    pub id: Id,
    /// The VPC it is attached to.
    pub vpc: Option<Id>,
    /// Where it was defined.
    pub origin: Origin,
}

/// An egress-only internet gateway (semantics 5.x).
#[derive(Clone, Debug, PartialEq)]
pub struct EgressOnlyInternetGateway {
    /// `eigw-...`
    pub id: Id,
    /// The VPC it is attached to.
    pub vpc: Id,
    /// Where it was defined.
    pub origin: Origin,
}

/// A zonal NAT gateway (semantics 4.x).
#[derive(Clone, Debug, PartialEq)]
pub struct NatGateway {
    /// `nat-...`
    pub id: Id,
    /// Its name, for people.
    pub name: Option<String>,
    /// The subnet its interface is in.
    pub subnet: Id,
    /// Its interface; made from the gateway's id (`eni-nat`) where the configuration has none. It is also in
    /// [`crate::Network::interfaces`].
    pub interface: Id,
    /// Public or private.
    pub connectivity: Connectivity,
    /// 1 to 8 addresses, the primary one first (4.2).
    pub addresses: Vec<NatAddress>,
    /// False when its state is not `available`: it drops everything (4.9).
    pub available: bool,
    /// Where it was defined.
    pub origin: Origin,
}

/// Whether a NAT gateway has public addresses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Connectivity {
    /// With an elastic IP per private address; the internet gateway maps one to the other (4.3).
    Public,
    /// Private addresses only.
    Private,
}

/// One address of a NAT gateway.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NatAddress {
    /// The address that the gateway translates to (4.3).
    pub private: Ipv4Addr,
    /// The elastic IP that the internet gateway maps it to.
    pub public: Option<Ipv4Addr>,
}

/// A VPC endpoint (semantics 10.1-10.13).
#[derive(Clone, Debug, PartialEq)]
pub struct VpcEndpoint {
    /// `vpce-...`
    pub id: Id,
    /// Its name, for people.
    pub name: Option<String>,
    /// The VPC it serves.
    pub vpc: Id,
    /// `s3`, or `com.amazonaws.us-east-1.s3`.
    pub service: String,
    /// Gateway or interface.
    pub kind: EndpointKind,
    /// Where it was defined.
    pub origin: Origin,
}

/// How an endpoint is reached.
#[derive(Clone, Debug, PartialEq)]
pub enum EndpointKind {
    /// By routes to the service's prefix list (10.1).
    Gateway {
        /// The service's prefix list; `None` when the configuration has no blocks for it.
        prefix_list: Option<Id>,
    },
    /// By network interfaces in subnets (10.7).
    Interface {
        /// The endpoint's interfaces, which are also in [`crate::Network::interfaces`].
        interfaces: Vec<Id>,
    },
}
