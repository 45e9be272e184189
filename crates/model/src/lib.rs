//! The VPC resource model: what a configuration describes, before anything is compiled.
//!
//! A [`Network`] holds the VPCs of a configuration with their subnets, route tables, network ACLs, security groups,
//! network interfaces and gateways, as AWS names them. It comes from the native file ([`native`]) or from the readers of
//! the `import` crate, always passes [`validate`], and is what the dataplane compiles. There are no packets in here.
//!
//! Resources refer to each other by [`Id`]. An id is what every output shows, so ids of the AWS form are kept as they are
//! and short names get the prefix of their kind (`web` becomes `eni-web`).
//!
//! ```
//! let loaded = vpcemu_model::native::parse(
//!     "net.toml",
//!     r#"
//!         [vpc.main]
//!         cidrs = ["10.0.0.0/16"]
//!         [subnet.a]
//!         cidrs = ["10.0.1.0/24"]
//!         [instance.web]
//!         subnet = "a"
//!         addresses = ["10.0.1.10"]
//!     "#,
//! )?;
//! let web = &loaded.network.interfaces[0];
//! assert_eq!(web.id.as_str(), "eni-web");
//! // What the file does not say has AWS's default.
//! assert_eq!(web.security_groups[0].as_str(), "sg-main-default");
//! # Ok::<(), vpcemu_model::native::Error>(())
//! ```

pub mod behavior;
pub mod finding;
pub mod flow_log;
mod gateway;
mod id;
pub mod instance_type;
mod interface;
pub mod native;
mod neighbor;
mod network;
mod network_acl;
mod origin;
mod protocol;
mod routing;
mod same;
mod security_group;
pub mod validate;
mod vpc;

pub use behavior::Behavior;
pub use flow_log::{FlowLog, LogDestination, LogFileFormat, LoggedResource, LoggedTraffic};
pub use gateway::{
    BlockExclusion, BlockMode, BlockPublicAccess, Connectivity, EgressOnlyInternetGateway, EndpointKind, ExclusionMode,
    InternetGateway, NatAddress, NatGateway, Placement, VpcEndpoint,
};
pub use id::{Id, Kind};
pub use interface::{ConnectionTracking, Forwarding, Instance, InterfaceKind, NetworkInterface, PrivateIpv4};
pub use neighbor::{
    AttachmentKind, AttachmentMedium, PeeredVpc, TransitGateway, TransitGatewayAttachment, TransitGatewayRoute,
    TransitGatewayRouteTable, VpcAttachment, VpcPeeringConnection, VpnGateway,
};
pub use network::{Assumption, Network};
pub use network_acl::{AclAction, AclEntry, NetworkAcl};
pub use origin::Origin;
pub use protocol::{IcmpTypeCode, PortRange, Ports, Protocol};
pub use routing::{Destination, GatewayRouteTable, Route, RouteOrigin, RouteTable, Target};
pub use security_group::{Peer, PrefixList, SecurityGroup, SecurityGroupRule};
pub use vpc::{Subnet, Vpc};
