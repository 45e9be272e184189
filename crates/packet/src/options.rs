//! The options behind an IPv4 or TCP header, which have one format (RFC 791 3.1, RFC 9293 3.1).

/// Walks options: each with its place, from its kind to its last byte. Ends at the end-of-options kind, at an option with
/// a length of 0 or 1, and at one that runs past the end.
pub(crate) fn walk(options: &[u8]) -> impl Iterator<Item = (usize, &[u8])> {
    let mut at = 0;
    std::iter::from_fn(move || {
        let len = match *options.get(at..)? {
            [END, ..] => return None,
            [NO_OPERATION, ..] => 1,
            [_, len, ..] if len >= 2 => usize::from(len),
            _ => return None,
        };
        let option = options.get(at..at + len)?;
        let place = at;
        at += len;
        Some((place, option))
    })
}

/// The source routes among them, loose or strict (RFC 791 3.1), each with its place.
pub(crate) fn source_routes(options: &[u8]) -> impl Iterator<Item = (usize, &[u8])> {
    walk(options).filter(|(_, option)| matches!(option[0], LOOSE_SOURCE_ROUTE | STRICT_SOURCE_ROUTE))
}

const END: u8 = 0;
const NO_OPERATION: u8 = 1;
/// Option kinds with the copied flag, so that every fragment has them.
const LOOSE_SOURCE_ROUTE: u8 = 131;
const STRICT_SOURCE_ROUTE: u8 = 137;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_walk_ends_where_nobody_knows_how_it_goes_on() {
        let kinds =
            |options: &[u8]| walk(options).map(|(at, option)| (at, option[0], option.len())).collect::<Vec<_>>();
        assert_eq!(kinds(&[1, 2, 4, 5, 6, 8, 2, 0, 9, 2]), [(0, 1, 1), (1, 2, 4), (5, 8, 2)]);
        for rest in [&[9][..], &[9, 0], &[9, 1, 7, 2], &[9, 3], &[9, 255, 0, 0], &[]] {
            assert_eq!(kinds(&[&[7, 2], rest].concat()), [(0, 7, 2)]);
        }
    }
}
