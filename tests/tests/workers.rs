//! Any number of workers gives the same bytes, and more than one of them is really busy.

mod common;

use common::{Replayed, generated, replay, worked_example};

/// Clients, remotes, openings: enough for every kind of state, and for two windows of the pipeline.
const PACKETS: usize = 150_000;

fn run(workers: usize) -> Replayed {
    let folder = tempfile::tempdir().unwrap();
    let capture = folder.path().join("generated.pcap");
    common::write_capture(&capture, generated(PACKETS, 7));
    replay(&folder, worked_example(), &[capture], |options| options.workers = workers)
}

#[test]
fn one_two_and_eight_workers_write_the_same_bytes() {
    let one = run(1);
    assert_eq!(one.finished.summary.packets.input, PACKETS as u64);
    assert!(one.finished.summary.packets.delivered > PACKETS as u64 / 2);
    for workers in [2, 8] {
        let several = run(workers);
        assert!(several.verdicts == one.verdicts, "verdicts differ with {workers} workers");
        assert!(several.packets == one.packets, "packets differ with {workers} workers");
        let text = |replayed: &Replayed| {
            let mut summary = serde_json::to_value(&replayed.finished.summary).unwrap();
            summary["run"] = serde_json::Value::Null;
            summary.to_string()
        };
        assert_eq!(text(&several), text(&one));
        let busy = several.finished.summary.run.packets_per_worker.iter().filter(|packets| **packets > 1000).count();
        assert!(busy > 1, "only {busy} of {workers} workers had work");
    }
}

#[test]
fn what_goes_in_comes_out_or_is_dropped_with_a_reason() {
    let replayed = run(2);
    let summary = &replayed.finished.summary;
    let dropped: u64 = summary.dropped_by_reason.values().sum();
    let delivered: u64 = summary.delivered_to.values().sum();
    assert_eq!(dropped, summary.packets.dropped);
    assert_eq!(delivered, summary.packets.delivered);
    assert_eq!(summary.packets.input, delivered + dropped + summary.packets.held);
    let lines = replayed.verdicts.lines().map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap());
    let (mut n, mut allowed, mut denied) = (0, 0, 0);
    for line in lines {
        if line["n"].is_null() {
            continue;
        }
        n += 1;
        assert_eq!(line["n"], n);
        match line["verdict"].as_str() {
            Some("allow") => {
                allowed += 1;
                assert!(line["out"].is_string() && line["reason"].is_null(), "{line}");
            }
            Some("deny") => {
                denied += 1;
                assert!(line["out"].is_null() && line["reason"].is_string(), "{line}");
            }
            other => panic!("{other:?}"),
        }
    }
    assert_eq!((n, allowed, denied), (summary.packets.input, delivered, dropped));
}
