use std::fmt;

/// How an IP datagram is wrapped in the frames of a capture.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Framing {
    /// Ethernet II, with up to two VLAN tags.
    Ethernet,
    /// Linux cooked capture.
    LinuxSll,
    /// Linux cooked capture, version 2.
    LinuxSll2,
    /// BSD loopback, the address family in the byte order of the capturing host.
    Null,
    /// OpenBSD loopback, the address family in network byte order.
    Loop,
    /// The datagram itself.
    Raw,
}

/// Which way a frame of a Linux cooked capture went.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum SllDirection {
    /// To the capturing host.
    Incoming,
    /// From the capturing host.
    Outgoing,
}

/// Where the datagram of a frame starts.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Link {
    /// Offset of the IP header.
    pub offset: usize,
    /// How many VLAN tags there are.
    pub vlan: u8,
    /// Which way the frame went, where the capture says so.
    pub packet_type: Option<SllDirection>,
}

/// Why a frame holds no datagram.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum NotIp {
    /// Another EtherType.
    EtherType(u16),
    /// Another address family.
    Family(u32),
    /// A raw frame that starts with neither version 4 nor 6.
    Version(u8),
    /// It ends before its payload does begin.
    Truncated,
}

impl fmt::Display for NotIp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::EtherType(0x0806) => f.write_str("ARP (0x0806)"),
            Self::EtherType(other) => write!(f, "EtherType 0x{other:04x}"),
            Self::Family(family) => write!(f, "address family {family}"),
            Self::Version(version) => write!(f, "IP version {version}"),
            Self::Truncated => f.write_str("a frame that ends within its link-layer header"),
        }
    }
}

const IPV4: u16 = 0x0800;
const IPV6: u16 = 0x86dd;
/// 802.1Q, 802.1ad, and its common predecessor.
const VLAN: [u16; 3] = [0x8100, 0x88a8, 0x9100];
const MAX_TAGS: u8 = 2;

fn word(bytes: &[u8], at: usize) -> Option<u16> {
    Some(u16::from_be_bytes([*bytes.get(at)?, *bytes.get(at + 1)?]))
}

impl Framing {
    /// The framing of a capture's link type (tcpdump.org/linktypes.html).
    pub fn from_link_type(link_type: u32) -> Option<Self> {
        Some(match link_type {
            0 => Self::Null,
            1 => Self::Ethernet,
            12 | 14 | 101 | 228 | 229 => Self::Raw,
            108 => Self::Loop,
            113 => Self::LinuxSll,
            276 => Self::LinuxSll2,
            _ => return None,
        })
    }

    /// The link type that a capture of this framing is written with.
    pub fn link_type(self) -> u32 {
        match self {
            Self::Null => 0,
            Self::Ethernet => 1,
            Self::Raw => 101,
            Self::Loop => 108,
            Self::LinuxSll => 113,
            Self::LinuxSll2 => 276,
        }
    }

    /// Finds the datagram of a frame.
    ///
    /// # Errors
    /// If there is none.
    pub fn locate(self, frame: &[u8]) -> Result<Link, NotIp> {
        let direction = |kind| match kind {
            0..=2 => Some(SllDirection::Incoming),
            4 => Some(SllDirection::Outgoing),
            _ => None,
        };
        match self {
            Self::Ethernet => behind_tags(frame, 12, None),
            Self::LinuxSll => {
                let kind = word(frame, 0).ok_or(NotIp::Truncated)?;
                behind_tags(frame, 14, direction(kind))
            }
            Self::LinuxSll2 => {
                let kind = frame.get(10).ok_or(NotIp::Truncated)?;
                match word(frame, 0).ok_or(NotIp::Truncated)? {
                    IPV4 | IPV6 => Ok(Link { offset: 20, vlan: 0, packet_type: direction(u16::from(*kind)) }),
                    other => Err(NotIp::EtherType(other)),
                }
            }
            Self::Null | Self::Loop => {
                let family = frame.get(..4).ok_or(NotIp::Truncated)?;
                let big = u32::from_be_bytes([family[0], family[1], family[2], family[3]]);
                let family = if self == Self::Null && big > 0xffff { big.swap_bytes() } else { big };
                // AF_INET, and AF_INET6 of Linux, NetBSD, FreeBSD and Darwin.
                match family {
                    2 | 10 | 24 | 28 | 30 => Ok(Link { offset: 4, vlan: 0, packet_type: None }),
                    other => Err(NotIp::Family(other)),
                }
            }
            Self::Raw => match frame.first().ok_or(NotIp::Truncated)? >> 4 {
                4 | 6 => Ok(Link { offset: 0, vlan: 0, packet_type: None }),
                other => Err(NotIp::Version(other)),
            },
        }
    }
}

fn behind_tags(frame: &[u8], mut at: usize, packet_type: Option<SllDirection>) -> Result<Link, NotIp> {
    let mut vlan = 0;
    loop {
        match word(frame, at).ok_or(NotIp::Truncated)? {
            IPV4 | IPV6 => {
                let offset = at + 2;
                return if frame.len() > offset { Ok(Link { offset, vlan, packet_type }) } else { Err(NotIp::Truncated) };
            }
            tag if VLAN.contains(&tag) && vlan < MAX_TAGS => {
                vlan += 1;
                at += 4;
            }
            other => return Err(NotIp::EtherType(other)),
        }
    }
}
