//! `[behavior]`, each knob with the rule of the semantics page that it belongs to.

use schemars::JsonSchema;
use serde::Deserialize;
use toml::Spanned;

use crate::behavior::{NaclFragments, Preset, Span};

use super::neighbor_knobs::{TransitGatewayKnobs, VpcEndpointKnobs, VpcPeeringKnobs, VpnGatewayKnobs};
use super::{NatGatewayKnobs, NatInstanceKnobs};

/// Knobs; what is left out has the preset's value.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default)]
#[schemars(deny_unknown_fields)]
pub(crate) struct BehaviorFile {
    /// Where the defaults come from: `aws`, or `rfc` for what RFC 4787, 5382, 5508 and 7857 ask of a NAT.
    #[schemars(extend("default" = "aws"))]
    pub(crate) preset: Option<Preset>,
    /// NAT gateways.
    pub(crate) nat_gateway: NatGatewayKnobs,
    /// NAT instances.
    pub(crate) nat_instance: NatInstanceKnobs,
    /// Network ACLs.
    pub(crate) network_acl: NetworkAclKnobs,
    /// Security groups.
    pub(crate) security_group: SecurityGroupKnobs,
    /// Egress-only internet gateways.
    pub(crate) egress_only_internet_gateway: EgressOnlyKnobs,
    /// Endpoints.
    pub(crate) vpc_endpoint: VpcEndpointKnobs,
    /// Peering connections.
    pub(crate) vpc_peering: VpcPeeringKnobs,
    /// Transit gateways.
    pub(crate) transit_gateway: TransitGatewayKnobs,
    /// Virtual private gateways.
    pub(crate) vpn_gateway: VpnGatewayKnobs,
    /// Virtual reassembly of fragments.
    pub(crate) fragments: FragmentKnobs,
    /// The network between the components.
    pub(crate) underlay: UnderlayKnobs,
}

/// Knobs of security groups.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default)]
#[schemars(deny_unknown_fields)]
pub(crate) struct SecurityGroupKnobs {
    /// TCP before the handshake is complete (6.16).
    #[schemars(with = "Option<Span>", extend("default" = "60s"))]
    pub(crate) tcp_opening: Option<Spanned<Span>>,
    /// TCP after FIN both ways (6.16).
    #[schemars(with = "Option<Span>", extend("default" = "30s"))]
    pub(crate) tcp_closing: Option<Spanned<Span>>,
    /// TCP after RST (6.16).
    #[schemars(with = "Option<Span>", extend("default" = "10s"))]
    pub(crate) tcp_reset: Option<Spanned<Span>>,
    /// ICMP (6.16).
    #[schemars(with = "Option<Span>", extend("default" = "30s"))]
    pub(crate) icmp: Option<Spanned<Span>>,
    /// Mid-stream pick-up where rules allow it (6.23).
    #[schemars(extend("default" = true))]
    pub(crate) tcp_loose: Option<bool>,
    /// ICMP errors about known flows need no rule (6.26).
    #[schemars(extend("default" = true))]
    pub(crate) icmp_related: Option<bool>,
    /// Tracked connections that an instance may have at its interfaces, at least 1 (6.19). Default no limit.
    #[schemars(with = "Option<u32>", range(min = 1))]
    pub(crate) connections_per_instance: Option<Spanned<u32>>,
    /// Instances cannot send to TCP port 25 of public addresses (6.33).
    #[schemars(extend("default" = false))]
    pub(crate) block_smtp: Option<bool>,
}

/// Knobs of egress-only internet gateways.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default)]
#[schemars(deny_unknown_fields)]
pub(crate) struct EgressOnlyKnobs {
    /// Established TCP (5.4).
    #[schemars(with = "Option<Span>", extend("default" = "432000s"))]
    pub(crate) tcp_idle: Option<Spanned<Span>>,
    /// UDP (5.4).
    #[schemars(with = "Option<Span>", extend("default" = "30s"))]
    pub(crate) udp_idle: Option<Spanned<Span>>,
    /// UDP streams (5.4).
    #[schemars(with = "Option<Span>", extend("default" = "180s"))]
    pub(crate) udp_stream_idle: Option<Spanned<Span>>,
    /// ICMPv6 queries (5.4).
    #[schemars(with = "Option<Span>", extend("default" = "30s"))]
    pub(crate) icmp_idle: Option<Spanned<Span>>,
    /// Every other protocol (5.4).
    #[schemars(with = "Option<Span>", extend("default" = "600s"))]
    pub(crate) other_idle: Option<Spanned<Span>>,
    /// The largest packet that it carries, 1280 to 9001 (1.22).
    #[schemars(with = "Option<u32>", range(min = 1280, max = 9001), extend("default" = 1500))]
    pub(crate) mtu: Option<Spanned<u32>>,
}

/// Knobs of the table that lends the ports of a first fragment to the others.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default)]
#[schemars(deny_unknown_fields)]
pub(crate) struct FragmentKnobs {
    /// How long the ports of a first fragment are remembered (4.20).
    #[schemars(with = "Option<Span>", extend("default" = "30s"))]
    pub(crate) remember: Option<Spanned<Span>>,
    /// How long a fragment waits for the first of its datagram (4.20, 6.31).
    #[schemars(with = "Option<Span>", extend("default" = "1s"))]
    pub(crate) hold: Option<Spanned<Span>>,
}

/// Knobs of the network between the components.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default)]
#[schemars(deny_unknown_fields)]
pub(crate) struct UnderlayKnobs {
    /// Routers between the internet gateway and the internet: TTL goes down by this many each way (1.25).
    #[schemars(extend("default" = 0))]
    pub(crate) hops: Option<u8>,
    /// Fragments that an interface may send a second, at least 1; AWS polices 1024 (1.26). Default no limit.
    #[schemars(with = "Option<u32>", range(min = 1))]
    pub(crate) egress_fragments_per_second: Option<Spanned<u32>>,
    /// Packets that an interface may send a second to DNS, metadata, time and activation, at least 1 (1.12).
    #[schemars(with = "Option<u32>", range(min = 1), extend("default" = 1024))]
    pub(crate) services_packets_per_second: Option<Spanned<u32>>,
}

/// Knobs of network ACLs.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default)]
#[schemars(deny_unknown_fields)]
pub(crate) struct NetworkAclKnobs {
    /// What entries with ports make of fragments without (7.13).
    #[schemars(extend("default" = "inherit"))]
    pub(crate) nacl_fragments: Option<NaclFragments>,
}
