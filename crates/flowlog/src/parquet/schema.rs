//! Columns and fields.

use std::sync::Arc;

use parquet::basic::{LogicalType, Repetition, Type as Physical};
use parquet::errors::Result;
use parquet::schema::types::{SchemaDescriptor, Type, TypePtr};

use crate::field::ColumnType;
use crate::{Field, Format, FormatError};

/// Columns that tools add which read a folder of files as one table: what its folders are called (9.20). They are no fields.
const PARTITIONS: [&str; 7] = ["aws-account-id", "aws-service", "aws-region", "year", "month", "day", "hour"];

/// The schema of files of a format: every column may be null (9.8).
pub(super) fn of(format: &Format) -> Result<TypePtr> {
    let columns = format.fields().iter().map(|field| column(*field).map(Arc::new)).collect::<Result<Vec<_>>>()?;
    Ok(Arc::new(Type::group_type_builder("flow_log").with_fields(columns).build()?))
}

fn column(field: Field) -> Result<Type> {
    let (physical, logical) = match field.column_type() {
        ColumnType::Int32 => (Physical::INT32, LogicalType::integer(32, true)),
        ColumnType::Int64 => (Physical::INT64, LogicalType::integer(64, true)),
        ColumnType::String => (Physical::BYTE_ARRAY, LogicalType::String),
    };
    Type::primitive_type_builder(&field.column(), physical)
        .with_repetition(Repetition::OPTIONAL)
        .with_logical_type(Some(logical))
        .build()
}

/// The fields of a file, with the number of the column of each.
pub(super) fn fields(schema: &SchemaDescriptor) -> std::result::Result<(Format, Vec<usize>), FormatError> {
    let (mut names, mut columns) = (Vec::new(), Vec::new());
    for (index, column) in schema.columns().iter().enumerate() {
        let name = column.path().string();
        if !PARTITIONS.contains(&name.as_str()) {
            names.push(name.replace('_', "-"));
            columns.push(index);
        }
    }
    Ok((Format::from_names(names.iter().map(String::as_str))?, columns))
}
