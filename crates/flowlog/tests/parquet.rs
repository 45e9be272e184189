//! Logs as Parquet: the same content as text, and what another reader says of them.

#![cfg(feature = "parquet")]
#![allow(clippy::unwrap_used, reason = "a test fails where it is surprised")]

mod common;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use common::{format, kept, record};
use proptest::prelude::*;
use proptest::strategy::ValueTree;
use vpcemu_flowlog::{Field, FlawKind, Format, Layout, Options, Reader, Record, Writer};
use vpcemu_model::LogFileFormat;

fn layout(file_format: LogFileFormat) -> Layout {
    Layout {
        account: "111122223333".into(),
        region: "us-east-1".into(),
        flow_log: "fl-1".into(),
        hive_compatible: true,
        per_hour: false,
        file_format,
    }
}

fn write(folder: &Path, format: &Format, file_format: LogFileFormat, records: &[Record]) {
    let mut writer = Writer::new(folder, format.clone(), layout(file_format)).unwrap();
    records.iter().for_each(|record| writer.push(record).unwrap());
    assert_eq!(writer.finish().unwrap().records, records.len() as u64);
}

fn silent() -> Options {
    Options { silent_windows: true, ..Options::default() }
}

fn read(folder: &Path) -> Vec<Record> {
    Reader::open([folder], silent()).map(|entry| entry.unwrap().record).collect()
}

/// The only file of a folder.
fn only_file(folder: &Path) -> PathBuf {
    let entry = fs::read_dir(folder).unwrap().next().unwrap().unwrap();
    if entry.path().is_dir() { only_file(&entry.path()) } else { entry.path() }
}

/// Ends in one slot, so that there is one file.
fn in_one_slot(mut records: Vec<Record>) -> Vec<Record> {
    for (index, record) in records.iter_mut().enumerate() {
        record.start = Some(1_760_000_000);
        record.end = Some(1_760_000_000 + index as u64 % 60);
    }
    records
}

/// Records that differ in everything.
fn samples(count: usize) -> Vec<Record> {
    let mut runner = proptest::test_runner::TestRunner::deterministic();
    let mut sample = || record().new_tree(&mut runner).unwrap().current();
    in_one_slot((0..count).map(|_| sample()).collect())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 32, ..ProptestConfig::default() })]
    #[test]
    fn parquet_says_what_text_says(format in format(), records in prop::collection::vec(record(), 1..6)) {
        let records = in_one_slot(records);
        let (text, rows) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        write(text.path(), &format, LogFileFormat::PlainText, &records);
        write(rows.path(), &format, LogFileFormat::Parquet, &records);
        let (from_text, from_rows) = (read(text.path()), read(rows.path()));
        prop_assert_eq!(&from_text, &from_rows);
        for (read, record) in from_rows.iter().zip(&records) {
            prop_assert_eq!(kept(&format, read), kept(&format, record));
        }
    }

    #[test]
    fn damage_anywhere_is_survived(
        damage in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6),
        lenient: bool,
    ) {
        let mut bytes = sample_file(20);
        for (at, byte) in damage {
            let at = at.index(bytes.len());
            bytes[at] = byte;
        }
        let mut reader = Reader::from_bytes("a.parquet", bytes, Options { lenient, ..silent() });
        let given = reader.by_ref().filter(Result::is_ok).count() as u64;
        prop_assert_eq!(reader.report().records(), given);
    }
}

fn sample_file(rows: usize) -> Vec<u8> {
    let folder = tempfile::tempdir().unwrap();
    write(folder.path(), &Format::new(Field::ALL).unwrap(), LogFileFormat::Parquet, &samples(rows));
    fs::read(only_file(folder.path())).unwrap()
}

#[test]
fn many_rows_are_read_in_their_order() {
    let folder = tempfile::tempdir().unwrap();
    let format: Format = "${packets} ${interface-id} ${start} ${end}".parse().unwrap();
    // More than two groups, and a batch that is not full.
    let records: Vec<_> = (0..20_000)
        .map(|n| Record {
            packets: Some(n),
            interface_id: (n % 3 > 0).then(|| format!("eni-{}", n % 7).into()),
            start: Some(0),
            end: Some(n % 300),
            ..Record::default()
        })
        .collect();
    write(folder.path(), &format, LogFileFormat::Parquet, &records);
    assert_eq!(read(folder.path()), records);
}

#[test]
fn the_same_records_make_the_same_file() {
    assert_eq!(sample_file(50), sample_file(50));
}

#[test]
fn a_file_that_is_cut_off_is_said_to_be() {
    let bytes = sample_file(50);
    for end in [4, 9, bytes.len() / 2, bytes.len() - 1] {
        let reader = Reader::from_bytes("a.parquet", bytes[..end].to_vec(), silent());
        let entries: Vec<_> = reader.collect();
        assert_eq!(entries.len(), 1);
        let error = entries[0].as_ref().unwrap_err().to_string();
        assert!(error.starts_with("a.parquet: cannot be read as Parquet: "), "{error}");
        assert!(error.ends_with("; of a file that was cut off no row can be read"), "{error}");
    }
    let pipe = Reader::from_read("pipe", std::io::Cursor::new(bytes), silent()).next().unwrap();
    assert!(pipe.unwrap_err().to_string().contains("it has to be a file"));
}

