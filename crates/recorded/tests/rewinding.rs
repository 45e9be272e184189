//! Records of both sides, as packets in an order that can have been.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

use vpcemu_flowlog::{Options, Reader};
use vpcemu_packet::{Headers, Offloads, Transport};
use vpcemu_recorded::Rewinder;

const NETWORK: &str = r#"
[vpc.main]
cidrs = ["10.0.0.0/16"]
[internet_gateway.igw]
[subnet.public]
cidrs = ["10.0.0.0/24"]
route_table = "public"
[route_table.public]
routes = [{ to = "0.0.0.0/0", via = "igw" }]
[security_group.web]
ingress = [{ proto = "tcp", ports = "443", from = "0.0.0.0/0" }]
[instance.web]
subnet = "public"
addresses = ["10.0.0.10"]
public = "198.51.100.7"
security_groups = ["web"]
"#;

const HEADER: &str = "interface-id srcaddr dstaddr srcport dstport protocol packets bytes start end action tcp-flags\n";

fn rewinder(most: u64) -> Rewinder {
    Rewinder::new(vpcemu_model::native::parse("net.toml", NETWORK).unwrap().network, most)
}

/// What is made of records: nanoseconds after the first second of the log, the sender's port (or type of a ping), the flags.
fn rewound(most: u64, records: &str) -> Vec<(u64, u16, String)> {
    let mut rewinder = rewinder(most);
    for entry in Reader::from_bytes("a.log", format!("{HEADER}{records}").into_bytes(), Options::default()) {
        assert!(rewinder.add(&entry.unwrap()));
    }
    rewinder.end();
    let mut packets = Vec::new();
    while let Some(packet) = rewinder.next_packet() {
        let headers = Headers::parse(&packet.datagram, packet.datagram.len() as u32, Offloads::Strict).unwrap();
        let (port, flags) = match headers.transport {
            Transport::Tcp { src, flags, .. } => (src, flags.to_string()),
            Transport::Udp { src, .. } => (src, String::new()),
            Transport::Query { kind, .. } => (kind.into(), String::new()),
            other => panic!("{other:?}"),
        };
        packets.push((packet.time - 1_000_000_000_000, port, flags));
    }
    packets
}

#[track_caller]
fn assert_rewound(records: &str, expected: &[(u64, u16, &str)]) {
    let expected: Vec<_> = expected.iter().map(|(time, port, flags)| (*time, *port, (*flags).to_owned())).collect();
    assert_eq!(rewound(10, records), expected);
}

const SECOND: u64 = 1_000_000_000;

#[test]
fn a_handshake_comes_first_and_closers_last_of_one_second() {
    assert_rewound(
        "eni-web 203.0.113.5 10.0.0.10 51514 443 6 3 120 1000 1000 ACCEPT 3\n\
         eni-web 10.0.0.10 203.0.113.5 443 51514 6 3 120 1000 1000 ACCEPT 19\n",
        &[(0, 51514, "S"), (0, 443, "SA"), (0, 51514, "A"), (0, 443, "A"), (0, 51514, "FA"), (0, 443, "FA")],
    );
}

#[test]
fn a_reset_comes_after_all_that_was_accepted_and_before_what_was_refused() {
    let expected = [
        (0, 51514, "S"),
        (0, 443, "SA"),
        (SECOND, 443, "A"),
        (2 * SECOND, 443, "A"),
        (2 * SECOND, 51514, "RA"),
        (2 * SECOND, 443, "A"),
    ];
    assert_rewound(
        "eni-web 10.0.0.10 203.0.113.5 443 51514 6 1 40 1002 1002 REJECT 0\n\
         eni-web 10.0.0.10 203.0.113.5 443 51514 6 3 120 1000 1002 ACCEPT 18\n\
         eni-web 203.0.113.5 10.0.0.10 51514 443 6 2 80 1000 1001 ACCEPT 6\n",
        &expected,
    );
}

#[test]
fn an_answer_does_not_come_before_what_it_answers() {
    // By TCP flags and by ports; the records of the answer come first and begin earlier.
    assert_rewound(
        "eni-web 10.0.0.10 203.0.113.5 443 51514 6 2 80 1000 1002 ACCEPT 18\n\
         eni-web 203.0.113.5 10.0.0.10 51514 443 6 2 80 1001 1002 ACCEPT 2\n",
        &[(0, 51514, "S"), (0, 443, "SA"), (2 * SECOND, 51514, "A"), (2 * SECOND, 443, "A")],
    );
    assert_rewound(
        "eni-web 203.0.113.5 10.0.0.10 53 50000 17 1 80 1000 1000 ACCEPT -\n\
         eni-web 10.0.0.10 203.0.113.5 50000 53 17 1 80 1001 1001 ACCEPT -\n",
        &[(0, 50000, ""), (0, 53, "")],
    );
    // A connection that goes on is as its records say.
    assert_rewound(
        "eni-web 10.0.0.10 203.0.113.5 443 51514 6 1 40 1000 1000 ACCEPT 0\n\
         eni-web 203.0.113.5 10.0.0.10 51514 443 6 1 40 1001 1001 ACCEPT 0\n",
        &[(0, 443, "A"), (SECOND, 51514, "A")],
    );
}

