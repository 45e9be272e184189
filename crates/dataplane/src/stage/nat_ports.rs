//! Which port a NAT gateway gives a mapping: a hash of the flow, then the first free port from there (4.14).
//!
//! A flow's port depends on the flow itself and on live collisions only, so that one more packet in a capture renumbers
//! nothing else.

use std::net::{IpAddr, Ipv4Addr};

use vpcemu_packet::FlowKey;

use crate::conntrack::{Conntrack, Inside, Key, Outside, Pool};
use crate::fabric::Nat;
use crate::index::NatIx;
use crate::shard::hash::Mix;
use crate::time::Timestamp;

/// First port that a NAT gateway uses (4.11).
const FIRST_PORT: u16 = 1024;

/// 1024 to 65535 (4.11).
const PORTS: u32 = 64_512;

/// Finds an outside tuple for `inside`, or none when every address is full towards that destination (4.12, 4.15, 4.16).
pub(crate) fn allocate(
    conntrack: &mut Conntrack,
    nat_ix: NatIx,
    nat: &Nat,
    inside: Inside,
    reuse: u32,
    request: Request,
) -> Option<Outside> {
    let Inside(key) = inside;
    let flow = Mix::new(request.seed).address(key.src).word(u64::from(key.src_port) << 16 | u64::from(key.dst_port));
    let flow = flow.address(key.dst).word(u64::from(key.protocol) << 32 | u64::from(reuse)).finish();
    let count = nat.addresses.len();
    // Of several addresses the flow picks one, and falls to the next when that one is full (4.15).
    let first = usize::try_from(flow % u64::try_from(count.max(1)).unwrap_or(1)).unwrap_or(0);
    (0..count).find_map(|step| {
        let address = nat.addresses[(first + step) % count];
        on_address(conntrack, nat_ix, address, &key, flow, request)
    })
}

/// What an allocation depends on besides the flow.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Request {
    pub(crate) seed: u64,
    pub(crate) now: Timestamp,
    /// Mappings per address and destination (4.12).
    pub(crate) limit: u32,
}

fn on_address(
    conntrack: &mut Conntrack,
    nat: NatIx,
    address: Ipv4Addr,
    key: &FlowKey,
    flow: u64,
    request: Request,
) -> Option<Outside> {
    let address = IpAddr::V4(address);
    let outside = |port| Outside(arriving(key, address, port));
    let pool = Pool::of(nat, &outside(FIRST_PORT));
    let limit = request.limit.min(PORTS);
    if taken(conntrack, pool) >= limit {
        conntrack.settle_pool(pool, request.now);
        if taken(conntrack, pool) >= limit {
            return None;
        }
    }
    let start = u32::try_from(Mix::new(flow).address(address).finish() % u64::from(PORTS)).unwrap_or(0);
    // At most 55,000 of 64,512 ports are taken, so that a free one is some twenty probes away at worst on average.
    (0..PORTS).find_map(|step| {
        let port = FIRST_PORT + u16::try_from((start + step) % PORTS).unwrap_or(0);
        let candidate = outside(port);
        conntrack.find(&Key::NatOutside(nat, candidate), request.now).is_none().then_some(candidate)
    })
}

fn taken(conntrack: &Conntrack, pool: Pool) -> u32 {
    conntrack.pools.get(&pool).map_or(0, |used| used.taken)
}

/// What a reply to the translated packet looks like when it arrives at the gateway.
fn arriving(key: &FlowKey, address: IpAddr, port: u16) -> FlowKey {
    let mut translated = FlowKey { src: address, src_port: port, ..*key };
    if matches!(key.protocol, 1 | 58) {
        translated.dst_port = port; // the id of a query is one field, whichever way it travels
    }
    translated.reversed()
}
