//! Knobs for what AWS does not document, each with the rule of the semantics page that it belongs to.

use std::fmt;
use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// `[behavior]`: every value has the default of its preset.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Behavior {
    /// Where the defaults came from.
    pub preset: Preset,
    /// NAT gateways.
    pub nat_gateway: NatGatewayBehavior,
    /// Security groups and their connection tracking.
    pub security_group: SecurityGroupBehavior,
    /// Egress-only internet gateways.
    pub egress_only_internet_gateway: EgressOnlyBehavior,
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

/// `[behavior.nat_gateway]`.
#[derive(Clone, Debug, PartialEq)]
pub struct NatGatewayBehavior {
    /// Idle TCP mappings die after this long (4.24).
    pub tcp_idle: Duration,
    /// Idle UDP mappings (4.24).
    pub udp_idle: Duration,
    /// Idle ICMP query mappings (4.24).
    pub icmp_idle: Duration,
    /// Mappings whose handshake is not complete (4.28).
    pub tcp_syn_sent: Duration,
    /// How long a mapping's port stays taken after FIN in both directions (4.28).
    pub tcp_fin_linger: Duration,
    /// How long a mapping's port stays taken after RST (4.28).
    pub tcp_rst_linger: Duration,
    /// Who gets a RST for a TCP segment from the inside without a mapping (4.26).
    pub rst_on_unknown: RstOnUnknown,
    /// Mappings per NAT address, protocol and destination, those in linger included (4.12).
    pub max_per_destination: u32,
}

impl NatGatewayBehavior {
    /// The defaults of a preset.
    pub fn preset(preset: Preset) -> Self {
        let seconds = Duration::from_secs;
        let aws = Self {
            tcp_idle: seconds(350),
            udp_idle: seconds(350),
            icmp_idle: seconds(350),
            tcp_syn_sent: seconds(60),
            tcp_fin_linger: seconds(60),
            tcp_rst_linger: seconds(10),
            rst_on_unknown: RstOnUnknown::Always,
            max_per_destination: 55_000,
        };
        match preset {
            Preset::Aws => aws,
            // RFC 5382 REQ-5: 2 h 4 min established, 4 min transitory; RFC 7857 2.1 and 2.2: 4 min closing.
            Preset::Rfc => Self {
                tcp_idle: seconds(7440),
                udp_idle: seconds(300),
                icmp_idle: seconds(60),
                tcp_syn_sent: seconds(240),
                tcp_fin_linger: seconds(240),
                tcp_rst_linger: seconds(240),
                ..aws
            },
        }
    }
}

impl Default for NatGatewayBehavior {
    fn default() -> Self {
        Self::preset(Preset::Aws)
    }
}

/// Who gets a RST for a TCP segment from the inside without a mapping (4.26).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum RstOnUnknown {
    /// Every such segment.
    Always,
    /// Only one whose mapping expired while something else still remembers the flow.
    TombstoneOnly,
    /// None.
    Never,
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
        }
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
