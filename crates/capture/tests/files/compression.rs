use std::io::{Read, Write};

use flate2::write::GzEncoder;
use vpcemu_capture::Reader;

use crate::by_hand::Pcap;
use crate::{drain, open, read_all};

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), flate2::Compression::default());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

fn zstd(bytes: &[u8]) -> Vec<u8> {
    zstd::encode_all(bytes, 0).unwrap()
}

fn sample(packets: u32) -> Vec<u8> {
    let mut file = Pcap::new(false, 0xa1b2_c3d4, 1);
    for n in 0..packets {
        file.packet(n, 0, &n.wrapping_mul(0x9e37_79b9).to_be_bytes().repeat(16));
    }
    file.bytes
}

#[test]
fn by_content_in_one_piece_or_several() {
    let plain = sample(10);
    let (a, b) = plain.split_at(100);
    let expected = read_all(&plain);
    assert_eq!(expected.0.len(), 10);
    for compressed in [gzip(&plain), zstd(&plain), [gzip(a), gzip(b)].concat(), [zstd(a), zstd(b)].concat()] {
        assert_eq!(read_all(&compressed), expected);
    }
}

/// A cut or spoiled compressed file gives what could be decompressed, and never passes for whole.
#[test]
fn damage_is_told() {
    let plain = sample(2_000);
    let expected = read_all(&plain).0;
    for compressed in [gzip(&plain), zstd(&plain)] {
        for length in [9, 10, 100, compressed.len() / 2, compressed.len() - 9, compressed.len() - 1] {
            let (records, errors) = read_all(&compressed[..length]);
            assert_eq!(errors.len(), 1, "{length} of {}", compressed.len());
            assert_eq!(records, expected[..records.len()]);
        }
    }
    let mut spoiled = gzip(&plain);
    let crc = spoiled.len() - 8;
    spoiled[crc] ^= 1;
    let (records, errors) = read_all(&spoiled);
    assert_eq!(records, expected, "only the checksum behind them is wrong");
    assert_eq!(errors.len(), 1);
    let prefix = format!("x: damaged at byte {}, at packet 2001: it cannot be decompressed any further: ", plain.len());
    assert!(errors[0].starts_with(&prefix), "{}", errors[0]);
    let (records, errors) = read_all(&gzip(&plain)[..crc]);
    assert_eq!(records, expected);
    assert!(errors[0].ends_with("the compressed data ends before it is complete"), "{}", errors[0]);
}

#[test]
fn what_is_inside_is_named() {
    let error = open(&gzip(b"hello world")).unwrap_err().to_string();
    assert!(
        error.starts_with("x: not a capture: it begins with 68656c6c6f20776f (hello.wo), after gzip; expected pcap"),
        "{error}"
    );
    assert_eq!(open(&zstd(b"")).unwrap_err().to_string(), "x: the file is empty; expected a pcap or pcapng capture");
}

/// Gives what a pipe might: a few bytes at a time.
struct Pipe(std::io::Cursor<Vec<u8>>);

impl Read for Pipe {
    fn read(&mut self, out: &mut [u8]) -> std::io::Result<usize> {
        let few = out.len().min(7);
        self.0.read(&mut out[..few])
    }
}

#[test]
fn from_pipes() {
    let plain = sample(10);
    let expected = read_all(&plain);
    for bytes in [plain.clone(), gzip(&plain), zstd(&plain)] {
        let mut reader = Reader::from_read("standard input", Pipe(std::io::Cursor::new(bytes))).unwrap();
        assert_eq!(reader.name(), "standard input");
        assert_eq!(drain(&mut reader), expected);
    }
}
