//! The reader: captures merged by time into windows of batches, each packet stamped.

use std::net::IpAddr;
use std::sync::Arc;

use hashbrown::HashMap;
use vpcemu_capture::{Merge, Reader};
use vpcemu_dataplane::shard::hash::Mix;
use vpcemu_dataplane::{DropReason, ShardMap, Stamp, Timestamp};
use vpcemu_packet::{Framing, Headers, NotIp, Offloads, Packet};

use crate::Error;
use crate::batch::{Batch, Content, Forced, Item};
use crate::options::{At, Binding, ReplayOptions, Start};
use crate::progress::Progress;

/// Packets a window: large enough that handing it over costs nothing a packet, small enough that two of them with full-size
/// frames stay below 200 MiB.
pub(crate) const WINDOW: usize = 65_536;

/// A forward jump of the clock that the same window takes back is an outlier only from this size on: the shortest timer
/// of the engine, so that smaller ones cannot make anything expire.
const OUTLIER: u64 = 10_000_000_000;

/// Two copies of a packet lie at most this far apart: TCP retransmits after 200 ms at the earliest (Linux's TCP_RTO_MIN).
const TWIN_GAP: u64 = 50_000_000;

/// Packets among which a twin is looked for.
const TWIN_MEMORY: usize = 16_384;

/// What the reader has to say at the end.
#[derive(Debug, Default)]
pub(crate) struct ReaderReport {
    pub(crate) errors: Vec<Error>,
    /// Packets whose time stamp was an outlier.
    pub(crate) outliers: u64,
    /// Packets with a copy shortly before.
    pub(crate) twins: u64,
    pub(crate) end: Timestamp,
    /// Oddities of the captures that were tolerated.
    pub(crate) warnings: Vec<String>,
}

/// Reads windows.
pub(crate) struct Source {
    merge: Merge,
    names: Vec<String>,
    at: Vec<Option<Forced>>,
    map: Arc<ShardMap>,
    bindings: Vec<Binding>,
    offloads: Offloads,
    starts: Vec<Start>,
    dedup: bool,
    workers: usize,
    progress: Arc<Progress>,
    n: u64,
    window: u64,
    now: Timestamp,
    /// Whether the first packet was seen, which sets the clock.
    begun: bool,
    /// When each configuration comes into force, once the first packet is known.
    changes: Vec<u64>,
    times: Vec<(usize, usize, u64)>,
    twins: Twins,
    report: ReaderReport,
}

impl Source {
    /// Opens the captures. One that cannot be opened is reported at the end, unless none can.
    pub(crate) fn open(options: &ReplayOptions, map: Arc<ShardMap>, progress: Arc<Progress>) -> Result<Self, Error> {
        let mut readers = Vec::new();
        let (mut names, mut at) = (Vec::new(), Vec::new());
        let mut errors = Vec::new();
        for capture in &options.captures {
            match Reader::open(&capture.path) {
                Ok(reader) => {
                    names.push(reader.name().to_owned());
                    readers.push(reader);
                    at.push(match capture.at {
                        At::Auto => None,
                        At::Internet => Some(Forced::Internet),
                        At::Interface(eni) => Some(Forced::Interface(eni)),
                        At::Edge(edge) => Some(Forced::Edge(edge)),
                    });
                }
                Err(error) if options.captures.len() == 1 => return Err(error.into()),
                Err(error) => errors.push(error.into()),
            }
        }
        let report = ReaderReport { errors, ..ReaderReport::default() };
        Ok(Self {
            merge: Merge::new(readers),
            names,
            at,
            map,
            bindings: options.bindings.clone(),
            offloads: options.offloads,
            starts: options.starts.clone(),
            dedup: options.dedup,
            workers: options.workers,
            progress,
            n: 0,
            window: 0,
            now: Timestamp::default(),
            begun: false,
            changes: Vec::new(),
            times: Vec::new(),
            twins: Twins::default(),
            report,
        })
    }

    /// Whether every capture is Ethernet, by the first packet of each.
    pub(crate) fn is_all_ethernet(&self) -> bool {
        self.merge.head_link_types().all(|link_type| link_type.0 == Framing::Ethernet.link_type())
    }

    /// Fills one batch a worker with the next window. False when the input has ended.
    pub(crate) fn fill(&mut self, batches: &mut [Batch]) -> bool {
        self.times.clear();
        let mut more = true;
        while self.times.len() < WINDOW {
            if self.progress.is_cancelled() {
                more = false;
                break;
            }
            match self.next(batches) {
                Ok(true) => {}
                Ok(false) => {
                    more = false;
                    break;
                }
                Err(error) => {
                    self.report.errors.push(error);
                    more = false;
                    break;
                }
            }
        }
        self.stamp(batches);
        for batch in batches {
            batch.window = self.window;
            batch.end = self.now;
        }
        self.window += 1;
        more
    }

    /// The end of the input.
    pub(crate) fn finish(mut self) -> ReaderReport {
        self.report.end = self.now;
        self.report.twins = self.twins.found;
        self.report.errors.extend(self.merge.take_errors().into_iter().map(Error::from));
        self.report.warnings = self.merge.warnings();
        self.report
    }

