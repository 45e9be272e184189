//! Rules of network ACLs and security groups, compiled: a decision takes the same time whatever the number of rules.

mod acl;
#[cfg(test)]
mod differential;
mod group;
#[cfg(test)]
mod linear;
mod part;
mod sets;
mod subject;

pub(crate) use acl::AclRule;
pub use acl::{AclRules, AclVerdict};
pub(crate) use group::{GroupRule, GroupTable};
pub use group::{GroupRules, GroupVerdict, PeerMatch};
pub(crate) use part::{Entry, RulePeer};
pub use subject::Subject;
