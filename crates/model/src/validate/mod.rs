//! Validation: what AWS would refuse, what contradicts itself, and what works but surprises.
//!
//! Everything is found at once, so that a configuration is put right in one go. A check whose resource refers to nothing
//! stays silent: the reference itself is the finding. Numbers in parentheses are rules of the semantics page.
//!
//! Codes are stable. **Lints**: it works, and will surprise.
//!
//! | code | what it says |
//! |---|---|
//! | `blackhole` | a route whose target is gone: it drops what it matches |
//! | `covered-rule` | a security group's rule that allows nothing that a wider one of the group does not |
//! | `edge-redirected` | a subnet whose inbound packets an edge table leads to a middlebox goes out past it |
//! | `group-without-members` | no interface has a security group, so that rules which name it match nothing |
//! | `idle-exclusion` | an exclusion of Block Public Access that changes nothing in this mode |
//! | `igw-and-eigw` | a route table leads IPv6 to an internet gateway and to an egress-only one |
//! | `inspected-group` | a rule names a group whose members are reached by a middlebox: it does not match them |
//! | `nat-across-zones` | a zonal NAT gateway that serves subnets of other availability zones |
//! | `nat-instance-ipv6` | a route leads IPv6 to a NAT instance, which translates IPv4 only |
//! | `nat-own-subnet` | a subnet is led to the NAT gateway that is in it, which does not serve it |
//! | `nat-without-igw` | a public NAT gateway whose table leads to no internet gateway, and to nothing that may have one |
//! | `nat-zone-without-subnet` | a regional NAT gateway has an address in a zone where its VPC has no subnet |
//! | `no-return-traffic` | a network ACL lets connections open whose answers it denies |
//! | `no-tgw-association` | an attachment of a transit gateway with no route table: what it sends is dropped |
//! | `peering-destination` | a route leads to a peering connection whose other side has none of its addresses |
//! | `peering-inactive` | a route leads to a peering connection that is not active |
//! | `private-nat-to-igw` | a private NAT gateway whose subnet is led to an internet gateway, which drops what it sends |
//! | `public-subnet-without-public` | instances that are led to an internet gateway, and have no public address |
//! | `route-to-unused` | a route leads to an interface that is detached, or whose instance is stopped |
//! | `unreachable-group` | a rule names a group of a VPC from which no connection carries groups |
//! | `unreached-entry` | a network ACL's entry behind one that matches all that it would |
//!
//! **Warnings**: it can be used, but AWS would not take it, or it is hardly meant.
//!
//! | code | what it says |
//! |---|---|
//! | `address-outside-subnet` | an address that AWS chose is in no block of its subnet; of any other address it is an error |
//! | `cidr-family` | a VPC has blocks that AWS does not join in one |
//! | `duplicate-rule` | a security group has one rule twice |
//! | `edge-propagated` | a propagated route in a gateway's table |
//! | `edge-target-without-public` | an edge table leads to an interface without a public address: what it matches is dropped |
//! | `flow-log-field`, `flow-log-format` | a flow log's format names a field that there is none of, or is none |
//! | `flow-log-interval`, `flow-log-options` | a flow log's interval, or what a destination of its type does not have |
//! | `host-bits` | a block with bits set behind its prefix; an error where AWS does not mend it |
//! | `icmp-family` | ICMP with an IPv6 block, or ICMPv6 with an IPv4 one: no packet is both |
//! | `nat64-destination` | a route leads IPv6 to a NAT gateway that is not for NAT64 |
//! | `not-attached` | a route leads to a gateway or connection that its VPC is not attached to |
//! | `peering-of-nobody` | a peering connection of two VPCs that are not described |
//! | `peering-overlap` | the two VPCs of a peering connection have overlapping blocks |
//! | `peers-overlap` | a VPC is peered with two whose blocks overlap |
//! | `ports-ignored` | ports or types in a rule whose protocol has none |
//! | `public-is-private` | a public address of a private range |
//! | `quota` | more than the quota that accounts start with; an error above what it can be raised to |
//! | `redundant-association` | a security group is associated with its own VPC, or twice with another |
//! | `source-dest-check` | a route leads to an interface that drops what is not for itself |
//! | `stale-group`, `stale-prefix-list` | something names a group or prefix list that does not exist: it matches nothing |
//! | `two-peerings` | two active peering connections of the same two VPCs |
//! | `unknown-attachment` | a transit gateway's route leads to an attachment that it does not have |
//! | `vgw-ipv6` | a route leads IPv6 to a virtual private gateway |
//!
//! **Errors**: it cannot be used.
//!
//! | code | what it says |
//! |---|---|
//! | `cidr-overlap`, `subnet-overlap` | blocks of a VPC, or subnets of one, overlap |
//! | `cidr-size`, `forbidden-cidr`, `two-ipv4-blocks` | a block that no VPC or subnet can have |
//! | `duplicate-address`, `duplicate-public` | two interfaces or gateways have one address |
//! | `duplicate-exclusion`, `duplicate-id`, `duplicate-route`, `duplicate-rule-number` | what there is one of is there twice |
//! | `edge-destination`, `edge-prefix-list`, `edge-target` | a route that a gateway's table cannot have |
//! | `eigw-ipv4` | a route leads IPv4 to an egress-only internet gateway |
//! | `endpoint-target` | a route leads to an interface endpoint, or a prefix list to a Gateway Load Balancer's |
//! | `forward-with-check` | an interface is to forward, and its source/destination check is on |
//! | `igw-of-other-vpc`, `other-vpc` | what belongs to another VPC is named |
//! | `more-specific-than-local` | a route inside the VPC leads to what may not be between its subnets |
//! | `nat-instance-without-ipv4`, `nat-without-public`, `private-nat-with-public`, `no-address` | an address is missing, or is one too many |
//! | `peering-with-itself` | a peering connection of a VPC with itself |
//! | `port-range`, `rule-number`, `timeout-range` | a number outside of its range |
//! | `reserved-address`, `reserved-destination` | AWS has the address itself |
//! | `shared-default-group` | a default group is associated with another VPC |
//! | `subnet-outside-vpc` | a subnet's block is in no block of its VPC |
//! | `two-attachments`, `two-in-a-zone`, `two-edge-tables`, `two-eigws`, `two-igws`, `two-vgws` | a VPC, zone or gateway has two of what it has one of |
//! | `unknown-reference`, `unknown-target` | something names what does not exist |
//!
//! Reading a native file finds more: keys and values that it cannot have, each an error at its place.

