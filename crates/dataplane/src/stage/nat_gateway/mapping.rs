//! Mappings: which one a packet belongs to, when a new one is made, whom it lets in, and for how long (4.11-4.17,
//! 4.24-4.31; section 12 for the knobs).
//!
//! Rules: 4.11-4.17, 4.21, 4.24-4.31, section 12. Knobs: `filtering`, `hairpin`, `mapping`, `overload`, `port_cooldown`,
//! `refresh`, `tcp_simopen`, and every timer.

use std::net::Ipv4Addr;

use smallvec::SmallVec;
use vpcemu_model::behavior::{Filtering, Hairpin, Mapping, NatGatewayBehavior, Refresh};
use vpcemu_packet::{FlowKey, TcpFlags, Transport};

use super::admission::ECHO_REQUEST;
use super::{answers, ports, refuse, translator};
use crate::conntrack::bindings::{Scope, Sharing};
use crate::conntrack::tcp::TcpState;
use crate::conntrack::{Conntrack, EntryIx, Inside, Key, NewEntry, Outside, Owner, Timers, Tracker, Way};
use crate::fabric::{Fabric, Nat};
use crate::index::{EniIx, NatIx};
use crate::outcome::{CtState, Denial};
use crate::reason::DropReason;
use crate::time::Timestamp;
use crate::walk::Walk;

/// Ports below this one are well known (RFC 6335 6).
const WELL_KNOWN: u16 = 1024;

/// The packet's inside tuple.
pub(super) fn inside_of(walk: &Walk<'_, '_, '_>) -> Inside {
    Inside(walk.key())
}

/// The mapping of a packet from the inside: the one it has, or a new one.
pub(super) fn from_inside(
    walk: &mut Walk<'_, '_, '_>,
    nat_ix: NatIx,
    nat: &Nat,
    inside: Inside,
) -> Result<EntryIx, Denial> {
    let flags = walk.tcp_flags();
    let opens = flags.is_none_or(|flags| flags.contains(TcpFlags::SYN) && !flags.contains(TcpFlags::ACK));
    if let Some((entry, way)) = live(walk, nat_ix, Key::NatInside(translator(nat_ix), inside)) {
        // A SYN on a mapping in linger starts it again, on the same port (4.29).
        if opens && flags.is_some() && walk.conntrack.tracker(entry).is_over() {
            walk.nat(nat_ix).connection_attempt += 1;
        }
        observe(walk, nat_ix, entry, way);
        let answered = walk.conntrack.is_replied(entry);
        walk.state = Some(if answered { CtState::Established } else { CtState::New });
        return Ok(entry);
    }
    // An echo reply from the inside answers nothing that the gateway let in.
    if matches!(walk.transport, Transport::Query { kind, .. } if !ECHO_REQUEST.contains(&kind)) {
        return Err(refuse(walk, nat_ix, DropReason::NatNoSession));
    }
    let tombstone = walk.conntrack.tombstone(translator(nat_ix), inside, walk.stamp.now);
    let adopts = walk.adoptable && tombstone.is_none();
    if !opens && !adopts {
        return Err(answers::reset(walk, nat_ix, tombstone.is_some()));
    }
    let reuse = tombstone.map_or(0, |(_, reuse)| reuse + 1);
    let Some(outside) = allocate(walk, nat_ix, nat, inside, reuse) else {
        return Err(answers::exhausted(walk, nat_ix, nat));
    };
    walk.recipe.client = walk.emitter;
    let Inside(key) = inside;
    let tracker = if opens { Tracker::opening(&key, flags) } else { Tracker::adopted(flags, false) };
    if opens && flags.is_some() {
        walk.nat(nat_ix).connection_attempt += 1;
    }
    walk.adopted |= !opens;
    walk.state = Some(if opens { CtState::New } else { CtState::Established });
    Ok(walk.make(new(walk.fabric, nat_ix, key, outside, tracker, !opens, walk.stamp.generation)))
}

/// The mapping of a packet from the outside: the one it has, or another remote's that lets it in.
pub(super) fn from_outside(walk: &mut Walk<'_, '_, '_>, nat_ix: NatIx, outside: Outside) -> Result<EntryIx, Denial> {
    if hairpins(walk, nat_ix) && walk.fabric.behavior.nat_gateway.hairpin == Hairpin::None {
        return Err(refuse(walk, nat_ix, DropReason::NatNoSession));
    }
    if let Some((entry, _)) = live(walk, nat_ix, Key::NatOutside(translator(nat_ix), outside)) {
        let opens =
            walk.tcp_flags().is_some_and(|flags| flags.contains(TcpFlags::SYN) && !flags.contains(TcpFlags::ACK));
        let half_open = walk.conntrack.tracker(entry) == Tracker::Tcp(TcpState::SynSent);
        // Both ends open at once (RFC 5382 REQ-2).
        if opens && half_open && !walk.fabric.behavior.nat_gateway.tcp_simopen {
            return Err(refuse(walk, nat_ix, DropReason::NatNoSession));
        }
        return Ok(entry);
    }
    // Unsolicited or expired (4.27).
    let let_in = admit(walk, nat_ix, outside);
    let_in.ok_or_else(|| answers::unsolicited(walk, nat_ix))
}

