//! The same packets through two configurations, and what became of them differently.
//!
//! Packets are those of captures ([`Captured`]), or probes that are made for the two configurations so that every boundary of
//! either has some on both sides ([`probe`]). What differs is a [`Change`]: of which packets, how, and by which rule on either
//! side. Nothing in here decides anything about a packet: the engine does, twice.
//!
//! ```
//! use vpcemu_diff::{Kind, Limit, Pair, probe};
//! use vpcemu_model::native;
//!
//! let text = r#"
//!     [vpc.main]
//!     cidrs = ["10.0.0.0/16"]
//!     [internet_gateway.igw]
//!     [subnet.public]
//!     cidrs = ["10.0.0.0/24"]
//!     route_table = "public"
//!     [route_table.public]
//!     routes = [{ to = "0.0.0.0/0", via = "igw" }]
//!     [security_group.web]
//!     ingress = [{ proto = "tcp", ports = "443", from = "0.0.0.0/0" }]
//!     [instance.web]
//!     subnet = "public"
//!     addresses = ["10.0.0.10"]
//!     public = "203.0.113.10"
//!     security_groups = ["web"]
//! "#;
//! let old = native::parse("old.toml", text)?.network;
//! let new = native::parse("new.toml", &text.replace("443", "440-443"))?.network;
//!
//! let changes = probe(&Pair::new(old, new)?, Limit::default()).changes;
//! let change = &changes[0];
//! assert_eq!(change.kind, Kind::NewlyAllowed);
//! assert_eq!(change.traffic.as_deref(), Some("tcp 440-442"));
//! assert_eq!(change.old.reason, Some("ENI_SG_RULES_MISMATCH"));
//! assert!(change.new.text.as_deref().is_some_and(|rule| rule.contains("tcp 440-443")));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod capture;
mod cause;
mod change;
mod error;
mod fate;
mod markdown;
mod pair;
mod probe;
mod report;
mod text;
mod words;

pub use capture::{Captured, Recorder, recorders};
pub use cause::{Side, Translated};
pub use change::{Change, Ends, Kind};
pub use error::Error;
pub use pair::{Pair, Which};
pub use probe::{Limit, probe};
pub use report::{Basis, Comparison};
