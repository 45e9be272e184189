//! The model against the kernel, and against endpoints that keep to the rules.

mod conversation;
mod recorded;
mod scenarios;
