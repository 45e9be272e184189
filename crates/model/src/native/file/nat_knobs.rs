//! `[behavior.nat_gateway]` and `[behavior.nat_instance]`.

use schemars::JsonSchema;
use serde::Deserialize;
use toml::Spanned;

use crate::behavior::{
    Exhaustion, Filtering, FragmentPolicy, Hairpin, InstanceTimeout, IpId, Mapping, Pooling, PortAllocation, Refresh,
    RstOnUnknown, Span,
};

use super::Text;

/// Knobs of NAT gateways.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default)]
#[schemars(deny_unknown_fields)]
pub(crate) struct NatGatewayKnobs {
    /// Idle TCP mappings (4.24; RFC 5382 REQ-5); the preset `rfc` has 7440s.
    #[schemars(with = "Option<Span>", extend("default" = "350s"))]
    pub(crate) tcp_idle: Option<Spanned<Span>>,
    /// Idle UDP mappings (4.24; RFC 4787 REQ-5); the preset `rfc` has 300s.
    #[schemars(with = "Option<Span>", extend("default" = "350s"))]
    pub(crate) udp_idle: Option<Spanned<Span>>,
    /// Idle UDP mappings towards ports below 1024 (4.24; RFC 4787 REQ-5); default as `udp_idle`.
    #[schemars(with = "Option<Span>")]
    pub(crate) udp_idle_well_known: Option<Spanned<Span>>,
    /// Idle ICMP mappings (4.24; RFC 5508 REQ-2); the preset `rfc` has 60s.
    #[schemars(with = "Option<Span>", extend("default" = "350s"))]
    pub(crate) icmp_idle: Option<Spanned<Span>>,
    /// Half-open mappings (4.28; RFC 7857 2.1); the preset `rfc` has 240s.
    #[schemars(with = "Option<Span>", extend("default" = "60s"))]
    pub(crate) tcp_syn_sent: Option<Spanned<Span>>,
    /// After FIN both ways (4.28; RFC 7857 2.1); the preset `rfc` has 240s.
    #[schemars(with = "Option<Span>", extend("default" = "60s"))]
    pub(crate) tcp_fin_linger: Option<Spanned<Span>>,
    /// After RST (4.28; RFC 7857 2.2); the preset `rfc` has 240s.
    #[schemars(with = "Option<Span>", extend("default" = "10s"))]
    pub(crate) tcp_rst_linger: Option<Spanned<Span>>,
    /// Which packets give a mapping a new lease (4.30; RFC 4787 REQ-6); the preset `rfc` has out.
    #[schemars(extend("default" = "both"))]
    pub(crate) refresh: Option<Refresh>,
    /// Who gets a RST (4.26).
    #[schemars(extend("default" = "always"))]
    pub(crate) rst_on_unknown: Option<RstOnUnknown>,
    /// Whether TCP from the outside without a mapping gets a RST (4.27).
    #[schemars(extend("default" = false))]
    pub(crate) rst_to_outside: Option<bool>,
    /// Mappings per address, protocol and destination, 1 to 64512 (4.12).
    #[schemars(with = "Option<u32>", range(min = 1, max = 64512), extend("default" = 55000))]
    pub(crate) max_per_destination: Option<Spanned<u32>>,
    /// Mappings per inside address over all destinations, at least 1; default no limit (4.12; RFC 6888 REQ-4).
    #[schemars(with = "Option<u32>", range(min = 1))]
    pub(crate) max_ports_per_host: Option<Spanned<u32>>,
    /// Which destinations share a mapping (4.13; RFC 4787 REQ-1); the preset `rfc` has EIM.
    #[schemars(extend("default" = "APDM"))]
    pub(crate) mapping: Option<Mapping>,
    /// Whose packets a mapping lets in (4.13; RFC 4787 REQ-8); the preset `rfc` has EIF.
    #[schemars(extend("default" = "APDF"))]
    pub(crate) filtering: Option<Filtering>,
    /// How a mapping gets one of several addresses (4.15; RFC 4787 REQ-2); the preset `rfc` has paired.
    #[schemars(extend("default" = "arbitrary"))]
    pub(crate) pooling: Option<Pooling>,
    /// Whether mappings towards different destinations may share a port (4.12; RFC 4787 REQ-3); the preset `rfc` has
    /// false.
    #[schemars(extend("default" = true))]
    pub(crate) overload: Option<bool>,
    /// How a mapping gets its port (4.14; RFC 7857 9).
    #[schemars(extend("default" = "random"))]
    pub(crate) port_alloc: Option<PortAllocation>,
    /// Ports below 1024 become such ports, others others (4.11; RFC 4787 REQ-3a); the preset `rfc` has true.
    #[schemars(extend("default" = false))]
    pub(crate) preserve_class: Option<bool>,
    /// Even ports become even ones, odd ports odd ones (4.14; RFC 4787 REQ-4); the preset `rfc` has true.
    #[schemars(extend("default" = false))]
    pub(crate) parity: Option<bool>,
    /// How long a port stays unused after its mapping is gone (4.28; RFC 6888 REQ-8); the preset `rfc` has 120s.
    #[schemars(with = "Option<Span>", extend("default" = "0s"))]
    pub(crate) port_cooldown: Option<Spanned<Span>>,
    /// What a client hears when every port is taken (4.16; RFC 5508 REQ-8); the preset `rfc` has icmp13.
    #[schemars(extend("default" = "drop"))]
    pub(crate) exhaustion: Option<Exhaustion>,
    /// Whether inside hosts reach each other by the gateway's public address (4.21; RFC 4787 REQ-9); the preset `rfc` has
    /// ext_src.
    #[schemars(extend("default" = "none"))]
    pub(crate) hairpin: Option<Hairpin>,
    /// Whether ICMP errors pass only from the remote of the mapping (4.18; RFC 4787 REQ-12a).
    #[schemars(extend("default" = false))]
    pub(crate) icmp_src_check: Option<bool>,
    /// Whether a SYN from the remote of a half-open mapping passes (4.13; RFC 5382 REQ-2).
    #[schemars(extend("default" = true))]
    pub(crate) tcp_simopen: Option<bool>,
    /// TCP fragments (4.20); the preset `rfc` has forward.
    #[schemars(extend("default" = "drop"))]
    pub(crate) frag_tcp: Option<FragmentPolicy>,
    /// ICMP fragments (4.20); the preset `rfc` has forward.
    #[schemars(extend("default" = "drop"))]
    pub(crate) frag_icmp: Option<FragmentPolicy>,
    /// The IPv4 identification of what may be fragmented (1.27; RFC 7857 10); the preset `rfc` has rewrite.
    #[schemars(extend("default" = "keep"))]
    pub(crate) ipid: Option<IpId>,
    /// Destinations that are passed on untranslated (4.19; RFC 6888 REQ-6).
    #[schemars(with = "Option<Vec<String>>", extend("default" = []))]
    pub(crate) no_nat_prefixes: Option<Vec<Text>>,
    /// The largest packet, 576 to 9001 (1.22).
    #[schemars(with = "Option<u32>", range(min = 576, max = 9001), extend("default" = 8500))]
    pub(crate) mtu: Option<Spanned<u32>>,
    /// Whether it lowers the maximum segment size of TCP handshakes (1.23).
    #[schemars(extend("default" = true))]
    pub(crate) mss_clamp: Option<bool>,
    /// Whether it tells clients that a TTL ran out (1.25).
    #[schemars(extend("default" = true))]
    pub(crate) time_exceeded: Option<bool>,
    /// Whether it tells senders that a packet is too large (1.22).
    #[schemars(extend("default" = true))]
    pub(crate) fragmentation_needed: Option<bool>,
    /// Whether a regional one refuses clients in zones that it has no address in (4.4).
    #[schemars(extend("default" = false))]
    pub(crate) strict_az: Option<bool>,
}

