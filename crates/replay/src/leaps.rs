//! Which time stamps of a window are too far ahead to be believed: those that most of what comes after them takes back.
//!
//! One packet that is stamped too early does not take back all that came before it, and one that is stamped too late is taken back
//! by all that come after.

/// A forward jump of the clock that the same window takes back is an outlier only from this size on: the shortest timer
/// of the engine, so that smaller ones cannot make anything expire. In nanoseconds.
pub(crate) const OUTLIER: u64 = 10_000_000_000;

/// The time stamps of a window, asked about in their order.
pub(crate) struct Leaps {
    times: Vec<u64>,
    /// The least from each on; of none, the most there can be.
    least: Vec<u64>,
    rest: Option<Rest>,
}

impl Leaps {
    /// Of time stamps in nanoseconds, in the order of the packets.
    pub(crate) fn of(times: Vec<u64>) -> Self {
        let mut least = vec![u64::MAX; times.len() + 1];
        for index in (0..times.len()).rev() {
            least[index] = least[index + 1].min(times[index]);
        }
        Self { times, least, rest: None }
    }

    /// The first one that is believed.
    pub(crate) fn first(&mut self) -> Option<u64> {
        let first = (0..self.times.len()).find(|index| !self.is_taken_back(*index));
        self.rest = None;
        first.map(|index| self.times[index])
    }

    /// Whether most of those that come later are so much earlier. Must be asked with rising numbers; where few are below, it
    /// costs nothing.
    pub(crate) fn is_taken_back(&mut self, index: usize) -> bool {
        let before = self.times[index].saturating_sub(OUTLIER);
        if self.least[index + 1] >= before {
            return false;
        }
        let rest = self.rest.get_or_insert_with(|| Rest::of(&self.times[index..], index));
        while rest.next <= index {
            rest.remove(self.times[rest.next]);
        }
        2 * rest.below(before) > self.times.len() - rest.next
    }
}

/// The time stamps from one on, to be counted: a binary indexed tree over their order.
struct Rest {
    next: usize,
    sorted: Vec<u64>,
    tree: Vec<u32>,
}

impl Rest {
    fn of(times: &[u64], next: usize) -> Self {
        let mut sorted = times.to_vec();
        sorted.sort_unstable();
        // A node counts as many as its lowest bit says, itself the last.
        let tree = (0..=sorted.len() as u32).map(|node| node & node.wrapping_neg()).collect();
        Self { next, sorted, tree }
    }

    /// The next one is not among them any more.
    fn remove(&mut self, time: u64) {
        self.next += 1;
        // Equal ones are as good as each other, as long as all of them are left out of what is below.
        let mut node = self.sorted.partition_point(|other| *other < time) + 1;
        while node < self.tree.len() {
            self.tree[node] = self.tree[node].wrapping_sub(1);
            node += node & node.wrapping_neg();
        }
    }

    /// How many are below a time.
    fn below(&self, time: u64) -> usize {
        let mut node = self.sorted.partition_point(|other| *other < time);
        let mut count = 0u32;
        while node > 0 {
            // Of equal ones the first stands for all that are gone: alone it may count less than nothing.
            count = count.wrapping_add(self.tree[node]);
            node &= node - 1;
        }
        count as usize
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const SECOND: u64 = 1_000_000_000;

    fn taken_back(seconds: &[u64]) -> Vec<usize> {
        let mut leaps = Leaps::of(seconds.iter().map(|second| second * SECOND).collect());
        (0..seconds.len()).filter(|index| leaps.is_taken_back(*index)).collect()
    }

    #[test]
    fn most_of_what_follows_decides() {
        assert_eq!(taken_back(&[100, 9000, 101, 102]), [1]);
        assert_eq!(taken_back(&[100, 9000, 9001, 9002, 101, 102, 103, 104]), [1, 2, 3]);
        // One packet is late, and all others are right.
        assert_eq!(taken_back(&[9000, 9001, 100, 9002]), [] as [usize; 0]);
        // An hour of silence, and a packet from before it.
        assert_eq!(taken_back(&[100, 101, 102, 9000, 101, 9001, 9002]), [] as [usize; 0]);
        assert_eq!(taken_back(&[100, 110, 100]), [] as [usize; 0], "not by so little");
        assert_eq!(taken_back(&[100, 111, 100]), [1]);
    }

    #[test]
    fn the_first_one_that_is_believed_may_be_behind_others() {
        assert_eq!(Leaps::of(vec![9000 * SECOND, 100 * SECOND, 101 * SECOND]).first(), Some(100 * SECOND));
        assert_eq!(Leaps::of(vec![9000 * SECOND, 100 * SECOND, 9001 * SECOND]).first(), Some(9000 * SECOND));
        assert_eq!(Leaps::of(Vec::new()).first(), None);
    }

    proptest! {
        #[test]
        fn counting_is_that_of_a_walk_over_the_rest(seconds in proptest::collection::vec(0u64..60, 0..60)) {
            let by_hand = |index: &usize| {
                let rest = &seconds[index + 1..];
                let below = rest.iter().filter(|later| **later + 10 < seconds[*index]).count();
                2 * below > rest.len()
            };
            let expected: Vec<_> = (0..seconds.len()).filter(by_hand).collect();
            prop_assert_eq!(taken_back(&seconds), expected);
        }
    }
}
