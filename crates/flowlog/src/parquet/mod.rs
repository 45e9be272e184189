//! Logs as Apache Parquet: flat rows, a column a field (9.20). Row groups are written and read a batch of rows at a time.

mod pages;
mod rows;
mod schema;
mod sheet;

use std::fs::File;
use std::io::{Read, Seek};

pub(crate) use rows::Rows;
pub(crate) use sheet::Sheet;

/// Whether a file begins like Parquet. Of what cannot be sought, a pipe with a name, nothing is read.
pub(crate) fn is_parquet(file: &File) -> bool {
    let mut file = file;
    let is_file = file.metadata().is_ok_and(|about| about.is_file());
    if !is_file {
        return false;
    }
    let mut magic = [0; 4];
    let read = file.read_exact(&mut magic);
    file.rewind().is_ok() && read.is_ok() && magic == *b"PAR1"
}
