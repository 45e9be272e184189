//! Quotas of a region, and of an availability zone. The model knows no regions: zones are named after theirs, and a VPC is
//! in that of its subnets.

use std::collections::{BTreeMap, HashMap, HashSet};

use super::Quota;
use crate::finding::Finding;
use crate::validate::Index;
use crate::{Connectivity, Id, NatGateway, Origin, Placement};

/// 5, adjustable to hundreds: no number is documented.
const VPCS: Quota = Quota { of: "VPCs", default: 5, maximum: None };
/// Adjustable, without a documented maximum.
const SECURITY_GROUPS: Quota = Quota { of: "security groups", default: 2500, maximum: None };
/// As many as VPCs, each of which has one.
const INTERNET_GATEWAYS: Quota = Quota { of: "internet gateways", default: 5, maximum: None };
/// Likewise.
const EGRESS_ONLY: Quota = Quota { of: "egress-only internet gateways", default: 5, maximum: None };
/// Of customers; adjustable, without a documented maximum.
const PREFIX_LISTS: Quota = Quota { of: "prefix lists", default: 100, maximum: None };
/// Adjustable, without a documented maximum. Counted are those that can be nothing else.
const ELASTIC: Quota = Quota { of: "elastic IPs", default: 5, maximum: None };
/// Of one zone; adjustable, without a documented maximum.
const NAT_GATEWAYS: Quota = Quota { of: "NAT gateways", default: 5, maximum: None };
/// Named after the region and counted in each zone; adjustable, without a documented maximum.
const INTERFACES: Quota = Quota { of: "network interfaces", default: 5000, maximum: None };

/// What the names of AWS's own prefix lists begin with.
const OF_AWS: &str = "com.amazonaws.";

pub(super) fn check(index: &Index<'_>, findings: &mut Vec<Finding>) {
    let network = index.network;
    let regions = Regions::of(index);
    let mut vpcs = Counts::default();
    network.vpcs.iter().for_each(|it| vpcs.add(regions.find(Some(&it.id)), &it.origin));
    let mut groups = Counts::default();
    network.security_groups.iter().for_each(|it| groups.add(regions.find(Some(&it.vpc)), &it.origin));
    let mut internet = Counts::default();
    network.internet_gateways.iter().for_each(|it| internet.add(regions.find(it.vpc.as_ref()), &it.origin));
    let mut egress_only = Counts::default();
    network
        .egress_only_internet_gateways
        .iter()
        .for_each(|it| egress_only.add(regions.find(Some(&it.vpc)), &it.origin));
    let mut lists = Counts::default();
    let customers = |name: Option<&str>| !name.is_some_and(|name| name.starts_with(OF_AWS));
    let of_customers = network.prefix_lists.iter().filter(|list| customers(list.name.as_deref()));
    of_customers.for_each(|it| lists.add(regions.find(None), &it.origin));
    let all = [
        (&VPCS, vpcs),
        (&SECURITY_GROUPS, groups),
        (&INTERNET_GATEWAYS, internet),
        (&EGRESS_ONLY, egress_only),
        (&PREFIX_LISTS, lists),
        (&ELASTIC, elastic(index, &regions)),
    ];
    for (quota, counts) in all {
        counts.check(quota, "the region", findings);
    }
    zones(index, findings);
}

/// Public addresses that are elastic IPs: those of zonal NAT gateways, and of secondary addresses. That of a primary address
/// may be auto-assigned, and those of regional gateways may be AWS's.
fn elastic<'a>(index: &Index<'a>, regions: &Regions<'a>) -> Counts<'a> {
    let mut counts = Counts::default();
    for gateway in &index.network.nat_gateways {
        let zonal = matches!(gateway.placement, Placement::Zonal { .. });
        if zonal && gateway.connectivity == Connectivity::Public {
            let public = gateway.addresses.iter().filter(|address| address.public.is_some());
            public.for_each(|_| counts.add(regions.find(Some(&gateway.vpc)), &gateway.origin));
        }
    }
    let of_gateways: HashSet<&Id> = index.network.nat_gateways.iter().filter_map(NatGateway::interface).collect();
    for interface in &index.network.interfaces {
        let secondary = interface.ipv4.iter().skip(1).filter(|address| address.public.is_some()).count();
        if secondary > 0 && !of_gateways.contains(&interface.id) {
            let region = regions.find(index.vpc_of_interface(interface));
            (0..secondary).for_each(|_| counts.add(region, &interface.origin));
        }
    }
    counts
}

