use std::time::Duration;

use ipnet::IpNet;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Preset;

/// `[behavior.nat_gateway]`.
#[derive(Clone, Debug, PartialEq)]
pub struct NatGatewayBehavior {
    /// Idle TCP mappings die after this long (4.24).
    pub tcp_idle: Duration,
    /// Idle UDP mappings (4.24).
    pub udp_idle: Duration,
    /// Idle UDP mappings towards ports below 1024, where that is another time (RFC 4787 REQ-5).
    pub udp_idle_well_known: Option<Duration>,
    /// Idle ICMP query mappings (4.24).
    pub icmp_idle: Duration,
    /// Mappings whose handshake is not complete (4.28).
    pub tcp_syn_sent: Duration,
    /// How long a mapping's port stays taken after FIN in both directions (4.28).
    pub tcp_fin_linger: Duration,
    /// How long a mapping's port stays taken after RST (4.28).
    pub tcp_rst_linger: Duration,
    /// Which packets give a mapping a new lease (4.30).
    pub refresh: Refresh,
    /// Who gets a RST for a TCP segment from the inside without a mapping (4.26).
    pub rst_on_unknown: RstOnUnknown,
    /// Whether a TCP segment from the outside without a mapping gets a RST too (4.27).
    pub rst_to_outside: bool,
    /// Mappings per NAT address, protocol and destination, those in linger included (4.12).
    pub max_per_destination: u32,
    /// Mappings per inside address, over all destinations (RFC 6888 REQ-4).
    pub max_ports_per_host: Option<u32>,
    /// Which destinations share a mapping (4.13).
    pub mapping: Mapping,
    /// Whose packets a mapping lets in (4.13).
    pub filtering: Filtering,
    /// How a mapping gets one of several addresses (4.15).
    pub pooling: Pooling,
    /// Whether mappings towards different destinations may have the same port (4.12).
    pub overload: bool,
    /// How a mapping gets its port (4.14).
    pub port_alloc: PortAllocation,
    /// Whether ports below 1024 are mapped to ports below 1024, and the others to the others (RFC 4787 REQ-3a).
    pub preserve_class: bool,
    /// Whether even ports are mapped to even ones and odd ports to odd ones (RFC 4787 REQ-4).
    pub parity: bool,
    /// How long a port stays unused after its mapping is gone, towards the same destination, or towards all where ports are not
    /// overloaded (RFC 6888 REQ-8).
    pub port_cooldown: Duration,
    /// What a client hears when every port is taken (4.16).
    pub exhaustion: Exhaustion,
    /// Whether inside hosts reach each other by the gateway's own public address (4.21).
    pub hairpin: Hairpin,
    /// Whether ICMP errors pass only if the remote of the mapping itself sends them (RFC 4787 REQ-12a).
    pub icmp_src_check: bool,
    /// Whether a SYN from the remote of a half-open mapping passes (RFC 5382 REQ-2).
    pub tcp_simopen: bool,
    /// TCP fragments (4.20).
    pub frag_tcp: FragmentPolicy,
    /// ICMP fragments (4.20).
    pub frag_icmp: FragmentPolicy,
    /// The IPv4 identification of packets that may be fragmented (RFC 7857 10).
    pub ipid: IpId,
    /// Destinations that are passed on untranslated (RFC 6888 REQ-6).
    pub no_nat_prefixes: Vec<IpNet>,
    /// The largest packet that it carries (1.22).
    pub mtu: u32,
    /// Whether it lowers the maximum segment size of TCP handshakes to what its MTU carries (1.23).
    pub mss_clamp: bool,
    /// Whether it tells clients that a TTL ran out (1.25).
    pub time_exceeded: bool,
    /// Whether it tells senders that a packet is too large (1.22).
    pub fragmentation_needed: bool,
    /// Whether a regional gateway refuses clients in availability zones that it has no address in (4.4).
    pub strict_az: bool,
}

