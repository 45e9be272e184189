use std::path::Path;

/// The format of a capture.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Format {
    /// Classic pcap, micro- or nanoseconds, either byte order.
    Pcap,
    /// pcapng.
    Pcapng,
}

impl Format {
    /// The format that the name of an output asks for; none if it ends in neither `.pcap` nor `.pcapng`. Inputs are known
    /// by their first bytes, whatever their name; outputs are not compressed.
    pub fn from_path(path: &Path) -> Option<Self> {
        match path.extension()?.to_str()? {
            "pcap" => Some(Self::Pcap),
            "pcapng" => Some(Self::Pcapng),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn by_suffix() {
        assert_eq!(Format::from_path(Path::new("a/out.pcap")), Some(Format::Pcap));
        assert_eq!(Format::from_path(Path::new("out.pcapng")), Some(Format::Pcapng));
        for other in ["out.pcap.gz", "out.txt", "pcap", ""] {
            assert_eq!(Format::from_path(Path::new(other)), None, "{other}");
        }
    }
}
