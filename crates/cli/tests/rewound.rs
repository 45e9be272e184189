//! Flow logs made into captures again: replayed, they are accepted and refused as the first time.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod common;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use common::logs::lines;
use common::{repository, vpcemu};
use serde_json::Value;
use vpcemu_capture::{LinkType, PcapWriter};
use vpcemu_packet::build;

/// All that tells one flow of another.
const FIELDS: &str = "${interface-id} ${resource-id} ${pkt-srcaddr} ${pkt-dstaddr} ${srcport} ${dstport} ${protocol} \
                      ${flow-direction} ${action} ${packets} ${bytes} ${start} ${end} ${tcp-flags} ${srcaddr} ${dstaddr}";

/// Every capture of the repository, with its configuration.
fn captures() -> Vec<(PathBuf, PathBuf)> {
    let mut found = Vec::new();
    for folder in repository().join("pcaps").read_dir().unwrap().map(|entry| entry.unwrap().path()) {
        let config = folder.join("config.toml");
        if !config.exists() {
            continue;
        }
        for file in folder.read_dir().unwrap().map(|entry| entry.unwrap().path()) {
            let is_capture = file.extension().is_some_and(|suffix| suffix == "pcap" || suffix == "pcapng");
            if is_capture {
                found.push((config.clone(), file));
            }
        }
    }
    found.sort();
    found
}

/// What a replay says on standard error, its summary, and the lines of its flow logs.
fn replayed(config: &Path, capture: &Path, logs: &Path, more: &[&str]) -> (String, Value, Vec<String>) {
    let paths = [config, capture, logs].map(|path| path.to_str().unwrap().to_owned());
    let [config, capture, directory] = &paths;
    let fixed = ["replay", "--format", "json", "-c", config, capture, "--flow-logs", directory].into_iter();
    let ran = vpcemu(fixed.chain(more.iter().copied()));
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    (ran.stderr, serde_json::from_str(&ran.stdout).unwrap(), lines(logs))
}

/// Makes a capture of logs.
fn rewound(config: &Path, logs: &Path, capture: &Path, more: &[&str]) {
    let [config, logs, capture] = [config, logs, capture].map(|path| path.to_str().unwrap());
    let ran = vpcemu(["flowlogs", "replay", "-c", config, logs, "-w", capture].into_iter().chain(more.iter().copied()));
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
}

/// Which flows were accepted and refused at which interface: records without their counts and times.
fn flows(lines: &[String]) -> BTreeSet<String> {
    lines.iter().map(|line| line.split(' ').take(9).collect::<Vec<_>>().join(" ")).collect()
}

/// A router that reports TTLs and lengths: records tell no type of ICMP, so that its errors are taken for answers that nobody asked
/// for.
const ERRORS_ARE_NO_ECHOES: &str = "an ICMP error";
/// A forwarder refused it, of whose records no packets are made, and nobody behind it has a record.
const REFUSED_ON_THE_WAY: &str = "refused on the way";
/// TTLs are not recorded either: what a hop dropped for its TTL goes on.
const TTL_RAN_OUT: &str = "a TTL";

