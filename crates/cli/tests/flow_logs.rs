//! Flow logs of replayed traffic, line by line as AWS would have written them (semantics 9c, W1 to W13).

#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod common;

use std::net::SocketAddr;
use std::path::Path;

use common::logs::lines;
use common::{repository, vpcemu};
use vpcemu_capture::{LinkType, PcapWriter};
use vpcemu_packet::{TcpFlags, build};

/// A public web host, a private application behind a NAT gateway, an appliance, and whoever else the examples need.
const NETWORK: &str = r#"
[vpc.main]
account = "111122223333"
cidrs = ["10.0.0.0/16", "2001:db8:1::/56"]
[internet_gateway.igw]
[egress_only_internet_gateway.eigw]
[subnet.public]
cidrs = ["10.0.0.0/24"]
route_table = "public"
nacl = "public"
[subnet.private]
cidrs = ["10.0.1.0/24", "2001:db8:1:2::/64"]
route_table = "private"
[subnet.silent]
cidrs = ["10.0.2.0/24"]
route_table = "public"
[route_table.public]
routes = [{ to = "0.0.0.0/0", via = "igw" }]
[route_table.private]
routes = [{ to = "0.0.0.0/0", via = "nat" }, { to = "::/0", via = "eigw" }]
[nat_gateway.nat]
subnet = "public"
addresses = [{ private = "10.0.0.220", public = "198.51.100.20" }]
[network_acl.public]
ingress = [{ rule = 100, action = "allow", proto = "all", from = "0.0.0.0/0" }]
egress = [
  { rule = 90, action = "deny", proto = "icmp", to = "203.0.113.0/24" },
  { rule = 100, action = "allow", proto = "all", to = "0.0.0.0/0" },
]
[security_group.web]
ingress = [
  { proto = "tcp", ports = "443", from = "0.0.0.0/0" },
  { proto = "icmp", from = "0.0.0.0/0" },
]
egress = []
[security_group.app]
[instance.web]
subnet = "public"
addresses = ["10.0.0.10"]
public = "198.51.100.7"
security_groups = ["web"]
[instance.app]
subnet = "private"
addresses = ["10.0.1.5", "2001:db8:1:2::5"]
security_groups = ["app"]
[instance.lonely]
subnet = "silent"
addresses = ["10.0.2.5"]
security_groups = ["app"]
"#;

/// The fields of most examples.
const FIELDS: &str = "${version} ${interface-id} ${srcaddr} ${dstaddr} ${srcport} ${dstport} ${protocol} ${packets} \
                      ${bytes} ${action} ${tcp-flags} ${pkt-srcaddr} ${pkt-dstaddr} ${flow-direction} ${traffic-path} \
                      ${reject-reason} ${log-status}";

/// When the examples begin, in seconds.
const BEGIN: u64 = 1_760_000_000;

/// Packets of a capture in bare datagrams, each with its time in seconds after the beginning.
#[derive(Default)]
struct Tape(Vec<(u64, Vec<u8>)>);

impl Tape {
    /// One side's packets of a TCP connection, with so many bytes altogether, a second apart: the first has `opens`, the last
    /// `ends`, all others an ACK.
    fn tcp(mut self, ends: (&str, &str), packets: u32, bytes: usize, opens: &str, last: &str) -> Self {
        let socket = |text: &str| text.parse::<SocketAddr>().unwrap();
        let payload = bytes - 40 * packets as usize;
        let carriers = packets.saturating_sub(2).max(1) as usize;
        for number in 0..packets {
            let flags = match number {
                0 => opens,
                _ if number + 1 == packets => last,
                _ => "A",
            };
            let carries = if packets <= 2 { number == 0 } else { number > 0 && number + 1 < packets };
            let share = if carries { payload / carriers + if number == 1 { payload % carriers } else { 0 } } else { 0 };
            let flags: TcpFlags = flags.parse().unwrap();
            let segment = build::tcp(socket(ends.0), socket(ends.1)).flags(flags).payload(&vec![0; share]).build();
            self.0.push((u64::from(number), segment));
        }
        self
    }

    /// Behind what is there, in the order of their times.
    fn ping(mut self, seconds: u64, src: &str, dst: &str, reply: bool) -> Self {
        let (src, dst) = (src.parse().unwrap(), dst.parse().unwrap());
        let echo = if reply { build::echo_reply(src, dst, 1, 1) } else { build::echo_request(src, dst, 1, 1) };
        // 84 bytes of IP, as ping sends.
        self.0.push((seconds, echo.payload(&[0; 56]).build()));
        self
    }

