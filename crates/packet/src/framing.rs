//! How an IP datagram is wrapped on the wire of a capture.

use std::fmt;

use crate::headers::IpVersion;
use crate::number::word;

/// A link layer that this crate can look into.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Framing {
    /// Ethernet II, with or without VLAN tags.
    Ethernet,
    /// Linux "cooked" captures of the `any` device.
    LinuxSll,
    /// The second version of the same.
    LinuxSll2,
    /// BSD loopback: an address family in the byte order of the capturing host.
    Null,
    /// OpenBSD loopback: the same in network byte order.
    Loop,
    /// Nothing: the frame is the datagram.
    Raw,
}

/// Where a frame's IP header starts and what the link layer said about it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Link {
    /// Where the IP header starts.
    pub offset: usize,
    /// The number of VLAN tags before it.
    pub vlan: u8,
    /// Which way the packet went, if the framing tells.
    pub packet_type: Option<SllDirection>,
}

/// Which way a packet of a cooked capture went, seen from the capturing host.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum SllDirection {
    /// To this host, by unicast, broadcast or multicast.
    Incoming,
    /// From this host.
    Outgoing,
}

/// Why a frame holds no IP datagram.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum NotIp {
    /// The frame carries another protocol.
    #[error("the frame carries {}", EtherType(*.0))]
    EtherType(u16),
    /// The loopback header names another address family.
    #[error("the loopback header names address family {0}")]
    Family(u32),
    /// A bare datagram that is neither IPv4 nor IPv6.
    #[error("the frame starts with IP version {0}, neither 4 nor 6")]
    Version(u8),
    /// The frame ends inside the link-layer header.
    #[error("the frame ends inside its link-layer header")]
    Truncated,
}

impl Framing {
    /// The framing of a capture's link type, as `LINKTYPE_` values number them.
    pub fn from_link_type(link_type: u32) -> Option<Self> {
        Some(match link_type {
            0 => Self::Null,
            1 => Self::Ethernet,
            // LINKTYPE_RAW, the values of DLT_RAW that leaked into files, LINKTYPE_IPV4 and LINKTYPE_IPV6.
            101 | 12 | 14 | 228 | 229 => Self::Raw,
            108 => Self::Loop,
            113 => Self::LinuxSll,
            276 => Self::LinuxSll2,
            _ => return None,
        })
    }

    /// The link type to write into a capture of this framing.
    pub fn link_type(self) -> u32 {
        match self {
            Self::Ethernet => 1,
            Self::LinuxSll => 113,
            Self::LinuxSll2 => 276,
            Self::Null => 0,
            Self::Loop => 108,
            Self::Raw => 101,
        }
    }

    /// Finds the IP header in a frame.
    pub fn locate(self, frame: &[u8]) -> Result<Link, NotIp> {
        match self {
            Self::Ethernet => behind_ether_type(frame, 12, 14, None),
            Self::LinuxSll => behind_ether_type(frame, 14, 16, word(frame, 0).and_then(direction)),
            Self::LinuxSll2 => {
                // Its EtherType is the first field, so the rest of the header has to be looked for.
                let kind = *frame.get(10).ok_or(NotIp::Truncated)?;
                behind_ether_type(frame, 0, 20, direction(u16::from(kind)))
            }
            Self::Null | Self::Loop => {
                let family = *frame.first_chunk::<4>().ok_or(NotIp::Truncated)?;
                let big = u32::from_be_bytes(family);
                let known = is_ip_family(big) || (self == Self::Null && is_ip_family(big.swap_bytes()));
                if !known {
                    // The smaller reading is the one that the writer meant.
                    let meant = if self == Self::Null { big.min(big.swap_bytes()) } else { big };
                    return Err(NotIp::Family(meant));
                }
                Ok(Link { offset: 4, vlan: 0, packet_type: None })
            }
            Self::Raw => match frame.first().ok_or(NotIp::Truncated)? >> 4 {
                4 | 6 => Ok(Link { offset: 0, vlan: 0, packet_type: None }),
                version => Err(NotIp::Version(version)),
            },
        }
    }

    /// The Ethernet header of a datagram.
    pub fn ethernet_header(src: [u8; 6], dst: [u8; 6], version: IpVersion) -> [u8; 14] {
        let mut header = [0; 14];
        header[..6].copy_from_slice(&dst);
        header[6..12].copy_from_slice(&src);
        header[12..].copy_from_slice(&version.ether_type().to_be_bytes());
        header
    }
}

/// Follows VLAN tags from the EtherType at `at` whose payload starts at `offset`.
fn behind_ether_type(frame: &[u8], at: usize, offset: usize, packet_type: Option<SllDirection>) -> Result<Link, NotIp> {
    let mut ether_type = word(frame, at).ok_or(NotIp::Truncated)?;
    let mut offset = offset;
    let mut vlan = 0;
    while vlan < MAX_VLAN_TAGS && VLAN_TAGS.contains(&ether_type) {
        // Two bytes of tag control information, then the next EtherType.
        ether_type = word(frame, offset + 2).ok_or(NotIp::Truncated)?;
        offset += 4;
        vlan += 1;
    }
    if ether_type != ETHER_TYPE_IPV4 && ether_type != ETHER_TYPE_IPV6 {
        return Err(NotIp::EtherType(ether_type));
    }
    if frame.len() < offset {
        return Err(NotIp::Truncated);
    }
    Ok(Link { offset, vlan, packet_type })
}

/// The packet types of `if_packet.h`; 3 is a packet between two other hosts.
fn direction(packet_type: u16) -> Option<SllDirection> {
    match packet_type {
        0..=2 => Some(SllDirection::Incoming),
        4 => Some(SllDirection::Outgoing),
        _ => None,
    }
}

