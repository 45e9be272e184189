//! Flow logs under test wherever a laboratory counts for them: what the engine with a flow cache has summed up is the sum over
//! the steps of every packet.

use std::collections::BTreeMap;

use vpcemu_dataplane::flow_log::{Leg, Logged, Passage, Passed, Sum, legs};
use vpcemu_dataplane::{Fabric, Output, Stamp, Verdict};
use vpcemu_packet::{FlowKey, Headers, Offloads, TcpFlags, Transport};

/// Sums by window, made packet by packet.
#[derive(Debug, Default)]
pub struct Booked {
    /// The length of a window, in nanoseconds; 0 where nothing is counted.
    length: u64,
    sums: BTreeMap<(u64, Leg), Sum>,
    /// What the engine with the cache has handed out.
    handed: Vec<Logged>,
}

impl Booked {
    /// Nothing yet, in windows of so many seconds.
    pub fn new(seconds: Option<u16>) -> Self {
        Self { length: u64::from(seconds.unwrap_or(0)) * 1_000_000_000, ..Self::default() }
    }

    /// A packet has walked.
    pub fn note(
        &mut self,
        fabric: &Fabric,
        stamp: Stamp,
        (injected, length, transport): (FlowKey, u32, Transport),
        verdict: &Verdict,
        out: &Output,
    ) {
        if self.length == 0 {
            return;
        }
        let passage = Passage { injected, length, made_by: None, steps: &out.steps, outcome: verdict.outcome };
        self.add(fabric, stamp, passage, transport.tcp_flags());
        if let Some(made) = &out.generated {
            let outcome = made.verdict.outcome;
            let length = made.bytes.len() as u32;
            let passage = Passage { injected: made.key, length, made_by: made.by, steps: &made.steps, outcome };
            let headers = Headers::parse(&made.bytes, length, Offloads::Tolerate).ok();
            let flags = headers.and_then(|headers| headers.transport.tcp_flags());
            self.add(fabric, stamp, passage, flags);
        }
    }

    fn add(&mut self, fabric: &Fabric, stamp: Stamp, passage: Passage<'_>, flags: Option<TcpFlags>) {
        for Passed { leg, length } in legs(fabric, passage) {
            let sum = Sum::of_packet(length, stamp.now.second(), flags);
            self.sums.entry((stamp.now.0 / self.length, leg)).or_default().add(&sum);
        }
    }

    /// The engine with the cache hands out what is over.
    pub fn hand(&mut self, logged: Vec<Logged>) {
        self.handed.extend(logged);
    }

    /// What there is; each record has to have been handed out once, as it is.
    #[track_caller]
    pub fn agree(&self) -> &[Logged] {
        let handed: BTreeMap<_, _> = self.handed.iter().map(|it| ((it.window, it.leg), it.sum)).collect();
        assert_eq!(handed.len(), self.handed.len(), "a record was handed out twice");
        assert_eq!(handed, self.sums);
        let windows: Vec<_> = self.handed.iter().map(|it| (it.window, it.leg)).collect();
        assert!(windows.is_sorted(), "records are handed out in the order of their windows");
        &self.handed
    }
}
