//! A configuration of the size of a large account, as a native file and as AWS CLI dumps.
//!
//! One VPC with 1,000 subnets, 10,000 interfaces and 10,000 rules of security groups, of which every interface has three.
//! One of the groups is on all of the interfaces, so that a rule about it is a rule about 10,000 members. What a team has
//! follows from its number alone.

use std::fmt::Write as _;
use std::path::Path;

/// Subnets, each of 64 addresses: 1,000 of them fit into one /16.
pub const SUBNETS: usize = 1_000;
/// Interfaces, ten in each subnet.
pub const INTERFACES: usize = 10_000;
/// Security groups; 60 rules in one direction is the default quota.
pub const GROUPS: usize = 200;
/// Rules of each group and direction.
pub const RULES: usize = 25;
/// Route tables and network ACLs: both have a default quota of 200 in a VPC, and most accounts have far fewer.
pub const TABLES: usize = 50;
/// Entries of each network ACL and direction, the default quota.
pub const ENTRIES: usize = 20;
/// Blocks of the prefix list that rules and routes name; it counts with all of them, which keeps groups below their quota.
pub const BLOCKS: usize = 30;
/// Routes of each table besides the local one.
pub const ROUTES: usize = 40;

/// What validation warns of.
pub const FINDINGS: [&str; 1] = ["vpc-main has 1000 subnets, above the default quota of 200"];
/// What it finds odd besides, and how often: there is one NAT gateway, and no public address but its own.
pub const LINTS: [(&str, usize); 2] = [("nat-across-zones", 1), ("public-subnet-without-public", 500)];

/// The group that every interface has.
const EVERYONE: usize = 0;
/// The TCP port that every interface takes from every other.
pub const PORT: u16 = 7000;

/// The base address of a subnet.
fn subnet(number: usize) -> String {
    format!("10.0.{}.{}", number / 4, number % 4 * 64)
}

/// The private address of an interface: the first four of a subnet are reserved.
pub fn address(number: usize) -> String {
    let (subnet, host) = (number % SUBNETS, 4 + number / SUBNETS);
    format!("10.0.{}.{}", subnet / 4, subnet % 4 * 64 + host)
}

/// Everyone, and two of the other groups.
fn groups(interface: usize) -> [usize; 3] {
    let others = GROUPS - 1;
    [EVERYONE, 1 + interface % others, 1 + (interface / 7 + 100 + interface) % others]
}

fn block(number: usize) -> String {
    format!("{}.{}.{}.0/24", 20 + number / 65_536, number / 256 % 256, number % 256)
}

/// The other side of a rule.
enum Peer {
    Block(String),
    Group(usize),
    List,
}

/// A rule of a group: its port, and whom it is about.
fn rule(group: usize, position: usize) -> (u16, Peer) {
    let port = 7000 + position as u16;
    let peer = match position % 5 {
        0 => Peer::Group(EVERYONE),
        1 => Peer::Group((group + position) % GROUPS),
        2 if position == 2 => Peer::List,
        _ => Peer::Block(block(group * RULES + position)),
    };
    (port, peer)
}

/// The native file.
pub fn native() -> String {
    let mut text = String::from(
        "[vpc.main]\ncidrs = [\"10.0.0.0/16\"]\n[internet_gateway.igw]\n\
         [nat_gateway.nat]\nsubnet = \"s0\"\naddresses = [{ private = \"10.0.0.60\", public = \"203.0.113.60\" }]\n",
    );
    write_native(&mut text).expect("a string takes everything");
    text
}

