//! Which address and port a translator gives a mapping (4.11-4.16; section 12): a hash of the flow, then the first free port
//! from there.
//!
//! A flow's port depends on the flow itself and on live collisions only, so that one more packet in a capture renumbers
//! nothing else.
//!
//! Rules: 4.11-4.16. Knobs: `max_per_destination`, `max_ports_per_host`, `parity`, `pooling`, `port_alloc`, `preserve_class`.

use std::net::{IpAddr, Ipv4Addr};

use smallvec::SmallVec;
use vpcemu_model::behavior::{NatGatewayBehavior, Pooling, PortAllocation};
use vpcemu_packet::FlowKey;

use super::sharing;
use crate::conntrack::bindings::Sharing;
use crate::conntrack::{Conntrack, Inside, Key, Outside, Pool, Translator};
use crate::fabric::{Nat, Zone};
use crate::flow::arriving;
use crate::shard::hash::Mix;
use crate::time::Timestamp;

/// A range of ports, both ends included.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Range {
    pub(crate) first: u16,
    pub(crate) last: u16,
}

impl Range {
    /// What a NAT gateway uses: 64,512 ports (4.11).
    pub(crate) const GATEWAY: Self = Self { first: 1024, last: u16::MAX };

    /// Well-known ports, for those who keep the class of a port (RFC 4787 REQ-3a). 0 is no port.
    const WELL_KNOWN: Self = Self { first: 1, last: 1023 };

    pub(super) fn len(self) -> u32 {
        u32::from(self.last) - u32::from(self.first) + 1
    }

    /// The port so many behind the first, once around.
    pub(super) fn port(self, step: u32) -> u16 {
        self.first + u16::try_from(step % self.len()).unwrap_or(0)
    }
}

/// What an allocation depends on besides the flow.
#[derive(Clone, Debug)]
pub(crate) struct Request {
    pub(crate) seed: u64,
    pub(crate) now: Timestamp,
    /// How many mappings the flow had before.
    pub(crate) reuse: u32,
    /// Mappings per address and destination (4.12).
    pub(crate) limit: u32,
    /// Bindings per inside host (RFC 6888 REQ-4).
    pub(crate) per_host: Option<u32>,
    pub(crate) method: PortAllocation,
    pub(crate) paired: bool,
    /// Keep ports below 1024 below 1024 (RFC 4787 REQ-3a).
    pub(crate) preserve_class: bool,
    /// Keep even ports even (RFC 4787 REQ-4).
    pub(crate) parity: bool,
    pub(crate) sharing: Option<Sharing>,
}

impl Request {
    /// What the knobs of NAT gateways ask for.
    pub(crate) fn new(knobs: &NatGatewayBehavior, seed: u64, now: Timestamp) -> Self {
        Self {
            seed,
            now,
            reuse: 0,
            limit: knobs.max_per_destination,
            per_host: knobs.max_ports_per_host,
            method: knobs.port_alloc,
            paired: knobs.pooling == Pooling::Paired,
            preserve_class: knobs.preserve_class,
            parity: knobs.parity,
            sharing: sharing(knobs),
        }
    }
}

/// The addresses that serve a client: of a regional gateway those of its zone, or all of them if it has none there (4.4).
pub(crate) fn addresses(nat: &Nat, zone: Option<Zone>) -> SmallVec<[Ipv4Addr; 8]> {
    let serves = |of: &Option<Zone>| of.is_none() || *of == zone;
    let near: SmallVec<[Ipv4Addr; 8]> =
        nat.addresses.iter().zip(&nat.zones).filter(|(_, of)| serves(of)).map(|(own, _)| *own).collect();
    if near.is_empty() { nat.addresses.iter().copied().collect() } else { near }
}

