//! What a step may move, and nothing else may: counters with their increments.

use std::fmt::Write;
use std::ops::{Add, Mul, Sub};

use vpcemu_dataplane::DropReason;
use vpcemu_dataplane::counters::{NatCounters, Traffic};

/// Increments of counters. They add up: `OUT + OPENED`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Counts {
    counters: [i64; NAMES.len()],
    drops: [i64; DropReason::ALL.len()],
}

/// Packets of the four directions at NAT gateways first; their bytes are a matter of the packets.
const NAMES: [&str; 16] = [
    "PacketsInFromSource",
    "PacketsOutToDestination",
    "PacketsInFromDestination",
    "PacketsOutToSource",
    "BytesInFromSource",
    "BytesOutToDestination",
    "BytesInFromDestination",
    "BytesOutToSource",
    "ConnectionAttemptCount",
    "ConnectionEstablishedCount",
    "ErrorPortAllocation",
    "IdleTimeoutCount",
    "PacketsDropCount",
    "ActiveConnectionCount",
    "connections created",
    "connections expired",
];
const PACKETS: usize = 0;
const BYTES: usize = 4;
const DIRECTIONS: usize = 4;

/// Nothing moves.
pub const NOTHING: Counts = Counts { counters: [0; NAMES.len()], drops: [0; DropReason::ALL.len()] };
/// A packet comes to a NAT gateway from a client.
pub const FROM_SOURCE: Counts = one(0);
/// A NAT gateway sends a packet on towards its destination.
pub const TO_DESTINATION: Counts = one(1);
/// A packet comes to a NAT gateway from the outside.
pub const FROM_DESTINATION: Counts = one(2);
/// A NAT gateway sends a packet on to a client.
pub const TO_SOURCE: Counts = one(3);
/// A NAT gateway carries a packet out.
pub const OUT: Counts = both(0, 1);
/// A NAT gateway carries a packet back in.
pub const BACK: Counts = both(2, 3);
/// A NAT gateway drops what a client sent.
pub const REFUSED_OUT: Counts = both(0, 12);
/// A NAT gateway drops what came from the outside.
pub const REFUSED_BACK: Counts = both(2, 12);
/// The first SYN of a mapping.
pub const ATTEMPT: Counts = both(8, 13);
/// A handshake is complete.
pub const ESTABLISHED: Counts = one(9);
/// No port was free.
pub const NO_PORT: Counts = one(10);
/// A mapping in use went idle.
pub const IDLE: Counts = Counts { counters: with(with([0; NAMES.len()], 11, 1), 13, -1), ..NOTHING };
/// A TCP mapping is no longer active: closed, or reset, or given up.
pub const INACTIVE: Counts = Counts { counters: with([0; NAMES.len()], 13, -1), ..NOTHING };
/// A TCP mapping is active again, or was taken over.
pub const ACTIVE: Counts = one(13);
/// A connection was created.
pub const OPENED: Counts = one(14);
/// A connection is forgotten by all.
pub const FORGOTTEN: Counts = one(15);
/// A NAT gateway drops a packet.
pub const NAT_DROP: Counts = one(12);

/// Packets dropped for a reason.
pub fn drops(reason: DropReason, count: i64) -> Counts {
    let mut counts = NOTHING;
    counts.drops[reason as usize] = count;
    counts
}

const fn with(mut counters: [i64; NAMES.len()], at: usize, by: i64) -> [i64; NAMES.len()] {
    counters[at] += by;
    counters
}

const fn one(at: usize) -> Counts {
    Counts { counters: with([0; NAMES.len()], at, 1), ..NOTHING }
}

const fn both(one: usize, other: usize) -> Counts {
    Counts { counters: with(with([0; NAMES.len()], one, 1), other, 1), ..NOTHING }
}

impl Counts {
    /// What NAT gateways have counted, and all shards together.
    pub(super) fn read(nat: &NatCounters, active: i64, connections: (u64, u64)) -> Self {
        let number = |value: u64| i64::try_from(value).unwrap_or(i64::MAX);
        let traffic = [nat.in_from_source, nat.out_to_destination, nat.in_from_destination, nat.out_to_source];
        let [a, b, c, d] = traffic.map(|Traffic { packets, .. }| number(packets));
        let [e, f, g, h] = traffic.map(|Traffic { bytes, .. }| number(bytes));
        let counters = [
            a,
            b,
            c,
            d,
            e,
            f,
            g,
            h,
            number(nat.connection_attempt),
            number(nat.connection_established),
            number(nat.error_port_allocation),
            number(nat.idle_timeout),
            number(nat.packets_drop),
            active,
            number(connections.0),
            number(connections.1),
        ];
        Self { counters, ..NOTHING }
    }

    /// With the bytes that go with the packets, where nothing else was said: all packets of a step, or as many of the
    /// length of the first.
    pub(super) fn with_bytes(mut self, lengths: &[i64]) -> Self {
        for direction in 0..DIRECTIONS {
            let packets = self.counters[PACKETS + direction];
            let bytes = &mut self.counters[BYTES + direction];
            if *bytes == 0 && packets != 0 {
                let all = usize::try_from(packets) == Ok(lengths.len());
                let first = lengths.first().copied().unwrap_or_default();
                *bytes = if all { lengths.iter().sum() } else { packets * first };
            }
        }
        self
    }

    /// Bytes of one direction, where they are not those of the packets that a step sends: `BytesOutToSource`.
    #[must_use]
    #[track_caller]
    pub fn bytes(mut self, name: &str, count: i64) -> Self {
        let at = NAMES.iter().position(|of| *of == name).unwrap_or_else(|| panic!("no counter {name}"));
        self.counters[at] = count;
        self
    }

    /// The counters that differ, one a line.
    pub(super) fn difference(&self, got: &Self) -> String {
        let mut text = String::new();
        let drops = DropReason::ALL.iter().map(|reason| reason.code());
        let pairs = self.counters.iter().chain(&self.drops).zip(got.counters.iter().chain(&got.drops));
        for (name, (expected, got)) in NAMES.iter().copied().chain(drops).zip(pairs) {
            if expected != got {
                let _ = writeln!(text, "  {name}: expected {expected:+}, got {got:+}");
            }
        }
        text
    }
}

impl Add for Counts {
    type Output = Self;

    fn add(mut self, other: Self) -> Self {
        self.counters.iter_mut().zip(other.counters).for_each(|(mine, its)| *mine += its);
        self.drops.iter_mut().zip(other.drops).for_each(|(mine, its)| *mine += its);
        self
    }
}

impl Sub for Counts {
    type Output = Self;

    fn sub(self, other: Self) -> Self {
        self + other * -1
    }
}

impl Mul<i64> for Counts {
    type Output = Self;

    fn mul(mut self, by: i64) -> Self {
        self.counters.iter_mut().chain(&mut self.drops).for_each(|count| *count *= by);
        self
    }
}
