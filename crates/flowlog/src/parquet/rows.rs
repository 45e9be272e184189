//! One file, read.

use std::fs::File;
use std::sync::Arc;

use bytes::Bytes;
use parquet::column::reader::{ColumnReader, ColumnReaderImpl, get_column_reader};
use parquet::data_type::{ByteArray, ByteArrayType, DataType, FixedLenByteArrayType, Int32Type, Int64Type};
use parquet::errors::{ParquetError, Result};
use parquet::file::reader::{FileReader, SerializedFileReader};

use super::pages::{Checked, guarded};
use super::schema;
use crate::error::{Error, Place};
use crate::flaw::{Flaw, FlawKind};
use crate::read::{Entry, Judge};
use crate::record::{Record, Text};
use crate::text::{check_times, set_number, set_text};
use crate::{Field, Fields, Format};

/// Rows that are read at a time, a column after the other.
const BATCH: usize = 1024;

/// The rows of a file.
pub(crate) struct Rows {
    file: Arc<str>,
    reader: Box<dyn FileReader>,
    format: Format,
    fields: Fields,
    /// Which column each field is.
    columns: Vec<usize>,
    /// The group that is read next, and those of its columns that are read now.
    group: usize,
    open: Vec<ColumnReader>,
    batch: std::vec::IntoIter<std::result::Result<Record, (Flaw, String)>>,
    /// How many rows were given.
    row: u64,
    /// What each column said last.
    said: Vec<Option<Text>>,
}

impl Rows {
    pub(crate) fn open_file(name: Arc<str>, file: File, given: Option<&Format>) -> std::result::Result<Self, Error> {
        let reader = guarded(|| SerializedFileReader::new(file));
        Self::open(name, reader.map(|reader| Box::new(reader) as Box<dyn FileReader>), given)
    }

    pub(crate) fn open_bytes(name: Arc<str>, bytes: Bytes, given: Option<&Format>) -> std::result::Result<Self, Error> {
        let reader = guarded(|| SerializedFileReader::new(bytes));
        Self::open(name, reader.map(|reader| Box::new(reader) as Box<dyn FileReader>), given)
    }

    fn open(
        name: Arc<str>,
        reader: Result<Box<dyn FileReader>>,
        given: Option<&Format>,
    ) -> std::result::Result<Self, Error> {
        let file = name.to_string();
        let reader = reader.map_err(|error| Error::Parquet {
            file: file.clone(),
            cause: format!("{}; of a file that was cut off no row can be read", said_by(&error)),
        })?;
        let (format, columns) = schema::fields(reader.metadata().file_metadata().schema_descr())
            .map_err(|source| Error::Header { file: file.clone(), place: Place::Row(0), source })?;
        if let Some(given) = given
            && given.header() != format.header()
        {
            let (found, given) = (format.header(), given.header());
            return Err(Error::OtherFormat { file, place: Place::Row(0), found, given });
        }
        let said = vec![None; columns.len()];
        let batch = Vec::new().into_iter();
        let fields = format.fields().iter().copied().collect();
        Ok(Self { file: name, reader, format, fields, columns, group: 0, open: Vec::new(), batch, row: 0, said })
    }

    /// The next record; `None` after the last one. After an error that is no [`Error::Record`] there is nothing more.
    pub(crate) fn next(&mut self, judge: &mut Judge) -> Option<std::result::Result<Entry, Error>> {
        loop {
            let Some(row) = self.batch.next() else {
                match guarded(|| self.read_batch()) {
                    Ok(true) => continue,
                    Ok(false) => return None,
                    Err(error) => {
                        let after = Place::Row(self.row);
                        let (file, cause) = (self.file.to_string(), said_by(&error));
                        return Some(Err(Error::Torn { file, after, cause }));
                    }
                }
            };
            self.row += 1;
            let place = Place::Row(self.row);
            let (kind, sentence) = match row {
                Ok(record) => match judge.take(record, self.fields, &self.file, place) {
                    Some(entry) => return Some(Ok(entry)),
                    None => continue,
                },
                Err((flaw, sentence)) => (flaw.kind, sentence),
            };
            let file = &self.file;
            let error = || Error::Record { file: file.to_string(), place, column: None, kind, sentence };
            if let Some(error) = judge.flaw(kind, error) {
                return Some(Err(error));
            }
        }
    }

