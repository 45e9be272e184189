//! Which records of ICMP are of pings: they say neither type nor identifier, but a ping is answered and an error is not.
//!
//! A pair of addresses that sent each other messages of one size at one time, both let pass, has pinged. Errors go one way.

use std::collections::HashMap;
use std::net::IpAddr;

use crate::agreement::Difference;
use crate::group::Group;
use crate::record::{Action, Text};
use crate::{Entry, Record};

/// Pairs that are watched at most, of all interfaces; what more there are wait for no answer. Some 30 MB if records of all of them
/// wait, 1.5 KB each.
const PAIRS: usize = 20_000;

/// By how many seconds request and answer may be apart: what AWS's times may be wrong by (9.3).
const APART: u64 = 60;

/// Pairs of addresses that exchange ICMP messages at interfaces.
#[derive(Clone, Debug, Default)]
pub(crate) struct Pings {
    pairs: HashMap<Pair, Exchange>,
}

#[derive(Clone, PartialEq, Eq, Hash, Debug)]
struct Pair {
    at: Option<Text>,
    lower: IpAddr,
    higher: IpAddr,
}

/// What is known of a pair.
#[derive(Clone, Debug, Default)]
pub(crate) struct Exchange {
    /// Whether it has pinged.
    pub(crate) answered: bool,
    /// What the lower and the higher address sent last.
    last: [Option<Seen>; 2],
    /// Records that differ if they are of pings.
    waiting: Vec<Waiting>,
}

/// Records of one difference.
#[derive(Clone, Debug)]
pub(crate) struct Waiting {
    pub(crate) difference: Difference,
    pub(crate) group: Group,
    /// Why they cannot be judged if they are not.
    pub(crate) otherwise: String,
}

/// What a record tells of its messages, where its format has it.
#[derive(Clone, Copy, Debug)]
struct Seen {
    start: Option<u64>,
    end: Option<u64>,
    /// Bytes and packets.
    size: Option<(u64, u64)>,
}

impl Pings {
    /// Takes note of a record. None of what is no ICMP that was let pass, and of new pairs where there are too many.
    pub(crate) fn see(&mut self, record: &Record) -> Option<&mut Exchange> {
        if !matches!(record.protocol, Some(1 | 58)) || record.action != Some(Action::Accept) {
            return None;
        }
        let src = record.pkt_srcaddr.or(record.srcaddr)?;
        let dst = record.pkt_dstaddr.or(record.dstaddr)?;
        let at = record.interface_id.as_ref().or(record.resource_id.as_ref()).cloned();
        let pair = Pair { at, lower: src.min(dst), higher: src.max(dst) };
        if self.pairs.len() >= PAIRS && !self.pairs.contains_key(&pair) {
            return None;
        }
        let exchange = self.pairs.entry(pair).or_default();
        exchange.see(usize::from(src > dst), Seen::of(record));
        Some(exchange)
    }

    /// What still waits.
    pub(crate) fn waiting(&self) -> impl Iterator<Item = &Waiting> {
        self.pairs.values().flat_map(|exchange| &exchange.waiting)
    }
}

impl Exchange {
    fn see(&mut self, side: usize, seen: Seen) {
        self.last[side] = Some(seen);
        self.answered |= self.last[1 - side].is_some_and(|other| other.answers(&seen));
    }

    /// Keeps a record until there is an answer.
    pub(crate) fn wait(&mut self, difference: Difference, entry: &Entry, otherwise: String) {
        if let Some(waiting) = self.waiting.iter_mut().find(|waiting| waiting.difference == difference) {
            return waiting.group.add(&entry.record);
        }
        let mut group = Group::new(entry);
        group.add(&entry.record);
        self.waiting.push(Waiting { difference, group, otherwise });
    }

    /// What need not wait any longer.
    pub(crate) fn settled(&mut self) -> Vec<Waiting> {
        if self.answered { std::mem::take(&mut self.waiting) } else { Vec::new() }
    }
}

impl Seen {
    fn of(record: &Record) -> Self {
        Self { start: record.start, end: record.end, size: record.bytes.zip(record.packets) }
    }

    /// Whether one may answer the other: what is not told speaks against nothing.
    fn answers(&self, other: &Self) -> bool {
        let before = |end: Option<u64>, start: Option<u64>| {
            end.zip(start).is_some_and(|(end, start)| end.saturating_add(APART) < start)
        };
        let sizes = self.size.zip(other.size);
        let alike = sizes.is_none_or(|((bytes, packets), (others, of))| {
            u128::from(bytes) * u128::from(of) == u128::from(others) * u128::from(packets)
        });
        alike && !before(self.end, other.start) && !before(other.end, self.start)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(src: u8, dst: u8, start: u64, packets: u64, bytes: u64) -> Record {
        Record {
            interface_id: Some("eni-web".into()),
            srcaddr: Some([10, 0, 0, src].into()),
            dstaddr: Some([10, 0, 0, dst].into()),
            protocol: Some(1),
            packets: Some(packets),
            bytes: Some(bytes),
            start: Some(start),
            end: Some(start + 10),
            action: Some(Action::Accept),
            ..Record::default()
        }
    }

    fn answered(records: &[Record]) -> Option<bool> {
        let mut pings = Pings::default();
        records.iter().map(|record| pings.see(record).map(|exchange| exchange.answered)).last().flatten()
    }

    #[test]
    fn a_ping_is_answered_by_as_large_messages_at_the_same_time() {
        let request = record(1, 2, 100, 3, 252);
        assert_eq!(answered(&[request.clone(), record(2, 1, 100, 3, 252)]), Some(true));
        // One answer was lost; it came in the next window.
        assert_eq!(answered(&[request.clone(), record(2, 1, 165, 2, 168)]), Some(true));
        assert_eq!(answered(&[request.clone(), record(2, 1, 171, 3, 252)]), Some(false));
        assert_eq!(answered(&[request.clone(), record(2, 1, 100, 3, 168)]), Some(false));
        assert_eq!(answered(&[request.clone(), record(1, 2, 100, 3, 252)]), Some(false));
        assert_eq!(answered(&[request.clone(), record(3, 1, 100, 3, 252)]), Some(false));
        // A format without numbers and times says nothing against it.
        let bare = Record { packets: None, start: None, ..record(2, 1, 900, 0, 0) };
        assert_eq!(answered(&[Record { end: None, ..request.clone() }, bare]), Some(true));
        let refused = Record { action: Some(Action::Reject), ..record(2, 1, 100, 3, 252) };
        assert_eq!(answered(&[request, refused]), None);
    }

    #[test]
    fn there_is_room_for_so_many_pairs() {
        let mut pings = Pings::default();
        for number in 0..=PAIRS as u32 {
            let src = Some(IpAddr::V4(number.into()));
            let seen = pings.see(&Record { srcaddr: src, ..record(1, 2, 100, 1, 84) });
            assert_eq!(seen.is_some(), number < PAIRS as u32);
        }
        // Those that are known are watched on.
        assert!(pings.see(&Record { srcaddr: Some(IpAddr::V4(0.into())), ..record(1, 2, 100, 1, 84) }).is_some());
    }
}
