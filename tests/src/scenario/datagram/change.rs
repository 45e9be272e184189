//! A packet with something changed: who it is from, what it says, what is wrong with it.

use super::{Datagram, Kind, Port, end};

impl Datagram {
    /// From elsewhere: `nat`, `nat:1024`, or `nat:*` for whichever port the packet has that came out.
    #[must_use]
    #[track_caller]
    pub fn src(mut self, text: &str) -> Self {
        let (src, port) = end(text);
        self.src = src;
        self.set_ports(port, true);
        self
    }

    /// To elsewhere.
    #[must_use]
    #[track_caller]
    pub fn dst(mut self, text: &str) -> Self {
        let (dst, port) = end(text);
        self.dst = dst;
        self.set_ports(port, false);
        self
    }

    fn set_ports(&mut self, port: Option<Port>, source: bool) {
        let Some(port) = port else { return };
        // The id of an echo is one field, whichever way it travels.
        let echo = matches!(self.kind, Kind::Echo { .. });
        if source || echo {
            self.src_port = port;
        }
        if !source || echo {
            self.dst_port = port;
        }
    }

    /// One hop further: the time to live is one less.
    #[must_use]
    pub fn hop(mut self) -> Self {
        self.ttl -= 1;
        self
    }

    /// The time to live or hop limit; 64 otherwise.
    #[must_use]
    pub fn ttl(mut self, ttl: u8) -> Self {
        self.ttl = ttl;
        self
    }

    /// The payload.
    #[must_use]
    pub fn payload(mut self, payload: &[u8]) -> Self {
        self.payload = payload.to_vec();
        self
    }

    /// Of this IP length.
    #[must_use]
    pub fn sized(mut self, length: usize) -> Self {
        self.payload = Vec::new();
        let headers = self.bytes().len();
        self.payload = (0..length - headers).map(|at| (at % 251) as u8).collect();
        self
    }

    /// The IPv4 identification.
    #[must_use]
    pub fn id(mut self, id: u16) -> Self {
        self.id = id;
        self
    }

    /// With whatever IPv4 identification the packet has that came out.
    #[must_use]
    pub fn any_id(mut self) -> Self {
        self.any_id = true;
        self
    }

    /// The type of service or traffic class.
    #[must_use]
    pub fn class(mut self, class: u8) -> Self {
        self.class = Some(class);
        self
    }

    /// The don't-fragment bit: set on TCP and echo, otherwise not.
    #[must_use]
    pub fn dont_fragment(mut self, dont_fragment: bool) -> Self {
        self.dont_fragment = dont_fragment;
        self
    }

    /// IPv4 options, whole words.
    #[must_use]
    pub fn options(mut self, options: &[u8]) -> Self {
        self.options = options.to_vec();
        self
    }

    /// An IPv6 extension header that says nothing: hop-by-hop options (0) or destination options (60).
    #[must_use]
    pub fn extension(mut self, number: u8) -> Self {
        self.extension = Some(number);
        self
    }

    /// Sequence and acknowledgement number of a segment.
    #[must_use]
    pub fn numbers(mut self, sequence: u32, acknowledgement: u32) -> Self {
        if let Kind::Tcp { seq, ack, .. } = &mut self.kind {
            (*seq, *ack) = (sequence, acknowledgement);
        }
        self
    }

    /// The window of a segment, not scaled.
    #[must_use]
    pub fn window(mut self, size: u16) -> Self {
        if let Kind::Tcp { window, .. } = &mut self.kind {
            *window = size;
        }
        self
    }

    /// The maximum segment size option.
    #[must_use]
    pub fn mss(mut self, size: u16) -> Self {
        if let Kind::Tcp { mss, .. } = &mut self.kind {
            *mss = Some(size);
        }
        self
    }

    /// UDP without a checksum.
    #[must_use]
    pub fn unsummed(mut self) -> Self {
        self.kind = Kind::Udp { checksum: false };
        self
    }

    /// The four bytes behind the checksum of an ICMP error: the MTU of "fragmentation needed".
    #[must_use]
    pub fn rest(mut self, value: u32) -> Self {
        if let Kind::Error { rest, .. } = &mut self.kind {
            *rest = value;
        }
        self
    }

    /// An error that quotes only so many bytes.
    #[must_use]
    pub fn quoting(mut self, bytes: usize) -> Self {
        if let Kind::Error { quoted, .. } = &mut self.kind {
            *quoted = bytes;
        }
        self
    }

    /// The packet that an error is about, with something changed.
    #[must_use]
    pub fn inner(mut self, change: impl FnOnce(Self) -> Self) -> Self {
        if let Kind::Error { about, .. } = &mut self.kind {
            **about = change((**about).clone());
        }
        self
    }

    /// A transport checksum that is wrong by so much, in ones' complement; a patch by difference leaves it exactly as
    /// wrong (RFC 1624).
    #[must_use]
    pub fn checksum_off_by(mut self, by: u16) -> Self {
        self.checksum_off_by = by;
        self
    }

    /// A checksum of the IPv4 header that is wrong by so much.
    #[must_use]
    pub fn header_off_by(mut self, by: u16) -> Self {
        self.header_off_by = by;
        self
    }

    /// Another byte somewhere, whatever the checksums say.
    #[must_use]
    pub fn byte(mut self, at: usize, value: u8) -> Self {
        self.damage.push((at, value));
        self
    }

    /// With an IPv4 header checksum that is right in spite of other bytes that are not.
    #[must_use]
    pub fn resummed(mut self) -> Self {
        self.resummed = true;
        self
    }

    /// Only its first bytes: the frame was no longer.
    #[must_use]
    pub fn cut(mut self, length: usize) -> Self {
        self.cut = length;
        self
    }

    /// Bytes behind the datagram, as Ethernet pads short frames.
    #[must_use]
    pub fn trailer(mut self, bytes: &[u8]) -> Self {
        self.trailer = bytes.to_vec();
        self
    }
}
