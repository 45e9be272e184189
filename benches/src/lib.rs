//! What the benches share: a network with everything on the way, its engine, and packets for it.

pub mod cached;

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;

use vpcemu_dataplane::index::EniIx;
use vpcemu_dataplane::{
    Arrival, Ingress, Options, Outcome, Output, SHARDS, Shard, ShardMap, Stamp, Timeline, Timestamp, Verdict,
};
use vpcemu_model::native;
use vpcemu_packet::{Headers, Offloads, Packet, TcpFlags, build};

/// A private host behind a NAT gateway, a public one, and an IPv6 one behind an egress-only gateway.
pub const NETWORK: &str = r#"
[vpc.main]
cidrs = ["10.0.0.0/16", "2001:db8:1234:1a00::/56"]
[internet_gateway.igw]
[egress_only_internet_gateway.eigw]
[subnet.public]
cidrs = ["10.0.0.0/24"]
route_table = "public"
[subnet.private]
cidrs = ["10.0.1.0/24", "2001:db8:1234:1a01::/64"]
route_table = "private"
[route_table.public]
routes = [{ to = "0.0.0.0/0", via = "igw" }]
[route_table.private]
routes = [{ to = "0.0.0.0/0", via = "nat" }, { to = "::/0", via = "eigw" }]
[nat_gateway.nat]
subnet = "public"
addresses = [{ private = "10.0.0.200", public = "203.0.113.20" }]
[security_group.client]
ingress = []
[security_group.server]
ingress = [{ proto = "udp", ports = "443", from = "0.0.0.0/0" }]
egress = [{ proto = "udp", ports = "53", to = "0.0.0.0/0" }]
[instance.app]
subnet = "private"
addresses = ["10.0.1.10", "2001:db8:1234:1a01::10"]
security_groups = ["client"]
[instance.web]
subnet = "public"
addresses = ["10.0.0.10"]
public = "203.0.113.10"
security_groups = ["server"]
"#;

/// Remotes that traffic is spread over.
const REMOTES: u32 = 1000;

/// Payload that makes an IPv4/UDP packet 64 bytes long.
const PAYLOAD: [u8; 36] = [0; 36];

/// An engine with all its shards.
#[derive(Debug)]
pub struct Engine {
    timeline: Arc<Timeline>,
    map: ShardMap,
    shards: Vec<Shard>,
    out: Output,
    n: u64,
    scratch: Vec<u8>,
}

/// A packet, ready to be walked again and again.
#[derive(Debug, Clone)]
pub struct Prepared {
    ingress: Ingress,
    shard: usize,
    headers: Headers,
    bytes: Vec<u8>,
}

impl Prepared {
    /// Length of the packet.
    #[expect(clippy::len_without_is_empty, reason = "no packet is empty")]
    pub fn len(&self) -> usize {
        self.bytes.len()
    }
}

impl Engine {
    /// The engine of a native file's text.
    pub fn new(text: &str) -> Self {
        let network = native::parse("bench.toml", text).unwrap_or_else(|error| panic!("{error}")).network;
        let timeline = Arc::new(Timeline::compile(&[network]));
        let shards = (0..SHARDS).map(|_| Shard::new(Arc::clone(&timeline), Options::default())).collect();
        Self { map: ShardMap::new(&timeline), timeline, shards, out: Output::default(), n: 0, scratch: Vec::new() }
    }

    /// An interface by id.
    pub fn eni(&self, id: &str) -> EniIx {
        self.timeline.registry().enis.find(&id.into()).unwrap_or_else(|| panic!("no {id}"))
    }

    /// Parses a packet and finds its shard, outside of what is timed.
    pub fn prepare(&self, ingress: Ingress, bytes: Vec<u8>) -> Prepared {
        let headers = Headers::parse(&bytes, bytes.len() as u32, Offloads::Tolerate).unwrap_or_else(|e| panic!("{e}"));
        Prepared { ingress, shard: usize::from(self.map.shard(&headers)), headers, bytes }
    }

    /// Walks a packet: copies it, since the walk rewrites it in place, and processes it at a standing time.
    pub fn walk(&mut self, packet: &Prepared) -> Verdict {
        self.n += 1;
        self.scratch.clear();
        self.scratch.extend_from_slice(&packet.bytes);
        let length = packet.headers.total_len;
        let mut datagram = Packet::from_parts(&mut self.scratch, packet.headers, length);
        let stamp = Stamp { n: self.n, now: Timestamp(1_750_000_000_000_000_000), generation: 0 };
        let arrival = Arrival::new(stamp, packet.ingress, &datagram);
        self.shards[packet.shard].process(arrival, &mut datagram, &mut self.out)
    }

    /// The packet as the last walk left it.
    pub fn left(&self) -> &[u8] {
        &self.scratch
    }

    /// Conntrack entries over all shards.
    pub fn entries(&self) -> usize {
        self.shards.iter().map(Shard::entries).sum()
    }
}

/// Whether a packet was delivered.
pub fn delivered(verdict: &Verdict) -> bool {
    matches!(verdict.outcome, Outcome::Delivered { .. })
}

/// The remote of a flow, and a client port.
pub fn remote(flow: u32) -> (IpAddr, u16) {
    let address = Ipv4Addr::from(u32::from(Ipv4Addr::new(93, 0, 0, 0)) + flow % REMOTES);
    (IpAddr::V4(address), 1024 + (flow / REMOTES) as u16)
}

/// A 64-byte UDP packet of a flow.
pub fn udp(src: SocketAddr, dst: SocketAddr) -> Vec<u8> {
    build::udp(src, dst).payload(&PAYLOAD).build()
}

/// A SYN, 40 bytes.
pub fn syn(src: SocketAddr, dst: SocketAddr) -> Vec<u8> {
    build::tcp(src, dst).flags(TcpFlags::SYN).build()
}
