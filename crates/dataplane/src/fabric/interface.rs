//! Network interfaces, compiled.

use std::net::IpAddr;
use std::time::Duration;

use ipnet::IpNet;
use smallvec::SmallVec;
use vpcemu_model::Forwarding;

use super::GroupRules;
use crate::index::{EndpointIx, GroupIx, HostIx, NatIx, SubnetIx, VpcIx};

/// A network interface.
#[derive(Debug)]
pub struct Eni {
    /// Its subnet.
    pub subnet: SubnetIx,
    /// Its VPC.
    pub vpc: VpcIx,
    /// In whose connection table its entries take room; none of what AWS runs itself (6.19).
    pub host: Option<HostIx>,
    /// Every single address it has; the primary one first.
    pub addresses: SmallVec<[IpAddr; 2]>,
    /// Delegated prefixes.
    pub prefixes: Vec<IpNet>,
    /// Its security groups.
    pub groups: SmallVec<[GroupIx; 2]>,
    /// The union of its groups' inbound rules.
    pub ingress: GroupRules,
    /// The union of its groups' outbound rules.
    pub egress: GroupRules,
    /// Whether security groups apply to it (6.30).
    pub filtered: bool,
    /// Source/destination check (1.16).
    pub source_dest_check: bool,
    /// What it does with packets that are not for it (2.13, section 11).
    pub forward: Option<Forwarding>,
    /// Whether anything is there to receive (2.13).
    pub in_use: bool,
    /// The interface endpoint it belongs to, whose connections are always tracked (6.20).
    pub endpoint: Option<EndpointIx>,
    /// Whether somebody listens: not at what a route leads to, the interfaces of transit gateways and Gateway Load Balancer
    /// endpoints.
    pub listens: bool,
    /// Whether it belongs to a service whose connections are always tracked (6.20).
    pub hyperplane: bool,
    /// Whether it is a NAT gateway's.
    pub nat: Option<NatIx>,
    /// Unreachable from and to the internet gateway over IPv6 (3.9).
    pub deny_all_igw_traffic: bool,
    /// Idle timers of its connection tracking.
    pub timers: EniTimers,
}

impl Eni {
    /// Whether `address` is the interface's own, delegated prefixes included (1.15).
    pub fn owns(&self, address: IpAddr) -> bool {
        self.addresses.contains(&address) || self.prefixes.iter().any(|net| net.contains(&address))
    }

    /// Whether connections with it are always tracked, at both ends (6.20).
    pub fn forces_tracking(&self) -> bool {
        self.hyperplane || self.endpoint.is_some()
    }

    /// Its primary address of the family of `like`: the source of what its own stack sends.
    pub fn primary(&self, like: IpAddr) -> Option<IpAddr> {
        self.addresses.iter().copied().find(|owned| owned.is_ipv4() == like.is_ipv4())
    }
}

/// Idle timers of connection tracking at an interface (6.16).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EniTimers {
    /// Established TCP.
    pub tcp_established: Duration,
    /// UDP in one direction, or one request and response.
    pub udp: Duration,
    /// UDP with more than one transaction.
    pub udp_stream: Duration,
}

impl EniTimers {
    /// What AWS documents for an interface that sets nothing (6.16).
    pub const DEFAULT: Self = Self {
        tcp_established: Duration::from_secs(432_000),
        udp: Duration::from_secs(30),
        udp_stream: Duration::from_secs(180),
    };

    /// Protocols other than TCP, UDP and ICMP: 600 s, fixed (6.16).
    pub const OTHER: Duration = Duration::from_secs(600);
}
