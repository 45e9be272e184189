//! A language for packets, a line each, so that a scenario reads like one.
//!
//! ```text
//! case A3 one port of two hosts, towards one remote
//! + tcp h1:4000 > s1:9000 S
//! + tcp h2:4000 > s1:9000 S
//! + reply 2 SA
//! - tcp s2:9000 > nat:4000 SA
//! ```
//!
//! A line begins with what the kernel does: `+` lets something out, `-` nothing. Steps count from 1 in their case. Then:
//!
//! - `PROTOCOL SRC > DST`: `tcp`, `udp`, `ping`, `pong`, `icmp`, `gre`, `esp`, `ah`, `ipip`, `sctp`, `udplite`, `proto`;
//! - `reply N`: from whoever received what came out of step N, to where that came from;
//! - `again N`: what was sent in step N, once more;
//! - `error TYPE/CODE about N`: an ICMP error from whoever received what came out of step N, quoting that;
//! - `error TYPE/CODE to DST of PROTOCOL SRC > DST`: one that quotes a packet that never was.
//!
//! Words behind it change the packet; [`WORDS`] lists them. Capital letters are TCP flags. Sequence numbers follow the
//! conversation by themselves.

use std::collections::BTreeMap;
use std::net::IpAddr;

/// A scenario.
#[derive(Clone, Debug)]
pub(crate) struct Case {
    pub(crate) id: String,
    pub(crate) steps: Vec<Step>,
}

/// A packet, and what the kernel does to it.
#[derive(Clone, Debug)]
pub(crate) struct Step {
    pub(crate) text: String,
    /// None in random traffic.
    pub(crate) passes: Option<bool>,
    pub(crate) what: What,
    pub(crate) words: Words,
}

/// The packet that a step sends.
#[derive(Clone, Debug)]
pub(crate) enum What {
    Fresh(Fresh),
    Reply(usize),
    Again(usize),
    Error { kind: u8, code: u8, about: usize },
    Stray { kind: u8, code: u8, to: IpAddr, quoted: Fresh },
}

impl What {
    /// The step that it is about.
    pub(crate) fn about(&self) -> Option<usize> {
        match self {
            Self::Reply(n) | Self::Again(n) | Self::Error { about: n, .. } => Some(*n),
            Self::Fresh(_) | Self::Stray { .. } => None,
        }
    }
}

/// A packet that depends on no other.
#[derive(Clone, Debug)]
pub(crate) struct Fresh {
    pub(crate) protocol: String,
    pub(crate) src: (IpAddr, u16),
    pub(crate) dst: (IpAddr, u16),
}

/// The words behind a packet.
#[derive(Clone, Debug, Default)]
pub(crate) struct Words(BTreeMap<&'static str, String>);

/// Every word, with what it does.
const WORDS: &[(&str, &str)] = &[
    ("flags", "TCP flags, written without `flags=`; `null` for none"),
    ("len", "bytes of payload"),
    ("ttl", "time to live or hop limit"),
    ("tos", "the whole type of service or traffic class byte"),
    ("ipid", "IPv4 identification"),
    ("df", "don't fragment: 1 or 0"),
    ("opt", "IPv4 options: rr, nop, lsrr, alert"),
    ("ext", "an IPv6 extension header in front: hop or dst"),
    ("seq", "TCP sequence number, or +N and -N relative to where the conversation is"),
    ("ack", "TCP acknowledgement number"),
    ("win", "TCP window"),
    ("mss", "TCP option"),
    ("id", "echo id"),
    ("icmpseq", "echo sequence number"),
    ("type", "ICMP type and code of `icmp`, as 13/0"),
    ("number", "protocol number of `proto`"),
    ("nosum", "UDP without checksum"),
    ("quote", "bytes that an error quotes"),
    ("mtu", "of an ICMP error"),
    ("from", "who sends an error instead of the receiver"),
    ("as", "the interface that sends it, whatever its source"),
    ("via", "the side that it comes from, whatever its source"),
    ("frag", "in fragments for this MTU"),
    ("order", "which of the fragments, in which order, counted from 1"),
    ("overlap", "the second fragment begins 8 bytes too early"),
    ("badsum", "wrong transport checksum"),
    ("badip", "wrong IPv4 header checksum"),
    ("badquote", "wrong IPv4 header checksum in the quote"),
    ("ihl", "IPv4 header length in words"),
    ("total", "IPv4 total length, relative"),
    ("udplen", "UDP length field"),
    ("doff", "TCP data offset in words"),
    ("cut", "only so many bytes of it"),
    ("trailer", "bytes behind its end"),
];

/// Words that leave checksums wrong.
const DAMAGE: &[&str] = &["badsum", "badip", "badquote", "ihl", "total", "udplen", "doff", "cut"];

impl Words {
    pub(crate) fn text(&self, word: &str) -> Option<&str> {
        debug_assert!(WORDS.iter().any(|(known, _)| *known == word), "{word}");
        self.0.get(word).map(String::as_str)
    }

    pub(crate) fn has(&self, word: &str) -> bool {
        self.text(word).is_some()
    }

    pub(crate) fn number(&self, word: &str) -> Option<i64> {
        self.text(word).map(|text| text.parse().unwrap_or_else(|_| panic!("{word}={text} is no number")))
    }

    pub(crate) fn set(&mut self, word: &str, value: impl ToString) {
        let (word, _) = WORDS.iter().find(|(known, _)| *known == word).unwrap_or_else(|| panic!("no word {word}"));
        self.0.insert(word, value.to_string());
    }

    /// Whether a checksum of the packet may be wrong on purpose.
    pub(crate) fn damages(&self) -> bool {
        DAMAGE.iter().any(|word| self.0.contains_key(word))
    }

    fn parse(words: &[&str]) -> Self {
        let mut parsed = Self::default();
        for word in words {
            match word.split_once('=') {
                Some((name, value)) => parsed.set(name, value),
                None if *word == "null" => parsed.set("flags", ""),
                None if word.chars().all(|letter| letter.is_ascii_uppercase()) => parsed.set("flags", word),
                None => parsed.set(word, 1),
            }
        }
        parsed
    }
}

impl std::fmt::Display for Words {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.iter().try_for_each(|(word, value)| write!(f, " {word}={value}"))
    }
}

