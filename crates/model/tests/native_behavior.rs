//! Knobs: each can be set, the schema tells their defaults, and the presets are what they say they are.

use std::path::Path;
use std::time::Duration;

use serde_json::Value;
use vpcemu_model::Behavior;
use vpcemu_model::behavior::{
    EgressOnlyBehavior, Exhaustion, Filtering, FragmentBehavior, FragmentPolicy, Hairpin, InstanceTimeout, IpId,
    Mapping, NaclFragments, NatGatewayBehavior, NatInstanceBehavior, NetworkAclBehavior, Pooling, PortAllocation,
    Preset, Refresh, RstOnUnknown, SecurityGroupBehavior, TransitGatewayBehavior, UnderlayBehavior,
    VpcEndpointBehavior, VpcPeeringBehavior, VpnGatewayBehavior,
};
use vpcemu_model::native;

const EVERY_KNOB: &str = include_str!("data/every-knob.toml");

/// The tables of knobs with their definitions in the schema.
const SECTIONS: [(&str, &str); 11] = [
    ("nat_gateway", "NatGatewayKnobs"),
    ("nat_instance", "NatInstanceKnobs"),
    ("security_group", "SecurityGroupKnobs"),
    ("egress_only_internet_gateway", "EgressOnlyKnobs"),
    ("vpc_endpoint", "VpcEndpointKnobs"),
    ("vpc_peering", "VpcPeeringKnobs"),
    ("transit_gateway", "TransitGatewayKnobs"),
    ("vpn_gateway", "VpnGatewayKnobs"),
    ("fragments", "FragmentKnobs"),
    ("network_acl", "NetworkAclKnobs"),
    ("underlay", "UnderlayKnobs"),
];

/// Knobs whose default is that there is none.
const UNSET: [&str; 4] =
    ["udp_idle_well_known", "max_ports_per_host", "connections_per_instance", "egress_fragments_per_second"];

fn behavior(knobs: &str) -> Behavior {
    let text = format!("[vpc.main]\ncidr = \"10.0.0.0/16\"\n{knobs}");
    native::parse("test.toml", &text).unwrap_or_else(|error| panic!("{error}")).network.behavior
}

fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

/// The knobs of a section, as the schema has them.
fn knobs(definition: &str) -> Vec<(String, Value)> {
    let schema = native::json_schema();
    let properties = schema["$defs"][definition]["properties"].as_object().expect("properties").clone();
    properties.into_iter().collect()
}

/// What a sentence of the schema says that the preset `rfc` has.
fn rfc_value(knob: &Value) -> Option<String> {
    // The lines of a long sentence are joined by line breaks.
    let text = knob["description"].as_str().expect("a text").replace('\n', " ");
    let (_, value) = text.split_once("the preset `rfc` has ")?;
    Some(value.trim_end_matches('.').to_owned())
}

/// A value as TOML writes it.
fn written(value: &str) -> String {
    let plain = value == "true" || value == "false" || value.parse::<u32>().is_ok();
    if plain { value.to_owned() } else { format!("{value:?}") }
}

