//! VPC flow logs both ways (semantics section 9): records in any format of versions 2 to 11, written into files as S3 has
//! them, and read back from all that people keep them in.
//!
//! A [`Record`] is what one line says, a [`Format`] which [`Field`]s a line has. A [`Reader`] gives the records of text, gzip,
//! Parquet, folders and CloudWatch exports. What a packet passes is counted in the dataplane; no packets here, and no judgement
//! of records.

mod error;
mod field;
mod flaw;
mod format;
mod journal;
mod naming;
#[cfg(feature = "parquet")]
mod parquet;
mod read;
mod record;
mod text;
mod write;

pub use error::{Error, Place};
pub use field::{ColumnType, Field, Value};
pub use flaw::{FlawKind, Report};
pub use format::{Format, FormatError};
pub use journal::Journal;
pub use naming::Names;
pub use read::{Entry, Options, Reader};
pub use record::{Action, FlowDirection, LogStatus, Record, Text, TrafficType};
pub use write::{Layout, Writer, Written};
