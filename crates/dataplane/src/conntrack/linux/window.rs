//! The window check: four bounds that a segment keeps if both ends can have meant it.
//!
//! The method is Guido van Rooij's, "Real Stateful TCP Packet Filtering in IP Filter" (2000). A box in the middle sees
//! segments before their receiver does, and loses some that it saw, so it knows neither window: it knows bounds. With
//! `end` the highest sequence number that a side has sent, `limit` the highest that the other side has invited it to
//! send and `widest` the largest window that it has ever offered itself, a segment of the *sender* is in the window if
//!
//! 1. seq <= sender.limit: the receiver has room for it;
//! 2. end >= sender.end - receiver.widest: it is not older than anything that can still be on its way;
//! 3. ack <= receiver.end: it acknowledges what was sent;
//! 4. ack >= receiver.end - max(sender.widest, 66,000): and not something ages ago.
//!
//! All of it in serial number arithmetic (RFC 1982). Selective acknowledgements extend `ack` once SACK was agreed on.

use vpcemu_packet::TcpFlags;

use super::segment::{MAX_SHIFT, Segment, TcpOptions};

/// What is known of one direction of a connection.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(super) struct Side {
    /// Behind the highest byte it has sent.
    pub(super) end: u32,
    /// Behind the highest byte it may send.
    pub(super) limit: u32,
    /// The largest window it has offered, scaled; 0: it has sent nothing yet.
    pub(super) widest: u32,
    /// The highest acknowledgement it has sent, if [`ACKNOWLEDGED`].
    highest_ack: u32,
    /// The shift of its windows.
    pub(super) scale: u8,
    /// The marks below.
    pub(super) marks: u8,
}

/// It has offered a window scale.
pub(super) const SCALES: u8 = 1;
/// It accepts selective acknowledgements.
pub(super) const SACKS: u8 = 2;
/// It has sent an acknowledgement.
const ACKNOWLEDGED: u8 = 4;
/// Some of its data is not acknowledged.
pub(super) const UNACKNOWLEDGED: u8 = 8;
/// Its FIN was the first.
pub(super) const CLOSES: u8 = 16;
/// Its scale is unknown, because the connection was picked up in its middle: no bound binds it.
pub(super) const LIBERAL: u8 = 32;

/// A bound that a segment does not keep.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Bound {
    /// Its data starts beyond what the receiver has room for.
    SeqAboveWindow,
    /// It acknowledges what was not sent.
    AckAboveSent,
}

/// Where a segment lies.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Fit {
    /// In the window.
    Inside,
    /// It begins a direction, and there is nothing to check it against.
    First,
    /// Outside, where no bound binds.
    Tolerated,
    /// Too old to say anything new: data acknowledged before, or an acknowledgement overtaken by others.
    Stale,
    /// A bit more than the receiver had room for.
    Overshoot,
    /// Not of this connection.
    Outside(Bound),
}

/// The least that an acknowledgement may lag behind (van Rooij's MAXACKWINDOW).
const ACK_LAG: u32 = 66_000;

impl Side {
    /// The side that a SYN opens.
    pub(super) fn opened(syn: &Segment) -> Self {
        let mut side = Self::beginning(syn.end(), u32::from(syn.window));
        let TcpOptions { window_scale, sack_permitted, .. } = syn.options;
        side.mark(SCALES, window_scale.is_some());
        side.mark(SACKS, sack_permitted);
        side.scale = window_scale.unwrap_or(0).min(MAX_SHIFT);
        side
    }

    /// The side that sends from `end` on and has offered `window`.
    pub(super) fn beginning(end: u32, window: u32) -> Self {
        Self { end, limit: end, widest: window.max(1), ..Self::default() }
    }

    /// Both sides of a connection whose beginning nobody saw, by the first segment of it.
    ///
    /// The scale of their windows was agreed on before: until a new handshake no bound binds, and SACK is read in case.
    pub(super) fn adopted(segment: &Segment) -> [Self; 2] {
        let sender = Self::beginning(segment.end(), u32::from(segment.window));
        let marks = SACKS | LIBERAL;
        [Self { limit: sender.end.wrapping_add(sender.widest), marks, ..sender }, Self { marks, ..Self::default() }]
    }

