use std::fmt;

/// What the frames of a capture begin with (tcpdump.org/linktypes.html).
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub struct LinkType(pub u32);

#[expect(missing_docs, reason = "the names are those of the registry")]
impl LinkType {
    pub const NULL: Self = Self(0);
    pub const ETHERNET: Self = Self(1);
    pub const RAW: Self = Self(101);
    pub const LOOP: Self = Self(108);
    pub const LINUX_SLL: Self = Self(113);
    pub const IPV4: Self = Self(228);
    pub const IPV6: Self = Self(229);
    pub const LINUX_SLL2: Self = Self(276);
}

impl fmt::Display for LinkType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = match self.0 {
            0 => "NULL",
            1 => "EN10MB",
            9 => "PPP",
            // 12 and 14 are what BSDs call raw IP inside their kernels; some of them wrote it into files.
            12 | 14 | 101 => "RAW",
            105 => "IEEE802_11",
            108 => "LOOP",
            113 => "LINUX_SLL",
            127 => "IEEE802_11_RADIO",
            147..=162 => "USER",
            195 => "IEEE802_15_4",
            228 => "IPV4",
            229 => "IPV6",
            276 => "LINUX_SLL2",
            other => return write!(f, "{other}"),
        };
        write!(f, "{name} ({})", self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names() {
        let names = [LinkType::ETHERNET, LinkType(14), LinkType::LINUX_SLL2, LinkType(3)].map(|it| it.to_string());
        assert_eq!(names, ["EN10MB (1)", "RAW (14)", "LINUX_SLL2 (276)", "3"]);
    }
}
