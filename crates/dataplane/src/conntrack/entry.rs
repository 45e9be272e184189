use std::net::IpAddr;

use vpcemu_packet::FlowKey;

use super::bindings::Sharing;
use super::lease::Lease;
use super::{Timers, Tracker};
use crate::index::{EigwIx, EndpointIx, EniIx, HostIx, NatIx};
use crate::outcome::Direction;
use crate::time::Timestamp;

/// A NAT tuple on the inside: the client's own addresses and ports.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Inside(pub FlowKey);

/// A NAT tuple on the outside: the gateway's address and port, in the direction of what arrives there.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Outside(pub FlowKey);

/// Under which key a component finds its entry.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Key {
    /// Security groups of an interface, as seen there: which way the packet goes is part of it, since an interface that
    /// forwards sees every packet twice.
    Interface(EniIx, Direction, FlowKey),
    /// A translator, from the inside.
    NatInside(Translator, Inside),
    /// A translator, from the outside.
    NatOutside(Translator, Outside),
    /// An egress-only gateway.
    EgressOnly(EigwIx, FlowKey),
    /// An endpoint.
    Endpoint(EndpointIx, FlowKey),
}

/// Who translates addresses and ports.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub enum Translator {
    /// A NAT gateway.
    Gateway(NatIx),
    /// A NAT instance, by its interface.
    Instance(EniIx),
}

/// An entry's place in its shard.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub struct EntryIx(pub(super) u32);

/// A connection's place in its shard.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct ConnectionIx(pub(crate) u32);

/// Which component an entry belongs to, with the keys that find it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Owner {
    /// Security groups of an interface.
    Interface {
        /// Which one.
        eni: EniIx,
        /// Which way the packet went that made the entry.
        opened: Direction,
    },
    /// A translator: the mapping of an inside tuple to an outside one.
    Nat {
        /// Which one.
        nat: Translator,
        /// What replies look like when they arrive.
        outside: Outside,
    },
    /// An egress-only gateway.
    EgressOnly(EigwIx),
    /// An interface endpoint, or that of a Gateway Load Balancer.
    Endpoint(EndpointIx),
}

/// What one component remembers of a connection.
#[derive(Clone, Copy, Debug)]
pub struct Entry {
    /// Whose it is.
    pub owner: Owner,
    /// The flow in its original direction, as the component sees it: of a NAT mapping the inside tuple.
    pub original: FlowKey,
    /// Progress.
    pub tracker: Tracker,
    /// Free from here on.
    pub expires: Timestamp,
    /// The configuration under which it was last found lawful (6.18).
    pub generation: u32,
    /// Whether the path of the flow forces it to be tracked, whatever the rules (6.20).
    pub forced: bool,
}

/// Which way a packet travels relative to the one that opened an entry.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Way {
    /// The same.
    Original,
    /// The other.
    Reply,
}

/// Two cache lines would be one too many: every packet of the flow cache touches one of these.
#[derive(Clone, Copy, Debug)]
#[repr(align(64))]
pub(super) struct Connection {
    /// n of the packet that created it.
    pub(super) n: u64,
    pub(super) live: u32,
    /// Whether both ends accepted it, so that it counts (6.22).
    pub(super) counted: bool,
    pub(super) ended: Timestamp,
    pub(super) lease: Lease,
}

/// A change of a gauge at a second of capture time.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Delta {
    /// The second.
    pub second: u64,
    /// Which gauge.
    pub gauge: Gauge,
    /// By how much.
    pub by: i32,
}

/// What is counted up and down over capture time.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub enum Gauge {
    /// Connections with at least one live entry.
    Connections,
    /// A NAT gateway's active TCP mappings (4.37).
    NatActive(NatIx),
    /// A NAT gateway's TCP mappings that went idle (4.37). It only goes up, in the second in which they did.
    NatIdle(NatIx),
}

/// Totals that the conntrack of a shard keeps.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct ConnectionCounters {
    /// Connections that both ends accepted.
    pub created: u64,
    /// Those of them that are over.
    pub expired: u64,
}

/// Ports are counted per NAT address, protocol and remote endpoint (4.12).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Pool {
    /// The translator.
    pub nat: Translator,
    /// Its address.
    pub address: IpAddr,
    /// The remote address.
    pub remote: IpAddr,
    /// The remote port; 0 for ICMP (4.17).
    pub remote_port: u16,
    /// The protocol.
    pub protocol: u8,
}

impl Pool {
    /// The pool that an outside tuple takes a port of.
    pub fn of(nat: Translator, outside: &Outside) -> Self {
        let Outside(key) = outside;
        let remote_port = if key.icmp_type == 0 && !matches!(key.protocol, 1 | 58) { key.src_port } else { 0 };
        Self { nat, address: key.dst, remote: key.src, remote_port, protocol: key.protocol }
    }
}

impl std::hash::Hash for Pool {
    /// A word for each end, since every new mapping asks.
    fn hash<H: std::hash::Hasher>(&self, state: &mut H) {
        let word = |address: IpAddr| match address {
            IpAddr::V4(v4) => u64::from(v4.to_bits()),
            IpAddr::V6(v6) => (v6.to_bits() >> 64) as u64 ^ v6.to_bits() as u64,
        };
        let number = match self.nat {
            Translator::Gateway(nat) => u64::from(nat.0) << 1,
            Translator::Instance(eni) => u64::from(eni.0) << 1 | 1,
        };
        state.write_u64(word(self.remote) ^ u64::from(self.remote_port) << 40 ^ u64::from(self.protocol) << 56);
        state.write_u64(word(self.address) ^ number << 32);
    }
}

/// Room in the connection table of an instance (6.19).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Room {
    /// Whose table.
    pub host: HostIx,
    /// As how many entries a connection counts: connections to DynamoDB's gateway endpoint count twice (6.20).
    pub entries: u8,
}

/// What an entry is made of.
#[derive(Clone, Copy, Debug)]
pub struct NewEntry {
    /// Whose it is.
    pub owner: Owner,
    /// The flow in its original direction, as the component sees it.
    pub original: FlowKey,
    /// Progress.
    pub tracker: Tracker,
    /// Idle timers.
    pub timers: Timers,
    /// Whether the packet that makes it is already a reply.
    pub replied: bool,
    /// The configuration in force.
    pub generation: u32,
    /// What a mapping shares with others.
    pub sharing: Option<Sharing>,
    /// Whether the path of the flow forces it to be tracked (6.20).
    pub forced: bool,
    /// The room that it takes in an instance's table, where that is limited (6.19).
    pub room: Option<Room>,
}

/// The keys that find an entry: by packets of the original direction, and by replies.
pub(super) fn keys(owner: Owner, original: FlowKey) -> [Key; 2] {
    match owner {
        Owner::Interface { eni, opened } => {
            [Key::Interface(eni, opened, original), Key::Interface(eni, opened.reversed(), original.reversed())]
        }
        Owner::Nat { nat, outside } => [Key::NatInside(nat, Inside(original)), Key::NatOutside(nat, outside)],
        Owner::EgressOnly(eigw) => [Key::EgressOnly(eigw, original), Key::EgressOnly(eigw, original.reversed())],
        Owner::Endpoint(endpoint) => [Key::Endpoint(endpoint, original), Key::Endpoint(endpoint, original.reversed())],
    }
}