    /// Forgets everything but that no bound binds it.
    pub(super) fn forget(&mut self) {
        *self = Self { marks: self.marks & LIBERAL, ..Self::default() };
    }

    pub(super) fn is(&self, mark: u8) -> bool {
        self.marks & mark != 0
    }

    pub(super) fn mark(&mut self, mark: u8, on: bool) {
        self.marks = if on { self.marks | mark } else { self.marks & !mark };
    }

    /// The highest acknowledgement it has sent.
    pub(super) fn highest_ack(&self) -> Option<u32> {
        self.is(ACKNOWLEDGED).then_some(self.highest_ack)
    }
}

/// Holds a segment of side `from` (0 original, 1 reply) against the bounds, and moves them if it keeps them.
/// Unless `binding`, a segment out of bounds is tolerated.
pub(super) fn fit(sides: &mut [Side; 2], from: usize, segment: &Segment, phase: Phase, binding: bool) -> Fit {
    let [mut sender, mut receiver] = [sides[from], sides[1 - from]];
    let fit = Check { sender: &mut sender, receiver: &mut receiver, segment, reply: from == 1, phase }.run();
    sides[from] = sender;
    sides[1 - from] = receiver;
    match fit {
        Fit::Stale | Fit::Overshoot | Fit::Outside(_) if !binding || sender.is(LIBERAL) => Fit::Tolerated,
        fit => fit,
    }
}

/// What the window check has to know of the state.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Phase {
    /// SYN from the original side only.
    SynSent,
    /// SYN-ACK seen, not yet acknowledged.
    SynRecv,
    /// Any other.
    Later,
}

struct Check<'a> {
    sender: &'a mut Side,
    receiver: &'a mut Side,
    segment: &'a Segment,
    reply: bool,
    phase: Phase,
}

