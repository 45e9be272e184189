//! What flow logs are made of: packets counted at every interface they pass, in each direction, by what security groups and
//! network ACLs said of them (section 9).
//!
//! A walk's steps say where a packet passed an interface ([`legs`]). What packets of the flow cache passed is that of the walk
//! that left their record, so a hit costs no more than a few counters of its record.
//!
//! Names, addresses as records show them in text, and files are no matter of this crate.

mod ledger;
mod legs;

use std::net::IpAddr;

use vpcemu_packet::{FlowKey, TcpFlags};

use crate::index::{EniIx, NatIx};
use crate::outcome::Direction;

pub(crate) use ledger::Ledger;
pub use legs::{Passage, Passed, legs};

/// A packet's passage of one interface, in one direction: what makes a record (9.2).
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub struct Leg {
    /// Who logs it.
    pub at: LoggedAt,
    /// Seen from there.
    pub direction: LegDirection,
    /// What security groups and network ACLs said, and nobody else (9.5).
    pub action: Action,
    /// Refused by Block Public Access: the one reason of a refusal that records tell (9b, `reject-reason`).
    pub blocked: bool,
    /// What the packet's header holds there: `pkt-srcaddr`, `pkt-dstaddr`, ports and protocol.
    pub header: FlowKey,
    /// `srcaddr` and `dstaddr`: the interface's own side is its primary address, whatever the header holds (9.10).
    pub shown: (IpAddr, IpAddr),
    /// `traffic-path`, of what leaves (9.11).
    pub path: Option<u8>,
    /// The interface that it goes to next, or comes from.
    pub next: Option<EniIx>,
}

/// Who logs.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub enum LoggedAt {
    /// An interface.
    Interface(EniIx),
    /// A regional NAT gateway, which has none (9.13).
    RegionalNat(NatIx),
}

/// [`Direction`], in an order.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub enum LegDirection {
    /// Into the interface.
    Ingress,
    /// Out of it.
    Egress,
}

impl From<LegDirection> for Direction {
    fn from(direction: LegDirection) -> Self {
        match direction {
            LegDirection::Ingress => Self::Ingress,
            LegDirection::Egress => Self::Egress,
        }
    }
}

/// What was decided (9.5).
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub enum Action {
    /// Let pass, whatever became of the packet afterwards.
    Accept,
    /// Refused.
    Reject,
}

/// What passed in one window.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Sum {
    /// How many packets.
    pub packets: u64,
    /// How many bytes, of IP total length.
    pub bytes: u64,
    /// When the first came, in seconds since the epoch.
    pub first: u64,
    /// When the last did.
    pub last: u64,
    /// Flags of all of them, as records have them (9.9).
    pub tcp_flags: u8,
}

impl Sum {
    /// One packet.
    pub fn of_packet(bytes: u32, second: u64, flags: Option<TcpFlags>) -> Self {
        let tcp_flags = flags.map_or(0, logged_flags);
        Self { packets: 1, bytes: bytes.into(), first: second, last: second, tcp_flags }
    }

    /// Adds what passed besides.
    pub fn add(&mut self, other: &Self) {
        if self.packets == 0 {
            *self = *other;
            return;
        }
        self.packets += other.packets;
        self.bytes += other.bytes;
        self.first = self.first.min(other.first);
        self.last = self.last.max(other.last);
        self.tcp_flags |= other.tcp_flags;
    }
}

/// The flags that records know: FIN 1, SYN 2, RST 4 and SYN-ACK 18 (9.9).
fn logged_flags(flags: TcpFlags) -> u8 {
    let syn = match (flags.contains(TcpFlags::SYN), flags.contains(TcpFlags::ACK)) {
        (true, true) => 18,
        (true, false) => 2,
        (false, _) => 0,
    };
    syn | flags.0 & (TcpFlags::FIN | TcpFlags::RST).0
}

/// What passed one interface in one window.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Logged {
    /// The window: its number since the epoch.
    pub window: u64,
    /// What passed where.
    pub leg: Leg,
    /// How much.
    pub sum: Sum,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn flags_are_those_that_records_can_tell() {
        for (flags, logged) in
            [("S", 2), ("SA", 18), ("FA", 1), ("RA", 4), ("A", 0), ("PA", 0), ("SE", 2), (".", 0), ("F", 1)]
        {
            assert_eq!(logged_flags(flags.parse().unwrap()), logged, "{flags}");
        }
    }

    #[test]
    fn sums_span_from_the_first_to_the_last() {
        let mut sum = Sum::default();
        for (bytes, time, flags) in [(60, 30, TcpFlags::SYN), (40, 10, TcpFlags::ACK), (40, 20, TcpFlags::FIN)] {
            sum.add(&Sum::of_packet(bytes, time, Some(flags)));
        }
        assert_eq!(sum, Sum { packets: 3, bytes: 140, first: 10, last: 30, tcp_flags: 3 });
    }
}
