//! What travels between the reader, the workers and the writer: batches of packets in one arena each.

use std::num::NonZeroU32;

use vpcemu_dataplane::index::{EdgeIx, EniIx, NatIx};
use vpcemu_dataplane::outcome::Step;
use vpcemu_dataplane::output::Generated;
use vpcemu_dataplane::{Component, DropReason, Ingress, Stamp, Timestamp, Verdict};
use vpcemu_packet::FlowKey;

use crate::vantage::Vantage;

/// The share of one worker in a window. Its buffers go round: reader, worker, writer, and back to the reader.
#[derive(Debug, Default)]
pub(crate) struct Batch {
    /// Which window of the run.
    pub(crate) window: u64,
    /// The bytes of every frame, link-layer header included, one after the other; rewritten in place.
    pub(crate) arena: Vec<u8>,
    /// The packets, in input order.
    pub(crate) items: Vec<Item>,
    /// What the worker says of each, when it is done.
    pub(crate) outcomes: Vec<Outcome>,
    /// Keys that packets were captured with, of those that were injected with another.
    pub(crate) captured: Vec<FlowKey>,
    /// In the first worker's share, whose each packet of the window is. Empty if there is one worker.
    pub(crate) order: Vec<u8>,
    /// Capture time at the end of the window.
    pub(crate) end: Timestamp,
}

impl Batch {
    /// Makes it empty for the next window; its buffers stay.
    pub(crate) fn clear(&mut self) {
        let Self { window: _, arena, items, outcomes, captured, order, end: _ } = self;
        arena.clear();
        items.clear();
        outcomes.clear();
        captured.clear();
        order.clear();
    }

    /// Notes with which key an item was captured.
    pub(crate) fn note_captured(&mut self, key: FlowKey) -> Option<NonZeroU32> {
        self.captured.push(key);
        NonZeroU32::new(u32::try_from(self.captured.len()).unwrap_or(0))
    }

    /// The key that an item was captured with, if it was injected with another.
    pub(crate) fn captured(&self, item: &Item) -> Option<&FlowKey> {
        self.captured.get(item.captured?.get() as usize - 1)
    }

    /// The bytes of an item.
    pub(crate) fn frame(&self, item: &Item) -> &[u8] {
        &self.arena[item.start as usize..][..item.len as usize]
    }
}

/// One packet of a batch: a cache line. Its headers are not in it: finding them again in bytes that are read anyway costs less
/// than writing them down and reading them back.
#[derive(Debug)]
pub(crate) struct Item {
    pub(crate) stamp: Stamp,
    /// The packet's own time stamp, which outputs carry.
    pub(crate) timestamp: u64,
    /// Its place in the arena.
    pub(crate) start: u32,
    pub(crate) len: u32,
    /// Length of the frame on the wire.
    pub(crate) original_len: u32,
    /// Where the user says that it was captured.
    pub(crate) at: Option<Forced>,
    /// Its key as captured, if it was injected with another: one more than an index into [`Batch::captured`].
    pub(crate) captured: Option<NonZeroU32>,
    pub(crate) link_type: u16,
    /// Length of the link-layer header in front of the datagram.
    pub(crate) link_len: u8,
    pub(crate) shard: u8,
    pub(crate) content: Content,
    /// Whether its ports are not there, in a later fragment or a packet that was cut.
    pub(crate) portless: bool,
}

const _: () = assert!(size_of::<Item>() == 64);

/// What the reader made of a frame.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Content {
    /// A datagram, with its addresses as they are after binding.
    Packet,
    /// A datagram that was there before, and is to be dropped.
    Copy,
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
    /// Fragments of it that were held, by n.
    pub(crate) held: Vec<u64>,
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
    pub(crate) cache: vpcemu_dataplane::engine::CacheCounters,
}
