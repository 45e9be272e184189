//! The hosts' ends of the two cables: raw frames in and out.

use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::ifaddrs::getifaddrs;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::socket::sockopt::RcvBufForce;
use nix::sys::socket::{
    AddressFamily, LinkAddr, MsgFlags, SockFlag, SockProtocol, SockType, bind, recvfrom, send, setsockopt, socket,
};

use super::bytes::Datagram;

/// The two sides of the router: of the VPC's hosts, and of everybody else.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub(crate) enum Side {
    In,
    Out,
}

impl Side {
    pub(crate) const BOTH: [Self; 2] = [Self::In, Self::Out];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::In => "in",
            Self::Out => "out",
        }
    }

    pub(crate) fn other(self) -> Self {
        match self {
            Self::In => Self::Out,
            Self::Out => Self::In,
        }
    }
}

/// The hosts' end of one cable.
struct End {
    socket: OwnedFd,
    /// Destination and source as hosts send.
    addresses: [u8; 12],
}

/// The hosts' ends of both cables.
pub(crate) struct Wire {
    ends: [End; 2],
    fences: u32,
}

/// How long the router may take for a packet. It takes microseconds; a loaded machine takes longer.
const PATIENCE: Duration = Duration::from_secs(5);

/// PACKET_OUTGOING of linux/if_packet.h: what this host sends itself.
const OUTGOING: u8 = 4;

impl Wire {
    /// Opens the interfaces `host-in` and `host-out` of this thread's namespace. `routers` are the addresses of the other
    /// ends.
    pub(crate) fn open(routers: [[u8; 6]; 2]) -> Self {
        let mut opened = Side::BOTH.map(|side| {
            let name = format!("host-{}", side.name());
            let interface = getifaddrs().unwrap().find(|interface| {
                interface.interface_name == name
                    && interface.address.is_some_and(|address| address.as_link_addr().is_some())
            });
            let address = interface.unwrap_or_else(|| panic!("no interface {name}")).address.unwrap();
            let address: LinkAddr = *address.as_link_addr().unwrap();
            let flags = SockFlag::SOCK_CLOEXEC | SockFlag::SOCK_NONBLOCK;
            let socket = socket(AddressFamily::Packet, SockType::Raw, flags, SockProtocol::EthAll).unwrap();
            bind(socket.as_raw_fd(), &address).unwrap();
            setsockopt(&socket, RcvBufForce, &(8 << 20)).unwrap();
            let mut addresses = [0; 12];
            addresses[..6].copy_from_slice(&routers[side as usize]);
            addresses[6..].copy_from_slice(&address.addr().unwrap());
            Some(End { socket, addresses })
        });
        Self { ends: [opened[0].take().unwrap(), opened[1].take().unwrap()], fences: 0 }
    }

    /// Sends a datagram to the router and returns everything that the router sends until it has dealt with it.
    ///
    /// The router deals with packets in order, on this thread's processor. Behind the datagram goes a fence in each
    /// direction, a packet that it forwards whatever its rules: when both are through, so is all that came of the datagram.
    pub(crate) fn inject(&mut self, side: Side, datagram: &[u8]) -> Vec<(Side, Vec<u8>)> {
        self.send(side, datagram);
        self.fences += 1;
        for side in Side::BOTH {
            self.send(side, &fence(side, self.fences));
        }
        let deadline = Instant::now() + PATIENCE;
        let mut emitted = Vec::new();
        let mut waiting = [true; 2];
        while waiting.contains(&true) {
            assert!(Instant::now() < deadline, "the router forwards no fences");
            self.wait();
            for side in Side::BOTH {
                while let Some(datagram) = self.receive(side) {
                    let is_fence =
                        |from| Datagram::parse(&datagram).is_some_and(|parts| parts.src() == FENCES[from as usize]);
                    if is_fence(side.other()) {
                        let sent = fence(side.other(), self.fences);
                        waiting[side as usize] &= datagram[28..] != sent[28..];
                    } else {
                        emitted.push((side, datagram));
                    }
                }
            }
        }
        emitted
    }

    fn send(&self, side: Side, datagram: &[u8]) {
        let end = &self.ends[side as usize];
        let ether_type: u16 = if datagram.first().is_some_and(|first| first >> 4 == 6) { 0x86DD } else { 0x0800 };
        let mut frame = end.addresses.to_vec();
        frame.extend_from_slice(&ether_type.to_be_bytes());
        frame.extend_from_slice(datagram);
        let sent = send(end.socket.as_raw_fd(), &frame, MsgFlags::empty()).unwrap();
        assert_eq!(sent, frame.len());
    }

    fn wait(&self) {
        let mut ends = self.ends.each_ref().map(|end| PollFd::new(end.socket.as_fd(), PollFlags::POLLIN));
        match poll(&mut ends, PollTimeout::from(100_u8)) {
            Ok(_) | Err(Errno::EINTR) => {}
            Err(error) => panic!("poll: {error}"),
        }
    }

    /// The next IP datagram that the router has sent to this side; not what it says unasked.
    fn receive(&self, side: Side) -> Option<Vec<u8>> {
        let end = &self.ends[side as usize];
        let mut frame = vec![0; 16 << 10];
        loop {
            let (length, from) = match recvfrom::<LinkAddr>(end.socket.as_raw_fd(), &mut frame) {
                Ok(received) => received,
                Err(Errno::EAGAIN) => return None,
                Err(Errno::EINTR) => continue,
                Err(error) => panic!("recvfrom: {error}"),
            };
            let outgoing = from.is_some_and(|from| from.pkttype() == OUTGOING);
            let is_ip = matches!(frame[12..14], [0x08, 0x00] | [0x86, 0xDD]);
            let datagram = &frame[14..length.max(14)];
            if is_ip && !outgoing && !is_housekeeping(datagram) {
                return Some(datagram.to_vec());
            }
        }
    }
}

/// Neighbour and router discovery, multicast listener reports.
fn is_housekeeping(datagram: &[u8]) -> bool {
    Datagram::parse(datagram)
        .is_some_and(|parts| parts.protocol == 58 && matches!(parts.l4().first(), Some(130..=137 | 143)))
}

/// The sources of fences; the router forwards what goes from one to the other whatever its rules.
const FENCES: [[u8; 4]; 2] = [[198, 18, 0, 1], [198, 19, 0, 1]];

fn fence(side: Side, number: u32) -> Vec<u8> {
    let (src, dst) = (FENCES[side as usize], FENCES[side.other() as usize]);
    vpcemu_packet::build::udp((src, 9).into(), (dst, 9).into()).payload(&number.to_be_bytes()).build()
}
