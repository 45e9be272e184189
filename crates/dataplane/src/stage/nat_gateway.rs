//! NAT gateways: endpoint-dependent mapping and filtering, to the gateway's private address; the internet gateway does the
//! rest (4.x).

use std::net::IpAddr;

use vpcemu_model::behavior::RstOnUnknown;
use vpcemu_packet::{FlowKey, Fragment, TcpFlags, Transport, build};

use crate::conntrack::tcp::TcpState;
use crate::conntrack::{EntryIx, Inside, Key, NewEntry, Outside, Owner, Timers, Tracker, Way};
use crate::fabric::{Fabric, Nat};
use crate::index::{NatIx, SubnetIx};
use crate::outcome::{Component, CtState, Denial, Direction, StepKind};
use crate::output::GeneratedKind;
use crate::reason::DropReason;
use crate::stage::{internet_gateway, nacl, nat_ports};
use crate::walk::{Hop, Origination, Originator, Walk};

const KIND: StepKind = StepKind::Nat;

/// ICMP time exceeded in transit (RFC 792).
const TIME_EXCEEDED: (u8, u8) = (11, 0);

/// ICMP echo request; the only query that is mapped (4.17).
const ECHO_REQUEST: u8 = 8;

/// A packet from a client, by the route table of the client's subnet.
pub(crate) fn from_inside(walk: &mut Walk<'_, '_, '_>, nat_ix: NatIx, from: SubnetIx) -> Result<Hop, Denial> {
    let at = Component::NatGateway(nat_ix);
    let fabric = walk.fabric;
    let Some(nat) = fabric.nat(nat_ix) else {
        return Err(walk.deny(DropReason::BadState, at, KIND, None, None));
    };
    // Captured between the gateway and the internet gateway: already translated, it only goes on.
    if walk.emitter.is_none() {
        walk.emitter = Some(nat.eni);
        return Ok(Hop::LeaveSubnet(nat.subnet));
    }
    if from == nat.subnet {
        return Err(refuse(walk, nat_ix, DropReason::NatOwnSubnet));
    }
    nacl::judge(walk, nat.subnet, Direction::Ingress)?;
    let length = walk.packet.headers().total_len;
    walk.nat(nat_ix).in_from_source.count(length);
    if !nat.available {
        return Err(refuse(walk, nat_ix, DropReason::BadState));
    }
    if walk.emitter.and_then(|eni| walk.vpc_of(eni)) != Some(nat.vpc) {
        return Err(refuse(walk, nat_ix, DropReason::NatForeignSource));
    }
    check_protocol(walk, nat_ix)?;
    if walk.packet.headers().ttl <= 1 {
        time_exceeded(walk, nat_ix, nat);
        return Err(refuse(walk, nat_ix, DropReason::Ttl));
    }
    if let Transport::IcmpError { quote, .. } = walk.transport {
        let quoted = quote.and_then(|quote| quote.key());
        translate_error_outbound(walk, nat_ix, quoted)?;
    } else {
        let entry = mapping(walk, nat_ix, nat)?;
        let Owner::Nat { outside: Outside(arriving), .. } = walk.conntrack.entry(entry).owner else {
            return Err(refuse(walk, nat_ix, DropReason::NatNoSession));
        };
        walk.packet.set_src(arriving.dst);
        walk.packet.set_src_port(arriving.dst_port);
        retarget(walk, |transport| set_source_port(transport, arriving.dst_port));
    }
    walk.packet.decrement_ttl(1);
    walk.nat(nat_ix).out_to_destination.count(length);
    walk.pass(at, KIND, Some(Direction::Egress), None);
    walk.tap(at);
    forwarded(walk, nat);
    Ok(Hop::LeaveSubnet(nat.subnet))
}

