//! Many short lists of numbers, in one piece of memory.

use crate::growth::push;

/// Lists whose items are handed out in no particular order.
#[derive(Debug, Default)]
pub(super) struct Lists {
    chunks: Vec<Chunk>,
    free: List,
}

/// One of them: its first chunk.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct List(u32);

impl Default for List {
    fn default() -> Self {
        Self::EMPTY
    }
}

/// As many items as make four chunks a cache line: most lists are shorter than that, or much longer.
const ITEMS: usize = 3;

/// How many items it is worth looking ahead: entries that are looked at while two are made.
const FEW: usize = 4;

/// No item, no chunk.
const NONE: u32 = u32::MAX;

#[derive(Clone, Copy, Debug)]
struct Chunk {
    /// Those that are none come last.
    items: [u32; ITEMS],
    next: List,
}

impl List {
    pub(super) const EMPTY: Self = Self(NONE);

    pub(super) fn is_empty(self) -> bool {
        self == Self::EMPTY
    }
}

impl Lists {
    /// Puts an item into a list. It is not the greatest number there is.
    #[inline]
    pub(super) fn push(&mut self, list: &mut List, item: u32) {
        if let Some(chunk) = self.chunks.get_mut(list.0 as usize)
            && let Some(place) = chunk.items.iter_mut().find(|place| **place == NONE)
        {
            *place = item;
            return;
        }
        let chunk = Chunk { items: [item, NONE, NONE], next: *list };
        *list = match self.chunks.get_mut(self.free.0 as usize) {
            Some(free) => {
                let next = free.next;
                *free = chunk;
                std::mem::replace(&mut self.free, next)
            }
            None => {
                push(&mut self.chunks, chunk);
                List(u32::try_from(self.chunks.len() - 1).unwrap_or(NONE))
            }
        };
    }

    /// Takes an item out of a list.
    #[inline]
    pub(super) fn pop(&mut self, list: &mut List) -> Option<u32> {
        let first = *list;
        let chunk = self.chunks.get_mut(first.0 as usize)?;
        let place = chunk.items.iter_mut().rev().find(|place| **place != NONE)?;
        let item = std::mem::replace(place, NONE);
        if chunk.items[0] == NONE {
            *list = std::mem::replace(&mut chunk.next, self.free);
            self.free = first;
        }
        Some(item)
    }

    /// The items of a list that will be taken out next: a few.
    #[inline]
    pub(super) fn first(&self, list: List) -> impl Iterator<Item = u32> + use<> {
        let chunk = |list: List| {
            let empty = Chunk { items: [NONE; ITEMS], next: List::EMPTY };
            self.chunks.get(list.0 as usize).copied().unwrap_or(empty)
        };
        let first = chunk(list);
        let items = first.items.into_iter().rev().chain(chunk(first.next).items.into_iter().rev());
        items.filter(|item| *item != NONE).take(FEW)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn items_come_out_of_the_list_they_were_put_into() {
        let mut lists = Lists::default();
        let mut heads = [List::EMPTY; 5];
        for round in 0..3 {
            for item in 0..500 {
                lists.push(&mut heads[item as usize % 5], item);
            }
            let mut taken = Vec::new();
            for (number, head) in heads.iter_mut().enumerate() {
                let first: Vec<_> = lists.first(*head).collect();
                let items: Vec<_> = std::iter::from_fn(|| lists.pop(head)).collect();
                assert_eq!(first, items[..FEW]);
                assert!(head.is_empty() && items.iter().all(|item| *item as usize % 5 == number));
                taken.extend(items);
            }
            taken.sort_unstable();
            assert_eq!(taken, (0..500).collect::<Vec<_>>(), "round {round}");
        }
        assert!(lists.chunks.len() <= 500 / ITEMS + 5, "what is free is taken first");
    }
}
