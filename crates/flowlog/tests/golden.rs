//! The worked lines of the semantics, W1 to W13: read and written back byte for byte.

#![allow(clippy::unwrap_used, reason = "a test fails where it is surprised")]

use vpcemu_flowlog::{Action, FlowDirection, Format, LogStatus, Options, Reader, Record};

/// The format F of the worked lines.
const F: &str = "${version} ${interface-id} ${srcaddr} ${dstaddr} ${srcport} ${dstport} ${protocol} ${packets} ${bytes} \
                 ${action} ${tcp-flags} ${pkt-srcaddr} ${pkt-dstaddr} ${flow-direction} ${traffic-path} ${reject-reason} \
                 ${log-status}";

/// That of W5.
const ADDRESSES: &str =
    "${resource-id} ${interface-id} ${subnet-id} ${srcaddr} ${dstaddr} ${pkt-srcaddr} ${pkt-dstaddr}";

fn default() -> String {
    Format::default().to_string()
}

/// Reads lines, writes them again, and gives what they say.
#[track_caller]
fn there_and_back(format: &str, lines: &str) -> Vec<Record> {
    let format: Format = format.parse().unwrap();
    let options = Options { format: Some(format.clone()), silent_windows: true, ..Options::default() };
    let reader = Reader::from_read("golden", std::io::Cursor::new(lines.to_owned()), options);
    let records: Vec<_> = reader.map(|entry| entry.unwrap().record).collect();
    let mut written = Vec::new();
    records.iter().for_each(|record| format.write_line(record, &mut written));
    assert_eq!(String::from_utf8(written).unwrap(), lines);
    records
}

#[test]
fn w1_a_connection_in_one_window() {
    let records = there_and_back(
        F,
        "8 eni-web 203.0.113.5 10.0.0.10 51514 443 6 9 1240 ACCEPT 3 203.0.113.5 10.0.0.10 ingress - - OK\n\
         8 eni-web 10.0.0.10 203.0.113.5 443 51514 6 8 5210 ACCEPT 19 10.0.0.10 203.0.113.5 egress 8 - OK\n",
    );
    let expected = Record {
        version: Some(8),
        interface_id: Some("eni-web".into()),
        srcaddr: Some([10, 0, 0, 10].into()),
        dstaddr: Some([203, 0, 113, 5].into()),
        srcport: Some(443),
        dstport: Some(51514),
        protocol: Some(6),
        packets: Some(8),
        bytes: Some(5210),
        action: Some(Action::Accept),
        tcp_flags: Some(19),
        pkt_srcaddr: Some([10, 0, 0, 10].into()),
        pkt_dstaddr: Some([203, 0, 113, 5].into()),
        flow_direction: Some(FlowDirection::Egress),
        traffic_path: Some(8),
        log_status: Some(LogStatus::Ok),
        ..Record::default()
    };
    assert_eq!(records[1], expected);
}

#[test]
fn w2_a_group_refuses() {
    let line = "8 eni-web 203.0.113.5 10.0.0.10 40001 23 6 1 44 REJECT 2 203.0.113.5 10.0.0.10 ingress - - OK\n";
    assert_eq!(there_and_back(F, line)[0].action, Some(Action::Reject));
}

#[test]
fn w3_a_network_acl_refuses_replies() {
    let records = there_and_back(
        &default(),
        "2 111122223333 eni-web 203.0.113.5 10.0.0.10 0 0 1 3 252 1760000000 1760000030 ACCEPT OK\n\
         2 111122223333 eni-web 10.0.0.10 203.0.113.5 0 0 1 3 252 1760000000 1760000030 REJECT OK\n",
    );
    assert_eq!((records[1].start, records[1].end), (Some(1_760_000_000), Some(1_760_000_030)));
}

#[test]
fn w4_through_a_zonal_nat_gateway() {
    let records = there_and_back(
        F,
        "8 eni-app 10.0.1.5 203.0.113.5 40112 443 6 10 1500 ACCEPT 3 10.0.1.5 203.0.113.5 egress 1 - OK\n\
         8 eni-nat 10.0.1.5 10.0.0.220 40112 443 6 10 1500 ACCEPT 3 10.0.1.5 203.0.113.5 ingress - - OK\n\
         8 eni-nat 10.0.0.220 203.0.113.5 23451 443 6 10 1500 ACCEPT 3 10.0.0.220 203.0.113.5 egress 8 - OK\n\
         8 eni-nat 203.0.113.5 10.0.0.220 443 23451 6 9 6200 ACCEPT 19 203.0.113.5 10.0.0.220 ingress - - OK\n\
         8 eni-nat 10.0.0.220 10.0.1.5 443 40112 6 9 6200 ACCEPT 19 203.0.113.5 10.0.1.5 egress 1 - OK\n\
         8 eni-app 203.0.113.5 10.0.1.5 443 40112 6 9 6200 ACCEPT 19 203.0.113.5 10.0.1.5 ingress - - OK\n",
    );
    assert_eq!(records.iter().map(|record| record.packets.unwrap()).sum::<u64>(), 57);
}

