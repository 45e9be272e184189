//! Windows of flow logs at their boundaries: every packet is in one record, and its record in one file.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod common;

use std::path::Path;

use common::logs::{files, lines};
use common::vpcemu;
use vpcemu_capture::{LinkType, PcapWriter};
use vpcemu_packet::build;

/// A host that may send what it likes.
const NETWORK: &str = r#"
[vpc.main]
cidrs = ["10.0.0.0/16"]
[internet_gateway.igw]
[subnet.public]
cidrs = ["10.0.1.0/24"]
route_table = "public"
[route_table.public]
routes = [{ to = "0.0.0.0/0", via = "igw" }]
[security_group.app]
[instance.app]
subnet = "public"
addresses = ["10.0.1.5"]
public = "198.51.100.7"
security_groups = ["app"]
"#;

/// Datagrams of one flow, each a byte longer than the one before up to a thousand, at times in nanoseconds since the epoch in the order of the
/// capture; what is logged of them at the sender: first and last second, packets, bytes. And the files.
fn windows(times: &[u64], arguments: &[&str]) -> (Vec<[u64; 4]>, Vec<String>) {
    let folder = tempfile::tempdir().unwrap();
    let [config, capture] = ["network.toml", "in.pcap"].map(|name| folder.path().join(name));
    std::fs::write(&config, NETWORK).unwrap();
    let mut writer = PcapWriter::new(std::fs::File::create(&capture).unwrap(), LinkType::RAW).unwrap();
    for (number, time) in times.iter().enumerate() {
        let ends = ("10.0.1.5:5000".parse().unwrap(), "203.0.113.5:53".parse().unwrap());
        let datagram = build::udp(ends.0, ends.1).payload(&vec![0; 100 + number % 1000]).build();
        writer.write(*time, datagram.len() as u32, &datagram).unwrap();
    }
    writer.finish().unwrap();
    let mut told = Vec::new();
    for workers in ["1", "2"] {
        let logs = folder.path().join(format!("logs-{workers}"));
        let [config, capture, logs] = [&config, &capture, &logs].map(|path| path.to_str().unwrap());
        let format = "${start} ${end} ${packets} ${bytes} ${interface-id}";
        let fixed = ["replay", "-q", "-c", config, capture, "--flow-logs", logs, "--flow-log-format", format];
        let ran = vpcemu(fixed.into_iter().chain(["--workers", workers]).chain(arguments.iter().copied()));
        assert_eq!(ran.code, Some(0), "{}", ran.stderr);
        let of_sender = lines(Path::new(logs)).into_iter().filter(|line| line.ends_with(" eni-app"));
        let numbers = |line: String| -> [u64; 4] {
            let numbers: Vec<_> = line.split(' ').take(4).map(|word| word.parse().unwrap_or(0)).collect();
            numbers.try_into().unwrap()
        };
        let mut of_sender: Vec<_> = of_sender.map(numbers).collect();
        of_sender.sort_unstable();
        told.push((of_sender, files(Path::new(logs))));
    }
    assert_eq!(told[0], told[1], "the same for any number of workers");
    told.swap_remove(0)
}

const SECOND: u64 = 1_000_000_000;

/// Bytes of the packets of these numbers.
fn bytes(numbers: std::ops::Range<u64>) -> u64 {
    numbers.map(|number| 128 + number % 1000).sum()
}

#[test]
fn a_window_has_its_first_nanosecond_and_its_last() {
    for length in [60, 600] {
        let ends = length * SECOND;
        let times = [0, ends - 1, ends, 2 * ends - 1, 2 * ends, 7 * ends - 1];
        let (records, _) = windows(&times, &["--flow-log-interval", &length.to_string()]);
        let expected = [
            [0, length - 1, 2, bytes(0..2)],
            [length, 2 * length - 1, 2, bytes(2..4)],
            [2 * length, 2 * length, 1, bytes(4..5)],
            [7 * length - 1, 7 * length - 1, 1, bytes(5..6)],
        ];
        assert_eq!(records, expected, "{length}");
    }
}

#[test]
fn a_record_is_in_the_folder_of_the_day_on_which_it_ends() {
    // 2024-10-04 00:00:00 UTC.
    let midnight = 1_728_000_000;
    let times = [(midnight - 30) * SECOND, midnight * SECOND - 1, midnight * SECOND, (midnight + 200) * SECOND];
    for (interval, last) in [("60", vec![[0, 0, 1, 130], [200, 200, 1, 131]]), ("600", vec![[0, 200, 2, 261]])] {
        let (records, files) = windows(&times, &["--flow-log-interval", interval]);
        let last =
            last.into_iter().map(|[start, end, packets, bytes]| [midnight + start, midnight + end, packets, bytes]);
        let expected: Vec<_> = [[midnight - 30, midnight - 1, 2, bytes(0..2)]].into_iter().chain(last).collect();
        assert_eq!(records, expected);
        assert_eq!(files, ["2024/10/03 20241003T2355Z", "2024/10/04 20241004T0000Z"]);
    }
    // The window before midnight without traffic ends on the day after it.
    let times = [(midnight - 100) * SECOND, (midnight + 1) * SECOND];
    let (records, files) = windows(&times, &["--flow-log-interval", "60", "--flow-log-nodata"]);
    let expected = [
        [midnight - 100, midnight - 100, 1, 128],
        [midnight - 60, midnight, 0, 0],
        [midnight + 1, midnight + 1, 1, 129],
    ];
    assert_eq!(records, expected);
    assert_eq!(files, ["2024/10/03 20241003T2355Z", "2024/10/04 20241004T0000Z"]);
}

#[test]
fn a_clock_that_jumps_loses_nothing_and_counts_nothing_twice() {
    let at = |seconds: &[u64]| seconds.iter().map(|second| second * SECOND).collect::<Vec<_>>();
    let minutes = ["--flow-log-interval", "60"];
    // A jump that most of what follows takes back is none: what jumped counts where time was before. What is behind counts where
    // time is by then.
    let (records, _) = windows(&at(&[50, 100, 40, 130, 119]), &minutes);
    assert_eq!(records, [[50, 50, 1, bytes(0..1)], [100, 119, 4, bytes(1..5)]]);
    let (records, _) = windows(&at(&[100, 1_000_000, 1_000_030, 999_000, 999_001, 999_002]), &minutes);
    assert_eq!(records, [[100, 100, 3, bytes(0..3)], [999_000, 999_002, 3, bytes(3..6)]]);
    // Far ahead, and on from there.
    let (records, _) = windows(&at(&[100, 1_000_000, 1_000_030]), &minutes);
    let ahead = [[1_000_000, 1_000_000, 1, bytes(1..2)], [1_000_030, 1_000_030, 1, bytes(2..3)]];
    assert_eq!(records, [&[[100, 100, 1, bytes(0..1)]], &ahead[..]].concat());
    // Back, after more packets than are looked at together: capture time does not go back.
    let many = [&[100; 65_536][..], &[40, 101]].concat();
    let (records, _) = windows(&at(&many), &minutes);
    assert_eq!(records, [[100, 101, 65_538, bytes(0..65_538)]]);
    // A time that is taken back at once is none.
    let (records, _) = windows(&at(&[100, 1_000_000, 101, 102]), &minutes);
    assert_eq!(records, [[100, 102, 4, bytes(0..4)]]);
}
