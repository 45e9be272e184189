//! A datagram in place.

use crate::headers::{Headers, IpVersion, Offloads};
use crate::key::FlowKey;
use crate::malformed::Malformed;
use crate::number::IPV4_HEADER;
use crate::options;
use crate::storage::Storage;

/// A datagram in the buffer that it was captured into, with its headers.
///
/// The setters rewrite bytes and headers together and patch every checksum that covers the change by the difference
/// (RFC 1624), so a right one stays right and a wrong one exactly as wrong. They never fail: a field that the packet does
/// not have (the port of a later fragment, a checksum behind the snap length, the quote of a packet that quotes nothing)
/// is left alone. An address of the other IP version is a mistake of the caller: nothing happens, debug builds assert.
///
/// What changes the length, as translation between the IP versions does, makes other bytes: [`Self::replace`] puts them
/// into the packet, which owns them from then on.
#[derive(Debug)]
pub struct Packet<'a> {
    pub(crate) bytes: Storage<'a>,
    pub(crate) headers: Headers,
    original_len: u32,
    rules: Offloads,
}

impl<'a> Packet<'a> {
    /// Walks the headers of a datagram; see [`Headers::parse`].
    pub fn parse(bytes: &'a mut [u8], original_len: u32, rules: Offloads) -> Result<Self, Malformed> {
        let headers = Headers::parse(bytes, original_len, rules)?;
        Ok(Self { bytes: Storage::Borrowed(bytes), headers, original_len, rules })
    }

    /// A packet whose headers were walked before. `headers` must be those of `bytes`.
    ///
    /// What [`Self::replace`] puts into it is excused like a capture's packets, unless [`Self::judged_by`] says otherwise.
    pub fn from_parts(bytes: &'a mut [u8], headers: Headers, original_len: u32) -> Self {
        Self { bytes: Storage::Borrowed(bytes), headers, original_len, rules: Offloads::default() }
    }

    /// Sets the rules that [`Self::replace`] parses by. [`Self::parse`] keeps those that it was given.
    #[must_use]
    pub fn judged_by(mut self, rules: Offloads) -> Self {
        self.rules = rules;
        self
    }

    /// The rules that the packet was judged by.
    pub(crate) fn rules(&self) -> Offloads {
        self.rules
    }

    /// Puts another datagram in the place of this one. If it is malformed, nothing happens.
    ///
    /// The bytes that it was parsed from are left as they are, rewritten so far. What the snap length of the capture cut
    /// off is cut off the new datagram too: its [`Self::original_len`] is that much more than the bytes given.
    pub fn replace(&mut self, datagram: Vec<u8>) -> Result<(), Malformed> {
        let cut_off = u64::from(self.original_len).saturating_sub(self.bytes.len() as u64);
        let original_len = u32::try_from(datagram.len() as u64 + cut_off).unwrap_or(u32::MAX);
        self.headers = Headers::parse(&datagram, original_len, self.rules)?;
        self.original_len = original_len;
        self.bytes = Storage::Owned(datagram.into_boxed_slice());
        Ok(())
    }

    /// True if the bytes are no longer in the buffer that the packet was parsed from.
    pub fn is_replaced(&self) -> bool {
        matches!(self.bytes, Storage::Owned(_))
    }

    /// The bytes that were put in with [`Self::replace`], rewritten since; None if they are still in the buffer that the
    /// packet was parsed from.
    pub fn into_owned_bytes(self) -> Option<Vec<u8>> {
        match self.bytes {
            Storage::Borrowed(_) => None,
            Storage::Owned(bytes) => Some(bytes.into_vec()),
        }
    }

    /// What the headers say, after all rewriting so far.
    pub fn headers(&self) -> &Headers {
        &self.headers
    }

    /// The bytes as they were handed in, rewritten so far.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
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

    /// Whether an IPv4 header asks for a source route, be it followed to its end or not.
    pub fn has_source_route(&self) -> bool {
        let options = self.bytes.get(IPV4_HEADER..usize::from(self.headers.l4)).unwrap_or_default();
        self.headers.version == IpVersion::V4 && options::source_routes(options).next().is_some()
    }

    /// The flow that this packet is of.
    pub fn key(&self) -> FlowKey {
        self.headers.key()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{IpVersion, build};

    fn v4() -> Vec<u8> {
        build::udp("10.0.0.1:1".parse().unwrap(), "10.0.0.2:2".parse().unwrap()).payload(&[7; 50]).build()
    }

    fn v6() -> Vec<u8> {
        build::udp("[2001:db8::1]:3".parse().unwrap(), "[2001:db8::2]:4".parse().unwrap()).payload(&[7; 50]).build()
    }

    #[test]
    fn a_replaced_packet_is_another_in_every_respect() {
        let mut buffer = v6();
        let mut packet = Packet::parse(&mut buffer, 98, Offloads::Strict).unwrap();
        assert!(!packet.is_replaced());
        packet.replace(v4()).unwrap();
        assert!(packet.is_replaced());
        assert_eq!((packet.headers().version, packet.len(), packet.original_len()), (IpVersion::V4, 78, 78));
        assert_eq!(packet.key().to_string(), "udp 10.0.0.1:1 > 10.0.0.2:2");

        packet.set_src("192.0.2.9".parse().unwrap());
        packet.set_src_port(9);
        packet.set_ttl(9);
        assert_eq!(Headers::parse(packet.bytes(), 78, Offloads::Strict), Ok(*packet.headers()));
        assert_eq!(packet.into_owned_bytes().unwrap()[12..16], [192, 0, 2, 9]);
        assert_eq!(buffer, v6());
    }

    #[test]
    fn a_borrowed_packet_owns_nothing() {
        let mut buffer = v4();
        let packet = Packet::parse(&mut buffer, 78, Offloads::Strict).unwrap();
        assert_eq!(packet.into_owned_bytes(), None);
    }

    #[test]
    fn what_was_cut_off_stays_cut_off() {
        let mut buffer = v6();
        let mut packet = Packet::parse(&mut buffer[..60], 98, Offloads::Strict).unwrap();
        packet.replace(v4()[..40].to_vec()).unwrap();
        assert_eq!((packet.bytes().len(), packet.len(), packet.original_len()), (40, 78, 78));
    }

    #[test]
    fn replacing_is_judged_as_parsing_was() {
        let mut wrong = v4();
        wrong[26] ^= 1;
        let mut buffer = v6();
        let mut strict = Packet::parse(&mut buffer, 98, Offloads::Strict).unwrap();
        assert_eq!(strict.replace(wrong.clone()), Err(Malformed::TransportChecksum(17)));
        assert_eq!((strict.is_replaced(), strict.bytes()), (false, &v6()[..]));
        let headers = *strict.headers();
        assert_eq!(Packet::from_parts(&mut buffer, headers, 98).replace(wrong.clone()), Ok(()));
        let mut judged = Packet::from_parts(&mut buffer, headers, 98).judged_by(Offloads::Strict);
        assert_eq!(judged.replace(wrong), Err(Malformed::TransportChecksum(17)));
    }
}
