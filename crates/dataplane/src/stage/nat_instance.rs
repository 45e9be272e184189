//! NAT instances: an ordinary instance whose Linux masquerades what it forwards (section 11). Ports are kept where they are
//! free, every fragment is carried, and connection tracking is the kernel's.
//!
//! Rules: 1.22, 1.25, 11.1-11.4. Knobs: `[behavior.nat_instance]`.

use std::net::SocketAddr;

use vpcemu_model::behavior::InstanceTimeout;
use vpcemu_packet::{FlowKey, TcpFlags, Transport, build};

use crate::conntrack::linux::{Judgement, LinuxTracker, Seen, Segment, Settings, TcpOptions, Timeouts, valid_flags};
use crate::conntrack::{Conntrack, EntryIx, Inside, Key, NewEntry, Outside, Owner, Timers, Tracker, Translator, Way};
use crate::fabric::Fabric;
use crate::flow::arriving;
use crate::index::EniIx;
use crate::outcome::{Component, CtState, Denial, Place, StepKind};
use crate::output::GeneratedKind;
use crate::reason::DropReason;
use crate::shard::hash::Mix;
use crate::stage::appliance;
use crate::stage::nat_gateway::{Range, flow_of, is_free};
use crate::time::Timestamp;
use crate::walk::{Hop, Origination, Originator, Walk};

const KIND: StepKind = StepKind::Nat;

/// UDP-Lite (RFC 3828), which the kernel has no tracker for and calls invalid.
const UDP_LITE: u8 = 136;

/// ICMP redirect (RFC 792): one about a translated connection would lead the inside around the translator.
const REDIRECT: u8 = 5;

/// The packet has passed the security groups of a NAT instance.
pub(crate) fn forward(walk: &mut Walk<'_, '_, '_>, eni_ix: EniIx) -> Result<Hop, Denial> {
    // IPv6 is routed, not translated.
    if walk.source().is_ipv6() {
        return appliance::forward(walk, eni_ix);
    }
    // Linux takes no source routes unless told to (`accept_source_route`).
    if walk.packet.has_source_route() {
        return Err(invalid(walk, eni_ix));
    }
    let found = match walk.transport {
        Transport::IcmpError { kind, quote, .. } => about(walk, eni_ix, kind, flow_of(quote)),
        _ => belongs(walk, eni_ix)?,
    };
    match found {
        Some((entry, Way::Reply)) => back(walk, eni_ix, entry),
        Some((entry, Way::Original)) if is_own(walk, eni_ix, entry) => Ok(Hop::Done(Place::Interface(eni_ix))),
        Some((entry, Way::Original)) => {
            let outside = outside_of(walk, entry);
            out(walk, eni_ix, outside)
        }
        // Nobody behind it asked: it is for the instance itself (11.5).
        None if walk.fabric.eni(eni_ix).is_some_and(|eni| eni.owns(walk.destination())) => {
            listen(walk, eni_ix);
            Ok(Hop::Done(Place::Interface(eni_ix)))
        }
        None => {
            answer_dead(walk, eni_ix)?;
            let Some(tracker) = opening(walk) else { return Err(invalid(walk, eni_ix)) };
            // A packet that dies here opens nothing.
            appliance::check_age(walk, eni_ix)?;
            appliance::check_size(walk, eni_ix, walk.fabric.behavior.nat_instance.mtu)?;
            match open(walk, eni_ix, tracker) {
                Some(outside) => out(walk, eni_ix, outside),
                None => Err(walk.deny(DropReason::NatPortExhausted, Component::Interface(eni_ix), KIND, None, None)),
            }
        }
    }
}

