//! Configurations that AWS would refuse, or that say what is no longer so: what is found at load, and what packets then meet.
//! Warnings and lints do not keep a configuration from being used; what it says has a verdict all the same.

use std::fmt::Write;

use vpcemu_dataplane::DropReason;
use vpcemu_dataplane::outcome::Outcome;
use vpcemu_model::native;
use vpcemu_tests::{Lab, path, syn};

/// Two VPCs; in the first a public subnet, and a private one behind a NAT gateway.
const BASE: &str = r#"
[vpc.a]
cidrs = ["10.0.0.0/16"]
[vpc.b]
cidrs = ["10.1.0.0/16"]
[internet_gateway.igw]
vpc = "a"
[nat_gateway.nat]
subnet = "public"
addresses = [{ private = "10.0.0.200", public = "203.0.113.20" }]
[subnet.public]
vpc = "a"
cidrs = ["10.0.0.0/24"]
route_table = "public"
[subnet.private]
vpc = "a"
cidrs = ["10.0.1.0/24"]
route_table = "private"
nacl = "private"
[subnet.other]
vpc = "b"
cidrs = ["10.1.0.0/24"]
[route_table.public]
vpc = "a"
routes = [{ to = "0.0.0.0/0", via = "igw" }]
[route_table.private]
vpc = "a"
routes = [{ to = "0.0.0.0/0", via = "nat" }]
[network_acl.private]
vpc = "a"
ingress = [{ rule = 100, action = "allow", proto = "all", from = "0.0.0.0/0" }]
egress = [{ rule = 100, action = "allow", proto = "all", to = "0.0.0.0/0" }]
[security_group.app]
vpc = "a"
ingress = [{ proto = "tcp", ports = "443", from = "10.0.0.0/16" }]
egress = [{ proto = "all", to = "0.0.0.0/0" }]
[instance.app]
subnet = "private"
addresses = ["10.0.1.10"]
security_groups = ["app"]
[instance.web]
subnet = "public"
addresses = ["10.0.0.10"]
public = "203.0.113.10"
[instance.other]
subnet = "other"
addresses = ["10.1.0.10"]
"#;

const PRIVATE: &str = "routes = [{ to = \"0.0.0.0/0\", via = \"nat\" }]";
const INGRESS: &str = "ingress = [{ proto = \"tcp\", ports = \"443\", from = \"10.0.0.0/16\" }]";
const ENTRY: &str = "{ rule = 100, action = \"allow\", proto = \"all\", from = \"0.0.0.0/0\" }";

fn but(old: &str, new: &str) -> String {
    path::but(BASE, old, new)
}

/// What is found, each as `severity code: sentence`, and whether the configuration can be used.
fn found(text: &str) -> (Vec<String>, bool) {
    let (findings, usable) = match native::parse("bad.toml", text) {
        Ok(loaded) => (loaded.findings, true),
        Err(native::Error::Invalid { findings, .. }) => (findings, false),
        Err(error) => panic!("{error}"),
    };
    (findings.iter().map(|it| format!("{:?} {}: {}", it.severity, it.code, it.text)).collect(), usable)
}

/// What is found, of a configuration that can be used, and a laboratory with it.
#[track_caller]
fn warned(text: &str, expected: &[&str]) -> Lab {
    let (found, usable) = found(text);
    assert_eq!(found, expected);
    assert!(usable);
    Lab::new(text)
}

/// What is found, of a configuration that cannot.
#[track_caller]
fn refused(text: &str, expected: &[&str]) {
    let (found, usable) = found(text);
    assert_eq!(found, expected);
    assert!(!usable);
}

/// A segment of the private instance to somebody else, with the verdict on it.
#[track_caller]
fn private(lab: &mut Lab, to: &str, reason: Option<DropReason>, at: &str) {
    let sent = lab.leave("app", syn("10.0.1.10:4000", &format!("{to}:443")));
    match reason {
        Some(reason) => drop(sent.dropped(reason, at)),
        None => drop(sent.delivered(at)),
    }
}

/// A segment of the public instance to the private one, with the verdict on it.
#[track_caller]
fn inward(lab: &mut Lab, reason: Option<DropReason>) {
    let sent = lab.leave("web", syn("10.0.0.10:4000", "10.0.1.10:443"));
    match (reason, sent.verdict.outcome) {
        (Some(expected), Outcome::Dropped(denial)) => assert_eq!(denial.reason, expected),
        (None, Outcome::Delivered { .. }) => {}
        (_, outcome) => panic!("{outcome:?}"),
    }
}

