use serde::Serialize;

use crate::Change;

/// What two configurations were compared with.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Basis {
    /// The packets of captures.
    Captures {
        /// How many.
        packets: u64,
        /// How many flows they belong to that differ.
        flows: u64,
    },
    /// Conversations made for the purpose.
    Probes {
        /// How many were held.
        sent: u64,
        /// How many it would have taken, at most.
        of: u64,
    },
}

/// What two configurations do differently.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct Comparison {
    /// That nothing differs, of all there was to compare. Probes that were cut short do not claim it.
    pub identical: bool,
    /// What differs, the heaviest first.
    pub changes: Vec<Change>,
    /// With what they were compared.
    pub basis: Basis,
    /// Whether everything was compared that there is: not so of probes that were cut short.
    pub complete: bool,
    /// Packets, or probes, that neither delivers, each for another reason or at another place: their fate is the same.
    pub denied_otherwise: u64,
    /// Interfaces that only the old configuration has.
    pub only_in_old: Vec<String>,
    /// Interfaces that only the new one has.
    pub only_in_new: Vec<String>,
    /// What cannot be seen in these packets.
    pub notes: Vec<String>,
}
