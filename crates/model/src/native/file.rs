//! The shape of the file, as serde and the JSON Schema see it.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Deserialize;
use toml::Spanned;

use crate::behavior::{Preset, RstOnUnknown, Span};

/// Resources by name, with the place of each name.
pub(super) type Named<T> = BTreeMap<Spanned<String>, T>;

/// A text with its place.
pub(super) type Text = Spanned<String>;

/// A native configuration of vpcemu. Names are short names or ids of the AWS form; `vpc` may be left out everywhere when
/// there is one VPC.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
#[schemars(title = "vpcemu configuration")]
pub(super) struct File {
    /// VPCs (1.1).
    #[schemars(with = "BTreeMap<String, VpcFile>")]
    pub(super) vpc: Named<VpcFile>,
    /// Subnets: one availability zone, one route table, one network ACL (1.7, 2.1, 7.1).
    #[schemars(with = "BTreeMap<String, SubnetFile>")]
    pub(super) subnet: Named<SubnetFile>,
    /// Route tables; local routes are added to each (2.3).
    #[schemars(with = "BTreeMap<String, RouteTableFile>")]
    pub(super) route_table: Named<RouteTableFile>,
    /// Network ACLs (7).
    #[schemars(with = "BTreeMap<String, NetworkAclFile>")]
    pub(super) network_acl: Named<NetworkAclFile>,
    /// Security groups (6).
    #[schemars(with = "BTreeMap<String, SecurityGroupFile>")]
    pub(super) security_group: Named<SecurityGroupFile>,
    /// Instances with one primary interface each, `eni-NAME`.
    #[schemars(with = "BTreeMap<String, InstanceFile>")]
    pub(super) instance: Named<InstanceFile>,
    /// Further interfaces (1.15).
    #[schemars(with = "BTreeMap<String, InterfaceFile>")]
    pub(super) eni: Named<InterfaceFile>,
    /// Internet gateways (3).
    #[schemars(with = "BTreeMap<String, GatewayFile>")]
    pub(super) internet_gateway: Named<GatewayFile>,
    /// Egress-only internet gateways (5).
    #[schemars(with = "BTreeMap<String, GatewayFile>")]
    pub(super) egress_only_internet_gateway: Named<GatewayFile>,
    /// NAT gateways (4).
    #[schemars(with = "BTreeMap<String, NatGatewayFile>")]
    pub(super) nat_gateway: Named<NatGatewayFile>,
    /// Prefix lists.
    #[schemars(with = "BTreeMap<String, PrefixListFile>")]
    pub(super) prefix_list: Named<PrefixListFile>,
    /// Gateway and interface endpoints (10).
    #[schemars(with = "BTreeMap<String, EndpointFile>")]
    pub(super) vpc_endpoint: Named<EndpointFile>,
    /// Knobs for what AWS does not document.
    pub(super) behavior: BehaviorFile,
}

/// A VPC.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(super) struct VpcFile {
    /// Blocks: IPv4 of /16 to /28, the first one primary, and IPv6 of /44 to /60 (1.1, 1.5).
    #[schemars(with = "Vec<String>")]
    pub(super) cidrs: Vec<Text>,
    /// For people.
    pub(super) name: Option<String>,
}

/// A subnet.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(super) struct SubnetFile {
    /// Its VPC.
    #[schemars(with = "Option<String>")]
    pub(super) vpc: Option<Text>,
    /// Its availability zone; default `a`.
    pub(super) az: Option<String>,
    /// One IPv4 block of /16 to /28, and IPv6 blocks (1.5, 1.7).
    #[schemars(with = "Vec<String>")]
    pub(super) cidrs: Vec<Text>,
    /// Its route table; default the VPC's main one (2.1).
    #[schemars(with = "Option<String>")]
    pub(super) route_table: Option<Text>,
    /// Its network ACL; default the VPC's default one (7.1).
    #[schemars(with = "Option<String>")]
    pub(super) nacl: Option<Text>,
    /// For people.
    pub(super) name: Option<String>,
}

/// A route table.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(super) struct RouteTableFile {
    /// Its VPC.
    #[schemars(with = "Option<String>")]
    pub(super) vpc: Option<Text>,
    /// Whether subnets without a table use it (2.1).
    pub(super) main: bool,
    /// Its routes besides the local ones.
    #[schemars(with = "Vec<RouteFile>")]
    pub(super) routes: Vec<Spanned<RouteFile>>,
    /// For people.
    pub(super) name: Option<String>,
}

