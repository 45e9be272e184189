//! Route tables: which subnet has which, and which one is the main one. Their routes are read last, in [`super::route`].

use std::collections::HashMap;

use ipnet::IpNet;
use vpcemu_model::{Id, Kind, Network, Origin, RouteTable};

use super::suffix;
use crate::Error;
use crate::codes;
use crate::dump::{Dump, Key};
use crate::node::Node;
use crate::notes::Notes;

/// Ids of the gateways that may have a route table.
const GATEWAYS: [&str; 2] = ["igw-", "vgw-"];

/// A route table before its routes.
pub(super) struct TableHead<'a> {
    pub(super) id: Id,
    pub(super) vpc: Id,
    pub(super) node: Node<'a>,
    main: bool,
    subnets: Vec<Id>,
    /// The internet and virtual private gateways whose inbound packets it routes (semantics 2.15).
    pub(super) gateways: Vec<Id>,
}

impl TableHead<'_> {
    /// Whether it is for gateways only.
    pub(super) fn is_of_gateways(&self) -> bool {
        !self.gateways.is_empty() && !self.main && self.subnets.is_empty()
    }

    /// The destinations of its local routes.
    pub(super) fn local_blocks(&self) -> Result<Vec<IpNet>, Error> {
        let mut blocks = Vec::new();
        for route in self.node.list("Routes")? {
            if route.state("GatewayId")?.as_deref() == Some("local") {
                blocks.extend(route.block("DestinationCidrBlock")?);
                blocks.extend(route.block("DestinationIpv6CidrBlock")?);
            }
        }
        Ok(blocks)
    }
}

/// Every route table with its associations.
pub(super) fn heads<'a>(dump: &'a Dump, notes: &mut Notes) -> Result<Vec<TableHead<'a>>, Error> {
    dump.nodes(Key::RouteTables).map(|node| head(node, dump, notes)).collect()
}

