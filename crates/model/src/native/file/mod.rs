//! The shape of the file, as serde and the JSON Schema see it.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Deserialize;
use toml::Spanned;

mod flow_logs;
mod gateways;
mod hosts;
mod knobs;
mod nat_knobs;
mod neighbor_knobs;
mod neighbors;
mod rules;

pub(crate) use flow_logs::FlowLogFile;
pub(crate) use gateways::{
    BlockPublicAccessFile, ConnectivityFile, EgressOnlyFile, EndpointFile, EndpointKindFile, GatewayRouteTableFile,
    InternetGatewayFile, ModeFile, NatAddressFile, NatGatewayFile,
};
pub(crate) use hosts::{AddressFile, InstanceFile, InterfaceFile, InterfaceTypeFile, PrefixListFile};
pub(crate) use knobs::{
    BehaviorFile, EgressOnlyKnobs, FragmentKnobs, NetworkAclKnobs, SecurityGroupKnobs, UnderlayKnobs,
};
pub(crate) use nat_knobs::{NatGatewayKnobs, NatInstanceKnobs};
pub(crate) use neighbor_knobs::{TransitGatewayKnobs, VpcEndpointKnobs, VpcPeeringKnobs, VpnGatewayKnobs};
pub(crate) use neighbors::{AttachmentFile, PeeringFile, TransitGatewayFile, TransitTableFile, VpnGatewayFile};
pub(crate) use rules::{AclEntryFile, ActionFile, GroupRuleFile, Matcher, OneOrMany, TextOrNumber};

/// Resources with the place of each name, in the order of the file.
pub(crate) type Named<T> = Vec<(Text, T)>;

/// A text with its place.
pub(crate) type Text = Spanned<String>;

/// A native configuration of vpcemu. Names are short names, ids of the AWS form, addresses of Terraform, or any other id
/// behind `id:`; `vpc` may be left out everywhere when there is one VPC.
#[derive(Debug, Default, JsonSchema)]
#[schemars(default, deny_unknown_fields, title = "vpcemu configuration")]
pub(crate) struct File {
    /// VPCs (1.1).
    #[schemars(with = "BTreeMap<String, VpcFile>")]
    pub(crate) vpc: Named<VpcFile>,
    /// Subnets: one availability zone, one route table, one network ACL (1.7, 2.1, 7.1).
    #[schemars(with = "BTreeMap<String, SubnetFile>")]
    pub(crate) subnet: Named<SubnetFile>,
    /// Route tables; local routes are added to each (2.3).
    #[schemars(with = "BTreeMap<String, RouteTableFile>")]
    pub(crate) route_table: Named<RouteTableFile>,
    /// Network ACLs (7).
    #[schemars(with = "BTreeMap<String, NetworkAclFile>")]
    pub(crate) network_acl: Named<NetworkAclFile>,
    /// Security groups (6).
    #[schemars(with = "BTreeMap<String, SecurityGroupFile>")]
    pub(crate) security_group: Named<SecurityGroupFile>,
    /// Instances with one primary interface each, `eni-NAME`.
    #[schemars(with = "BTreeMap<String, InstanceFile>")]
    pub(crate) instance: Named<InstanceFile>,
    /// Further interfaces (1.15).
    #[schemars(with = "BTreeMap<String, InterfaceFile>")]
    pub(crate) eni: Named<InterfaceFile>,
    /// Internet gateways (3).
    #[schemars(with = "BTreeMap<String, InternetGatewayFile>")]
    pub(crate) internet_gateway: Named<InternetGatewayFile>,
    /// Egress-only internet gateways (5).
    #[schemars(with = "BTreeMap<String, EgressOnlyFile>")]
    pub(crate) egress_only_internet_gateway: Named<EgressOnlyFile>,
    /// NAT gateways (4).
    #[schemars(with = "BTreeMap<String, NatGatewayFile>")]
    pub(crate) nat_gateway: Named<NatGatewayFile>,
    /// Route tables of internet and virtual private gateways (2.15).
    #[schemars(with = "BTreeMap<String, GatewayRouteTableFile>")]
    pub(crate) gateway_route_table: Named<GatewayRouteTableFile>,
    /// Prefix lists.
    #[schemars(with = "BTreeMap<String, PrefixListFile>")]
    pub(crate) prefix_list: Named<PrefixListFile>,
    /// Endpoints: gateway, interface, and those of Gateway Load Balancers (10).
    #[schemars(with = "BTreeMap<String, EndpointFile>")]
    pub(crate) vpc_endpoint: Named<EndpointFile>,
    /// Peering connections (10.17).
    #[schemars(with = "BTreeMap<String, PeeringFile>")]
    pub(crate) vpc_peering_connection: Named<PeeringFile>,
    /// Transit gateways (10.21).
    #[schemars(with = "BTreeMap<String, TransitGatewayFile>")]
    pub(crate) transit_gateway: Named<TransitGatewayFile>,
    /// Virtual private gateways (10.28).
    #[schemars(with = "BTreeMap<String, VpnGatewayFile>")]
    pub(crate) vpn_gateway: Named<VpnGatewayFile>,
    /// Flow logs (9).
    #[schemars(with = "BTreeMap<String, FlowLogFile>")]
    pub(crate) flow_log: Named<FlowLogFile>,
    /// VPC Block Public Access (3.15).
    pub(crate) block_public_access: BlockPublicAccessFile,
    /// Knobs for what AWS does not document.
    pub(crate) behavior: BehaviorFile,
}

