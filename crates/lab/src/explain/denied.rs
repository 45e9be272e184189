use std::net::IpAddr;

use serde::Serialize;
use vpcemu_dataplane::outcome::{Direction, Outcome, Rule};
use vpcemu_dataplane::{Component, Denial, DropReason};
use vpcemu_model::{AclAction, AclEntry, NetworkInterface};
use vpcemu_packet::FlowKey;

use super::rules::{describe_entry, place, with_name};
use super::{Explainer, Facts, Named};

/// Why a packet was dropped.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct Denied {
    /// The code.
    pub reason: &'static str,
    /// The same in words.
    pub words: &'static str,
    /// The component that decided; none if none was reached.
    pub at: Option<String>,
    /// Its name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// In which direction, where there are two.
    pub dir: Option<&'static str>,
    /// By which rule: an id, a number, or `*` where none matched.
    #[serde(serialize_with = "super::rule")]
    pub rule: Option<String>,
    /// What was asked, and with what result.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub because: Option<String>,
    /// The rule that was nearest to letting it pass.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub nearest: Option<Nearest>,
    /// The packet of the input that the real network had let pass and this one did not, of a flow that diverged.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub after: Option<u64>,
}

/// A rule that would let pass what differs less.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct Nearest {
    /// Its id, or number.
    pub rule: String,
    /// What it says.
    pub text: String,
    /// The security group that it belongs to.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub group: Option<Named>,
    /// In what the packet differs from it.
    pub differs: Vec<String>,
    /// Where it was defined.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub origin: Option<String>,
}

impl Explainer<'_> {
    pub(super) fn denied(&self, reason: DropReason, facts: &Facts<'_>) -> Denied {
        let denial = match facts.verdict.map(|verdict| verdict.outcome) {
            Some(Outcome::Dropped(denial)) => Some(denial),
            _ => None,
        };
        let names = self.names();
        let at = denial.and_then(|denial| denial.at);
        // What the component saw: the header as the step before had left it, which a denial does not change.
        let key = facts.steps.last().map(|step| step.key).or(facts.injected);
        let (because, nearest) = match (denial, key) {
            (Some(denial), Some(key)) => self.because(&denial, &key),
            _ => (None, None),
        };
        Denied {
            reason: reason.code(),
            words: reason.in_words(),
            at: at.map(|at| names.component(at).to_owned()),
            name: at.and_then(|at| self.name_of(at)),
            dir: denial.and_then(|denial| denial.direction).map(|direction| direction.name()),
            rule: denial.and_then(|denial| denial.rule).and_then(|rule| names.rule_text(rule)),
            because,
            nearest,
            after: facts.verdict.and_then(|verdict| verdict.after),
        }
    }

    /// What was asked and with what result, and what was nearest to another.
    fn because(&self, denial: &Denial, key: &FlowKey) -> (Option<String>, Option<Nearest>) {
        let registry = self.timeline.registry();
        match (denial.reason, denial.at, denial.direction) {
            (
                DropReason::SecurityGroup | DropReason::SecurityGroupEmpty | DropReason::SecurityGroupReferenceLost,
                Some(Component::Interface(eni)),
                Some(direction),
            ) => {
                let Some(interface) = self.network.interface(registry.enis.id(eni)) else { return (None, None) };
                let lost = denial.reason == DropReason::SecurityGroupReferenceLost;
                let groups: Vec<_> = self
                    .network
                    .security_groups
                    .iter()
                    .filter(|it| interface.security_groups.contains(&it.id))
                    .collect();
                let rules = groups.iter().map(|group| match direction {
                    Direction::Ingress => group.ingress.len(),
                    Direction::Egress => group.egress.len(),
                });
                let count: usize = rules.sum();
                let names: Vec<_> = groups.iter().map(|group| with_name(&group.id, group.name.as_deref())).collect();
                let (names, direction_name) = (names.join(", "), direction.name());
                let because = match count {
                    0 => format!("{names}: no {direction_name} rules"),
                    1 => format!("the one {direction_name} rule of {names} does not match"),
                    _ => format!("none of the {count} {direction_name} rules of {names} matches"),
                };
                (Some(because), self.nearest_group_rule(interface, direction, key, lost))
            }
            (DropReason::NetworkAcl, Some(Component::NetworkAcl(acl)), Some(direction)) => {
                let id = registry.acls.id(acl);
                if let Some(Rule::NetworkAcl(number)) = denial.rule {
                    let entry = self.entries(id, direction).find(|entry| entry.number == number);
                    let origin = entry.and_then(|entry| place(&entry.origin));
                    let told = entry.map(|entry| {
                        let origin = origin.map_or_else(String::new, |origin| format!(", defined at {origin}"));
                        format!("{}{origin}", describe_entry(direction, entry))
                    });
                    return (told, None);
                }
                let allowing = |entry: &&AclEntry| entry.action == AclAction::Allow;
                let count = self.entries(id, direction).filter(allowing).count();
                let direction_name = direction.name();
                let because = match count {
                    0 => format!("no {direction_name} entry allows anything"),
                    1 => format!("the one {direction_name} entry that allows something does not match"),
                    _ => format!("none of the {count} {direction_name} entries that allow something matches"),
                };
                (Some(because), self.nearest_entry(id, direction, key))
            }
            (DropReason::NoRoute, Some(Component::RouteTable(table)), _) => {
                let count = self.routes(registry.tables.id(table)).count();
                (Some(format!("none of its {count} routes covers {}", key.dst)), None)
            }
            _ => (self.about_addresses(denial.reason, key), None),
        }
    }

    /// What is the matter with the addresses of a packet.
    fn about_addresses(&self, reason: DropReason, key: &FlowKey) -> Option<String> {
        let holder =
            |address: IpAddr| self.network.interfaces.iter().find(|it| it.addresses().any(|own| own == address));
        let named = |interface: &NetworkInterface| with_name(&interface.id, interface.name.as_deref());
        match reason {
            DropReason::NoSuchPublicAddress => Some(match holder(key.dst) {
                Some(interface) => format!("{} is a private address of {}", key.dst, named(interface)),
                None => match self.network.interfaces.iter().find(|it| has_public(it, key.dst)) {
                    Some(interface) => {
                        format!("{} is the public address of {}, which it does not get", key.dst, named(interface))
                    }
                    None => format!("{} is no public address of any interface", key.dst),
                },
            }),
            DropReason::NoPublicAddress => {
                holder(key.src).map(|interface| format!("{} of {} has no public address", key.src, named(interface)))
            }
            DropReason::NeighborUnknown => match holder(key.dst) {
                Some(interface) if interface.in_use => None,
                Some(interface) => {
                    Some(format!("{} of {} receives nothing: it is stopped or detached", key.dst, named(interface)))
                }
                None => Some(format!("{} is in the VPC, and no interface has it", key.dst)),
            },
            DropReason::SourceDestCheck => {
                let whose = |address| {
                    holder(address).map_or_else(|| "of no interface".to_owned(), |of| format!("that of {}", named(of)))
                };
                Some(format!("{} is {}, {} is {}", key.src, whose(key.src), key.dst, whose(key.dst)))
            }
            _ => None,
        }
    }
}

fn has_public(interface: &NetworkInterface, address: IpAddr) -> bool {
    interface.ipv4.iter().any(|pair| pair.public.map(IpAddr::V4) == Some(address))
}
