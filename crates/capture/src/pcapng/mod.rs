//! pcapng: blocks in sections, each with its own byte order and interfaces (draft-ietf-opsawg-pcapng).

mod clock;
mod options;

use std::ops::Range;

use crate::byte_order::ByteOrder;
use crate::walk::{Context, Damage, Found, MAX_RECORD};
use crate::{Direction, Interface, LinkType, Oddity};
use clock::Clock;
use options::Options;

/// The type of a section header block, the same in either byte order.
pub(crate) const SECTION_HEADER: [u8; 4] = [0x0a, 0x0d, 0x0d, 0x0a];

const BYTE_ORDER_MAGIC: [u8; 4] = [0x1a, 0x2b, 0x3c, 0x4d];

/// Block types that hold what is needed here; all others are skipped.
const INTERFACE_DESCRIPTION: u32 = 1;
const OBSOLETE_PACKET: u32 = 2;
const SIMPLE_PACKET: u32 = 3;
const ENHANCED_PACKET: u32 = 6;

/// An option of any block.
const OPT_COMMENT: u16 = 1;
/// Options of an interface description: its name, the resolution of its clock and an offset to it.
const IF_NAME: u16 = 2;
const IF_TSRESOL: u16 = 9;
const IF_TSOFFSET: u16 = 14;
/// An option of a packet, enhanced or obsolete: direction and more.
const PACKET_FLAGS: u16 = 2;

/// A block's length in front of the body and again behind it.
const FRONT: usize = 8;
const BEHIND: usize = 4;

/// Longest block that is believed: a packet with generous options.
const MAX_BLOCK: u32 = MAX_RECORD + (1 << 20);

/// Bytes of an interface's name that are kept. Names are 16 bytes long on Linux and 256 on Windows at most; an option
/// may hold 65,535, and there may be many interfaces.
const MAX_NAME: usize = 256;

/// Between two blocks.
#[derive(Debug, Default)]
pub(crate) struct PcapngWalker {
    order: ByteOrder,
    /// Where the interfaces of this section begin among those of the file.
    first_interface: usize,
    /// One for each interface of this section.
    clocks: Vec<Clock>,
    last_time: u64,
}

impl PcapngWalker {
    pub(crate) fn next(&mut self, context: &mut Context<'_>) -> Result<Option<Found>, Damage> {
        loop {
            let Some(head) = context.peek(FRONT, "the block header")? else { return Ok(None) };
            let section = head.starts_with(&SECTION_HEADER);
            if section {
                self.begin_section(context)?;
            }
            let head = context.input.available();
            let (kind, length) = (self.order.u32(head, 0), self.order.u32(head, 4));
            if length < (FRONT + BEHIND) as u32 || !length.is_multiple_of(4) || length > MAX_BLOCK {
                return Err(Damage::Lost(format!("a block of type {kind:#x} claims {length} bytes")));
            }
            let length = length as usize;
            let Some(block) = context.peek(length, "the block")? else { return Ok(None) };
            if self.order.u32(block, length - BEHIND) as usize != length {
                context.warn(Oddity::LengthsDiffer);
            }
            let packet = match kind {
                ENHANCED_PACKET | OBSOLETE_PACKET => self.packet(context, kind, length),
                SIMPLE_PACKET => self.simple_packet(context, length),
                INTERFACE_DESCRIPTION => {
                    self.interface(context, length)?;
                    context.input.consume(length);
                    continue;
                }
                _ => {
                    context.input.consume(length);
                    continue;
                }
            };
            return packet.map(Some).map_err(|cause| Damage::Packet { cause, length });
        }
    }

    fn begin_section(&mut self, context: &mut Context<'_>) -> Result<(), Damage> {
        let Some(head) = context.peek(FRONT + BYTE_ORDER_MAGIC.len(), "the section header")? else { return Ok(()) };
        let mut magic = BYTE_ORDER_MAGIC;
        self.order = if head.ends_with(&magic) {
            ByteOrder::Big
        } else {
            magic.reverse();
            if !head.ends_with(&magic) {
                return Err(Damage::Lost("a section header without the byte-order magic".to_owned()));
            }
            ByteOrder::Little
        };
        self.first_interface = context.interfaces.len();
        self.clocks.clear();
        Ok(())
    }

