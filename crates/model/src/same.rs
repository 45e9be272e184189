//! Whether two networks are the same but for where they were defined, what was assumed, and the order of resources.

use std::collections::HashMap;
use std::fmt::Debug;

use crate::{Id, Network, NetworkAcl, Origin, Route, RouteTable, SecurityGroup, SecurityGroupRule, TransitGateway};

impl Network {
    /// What another network has differently, in one sentence that names the first such resource; `None` if they are the same.
    /// Origins, assumptions and the order of resources make no difference; the order within a resource does, and which
    /// interface of an instance is the first.
    pub fn difference(&self, other: &Self) -> Option<String> {
        let (one, other) = (self.plain(), other.plain());
        macro_rules! lists {
            ($($list:ident: $what:literal),*) => {
                None$(.or_else(|| first(&one.$list, &other.$list, |it| it.id.clone(), $what)))*
            };
        }
        let resources = lists!(
            vpcs: "the VPC",
            subnets: "the subnet",
            route_tables: "the route table",
            network_acls: "the network ACL",
            security_groups: "the security group",
            prefix_lists: "the prefix list",
            interfaces: "the interface",
            instances: "the instance",
            internet_gateways: "the internet gateway",
            egress_only_internet_gateways: "the egress-only internet gateway",
            nat_gateways: "the NAT gateway",
            vpc_endpoints: "the endpoint",
            vpc_peering_connections: "the peering connection",
            transit_gateways: "the transit gateway",
            vpn_gateways: "the virtual private gateway",
            flow_logs: "the flow log"
        );
        let edges = |it: &crate::GatewayRouteTable| Id::new(format!("{} of {}", it.id, it.gateway));
        let scopes = |it: &crate::BlockExclusion| it.scope.clone();
        resources
            .or_else(|| first(&one.gateway_route_tables, &other.gateway_route_tables, edges, "the route table"))
            .or_else(|| {
                let (one, other) = (&one.block_public_access, &other.block_public_access);
                let mode = (one.mode != other.mode).then(|| "the mode of Block Public Access differs".to_owned());
                mode.or_else(|| first(&one.exclusions, &other.exclusions, scopes, "the exclusion of"))
            })
            .or_else(|| (one.behavior != other.behavior).then(|| "the behavior differs".to_owned()))
    }

    /// The network with nothing in it that makes no difference. What is the first interface of an instance has been made sure
    /// of, since interfaces are sorted.
    fn plain(&self) -> Self {
        let mut plain = self.clone();
        plain.assumptions.clear();
        let none = Origin::implicit;
        let mut seen = HashMap::new();
        for interface in &mut plain.interfaces {
            interface.origin = none();
            if let Some(instance) = &interface.instance {
                seen.entry(instance.clone()).or_insert_with(|| interface.id.clone());
            }
        }
        for instance in &mut plain.instances {
            instance.origin = none();
            // No field says so, and this one is not needed any more.
            if let Some(first) = seen.get(&instance.id) {
                instance.id = Id::new(format!("{} (first interface {first})", instance.id));
            }
        }
        plain.route_tables.iter_mut().for_each(strip_table);
        for table in &mut plain.gateway_route_tables {
            table.origin = none();
            table.routes.iter_mut().for_each(|route| route.origin = none());
        }
        plain.network_acls.iter_mut().for_each(strip_acl);
        plain.security_groups.iter_mut().for_each(strip_group);
        plain.transit_gateways.iter_mut().for_each(strip_transit_gateway);
        plain.block_public_access.exclusions.iter_mut().for_each(|it| it.origin = none());
        macro_rules! strip {
            ($($list:ident),*) => { $(plain.$list.iter_mut().for_each(|it| it.origin = none());)* };
        }
        strip!(
            vpcs,
            subnets,
            prefix_lists,
            internet_gateways,
            egress_only_internet_gateways,
            nat_gateways,
            vpc_endpoints,
            vpc_peering_connections,
            vpn_gateways,
            flow_logs
        );
        plain
    }
}

