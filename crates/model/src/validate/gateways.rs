//! Internet, egress-only and NAT gateways (3.1, 4.2).

use std::collections::HashMap;
use std::collections::hash_map::Entry;

use super::Index;
use crate::finding::{Finding, Severity};
use crate::{Connectivity, Id, NatGateway, Origin, Target};

pub(super) fn check(index: &Index<'_>, findings: &mut Vec<Finding>) {
    let network = index.network;
    let internet = network.internet_gateways.iter();
    one_each("two-igws", internet.filter_map(|it| Some((&it.id, it.vpc.as_ref()?, &it.origin))), findings);
    let egress_only = network.egress_only_internet_gateways.iter();
    one_each("two-eigws", egress_only.map(|it| (&it.id, &it.vpc, &it.origin)), findings);
    network.nat_gateways.iter().for_each(|gateway| nat(index, gateway, findings));
}

/// A VPC has one gateway of either kind (3.1).
fn one_each<'a>(
    code: &'static str,
    gateways: impl Iterator<Item = (&'a Id, &'a Id, &'a Origin)>,
    findings: &mut Vec<Finding>,
) {
    let mut first: HashMap<&Id, (&Id, &Origin)> = HashMap::new();
    for (id, vpc, origin) in gateways {
        match first.entry(vpc) {
            Entry::Vacant(free) => {
                free.insert((id, origin));
            }
            // The same gateway twice is a duplicate id, and reported as that.
            Entry::Occupied(taken) if taken.get().0 == id => {}
            Entry::Occupied(taken) => {
                let (other, place) = taken.get();
                let text = format!("{id} is attached to {vpc}, which already has {other}");
                findings.push(Finding::error(code, origin, text).related(place, format!("{other} is here")));
            }
        }
    }
}

fn nat(index: &Index<'_>, gateway: &NatGateway, findings: &mut Vec<Finding>) {
    let NatGateway { id, origin, .. } = gateway;
    // One that is pending or has failed drops everything and may lack what it would work with (4.9).
    if gateway.available && gateway.addresses.is_empty() {
        findings.push(Finding::error("no-address", origin, format!("{id} has no address to translate to")));
    }
    for address in &gateway.addresses {
        match (gateway.connectivity, address.public) {
            (Connectivity::Public, None) if gateway.available => {
                let text = format!("{id} is public, but its address {} has no public one", address.translated);
                let help = "give it an elastic IP, or make the gateway private";
                findings.push(Finding::error("nat-without-public", origin, text).help(help));
            }
            (Connectivity::Private, Some(public)) => {
                let text =
                    format!("{id} is private, but its address {} has the public one {public}", address.translated);
                findings.push(Finding::error("private-nat-with-public", origin, text));
            }
            _ => {}
        }
    }
    if gateway.available && gateway.connectivity == Connectivity::Public {
        let subnet = gateway.subnet().and_then(|subnet| index.subnets.get(subnet));
        let table = subnet.and_then(|subnet| index.route_tables.get(&subnet.route_table));
        let leads_out = |target: &Target| matches!(target, Target::InternetGateway(_));
        if let Some(table) = table.filter(|it| !it.routes.iter().any(|it| it.active && leads_out(&it.target))) {
            let text = format!("{id} is public, but {} of its subnet has no route to an internet gateway", table.id);
            let finding = Finding::new(Severity::Lint, "nat-without-igw", origin, text);
            findings.push(finding.related(&table.origin, format!("{} is here", table.id)));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::finding::Severity::{Error, Lint};
    use crate::validate::sample::network;
    use crate::validate::validate;
    use crate::{EgressOnlyInternetGateway, InternetGateway, Network};

    fn damaged(damage: impl FnOnce(&mut Network)) -> Vec<(&'static str, Severity)> {
        let mut network = network();
        damage(&mut network);
        validate(&network).iter().map(|finding| (finding.code, finding.severity)).collect()
    }

    #[test]
    fn a_vpc_has_one_gateway_of_a_kind() {
        let igw = |vpc: Option<Id>| {
            damaged(|it| {
                it.internet_gateways.push(InternetGateway { id: "igw-2".into(), vpc, origin: Origin::implicit() });
            })
        };
        assert_eq!(igw(Some("vpc-1".into())), [("two-igws", Error)]);
        assert_eq!(igw(None), []);
        let eigw = EgressOnlyInternetGateway { id: "eigw-2".into(), vpc: "vpc-1".into(), origin: Origin::implicit() };
        assert_eq!(damaged(|it| it.egress_only_internet_gateways.push(eigw)), [("two-eigws", Error)]);
    }

    #[test]
    fn public_nat_gateways_have_public_addresses_and_private_ones_none() {
        let without = |it: &mut Network| it.nat_gateways[0].addresses[0].public = None;
        assert_eq!(damaged(without), [("nat-without-public", Error)]);
        let private = |it: &mut Network| it.nat_gateways[0].connectivity = Connectivity::Private;
        assert_eq!(damaged(private), [("private-nat-with-public", Error)]);
        assert_eq!(damaged(|it| it.nat_gateways[0].addresses.clear()), [("no-address", Error)]);
        let failed = |it: &mut Network| {
            it.nat_gateways[0].available = false;
            it.nat_gateways[0].addresses.clear();
        };
        assert_eq!(damaged(failed), []);
    }

    #[test]
    fn public_nat_gateways_reach_the_internet() {
        let cut = |it: &mut Network| {
            it.route_tables[0].routes.remove(1);
        };
        assert_eq!(damaged(cut), [("nat-without-igw", Lint)]);
    }
}
