//! Where things are in the text.

use std::ops::Range;
use std::sync::Arc;

use crate::Origin;
use crate::finding::Source;

/// The text with an index of its lines: a file of many rules asks for the line of each.
#[derive(Debug)]
pub struct Places {
    file: Arc<str>,
    /// Byte offsets of the newlines.
    newlines: Vec<usize>,
    len: usize,
}

impl Places {
    /// Of a text.
    pub fn of(source: &Source) -> Self {
        let newlines = source.text.bytes().enumerate().filter(|(_, byte)| *byte == b'\n').map(|(at, _)| at).collect();
        Self { file: Arc::clone(&source.name), newlines, len: source.text.len() }
    }

    /// The origin of what the file says at `span`.
    pub fn at(&self, span: Range<usize>) -> Origin {
        let (start, end) = (span.start.min(self.len), span.end.min(self.len));
        let line = self.newlines.partition_point(|newline| *newline < start) + 1;
        Origin {
            file: Arc::clone(&self.file),
            line: u32::try_from(line).ok(),
            span: Some((start, end.max(start))),
            path: None,
        }
    }

    /// The origin of what the file lacks as a whole.
    pub fn file(&self) -> Origin {
        Origin { file: Arc::clone(&self.file), ..Origin::default() }
    }
}
