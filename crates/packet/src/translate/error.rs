//! ICMP errors with the packet that they quote (RFC 7915 4.2, 4.3, 5.2, 5.3).

use super::icmp::ErrorHeader;
use super::source::Source;
use super::target::Target;
use super::untranslatable::Untranslatable;
use super::{Around, datagram, payload};
use crate::checksum::{Checksum, Difference};
use crate::headers::IpVersion;
use crate::number::{ICMP_CHECKSUM_AT, ICMP_HEADER, IPV6_HEADER, double_word, put_word, word};
use crate::quote::original_datagram_len;

/// Appends the translated error and returns its length by the IP header.
pub(super) fn translate(
    source: &Source<'_>,
    target: Target,
    around: &Around,
    out: &mut Vec<u8>,
) -> Result<u32, Untranslatable> {
    let error = Error::read(source)?;
    // The table first: a message without counterpart is that, whatever else is wrong with it.
    let header = error.header.translated(source.version(), error.quoted_len, around.max_mtu)?;
    let quoted = Source::read(source.version(), error.quote, error.quoted_len).map_err(|why| match why {
        Untranslatable::Cut => Untranslatable::NoQuote,
        _ => Untranslatable::Quoted,
    })?;
    let quoted_target = around.quoted.ok_or(Untranslatable::NoQuote)?;

    let start = out.len();
    out.extend_from_slice(&[header.kind, header.code, 0, 0]);
    out.extend_from_slice(&header.rest.to_be_bytes());
    datagram(&quoted, quoted_target, None, out).map_err(|_| Untranslatable::Quoted)?;
    let message_len = finish(&error, target.version(), start, out);

    let new = &mut out[start..];
    if let Some(old) = word(source.payload, ICMP_CHECKSUM_AT) {
        // Over all that changed, and that is nearly all. What was not captured has to be taken for what it was.
        let difference = Difference::of_bytes(&source.payload[..ICMP_CHECKSUM_AT], &new[..ICMP_CHECKSUM_AT])
            .and(Difference::of_bytes(&source.payload[ICMP_CHECKSUM_AT + 2..], &new[ICMP_CHECKSUM_AT + 2..]))
            .and(payload::icmp_pseudo_header(source, target, source.payload_len, message_len));
        put_word(new, ICMP_CHECKSUM_AT, Checksum(old).updated(difference).0);
    }
    Ok(message_len)
}

/// Brings a message at `start` to its length, with the extensions if it can have them, and returns that length. All that
/// it has so far is its header and the quote.
fn finish(error: &Error<'_>, version: IpVersion, start: usize, out: &mut Vec<u8>) -> u32 {
    let quote_at = start + ICMP_HEADER;
    let quote_len = out.len() - quote_at + error.uncaptured_quote;
    let mut message_len = ICMP_HEADER + quote_len;
    if let (Some(extensions), Some(layout)) = (&error.extensions, Layout::of(version, out[start])) {
        let padded = layout.padded(quote_len);
        if error.uncaptured_quote == 0 {
            out.resize(quote_at + padded, 0);
            out.extend_from_slice(extensions.captured);
        } else {
            out.truncate(quote_at + padded);
        }
        out[start + layout.length_at] = (padded / layout.unit) as u8;
        message_len = ICMP_HEADER + padded + extensions.len;
    }
    if version == IpVersion::V6 && message_len > MAX_V6_MESSAGE {
        // Extensions go first. A quote before extensions always fits: IPv4 has no length for more than 1020 bytes.
        message_len = MAX_V6_MESSAGE;
        out.truncate(start + message_len);
    }
    message_len as u32
}

/// An ICMP error taken apart.
struct Error<'a> {
    header: ErrorHeader,
    /// What is there of the quoted packet, and of the padding behind it.
    quote: &'a [u8],
    /// How much more of that there was on the wire.
    uncaptured_quote: usize,
    /// The length of the quoted packet by its own header.
    quoted_len: u32,
    extensions: Option<Extensions<'a>>,
}

/// What follows a quote whose length is given (RFC 4884).
struct Extensions<'a> {
    captured: &'a [u8],
    /// On the wire.
    len: usize,
}

impl<'a> Error<'a> {
    fn read(source: &Source<'a>) -> Result<Self, Untranslatable> {
        let message = source.payload;
        let (Some(&[kind, code]), Some(rest)) = (message.first_chunk::<2>(), double_word(message, 4)) else {
            return Err(Untranslatable::Cut);
        };
        let body = &message[ICMP_HEADER..];
        let body_len = (source.payload_len as usize).saturating_sub(ICMP_HEADER).max(body.len());
        // A length past the end of the message is none.
        let given = original_datagram_len(source.version(), kind, message).filter(|len| *len <= body_len);
        let quote_len = given.unwrap_or(body_len);
        let (quote, captured) = body.split_at(quote_len.min(body.len()));
        Ok(Self {
            header: ErrorHeader { kind, code, rest },
            quote,
            uncaptured_quote: quote_len - quote.len(),
            quoted_len: own_len(source.version(), quote),
            extensions: given.map(|len| Extensions { captured, len: body_len - len }),
        })
    }
}

/// How an ICMP message says where its extensions start (RFC 4884 4).
struct Layout {
    /// Where the length is in the message.
    length_at: usize,
    /// The bytes that it counts.
    unit: usize,
}

impl Layout {
    /// None if the message has no place for it: "packet too big" and "parameter problem" of ICMPv6.
    fn of(version: IpVersion, kind: u8) -> Option<Self> {
        match (version, kind) {
            (IpVersion::V4, 3 | 11 | 12) => Some(Self { length_at: 5, unit: 4 }),
            (IpVersion::V6, 1 | 3) => Some(Self { length_at: 4, unit: 8 }),
            _ => None,
        }
    }

    /// How long a quote has to be before extensions: padded to whole units and to 128 bytes, and no longer than the length
    /// can say.
    fn padded(&self, quote_len: usize) -> usize {
        quote_len.max(MIN_QUOTE).next_multiple_of(self.unit).min(self.unit * usize::from(u8::MAX))
    }
}

/// The length of a packet by its own header; 0 if that is not there.
fn own_len(version: IpVersion, packet: &[u8]) -> u32 {
    match version {
        IpVersion::V4 => word(packet, 2).map_or(0, u32::from),
        IpVersion::V6 => word(packet, 4).map_or(0, |len| u32::from(len) + IPV6_HEADER as u32),
    }
}

/// "The original datagram field MUST be at least 128 octets" (RFC 4884 4).
const MIN_QUOTE: usize = 128;
/// An ICMPv6 error must not be longer than the minimum MTU (RFC 4443 2.4).
const MAX_V6_MESSAGE: usize = 1280 - IPV6_HEADER;
