//! Fragments: held, let go behind the first of their datagram, or expired, as a replay's workers do it.

use vpcemu_dataplane::outcome::Outcome;
use vpcemu_dataplane::shard::Admission;
use vpcemu_dataplane::{DropReason, Ingress, Stamp};
use vpcemu_packet::Headers;

use crate::lab::dropped;
use crate::{Lab, Sent};

/// A fragment that waits.
#[derive(Debug)]
pub(crate) struct Held {
    stamp: Stamp,
    ingress: Ingress,
    headers: Headers,
    bytes: Vec<u8>,
}

/// A laboratory is one window: only time ends a hold.
const WINDOW: u64 = 0;

impl Lab {
    /// The fates of held fragments that were decided since this was last asked, in their order.
    pub fn take_later(&mut self) -> Vec<Sent> {
        std::mem::take(&mut self.later)
    }

    /// A packet at the entrance of its shard.
    pub(crate) fn admit(&mut self, ingress: Ingress, headers: Headers, bytes: Vec<u8>) -> Sent {
        let stamp = self.stamp();
        let shard = self.shard_of(&headers);
        self.expire_held(shard);
        match self.shard(shard).reassembly.admit(&headers, stamp.n, stamp.now, WINDOW) {
            Admission::Ready(transport) => {
                let sent = self.walk(stamp, ingress, headers, transport, bytes);
                self.release(shard, stamp);
                sent
            }
            Admission::Hold => {
                self.held.insert(stamp.n, Held { stamp, ingress, headers, bytes: bytes.clone() });
                self.unwalked(stamp.n, ingress, Outcome::Held, Some(headers.key()), bytes)
            }
            Admission::Refused(reason) => self.unwalked(stamp.n, ingress, dropped(reason), Some(headers.key()), bytes),
            Admission::Full => {
                self.unwalked(stamp.n, ingress, dropped(DropReason::TableFull), Some(headers.key()), bytes)
            }
        }
    }

    fn release(&mut self, shard: u8, now: Stamp) {
        for (ticket, transport) in self.shard(shard).reassembly.take_ready() {
            let Some(Held { stamp, ingress, headers, bytes }) = self.held.remove(&ticket) else { continue };
            let sent = self.walk(Stamp { n: stamp.n, ..now }, ingress, headers, transport, bytes);
            self.later.push(sent);
        }
    }

    fn expire_held(&mut self, shard: u8) {
        let now = self.now();
        for (ticket, reason) in self.shard(shard).reassembly.take_expired(now, None) {
            let Some(Held { ingress, headers, bytes, .. }) = self.held.remove(&ticket) else { continue };
            let sent = self.unwalked(ticket, ingress, dropped(reason), Some(headers.key()), bytes);
            self.later.push(sent);
        }
    }
}
