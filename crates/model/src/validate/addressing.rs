//! Blocks of VPCs and subnets (1.1-1.7).

use std::collections::HashMap;
use std::ops::RangeInclusive;

use ipnet::{IpNet, Ipv4Net};

use super::Index;
use super::blocks::{family, host_bits, is_v4, overlap, overlaps};
use crate::finding::{Finding, Severity};
use crate::{Id, Origin, Subnet, Vpc};

/// IPv4 prefix lengths of a VPC (1.1) and of a subnet (1.7).
const V4_SIZES: RangeInclusive<u8> = 16..=28;
/// IPv6 prefix lengths of a VPC (1.5).
const VPC_V6_SIZES: RangeInclusive<u8> = 44..=60;
/// IPv6 prefix lengths of a subnet: also the /64 that hosts configure themselves in (1.5).
const SUBNET_V6_SIZES: RangeInclusive<u8> = 44..=64;
/// IPv6 prefix lengths go in nibbles from /44 (1.5).
const V6_STEP: u8 = 4;

/// "This network", loopback, link-local and multicast: no VPC has them (1.2).
const FORBIDDEN: [Ipv4Net; 4] =
    [v4([0, 0, 0, 0], 8), v4([127, 0, 0, 0], 8), v4([169, 254, 0, 0], 16), v4([224, 0, 0, 0], 4)];

/// The families of private blocks of which a VPC has only one (1.3).
const EXCLUSIVE: [Ipv4Net; 4] =
    [v4([10, 0, 0, 0], 8), v4([172, 16, 0, 0], 12), v4([192, 168, 0, 0], 16), v4([198, 19, 0, 0], 16)];

/// With an earlier block in the first, no secondary one comes from the second (1.3).
const REFUSED: [(Ipv4Net, Ipv4Net); 2] =
    [(v4([10, 0, 0, 0], 15), v4([10, 0, 0, 0], 16)), (v4([172, 16, 0, 0], 12), v4([172, 31, 0, 0], 16))];

const fn v4(address: [u8; 4], prefix: u8) -> Ipv4Net {
    Ipv4Net::new_assert(std::net::Ipv4Addr::from_octets(address), prefix)
}

pub(super) fn check(index: &Index<'_>, findings: &mut Vec<Finding>) {
    for vpc in &index.network.vpcs {
        vpc_blocks(vpc, findings);
    }
    for subnet in &index.network.subnets {
        subnet_blocks(index, subnet, findings);
    }
    subnet_overlaps(index, findings);
}

fn vpc_blocks(vpc: &Vpc, findings: &mut Vec<Finding>) {
    let (id, origin) = (&vpc.id, &vpc.origin);
    for (position, &block) in vpc.cidrs.iter().enumerate() {
        findings.extend(host_bits(Severity::Error, id.as_str(), block, origin));
        findings.extend(size(id, block, VPC_V6_SIZES, origin));
        let IpNet::V4(block) = block else { continue };
        if let Some(forbidden) = FORBIDDEN.iter().find(|it| overlap(IpNet::V4(**it), IpNet::V4(block))) {
            let text = format!("{id} has the block {block}, and no VPC has addresses of {forbidden}");
            findings.push(Finding::error("forbidden-cidr", origin, text));
        }
        let earlier = vpc.cidrs.iter().take(position).filter_map(|it| match it {
            IpNet::V4(earlier) => Some(*earlier),
            IpNet::V6(_) => None,
        });
        findings.extend(earlier.into_iter().find_map(|earlier| incompatible(vpc, earlier, block)));
    }
    for (later, earlier) in overlaps(&vpc.cidrs) {
        if let (Some(later), Some(earlier)) = (vpc.cidrs.get(later), vpc.cidrs.get(earlier)) {
            let text = format!("the block {later} of {id} overlaps its block {earlier}");
            findings.push(Finding::error("cidr-overlap", origin, text));
        }
    }
}

