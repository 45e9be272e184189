//! What a replay shows of itself while it runs.
//!
//! The writer publishes once a window, and only while somebody looks; nothing that produces output ever reads it back.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use dashmap::DashMap;
use vpcemu_dataplane::DropReason;
use vpcemu_dataplane::index::NatIx;
use vpcemu_dataplane::outcome::StepKind;

use crate::directory::{Directory, Watch};

/// Counters of a running replay, for a progress bar or an endpoint.
#[derive(Debug, Default)]
pub struct Progress {
    counters: DashMap<Counter, u64, foldhash::fast::FixedState>,
    sessions: Arc<Directory>,
    watched: AtomicBool,
    cancelled: AtomicBool,
}

/// What is published.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Counter {
    /// Packets read.
    In,
    /// Packets delivered.
    Delivered,
    /// Packets dropped for a reason.
    Dropped(DropReason),
    /// How often packets passed a stage.
    Passed(StepKind),
    /// Packets that a stage refused.
    Refused(StepKind),
    /// What a NAT gateway has counted in minutes of capture time that are over, by CloudWatch's name.
    Nat(NatIx, &'static str),
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

    /// A counter as of the last window.
    pub fn count(&self, counter: Counter) -> u64 {
        self.counters.get(&counter).map_or(0, |count| *count)
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
        if self.watched.load(Ordering::Relaxed) {
            for (counter, count) in counters {
                self.counters.insert(counter, count);
            }
        }
    }
}
