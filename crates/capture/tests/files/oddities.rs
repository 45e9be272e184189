//! What is common in the wild and no reason to lose a packet.

use vpcemu_capture::Oddity;

use crate::by_hand::{Pcap, Pcapng};
use crate::{drain, open};

fn oddities(bytes: &[u8], packets: usize) -> Vec<(Oddity, u64, u64)> {
    let mut reader = open(bytes).unwrap();
    let (records, errors) = drain(&mut reader);
    assert_eq!(errors, [""; 0]);
    assert_eq!(records.len(), packets);
    reader.warnings().iter().map(|warning| (warning.oddity, warning.count, warning.first)).collect()
}

#[test]
fn of_a_pcap() {
    let mut file = Pcap::new(false, 0xa1b2_c3d4, 1);
    file.packet(1, 0, b"fine").packet(1, 1_000_000, b"late").packet(1, u32::MAX, b"very late");
    file.record(2, 0, 4, 3, b"long").record(3, 0, 70_000, 70_000, &[7; 70_000]);
    assert_eq!(
        oddities(&file.bytes, 5),
        [
            (Oddity::FractionBeyondSecond, 2, 2),
            (Oddity::OriginalShorterThanCaptured, 1, 4),
            (Oddity::LongerThanSnapLength, 1, 5)
        ]
    );
    let (records, _) = drain(&mut open(&file.bytes).unwrap());
    let times: Vec<_> = records.iter().map(|record| record.timestamp_ns).collect();
    assert_eq!(times[..3], [1_000_000_000, 2_000_000_000, 4_295_967_295_000]);
    assert_eq!(records[3].original_len, 4);
}

#[test]
fn of_a_pcapng() {
    let mut file = Pcapng::new(true);
    file.interface(1, 2, &[]).enhanced(0, 9, b"a", &[]).enhanced(0, u64::MAX, b"b", &[]);
    file.enhanced_claiming(0, 10, 1, 0, b"c", &[]).enhanced(0, 11, b"too long", &[]).simple(1, b"d");
    file.block(77, b"");
    let end = file.bytes.len();
    file.bytes[end - 1] ^= 0x40;
    assert_eq!(
        oddities(&file.bytes, 5),
        [
            (Oddity::TimeOutOfRange, 1, 2),
            (Oddity::OriginalShorterThanCaptured, 1, 3),
            (Oddity::LongerThanSnapLength, 1, 4),
            (Oddity::NoTimestamp, 1, 5),
            (Oddity::LengthsDiffer, 1, 6),
        ]
    );
    let (records, _) = drain(&mut open(&file.bytes).unwrap());
    let times: Vec<_> = records.iter().map(|record| record.timestamp_ns).collect();
    assert_eq!(times, [9_000, 9_000, 10_000, 11_000, 11_000]);
}

#[test]
fn clocks_that_no_hardware_has() {
    let mut file = Pcapng::new(false);
    file.interface(1, 0, &[(9, &[255])]).interface(1, 0, &[(9, &[127])]).interface(1, 0, &[(9, &[])]);
    file.enhanced(0, u64::MAX, b"", &[]).enhanced(1, u64::MAX, b"", &[]).enhanced(2, 5, b"", &[]);
    assert_eq!(oddities(&file.bytes, 3), []);
    let (records, _) = drain(&mut open(&file.bytes).unwrap());
    assert_eq!(records.iter().map(|record| record.timestamp_ns).collect::<Vec<_>>(), [0, 0, 5_000]);
}
