use std::time::Duration;

use crate::Behavior;
use crate::behavior::{
    EgressOnlyBehavior, FragmentBehavior, NatGatewayBehavior, NatInstanceBehavior, SecurityGroupBehavior, Span,
    UnderlayBehavior,
};

use super::file::{BehaviorFile, EgressOnlyKnobs, NatGatewayKnobs, SecurityGroupKnobs};

/// The preset's values, with what the file sets in place of them.
pub(crate) fn behavior(file: BehaviorFile) -> Behavior {
    let preset = file.preset.unwrap_or_default();
    Behavior {
        preset,
        nat_gateway: nat_gateway(file.nat_gateway, NatGatewayBehavior::preset(preset)),
        security_group: security_group(&file.security_group, SecurityGroupBehavior::default()),
        egress_only_internet_gateway: egress_only(&file.egress_only_internet_gateway, EgressOnlyBehavior::default()),
        nat_instance: NatInstanceBehavior::default(),
        fragments: FragmentBehavior::default(),
        underlay: UnderlayBehavior::default(),
    }
}

fn or(set: Option<Span>, default: Duration) -> Duration {
    set.map_or(default, |Span(duration)| duration)
}

fn nat_gateway(set: NatGatewayKnobs, default: NatGatewayBehavior) -> NatGatewayBehavior {
    NatGatewayBehavior {
        tcp_idle: or(set.tcp_idle, default.tcp_idle),
        udp_idle: or(set.udp_idle, default.udp_idle),
        icmp_idle: or(set.icmp_idle, default.icmp_idle),
        tcp_syn_sent: or(set.tcp_syn_sent, default.tcp_syn_sent),
        tcp_fin_linger: or(set.tcp_fin_linger, default.tcp_fin_linger),
        tcp_rst_linger: or(set.tcp_rst_linger, default.tcp_rst_linger),
        rst_on_unknown: set.rst_on_unknown.unwrap_or(default.rst_on_unknown),
        max_per_destination: set.max_per_destination.unwrap_or(default.max_per_destination),
        ..default
    }
}

fn security_group(set: &SecurityGroupKnobs, default: SecurityGroupBehavior) -> SecurityGroupBehavior {
    SecurityGroupBehavior {
        tcp_opening: or(set.tcp_opening, default.tcp_opening),
        tcp_closing: or(set.tcp_closing, default.tcp_closing),
        tcp_reset: or(set.tcp_reset, default.tcp_reset),
        icmp: or(set.icmp, default.icmp),
        tcp_loose: set.tcp_loose.unwrap_or(default.tcp_loose),
        icmp_related: set.icmp_related.unwrap_or(default.icmp_related),
    }
}

fn egress_only(set: &EgressOnlyKnobs, default: EgressOnlyBehavior) -> EgressOnlyBehavior {
    EgressOnlyBehavior {
        tcp_idle: or(set.tcp_idle, default.tcp_idle),
        udp_idle: or(set.udp_idle, default.udp_idle),
        udp_stream_idle: or(set.udp_stream_idle, default.udp_stream_idle),
        icmp_idle: or(set.icmp_idle, default.icmp_idle),
        other_idle: or(set.other_idle, default.other_idle),
        ..default
    }
}
