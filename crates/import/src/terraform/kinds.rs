//! The resource types that describe a network, and which of their attributes lead to other resources or hold blocks.

use crate::terraform::resource::Mode;

/// An attribute that may be known only after apply.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Slot {
    /// `vpc_id`, `subnet_ids[]`, `route[].nat_gateway_id`: `[]` stands for each element of a list.
    pub(crate) path: &'static str,
    pub(crate) holds: Holds,
    pub(crate) need: Need,
}

/// What an attribute holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Holds {
    /// The id of another resource.
    Id,
    /// An IPv4 block or address.
    Ipv4,
    /// An IPv6 block or address.
    Ipv6,
    /// A block of either family.
    Block,
}

/// What it means that an attribute is unknown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Need {
    /// Every resource of the type has it.
    Required,
    /// It is unknown only if the configuration sets it.
    Set,
    /// The provider may fill it in by itself.
    Computed,
}

impl Slot {
    /// The attribute at the top of the path.
    pub(crate) fn attribute(&self) -> &'static str {
        self.path.split(['[', '.']).next().unwrap_or(self.path)
    }

    /// The attribute at its end.
    pub(crate) fn leaf(&self) -> &'static str {
        self.path.trim_end_matches("[]").rsplit('.').next().unwrap_or(self.path)
    }

    /// Whether it is a list.
    pub(crate) fn is_list(&self) -> bool {
        self.path.ends_with("[]")
    }
}

const fn required(path: &'static str) -> Slot {
    Slot { path, holds: Holds::Id, need: Need::Required }
}

const fn set(path: &'static str) -> Slot {
    Slot { path, holds: Holds::Id, need: Need::Set }
}

const fn computed(path: &'static str) -> Slot {
    Slot { path, holds: Holds::Id, need: Need::Computed }
}

const fn ipv4(path: &'static str) -> Slot {
    Slot { path, holds: Holds::Ipv4, need: Need::Set }
}

const fn ipv6(path: &'static str) -> Slot {
    Slot { path, holds: Holds::Ipv6, need: Need::Set }
}

const fn block(path: &'static str) -> Slot {
    Slot { path, holds: Holds::Block, need: Need::Set }
}

/// The attributes of a type that lead to other resources or hold their blocks.
pub(crate) fn slots(kind: &str) -> &'static [Slot] {
    TYPES.iter().find(|(name, _)| *name == kind).map_or(&[], |(_, slots)| *slots)
}

/// Whether resources of a type are read.
pub(crate) fn is_read(kind: &str, mode: Mode) -> bool {
    match mode {
        Mode::Managed => TYPES.iter().any(|(name, _)| *name == kind),
        Mode::Data => LOOKED_UP.contains(&kind),
    }
}

/// The types whose ids an attribute of this name takes; none for other attributes.
pub(crate) fn targets(attribute: &str) -> &'static [&'static str] {
    match attribute {
        "vpc_id" | "peer_vpc_id" => &["aws_vpc", "aws_default_vpc"],
        "subnet_id" | "subnet_ids" => &["aws_subnet", "aws_default_subnet"],
        "internet_gateway_id" => &["aws_internet_gateway"],
        "gateway_id" => &["aws_internet_gateway", "aws_vpn_gateway", "aws_vpc_endpoint"],
        "egress_only_gateway_id" => &["aws_egress_only_internet_gateway"],
        "nat_gateway_id" => &["aws_nat_gateway"],
        "vpn_gateway_id" | "propagating_vgws" => &["aws_vpn_gateway"],
        "network_interface_id"
        | "network_interface_ids"
        | "network_interface"
        | "eni_id"
        | "primary_network_interface_id" => &["aws_network_interface"],
        "instance" | "instance_id" => &["aws_instance"],
        "allocation_id" | "allocation_ids" | "secondary_allocation_ids" => &["aws_eip"],
        "route_table_id" | "route_table_ids" | "default_route_table_id" | "main_route_table_id" => {
            &["aws_route_table", "aws_default_route_table"]
        }
        "network_acl_id" | "default_network_acl_id" => &["aws_network_acl", "aws_default_network_acl"],
        "security_group_id"
        | "security_group_ids"
        | "security_groups"
        | "vpc_security_group_ids"
        | "source_security_group_id"
        | "referenced_security_group_id"
        | "default_security_group_id" => &["aws_security_group", "aws_default_security_group"],
        "vpc_endpoint_id" => &["aws_vpc_endpoint"],
        "vpc_peering_connection_id" => &["aws_vpc_peering_connection", "aws_vpc_peering_connection_accepter"],
        "transit_gateway_id" => &["aws_ec2_transit_gateway"],
        "transit_gateway_attachment_id" | "transport_attachment_id" => &[
            "aws_ec2_transit_gateway_vpc_attachment",
            "aws_ec2_transit_gateway_vpc_attachment_accepter",
            "aws_ec2_transit_gateway_peering_attachment",
            "aws_ec2_transit_gateway_connect",
        ],
        "vpn_connection_id" => &["aws_vpn_connection"],
        "transit_gateway_route_table_id"
        | "association_default_route_table_id"
        | "propagation_default_route_table_id" => &["aws_ec2_transit_gateway_route_table"],
        "prefix_list_id" | "prefix_list_ids" | "destination_prefix_list_id" => {
            &["aws_ec2_managed_prefix_list", "aws_prefix_list"]
        }
        _ => &[],
    }
}

