//! Captures in, captures and verdicts out: the engine run over recorded traffic.
//!
//! A [`replay`] merges captures by time, finds for each packet where it was captured ([`vantage`]), lets shards on tokio
//! worker tasks walk it through the VPC, and hands the results to sinks in input order: packets, verdicts, a summary.
//! Outputs are byte-identical for any number of workers.
//!
//! Nothing in here knows a rule of the VPC: that is the `dataplane` crate's, which this one gives packets and time.
//!
//! ```no_run
//! # async fn run() -> Result<(), Box<dyn std::error::Error>> {
//! use std::sync::Arc;
//! use vpcemu_dataplane::Timeline;
//! use vpcemu_replay::{At, CaptureInput, ReplayOptions, progress::Progress, replay};
//!
//! let network = vpcemu_model::native::load("net.toml".as_ref())?.network;
//! let mut options = ReplayOptions::new(Arc::new(Timeline::compile(&[network])));
//! options.captures.push(CaptureInput { path: "traffic.pcap".into(), at: At::Auto });
//! let finished = replay(options, Arc::new(Progress::default())).await?;
//! println!("{} packets were dropped", finished.summary.packets.dropped);
//! # Ok(())
//! # }
//! ```

mod batch;
mod clock;
mod counts;
pub mod directory;
mod error;
mod leaps;
mod listen;
mod look;
mod observer;
mod options;
mod pin;
mod pipeline;
mod places;
pub mod progress;
mod series;
mod session;
mod sink;
mod source;
mod summary;
mod tally;
mod translation;
mod twins;
pub mod vantage;
pub mod verdict;
mod worker;

pub use error::Error;
pub use listen::{Listener, Report, listen};
pub use options::{At, Binding, CaptureInput, FlowLogOptions, ReplayOptions, Start};
pub use pipeline::replay;
pub use series::{Interval, IntervalConnections, IntervalPackets};
pub use session::Session;
pub use summary::{Finished, NatCounter, NatPeak, NatSummary, PerSecond, StageHits, Summary};
