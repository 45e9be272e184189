//! Step functions of numbers: which stretch of an axis a number lies on. Ports, groups and addresses are looked up so, in a
//! time that hardly grows with how many stretches there are.

/// Keys of a node: a cache line of them, that are compared all at once.
const KEYS: usize = 16;
/// Ways down from a node.
const WAYS: usize = KEYS + 1;
/// Marks the value of a stretch of one word that goes on with the next word. Values are below it.
const DEEPER: u32 = 1 << 31;

#[derive(Clone, Copy, Debug)]
#[repr(align(64))]
struct Node([i32; KEYS]);

impl Node {
    /// No number lies above its keys.
    const EMPTY: Self = Self([i32::MAX; KEYS]);

    /// How many keys a number lies above. Without branches, for the compiler makes vectors of it.
    #[inline]
    fn below(&self, number: i32) -> usize {
        self.0.iter().map(|key| i32::from(*key < number)).sum::<i32>() as usize
    }
}

/// Many step functions, each a search tree whose nodes have 16 keys: 3 levels for 4,624 steps.
#[derive(Debug, Default)]
pub(crate) struct Steps {
    nodes: Vec<Node>,
    values: Vec<u32>,
    /// What stretches of one word lead to.
    deeper: Vec<Axis>,
}

/// One function of [`Steps`].
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Axis {
    /// Where its nodes begin: level by level from the root, all levels but the last in full.
    nodes: u32,
    /// Where its values begin: one more than there are keys.
    values: u32,
    levels: u32,
}

impl Steps {
    /// Adds a function by its steps: where each begins, and its value below 2^31. The first begins at 0, and each after the
    /// one before it.
    pub(crate) fn add(&mut self, steps: &[(u32, u32)]) -> Axis {
        let (nodes, values) = (self.nodes.len() as u32, self.values.len() as u32);
        self.values.extend(steps.iter().map(|(_, value)| *value));
        // A number is on a later step if it lies above the end of the step before. No number lies above the greatest, which
        // is what fills nodes up.
        let keys: Vec<i32> = steps.iter().skip(1).map(|(start, _)| ordered(start - 1)).collect();
        let leaves = keys.len().div_ceil(KEYS);
        let mut levels = 0;
        let mut room = 0;
        while room < leaves {
            levels += 1;
            room = WAYS.pow(levels - 1);
        }
        for level in 0..levels {
            let last = level + 1 == levels;
            // Leaves below each way down, and what separates the ways: the least key that is below the right one.
            let below = WAYS.pow((levels - level).saturating_sub(2));
            for at in 0..if last { leaves } else { WAYS.pow(level) } {
                let mut node = Node::EMPTY;
                for (way, slot) in node.0.iter_mut().enumerate() {
                    let key = if last { at * KEYS + way } else { (at * WAYS + way + 1) * below * KEYS };
                    *slot = keys.get(key).copied().unwrap_or(i32::MAX);
                }
                self.nodes.push(node);
            }
        }
        Axis { nodes, values, levels }
    }

    /// Adds a function of numbers of 128 bits, likewise.
    pub(crate) fn add_wide(&mut self, steps: &[(u128, u32)]) -> Axis {
        self.add_words(steps, 96)
    }

    /// `steps` are the same in all bits above the word that `shift` leads to.
    fn add_words(&mut self, steps: &[(u128, u32)], shift: u32) -> Axis {
        let word = |start: u128| (start >> shift) as u32;
        let rest = |start: u128| start & ((1 << shift) - 1);
        let mut narrow: Vec<(u32, u32)> = Vec::new();
        let mut before = 0;
        for group in steps.chunk_by(|a, b| word(a.0) == word(b.0)) {
            let [(first, value), ..] = *group else { continue };
            let (_, after) = group[group.len() - 1];
            if group.len() == 1 && rest(first) == 0 {
                step(&mut narrow, word(first), value);
            } else {
                let mut inner: Vec<_> = group.iter().map(|(start, value)| (rest(*start), *value)).collect();
                if rest(first) > 0 {
                    inner.insert(0, (0, before));
                }
                let axis = self.add_words(&inner, shift - 32);
                step(&mut narrow, word(first), DEEPER | self.deeper.len() as u32);
                self.deeper.push(axis);
                if let Some(next) = word(first).checked_add(1) {
                    step(&mut narrow, next, after);
                }
            }
            before = after;
        }
        self.add(&narrow)
    }

