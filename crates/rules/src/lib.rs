//! What traffic says about rules: how often each decided, which never did, which never can, and the tightest set of security
//! group rules that would still admit what was seen.
//!
//! A [`replay`](vpcemu_replay) tells an [`Observer`] of every packet; what it counted becomes [rows](Row), one for each rule of
//! a security group, entry of a network ACL and route. Whether a rule can decide at all is [proved](shadow), not observed.
//! [`tighten`] replays the traffic through narrower and narrower networks.
//!
//! Nothing in here judges a packet for a replay: that is the engine's. Nor does anything print for people.
//!
//! ```
//! use vpcemu_rules::shadow::{Budget, Standing, acl_standings};
//!
//! let text = r#"
//!     [vpc.main]
//!     cidrs = ["10.0.0.0/16"]
//!     [network_acl.edge]
//!     ingress = [
//!         { rule = 90, action = "deny", proto = "tcp", ports = "0-1023", from = "0.0.0.0/0" },
//!         { rule = 95, action = "deny", proto = "tcp", ports = "1024-65535", from = "0.0.0.0/0" },
//!         { rule = 100, action = "allow", proto = "tcp", ports = "443", from = "10.0.0.0/8" },
//!     ]
//! "#;
//! let network = vpcemu_model::native::parse("net.toml", text)?.network;
//! let edge = network.network_acls.iter().find(|acl| acl.id.as_str() == "acl-edge").unwrap();
//! let fragments = network.behavior.network_acl.nacl_fragments;
//! let standings = acl_standings(&edge.ingress, fragments, &mut Budget::default());
//! let Standing::Shadowed(shadow) = &standings[2] else { panic!("443 is one of the ports that 90 denies") };
//! assert_eq!(shadow.by, [vpcemu_rules::RuleName::Number(90)]);
//! # Ok::<(), vpcemu_model::native::Error>(())
//! ```

mod catalog;
mod observer;
mod probe;
mod region;
mod row;
pub mod shadow;
pub mod tighten;

pub use observer::{Observer, Window};
pub use probe::{Detail, Probe};
pub use row::{Kind, Row, RuleName, rows};
