use std::borrow::Cow;
use std::io::{BufWriter, Write};
use std::time::Duration;

use pcap_file::Endianness;
use pcap_file::pcapng::PcapNgWriter;
use pcap_file::pcapng::blocks::enhanced_packet::{EnhancedPacketBlock, EnhancedPacketOption};
use pcap_file::pcapng::blocks::interface_description::{
    InterfaceDescriptionBlock, InterfaceDescriptionOption, InterfaceTsResolution,
};
use pcap_file::pcapng::blocks::opt_common::CommonOption;

use crate::{Error, LinkType};

/// Bytes a write: unbuffered, a small packet costs a hundred times as much.
const BUFFER: usize = 1 << 20;

/// No packet is cut: 256 KiB is what tcpdump calls unlimited.
const SNAP_LENGTH: u32 = 262_144;

/// Writes a pcap, little endian, nanoseconds.
#[derive(Debug)]
pub struct PcapWriter<W: Write> {
    output: BufWriter<W>,
}

impl<W: Write> PcapWriter<W> {
    /// Writes the file header.
    ///
    /// # Errors
    /// If it cannot be written. Likewise below.
    pub fn new(output: W, link_type: LinkType) -> Result<Self, Error> {
        let mut output = BufWriter::with_capacity(BUFFER, output);
        output.write_all(&[0x4d, 0x3c, 0xb2, 0xa1])?;
        // Version 2.4, no time zone, no accuracy.
        output.write_all(&[2, 0, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0])?;
        output.write_all(&SNAP_LENGTH.to_le_bytes())?;
        output.write_all(&link_type.0.to_le_bytes())?;
        Ok(Self { output })
    }

    /// Writes a packet.
    pub fn write(&mut self, timestamp_ns: u64, original_len: u32, data: &[u8]) -> Result<(), Error> {
        let seconds = u32::try_from(timestamp_ns / 1_000_000_000).unwrap_or(u32::MAX);
        let fraction = (timestamp_ns % 1_000_000_000) as u32;
        let captured = u32::try_from(data.len()).unwrap_or(u32::MAX);
        let mut header = [0; 16];
        let words = [seconds, fraction, captured, original_len.max(captured)];
        for (slot, word) in header.chunks_exact_mut(4).zip(words) {
            slot.copy_from_slice(&word.to_le_bytes());
        }
        self.output.write_all(&header)?;
        self.output.write_all(data)?;
        Ok(())
    }

    /// Flushes, and gives the output back.
    pub fn finish(self) -> Result<W, Error> {
        self.output.into_inner().map_err(|error| Error::Write(error.into_error()))
    }
}

/// Writes a pcapng with any number of interfaces, nanoseconds, comments.
pub struct PcapngWriter<W: Write> {
    writer: PcapNgWriter<BufWriter<W>>,
    interfaces: u32,
}

impl<W: Write> std::fmt::Debug for PcapngWriter<W> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("PcapngWriter").field("interfaces", &self.interfaces).finish_non_exhaustive()
    }
}

fn refused(error: impl std::fmt::Display) -> Error {
    Error::Pcapng(error.to_string())
}

impl<W: Write> PcapngWriter<W> {
    /// Writes the section header. Nothing in it depends on host, system or time.
    ///
    /// # Errors
    /// If it cannot be written. Likewise below.
    pub fn new(output: W) -> Result<Self, Error> {
        let output = BufWriter::with_capacity(BUFFER, output);
        let writer = PcapNgWriter::with_endianness(output, Endianness::Little).map_err(refused)?;
        Ok(Self { writer, interfaces: 0 })
    }

    /// Declares an interface, and gives its number.
    pub fn add_interface(&mut self, name: &str, description: Option<&str>, link_type: LinkType) -> Result<u32, Error> {
        let mut options = vec![InterfaceDescriptionOption::IfName(Cow::Owned(name.to_owned()))];
        if let Some(description) = description {
            options.push(InterfaceDescriptionOption::IfDescription(Cow::Owned(description.to_owned())));
        }
        // 10^-9 seconds.
        options.push(InterfaceDescriptionOption::IfTsResol(InterfaceTsResolution::NANO));
        let block = InterfaceDescriptionBlock { linktype: link_type.0.into(), snaplen: SNAP_LENGTH, options };
        self.writer.write_pcapng_block(block).map_err(refused)?;
        self.interfaces += 1;
        Ok(self.interfaces - 1)
    }

    /// Writes a packet of an interface.
    pub fn write(
        &mut self,
        interface: u32,
        timestamp_ns: u64,
        original_len: u32,
        data: &[u8],
        comment: Option<&str>,
    ) -> Result<(), Error> {
        let comment = comment.map(|comment| CommonOption::Comment(Cow::Borrowed(comment)));
        let options = comment.map(EnhancedPacketOption::Common).into_iter().collect();
        let captured = u32::try_from(data.len()).unwrap_or(u32::MAX);
        let block = EnhancedPacketBlock {
            interface_id: interface,
            timestamp: Duration::from_nanos(timestamp_ns),
            original_len: original_len.max(captured),
            data: Cow::Borrowed(data),
            options,
        };
        self.writer.write_pcapng_block(block).map_err(refused)?;
        Ok(())
    }

    /// Flushes, and gives the output back.
    pub fn finish(self) -> Result<W, Error> {
        self.writer.into_inner().into_inner().map_err(|error| Error::Write(error.into_error()))
    }
}
