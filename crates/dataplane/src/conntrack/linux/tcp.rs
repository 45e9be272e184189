//! One TCP connection as Linux tracks it: the state table, the window check, and the cases that neither decides alone.

use vpcemu_packet::TcpFlags;

use super::judgement::{Invalid, Judgement};
use super::segment::Segment;
use super::states::{Event, State, Step};
use super::timeouts::{Lease, TimeoutClass};
use super::window::{CLOSES, Fit, Phase, SACKS, SCALES, Side, UNACKNOWLEDGED, after, fit};

/// What Linux remembers of a TCP connection: 64 bytes.
///
/// Segments go to [`Self::open`] while there is no entry and to [`Self::observe`] while there is one. "Reply" is the
/// direction against the segment that opened it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct LinuxTcp {
    /// Original and reply.
    sides: [Side; 2],
    last: Last,
    state: State,
    replied: bool,
    assured: bool,
}

/// The segment before this one, and what was memorable about the ones before.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Last {
    seq: u32,
    ack: u32,
    end: u32,
    window: u16,
    event: Event,
    reply: bool,
    /// How often the same ACK came again.
    repeats: u8,
    /// The window scale of a SYN that passed unbelieved.
    scale: u8,
    /// Its options, [`SCALES`] and [`SACKS`].
    offers: u8,
    /// The two marks below.
    marks: u8,
}

/// A SYN passed in LAST-ACK, so that an ACK may be the challenge to it (RFC 5961 4.2) and not the end.
const CHALLENGED: u8 = 1;
/// SYNs have crossed.
const SIMULTANEOUS: u8 = 2;

/// So many repetitions of an ACK make a connection suspect (`tcp_max_retrans`).
const MAX_RETRANS: u8 = 3;

impl LinuxTcp {
    /// The entry that a first segment opens, with its lease of life.
    ///
    /// `loose` (`tcp_loose`, on by default) is whether an ACK picks up a connection in its middle. Nothing but SYN and
    /// ACK opens one.
    pub fn open(segment: &Segment, loose: bool) -> Result<(Self, Lease), Invalid> {
        let (sides, state) = match State::None.step(segment.event(), false) {
            Step::To(State::SynSent) => ([Side::opened(segment), Side::default()], State::SynSent),
            Step::To(_) if !loose => return Err(Invalid::Midstream),
            Step::To(state) => (Side::adopted(segment), state),
            Step::Ignore | Step::Invalid => return Err(Invalid::State),
        };
        let mut tcp = Self { sides, last: Last::NOTHING, state: State::None, replied: false, assured: false };
        let fit = fit(&mut tcp.sides, 0, segment, Phase::Later, true);
        let lease = tcp.advance(state, segment, false, fit == Fit::Inside);
        Ok((tcp, lease))
    }

    /// Takes note of a segment of this connection and judges it.
    ///
    /// Without `window_check` (`tcp_be_liberal`) segments out of the window pass.
    pub fn observe(&mut self, reply: bool, segment: &Segment, window_check: bool) -> Judgement {
        let judgement = match self.state.step(segment.event(), reply) {
            Step::Invalid => Judgement::Invalid { why: Invalid::State, shorten: false },
            Step::Ignore => self.overlook(reply, segment, window_check),
            Step::To(State::SynSent) if self.state.is_closing() => {
                if self.may_reopen(reply) {
                    return Judgement::Reopen;
                }
                self.overlook(reply, segment, window_check)
            }
            Step::To(next) => self.consider(next, reply, segment, window_check),
        };
        self.replied |= reply && matches!(judgement, Judgement::Accept { .. });
        judgement
    }

    /// How far it has come.
    pub fn state(&self) -> State {
        self.state
    }

    /// Whether a segment of the reply direction was accepted.
    pub fn is_replied(&self) -> bool {
        self.replied
    }

    /// Whether it was established both ways, so that a full table does not drop it early.
    pub fn is_assured(&self) -> bool {
        self.assured
    }

