//! Verdicts of a replay beside those of a golden file, packet by packet.

use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};

use serde_json::Value;
use vpcemu_replay::{Listener, Report};

/// Packets that are shown of those that differ: enough to see a pattern, few enough to read.
pub(super) const SHOWN: usize = 3;

/// A packet whose verdict differs.
#[derive(Debug)]
pub(super) struct Difference {
    pub(super) n: u64,
    /// Its line in the golden.
    pub(super) line: u64,
    /// Each key that differs, as a sentence.
    pub(super) keys: Vec<String>,
}

/// A comparison under way.
#[derive(Debug)]
pub(super) struct Comparison {
    path: PathBuf,
    lines: std::io::Lines<BufReader<File>>,
    /// The line that comes next, with its number.
    next: Option<(u64, String)>,
    number: u64,
    buffer: Vec<u8>,
    /// The first packets that differ.
    pub(super) differences: Vec<Difference>,
    /// How many there are.
    pub(super) differing: u64,
    pub(super) packets: u64,
    /// Whether nothing differs but ports of translated packets.
    pub(super) only_ports: bool,
    /// Why the golden is none of this capture.
    pub(super) broken: Option<String>,
}

impl Comparison {
    /// Opens a golden.
    pub(super) fn open(path: &Path) -> std::io::Result<Self> {
        let mut comparison = Self {
            path: path.to_owned(),
            lines: BufReader::new(File::open(path)?).lines(),
            next: None,
            number: 0,
            buffer: Vec::new(),
            differences: Vec::new(),
            differing: 0,
            packets: 0,
            only_ports: true,
            broken: None,
        };
        comparison.advance();
        Ok(comparison)
    }

    /// Why the golden cannot be compared with, once everything has been heard.
    pub(super) fn finish(&mut self) -> Option<String> {
        if self.broken.is_none() && self.next.is_some() {
            let mut more = 0;
            while let Some((_, line)) = &self.next {
                more += u64::from(!is_generated(line));
                self.advance();
            }
            let packets = self.packets;
            self.refuse(format!("it goes on for {more} packets after the {packets} of the capture"));
        }
        self.broken.take()
    }

    fn refuse(&mut self, why: String) {
        let told = format!("{}: this is no golden of the capture: {why}", self.path.display());
        self.broken.get_or_insert(told);
    }

    fn advance(&mut self) {
        self.next = match self.lines.next() {
            Some(Ok(line)) => {
                self.number += 1;
                Some((self.number, line))
            }
            Some(Err(error)) => {
                self.refuse(format!("line {}: {error}", self.number + 1));
                None
            }
            None => None,
        };
    }

    fn packet(&mut self, n: u64, timestamp: &str, line: &[u8], made: Option<Vec<u8>>) {
        let Some((number, golden)) = self.next.take() else {
            return self.refuse(format!("it ends before packet {n}"));
        };
        let mut keys = Vec::new();
        if golden.as_bytes() != line {
            let expected = match object(&golden) {
                Ok(expected) => expected,
                Err(error) => return self.refuse(format!("line {number} is no verdict: {error}")),
            };
            if expected.get("steps").is_some() {
                return self.refuse("it holds steps, as `replay -v` writes them, which are not compared".to_owned());
            }
            if expected.get("n").and_then(Value::as_u64) != Some(n) {
                let there = expected.get("n").map_or_else(|| "none".to_owned(), Value::to_string);
                return self.refuse(format!("line {number} is of packet {there}, and packet {n} is next"));
            }
            if expected.get("ts").and_then(Value::as_str) != Some(timestamp) {
                let there = expected.get("ts").map_or_else(|| "none".to_owned(), Value::to_string);
                return self.refuse(format!("packet {n} has time {there} there, and {timestamp} in the capture"));
            }
            self.compare("", &expected, line, &mut keys);
        }
        self.advance();
        let golden_made = self.next.take_if(|(_, line)| is_generated(line));
        if golden_made.is_some() {
            self.advance();
        }
        match (golden_made, made) {
            (None, None) => {}
            (Some((_, expected)), Some(actual)) => {
                if expected.as_bytes() != actual {
                    match object(&expected) {
                        Ok(expected) => self.compare("the packet made because of it: ", &expected, &actual, &mut keys),
                        Err(error) => return self.refuse(format!("line {} is no verdict: {error}", number + 1)),
                    }
                }
            }
            (Some((_, expected)), None) => {
                self.only_ports = false;
                keys.push(format!("it should cause a {}, but causes nothing", kind(expected.as_bytes())));
            }
            (None, Some(actual)) => {
                self.only_ports = false;
                keys.push(format!("it should cause nothing, but causes a {}", kind(&actual)));
            }
        }
        if !keys.is_empty() {
            self.differing += 1;
            if self.differences.len() < SHOWN {
                self.differences.push(Difference { n, line: number, keys });
            }
        }
    }

