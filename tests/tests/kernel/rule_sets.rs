//! Random rule sets, as ours and as nftables, and random packets at their bounds.

use std::collections::BTreeSet;
use std::fmt::Write;
use std::net::IpAddr;

use vpcemu_tests::Dice;

use super::language::{Fresh, Step, What, Words};
use super::random::step_of;
use super::roles::{HOSTS, Host, Kind};
use super::rules::{self, Block, Filter, Header, Peer, Probe, Rule, Wanted, Way};
use super::wire::Side;

/// The rules of both directions.
#[derive(Debug)]
pub(crate) struct RuleSet {
    kind: Kind,
    ingress: Vec<Rule>,
    egress: Vec<Rule>,
}

/// Lengths of blocks around the peers, by family.
const LENGTHS: [&[u8]; 2] = [&[0, 8, 24, 25, 26, 31, 32], &[0, 3, 32, 46, 47, 48, 127, 128]];

impl RuleSet {
    pub(crate) fn random(kind: Kind, dice: &mut Dice) -> Self {
        let mut rules = || {
            // The numbers of the entries, in any order.
            let count = 1 + dice.roll(7);
            let mut numbers: Vec<u16> = (1..=count).map(|n| (n * 100) as u16).collect();
            (0..count)
                .map(|_| {
                    let number = numbers.swap_remove(dice.roll(numbers.len() as u64) as usize);
                    Rule { number, ..random_rule(kind, dice) }
                })
                .collect()
        };
        let ingress = rules();
        Self { kind, ingress, egress: rules() }
    }

    /// As a native file.
    pub(crate) fn network(&self) -> String {
        let filter = filter(self.kind);
        let text = |rules: &[Rule], way| rules::text(rules, way, filter, "-");
        self.kind.network(&text(&self.ingress, Way::In), &text(&self.egress, Way::Out))
    }

    /// For `nft -f`.
    pub(crate) fn nft(&self) -> String {
        let chains = [(&self.ingress, "saddr"), (&self.egress, "daddr")];
        let all = chains.map(|(rules, address)| lines(rules, address));
        let portless = chains.map(|(rules, address)| lines(rules.iter().filter(|rule| asks_no_header(rule)), address));
        self.kind.nft(&all, &portless)
    }
}

fn filter(kind: Kind) -> Filter {
    if kind == Kind::SecurityGroup { Filter::SecurityGroup } else { Filter::NetworkAcl }
}

fn asks_no_header(rule: &Rule) -> bool {
    let Wanted { ports, kind, code, .. } = rule.transport;
    ports.is_none() && kind.is_none() && code.is_none()
}

fn random_rule(kind: Kind, dice: &mut Dice) -> Rule {
    let transport = *dice.pick(&rules::transports());
    let v4 = match transport.protocol {
        Some(1) => true,
        Some(58) => false,
        _ => dice.chance(50),
    };
    let peers: Vec<IpAddr> = peers().map(Host::ip).filter(|address| address.is_ipv4() == v4).collect();
    let block = Block::around(*dice.pick(&peers), *dice.pick(LENGTHS[usize::from(!v4)]));
    let allow = kind == Kind::SecurityGroup || dice.chance(70);
    Rule { allow, ..rules::rule(transport, Peer::Block(block)) }
}

/// Whom h1 talks to.
fn peers() -> impl Iterator<Item = &'static Host> {
    HOSTS.iter().filter(|host| host.side == Side::Out)
}

/// The rules in the order in which they are asked.
fn lines<'a>(rules: impl IntoIterator<Item = &'a Rule>, address: &str) -> String {
    let mut rules: Vec<&Rule> = rules.into_iter().collect();
    rules.sort_by_key(|rule| rule.number);
    rules.into_iter().map(|rule| line(rule, address) + "\n").chain(["drop\n".to_owned()]).collect()
}

fn line(rule: &Rule, address: &str) -> String {
    let Peer::Block(Block { first, length }) = rule.peer else { unreachable!("only blocks are made") };
    let (family, header) = if first.is_ipv4() { ("ipv4", "ip") } else { ("ipv6", "ip6") };
    let mut line = format!("meta nfproto {family} {header} {address} {first}/{length}");
    let wanted = rule.transport;
    match (wanted.protocol, wanted.ports) {
        (None, _) => {}
        (Some(6), Some((first, last))) => write!(line, " tcp dport {first}-{last}").unwrap(),
        (Some(17), Some((first, last))) => write!(line, " udp dport {first}-{last}").unwrap(),
        (Some(number), _) => write!(line, " meta l4proto {number}").unwrap(),
    }
    let icmp = if first.is_ipv4() { "icmp" } else { "icmpv6" };
    for (field, value) in [("type", wanted.kind), ("code", wanted.code)] {
        if let Some(value) = value {
            write!(line, " {icmp} {field} {value}").unwrap();
        }
    }
    line + if rule.allow { " accept" } else { " drop" }
}

/// A source of packets at the bounds of a rule set.
pub(crate) struct Prober<'a> {
    set: &'a RuleSet,
    dice: Dice,
    count: usize,
    /// Steps to answer, and what they sent.
    answerable: Vec<(usize, &'static str)>,
    /// Ends that have spoken.
    used: BTreeSet<[(IpAddr, u16); 2]>,
}