/// Whether an attribute of a resource is its own id.
pub(crate) fn is_own_id(kind: &str, attribute: &str) -> bool {
    match attribute {
        "id" | "arn" => true,
        "allocation_id" => kind == "aws_eip",
        // What these are is known by another name too.
        "default_route_table_id" => kind == "aws_default_route_table",
        "default_network_acl_id" => kind == "aws_default_network_acl",
        "vpc_peering_connection_id" => kind == "aws_vpc_peering_connection_accepter",
        "transit_gateway_attachment_id" => kind == "aws_ec2_transit_gateway_vpc_attachment_accepter",
        _ => false,
    }
}

/// Data sources that describe what exists elsewhere.
const LOOKED_UP: [&str; 17] = [
    "aws_vpc",
    "aws_subnet",
    "aws_security_group",
    "aws_route_table",
    "aws_prefix_list",
    "aws_ec2_managed_prefix_list",
    "aws_internet_gateway",
    "aws_nat_gateway",
    "aws_network_interface",
    "aws_instance",
    "aws_eip",
    "aws_vpc_endpoint",
    "aws_vpc_peering_connection",
    "aws_vpn_gateway",
    "aws_ec2_transit_gateway",
    "aws_ec2_transit_gateway_vpc_attachment",
    "aws_ec2_transit_gateway_route_table",
];

/// Targets and destinations of the routes that a table holds itself.
const ROUTES: [Slot; 12] = [
    set("route[].gateway_id"),
    set("route[].nat_gateway_id"),
    set("route[].egress_only_gateway_id"),
    set("route[].network_interface_id"),
    set("route[].instance_id"),
    set("route[].transit_gateway_id"),
    set("route[].vpc_endpoint_id"),
    set("route[].vpc_peering_connection_id"),
    set("route[].destination_prefix_list_id"),
    ipv4("route[].cidr_block"),
    ipv6("route[].ipv6_cidr_block"),
    computed("propagating_vgws[]"),
];

const fn with<const N: usize, const M: usize, const K: usize>(first: [Slot; N], more: [Slot; M]) -> [Slot; K] {
    let mut all = [required(""); K];
    let mut at = 0;
    while at < K {
        all[at] = if at < N { first[at] } else { more[at - N] };
        at += 1;
    }
    all
}

/// What the rules that a group holds itself refer to.
const RULES: [Slot; 8] = [
    set("ingress[].security_groups[]"),
    set("ingress[].prefix_list_ids[]"),
    ipv4("ingress[].cidr_blocks[]"),
    ipv6("ingress[].ipv6_cidr_blocks[]"),
    set("egress[].security_groups[]"),
    set("egress[].prefix_list_ids[]"),
    ipv4("egress[].cidr_blocks[]"),
    ipv6("egress[].ipv6_cidr_blocks[]"),
];

/// Blocks of the entries that an ACL holds itself.
const ENTRIES: [Slot; 4] = [
    ipv4("ingress[].cidr_block"),
    ipv6("ingress[].ipv6_cidr_block"),
    ipv4("egress[].cidr_block"),
    ipv6("egress[].ipv6_cidr_block"),
];

