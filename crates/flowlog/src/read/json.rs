//! Events of CloudWatch in JSON, one by one: what `aws logs filter-log-events` and `get-log-events` print
//! (`{"events": [{"message": ...}]}`), what subscriptions get (`logEvents`), lists of events or of messages, an event a line; and
//! what `aws logs get-query-results` prints of a query (`{"results": [[{"field": ..., "value": ...}]], "status": ...}`), or what
//! consoles save of one (`[{"srcAddr": ...}]`).
//!
//! A month of events is one document of gigabytes. So it is walked, and only the messages are kept.

mod rows;

use std::io::{self, BufRead};

use super::input::Input;
use super::lines::LONGEST;
use super::row::Row;
use crate::flaw::FlawKind;

pub(crate) struct Json {
    input: Input,
    /// Where the next byte is, from 1.
    pub(crate) line: u64,
    pub(crate) column: u64,
    /// How many events were read.
    pub(crate) events: u64,
    /// The columns of a query's result that has no message.
    pub(crate) row: Row,
    state: State,
    raw: Vec<u8>,
    /// Whether the object holds the results of a query.
    has_results: bool,
    /// How far that query was.
    status: Option<Vec<u8>>,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum State {
    /// Between documents.
    Outside,
    /// In an object that holds events, or is one: then it has a message.
    Object { message: bool },
    /// In a list of events, of an object or not.
    List { of_object: bool },
}

/// Why there is no message.
#[derive(Debug)]
pub(crate) enum Stop {
    /// The input failed.
    Io(io::Error),
    /// It ends in the middle of something.
    CutOff,
    /// It is no JSON, or none with events.
    Unexpected(String),
}

impl From<io::Error> for Stop {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

impl Json {
    pub(crate) fn new(input: Input) -> Self {
        Self {
            input,
            line: 1,
            column: 1,
            events: 0,
            row: Row::default(),
            state: State::Outside,
            raw: Vec::new(),
            has_results: false,
            status: None,
        }
    }

    /// The next message, or a row; `None` after the last one.
    pub(crate) fn next(&mut self, message: &mut Vec<u8>) -> Result<Option<Result<(), FlawKind>>, Stop> {
        message.clear();
        self.row.clear();
        loop {
            let Some(byte) = self.peek_past_space()? else {
                return if self.state == State::Outside { Ok(None) } else { Err(Stop::CutOff) };
            };
            match (self.state, byte) {
                // Pages that were joined may have a comma between them.
                (_, b',') => self.pass()?,
                (State::Outside, b'{') => self.enter(State::Object { message: false })?,
                (State::Outside, b'[') => self.enter(State::List { of_object: false })?,
                (State::Object { message: was_event }, b'}') => {
                    self.enter(State::Outside)?;
                    if was_event {
                        return self.give(Ok(()));
                    }
                    let status = self.status.take().filter(|status| status != b"Complete");
                    if let (true, Some(status)) = (std::mem::take(&mut self.has_results), status) {
                        *message = status;
                        return Ok(Some(Err(FlawKind::Unfinished)));
                    }
                }
                (State::Object { .. }, b'"') => self.member(message)?,
                (State::List { of_object }, b']') => {
                    self.enter(if of_object { State::Object { message: false } } else { State::Outside })?;
                }
                (State::List { .. }, b'"') => {
                    let read = self.text(message)?;
                    return self.give(read);
                }
                (State::List { .. }, b'{') => {
                    let read = self.event(message)?;
                    return self.give(read);
                }
                (State::List { .. }, b'[') => {
                    let read = self.row(message)?;
                    return self.give(read);
                }
                (State::List { .. }, _) => return Err(self.unexpected("an event, or ]")),
                (State::Object { .. }, _) => return Err(self.unexpected("a key, or }")),
                (State::Outside, _) => return Err(self.unexpected("an object or a list of events")),
            }
        }
    }

    fn give(&mut self, read: Result<(), FlawKind>) -> Result<Option<Result<(), FlawKind>>, Stop> {
        self.events += 1;
        Ok(Some(read))
    }

    fn enter(&mut self, state: State) -> Result<(), Stop> {
        self.pass()?;
        self.state = state;
        Ok(())
    }

    /// A member of an object outside of lists: the list of events, a message, or something else.
    fn member(&mut self, message: &mut Vec<u8>) -> Result<(), Stop> {
        let (key, value) = self.key()?;
        match (key, value) {
            (Key::Events, b'[') => self.enter(State::List { of_object: true }),
            (Key::Results, b'[') => {
                self.has_results = true;
                self.enter(State::List { of_object: true })
            }
            (Key::Status, b'"') => {
                let mut status = Vec::new();
                if self.text(&mut status)?.is_ok() {
                    self.status = Some(status);
                }
                Ok(())
            }
            (Key::Message, b'"') => {
                if self.text(message)?.is_ok() {
                    self.state = State::Object { message: true };
                }
                Ok(())
            }
            _ => self.pass_value(),
        }
    }

