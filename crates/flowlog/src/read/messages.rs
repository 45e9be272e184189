//! Records of text, whatever holds their lines.

use std::sync::Arc;

use super::csv::Csv;
use super::json::{Json, Stop};
use super::lines::{Line, Lines};
use super::{Entry, Judge};
use crate::error::{Error, Place};
use crate::flaw::{Flaw, FlawKind};
use crate::format::{is_of_transit_gateway, shown};
use crate::text::{Parser, token};
use crate::{Field, Format, FormatError};

pub(crate) enum Holder {
    Lines(Lines),
    Json(Json),
    Csv(Csv),
}

type Message = (Place, Result<(), FlawKind>);

/// One file of text.
pub(crate) struct Messages {
    file: Arc<str>,
    holder: Holder,
    /// The format that the user gave.
    given: Option<Format>,
    parser: Option<Parser>,
    /// That of rows which have fields for columns.
    row_parser: Option<Parser>,
    message: Vec<u8>,
}

impl Messages {
    pub(crate) fn new(file: Arc<str>, holder: Holder, given: Option<Format>) -> Self {
        let parser = given.clone().map(Parser::new);
        Self { file, holder, given, parser, row_parser: None, message: Vec::new() }
    }

    /// The next record; `None` after the last one. After an error that is no [`Error::Record`] there is nothing more.
    pub(crate) fn next(&mut self, judge: &mut Judge) -> Option<Result<Entry, Error>> {
        loop {
            let (place, read) = match self.message() {
                Ok(next) => next?,
                Err(error) => return Some(Err(error)),
            };
            if let Err(kind) = read {
                // Of a query that is not finished its status is there, and of a row the column that is too many.
                let is_shown = matches!(kind, FlawKind::Unfinished | FlawKind::ExtraColumns);
                let flaw = Flaw { kind, field: None, at: 0..if is_shown { self.message.len() } else { 0 } };
                match self.judged(judge, place, 0, &flaw) {
                    Some(error) => return Some(Err(error)),
                    None => continue,
                }
            }
            if let Some(read) = self.row(place, judge) {
                match read {
                    Ok(Some(entry)) => return Some(Ok(entry)),
                    Ok(None) => continue,
                    Err(error) => return Some(Err(error)),
                }
            }
            let skip = before_record(&self.message);
            let line = self.message[skip..].trim_ascii_end();
            let Some(first) = token(line, 0) else { continue };
            let first = &line[first];
            if self.is_header(line, first) {
                match self.header(place, line) {
                    Ok(parser) => self.parser = Some(parser),
                    Err(error) => return Some(Err(error)),
                }
                continue;
            }
            if self.parser.is_none() {
                match self.guessed(place, line, first) {
                    Ok(parser) => self.parser = Some(parser),
                    Err(error) => return Some(Err(error)),
                }
            }
            let Some(parser) = &mut self.parser else { continue };
            let flaw = match parser.record(line) {
                Ok(record) => match judge.take(record, parser.fields(), &self.file, place) {
                    Some(entry) => return Some(Ok(entry)),
                    None => continue,
                },
                Err(flaw) => flaw,
            };
            if let Some(error) = self.judged(judge, place, skip, &flaw) {
                return Some(Err(error));
            }
        }
    }

    /// What a row says whose columns are fields; `None` if there is a message instead.
    fn row(&mut self, place: Place, judge: &mut Judge) -> Option<Result<Option<Entry>, Error>> {
        let row = match &self.holder {
            Holder::Json(json) => &json.row,
            Holder::Csv(csv) => &csv.fields,
            Holder::Lines(_) => return None,
        };
        if !row.is_there {
            return None;
        }
        if row.stranger.is_some() || row.fields.is_empty() {
            return Some(Err(Error::Query { file: self.file.to_string(), place, found: row.stranger.clone() }));
        }
        let known = self.row_parser.take().filter(|parser| parser.format().fields() == row.fields);
        // Each field is there once.
        let parser = known.or_else(|| Format::new(row.fields.clone()).ok().map(Parser::new));
        let parser = self.row_parser.insert(parser?);
        self.message.clone_from(&row.line);
        let flaw = match parser.record(&row.line) {
            Ok(record) => return Some(Ok(judge.take(record, parser.fields(), &self.file, place))),
            Err(flaw) => flaw,
        };
        let format = parser.format();
        let error = || Error::Record {
            file: self.file.to_string(),
            place,
            column: None,
            kind: flaw.kind,
            sentence: flaw.sentence(&self.message, format.fields().len(), format.version()),
        };
        Some(judge.flaw(flaw.kind, error).map_or(Ok(None), Err))
    }

