//! The user's own network and packets, looped in memory.
//!
//! State is kept from loop to loop, and time moves on: a loop begins a mean gap behind the end of the one before. Packets
//! that are no whole datagrams (fragments, other protocols, damage) are left out, and their number is told. Packets that
//! were captured behind a translation are put in front of it each time they come, as a replay does.

use std::collections::{HashMap, HashSet};
use std::net::{IpAddr, Ipv6Addr};
use std::path::Path;
use std::sync::Arc;

use vpcemu_capture::Reader;
use vpcemu_dataplane::fabric::address;
use vpcemu_dataplane::{Fabric, Options, Timeline, Timestamp};
use vpcemu_packet::{FlowKey, Fragment, Framing, Headers, IpVersion, Offloads, Packet, Transport};

use super::measure::{About, Promise, Subject};
use super::packets::{MAX_BYTES, Packets};
use super::rig::{self, Rig};
use super::row::Size;
use super::scenario::{REMOTES, REMOTES_V6};
use crate::config;
use crate::error::Error;
use vpcemu_import::Choice;

/// A datagram of the capture, and when it was seen.
struct Seen {
    bytes: Vec<u8>,
    headers: Headers,
    at: u64,
}

/// A network and the packets for it, read.
pub(crate) struct Capture {
    name: String,
    timeline: Arc<Timeline>,
    seen: Vec<Seen>,
}

impl Capture {
    /// Reads both. Says on standard error what is left out.
    pub(crate) fn read(config: &Path, binds: &[String], file: &Path) -> Result<Self, Error> {
        config::refuse_hosts(binds)?;
        let network = config::load(config, Choice { vpc: None, binds })?.network;
        let (seen, left_out) = read(file)?;
        let name = file.display().to_string();
        if seen.is_empty() {
            return Err(Error::Usage(format!("{name}: no whole IP datagram is in it, so there is nothing to measure")));
        }
        if left_out > 0 {
            let all = left_out + seen.len() as u64;
            eprintln!(
                "vpcemu: warning: {name}: {left_out} of {all} packets are left out: fragments, damaged, or not IP"
            );
        }
        Ok(Self { name, timeline: Arc::new(Timeline::compile(&[network])), seen })
    }

    /// Spreads remotes, and brings engines to the end of the first loop.
    pub(crate) fn prepare(&self, remotes: Option<u32>, workers: usize) -> Result<Subject, Error> {
        let Self { name, timeline, seen } = self;
        let fabric = timeline.fabric(0);
        let first = seen.iter().map(|packet| packet.at).min().unwrap_or_default();
        let last = seen.iter().map(|packet| packet.at).max().unwrap_or_default();
        let gap = ((last - first) / seen.len() as u64).max(1);

        let mut rig = Rig::new(timeline, workers, Timestamp(first), Options::default());
        let mut packets = Packets { period: last - first + gap, ..Packets::default() };
        let mut flows: HashSet<FlowKey> = HashSet::new();
        let spread = Spreading::over(fabric, seen, remotes).map_err(|text| Error::Usage(format!("{text}: {name}")))?;
        for packet in seen {
            for copy in 0..spread.copies {
                let Some(bytes) = spread.copy(fabric, packet, copy) else { continue };
                let len = u32::try_from(bytes.len()).unwrap_or(u32::MAX);
                let key = Headers::parse(&bytes, len, Offloads::Tolerate).map(|headers| headers.key());
                flows.extend(key.map(|key| key.min(key.reversed())));
                let entrance = rig.place(&bytes, packet.at);
                if !packets.push(&bytes, entrance, packet.at - first, false) {
                    let most = MAX_BYTES >> 30;
                    let text = format!("{name}: spread over so many remotes its packets take more than {most} GiB");
                    return Err(Error::Usage(text));
                }
            }
        }
        rig.now = Timestamp(first + packets.period);
        let packets = Arc::new(packets);
        let feeds = rig.feeds(&packets);
        let live = rig.live();
        let about = About {
            scenario: "capture".to_owned(),
            flows: flows.len() as u64,
            size: Size::Bytes(packets.bytes.len() as u64 / packets.len() as u64),
            rules: None,
            remotes: Some(spread.remotes),
            promise: Promise::Nothing,
            connections: (live > 0).then_some(live),
        };
        let reference = rig::reference(&packets, packets.len());
        Ok(Subject { about, rig, feeds, reference })
    }
}

