//! Prefix lists: two calls that list them, one of which has the blocks of AWS's own, and the entries of customers' ones.

use std::collections::{HashMap, HashSet};

use ipnet::IpNet;
use vpcemu_model::{Destination, EndpointKind, Id, Network, Origin, Peer, PrefixList};

use crate::Error;
use crate::codes;
use crate::dump::{Dump, Key};
use crate::node::Node;
use crate::notes::Notes;

/// Fills the lists, each with what all calls together tell of it.
pub(super) fn read(dump: &Dump, network: &mut Network) -> Result<(), Error> {
    let lists = &mut network.prefix_lists;
    // The blocks of each list: one may have thousands.
    let mut known: HashMap<Id, HashSet<IpNet>> = HashMap::new();
    for node in dump.nodes(Key::PrefixLists) {
        let id = node.required_id("PrefixListId")?;
        if node.state("State")?.as_deref() == Some("delete-complete") {
            continue;
        }
        let list = list_mut(lists, &id, &node);
        if list.name.is_none() {
            list.name = match node.text("PrefixListName")? {
                Some(name) => Some(name),
                None => node.name()?,
            };
        }
        let known = known.entry(id).or_default();
        list.entries.extend(node.blocks("Cidrs")?.into_iter().filter(|block| known.insert(*block)));
    }
    for (id, node) in dump.parts(Key::Entries) {
        let list = list_mut(lists, id, &node);
        let known = known.entry(id.clone()).or_default();
        for entry in node.list("Entries")? {
            let block = entry.block("Cidr")?.ok_or_else(|| entry.missing("Cidr"))?;
            if known.insert(block) {
                list.entries.push(block);
            }
        }
    }
    Ok(())
}

/// Notes the lists in use whose blocks are not known, and makes those that are not known at all.
pub(super) fn finish(dump: &Dump, network: &mut Network, notes: &mut Notes) {
    // A list may really be empty.
    let listed = dump.nodes(Key::PrefixLists).filter(|node| node.map.get("Cidrs").is_some_and(|it| it.is_array()));
    let mut known: HashSet<Id> = listed.filter_map(|node| node.id("PrefixListId").ok().flatten()).collect();
    known.extend(dump.parts(Key::Entries).map(|(id, _)| id.clone()));
    for (id, origin) in used(network) {
        let position = network.prefix_lists.iter().position(|list| list.id == id);
        let empty = position.is_none_or(|at| network.prefix_lists[at].entries.is_empty());
        if empty && !known.contains(&id) {
            let text = format!("{id} is in use, but no blocks of it were read: it matches nothing");
            notes.assume(codes::PREFIX_LIST_WITHOUT_ENTRIES, &id, text);
        }
        if position.is_none() {
            network.prefix_lists.push(PrefixList { id, name: None, entries: Vec::new(), origin });
        }
    }
}

/// Every list that something names, once, in order, with where it is named first.
fn used(network: &Network) -> Vec<(Id, Origin)> {
    let rules = network.security_groups.iter().flat_map(|group| group.ingress.iter().chain(&group.egress));
    let peers = rules.filter_map(|rule| match &rule.peer {
        Peer::PrefixList(id) => Some((id, &rule.origin)),
        _ => None,
    });
    let routes = network.route_tables.iter().flat_map(|table| &table.routes);
    let routes = routes.map(|route| (&route.destination, &route.origin));
    let transit = network.transit_gateways.iter().flat_map(|gateway| &gateway.route_tables);
    let transit = transit.flat_map(|table| &table.routes).map(|route| (&route.destination, &route.origin));
    let destinations = routes.chain(transit).filter_map(|(to, origin)| match to {
        Destination::PrefixList(id) => Some((id, origin)),
        Destination::Cidr(_) => None,
    });
    let endpoints = network.vpc_endpoints.iter().filter_map(|endpoint| match &endpoint.kind {
        EndpointKind::Gateway { prefix_list } => prefix_list.as_ref().map(|id| (id, &endpoint.origin)),
        EndpointKind::Interface { .. } | EndpointKind::GatewayLoadBalancer { .. } => None,
    });
    let mut once = HashSet::new();
    let all = destinations.chain(endpoints).chain(peers).filter(|(id, _)| once.insert(*id));
    all.map(|(id, origin)| (id.clone(), origin.clone())).collect()
}

fn list_mut<'a>(lists: &'a mut Vec<PrefixList>, id: &Id, node: &Node<'_>) -> &'a mut PrefixList {
    let at = lists.iter().position(|list| list.id == *id).unwrap_or_else(|| {
        lists.push(PrefixList { id: id.clone(), name: None, entries: Vec::new(), origin: node.origin() });
        lists.len() - 1
    });
    &mut lists[at]
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use crate::build::testing::{codes, import_over};
    use crate::codes;

    #[test]
    fn all_calls_add_up() {
        let imported = import_over(json!({
            "PrefixLists": [
                {"PrefixListId": "pl-1", "AddressFamily": "IPv4", "OwnerId": "AWS"},
                {"PrefixListId": "pl-2", "PrefixListName": "gone", "State": "delete-complete"},
                {"PrefixListId": "pl-1", "PrefixListName": "s3", "Cidrs": ["10.0.0.0/8", null]},
            ],
            "pl-1": {"Entries": [{"Cidr": "10.0.0.0/8"}, {"Cidr": "2001:db8::/32"}]},
            "pl-3": {"Entries": []},
        }));
        let lists: Vec<_> = imported.network.prefix_lists.iter().map(|it| (it.id.as_str(), it.entries.len())).collect();
        assert_eq!(lists, [("pl-1", 2), ("pl-3", 0)]);
        assert_eq!(imported.network.prefix_lists[0].name.as_deref(), Some("s3"));
        assert!(codes(&imported).is_empty());
    }

    #[test]
    fn only_lists_in_use_need_blocks() {
        let groups = |list| {
            json!([{"GroupId": "sg-1", "GroupName": "default", "VpcId": "vpc-1", "IpPermissions": [
            {"IpProtocol": "-1", "PrefixListIds": [{"PrefixListId": list}]}]}])
        };
        let lists = json!([{"PrefixListId": "pl-1"}, {"PrefixListId": "pl-2"}]);
        let imported = import_over(json!({"SecurityGroups": groups("pl-1"), "PrefixLists": lists}));
        assert_eq!(codes(&imported), [codes::PREFIX_LIST_WITHOUT_ENTRIES]);
        assert_eq!(imported.network.assumptions[0].place, "pl-1");

        let imported = import_over(json!({"SecurityGroups": groups("pl-9"), "pl-9": {"Entries": []}}));
        assert!(codes(&imported).is_empty());
    }
}
