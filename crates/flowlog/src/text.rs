//! Records as lines, and lines as records.

use std::net::{IpAddr, Ipv4Addr};
use std::ops::Range;

use crate::field::{Slot, Value};
use crate::flaw::{Flaw, FlawKind};
use crate::record::{Action, FlowDirection, LogStatus, Record, Text, TrafficType};
use crate::{Field, Fields, Format};

/// The largest number that a column of a file holds: `INT_64` (9.20).
const LARGEST: u64 = i64::MAX as u64;

impl Format {
    /// Writes a record as a line, its line break included. The version is that of the format (9b).
    pub fn write_line(&self, record: &Record, line: &mut Vec<u8>) {
        let mut digits = itoa::Buffer::new();
        for (index, field) in self.fields().iter().enumerate() {
            if index > 0 {
                line.push(b' ');
            }
            let value = match field {
                Field::Version => Value::Number(self.version().into()),
                _ => record.value(*field),
            };
            match value {
                Value::Absent | Value::Text("") => line.push(b'-'),
                Value::Number(number) => line.extend_from_slice(digits.format(number).as_bytes()),
                Value::Address(address) => write_address(address, &mut digits, line),
                Value::Text(text) => write_text(text, line),
            }
        }
        line.push(b'\n');
    }
}

fn write_address(address: IpAddr, digits: &mut itoa::Buffer, line: &mut Vec<u8>) {
    match address {
        IpAddr::V4(address) => {
            for (index, octet) in address.octets().into_iter().enumerate() {
                if index > 0 {
                    line.push(b'.');
                }
                line.extend_from_slice(digits.format(octet).as_bytes());
            }
        }
        IpAddr::V6(address) => line.extend_from_slice(address.to_string().as_bytes()),
    }
}

/// White space would be two columns, and a lone hyphen nothing: they are percent-encoded, as the values of tags are (9b).
fn write_text(text: &str, line: &mut Vec<u8>) {
    if text == "-" {
        line.extend_from_slice(b"%2D");
        return;
    }
    let splits = |byte: u8| byte <= b' ' || byte == 0x7f;
    if !text.bytes().any(splits) {
        line.extend_from_slice(text.as_bytes());
        return;
    }
    const HEX: &[u8; 16] = b"0123456789ABCDEF";
    for byte in text.bytes() {
        match splits(byte) {
            true => line.extend([b'%', HEX[usize::from(byte >> 4)], HEX[usize::from(byte & 15)]]),
            false => line.push(byte),
        }
    }
}

/// Reads lines of one format.
#[derive(Debug)]
pub(crate) struct Parser {
    format: Format,
    fields: Fields,
    version: u8,
    /// What each column said last: most say the same for long.
    said: Vec<Option<Text>>,
}

impl Parser {
    pub(crate) fn new(format: Format) -> Self {
        let fields = format.fields().iter().copied().collect();
        Self { fields, version: format.version(), said: vec![None; format.fields().len()], format }
    }

    pub(crate) fn format(&self) -> &Format {
        &self.format
    }

    pub(crate) fn fields(&self) -> Fields {
        self.fields
    }

    /// The record that a line says.
    pub(crate) fn record(&mut self, line: &[u8]) -> Result<Record, Flaw> {
        let mut record = Record::default();
        let mut at = 0;
        for (field, said) in self.format.fields().iter().zip(&mut self.said) {
            let column = token(line, at).ok_or(Flaw {
                kind: FlawKind::MissingColumns,
                field: Some(*field),
                at: line.len()..line.len(),
            })?;
            at = column.end;
            set(&mut record, *field, &line[column.clone()], said).map_err(|kind| Flaw {
                kind,
                field: Some(*field),
                at: column.clone(),
            })?;
            if *field == Field::Version && record.version != Some(self.version) {
                return Err(Flaw { kind: FlawKind::MixedVersions, field: Some(*field), at: column });
            }
        }
        match token(line, at) {
            Some(extra) => Err(Flaw { kind: FlawKind::ExtraColumns, field: None, at: extra }),
            None => check_times(&record).map(|()| record),
        }
    }
}

