//! Bytes of a capture: read in large chunks from anything, decompressed if they begin like a compressed file.

use std::io::{self, BufReader, Cursor, Read};

use flate2::bufread::MultiGzDecoder;

/// Bytes a read of a large file: a chunk walk of this size costs no more than a memory map, and works on pipes.
const CHUNK: usize = 1 << 20;

/// Bytes of the first read: most captures are smaller than a chunk, whose pages would have to be cleared in vain.
const FIRST_CHUNK: usize = 1 << 17;

/// Compressed bytes a read: reading them costs nothing beside what their decompression does.
const COMPRESSED_CHUNK: usize = 1 << 17;

/// Room for a read below which what is left is moved to the front: what a pipe gives at once on Linux.
const LEAST_ROOM: usize = 1 << 16;

const GZIP: [u8; 2] = [0x1f, 0x8b];
const ZSTD: [u8; 4] = [0x28, 0xb5, 0x2f, 0xfd];

/// How the input is compressed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Compression {
    None,
    Gzip,
    Zstd,
}

/// A window over the input: what was read and not yet consumed, `buffer[start..end]`.
pub(crate) struct Input {
    source: Box<dyn Read + Send>,
    compression: Compression,
    buffer: Vec<u8>,
    start: usize,
    end: usize,
    /// Offset of `start` in the capture.
    offset: u64,
    /// Whether the last read gave all that there was room for.
    filled: bool,
    ended: bool,
    /// Why there is no more, if that is not the end: kept until what came before it is used up.
    failure: Option<io::Error>,
}

impl Input {
    /// Looks at the first bytes to find out about compression; the suffix of a name says nothing.
    pub(crate) fn new(mut source: Box<dyn Read + Send>) -> io::Result<Self> {
        let mut magic = Vec::with_capacity(ZSTD.len());
        source.by_ref().take(ZSTD.len() as u64).read_to_end(&mut magic)?;
        let compression = match magic {
            _ if magic.starts_with(&GZIP) => Compression::Gzip,
            _ if magic == ZSTD => Compression::Zstd,
            _ => Compression::None,
        };
        let whole = Cursor::new(magic).chain(source);
        let source: Box<dyn Read + Send> = match compression {
            Compression::None => Box::new(whole),
            // Both go on with the next member or frame where one ends: compressed files may be concatenated.
            Compression::Gzip => Box::new(MultiGzDecoder::new(BufReader::with_capacity(COMPRESSED_CHUNK, whole))),
            Compression::Zstd => {
                Box::new(zstd::Decoder::with_buffer(BufReader::with_capacity(COMPRESSED_CHUNK, whole))?)
            }
        };
        Ok(Self {
            source,
            compression,
            buffer: Vec::new(),
            start: 0,
            end: 0,
            offset: 0,
            filled: false,
            ended: false,
            failure: None,
        })
    }

    /// The next bytes, at least `need` of them unless the input ends before.
    ///
    /// # Errors
    /// If the input fails before `need` bytes are there; it has ended then.
    #[inline]
    pub(crate) fn fill(&mut self, need: usize) -> io::Result<&[u8]> {
        if self.end - self.start < need {
            self.read_up_to(need)?;
        }
        Ok(self.available())
    }

    #[cold]
    fn read_up_to(&mut self, need: usize) -> io::Result<()> {
        while self.end - self.start < need && !self.ended {
            self.read();
        }
        if self.end - self.start < need
            && let Some(failure) = self.failure.take()
        {
            return Err(failure);
        }
        Ok(())
    }

    /// What is there already.
    #[inline]
    pub(crate) fn available(&self) -> &[u8] {
        &self.buffer[self.start..self.end]
    }

    /// Moves on over bytes that are there.
    #[inline]
    pub(crate) fn consume(&mut self, length: usize) {
        let length = length.min(self.end - self.start);
        self.start += length;
        self.offset += length as u64;
    }

    /// The bytes that were consumed last, which stay in place until the next `fill`.
    #[inline]
    pub(crate) fn consumed(&self, length: usize) -> &[u8] {
        &self.buffer[self.start.saturating_sub(length)..self.start]
    }

    /// Where the next byte is in the capture.
    pub(crate) fn offset(&self) -> u64 {
        self.offset
    }

    pub(crate) fn compression(&self) -> Compression {
        self.compression
    }

    fn read(&mut self) {
        if self.buffer.len() - self.end < LEAST_ROOM {
            self.buffer.copy_within(self.start..self.end, 0);
            self.end -= self.start;
            self.start = 0;
        }
        let size = self.buffer.len();
        if size - self.end < LEAST_ROOM || (self.filled && size < CHUNK) {
            // What a file claims is read as far as it is there, a chunk at a time: memory follows data, not claims.
            self.buffer.resize(size + size.clamp(FIRST_CHUNK, CHUNK), 0);
        }
        let room = &mut self.buffer[self.end..];
        match self.source.read(room) {
            Ok(0) => self.ended = true,
            Ok(read) => {
                // A source may claim to have read more than it was asked for; that is its defect, not a reason to panic.
                let read = read.min(room.len());
                self.filled = read == room.len();
                self.end += read;
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => {
                self.ended = true;
                self.failure = Some(error);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Gives one byte a read, interrupted before each, and fails in the end.
    struct Dripping(Vec<u8>, bool);

    impl Read for Dripping {
        fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
            self.1 = !self.1;
            if self.1 {
                return Err(io::ErrorKind::Interrupted.into());
            }
            match self.0.pop() {
                Some(byte) => {
                    out[0] = byte;
                    Ok(1)
                }
                None => Err(io::Error::other("the tape tore")),
            }
        }
    }

    #[test]
    fn a_failure_comes_after_the_last_byte() {
        let mut input = Input::new(Box::new(Dripping(vec![6, 5, 4, 3, 2, 1], false))).unwrap();
        assert_eq!(input.fill(5).unwrap(), [1, 2, 3, 4, 5]);
        input.consume(5);
        assert_eq!(input.fill(1).unwrap(), [6]);
        assert_eq!(input.fill(2).unwrap_err().to_string(), "the tape tore");
        assert_eq!(input.fill(2).unwrap(), [6]);
        assert_eq!(input.offset(), 5);
    }

    #[test]
    fn records_across_chunks_are_whole() {
        let bytes: Vec<u8> = (0..3 * CHUNK + 17).map(|index| (index % 251) as u8).collect();
        let mut input = Input::new(Box::new(Cursor::new(bytes.clone()))).unwrap();
        let mut at = 0;
        for length in (1..).map(|step| 997 * step) {
            let there = input.fill(length).unwrap();
            if there.len() < length {
                assert_eq!(there, &bytes[at..]);
                break;
            }
            input.consume(length);
            assert_eq!(input.consumed(length), &bytes[at..at + length]);
            at += length;
        }
        assert_eq!(input.offset(), at as u64);
    }
}
