//! Virtual reassembly: the first fragment of a datagram lends its ports to the others (4.20, 6.31, 7.13).
//!
//! Nothing is put together. Fragments that come before the first are held, for one second of capture time or until the end
//! of the next window, whichever is earlier. An exact duplicate is dropped; fragments that overlap contradict each other, so
//! that from then on nothing of their datagram passes (RFC 5722 3, RFC 8200 4.5; for IPv4 likewise, as Linux does). Memory is
//! bounded.
//!
//! Knobs: `[behavior.fragments]`.

use std::net::IpAddr;

use smallvec::SmallVec;
use vpcemu_model::behavior::FragmentBehavior;
use vpcemu_packet::{Fragment, Headers, Transport};

use super::datagram::{DatagramEvent, DatagramState, FragmentAction, step};
use crate::fabric::FixedMap;
use crate::reason::DropReason;
use crate::time::Timestamp;

/// Datagrams remembered, and fragments held, per shard: a burst of fragments cannot take more than some 4 MiB of a shard.
const MAX_DATAGRAMS: usize = 1024;
const MAX_HELD: usize = 64;

/// Fragments remembered of a datagram: 64 KiB in fragments for the 576 bytes that every IPv4 host takes (RFC 1122 3.3.2) are
/// 119.
const MAX_RANGES: usize = 128;

#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
struct Datagram {
    src: IpAddr,
    dst: IpAddr,
    protocol: u8,
    id: u32,
}

/// What is known of a datagram that comes in fragments.
#[derive(Debug)]
struct Known {
    state: DatagramState,
    transport: Transport,
    /// What has come of its payload, in bytes from its start.
    seen: Ranges,
    until: Timestamp,
}

/// What is to be done with a packet at the entrance of the fabric.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Admission {
    /// It may go in, and counts as having this transport header.
    Ready(Transport),
    /// The ports are not known yet: the caller keeps it, until [`Reassembly::take_ready`] or
    /// [`Reassembly::take_expired`] gives its ticket back.
    Hold,
    /// It contradicts what has come of its datagram, or has come before.
    Refused(DropReason),
    /// There is no room to hold it.
    Full,
}

/// A held fragment: n of the packet.
pub type Ticket = u64;

/// The fragments of a shard.
#[derive(Debug, Default)]
pub struct Reassembly {
    knobs: FragmentBehavior,
    datagrams: FixedMap<Datagram, Known>,
    held: Vec<(Datagram, Ticket, Timestamp, u64)>,
    ready: Vec<(Ticket, Transport)>,
}

impl Reassembly {
    /// A table that has seen nothing.
    pub fn new(knobs: FragmentBehavior) -> Self {
        Self { knobs, ..Self::default() }
    }

    /// Decides on a packet. `window` counts the windows of the run.
    pub fn admit(&mut self, headers: &Headers, n: Ticket, now: Timestamp, window: u64) -> Admission {
        let (id, first) = match headers.fragment {
            Fragment::None => return Admission::Ready(headers.transport),
            Fragment::First { id } => (id, true),
            Fragment::Later { id, .. } => (id, false),
        };
        let Some(part) = headers.fragment_range() else { return Admission::Ready(headers.transport) };
        // In IPv6 a later fragment cannot tell which protocol it is of (RFC 8200 4.5).
        let protocol = if headers.src.is_ipv4() { headers.protocol } else { 0 };
        let datagram = Datagram { src: headers.src, dst: headers.dst, protocol, id };
        let (range, last) = ((part.start, part.end), !part.more);
        if self.datagrams.get(&datagram).is_some_and(|known| now >= known.until) {
            self.datagrams.remove(&datagram);
        }
        if !self.datagrams.contains_key(&datagram) && !self.has_room(now) {
            // Without a place in the table a first fragment goes its way, and the others have no ports.
            return if first { Admission::Ready(headers.transport) } else { Admission::Full };
        }
        let held = self.held.len();
        let (remember, hold) = (self.knobs.remember, self.knobs.hold);
        let known = self.datagrams.entry(datagram).or_insert_with(|| Known {
            state: DatagramState::Unknown,
            transport: Transport::Missing,
            seen: Ranges::default(),
            until: now.after(remember),
        });
        let event = match known.seen.add(range, last) {
            Addition::Full => return Admission::Full,
            Addition::Duplicate => DatagramEvent::Duplicate,
            Addition::Overlap => DatagramEvent::Overlap,
            Addition::New if first => DatagramEvent::First,
            Addition::New => DatagramEvent::Later,
        };
        let (next, action) = step(known.state, event);
        if action == FragmentAction::Hold && held >= MAX_HELD {
            known.seen.remove(range);
            return Admission::Full;
        }
        known.state = next;
        match action {
            FragmentAction::Pass => {
                if first {
                    known.transport = headers.transport;
                    known.until = now.after(remember);
                }
                let transport = known.transport;
                // The next datagram may have the same identification.
                if known.seen.is_complete() {
                    self.datagrams.remove(&datagram);
                }
                self.release(datagram, transport);
                Admission::Ready(transport)
            }
            FragmentAction::Hold => {
                // What is known of the datagram is known as long as a fragment of it waits.
                known.until = known.until.max(now.after(hold));
                self.held.push((datagram, n, now.after(hold), window));
                Admission::Hold
            }
            FragmentAction::Drop => Admission::Refused(match event {
                DatagramEvent::Duplicate if next != DatagramState::Poisoned => DropReason::FragmentDuplicate,
                _ => DropReason::FragmentOverlap,
            }),
        }
    }

