//! Which rules can never decide, by proof: not by traffic.
//!
//! A rule is taken for the set of packets that it matches, and what goes before it is taken out of that set, exactly. If
//! nothing is left the rule is shadowed; if anything is, one packet of the rest is the witness that it is not.
//!
//! Work is bounded: a proof may compare [`PROOF`] pairs of boxes, and all proofs of a network [`NETWORK`]. Of what would take
//! more nothing is claimed.

mod acls;
mod groups;
mod routes;
#[cfg(test)]
mod tests;

use serde::Serialize;

use crate::probe::Probe;
use crate::region::Work;
use crate::row::RuleName;

pub use acls::acl_standings;
pub use groups::{GroupStandings, group_standings};
pub(crate) use routes::Tables;
pub use routes::{RouteStandings, route_standings};

/// Pairs of boxes that one proof may compare, some tenth of a second. A prefix list of 330 blocks in three groups that hundreds
/// of interfaces have, each with others besides, takes up to 10 million.
pub const PROOF: u64 = 100_000_000;

/// Pairs of boxes that all proofs of a network may compare: some seconds.
pub const NETWORK: u64 = 2_000_000_000;

/// Whether a rule can decide.
#[derive(Clone, PartialEq, Debug)]
pub enum Standing {
    /// It can: for this packet it does, and nothing else would in its place.
    Decides(Probe),
    /// It never does: others decide for every packet that it matches.
    Shadowed(Shadow),
    /// It matches no packet at all; the text says why.
    MatchesNothing(String),
    /// Others admit all that it does, but without it some flows would be tracked that are not now (6.15): these.
    OnlyTracks(Vec<String>),
    /// It takes too much work to tell.
    Unproven,
}

/// What decides in the place of a rule.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Shadow {
    /// The rules, by the names they have in their tables; routes with their targets.
    pub by: Vec<RuleName>,
    /// What they say.
    pub says: Says,
}

/// What rules in front of another one say.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Says {
    /// The same: the rule is redundant.
    Same,
    /// The opposite, or for a route another target: the rule has no effect.
    Opposite,
    /// Some the same, some the opposite.
    Both,
}

impl Says {
    /// What several say together, by whether each says the same.
    pub(crate) fn of(same: impl IntoIterator<Item = bool>) -> Self {
        let mut said = [false; 2];
        same.into_iter().for_each(|same| said[usize::from(same)] = true);
        match said {
            [true, true] => Self::Both,
            [true, false] => Self::Opposite,
            _ => Self::Same,
        }
    }
}

/// The work that a network's proofs may still do.
#[derive(Debug)]
pub struct Budget(u64);

impl Default for Budget {
    fn default() -> Self {
        Self(NETWORK)
    }
}

impl Budget {
    /// Runs a proof on the work that there is.
    pub(crate) fn proof<T>(&mut self, run: impl FnOnce(&mut Work) -> T) -> T {
        let given = self.0.min(PROOF);
        let mut work = Work(given);
        let proved = run(&mut work);
        self.0 -= given - work.0;
        proved
    }
}
