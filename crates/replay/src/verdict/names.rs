//! Names for what verdicts mention.

use std::fmt;

use vpcemu_dataplane::index::Registry;
use vpcemu_dataplane::outcome::Rule;
use vpcemu_dataplane::{Component, Fabric, Ingress, Place, Timeline};

/// Names for everything that verdicts mention.
#[derive(Debug, Clone, Copy)]
pub struct Names<'a> {
    pub(super) registry: &'a Registry,
}

impl<'a> Names<'a> {
    /// The names of a timeline.
    pub fn new(timeline: &'a Timeline) -> Self {
        Self { registry: timeline.registry() }
    }

    /// The id of a component.
    pub fn component(&self, component: Component) -> &'a str {
        match component {
            Component::Interface(eni) => self.registry.enis.id(eni).as_str(),
            Component::NetworkAcl(acl) => self.registry.acls.id(acl).as_str(),
            Component::RouteTable(table) => self.registry.tables.id(table).as_str(),
            Component::InternetGateway(igw) => self.registry.igws.id(igw).as_str(),
            Component::EgressOnly(eigw) => self.registry.eigws.id(eigw).as_str(),
            Component::NatGateway(nat) => self.registry.nats.id(nat).as_str(),
            Component::Endpoint(endpoint) => self.registry.endpoints.id(endpoint).as_str(),
            Component::Edge(edge) => self.registry.edges.id(edge).as_str(),
            Component::Service(service) => service.name(),
        }
    }

    /// The name of a place.
    pub fn place(&self, place: Place) -> &'a str {
        match place {
            Place::Internet => "internet",
            Place::Interface(eni) => self.registry.enis.id(eni).as_str(),
            Place::Service(service) => service.name(),
            Place::Endpoint(endpoint) => self.registry.endpoints.id(endpoint).as_str(),
            Place::Edge(edge) => self.registry.edges.id(edge).as_str(),
        }
    }

    /// Where a packet was injected. `fabric` is the one in force then.
    pub fn ingress(&self, ingress: Ingress, fabric: &Fabric) -> &'a str {
        match ingress {
            Ingress::Interface(eni) => self.registry.enis.id(eni).as_str(),
            Ingress::Internet => "internet",
            Ingress::Service(service, _) => service.name(),
            Ingress::Endpoint(endpoint, _) => self.registry.endpoints.id(endpoint).as_str(),
            Ingress::Edge(edge) => self.registry.edges.id(edge).as_str(),
            Ingress::BehindNat(nat) => match fabric.nat(nat).and_then(|gateway| gateway.eni()) {
                Some(eni) => self.registry.enis.id(eni).as_str(),
                None => self.registry.nats.id(nat).as_str(),
            },
        }
    }

    /// A rule as text.
    pub fn rule_text(&self, rule: Rule) -> Option<String> {
        self.rule(rule).map(|rule| rule.to_string())
    }

    /// A rule in outputs. Routes have none outside of steps.
    pub(super) fn rule(&self, rule: Rule) -> Option<RuleText<'a>> {
        match rule {
            Rule::SecurityGroup(rule) => Some(RuleText::Id(self.registry.rules.id(rule).as_str())),
            Rule::NetworkAcl(number) => Some(RuleText::Number(number)),
            Rule::ImplicitDeny => Some(RuleText::Id("*")),
            Rule::Route(_) => None,
        }
    }
}

/// A rule in outputs: a network ACL entry by its number, a security group rule by its id, `*` for the implicit deny.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RuleText<'a> {
    /// A network ACL entry.
    Number(u16),
    /// A security group rule.
    Id(&'a str),
    /// A route.
    Route(String),
}

impl fmt::Display for RuleText<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Number(number) => write!(f, "{number}"),
            Self::Id(id) => f.write_str(id),
            Self::Route(route) => f.write_str(route),
        }
    }
}
