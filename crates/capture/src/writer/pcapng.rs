use std::borrow::Cow;
use std::fmt;
use std::io::{BufWriter, Write};
use std::time::Duration;

use pcap_file::Endianness;
use pcap_file::pcapng::blocks::enhanced_packet::{EnhancedPacketBlock, EnhancedPacketOption};
use pcap_file::pcapng::blocks::interface_description::{
    InterfaceDescriptionBlock, InterfaceDescriptionOption, InterfaceTsResolution,
};
use pcap_file::pcapng::blocks::opt_common::CommonOption;
use pcap_file::pcapng::{PcapNgBlock, PcapNgWriteError, PcapNgWriter};

use super::{BUFFER, SNAP_LENGTH, captured};
use crate::{Error, LinkType};

/// Writes a pcapng with any number of interfaces, nanoseconds, comments.
pub struct PcapngWriter<W: Write> {
    writer: PcapNgWriter<BufWriter<W>>,
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
        let output = BufWriter::with_capacity(BUFFER, output);
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
        let captured = captured(data)?;
        if interface >= self.interfaces {
            let declared = self.interfaces;
            return Err(Error::Pcapng(format!("a packet of interface {interface}, of {declared} that are declared")));
        }
        let comment = comment.map(|comment| CommonOption::Comment(Cow::Borrowed(fitting(comment))));
        self.block(EnhancedPacketBlock {
            interface_id: interface,
            timestamp: Duration::from_nanos(timestamp_ns),
            original_len: original_len.max(captured),
            data: Cow::Borrowed(data),
            options: comment.map(EnhancedPacketOption::Common).into_iter().collect(),
        })
    }

    /// Flushes, and gives the output back.
    pub fn finish(self) -> Result<W, Error> {
        self.writer.into_inner().into_inner().map_err(|error| Error::Write(error.into_error()))
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
    use super::*;

    #[test]
    fn an_undeclared_interface_is_refused_and_leaves_the_file_whole() {
        let mut writer = PcapngWriter::new(Vec::new()).unwrap();
        let error = writer.write(0, 0, 0, b"", None).unwrap_err();
        assert_eq!(error.to_string(), "writing a capture: a packet of interface 0, of 0 that are declared");
        assert_eq!(writer.finish().unwrap().len(), 28);
    }

    #[test]
    fn long_texts_are_cut_at_a_character() {
        assert_eq!(fitting(&"x".repeat(70_000)).len(), 65_535);
        assert_eq!(fitting(&"é".repeat(40_000)).len(), 65_534);
        assert_eq!(fitting("short"), "short");
    }
}