    /// Reads some rows, if there are more.
    fn read_batch(&mut self) -> Result<bool> {
        loop {
            if self.open.is_empty() {
                if self.group == self.reader.num_row_groups() {
                    return Ok(false);
                }
                let group = self.reader.get_row_group(self.group)?;
                let schema = self.reader.metadata().file_metadata().schema_descr();
                let open = |column: &usize| {
                    let pages = Checked::new(group.get_column_page_reader(*column)?);
                    Ok(get_column_reader(schema.column(*column), Box::new(pages)))
                };
                self.open = self.columns.iter().map(open).collect::<Result<_>>()?;
                self.group += 1;
            }
            let mut rows: Vec<std::result::Result<Record, (Flaw, String)>> = Vec::new();
            let fields = self.format.fields();
            for (index, (column, field)) in self.open.iter_mut().zip(fields).enumerate() {
                let said = &mut self.said[index];
                let cells = cells(column)?;
                if index == 0 {
                    rows.resize_with(cells.len(), || Ok(Record::default()));
                } else if cells.len() != rows.len() {
                    return Err(ParquetError::General(format!(
                        "column {} has {} rows where others have {}",
                        field.column(),
                        cells.len(),
                        rows.len()
                    )));
                }
                for (row, cell) in rows.iter_mut().zip(cells) {
                    let Ok(record) = row else { continue };
                    if let Err(wrong) = put(record, *field, &cell, said, self.format.version()) {
                        *row = Err(wrong);
                    }
                }
            }
            if rows.is_empty() {
                self.open.clear();
                continue;
            }
            for row in &mut rows {
                if let Ok(record) = row
                    && let Err(flaw) = check_times(record)
                {
                    let sentence = flaw.sentence(b"", 0, 0);
                    *row = Err((flaw, sentence));
                }
            }
            self.batch = rows.into_iter();
            return Ok(true);
        }
    }
}

/// What a column has in a row.
enum Cell {
    Null,
    Number(i64),
    Text(ByteArray),
}

/// Gives a record what a column has, or says what is wrong with it.
fn put(
    record: &mut Record,
    field: Field,
    cell: &Cell,
    said: &mut Option<Text>,
    version: u8,
) -> std::result::Result<(), (Flaw, String)> {
    let put = match cell {
        Cell::Null => return Ok(()),
        Cell::Number(number) => set_number(record, field, *number),
        Cell::Text(text) => set_text(record, field, text.data(), said),
    };
    let kind = match put {
        Err(kind) => kind,
        Ok(()) if field == Field::Version && record.version.is_some_and(|said| said != version) => {
            FlawKind::MixedVersions
        }
        Ok(()) => return Ok(()),
    };
    let found = match cell {
        Cell::Null => Vec::new(),
        Cell::Number(number) => number.to_string().into_bytes(),
        Cell::Text(text) => text.data().to_vec(),
    };
    let flaw = Flaw { kind, field: Some(field), at: 0..found.len() };
    let sentence = flaw.sentence(&found, 0, version);
    Err((flaw, sentence))
}

/// The next cells of a column; none after its last.
fn cells(column: &mut ColumnReader) -> Result<Vec<Cell>> {
    match column {
        ColumnReader::Int32ColumnReader(column) => read::<Int32Type>(column, |value| Cell::Number(value.into())),
        ColumnReader::Int64ColumnReader(column) => read::<Int64Type>(column, Cell::Number),
        ColumnReader::ByteArrayColumnReader(column) => read::<ByteArrayType>(column, Cell::Text),
        ColumnReader::FixedLenByteArrayColumnReader(column) => {
            read::<FixedLenByteArrayType>(column, |value| Cell::Text(value.into()))
        }
        _ => Err(ParquetError::General("a column is neither of numbers nor of strings".to_owned())),
    }
}

fn read<T: DataType>(column: &mut ColumnReaderImpl<T>, cell: impl Fn(T::T) -> Cell) -> Result<Vec<Cell>> {
    let (mut values, mut levels) = (Vec::new(), Vec::new());
    let (rows, _, _) = column.read_records(BATCH, Some(&mut levels), None, &mut values)?;
    let mut values = values.into_iter();
    if levels.is_empty() {
        // A column that is never null has no levels.
        return Ok(values.map(cell).collect());
    }
    let cells = levels.iter().take(rows).map(|level| match level {
        0 => Cell::Null,
        _ => values.next().map_or(Cell::Null, &cell),
    });
    Ok(cells.collect())
}

/// What the library says, without its own name for the kind of error.
fn said_by(error: &ParquetError) -> String {
    let text = error.to_string();
    text.split_once(": ").map_or_else(|| text.clone(), |(_, said)| said.to_owned())
}
