//! `vpcemu bench`: every scenario gives a row that adds up, pages need nothing from outside, bad usage is told.

#![allow(clippy::unwrap_used, reason = "helpers of tests")]

mod common;

use common::{CAPTURE, CONFIG, vpcemu};
use serde_json::Value;

const SCENARIOS: [&str; 10] =
    ["igw", "nat-established", "nat-new", "sg-established", "nacl", "eigw", "vpc-path", "flow-logs", "churn", "replay"];

/// Rows of a run that has to succeed.
#[track_caller]
fn rows(arguments: &[&str]) -> Vec<Value> {
    let (rows, told) = rows_and_warnings(arguments);
    assert_eq!(told, "", "{arguments:?}");
    rows
}

#[track_caller]
fn rows_and_warnings(arguments: &[&str]) -> (Vec<Value>, String) {
    let ran = vpcemu(["bench", "--seconds", "0.01", "--format", "json"].iter().chain(arguments));
    assert_eq!(ran.code, Some(0), "{arguments:?}: {}", ran.stderr);
    (serde_json::from_str(&ran.stdout).unwrap(), ran.stderr)
}

#[track_caller]
fn number(row: &Value, path: &str) -> f64 {
    row.pointer(path).and_then(Value::as_f64).unwrap_or_else(|| panic!("{path} is no number in {row}"))
}

/// What every row has, whatever it measures.
#[track_caller]
fn adds_up(row: &Value) {
    let packets = number(row, "/packets");
    assert!(packets > 0.0);
    assert_eq!(number(row, "/cache_hits") + number(row, "/cache_misses"), packets, "{row}");
    assert_eq!(number(row, "/delivered") + number(row, "/dropped"), packets, "{row}");
    for figure in ["/ns_per_packet", "/reference_ns"] {
        let (min, median) = (number(row, &format!("{figure}/min")), number(row, &format!("{figure}/median")));
        assert!(min > 0.0 && min <= median, "{row}");
    }
    assert!(number(row, "/mpps") > 0.0 && number(row, "/gbps") > 0.0);
    assert!(number(row, "/new_flows") <= number(row, "/cache_misses"));
    if row["scenario"] == "replay" {
        assert!(row["latency_ns"].is_null() && row["bytes_per_connection"].is_null(), "{row}");
    } else {
        let latency = |which: &str| number(row, &format!("/latency_ns/{which}"));
        assert!(latency("p50") > 0.0 && latency("p50") <= latency("p99") && latency("p99") <= latency("p999"), "{row}");
        number(row, "/bytes_per_connection");
    }
}

#[test]
fn every_scenario_gives_a_row_that_adds_up() {
    let all = rows(&["--flows", "100"]);
    let names: Vec<_> = all.iter().map(|row| row["scenario"].as_str().unwrap()).collect();
    assert_eq!(names, SCENARIOS, "all of them by default");
    for row in &all {
        adds_up(row);
        assert_eq!((number(row, "/flows"), number(row, "/workers"), number(row, "/size")), (100.0, 1.0, 64.0));
        let (packets, new) = (number(row, "/packets"), number(row, "/new_flows"));
        match row["scenario"].as_str().unwrap() {
            "nat-new" => assert_eq!(new, packets, "{row}"),
            "churn" => assert!(new > packets * 0.09 && new < packets * 0.11, "{row}"),
            "replay" => assert_eq!(new, 500.0, "five runs of a hundred flows: {row}"),
            _ => assert_eq!((new, number(row, "/cache_misses")), (0.0, 0.0), "{row}"),
        }
    }
}

#[test]
fn rows_are_the_product_of_what_is_asked_for() {
    let all = rows(&["eigw", "nat-new", "--flows", "1,40", "--workers", "1,2", "--size", "imix", "--remotes", "7"]);
    let found: Vec<_> = all
        .iter()
        .map(|row| {
            adds_up(row);
            assert_eq!((row["size"].as_str(), number(row, "/remotes")), (Some("imix"), 7.0));
            (row["scenario"].as_str().unwrap(), number(row, "/flows") as u64, number(row, "/workers") as u64)
        })
        .collect();
    let wanted: Vec<_> = ["eigw", "nat-new"]
        .into_iter()
        .flat_map(|name| [(name, 1, 1), (name, 1, 2), (name, 40, 1), (name, 40, 2)])
        .collect();
    assert_eq!(found, wanted);
}

