//! A VPC in the hand, for tests of your own network: packets sent into it one by one, time moved, verdicts read and explained.
//!
//! A [`Lab`] is the engine with all its state. A [`Flow`] names its ends as people do (`web`, `web:443`, `internet`,
//! `198.51.100.7`), a [`Conversation`] sends its packets and the answers to them, and an [`Explanation`] says of a packet, hop by
//! hop, what happened to it and which rule was in the way. [`Lab::trace`] does all of that for one flow.
//!
//! Nothing in here decides anything about a packet: every word of an explanation comes from what the engine did.
//!
//! ```
//! use std::time::Duration;
//! use vpcemu_lab::{DropReason, Flow, Lab};
//!
//! let mut lab = Lab::parse(r#"
//!     [vpc.main]
//!     cidrs = ["10.0.0.0/16"]
//!     [internet_gateway.igw]
//!     [subnet.public]
//!     cidrs = ["10.0.0.0/24"]
//!     route_table = "public"
//!     [subnet.private]
//!     cidrs = ["10.0.1.0/24"]
//!     route_table = "private"
//!     [route_table.public]
//!     routes = [{ to = "0.0.0.0/0", via = "igw" }]
//!     [route_table.private]
//!     routes = [{ to = "0.0.0.0/0", via = "nat" }]
//!     [nat_gateway.nat]
//!     subnet = "public"
//!     addresses = [{ private = "10.0.0.200", public = "203.0.113.20" }]
//!     [security_group.app]
//!     egress = [{ proto = "tcp", ports = "443", to = "0.0.0.0/0" }]
//!     [instance.app]
//!     subnet = "private"
//!     addresses = ["10.0.1.10"]
//!     security_groups = ["app"]
//! "#)?;
//!
//! // A connection through the NAT gateway, and what the other side sees of it.
//! let mut web = lab.converse(&Flow::tcp("app", "198.51.100.7:443"))?;
//! let syn = web.send(&mut lab, "S".parse()?);
//! assert_eq!(syn.source().ip().to_string(), "203.0.113.20");
//! assert!(web.answer(&mut lab, "SA".parse()?)?.is_delivered());
//! assert!(web.send(&mut lab, "A".parse()?).is_delivered());
//!
//! // The gateway forgets it after 350 idle seconds, and says so with a RST.
//! lab.wait(Duration::from_secs(351));
//! let late = web.send(&mut lab, "PA".parse()?);
//! assert_eq!(late.reason(), Some(DropReason::NatIdleExpired));
//! assert_eq!(late.generated.map(|made| made.kind.name()), Some("tcp-rst"));
//! assert_eq!(lab.nat_counters("nat").map(|counted| counted.idle_timeout), Some(1));
//!
//! // What may not pass says why.
//! let trace = lab.trace(&Flow::tcp("app", "198.51.100.7:80"))?;
//! assert!(!trace.is_allowed());
//! assert!(trace.to_string().contains("port 80 is not 443"));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod conversation;
mod error;
mod explain;
mod flow;
mod held;
mod lab;
pub mod select;
mod sent;
mod trace;

pub use conversation::Conversation;
pub use error::Error;
pub use explain::{Change, Denied, Explainer, Explanation, Facts, Hop, Named, Nearest};
pub use flow::{Flow, Resolved};
pub use lab::Lab;
pub use sent::{PortUse, Sent};
pub use trace::{REPLY_ASTRAY, Trace};
pub use vpcemu_dataplane::{DropReason, Ingress, Midstream, Options, Place};
pub use vpcemu_packet::{TcpFlags, build};
