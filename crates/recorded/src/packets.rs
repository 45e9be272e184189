//! Records made into packets again: as many as were counted, or the first of them, with their bytes and over their time.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::hash::BuildHasher;
use std::net::{IpAddr, SocketAddr};

use foldhash::fast::FixedState;
use hashbrown::HashMap;
use vpcemu_dataplane::flow_log::LegDirection;
use vpcemu_dataplane::index::EniIx;
use vpcemu_flowlog::{Entry, FlowDirection, LogStatus, Record};
use vpcemu_lab::Lab;
use vpcemu_model::Network;

use crate::datagram::Sides;
use crate::dialogue::Dialogue;
use crate::evidence;
use crate::meant::Meant;
use crate::question::is_regional;
use crate::told::Told;

/// Records of one file are a window or two apart in time; each waits for so many seconds of log time for those of the same
/// dialogue and for earlier ones. Windows have 600 s at most.
const WAIT: u64 = 1_200;

/// Records of one dialogue that wait, after which it is made: twice what windows of a minute give of both sides, accepted and refused.
const LONGEST: usize = 256;

/// Dialogues of which it is known who opened them, between which addresses, and how far they have come. Some 28 MB when full; then all are forgotten, and
/// those that go on begin to count anew.
const REMEMBERED: usize = 200_000;

/// Makes packets of records, in the order of their times.
///
/// The records of both sides of a dialogue are taken together. Who opened it they say by their TCP flags or by their ports; else,
/// as of all pings, the configuration tells: the end that would have had recorded what was. So it is a request that
/// somebody may ask, and an answer that only an answer may be. It tells too which of its addresses an interface means by its
/// primary one.
#[derive(Debug)]
pub struct Rewinder {
    lab: Lab,
    /// Packets of one record at most.
    most: u64,
    /// Dialogues whose records may not have come yet, and which one it was.
    waiting: HashMap<Key, (u64, Dialogue), FixedState>,
    /// When they began, in seconds; again where an earlier record came. Some are no longer waiting.
    begun: BinaryHeap<Reverse<(u64, u64, Key)>>,
    /// Packets that may not be the next ones yet: by time, and then in the order in which they were made.
    made: BinaryHeap<Reverse<(u64, u64, Vec<u8>)>>,
    remembered: HashMap<Key, (Sides, Option<Meant>), FixedState>,
    /// The latest start of a record.
    newest: u64,
    /// Counts dialogues and packets.
    counted: u64,
    late: u64,
    ended: bool,
}

/// Two ends, the lesser one first, and the protocol.
type Key = (SocketAddr, SocketAddr, u8);

/// A packet that was made.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Rewound {
    /// When it was, in nanoseconds since the epoch.
    pub time: u64,
    /// An IP packet.
    pub datagram: Vec<u8>,
}

impl Rewinder {
    /// Of records of a network, with so many packets of each at most.
    pub fn new(network: Network, most: u64) -> Self {
        Self {
            lab: Lab::new(network),
            most: most.max(1),
            waiting: HashMap::default(),
            begun: BinaryHeap::new(),
            made: BinaryHeap::new(),
            remembered: HashMap::default(),
            newest: 0,
            counted: 0,
            late: 0,
            ended: false,
        }
    }

    /// Takes a record, and says whether there will be packets of it. There are none of what another record tells as well: a flow
    /// is told by whoever sends, or where that is nobody in the network by whoever receives; and none of what lacks an address, or
    /// is of a NAT gateway or forwarder.
    pub fn add(&mut self, entry: &Entry) -> bool {
        let record = &entry.record;
        if record.log_status.is_some_and(|status| status != LogStatus::Ok) {
            return false;
        }
        let src = record.pkt_srcaddr.or(record.srcaddr);
        let dst = record.pkt_dstaddr.or(record.dstaddr);
        let (Some(src), Some(dst), Some(protocol)) = (src, dst, record.protocol) else { return false };
        if src.is_ipv4() != dst.is_ipv4() || !self.tells(entry, src, dst) {
            return false;
        }
        let told = Told::of(record, self.most, self.place(record, src, dst));
        let ends =
            (SocketAddr::new(src, record.srcport.unwrap_or(0)), SocketAddr::new(dst, record.dstport.unwrap_or(0)));
        self.newest = self.newest.max(told.start);
        self.late += u64::from(told.start.saturating_add(WAIT) < self.newest);
        let key = (ends.0.min(ends.1), ends.0.max(ends.1), protocol);
        let counted = &mut self.counted;
        let (number, dialogue) = self.waiting.entry(key).or_insert_with(|| {
            *counted += 1;
            (*counted, Dialogue { ends: (key.0, key.1), protocol, told: Vec::new() })
        });
        if dialogue.told.iter().all(|before| told.start < before.start) {
            self.begun.push(Reverse((told.start, *number, key)));
        }
        dialogue.told.push(told.of_first(ends == dialogue.ends));
        if dialogue.told.len() >= LONGEST {
            self.make(key);
        }
        true
    }

