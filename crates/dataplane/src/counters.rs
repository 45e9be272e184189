//! Counters of single components, named as CloudWatch names them.

use std::ops::{AddAssign, Sub};

/// What a NAT gateway counts (4.37). Bytes are IP total lengths.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct NatCounters {
    /// First SYN of a mapping.
    pub connection_attempt: u64,
    /// Handshake completed.
    pub connection_established: u64,
    /// Failed port allocations.
    pub error_port_allocation: u64,
    /// Established TCP mappings that went idle.
    pub idle_timeout: u64,
    /// Packets dropped by the gateway itself.
    pub packets_drop: u64,
    /// From clients.
    pub in_from_source: Traffic,
    /// To the destination.
    pub out_to_destination: Traffic,
    /// From the destination, what is then dropped included.
    pub in_from_destination: Traffic,
    /// To clients.
    pub out_to_source: Traffic,
}

/// Packets and bytes.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Traffic {
    /// How many packets.
    pub packets: u64,
    /// How many bytes, of IP total length.
    pub bytes: u64,
}

impl Traffic {
    /// Counts one packet.
    pub fn count(&mut self, bytes: u32) {
        self.packets += 1;
        self.bytes += u64::from(bytes);
    }
}

impl AddAssign for Traffic {
    fn add_assign(&mut self, other: Self) {
        self.packets += other.packets;
        self.bytes += other.bytes;
    }
}

impl Sub for Traffic {
    type Output = Self;

    fn sub(self, earlier: Self) -> Self {
        Self { packets: self.packets - earlier.packets, bytes: self.bytes - earlier.bytes }
    }
}

/// What was counted since: counters only go up.
impl Sub for NatCounters {
    type Output = Self;

    fn sub(self, earlier: Self) -> Self {
        Self {
            connection_attempt: self.connection_attempt - earlier.connection_attempt,
            connection_established: self.connection_established - earlier.connection_established,
            error_port_allocation: self.error_port_allocation - earlier.error_port_allocation,
            idle_timeout: self.idle_timeout - earlier.idle_timeout,
            packets_drop: self.packets_drop - earlier.packets_drop,
            in_from_source: self.in_from_source - earlier.in_from_source,
            out_to_destination: self.out_to_destination - earlier.out_to_destination,
            in_from_destination: self.in_from_destination - earlier.in_from_destination,
            out_to_source: self.out_to_source - earlier.out_to_source,
        }
    }
}

impl AddAssign for NatCounters {
    fn add_assign(&mut self, other: Self) {
        let Self {
            connection_attempt,
            connection_established,
            error_port_allocation,
            idle_timeout,
            packets_drop,
            in_from_source,
            out_to_destination,
            in_from_destination,
            out_to_source,
        } = other;
        self.connection_attempt += connection_attempt;
        self.connection_established += connection_established;
        self.error_port_allocation += error_port_allocation;
        self.idle_timeout += idle_timeout;
        self.packets_drop += packets_drop;
        self.in_from_source += in_from_source;
        self.out_to_destination += out_to_destination;
        self.in_from_destination += in_from_destination;
        self.out_to_source += out_to_source;
    }
}
