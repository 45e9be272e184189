//! The rules behind steps, as they were written.

use vpcemu_dataplane::Component;
use vpcemu_dataplane::outcome::{Direction, Rule, Step};
use vpcemu_model::{
    AclAction, AclEntry, Destination, Id, Origin, Peer, Ports, Protocol, Route, SecurityGroup, SecurityGroupRule,
};

use super::{Explainer, Named};

/// A rule as it was written.
#[derive(Clone, Debug)]
pub(super) struct Known {
    pub(super) text: String,
    pub(super) group: Option<Named>,
    pub(super) origin: Option<String>,
}

impl Explainer<'_> {
    /// The rule that decided a step, as it was written.
    pub(super) fn rule_of(&self, step: &Step) -> Option<Known> {
        let registry = self.timeline.registry();
        match (step.at, step.rule?) {
            (_, Rule::SecurityGroup(rule)) => {
                let (group, direction, rule) = self.group_rule(registry.rules.id(rule))?;
                let text = self.describe_group_rule(direction, rule);
                Some(Known { text, group: Some(group_name(group)), origin: place(&rule.origin) })
            }
            (Component::NetworkAcl(acl), Rule::NetworkAcl(number)) => {
                let entry =
                    self.entries(registry.acls.id(acl), step.direction?).find(|entry| entry.number == number)?;
                Some(Known { text: describe_entry(step.direction?, entry), group: None, origin: place(&entry.origin) })
            }
            (Component::RouteTable(table), Rule::Route(route)) => {
                let text = self.fabric.describe_route(registry, table, route);
                let net = self.fabric.table(table)?.net(route)?;
                let written = self.routes(registry.tables.id(table)).find(|route| self.covers(route, net));
                Some(Known { text, group: None, origin: written.and_then(|route| place(&route.origin)) })
            }
            _ => None,
        }
    }

    /// The name that people gave a component.
    pub(super) fn name_of(&self, component: Component) -> Option<String> {
        let (network, id) = (self.network, self.names().component(component));
        let is = |of: &Id| of.as_str() == id;
        let name = match component {
            Component::Interface(_) => network.interfaces.iter().find(|it| is(&it.id))?.name.clone(),
            Component::NetworkAcl(_) => network.network_acls.iter().find(|it| is(&it.id))?.name.clone(),
            Component::RouteTable(_) => {
                let own = network.route_tables.iter().find(|it| is(&it.id)).map(|table| table.name.clone());
                let of_gateway = || network.gateway_route_tables.iter().find(|it| is(&it.id));
                own.or_else(|| of_gateway().map(|table| table.name.clone()))?
            }
            Component::NatGateway(_) => network.nat_gateways.iter().find(|it| is(&it.id))?.name.clone(),
            Component::Endpoint(_) => network.vpc_endpoints.iter().find(|it| is(&it.id))?.name.clone(),
            Component::InternetGateway(_) | Component::EgressOnly(_) | Component::Edge(_) | Component::Service(_) => {
                None
            }
        };
        name.filter(|name| name != id)
    }

    fn group_rule(&self, id: &Id) -> Option<(&SecurityGroup, Direction, &SecurityGroupRule)> {
        self.network.security_groups.iter().find_map(|group| {
            let of = |rules: &'_ [SecurityGroupRule]| rules.iter().position(|rule| rule.id == *id);
            let ingress = of(&group.ingress).map(|at| (group, Direction::Ingress, &group.ingress[at]));
            ingress.or_else(|| of(&group.egress).map(|at| (group, Direction::Egress, &group.egress[at])))
        })
    }

    /// The entries of a network ACL, by number.
    pub(super) fn entries(&self, acl: &Id, direction: Direction) -> impl Iterator<Item = &AclEntry> {
        let acl = self.network.network_acls.iter().find(|it| it.id == *acl);
        let mut entries: Vec<_> = acl
            .into_iter()
            .flat_map(|acl| match direction {
                Direction::Ingress => &acl.ingress,
                Direction::Egress => &acl.egress,
            })
            .collect();
        entries.sort_by_key(|entry| entry.number);
        entries.into_iter()
    }

    /// The routes of a table of a subnet or gateway. Static ones come first, as they win (2.4).
    pub(super) fn routes(&self, table: &Id) -> impl Iterator<Item = &Route> {
        let of_subnets = self.network.route_tables.iter().find(|it| it.id == *table).map(|table| &table.routes);
        let of_gateways = || self.network.gateway_route_tables.iter().find(|it| it.id == *table);
        let routes = of_subnets.or_else(|| of_gateways().map(|table| &table.routes));
        let mut routes: Vec<_> = routes.into_iter().flatten().collect();
        routes.sort_by_key(|route| {
            let by_list = matches!(route.destination, Destination::PrefixList(_));
            (route.route_origin == vpcemu_model::RouteOrigin::Propagated, by_list)
        });
        routes.into_iter()
    }

    fn covers(&self, route: &Route, net: ipnet::IpNet) -> bool {
        match &route.destination {
            Destination::Cidr(own) => own.trunc() == net,
            Destination::PrefixList(list) => self.blocks(list).iter().any(|own| own.trunc() == net),
        }
    }

    /// The blocks of a prefix list.
    pub(super) fn blocks(&self, list: &Id) -> &[ipnet::IpNet] {
        self.network.prefix_lists.iter().find(|it| it.id == *list).map_or(&[], |list| &list.entries)
    }

    /// `egress tcp 443 0.0.0.0/0`.
    pub(super) fn describe_group_rule(&self, direction: Direction, rule: &SecurityGroupRule) -> String {
        let peer = match &rule.peer {
            Peer::Cidr(net) => net.to_string(),
            Peer::PrefixList(id) => {
                let list = self.network.prefix_lists.iter().find(|list| list.id == *id);
                with_name(id, list.and_then(|list| list.name.as_deref()))
            }
            Peer::SecurityGroup(id) => {
                let group = self.network.security_groups.iter().find(|group| group.id == *id);
                with_name(id, group.and_then(|group| group.name.as_deref()))
            }
        };
        format!("{} {} {peer}", direction.name(), traffic(rule.protocol, rule.ports))
    }
}

/// `rule 100 egress tcp 443 0.0.0.0/0`.
pub(super) fn describe_entry(direction: Direction, entry: &AclEntry) -> String {
    let action = match entry.action {
        AclAction::Allow => "",
        AclAction::Deny => "deny ",
    };
    let (number, direction) = (entry.number, direction.name());
    format!("rule {number} {direction} {action}{} {}", traffic(entry.protocol, entry.ports), entry.cidr)
}

/// `tcp 443`, `icmp type 8`, `all`.
fn traffic(protocol: Protocol, ports: Ports) -> String {
    match (protocol, ports) {
        (Protocol::All, _) => "all".to_owned(),
        (_, Ports::Any) => protocol.to_string(),
        _ => format!("{protocol} {ports}"),
    }
}

/// Where something was defined; none of what AWS makes with the VPC.
pub(super) fn place(origin: &Origin) -> Option<String> {
    (!origin.is_implicit()).then(|| origin.to_string())
}

pub(super) fn group_name(group: &SecurityGroup) -> Named {
    Named { id: group.id.to_string(), name: group.name.clone().filter(|name| name != group.id.as_str()) }
}

/// `sg-1 (web)`.
pub(super) fn with_name(id: &Id, name: Option<&str>) -> String {
    match name {
        Some(name) if name != id.as_str() => format!("{id} ({name})"),
        _ => id.to_string(),
    }
}
