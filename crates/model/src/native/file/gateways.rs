//! What packets leave and enter a VPC by.

use schemars::JsonSchema;
use serde::Deserialize;
use toml::Spanned;

use crate::{BlockMode, ExclusionMode};

use super::{RouteFile, Text};

/// An internet gateway.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default)]
#[schemars(deny_unknown_fields)]
pub(crate) struct InternetGatewayFile {
    /// The VPC it is attached to.
    #[schemars(with = "Option<String>")]
    pub(crate) vpc: Option<Text>,
    /// Whether it is attached to a VPC at all.
    #[schemars(extend("default" = true))]
    pub(crate) attached: Option<bool>,
}

/// An egress-only internet gateway.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default)]
#[schemars(deny_unknown_fields)]
pub(crate) struct EgressOnlyFile {
    /// The VPC it is attached to.
    #[schemars(with = "Option<String>")]
    pub(crate) vpc: Option<Text>,
}

/// A NAT gateway.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default)]
#[schemars(deny_unknown_fields, extend("required" = ["addresses"]))]
pub(crate) struct NatGatewayFile {
    /// In a subnet, `zonal`, or for all of the VPC, `regional` (4.1).
    #[schemars(extend("default" = "zonal"))]
    pub(crate) mode: Option<ModeFile>,
    /// Zonal: its subnet.
    #[schemars(with = "Option<String>")]
    pub(crate) subnet: Option<Text>,
    /// Its VPC; that of a zonal one is its subnet's.
    #[schemars(with = "Option<String>")]
    pub(crate) vpc: Option<Text>,
    /// Zonal: 1 to 8 addresses, the primary one first (4.2). Regional: 1 to 32 an availability zone (4.4).
    #[schemars(with = "Vec<NatAddressFile>")]
    pub(crate) addresses: Vec<Spanned<NatAddressFile>>,
    /// `public`, or `private`, which regional ones cannot be (4.1).
    #[schemars(with = "Option<ConnectivityFile>", extend("default" = "public"))]
    pub(crate) connectivity: Option<Spanned<ConnectivityFile>>,
    /// Regional: its own route table. Default one with local routes and 0.0.0.0/0 to the VPC's internet gateway (4.4).
    #[schemars(with = "Option<String>")]
    pub(crate) route_table: Option<Text>,
    /// Zonal: its interface, an `[eni.NAME]` of type `nat-gateway`; one that the file does not have is made, and has this name.
    /// Default one made of the gateway's name.
    #[schemars(with = "Option<String>")]
    pub(crate) eni: Option<Text>,
    /// Whether its state is `available`; else it drops everything (4.9).
    #[schemars(extend("default" = true))]
    pub(crate) available: Option<bool>,
    /// For people; default the short name.
    pub(crate) name: Option<String>,
}

/// Where a NAT gateway stands.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub(crate) enum ModeFile {
    /// In one subnet.
    #[default]
    Zonal,
    /// In none.
    Regional,
}

/// An address of a NAT gateway.
#[derive(Debug, Deserialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub(crate) struct NatAddressFile {
    /// Zonal: the private address, which it translates to (4.3).
    #[serde(default)]
    #[schemars(with = "Option<String>")]
    pub(crate) private: Option<Text>,
    /// Zonal: the public address that the internet gateway maps it to (3.2). Regional: what it translates to (4.4).
    #[serde(default)]
    #[schemars(with = "Option<String>")]
    pub(crate) public: Option<Text>,
    /// Regional: the availability zone that it serves; default every one (4.4).
    #[serde(default)]
    #[schemars(with = "Option<String>")]
    pub(crate) az: Option<Text>,
}

/// Whether a NAT gateway has public addresses.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub(crate) enum ConnectivityFile {
    /// With an elastic IP an address.
    Public,
    /// Without.
    Private,
}

