//! What can be wrong with one record, and what was passed over in lenient reading.

use std::fmt;
use std::ops::Range;

use crate::Field;
use crate::field::Slot;
use crate::format::shown;
use crate::record::Record;

/// Why a record is none, or says nothing of traffic.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub enum FlawKind {
    /// A line has fewer columns than its format.
    MissingColumns,
    /// A line has more columns than its format.
    ExtraColumns,
    /// A number is none, or too large.
    UnreadableNumber,
    /// An address is none.
    UnreadableAddress,
    /// A word is none of those that a field may have.
    UnknownWord,
    /// Text is not UTF-8.
    NotText,
    /// A line is longer than any record is.
    TooLong,
    /// It ends before it starts.
    EndsBeforeStart,
    /// It says another version than its format has: it is of another flow log.
    MixedVersions,
    /// An event, or a row of a table, has no message.
    NoMessage,
    /// The results are those of a query that had not come to its end.
    Unfinished,
    /// `NODATA`: there was no traffic (9.7).
    NoData,
    /// `SKIPDATA`: records were lost while AWS logged (9.7).
    SkipData,
}

impl FlawKind {
    /// All of them, in the order of their declaration.
    pub const ALL: [Self; 13] = [
        Self::MissingColumns,
        Self::ExtraColumns,
        Self::UnreadableNumber,
        Self::UnreadableAddress,
        Self::UnknownWord,
        Self::NotText,
        Self::TooLong,
        Self::EndsBeforeStart,
        Self::MixedVersions,
        Self::NoMessage,
        Self::Unfinished,
        Self::NoData,
        Self::SkipData,
    ];

    /// In reports: `missing columns`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::MissingColumns => "missing columns",
            Self::ExtraColumns => "extra columns",
            Self::UnreadableNumber => "unreadable number",
            Self::UnreadableAddress => "unreadable address",
            Self::UnknownWord => "unknown word",
            Self::NotText => "not UTF-8",
            Self::TooLong => "too long",
            Self::EndsBeforeStart => "ends before it starts",
            Self::MixedVersions => "mixed versions",
            Self::NoMessage => "no message",
            Self::Unfinished => "unfinished query",
            Self::NoData => "NODATA",
            Self::SkipData => "SKIPDATA",
        }
    }

    /// Whether a log without damage may have it.
    pub fn is_regular(self) -> bool {
        matches!(self, Self::NoData | Self::SkipData)
    }
}

impl fmt::Display for FlawKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// What is wrong with a line, and where: cheap, because lenient reading may see millions of them.
#[derive(Clone, Debug)]
pub(crate) struct Flaw {
    pub(crate) kind: FlawKind,
    pub(crate) field: Option<Field>,
    /// Its bytes in the line.
    pub(crate) at: Range<usize>,
}

impl Flaw {
    /// What is there, and what was expected: `srcport is "http"; expected a number from 0 to 65535, or -`. The number of
    /// columns and the version are those of the format.
    pub(crate) fn sentence(&self, line: &[u8], columns: usize, version: u8) -> String {
        let found = line.get(self.at.clone()).map(|found| shown(&String::from_utf8_lossy(found))).unwrap_or_default();
        let field = self.field.map_or("", Field::name);
        match self.kind {
            FlawKind::MissingColumns if self.field.is_none() => {
                format!("the row ends before its last column; expected {columns} columns")
            }
            FlawKind::MissingColumns => format!("the line ends before {field}; expected {columns} columns"),
            FlawKind::ExtraColumns => format!("\"{found}\" is one column too many; expected {columns}"),
            FlawKind::UnreadableNumber | FlawKind::UnreadableAddress | FlawKind::UnknownWord => {
                format!("{field} is \"{found}\"; expected {}", self.field.map_or("something else", expected))
            }
            FlawKind::NotText => format!("{field} is not UTF-8"),
            FlawKind::TooLong => "the line is longer than any record is".to_owned(),
            FlawKind::EndsBeforeStart => "end is before start".to_owned(),
            FlawKind::MixedVersions => {
                format!("the record is of version {found}; expected {version}, the highest of its format's fields")
            }
            FlawKind::NoMessage => "there is no message in it".to_owned(),
            FlawKind::Unfinished => {
                format!("the status of the query is \"{found}\", not Complete: there may be more records than these")
            }
            // Records of such windows are whole.
            FlawKind::NoData | FlawKind::SkipData => format!("log-status is {}", self.kind),
        }
    }
}

/// What a field may be.
fn expected(field: Field) -> &'static str {
    match Record::default().slot(field) {
        Slot::Small(_) => "a number from 0 to 255, or -",
        Slot::Port(_) => "a number from 0 to 65535, or -",
        Slot::Large(_) => "a number from 0 to 9223372036854775807, or -",
        Slot::Address(_) => "an IPv4 or IPv6 address, or -",
        Slot::Action(_) => "ACCEPT, REJECT or -",
        Slot::Status(_) => "OK, NODATA or SKIPDATA",
        Slot::Type(_) => "IPv4, IPv6, EFA or -",
        Slot::Direction(_) => "ingress, egress or -",
        Slot::Text(_) => "text",
    }
}

/// What reading has passed: records that were given, and what was passed over, by kind.
#[derive(Clone, Debug, Default)]
pub struct Report {
    records: u64,
    skipped: [Skipped; FlawKind::ALL.len()],
}

#[derive(Clone, Debug, Default)]
struct Skipped {
    count: u64,
    first: Option<String>,
}

impl Report {
    /// How many records were given.
    pub fn records(&self) -> u64 {
        self.records
    }

    /// How many were passed over for a reason.
    pub fn skipped(&self, kind: FlawKind) -> u64 {
        self.skipped[kind as usize].count
    }

    /// What was passed over: the reason, how many, and the first of them as an error would say it.
    pub fn all_skipped(&self) -> impl Iterator<Item = (FlawKind, u64, &str)> {
        let kinds = FlawKind::ALL.into_iter().zip(&self.skipped);
        kinds
            .filter(|(_, skipped)| skipped.count > 0)
            .map(|(kind, skipped)| (kind, skipped.count, skipped.first.as_deref().unwrap_or_default()))
    }

    pub(crate) fn give(&mut self) {
        self.records += 1;
    }

    pub(crate) fn skip(&mut self, kind: FlawKind, sentence: impl FnOnce() -> String) {
        let skipped = &mut self.skipped[kind as usize];
        skipped.count += 1;
        skipped.first.get_or_insert_with(sentence);
    }
}

impl fmt::Display for Report {
    /// A line for the records, and one for each reason.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} records", self.records)?;
        self.all_skipped()
            .try_for_each(|(kind, count, first)| write!(f, "\n{count} passed over, {kind}; the first: {first}"))
    }
}