    fn next(&mut self, batches: &mut [Batch]) -> Result<bool, Error> {
        let Some((source, record)) = self.merge.next() else { return Ok(false) };
        let Some(framing) = Framing::from_link_type(record.link_type.0) else {
            let file = self.names.get(source).cloned().unwrap_or_default();
            return Err(Error::LinkType { file, packet: record.number, link_type: record.link_type });
        };
        self.n += 1;
        let timestamp = record.timestamp_ns;
        let located = framing.locate(record.data);
        let link_len = located.as_ref().map_or(0, |link| link.offset);
        let mut frame = record.data;
        let mut parsed = match located {
            Err(NotIp::Truncated) => Err(DropReason::Malformed),
            Err(_) => Err(DropReason::NonIp),
            Ok(link) => {
                let datagram = &record.data[link.offset..];
                let original = record.original_len.saturating_sub(u32::try_from(link.offset).unwrap_or(u32::MAX));
                let headers = Headers::parse(datagram, original, self.offloads).map_err(|_| DropReason::Malformed);
                if let Ok(headers) = &headers {
                    // What follows the datagram is the link's padding.
                    frame = &record.data[..record.data.len().min(link.offset + headers.total_len as usize)];
                }
                headers
            }
        };
        let original_len = match &parsed {
            Ok(headers) => u32::try_from(link_len).unwrap_or(u32::MAX).saturating_add(headers.total_len),
            Err(_) => record.original_len,
        };
        let twin = parsed.is_ok() && self.twins.is_copy(&frame[link_len..], timestamp);
        let mut captured = None;
        let shard = parsed.as_ref().map_or(0, |headers| self.map.shard(headers));
        let mut worker = usize::from(shard) % self.workers;
        let mut shard = shard;
        // Binding changes the addresses, and with them perhaps the shard.
        let mut bound: Option<Vec<u8>> = None;
        if let Ok(headers) = &mut parsed
            && !self.bindings.is_empty()
        {
            let mut bytes = frame.to_vec();
            let mut packet = Packet::from_parts(&mut bytes[link_len..], *headers, headers.total_len);
            let before = packet.key();
            if bind(&self.bindings, &mut packet) {
                *headers = *packet.headers();
                captured = Some(before);
                shard = self.map.shard(headers);
                worker = usize::from(shard) % self.workers;
                bound = Some(bytes);
            }
        }
        let frame = bound.as_deref().unwrap_or(frame);
        let batch = &mut batches[worker];
        let start = batch.arena.len();
        batch.arena.extend_from_slice(frame);
        let content = match parsed {
            Ok(headers) => Content::Packet {
                headers,
                captured,
                at: self.at.get(source).copied().flatten(),
                twin: twin && self.dedup,
            },
            Err(reason) => Content::Refused(reason),
        };
        self.times.push((worker, batch.items.len(), timestamp));
        batch.items.push(Item {
            stamp: Stamp { n: self.n, now: Timestamp::default(), generation: 0 },
            timestamp,
            start,
            len: frame.len(),
            link_len,
            link_type: record.link_type.0,
            original_len,
            shard,
            content,
        });
        Ok(true)
    }

    /// Gives every packet of the window its time: the running maximum, outliers aside, and the configuration of that time.
    fn stamp(&mut self, batches: &mut [Batch]) {
        let mut later = vec![u64::MAX; self.times.len() + 1];
        for (index, (_, _, time)) in self.times.iter().enumerate().rev() {
            later[index] = later[index + 1].min(*time);
        }
        for (index, (worker, item, time)) in std::mem::take(&mut self.times).into_iter().enumerate() {
            if !self.begun {
                self.begun = true;
                self.changes = self.starts.iter().map(|start| start.resolve(time)).collect();
                self.now = Timestamp(time.min(later[index]));
            }
            let taken_back = later[index + 1] != u64::MAX && later[index + 1].saturating_add(OUTLIER) < time;
            if time > self.now.0.saturating_add(OUTLIER) && taken_back {
                self.report.outliers += 1;
            } else {
                self.now = self.now.max(Timestamp(time));
            }
            let generation = self.generation(self.now);
            let stamp = &mut batches[worker].items[item].stamp;
            stamp.now = self.now;
            stamp.generation = generation;
        }
    }

    /// The last configuration whose time has come.
    fn generation(&self, now: Timestamp) -> u32 {
        let begun = self.changes.iter().filter(|start| **start <= now.0).count();
        u32::try_from(begun).unwrap_or(u32::MAX)
    }
}

impl Start {
    fn resolve(self, first: u64) -> u64 {
        match self {
            Self::At(time) => time,
            Self::AfterFirst(after) => first.saturating_add(after),
        }
    }
}

