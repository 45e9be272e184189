//! The MTU of what packets cross (1.22): 1500 bytes at the internet and egress-only gateways, 8500 at NAT gateways, transit
//! gateways and endpoints, less into a VPN. Whoever has a limit asks here, and says itself who hears of what is larger.
//!
//! Rules: 1.22, 1.23, 1.24, 3.12. Knobs: `mtu` of `[behavior.nat_gateway]`, `[behavior.nat_instance]`,
//! `[behavior.egress_only_internet_gateway]`, `[behavior.transit_gateway]`, `[behavior.vpn_gateway]` and `[behavior.vpc_endpoint]`.

use std::net::IpAddr;

use vpcemu_packet::{IpVersion, Transport, build};

use crate::fabric::Holder;
use crate::outcome::{Component, Denial, StepKind};
use crate::output::GeneratedKind;
use crate::reason::DropReason;
use crate::walk::{Origination, Originator, Walk};

/// What the internet gateway carries (1.22; AWS, "Network maximum transmission unit").
pub(crate) const INTERNET_MTU: u32 = 1500;

/// ICMP destination unreachable, fragmentation needed (RFC 792); ICMPv6 packet too big (RFC 4443 3.2).
const FRAGMENTATION_NEEDED: (u8, u8) = (3, 4);
const PACKET_TOO_BIG: (u8, u8) = (2, 0);

/// A packet that leaves for the internet, before the gateway translates it: too large and not to be fragmented, it dies and
/// the subnet's router says so, if `tells`; otherwise it leaves in pieces.
pub(crate) fn check(walk: &mut Walk<'_, '_, '_>, at: Component, limit: u32, tells: bool) -> Result<(), Denial> {
    if !exceeds(walk, limit) {
        return Ok(());
    }
    if !walk.packet.headers().dont_fragment {
        leave_in_pieces(walk, limit);
        return Ok(());
    }
    if tells {
        too_big(walk, limit);
    }
    Err(walk.deny(DropReason::Mtu, at, StepKind::Check, None, None))
}

/// Nothing larger can legitimately come in (3.12).
pub(crate) fn check_inbound(walk: &mut Walk<'_, '_, '_>, at: Component, limit: u32) -> Result<(), Denial> {
    if exceeds(walk, limit) { Err(walk.deny(DropReason::Mtu, at, StepKind::Check, None, None)) } else { Ok(()) }
}

/// Whether the packet is larger than `limit` bytes of IP datagram; it may be in pieces already.
pub(crate) fn exceeds(walk: &mut Walk<'_, '_, '_>, limit: u32) -> bool {
    if is_coalesced(walk) {
        return false;
    }
    walk.recipe.fits(limit);
    let length = walk.packet.headers().total_len;
    length.min(walk.piece_limit.unwrap_or(length)) > limit
}

/// The packet goes on as a whole, and leaves in pieces of at most `limit` bytes. Cut by the capture it cannot be taken
/// apart; then it leaves as it is.
pub(crate) fn leave_in_pieces(walk: &mut Walk<'_, '_, '_>, limit: u32) {
    if walk.packet.bytes().len() >= walk.packet.headers().total_len as usize {
        walk.recipe.spoil();
        walk.piece_limit = Some(walk.piece_limit.map_or(limit, |smaller| smaller.min(limit)));
    }
}

/// Takes a packet that was delivered apart, if it was found too large, and says how many pieces there are.
pub(crate) fn take_apart(walk: &mut Walk<'_, '_, '_>) -> u32 {
    let Some(limit) = walk.piece_limit else { return 0 };
    walk.out.pieces = match walk.packet.headers().version {
        IpVersion::V4 => build::fragment(walk.packet.bytes(), limit as usize),
        // Only what NAT64 made of IPv4 may be fragmented here; its number is that of the packet.
        IpVersion::V6 => build::fragment_v6(walk.packet.bytes(), limit as usize, walk.stamp.n as u32),
    };
    u32::try_from(walk.out.pieces.len()).unwrap_or(u32::MAX)
}

/// Lowers the maximum segment size that a TCP segment announces to what fits into `limit` bytes (1.23).
pub(crate) fn clamp_mss(walk: &mut Walk<'_, '_, '_>, limit: u32) {
    if matches!(walk.transport, Transport::Tcp { .. }) {
        // IP and TCP headers without options: 20 and 20 bytes, or 40 and 20.
        let headers = if walk.source().is_ipv4() { 40 } else { 60 };
        let most = u16::try_from(limit.saturating_sub(headers)).unwrap_or(u16::MAX);
        walk.recipe.max_mss = walk.recipe.max_mss.min(most);
        walk.packet.clamp_mss(most);
    }
}

/// A TCP segment larger than any MTU on the path was put together by the capturing host's own offloads.
fn is_coalesced(walk: &Walk<'_, '_, '_>) -> bool {
    walk.options.coalesced_tcp && matches!(walk.transport, Transport::Tcp { .. })
}

/// The ICMP message that says that a packet is too large.
pub(crate) fn message(version: IpVersion) -> (GeneratedKind, (u8, u8)) {
    match version {
        IpVersion::V4 => (GeneratedKind::IcmpFragmentationNeeded, FRAGMENTATION_NEEDED),
        IpVersion::V6 => (GeneratedKind::Icmpv6PacketTooBig, PACKET_TOO_BIG),
    }
}

/// Whether an ICMP error may be about the packet: not about an error, nor about a later fragment (RFC 1122 3.2.2).
pub(crate) fn may_be_answered(walk: &Walk<'_, '_, '_>) -> bool {
    let own = walk.packet.headers().transport;
    !matches!(walk.transport, Transport::IcmpError { .. }) && !matches!(own, Transport::Missing)
}

/// The `.1` of the sender's subnet tells the sender (0.1): the interface itself, or whoever it forwards for. A regional NAT
/// gateway is in no subnet; its client hears of it in the gateway's name.
fn too_big(walk: &mut Walk<'_, '_, '_>, limit: u32) {
    if !may_be_answered(walk) {
        return;
    }
    let (fabric, source) = (walk.fabric, walk.source());
    let emitter = walk.emitter.and_then(|eni| fabric.eni(eni).map(|of| (eni, of)));
    let holder = match source {
        IpAddr::V4(v4) => fabric.public(v4).map(|owner| owner.holder),
        IpAddr::V6(_) => None,
    };
    let (from, router) = match (holder, emitter) {
        (Some(Holder::Regional(nat)), _) => (Originator::BehindNat(nat), Some(source)),
        (_, Some((eni_ix, eni))) => {
            let router = fabric.subnet(eni.subnet).and_then(|subnet| subnet.router(source));
            let owns = eni.owns(source);
            (if owns { Originator::Router(eni_ix) } else { Originator::RouterOf(eni.subnet) }, router)
        }
        _ => return,
    };
    let Some(router) = router else { return };
    let (kind, (icmp, code)) = message(walk.packet.headers().version);
    let bytes = build::icmp_error(router, source, icmp, code, limit, walk.quoted());
    walk.generated = Some(Origination { kind, bytes, from });
}
