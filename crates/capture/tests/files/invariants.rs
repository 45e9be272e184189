//! What has to hold for any bytes: reading ends without a panic, and what was read is the same after writing. Shared with
//! the fuzz target `capture`.

use std::io::Cursor;

use vpcemu_capture::{LinkType, PcapWriter, PcapngWriter, Reader};

/// Reads to the end, which there has to be, and writes what it read.
pub(crate) fn check(bytes: &[u8]) {
    let Ok(mut reader) = Reader::from_read("fuzz", Cursor::new(bytes.to_vec())) else { return };
    let mut pcapng = PcapngWriter::new(Vec::new()).expect("memory takes everything");
    let interface = pcapng.add_interface("any", None, LinkType::RAW).expect("memory takes everything");
    let mut pcap = PcapWriter::new(Vec::new(), LinkType::RAW).expect("memory takes everything");
    let (mut records, mut number) = (Vec::new(), 0);
    loop {
        match reader.next() {
            Ok(Some(record)) => {
                assert!(record.number > number && record.original_len as usize >= record.data.len());
                number = record.number;
                let (time, length, comment) = (record.timestamp_ns, record.original_len, record.comment);
                pcapng.write(interface, time, length, record.data, comment).expect("memory takes everything");
                pcap.write(time, length, record.data).expect("memory takes everything");
                records.push((time, length, record.data.to_vec(), comment.map(str::to_owned)));
            }
            Ok(None) => break,
            Err(_) => {}
        }
    }
    for (file, holds_all) in [(pcapng.finish(), true), (pcap.finish(), false)] {
        let mut again =
            Reader::from_read("again", Cursor::new(file.expect("memory takes everything"))).expect("a capture");
        for (time, length, data, comment) in &records {
            let record = again.next().expect("no damage").expect("as many packets");
            assert_eq!((record.original_len, record.data), (*length, &data[..]));
            assert!(!holds_all || (record.timestamp_ns, record.comment) == (*time, comment.as_deref()));
        }
        assert!(matches!(again.next(), Ok(None)));
    }
}