#[test]
fn the_base_has_nothing_wrong() {
    let mut lab = warned(BASE, &[]);
    private(&mut lab, "198.51.100.7", None, "internet");
    inward(&mut lab, None);
}

#[test]
fn a_blackhole_is_a_lint_and_drops() {
    let text = but(
        PRIVATE,
        "routes = [{ to = \"0.0.0.0/0\", via = \"nat\" }, { to = \"198.51.100.0/24\", via = \"blackhole\" }]",
    );
    let lint = "Lint blackhole: the route 198.51.100.0/24 of rtb-private is a blackhole: it drops what it matches";
    let mut lab = warned(&text, &[lint]);
    private(&mut lab, "198.51.100.7", Some(DropReason::Blackhole), "rtb-private");
    private(&mut lab, "192.0.2.1", None, "internet");
}

#[test]
fn a_route_to_what_was_never_there_is_a_mistake() {
    for target in ["igw-gone", "eigw-gone", "nat-gone", "eni-gone", "i-gone", "gone"] {
        let text = but(PRIVATE, &format!("routes = [{{ to = \"198.51.100.0/24\", via = \"{target}\" }}]"));
        let error = format!("Error unknown-target: a route of rtb-private leads to `{target}`, which does not exist");
        refused(&text, &[&error]);
    }
    // What a file may name without describing it is a place where packets end.
    for target in ["vpce-gone", "pcx-gone", "tgw-gone", "vgw-gone", "lgw-gone", "cagw-gone"] {
        let text = but(PRIVATE, &format!("routes = [{{ to = \"198.51.100.0/24\", via = \"{target}\" }}]"));
        private(&mut warned(&text, &[]), "198.51.100.7", None, target);
    }
}

#[test]
fn routes_to_detached_things_are_warned_of_and_drop() {
    let led = |target: &str, to: &str| but(PRIVATE, &format!("routes = [{{ to = \"{to}\", via = \"{target}\" }}]"));
    let tgw = led("hub", "10.1.0.0/16") + "[transit_gateway.hub.attachment.b]\nsubnets = [\"other\"]\n";
    let warning = "Warning not-attached: the route 10.1.0.0/16 of rtb-private leads to tgw-hub, which is not attached to vpc-a: it drops what it matches";
    private(&mut warned(&tgw, &[warning]), "10.1.0.10", Some(DropReason::Blackhole), "rtb-private");

    let vgw = led("onprem", "192.168.0.0/16") + "[vpn_gateway.onprem]\nvpc = \"b\"\n";
    let warning = "Warning not-attached: the route 192.168.0.0/16 of rtb-private leads to vgw-onprem, which is not attached to vpc-a: it drops what it matches";
    private(&mut warned(&vgw, &[warning]), "192.168.0.1", Some(DropReason::Blackhole), "rtb-private");

    let pcx = led("bc", "10.1.0.0/16")
        + "[vpc.c]\ncidrs = [\"10.2.0.0/16\"]\n[vpc_peering_connection.bc]\nrequester = \"b\"\naccepter = \"c\"\n";
    let warning = "Warning not-attached: the route 10.1.0.0/16 of rtb-private leads to pcx-bc, which does not peer vpc-a: it drops what it matches";
    private(&mut warned(&pcx, &[warning]), "10.1.0.10", Some(DropReason::Blackhole), "rtb-private");

    let inactive =
        led("ab", "10.1.0.0/16") + "[vpc_peering_connection.ab]\nrequester = \"a\"\naccepter = \"b\"\nactive = false\n";
    let lint = "Lint peering-inactive: the route 10.1.0.0/16 of rtb-private leads to pcx-ab, which is not active: it drops what it matches";
    private(&mut warned(&inactive, &[lint]), "10.1.0.10", Some(DropReason::BadState), "pcx-ab");

    let stopped = led("web", "198.51.100.0/24")
        .replace("public = \"203.0.113.10\"", "running = false\nsource_dest_check = false");
    let lint = "Lint route-to-unused: the route 198.51.100.0/24 of rtb-private leads to eni-web, which is detached or whose instance is stopped: it receives nothing";
    private(&mut warned(&stopped, &[lint]), "198.51.100.7", Some(DropReason::NeighborUnknown), "eni-web");

    let checked = led("web", "198.51.100.0/24");
    let warning = "Warning source-dest-check: the route 198.51.100.0/24 of rtb-private leads to eni-web, which drops what is not for itself";
    let open = checked.replace("[instance.web]", "[security_group.open]\nvpc = \"a\"\ningress = [{ proto = \"all\", from = \"0.0.0.0/0\" }]\n[instance.web]\nsecurity_groups = [\"open\"]");
    private(&mut warned(&open, &[warning]), "198.51.100.7", Some(DropReason::SourceDestCheck), "eni-web");
}

