//! VPC flow log definitions (semantics section 9): what is to be logged, in which form, and where to.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{Id, Origin};

/// The fields of records of VPCs, subnets and interfaces (9b): versions 2 to 5 and 7 to 11, in the order of the
/// documentation.
pub const VPC_FIELDS: [&str; 54] = [
    "version",
    "account-id",
    "interface-id",
    "srcaddr",
    "dstaddr",
    "srcport",
    "dstport",
    "protocol",
    "packets",
    "bytes",
    "start",
    "end",
    "action",
    "log-status",
    "vpc-id",
    "subnet-id",
    "instance-id",
    "tcp-flags",
    "type",
    "pkt-srcaddr",
    "pkt-dstaddr",
    "region",
    "az-id",
    "sublocation-type",
    "sublocation-id",
    "pkt-src-aws-service",
    "pkt-dst-aws-service",
    "flow-direction",
    "traffic-path",
    "ecs-cluster-arn",
    "ecs-cluster-name",
    "ecs-container-instance-arn",
    "ecs-container-instance-id",
    "ecs-container-id",
    "ecs-second-container-id",
    "ecs-service-name",
    "ecs-task-definition-arn",
    "ecs-task-arn",
    "ecs-task-id",
    "reject-reason",
    "resource-id",
    "encryption-status",
    "instance-tag",
    "instance-tag-2",
    "interface-tag",
    "interface-tag-2",
    "asg-tag",
    "asg-tag-2",
    "interface-type",
    "next-hop-interface-id",
    "next-hop-subnet-id",
    "next-hop-az-id",
    "next-hop-vpc-id",
    "next-hop-interface-type",
];

/// The fields of records of transit gateways and their attachments, version 6, in the order of the default format.
pub const TRANSIT_GATEWAY_FIELDS: [&str; 36] = [
    "version",
    "resource-type",
    "account-id",
    "tgw-id",
    "tgw-attachment-id",
    "tgw-src-vpc-account-id",
    "tgw-dst-vpc-account-id",
    "tgw-src-vpc-id",
    "tgw-dst-vpc-id",
    "tgw-src-subnet-id",
    "tgw-dst-subnet-id",
    "tgw-src-eni",
    "tgw-dst-eni",
    "tgw-src-az-id",
    "tgw-dst-az-id",
    "tgw-pair-attachment-id",
    "srcaddr",
    "dstaddr",
    "srcport",
    "dstport",
    "protocol",
    "packets",
    "bytes",
    "start",
    "end",
    "log-status",
    "type",
    "packets-lost-no-route",
    "packets-lost-blackhole",
    "packets-lost-mtu-exceeded",
    "packets-lost-ttl-expired",
    "tcp-flags",
    "region",
    "flow-direction",
    "pkt-src-aws-service",
    "pkt-dst-aws-service",
];

/// How many of [`VPC_FIELDS`] the default format has: all of version 2.
const DEFAULT_FIELDS: usize = 14;

/// A flow log definition.
#[derive(Clone, Debug, PartialEq)]
pub struct FlowLog {
    /// `fl-...`
    pub id: Id,
    /// Its name, for people.
    pub name: Option<String>,
    /// What is logged (9.1).
    pub resource: LoggedResource,
    /// Which packets of it are; of a transit gateway always all (9.1).
    pub traffic: LoggedTraffic,
    /// `${version} ${account-id} ...`: the fields of a record, by one space apart (9b).
    pub format: String,
    /// The longest time that one record sums up, 60 or 600 seconds (9.3).
    pub max_aggregation_interval: u32,
    /// Where records go (9.1).
    pub destination_type: LogDestination,
    /// The ARN of the bucket or stream, or the name or ARN of the log group, where known.
    pub destination: Option<String>,
    /// The form of files in a bucket (9.16).
    pub file_format: LogFileFormat,
    /// Whether the folders of a bucket are named as Hive does (9.18).
    pub hive_compatible: bool,
    /// Whether a bucket has a folder an hour, or a day (9.18).
    pub per_hour: bool,
    /// Whether its status is `ACTIVE`.
    pub active: bool,
    /// Where it was defined.
    pub origin: Origin,
}

/// What a flow log is of.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum LoggedResource {
    /// Every interface of a VPC.
    Vpc(Id),
    /// Every interface of a subnet.
    Subnet(Id),
    /// One interface.
    NetworkInterface(Id),
    /// Every attachment of a transit gateway.
    TransitGateway(Id),
    /// One attachment of a transit gateway.
    TransitGatewayAttachment(Id),
}

impl LoggedResource {
    /// Its id.
    pub fn id(&self) -> &Id {
        match self {
            Self::Vpc(id)
            | Self::Subnet(id)
            | Self::NetworkInterface(id)
            | Self::TransitGateway(id)
            | Self::TransitGatewayAttachment(id) => id,
        }
    }

    /// Whether records have the fields of transit gateways.
    pub fn is_of_transit_gateway(&self) -> bool {
        matches!(self, Self::TransitGateway(_) | Self::TransitGatewayAttachment(_))
    }

    /// The fields that records of it may have.
    pub fn fields(&self) -> &'static [&'static str] {
        if self.is_of_transit_gateway() { &TRANSIT_GATEWAY_FIELDS } else { &VPC_FIELDS }
    }

    /// The format of logs that say none.
    pub fn default_format(&self) -> String {
        let fields = match self.is_of_transit_gateway() {
            true => &TRANSIT_GATEWAY_FIELDS[..],
            false => &VPC_FIELDS[..DEFAULT_FIELDS],
        };
        fields.iter().map(|field| format!("${{{field}}}")).collect::<Vec<_>>().join(" ")
    }

    /// The interval of logs that say none: what a transit gateway is told is 60 s only.
    pub fn default_interval(&self) -> u32 {
        if self.is_of_transit_gateway() { 60 } else { 600 }
    }
}

/// Which packets are logged.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum LoggedTraffic {
    /// Those that groups and network ACLs let pass.
    Accept,
    /// Those that they do not.
    Reject,
    /// Both.
    #[default]
    All,
}

/// Where records go.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum LogDestination {
    /// A log group of CloudWatch Logs.
    #[default]
    CloudWatchLogs,
    /// A bucket.
    S3,
    /// A Firehose stream.
    KinesisDataFirehose,
}

/// The form of files in a bucket.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum LogFileFormat {
    /// Lines of text, compressed by gzip.
    #[default]
    PlainText,
    /// Apache Parquet.
    Parquet,
}

impl FlowLog {
    /// The fields of the format in their order; what is no `${field}` is an error, with the piece that is none.
    pub fn fields(&self) -> Result<Vec<&str>, &str> {
        let piece = |piece| {
            let inner = str::strip_prefix(piece, "${").and_then(|rest| rest.strip_suffix('}'));
            inner.filter(|name| !name.contains(['$', '{', '}'])).ok_or(piece)
        };
        self.format.split_whitespace().map(piece).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_default_format_is_that_of_aws() {
        let vpc = LoggedResource::Vpc("vpc-1".into());
        assert_eq!(
            vpc.default_format(),
            "${version} ${account-id} ${interface-id} ${srcaddr} ${dstaddr} ${srcport} ${dstport} ${protocol} ${packets} \
             ${bytes} ${start} ${end} ${action} ${log-status}"
        );
        let transit = LoggedResource::TransitGateway("tgw-1".into());
        assert!(transit.default_format().starts_with("${version} ${resource-type} ${account-id} ${tgw-id} "));
        assert_eq!((vpc.default_interval(), transit.default_interval()), (600, 60));
    }
}
