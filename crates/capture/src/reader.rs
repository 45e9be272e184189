use std::fmt;
use std::fs::File;
use std::io::Read;
use std::path::Path;

use crate::input::{Compression, Input};
use crate::pcap::{FILE_HEADER, PcapWalker};
use crate::pcapng::{PcapngWalker, SECTION_HEADER};
use crate::walk::{Context, Damage, Found};
use crate::warning::Warnings;
use crate::{Error, Format, Interface, LinkType, Oddity, Record, Warning};

/// First bytes that are shown of what is no capture: enough to tell a text, a script or another format by.
const SHOWN: usize = 8;

/// Reads a capture record by record.
///
/// Every packet before damage is given before the error that tells of the damage. Where the damage is one packet of a
/// pcapng whose block is whole (its interface was never declared, or it claims more than its block holds), the reader goes
/// on behind it when it is called again, and the packet keeps its number; else the error is the end.
pub struct Reader {
    input: Input,
    name: String,
    walker: Walker,
    interfaces: Vec<Interface>,
    warnings: Warnings,
    /// The packets so far.
    packets: u64,
    /// The last packet, whose bytes were consumed last.
    current: Option<Found>,
    ended: bool,
}

enum Walker {
    Pcap(PcapWalker),
    Pcapng(PcapngWalker),
}

impl fmt::Debug for Reader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Reader").field("name", &self.name).field("packets", &self.packets).finish_non_exhaustive()
    }
}

impl Reader {
    /// Opens a file, or standard input for `-`.
    ///
    /// # Errors
    /// If it cannot be opened or begins like no capture.
    pub fn open(path: &Path) -> Result<Self, Error> {
        if path.as_os_str() == "-" {
            return Self::from_read("standard input", std::io::stdin());
        }
        let name = path.display().to_string();
        let io = |source| Error::Io { file: name.clone(), source };
        let file = File::open(path).map_err(io)?;
        if file.metadata().map_err(io)?.is_dir() {
            return Err(io(std::io::Error::new(std::io::ErrorKind::IsADirectory, "it is a directory")));
        }
        Self::from_read(&name, file)
    }

    /// Reads from anything that gives the bytes of a file, compressed or not.
    ///
    /// # Errors
    /// As [`Reader::open`].
    pub fn from_read(name: &str, source: impl Read + Send + 'static) -> Result<Self, Error> {
        let file = || name.to_owned();
        let io = |source| Error::Io { file: file(), source };
        let mut input = Input::new(Box::new(source)).map_err(io)?;
        let compression = input.compression();
        let first = input.fill(SHOWN).map_err(io)?;
        if first.is_empty() {
            return Err(Error::Empty { file: file() });
        }
        let mut interfaces = Vec::new();
        let walker = if first.starts_with(&SECTION_HEADER) {
            Walker::Pcapng(PcapngWalker::default())
        } else if let Some(walker) = first.first_chunk().and_then(|magic| PcapWalker::of(*magic)) {
            let header = input.fill(FILE_HEADER).map_err(io)?;
            let Some(header) = header.first_chunk() else {
                let (need, have) = (FILE_HEADER as u64, header.len() as u64);
                return Err(Error::Truncated {
                    file: file(),
                    offset: 0,
                    packet: 1,
                    what: "the file header",
                    need,
                    have,
                });
            };
            interfaces.push(walker.interface(header));
            input.consume(FILE_HEADER);
            Walker::Pcap(walker)
        } else {
            return Err(Error::NotACapture { file: file(), found: beginning(first, compression) });
        };
        let (name, warnings) = (file(), Warnings::default());
        Ok(Self { input, name, walker, interfaces, warnings, packets: 0, current: None, ended: false })
    }

