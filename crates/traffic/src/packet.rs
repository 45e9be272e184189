//! One packet of a load.

use std::net::SocketAddr;

use vpcemu_packet::{TcpFlags, build};

use crate::side::Ends;

/// Which way a packet goes.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Direction {
    /// From the client.
    Outbound,
    /// To the client.
    Inbound,
}

impl Direction {
    /// The other one.
    #[must_use]
    pub fn reversed(self) -> Self {
        match self {
            Self::Outbound => Self::Inbound,
            Self::Inbound => Self::Outbound,
        }
    }
}

/// What a packet is.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Kind {
    /// A UDP datagram.
    Udp,
    /// A TCP segment; one with SYN or FIN carries no data, and neither does the ACK of a handshake or close.
    Tcp {
        /// Control bits.
        flags: TcpFlags,
        /// Sequence number.
        seq: u32,
        /// Acknowledgement number.
        ack: u32,
        /// Whether it carries data.
        data: bool,
    },
    /// An ICMP or ICMPv6 echo, by the addresses. Its identifier is the port of whoever opened the flow.
    Echo {
        /// A request, or a reply.
        request: bool,
        /// Sequence number.
        sequence: u16,
    },
}

/// A packet, without its bytes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Packet {
    /// The number of its flow in the load.
    pub flow: u64,
    /// Its position in its flow, from 0.
    pub position: u32,
    /// Which way it goes.
    pub direction: Direction,
    /// When, in nanoseconds since the epoch.
    pub time_ns: u64,
    /// What it is.
    pub kind: Kind,
    /// IP length to reach, in bytes.
    pub length: u16,
    /// The ends of its flow, as the client knows them.
    pub ends: Ends,
    /// Who opened the flow.
    pub opener: Direction,
}

impl Packet {
    /// Whether it is the first of its flow.
    pub fn opens(&self) -> bool {
        self.position == 0
    }

    /// Whether whoever opened the flow sent it.
    pub fn by_opener(&self) -> bool {
        self.direction == self.opener
    }

    /// Its source and destination.
    pub fn addresses(&self) -> (SocketAddr, SocketAddr) {
        let Ends { client, remote } = self.ends;
        match self.direction {
            Direction::Outbound => (client, remote),
            Direction::Inbound => (remote, client),
        }
    }

    /// The datagram, with right checksums.
    pub fn bytes(&self) -> Vec<u8> {
        let (source, destination) = self.addresses();
        self.readdressed(source, destination)
    }

    /// The datagram with other addresses and ports: those that a gateway made of them. Of an echo the port of whoever
    /// opened the flow is the identifier.
    pub fn readdressed(&self, source: SocketAddr, destination: SocketAddr) -> Vec<u8> {
        let room = |headers: usize| {
            let ip = if source.is_ipv4() && destination.is_ipv4() { V4_HEADER } else { V6_HEADER };
            &PAYLOAD[..usize::from(self.length).saturating_sub(ip + headers).min(PAYLOAD.len())]
        };
        match self.kind {
            Kind::Udp => build::udp(source, destination).payload(room(UDP_HEADER)).build(),
            Kind::Tcp { flags, seq, ack, data } => {
                let segment = build::tcp(source, destination).flags(flags).seq(seq).ack(ack);
                let payload = if data { room(TCP_HEADER) } else { &[] };
                segment.payload(payload).build()
            }
            Kind::Echo { request, sequence } => {
                let id = if self.by_opener() { source.port() } else { destination.port() };
                let echo = if request { build::echo_request } else { build::echo_reply };
                echo(source.ip(), destination.ip(), id, sequence).payload(room(ICMP_HEADER)).build()
            }
        }
    }

    /// How many octets of the sequence space it takes, of TCP.
    pub(crate) fn sequence_length(&self) -> u32 {
        let Kind::Tcp { flags, data, .. } = self.kind else { return 0 };
        let ip = if self.ends.client.is_ipv4() && self.ends.remote.is_ipv4() { V4_HEADER } else { V6_HEADER };
        let room = usize::from(self.length).saturating_sub(ip + TCP_HEADER).min(PAYLOAD.len());
        let payload = if data { room as u32 } else { 0 };
        payload + u32::from(flags.contains(TcpFlags::SYN)) + u32::from(flags.contains(TcpFlags::FIN))
    }
}

const V4_HEADER: usize = 20;
const V6_HEADER: usize = 40;
const UDP_HEADER: usize = 8;
const TCP_HEADER: usize = 20;
const ICMP_HEADER: usize = 8;

/// What packets carry: zeros, since nobody looks, up to the longest that a jumbo frame of a VPC holds.
const PAYLOAD: [u8; 9001] = [0; 9001];