/// A VPC.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default)]
#[schemars(deny_unknown_fields)]
pub(crate) struct VpcFile {
    /// Blocks: IPv4 of /16 to /28, the first one primary, and IPv6 of /44 to /60 (1.1, 1.5).
    #[schemars(with = "Vec<String>")]
    pub(crate) cidrs: Vec<Text>,
    /// The same, for one block.
    #[schemars(with = "Option<String>")]
    pub(crate) cidr: Option<Text>,
    /// Its main route table; default the one that says `main`, or one with local routes only, which has this name then (2.1).
    #[schemars(with = "Option<String>")]
    pub(crate) main_route_table: Option<Text>,
    /// The network ACL of subnets that name none; default the one that says `default`, or one that allows all, which has this
    /// name then (7.5).
    #[schemars(with = "Option<String>")]
    pub(crate) default_network_acl: Option<Text>,
    /// The group of interfaces that name none; default the one that says `default`, or one as AWS makes it, which has this
    /// name then (6.1).
    #[schemars(with = "Option<String>")]
    pub(crate) default_security_group: Option<Text>,
    /// The account that owns it, twelve digits; in flow logs `unknown` by default (9b).
    #[schemars(extend("pattern" = "^[0-9]{12}$"))]
    pub(crate) account: Option<String>,
    /// For people.
    pub(crate) name: Option<String>,
}

/// A subnet.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default)]
#[schemars(deny_unknown_fields)]
pub(crate) struct SubnetFile {
    /// Its VPC.
    #[schemars(with = "Option<String>")]
    pub(crate) vpc: Option<Text>,
    /// Its availability zone (1.7).
    #[schemars(extend("default" = "a"))]
    pub(crate) az: Option<String>,
    /// The same by the name that all accounts have for it, as `use1-az1`; for flow logs (9b).
    pub(crate) az_id: Option<String>,
    /// One IPv4 block of /16 to /28, and IPv6 blocks (1.5, 1.7).
    #[schemars(with = "Vec<String>")]
    pub(crate) cidrs: Vec<Text>,
    /// The same, for one block.
    #[schemars(with = "Option<String>")]
    pub(crate) cidr: Option<Text>,
    /// Its route table; default the VPC's main one (2.1).
    #[schemars(with = "Option<String>")]
    pub(crate) route_table: Option<Text>,
    /// Its network ACL; default the VPC's default one (7.1).
    #[schemars(with = "Option<String>")]
    pub(crate) nacl: Option<Text>,
    /// For people.
    pub(crate) name: Option<String>,
}

/// A route table.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default)]
#[schemars(deny_unknown_fields)]
pub(crate) struct RouteTableFile {
    /// Its VPC.
    #[schemars(with = "Option<String>")]
    pub(crate) vpc: Option<Text>,
    /// Whether subnets without a table use it (2.1).
    pub(crate) main: bool,
    /// Its routes besides the local ones.
    #[schemars(with = "Vec<RouteFile>")]
    pub(crate) routes: Vec<Spanned<RouteFile>>,
    /// Gateways whose inbound packets it routes besides, as a `gateway_route_table` does (2.15).
    #[schemars(with = "Vec<String>")]
    pub(crate) gateways: Vec<Text>,
    /// For people.
    pub(crate) name: Option<String>,
}

/// A route.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default)]
#[schemars(deny_unknown_fields, extend("required" = ["to", "via"]))]
pub(crate) struct RouteFile {
    /// A block, or `pl:NAME` (2.5).
    #[schemars(with = "String")]
    pub(crate) to: Option<Text>,
    /// A gateway, peering connection, endpoint, instance or interface by name; `local`; `blackhole`; the id of something that
    /// the file does not describe (`pcx-`, `tgw-`, `vgw-`), or any such id behind `edge:`; what no longer exists behind
    /// `missing:`.
    #[schemars(with = "String")]
    pub(crate) via: Option<Text>,
    /// Whether its target works; else it matches and drops, as `blackhole` does (2.8).
    #[schemars(extend("default" = true))]
    pub(crate) active: Option<bool>,
    /// Whether it was propagated, and loses to static ones (2.4).
    pub(crate) propagated: bool,
}

/// A network ACL. What no entry matches is denied (7.3).
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default)]
#[schemars(deny_unknown_fields)]
pub(crate) struct NetworkAclFile {
    /// Its VPC.
    #[schemars(with = "Option<String>")]
    pub(crate) vpc: Option<Text>,
    /// Whether subnets without a network ACL use it (7.1).
    pub(crate) default: bool,
    /// For what enters a subnet; left out it is nothing (7.5).
    #[schemars(with = "Vec<AclEntryFile>")]
    pub(crate) ingress: Vec<Spanned<AclEntryFile>>,
    /// For what leaves it; left out it is nothing (7.5).
    #[schemars(with = "Vec<AclEntryFile>")]
    pub(crate) egress: Vec<Spanned<AclEntryFile>>,
    /// For people.
    pub(crate) name: Option<String>,
}

/// A security group.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default)]
#[schemars(deny_unknown_fields)]
pub(crate) struct SecurityGroupFile {
    /// Its VPC.
    #[schemars(with = "Option<String>")]
    pub(crate) vpc: Option<Text>,
    /// Further VPCs whose interfaces may have it (6.14).
    #[schemars(with = "Vec<String>")]
    pub(crate) vpcs: Vec<Text>,
    /// Whether interfaces without a group use it.
    pub(crate) default: bool,
    /// For what reaches an interface.
    #[schemars(with = "Vec<GroupRuleFile>")]
    pub(crate) ingress: Vec<Spanned<GroupRuleFile>>,
    /// For what leaves it; left out it is everything, as AWS makes a new group (6.1).
    #[schemars(with = "Option<Vec<GroupRuleFile>>")]
    pub(crate) egress: Option<Vec<Spanned<GroupRuleFile>>>,
    /// For people.
    #[serde(rename = "description")]
    pub(crate) _description: Option<String>,
    /// For people.
    pub(crate) name: Option<String>,
}
