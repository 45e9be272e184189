//! Shards under test, driven as the replay drives them.

use std::collections::HashMap;
use std::sync::Arc;

use vpcemu_dataplane::counters::NatCounters;
use vpcemu_dataplane::index::NatIx;
use vpcemu_dataplane::outcome::{Outcome, Step};
use vpcemu_dataplane::shard::{Admission, key_of};
use vpcemu_dataplane::{
    Arrival, DropReason, Ingress, Options, Output, SHARDS, Shard, ShardMap, Stamp, Timestamp, Verdict,
};
use vpcemu_model::native;
use vpcemu_packet::{Headers, Offloads, Packet, Transport};
use vpcemu_tests::{Lab, headers};

/// What became of a packet, with every form that it had on the way.
#[derive(Debug, PartialEq)]
pub(crate) struct Walked {
    pub(crate) n: u64,
    pub(crate) length: u32,
    pub(crate) verdict: Verdict,
    pub(crate) bytes: Vec<u8>,
    pub(crate) pieces: Vec<Vec<u8>>,
    pub(crate) generated: Option<(Vec<u8>, Verdict)>,
    pub(crate) steps: Vec<Step>,
}

/// How a rig chooses shards.
pub(crate) type Choice = fn(&ShardMap, &Headers) -> u8;

/// Shards as the replay drives them: fragments are admitted and held, time is exact to the nanosecond.
pub(crate) struct Rig {
    pub(crate) lab: Lab,
    pub(crate) shards: Vec<Shard>,
    pub(crate) now: u64,
    choice: Choice,
    n: u64,
    held: HashMap<u64, (Ingress, Vec<u8>)>,
}

impl Rig {
    pub(crate) fn new(text: &str, options: Options, choice: Choice) -> Self {
        let network = native::parse("random.toml", text).unwrap_or_else(|error| panic!("{error}\n{text}")).network;
        let lab = Lab::of(&[network], options);
        let options = Options { record_steps: true, ..options };
        let shards = (0..SHARDS).map(|_| Shard::new(Arc::clone(lab.timeline()), options)).collect();
        Self { lab, shards, now: 1_000_000_000_000_000_000, choice, n: 0, held: HashMap::new() }
    }

    /// By the shard map.
    pub(crate) fn of(text: &str) -> Self {
        Self::new(text, Options::default(), |map, headers| map.shard(headers))
    }

    /// The fates that a packet decides: its own, and those of what waited for it. None while it is held itself.
    pub(crate) fn enter(&mut self, ingress: Ingress, mut bytes: Vec<u8>) -> Vec<Walked> {
        self.n += 1;
        let mut fates = self.expire(None);
        let parsed =
            Headers::parse(&bytes, bytes.len() as u32, Offloads::Strict).unwrap_or_else(|error| panic!("{error}"));
        let shard = usize::from((self.choice)(self.lab.map(), &parsed));
        match self.shards[shard].reassembly.admit(&parsed, self.n, Timestamp(self.now), 0) {
            Admission::Ready(transport) => {
                fates.push(self.walk(shard, self.n, ingress, &mut bytes, transport));
                for (ticket, transport) in self.shards[shard].reassembly.take_ready() {
                    let (ingress, mut bytes) = self.held.remove(&ticket).unwrap();
                    fates.push(self.walk(shard, ticket, ingress, &mut bytes, transport));
                }
            }
            Admission::Hold => {
                self.held.insert(self.n, (ingress, bytes));
            }
            Admission::Refused(reason) => fates.push(unwalked(self.n, bytes, reason)),
            Admission::Full => fates.push(unwalked(self.n, bytes, DropReason::TableFull)),
        }
        fates
    }

    /// One packet that is never held.
    pub(crate) fn one(&mut self, ingress: Ingress, bytes: Vec<u8>) -> Walked {
        let mut fates = self.enter(ingress, bytes);
        assert_eq!(fates.len(), 1);
        fates.remove(0)
    }

    pub(crate) fn leave(&mut self, eni: &str, bytes: Vec<u8>) -> Walked {
        self.one(Ingress::Interface(self.lab.eni(eni)), bytes)
    }

    /// Ends the wait of fragments: of those whose time is over, or at the end of a window of all.
    pub(crate) fn expire(&mut self, window: Option<u64>) -> Vec<Walked> {
        let now = Timestamp(self.now);
        let tickets: Vec<_> =
            self.shards.iter_mut().flat_map(|shard| shard.reassembly.take_expired(now, window)).collect();
        let held = &mut self.held;
        let mut over: Vec<_> =
            tickets.into_iter().map(|(n, reason)| unwalked(n, held.remove(&n).unwrap().1, reason)).collect();
        over.sort_by_key(|walked| walked.n);
        over
    }

    pub(crate) fn waiting(&self) -> usize {
        self.held.len()
    }

    pub(crate) fn tick(&mut self) {
        for shard in &mut self.shards {
            shard.tick(Timestamp(self.now));
        }
    }

    /// Totals, once everything that has expired is counted: connections, and all gateways.
    pub(crate) fn totals(&mut self) -> (u64, u64, Vec<NatCounters>) {
        let (mut created, mut expired) = (0, 0);
        for shard in &mut self.shards {
            shard.finish(Timestamp(self.now));
            created += shard.connections().created;
            expired += shard.connections().expired;
        }
        let nats: Vec<_> = self.nats();
        (created, expired, nats.into_iter().map(|nat| self.nat(nat)).collect())
    }

    pub(crate) fn nats(&self) -> Vec<NatIx> {
        self.lab.timeline().registry().nats.iter().map(|(nat, _)| nat).collect()
    }

    pub(crate) fn nat(&self, nat: NatIx) -> NatCounters {
        let mut sum = NatCounters::default();
        self.shards.iter().for_each(|shard| sum += shard.nat_counters(nat));
        sum
    }

    fn walk(&mut self, shard: usize, n: u64, ingress: Ingress, bytes: &mut [u8], transport: Transport) -> Walked {
        let length = bytes.len() as u32;
        let stamp = Stamp { n, now: Timestamp(self.now), generation: 0 };
        let mut out = Output::default();
        let mut packet = Packet::parse(bytes, length, Offloads::Strict).unwrap_or_else(|error| panic!("{error}"));
        let captured = key_of(&packet, transport);
        let verdict =
            self.shards[shard].process(Arrival { stamp, ingress, captured, transport }, &mut packet, &mut out);
        let generated = out.generated.map(|made| (made.bytes, made.verdict));
        // What NAT64 replaced is handed out as a piece of its own, whole.
        let pieces = if verdict.pieces == 0 { Vec::new() } else { out.pieces };
        Walked { n, length, verdict, bytes: packet.bytes().to_vec(), pieces, generated, steps: out.steps }
    }
}

fn unwalked(n: u64, bytes: Vec<u8>, reason: DropReason) -> Walked {
    let outcome = Outcome::Dropped(vpcemu_dataplane::Denial { reason, at: None, direction: None, rule: None });
    let verdict = Verdict::stateless(outcome, headers(&bytes).key());
    Walked { n, length: bytes.len() as u32, verdict, bytes, pieces: Vec::new(), generated: None, steps: Vec::new() }
}

impl Walked {
    pub(crate) fn reason(&self) -> Option<DropReason> {
        match self.verdict.outcome {
            Outcome::Dropped(denial) => Some(denial.reason),
            _ => None,
        }
    }

    pub(crate) fn delivered(&self) -> bool {
        matches!(self.verdict.outcome, Outcome::Delivered { .. })
    }
}
