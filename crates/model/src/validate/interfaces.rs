//! Addresses of interfaces and NAT gateways (1.8, 1.15).

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::net::{IpAddr, Ipv4Addr};

use ipnet::{IpNet, Ipv4Net};

use super::Index;
use crate::finding::{Finding, Severity};
use crate::{Id, InterfaceKind, Origin, Placement, Subnet};

/// How many addresses at the start of a subnet are reserved: base, router, resolver, future use (1.8).
const RESERVED_AT_START: u128 = 4;
/// Shared address space of carriers: no more public than RFC 1918 (2.11).
const CARRIER_GRADE: Ipv4Net = Ipv4Net::new_assert(Ipv4Addr::new(100, 64, 0, 0), 10);

/// What holds an address: an interface, or a NAT gateway whose interface does not list it.
struct Holding<'a> {
    holder: &'a Id,
    /// None of what is in no subnet.
    subnet: Option<&'a Id>,
    address: IpAddr,
    public: Option<Ipv4Addr>,
    /// Whether AWS, or what stands in for it, chose the address.
    managed: bool,
    origin: &'a Origin,
}

pub(super) fn check(index: &Index<'_>, findings: &mut Vec<Finding>) {
    for interface in &index.network.interfaces {
        if interface.addresses().next().is_none() && interface.prefixes.is_empty() {
            let text = format!("{} has no address", interface.id);
            findings.push(Finding::error("no-address", &interface.origin, text).help("give it one of its subnet"));
        }
        for prefix in &interface.prefixes {
            let Some(subnet) = index.subnets.get(&interface.subnet) else { continue };
            if !subnet.cidrs.iter().any(|block| block.contains(prefix)) {
                let text = format!("the prefix {prefix} of {} is in no block of {}", interface.id, subnet.id);
                findings.push(Finding::error("address-outside-subnet", &interface.origin, text));
            }
        }
    }
    let holdings = holdings(index);
    for holding in &holdings {
        placement(index, holding, findings);
        if let Some(public) = holding.public.filter(|public| is_private(*public)) {
            let text = format!("the public address {public} of {} is one of a private range", holding.holder);
            let finding = Finding::warning("public-is-private", holding.origin, text);
            findings.push(finding.help("write the address by which the internet knows it"));
        }
    }
    duplicates(index, &holdings, findings);
}

fn holdings<'a>(index: &Index<'a>) -> Vec<Holding<'a>> {
    let mut holdings = Vec::new();
    for interface in &index.network.interfaces {
        let managed =
            !matches!(interface.kind, InterfaceKind::Interface | InterfaceKind::Hyperplane | InterfaceKind::Other);
        let (holder, subnet, origin) = (&interface.id, Some(&interface.subnet), &interface.origin);
        let v4 = interface.ipv4.iter().map(|it| (IpAddr::V4(it.private), it.public));
        let v6 = interface.ipv6.iter().map(|it| (IpAddr::V6(*it), None));
        let all = v4.chain(v6);
        holdings.extend(all.map(|(address, public)| Holding { holder, subnet, address, public, managed, origin }));
    }
    for gateway in &index.network.nat_gateways {
        let (subnet, own) = match &gateway.placement {
            Placement::Zonal { subnet, interface } => (Some(subnet), index.interfaces.get(interface)),
            // It has public addresses only, which are in no subnet (4.4).
            Placement::Regional { .. } => (None, None),
        };
        let own = own.map_or(&[][..], |interface| &interface.ipv4);
        let (holder, origin) = (&gateway.id, &gateway.origin);
        for address in &gateway.addresses {
            // The gateway's interface lists its addresses too: that is one holding, not a duplicate (4.2).
            if own.iter().any(|it| it.private == address.translated) {
                continue;
            }
            let (address, public) = (IpAddr::V4(address.translated), address.public);
            holdings.push(Holding { holder, subnet, address, public, managed: true, origin });
        }
    }
    holdings
}

