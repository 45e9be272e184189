//! Random traffic, of the kinds in which a role differs from the kernel nowhere.

use std::net::IpAddr;

use vpcemu_tests::Dice;

use super::language::{Fresh, Step, What, Words};
use super::roles::{Host, Role};
use super::wire::Side;

/// What a role's random traffic is made of.
#[derive(Clone, Copy)]
pub(crate) struct Traffic {
    /// Names of hosts that talk; each with one of the other side and of the same IP version.
    pub(crate) hosts: &'static [&'static str],
    /// Whom the outside calls: the hosts themselves, or their public addresses.
    pub(crate) called: &'static [&'static str],
    /// The ports that are called.
    pub(crate) ports: &'static [u16],
    /// Protocols besides TCP, UDP and echo.
    pub(crate) others: &'static [&'static str],
    /// Protocols that may come in fragments.
    pub(crate) fragments: &'static [&'static str],
    /// ICMP errors, as type and code; of IPv4 or, behind it, IPv6.
    pub(crate) errors: [&'static [(u8, u8)]; 2],
}

/// A source of steps. Steps about earlier ones refer to them by their number.
pub(crate) struct Generator<'a> {
    role: &'a Role<'a>,
    dice: Dice,
    count: usize,
    /// TCP connections: the step that opened it, and how far it is.
    connections: Vec<(usize, Fresh, Stage)>,
    /// Steps to answer, and to report errors about.
    answerable: Vec<usize>,
    reportable: Vec<(usize, bool)>,
}

/// What comes next in a TCP connection.
#[derive(Clone, Copy)]
enum Stage {
    SynAck,
    Ack,
    Data(u8),
    Fin,
    FinBack,
    LastAck,
}

impl<'a> Generator<'a> {
    pub(crate) fn new(role: &'a Role<'a>, seed: u64) -> Self {
        Self {
            role,
            dice: Dice::new(seed),
            count: 0,
            connections: Vec::new(),
            answerable: Vec::new(),
            reportable: Vec::new(),
        }
    }

    /// The next step.
    pub(crate) fn step(&mut self) -> Step {
        self.count += 1;
        let mut words = Words::default();
        let what = self.what(&mut words);
        step_of(what, words)
    }

    fn what(&mut self, words: &mut Words) -> What {
        match self.dice.roll(100) {
            0..35 if !self.connections.is_empty() => self.go_on(words),
            35..55 if !self.answerable.is_empty() => self.answer(words),
            55..68 if !self.reportable.is_empty() => self.report(words),
            68..70 if !self.answerable.is_empty() => What::Again(*self.dice.pick(&self.answerable)),
            70..82 => self.open(words),
            _ => self.datagram(words),
        }
    }

    /// The next segment of a connection.
    fn go_on(&mut self, words: &mut Words) -> What {
        let at = self.dice.roll(self.connections.len() as u64) as usize;
        let (opener, fresh, stage) = self.connections[at].clone();
        let (from_opener, flags, next) = match stage {
            Stage::SynAck => (false, "SA", Some(Stage::Ack)),
            Stage::Ack => (true, "A", Some(Stage::Data(self.dice.roll(6) as u8))),
            Stage::Data(0) => (true, "PA", Some(Stage::Fin)),
            Stage::Data(left) => (self.dice.chance(50), "PA", Some(Stage::Data(left - 1))),
            Stage::Fin => (true, "FA", Some(Stage::FinBack)),
            Stage::FinBack => (false, "FA", Some(Stage::LastAck)),
            Stage::LastAck => (true, "A", None),
        };
        words.set("flags", flags);
        if flags == "PA" {
            words.set("len", 1 + self.dice.roll(1400));
        }
        self.header(words);
        match next {
            Some(next) => self.connections[at].2 = next,
            None => drop(self.connections.swap_remove(at)),
        }
        if from_opener { What::Fresh(fresh) } else { What::Reply(opener) }
    }

    fn answer(&mut self, words: &mut Words) -> What {
        words.set("len", 8 + self.dice.roll(1392));
        self.header(words);
        What::Reply(*self.dice.pick(&self.answerable))
    }

    fn report(&mut self, words: &mut Words) -> What {
        let &(about, v4) = self.dice.pick(&self.reportable);
        let messages = self.role.traffic.errors[usize::from(!v4)];
        if messages.is_empty() {
            return self.datagram(words);
        }
        let &(kind, code) = self.dice.pick(messages);
        if self.dice.chance(50) {
            // A quote that ends in the TCP header, but behind its checksum, is patched by us only (3.5).
            let more = self.dice.roll(60);
            words.set("quote", if v4 { 28 } else { 48 } + if matches!(more, 9..12) { 12 } else { more });
        }
        words.set("mtu", 1280);
        What::Error { kind, code, about }
    }

