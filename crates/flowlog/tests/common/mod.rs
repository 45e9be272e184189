//! Random records and formats.

#![allow(dead_code, reason = "every test file uses a part of it")]

use std::net::IpAddr;

use proptest::prelude::*;
use vpcemu_flowlog::{Action, Field, FlowDirection, Format, LogStatus, Record, Text, TrafficType};

/// Fields in any order, each at most once.
pub(crate) fn format() -> impl Strategy<Value = Format> {
    let all = Field::ALL.to_vec();
    prop::sample::subsequence(all, 1..=Field::ALL.len()).prop_shuffle().prop_map(|fields| Format::new(fields).unwrap())
}

fn text() -> impl Strategy<Value = Option<Text>> {
    let names = prop_oneof!["[a-z]{1,4}-[0-9a-f]{8,17}", "[!-~]{1,20}", "[a-zäß漢%]{1,9}", "arn:aws:ecs:[a-z/-]{1,90}"];
    prop::option::of(names.prop_filter("a lone hyphen is nothing", |name| name != "-").prop_map(Text::from))
}

fn address() -> impl Strategy<Value = Option<IpAddr>> {
    prop::option::of(any::<IpAddr>())
}

fn word<T: Copy + std::fmt::Debug + 'static>(all: &'static [T]) -> impl Strategy<Value = Option<T>> {
    prop::option::of(prop::sample::select(all))
}

fn large() -> impl Strategy<Value = Option<u64>> {
    prop::option::of(prop_oneof![0..10_000_u64, 0..=i64::MAX as u64])
}

/// A record with something in most of its fields, of a window that does not end before it starts.
pub(crate) fn record() -> impl Strategy<Value = Record> {
    let numbers = (any::<Option<u16>>(), any::<Option<u16>>(), any::<Option<u8>>(), large(), large());
    let flags = (any::<Option<u8>>(), any::<Option<u8>>(), any::<Option<u8>>());
    let times = prop::option::of((0..=4_000_000_000_u64, 0..=600_u64));
    let words = (word(Action::ALL), word(LogStatus::ALL), word(TrafficType::ALL), word(FlowDirection::ALL));
    let addresses = (address(), address(), address(), address());
    let texts = prop::collection::vec(text(), 34);
    (numbers, flags, times, words, addresses, texts).prop_map(|(numbers, flags, times, words, addresses, texts)| {
        let mut texts = texts.into_iter();
        let mut text = || texts.next().flatten();
        Record {
            version: None,
            account_id: text(),
            interface_id: text(),
            srcaddr: addresses.0,
            dstaddr: addresses.1,
            srcport: numbers.0,
            dstport: numbers.1,
            protocol: numbers.2,
            packets: numbers.3,
            bytes: numbers.4,
            start: times.map(|(start, _)| start),
            end: times.map(|(start, length)| start + length),
            action: words.0,
            log_status: words.1,
            vpc_id: text(),
            subnet_id: text(),
            instance_id: text(),
            tcp_flags: flags.0,
            traffic_type: words.2,
            pkt_srcaddr: addresses.2,
            pkt_dstaddr: addresses.3,
            region: text(),
            az_id: text(),
            sublocation_type: text(),
            sublocation_id: text(),
            pkt_src_aws_service: text(),
            pkt_dst_aws_service: text(),
            flow_direction: words.3,
            traffic_path: flags.1,
            ecs_cluster_arn: text(),
            ecs_cluster_name: text(),
            ecs_container_instance_arn: text(),
            ecs_container_instance_id: text(),
            ecs_container_id: text(),
            ecs_second_container_id: text(),
            ecs_service_name: text(),
            ecs_task_definition_arn: text(),
            ecs_task_arn: text(),
            ecs_task_id: text(),
            reject_reason: text(),
            resource_id: text(),
            encryption_status: flags.2,
            instance_tag: text(),
            instance_tag_2: text(),
            interface_tag: text(),
            interface_tag_2: text(),
            asg_tag: text(),
            asg_tag_2: text(),
            interface_type: text(),
            next_hop_interface_id: text(),
            next_hop_subnet_id: text(),
            next_hop_az_id: text(),
            next_hop_vpc_id: text(),
            next_hop_interface_type: text(),
        }
    })
}

/// What a format keeps of a record.
pub(crate) fn kept(format: &Format, record: &Record) -> Vec<(Field, String)> {
    let of = |field: &Field| (*field, format!("{:?}", record.value(*field)));
    format.fields().iter().filter(|field| **field != Field::Version).map(of).collect()
}

/// Records as lines with their header.
pub(crate) fn log(format: &Format, records: &[Record]) -> Vec<u8> {
    let mut log = format.header().into_bytes();
    log.push(b'\n');
    records.iter().for_each(|record| format.write_line(record, &mut log));
    log
}
