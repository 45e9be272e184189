//! One record as a dialogue needs it, and the packets that it stands for.

use vpcemu_dataplane::flow_log::LegDirection;
use vpcemu_dataplane::index::EniIx;
use vpcemu_flowlog::{Action, Record};
use vpcemu_packet::TcpFlags;

use crate::Orientation;

const NANOSECONDS: u64 = 1_000_000_000;
/// SYN of a segment, in a record (9.9).
const SYN: u8 = 2;
/// What SYN-ACK has beyond it: ACK alone is not recorded.
const ACK: u8 = 16;

/// What one record tells of a dialogue.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Told {
    /// Whether its source is the first end of the dialogue.
    pub(crate) forward: bool,
    /// Seconds since the epoch of its first packet.
    pub(crate) start: u64,
    /// Those of its last one.
    end: u64,
    /// Packets to make, at least one.
    pub(crate) packets: u64,
    /// Whether there were more.
    cut: bool,
    /// Bytes of those packets.
    bytes: u64,
    /// `None` where the format does not have them.
    flags: Option<u8>,
    pub(crate) action: Option<Action>,
    pub(crate) orientation: Orientation,
    /// Who recorded it, and which way the packets went there; `None` where that cannot be told.
    pub(crate) place: Option<(EniIx, LegDirection)>,
    /// Whether the address of the recorder's own side is the header's, rather than its primary one for any (9.10).
    pub(crate) own_side_told: bool,
}

impl Told {
    /// Of a record whose source is the first end, with so many packets at most.
    pub(crate) fn of(record: &Record, most: u64, place: Option<(EniIx, LegDirection)>) -> Self {
        let counted = record.packets.unwrap_or(1).max(1);
        let packets = counted.min(most);
        let start = record.start.unwrap_or(0);
        let own_side_told = match place {
            Some((_, LegDirection::Egress)) => record.pkt_srcaddr.is_some(),
            Some((_, LegDirection::Ingress)) => record.pkt_dstaddr.is_some(),
            None => false,
        };
        // The bytes of packets that are left out are left out too.
        let bytes = u128::from(record.bytes.unwrap_or(0)) * u128::from(packets) / u128::from(counted);
        Self {
            forward: true,
            start,
            end: record.end.unwrap_or(start).max(start),
            packets,
            cut: packets < counted,
            bytes: u64::try_from(bytes).unwrap_or(u64::MAX),
            flags: record.tcp_flags.filter(|_| record.protocol == Some(6)),
            action: record.action,
            orientation: Orientation::of(record),
            place,
            own_side_told,
        }
    }

    /// When a packet was, in nanoseconds since the epoch: they are spread evenly over the seconds of the record.
    pub(crate) fn time(&self, number: u64) -> u64 {
        let steps = self.packets.max(2) - 1;
        let span = u128::from(self.end - self.start) * u128::from(NANOSECONDS);
        let after = u64::try_from(span * u128::from(number) / u128::from(steps)).unwrap_or(u64::MAX);
        self.start.saturating_mul(NANOSECONDS).saturating_add(after)
    }

    /// The same as a record of that end of its dialogue.
    pub(crate) fn of_first(self, forward: bool) -> Self {
        Self { forward, ..self }
    }

    /// Seconds since the epoch of its last packet.
    pub(crate) fn last_second(&self) -> u64 {
        self.end
    }

    /// When its last packet was, as [`Self::time`].
    pub(crate) fn last_time(&self) -> u64 {
        self.time(self.packets - 1)
    }

    /// The length of a packet, its headers included.
    pub(crate) fn length(&self, number: u64) -> u64 {
        self.bytes / self.packets + if number == 0 { self.bytes % self.packets } else { 0 }
    }

    pub(crate) fn is_rejected(&self) -> bool {
        self.action == Some(Action::Reject)
    }

    /// Whether a connection begins in it with a SYN of the side that opens.
    pub(crate) fn opens(&self) -> bool {
        self.flags.is_some_and(|flags| flags & SYN != 0 && flags & ACK == 0)
    }

    /// Whether it has the answer to a SYN.
    pub(crate) fn accepts(&self) -> bool {
        self.flags.is_some_and(|flags| flags & ACK != 0)
    }

    /// Whether it says that no connection begins in it.
    pub(crate) fn goes_on(&self) -> bool {
        self.flags.is_some_and(|flags| flags & (SYN | ACK) == 0)
    }

    /// Whether there is a SYN of either side in it.
    pub(crate) fn has_syn(&self) -> bool {
        self.opens() || self.accepts()
    }

    /// Whether nothing but SYNs was sent, and segments that have no flags in records.
    pub(crate) fn only_opens(&self) -> bool {
        self.flags == Some(SYN)
    }

    /// Whether the record has no flags at all.
    pub(crate) fn is_silent(&self) -> bool {
        self.flags.is_none()
    }

    /// FIN and RST of a packet: they are in the last one. Where that stands for all of several, it is the first of them instead.
    pub(crate) fn closers(&self, number: u64) -> TcpFlags {
        let last = number + 1 == self.packets && !(self.cut && self.packets == 1 && !self.goes_on());
        TcpFlags(if last { self.flags.unwrap_or(0) & (TcpFlags::FIN | TcpFlags::RST).0 } else { 0 })
    }
}
