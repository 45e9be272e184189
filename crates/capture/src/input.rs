//! Bytes of a capture: read in large chunks from anything, decompressed if they begin like a compressed file.

use std::io::{self, BufRead, BufReader, Cursor, Read};

use flate2::bufread::MultiGzDecoder;

/// Bytes a read: a chunk walk of this size costs no more than a memory map, and works on pipes.
const CHUNK: usize = 1 << 20;

const GZIP: [u8; 2] = [0x1f, 0x8b];
const ZSTD: [u8; 4] = [0x28, 0xb5, 0x2f, 0xfd];

/// A window over the input: what was read and not yet consumed.
pub(crate) struct Input {
    source: Box<dyn Read + Send>,
    buffer: Vec<u8>,
    start: usize,
    /// Offset of `start` in the capture.
    pub(crate) offset: u64,
    ended: bool,
}

impl Input {
    /// Looks at the first bytes to find out about compression; the suffix of a name says nothing.
    pub(crate) fn new(mut source: Box<dyn Read + Send>) -> io::Result<Self> {
        let mut magic = Vec::with_capacity(ZSTD.len());
        source.by_ref().take(ZSTD.len() as u64).read_to_end(&mut magic)?;
        let (gzip, zstd) = (magic.starts_with(&GZIP), magic == ZSTD);
        let whole = BufReader::with_capacity(CHUNK, Cursor::new(magic).chain(source));
        let source: Box<dyn Read + Send> = if gzip {
            Box::new(MultiGzDecoder::new(whole))
        } else if zstd {
            Box::new(zstd::Decoder::with_buffer(whole)?)
        } else {
            Box::new(Unbuffered(whole))
        };
        Ok(Self { source, buffer: Vec::new(), start: 0, offset: 0, ended: false })
    }

    /// The next bytes, at least `need` of them unless the input ends before.
    pub(crate) fn fill(&mut self, need: usize) -> io::Result<&[u8]> {
        while self.buffer.len() - self.start < need && !self.ended {
            self.buffer.drain(..self.start);
            self.start = 0;
            // What a file claims is read as far as it is there, a chunk at a time: memory follows data, not claims.
            let before = self.buffer.len();
            let read = self.source.by_ref().take(CHUNK as u64).read_to_end(&mut self.buffer);
            self.ended = self.buffer.len() == before;
            if let Err(error) = read {
                self.ended = true;
                // What came before the error is good; the error is what the caller hears next.
                if self.buffer.len() < need {
                    return Err(error);
                }
            }
        }
        Ok(&self.buffer[self.start..])
    }

    /// What is there already.
    pub(crate) fn peek(&self, len: usize) -> &[u8] {
        &self.buffer[self.start..(self.start + len).min(self.buffer.len())]
    }

    /// Moves on.
    pub(crate) fn consume(&mut self, len: usize) {
        let len = len.min(self.buffer.len() - self.start);
        self.start += len;
        self.offset += len as u64;
    }

    /// Bytes that were consumed last, which stay in place until the next `fill`.
    pub(crate) fn consumed(&self, len: usize, before_end: usize) -> &[u8] {
        let end = self.start - before_end;
        &self.buffer[end - len..end]
    }
}

/// Reads past the buffer for large reads, as `BufReader` does by itself; named for what it hides from the type.
struct Unbuffered<R>(R);

impl<R: BufRead> Read for Unbuffered<R> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        self.0.read(out)
    }
}
