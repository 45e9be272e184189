//! Route tables and what they are associated with. Their routes are in [`super::route`].

use serde_json::Value;

use super::Describer;
use super::objects::fields;
use super::source::renamed;
use super::vpc::VPCS;
use crate::Error;
use crate::dump::Key;

/// Describes the tables; those that AWS makes are described already.
pub(super) fn describe(to: &mut Describer<'_>) -> Result<(), Error> {
    for table in to.source.all(&TABLES) {
        let id = table.id()?;
        let described = table.fields(&[("vpc_id", "VpcId"), ("owner_id", "OwnerId")]);
        if !described.contains_key("VpcId") && !to.objects.has(Key::RouteTables, &id) {
            to.notes.ignore(id, table.node().origin(), "its VPC was not read");
            continue;
        }
        to.objects.add(Key::RouteTables, &id, described, table.address());
    }
    mains(to)?;
    associations(to)
}

/// The types of resources that are route tables.
pub(super) const TABLES: [&str; 2] = ["aws_route_table", "aws_default_route_table"];

/// Says of each VPC which table is the main one: another one may have been put in the place of that which AWS made.
fn mains(to: &mut Describer<'_>) -> Result<(), Error> {
    for vpc in to.source.all(&VPCS) {
        let id = vpc.id()?;
        let mut main = None;
        for association in to.source.managed(&["aws_main_route_table_association"]) {
            if association.required("vpc_id")? == id {
                main = Some((to.table(&association.required("route_table_id")?), association.address().to_owned()));
            }
        }
        if main.as_ref().is_none_or(|(table, _)| !to.objects.has(Key::RouteTables, table)) {
            let made = to.made.get(&(Key::RouteTables, id)).cloned();
            let known = vpc.text("main_route_table_id")?.filter(|table| to.objects.has(Key::RouteTables, table));
            main = known.or(made).map(|table| (table, vpc.address().to_owned()));
        }
        let Some((table, place)) = main else { continue };
        // Where data sources repeat the VPC, one word is enough.
        let is_main = |it: &Value| it.get("Main").is_some();
        let associations = to.objects.object(Key::RouteTables, &table).and_then(|it| it.get("Associations"));
        if !associations.and_then(Value::as_array).is_some_and(|all| all.iter().any(is_main)) {
            let association = fields([("Main", Value::from(true))]);
            to.objects.append(Key::RouteTables, &table, "Associations", association, &place);
        }
        to.objects.name(Key::RouteTables, &vpc.address_of("main_route_table_id"), &table);
    }
    Ok(())
}

