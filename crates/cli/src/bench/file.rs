//! The scenario `replay`: from file to file, as `vpcemu replay IN -w OUT.pcap` does it.
//!
//! The capture is written into a temporary folder first, Ethernet frames from both sides of the VPC. What is timed is the
//! whole replay with everything that it does: reading, finding where packets enter, the engine, the summary, writing.
//!
//! A flow's first packets walk, in either direction, until it is a stream; what follows is what a replay costs a packet. So
//! that it is the pipeline that is measured, the capture has [`PACKETS_A_FLOW`] packets for each flow however few seconds are
//! asked for, up to [`MOST`] in all: from some 200,000 flows on, opening them has its share in the figure.

use std::fs::File;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use vpcemu_capture::{LinkType, PcapWriter};
use vpcemu_dataplane::Timeline;
use vpcemu_packet::build;
use vpcemu_replay::progress::Progress;
use vpcemu_replay::{At, CaptureInput, Finished, ReplayOptions};

use super::packets::Packets;
use super::rig;
use super::row::{Row, Spread, hundredths, name};
use super::scenario::{Ready, Request};
use crate::error::Error;

/// Runs: fewer than in memory, since each begins with opening the flows.
const RUNS: usize = 5;

/// Packets a second that are expected, by which the capture's length follows from the seconds asked for.
const RATE: f64 = 6e6;

/// Packets of the capture at least, behind those that open flows: several windows of the pipeline.
const LEAST: u64 = 1 << 18;

/// And at most: 400 MB of 64-byte ones.
const MOST: u64 = 4 << 20;

/// Packets for each flow, behind those that open it: the three or four that walk are a fifth of them.
const PACKETS_A_FLOW: u64 = 20;

/// Packets of a flow that walk at most: in either direction one that finds it new, and one that finds it a stream.
const WALKS_A_FLOW: u64 = 4;

/// Hosts that no one sends to: the link layer is not looked at.
const SRC: [u8; 6] = [2, 0, 0, 0, 0, 1];
const DST: [u8; 6] = [2, 0, 0, 0, 0, 2];

pub(crate) fn row(request: &Request, seconds: f64) -> Result<Row, Error> {
    let Ready { network, opening, packets, entries, .. } = request.prepare()?;
    let folder = tempfile::tempdir().map_err(|source| Error::Runtime { name: "a temporary folder", source })?;
    let input = folder.path().join("in.pcap");
    let output = folder.path().join("out.pcap");
    let wanted = (seconds / RUNS as f64 * RATE) as u64;
    let wanted = wanted.max(PACKETS_A_FLOW * u64::from(request.flows)).clamp(LEAST, MOST);
    let (count, bytes) = write(&input, &opening, &packets, wanted)?;

    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(|source| Error::Runtime { name: "the tokio runtime", source })?;
    let mut options = ReplayOptions::new(Arc::new(Timeline::compile(&[network])));
    options.captures.push(CaptureInput { path: input, at: At::Auto });
    options.workers = request.workers;
    options.packets = Some(output);
    options.annotate = false;
    let (mut reference, mut served) = rig::reference(&packets, entries);
    let (mut figures, mut reference_figures) = (Vec::new(), Vec::new());
    let mut total = Totals::default();
    for _ in 0..RUNS {
        let started = Instant::now();
        let finished = runtime.block_on(vpcemu_replay::replay(options.clone(), Arc::new(Progress::default())))?;
        figures.push(ns(started.elapsed(), count));
        check(&finished, count, u64::from(request.flows))?;
        total.add(&finished);
        let (timed, hits) = served.run_reference(&mut reference, LEAST.max(wanted));
        if hits != timed.packets {
            return Err(Error::Invalid("replay: the reference loop did not know every packet".to_owned()));
        }
        reference_figures.push(timed.ns_per_packet());
    }
    let (ns_per_packet, reference_ns) = (Spread::of(&figures), Spread::of(&reference_figures));
    Ok(Row {
        scenario: name(request.scenario),
        flows: u64::from(request.flows),
        workers: request.workers,
        size: request.size.into(),
        packets: total.packets,
        ns_per_packet,
        mpps: hundredths(1e3 / ns_per_packet.median),
        gbps: hundredths(8.0 * bytes as f64 / count as f64 / ns_per_packet.median),
        reference_ns,
        ratio: hundredths(ns_per_packet.min / reference_ns.min),
        latency_ns: None,
        cache_hits: total.hits,
        cache_misses: total.misses,
        new_flows: total.created,
        bytes_per_connection: None,
        delivered: total.delivered,
        dropped: total.dropped,
        rules: Some(request.rules),
        remotes: Some(request.peers()),
    })
}

#[derive(Default)]
struct Totals {
    packets: u64,
    delivered: u64,
    dropped: u64,
    created: u64,
    hits: u64,
    misses: u64,
}

impl Totals {
    fn add(&mut self, finished: &Finished) {
        let Finished { summary, cache, .. } = finished;
        self.packets += summary.packets.input;
        self.delivered += summary.packets.delivered;
        self.dropped += summary.packets.dropped;
        self.created += summary.connections.created;
        self.hits += cache.hits + cache.opened;
        self.misses += cache.misses;
    }
}

/// Writes the opening packets and so many more, and says how many that were, with how many bytes of IP.
fn write(path: &Path, opening: &Packets, packets: &Packets, wanted: u64) -> Result<(u64, u64), Error> {
    let unwritten =
        |error: String| Error::Invalid(format!("{}: the capture cannot be written: {error}", path.display()));
    let file = File::create(path).map_err(|error| unwritten(error.to_string()))?;
    let mut writer = PcapWriter::new(file, LinkType::ETHERNET).map_err(|error| unwritten(error.to_string()))?;
    let (mut count, mut bytes) = (0, 0);
    let more = packets.datagrams().cycle().take(usize::try_from(wanted).unwrap_or(usize::MAX));
    for datagram in opening.datagrams().chain(more) {
        let frame = build::ethernet(datagram, SRC, DST);
        let length = u32::try_from(frame.len()).unwrap_or(u32::MAX);
        writer.write(START + count * INTERVAL, length, &frame).map_err(|error| unwritten(error.to_string()))?;
        count += 1;
        bytes += datagram.len() as u64;
    }
    writer.finish().map_err(|error| unwritten(error.to_string()))?;
    Ok((count, bytes))
}

/// When the capture begins, and from one packet to the next, in nanoseconds.
const START: u64 = 1_750_000_000_000_000_000;
const INTERVAL: u64 = 1_000;

fn ns(spent: Duration, packets: u64) -> f64 {
    spent.as_nanos() as f64 / packets.max(1) as f64
}

/// Everything is delivered, in as many connections as there are flows, and the flow cache knows all but what opens them:
/// anything else is no measurement.
fn check(finished: &Finished, packets: u64, flows: u64) -> Result<(), Error> {
    let Finished { summary, cache, .. } = finished;
    let (input, delivered, created) = (summary.packets.input, summary.packets.delivered, summary.connections.created);
    let (hits, misses) = (cache.hits + cache.opened, cache.misses);
    if (input, delivered, created, hits + misses) == (packets, packets, flows, packets)
        && misses <= WALKS_A_FLOW * flows
    {
        return Ok(());
    }
    Err(Error::Invalid(format!(
        "replay: {packets} packets of {flows} flows were written; {input} were read and {delivered} delivered, {created} \
         connections made, and of {misses} packets the flow cache knew nothing: no figure for other work"
    )))
}