#[test]
fn w5_through_a_regional_nat_gateway() {
    let records = there_and_back(
        ADDRESSES,
        "nat-0a1 - - 10.0.1.5 203.0.113.5 10.0.1.5 203.0.113.5\n\
         nat-0a1 - - 198.51.100.20 203.0.113.5 198.51.100.20 203.0.113.5\n\
         nat-0a1 - - 203.0.113.5 198.51.100.20 203.0.113.5 198.51.100.20\n\
         nat-0a1 - - 203.0.113.5 10.0.1.5 203.0.113.5 10.0.1.5\n",
    );
    for record in records {
        assert_eq!(
            (record.resource_id.as_deref(), record.interface_id, record.subnet_id),
            (Some("nat-0a1"), None, None)
        );
    }
}

#[test]
fn w6_a_scan_of_the_nat_gateway() {
    there_and_back(
        F,
        "8 eni-nat 203.0.113.77 10.0.0.220 61000 22 6 1 44 ACCEPT 2 203.0.113.77 10.0.0.220 ingress - - OK\n",
    );
}

#[test]
fn w7_a_secondary_address() {
    let line = "8 eni-web 203.0.113.5 10.0.0.10 51600 443 6 5 700 ACCEPT 2 203.0.113.5 10.0.0.11 ingress - - OK\n";
    let record = &there_and_back(F, line)[0];
    assert_eq!((record.dstaddr, record.pkt_dstaddr), (Some([10, 0, 0, 10].into()), Some([10, 0, 0, 11].into())));
}

#[test]
fn w8_block_public_access_has_no_bytes() {
    let line = "8 eni-web 203.0.113.5 10.0.0.10 51700 443 6 1 - REJECT 2 203.0.113.5 10.0.0.10 ingress - BPA OK\n";
    let record = &there_and_back(F, line)[0];
    assert_eq!((record.packets, record.bytes, record.reject_reason.as_deref()), (Some(1), None, Some("BPA")));
}

#[test]
fn w9_an_appliance() {
    there_and_back(
        F,
        "8 eni-fw 203.0.113.5 10.0.9.4 51800 443 6 5 700 ACCEPT 2 203.0.113.5 10.0.0.10 ingress - - OK\n\
         8 eni-fw 10.0.9.4 10.0.0.10 51800 443 6 5 700 ACCEPT 2 203.0.113.5 10.0.0.10 egress 1 - OK\n",
    );
}

#[test]
fn w10_windows_without_data() {
    let records = there_and_back(
        &default(),
        "2 111122223333 eni-web - - - - - - - 1760000060 1760000120 - NODATA\n\
         2 111122223333 eni-web - - - - - - - 1760000060 1760000120 - SKIPDATA\n",
    );
    let silent = Record {
        version: Some(2),
        account_id: Some("111122223333".into()),
        interface_id: Some("eni-web".into()),
        start: Some(1_760_000_060),
        end: Some(1_760_000_120),
        log_status: Some(LogStatus::NoData),
        ..Record::default()
    };
    assert_eq!(records, [silent.clone(), Record { log_status: Some(LogStatus::SkipData), ..silent }]);
}

#[test]
fn w11_ipv6() {
    let line = "8 eni-app 2001:db8:1:2::5 2001:db8:ffff::1 50000 443 6 7 900 ACCEPT 2 2001:db8:1:2::5 2001:db8:ffff::1 \
                egress 8 - OK\n";
    assert!(there_and_back(F, line)[0].srcaddr.is_some_and(|address| address.is_ipv6()));
}

#[test]
fn w12_and_w13_what_leaves_and_what_is_late() {
    let records = there_and_back(
        F,
        "8 eni-web 10.0.0.10 203.0.113.5 40000 443 6 3 180 ACCEPT 2 10.0.0.10 203.0.113.5 egress 8 - OK\n\
         8 eni-web 10.0.0.10 203.0.113.5 443 51514 6 1 40 REJECT 0 10.0.0.10 203.0.113.5 egress - - OK\n",
    );
    assert_eq!((records[1].tcp_flags, records[1].traffic_path), (Some(0), None));
}
