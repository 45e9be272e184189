//! How long packets are.

use rand::RngExt;
use rand_pcg::Pcg64;

/// IP lengths of packets that carry data. What has no data, as a SYN, is as long as its headers; nothing is shorter.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Sizes {
    /// Every packet has this length, in bytes.
    Fixed(u16),
    /// The simple mix of the internet: 7 : 4 : 1 of Ethernet frames of 64, 570 and 1518 bytes, which is IP lengths of
    /// 46, 552 and 1500.
    Imix,
}

/// IP lengths of the mix with their weights: frames less 14 bytes of header and 4 of checksum.
const IMIX: [(u16, u32); 3] = [(46, 7), (552, 4), (1500, 1)];

impl Sizes {
    pub(crate) fn draw(self, rng: &mut Pcg64) -> u16 {
        match self {
            Self::Fixed(length) => length,
            Self::Imix => {
                let mut at = rng.random_range(0..IMIX.iter().map(|(_, weight)| weight).sum());
                for (length, weight) in IMIX {
                    if at < weight {
                        return length;
                    }
                    at -= weight;
                }
                IMIX[0].0
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_mix_is_seven_to_four_to_one() {
        let mut rng = Pcg64::new(1, 1);
        let mut counts = [0u32; 3];
        for _ in 0..12_000 {
            let length = Sizes::Imix.draw(&mut rng);
            counts[IMIX.iter().position(|(of, _)| *of == length).unwrap()] += 1;
        }
        for (count, (_, weight)) in counts.into_iter().zip(IMIX) {
            assert!(count.abs_diff(1000 * weight) < 300, "{counts:?}");
        }
    }
}