/// Reads cases. `host` finds an address by its name.
pub(crate) fn parse(text: &str, host: &dyn Fn(&str) -> Option<IpAddr>) -> Vec<Case> {
    let mut cases: Vec<Case> = Vec::new();
    for line in text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#')) {
        if let Some(title) = line.strip_prefix("case ") {
            let id = title.split(' ').next().unwrap().to_owned();
            assert!(cases.iter().all(|case| case.id != id), "two cases {id}");
            cases.push(Case { id, steps: Vec::new() });
            continue;
        }
        let case = cases.last_mut().unwrap_or_else(|| panic!("a packet before the first case: {line}"));
        let passes = match line.split_at(2) {
            ("+ ", _) => Some(true),
            ("- ", _) => Some(false),
            ("? ", _) => None,
            _ => panic!("neither + nor - in front: {line}"),
        };
        let (what, words) = packet(&line[2..], host);
        case.steps.push(Step { text: line.to_owned(), passes, what, words });
    }
    cases
}

fn packet(line: &str, host: &dyn Fn(&str) -> Option<IpAddr>) -> (What, Words) {
    let (what, mut words) = named(line, host);
    if let Some(from) = words.text("from").map(|name| end(name, host).0) {
        words.set("from", from);
    }
    (what, words)
}

fn named(line: &str, host: &dyn Fn(&str) -> Option<IpAddr>) -> (What, Words) {
    // `from=` may stand anywhere: "error 11/0 from=hop about 1".
    let (from, tokens): (Vec<&str>, Vec<&str>) = line.split_whitespace().partition(|token| token.starts_with("from="));
    let words = |words: &[&str]| Words::parse(&[words, &from].concat());
    let step = |text: &str| text.parse::<usize>().unwrap_or_else(|_| panic!("no step {text}: {line}"));
    match tokens.as_slice() {
        ["reply", n, rest @ ..] => (What::Reply(step(n)), words(rest)),
        ["again", n, rest @ ..] => (What::Again(step(n)), words(rest)),
        ["error", message, "about", n, rest @ ..] => {
            let (kind, code) = message_of(message);
            (What::Error { kind, code, about: step(n) }, words(rest))
        }
        ["error", message, "to", to, "of", protocol, src, ">", dst, rest @ ..] => {
            let (kind, code) = message_of(message);
            let quoted = fresh(protocol, src, dst, host);
            (What::Stray { kind, code, to: end(to, host).0, quoted }, words(rest))
        }
        [protocol, src, ">", dst, rest @ ..] => (What::Fresh(fresh(protocol, src, dst, host)), words(rest)),
        _ => panic!("no packet: {line}"),
    }
}

fn fresh(protocol: &str, src: &str, dst: &str, host: &dyn Fn(&str) -> Option<IpAddr>) -> Fresh {
    Fresh { protocol: protocol.to_owned(), src: end(src, host), dst: end(dst, host) }
}

fn end(text: &str, host: &dyn Fn(&str) -> Option<IpAddr>) -> (IpAddr, u16) {
    let find = |name: &str| host(name).or_else(|| name.parse().ok());
    if let Some(address) = find(text) {
        return (address, 0);
    }
    let (name, port) = text.rsplit_once(':').unwrap_or_else(|| panic!("no host {text}"));
    let name = name.trim_start_matches('[').trim_end_matches(']');
    let address = find(name).unwrap_or_else(|| panic!("no host {name}"));
    (address, port.parse().unwrap_or_else(|_| panic!("no port {port}")))
}

/// `3/4`.
pub(crate) fn message_of(text: &str) -> (u8, u8) {
    let (kind, code) = text.split_once('/').unwrap_or_else(|| panic!("{text} is no type and code"));
    (kind.parse().unwrap(), code.parse().unwrap())
}