/// What the instance sends itself takes a port as well, so that no client gets the same one (11.3).
pub(crate) fn speak(walk: &mut Walk<'_, '_, '_>, eni_ix: EniIx) {
    if matches!(walk.transport, Transport::IcmpError { .. } | Transport::Icmp { .. }) {
        return;
    }
    let known = match belongs(walk, eni_ix) {
        Ok(Some((entry, Way::Original))) => Some(outside_of(walk, entry)),
        // An answer, or nothing that its own tracking would let out: the security groups decide.
        Ok(Some((_, Way::Reply))) | Err(_) => None,
        Ok(None) => opening(walk).and_then(|tracker| open(walk, eni_ix, tracker)),
    };
    if let Some(Outside(arriving)) = known {
        walk.packet.set_src_port(arriving.dst_port);
        walk.set_source_port(arriving.dst_port);
    }
}

/// A flow that somebody opens towards the instance itself is tracked like any other, so that its answers are known for what
/// they are.
fn listen(walk: &mut Walk<'_, '_, '_>, eni_ix: EniIx) {
    let key = walk.key();
    let untranslated = Outside(key.reversed());
    if let Some(tracker) = opening(walk)
        && is_nobodys(walk.conntrack, Translator::Instance(eni_ix), untranslated, walk.stamp.now)
    {
        walk.make(new(eni_ix, key, untranslated, tracker, walk.stamp.generation));
    }
}

/// Whether a flow that somebody opened is one to the instance itself.
fn is_own(walk: &Walk<'_, '_, '_>, eni_ix: EniIx, entry: EntryIx) -> bool {
    let callee = walk.conntrack.original(entry).dst;
    walk.fabric.eni(eni_ix).is_some_and(|eni| eni.owns(callee))
}

/// A packet of a client goes on, with the instance's address if it is translated.
fn out(walk: &mut Walk<'_, '_, '_>, eni_ix: EniIx, Outside(arriving): Outside) -> Result<Hop, Denial> {
    appliance::check_age(walk, eni_ix)?;
    appliance::check_size(walk, eni_ix, walk.fabric.behavior.nat_instance.mtu)?;
    walk.packet.set_src(arriving.dst);
    if matches!(walk.transport, Transport::IcmpError { .. }) {
        walk.set_quoted_destination(arriving.dst, Some(arriving.dst_port));
    } else {
        walk.packet.set_src_port(arriving.dst_port);
        walk.set_source_port(arriving.dst_port);
    }
    walk.packet.decrement_ttl(1);
    appliance::send(walk, eni_ix, KIND)
}

/// An answer goes back to whoever asked, the instance itself included.
fn back(walk: &mut Walk<'_, '_, '_>, eni_ix: EniIx, entry: EntryIx) -> Result<Hop, Denial> {
    let inside = walk.conntrack.original(entry);
    let own = walk.fabric.eni(eni_ix).is_some_and(|eni| eni.owns(inside.src));
    if !own {
        appliance::check_age(walk, eni_ix)?;
        appliance::check_size(walk, eni_ix, walk.fabric.behavior.nat_instance.mtu)?;
    }
    walk.packet.set_dst(inside.src);
    if matches!(walk.transport, Transport::IcmpError { .. }) {
        walk.set_quoted_source(inside.src, Some(inside.src_port));
    } else {
        walk.packet.set_dst_port(inside.src_port);
        walk.set_destination_port(inside.src_port);
    }
    if own {
        return Ok(Hop::Done(Place::Interface(eni_ix)));
    }
    walk.packet.decrement_ttl(1);
    appliance::send(walk, eni_ix, KIND)
}

/// The entry that an ICMP error is about, and the way that the error travels: against the packet that it quotes.
fn about(walk: &mut Walk<'_, '_, '_>, eni_ix: EniIx, kind: u8, quoted: Option<FlowKey>) -> Option<(EntryIx, Way)> {
    let of = Translator::Instance(eni_ix);
    let answer = quoted?.reversed();
    let now = walk.stamp.now;
    let found = walk.conntrack.find(&Key::NatOutside(of, Outside(answer)), now);
    let found = found.or_else(|| walk.conntrack.find(&Key::NatInside(of, Inside(answer)), now));
    // A redirect about what was translated would lead its reader around the translator.
    let (entry, way) = found.filter(|_| kind != REDIRECT)?;
    walk.belongs_to(entry);
    walk.state = Some(CtState::Related);
    Some((entry, way))
}

