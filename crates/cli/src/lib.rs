//! A VPC for your own tests: build one in a few lines, or load the one that you have, send packets, move time, and assert on
//! verdicts, translations and counters.
//!
//! This is the library behind the `vpcemu` command. In a test crate it needs nothing of the command line:
//!
//! ```toml
//! [dev-dependencies]
//! vpcemu = { git = "...", default-features = false }
//! ```
//!
//! # Can this reach that?
//!
//! [`open`] reads a native file, a dump of `aws ec2 describe-*` or a plan or state of Terraform's, [`Lab::trace`] follows one flow
//! and the answer to it. A trace printed says which rule decided, hop by hop.
//!
//! ```
//! use vpcemu::{Flow, Lab};
//!
//! # let folder = tempfile::tempdir()?;
//! # let path = folder.path().join("network.toml");
//! # std::fs::write(&path, include_str!("../tests/data/three-tier.toml"))?;
//! let loaded = vpcemu::open(&path, Default::default())?;
//! let mut lab = Lab::new(loaded.network);
//!
//! let allowed = lab.trace(&Flow::tcp("app", "db:5432"))?;
//! assert!(allowed.is_allowed() && allowed.is_answered() == Some(true), "{allowed}");
//!
//! let denied = lab.trace(&Flow::tcp("web", "db:5432"))?;
//! let why = denied.denied().expect("the database is for the application only");
//! assert_eq!(why.reason, "ENI_SG_RULES_MISMATCH");
//! assert_eq!(why.nearest.as_ref().map(|rule| &*rule.text), Some("ingress tcp 5432 sg-app (app)"));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # Behaviour over time
//!
//! A [`Conversation`] sends packets and answers by hand; [`Lab::wait`] lets time pass between them.
//!
//! ```
//! use std::time::Duration;
//! use vpcemu::{Flow, Lab, TcpFlags};
//!
//! let mut lab = Lab::parse(include_str!("../tests/data/three-tier.toml"))?;
//! let mut query = lab.converse(&Flow::udp("app", "198.51.100.53:53"))?;
//! assert!(query.send(&mut lab, TcpFlags::default()).is_delivered());
//!
//! // An answer in time comes back. A late one still passes the NAT gateway, which waits for 350 seconds, but no longer the
//! // security group, which waits for 30.
//! lab.wait(Duration::from_secs(29));
//! assert!(query.answer(&mut lab, TcpFlags::default())?.is_delivered());
//! let mut slow = lab.converse(&Flow::udp("app", "198.51.100.54:53"))?;
//! slow.send(&mut lab, TcpFlags::default());
//! lab.wait(Duration::from_secs(31));
//! let late = slow.answer(&mut lab, TcpFlags::default())?;
//! let late = lab.explain(&late);
//! assert_eq!(late.denied.as_ref().map(|denied| denied.reason), Some("ENI_SG_RULES_MISMATCH"));
//! assert_eq!(late.via, ["igw-igw", "nat-nat"]);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # Translations and counters
//!
//! ```
//! use vpcemu::{Flow, Lab, TcpFlags};
//!
//! let mut lab = Lab::parse(include_str!("../tests/data/three-tier.toml"))?;
//! for client in 0..100 {
//!     let flow = Flow { source_port: Some(40_000 + client), ..Flow::tcp("app", "198.51.100.7:443") };
//!     let sent = lab.converse(&flow)?.send(&mut lab, TcpFlags::SYN);
//!     // One public address for all of them, and a port of its own for each.
//!     assert_eq!(sent.source().ip().to_string(), "203.0.113.20");
//!     assert_eq!(sent.ports.map(|ports| ports.taken), Some(u32::from(client) + 1));
//! }
//! let counted = lab.nat_counters("nat").unwrap_or_default();
//! assert_eq!((counted.connection_attempt, counted.connection_established), (100, 0));
//! assert_eq!(lab.connections().created, 100);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # Any bytes at all
//!
//! [`Lab::send`] takes IP packets as they are, [`build`] makes them.
//!
//! ```
//! use vpcemu::{DropReason, Flow, Lab, build};
//!
//! let mut lab = Lab::parse(include_str!("../tests/data/three-tier.toml"))?;
//! let app = lab.resolve(&Flow::ping("app", "db"))?;
//! let spoofed = build::echo_request("10.20.10.99".parse()?, app.dst, 1, 1).payload(b"who am I?").build();
//! assert_eq!(lab.send(app.ingress, spoofed).reason(), Some(DropReason::SourceDestCheck));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

pub use vpcemu_import::{Choice, Loaded, open};
pub use vpcemu_lab::*;
