use proptest::collection::vec;
use proptest::prelude::*;
use vpcemu_capture::{Direction, Format, LinkType, PcapWriter, PcapngWriter};

use crate::by_hand::{Pcap, Pcapng};
use crate::{Kept, drain, open, read_all};

fn packet() -> impl Strategy<Value = (u32, u32, Vec<u8>)> {
    (any::<u32>(), 0..1_000_000u32, vec(any::<u8>(), 0..100))
}

proptest! {
    #[test]
    fn pcap_by_hand(big: bool, magic in prop::sample::select(vec![0xa1b2_c3d4, 0xa1b2_3c4d, 0xa1b2_cd34]),
                    link_type in 0..300u32, packets in vec(packet(), 0..20)) {
        let mut file = Pcap::new(big, magic, link_type);
        for (seconds, fraction, data) in &packets {
            file.packet(*seconds, *fraction, data);
        }
        let (records, errors) = read_all(&file.bytes);
        prop_assert_eq!(errors, Vec::<String>::new());
        prop_assert_eq!(records.len(), packets.len());
        let unit = if magic == 0xa1b2_3c4d { 1 } else { 1_000 };
        for ((index, record), (seconds, fraction, data)) in records.iter().enumerate().zip(&packets) {
            prop_assert_eq!(record.number, index as u64 + 1);
            prop_assert_eq!(record.timestamp_ns, u64::from(*seconds) * 1_000_000_000 + u64::from(*fraction) * unit);
            prop_assert_eq!(record.link_type, link_type);
            prop_assert_eq!(&record.data, data);
        }
    }

    #[test]
    fn pcapng_by_hand(big: bool, resolution in prop::sample::select(vec![(0, 1_000_000_000), (3, 1_000_000), (6, 1_000), (9, 1)]),
                      packets in vec((0..1_000_000_000u64, vec(any::<u8>(), 0..100)), 0..20)) {
        let (code, unit): (u8, u64) = resolution;
        let mut file = Pcapng::new(big);
        file.interface(1, 0, &[(9, &[code])]);
        for (ticks, data) in &packets {
            file.enhanced(0, *ticks, data, &[]);
        }
        let (records, errors) = read_all(&file.bytes);
        prop_assert_eq!(errors, Vec::<String>::new());
        let read: Vec<_> = records.into_iter().map(|record| (record.timestamp_ns, record.data)).collect();
        let written: Vec<_> = packets.into_iter().map(|(ticks, data)| (ticks * unit, data)).collect();
        prop_assert_eq!(read, written);
    }

    #[test]
    fn pcap_writer(packets in vec((0..4_294_967_296_000_000_000u64, any::<u32>(), vec(any::<u8>(), 0..100)), 0..20)) {
        let mut writer = PcapWriter::new(Vec::new(), LinkType::RAW).unwrap();
        for (time, original, data) in &packets {
            writer.write(*time, *original, data).unwrap();
        }
        let (records, errors) = read_all(&writer.finish().unwrap());
        prop_assert_eq!(errors, Vec::<String>::new());
        let read: Vec<_> = records.into_iter().map(|it| (it.timestamp_ns, it.original_len, it.data)).collect();
        let written: Vec<_> = packets.into_iter().map(|(time, original, data)| (time, original.max(data.len() as u32), data)).collect();
        prop_assert_eq!(read, written);
    }

    #[test]
    fn pcapng_writer(packets in vec((0..2u32, any::<u64>(), any::<u32>(), vec(any::<u8>(), 0..100), prop::option::of("\\PC{1,30}")), 0..20)) {
        let mut writer = PcapngWriter::new(Vec::new()).unwrap();
        writer.add_interface("eni-a", None, LinkType::RAW).unwrap();
        writer.add_interface("eni-b", Some("a description"), LinkType::ETHERNET).unwrap();
        for (interface, time, original, data, comment) in &packets {
            writer.write(*interface, *time, *original, data, comment.as_deref()).unwrap();
        }
        let mut reader = open(&writer.finish().unwrap()).unwrap();
        let (records, errors) = drain(&mut reader);
        prop_assert_eq!(errors, Vec::<String>::new());
        prop_assert!(reader.warnings().is_empty());
        let names: Vec<_> = reader.interfaces().iter().filter_map(|it| it.name.as_deref()).collect();
        prop_assert_eq!(names, ["eni-a", "eni-b"]);
        prop_assert_eq!(records.len(), packets.len());
        for ((index, record), (interface, timestamp_ns, original, data, comment)) in records.into_iter().enumerate().zip(packets) {
            let link_type = if interface == 0 { 101 } else { 1 };
            let (number, original_len) = (index as u64 + 1, original.max(data.len() as u32));
            let written = Kept { number, timestamp_ns, link_type, interface, original_len, data, direction: None, comment };
            prop_assert_eq!(record, written);
        }
    }
}

#[test]
fn sections_have_their_own_order_and_interfaces() {
    let mut file = Pcapng::new(false);
    file.interface(1, 0, &[(2, b"eth0")]).enhanced(0, 1, b"one", &[]);
    file.section(true).interface(101, 0, &[(2, b"tun0\0junk"), (9, &[9])]).interface(276, 0, &[]);
    file.enhanced(0, 5, b"two", &[]).enhanced(1, 6, b"three", &[]);
    let mut reader = open(&file.bytes).unwrap();
    assert_eq!(reader.format(), Format::Pcapng);
    let (records, errors) = drain(&mut reader);
    assert_eq!(errors, [""; 0]);
    let read: Vec<_> = records.iter().map(|it| (it.timestamp_ns, it.link_type, it.interface, &it.data[..])).collect();
    assert_eq!(read, [(1_000, 1, 0, &b"one"[..]), (5, 101, 1, b"two"), (6_000, 276, 2, b"three")]);
    let names: Vec<_> = reader.interfaces().iter().map(|it| it.name.as_deref()).collect();
    assert_eq!(names, [Some("eth0"), Some("tun0"), None]);
}

#[test]
fn packets_of_every_block_type() {
    for big in [false, true] {
        let mut file = Pcapng::new(big);
        let flags = [file.u32(0xff01), file.u32(2)];
        file.interface(1, 4, &[(14, &if big { 7i64.to_be_bytes() } else { 7i64.to_le_bytes() })]);
        file.block(0xbad, b"an unknown block").block(5, &[0; 12]);
        file.enhanced(0, 1, b"a", &[(1, b"first"), (2, &flags[0]), (1, b"second")]);
        file.obsolete(0, 2, b"bc", &[(2, &flags[1]), (1, b"bad \xff text")]);
        file.simple(9, b"defg").simple(2, b"hi");
        let (records, errors) = read_all(&file.bytes);
        assert_eq!(errors, [""; 0]);
        let read: Vec<_> = records
            .iter()
            .map(|it| (it.timestamp_ns, it.original_len, &it.data[..], it.direction, it.comment.as_deref()))
            .collect();
        let expected = [
            (7_000_001_000, 1, &b"a"[..], Some(Direction::Inbound), Some("first")),
            (7_000_002_000, 2, b"bc", Some(Direction::Outbound), Some("bad ")),
            (7_000_002_000, 9, b"defg", None, None),
            (7_000_002_000, 2, b"hi", None, None),
        ];
        assert_eq!(read, expected);
    }
}
