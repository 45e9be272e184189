//! A dump of 5,000 resources, as an account in daily use has them: ten VPCs of one region.

use std::fmt::Write as _;
use std::path::Path;

/// VPCs, each with everything below.
pub(crate) const VPCS: usize = 10;
/// Subnets of a VPC.
pub(crate) const SUBNETS: usize = 30;
/// Instances in a subnet, each with its interface.
const HOSTS: usize = 6;
/// Security groups of a VPC.
const GROUPS: usize = 16;
/// Rules of a group.
const RULES: usize = 5;

/// Resources of all kinds: of each VPC itself, its gateway, main route table and default network ACL, its subnets, instances
/// with their interfaces, groups with their rules; and prefix lists for the rest.
pub(crate) const RESOURCES: usize = 5_000;
/// Of all VPCs.
pub(crate) const INTERFACES: usize = VPCS * SUBNETS * HOSTS;
const OF_VPCS: usize = VPCS * (4 + SUBNETS * (1 + 2 * HOSTS) + GROUPS * (1 + RULES));
const LISTS: usize = RESOURCES - OF_VPCS;

/// Writes one file for each call.
pub(crate) fn write(folder: &Path) -> std::io::Result<()> {
    let file = |call: &str, key: &str, values: String| {
        let values = values.trim_end_matches(',');
        std::fs::write(folder.join(format!("describe-{call}.json")), format!("{{\"{key}\": [{values}]}}"))
    };
    file(
        "vpcs",
        "Vpcs",
        each(VPCS, |vpc| {
            format!(
                r#"{{"VpcId": "vpc-{vpc}", "CidrBlock": "10.{vpc}.0.0/16", "State": "available", "OwnerId": "123456789012"}}"#
            )
        }),
    )?;
    file(
        "internet-gateways",
        "InternetGateways",
        each(VPCS, |vpc| {
            format!(
                r#"{{"InternetGatewayId": "igw-{vpc}", "Attachments": [{{"State": "available", "VpcId": "vpc-{vpc}"}}]}}"#
            )
        }),
    )?;
    file(
        "route-tables",
        "RouteTables",
        each(VPCS, |vpc| {
            format!(
                r#"{{"RouteTableId": "rtb-{vpc}", "VpcId": "vpc-{vpc}", "Associations": [{{"Main": true}}], "Routes": [
            {{"DestinationCidrBlock": "10.{vpc}.0.0/16", "GatewayId": "local", "State": "active"}},
            {{"DestinationCidrBlock": "0.0.0.0/0", "GatewayId": "igw-{vpc}", "State": "active"}}]}}"#
            )
        }),
    )?;
    file(
        "network-acls",
        "NetworkAcls",
        each(VPCS, |vpc| {
            let entry = |egress: bool| {
                format!(
                    r#"{{"RuleNumber": 100, "Egress": {egress}, "RuleAction": "allow", "Protocol": "-1", "CidrBlock": "0.0.0.0/0"}}"#
                )
            };
            let (inbound, outbound) = (entry(false), entry(true));
            format!(
                r#"{{"NetworkAclId": "acl-{vpc}", "VpcId": "vpc-{vpc}", "IsDefault": true, "Entries": [{inbound}, {outbound}]}}"#
            )
        }),
    )?;
    file(
        "subnets",
        "Subnets",
        each(VPCS * SUBNETS, |subnet| {
            let (vpc, block) = (subnet / SUBNETS, subnet % SUBNETS);
            format!(
                r#"{{"SubnetId": "subnet-{subnet}", "VpcId": "vpc-{vpc}", "CidrBlock": "10.{vpc}.{block}.0/24",
            "AvailabilityZone": "eu-west-1a", "State": "available", "MapPublicIpOnLaunch": true}}"#
            )
        }),
    )?;
    file(
        "network-interfaces",
        "NetworkInterfaces",
        each(INTERFACES, |host| {
            let (subnet, last) = (host / HOSTS, 10 + host % HOSTS);
            let (vpc, block) = (subnet / SUBNETS, subnet % SUBNETS);
            let group = vpc * GROUPS + host % GROUPS;
            format!(
                r#"{{"NetworkInterfaceId": "eni-{host}", "SubnetId": "subnet-{subnet}", "VpcId": "vpc-{vpc}", "Status": "in-use",
            "InterfaceType": "interface", "SourceDestCheck": true, "Groups": [{{"GroupId": "sg-{group}"}}],
            "PrivateIpAddresses": [{{"PrivateIpAddress": "10.{vpc}.{block}.{last}", "Primary": true, "Association":
                {{"PublicIp": "203.{vpc}.{block}.{last}", "IpOwnerId": "amazon"}}}}],
            "Attachment": {{"InstanceId": "i-{host}", "DeviceIndex": 0, "Status": "attached"}}}}"#
            )
        }),
    )?;
    file(
        "instances",
        "Reservations",
        each(INTERFACES, |host| {
            format!(
                r#"{{"Instances": [{{"InstanceId": "i-{host}", "InstanceType": "m7i.large", "State": {{"Code": 16, "Name":
            "running"}}, "Tags": [{{"Key": "Name", "Value": "host-{host}"}}]}}]}}"#
            )
        }),
    )?;
    file(
        "security-groups",
        "SecurityGroups",
        each(VPCS * GROUPS, |group| {
            let (vpc, name) = (group / GROUPS, if group % GROUPS == 0 { "default" } else { "of-a-team" });
            format!(r#"{{"GroupId": "sg-{group}", "GroupName": "{name}", "VpcId": "vpc-{vpc}"}}"#)
        }),
    )?;
    file(
        "security-group-rules",
        "SecurityGroupRules",
        each(VPCS * GROUPS * RULES, |rule| {
            let (group, port) = (rule / RULES, 8000 + rule % RULES);
            format!(
                r#"{{"SecurityGroupRuleId": "sgr-{rule}", "GroupId": "sg-{group}", "IsEgress": false, "IpProtocol": "tcp",
            "FromPort": {port}, "ToPort": {port}, "CidrIpv4": "10.0.0.0/8"}}"#
            )
        }),
    )?;
    file(
        "managed-prefix-lists",
        "PrefixLists",
        each(LISTS, |list| {
            format!(r#"{{"PrefixListId": "pl-{list}", "PrefixListName": "list-{list}", "State": "create-complete"}}"#)
        }),
    )
}

fn each(number: usize, one: impl Fn(usize) -> String) -> String {
    let mut all = String::new();
    for at in 0..number {
        // Writing to a string cannot fail.
        let _ = write!(all, "{},", one(at));
    }
    all
}
