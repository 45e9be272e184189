use crate::LinkType;

/// One packet of a capture.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Record<'a> {
    /// From 1, in its file.
    pub number: u64,
    /// Nanoseconds since the epoch.
    pub timestamp_ns: u64,
    /// What the frame begins with.
    pub link_type: LinkType,
    /// Index into [`Reader::interfaces`](crate::Reader::interfaces).
    pub interface: u32,
    /// Length on the wire, at least that of `data`.
    pub original_len: u32,
    /// What was captured.
    pub data: &'a [u8],
    /// Which way it went, where the capture says so.
    pub direction: Option<Direction>,
    /// What somebody wrote about it (pcapng): the first comment, up to what is no UTF-8 in it.
    pub comment: Option<&'a str>,
}

/// Where a frame went relative to the capturing interface.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Direction {
    /// To it.
    Inbound,
    /// From it.
    Outbound,
}

/// An interface of a capture.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Interface {
    /// Its name, where the capture has one.
    pub name: Option<String>,
    /// What its frames begin with.
    pub link_type: LinkType,
    /// Bytes a packet at most; 0 is no limit.
    pub snap_length: u32,
}
