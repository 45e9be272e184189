//! What packets start and end at, and prefix lists.

use schemars::JsonSchema;
use serde::Deserialize;

use crate::behavior::Span;
use crate::{Forwarding, InterfaceKind};

use super::Text;

/// An instance.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default)]
#[schemars(deny_unknown_fields)]
pub(crate) struct InstanceFile {
    /// Its subnet.
    #[schemars(with = "Option<String>")]
    pub(crate) subnet: Option<Text>,
    /// The name of its primary interface; default `eni-NAME`. With `none` it has no other interfaces than each `[eni.NAME]`
    /// that names it, and neither a subnet nor what comes with one.
    #[schemars(with = "Option<String>")]
    pub(crate) eni: Option<Text>,
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
    /// What it does with packets that are not for it; the check has to be off. `appliance` sends them on as they are,
    /// `nat-instance` translates them to its first IPv4 address (11.3). Default: they end there.
    pub(crate) forward: Option<Forwarding>,
    /// Whether it runs; what is stopped receives nothing (2.13).
    #[schemars(extend("default" = true))]
    pub(crate) running: Option<bool>,
    /// Its type, `m8i.large`: on Nitro v6 the timer of established TCP is 350 s (6.16).
    pub(crate) instance_type: Option<String>,
    /// For people; default the short name.
    pub(crate) name: Option<String>,
    /// Idle timer of established TCP, 60 s to 432000 s; default that of its type (6.16).
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
    /// What it serves (1.15).
    #[serde(rename = "type")]
    #[schemars(extend("default" = "interface"))]
    pub(crate) kind: Option<InterfaceTypeFile>,
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
    /// Up to 5 groups; default the VPC's default one (6.2), of gateways and attachments none (6.30).
    #[schemars(with = "Option<Vec<String>>")]
    pub(crate) security_groups: Option<Vec<Text>>,
    /// Source/destination check (1.16); default on, of gateways and attachments off.
    pub(crate) source_dest_check: Option<bool>,
    /// What it does with packets that are not for it; the check has to be off. `appliance` sends them on as they are,
    /// `nat-instance` translates them to its first IPv4 address (11.3). Default: they end there.
    pub(crate) forward: Option<Forwarding>,
    /// Whether it is attached to something that runs; else it receives nothing (2.13). Default whether its instance runs.
    pub(crate) in_use: Option<bool>,
    /// Whether the internet gateway never serves it over IPv6 (3.9).
    pub(crate) deny_all_igw_traffic: bool,
    /// For people; default the short name.
    pub(crate) name: Option<String>,
    /// Idle timer of established TCP; default that of its instance's type (6.16).
    pub(crate) tcp_established_timeout: Option<Span>,
    /// Idle timer of UDP (6.16).
    pub(crate) udp_timeout: Option<Span>,
    /// Idle timer of UDP streams (6.16).
    pub(crate) udp_stream_timeout: Option<Span>,
}

/// What an interface serves.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum InterfaceTypeFile {
    /// An instance, container or anything else with its own network stack.
    #[default]
    Interface,
    /// A NAT gateway, which names it as its `eni`.
    NatGateway,
    /// An interface endpoint, which names it among its `enis`.
    VpcEndpoint,
    /// The endpoint of a Gateway Load Balancer, likewise.
    GatewayLoadBalancerEndpoint,
    /// The attachment of a transit gateway, likewise.
    TransitGateway,
    /// A Network Load Balancer, a Lambda function or a Global Accelerator, whose connections are always tracked (6.20).
    Hyperplane,
    /// Another interface that AWS manages.
    Other,
}

/// Each type with the kind that it is.
const TYPES: [(InterfaceTypeFile, InterfaceKind, &str); 7] = [
    (InterfaceTypeFile::Interface, InterfaceKind::Interface, "interface"),
    (InterfaceTypeFile::NatGateway, InterfaceKind::NatGateway, "nat-gateway"),
    (InterfaceTypeFile::VpcEndpoint, InterfaceKind::VpcEndpoint, "vpc-endpoint"),
    (
        InterfaceTypeFile::GatewayLoadBalancerEndpoint,
        InterfaceKind::GatewayLoadBalancerEndpoint,
        "gateway-load-balancer-endpoint",
    ),
    (InterfaceTypeFile::TransitGateway, InterfaceKind::TransitGateway, "transit-gateway"),
    (InterfaceTypeFile::Hyperplane, InterfaceKind::Hyperplane, "hyperplane"),
    (InterfaceTypeFile::Other, InterfaceKind::Other, "other"),
];

impl InterfaceTypeFile {
    pub(crate) fn kind(self) -> InterfaceKind {
        TYPES.iter().find(|(of, ..)| *of == self).map_or(InterfaceKind::Interface, |(_, kind, _)| *kind)
    }

    /// How the file writes a kind.
    pub(crate) fn word(kind: InterfaceKind) -> &'static str {
        TYPES.iter().find(|(_, of, _)| *of == kind).map_or("interface", |(.., word)| *word)
    }
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