/// What is different the second time: the capture, lines of the first time only (-) or of the second only (+), and why.
const DIFFERENT: &[(&str, &str, &str)] = &[
    ("inspected-web-server/web", "- eni-fw - 10.0.1.10 192.0.2.130 0 0 1 egress ACCEPT", ERRORS_ARE_NO_ECHOES),
    ("inspected-web-server/web", "+ eni-fw - 10.0.1.10 192.0.2.130 0 0 1 egress REJECT", ERRORS_ARE_NO_ECHOES),
    ("inspected-web-server/web", "- eni-fw - 198.51.100.23 10.0.1.10 58708 8080 6 ingress REJECT", REFUSED_ON_THE_WAY),
    (
        "inspected-web-server/web",
        "- eni-fw - 2001:db8:ffff:1::23 2001:db8:1234:1a01::10 42098 8080 6 ingress REJECT",
        REFUSED_ON_THE_WAY,
    ),
    (
        "ipv6-egress-only/",
        "- eni-worker - 2001:db8:ffff::1 2001:db8:1234:1a10::10 0 0 58 ingress ACCEPT",
        ERRORS_ARE_NO_ECHOES,
    ),
    ("nat-instance/client", "- eni-client - 10.0.0.5 10.0.10.11 0 0 1 ingress ACCEPT", ERRORS_ARE_NO_ECHOES),
    ("nat-instance/client", "- eni-client - 192.0.2.1 10.0.10.11 0 0 1 ingress ACCEPT", ERRORS_ARE_NO_ECHOES),
    ("nat-instance/client", "- eni-nat - 10.0.0.5 10.0.10.11 0 0 1 egress ACCEPT", ERRORS_ARE_NO_ECHOES),
    ("nat-instance/client", "- eni-nat - 192.0.2.1 10.0.0.5 0 0 1 ingress ACCEPT", ERRORS_ARE_NO_ECHOES),
    ("nat-instance/client", "- eni-nat - 192.0.2.1 10.0.10.11 0 0 1 egress ACCEPT", ERRORS_ARE_NO_ECHOES),
    ("nat-instance/client", "+ eni-nat - 10.0.0.5 198.51.100.80 43138 33434 17 egress ACCEPT", TTL_RAN_OUT),
    ("nat64/", "- eni-client - 64:ff9b::c000:201 2001:db8:1234:1a40::10 0 0 58 ingress ACCEPT", ERRORS_ARE_NO_ECHOES),
    ("nat64/", "- eni-nat - 192.0.2.1 10.0.0.200 0 0 1 ingress ACCEPT", ERRORS_ARE_NO_ECHOES),
    ("nat64/", "- eni-nat - 64:ff9b::c000:201 2001:db8:1234:1a40::10 0 0 58 egress ACCEPT", ERRORS_ARE_NO_ECHOES),
    ("private-clients-nat/app-1", "- eni-app-1 - 192.0.2.1 10.0.10.11 0 0 1 ingress ACCEPT", ERRORS_ARE_NO_ECHOES),
    ("private-clients-nat/app-1", "- eni-nat - 192.0.2.1 10.0.0.200 0 0 1 ingress ACCEPT", ERRORS_ARE_NO_ECHOES),
    ("private-clients-nat/app-1", "- eni-nat - 192.0.2.1 10.0.10.11 0 0 1 egress ACCEPT", ERRORS_ARE_NO_ECHOES),
    ("private-clients-nat/clients", "- eni-app-1 - 192.0.2.1 10.0.10.11 0 0 1 ingress ACCEPT", ERRORS_ARE_NO_ECHOES),
    ("private-clients-nat/clients", "- eni-nat - 192.0.2.1 10.0.0.200 0 0 1 ingress ACCEPT", ERRORS_ARE_NO_ECHOES),
    ("private-clients-nat/clients", "- eni-nat - 192.0.2.1 10.0.10.11 0 0 1 egress ACCEPT", ERRORS_ARE_NO_ECHOES),
    ("regional-nat/clients", "- - nat-nat 192.0.2.1 10.0.11.10 0 0 1 egress ACCEPT", ERRORS_ARE_NO_ECHOES),
    ("regional-nat/clients", "- - nat-nat 192.0.2.1 203.0.113.41 0 0 1 ingress ACCEPT", ERRORS_ARE_NO_ECHOES),
    ("regional-nat/clients", "- eni-app-a - 192.0.2.1 10.0.11.10 0 0 1 ingress ACCEPT", ERRORS_ARE_NO_ECHOES),
];

