//! What travels between the reader, the workers and the writer: batches of packets in one arena each.

use vpcemu_dataplane::index::{EdgeIx, EniIx, NatIx};
use vpcemu_dataplane::outcome::Step;
use vpcemu_dataplane::output::Generated;
use vpcemu_dataplane::{Component, DropReason, Ingress, Stamp, Timestamp, Verdict};
use vpcemu_packet::{FlowKey, Headers};

use crate::vantage::Vantage;

/// The share of one worker in a window.
#[derive(Debug, Default)]
pub(crate) struct Batch {
    /// Which window of the run.
    pub(crate) window: u64,
    /// The bytes of every frame, link-layer header included, one after the other; rewritten in place.
    pub(crate) arena: Vec<u8>,
    /// The packets, in input order.
    pub(crate) items: Vec<Item>,
    /// Capture time at the end of the window.
    pub(crate) end: Timestamp,
}

/// One packet of a batch.
#[derive(Debug)]
pub(crate) struct Item {
    pub(crate) stamp: Stamp,
    /// The packet's own time stamp, which outputs carry.
    pub(crate) timestamp: u64,
    /// Its place in the arena.
    pub(crate) start: usize,
    pub(crate) len: usize,
    /// Length of the link-layer header in front of the datagram.
    pub(crate) link_len: usize,
    pub(crate) link_type: u32,
    /// Length of the frame on the wire.
    pub(crate) original_len: u32,
    pub(crate) shard: u8,
    pub(crate) content: Content,
}

/// What the reader made of a frame.
#[derive(Debug)]
pub(crate) enum Content {
    /// A datagram, with its headers as they are after binding.
    Packet { headers: Headers, captured: Option<FlowKey>, at: Option<Forced>, twin: bool },
    /// Not a packet that the engine takes.
    Refused(DropReason),
}

/// A vantage point that the user named.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Forced {
    Internet,
    Interface(EniIx),
    Edge(EdgeIx),
}

/// What a worker says of one packet.
#[derive(Debug)]
pub(crate) struct Outcome {
    pub(crate) verdict: Option<Verdict>,
    pub(crate) refused: Option<DropReason>,
    pub(crate) ingress: Option<Ingress>,
    pub(crate) vantage: Option<Vantage>,
    /// The key as injected.
    pub(crate) injected: Option<FlowKey>,
    /// The transport flags and sizes that verdicts print.
    pub(crate) length: u32,
    pub(crate) flags: Option<u8>,
    pub(crate) extra: Option<Box<Extra>>,
}

/// What few packets have.
#[derive(Debug, Default)]
pub(crate) struct Extra {
    pub(crate) steps: Vec<Step>,
    pub(crate) pieces: Vec<Vec<u8>>,
    pub(crate) generated: Option<Generated>,
    pub(crate) taps: Vec<(Component, Vec<u8>)>,
    /// A released fragment's bytes: the batch it came in has gone.
    pub(crate) bytes: Option<Vec<u8>>,
}

/// A batch that its worker is done with.
#[derive(Debug)]
pub(crate) struct Done {
    pub(crate) batch: Batch,
    /// One for each item.
    pub(crate) outcomes: Vec<Outcome>,
    /// Fragments of this or the previous window that were let go, by n.
    pub(crate) released: Vec<(u64, Outcome)>,
    /// Changes of gauges, by second.
    pub(crate) deltas: Vec<vpcemu_dataplane::conntrack::Delta>,
}

/// What is left when a worker has no more packets.
#[derive(Debug, Default)]
pub(crate) struct WorkerTotals {
    pub(crate) created: u64,
    pub(crate) expired: u64,
    pub(crate) nat: Vec<(NatIx, vpcemu_dataplane::counters::NatCounters)>,
    pub(crate) deltas: Vec<vpcemu_dataplane::conntrack::Delta>,
    pub(crate) packets: u64,
}
