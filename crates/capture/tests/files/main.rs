//! Whole files: what is written is read again, what is damaged gives all that comes before, and other programs agree.

#![expect(clippy::unwrap_used, reason = "in tests it is free, and here everything is one")]

mod by_hand;
mod compression;
mod corpus;
mod damage;
mod invariants;
mod merge;
mod oddities;
mod round_trip;
mod tshark;

use std::io::Cursor;

use vpcemu_capture::{Direction, Error, Reader};

/// A record, kept.
#[derive(Clone, PartialEq, Eq, Debug)]
struct Kept {
    number: u64,
    timestamp_ns: u64,
    link_type: u32,
    interface: u32,
    original_len: u32,
    data: Vec<u8>,
    direction: Option<Direction>,
    comment: Option<String>,
}

fn open(bytes: &[u8]) -> Result<Reader, Error> {
    Reader::from_read("x", Cursor::new(bytes.to_vec()))
}

/// Everything that a capture gives: records, and the sentences of its errors.
fn read_all(bytes: &[u8]) -> (Vec<Kept>, Vec<String>) {
    match open(bytes) {
        Ok(mut reader) => drain(&mut reader),
        Err(error) => (Vec::new(), vec![error.to_string()]),
    }
}

fn drain(reader: &mut Reader) -> (Vec<Kept>, Vec<String>) {
    let (mut records, mut errors) = (Vec::new(), Vec::new());
    loop {
        match reader.next() {
            Ok(Some(record)) => records.push(Kept {
                number: record.number,
                timestamp_ns: record.timestamp_ns,
                link_type: record.link_type.0,
                interface: record.interface,
                original_len: record.original_len,
                data: record.data.to_vec(),
                direction: record.direction,
                comment: record.comment.map(str::to_owned),
            }),
            Ok(None) => break,
            Err(error) => errors.push(error.to_string()),
        }
    }
    assert!(matches!(reader.next(), Ok(None)), "the end is the end");
    (records, errors)
}