    fn write(mut self, path: &Path) {
        self.0.sort_by_key(|(seconds, _)| *seconds);
        let mut writer = PcapWriter::new(std::fs::File::create(path).unwrap(), LinkType::RAW).unwrap();
        for (number, (seconds, datagram)) in self.0.iter().enumerate() {
            let time = (BEGIN + seconds) * 1_000_000_000 + number as u64;
            writer.write(time, datagram.len() as u32, datagram).unwrap();
        }
        writer.finish().unwrap();
    }
}

/// What a replay of packets logs.
fn logged(network: &str, tape: Tape, arguments: &[&str]) -> Vec<String> {
    let folder = tempfile::tempdir().unwrap();
    let [config, capture, logs] = ["network.toml", "in.pcap", "logs"].map(|name| folder.path().join(name));
    std::fs::write(&config, network).unwrap();
    tape.write(&capture);
    let [config, capture, out] = [&config, &capture, &logs].map(|path| path.to_str().unwrap().to_owned());
    let both = [1, 2].map(|workers| {
        let directory = format!("{out}-{workers}");
        let workers = workers.to_string();
        let fixed = ["replay", "-q", "-c", &config, &capture, "--flow-logs", &directory, "--workers", &workers]
            .map(str::to_owned);
        let ran = vpcemu(fixed.into_iter().chain(arguments.iter().map(|text| (*text).to_owned())));
        assert_eq!(ran.code, Some(0), "{}", ran.stderr);
        lines(Path::new(&directory))
    });
    assert_eq!(both[0], both[1], "the same for any number of workers");
    both[0].clone()
}

/// The same in the fields of the examples.
#[track_caller]
fn assert_logged(network: &str, tape: Tape, expected: &[&str]) {
    let mut expected: Vec<_> = expected.iter().map(|line| (*line).to_owned()).collect();
    expected.sort();
    assert_eq!(logged(network, tape, &["--flow-log-format", FIELDS]), expected);
}

#[test]
fn w1_a_connection_from_outside_is_two_records() {
    let tape = Tape::default().tcp(("203.0.113.5:51514", "198.51.100.7:443"), 9, 1240, "S", "FA").tcp(
        ("10.0.0.10:443", "203.0.113.5:51514"),
        8,
        5210,
        "SA",
        "FA",
    );
    assert_logged(
        NETWORK,
        tape,
        &[
            "8 eni-web 203.0.113.5 10.0.0.10 51514 443 6 9 1240 ACCEPT 3 203.0.113.5 10.0.0.10 ingress - - OK",
            "8 eni-web 10.0.0.10 203.0.113.5 443 51514 6 8 5210 ACCEPT 19 10.0.0.10 203.0.113.5 egress 8 - OK",
        ],
    );
}

#[test]
fn w2_what_a_group_refuses_is_one_record_without_a_reason() {
    assert_logged(
        NETWORK,
        Tape::default().tcp(("203.0.113.5:40001", "198.51.100.7:23"), 1, 44, "S", "S"),
        &["8 eni-web 203.0.113.5 10.0.0.10 40001 23 6 1 44 REJECT 2 203.0.113.5 10.0.0.10 ingress - - OK"],
    );
}

#[test]
fn w3_requests_pass_and_a_network_acl_refuses_the_replies() {
    let mut tape = Tape::default();
    for second in [0, 15, 30] {
        tape = tape.ping(second, "203.0.113.5", "198.51.100.7", false).ping(second, "10.0.0.10", "203.0.113.5", true);
    }
    let expected = [
        "2 111122223333 eni-web 10.0.0.10 203.0.113.5 0 0 1 3 252 1760000000 1760000030 REJECT OK",
        "2 111122223333 eni-web 203.0.113.5 10.0.0.10 0 0 1 3 252 1760000000 1760000030 ACCEPT OK",
    ];
    assert_eq!(logged(NETWORK, tape, &[]), expected);
}