/// Gives every subnet its table and every VPC its main one, which is made where the dump has none.
pub(super) fn assign(dump: &Dump, tables: &[TableHead<'_>], network: &mut Network, notes: &mut Notes) {
    for vpc in &mut network.vpcs {
        let main = tables.iter().find(|table| table.main && table.vpc == vpc.id);
        vpc.main_route_table = if let Some(main) = main {
            main.id.clone()
        } else {
            let text = format!("{} has no main route table here: it has local routes only", vpc.id);
            if dump.has(Key::RouteTables) {
                notes.assume(codes::UNKNOWN_MAIN_ROUTE_TABLE, &vpc.id, text);
            } else {
                let text = format!("no RouteTables: {text}");
                notes.assume(codes::MISSING_ROUTE_TABLES, &vpc.id, text);
            }
            let id = Id::of(Kind::RouteTable, &format!("main-{}", suffix(&vpc.id)));
            network.route_tables.push(RouteTable {
                id: id.clone(),
                name: Some("main".to_owned()),
                vpc: vpc.id.clone(),
                routes: Vec::new(),
                origin: Origin::implicit(),
            });
            id
        };
    }
    let mut associated = HashMap::new();
    for table in tables {
        for subnet in &table.subnets {
            let first = *associated.entry((&table.vpc, subnet)).or_insert(&table.id);
            if *first != table.id {
                let text = format!("{subnet} is associated with {first} and with {}: {first} counts", table.id);
                notes.assume(codes::CONFLICTING_COPIES, subnet, text);
            }
        }
    }
    for subnet in &mut network.subnets {
        let main = network.vpcs.iter().find(|vpc| vpc.id == subnet.vpc).map(|vpc| &vpc.main_route_table);
        if let Some(table) = associated.get(&(&subnet.vpc, &subnet.id)).copied().or(main) {
            subnet.route_table = table.clone();
        }
    }
}

fn head<'a>(node: Node<'a>, dump: &Dump, notes: &mut Notes) -> Result<TableHead<'a>, Error> {
    let id = node.required_id("RouteTableId")?;
    let vpc = node.required_id("VpcId")?;
    let mut head = TableHead { id, vpc, main: false, subnets: Vec::new(), gateways: Vec::new(), node };
    for association in head.node.list("Associations")? {
        let state = match association.object("AssociationState")? {
            Some(state) => state.state("State")?,
            None => None,
        };
        if !matches!(state.as_deref(), None | Some("associated" | "associating")) {
            continue;
        }
        head.main |= association.flag("Main")?.unwrap_or(false);
        head.subnets.extend(association.id("SubnetId")?);
        if let Some(gateway) = association.id("GatewayId")? {
            let known = dump.saw(Key::InternetGateways, &gateway) || dump.saw(Key::VpnGateways, &gateway);
            if known || GATEWAYS.iter().any(|prefix| gateway.as_str().starts_with(prefix)) {
                head.gateways.push(gateway);
            } else {
                let text =
                    format!("it is associated with {gateway}, which is neither of the gateways that have tables");
                notes.ignore(&head.id, association.origin(), text);
            }
        }
    }
    Ok(head)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use crate::build::testing::{codes, ignored, import_over};
    use crate::codes;

    #[test]
    fn subnets_have_their_associated_table_or_the_main_one() {
        let imported = import_over(json!({
            "Subnets": [
                {"SubnetId": "subnet-1", "VpcId": "vpc-1", "CidrBlock": "10.0.1.0/24"},
                {"SubnetId": "subnet-2", "VpcId": "vpc-1", "CidrBlock": "10.0.2.0/24"},
                {"SubnetId": "subnet-3", "VpcId": "vpc-1", "CidrBlock": "10.0.3.0/24"},
            ],
            "RouteTables": [
                {"RouteTableId": "rtb-2", "VpcId": "vpc-1", "Associations": [
                    {"Main": false, "SubnetId": "subnet-2", "AssociationState": {"State": "associated"}},
                    {"Main": false, "SubnetId": "subnet-3", "AssociationState": {"State": "disassociated"}},
                ]},
                {"RouteTableId": "rtb-1", "VpcId": "vpc-1", "Associations": [{"Main": true}]},
                {"RouteTableId": "rtb-3", "VpcId": "vpc-1", "Associations": [{"GatewayId": "lgw-1"}]},
            ],
        }));
        let tables: Vec<&str> = imported.network.subnets.iter().map(|subnet| subnet.route_table.as_str()).collect();
        assert_eq!(tables, ["rtb-1", "rtb-2", "rtb-1"]);
        assert_eq!((codes(&imported).len(), ignored(&imported)), (0, vec!["rtb-3"]));
    }

    #[test]
    fn a_second_table_of_a_subnet_is_said() {
        let table = |id: &str, main: bool| {
            json!({"RouteTableId": id, "VpcId": "vpc-1",
            "Associations": [{"Main": main}, {"SubnetId": "subnet-1"}]})
        };
        let imported = import_over(json!({"RouteTables": [table("rtb-1", true), table("rtb-2", false)]}));
        let [note] = &imported.network.assumptions[..] else { panic!("{:?}", imported.network.assumptions) };
        assert_eq!((note.code.as_str(), note.place.as_str()), (codes::CONFLICTING_COPIES, "subnet-1"));
        assert!(note.text.ends_with("with rtb-1 and with rtb-2: rtb-1 counts"), "{}", note.text);
        assert_eq!(imported.network.subnets[0].route_table.as_str(), "rtb-1");
    }

    #[test]
    fn without_tables_there_is_a_main_one_with_local_routes() {
        let imported = import_over(json!({"RouteTables": null}));
        assert_eq!(codes(&imported), [codes::MISSING_ROUTE_TABLES]);
        let [table] = &imported.network.route_tables[..] else { panic!() };
        assert_eq!((table.id.as_str(), table.routes.len()), ("rtb-main-1", 1));
        assert_eq!(imported.network.subnets[0].route_table, table.id);
        assert_eq!(imported.network.vpcs[0].main_route_table, table.id);
    }
}
