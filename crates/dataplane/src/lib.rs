//! The engine: what a cloud VPC does to packets.
//!
//! A [`Timeline`] of configurations is compiled into immutable fabrics; a [`Shard`] walks packets through them, stage by
//! stage, and says of each exactly one [`Outcome`] with its reason. The order of the stages and every rule are on the
//! [semantics page](semantics).
//!
//! The engine is sans-IO: it reads no clock, file, socket or random number. Time is the packet's own, choices are hashes of
//! a seed and the flow. It is not a model of AWS's control plane, and it answers for no application: what an instance would
//! have sent is in the capture.

#[doc = include_str!("../SEMANTICS.md")]
pub mod semantics {}

pub mod conntrack;
pub mod counters;
pub mod fabric;
pub mod index;
pub mod outcome;
pub mod output;
mod reason;
pub mod shard;
mod stage;
mod time;
mod walk;

pub use conntrack::{Inside, Outside};
pub use fabric::{Fabric, Timeline};
pub use index::Registry;
pub use outcome::{Component, Denial, Ingress, Outcome, Place, Verdict};
pub use output::Output;
pub use reason::DropReason;
pub use shard::{Arrival, Midstream, Options, SHARDS, Shard, ShardMap};
pub use time::{Stamp, Timestamp};
