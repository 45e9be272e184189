//! Records made into packets again: as many as were counted, or the first of them, with their bytes and over their time.

use std::net::{IpAddr, SocketAddr};

use vpcemu_flowlog::{FlowDirection, LogStatus, Record};
use vpcemu_lab::Lab;
use vpcemu_model::Network;
use vpcemu_packet::{TcpFlags, build};

use crate::Orientation;

/// IPv4 and TCP without options, the least that a segment has.
const TCP_HEADERS: u64 = 40;
const NANOSECONDS: u64 = 1_000_000_000;
/// No datagram is longer (RFC 791 3.1).
const LONGEST: u64 = 65_535;

/// Makes packets of records.
#[derive(Debug)]
pub struct Rewinder {
    lab: Lab,
    /// Packets of one record at most.
    most: u64,
}

/// A packet that was made.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Rewound {
    /// When it was, in nanoseconds since the epoch.
    pub time: u64,
    /// Whether it is of the side that answers: of one moment, what is asked comes before.
    pub answers: bool,
    /// An IP packet.
    pub datagram: Vec<u8>,
}

impl Rewinder {
    /// Of records of a network, with so many packets of each at most.
    pub fn new(network: Network, most: u64) -> Self {
        Self { lab: Lab::new(network), most: most.max(1) }
    }

    /// The packets of a record. None of what another record tells as well: a flow is told by whoever sends, or where that is
    /// nobody in the network by whoever receives; and none of what lacks an address, or is of a NAT gateway or forwarder.
    pub fn rewind(&self, record: &Record) -> Vec<Rewound> {
        if record.log_status.is_some_and(|status| status != LogStatus::Ok) {
            return Vec::new();
        }
        let src = record.pkt_srcaddr.or(record.srcaddr);
        let dst = record.pkt_dstaddr.or(record.dstaddr);
        let (Some(src), Some(dst), Some(protocol)) = (src, dst, record.protocol) else { return Vec::new() };
        if !self.tells(record, src, dst) {
            return Vec::new();
        }
        let ports = (record.srcport.unwrap_or(0), record.dstport.unwrap_or(0));
        let counted = record.packets.unwrap_or(1).max(1);
        let packets = counted.min(self.most);
        let (start, end) = (record.start.unwrap_or(0), record.end.or(record.start).unwrap_or(0));
        let span = end.saturating_sub(start) * NANOSECONDS;
        // The bytes of packets that are left out are left out too.
        let bytes = record.bytes.unwrap_or(0) * packets / counted;
        let step = span / packets.max(2).saturating_sub(1);
        let ends = (SocketAddr::new(src, ports.0), SocketAddr::new(dst, ports.1));
        let answers = Orientation::of(record) == Orientation::Reply;
        let packet = |number: u64| {
            let share = bytes / packets + if number == 0 { bytes % packets } else { 0 };
            let flags = flags(record.tcp_flags.unwrap_or(0), number, packets);
            Rewound {
                answers,
                time: start * NANOSECONDS + step * number,
                datagram: datagram(ends, protocol, share.min(LONGEST), flags, record),
            }
        };
        (0..packets).map(packet).collect()
    }

    /// Whether a record is the one that tells its packets.
    fn tells(&self, record: &Record, src: IpAddr, dst: IpAddr) -> bool {
        let fabric = self.lab.fabric();
        let registry = self.lab.timeline().registry();
        if record.resource_id.is_some() {
            return false;
        }
        let own = record.interface_id.as_ref().and_then(|id| registry.enis.find(&(&**id).into()));
        let own = own.and_then(|eni| fabric.eni(eni));
        if own.is_some_and(|eni| eni.nat.is_some() || eni.forward.is_some() || !eni.listens) {
            return false;
        }
        let has = |address: IpAddr| match own {
            Some(eni) => eni.owns(address),
            None => !fabric.owners(address).is_empty(),
        };
        match record.flow_direction {
            Some(FlowDirection::Egress) => has(src),
            Some(FlowDirection::Ingress) => has(dst) && fabric.owners(src).is_empty(),
            None => has(src) || has(dst) && fabric.owners(src).is_empty(),
        }
    }
}

/// The flags of a packet, where a record says which there were (9.9): those that open in the first, those that end in the last.
fn flags(recorded: u8, number: u64, packets: u64) -> TcpFlags {
    let mut flags = TcpFlags(0);
    if number == 0 && recorded & 2 != 0 {
        flags = flags | TcpFlags::SYN;
    }
    if recorded & 16 != 0 || flags.0 == 0 {
        flags = flags | TcpFlags::ACK;
    }
    if number + 1 == packets {
        flags = flags | TcpFlags(recorded & (TcpFlags::FIN | TcpFlags::RST).0);
    }
    flags
}

fn datagram(ends: (SocketAddr, SocketAddr), protocol: u8, length: u64, flags: TcpFlags, record: &Record) -> Vec<u8> {
    let (src, dst) = ends;
    let ip = if src.is_ipv4() { 20 } else { 40 };
    let payload = |headers: u64| vec![0; usize::try_from(length.saturating_sub(headers)).unwrap_or(0)];
    match protocol {
        6 => build::tcp(src, dst).flags(flags).payload(&payload(TCP_HEADERS - 20 + ip)).build(),
        17 => build::udp(src, dst).payload(&payload(ip + 8)).build(),
        1 | 58 => {
            // Records tell neither type nor identifier: what leaves a network is a request, what enters it the answer.
            let (src, dst, payload) = (src.ip(), dst.ip(), payload(ip + 8));
            match record.flow_direction {
                Some(FlowDirection::Ingress) => build::echo_reply(src, dst, 1, 1).payload(&payload).build(),
                _ => build::echo_request(src, dst, 1, 1).payload(&payload).build(),
            }
        }
        other => build::protocol(src.ip(), dst.ip(), other, &payload(ip)).build(),
    }
}