    /// The next record, or none at the end.
    ///
    /// # Errors
    /// At damage. The next call goes on behind a damaged packet if that can be, and gives none otherwise.
    #[expect(clippy::should_implement_trait, reason = "it lends from the reader's buffer, which an iterator cannot")]
    pub fn next(&mut self) -> Result<Option<Record<'_>>, Error> {
        self.advance()?;
        Ok(self.current())
    }

    /// The interfaces that were declared so far, in all sections; a pcap has one.
    pub fn interfaces(&self) -> &[Interface] {
        &self.interfaces
    }

    /// The format.
    pub fn format(&self) -> Format {
        match self.walker {
            Walker::Pcap(_) => Format::Pcap,
            Walker::Pcapng(_) => Format::Pcapng,
        }
    }

    /// The file as the user named it.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// What was odd and tolerated so far, one entry a kind.
    pub fn warnings(&self) -> &[Warning] {
        self.warnings.as_slice()
    }

    /// Whether further calls of [`Reader::next`] give none.
    pub(crate) fn is_ended(&self) -> bool {
        self.ended
    }

    /// What [`Reader::next`] gave last.
    #[inline]
    pub(crate) fn current(&self) -> Option<Record<'_>> {
        let Found { timestamp_ns, interface, original_len, direction, data, comment, length } =
            self.current.as_ref()?;
        let record = self.input.consumed(*length);
        Some(Record {
            number: self.packets,
            timestamp_ns: *timestamp_ns,
            // Walkers find packets of declared interfaces only.
            link_type: self.interfaces.get(*interface as usize).map_or(LinkType::NULL, |of| of.link_type),
            interface: *interface,
            original_len: *original_len,
            data: &record[data.clone()],
            direction: *direction,
            comment: comment.as_ref().map(|range| readable(&record[range.clone()])),
        })
    }

    /// The time stamp of what [`Reader::next`] gave last.
    pub(crate) fn current_time(&self) -> Option<u64> {
        self.current.as_ref().map(|found| found.timestamp_ns)
    }

    /// Goes to the next record; at the end, there is no current one.
    #[inline]
    pub(crate) fn advance(&mut self) -> Result<(), Error> {
        self.current = None;
        if self.ended {
            return Ok(());
        }
        let packet = self.packets + 1;
        let Self { input, interfaces, warnings, .. } = self;
        let mut context = Context { input, interfaces, warnings, packet };
        let found = match &mut self.walker {
            Walker::Pcap(walker) => walker.next(&mut context),
            Walker::Pcapng(walker) => walker.next(&mut context),
        };
        match found {
            Ok(Some(found)) => {
                self.input.consume(found.length);
                self.packets = packet;
                let found = self.tolerate(found);
                self.current = Some(found);
                Ok(())
            }
            Ok(None) => {
                self.ended = true;
                Ok(())
            }
            Err(damage) => Err(self.error(damage)),
        }
    }

    /// Notes what is odd about lengths.
    #[inline]
    fn tolerate(&mut self, mut found: Found) -> Found {
        // Walkers believe no length that 32 bits do not hold.
        let captured = u32::try_from(found.data.len()).unwrap_or(u32::MAX);
        if found.original_len < captured {
            self.warnings.add(Oddity::OriginalShorterThanCaptured, self.packets);
            found.original_len = captured;
        }
        let snap_length = self.interfaces.get(found.interface as usize).map_or(0, |of| of.snap_length);
        if snap_length != 0 && captured > snap_length {
            self.warnings.add(Oddity::LongerThanSnapLength, self.packets);
        }
        found
    }

    #[cold]
    fn error(&mut self, damage: Damage) -> Error {
        let (file, offset, packet) = (self.name.clone(), self.input.offset(), self.packets + 1);
        if let Damage::Packet { length, .. } = damage {
            self.input.consume(length);
            self.packets = packet;
        } else {
            self.ended = true;
        }
        let cause = match damage {
            Damage::Truncated { what, need, have } => {
                return Error::Truncated { file, offset, packet, what, need, have };
            }
            Damage::Io(error) => match (self.input.compression(), error.kind()) {
                (Compression::None, _) => format!("it cannot be read any further: {error}"),
                (_, std::io::ErrorKind::UnexpectedEof) => "the compressed data ends before it is complete".to_owned(),
                _ => format!("it cannot be decompressed any further: {error}"),
            },
            Damage::Lost(cause) | Damage::Packet { cause, .. } => cause,
        };
        Error::Damaged { file, offset, packet, cause }
    }
}

/// The first bytes of something, as people can read them.
fn beginning(bytes: &[u8], compression: Compression) -> String {
    let bytes = &bytes[..bytes.len().min(SHOWN)];
    let hex: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    let text: String = bytes.iter().map(|byte| if byte.is_ascii_graphic() { char::from(*byte) } else { '.' }).collect();
    let decompressed = match compression {
        Compression::None => "",
        Compression::Gzip => ", after gzip",
        Compression::Zstd => ", after zstd",
    };
    format!("{hex} ({text}){decompressed}")
}

/// The text up to what is none.
fn readable(bytes: &[u8]) -> &str {
    match std::str::from_utf8(bytes) {
        Ok(text) => text,
        Err(error) => std::str::from_utf8(&bytes[..error.valid_up_to()]).unwrap_or_default(),
    }
}
