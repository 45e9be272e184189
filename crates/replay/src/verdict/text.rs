//! Verdicts as text: the NDJSON line of a packet, and the comment that packet outputs carry. Both are written straight into a
//! buffer: one is made for every packet, and the formatting machinery would take longer than all else that is done for it.

use std::io::Write;
use std::net::IpAddr;

use vpcemu_packet::{TcpFlags, protocol_name};

use super::{Ends, RuleText, StepLine, VerdictLine};

impl VerdictLine<'_> {
    /// Appends the line of `--verdicts`: a JSON object and a line feed.
    pub fn write_json(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(b"{\"n\":");
        optional_number(out, self.n);
        if let Some(cause) = self.cause {
            out.extend_from_slice(b",\"cause\":");
            number(out, cause);
        }
        if let Some(kind) = self.kind {
            out.extend_from_slice(b",\"kind\":");
            plain(out, Some(kind));
        }
        out.extend_from_slice(b",\"ts\":\"");
        timestamp(out, self.timestamp);
        out.extend_from_slice(b"\",\"in\":");
        string(out, self.ingress);
        out.extend_from_slice(b",\"vantage\":");
        plain(out, self.vantage);
        out.extend_from_slice(b",\"proto\":");
        match self.protocol {
            Some(protocol) => match protocol_name(protocol) {
                Some(name) => plain(out, Some(name)),
                None => {
                    out.push(b'"');
                    number(out, protocol.into());
                    out.push(b'"');
                }
            },
            None => plain(out, None),
        }
        match &self.ends {
            Some(ends) => {
                out.extend_from_slice(b",\"src\":\"");
                endpoint(out, ends.src);
                out.extend_from_slice(b"\",\"dst\":\"");
                endpoint(out, ends.dst);
                out.push(b'"');
            }
            None => out.extend_from_slice(b",\"src\":null,\"dst\":null"),
        }
        if let Some(captured) = &self.captured {
            out.extend_from_slice(b",\"captured\":");
            ends(out, captured);
        }
        out.extend_from_slice(b",\"flags\":");
        match self.flags {
            Some(letters) => {
                out.push(b'"');
                flags(out, letters);
                out.push(b'"');
            }
            None => plain(out, None),
        }
        out.extend_from_slice(b",\"len\":");
        number(out, self.len.into());
        out.extend_from_slice(b",\"verdict\":");
        plain(out, Some(self.verdict));
        out.extend_from_slice(b",\"reason\":");
        plain(out, self.reason);
        out.extend_from_slice(b",\"at\":");
        string(out, self.at);
        out.extend_from_slice(b",\"dir\":");
        plain(out, self.dir);
        out.extend_from_slice(b",\"rule\":");
        rule(out, self.rule.as_ref());
        out.extend_from_slice(b",\"out\":");
        string(out, self.out);
        out.extend_from_slice(b",\"xlate\":");
        match &self.xlate {
            Some(xlate) => ends(out, xlate),
            None => plain(out, None),
        }
        out.extend_from_slice(b",\"conn\":");
        optional_number(out, self.conn);
        out.extend_from_slice(b",\"state\":");
        plain(out, self.state);
        if let Some(after) = self.after {
            out.extend_from_slice(b",\"after\":");
            number(out, after);
        }
        if let Some(assumed) = self.assumed {
            out.extend_from_slice(b",\"assumed\":[");
            plain(out, Some(assumed));
            out.push(b']');
        }
        if let Some(pieces) = self.pieces {
            out.extend_from_slice(b",\"pieces\":");
            number(out, pieces.into());
        }
        for (index, step) in self.steps.iter().enumerate() {
            out.extend_from_slice(if index == 0 { b",\"steps\":[" } else { b"," });
            step.write_json(out);
        }
        if !self.steps.is_empty() {
            out.push(b']');
        }
        out.extend_from_slice(b"}\n");
    }

    /// Appends the comment that packet outputs carry: the line as `k=v` pairs. With steps it ends in `path`, the components
    /// that the packet met, and `rules`, those of their rules that decided: `path=eni-a>acl-b>rtb-c>nat-d`,
    /// `rules=eni-a:egress#sgr-1,acl-b:egress#100,rtb-c#0.0.0.0/0`.
    pub fn write_comment(&self, out: &mut Vec<u8>) {
        let start = out.len();
        let pair = |out: &mut Vec<u8>, key: &str| {
            if out.len() > start {
                out.push(b' ');
            }
            out.extend_from_slice(key.as_bytes());
            out.push(b'=');
        };
        let text = |out: &mut Vec<u8>, key: &str, value: Option<&str>| {
            if let Some(value) = value {
                pair(out, key);
                out.extend_from_slice(value.as_bytes());
            }
        };
        let count = |out: &mut Vec<u8>, key: &str, value: Option<u64>| {
            if let Some(value) = value {
                pair(out, key);
                number(out, value);
            }
        };
        let way = |out: &mut Vec<u8>, key: &str, value: &Option<Ends>| {
            if let Some(ends) = value {
                pair(out, key);
                endpoint(out, ends.src);
                out.push(b'>');
                endpoint(out, ends.dst);
            }
        };
        count(out, "n", self.n);
        count(out, "cause", self.cause);
        text(out, "kind", self.kind);
        text(out, "verdict", Some(self.verdict));
        text(out, "reason", self.reason);
        text(out, "at", self.at);
        text(out, "dir", self.dir);
        match &self.rule {
            Some(RuleText::Number(rule)) => count(out, "rule", Some((*rule).into())),
            Some(RuleText::Id(rule)) => text(out, "rule", Some(rule)),
            Some(RuleText::Route(rule)) => text(out, "rule", Some(rule)),
            None => {}
        }
        text(out, "in", self.ingress);
        text(out, "vantage", self.vantage);
        text(out, "out", self.out);
        way(out, "captured", &self.captured);
        way(out, "pkt", &self.ends);
        way(out, "xlate", &self.xlate);
        count(out, "conn", self.conn);
        text(out, "state", self.state);
        count(out, "after", self.after);
        text(out, "assumed", self.assumed);
        count(out, "pieces", self.pieces.map(u64::from));
        if !self.steps.is_empty() {
            pair(out, "path");
            self.write_path(out);
        }
        if self.steps.iter().any(|step| step.rule.is_some()) {
            pair(out, "rules");
            self.write_rules(out);
        }
    }

    /// Components in the order in which the packet met them. One that looked at it twice in a row is there once.
    fn write_path(&self, out: &mut Vec<u8>) {
        let mut last = None;
        for step in &self.steps {
            match last.replace(step.hop) {
                Some(hop) if hop == step.hop => continue,
                Some(_) => out.push(b'>'),
                None => {}
            }
            out.extend_from_slice(step.hop.as_bytes());
        }
    }

    /// The rules that decided, each behind its component and direction.
    fn write_rules(&self, out: &mut Vec<u8>) {
        let ruled = self.steps.iter().filter_map(|step| Some((step, step.rule.as_ref()?)));
        for (index, (step, rule)) in ruled.enumerate() {
            if index > 0 {
                out.push(b',');
            }
            out.extend_from_slice(step.hop.as_bytes());
            if let Some(dir) = step.dir {
                out.push(b':');
                out.extend_from_slice(dir.as_bytes());
            }
            out.push(b'#');
            match rule {
                RuleText::Number(rule) => number(out, (*rule).into()),
                RuleText::Id(rule) => out.extend_from_slice(rule.as_bytes()),
                // Where it leads is the next component.
                RuleText::Route(rule) => {
                    out.extend_from_slice(rule.split(' ').next().unwrap_or_default().as_bytes());
                }
            }
        }
    }
}

