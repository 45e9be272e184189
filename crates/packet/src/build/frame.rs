//! Link-layer frames around a datagram.

use crate::framing::{Framing, SllDirection};
use crate::headers::IpVersion;

/// A datagram in an Ethernet frame.
pub fn ethernet(datagram: &[u8], src: [u8; 6], dst: [u8; 6]) -> Vec<u8> {
    behind(&Framing::ethernet_header(src, dst, version(datagram)), datagram)
}

/// A VLAN tag put into an Ethernet frame, outside of any tags it has. `tag_type` is 0x8100 or, outside, 0x88A8.
///
/// A frame too short for an Ethernet header comes back as it is.
pub fn vlan(frame: &[u8], tag_type: u16, vlan_id: u16) -> Vec<u8> {
    let Some((addresses, rest)) = frame.split_at_checked(12) else { return frame.to_vec() };
    let mut tagged = behind(addresses, &tag_type.to_be_bytes());
    tagged.extend_from_slice(&vlan_id.to_be_bytes());
    tagged.extend_from_slice(rest);
    tagged
}

/// A datagram in a Linux cooked frame.
pub fn linux_sll(datagram: &[u8], direction: SllDirection) -> Vec<u8> {
    let mut header = [0; 16];
    header[1] = packet_type(direction);
    // ARPHRD_ETHER with an address of six bytes, here all zero.
    header[3] = 1;
    header[5] = 6;
    header[14..].copy_from_slice(&version(datagram).ether_type().to_be_bytes());
    behind(&header, datagram)
}

/// A datagram in a Linux cooked frame of the second version, of the interface with this index.
pub fn linux_sll2(datagram: &[u8], direction: SllDirection, interface: u32) -> Vec<u8> {
    let mut header = [0; 20];
    header[..2].copy_from_slice(&version(datagram).ether_type().to_be_bytes());
    header[4..8].copy_from_slice(&interface.to_be_bytes());
    header[9] = 1;
    header[10] = packet_type(direction);
    header[11] = 6;
    behind(&header, datagram)
}

/// A datagram in a frame of any framing, with addresses of zero.
pub fn frame(framing: Framing, datagram: &[u8]) -> Vec<u8> {
    // AF_INET and Linux's AF_INET6.
    let family: u32 = match version(datagram) {
        IpVersion::V4 => 2,
        IpVersion::V6 => 10,
    };
    match framing {
        Framing::Ethernet => ethernet(datagram, [0; 6], [0; 6]),
        Framing::LinuxSll => linux_sll(datagram, SllDirection::Incoming),
        Framing::LinuxSll2 => linux_sll2(datagram, SllDirection::Incoming, 1),
        Framing::Null => behind(&family.to_le_bytes(), datagram),
        Framing::Loop => behind(&family.to_be_bytes(), datagram),
        Framing::Raw => datagram.to_vec(),
    }
}

fn packet_type(direction: SllDirection) -> u8 {
    match direction {
        SllDirection::Incoming => 0,
        SllDirection::Outgoing => 4,
    }
}

/// By the version nibble; what is neither is framed as IPv4.
fn version(datagram: &[u8]) -> IpVersion {
    if datagram.first().is_some_and(|first| first >> 4 == 6) { IpVersion::V6 } else { IpVersion::V4 }
}

fn behind(header: &[u8], rest: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(header.len() + rest.len());
    bytes.extend_from_slice(header);
    bytes.extend_from_slice(rest);
    bytes
}
