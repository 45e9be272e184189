//! What was counted becomes the records of the worked lines, in the windows and files of its flow log.

#![allow(clippy::unwrap_used, reason = "a test fails where it is surprised")]

use std::net::IpAddr;

use vpcemu_dataplane::flow_log::{Action, Leg, LegDirection, Logged, LoggedAt, Sum};
use vpcemu_dataplane::index::Registry;
use vpcemu_dataplane::{Timeline, index::EniIx};
use vpcemu_flowlog::{Format, Journal, LogStatus, Names, Options, Reader, Record, Written};
use vpcemu_model::{FlowLog, Id, Network};
use vpcemu_packet::FlowKey;

/// The set-up of the worked lines.
const NETWORK: &str = r#"
[vpc.main]
cidrs = ["10.0.0.0/16", "2001:db8:1::/56"]
account = "111122223333"
[internet_gateway.igw]
vpc = "main"
[subnet.pub]
vpc = "main"
az = "us-east-1a"
az_id = "use1-az1"
cidrs = ["10.0.0.0/24"]
[subnet.app]
vpc = "main"
az = "us-east-1a"
az_id = "use1-az1"
cidrs = ["10.0.1.0/24"]
[subnet.edge]
vpc = "main"
az = "us-east-1-wl1-bos-wlz-1"
az_id = "use1-wl1-bos-wlz1"
cidrs = ["10.0.2.0/24"]
[nat_gateway.nat]
subnet = "pub"
addresses = [{ private = "10.0.0.220", public = "198.51.100.20" }]
[nat_gateway.nat-0a1]
vpc = "main"
mode = "regional"
addresses = [{ public = "198.51.100.21", az = "us-east-1a" }]
[instance.web]
subnet = "pub"
addresses = ["10.0.0.10", "10.0.0.11"]
public = "198.51.100.7"
[instance.app]
subnet = "app"
addresses = ["10.0.1.5"]
[instance.edge]
subnet = "edge"
addresses = ["10.0.2.5"]
[prefix_list.pl-s3]
name = "com.amazonaws.us-east-1.s3"
entries = ["52.216.0.0/15"]
"#;

const F: &str = "${version} ${interface-id} ${srcaddr} ${dstaddr} ${srcport} ${dstport} ${protocol} ${packets} ${bytes} \
                 ${action} ${tcp-flags} ${pkt-srcaddr} ${pkt-dstaddr} ${flow-direction} ${traffic-path} ${reject-reason} \
                 ${log-status}";

struct World {
    network: Network,
    timeline: Timeline,
    names: Names,
}

impl World {
    fn new() -> Self {
        let network = vpcemu_model::native::parse("net.toml", NETWORK).unwrap().network;
        let timeline = Timeline::compile([&network]);
        let names = Names::new(&network, timeline.registry());
        Self { network, timeline, names }
    }

    fn registry(&self) -> &Registry {
        self.timeline.registry()
    }

    fn eni(&self, id: &str) -> EniIx {
        self.registry().enis.find(&Id::new(id)).unwrap()
    }

    fn leg(&self, at: &str, direction: LegDirection, header: &str) -> Leg {
        let at = match at.starts_with("nat-") {
            true => LoggedAt::RegionalNat(self.registry().nats.find(&Id::new(at)).unwrap()),
            false => LoggedAt::Interface(self.eni(at)),
        };
        let header = key(header);
        let shown = (header.src, header.dst);
        Leg { at, direction, action: Action::Accept, blocked: false, header, shown, path: None, next: None }
    }
}

/// `203.0.113.5 10.0.0.10 51514 443 6`
fn key(text: &str) -> FlowKey {
    let mut parts = text.split(' ');
    let mut part = || parts.next().unwrap();
    FlowKey {
        src: part().parse().unwrap(),
        dst: part().parse().unwrap(),
        src_port: part().parse().unwrap(),
        dst_port: part().parse().unwrap(),
        protocol: part().parse().unwrap(),
        icmp_type: 0,
    }
}

fn sum(packets: u64, bytes: u64, tcp_flags: u8) -> Sum {
    Sum { packets, bytes, first: 1_760_000_000, last: 1_760_000_030, tcp_flags }
}

#[track_caller]
fn assert_line(world: &World, format: &str, leg: Leg, sum: Sum, expected: &str) {
    let mut line = Vec::new();
    format.parse::<Format>().unwrap().write_line(&world.names.record(&leg, &sum), &mut line);
    assert_eq!(String::from_utf8(line).unwrap().trim_end(), expected);
}

use LegDirection::{Egress, Ingress};

