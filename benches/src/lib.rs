//! What the benches share: a network with everything on the way, its engine, and packets for it.

pub mod cached;
pub mod way;

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;

use vpcemu_dataplane::{
    Arrival, Ingress, Options, Outcome, Output, SHARDS, Shard, ShardMap, Stamp, Timeline, Timestamp, Verdict,
};
use vpcemu_model::native;
use vpcemu_packet::{Headers, Offloads, Packet, TcpFlags, build};

use way::{Way, answer};

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
pub const REMOTES: u32 = 1000;

/// Payload that makes an IPv4/UDP packet 64 bytes long.
const PAYLOAD: [u8; 36] = [0; 36];

/// The timeline of a native file's text.
///
/// # Panics
/// If the text is wrong.
pub fn timeline(text: &str) -> Arc<Timeline> {
    let network = native::parse("bench.toml", text).unwrap_or_else(|error| panic!("{error}")).network;
    Arc::new(Timeline::compile(&[network]))
}

/// An engine with all its shards, and no flow cache.
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
    /// The packet.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// Length of the packet.
    #[expect(clippy::len_without_is_empty, reason = "no packet is empty")]
    pub fn len(&self) -> usize {
        self.bytes.len()
    }
}

impl Engine {
    /// The engine of a native file's text.
    pub fn new(text: &str) -> Self {
        let timeline = timeline(text);
        let shards = (0..SHARDS).map(|_| Shard::new(Arc::clone(&timeline), Options::default())).collect();
        Self { map: ShardMap::new(&timeline), timeline, shards, out: Output::default(), n: 0, scratch: Vec::new() }
    }

    /// The configuration.
    pub fn timeline(&self) -> &Timeline {
        &self.timeline
    }

    /// Parses a packet and finds its shard, outside of what is timed.
    pub fn prepare(&self, ingress: Ingress, bytes: Vec<u8>) -> Prepared {
        let headers = Headers::parse(&bytes, bytes.len() as u32, Offloads::Tolerate).unwrap_or_else(|e| panic!("{e}"));
        Prepared { ingress, shard: usize::from(self.map.shard(&headers)), headers, bytes }
    }

    /// Opens a flow of a way; returns a packet of each direction.
    ///
    /// # Panics
    /// If the network does not let it through.
    pub fn open(&mut self, way: Way, flow: u32) -> [Prepared; 2] {
        let [near, far] = way.ends(&self.timeline);
        let there = self.prepare(near, way.opening(flow));
        assert!(delivered(&self.walk(&there)), "{} was to be open", way.name());
        let back = answer(self.left());
        [there, self.prepare(far, back)]
    }

    /// Walks a packet: copies it, since the walk rewrites it in place, and processes it at a standing time.
    pub fn walk(&mut self, packet: &Prepared) -> Verdict {
        let mut scratch = std::mem::take(&mut self.scratch);
        scratch.clear();
        scratch.extend_from_slice(&packet.bytes);
        let verdict = self.process(packet, &mut scratch);
        self.scratch = scratch;
        verdict
    }

    /// Walks a packet in place. After that only its bytes are of any use.
    pub fn walk_in_place(&mut self, packet: &mut Prepared) -> Verdict {
        let mut bytes = std::mem::take(&mut packet.bytes);
        let verdict = self.process(packet, &mut bytes);
        packet.bytes = bytes;
        verdict
    }

    fn process(&mut self, packet: &Prepared, bytes: &mut [u8]) -> Verdict {
        self.n += 1;
        let mut datagram = Packet::from_parts(bytes, packet.headers, packet.headers.total_len);
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

/// How many live flows to measure with: of `counts` all, but only the first where benches are merely tried out, as `cargo test`
/// does.
pub fn live(counts: &[u32]) -> &[u32] {
    let measures = std::env::args().any(|argument| argument == "--bench");
    if measures { counts } else { counts.get(..1).unwrap_or_default() }
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
