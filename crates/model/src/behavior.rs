//! Knobs for what AWS does not document, each with the rule of the semantics page that it belongs to.

mod nat_gateway;
mod nat_instance;
mod neighbors;

use std::fmt;
use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

pub use nat_gateway::{
    Exhaustion, Filtering, FragmentPolicy, Hairpin, IpId, Mapping, NatGatewayBehavior, Pooling, PortAllocation,
    Refresh, RstOnUnknown,
};
pub use nat_instance::{InstanceTimeout, NatInstanceBehavior};
pub use neighbors::{TransitGatewayBehavior, VpcEndpointBehavior, VpcPeeringBehavior, VpnGatewayBehavior};

/// `[behavior]`: every value has the default of its preset.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Behavior {
    /// Where the defaults came from.
    pub preset: Preset,
    /// NAT gateways.
    pub nat_gateway: NatGatewayBehavior,
    /// NAT instances.
    pub nat_instance: NatInstanceBehavior,
    /// Network ACLs.
    pub network_acl: NetworkAclBehavior,
    /// Security groups and their connection tracking.
    pub security_group: SecurityGroupBehavior,
    /// Egress-only internet gateways.
    pub egress_only_internet_gateway: EgressOnlyBehavior,
    /// Endpoints.
    pub vpc_endpoint: VpcEndpointBehavior,
    /// Peering connections.
    pub vpc_peering: VpcPeeringBehavior,
    /// Transit gateways.
    pub transit_gateway: TransitGatewayBehavior,
    /// Virtual private gateways.
    pub vpn_gateway: VpnGatewayBehavior,
    /// Virtual reassembly of fragments.
    pub fragments: FragmentBehavior,
    /// The network between the components.
    pub underlay: UnderlayBehavior,
}

/// A set of defaults.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Preset {
    /// What AWS does, as far as it is known.
    #[default]
    Aws,
    /// What RFC 4787, 5382, 5508 and 7857 ask of a NAT, where they differ.
    Rfc,
}

/// `[behavior.security_group]`; timers that AWS documents are attributes of an interface.
#[derive(Clone, Debug, PartialEq)]
pub struct SecurityGroupBehavior {
    /// TCP entries whose handshake is not complete (6.16).
    pub tcp_opening: Duration,
    /// TCP entries after FIN in both directions (6.16).
    pub tcp_closing: Duration,
    /// TCP entries after RST (6.16).
    pub tcp_reset: Duration,
    /// ICMP entries (6.16).
    pub icmp: Duration,
    /// Whether a TCP segment without an entry that is not a SYN may be picked up where rules allow it (6.23).
    pub tcp_loose: bool,
    /// Whether an ICMP error about a known flow is let in without a rule (6.26).
    pub icmp_related: bool,
    /// Entries that all interfaces of an instance may have together; AWS says of no instance type how many (6.19).
    pub connections_per_instance: Option<u32>,
    /// Whether mail from instances to public addresses is blocked, as it is until an account asks otherwise (6.33).
    pub block_smtp: bool,
}

impl Default for SecurityGroupBehavior {
    fn default() -> Self {
        let seconds = Duration::from_secs;
        Self {
            tcp_opening: seconds(60),
            tcp_closing: seconds(30),
            tcp_reset: seconds(10),
            icmp: seconds(30),
            tcp_loose: true,
            icmp_related: true,
            connections_per_instance: None,
            block_smtp: false,
        }
    }
}

/// `[behavior.egress_only_internet_gateway]`: no timer is documented, so they default to the ones that AWS documents for
/// an interface's connection tracking (5.4).
#[derive(Clone, Debug, PartialEq)]
pub struct EgressOnlyBehavior {
    /// Established TCP (6.16).
    pub tcp_idle: Duration,
    /// UDP in one direction or one exchange (6.16).
    pub udp_idle: Duration,
    /// UDP with more than one exchange (6.16).
    pub udp_stream_idle: Duration,
    /// ICMPv6 queries (6.16).
    pub icmp_idle: Duration,
    /// Every other protocol (6.16).
    pub other_idle: Duration,
    /// The largest packet that it carries (1.22).
    pub mtu: u32,
}

impl Default for EgressOnlyBehavior {
    fn default() -> Self {
        let seconds = Duration::from_secs;
        Self {
            tcp_idle: seconds(432_000),
            udp_idle: seconds(30),
            udp_stream_idle: seconds(180),
            icmp_idle: seconds(30),
            other_idle: seconds(600),
            mtu: 1500,
        }
    }
}

/// `[behavior.fragments]`: the table that lends the ports of a first fragment to the others (4.20, 6.31).
#[derive(Clone, Debug, PartialEq)]
pub struct FragmentBehavior {
    /// How long the ports of a first fragment are remembered.
    pub remember: Duration,
    /// How long a fragment waits for the first of its datagram.
    pub hold: Duration,
}

impl Default for FragmentBehavior {
    fn default() -> Self {
        // As Linux's net.ipv4.ipfrag_time; a second is what out-of-order delivery needs at most.
        Self { remember: Duration::from_secs(30), hold: Duration::from_secs(1) }
    }
}

/// `[behavior.network_acl]`.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct NetworkAclBehavior {
    /// What entries with ports make of fragments without (7.13).
    pub nacl_fragments: NaclFragments,
}

/// What network ACL entries with ports make of fragments that have none (7.13).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum NaclFragments {
    /// They are judged with the ports of the first fragment.
    #[default]
    Inherit,
    /// They match only entries without ports.
    PortlessOnly,
}

/// `[behavior.underlay]`: what the network between the components does.
#[derive(Clone, Debug, PartialEq)]
pub struct UnderlayBehavior {
    /// Routers between the internet gateway and the internet: TTL goes down by this many each way (1.25).
    pub hops: u8,
    /// Fragments that an interface may send a second; AWS polices 1024 (1.26).
    pub egress_fragments_per_second: Option<u32>,
    /// Packets that an interface may send to the VPC's own services a second (1.12).
    pub services_packets_per_second: u32,
}

impl Default for UnderlayBehavior {
    fn default() -> Self {
        Self { hops: 0, egress_fragments_per_second: None, services_packets_per_second: 1024 }
    }
}

/// A duration as the native file writes it: `350s`, `5m`, `2h`, `1500ms`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, JsonSchema)]
#[schemars(with = "String")]
pub struct Span(pub Duration);

impl Span {
    /// Reads a number with a unit of `ms`, `s`, `m`, `h` or `d`.
    pub fn parse(text: &str) -> Option<Self> {
        let unit = text.find(|c: char| !c.is_ascii_digit())?;
        let (number, unit) = text.split_at(unit);
        let number: u64 = number.parse().ok()?;
        let milliseconds: u64 = match unit {
            "ms" => 1,
            "s" => 1_000,
            "m" => 60_000,
            "h" => 3_600_000,
            "d" => 86_400_000,
            _ => return None,
        };
        number.checked_mul(milliseconds).map(|ms| Self(Duration::from_millis(ms)))
    }
}

impl fmt::Display for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.subsec_nanos() == 0 {
            write!(f, "{}s", self.0.as_secs())
        } else {
            write!(f, "{}ms", self.0.as_millis())
        }
    }
}

impl Serialize for Span {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Span {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Self::parse(&text).ok_or_else(|| {
            serde::de::Error::custom(format!(
                "`{text}` is not a duration: write a number with ms, s, m, h or d, as `350s`"
            ))
        })
    }
}