    /// A segment whose step is settled but for the window and the special cases.
    fn consider(&mut self, mut next: State, reply: bool, segment: &Segment, window_check: bool) -> Judgement {
        let event = segment.event();
        let mut trusted = false;
        match (next, event) {
            (State::TimeWait, Event::Ack) if self.state == State::LastAck && self.is_challenge(reply) => {
                self.last.marks &= !CHALLENGED;
                return Judgement::PASS;
            }
            (State::SynSent2, _) => self.last.marks |= SIMULTANEOUS,
            // The SYN-ACKs have crossed too, and this ACK completes the handshake.
            (State::SynRecv, Event::Ack) if reply && self.last.marks & SIMULTANEOUS != 0 => next = State::Established,
            (State::Close, Event::Rst) => match self.weigh_reset(reply, segment) {
                Reset::Invalid => return Judgement::Invalid { why: Invalid::Reset, shorten: false },
                Reset::Trusted => trusted = true,
                Reset::Exact => {}
                Reset::Inexact => next = self.state,
            },
            _ => {}
        }
        self.admit(self.state, next, reply, segment, window_check, trusted)
    }

    /// A segment that the table lets pass without believing it. What it says is kept for the segments after it.
    fn overlook(&mut self, reply: bool, segment: &Segment, window_check: bool) -> Judgement {
        let event = segment.event();
        let answers_syn = event == Event::SynAck && self.last.event == Event::Syn && self.last.reply != reply;
        if answers_syn && segment.ack == self.last.end {
            // Both ends agree on a SYN that was not believed here: it was good, and what is remembered is old.
            let mut opener = Side::beginning(self.last.end, u32::from(self.last.window));
            opener.scale = self.last.scale;
            opener.marks = self.last.offers;
            self.sides[usize::from(!reply)] = opener;
            self.sides[usize::from(reply)].forget();
            return self.admit(State::SynSent, State::SynRecv, reply, segment, window_check, false);
        }
        self.last.event = event;
        self.last.reply = reply;
        self.last.seq = segment.seq;
        self.last.end = segment.end();
        self.last.window = segment.window;
        if event == Event::Syn && !reply {
            let Side { scale, marks, .. } = Side::opened(segment);
            self.last.scale = scale;
            self.last.offers = marks & (SCALES | SACKS);
            self.last.marks = if self.state == State::LastAck { CHALLENGED } else { 0 };
        }
        if event == Event::Ack && reply && self.state == State::SynSent {
            self.last.ack = segment.ack;
        }
        Judgement::PASS
    }

    /// The window check, unless the segment is `trusted`, and what follows from a segment in the window.
    fn admit(
        &mut self,
        from: State,
        next: State,
        reply: bool,
        segment: &Segment,
        window_check: bool,
        trusted: bool,
    ) -> Judgement {
        let mut inside = false;
        if !trusted {
            let phase = match self.state {
                State::SynSent => Phase::SynSent,
                State::SynRecv => Phase::SynRecv,
                _ => Phase::Later,
            };
            match fit(&mut self.sides, usize::from(reply), segment, phase, window_check) {
                Fit::Inside => inside = true,
                Fit::First | Fit::Tolerated => {}
                Fit::Stale | Fit::Overshoot => return Judgement::PASS,
                Fit::Outside(bound) => {
                    let shorten = self.suspect(reply, segment.event());
                    return Judgement::Invalid { why: Invalid::Window(bound), shorten };
                }
            }
        }
        let lease = self.advance(next, segment, reply, inside);
        if !self.replied {
            if segment.has(TcpFlags::RST) {
                return Judgement::Refused;
            }
            // A client that tries again and again does not keep its entry, and with it its NAT port, alive.
            if segment.event() == Event::Syn && from == State::SynSent {
                return Judgement::PASS;
            }
        } else if matches!(from, State::SynRecv | State::Established) && next == State::Established {
            self.assured = true;
        }
        Judgement::Accept { lease: Some(lease) }
    }

