//! The roles: a configuration of ours, and what is equivalent on the kernel.

mod egress_only;
mod internet_gateway;
mod nat;
mod network_acl;
mod rule_sets;
mod security_group;

use std::net::IpAddr;

use vpcemu_packet::Offloads;

use super::random::Traffic;
use super::router::Setup;
use super::wire::Side;

pub(crate) use egress_only::EGRESS_ONLY;
pub(crate) use internet_gateway::{IGW_STATEFUL, IGW_STATELESS};
pub(crate) use nat::{NAT_GATEWAY, NAT_GATEWAY_SMALL_POOL, NAT_GATEWAY_STRICT, NAT_INSTANCE, NAT_INSTANCE_STRICT};
pub(crate) use network_acl::{NETWORK_ACL, NETWORK_ACL_WITHOUT_REASSEMBLY};
pub(crate) use rule_sets::{HOSTS, Kind};
pub(crate) use security_group::SECURITY_GROUP;

/// All of them.
pub(crate) const ALL: [&Role<'static>; 11] = [
    &IGW_STATELESS,
    &IGW_STATEFUL,
    &SECURITY_GROUP,
    &NETWORK_ACL,
    &NETWORK_ACL_WITHOUT_REASSEMBLY,
    &EGRESS_ONLY,
    &NAT_GATEWAY,
    &NAT_GATEWAY_SMALL_POOL,
    &NAT_GATEWAY_STRICT,
    &NAT_INSTANCE,
    &NAT_INSTANCE_STRICT,
];

/// One box under two judges.
#[derive(Clone, Copy)]
pub(crate) struct Role<'a> {
    pub(crate) name: &'static str,
    /// The native file.
    pub(crate) network: &'a str,
    pub(crate) setup: Setup<'a>,
    pub(crate) hosts: &'static [Host],
    /// What the kernel takes off the TTL of what it forwards, less what we take (1.25).
    pub(crate) ttl_gap: u8,
    /// The instance that is the box: what it is sent itself does not come out.
    pub(crate) itself: Option<&'static str>,
    /// The address whose ports either may choose.
    pub(crate) nat: Option<IpAddr>,
    /// Whether checksums are judged, as connection tracking does in the kernel.
    pub(crate) offloads: Offloads,
    pub(crate) cases: &'static str,
    pub(crate) traffic: Traffic,
}

/// A name in the cases.
pub(crate) struct Host {
    pub(crate) name: &'static str,
    pub(crate) address: &'static str,
    pub(crate) side: Side,
    /// The instance that has the address; none outside the VPC.
    pub(crate) instance: Option<&'static str>,
}

impl Role<'_> {
    pub(crate) fn address(&self, name: &str) -> Option<IpAddr> {
        self.hosts.iter().find(|host| host.name == name).map(Host::ip)
    }

    pub(crate) fn host(&self, address: IpAddr) -> Option<&'static Host> {
        self.hosts.iter().find(|host| host.ip() == address)
    }

    /// Where an instance is.
    pub(crate) fn side_of(&self, instance: &str) -> Side {
        let host = self.hosts.iter().find(|host| host.instance == Some(instance));
        host.unwrap_or_else(|| panic!("no instance {instance}")).side
    }
}

impl Host {
    pub(crate) fn ip(&self) -> IpAddr {
        self.address.parse().unwrap()
    }
}

/// A host inside the VPC, behind the box.
const fn inside(name: &'static str, address: &'static str, instance: &'static str) -> Host {
    Host { name, address, side: Side::In, instance: Some(instance) }
}

/// A host of the VPC beyond the box.
const fn peer(name: &'static str, address: &'static str, instance: &'static str) -> Host {
    Host { name, address, side: Side::Out, instance: Some(instance) }
}

/// An address outside the VPC.
const fn outside(name: &'static str, address: &'static str) -> Host {
    Host { name, address, side: Side::Out, instance: None }
}