#[test]
fn legs_are_the_worked_lines() {
    let world = World::new();
    let web = world.leg("eni-web", Ingress, "203.0.113.5 10.0.0.10 51514 443 6");
    let line = "8 eni-web 203.0.113.5 10.0.0.10 51514 443 6 9 1240 ACCEPT 3 203.0.113.5 10.0.0.10 ingress - - OK";
    assert_line(&world, F, web, sum(9, 1240, 3), line);
    let back = Leg { path: Some(8), ..world.leg("eni-web", Egress, "10.0.0.10 203.0.113.5 443 51514 6") };
    let line = "8 eni-web 10.0.0.10 203.0.113.5 443 51514 6 8 5210 ACCEPT 19 10.0.0.10 203.0.113.5 egress 8 - OK";
    assert_line(&world, F, back, sum(8, 5210, 19), line);

    // W3: of a ping, the identifier is no port.
    let ping = Leg { action: Action::Reject, ..world.leg("eni-web", Egress, "10.0.0.10 203.0.113.5 7 7 1") };
    let line = "2 111122223333 eni-web 10.0.0.10 203.0.113.5 0 0 1 3 252 1760000000 1760000030 REJECT OK";
    assert_line(&world, &Format::default().to_string(), ping, sum(3, 252, 0), line);

    // W4
    let nat = world.leg("eni-nat", Ingress, "10.0.1.5 203.0.113.5 40112 443 6");
    let own: IpAddr = [10, 0, 0, 220].into();
    let nat = Leg { shown: (nat.shown.0, own), ..nat };
    let line = "8 eni-nat 10.0.1.5 10.0.0.220 40112 443 6 10 1500 ACCEPT 3 10.0.1.5 203.0.113.5 ingress - - OK";
    assert_line(&world, F, nat, sum(10, 1500, 3), line);

    // W5
    let regional = world.leg("nat-0a1", Egress, "198.51.100.20 203.0.113.5 23451 443 6");
    let format = "${resource-id} ${interface-id} ${subnet-id} ${srcaddr} ${dstaddr} ${pkt-srcaddr} ${pkt-dstaddr}";
    assert_line(
        &world,
        format,
        regional,
        sum(1, 60, 2),
        "nat-0a1 - - 198.51.100.20 203.0.113.5 198.51.100.20 203.0.113.5",
    );

    // W8
    let blocked = world.leg("eni-web", Ingress, "203.0.113.5 10.0.0.10 51700 443 6");
    let blocked = Leg { action: Action::Reject, blocked: true, ..blocked };
    let line = "8 eni-web 203.0.113.5 10.0.0.10 51700 443 6 1 - REJECT 2 203.0.113.5 10.0.0.10 ingress - BPA OK";
    assert_line(&world, F, blocked, sum(1, 44, 2), line);
}

#[test]
fn places_are_named() {
    let world = World::new();
    let place = "${account-id} ${vpc-id} ${subnet-id} ${instance-id} ${type} ${region} ${az-id} ${sublocation-type} \
                 ${sublocation-id} ${interface-type} ${resource-id}";
    let web = world.leg("eni-web", Ingress, "203.0.113.5 10.0.0.10 1 2 6");
    let of = |leg, line| assert_line(&world, place, leg, sum(1, 1, 0), line);
    of(web, "111122223333 vpc-main subnet-pub i-web IPv4 us-east-1 use1-az1 - - - -");
    let nat = world.leg("eni-nat", Ingress, "203.0.113.5 10.0.0.220 1 2 6");
    of(nat, "111122223333 vpc-main subnet-pub - IPv4 us-east-1 use1-az1 - - nat_gateway -");
    let edge = world.leg("eni-edge", Egress, "2001:db8::1 2001:db8::2 1 2 6");
    of(edge, "111122223333 vpc-main subnet-edge i-edge IPv6 us-east-1 - wavelength use1-wl1-bos-wlz1 - -");
    let regional = world.leg("nat-0a1", Egress, "198.51.100.20 203.0.113.5 1 2 6");
    of(regional, "111122223333 vpc-main - - IPv4 us-east-1 - - - regional_nat_gateway nat-0a1");
}

#[test]
fn the_other_end_is_named() {
    let world = World::new();
    let next = "${next-hop-interface-id} ${next-hop-subnet-id} ${next-hop-az-id} ${next-hop-vpc-id} \
                ${next-hop-interface-type} ${pkt-dst-aws-service}";
    let leg = Leg { next: Some(world.eni("eni-nat")), ..world.leg("eni-app", Egress, "10.0.1.5 52.216.1.1 1 443 6") };
    assert_line(&world, next, leg, sum(1, 1, 0), "eni-nat subnet-pub use1-az1 vpc-main nat_gateway S3");
    assert_line(&world, next, Leg { next: None, ..leg }, sum(1, 1, 0), "- - - - - S3");
}

/// A flow log of something, as the native file has it, its windows and files.
fn flow_log(of: &str) -> FlowLog {
    let text = format!("{NETWORK}\n[flow_log.fl-1]\n{of}\n");
    vpcemu_model::native::parse("net.toml", &text).unwrap().network.flow_logs.remove(0)
}

fn counted(window: u64, leg: Leg, seconds: (u64, u64)) -> Logged {
    let sum = Sum { packets: 1, bytes: 60, first: seconds.0, last: seconds.1, tcp_flags: 2 };
    Logged { window, leg, sum }
}

/// What is in the files of a flow log.
fn written(directory: &std::path::Path) -> Vec<Record> {
    let options = Options { silent_windows: true, ..Options::default() };
    Reader::open([directory], options).map(|entry| entry.unwrap().record).collect()
}

