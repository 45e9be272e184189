//! What packets start and end at, and prefix lists.

use schemars::JsonSchema;
use serde::Deserialize;

use crate::Forwarding;
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
    /// What it does with packets that are not for it; the check has to be off. `appliance` sends them on as they are,
    /// `nat-instance` translates them to its first IPv4 address (11.3). Default: they end there.
    pub(crate) forward: Option<Forwarding>,
    /// Idle timer of established TCP; default that of its instance's type (6.16).
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
