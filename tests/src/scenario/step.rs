//! One step of a scenario: what became of the packet that was sent.

use std::ops::Deref;

use vpcemu_dataplane::DropReason;
use vpcemu_dataplane::outcome::{CtState, Outcome};
use vpcemu_packet::{Headers, Offloads};

use super::bytes::difference;
use super::{Counts, Datagram, Scenario, drops};
use crate::Sent;

/// A packet has been sent; what became of it is to be said, at last with [`Step::counts`].
#[derive(Debug)]
#[must_use = "a step ends with `counts`"]
pub struct Step<'a> {
    scenario: &'a mut Scenario,
    went_in: Datagram,
    sent: Sent,
    /// Fates of fragments that had been held, and of which nothing has been said yet.
    later: Vec<Sent>,
    lengths: Vec<i64>,
    seen: Option<Datagram>,
    declared: Counts,
}

/// A packet as it came out; of one that was dropped or is held, as it went in.
#[derive(Clone, Debug)]
pub struct Seen {
    /// Its number.
    pub n: u64,
    datagram: Datagram,
}

impl Seen {
    /// The same packet once more.
    pub fn again(&self) -> Datagram {
        self.datagram.clone()
    }
}

impl Deref for Seen {
    type Target = Datagram;

    fn deref(&self) -> &Datagram {
        &self.datagram
    }
}

impl<'a> Step<'a> {
    pub(super) fn new(scenario: &'a mut Scenario, went_in: Datagram, sent: Sent, later: Vec<Sent>) -> Self {
        let walked = |sent: &&Sent| sent.malformed.is_none() && !sent.steps.is_empty();
        let first = matches!(sent.verdict.outcome, Outcome::Delivered { .. } | Outcome::Dropped(_)).then_some(&sent);
        let lengths = first.into_iter().chain(&later).filter(walked).map(|sent| i64::from(sent.length)).collect();
        Self { scenario, went_in, sent, later, lengths, seen: None, declared: super::NOTHING }
    }

    /// It reaches a place (an instance, or `internet`) as it went in, but for `change`, to the byte.
    #[track_caller]
    pub fn to(mut self, place: &str, change: impl FnOnce(Datagram) -> Datagram) -> Self {
        let expected = change(self.as_sent()).filled(&self.sent.bytes);
        self.judge(&self.sent, place, &expected);
        // A packet that no longer fits where it was captured comes out in one piece.
        let whole = self.sent.pieces.iter().all(|piece| *piece == self.sent.bytes);
        assert!(whole && self.sent.pieces.len() < 2, "it left in {} pieces", self.sent.pieces.len());
        self.seen = Some(expected);
        self
    }

    /// It reaches a place as it went in, but for `change`, and in pieces for an MTU.
    #[track_caller]
    pub fn to_in_pieces(mut self, place: &str, mtu: usize, change: impl FnOnce(Datagram) -> Datagram) -> Self {
        let expected = change(self.as_sent()).filled(&self.sent.bytes);
        self.judge_place(&self.sent, place);
        let pieces = expected.pieces(mtu);
        assert_eq!(self.sent.pieces.len(), pieces.len(), "pieces");
        for (number, (expected, got)) in pieces.iter().zip(&self.sent.pieces).enumerate() {
            let difference = difference(&expected.bytes(), got);
            assert!(difference.is_empty(), "piece {number} of {}:\n{difference}", pieces.len());
        }
        self.seen = Some(expected);
        self
    }

    /// It is dropped, for a reason, at a component: `nat-nat`, or `-` for none.
    #[track_caller]
    pub fn dropped(mut self, reason: DropReason, at: &str) -> Self {
        let got = (self.sent.reason(), self.sent.at.as_deref().unwrap_or("-"));
        assert_eq!(got, (Some(reason), at), "it ended at {:?}{}", self.sent.place, self.journey());
        self.declared = self.declared + drops(reason, 1);
        self.seen = Some(self.went_in.clone());
        self
    }

    /// It is a fragment that waits for the first of its datagram.
    #[track_caller]
    pub fn held(mut self) -> Self {
        assert_eq!(self.sent.verdict.outcome, Outcome::Held);
        self.seen = Some(self.went_in.clone());
        self
    }

    /// With it a fragment that was held goes its way, as it went in but for `change`.
    #[track_caller]
    pub fn releases(mut self, held: &Seen, place: &str, change: impl FnOnce(Datagram) -> Datagram) -> Self {
        let sent = self.take_later(held);
        let expected = change(held.datagram.clone()).filled(&sent.bytes);
        self.judge(&sent, place, &expected);
        self
    }

    /// With it a fragment that was held is dropped.
    #[track_caller]
    pub fn loses(mut self, held: &Seen, reason: DropReason, at: &str) -> Self {
        let sent = self.take_later(held);
        assert_eq!((sent.reason(), sent.at.as_deref().unwrap_or("-")), (Some(reason), at), "{:?}", sent.place);
        self.declared = self.declared + drops(reason, 1);
        self
    }

