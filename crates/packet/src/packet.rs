//! A datagram in place.

use std::ops::{Deref, DerefMut};

use crate::headers::{Headers, Offloads};
use crate::key::FlowKey;
use crate::malformed::Malformed;
use crate::number::{IPV6_HEADER, word};

/// A datagram in the buffer that it was captured into, with its headers.
///
/// The setters rewrite bytes and headers together and patch every checksum that covers the change by the difference
/// (RFC 1624), so a right one stays right and a wrong one exactly as wrong. They never fail: a field that the packet does
/// not have (the port of a later fragment, a checksum behind the snap length, the quote of a packet that quotes nothing)
/// is left alone. An address of the other IP version is a mistake of the caller: nothing happens, debug builds assert.
#[derive(Debug)]
pub struct Packet<'a> {
    pub(crate) bytes: Buffer<'a>,
    pub(crate) headers: Headers,
    original_len: u32,
}

impl<'a> Packet<'a> {
    /// Walks the headers of a datagram; see [`Headers::parse`].
    pub fn parse(bytes: &'a mut [u8], original_len: u32, rules: Offloads) -> Result<Self, Malformed> {
        let headers = Headers::parse(bytes, original_len, rules)?;
        Ok(Self { bytes: Buffer::Captured(bytes), headers, original_len })
    }

    /// A packet whose headers were walked before. `headers` must be those of `bytes`.
    pub fn from_parts(bytes: &'a mut [u8], headers: Headers, original_len: u32) -> Self {
        Self { bytes: Buffer::Captured(bytes), headers, original_len }
    }

    /// What the headers say, after all rewriting so far.
    pub fn headers(&self) -> &Headers {
        &self.headers
    }

    /// The bytes as they were handed in, rewritten so far; of a packet that was replaced, the new ones.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// Puts another datagram in the place of this one: what becomes of it in the other IP version has another length. It may
    /// be cut as this one was; what its header says is what was on the wire. The buffer that it was captured into keeps what
    /// it held.
    pub fn replace(&mut self, datagram: Vec<u8>) -> Result<(), Malformed> {
        let declared = match datagram.first().map(|first| first >> 4) {
            Some(4) => word(&datagram, 2).map(usize::from),
            _ => word(&datagram, 4).map(|payload| usize::from(payload) + IPV6_HEADER),
        };
        let original_len = u32::try_from(datagram.len().max(declared.unwrap_or(0))).unwrap_or(u32::MAX);
        self.headers = Headers::parse(&datagram, original_len, Offloads::Tolerate)?;
        self.bytes = Buffer::Made(datagram);
        self.original_len = original_len;
        Ok(())
    }

    /// The datagram that was put in the place of the captured one, if one was.
    pub fn replacement(&self) -> Option<&[u8]> {
        match &self.bytes {
            Buffer::Captured(_) => None,
            Buffer::Made(datagram) => Some(datagram),
        }
    }

    /// The datagram's length by its own header, which may be more than was captured.
    #[expect(clippy::len_without_is_empty, reason = "a datagram has at least its header")]
    pub fn len(&self) -> u32 {
        self.headers.total_len
    }

    /// The bytes that were on the wire, with any trailer of the link layer.
    pub fn original_len(&self) -> u32 {
        self.original_len
    }

    /// The flow that this packet is of.
    pub fn key(&self) -> FlowKey {
        self.headers.key()
    }
}

/// Where the bytes of a packet are.
#[derive(Debug)]
pub(crate) enum Buffer<'a> {
    /// In the buffer that they were captured into.
    Captured(&'a mut [u8]),
    /// In one of their own.
    Made(Vec<u8>),
}

impl Deref for Buffer<'_> {
    type Target = [u8];

    #[inline]
    fn deref(&self) -> &[u8] {
        match self {
            Self::Captured(bytes) => bytes,
            Self::Made(bytes) => bytes,
        }
    }
}

impl DerefMut for Buffer<'_> {
    #[inline]
    fn deref_mut(&mut self) -> &mut [u8] {
        match self {
            Self::Captured(bytes) => bytes,
            Self::Made(bytes) => bytes,
        }
    }
}
