//! Whom a reference to a security group means (6.10-6.14).

use vpcemu_dataplane::DropReason;
use vpcemu_model::native;
use vpcemu_tests::{Lab, syn};

/// Two VPCs with the same blocks and hosts; the group `shared` of the first serves both.
const SHARED: &str = r#"
[vpc.a]
cidrs = ["10.0.0.0/16"]
[vpc.b]
cidrs = ["10.0.0.0/16"]
[subnet.a]
vpc = "a"
cidrs = ["10.0.0.0/24"]
[subnet.b]
vpc = "b"
cidrs = ["10.0.0.0/24"]
[security_group.shared]
vpc = "a"
vpcs = ["b"]
ingress = [{ proto = "tcp", ports = "443", from = "sg:shared" }]
egress = [{ proto = "tcp", ports = "443", to = "sg:shared" }]
[security_group.other]
vpc = "b"
ingress = [{ proto = "tcp", ports = "80", from = "sg:shared" }]
[instance.a1]
subnet = "a"
addresses = ["10.0.0.10"]
security_groups = ["shared"]
[instance.a2]
subnet = "a"
addresses = ["10.0.0.11"]
security_groups = ["shared"]
[instance.b1]
subnet = "b"
addresses = ["10.0.0.10"]
security_groups = ["shared"]
[instance.b2]
subnet = "b"
addresses = ["10.0.0.12"]
security_groups = ["shared"]
[instance.b3]
subnet = "b"
addresses = ["10.0.0.11"]
security_groups = ["other"]
"#;

#[test]
fn a_group_of_several_vpcs_has_the_same_rules_in_each_and_members_in_all() {
    // (6.14)
    let mut lab = Lab::new(SHARED);
    lab.leave("a1", syn("10.0.0.10:4000", "10.0.0.11:443")).delivered("eni-a2");
    lab.leave("b1", syn("10.0.0.10:4000", "10.0.0.12:443")).delivered("eni-b2");
    lab.leave("b1", syn("10.0.0.10:4000", "10.0.0.12:80")).dropped(DropReason::SecurityGroup, "eni-b1");
    // In the second VPC that address is somebody else's, who is no member.
    lab.leave("b1", syn("10.0.0.10:4000", "10.0.0.11:443")).dropped(DropReason::SecurityGroup, "eni-b1");
    // Another group's rule means the members that are where it is.
    let text = SHARED.replace("egress = [{ proto = \"tcp\", ports = \"443\", to = \"sg:shared\" }]", "");
    let mut lab = Lab::new(&text);
    lab.leave("b1", syn("10.0.0.10:4000", "10.0.0.11:80")).delivered("eni-b3");
    lab.leave("b1", syn("10.0.0.10:4000", "10.0.0.11:443")).dropped(DropReason::SecurityGroup, "eni-b3");
    assert_eq!(lab.connections(), (1, 0));
}

#[test]
fn a_group_has_to_be_associated_with_the_vpc_of_its_interfaces() {
    let refused = |this: &str, that: &str| {
        let text = SHARED.replacen(this, that, 1);
        native::parse("lab.toml", &text).unwrap_err().to_string()
    };
    let alone = refused("vpcs = [\"b\"]\n", "");
    assert!(alone.contains("eni-b1 of vpc-b names the security group sg-shared, which is of vpc-a"), "{alone}");
    let unknown = refused("vpcs = [\"b\"]", "vpcs = [\"b\", \"c\"]");
    assert!(unknown.contains("`shared` names vpc-c, which does not exist"), "{unknown}");
    let default = refused("vpcs = [\"b\"]", "vpcs = [\"b\"]\ndefault = true");
    assert!(default.contains("sg-shared is associated with vpc-b, but it is the default group of vpc-a"), "{default}");
}

#[test]
fn of_one_vpc_the_groups_that_serve_it_stay() {
    let network = native::parse("lab.toml", SHARED).unwrap().network;
    let shared = |vpc: &str| {
        let network = network.clone().only_vpc(vpc);
        let group = network.security_groups.into_iter().find(|group| group.id.as_str() == "sg-shared").unwrap();
        (group.vpc.to_string(), group.further_vpcs.len())
    };
    assert_eq!(shared("a"), ("vpc-a".to_owned(), 0));
    assert_eq!(shared("b"), ("vpc-b".to_owned(), 0));
}