fn write_native(text: &mut String) -> std::fmt::Result {
    writeln!(text, "[prefix_list.shared]\nentries = [")?;
    for number in 0..BLOCKS {
        writeln!(text, "  \"{}\",", block(60_000 + number))?;
    }
    writeln!(text, "]")?;
    for table in 0..TABLES {
        writeln!(
            text,
            "[route_table.r{table}]\nroutes = [\n  {{ to = \"0.0.0.0/0\", via = \"{}\" }},",
            way_out(table)
        )?;
        writeln!(text, "  {{ to = \"pl:shared\", via = \"igw\" }},")?;
        for route in 2..ROUTES {
            writeln!(text, "  {{ to = \"{}\", via = \"igw\" }},", block(route))?;
        }
        writeln!(text, "]\n[network_acl.n{table}]")?;
        for (direction, side) in [("ingress", "from"), ("egress", "to")] {
            writeln!(text, "{direction} = [")?;
            for entry in 1..ENTRIES {
                let other = block(table * ENTRIES + entry);
                writeln!(text, "  {{ rule = {entry}, action = \"deny\", proto = \"tcp\", {side} = \"{other}\" }},")?;
            }
            writeln!(text, "  {{ rule = 100, action = \"allow\", proto = \"all\", {side} = \"0.0.0.0/0\" }},\n]")?;
        }
    }
    for number in 0..SUBNETS {
        let table = number % TABLES;
        writeln!(text, "[subnet.s{number}]\ncidrs = [\"{}/26\"]\nroute_table = \"r{table}\"", subnet(number))?;
        writeln!(text, "nacl = \"n{table}\"\naz = \"{}\"", zone(number))?;
    }
    for group in 0..GROUPS {
        writeln!(text, "[security_group.g{group}]")?;
        for (direction, side) in [("ingress", "from"), ("egress", "to")] {
            writeln!(text, "{direction} = [")?;
            for position in 0..RULES {
                let (port, peer) = rule(group, position);
                let peer = match peer {
                    Peer::Block(block) => block,
                    Peer::Group(group) => format!("sg:g{group}"),
                    Peer::List => "pl:shared".to_owned(),
                };
                writeln!(text, "  {{ proto = \"tcp\", ports = {port}, {side} = \"{peer}\" }},")?;
            }
            writeln!(text, "]")?;
        }
    }
    for number in 0..INTERFACES {
        let groups = groups(number).map(|group| format!("\"g{group}\"")).join(", ");
        writeln!(text, "[instance.h{number}]\nsubnet = \"s{}\"", number % SUBNETS)?;
        writeln!(text, "addresses = [\"{}\"]\nsecurity_groups = [{groups}]", address(number))?;
    }
    Ok(())
}

/// Subnets with a table of an even number are public ones; the NAT gateway is in the first.
fn way_out(table: usize) -> &'static str {
    if table.is_multiple_of(2) { "igw" } else { "nat" }
}

fn zone(subnet: usize) -> char {
    ['a', 'b', 'c'][subnet % 3]
}

/// Writes the dumps that `aws ec2 describe-...` makes of the same VPC, with the ids that the native file gives.
pub fn dumps(folder: &Path) -> std::io::Result<()> {
    let write = |call: &str, key: &str, items: Vec<String>| {
        std::fs::write(folder.join(format!("{call}.json")), format!("{{\"{key}\": [\n{}\n]}}\n", items.join(",\n")))
    };
    let vpc = r#"{"VpcId": "vpc-main", "CidrBlock": "10.0.0.0/16", "State": "available"}"#;
    write("describe-vpcs", "Vpcs", vec![vpc.to_owned()])?;
    let igw = r#"{"InternetGatewayId": "igw-igw", "Attachments": [{"VpcId": "vpc-main", "State": "available"}]}"#;
    write("describe-internet-gateways", "InternetGateways", vec![igw.to_owned()])?;
    let nat = r#"{"NatGatewayId": "nat-nat", "VpcId": "vpc-main", "SubnetId": "subnet-s0", "State": "available",
        "ConnectivityType": "public", "NatGatewayAddresses": [{"NetworkInterfaceId": "eni-nat", "PrivateIp": "10.0.0.60",
        "PublicIp": "203.0.113.60", "IsPrimary": true, "Status": "succeeded"}]}"#;
    write("describe-nat-gateways", "NatGateways", vec![nat.to_owned()])?;
    let list = r#"{"PrefixListId": "pl-shared", "PrefixListName": "shared", "State": "create-complete"}"#;
    write("describe-managed-prefix-lists", "PrefixLists", vec![list.to_owned()])?;
    let entries = (0..BLOCKS).map(|number| format!("{{\"Cidr\": \"{}\"}}", block(60_000 + number))).collect();
    write("get-managed-prefix-list-entries.pl-shared", "Entries", entries)?;
    write("describe-subnets", "Subnets", (0..SUBNETS).map(subnet_dump).collect())?;
    let tables = (0..TABLES).map(table_dump).chain([MAIN_TABLE.to_owned()]).collect();
    write("describe-route-tables", "RouteTables", tables)?;
    let acls = (0..TABLES).map(acl_dump).chain([DEFAULT_ACL.to_owned()]).collect();
    write("describe-network-acls", "NetworkAcls", acls)?;
    let groups = (0..GROUPS).map(group_dump).chain([DEFAULT_GROUP.to_owned()]).collect();
    write("describe-security-groups", "SecurityGroups", groups)?;
    write("describe-security-group-rules", "SecurityGroupRules", (0..GROUPS).flat_map(rule_dumps).collect())?;
    let interfaces = (0..INTERFACES).map(interface_dump).chain([NAT_INTERFACE.to_owned()]).collect();
    write("describe-network-interfaces", "NetworkInterfaces", interfaces)?;
    write("describe-instances", "Reservations", (0..INTERFACES).map(instance_dump).collect())
}

