//! Knobs: the preset's values, with what the file sets in place of them.

use std::ops::RangeInclusive;
use std::time::Duration;

use ipnet::IpNet;
use toml::Spanned;

use crate::Behavior;
use crate::behavior::{
    EgressOnlyBehavior, FragmentBehavior, NatGatewayBehavior, NatInstanceBehavior, NetworkAclBehavior,
    SecurityGroupBehavior, Span, TransitGatewayBehavior, UnderlayBehavior, VpcEndpointBehavior, VpcPeeringBehavior,
    VpnGatewayBehavior,
};

use super::build::Builder;
use super::file::{
    BehaviorFile, EgressOnlyKnobs, FragmentKnobs, NatGatewayKnobs, NatInstanceKnobs, NetworkAclKnobs,
    SecurityGroupKnobs, Text, TransitGatewayKnobs, UnderlayKnobs, VpcEndpointKnobs, VpcPeeringKnobs, VpnGatewayKnobs,
};

/// A timer that never runs out within a capture is as good as none, and sums with time stamps stay far from overflow.
const LONGEST: Duration = Duration::from_secs(365 * 24 * 60 * 60);
/// The shortest duration that the file can say.
const SHORTEST: Duration = Duration::from_millis(1);
/// From what every IPv4 host takes (RFC 791) to what a VPC carries (1.22).
const MTU: RangeInclusive<u32> = 576..=9001;
/// Likewise of IPv6 (RFC 8200 5).
const MTU_V6: RangeInclusive<u32> = 1280..=9001;
/// Ports that a NAT gateway uses (4.11).
const NAT_PORTS: RangeInclusive<u32> = 1..=64_512;

