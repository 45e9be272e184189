//! NAT64: IPv6 for 64:ff9b::/96 becomes IPv4 from the gateway's address, and back (4.32-4.34; RFC 6052, RFC 7915).
//!
//! Mappings are those of IPv4, with an inside tuple that is IPv6. Each leg is judged by its own family on the way.
//!
//! Rules: 4.32-4.34. Knobs: `fragmentation_needed`, `mtu`.

use std::net::IpAddr;

use vpcemu_packet::translate::{ToV4, ToV6, Untranslatable};
use vpcemu_packet::{FlowKey, IpVersion, Transport, build};

use super::{answers, errors, mapping, own_address, refuse};
use crate::conntrack::{Outside, Owner};
use crate::fabric::{Nat, address};
use crate::index::NatIx;
use crate::outcome::Denial;
use crate::reason::DropReason;
use crate::shard::hash::Mix;
use crate::stage::mtu;
use crate::walk::Walk;

/// What headers of IPv6 are longer than those of IPv4.
const LONGER: u32 = 20;

/// What a client sends.
pub(super) fn outbound(walk: &mut Walk<'_, '_, '_>, nat_ix: NatIx, nat: &Nat) -> Result<(), Denial> {
    // Any other IPv6 destination has no IPv4 form (4.32).
    let Some(remote) = address::nat64_embedded(walk.destination()) else {
        return Err(refuse(walk, nat_ix, DropReason::Protocol));
    };
    // What IPv4 does not carry does not become it (1.14, 1.19).
    let embedded = IpAddr::V4(remote);
    let nowhere = address::is_nowhere(embedded) || address::is_multicast(embedded) || address::stays_local(embedded);
    if nowhere {
        return Err(refuse(walk, nat_ix, DropReason::Martian));
    }
    let is_error = matches!(walk.transport, Transport::IcmpError { .. });
    let Outside(arriving) = match walk.transport {
        Transport::IcmpError { quote, .. } => errors::about_arrived(walk, nat_ix, errors::flow_of(quote))?,
        _ => {
            let inside = mapping::inside_of(walk);
            let entry = mapping::from_inside(walk, nat_ix, nat, inside)?;
            match walk.conntrack.entry(entry).owner {
                Owner::Nat { outside, .. } => outside,
                _ => return Err(refuse(walk, nat_ix, DropReason::NatNoSession)),
            }
        }
    };
    let (IpAddr::V4(own), IpAddr::V4(peer)) = (arriving.dst, arriving.src) else {
        return Err(refuse(walk, nat_ix, DropReason::Untranslatable));
    };
    let id = identification(walk);
    // The client quotes what it had received: from the remote, to itself.
    let translated = walk.packet.translate_to_v4(&ToV4::new(own, remote, id).quoting(peer, own));
    settle(walk, nat_ix, translated)?;
    if is_error {
        walk.packet.set_quote_dst_port(arriving.dst_port);
        walk.refresh_quote();
    } else {
        walk.packet.set_src_port(arriving.dst_port);
        walk.set_source_port(arriving.dst_port);
    }
    Ok(())
}

/// An identification, which a datagram that may be fragmented needs (RFC 7915 5.1): made of the datagram itself, so that it
/// does not depend on what else there is in a capture.
fn identification(walk: &Walk<'_, '_, '_>) -> u16 {
    let headers = walk.packet.headers();
    let segment = walk.packet.bytes().get(usize::from(headers.l4)..).unwrap_or_default();
    let start =
        Mix::new(walk.options.seed).address(headers.src).address(headers.dst).word(u64::from(headers.total_len));
    // The ports, what TCP counts, and the checksum over everything else.
    let words = segment.as_chunks::<8>().0.iter().take(3);
    (words.fold(start, |mix, word| mix.word(u64::from_be_bytes(*word))).finish() >> 48) as u16
}

/// A reply to the client whose inside tuple is `inside`.
pub(super) fn inbound(walk: &mut Walk<'_, '_, '_>, nat_ix: NatIx, inside: &FlowKey) -> Result<(), Denial> {
    let (IpAddr::V6(client), IpAddr::V6(remote)) = (inside.src, inside.dst) else {
        return Err(refuse(walk, nat_ix, DropReason::Untranslatable));
    };
    let translated = walk.packet.translate_to_v6(&ToV6::new(remote, client));
    settle(walk, nat_ix, translated)?;
    walk.packet.set_dst_port(inside.src_port);
    walk.set_destination_port(inside.src_port);
    Ok(())
}

/// An error about what the client of `inside` had sent, from anywhere.
pub(super) fn error_inbound(walk: &mut Walk<'_, '_, '_>, nat_ix: NatIx, inside: &FlowKey) -> Result<(), Denial> {
    let (IpAddr::V6(client), IpAddr::V6(remote)) = (inside.src, inside.dst) else {
        return Err(refuse(walk, nat_ix, DropReason::Untranslatable));
    };
    let IpAddr::V6(reporter) = address::nat64(walk.source()) else {
        return Err(refuse(walk, nat_ix, DropReason::Untranslatable));
    };
    let translated = walk.packet.translate_to_v6(&ToV6::new(reporter, client).quoting(client, remote));
    settle(walk, nat_ix, translated)?;
    walk.packet.set_quote_src_port(inside.src_port);
    walk.refresh_quote();
    Ok(())
}

/// The reply grows: what then exceeds the MTU leaves in pieces, or its sender hears how much fits (4.33).
pub(super) fn check_growth(walk: &mut Walk<'_, '_, '_>, nat_ix: NatIx) -> Result<(), Denial> {
    let limit = walk.fabric.behavior.nat_gateway.mtu;
    if !mtu::exceeds(walk, limit.saturating_sub(LONGER)) {
        return Ok(());
    }
    if !walk.packet.headers().dont_fragment {
        mtu::leave_in_pieces(walk, limit);
        return Ok(());
    }
    if let Some(own) = walk.fabric.nat(nat_ix).and_then(own_address)
        && walk.fabric.behavior.nat_gateway.fragmentation_needed
        && !matches!(walk.transport, Transport::IcmpError { .. })
    {
        let (kind, (icmp, code)) = mtu::message(IpVersion::V4);
        let fits = limit.saturating_sub(LONGER);
        let bytes = build::icmp_error(own, walk.source(), icmp, code, fits, walk.quoted());
        answers::originate(walk, nat_ix, kind, bytes);
    }
    Err(refuse(walk, nat_ix, DropReason::Mtu))
}

/// After the translation the walk goes on with the transport of the other family.
fn settle(walk: &mut Walk<'_, '_, '_>, nat_ix: NatIx, translated: Result<(), Untranslatable>) -> Result<(), Denial> {
    if translated.is_err() {
        return Err(refuse(walk, nat_ix, DropReason::Untranslatable));
    }
    walk.transport = match (walk.packet.headers().transport, walk.transport) {
        // A later fragment has the ports of the first.
        (Transport::Missing, of_first) => of_first,
        (own, _) => own,
    };
    Ok(())
}