/// What AWS makes with the VPC, and nobody uses here.
const MAIN_TABLE: &str = r#"{"RouteTableId": "rtb-main-main", "VpcId": "vpc-main", "Associations": [{"Main": true}],
    "Routes": [{"DestinationCidrBlock": "10.0.0.0/16", "GatewayId": "local", "State": "active"}]}"#;
const DEFAULT_ACL: &str =
    r#"{"NetworkAclId": "acl-main-default", "VpcId": "vpc-main", "IsDefault": true, "Entries": []}"#;
const DEFAULT_GROUP: &str = r#"{"GroupId": "sg-main-default", "GroupName": "default", "VpcId": "vpc-main"}"#;

const NAT_INTERFACE: &str = r#"{"NetworkInterfaceId": "eni-nat", "SubnetId": "subnet-s0", "VpcId": "vpc-main",
    "InterfaceType": "nat_gateway", "Status": "in-use", "SourceDestCheck": false, "RequesterManaged": true, "Groups": [],
    "PrivateIpAddresses": [{"Primary": true, "PrivateIpAddress": "10.0.0.60",
        "Association": {"PublicIp": "203.0.113.60"}}]}"#;

fn subnet_dump(number: usize) -> String {
    let (block, zone) = (subnet(number), zone(number));
    format!(
        r#"{{"SubnetId": "subnet-s{number}", "VpcId": "vpc-main", "CidrBlock": "{block}/26", "AvailabilityZone": "{zone}"}}"#
    )
}

