//! The native configuration file.

pub use crate::finding::{Finding, Severity, Source, render};
