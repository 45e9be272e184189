//! A load, and the packets of it.

use rand::RngExt;
use rand_pcg::Pcg64;

use crate::choice::{Choice, Chooser};
use crate::conversation::{Conversation, Protocol};
use crate::packet::Packet;
use crate::side::{Ends, Side};
use crate::size::Sizes;

/// What traffic is like. The same load gives the same packets.
#[derive(Clone, PartialEq, Debug)]
pub struct Load {
    /// Behind every choice.
    pub seed: u64,
    /// Who talks to whom; flows are dealt out among them by their shares.
    pub sides: Vec<Side>,
    /// How many flows are alive at a time; at least one.
    pub flows: u32,
    /// Which of them is next.
    pub choice: Choice,
    /// How long packets are.
    pub sizes: Sizes,
    /// Of which protocols flows are.
    pub mix: Mix,
    /// How often a packet's flow ends in favour of a new one, from 0 (never) to 1 (every packet is a flow's first).
    /// That is the share of packets that open a flow for UDP and echo; of TCP flows, which have to open and close, less.
    pub new_flows: f64,
    /// When the first packet is sent, in nanoseconds since the epoch.
    pub start_ns: u64,
    /// From one packet to the next, in nanoseconds.
    pub interval_ns: u64,
}

/// Weights of the protocols: of so many successive flows of a side in the sum of the three.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Mix {
    /// UDP, first packet by the opener, then by either.
    pub udp: u32,
    /// TCP with handshake, data both ways, and close.
    pub tcp: u32,
    /// ICMP or ICMPv6 echo, a reply to every request.
    pub echo: u32,
}

impl Mix {
    /// UDP only.
    pub const UDP: Self = Self { udp: 1, tcp: 0, echo: 0 };
    /// TCP only.
    pub const TCP: Self = Self { udp: 0, tcp: 1, echo: 0 };
    /// Ping only.
    pub const ECHO: Self = Self { udp: 0, tcp: 0, echo: 1 };

    fn of(self, flow: u64) -> Protocol {
        let total = u64::from(self.udp) + u64::from(self.tcp) + u64::from(self.echo);
        match flow % total.max(1) {
            at if at < u64::from(self.udp) => Protocol::Udp,
            at if at < u64::from(self.udp) + u64::from(self.tcp) => Protocol::Tcp,
            _ if self.echo > 0 => Protocol::Echo,
            _ => Protocol::Udp, // no weights at all
        }
    }
}

impl Load {
    /// One UDP flow of 64-byte packets, a microsecond apart, from a morning in 2025 on. Without sides there is nobody to
    /// talk, and no packet.
    pub fn new(sides: Vec<Side>) -> Self {
        Self {
            seed: 1,
            sides,
            flows: 1,
            choice: Choice::Each,
            sizes: Sizes::Fixed(64),
            mix: Mix::UDP,
            new_flows: 0.0,
            start_ns: 1_750_000_000_000_000_000,
            interval_ns: 1_000,
        }
    }

    /// The packets, without end.
    pub fn generate(&self) -> Generator {
        let flows = self.flows.max(1);
        Generator {
            load: self.clone(),
            rng: Pcg64::new(u128::from(self.seed), STREAM),
            chooser: Chooser::new(self.choice, flows),
            live: (0..flows).map(|_| None).collect(),
            opened: 0,
            time_ns: self.start_ns,
        }
    }

    /// The ends of a flow by its number, and its side. None without sides.
    pub fn ends(&self, flow: u64) -> Option<(&Side, Ends)> {
        let (side, number) = self.place(flow)?;
        Some((side, side.ends(number)))
    }

    /// The side of a flow, and its number there.
    fn place(&self, flow: u64) -> Option<(&Side, u64)> {
        let total: u64 = self.sides.iter().map(|side| u64::from(side.weight())).sum();
        if total == 0 {
            return self.sides.first().map(|side| (side, flow));
        }
        let (round, mut at) = (flow / total, flow % total);
        for side in &self.sides {
            let share = u64::from(side.weight());
            if at < share {
                return Some((side, round * share + at));
            }
            at -= share;
        }
        None
    }
}

/// Which of PCG's sequences loads draw from: any, but always the same.
const STREAM: u128 = 0x7670_6365_6d75;

/// The packets of a [`Load`], in order of time. Flows are numbered in the order in which they take their places.
#[derive(Debug)]
pub struct Generator {
    load: Load,
    rng: Pcg64,
    chooser: Chooser,
    /// The conversation in each place; none has begun in an empty one.
    live: Vec<Option<Conversation>>,
    opened: u64,
    time_ns: u64,
}

impl Iterator for Generator {
    type Item = Packet;

    fn next(&mut self) -> Option<Packet> {
        let place = self.chooser.draw(&mut self.rng);
        let ends = self.load.new_flows > 0.0 && self.rng.random_bool(self.load.new_flows.min(1.0));
        if let Some(conversation) = &mut self.live[place]
            && ends
        {
            conversation.end();
        }
        let mut conversation = match self.live[place] {
            Some(conversation) if !conversation.is_over() => conversation,
            _ => self.open()?,
        };
        let (side, number) = self.load.place(conversation.flow)?;
        let (ends, opener) = (side.ends(number), side.opener());
        let (direction, kind) = conversation.next(&mut self.rng);
        let length = self.load.sizes.draw(&mut self.rng);
        let (flow, position, time_ns) = (conversation.flow, conversation.position, self.time_ns);
        let packet = Packet { flow, position, direction, time_ns, kind, length, ends, opener };
        conversation.sent(direction, packet.sequence_length());
        self.live[place] = Some(conversation);
        self.time_ns = self.time_ns.saturating_add(self.load.interval_ns);
        Some(packet)
    }
}

impl Generator {
    fn open(&mut self) -> Option<Conversation> {
        let flow = self.opened;
        let (side, number) = self.load.place(flow)?;
        let (protocol, opener) = (self.load.mix.of(number), side.opener());
        self.opened += 1;
        Some(Conversation::new(flow, protocol, opener, &mut self.rng))
    }
}

#[cfg(test)]
mod tests;