/// The subnets that have a table and an ACL of this number, as associations.
fn associations(table: usize) -> String {
    let subnets = (table..SUBNETS).step_by(TABLES);
    subnets.map(|subnet| format!(r#"{{"SubnetId": "subnet-s{subnet}"}}"#)).collect::<Vec<_>>().join(", ")
}

fn table_dump(table: usize) -> String {
    let target = if way_out(table) == "igw" { r#""GatewayId": "igw-igw""# } else { r#""NatGatewayId": "nat-nat""# };
    let mut routes = vec![
        r#"{"DestinationCidrBlock": "10.0.0.0/16", "GatewayId": "local", "State": "active"}"#.to_owned(),
        format!(r#"{{"DestinationCidrBlock": "0.0.0.0/0", {target}, "State": "active"}}"#),
        r#"{"DestinationPrefixListId": "pl-shared", "GatewayId": "igw-igw", "State": "active"}"#.to_owned(),
    ];
    routes.extend((2..ROUTES).map(|route| {
        format!(r#"{{"DestinationCidrBlock": "{}", "GatewayId": "igw-igw", "State": "active"}}"#, block(route))
    }));
    let (associations, routes) = (associations(table), routes.join(",\n"));
    format!(
        r#"{{"RouteTableId": "rtb-r{table}", "VpcId": "vpc-main", "Associations": [{associations}], "Routes": [{routes}]}}"#
    )
}

fn acl_dump(table: usize) -> String {
    let entry = |egress: bool, number: usize, action: &str, protocol: &str, block: &str| {
        format!(
            r#"{{"Egress": {egress}, "RuleNumber": {number}, "RuleAction": "{action}", "Protocol": "{protocol}", "CidrBlock": "{block}"}}"#
        )
    };
    let entries: Vec<String> = [false, true]
        .into_iter()
        .flat_map(|egress| {
            let denied =
                (1..ENTRIES).map(move |number| entry(egress, number, "deny", "6", &block(table * ENTRIES + number)));
            denied.chain([entry(egress, 100, "allow", "-1", "0.0.0.0/0")])
        })
        .collect();
    let (associations, entries) = (associations(table), entries.join(",\n"));
    format!(
        r#"{{"NetworkAclId": "acl-n{table}", "VpcId": "vpc-main", "IsDefault": false, "Associations": [{associations}], "Entries": [{entries}]}}"#
    )
}

fn group_dump(group: usize) -> String {
    let permissions = (0..RULES).map(|position| {
        let (port, peer) = rule(group, position);
        let peer = match peer {
            Peer::Block(block) => format!(r#""IpRanges": [{{"CidrIp": "{block}"}}]"#),
            Peer::Group(group) => format!(r#""UserIdGroupPairs": [{{"GroupId": "sg-g{group}"}}]"#),
            Peer::List => r#""PrefixListIds": [{"PrefixListId": "pl-shared"}]"#.to_owned(),
        };
        format!(r#"{{"IpProtocol": "tcp", "FromPort": {port}, "ToPort": {port}, {peer}}}"#)
    });
    let permissions = permissions.collect::<Vec<_>>().join(", ");
    format!(
        r#"{{"GroupId": "sg-g{group}", "GroupName": "g{group}", "VpcId": "vpc-main", "IpPermissions": [{permissions}], "IpPermissionsEgress": [{permissions}]}}"#
    )
}

fn rule_dumps(group: usize) -> impl Iterator<Item = String> {
    [("in", false), ("out", true)].into_iter().flat_map(move |(way, egress)| {
        (0..RULES).map(move |position| {
            let (port, peer) = rule(group, position);
            let peer = match peer {
                Peer::Block(block) => format!(r#""CidrIpv4": "{block}""#),
                Peer::Group(group) => format!(r#""ReferencedGroupInfo": {{"GroupId": "sg-g{group}"}}"#),
                Peer::List => r#""PrefixListId": "pl-shared""#.to_owned(),
            };
            let id = format!("sgr-g{group}-{way}-{}", position + 1);
            format!(
                r#"{{"SecurityGroupRuleId": "{id}", "GroupId": "sg-g{group}", "IsEgress": {egress}, "IpProtocol": "tcp", "FromPort": {port}, "ToPort": {port}, {peer}}}"#
            )
        })
    })
}

fn interface_dump(number: usize) -> String {
    let groups = groups(number).map(|group| format!(r#"{{"GroupId": "sg-g{group}"}}"#)).join(", ");
    let (subnet, address) = (number % SUBNETS, address(number));
    format!(
        r#"{{"NetworkInterfaceId": "eni-h{number}", "SubnetId": "subnet-s{subnet}", "VpcId": "vpc-main", "InterfaceType": "interface",
        "Status": "in-use", "SourceDestCheck": true, "Groups": [{groups}], "PrivateIpAddress": "{address}",
        "PrivateIpAddresses": [{{"Primary": true, "PrivateIpAddress": "{address}"}}],
        "Attachment": {{"InstanceId": "i-h{number}", "DeviceIndex": 0, "Status": "attached"}}}}"#
    )
}

fn instance_dump(number: usize) -> String {
    let subnet = number % SUBNETS;
    format!(
        r#"{{"Instances": [{{"InstanceId": "i-h{number}", "InstanceType": "m5.large", "State": {{"Name": "running"}}, "VpcId": "vpc-main",
        "SubnetId": "subnet-s{subnet}", "Tags": [{{"Key": "Name", "Value": "h{number}"}}]}}]}}"#
    )
}