#[test]
fn every_capture_is_accepted_and_refused_as_the_first_time() {
    let mut compared = 0;
    for (config, capture) in captures() {
        let name = capture.strip_prefix(repository().join("pcaps")).unwrap().display().to_string();
        let mut expected: Vec<_> =
            DIFFERENT.iter().filter(|(of, ..)| name.starts_with(of)).map(|(_, line, _)| (*line).to_owned()).collect();
        expected.sort();
        // Without flags as the default format is, too.
        let silent = FIELDS.replace(" ${tcp-flags}", "");
        for (interval, packets, format) in
            [("60", "1000000", FIELDS), ("600", "10", FIELDS), ("600", "2", FIELDS), ("600", "10", &*silent)]
        {
            let folder = tempfile::tempdir().unwrap();
            let [logs, made, again] = ["logs", "made.pcap", "again"].map(|name| folder.path().join(name));
            let more = ["--flow-log-format", format, "--flow-log-interval", interval];
            let (_, _, first) = replayed(&config, &capture, &logs, &more);
            rewound(&config, &logs, &made, &["--packets", packets]);
            // No packet is taken for a copy of another one.
            let (_, summary, second) = replayed(&config, &made, &again, &[&more[..], &["--dedup"]].concat());
            assert_eq!(summary["packets"]["duplicates"], 0, "{name}");
            let (first, second) = (flows(&first), flows(&second));
            let lost = first.difference(&second).map(|line| format!("- {line}"));
            let mut different: Vec<_> = lost.chain(second.difference(&first).map(|line| format!("+ {line}"))).collect();
            different.sort();
            assert_eq!(different, expected, "{name}: windows of {interval} s, {packets} packets a record of {format}");
            compared += first.len();
        }
    }
    assert!(compared > 2_000, "{compared}");
}

/// A public host. What it may be asked and what of its answers may leave are put in by the tests.
const NETWORK: &str = r#"
[vpc.main]
cidrs = ["10.0.0.0/16"]
[internet_gateway.igw]
[subnet.public]
cidrs = ["10.0.0.0/24"]
route_table = "public"
nacl = "public"
[route_table.public]
routes = [{ to = "0.0.0.0/0", via = "igw" }]
[network_acl.public]
ingress = [{ rule = 100, action = "allow", proto = "all", from = "0.0.0.0/0" }]
egress = [NACL{ rule = 100, action = "allow", proto = "all", to = "0.0.0.0/0" }]
[security_group.web]
ingress = [INGRESS]
egress = [EGRESS]
[instance.web]
subnet = "public"
addresses = ["10.0.0.10"]
public = "198.51.100.7"
security_groups = ["web"]
"#;

/// Pings, each with its answer a millisecond later if there are any, by turns of a second. All of the second time is as the first
/// time: verdicts, and records with their counts and seconds.
#[track_caller]
fn assert_pings(rules: [&str; 3], ends: (&str, &str), answer: Option<(&str, &str)>, fate: (u64, u64)) {
    let folder = tempfile::tempdir().unwrap();
    let [config, capture, logs, made, again] =
        ["net.toml", "in.pcap", "logs", "made.pcap", "again"].map(|name| folder.path().join(name));
    let [ingress, egress, nacl] = rules;
    let network = NETWORK.replace("INGRESS", ingress).replace("EGRESS", egress).replace("NACL", nacl);
    std::fs::write(&config, network).unwrap();
    let mut writer = PcapWriter::new(std::fs::File::create(&capture).unwrap(), LinkType::RAW).unwrap();
    let mut write = |time: u64, packet: build::IcmpBuilder| {
        let datagram = packet.payload(&[0; 56]).build();
        writer.write(1_760_000_000_100_000_000 + time, datagram.len() as u32, &datagram).unwrap();
    };
    for number in 0..5_u16 {
        let time = u64::from(number) * 1_000_000_000;
        write(time, build::echo_request(ends.0.parse().unwrap(), ends.1.parse().unwrap(), 77, number));
        if let Some((src, dst)) = answer {
            write(time + 1_000_000, build::echo_reply(src.parse().unwrap(), dst.parse().unwrap(), 77, number));
        }
    }
    writer.finish().unwrap();
    // The default format: neither flags nor the direction.
    let (_, first, lines) = replayed(&config, &capture, &logs, &[]);
    rewound(&config, &logs, &made, &[]);
    let (told, second, lines_again) = replayed(&config, &made, &again, &[]);
    assert_eq!(lines, lines_again);
    let verdicts = |summary: &Value| {
        let count = |name: &str| summary["packets"][name].as_u64().unwrap();
        ((count("delivered"), count("dropped")), summary["dropped_by_reason"].clone())
    };
    assert_eq!(verdicts(&first), verdicts(&second));
    assert_eq!(verdicts(&first).0, fate);
    assert_eq!(told, "", "nothing is odd about it");
}

