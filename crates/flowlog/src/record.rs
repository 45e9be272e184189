//! What a flow log says of one interface, one flow, one direction and one action within one window (9.2).

use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;

/// Names and words that are no closed set: shared, because the records of a log say the same ones over and over.
pub type Text = Arc<str>;

/// A record. What a format does not have, what a window without traffic has none of and what cannot be computed is `None`:
/// `-` in text, null in Parquet (9.8).
///
/// In text there is no white space within a field; [`crate::Format::write_line`] encodes it as tags have it.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Record {
    /// The version that a line says, 2 to 11. Written is that of the format: the highest of its fields (9b).
    pub version: Option<u8>,
    /// The owner of the interface; `unknown` where AWS does not say.
    pub account_id: Option<Text>,
    /// `eni-...`; none of regional NAT gateways (9.13).
    pub interface_id: Option<Text>,
    /// The source; of what leaves, the interface's primary address (9.10).
    pub srcaddr: Option<IpAddr>,
    /// The destination; of what arrives, the interface's primary address (9.10).
    pub dstaddr: Option<IpAddr>,
    /// The source port; 0 of protocols without ports.
    pub srcport: Option<u16>,
    /// The destination port; 0 of protocols without ports.
    pub dstport: Option<u16>,
    /// The IANA number of the protocol.
    pub protocol: Option<u8>,
    /// How many packets.
    pub packets: Option<u64>,
    /// How many bytes, of IP total length; none of what Block Public Access refused (W8).
    pub bytes: Option<u64>,
    /// When the first packet came, in seconds since the epoch (9.3).
    pub start: Option<u64>,
    /// When the last one did.
    pub end: Option<u64>,
    /// What security groups and network ACLs said (9.5).
    pub action: Option<Action>,
    /// Whether there was traffic, and all of it is there (9.7).
    pub log_status: Option<LogStatus>,
    /// `vpc-...`
    pub vpc_id: Option<Text>,
    /// `subnet-...`; none of regional NAT gateways.
    pub subnet_id: Option<Text>,
    /// `i-...`; none of interfaces that AWS manages.
    pub instance_id: Option<Text>,
    /// FIN 1, SYN 2, RST 4 and SYN-ACK 18 of all packets, OR-ed (9.9).
    pub tcp_flags: Option<u8>,
    /// `type`: the family of the addresses.
    pub traffic_type: Option<TrafficType>,
    /// The source in the packet's header (9.10).
    pub pkt_srcaddr: Option<IpAddr>,
    /// The destination in the packet's header (9.10).
    pub pkt_dstaddr: Option<IpAddr>,
    /// The region of the interface.
    pub region: Option<Text>,
    /// The id of its availability zone (`use1-az1`); none in a sublocation.
    pub az_id: Option<Text>,
    /// `wavelength`, `outpost` or `localzone`.
    pub sublocation_type: Option<Text>,
    /// Its id.
    pub sublocation_id: Option<Text>,
    /// The service that `pkt-srcaddr` is of, as in AWS's list of ranges.
    pub pkt_src_aws_service: Option<Text>,
    /// The service that `pkt-dstaddr` is of.
    pub pkt_dst_aws_service: Option<Text>,
    /// Seen from the interface.
    pub flow_direction: Option<FlowDirection>,
    /// The way that leaving packets take, 1 to 8 (9.11).
    pub traffic_path: Option<u8>,
    /// The cluster of a task in `awsvpc` mode; so are all that begin with `ecs`.
    pub ecs_cluster_arn: Option<Text>,
    /// Its name.
    pub ecs_cluster_name: Option<Text>,
    /// The container instance.
    pub ecs_container_instance_arn: Option<Text>,
    /// Its id.
    pub ecs_container_instance_id: Option<Text>,
    /// The first container.
    pub ecs_container_id: Option<Text>,
    /// The second one.
    pub ecs_second_container_id: Option<Text>,
    /// The service.
    pub ecs_service_name: Option<Text>,
    /// The definition of the task.
    pub ecs_task_definition_arn: Option<Text>,
    /// The task.
    pub ecs_task_arn: Option<Text>,
    /// Its id.
    pub ecs_task_id: Option<Text>,
    /// `BPA` or `EC`; none where a group or a network ACL refused (9b).
    pub reject_reason: Option<Text>,
    /// The regional NAT gateway that logs (9.13).
    pub resource_id: Option<Text>,
    /// 0 none, 1 by the network cards, 2 by the application, 3 both.
    pub encryption_status: Option<u8>,
    /// The value of the first tag that is logged of the instance, percent-encoded.
    pub instance_tag: Option<Text>,
    /// Of the second one.
    pub instance_tag_2: Option<Text>,
    /// The value of the first tag that is logged of the interface.
    pub interface_tag: Option<Text>,
    /// Of the second one.
    pub interface_tag_2: Option<Text>,
    /// The value of the first tag that is logged of the Auto Scaling group.
    pub asg_tag: Option<Text>,
    /// Of the second one.
    pub asg_tag_2: Option<Text>,
    /// `nat_gateway`, `network_load_balancer`, `regional_nat_gateway`, `transit_gateway` or `vpc_endpoint`; none of others.
    pub interface_type: Option<Text>,
    /// The interface that it goes to, or comes from.
    pub next_hop_interface_id: Option<Text>,
    /// The subnet of that.
    pub next_hop_subnet_id: Option<Text>,
    /// The availability zone of that.
    pub next_hop_az_id: Option<Text>,
    /// The VPC of that.
    pub next_hop_vpc_id: Option<Text>,
    /// What it serves, like [`Self::interface_type`].
    pub next_hop_interface_type: Option<Text>,
}

/// A closed set of words.
macro_rules! words {
    ($(#[$doc:meta])* $name:ident: $($(#[$of:meta])* $variant:ident $word:literal,)*) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
        pub enum $name { $($(#[$of])* $variant,)* }

        impl $name {
            /// All of them.
            pub const ALL: &[Self] = &[$(Self::$variant),*];

            /// As records say it.
            pub fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $word,)* }
            }

            /// What a word says.
            pub fn named(word: &str) -> Option<Self> {
                match word { $($word => Some(Self::$variant),)* _ => None }
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(self.as_str())
            }
        }
    };
}

words! {
    /// What security groups and network ACLs said of packets (9.5).
    Action:
    /// Let pass.
    Accept "ACCEPT",
    /// Refused.
    Reject "REJECT",
}

words! {
    /// What became of the logging of a window (9.7).
    LogStatus:
    /// As it should be.
    Ok "OK",
    /// There was no traffic.
    NoData "NODATA",
    /// Records were lost.
    SkipData "SKIPDATA",
}

words! {
    /// The kind of traffic.
    TrafficType:
    /// IPv4.
    Ipv4 "IPv4",
    /// IPv6.
    Ipv6 "IPv6",
    /// Of an Elastic Fabric Adapter.
    Efa "EFA",
}

words! {
    /// Which way packets go, seen from the interface.
    FlowDirection:
    /// Into it.
    Ingress "ingress",
    /// Out of it.
    Egress "egress",
}