#[test]
fn w4_through_a_nat_gateway_there_are_six_records_at_two_interfaces() {
    let tape = Tape::default().tcp(("10.0.1.5:40112", "203.0.113.5:443"), 10, 1500, "S", "FA").tcp(
        ("203.0.113.5:443", "10.0.1.5:40112"),
        9,
        6200,
        "SA",
        "FA",
    );
    let lines = logged(NETWORK, tape, &["--flow-log-format", FIELDS]);
    // Which port the gateway chose is not for the examples to say.
    let out = lines.iter().find(|line| line.contains("eni-nat 10.0.0.220 203.0.113.5")).unwrap();
    let port = out.split(' ').nth(4).unwrap();
    assert_ne!(port, "40112");
    let lines: Vec<_> = lines.iter().map(|line| line.replace(&format!(" {port} "), " 23451 ")).collect();
    let mut expected = [
        "8 eni-app 10.0.1.5 203.0.113.5 40112 443 6 10 1500 ACCEPT 3 10.0.1.5 203.0.113.5 egress 1 - OK",
        "8 eni-nat 10.0.1.5 10.0.0.220 40112 443 6 10 1500 ACCEPT 3 10.0.1.5 203.0.113.5 ingress - - OK",
        "8 eni-nat 10.0.0.220 203.0.113.5 23451 443 6 10 1500 ACCEPT 3 10.0.0.220 203.0.113.5 egress 8 - OK",
        "8 eni-nat 203.0.113.5 10.0.0.220 443 23451 6 9 6200 ACCEPT 19 203.0.113.5 10.0.0.220 ingress - - OK",
        "8 eni-nat 10.0.0.220 10.0.1.5 443 40112 6 9 6200 ACCEPT 19 203.0.113.5 10.0.1.5 egress 1 - OK",
        "8 eni-app 203.0.113.5 10.0.1.5 443 40112 6 9 6200 ACCEPT 19 203.0.113.5 10.0.1.5 ingress - - OK",
    ];
    expected.sort_unstable();
    let mut lines = lines;
    lines.sort();
    assert_eq!(lines, expected);
}

#[test]
fn w5_a_regional_nat_gateway_logs_by_its_own_id() {
    let network = NETWORK
        .replace(
            "[nat_gateway.nat]\nsubnet = \"public\"\naddresses = [{ private = \"10.0.0.220\", public = \"198.51.100.20\" }]",
            "[nat_gateway.nat-0a1]\nmode = \"regional\"\nvpc = \"main\"\naddresses = [{ public = \"198.51.100.20\", az = \"a\" }]",
        )
        .replace("via = \"nat\" }", "via = \"nat-0a1\" }");
    let tape = Tape::default().tcp(("10.0.1.5:40112", "203.0.113.5:443"), 10, 1500, "S", "FA").tcp(
        ("203.0.113.5:443", "10.0.1.5:40112"),
        9,
        6200,
        "SA",
        "FA",
    );
    let fields = "${resource-id} ${interface-id} ${subnet-id} ${srcaddr} ${dstaddr} ${pkt-srcaddr} ${pkt-dstaddr}";
    let lines = logged(&network, tape, &["--flow-log-format", fields]);
    let of_gateway: Vec<_> = lines.into_iter().filter(|line| line.starts_with("nat-0a1")).collect();
    let mut expected = [
        "nat-0a1 - - 10.0.1.5 203.0.113.5 10.0.1.5 203.0.113.5",
        "nat-0a1 - - 198.51.100.20 203.0.113.5 198.51.100.20 203.0.113.5",
        "nat-0a1 - - 203.0.113.5 198.51.100.20 203.0.113.5 198.51.100.20",
        "nat-0a1 - - 203.0.113.5 10.0.1.5 203.0.113.5 10.0.1.5",
    ];
    expected.sort_unstable();
    assert_eq!(of_gateway, expected);
}

#[test]
fn w6_what_scans_a_nat_gateway_is_accepted_and_dropped() {
    assert_logged(
        NETWORK,
        Tape::default().tcp(("203.0.113.77:61000", "198.51.100.20:22"), 1, 44, "S", "S"),
        &["8 eni-nat 203.0.113.77 10.0.0.220 61000 22 6 1 44 ACCEPT 2 203.0.113.77 10.0.0.220 ingress - - OK"],
    );
}

#[test]
fn w7_a_secondary_address_is_told_by_the_packets_own() {
    let secondary = "secondary = [{ private = \"10.0.0.11\", public = \"198.51.100.8\" }]";
    let network = NETWORK.replace("[instance.web]\n", &format!("[eni.web]\n{secondary}\n"));
    assert_logged(
        &network,
        Tape::default().tcp(("203.0.113.5:51600", "198.51.100.8:443"), 5, 700, "S", "A"),
        &["8 eni-web 203.0.113.5 10.0.0.10 51600 443 6 5 700 ACCEPT 2 203.0.113.5 10.0.0.11 ingress - - OK"],
    );
}

