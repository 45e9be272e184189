//! `[behavior]`, each knob with the rule of the semantics page that it belongs to.

use schemars::JsonSchema;
use serde::Deserialize;

use crate::behavior::{Preset, RstOnUnknown, Span};

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
    /// Security groups.
    pub(crate) security_group: SecurityGroupKnobs,
    /// Egress-only internet gateways.
    pub(crate) egress_only_internet_gateway: EgressOnlyKnobs,
}

/// Knobs of NAT gateways.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default)]
#[schemars(deny_unknown_fields)]
pub(crate) struct NatGatewayKnobs {
    /// Idle TCP mappings (4.24); the preset `rfc` has 7440s.
    #[schemars(extend("default" = "350s"))]
    pub(crate) tcp_idle: Option<Span>,
    /// Idle UDP mappings (4.24); the preset `rfc` has 300s.
    #[schemars(extend("default" = "350s"))]
    pub(crate) udp_idle: Option<Span>,
    /// Idle ICMP mappings (4.24); the preset `rfc` has 60s.
    #[schemars(extend("default" = "350s"))]
    pub(crate) icmp_idle: Option<Span>,
    /// Half-open mappings (4.28); the preset `rfc` has 240s.
    #[schemars(extend("default" = "60s"))]
    pub(crate) tcp_syn_sent: Option<Span>,
    /// After FIN both ways (4.28); the preset `rfc` has 240s.
    #[schemars(extend("default" = "60s"))]
    pub(crate) tcp_fin_linger: Option<Span>,
    /// After RST (4.28); the preset `rfc` has 240s.
    #[schemars(extend("default" = "10s"))]
    pub(crate) tcp_rst_linger: Option<Span>,
    /// Who gets a RST (4.26).
    #[schemars(extend("default" = "always"))]
    pub(crate) rst_on_unknown: Option<RstOnUnknown>,
    /// Mappings per address, protocol and destination (4.12).
    #[schemars(extend("default" = 55000))]
    pub(crate) max_per_destination: Option<u32>,
}

/// Knobs of security groups.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default)]
#[schemars(deny_unknown_fields)]
pub(crate) struct SecurityGroupKnobs {
    /// TCP before the handshake is complete (6.16).
    #[schemars(extend("default" = "60s"))]
    pub(crate) tcp_opening: Option<Span>,
    /// TCP after FIN both ways (6.16).
    #[schemars(extend("default" = "30s"))]
    pub(crate) tcp_closing: Option<Span>,
    /// TCP after RST (6.16).
    #[schemars(extend("default" = "10s"))]
    pub(crate) tcp_reset: Option<Span>,
    /// ICMP (6.16).
    #[schemars(extend("default" = "30s"))]
    pub(crate) icmp: Option<Span>,
    /// Mid-stream pick-up where rules allow it (6.23).
    #[schemars(extend("default" = true))]
    pub(crate) tcp_loose: Option<bool>,
    /// ICMP errors about known flows need no rule (6.26).
    #[schemars(extend("default" = true))]
    pub(crate) icmp_related: Option<bool>,
}

/// Knobs of egress-only internet gateways.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default)]
#[schemars(deny_unknown_fields)]
pub(crate) struct EgressOnlyKnobs {
    /// Established TCP (5.4).
    #[schemars(extend("default" = "432000s"))]
    pub(crate) tcp_idle: Option<Span>,
    /// UDP (5.4).
    #[schemars(extend("default" = "30s"))]
    pub(crate) udp_idle: Option<Span>,
    /// UDP streams (5.4).
    #[schemars(extend("default" = "180s"))]
    pub(crate) udp_stream_idle: Option<Span>,
    /// ICMPv6 queries (5.4).
    #[schemars(extend("default" = "30s"))]
    pub(crate) icmp_idle: Option<Span>,
    /// Every other protocol (5.4).
    #[schemars(extend("default" = "600s"))]
    pub(crate) other_idle: Option<Span>,
}
