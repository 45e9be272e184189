//! VPC Block Public Access and what is excepted from it.

use serde_json::Value;

use super::Describer;
use super::objects::fields;
use super::source::renamed;
use crate::Error;
use crate::dump::Key;

/// Describes both.
pub(super) fn describe(to: &mut Describer<'_>) -> Result<(), Error> {
    for options in to.source.managed(&["aws_vpc_block_public_access_options"]) {
        let mode = options.required("internet_gateway_block_mode")?;
        to.objects.add(Key::VpcBlockPublicAccessOptions, &mode, fields([]), options.address());
    }
    for exclusion in to.source.managed(&["aws_vpc_block_public_access_exclusion"]) {
        let mut described = renamed(&exclusion.resource.values, &EXCLUSION);
        let scope = match exclusion.text("vpc_id")? {
            None => exclusion.text("subnet_id")?,
            vpc => vpc,
        };
        // The id itself stands for its ARN, which nobody knows yet.
        described.insert("ResourceArn".to_owned(), Value::from(scope));
        to.objects.add(Key::VpcBlockPublicAccessExclusions, &exclusion.id()?, described, exclusion.address());
    }
    Ok(())
}

const EXCLUSION: [(&str, &str); 1] = [("internet_gateway_exclusion_mode", "InternetGatewayExclusionMode")];

#[cfg(test)]
mod tests {
    use serde_json::json;
    use vpcemu_model::{BlockMode, ExclusionMode};

    use crate::terraform::describe::testing::{codes, ignored, network, resource, vpc_and_subnet};

    #[test]
    fn vpcs_and_subnets_are_excepted() {
        let mut resources = vpc_and_subnet();
        let mut keyed = resource(
            "aws_subnet.k",
            json!({"id": "aws_subnet.k[\"a/b\"]", "vpc_id": "aws_vpc.main", "cidr_block": "10.0.2.0/24"}),
        );
        keyed.address = "aws_subnet.k[\"a/b\"]".into();
        resources.extend([
            keyed,
            resource(
                "aws_vpc_block_public_access_options.it",
                json!({"internet_gateway_block_mode": "block-bidirectional"}),
            ),
            resource(
                "aws_vpc_block_public_access_exclusion.a",
                json!({"vpc_id": "aws_vpc.main", "internet_gateway_exclusion_mode": "allow-egress"}),
            ),
            resource(
                "aws_vpc_block_public_access_exclusion.b",
                json!({"subnet_id": "aws_subnet.k[\"a/b\"]", "internet_gateway_exclusion_mode": "allow-bidirectional"}),
            ),
        ]);
        let (network, notes) = network(&resources);
        let access = &network.block_public_access;
        assert_eq!(access.mode, BlockMode::BlockBidirectional);
        let exclusions: Vec<_> = access.exclusions.iter().map(|it| (it.scope.as_str(), it.allows)).collect();
        let expected = [
            ("aws_vpc.main", ExclusionMode::AllowEgress),
            ("aws_subnet.k[\"a/b\"]", ExclusionMode::AllowBidirectional),
        ];
        assert_eq!(exclusions, expected);
        assert_eq!(access.exclusions[0].origin.path.as_deref(), Some("aws_vpc_block_public_access_exclusion.a"));
        assert_eq!((codes(&notes), ignored(&notes)), (vec![], vec![]));
    }
}
