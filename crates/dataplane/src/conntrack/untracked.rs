//! Flows that are remembered to pass without an entry. That holds until there is one.

use vpcemu_packet::FlowKey;

use crate::digest::Digests;
use crate::mixing::canonical;

/// Digests of such flows, and how often one of them got an entry after all.
#[derive(Debug, Default)]
pub(crate) struct Untracked {
    flows: Digests,
    epoch: u32,
}

impl Untracked {
    /// Remembers flows by their digests. What was remembered holds as long as [`Self::epoch`] is what it was then.
    pub(crate) fn remember(&mut self, digests: &[u16]) -> u32 {
        digests.iter().for_each(|digest| self.flows.insert(*digest));
        self.epoch
    }

    /// Counts up whenever what was remembered no longer holds.
    #[inline]
    pub(crate) fn epoch(&self) -> u32 {
        self.epoch
    }

    /// Whether nothing is remembered.
    pub(super) fn is_empty(&self) -> bool {
        self.flows.is_empty()
    }

    /// An interface tracks a flow.
    pub(super) fn note_entry(&mut self, flow: &FlowKey) {
        if !self.flows.is_empty() && self.flows.contains(Digests::of(canonical(flow))) {
            self.flows.clear();
            // Once around takes more changes of mind than there are packets between two looks at a record.
            self.epoch = self.epoch.wrapping_add(1);
        }
    }
}