/// The first resource that only one of two lists has, or that differs.
fn first<T: PartialEq + Debug>(one: &[T], other: &[T], id: impl Fn(&T) -> Id, what: &str) -> Option<String> {
    let by_id = |list: &'_ [T]| -> HashMap<Id, usize> { (0..list.len()).rev().map(|at| (id(&list[at]), at)).collect() };
    let (of_one, of_other) = (by_id(one), by_id(other));
    let lost = one.iter().find_map(|it| match of_other.get(&id(it)) {
        None => Some(format!("{what} {} is only in one of the two", id(it))),
        Some(at) if other[*at] != *it => Some(format!("{what} {} differs", id(it))),
        Some(_) => None,
    });
    let gained = || {
        let only = other.iter().find(|it| !of_one.contains_key(&id(it)))?;
        Some(format!("{what} {} is only in one of the two", id(only)))
    };
    let counted = || (one.len() != other.len()).then(|| format!("{what} with one id is there several times"));
    lost.or_else(gained).or_else(counted)
}

fn strip_table(table: &mut RouteTable) {
    table.origin = Origin::implicit();
    table.routes.iter_mut().for_each(|route| route.origin = Origin::implicit());
}

fn strip_acl(acl: &mut NetworkAcl) {
    acl.origin = Origin::implicit();
    acl.ingress.iter_mut().chain(&mut acl.egress).for_each(|entry| entry.origin = Origin::implicit());
}

fn strip_group(group: &mut SecurityGroup) {
    group.origin = Origin::implicit();
    group.ingress.iter_mut().chain(&mut group.egress).for_each(|rule| rule.origin = Origin::implicit());
}

fn strip_transit_gateway(gateway: &mut TransitGateway) {
    gateway.origin = Origin::implicit();
    gateway.attachments.iter_mut().for_each(|it| it.origin = Origin::implicit());
    for table in &mut gateway.route_tables {
        table.origin = Origin::implicit();
        table.routes.iter_mut().for_each(|route| route.origin = Origin::implicit());
    }
}

impl Route {
    /// Whether two routes are the same wherever they were defined.
    pub(crate) fn is_same(&self, other: &Self) -> bool {
        Self { origin: Origin::implicit(), ..self.clone() } == Self { origin: Origin::implicit(), ..other.clone() }
    }
}

impl SecurityGroupRule {
    /// Whether two rules are the same wherever they were defined.
    pub(crate) fn is_same(&self, other: &Self) -> bool {
        Self { origin: Origin::implicit(), ..self.clone() } == Self { origin: Origin::implicit(), ..other.clone() }
    }
}

macro_rules! is_same {
    ($($resource:ty: $strip:ident),*) => {$(
        impl $resource {
            /// Whether two are the same wherever they were defined.
            pub(crate) fn is_same(&self, other: &Self) -> bool {
                let (mut one, mut other) = (self.clone(), other.clone());
                $strip(&mut one);
                $strip(&mut other);
                one == other
            }
        }
    )*};
}

is_same!(RouteTable: strip_table, NetworkAcl: strip_acl, SecurityGroup: strip_group);

#[cfg(test)]
mod tests {
    use crate::Network;
    use crate::validate::sample::{net, network};

    fn difference(change: impl FnOnce(&mut Network)) -> Option<String> {
        let mut changed = network();
        change(&mut changed);
        network().difference(&changed)
    }

    #[test]
    fn order_and_origins_make_no_difference() {
        let moved = difference(|it| {
            it.interfaces.reverse();
            it.subnets.reverse();
            it.vpcs[0].origin.file = "net.toml".into();
            it.security_groups[0].ingress[0].origin.line = Some(7);
        });
        assert_eq!(moved, None);
    }

    #[test]
    fn everything_else_does() {
        let other = difference(|it| it.subnets[1].cidrs = vec![net("10.0.9.0/24")]);
        assert_eq!(other.as_deref(), Some("the subnet subnet-b differs"));
        let lost = difference(|it| drop(it.route_tables.pop()));
        assert_eq!(lost.as_deref(), Some("the route table rtb-b is only in one of the two"));
        let gained = difference(|it| it.internet_gateways[0].id = "igw-2".into());
        assert_eq!(gained.as_deref(), Some("the internet gateway igw-1 is only in one of the two"));
        let twice = difference(|it| it.prefix_lists.push(it.prefix_lists[0].clone()));
        assert_eq!(twice.as_deref(), Some("the prefix list with one id is there several times"));
        let behavior = difference(|it| it.behavior.underlay.hops = 3);
        assert_eq!(behavior.as_deref(), Some("the behavior differs"));
        let swapped = difference(|it| it.route_tables[0].routes.swap(0, 1));
        assert_eq!(swapped.as_deref(), Some("the route table rtb-a differs"));
    }
}
