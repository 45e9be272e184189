//! Validation: what AWS would refuse, what contradicts itself, and what works but surprises.
//!
//! Everything is found at once, so that a configuration is put right in one go. A check whose resource refers to nothing
//! stays silent: the reference itself is the finding. Numbers in parentheses are rules of the semantics page.

mod addressing;
mod block_public_access;
mod blocks;
mod edge_routes;
mod filtering;
mod forwarding;
mod gateways;
mod group_references;
mod index;
mod interfaces;
mod local_routes;
mod neighbors;
mod quotas;
mod redundant;
mod references;
mod routing;
#[cfg(test)]
mod sample;

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
    redundant::check(&index, &mut findings);
    group_references::check(&index, &mut findings);
    gateways::check(&index, &mut findings);
    neighbors::check(&index, &mut findings);
    block_public_access::check(&index, &mut findings);
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
