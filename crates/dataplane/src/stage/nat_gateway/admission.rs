//! Which packets a NAT gateway serves: from whom, of which protocols, fragments, sizes, and how many hops old.
//!
//! Rules: 1.17, 1.22, 1.25, 4.4, 4.7-4.10, 4.20, 10.27. Knobs: `frag_tcp`, `frag_icmp`, `mtu`, `strict_az`.

use vpcemu_model::behavior::FragmentPolicy;
use vpcemu_packet::{Fragment, Transport};

use super::{answers, refuse};
use crate::fabric::{Nat, NatSite};
use crate::index::{NatIx, SubnetIx};
use crate::outcome::Denial;
use crate::reason::DropReason;
use crate::stage::mtu;
use crate::walk::Walk;

/// ICMP echo request and reply; the only query that is mapped (4.17). Likewise in ICMPv6.
pub(super) const ECHO_REQUEST: [u8; 2] = [8, 128];
const ECHO: [u8; 4] = [0, 8, 128, 129];

/// Errors that are carried: unreachable, time exceeded, parameter problem (RFC 5382 REQ-9, RFC 5508), and those of ICMPv6
/// (RFC 4443 2.1). A redirect would lead the inside around the gateway.
const ERRORS: [u8; 3] = [3, 11, 12];
const ERRORS_V6: [u8; 4] = [1, 2, 3, 4];

/// Judges what a client sends.
pub(super) fn from_inside(
    walk: &mut Walk<'_, '_, '_>,
    nat_ix: NatIx,
    nat: &Nat,
    from: Option<SubnetIx>,
) -> Result<(), Denial> {
    if !nat.available {
        return Err(refuse(walk, nat_ix, DropReason::BadState));
    }
    // What a transit gateway brings may come from anywhere (10.27).
    if walk.crossed_transit != Some(nat.vpc) {
        if walk.emitter.and_then(|eni| walk.vpc_of(eni)) != Some(nat.vpc) {
            return Err(refuse(walk, nat_ix, DropReason::NatForeignSource));
        }
        check_source(walk, nat_ix, nat)?;
    }
    check_zone(walk, nat_ix, nat, from)?;
    check_protocol(walk, nat_ix)?;
    if walk.packet.headers().ttl <= 1 {
        answers::time_exceeded(walk, nat_ix, nat);
        return Err(refuse(walk, nat_ix, DropReason::Ttl));
    }
    check_size(walk, nat_ix, Some(nat))
}

/// Judges what comes for the gateway's own address. Its TTL counts only if there is a mapping: see [`check_ttl`].
pub(super) fn from_outside(walk: &mut Walk<'_, '_, '_>, nat_ix: NatIx, nat: &Nat) -> Result<(), Denial> {
    if !nat.available {
        return Err(refuse(walk, nat_ix, DropReason::BadState));
    }
    check_protocol(walk, nat_ix)?;
    check_size(walk, nat_ix, None)
}

/// Towards the outside the gateway dies in silence (12, 5508-9).
pub(super) fn check_ttl(walk: &mut Walk<'_, '_, '_>, nat: NatIx) -> Result<(), Denial> {
    if walk.packet.headers().ttl <= 1 { Err(refuse(walk, nat, DropReason::Ttl)) } else { Ok(()) }
}

/// A source that the VPC does not have, or that none of its interfaces has, is not served (4.7, 1.17).
fn check_source(walk: &mut Walk<'_, '_, '_>, nat_ix: NatIx, nat: &Nat) -> Result<(), Denial> {
    let (fabric, source) = (walk.fabric, walk.source());
    if fabric.owner(nat.vpc, source).is_some() {
        return Ok(());
    }
    let inside = fabric.vpc(nat.vpc).is_some_and(|vpc| vpc.cidrs.iter().any(|net| net.contains(&source)));
    Err(refuse(walk, nat_ix, if inside { DropReason::Spoofed } else { DropReason::NatForeignSource }))
}

/// A regional gateway works in the client's zone; elsewhere it helps out, unless a knob forbids it (4.4).
fn check_zone(walk: &mut Walk<'_, '_, '_>, nat_ix: NatIx, nat: &Nat, from: Option<SubnetIx>) -> Result<(), Denial> {
    if !walk.fabric.behavior.nat_gateway.strict_az || !matches!(nat.site, NatSite::Regional { .. }) {
        return Ok(());
    }
    let zone = from.and_then(|subnet| walk.fabric.subnet(subnet)).map(|subnet| subnet.zone);
    let serves = nat.zones.iter().any(|of| of.is_none() || *of == zone);
    if serves { Ok(()) } else { Err(refuse(walk, nat_ix, DropReason::RegionalZone)) }
}

/// TCP, UDP and ICMP only (4.10); of fragments only those of UDP (4.20).
fn check_protocol(walk: &mut Walk<'_, '_, '_>, nat: NatIx) -> Result<(), Denial> {
    let carried = match walk.transport {
        Transport::Tcp { .. } | Transport::Udp { .. } => true,
        Transport::IcmpError { kind, .. } if walk.source().is_ipv4() => ERRORS.contains(&kind),
        Transport::IcmpError { kind, .. } => ERRORS_V6.contains(&kind),
        Transport::Query { kind, .. } => ECHO.contains(&kind),
        Transport::Icmp { .. } | Transport::Other | Transport::Missing => false,
    };
    if !carried {
        return Err(refuse(walk, nat, DropReason::Protocol));
    }
    // What a gateway on the way has taken apart comes in pieces too.
    let in_pieces = walk.packet.headers().fragment != Fragment::None || walk.piece_limit.is_some();
    if in_pieces && !forwards_pieces(walk) {
        return Err(refuse(walk, nat, DropReason::NatFragment));
    }
    Ok(())
}

/// Whether fragments of this protocol are carried (4.20).
fn forwards_pieces(walk: &Walk<'_, '_, '_>) -> bool {
    let knobs = &walk.fabric.behavior.nat_gateway;
    let policy = match walk.transport {
        Transport::Udp { .. } => FragmentPolicy::Forward,
        Transport::Tcp { .. } => knobs.frag_tcp,
        _ => knobs.frag_icmp,
    };
    policy == FragmentPolicy::Forward
}

/// The gateway carries 8500 bytes (1.22). Only clients are told; pieces are made only of what may come in pieces.
fn check_size(walk: &mut Walk<'_, '_, '_>, nat_ix: NatIx, tell: Option<&Nat>) -> Result<(), Denial> {
    let limit = walk.fabric.behavior.nat_gateway.mtu;
    if !mtu::exceeds(walk, limit) {
        return Ok(());
    }
    if !walk.packet.headers().dont_fragment {
        if !forwards_pieces(walk) {
            return Err(refuse(walk, nat_ix, DropReason::NatFragment));
        }
        mtu::leave_in_pieces(walk, limit);
        return Ok(());
    }
    if let Some(nat) = tell {
        answers::too_big(walk, nat_ix, nat, limit);
    }
    Err(refuse(walk, nat_ix, DropReason::Mtu))
}