#[test]
fn every_knob_can_be_set() {
    // No `..`: a knob that the file cannot set does not compile here, or has its default.
    let nat_gateway = NatGatewayBehavior {
        tcp_idle: seconds(1),
        udp_idle: seconds(2),
        udp_idle_well_known: Some(seconds(3)),
        icmp_idle: seconds(4),
        tcp_syn_sent: seconds(5),
        tcp_fin_linger: seconds(6),
        tcp_rst_linger: Duration::ZERO,
        refresh: Refresh::Out,
        rst_on_unknown: RstOnUnknown::TombstoneOnly,
        rst_to_outside: true,
        max_per_destination: 64_512,
        max_ports_per_host: Some(1),
        mapping: Mapping::AddressDependent,
        filtering: Filtering::AddressDependent,
        pooling: Pooling::Paired,
        overload: false,
        port_alloc: PortAllocation::Preserve,
        preserve_class: true,
        parity: true,
        port_cooldown: seconds(120),
        exhaustion: Exhaustion::Icmp1,
        hairpin: Hairpin::ExternalSource,
        icmp_src_check: true,
        tcp_simopen: false,
        frag_tcp: FragmentPolicy::Forward,
        frag_icmp: FragmentPolicy::Forward,
        ipid: IpId::Rewrite,
        no_nat_prefixes: vec!["10.0.0.0/8".parse().unwrap(), "64:ff9b::a00:0/104".parse().unwrap()],
        mtu: 576,
        mss_clamp: false,
        time_exceeded: false,
        fragmentation_needed: false,
        strict_az: true,
    };
    let nat_instance = NatInstanceBehavior {
        tcp_syn_sent: seconds(1),
        tcp_syn_recv: seconds(2),
        tcp_established: seconds(3),
        tcp_fin_wait: seconds(4),
        tcp_close_wait: seconds(5),
        tcp_last_ack: seconds(6),
        tcp_time_wait: seconds(7),
        tcp_close: seconds(8),
        tcp_max_retrans: seconds(9),
        tcp_unacknowledged: seconds(10),
        udp: seconds(11),
        udp_stream: seconds(12),
        icmp: seconds(13),
        generic: seconds(14),
        tcp_window_check: false,
        tcp_loose: false,
        timeout: InstanceTimeout::Fin,
        mtu: 1500,
    };
    let security_group = SecurityGroupBehavior {
        tcp_opening: seconds(1),
        tcp_closing: seconds(2),
        tcp_reset: seconds(3),
        icmp: seconds(4),
        tcp_loose: false,
        icmp_related: false,
        connections_per_instance: Some(5),
        block_smtp: true,
    };
    let egress_only_internet_gateway = EgressOnlyBehavior {
        tcp_idle: seconds(1),
        udp_idle: seconds(2),
        udp_stream_idle: seconds(3),
        icmp_idle: seconds(4),
        other_idle: seconds(5),
        mtu: 1280,
    };
    let expected = Behavior {
        preset: Preset::Aws,
        nat_gateway,
        nat_instance,
        network_acl: NetworkAclBehavior { nacl_fragments: NaclFragments::PortlessOnly },
        security_group,
        egress_only_internet_gateway,
        vpc_endpoint: VpcEndpointBehavior {
            mtu: 1500,
            mss_clamp: false,
            tcp_idle: seconds(60),
            udp_idle: seconds(61),
            rst_on_unknown: false,
        },
        vpc_peering: VpcPeeringBehavior {
            inter_region_mtu: 1501,
            fragmentation_needed: false,
            nat_replies_past_default_route: false,
        },
        transit_gateway: TransitGatewayBehavior {
            mtu: 1502,
            vpn_mtu: 1503,
            fragment: true,
            fragmentation_needed: false,
            mss_clamp: false,
            time_exceeded: true,
        },
        vpn_gateway: VpnGatewayBehavior { mtu: 1504, fragment: false },
        fragments: FragmentBehavior { remember: seconds(1), hold: Duration::ZERO },
        underlay: UnderlayBehavior {
            hops: 7,
            egress_fragments_per_second: Some(1024),
            services_packets_per_second: 2048,
        },
    };
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/every-knob.toml");
    let loaded = native::load(&path).unwrap_or_else(|error| panic!("{error}"));
    assert_eq!(loaded.network.behavior, expected);
    assert_eq!(loaded.findings, []);
}

/// Of the test above: the file has every knob of the schema, none with its default.
#[test]
fn the_file_of_every_knob_has_them_all() {
    let file: toml::Table = EVERY_KNOB.parse().expect("TOML");
    let set = file["behavior"].as_table().expect("a table");
    let known: Vec<&str> = SECTIONS.iter().map(|(section, _)| *section).collect();
    assert!(set.keys().all(|section| section == "preset" || known.contains(&section.as_str())));
    for (section, definition) in SECTIONS {
        let set = set[section].as_table().expect("a table");
        let knobs = knobs(definition);
        assert_eq!(set.len(), knobs.len(), "{section}");
        for (name, knob) in knobs {
            let value = serde_json::to_value(&set[&name]).expect("a value");
            assert_ne!(Some(&value), knob.get("default"), "{section}.{name}");
        }
    }
    let sections = knobs("BehaviorFile");
    assert_eq!(sections.len(), SECTIONS.len() + 1, "every section but the preset is among them");
}

#[test]
fn the_schema_tells_the_defaults_and_rules() {
    let mut text = String::new();
    for (section, definition) in SECTIONS {
        text.push_str(&format!("[behavior.{section}]\n"));
        for (name, knob) in knobs(definition) {
            let text_of = knob["description"].as_str().expect("a text");
            let rule = text_of.split('(').skip(1).any(|rest| rest.starts_with(|c: char| c.is_ascii_digit()));
            assert!(rule, "{section}.{name} names no rule: {text_of}");
            match knob.get("default").filter(|default| !default.is_null()) {
                Some(default) => text.push_str(&format!("{name} = {default}\n")),
                None => assert!(UNSET.contains(&name.as_str()), "{section}.{name} has no default"),
            }
        }
    }
    assert_eq!(behavior(&text), Behavior::default(), "{text}");
}

#[test]
fn the_schema_tells_what_the_preset_rfc_has() {
    let mut text = "[behavior.nat_gateway]\n".to_owned();
    for (section, definition) in SECTIONS {
        for (name, knob) in knobs(definition) {
            let Some(value) = rfc_value(&knob) else { continue };
            assert_eq!(section, "nat_gateway", "{name}: the preset changes NAT gateways only");
            text.push_str(&format!("{name} = {}\n", written(&value)));
        }
    }
    assert_eq!(behavior(&text).nat_gateway, NatGatewayBehavior::preset(Preset::Rfc), "{text}");
    let rfc = behavior("[behavior]\npreset = \"rfc\"\n");
    assert_eq!(rfc, Behavior { preset: Preset::Rfc, nat_gateway: behavior(&text).nat_gateway, ..Behavior::default() });
}

