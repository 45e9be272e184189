//! Virtual reassembly: the first fragment of a datagram lends its ports to the others (6.31, 7.13).
//!
//! Nothing is put together. Fragments that come before the first are held, for one second of capture time or until the end
//! of the next window, whichever is earlier; memory is bounded.

use std::net::IpAddr;
use std::time::Duration;

use vpcemu_packet::{Fragment, Headers, Transport};

use crate::fabric::FixedMap;
use crate::time::Timestamp;

/// How long the ports of a first fragment are remembered (4.20; Linux's ip_frag_time).
const REMEMBER: Duration = Duration::from_secs(30);

/// How long a fragment waits for the first (4.20).
const HOLD: Duration = Duration::from_secs(1);

/// Datagrams remembered, and fragments held, per shard: a burst of fragments cannot take more than some 4 MiB of a shard.
const MAX_DATAGRAMS: usize = 1024;
const MAX_HELD: usize = 64;

#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
struct Datagram {
    src: IpAddr,
    dst: IpAddr,
    protocol: u8,
    id: u32,
}

/// What is to be done with a packet at the entrance of the fabric.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Admission {
    /// It may go in, and counts as having this transport header.
    Ready(Transport),
    /// The ports are not known yet: the caller keeps it, until [`Reassembly::take_ready`] or
    /// [`Reassembly::take_expired`] gives its ticket back.
    Hold,
    /// There is no room to hold it.
    Full,
}

/// A held fragment: n of the packet.
pub type Ticket = u64;

/// The fragments of a shard.
#[derive(Debug, Default)]
pub struct Reassembly {
    firsts: FixedMap<Datagram, (Transport, Timestamp)>,
    held: Vec<(Datagram, Ticket, Timestamp, u64)>,
    ready: Vec<(Ticket, Transport)>,
}

impl Reassembly {
    /// Decides on a packet. `window` counts the windows of the run.
    pub fn admit(&mut self, headers: &Headers, n: Ticket, now: Timestamp, window: u64) -> Admission {
        let (id, first) = match headers.fragment {
            Fragment::None => return Admission::Ready(headers.transport),
            Fragment::First { id } => (id, true),
            Fragment::Later { id, .. } => (id, false),
        };
        let datagram = Datagram { src: headers.src, dst: headers.dst, protocol: headers.protocol, id };
        if first {
            self.remember(datagram, headers.transport, now);
            return Admission::Ready(headers.transport);
        }
        match self.firsts.get(&datagram) {
            Some((transport, until)) if now < *until => Admission::Ready(*transport),
            _ if self.held.len() >= MAX_HELD => Admission::Full,
            _ => {
                self.held.push((datagram, n, now.after(HOLD), window));
                Admission::Hold
            }
        }
    }

    /// Held fragments whose first has come, in the order in which they came.
    pub fn take_ready(&mut self) -> Vec<(Ticket, Transport)> {
        std::mem::take(&mut self.ready)
    }

    /// Held fragments whose time is over: at `now`, or at the end of `window`, the one after the one they came in.
    pub fn take_expired(&mut self, now: Timestamp, ended: Option<u64>) -> Vec<Ticket> {
        if self.held.is_empty() {
            return Vec::new();
        }
        let over = |until: Timestamp, window: u64| now >= until || ended.is_some_and(|ended| window < ended);
        let expired =
            self.held.iter().filter(|(_, _, until, window)| over(*until, *window)).map(|held| held.1).collect();
        self.held.retain(|(_, _, until, window)| !over(*until, *window));
        expired
    }

    fn remember(&mut self, datagram: Datagram, transport: Transport, now: Timestamp) {
        if self.firsts.len() >= MAX_DATAGRAMS {
            self.firsts.retain(|_, (_, until)| now < *until);
            if self.firsts.len() >= MAX_DATAGRAMS {
                return;
            }
        }
        self.firsts.insert(datagram, (transport, now.after(REMEMBER)));
        let ready = &mut self.ready;
        self.held.retain(|(of, n, _, _)| {
            if *of == datagram {
                ready.push((*n, transport));
            }
            *of != datagram
        });
    }
}
