use std::net::IpAddr;
use std::path::PathBuf;
use std::sync::Arc;

use vpcemu_dataplane::index::{EdgeIx, EniIx};
use vpcemu_dataplane::{Options, Timeline};
use vpcemu_model::{Assumption, FlowLog, Network};
use vpcemu_packet::Offloads;

/// What to replay, through what, into what.
#[derive(Debug, Clone)]
pub struct ReplayOptions {
    /// The configurations, compiled.
    pub timeline: Arc<Timeline>,
    /// When each configuration after the first comes into force, in order.
    pub starts: Vec<Start>,
    /// The captures.
    pub captures: Vec<CaptureInput>,
    /// Hosts of the captures that stand for interfaces.
    pub bindings: Vec<Binding>,
    /// The engine's own options.
    pub engine: Options,
    /// How much of what capturing hosts leave wrong is tolerated.
    pub offloads: Offloads,
    /// Whether the second copy of a packet that was captured at two places is dropped.
    pub dedup: bool,
    /// How many worker tasks.
    pub workers: usize,
    /// Whether reader, workers and writer are kept on a processor each.
    pub pin: bool,
    /// Packets out: `.pcapng` or `.pcap`.
    pub packets: Option<PathBuf>,
    /// Whether the packets out hold each packet at every place it passed.
    pub taps: bool,
    /// Whether the packets out carry verdicts as comments.
    pub annotate: bool,
    /// Verdicts out, NDJSON.
    pub verdicts: Option<PathBuf>,
    /// The sessions that are alive at the end, out, NDJSON.
    pub sessions: Option<PathBuf>,
    /// Flow logs out.
    pub flow_logs: Option<FlowLogOptions>,
    /// Whether each packet is told of one by one though no output does so; [`listen`](crate::listen) puts it on.
    pub told: bool,
    /// Whether verdicts and comments leave out the steps that are recorded: they are for the listener alone.
    pub steps_untold: bool,
    /// What was assumed while reading the configurations; part of the summary.
    pub assumptions: Vec<Assumption>,
}

impl ReplayOptions {
    /// One worker, no outputs, everything else as the command line defaults it.
    pub fn new(timeline: Arc<Timeline>) -> Self {
        Self {
            timeline,
            starts: Vec::new(),
            captures: Vec::new(),
            bindings: Vec::new(),
            engine: Options::default(),
            offloads: Offloads::Tolerate,
            dedup: false,
            workers: 1,
            pin: false,
            packets: None,
            taps: false,
            annotate: true,
            verdicts: None,
            sessions: None,
            flow_logs: None,
            told: false,
            steps_untold: false,
            assumptions: Vec::new(),
        }
    }

    /// Whether what became of a packet is told one by one, as a line or as a comment.
    pub(crate) fn tells(&self) -> bool {
        // A pcap has no room for comments.
        let commented =
            self.packets.as_ref().is_some_and(|path| path.extension().is_some_and(|suffix| suffix == "pcapng"));
        self.told || self.verdicts.is_some() || self.annotate && commented
    }
}

/// Flow logs to be written. The engine has to count for them: its
/// [`flow_log_window`](vpcemu_dataplane::Options::flow_log_window) is [`FlowLogOptions::window`].
#[derive(Debug, Clone)]
pub struct FlowLogOptions {
    /// The directory that gets what a bucket would.
    pub directory: PathBuf,
    /// What to log, and how.
    pub definitions: Vec<FlowLog>,
    /// Every network of the run, in the order of the timeline: records tell more of interfaces than the engine knows.
    pub networks: Vec<Network>,
    /// Whether windows in which nothing passed an interface are records, too (9.7).
    pub silence: bool,
}

impl FlowLogOptions {
    /// The seconds to count by: a number that divides the windows of all definitions.
    pub fn window(&self) -> u16 {
        // A definition's is 60 or 600.
        let asked = self.definitions.iter().filter_map(|log| u16::try_from(log.max_aggregation_interval).ok());
        asked.min().unwrap_or(DEFAULT_WINDOW)
    }
}

/// What AWS sums up by if it is not told otherwise (9.3).
const DEFAULT_WINDOW: u16 = 600;

/// A capture and where it was taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CaptureInput {
    /// The file, `-` for standard input.
    pub path: PathBuf,
    /// Where it was taken.
    pub at: At,
}

/// Where a capture was taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum At {
    /// As each packet's addresses say.
    #[default]
    Auto,
    /// Outside: every packet arrives from the internet.
    Internet,
    /// Every packet leaves this interface.
    Interface(EniIx),
    /// Beyond a VPC: every packet comes from there.
    Edge(EdgeIx),
}

/// A host of the captures that stands for an interface of the model.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Binding {
    /// Its address in the captures.
    pub host: IpAddr,
    /// The address that it gets: the interface's, of the same family.
    pub becomes: IpAddr,
}

/// When a configuration comes into force.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Start {
    /// At this moment, nanoseconds since the epoch.
    At(u64),
    /// This long after the first packet, in nanoseconds.
    AfterFirst(u64),
}