/// Every type that is read. Blocks and addresses that AWS chooses are not here: they are made up, not looked for.
const TYPES: &[(&str, &[Slot])] = &[
    ("aws_vpc", &[]),
    ("aws_default_vpc", &[]),
    ("aws_vpc_ipv4_cidr_block_association", &[required("vpc_id"), ipv4("cidr_block")]),
    ("aws_vpc_ipv6_cidr_block_association", &[required("vpc_id")]),
    ("aws_vpc_block_public_access_options", &[]),
    ("aws_vpc_block_public_access_exclusion", &[set("vpc_id"), set("subnet_id")]),
    ("aws_subnet", &[required("vpc_id")]),
    ("aws_default_subnet", &[computed("vpc_id")]),
    ("aws_internet_gateway", &[computed("vpc_id")]),
    ("aws_internet_gateway_attachment", &[required("internet_gateway_id"), required("vpc_id")]),
    ("aws_egress_only_internet_gateway", &[required("vpc_id")]),
    (
        "aws_nat_gateway",
        &[
            set("subnet_id"),
            set("allocation_id"),
            computed("vpc_id"),
            computed("secondary_allocation_ids[]"),
            computed("availability_zone_address[].allocation_ids[]"),
        ],
    ),
    ("aws_nat_gateway_eip_association", &[required("nat_gateway_id"), required("allocation_id")]),
    ("aws_eip", &[computed("instance"), computed("network_interface")]),
    (
        "aws_eip_association",
        &[computed("allocation_id"), computed("instance_id"), computed("network_interface_id"), ipv4("public_ip")],
    ),
    ("aws_route_table", &with::<1, 12, 13>([required("vpc_id")], ROUTES)),
    ("aws_default_route_table", &with::<1, 12, 13>([required("default_route_table_id")], ROUTES)),
    ("aws_route_table_association", &[required("route_table_id"), set("subnet_id"), set("gateway_id")]),
    ("aws_main_route_table_association", &[required("vpc_id"), required("route_table_id")]),
    (
        "aws_route",
        &[
            required("route_table_id"),
            set("gateway_id"),
            set("nat_gateway_id"),
            set("egress_only_gateway_id"),
            computed("network_interface_id"),
            computed("instance_id"),
            set("transit_gateway_id"),
            set("vpc_endpoint_id"),
            set("vpc_peering_connection_id"),
            set("destination_prefix_list_id"),
            ipv4("destination_cidr_block"),
            ipv6("destination_ipv6_cidr_block"),
        ],
    ),
    ("aws_network_acl", &with::<2, 4, 6>([required("vpc_id"), computed("subnet_ids[]")], ENTRIES)),
    (
        "aws_default_network_acl",
        &with::<2, 4, 6>([required("default_network_acl_id"), computed("subnet_ids[]")], ENTRIES),
    ),
    ("aws_network_acl_rule", &[required("network_acl_id"), ipv4("cidr_block"), ipv6("ipv6_cidr_block")]),
    ("aws_network_acl_association", &[required("network_acl_id"), required("subnet_id")]),
    ("aws_security_group", &with::<1, 8, 9>([computed("vpc_id")], RULES)),
    ("aws_default_security_group", &with::<1, 8, 9>([computed("vpc_id")], RULES)),
    (
        "aws_security_group_rule",
        &[
            required("security_group_id"),
            computed("source_security_group_id"),
            set("prefix_list_ids[]"),
            ipv4("cidr_blocks[]"),
            ipv6("ipv6_cidr_blocks[]"),
        ],
    ),
    ("aws_vpc_security_group_ingress_rule", &RULE),
    ("aws_vpc_security_group_egress_rule", &RULE),
    ("aws_vpc_security_group_vpc_association", &[required("security_group_id"), required("vpc_id")]),
    ("aws_network_interface", &[required("subnet_id"), computed("security_groups[]"), set("attachment[].instance")]),
    ("aws_network_interface_attachment", &[required("instance_id"), required("network_interface_id")]),
    ("aws_network_interface_sg_attachment", &[required("security_group_id"), required("network_interface_id")]),
    (
        "aws_instance",
        &[
            computed("subnet_id"),
            computed("vpc_security_group_ids[]"),
            set("network_interface[].network_interface_id"),
            set("primary_network_interface[].network_interface_id"),
        ],
    ),
    (
        "aws_vpc_endpoint",
        &[
            required("vpc_id"),
            computed("route_table_ids[]"),
            computed("subnet_ids[]"),
            computed("security_group_ids[]"),
            set("subnet_configuration[].subnet_id"),
        ],
    ),
    ("aws_vpc_endpoint_route_table_association", &[required("vpc_endpoint_id"), required("route_table_id")]),
    ("aws_vpc_endpoint_subnet_association", &[required("vpc_endpoint_id"), required("subnet_id")]),
    ("aws_vpc_endpoint_security_group_association", &[required("vpc_endpoint_id"), required("security_group_id")]),
    ("aws_ec2_managed_prefix_list", &[block("entry[].cidr")]),
    ("aws_ec2_managed_prefix_list_entry", &[required("prefix_list_id"), block("cidr")]),
    (
        "aws_flow_log",
        &[
            set("vpc_id"),
            set("subnet_id"),
            set("eni_id"),
            set("transit_gateway_id"),
            set("transit_gateway_attachment_id"),
        ],
    ),
    ("aws_vpc_peering_connection", &[required("vpc_id"), required("peer_vpc_id")]),
    (
        "aws_vpc_peering_connection_accepter",
        &[required("vpc_peering_connection_id"), computed("vpc_id"), computed("peer_vpc_id")],
    ),
    ("aws_vpc_peering_connection_options", &[required("vpc_peering_connection_id")]),
    ("aws_vpn_gateway", &[computed("vpc_id")]),
    ("aws_vpn_gateway_attachment", &[required("vpc_id"), required("vpn_gateway_id")]),
    ("aws_vpn_gateway_route_propagation", &[required("vpn_gateway_id"), required("route_table_id")]),
    ("aws_ec2_transit_gateway", &[]),
    (
        "aws_ec2_transit_gateway_vpc_attachment",
        &[required("transit_gateway_id"), required("vpc_id"), set("subnet_ids[]")],
    ),
    (
        "aws_ec2_transit_gateway_vpc_attachment_accepter",
        &[required("transit_gateway_attachment_id"), computed("vpc_id"), computed("transit_gateway_id")],
    ),
    ("aws_ec2_transit_gateway_route_table", &[required("transit_gateway_id")]),
    ("aws_ec2_transit_gateway_route_table_association", &TABLE),
    ("aws_ec2_transit_gateway_route_table_propagation", &TABLE),
    (
        "aws_ec2_transit_gateway_prefix_list_reference",
        &[required("transit_gateway_route_table_id"), required("prefix_list_id"), set("transit_gateway_attachment_id")],
    ),
    ("aws_ec2_transit_gateway_default_route_table_association", &DEFAULT_TABLE),
    ("aws_ec2_transit_gateway_default_route_table_propagation", &DEFAULT_TABLE),
    ("aws_ec2_transit_gateway_peering_attachment", &[required("transit_gateway_id")]),
    ("aws_ec2_transit_gateway_connect", &[required("transit_gateway_id"), set("transport_attachment_id")]),
    ("aws_vpn_connection", &[set("transit_gateway_id"), set("vpn_gateway_id")]),
    ("aws_vpn_connection_route", &[required("vpn_connection_id"), block("destination_cidr_block")]),
    ("aws_dx_gateway_association", &[]),
    (
        "aws_ec2_transit_gateway_route",
        &[
            required("transit_gateway_route_table_id"),
            set("transit_gateway_attachment_id"),
            block("destination_cidr_block"),
        ],
    ),
];