/// The datagrams of a capture in the order of the file, and how many packets are none. Damage is an error: half a
/// capture would be other traffic.
fn read(file: &Path) -> Result<(Vec<Seen>, u64), Error> {
    let damaged = |error: vpcemu_capture::Error| Error::Invalid(error.to_string());
    let mut reader = Reader::open(file).map_err(damaged)?;
    let (mut seen, mut left_out) = (Vec::new(), 0);
    while let Some(record) = reader.next().map_err(damaged)? {
        let located = Framing::from_link_type(record.link_type.0).map(|framing| framing.locate(record.data));
        let Some(Ok(link)) = located else {
            left_out += 1;
            continue;
        };
        let datagram = &record.data[link.offset..];
        let parsed = Headers::parse(datagram, u32::try_from(datagram.len()).unwrap_or(u32::MAX), Offloads::Tolerate);
        match parsed {
            Ok(headers)
                if headers.fragment == Fragment::None
                    && !matches!(headers.transport, Transport::Missing)
                    && headers.total_len as usize <= datagram.len() =>
            {
                // What follows the datagram is the link's padding.
                let bytes = datagram[..headers.total_len as usize].to_vec();
                seen.push(Seen { bytes, headers, at: record.timestamp_ns });
            }
            _ => left_out += 1,
        }
    }
    Ok((seen, left_out))
}

/// Remotes in place of others: so many copies of the capture side by side, the first as it was.
struct Spreading {
    copies: u32,
    /// How many remotes there are in the end.
    remotes: u32,
    /// Each remote of the capture, and its place among those of its IP version.
    places: HashMap<IpAddr, u32>,
    /// How many remotes of each version the capture has.
    own: [u32; 2],
}

impl Spreading {
    /// Over `wanted` remotes, or over those that there are.
    fn over(fabric: &Fabric, seen: &[Seen], wanted: Option<u32>) -> Result<Self, String> {
        let (mut places, mut own) = (HashMap::new(), [0u32; 2]);
        for packet in seen {
            if let Some(remote) = remote(fabric, packet) {
                let count = &mut own[version(remote)];
                places.entry(remote).or_insert_with(|| {
                    *count += 1;
                    *count - 1
                });
            }
        }
        let there = own[0] + own[1];
        let Some(wanted) = wanted else { return Ok(Self { copies: 1, remotes: there, places, own }) };
        if there == 0 {
            return Err(format!("--remotes {wanted}: every address of this capture belongs to the VPC"));
        }
        if wanted < there {
            return Err(format!(
                "--remotes {wanted}: there are {there} remotes already, and none is taken away, in this capture"
            ));
        }
        Ok(Self { copies: wanted.div_ceil(there), remotes: wanted, places, own })
    }

    /// The packet in one of the copies. None if that copy has enough remotes without it.
    fn copy(&self, fabric: &Fabric, packet: &Seen, copy: u32) -> Option<Vec<u8>> {
        let mut bytes = packet.bytes.clone();
        if copy == 0 {
            return Some(bytes);
        }
        let old = remote(fabric, packet)?;
        let place = self.places.get(&old)?;
        let there = self.own[0] + self.own[1];
        // Places count over both versions, IPv4 first, so that the last copy can be cut short.
        let overall = if old.is_ipv4() { *place } else { self.own[0] + place };
        if copy * there + overall >= self.remotes {
            return None;
        }
        let number = copy * self.own[version(old)] + place;
        let new = match old {
            IpAddr::V4(_) => IpAddr::V4(std::net::Ipv4Addr::from_bits(REMOTES.to_bits() + number)),
            IpAddr::V6(_) => IpAddr::V6(Ipv6Addr::from_bits(REMOTES_V6.to_bits() + u128::from(number))),
        };
        let len = u32::try_from(bytes.len()).unwrap_or(u32::MAX);
        let mut rewritten = Packet::from_parts(&mut bytes, packet.headers, len);
        if packet.headers.src == old {
            rewritten.set_src(new);
        } else {
            rewritten.set_dst(new);
        }
        if let Transport::IcmpError { quote: Some(quote), .. } = packet.headers.transport {
            if quote.src == old {
                rewritten.set_quote_src(new);
            }
            if quote.dst == old {
                rewritten.set_quote_dst(new);
            }
        }
        Some(bytes)
    }
}

/// The one address of a packet that the VPC does not own.
fn remote(fabric: &Fabric, packet: &Seen) -> Option<IpAddr> {
    let (src, dst) = (packet.headers.src, packet.headers.dst);
    // Link-local addresses are those of services.
    let spreads = |of: IpAddr| !of.is_multicast() && !address::stays_local(of);
    match (fabric.is_owned(src), fabric.is_owned(dst)) {
        (true, false) if spreads(dst) => Some(dst),
        (false, true) if spreads(src) => Some(src),
        _ => None,
    }
}

fn version(address: IpAddr) -> usize {
    match address {
        IpAddr::V4(_) => IpVersion::V4 as usize,
        IpAddr::V6(_) => IpVersion::V6 as usize,
    }
}