    /// The next packet, if it is known which one it is.
    pub fn next_packet(&mut self) -> Option<Rewound> {
        loop {
            let open = self.first_waiting();
            // What is still to be made is not before the first record that waits, and what is still to come not before the others.
            let coming = (!self.ended).then(|| self.newest.saturating_sub(WAIT));
            let horizon = open.map(|(start, _)| start).into_iter().chain(coming).min();
            let is_next = |time: u64| horizon.is_none_or(|second| time < second.saturating_mul(1_000_000_000));
            if self.made.peek().is_some_and(|Reverse((time, ..))| is_next(*time)) {
                return self.made.pop().map(|Reverse((time, _, datagram))| Rewound { time, datagram });
            }
            match open {
                Some((start, key)) if self.ended || start.saturating_add(WAIT) < self.newest => self.make(key),
                _ => return None,
            }
        }
    }

    /// When the first of the dialogues that wait began, in seconds.
    fn first_waiting(&mut self) -> Option<(u64, Key)> {
        while let Some(Reverse((start, number, key))) = self.begun.peek() {
            if self.waiting.get(key).is_some_and(|(waiting, _)| waiting == number) {
                return Some((*start, *key));
            }
            self.begun.pop();
        }
        None
    }

    /// There are no more records: nothing waits any longer.
    pub fn end(&mut self) {
        self.ended = true;
    }

    /// How many records began so long before others that their packets are out of order.
    pub fn late(&self) -> u64 {
        self.late
    }

    /// Makes the packets of a dialogue.
    fn make(&mut self, key: Key) {
        let Some((_, mut dialogue)) = self.waiting.remove(&key) else { return };
        if self.remembered.len() >= REMEMBERED {
            self.remembered.clear();
        }
        let known = self.remembered.get(&key).copied();
        let first_opens = dialogue.opened_by_first().or_else(|| known.map(|(sides, _)| sides.first_opens));
        let meant = match known {
            Some((_, meant)) => meant,
            None => Meant::of(&mut self.lab, &dialogue, first_opens),
        };
        dialogue.ends = meant.map_or(dialogue.ends, |meant| meant.instead_of(dialogue.ends));
        let first_opens = first_opens.unwrap_or_else(|| evidence::first_opens(&mut self.lab, &dialogue));
        let begin = || Sides::new(FixedState::default().hash_one(key), first_opens);
        let mut sides = known.map_or_else(begin, |(sides, _)| sides);
        sides.first_opens = first_opens;
        for Rewound { time, datagram } in dialogue.packets(&mut sides) {
            self.counted += 1;
            self.made.push(Reverse((time, self.counted, datagram)));
        }
        self.remembered.insert(key, (sides, meant));
    }

    /// Who recorded it, and which way the packets went there.
    fn place(&self, record: &Record, src: IpAddr, dst: IpAddr) -> Option<(EniIx, LegDirection)> {
        let fabric = self.lab.fabric();
        let named = self.named(record);
        let direction = match record.flow_direction {
            Some(FlowDirection::Egress) => LegDirection::Egress,
            Some(FlowDirection::Ingress) => LegDirection::Ingress,
            None if self.has(named, src) => LegDirection::Egress,
            None => LegDirection::Ingress,
        };
        let own = if direction == LegDirection::Egress { src } else { dst };
        named.or_else(|| fabric.owners(own).first().copied()).map(|eni| (eni, direction))
    }

    /// Whether a record is the one that tells its packets.
    fn tells(&self, entry: &Entry, src: IpAddr, dst: IpAddr) -> bool {
        let fabric = self.lab.fabric();
        if is_regional(entry) {
            return false;
        }
        let record = &entry.record;
        let named = self.named(record);
        let of = named.and_then(|eni| fabric.eni(eni));
        if of.is_some_and(|of| of.nat.is_some() || of.forward.is_some() || !of.listens) {
            return false;
        }
        let has = |address| self.has(named, address);
        match record.flow_direction {
            Some(FlowDirection::Egress) => has(src),
            Some(FlowDirection::Ingress) => has(dst) && fabric.owners(src).is_empty(),
            None => has(src) || has(dst) && fabric.owners(src).is_empty(),
        }
    }

    /// The interface that a record names, if the configuration has it.
    fn named(&self, record: &Record) -> Option<EniIx> {
        let id = record.interface_id.as_ref()?;
        let eni = self.lab.timeline().registry().enis.find(&(&**id).into())?;
        self.lab.fabric().eni(eni).map(|_| eni)
    }

    /// Whether an address is of an interface that is named, or else of any.
    fn has(&self, named: Option<EniIx>, address: IpAddr) -> bool {
        let fabric = self.lab.fabric();
        match named.and_then(|eni| fabric.eni(eni)) {
            Some(of) => of.owns(address),
            None => !fabric.owners(address).is_empty(),
        }
    }
}
