//! What endpoints remember: TCP and UDP flows, so that they know what has been idle for too long (10.10, 10.15).
//!
//! Rules: 4.31, 10.10, 10.15. Knobs: `tcp_idle`, `udp_idle` of `[behavior.vpc_endpoint]`; what a connection is that opens or
//! closes is as in `[behavior.security_group]`.

use vpcemu_packet::{FlowKey, Transport};

use crate::conntrack::{EntryIx, Key, NewEntry, Owner, Timers, Tracker, Way};
use crate::fabric::{EndpointKind, EniTimers, Fabric};
use crate::index::EndpointIx;
use crate::outcome::CtState;
use crate::reason::DropReason;
use crate::stage::memory;
use crate::stage::security_group::is_opening;
use crate::walk::Walk;

/// Takes note of a packet of a known flow, and says which way it goes.
pub(super) fn observe(walk: &mut Walk<'_, '_, '_>, endpoint: EndpointIx) -> Option<Way> {
    let (now, flags) = (walk.stamp.now, walk.tcp_flags());
    let (entry, way) = live(walk, endpoint, walk.key())?;
    let known = walk.conntrack.entry(entry);
    // A SYN on a connection that is over is a new connection.
    if known.tracker.is_over() && flags.is_some_and(is_opening) {
        walk.conntrack.kill(entry, now);
        return None;
    }
    let answered = walk.conntrack.is_replied(entry) || way == Way::Reply;
    walk.state = Some(if answered { CtState::Established } else { CtState::New });
    walk.conntrack.observe(entry, flags, way, now);
    walk.belongs_to(entry);
    Some(way)
}

/// Whether an ICMP error is about a packet of a known flow.
pub(super) fn is_related(walk: &mut Walk<'_, '_, '_>, endpoint: EndpointIx) -> bool {
    let Transport::IcmpError { quote: Some(quote), .. } = walk.transport else { return false };
    let Some(quoted) = quote.key() else { return false };
    let Some((entry, _)) = live(walk, endpoint, quoted) else { return false };
    walk.belongs_to(entry);
    walk.state = Some(CtState::Related);
    true
}

/// Opens a flow with the packet: SYN, a datagram, or a segment of a connection that began before the capture.
pub(super) fn open(walk: &mut Walk<'_, '_, '_>, endpoint: EndpointIx, original: FlowKey, replied: bool) {
    let flags = walk.tcp_flags();
    let adopts = flags.is_some_and(|flags| !is_opening(flags));
    walk.adopted |= adopts;
    walk.state = Some(if adopts { CtState::Established } else { CtState::New });
    let tracker = if adopts { Tracker::adopted(flags, replied) } else { Tracker::opening(&original, flags) };
    walk.make(NewEntry {
        owner: Owner::Endpoint(endpoint),
        original,
        tracker,
        timers: timers(walk.fabric),
        replied: adopts,
        generation: walk.stamp.generation,
        sharing: None,
        forced: false,
        room: None,
    });
}

/// Whether the packet may open a flow; a TCP segment may if it is a SYN, or if its connection began before the capture.
pub(super) fn may_open(walk: &Walk<'_, '_, '_>) -> bool {
    walk.tcp_flags().is_none_or(|flags| is_opening(flags) || walk.adoptable)
}

/// Why a segment without a flow is refused: it was idle for too long, or there never was one.
pub(super) fn lost(walk: &mut Walk<'_, '_, '_>, endpoint: EndpointIx) -> DropReason {
    let key = Key::Endpoint(endpoint, walk.key());
    let idled_out = walk.conntrack.idled_out(&key, walk.stamp.now);
    if idled_out.is_some_and(|since| memory::kept_since(walk, since, |before, after| keeps(endpoint, before, after))) {
        DropReason::EndpointIdleExpired
    } else {
        DropReason::EndpointNoSession
    }
}

/// The live entry of a flow. An endpoint that a configuration takes away or moves has forgotten everything, as a NAT gateway
/// has (4.31).
fn live(walk: &mut Walk<'_, '_, '_>, endpoint: EndpointIx, key: FlowKey) -> Option<(EntryIx, Way)> {
    memory::recall(walk, &Key::Endpoint(endpoint, key), |before, after| keeps(endpoint, before, after))
}

fn keeps(endpoint: EndpointIx, before: &Fabric, after: &Fabric) -> bool {
    let site = |fabric: &Fabric| match fabric.endpoint(endpoint).map(|of| &of.kind) {
        Some(EndpointKind::LoadBalancer { subnet, .. }) => Some(Some(*subnet)),
        Some(_) => Some(None),
        None => None,
    };
    site(after).is_some() && site(before) == site(after)
}

fn timers(fabric: &Fabric) -> Timers {
    let (knobs, closing) = (&fabric.behavior.vpc_endpoint, &fabric.behavior.security_group);
    Timers {
        tcp_opening: knobs.tcp_idle,
        tcp_open: knobs.tcp_idle,
        tcp_closing: closing.tcp_closing,
        tcp_reset: closing.tcp_reset,
        udp: knobs.udp_idle,
        udp_stream: knobs.udp_idle,
        icmp: closing.icmp,
        other: EniTimers::OTHER,
    }
}
