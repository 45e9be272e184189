//! What single addresses mean to a VPC, whatever is configured.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ipnet::{IpNet, Ipv4Net, Ipv6Net};
use vpcemu_packet::{Headers, Transport};

use crate::outcome::Service;

/// 10/8, 172.16/12, 192.168/16 (2.11, 3.3).
pub fn is_rfc1918(address: Ipv4Addr) -> bool {
    address.is_private()
}

/// 100.64/10, shared address space (2.11, 3.3).
pub fn is_rfc6598(address: Ipv4Addr) -> bool {
    let [a, b, ..] = address.octets();
    a == 100 && b & 0xc0 == 0x40
}

/// IPv6 that gateways to the internet drop in all cases: unique local addresses (1.6).
pub fn is_private_v6(address: Ipv6Addr) -> bool {
    address.is_unique_local()
}

/// Addresses that belong to no private network: what an account's mail goes to (6.33).
pub fn is_public(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(v4) => !is_rfc1918(v4) && !is_rfc6598(v4) && !v4.is_link_local(),
        IpAddr::V6(v6) => !is_private_v6(v6) && !v6.is_unicast_link_local(),
    }
}

/// Multicast, and the limited broadcast address (1.19). Subnet broadcasts are reserved addresses.
pub fn is_multicast(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(v4) => v4.is_multicast() || v4.is_broadcast(),
        IpAddr::V6(v6) => v6.is_multicast(),
    }
}

/// Addresses that are nobody's on any wire: loopback, and "this network" (RFC 1122 3.2.1.3, RFC 4291 2.5).
pub fn is_nowhere(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(v4) => v4.is_loopback() || v4.octets()[0] == 0,
        IpAddr::V6(v6) => v6.is_loopback() || v6.is_unspecified(),
    }
}

/// 169.254/16 and fd00:ec2::/32, which belong to the services of a VPC: never forwarded (1.14).
pub fn stays_local(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(v4) => v4.is_link_local(),
        IpAddr::V6(v6) => matches!(v6.segments(), [0xfd00, 0x0ec2, ..]),
    }
}

/// The blocks of [`stays_local`].
pub(crate) const SERVICES: [IpNet; 2] = [
    IpNet::V4(Ipv4Net::new_assert(Ipv4Addr::new(169, 254, 0, 0), 16)),
    IpNet::V6(Ipv6Net::new_assert(Ipv6Addr::new(0xfd00, 0x0ec2, 0, 0, 0, 0, 0, 0), 32)),
];

/// fe80::/10, and multicast of link scope: neighbour discovery and the like (1.9, 1.18).
pub fn is_link_scope_v6(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(_) => false,
        IpAddr::V6(v6) => v6.is_unicast_link_local() || (v6.is_multicast() && v6.segments()[0] & 0x000f <= 2),
    }
}

/// Router and neighbour solicitation and advertisement, redirect (RFC 4861 4): they never leave the link, whatever their
/// addresses.
pub fn is_neighbour_discovery(headers: &Headers) -> bool {
    headers.protocol == 58 && matches!(headers.transport, Transport::Icmp { kind: 133..=137, .. })
}

/// The addresses on which a VPC's services answer (1.10, 1.11).
pub fn link_local_service(address: IpAddr) -> Option<Service> {
    const FD00_EC2: [u16; 7] = [0xfd00, 0x0ec2, 0, 0, 0, 0, 0];
    match address {
        IpAddr::V4(v4) => match v4.octets() {
            [169, 254, 169, 253] => Some(Service::Dns),
            [169, 254, 169, 254] | [169, 254, 170, 2 | 23] => Some(Service::Imds),
            [169, 254, 169, 123] => Some(Service::Ntp),
            [169, 254, 169, 250 | 251] => Some(Service::Kms),
            _ => None,
        },
        IpAddr::V6(v6) => {
            let [start @ .., last] = v6.segments();
            match (start == FD00_EC2, last) {
                (true, 0x253) => Some(Service::Dns),
                (true, 0x254 | 0x23) => Some(Service::Imds),
                (true, 0x123) => Some(Service::Ntp),
                _ => None,
            }
        }
    }
}

