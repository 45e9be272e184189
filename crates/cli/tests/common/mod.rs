//! The binary, run as a user would.

#![allow(dead_code, clippy::unwrap_used, reason = "every test file uses a part of it")]

pub(crate) mod logs;
pub(crate) mod observed;

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

/// What a run printed, and how it ended.
pub(crate) struct Ran {
    pub(crate) stdout: String,
    pub(crate) stderr: String,
    pub(crate) code: Option<i32>,
}

/// The top of the repository.
pub(crate) fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").canonicalize().unwrap()
}

/// Runs `vpcemu` with these arguments, in the repository.
pub(crate) fn vpcemu<I: AsRef<std::ffi::OsStr>>(arguments: impl IntoIterator<Item = I>) -> Ran {
    let output = Command::new(env!("CARGO_BIN_EXE_vpcemu")).args(arguments).current_dir(repository()).output().unwrap();
    ran(output)
}

pub(crate) fn ran(output: Output) -> Ran {
    Ran {
        stdout: String::from_utf8(output.stdout).unwrap(),
        stderr: String::from_utf8(output.stderr).unwrap(),
        code: output.status.code(),
    }
}

/// The verbs that help lists, `help` among them.
pub(crate) fn verbs() -> Vec<String> {
    let help = vpcemu(["--help"]).stdout;
    let commands = help.split_once("Commands:\n").unwrap().1;
    let lines = commands.lines().map_while(|line| line.strip_prefix("  "));
    // What a line goes on with stands further to the right.
    let first = lines.filter(|line| !line.starts_with(' ')).filter_map(|line| line.split(' ').next());
    first.map(str::to_owned).collect()
}

/// Peak resident memory of a run in KiB, and what it printed. It has to succeed.
#[cfg(target_os = "linux")]
pub(crate) fn peak_memory(arguments: &[&str]) -> (u64, String) {
    // A pipe that nobody reads would fill up.
    let printed = tempfile::NamedTempFile::new().unwrap();
    let mut child = Command::new(env!("CARGO_BIN_EXE_vpcemu"))
        .args(arguments)
        .current_dir(repository())
        .stdout(printed.reopen().unwrap())
        .spawn()
        .unwrap();
    let mut peak = 0;
    while child.try_wait().unwrap().is_none() {
        let status = std::fs::read_to_string(format!("/proc/{}/status", child.id())).unwrap_or_default();
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
        peak = peak.max(line.and_then(|line| line.trim().trim_end_matches(" kB").parse().ok()).unwrap_or(0));
        std::thread::sleep(std::time::Duration::from_millis(5));
    }
    assert!(child.wait().unwrap().success());
    (peak, std::fs::read_to_string(printed.path()).unwrap())
}

/// Whether a tool that a test needs is there. Says so when it is not; in CI it must be.
pub(crate) fn have(tool: &str) -> bool {
    let found = Command::new(tool).arg("--version").output().is_ok_and(|output| output.status.success());
    if !found {
        let required = std::env::var("VPCEMU_TEST_REQUIRE").unwrap_or_default();
        assert!(!required.split(',').any(|name| name == tool), "{tool} is required here, and missing");
        eprintln!("skipped: {tool} is not installed");
    }
    found
}

pub(crate) const CONFIG: &str = "pcaps/private-clients-nat/config.toml";
pub(crate) const CAPTURE: &str = "pcaps/private-clients-nat/app-1.pcap";
