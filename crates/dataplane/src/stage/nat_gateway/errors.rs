//! ICMP errors about what a NAT gateway translated, in both directions (4.18; RFC 5508 REQ-4, REQ-5). They refresh nothing
//! (4.30), and whoever reports them is believed unless a knob says otherwise.
//!
//! Rules: 4.18, 4.30. Knobs: `icmp_src_check`.

use vpcemu_packet::{FlowKey, Quote};

use super::mapping::live;
use super::{nat64, refuse, translator};
use crate::conntrack::{EntryIx, Inside, Key, Outside, Owner};
use crate::index::NatIx;
use crate::outcome::{CtState, Denial};
use crate::reason::DropReason;
use crate::walk::Walk;

/// An error from the inside about a packet that the gateway let in.
pub(super) fn outbound(walk: &mut Walk<'_, '_, '_>, nat: NatIx, quoted: Option<FlowKey>) -> Result<(), Denial> {
    let arriving = about_arrived(walk, nat, quoted)?;
    let Outside(arriving) = arriving;
    walk.packet.set_src(arriving.dst);
    walk.set_quoted_destination(arriving.dst, Some(arriving.dst_port));
    Ok(())
}

/// The mapping by which the packet had come in that an error from the inside quotes.
pub(super) fn about_arrived(
    walk: &mut Walk<'_, '_, '_>,
    nat: NatIx,
    quoted: Option<FlowKey>,
) -> Result<Outside, Denial> {
    let inside = quoted.map(|quoted| Inside(quoted.reversed()));
    let found = inside.and_then(|inside| live(walk, nat, Key::NatInside(translator(nat), inside)));
    let owner = found.map(|(entry, _)| (entry, walk.conntrack.entry(entry).owner));
    let Some((entry, Owner::Nat { outside, .. })) = owner else {
        return Err(refuse(walk, nat, DropReason::NatNoSession));
    };
    related(walk, entry);
    Ok(outside)
}

/// An error from the outside about a packet that the gateway sent.
pub(super) fn inbound(walk: &mut Walk<'_, '_, '_>, nat: NatIx, quoted: Option<FlowKey>) -> Result<(), Denial> {
    let outside = quoted.map(|quoted| Outside(quoted.reversed()));
    let found = outside.and_then(|outside| live(walk, nat, Key::NatOutside(translator(nat), outside)));
    let Some((entry, _)) = found else { return Err(refuse(walk, nat, DropReason::NatNoSession)) };
    let remote = quoted.map(|quoted| quoted.dst);
    if walk.fabric.behavior.nat_gateway.icmp_src_check && remote != Some(walk.source()) {
        return Err(refuse(walk, nat, DropReason::NatNoSession));
    }
    related(walk, entry);
    let inside = walk.conntrack.original(entry);
    if inside.src.is_ipv6() {
        return nat64::error_inbound(walk, nat, &inside);
    }
    walk.packet.set_dst(inside.src);
    walk.set_quoted_source(inside.src, Some(inside.src_port));
    Ok(())
}

/// The flow that an error is about, if it quotes the eight bytes of the transport header that every error has to
/// (RFC 792, RFC 1812 4.3.2.3), or all there was of the datagram.
pub(crate) fn flow_of(quote: Option<Quote>) -> Option<FlowKey> {
    let quotes_enough = |quote: &Quote| {
        let whole = u32::from(quote.end.saturating_sub(quote.at)) >= quote.total_len;
        whole || quote.end.saturating_sub(quote.l4) >= LEAST_QUOTE
    };
    quote.filter(quotes_enough).and_then(|quote| quote.key())
}

/// Bytes of the transport header in a quote.
const LEAST_QUOTE: u16 = 8;

fn related(walk: &mut Walk<'_, '_, '_>, entry: EntryIx) {
    walk.belongs_to(entry);
    walk.state = Some(CtState::Related);
}
