//! Exceptions from Block Public Access (3.15).

use std::collections::hash_map::Entry;
use std::collections::{HashMap, HashSet};

use super::Index;
use crate::finding::{Finding, Severity};
use crate::{BlockMode, BlockPublicAccess, ExclusionMode, Id};

pub(super) fn check(index: &Index<'_>, findings: &mut Vec<Finding>) {
    let BlockPublicAccess { mode, exclusions } = &index.network.block_public_access;
    let excluded: HashSet<&Id> = exclusions.iter().map(|exclusion| &exclusion.scope).collect();
    let mut first = HashMap::new();
    for exclusion in exclusions {
        let (scope, origin) = (&exclusion.scope, &exclusion.origin);
        if !index.vpcs.contains_key(scope) && !index.subnets.contains_key(scope) {
            let text = format!("an exclusion of Block Public Access names {scope}, which does not exist");
            findings.push(Finding::error("unknown-reference", origin, text));
        }
        match first.entry(scope) {
            Entry::Vacant(free) => {
                free.insert(origin);
            }
            Entry::Occupied(taken) => {
                let text = format!("{scope} is excluded from Block Public Access twice");
                let finding = Finding::error("duplicate-exclusion", origin, text);
                findings.push(finding.related(taken.get(), "the first one"));
            }
        }
        let vpc_is_excluded = index.vpc_of_subnet(scope).is_some_and(|vpc| excluded.contains(vpc));
        let idle = match (mode, exclusion.allows) {
            (BlockMode::Off, _) => Some("Block Public Access is off"),
            (BlockMode::BlockIngress, ExclusionMode::AllowEgress) if !vpc_is_excluded => {
                Some("the mode block-ingress allows as much")
            }
            _ => None,
        };
        if let Some(why) = idle {
            let text = format!("the exclusion of {scope} changes nothing: {why}");
            let finding = Finding::new(Severity::Lint, "idle-exclusion", origin, text);
            findings.push(finding.help("remove it, before another mode gives it a meaning"));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::finding::Severity::{Error, Lint};
    use crate::validate::sample::network;
    use crate::validate::validate;
    use crate::{BlockExclusion, Origin};

    fn with(mode: BlockMode, exclusions: &[(&str, ExclusionMode)]) -> Vec<(&'static str, Severity)> {
        let mut network = network();
        let exclusion = |(scope, allows): &(&str, _)| BlockExclusion {
            scope: (*scope).into(),
            allows: *allows,
            origin: Origin::implicit(),
        };
        network.block_public_access =
            BlockPublicAccess { mode, exclusions: exclusions.iter().map(exclusion).collect() };
        validate(&network).iter().map(|finding| (finding.code, finding.severity)).collect()
    }

    #[test]
    fn exclusions_are_of_what_there_is_and_once() {
        use ExclusionMode::{AllowBidirectional, AllowEgress};
        let on = BlockMode::BlockBidirectional;
        assert_eq!(with(on, &[("vpc-1", AllowEgress), ("subnet-a", AllowBidirectional)]), []);
        assert_eq!(with(on, &[("subnet-9", AllowEgress)]), [("unknown-reference", Error)]);
        assert_eq!(with(on, &[("vpc-1", AllowEgress), ("vpc-1", AllowEgress)]), [("duplicate-exclusion", Error)]);
    }

    #[test]
    fn exclusions_change_something() {
        use ExclusionMode::{AllowBidirectional, AllowEgress};
        let off = BlockMode::Off;
        assert_eq!(with(off, &[("vpc-1", AllowBidirectional)]), [("idle-exclusion", Lint)]);
        let ingress = BlockMode::BlockIngress;
        assert_eq!(with(ingress, &[("subnet-a", AllowBidirectional)]), []);
        assert_eq!(with(ingress, &[("subnet-a", AllowEgress)]), [("idle-exclusion", Lint)]);
        // It narrows what the VPC's exclusion allows.
        assert_eq!(with(ingress, &[("vpc-1", AllowBidirectional), ("subnet-a", AllowEgress)]), []);
    }
}