fn zones(index: &Index<'_>, findings: &mut Vec<Finding>) {
    let zone = |subnet: &Id| index.subnets.get(subnet).map(|subnet| subnet.availability_zone.as_str());
    let mut gateways = Counts::default();
    for gateway in &index.network.nat_gateways {
        if let Placement::Zonal { subnet, .. } = &gateway.placement {
            gateways.add(zone(subnet), &gateway.origin);
        }
    }
    gateways.check(&NAT_GATEWAYS, "the zone", findings);
    let mut interfaces = Counts::default();
    index.network.interfaces.iter().for_each(|it| interfaces.add(zone(&it.subnet), &it.origin));
    interfaces.check(&INTERFACES, "the zone", findings);
}

/// The region of each VPC that has a subnet.
struct Regions<'a> {
    of_vpc: HashMap<&'a Id, &'a str>,
    /// Where everything is that does not tell, if there is one region only.
    only: Option<&'a str>,
}

impl<'a> Regions<'a> {
    fn of(index: &Index<'a>) -> Self {
        let mut of_vpc = HashMap::new();
        for subnet in &index.network.subnets {
            of_vpc.entry(&subnet.vpc).or_insert_with(|| subnet.region().unwrap_or_default());
        }
        let mut regions = of_vpc.values().copied();
        let first = regions.next().unwrap_or_default();
        let only = regions.all(|other| other == first).then_some(first);
        Self { of_vpc, only }
    }

    /// None of what may be in any of several.
    fn find(&self, vpc: Option<&Id>) -> Option<&'a str> {
        vpc.and_then(|vpc| self.of_vpc.get(vpc).copied()).or(self.only)
    }
}