    /// An object in a list: its message, or the fields of a query's result.
    fn event(&mut self, message: &mut Vec<u8>) -> Result<Result<(), FlawKind>, Stop> {
        self.pass()?;
        let (mut read, mut has_message) = (Err(FlawKind::NoMessage), false);
        loop {
            match self.peek_past_space()?.ok_or(Stop::CutOff)? {
                b'}' => {
                    self.pass()?;
                    if has_message || self.row.fields.is_empty() {
                        self.row.clear();
                    } else {
                        read = Ok(());
                    }
                    return Ok(read);
                }
                b',' => self.pass()?,
                b'"' => match self.key()? {
                    (Key::Message, b'"') => (read, has_message) = (self.text(message)?, true),
                    (Key::Other, first) if !has_message => self.field(first)?,
                    _ => self.pass_value()?,
                },
                _ => return Err(self.unexpected("a key of an event, or }")),
            }
        }
    }

    /// A key, and the first byte of its value.
    fn key(&mut self) -> Result<(Key, u8), Stop> {
        self.raw_text()?;
        let key = match self.raw.as_slice() {
            b"\"events\"" | b"\"logEvents\"" => Key::Events,
            b"\"message\"" | b"\"@message\"" => Key::Message,
            // What events have besides.
            b"\"timestamp\"" | b"\"ingestionTime\"" | b"\"logStreamName\"" | b"\"eventId\"" | b"\"id\"" => Key::OfEvent,
            b"\"results\"" => Key::Results,
            b"\"status\"" => Key::Status,
            b"\"field\"" => Key::Field,
            b"\"value\"" => Key::Value,
            _ => Key::Other,
        };
        if self.peek_past_space()?.ok_or(Stop::CutOff)? != b':' {
            return Err(self.unexpected("a colon after a key"));
        }
        self.pass()?;
        Ok((key, self.peek_past_space()?.ok_or(Stop::CutOff)?))
    }

    /// A string, without its quotes and escapes.
    fn text(&mut self, text: &mut Vec<u8>) -> Result<Result<(), FlawKind>, Stop> {
        text.clear();
        if !self.raw_text()? {
            return Ok(Err(FlawKind::TooLong));
        }
        match serde_json::from_slice::<std::borrow::Cow<'_, str>>(&self.raw) {
            Ok(decoded) => text.extend_from_slice(decoded.trim_ascii().as_bytes()),
            Err(_) => return Ok(Err(FlawKind::NotText)),
        }
        Ok(Ok(()))
    }

    /// A string as it is written, into `raw`; false if it is longer than any record. Line breaks in it, which JSON does not
    /// allow, are not counted as lines.
    fn raw_text(&mut self) -> Result<bool, Stop> {
        self.pass()?;
        self.raw.clear();
        self.raw.push(b'"');
        let mut escaped = false;
        loop {
            let there = there(&mut self.input)?;
            if there.is_empty() {
                return Err(Stop::CutOff);
            }
            let (length, ended) = match there.iter().position(|byte| matches!(byte, b'"' | b'\\')) {
                _ if escaped => (1, false),
                Some(at) => (at + 1, there[at] == b'"'),
                None => (there.len(), false),
            };
            escaped = !escaped && there[length - 1] == b'\\';
            let room = (LONGEST as usize + 1).saturating_sub(self.raw.len());
            self.raw.extend_from_slice(&there[..length.min(room)]);
            self.column += length as u64;
            self.input.consume(length);
            if ended {
                return Ok(self.raw.len() as u64 <= LONGEST);
            }
        }
    }

    /// Any value, however deep.
    fn pass_value(&mut self) -> Result<(), Stop> {
        let mut depth: u64 = 0;
        loop {
            match self.peek_past_space()?.ok_or(Stop::CutOff)? {
                b'"' => {
                    self.raw_text()?;
                }
                b'{' | b'[' => {
                    depth += 1;
                    self.pass()?;
                    continue;
                }
                b'}' | b']' => {
                    // The end of what this value is in, where the value is missing.
                    if depth == 0 {
                        return Err(self.unexpected("a value"));
                    }
                    depth -= 1;
                    self.pass()?;
                }
                b',' | b':' if depth > 0 => {
                    self.pass()?;
                    continue;
                }
                byte if byte.is_ascii_alphanumeric() || byte == b'-' => {
                    while self.peek()?.is_some_and(|byte| byte.is_ascii_alphanumeric() || b"+-.".contains(&byte)) {
                        self.pass()?;
                    }
                }
                _ => return Err(self.unexpected("a value")),
            }
            if depth == 0 {
                return Ok(());
            }
        }
    }

