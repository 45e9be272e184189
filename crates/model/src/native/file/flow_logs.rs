//! Flow log definitions (9).

use schemars::JsonSchema;
use serde::Deserialize;
use toml::Spanned;

use crate::{LogDestination, LogFileFormat, LoggedTraffic};

use super::Text;

/// A flow log: of a `vpc`, `subnet`, `eni`, `transit_gateway` or `transit_gateway_attachment`; default the only VPC.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default)]
#[schemars(deny_unknown_fields)]
pub(crate) struct FlowLogFile {
    /// Every interface of a VPC.
    #[schemars(with = "Option<String>")]
    pub(crate) vpc: Option<Text>,
    /// Every interface of a subnet.
    #[schemars(with = "Option<String>")]
    pub(crate) subnet: Option<Text>,
    /// One interface.
    #[schemars(with = "Option<String>")]
    pub(crate) eni: Option<Text>,
    /// Every attachment of a transit gateway.
    #[schemars(with = "Option<String>")]
    pub(crate) transit_gateway: Option<Text>,
    /// One attachment.
    #[schemars(with = "Option<String>")]
    pub(crate) transit_gateway_attachment: Option<Text>,
    /// Which packets (9.1).
    #[schemars(extend("default" = "all"))]
    pub(crate) traffic: Option<LoggedTraffic>,
    /// Fields as `${srcaddr}`, one space apart; default those of version 2, of transit gateways all (9b).
    pub(crate) format: Option<String>,
    /// Seconds that a record sums up at most, 60 or 600; default 600, of transit gateways 60 (9.3).
    #[schemars(with = "Option<u32>")]
    pub(crate) max_aggregation_interval: Option<Spanned<u32>>,
    /// Where records go (9.1).
    #[schemars(extend("default" = "cloud-watch-logs"))]
    pub(crate) destination_type: Option<LogDestination>,
    /// The bucket, stream or log group.
    pub(crate) destination: Option<String>,
    /// The form of files in a bucket (9.16).
    #[schemars(extend("default" = "plain-text"))]
    pub(crate) file_format: Option<LogFileFormat>,
    /// Whether folders of a bucket are named as Hive does (9.18).
    pub(crate) hive_compatible: bool,
    /// Whether a bucket has a folder an hour (9.18).
    pub(crate) per_hour: bool,
    /// Whether its status is `ACTIVE`.
    #[schemars(extend("default" = true))]
    pub(crate) active: Option<bool>,
    /// For people; default the short name.
    pub(crate) name: Option<String>,
}
