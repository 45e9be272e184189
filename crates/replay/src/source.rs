//! The reader: captures merged by time into windows of batches, each packet stamped.

use std::sync::Arc;

use vpcemu_capture::{Merge, Reader};
use vpcemu_dataplane::{DropReason, SHARDS, ShardMap, Stamp, Timestamp};
use vpcemu_packet::{Framing, NotIp, Offloads, Packet};

use crate::Error;
use crate::batch::{Batch, Content, Forced, Item};
use crate::leaps::{Leaps, OUTLIER};
use crate::look::{Seen, Shards, bind, look};
use crate::options::{At, Binding, ReplayOptions, Start};
use crate::progress::Progress;
use crate::twins::Twins;

/// Packets a window: large enough that handing it over costs nothing a packet, small enough that two of them with full-size
/// frames stay below 200 MiB.
pub(crate) const WINDOW: usize = 65_536;

/// Bytes a window: more than that many packets of an Ethernet without jumbo frames have. Captures with segments of 64 KiB, as
/// hosts hand them to their network card, would need gigabytes.
const WINDOW_BYTES: usize = 128 << 20;

/// Of so many windows one is looked through for packets that were captured twice, where they are only counted: a capture that saw
/// everything at two places did so all the time, and looking takes a tenth of what the reader does.
const TWIN_WINDOWS: u64 = 8;

/// What the reader has to say at the end.
#[derive(Debug, Default)]
pub(crate) struct ReaderReport {
    pub(crate) errors: Vec<Error>,
    /// Packets whose time stamp was too far ahead to be believed.
    pub(crate) outliers: u64,
    /// Packets whose time stamp was as far behind.
    pub(crate) behind: u64,
    /// Packets with a copy shortly before, of how many that were looked at.
    pub(crate) twins: u64,
    pub(crate) looked_at: u64,
    pub(crate) end: Timestamp,
    /// Oddities of the captures that were tolerated.
    pub(crate) warnings: Vec<String>,
}