/// DHCP and DHCPv6 go to broadcast and multicast, and are answered by the VPC (6.29).
pub fn is_dhcp(destination: IpAddr, udp_destination: Option<u16>) -> bool {
    match destination {
        IpAddr::V4(v4) => v4.is_broadcast() && udp_destination == Some(67),
        IpAddr::V6(v6) => v6.is_multicast() && udp_destination == Some(547),
    }
}

/// The n-th address of a block.
pub fn nth(net: IpNet, n: u32) -> IpAddr {
    match net {
        IpNet::V4(v4) => IpAddr::V4(Ipv4Addr::from(u32::from(v4.network()).wrapping_add(n))),
        IpNet::V6(v6) => IpAddr::V6(Ipv6Addr::from(u128::from(v6.network()).wrapping_add(u128::from(n)))),
    }
}

/// Whether a subnet keeps `address` for itself: base, +1, +2, +3 and the last (1.8).
pub fn is_reserved(subnet: IpNet, address: IpAddr) -> bool {
    subnet.contains(&address) && ((0..4).any(|n| nth(subnet, n) == address) || subnet.broadcast() == address)
}

/// The address of the VPC's router in a subnet (1.8).
pub fn router(subnet: IpNet) -> IpAddr {
    nth(subnet, 1)
}

/// Base + 2 of a VPC's primary block (1.10).
pub fn resolver(primary: Ipv4Net) -> Option<Ipv4Addr> {
    match nth(IpNet::V4(primary), 2) {
        IpAddr::V4(v4) => Some(v4),
        IpAddr::V6(_) => None,
    }
}

/// The IPv4 address inside 64:ff9b::/96 (RFC 6052 2.1), by which NAT64 names IPv4 hosts.
pub fn nat64_embedded(address: IpAddr) -> Option<Ipv4Addr> {
    match address {
        IpAddr::V6(v6) if v6.segments()[..6] == [0x64, 0xff9b, 0, 0, 0, 0] => {
            let [.., a, b, c, d] = v6.octets();
            Some(Ipv4Addr::new(a, b, c, d))
        }
        _ => None,
    }
}

/// The NAT64 form of an IPv4 address (RFC 6052 2.1); an IPv6 address is its own.
pub fn nat64(address: IpAddr) -> IpAddr {
    match address {
        IpAddr::V4(v4) => {
            let [a, b, c, d] = v4.octets();
            IpAddr::V6(Ipv6Addr::from([0, 0x64, 0xff, 0x9b, 0, 0, 0, 0, 0, 0, 0, 0, a, b, c, d]))
        }
        v6 @ IpAddr::V6(_) => v6,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ip(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    #[test]
    fn services_answer_on_their_addresses_only() {
        assert_eq!(link_local_service(ip("169.254.169.253")), Some(Service::Dns));
        assert_eq!(link_local_service(ip("fd00:ec2::254")), Some(Service::Imds));
        assert_eq!(link_local_service(ip("169.254.169.252")), None);
        assert_eq!(link_local_service(ip("fd00:ec3::254")), None);
    }

    #[test]
    fn a_subnet_reserves_five_addresses() {
        let subnet: IpNet = "10.0.0.0/28".parse().unwrap();
        let reserved: Vec<_> = subnet.hosts().filter(|host| is_reserved(subnet, *host)).collect();
        assert_eq!(reserved, [ip("10.0.0.1"), ip("10.0.0.2"), ip("10.0.0.3")]);
        assert!(is_reserved(subnet, ip("10.0.0.0")));
        assert!(is_reserved(subnet, ip("10.0.0.15")));
        assert!(!is_reserved(subnet, ip("10.0.0.16")));
    }

    #[test]
    fn shared_address_space_is_100_64_to_100_127() {
        assert!(is_rfc6598("100.64.0.0".parse().unwrap()));
        assert!(is_rfc6598("100.127.255.255".parse().unwrap()));
        assert!(!is_rfc6598("100.128.0.0".parse().unwrap()));
        assert!(!is_rfc6598("100.63.255.255".parse().unwrap()));
    }

    #[test]
    fn nat64_names_ipv4_hosts() {
        assert_eq!(nat64_embedded(ip("64:ff9b::198.51.100.7")), Some("198.51.100.7".parse().unwrap()));
        assert_eq!(nat64_embedded(ip("64:ff9b:1::198.51.100.7")), None);
        assert_eq!(nat64(ip("198.51.100.7")), ip("64:ff9b::198.51.100.7"));
    }
}
