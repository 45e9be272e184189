/// What can be wrong with a capture. Offsets count bytes of the capture itself, after decompression.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The file cannot be opened, or its first bytes cannot be read or decompressed.
    #[error("{file}: cannot be read as a pcap or pcapng capture: {source}")]
    Io {
        /// As the user named it.
        file: String,
        /// Why.
        source: std::io::Error,
    },
    /// There is nothing in it.
    #[error("{file}: the file is empty; expected a pcap or pcapng capture")]
    Empty {
        /// As the user named it.
        file: String,
    },
    /// It begins like no capture.
    #[error(
        "{file}: not a capture: it begins with {found}; expected pcap (d4c3b2a1 or its variants) or pcapng (0a0d0d0a), \
         plain, .gz or .zst"
    )]
    NotACapture {
        /// As the user named it.
        file: String,
        /// Its first bytes.
        found: String,
    },
    /// It ends in the middle of something, typically because the program that captured was killed.
    #[error("{file}: truncated at byte {offset}, in packet {packet}: {what} needs {need} bytes, {have} are there")]
    Truncated {
        /// As the user named it.
        file: String,
        /// Where the record begins that is cut off.
        offset: u64,
        /// Which packet it would have been, from 1.
        packet: u64,
        /// What is cut off.
        what: &'static str,
        /// How long that is.
        need: u64,
        /// How much of it there is.
        have: u64,
    },
    /// Something in it cannot be.
    #[error("{file}: damaged at byte {offset}, at packet {packet}: {cause}")]
    Damaged {
        /// As the user named it.
        file: String,
        /// Where the record or block begins.
        offset: u64,
        /// Which packet is next, from 1.
        packet: u64,
        /// What is wrong.
        cause: String,
    },
    /// An output cannot be written.
    #[error("writing a capture: {0}")]
    Write(#[from] std::io::Error),
    /// A packet was given to a writer that no reader would believe.
    #[error("writing a capture: a packet of {length} bytes; at most {limit} can be written")]
    TooLong {
        /// Its length.
        length: usize,
        /// What a record holds at most.
        limit: u32,
    },
    /// The pcapng writer refused something.
    #[error("writing a capture: {0}")]
    Pcapng(String),
}
