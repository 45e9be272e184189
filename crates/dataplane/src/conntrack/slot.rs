//! Entries as they lie in memory: one cache line each, since a table of millions is mostly waiting for memory.
//!
//! What few entries have, IPv6 addresses among it, is beside the table.

use vpcemu_packet::FlowKey;

use super::bindings::Sharing;
use super::index::{Side, Whose};
use super::linux::LinuxTracker;
use super::tcp::TcpState;
use super::{ConnectionIx, Inside, Key, Outside, Owner, Room, Tracker, Translator, UdpProgress, Way};
use crate::flow::arriving;
use crate::index::{EigwIx, EndpointIx, EniIx, NatIx};
use crate::mixing::canonical_v4;
use crate::outcome::Direction;
use crate::time::Timestamp;

/// An entry.
#[derive(Clone, Copy, Debug)]
pub(super) struct Slot {
    /// Free from here on, unless it is on a lease.
    pub(super) expires: Timestamp,
    /// The second in which the wheel looks at it, as far as 32 bits go.
    pub(super) scheduled: u32,
    /// Of a mapping, the pool that its port is of, by number.
    pub(super) pool: u32,
    /// Source and destination of IPv4.
    v4: [u32; 2],
    /// Source and destination port.
    ports: [u16; 2],
    /// A translator's own address and port.
    local: u32,
    local_port: u16,
    /// Its idle timers, by number.
    pub(super) timers: u16,
    owner: u32,
    connection: u32,
    /// The configuration under which it was last found lawful (6.18).
    pub(super) generation: u32,
    /// How many mappings the inside tuple had before this one.
    pub(super) reuse: u16,
    protocol: u8,
    icmp_type: u8,
    kind: Kind,
    progress: Progress,
    /// Whether the packet that made it went out of the interface that owns it.
    outward: bool,
    pub(super) replied: bool,
    pub(super) forced: bool,
    pub(super) tombstone: bool,
    pub(super) leased: bool,
    /// Whether there is more of it beside the table.
    pub(super) aside: bool,
}

const _: () = assert!(size_of::<Option<Slot>>() == 64, "an entry is one cache line");

/// Whose an entry is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Kind {
    Interface,
    Gateway,
    Instance,
    EgressOnly,
    Endpoint,
}

/// [`Tracker`], but for what Linux' own tracking remembers.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Progress {
    Tcp(TcpState),
    Udp(UdpProgress),
    Query,
    Other,
    Linux,
}

/// What few entries have.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Aside {
    /// The flow, of IPv6.
    pub(super) original: Option<FlowKey>,
    /// The outside tuple, where it does not follow from the inside one.
    pub(super) outside: Option<FlowKey>,
    pub(super) linux: Option<LinuxTracker>,
    pub(super) sharing: Option<Sharing>,
    pub(super) room: Option<Room>,
}

impl Aside {
    fn is_needed(&self) -> bool {
        let Self { original, outside, linux, sharing, room } = self;
        original.is_some() || outside.is_some() || linux.is_some() || sharing.is_some() || room.is_some()
    }
}

/// No connection.
const NONE: u32 = u32::MAX;

/// Protocol numbers (IANA).
const TCP: u8 = 6;
const UDP: u8 = 17;

impl Slot {
    /// An entry, and what of it lies beside the table.
    pub(super) fn new(
        owner: Owner,
        original: &FlowKey,
        tracker: Tracker,
        (sharing, room): (Option<Sharing>, Option<Room>),
    ) -> (Self, Option<Aside>) {
        let mut aside = Aside { sharing, room, ..Aside::default() };
        let v4 = match (original.src, original.dst) {
            (std::net::IpAddr::V4(src), std::net::IpAddr::V4(dst)) => [src.to_bits(), dst.to_bits()],
            _ => {
                aside.original = Some(*original);
                [0; 2]
            }
        };
        let (kind, number, outward) = match owner {
            Owner::Interface { eni, opened } => (Kind::Interface, eni.0, opened == Direction::Egress),
            Owner::Nat { nat: Translator::Gateway(nat), .. } => (Kind::Gateway, nat.0, false),
            Owner::Nat { nat: Translator::Instance(eni), .. } => (Kind::Instance, eni.0, false),
            Owner::EgressOnly(eigw) => (Kind::EgressOnly, eigw.0, false),
            Owner::Endpoint(endpoint) => (Kind::Endpoint, endpoint.0, false),
        };
        let (mut local, mut local_port) = (0, 0);
        if let Owner::Nat { outside: Outside(outside), .. } = owner {
            local_port = outside.dst_port;
            match outside.dst {
                std::net::IpAddr::V4(own) if follows(original, &outside) => {
                    local = own.to_bits();
                }
                _ => aside.outside = Some(outside),
            }
        }
        let progress = match tracker {
            Tracker::Tcp(state) => Progress::Tcp(state),
            Tracker::Udp(progress) => Progress::Udp(progress),
            Tracker::Query => Progress::Query,
            Tracker::Other => Progress::Other,
            Tracker::Linux(tracker) => {
                aside.linux = Some(tracker);
                Progress::Linux
            }
        };
        let slot = Self {
            expires: Timestamp::default(),
            scheduled: u32::MAX,
            pool: NONE,
            v4,
            ports: [original.src_port, original.dst_port],
            local,
            local_port,
            timers: 0,
            owner: number,
            connection: NONE,
            generation: 0,
            reuse: 0,
            protocol: original.protocol,
            icmp_type: original.icmp_type,
            kind,
            progress,
            outward,
            replied: false,
            forced: false,
            tombstone: false,
            leased: false,
            aside: aside.is_needed(),
        };
        (slot, slot.aside.then_some(aside))
    }

