//! Connections as somebody lists them who watches.

use smallvec::SmallVec;
use vpcemu_packet::FlowKey;

use super::tcp::TcpState;
use super::{Conntrack, Entry, EntryIx, Owner, Tracker, Translator, UdpProgress};
use crate::outcome::{Component, Direction};
use crate::time::Timestamp;

/// A connection as it stands at one moment.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct LiveConnection {
    /// n of the packet that created it.
    pub n: u64,
    /// Whether both ends accepted it, so that it counts (6.22).
    pub accepted: bool,
    /// The packet that opened it, as the first of its components has it.
    pub opened: FlowKey,
    /// The same as the last of them has it, if that differs: behind a NAT gateway, with the gateway's own private address.
    pub translated: Option<FlowKey>,
    /// How far it has come.
    pub state: &'static str,
    /// When a packet last renewed it.
    pub last_seen: Timestamp,
    /// When the last of its components forgets it, if no other packet comes.
    pub expires: Timestamp,
    /// Who has an entry of it, in the order in which the packet that opened it met them.
    pub components: SmallVec<[Component; 4]>,
}

impl Conntrack {
    /// Every connection with an entry that is alive at `now`, in no order. It takes as long as looking at every entry does.
    pub(crate) fn live(&self, now: Timestamp) -> Vec<LiveConnection> {
        let numbered = self.entries.iter().filter_map(|(index, slot)| {
            let connection = slot.connection()?;
            let entry = self.entry(EntryIx(index));
            let lives = now < entry.expires;
            let last_seen = entry.expires.0.saturating_sub(self.patience(&entry, slot.timers));
            lives.then(|| (connection.0, rank(&entry.owner), entry, slot.replied, Timestamp(last_seen)))
        });
        let mut entries: Vec<_> = numbered.collect();
        entries.sort_unstable_by_key(|(connection, rank, ..)| (*connection, *rank));
        let connections = entries.chunk_by(|(one, ..), (other, ..)| one == other).filter_map(|entries| {
            let ((connection, _, first, replied, _), (.., last, _, _)) = (entries.first()?, entries.last()?);
            let of = self.connections.slot(*connection)?;
            let (opened, left) = (first.original, left_as(last));
            Some(LiveConnection {
                n: of.n,
                accepted: of.counted,
                opened,
                translated: (left != opened).then_some(left),
                state: state(&first.tracker, *replied),
                last_seen: entries.iter().map(|(.., seen)| *seen).max()?,
                expires: entries.iter().map(|(_, _, entry, ..)| entry.expires).max()?,
                components: entries.iter().map(|(_, _, entry, ..)| component(&entry.owner)).collect(),
            })
        });
        connections.collect()
    }

    /// Nanoseconds that an entry lives without a packet.
    fn patience(&self, entry: &Entry, timers: u16) -> u64 {
        let timeout = entry.tracker.timeout(self.timers.set(timers));
        u64::try_from(timeout.as_nanos()).unwrap_or(u64::MAX)
    }
}

/// Where a packet that opens a connection meets the owner of an entry: its sender, a translator or gateway, its receiver. Of
/// several it is their numbers that decide.
fn rank(owner: &Owner) -> (u8, u32) {
    match owner {
        Owner::Interface { eni, opened: Direction::Egress } => (0, eni.0),
        Owner::Nat { nat: Translator::Instance(eni), .. } => (1, eni.0),
        Owner::Nat { nat: Translator::Gateway(nat), .. } => (2, nat.0),
        Owner::EgressOnly(eigw) => (3, eigw.0),
        Owner::Endpoint(endpoint) => (4, endpoint.0),
        Owner::Interface { eni, opened: Direction::Ingress } => (5, eni.0),
    }
}

fn component(owner: &Owner) -> Component {
    match owner {
        Owner::Interface { eni, .. } | Owner::Nat { nat: Translator::Instance(eni), .. } => Component::Interface(*eni),
        Owner::Nat { nat: Translator::Gateway(nat), .. } => Component::NatGateway(*nat),
        Owner::EgressOnly(eigw) => Component::EgressOnly(*eigw),
        Owner::Endpoint(endpoint) => Component::Endpoint(*endpoint),
    }
}

/// The packet that made an entry, as it went on from there.
fn left_as(entry: &Entry) -> FlowKey {
    match entry.owner {
        Owner::Nat { outside, .. } => outside.0.reversed(),
        _ => entry.original,
    }
}

fn state(tracker: &Tracker, replied: bool) -> &'static str {
    match tracker {
        Tracker::Tcp(TcpState::SynSent) => "syn-sent",
        Tracker::Tcp(TcpState::SynReceived) => "syn-received",
        Tracker::Tcp(TcpState::Established) => "established",
        Tracker::Tcp(TcpState::FinOriginal | TcpState::FinReply) => "closing",
        Tracker::Tcp(TcpState::Closed) => "closed",
        Tracker::Tcp(TcpState::Reset) => "reset",
        Tracker::Udp(UdpProgress::Stream) => "stream",
        Tracker::Linux(tracker) if tracker.is_established_tcp() => "established",
        Tracker::Udp(_) | Tracker::Query | Tracker::Other | Tracker::Linux(_) if replied => "answered",
        Tracker::Udp(_) | Tracker::Query | Tracker::Other | Tracker::Linux(_) => "one-way",
    }
}
