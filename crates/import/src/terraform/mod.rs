//! Terraform, as its JSON says it: plans, states and raw state files.
//!
//! A document becomes [`resource::Resource`]s whose attributes are all known, as a state has them; a plan's references are
//! resolved on the way. Those are then described as the AWS API would describe them after `apply`, and what reads dumps
//! reads that: there is one meaning of a route table, whatever it was written in.

pub(crate) mod describe;
mod resource;
