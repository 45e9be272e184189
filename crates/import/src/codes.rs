//! The codes of [`vpcemu_model::Assumption`]s made here. They are stable: scripts match on them.

/// No `Vpcs`: VPCs were made from the subnets and the local routes.
pub const MISSING_VPCS: &str = "MISSING_VPCS";
/// No `Subnets`: there is nothing to place an interface in.
pub const MISSING_SUBNETS: &str = "MISSING_SUBNETS";
/// No `RouteTables`: every VPC has a main table with its local routes only.
pub const MISSING_ROUTE_TABLES: &str = "MISSING_ROUTE_TABLES";
/// No `NetworkAcls`: every VPC has its default network ACL, which allows all.
pub const MISSING_NETWORK_ACLS: &str = "MISSING_NETWORK_ACLS";
/// No `SecurityGroups`: groups were made from their rules, or allow nothing in and everything out.
pub const MISSING_SECURITY_GROUPS: &str = "MISSING_SECURITY_GROUPS";
/// No `NetworkInterfaces`: interfaces were made from the instances.
pub const MISSING_NETWORK_INTERFACES: &str = "MISSING_NETWORK_INTERFACES";
/// No `Reservations` although interfaces are attached to instances: they run, on types with the common TCP timer.
pub const MISSING_INSTANCES: &str = "MISSING_INSTANCES";
/// A resource names a VPC that `Vpcs` does not have.
pub const UNKNOWN_VPC: &str = "UNKNOWN_VPC";
/// A VPC without a main route table among those read.
pub const UNKNOWN_MAIN_ROUTE_TABLE: &str = "UNKNOWN_MAIN_ROUTE_TABLE";
/// A VPC without a default network ACL among those read.
pub const UNKNOWN_DEFAULT_NETWORK_ACL: &str = "UNKNOWN_DEFAULT_NETWORK_ACL";
/// A VPC without a default security group among those read, and an interface that needs it.
pub const UNKNOWN_DEFAULT_SECURITY_GROUP: &str = "UNKNOWN_DEFAULT_SECURITY_GROUP";
/// A security group is named that was not read: on an interface it allows nothing, in a rule it matches nothing.
pub const UNKNOWN_SECURITY_GROUP: &str = "UNKNOWN_SECURITY_GROUP";
/// An interface has a group of another VPC, and no association of the two was read: it is taken to be there.
pub const SECURITY_GROUP_ASSOCIATION: &str = "SECURITY_GROUP_ASSOCIATION";
/// An interface is attached to an instance that was not read, or whose type is not known.
pub const UNKNOWN_INSTANCE: &str = "UNKNOWN_INSTANCE";
/// An ordinary interface names no security group: it has the default one.
pub const DEFAULT_SECURITY_GROUP: &str = "DEFAULT_SECURITY_GROUP";
/// An interface that is only described by its instance was made from it.
pub const INTERFACE_FROM_INSTANCE: &str = "INTERFACE_FROM_INSTANCE";
/// A NAT gateway's interface was not read: it was made from the gateway.
pub const NAT_GATEWAY_INTERFACE: &str = "NAT_GATEWAY_INTERFACE";
/// An available NAT gateway without a usable address drops everything.
pub const NAT_GATEWAY_WITHOUT_ADDRESS: &str = "NAT_GATEWAY_WITHOUT_ADDRESS";
/// A regional NAT gateway's route table was not read: it was made.
pub const NAT_GATEWAY_ROUTE_TABLE: &str = "NAT_GATEWAY_ROUTE_TABLE";
/// An address of a regional NAT gateway names no availability zone: it serves every zone.
pub const NAT_ADDRESS_ZONE: &str = "NAT_ADDRESS_ZONE";
/// A route leads to a gateway that was not read: it was made.
pub const UNKNOWN_GATEWAY: &str = "UNKNOWN_GATEWAY";
/// A route leads to an internet gateway that is attached to no VPC: it is a black hole.
pub const DETACHED_GATEWAY: &str = "DETACHED_GATEWAY";
/// A route leads to something that was not read: packets end there, as at the edge of the model.
pub const UNKNOWN_TARGET: &str = "UNKNOWN_TARGET";
/// A route leads out of the model: to a peering connection, transit gateway or virtual private gateway that is not described,
/// a carrier gateway, a core network and the like.
pub const EDGE_TARGET: &str = "EDGE_TARGET";
/// A route table is associated with a gateway that is outside the model, or was not read.
pub const EDGE_GATEWAY: &str = "EDGE_GATEWAY";
/// A virtual private gateway propagates into a table, and what it knows a way to is not written: the table has none of it.
pub const UNKNOWN_PROPAGATED_ROUTES: &str = "UNKNOWN_PROPAGATED_ROUTES";
/// Nothing accepts a peering connection: its peer is taken to.
pub const PEERING_ACCEPTANCE: &str = "PEERING_ACCEPTANCE";
/// AWS gives something a public address by itself, and nobody knows it yet: one for examples stands for it.
pub const UNKNOWN_PUBLIC_ADDRESS: &str = "UNKNOWN_PUBLIC_ADDRESS";
/// A further address of a NAT gateway is not known: it is left out.
pub const UNKNOWN_NAT_ADDRESS: &str = "UNKNOWN_NAT_ADDRESS";
/// Routes lead to an interface whose source/destination check is off: what it does with other hosts' packets is not known.
pub const FORWARDING_UNKNOWN: &str = "FORWARDING_UNKNOWN";
/// A prefix list is in use whose blocks were not read: it matches nothing.
pub const PREFIX_LIST_WITHOUT_ENTRIES: &str = "PREFIX_LIST_WITHOUT_ENTRIES";
/// An endpoint's interface was not read: nothing answers at that of an interface endpoint, that of a Gateway Load
/// Balancer's endpoint was made.
pub const UNKNOWN_ENDPOINT_INTERFACE: &str = "UNKNOWN_ENDPOINT_INTERFACE";
/// Block Public Access is on, and its options were not read: they are as the VPCs and subnets tell. Or those of several
/// regions were, and a VPC has weaker ones than others.
pub const BLOCK_PUBLIC_ACCESS: &str = "BLOCK_PUBLIC_ACCESS";
/// Two files, or two answers, tell different things of a resource: the fuller copy counts, else the first one.
pub const CONFLICTING_COPIES: &str = "CONFLICTING_COPIES";
/// A transit gateway's attachment has no interface in one of its subnets, or in any: it was made, or it reaches nothing.
pub const TRANSIT_GATEWAY_INTERFACE: &str = "TRANSIT_GATEWAY_INTERFACE";
/// An attachment of a transit gateway is only named, or its options are not told: it has those that AWS gives by itself.
pub const TRANSIT_GATEWAY_ATTACHMENT: &str = "TRANSIT_GATEWAY_ATTACHMENT";
/// Nothing tells which table an attachment is associated with: it is the default one.
pub const TRANSIT_GATEWAY_ASSOCIATION: &str = "TRANSIT_GATEWAY_ASSOCIATION";
/// The tables of a transit gateway were not read: it has one, as AWS makes it, or it is outside of the model.
pub const TRANSIT_GATEWAY_ROUTE_TABLE: &str = "TRANSIT_GATEWAY_ROUTE_TABLE";
/// The routes of a transit gateway's table were not read: it has those that attachments propagate, without static ones.
pub const TRANSIT_GATEWAY_ROUTES: &str = "TRANSIT_GATEWAY_ROUTES";
/// An attribute of a Terraform plan is known only after apply: it was taken for the one resource in reach that fits.
pub const PLAN_REFERENCE: &str = "PLAN_REFERENCE";
/// An attribute of a Terraform plan is known only after apply, and nothing tells what it will be: it was left out.
pub const PLAN_UNKNOWN: &str = "PLAN_UNKNOWN";
/// An address or block that AWS chooses at apply was made up.
pub const PLAN_ADDRESS: &str = "PLAN_ADDRESS";
/// Terraform met an error while planning: the plan may lack resources.
pub const PLAN_ERRORED: &str = "PLAN_ERRORED";
/// Terraform planned only a part of what is configured.
pub const PLAN_INCOMPLETE: &str = "PLAN_INCOMPLETE";
