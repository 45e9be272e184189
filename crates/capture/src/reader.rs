use std::collections::BTreeMap;
use std::fs::File;
use std::io::Read;
use std::path::Path;

use crate::input::Input;
use crate::pcap::PcapState;
use crate::pcapng::PcapngState;
use crate::{Error, LinkType, Warning};

/// Longest record that is believed. The longest real ones are 64 KiB datagrams put together by offloads, 256 KiB with
/// jumbo GRO; a record that claims more than this is damage.
pub(crate) const MAX_RECORD: u32 = 16 << 20;

/// The format of a capture.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Format {
    /// Classic pcap, micro- or nanoseconds, either byte order.
    Pcap,
    /// pcapng.
    Pcapng,
}

/// Where a frame went relative to the capturing interface.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Direction {
    /// To it.
    Inbound,
    /// From it.
    Outbound,
}

/// An interface of a capture.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Interface {
    /// Its name, where the capture has one.
    pub name: Option<String>,
    /// What its frames begin with.
    pub link_type: LinkType,
    /// Bytes a packet at most; 0 is no limit.
    pub snap_length: u32,
}

/// One packet of a capture.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Record<'a> {
    /// From 1.
    pub number: u64,
    /// Nanoseconds since the epoch.
    pub timestamp_ns: u64,
    /// What the frame begins with.
    pub link_type: LinkType,
    /// Index into [`Reader::interfaces`].
    pub interface: u32,
    /// Length on the wire, at least that of `data`.
    pub original_len: u32,
    /// What was captured.
    pub data: &'a [u8],
    /// Which way it went, where the capture says so.
    pub direction: Option<Direction>,
}

/// What a format's walker found: the record is the last bytes that were consumed but for `trailer`.
pub(crate) struct Found {
    pub(crate) timestamp_ns: u64,
    pub(crate) interface: u32,
    pub(crate) captured: usize,
    pub(crate) original_len: u32,
    pub(crate) trailer: usize,
    pub(crate) direction: Option<Direction>,
}

enum State {
    Pcap(PcapState),
    Pcapng(PcapngState),
}

/// Reads a capture record by record. After damage the reader has ended: every record before it was given.
pub struct Reader {
    pub(crate) input: Input,
    pub(crate) name: String,
    state: State,
    pub(crate) interfaces: Vec<Interface>,
    warnings: BTreeMap<Warning, u64>,
    pub(crate) records: u64,
    ended: bool,
}

impl std::fmt::Debug for Reader {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Reader").field("name", &self.name).field("records", &self.records).finish_non_exhaustive()
    }
}

impl Reader {
    /// Opens a file, or standard input for `-`.
    ///
    /// # Errors
    /// If it cannot be opened or begins like no capture.
    pub fn open(path: &Path) -> Result<Self, Error> {
        let name = path.display().to_string();
        if path.as_os_str() == "-" {
            return Self::from_read("standard input", std::io::stdin());
        }
        let io = |source| Error::Io { file: name.clone(), source };
        let file = File::open(path).map_err(io)?;
        if file.metadata().map_err(io)?.is_dir() {
            return Err(io(std::io::Error::new(
                std::io::ErrorKind::IsADirectory,
                "is a directory, expected a capture",
            )));
        }
        Self::from_read(&name, file)
    }

    /// Reads from anything.
    ///
    /// # Errors
    /// As [`Reader::open`].
    pub fn from_read(name: &str, source: impl Read + Send + 'static) -> Result<Self, Error> {
        let file = name.to_owned();
        let io = |source| Error::Io { file: name.to_owned(), source };
        let mut input = Input::new(Box::new(source)).map_err(io)?;
        let first = input.fill(4).map_err(io)?;
        let magic = match *first {
            [] => return Err(Error::Empty { file }),
            [a, b, c, d, ..] => [a, b, c, d],
            _ => return Err(Error::NotACapture { file, found: printable(first) }),
        };
        let found = printable(&first[..first.len().min(8)]);
        let mut interfaces = Vec::new();
        let state = if magic == crate::pcapng::SECTION_HEADER {
            State::Pcapng(PcapngState::default())
        } else {
            let header = input.fill(crate::pcap::FILE_HEADER).map_err(io)?;
            let (have, need) = (header.len() as u64, crate::pcap::FILE_HEADER as u64);
            let Some(dialect) = crate::pcap::Dialect::of(magic) else { return Err(Error::NotACapture { file, found }) };
            let Some((state, interface)) = PcapState::new(dialect, header) else {
                return Err(Error::Truncated { file, offset: 0, packet: 1, what: "the file header", need, have });
            };
            interfaces.push(interface);
            input.consume(crate::pcap::FILE_HEADER);
            State::Pcap(state)
        };
        Ok(Self { input, name: file, state, interfaces, warnings: BTreeMap::new(), records: 0, ended: false })
    }

