use std::borrow::Cow;
use std::fmt;
use std::io::Write;

use pcap_file::Endianness;
use pcap_file::pcapng::blocks::interface_description::{
    InterfaceDescriptionBlock, InterfaceDescriptionOption, InterfaceTsResolution,
};
use pcap_file::pcapng::{PcapNgBlock, PcapNgWriteError, PcapNgWriter};

use super::buffer::Buffer;
use super::{SNAP_LENGTH, captured};
use crate::{Error, LinkType};

/// An enhanced packet block: its type, the length of what precedes the packet, and that of its length once more behind it.
const ENHANCED_PACKET: u32 = 6;
const HEAD: usize = 28;
const BEHIND: usize = 4;

/// The option that is a comment, and the length of an option's code and length. The end of options is both, zero.
const OPT_COMMENT: u16 = 1;
const OPTION: usize = 4;

/// What is padded is padded to four bytes.
const PADDING: [u8; 3] = [0; 3];

/// Writes a pcapng with any number of interfaces, nanoseconds, comments. What is not [finished](Self::finish) lacks its last
/// blocks.
pub struct PcapngWriter<W: Write> {
    writer: PcapNgWriter<Buffer<W>>,
    interfaces: u32,
}

impl<W: Write> fmt::Debug for PcapngWriter<W> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PcapngWriter").field("interfaces", &self.interfaces).finish_non_exhaustive()
    }
}

impl<W: Write> PcapngWriter<W> {
    /// Writes the section header.
    ///
    /// # Errors
    /// If it cannot be written. Likewise below.
    pub fn new(output: W) -> Result<Self, Error> {
        let output = Buffer::new(output);
        let writer = PcapNgWriter::with_endianness(output, Endianness::Little).map_err(refused)?;
        Ok(Self { writer, interfaces: 0 })
    }

    /// Declares an interface, and gives its number. Interfaces may be added between packets.
    pub fn add_interface(&mut self, name: &str, description: Option<&str>, link_type: LinkType) -> Result<u32, Error> {
        let mut options = vec![InterfaceDescriptionOption::IfName(Cow::Borrowed(fitting(name)))];
        if let Some(description) = description {
            options.push(InterfaceDescriptionOption::IfDescription(Cow::Borrowed(fitting(description))));
        }
        options.push(InterfaceDescriptionOption::IfTsResol(InterfaceTsResolution::NANO));
        // The format has 16 bits for it, where pcap has more.
        if link_type.0 > u32::from(u16::MAX) {
            return Err(Error::Pcapng(format!("link type {link_type}, which no pcapng can hold")));
        }
        self.block(InterfaceDescriptionBlock { linktype: link_type.0.into(), snaplen: SNAP_LENGTH, options })?;
        self.interfaces += 1;
        Ok(self.interfaces - 1)
    }

    /// Writes a packet of an interface. An original length below that of `data` is raised to it; a comment is cut where an
    /// option of the format ends, at 65,535 bytes.
    pub fn write(
        &mut self,
        interface: u32,
        timestamp_ns: u64,
        original_len: u32,
        data: &[u8],
        comment: Option<&str>,
    ) -> Result<(), Error> {
        self.write_framed(interface, timestamp_ns, original_len, &[], data, comment)
    }

    /// Writes a packet that is made of a link-layer header and what follows it.
    pub fn write_framed(
        &mut self,
        interface: u32,
        timestamp_ns: u64,
        original_len: u32,
        link: &[u8],
        data: &[u8],
        comment: Option<&str>,
    ) -> Result<(), Error> {
        let captured = captured(link, data)?;
        if interface >= self.interfaces {
            let declared = self.interfaces;
            return Err(Error::Pcapng(format!("a packet of interface {interface}, of {declared} that are declared")));
        }
        let comment = comment.map(|comment| fitting(comment).as_bytes());
        let packet = (link.len() + data.len()).next_multiple_of(4);
        let options = comment.map_or(0, |comment| OPTION + comment.len().next_multiple_of(4) + OPTION);
        // 16 MiB of packet and 64 KiB of comment.
        let length = (HEAD + packet + options + BEHIND) as u32;
        let (high, low) = ((timestamp_ns >> 32) as u32, timestamp_ns as u32);
        let words = [ENHANCED_PACKET, length, interface, high, low, captured, original_len.max(captured)];
        let mut head = [0; HEAD];
        for (slot, word) in head.chunks_exact_mut(4).zip(words) {
            slot.copy_from_slice(&word.to_le_bytes());
        }
        let block = self.writer.get_mut().room(length as usize)?;
        block.extend_from_slice(&head);
        block.extend_from_slice(link);
        block.extend_from_slice(data);
        block.extend_from_slice(&PADDING[..packet - link.len() - data.len()]);
        if let Some(comment) = comment {
            block.extend_from_slice(&OPT_COMMENT.to_le_bytes());
            block.extend_from_slice(&(comment.len() as u16).to_le_bytes());
            block.extend_from_slice(comment);
            block.extend_from_slice(&PADDING[..comment.len().next_multiple_of(4) - comment.len()]);
            block.extend_from_slice(&[0; OPTION]);
        }
        block.extend_from_slice(&length.to_le_bytes());
        Ok(())
    }

