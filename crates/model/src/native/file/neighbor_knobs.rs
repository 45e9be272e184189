//! Knobs of what a VPC is connected to besides the internet, and of endpoints.

use schemars::JsonSchema;
use serde::Deserialize;
use toml::Spanned;

use crate::behavior::Span;

/// Knobs of peering connections.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default)]
#[schemars(deny_unknown_fields)]
pub(crate) struct VpcPeeringKnobs {
    /// The largest packet that a connection between regions carries, 576 to 9001 (1.22).
    #[schemars(with = "Option<u32>", range(min = 576, max = 9001), extend("default" = 8500))]
    pub(crate) inter_region_mtu: Option<Spanned<u32>>,
    /// Whether the sender hears of a packet that is larger and not to be fragmented (1.22).
    #[schemars(extend("default" = true))]
    pub(crate) fragmentation_needed: Option<bool>,
    /// Whether replies to a NAT gateway of a peered VPC return to it past a default route (4.8).
    #[schemars(extend("default" = true))]
    pub(crate) nat_replies_past_default_route: Option<bool>,
}

/// Knobs of transit gateways.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default)]
#[schemars(deny_unknown_fields)]
pub(crate) struct TransitGatewayKnobs {
    /// The largest packet that it carries, 576 to 9001 (1.22).
    #[schemars(with = "Option<u32>", range(min = 576, max = 9001), extend("default" = 8500))]
    pub(crate) mtu: Option<Spanned<u32>>,
    /// The largest packet that it sends over a VPN, 576 to 9001 (1.22, 10.30).
    #[schemars(with = "Option<u32>", range(min = 576, max = 9001), extend("default" = 1446))]
    pub(crate) vpn_mtu: Option<Spanned<u32>>,
    /// Whether a larger packet that may be fragmented leaves in pieces, instead of dying (1.22).
    #[schemars(extend("default" = false))]
    pub(crate) fragment: Option<bool>,
    /// Whether a VPC hears of a larger packet that is not to be fragmented (1.22).
    #[schemars(extend("default" = true))]
    pub(crate) fragmentation_needed: Option<bool>,
    /// Whether the TCP maximum segment size is lowered to what fits (1.23).
    #[schemars(extend("default" = true))]
    pub(crate) mss_clamp: Option<bool>,
    /// Whether a VPC hears of a packet whose TTL ran out there (1.25).
    #[schemars(extend("default" = false))]
    pub(crate) time_exceeded: Option<bool>,
}

/// Knobs of virtual private gateways.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default)]
#[schemars(deny_unknown_fields)]
pub(crate) struct VpnGatewayKnobs {
    /// The largest packet that fits into a tunnel, 576 to 9001 (1.22, 10.30).
    #[schemars(with = "Option<u32>", range(min = 576, max = 9001), extend("default" = 1446))]
    pub(crate) mtu: Option<Spanned<u32>>,
    /// Whether a larger packet that may be fragmented is, before it is encrypted (1.22).
    #[schemars(extend("default" = true))]
    pub(crate) fragment: Option<bool>,
}

/// Knobs of endpoints.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default)]
#[schemars(deny_unknown_fields)]
pub(crate) struct VpcEndpointKnobs {
    /// The largest packet that an endpoint of any kind carries, 576 to 9001 (1.22).
    #[schemars(with = "Option<u32>", range(min = 576, max = 9001), extend("default" = 8500))]
    pub(crate) mtu: Option<Spanned<u32>>,
    /// Whether gateway and interface endpoints lower the TCP maximum segment size to what fits (1.23).
    #[schemars(extend("default" = true))]
    pub(crate) mss_clamp: Option<bool>,
    /// TCP without traffic at interface and Gateway Load Balancer endpoints; AWS takes 60 s to 6000 s of the latter (10.10,
    /// 10.15).
    #[schemars(with = "Option<Span>", extend("default" = "350s"))]
    pub(crate) tcp_idle: Option<Spanned<Span>>,
    /// UDP without traffic there (10.15).
    #[schemars(with = "Option<Span>", extend("default" = "120s"))]
    pub(crate) udp_idle: Option<Spanned<Span>>,
    /// Whether an interface endpoint answers a segment of a connection that it has forgotten with RST (10.10).
    #[schemars(extend("default" = true))]
    pub(crate) rst_on_unknown: Option<bool>,
}