/// Reads windows.
pub(crate) struct Source {
    merge: Merge,
    names: Vec<String>,
    at: Vec<Option<Forced>>,
    shards: Shards,
    bindings: Vec<Binding>,
    offloads: Offloads,
    /// Whether nothing of most packets matters but where they come from and go to.
    plainly: bool,
    starts: Vec<Start>,
    dedup: bool,
    /// The worker of each shard.
    worker_of: [u8; SHARDS],
    progress: Arc<Progress>,
    n: u64,
    window: u64,
    now: Timestamp,
    /// The time at the end of the last window.
    before: Timestamp,
    /// Whether the first packet was seen, which sets the clock.
    begun: bool,
    /// When each configuration comes into force, once the first packet is known.
    changes: Vec<u64>,
    /// Of the window: its packets, its bytes, its last time stamp, and whether none is below the one before.
    packets: usize,
    bytes: usize,
    /// [`WINDOW_BYTES`], less in tests.
    window_bytes: usize,
    last: u64,
    ordered: bool,
    /// Of the window, if it is in order, the packets that are far behind what came before it.
    behind: u64,
    /// A packet whose addresses are bound.
    scratch: Vec<u8>,
    twins: Twins,
    looks_for_twins: bool,
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
            shards: Shards::new(map),
            bindings: options.bindings.clone(),
            offloads: options.offloads,
            plainly: options.offloads == Offloads::Tolerate && options.bindings.is_empty(),
            starts: options.starts.clone(),
            dedup: options.dedup,
            worker_of: std::array::from_fn(|shard| (shard % options.workers) as u8),
            progress,
            n: 0,
            window: 0,
            now: Timestamp::default(),
            before: Timestamp::default(),
            scratch: Vec::new(),
            begun: false,
            changes: Vec::new(),
            packets: 0,
            bytes: 0,
            window_bytes: WINDOW_BYTES,
            last: 0,
            ordered: true,
            behind: 0,
            twins: Twins::new(options.dedup),
            looks_for_twins: true,
            report,
        })
    }

    /// Whether every capture is Ethernet, by the first packet of each.
    pub(crate) fn is_all_ethernet(&self) -> bool {
        self.merge.head_link_types().all(|link_type| link_type.0 == Framing::Ethernet.link_type())
    }

    /// Fills one batch a worker with the next window. False when the input has ended.
    pub(crate) fn fill(&mut self, batches: &mut [Batch]) -> bool {
        (self.packets, self.bytes, self.last, self.ordered) = (0, 0, 0, true);
        self.looks_for_twins = self.dedup || self.window.is_multiple_of(TWIN_WINDOWS);
        let mut more = true;
        while self.packets < WINDOW && self.bytes < self.window_bytes {
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
        (self.report.twins, self.report.looked_at) = (self.twins.found(), self.twins.looked_at());
        self.report.errors.extend(self.merge.take_errors().into_iter().map(Error::from));
        self.report.warnings = self.merge.warnings();
        self.report
    }

    /// Takes the next packet into the batch of its worker. False when there is none.
    fn next(&mut self, batches: &mut [Batch]) -> Result<bool, Error> {
        let Some((source, record)) = self.merge.next() else { return Ok(false) };
        let Some(framing) = Framing::from_link_type(record.link_type.0) else {
            let file = self.names.get(source).cloned().unwrap_or_default();
            return Err(Error::LinkType { file, packet: record.number, link_type: record.link_type });
        };
        self.n += 1;
        self.progress.note_read(self.n);
        let timestamp = record.timestamp_ns;
        let mut frame = record.data;
        let mut original_len = record.original_len;
        let mut seen = Seen::refused(DropReason::NonIp);
        let mut link_len = 0;
        match framing.locate(frame) {
            Ok(link) => {
                link_len = link.offset;
                let original = original_len.saturating_sub(link_len as u32);
                seen = look(&mut self.shards, self.plainly, self.offloads, &frame[link_len..], original);
            }
            Err(NotIp::Truncated) => seen.content = Content::Refused(DropReason::Malformed),
            Err(_) => {}
        }
        if seen.content == Content::Packet {
            // What follows the datagram is the link's padding.
            frame = &frame[..frame.len().min(link_len + seen.total_len as usize)];
            original_len = (link_len as u32).saturating_add(seen.total_len);
            if self.looks_for_twins && self.twins.is_copy(&frame[link_len..], timestamp) && self.dedup {
                seen.content = Content::Copy;
            }
        }
        let Seen { content, mut shard, portless, headers, .. } = seen;
        let mut bound = None;
        if let Some(headers) = headers
            && !self.bindings.is_empty()
        {
            // Binding changes the addresses, and with them perhaps the shard.
            self.scratch.clear();
            self.scratch.extend_from_slice(frame);
            let mut packet = Packet::from_parts(&mut self.scratch[link_len..], headers, headers.total_len);
            if bind(&self.bindings, &mut packet) {
                shard = self.shards.of(packet.headers());
                bound = Some(headers.key());
                frame = &self.scratch;
            }
        }
        let worker = self.worker_of[usize::from(shard)];
        let batch = &mut batches[usize::from(worker)];
        let captured = bound.and_then(|key| batch.note_captured(key));
        let now = self.now.max(Timestamp(timestamp));
        let item = Item {
            // What is not ordered by time is stamped once more.
            stamp: Stamp { n: self.n, now, generation: generation(&self.changes, now) },
            timestamp,
            // A window ends with the packet that exceeds its bytes: neither offset nor length has more than 32 bits.
            start: batch.arena.len() as u32,
            len: frame.len() as u32,
            original_len,
            at: self.at.get(source).copied().flatten(),
            captured,
            // No framing that is known has a number of more than 16 bits.
            link_type: record.link_type.0 as u16,
            // The longest link-layer header, cooked with two VLAN tags, has 28 bytes.
            link_len: link_len as u8,
            shard,
            content,
            portless,
        };
        batch.arena.extend_from_slice(frame);
        batch.items.push(item);
        self.packets += 1;
        self.bytes += frame.len();
        self.ordered &= timestamp >= self.last && self.begun;
        self.behind += u64::from(timestamp.saturating_add(OUTLIER) < now.0);
        self.last = timestamp;
        self.now = now;
        if batches.len() > 1 {
            batches[0].order.push(worker);
        }
        Ok(true)
    }

    /// Gives every packet of the window its time: the running maximum, outliers aside, and the configuration of that time.
    fn stamp(&mut self, batches: &mut [Batch]) {
        // A time stamp that nothing later is below is taken back by nothing: the running maximum is right.
        let behind = std::mem::take(&mut self.behind);
        if self.ordered {
            self.report.behind += behind;
            self.before = self.now;
            return;
        }
        self.now = self.before;
        let mut cursors = vec![0; batches.len()];
        let mut next = |index: usize| {
            let worker = worker_of(batches, index);
            cursors[worker] += 1;
            (worker, cursors[worker] - 1)
        };
        let places: Vec<_> = (0..self.packets).map(&mut next).collect();
        let mut leaps = Leaps::of(places.iter().map(|(worker, at)| batches[*worker].items[*at].timestamp).collect());
        if !self.begun
            && let Some(first) = leaps.first()
        {
            self.begun = true;
            self.changes = self.starts.iter().map(|start| start.resolve(first)).collect();
            self.now = Timestamp(first);
        }
        for (index, (worker, at)) in places.into_iter().enumerate() {
            let item = &mut batches[worker].items[at];
            let time = item.timestamp;
            if time > self.now.0.saturating_add(OUTLIER) && leaps.is_taken_back(index) {
                self.report.outliers += 1;
            } else {
                self.report.behind += u64::from(time.saturating_add(OUTLIER) < self.now.0);
                self.now = self.now.max(Timestamp(time));
            }
            item.stamp.now = self.now;
            item.stamp.generation = generation(&self.changes, self.now);
        }
        self.before = self.now;
    }
}

