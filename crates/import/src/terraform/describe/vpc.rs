//! VPCs and subnets.

use serde_json::{Value, json};

use super::Describer;
use super::objects::fields;
use crate::Error;
use crate::dump::Key;

/// The types of resources that are VPCs.
pub(super) const VPCS: [&str; 2] = ["aws_vpc", "aws_default_vpc"];
/// The types of resources that are subnets.
pub(super) const SUBNETS: [&str; 2] = ["aws_subnet", "aws_default_subnet"];

/// Describes both.
pub(super) fn describe(to: &mut Describer<'_>) -> Result<(), Error> {
    vpcs(to)?;
    associated_blocks(to)?;
    subnets(to)
}

/// The account's default VPC, where the resources tell which one it is.
pub(super) fn default_vpc(to: &Describer<'_>) -> Result<Option<String>, Error> {
    if let Some(default) = to.source.managed(&["aws_default_vpc"]).first() {
        return default.id().map(Some);
    }
    for vpc in to.source.data(&["aws_vpc"]) {
        if vpc.node().flag("default")? == Some(true) {
            return vpc.id().map(Some);
        }
    }
    Ok(None)
}

fn vpcs(to: &mut Describer<'_>) -> Result<(), Error> {
    for vpc in to.source.all(&VPCS) {
        let node = vpc.node();
        let mut described = vpc.fields(&[("cidr_block", "CidrBlock"), ("owner_id", "OwnerId")]);
        if let Some(block) = node.text("ipv6_cidr_block")? {
            described.insert(IPV6_BLOCKS.to_owned(), json!([{"Ipv6CidrBlock": block}]));
        }
        let mut further = Vec::new();
        // Only a data source lists the further ones itself.
        for association in node.list("cidr_block_associations")? {
            let block = association.text("cidr_block")?;
            further.push(json!({"CidrBlock": block, "CidrBlockState": {"State": association.text("state")?}}));
        }
        described.insert(BLOCKS.to_owned(), Value::from(further));
        to.objects.add(Key::Vpcs, &vpc.id()?, described, vpc.address());
    }
    Ok(())
}

fn associated_blocks(to: &mut Describer<'_>) -> Result<(), Error> {
    let kinds = [
        ("aws_vpc_ipv4_cidr_block_association", "cidr_block", BLOCKS, "CidrBlock"),
        ("aws_vpc_ipv6_cidr_block_association", "ipv6_cidr_block", IPV6_BLOCKS, "Ipv6CidrBlock"),
    ];
    for (kind, attribute, list, field) in kinds {
        for association in to.source.managed(&[kind]) {
            let vpc = association.required("vpc_id")?;
            let block = fields([(field, Value::from(association.text(attribute)?))]);
            if !to.objects.append(Key::Vpcs, &vpc, list, block, association.address()) {
                to.unknown(association, &vpc);
            }
        }
    }
    Ok(())
}

fn subnets(to: &mut Describer<'_>) -> Result<(), Error> {
    for subnet in to.source.all(&SUBNETS) {
        let mut described = subnet.fields(&SUBNET);
        if let Some(block) = subnet.text("ipv6_cidr_block")? {
            described.insert(IPV6_BLOCKS.to_owned(), json!([{"Ipv6CidrBlock": block}]));
        }
        if !described.contains_key("VpcId") {
            // Nobody writes the VPC of a default subnet.
            let Some(vpc) = default_vpc(to)? else {
                to.notes.ignore(subnet.id()?, subnet.node().origin(), "its VPC was not read");
                continue;
            };
            described.insert("VpcId".to_owned(), Value::from(vpc));
        }
        to.objects.add(Key::Subnets, &subnet.id()?, described, subnet.address());
    }
    Ok(())
}

const BLOCKS: &str = "CidrBlockAssociationSet";
const IPV6_BLOCKS: &str = "Ipv6CidrBlockAssociationSet";

const SUBNET: [(&str, &str); 6] = [
    ("vpc_id", "VpcId"),
    ("cidr_block", "CidrBlock"),
    ("availability_zone", "AvailabilityZone"),
    ("availability_zone_id", "AvailabilityZoneId"),
    ("map_public_ip_on_launch", "MapPublicIpOnLaunch"),
    ("owner_id", "OwnerId"),
];

#[cfg(test)]
mod tests {
    use serde_json::json;

    use crate::terraform::describe::testing::{codes, ignored, network, resource};

    #[test]
    fn vpcs_and_subnets_have_their_blocks() {
        let (network, notes) = network(&[
            resource("aws_vpc.main", json!({"cidr_block": "10.0.0.0/16", "ipv6_cidr_block": "2001:db8::/56"})),
            resource(
                "aws_vpc_ipv4_cidr_block_association.more",
                json!({"vpc_id": "aws_vpc.main", "cidr_block": "10.9.0.0/16"}),
            ),
            resource(
                "aws_vpc_ipv6_cidr_block_association.more",
                json!({"vpc_id": "aws_vpc.main", "ipv6_cidr_block": "2001:db9::/56"}),
            ),
            resource(
                "aws_vpc_ipv4_cidr_block_association.lost",
                json!({"vpc_id": "vpc-9", "cidr_block": "10.9.0.0/16"}),
            ),
            resource(
                "aws_subnet.a",
                json!({"id": "subnet-1", "vpc_id": "aws_vpc.main", "cidr_block": "10.0.1.0/24",
                    "ipv6_cidr_block": "", "availability_zone": "us-east-1a", "tags": {"Name": "public"}}),
            ),
        ]);
        let vpc = &network.vpcs[0];
        let blocks: Vec<String> = vpc.cidrs.iter().map(ToString::to_string).collect();
        assert_eq!(blocks, ["10.0.0.0/16", "10.9.0.0/16", "2001:db8::/56", "2001:db9::/56"]);
        assert_eq!((vpc.id.as_str(), vpc.name.as_deref()), ("aws_vpc.main", Some("main")));
        assert_eq!(vpc.origin.to_string(), "main.json: aws_vpc.main");
        let subnet = &network.subnets[0];
        assert_eq!((subnet.id.as_str(), subnet.name.as_deref()), ("subnet-1", Some("public")));
        assert_eq!((subnet.vpc.as_str(), subnet.availability_zone.as_str()), ("aws_vpc.main", "us-east-1a"));
        assert_eq!(subnet.cidrs, ["10.0.1.0/24".parse().unwrap()]);
        assert_eq!((codes(&notes), ignored(&notes)), (vec![], vec!["aws_vpc_ipv4_cidr_block_association.lost"]));
    }

    #[test]
    fn default_subnets_are_in_the_default_vpc() {
        let subnet = resource("aws_default_subnet.a", json!({"availability_zone": "x", "cidr_block": "172.31.0.0/20"}));
        let other = resource("data.aws_vpc.a", json!({"id": "vpc-1", "cidr_block": "10.0.0.0/16", "default": false}));
        let default = resource(
            "data.aws_vpc.b",
            json!({"id": "vpc-2", "default": true, "cidr_block": "172.31.0.0/16",
            "cidr_block_associations": [{"cidr_block": "172.31.0.0/16", "state": "associated"},
                {"cidr_block": "10.7.0.0/16", "state": "disassociated"}]}),
        );
        let (network_of, _) = network(&[subnet.clone(), other.clone(), default]);
        assert_eq!(network_of.subnets[0].vpc.as_str(), "vpc-2");
        assert_eq!(network_of.vpcs[1].cidrs.len(), 1);
        let (without, notes) = network(&[subnet, other]);
        assert_eq!((without.subnets.len(), ignored(&notes)), (0, vec!["aws_default_subnet.a"]));
    }
}