/// Knobs of NAT instances: Linux's connection tracking (11.3).
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default)]
#[schemars(deny_unknown_fields)]
pub(crate) struct NatInstanceKnobs {
    /// SYN sent (11.3).
    #[schemars(with = "Option<Span>", extend("default" = "120s"))]
    pub(crate) tcp_syn_sent: Option<Spanned<Span>>,
    /// SYN received (11.3).
    #[schemars(with = "Option<Span>", extend("default" = "60s"))]
    pub(crate) tcp_syn_recv: Option<Spanned<Span>>,
    /// Established (11.3).
    #[schemars(with = "Option<Span>", extend("default" = "432000s"))]
    pub(crate) tcp_established: Option<Spanned<Span>>,
    /// FIN from one side (11.3).
    #[schemars(with = "Option<Span>", extend("default" = "120s"))]
    pub(crate) tcp_fin_wait: Option<Spanned<Span>>,
    /// FIN from one side, acknowledged (11.3).
    #[schemars(with = "Option<Span>", extend("default" = "60s"))]
    pub(crate) tcp_close_wait: Option<Spanned<Span>>,
    /// FIN from both sides (11.3).
    #[schemars(with = "Option<Span>", extend("default" = "30s"))]
    pub(crate) tcp_last_ack: Option<Spanned<Span>>,
    /// Closed in order (11.3).
    #[schemars(with = "Option<Span>", extend("default" = "120s"))]
    pub(crate) tcp_time_wait: Option<Spanned<Span>>,
    /// RST (11.3).
    #[schemars(with = "Option<Span>", extend("default" = "10s"))]
    pub(crate) tcp_close: Option<Spanned<Span>>,
    /// After too many retransmissions (11.3).
    #[schemars(with = "Option<Span>", extend("default" = "300s"))]
    pub(crate) tcp_max_retrans: Option<Spanned<Span>>,
    /// Data that nobody acknowledges (11.3).
    #[schemars(with = "Option<Span>", extend("default" = "300s"))]
    pub(crate) tcp_unacknowledged: Option<Spanned<Span>>,
    /// UDP in one direction (11.3).
    #[schemars(with = "Option<Span>", extend("default" = "30s"))]
    pub(crate) udp: Option<Spanned<Span>>,
    /// UDP in both directions (11.3).
    #[schemars(with = "Option<Span>", extend("default" = "120s"))]
    pub(crate) udp_stream: Option<Spanned<Span>>,
    /// ICMP queries (11.3).
    #[schemars(with = "Option<Span>", extend("default" = "30s"))]
    pub(crate) icmp: Option<Spanned<Span>>,
    /// Every other protocol (11.3).
    #[schemars(with = "Option<Span>", extend("default" = "600s"))]
    pub(crate) generic: Option<Spanned<Span>>,
    /// Whether segments outside the window are dropped (11.3).
    #[schemars(extend("default" = true))]
    pub(crate) tcp_window_check: Option<bool>,
    /// Whether TCP that began before the capture is picked up (11.3).
    #[schemars(extend("default" = true))]
    pub(crate) tcp_loose: Option<bool>,
    /// What the inside hears of a connection that timed out (11.4).
    #[schemars(extend("default" = "silent"))]
    pub(crate) timeout: Option<InstanceTimeout>,
    /// The largest packet that its interface sends, 576 to 9001 (1.22).
    #[schemars(with = "Option<u32>", range(min = 576, max = 9001), extend("default" = 9001))]
    pub(crate) mtu: Option<Spanned<u32>>,
}