/// The entry of a packet that is no error, by whichever side it comes from.
fn belongs(walk: &mut Walk<'_, '_, '_>, eni_ix: EniIx) -> Result<Option<(EntryIx, Way)>, Denial> {
    let of = Translator::Instance(eni_ix);
    let key = walk.key();
    if let Some(entry) = known(walk, eni_ix, &Key::NatOutside(of, Outside(key)))? {
        return Ok(Some((entry, Way::Reply)));
    }
    let entry = known(walk, eni_ix, &Key::NatInside(of, Inside(key)))?;
    Ok(entry.map(|entry| (entry, Way::Original)))
}

fn outside_of(walk: &Walk<'_, '_, '_>, entry: EntryIx) -> Outside {
    match walk.conntrack.entry(entry).owner {
        Owner::Nat { outside, .. } => outside,
        _ => Outside(walk.key().reversed()),
    }
}

/// What tracking makes of a packet that nothing is known of; none if it opens nothing.
fn opening(walk: &Walk<'_, '_, '_>) -> Option<LinuxTracker> {
    let key = walk.key();
    let trackable = match walk.transport {
        Transport::Tcp { flags, .. } => valid_flags(flags),
        Transport::Query { .. } => key.is_query_request(),
        Transport::Icmp { .. } | Transport::IcmpError { .. } | Transport::Missing => false,
        Transport::Udp { .. } => true,
        Transport::Other => key.protocol != UDP_LITE,
    };
    let tracker = LinuxTracker::open(&key, &seen(walk, Way::Original), &settings(walk.fabric));
    tracker.ok().filter(|_| trackable)
}

/// Makes the mapping of a packet that opens one; none if every port is taken.
fn open(walk: &mut Walk<'_, '_, '_>, eni_ix: EniIx, tracker: LinuxTracker) -> Option<Outside> {
    let key = walk.key();
    let choice = (walk.options.seed, walk.stamp.now);
    let outside = allocate(walk.conntrack, walk.fabric, eni_ix, key, choice)?;
    walk.state = Some(CtState::New);
    walk.make(new(eni_ix, key, outside, tracker, walk.stamp.generation));
    Some(outside)
}

/// The entry of a packet, which has taken note of it; none if there is none, or if it is over and the packet opens another.
fn known(walk: &mut Walk<'_, '_, '_>, eni_ix: EniIx, key: &Key) -> Result<Option<EntryIx>, Denial> {
    let now = walk.stamp.now;
    let Some((entry, way)) = walk.conntrack.find(key, now) else { return Ok(None) };
    let known = walk.conntrack.entry(entry);
    let (Owner::Nat { outside: Outside(arriving), .. }, Tracker::Linux(mut tracker)) = (known.owner, known.tracker)
    else {
        return Ok(None);
    };
    // An instance that has another address now has forgotten what it did with the old one.
    let routed = arriving == known.original.reversed();
    if !routed && !walk.fabric.eni(eni_ix).is_some_and(|eni| eni.owns(arriving.dst)) {
        walk.conntrack.kill(entry, now);
        return Ok(None);
    }
    if walk.tcp_flags().is_some_and(|flags| !valid_flags(flags)) {
        return Err(invalid(walk, eni_ix));
    }
    let settings = settings(walk.fabric);
    let judgement = tracker.observe(&seen(walk, way), &settings);
    let expires = match judgement {
        Judgement::Accept { lease: Some(_) } => now.after(tracker.lease()),
        Judgement::Accept { lease: None } => known.expires,
        // It is translated once more, and then there is nothing left.
        Judgement::Refused => now,
        Judgement::Reopen => {
            walk.conntrack.kill(entry, now);
            return Ok(None);
        }
        Judgement::Invalid { shorten, .. } => {
            if shorten {
                let sooner = known.expires.min(now.after(settings.timeouts.unacknowledged));
                walk.conntrack.progress(entry, Tracker::Linux(tracker), Way::Original, sooner, now);
            }
            // Rulesets drop what is invalid where they forward it. What is for the stack itself, the stack judges.
            let eni = walk.fabric.eni(eni_ix);
            let own = eni.is_some_and(|eni| eni.owns(known.original.src) || eni.owns(known.original.dst));
            return if own { Ok(Some(entry)) } else { Err(invalid(walk, eni_ix)) };
        }
    };
    walk.conntrack.progress(entry, Tracker::Linux(tracker), way, expires, now);
    walk.belongs_to(entry);
    walk.state = Some(if tracker.is_replied() { CtState::Established } else { CtState::New });
    Ok(Some(entry))
}