/// A client that may call its servers by their group, in its own subnet and in two others: what is in `far` is led through an
/// appliance, by a route that is more specific than local.
const DETOUR: &str = r#"
[vpc.main]
cidrs = ["10.0.0.0/16", "2001:db8::/56"]
[subnet.near]
cidrs = ["10.0.0.0/24", "2001:db8::/64"]
route_table = "near"
[subnet.far]
cidrs = ["10.0.1.0/24", "2001:db8:0:1::/64"]
[subnet.open]
cidrs = ["10.0.2.0/24"]
[route_table.near]
routes = [{ to = "10.0.1.0/24", via = "eni-box" }]
[security_group.client]
ingress = []
egress = [{ proto = "tcp", to = "sg:server" }, { proto = "tcp", ports = "22", to = "10.0.0.0/16" }]
[security_group.server]
ingress = [{ proto = "all", from = "0.0.0.0/0" }, { proto = "all", from = "::/0" }]
[instance.client]
subnet = "near"
addresses = ["10.0.0.10", "2001:db8::10"]
security_groups = ["client"]
[instance.box]
subnet = "open"
addresses = ["10.0.2.11"]
source_dest_check = false
forward = "appliance"
security_groups = ["server"]
[instance.near]
subnet = "near"
addresses = ["10.0.0.12"]
security_groups = ["server"]
[instance.far]
subnet = "far"
addresses = ["10.0.1.10", "2001:db8:0:1::10"]
security_groups = ["server"]
[instance.open]
subnet = "open"
addresses = ["10.0.2.10"]
security_groups = ["server"]
"#;

#[test]
fn outbound_a_reference_means_receivers_to_whom_the_route_is_local() {
    let mut lab = Lab::new(DETOUR);
    // In the own subnet no route is asked; elsewhere the local route leads there (6.12).
    lab.leave("client", syn("10.0.0.10:4000", "10.0.0.12:443")).delivered("eni-near");
    lab.leave("client", syn("10.0.0.10:4000", "10.0.2.10:443")).delivered("eni-open");
    let lost = lab.leave("client", syn("10.0.0.10:4000", "10.0.1.10:443"));
    lost.dropped(DropReason::SecurityGroupReferenceLost, "eni-client").steps(&["sg eni-client egress DENY"]);
    // The route is of one family, and the reference is lost in that one only.
    lab.leave("client", syn("[2001:db8::10]:4000", "[2001:db8:0:1::10]:443")).delivered("eni-far");
    // A rule by address does not ask who is there, and an address that is nobody's is in no group.
    lab.leave("client", syn("10.0.0.10:4000", "10.0.1.10:22")).delivered("eni-far");
    lab.leave("client", syn("10.0.0.10:4000", "10.0.1.99:443")).dropped(DropReason::SecurityGroup, "eni-client");
    assert_eq!(lab.connections(), (4, 0));
}

#[test]
fn outbound_a_reference_works_through_a_peering_connection_within_a_region() {
    let text = |peering: &str| {
        format!(
            r#"
[vpc.a]
cidrs = ["10.0.0.0/16"]
[vpc.b]
cidrs = ["10.1.0.0/16"]
[vpc_peering_connection.ab]
requester = "a"
accepter = "b"
{peering}
[subnet.a]
vpc = "a"
cidrs = ["10.0.0.0/24"]
route_table = "a"
[subnet.b]
vpc = "b"
cidrs = ["10.1.0.0/24"]
route_table = "b"
[route_table.a]
vpc = "a"
routes = [{{ to = "10.1.0.0/16", via = "ab" }}]
[route_table.b]
vpc = "b"
routes = [{{ to = "10.0.0.0/16", via = "ab" }}]
[security_group.client]
vpc = "a"
ingress = []
egress = [{{ proto = "tcp", to = "sg:server" }}]
[security_group.server]
vpc = "b"
ingress = [{{ proto = "all", from = "10.0.0.0/8" }}]
[security_group.other]
vpc = "b"
ingress = [{{ proto = "all", from = "10.0.0.0/8" }}]
[instance.client]
subnet = "a"
addresses = ["10.0.0.10"]
security_groups = ["client"]
[instance.server]
subnet = "b"
addresses = ["10.1.0.10"]
security_groups = ["server"]
[instance.other]
subnet = "b"
addresses = ["10.1.0.11"]
security_groups = ["other"]
"#
        )
    };
    // (6.11, 6.12)
    let mut lab = Lab::new(&text(""));
    lab.leave("client", syn("10.0.0.10:4000", "10.1.0.10:443")).delivered("eni-server");
    lab.leave("client", syn("10.0.0.10:4000", "10.1.0.11:443")).dropped(DropReason::SecurityGroup, "eni-client");
    for apart in ["inter_region = true", "active = false"] {
        let mut lab = Lab::new(&text(apart));
        lab.leave("client", syn("10.0.0.10:4000", "10.1.0.10:443")).dropped(DropReason::SecurityGroup, "eni-client");
    }
}
