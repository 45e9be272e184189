//! When what came out of the two routers counts as the same.
//!
//! The same datagrams, byte for byte, on the same sides, in any order, but for
//! - ports and echo ids that the router chose: any, if each choice on one side goes with one on the other;
//! - the identification of IPv6 fragments;
//! - packets that the router made itself: their source, TTL, identification and precedence are its own affair.
//!
//! Where a chosen port is covered, checksums are computed anew and count as right or wrong.

use std::collections::BTreeMap;
use std::net::IpAddr;

use super::bytes::{Datagram, UDP, UDP_LITE, put};
use super::packets::Emission;
use super::wire::Side;

/// Which of the two routers.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Who {
    Kernel,
    Ours,
}

/// What is learned about the choices of the routers while a case runs.
#[derive(Debug)]
pub(crate) struct Comparison {
    nat: Option<IpAddr>,
    /// For either router: its choice for a remote, and the number that both choices go by.
    choices: [BTreeMap<Choice, u16>; 2],
    next: u16,
}

/// A port that a router chose: towards whom, and which.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
struct Choice {
    protocol: u8,
    remote: IpAddr,
    remote_port: u16,
    port: u16,
}

/// Stands for a checksum that is right.
const RIGHT: u16 = 0x600D;

impl Comparison {
    pub(crate) fn new(nat: Option<IpAddr>) -> Self {
        Self { nat, choices: Default::default(), next: 1 }
    }

    /// Whether both routers did the same.
    pub(crate) fn same(&mut self, kernel: &[Emission], ours: &[Emission]) -> bool {
        self.learn(kernel, ours);
        let normal = |who, emissions: &[Emission]| {
            let mut normal: Vec<_> = emissions.iter().map(|emission| self.normal(who, emission)).collect();
            normal.sort();
            normal
        };
        normal(Who::Kernel, kernel) == normal(Who::Ours, ours)
    }

    /// New choices of one step go together if they are about the same remote.
    fn learn(&mut self, kernel: &[Emission], ours: &[Emission]) {
        let mut unseen = [(Who::Kernel, kernel), (Who::Ours, ours)].map(|(who, emissions)| {
            let mut new: Vec<Choice> = emissions.iter().filter_map(|emission| self.choice(emission)).collect();
            new.sort();
            new.dedup();
            new.retain(|choice| !self.choices[who as usize].contains_key(choice));
            new
        });
        for choice in std::mem::take(&mut unseen[0]) {
            let same_remote = |other: &Choice| Choice { port: choice.port, ..*other } == choice;
            if let Some(at) = unseen[1].iter().position(same_remote) {
                self.choices[0].insert(choice, self.next);
                self.choices[1].insert(unseen[1].remove(at), self.next);
                self.next += 1;
            }
        }
    }

    /// The choice that a packet shows, if it is one that leaves under the router's address.
    fn choice(&self, emission: &Emission) -> Option<Choice> {
        let parts = Datagram::parse(&emission.bytes)?;
        let (src, dst) = parts.addresses();
        (emission.side == Side::Out && !emission.made && Some(src) == self.nat).then_some(())?;
        let (port, remote_port) = parts.ports()?;
        let remote_port = if parts.is_icmp() { 0 } else { remote_port };
        Some(Choice { protocol: parts.protocol, remote: dst, remote_port, port })
    }

    fn normal(&self, who: Who, emission: &Emission) -> (Side, Vec<u8>) {
        let mut bytes = emission.bytes.clone();
        let Some(parts) = Datagram::parse(&emission.bytes) else { return (emission.side, bytes) };
        if emission.made {
            return (emission.side, made(&parts));
        }
        if let Some(at) = parts.checksum_at().filter(|_| !matches!(parts.protocol, UDP | UDP_LITE))
            && bytes[at..at + 2] == [0xFF; 2]
        {
            // Two ways to write the same sum; only UDP gives one of them another meaning.
            put(&mut bytes, at, 0);
        }
        if let Some(at) = parts.fragment_at {
            // Put together and taken apart again, an IPv6 datagram has an identification of the router's choice.
            bytes[at + 4..at + 8].fill(0);
        }
        if self.nat.is_some() {
            self.name_choices(who, emission, &parts, &mut bytes);
        }
        (emission.side, bytes)
    }

