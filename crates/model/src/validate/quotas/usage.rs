//! Network address usage: the units that what is in a VPC counts for.

use std::collections::{HashMap, HashSet};

use super::Quota;
use crate::finding::Finding;
use crate::validate::Index;
use crate::{AttachmentKind, Id, InterfaceKind, NetworkInterface, Placement};

/// Of one VPC: 64,000, adjustable to 256,000.
const UNITS: Quota = Quota { of: "units of network address usage", default: 64_000, maximum: Some(256_000) };

/// Units of a NAT gateway, of an endpoint or load balancer in one zone, of a transit gateway's attachment.
const SERVICE: usize = 6;

pub(super) fn check(index: &Index<'_>, findings: &mut Vec<Finding>) {
    let mut units: HashMap<&Id, usize> = HashMap::new();
    let mut instances = HashSet::new();
    for interface in &index.network.interfaces {
        let Some(vpc) = index.vpc_of_interface(interface) else { continue };
        *units.entry(vpc).or_default() += match interface.kind {
            InterfaceKind::Interface | InterfaceKind::Other => {
                let further = interface.instance.as_ref().is_some_and(|instance| !instances.insert(instance));
                addresses(interface) + usize::from(further)
            }
            InterfaceKind::VpcEndpoint | InterfaceKind::GatewayLoadBalancerEndpoint | InterfaceKind::Hyperplane => {
                SERVICE
            }
            // Counted with what they belong to, of which they are a part.
            InterfaceKind::NatGateway | InterfaceKind::TransitGateway => 0,
        };
    }
    for gateway in &index.network.nat_gateways {
        let vpc = match &gateway.placement {
            Placement::Zonal { subnet, .. } => index.vpc_of_subnet(subnet),
            Placement::Regional { .. } => Some(&gateway.vpc),
        };
        *vpc.map(|vpc| units.entry(vpc).or_default()).unwrap_or(&mut 0) += SERVICE;
    }
    for attachment in index.network.transit_gateways.iter().flat_map(|gateway| &gateway.attachments) {
        if let AttachmentKind::Vpc(of) = &attachment.kind {
            *units.entry(&of.vpc).or_default() += SERVICE;
        }
    }
    for vpc in &index.network.vpcs {
        findings.extend(UNITS.check(&vpc.id, "", units.get(&vpc.id).copied().unwrap_or_default(), &vpc.origin));
    }
}

/// One for each address, private or public, and for each delegated prefix, whatever its size.
fn addresses(interface: &NetworkInterface) -> usize {
    let public = interface.ipv4.iter().filter(|address| address.public.is_some()).count();
    interface.addresses().count() + public + interface.prefixes.len()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::finding::Severity::{self, Error, Warning};
    use crate::validate::sample::{interface, net, network};
    use crate::{Network, NetworkInterface};

    fn units(change: impl FnOnce(&mut Network)) -> Vec<(Severity, String)> {
        let mut network = network();
        network.interfaces.clear();
        network.nat_gateways.clear();
        change(&mut network);
        let mut findings = Vec::new();
        check(&Index::new(&network), &mut findings);
        findings.into_iter().map(|finding| (finding.severity, finding.text)).collect()
    }

    /// Interfaces that count for one unit each.
    fn plain(count: usize) -> Vec<NetworkInterface> {
        vec![interface("eni-x", "subnet-a", [10, 0, 0, 30], None); count]
    }

    fn above(count: usize) -> Vec<(Severity, String)> {
        let text = format!("vpc-1 has {count} units of network address usage, above the default quota of 64000");
        vec![(Warning, text)]
    }

    #[test]
    fn addresses_and_prefixes_count_once_each() {
        assert_eq!(units(|it| it.interfaces = plain(64_000)), []);
        assert_eq!(units(|it| it.interfaces = plain(64_001)), above(64_001));
        let more = |change: fn(&mut NetworkInterface)| {
            units(|it| {
                it.interfaces = plain(64_000);
                change(&mut it.interfaces[0]);
            })
        };
        assert_eq!(more(|it| it.ipv4[0].public = Some([1, 1, 1, 1].into())), above(64_001));
        assert_eq!(more(|it| it.ipv6.push("2001:db8:0:a::9".parse().unwrap())), above(64_001));
        assert_eq!(more(|it| it.prefixes.push(net("10.0.0.16/28"))), above(64_001));
        let most = "vpc-1 has 256001 units of network address usage, and 256000 is the most there can be";
        assert_eq!(units(|it| it.interfaces = plain(256_001)), [(Error, most.to_owned())]);
    }

    #[test]
    fn a_further_interface_of_an_instance_counts_for_itself() {
        let of_one = |count| {
            units(|it| {
                it.interfaces = plain(64_000 - 1);
                it.interfaces[..count].iter_mut().for_each(|it| it.instance = Some("i-1".into()));
            })
        };
        assert_eq!(of_one(2), []);
        assert_eq!(of_one(3), above(64_001));
    }

    #[test]
    fn services_count_six_times() {
        let gateways = network().nat_gateways;
        let with_gateway = |count| {
            units(|it| {
                it.interfaces = plain(count);
                it.nat_gateways = gateways.clone();
            })
        };
        assert_eq!(with_gateway(63_994), []);
        assert_eq!(with_gateway(63_995), above(64_001));
        let endpoint = units(|it| {
            it.interfaces = plain(63_995);
            it.interfaces[0].kind = InterfaceKind::VpcEndpoint;
            it.interfaces[1].kind = InterfaceKind::TransitGateway;
            it.interfaces[2].kind = InterfaceKind::Hyperplane;
        });
        assert_eq!(endpoint, above(64_004));
    }
}
