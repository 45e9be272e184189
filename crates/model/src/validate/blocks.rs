//! What is asked of a block alone, and which of several blocks overlap.

use ipnet::IpNet;

use crate::Origin;
use crate::finding::{Finding, Severity};

/// A finding when a block has bits set behind its prefix; `severity` says whether AWS is known to mend it (1.2).
pub(super) fn host_bits(severity: Severity, owner: &str, block: IpNet, origin: &Origin) -> Option<Finding> {
    let truncated = block.trunc();
    (truncated != block).then(|| {
        let text = format!("{owner} has the block {block}, whose address has bits set behind the prefix");
        Finding::new(severity, "host-bits", origin, text).help(format!("write {truncated}"))
    })
}

/// Pairs of positions of overlapping blocks, the later position first, sorted. Of several blocks around one, only the
/// smallest is paired with it: the number of pairs stays below the number of blocks.
pub(super) fn overlaps(blocks: &[IpNet]) -> Vec<(usize, usize)> {
    let mut sorted: Vec<_> = blocks.iter().map(|block| block.trunc()).enumerate().collect();
    // Two blocks are disjoint or one holds the other, so a block comes right behind those that hold it.
    sorted.sort_by_key(|(position, block)| (block.network(), block.prefix_len(), *position));
    let mut pairs = Vec::new();
    let mut open: Vec<(usize, IpNet)> = Vec::new();
    for (position, block) in sorted {
        while open.pop_if(|(_, around)| !around.contains(&block)).is_some() {}
        if let Some(&(around, _)) = open.last() {
            pairs.push((position.max(around), position.min(around)));
        }
        open.push((position, block));
    }
    pairs.sort_unstable();
    pairs
}

/// Whether two blocks share an address.
pub(super) fn overlap(one: IpNet, other: IpNet) -> bool {
    one.contains(&other.network()) || other.contains(&one.network())
}

/// `IPv4` or `IPv6`, for texts.
pub(super) fn family(block: IpNet) -> &'static str {
    if is_v4(block) { "IPv4" } else { "IPv6" }
}

/// Whether a block is of IPv4.
pub(super) fn is_v4(block: IpNet) -> bool {
    matches!(block, IpNet::V4(_))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::validate::sample::net;

    #[test]
    fn host_bits_are_shown_truncated() {
        let finding = host_bits(Severity::Error, "vpc-1", net("100.68.0.18/18"), &Origin::implicit()).unwrap();
        assert_eq!(finding.help.as_deref(), Some("write 100.68.0.0/18"));
        assert_eq!(host_bits(Severity::Error, "vpc-1", net("100.68.0.0/18"), &Origin::implicit()), None);
    }

    #[test]
    fn the_nearest_block_around_is_named() {
        let blocks = ["10.0.1.0/24", "10.0.0.0/8", "10.0.0.0/16", "::/0", "11.0.0.0/8"].map(net);
        assert_eq!(overlaps(&blocks), [(2, 0), (2, 1)]);
        assert_eq!(overlaps(&["10.0.0.0/24", "10.0.0.0/24"].map(net)), [(1, 0)]);
    }

    proptest! {
        #[test]
        fn a_pair_is_found_exactly_when_two_blocks_overlap(
            blocks in prop::collection::vec((0_u8..8, 24_u8..=28), 0..6)
        ) {
            let blocks: Vec<_> =
                blocks.into_iter().map(|(last, len)| net(&format!("10.0.0.{}/{len}", last * 16))).collect();
            let pairs = overlaps(&blocks);
            for &(later, earlier) in &pairs {
                prop_assert!(earlier < later && overlap(blocks[later].trunc(), blocks[earlier].trunc()));
            }
            let any = (0..blocks.len()).any(|at| (0..at).any(|it| overlap(blocks[at].trunc(), blocks[it].trunc())));
            prop_assert_eq!(any, !pairs.is_empty());
        }
    }
}