    /// Moves on to `next` and grants the lease for it. `inside` is whether the segment was found in the window.
    fn advance(&mut self, next: State, segment: &Segment, reply: bool, inside: bool) -> Lease {
        let event = segment.event();
        if inside && event == Event::Ack {
            let Segment { seq, ack, window, .. } = *segment;
            let last = self.last;
            let same =
                (reply, seq, ack, segment.end(), window) == (last.reply, last.seq, last.ack, last.end, last.window);
            let repeats = if same { last.repeats.saturating_add(1) } else { 0 };
            self.last = Last { seq, ack, end: segment.end(), window, repeats, ..last };
        }
        self.last.event = event;
        self.last.reply = reply;
        if self.state != next && next == State::FinWait {
            self.sides[usize::from(reply)].mark(CLOSES, true);
        }
        self.state = next;

        let mut lease = Lease::of(TimeoutClass::from(next));
        let unacknowledged = self.sides.iter().any(|side| side.is(UNACKNOWLEDGED));
        if self.last.repeats >= MAX_RETRANS {
            lease.max_retrans = true;
        } else if event == Event::Rst {
            lease.class = TimeoutClass::Close;
        } else if unacknowledged {
            lease.unacknowledged = true;
        } else if self.last.window == 0 {
            lease.max_retrans = true;
        }
        // Days are for connections that were answered.
        lease.unacknowledged |= !self.replied && next == State::Established;
        lease
    }

    /// A SYN on a connection that is over opens it again if its end was orderly, or the reset came from the same side.
    fn may_reopen(&self, reply: bool) -> bool {
        let orderly = self.sides.iter().any(|side| side.is(CLOSES));
        orderly || (self.last.event == Event::Rst && self.last.reply == reply)
    }

    /// Whether an ACK in LAST-ACK answers the SYN that passed just before it.
    fn is_challenge(&self, reply: bool) -> bool {
        self.last.event == Event::Syn && self.last.reply != reply && self.last.marks & CHALLENGED != 0
    }

    /// A reset ends a connection only if its sequence number is the one expected (RFC 5961 3.2), unless it answers
    /// something that was let through unbelieved.
    fn weigh_reset(&self, reply: bool, segment: &Segment) -> Reset {
        if self.state.is_closing() {
            return Reset::Trusted; // the tuple may be in use again, and what is remembered of it old
        }
        let Last { event, .. } = self.last;
        let established = self.state == State::Established && self.assured;
        let expected = self.sides[usize::from(!reply)].highest_ack();
        if let Some(expected) = expected.filter(|_| event != Event::Syn) {
            if segment.seq == 0 && !established {
                return Reset::Exact; // an answer to a SYN, perhaps
            }
            if after(expected, segment.seq) {
                return Reset::Invalid;
            }
            // It may follow data that is not acknowledged yet.
            let train = event == Event::Ack && self.last.reply == reply && segment.seq == self.last.end;
            let exact = segment.seq == expected || train || !established;
            return if exact { Reset::Exact } else { Reset::Inexact };
        }
        let answers = match event {
            Event::Syn => self.replied && self.last.reply != reply,
            Event::Ack => !self.assured,
            _ => false,
        };
        if answers && segment.ack == self.last.end {
            return Reset::Trusted;
        }
        if self.state == State::SynSent && event == Event::Ack && self.last.reply && segment.seq == self.last.ack {
            return Reset::Trusted; // the answer to a challenge
        }
        Reset::Exact
    }

    /// A FIN or RST out of the window. If the other side ends the connection too, it is over whatever the windows say,
    /// and need not live for days: returns whether its life is to be cut short.
    fn suspect(&mut self, reply: bool, event: Event) -> bool {
        if !self.assured || !matches!(event, Event::Fin | Event::Rst) {
            return false;
        }
        if self.last.reply != reply && matches!(self.last.event, Event::Fin | Event::Rst) {
            return true;
        }
        self.last.event = event;
        self.last.reply = reply;
        false
    }
}

/// What a RST is worth.
enum Reset {
    /// Out of date.
    Invalid,
    /// Believed without looking at the window.
    Trusted,
    /// Believed if it is in the window.
    Exact,
    /// It passes if it is in the window, and the endpoint decides (RFC 5961 3.2); the connection lives on.
    Inexact,
}

impl Last {
    const NOTHING: Self = Self {
        seq: 0,
        ack: 0,
        end: 0,
        window: 0,
        event: Event::Bare,
        reply: false,
        repeats: 0,
        scale: 0,
        offers: 0,
        marks: 0,
    };
}

const _: () = assert!(size_of::<LinuxTcp>() <= 64);