mod addressing;
mod block_public_access;
mod blocks;
mod edge_routes;
mod filtering;
mod flow_logs;
mod forwarding;
mod gateways;
mod group_references;
mod index;
mod inspected_references;
mod interfaces;
mod local_routes;
mod members;
mod neighbors;
mod quotas;
mod redundant;
mod references;
mod return_traffic;
mod routing;
#[cfg(test)]
pub(crate) mod sample;
mod ways_out;

use crate::Network;
use crate::finding::Finding;

use index::Index;

/// Everything that is wrong or odd with a network: errors first, then warnings, then lints, each in source order.
pub fn validate(network: &Network) -> Vec<Finding> {
    let index = Index::new(network);
    let mut findings = Vec::new();
    references::check(&index, &mut findings);
    addressing::check(&index, &mut findings);
    interfaces::check(&index, &mut findings);
    routing::check(&index, &mut findings);
    local_routes::check(&index, &mut findings);
    edge_routes::check(&index, &mut findings);
    forwarding::check(&index, &mut findings);
    filtering::check(&index, &mut findings);
    return_traffic::check(&index, &mut findings);
    redundant::check(&index, &mut findings);
    members::check(&index, &mut findings);
    group_references::check(&index, &mut findings);
    inspected_references::check(&index, &mut findings);
    gateways::check(&index, &mut findings);
    ways_out::check(&index, &mut findings);
    neighbors::check(&index, &mut findings);
    block_public_access::check(&index, &mut findings);
    flow_logs::check(&index, &mut findings);
    quotas::check(&index, &mut findings);
    sort(&mut findings);
    findings
}