/// A segment from the inside of a connection that timed out: what the knob says, or nothing, and Linux picks it up (11.4).
fn answer_dead(walk: &mut Walk<'_, '_, '_>, eni_ix: EniIx) -> Result<(), Denial> {
    if walk.tcp_flags().is_none_or(|flags| flags.contains(TcpFlags::SYN)) {
        return Ok(());
    }
    let inside = Inside(walk.key());
    let says = walk.fabric.behavior.nat_instance.timeout;
    let dead = walk.conntrack.tombstone(Translator::Instance(eni_ix), inside, walk.stamp.now).is_some();
    let (kind, bytes) = match says {
        _ if !dead => return Ok(()),
        InstanceTimeout::Silent => return Ok(()),
        InstanceTimeout::Rst => (GeneratedKind::TcpReset, build::tcp_reset(walk.packet.headers())),
        InstanceTimeout::Fin => (GeneratedKind::TcpFin, fin(walk)),
    };
    if !bytes.is_empty() {
        walk.generated = Some(Origination { kind, bytes, from: Originator::Interface(eni_ix) });
    }
    Err(walk.deny(DropReason::NatIdleExpired, Component::Interface(eni_ix), KIND, None, None))
}

/// A FIN in the remote's name.
fn fin(walk: &Walk<'_, '_, '_>) -> Vec<u8> {
    let Transport::Tcp { src, dst, seq, ack, payload_len, .. } = walk.transport else { return Vec::new() };
    let (client, remote) = (SocketAddr::new(walk.source(), src), SocketAddr::new(walk.destination(), dst));
    let next = seq.wrapping_add(payload_len);
    build::tcp(remote, client).flags(TcpFlags::FIN | TcpFlags::ACK).seq(ack).ack(next).build()
}

fn seen(walk: &Walk<'_, '_, '_>, way: Way) -> Seen {
    let segment = Segment::of(walk.packet.headers(), walk.packet.bytes());
    Seen { segment, reply: way == Way::Reply, now: walk.stamp.now }
}

/// The mapping of a connection that began before the capture, whose first packet there is the remote's `reply`. Linux picks
/// it up as if the inside had just acknowledged what the remote says (`tcp_loose`).
pub(crate) fn adopt(
    conntrack: &mut Conntrack,
    (fabric, generation): (&Fabric, u32),
    eni_ix: EniIx,
    Inside(key): Inside,
    reply: &Transport,
    (seed, now): (u64, Timestamp),
) -> Option<Outside> {
    let Transport::Tcp { seq, ack, window, payload_len, .. } = *reply else { return None };
    let heard = seq.wrapping_add(payload_len);
    let options = TcpOptions::default();
    let segment = Segment { flags: TcpFlags::ACK, seq: ack, ack: heard, window, payload_len: 0, options };
    let seen = Seen { segment: Some(segment), reply: false, now };
    let tracker = LinuxTracker::open(&key, &seen, &settings(fabric)).ok()?;
    let outside = allocate(conntrack, fabric, eni_ix, key, (seed, now))?;
    conntrack.insert(new(eni_ix, key, outside, tracker, generation), now);
    Some(outside)
}

