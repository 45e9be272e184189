//! What a NAT gateway says itself (0.1): a RST for a dead connection, and that a packet was too old, too large, or one too
//! many. Errors are never answered with errors (RFC 1122 3.2.2).
//!
//! Rules: 0.1, 1.22, 1.24, 1.25, 4.16, 4.25-4.27. Knobs: `exhaustion`, `fragmentation_needed`, `rst_on_unknown`,
//! `rst_to_outside`, `time_exceeded`.

use vpcemu_model::behavior::{Exhaustion, RstOnUnknown};
use vpcemu_packet::{TcpFlags, build};

use super::{own_address, refuse};
use crate::fabric::{Nat, address};
use crate::index::NatIx;
use crate::outcome::Denial;
use crate::output::GeneratedKind;
use crate::reason::DropReason;
use crate::stage::{icmp, mtu};
use crate::walk::{Origination, Originator, Walk};

/// ICMP destination unreachable: host, and administratively prohibited (RFC 792, RFC 1812 5.2.7.1).
const HOST_UNREACHABLE: (u8, u8) = (3, 1);
const PROHIBITED: (u8, u8) = (3, 13);

/// A segment from the inside without a mapping: a RST in the remote's name, unless a knob says otherwise (4.25, 4.26).
pub(super) fn reset(walk: &mut Walk<'_, '_, '_>, nat: NatIx, idle_expired: bool) -> Denial {
    let answers = match walk.fabric.behavior.nat_gateway.rst_on_unknown {
        RstOnUnknown::Always => true,
        RstOnUnknown::TombstoneOnly => idle_expired,
        RstOnUnknown::Never => false,
    };
    if answers {
        say_reset(walk, nat);
    }
    refuse(walk, nat, if idle_expired { DropReason::NatIdleExpired } else { DropReason::NatNoSession })
}

/// A packet from the outside without a mapping: silence, unless a knob says otherwise (4.27).
pub(super) fn unsolicited(walk: &mut Walk<'_, '_, '_>, nat: NatIx) -> Denial {
    if walk.fabric.behavior.nat_gateway.rst_to_outside {
        say_reset(walk, nat);
    }
    refuse(walk, nat, DropReason::NatNoSession)
}

fn say_reset(walk: &mut Walk<'_, '_, '_>, nat: NatIx) {
    // A RST is never answered with a RST (RFC 9293 3.10.7.1); what is not TCP has none.
    if walk.tcp_flags().is_some_and(|flags| !flags.contains(TcpFlags::RST)) {
        let bytes = build::tcp_reset(walk.packet.headers());
        originate(walk, nat, GeneratedKind::TcpReset, bytes);
    }
}

/// The gateway shows up in the traceroute of a client (1.25).
pub(super) fn time_exceeded(walk: &mut Walk<'_, '_, '_>, nat_ix: NatIx, nat: &Nat) {
    if walk.fabric.behavior.nat_gateway.time_exceeded {
        let message = icmp::time_exceeded(walk.packet.headers().version);
        tell(walk, nat_ix, nat, GeneratedKind::IcmpTimeExceeded, message, 0);
    }
}

/// The client's packet is larger than the gateway carries (1.22).
pub(super) fn too_big(walk: &mut Walk<'_, '_, '_>, nat_ix: NatIx, nat: &Nat, limit: u32) {
    if walk.fabric.behavior.nat_gateway.fragmentation_needed {
        let (kind, message) = mtu::message(walk.packet.headers().version);
        tell(walk, nat_ix, nat, kind, message, limit);
    }
}

/// Every port is taken (4.16).
pub(super) fn exhausted(walk: &mut Walk<'_, '_, '_>, nat_ix: NatIx, nat: &Nat) -> Denial {
    walk.nat(nat_ix).error_port_allocation += 1;
    let message = match walk.fabric.behavior.nat_gateway.exhaustion {
        Exhaustion::Drop => None,
        Exhaustion::Icmp1 => Some(HOST_UNREACHABLE),
        Exhaustion::Icmp13 => Some(PROHIBITED),
    };
    if let Some(message) = message
        && walk.source().is_ipv4()
    {
        tell(walk, nat_ix, nat, GeneratedKind::IcmpUnreachable, message, 0);
    }
    refuse(walk, nat_ix, DropReason::NatPortExhausted)
}

/// An ICMP error to the client, in the gateway's name. To an IPv6 client it is known by the NAT64 form of its address.
fn tell(walk: &mut Walk<'_, '_, '_>, nat_ix: NatIx, nat: &Nat, kind: GeneratedKind, (icmp, code): (u8, u8), rest: u32) {
    if !mtu::may_be_answered(walk) {
        return;
    }
    let Some(own) = own_address(nat) else { return };
    let client = walk.source();
    let own = if client.is_ipv6() { address::nat64(own) } else { own };
    let bytes = build::icmp_error(own, client, icmp, code, rest, walk.quoted());
    originate(walk, nat_ix, kind, bytes);
}

pub(super) fn originate(walk: &mut Walk<'_, '_, '_>, nat: NatIx, kind: GeneratedKind, bytes: Vec<u8>) {
    walk.generated = Some(Origination { kind, bytes, from: Originator::NatGateway(nat) });
}
