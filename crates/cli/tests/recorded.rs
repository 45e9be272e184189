//! What flow logs recorded, judged by configurations and made into packets again.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod common;

use std::path::{Path, PathBuf};

use common::{CAPTURE, CONFIG, repository, vpcemu};
use serde_json::Value;

/// All that tells one flow of another.
const FIELDS: &str = "${version} ${interface-id} ${resource-id} ${srcaddr} ${dstaddr} ${srcport} ${dstport} ${protocol} \
                      ${packets} ${bytes} ${start} ${end} ${action} ${tcp-flags} ${pkt-srcaddr} ${pkt-dstaddr} \
                      ${flow-direction} ${log-status}";

/// Every capture of the repository, with its configuration.
fn captures() -> Vec<(PathBuf, PathBuf)> {
    let mut found = Vec::new();
    for folder in repository().join("pcaps").read_dir().unwrap().map(|entry| entry.unwrap().path()) {
        let config = folder.join("config.toml");
        if !config.exists() {
            continue;
        }
        for file in folder.read_dir().unwrap().map(|entry| entry.unwrap().path()) {
            if file.extension().is_some_and(|suffix| suffix == "pcap" || suffix == "pcapng") {
                found.push((config.clone(), file));
            }
        }
    }
    found.sort();
    found
}

/// Writes the flow logs of a replay.
fn record(config: &Path, capture: &Path, logs: &Path, more: &[&str]) {
    let paths = [config, capture, logs].map(|path| path.to_str().unwrap().to_owned());
    let [config, capture, logs] = &paths;
    let fixed = ["replay", "-q", "-c", config, capture, "--flow-logs", logs].into_iter();
    let ran = vpcemu(fixed.chain(more.iter().copied()));
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
}

/// What a configuration says of logs, and the exit code.
fn compare(config: &Path, logs: &Path) -> (Value, Option<i32>) {
    let ran =
        vpcemu(["flowlogs", "compare", "--format", "json", "-c", config.to_str().unwrap(), logs.to_str().unwrap()]);
    (serde_json::from_str(&ran.stdout).unwrap_or_else(|_| panic!("{}", ran.stderr)), ran.code)
}

#[test]
fn a_network_agrees_with_what_it_recorded_itself() {
    let (mut judged, mut left) = (0, Vec::new());
    for (config, capture) in captures() {
        let folder = tempfile::tempdir().unwrap();
        let logs = folder.path().join("logs");
        record(&config, &capture, &logs, &["--flow-log-format", FIELDS]);
        let (told, code) = compare(&config, &logs);
        assert_eq!((told["agreement"].as_f64(), code), (Some(1.0), Some(0)), "{}: {told:#}", capture.display());
        left.extend(undecided(&config, &told));
        judged += told["agreed"]["records"].as_u64().unwrap();
    }
    assert!(judged > 700, "{judged}");
    let expected = ["inspected-web-server", "nat-instance", "nat64", "nat64", "transit-hub"];
    assert_eq!(left, expected.map(|folder| (folder.to_owned(), EITHER.to_owned())));
}

/// What is said of pings to where one side may ping only.
const EITHER: &str = "it may be of pings of either side, and only one side's would pass";

/// Why records of a scenario are not judged.
fn undecided(config: &Path, told: &Value) -> Vec<(String, String)> {
    let scenario = config.parent().unwrap().file_name().unwrap().to_str().unwrap();
    let reasons = told["undecided"].as_array().unwrap().iter().map(|undecided| undecided["why"].as_str().unwrap());
    reasons.map(|why| (scenario.to_owned(), why.to_owned())).collect()
}

#[test]
fn of_the_default_format_a_network_agrees_with_what_can_be_known() {
    let (mut judged, mut left) = (0, Vec::new());
    for (config, capture) in captures() {
        let folder = tempfile::tempdir().unwrap();
        let logs = folder.path().join("logs");
        record(&config, &capture, &logs, &[]);
        let (told, code) = compare(&config, &logs);
        assert_eq!((told["agreement"].as_f64(), code), (Some(1.0), Some(0)), "{}: {told:#}", capture.display());
        left.extend(undecided(&config, &told));
        judged += told["agreed"]["records"].as_u64().unwrap();
    }
    assert!(judged > 600, "{judged}");
    left.sort();
    left.dedup();
    let forwards = "its interface forwards, and without pkt-srcaddr and pkt-dstaddr it does not tell whose packets";
    let expected = [
        ("inspected-web-server", EITHER),
        ("inspected-web-server", forwards),
        ("nat-instance", EITHER),
        ("nat-instance", forwards),
        ("nat64", EITHER),
        ("transit-hub", EITHER),
    ];
    assert_eq!(left, expected.map(|(folder, why)| (folder.to_owned(), why.to_owned())));
}

