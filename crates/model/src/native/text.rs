//! Small texts of the file: blocks, ports, protocols, ICMP types.

use crate::{Id, Kind, PortRange, Protocol};

use super::file::TextOrNumber;

/// Reads `443`, `1024-65535`, `all` or a number.
pub(crate) fn ports(text: &TextOrNumber) -> Result<PortRange, String> {
    let wrong = || format!("`{text}` is no port or range of ports: write 443, \"1024-65535\" or \"all\"");
    let text = text.to_string();
    if text == "all" {
        return Ok(PortRange::ALL);
    }
    let (from, to) = text.split_once('-').unwrap_or((&text, &text));
    let parse = |text: &str| text.trim().parse::<u16>().map_err(|_| wrong());
    let range = PortRange { from: parse(from)?, to: parse(to)? };
    if range.from > range.to {
        return Err(format!("`{text}` ends before it begins: write \"{}-{}\"", range.to, range.from));
    }
    Ok(range)
}

/// ICMP types by the names that IANA and the usual tools give them.
const ICMP_TYPES: [(&str, u8); 13] = [
    ("echo-reply", 0),
    ("destination-unreachable", 3),
    ("source-quench", 4),
    ("redirect", 5),
    ("echo-request", 8),
    ("router-advertisement", 9),
    ("router-solicitation", 10),
    ("time-exceeded", 11),
    ("parameter-problem", 12),
    ("timestamp-request", 13),
    ("timestamp-reply", 14),
    ("address-mask-request", 17),
    ("address-mask-reply", 18),
];

/// Likewise ICMPv6.
const ICMPV6_TYPES: [(&str, u8); 11] = [
    ("destination-unreachable", 1),
    ("packet-too-big", 2),
    ("time-exceeded", 3),
    ("parameter-problem", 4),
    ("echo-request", 128),
    ("echo-reply", 129),
    ("router-solicitation", 133),
    ("router-advertisement", 134),
    ("neighbour-solicitation", 135),
    ("neighbour-advertisement", 136),
    ("redirect", 137),
];

/// Reads an ICMP type: a number, or a name; `None` is any.
pub(crate) fn icmp_type(protocol: Protocol, text: &TextOrNumber) -> Result<Option<u8>, String> {
    let text = text.to_string();
    if text == "all" || text == "-1" {
        return Ok(None);
    }
    if let Ok(number) = text.parse() {
        return Ok(Some(number));
    }
    let names: &[(&str, u8)] = if protocol == Protocol::ICMPV6 { &ICMPV6_TYPES } else { &ICMP_TYPES };
    let found = names.iter().find(|(name, _)| *name == text);
    found.map(|(_, number)| Some(*number)).ok_or_else(|| {
        let known: Vec<_> = names.iter().map(|(name, _)| *name).collect();
        format!("`{text}` is no {protocol} type: write a number, or one of {}", known.join(", "))
    })
}

/// The name of an ICMP type.
pub(crate) fn icmp_name(protocol: Protocol, kind: u8) -> Option<&'static str> {
    let names: &[(&str, u8)] = if protocol == Protocol::ICMPV6 { &ICMPV6_TYPES } else { &ICMP_TYPES };
    names.iter().find(|(_, number)| *number == kind).map(|(name, _)| *name)
}

/// How many names are listed: as many as an eye finds one in. The rest of thousands are a number.
const LISTED: usize = 20;

/// `a, b, c`, or `none`; of many `a, b, c and 97 more`.
pub fn listed(known: impl IntoIterator<Item = impl ToString>) -> String {
    let mut known = known.into_iter();
    let shown: Vec<_> = known.by_ref().take(LISTED).map(|name| name.to_string()).collect();
    match known.count() {
        _ if shown.is_empty() => "none".to_owned(),
        0 => shown.join(", "),
        more => format!("{} and {more} more", shown.join(", ")),
    }
}

/// The known name that is nearest to a misspelt one, if it is near at all.
pub fn nearest<'a>(name: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let distances = known.into_iter().map(|other| (distance(name, other), other));
    // More than a third of the letters wrong is another word.
    distances.filter(|(distance, other)| *distance * 3 <= other.len()).min().map(|(_, other)| other)
}

/// What to do about a name of which there is nothing: the nearest known one, or all of them.
pub(crate) fn help_for_unknown<'a>(kind: Kind, id: &Id, known: impl Iterator<Item = &'a Id> + Clone) -> String {
    // The prefix, which all have in common, would make short names near to each other.
    let short = |id: &'a Id| id.as_str().strip_prefix(kind.prefix()).unwrap_or(id.as_str());
    let name = id.as_str().strip_prefix(kind.prefix()).unwrap_or(id.as_str());
    match nearest(name, known.clone().map(short)) {
        Some(nearest) => format!("did you mean `{nearest}`?"),
        None => format!("there is {}", listed(known)),
    }
}

/// Levenshtein distance.
fn distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, from) in a.chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, to) in b.iter().enumerate() {
            let replaced = diagonal + usize::from(from != *to);
            diagonal = row[j + 1];
            row[j + 1] = replaced.min(diagonal + 1).min(row[j] + 1);
        }
    }
    row[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(text: &str) -> TextOrNumber {
        TextOrNumber::Text(text.to_owned())
    }

    #[test]
    fn ports_are_one_a_range_or_all() {
        assert_eq!(ports(&TextOrNumber::Number(443)), Ok(PortRange { from: 443, to: 443 }));
        assert_eq!(ports(&text("1024-65535")), Ok(PortRange { from: 1024, to: 65535 }));
        assert_eq!(ports(&text("all")), Ok(PortRange::ALL));
        assert!(ports(&text("https")).is_err());
        assert!(ports(&text("65535-1024")).is_err());
        assert!(ports(&TextOrNumber::Number(70_000)).is_err());
    }

    #[test]
    fn types_have_names() {
        assert_eq!(icmp_type(Protocol::ICMP, &text("echo-request")), Ok(Some(8)));
        assert_eq!(icmp_type(Protocol::ICMPV6, &text("echo-request")), Ok(Some(128)));
        assert_eq!(icmp_type(Protocol::ICMPV6, &TextOrNumber::Number(-1)), Ok(None));
        assert!(icmp_type(Protocol::ICMP, &text("packet-too-big")).is_err());
    }

    #[test]
    fn of_many_names_some_are_listed() {
        assert_eq!(listed([0; 0]), "none");
        assert_eq!(listed([1, 2]), "1, 2");
        assert_eq!(listed(1..=20), "1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20");
        assert!(listed(1..=1000).ends_with(", 19, 20 and 980 more"));
    }

    #[test]
    fn a_misspelt_name_has_a_nearest_one() {
        assert_eq!(nearest("priavte", ["public", "private"]), Some("private"));
        assert_eq!(nearest("database", ["public", "private"]), None);
    }
}
