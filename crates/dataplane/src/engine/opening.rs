//! Flows that are opened alike: from one host to one port of one remote, from ever another port.
//!
//! The first of them walks. The others take the same way past the same rules, get the same entries but for a port, and a port of
//! the NAT gateway's of their own.

use vpcemu_packet::{Patch, Plain};

use crate::fabric::FixedMap;
use crate::shard::{OpeningState, Prepared};

/// What flows that are opened alike have in common.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub(super) struct Likeness {
    addresses: [u32; 2],
    port: u32,
    destination: u16,
    kind: u16,
}

impl Likeness {
    /// Of an IPv4 packet that may open a flow: a SYN, or UDP.
    #[inline]
    pub(super) fn of(plain: &Plain, port: u32) -> Option<Self> {
        // In IPv6 nothing is opened alike: the addresses are more than two words.
        let opens = (plain.is_syn() || plain.kind == u16::from(UDP)) && !plain.is_v6();
        let [src, dst, ..] = plain.addresses;
        let alike = Self { addresses: [src, dst], port, destination: plain.ports as u16, kind: plain.kind };
        opens.then_some(alike)
    }
}

/// The protocol number of UDP (RFC 768).
const UDP: u8 = 17;

/// How a flow is opened.
#[derive(Debug)]
pub(super) struct Opening {
    likeness: Likeness,
    pub(super) state: OpeningState,
    /// The addresses that it leaves with.
    addresses: [u32; 2],
    destination: u16,
    hops: u8,
    pub(super) max_len: u32,
    pub(super) generation: u32,
    pub(super) slot: u8,
    pub(super) path: u32,
}

impl Opening {
    pub(super) fn new(
        likeness: Likeness,
        patch: &Patch,
        state: OpeningState,
        max_len: u32,
        (slot, generation, path): (u8, u32, u32),
    ) -> Self {
        let [src, dst, ports, _] = patch.words;
        Self {
            likeness,
            state,
            addresses: [src, dst],
            destination: ports as u16,
            hops: patch.hops,
            max_len,
            generation,
            slot,
            path,
        }
    }

    /// Whether a packet is one that this is true of.
    pub(super) fn suits(&self, plain: &Plain, bytes: &[u8], generation: u32) -> bool {
        let mss = plain.mss(bytes).is_none_or(|mss| mss <= self.state.max_mss);
        self.generation == generation && u32::from(plain.total_len) <= self.max_len && plain.ttl > self.hops && mss
    }

    /// What is rewritten in the packet that opens a flow.
    pub(super) fn patch(&self, plain: &Plain, prepared: &Prepared) -> Patch {
        let source = prepared.local_port.unwrap_or((plain.ports >> 16) as u16);
        Patch::to(plain, self.addresses, u32::from(source) << 16 | u32::from(self.destination), self.hops)
    }
}

/// How flows are opened that were opened alike before.
#[derive(Debug, Default)]
pub(super) struct Openings {
    numbers: FixedMap<Likeness, u32>,
    openings: Vec<Opening>,
}

/// So many are kept, some 40 MB. A host that talks to more services than that at a time walks more.
const MOST: usize = 65_536;

/// The number of no opening.
pub(super) const NO_OPENING: u32 = u32::MAX;

impl Openings {
    /// The number of what flows that are alike have in common.
    #[inline]
    pub(super) fn number(&self, likeness: &Likeness) -> u32 {
        self.numbers.get(likeness).copied().unwrap_or(NO_OPENING)
    }

    /// What has a number.
    #[inline]
    pub(super) fn numbered(&self, number: u32) -> Option<&Opening> {
        self.openings.get(number as usize)
    }

    /// What flows that are alike have in common, if it has the number that it had when somebody last asked.
    #[inline]
    pub(super) fn find(&self, number: u32, likeness: &Likeness) -> Option<&Opening> {
        let known = self.numbered(number).filter(|opening| opening.likeness == *likeness);
        known.or_else(|| self.numbered(self.number(likeness)))
    }

    /// Notes how flows are opened.
    pub(super) fn note(&mut self, opening: Opening) {
        let number = self.number(&opening.likeness) as usize;
        if let Some(known) = self.openings.get_mut(number) {
            *known = opening;
            return;
        }
        if self.openings.len() >= MOST {
            self.openings.clear();
            self.numbers.clear();
        }
        self.numbers.insert(opening.likeness, self.openings.len() as u32);
        self.openings.push(opening);
    }
}
