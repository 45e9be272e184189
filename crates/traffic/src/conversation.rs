//! What the packets of one flow are, from its first to its last.

use rand::RngExt;
use rand_pcg::Pcg64;
use vpcemu_packet::TcpFlags;

use crate::packet::{Direction, Kind};

/// The protocol of a flow.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Protocol {
    Udp,
    Tcp,
    Echo,
}

/// A flow that is alive.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Conversation {
    pub(crate) flow: u64,
    protocol: Protocol,
    opener: Direction,
    stage: Stage,
    pub(crate) position: u32,
    /// The next sequence numbers of the opener and of the other end.
    next: [u32; 2],
    /// Sequence number of the echo under way.
    echo: u16,
}

/// How far a flow has come. UDP and echo know `Opening`, `Open` and `Over` only.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Stage {
    Opening,
    SynSent,
    SynReceived,
    /// In an open echo flow a reply is due.
    ReplyDue,
    Open,
    Closing,
    FinSent,
    BothFinSent,
    Over,
}

impl Conversation {
    pub(crate) fn new(flow: u64, protocol: Protocol, opener: Direction, rng: &mut Pcg64) -> Self {
        let next = match protocol {
            Protocol::Tcp => [rng.random(), rng.random()],
            Protocol::Udp | Protocol::Echo => [0; 2],
        };
        Self { flow, protocol, opener, stage: Stage::Opening, position: 0, next, echo: 0 }
    }

    /// No packet of it is left.
    pub(crate) fn is_over(&self) -> bool {
        self.stage == Stage::Over
    }

    /// It ends: TCP with a close that takes its packets, the others by falling silent. One that has not opened, or is
    /// ending, goes on.
    pub(crate) fn end(&mut self) {
        match (self.protocol, self.stage) {
            (Protocol::Tcp, Stage::Open) => self.stage = Stage::Closing,
            (Protocol::Udp | Protocol::Echo, Stage::Open | Stage::ReplyDue) => self.stage = Stage::Over,
            _ => {}
        }
    }

    /// Who sends the next packet, and what it is. `sent` has to be told of its length.
    pub(crate) fn next(&mut self, rng: &mut Pcg64) -> (Direction, Kind) {
        match self.protocol {
            Protocol::Udp => {
                let opening = self.stage == Stage::Opening;
                self.stage = Stage::Open;
                let by_opener = opening || rng.random();
                (self.end_of(by_opener), Kind::Udp)
            }
            Protocol::Echo => {
                let request = self.stage != Stage::ReplyDue;
                let sequence = self.echo;
                if request {
                    self.stage = Stage::ReplyDue;
                } else {
                    self.stage = Stage::Open;
                    self.echo = self.echo.wrapping_add(1);
                }
                (self.end_of(request), Kind::Echo { request, sequence })
            }
            Protocol::Tcp => self.next_segment(rng),
        }
    }

    /// The packet that [`Self::next`] gave took so many octets of the sequence space.
    pub(crate) fn sent(&mut self, direction: Direction, octets: u32) {
        let sender = usize::from(direction != self.opener);
        self.next[sender] = self.next[sender].wrapping_add(octets);
        self.position = self.position.wrapping_add(1).max(1); // 0 is the opening packet, and only that
    }

    fn next_segment(&mut self, rng: &mut Pcg64) -> (Direction, Kind) {
        let (by_opener, flags, data, stage) = match self.stage {
            Stage::Opening | Stage::Over => (true, TcpFlags::SYN, false, Stage::SynSent),
            Stage::SynSent => (false, TcpFlags::SYN | TcpFlags::ACK, false, Stage::SynReceived),
            Stage::SynReceived => (true, TcpFlags::ACK, false, Stage::Open),
            Stage::Open | Stage::ReplyDue => (rng.random(), TcpFlags::PSH | TcpFlags::ACK, true, Stage::Open),
            Stage::Closing => (true, TcpFlags::FIN | TcpFlags::ACK, false, Stage::FinSent),
            Stage::FinSent => (false, TcpFlags::FIN | TcpFlags::ACK, false, Stage::BothFinSent),
            Stage::BothFinSent => (true, TcpFlags::ACK, false, Stage::Over),
        };
        self.stage = stage;
        let [opener, other] = self.next;
        let (seq, of_peer) = if by_opener { (opener, other) } else { (other, opener) };
        let ack = if flags.contains(TcpFlags::ACK) { of_peer } else { 0 };
        (self.end_of(by_opener), Kind::Tcp { flags, seq, ack, data })
    }

    fn end_of(&self, opener: bool) -> Direction {
        if opener { self.opener } else { self.opener.reversed() }
    }
}
