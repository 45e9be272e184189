//! pcapng: blocks in sections, each with its own byte order and interfaces (draft-ietf-opsawg-pcapng).

use crate::reader::{Context, Damage, Direction, Found, Interface, MAX_RECORD};
use crate::{LinkType, Warning};

/// The type of a section header block, the same in either byte order.
pub(crate) const SECTION_HEADER: [u8; 4] = [0x0a, 0x0d, 0x0d, 0x0a];

const BYTE_ORDER_MAGIC: u32 = 0x1a2b_3c4d;

/// Block types that hold what is needed here; all others are skipped.
const INTERFACE_DESCRIPTION: u32 = 1;
const OBSOLETE_PACKET: u32 = 2;
const SIMPLE_PACKET: u32 = 3;
const ENHANCED_PACKET: u32 = 6;

/// Options of an interface description: its name, the resolution of its clock and an offset to it.
const IF_NAME: u16 = 2;
const IF_TSRESOL: u16 = 9;
const IF_TSOFFSET: u16 = 14;
/// Option of a packet: direction and more.
const EPB_FLAGS: u16 = 2;

/// Type and length in front, length behind.
const BLOCK_OVERHEAD: usize = 12;

/// Longest block that is believed: a packet with generous options.
const MAX_BLOCK: u32 = MAX_RECORD + (1 << 20);

/// The clock of an interface.
#[derive(Clone, Copy, Debug)]
struct Clock {
    /// Ticks a second.
    ticks: u64,
    /// Seconds to be added.
    offset: i64,
}

/// Between two blocks.
#[derive(Debug, Default)]
pub(crate) struct PcapngState {
    big_endian: bool,
    /// Where the interfaces of this section begin among those of the file.
    first_interface: usize,
    clocks: Vec<Clock>,
    last_time: u64,
}

impl PcapngState {
    fn u16(&self, bytes: &[u8], at: usize) -> u16 {
        let word: [u8; 2] = bytes.get(at..at + 2).and_then(|word| word.try_into().ok()).unwrap_or_default();
        if self.big_endian { u16::from_be_bytes(word) } else { u16::from_le_bytes(word) }
    }

    fn u32(&self, bytes: &[u8], at: usize) -> u32 {
        let word: [u8; 4] = bytes.get(at..at + 4).and_then(|word| word.try_into().ok()).unwrap_or_default();
        if self.big_endian { u32::from_be_bytes(word) } else { u32::from_le_bytes(word) }
    }

    pub(crate) fn next(&mut self, context: &mut Context<'_>) -> Result<Option<Found>, Damage> {
        loop {
            let Some(head) = context.take(8, "the block header")? else { return Ok(None) };
            let section = head[..4] == SECTION_HEADER;
            let head: [u8; 8] = head.try_into().unwrap_or_default();
            if section {
                self.begin_section(context)?;
            }
            let (kind, length) = (self.u32(&head, 0), self.u32(&head, 4));
            if length < 12 || length % 4 != 0 || length > MAX_BLOCK {
                return Err(Damage::Wrong(format!("a block of type {kind:#x} claims {length} bytes")));
            }
            let length = length as usize;
            let have = context.input.fill(length).map_err(Damage::Io)?.len();
            if have < length {
                return Err(Damage::Truncated { what: "the block", need: length as u64, have: have as u64 });
            }
            let found = match kind {
                INTERFACE_DESCRIPTION if !section => self.interface(context, length).map(|()| None),
                ENHANCED_PACKET => self.enhanced(context, length).map(Some),
                OBSOLETE_PACKET => self.obsolete(context, length).map(Some),
                SIMPLE_PACKET => self.simple(context, length).map(Some),
                _ => Ok(None),
            }?;
            context.input.consume(length);
            if let Some(found) = found {
                return Ok(Some(found));
            }
        }
    }

    fn begin_section(&mut self, context: &mut Context<'_>) -> Result<(), Damage> {
        let Some(head) = context.take(12, "the section header")? else { return Ok(()) };
        self.big_endian = false;
        if self.u32(head, 8) != BYTE_ORDER_MAGIC {
            self.big_endian = true;
            if self.u32(head, 8) != BYTE_ORDER_MAGIC {
                return Err(Damage::Wrong("a section header without the byte-order magic".to_owned()));
            }
        }
        self.first_interface = context.interfaces.len();
        self.clocks.clear();
        Ok(())
    }

    fn interface(&mut self, context: &mut Context<'_>, length: usize) -> Result<(), Damage> {
        let block = context.input.peek(length);
        if length < 20 {
            return Err(Damage::Wrong("an interface description that is too short".to_owned()));
        }
        let link_type = LinkType(u32::from(self.u16(block, 8)));
        let snap_length = self.u32(block, 12);
        let mut name = None;
        let mut clock = Clock { ticks: 1_000_000, offset: 0 };
        for (code, value) in self.options(&block[16..length - 4]) {
            match (code, value) {
                (IF_NAME, text) => {
                    let text = text.split(|byte| *byte == 0).next().unwrap_or_default();
                    name = Some(String::from_utf8_lossy(text).into_owned());
                }
                (IF_TSRESOL, [resolution, ..]) => clock.ticks = ticks(*resolution)?,
                (IF_TSOFFSET, seconds) if seconds.len() >= 8 => {
                    let (high, low) = (self.u32(seconds, 0), self.u32(seconds, 4));
                    let (high, low) = if self.big_endian { (high, low) } else { (low, high) };
                    clock.offset = (u64::from(high) << 32 | u64::from(low)) as i64;
                }
                _ => {}
            }
        }
        self.clocks.push(clock);
        context.interfaces.push(Interface { name, link_type, snap_length });
        Ok(())
    }

