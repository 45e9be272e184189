//! What two ends said to each other: the records of both sides, as packets in an order that can have been.
//!
//! Records have seconds, and each is spread on its own: of one second, and of records whose clocks differ, the order is made. What
//! opens comes first, and its answer second; what resets a connection comes after all that was accepted before, and what was
//! refused when it was over comes after that.

use std::net::SocketAddr;

use vpcemu_packet::TcpFlags;

use crate::Orientation;
use crate::datagram::Sides;
use crate::packets::Rewound;
use crate::told::Told;

/// The records of one conversation, in which both sides may have told something.
#[derive(Debug)]
pub(crate) struct Dialogue {
    /// The first end is the source of the record that came first.
    pub(crate) ends: (SocketAddr, SocketAddr),
    pub(crate) protocol: u8,
    pub(crate) told: Vec<Told>,
}

/// What comes first of packets of one time.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
enum Rank {
    /// The packet that opens.
    Opens,
    /// The first one that answers.
    Answers,
    Carries,
    Ends,
    Resets,
    /// What was refused in a direction in which something was accepted before.
    Late,
}

/// A packet before it is made.
#[derive(Clone, Copy, Debug)]
struct Planned {
    time: u64,
    rank: Rank,
    /// Which one of its record.
    number: u64,
    answers: bool,
    told: Told,
}

impl Dialogue {
    /// Whether the first end opened it, as records say it themselves: by SYNs before all, else by ports.
    pub(crate) fn opened_by_first(&self) -> Option<bool> {
        let by_flags = self.told.iter().find_map(|told| match (told.accepts(), told.opens()) {
            (true, _) => Some(!told.forward),
            (_, true) => Some(told.forward),
            _ => None,
        });
        by_flags.or_else(|| {
            self.told.iter().find_map(|told| match told.orientation {
                Orientation::Opening => Some(told.forward),
                Orientation::Reply => Some(!told.forward),
                Orientation::Unknown => None,
            })
        })
    }

    /// Its packets, of one connection after the other; both sides go on where they are.
    pub(crate) fn packets(mut self, sides: &mut Sides) -> Vec<Rewound> {
        let first_opens = sides.first_opens;
        let answers = |told: &Told| told.forward != first_opens;
        self.told.sort_by_key(|told| (told.start, answers(told)));
        let mut packets = Vec::new();
        for round in rounds(&self.told, answers) {
            let mut planned = plan(&round, self.protocol, answers);
            let mut heard = round.iter().filter(|told| answers(told) && !told.is_rejected());
            let answered = heard.clone().next().is_some();
            let accepts = heard.any(Told::accepts);
            let mut open = false;
            planned.sort_by_key(|it| (it.time, it.rank, it.number, it.answers));
            for Planned { time, number, answers, told, .. } in planned {
                let flags = flags(&told, number, answers, Handshake { accepts, answered, open });
                open |= answers && !told.is_rejected() && flags.contains(TcpFlags::SYN);
                let length = told.length(number);
                let datagram = sides.datagram(self.ends, told.forward, self.protocol, flags, length);
                packets.push(Rewound { time, datagram });
            }
        }
        packets
    }
}

/// The connections of a dialogue, one after the other: each begins with a record that has the SYN of the side that opens. An
/// answer is of the last one that was accepted and had begun when the answer ended.
fn rounds(told: &[Told], answers: impl Fn(&Told) -> bool) -> Vec<Vec<Told>> {
    let begins: Vec<_> = (0..told.len()).filter(|index| !answers(&told[*index]) && told[*index].opens()).collect();
    let mut rounds = vec![Vec::new(); begins.len().max(1)];
    for (index, it) in told.iter().enumerate() {
        let round = if answers(it) {
            let begun = |begin: &usize| told[*begin].start <= it.last_second();
            let accepted = begins.iter().rposition(|begin| begun(begin) && !told[*begin].is_rejected());
            accepted.or_else(|| begins.iter().rposition(begun))
        } else {
            begins.iter().rposition(|begin| *begin <= index)
        };
        rounds[round.unwrap_or(0)].push(*it);
    }
    rounds
}

/// The packets of one connection.
fn plan(round: &[Told], protocol: u8, answers: impl Fn(&Told) -> bool) -> Vec<Planned> {
    let mut planned = Vec::new();
    for (index, told) in round.iter().enumerate() {
        let answers = answers(told);
        let first_of_side = !round[..index].iter().any(|before| before.forward == told.forward);
        let refused_late = told.is_rejected()
            && round.iter().any(|it| it.forward == told.forward && !it.is_rejected() && it.start <= told.start);
        for number in 0..told.packets {
            let closers = told.closers(number);
            let rank = match () {
                () if refused_late => Rank::Late,
                () if first_of_side && number == 0 => {
                    if answers {
                        Rank::Answers
                    } else {
                        Rank::Opens
                    }
                }
                () if closers.contains(TcpFlags::RST) => Rank::Resets,
                () if closers.contains(TcpFlags::FIN) => Rank::Ends,
                () => Rank::Carries,
            };
            let mut time = told.time(number);
            if closers.contains(TcpFlags::RST) && !refused_late {
                // Of a reset connection nothing is accepted any more.
                let others = round.iter().filter(|it| it.forward != told.forward && !it.is_rejected());
                let before = others.filter(|it| it.start <= told.last_second()).map(Told::last_time);
                time = before.fold(time, u64::max);
            }
            planned.push(Planned { time, rank, number, answers, told: *told });
        }
    }
    // An answer that comes too early shows a clock that is off, unless the connection is older than its records.
    let goes_on = protocol == 6 && round.iter().filter(|told| !answers(told)).all(Told::goes_on);
    let answered = planned.iter().filter(|it| it.answers).map(|it| it.time).min();
    if let (Some(answered), false) = (answered, goes_on)
        && let Some(opens) = planned.iter_mut().find(|it| it.rank == Rank::Opens)
    {
        opens.time = opens.time.min(answered);
    }
    planned
}

/// How far the handshake of a connection is known.
#[derive(Clone, Copy, Debug)]
struct Handshake {
    /// Whether a record has the answer to the SYN, not refused.
    accepts: bool,
    /// Whether there is any answer that was not refused.
    answered: bool,
    /// Whether it has come.
    open: bool,
}

/// The flags of a packet, where a record says which there were (9.9): those that open in the first, those that end in the last.
fn flags(told: &Told, number: u64, answers: bool, handshake: Handshake) -> TcpFlags {
    let Handshake { accepts, answered, open } = handshake;
    let closers = told.closers(number);
    let opens = match answers {
        _ if number > 0 && closers.0 != 0 => false,
        // What is refused, or not answered yet, is said again.
        false if told.opens() => number == 0 || accepts && !open || told.only_opens() && !answered,
        true if told.accepts() => number == 0 || told.is_rejected(),
        // Without flags in the record: an acknowledgement that nobody waits for would be taken for a connection that is older than
        // the capture, and let pass. So what was refused, here or by a receiver who then did not answer, opens.
        _ if told.is_silent() => told.is_rejected() || !answers && !answered,
        _ => told.has_syn() && number == 0,
    };
    let flags = match (opens, told.accepts() || answers && told.is_silent()) {
        (true, true) => TcpFlags::SYN | TcpFlags::ACK,
        (true, false) => TcpFlags::SYN,
        (false, _) => TcpFlags::ACK,
    };
    flags | closers
}
