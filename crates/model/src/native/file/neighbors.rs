//! What a VPC is connected to besides the internet (10.17-10.30).

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Deserialize;
use toml::Spanned;

use crate::AttachmentMedium;

use super::{RouteFile, Text};

/// A peering connection of two VPCs. A `vpc-` id that the file does not describe is outside of it: packets end there.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default)]
#[schemars(deny_unknown_fields)]
pub(crate) struct PeeringFile {
    /// The VPC that asked for it; default the only one.
    #[schemars(with = "Option<String>")]
    pub(crate) requester: Option<Text>,
    /// The VPC that accepted it.
    #[schemars(with = "Option<String>")]
    pub(crate) accepter: Option<Text>,
    /// The blocks of the side that the file does not describe.
    #[schemars(with = "Vec<String>")]
    pub(crate) peer_cidrs: Vec<Text>,
    /// The blocks of the requester as the connection knows them; default `peer_cidrs`, of a VPC of the file none: it says
    /// itself what it has.
    #[schemars(with = "Option<Vec<String>>")]
    pub(crate) requester_cidrs: Option<Vec<Text>>,
    /// Likewise of the accepter.
    #[schemars(with = "Option<Vec<String>>")]
    pub(crate) accepter_cidrs: Option<Vec<Text>>,
    /// Whether the two are in different regions: an MTU of 8500, and no references to security groups (10.19).
    pub(crate) inter_region: bool,
    /// Whether its status is `active`; else nothing passes (10.18).
    #[schemars(extend("default" = true))]
    pub(crate) active: Option<bool>,
    /// For people; default the short name.
    pub(crate) name: Option<String>,
}

/// A transit gateway (10.21).
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default)]
#[schemars(deny_unknown_fields)]
pub(crate) struct TransitGatewayFile {
    /// Whether references to security groups work through it, where the attachments on both sides say so too (6.11).
    pub(crate) security_group_referencing: bool,
    /// What is attached to it, by name.
    #[schemars(with = "BTreeMap<String, AttachmentFile>")]
    pub(crate) attachment: BTreeMap<Text, AttachmentFile>,
    /// Its route tables, by name; default one to which everything is associated and propagates (10.22).
    #[schemars(with = "BTreeMap<String, TransitTableFile>")]
    pub(crate) route_table: BTreeMap<Text, TransitTableFile>,
    /// For people; default the short name.
    pub(crate) name: Option<String>,
}

/// Something attached to a transit gateway: a `vpc` with `subnets`, or a `type` with `prefixes`.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default)]
#[schemars(deny_unknown_fields)]
pub(crate) struct AttachmentFile {
    /// The VPC.
    #[schemars(with = "Option<String>")]
    pub(crate) vpc: Option<Text>,
    /// One subnet in each availability zone that is to be reached (10.21).
    #[schemars(with = "Vec<String>")]
    pub(crate) subnets: Vec<Text>,
    /// The address of the attachment in each subnet; default the first free one.
    #[schemars(with = "Vec<String>")]
    pub(crate) addresses: Vec<Text>,
    /// With `subnets` the names of its interfaces in them; without, the `[eni.NAME]` of type `transit-gateway` that it has.
    #[schemars(with = "Option<Vec<String>>")]
    pub(crate) enis: Option<Vec<Text>>,
    /// Whether both directions of a flow use one availability zone (10.24).
    pub(crate) appliance_mode: bool,
    /// Whether security groups of other attachments can be referenced (6.11).
    pub(crate) security_group_referencing: bool,
    /// Whether it carries IPv6 (10.25).
    pub(crate) ipv6: bool,
    /// What is attached that lies outside of the file.
    #[serde(rename = "type")]
    #[schemars(with = "Option<AttachmentMedium>")]
    pub(crate) medium: Option<Spanned<AttachmentMedium>>,
    /// The blocks that are there.
    #[schemars(with = "Vec<String>")]
    pub(crate) prefixes: Vec<Text>,
    /// The table that rules what comes in by it; default the default one (10.22).
    #[schemars(with = "Option<String>")]
    pub(crate) route_table: Option<Text>,
    /// Whether it is associated with a table at all; nothing comes in by it without one (10.22).
    #[schemars(extend("default" = true))]
    pub(crate) associated: Option<bool>,
    /// The tables that learn its blocks; default the default one (10.22).
    #[schemars(with = "Option<Vec<String>>")]
    pub(crate) propagate_to: Option<Vec<Text>>,
    /// Whether its state is `available`; else nothing passes.
    #[schemars(extend("default" = true))]
    pub(crate) available: Option<bool>,
}

/// A route table of a transit gateway.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default)]
#[schemars(deny_unknown_fields)]
pub(crate) struct TransitTableFile {
    /// Whether attachments that name no table use it; the only one is that anyway (10.22).
    pub(crate) default: bool,
    /// Its routes besides those that attachments propagate: `via` an attachment or `blackhole`.
    #[schemars(with = "Vec<RouteFile>")]
    pub(crate) routes: Vec<Spanned<RouteFile>>,
    /// For people; default the short name.
    pub(crate) name: Option<String>,
}

/// A virtual private gateway (10.28).
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default)]
#[schemars(deny_unknown_fields)]
pub(crate) struct VpnGatewayFile {
    /// The VPC that it is attached to.
    #[schemars(with = "Option<String>")]
    pub(crate) vpc: Option<Text>,
    /// Whether it is attached to a VPC at all.
    #[schemars(extend("default" = true))]
    pub(crate) attached: Option<bool>,
    /// The blocks that it knows a way to; default it takes any (10.28).
    #[schemars(with = "Option<Vec<String>>")]
    pub(crate) prefixes: Option<Vec<Text>>,
    /// The route tables that learn them (2.4).
    #[schemars(with = "Vec<String>")]
    pub(crate) propagate_to: Vec<Text>,
    /// For people; default the short name.
    pub(crate) name: Option<String>,
}