#[test]
fn full_packets_and_many_rules() {
    let all =
        rows(&["nacl", "vpc-path", "sg-established", "replay", "--flows", "50", "--size", "1500", "--rules", "300"]);
    for row in &all {
        adds_up(row);
        assert_eq!((number(row, "/size"), number(row, "/rules")), (1500.0, 300.0));
        let bits = 8.0 * 1500.0 / number(row, "/ns_per_packet/median");
        assert!((number(row, "/gbps") - bits).abs() < 0.01 * bits + 0.01, "{row}");
    }
}

#[test]
fn your_own_network_and_packets() {
    let (all, told) = rows_and_warnings(&["-c", CONFIG, "--capture", CAPTURE, "--workers", "1,2"]);
    assert_eq!((all.len(), told.matches("2 of 173 packets are left out").count()), (2, 1), "{told}");
    for row in &all {
        adds_up(row);
        assert_eq!(row["scenario"], "capture");
        assert!(number(row, "/delivered") > 0.0, "{row}");
    }
    let (flows, remotes) = (number(&all[0], "/flows"), number(&all[0], "/remotes"));
    let (spread, _) = rows_and_warnings(&["-c", CONFIG, "--capture", CAPTURE, "--remotes", "100"]);
    adds_up(&spread[0]);
    assert_eq!(number(&spread[0], "/remotes"), 100.0);
    assert!(remotes < 100.0 && number(&spread[0], "/flows") > flows, "{}", spread[0]);
}

#[test]
fn the_page_needs_nothing_from_outside() {
    let folder = tempfile::tempdir().unwrap();
    let page = folder.path().join("bench.html");
    let arguments = ["bench", "igw", "replay", "--flows", "1,10", "--seconds", "0.01", "--html"];
    let ran = vpcemu(arguments.iter().map(AsRef::as_ref).chain([page.as_os_str()]));
    assert_eq!((ran.code, ran.stderr.as_str()), (Some(0), ""));
    assert!(ran.stdout.contains("reference") && ran.stdout.contains("igw"), "{}", ran.stdout);
    let html = std::fs::read_to_string(page).unwrap();
    assert!(html.starts_with("<!doctype html>") && html.ends_with("</html>\n"));
    for outside in ["http:", "https:", "src=", "href=", "@import", "url(", "<script", "<link"] {
        assert!(!html.contains(outside), "`{outside}` is in the page");
    }
    // Two plots, and four rows below the header of the table.
    assert_eq!((html.matches("<svg").count(), html.matches("<tr>").count()), (2, 5));
    assert!(html.matches("<polyline").count() == 3 && !html.contains("NaN") && !html.contains("inf"));
}

#[test]
fn bad_usage_is_told() {
    let missing = "no/such/capture.pcap";
    let cases: [(&[&str], &str); 13] = [
        (&["--flows", "0"], "--flows 0: expected 1 to 16000000"),
        (&["--workers", "0"], "--workers 0: expected 1 to 256"),
        (&["--workers", "1,257"], "--workers 257: expected 1 to 256"),
        (&["--rules", "0"], "--rules 0: expected 1 to 10000"),
        (&["--remotes", "0"], "--remotes 0: expected 1 to 131072"),
        (&["--seconds", "0"], "--seconds 0: expected more than 0"),
        (&["--seconds", "nan"], "--seconds NaN: expected more than 0"),
        (&["nat-new", "--flows", "50001", "--remotes", "1"], "--flows 50001 with 1 remotes: at most 50000 flows"),
        (&["throughput"], "invalid value 'throughput'"),
        (&["-c", CONFIG], "--capture"),
        (&["--capture", CAPTURE], "--config"),
        (&["igw", "-c", CONFIG, "--capture", CAPTURE], "cannot be used with"),
        (&["-c", CONFIG, "--capture", missing], missing),
    ];
    for (arguments, words) in cases {
        let ran = vpcemu(["bench"].iter().chain(arguments));
        assert_eq!(ran.code, Some(2), "{arguments:?}: {}", ran.stderr);
        assert!(ran.stderr.contains(words), "{arguments:?}: `{words}` is not in: {}", ran.stderr);
        assert!(ran.stdout.is_empty() && !ran.stderr.contains("panicked"), "{}", ran.stderr);
    }
    let ran = vpcemu(["bench", "-c", CONFIG, "--capture", CAPTURE, "--remotes", "1"]);
    assert_eq!(ran.code, Some(2));
    assert!(ran.stderr.contains("remotes already"), "{}", ran.stderr);
    let ran = vpcemu(["bench", "igw", "--flows", "1", "--seconds", "0.01", "--html", "no/such/folder/page.html"]);
    assert_eq!(ran.code, Some(2));
    assert!(ran.stderr.contains("no/such/folder/page.html: the page cannot be written"), "{}", ran.stderr);
}