/// Blocks that AWS does not join in one VPC (1.3). The emulator routes them all the same.
fn incompatible(vpc: &Vpc, earlier: Ipv4Net, block: Ipv4Net) -> Option<Finding> {
    let within = |around: &Ipv4Net, it: Ipv4Net| around.contains(&it);
    let family_of = |it| EXCLUSIVE.iter().find(|around| within(around, it));
    let excluded = matches!((family_of(earlier), family_of(block)), (Some(one), Some(other)) if one != other);
    let refused = REFUSED.iter().any(|(have, adds)| within(have, earlier) && within(adds, block));
    (excluded || refused).then(|| {
        let text = format!("AWS does not add the block {block} to {}, which has {earlier}", vpc.id);
        Finding::warning("cidr-family", &vpc.origin, text)
            .help("take a block of the same private range, of 100.64.0.0/10, or a public one")
    })
}

fn subnet_blocks(index: &Index<'_>, subnet: &Subnet, findings: &mut Vec<Finding>) {
    let (id, origin) = (&subnet.id, &subnet.origin);
    for &block in &subnet.cidrs {
        findings.extend(host_bits(Severity::Error, id.as_str(), block, origin));
        findings.extend(size(id, block, SUBNET_V6_SIZES, origin));
        let Some(vpc) = index.vpcs.get(&subnet.vpc) else { continue };
        if !vpc.cidrs.iter().any(|around| around.contains(&block)) {
            let text = format!("the block {block} of {id} is in no block of {}", vpc.id);
            let finding = Finding::error("subnet-outside-vpc", origin, text);
            findings.push(finding.related(&vpc.origin, format!("{} has {}", vpc.id, list(&vpc.cidrs))));
        }
    }
    let v4: Vec<_> = subnet.cidrs.iter().copied().filter(|block| is_v4(*block)).collect();
    if v4.len() > 1 {
        let text = format!("{id} has {} IPv4 blocks ({}), and a subnet has at most one", v4.len(), list(&v4));
        findings.push(Finding::error("two-ipv4-blocks", origin, text).help("make a subnet of each"));
    }
}

fn size(id: &Id, block: IpNet, v6: RangeInclusive<u8>, origin: &Origin) -> Option<Finding> {
    let length = block.prefix_len();
    let (allowed, step) = if is_v4(block) { (V4_SIZES, 1) } else { (v6, V6_STEP) };
    let fits = allowed.contains(&length) && (length - allowed.start()).is_multiple_of(step);
    (!fits).then(|| {
        let (family, first, last) = (family(block), allowed.start(), allowed.end());
        let steps = if step == 1 { String::new() } else { format!(" in steps of {step}") };
        let text =
            format!("the block {block} of {id} is a /{length}, and {family} blocks go from /{first} to /{last}{steps}");
        Finding::error("cidr-size", origin, text)
    })
}

/// Subnets of one VPC are disjoint (1.7); those of two VPCs need not be.
fn subnet_overlaps(index: &Index<'_>, findings: &mut Vec<Finding>) {
    let mut of_vpc: HashMap<&Id, Vec<(&Subnet, IpNet)>> = HashMap::new();
    // The order of the source, not of the map.
    let mut vpcs = Vec::new();
    for subnet in &index.network.subnets {
        let blocks = of_vpc.entry(&subnet.vpc).or_insert_with(|| {
            vpcs.push(&subnet.vpc);
            Vec::new()
        });
        blocks.extend(subnet.cidrs.iter().map(|block| (subnet, *block)));
    }
    for blocks in vpcs.into_iter().filter_map(|vpc| of_vpc.get(vpc)) {
        let nets: Vec<_> = blocks.iter().map(|(_, block)| *block).collect();
        for (later, earlier) in overlaps(&nets) {
            if let (Some((subnet, block)), Some((other, taken))) = (blocks.get(later), blocks.get(earlier)) {
                let text = format!("the block {block} of {} overlaps {taken} of {}", subnet.id, other.id);
                let finding = Finding::error("subnet-overlap", &subnet.origin, text);
                findings.push(finding.related(&other.origin, format!("{} has {taken}", other.id)));
            }
        }
    }
}

