//! Security groups: each is compiled once, whoever has it. A rule about a group names it, and knows nothing of how many
//! members it has.

use std::sync::Arc;

use vpcemu_model::{Id, Network, Peer, SecurityGroupRule};

use super::names::Names;
use crate::fabric::GroupRules;
use crate::fabric::rules::{Entry, GroupRule, GroupTable, RulePeer};
use crate::index::{GroupIx, Registry};

/// The groups that this configuration has: another one of the run may have more.
pub(super) struct Groups {
    /// Inbound and outbound, by [`GroupIx`].
    tables: Vec<Option<[Arc<GroupTable>; 2]>>,
}

impl Groups {
    pub(super) fn new(registry: &Registry, network: &Network, names: &Names<'_>) -> Self {
        let mut known = vec![false; registry.groups.len()];
        let ids = network.security_groups.iter().filter_map(|group| registry.groups.find(&group.id));
        ids.for_each(|group: GroupIx| known[usize::from(group)] = true);
        let mut tables = vec![None; registry.groups.len()];
        for group in &network.security_groups {
            let Some(index) = registry.groups.find(&group.id) else { continue };
            let table = |rules: &[SecurityGroupRule]| {
                let rules = rules.iter().filter_map(|rule| compiled(registry, &known, names, rule));
                Arc::new(GroupTable::new(rules.collect()))
            };
            // Of two with one id, which validation refuses, the first counts.
            tables[usize::from(index)].get_or_insert_with(|| [table(&group.ingress), table(&group.egress)]);
        }
        Self { tables }
    }

    pub(super) fn find(&self, registry: &Registry, id: &Id) -> Option<GroupIx> {
        registry.groups.find(id).filter(|group: &GroupIx| self.tables[usize::from(*group)].is_some())
    }

    /// What several groups say together, inbound and outbound.
    pub(super) fn union(&self, groups: &[GroupIx]) -> (GroupRules, GroupRules) {
        let tables = || groups.iter().filter_map(|group| self.tables[usize::from(*group)].as_ref());
        let [inbound, outbound] = [0, 1].map(|way| GroupRules::new(tables().map(|both| Arc::clone(&both[way]))));
        (inbound, outbound)
    }
}

fn compiled(registry: &Registry, known: &[bool], names: &Names<'_>, rule: &SecurityGroupRule) -> Option<GroupRule> {
    let peer = match &rule.peer {
        Peer::Cidr(net) => RulePeer::Net(*net),
        Peer::PrefixList(id) => RulePeer::List(Arc::clone(names.prefix_list(id))),
        Peer::SecurityGroup(id) => {
            match registry.groups.find(id).filter(|group: &GroupIx| known[usize::from(*group)]) {
                Some(group) => RulePeer::Group(group),
                // A rule about a group that does not exist is stale: it is there, and matches nothing (6.13).
                None => RulePeer::List(Arc::default()),
            }
        }
    };
    let entry = Entry { protocol: rule.protocol, ports: rule.ports, peer };
    Some(GroupRule { id: registry.rules.find(&rule.id)?, entry })
}
