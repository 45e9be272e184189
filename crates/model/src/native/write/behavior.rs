//! Knobs that are not as their preset has them.

use std::time::Duration;

use ipnet::IpNet;
use serde::Serialize;

use crate::behavior::{
    Behavior, Exhaustion, Filtering, FragmentPolicy, Hairpin, InstanceTimeout, IpId, Mapping, NaclFragments,
    NatGatewayBehavior, Pooling, PortAllocation, Preset, Refresh, RstOnUnknown, Span,
};

use super::Page;
use super::toml::{self, text};

/// The lines of the knobs of one stage that differ, behind their heading.
macro_rules! knobs {
    ($page:expr, $set:expr, $preset:expr, $stage:ident: $($knob:ident),*) => {
        let mut lines: Vec<(&str, String)> = Vec::new();
        $(
            if $set.$stage.$knob != $preset.$stage.$knob {
                lines.extend($set.$stage.$knob.written().map(|value| (stringify!($knob), value)));
            }
        )*
        $page.stage(stringify!($stage), lines);
    };
}

impl Page<'_> {
    pub(super) fn behavior(&mut self) {
        let network = self.network;
        let set = &network.behavior;
        let nat_gateway = NatGatewayBehavior::preset(set.preset);
        let preset = &Behavior { preset: set.preset, nat_gateway, ..Behavior::default() };
        if set.preset != Preset::default() {
            self.line("\n[behavior]");
            self.set_text("preset", Some(&word(&set.preset)));
        }
        knobs!(self, set, preset, nat_gateway: tcp_idle, udp_idle, udp_idle_well_known, icmp_idle, tcp_syn_sent, tcp_fin_linger, tcp_rst_linger, refresh, rst_on_unknown, rst_to_outside, max_per_destination, max_ports_per_host, mapping, filtering, pooling, overload, port_alloc, preserve_class, parity, port_cooldown, exhaustion, hairpin, icmp_src_check, tcp_simopen, frag_tcp, frag_icmp, ipid, no_nat_prefixes, mtu, mss_clamp, time_exceeded, fragmentation_needed, strict_az);
        knobs!(self, set, preset, nat_instance: tcp_syn_sent, tcp_syn_recv, tcp_established, tcp_fin_wait, tcp_close_wait, tcp_last_ack, tcp_time_wait, tcp_close, tcp_max_retrans, tcp_unacknowledged, udp, udp_stream, icmp, generic, tcp_window_check, tcp_loose, timeout, mtu);
        knobs!(self, set, preset, security_group: tcp_opening, tcp_closing, tcp_reset, icmp, tcp_loose, icmp_related, connections_per_instance, block_smtp);
        knobs!(self, set, preset, egress_only_internet_gateway: tcp_idle, udp_idle, udp_stream_idle, icmp_idle, other_idle, mtu);
        knobs!(self, set, preset, vpc_endpoint: mtu, mss_clamp, tcp_idle, udp_idle, rst_on_unknown);
        knobs!(self, set, preset, vpc_peering: inter_region_mtu, fragmentation_needed, nat_replies_past_default_route);
        knobs!(self, set, preset, transit_gateway: mtu, vpn_mtu, fragment, fragmentation_needed, mss_clamp, time_exceeded);
        knobs!(self, set, preset, vpn_gateway: mtu, fragment);
        knobs!(self, set, preset, fragments: remember, hold);
        knobs!(self, set, preset, underlay: hops, egress_fragments_per_second, services_packets_per_second);
        knobs!(self, set, preset, network_acl: nacl_fragments);
    }

    fn stage(&mut self, stage: &str, lines: Vec<(&str, String)>) {
        if lines.is_empty() {
            return;
        }
        self.line(&format!("\n[behavior.{stage}]"));
        for (knob, value) in lines {
            self.set(knob, value);
        }
    }
}

/// A value of one of a few words, as the file writes it.
pub(super) fn word(value: &impl Serialize) -> String {
    // Such values are texts.
    let value = serde_json::to_value(value).unwrap_or_default();
    value.as_str().unwrap_or_default().to_owned()
}

/// The value of a knob as the file writes it.
trait Knob {
    /// None for what the file says by leaving it out.
    fn written(&self) -> Option<String>;
}

impl Knob for Duration {
    fn written(&self) -> Option<String> {
        Some(text(&Span(*self).to_string()))
    }
}

impl Knob for Vec<IpNet> {
    fn written(&self) -> Option<String> {
        Some(toml::texts(self))
    }
}

impl<T: Knob> Knob for Option<T> {
    fn written(&self) -> Option<String> {
        self.as_ref().and_then(Knob::written)
    }
}

macro_rules! plain {
    ($($plain:ty),*) => {$(
        impl Knob for $plain {
            fn written(&self) -> Option<String> {
                Some(self.to_string())
            }
        }
    )*};
}

plain!(bool, u8, u32);

macro_rules! words {
    ($($words:ty),*) => {$(
        impl Knob for $words {
            fn written(&self) -> Option<String> {
                Some(text(&word(self)))
            }
        }
    )*};
}

words!(
    Exhaustion,
    Filtering,
    FragmentPolicy,
    Hairpin,
    InstanceTimeout,
    IpId,
    Mapping,
    NaclFragments,
    Pooling,
    PortAllocation,
    Refresh,
    RstOnUnknown
);
