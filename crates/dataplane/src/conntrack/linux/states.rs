//! Linux's ten TCP states and what each kind of segment does to them, as data.
//!
//! The table is what a 6.18 kernel does with one segment in the middle of the window, measured state by state.
//! "Original" is the direction of the packet that opened the entry, "reply" the other one. Where the table alone does
//! not decide (resets, challenge acknowledgements, reopening), [`super::LinuxTcp`] does.

use vpcemu_packet::TcpFlags;

/// A TCP state of netfilter's connection tracking. It is neither endpoint's: it is what a box in the middle has seen.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[repr(u8)]
pub enum State {
    /// Before the first segment.
    None,
    /// SYN from the original side.
    SynSent,
    /// SYN-ACK from the reply side.
    SynRecv,
    /// The handshake is complete, or the connection was picked up in its middle.
    Established,
    /// The first FIN, from either side.
    FinWait,
    /// The first FIN is acknowledged.
    CloseWait,
    /// The second FIN.
    LastAck,
    /// The second FIN is acknowledged.
    TimeWait,
    /// RST.
    Close,
    /// SYN from both sides: a simultaneous open.
    SynSent2,
}

/// What a segment can mean to the table.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[repr(u8)]
pub enum Event {
    /// SYN without ACK.
    Syn,
    /// SYN with ACK.
    SynAck,
    /// FIN.
    Fin,
    /// ACK alone, with or without data.
    Ack,
    /// RST.
    Rst,
    /// None of these flags. No such segment gets past [`super::valid_flags`].
    Bare,
}

/// What the table says.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Step {
    /// On to this state, or to stay in it, if the segment is in the window.
    To(State),
    /// It passes and changes nothing: the endpoints may know better than the box in the middle.
    Ignore,
    /// It is no part of the connection.
    Invalid,
}

impl Event {
    /// Every event, in the order of the table's columns.
    pub const ALL: [Self; 6] = [Self::Syn, Self::SynAck, Self::Fin, Self::Ack, Self::Rst, Self::Bare];

    /// What these flags mean; RST weighs most, then SYN, then FIN.
    pub fn of(flags: TcpFlags) -> Self {
        let has = |flag| flags.contains(flag);
        match (has(TcpFlags::RST), has(TcpFlags::SYN), has(TcpFlags::FIN), has(TcpFlags::ACK)) {
            (true, ..) => Self::Rst,
            (_, true, _, true) => Self::SynAck,
            (_, true, _, false) => Self::Syn,
            (_, _, true, _) => Self::Fin,
            (_, _, _, true) => Self::Ack,
            _ => Self::Bare,
        }
    }
}

impl State {
    /// Every state, in the order of the table's rows.
    pub const ALL: [Self; 10] = [
        Self::None,
        Self::SynSent,
        Self::SynRecv,
        Self::Established,
        Self::FinWait,
        Self::CloseWait,
        Self::LastAck,
        Self::TimeWait,
        Self::Close,
        Self::SynSent2,
    ];

    /// What the table says to `event`, seen from the original side or from the reply side.
    pub fn step(self, event: Event, reply: bool) -> Step {
        STEPS[self as usize][event as usize + if reply { Event::ALL.len() } else { 0 }]
    }

    /// Whether one side at least has ended the connection.
    pub fn is_closing(self) -> bool {
        matches!(self, Self::FinWait | Self::CloseWait | Self::LastAck | Self::TimeWait | Self::Close)
    }
}

const SS: Step = Step::To(State::SynSent);
const SR: Step = Step::To(State::SynRecv);
const ES: Step = Step::To(State::Established);
const FW: Step = Step::To(State::FinWait);
const CW: Step = Step::To(State::CloseWait);
const LA: Step = Step::To(State::LastAck);
const TW: Step = Step::To(State::TimeWait);
const CL: Step = Step::To(State::Close);
const S2: Step = Step::To(State::SynSent2);
const IG: Step = Step::Ignore;
const IV: Step = Step::Invalid;

#[rustfmt::skip]
static STEPS: [[Step; 12]; 10] = [
    //                  original side                reply side
    //               Syn SynAck Fin Ack Rst Bare  Syn SynAck Fin Ack Rst Bare
    /* None */        [SS, IV,  IV, ES, IV, IV,   IV, IV,    IV, IV, IV, IV],
    // An ACK instead of a SYN-ACK can be a challenge to a SYN that meets an old connection (RFC 5961 4.2).
    /* SynSent */     [SS, IV,  IV, IV, CL, IV,   S2, SR,    IV, IG, CL, IV],
    /* SynRecv */     [IG, SR,  FW, ES, CL, IV,   IV, IG,    FW, SR, CL, IV],
    /* Established */ [IG, IV,  FW, ES, CL, IV,   IV, IG,    FW, ES, CL, IV],
    /* FinWait */     [IG, IV,  LA, CW, CL, IV,   IV, IG,    LA, CW, CL, IV],
    /* CloseWait */   [IG, IV,  LA, CW, CL, IV,   IV, IG,    LA, CW, CL, IV],
    /* LastAck */     [IG, IV,  LA, TW, CL, IV,   IV, IG,    LA, TW, CL, IV],
    // Either side may open again in TIME-WAIT (RFC 9293 3.6.1), after a reset only the original one.
    /* TimeWait */    [SS, IV,  TW, TW, CL, IV,   SS, IG,    TW, TW, CL, IV],
    /* Close */       [SS, IV,  CL, CL, CL, IV,   IV, IG,    CL, CL, CL, IV],
    /* SynSent2 */    [S2, SR,  IV, IV, CL, IV,   S2, SR,    IV, IG, CL, IV],
];