/// AF_INET is 2 everywhere; AF_INET6 is 10 on Linux, 24 on NetBSD and OpenBSD, 28 on FreeBSD, 30 on macOS.
fn is_ip_family(family: u32) -> bool {
    matches!(family, 2 | 10 | 24 | 28 | 30)
}

/// An EtherType with a name for those that captures are full of.
struct EtherType(u16);

impl fmt::Display for EtherType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = match self.0 {
            // Below 0x0600 the field is the length of an IEEE 802.3 frame.
            length @ 0..0x0600 => return write!(f, "an 802.3 frame of {length} bytes"),
            0x0806 => "ARP",
            0x0842 => "wake-on-LAN",
            0x8035 => "RARP",
            0x8100 | 0x88A8 | 0x9100 => "more VLAN tags than two",
            0x8847 | 0x8848 => "MPLS",
            0x8863 | 0x8864 => "PPPoE",
            0x888E => "802.1X",
            0x88CC => "LLDP",
            0x88E5 => "MACsec",
            0x88F7 => "PTP",
            other => return write!(f, "EtherType 0x{other:04x}"),
        };
        write!(f, "{name} (0x{:04x})", self.0)
    }
}

pub(crate) const ETHER_TYPE_IPV4: u16 = 0x0800;
pub(crate) const ETHER_TYPE_IPV6: u16 = 0x86DD;

/// 802.1Q, 802.1ad, and the tag of bridges from before 802.1ad.
const VLAN_TAGS: [u16; 3] = [0x8100, 0x88A8, 0x9100];

/// A customer and a service tag are what 802.1ad stacks; more is not an access network any more.
const MAX_VLAN_TAGS: u8 = 2;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::build;

    fn datagram() -> Vec<u8> {
        build::udp("10.0.0.1:1".parse().unwrap(), "10.0.0.2:2".parse().unwrap()).build()
    }

    #[test]
    fn every_framing_finds_what_it_wrapped() {
        let v6 = build::udp("[2001:db8::1]:1".parse().unwrap(), "[2001:db8::2]:2".parse().unwrap()).build();
        let all =
            [Framing::Ethernet, Framing::LinuxSll, Framing::LinuxSll2, Framing::Null, Framing::Loop, Framing::Raw];
        for framing in all {
            assert_eq!(Framing::from_link_type(framing.link_type()), Some(framing));
            for datagram in [datagram(), v6.clone()] {
                let frame = build::frame(framing, &datagram);
                let link = framing.locate(&frame).unwrap();
                assert_eq!(frame[link.offset..], datagram, "{framing:?}");
                for len in 0..link.offset {
                    assert_eq!(framing.locate(&frame[..len]), Err(NotIp::Truncated), "{framing:?} cut to {len}");
                }
            }
        }
    }

    #[test]
    fn two_vlan_tags_and_no_more() {
        let mut frame = build::ethernet(&datagram(), [1; 6], [2; 6]);
        for (tags, tag_type) in [(1, 0x8100), (2, 0x88A8)] {
            frame = build::vlan(&frame, tag_type, 100);
            let link = Framing::Ethernet.locate(&frame).unwrap();
            assert_eq!((link.vlan, link.offset), (tags, 14 + 4 * usize::from(tags)));
        }
        frame = build::vlan(&frame, 0x9100, 100);
        assert_eq!(Framing::Ethernet.locate(&frame), Err(NotIp::EtherType(0x8100)));
    }

    #[test]
    fn cooked_captures_tell_the_direction() {
        for direction in [SllDirection::Incoming, SllDirection::Outgoing] {
            let sll = build::linux_sll(&datagram(), direction);
            assert_eq!(Framing::LinuxSll.locate(&sll).unwrap().packet_type, Some(direction));
            let mut sll2 = build::linux_sll2(&datagram(), direction, 3);
            assert_eq!(Framing::LinuxSll2.locate(&sll2).unwrap().packet_type, Some(direction));
            // Between two other hosts.
            sll2[10] = 3;
            assert_eq!(Framing::LinuxSll2.locate(&sll2).unwrap().packet_type, None);
        }
    }

    #[test]
    fn loopback_families_come_in_the_byte_order_of_their_host() {
        let frame = |family: [u8; 4]| [&family[..], &datagram()].concat();
        for family in [[2, 0, 0, 0], [0, 0, 0, 2], [30, 0, 0, 0], [0, 0, 0, 28], [24, 0, 0, 0], [10, 0, 0, 0]] {
            assert_eq!(Framing::Null.locate(&frame(family)).unwrap().offset, 4);
        }
        assert_eq!(Framing::Null.locate(&frame([7, 0, 0, 0])), Err(NotIp::Family(7)));
        assert_eq!(Framing::Loop.locate(&frame([2, 0, 0, 0])), Err(NotIp::Family(0x0200_0000)));
    }

    #[test]
    fn what_is_not_ip_is_named() {
        let mut frame = build::ethernet(&datagram(), [1; 6], [2; 6]);
        let mut sentence = |ether_type: u16| {
            frame[12..14].copy_from_slice(&ether_type.to_be_bytes());
            Framing::Ethernet.locate(&frame).unwrap_err().to_string()
        };
        assert_eq!(sentence(0x0806), "the frame carries ARP (0x0806)");
        assert_eq!(sentence(0x1234), "the frame carries EtherType 0x1234");
        assert_eq!(sentence(39), "the frame carries an 802.3 frame of 39 bytes");
        assert_eq!(Framing::Raw.locate(&[0x52]), Err(NotIp::Version(5)));
        assert_eq!(Framing::from_link_type(105), None);
    }
}