/// A VPC endpoint.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default)]
#[schemars(deny_unknown_fields, extend("required" = ["type", "service"]))]
pub(crate) struct EndpointFile {
    /// `gateway` (10.1), `interface` (10.7) or `gateway-load-balancer` (10.14).
    #[serde(rename = "type")]
    #[schemars(with = "EndpointKindFile")]
    pub(crate) kind: Option<EndpointKindFile>,
    /// The service: `s3`.
    #[schemars(with = "String")]
    pub(crate) service: Option<String>,
    /// Its VPC.
    #[schemars(with = "Option<String>")]
    pub(crate) vpc: Option<Text>,
    /// Gateway: the service's prefix list.
    #[schemars(with = "Option<String>")]
    pub(crate) prefix_list: Option<Text>,
    /// Gateway: tables that get a route to it.
    #[schemars(with = "Vec<String>")]
    pub(crate) route_tables: Vec<Text>,
    /// Interface: one subnet an interface. Gateway Load Balancer: its only subnet.
    #[schemars(with = "Vec<String>")]
    pub(crate) subnets: Vec<Text>,
    /// Interface: one address an interface. Gateway Load Balancer: its address; default the first free one.
    #[schemars(with = "Vec<String>")]
    pub(crate) addresses: Vec<Text>,
    /// Interface: its groups.
    #[schemars(with = "Option<Vec<String>>")]
    pub(crate) security_groups: Option<Vec<Text>>,
    /// Interface: whether the service listens on UDP besides TCP (10.11).
    pub(crate) udp: bool,
    /// Interface and Gateway Load Balancer: with `subnets` the names of the interfaces in them; without, the `[eni.NAME]` of
    /// type `vpc-endpoint` or `gateway-load-balancer-endpoint` that it has.
    #[schemars(with = "Option<Vec<String>>")]
    pub(crate) enis: Option<Vec<Text>>,
    /// For people; default the short name.
    pub(crate) name: Option<String>,
}

/// How an endpoint is reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum EndpointKindFile {
    /// By routes.
    Gateway,
    /// By interfaces.
    Interface,
    /// By routes to one interface.
    GatewayLoadBalancer,
}

/// The route table of an internet or virtual private gateway: where packets go that come in by it (2.15).
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default)]
#[schemars(deny_unknown_fields)]
pub(crate) struct GatewayRouteTableFile {
    /// An internet gateway, a virtual private gateway, or the id of one that the file does not describe, `vgw-...`.
    #[schemars(with = "Option<String>")]
    pub(crate) gateway: Option<Text>,
    /// The same, for several gateways.
    #[schemars(with = "Vec<String>")]
    pub(crate) gateways: Vec<Text>,
    /// Its VPC; default that of the internet gateway.
    #[schemars(with = "Option<String>")]
    pub(crate) vpc: Option<Text>,
    /// Its routes besides the local ones: to a whole block of the VPC or of a subnet, or to a public block of yours outside
    /// of it (2.18); by `local`, an instance, an interface, or a Gateway Load Balancer endpoint (2.15).
    #[schemars(with = "Vec<RouteFile>")]
    pub(crate) routes: Vec<Spanned<RouteFile>>,
    /// For people.
    pub(crate) name: Option<String>,
}

/// VPC Block Public Access, which holds for all VPCs of the file (3.15).
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default)]
#[schemars(default, deny_unknown_fields)]
pub(crate) struct BlockPublicAccessFile {
    /// What internet and egress-only gateways refuse: nothing, everything, or all but what NAT gateways and egress-only
    /// gateways carry (3.15).
    #[schemars(extend("default" = "off"))]
    pub(crate) mode: Option<BlockMode>,
    /// What is excepted (3.15).
    #[schemars(with = "Vec<ExclusionFile>")]
    pub(crate) exclusions: Vec<Spanned<ExclusionFile>>,
}

/// An exception from Block Public Access: either `subnet` or `vpc`.
#[derive(Debug, Deserialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub(crate) struct ExclusionFile {
    /// A subnet.
    #[serde(default)]
    #[schemars(with = "Option<String>")]
    pub(crate) subnet: Option<Text>,
    /// A whole VPC.
    #[serde(default)]
    #[schemars(with = "Option<String>")]
    pub(crate) vpc: Option<Text>,
    /// What is allowed there: everything, or what `block-ingress` would let pass (3.15).
    pub(crate) mode: ExclusionMode,
}
