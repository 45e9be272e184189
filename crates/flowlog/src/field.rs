//! The fields that records of VPCs, subnets and interfaces may have (9b).

use std::fmt;
use std::net::IpAddr;

use crate::record::{Action, FlowDirection, LogStatus, Record, Text, TrafficType};

/// What a column of a Parquet file holds (9.20).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ColumnType {
    /// `INT_32`
    Int32,
    /// `INT_64`
    Int64,
    /// `STRING`
    String,
}

/// A field of a record, to be written.
pub(crate) enum Slot<'a> {
    Small(&'a mut Option<u8>),
    Port(&'a mut Option<u16>),
    Large(&'a mut Option<u64>),
    Address(&'a mut Option<IpAddr>),
    Action(&'a mut Option<Action>),
    Status(&'a mut Option<LogStatus>),
    Type(&'a mut Option<TrafficType>),
    Direction(&'a mut Option<FlowDirection>),
    Text(&'a mut Option<Text>),
}

/// What a field of a record holds.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Value<'a> {
    /// Nothing: `-` in text, null in Parquet (9.8).
    Absent,
    /// A number.
    Number(u64),
    /// An address.
    Address(IpAddr),
    /// A word or a name.
    Text(&'a str),
}

/// A set of fields: of a format, those that its records have, whether they say something there or `-`.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Fields(u64);

// A bit a field.
const _: () = assert!(Field::ALL.len() <= u64::BITS as usize);

impl Fields {
    /// Whether a field is one of them.
    pub fn has(self, field: Field) -> bool {
        self.0 & 1 << field as u32 != 0
    }
}

impl FromIterator<Field> for Fields {
    fn from_iter<I: IntoIterator<Item = Field>>(fields: I) -> Self {
        Self(fields.into_iter().fold(0, |set, field| set | 1 << field as u32))
    }
}

/// How a kind of slot is a value.
trait Held {
    fn value(&self) -> Value<'_>;
}

macro_rules! held {
    ($($kind:ty => |$held:ident| $value:expr;)*) => {
        $(impl Held for $kind {
            fn value(&self) -> Value<'_> {
                let $held = self;
                $value
            }
        })*
    };
}

held! {
    u8 => |number| Value::Number((*number).into());
    u16 => |number| Value::Number((*number).into());
    u64 => |number| Value::Number(*number);
    IpAddr => |address| Value::Address(*address);
    Action => |word| Value::Text(word.as_str());
    LogStatus => |word| Value::Text(word.as_str());
    TrafficType => |word| Value::Text(word.as_str());
    FlowDirection => |word| Value::Text(word.as_str());
    Text => |text| Value::Text(text);
}

/// One line a field: variant, name in [`Record`], name in formats, version, kind of slot, Parquet type.
macro_rules! fields {
    ($($variant:ident $slot:ident $name:literal $version:literal $kind:ident $column:ident,)*) => {
        /// A field. What each one means is said at the field of [`Record`] that has its name.
        #[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
        pub enum Field {
            $(
                #[doc = concat!("`", $name, "`, see [`Record::", stringify!($slot), "`]")]
                $variant,
            )*
        }

        impl Field {
            /// Every field, in the order of the documentation.
            pub const ALL: [Self; vpcemu_model::flow_log::VPC_FIELDS.len()] = [$(Self::$variant),*];

            /// Its name in formats and header lines: `pkt-srcaddr`.
            pub fn name(self) -> &'static str {
                match self { $(Self::$variant => $name,)* }
            }

            /// The version that it came with, 2 to 11.
            pub fn version(self) -> u8 {
                match self { $(Self::$variant => $version,)* }
            }

            /// What its column of a Parquet file holds.
            pub fn column_type(self) -> ColumnType {
                match self { $(Self::$variant => ColumnType::$column,)* }
            }

            /// The field with this name.
            pub fn named(name: &str) -> Option<Self> {
                match name { $($name => Some(Self::$variant),)* _ => None }
            }
        }

        impl Record {
            /// What it has of a field.
            pub fn value(&self, field: Field) -> Value<'_> {
                match field { $(Field::$variant => self.$slot.as_ref().map_or(Value::Absent, Held::value),)* }
            }

            pub(crate) fn slot(&mut self, field: Field) -> Slot<'_> {
                match field { $(Field::$variant => Slot::$kind(&mut self.$slot),)* }
            }
        }
    };
}

fields! {
    Version version "version" 2 Small Int32,
    AccountId account_id "account-id" 2 Text String,
    InterfaceId interface_id "interface-id" 2 Text String,
    SrcAddr srcaddr "srcaddr" 2 Address String,
    DstAddr dstaddr "dstaddr" 2 Address String,
    SrcPort srcport "srcport" 2 Port Int32,
    DstPort dstport "dstport" 2 Port Int32,
    Protocol protocol "protocol" 2 Small Int32,
    Packets packets "packets" 2 Large Int64,
    Bytes bytes "bytes" 2 Large Int64,
    Start start "start" 2 Large Int64,
    End end "end" 2 Large Int64,
    Action action "action" 2 Action String,
    LogStatus log_status "log-status" 2 Status String,
    VpcId vpc_id "vpc-id" 3 Text String,
    SubnetId subnet_id "subnet-id" 3 Text String,
    InstanceId instance_id "instance-id" 3 Text String,
    TcpFlags tcp_flags "tcp-flags" 3 Small Int32,
    Type traffic_type "type" 3 Type String,
    PktSrcAddr pkt_srcaddr "pkt-srcaddr" 3 Address String,
    PktDstAddr pkt_dstaddr "pkt-dstaddr" 3 Address String,
    Region region "region" 4 Text String,
    AzId az_id "az-id" 4 Text String,
    SublocationType sublocation_type "sublocation-type" 4 Text String,
    SublocationId sublocation_id "sublocation-id" 4 Text String,
    PktSrcAwsService pkt_src_aws_service "pkt-src-aws-service" 5 Text String,
    PktDstAwsService pkt_dst_aws_service "pkt-dst-aws-service" 5 Text String,
    FlowDirection flow_direction "flow-direction" 5 Direction String,
    TrafficPath traffic_path "traffic-path" 5 Small Int32,
    EcsClusterArn ecs_cluster_arn "ecs-cluster-arn" 7 Text String,
    EcsClusterName ecs_cluster_name "ecs-cluster-name" 7 Text String,
    EcsContainerInstanceArn ecs_container_instance_arn "ecs-container-instance-arn" 7 Text String,
    EcsContainerInstanceId ecs_container_instance_id "ecs-container-instance-id" 7 Text String,
    EcsContainerId ecs_container_id "ecs-container-id" 7 Text String,
    EcsSecondContainerId ecs_second_container_id "ecs-second-container-id" 7 Text String,
    EcsServiceName ecs_service_name "ecs-service-name" 7 Text String,
    EcsTaskDefinitionArn ecs_task_definition_arn "ecs-task-definition-arn" 7 Text String,
    EcsTaskArn ecs_task_arn "ecs-task-arn" 7 Text String,
    EcsTaskId ecs_task_id "ecs-task-id" 7 Text String,
    RejectReason reject_reason "reject-reason" 8 Text String,
    ResourceId resource_id "resource-id" 9 Text String,
    EncryptionStatus encryption_status "encryption-status" 10 Small Int32,
    InstanceTag instance_tag "instance-tag" 11 Text String,
    InstanceTag2 instance_tag_2 "instance-tag-2" 11 Text String,
    InterfaceTag interface_tag "interface-tag" 11 Text String,
    InterfaceTag2 interface_tag_2 "interface-tag-2" 11 Text String,
    AsgTag asg_tag "asg-tag" 11 Text String,
    AsgTag2 asg_tag_2 "asg-tag-2" 11 Text String,
    InterfaceType interface_type "interface-type" 11 Text String,
    NextHopInterfaceId next_hop_interface_id "next-hop-interface-id" 11 Text String,
    NextHopSubnetId next_hop_subnet_id "next-hop-subnet-id" 11 Text String,
    NextHopAzId next_hop_az_id "next-hop-az-id" 11 Text String,
    NextHopVpcId next_hop_vpc_id "next-hop-vpc-id" 11 Text String,
    NextHopInterfaceType next_hop_interface_type "next-hop-interface-type" 11 Text String,
}

impl Field {
    /// The name of its column in a Parquet file: `pkt_srcaddr` (9.20).
    pub fn column(self) -> String {
        self.name().replace('-', "_")
    }
}

impl fmt::Display for Field {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn they_are_those_of_the_model() {
        assert_eq!(Field::ALL.map(Field::name), vpcemu_model::flow_log::VPC_FIELDS);
        for field in Field::ALL {
            assert_eq!(Field::named(field.name()), Some(field));
            assert_eq!(field.column().replace('_', "-"), field.name());
        }
        assert_eq!(Field::named("srcadr"), None);
    }

    #[test]
    fn each_version_has_as_many_as_it_is_documented_to_have() {
        let of = |version| Field::ALL.iter().filter(|field| field.version() == version).count();
        assert_eq!([2, 3, 4, 5, 6, 7, 8, 9, 10, 11].map(of), [14, 7, 4, 4, 0, 10, 1, 1, 1, 12]);
    }

    #[test]
    fn columns_have_the_documented_types() {
        let of = |kind| Field::ALL.into_iter().filter(move |field| field.column_type() == kind).map(Field::column);
        let small = ["version", "srcport", "dstport", "protocol", "tcp_flags", "traffic_path", "encryption_status"];
        assert_eq!(of(ColumnType::Int32).collect::<Vec<_>>(), small);
        assert_eq!(of(ColumnType::Int64).collect::<Vec<_>>(), ["packets", "bytes", "start", "end"]);
    }

    #[test]
    fn a_slot_is_where_the_value_comes_from() {
        for field in Field::ALL {
            let mut record = Record::default();
            assert_eq!(record.value(field), Value::Absent);
            match record.slot(field) {
                Slot::Small(slot) => *slot = Some(7),
                Slot::Port(slot) => *slot = Some(7),
                Slot::Large(slot) => *slot = Some(7),
                Slot::Address(slot) => *slot = Some([0, 0, 0, 7].into()),
                Slot::Action(slot) => *slot = Some(Action::Reject),
                Slot::Status(slot) => *slot = Some(LogStatus::NoData),
                Slot::Type(slot) => *slot = Some(TrafficType::Efa),
                Slot::Direction(slot) => *slot = Some(FlowDirection::Egress),
                Slot::Text(slot) => *slot = Some("7".into()),
            }
            assert_ne!(record.value(field), Value::Absent, "{field}");
            let others = Field::ALL.iter().filter(|other| record.value(**other) != Value::Absent).count();
            assert_eq!(others, 1, "{field}");
        }
    }
}
