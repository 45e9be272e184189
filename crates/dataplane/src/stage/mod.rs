//! The stages, one module each. A stage takes the walk, decides, and names the next hop or the denial; rule numbers in
//! their comments are those of the [semantics page](crate::semantics).

pub(crate) mod appliance;
pub(crate) mod edge;
pub(crate) mod egress_only;
pub(crate) mod endpoint;
pub(crate) mod icmp;
pub(crate) mod interface;
pub(crate) mod internet_gateway;
pub(crate) mod link_local;
pub(crate) mod memory;
pub(crate) mod mtu;
pub(crate) mod nacl;
pub(crate) mod nat_gateway;
pub(crate) mod nat_instance;
pub(crate) mod neighbor;
pub(crate) mod route;
pub(crate) mod security_group;