/// A route.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct RouteFile {
    /// A block, or `pl:NAME`.
    #[schemars(with = "String")]
    pub(super) to: Text,
    /// A gateway, NAT gateway, endpoint, instance or interface by name; `local`; `blackhole`; an id of what lies outside the
    /// model (`pcx-`, `tgw-`, `vgw-`).
    #[schemars(with = "String")]
    pub(super) via: Text,
}

/// A network ACL. What no entry matches is denied (7.3).
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(super) struct NetworkAclFile {
    /// Its VPC.
    #[schemars(with = "Option<String>")]
    pub(super) vpc: Option<Text>,
    /// Whether subnets without a network ACL use it (7.1).
    pub(super) default: bool,
    /// For what enters a subnet.
    #[schemars(with = "Vec<RuleFile>")]
    pub(super) ingress: Vec<Spanned<RuleFile>>,
    /// For what leaves it.
    #[schemars(with = "Vec<RuleFile>")]
    pub(super) egress: Vec<Spanned<RuleFile>>,
    /// For people.
    pub(super) name: Option<String>,
}

/// A security group.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(super) struct SecurityGroupFile {
    /// Its VPC.
    #[schemars(with = "Option<String>")]
    pub(super) vpc: Option<Text>,
    /// Whether interfaces without a group use it.
    pub(super) default: bool,
    /// For what reaches an interface.
    #[schemars(with = "Vec<RuleFile>")]
    pub(super) ingress: Vec<Spanned<RuleFile>>,
    /// For what leaves it; left out it is everything, as AWS makes a new group (6.1).
    #[schemars(with = "Option<Vec<RuleFile>>")]
    pub(super) egress: Option<Vec<Spanned<RuleFile>>>,
    /// For people.
    pub(super) description: Option<String>,
    /// For people.
    pub(super) name: Option<String>,
}

/// A rule of a security group, or an entry of a network ACL.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(super) struct RuleFile {
    /// Network ACL: its number, 1 to 32766 (7.3).
    pub(super) rule: Option<u32>,
    /// Network ACL: `allow` or `deny`.
    pub(super) action: Option<ActionFile>,
    /// Security group: its id; made from the group and the position if left out.
    pub(super) id: Option<String>,
    /// `tcp`, `udp`, `icmp`, `icmpv6`, `all`, or a number (6.4, 7.7).
    #[schemars(with = "String")]
    pub(super) proto: Option<Spanned<TextOrNumber>>,
    /// Destination ports of TCP and UDP: `443`, `1024-65535`, `all` (6.7, 7.6).
    #[schemars(with = "Option<TextOrNumber>")]
    pub(super) ports: Option<Spanned<TextOrNumber>>,
    /// ICMP type: a number, or a name as `echo-request` (6.5).
    #[serde(rename = "type")]
    #[schemars(with = "Option<TextOrNumber>")]
    pub(super) kind: Option<Spanned<TextOrNumber>>,
    /// ICMP code.
    pub(super) code: Option<u8>,
    /// Ingress: who may send. A block; of security groups also `pl:NAME` or `sg:NAME`, or a list.
    #[schemars(with = "Option<OneOrMany>")]
    pub(super) from: Option<Spanned<OneOrMany>>,
    /// Egress: who may receive.
    #[schemars(with = "Option<OneOrMany>")]
    pub(super) to: Option<Spanned<OneOrMany>>,
    /// For people.
    pub(super) description: Option<String>,
}

/// What a network ACL entry does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub(super) enum ActionFile {
    /// Lets it pass.
    Allow,
    /// Drops it.
    Deny,
}

/// A text or a number.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(untagged)]
pub(super) enum TextOrNumber {
    /// A number.
    Number(i64),
    /// A text.
    Text(String),
}

impl std::fmt::Display for TextOrNumber {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Number(number) => write!(f, "{number}"),
            Self::Text(text) => f.write_str(text),
        }
    }
}

/// One text or a list of them.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(untagged)]
pub(super) enum OneOrMany {
    /// One.
    One(String),
    /// Several.
    Many(Vec<String>),
}

