//! Tables of events, as the console of CloudWatch saves them: `timestamp,message`, or `@timestamp,@message` of a query.

use std::io;

use super::input::Input;
use super::lines::{LONGEST, Line, Lines};
use crate::flaw::FlawKind;

pub(crate) struct Csv {
    lines: Lines,
    /// Which column has the message; `None` before the header.
    message: Option<usize>,
    row: Vec<u8>,
}

impl Csv {
    pub(crate) fn new(input: Input) -> Self {
        Self { lines: Lines::new(input), message: None, row: Vec::new() }
    }

    /// The line at which the row last read ends.
    pub(crate) fn line(&self) -> u64 {
        self.lines.number
    }

    /// The next message; `None` after the last one.
    pub(crate) fn next(&mut self, message: &mut Vec<u8>) -> io::Result<Option<Result<(), FlawKind>>> {
        message.clear();
        loop {
            let Some(read) = self.row()? else { return Ok(None) };
            if read == Line::TooLong {
                return Ok(Some(Err(FlawKind::TooLong)));
            }
            if self.row.trim_ascii().is_empty() {
                continue;
            }
            let Some(column) = self.message else {
                // A header without the column is not taken for a table in the first place.
                self.message = Some(message_column(&self.row).unwrap_or(0));
                continue;
            };
            return Ok(Some(cell(&self.row, column, message).ok_or(FlawKind::NoMessage)));
        }
    }

    /// A row, over as many lines as its quotes are open.
    fn row(&mut self) -> io::Result<Option<Line>> {
        self.row.clear();
        let Some(mut read) = self.lines.add(&mut self.row)? else { return Ok(None) };
        while read == Line::Whole && self.row.iter().filter(|byte| **byte == b'"').count() % 2 == 1 {
            if self.row.len() as u64 > LONGEST {
                return Ok(Some(Line::TooLong));
            }
            self.row.push(b'\n');
            match self.lines.add(&mut self.row)? {
                Some(more) => read = more,
                None => break,
            }
        }
        Ok(Some(read))
    }
}

/// Which column of a header has messages.
pub(crate) fn message_column(header: &[u8]) -> Option<usize> {
    let mut name = Vec::new();
    (0..)
        .map_while(|column| {
            name.clear();
            cell(header, column, &mut name)?;
            Some((column, matches!(name.trim_ascii(), b"message" | b"@message")))
        })
        .find_map(|(column, is_message)| is_message.then_some(column))
}

/// The content of a column, added to what is there.
fn cell(row: &[u8], column: usize, content: &mut Vec<u8>) -> Option<()> {
    let (mut at, mut quoted) = (0, false);
    for byte in row {
        match byte {
            b'"' => quoted = !quoted,
            b',' if !quoted => at += 1,
            _ => {}
        }
        // Of a quote in quotes, which is written twice, the first ends the quotes and the second opens them again.
        if at == column && *byte != b'"' && (quoted || *byte != b',') {
            content.push(*byte);
        }
    }
    (at >= column).then_some(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn column(row: &str, column: usize) -> Option<String> {
        let mut content = Vec::new();
        cell(row.as_bytes(), column, &mut content)?;
        Some(String::from_utf8(content).unwrap())
    }

    #[test]
    fn columns_are_told_from_each_other() {
        for (row, expected) in [("a,b c,d", "b c"), ("a,\"b,c\",d", "b,c"), ("a,b", "b"), ("a,", ""), ("\"a,\",b", "b")]
        {
            assert_eq!(column(row, 1).as_deref(), Some(expected), "{row}");
        }
        assert_eq!(column("a", 1), None);
        assert_eq!(message_column(b"timestamp,message"), Some(1));
        assert_eq!(message_column(b"\"@timestamp\",\"@log\",\"@message\""), Some(2));
        assert_eq!(message_column(b"version account-id"), None);
    }
}