impl Builder<'_> {
    pub(crate) fn behavior(&mut self, file: BehaviorFile) -> Behavior {
        let preset = file.preset.unwrap_or_default();
        Behavior {
            preset,
            nat_gateway: self.nat_gateway_knobs(file.nat_gateway, NatGatewayBehavior::preset(preset)),
            nat_instance: self.nat_instance_knobs(file.nat_instance, &NatInstanceBehavior::default()),
            security_group: self.security_group_knobs(file.security_group, &SecurityGroupBehavior::default()),
            egress_only_internet_gateway: self
                .egress_only_knobs(file.egress_only_internet_gateway, &EgressOnlyBehavior::default()),
            vpc_endpoint: self.vpc_endpoint_knobs(file.vpc_endpoint, &VpcEndpointBehavior::default()),
            vpc_peering: self.vpc_peering_knobs(file.vpc_peering, &VpcPeeringBehavior::default()),
            transit_gateway: self.transit_gateway_knobs(file.transit_gateway, &TransitGatewayBehavior::default()),
            vpn_gateway: self.vpn_gateway_knobs(file.vpn_gateway, &VpnGatewayBehavior::default()),
            fragments: self.fragment_knobs(file.fragments, &FragmentBehavior::default()),
            network_acl: network_acl_knobs(&file.network_acl),
            underlay: self.underlay_knobs(file.underlay, &UnderlayBehavior::default()),
        }
    }

    fn nat_gateway_knobs(&mut self, set: NatGatewayKnobs, default: NatGatewayBehavior) -> NatGatewayBehavior {
        NatGatewayBehavior {
            tcp_idle: self.timer(set.tcp_idle, default.tcp_idle),
            udp_idle: self.timer(set.udp_idle, default.udp_idle),
            udp_idle_well_known: self
                .duration(set.udp_idle_well_known, SHORTEST..=LONGEST)
                .or(default.udp_idle_well_known),
            icmp_idle: self.timer(set.icmp_idle, default.icmp_idle),
            tcp_syn_sent: self.timer(set.tcp_syn_sent, default.tcp_syn_sent),
            tcp_fin_linger: self.linger(set.tcp_fin_linger, default.tcp_fin_linger),
            tcp_rst_linger: self.linger(set.tcp_rst_linger, default.tcp_rst_linger),
            refresh: set.refresh.unwrap_or(default.refresh),
            rst_on_unknown: set.rst_on_unknown.unwrap_or(default.rst_on_unknown),
            rst_to_outside: set.rst_to_outside.unwrap_or(default.rst_to_outside),
            max_per_destination: self.number(set.max_per_destination, NAT_PORTS).unwrap_or(default.max_per_destination),
            max_ports_per_host: self.number(set.max_ports_per_host, 1..=u32::MAX).or(default.max_ports_per_host),
            mapping: set.mapping.unwrap_or(default.mapping),
            filtering: set.filtering.unwrap_or(default.filtering),
            pooling: set.pooling.unwrap_or(default.pooling),
            overload: set.overload.unwrap_or(default.overload),
            port_alloc: set.port_alloc.unwrap_or(default.port_alloc),
            preserve_class: set.preserve_class.unwrap_or(default.preserve_class),
            parity: set.parity.unwrap_or(default.parity),
            port_cooldown: self.linger(set.port_cooldown, default.port_cooldown),
            exhaustion: set.exhaustion.unwrap_or(default.exhaustion),
            hairpin: set.hairpin.unwrap_or(default.hairpin),
            icmp_src_check: set.icmp_src_check.unwrap_or(default.icmp_src_check),
            tcp_simopen: set.tcp_simopen.unwrap_or(default.tcp_simopen),
            frag_tcp: set.frag_tcp.unwrap_or(default.frag_tcp),
            frag_icmp: set.frag_icmp.unwrap_or(default.frag_icmp),
            ipid: set.ipid.unwrap_or(default.ipid),
            no_nat_prefixes: set.no_nat_prefixes.map_or(default.no_nat_prefixes, |them| self.prefixes(&them)),
            mtu: self.number(set.mtu, MTU).unwrap_or(default.mtu),
            mss_clamp: set.mss_clamp.unwrap_or(default.mss_clamp),
            time_exceeded: set.time_exceeded.unwrap_or(default.time_exceeded),
            fragmentation_needed: set.fragmentation_needed.unwrap_or(default.fragmentation_needed),
            strict_az: set.strict_az.unwrap_or(default.strict_az),
        }
    }

    fn nat_instance_knobs(&mut self, set: NatInstanceKnobs, default: &NatInstanceBehavior) -> NatInstanceBehavior {
        NatInstanceBehavior {
            tcp_syn_sent: self.timer(set.tcp_syn_sent, default.tcp_syn_sent),
            tcp_syn_recv: self.timer(set.tcp_syn_recv, default.tcp_syn_recv),
            tcp_established: self.timer(set.tcp_established, default.tcp_established),
            tcp_fin_wait: self.timer(set.tcp_fin_wait, default.tcp_fin_wait),
            tcp_close_wait: self.timer(set.tcp_close_wait, default.tcp_close_wait),
            tcp_last_ack: self.timer(set.tcp_last_ack, default.tcp_last_ack),
            tcp_time_wait: self.linger(set.tcp_time_wait, default.tcp_time_wait),
            tcp_close: self.linger(set.tcp_close, default.tcp_close),
            tcp_max_retrans: self.timer(set.tcp_max_retrans, default.tcp_max_retrans),
            tcp_unacknowledged: self.timer(set.tcp_unacknowledged, default.tcp_unacknowledged),
            udp: self.timer(set.udp, default.udp),
            udp_stream: self.timer(set.udp_stream, default.udp_stream),
            icmp: self.timer(set.icmp, default.icmp),
            generic: self.timer(set.generic, default.generic),
            tcp_window_check: set.tcp_window_check.unwrap_or(default.tcp_window_check),
            tcp_loose: set.tcp_loose.unwrap_or(default.tcp_loose),
            timeout: set.timeout.unwrap_or(default.timeout),
            mtu: self.number(set.mtu, MTU).unwrap_or(default.mtu),
        }
    }

    fn security_group_knobs(
        &mut self,
        set: SecurityGroupKnobs,
        default: &SecurityGroupBehavior,
    ) -> SecurityGroupBehavior {
        SecurityGroupBehavior {
            tcp_opening: self.timer(set.tcp_opening, default.tcp_opening),
            tcp_closing: self.linger(set.tcp_closing, default.tcp_closing),
            tcp_reset: self.linger(set.tcp_reset, default.tcp_reset),
            icmp: self.timer(set.icmp, default.icmp),
            tcp_loose: set.tcp_loose.unwrap_or(default.tcp_loose),
            icmp_related: set.icmp_related.unwrap_or(default.icmp_related),
            connections_per_instance: self
                .number(set.connections_per_instance, 1..=u32::MAX)
                .or(default.connections_per_instance),
            block_smtp: set.block_smtp.unwrap_or(default.block_smtp),
        }
    }

    fn egress_only_knobs(&mut self, set: EgressOnlyKnobs, default: &EgressOnlyBehavior) -> EgressOnlyBehavior {
        EgressOnlyBehavior {
            tcp_idle: self.timer(set.tcp_idle, default.tcp_idle),
            udp_idle: self.timer(set.udp_idle, default.udp_idle),
            udp_stream_idle: self.timer(set.udp_stream_idle, default.udp_stream_idle),
            icmp_idle: self.timer(set.icmp_idle, default.icmp_idle),
            other_idle: self.timer(set.other_idle, default.other_idle),
            mtu: self.number(set.mtu, MTU_V6).unwrap_or(default.mtu),
        }
    }

    fn vpc_endpoint_knobs(&mut self, set: VpcEndpointKnobs, default: &VpcEndpointBehavior) -> VpcEndpointBehavior {
        VpcEndpointBehavior {
            mtu: self.number(set.mtu, MTU).unwrap_or(default.mtu),
            mss_clamp: set.mss_clamp.unwrap_or(default.mss_clamp),
            tcp_idle: self.timer(set.tcp_idle, default.tcp_idle),
            udp_idle: self.timer(set.udp_idle, default.udp_idle),
            rst_on_unknown: set.rst_on_unknown.unwrap_or(default.rst_on_unknown),
        }
    }

    fn vpc_peering_knobs(&mut self, set: VpcPeeringKnobs, default: &VpcPeeringBehavior) -> VpcPeeringBehavior {
        VpcPeeringBehavior {
            inter_region_mtu: self.number(set.inter_region_mtu, MTU).unwrap_or(default.inter_region_mtu),
            fragmentation_needed: set.fragmentation_needed.unwrap_or(default.fragmentation_needed),
            nat_replies_past_default_route: set
                .nat_replies_past_default_route
                .unwrap_or(default.nat_replies_past_default_route),
        }
    }

    fn transit_gateway_knobs(
        &mut self,
        set: TransitGatewayKnobs,
        default: &TransitGatewayBehavior,
    ) -> TransitGatewayBehavior {
        TransitGatewayBehavior {
            mtu: self.number(set.mtu, MTU).unwrap_or(default.mtu),
            vpn_mtu: self.number(set.vpn_mtu, MTU).unwrap_or(default.vpn_mtu),
            fragment: set.fragment.unwrap_or(default.fragment),
            fragmentation_needed: set.fragmentation_needed.unwrap_or(default.fragmentation_needed),
            mss_clamp: set.mss_clamp.unwrap_or(default.mss_clamp),
            time_exceeded: set.time_exceeded.unwrap_or(default.time_exceeded),
        }
    }

    fn vpn_gateway_knobs(&mut self, set: VpnGatewayKnobs, default: &VpnGatewayBehavior) -> VpnGatewayBehavior {
        VpnGatewayBehavior {
            mtu: self.number(set.mtu, MTU).unwrap_or(default.mtu),
            fragment: set.fragment.unwrap_or(default.fragment),
        }
    }

    fn fragment_knobs(&mut self, set: FragmentKnobs, default: &FragmentBehavior) -> FragmentBehavior {
        FragmentBehavior {
            remember: self.timer(set.remember, default.remember),
            hold: self.linger(set.hold, default.hold),
        }
    }

    fn underlay_knobs(&mut self, set: UnderlayKnobs, default: &UnderlayBehavior) -> UnderlayBehavior {
        UnderlayBehavior {
            hops: set.hops.unwrap_or(default.hops),
            egress_fragments_per_second: self
                .number(set.egress_fragments_per_second, 1..=u32::MAX)
                .or(default.egress_fragments_per_second),
            services_packets_per_second: self
                .number(set.services_packets_per_second, 1..=u32::MAX)
                .unwrap_or(default.services_packets_per_second),
        }
    }

    /// How long something lives that has to live for a while.
    fn timer(&mut self, set: Option<Spanned<Span>>, default: Duration) -> Duration {
        self.duration(set, SHORTEST..=LONGEST).unwrap_or(default)
    }

    /// How long something outlives its end, which may be no time at all.
    fn linger(&mut self, set: Option<Spanned<Span>>, default: Duration) -> Duration {
        self.duration(set, Duration::ZERO..=LONGEST).unwrap_or(default)
    }

    fn duration(&mut self, set: Option<Spanned<Span>>, range: RangeInclusive<Duration>) -> Option<Duration> {
        let set = set?;
        let Span(duration) = *set.get_ref();
        if !range.contains(&duration) {
            let (from, to) = (Span(*range.start()), Span(*range.end()));
            self.out_of_range(&set, Span(duration), from, to);
        }
        Some(duration)
    }

    fn number(&mut self, set: Option<Spanned<u32>>, range: RangeInclusive<u32>) -> Option<u32> {
        let set = set?;
        let number = *set.get_ref();
        if !range.contains(&number) {
            self.out_of_range(&set, number, *range.start(), *range.end());
        }
        Some(number)
    }

    fn out_of_range<T, D: std::fmt::Display>(&mut self, set: &Spanned<T>, value: D, from: D, to: D) {
        let text = format!("{value} is out of range");
        self.error_with_help("out-of-range", set.span(), text, format!("write {from} to {to}"));
    }

    fn prefixes(&mut self, texts: &[Text]) -> Vec<IpNet> {
        let mut prefixes = Vec::new();
        for text in texts {
            let Some(prefix) = self.parsed::<IpNet>(text, "CIDR block", "10.0.0.0/8") else { continue };
            if prefix.trunc() != prefix {
                let sentence = format!("{prefix} has bits set behind its prefix length");
                self.error_with_help("host-bits", text.span(), sentence, format!("write {}", prefix.trunc()));
            }
            prefixes.push(prefix.trunc());
        }
        prefixes
    }
}

fn network_acl_knobs(set: &NetworkAclKnobs) -> NetworkAclBehavior {
    NetworkAclBehavior { nacl_fragments: set.nacl_fragments.unwrap_or_default() }
}
