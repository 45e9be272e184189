//! The fixed hash behind shards and choices: the same on every machine and in every version that says so.

use std::net::IpAddr;

/// A running mix of words: the finaliser of SplitMix64 over each, which passes the usual avalanche tests.
#[derive(Clone, Copy, Debug)]
pub struct Mix(u64);

/// 2^64 divided by the golden ratio: the increment that SplitMix64 uses.
const GOLDEN: u64 = 0x9e37_79b9_7f4a_7c15;

impl Mix {
    /// Starts from a seed.
    pub fn new(seed: u64) -> Self {
        Self(seed).word(GOLDEN)
    }

    /// Mixes a word in.
    #[must_use]
    pub fn word(self, word: u64) -> Self {
        let mut z = (self.0 ^ word).wrapping_add(GOLDEN);
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        Self(z ^ (z >> 31))
    }

    /// Mixes an address in; IPv4 and IPv6 never collide by construction.
    #[must_use]
    pub fn address(self, address: IpAddr) -> Self {
        match address {
            IpAddr::V4(v4) => self.word(u64::from(u32::from(v4))),
            IpAddr::V6(v6) => {
                let bits = u128::from(v6);
                let (high, low) = ((bits >> 64) as u64, bits as u64);
                self.word(high).word(low)
            }
        }
    }

    /// The hash.
    pub fn finish(self) -> u64 {
        self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_hash_never_changes() {
        assert_eq!(Mix::new(0).address("198.51.100.7".parse().unwrap()).finish(), 776_599_579_705_160_459);
    }
}
