//! The ways through the [network](crate::NETWORK) that benches send packets along.

use std::net::{Ipv6Addr, SocketAddr};

use vpcemu_dataplane::{Ingress, Timeline};
use vpcemu_packet::{Headers, Offloads};

use crate::{REMOTES, remote, udp};

/// Between which ends flows are.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Way {
    /// A private instance asks remotes through the NAT gateway and the internet gateway.
    VpcPath,
    /// Remotes ask a public instance through the internet gateway.
    Igw,
    /// A private instance asks IPv6 remotes through the egress-only gateway.
    Eigw,
    /// The private instance asks the public one: security groups and network ACLs, and no translation.
    Groups,
}

impl Way {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::VpcPath, Self::Igw, Self::Eigw, Self::Groups];

    /// What benches call it.
    pub fn name(self) -> &'static str {
        match self {
            Self::VpcPath => "vpc-path",
            Self::Igw => "igw",
            Self::Eigw => "eigw",
            Self::Groups => "sg-established",
        }
    }

    /// Where the packets of its clients enter, and where those of its servers do.
    ///
    /// # Panics
    /// If it is not a timeline of the [network](crate::NETWORK).
    pub fn ends(self, timeline: &Timeline) -> [Ingress; 2] {
        let eni = |id: &str| {
            Ingress::Interface(timeline.registry().enis.find(&id.into()).unwrap_or_else(|| panic!("no {id}")))
        };
        match self {
            Self::VpcPath | Self::Eigw => [eni("eni-app"), Ingress::Internet],
            Self::Igw => [Ingress::Internet, eni("eni-web")],
            Self::Groups => [eni("eni-app"), eni("eni-web")],
        }
    }

    /// The first packet of a flow, by the flow's number. [`Self::Groups`] has 64,512 flows, the others more than any bench asks for.
    pub fn opening(self, flow: u32) -> Vec<u8> {
        let (address, port) = remote(flow);
        let outside = SocketAddr::new(address, 443);
        let app = |port| SocketAddr::from(([10, 0, 1, 10], port));
        match self {
            Self::VpcPath => udp(app(port), outside),
            Self::Igw => udp(SocketAddr::new(address, port), SocketAddr::from(([203, 0, 113, 10], 443))),
            Self::Eigw => {
                let inside = Ipv6Addr::new(0x2001, 0xdb8, 0x1234, 0x1a01, 0, 0, 0, 0x10);
                let outside = Ipv6Addr::new(0x2001, 0xdb8, 0xffff, 0, 0, 0, 0, (flow % REMOTES) as u16 + 1);
                udp(SocketAddr::from((inside, port)), SocketAddr::from((outside, 443)))
            }
            Self::Groups => udp(app(1024 + flow as u16), SocketAddr::from(([10, 0, 0, 10], 443))),
        }
    }
}

/// What answers a packet that was delivered as `left`.
///
/// # Panics
/// If that is no packet, or one with a wrong checksum.
pub fn answer(left: &[u8]) -> Vec<u8> {
    let headers = Headers::parse(left, left.len() as u32, Offloads::Strict);
    let key = headers.unwrap_or_else(|error| panic!("what leaves is right: {error}")).key();
    udp(SocketAddr::new(key.dst, key.dst_port), SocketAddr::new(key.src, key.src_port))
}