/// Puts interfaces' addresses in place of the hosts that stand for them.
fn bind(bindings: &[Binding], packet: &mut Packet<'_>) -> bool {
    let becomes =
        |address: IpAddr| bindings.iter().find(|binding| binding.host == address).map(|binding| binding.becomes);
    let headers = *packet.headers();
    let mut changed = false;
    if let Some(address) = becomes(headers.src) {
        packet.set_src(address);
        changed = true;
    }
    if let Some(address) = becomes(headers.dst) {
        packet.set_dst(address);
        changed = true;
    }
    if let vpcemu_packet::Transport::IcmpError { quote: Some(quote), .. } = headers.transport {
        if let Some(address) = becomes(quote.src) {
            packet.set_quote_src(address);
            changed = true;
        }
        if let Some(address) = becomes(quote.dst) {
            packet.set_quote_dst(address);
            changed = true;
        }
    }
    changed
}

/// Finds packets that were captured twice: alike but for what a router changes on the way.
#[derive(Debug, Default)]
struct Twins {
    seen: HashMap<u64, u64, foldhash::fast::FixedState>,
    found: u64,
}

impl Twins {
    fn is_copy(&mut self, datagram: &[u8], timestamp: u64) -> bool {
        if self.seen.len() >= TWIN_MEMORY {
            self.seen.retain(|_, time| timestamp.saturating_sub(*time) <= TWIN_GAP);
            if self.seen.len() >= TWIN_MEMORY {
                self.seen.clear();
            }
        }
        let digest = digest(datagram);
        let before = self.seen.insert(digest, timestamp);
        let copy = before.is_some_and(|before| timestamp.abs_diff(before) <= TWIN_GAP);
        self.found += u64::from(copy);
        copy
    }
}

/// A digest of a datagram without TTL and IPv4 header checksum, or without hop limit.
fn digest(datagram: &[u8]) -> u64 {
    let v4 = datagram.first().is_some_and(|byte| byte >> 4 == 4);
    let skip: &[usize] = if v4 { &[8, 10, 11] } else { &[7] };
    let mut mix = Mix::new(datagram.len() as u64);
    for (index, chunk) in datagram.chunks(8).enumerate() {
        let mut word = [0; 8];
        word[..chunk.len()].copy_from_slice(chunk);
        for hole in skip.iter().filter(|hole| **hole / 8 == index) {
            word[hole % 8] = 0;
        }
        mix = mix.word(u64::from_le_bytes(word));
    }
    mix.finish()
}

#[cfg(test)]
mod tests {
    use vpcemu_capture::{LinkType, PcapWriter};
    use vpcemu_dataplane::Timeline;

    use super::*;
    use crate::CaptureInput;

    const SECOND: u64 = 1_000_000_000;

    /// The clock at each packet of a capture with these time stamps, in seconds, and how many of them were not believed.
    fn clock(times: &[u64], starts: Vec<Start>) -> (Vec<(u64, u32)>, u64) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("times.pcap");
        let mut writer = PcapWriter::new(std::fs::File::create(&path).unwrap(), LinkType::RAW).unwrap();
        for time in times {
            writer.write(time * SECOND, 1, b"x").unwrap();
        }
        writer.finish().unwrap();
        let network = vpcemu_model::native::parse("net.toml", "[vpc.main]\ncidrs = [\"10.0.0.0/16\"]").unwrap().network;
        let timeline = Arc::new(Timeline::compile(&[network]));
        let map = Arc::new(ShardMap::new(&timeline));
        let mut options = ReplayOptions { starts, ..ReplayOptions::new(timeline) };
        options.captures.push(CaptureInput { path, at: At::Auto });
        let mut source = Source::open(&options, map, Arc::default()).unwrap();
        let mut batches = vec![Batch::default()];
        assert!(!source.fill(&mut batches));
        let stamps = batches[0].items.iter().map(|item| (item.stamp.now.0 / SECOND, item.stamp.generation)).collect();
        (stamps, source.finish().outliers)
    }

    #[test]
    fn the_clock_never_goes_back() {
        let expected = [100, 105, 105, 105, 106].map(|time| (time, 0));
        assert_eq!(clock(&[100, 105, 101, 103, 106], Vec::new()), (expected.to_vec(), 0));
    }

    #[test]
    fn a_leap_that_is_taken_back_is_not_believed() {
        let expected = [100, 100, 101].map(|time| (time, 0));
        assert_eq!(clock(&[100, 9000, 101], Vec::new()), (expected.to_vec(), 1));
        // Nobody takes this one back.
        let expected = [100, 9000, 9001].map(|time| (time, 0));
        assert_eq!(clock(&[100, 9000, 9001], Vec::new()), (expected.to_vec(), 0));
        // Nor is the first of all the measure of the others.
        let expected = [100, 100].map(|time| (time, 0));
        assert_eq!(clock(&[9000, 100], Vec::new()), (expected.to_vec(), 1));
    }

    #[test]
    fn configurations_come_into_force_by_the_clock() {
        let starts = vec![Start::AfterFirst(5 * SECOND), Start::AfterFirst(8 * SECOND)];
        let expected = [(100, 0), (105, 1), (105, 1), (109, 2)];
        assert_eq!(clock(&[100, 105, 101, 109], starts), (expected.to_vec(), 0));
    }
}
