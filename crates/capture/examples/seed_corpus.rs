//! Writes the hand-made files of the fuzz corpus: `cargo run -p vpcemu-capture --example seed_corpus -- FOLDER`.
//! Small files of every kind that the reader knows, whole and damaged, for a fuzzer to begin with.

#[path = "../tests/files/by_hand.rs"]
mod by_hand;

use std::error::Error;
use std::io::Write;
use std::path::PathBuf;

use by_hand::{Pcap, Pcapng};
use flate2::write::GzEncoder;

const MICROSECONDS: u32 = 0xa1b2_c3d4;
const NANOSECONDS: u32 = 0xa1b2_3c4d;
const MODIFIED: u32 = 0xa1b2_cd34;

fn main() -> Result<(), Box<dyn Error>> {
    let folder = PathBuf::from(std::env::args().nth(1).ok_or("name the folder to write to")?);
    std::fs::create_dir_all(&folder)?;
    for (name, bytes) in files()? {
        std::fs::write(folder.join(name), bytes)?;
    }
    Ok(())
}

fn files() -> std::io::Result<Vec<(&'static str, Vec<u8>)>> {
    let pcap = |big, magic| {
        Pcap::new(big, magic, 1).packet(1, 2, b"one").packet(3, 4, b"").packet(5, 6, b"three").bytes.clone()
    };
    let plain = pcap(false, MICROSECONDS);
    let pcapng = |big| {
        let mut file = Pcapng::new(big);
        file.interface(1, 0, &[(2, b"eth0"), (9, &[9])]).enhanced(0, 1, b"one", &[(1, b"a comment"), (2, &[1; 4])]);
        file.block(5, &[0; 12]).simple(5, b"three").obsolete(0, 3, b"four", &[(1, b"old")]).bytes.clone()
    };
    let mut gzip = GzEncoder::new(Vec::new(), flate2::Compression::default());
    gzip.write_all(&plain)?;
    let gzip = gzip.finish()?;
    let zstd = zstd::encode_all(&plain[..], 0)?;
    Ok(vec![
        ("pcap-us-le", plain.clone()),
        ("pcap-us-be", pcap(true, MICROSECONDS)),
        ("pcap-ns-le", pcap(false, NANOSECONDS)),
        ("pcap-ns-be", pcap(true, NANOSECONDS)),
        ("pcap-modified-le", pcap(false, MODIFIED)),
        ("pcap-modified-be", pcap(true, MODIFIED)),
        ("pcap-header-only", plain[..24].to_vec()),
        ("pcap-cut-header", plain[..50].to_vec()),
        ("pcap-cut-packet", plain[..plain.len() - 2].to_vec()),
        ("pcap-claims-4-gib", Pcap::new(false, MICROSECONDS, 1).record(1, 1, u32::MAX, 60, b"x").bytes.clone()),
        ("pcap-late-fraction", Pcap::new(false, NANOSECONDS, 1).packet(u32::MAX, u32::MAX, b"x").bytes.clone()),
        ("pcap-original-short", Pcap::new(false, MICROSECONDS, 101).record(1, 1, 4, 2, b"long").bytes.clone()),
        ("pcap.gz", gzip.clone()),
        ("pcap-twice.gz", [gzip.clone(), gzip.clone()].concat()),
        ("pcap-cut.gz", gzip[..gzip.len() - 5].to_vec()),
        ("pcap.zst", zstd.clone()),
        ("pcap-cut.zst", zstd[..zstd.len() - 3].to_vec()),
        ("pcapng-le", pcapng(false)),
        ("pcapng-be", pcapng(true)),
        ("pcapng-sections", [pcapng(true), pcapng(false)].concat()),
        ("pcapng-cut", pcapng(false)[..100].to_vec()),
        ("pcapng-undeclared", Pcapng::new(false).enhanced(3, 1, b"x", &[]).simple(1, b"y").bytes.clone()),
        ("pcapng-claims-room", {
            let mut file = Pcapng::new(false);
            file.interface(1, 2, &[]).enhanced_claiming(0, 1, 600, 1, b"x", &[]).enhanced(0, u64::MAX, b"long", &[]);
            file.bytes
        }),
        ("pcapng-clocks", {
            let mut file = Pcapng::new(true);
            file.interface(1, 0, &[(9, &[0x8a])]).interface(1, 0, &[(9, &[255]), (14, &[0xff; 8])]);
            file.interface(1, 0, &[(14, &[0x7f; 8])]);
            for interface in 0..3 {
                file.enhanced(interface, 1 << 40, b"x", &[]);
            }
            file.bytes
        }),
        ("pcapng-claims-4-gib", [Pcapng::new(false).bytes, vec![6, 0, 0, 0, 0xfc, 0xff, 0xff, 0xff]].concat()),
        ("text", b"hello, this is no capture".to_vec()),
        ("empty", Vec::new()),
    ])
}
