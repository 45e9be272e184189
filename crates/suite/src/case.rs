//! Cases that have been checked: everything in them can be evaluated.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use vpcemu_lab::{Flow, Midstream, TcpFlags};
use vpcemu_model::Network;
use vpcemu_packet::Offloads;
use vpcemu_replay::{At, Binding};

use crate::expected::Expected;

/// One case of a suite.
#[derive(Debug)]
pub struct Case {
    /// What results are reported under.
    pub name: String,
    /// Its line in the file.
    pub line: u32,
    pub(crate) what: What,
}

/// What a case does.
#[derive(Debug)]
pub(crate) enum What {
    Flow(Box<FlowCase>),
    Script(Script),
    Capture(Box<Capture>),
}

impl Case {
    /// `flow`, `script` or `capture`.
    pub fn kind(&self) -> &'static str {
        match self.what {
            What::Flow(_) => "flow",
            What::Script(_) => "script",
            What::Capture(_) => "capture",
        }
    }
}

/// One flow and the answer to it.
#[derive(Debug)]
pub(crate) struct FlowCase {
    pub(crate) flow: Flow,
    pub(crate) forward: Expected,
    /// What is expected of the answer; none if that is not judged.
    pub(crate) reply: Option<Expected>,
    /// Ids that pass it on, in their order.
    pub(crate) via: Vec<String>,
    /// Whether nothing may have been assumed.
    pub(crate) unassumed: bool,
}

/// Packets over time.
#[derive(Debug)]
pub(crate) struct Script {
    pub(crate) midstream: Midstream,
    /// Configurations that steps put into force, in their order.
    pub(crate) later: Vec<Network>,
    pub(crate) steps: Vec<Step>,
    pub(crate) counters: Vec<Counter>,
}

/// One step of a script.
#[derive(Debug)]
pub(crate) struct Step {
    pub(crate) line: u32,
    /// When, after the beginning.
    pub(crate) time: Duration,
    /// Whether the next configuration comes into force.
    pub(crate) switches: bool,
    /// What is sent; nothing where only time passes.
    pub(crate) packet: Option<PacketStep>,
}

/// A packet of a script.
#[derive(Debug)]
pub(crate) struct PacketStep {
    /// Which of the flows, by the order in which they are opened.
    pub(crate) flow: usize,
    /// The flow, where it is opened.
    pub(crate) opens: Option<Flow>,
    pub(crate) is_reply: bool,
    pub(crate) flags: TcpFlags,
    pub(crate) expected: Expected,
    pub(crate) state: Option<String>,
    pub(crate) generated: Option<Generated>,
}

/// What is to be made because of a packet.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Generated {
    Nothing,
    Kind(String),
}

/// A count that is expected.
#[derive(Debug)]
pub(crate) struct Counter {
    /// As written: `nat-nat.IdleTimeoutCount`.
    pub(crate) text: String,
    pub(crate) of: Counted,
    /// Its name: `IdleTimeoutCount`.
    pub(crate) name: String,
    pub(crate) expected: u64,
}

/// Who counts.
#[derive(Debug)]
pub(crate) enum Counted {
    Connections,
    /// A NAT gateway, by its id.
    Nat(String),
}

/// A capture to replay.
#[derive(Debug)]
pub(crate) struct Capture {
    pub(crate) file: PathBuf,
    pub(crate) golden: Option<PathBuf>,
    pub(crate) at: At,
    pub(crate) bindings: Vec<Binding>,
    pub(crate) midstream: Midstream,
    pub(crate) offloads: Offloads,
    pub(crate) dedup: bool,
    /// Configurations that come later, and when after the first packet.
    pub(crate) later: Vec<(Duration, Network)>,
    /// Numbers of the summary by their JSON paths.
    pub(crate) summary: BTreeMap<Vec<String>, u64>,
}