    /// The next record, or none at the end.
    ///
    /// # Errors
    /// At the first damage; the reader has ended then, and further calls give none.
    #[expect(clippy::should_implement_trait, reason = "it lends from the reader's buffer, which an iterator cannot")]
    pub fn next(&mut self) -> Result<Option<Record<'_>>, Error> {
        if self.ended {
            return Ok(None);
        }
        let found = match &mut self.state {
            State::Pcap(state) => {
                let mut context =
                    Context { input: &mut self.input, interfaces: &mut self.interfaces, warnings: &mut self.warnings };
                state.next(&mut context)
            }
            State::Pcapng(state) => {
                let mut context =
                    Context { input: &mut self.input, interfaces: &mut self.interfaces, warnings: &mut self.warnings };
                state.next(&mut context)
            }
        };
        match found {
            Ok(Some(found)) => {
                self.records += 1;
                let Found { timestamp_ns, interface, captured, mut original_len, trailer, direction } = found;
                let captured_len = u32::try_from(captured).unwrap_or(u32::MAX);
                if original_len < captured_len {
                    *self.warnings.entry(Warning::OriginalShorterThanCaptured).or_default() += 1;
                    original_len = captured_len;
                }
                let of = self.interfaces.get(interface as usize);
                if of.is_some_and(|of| of.snap_length != 0 && captured_len > of.snap_length) {
                    *self.warnings.entry(Warning::LongerThanSnapLength).or_default() += 1;
                }
                let link_type = of.map_or(LinkType::NULL, |of| of.link_type);
                let data = self.input.consumed(captured, trailer);
                Ok(Some(Record {
                    number: self.records,
                    timestamp_ns,
                    link_type,
                    interface,
                    original_len,
                    data,
                    direction,
                }))
            }
            Ok(None) => {
                self.ended = true;
                Ok(None)
            }
            Err(damage) => {
                self.ended = true;
                Err(self.error(damage))
            }
        }
    }

    fn error(&self, damage: Damage) -> Error {
        let (file, offset, packet) = (self.name.clone(), self.input.offset, self.records + 1);
        match damage {
            Damage::Io(source) if source.kind() == std::io::ErrorKind::UnexpectedEof => {
                let cause = "the compressed data ends before it is complete".to_owned();
                Error::Damaged { file, offset, packet, cause }
            }
            Damage::Io(source) => {
                let cause = format!("it cannot be read any further: {source}");
                Error::Damaged { file, offset, packet, cause }
            }
            Damage::Truncated { what, need, have } => Error::Truncated { file, offset, packet, what, need, have },
            Damage::Wrong(cause) => Error::Damaged { file, offset, packet, cause },
        }
    }

    /// The interfaces that were declared so far; a pcap has one.
    pub fn interfaces(&self) -> &[Interface] {
        &self.interfaces
    }

    /// The format.
    pub fn format(&self) -> Format {
        match self.state {
            State::Pcap(_) => Format::Pcap,
            State::Pcapng(_) => Format::Pcapng,
        }
    }

    /// The file as the user named it.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// What was odd and tolerated, with how often.
    pub fn warnings(&self) -> impl Iterator<Item = (Warning, u64)> + '_ {
        self.warnings.iter().map(|(warning, count)| (*warning, *count))
    }
}

/// What the walker of a format works with.
pub(crate) struct Context<'a> {
    pub(crate) input: &'a mut Input,
    pub(crate) interfaces: &'a mut Vec<Interface>,
    warnings: &'a mut BTreeMap<Warning, u64>,
}

impl Context<'_> {
    pub(crate) fn warn(&mut self, warning: Warning) {
        *self.warnings.entry(warning).or_default() += 1;
    }

    /// `need` bytes, or what is the matter. None at the clean end of the input.
    pub(crate) fn take(&mut self, need: usize, what: &'static str) -> Result<Option<&[u8]>, Damage> {
        let bytes = self.input.fill(need).map_err(Damage::Io)?;
        match bytes.len() {
            0 => Ok(None),
            have if have < need => Err(Damage::Truncated { what, need: need as u64, have: have as u64 }),
            _ => Ok(Some(&bytes[..need])),
        }
    }
}

/// What stops a walker.
#[derive(Debug)]
pub(crate) enum Damage {
    Io(std::io::Error),
    Truncated { what: &'static str, need: u64, have: u64 },
    Wrong(String),
}

/// Bytes as people can read them.
fn printable(bytes: &[u8]) -> String {
    let hex: Vec<_> = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    let text: String = bytes.iter().map(|byte| if byte.is_ascii_graphic() { char::from(*byte) } else { '.' }).collect();
    format!("{} ({text})", hex.concat())
}

impl Format {
    /// The format that a name asks for.
    pub fn from_path(path: &Path) -> Option<Self> {
        match path.extension()?.to_str()? {
            "pcap" => Some(Self::Pcap),
            "pcapng" => Some(Self::Pcapng),
            _ => None,
        }
    }
}
