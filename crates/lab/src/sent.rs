use std::net::SocketAddr;

use vpcemu_dataplane::flow_log::Passage;
use vpcemu_dataplane::outcome::{Outcome, Step};
use vpcemu_dataplane::output::Generated;
use vpcemu_dataplane::{Denial, DropReason, Ingress, Place, Stamp, Verdict};
use vpcemu_packet::{FlowKey, Headers, Offloads, TcpFlags};

/// What became of a packet.
#[derive(Debug)]
pub struct Sent {
    /// Its number, and when it was sent.
    pub stamp: Stamp,
    /// Where it went in.
    pub ingress: Ingress,
    /// Its key as it was sent; none if its headers could not be read.
    pub injected: Option<FlowKey>,
    /// Its TCP flags.
    pub flags: Option<TcpFlags>,
    /// Its IP length, in bytes.
    pub length: u32,
    /// What the engine says.
    pub verdict: Verdict,
    /// Its way.
    pub steps: Vec<Step>,
    /// The packet as it ended.
    pub bytes: Vec<u8>,
    /// What it left in, if not in one piece of its own IP version.
    pub pieces: Vec<Vec<u8>>,
    /// What a gateway made because of it.
    pub generated: Option<Generated>,
    /// How many ports towards its remote a NAT gateway has given out, if the packet opened a flow through one.
    pub ports: Option<PortUse>,
}

/// Ports of one address of a NAT gateway towards one remote (semantics 4.12).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct PortUse {
    /// Those that are taken.
    pub taken: u32,
    /// How many there can be.
    pub most: u32,
}

impl Sent {
    /// Whether it was delivered.
    pub fn is_delivered(&self) -> bool {
        self.place().is_some()
    }

    /// Where it ended; none if it was dropped or is held.
    pub fn place(&self) -> Option<Place> {
        match self.verdict.outcome {
            Outcome::Delivered { at } => Some(at),
            Outcome::Dropped(_) | Outcome::Held => None,
        }
    }

    /// Who dropped it, and why.
    pub fn denial(&self) -> Option<Denial> {
        match self.verdict.outcome {
            Outcome::Dropped(denial) => Some(denial),
            Outcome::Delivered { .. } | Outcome::Held => None,
        }
    }

    /// Why it was dropped.
    pub fn reason(&self) -> Option<DropReason> {
        self.denial().map(|denial| denial.reason)
    }

    /// Its way, of which flow logs are made; none if its headers could not be read.
    pub fn passage(&self) -> Option<Passage<'_>> {
        let (length, outcome) = (self.length, self.verdict.outcome);
        Some(Passage { injected: self.injected?, length, made_by: None, steps: &self.steps, outcome })
    }

    /// Its headers as it left; the first piece's, if it left in several.
    pub fn headers(&self) -> Option<Headers> {
        let bytes = self.pieces.first().unwrap_or(&self.bytes);
        let length = u32::try_from(bytes.len()).unwrap_or(u32::MAX);
        Headers::parse(bytes, length, Offloads::Tolerate).ok()
    }

    /// Where it comes from, as the other side sees it.
    pub fn source(&self) -> SocketAddr {
        SocketAddr::new(self.verdict.left_as.src, self.verdict.left_as.src_port)
    }

    /// Where it goes, as the other side sees it.
    pub fn destination(&self) -> SocketAddr {
        SocketAddr::new(self.verdict.left_as.dst, self.verdict.left_as.dst_port)
    }
}