fn list(blocks: &[IpNet]) -> String {
    let blocks: Vec<_> = blocks.iter().map(ToString::to_string).collect();
    if blocks.is_empty() { "no block".to_owned() } else { blocks.join(", ") }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Network;
    use crate::validate::sample::{codes, net, network};

    fn with_vpc(blocks: &[&str]) -> Network {
        let vpc = Vpc { cidrs: blocks.iter().map(|it| net(it)).collect(), ..network().vpcs.remove(0) };
        Network { vpcs: vec![vpc], ..Network::default() }
    }

    fn vpc_codes(blocks: &[&str]) -> Vec<&'static str> {
        let network = with_vpc(blocks);
        let mut findings = Vec::new();
        check(&Index::new(&network), &mut findings);
        findings.iter().map(|finding| finding.code).collect()
    }

    #[test]
    fn vpc_blocks_have_documented_sizes() {
        assert_eq!(vpc_codes(&["10.0.0.0/16", "10.1.0.0/28", "2001:db8::/44", "2001:db9::/60"]), [""; 0]);
        assert_eq!(vpc_codes(&["11.0.0.0/15"]), ["cidr-size"]);
        assert_eq!(vpc_codes(&["10.0.0.0/29"]), ["cidr-size"]);
        assert_eq!(vpc_codes(&["2001:db8::/46"]), ["cidr-size"]);
        assert_eq!(vpc_codes(&["2001:db8::/64"]), ["cidr-size"]);
        assert_eq!(vpc_codes(&["2001:db8::/40"]), ["cidr-size"]);
    }

    #[test]
    fn some_blocks_are_forbidden_and_blocks_of_one_vpc_are_disjoint() {
        assert_eq!(vpc_codes(&["169.254.0.0/16"]), ["forbidden-cidr"]);
        assert_eq!(vpc_codes(&["239.1.0.0/16"]), ["forbidden-cidr"]);
        assert_eq!(vpc_codes(&["10.8.0.0/16", "10.8.4.0/24"]), ["cidr-overlap"]);
    }

    #[test]
    fn host_bits_are_an_error_with_the_truncated_block() {
        let network = with_vpc(&["10.0.0.1/16"]);
        let findings = super::super::validate(&network);
        let finding = findings.iter().find(|finding| finding.code == "host-bits").unwrap();
        assert_eq!((finding.severity, finding.help.as_deref()), (Severity::Error, Some("write 10.0.0.0/16")));
    }

    #[test]
    fn private_ranges_do_not_mix() {
        for blocks in [
            ["10.0.0.0/16", "192.168.0.0/16"],
            ["172.16.0.0/16", "198.19.0.0/16"],
            ["10.1.0.0/16", "10.0.0.0/16"],
            ["172.16.0.0/16", "172.31.0.0/16"],
        ] {
            assert_eq!(vpc_codes(&blocks), ["cidr-family"], "{blocks:?}");
        }
        assert_eq!(vpc_codes(&["10.5.0.0/16", "10.0.0.0/16", "100.64.0.0/16", "8.8.0.0/16"]), [""; 0]);
    }

    #[test]
    fn subnets_are_disjoint_parts_of_their_vpc() {
        let mut base = network();
        let of = |blocks: &[&str]| {
            let mut network = base.clone();
            network.subnets.push(Subnet {
                id: "subnet-new".into(),
                cidrs: blocks.iter().map(|it| net(it)).collect(),
                ..base.subnets[0].clone()
            });
            codes(&network)
        };
        assert_eq!(of(&["10.0.9.0/24"]), [""; 0]);
        assert_eq!(of(&["10.7.9.0/24"]), ["subnet-outside-vpc"]);
        assert_eq!(of(&["10.0.9.0/29"]), ["cidr-size"]);
        assert_eq!(of(&["2001:db8:0:1::/66"]), ["cidr-size"]);
        assert_eq!(of(&["10.0.9.0/24", "10.0.10.0/24"]), ["two-ipv4-blocks"]);
        assert_eq!(of(&["10.0.9.1/24"]), ["host-bits"]);
        assert_eq!(of(&["10.0.1.128/25"]), ["subnet-overlap"]);
        base.subnets.push(Subnet {
            id: "subnet-half".into(),
            cidrs: vec![net("10.0.1.128/25")],
            ..base.subnets[0].clone()
        });
        let findings = super::super::validate(&base);
        assert!(findings[0].text.starts_with("the block 10.0.1.128/25 of subnet-half overlaps"), "{findings:?}");
        assert!(findings[0].related.is_some());
    }

    #[test]
    fn two_vpcs_may_overlap() {
        let mut network = with_vpc(&["10.0.0.0/16"]);
        network.vpcs.push(Vpc { id: "vpc-2".into(), ..network.vpcs[0].clone() });
        let mut findings = Vec::new();
        check(&Index::new(&network), &mut findings);
        assert_eq!(findings, []);
    }
}
