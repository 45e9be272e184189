use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::time::Duration;

use ipnet::IpNet;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{Id, Origin};

/// An elastic network interface (semantics 1.15).
#[derive(Clone, Debug, PartialEq)]
pub struct NetworkInterface {
    /// `eni-...`
    pub id: Id,
    /// Its name, for people; an instance's primary interface has the instance's.
    pub name: Option<String>,
    /// The subnet it is in.
    pub subnet: Id,
    /// What it serves.
    pub kind: InterfaceKind,
    /// The instance it is attached to.
    pub instance: Option<Id>,
    /// Private IPv4 addresses, the primary one first, each with its public one.
    pub ipv4: Vec<PrivateIpv4>,
    /// IPv6 addresses.
    pub ipv6: Vec<Ipv6Addr>,
    /// Delegated prefixes; their addresses count as the interface's own (1.15).
    pub prefixes: Vec<IpNet>,
    /// Security groups; none on a NAT gateway's interface (6.30).
    pub security_groups: Vec<Id>,
    /// Source/destination check (1.16).
    pub source_dest_check: bool,
    /// What it does with packets that are not for it, where the configuration says that it forwards (2.13, section 11).
    pub forward: Option<Forwarding>,
    /// False when it is detached or its instance is stopped: it receives nothing (2.13, 3.11).
    pub in_use: bool,
    /// Idle timers of its connection tracking, where set (6.16).
    pub connection_tracking: ConnectionTracking,
    /// Endpoint interfaces that the internet gateway never serves over IPv6 (3.9).
    pub deny_all_igw_traffic: bool,
    /// Where it was defined.
    pub origin: Origin,
}

impl NetworkInterface {
    /// Every single address, prefixes aside.
    pub fn addresses(&self) -> impl Iterator<Item = IpAddr> + '_ {
        let v4 = self.ipv4.iter().map(|address| IpAddr::V4(address.private));
        v4.chain(self.ipv6.iter().copied().map(IpAddr::V6))
    }
}

/// A private IPv4 address and the public one that the internet gateway maps it to (1.15, 3.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PrivateIpv4 {
    /// The private address.
    pub private: Ipv4Addr,
    /// Its elastic or auto-assigned public address.
    pub public: Option<Ipv4Addr>,
}

/// What a network interface serves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum InterfaceKind {
    /// An instance, container or anything else with its own network stack.
    Interface,
    /// A NAT gateway; it filters by no security group and belongs to [`crate::NatGateway`].
    NatGateway,
    /// An interface endpoint.
    VpcEndpoint,
    /// The endpoint of a Gateway Load Balancer; it has no security group (6.30).
    GatewayLoadBalancerEndpoint,
    /// A transit gateway's attachment; it has no security group (6.30).
    TransitGateway,
    /// A Network Load Balancer, a Lambda function or a Global Accelerator, whose connections are always tracked (6.20).
    Hyperplane,
    /// Another requester-managed interface (Application Load Balancer ...).
    Other,
}

/// What an instance with its source/destination check off does with packets that are not for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Forwarding {
    /// It sends them on as they are, one hop older.
    Appliance,
    /// It translates them to its own primary address, as Linux's masquerading does (11.3).
    NatInstance,
}

/// Per-interface idle timers (6.16); `None` is AWS's default.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ConnectionTracking {
    /// `TcpEstablishedTimeout`, 60 to 432,000 s.
    pub tcp_established: Option<Duration>,
    /// `UdpTimeout`, 30 to 60 s.
    pub udp: Option<Duration>,
    /// `UdpStreamTimeout`, 60 to 180 s.
    pub udp_stream: Option<Duration>,
}

/// An instance: the owner of one or more interfaces.
#[derive(Clone, Debug, PartialEq)]
pub struct Instance {
    /// `i-...`
    pub id: Id,
    /// Its name, for people.
    pub name: Option<String>,
    /// False when it is stopped: its interfaces receive nothing.
    pub running: bool,
    /// Its instance type, when known; decides the default TCP timer (6.16).
    pub instance_type: Option<String>,
    /// Where it was defined.
    pub origin: Origin,
}