#[test]
fn what_is_set_comes_before_the_preset() {
    let set =
        behavior("[behavior]\npreset = \"rfc\"\n[behavior.nat_gateway]\nmapping = \"ADM\"\nport_cooldown = \"0s\"\n");
    let rfc = NatGatewayBehavior::preset(Preset::Rfc);
    let expected = NatGatewayBehavior { mapping: Mapping::AddressDependent, port_cooldown: Duration::ZERO, ..rfc };
    assert_eq!(set.nat_gateway, expected);
}

/// Section 12: the requirement, the knob, what AWS's NAT gateway does and what the RFC asks for.
const REQUIREMENTS: [(&str, &str, &str, &str); 29] = [
    ("RFC 4787 REQ-1, RFC 5382 REQ-1, RFC 5508 REQ-1a", "mapping", "APDM", "EIM"),
    ("RFC 4787 REQ-2, RFC 6888 REQ-2, RFC 7857 4", "pooling", "arbitrary", "paired"),
    ("RFC 4787 REQ-3, RFC 5382 REQ-7, RFC 7857 3", "overload", "true", "false"),
    ("RFC 4787 REQ-3a", "preserve_class", "false", "true"),
    ("RFC 4787 REQ-4, RFC 7857 8", "parity", "false", "true"),
    ("RFC 4787 REQ-5", "udp_idle", "350s", "300s"),
    ("RFC 4787 REQ-6, RFC 7857 7", "refresh", "both", "out"),
    ("RFC 4787 REQ-8, RFC 5382 REQ-3, RFC 6888 REQ-7", "filtering", "APDF", "EIF"),
    ("RFC 4787 REQ-9, RFC 5382 REQ-8, RFC 5508 REQ-7, RFC 7857 12", "hairpin", "none", "ext_src"),
    ("RFC 4787 REQ-12a: sources are not checked", "icmp_src_check", "false", "false"),
    ("RFC 4787 REQ-13: what is too large is answered", "mtu", "8500", "8500"),
    ("RFC 4787 REQ-13, RFC 5508 REQ-9", "fragmentation_needed", "true", "true"),
    ("RFC 5508 REQ-9", "time_exceeded", "true", "true"),
    ("RFC 4787 REQ-14, for TCP", "frag_tcp", "drop", "forward"),
    ("RFC 4787 REQ-14, for ICMP", "frag_icmp", "drop", "forward"),
    ("RFC 5382 REQ-2", "tcp_simopen", "true", "true"),
    ("RFC 5382 REQ-5, established", "tcp_idle", "350s", "7440s"),
    ("RFC 5382 REQ-5, RFC 7857 2.1, opening", "tcp_syn_sent", "60s", "240s"),
    ("RFC 5382 REQ-5, RFC 7857 2.1, closing", "tcp_fin_linger", "60s", "240s"),
    ("RFC 7857 2.2", "tcp_rst_linger", "10s", "240s"),
    ("RFC 5382 REQ-4: outside segments are not answered", "rst_to_outside", "false", "false"),
    ("RFC 5508 REQ-2", "icmp_idle", "350s", "60s"),
    ("RFC 5508 REQ-8, RFC 6888 REQ-11", "exhaustion", "drop", "icmp13"),
    ("RFC 7857 9, RFC 6888 REQ-15", "port_alloc", "random", "random"),
    ("RFC 7857 10", "ipid", "keep", "rewrite"),
    ("RFC 6888 REQ-5", "max_per_destination", "55000", "55000"),
    ("RFC 6888 REQ-8", "port_cooldown", "0s", "120s"),
    ("4.26, no RFC's", "rst_on_unknown", "always", "always"),
    ("1.23, no RFC's", "mss_clamp", "true", "true"),
];

#[test]
fn presets_are_the_columns_of_the_table_of_requirements() {
    let column = |value: fn(&(&str, &str, &str, &str)) -> String| {
        let lines = REQUIREMENTS.iter().map(|row| format!("{} = {}\n", row.1, value(row)));
        lines.collect::<String>()
    };
    // Each column is all of its preset, whichever preset the rest comes from.
    for (preset, other, column) in
        [(Preset::Aws, "rfc", column(|row| written(row.2))), (Preset::Rfc, "aws", column(|row| written(row.3)))]
    {
        let text = format!("[behavior]\npreset = \"{other}\"\n[behavior.nat_gateway]\n{column}");
        assert_eq!(behavior(&text).nat_gateway, NatGatewayBehavior::preset(preset), "{text}");
    }
    // What has no row is off: neither AWS nor an RFC has a value for it.
    let rows: Vec<&str> = REQUIREMENTS.iter().map(|row| row.1).collect();
    let without: Vec<String> = knobs("NatGatewayKnobs").into_iter().map(|(name, _)| name).collect();
    let without: Vec<&str> = without.iter().map(String::as_str).filter(|name| !rows.contains(name)).collect();
    assert_eq!(without, ["max_ports_per_host", "no_nat_prefixes", "strict_az", "udp_idle_well_known"]);
}