const RULE: [Slot; 5] = [
    required("security_group_id"),
    set("referenced_security_group_id"),
    set("prefix_list_id"),
    ipv4("cidr_ipv4"),
    ipv6("cidr_ipv6"),
];

const DEFAULT_TABLE: [Slot; 2] = [required("transit_gateway_id"), required("transit_gateway_route_table_id")];

const TABLE: [Slot; 2] = [required("transit_gateway_route_table_id"), required("transit_gateway_attachment_id")];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_id_has_types_that_suit_it() {
        for (kind, slots) in TYPES {
            for slot in slots.iter().filter(|slot| slot.holds == Holds::Id) {
                let suiting = targets(slot.leaf());
                assert!(!suiting.is_empty(), "{kind}.{}", slot.path);
                for target in suiting {
                    assert!(is_read(target, Mode::Managed) || is_read(target, Mode::Data), "{target}");
                }
            }
        }
    }

    #[test]
    fn paths_tell_their_ends() {
        let slot = set("ingress[].security_groups[]");
        assert_eq!((slot.attribute(), slot.leaf(), slot.is_list()), ("ingress", "security_groups", true));
        let slot = set("route[].nat_gateway_id");
        assert_eq!((slot.attribute(), slot.leaf(), slot.is_list()), ("route", "nat_gateway_id", false));
        assert!(slots("aws_route_table").iter().all(|slot| !slot.path.is_empty()));
    }
}