impl StepLine<'_> {
    fn write_json(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(b"{\"hop\":");
        string(out, Some(self.hop));
        out.extend_from_slice(b",\"kind\":");
        plain(out, Some(self.kind));
        out.extend_from_slice(b",\"dir\":");
        plain(out, self.dir);
        out.extend_from_slice(b",\"verdict\":");
        plain(out, Some(self.verdict));
        out.extend_from_slice(b",\"rule\":");
        rule(out, self.rule.as_ref());
        out.push(b'}');
    }
}

/// A string that the program has and that needs no escaping.
fn plain(out: &mut Vec<u8>, text: Option<&'static str>) {
    match text {
        Some(text) => {
            out.push(b'"');
            out.extend_from_slice(text.as_bytes());
            out.push(b'"');
        }
        None => out.extend_from_slice(b"null"),
    }
}

/// A string that somebody else wrote.
fn string(out: &mut Vec<u8>, text: Option<&str>) {
    let Some(text) = text else { return plain(out, None) };
    let bytes = text.as_bytes();
    if bytes.iter().all(|byte| *byte >= b' ' && *byte != b'"' && *byte != b'\\') {
        out.push(b'"');
        out.extend_from_slice(bytes);
        out.push(b'"');
    } else {
        // A string is JSON, and a buffer takes everything: this cannot fail.
        let _ = serde_json::to_writer(out, text);
    }
}

