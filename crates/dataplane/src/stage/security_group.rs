//! Security groups: stateful, per interface (6.x).
//!
//! Rules: 6.1-6.31. Knobs: `[behavior.security_group]`; timers that AWS documents are attributes of an interface.

use std::net::IpAddr;

use smallvec::SmallVec;
use vpcemu_packet::{FlowKey, TcpFlags, Transport};

use crate::conntrack::{EntryIx, Key, NewEntry, Owner, Room, Timers, Tracker, Way};
use crate::fabric::{Eni, EniTimers, Fabric, GroupRules, GroupVerdict, NextHop, PeerMatch, Subject};
use crate::index::{EniIx, HostIx};
use crate::outcome::{Component, CtState, Denial, Direction, Rule, StepKind};
use crate::reason::DropReason;
use crate::walk::{Pending, Walk};

/// Judges a packet at an interface. What is to be remembered is left pending until the packet has passed the boundary of
/// the subnet (6.22).
pub(crate) fn judge(walk: &mut Walk<'_, '_, '_>, eni_ix: EniIx, direction: Direction) -> Result<(), Denial> {
    let fabric = walk.fabric;
    let Some(eni) = fabric.eni(eni_ix) else { return Ok(()) };
    if !eni.filtered {
        return Ok(());
    }
    let at = Component::Interface(eni_ix);
    if let Transport::IcmpError { quote: Some(quote), .. } = walk.transport
        && fabric.behavior.security_group.icmp_related
        && quote.key().is_some_and(|quoted| is_related(walk, eni_ix, &quoted, direction))
    {
        walk.state = Some(CtState::Related);
        walk.pass(at, StepKind::SecurityGroup, Some(direction), None);
        return Ok(());
    }
    let key = walk.key();
    if let Some((entry, way)) = lookup(walk, eni_ix, direction, key) {
        let entry_replied = walk.conntrack.is_replied(entry);
        let answered = entry_replied || way == Way::Reply;
        walk.state = Some(if answered { CtState::Established } else { CtState::New });
        walk.pending = Some(Pending::Observe(entry, way));
        walk.pass(at, StepKind::SecurityGroup, Some(direction), None);
        return Ok(());
    }
    judge_by_rules(walk, eni_ix, eni, direction, key)
}

/// The entry that the packet belongs to.
fn lookup(walk: &mut Walk<'_, '_, '_>, eni: EniIx, direction: Direction, key: FlowKey) -> Option<(EntryIx, Way)> {
    let (entry, way) = recall(walk, eni, direction, key)?;
    // A SYN on a connection that is over, from whichever side, is a new connection (6.25): the rules have to admit it.
    let opens = walk.tcp_flags().is_some_and(is_opening);
    if opens && walk.conntrack.tracker(entry).is_over() {
        walk.conntrack.kill(entry, walk.stamp.now);
        return None;
    }
    Some((entry, way))
}

/// The entry of `key`.
fn recall(walk: &mut Walk<'_, '_, '_>, eni: EniIx, direction: Direction, key: FlowKey) -> Option<(EntryIx, Way)> {
    let now = walk.stamp.now;
    let (entry, way) = walk.conntrack.find(&Key::Interface(eni, direction, key), now)?;
    outlives_changes(walk, entry).then_some((entry, way))
}

/// Whether an entry is still there after the changes of configuration since it was last looked at. A tracked connection
/// outlives the rule that admitted it, unless a change made it one that is not tracked at all (6.18), or took the interface
/// away.
fn outlives_changes(walk: &mut Walk<'_, '_, '_>, entry: EntryIx) -> bool {
    let generation = walk.stamp.generation;
    if walk.conntrack.generation(entry) >= generation {
        return true;
    }
    let known = walk.conntrack.entry(entry);
    let Owner::Interface { eni, opened } = known.owner else { return true };
    let since = walk.timeline.fabrics().iter().skip(known.generation as usize + 1);
    let mut since = since.take((generation - known.generation) as usize);
    let forgets = |fabric: &Fabric| match fabric.eni(eni) {
        Some(eni) => !known.forced && is_untracked(eni, &known.original, opened),
        // Whoever has that name later is another interface.
        None => true,
    };
    let outlives = !since.any(|fabric| forgets(fabric));
    if outlives {
        walk.conntrack.set_generation(entry, generation);
    } else {
        walk.conntrack.kill(entry, walk.stamp.now);
    }
    outlives
}

/// Ends what changes of configuration have taken out of the table of an instance, though no packet has asked for it since
/// (6.18, 6.19).
pub(crate) fn clear_room(walk: &mut Walk<'_, '_, '_>, host: HostIx) {
    for entry in walk.conntrack.entries_before(host, walk.stamp.generation) {
        outlives_changes(walk, entry);
    }
}

