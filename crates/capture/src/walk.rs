//! What the walkers of the two formats share: what they work with, what they find, and what stops them.

use std::ops::Range;

use crate::input::Input;
use crate::warning::Warnings;
use crate::{Direction, Interface, Oddity};

/// Longest record that is believed. The longest real ones are 64 KiB datagrams put together by offloads, 256 KiB with
/// jumbo GRO; a record that claims more than this is damage.
pub(crate) const MAX_RECORD: u32 = 16 << 20;

/// Interfaces of one file. Captures of whole container hosts have hundreds; a file that declares more than this does it
/// to fill memory.
const MAX_INTERFACES: usize = 1 << 16;

/// A packet at the front of the input, not consumed yet. Ranges count from there.
pub(crate) struct Found {
    pub(crate) timestamp_ns: u64,
    pub(crate) interface: u32,
    pub(crate) original_len: u32,
    pub(crate) direction: Option<Direction>,
    pub(crate) data: Range<usize>,
    pub(crate) comment: Option<Range<usize>>,
    /// Length of the whole record or block.
    pub(crate) length: usize,
}

/// What stops a walker.
#[derive(Debug)]
pub(crate) enum Damage {
    /// The input fails.
    Io(std::io::Error),
    /// The input ends.
    Truncated { what: &'static str, need: u64, have: u64 },
    /// It is not known where the next record begins.
    Lost(String),
    /// A packet is damaged, and the next record begins `length` bytes on.
    Packet { cause: String, length: usize },
}

/// What a walker works with.
pub(crate) struct Context<'a> {
    pub(crate) input: &'a mut Input,
    pub(crate) interfaces: &'a mut Vec<Interface>,
    pub(crate) warnings: &'a mut Warnings,
    /// The packet that is next, from 1.
    pub(crate) packet: u64,
}

impl Context<'_> {
    /// `need` bytes that are not consumed by this, or what is the matter. None at the clean end of the input.
    #[inline]
    pub(crate) fn peek(&mut self, need: usize, what: &'static str) -> Result<Option<&[u8]>, Damage> {
        let bytes = self.input.fill(need).map_err(Damage::Io)?;
        match bytes.len() {
            0 => Ok(None),
            have if have < need => Err(Damage::Truncated { what, need: need as u64, have: have as u64 }),
            _ => Ok(Some(&bytes[..need])),
        }
    }

    #[cold]
    pub(crate) fn warn(&mut self, oddity: Oddity) {
        self.warnings.add(oddity, self.packet);
    }

    pub(crate) fn declare(&mut self, interface: Interface) -> Result<(), Damage> {
        if self.interfaces.len() >= MAX_INTERFACES {
            return Err(Damage::Lost(format!("more than {MAX_INTERFACES} interfaces are declared")));
        }
        self.interfaces.push(interface);
        Ok(())
    }
}
