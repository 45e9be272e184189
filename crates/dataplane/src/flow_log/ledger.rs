//! Sums by window: of packets that walked at once, of packets that the flow cache knew when their window is over.

use std::collections::BTreeMap;

use smallvec::SmallVec;
use vpcemu_packet::TcpFlags;

use super::{Leg, Logged, Passed, Sum};
use crate::fabric::FixedMap;
use crate::prefetch::prefetch;
use crate::time::Timestamp;

/// What passed, of the flows of one worker.
#[derive(Debug)]
pub(crate) struct Ledger {
    /// The length of a window, in seconds.
    length: u64,
    /// When the second of the packet last counted begins, in nanoseconds since the epoch.
    begins: u64,
    /// The window of that second, and how many seconds of it are over.
    window: u32,
    offset: u16,
    /// By record of the flow cache.
    pages: Vec<Page>,
    /// What the packets of a record pass, likewise.
    legs: Vec<SmallVec<[Leg; 4]>>,
    /// Records whose pages are not empty.
    written: Vec<u32>,
    sums: BTreeMap<u32, FixedMap<Leg, Sum>>,
}

/// What passed by one record of the flow cache in one window. A million flows have two million of them: the smaller they are, the
/// more of them are near.
#[derive(Clone, Copy, Debug, Default)]
#[repr(C, align(16))]
struct Page {
    packets: u32,
    bytes: u32,
    window: u32,
    /// Seconds since the window began.
    first: u16,
    last: u16,
}

const _: () = assert!(size_of::<Page>() == 16, "four of them are a cache line");

impl Ledger {
    /// Empty, with windows of so many seconds.
    pub(crate) fn new(seconds: u16) -> Self {
        Self {
            length: seconds.max(1).into(),
            begins: 0,
            window: 0,
            offset: 0,
            pages: Vec::new(),
            legs: Vec::new(),
            written: Vec::new(),
            sums: BTreeMap::new(),
        }
    }

    /// Counts a packet that walked, with its flags if it is a TCP segment.
    pub(crate) fn note(&mut self, now: Timestamp, flags: Option<TcpFlags>, legs: &[Passed]) {
        let window = self.window_of(now);
        let sums = self.sums.entry(window).or_default();
        for Passed { leg, length } in legs {
            sums.entry(*leg).or_default().add(&Sum::of_packet(*length, now.second(), flags));
        }
    }

    /// From now on the packets of a record pass these.
    pub(crate) fn open(&mut self, record: u32, legs: &[Leg]) {
        self.close(record);
        let index = record as usize;
        if self.legs.len() <= index {
            self.legs.resize_with(index + 1, SmallVec::new);
            self.pages.resize(index + 1, Page::default());
        }
        self.legs[index] = SmallVec::from_slice(legs);
    }

    /// A record is given up: what it counted is kept.
    pub(crate) fn close(&mut self, record: u32) {
        if (record as usize) < self.pages.len() {
            self.settle(record);
        }
    }

    /// Asks for the page of a record.
    #[inline]
    pub(crate) fn prefetch(&self, record: u32) {
        if let Some(page) = self.pages.get(record as usize) {
            prefetch(page);
        }
    }

    /// Counts a packet that the flow cache knew.
    #[inline]
    pub(crate) fn count(&mut self, record: u32, now: Timestamp, bytes: u16) {
        let window = self.window_of(now);
        let (offset, bytes) = (self.offset, u32::from(bytes));
        let Some(page) = self.pages.get_mut(record as usize) else { return };
        if page.packets > 0 && (page.window != window || page.bytes > u32::MAX - bytes) {
            self.settle(record);
        }
        let page = &mut self.pages[record as usize];
        if page.packets == 0 {
            (page.first, page.window) = (offset, window);
            self.written.push(record);
        }
        page.packets += 1;
        page.bytes += bytes;
        page.last = offset;
    }

    /// Everything of windows that are over at `now`, in order.
    pub(crate) fn take_over(&mut self, now: Timestamp) -> Vec<Logged> {
        let window = self.window_of(now);
        let mut written = std::mem::take(&mut self.written);
        written.retain(|record| {
            let page = self.pages[*record as usize];
            let over = page.packets > 0 && page.window < window;
            if over {
                self.settle(*record);
            }
            self.pages[*record as usize].packets > 0
        });
        // A record that turned its page is there twice.
        written.sort_unstable();
        written.dedup();
        self.written = written;
        let open = self.sums.split_off(&window);
        let over = std::mem::replace(&mut self.sums, open);
        in_order(over)
    }

    /// Everything.
    pub(crate) fn take_all(&mut self) -> Vec<Logged> {
        for record in std::mem::take(&mut self.written) {
            self.settle(record);
        }
        in_order(std::mem::take(&mut self.sums))
    }

    /// What a record counted is added to its window, and its page is empty. Not inline: of most packets it is not asked.
    #[inline(never)]
    fn settle(&mut self, record: u32) {
        let page = std::mem::take(&mut self.pages[record as usize]);
        if page.packets == 0 {
            return;
        }
        let Page { bytes, first, last, packets, window } = page;
        let second = |offset: u16| u64::from(window) * self.length + u64::from(offset);
        let (first, last) = (second(first), second(last));
        // The cache does not know what has SYN, FIN or RST.
        let sum = Sum { packets: packets.into(), bytes: bytes.into(), first, last, tcp_flags: 0 };
        let sums = self.sums.entry(window).or_default();
        for leg in &self.legs[record as usize] {
            sums.entry(*leg).or_default().add(&sum);
        }
    }

    #[inline]
    fn window_of(&mut self, now: Timestamp) -> u32 {
        if now.0.wrapping_sub(self.begins) >= NANOSECONDS {
            self.look_up(now);
        }
        self.window
    }

    #[inline(never)]
    fn look_up(&mut self, now: Timestamp) {
        let second = now.second();
        self.begins = second * NANOSECONDS;
        // Windows of a second are enough of them until the year 2106.
        self.window = u32::try_from(second / self.length).unwrap_or(u32::MAX);
        // Less than the length, which has 16 bits.
        self.offset = (second % self.length) as u16;
    }
}

const NANOSECONDS: u64 = 1_000_000_000;

fn in_order(sums: BTreeMap<u32, FixedMap<Leg, Sum>>) -> Vec<Logged> {
    let mut all = Vec::new();
    for (window, sums) in sums {
        let first = all.len();
        all.extend(sums.into_iter().map(|(leg, sum)| Logged { window: window.into(), leg, sum }));
        all[first..].sort_unstable_by_key(|logged: &Logged| logged.leg);
    }
    all
}
