//! VPCs and subnets, without the tables, ACLs and groups that they name.

use ipnet::IpNet;
use vpcemu_model::{Id, Network, Origin, Subnet, Vpc};

use super::route_table::TableHead;
use crate::Error;
use crate::codes;
use crate::dump::{Dump, Key};
use crate::node::Node;
use crate::notes::Notes;

/// Fills VPCs and subnets. VPCs that only subnets know are made from them and from the local routes.
pub(super) fn read(
    dump: &Dump,
    tables: &[TableHead<'_>],
    network: &mut Network,
    notes: &mut Notes,
) -> Result<(), Error> {
    for node in dump.nodes(Key::Vpcs) {
        let id = node.required_id("VpcId")?;
        let account = node.text("OwnerId")?;
        network.vpcs.push(Vpc { account, ..vpc(id, node.name()?, vpc_blocks(&node)?, node.origin()) });
    }
    if !dump.has(Key::Vpcs) {
        let text = "no Vpcs: VPCs have the blocks of their local routes, or of their subnets";
        notes.assume(codes::MISSING_VPCS, Key::Vpcs.name(), text);
    }
    if !dump.has(Key::Subnets) {
        notes.assume(codes::MISSING_SUBNETS, Key::Subnets.name(), "no Subnets: no interface can be placed");
    }
    for node in dump.nodes(Key::Subnets) {
        if let Some(subnet) = subnet(&node, notes)? {
            network.subnets.push(subnet);
        }
    }
    let Network { vpcs, subnets, .. } = network;
    let known = vpcs.len();
    for subnet in subnets.iter() {
        match vpcs.iter_mut().position(|vpc| vpc.id == subnet.vpc) {
            Some(at) if at < known => {}
            Some(at) => vpcs[at].cidrs.extend(&subnet.cidrs),
            None => vpcs.push(vpc(subnet.vpc.clone(), None, subnet.cidrs.clone(), subnet.origin.clone())),
        }
    }
    for vpc in &mut vpcs[known..] {
        if dump.has(Key::Vpcs) {
            let text = format!("{} was not read: it has the blocks of its local routes, or of its subnets", vpc.id);
            notes.assume(codes::UNKNOWN_VPC, &vpc.id, text);
        }
        let mut blocks = Vec::new();
        for table in tables.iter().filter(|table| table.vpc == vpc.id) {
            for block in table.local_blocks()? {
                push_new(&mut blocks, Some(block));
            }
        }
        if !blocks.is_empty() {
            vpc.cidrs = blocks;
        }
    }
    Ok(())
}

fn vpc(id: Id, name: Option<String>, cidrs: Vec<IpNet>, origin: Origin) -> Vpc {
    // Completed by the readers of these three kinds.
    let none = Id::new("");
    Vpc {
        id,
        name,
        account: None,
        cidrs,
        main_route_table: none.clone(),
        default_network_acl: none.clone(),
        default_security_group: none,
        origin,
    }
}

/// The primary block first, then the others that are associated.
pub(super) fn vpc_blocks(node: &Node<'_>) -> Result<Vec<IpNet>, Error> {
    let mut blocks = Vec::new();
    push_new(&mut blocks, node.block("CidrBlock")?);
    associated(node, "CidrBlockAssociationSet", "CidrBlock", "CidrBlockState", &mut blocks)?;
    associated(node, "Ipv6CidrBlockAssociationSet", "Ipv6CidrBlock", "Ipv6CidrBlockState", &mut blocks)?;
    Ok(blocks)
}

fn subnet(node: &Node<'_>, notes: &mut Notes) -> Result<Option<Subnet>, Error> {
    let id = node.required_id("SubnetId")?;
    if let Some(state) = node.state("State")?
        && !matches!(state.as_str(), "available" | "pending")
    {
        notes.ignore(id, node.origin(), format!("its state is {state}"));
        return Ok(None);
    }
    let mut cidrs = Vec::new();
    push_new(&mut cidrs, node.block("CidrBlock")?);
    associated(node, "Ipv6CidrBlockAssociationSet", "Ipv6CidrBlock", "Ipv6CidrBlockState", &mut cidrs)?;
    if cidrs.is_empty() {
        notes.ignore(id, node.origin(), "it has no CidrBlock: nothing in it can have an address");
        return Ok(None);
    }
    let zone_id = node.text("AvailabilityZoneId")?;
    let zone = node.text("AvailabilityZone")?.or_else(|| zone_id.clone());
    Ok(Some(Subnet {
        name: node.name()?,
        vpc: node.required_id("VpcId")?,
        availability_zone: zone.unwrap_or_default(),
        availability_zone_id: zone_id,
        cidrs,
        route_table: Id::new(""),
        network_acl: Id::new(""),
        origin: node.origin(),
        id,
    }))
}

/// Only associated blocks route; a dump without states has nothing but those.
fn associated(node: &Node<'_>, set: &str, field: &str, state: &str, blocks: &mut Vec<IpNet>) -> Result<(), Error> {
    for entry in node.list(set)? {
        let state = match entry.object(state)? {
            Some(state) => state.state("State")?,
            None => None,
        };
        if state.is_none_or(|state| state == "associated") {
            push_new(blocks, entry.block(field)?);
        }
    }
    Ok(())
}

fn push_new(blocks: &mut Vec<IpNet>, block: Option<IpNet>) {
    blocks.extend(block.filter(|block| !blocks.contains(block)));
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use crate::build::testing::{codes, ignored, import_over, try_import};
    use crate::codes;

    #[test]
    fn only_associated_blocks_count_and_the_primary_one_is_first() {
        let imported = import_over(json!({"Vpcs": [{
            "VpcId": "vpc-1", "CidrBlock": "10.0.0.0/16",
            "CidrBlockAssociationSet": [
                {"CidrBlock": "10.9.0.0/16", "CidrBlockState": {"State": "ASSOCIATED"}},
                {"CidrBlock": "10.8.0.0/16", "CidrBlockState": {"State": "disassociated"}},
                {"CidrBlock": "10.0.0.0/16", "CidrBlockState": {"State": "associated"}},
            ],
            "Ipv6CidrBlockAssociationSet": [{"Ipv6CidrBlock": "2001:db8::/56", "Ipv6CidrBlockState": {"State": "associated"}}],
        }]}));
        let blocks: Vec<String> = imported.network.vpcs[0].cidrs.iter().map(ToString::to_string).collect();
        assert_eq!(blocks, ["10.0.0.0/16", "10.9.0.0/16", "2001:db8::/56"]);
        // Every block has its local route, those that the dump's table lacks too.
        assert_eq!(imported.network.route_tables[0].routes.len(), 3);
        assert!(codes(&imported).is_empty());
    }

    #[test]
    fn a_dump_without_a_vpc_is_of_somewhere_else() {
        for document in [json!({"Vpcs": []}), json!({"Vpcs": [], "Subnets": [], "SecurityGroups": []})] {
            let error = try_import(&document).unwrap_err().to_string();
            assert!(
                error.ends_with("dump.json: no VPC in it: is it the dump of the right region and account?"),
                "{error}"
            );
        }
    }

    #[test]
    fn subnets_without_a_block_are_left_out() {
        let imported = import_over(json!({"Subnets": [
            {"SubnetId": "subnet-1", "VpcId": "vpc-1", "CidrBlock": "10.0.1.0/24"},
            {"SubnetId": "subnet-2", "VpcId": "vpc-1"},
        ]}));
        assert_eq!((imported.network.subnets.len(), ignored(&imported)), (1, vec!["subnet-2"]));
    }

    #[test]
    fn vpcs_that_only_subnets_know_are_made() {
        let imported = import_over(json!({"Vpcs": null}));
        assert_eq!(codes(&imported), [codes::MISSING_VPCS]);
        assert_eq!(imported.network.vpcs[0].cidrs, ["10.0.0.0/16".parse().unwrap()]);

        let imported = import_over(json!({"Subnets": [
            {"SubnetId": "subnet-1", "VpcId": "vpc-2", "CidrBlock": "10.2.1.0/24"},
            {"SubnetId": "subnet-2", "VpcId": "vpc-2", "CidrBlock": "10.2.2.0/24"},
            {"SubnetId": "subnet-3", "VpcId": "vpc-1", "State": "failed"},
        ]}));
        let expected = [codes::UNKNOWN_VPC, codes::UNKNOWN_MAIN_ROUTE_TABLE, codes::UNKNOWN_DEFAULT_NETWORK_ACL];
        assert_eq!(codes(&imported), expected);
        assert_eq!(imported.network.vpcs[1].cidrs.len(), 2);
        assert_eq!(ignored(&imported), ["subnet-3"]);
    }
}
