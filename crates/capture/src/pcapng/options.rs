use std::ops::Range;

use crate::byte_order::ByteOrder;

/// Bytes of an option's code and length.
const HEAD: usize = 4;

/// The options of a block: codes, and where their values are in the block. Ends before the first that is cut off: what
/// an option says is not worth losing a packet for.
pub(crate) struct Options<'a> {
    order: ByteOrder,
    block: &'a [u8],
    at: usize,
    end: usize,
}

impl<'a> Options<'a> {
    pub(crate) fn new(order: ByteOrder, block: &'a [u8], range: Range<usize>) -> Self {
        Self { order, block, at: range.start, end: range.end.min(block.len()) }
    }
}

impl Iterator for Options<'_> {
    type Item = (u16, Range<usize>);

    fn next(&mut self) -> Option<Self::Item> {
        let value = self.at + HEAD;
        if value > self.end {
            return None;
        }
        let (code, length) =
            (self.order.u16(self.block, self.at), usize::from(self.order.u16(self.block, self.at + 2)));
        // Code 0 ends the list.
        if code == 0 || value + length > self.end {
            return None;
        }
        self.at = value + length.next_multiple_of(4);
        Some((code, value..value + length))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn options(bytes: &[u8]) -> Vec<(u16, Range<usize>)> {
        Options::new(ByteOrder::Little, bytes, 0..bytes.len()).collect()
    }

    #[test]
    fn values_are_padded_and_the_list_ends() {
        let bytes = [2, 0, 3, 0, b'a', b'b', b'c', 0, 9, 0, 0, 0, 0, 0, 0, 0, 7, 0, 0, 0];
        assert_eq!(options(&bytes), [(2, 4..7), (9, 12..12)]);
    }

    #[test]
    fn what_is_cut_off_is_left_out() {
        assert_eq!(options(&[1, 0, 1, 0, b'x', 0, 0, 0, 1, 0, 9, 0, b'y']), [(1, 4..5)]);
        assert_eq!(options(&[1, 0, 1, 0, b'x']), [(1, 4..5)]);
        assert_eq!(options(&[1, 0, 1]), []);
        assert_eq!(options(&[]), []);
    }
}