/// A packet for the gateway's own address, in its subnet.
pub(crate) fn from_outside(walk: &mut Walk<'_, '_, '_>, nat_ix: NatIx) -> Result<Hop, Denial> {
    let at = Component::NatGateway(nat_ix);
    let fabric = walk.fabric;
    let Some(nat) = fabric.nat(nat_ix) else {
        return Err(walk.deny(DropReason::BadState, at, KIND, None, None));
    };
    let length = walk.packet.headers().total_len;
    walk.nat(nat_ix).in_from_destination.count(length);
    if !nat.available {
        return Err(refuse(walk, nat_ix, DropReason::BadState));
    }
    check_protocol(walk, nat_ix)?;
    if let Transport::IcmpError { quote, .. } = walk.transport {
        let quoted = quote.and_then(|quote| quote.key());
        check_ttl(walk, nat_ix)?;
        translate_error_inbound(walk, nat_ix, quoted)?;
    } else {
        let outside = Outside(walk.key());
        let found = live(walk, nat_ix, Key::NatOutside(nat_ix, outside));
        // Unsolicited or expired: silence, towards the outside always (4.27).
        let Some((entry, _)) = found else { return Err(refuse(walk, nat_ix, DropReason::NatNoSession)) };
        check_ttl(walk, nat_ix)?;
        observe(walk, nat_ix, entry, Way::Reply);
        walk.state = Some(CtState::Established);
        let inside = walk.conntrack.entry(entry).original;
        walk.packet.set_dst(inside.src);
        walk.packet.set_dst_port(inside.src_port);
        retarget(walk, |transport| set_destination_port(transport, inside.src_port));
    }
    walk.packet.decrement_ttl(1);
    walk.nat(nat_ix).out_to_source.count(length);
    walk.pass(at, KIND, Some(Direction::Ingress), None);
    walk.tap(at);
    forwarded(walk, nat);
    Ok(Hop::LeaveSubnet(nat.subnet))
}

/// TCP, UDP and ICMP only (4.10); of fragments only those of UDP (4.20).
fn check_protocol(walk: &mut Walk<'_, '_, '_>, nat: NatIx) -> Result<(), Denial> {
    let headers = *walk.packet.headers();
    let carried = match walk.transport {
        Transport::Tcp { .. } | Transport::Udp { .. } | Transport::IcmpError { .. } => true,
        Transport::Query { kind, .. } => matches!(kind, 0 | ECHO_REQUEST),
        Transport::Icmp { .. } | Transport::Other | Transport::Missing => false,
    };
    if !carried || !headers.src.is_ipv4() {
        return Err(refuse(walk, nat, DropReason::NatProtocol));
    }
    if headers.fragment != Fragment::None && !matches!(walk.transport, Transport::Udp { .. }) {
        return Err(refuse(walk, nat, DropReason::NatFragment));
    }
    Ok(())
}

/// The mapping of a packet from the inside: the one it has, or a new one.
fn mapping(walk: &mut Walk<'_, '_, '_>, nat_ix: NatIx, nat: &Nat) -> Result<EntryIx, Denial> {
    let inside = Inside(walk.key());
    let flags = walk.tcp_flags();
    let opens = flags.is_none_or(|flags| flags.contains(TcpFlags::SYN) && !flags.contains(TcpFlags::ACK));
    if let Some((entry, way)) = live(walk, nat_ix, Key::NatInside(nat_ix, inside)) {
        // A SYN on a mapping in linger starts it again, on the same port (4.29).
        if opens && flags.is_some() && walk.conntrack.entry(entry).tracker.is_over() {
            walk.nat(nat_ix).connection_attempt += 1;
        }
        observe(walk, nat_ix, entry, way);
        let answered = walk.conntrack.entry(entry).replied;
        walk.state = Some(if answered { CtState::Established } else { CtState::New });
        return Ok(entry);
    }
    // An echo reply from the inside answers nothing that the gateway let in.
    if matches!(walk.transport, Transport::Query { kind, .. } if kind != ECHO_REQUEST) {
        return Err(refuse(walk, nat_ix, DropReason::NatNoSession));
    }
    let tombstone = walk.conntrack.tombstone(nat_ix, inside, walk.stamp.now);
    let adopts = walk.adoptable && tombstone.is_none();
    if !opens && !adopts {
        return Err(reset(walk, nat_ix, tombstone.is_some()));
    }
    let reuse = tombstone.map_or(0, |(_, reuse)| reuse + 1);
    let Some(outside) = allocate(walk, nat_ix, nat, inside, reuse) else {
        walk.nat(nat_ix).error_port_allocation += 1;
        return Err(refuse(walk, nat_ix, DropReason::NatPortExhausted));
    };
    let Inside(key) = inside;
    let tracker = if opens { Tracker::opening(&key, flags) } else { Tracker::adopted(flags, false) };
    if opens && flags.is_some() {
        walk.nat(nat_ix).connection_attempt += 1;
    }
    walk.adopted |= !opens;
    walk.state = Some(if opens { CtState::New } else { CtState::Established });
    Ok(walk.make(new_mapping(walk.fabric, nat_ix, key, outside, tracker, !opens, walk.stamp.generation)))
}