#[test]
fn what_is_not_answered_yet_or_refused_is_asked_again() {
    assert_rewound(
        "eni-web 203.0.113.5 10.0.0.10 51514 443 6 3 120 1000 1002 ACCEPT 2\n\
         eni-web 10.0.0.10 203.0.113.5 443 51514 6 1 40 1002 1002 ACCEPT 18\n",
        &[(0, 51514, "S"), (SECOND, 51514, "S"), (2 * SECOND, 443, "SA"), (2 * SECOND, 51514, "A")],
    );
    for flags in ["2", "-"] {
        assert_rewound(
            &format!("eni-web 203.0.113.5 10.0.0.10 51514 22 6 2 80 1000 1001 REJECT {flags}\n"),
            &[(0, 51514, "S"), (SECOND, 51514, "S")],
        );
    }
    // Without flags, what was answered is taken for the middle of a connection, and what was not for its beginning.
    let asked = "eni-web 203.0.113.5 10.0.0.10 51514 443 6 1 40 1000 1000 ACCEPT -\n";
    let answered = "eni-web 10.0.0.10 203.0.113.5 443 51514 6 1 40 1000 1000 ACCEPT -\n";
    assert_rewound(&format!("{answered}{asked}"), &[(0, 51514, "A"), (0, 443, "A")]);
    assert_rewound(asked, &[(0, 51514, "S")]);
    assert_rewound(answered, &[(0, 443, "A")]);
}

#[test]
fn ports_that_are_used_again_are_connections_one_after_the_other() {
    let both = |second: u64| {
        format!(
            "eni-web 203.0.113.5 10.0.0.10 51514 443 6 2 80 {second} {second} ACCEPT 3\n\
             eni-web 10.0.0.10 203.0.113.5 443 51514 6 2 80 {second} {second} ACCEPT 19\n"
        )
    };
    let of = |time: u64| [(time, 51514, "S"), (time, 443, "SA"), (time, 51514, "FA"), (time, 443, "FA")];
    assert_rewound(&(both(1000) + &both(1060)), &[of(0), of(60 * SECOND)].concat());
}

#[test]
fn pings_are_of_whoever_may_ask() {
    // The group lets nobody ask the host, so that what it accepts are answers.
    let out = "eni-web 10.0.0.10 203.0.113.5 0 0 1 1 84 1000 1000 ACCEPT -\n";
    let back = "eni-web 203.0.113.5 10.0.0.10 0 0 1 1 84 1000 1000 ACCEPT -\n";
    assert_rewound(&format!("{back}{out}"), &[(0, 8, ""), (0, 0, "")]);
    assert_rewound(out, &[(0, 8, "")]);
    assert_rewound(back, &[(0, 0, "")]);
    assert_rewound(&back.replace("ACCEPT", "REJECT"), &[(0, 8, "")]);
}

#[test]
fn packets_have_the_bytes_of_their_record_and_of_those_left_out_none() {
    let line = "eni-web 10.0.0.10 203.0.113.5 50000 53 17 7 1000 1000 1006 ACCEPT -\n";
    let bytes = |most: u64| {
        let mut rewinder = rewinder(most);
        let mut reader = Reader::from_bytes("a.log", format!("{HEADER}{line}").into_bytes(), Options::default());
        rewinder.add(&reader.next().unwrap().unwrap());
        rewinder.end();
        std::iter::from_fn(|| rewinder.next_packet()).map(|packet| packet.datagram.len()).collect::<Vec<_>>()
    };
    assert_eq!(bytes(10), [148, 142, 142, 142, 142, 142, 142]);
    // 3 of 7 packets have 428 of 1000 bytes.
    assert_eq!(bytes(3), [144, 142, 142]);
}

#[test]
fn packets_come_in_order_and_as_soon_as_nothing_can_come_before() {
    let mut rewinder = rewinder(10);
    let (mut made, mut last, mut most) = (0, 0, 0);
    let mut held = 0_u64;
    for second in 0..20_000_u64 {
        let port = 20_000 + second % 10_000;
        let line = format!(
            "{HEADER}eni-web 10.0.0.10 203.0.113.5 {port} 53 17 1 80 {0} {0} ACCEPT -\n",
            // Up to ten minutes late.
            1_000 + second - (second * 7_919) % 600.min(second + 1)
        );
        let mut reader = Reader::from_bytes("a.log", line.into_bytes(), Options::default());
        rewinder.add(&reader.next().unwrap().unwrap());
        held += 1;
        while let Some(packet) = rewinder.next_packet() {
            assert!(packet.time >= last);
            (last, made, held) = (packet.time, made + 1, held - 1);
        }
        most = most.max(held);
    }
    assert!((1_000..2_500).contains(&most), "{most}");
    rewinder.end();
    made += std::iter::from_fn(|| rewinder.next_packet()).count();
    assert_eq!((made, rewinder.late()), (20_000, 0));
}

#[test]
fn records_that_are_late_are_counted() {
    let mut rewinder = rewinder(10);
    for start in [10_000, 8_800, 8_799] {
        let line = format!("{HEADER}eni-web 10.0.0.10 203.0.113.5 50000 53 17 1 80 {start} {start} ACCEPT -\n");
        let mut reader = Reader::from_bytes("a.log", line.into_bytes(), Options::default());
        assert!(rewinder.add(&reader.next().unwrap().unwrap()));
    }
    assert_eq!(rewinder.late(), 1);
}

#[test]
fn a_dialogue_of_any_number_of_records_is_made() {
    let line = "eni-web 10.0.0.10 203.0.113.5 50000 443 6 1 40 1000 1000 ACCEPT 2\n";
    let mut rewinder = rewinder(10);
    let mut made = 0;
    for entry in
        Reader::from_bytes("a.log", (HEADER.to_owned() + &line.repeat(20_000)).into_bytes(), Options::default())
    {
        assert!(rewinder.add(&entry.unwrap()));
        made += std::iter::from_fn(|| rewinder.next_packet()).count();
    }
    rewinder.end();
    assert_eq!(made + std::iter::from_fn(|| rewinder.next_packet()).count(), 20_000);
}