    /// The same for another flow: from another port, and of a mapping to another port of the translator's.
    pub(super) fn with_ports(&self, source: u16, local_port: u16) -> Self {
        let [_, destination] = self.ports;
        Self { ports: [source, destination], local_port, ..*self }
    }

    /// Source and destination of IPv4.
    pub(super) fn v4(&self) -> [u32; 2] {
        self.v4
    }

    /// Source and destination port.
    pub(super) fn ports(&self) -> [u16; 2] {
        self.ports
    }

    /// Whether it is TCP or UDP, so that its ports are those of its packets.
    pub(super) fn has_ports(&self) -> bool {
        matches!(self.protocol, TCP | UDP)
    }

    /// A translator's own address.
    pub(super) fn local(&self) -> u32 {
        self.local
    }

    /// A translator's own port.
    pub(super) fn local_port(&self) -> u16 {
        self.local_port
    }

    pub(super) fn protocol(&self) -> u8 {
        self.protocol
    }

    /// Its connection.
    pub(super) fn connection(&self) -> Option<ConnectionIx> {
        (self.connection != NONE).then_some(ConnectionIx(self.connection))
    }

    pub(super) fn set_connection(&mut self, connection: Option<ConnectionIx>) {
        self.connection = connection.map_or(NONE, |connection| connection.0);
    }

    /// The flow in its original direction.
    pub(super) fn original(&self, aside: Option<&Aside>) -> FlowKey {
        aside.and_then(|aside| aside.original).unwrap_or_else(|| FlowKey {
            src: std::net::Ipv4Addr::from_bits(self.v4[0]).into(),
            dst: std::net::Ipv4Addr::from_bits(self.v4[1]).into(),
            src_port: self.ports[0],
            dst_port: self.ports[1],
            protocol: self.protocol,
            icmp_type: self.icmp_type,
        })
    }

    /// What replies look like when they arrive at a translator.
    pub(super) fn outside(&self, aside: Option<&Aside>) -> Outside {
        Outside(aside.and_then(|aside| aside.outside).unwrap_or_else(|| {
            arriving(&self.original(aside), std::net::Ipv4Addr::from_bits(self.local).into(), self.local_port)
        }))
    }

    /// The translator, if it is a mapping.
    pub(super) fn translator(&self) -> Option<Translator> {
        match self.kind {
            Kind::Gateway => Some(Translator::Gateway(NatIx(self.owner))),
            Kind::Instance => Some(Translator::Instance(EniIx(self.owner))),
            Kind::Interface | Kind::EgressOnly | Kind::Endpoint => None,
        }
    }

    /// Whose it is.
    pub(super) fn owner(&self, aside: Option<&Aside>) -> Owner {
        match (self.kind, self.translator()) {
            (_, Some(nat)) => Owner::Nat { nat, outside: self.outside(aside) },
            (Kind::EgressOnly, _) => Owner::EgressOnly(EigwIx(self.owner)),
            (Kind::Endpoint, _) => Owner::Endpoint(EndpointIx(self.owner)),
            _ => Owner::Interface { eni: EniIx(self.owner), opened: self.opened() },
        }
    }

    /// Whether it leaves a tombstone when its time is over, if its progress says so.
    pub(super) fn may_entomb(&self) -> bool {
        matches!(self.kind, Kind::Gateway | Kind::Instance | Kind::Endpoint)
    }

    /// Whether it is an endpoint's or a NAT instance's, or follows Linux: kinds that have rules of their own.
    pub(super) fn is_plain(&self) -> bool {
        let kind = matches!(self.kind, Kind::Interface | Kind::Gateway | Kind::EgressOnly);
        kind && self.progress != Progress::Linux
    }

    fn opened(&self) -> Direction {
        if self.outward { Direction::Egress } else { Direction::Ingress }
    }

    /// Progress.
    pub(super) fn tracker(&self, aside: Option<&Aside>) -> Tracker {
        match self.progress {
            Progress::Tcp(state) => Tracker::Tcp(state),
            Progress::Udp(progress) => Tracker::Udp(progress),
            Progress::Query => Tracker::Query,
            Progress::Other => Tracker::Other,
            Progress::Linux => aside.and_then(|aside| aside.linux).map_or(Tracker::Other, Tracker::Linux),
        }
    }

