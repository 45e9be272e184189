//! Paths: what many flows have in common, kept once, with the counters that all their packets add to.

use smallvec::SmallVec;
use vpcemu_packet::FlowKey;

use crate::counters::NatCounters;
use crate::fabric::FixedMap;
use crate::index::NatIx;
use crate::outcome::{CtState, Ingress, Outcome, Place, StepKind, Verdict};
use crate::recipe::Leg;

/// Where packets come from and go to, and what they pass.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Path {
    /// Where they enter.
    pub ingress: Ingress,
    /// Where they end.
    pub at: Place,
    /// What connection tracking thinks of them.
    pub state: Option<CtState>,
    /// The caller's own.
    pub note: u8,
    /// How often they pass each stage, by the position in [`StepKind::ALL`](crate::outcome::StepKind::ALL).
    pub stages: [u8; StepKind::ALL.len()],
    /// NAT gateways on the way.
    pub(crate) legs: SmallVec<[(NatIx, Leg); 2]>,
}

impl Path {
    /// What a walk would say of a packet that took it. `left_as` is its flow as it left.
    pub fn verdict(&self, connection: Option<u64>, left_as: FlowKey) -> Verdict {
        let outcome = Outcome::Delivered { at: self.at };
        Verdict { connection, state: self.state, ..Verdict::stateless(outcome, left_as) }
    }
}

/// Every path that a packet of the cache ever took: thousands where there are millions of flows.
#[derive(Debug, Default)]
pub(super) struct Paths {
    paths: Vec<Path>,
    traffic: Vec<Traffic>,
    /// What of that NAT gateways have been told to have counted; shorter where nobody asked yet.
    told: Vec<Traffic>,
    numbers: FixedMap<Path, u32>,
}

#[derive(Clone, Copy, Debug, Default)]
struct Traffic {
    packets: u64,
    bytes: u64,
}

impl Paths {
    /// The number of a path.
    pub(super) fn intern(&mut self, path: Path) -> u32 {
        if let Some(number) = self.numbers.get(&path) {
            return *number;
        }
        let number = u32::try_from(self.paths.len()).unwrap_or(u32::MAX);
        self.paths.push(path.clone());
        self.traffic.push(Traffic::default());
        self.numbers.insert(path, number);
        number
    }

    pub(super) fn path(&self, number: u32) -> &Path {
        &self.paths[number as usize]
    }

    /// Counts a packet.
    #[inline]
    pub(super) fn count(&mut self, number: u32, bytes: u16) {
        let traffic = &mut self.traffic[number as usize];
        traffic.packets += 1;
        traffic.bytes += u64::from(bytes);
    }

    /// Adds what packets of all paths made NAT gateways count since this was last asked, by number.
    pub(super) fn add_nat_counted(&mut self, sums: &mut [NatCounters]) {
        self.told.resize(self.traffic.len(), Traffic::default());
        for ((path, traffic), told) in self.paths.iter().zip(&self.traffic).zip(&mut self.told) {
            if traffic.packets == told.packets {
                continue;
            }
            for (nat, leg) in &path.legs {
                leg.count(&mut sums[usize::from(*nat)], traffic.packets - told.packets, traffic.bytes - told.bytes);
            }
            *told = *traffic;
        }
    }

    /// What packets of all paths added to the counters of a NAT gateway.
    pub(super) fn nat_counters(&self, nat: NatIx) -> NatCounters {
        let mut counters = NatCounters::default();
        for (path, traffic) in self.paths.iter().zip(&self.traffic) {
            for (_, leg) in path.legs.iter().filter(|(of, _)| *of == nat) {
                leg.count(&mut counters, traffic.packets, traffic.bytes);
            }
        }
        counters
    }
}