/// A window does not end before it begins.
pub(crate) fn check_times(record: &Record) -> Result<(), Flaw> {
    match (record.start, record.end) {
        (Some(start), Some(end)) if end < start => {
            Err(Flaw { kind: FlawKind::EndsBeforeStart, field: Some(Field::End), at: 0..0 })
        }
        _ => Ok(()),
    }
}

/// The next column, from a place on.
pub(crate) fn token(line: &[u8], from: usize) -> Option<Range<usize>> {
    let is_space = |byte: &u8| matches!(byte, b' ' | b'\t');
    let start = from + line[from..].iter().position(|byte| !is_space(byte))?;
    let length = line[start..].iter().position(is_space).unwrap_or(line.len() - start);
    Some(start..start + length)
}

/// Gives a record what a column says.
fn set(record: &mut Record, field: Field, said: &[u8], before: &mut Option<Text>) -> Result<(), FlawKind> {
    if said == b"-" {
        return Ok(());
    }
    match record.slot(field) {
        Slot::Small(slot) => *slot = Some(narrow(number(said))?),
        Slot::Port(slot) => *slot = Some(narrow(number(said))?),
        Slot::Large(slot) => *slot = Some(number(said).ok_or(FlawKind::UnreadableNumber)?),
        Slot::Address(slot) => *slot = Some(address(said).ok_or(FlawKind::UnreadableAddress)?),
        Slot::Action(slot) => *slot = Some(word(said, Action::named)?),
        Slot::Status(slot) => *slot = Some(word(said, LogStatus::named)?),
        Slot::Type(slot) => *slot = Some(word(said, TrafficType::named)?),
        Slot::Direction(slot) => *slot = Some(word(said, FlowDirection::named)?),
        Slot::Text(slot) => *slot = Some(shared(said, before)?),
    }
    Ok(())
}

/// Gives a record what a column of numbers says.
#[cfg(feature = "parquet")]
pub(crate) fn set_number(record: &mut Record, field: Field, said: i64) -> Result<(), FlawKind> {
    let said = u64::try_from(said).ok();
    match record.slot(field) {
        Slot::Small(slot) => *slot = Some(narrow(said)?),
        Slot::Port(slot) => *slot = Some(narrow(said)?),
        Slot::Large(slot) => *slot = Some(said.ok_or(FlawKind::UnreadableNumber)?),
        _ => return Err(FlawKind::UnknownWord),
    }
    Ok(())
}

/// Gives a record what a column of strings says: nothing where text has a hyphen.
#[cfg(feature = "parquet")]
pub(crate) fn set_text(
    record: &mut Record,
    field: Field,
    said: &[u8],
    before: &mut Option<Text>,
) -> Result<(), FlawKind> {
    if said.is_empty() { Ok(()) } else { set(record, field, said, before) }
}

fn shared(said: &[u8], before: &mut Option<Text>) -> Result<Text, FlawKind> {
    if let Some(before) = before
        && before.as_bytes() == said
    {
        return Ok(before.clone());
    }
    let text: Text = str::from_utf8(said).map_err(|_| FlawKind::NotText)?.into();
    *before = Some(text.clone());
    Ok(text)
}

fn word<T>(said: &[u8], named: impl Fn(&str) -> Option<T>) -> Result<T, FlawKind> {
    str::from_utf8(said).ok().and_then(named).ok_or(FlawKind::UnknownWord)
}

fn narrow<T: TryFrom<u64>>(number: Option<u64>) -> Result<T, FlawKind> {
    number.and_then(|number| T::try_from(number).ok()).ok_or(FlawKind::UnreadableNumber)
}

fn number(said: &[u8]) -> Option<u64> {
    if said.is_empty() {
        return None;
    }
    let mut number: u64 = 0;
    for byte in said {
        let digit = byte.wrapping_sub(b'0');
        if digit > 9 {
            return None;
        }
        number = number.checked_mul(10)?.checked_add(digit.into())?;
    }
    (number <= LARGEST).then_some(number)
}

fn address(said: &[u8]) -> Option<IpAddr> {
    ipv4(said).map(IpAddr::V4).or_else(|| str::from_utf8(said).ok()?.parse().ok())
}