    fn unexpected(&mut self, expected: &str) -> Stop {
        let found = match self.peek() {
            Ok(Some(byte)) => format!("'{}'", byte.escape_ascii()),
            _ => "the end".to_owned(),
        };
        Stop::Unexpected(format!("{found} where {expected} should be"))
    }

    fn peek_past_space(&mut self) -> Result<Option<u8>, Stop> {
        // A byte order mark is no space, but before a document it is passed over as one.
        while let Some(byte) = self.peek()? {
            let is_mark = self.state == State::Outside && b"\xef\xbb\xbf".contains(&byte);
            if !byte.is_ascii_whitespace() && !is_mark {
                return Ok(Some(byte));
            }
            self.pass()?;
        }
        Ok(None)
    }

    fn peek(&mut self) -> Result<Option<u8>, Stop> {
        Ok(there(&mut self.input)?.first().copied())
    }

    /// Moves on over the byte that was looked at.
    fn pass(&mut self) -> Result<(), Stop> {
        if self.peek()? == Some(b'\n') {
            (self.line, self.column) = (self.line + 1, 1);
        } else {
            self.column += 1;
        }
        self.input.consume(1);
        Ok(())
    }
}

/// What is there of the input: nothing at its end only.
fn there(input: &mut Input) -> io::Result<&[u8]> {
    while let Err(error) = input.fill_buf() {
        if error.kind() != io::ErrorKind::Interrupted {
            return Err(error);
        }
    }
    // Full already, so that it does not fail.
    input.fill_buf()
}

enum Key {
    Events,
    Message,
    Results,
    Status,
    Field,
    Value,
    /// What every event has, and no field is called.
    OfEvent,
    Other,
}

#[cfg(test)]
mod tests {
    use super::super::input::open;
    use super::*;

    fn messages(text: &str) -> Result<Vec<Result<String, FlawKind>>, String> {
        let (_, input) = open(Box::new(io::Cursor::new(text.to_owned().into_bytes())));
        let (mut json, mut message, mut all) = (Json::new(input), Vec::new(), Vec::new());
        loop {
            match json.next(&mut message) {
                Ok(Some(read)) => all.push(read.map(|()| String::from_utf8(message.clone()).unwrap())),
                Ok(None) => return Ok(all),
                Err(Stop::Unexpected(cause)) => return Err(format!("{}:{}: {cause}", json.line, json.column)),
                Err(other) => return Err(format!("{other:?}")),
            }
        }
    }

    #[test]
    fn events_are_found_wherever_they_are() {
        let both = Ok(vec![Ok("a b".to_owned()), Ok("c \"d\" \u{e9}".to_owned())]);
        let (first, second) =
            (r#"{"timestamp":1,"message":"a b\n"}"#, r#"{"message":"c \"d\" \u00e9","x":{"message":"no"}}"#);
        for text in [
            format!(
                r#"{{"events":[{first},{second}],"searchedLogStreams":[{{"a":[1,-2.5e+3,null]}}],"nextToken":"t"}}"#
            ),
            format!(r#"{{"nextBackwardToken":"events","events":[{first}]}} {{"events":[{second}]}}"#),
            format!("[{first}, {second}]"),
            format!("{first}\n{second}\n"),
            format!(r#"{{"messageType":"DATA_MESSAGE","logEvents":[{first},{second}]}}"#),
            r#"["a b", "c \"d\" \u00e9"]"#.to_owned(),
            format!("\u{feff}{{\"events\": [\n  {first},\n  {second}\n]}}\n"),
        ] {
            assert_eq!(messages(&text), both, "{text}");
        }
        assert_eq!(messages("{}"), Ok(vec![]));
    }

    #[test]
    fn an_event_without_a_message_is_one_flaw() {
        assert_eq!(
            messages(r#"{"events":[{"timestamp":1},{"message":{"a":1}},{"message":"x"}]}"#),
            Ok(vec![Err(FlawKind::NoMessage), Err(FlawKind::NoMessage), Ok("x".to_owned())])
        );
        assert_eq!(messages(r#"["\ud800"]"#), Ok(vec![Err(FlawKind::NotText)]));
        let long = format!("[\"{}\", \"x\"]", "y".repeat(LONGEST as usize + 1));
        assert_eq!(messages(&long), Ok(vec![Err(FlawKind::TooLong), Ok("x".to_owned())]));
    }

    #[test]
    fn what_is_no_json_is_said_where_it_is() {
        assert_eq!(messages("{\"events\":[\n  7]}"), Err("2:3: '7' where an event, or ] should be".to_owned()));
        assert_eq!(messages("{\"a\" 1}"), Err("1:6: '1' where a colon after a key should be".to_owned()));
        assert_eq!(messages("{\"a\":}"), Err("1:6: '}' where a value should be".to_owned()));
        assert_eq!(messages("{\"events\":[{\"mess"), Err("CutOff".to_owned()));
        assert_eq!(messages("{\"a\":[[[["), Err("CutOff".to_owned()));
    }
}