    fn compare(&mut self, what: &str, expected: &Value, line: &[u8], keys: &mut Vec<String>) {
        let actual: Value = serde_json::from_slice(line).unwrap_or_default();
        let of = |value: &Value| value.as_object().cloned().unwrap_or_default();
        let (expected, actual) = (of(expected), of(&actual));
        let all: std::collections::BTreeSet<_> = expected.keys().chain(actual.keys()).collect();
        for key in all {
            let (wanted, got) = (expected.get(key), actual.get(key));
            if wanted != got {
                let text = |value: Option<&Value>| value.map_or_else(|| "absent".to_owned(), Value::to_string);
                self.only_ports &= differs_in_ports(wanted, got);
                keys.push(format!("{what}{key} should be {}, but is {}", text(wanted), text(got)));
            }
        }
        if keys.is_empty() {
            // The same values, written otherwise.
            self.only_ports = false;
            keys.push(format!("{what}the line is written otherwise"));
        }
    }
}

impl Listener for Comparison {
    fn packet(&mut self, report: &Report<'_>) {
        self.packets += 1;
        if self.broken.is_some() {
            return;
        }
        let mut buffer = std::mem::take(&mut self.buffer);
        buffer.clear();
        report.line().write_json(&mut buffer);
        let made = report.generated_line().map(|line| {
            let mut made = Vec::new();
            line.write_json(&mut made);
            made.pop();
            made
        });
        let time = report.timestamp();
        let time = format!("{}.{:09}", time / 1_000_000_000, time % 1_000_000_000);
        // Without the line feed, which a line of the golden has lost too.
        let line = buffer.strip_suffix(b"\n").unwrap_or(&buffer);
        self.packet(report.stamp().n, &time, line, made);
        self.buffer = buffer;
    }
}

fn object(line: &str) -> Result<Value, String> {
    match serde_json::from_str(line) {
        Ok(value @ Value::Object(_)) => Ok(value),
        Ok(_) => Err("it is no JSON object".to_owned()),
        Err(error) => Err(error.to_string()),
    }
}

/// Whether a line is of a packet that the emulator made: such a one has no number.
fn is_generated(line: &str) -> bool {
    line.starts_with("{\"n\":null,\"cause\"")
}

fn kind(line: &[u8]) -> String {
    let value: Value = serde_json::from_slice(line).unwrap_or_default();
    value.get("kind").and_then(Value::as_str).unwrap_or("packet").to_owned()
}

/// Whether two values are ends, or pairs of ends, that have the same addresses.
fn differs_in_ports(wanted: Option<&Value>, got: Option<&Value>) -> bool {
    match (wanted, got) {
        (Some(Value::String(wanted)), Some(Value::String(got))) => {
            let address = |text: &str| text.parse::<std::net::SocketAddr>().ok().map(|socket| socket.ip());
            address(wanted).is_some() && address(wanted) == address(got)
        }
        (Some(Value::Object(wanted)), Some(Value::Object(got))) => {
            let same =
                |key: &String| wanted.get(key) == got.get(key) || differs_in_ports(wanted.get(key), got.get(key));
            wanted.len() == got.len() && wanted.keys().all(same)
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ports_are_told_apart_from_addresses() {
        let differs = |wanted: &str, got: &str| {
            let parse = |text| serde_json::from_str::<Value>(text).unwrap_or_default();
            differs_in_ports(Some(&parse(wanted)), Some(&parse(got)))
        };
        assert!(differs("\"192.0.2.1:5\"", "\"192.0.2.1:6\""));
        assert!(differs("\"[2001:db8::1]:5\"", "\"[2001:db8::1]:6\""));
        assert!(!differs("\"192.0.2.1:5\"", "\"192.0.2.2:5\""));
        assert!(!differs("\"allow\"", "\"deny\""));
        let (from, to) = (
            "{\"src\":\"192.0.2.1:5\",\"dst\":\"192.0.2.9:80\"}",
            "{\"src\":\"192.0.2.1:6\",\"dst\":\"192.0.2.9:80\"}",
        );
        assert!(differs(from, to));
        assert!(!differs(from, "null"));
    }
}