fn allocate(walk: &mut Walk<'_, '_, '_>, nat_ix: NatIx, nat: &Nat, inside: Inside, reuse: u32) -> Option<Outside> {
    let limit = walk.fabric.behavior.nat_gateway.max_per_destination;
    let request = nat_ports::Request { seed: walk.options.seed, now: walk.stamp.now, limit };
    nat_ports::allocate(walk.conntrack, nat_ix, nat, inside, reuse, request)
}

/// A mapping to be made.
pub(crate) fn new_mapping(
    fabric: &Fabric,
    nat: NatIx,
    original: FlowKey,
    outside: Outside,
    tracker: Tracker,
    replied: bool,
    generation: u32,
) -> NewEntry {
    let knobs = &fabric.behavior.nat_gateway;
    let timers = Timers {
        tcp_opening: knobs.tcp_syn_sent,
        tcp_open: knobs.tcp_idle,
        tcp_closing: knobs.tcp_fin_linger,
        tcp_reset: knobs.tcp_rst_linger,
        udp: knobs.udp_idle,
        udp_stream: knobs.udp_idle,
        icmp: knobs.icmp_idle,
        other: knobs.udp_idle,
    };
    NewEntry { owner: Owner::Nat { nat, outside }, original, tracker, timers, replied, generation }
}

/// The live mapping under `key`. A gateway that was gone in some configuration since has forgotten everything (4.31).
fn live(walk: &mut Walk<'_, '_, '_>, nat: NatIx, key: Key) -> Option<(EntryIx, Way)> {
    let now = walk.stamp.now;
    let (entry, way) = walk.conntrack.find(&key, now)?;
    let made = walk.conntrack.entry(entry).generation;
    if made < walk.stamp.generation {
        let fabrics = walk.timeline.fabrics();
        let since = fabrics.iter().take(walk.stamp.generation as usize + 1).skip(made as usize + 1);
        if since.clone().any(|fabric| fabric.nat(nat).is_none()) {
            walk.conntrack.kill(entry, now);
            return None;
        }
        walk.conntrack.set_generation(entry, walk.stamp.generation);
    }
    Some((entry, way))
}

/// Any translated packet gives the mapping a new lease, whichever way it travels (4.30).
fn observe(walk: &mut Walk<'_, '_, '_>, nat: NatIx, entry: EntryIx, way: Way) {
    let state = |walk: &Walk<'_, '_, '_>| match walk.conntrack.entry(entry).tracker {
        Tracker::Tcp(state) => Some(state),
        _ => None,
    };
    let before = state(walk);
    let flags = walk.tcp_flags();
    walk.conntrack.observe(entry, flags, way, walk.stamp.now);
    if before == Some(TcpState::SynReceived) && state(walk) == Some(TcpState::Established) {
        walk.nat(nat).connection_established += 1;
    }
    walk.belongs_to(entry);
}

/// A segment from the inside without a mapping: a RST in the remote's name, unless a knob says otherwise (4.25, 4.26).
fn reset(walk: &mut Walk<'_, '_, '_>, nat: NatIx, idle_expired: bool) -> Denial {
    let answers = match walk.fabric.behavior.nat_gateway.rst_on_unknown {
        RstOnUnknown::Always => true,
        RstOnUnknown::TombstoneOnly => idle_expired,
        RstOnUnknown::Never => false,
    };
    // A RST is never answered with a RST (RFC 9293 3.10.7.1).
    let is_reset = walk.tcp_flags().is_some_and(|flags| flags.contains(TcpFlags::RST));
    if answers && !is_reset {
        let bytes = build::tcp_reset(walk.packet.headers());
        walk.generated = Some(Origination { kind: GeneratedKind::TcpReset, bytes, from: Originator::NatGateway(nat) });
    }
    refuse(walk, nat, if idle_expired { DropReason::NatIdleExpired } else { DropReason::NatNoSession })
}

