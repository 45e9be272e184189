//! What many records are counted as: how much there is of them, since when, and one of them for all.

use serde::Serialize;
use vpcemu_packet::{endpoint, protocol_name};

use crate::{Entry, Record};

/// How much there is of something.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize)]
pub struct Tally {
    /// Records.
    pub records: u64,
    /// Their packets.
    pub packets: u64,
    /// Their bytes.
    pub bytes: u64,
}

/// The records of one difference.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Group {
    #[serde(flatten)]
    pub(crate) tally: Tally,
    /// Seconds since the epoch.
    pub(crate) first: Option<u64>,
    pub(crate) last: Option<u64>,
    /// The first of them, and where it is.
    pub(crate) example: String,
    pub(crate) place: String,
}

impl Group {
    /// No record yet; this one will be the example.
    pub(crate) fn new(entry: &Entry) -> Self {
        Self {
            tally: Tally::default(),
            first: None,
            last: None,
            example: flow(&entry.record),
            place: format!("{}: {}", entry.file, entry.place),
        }
    }

    pub(crate) fn add(&mut self, record: &Record) {
        self.tally.add(record);
        self.first = self.first.into_iter().chain(record.start).min();
        self.last = self.last.max(record.end);
    }

    /// Adds others of the same difference.
    pub(crate) fn join(&mut self, other: &Self) {
        self.tally = self.tally.plus(other.tally);
        self.first = self.first.into_iter().chain(other.first).min();
        self.last = self.last.max(other.last);
    }
}

impl Tally {
    pub(crate) fn add(&mut self, record: &Record) {
        let packets = record.packets.unwrap_or_default();
        let bytes = record.bytes.unwrap_or_default();
        *self = self.plus(Self { records: 1, packets, bytes });
    }

    /// Numbers of a log may be anything.
    pub(crate) fn plus(self, other: Self) -> Self {
        Self {
            records: self.records.saturating_add(other.records),
            packets: self.packets.saturating_add(other.packets),
            bytes: self.bytes.saturating_add(other.bytes),
        }
    }
}

/// `tcp 203.0.113.5:51514 -> 10.0.0.10:443`: what the header held, where the record tells.
fn flow(record: &Record) -> String {
    let end =
        |real: Option<_>, shown: Option<_>, port: Option<u16>| match (real.or(shown), port.filter(|port| *port != 0)) {
            (Some(address), port) => endpoint(address, port).to_string(),
            (None, _) => "-".to_owned(),
        };
    let source = end(record.pkt_srcaddr, record.srcaddr, record.srcport);
    let destination = end(record.pkt_dstaddr, record.dstaddr, record.dstport);
    let name = |number| protocol_name(number).map_or_else(|| format!("protocol {number}"), str::to_owned);
    let protocol = record.protocol.map_or_else(|| "-".to_owned(), name);
    format!("{protocol} {source} -> {destination}")
}
