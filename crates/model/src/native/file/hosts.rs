//! What packets start at, end at, and leave by.

use schemars::JsonSchema;
use serde::Deserialize;

use crate::behavior::Span;

use super::Text;

/// An instance.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default)]
#[schemars(deny_unknown_fields, extend("required" = ["subnet"]))]
pub(crate) struct InstanceFile {
    /// Its subnet.
    #[schemars(with = "String")]
    pub(crate) subnet: Option<Text>,
    /// Private IPv4 and IPv6 addresses; the first free one of the subnet if left out.
    #[schemars(with = "Vec<String>")]
    pub(crate) addresses: Vec<Text>,
    /// Public address of the first IPv4 address.
    #[schemars(with = "Option<String>")]
    pub(crate) public: Option<Text>,
    /// Up to 5 groups; default the VPC's default one (6.2).
    #[schemars(with = "Option<Vec<String>>")]
    pub(crate) security_groups: Option<Vec<Text>>,
    /// Source/destination check (1.16).
    #[schemars(extend("default" = true))]
    pub(crate) source_dest_check: Option<bool>,
    /// Whether it runs; what is stopped receives nothing (2.13).
    #[schemars(extend("default" = true))]
    pub(crate) running: Option<bool>,
    /// Its type.
    pub(crate) instance_type: Option<String>,
    /// For people; default the short name.
    pub(crate) name: Option<String>,
    /// Idle timer of established TCP, 60 s to 432000 s (6.16).
    pub(crate) tcp_established_timeout: Option<Span>,
    /// Idle timer of UDP, 30 s to 60 s (6.16).
    pub(crate) udp_timeout: Option<Span>,
    /// Idle timer of UDP streams, 60 s to 180 s (6.16).
    pub(crate) udp_stream_timeout: Option<Span>,
}

/// A network interface.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default)]
#[schemars(deny_unknown_fields, extend("required" = ["subnet"]))]
pub(crate) struct InterfaceFile {
    /// Its subnet.
    #[schemars(with = "String")]
    pub(crate) subnet: Option<Text>,
    /// The instance it is attached to.
    #[schemars(with = "Option<String>")]
    pub(crate) instance: Option<Text>,
    /// Private IPv4 and IPv6 addresses.
    #[schemars(with = "Vec<String>")]
    pub(crate) addresses: Vec<Text>,
    /// Public address of the first IPv4 address.
    #[schemars(with = "Option<String>")]
    pub(crate) public: Option<Text>,
    /// Further IPv4 addresses with public ones of their own.
    pub(crate) secondary: Vec<AddressFile>,
    /// Delegated prefixes (1.15).
    #[schemars(with = "Vec<String>")]
    pub(crate) prefixes: Vec<Text>,
    /// Up to 5 groups; default the VPC's default one (6.2).
    #[schemars(with = "Option<Vec<String>>")]
    pub(crate) security_groups: Option<Vec<Text>>,
    /// Source/destination check (1.16).
    #[schemars(extend("default" = true))]
    pub(crate) source_dest_check: Option<bool>,
    /// Idle timer of established TCP (6.16).
    pub(crate) tcp_established_timeout: Option<Span>,
    /// Idle timer of UDP (6.16).
    pub(crate) udp_timeout: Option<Span>,
    /// Idle timer of UDP streams (6.16).
    pub(crate) udp_stream_timeout: Option<Span>,
}

/// A private IPv4 address with its public one.
#[derive(Debug, Deserialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub(crate) struct AddressFile {
    /// The private address.
    #[schemars(with = "String")]
    pub(crate) private: Text,
    /// The public address that the internet gateway maps it to (3.2).
    #[serde(default)]
    #[schemars(with = "Option<String>")]
    pub(crate) public: Option<Text>,
}

/// An internet gateway of either kind.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default)]
#[schemars(deny_unknown_fields)]
pub(crate) struct GatewayFile {
    /// The VPC it is attached to.
    #[schemars(with = "Option<String>")]
    pub(crate) vpc: Option<Text>,
}

/// A NAT gateway.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default)]
#[schemars(deny_unknown_fields, extend("required" = ["subnet", "addresses"]))]
pub(crate) struct NatGatewayFile {
    /// Its subnet.
    #[schemars(with = "String")]
    pub(crate) subnet: Option<Text>,
    /// 1 to 8 addresses, the primary one first (4.2).
    pub(crate) addresses: Vec<AddressFile>,
    /// `public`, or `private` (4.1).
    #[schemars(extend("default" = "public"))]
    pub(crate) connectivity: Option<ConnectivityFile>,
    /// `zonal`; regional gateways are not supported yet.
    #[schemars(with = "Option<String>", extend("default" = "zonal"))]
    pub(crate) mode: Option<Text>,
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

/// A prefix list.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default)]
#[schemars(deny_unknown_fields, extend("required" = ["entries"]))]
pub(crate) struct PrefixListFile {
    /// Its blocks.
    #[schemars(with = "Vec<String>")]
    pub(crate) entries: Vec<Text>,
    /// For people.
    pub(crate) name: Option<String>,
}

/// A VPC endpoint.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default)]
#[schemars(deny_unknown_fields, extend("required" = ["type", "service"]))]
pub(crate) struct EndpointFile {
    /// `gateway` (10.1) or `interface` (10.7).
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
    /// Interface: one subnet an interface.
    #[schemars(with = "Vec<String>")]
    pub(crate) subnets: Vec<Text>,
    /// Interface: one address an interface.
    #[schemars(with = "Vec<String>")]
    pub(crate) addresses: Vec<Text>,
    /// Interface: its groups.
    #[schemars(with = "Option<Vec<String>>")]
    pub(crate) security_groups: Option<Vec<Text>>,
}

/// How an endpoint is reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub(crate) enum EndpointKindFile {
    /// By routes.
    Gateway,
    /// By interfaces.
    Interface,
}