    /// Flushes, and gives the output back.
    pub fn finish(self) -> Result<W, Error> {
        Ok(self.writer.into_inner().into_inner()?)
    }

    fn block<'a>(&mut self, block: impl PcapNgBlock<'a>) -> Result<(), Error> {
        self.writer.write_pcapng_block(block).map(drop).map_err(refused)
    }
}

fn refused(error: PcapNgWriteError) -> Error {
    match error {
        PcapNgWriteError::Io(error) => Error::Write(error),
        other => Error::Pcapng(other.to_string()),
    }
}

/// As much of a text as an option holds, whose length has 16 bits. The writer refuses what is longer only when it has
/// written half a block.
fn fitting(text: &str) -> &str {
    &text[..text.floor_char_boundary(usize::from(u16::MAX))]
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use pcap_file::pcapng::blocks::enhanced_packet::{EnhancedPacketBlock, EnhancedPacketOption};
    use pcap_file::pcapng::blocks::opt_common::CommonOption;

    use super::*;

    #[test]
    fn an_undeclared_interface_is_refused_and_leaves_the_file_whole() {
        let mut writer = PcapngWriter::new(Vec::new()).unwrap();
        let error = writer.write(0, 0, 0, b"", None).unwrap_err();
        assert_eq!(error.to_string(), "writing a capture: a packet of interface 0, of 0 that are declared");
        assert_eq!(writer.finish().unwrap().len(), 28);
    }

    /// What the block is made of, said by another encoder.
    #[test]
    fn blocks_are_those_of_the_pcap_file_crate() {
        let cases: [(&[u8], &[u8], Option<&str>); 5] = [
            (b"", b"", None),
            (b"eth", b"packet", None),
            (b"", b"abcd", Some("")),
            (b"e", b"p", Some("four")),
            (b"", b"x", Some("five5")),
        ];
        for (number, (link, data, comment)) in cases.into_iter().enumerate() {
            let mut ours = PcapngWriter::new(Vec::new()).unwrap();
            ours.add_interface("if", None, LinkType::ETHERNET).unwrap();
            let declared = ours.writer.get_mut().room(0).unwrap().len();
            let (time, original_len) = (u64::MAX - number as u64, 5);
            ours.write_framed(0, time, original_len, link, data, comment).unwrap();
            let mut theirs = PcapngWriter::new(Vec::new()).unwrap();
            theirs.add_interface("if", None, LinkType::ETHERNET).unwrap();
            let whole = [link, data].concat();
            let comment = comment.map(|comment| CommonOption::Comment(Cow::Borrowed(comment)));
            let block = EnhancedPacketBlock {
                interface_id: 0,
                timestamp: Duration::from_nanos(time),
                original_len: original_len.max(whole.len() as u32),
                data: Cow::Owned(whole),
                options: comment.map(EnhancedPacketOption::Common).into_iter().collect(),
            };
            theirs.block(block).unwrap();
            let (ours, theirs) = (ours.finish().unwrap(), theirs.finish().unwrap());
            assert_eq!(ours[declared..], theirs[declared..]);
        }
    }

    #[test]
    fn long_texts_are_cut_at_a_character() {
        assert_eq!(fitting(&"x".repeat(70_000)).len(), 65_535);
        assert_eq!(fitting(&"é".repeat(40_000)).len(), 65_534);
        assert_eq!(fitting("short"), "short");
    }
}
