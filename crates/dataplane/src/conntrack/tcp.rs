//! TCP tracking as data: one transition table for every stateful component, which differ only in their timers.
//!
//! The states are those of RFC 6146 3.5.2 and RFC 7857 2, seen from a box in the middle that believes both ends and checks
//! no windows (6.25). "Original" is the direction of the packet that opened the entry, "reply" the other one.

use vpcemu_packet::TcpFlags;

/// How far a TCP connection has come.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[repr(u8)]
pub enum TcpState {
    /// SYN seen from the original side, nothing from the other.
    SynSent,
    /// SYN seen from both sides, or SYN-ACK from the reply side.
    SynReceived,
    /// The handshake is complete, or was before the capture began.
    Established,
    /// FIN seen from the original side.
    FinOriginal,
    /// FIN seen from the reply side.
    FinReply,
    /// FIN seen from both sides.
    Closed,
    /// RST seen.
    Reset,
}

/// What a segment can mean to the table.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[repr(u8)]
pub enum TcpEvent {
    /// SYN without ACK.
    Syn,
    /// SYN with ACK.
    SynAck,
    /// Data or acknowledgement.
    Ack,
    /// FIN, with or without data.
    Fin,
    /// RST.
    Rst,
}

impl TcpEvent {
    /// Every event, in the order of the table's columns.
    pub const ALL: [Self; 5] = [Self::Syn, Self::SynAck, Self::Ack, Self::Fin, Self::Rst];

    /// What these flags mean; RST weighs most, then SYN, then FIN.
    pub fn of(flags: TcpFlags) -> Self {
        if flags.contains(TcpFlags::RST) {
            Self::Rst
        } else if flags.contains(TcpFlags::SYN) {
            if flags.contains(TcpFlags::ACK) { Self::SynAck } else { Self::Syn }
        } else if flags.contains(TcpFlags::FIN) {
            Self::Fin
        } else {
            Self::Ack
        }
    }
}

/// Which timer a state runs on.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum TcpPhase {
    /// The handshake is not complete.
    Opening,
    /// Data can flow; so it can after a FIN from one side.
    Open,
    /// FIN from both sides.
    Closing,
    /// RST.
    Reset,
}

use TcpState::{Closed, Established, FinOriginal, FinReply, Reset, SynReceived, SynSent};

/// Rows: [`TcpState`]. Columns: [`TcpEvent`] from the original side, then from the reply side.
const TRANSITIONS: [[TcpState; 10]; 7] = [
    //           original: SYN     SYN-ACK      ACK          FIN          RST    reply: SYN        SYN-ACK      ACK          FIN       RST
    /* SynSent */
    [SynSent, SynSent, SynSent, FinOriginal, Reset, SynReceived, SynReceived, SynSent, FinReply, Reset],
    /* SynReceived */
    [SynReceived, Established, Established, FinOriginal, Reset, SynReceived, SynReceived, SynReceived, FinReply, Reset],
    /* Established */
    [Established, Established, Established, FinOriginal, Reset, Established, Established, Established, FinReply, Reset],
    /* FinOriginal */
    [FinOriginal, FinOriginal, FinOriginal, FinOriginal, Reset, FinOriginal, FinOriginal, FinOriginal, Closed, Reset],
    /* FinReply */
    [FinReply, FinReply, FinReply, Closed, Reset, FinReply, FinReply, FinReply, FinReply, Reset],
    // A SYN from the side that opened it before opens it again (4.29, 6.25); from the other side it is a new connection,
    // which the component decides on before it asks the table.
    /* Closed */
    [SynSent, Closed, Closed, Closed, Closed, Closed, Closed, Closed, Closed, Closed],
    /* Reset */
    [SynSent, Reset, Reset, Reset, Reset, Reset, Reset, Reset, Reset, Reset],
];

impl TcpState {
    /// Every state, in the order of the table's rows.
    pub const ALL: [Self; 7] = [SynSent, SynReceived, Established, FinOriginal, FinReply, Closed, Reset];