    /// Options up to the first that is cut off: what follows one is not worth losing the packet for.
    fn options<'a>(&self, mut bytes: &'a [u8]) -> Vec<(u16, &'a [u8])> {
        let mut options = Vec::new();
        while bytes.len() >= 4 {
            let (code, length) = (self.u16(bytes, 0), usize::from(self.u16(bytes, 2)));
            if code == 0 {
                break;
            }
            let Some(value) = bytes.get(4..4 + length) else { break };
            options.push((code, value));
            bytes = bytes.get(4 + length.next_multiple_of(4)..).unwrap_or_default();
        }
        options
    }

    fn enhanced(&mut self, context: &mut Context<'_>, length: usize) -> Result<Found, Damage> {
        const HEAD: usize = 28;
        let block = context.input.peek(length);
        if length < HEAD + 4 {
            return Err(Damage::Wrong("a packet block that is too short".to_owned()));
        }
        let interface = self.u32(block, 8);
        let time = u64::from(self.u32(block, 12)) << 32 | u64::from(self.u32(block, 16));
        let (captured, original_len) = (self.u32(block, 20), self.u32(block, 24));
        let trailer = trailer(length, HEAD, captured)?;
        let options = &block[length - 4 - (trailer - 4 - padding(captured))..length - 4];
        let flags = self.options(options).into_iter().find(|(code, _)| *code == EPB_FLAGS);
        let direction = flags.and_then(|(_, value)| match self.u32(value, 0) & 3 {
            1 => Some(Direction::Inbound),
            2 => Some(Direction::Outbound),
            _ => None,
        });
        let timestamp_ns = self.time(context, interface, time)?;
        let interface = self.index(interface);
        Ok(Found { timestamp_ns, interface, captured: captured as usize, original_len, trailer, direction })
    }

    fn obsolete(&mut self, context: &mut Context<'_>, length: usize) -> Result<Found, Damage> {
        const HEAD: usize = 28;
        let block = context.input.peek(length);
        if length < HEAD + 4 {
            return Err(Damage::Wrong("a packet block that is too short".to_owned()));
        }
        let interface = u32::from(self.u16(block, 8));
        let time = u64::from(self.u32(block, 12)) << 32 | u64::from(self.u32(block, 16));
        let (captured, original_len) = (self.u32(block, 20), self.u32(block, 24));
        let trailer = trailer(length, HEAD, captured)?;
        let timestamp_ns = self.time(context, interface, time)?;
        let interface = self.index(interface);
        Ok(Found { timestamp_ns, interface, captured: captured as usize, original_len, trailer, direction: None })
    }

    fn simple(&mut self, context: &mut Context<'_>, length: usize) -> Result<Found, Damage> {
        const HEAD: usize = 12;
        let block = context.input.peek(length);
        let original_len = self.u32(block, 8);
        let room = u32::try_from(length.saturating_sub(HEAD + 4)).unwrap_or(u32::MAX);
        let Some(interface) = context.interfaces.get(self.first_interface) else {
            return Err(Damage::Wrong("a simple packet block before any interface".to_owned()));
        };
        let snap = if interface.snap_length == 0 { u32::MAX } else { interface.snap_length };
        let captured = original_len.min(snap).min(room);
        let trailer = trailer(length, HEAD, captured)?;
        context.warn(Warning::NoTimestamp);
        let (timestamp_ns, interface) = (self.last_time, self.index(0));
        Ok(Found { timestamp_ns, interface, captured: captured as usize, original_len, trailer, direction: None })
    }

    fn index(&self, interface: u32) -> u32 {
        interface.saturating_add(u32::try_from(self.first_interface).unwrap_or(u32::MAX))
    }

    /// Nanoseconds since the epoch of a time in an interface's ticks.
    fn time(&mut self, context: &mut Context<'_>, interface: u32, time: u64) -> Result<u64, Damage> {
        let Some(clock) = self.clocks.get(interface as usize) else {
            let known = self.clocks.len();
            return Err(Damage::Wrong(format!("a packet of interface {interface}, of {known} that are declared")));
        };
        let nanoseconds = u128::from(time) * 1_000_000_000 / u128::from(clock.ticks);
        let shifted =
            i128::try_from(nanoseconds).unwrap_or(i128::MAX).saturating_add(i128::from(clock.offset) * 1_000_000_000);
        match u64::try_from(shifted) {
            Ok(nanoseconds) => self.last_time = nanoseconds,
            Err(_) => context.warn(Warning::TimeOutOfRange),
        }
        Ok(self.last_time)
    }
}

/// Ticks a second of an if_tsresol: a negative power of 10, or of 2 with the top bit.
fn ticks(resolution: u8) -> Result<u64, Damage> {
    let exponent = u32::from(resolution & 0x7f);
    let base: u64 = if resolution & 0x80 == 0 { 10 } else { 2 };
    base.checked_pow(exponent).ok_or_else(|| Damage::Wrong(format!("an interface clock of {base}^-{exponent} seconds")))
}

fn padding(captured: u32) -> usize {
    (captured as usize).next_multiple_of(4) - captured as usize
}

/// Bytes of a block behind the packet: padding, options, length.
fn trailer(length: usize, head: usize, captured: u32) -> Result<usize, Damage> {
    let end = head + captured as usize + padding(captured) + 4;
    if captured > MAX_RECORD || end > length {
        let room = length.saturating_sub(head + 4);
        return Err(Damage::Wrong(format!("a packet block claims {captured} bytes and has room for {room}")));
    }
    debug_assert!(length >= BLOCK_OVERHEAD);
    Ok(length - head - captured as usize)
}