#[test]
fn w8_block_public_access_has_a_reason_and_no_bytes() {
    let network = format!("{NETWORK}[block_public_access]\nmode = \"block-bidirectional\"\n");
    assert_logged(
        &network,
        Tape::default().tcp(("203.0.113.5:51700", "198.51.100.7:443"), 1, 44, "S", "S"),
        &["8 eni-web 203.0.113.5 10.0.0.10 51700 443 6 1 - REJECT 2 203.0.113.5 10.0.0.10 ingress - BPA OK"],
    );
}

#[test]
fn w9_an_appliance_shows_its_own_address_on_its_side() {
    let network = format!(
        "{NETWORK}[subnet.inspection]\ncidrs = [\"10.0.9.0/24\"]\n\
         [gateway_route_table.edge]\ngateway = \"igw\"\nroutes = [{{ to = \"10.0.0.0/24\", via = \"fw\" }}]\n\
         [security_group.open]\ningress = [{{ proto = \"all\", from = \"0.0.0.0/0\" }}]\n\
         [instance.fw]\nsubnet = \"inspection\"\naddresses = [\"10.0.9.4\"]\npublic = \"198.51.100.9\"\nsecurity_groups = [\"open\"]\n\
         source_dest_check = false\nforward = \"appliance\"\n"
    );
    let tape = Tape::default().tcp(("203.0.113.5:51800", "198.51.100.7:443"), 5, 700, "S", "A");
    let lines = logged(&network, tape, &["--flow-log-format", FIELDS]);
    let of_appliance: Vec<_> = lines.into_iter().filter(|line| line.contains(" eni-fw ")).collect();
    let expected = [
        "8 eni-fw 10.0.9.4 10.0.0.10 51800 443 6 5 700 ACCEPT 2 203.0.113.5 10.0.0.10 egress 1 - OK",
        "8 eni-fw 203.0.113.5 10.0.9.4 51800 443 6 5 700 ACCEPT 2 203.0.113.5 10.0.0.10 ingress - - OK",
    ];
    assert_eq!(of_appliance, expected);
}

#[test]
fn w10_windows_without_traffic_are_records_if_they_are_asked_for() {
    let tape = || {
        Tape::default().ping(0, "203.0.113.5", "198.51.100.7", false).ping(200, "203.0.113.5", "198.51.100.7", false)
    };
    let fields = ["--flow-log-interval", "60", "--flow-log-nodata"];
    let lines = logged(NETWORK, tape(), &fields);
    let silent: Vec<_> = lines.iter().filter(|line| line.ends_with("NODATA")).collect();
    let expected = [
        "2 111122223333 eni-web - - - - - - - 1760000040 1760000100 - NODATA",
        "2 111122223333 eni-web - - - - - - - 1760000100 1760000160 - NODATA",
    ];
    assert_eq!(silent, expected.iter().collect::<Vec<_>>(), "{lines:#?}");
    assert!(logged(NETWORK, tape(), &fields[..2]).iter().all(|line| line.ends_with("OK")));
}

#[test]
fn w11_ipv6_leaves_by_an_egress_only_gateway_as_by_an_internet_gateway() {
    let tape = Tape::default();
    let socket = |text: &str| text.parse::<SocketAddr>().unwrap();
    let segments = (0..7).map(|number: u64| {
        let flags = if number == 0 { TcpFlags::SYN } else { TcpFlags::ACK };
        let payload = vec![0; if number == 1 { 900 - 7 * 60 } else { 0 }];
        let ends = (socket("[2001:db8:1:2::5]:50000"), socket("[2001:db8:ffff::1]:443"));
        (number, build::tcp(ends.0, ends.1).flags(flags).payload(&payload).build())
    });
    let tape = Tape(tape.0.into_iter().chain(segments).collect());
    assert_logged(
        NETWORK,
        tape,
        &["8 eni-app 2001:db8:1:2::5 2001:db8:ffff::1 50000 443 6 7 900 ACCEPT 2 2001:db8:1:2::5 2001:db8:ffff::1 \
           egress 8 - OK"],
    );
}

#[test]
fn w12_a_host_without_a_public_address_is_accepted_and_never_answered() {
    assert_logged(
        NETWORK,
        Tape::default().tcp(("10.0.2.5:50000", "203.0.113.5:443"), 1, 60, "S", "S"),
        &["8 eni-lonely 10.0.2.5 203.0.113.5 50000 443 6 1 60 ACCEPT 2 10.0.2.5 203.0.113.5 egress 8 - OK"],
    );
}

