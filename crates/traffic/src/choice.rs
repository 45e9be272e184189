//! Which flow is next.

use rand::RngExt;
use rand::distr::Distribution;
use rand::distr::weighted::WeightedIndex;
use rand::seq::SliceRandom;
use rand_pcg::Pcg64;

/// Which of the live flows the next packet is of.
#[derive(Clone, Copy, PartialEq, Debug)]
pub enum Choice {
    /// Every flow once a round, in a new random order each round: the worst for caches, and no flow goes idle.
    Each,
    /// Any flow, all alike.
    Uniform,
    /// The flow in place `k` of `n`, from 1, with a weight of `1 / k^s`. About 1 for real traffic; 0 is uniform. What
    /// is negative or no number counts as 0.
    Zipf(f64),
}

/// Draws places among the live flows.
#[derive(Debug)]
pub(crate) enum Chooser {
    Each { order: Vec<u32>, next: usize },
    Uniform(u32),
    Zipf(WeightedIndex<f64>),
}

impl Chooser {
    /// Among so many flows, at least one.
    pub(crate) fn new(choice: Choice, flows: u32) -> Self {
        match choice {
            Choice::Each => Self::Each { order: (0..flows).collect(), next: flows as usize },
            Choice::Uniform => Self::Uniform(flows),
            Choice::Zipf(exponent) => {
                let exponent = exponent.max(0.0); // also where it is no number
                let weights = (1..=flows).map(|place| f64::from(place).powf(-exponent));
                // Weights between 0 and 1, the first of them 1, make a distribution.
                WeightedIndex::new(weights).map_or(Self::Uniform(flows), Self::Zipf)
            }
        }
    }

    pub(crate) fn draw(&mut self, rng: &mut Pcg64) -> usize {
        match self {
            Self::Each { order, next } => {
                if *next == order.len() {
                    order.shuffle(rng);
                    *next = 0;
                }
                *next += 1;
                order[*next - 1] as usize
            }
            Self::Uniform(flows) => rng.random_range(0..*flows) as usize,
            Self::Zipf(weights) => weights.sample(rng),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counts(choice: Choice, flows: u32, draws: usize) -> Vec<u32> {
        let (mut chooser, mut rng) = (Chooser::new(choice, flows), Pcg64::new(7, 7));
        let mut counts = vec![0; flows as usize];
        for _ in 0..draws {
            counts[chooser.draw(&mut rng)] += 1;
        }
        counts
    }

    #[test]
    fn each_is_each() {
        assert_eq!(counts(Choice::Each, 17, 17 * 5), [5; 17]);
    }

    #[test]
    fn rounds_differ() {
        let (mut chooser, mut rng) = (Chooser::new(Choice::Each, 50), Pcg64::new(7, 7));
        let mut round = || (0..50).map(|_| chooser.draw(&mut rng)).collect::<Vec<_>>();
        assert_ne!(round(), round());
    }

    #[test]
    fn zipf_falls_with_the_place() {
        let counts = counts(Choice::Zipf(1.0), 1000, 200_000);
        // Weights are 1/k over the harmonic number of 1000, 7.485.
        for place in [1, 2, 10, 50] {
            let expected = 200_000.0 / 7.485 / f64::from(place);
            let found = f64::from(counts[place as usize - 1]);
            assert!((found - expected).abs() < 5.0 * expected.sqrt(), "place {place}: {found}, expected {expected}");
        }
    }

    #[test]
    fn what_is_no_exponent_is_uniform() {
        for choice in [Choice::Uniform, Choice::Zipf(0.0), Choice::Zipf(-3.0), Choice::Zipf(f64::NAN)] {
            let counts = counts(choice, 10, 10_000);
            assert!(counts.iter().all(|count| count.abs_diff(1000) < 160), "{choice:?} {counts:?}");
        }
    }
}
