//! What a replay shows of itself while it runs.
//!
//! The reader says how far it is at every packet; the writer publishes once a window, and only while somebody looks. Nothing that
//! produces output ever reads it back.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use dashmap::DashMap;
use vpcemu_dataplane::index::NatIx;
use vpcemu_dataplane::outcome::StepKind;
use vpcemu_dataplane::{DropReason, Place};

use crate::directory::{Directory, Watch};

/// Counters of a running replay, for a progress bar or an endpoint.
#[derive(Debug, Default)]
pub struct Progress {
    read: AtomicU64,
    counters: DashMap<Counter, u64, foldhash::fast::FixedState>,
    sessions: Arc<Directory>,
    watched: AtomicBool,
    cancelled: AtomicBool,
}

/// What is published.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Counter {
    /// Packets read, those of the window in hand among them. It is the only counter that does not wait until a window is over: where
    /// the input trickles, that is long.
    Read,
    /// Bytes of IP total length of the input.
    BytesIn,
    /// Packets of the input that were delivered.
    Delivered,
    /// Likewise, to one place.
    DeliveredTo(Place),
    /// Their bytes.
    BytesDelivered,
    /// Packets made by the VPC and delivered.
    Generated,
    /// Packets made by the VPC and dropped on their way.
    GeneratedDropped,
    /// Packets dropped for a reason.
    Dropped(DropReason),
    /// How often packets passed a stage.
    Passed(StepKind),
    /// Packets that a stage refused.
    Refused(StepKind),
    /// What a NAT gateway has counted, by CloudWatch's name.
    Nat(NatIx, &'static str),
    /// The most that came to a NAT gateway in ten seconds of capture time that are over, by the name of CloudWatch's peak.
    NatMost(NatIx, &'static str),
    /// Active TCP mappings of a NAT gateway.
    NatActive(NatIx),
    /// Connections alive.
    Connections,
}

impl Progress {
    /// From now on counters are published.
    pub fn watch(&self) {
        self.watched.store(true, Ordering::Relaxed);
    }

    /// As long as the watch is kept, sessions are published when it asks.
    pub fn watch_sessions(&self) -> Watch {
        self.sessions.watch()
    }

    pub(crate) fn directory(&self) -> &Arc<Directory> {
        &self.sessions
    }

    /// Whether they are.
    pub(crate) fn is_watched(&self) -> bool {
        self.watched.load(Ordering::Relaxed)
    }

    /// The reader has read so many packets.
    #[inline]
    pub(crate) fn note_read(&self, packets: u64) {
        self.read.store(packets, Ordering::Relaxed);
    }

    /// A counter as of the last window.
    pub fn count(&self, counter: Counter) -> u64 {
        if counter == Counter::Read {
            return self.read.load(Ordering::Relaxed);
        }
        self.counters.get(&counter).map_or(0, |count| *count)
    }

    /// Packets delivered to each place that any came to, as of the last window, in the order of places.
    pub fn delivered_to(&self) -> BTreeMap<Place, u64> {
        let places = self.counters.iter().filter_map(|entry| match entry.key() {
            Counter::DeliveredTo(place) => Some((*place, *entry.value())),
            _ => None,
        });
        places.collect()
    }

    /// Asks the replay to stop reading, and to finish what it has read.
    pub fn cancel(&self) {
        self.cancelled.store(true, Ordering::Relaxed);
    }

    /// Whether it was asked to stop.
    pub fn is_cancelled(&self) -> bool {
        self.cancelled.load(Ordering::Relaxed)
    }

    pub(crate) fn publish(&self, counters: impl IntoIterator<Item = (Counter, u64)>) {
        if self.is_watched() {
            for (counter, count) in counters {
                self.counters.insert(counter, count);
            }
        }
    }
}
