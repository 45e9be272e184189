//! Captures in, captures and verdicts out: the engine run over recorded traffic.
//!
//! A [`replay`] merges captures by time, finds for each packet where it was captured ([`vantage`]), lets shards on tokio
//! worker tasks walk it through the VPC, and hands the results to sinks in input order: packets, verdicts, a summary.
//! Outputs are byte-identical for any number of workers.
//!
//! Nothing in here knows a rule of the VPC: that is the `dataplane` crate's, which this one gives packets and time.

mod batch;
mod error;
mod options;
mod pipeline;
pub mod progress;
mod sink;
mod source;
mod summary;
pub mod vantage;
pub mod verdict;
mod worker;

pub use error::Error;
pub use options::{At, Binding, CaptureInput, ReplayOptions, Start};
pub use pipeline::replay;
pub use summary::{Finished, Summary};