impl<'a> Prober<'a> {
    pub(crate) fn new(set: &'a RuleSet, dice: Dice) -> Self {
        Self { set, dice, count: 0, answerable: Vec::new(), used: BTreeSet::new() }
    }

    /// The next step.
    pub(crate) fn step(&mut self) -> Step {
        self.count += 1;
        let mut words = Words::default();
        if !self.answerable.is_empty() && self.dice.chance(20) {
            let &(n, protocol) = self.dice.pick(&self.answerable);
            if protocol == "tcp" {
                words.set("flags", "SA");
            } else {
                words.set("len", 8);
            }
            return step_of(What::Reply(n), words);
        }
        let outbound = self.dice.chance(50);
        let rules = if outbound { &self.set.egress } else { &self.set.ingress };
        let rule = self.dice.pick(rules);
        let inside = self.dice.chance(50);
        let peer = self.peer(rule, inside);
        let own =
            HOSTS.iter().find(|host| host.side == Side::In && host.ip().is_ipv4() == peer.is_ipv4()).unwrap().ip();
        let headers = self.headers(rule, peer, inside);
        let header = *self.dice.pick(&headers);
        let (src, dst) = if outbound { (own, peer) } else { (peer, own) };
        let protocol = self.write(peer, header, &mut words);
        // A port that the rule would take for the destination's, were it to look there.
        let mut source_port = self.dice.pick(&headers).1;
        // What has no ports has 0 twice.
        if source_port == 0 || self.dice.chance(50) || self.is_used((src, source_port), (dst, header.1)) {
            source_port = 1024 + self.count as u16;
        }
        let (src, dst) = match protocol {
            "tcp" | "udp" | "sctp" => ((src, source_port), (dst, header.1)),
            _ => ((src, 0), (dst, 0)),
        };
        step_of(What::Fresh(Fresh { protocol: protocol.to_owned(), src, dst }), words)
    }

    /// In the rule's block, or anywhere.
    fn peer(&mut self, rule: &Rule, inside: bool) -> IpAddr {
        let Peer::Block(block) = rule.peer else { unreachable!("only blocks are made") };
        let peers = peers().map(Host::ip).filter(|address| !inside || block.contains(*address));
        *self.dice.pick(&peers.collect::<Vec<_>>())
    }

    /// What the rule matches, or anything at its bounds.
    fn headers(&self, rule: &Rule, address: IpAddr, inside: bool) -> Vec<Header> {
        let near = rules::headers(std::slice::from_ref(rule)).into_iter();
        let sent = near.filter(|header| rules::can_carry(address, header.0) && self.is_comparable(address, *header));
        let sent: Vec<Header> = sent.collect();
        let matched = |&(protocol, port, message): &Header| {
            let peer = rules::Host { address, instance: None };
            let probe = Probe { protocol, source_port: 0, port, message, peer, portless: false };
            inside && rule.matches_transport(&probe, filter(self.set.kind))
        };
        let some: Vec<Header> = sent.iter().copied().filter(matched).collect();
        if some.is_empty() { sent } else { some }
    }

    /// Whether these two have spoken before. What is known of a connection is not the rules'.
    fn is_used(&mut self, from: (IpAddr, u16), to: (IpAddr, u16)) -> bool {
        !self.used.insert([from.min(to), from.max(to)])
    }

    /// Connection tracking calls ICMP invalid that neither asks nor answers, answers to no question, and ICMP of the other
    /// IP version; our groups judge them all by their rules (6.4, 6.27).
    fn is_comparable(&self, peer: IpAddr, (protocol, _, (kind, _)): Header) -> bool {
        match (protocol, peer.is_ipv4()) {
            _ if self.set.kind != Kind::SecurityGroup => true,
            (1, true) => kind == 8,
            (58, false) => kind == 128,
            (1 | 58, _) => false,
            _ => true,
        }
    }

    /// What the language calls a packet with this header, and the words for it.
    fn write(&mut self, peer: IpAddr, (protocol, _, message): Header, words: &mut Words) -> &'static str {
        let icmp = if peer.is_ipv4() { 1 } else { 58 };
        let name = match protocol {
            6 => "tcp",
            17 => "udp",
            47 => "gre",
            132 => "sctp",
            _ if protocol == icmp && matches!(message, (8 | 128, 0)) => "ping",
            _ if protocol == icmp => "icmp",
            _ => "proto",
        };
        match name {
            "tcp" => words.set("flags", "S"),
            "icmp" => words.set("type", format!("{}/{}", message.0, message.1)),
            "proto" => words.set("number", protocol),
            _ => {}
        }
        // Each is of a flow of its own.
        words.set("id", 1024 + self.count);
        words.set("len", if name == "tcp" { 0 } else { 8 });
        if matches!(name, "udp" | "ping") && self.dice.chance(25) {
            words.set("len", 2600 + self.dice.roll(400));
            words.set("frag", 1280);
            words.set("ipid", self.count);
            words.set("order", *self.dice.pick(&["1,2,3", "1,3,2", "2,1,3", "2,3,1", "3,1,2", "3,2,1"]));
        } else if matches!(name, "tcp" | "udp" | "ping" | "gre") {
            self.answerable.push((self.count, name));
        }
        name
    }
}