#[test]
fn after_a_change_the_flows_that_it_affects_differ_and_no_others() {
    let folder = tempfile::tempdir().unwrap();
    let (logs, changed) = (folder.path().join("logs"), folder.path().join("changed.toml"));
    record(&repository().join(CONFIG), &repository().join(CAPTURE), &logs, &["--flow-log-format", FIELDS]);
    let text = std::fs::read_to_string(repository().join(CONFIG)).unwrap();
    let rule = text.lines().find(|line| line.contains("\"udp\"") && line.contains("\"53\"")).unwrap();
    std::fs::write(&changed, text.replace(rule, "")).unwrap();
    let (told, code) = compare(&changed, &logs);
    assert_eq!(code, Some(1), "{told:#}");
    let differing = told["differing"]["records"].as_u64().unwrap();
    let mut at = Vec::new();
    for group in told["differences"].as_array().unwrap() {
        assert_eq!((&group["kind"], &group["at"]), (&"newly_denied".into(), &"eni-app-1".into()), "{group:#}");
        assert_eq!(group["reason"], "ENI_SG_RULES_MISMATCH", "{group:#}");
        at.push(["interface", "direction"].map(|name| group[name].as_str().unwrap().to_owned()));
    }
    at.sort();
    let expected = [("eni-app-1", "egress"), ("eni-app-1", "ingress"), ("eni-nat", "egress"), ("eni-nat", "ingress")];
    assert_eq!(at, expected.map(|(interface, direction)| [interface.to_owned(), direction.to_owned()]));
    // Requests and answers at the client, and at the gateway on the client's side: beyond it no record tells the client.
    let lines = lines(&logs);
    let expected = lines.iter().filter(|line| {
        let fields: Vec<_> = line.split(' ').collect();
        let [sport, dport, protocol, action] = [5, 6, 7, 12].map(|at| fields[at]);
        let of_client = [fields[14], fields[15]].contains(&"10.0.10.11");
        of_client && protocol == "17" && [sport, dport].contains(&"53") && action == "ACCEPT"
    });
    assert_eq!(differing, expected.count() as u64);
    assert!(differing > 8, "{differing}");
}

/// The lines of all files below a directory, without those of names.
fn lines(directory: &Path) -> Vec<String> {
    let (mut found, mut rest) = (Vec::new(), vec![directory.to_owned()]);
    while let Some(path) = rest.pop() {
        if path.is_dir() {
            rest.extend(path.read_dir().unwrap().map(|entry| entry.unwrap().path()));
            continue;
        }
        let mut text = String::new();
        let file = std::fs::File::open(&path).unwrap();
        std::io::Read::read_to_string(&mut flate2::read::MultiGzDecoder::new(file), &mut text).unwrap();
        found.extend(text.lines().skip(1).map(str::to_owned));
    }
    found
}

#[test]
fn records_add_up_to_what_gateways_count() {
    let folder = tempfile::tempdir().unwrap();
    for (at, (config, capture)) in captures().into_iter().enumerate() {
        let logs = folder.path().join(at.to_string());
        record(&config, &capture, &logs, &["--flow-log-format", FIELDS, "--flow-log-interval", "60"]);
        let json = ["--format", "json"];
        let ran = vpcemu(["replay", "-c", config.to_str().unwrap(), capture.to_str().unwrap()].into_iter().chain(json));
        let summary: Value = serde_json::from_str(&ran.stdout).unwrap();
        let gateways = summary["nat"].as_object().unwrap();
        let counted = |name: &str| gateways.values().map(|nat| nat[name].as_u64().unwrap()).sum::<u64>();
        let names: Vec<_> = gateways.keys().map(|id| id.replacen("nat-", "eni-", 1)).collect();
        let (mut packets, mut bytes, mut left) = (0, 0, 0);
        for line in lines(&logs) {
            let fields: Vec<_> = line.split(' ').collect();
            let own = names.iter().any(|name| name == fields[1]) || gateways.contains_key(fields[2]);
            if own && fields[16] == "egress" {
                left += fields[9].parse::<u64>().unwrap();
            }
            if own && fields[16] == "ingress" && fields[12] == "ACCEPT" {
                packets += fields[8].parse::<u64>().unwrap();
                bytes += fields[9].parse::<u64>().unwrap();
            }
        }
        // What reaches a gateway: from its clients, and from outside.
        let (from_source, from_destination) = (counted("PacketsInFromSource"), counted("PacketsInFromDestination"));
        assert_eq!(packets, from_source + from_destination, "{}", capture.display());
        let of_bytes = counted("BytesInFromSource") + counted("BytesInFromDestination");
        assert_eq!(bytes, of_bytes, "{}", capture.display());
        // Through NAT64 a packet leaves with another length than it came with. What a gateway makes itself it does not count.
        let out = counted("BytesOutToDestination") + counted("BytesOutToSource");
        // Of ICMP errors NAT64 changes what they quote, too.
        assert!(left.abs_diff(out) < 1_000, "{}: {left} {out}", capture.display());
    }
}