/// Whether the packet comes from one of the gateway's own clients, by its own public address (4.21).
fn hairpins(walk: &Walk<'_, '_, '_>, nat_ix: NatIx) -> bool {
    let source = walk.source();
    let Some(nat) = walk.fabric.nat(nat_ix) else { return false };
    nat.addresses.iter().any(|own| {
        let public = walk.fabric.public_of(nat.vpc, *own).unwrap_or(*own);
        source == std::net::IpAddr::V4(public) || source == std::net::IpAddr::V4(*own)
    })
}

/// A mapping for a remote that the inside has not sent to, where filtering lets it in (RFC 4787 REQ-8).
fn admit(walk: &mut Walk<'_, '_, '_>, nat_ix: NatIx, outside: Outside) -> Option<EntryIx> {
    let fabric = walk.fabric;
    let knobs = &fabric.behavior.nat_gateway;
    sharing(knobs)?;
    // A packet that dies here opens nothing.
    if walk.packet.headers().ttl <= 1 {
        return None;
    }
    let tracker = match walk.transport {
        // SYN seen from the side that the table calls the reply's.
        Transport::Tcp { flags, .. } if flags.contains(TcpFlags::SYN) && !flags.contains(TcpFlags::ACK) => {
            Tracker::Tcp(TcpState::SynReceived)
        }
        Transport::Udp { .. } => Tracker::opening(&walk.key(), None),
        _ => return None,
    };
    let now = walk.stamp.now;
    let source = walk.source();
    let passes = |mappings: &[EntryIx]| match knobs.filtering {
        Filtering::EndpointIndependent => true,
        Filtering::AddressDependent => mappings.iter().any(|entry| walk.conntrack.original(*entry).dst == source),
        Filtering::AddressAndPortDependent => false,
    };
    let behind = walk.conntrack.bindings.behind(translator(nat_ix), outside, now);
    let (Inside(behind), _) = behind.into_iter().find(|(_, mappings)| passes(mappings))?;
    let Outside(arriving) = outside;
    let inside = FlowKey { dst: arriving.src, dst_port: arriving.src_port, ..behind };
    // The inside has a mapping towards this remote already, with another external endpoint: that one stays.
    if let Some((entry, _)) = live(walk, nat_ix, Key::NatInside(translator(nat_ix), Inside(inside))) {
        return Some(entry);
    }
    Some(walk.make(new(fabric, nat_ix, inside, outside, tracker, true, walk.stamp.generation)))
}

fn allocate(walk: &mut Walk<'_, '_, '_>, nat_ix: NatIx, nat: &Nat, inside: Inside, reuse: u32) -> Option<Outside> {
    let knobs = &walk.fabric.behavior.nat_gateway;
    let request = ports::Request { reuse, ..ports::Request::new(knobs, walk.options.seed, walk.stamp.now) };
    let addresses = addresses(walk.fabric, nat, walk.emitter);
    ports::allocate(walk.conntrack, translator(nat_ix), &addresses, inside, &request)
}

/// The addresses that serve a client, by the interface that its packets come from (4.4).
pub(super) fn addresses(fabric: &Fabric, nat: &Nat, client: Option<EniIx>) -> SmallVec<[Ipv4Addr; 8]> {
    let subnet = client.and_then(|eni| fabric.eni(eni)).and_then(|eni| fabric.subnet(eni.subnet));
    ports::addresses(nat, subnet.map(|subnet| subnet.zone))
}

/// A mapping whose first packet the capture does not hold: allocated for a reply that was captured on the inside.
pub(crate) fn adopt(
    conntrack: &mut Conntrack,
    (fabric, generation): (&Fabric, u32),
    nat_ix: NatIx,
    inside: Inside,
    flags: TcpFlags,
    (seed, now): (u64, Timestamp),
) -> Option<Outside> {
    let nat = fabric.nat(nat_ix)?;
    let Inside(key) = inside;
    let request = ports::Request::new(&fabric.behavior.nat_gateway, seed, now);
    let zone = fabric.owner(nat.vpc, key.src).and_then(|eni| fabric.eni(eni)).and_then(|eni| fabric.subnet(eni.subnet));
    let addresses = ports::addresses(nat, zone.map(|subnet| subnet.zone));
    let outside = ports::allocate(conntrack, translator(nat_ix), &addresses, inside, &request)?;
    let tracker = Tracker::adopted(Some(flags), true);
    conntrack.insert(new(fabric, nat_ix, key, outside, tracker, true, generation), now);
    Some(outside)
}

