//! Rows of a query's results: lists of columns, each with its name.

use super::{Json, Key, Stop};
use crate::flaw::FlawKind;

impl Json {
    /// A list in a list: the columns of a result, each with its name. Its message, if there is one, is all of the record.
    pub(super) fn row(&mut self, message: &mut Vec<u8>) -> Result<Result<(), FlawKind>, Stop> {
        self.pass()?;
        let (mut read, mut has_message) = (Err(FlawKind::NoMessage), false);
        let (mut name, mut value) = (Vec::new(), Vec::new());
        loop {
            match self.peek_past_space()?.ok_or(Stop::CutOff)? {
                b']' => {
                    self.pass()?;
                    if has_message {
                        self.row.clear();
                    } else if self.row.is_there && read == Err(FlawKind::NoMessage) {
                        read = Ok(());
                    }
                    return Ok(read);
                }
                b',' => self.pass()?,
                b'{' => match self.column(&mut name, &mut value)? {
                    Ok(()) if name == b"@message" => {
                        std::mem::swap(message, &mut value);
                        (read, has_message) = (Ok(()), true);
                    }
                    Ok(()) => self.row.add(&name, &value),
                    Err(kind) if !has_message => read = Err(kind),
                    Err(_) => {}
                },
                _ => return Err(self.unexpected("a column, or ]")),
            }
        }
    }

    /// A member of an object that may be a result: the key is read, and this is the first byte of its value.
    pub(super) fn field(&mut self, first: u8) -> Result<(), Stop> {
        let name = self.raw.trim_ascii().to_vec();
        // Between its quotes; a name that needs escapes is no field's.
        let name = name.get(1..name.len().saturating_sub(1)).unwrap_or_default();
        let mut value = Vec::new();
        match first {
            b'"' => {
                if self.text(&mut value)?.is_ok() {
                    self.row.add(name, &value);
                }
                Ok(())
            }
            first if first.is_ascii_digit() => {
                let goes_on = |byte: &u8| byte.is_ascii_alphanumeric() || b"+-.".contains(byte);
                while let Some(byte) = self.peek()?.filter(goes_on) {
                    value.push(byte);
                    self.pass()?;
                }
                self.row.add(name, &value);
                Ok(())
            }
            _ => self.pass_value(),
        }
    }

    /// An object in a row: its name and value.
    fn column(&mut self, name: &mut Vec<u8>, value: &mut Vec<u8>) -> Result<Result<(), FlawKind>, Stop> {
        self.pass()?;
        name.clear();
        value.clear();
        let mut read = Ok(());
        loop {
            match self.peek_past_space()?.ok_or(Stop::CutOff)? {
                b'}' => {
                    self.pass()?;
                    return Ok(read);
                }
                b',' => self.pass()?,
                b'"' => match self.key()? {
                    (Key::Field, b'"') => read = read.and(self.text(name)?),
                    (Key::Value, b'"') => read = read.and(self.text(value)?),
                    _ => self.pass_value()?,
                },
                _ => return Err(self.unexpected("a key of a column, or }")),
            }
        }
    }
}
