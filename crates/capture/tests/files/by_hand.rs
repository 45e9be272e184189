//! Captures put together byte by byte, so that reading is not tested against this crate's own writing. All numbers are
//! in the byte order that the caller asks for.

/// A classic pcap, begun.
pub(crate) struct Pcap {
    big: bool,
    /// Extra bytes of a record header, for the modified format.
    extra: usize,
    pub(crate) bytes: Vec<u8>,
}

impl Pcap {
    pub(crate) fn new(big: bool, magic: u32, link_type: u32) -> Self {
        let extra = if magic == 0xa1b2_cd34 { 8 } else { 0 };
        let mut file = Self { big, extra, bytes: Vec::new() };
        file.words(&[magic]);
        let version: [u16; 2] = [2, 4];
        file.bytes.extend(version.iter().flat_map(|half| if big { half.to_be_bytes() } else { half.to_le_bytes() }));
        file.words(&[0, 0, 65_535, link_type]);
        file
    }

    /// A record whose header says anything.
    pub(crate) fn record(
        &mut self,
        seconds: u32,
        fraction: u32,
        captured: u32,
        original: u32,
        data: &[u8],
    ) -> &mut Self {
        self.words(&[seconds, fraction, captured, original]);
        self.bytes.extend(vec![0; self.extra]);
        self.bytes.extend(data);
        self
    }

    /// A record as it should be.
    pub(crate) fn packet(&mut self, seconds: u32, fraction: u32, data: &[u8]) -> &mut Self {
        self.record(seconds, fraction, data.len() as u32, data.len() as u32, data)
    }

    fn words(&mut self, words: &[u32]) {
        let big = self.big;
        self.bytes.extend(words.iter().flat_map(|word| if big { word.to_be_bytes() } else { word.to_le_bytes() }));
    }
}

/// A pcapng, begun.
pub(crate) struct Pcapng {
    big: bool,
    pub(crate) bytes: Vec<u8>,
}

impl Pcapng {
    pub(crate) fn new(big: bool) -> Self {
        let mut file = Self { big, bytes: Vec::new() };
        file.section(big);
        file
    }

    /// A new section, perhaps in the other byte order.
    pub(crate) fn section(&mut self, big: bool) -> &mut Self {
        self.big = big;
        let mut body = self.u32(0x1a2b_3c4d).to_vec();
        body.extend([self.u16(1), self.u16(0)].concat());
        body.extend([0xff; 8]);
        self.block(0x0a0d_0d0a, &body)
    }

    pub(crate) fn interface(&mut self, link_type: u16, snap_length: u32, options: &[(u16, &[u8])]) -> &mut Self {
        let mut body = [self.u16(link_type), self.u16(0)].concat();
        body.extend(self.u32(snap_length));
        body.extend(self.options(options));
        self.block(1, &body)
    }

    pub(crate) fn enhanced(&mut self, interface: u32, ticks: u64, data: &[u8], options: &[(u16, &[u8])]) -> &mut Self {
        let length = data.len() as u32;
        self.enhanced_claiming(interface, ticks, length, length, data, options)
    }

    pub(crate) fn enhanced_claiming(
        &mut self,
        interface: u32,
        ticks: u64,
        captured: u32,
        original: u32,
        data: &[u8],
        options: &[(u16, &[u8])],
    ) -> &mut Self {
        let words = [interface, (ticks >> 32) as u32, ticks as u32, captured, original];
        let mut body: Vec<u8> = words.iter().flat_map(|word| self.u32(*word)).collect();
        body.extend(padded(data));
        body.extend(self.options(options));
        self.block(6, &body)
    }

    /// The packet block of old, with a count of drops.
    pub(crate) fn obsolete(&mut self, interface: u16, ticks: u64, data: &[u8], options: &[(u16, &[u8])]) -> &mut Self {
        let mut body = [self.u16(interface), self.u16(3)].concat();
        let length = data.len() as u32;
        body.extend([(ticks >> 32) as u32, ticks as u32, length, length].iter().flat_map(|word| self.u32(*word)));
        body.extend(padded(data));
        body.extend(self.options(options));
        self.block(2, &body)
    }

    pub(crate) fn simple(&mut self, original: u32, data: &[u8]) -> &mut Self {
        let mut body = self.u32(original).to_vec();
        body.extend(padded(data));
        self.block(3, &body)
    }

    pub(crate) fn block(&mut self, kind: u32, body: &[u8]) -> &mut Self {
        let body = padded(body);
        let length = self.u32(12 + body.len() as u32);
        self.bytes.extend(self.u32(kind));
        self.bytes.extend(length);
        self.bytes.extend(body);
        self.bytes.extend(length);
        self
    }

    fn options(&self, options: &[(u16, &[u8])]) -> Vec<u8> {
        let mut bytes = Vec::new();
        for (code, value) in options {
            bytes.extend(self.u16(*code));
            bytes.extend(self.u16(value.len() as u16));
            bytes.extend(padded(value));
        }
        if !options.is_empty() {
            bytes.extend([0; 4]);
        }
        bytes
    }

    pub(crate) fn u32(&self, value: u32) -> [u8; 4] {
        if self.big { value.to_be_bytes() } else { value.to_le_bytes() }
    }

    fn u16(&self, value: u16) -> [u8; 2] {
        if self.big { value.to_be_bytes() } else { value.to_le_bytes() }
    }
}

fn padded(bytes: &[u8]) -> Vec<u8> {
    let mut bytes = bytes.to_vec();
    bytes.resize(bytes.len().next_multiple_of(4), 0);
    bytes
}
