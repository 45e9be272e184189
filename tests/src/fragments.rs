//! Fragments of a laboratory: held, released behind the first of their datagram, or expired, as a replay's workers do it.

use vpcemu_dataplane::outcome::Outcome;
use vpcemu_dataplane::shard::Admission;
use vpcemu_dataplane::{DropReason, Ingress, Stamp};
use vpcemu_packet::Headers;

use crate::{Lab, Sent, dropped};

/// A fragment that waits.
#[derive(Debug)]
pub(crate) struct Held {
    stamp: Stamp,
    ingress: Ingress,
    headers: Headers,
    bytes: Vec<u8>,
}

impl Lab {
    /// The fates of held fragments that were decided since this was last asked, in their order.
    pub fn take_later(&mut self) -> Vec<Sent> {
        std::mem::take(&mut self.later)
    }

    /// Lets the held fragments expire whose time is over. A replay does so when the next packet comes, or at the end of a
    /// window.
    pub fn expire_held(&mut self) {
        for shard in 0..self.shards.len() {
            self.expire_held_of(shard);
        }
    }

    /// A packet at the entrance of its shard.
    pub(crate) fn admit(&mut self, ingress: Ingress, headers: Headers, bytes: Vec<u8>) -> Sent {
        let stamp = Stamp { n: self.n, now: self.now, generation: self.generation };
        let shard = usize::from(self.map.shard(&headers));
        self.expire_held_of(shard);
        match self.shards[shard].reassembly.admit(&headers, stamp.n, stamp.now, WINDOW) {
            Admission::Ready(transport) => {
                let sent = self.process(stamp, ingress, headers, transport, bytes);
                self.release(shard, stamp);
                sent
            }
            Admission::Hold => {
                self.held.insert(stamp.n, Held { stamp, ingress, headers, bytes: bytes.clone() });
                self.unwalked(stamp.n, Outcome::Held, headers.key(), bytes)
            }
            Admission::Refused(reason) => self.unwalked(stamp.n, dropped(reason), headers.key(), bytes),
            Admission::Full => self.unwalked(stamp.n, dropped(DropReason::TableFull), headers.key(), bytes),
        }
    }

    fn release(&mut self, shard: usize, now: Stamp) {
        for (ticket, transport) in self.shards[shard].reassembly.take_ready() {
            let Some(Held { stamp, ingress, headers, bytes }) = self.held.remove(&ticket) else { continue };
            let stamp = Stamp { n: stamp.n, ..now };
            let sent = self.process(stamp, ingress, headers, transport, bytes);
            self.later.push(sent);
        }
    }

    fn expire_held_of(&mut self, shard: usize) {
        for (ticket, reason) in self.shards[shard].reassembly.take_expired(self.now, None) {
            let Some(Held { headers, bytes, .. }) = self.held.remove(&ticket) else { continue };
            let sent = self.unwalked(ticket, dropped(reason), headers.key(), bytes);
            self.later.push(sent);
        }
    }
}

/// A laboratory is one window: only time ends a hold.
const WINDOW: u64 = 0;