impl OneOrMany {
    pub(super) fn all(&self) -> &[String] {
        match self {
            Self::One(one) => std::slice::from_ref(one),
            Self::Many(many) => many,
        }
    }
}

/// An instance.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(super) struct InstanceFile {
    /// Its subnet.
    #[schemars(with = "String")]
    pub(super) subnet: Option<Text>,
    /// Private IPv4 and IPv6 addresses; the first free one of the subnet if left out.
    #[schemars(with = "Vec<String>")]
    pub(super) addresses: Vec<Text>,
    /// Public address of the first IPv4 address.
    #[schemars(with = "Option<String>")]
    pub(super) public: Option<Text>,
    /// Up to 5 groups; default the VPC's default one (6.2).
    #[schemars(with = "Option<Vec<String>>")]
    pub(super) security_groups: Option<Vec<Text>>,
    /// Source/destination check; default true (1.16).
    pub(super) source_dest_check: Option<bool>,
    /// Whether it runs; default true.
    pub(super) running: Option<bool>,
    /// Its type.
    pub(super) instance_type: Option<String>,
    /// Idle timer of established TCP, 60 s to 432000 s (6.16).
    pub(super) tcp_established_timeout: Option<Span>,
    /// Idle timer of UDP, 30 s to 60 s (6.16).
    pub(super) udp_timeout: Option<Span>,
    /// Idle timer of UDP streams, 60 s to 180 s (6.16).
    pub(super) udp_stream_timeout: Option<Span>,
}

/// A network interface.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(super) struct InterfaceFile {
    /// Its subnet.
    #[schemars(with = "String")]
    pub(super) subnet: Option<Text>,
    /// The instance it is attached to.
    #[schemars(with = "Option<String>")]
    pub(super) instance: Option<Text>,
    /// Private IPv4 and IPv6 addresses.
    #[schemars(with = "Vec<String>")]
    pub(super) addresses: Vec<Text>,
    /// Public address of the first IPv4 address.
    #[schemars(with = "Option<String>")]
    pub(super) public: Option<Text>,
    /// Further IPv4 addresses with public ones of their own.
    pub(super) secondary: Vec<AddressFile>,
    /// Delegated prefixes (1.15).
    #[schemars(with = "Vec<String>")]
    pub(super) prefixes: Vec<Text>,
    /// Up to 5 groups; default the VPC's default one (6.2).
    #[schemars(with = "Option<Vec<String>>")]
    pub(super) security_groups: Option<Vec<Text>>,
    /// Source/destination check; default true (1.16).
    pub(super) source_dest_check: Option<bool>,
    /// Idle timer of established TCP (6.16).
    pub(super) tcp_established_timeout: Option<Span>,
    /// Idle timer of UDP (6.16).
    pub(super) udp_timeout: Option<Span>,
    /// Idle timer of UDP streams (6.16).
    pub(super) udp_stream_timeout: Option<Span>,
}

/// A private IPv4 address with its public one.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct AddressFile {
    /// The private address.
    #[schemars(with = "String")]
    pub(super) private: Text,
    /// The public address.
    #[serde(default)]
    #[schemars(with = "Option<String>")]
    pub(super) public: Option<Text>,
}

/// An internet gateway of either kind.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(super) struct GatewayFile {
    /// The VPC it is attached to.
    #[schemars(with = "Option<String>")]
    pub(super) vpc: Option<Text>,
}

/// A NAT gateway.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(super) struct NatGatewayFile {
    /// Its subnet.
    #[schemars(with = "String")]
    pub(super) subnet: Option<Text>,
    /// 1 to 8 addresses, the primary one first (4.2).
    pub(super) addresses: Vec<AddressFile>,
    /// `public`, or `private` (4.1).
    pub(super) connectivity: Option<ConnectivityFile>,
    /// `zonal`; regional gateways are not supported yet.
    #[schemars(with = "Option<String>")]
    pub(super) mode: Option<Text>,
}

/// Whether a NAT gateway has public addresses.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub(super) enum ConnectivityFile {
    /// With an elastic IP an address.
    Public,
    /// Without.
    Private,
}

/// A prefix list.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(super) struct PrefixListFile {
    /// Its blocks.
    #[schemars(with = "Vec<String>")]
    pub(super) entries: Vec<Text>,
    /// For people.
    pub(super) name: Option<String>,
}

