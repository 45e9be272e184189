//! What was counted, as the files of one flow log.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::path::PathBuf;

use vpcemu_dataplane::flow_log::{Action, Leg, LegDirection, Logged, LoggedAt, Sum};
use vpcemu_model::{FlowLog, Id, LoggedResource, Network};

use crate::naming::{Names, UNKNOWN, ports};
use crate::{Error, Format, FormatError, Layout, Writer, Written};

/// One flow log on its way into files: sums by its own window, which may be several of those that were counted by.
pub struct Journal {
    log: FlowLog,
    writer: Writer,
    /// Seconds of a window that was counted, and of one that is written.
    counted: u64,
    interval: u64,
    /// Whether windows without traffic are written, too.
    silence: bool,
    /// By the number of the window that is written.
    pending: BTreeMap<u64, BTreeMap<Key, (Leg, Sum)>>,
    /// Who has logged, and who did in the window that was written last.
    known: BTreeSet<LoggedAt>,
    last: Option<u64>,
}

/// Seconds after which silence is none, but a capture with a gap or a clock that jumped: a jump by a century would be millions of
/// windows without traffic.
const LONGEST_SILENCE: u64 = 86_400;

/// What makes a record of its own (9.2).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Key {
    at: LoggedAt,
    direction: LegDirection,
    action: Action,
    blocked: bool,
    addresses: (IpAddr, IpAddr),
    ports: (u16, u16),
    protocol: u8,
}

impl Key {
    /// Two pings at a time, each with an identifier of its own, are one record.
    fn of(leg: &Leg) -> Self {
        let header = leg.header;
        Self {
            at: leg.at,
            direction: leg.direction,
            action: leg.action,
            blocked: leg.blocked,
            addresses: (header.src, header.dst),
            ports: ports(&header),
            protocol: header.protocol,
        }
    }
}

impl Journal {
    /// Begins the files of a flow log below a directory. What is handed to it is counted by windows of so many seconds, which
    /// have to divide those of the flow log.
    ///
    /// # Errors
    /// If the flow log's format is none, or is not written here.
    pub fn new(log: &FlowLog, network: &Network, directory: impl Into<PathBuf>, counted: u16) -> Result<Self, Error> {
        let refused = |source: FormatError| Error::Definition { flow_log: log.id.to_string(), source };
        let format = Format::of(log).map_err(refused)?;
        let writer = Writer::new(directory, format, Layout::of(log, network))?;
        let counted = u64::from(counted.max(1));
        // Windows that do not fit into the flow log's are written as they were counted.
        let asked = u64::from(log.max_aggregation_interval);
        let interval = if asked >= counted && asked % counted == 0 { asked } else { counted };
        Ok(Self {
            log: log.clone(),
            writer,
            counted,
            interval,
            silence: false,
            pending: BTreeMap::new(),
            known: BTreeSet::new(),
            last: None,
        })
    }

    /// Writes windows without traffic, too, of what has had some before (9.7).
    #[must_use]
    pub fn with_silence(mut self) -> Self {
        self.silence = true;
        self
    }

    /// Adds what was counted, if it is of this flow log.
    pub fn add(&mut self, names: &Names, logged: &Logged) {
        if !names.logs(&self.log, &logged.leg) {
            return;
        }
        let window = logged.window.saturating_mul(self.counted) / self.interval;
        let sums = self.pending.entry(window).or_default();
        let (leg, sum) = sums.entry(Key::of(&logged.leg)).or_insert_with(|| (logged.leg, Sum::default()));
        // Where the way changed within a window, that of its first second is told.
        if sum.packets > 0 && (logged.sum.first, logged.leg) < (sum.first, *leg) {
            *leg = logged.leg;
        }
        sum.add(&logged.sum);
    }

    /// Writes the windows that are over at a time, in seconds since the epoch. What comes later of them makes records of its own.
    ///
    /// # Errors
    /// If a file cannot be written.
    pub fn write_until(&mut self, names: &Names, time: u64) -> Result<(), Error> {
        let window = time / self.interval;
        let open = self.pending.split_off(&window);
        for (window, sums) in std::mem::replace(&mut self.pending, open) {
            self.write(names, window, &sums)?;
        }
        if self.silence {
            self.write_silence_until(names, window)?;
        }
        // No record of a window that is not over ends before it begins.
        self.writer.close_before(window * self.interval)
    }

    /// Writes what is left, and closes the files.
    ///
    /// # Errors
    /// If a file cannot be written.
    pub fn finish(mut self, names: &Names) -> Result<Written, Error> {
        for (window, sums) in std::mem::take(&mut self.pending) {
            self.write(names, window, &sums)?;
        }
        self.writer.finish()
    }

    fn write(&mut self, names: &Names, window: u64, sums: &BTreeMap<Key, (Leg, Sum)>) -> Result<(), Error> {
        if self.silence {
            self.write_silence_until(names, window)?;
        }
        for (leg, sum) in sums.values() {
            self.writer.push(&names.record(leg, sum))?;
        }
        if self.silence {
            let here: BTreeSet<_> = sums.keys().map(|key| key.at).collect();
            for at in self.known.difference(&here) {
                self.writer.push(&self.silent(names, *at, window))?;
            }
            self.known.extend(here);
            self.last = self.last.max(Some(window));
        }
        Ok(())
    }

    /// The windows after the last one that was written, up to one that is not over.
    fn write_silence_until(&mut self, names: &Names, window: u64) -> Result<(), Error> {
        let Some(last) = self.last else { return Ok(()) };
        if window.saturating_sub(last) > LONGEST_SILENCE / self.interval {
            // From here on silence is counted anew.
            self.last = window.checked_sub(1);
            return Ok(());
        }
        for silent in last + 1..window {
            for at in &self.known {
                self.writer.push(&self.silent(names, *at, silent))?;
            }
            self.writer.close_before(silent * self.interval)?;
            self.last = Some(silent);
        }
        Ok(())
    }

    fn silent(&self, names: &Names, at: LoggedAt, window: u64) -> crate::Record {
        // The whole of the window (W10): unlike that of a packet, its end is when the next one begins.
        let start = window * self.interval;
        names.silence(at, start, start + self.interval)
    }
}

impl Layout {
    /// How the files of a flow log lie: account and region are those that it logs, where they are known.
    pub fn of(log: &FlowLog, network: &Network) -> Self {
        let interface = |id: &Id| network.interfaces.iter().find(|interface| interface.id == *id);
        let vpc = match &log.resource {
            LoggedResource::Vpc(id) => Some(id),
            LoggedResource::Subnet(id) => network.subnet(id).map(|subnet| &subnet.vpc),
            LoggedResource::NetworkInterface(id) => {
                interface(id).and_then(|interface| network.subnet(&interface.subnet)).map(|subnet| &subnet.vpc)
            }
            LoggedResource::TransitGateway(_) | LoggedResource::TransitGatewayAttachment(_) => None,
        };
        let account = vpc.and_then(|vpc| network.vpc(vpc)).and_then(|vpc| vpc.account.as_deref());
        let region =
            network.subnets.iter().filter(|subnet| Some(&subnet.vpc) == vpc).find_map(|subnet| subnet.region());
        Self {
            account: account.unwrap_or(UNKNOWN).into(),
            region: region.unwrap_or(UNKNOWN).into(),
            flow_log: log.id.as_str().into(),
            hive_compatible: log.hive_compatible,
            per_hour: log.per_hour,
            file_format: log.file_format,
        }
    }
}
