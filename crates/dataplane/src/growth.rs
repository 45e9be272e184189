//! How tables grow that may be all that there is.

/// Appends. A vector that is full grows by a quarter, not to twice its size: a table of millions is mostly its memory.
#[inline]
pub(crate) fn push<T>(items: &mut Vec<T>, item: T) {
    if items.len() == items.capacity() {
        items.reserve_exact((items.len() / 4).max(SMALLEST));
    }
    items.push(item);
}

/// Items of the smallest table that is not empty.
const SMALLEST: usize = 4;
