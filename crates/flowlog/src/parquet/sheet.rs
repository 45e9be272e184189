//! One file, written.

use std::io::Write;
use std::sync::Arc;

use parquet::basic::Compression;
use parquet::data_type::{ByteArray, ByteArrayType, DataType, Int32Type, Int64Type};
use parquet::errors::{ParquetError, Result};
use parquet::file::properties::WriterProperties;
use parquet::file::writer::{SerializedFileWriter, SerializedRowGroupWriter};

use super::schema;
use crate::field::{ColumnType, Value};
use crate::record::Record;
use crate::{Field, Format};

/// Rows of a group. They are kept until the group is written: some megabytes, of each of the few files that are open.
const GROUP: usize = 8192;

/// Rows on their way into a file.
pub(crate) struct Sheet<W: Write + Send> {
    writer: SerializedFileWriter<W>,
    format: Format,
    rows: Vec<Record>,
}

impl<W: Write + Send> Sheet<W> {
    pub(crate) fn new(output: W, format: &Format) -> Result<Self> {
        let properties = WriterProperties::builder()
            // Every reader has it.
            .set_compression(Compression::SNAPPY)
            // What wrote a file is no part of its content: the same records make the same file.
            .set_created_by("vpcemu".to_owned())
            .build();
        let writer = SerializedFileWriter::new(output, schema::of(format)?, Arc::new(properties))?;
        Ok(Self { writer, format: format.clone(), rows: Vec::new() })
    }

    pub(crate) fn push(&mut self, record: &Record) -> Result<()> {
        self.rows.push(record.clone());
        if self.rows.len() == GROUP { self.write_group() } else { Ok(()) }
    }

    /// Writes what is left, and the index at the end.
    pub(crate) fn finish(mut self) -> Result<W> {
        self.write_group()?;
        self.writer.into_inner()
    }

    fn write_group(&mut self) -> Result<()> {
        if self.rows.is_empty() {
            return Ok(());
        }
        let mut group = self.writer.next_row_group()?;
        for field in self.format.fields() {
            let values = self.rows.iter().map(|row| match field {
                Field::Version => Value::Number(self.format.version().into()),
                _ => row.value(*field),
            });
            match field.column_type() {
                ColumnType::Int32 => write::<Int32Type, _>(&mut group, values, |value| number(value, *field))?,
                ColumnType::Int64 => write::<Int64Type, _>(&mut group, values, |value| number(value, *field))?,
                ColumnType::String => write::<ByteArrayType, _>(&mut group, values, text)?,
            }
        }
        group.close()?;
        self.rows.clear();
        Ok(())
    }
}

/// Writes the next column: what there is, and for each row whether there is anything.
fn write<'a, T: DataType, W: Write + Send>(
    group: &mut SerializedRowGroupWriter<'_, W>,
    values: impl Iterator<Item = Value<'a>>,
    of: impl Fn(Value<'a>) -> Result<Option<T::T>>,
) -> Result<()> {
    let (mut there, mut levels) = (Vec::new(), Vec::new());
    for value in values {
        let value = of(value)?;
        levels.push(i16::from(value.is_some()));
        there.extend(value);
    }
    let mut column = group.next_column()?.ok_or_else(|| ParquetError::General("a column too many".to_owned()))?;
    column.typed::<T>().write_batch(&there, Some(&levels), None)?;
    column.close()
}

fn number<T: TryFrom<u64>>(value: Value<'_>, field: Field) -> Result<Option<T>> {
    match value {
        Value::Number(number) => T::try_from(number)
            .map(Some)
            .map_err(|_| ParquetError::General(format!("{field} is {number}, more than a column of its type holds"))),
        _ => Ok(None),
    }
}

fn text(value: Value<'_>) -> Result<Option<ByteArray>> {
    Ok(match value {
        Value::Text("") | Value::Absent => None,
        Value::Text(text) => Some(text.into()),
        Value::Address(address) => Some(address.to_string().into_bytes().into()),
        Value::Number(number) => Some(number.to_string().into_bytes().into()),
    })
}
