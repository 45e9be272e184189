//! Sets of digests: cheap to ask, and wrong only in saying that something may be in them.

/// A set of 16-bit digests. Empty it takes no room, otherwise 8 KiB.
#[derive(Clone, Debug, Default)]
pub(crate) struct Digests {
    bits: Option<Box<[u64; WORDS]>>,
}

/// One bit for each digest.
const WORDS: usize = (1 << 16) / 64;

impl Digests {
    /// The digest of a hash.
    pub(crate) fn of(hash: u64) -> u16 {
        (hash >> 48) as u16
    }

    /// Puts a digest in.
    pub(crate) fn insert(&mut self, digest: u16) {
        let bits = self.bits.get_or_insert_with(|| Box::new([0; WORDS]));
        bits[usize::from(digest) / 64] |= 1 << (digest % 64);
    }

    /// Whether it is in.
    #[inline]
    pub(crate) fn contains(&self, digest: u16) -> bool {
        self.bits.as_ref().is_some_and(|bits| bits[usize::from(digest) / 64] >> (digest % 64) & 1 != 0)
    }

    /// Whether nothing is in.
    pub(crate) fn is_empty(&self) -> bool {
        self.bits.is_none()
    }

    /// Takes everything out.
    pub(crate) fn clear(&mut self) {
        self.bits = None;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_put_in_is_in() {
        let mut digests = Digests::default();
        assert!(digests.is_empty() && !digests.contains(0));
        for digest in [0, 63, 64, u16::MAX] {
            digests.insert(digest);
        }
        let found: Vec<_> = (0..=u16::MAX).filter(|digest| digests.contains(*digest)).collect();
        assert_eq!(found, [0, 63, 64, u16::MAX]);
        digests.clear();
        assert!(digests.is_empty() && !digests.contains(64));
    }
}