#[test]
fn recorded_flows_are_packets_for_the_other_verbs() {
    let folder = tempfile::tempdir().unwrap();
    let (logs, capture) = (folder.path().join("logs"), folder.path().join("recorded.pcap"));
    record(&repository().join(CONFIG), &repository().join(CAPTURE), &logs, &["--flow-log-format", FIELDS]);
    let (capture, logs) = (capture.to_str().unwrap(), logs.to_str().unwrap());
    let ran = vpcemu(["flowlogs", "replay", "-c", CONFIG, logs, "-w", capture, "--packets", "1000000"]);
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    let summary = |capture: &str| -> Value {
        let ran = vpcemu(["replay", "-c", CONFIG, capture, "--format", "json"]);
        serde_json::from_str(&ran.stdout).unwrap()
    };
    let (made, real) = (summary(capture), summary(CAPTURE));
    // As many as reached or left the client, with their bytes; what was dropped before is in no log.
    let told = made["packets"]["in"].as_u64().unwrap();
    let (first, ..) = ran.stdout.split_once(' ').unwrap();
    assert_eq!(first.parse::<u64>().unwrap(), told);
    let place = &real["delivered_to"];
    assert_eq!(made["delivered_to"]["internet"], place["internet"], "{made:#}");
    let rules = |capture: &str| -> Vec<(String, bool)> {
        let ran = vpcemu(["rules", "-c", CONFIG, capture, "--format", "json"]);
        let rows: Vec<Value> = serde_json::from_str(&ran.stdout).unwrap();
        let groups = rows.iter().filter(|row| row["kind"] == "sg");
        groups.map(|row| (row["rule"].to_string(), row["flows"].as_u64().unwrap() > 0)).collect()
    };
    // The same rules are used.
    assert_eq!(rules(capture), rules(CAPTURE));
}

/// Writes a log of as many connections, no two alike, that the configuration lets pass.
#[cfg(target_os = "linux")]
fn write_connections(path: &Path, records: u32) {
    use std::io::Write as _;
    let mut log = flate2::write::GzEncoder::new(std::fs::File::create(path).unwrap(), flate2::Compression::fast());
    writeln!(log, "version interface-id srcaddr dstaddr srcport dstport protocol action log-status").unwrap();
    let mut lines = Vec::new();
    for n in 0..records {
        let remote = std::net::Ipv4Addr::from(0x1400_0000 + n);
        writeln!(lines, "2 eni-app-1 10.0.10.11 {remote} {} 443 6 ACCEPT OK", 32_768 + n % 28_000).unwrap();
    }
    log.write_all(&lines).unwrap();
    log.finish().unwrap();
}

#[cfg(target_os = "linux")]
#[test]
fn twice_as_many_flows_take_no_more_memory() {
    let folder = tempfile::tempdir().unwrap();
    let run = |records: u32| {
        let log = folder.path().join("generated.log.gz");
        write_connections(&log, records);
        let arguments = ["flowlogs", "compare", "-c", CONFIG, log.to_str().unwrap(), "--format", "json"];
        let (peak, output) = common::peak_memory(&arguments);
        let told: Value = serde_json::from_str(&output).unwrap();
        assert_eq!(told["agreed"]["records"], records);
        peak
    };
    // More than are remembered, and twice as many. Were anything kept of each, the other 500,000 would cost more than this from
    // 34 bytes each.
    let (some, many) = (run(500_000), run(1_000_000));
    assert!(many < some + 16 * 1024, "{some} KiB for 500,000 records, {many} KiB for 1,000,000");
}

#[test]
fn what_is_no_flow_log_says_why() {
    let error = |arguments: &[&str]| {
        let ran = vpcemu(["flowlogs"].iter().chain(arguments));
        assert_eq!(ran.code, Some(2), "{arguments:?}: {}", ran.stdout);
        ran.stderr
    };
    let folder = tempfile::tempdir().unwrap();
    let log = |name: &str, text: &str| {
        let path = folder.path().join(name);
        std::fs::write(&path, text).unwrap();
        path.to_str().unwrap().to_owned()
    };
    let empty = log("empty.log", "version srcaddr dstaddr action\n");
    assert!(error(&["compare", "-c", CONFIG, &empty]).contains("no record"));
    let typo = log("typo.log", "version srcadr action\n2 10.0.0.1 ACCEPT\n");
    assert!(error(&["compare", "-c", CONFIG, &typo]).contains("srcaddr"));
    let short = log("short.log", "version srcaddr dstaddr action\n2 10.0.0.1 10.0.0.2 ACCEPT\n2 10.0.0.1\n");
    let told = error(&["compare", "-c", CONFIG, &short]);
    assert!(told.contains("short.log") && told.contains("line 3") && told.contains("the 1 records before"), "{told}");
    assert!(error(&["compare", "-c", CONFIG, &short, "--format-string", "${srcadr}"]).contains("srcaddr"));
    let ran = vpcemu(["flowlogs", "compare", "-c", CONFIG, &short, "--lenient"]);
    assert!(ran.stderr.contains("1 passed over"), "{}", ran.stderr);
    assert!(ran.stdout.contains("not judged: 1 records"), "{}", ran.stdout);
}