/// Whether an address lies in its subnet and may be given out there.
fn placement(index: &Index<'_>, holding: &Holding<'_>, findings: &mut Vec<Finding>) {
    let &Holding { holder, address, origin, .. } = holding;
    let Some(subnet) = holding.subnet.and_then(|subnet| index.subnets.get(subnet)) else { return };
    let Some(block) = subnet.cidrs.iter().find(|block| block.contains(&address)) else {
        // API mocks give addresses from anywhere to what AWS manages; the fabric delivers to them nevertheless.
        let severity = if holding.managed { Severity::Warning } else { Severity::Error };
        findings.push(outside(severity, holding, subnet));
        return;
    };
    if let Some(role) = reserved(*block, address) {
        let text = format!("{address} of {holder} is reserved in {}: it is {role} of {block}", subnet.id);
        let mut finding = Finding::error("reserved-address", origin, text);
        if let Some(first) = first_free(*block) {
            finding = finding.help(format!("the first address to give out is {first}"));
        }
        findings.push(finding);
    }
}

fn outside(severity: Severity, holding: &Holding<'_>, subnet: &Subnet) -> Finding {
    let blocks: Vec<_> = subnet.cidrs.iter().map(ToString::to_string).collect();
    let text =
        format!("{} of {} is not in {}, which has {}", holding.address, holding.holder, subnet.id, blocks.join(", "));
    Finding::new(severity, "address-outside-subnet", holding.origin, text)
        .help("give it an address of its subnet")
        .related(&subnet.origin, format!("{} is here", subnet.id))
}

/// What a reserved address is for; `None` for one that may be given out (1.8).
fn reserved(block: IpNet, address: IpAddr) -> Option<&'static str> {
    let (first, last) = match block {
        IpNet::V4(block) => (IpAddr::V4(block.network()), IpAddr::V4(block.broadcast())),
        IpNet::V6(block) => (IpAddr::V6(block.network()), IpAddr::V6(block.broadcast())),
    };
    match number(address).checked_sub(number(first))? {
        0 => Some("the base address"),
        1 => Some("the router"),
        2 => Some("kept for the resolver"),
        offset if offset < RESERVED_AT_START => Some("kept for future use"),
        _ if address == last => Some("the last address"),
        _ => None,
    }
}

fn first_free(block: IpNet) -> Option<IpAddr> {
    let first = number(block.network()).checked_add(RESERVED_AT_START)?;
    let first = match block {
        IpNet::V4(_) => IpAddr::V4(u32::try_from(first).ok()?.into()),
        IpNet::V6(_) => IpAddr::V6(first.into()),
    };
    (block.contains(&first) && reserved(block, first).is_none()).then_some(first)
}

fn number(address: IpAddr) -> u128 {
    match address {
        IpAddr::V4(address) => u32::from(address).into(),
        IpAddr::V6(address) => address.into(),
    }
}

pub(super) fn is_private(address: Ipv4Addr) -> bool {
    address.is_private()
        || CARRIER_GRADE.contains(&address)
        || address.is_loopback()
        || address.is_link_local()
        || address.is_unspecified()
        || address.is_multicast()
        || address.is_broadcast()
}

/// Private addresses are unique in their VPC, public ones everywhere (1.15, 3.2).
fn duplicates(index: &Index<'_>, holdings: &[Holding<'_>], findings: &mut Vec<Finding>) {
    let mut private: HashMap<(&Id, IpAddr), &Holding<'_>> = HashMap::new();
    let mut public: HashMap<Ipv4Addr, &Holding<'_>> = HashMap::new();
    for holding in holdings {
        if let Some(vpc) = holding.subnet.and_then(|subnet| index.vpc_of_subnet(subnet)) {
            match private.entry((vpc, holding.address)) {
                Entry::Vacant(free) => {
                    free.insert(holding);
                }
                Entry::Occupied(taken) => {
                    let address = IpAddr::to_string(&holding.address);
                    findings.push(duplicate("duplicate-address", &address, holding, taken.get()));
                }
            }
        }
        let Some(address) = holding.public else { continue };
        match public.entry(address) {
            Entry::Vacant(free) => {
                free.insert(holding);
            }
            Entry::Occupied(taken) => {
                let address = format!("the public address {address}");
                findings.push(duplicate("duplicate-public", &address, holding, taken.get()));
            }
        }
    }
}

