//! What travels between the reader, the workers and the writer: batches of packets in one arena each.

use std::num::{NonZeroU32, NonZeroU64};

use vpcemu_dataplane::counters::NatCounters;
use vpcemu_dataplane::engine::Path;
use vpcemu_dataplane::flow_log::Logged;
use vpcemu_dataplane::index::{EdgeIx, EniIx, NatIx};
use vpcemu_dataplane::outcome::{Outcome as Fate, Stages, Step};
use vpcemu_dataplane::output::Generated;
use vpcemu_dataplane::{Component, DropReason, Ingress, Stamp, Timestamp, Verdict};
use vpcemu_packet::{FlowKey, Plain};

use crate::translation::Translation;
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
    /// What became of each, when the worker is done.
    pub(crate) handled: Vec<Handled>,
    /// What the worker says of those that the flow cache did not know.
    pub(crate) outcomes: Vec<Outcome>,
    /// Keys that packets were captured with, where their bytes do not tell any more.
    pub(crate) captured: Vec<FlowKey>,
    /// In the first worker's share, whose each packet of the window is. Empty if there is one worker.
    pub(crate) order: Vec<u8>,
    /// Capture time at the end of the window.
    pub(crate) end: Timestamp,
}

impl Batch {
    /// Makes it empty for the next window; its buffers stay.
    pub(crate) fn clear(&mut self) {
        let Self { window: _, arena, items, handled, outcomes, captured, order, end: _ } = self;
        arena.clear();
        items.clear();
        handled.clear();
        outcomes.clear();
        captured.clear();
        order.clear();
    }

    /// Notes with which key an item was captured.
    pub(crate) fn note_captured(&mut self, key: FlowKey) -> Option<NonZeroU32> {
        self.captured.push(key);
        NonZeroU32::new(u32::try_from(self.captured.len()).unwrap_or(0))
    }

    /// The key that an item was captured with, if it was noted.
    pub(crate) fn captured(&self, item: &Item) -> Option<&FlowKey> {
        self.captured.get(item.captured?.get() as usize - 1)
    }

    /// Notes what the worker says of the next item, which the flow cache did not know.
    pub(crate) fn note_outcome(&mut self, outcome: Outcome) {
        // A window has fewer packets than 32 bits count.
        self.handled.push(Handled::Walked { place: self.outcomes.len() as u32 });
        self.outcomes.push(outcome);
    }

    /// The bytes of an item.
    #[inline]
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
    /// Its key as captured, if it was injected with another or the worker has rewritten it and it is to be told: one more than
    /// an index into [`Batch::captured`].
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

/// What became of one packet. Of most there is little to say: what they have in common with others is said by their [`Path`],
/// which the writer has, and the rest by their bytes.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Handled {
    /// The flow cache knew it.
    Hit {
        /// Where it went: a number of the worker's paths.
        path: u32,
        /// n of the packet that created the connection. Packets count from 1.
        connection: Option<NonZeroU64>,
    },
    /// It walked, or was refused.
    Walked {
        /// Index into [`Batch::outcomes`].
        place: u32,
    },
}

const _: () =
    assert!(size_of::<Handled>() == 16, "a packet of the cache costs no more than that between worker and writer");

/// What a worker says of one packet.
#[derive(Debug)]
pub(crate) struct Outcome {
    pub(crate) verdict: Option<Verdict>,
    pub(crate) refused: Option<DropReason>,
    pub(crate) ingress: Option<Ingress>,
    pub(crate) vantage: Option<Vantage>,
    /// The key as injected.
    pub(crate) injected: Option<FlowKey>,
    /// IP total length as captured, as injected (which verdicts print), and as left: NAT64 makes them differ.
    pub(crate) captured_length: u32,
    pub(crate) length: u32,
    pub(crate) left_length: u32,
    /// The flags that verdicts print.
    pub(crate) flags: Option<u8>,
    pub(crate) stages: Stages,
    pub(crate) extra: Option<Box<Extra>>,
}

impl Outcome {
    /// Whether it is a fragment that waits.
    pub(crate) fn is_held(&self) -> bool {
        self.verdict.is_some_and(|verdict| verdict.outcome == Fate::Held)
    }

    /// What a walk would have said of a packet that the cache knew: it was captured with this key and has these bytes now.
    pub(crate) fn of_hit(path: &Path, connection: Option<NonZeroU64>, captured: FlowKey, left: &[u8]) -> Self {
        // What the cache forwards is plain before and after.
        let plain = Plain::parse(left);
        let left_as = plain.map_or(captured, |plain| plain.key());
        let length = plain.map_or(0, |plain| plain.total_len.into());
        Self {
            verdict: Some(path.verdict(connection.map(NonZeroU64::get), left_as)),
            refused: None,
            ingress: Some(path.ingress),
            vantage: Vantage::numbered(path.note),
            injected: Some(captured),
            captured_length: length,
            length,
            left_length: length,
            flags: plain.and_then(|plain| plain.tcp_flags()).map(|flags| flags.0),
            stages: Stages { passed: path.stages, refused: None },
            extra: None,
        }
    }
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
    /// The worker's paths that were not there at the end of the last window; they are numbered from 0 over all windows.
    pub(crate) paths: Vec<Path>,
    /// How many packets of this window the flow cache knew, with how many bytes of IP, by minute and path.
    pub(crate) passed: Vec<(u64, u32, Passed)>,
    /// What NAT gateways counted, by [ten seconds](crate::series::slot_of); of those that are over at the end of the batch nothing
    /// is told later.
    pub(crate) nat: Vec<(u64, NatIx, NatCounters)>,
    /// What passed interfaces in windows of flow logs that are over.
    pub(crate) logged: Vec<Logged>,
}

/// Packets that went one path.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Passed {
    pub(crate) packets: u64,
    pub(crate) bytes: u64,
}

/// What is left when a worker has no more packets.
#[derive(Debug, Default)]
pub(crate) struct WorkerTotals {
    pub(crate) created: u64,
    pub(crate) expired: u64,
    pub(crate) nat: Vec<(NatIx, NatCounters)>,
    /// The same of the ten seconds that had not been told of.
    pub(crate) nat_slots: Vec<(u64, NatIx, NatCounters)>,
    /// What passed interfaces in the last window of flow logs.
    pub(crate) logged: Vec<Logged>,
    pub(crate) deltas: Vec<vpcemu_dataplane::conntrack::Delta>,
    pub(crate) packets: u64,
    /// Addresses that packets of the flow cache had changed.
    pub(crate) translated: Vec<(Translation, u64)>,
    pub(crate) cache: vpcemu_dataplane::engine::CacheCounters,
    /// The sessions that are left, if they are asked for.
    pub(crate) sessions: Vec<crate::Session>,
}