    /// Because of it a gateway or the VPC router makes a packet, which ends at a place.
    #[track_caller]
    pub fn answered(mut self, kind: &str, place: &str, expected: Datagram) -> Self {
        let (of, bytes, end) = self.sent.generated.take().unwrap_or_else(|| panic!("nobody answers"));
        assert_eq!(of.name(), kind);
        assert!(is_place(end.as_deref(), place), "the {kind} ends at {end:?}");
        let expected = expected.filled(&bytes);
        compare(&expected, &bytes, "");
        assert_eq!(strict(&bytes), Ok(()), "the {kind}");
        self
    }

    /// What connection tracking thinks of it.
    #[track_caller]
    pub fn state(self, expected: CtState) -> Self {
        assert_eq!(self.sent.verdict.state, Some(expected));
        self
    }

    /// It belongs to the connection that `other` began.
    #[track_caller]
    pub fn of(self, other: &Seen) -> Self {
        assert_eq!(self.sent.verdict.connection, Some(other.n), "its connection");
        self
    }

    /// The steps of its walk.
    #[track_caller]
    pub fn steps(self, expected: &[&str]) -> Self {
        assert_eq!(self.sent.steps, expected);
        self
    }

    /// The rules that judged it, one for each step of its walk: an id, the number of an entry, `*`, or `-` where none
    /// had to be asked.
    #[track_caller]
    pub fn by(self, expected: &[&str]) -> Self {
        assert_eq!(self.sent.rules, expected, "the rules{}", self.journey());
        self
    }

    /// Exactly these counters have moved. It ends the step, and gives the packet as it came out.
    #[track_caller]
    pub fn counts(self, counts: Counts) -> Seen {
        let datagram = self.seen.unwrap_or_else(|| panic!("nothing was said of the packet's fate"));
        assert!(self.sent.generated.is_none(), "somebody answers: {:?}", self.sent.generated);
        let untold: Vec<_> = self.later.iter().map(|sent| sent.n).collect();
        assert!(untold.is_empty(), "nothing was said of the fragments {untold:?}, which had been held");
        self.scenario.settle(self.declared + counts, &self.lengths, "with this packet");
        Seen { n: self.sent.n, datagram }
    }

    fn as_sent(&self) -> Datagram {
        self.went_in.clone().trailer(&[])
    }

    #[track_caller]
    fn take_later(&mut self, held: &Seen) -> Sent {
        let at = self.later.iter().position(|sent| sent.n == held.n);
        self.later.remove(at.unwrap_or_else(|| panic!("fragment {} is still held", held.n)))
    }

    #[track_caller]
    fn judge(&self, sent: &Sent, place: &str, expected: &Datagram) {
        self.judge_place(sent, place);
        compare(expected, &sent.bytes, &self.journey());
        // What came in with a wrong checksum leaves with one, and the comparison said that it is as wrong.
        if strict(&self.went_in.clone().trailer(&[]).bytes()).is_ok() {
            assert_eq!(strict(&sent.bytes), Ok(()), "what came out");
        }
    }

    #[track_caller]
    fn judge_place(&self, sent: &Sent, place: &str) {
        let denied = (sent.reason(), sent.malformed, sent.at.as_deref());
        assert!(
            is_place(sent.place.as_deref(), place),
            "it ended at {:?}, dropped: {denied:?}{}",
            sent.place,
            self.journey()
        );
    }

    fn journey(&self) -> String {
        format!(", by way of {:#?}", self.sent.steps)
    }
}

/// Whether outputs mean this place: by its id, or an instance by its name.
fn is_place(id: Option<&str>, place: &str) -> bool {
    id.is_some_and(|id| id == place || id.strip_prefix("eni-") == Some(place))
}

#[track_caller]
fn compare(expected: &Datagram, got: &[u8], journey: &str) {
    let difference = difference(&expected.bytes(), got);
    assert!(difference.is_empty(), "what came out differs:\n{difference}{journey}");
}

/// Every checksum is right.
fn strict(bytes: &[u8]) -> Result<(), vpcemu_packet::Malformed> {
    let length = u32::try_from(bytes.len()).unwrap_or(u32::MAX);
    Headers::parse(bytes, length, Offloads::Strict).map(|_| ())
}

/// Packets that were sent one after the other.
#[derive(Debug)]
#[must_use = "a step ends with `counts`"]
pub struct Many<'a> {
    scenario: &'a mut Scenario,
    sent: Vec<Sent>,
}

impl<'a> Many<'a> {
    pub(super) fn new(scenario: &'a mut Scenario, sent: Vec<Sent>) -> Self {
        Self { scenario, sent }
    }

    /// Exactly these counters have moved, drops included. It ends the step, and gives the packets.
    #[track_caller]
    pub fn counts(self, counts: Counts) -> Vec<Sent> {
        for sent in &self.sent {
            let delivered = matches!(sent.verdict.outcome, Outcome::Delivered { .. });
            assert!(!delivered || strict(&sent.bytes).is_ok(), "packet {} has a wrong checksum", sent.n);
            assert!(sent.generated.is_none(), "somebody answers packet {}: {:?}", sent.n, sent.generated);
        }
        let lengths: Vec<_> = self.sent.iter().map(|sent| i64::from(sent.length)).collect();
        self.scenario.settle(counts, &lengths, "with these packets");
        self.sent
    }
}