fn judge_by_rules(
    walk: &mut Walk<'_, '_, '_>,
    eni_ix: EniIx,
    eni: &Eni,
    direction: Direction,
    key: FlowKey,
) -> Result<(), Denial> {
    let at = Component::Interface(eni_ix);
    let fabric = walk.fabric;
    let peer = match direction {
        Direction::Ingress => key.src,
        Direction::Egress => key.dst,
    };
    let identity = match direction {
        Direction::Ingress => sender_identity(walk, peer),
        Direction::Egress => far_identity(fabric, eni, peer, Direction::Egress),
    };
    let (rules, reverse) = sides(eni, direction);
    let flags = walk.tcp_flags();
    let opening = flags.is_some_and(is_opening);
    let mid_stream = flags.is_some() && !opening;
    let generation = walk.stamp.generation;
    let counted = walk.timeline.limits_connections();
    let make = |original, opened, tracker, replied| NewEntry {
        owner: Owner::Interface { eni: eni_ix, opened },
        original,
        tracker,
        timers: timers(fabric, eni),
        replied,
        generation,
        sharing: None,
        forced: false,
        room: eni.host.filter(|_| counted).map(|host| Room { host, entries: 1 }),
    };
    // What opens nothing may be the answer to a flow that passed untracked, and is then no more tracked than that.
    let answers = !opening && is_untracked(eni, &key.reversed(), direction.reversed());
    walk.recipe.source_port_matters |= !opening && rules.is_open(key.protocol, peer) && !reverse.is_empty();
    match rules.judge(walk.subject(), peer, &identity) {
        GroupVerdict::Allowed { rule, open } => {
            let untracked = answers || open && reverse.is_open(key.protocol, peer);
            // What is not tracked has no state that a segment could lack (6.23).
            if mid_stream && !untracked && !fabric.behavior.security_group.tcp_loose {
                let rule = Some(Rule::SecurityGroup(rule));
                return Err(walk.deny(DropReason::SecurityGroup, at, StepKind::SecurityGroup, Some(direction), rule));
            }
            walk.adopted |= mid_stream && walk.adoptable;
            if is_trackable(walk.transport) {
                let established = mid_stream;
                let new = make(key, direction, Tracker::opening(&key, flags), established);
                let tracked = if established { CtState::Established } else { CtState::New };
                walk.state = Some(if untracked { CtState::Untracked } else { tracked });
                walk.pending = Some(if untracked { Pending::MakeIfForced(new) } else { Pending::Make(new) });
            } else {
                walk.state = None;
            }
            walk.pass(at, StepKind::SecurityGroup, Some(direction), Some(Rule::SecurityGroup(rule)));
            Ok(())
        }
        GroupVerdict::Denied { empty, reference_lost } => {
            if walk.adoptable && mid_stream && admits_as_reply(walk, eni, direction, &key) {
                walk.adopted = true;
                walk.state = Some(CtState::Established);
                walk.pending = Some(Pending::Make(make(
                    key.reversed(),
                    direction.reversed(),
                    Tracker::adopted(flags, true),
                    true,
                )));
                walk.pass(at, StepKind::SecurityGroup, Some(direction), None);
                return Ok(());
            }
            let reason = match (empty, reference_lost) {
                (true, _) => DropReason::SecurityGroupEmpty,
                (_, true) => DropReason::SecurityGroupReferenceLost,
                _ => DropReason::SecurityGroup,
            };
            Err(walk.deny(reason, at, StepKind::SecurityGroup, Some(direction), Some(Rule::ImplicitDeny)))
        }
    }
}

/// Whether the rules of the other direction admit the flow that this packet would be a reply of: a flow that began before
/// the capture.
fn admits_as_reply(walk: &Walk<'_, '_, '_>, eni: &Eni, direction: Direction, key: &FlowKey) -> bool {
    let opener = key.reversed();
    let (_, other) = sides(eni, direction);
    let (peer, identity) = match direction {
        Direction::Ingress => (opener.dst, far_identity(walk.fabric, eni, opener.dst, Direction::Egress)),
        Direction::Egress => (opener.src, far_identity(walk.fabric, eni, opener.src, Direction::Ingress)),
    };
    matches!(other.judge(Subject::of_key(&opener), peer, &identity), GroupVerdict::Allowed { .. })
}

