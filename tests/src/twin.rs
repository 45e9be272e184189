//! The flow cache under test wherever a laboratory is used: every packet goes through an engine with a cache as well, which has
//! to say and do the same as the walk.

use std::sync::Arc;

use vpcemu_dataplane::conntrack::{ConnectionCounters, Delta};
use vpcemu_dataplane::counters::NatCounters;
use vpcemu_dataplane::engine::{CacheCounters, Port};
use vpcemu_dataplane::flow_log::Logged;
use vpcemu_dataplane::index::NatIx;
use vpcemu_dataplane::{Arrival, Engine, Options, Output, Timeline, Timestamp, Verdict};
use vpcemu_packet::{Headers, Packet};

/// An engine with a flow cache, and the shards that it has to agree with elsewhere.
#[derive(Debug)]
pub struct Twin {
    engine: Engine,
}

/// What became of a packet, as far as both can tell.
#[derive(Debug, PartialEq)]
pub struct Fate {
    /// The verdict.
    pub verdict: Verdict,
    /// The packet as it ended.
    pub bytes: Vec<u8>,
    /// The pieces that it left in.
    pub pieces: Vec<Vec<u8>>,
    /// What a gateway made because of it, and what became of that.
    pub generated: Option<(Vec<u8>, Verdict)>,
}

impl Twin {
    /// An engine that has seen nothing.
    pub fn new(timeline: &Arc<Timeline>, options: Options) -> Self {
        let options = Options { record_steps: false, record_taps: false, ..options };
        Self { engine: Engine::new(timeline, options) }
    }

    /// A packet enters.
    pub fn enter(&mut self, shard: u8, arrival: Arrival, headers: Headers, mut bytes: Vec<u8>) -> Fate {
        let stamp = arrival.stamp;
        let staged = Port::of(arrival.ingress).and_then(|port| self.engine.stage(port, &bytes)).map(|mut staged| {
            self.engine.find(&mut staged);
            self.engine.fetch(&mut staged);
            staged
        });
        let known = staged.and_then(|staged| {
            let hit = self.engine.forward(&staged, stamp, &mut bytes);
            hit.or_else(|| self.engine.open(&staged, stamp, &mut bytes))
        });
        if let Some(hit) = known {
            let verdict = self.engine.verdict(&hit, &bytes).expect("what the cache forwards is as plain as it was");
            assert_eq!(u32::from(hit.length), headers.total_len);
            assert_eq!(self.engine.path(hit.path).ingress, arrival.ingress);
            return Fate { verdict, bytes, pieces: Vec::new(), generated: None };
        }
        let mut out = Output::default();
        let mut packet = Packet::from_parts(&mut bytes, headers, headers.total_len);
        let verdict = self.engine.walk(shard, staged.as_ref(), 0, arrival, &mut packet, &mut out);
        let generated = out.generated.map(|made| (made.bytes, made.verdict));
        Fate { verdict, bytes: packet.bytes().to_vec(), pieces: out.pieces, generated }
    }

    /// The end of a window.
    pub fn tick(&mut self, now: Timestamp) -> Vec<Delta> {
        self.engine.tick(now)
    }

    /// What passed interfaces in windows that are over.
    pub fn take_logged(&mut self, now: Timestamp) -> Vec<Logged> {
        self.engine.take_logged(now)
    }

    /// What passed them that has not been handed out.
    pub fn take_all_logged(&mut self) -> Vec<Logged> {
        self.engine.take_all_logged()
    }

    /// The end of the run.
    pub fn finish(&mut self, now: Timestamp) -> (Vec<Delta>, ConnectionCounters) {
        (self.engine.finish(now), self.engine.connections())
    }

    /// Totals of a NAT gateway.
    pub fn nat_counters(&self, nat: NatIx) -> NatCounters {
        self.engine.nat_counters(nat)
    }

    /// How packets were handled.
    pub fn counters(&self) -> CacheCounters {
        self.engine.counters()
    }
}