/// The gateway shows up in the traceroute of a client (1.25).
fn time_exceeded(walk: &mut Walk<'_, '_, '_>, nat_ix: NatIx, nat: &Nat) {
    // Errors are never answered with errors (RFC 1122 3.2.2).
    if matches!(walk.transport, Transport::IcmpError { .. }) {
        return;
    }
    let Some(address) = nat.addresses.first() else { return };
    let (kind, code) = TIME_EXCEEDED;
    let bytes = build::icmp_error(IpAddr::V4(*address), walk.source(), kind, code, 0, walk.packet.bytes());
    let from = Originator::NatGateway(nat_ix);
    walk.generated = Some(Origination { kind: GeneratedKind::IcmpTimeExceeded, bytes, from });
}

/// Towards the outside the gateway dies in silence (12, 5508-9).
fn check_ttl(walk: &mut Walk<'_, '_, '_>, nat: NatIx) -> Result<(), Denial> {
    if walk.packet.headers().ttl <= 1 { Err(refuse(walk, nat, DropReason::Ttl)) } else { Ok(()) }
}

/// An error from the inside about a packet that the gateway let in (4.18; RFC 5508 REQ-5). It refreshes nothing (4.30).
fn translate_error_outbound(walk: &mut Walk<'_, '_, '_>, nat_ix: NatIx, quoted: Option<FlowKey>) -> Result<(), Denial> {
    let inside = quoted.map(|quoted| Inside(quoted.reversed()));
    let found = inside.and_then(|inside| live(walk, nat_ix, Key::NatInside(nat_ix, inside)));
    let owner = found.map(|(entry, _)| (entry, walk.conntrack.entry(entry).owner));
    let Some((entry, Owner::Nat { outside: Outside(arriving), .. })) = owner else {
        return Err(refuse(walk, nat_ix, DropReason::NatNoSession));
    };
    walk.belongs_to(entry);
    walk.state = Some(CtState::Related);
    walk.packet.set_src(arriving.dst);
    walk.packet.set_quote_dst(arriving.dst);
    walk.packet.set_quote_dst_port(arriving.dst_port);
    internet_gateway::refresh_quote(walk);
    Ok(())
}

/// An error from the outside about a packet that the gateway sent (4.18; RFC 5508 REQ-4), whoever reports it.
fn translate_error_inbound(walk: &mut Walk<'_, '_, '_>, nat_ix: NatIx, quoted: Option<FlowKey>) -> Result<(), Denial> {
    let outside = quoted.map(|quoted| Outside(quoted.reversed()));
    let found = outside.and_then(|outside| live(walk, nat_ix, Key::NatOutside(nat_ix, outside)));
    let Some((entry, _)) = found else { return Err(refuse(walk, nat_ix, DropReason::NatNoSession)) };
    walk.belongs_to(entry);
    walk.state = Some(CtState::Related);
    let inside = walk.conntrack.entry(entry).original;
    walk.packet.set_dst(inside.src);
    walk.packet.set_quote_src(inside.src);
    walk.packet.set_quote_src_port(inside.src_port);
    internet_gateway::refresh_quote(walk);
    Ok(())
}

/// From here on the packet is the gateway's: its identity is lost, and interfaces track the flow always (6.10, 6.20).
fn forwarded(walk: &mut Walk<'_, '_, '_>, nat: &Nat) {
    walk.emitter = Some(nat.eni);
    walk.direct = false;
    walk.force_tracking = true;
}

fn refuse(walk: &mut Walk<'_, '_, '_>, nat: NatIx, reason: DropReason) -> Denial {
    walk.nat(nat).packets_drop += 1;
    walk.deny(reason, Component::NatGateway(nat), KIND, None, None)
}

/// Keeps the transport header that rules look at in step with the packet.
fn retarget(walk: &mut Walk<'_, '_, '_>, set: impl FnOnce(&mut Transport)) {
    set(&mut walk.transport);
}

fn set_source_port(transport: &mut Transport, port: u16) {
    match transport {
        Transport::Tcp { src, .. } | Transport::Udp { src, .. } => *src = port,
        Transport::Query { id, .. } => *id = port,
        _ => {}
    }
}

fn set_destination_port(transport: &mut Transport, port: u16) {
    match transport {
        Transport::Tcp { dst, .. } | Transport::Udp { dst, .. } => *dst = port,
        Transport::Query { id, .. } => *id = port,
        _ => {}
    }
}
