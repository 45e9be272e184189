//! NAT gateways: what comes from clients is translated to the gateway's address, what comes back is translated back (4.x).
//!
//! A zonal gateway translates to its private address, and the internet gateway does the rest; a regional one translates to
//! its public address straight away (4.3, 4.4). Rules that have their own module: which packets are served at all
//! ([`admission`]: 4.7-4.10, 4.20, 1.22, 1.25), mappings and filtering ([`mapping`]: 4.11-4.17, 4.24-4.31 and section 12),
//! ports ([`ports`]: 4.11-4.16), ICMP errors ([`errors`]: 4.18), what the gateway itself says ([`answers`]: 4.16, 4.25-4.27),
//! NAT64 ([`nat64`]: 4.32-4.34).
//!
//! Rules: 1.23, 1.27, 4.1-4.6, 4.19. Knobs: `ipid`, `mss_clamp`, `no_nat_prefixes`, all under `[behavior.nat_gateway]`.

mod admission;
mod alike;
mod answers;
mod errors;
mod mapping;
mod nat64;
mod ports;

use std::net::IpAddr;

use vpcemu_model::behavior::{IpId, Refresh};
use vpcemu_packet::{Fragment, Transport};

use crate::conntrack::{Outside, Translator, Way};
use crate::fabric::{Nat, NatSite};
use crate::index::{NatIx, SubnetIx};
use crate::outcome::{Component, CtState, Denial, Direction, StepKind};
use crate::reason::DropReason;
use crate::recipe::Leg;
use crate::shard::hash::Mix;
use crate::stage::{mtu, nacl};
use crate::walk::{Hop, Walk};

pub(crate) use alike::Alike;
pub(crate) use errors::flow_of;
pub(crate) use mapping::{adopt, sharing};
pub(crate) use ports::{Range, is_free};

const KIND: StepKind = StepKind::Nat;

/// A packet from a client, by the route table of the client's subnet.
pub(crate) fn from_inside(walk: &mut Walk<'_, '_, '_>, nat_ix: NatIx, from: Option<SubnetIx>) -> Result<Hop, Denial> {
    let at = Component::NatGateway(nat_ix);
    let fabric = walk.fabric;
    let Some(nat) = fabric.nat(nat_ix) else {
        return Err(walk.deny(DropReason::BadState, at, KIND, None, None));
    };
    if from.is_some() && from == nat.subnet() {
        return Err(refuse(walk, nat_ix, DropReason::NatOwnSubnet));
    }
    if let Some(subnet) = nat.subnet() {
        nacl::judge(walk, subnet, Direction::Ingress)?;
    }
    note(walk, nat_ix, Leg::Outward);
    let length = walk.packet.headers().total_len;
    walk.nat(nat_ix).in_from_source.count(length);
    admission::from_inside(walk, nat_ix, nat, from)?;
    let knobs = &fabric.behavior.nat_gateway;
    if knobs.no_nat_prefixes.iter().any(|net| net.contains(&walk.destination())) {
        // Passed on as it is (RFC 6888 REQ-6).
    } else if walk.source().is_ipv6() {
        // By the longer headers of the two.
        clamp_mss(walk);
        nat64::outbound(walk, nat_ix, nat)?;
    } else if let Transport::IcmpError { quote, .. } = walk.transport {
        errors::outbound(walk, nat_ix, flow_of(quote))?;
    } else {
        let inside = mapping::inside_of(walk);
        let entry = mapping::from_inside(walk, nat_ix, nat, inside)?;
        let Some(Outside(arriving)) = walk.conntrack.outside(entry) else {
            return Err(refuse(walk, nat_ix, DropReason::NatNoSession));
        };
        hide_identification(walk, nat_ix);
        walk.packet.set_src(arriving.dst);
        walk.packet.set_src_port(arriving.dst_port);
        walk.set_source_port(arriving.dst_port);
    }
    clamp_mss(walk);
    walk.packet.decrement_ttl(1);
    let length = walk.packet.headers().total_len;
    walk.nat(nat_ix).out_to_destination.count(length);
    walk.pass(at, KIND, Some(Direction::Egress), None);
    walk.tap(at);
    forwarded(walk, nat);
    Ok(onward(nat))
}

/// A packet that was captured behind the gateway, already translated: it only goes on.
pub(crate) fn behind(walk: &mut Walk<'_, '_, '_>, nat_ix: NatIx) -> Result<Hop, Denial> {
    let Some(nat) = walk.fabric.nat(nat_ix) else {
        return Err(walk.deny(DropReason::BadState, Component::NatGateway(nat_ix), KIND, None, None));
    };
    walk.emitter = nat.eni();
    Ok(onward(nat))
}