/// A mapping to be made.
fn new(
    fabric: &Fabric,
    nat: NatIx,
    original: FlowKey,
    outside: Outside,
    tracker: Tracker,
    replied: bool,
    generation: u32,
) -> NewEntry {
    let knobs = &fabric.behavior.nat_gateway;
    let udp = match knobs.udp_idle_well_known {
        Some(idle) if original.dst_port < WELL_KNOWN => idle,
        _ => knobs.udp_idle,
    };
    let timers = Timers {
        tcp_opening: knobs.tcp_syn_sent,
        tcp_open: knobs.tcp_idle,
        tcp_closing: knobs.tcp_fin_linger,
        tcp_reset: knobs.tcp_rst_linger,
        udp,
        udp_stream: udp,
        icmp: knobs.icmp_idle,
        other: knobs.udp_idle,
    };
    let owner = Owner::Nat { nat: translator(nat), outside };
    NewEntry {
        owner,
        original,
        tracker,
        timers,
        replied,
        generation,
        sharing: sharing(knobs),
        forced: false,
        room: None,
    }
}

/// What mappings share; nothing as AWS does it (4.12, 4.13).
pub(crate) fn sharing(knobs: &NatGatewayBehavior) -> Option<Sharing> {
    let mapping = match knobs.mapping {
        Mapping::EndpointIndependent => Scope::Any,
        Mapping::AddressDependent => Scope::Address,
        Mapping::AddressAndPortDependent => Scope::Endpoint,
    };
    let exclusive = if knobs.overload { mapping } else { Scope::Any };
    let plain = exclusive == Scope::Endpoint
        && knobs.filtering == Filtering::AddressAndPortDependent
        && knobs.max_ports_per_host.is_none()
        && knobs.port_cooldown.is_zero();
    (!plain).then_some(Sharing { mapping, exclusive, cooldown: knobs.port_cooldown })
}

/// The live mapping under `key`. A gateway that was gone, elsewhere, or without the mapping's address in some configuration
/// since has forgotten it (4.31).
pub(super) fn live(walk: &mut Walk<'_, '_, '_>, nat: NatIx, key: Key) -> Option<(EntryIx, Way)> {
    let now = walk.stamp.now;
    let (entry, way) = walk.conntrack.find(&key, now)?;
    let generation = walk.conntrack.generation(entry);
    if generation < walk.stamp.generation {
        let Outside(arriving) = walk.conntrack.outside(entry)?;
        let keeps = |fabric: &Fabric, before: &Fabric| match (fabric.nat(nat), before.nat(nat)) {
            (Some(now), Some(then)) => {
                let address = |own: &Ipv4Addr| std::net::IpAddr::V4(*own) == arriving.dst;
                now.site == then.site && now.addresses.iter().any(address)
            }
            _ => false,
        };
        let fabrics = walk.timeline.fabrics();
        let since = fabrics.iter().take(walk.stamp.generation as usize + 1).skip(generation as usize);
        let pairs: Vec<_> = since.clone().zip(since.skip(1)).collect();
        if pairs.iter().any(|(before, after)| !keeps(after, before)) {
            walk.conntrack.kill(entry, now);
            return None;
        }
        walk.conntrack.set_generation(entry, walk.stamp.generation);
    }
    Some((entry, way))
}

/// Any translated packet gives the mapping a new lease, whichever way it travels, unless a knob wants those of the inside
/// only (4.30).
pub(super) fn observe(walk: &mut Walk<'_, '_, '_>, nat: NatIx, entry: EntryIx, way: Way) {
    let state = |walk: &Walk<'_, '_, '_>| match walk.conntrack.tracker(entry) {
        Tracker::Tcp(state) => Some(state),
        _ => None,
    };
    let before = state(walk);
    let flags = walk.tcp_flags();
    if way == Way::Reply && walk.fabric.behavior.nat_gateway.refresh == Refresh::Out {
        walk.conntrack.note_progress(entry, flags, way, walk.stamp.now);
    } else {
        walk.conntrack.observe(entry, flags, way, walk.stamp.now);
    }
    if before == Some(TcpState::SynReceived) && state(walk) == Some(TcpState::Established) {
        walk.nat(nat).connection_established += 1;
    }
    walk.belongs_to(entry);
}