/// Dotted decimals. The parser of the standard library takes four times as long, and a record has two to four of them.
fn ipv4(said: &[u8]) -> Option<Ipv4Addr> {
    let mut octets = [0_u8; 4];
    let mut pieces = said.split(|byte| *byte == b'.');
    for octet in &mut octets {
        let piece = pieces.next()?;
        // A leading zero means octal to some.
        if piece.is_empty() || piece.len() > 3 || (piece.len() > 1 && piece[0] == b'0') {
            return None;
        }
        let mut value: u16 = 0;
        for byte in piece {
            let digit = byte.wrapping_sub(b'0');
            if digit > 9 {
                return None;
            }
            value = value * 10 + u16::from(digit);
        }
        *octet = u8::try_from(value).ok()?;
    }
    pieces.next().is_none().then(|| octets.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(format: &Format, record: &Record) -> String {
        let mut line = Vec::new();
        format.write_line(record, &mut line);
        String::from_utf8(line).unwrap()
    }

    fn flaw(format: &str, text: &str) -> (FlawKind, Range<usize>) {
        let flaw = Parser::new(format.parse().unwrap()).record(text.as_bytes()).unwrap_err();
        (flaw.kind, flaw.at)
    }

    #[test]
    fn what_there_is_not_is_a_hyphen() {
        assert_eq!(line(&Format::default(), &Record::default()), "2 - - - - - - - - - - - - -\n");
        let all = Format::new(Field::ALL).unwrap();
        let read = Parser::new(all.clone()).record(line(&all, &Record::default()).trim_end().as_bytes());
        assert_eq!(read.unwrap(), Record { version: Some(11), ..Record::default() });
    }

    #[test]
    fn text_never_makes_a_column_more_or_less() {
        let format: Format = "${instance-tag} ${asg-tag} ${vpc-id}".parse().unwrap();
        let of = |text: &str| Some(text.into());
        let record = Record { instance_tag: of("a b\tc\n"), asg_tag: of("-"), vpc_id: of(""), ..Record::default() };
        assert_eq!(line(&format, &record), "a%20b%09c%0A %2D -\n");
    }

    #[test]
    fn flaws_are_where_they_are() {
        let format = "${version} ${srcaddr} ${srcport} ${action}";
        assert_eq!(flaw(format, "2 10.0.0.1 80"), (FlawKind::MissingColumns, 13..13));
        assert_eq!(flaw(format, "2 10.0.0.1 80 ACCEPT OK"), (FlawKind::ExtraColumns, 21..23));
        assert_eq!(flaw(format, "2 10.0.0.1 65536 ACCEPT"), (FlawKind::UnreadableNumber, 11..16));
        assert_eq!(flaw(format, "2 10.0.0.256 80 ACCEPT"), (FlawKind::UnreadableAddress, 2..12));
        assert_eq!(flaw(format, "2 10.0.0.1 80 accept"), (FlawKind::UnknownWord, 14..20));
        assert_eq!(flaw(format, "3 10.0.0.1 80 ACCEPT"), (FlawKind::MixedVersions, 0..1));
        assert_eq!(flaw("${start} ${end}", "5 4").0, FlawKind::EndsBeforeStart);
        assert_eq!(flaw("${bytes}", "9223372036854775808").0, FlawKind::UnreadableNumber);
        assert_eq!(flaw("${bytes}", "+1").0, FlawKind::UnreadableNumber);
        let not_utf8 = Parser::new("${vpc-id}".parse().unwrap()).record(b"vpc-\xff").unwrap_err();
        assert_eq!(not_utf8.kind, FlawKind::NotText);
    }

    #[test]
    fn addresses_are_those_of_the_standard_library() {
        for text in [
            "10.0.0.1",
            "255.255.255.255",
            "0.0.0.0",
            "01.2.3.4",
            "1.2.3",
            "1.2.3.4.5",
            "1..2.3",
            "256.1.1.1",
            "1.2.3.4 ",
            "",
            "::1",
            "2001:db8::1",
            "::ffff:1.2.3.4",
            "1.2.3.0004",
            "a.b.c.d",
        ] {
            assert_eq!(address(text.as_bytes()), text.parse().ok(), "{text}");
        }
    }
}
