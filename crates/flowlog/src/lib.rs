//! VPC flow logs both ways (semantics section 9): records in any format of versions 2 to 11, written into files as S3 has
//! them, and read back from all that people keep them in.
//!
//! A [`Record`] is what one line says, a [`Format`] which [`Field`]s a line has. [`Names`] makes records of what the dataplane
//! counted, a [`Journal`] writes those of one flow log, and a [`Writer`] any others. A [`Reader`] gives the records of text,
//! gzip, Parquet, folders and CloudWatch's exports; an [`Agreement`] counts how far they agree with what somebody else judges.
//! Nothing is counted or judged in here, and there are no packets.
//!
//! ```
//! use vpcemu_flowlog::{Action, Format, Options, Reader};
//!
//! let log = "2 111122223333 eni-web 203.0.113.5 10.0.0.10 51514 443 6 9 1240 1760000000 1760000030 ACCEPT OK\n";
//! let mut reader = Reader::from_read("vpc.log", log.as_bytes(), Options::default());
//! let record = reader.next().expect("a record")?.record;
//! assert_eq!((record.dstport, record.action), (Some(443), Some(Action::Accept)));
//! let mut line = Vec::new();
//! Format::default().write_line(&record, &mut line);
//! assert_eq!(line, log.as_bytes());
//! # Ok::<(), vpcemu_flowlog::Error>(())
//! ```

mod agreement;
mod error;
mod field;
mod flaw;
mod format;
mod group;
mod journal;
mod naming;
#[cfg(feature = "parquet")]
mod parquet;
mod pings;
mod read;
mod record;
mod text;
mod write;

pub use agreement::{Agreement, Decision, Difference, DifferenceKind, Judgement};
pub use error::{Error, Place};
pub use field::{ColumnType, Field, Fields, Value};
pub use flaw::{FlawKind, Report};
pub use format::{Format, FormatError};
pub use group::Tally;
pub use journal::Journal;
pub use naming::Names;
pub use read::{Entry, Options, Reader};
pub use record::{Action, FlowDirection, LogStatus, Record, Text, TrafficType};
pub use write::{Layout, Writer, Written};
