//! The MTU at the edge of the VPC (1.22): 1500 bytes at the internet and egress-only gateways.

use vpcemu_packet::{IpVersion, Transport, build};

use crate::outcome::{Component, Denial, StepKind};
use crate::output::GeneratedKind;
use crate::reason::DropReason;
use crate::walk::{Origination, Originator, Walk};

/// What the internet gateway carries (1.22; AWS, "Network maximum transmission unit").
const INTERNET_MTU: u32 = 1500;

/// ICMP destination unreachable, fragmentation needed (RFC 792); ICMPv6 packet too big (RFC 4443 3.2).
const FRAGMENTATION_NEEDED: (u8, u8) = (3, 4);
const PACKET_TOO_BIG: (u8, u8) = (2, 0);

/// A packet that leaves for the internet, before the gateway translates it: too large and not to be fragmented, it dies and
/// the subnet's router says so; otherwise it leaves in pieces.
pub(crate) fn check(walk: &mut Walk<'_, '_, '_>, at: Component) -> Result<(), Denial> {
    let headers = *walk.packet.headers();
    if headers.total_len <= INTERNET_MTU || is_coalesced(walk) {
        return Ok(());
    }
    let whole = walk.packet.bytes().len() >= headers.total_len as usize;
    if !headers.dont_fragment {
        // Cut by the capture it cannot be taken apart; then it leaves as it is.
        if whole {
            walk.pieces = headers.total_len.div_ceil(INTERNET_MTU);
        }
        return Ok(());
    }
    too_big(walk, headers.version);
    Err(walk.deny(DropReason::Mtu, at, StepKind::Check, None, None))
}

/// Nothing larger can legitimately come in (3.12).
pub(crate) fn check_inbound(walk: &mut Walk<'_, '_, '_>, at: Component) -> Result<(), Denial> {
    if walk.packet.headers().total_len <= INTERNET_MTU || is_coalesced(walk) {
        return Ok(());
    }
    Err(walk.deny(DropReason::Mtu, at, StepKind::Check, None, None))
}

/// Takes a packet that has left for the internet apart, if it was found too large.
pub(crate) fn take_apart(walk: &mut Walk<'_, '_, '_>) {
    if walk.pieces > 0 {
        let pieces = build::fragment(walk.packet.bytes(), INTERNET_MTU as usize);
        walk.pieces = u32::try_from(pieces.len()).unwrap_or(u32::MAX);
        walk.out.pieces = pieces;
    }
}

/// A TCP segment larger than any MTU on the path was put together by the capturing host's own offloads.
fn is_coalesced(walk: &Walk<'_, '_, '_>) -> bool {
    walk.options.coalesced_tcp && matches!(walk.transport, Transport::Tcp { .. })
}

/// The `.1` of the sender's subnet tells the sender, if it is an interface (0.1).
fn too_big(walk: &mut Walk<'_, '_, '_>, version: IpVersion) {
    let Some(eni_ix) = walk.emitter else { return };
    let source = walk.source();
    let fabric = walk.fabric;
    let Some(eni) = fabric.eni(eni_ix).filter(|eni| eni.owns(source)) else { return };
    let Some(router) = fabric.subnet(eni.subnet).and_then(|subnet| subnet.router(source)) else { return };
    let (kind, (icmp, code)) = match version {
        IpVersion::V4 => (GeneratedKind::IcmpFragmentationNeeded, FRAGMENTATION_NEEDED),
        IpVersion::V6 => (GeneratedKind::Icmpv6PacketTooBig, PACKET_TOO_BIG),
    };
    let bytes = build::icmp_error(router, source, icmp, code, INTERNET_MTU, walk.packet.bytes());
    walk.generated = Some(Origination { kind, bytes, from: Originator::Router(eni_ix) });
}