impl NatGatewayBehavior {
    /// The defaults of a preset.
    pub fn preset(preset: Preset) -> Self {
        let seconds = Duration::from_secs;
        let aws = Self {
            tcp_idle: seconds(350),
            udp_idle: seconds(350),
            udp_idle_well_known: None,
            icmp_idle: seconds(350),
            tcp_syn_sent: seconds(60),
            tcp_fin_linger: seconds(60),
            tcp_rst_linger: seconds(10),
            refresh: Refresh::Both,
            rst_on_unknown: RstOnUnknown::Always,
            rst_to_outside: false,
            max_per_destination: 55_000,
            max_ports_per_host: None,
            mapping: Mapping::AddressAndPortDependent,
            filtering: Filtering::AddressAndPortDependent,
            pooling: Pooling::Arbitrary,
            overload: true,
            port_alloc: PortAllocation::Random,
            preserve_class: false,
            parity: false,
            port_cooldown: Duration::ZERO,
            exhaustion: Exhaustion::Drop,
            hairpin: Hairpin::None,
            icmp_src_check: false,
            tcp_simopen: true,
            frag_tcp: FragmentPolicy::Drop,
            frag_icmp: FragmentPolicy::Drop,
            ipid: IpId::Keep,
            no_nat_prefixes: Vec::new(),
            mtu: 8500,
            mss_clamp: true,
            time_exceeded: true,
            fragmentation_needed: true,
            strict_az: false,
        };
        match preset {
            Preset::Aws => aws,
            Preset::Rfc => Self {
                tcp_idle: seconds(7440),                   // RFC 5382 REQ-5: 2 h 4 min
                udp_idle: seconds(300),                    // RFC 4787 REQ-5c
                icmp_idle: seconds(60),                    // RFC 5508 REQ-2
                tcp_syn_sent: seconds(240),                // RFC 5382 REQ-5, RFC 7857 2.1: 4 min
                tcp_fin_linger: seconds(240),              // RFC 7857 2.1
                tcp_rst_linger: seconds(240),              // RFC 7857 2.2
                refresh: Refresh::Out,                     // RFC 4787 REQ-6, RFC 7857 7
                mapping: Mapping::EndpointIndependent,     // RFC 4787 REQ-1, RFC 5382 REQ-1, RFC 5508 REQ-1a
                filtering: Filtering::EndpointIndependent, // RFC 4787 REQ-8a, RFC 6888 REQ-7
                pooling: Pooling::Paired,                  // RFC 4787 REQ-2, RFC 7857 4
                overload: false,                           // RFC 4787 REQ-3, RFC 5382 REQ-7
                preserve_class: true,                      // RFC 4787 REQ-3a
                parity: true,                              // RFC 4787 REQ-4, RFC 7857 8
                port_cooldown: seconds(120),               // RFC 6888 REQ-8
                exhaustion: Exhaustion::Icmp13,            // RFC 5508 REQ-8
                hairpin: Hairpin::ExternalSource,          // RFC 4787 REQ-9a, RFC 5382 REQ-8, RFC 5508 REQ-7
                frag_tcp: FragmentPolicy::Forward, // RFC 4787 REQ-14 is about UDP; RFC 7857 leaves no protocol out
                frag_icmp: FragmentPolicy::Forward, // likewise
                ipid: IpId::Rewrite,               // RFC 7857 10
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

/// Which packets give a mapping a new lease (4.30; RFC 4787 REQ-6).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Refresh {
    /// Those of either direction.
    Both,
    /// Only those from the inside.
    Out,
}

/// Which destinations share a mapping (RFC 4787 4.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum Mapping {
    /// One mapping for all destinations.
    #[serde(rename = "EIM")]
    EndpointIndependent,
    /// One for each remote address.
    #[serde(rename = "ADM")]
    AddressDependent,
    /// One for each remote address and port.
    #[serde(rename = "APDM")]
    AddressAndPortDependent,
}

/// Whose packets a mapping lets in (RFC 4787 5).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum Filtering {
    /// Everyone's.
    #[serde(rename = "EIF")]
    EndpointIndependent,
    /// Those of remote addresses that the inside has sent to.
    #[serde(rename = "ADF")]
    AddressDependent,
    /// Those of remote addresses and ports that the inside has sent to.
    #[serde(rename = "APDF")]
    AddressAndPortDependent,
}

/// How a mapping gets one of several addresses (RFC 4787 4.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Pooling {
    /// Each mapping its own, by a hash of the flow.
    Arbitrary,
    /// All mappings of an inside address the same.
    Paired,
}

/// How a mapping gets its port (4.14; RFC 7857 9).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum PortAllocation {
    /// By a seeded hash of the flow.
    Random,
    /// One after the other.
    Sequential,
    /// The inside port, if it is free.
    Preserve,
}

/// What a client hears when every port is taken (4.16).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Exhaustion {
    /// Nothing.
    Drop,
    /// ICMP host unreachable (RFC 6888 REQ-11).
    Icmp1,
    /// ICMP communication administratively prohibited (RFC 5508 REQ-8).
    Icmp13,
}

/// Whether inside hosts reach each other by the gateway's own public address (4.21; RFC 4787 6).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Hairpin {
    /// They do not.
    None,
    /// They do, and see each other's external address and port (RFC 4787 REQ-9a).
    #[serde(rename = "ext_src")]
    ExternalSource,
}

/// What happens to fragments of one protocol (4.20).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum FragmentPolicy {
    /// They are dropped.
    Drop,
    /// They are translated as those of UDP are.
    Forward,
}

/// The IPv4 identification of packets that may be fragmented (RFC 7857 10, RFC 6864).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum IpId {
    /// As the inside host wrote it (1.27).
    Keep,
    /// Mixed with the inside host's address, so that two hosts behind one address hardly ever use the same one; atomic
    /// datagrams keep theirs.
    Rewrite,
}