fn new(eni_ix: EniIx, original: FlowKey, outside: Outside, tracker: LinuxTracker, generation: u32) -> NewEntry {
    NewEntry {
        owner: Owner::Nat { nat: Translator::Instance(eni_ix), outside },
        original,
        tracker: Tracker::Linux(tracker),
        timers: Timers::NONE,
        replied: false,
        generation,
        sharing: None,
        forced: false,
        room: None,
    }
}

/// The port that the inside has, if it is free; else one of its class: below 512, 600 to 1023, or 1024 and above, as the
/// kernel's. An identifier of a query has no class, and other protocols have no ports to choose from.
fn allocate(
    conntrack: &mut Conntrack,
    fabric: &Fabric,
    eni_ix: EniIx,
    key: FlowKey,
    (seed, now): (u64, Timestamp),
) -> Option<Outside> {
    let of = Translator::Instance(eni_ix);
    let eni = fabric.eni(eni_ix)?;
    // Its rule is about the VPC's own blocks. What has another source is routed, and remembered so that answers are too.
    if !fabric.vpc(eni.vpc)?.cidrs.iter().any(|net| net.contains(&key.src)) {
        let routed = Outside(key.reversed());
        return is_nobodys(conntrack, of, routed, now).then_some(routed);
    }
    let own = eni.primary(key.src)?;
    let kept = Outside(arriving(&key, own, key.src_port));
    if is_nobodys(conntrack, of, kept, now) {
        return Some(kept);
    }
    let range = match (key.protocol, key.src_port) {
        (6 | 17, 0..512) => Range { first: 1, last: 511 },
        (6 | 17, 512..1024) => Range { first: 600, last: 1023 },
        (6 | 17, _) => Range { first: 1024, last: u16::MAX },
        _ if key.is_query() => Range { first: 0, last: u16::MAX },
        _ => return None,
    };
    let ports = u32::from(range.last) - u32::from(range.first) + 1;
    let flow = Mix::new(seed).address(key.src).address(key.dst).word(u64::from(eni_ix.0));
    let flow = flow.word(u64::from(key.src_port) << 32 | u64::from(key.dst_port) << 8 | u64::from(key.protocol));
    let start = u32::try_from(flow.finish() % u64::from(ports)).unwrap_or(0);
    (0..ports).find_map(|step| {
        let port = range.first + u16::try_from((start + step) % ports).unwrap_or(0);
        let candidate = Outside(arriving(&key, own, port));
        is_nobodys(conntrack, of, candidate, now).then_some(candidate)
    })
}

/// Whether what would arrive for a mapping belongs to no other, and is not what somebody opened a flow with that the
/// instance itself has answered.
fn is_nobodys(conntrack: &mut Conntrack, of: Translator, candidate: Outside, now: Timestamp) -> bool {
    let Outside(arriving) = candidate;
    let opened = conntrack.find(&Key::NatInside(of, Inside(arriving)), now);
    is_free(conntrack, of, candidate, now) && !opened.is_some_and(|(entry, _)| conntrack.is_replied(entry))
}

fn settings(fabric: &Fabric) -> Settings {
    let knobs = &fabric.behavior.nat_instance;
    let timeouts = Timeouts {
        syn_sent: knobs.tcp_syn_sent,
        syn_recv: knobs.tcp_syn_recv,
        established: knobs.tcp_established,
        fin_wait: knobs.tcp_fin_wait,
        close_wait: knobs.tcp_close_wait,
        last_ack: knobs.tcp_last_ack,
        time_wait: knobs.tcp_time_wait,
        close: knobs.tcp_close,
        max_retrans: knobs.tcp_max_retrans,
        unacknowledged: knobs.tcp_unacknowledged,
        udp: knobs.udp,
        udp_stream: knobs.udp_stream,
        query: knobs.icmp,
        generic: knobs.generic,
        ..Timeouts::default()
    };
    Settings { timeouts, window_check: knobs.tcp_window_check, loose: knobs.tcp_loose }
}

fn invalid(walk: &mut Walk<'_, '_, '_>, eni_ix: EniIx) -> Denial {
    walk.deny(DropReason::CtInvalid, Component::Interface(eni_ix), KIND, None, None)
}
