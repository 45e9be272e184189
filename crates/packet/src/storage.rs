//! Where the bytes of a packet are.

use std::ops::{Deref, DerefMut};

/// The bytes of a packet: those of somebody else's buffer, or its own.
///
/// Both are a pointer and a length at the same place, so reading and writing them needs no branch.
#[derive(Debug)]
pub(crate) enum Storage<'a> {
    Borrowed(&'a mut [u8]),
    Owned(Box<[u8]>),
}

impl Deref for Storage<'_> {
    type Target = [u8];

    #[inline(always)]
    fn deref(&self) -> &[u8] {
        match self {
            Self::Borrowed(bytes) => bytes,
            Self::Owned(bytes) => bytes,
        }
    }
}

impl DerefMut for Storage<'_> {
    #[inline(always)]
    fn deref_mut(&mut self) -> &mut [u8] {
        match self {
            Self::Borrowed(bytes) => bytes,
            Self::Owned(bytes) => bytes,
        }
    }
}