#[test]
fn rows_are_judged_as_lines_are() {
    let folder = tempfile::tempdir().unwrap();
    let format: Format = "${log-status} ${start} ${end} ${packets}".parse().unwrap();
    let record =
        |start, packets| Record { start: Some(start), end: Some(5), packets: Some(packets), ..Record::default() };
    let silent = Record { log_status: Some(vpcemu_flowlog::LogStatus::NoData), ..record(1, 2) };
    write(folder.path(), &format, LogFileFormat::Parquet, &[record(1, 1), record(9, 2), silent, record(2, 3)]);
    let mut strict = Reader::open([folder.path()], Options::default());
    assert_eq!(strict.next().unwrap().unwrap().record.packets, Some(1));
    let error = strict.next().unwrap().unwrap_err().to_string();
    assert!(error.ends_with(".log.parquet: row 2: end is before start"), "{error}");
    assert!(strict.next().is_none());
    let mut lenient = Reader::open([folder.path()], Options { lenient: true, ..Options::default() });
    assert_eq!(lenient.by_ref().count(), 2);
    assert_eq!([FlawKind::EndsBeforeStart, FlawKind::NoData].map(|kind| lenient.report().skipped(kind)), [1, 1]);
}

/// A program that runs Python with `duckdb`. Says so where there is none; where it is required there must be one.
fn python_with_duckdb() -> Option<String> {
    let found = ["python3", "python"].into_iter().find(|python| {
        let output = Command::new(python).args(["-c", "import duckdb"]).output();
        output.is_ok_and(|output| output.status.success())
    });
    if found.is_none() {
        let required = std::env::var("VPCEMU_TEST_REQUIRE").unwrap_or_default();
        assert!(!required.split(',').any(|name| name == "duckdb"), "duckdb is required here, and missing");
        eprintln!("skipped: duckdb is not installed (pip install duckdb)");
    }
    found.map(str::to_owned)
}

/// What DuckDB says to a query, a line a row.
fn ask(python: &str, query: &str) -> String {
    let program =
        "import duckdb, sys\nfor row in duckdb.sql(sys.argv[1]).fetchall(): print('|'.join(str(x) for x in row))";
    let output = Command::new(python).args(["-c", program, query]).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn duckdb_reads_rows_and_lines_alike() {
    let Some(python) = python_with_duckdb() else { return };
    let format = Format::new(Field::ALL).unwrap();
    let records = samples(1000);
    let (text, rows) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    write(text.path(), &format, LogFileFormat::PlainText, &records);
    write(rows.path(), &format, LogFileFormat::Parquet, &records);

    let glob = format!("read_parquet('{}/**/*.parquet', hive_partitioning = true)", rows.path().display());
    let types = ask(&python, &format!("DESCRIBE SELECT * FROM {glob}"));
    let type_of = |column: &str| {
        let line = types.lines().find(|line| line.starts_with(&format!("{column}|"))).unwrap();
        line.split('|').nth(1).unwrap().to_owned()
    };
    for field in Field::ALL {
        let expected = match field.column_type() {
            vpcemu_flowlog::ColumnType::Int32 => "INTEGER",
            vpcemu_flowlog::ColumnType::Int64 => "BIGINT",
            vpcemu_flowlog::ColumnType::String => "VARCHAR",
        };
        assert_eq!(type_of(&field.column()), expected, "{field}");
    }
    assert!(types.contains("\naws-account-id|"), "folders are columns");
    let sums = ask(&python, &format!("SELECT count(*), sum(packets), count(bytes), count(instance_tag) FROM {glob}"));
    let sum: u128 = records.iter().filter_map(|record| record.packets).map(u128::from).sum();
    let (bytes, tags) = records.iter().fold((0, 0), |(bytes, tags), record| {
        (bytes + usize::from(record.bytes.is_some()), tags + usize::from(record.instance_tag.is_some()))
    });
    assert_eq!(sums.trim(), format!("1000|{sum}|{bytes}|{tags}"));

    // As text all are strings, with the header's names and a hyphen for null.
    let lines = format!(
        "read_csv('{}/**/*.log.gz', delim = ' ', header = true, all_varchar = true, nullstr = '-', quote = '', escape = '')",
        text.path().display()
    );
    let columns = |quote: bool| {
        let name = |field: Field| match quote {
            true => format!("\"{}\"", field.name()),
            false => format!("CAST(\"{}\" AS VARCHAR)", field.column()),
        };
        Field::ALL.map(name).join(", ")
    };
    let differ = ask(
        &python,
        &format!(
            "SELECT count(*) FROM (SELECT {} FROM {lines} EXCEPT ALL SELECT {} FROM {glob})",
            columns(true),
            columns(false)
        ),
    );
    assert_eq!(differ.trim(), "0");
}
