use std::net::{IpAddr, SocketAddr};

use vpcemu_dataplane::index::EniIx;
use vpcemu_dataplane::{Ingress, Place};
use vpcemu_packet::{Headers, TcpFlags, Transport, build};

use crate::{Error, Flow, Lab, Resolved, Sent};

/// Bytes of data in a segment that pushes some, and in a datagram.
const DATA: &[u8] = b"data";
/// Where the two sides of a TCP connection begin to count.
const CLIENT_ISN: u32 = 1_000;
const SERVER_ISN: u32 = 5_000;

/// A flow under way: packets of the side that opened it, and the answers of the other as it sees them.
///
/// Answers go back from where the last packet was delivered, to the addresses and ports that it had there, so that they take the
/// way that real ones do. Of TCP sequence numbers are counted.
#[derive(Clone, Debug)]
pub struct Conversation {
    flow: Resolved,
    client: Side,
    server: Side,
    /// The last packet that the other side got, and where.
    got: Option<(Place, Headers)>,
}

/// How far a side has come.
#[derive(Clone, Copy, Debug)]
struct Side {
    isn: u32,
    next: u32,
}

impl Lab {
    /// A conversation in which nothing has been said.
    ///
    /// # Errors
    /// As [`Lab::resolve`].
    pub fn converse(&self, flow: &Flow) -> Result<Conversation, Error> {
        Ok(Conversation::new(self.resolve(flow)?))
    }
}

impl Conversation {
    /// A conversation in which nothing has been said.
    pub fn new(flow: Resolved) -> Self {
        let side = |isn| Side { isn, next: isn };
        Self { flow, client: side(CLIENT_ISN), server: side(SERVER_ISN), got: None }
    }

    /// The flow.
    pub fn flow(&self) -> &Resolved {
        &self.flow
    }

    /// The side that opens the flow sends. `flags` are for TCP; pings are requests.
    pub fn send(&mut self, lab: &mut Lab, flags: TcpFlags) -> Sent {
        let Resolved { ingress, src, src_port, dst, dst_port, protocol } = self.flow;
        let (src, dst) = (SocketAddr::new(src, src_port), SocketAddr::new(dst, dst_port));
        let datagram = match protocol {
            Flow::TCP => segment(src, dst, flags, &mut self.client, self.server),
            Flow::UDP => build::udp(src, dst).payload(DATA).build(),
            1 | 58 => build::echo_request(src.ip(), dst.ip(), src_port, 1).payload(DATA).build(),
            other => build::protocol(src.ip(), dst.ip(), other, DATA).build(),
        };
        let sent = lab.send(ingress, datagram);
        if let (Some(place), Some(headers)) = (sent.place(), sent.headers()) {
            self.got = Some((place, headers));
        }
        sent
    }

    /// The other side answers what it got last.
    ///
    /// # Errors
    /// If it has got nothing.
    pub fn answer(&mut self, lab: &mut Lab, flags: TcpFlags) -> Result<Sent, Error> {
        let Some((place, headers)) = self.got else { return Err(Error::NothingToAnswer(self.flow.dst)) };
        let (src, dst) = (headers.dst, headers.src);
        let datagram = match headers.transport {
            Transport::Tcp { src: to, dst: from, .. } => {
                let (from, to) = (SocketAddr::new(src, from), SocketAddr::new(dst, to));
                segment(from, to, flags, &mut self.server, self.client)
            }
            Transport::Udp { src: to, dst: from } => {
                build::udp(SocketAddr::new(src, from), SocketAddr::new(dst, to)).payload(DATA).build()
            }
            Transport::Query { id, .. } => build::echo_reply(src, dst, id, 1).payload(DATA).build(),
            _ => build::protocol(src, dst, headers.protocol, DATA).build(),
        };
        Ok(lab.send(from_place(place, self.flow.ingress), datagram))
    }

    /// The address that the side which opened the flow has where it was delivered last.
    pub fn seen_as(&self) -> Option<IpAddr> {
        self.got.as_ref().map(|(_, headers)| headers.src)
    }
}

/// Where what answers from a place goes in.
fn from_place(place: Place, asked: Ingress) -> Ingress {
    let asking: Option<EniIx> = match asked {
        Ingress::Interface(eni) | Ingress::Service(_, eni) | Ingress::Endpoint(_, eni) => Some(eni),
        Ingress::Internet | Ingress::Edge(_) | Ingress::BehindNat(_) => None,
    };
    match (place, asking) {
        (Place::Interface(eni), _) => Ingress::Interface(eni),
        (Place::Service(service), Some(eni)) => Ingress::Service(service, eni),
        (Place::Endpoint(endpoint), Some(eni)) => Ingress::Endpoint(endpoint, eni),
        (Place::Edge(edge), _) => Ingress::Edge(edge),
        (Place::Internet, _) | (Place::Service(_) | Place::Endpoint(_), None) => Ingress::Internet,
    }
}

/// A segment of one side, which counts it.
fn segment(from: SocketAddr, to: SocketAddr, flags: TcpFlags, side: &mut Side, peer: Side) -> Vec<u8> {
    let opens = flags.contains(TcpFlags::SYN);
    if opens {
        side.next = side.isn;
    }
    let payload = if flags.contains(TcpFlags::PSH) { DATA } else { &[] };
    let acknowledged = if flags.contains(TcpFlags::ACK) { peer.next } else { 0 };
    let segment = build::tcp(from, to).flags(flags).seq(side.next).ack(acknowledged).payload(payload).build();
    let counted = u32::from(opens) + u32::from(flags.contains(TcpFlags::FIN));
    side.next = side.next.wrapping_add(counted).wrapping_add(DATA.len() as u32 * u32::from(!payload.is_empty()));
    segment
}