fn rule(out: &mut Vec<u8>, rule: Option<&RuleText<'_>>) {
    match rule {
        Some(RuleText::Number(rule)) => number(out, (*rule).into()),
        Some(RuleText::Id(rule)) => string(out, Some(rule)),
        Some(RuleText::Route(rule)) => string(out, Some(rule)),
        None => plain(out, None),
    }
}

fn ends(out: &mut Vec<u8>, ends: &Ends) {
    out.extend_from_slice(b"{\"src\":\"");
    endpoint(out, ends.src);
    out.extend_from_slice(b"\",\"dst\":\"");
    endpoint(out, ends.dst);
    out.extend_from_slice(b"\"}");
}

fn optional_number(out: &mut Vec<u8>, value: Option<u64>) {
    match value {
        Some(value) => number(out, value),
        None => plain(out, None),
    }
}

fn number(out: &mut Vec<u8>, value: u64) {
    out.extend_from_slice(itoa::Buffer::new().format(value).as_bytes());
}

/// Seconds and nine digits.
fn timestamp(out: &mut Vec<u8>, nanoseconds: u64) {
    number(out, nanoseconds / 1_000_000_000);
    let mut fraction = *b".000000000";
    let mut rest = nanoseconds % 1_000_000_000;
    for digit in fraction[1..].iter_mut().rev() {
        *digit = b'0' + (rest % 10) as u8;
        rest /= 10;
    }
    out.extend_from_slice(&fraction);
}

/// One letter a flag, `.` for none.
fn flags(out: &mut Vec<u8>, flags: TcpFlags) {
    if flags.0 == 0 {
        out.push(b'.');
    }
    for (bit, letter) in b"FSRPAUEC".iter().enumerate() {
        if flags.0 & (1 << bit) != 0 {
            out.push(*letter);
        }
    }
}

/// `10.20.0.10:42000`, `[2001:db8::1]:443`, or the bare address.
fn endpoint(out: &mut Vec<u8>, (ip, port): (IpAddr, Option<u16>)) {
    match (ip, port) {
        (IpAddr::V4(ip), _) => {
            let mut text = [0; 16];
            let mut length = 0;
            for octet in ip.octets() {
                let (digits, count) = OCTETS[usize::from(octet)];
                text[length..length + 4].copy_from_slice(&digits);
                length += usize::from(count);
            }
            // The last point is one too many.
            out.extend_from_slice(&text[..length - 1]);
        }
        // Writing to a buffer cannot fail, here and below.
        (IpAddr::V6(ip), None) => _ = write!(out, "{ip}"),
        (IpAddr::V6(ip), Some(_)) => _ = write!(out, "[{ip}]"),
    }
    if let Some(port) = port {
        out.push(b':');
        number(out, port.into());
    }
}

/// Every octet as text with the point that follows it, and the length of that.
const OCTETS: [([u8; 4], u8); 256] = {
    let mut octets = [([b'.'; 4], 0); 256];
    let mut octet = 0;
    while octet < 256 {
        let digits = [octet / 100, octet / 10 % 10, octet % 10];
        let skipped = if octet < 10 {
            2
        } else if octet < 100 {
            1
        } else {
            0
        };
        let mut at = skipped;
        while at < 3 {
            octets[octet].0[at - skipped] = b'0' + digits[at] as u8;
            at += 1;
        }
        octets[octet].1 = 4 - skipped as u8;
        octet += 1;
    }
    octets
};

#[cfg(test)]
mod tests;
