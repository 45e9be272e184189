//! The engine: what a cloud VPC does to packets.
//!
//! A [`Timeline`] of configurations is compiled into immutable fabrics; a [`Shard`] walks packets through them, stage by
//! stage, and says of each exactly one [`Outcome`] with its reason. The order of the stages and every rule are on the
//! [semantics page](semantics).
//!
//! The engine is sans-IO: it reads no clock, file, socket or random number. Time is the packet's own, choices are hashes of
//! a seed and the flow. It is not a model of AWS's control plane, and it answers for no application: what an instance would
//! have sent is in the capture.
//!
//! ```
//! use std::sync::Arc;
//! use vpcemu_dataplane::{Arrival, Ingress, Options, Outcome, Output, Place, Shard, Stamp, Timeline, Timestamp};
//! use vpcemu_packet::{Offloads, Packet, TcpFlags, build};
//!
//! let text = r#"
//!     [vpc.main]
//!     cidrs = ["10.0.0.0/16"]
//!     [internet_gateway.igw]
//!     [subnet.a]
//!     cidrs = ["10.0.0.0/24"]
//!     route_table = "public"
//!     [route_table.public]
//!     routes = [{ to = "0.0.0.0/0", via = "igw" }]
//!     [instance.web]
//!     subnet = "a"
//!     addresses = ["10.0.0.10"]
//!     public = "203.0.113.10"
//! "#;
//! let network = vpcemu_model::native::parse("net.toml", text)?.network;
//! let timeline = Arc::new(Timeline::compile(&[network]));
//! let web = timeline.registry().enis.find(&"eni-web".into()).unwrap();
//! let mut shard = Shard::new(timeline, Options::default());
//!
//! let mut syn = build::tcp("10.0.0.10:40000".parse()?, "198.51.100.7:443".parse()?).flags(TcpFlags::SYN).build();
//! let length = syn.len() as u32;
//! let mut packet = Packet::parse(&mut syn, length, Offloads::Strict)?;
//! let stamp = Stamp { n: 1, now: Timestamp(1_750_000_000_000_000_000), generation: 0 };
//! let arrival = Arrival::new(stamp, Ingress::Interface(web), &packet);
//! let verdict = shard.process(arrival, &mut packet, &mut Output::default());
//! assert_eq!(verdict.outcome, Outcome::Delivered { at: Place::Internet });
//! assert_eq!(packet.headers().src, "203.0.113.10".parse::<std::net::IpAddr>()?);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

#[doc = include_str!("../SEMANTICS.md")]
pub mod semantics {}

pub mod conntrack;
pub mod counters;
mod digest;
pub mod engine;
pub mod fabric;
mod flow;
pub mod flow_log;
mod growth;
pub mod index;
mod mixing;
pub mod outcome;
pub mod output;
pub mod prefetch;
mod reason;
mod recipe;
pub mod shard;
mod stage;
mod time;
mod walk;

pub use conntrack::{Inside, Outside, Translator};
pub use engine::Engine;
pub use fabric::{Fabric, Timeline};
pub use index::Registry;
pub use outcome::{Component, Denial, Ingress, Outcome, Place, Verdict};
pub use output::Output;
pub use reason::DropReason;
pub use shard::{Arrival, Midstream, Options, SHARDS, Shard, ShardMap};
pub use time::{Stamp, Timestamp};
