//! Egress-only internet gateways: IPv6, stateful, no translation (5.x).
//!
//! Rules: 1.6, 1.22, 3.15, 4.31, 5.1-5.7. Knobs: `[behavior.egress_only_internet_gateway]`.

use vpcemu_packet::{FlowKey, Transport};

use crate::conntrack::{EntryIx, Key, NewEntry, Owner, Timers, Tracker, Way};
use crate::fabric::{Fabric, PublicAccess, address};
use crate::index::{EigwIx, EniIx};
use crate::outcome::{Component, CtState, Denial, StepKind};
use crate::reason::DropReason;
use crate::stage::{internet_gateway, memory, mtu};
use crate::walk::{Hop, Walk};

const KIND: StepKind = StepKind::EgressOnly;

/// The packet leaves the VPC, and opens the way for replies (5.2).
pub(crate) fn outbound(walk: &mut Walk<'_, '_, '_>, eigw: EigwIx) -> Result<Hop, Denial> {
    let at = Component::EgressOnly(eigw);
    let fabric = walk.fabric;
    let Some(vpc) = fabric.eigw(eigw).map(|eigw| eigw.vpc) else {
        return Err(walk.deny(DropReason::BadState, at, KIND, None, None));
    };
    let (source, destination) = (walk.source(), walk.destination());
    if fabric.owner(vpc, source).is_none() {
        return Err(walk.deny(DropReason::Spoofed, at, KIND, None, None));
    }
    let private = [source, destination].iter().any(|end| match end {
        std::net::IpAddr::V6(v6) => address::is_private_v6(*v6),
        std::net::IpAddr::V4(_) => true,
    });
    if private {
        return Err(walk.deny(DropReason::PrivateIpv6, at, KIND, None, None));
    }
    check_access(walk, at, fabric.owner(vpc, source))?;
    mtu::check(walk, at, fabric.behavior.egress_only_internet_gateway.mtu, true)?;
    if !matches!(walk.transport, Transport::IcmpError { .. } | Transport::Icmp { .. }) {
        track(walk, eigw);
    }
    walk.pass(at, KIND, None, None);
    walk.tap(at);
    Ok(internet_gateway::beyond(walk, destination))
}

/// Any packet from the inside opens or keeps open a flow.
fn track(walk: &mut Walk<'_, '_, '_>, eigw: EigwIx) {
    let (key, now, flags) = (walk.key(), walk.stamp.now, walk.tcp_flags());
    if let Some((entry, way)) = live(walk, eigw, key) {
        walk.conntrack.observe(entry, flags, way, now);
        walk.belongs_to(entry);
        let answered = walk.conntrack.is_replied(entry);
        walk.state = Some(if answered { CtState::Established } else { CtState::New });
        return;
    }
    let tracker = Tracker::opening(&key, flags);
    let timers = timers(walk.fabric);
    let generation = walk.stamp.generation;
    let mid_stream = flags.is_some() && !matches!(tracker, Tracker::Tcp(crate::conntrack::tcp::TcpState::SynSent));
    walk.adopted |= mid_stream && walk.adoptable;
    walk.make(NewEntry {
        owner: Owner::EgressOnly(eigw),
        original: key,
        tracker,
        timers,
        replied: mid_stream,
        generation,
        sharing: None,
        forced: false,
        room: None,
    });
    walk.state = Some(if mid_stream { CtState::Established } else { CtState::New });
}

/// Only what belongs to a flow from the inside comes in (5.3).
pub(crate) fn inbound(walk: &mut Walk<'_, '_, '_>, eigw: EigwIx, eni: EniIx) -> Result<Hop, Denial> {
    let at = Component::EgressOnly(eigw);
    let (now, flags) = (walk.stamp.now, walk.tcp_flags());
    let no_session = DropReason::EgressOnlyNoSession;
    // A packet that dies here leaves no trace.
    check_access(walk, at, Some(eni))?;
    mtu::check_inbound(walk, at, walk.fabric.behavior.egress_only_internet_gateway.mtu)?;
    if let Transport::IcmpError { quote, .. } = walk.transport {
        // An error whose quote matches state (5.5).
        let quoted = quote.and_then(|quote| quote.key());
        let Some((entry, _)) = quoted.and_then(|quoted| live(walk, eigw, quoted)) else {
            return Err(walk.deny(no_session, at, KIND, None, None));
        };
        walk.belongs_to(entry);
        walk.state = Some(CtState::Related);
    } else {
        let key = walk.key();
        match live(walk, eigw, key) {
            Some((entry, Way::Reply)) => {
                walk.conntrack.observe(entry, flags, Way::Reply, now);
                walk.belongs_to(entry);
                walk.state = Some(CtState::Established);
            }
            _ if walk.adoptable && flags.is_some() => {
                let tracker = Tracker::adopted(flags, true);
                let (timers, generation) = (timers(walk.fabric), walk.stamp.generation);
                let owner = Owner::EgressOnly(eigw);
                walk.make(NewEntry {
                    owner,
                    original: key.reversed(),
                    tracker,
                    timers,
                    replied: true,
                    generation,
                    sharing: None,
                    forced: false,
                    room: None,
                });
                walk.adopted = true;
                walk.state = Some(CtState::Established);
            }
            _ => return Err(walk.deny(no_session, at, KIND, None, None)),
        }
    }
    walk.force_tracking = true;
    walk.pass(at, KIND, None, None);
    walk.tap(at);
    Ok(Hop::Reach { eni, from: None })
}

/// The live entry of a flow. A gateway that a configuration takes away has forgotten everything, as a NAT gateway has (4.31).
fn live(walk: &mut Walk<'_, '_, '_>, eigw: EigwIx, key: FlowKey) -> Option<(EntryIx, Way)> {
    memory::recall(walk, &Key::EgressOnly(eigw, key), |_, after| after.eigw(eigw).is_some())
}

/// VPC Block Public Access leaves the gateway alone unless it blocks both directions (5.7).
fn check_access(walk: &mut Walk<'_, '_, '_>, at: Component, end: Option<EniIx>) -> Result<(), Denial> {
    let subnet = end.and_then(|eni| walk.fabric.eni(eni)).and_then(|eni| walk.fabric.subnet(eni.subnet));
    if subnet.is_some_and(|subnet| subnet.public_access == PublicAccess::Blocked) {
        return Err(walk.deny(DropReason::BlockPublicAccess, at, KIND, None, None));
    }
    Ok(())
}

fn timers(fabric: &Fabric) -> Timers {
    let knobs = &fabric.behavior.egress_only_internet_gateway;
    let security_group = &fabric.behavior.security_group;
    Timers {
        tcp_opening: security_group.tcp_opening,
        tcp_open: knobs.tcp_idle,
        tcp_closing: security_group.tcp_closing,
        tcp_reset: security_group.tcp_reset,
        udp: knobs.udp_idle,
        udp_stream: knobs.udp_stream_idle,
        icmp: knobs.icmp_idle,
        other: knobs.other_idle,
    }
}