/// How many there are in each region or zone, and where the last one is.
#[derive(Default)]
struct Counts<'a>(BTreeMap<&'a str, (usize, Option<&'a Origin>)>);

impl<'a> Counts<'a> {
    fn add(&mut self, place: Option<&'a str>, origin: &'a Origin) {
        if let Some(place) = place {
            let (count, last) = self.0.entry(place).or_default();
            (*count, *last) = (*count + 1, Some(origin));
        }
    }

    fn check(&self, quota: &Quota, what: &str, findings: &mut Vec<Finding>) {
        for (place, (count, last)) in &self.0 {
            let Some(last) = last else { continue };
            let named = format!("{what} {place}");
            findings.extend(quota.check(&Id::new(named.trim_end()), "", *count, last));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::validate::sample::{interface, network};
    use crate::{EgressOnlyInternetGateway, InternetGateway, Network, PrefixList, PrivateIpv4, SecurityGroup, Vpc};

    /// What is said of a network with `count` of something.
    fn texts(count: usize, make: impl Fn(&mut Network, usize)) -> Vec<String> {
        let mut network = network();
        network.nat_gateways.clear();
        network.internet_gateways.clear();
        network.egress_only_internet_gateways.clear();
        network.prefix_lists.clear();
        make(&mut network, count);
        let mut findings = Vec::new();
        check(&Index::new(&network), &mut findings);
        assert!(
            findings
                .iter()
                .all(|finding| finding.code == "quota" && finding.severity == crate::finding::Severity::Warning)
        );
        findings.into_iter().map(|finding| finding.text).collect()
    }

    /// Asserts what is said at the default and above it.
    fn assert_quota(quota: &Quota, owner: &str, make: impl Fn(&mut Network, usize)) {
        let (of, default) = (quota.of, quota.default);
        assert_eq!(texts(default, &make), [""; 0], "{of}");
        let above = format!("{owner} has {} {of}, above the default quota of {default}", default + 1);
        assert_eq!(texts(default + 1, &make), [above]);
    }

    fn id(at: usize) -> Id {
        Id::new(format!("x-{at}"))
    }

    #[test]
    fn quotas_of_a_region() {
        let origin = Origin::implicit;
        assert_quota(&VPCS, "the region", |it, count| {
            it.vpcs = (0..count).map(|at| Vpc { id: id(at), ..it.vpcs[0].clone() }).collect();
        });
        assert_quota(&SECURITY_GROUPS, "the region", |it, count| {
            it.security_groups =
                (0..count).map(|at| SecurityGroup { id: id(at), ..it.security_groups[0].clone() }).collect();
        });
        assert_quota(&INTERNET_GATEWAYS, "the region", |it, count| {
            it.internet_gateways =
                (0..count).map(|at| InternetGateway { id: id(at), vpc: None, origin: origin() }).collect();
        });
        assert_quota(&EGRESS_ONLY, "the region", |it, count| {
            let vpc = &it.vpcs[0].id;
            it.egress_only_internet_gateways = (0..count)
                .map(|at| EgressOnlyInternetGateway { id: id(at), vpc: vpc.clone(), origin: origin() })
                .collect();
        });
        assert_quota(&PREFIX_LISTS, "the region", |it, count| {
            let list = |at| PrefixList { id: id(at), name: None, entries: Vec::new(), origin: origin() };
            it.prefix_lists = (0..count).map(list).collect();
            // AWS's own do not count.
            let name = Some("com.amazonaws.eu-west-1.s3".to_owned());
            it.prefix_lists.push(PrefixList { name, ..list(count) });
        });
        assert_quota(&ELASTIC, "the region", |it, count| {
            let address = |at: u8| PrivateIpv4 { private: [10, 0, 0, at].into(), public: Some([1, 1, 1, at].into()) };
            // The first may be auto-assigned.
            it.interfaces[0].ipv4 = (0..=count as u8).map(address).collect();
        });
    }

    #[test]
    fn quotas_of_a_zone() {
        let gateway = network().nat_gateways.remove(0);
        assert_quota(&NAT_GATEWAYS, "the zone a", |it, count| {
            let addresses = Vec::new();
            let plain = NatGateway { addresses, ..gateway.clone() };
            it.nat_gateways = (0..count).map(|at| NatGateway { id: id(at), ..plain.clone() }).collect();
        });
        assert_quota(&INTERFACES, "the zone a", |it, count| {
            it.interfaces = vec![interface("eni-x", "subnet-a", [10, 0, 0, 30], None); count];
        });
    }

    #[test]
    fn each_region_has_quotas_of_its_own() {
        let make = |zones: &'static [&'static str]| {
            move |it: &mut Network, count: usize| {
                let (vpc, subnet) = (it.vpcs.remove(0), it.subnets.remove(0));
                it.subnets.clear();
                it.interfaces.clear();
                for at in 0..count {
                    it.vpcs.push(Vpc { id: id(at), ..vpc.clone() });
                    let availability_zone = zones[at % zones.len()].to_owned();
                    it.subnets.push(crate::Subnet { vpc: id(at), availability_zone, ..subnet.clone() });
                }
            }
        };
        assert_eq!(texts(10, make(&["eu-west-1a", "us-gov-west-1b"])), [""; 0]);
        assert_eq!(
            texts(11, make(&["us-west-2a", "us-west-2-lax-1a"])),
            ["the region us-west-2 has 11 VPCs, above the default quota of 5"]
        );
        assert_eq!(
            texts(13, make(&["us-west-2a", "eu-west-1a"])),
            [
                "the region eu-west-1 has 6 VPCs, above the default quota of 5",
                "the region us-west-2 has 7 VPCs, above the default quota of 5"
            ]
        );
    }
}