/// Whether an ICMP error that travels in `direction` is about a flow that the interface knows, or would let pass untracked
/// (6.26).
fn is_related(walk: &mut Walk<'_, '_, '_>, eni_ix: EniIx, quoted: &FlowKey, direction: Direction) -> bool {
    if let Some((entry, _)) = recall(walk, eni_ix, direction.reversed(), *quoted) {
        walk.belongs_to(entry);
        return true;
    }
    let Some(eni) = walk.fabric.eni(eni_ix) else { return false };
    // The quoted packet went the other way than the error does. It opened a flow, or answered one.
    let opened = is_untracked(eni, quoted, direction.reversed());
    opened || is_untracked(eni, &quoted.reversed(), direction)
}

/// Whether a flow that opens with `key` in `direction` passes untracked (6.15).
fn is_untracked(eni: &Eni, key: &FlowKey, direction: Direction) -> bool {
    let peer = match direction {
        Direction::Ingress => key.src,
        Direction::Egress => key.dst,
    };
    let (rules, reverse) = sides(eni, direction);
    let verdict = rules.judge(Subject::of_key(key), peer, &PeerMatch::default());
    matches!(verdict, GroupVerdict::Allowed { open: true, .. }) && reverse.is_open(key.protocol, peer)
}

/// The rules of a direction, and those of the other one.
fn sides(eni: &Eni, direction: Direction) -> (&GroupRules, &GroupRules) {
    match direction {
        Direction::Ingress => (&eni.ingress, &eni.egress),
        Direction::Egress => (&eni.egress, &eni.ingress),
    }
}

/// Group references match the direct sender by its private addresses (6.10).
fn sender_identity(walk: &Walk<'_, '_, '_>, source: IpAddr) -> PeerMatch {
    // A transit gateway may keep it, though its own interface is the last on the way (6.11).
    let sender = walk.sender.and_then(|sender| walk.fabric.eni(sender));
    if let (true, Some(sender)) = (walk.direct, sender)
        && sender.owns(source)
    {
        return PeerMatch { groups: sender.groups.clone(), preserved: true };
    }
    // Whose packet it is, had it come straight: for telling a lost reference from a missing rule.
    let mut owners = walk.fabric.owners(source);
    if let IpAddr::V4(v4) = source {
        owners.extend(walk.fabric.public(v4).and_then(|owner| owner.eni()));
    }
    owners.extend(walk.sender);
    let groups: SmallVec<[_; 2]> =
        owners.iter().filter_map(|eni| walk.fabric.eni(*eni)).flat_map(|eni| eni.groups.iter().copied()).collect();
    PeerMatch { groups, preserved: false }
}

/// A reference in the rules of a direction means the private addresses of the group's interfaces in the VPC, or in one that is
/// peered with it in the region, inbound also beyond a transit gateway; packets have to go there straight (6.11, 6.12).
fn far_identity(fabric: &Fabric, eni: &Eni, far: IpAddr, direction: Direction) -> PeerMatch {
    let neighbor = fabric.subnet(eni.subnet).is_some_and(|subnet| subnet.contains(far));
    let direct = match fabric.route_of(eni.subnet, far).map(|hit| hit.next) {
        _ if neighbor => fabric.owner(eni.vpc, far),
        Some(NextHop::Local) => fabric.owner(eni.vpc, far),
        Some(NextHop::Edge(edge)) => fabric.far_owner(edge, eni.subnet, far).and_then(|of| {
            let referenced = match direction {
                Direction::Ingress => of.referenced_inbound,
                Direction::Egress => of.referenced_outbound,
            };
            referenced.then_some(of.eni)
        }),
        _ => None,
    };
    // Whose address it is, were the way straight: for telling a lost reference from a missing rule.
    let found = direct.or_else(|| fabric.owner(eni.vpc, far)).and_then(|eni| fabric.eni(eni));
    let groups = found.map(|found| found.groups.clone()).unwrap_or_default();
    PeerMatch { groups, preserved: direct.is_some() }
}

/// ICMP errors and the like pass or not, but open nothing.
fn is_trackable(transport: Transport) -> bool {
    !matches!(transport, Transport::IcmpError { .. } | Transport::Icmp { .. })
}

/// A SYN that is no answer to one.
pub(crate) fn is_opening(flags: TcpFlags) -> bool {
    flags.contains(TcpFlags::SYN) && !flags.contains(TcpFlags::ACK)
}

/// The timers of an interface: documented ones are its attributes, the others are knobs (6.16).
fn timers(fabric: &Fabric, eni: &Eni) -> Timers {
    let knobs = &fabric.behavior.security_group;
    Timers {
        tcp_opening: knobs.tcp_opening,
        tcp_open: eni.timers.tcp_established,
        tcp_closing: knobs.tcp_closing,
        tcp_reset: knobs.tcp_reset,
        udp: eni.timers.udp,
        udp_stream: eni.timers.udp_stream,
        icmp: knobs.icmp,
        other: EniTimers::OTHER,
    }
}
