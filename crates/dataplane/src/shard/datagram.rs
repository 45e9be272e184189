//! The life of a datagram that comes in fragments, as data (4.20, 6.31).

/// What is known of a datagram.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[repr(u8)]
pub enum DatagramState {
    /// Nothing.
    Unknown,
    /// Later fragments wait for the first.
    Waiting,
    /// The first has come: the ports are known.
    Open,
    /// Its fragments contradict each other: nothing more of it passes.
    Poisoned,
}

/// What a fragment means for its datagram.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[repr(u8)]
pub enum DatagramEvent {
    /// The first fragment, which has the ports.
    First,
    /// Another one.
    Later,
    /// One that has come before.
    Duplicate,
    /// One with bytes that have come before, in another cut.
    Overlap,
}

/// What becomes of the fragment.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum FragmentAction {
    /// It goes on, and so does what waited for it.
    Pass,
    /// It waits for the first.
    Hold,
    /// It is dropped.
    Drop,
}

use DatagramState::{Open, Poisoned, Unknown, Waiting};
use FragmentAction::{Drop, Hold, Pass};

/// Rows: [`DatagramState`]. Columns: [`DatagramEvent`].
const TRANSITIONS: [[(DatagramState, FragmentAction); 4]; 4] = [
    //             First         Later            Duplicate        Overlap
    /* Unknown  */
    [(Open, Pass), (Waiting, Hold), (Unknown, Drop), (Poisoned, Drop)],
    /* Waiting  */ [(Open, Pass), (Waiting, Hold), (Waiting, Drop), (Poisoned, Drop)],
    /* Open     */ [(Open, Pass), (Open, Pass), (Open, Drop), (Poisoned, Drop)],
    /* Poisoned */ [(Poisoned, Drop), (Poisoned, Drop), (Poisoned, Drop), (Poisoned, Drop)],
];

impl DatagramState {
    /// Every state, in the order of the table's rows.
    pub const ALL: [Self; 4] = [Unknown, Waiting, Open, Poisoned];
}

impl DatagramEvent {
    /// Every event, in the order of the table's columns.
    pub const ALL: [Self; 4] = [Self::First, Self::Later, Self::Duplicate, Self::Overlap];
}

/// The next state of a datagram, and what becomes of the fragment.
pub fn step(state: DatagramState, event: DatagramEvent) -> (DatagramState, FragmentAction) {
    TRANSITIONS[state as usize][event as usize]
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fmt::Write;

    #[test]
    fn the_whole_table() {
        let mut table = String::new();
        for state in DatagramState::ALL {
            write!(table, "{:<9}", format!("{state:?}")).unwrap();
            for event in DatagramEvent::ALL {
                let (next, action) = step(state, event);
                write!(table, " {event:?}->{next:?}/{action:?}").unwrap();
            }
            writeln!(table).unwrap();
        }
        insta::assert_snapshot!(table, @"
        Unknown   First->Open/Pass Later->Waiting/Hold Duplicate->Unknown/Drop Overlap->Poisoned/Drop
        Waiting   First->Open/Pass Later->Waiting/Hold Duplicate->Waiting/Drop Overlap->Poisoned/Drop
        Open      First->Open/Pass Later->Open/Pass Duplicate->Open/Drop Overlap->Poisoned/Drop
        Poisoned  First->Poisoned/Drop Later->Poisoned/Drop Duplicate->Poisoned/Drop Overlap->Poisoned/Drop
        ");
    }
}
