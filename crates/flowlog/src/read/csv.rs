//! Tables, as the console of CloudWatch saves them: events as `timestamp,message`, and what queries give: `@timestamp,@message`, or
//! fields as they are discovered, `srcAddr,dstAddr,action`.

use std::cmp::Ordering;
use std::io;

use super::input::Input;
use super::lines::{LONGEST, Line, Lines};
use super::row::{Row, discovered};
use crate::flaw::FlawKind;

pub(crate) struct Csv {
    lines: Lines,
    /// What the columns are; `None` before the header.
    columns: Option<Columns>,
    /// The columns of a row, where none of them is a message.
    pub(crate) fields: Row,
    row: Vec<u8>,
}

enum Columns {
    /// This one is the message.
    Message(usize),
    /// Their names.
    Named(Vec<Vec<u8>>),
}

impl Csv {
    pub(crate) fn new(input: Input) -> Self {
        Self { lines: Lines::new(input), columns: None, fields: Row::default(), row: Vec::new() }
    }

    /// The line at which the row last read ends.
    pub(crate) fn line(&self) -> u64 {
        self.lines.number
    }

    /// How many columns the header has, where their names are those of fields.
    pub(crate) fn named(&self) -> Option<usize> {
        match &self.columns {
            Some(Columns::Named(names)) => Some(names.len()),
            _ => None,
        }
    }

    /// The next message, or row; `None` after the last one.
    pub(crate) fn next(&mut self, message: &mut Vec<u8>) -> io::Result<Option<Result<(), FlawKind>>> {
        message.clear();
        self.fields.clear();
        loop {
            let Some(read) = self.row()? else { return Ok(None) };
            if read == Line::TooLong {
                return Ok(Some(Err(FlawKind::TooLong)));
            }
            if self.row.trim_ascii().is_empty() {
                continue;
            }
            let Some(columns) = &self.columns else {
                self.columns = Some(match message_column(&self.row) {
                    Some(column) => Columns::Message(column),
                    None => Columns::Named(cells(&self.row)),
                });
                continue;
            };
            return Ok(Some(match columns {
                Columns::Message(column) => cell(&self.row, *column, message).ok_or(FlawKind::NoMessage),
                Columns::Named(names) => {
                    let cells = cells(&self.row);
                    names.iter().zip(&cells).for_each(|(name, cell)| self.fields.add(name, cell));
                    match names.len().cmp(&cells.len()) {
                        Ordering::Less => {
                            message.extend_from_slice(&cells[names.len()]);
                            Err(FlawKind::ExtraColumns)
                        }
                        Ordering::Equal => Ok(()),
                        Ordering::Greater => Err(FlawKind::MissingColumns),
                    }
                }
            }));
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

/// Whether a header is that of a table of fields.
pub(crate) fn has_fields(header: &[u8]) -> bool {
    let cells = cells(header);
    cells.len() > 1 && cells.iter().any(|name| name.starts_with(b"@") || discovered(name.trim_ascii()).is_some())
}

/// The content of all columns.
fn cells(row: &[u8]) -> Vec<Vec<u8>> {
    (0..)
        .map_while(|column| {
            let mut content = Vec::new();
            cell(row, column, &mut content).map(|()| content)
        })
        .collect()
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
