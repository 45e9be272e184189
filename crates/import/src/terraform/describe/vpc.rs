//! VPCs and subnets.

use serde_json::json;

use super::Describer;
use crate::Error;
use crate::dump::Key;

/// Describes both.
pub(super) fn describe(to: &mut Describer<'_>) -> Result<(), Error> {
    for vpc in to.source.all(&["aws_vpc", "aws_default_vpc"]) {
        let node = vpc.node();
        let mut fields = vpc.fields(&[("cidr_block", "CidrBlock")]);
        if let Some(block) = node.text("ipv6_cidr_block")? {
            fields.insert("Ipv6CidrBlockAssociationSet".to_owned(), json!([{"Ipv6CidrBlock": block}]));
        }
        to.objects.add(Key::Vpcs, &vpc.id()?, fields, vpc.address());
    }
    for subnet in to.source.all(&["aws_subnet", "aws_default_subnet"]) {
        let node = subnet.node();
        let mut fields = subnet.fields(&SUBNET);
        if let Some(block) = node.text("ipv6_cidr_block")? {
            fields.insert("Ipv6CidrBlockAssociationSet".to_owned(), json!([{"Ipv6CidrBlock": block}]));
        }
        to.objects.add(Key::Subnets, &subnet.id()?, fields, subnet.address());
    }
    Ok(())
}

const SUBNET: [(&str, &str); 4] = [
    ("vpc_id", "VpcId"),
    ("cidr_block", "CidrBlock"),
    ("availability_zone", "AvailabilityZone"),
    ("availability_zone_id", "AvailabilityZoneId"),
];

#[cfg(test)]
mod tests {
    use serde_json::json;

    use crate::terraform::describe::testing::{network, resource};

    #[test]
    fn vpcs_and_subnets_have_their_blocks() {
        let (network, _) = network(&[
            resource("aws_vpc.main", json!({"cidr_block": "10.0.0.0/16", "ipv6_cidr_block": "2001:db8::/56"})),
            resource(
                "aws_subnet.a",
                json!({"id": "subnet-1", "vpc_id": "aws_vpc.main", "cidr_block": "10.0.1.0/24",
                    "ipv6_cidr_block": "", "availability_zone": "us-east-1a", "tags": {"Name": "public"}}),
            ),
        ]);
        let vpc = &network.vpcs[0];
        assert_eq!((vpc.id.as_str(), vpc.name.as_deref(), vpc.cidrs.len()), ("aws_vpc.main", Some("main"), 2));
        assert_eq!(vpc.origin.to_string(), "main.json: aws_vpc.main");
        let subnet = &network.subnets[0];
        assert_eq!((subnet.id.as_str(), subnet.name.as_deref()), ("subnet-1", Some("public")));
        assert_eq!((subnet.vpc.as_str(), subnet.availability_zone.as_str()), ("aws_vpc.main", "us-east-1a"));
        assert_eq!(subnet.cidrs, ["10.0.1.0/24".parse().unwrap()]);
    }
}