    /// A SYN. No two connections have the same ends.
    fn open(&mut self, words: &mut Words) -> What {
        let (src, dst) = self.ends();
        // Hosts share ports: behind one NAT address they collide.
        let src = (src, 2000 + (self.count / 3) as u16);
        let fresh = Fresh { protocol: "tcp".to_owned(), src, dst: (dst, *self.dice.pick(self.role.traffic.ports)) };
        words.set("flags", "S");
        words.set("mss", 1460);
        self.header(words);
        if !self.connections.iter().any(|(_, other, _)| (other.src, other.dst) == (fresh.src, fresh.dst)) {
            self.connections.push((self.count, fresh.clone(), Stage::SynAck));
        }
        self.reportable.push((self.count, fresh.src.0.is_ipv4()));
        What::Fresh(fresh)
    }

    /// Anything but TCP, maybe in fragments.
    fn datagram(&mut self, words: &mut Words) -> What {
        let (src, dst) = self.ends();
        let others = self.role.traffic.others;
        let protocol = match self.dice.roll(8) {
            0..4 => "udp",
            4..6 => "ping",
            _ if others.is_empty() => "udp",
            _ => *self.dice.pick(others),
        };
        let (src_port, dst_port) = match protocol {
            "udp" | "udplite" => (1024 + self.dice.roll(300) as u16, *self.dice.pick(self.role.traffic.ports)),
            _ => (0, 0),
        };
        words.set("id", 1024 + self.dice.roll(100));
        self.header(words);
        if protocol == "udp" && src.is_ipv4() && self.dice.chance(10) {
            words.set("nosum", 1);
        }
        if self.role.traffic.fragments.contains(&protocol) && self.dice.chance(20) {
            self.in_fragments(words);
        } else {
            // The kernel takes no GRE without a few bytes in it.
            words.set("len", if src_port == 0 { 8 } else { 0 } + self.dice.roll(1392));
            self.answerable.push(self.count);
            // The kernel computes SCTP's checksum anew over what a quote has of a packet (3.6).
            if protocol != "sctp" {
                self.reportable.push((self.count, src.is_ipv4()));
            }
        }
        let fresh = Fresh { protocol: protocol.to_owned(), src: (src, src_port), dst: (dst, dst_port) };
        What::Fresh(fresh)
    }

    fn in_fragments(&mut self, words: &mut Words) {
        words.set("len", 2600 + self.dice.roll(400));
        words.set("frag", 1280);
        words.set("ipid", self.count % 60_000);
        words.set("order", *self.dice.pick(&["1,2,3", "1,3,2", "2,1,3", "2,3,1", "3,1,2", "3,2,1"]));
    }

    /// What an IP header may say and no router minds.
    fn header(&mut self, words: &mut Words) {
        if self.dice.chance(30) {
            words.set("ttl", 3 + self.dice.roll(250));
        }
        if self.dice.chance(20) {
            words.set("tos", self.dice.roll(256));
        }
        if self.dice.chance(20) {
            words.set("ipid", self.dice.roll(65_536));
        }
    }

    /// Who talks to whom: mostly from inside.
    fn ends(&mut self) -> (IpAddr, IpAddr) {
        let traffic = self.role.traffic;
        let host = |name: &str| -> &'static Host { self.role.hosts.iter().find(|host| host.name == name).unwrap() };
        let of = |side: Side| traffic.hosts.iter().map(|name| host(name)).filter(move |host| host.side == side);
        let outbound = self.dice.chance(65);
        let inside: Vec<IpAddr> = if outbound {
            of(Side::In).map(Host::ip).collect()
        } else {
            traffic.called.iter().map(|name| host(name).ip()).collect()
        };
        let inside = *self.dice.pick(&inside);
        let outside: Vec<IpAddr> =
            of(Side::Out).map(Host::ip).filter(|address| address.is_ipv4() == inside.is_ipv4()).collect();
        let outside = *self.dice.pick(&outside);
        if outbound { (inside, outside) } else { (outside, inside) }
    }
}

/// A step as somebody would have written it.
pub(crate) fn step_of(what: What, words: Words) -> Step {
    let text = match &what {
        What::Fresh(Fresh { protocol, src, dst }) => {
            format!("{protocol} [{}]:{} > [{}]:{}{words}", src.0, src.1, dst.0, dst.1)
        }
        What::Reply(n) => format!("reply {n}{words}"),
        What::Again(n) => format!("again {n}{words}"),
        What::Error { kind, code, about } => format!("error {kind}/{code} about {about}{words}"),
        What::Stray { .. } => unreachable!("not made"),
    };
    Step { text, passes: None, what, words }
}