    /// Puts the common number of a choice in the place of the port, in the header and in a quote.
    fn name_choices(&self, who: Who, emission: &Emission, parts: &Datagram<'_>, bytes: &mut [u8]) {
        if let (Some(at), Some(true)) = (parts.checksum_at(), parts.transport_is_right())
            && !(parts.protocol == UDP && bytes[at..at + 2] == [0, 0])
        {
            put(bytes, at, RIGHT);
        }
        let name = |choice: Choice| self.choices[who as usize].get(&choice).copied();
        if let Some(common) = self.choice(emission).and_then(name) {
            put(bytes, parts.l4 + if parts.is_icmp() { 4 } else { 0 }, common);
            // The checksum of a fragmented datagram cannot be judged by one fragment.
            if let (Some(at), true) = (parts.checksum_at(), parts.is_fragment()) {
                put(bytes, at, RIGHT);
            }
        }
        // An error to the outside quotes what came in, with the router's choice as its destination.
        if !parts.is_error() || emission.side == Side::In {
            return;
        }
        let quote_at = parts.l4 + 8;
        let Some(quote) = parts.bytes.get(quote_at..).and_then(Datagram::parse) else { return };
        let Some((port, own)) = quote.ports() else { return };
        let remote = quote.addresses().0;
        let (remote_port, at) = if quote.is_icmp() { (0, 4) } else { (port, 2) };
        if let Some(common) = name(Choice { protocol: quote.protocol, remote, remote_port, port: own }) {
            put(bytes, quote_at + quote.l4 + at, common);
        }
        if let Some(at) = quote.checksum_at() {
            put(bytes, quote_at + at, RIGHT);
        }
    }
}

/// What counts of an ICMP error that a router made: to whom, what it says, and what it quotes.
fn made(parts: &Datagram<'_>) -> Vec<u8> {
    let mut counts = vec![u8::from(parts.header_is_right()), u8::from(parts.transport_is_right() == Some(true))];
    counts.extend_from_slice(parts.dst());
    let l4 = parts.l4();
    counts.extend_from_slice(&l4[..2]);
    counts.extend_from_slice(&l4[4..]);
    counts
}

/// What is wrong with the checksums of a packet, if anything.
pub(crate) fn wrong_checksum(bytes: &[u8]) -> Option<&'static str> {
    let parts = Datagram::parse(bytes)?;
    if !parts.header_is_right() {
        return Some("the header checksum is wrong");
    }
    (parts.transport_is_right() == Some(false)).then_some("the transport checksum is wrong")
}

/// A few words about what came out: the sides, and what it is.
pub(crate) fn summary(emissions: &[Emission]) -> String {
    let mut counted: BTreeMap<String, usize> = BTreeMap::new();
    for emission in emissions {
        *counted.entry(one(emission)).or_default() += 1;
    }
    let words: Vec<_> =
        counted.into_iter().map(|(what, count)| if count > 1 { format!("{what} x{count}") } else { what }).collect();
    if words.is_empty() { "nothing".to_owned() } else { words.join(", ") }
}

fn one(emission: &Emission) -> String {
    let side = emission.side.name();
    let Some(parts) = Datagram::parse(&emission.bytes) else { return format!("{side} bytes") };
    let l4 = parts.l4();
    let what = match parts.protocol {
        6 => "tcp".to_owned(),
        17 => "udp".to_owned(),
        _ if parts.is_icmp() && l4.len() > 1 => format!("icmp {}/{}", l4[0], l4[1]),
        number => number.to_string(),
    };
    let fragment = if parts.is_fragment() { " fragment" } else { "" };
    format!("{side} {what}{fragment}")
}
