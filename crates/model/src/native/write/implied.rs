//! What the reader makes by itself with a VPC, as AWS does.

use std::collections::{HashMap, HashSet};

use crate::native::defaults;
use crate::{Id, Kind, Network};

/// The default resources of VPCs, and those of them that are as AWS makes them: the file has no more than their ids.
pub(super) struct Implied<'a> {
    left_out: HashSet<(Kind, &'a Id)>,
    /// Default resources, whose tables say so.
    defaults: HashSet<(Kind, &'a Id)>,
}

impl<'a> Implied<'a> {
    pub(super) fn of(network: &'a Network) -> Self {
        let mut implied = Self { left_out: HashSet::new(), defaults: HashSet::new() };
        let tables: HashMap<_, _> = network.route_tables.iter().map(|table| (&table.id, table)).collect();
        let acls: HashMap<_, _> = network.network_acls.iter().map(|acl| (&acl.id, acl)).collect();
        let groups: HashMap<_, _> = network.security_groups.iter().map(|group| (&group.id, group)).collect();
        let edges: HashSet<_> = network.gateway_route_tables.iter().map(|table| &table.id).collect();
        for vpc in &network.vpcs {
            let (table, acl) = (&vpc.main_route_table, &vpc.default_network_acl);
            let group = &vpc.default_security_group;
            implied.defaults.extend([(Kind::RouteTable, table), (Kind::NetworkAcl, acl), (Kind::SecurityGroup, group)]);
            if !edges.contains(table)
                && tables.get(table).is_some_and(|table| table.is_same(&defaults::main_route_table(vpc)))
            {
                implied.left_out.insert((Kind::RouteTable, table));
            }
            if acls.get(acl).is_some_and(|acl| acl.is_same(&defaults::network_acl(vpc))) {
                implied.left_out.insert((Kind::NetworkAcl, acl));
            }
            if groups.get(group).is_some_and(|group| group.is_same(&defaults::security_group(vpc))) {
                implied.left_out.insert((Kind::SecurityGroup, group));
            }
        }
        implied
    }

    pub(super) fn is_left_out(&self, kind: Kind, id: &'a Id) -> bool {
        self.left_out.contains(&(kind, id))
    }

    pub(super) fn is_default(&self, kind: Kind, id: &'a Id) -> bool {
        self.defaults.contains(&(kind, id))
    }
}
