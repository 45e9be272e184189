use std::path::Path;

use proptest::prelude::*;
use vpcemu_capture::Reader;

use crate::by_hand::{Pcap, Pcapng};
use crate::{open, read_all};

fn pcap() -> Vec<u8> {
    let mut file = Pcap::new(false, 0xa1b2_c3d4, 1);
    file.packet(1, 1, b"one").packet(2, 2, b"").packet(3, 3, b"three").bytes.clone()
}

fn pcapng() -> Vec<u8> {
    let mut file = Pcapng::new(true);
    file.interface(1, 0, &[(2, b"eth0"), (9, &[9])]).enhanced(0, 1, b"one", &[(1, b"a comment")]).simple(5, b"three");
    file.section(false).interface(101, 0, &[]).block(5, &[0; 8]).obsolete(0, 3, b"four", &[]).bytes.clone()
}

/// Cut anywhere: all complete packets, then an error or, between two records, the end.
#[test]
fn cut_at_every_byte() {
    for file in [pcap(), pcapng()] {
        let (whole, errors) = read_all(&file);
        assert_eq!((whole.len(), errors.len()), (3, 0));
        let mut most = 0;
        for length in 0..file.len() {
            let (records, errors) = read_all(&file[..length]);
            assert_eq!(records, whole[..records.len()], "cut at {length}");
            assert!(records.len() >= most, "cut at {length}");
            assert!(errors.len() <= 1);
            if errors.is_empty() {
                // Ends between two records, so cut one byte on it does not.
                assert_eq!(read_all(&file[..=length]).1.len(), usize::from(length + 1 < file.len()));
            }
            most = records.len();
        }
        assert_eq!(most, 2);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn any_bytes_end(bytes in prop::collection::vec(any::<u8>(), 0..200), begin in 0..8usize) {
        let magics: [&[u8]; 8] = [
            b"", b"\xd4\xc3\xb2\xa1", b"\xa1\xb2\x3c\x4d", b"\x34\xcd\xb2\xa1", b"\x0a\x0d\x0d\x0a\x1c\0\0\0\x4d\x3c\x2b\x1a",
            b"\x0a\x0d\x0d\x0a\0\0\0\x1c\x1a\x2b\x3c\x4d", b"\x1f\x8b\x08\0", b"\x28\xb5\x2f\xfd",
        ];
        read_all(&[magics[begin], &bytes].concat());
    }

    #[test]
    fn spoiled_files_end(position in any::<prop::sample::Index>(), value: u8, second in any::<prop::sample::Index>(), other: u8) {
        for mut file in [pcap(), pcapng()] {
            let length = file.len();
            file[position.index(length)] = value;
            file[second.index(length)] = other;
            for record in read_all(&file).0 {
                prop_assert!(record.original_len as usize >= record.data.len());
            }
        }
    }
}

/// The error of a file, behind how many packets.
fn sentence(bytes: &[u8]) -> (usize, String) {
    let (records, errors) = read_all(bytes);
    (records.len(), errors.join("; "))
}

#[test]
fn absurd_lengths_are_not_believed() {
    for claim in [u32::MAX, 1 << 31, (16 << 20) + 1] {
        let mut file = Pcap::new(true, 0xa1b2_c3d4, 1);
        file.packet(1, 1, b"one").record(2, 2, claim, 60, b"rest");
        let expected = format!(
            "x: damaged at byte 43, at packet 2: the record claims {claim} bytes; more than 16777216 are not believed"
        );
        assert_eq!(sentence(&file.bytes), (1, expected));
    }
    let mut file = Pcapng::new(false);
    file.bytes.extend([6, 0, 0, 0, 0xfc, 0xff, 0xff, 0xff]);
    assert_eq!(
        sentence(&file.bytes).1,
        "x: damaged at byte 28, at packet 1: a block of type 0x6 claims 4294967292 bytes"
    );
}

#[test]
fn truncation_names_place_and_lengths() {
    let file = pcap();
    let expected = "x: truncated at byte 59, in packet 3: the record needs 21 bytes, 20 are there";
    assert_eq!(sentence(&file[..file.len() - 1]), (2, expected.to_owned()));
    let expected = "x: truncated at byte 59, in packet 3: the record header needs 16 bytes, 2 are there";
    assert_eq!(sentence(&file[..61]), (2, expected.to_owned()));
    let expected = "x: truncated at byte 0, in packet 1: the file header needs 24 bytes, 23 are there";
    assert_eq!(sentence(&file[..23]), (0, expected.to_owned()));
}

/// A damaged packet in a block that is whole: the error, and the reader goes on behind it.
#[test]
fn damage_of_one_block_only() {
    let mut file = Pcapng::new(false);
    file.simple(1, b"a").interface(1, 0, &[]).enhanced(0, 1, b"b", &[]).enhanced(7, 2, b"c", &[]);
    file.enhanced_claiming(0, 3, 600, 600, b"d", &[]).enhanced(0, 4, b"e", &[]);
    let (records, errors) = read_all(&file.bytes);
    let read: Vec<_> = records.iter().map(|record| (record.number, &record.data[..])).collect();
    assert_eq!(read, [(2, &b"b"[..]), (5, b"e")]);
    assert_eq!(
        errors,
        [
            "x: damaged at byte 28, at packet 1: a simple packet block before any interface",
            "x: damaged at byte 104, at packet 3: a packet of interface 7, of 1 that are declared",
            "x: damaged at byte 140, at packet 4: a packet block claims 600 bytes and has room for 4",
        ]
    );
}

#[test]
fn interfaces_without_end_are_refused() {
    let mut file = Pcapng::new(false);
    for _ in 0..70_000 {
        file.interface(1, 0, &[]);
    }
    assert!(sentence(&file.bytes).1.ends_with("more than 65536 interfaces are declared"));
}

#[test]
fn what_is_no_capture() {
    let folder = tempfile::tempdir().unwrap();
    let text = folder.path().join("text.pcap");
    std::fs::write(&text, "hello, this is no capture").unwrap();
    let error = |path: &Path| Reader::open(path).unwrap_err().to_string();
    let shown = text.display();
    assert_eq!(
        error(&text),
        format!(
            "{shown}: not a capture: it begins with 68656c6c6f2c2074 (hello,.t); expected pcap (d4c3b2a1 or its variants) \
             or pcapng (0a0d0d0a), plain, .gz or .zst"
        )
    );
    std::fs::write(&text, "").unwrap();
    assert_eq!(error(&text), format!("{shown}: the file is empty; expected a pcap or pcapng capture"));
    let missing = folder.path().join("missing.pcap");
    let expected = format!("{}: cannot be read as a pcap or pcapng capture: No such file", missing.display());
    assert!(error(&missing).starts_with(&expected), "{}", error(&missing));
    let folder = folder.path();
    let expected = format!("{}: cannot be read as a pcap or pcapng capture: it is a directory", folder.display());
    assert_eq!(error(folder), expected);
    assert!(open(b"\xd4\xc3").unwrap_err().to_string().starts_with("x: not a capture: it begins with d4c3 (..)"));
}
