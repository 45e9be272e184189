//! Sets of rules as bits, in the order in which rules are asked, so that the first of those in two sets is found by a few
//! operations on words.

use hashbrown::HashMap;

/// Rules of one table part: as many as one word can say which words of theirs have any.
pub(super) const MOST: usize = 1024;
const BITS: usize = u64::BITS as usize;

/// The set of no rule.
pub(super) const EMPTY: u32 = 0;

/// Sets of some of the same rules, by number.
#[derive(Debug)]
pub(super) struct Sets {
    /// Words of a set: its bits if they are one word, else before them a word whose bits say which of them are not 0.
    stride: usize,
    words: Box<[u64]>,
}

/// Collects [`Sets`], each once.
pub(super) struct Builder {
    rules: usize,
    found: Vec<Box<[u64]>>,
    known: HashMap<Box<[u64]>, u32, foldhash::fast::FixedState>,
}

impl Builder {
    /// Of up to [`MOST`] rules. The first set is the empty one.
    pub(super) fn new(rules: usize) -> Self {
        debug_assert!(rules <= MOST, "the parts of a table have {MOST} rules");
        let mut sets = Self { rules: rules.div_ceil(BITS).max(1), found: Vec::new(), known: HashMap::default() };
        sets.intern(vec![0; sets.rules]);
        sets
    }

    /// The words of a set.
    pub(super) fn words(&self, set: u32) -> Vec<u64> {
        self.found[set as usize].to_vec()
    }

    /// The number of a set.
    pub(super) fn intern(&mut self, words: Vec<u64>) -> u32 {
        let next = self.found.len() as u32;
        let words = words.into_boxed_slice();
        *self.known.entry(words).or_insert_with_key(|words| {
            self.found.push(words.clone());
            next
        })
    }

    /// The number of the set of these rules.
    pub(super) fn of(&mut self, rules: impl IntoIterator<Item = usize>) -> u32 {
        self.with(EMPTY, rules)
    }

    /// The number of a set with these rules besides.
    pub(super) fn with(&mut self, set: u32, rules: impl IntoIterator<Item = usize>) -> u32 {
        let mut words = self.words(set);
        rules.into_iter().for_each(|rule| words[rule / BITS] |= 1 << (rule % BITS));
        self.intern(words)
    }

    pub(super) fn build(self) -> Sets {
        if self.rules == 1 {
            return Sets { stride: 1, words: self.found.iter().flat_map(|words| words.iter().copied()).collect() };
        }
        let used = |words: &[u64]| (0..).zip(words).fold(0, |used, (at, word)| used | u64::from(*word != 0) << at);
        let words = self.found.iter().flat_map(|words| std::iter::once(used(words)).chain(words.iter().copied()));
        Sets { stride: self.rules + 1, words: words.collect() }
    }
}

/// Takes a rule into a set of [`Builder::words`], or out of it.
pub(super) fn flip(words: &mut [u64], rule: usize) {
    words[rule / BITS] ^= 1 << (rule % BITS);
}

impl Sets {
    /// The first rule that is in both sets.
    #[inline]
    pub(super) fn first(&self, one: u32, other: u32) -> Option<usize> {
        let set = |number: u32| &self.words[number as usize * self.stride..][..self.stride];
        let (one, other) = (set(one), set(other));
        let mut both = one[0] & other[0];
        if self.stride == 1 {
            return (both != 0).then(|| both.trailing_zeros() as usize);
        }
        while both != 0 {
            let at = both.trailing_zeros() as usize;
            let word = one[at + 1] & other[at + 1];
            if word != 0 {
                return Some(at * BITS + word.trailing_zeros() as usize);
            }
            both &= both - 1;
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_of_both_is_found_in_any_word() {
        for rules in [1, 63, 64, 65, 128, 1000, MOST] {
            let mut builder = Builder::new(rules);
            let everything = builder.of(0..rules);
            let single: Vec<u32> = (0..rules).map(|rule| builder.of([rule])).collect();
            let ends = builder.of([0, rules - 1]);
            let odd = builder.of((0..rules).filter(|rule| rule % 2 == 1));
            let even = builder.of((0..rules).filter(|rule| rule % 2 == 0));
            let sets = builder.build();
            for (rule, set) in single.iter().enumerate() {
                assert_eq!(sets.first(*set, everything), Some(rule));
                assert_eq!(sets.first(ends, *set), [0, rules - 1].contains(&rule).then_some(rule));
                assert_eq!(sets.first(*set, EMPTY), None);
            }
            assert_eq!(sets.first(odd, even), None);
            assert_eq!(sets.first(everything, odd), (rules > 1).then_some(1));
        }
    }

    #[test]
    fn a_set_has_one_number() {
        let mut builder = Builder::new(100);
        assert_eq!(builder.of([]), EMPTY);
        let both = builder.of([7, 70]);
        let one = builder.of([70]);
        assert_eq!(builder.with(one, [7]), both);
        let mut words = builder.words(both);
        flip(&mut words, 70);
        flip(&mut words, 8);
        assert_eq!(builder.intern(words), builder.of([7, 8]));
    }
}