/// Errors first, then by place. What has no place in a text (JSON documents, implicit resources) comes last, in the order
/// in which it was found: the sort is stable.
fn sort(findings: &mut [Finding]) {
    findings.sort_by_key(|finding| (finding.severity, finding.origin.span.map_or(usize::MAX, |(start, _)| start)));
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Origin;
    use crate::finding::Severity;

    #[test]
    fn a_valid_network_has_no_findings() {
        assert_eq!(validate(&sample::network()), []);
        assert_eq!(validate(&Network::default()), []);
    }

    #[test]
    fn errors_come_first_and_each_group_is_in_source_order() {
        let at = |start| Origin { span: Some((start, start + 1)), ..Origin::default() };
        let mut findings = vec![
            Finding::new(Severity::Lint, "a", &at(1), ""),
            Finding::warning("b", &Origin::implicit(), ""),
            Finding::error("c", &at(9), ""),
            Finding::warning("d", &Origin::implicit(), ""),
            Finding::warning("e", &at(2), ""),
            Finding::error("f", &at(3), ""),
        ];
        sort(&mut findings);
        let codes: Vec<_> = findings.iter().map(|finding| finding.code).collect();
        assert_eq!(codes, ["f", "c", "e", "b", "d", "a"]);
    }

    /// Codes as modules of this folder write them, tests aside.
    fn codes_in(text: &str) -> impl Iterator<Item = &str> {
        let text = text.split("#[cfg(test)]").next().unwrap_or(text);
        let places = ["Finding::error(", "Finding::warning(", "Severity::Lint,", "Severity::Warning,", "severity,"];
        let calls = places.into_iter().flat_map(|call| text.split(call).skip(1));
        let others = ["one_each(", "duplicate("].into_iter().flat_map(|call| text.split(call).skip(1));
        calls.chain(others).filter_map(|rest| {
            let (before, rest) = rest.split_once('"')?;
            let code = rest.split('"').next()?;
            let is_code = |it: char| it.is_ascii_lowercase() || it.is_ascii_digit() || it == '-';
            // Only what follows directly.
            (before.trim().is_empty() && !code.is_empty() && code.chars().all(is_code)).then_some(code)
        })
    }

    #[test]
    fn every_code_is_in_the_table() {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/src/validate");
        let mut files = vec![std::path::PathBuf::from(folder)];
        let mut written = std::collections::BTreeSet::new();
        while let Some(path) = files.pop() {
            if path.is_dir() {
                files.extend(std::fs::read_dir(path).unwrap().map(|entry| entry.unwrap().path()));
            } else if !["tests.rs", "sample.rs", "mod.rs"].iter().any(|name| path.ends_with(name)) {
                let text = std::fs::read_to_string(path).unwrap();
                written.extend(codes_in(&text).map(str::to_owned));
            }
        }
        let rows = include_str!("mod.rs").lines().filter_map(|line| line.strip_prefix("//! | `"));
        let cells = rows.filter_map(|row| row.split(" | ").next()).flat_map(|cell| cell.split(", "));
        let listed: std::collections::BTreeSet<String> = cells.map(|code| code.replace('`', "")).collect();
        assert_eq!(written, listed);
        assert!(listed.len() > 80, "{}", listed.len());
    }

    #[test]
    fn several_faults_are_found_at_once() {
        let mut network = sample::network();
        network.route_tables[0].routes[1].active = false;
        network.interfaces[0].source_dest_check = true;
        network.interfaces[0].ipv4[0].public = Some([10, 9, 9, 9].into());
        network.vpcs[0].cidrs.push(sample::net("169.254.0.0/16"));
        let severities: Vec<_> = validate(&network).iter().map(|finding| finding.severity).collect();
        assert!(severities.is_sorted());
        assert!(severities.contains(&Severity::Error));
        assert!(severities.contains(&Severity::Warning));
        assert!(severities.contains(&Severity::Lint));
    }
}