    /// The value at `number`.
    #[inline]
    pub(crate) fn find(&self, axis: Axis, number: u32) -> u32 {
        let number = ordered(number);
        let (mut level, mut width, mut at, mut rank) = (axis.nodes as usize, 1, 0, 0);
        for _ in 0..axis.levels {
            let below = self.nodes[level + at].below(number);
            rank = at * KEYS + below;
            at = at * WAYS + below;
            level += width;
            width *= WAYS;
        }
        self.values[axis.values as usize + rank]
    }

    /// The value at a number of 128 bits.
    #[inline]
    pub(crate) fn find_wide(&self, axis: Axis, number: u128) -> u32 {
        let mut axis = axis;
        for shift in [96, 64, 32, 0] {
            let value = self.find(axis, (number >> shift) as u32);
            if value & DEEPER == 0 {
                return value;
            }
            axis = self.deeper[(value ^ DEEPER) as usize];
        }
        unreachable!("the last word leads nowhere")
    }
}

/// Goes on with a value from `start`, which is not before the last start.
pub(super) fn step<N: PartialEq>(steps: &mut Vec<(N, u32)>, start: N, value: u32) {
    if steps.last().is_some_and(|(last, _)| *last == start) {
        steps.pop();
    }
    if steps.last().is_none_or(|(_, last)| *last != value) {
        steps.push((start, value));
    }
}

/// The same order among signed numbers: processors compare many of those at once.
#[inline]
fn ordered(number: u32) -> i32 {
    (number ^ (1 << 31)) as i32
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// By the book: the last step that begins at or before a number.
    fn plain<N: Copy + Ord>(steps: &[(N, u32)], number: N) -> u32 {
        steps.iter().rev().find(|(start, _)| *start <= number).unwrap().1
    }

    #[test]
    fn every_number_of_levels_finds_every_bound() {
        let mut all = Steps::default();
        for count in [1, 2, 16, 17, 18, 272, 273, 274, 300, 4624, 4625, 4700, 20_000] {
            // Up to both ends of the axis.
            let start = |at: u64| (at * u64::from(u32::MAX) / (count - 1).max(1)) as u32;
            let steps: Vec<(u32, u32)> = (0..count).map(|at| (start(at), at as u32 * 7)).collect();
            let axis = all.add(&steps);
            for (at, (start, value)) in steps.iter().enumerate() {
                assert_eq!(all.find(axis, *start), *value, "{count}");
                if let Some(before) = start.checked_sub(1) {
                    assert_eq!(all.find(axis, before), steps[at - 1].1, "{count}");
                }
            }
            assert_eq!(all.find(axis, u32::MAX), steps[steps.len() - 1].1, "{count}");
        }
    }

    /// Numbers that share words with each other, up to the ends of every word.
    fn wide() -> impl Strategy<Value = u128> {
        let word = prop_oneof![Just(0u32), Just(1), Just(7), Just(u32::MAX - 1), Just(u32::MAX), any::<u32>()];
        [word.clone(), word.clone(), word.clone(), word]
            .prop_map(|words| words.into_iter().fold(0, |number, word| number << 32 | u128::from(word)))
    }

    proptest! {
        #[test]
        fn words_are_searched_one_by_one(starts in proptest::collection::btree_set(wide(), 0..80), values: [u8; 8]) {
            let mut steps = vec![(0, 3)];
            let value = |at: usize| u32::from(values[at % values.len()]);
            steps.extend(starts.iter().filter(|start| **start > 0).enumerate().map(|(at, start)| (*start, value(at))));
            let mut all = Steps::default();
            let axis = all.add_wide(&steps);
            for (start, _) in &steps {
                for near in [start.wrapping_sub(1), *start, start.wrapping_add(1)] {
                    prop_assert_eq!(all.find_wide(axis, near), plain(&steps, near), "{:x}", near);
                }
                for other in [start ^ 1 << 32, start ^ 1 << 64, start ^ 1 << 96, start | 0xffff_ffff] {
                    prop_assert_eq!(all.find_wide(axis, other), plain(&steps, other), "{:x}", other);
                }
            }
        }
    }
}
