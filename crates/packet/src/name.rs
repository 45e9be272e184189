//! How endpoints and protocols are written.

use std::fmt;
use std::net::{IpAddr, SocketAddr};

/// An address with its port, if it has one: `192.0.2.1:80`, `[2001:db8::1]:80`, or the bare address.
pub fn endpoint(address: IpAddr, port: Option<u16>) -> impl fmt::Display {
    Endpoint { address, port }
}

/// The usual name of an IP protocol number.
pub fn protocol_name(number: u8) -> Option<&'static str> {
    Some(match number {
        1 => "icmp",
        2 => "igmp",
        4 => "ipip",
        6 => "tcp",
        17 => "udp",
        33 => "dccp",
        41 => "ipv6",
        47 => "gre",
        50 => "esp",
        51 => "ah",
        58 => "icmpv6",
        88 => "eigrp",
        89 => "ospf",
        103 => "pim",
        112 => "vrrp",
        115 => "l2tp",
        132 => "sctp",
        136 => "udplite",
        _ => return None,
    })
}

struct Endpoint {
    address: IpAddr,
    port: Option<u16>,
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.port {
            Some(port) => SocketAddr::new(self.address, port).fmt(f),
            None => self.address.fmt(f),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ipv6_endpoints_have_brackets_only_with_a_port() {
        let address = "2001:db8::1".parse().unwrap();
        assert_eq!(endpoint(address, Some(443)).to_string(), "[2001:db8::1]:443");
        assert_eq!(endpoint(address, None).to_string(), "2001:db8::1");
        assert_eq!(endpoint("192.0.2.1".parse().unwrap(), Some(80)).to_string(), "192.0.2.1:80");
    }
}