fn duplicate(code: &'static str, address: &str, holding: &Holding<'_>, taken: &Holding<'_>) -> Finding {
    let text = format!("{address} of {} is already taken by {}", holding.holder, taken.holder);
    Finding::error(code, holding.origin, text).related(taken.origin, format!("{} has it", taken.holder))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Network;
    use crate::validate::sample::{add_second_vpc, interface, net, network};

    fn codes(network: &Network) -> Vec<&'static str> {
        let mut findings = Vec::new();
        check(&Index::new(network), &mut findings);
        findings.iter().map(|finding| finding.code).collect()
    }

    fn with(private: [u8; 4], public: Option<[u8; 4]>) -> Network {
        let mut network = network();
        network.interfaces.push(interface("eni-new", "subnet-a", private, public));
        network
    }

    #[test]
    fn addresses_are_in_their_subnet() {
        assert_eq!(codes(&with([10, 0, 0, 11], None)), [""; 0]);
        let mut network = with([10, 0, 1, 11], None);
        assert_eq!(codes(&network), ["address-outside-subnet"]);
        network.interfaces[3].kind = InterfaceKind::VpcEndpoint;
        let findings = super::super::validate(&network);
        assert_eq!((findings[0].code, findings[0].severity), ("address-outside-subnet", Severity::Warning));
        network.interfaces[3] = interface("eni-new", "subnet-a", [10, 0, 0, 11], None);
        network.interfaces[3].prefixes = vec![net("10.0.7.0/28")];
        assert_eq!(codes(&network), ["address-outside-subnet"]);
    }

    #[test]
    fn five_addresses_of_a_subnet_are_reserved() {
        for last in [0, 1, 2, 3, 255] {
            assert_eq!(codes(&with([10, 0, 0, last], None)), ["reserved-address"], "{last}");
        }
        for (last, found) in [("", 1), ("1", 1), ("3", 1), ("4", 0), ("ffff:ffff:ffff:ffff", 1)] {
            let mut network = with([10, 0, 0, 11], None);
            let colon = if last.len() > 1 { ":" } else { "::" };
            network.interfaces[3].ipv6 = vec![format!("2001:db8:0:a{colon}{last}").parse().unwrap()];
            assert_eq!(codes(&network), vec!["reserved-address"; found], "{last}");
        }
        let findings = super::super::validate(&with([10, 0, 0, 1], None));
        assert_eq!(findings[0].help.as_deref(), Some("the first address to give out is 10.0.0.4"));
    }

    #[test]
    fn blocks_at_the_ends_of_the_address_space_do_not_overflow() {
        assert_eq!(first_free(net("255.255.255.255/32")), None);
        assert_eq!(first_free(net("ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff/128")), None);
        assert_eq!(first_free(net("255.255.255.240/28")), Some([255, 255, 255, 244].into()));
        assert_eq!(reserved(net("0.0.0.0/0"), [255, 255, 255, 255].into()), Some("the last address"));
    }

    #[test]
    fn private_addresses_are_unique_in_their_vpc() {
        let mut network = with([10, 0, 0, 10], None);
        assert_eq!(codes(&network), ["duplicate-address"]);
        assert!(super::super::validate(&network)[0].related.is_some());
        add_second_vpc(&mut network);
        network.interfaces[3].subnet = "subnet-2".into();
        network.interfaces[3].security_groups = vec!["sg-2".into()];
        assert_eq!(codes(&network), [""; 0]);
    }

    #[test]
    fn public_addresses_are_unique_and_not_of_private_ranges() {
        assert_eq!(codes(&with([10, 0, 0, 11], Some([198, 51, 100, 20]))), ["duplicate-public"]);
        assert_eq!(codes(&with([10, 0, 0, 11], Some([100, 64, 0, 1]))), ["public-is-private"]);
    }

    #[test]
    fn a_nat_gateway_shares_its_addresses_with_its_interface_only() {
        let mut network = network();
        network.nat_gateways[0].addresses[0].translated = [10, 0, 0, 10].into();
        assert_eq!(codes(&network), ["duplicate-address", "duplicate-public"]);
    }

    #[test]
    fn an_interface_has_an_address() {
        let mut network = network();
        network.interfaces[1].ipv4.clear();
        assert_eq!(codes(&network), ["no-address"]);
    }
}