    /// The state that the first segment of an entry puts it in. Without a SYN the connection is older than the entry.
    pub fn opening(event: TcpEvent) -> Self {
        match event {
            TcpEvent::Syn => SynSent,
            TcpEvent::SynAck => SynReceived,
            TcpEvent::Ack => Established,
            TcpEvent::Fin => FinOriginal,
            TcpEvent::Rst => Reset,
        }
    }

    /// The state after `event`, seen from the original side or from the reply side.
    #[must_use]
    pub fn next(self, event: TcpEvent, reply: bool) -> Self {
        TRANSITIONS[self as usize][event as usize + if reply { TcpEvent::ALL.len() } else { 0 }]
    }

    /// Which timer runs.
    pub fn phase(self) -> TcpPhase {
        match self {
            SynSent | SynReceived => TcpPhase::Opening,
            Established | FinOriginal | FinReply => TcpPhase::Open,
            Closed => TcpPhase::Closing,
            Reset => TcpPhase::Reset,
        }
    }

    /// Whether the connection is over, and only lingers.
    pub fn is_over(self) -> bool {
        matches!(self, Closed | Reset)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fmt::Write;

    #[test]
    fn the_whole_table() {
        let mut table = String::new();
        for state in TcpState::ALL {
            for reply in [false, true] {
                let side = if reply { "reply" } else { "original" };
                write!(table, "{:<12}{side:<9}", format!("{state:?}")).unwrap();
                for event in TcpEvent::ALL {
                    write!(table, " {event:?}->{:?}", state.next(event, reply)).unwrap();
                }
                writeln!(table).unwrap();
            }
        }
        insta::assert_snapshot!(table, @"
        SynSent     original  Syn->SynSent SynAck->SynSent Ack->SynSent Fin->FinOriginal Rst->Reset
        SynSent     reply     Syn->SynReceived SynAck->SynReceived Ack->SynSent Fin->FinReply Rst->Reset
        SynReceived original  Syn->SynReceived SynAck->Established Ack->Established Fin->FinOriginal Rst->Reset
        SynReceived reply     Syn->SynReceived SynAck->SynReceived Ack->SynReceived Fin->FinReply Rst->Reset
        Established original  Syn->Established SynAck->Established Ack->Established Fin->FinOriginal Rst->Reset
        Established reply     Syn->Established SynAck->Established Ack->Established Fin->FinReply Rst->Reset
        FinOriginal original  Syn->FinOriginal SynAck->FinOriginal Ack->FinOriginal Fin->FinOriginal Rst->Reset
        FinOriginal reply     Syn->FinOriginal SynAck->FinOriginal Ack->FinOriginal Fin->Closed Rst->Reset
        FinReply    original  Syn->FinReply SynAck->FinReply Ack->FinReply Fin->Closed Rst->Reset
        FinReply    reply     Syn->FinReply SynAck->FinReply Ack->FinReply Fin->FinReply Rst->Reset
        Closed      original  Syn->SynSent SynAck->Closed Ack->Closed Fin->Closed Rst->Closed
        Closed      reply     Syn->Closed SynAck->Closed Ack->Closed Fin->Closed Rst->Closed
        Reset       original  Syn->SynSent SynAck->Reset Ack->Reset Fin->Reset Rst->Reset
        Reset       reply     Syn->Reset SynAck->Reset Ack->Reset Fin->Reset Rst->Reset
        ");
    }

    #[test]
    fn a_simultaneous_open_establishes() {
        let state = TcpState::opening(TcpEvent::Syn);
        let state = state.next(TcpEvent::Syn, true).next(TcpEvent::SynAck, false);
        assert_eq!(state, Established);
    }

    #[test]
    fn a_fin_from_one_side_leaves_the_connection_open() {
        let half = Established.next(TcpEvent::Fin, false);
        assert_eq!(half.phase(), TcpPhase::Open);
        assert_eq!(half.next(TcpEvent::Fin, true).phase(), TcpPhase::Closing);
    }
}
