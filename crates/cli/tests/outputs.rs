//! Files that are there are not lost to runs that are given their names by mistake.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod common;

use std::fs;
use std::path::Path;

use common::logs::{files, lines};
use common::{CONFIG, repository, vpcemu};

const APP_1: &str = "pcaps/private-clients-nat/app-1.pcap";
const APP_2: &str = "pcaps/private-clients-nat/app-2.pcap";

#[test]
fn a_capture_is_not_written_over_itself() {
    let folder = tempfile::tempdir().unwrap();
    let capture = folder.path().join("in.pcap");
    fs::copy(repository().join(APP_1), &capture).unwrap();
    let before = fs::read(&capture).unwrap();
    let path = capture.to_str().unwrap();
    for option in ["-w", "--verdicts", "--metrics", "--report", "--sessions"] {
        let ran = vpcemu(["replay", "-c", CONFIG, path, option, path]);
        assert_eq!(ran.code, Some(2), "{option}: {}", ran.stdout);
        assert_eq!(ran.stderr, format!("vpcemu: error: {path}: would be written over {path}, which is read\n"));
        assert_eq!(fs::read(&capture).unwrap(), before);
    }
}

#[test]
fn logs_that_cannot_be_read_cost_no_capture() {
    let folder = tempfile::tempdir().unwrap();
    let file = |name: &str, text: &str| {
        let path = folder.path().join(name);
        fs::write(&path, text).unwrap();
        path.to_str().unwrap().to_owned()
    };
    let log =
        file("mine.log", "2 1 eni-app-1 10.0.10.11 198.51.100.80 40000 443 6 3 180 1760000000 1760000010 ACCEPT OK\n");
    let (empty, kept) = (file("empty.log", ""), file("kept.pcap", "a capture"));
    let replay = |log: &str, output: &str| vpcemu(["flowlogs", "replay", "-c", CONFIG, log, "-w", output]);
    let gone = folder.path().join("gone.log");
    for (log, output) in [(&*log, &*log), (&empty, &kept), (gone.to_str().unwrap(), &kept)] {
        let before = fs::read(output).unwrap();
        let ran = replay(log, output);
        assert_eq!(ran.code, Some(2), "{log}: {}", ran.stdout);
        assert!(!ran.stdout.contains("written: "), "{}", ran.stdout);
        assert_eq!(fs::read(output).unwrap(), before);
    }
    let within = folder.path().join("out.pcap");
    let ran = replay(folder.path().to_str().unwrap(), within.to_str().unwrap());
    assert!(ran.code == Some(2) && ran.stderr.contains("every file of which is read"), "{}", ran.stderr);
    let ran = replay(&log, &kept);
    assert_eq!(ran.stdout, format!("3 packets of 1 records, of 1 that were read\nwritten: {kept}\n"));
}

#[test]
fn flow_logs_of_another_run_are_left_where_they_are() {
    let folder = tempfile::tempdir().unwrap();
    let run = |capture: &str| {
        let logs = folder.path().to_str().unwrap();
        let ran = vpcemu(["replay", "-q", "-c", CONFIG, capture, "--flow-logs", logs]);
        assert_eq!(ran.code, Some(0), "{}", ran.stderr);
        (ran.stderr, lines(folder.path()).len(), files(folder.path()).len())
    };
    let (said, first, files) = run(APP_1);
    assert_eq!((&*said, files), ("", 1));
    assert_eq!(run(APP_1), (String::new(), first, 1), "the same is the same file");
    let (said, both, files) = run(APP_2);
    assert!(said.ends_with("has 1 file of another run for the same minutes as well\n"), "{said}");
    assert!(both > first && files == 2);
}

#[test]
fn what_cannot_be_written_is_told_before_the_work_is_done() {
    let folder = tempfile::tempdir().unwrap();
    let report = folder.path().join("late.html");
    for option in ["--metrics", "--report"] {
        let ran = vpcemu(["replay", "-c", CONFIG, APP_1, option, "/nonexistent/x"]);
        assert_eq!((ran.code, &*ran.stdout), (Some(2), ""));
        assert!(ran.stderr.contains("/nonexistent/x: cannot be written"), "{}", ran.stderr);
    }
    // A disk that is full when all is done costs neither the summary nor the page.
    let full = Path::new("/dev/full");
    if full.exists() {
        let ran =
            vpcemu(["replay", "-c", CONFIG, APP_1, "--metrics", "/dev/full", "--report", report.to_str().unwrap()]);
        assert_eq!(ran.code, Some(2));
        assert!(
            ran.stdout.contains("packets in") && ran.stderr.contains("/dev/full: cannot be written"),
            "{}",
            ran.stderr
        );
        assert!(fs::read_to_string(&report).unwrap().ends_with("</html>\n"));
    }
    let both = folder.path().join("both");
    let both = both.to_str().unwrap();
    let ran = vpcemu(["replay", "-c", CONFIG, APP_1, "--metrics", both, "--report", both]);
    assert_eq!(ran.stderr, format!("vpcemu: error: {both}: would be written over {both}, which is written too\n"));
    let later = folder.path().join("later.toml");
    fs::copy(repository().join(CONFIG), &later).unwrap();
    let then = format!("+1={}", later.display());
    let ran = vpcemu(["replay", "-c", CONFIG, APP_1, "--then", &then, "-w", later.to_str().unwrap()]);
    assert!(ran.stderr.ends_with("later.toml, which is read\n"), "{}", ran.stderr);
}
