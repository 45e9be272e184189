//! Lines of any input, none of them longer than a record can be.

use std::io::{self, BufRead, Read};

use super::input::{Input, without_mark};

/// Bytes of the longest line: what CloudWatch takes as an event, a megabyte, is more than all fields together can be.
pub(crate) const LONGEST: u64 = 1 << 20;

pub(crate) struct Lines {
    input: Input,
    /// How many were read.
    pub(crate) number: u64,
}

/// What was read.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Line {
    Whole,
    /// Its beginning; the rest was passed over.
    TooLong,
}

impl Lines {
    pub(crate) fn new(input: Input) -> Self {
        Self { input, number: 0 }
    }

    /// The next line without its end, added to what is there; `None` after the last one.
    pub(crate) fn add(&mut self, line: &mut Vec<u8>) -> io::Result<Option<Line>> {
        let start = line.len();
        let read = self.input.by_ref().take(LONGEST).read_until(b'\n', line)?;
        if read == 0 {
            return Ok(None);
        }
        self.number += 1;
        let whole = line.ends_with(b"\n") || read < LONGEST as usize;
        if !whole {
            self.pass_over()?;
        }
        let ends = |byte: &u8| matches!(byte, b'\n' | b'\r');
        while line.len() > start && line.last().is_some_and(ends) {
            line.pop();
        }
        if self.number == 1 && start == 0 {
            line.drain(..line.len() - without_mark(line).len());
        }
        Ok(Some(if whole { Line::Whole } else { Line::TooLong }))
    }

    /// The rest of the line.
    fn pass_over(&mut self) -> io::Result<()> {
        loop {
            let there = self.input.fill_buf()?;
            let (length, ended) = match there.iter().position(|byte| *byte == b'\n') {
                Some(end) => (end + 1, true),
                None => (there.len(), there.is_empty()),
            };
            self.input.consume(length);
            if ended {
                return Ok(());
            }
        }
    }
}
