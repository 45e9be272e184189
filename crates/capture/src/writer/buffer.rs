use std::io::{self, Write};

/// Bytes a write: unbuffered, a small packet costs a hundred times as much.
const BYTES: usize = 1 << 18;

/// What is written, collected up to [`BYTES`]. Unlike that of a [`BufWriter`](io::BufWriter) its memory is at hand: a record of
/// several parts is put together in it after one look at whether there is room. Only whole records go to the output at once, and
/// what is not [finished](Self::into_inner) is lost.
pub(super) struct Buffer<W> {
    output: W,
    bytes: Vec<u8>,
}

impl<W: Write> Buffer<W> {
    pub(super) fn new(output: W) -> Self {
        Self { output, bytes: Vec::with_capacity(BYTES) }
    }

    /// Where the next `length` bytes go. What is longer than the buffer makes it grow.
    #[inline]
    pub(super) fn room(&mut self, length: usize) -> io::Result<&mut Vec<u8>> {
        if self.bytes.capacity() - self.bytes.len() < length {
            self.make_room(length)?;
        }
        Ok(&mut self.bytes)
    }

    #[cold]
    fn make_room(&mut self, length: usize) -> io::Result<()> {
        self.write_out()?;
        self.bytes.reserve(length);
        Ok(())
    }

    fn write_out(&mut self) -> io::Result<()> {
        self.output.write_all(&self.bytes)?;
        self.bytes.clear();
        Ok(())
    }

    /// Writes what is left, and gives the output back.
    pub(super) fn into_inner(mut self) -> io::Result<W> {
        self.write_out()?;
        Ok(self.output)
    }
}

impl<W: Write> Write for Buffer<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.room(bytes.len())?.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.write_out()?;
        self.output.flush()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Remembers how much it was given at once.
    #[derive(Default)]
    struct Writes(Vec<usize>);

    impl Write for Writes {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.push(bytes.len());
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn records_are_written_whole_and_many_at_once() {
        let mut buffer = Buffer::new(Writes::default());
        let record = [7; 1000];
        for _ in 0..300 {
            buffer.room(record.len()).unwrap().extend_from_slice(&record);
        }
        let long = vec![7; 2 * BYTES];
        buffer.room(long.len()).unwrap().extend_from_slice(&long);
        buffer.room(1).unwrap().push(7);
        assert_eq!(buffer.into_inner().unwrap().0, [262_000, 38_000, 2 * BYTES, 1]);
    }
}