    /// Writes progress down. What Linux tracks is beside the table.
    pub(super) fn set_tracker(&mut self, tracker: Tracker) {
        self.progress = match tracker {
            Tracker::Tcp(state) => Progress::Tcp(state),
            Tracker::Udp(progress) => Progress::Udp(progress),
            Tracker::Query => Progress::Query,
            Tracker::Other => Progress::Other,
            Tracker::Linux(_) => Progress::Linux,
        };
    }

    /// Under which keys it is.
    pub(super) fn sides(&self) -> &'static [Side] {
        match self.kind {
            Kind::Gateway | Kind::Instance => &[Side::Own, Side::Outside],
            Kind::Interface | Kind::EgressOnly | Kind::Endpoint => &[Side::Own],
        }
    }

    /// The hash of one of its keys.
    #[inline]
    pub(super) fn hash(&self, side: Side, aside: Option<&Aside>) -> u64 {
        if aside.is_some() || !self.has_ports() {
            return self.hash_of_key(side, aside);
        }
        self.hash_as(side, self.ports, self.local_port)
    }

    /// The same for a flow with other ports, and a mapping to another port of the translator's. It is of TCP or UDP, and nothing
    /// of it is aside.
    #[inline]
    pub(super) fn hash_as(&self, side: Side, ports: [u16; 2], local_port: u16) -> u64 {
        let [_, dst] = self.v4;
        let own = || canonical_v4(self.v4, ports, self.protocol);
        match (side, self.kind, self.translator()) {
            (Side::Own, Kind::Interface, _) => Whose::interface(EniIx(self.owner)).key(own()),
            (Side::Own, _, Some(nat)) => Whose::inside(nat).key(own()),
            (Side::Outside, _, Some(nat)) => {
                let outside = canonical_v4([dst, self.local], [ports[1], local_port], self.protocol);
                Whose::outside(nat).key(outside)
            }
            _ => self.with_ports(ports[0], local_port).hash_of_key(side, None),
        }
    }

    #[inline(never)]
    fn hash_of_key(&self, side: Side, aside: Option<&Aside>) -> u64 {
        let [own, other] = super::entry::keys(self.owner(aside), self.original(aside));
        super::index::hash(if side == Side::Own { &own } else { &other })
    }

    /// Which way packets travel that find it under `key`, where it is with that side; none if they do not.
    #[inline]
    pub(super) fn way_under(&self, key: &Key, side: Side, aside: impl FnOnce() -> Option<Aside>) -> Option<Way> {
        let aside = if self.aside { aside() } else { None };
        let aside = aside.as_ref();
        let flow = |key: &FlowKey| {
            let original = self.original(aside);
            let there = (original == *key).then_some(Way::Original);
            there.or_else(|| (original == key.reversed()).then_some(Way::Reply))
        };
        let own = |kind: Kind, owner: u32| side == Side::Own && (self.kind, self.owner) == (kind, owner);
        match key {
            Key::Interface(eni, direction, key) if own(Kind::Interface, eni.0) => {
                let original = self.original(aside);
                if self.opened() == *direction {
                    (original == *key).then_some(Way::Original)
                } else {
                    (original == key.reversed()).then_some(Way::Reply)
                }
            }
            Key::NatInside(nat, Inside(key)) if side == Side::Own && self.translator() == Some(*nat) => {
                (self.original(aside) == *key).then_some(Way::Original)
            }
            Key::NatOutside(nat, outside) if side == Side::Outside && self.translator() == Some(*nat) => {
                (self.outside(aside) == *outside).then_some(Way::Reply)
            }
            Key::EgressOnly(eigw, key) if own(Kind::EgressOnly, eigw.0) => flow(key),
            Key::Endpoint(endpoint, key) if own(Kind::Endpoint, endpoint.0) => flow(key),
            _ => None,
        }
    }

    /// Whether packets of the original direction of `other`, were it of a flow with these ports, find this. `other` has nothing
    /// aside.
    #[inline]
    pub(super) fn is_met_by(&self, other: &Self, [src_port, dst_port]: [u16; 2]) -> bool {
        let whose = (self.kind, self.owner, self.protocol) == (other.kind, other.owner, other.protocol);
        if !whose || self.aside {
            return false;
        }
        let [src, dst] = other.v4;
        if self.kind == Kind::Interface && self.outward != other.outward {
            // An entry of an interface that was opened from the other side.
            return self.v4 == [dst, src] && self.ports == [dst_port, src_port];
        }
        self.icmp_type == other.icmp_type && self.v4 == [src, dst] && self.ports == [src_port, dst_port]
    }

    /// Whether it has a port of a pool.
    pub(super) fn takes_port_of(&self, pool: u32) -> bool {
        self.pool == pool && !self.tombstone && self.translator().is_some()
    }
}

/// Whether an outside tuple is what the inside one makes of the translator's address and port.
#[inline]
fn follows(original: &FlowKey, outside: &FlowKey) -> bool {
    let usual = matches!(original.protocol, TCP | UDP) && original.src.is_ipv4();
    let same =
        (outside.src, outside.src_port, outside.protocol) == (original.dst, original.dst_port, original.protocol);
    if usual { same } else { arriving(original, outside.dst, outside.dst_port) == *outside }
}