/// Whose the `index`-th packet of a window is.
fn worker_of(batches: &[Batch], index: usize) -> usize {
    batches[0].order.get(index).copied().map_or(0, usize::from)
}

/// The last configuration whose time has come.
fn generation(changes: &[u64], now: Timestamp) -> u32 {
    let begun = changes.iter().filter(|start| **start <= now.0).count();
    u32::try_from(begun).unwrap_or(u32::MAX)
}

impl Start {
    fn resolve(self, first: u64) -> u64 {
        match self {
            Self::At(time) => time,
            Self::AfterFirst(after) => first.saturating_add(after),
        }
    }
}

#[cfg(test)]
mod tests {
    use vpcemu_capture::{LinkType, PcapWriter};
    use vpcemu_dataplane::Timeline;

    use super::*;
    use crate::CaptureInput;

    const SECOND: u64 = 1_000_000_000;

    /// A source of a capture with these time stamps, in seconds, a byte a packet.
    fn source(times: &[u64], starts: Vec<Start>) -> Source {
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
        // The file stays open.
        Source::open(&options, map, Arc::default()).unwrap()
    }

    /// The clock at each packet of a window, in seconds, and the configuration in force.
    fn stamps(batch: &Batch) -> Vec<(u64, u32)> {
        batch.items.iter().map(|item| (item.stamp.now.0 / SECOND, item.stamp.generation)).collect()
    }

    /// The clock at each packet of a capture with these time stamps, and how many of them were not believed.
    fn clock(times: &[u64], starts: Vec<Start>) -> (Vec<(u64, u32)>, u64) {
        let mut source = source(times, starts);
        let mut batches = vec![Batch::default()];
        assert!(!source.fill(&mut batches));
        (stamps(&batches[0]), source.finish().outliers)
    }

    #[test]
    fn windows_end_by_their_bytes_and_time_goes_on() {
        let mut source = source(&[100, 101, 102, 101, 9000, 103, 104], Vec::new());
        source.window_bytes = 3;
        let mut windows = Vec::new();
        loop {
            let mut batches = vec![Batch::default()];
            let more = source.fill(&mut batches);
            let last = stamps(&batches[0]).last().map_or(104, |(time, _)| *time);
            assert_eq!(batches[0].end.0 / SECOND, last);
            windows.push(stamps(&batches[0]).into_iter().map(|(time, _)| time).collect::<Vec<_>>());
            if !more {
                break;
            }
        }
        assert_eq!(windows, [vec![100, 101, 102], vec![102, 102, 103], vec![104]]);
        assert_eq!(source.finish().outliers, 1);
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
    fn one_packet_that_is_late_does_not_hold_up_the_others() {
        let times = [4000, 4020, 4040, 100, 4060];
        let mut source = source(&times, vec![Start::AfterFirst(30 * SECOND)]);
        let mut batches = vec![Batch::default()];
        assert!(!source.fill(&mut batches));
        assert_eq!(stamps(&batches[0]), [(4000, 0), (4020, 0), (4040, 1), (4040, 1), (4060, 1)]);
        let report = source.finish();
        assert_eq!((report.outliers, report.behind), (0, 1));
        // Windows are judged one by one: what the next one begins with is behind.
        let mut source = self::source(&[100, 9000, 9001, 102, 103], Vec::new());
        source.window_bytes = 3;
        while source.fill(&mut [Batch::default()]) {}
        let report = source.finish();
        assert_eq!((report.outliers, report.behind), (0, 2));
    }

    #[test]
    fn configurations_come_into_force_by_the_clock() {
        let starts = vec![Start::AfterFirst(5 * SECOND), Start::AfterFirst(8 * SECOND)];
        let expected = [(100, 0), (105, 1), (105, 1), (109, 2)];
        assert_eq!(clock(&[100, 105, 101, 109], starts), (expected.to_vec(), 0));
    }
}
