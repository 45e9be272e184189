//! Ports for mappings that are made as one before them was: by the same client towards the same remote endpoint, where AWS's own
//! rules leave nothing to choose but the port.
//!
//! What a choice depends on besides the flow's source port is worked out once.
//!
//! Rules: 4.11-4.16. Knobs: `max_per_destination`.

use std::net::IpAddr;

use vpcemu_model::behavior::PortAllocation;

use super::ports::{Range, Request, hashed, of_flow};
use super::{mapping, translator};
use crate::conntrack::{Conntrack, Inside, Pool, Template};
use crate::fabric::Fabric;
use crate::index::EniIx;
use crate::shard::hash::Mix;
use crate::time::Timestamp;

/// What such mappings have in common.
#[derive(Clone, Debug)]
pub(crate) struct Alike {
    /// The seed with the client's address mixed in.
    source: Mix,
    inside: Inside,
    address: IpAddr,
    pool: Pool,
    /// The number of the pool, as long as there is one.
    number: u32,
    limit: u32,
}

impl Alike {
    /// That of the mapping of a template. None if it is none of a gateway's with one address for the client, or if knobs make a
    /// choice depend on other mappings.
    pub(crate) fn of(template: &Template, fabric: &Fabric, client: Option<EniIx>, seed: u64) -> Option<Self> {
        let nat_ix = template.gateway()?;
        let nat = fabric.nat(nat_ix)?;
        let request = Request::new(&fabric.behavior.nat_gateway, seed, Timestamp::default());
        let hashes = request.method == PortAllocation::Random && request.sharing.is_none();
        if !hashes || request.preserve_class || request.parity {
            return None;
        }
        if mapping::addresses(fabric, nat, client).as_slice() != [template.local()] {
            return None;
        }
        let (inside, (pool, number)) = (template.inside(), template.pool()?);
        debug_assert_eq!(pool.nat, translator(nat_ix));
        let source = Mix::new(seed).address(inside.0.src);
        Some(Self { source, inside, address: pool.address, pool, number, limit: request.limit })
    }

    /// The port that the flow from a port gets, unless it is taken.
    pub(crate) fn likely_port(&self, source_port: u16) -> u16 {
        Range::GATEWAY.port(self.start(source_port))
    }

    fn start(&self, source_port: u16) -> u32 {
        let Inside(key) = &self.inside;
        let flow = of_flow(self.source, (source_port, key.dst_port), key.dst, (key.protocol, 0));
        hashed(flow, self.address, Range::GATEWAY)
    }

    /// The port for a flow from another port, which has no mapping and had none. None if there is no free one.
    pub(crate) fn free_port(
        &self,
        conntrack: &mut Conntrack,
        template: &Template,
        source_port: u16,
        now: Timestamp,
    ) -> Option<u16> {
        let range = Range::GATEWAY;
        if conntrack.taken(&self.pool, Some(self.number)) >= self.limit {
            conntrack.settle_pool(&self.pool, now);
            if conntrack.taken(&self.pool, Some(self.number)) >= self.limit {
                return None;
            }
        }
        let start = self.start(source_port);
        let mut ports = (0..range.len()).map(|step| range.port(start + step));
        ports.find(|port| conntrack.is_port_free(template, *port, now))
    }
}