#[test]
fn references_to_what_was_deleted_match_nothing() {
    let group = but(INGRESS, "ingress = [{ proto = \"tcp\", ports = \"443\", from = \"sg:gone\" }]");
    let warning = "Warning stale-group: there is no security group sg-gone: the rule is stale and matches nothing";
    inward(&mut warned(&group, &[warning]), Some(DropReason::SecurityGroup));

    let list = but(INGRESS, "ingress = [{ proto = \"tcp\", ports = \"443\", from = \"pl:gone\" }]");
    let warning =
        "Warning stale-prefix-list: there is no prefix list pl-gone: what names it is stale and matches nothing";
    inward(&mut warned(&list, &[warning]), Some(DropReason::SecurityGroup));

    let route = but(PRIVATE, "routes = [{ to = \"pl:gone\", via = \"nat\" }]");
    private(&mut warned(&route, &[warning]), "198.51.100.7", Some(DropReason::NoRoute), "rtb-private");
}

#[test]
fn groups_may_refer_to_each_other_in_a_circle() {
    let text = but(INGRESS, "ingress = [{ proto = \"tcp\", ports = \"443\", from = \"sg:one\" }]")
        + "[security_group.one]\nvpc = \"a\"\ningress = [{ proto = \"all\", from = \"sg:two\" }]\n\
           [security_group.two]\nvpc = \"a\"\ningress = [{ proto = \"all\", from = \"sg:app\" }, { proto = \"all\", from = \"sg:two\" }]\n";
    let empty = |group| {
        format!(
            "Lint group-without-members: no interface has {group}, so that the rule of another group that names it matches nothing"
        )
    };
    let (one, two) = (empty("sg-one"), empty("sg-two"));
    // A circle refers to members, not to what those admit.
    inward(&mut warned(&text, &[&one, &two]), Some(DropReason::SecurityGroup));
    let member = text.replace("[instance.web]", "[instance.web]\nsecurity_groups = [\"one\"]");
    inward(&mut warned(&member, &[&two]), None);
    let next = text.replace("[instance.web]", "[instance.web]\nsecurity_groups = [\"two\"]");
    inward(&mut warned(&next, &[&one]), Some(DropReason::SecurityGroup));
}

#[test]
fn a_rule_that_is_there_twice_is_one_and_overlapping_ones_are_their_union() {
    let rule = "{ proto = \"tcp\", ports = \"443\", from = \"10.0.0.0/16\" }";
    let twice = but(INGRESS, &format!("ingress = [{rule}, {rule}]"));
    let (warnings, usable) = found(&twice);
    assert_eq!(warnings.len(), 1, "{warnings:?}");
    assert!(usable && warnings[0].starts_with("Warning duplicate-rule: the inbound rule sgr-"), "{warnings:?}");
    inward(&mut Lab::new(&twice), None);
    let wider =
        but(INGRESS, &format!("ingress = [{rule}, {{ proto = \"tcp\", ports = \"400-500\", from = \"10.0.0.0/8\" }}]"));
    let lint = "Lint covered-rule: the inbound rule sgr-app-in-1 of sg-app allows nothing that sgr-app-in-2 does not";
    inward(&mut warned(&wider, &[lint]), None);
}

#[test]
fn of_entries_that_overlap_the_lower_number_decides() {
    let deny = "{ rule = 200, action = \"deny\", proto = \"all\", from = \"10.0.0.0/8\" }";
    let behind = but(ENTRY, &format!("{ENTRY}, {deny}"));
    let lint = "Lint unreached-entry: no packet reaches the inbound entry 200 of acl-private: entry 100 matches all that it would";
    inward(&mut warned(&behind, &[lint]), None);
    let before = but(ENTRY, &format!("{}, {ENTRY}", deny.replace("200", "50")));
    inward(&mut warned(&before, &[]), Some(DropReason::NetworkAcl));
    let same = but(ENTRY, &format!("{ENTRY}, {}", deny.replace("200", "100")));
    refused(
        &same,
        &["Error duplicate-rule-number: the inbound entry 100 of acl-private has the number of another inbound entry"],
    );
}