    /// Held fragments whose first has come, in the order in which they came.
    pub fn take_ready(&mut self) -> Vec<(Ticket, Transport)> {
        std::mem::take(&mut self.ready)
    }

    /// Held fragments whose time is over: at `now`, or at the end of `window`, the one after the one they came in; and those
    /// whose datagram has contradicted itself meanwhile.
    pub fn take_expired(&mut self, now: Timestamp, ended: Option<u64>) -> Vec<(Ticket, DropReason)> {
        if self.held.is_empty() {
            return Vec::new();
        }
        let datagrams = &self.datagrams;
        let poisoned = |of: &Datagram| datagrams.get(of).is_some_and(|known| known.state == DatagramState::Poisoned);
        let over = |(of, _, until, window): &(Datagram, Ticket, Timestamp, u64)| {
            now >= *until || ended.is_some_and(|ended| *window < ended) || poisoned(of)
        };
        let reason = |of: &Datagram| if poisoned(of) { DropReason::FragmentOverlap } else { DropReason::Fragment };
        let expired = self.held.iter().filter(|held| over(held)).map(|held| (held.1, reason(&held.0))).collect();
        self.held.retain(|held| !over(held));
        expired
    }

    /// How many datagrams and held fragments there are: never more than some 1,000 and 64.
    pub fn len(&self) -> (usize, usize) {
        (self.datagrams.len(), self.held.len())
    }

    /// Whether the table is empty.
    pub fn is_empty(&self) -> bool {
        self.len() == (0, 0)
    }

    fn has_room(&mut self, now: Timestamp) -> bool {
        if self.datagrams.len() >= MAX_DATAGRAMS {
            self.datagrams.retain(|_, known| now < known.until);
        }
        self.datagrams.len() < MAX_DATAGRAMS
    }

    fn release(&mut self, datagram: Datagram, transport: Transport) {
        let ready = &mut self.ready;
        self.held.retain(|(of, n, _, _)| {
            if *of == datagram {
                ready.push((*n, transport));
            }
            *of != datagram
        });
    }
}

/// What a fragment adds to what has come of its datagram.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Addition {
    New,
    /// Exactly these bytes have come before.
    Duplicate,
    /// Some of these bytes have come before.
    Overlap,
    /// In more scattered pieces than are worth remembering.
    Full,
}

/// Which bytes of a datagram have come, fragment by fragment.
#[derive(Debug, Default)]
struct Ranges {
    ranges: SmallVec<[(u32, u32); 4]>,
    /// Where the last fragment says that the datagram ends.
    end: Option<u32>,
}

impl Ranges {
    fn add(&mut self, (start, end): (u32, u32), last: bool) -> Addition {
        if self.ranges.contains(&(start, end)) {
            return Addition::Duplicate;
        }
        let ends_twice = last && self.end.is_some_and(|known| known != end);
        let beyond = self.end.is_some_and(|known| end > known) || (last && self.ranges.iter().any(|(_, to)| *to > end));
        if ends_twice || beyond || self.ranges.iter().any(|(from, to)| start < *to && *from < end) {
            return Addition::Overlap;
        }
        if self.ranges.len() >= MAX_RANGES {
            return Addition::Full;
        }
        self.ranges.push((start, end));
        if last {
            self.end = Some(end);
        }
        Addition::New
    }

    fn remove(&mut self, range: (u32, u32)) {
        self.ranges.retain(|of| *of != range);
        self.end = self.end.filter(|end| *end != range.1);
    }

    fn is_complete(&self) -> bool {
        let come: u32 = self.ranges.iter().map(|(from, to)| to - from).sum();
        self.end == Some(come)
    }
}
