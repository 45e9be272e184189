//! Whatever is written is read back, and whatever is read ends without a panic.

#![allow(clippy::unwrap_used, reason = "a test fails where it is surprised")]

mod common;

use std::io::Write;

use common::{format, kept, log, record};
use proptest::prelude::*;
use vpcemu_flowlog::{Field, Format, Options, Reader};

fn silent() -> Options {
    Options { silent_windows: true, ..Options::default() }
}

proptest! {
    #[test]
    fn a_line_says_what_the_record_did(format in format(), records in prop::collection::vec(record(), 1..5)) {
        let log = log(&format, &records);
        let read: Vec<_> = Reader::from_bytes("a.log", log.clone(), silent()).collect::<Result<_, _>>().unwrap();
        prop_assert_eq!(read.len(), records.len());
        let mut again = format.header().into_bytes();
        again.push(b'\n');
        for (entry, record) in read.iter().zip(&records) {
            prop_assert_eq!(kept(&format, &entry.record), kept(&format, record));
            let version = format.fields().contains(&Field::Version).then_some(format.version());
            prop_assert_eq!(entry.record.version, version);
            format.write_line(&entry.record, &mut again);
        }
        prop_assert_eq!(again, log);
    }

    #[test]
    fn a_format_is_what_it_prints(format in format()) {
        prop_assert_eq!(&format.to_string().parse::<Format>().unwrap(), &format);
        prop_assert_eq!(&Format::from_header(&format.header()).unwrap(), &format);
    }

    #[test]
    fn damage_anywhere_is_survived(
        records in prop::collection::vec(record(), 1..4),
        damage in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6),
        cut in any::<prop::sample::Index>(),
        holder in 0..4,
    ) {
        let log = log(&Format::default(), &records);
        let text = String::from_utf8_lossy(&log);
        let mut bytes = match holder {
            0 => log,
            1 => {
                let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
                encoder.write_all(&log).unwrap();
                encoder.finish().unwrap()
            }
            2 => format!("{{\"events\":{}}}", serde_json::to_string(&text.lines().collect::<Vec<_>>()).unwrap()).into_bytes(),
            _ => text.lines().fold("timestamp,message\n".to_owned(), |all, line| all + "1,\"" + line + "\"\n").into_bytes(),
        };
        for (at, byte) in damage {
            let at = at.index(bytes.len());
            bytes[at] = byte;
        }
        bytes.truncate(cut.index(bytes.len() * 2) + 1);
        for lenient in [false, true] {
            let mut reader = Reader::from_bytes("a.log", bytes.clone(), Options { lenient, ..silent() });
            let given = reader.by_ref().filter(Result::is_ok).count() as u64;
            prop_assert_eq!(reader.report().records(), given);
            prop_assert!(reader.next().is_none());
        }
    }
}