#[test]
fn blocks_and_addresses_belong_to_one() {
    let cases: [(&str, &str, &[&str]); 6] = [
        (
            "cidrs = [\"10.0.1.0/24\"]",
            "cidrs = [\"10.0.0.0/25\"]",
            &[
                "Error subnet-overlap: the block 10.0.0.0/25 of subnet-private overlaps 10.0.0.0/24 of subnet-public",
                "Error address-outside-subnet: 10.0.1.10 of eni-app is not in subnet-private, which has 10.0.0.0/25",
            ],
        ),
        (
            "cidrs = [\"10.0.1.0/24\"]",
            "cidrs = [\"10.7.1.0/24\"]",
            &[
                "Error subnet-outside-vpc: the block 10.7.1.0/24 of subnet-private is in no block of vpc-a",
                "Error address-outside-subnet: 10.0.1.10 of eni-app is not in subnet-private, which has 10.7.1.0/24",
            ],
        ),
        (
            "addresses = [\"10.0.1.10\"]",
            "addresses = [\"10.0.0.10\"]",
            &[
                "Error address-outside-subnet: 10.0.0.10 of eni-app is not in subnet-private, which has 10.0.1.0/24",
                "Error duplicate-address: 10.0.0.10 of eni-web is already taken by eni-app",
            ],
        ),
        (
            "public = \"203.0.113.10\"",
            "public = \"203.0.113.20\"",
            &["Error duplicate-public: the public address 203.0.113.20 of eni-web is already taken by eni-nat"],
        ),
        (
            PRIVATE,
            "routes = [{ to = \"0.0.0.0/0\", via = \"nat\" }, { to = \"0.0.0.0/0\", via = \"igw\" }]",
            &["Error duplicate-route: the route 0.0.0.0/0 of rtb-private has the destination of another one"],
        ),
        (
            PRIVATE,
            "routes = [{ to = \"198.51.100.0/24\", via = \"other\" }]",
            &[
                "Error other-vpc: the route 198.51.100.0/24 of rtb-private leads to eni-other, which is of vpc-b, not vpc-a",
                "Warning source-dest-check: the route 198.51.100.0/24 of rtb-private leads to eni-other, which drops what is not for itself",
            ],
        ),
    ];
    for (old, new, expected) in cases {
        refused(&but(old, new), expected);
    }
}

#[test]
fn peers_with_overlapping_blocks_are_told_apart_by_routes() {
    let two = BASE.to_owned()
        + "[vpc.c]\ncidrs = [\"10.1.0.0/16\"]\n[subnet.c]\nvpc = \"c\"\ncidrs = [\"10.1.0.0/24\"]\n\
           [instance.there]\nsubnet = \"c\"\naddresses = [\"10.1.0.10\"]\nsecurity_groups = [\"there\"]\n\
           [security_group.there]\nvpc = \"c\"\ningress = [{ proto = \"all\", from = \"0.0.0.0/0\" }]\n\
           [vpc_peering_connection.ab]\nrequester = \"a\"\naccepter = \"b\"\n[vpc_peering_connection.ac]\nrequester = \"a\"\naccepter = \"c\"\n";
    let two = two
        .replace(PRIVATE, "routes = [{ to = \"10.1.0.0/16\", via = \"ab\" }, { to = \"10.1.0.10/32\", via = \"ac\" }]");
    let warning = "Warning peers-overlap: vpc-a is peered with vpc-c by pcx-ac and with vpc-b by pcx-ab, whose blocks 10.1.0.0/16 and 10.1.0.0/16 overlap: the longest route decides";
    let mut lab = warned(&two, &[warning]);
    private(&mut lab, "10.1.0.10", None, "eni-there");
    private(&mut lab, "10.1.0.11", Some(DropReason::NeighborUnknown), "pcx-ab");

    // A peer with blocks of one's own: the local route wins.
    let own = BASE.to_owned()
        + "[vpc.c]\ncidrs = [\"10.0.0.0/20\"]\n[vpc_peering_connection.ac]\nrequester = \"a\"\naccepter = \"c\"\n";
    let warning = "Warning peering-overlap: pcx-ac peers vpc-a with vpc-c, whose blocks 10.0.0.0/16 and 10.0.0.0/20 overlap: AWS refuses it, and the local routes win";
    inward(&mut warned(&own, &[warning]), None);
}