impl Check<'_> {
    fn run(mut self) -> Fit {
        let Segment { flags, mut seq, window, .. } = *self.segment;
        let [syn, ack, rst] = [TcpFlags::SYN, TcpFlags::ACK, TcpFlags::RST].map(|flag| flags.contains(flag));
        let mut end = self.segment.end();
        let mut acked = Acked::of(self.segment, self.receiver);

        let begins = self.sender.widest == 0;
        // A later SYN is a new attempt of the same side (RFC 9293 3.4.3: higher than any number used before).
        let restarts = syn && self.phase != Phase::Later && after(end, self.sender.end);
        if begins || restarts {
            if syn {
                self.begin_with_syn();
                if !ack && (begins || self.reply) {
                    return Fit::First; // crossing SYNs
                }
            } else {
                self.begin_in_the_middle(acked.edge);
            }
        }

        // Without an acknowledgement there is nothing to check; some stacks send RST-ACK with a number of 0.
        if !ack || (rst && acked.number == 0) {
            acked = Acked { number: self.receiver.end, edge: self.receiver.end };
        }
        // The answer to a SYN that nobody listens for has sequence number 0 (RFC 9293 3.5.2).
        if rst && seq == 0 && self.phase == Phase::SynSent {
            seq = self.sender.end;
            end = seq;
        }

        let oldest = self.sender.end.wrapping_sub(self.receiver.widest);
        let recent = self.receiver.widest == 0 || at_least(end, oldest);
        let ack_oldest = self.receiver.end.wrapping_sub(self.sender.widest.max(ACK_LAG));
        let ack_sent = at_least(self.receiver.end, acked.edge);
        let ack_recent = at_least(acked.edge, ack_oldest);

        if !at_least(self.sender.limit, seq) {
            let over = end.wrapping_sub(self.sender.limit).wrapping_add(1);
            let window_known = self.receiver.widest != 0;
            if window_known && recent && ack_sent && ack_recent && over <= self.receiver.widest {
                // The receiver may take it all the same, and will then acknowledge it.
                self.sender.end = end;
                self.sender.mark(UNACKNOWLEDGED, true);
                return Fit::Overshoot;
            }
            return Fit::Outside(Bound::SeqAboveWindow);
        }
        if !ack_sent {
            return Fit::Outside(Bound::AckAboveSent);
        }
        if !recent || !ack_recent {
            return Fit::Stale;
        }

        // Windows of SYNs are never scaled (RFC 7323 2.2).
        let window = if syn { u32::from(window) } else { u32::from(window) << self.sender.scale };
        self.learn(acked, end, window, ack);
        Fit::Inside
    }

    fn begin_with_syn(&mut self) {
        let before = *self.sender;
        *self.sender = Side { highest_ack: before.highest_ack, ..Side::opened(self.segment) };
        // A SYN with options replaces what an earlier one offered, a SYN without any leaves it as it was.
        if self.segment.options.present {
            self.sender.marks |= before.marks & LIBERAL;
        } else {
            self.sender.marks = before.marks;
            self.sender.scale = before.scale;
        }
        // Both sides offer it, or neither scales (RFC 7323 1.3).
        if self.reply && !(self.sender.is(SCALES) && self.receiver.is(SCALES)) {
            self.sender.scale = 0;
            self.receiver.scale = 0;
        }
    }

    fn begin_in_the_middle(&mut self, edge: u32) {
        let window = u32::from(self.segment.window) << self.sender.scale;
        self.sender.end = self.segment.end();
        self.sender.widest = window.max(1);
        self.sender.limit = self.sender.end.wrapping_add(self.sender.widest);
        if self.receiver.widest == 0 {
            self.receiver.end = edge;
            self.receiver.limit = edge;
        } else if edge == self.receiver.end.wrapping_add(1) {
            // The answer to a keepalive, which repeats the byte before its sequence number.
            self.receiver.end = edge;
        }
    }

    fn learn(&mut self, acked: Acked, end: u32, window: u32, ack: bool) {
        let Acked { number, edge } = acked;
        // What was acknowledged selectively takes room too.
        let offered = window.wrapping_add(edge.wrapping_sub(number));
        self.sender.widest = self.sender.widest.max(offered);
        let beyond = after(end, self.sender.limit).then(|| end.wrapping_sub(self.sender.limit));
        if after(end, self.sender.end) {
            self.sender.end = end;
            self.sender.mark(UNACKNOWLEDGED, true);
        }
        if ack && self.sender.highest_ack().is_none_or(|highest| after(number, highest)) {
            self.sender.highest_ack = number;
            self.sender.mark(ACKNOWLEDGED, true);
        }

        if self.receiver.widest != 0 {
            self.receiver.widest = self.receiver.widest.wrapping_add(beyond.unwrap_or(0));
        }
        let invited = edge.wrapping_add(window);
        if at_least(invited, self.receiver.limit) {
            // A window of 0 is still probed with one byte (RFC 9293 3.8.6.1).
            self.receiver.limit = invited.wrapping_add(u32::from(window == 0));
        }
        if number == self.receiver.end {
            self.receiver.mark(UNACKNOWLEDGED, false);
        }
    }
}

/// What a segment acknowledges.
#[derive(Clone, Copy)]
struct Acked {
    /// In its header.
    number: u32,
    /// Or beyond, by its SACK option.
    edge: u32,
}

impl Acked {
    fn of(segment: &Segment, receiver: &Side) -> Self {
        let sacked = segment.options.sack_edge.filter(|_| receiver.is(SACKS));
        Self { number: segment.ack, edge: sacked.unwrap_or(segment.ack) }
    }
}

/// Whether `a` comes after `b` (RFC 1982).
pub(super) fn after(a: u32, b: u32) -> bool {
    (b.wrapping_sub(a) as i32) < 0
}

/// Whether `a` is `b` or comes after it.
fn at_least(a: u32, b: u32) -> bool {
    !after(b, a)
}
