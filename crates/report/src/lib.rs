//! A replay as one page for people: the network drawn, the traffic on it, what was dropped and by which rule, what NAT
//! gateways did.
//!
//! A [`Collector`] hears of every packet while the replay runs and keeps counts; [`page`](fn@page) makes HTML of them, with
//! drawings as SVG, that needs nothing but itself. The page is the same for the same input, and any number of workers.
//!
//! It knows no rule of the VPC, and measures nothing itself that the summary of a replay has: those numbers are the summary's.
//!
//! ```no_run
//! # async fn run() -> Result<(), Box<dyn std::error::Error>> {
//! use std::sync::Arc;
//! use vpcemu_dataplane::{Options, Timeline};
//! use vpcemu_replay::{ReplayOptions, listen, progress::Progress};
//! use vpcemu_report::{About, Collector};
//!
//! let networks: Arc<[_]> = [vpcemu_model::native::load("net.toml".as_ref())?.network].into();
//! let timeline = Arc::new(Timeline::compile(networks.iter()));
//! let collector = Collector::new(networks, Arc::clone(&timeline));
//! let mut options = ReplayOptions::new(timeline);
//! options.engine = Options { record_steps: true, ..options.engine };
//! let (finished, collector) = listen(options, Arc::new(Progress::default()), collector).await?;
//! std::fs::write("out.html", vpcemu_report::page(&About::default(), &collector, &finished.summary)?)?;
//! # Ok(())
//! # }
//! ```

mod collect;
mod page;

pub use collect::Collector;
pub use page::{About, page};
