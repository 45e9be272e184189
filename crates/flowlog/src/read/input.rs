//! Bytes of a log: decompressed if they begin like gzip, whatever their name says.

use std::io::{self, BufReader, Cursor, Read};

use flate2::bufread::MultiGzDecoder;

const GZIP: [u8; 2] = [0x1f, 0x8b];
const PARQUET: [u8; 4] = *b"PAR1";

/// Bytes a read: beyond this, larger ones gain nothing.
const CHUNK: usize = 1 << 18;

/// Bytes that tell what a log is: more than a byte order mark, some blank lines and the header of a table have.
const SNIFFED: u64 = 512;

/// What a log is by its first bytes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Kind {
    /// Lines of records.
    Lines,
    /// JSON with events in it.
    Json,
    /// A table of events, or of their fields, with a header.
    Csv,
    /// A Parquet file.
    Parquet,
}

pub(crate) type Input = BufReader<Box<dyn Read + Send>>;

/// Looks at the first bytes, and gives them again.
pub(crate) fn open(mut source: Box<dyn Read + Send>) -> (Kind, Input) {
    let first = Sniffed::of(&mut source, GZIP.len() as u64);
    let compressed = first.bytes.get_ref().starts_with(&GZIP);
    let mut source: Box<dyn Read + Send> = Box::new(first.then(source));
    if compressed {
        // Goes on with the next member where one ends: compressed logs may be concatenated.
        source = Box::new(MultiGzDecoder::new(BufReader::with_capacity(CHUNK, source)));
    }
    let first = Sniffed::of(&mut source, SNIFFED);
    let kind = kind(first.bytes.get_ref());
    let source: Box<dyn Read + Send> = Box::new(first.then(source));
    (kind, BufReader::with_capacity(CHUNK, source))
}

fn kind(first: &[u8]) -> Kind {
    if first.starts_with(&PARQUET) {
        return Kind::Parquet;
    }
    let text = without_mark(first).trim_ascii_start();
    if text.starts_with(b"{") || text.starts_with(b"[") {
        return Kind::Json;
    }
    let line = text.split(|byte| *byte == b'\n').next().unwrap_or_default();
    if super::csv::message_column(line).is_some() || super::csv::has_fields(line) { Kind::Csv } else { Kind::Lines }
}

/// Without a byte order mark.
pub(crate) fn without_mark(bytes: &[u8]) -> &[u8] {
    bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes)
}

/// The first bytes of something, and why there are no more.
struct Sniffed {
    bytes: Cursor<Vec<u8>>,
    failure: Option<io::Error>,
}

impl Sniffed {
    fn of(source: &mut Box<dyn Read + Send>, length: u64) -> Self {
        let mut bytes = Vec::new();
        let failure = source.take(length).read_to_end(&mut bytes).err();
        Self { bytes: Cursor::new(bytes), failure }
    }

    fn then(self, rest: Box<dyn Read + Send>) -> impl Read + Send {
        Resumed { first: self, rest }
    }
}

/// What was sniffed, its failure, and what comes after.
struct Resumed {
    first: Sniffed,
    rest: Box<dyn Read + Send>,
}

impl Read for Resumed {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        let read = self.first.bytes.read(out)?;
        if read > 0 || out.is_empty() {
            return Ok(read);
        }
        match self.first.failure.take() {
            Some(failure) => Err(failure),
            None => self.rest.read(out),
        }
    }
}