const HTTPS: &str = r#"{ proto = "tcp", ports = "443", from = "0.0.0.0/0" }"#;
const PING: &str = r#"{ proto = "icmp", from = "0.0.0.0/0" }"#;
const ANYWHERE: &str = r#"{ proto = "all", to = "0.0.0.0/0" }"#;
const INSIDE: &str = "10.0.0.10";
const PUBLIC: &str = "198.51.100.7";
const OUTSIDE: &str = "203.0.113.5";

#[test]
fn a_host_pings_somebody_outside() {
    assert_pings([HTTPS, ANYWHERE, ""], (INSIDE, OUTSIDE), Some((OUTSIDE, PUBLIC)), (10, 0));
}

#[test]
fn a_public_server_is_pinged() {
    assert_pings([PING, "", ""], (OUTSIDE, PUBLIC), Some((INSIDE, OUTSIDE)), (10, 0));
    assert_pings([PING, ANYWHERE, ""], (OUTSIDE, PUBLIC), Some((INSIDE, OUTSIDE)), (10, 0));
}

#[test]
fn a_ping_is_refused() {
    assert_pings([HTTPS, ANYWHERE, ""], (OUTSIDE, PUBLIC), None, (0, 5));
    assert_pings([PING, "", ""], (INSIDE, OUTSIDE), None, (0, 5));
}

#[test]
fn a_network_acl_refuses_the_answers_to_pings() {
    let nacl = r#"{ rule = 90, action = "deny", proto = "icmp", to = "203.0.113.0/24" }, "#;
    assert_pings([PING, ANYWHERE, nacl], (OUTSIDE, PUBLIC), Some((INSIDE, OUTSIDE)), (5, 5));
}

/// An interface whose second address is the public one.
const TWO: &str = r#"
[eni.two]
subnet = "public"
addresses = ["10.0.0.40"]
secondary = [{ private = "10.0.0.41", public = "198.51.100.9" }]
security_groups = ["web"]
"#;

#[test]
fn a_second_address_is_found_again_behind_the_first() {
    let folder = tempfile::tempdir().unwrap();
    let [config, capture, logs, made, again] =
        ["net.toml", "in.pcap", "logs", "made.pcap", "again"].map(|name| folder.path().join(name));
    let network = NETWORK.replace("INGRESS", HTTPS).replace("EGRESS", "").replace("NACL", "") + TWO;
    std::fs::write(&config, network).unwrap();
    let mut writer = PcapWriter::new(std::fs::File::create(&capture).unwrap(), LinkType::RAW).unwrap();
    let (client, server, private) = ("203.0.113.5:51600", "198.51.100.9:443", "10.0.0.41:443");
    let segments = [(client, server, "S"), (private, client, "SA"), (client, "198.51.100.9:22", "S")];
    for (number, (src, dst, flags)) in (0_u64..).zip(segments) {
        let segment = build::tcp(src.parse().unwrap(), dst.parse().unwrap()).flags(flags.parse().unwrap()).build();
        writer.write(1_760_000_000_000_000_000 + number * 1_000_000, segment.len() as u32, &segment).unwrap();
    }
    writer.finish().unwrap();
    let (_, first, lines) = replayed(&config, &capture, &logs, &[]);
    assert_eq!(lines.iter().filter(|line| line.contains(" 10.0.0.40 ")).count(), 3, "{lines:#?}");
    rewound(&config, &logs, &made, &[]);
    let (_, second, lines_again) = replayed(&config, &made, &again, &[]);
    assert_eq!(lines, lines_again);
    for summary in [first, second] {
        assert_eq!((&summary["packets"]["delivered"], &summary["packets"]["dropped"]), (&2.into(), &1.into()));
        assert_eq!(summary["dropped_by_reason"]["ENI_SG_RULES_MISMATCH"], 1, "{summary:#}");
    }
}
