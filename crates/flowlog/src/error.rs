use std::fmt;
use std::io;

use crate::FormatError;
use crate::flaw::FlawKind;

/// What can be wrong with a log, or with writing one.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A file or folder cannot be opened, or its first bytes cannot be read.
    #[error("{file}: cannot be read as a flow log: {source}")]
    Open {
        /// As the user named it.
        file: String,
        /// Why.
        source: io::Error,
    },
    /// A folder has no file in it.
    #[error("{file}: there is no flow log in the folder")]
    NoFile {
        /// As the user named it.
        file: String,
    },
    /// A file ends early, or its bytes cannot be decompressed. What came before was given.
    #[error("{file}: cut off or damaged after {after}: {cause}")]
    Torn {
        /// As the user named it.
        file: String,
        /// The last that could be read whole.
        after: Place,
        /// Why there is no more.
        cause: String,
    },
    /// A header line is none.
    #[error("{file}: {place}: {source}")]
    Header {
        /// As the user named it.
        file: String,
        /// Where it is.
        place: Place,
        /// Why.
        source: FormatError,
    },
    /// A header line, or a schema, has other fields than it was said to have.
    #[error("{file}: {place}: the fields are \"{found}\", and the format that was given for the log is \"{given}\"")]
    OtherFormat {
        /// As the user named it.
        file: String,
        /// Where it is.
        place: Place,
        /// What is there.
        found: String,
        /// What was said.
        given: String,
    },
    /// Lines of a format that nobody said.
    #[error(
        "{file}: {place}: \"{found}\" is neither a header line nor a record of the default format; give the format string \
         of the flow log"
    )]
    NoFormat {
        /// As the user named it.
        file: String,
        /// Where it is.
        place: Place,
        /// What is there.
        found: String,
    },
    /// A query gave something else than records.
    #[error(
        "{file}: {place}: {}; let the query give @message, or fields as they are discovered (srcAddr, dstPort, action)",
        .found.as_ref().map_or_else(
            || "the query gives no field of a record".to_owned(),
            |found| format!("\"{found}\" is no field of a record, so that the rows are not records")
        )
    )]
    Query {
        /// As the user named it.
        file: String,
        /// Where it is.
        place: Place,
        /// A column that is no field; `None` if there are no columns but those of every event.
        found: Option<String>,
    },
    /// A record is damaged.
    #[error("{file}: {place}{}: {sentence}", .column.map(|column| format!(", column {column}")).unwrap_or_default())]
    Record {
        /// As the user named it.
        file: String,
        /// Where it is.
        place: Place,
        /// The byte of its line, or its message, from 1; none of rows.
        column: Option<usize>,
        /// In a word.
        kind: FlawKind,
        /// What is there, and what was expected.
        sentence: String,
    },
    /// The events of a file cannot be told from each other.
    #[error("{file}: line {line}, column {column}: {cause}")]
    Json {
        /// As the user named it.
        file: String,
        /// From 1.
        line: u64,
        /// In bytes, from 1.
        column: u64,
        /// What is there, and what was expected.
        cause: String,
    },
    /// A Parquet file cannot be read.
    #[error("{file}: cannot be read as Parquet: {cause}")]
    Parquet {
        /// As the user named it.
        file: String,
        /// Why.
        cause: String,
    },
    /// A flow log has a format that is none, or is not written.
    #[error("{flow_log}: {source}")]
    Definition {
        /// Its id.
        flow_log: String,
        /// Why.
        source: FormatError,
    },
    /// A file cannot be written.
    #[error("{file}: writing a flow log: {cause}")]
    Write {
        /// Where it was to be.
        file: String,
        /// Why.
        cause: String,
    },
    /// A record without an end belongs into no file (9.19).
    #[error("writing a flow log: a record without an end, of interface {interface}")]
    NoEnd {
        /// Whose.
        interface: String,
    },
}

/// Where in a file something is, from 1.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Place {
    /// A line of text.
    Line(u64),
    /// An event of a CloudWatch export.
    Event(u64),
    /// A row of a Parquet file.
    Row(u64),
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Line(0) | Self::Event(0) | Self::Row(0) => f.write_str("the beginning"),
            Self::Line(number) => write!(f, "line {number}"),
            Self::Event(number) => write!(f, "event {number}"),
            Self::Row(number) => write!(f, "row {number}"),
        }
    }
}