/// A packet for the gateway's own address.
pub(crate) fn from_outside(walk: &mut Walk<'_, '_, '_>, nat_ix: NatIx) -> Result<Hop, Denial> {
    let at = Component::NatGateway(nat_ix);
    let fabric = walk.fabric;
    let Some(nat) = fabric.nat(nat_ix) else {
        return Err(walk.deny(DropReason::BadState, at, KIND, None, None));
    };
    note(walk, nat_ix, Leg::Inward);
    let length = walk.packet.headers().total_len;
    walk.nat(nat_ix).in_from_destination.count(length);
    admission::from_outside(walk, nat_ix, nat)?;
    if let Transport::IcmpError { quote, .. } = walk.transport {
        admission::check_ttl(walk, nat_ix)?;
        errors::inbound(walk, nat_ix, flow_of(quote))?;
    } else {
        let outside = Outside(walk.key());
        let entry = mapping::from_outside(walk, nat_ix, outside)?;
        admission::check_ttl(walk, nat_ix)?;
        let inside = walk.conntrack.original(entry);
        if inside.src.is_ipv6() {
            walk.recipe.spoil();
            nat64::check_growth(walk, nat_ix)?;
        }
        mapping::observe(walk, nat_ix, entry, Way::Reply);
        walk.state = Some(CtState::Established);
        if inside.src.is_ipv6() {
            nat64::inbound(walk, nat_ix, &inside)?;
        } else {
            walk.packet.set_dst(inside.src);
            walk.packet.set_dst_port(inside.src_port);
            walk.set_destination_port(inside.src_port);
        }
    }
    clamp_mss(walk);
    walk.packet.decrement_ttl(1);
    let length = walk.packet.headers().total_len;
    walk.nat(nat_ix).out_to_source.count(length);
    walk.pass(at, KIND, Some(Direction::Ingress), None);
    walk.tap(at);
    forwarded(walk, nat);
    Ok(onward(nat))
}

/// What the flow cache has to know of a packet at the gateway. Its own kinds of mapping it cannot hold: those that share, those
/// that only one side renews, those between the IP versions. Nor identifications that change with the packet.
fn note(walk: &mut Walk<'_, '_, '_>, nat: NatIx, leg: Leg) {
    let knobs = &walk.fabric.behavior.nat_gateway;
    let packets_differ = knobs.ipid == IpId::Rewrite || knobs.refresh == Refresh::Out || sharing(knobs).is_some();
    if packets_differ || walk.source().is_ipv6() {
        walk.recipe.spoil();
    }
    walk.recipe.legs.push((nat, leg));
}

/// Where the gateway sends what it has translated: into its subnet, or by its own table (2.14, 4.4).
pub(crate) fn onward(nat: &Nat) -> Hop {
    match nat.site {
        NatSite::Zonal { subnet, .. } => Hop::LeaveSubnet(subnet),
        NatSite::Regional { table } => Hop::Lookup { table, vpc: nat.vpc },
    }
}

/// The address that the gateway's own packets have.
pub(crate) fn own_address(nat: &Nat) -> Option<IpAddr> {
    nat.addresses.first().copied().map(IpAddr::V4)
}

/// The largest segment that both ends learn of is one that the gateway carries; it is only ever lowered (1.23).
fn clamp_mss(walk: &mut Walk<'_, '_, '_>) {
    let knobs = &walk.fabric.behavior.nat_gateway;
    if knobs.mss_clamp {
        mtu::clamp_mss(walk, knobs.mtu);
    }
}

/// Two hosts behind one address would use the same identifications (RFC 7857 10). A datagram that cannot be fragmented keeps
/// its own (RFC 6864 4.1).
fn hide_identification(walk: &mut Walk<'_, '_, '_>, nat: NatIx) {
    let headers = *walk.packet.headers();
    let atomic = headers.dont_fragment && headers.fragment == Fragment::None;
    if walk.fabric.behavior.nat_gateway.ipid == IpId::Rewrite && !atomic {
        let mask = Mix::new(walk.options.seed).word(u64::from(nat.0)).address(headers.src).finish();
        walk.packet.set_ip_id(headers.ip_id ^ (mask >> 48) as u16);
    }
}

/// From here on the packet is the gateway's: its identity is lost, and interfaces track the flow always (6.10, 6.20).
fn forwarded(walk: &mut Walk<'_, '_, '_>, nat: &Nat) {
    walk.emitter = nat.eni().or(walk.emitter);
    walk.direct = false;
    walk.force_tracking = true;
}

fn translator(nat: NatIx) -> Translator {
    Translator::Gateway(nat)
}

fn refuse(walk: &mut Walk<'_, '_, '_>, nat: NatIx, reason: DropReason) -> Denial {
    walk.nat(nat).packets_drop += 1;
    walk.deny(reason, Component::NatGateway(nat), KIND, None, None)
}
