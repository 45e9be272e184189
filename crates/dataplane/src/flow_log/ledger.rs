//! Sums by window: of packets that walked at once, of packets that the flow cache knew when their window is over.

use std::collections::BTreeMap;

use smallvec::SmallVec;
use vpcemu_packet::FlowKey;

use super::{Leg, Logged, Sum};
use crate::fabric::FixedMap;
use crate::prefetch::prefetch;
use crate::time::Timestamp;

/// What passed, of the flows of one worker.
#[derive(Debug)]
pub(crate) struct Ledger {
    /// The length of a window, in nanoseconds.
    length: u64,
    /// The window of the packet last counted, and when it ends.
    window: u32,
    ends: u64,
    begins: u64,
    /// By record of the flow cache.
    pages: Vec<Page>,
    /// What the packets of a record pass, likewise.
    legs: Vec<SmallVec<[Leg; 4]>>,
    /// Records whose pages are not empty.
    written: Vec<u32>,
    sums: BTreeMap<u32, FixedMap<Leg, Sum>>,
}

/// What passed by one record of the flow cache in one window: half a cache line.
#[derive(Clone, Copy, Debug, Default)]
#[repr(C, align(32))]
struct Page {
    bytes: u64,
    first: u64,
    last: u64,
    packets: u32,
    window: u32,
}

const _: () = assert!(size_of::<Page>() == 32, "two of them are a cache line");

impl Ledger {
    /// Empty, with windows of so many seconds.
    pub(crate) fn new(seconds: u32) -> Self {
        Self {
            length: u64::from(seconds.max(1)) * NANOSECONDS,
            window: 0,
            ends: 0,
            begins: 0,
            pages: Vec::new(),
            legs: Vec::new(),
            written: Vec::new(),
            sums: BTreeMap::new(),
        }
    }

    /// Counts a packet that walked. What the flow cache knows does not change its IP version.
    pub(crate) fn note(&mut self, now: Timestamp, injected: &FlowKey, legs: &[Leg], sum: Sum) {
        let window = self.window_of(now);
        let sums = self.sums.entry(window).or_default();
        for leg in legs {
            sums.entry(*leg).or_default().add(&sum.at(leg, injected));
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
        let Some(page) = self.pages.get_mut(record as usize) else { return };
        if page.packets > 0 && page.window != window {
            self.settle(record);
        }
        let page = &mut self.pages[record as usize];
        if page.packets == 0 {
            (page.first, page.window) = (now.0, window);
            self.written.push(record);
        }
        page.packets += 1;
        page.bytes += u64::from(bytes);
        page.last = now.0;
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
        // The cache does not know what has SYN, FIN or RST.
        let sum = Sum { packets: packets.into(), bytes, first, last, tcp_flags: 0 };
        let sums = self.sums.entry(window).or_default();
        for leg in &self.legs[record as usize] {
            sums.entry(*leg).or_default().add(&sum);
        }
    }

    #[inline]
    fn window_of(&mut self, now: Timestamp) -> u32 {
        if now.0 < self.begins || now.0 >= self.ends {
            self.look_up(now);
        }
        self.window
    }

    #[inline(never)]
    fn look_up(&mut self, now: Timestamp) {
        let window = now.0 / self.length;
        // Windows of a second are enough of them until the year 2106.
        self.window = u32::try_from(window).unwrap_or(u32::MAX);
        self.begins = window * self.length;
        self.ends = self.begins.saturating_add(self.length);
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