#[test]
fn windows_are_those_of_the_flow_log() {
    let world = World::new();
    let ping = |id| world.leg("eni-web", Ingress, &format!("203.0.113.5 10.0.0.10 {id} {id} 1"));
    for (interval, expected) in
        [(60, vec![(2, 0, 30), (1, 60, 61), (1, 600, 600)]), (600, vec![(3, 0, 61), (1, 600, 600)])]
    {
        let directory = tempfile::tempdir().unwrap();
        let log = flow_log(&format!("vpc = \"main\"\nmax_aggregation_interval = {interval}"));
        let mut journal = Journal::new(&log, &world.network, directory.path(), 60).unwrap();
        // Two pings at a time are one flow.
        for logged in [
            counted(0, ping(1), (0, 10)),
            counted(0, ping(2), (5, 30)),
            counted(1, ping(1), (60, 61)),
            counted(10, ping(1), (600, 600)),
        ] {
            journal.add(&world.names, &logged);
        }
        journal.write_until(&world.names, 600).unwrap();
        assert_eq!(
            journal.finish(&world.names).unwrap(),
            Written { files: 2, records: expected.len() as u64, others: 0 }
        );
        let of = |record: &Record| (record.packets.unwrap(), record.start.unwrap(), record.end.unwrap());
        assert_eq!(written(directory.path()).iter().map(of).collect::<Vec<_>>(), expected, "{interval}");
        let day = directory.path().join("AWSLogs/111122223333/vpcflowlogs/us-east-1/1970/01/01");
        assert_eq!(std::fs::read_dir(day).unwrap().count(), 2);
    }
}

#[test]
fn a_flow_log_is_of_its_resource_and_its_traffic() {
    let world = World::new();
    let legs = [
        world.leg("eni-web", Ingress, "203.0.113.5 10.0.0.10 1 2 6"),
        Leg { action: Action::Reject, ..world.leg("eni-app", Ingress, "203.0.113.5 10.0.1.5 1 2 6") },
        world.leg("nat-0a1", Egress, "198.51.100.20 203.0.113.5 1 2 6"),
    ];
    for (of, expected) in [
        ("vpc = \"main\"", [true, true, true]),
        ("vpc = \"main\"\ntraffic = \"accept\"", [true, false, true]),
        ("vpc = \"main\"\ntraffic = \"reject\"", [false, true, false]),
        ("subnet = \"pub\"", [true, false, false]),
        ("eni = \"app\"", [false, true, false]),
        ("vpc = \"main\"\nactive = false", [false, false, false]),
    ] {
        assert_eq!(legs.map(|leg| world.names.logs(&flow_log(of), &leg)), expected, "{of}");
    }
}

#[test]
fn silence_is_written_where_it_is_wanted() {
    let world = World::new();
    let web = world.leg("eni-web", Ingress, "203.0.113.5 10.0.0.10 1 2 6");
    let app = world.leg("eni-app", Ingress, "203.0.113.5 10.0.1.5 1 2 6");
    let log = flow_log("vpc = \"main\"\nmax_aggregation_interval = 60");
    let directory = tempfile::tempdir().unwrap();
    let mut journal = Journal::new(&log, &world.network, directory.path(), 60).unwrap().with_silence();
    journal.add(&world.names, &counted(0, web, (1, 2)));
    journal.add(&world.names, &counted(1, app, (61, 62)));
    journal.write_until(&world.names, 120).unwrap();
    // A minute without anything, and a jump by a year that is none.
    journal.write_until(&world.names, 180).unwrap();
    journal.write_until(&world.names, 31_536_000).unwrap();
    journal.add(&world.names, &counted(525_600, web, (31_536_000, 31_536_001)));
    journal.finish(&world.names).unwrap();
    let of = |record: Record| {
        let silent = record.log_status == Some(LogStatus::NoData);
        assert_eq!(silent, record.srcaddr.is_none());
        (record.start.unwrap(), record.interface_id.unwrap().to_string(), silent)
    };
    let mut all: Vec<_> = written(directory.path()).into_iter().map(of).collect();
    all.sort_unstable();
    let expected = [
        (1, "eni-web", false),
        (60, "eni-web", true),
        (61, "eni-app", false),
        (120, "eni-app", true),
        (120, "eni-web", true),
        (31_536_000, "eni-app", true),
        (31_536_000, "eni-web", false),
    ];
    assert_eq!(all, expected.map(|(start, eni, silent)| (start, eni.to_owned(), silent)));
}

#[test]
fn what_cannot_be_written_is_refused_before_it_is_begun() {
    let world = World::new();
    let refused = |format: &str| {
        let log = FlowLog { format: format.to_owned(), ..flow_log("vpc = \"main\"") };
        Journal::new(&log, &world.network, "unused", 60).err().unwrap().to_string()
    };
    assert_eq!(refused("${srcadr}"), "fl-1: flow logs have no field srcadr; did you mean srcaddr?");
    assert!(refused("${version} ${tgw-id}").starts_with("fl-1: tgw-id is a field of transit gateway flow logs"));
}