/// A VPC endpoint.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(super) struct EndpointFile {
    /// `gateway` or `interface`.
    #[serde(rename = "type")]
    pub(super) kind: Option<EndpointKindFile>,
    /// The service: `s3`.
    pub(super) service: String,
    /// Its VPC.
    #[schemars(with = "Option<String>")]
    pub(super) vpc: Option<Text>,
    /// Gateway: the service's prefix list.
    #[schemars(with = "Option<String>")]
    pub(super) prefix_list: Option<Text>,
    /// Gateway: tables that get a route to it.
    #[schemars(with = "Vec<String>")]
    pub(super) route_tables: Vec<Text>,
    /// Interface: one subnet an interface.
    #[schemars(with = "Vec<String>")]
    pub(super) subnets: Vec<Text>,
    /// Interface: one address an interface.
    #[schemars(with = "Vec<String>")]
    pub(super) addresses: Vec<Text>,
    /// Interface: its groups.
    #[schemars(with = "Option<Vec<String>>")]
    pub(super) security_groups: Option<Vec<Text>>,
}

/// How an endpoint is reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub(super) enum EndpointKindFile {
    /// By routes.
    Gateway,
    /// By interfaces.
    Interface,
}

/// Knobs; what is left out has the preset's value.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(super) struct BehaviorFile {
    /// `aws` (default) or `rfc`.
    pub(super) preset: Option<Preset>,
    /// NAT gateways.
    pub(super) nat_gateway: NatGatewayKnobs,
    /// Security groups.
    pub(super) security_group: SecurityGroupKnobs,
    /// Egress-only internet gateways.
    pub(super) egress_only_internet_gateway: EgressOnlyKnobs,
}

/// Knobs of NAT gateways.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(super) struct NatGatewayKnobs {
    /// Idle TCP mappings (4.24): 350s; rfc 7440s.
    pub(super) tcp_idle: Option<Span>,
    /// Idle UDP mappings (4.24): 350s; rfc 300s.
    pub(super) udp_idle: Option<Span>,
    /// Idle ICMP mappings (4.24): 350s; rfc 60s.
    pub(super) icmp_idle: Option<Span>,
    /// Half-open mappings (4.28): 60s; rfc 240s.
    pub(super) tcp_syn_sent: Option<Span>,
    /// After FIN both ways (4.28): 60s; rfc 240s.
    pub(super) tcp_fin_linger: Option<Span>,
    /// After RST (4.28): 10s; rfc 240s.
    pub(super) tcp_rst_linger: Option<Span>,
    /// Who gets a RST (4.26): always.
    pub(super) rst_on_unknown: Option<RstOnUnknown>,
    /// Mappings per address, protocol and destination (4.12): 55000.
    pub(super) max_per_destination: Option<u32>,
}

/// Knobs of security groups.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(super) struct SecurityGroupKnobs {
    /// TCP before the handshake is complete (6.16): 60s.
    pub(super) tcp_opening: Option<Span>,
    /// TCP after FIN both ways (6.16): 30s.
    pub(super) tcp_closing: Option<Span>,
    /// TCP after RST (6.16): 10s.
    pub(super) tcp_reset: Option<Span>,
    /// ICMP (6.16): 30s.
    pub(super) icmp: Option<Span>,
    /// Mid-stream pick-up where rules allow it (6.23): true.
    pub(super) tcp_loose: Option<bool>,
    /// ICMP errors about known flows need no rule (6.26): true.
    pub(super) icmp_related: Option<bool>,
}

/// Knobs of egress-only internet gateways.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(super) struct EgressOnlyKnobs {
    /// Established TCP (5.4): 432000s.
    pub(super) tcp_idle: Option<Span>,
    /// UDP (5.4): 30s.
    pub(super) udp_idle: Option<Span>,
    /// UDP streams (5.4): 180s.
    pub(super) udp_stream_idle: Option<Span>,
    /// ICMPv6 queries (5.4): 30s.
    pub(super) icmp_idle: Option<Span>,
    /// Every other protocol (5.4): 600s.
    pub(super) other_idle: Option<Span>,
}

/// Tables that a later version will read.
pub(super) const NOT_YET: [&str; 6] = [
    "vpc_peering_connection",
    "transit_gateway",
    "vpn_gateway",
    "flow_log",
    "block_public_access",
    "gateway_route_table",
];
