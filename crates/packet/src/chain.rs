//! The IPv6 extension headers between the fixed header and the transport (RFC 8200 4).

use crate::headers::Fragment;
use crate::ip::fragment_of;
use crate::malformed::Malformed;
use crate::number::{
    AUTHENTICATION, DESTINATION_OPTIONS, FRAGMENT, FRAGMENT_HEADER, HIP, HOP_BY_HOP, IPV6_HEADER, MOBILITY, ROUTING,
    SHIM6, double_word, word,
};

/// What a walk along the chain found.
pub(crate) struct Chain {
    /// The number that ended the walk: of the transport, or of the header that the bytes end in.
    pub(crate) protocol: u8,
    pub(crate) l4: u16,
    pub(crate) fragment: Fragment,
    /// Where the part starts that fragment offsets count from: behind the fragment header.
    pub(crate) fragmentable: u16,
    /// A routing header has segments left.
    pub(crate) source_routed: bool,
    /// The bytes end inside the chain.
    pub(crate) cut: bool,
}

/// Walks the chain of a datagram that is there up to the end of `bytes`. `first` is the fixed header's next header.
#[inline]
pub(crate) fn walk(bytes: &[u8], first: u8) -> Result<Chain, Malformed> {
    let mut chain = Chain {
        protocol: first,
        l4: IPV6_HEADER as u16,
        fragment: Fragment::None,
        fragmentable: IPV6_HEADER as u16,
        source_routed: false,
        cut: false,
    };
    let mut headers = 0;
    while is_extension(chain.protocol) {
        if headers == MAX_HEADERS {
            return Err(Malformed::ChainTooLong(MAX_HEADERS));
        }
        headers += 1;
        if !chain.step(bytes)? {
            break;
        }
    }
    Ok(chain)
}

/// Each of the eight kinds of header once is more than RFC 8200 4.1 lets a sender build (destination options may come
/// twice, but then mobility, HIP and Shim6 do not all). Real packets have one or two; a longer chain only hides something.
const MAX_HEADERS: usize = 8;

impl Chain {
    /// Steps over one header. False where the walk ends: at a later fragment or at the end of the bytes.
    fn step(&mut self, bytes: &[u8]) -> Result<bool, Malformed> {
        let at = usize::from(self.l4);
        let Some(&[next, units]) = bytes.get(at..).and_then(|rest| rest.first_chunk::<2>()) else {
            self.cut = true;
            return Ok(false);
        };
        let len = match self.protocol {
            FRAGMENT => FRAGMENT_HEADER,
            // The one header that counts in units of four bytes, less two (RFC 4302 2.2).
            AUTHENTICATION => (usize::from(units) + 2) * 4,
            _ => (usize::from(units) + 1) * 8,
        };
        if bytes.len() < at + len {
            self.cut = true;
            return Ok(false);
        }
        match self.protocol {
            FRAGMENT => self.fragment_header(bytes, at)?,
            // Segments left is the fourth byte of every routing type.
            ROUTING => self.source_routed |= bytes[at + 3] != 0,
            _ => {}
        }
        self.protocol = next;
        // At most eight headers of 2048 bytes each.
        self.l4 += len as u16;
        Ok(!matches!(self.fragment, Fragment::Later { .. }))
    }

    fn fragment_header(&mut self, bytes: &[u8], at: usize) -> Result<(), Malformed> {
        if self.fragment != Fragment::None {
            return Err(Malformed::NestedFragment);
        }
        let field = word(bytes, at + 2).unwrap_or_default();
        let id = double_word(bytes, at + 4).unwrap_or_default();
        // The offset is in the upper 13 bits and counts eight bytes, so without the lower three it is bytes already.
        self.fragment = fragment_of(id, field & 0xFFF8, field & 1 != 0);
        self.fragmentable = (at + FRAGMENT_HEADER) as u16;
        Ok(())
    }
}

fn is_extension(number: u8) -> bool {
    matches!(number, HOP_BY_HOP | ROUTING | FRAGMENT | AUTHENTICATION | DESTINATION_OPTIONS | MOBILITY | HIP | SHIM6)
}