    /// The next message: where it is, and whether it is one.
    fn message(&mut self) -> Result<Option<Message>, Error> {
        match &mut self.holder {
            Holder::Lines(lines) => {
                self.message.clear();
                let read = lines.add(&mut self.message);
                let place = Place::Line(lines.number);
                match read {
                    Ok(None) => Ok(None),
                    Ok(Some(Line::Whole)) => Ok(Some((place, Ok(())))),
                    Ok(Some(Line::TooLong)) => Ok(Some((place, Err(FlawKind::TooLong)))),
                    Err(error) => Err(torn(&self.file, place, error.to_string())),
                }
            }
            Holder::Csv(csv) => {
                let read = csv.next(&mut self.message);
                let place = Place::Line(csv.line());
                match read {
                    Ok(read) => Ok(read.map(|read| (place, read))),
                    Err(error) => Err(torn(&self.file, place, error.to_string())),
                }
            }
            Holder::Json(json) => {
                let read = json.next(&mut self.message);
                let place = Place::Event(json.events);
                match read {
                    Ok(read) => Ok(read.map(|read| (place, read))),
                    Err(Stop::Io(error)) => Err(torn(&self.file, place, error.to_string())),
                    Err(Stop::CutOff) => Err(torn(&self.file, place, "the JSON ends in the middle".to_owned())),
                    Err(Stop::Unexpected(cause)) => {
                        Err(Error::Json { file: self.file.to_string(), line: json.line, column: json.column, cause })
                    }
                }
            }
        }
    }

    /// Header lines may come again where files were joined: lines of nothing but names of fields. In the first line there may be
    /// a typo.
    fn is_header(&self, line: &[u8], first: &[u8]) -> bool {
        let is_name = |token: &[u8]| {
            let name = str::from_utf8(token).unwrap_or_default();
            Field::named(name).is_some() || is_of_transit_gateway(name)
        };
        if !first[0].is_ascii_lowercase() || (self.parser.is_some() && !is_name(first)) {
            return false;
        }
        let tokens = || line.split(|byte| matches!(byte, b' ' | b'\t')).filter(|token| !token.is_empty());
        let (names, all) = (tokens().filter(|token| is_name(token)).count(), tokens().count());
        if self.parser.is_some() { names == all } else { names * 2 >= all && names > 0 }
    }

    fn header(&self, place: Place, line: &[u8]) -> Result<Parser, Error> {
        let text = String::from_utf8_lossy(line);
        let format = Format::from_header(&text).map_err(|source| Error::Header {
            file: self.file.to_string(),
            place,
            source,
        })?;
        match &self.given {
            Some(given) if *given != format => Err(Error::OtherFormat {
                file: self.file.to_string(),
                place,
                found: format.header(),
                given: given.header(),
            }),
            _ => Ok(Parser::new(format)),
        }
    }

    /// The format of lines without a header: the default one, if they say its version.
    fn guessed(&self, place: Place, line: &[u8], first: &[u8]) -> Result<Parser, Error> {
        if first == b"2" {
            return Ok(Parser::new(Format::default()));
        }
        let file = self.file.to_string();
        if line.starts_with(b"6 TransitGateway") {
            let source = FormatError::TransitGateway { field: "resource-type".to_owned() };
            return Err(Error::Header { file, place, source });
        }
        Err(Error::NoFormat { file, place, found: shown(&String::from_utf8_lossy(line)) })
    }

    /// What is made of a flaw: an error, or nothing where it is passed over.
    fn judged(&self, judge: &mut Judge, place: Place, skip: usize, flaw: &Flaw) -> Option<Error> {
        let error = || {
            let named = match &self.holder {
                Holder::Csv(csv) => csv.named(),
                _ => None,
            };
            let (columns, version) = self
                .parser
                .as_ref()
                .map_or((0, 0), |parser| (parser.format().fields().len(), parser.format().version()));
            let line = self.message.get(skip..).unwrap_or_default();
            let is_line = named.is_none() && flaw.kind != FlawKind::Unfinished;
            Error::Record {
                file: self.file.to_string(),
                place,
                column: is_line.then_some(skip + flaw.at.start + 1),
                kind: flaw.kind,
                sentence: flaw.sentence(line, named.unwrap_or(columns), version),
            }
        };
        judge.flaw(flaw.kind, error)
    }
}

fn torn(file: &str, after: Place, cause: String) -> Error {
    Error::Torn { file: file.to_owned(), after, cause }
}

/// The length of what export tasks write before a record: `2025-01-01T00:00:00.000Z ` (and none of white space).
fn before_record(line: &[u8]) -> usize {
    const TIME: &[u8] = b"0000-00-00T00:00:00.000Z ";
    let is_time = line.len() > TIME.len()
        && line.iter().zip(TIME).all(|(byte, like)| if *like == b'0' { byte.is_ascii_digit() } else { byte == like });
    if is_time { TIME.len() } else { 0 }
}
