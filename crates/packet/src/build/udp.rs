//! UDP datagrams.

use std::net::SocketAddr;

use etherparse::UdpHeader;

use super::datagram::{Ip, ip_setters};
use crate::number::{UDP, UDP_HEADER};

/// A UDP datagram, empty until told otherwise.
pub fn udp(src: SocketAddr, dst: SocketAddr) -> UdpBuilder {
    UdpBuilder {
        ip: Ip::between(src.ip(), dst.ip()),
        src: src.port(),
        dst: dst.port(),
        payload: Vec::new(),
        checksum: true,
    }
}

/// A UDP datagram in the making.
#[derive(Clone, Debug)]
#[must_use]
pub struct UdpBuilder {
    ip: Ip,
    src: u16,
    dst: u16,
    payload: Vec<u8>,
    checksum: bool,
}

impl UdpBuilder {
    ip_setters!();

    /// Leaves the checksum 0, which says that there is none.
    pub fn without_checksum(mut self) -> Self {
        self.checksum = false;
        self
    }

    /// The datagram.
    pub fn build(self) -> Vec<u8> {
        let payload = &self.payload[..self.payload.len().min(self.ip.room() - UDP_HEADER)];
        let header = UdpHeader {
            source_port: self.src,
            destination_port: self.dst,
            length: (UDP_HEADER + payload.len()) as u16,
            checksum: 0,
        };
        let mut segment = header.to_bytes().to_vec();
        segment.extend_from_slice(payload);
        if self.checksum { self.ip.around_summed(UDP, segment) } else { self.ip.around(UDP, &segment) }
    }
}