    fn interface(&mut self, context: &mut Context<'_>, length: usize) -> Result<(), Damage> {
        const HEAD: usize = 16;
        let block = context.input.available();
        if length < HEAD + BEHIND {
            return Err(Damage::Lost(format!("an interface description of {length} bytes")));
        }
        let link_type = LinkType(u32::from(self.order.u16(block, 8)));
        let snap_length = self.order.u32(block, 12);
        let mut name = None;
        let mut clock = Clock::DEFAULT;
        for (code, range) in Options::new(self.order, block, HEAD..length - BEHIND) {
            match (code, &block[range]) {
                (IF_NAME, text) => name = Some(interface_name(text)),
                (IF_TSRESOL, [resolution, ..]) => clock.set_resolution(*resolution),
                (IF_TSOFFSET, seconds) if seconds.len() >= 8 => clock.set_offset(self.order.i64(seconds, 0)),
                _ => {}
            }
        }
        context.declare(Interface { name, link_type, snap_length })?;
        self.clocks.push(clock);
        Ok(())
    }

    /// An enhanced packet block, or an obsolete one: they differ in the width of the interface's number.
    fn packet(&mut self, context: &mut Context<'_>, kind: u32, length: usize) -> Result<Found, String> {
        const HEAD: usize = 28;
        let (order, block) = (self.order, context.input.available());
        if length < HEAD + BEHIND {
            return Err(format!("a packet block of {length} bytes"));
        }
        let interface = if kind == ENHANCED_PACKET { order.u32(block, 8) } else { u32::from(order.u16(block, 8)) };
        let [high, low, captured, original_len] = [12, 16, 20, 24].map(|at| order.u32(block, at));
        let data = data(length, HEAD, captured)?;
        let (mut direction, mut comment) = (None, None);
        // What pads the packet to four bytes lies before the options.
        for (code, range) in Options::new(order, block, data.end.next_multiple_of(4)..length - BEHIND) {
            match code {
                PACKET_FLAGS if direction.is_none() => direction = self.direction(&block[range]),
                OPT_COMMENT if comment.is_none() => comment = Some(range),
                _ => {}
            }
        }
        let Some(clock) = self.clocks.get(interface as usize) else {
            return Err(format!("a packet of interface {interface}, of {} that are declared", self.clocks.len()));
        };
        match clock.nanoseconds(u64::from(high) << 32 | u64::from(low)) {
            Some(nanoseconds) => self.last_time = nanoseconds,
            None => context.warn(Oddity::TimeOutOfRange),
        }
        let (timestamp_ns, interface) = (self.last_time, self.in_file(interface));
        Ok(Found { timestamp_ns, interface, original_len, direction, data, comment, length })
    }

    /// A simple packet block: of the section's first interface, with no time and no options.
    fn simple_packet(&mut self, context: &mut Context<'_>, length: usize) -> Result<Found, String> {
        const HEAD: usize = 12;
        let original_len = self.order.u32(context.input.available(), 8);
        let Some(room) = length.checked_sub(HEAD + BEHIND) else {
            return Err(format!("a packet block of {length} bytes"));
        };
        let Some(interface) = context.interfaces.get(self.first_interface) else {
            return Err("a simple packet block before any interface".to_owned());
        };
        let snap = if interface.snap_length == 0 { u32::MAX } else { interface.snap_length };
        // The captured length is not written down: it is the least of these.
        let captured = original_len.min(snap).min(u32::try_from(room).unwrap_or(u32::MAX));
        let data = data(length, HEAD, captured)?;
        context.warn(Oddity::NoTimestamp);
        let (timestamp_ns, interface) = (self.last_time, self.in_file(0));
        Ok(Found { timestamp_ns, interface, original_len, direction: None, data, comment: None, length })
    }

    fn direction(&self, flags: &[u8]) -> Option<Direction> {
        match self.order.u32(flags, 0) & 0b11 {
            1 => Some(Direction::Inbound),
            2 => Some(Direction::Outbound),
            _ => None,
        }
    }

    /// The number among the interfaces of all sections of one of this section.
    fn in_file(&self, interface: u32) -> u32 {
        interface.saturating_add(u32::try_from(self.first_interface).unwrap_or(u32::MAX))
    }
}

/// Where the packet is in a block.
fn data(length: usize, head: usize, captured: u32) -> Result<Range<usize>, String> {
    let room = length - head - BEHIND;
    if captured > MAX_RECORD || captured as usize > room {
        return Err(format!("a packet block claims {captured} bytes and has room for {room}"));
    }
    Ok(head..head + captured as usize)
}

/// A name up to a terminating zero, which some programs write.
fn interface_name(text: &[u8]) -> String {
    let text = text.split(|byte| *byte == 0).next().unwrap_or_default();
    String::from_utf8_lossy(&text[..text.len().min(MAX_NAME)]).into_owned()
}
