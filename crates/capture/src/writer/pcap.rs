use std::fmt;
use std::io::Write;

use super::buffer::Buffer;
use super::{SNAP_LENGTH, captured};
use crate::{Error, LinkType};

const SECOND: u64 = 1_000_000_000;

/// The last time that a pcap can hold, in 2106: what is later is written as this, so that order is kept.
const LAST_TIME: u64 = u32::MAX as u64 * SECOND + (SECOND - 1);

/// Length of the header of a record: time, and two lengths.
const HEADER: usize = 16;

/// Writes a pcap, little endian, nanoseconds. What is not [finished](Self::finish) lacks its last records.
pub struct PcapWriter<W: Write> {
    output: Buffer<W>,
}

impl<W: Write> fmt::Debug for PcapWriter<W> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PcapWriter").finish_non_exhaustive()
    }
}

impl<W: Write> PcapWriter<W> {
    /// Writes the file header.
    ///
    /// # Errors
    /// If it cannot be written. Likewise below.
    pub fn new(output: W, link_type: LinkType) -> Result<Self, Error> {
        let mut output = Buffer::new(output);
        output.write_all(&[0x4d, 0x3c, 0xb2, 0xa1])?;
        // Version 2.4, no time zone, no accuracy.
        output.write_all(&[2, 0, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0])?;
        output.write_all(&SNAP_LENGTH.to_le_bytes())?;
        output.write_all(&link_type.0.to_le_bytes())?;
        Ok(Self { output })
    }

    /// Writes a packet. An original length below that of `data` is raised to it.
    pub fn write(&mut self, timestamp_ns: u64, original_len: u32, data: &[u8]) -> Result<(), Error> {
        self.write_framed(timestamp_ns, original_len, &[], data)
    }

    /// Writes a packet that is made of a link-layer header and what follows it.
    #[inline]
    pub fn write_framed(
        &mut self,
        timestamp_ns: u64,
        original_len: u32,
        link: &[u8],
        data: &[u8],
    ) -> Result<(), Error> {
        let captured = captured(link, data)?;
        let time = timestamp_ns.min(LAST_TIME);
        let words = [(time / SECOND) as u32, (time % SECOND) as u32, captured, original_len.max(captured)];
        let mut header = [0; HEADER];
        for (slot, word) in header.chunks_exact_mut(4).zip(words) {
            slot.copy_from_slice(&word.to_le_bytes());
        }
        let record = self.output.room(HEADER + captured as usize)?;
        record.extend_from_slice(&header);
        record.extend_from_slice(link);
        record.extend_from_slice(data);
        Ok(())
    }

    /// Flushes, and gives the output back.
    pub fn finish(self) -> Result<W, Error> {
        Ok(self.output.into_inner()?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes() {
        let mut writer = PcapWriter::new(Vec::new(), LinkType::ETHERNET).unwrap();
        writer.write(2_000_000_003, 1, b"abc").unwrap();
        writer.write(u64::MAX, 9, b"").unwrap();
        writer.write_framed(0, 0, b"ab", b"c").unwrap();
        let file = writer.finish().unwrap();
        assert_eq!(&file[..24], b"\x4d\x3c\xb2\xa1\x02\0\x04\0\0\0\0\0\0\0\0\0\0\0\x04\0\x01\0\0\0");
        assert_eq!(&file[24..43], b"\x02\0\0\0\x03\0\0\0\x03\0\0\0\x03\0\0\0abc");
        assert_eq!(&file[43..59], b"\xff\xff\xff\xff\xff\xc9\x9a\x3b\0\0\0\0\x09\0\0\0");
        assert_eq!(&file[59..], b"\0\0\0\0\0\0\0\0\x03\0\0\0\x03\0\0\0abc");
    }
}