#[test]
fn w13_what_comes_after_a_connection_is_over_is_rejected() {
    let mut tape = Tape::default().tcp(("203.0.113.5:51514", "198.51.100.7:443"), 3, 120, "S", "FA").tcp(
        ("10.0.0.10:443", "203.0.113.5:51514"),
        3,
        120,
        "SA",
        "FA",
    );
    let (from, to) = ("10.0.0.10:443".parse().unwrap(), "203.0.113.5:51514".parse().unwrap());
    // Long after the group has forgotten it; its rules let nothing out.
    tape.0.push((400, build::tcp(from, to).flags(TcpFlags::ACK).build()));
    let lines = logged(NETWORK, tape, &["--flow-log-format", FIELDS, "--midstream", "strict"]);
    let late: Vec<_> = lines.iter().filter(|line| line.contains("REJECT")).collect();
    assert_eq!(
        late,
        [&"8 eni-web 10.0.0.10 203.0.113.5 443 51514 6 1 40 REJECT 0 10.0.0.10 203.0.113.5 egress - - OK".to_owned()],
        "{lines:#?}"
    );
}

#[test]
fn definitions_of_the_configuration_are_written_as_they_say() {
    let network = format!(
        "{NETWORK}[flow_log.refused]\nsubnet = \"public\"\ntraffic = \"reject\"\nmax_aggregation_interval = 60\n\
         format = \"${{dstport}} ${{action}}\"\n[flow_log.of-app]\neni = \"app\"\nhive_compatible = true\n"
    );
    let tape = Tape::default().tcp(("203.0.113.5:40001", "198.51.100.7:23"), 1, 44, "S", "S").tcp(
        ("10.0.1.5:40112", "203.0.113.5:443"),
        1,
        44,
        "S",
        "S",
    );
    let lines = logged(&network, tape, &[]);
    assert_eq!(lines.len(), 2, "{lines:#?}");
    assert!(lines[0].starts_with("2 111122223333 eni-app 10.0.1.5 203.0.113.5 40112 443 6 1 44 "), "{lines:#?}");
    assert_eq!(lines[1], "23 REJECT");
}

#[test]
fn formats_that_are_none_are_refused() {
    let capture = repository().join(common::CAPTURE);
    for (format, expected) in [("${srcadr}", "srcaddr"), ("srcaddr", "${"), ("${tgw-id} ${srcaddr}", "transit gateway")]
    {
        let folder = tempfile::tempdir().unwrap();
        let arguments = ["replay", "-q", "-c", common::CONFIG, capture.to_str().unwrap(), "--flow-log-format", format];
        let ran = vpcemu(arguments.into_iter().chain(["--flow-logs", folder.path().to_str().unwrap()]));
        assert_eq!(ran.code, Some(2), "{format}");
        assert!(ran.stderr.contains(expected), "{format}: {}", ran.stderr);
    }
}

#[test]
fn flow_logs_without_a_record_are_not_written_and_it_is_said() {
    let folder = tempfile::tempdir().unwrap();
    let [config, empty, stranger, logs] =
        ["net.toml", "empty.pcap", "dns.pcap", "logs"].map(|name| folder.path().join(name));
    std::fs::write(&config, NETWORK).unwrap();
    Tape::default().write(&empty);
    // What asks the resolver of AWS is not logged (9.12).
    let dns = build::udp("10.0.1.5:5000".parse().unwrap(), "10.0.0.2:53".parse().unwrap()).build();
    Tape(vec![(0, dns)]).write(&stranger);
    let told = format!("\nno flow log records: nothing written to {}\n", logs.display());
    for capture in [&empty, &stranger] {
        let [config, capture, logs] = [&config, capture, &logs].map(|path| path.to_str().unwrap());
        let ran = vpcemu(["replay", "-c", config, capture, "--flow-logs", logs]);
        assert_eq!(ran.code, Some(0), "{}", ran.stderr);
        assert!(ran.stdout.contains(&told) && !ran.stdout.contains("written: "), "{}", ran.stdout);
        assert!(!Path::new(logs).exists());
    }
    let tape = Tape::default().tcp(("10.0.2.5:50000", "203.0.113.5:443"), 1, 60, "S", "S");
    tape.write(&empty);
    let [config, capture, directory] = [&config, &empty, &logs].map(|path| path.to_str().unwrap());
    let ran = vpcemu(["replay", "-c", config, capture, "--flow-logs", directory]);
    assert!(ran.stdout.contains(&format!("\nwritten: {directory}\n")), "{}", ran.stdout);
    assert!(!ran.stdout.contains("no flow log records"), "{}", ran.stdout);
    assert_eq!(lines(&logs).len(), 1);
}
