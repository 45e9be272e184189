//! Assertion files: what a network lets through, how it translates and when it forgets, written down and run again and again.
//!
//! A suite names a configuration and has three kinds of cases: a *flow* is one packet, the answer to it and of TCP what confirms
//! that; a *script* is packets over time, of one or more flows; a *capture* is replayed and compared with a golden file, packet by
//! packet. Every case begins with nothing remembered, so that none depends on another. What can never be evaluated is refused when
//! the suite is read, and what fails says what happened instead, hop by hop.
//!
//! Nothing in here decides anything about a packet: flows and scripts go through a [`Lab`](vpcemu_lab::Lab), captures through
//! [`vpcemu_replay`].
//!
//! ```
//! use vpcemu_suite::{Filter, Suite};
//!
//! # let folder = tempfile::tempdir()?;
//! let folder = folder.path();
//! std::fs::write(folder.join("network.toml"), r#"
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
//! "#)?;
//! std::fs::write(folder.join("suite.toml"), r#"
//!     config = "network.toml"
//!
//!     [[flow]]
//!     name = "the world may see the page"
//!     from = "internet"
//!     to = "web:443"
//!     proto = "tcp"
//!     expect = "allow"
//!     reply = "allow"
//!
//!     [[flow]]
//!     name = "the world may not log in"
//!     from = "internet"
//!     to = "web:22"
//!     proto = "tcp"
//!     expect = "deny"
//!     reason = "ENI_SG_RULES_MISMATCH"
//! "#)?;
//! let suite = Suite::load(&folder.join("suite.toml"))?;
//! let ran = suite.run(&Filter::default(), false, |_| {});
//! assert_eq!(ran.len(), 2);
//! assert!(ran.iter().all(|case| case.is_ok()));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod case;
mod check;
mod components;
mod expected;
mod file;
mod filter;
mod read;
pub mod report;
mod run;
mod suite;
mod yaml;

pub use case::Case;
pub use filter::Filter;
pub use run::{Failure, Outcome, Ran};
pub use suite::{Error, Suite};

/// The JSON Schema of a suite: every key, what it means and what it takes.
pub fn json_schema() -> serde_json::Value {
    schemars::schema_for!(file::SuiteFile).to_value()
}