fn associations(to: &mut Describer<'_>) -> Result<(), Error> {
    for association in to.source.managed(&["aws_route_table_association"]) {
        let table = to.table(&association.required("route_table_id")?);
        let names = [("subnet_id", "SubnetId"), ("gateway_id", "GatewayId")];
        let of = renamed(&association.resource.values, &names);
        if !to.objects.append(Key::RouteTables, &table, "Associations", of, association.address()) {
            to.unknown(association, &table);
        }
    }
    for table in to.source.data(&["aws_route_table"]) {
        let id = table.id()?;
        for association in table.node().list("associations")? {
            let names = [("main", "Main"), ("subnet_id", "SubnetId"), ("gateway_id", "GatewayId")];
            let of = renamed(association.map, &names);
            to.objects.append(Key::RouteTables, &id, "Associations", of, table.address());
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use crate::codes;
    use crate::terraform::describe::testing::{codes, ignored, network, resource, vpc_and_subnet};

    fn table(name: &str) -> crate::terraform::resource::Resource {
        resource(&format!("aws_route_table.{name}"), json!({"vpc_id": "aws_vpc.main"}))
    }

    #[test]
    fn a_subnet_without_association_has_the_main_table() {
        let mut resources = vpc_and_subnet();
        let (made, notes) = network(&resources);
        assert_eq!(made.vpcs[0].main_route_table.as_str(), "aws_vpc.main.default_route_table_id");
        assert_eq!(made.subnets[0].route_table, made.vpcs[0].main_route_table);
        assert_eq!(made.route_tables[0].name.as_deref(), Some("main"));
        assert_eq!(made.route_tables[0].origin.to_string(), "main.json: aws_vpc.main.default_route_table_id");
        assert_eq!(codes(&notes), [] as [&str; 0]);

        resources.push(table("a"));
        let association = json!({"vpc_id": "aws_vpc.main", "route_table_id": "aws_route_table.a"});
        resources.push(resource("aws_main_route_table_association.a", association));
        let (replaced, _) = network(&resources);
        assert_eq!(replaced.vpcs[0].main_route_table.as_str(), "aws_route_table.a");
        assert_eq!(replaced.subnets[0].route_table.as_str(), "aws_route_table.a");
        assert_eq!(replaced.route_tables.len(), 2);
    }

    #[test]
    fn a_state_knows_the_main_table() {
        let vpc = json!({"id": "vpc-1", "cidr_block": "10.0.0.0/16", "default_route_table_id": "rtb-0",
            "main_route_table_id": "rtb-1"});
        let of_vpc = |id: &str| json!({"id": id, "vpc_id": "vpc-1"});
        let (both, _) = network(&[resource("aws_vpc.a", vpc.clone()), resource("aws_route_table.a", of_vpc("rtb-1"))]);
        assert_eq!(both.vpcs[0].main_route_table.as_str(), "rtb-1");
        // The one that took its place is gone from the configuration.
        let (made, _) = network(&[resource("aws_vpc.a", vpc)]);
        assert_eq!(made.vpcs[0].main_route_table.as_str(), "rtb-0");
    }

    #[test]
    fn a_default_table_is_taken_over_by_whatever_names_it() {
        for named in ["aws_vpc.main", "aws_vpc.main.default_route_table_id", "aws_vpc.main.main_route_table_id"] {
            let mut resources = vpc_and_subnet();
            resources.push(resource(
                "aws_default_route_table.it",
                json!({"default_route_table_id": named, "route": [{"cidr_block": "10.9.0.0/16", "gateway_id": "local"}]}),
            ));
            resources.push(resource(
                "aws_route.more",
                json!({"route_table_id": named, "destination_cidr_block": "10.8.0.0/16", "gateway_id": "local"}),
            ));
            let (network, notes) = network(&resources);
            let [table] = &network.route_tables[..] else { panic!("{named}: {:?}", network.route_tables) };
            assert_eq!((table.id.as_str(), table.routes.len()), ("aws_default_route_table.it", 3));
            assert_eq!(network.vpcs[0].main_route_table, table.id);
            assert_eq!((codes(&notes), ignored(&notes)), (vec![], vec![]));
        }
    }

    #[test]
    fn subnets_and_gateways_have_the_table_that_is_associated() {
        let mut resources = vpc_and_subnet();
        resources.extend([
            table("a"),
            table("edge"),
            // What AWS calls igw-... and vgw-... has addresses here.
            resource("aws_internet_gateway.it", json!({"vpc_id": "aws_vpc.main"})),
            resource("aws_vpn_gateway.it", json!({"vpc_id": "aws_vpc.main"})),
            resource(
                "aws_route_table_association.a",
                json!({"route_table_id": "aws_route_table.a", "subnet_id": "aws_subnet.a", "gateway_id": ""}),
            ),
            resource(
                "aws_route_table_association.b",
                json!({"route_table_id": "aws_route_table.edge", "gateway_id": "aws_internet_gateway.it"}),
            ),
            resource(
                "aws_route_table_association.c",
                json!({"route_table_id": "aws_route_table.edge", "gateway_id": "aws_vpn_gateway.it"}),
            ),
            resource("aws_route_table_association.d", json!({"route_table_id": "rtb-9", "subnet_id": "aws_subnet.a"})),
        ]);
        let (network, notes) = network(&resources);
        assert_eq!(network.subnets[0].route_table.as_str(), "aws_route_table.a");
        let gateways: Vec<&str> = network.gateway_route_tables.iter().map(|it| it.gateway.as_str()).collect();
        assert_eq!(gateways, ["aws_internet_gateway.it", "aws_vpn_gateway.it"]);
        assert_eq!((codes(&notes), ignored(&notes)), (vec![], vec!["aws_route_table_association.d"]));
    }

    #[test]
    fn tables_that_are_only_looked_up_have_their_routes_and_associations() {
        let (network, notes) = network(&[
            resource(
                "data.aws_vpc.it",
                json!({"id": "vpc-1", "cidr_block": "10.0.0.0/16", "main_route_table_id": "rtb-1"}),
            ),
            resource("aws_subnet.a", json!({"vpc_id": "vpc-1", "cidr_block": "10.0.1.0/24"})),
            resource("aws_subnet.b", json!({"vpc_id": "vpc-1", "cidr_block": "10.0.2.0/24"})),
            resource(
                "data.aws_route_table.it",
                json!({"id": "rtb-1", "vpc_id": "vpc-1", "associations": [{"main": true, "subnet_id": ""}],
                    "routes": [{"cidr_block": "10.0.0.0/16", "gateway_id": "local"}, {"cidr_block": "0.0.0.0/0", "gateway_id": "igw-1"}]}),
            ),
            resource(
                "data.aws_route_table.other",
                json!({"id": "rtb-2", "vpc_id": "vpc-1", "associations": [{"main": false, "subnet_id": "aws_subnet.b"}]}),
            ),
        ]);
        let tables: Vec<&str> = network.subnets.iter().map(|it| it.route_table.as_str()).collect();
        assert_eq!(tables, ["rtb-1", "rtb-2"]);
        assert_eq!(network.route_tables[0].routes.len(), 2);
        // Neither the gateway nor the ACL is here.
        assert_eq!(codes(&notes), [codes::UNKNOWN_DEFAULT_NETWORK_ACL, codes::UNKNOWN_GATEWAY]);
    }
}