/// Finds an outside tuple for `inside`, or none when every address is full towards that destination (4.12, 4.15, 4.16).
pub(crate) fn allocate(
    conntrack: &mut Conntrack,
    of: Translator,
    addresses: &[Ipv4Addr],
    inside: Inside,
    request: &Request,
) -> Option<Outside> {
    let Inside(key) = inside;
    if let Some(sharing) = request.sharing {
        if let Some(Outside(shared)) = conntrack.bindings.shared(of, inside, sharing, request.now) {
            let outside = Outside(arriving(&key, shared.dst, shared.dst_port));
            return is_free(conntrack, of, outside, request.now).then_some(outside);
        }
        let host_is_full = |limit| conntrack.bindings.of_host(of, key.src, request.now) >= limit as usize;
        if request.per_host.is_some_and(host_is_full) {
            return None;
        }
    }
    let source = Mix::new(request.seed).address(key.src);
    let flow = of_flow(source, (key.src_port, key.dst_port), key.dst, (key.protocol, request.reuse));
    let count = addresses.len();
    // Of several addresses the flow picks one, and falls to the next when that one is full (4.15); an inside host that is
    // paired with one has no other (RFC 4787 REQ-2).
    let choice = if request.paired { Mix::new(request.seed).address(key.src).finish() } else { flow };
    let first = usize::try_from(choice % u64::try_from(count.max(1)).unwrap_or(1)).unwrap_or(0);
    let tries = if request.paired { count.min(1) } else { count };
    (0..tries).find_map(|step| on_address(conntrack, of, addresses[(first + step) % count], &key, flow, request))
}

fn on_address(
    conntrack: &mut Conntrack,
    of: Translator,
    address: Ipv4Addr,
    key: &FlowKey,
    flow: u64,
    request: &Request,
) -> Option<Outside> {
    let address = IpAddr::V4(address);
    let outside = |port| Outside(arriving(key, address, port));
    let well_known = request.preserve_class && !key.is_query() && key.src_port < Range::GATEWAY.first;
    let range = if well_known { Range::WELL_KNOWN } else { Range::GATEWAY };
    let pool = Pool::of(of, &outside(range.first));
    // The pool counts ports of either class; that the class of this one is full the search finds.
    let limit = request.limit;
    let sequential = request.method == PortAllocation::Sequential;
    if sequential || conntrack.taken(&pool, None) >= limit {
        conntrack.settle_pool(&pool, request.now);
        if conntrack.taken(&pool, None) >= limit {
            return None;
        }
    }
    let hashed = hashed(flow, address, range);
    let start = match request.method {
        PortAllocation::Random => hashed,
        PortAllocation::Sequential => conntrack.taken(&pool, None),
        PortAllocation::Preserve if (range.first..=range.last).contains(&key.src_port) => {
            u32::from(key.src_port - range.first)
        }
        PortAllocation::Preserve => hashed,
    };
    // At most 55,000 of 64,512 ports are taken, so that a free one is some twenty probes away at worst on average.
    (0..range.len()).find_map(|step| {
        let port = range.port(start + step);
        if request.parity && port % 2 != key.src_port % 2 {
            return None;
        }
        let candidate = outside(port);
        let shared = request.sharing;
        let owned = |sharing| !conntrack.bindings.is_free(of, candidate, sharing, request.now);
        if shared.is_some_and(owned) {
            return None;
        }
        is_free(conntrack, of, candidate, request.now).then_some(candidate)
    })
}

/// What a flow comes to, by its source, which is the seed with its address mixed in, its ports, its destination, its protocol,
/// and how often it had a mapping before.
pub(super) fn of_flow(source: Mix, (src, dst): (u16, u16), to: IpAddr, (protocol, reuse): (u8, u32)) -> u64 {
    let ports = source.word(u64::from(src) << 16 | u64::from(dst));
    ports.address(to).word(u64::from(protocol) << 32 | u64::from(reuse)).finish()
}

/// Where among the ports of an address the search for a flow's begins.
pub(super) fn hashed(flow: u64, address: IpAddr, range: Range) -> u32 {
    u32::try_from(Mix::new(flow).address(address).finish() % u64::from(range.len())).unwrap_or(0)
}

pub(crate) fn is_free(conntrack: &mut Conntrack, of: Translator, outside: Outside, now: Timestamp) -> bool {
    conntrack.is_free(&Key::NatOutside(of, outside), now)
}
