//! Verdicts of a replay beside those of a golden file, packet by packet.

use std::collections::HashSet;
use std::fs::File;
use std::io::{BufRead, BufReader};
use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};

use serde_json::Value;
use vpcemu_model::{NatGateway, Network};
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
    /// Whether nothing differs but what a seed chooses.
    pub(super) only_seeded: bool,
    /// Whether addresses of a translator differ, too, and not its ports alone.
    pub(super) addresses: bool,
    /// The addresses of each translator: it takes one of them for a flow.
    pools: Vec<HashSet<IpAddr>>,
    /// Why the golden is none of this capture.
    pub(super) broken: Option<String>,
}

impl Comparison {
    /// Opens a golden of verdicts in these networks.
    pub(super) fn open(path: &Path, networks: &[Network]) -> std::io::Result<Self> {
        let mut comparison = Self {
            path: path.to_owned(),
            lines: BufReader::new(File::open(path)?).lines(),
            next: None,
            number: 0,
            buffer: Vec::new(),
            differences: Vec::new(),
            differing: 0,
            packets: 0,
            only_seeded: true,
            addresses: false,
            pools: pools(networks),
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
                self.only_seeded = false;
                keys.push(format!("it should cause a {}, but causes nothing", kind(expected.as_bytes())));
            }
            (None, Some(actual)) => {
                self.only_seeded = false;
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
                match seeded(&self.pools, wanted, got) {
                    Some(Seeded::Port) => {}
                    Some(Seeded::Address) => self.addresses = true,
                    None => self.only_seeded = false,
                }
                keys.push(format!("{what}{key} should be {}, but is {}", text(wanted), text(got)));
            }
        }
        if keys.is_empty() {
            // The same values, written otherwise.
            self.only_seeded = false;
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

/// What a seed chooses for a flow.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
enum Seeded {
    Port,
    /// Also one of several addresses.
    Address,
}

/// How two values differ that are ends, or pairs of ends, if another seed can be why.
fn seeded(pools: &[HashSet<IpAddr>], wanted: Option<&Value>, got: Option<&Value>) -> Option<Seeded> {
    match (wanted?, got?) {
        (Value::String(wanted), Value::String(got)) => {
            // ICMP has no ports: its ends are addresses alone.
            let address = |text: &str| {
                let socket = text.parse::<SocketAddr>().map(|socket| socket.ip());
                socket.or_else(|_| text.parse()).ok()
            };
            let (wanted, got) = (address(wanted)?, address(got)?);
            if wanted == got {
                return Some(Seeded::Port);
            }
            pools.iter().any(|pool| pool.contains(&wanted) && pool.contains(&got)).then_some(Seeded::Address)
        }
        (Value::Object(wanted), Value::Object(got)) if wanted.len() == got.len() => {
            let differing = wanted.iter().filter(|(key, value)| got.get(*key) != Some(*value));
            differing
                .map(|(key, value)| seeded(pools, Some(value), got.get(key)))
                .try_fold(Seeded::Port, |worst, it| Some(worst.max(it?)))
        }
        _ => None,
    }
}

/// The addresses of each NAT gateway, translated and public.
fn pools(networks: &[Network]) -> Vec<HashSet<IpAddr>> {
    let gateways = networks.iter().flat_map(|network| &network.nat_gateways);
    let addresses = |gateway: &NatGateway| {
        gateway.addresses.iter().flat_map(|it| [Some(it.translated), it.public]).flatten().map(IpAddr::V4).collect()
    };
    gateways.map(addresses).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ports_are_told_apart_from_addresses() {
        let pool: HashSet<IpAddr> = ["192.0.2.41", "192.0.2.42"].map(|text| text.parse().unwrap()).into();
        let compared = |wanted: &str, got: &str| {
            let parse = |text| serde_json::from_str::<Value>(text).unwrap_or_default();
            seeded(std::slice::from_ref(&pool), Some(&parse(wanted)), Some(&parse(got)))
        };
        let differs = |wanted: &str, got: &str| compared(wanted, got) == Some(Seeded::Port);
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
        // One translator's addresses, and only those.
        assert_eq!(compared("\"192.0.2.41:5\"", "\"192.0.2.42:6\""), Some(Seeded::Address));
        assert_eq!(compared("\"192.0.2.41\"", "\"192.0.2.42\""), Some(Seeded::Address));
        assert_eq!(compared("\"192.0.2.41:5\"", "\"192.0.2.43:5\""), None);
        let by = |src: &str, dst: &str| format!("{{\"src\":\"{src}\",\"dst\":\"{dst}\"}}");
        let compared = |wanted: [&str; 2], got: [&str; 2]| compared(&by(wanted[0], wanted[1]), &by(got[0], got[1]));
        let far = "198.51.100.7:80";
        assert_eq!(compared(["192.0.2.41:5", far], ["192.0.2.42:6", far]), Some(Seeded::Address));
        assert_eq!(compared(["192.0.2.41:5", far], ["192.0.2.42:6", "198.51.100.8:80"]), None);
    }
}
