use vpcemu_capture::{LinkType, Merge};

use crate::by_hand::{Pcap, Pcapng};
use crate::open;

fn capture(seconds: &[u32]) -> Vec<u8> {
    let mut file = Pcap::new(false, 0xa1b2_c3d4, 1);
    for time in seconds {
        file.packet(*time, 0, b"data");
    }
    file.bytes
}

fn merged(merge: &mut Merge) -> Vec<(usize, u64, u64)> {
    let mut order = Vec::new();
    while let Some((source, record)) = merge.next() {
        order.push((source, record.number, record.timestamp_ns / 1_000_000_000));
    }
    order
}

#[test]
fn by_time_then_position() {
    let files = [capture(&[1, 3, 3]), capture(&[1, 2, 3]), capture(&[])];
    let mut merge = Merge::new(files.iter().map(|file| open(file).unwrap()).collect());
    assert_eq!(merge.head_link_types().collect::<Vec<_>>(), [LinkType::ETHERNET; 2]);
    assert_eq!(merged(&mut merge), [(0, 1, 1), (1, 1, 1), (1, 2, 2), (0, 2, 3), (0, 3, 3), (1, 3, 3)]);
    assert!(merge.next().is_none());
    assert!(merge.errors().is_empty());
}

#[test]
fn within_a_file_its_order() {
    let mut merge = Merge::new(vec![open(&capture(&[5, 1, 6])).unwrap(), open(&capture(&[2, 5, 7])).unwrap()]);
    assert_eq!(merged(&mut merge), [(1, 1, 2), (0, 1, 5), (0, 2, 1), (1, 2, 5), (0, 3, 6), (1, 3, 7)]);
}

#[test]
fn a_damaged_file_does_not_stop_the_others() {
    let cut = capture(&[1, 4]);
    let cut = &cut[..cut.len() - 1];
    let mut merge = Merge::new(vec![open(cut).unwrap(), open(&capture(&[2, 5])).unwrap()]);
    assert_eq!(merged(&mut merge), [(0, 1, 1), (1, 1, 2), (1, 2, 5)]);
    assert_eq!(merge.errors().len(), 1);
    assert_eq!(
        merge.take_errors()[0].to_string(),
        "x: truncated at byte 44, in packet 2: the record needs 20 bytes, 19 are there"
    );
}

#[test]
fn damaged_packets_without_end_are_counted() {
    let mut file = Pcapng::new(false);
    file.interface(1, 0, &[]);
    for _ in 0..100 {
        file.enhanced(9, 0, b"", &[]);
    }
    file.enhanced(0, 7_000_000, b"good", &[]);
    file.bytes.extend([1, 2, 3]);
    let mut merge = Merge::new(vec![open(&file.bytes).unwrap()]);
    assert_eq!(merged(&mut merge), [(0, 101, 7)]);
    assert_eq!(merge.errors().len(), 17, "sixteen, and what ended the file");
    assert_eq!(merge.warnings(), ["x: 85 more damaged packets than the 16 that are reported"]);
}