#[cfg(test)]
mod tests {
    use super::*;
    use std::fmt::Write;

    #[test]
    fn the_whole_table() {
        let mut table = String::new();
        for state in State::ALL {
            for reply in [false, true] {
                let side = if reply { "reply" } else { "original" };
                write!(table, "{:<12}{side:<9}", format!("{state:?}")).unwrap();
                for event in Event::ALL {
                    let step = match state.step(event, reply) {
                        Step::To(next) => format!("{next:?}"),
                        other => format!("{other:?}").to_lowercase(),
                    };
                    write!(table, " {event:?}->{step}").unwrap();
                }
                writeln!(table).unwrap();
            }
        }
        insta::assert_snapshot!(table, @"
        None        original  Syn->SynSent SynAck->invalid Fin->invalid Ack->Established Rst->invalid Bare->invalid
        None        reply     Syn->invalid SynAck->invalid Fin->invalid Ack->invalid Rst->invalid Bare->invalid
        SynSent     original  Syn->SynSent SynAck->invalid Fin->invalid Ack->invalid Rst->Close Bare->invalid
        SynSent     reply     Syn->SynSent2 SynAck->SynRecv Fin->invalid Ack->ignore Rst->Close Bare->invalid
        SynRecv     original  Syn->ignore SynAck->SynRecv Fin->FinWait Ack->Established Rst->Close Bare->invalid
        SynRecv     reply     Syn->invalid SynAck->ignore Fin->FinWait Ack->SynRecv Rst->Close Bare->invalid
        Established original  Syn->ignore SynAck->invalid Fin->FinWait Ack->Established Rst->Close Bare->invalid
        Established reply     Syn->invalid SynAck->ignore Fin->FinWait Ack->Established Rst->Close Bare->invalid
        FinWait     original  Syn->ignore SynAck->invalid Fin->LastAck Ack->CloseWait Rst->Close Bare->invalid
        FinWait     reply     Syn->invalid SynAck->ignore Fin->LastAck Ack->CloseWait Rst->Close Bare->invalid
        CloseWait   original  Syn->ignore SynAck->invalid Fin->LastAck Ack->CloseWait Rst->Close Bare->invalid
        CloseWait   reply     Syn->invalid SynAck->ignore Fin->LastAck Ack->CloseWait Rst->Close Bare->invalid
        LastAck     original  Syn->ignore SynAck->invalid Fin->LastAck Ack->TimeWait Rst->Close Bare->invalid
        LastAck     reply     Syn->invalid SynAck->ignore Fin->LastAck Ack->TimeWait Rst->Close Bare->invalid
        TimeWait    original  Syn->SynSent SynAck->invalid Fin->TimeWait Ack->TimeWait Rst->Close Bare->invalid
        TimeWait    reply     Syn->SynSent SynAck->ignore Fin->TimeWait Ack->TimeWait Rst->Close Bare->invalid
        Close       original  Syn->SynSent SynAck->invalid Fin->Close Ack->Close Rst->Close Bare->invalid
        Close       reply     Syn->invalid SynAck->ignore Fin->Close Ack->Close Rst->Close Bare->invalid
        SynSent2    original  Syn->SynSent2 SynAck->SynRecv Fin->invalid Ack->invalid Rst->Close Bare->invalid
        SynSent2    reply     Syn->SynSent2 SynAck->SynRecv Fin->invalid Ack->ignore Rst->Close Bare->invalid
        ");
    }

    #[test]
    fn rst_weighs_more_than_syn_and_syn_more_than_fin() {
        let all = TcpFlags::RST | TcpFlags::SYN | TcpFlags::FIN | TcpFlags::ACK;
        assert_eq!(Event::of(all), Event::Rst);
        assert_eq!(Event::of(TcpFlags::SYN | TcpFlags::FIN), Event::Syn);
        assert_eq!(Event::of(TcpFlags::FIN), Event::Fin);
        assert_eq!(Event::of(TcpFlags::PSH | TcpFlags::URG), Event::Bare);
    }
}
