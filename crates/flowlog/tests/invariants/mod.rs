//! What has to hold for any bytes: reading ends without a panic, counts what it gives, and what was read is the same after
//! writing. Shared with the fuzz target `flowlog`.

use vpcemu_flowlog::{Field, Format, Options, Reader, Record};

/// Reads to the end, which there has to be, strictly and leniently, and writes what was read. Tells how many records there were,
/// and how strict reading ended.
pub(crate) fn check(bytes: &[u8]) -> (u64, Option<String>) {
    let (strict, error) = read(bytes, false);
    let (lenient, _) = read(bytes, true);
    assert!(lenient.starts_with(&strict), "leniently read is all that was strictly");
    let format = Format::new(Field::ALL).expect("each field is there once");
    let lines = written(&format, &lenient);
    let (again, error_again) = read(&lines, false);
    assert_eq!((again.len(), error_again), (lenient.len(), None));
    assert_eq!(String::from_utf8(written(&format, &again)), String::from_utf8(lines));
    (lenient.len() as u64, error)
}

fn written(format: &Format, records: &[Record]) -> Vec<u8> {
    let mut lines = format.header().into_bytes();
    lines.push(b'\n');
    records.iter().for_each(|record| format.write_line(record, &mut lines));
    lines
}

fn read(bytes: &[u8], lenient: bool) -> (Vec<Record>, Option<String>) {
    let options = Options { lenient, silent_windows: true, ..Options::default() };
    let mut reader = Reader::from_bytes("fuzz", bytes.to_vec(), options);
    let (mut records, mut first) = (Vec::new(), None);
    for entry in reader.by_ref() {
        match entry {
            Ok(entry) => {
                assert!(lenient || first.is_none(), "a record after the end");
                records.push(entry.record);
            }
            Err(error) => {
                let text = error.to_string();
                assert!(text.starts_with("fuzz: "), "{text}");
                first.get_or_insert(text);
            }
        }
    }
    assert_eq!(reader.report().records(), records.len() as u64);
    (records, first)
}