#[test]
fn an_attachment_that_no_table_rules_takes_nothing() {
    let text = but(PRIVATE, "routes = [{ to = \"10.1.0.0/16\", via = \"hub\" }]")
        + "[transit_gateway.hub.attachment.a]\nsubnets = [\"private\"]\n[transit_gateway.hub.attachment.b]\nsubnets = [\"other\"]\n\
           [transit_gateway.hub.route_table.one]\n[transit_gateway.hub.route_table.two]\n";
    let lint = |name: &str| {
        format!(
            "Lint no-tgw-association: tgw-attach-{name} is associated with no route table of tgw-hub: what comes in by it is dropped"
        )
    };
    let mut lab = warned(&text, &[&lint("a"), &lint("b")]);
    private(&mut lab, "10.1.0.10", Some(DropReason::TransitUnassociated), "tgw-hub");
}

/// A security group with this many inbound rules, the last of which admits the public instance.
fn many_rules(count: u32) -> String {
    let mut rules = String::new();
    for n in 1..count {
        write!(rules, "{{ proto = \"tcp\", ports = \"443\", from = \"192.0.{}.{}/32\" }}, ", n / 256, n % 256).unwrap();
    }
    but(INGRESS, &format!("ingress = [{rules}{{ proto = \"tcp\", ports = \"443\", from = \"10.0.0.0/16\" }}]"))
}

#[test]
fn rules_are_counted_against_their_quota_and_all_of_them_work() {
    inward(&mut warned(&many_rules(60), &[]), None);
    let above =
        |count: u32| format!("Warning quota: sg-app has {count} inbound IPv4 rules, above the default quota of 60");
    inward(&mut warned(&many_rules(61), &[&above(61)]), None);
    inward(&mut warned(&many_rules(1000), &[&above(1000)]), None);
    let (findings, usable) = found(&many_rules(1001));
    assert!(!usable);
    assert_eq!(findings[0], "Error quota: sg-app has 1001 inbound IPv4 rules, and 1000 is the most there can be");
    // Far above it is the same one sentence, and no more of them.
    let (far, usable) = found(&many_rules(20_000));
    assert!(!usable);
    assert_eq!(far[0], "Error quota: sg-app has 20000 inbound IPv4 rules, and 1000 is the most there can be");
    assert_eq!(far.len(), findings.len());
}

/// A network ACL with this many inbound entries, the last of which admits everything.
fn many_entries(count: u32) -> String {
    let mut entries = String::new();
    for n in 1..count {
        write!(
            entries,
            "{{ rule = {n}, action = \"deny\", proto = \"tcp\", ports = \"443\", from = \"192.0.{}.{}/32\" }}, ",
            n / 256,
            n % 256
        )
        .unwrap();
    }
    but(ENTRY, &format!("{entries}{}", ENTRY.replace("100", &count.to_string())))
}

#[test]
fn entries_are_counted_against_their_quota_and_all_of_them_work() {
    inward(&mut warned(&many_entries(20), &[]), None);
    let above =
        |count: u32| format!("Warning quota: acl-private has {count} inbound entries, above the default quota of 20");
    inward(&mut warned(&many_entries(21), &[&above(21)]), None);
    inward(&mut warned(&many_entries(40), &[&above(40)]), None);
    refused(&many_entries(41), &["Error quota: acl-private has 41 inbound entries, and 40 is the most there can be"]);
    refused(
        &many_entries(20_000),
        &["Error quota: acl-private has 20000 inbound entries, and 40 is the most there can be"],
    );
}

#[test]
fn routes_are_counted_against_their_quota_and_all_of_them_work() {
    let many = |count: u32| {
        let routes: String =
            (1..count).map(|n| format!("{{ to = \"192.0.{}.{}/32\", via = \"igw\" }}, ", n / 256, n % 256)).collect();
        but(PRIVATE, &format!("routes = [{routes}{{ to = \"0.0.0.0/0\", via = \"nat\" }}]"))
    };
    let mut lab = warned(&many(500), &[]);
    private(&mut lab, "198.51.100.7", None, "internet");
    private(&mut lab, "192.0.1.7", Some(DropReason::NoPublicAddress), "igw-igw");
    warned(&many(501), &["Warning quota: rtb-private has 501 IPv4 static routes, above the default quota of 500"]);
    refused(&many(1001), &["Error quota: rtb-private has 1001 IPv4 static routes, and 1000 is the most there can be"]);
}
